"""Parameters that fit a user's clips: searched for, and judged on what they were not chosen by."""

from vidlab.tuning.tune import Tuned, tune

__all__ = ["Tuned", "tune"]
