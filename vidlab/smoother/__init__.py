"""Stable masks for a loop of one's own: frames and masks go in as plain arrays, stable masks come out.

Composes what lies below, the stabilizers of `temporal` and the identities of `tracking`, and opens no file.
"""

from vidlab.smoother.instances import InstanceSmoother, StableInstances
from vidlab.smoother.masks import MaskSmoother, StableMasks

__all__ = ["InstanceSmoother", "MaskSmoother", "StableInstances", "StableMasks"]
