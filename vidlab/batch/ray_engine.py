"""Ray as an engine: actors on this machine or on a cluster, each with one task at a time.

Ray places actors, carries tasks to them, restarts those that were lost and begins their task anew. What is
left to do here is what Ray does not: give an idle actor its next task (Ray's own pool of actors says of no
failure whose it was, and gives tasks to actors that wait for a place), and stop a task that takes too long.
"""

import os
from collections.abc import Iterator, Sequence

from vidlab.batch.ray_cluster import connected, ray_library
from vidlab.batch.ray_crew import Crew
from vidlab.batch.work import Outcome, Report, Task
from vidlab.params import BatchParams, ClusterParams


class RayEngine:
    """Runs tasks in the processes of Ray actors.

    Attributes:
        n_workers: Tasks at once, if the cluster has room for them.
        is_detached: False.
    """

    is_detached = False

    def __init__(self, params: BatchParams, cluster: ClusterParams) -> None:
        """Look for Ray.

        Args:
            params: Tasks at once, 0 for as many as there is room for; time limit, retries, threads, and the
                tasks of a worker, which loads a network once for all of them.
            cluster: What a task takes, and which cluster.

        Raises:
            MissingExtraError: Ray is not installed.
        """
        self._ray = ray_library()
        self._params, self._cluster = params, cluster
        self.n_workers = params.jobs or max(1, (os.cpu_count() or 1) // cluster.cpus_per_task)

    def run(self, tasks: Sequence[Task], *, report: Report) -> Iterator[Outcome]:
        """Run every task by `run_task` in an actor, and yield outcomes in any order.

        Raises:
            EngineError: There is no such cluster, it can never hold a task, or its machines have no vidlab,
                or another version.
        """
        if not tasks:
            return
        with connected(self._ray, self._cluster, n_workers=self.n_workers) as n_places:
            self.n_workers = min(self._params.jobs or max(1, n_places), len(tasks))
            crew = Crew(self._ray, n_workers=self.n_workers, params=self._params, cluster=self._cluster)
            try:
                yield from crew.run(tasks, report=report)
            finally:
                crew.dismiss()
