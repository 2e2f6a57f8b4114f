"""Frames in, instances or class probabilities out."""

from vidlab.models.device import describe_device, resolve_device
from vidlab.models.own_function import from_callable
from vidlab.models.protocol import Segmenter, StagedSegmenter
from vidlab.models.registry import (
    MODELS,
    ModelSpec,
    create,
    create_for_timing,
    find_spec,
    has_weights,
    resolve_device_of,
)
from vidlab.models.request import NetworkRequest

__all__ = [
    "MODELS",
    "ModelSpec",
    "NetworkRequest",
    "Segmenter",
    "StagedSegmenter",
    "create",
    "create_for_timing",
    "describe_device",
    "find_spec",
    "from_callable",
    "has_weights",
    "resolve_device",
    "resolve_device_of",
]
