"""Identities against the truth of a file, frame by frame."""

import math
from dataclasses import asdict
from pathlib import Path

from vidlab.errors import MaskError
from vidlab.jobs.tracking_files import open_identity_truth
from vidlab.metrics.tracking import TrackingMetrics, TrackingScore
from vidlab.params import TrackingJudgeParams
from vidlab.tracking import ids_of
from vidlab.types import Instances, VideoInfo


class IdentityJudge:
    """Compares identities with the truth, frame by frame."""

    def __init__(self, truth: Path, *, info: VideoInfo, params: TrackingJudgeParams) -> None:
        """Open the truth of a video.

        Raises:
            MaskError: It cannot be used.
        """
        self._path, self._truth = truth, open_identity_truth(truth, size_hw=info.size_hw)
        self._metrics = TrackingMetrics(match_iou=params.match_iou)
        self._n_frames = 0

    def update(self, tracked: Instances) -> None:
        """Take the next frame, one instance for each identity."""
        overlap, truth_ids = self._truth.compared(tracked)
        self._metrics.update(overlap, truth_ids=truth_ids, ids=ids_of(tracked))
        self._n_frames += 1

    def compute(self, *, is_whole: bool) -> TrackingScore:
        """Return the score.

        Args:
            is_whole: The video was read to its end: a truth that goes on is of another one.

        Raises:
            MaskError: It is.
        """
        if is_whole and self._truth.last_index >= self._n_frames:
            raise MaskError(
                f"the truth must not outlast the video of {self._n_frames} frames, got an object in frame "
                f"{self._truth.last_index} (frames count from 0) in {self._path}"
            )
        return self._metrics.compute()


def plain(score: TrackingScore) -> dict[str, float | int | None]:
    """Return a score as JSON holds it: None where it is undefined."""
    return {name: None if math.isnan(value) else value for name, value in asdict(score).items()}
