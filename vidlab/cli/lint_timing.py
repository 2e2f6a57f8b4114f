"""`vidlab lint-timing`: clocks around work of a GPU that nobody waits for."""

import argparse
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from vidlab.cli.options import Parser
from vidlab.errors import SourceError

logger = logging.getLogger(__name__)

SUMMARY = "find clocks that stop before the GPU is done, in scripts and notebooks"
DESCRIPTION = """\
Reads the files, runs nothing. Reports each place where time.time(), perf_counter(), %%time, timeit and so on
measure work that was only asked for: FILE:LINE, what is still running, what to do. Code that never touches
a device is not reported. Exit code 1 if anything was found."""
EXAMPLES = ("vidlab lint-timing train.py bench.ipynb", "vidlab lint-timing notebooks/ benchmarks/")
_KINDS = (".py", ".ipynb")
_FOUND = 1


def add(to: Any, command: Callable[..., Parser]) -> None:
    """Add the command `vidlab lint-timing` and everything it takes."""
    parser = command(to, "lint-timing", SUMMARY, DESCRIPTION, *EXAMPLES)
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="Python script, notebook, or folder with some of them"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run `vidlab lint-timing`."""
    from vidlab.profiling.lint import lint_code, read_code

    n_files, n_found, n_failed = 0, 0, 0
    for path in _files(args.files):
        try:
            code = read_code(path)
        except SourceError as error:  # the other files are still worth reading
            logger.error("%s", error)
            n_failed += 1
            continue
        n_files += 1
        for cell in code.skipped:
            logger.info("%s: cell %d is no Python, and was not read", path, cell)
        for finding in lint_code(code, path=path):
            print(finding)
            n_found += 1
    clocks = "clock" if n_found == 1 else "clocks"
    print(f"{n_found} {clocks} to mend in {n_files} {'file' if n_files == 1 else 'files'}")
    return _FOUND if n_found or n_failed else 0


def _files(given: Iterable[str]) -> Iterator[Path]:
    for name in given:
        path = Path(name)
        if not path.is_dir():
            yield path
            continue
        found = (file for file in path.rglob("*") if file.suffix in _KINDS and file.is_file())
        yield from sorted(file for file in found if not _is_hidden(file.relative_to(path)))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
