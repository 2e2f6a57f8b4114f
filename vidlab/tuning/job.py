"""The tuning job: clips are read, parameters searched, files written; a killed run is gone on with."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidlab.errors import SourceError
from vidlab.jobs.clips import holds_clips, match_clips
from vidlab.jobs.output import require_replaceable
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.reading import MaskFile, MasksFrom, Network
from vidlab.jobs.record import describe_file, describe_params, describe_run
from vidlab.jobs.rehearsal import Rehearsal
from vidlab.jobs.resume import Checkpoints, is_same
from vidlab.jobs.unfinished import Unfinished, resumable_folder
from vidlab.params import (
    DEFAULT_METHOD,
    EvaluateParams,
    EvidenceParams,
    SegmentParams,
    SourceParams,
    TuneParams,
)
from vidlab.tuning.report import RECORD, write_tuning
from vidlab.tuning.space import space_of
from vidlab.tuning.studies import require_optuna
from vidlab.tuning.tune import Tuned, Watching, tune, unwatched

logger = logging.getLogger(__name__)

STUDY = "study.db"
BUDGET = {"trials", "minutes", "workers", "memory_mb"}  # may be another when a killed run is gone on with
Reads = Callable[[str], AbstractContextManager[Progress]]
"""Gives the progress of reading a clip, for its name."""


@dataclass(frozen=True, slots=True)
class ClipSource:
    """Where a clip to be tuned on lies.

    Attributes:
        video: Video file, or folder of numbered images.
        masks_from: The masks to stabilize, or the network that finds them.
        truth: Folder of PNGs with true masks; None where there is no truth.
    """

    video: Path
    masks_from: MasksFrom
    truth: Path | None = None

    @property
    def inputs(self) -> list[Path]:
        """Everything that is read."""
        masks = self.masks_from.path if isinstance(self.masks_from, MaskFile) else None
        return [path for path in (self.video, masks, self.truth) if path is not None]


def silently(_name: str) -> AbstractContextManager[Progress]:
    """Tell nothing."""
    return nullcontext(silent)


def clip_sources(video: Path, *, masks_from: MasksFrom, truth: Path | None) -> dict[str, ClipSource]:
    """Return one clip, or the clips of folders as `vidlab evaluate` takes them.

    Args:
        video: Video file or folder of images; with a folder of masks for each clip, a folder with
            NAME/frames, NAME or NAME.mp4 for each.
        masks_from: Masks, a folder of masks for each clip, or a network.
        truth: True masks, or a folder with NAME or NAME/truth for each clip; None where there is no truth.

    Raises:
        SourceError: A clip lacks a part.
    """
    if not isinstance(masks_from, MaskFile) or not holds_clips(masks_from.path):
        return {video.stem if video.is_file() else video.name: ClipSource(video, masks_from, truth)}
    found, wrong = match_clips(masks_from.path, truth=truth, video=video, against=None)
    for name, trouble in wrong.items():
        raise SourceError(f"clip {name}: {trouble}")
    sources = {}
    for name, paths in found.items():
        if paths.video is not None:
            sources[name] = ClipSource(paths.video, MaskFile(paths.masks, masks_from.probs), paths.truth)
    return sources


def tune_clips(
    sources: Mapping[str, ClipSource],
    *,
    out: Path,
    methods: Sequence[str] = (DEFAULT_METHOD,),
    names: Sequence[str] = (),
    class_ids: tuple[int, ...] | None = None,
    params: TuneParams | None = None,
    source: SourceParams | None = None,
    segment: SegmentParams | None = None,
    evidence: EvidenceParams | None = None,
    judge: EvaluateParams | None = None,
    force: bool = False,
    resume: bool = False,
    reads: Reads = silently,
    watching: Watching = unwatched,
    command: Sequence[str] = (),
) -> Tuned | None:
    """Tune on clips and write `best.json`, `front.csv`, `front.png` and `tuning.json`.

    Args:
        sources: Name → where the clip lies.
        out: Folder for the results; appears when they are complete.
        methods: Methods that take part.
        names: Tunables to search; none takes those that `params` marks as worth it, `all` every one.
        class_ids: COCO ids of the wanted classes; None takes all.
        params: Budget, size and seed; None takes the defaults of `TuneParams`, and so on.
        source: How frames are read.
        segment: How a network is run.
        evidence: Which detections count.
        judge: How masks are judged; None measures all but DAVIS' T.
        force: Replace a non-empty `out`.
        resume: Go on with a run of the same request that was killed: no finished trial is lost. Budget and
            number of workers may differ. If `out` already holds the result, nothing is done.
        reads: Gives who is told how far a clip is read.
        watching: Gives who is told of each trial.
        command: Command line, for `tuning.json`.

    Returns:
        What was found; None if `out` already held it.

    Raises:
        UsageError: Method, tunable or value is wrong.
        SourceError: A clip cannot be used, or they do not fit into the memory.
        OutputError: `out` is not empty, touches an input, or cannot be written; or what a killed run left is
            damaged, or of another request.
        MissingExtraError: Optuna is not installed.
    """
    space_of(methods, names)  # what is wrong whatever the clips are comes before they are read
    require_optuna()
    settings, judging = params or TuneParams(), judge or EvaluateParams(davis_t=False)
    groups = {
        "source": source or SourceParams(),
        "segment": segment or SegmentParams(),
        "evidence": evidence or EvidenceParams(),
        "judge": judging,
    }
    inputs = [path for each in sources.values() for path in each.inputs]
    with resumable_folder(out, force=force, resume=resume, inputs=inputs) as folders:
        description = {
            **describe_run(job="tune", command=command, class_ids=class_ids),
            "clips": {name: _describe(each) for name, each in sources.items()},
            "methods": list(methods),
            "names": list(names),
            **describe_params(tune=settings, **groups),
        }
        if resume and _holds_result(out, description):
            logger.info("%s is complete; nothing was done", out)
            folders.clear()
            return None
        require_replaceable(out, force=force)
        clips = _read(sources, class_ids=class_ids, params=settings, reads=reads, **groups)
        _begin(folders, description, resume=resume, out=out)
        tuned = tune(
            clips,
            methods=methods,
            names=names,
            params=settings,
            judge=judging,
            storage=folders.work / STUDY,
            watching=watching,
        )
        write_tuning(folders.result, tuned, description=description)
    return tuned


def _holds_result(folder: Path, description: dict[str, Any]) -> bool:
    try:
        described = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return False
    if not isinstance(described, dict):
        return False
    return is_same({key: value for key, value in described.items() if key in description}, description)


def _begin(folders: Unfinished, description: dict[str, Any], *, resume: bool, out: Path) -> None:
    """Write down what is asked for, or check that what is gone on with was asked for the same."""
    asked = {key: value for key, value in description.items() if key != "tune"}
    asked["tune"] = {key: value for key, value in description["tune"].items() if key not in BUDGET}
    checkpoints = Checkpoints(folders.work)
    if resume and folders.has_leftover:
        checkpoints.check(asked, out=out)
        logger.info("going on with the trials that are finished")
        return
    if resume:
        logger.info("there is nothing to go on with; starting with the first trial")
    folders.start_over()
    checkpoints.begin(asked)
    folders.state.write_text(f"{STUDY} holds the trials\n", "utf-8")


def _read(
    sources: Mapping[str, ClipSource],
    *,
    class_ids: tuple[int, ...] | None,
    params: TuneParams,
    reads: Reads,
    source: Any,
    segment: Any,
    evidence: Any,
    judge: Any,
) -> dict[str, Rehearsal]:
    clips = {}
    for name, each in sources.items():
        with reads(name) as progress:
            clips[name] = Rehearsal.open(
                each.video,
                masks_from=each.masks_from,
                class_ids=class_ids,
                truth=each.truth,
                source=source,
                segment=segment,
                evidence=evidence,
                judge=judge,
                scale=params.scale,
                memory_mb=params.memory_mb / len(sources),
                progress=progress,
            )
    return clips


def _describe(source: ClipSource) -> dict[str, Any]:
    masks = source.masks_from
    if isinstance(masks, MaskFile):
        seen: dict[str, Any] = {**(describe_file(masks.path) or {}), "probs": masks.probs}
    else:
        seen = {"model": masks.name, "weights": masks.weights}
        if isinstance(masks, Network):
            seen["options"] = masks.options.model_dump(mode="json")
    return {"video": describe_file(source.video), "masks": seen, "truth": describe_file(source.truth)}
