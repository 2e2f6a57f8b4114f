"""Instances of this frame, given identities over time."""

from vidlab.tracking.tracker import Tracker

__all__ = ["Tracker"]
