"""Frames in, instances or class probabilities out."""

from vidlab.models.device import resolve_device
from vidlab.models.protocol import Segmenter
from vidlab.models.registry import MODELS, ModelSpec, create

__all__ = ["MODELS", "ModelSpec", "Segmenter", "create", "resolve_device"]
