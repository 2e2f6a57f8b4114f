"""Slurm as an engine: an array script for `sbatch`, each index of which does one task or a few in turn.

The script needs bash and a folder of the batch that every machine sees under the same path. Slurm places,
limits and repeats; each task is done by `vidlab batch task`, and so by the same function as everywhere.
"""

import hashlib
import logging
import math
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from vidlab.batch.store import write_aside
from vidlab.batch.work import Outcome, Report, Task
from vidlab.errors import ParameterError, SourceError
from vidlab.jobs.output import worded
from vidlab.params import BatchParams, ClusterParams

logger = logging.getLogger(__name__)

FOLDER = "slurm"
MAX_INDICES = 1000  # Slurm's own default, MaxArraySize 1001, takes no more
PASSED_ON = (
    "time_limit",
    "retries",
    "threads_per_task",
)  # fields of `BatchParams` that a task heeds by itself
START_S = 300.0  # what an index may take beside its tasks: cold starts from a network disk

_BODY = """\
set -u
first=$((SLURM_ARRAY_TASK_ID * {each})) failed=0
for ((task = first; task < first + {each} && task < {n_tasks}; task++)); do
    {command} "$task" || failed=1
done
exit "$failed"
"""


class SlurmEngine:
    """Writes the script and hands nothing back: the tasks run when it was submitted.

    Attributes:
        n_workers: 0, nobody works here.
        is_detached: True.
    """

    n_workers = 0
    is_detached = True

    def __init__(self, params: BatchParams, cluster: ClusterParams, *, out: Path) -> None:
        """Check what can be checked before anything is planned.

        Args:
            params: Tasks at once, time limit, retries, threads.
            cluster: What a task takes.
            out: Folder of the batch.

        Raises:
            ParameterError: A GPU is to be shared, or no Slurm option can hold the name of the folder.
        """
        self._params, self._cluster = params, cluster
        self._folder = Path(os.path.abspath(out)) / FOLDER
        _require_whole(cluster.gpus_per_task)
        _log_pattern(self._folder)

    def run(self, tasks: Sequence[Task], *, report: Report) -> Iterator[Outcome]:
        """Write the tasks and the script that does them, and say how it is submitted; yields nothing.

        Raises:
            OutputError: They cannot be written.
        """
        del report  # nothing happens here
        if tasks:
            script = self._write(tasks)
            logger.info("submit it: sbatch %s", shlex.quote(str(script)))
            logger.info("then collect: vidlab batch report %s", shlex.quote(str(self._folder.parent)))
        return iter(())

    def _write(self, tasks: Sequence[Task]) -> Path:
        """Write both files under a name made of the tasks: a script that still waits its turn stays right."""
        name = hashlib.sha256("".join(task.key for task in tasks).encode()).hexdigest()[:12]
        listed, script = self._folder / f"{name}.jsonl", self._folder / f"{name}.sh"
        text = array_script(listed, n_tasks=len(tasks), params=self._params, cluster=self._cluster)
        with worded(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_aside(listed, "".join(task.to_json() + "\n" for task in tasks))
            write_aside(script, text)
            script.chmod(0o755)
        return script


def read_task(listed: Path, index: int) -> Task:
    """Return a task of the list that a script names.

    Args:
        listed: File with one task per line.
        index: Line, from 0.

    Raises:
        SourceError: The file cannot be read, or has no such line.
        OutputError: The line is no task.
    """
    try:
        with listed.open(encoding="utf-8") as file:
            line = next((text for place, text in enumerate(file) if place == index), "")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"{listed} must be a list of tasks, but cannot be read: {reason}") from None
    if not line:
        raise SourceError(f"{listed} must have a task {index}, got fewer lines")
    return Task.from_json(line)


def array_script(listed: Path, *, n_tasks: int, params: BatchParams, cluster: ClusterParams) -> str:
    """Return a script for `sbatch` that does every task of a list.

    Options given to `sbatch` itself, such as `--partition`, win over those in the script.

    Args:
        listed: File with one task per line, absolute; logs go into its folder.
        n_tasks: How many.
        params: Tasks at once, time limit, retries, threads.
        cluster: What a task takes.

    Raises:
        ParameterError: There is no task, a GPU is to be shared, or no Slurm option can hold the name of the
            folder.
    """
    if n_tasks < 1:
        raise ParameterError(f"an array must hold at least one task, got {n_tasks}")
    each = max(cluster.tasks_per_index, math.ceil(n_tasks / MAX_INDICES))
    options = _options(listed.parent, n_indices=math.ceil(n_tasks / each), params=params, cluster=cluster)
    if params.time_limit:
        options["time"] = _clock(each * params.time_limit + START_S)
    own = [f"--{name.replace('_', '-')}={getattr(params, name)}" for name in PASSED_ON]
    words = [sys.executable, "-m", "vidlab", "batch", "task", *own, str(listed)]
    lines = [
        "#!/usr/bin/env bash",
        f"# {n_tasks} tasks, {each} to an index; to be submitted by sbatch.",
        *(f"#SBATCH --{name}={value}" for name, value in options.items()),
        "#SBATCH --requeue",
        _BODY.format(n_tasks=n_tasks, each=each, command=shlex.join(words)),
    ]
    return "\n".join(lines)


def _options(folder: Path, *, n_indices: int, params: BatchParams, cluster: ClusterParams) -> dict[str, str]:
    n_gpus = _require_whole(cluster.gpus_per_task)
    options = {
        "job-name": "vidlab",
        "array": f"0-{n_indices - 1}" + (f"%{params.jobs}" if params.jobs else ""),
        "output": _log_pattern(folder),
        "open-mode": "append",  # an index that Slurm begins anew goes on in the same log
        "cpus-per-task": str(cluster.cpus_per_task),
    }
    if n_gpus:
        options["gres"] = f"gpu:{n_gpus}"
    if cluster.memory_per_task:
        options["mem"] = f"{math.ceil(1000 * cluster.memory_per_task)}M"
    return options


def _require_whole(n_gpus: float) -> int:
    if n_gpus != int(n_gpus):
        raise ParameterError(
            f"gpus_per_task must be a whole number for slurm, got {n_gpus:g}; the engine ray can share a GPU"
        )
    return int(n_gpus)


def _log_pattern(folder: Path) -> str:
    """Name the log of an index; Slurm puts the number of the job for %A and that of the index for %a."""
    odd = [mark for mark in '"\\\n' if mark in str(folder)]
    if odd:
        raise ParameterError(f"a folder for slurm must have no {odd[0]!r} in its name, got {str(folder)!r}")
    return '"' + str(folder).replace("%", "%%") + '/%A_%a.log"'


def _clock(seconds: float) -> str:
    """Word a time as Slurm reads it, in whole minutes.

    >>> _clock(3600.0), _clock(90061.0)
    ('0-01:00:00', '1-01:02:00')
    """
    minutes = math.ceil(seconds / 60)
    return f"{minutes // 1440}-{minutes // 60 % 24:02}:{minutes % 60:02}:00"
