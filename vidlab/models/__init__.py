"""Frames in, instances or class probabilities out."""

from vidlab.models.device import describe_device, resolve_device
from vidlab.models.protocol import Segmenter, StagedSegmenter
from vidlab.models.registry import MODELS, ModelSpec, create, create_for_timing, has_weights

__all__ = [
    "MODELS",
    "ModelSpec",
    "Segmenter",
    "StagedSegmenter",
    "create",
    "create_for_timing",
    "describe_device",
    "has_weights",
    "resolve_device",
]
