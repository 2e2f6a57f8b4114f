"""`vidlab tune`: its words, and what it prints. Jobs are imported late: --help is instant."""

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.cli import commands
from vidlab.cli.options import Parser, add_options, given
from vidlab.params import (
    DEFAULT_METHOD,
    METHODS,
    EvaluateParams,
    EvidenceParams,
    NetworkParams,
    SegmentParams,
    SourceParams,
    TuneParams,
)

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from vidlab.jobs.progress import Progress
    from vidlab.tuning import Tuned
    from vidlab.tuning.search import Watch

logger = logging.getLogger(__name__)

_EVERY_S = 15.0  # between lines where there is no terminal
SUMMARY = "find parameters that fit your clips, and say what they are worth where nobody tuned"
DESCRIPTION = """\
With --truth, J & F and flicker beyond the truth's decide; without, the no-truth proxy, a guess. The defaults
are the first trial; parameters replace them only if the gain is more than drawing the same frames again makes
of nothing. One clip is tuned on its first half and reported on its second; of several (folders as
vidlab evaluate takes them) each is left out of a search of its own, and reported.

Writes DIR/best.json (what vidlab stabilize --params takes), DIR/front.csv, DIR/front.png and
DIR/tuning.json. After a kill, the same command plus --resume goes on and loses no finished trial."""
EXAMPLES = (
    "vidlab tune frames/ --masks detections.json --class dog --truth truth/ --out runs/tuned",
    "vidlab tune clip.mp4 --masks masks/ --methods flow_fusion,median --search memory,window --out runs/a",
    "vidlab tune sequences/ --masks results/ --truth sequences/ --minutes 20 --out runs/b",
    "vidlab stabilize frames/ --masks detections.json --class dog --params runs/tuned/best.json --out runs/c",
)


def add(to: Any, command: Callable[..., Parser]) -> None:
    """Add the command `vidlab tune` and everything it takes."""
    parser = command(to, "tune", SUMMARY, DESCRIPTION, *EXAMPLES)
    parser.set_defaults(run=run)
    parser.add_argument(
        "video",
        metavar="VIDEO_OR_FOLDER",
        help="video, folder of numbered images, or a folder with one of these for each clip",
    )
    parser.add_argument(
        "--masks", metavar="PATH", help="as for vidlab stabilize, or a folder of these, one for each clip"
    )
    parser.add_argument("--probs", action="store_true", help="the PNGs of --masks are probabilities, 255 = 1")
    parser.add_argument("--model", metavar="NAME", help="network that finds the masks, without --masks")
    parser.add_argument("--weights", metavar="FILE", help="weights of the network")
    parser.add_argument("--class", dest="classes", metavar="A,B", help="wanted classes (default: all)")
    parser.add_argument("--truth", metavar="DIR", help="folder of PNGs with true masks, or one for each clip")
    parser.add_argument(
        "--methods",
        metavar="A,B",
        default=DEFAULT_METHOD,
        help=f"methods that take part: {', '.join(METHODS)} (default %(default)s)",
    )
    parser.add_argument(
        "--search",
        metavar="A,B",
        help="tunables to search, or all (default: those worth it); vidlab params METHOD lists them",
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for the results")
    parser.add_argument(
        "--force", action="store_true", help="replace a non-empty DIR, once the new result is complete"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with the same command's run if it was killed"
    )
    for model in (TuneParams, EvidenceParams, SegmentParams, NetworkParams, SourceParams):
        add_options(parser, model)
    # --seed is the search's
    judging = tuple(name for name in EvaluateParams.model_fields if name not in TuneParams.model_fields)
    add_options(parser, EvaluateParams, only=judging)


def run(args: argparse.Namespace) -> int:
    """Run `vidlab tune`."""
    params, evidence = given(args, TuneParams), given(args, EvidenceParams)
    source, segment, judge = (
        given(args, SourceParams),
        given(args, SegmentParams),
        given(args, EvaluateParams),
    )
    classes, masks_from = commands.wanted_classes(args.classes), commands.masks_source(args)
    from vidlab.tuning.job import clip_sources, tune_clips

    truth = None if args.truth is None else Path(args.truth)
    with _Bars() as bars:
        tuned = tune_clips(
            clip_sources(Path(args.video), masks_from=masks_from, truth=truth),
            out=Path(args.out),
            methods=_listed(args.methods),
            names=_listed(args.search),
            class_ids=classes,
            params=params,
            source=source,
            segment=segment,
            evidence=evidence,
            judge=judge.model_copy(update={"davis_t": args.davis_t is not None and judge.davis_t}),
            force=args.force,
            resume=args.resume,
            reads=_reading,
            watching=bars.watching,
            command=["vidlab", *(word for word in args.words if word != "--resume")],
        )
    if tuned is not None:
        _show(tuned, Path(args.out))
    return 0


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _show(tuned: "Tuned", out: Path) -> None:
    from vidlab.cli.tables import print_lines, print_paths, print_table
    from vidlab.tuning.report import BEST, FRONT, PICTURE, RECORD
    from vidlab.tuning.wording import HEADER, rows, sentences

    print_table(
        HEADER, rows(tuned), title="defaults and chosen parameters, held out", right=range(1, len(HEADER))
    )
    print_lines("in words", sentences(tuned))
    files = {"parameters": BEST, "front": FRONT, "picture": PICTURE, "everything": RECORD}
    print_paths({name: out / file for name, file in files.items()})


@contextmanager
def _reading(name: str) -> "Iterator[Progress]":
    from vidlab.cli.progress import progress_bar

    with progress_bar(f"reading {name}") as progress:
        yield progress


class _Bars:
    """One bar per search, the finished ones included; a line now and then where there is no terminal."""

    def __enter__(self) -> "_Bars":
        self._stack = ExitStack()
        self._bar: RichProgress | None = None
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def watching(self, title: str) -> "Watch":
        """Give who is told of each trial of a search."""
        if not sys.stderr.isatty():
            return _lines(title)
        if self._bar is None:  # not before: only one bar can be drawn at a time, and reading has its own
            self._bar = self._stack.enter_context(_drawn())
        bar = self._bar
        shown = bar.add_task(f"tuning {title}", total=None)

        def watch(done: int, total: int, best: float) -> None:
            description = f"tuning {title}, best score {best:.4f}"
            bar.update(shown, completed=done, total=total, description=description)

        return watch


def _drawn() -> "RichProgress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    return RichProgress(*columns, console=Console(stderr=True), transient=True)


def _lines(title: str) -> "Watch":
    last_s = time.monotonic()

    def watch(done: int, total: int, best: float) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= _EVERY_S or done == total:
            last_s = time.monotonic()
            logger.info("tuning %s: %d of %d trials, best score %.4f", title, done, total, best)

    return watch
