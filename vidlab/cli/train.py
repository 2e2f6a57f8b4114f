"""`vidlab train`: its words, and what it prints. Jobs are imported late: --help is instant."""

import argparse
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.cli.options import Parser, add_options, given
from vidlab.params import (
    RECIPES,
    AugmentParams,
    FitParams,
    SceneDataParams,
    SegmentParams,
    TrainDataParams,
    TrainNetworkParams,
)

if TYPE_CHECKING:
    from vidlab.jobs.training import TrainResult
    from vidlab.jobs.training_data import TrainData

SYNTHETIC = "synthetic"
GROUPS = (TrainDataParams, SceneDataParams, AugmentParams, TrainNetworkParams, FitParams)
SUMMARY = "train a network of your own for frames and masks of several classes"
DESCRIPTION = f"""\
DATA is a folder with images/ and masks/ (PNGs of the same names, class index per pixel, 255 = ignored), with
a folder per clip in them or all together, or one such folder for each clip; a video, or a folder of pictures,
with --masks; or the word {SYNTHETIC}, for drawn scenes with exact masks. Whole clips judge and never teach.

Writes DIR/best.pt, which vidlab segment and stabilize take as --model unet --weights, DIR/last.pt,
DIR/epochs.csv, DIR/steps.csv, DIR/curves.png, DIR/params.json, and DIR/tensorboard/ where that is installed.
After a kill, the same command plus --resume goes on, with the same losses as if it had not been killed."""
EXAMPLES = (
    "vidlab train street/ --class-names background,road,car --input-px 320 --out runs/street",
    "vidlab train street/ --recipe reference --out runs/reference",
    "vidlab train clip.mp4 --masks masks/ --n-classes 3 --out runs/clip",
    f"vidlab train {SYNTHETIC} --input-px 128 --encoder-weights random --out runs/drawn",
    "vidlab stabilize clip.mp4 --model unet --weights runs/street/best.pt --out runs/clip_stable",
)


def add(to: Any, command: Callable[..., Parser]) -> None:
    """Add the command `vidlab train` and everything it takes."""
    parser = command(to, "train", SUMMARY, DESCRIPTION, *EXAMPLES)
    parser.set_defaults(run=run)
    parser.add_argument("data", metavar="DATA", help=f"folder, video, or {SYNTHETIC}")
    parser.add_argument("--masks", metavar="DIR", help="masks of a video or of a folder of pictures")
    parser.add_argument("--valid", metavar="DIR", help="another folder as DATA, all of whose pictures judge")
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        default=next(iter(RECIPES)),
        help=f"{', '.join(RECIPES)}: what options are that are not given (default %(default)s)",
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for the results")
    parser.add_argument("--force", action="store_true", help="empty DIR first")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the same command's run if it was killed"
    )
    for model in GROUPS:
        add_options(parser, model)
    add_options(parser, SegmentParams, only=("device",))


def run(args: argparse.Namespace) -> int:
    """Run `vidlab train`."""
    from vidlab.cli.progress import progress_bar
    from vidlab.jobs.training import train
    from vidlab.jobs.training_data import TrainSource
    from vidlab.jobs.training_settings import TrainSettings

    values = {name: getattr(args, name) for model in GROUPS for name in model.model_fields}
    settings = TrainSettings.of(
        args.recipe,
        device=given(args, SegmentParams).device,
        **{name: value for name, value in values.items() if value is not None},
    )
    source = TrainSource(
        None if args.data == SYNTHETIC else Path(args.data),
        None if args.masks is None else Path(args.masks),
        None if args.valid is None else Path(args.valid),
    )
    result = train(
        source,
        out=Path(args.out),
        settings=settings,
        force=args.force,
        resume=args.resume,
        shows=lambda task, unit: progress_bar(task, unit=unit),
        found=_show_data,
        command=["vidlab", *(word for word in args.words if word != "--resume")],
    )
    _show(result)
    return 0


def _show_data(data: "TrainData") -> None:
    from vidlab.cli.tables import print_table

    header = ("class", "pictures", "share of pixels", "judging: pictures", "share of pixels")
    print_table(header, data.class_rows(), title=data.split.told, right=range(1, len(header)))
    if data.survey.ignored:
        print(f"{data.survey.ignored} pixels have no class (255): they teach nothing and judge nothing")
    if data.survey.binary:
        print("255 is taken for the class 1: the masks hold nothing else but 0")


def _show(result: "TrainResult") -> None:
    from vidlab.cli.tables import print_paths, print_table
    from vidlab.jobs.training import CURVES
    from vidlab.training.course import EPOCHS

    course = result.course
    best = course.rows[course.best_epoch - 1]
    rows = [(f"{index} {name}", f"{best[f'dice {name}']:.3f}") for index, name in enumerate(result.names)]
    rows.append(("mean", f"{best['dice']:.3f}"))
    which = f"epoch {course.best_epoch} of {len(course.rows)}"
    title = f"Dice on validation pictures of the best weights, those of {which} ({result.device})"
    print_table(("class", "Dice"), rows, title=title, right=(1,))
    files = {"weights": result.best, "curves": result.folder / EPOCHS, "picture": result.folder / CURVES}
    print_paths(files)
    print(
        f"use them: vidlab stabilize VIDEO --model unet --weights {shlex.quote(str(result.best))} --out DIR"
    )
