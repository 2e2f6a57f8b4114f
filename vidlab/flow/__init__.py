"""Two frames in, one displacement field out; and how to carry arrays along it."""

from vidlab.flow.consistency import inconsistent
from vidlab.flow.dis import DisFlow, to_gray
from vidlab.flow.motion import Motion, MotionEstimator
from vidlab.flow.warp import resize_flow, sampling_map, warp

__all__ = [
    "DisFlow",
    "Motion",
    "MotionEstimator",
    "inconsistent",
    "resize_flow",
    "sampling_map",
    "to_gray",
    "warp",
]
