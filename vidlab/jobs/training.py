"""The training job: pictures and masks in, a network out that `vidlab segment --weights` takes."""

import json
import logging
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.errors import OutputError
from vidlab.jobs.output import DISK_TROUBLE, check_target, make_parents, remove_empty, worded
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.record import describe_run, write_json
from vidlab.jobs.resume import difference
from vidlab.jobs.training_data import Shows, TrainData, TrainSource, names_of, opened, require_matching
from vidlab.jobs.training_settings import TrainSettings
from vidlab.jobs.unfinished import lock_folder
from vidlab.models.device import describe_device, require_torch, resolve_device
from vidlab.viz.learning import class_colors, plot_learning

if TYPE_CHECKING:
    from vidlab.models.smp import AnySize
    from vidlab.training.course import Course
    from vidlab.training.fit import Lesson

RECORD, CURVES = "params.json", "curves.png"
SCRATCH = ".data"  # pictures that are drawn or decoded for the run; gone after it
# May be another when a killed run is gone on with: they change no result.
FREE = {"data": {"workers", "cache_mb"}, "fit": {"save_minutes"}}
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a training job made.

    Attributes:
        folder: Its folder.
        best: Weights with the best validation Dice.
        course: Losses of every step, and what was measured after every epoch.
        names: Name of each class.
        device: Where it ran.
    """

    folder: Path
    best: Path
    course: "Course"
    names: tuple[str, ...]
    device: str


def silently(_task: str, _unit: str) -> AbstractContextManager[Progress]:
    """Tell nothing."""
    return nullcontext(silent)


def tell_nobody(_data: TrainData) -> None:
    """Tell nothing."""


def train(
    source: TrainSource,
    *,
    out: Path,
    settings: TrainSettings | None = None,
    force: bool = False,
    resume: bool = False,
    shows: Shows = silently,
    found: Callable[[TrainData], None] = tell_nobody,
    command: Sequence[str] = (),
) -> TrainResult:
    """Train a network, and write its weights (`best.pt`, `last.pt`), curves and `params.json`.

    Unlike other results this one is there from the start: a training is watched, and its best weights so far
    can be used. Each of its files is whole at any time.

    Args:
        source: Where pictures and masks are.
        out: Folder for the results.
        settings: How is trained; None takes the defaults.
        force: Empty `out`, once it is sure that there is something to train, and a network.
        resume: Go on with a run of the same request that was killed; losses and weights are the same as if it
            had not been. Nothing is done if it came to its end.
        shows: Gives who is told how far each part is.
        found: Told what there is to train on, before it begins.
        command: Command line, for `params.json`.

    Raises:
        UsageError: A value, class or network is wrong.
        SourceError: Pictures or masks cannot be used.
        OutputError: `out` is not empty, touches an input, or cannot be written; or what it holds is of
            another request.
        WeightsError: Pretrained weights cannot be had.
        DeviceError: The device is not here.
        TrainingError: The loss is no number any more.
        MissingExtraError: torch, or what else the network needs, is not installed.
    """
    require_torch()
    from vidlab.training.course import BEST, LAST
    from vidlab.training.fit import Fit

    how = settings or TrainSettings()
    device = resolve_device(how.device)
    names = names_of(source, data=how.data, scenes=how.scenes)
    require_matching(source)
    with _folder(out, force=force or resume, inputs=source.inputs) as folder:
        # before pictures are drawn or read, which takes long: whether there is such a network
        network = _network(how, n_outputs=len(names), resumed=resume and (folder / LAST).is_file())
        with opened(
            source, names=names, data=how.data, scenes=how.scenes, seed=how.fit.seed,
            scratch=folder / SCRATCH, shows=shows,
        ) as data:  # fmt: skip
            found(data)
            description = _describe(source, data, how=how, command=command)
            if resume:
                _require_same(folder / RECORD, description)
            else:
                with worded(out):
                    _empty(folder)  # only where it was forced there is anything
            write_json(folder / RECORD, description)
            fit = Fit(_lesson(folder, network, data, how=how, device=device))
            if fit.course.is_over:
                logger.info("%s is complete; nothing was done", out)
            else:
                with shows("training", "steps") as progress:
                    fit.run(lambda done, total, course: progress(done, total))
            _draw(folder, fit.course, names=names)
    return TrainResult(out, out / BEST, fit.course, names, describe_device(device))


def _network(how: TrainSettings, *, n_outputs: int, resumed: bool) -> "AnySize":
    """Build the network; one that goes on brings its weights, and asks nobody for others."""
    from vidlab.training.networks import RANDOM, build

    change = {"encoder_weights": RANDOM} if resumed else {}
    return build(how.network.model_copy(update=change), n_outputs=n_outputs, seed=how.fit.seed)


def _lesson(
    folder: Path, network: "AnySize", data: TrainData, *, how: TrainSettings, device: str
) -> "Lesson":
    from vidlab.training.course import Store
    from vidlab.training.crops import Crops, Loaders, room_mb
    from vidlab.training.fit import Lesson
    from vidlab.training.losses import activation_of
    from vidlab.training.networks import recipe_of
    from vidlab.training.pictures import Pictures

    names = data.survey.names
    pictures = Pictures(data.pairs, binary=data.survey.binary, cache_mb=room_mb(how.data))
    loaders = Loaders(
        Crops(pictures, augment=how.augment),
        train=data.split.train,
        valid=data.split.valid,
        data=how.data,
        fit=how.fit,
        pin=device.startswith("cuda"),
    )
    recipe = recipe_of(
        how.network, names=names, activation=activation_of(how.fit), input_px=how.augment.input_px
    )
    return Lesson(
        network, names, loaders, device, how.fit, Store(folder, recipe=recipe, colors=class_colors(names))
    )


@contextmanager
def _folder(out: Path, *, force: bool, inputs: Sequence[Path]) -> Iterator[Path]:
    """Give the folder of the result, for this process alone; with `force` there may be something in it."""
    target = Path(os.path.abspath(out))
    check_target(out, target, force=force, inputs=inputs)
    made = make_parents(target.parent)
    with worded(out):
        lock = lock_folder(target, out)
    try:
        with worded(out, only=DISK_TROUBLE):
            yield target
    finally:
        os.close(lock)
        remove_empty([*made, target])  # nothing came of it


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == SCRATCH:
            continue
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _describe(
    source: TrainSource, data: TrainData, *, how: TrainSettings, command: Sequence[str]
) -> dict[str, Any]:
    checksum = 0
    for pair in data.pairs:  # of masks the content was counted, of images the size is enough
        checksum = zlib.crc32(
            f"{pair.clip} {pair.image.name} {pair.image.stat().st_size}\n".encode(), checksum
        )
    checksum = zlib.crc32(data.survey.pixels.tobytes(), checksum)
    return {
        **describe_run(job="train", command=command, class_ids=None),
        "source": {
            "data": "synthetic" if source.data is None else str(source.data),
            "masks": None if source.masks is None else str(source.masks),
            "valid": None if source.valid is None else str(source.valid),
        },
        "pictures": len(data.pairs),
        "checksum": f"{checksum:08x}",
        "classes": list(data.survey.names),
        "split": data.split.told,
        **how.describe(),
    }


def _require_same(record: Path, description: dict[str, Any]) -> None:
    """Make sure that a run was begun to do what is asked now; a folder without record is a new run."""
    if not record.is_file():
        return
    try:
        before = json.loads(record.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{record} must say what the run was begun with, got: {error}") from None
    name, was, now = difference(_decisive(before), _decisive(json.loads(json.dumps(description))), name="")
    if name:
        raise OutputError(
            f"the training in {record.parent} was begun with {name} {was}, got {now}; repeat the first "
            "command with --resume, or take --force to start over"
        )


def _decisive(description: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in description.items() if name not in ("command", "source")}
    for group, names in FREE.items():
        values = kept.get(group, {})
        kept[group] = {name: value for name, value in values.items() if name not in names}
    return kept


def _draw(folder: Path, course: "Course", *, names: Sequence[str]) -> None:
    from matplotlib.figure import Figure  # half a second: only when something is drawn

    figure = Figure(figsize=(9, 3.6), dpi=110, layout="constrained")
    plot_learning(figure.subplots(1, 2), course.rows, names=names)
    figure.savefig(folder / CURVES)
