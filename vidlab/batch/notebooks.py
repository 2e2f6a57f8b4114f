"""The task that executes one notebook with one set of parameters."""

import shutil
import time
from pathlib import Path

from vidlab.batch.networks import Networks
from vidlab.batch.work import Outcome, Task
from vidlab.jobs.notebook import run_notebook
from vidlab.jobs.output import result_folder
from vidlab.jobs.progress import Progress

EXECUTED = "notebook.ipynb"
FILES = "files"  # beside it: where a notebook writes whose parameter `out` nobody gave


def run_notebook_task(task: Task, *, out: Path, progress: Progress, networks: Networks | None) -> Outcome:
    """Execute a notebook into `out`; a killed run starts over, since a notebook has no state to go on with.

    Raises:
        VidlabError: What `vidlab.jobs.notebook.run_notebook` raises.
    """
    del networks  # a kernel is a process of its own
    parameters = dict(task.settings["parameters"])
    start_s = time.monotonic()
    for leftover in out.parent.glob(f".{out.name}.partial-*"):
        shutil.rmtree(leftover)
    progress(0, 1)
    with result_folder(out, force=True, inputs=()) as folder:
        files = folder / FILES
        if task.settings["own_folder"]:
            files.mkdir()
            parameters["out"] = str(files)
        run_notebook(
            Path(task.source), out=folder / EXECUTED, parameters=parameters, failed=task.failed_notebook
        )
        has_files = files.is_dir() and any(files.iterdir())
    progress(1, 1)
    links = {"notebook": EXECUTED, **({"files": FILES} if has_files else {})}
    return Outcome(task.key, "done", seconds=round(time.monotonic() - start_s, 3), links=links)
