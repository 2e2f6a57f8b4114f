"""Decode, preprocess, infer: who does it, on which device, and when."""

from vidlab.pipeline.schedules import Gather, Scatter, Stage, Step, overlapped, sequential

__all__ = ["Gather", "Scatter", "Stage", "Step", "overlapped", "sequential"]
