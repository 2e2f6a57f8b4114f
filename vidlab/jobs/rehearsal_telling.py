"""What is told of each frame of a clip in memory to the method that is tried: evidence, with who is who."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from vidlab.jobs.rehearsed import KeptFrame, KeptInstances
from vidlab.params import EvidenceParams, MethodParams
from vidlab.temporal.evidence import to_evidence, track_evidence
from vidlab.temporal.protocol import Evidence
from vidlab.tracking import create_method_tracker, identified, ids_of
from vidlab.types import Frame, Instances

Stop = Callable[[], bool]
Ids = list[NDArray[np.int64]]

TRACKED_BY = (
    "tracker",
    "track_iou",
    "track_max_missed",
    "cut_similarity",
)  # what `create_method_tracker` reads
TRACKINGS = 32  # identities of so many settings of the tracker are remembered: a few kilobytes each


class StoppedError(Exception):
    """Nobody wants the rest any more."""


class Telling:
    """Tells a method of the frames, as the main job does; identities are given once for all that share them.

    Threads may share it.
    """

    def __init__(
        self, frames: Sequence[KeptFrame], *, class_ids: tuple[int, ...] | None, rules: EvidenceParams
    ) -> None:
        """Take the frames, the wanted classes (None takes all), and which detections count."""
        self._frames, self._class_ids, self._rules = frames, class_ids, rules
        self._identities: OrderedDict[tuple[object, ...], Ids] = OrderedDict()
        self._lock = Lock()

    def items(
        self, params: MethodParams, *, first: int, end: int, stop: Stop
    ) -> Iterator[tuple[Frame, Evidence, None]]:
        """Yield the frames from `first` to before `end` with their evidence, as `drive` takes them.

        Identities of a part of the clip, where those of the whole are not known yet, are given within it: a
        preview does not wait for all frames.

        Raises:
            StoppedError: `stop`, asked before every frame, is true: a stabilizer that were merely told of no
                more frames would finish those it has.
        """
        identities = self._tracked(params, first, end, stop)
        for place in range(first, end):
            heed(stop)
            kept = self._frames[place]
            ids = None if identities is None else identities[place - first]
            yield Frame(kept.image, kept.number, kept.pts_s), self._evidence(kept, ids), None

    def _evidence(self, kept: KeptFrame, ids: NDArray[np.int64] | None) -> Evidence:
        said = kept.said.unpack()
        if ids is None or not isinstance(said, Instances):
            return to_evidence(said, class_ids=self._class_ids, **self._rules.model_dump())
        tracked = Instances(said.masks, said.scores, said.class_ids, ids)
        return track_evidence(identified(tracked), rules=self._rules)

    def _tracked(self, params: MethodParams, first: int, end: int, stop: Stop) -> Ids | None:
        """Return who is who in these frames, which few tunables decide; None where there are no instances."""
        if not isinstance(self._frames[0].said, KeptInstances):
            return None
        key = tuple(getattr(params, name, None) for name in TRACKED_BY)
        if key not in self._identities and end - first < len(self._frames):
            return self._identify(params, self._frames[first:end], stop)
        return self._of_all(key, params, stop)[first:end]

    def _of_all(self, key: tuple[object, ...], params: MethodParams, stop: Stop) -> Ids:
        """Return who is who in every frame, remembered."""
        with self._lock:
            if key not in self._identities:
                self._identities[key] = self._identify(params, self._frames, stop)
            self._identities.move_to_end(key)
            if len(self._identities) > TRACKINGS:
                self._identities.popitem(last=False)
            return self._identities[key]

    def _identify(self, params: MethodParams, frames: Sequence[KeptFrame], stop: Stop) -> Ids:
        associator = create_method_tracker(params, evidence=self._rules)
        identities = []
        for frame in frames:
            heed(stop)
            said = frame.said.unpack()
            if isinstance(said, Instances):
                identities.append(ids_of(associator.step(frame.image, said)))
        return identities


def heed(stop: Stop) -> None:
    """Raise `StoppedError` if nobody wants the rest."""
    if stop():
        raise StoppedError
