"""Clocks that cannot lie about a device, and what they say about a pipeline."""

from vidlab.profiling.clock import Timing, TwoClocks, in_ms, measure, measure_both_ways, synchronizer
from vidlab.profiling.cores import StageMeter, available_cores
from vidlab.profiling.events import EventSpans, cuda_spans
from vidlab.profiling.next_steps import Change, Effect, Suggestion, standard_changes, suggest
from vidlab.profiling.overlap import StageCost, overlapped_s, sequential_s
from vidlab.profiling.report import SpeedReport, elapsed_s, stage_timings
from vidlab.profiling.thread_device import ThreadDevice
from vidlab.profiling.timeline import Span, Timeline
from vidlab.profiling.trace import OPERATOR_HEADER, Operator, Trace, named_range, record_trace
from vidlab.profiling.verdict import Limit, Verdict, judge, limits

__all__ = [
    "OPERATOR_HEADER",
    "Change",
    "Effect",
    "EventSpans",
    "Limit",
    "Operator",
    "Span",
    "SpeedReport",
    "StageCost",
    "StageMeter",
    "Suggestion",
    "ThreadDevice",
    "Timeline",
    "Timing",
    "Trace",
    "TwoClocks",
    "Verdict",
    "available_cores",
    "cuda_spans",
    "elapsed_s",
    "in_ms",
    "judge",
    "limits",
    "measure",
    "measure_both_ways",
    "named_range",
    "overlapped_s",
    "record_trace",
    "sequential_s",
    "stage_timings",
    "standard_changes",
    "suggest",
    "synchronizer",
]
