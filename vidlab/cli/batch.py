"""`vidlab batch`: its words."""

from collections.abc import Callable
from typing import Any

from vidlab.cli import batch_runs
from vidlab.cli.options import Parser, add_options
from vidlab.params import BatchParams, ClusterParams

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
    parser.set_defaults(run=batch_runs.stabilize)


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
    parser.set_defaults(run=batch_runs.run)


def _add_report(to: Any, command: _Add) -> None:
    parser = command(
        to,
        "report",
        "write the report of a batch anew from what is there",
        "Needed only while a batch runs, or after a scheduler has done it.",
        "vidlab batch report runs/clips",
    )
    parser.add_argument("folder", metavar="DIR", help="folder of the batch")
    parser.set_defaults(run=batch_runs.report)


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
    parser.set_defaults(run=batch_runs.task)


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
