"""Who takes part in a contest: a stabilizer, and what it is told of what a network said."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contest_clips import RULES, Seen
from versions import code_version, digest

from vidlab.temporal.evidence import track_evidence
from vidlab.temporal.protocol import Evidence, Stabilizer
from vidlab.tracking import Associator, identified, without_masks
from vidlab.types import Frame, Instances


def everything(evidence: Evidence) -> Evidence:
    """Hear all that a network says."""
    return evidence


@dataclass(frozen=True)
class Method:
    """A contestant.

    Attributes:
        name: As the table prints it.
        make: Builds its stabilizer.
        settings: Everything it can be set to.
        hears: What it is told of a frame's evidence.
        associate: Builds what tells it who is who among instances, as in `vidlab stabilize`; None gives it
            one map per class.
    """

    name: str
    make: Callable[[], Stabilizer]
    settings: Mapping[str, Any]
    hears: Callable[[Evidence], Evidence] = everything
    associate: Callable[[], Associator] | None = None

    @property
    def version(self) -> str:
        """Hash of the settings, of the code that the stabilizer's module reaches, and of what it hears."""
        modules = [type(self.make()).__module__, "vidlab.temporal.evidence"]
        modules += [] if self.associate is None else ["vidlab.jobs.tracks"]  # which reaches all of tracking
        return digest(self.name, self.settings, code_version(*modules), inspect.getsource(self.hears))

    def told(self, seen: Iterable[Seen]) -> Iterator[tuple[Frame, Evidence, Instances | None]]:
        """Yield each frame with what the method hears of it, and with its objects if they are kept apart."""
        associator = None if self.associate is None else self.associate()
        for frame, evidence, observation in seen:
            if associator is None or not isinstance(observation, Instances):
                yield frame, self.hears(evidence), None
            else:
                objects = identified(associator.step(frame.image, observation))
                yield frame, self.hears(track_evidence(objects, rules=RULES)), without_masks(objects)
