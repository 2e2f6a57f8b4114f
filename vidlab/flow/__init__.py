"""Two frames in, one displacement field out; and how to carry arrays along it."""

from vidlab.flow.consistency import occluded
from vidlab.flow.dis import DisFlow
from vidlab.flow.estimator import FlowEstimator, to_gray
from vidlab.flow.farneback import FarnebackFlow
from vidlab.flow.motion import Motion, MotionEstimator
from vidlab.flow.registry import FLOWS, FlowSpec, create_flow, flow_of
from vidlab.flow.remembered import FlowMemory, RememberedFlow
from vidlab.flow.warp import nearest, resize_flow, resize_map, warp

__all__ = [
    "FLOWS",
    "DisFlow",
    "FarnebackFlow",
    "FlowEstimator",
    "FlowMemory",
    "FlowSpec",
    "Motion",
    "MotionEstimator",
    "RememberedFlow",
    "create_flow",
    "flow_of",
    "nearest",
    "occluded",
    "resize_flow",
    "resize_map",
    "to_gray",
    "warp",
]
