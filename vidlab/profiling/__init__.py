"""Clocks that cannot lie about a device, and what they say about a pipeline."""

from vidlab.profiling.clock import Timing, TwoClocks, in_ms, measure, measure_both_ways, synchronizer
from vidlab.profiling.events import EventSpans, cuda_spans
from vidlab.profiling.report import SpeedReport, elapsed_s, stage_timings
from vidlab.profiling.timeline import Span, Timeline

__all__ = [
    "EventSpans",
    "Span",
    "SpeedReport",
    "Timeline",
    "Timing",
    "TwoClocks",
    "cuda_spans",
    "elapsed_s",
    "in_ms",
    "measure",
    "measure_both_ways",
    "stage_timings",
    "synchronizer",
]
