"""`vidlab batch`: its words, and what it prints. The room is imported late: --help is instant."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.cli import commands
from vidlab.cli.options import Parser, add_options, given
from vidlab.errors import ParameterError
from vidlab.params import (
    BatchParams,
    ClusterParams,
    EvidenceParams,
    NetworkParams,
    SegmentParams,
    SourceParams,
    WriterParams,
    method_params,
)

if TYPE_CHECKING:
    from vidlab.batch.running import BatchResult
    from vidlab.batch.videos import StabilizeSettings
    from vidlab.batch.work import Task

SUMMARY = "many videos or notebook runs: at once, resumable, with a report"
DESCRIPTION = """\
Every video, or every run of a notebook, is a task of its own: a failure, a crash or a kill costs no other
one, and the same command again goes on where it was. What has a result is skipped; what changed (a video's
content, its masks, a parameter, vidlab itself) is done anew.

DIR/report.html and DIR/report.parquet say what came of each; DIR/results/NAME-KEY/ holds what the command for
one video writes; DIR/logs/NAME.log what it said. Exit code 0 means that every task has its result."""
EXAMPLES = (
    "vidlab batch stabilize clips/ --masks masks/ --class person --out runs/clips",
    "vidlab batch stabilize clips/ --model maskrcnn_resnet50_fpn --jobs 2 --out runs/people",
    "vidlab batch run hw2_01 --grid grid.yaml --out runs/grid",
    "vidlab batch report runs/clips",
)
ENGINES = ("local", "ray", "slurm")  # of `vidlab.batch.engines`, which is imported late
FAILED, INTERRUPTED = 1, 130  # exit codes
MODELS = (EvidenceParams, SegmentParams, NetworkParams, SourceParams, WriterParams)
# Words of `vidlab stabilize` whose option is not named like the attribute that argparse gives them.
ODD_WORDS = {"classes": "--class", "settings": "--set"}
FLAGS = ("probs", "save_frames")
WORDS = (
    "masks", "probs", "model", "weights", "classes", "method", "params", "settings", "tracker", "select",
    "truth", "save_frames",
)  # fmt: skip

_Add = Callable[..., Parser]


def add(to: Any, command: _Add, add_stabilizing: Callable[[Parser], None]) -> None:
    """Add the command `vidlab batch` and everything it takes."""
    parser = command(to, "batch", SUMMARY, DESCRIPTION, *EXAMPLES)
    parts = parser.add_subparsers(title="parts", metavar="PART", required=True, parser_class=Parser)
    _add_stabilize(parts, command, add_stabilizing)
    _add_run(parts, command)
    _add_report(parts, command)
    _add_task(parts, command)


def _add_stabilize(to: Any, command: _Add, add_stabilizing: Callable[[Parser], None]) -> None:
    parser = command(
        to,
        "stabilize",
        "vidlab stabilize for many videos",
        "VIDEOS is a folder (all that it holds is searched), a pattern, or a text file, one path a line.\n"
        "--masks and --truth take a folder with NAME, NAME.json or NAME.npz for each video, or a path with\n"
        "{name} in it; all else is as for one video, and so are the results: to the last bit, times aside.",
        "vidlab batch stabilize clips/ --masks masks/ --class person --out runs/clips",
        "vidlab batch stabilize 'sequences/*' --masks 'sequences/{name}/masks.json' --methods "
        "median,flow_fusion --out runs/methods",
        "vidlab batch stabilize list.txt --model maskrcnn_demo --jobs 2 --time-limit 600 --out runs/list",
    )
    parser.add_argument("videos", metavar="VIDEOS", help="folder, pattern or list of videos")
    add_stabilizing(parser)
    parser.add_argument(
        "--methods",
        metavar="A,B",
        help="several methods, each with its defaults, in place of --method: a result per video and method",
    )
    _add_common(parser)
    parser.set_defaults(run=stabilize)


def _add_run(to: Any, command: _Add) -> None:
    parser = command(
        to,
        "run",
        "execute a notebook for every combination of parameters (papermill)",
        "GRID.yaml holds a value or a list of values for each parameter, and may hold `videos:`, a folder,\n"
        "list or pattern that sets the notebook's parameter `video`. Results hold the executed notebook and\n"
        "files/, which a parameter `out` that the grid does not set is given.",
        "vidlab batch run hw2_01 --grid grid.yaml --jobs 2 --out runs/grid",
    )
    parser.add_argument("notebook", metavar="NOTEBOOK", help="file, or the start of a name in notebooks/")
    parser.add_argument("--grid", metavar="GRID.yaml", required=True, help="values of its parameters")
    _add_common(parser)
    parser.set_defaults(run=run)


def _add_report(to: Any, command: _Add) -> None:
    parser = command(
        to,
        "report",
        "write the report of a batch anew from what is there",
        "Needed only while a batch runs, or after a scheduler has done it.",
        "vidlab batch report runs/clips",
    )
    parser.add_argument("folder", metavar="DIR", help="folder of the batch")
    parser.set_defaults(run=report)


def _add_task(to: Any, command: _Add) -> None:
    parser = command(
        to,
        "task",
        "do one task of a list: what a scheduler's script calls",
        "LIST holds one task per line, as --engine slurm writes it.",
        "vidlab batch task runs/clips/slurm/tasks.jsonl 0",
    )
    parser.add_argument("tasks", metavar="LIST", help="file with one task per line")
    parser.add_argument("index", metavar="N", type=int, help="line, from 0")
    add_options(parser, BatchParams, only=("time_limit", "retries", "threads_per_task"))
    parser.set_defaults(run=task)


def _add_common(parser: Parser) -> None:
    parser.add_argument(
        "--out", metavar="DIR", required=True, help="folder of the batch; may hold an earlier one"
    )
    parser.add_argument(
        "--engine",
        metavar="NAME",
        default="local",
        help="who does it: local (processes on this machine), ray, or slurm, which only writes a script for "
        "sbatch (default %(default)s)",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="a line per task instead of bars, as where there is no terminal"
    )
    add_options(parser, BatchParams)
    add_options(parser, ClusterParams)


def stabilize(args: argparse.Namespace) -> int:
    """Run `vidlab batch stabilize`."""
    _require_engine(args.engine)
    method, classes = commands.wanted_method(args), commands.wanted_classes(args.classes)
    methods = _methods(args)
    groups = {name: given(args, model) for name, model in _groups().items()}
    masks_from = commands.masks_source(args)
    from vidlab.batch.planning import plan_videos
    from vidlab.batch.sources import find_sources
    from vidlab.batch.videos import StabilizeSettings
    from vidlab.cli.progress import progress_bar
    from vidlab.jobs import Selection
    from vidlab.jobs.stabilize import method_name

    if args.select is not None:
        Selection.parse(args.select)  # refuses it now, not once per video
    settings = StabilizeSettings(
        masks_from=masks_from,
        method=method,
        method_name=method_name(method),
        class_ids=classes,
        select=args.select,
        truth=None if args.truth is None else Path(args.truth),
        save_frames=args.save_frames,
        **groups,
    )
    with progress_bar("reading", unit="videos") as progress:
        tasks = plan_videos(
            find_sources(args.videos),
            out=Path(args.out),
            settings=settings,
            methods=methods,
            command=_alone(args),
            progress=progress,
        )
    return _do(args, tasks)


def run(args: argparse.Namespace) -> int:
    """Run `vidlab batch run`."""
    _require_engine(args.engine)
    given(args, BatchParams)
    from vidlab.batch.grid import OUT, read_grid
    from vidlab.batch.planning import plan_notebook
    from vidlab.jobs import notebook as notebooks

    notebook = notebooks.find_notebook(args.notebook)
    defaults = notebooks.notebook_parameters(notebook)
    points = read_grid(Path(args.grid), defaults)
    own_folder = OUT in defaults and OUT not in points[0]
    return _do(args, plan_notebook(notebook, out=Path(args.out), points=points, own_folder=own_folder))


def report(args: argparse.Namespace) -> int:
    """Run `vidlab batch report`; its exit code says whether every task has its result."""
    from vidlab.batch.report import write_report
    from vidlab.batch.store import Store
    from vidlab.cli.tables import print_paths

    page, table = write_report(Path(args.folder))
    store = Store(Path(args.folder))
    outcomes = [store.outcome(task) for task in store.read_batch().tasks]
    print_paths({"report": page, "table": table})
    return 0 if all(outcome is not None and outcome.succeeded for outcome in outcomes) else FAILED


def task(args: argparse.Namespace) -> int:
    """Run `vidlab batch task`."""
    params = given(args, BatchParams).model_copy(update={"jobs": 1})
    from vidlab.batch.local import LocalEngine
    from vidlab.batch.slurm import read_task
    from vidlab.batch.store import Store

    one = read_task(Path(args.tasks), args.index)
    (outcome,) = LocalEngine(params).run([one], report=lambda _event: None)
    Store(one.out).record(one, outcome)
    print(f"{one.name}: {outcome.status}{': ' if outcome.error else ''}{outcome.error}")
    return 0 if outcome.succeeded else FAILED


def _do(args: argparse.Namespace, tasks: "list[Task]") -> int:
    """Run tasks with bars or lines, and say what came of them."""
    params, cluster = given(args, BatchParams), given(args, ClusterParams)
    from vidlab.batch.engines import create_engine
    from vidlab.batch.planning import jobs_of
    from vidlab.batch.running import run_batch
    from vidlab.cli.batch_progress import watching

    if args.engine == "local":
        params = params.model_copy(update={"jobs": jobs_of(params, tasks, n_cores=_n_cores())})
    out = Path(args.out)
    engine = create_engine(args.engine, params=params, options=cluster, out=out)
    try:
        with watching(quiet=args.quiet) as watch:
            result = run_batch(
                tasks, out=out, engine=engine, params=params, command=["vidlab", *args.words], watch=watch
            )
    except KeyboardInterrupt:
        print(
            "vidlab: interrupted; what is done is kept, and the same command goes on with it", file=sys.stderr
        )
        return INTERRUPTED
    _show(result, is_detached=engine.is_detached)
    return 0 if result.succeeded or engine.is_detached else FAILED


def _show(result: "BatchResult", *, is_detached: bool) -> None:
    from vidlab.cli.tables import print_lines, print_paths

    counts = {
        "done": result.count("done"),
        "done before": result.count("skipped"),
        "failed": result.count("failed"),
        "stopped at the time limit": result.count("timeout"),
        "handed over" if is_detached else "waiting": result.count("waiting"),
    }
    said = ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "nothing to do"
    print(f"{len(result.tasks)} tasks in {result.seconds:.1f} s: {said}")
    trouble = [
        f"{task.name}: {outcome.error}"
        for task, outcome in zip(result.tasks, result.outcomes, strict=True)
        if outcome is not None and not outcome.succeeded
    ]
    print_lines("without a result:", trouble)
    print_paths({"report": result.report, "table": result.table})


def _methods(args: argparse.Namespace) -> Any:
    """Return the methods of `--methods` with their defaults, None without it."""
    if args.methods is None:
        return None
    others = [word for word in ("method", "params", "settings") if getattr(args, word)]
    if others:
        option = ODD_WORDS.get(others[0], f"--{others[0]}")
        raise ParameterError(f"methods must come from one place, got --methods and {option}; leave one out")
    names = [name.strip() for name in args.methods.split(",") if name.strip()]
    if not names:
        raise ParameterError(f"--methods must name at least one method, got {args.methods!r}")
    tracker = () if args.tracker is None else (f"tracker={args.tracker}",)
    return {name: method_params(name, tracker) for name in names}


def _groups() -> dict[str, Any]:
    return {
        "source": SourceParams,
        "segment": SegmentParams,
        "evidence": EvidenceParams,
        "writer": WriterParams,
    }


def _alone(args: argparse.Namespace) -> "Callable[[Path, StabilizeSettings, Path], list[str]]":
    """Return what words the command of one video: the one that gives the same result alone."""
    names = dict.fromkeys([*WORDS, *(name for model in MODELS for name in model.model_fields)])

    def words(video: Path, settings: "StabilizeSettings", folder: Path) -> list[str]:
        own = {**vars(args), "truth": settings.truth}
        if args.masks is not None:
            own["masks"] = settings.to_plain()["masks"]["path"]
        else:
            own["weights"] = settings.to_plain()["network"]["weights"]
        if args.methods is not None:
            own["method"] = settings.method_name
        if args.params is not None:
            own["params"] = Path(args.params).absolute()
        options = [word for name in names for word in _option(name, own[name])]
        return ["vidlab", "stabilize", str(video), *options, "--out", str(folder)]

    return words


def _option(name: str, value: Any) -> Iterable[str]:
    option = ODD_WORDS.get(name, f"--{name.replace('_', '-')}")
    if value is None or value is False:
        return ()
    if value is True:
        return (option,)
    values = value if isinstance(value, list) else [value]
    return [word for one in values for word in (option, str(one))]


def _require_engine(name: str) -> None:
    """Refuse an unknown engine before anything is read."""
    if name not in ENGINES:
        raise ParameterError(f"unknown engine {name!r}; choose from: {', '.join(ENGINES)}")


def _n_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
