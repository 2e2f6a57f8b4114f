"""How many videos or notebooks are worked on at once, for how long, with how much room."""

from vidlab.schema import Params, tunable


class BatchParams(Params):
    """How many tasks run at once, for how long, and with how much room."""

    jobs: int = tunable(
        0,
        "Tasks at once, each in a process of its own; 0 takes one per core, or a single one where a network "
        "finds the masks or notebooks run, which use the cores themselves.",
        ge=0, le=1024,
    )  # fmt: skip
    time_limit: float = tunable(
        86400.0,
        "Stop a task that takes longer, with everything it started; a second start goes on with it. 0 is no "
        "limit.",
        unit="s", ge=0,
    )  # fmt: skip
    retries: int = tunable(
        1,
        "Times a task is begun again whose process died, as for want of memory; it goes on where it was.",
        ge=0, le=100,
    )  # fmt: skip
    tasks_per_worker: int = tunable(
        50,
        "Tasks that one process does, one after the other, before a new one takes its place; more load "
        "libraries and a network less often, 1 gives each task a new process, 0 is no limit.",
        ge=0, le=1000000,
    )  # fmt: skip
    threads_per_task: int = tunable(
        0,
        "Threads of each task's arithmetic; 0 takes as many as a single run would, whose network results are "
        "then the same to the last bit; cores divided by jobs is faster.",
        ge=0, le=1024,
    )  # fmt: skip
    disk_reserve: float = tunable(
        2.0, "Room that must be left on the disk when everything is done.", unit="GB", ge=0
    )
