"""Clocks that cannot lie about a device, and what they say about a pipeline."""

from vidlab.profiling.timeline import Span, Timeline

__all__ = ["Span", "Timeline"]
