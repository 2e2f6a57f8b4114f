"""The main job as functions: read → drive → write aside → rename. Every face calls these."""

from vidlab.jobs.drive import drive
from vidlab.jobs.evaluate import EvaluateResult, evaluate
from vidlab.jobs.reading import MaskFile, Network
from vidlab.jobs.segment import SegmentResult, segment
from vidlab.jobs.stabilize import StabilizeResult, stabilize

__all__ = [
    "EvaluateResult",
    "MaskFile",
    "Network",
    "SegmentResult",
    "StabilizeResult",
    "drive",
    "evaluate",
    "segment",
    "stabilize",
]
