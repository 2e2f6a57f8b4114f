"""What is trained on, wherever it comes from: folders, a clip with masks, synthetic scenes."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vidlab.errors import SourceError
from vidlab.jobs.progress import Progress
from vidlab.jobs.reading import expected
from vidlab.masks.folder import numbered_pngs
from vidlab.params import SceneDataParams, SourceParams, TrainDataParams
from vidlab.training.pairs import Pair, find_pairs
from vidlab.training.scenes import scene_names, write_scenes
from vidlab.training.split import Split, split_between, split_by_clip
from vidlab.training.survey import Survey, class_names, survey
from vidlab.video import frame_name, open_source, write_image

logger = logging.getLogger(__name__)
Shows = Callable[[str, str], AbstractContextManager[Progress]]
"""Gives the progress of a part of the job, for its name and what it counts."""


@dataclass(frozen=True, slots=True)
class TrainSource:
    """Where pictures and masks are.

    Attributes:
        data: Folder as `training.pairs.find_pairs` takes it, or a video; None draws synthetic scenes.
        masks: Masks of a folder of pictures or of a video, where `data` does not hold them itself.
        valid: Another folder as `data`, all of whose pictures judge; None takes clips of `data`.
    """

    data: Path | None
    masks: Path | None = None
    valid: Path | None = None

    @property
    def inputs(self) -> list[Path]:
        """Everything that is read."""
        return [path for path in (self.data, self.masks, self.valid) if path is not None]


@dataclass(frozen=True, slots=True)
class TrainData:
    """What is trained on.

    Attributes:
        pairs: Pictures with their masks.
        survey: What the masks hold.
        split: Which ones teach.
    """

    pairs: list[Pair]
    survey: Survey
    split: Split

    def class_rows(self) -> list[tuple[str, str, str, str, str]]:
        """Return for each class: index and name, pictures and share of pixels that teach, and that judge."""
        train, valid = self.split.train, self.split.valid
        columns = (
            self.survey.n_showing(train), self.survey.shares(train),
            self.survey.n_showing(valid), self.survey.shares(valid),
        )  # fmt: skip
        return [
            (f"{index} {name}", str(columns[0][index]), f"{columns[1][index]:.2%}",
             str(columns[2][index]), f"{columns[3][index]:.2%}")
            for index, name in enumerate(self.survey.names)
        ]  # fmt: skip


def names_of(source: TrainSource, *, data: TrainDataParams, scenes: SceneDataParams) -> tuple[str, ...]:
    """Return the name of each class index of what is trained on, without looking at it.

    Raises:
        ParameterError: Names and number of classes do not fit, or nobody can draw a class.
    """
    return scene_names(scenes) if source.data is None else class_names(data)


def require_matching(source: TrainSource) -> None:
    """Check that folders hold pictures with masks, by their names alone: what takes no time is said first.

    Raises:
        SourceError: They do not.
    """
    if source.data is not None and not source.data.is_file():
        find_pairs(source.data, masks=source.masks)
    if source.valid is not None:
        find_pairs(source.valid)


@contextmanager
def opened(
    source: TrainSource,
    *,
    names: tuple[str, ...],
    data: TrainDataParams,
    scenes: SceneDataParams,
    seed: int,
    scratch: Path,
    shows: Shows,
) -> Iterator[TrainData]:
    """Find pictures and masks, look into the masks, and split; what had to be written for it goes at the end.

    Args:
        source: Where they are.
        names: Name of each class index.
        data: Split, and workers that draw.
        scenes: What is drawn, where there is no `source.data`.
        seed: Seed of scenes and split.
        scratch: Folder to write pictures of a video, or scenes, into; made and removed.
        shows: Gives who is told how far it is.

    Raises:
        ParameterError: There are too few pictures, or a class cannot be drawn.
        SourceError: Pictures or masks cannot be used, or do not fit each other.
    """
    try:
        shutil.rmtree(scratch, ignore_errors=True)  # left by a run that was killed
        if source.data is None:
            with shows("drawing", "scenes") as progress:
                write_scenes(scratch, params=scenes, seed=seed, workers=data.workers, progress=progress)
            pairs = find_pairs(scratch)
        elif source.data.is_file():
            pairs = _of_video(source.data, source.masks, folder=scratch, shows=shows)
        else:
            pairs = find_pairs(source.data, masks=source.masks)
        judging = [] if source.valid is None else find_pairs(source.valid)
        with shows("reading masks", "masks") as progress:
            seen = survey([*pairs, *judging], names=names, progress=progress)
        if judging:
            split = split_between(len(pairs), len(judging))
            _warn_of_leak(pairs, judging)
        else:
            split = split_by_clip([pair.clip for pair in pairs], valid_share=data.valid_share, seed=seed)
        yield TrainData([*pairs, *judging], seen, split)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _warn_of_leak(teaching: list[Pair], judging: list[Pair]) -> None:
    both = {pair.image.resolve() for pair in teaching} & {pair.image.resolve() for pair in judging}
    if both:
        logger.warning(
            "%d of the %d pictures that judge also teach: how well the network does on others is not known",
            len(both), len(judging),
        )  # fmt: skip


def _of_video(video: Path, masks: Path | None, *, folder: Path, shows: Shows) -> list[Pair]:
    """Decode a video once, front to back, into files without loss: training reads them in any order."""
    if masks is None:
        raise SourceError(
            f"a video to train on needs --masks, a folder with a PNG for each frame, got {video}"
        )
    drawn = numbered_pngs(masks)
    folder.mkdir(parents=True)
    clip = open_source(video, fps=SourceParams().fps)
    pairs: list[Pair] = []
    with shows("decoding", "frames") as progress:
        for frame in clip:
            image = folder / frame_name(len(pairs), suffix=".png")
            if len(pairs) < len(drawn):
                write_image(image, frame.image)
            pairs.append(Pair(video.stem, image, drawn[min(len(pairs), len(drawn) - 1)]))
            progress(len(pairs), expected(clip.info, max_frames=None))
    if len(pairs) != len(drawn):
        raise SourceError(
            f"every frame must have a mask, got {len(pairs)} frames and {len(drawn)} in {masks}"
        )
    return pairs
