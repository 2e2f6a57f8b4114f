"""What the panel offers to choose from, and how it is opened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vidlab.errors import ParameterError
from vidlab.jobs.reading import MasksFrom
from vidlab.jobs.rehearsal import Rehearsal
from vidlab.params import EvaluateParams, EvidenceParams, PanelParams, SegmentParams, SourceParams
from vidlab.viz.widgets.shown import Rehearsing, Wish

TOLD_FRAMES = 10  # a line on the page for every frame would slow the reading


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip and what is known about it.

    Attributes:
        video: Video file, or folder of numbered images.
        masks: Name → masks to stabilize, or the network that finds them.
        truth: Folder of PNGs with true masks, one per frame; None without.
        class_ids: COCO ids of the wanted classes; None takes all.
        source: How frames are read; None takes the defaults of `SourceParams`.
        segment: How networks are run and masks refined, once, before any slider is turned; None takes the
            defaults of `SegmentParams`.
        evidence: Which detections count; None takes the defaults of `EvidenceParams`.

    Raises:
        ParameterError: There are no masks.
    """

    video: Path
    masks: Mapping[str, MasksFrom]
    truth: Path | None = None
    class_ids: tuple[int, ...] | None = None
    source: SourceParams | None = None
    segment: SegmentParams | None = None
    evidence: EvidenceParams | None = None

    def __post_init__(self) -> None:
        if not self.masks:
            raise ParameterError(f"a clip must have masks, got none for {self.video}")


class Opener:
    """Opens the clip of a wish."""

    def __init__(self, clips: Mapping[str, Clip], *, settings: PanelParams) -> None:
        """Remember what there is to open, and at which size."""
        self._clips, self._settings = clips, settings

    def __call__(self, wish: Wish, tell: Callable[[str], None]) -> Rehearsing:
        """Read a clip into memory, telling in words how far it is; errors are those of `Rehearsal.open`."""
        clip, settings = self._clips[wish.clip], self._settings

        def progress(n_done: int, n_expected: int | None) -> None:
            if n_done % TOLD_FRAMES == 0:
                tell(f"opening {wish.clip}: {n_done} of {n_expected or 'unknown'} frames …")

        return Rehearsal.open(
            clip.video,
            masks_from=clip.masks[wish.masks],
            class_ids=clip.class_ids,
            truth=clip.truth,
            source=clip.source,
            segment=clip.segment,
            evidence=clip.evidence,
            judge=EvaluateParams(davis_t=settings.davis_t),
            scale=settings.scale,
            memory_mb=settings.memory_mb,
            flow_dtype="float16",
            progress=progress,
        )
