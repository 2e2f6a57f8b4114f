"""The main job as functions: read → drive → write aside → rename. Every face calls these."""

from vidlab.jobs.drive import drive
from vidlab.jobs.evaluate import EvaluateResult, evaluate
from vidlab.jobs.evaluate_clips import evaluate_clips
from vidlab.jobs.labels import evaluate_labels
from vidlab.jobs.overlays import overlay
from vidlab.jobs.reading import MaskFile, MasksFrom, Network
from vidlab.jobs.segment import SegmentResult, segment
from vidlab.jobs.selecting import Selection
from vidlab.jobs.stabilize import StabilizeResult, stabilize
from vidlab.jobs.tracking import TrackResult, TrackRules, track

__all__ = [
    "EvaluateResult",
    "MaskFile",
    "MasksFrom",
    "Network",
    "SegmentResult",
    "Selection",
    "StabilizeResult",
    "TrackResult",
    "TrackRules",
    "drive",
    "evaluate",
    "evaluate_clips",
    "evaluate_labels",
    "overlay",
    "segment",
    "stabilize",
    "track",
]
