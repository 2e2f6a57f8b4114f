"""A Ray cluster to work on: one that runs already, or one of this machine that goes with the batch."""

import contextlib
import ctypes
import fcntl
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vidlab.batch.processes import child_processes, kill_processes
from vidlab.batch.ray_guard import guarded
from vidlab.errors import EngineError, MissingExtraError
from vidlab.params import ClusterParams

logger = logging.getLogger(__name__)

ADDRESS = "RAY_ADDRESS"
SCRATCH = "vlray-"  # short: the names of Ray's sockets in it may have no more than 107 bytes
PR_SET_CHILD_SUBREAPER = 36  # of Linux' prctl
SETTLED_S = 60.0  # a folder younger than this may be about to be locked
STORE_BYTES = 80 * 2**20  # near the least Ray takes: tasks and outcomes are small, videos never pass through
SYSTEM = {
    # Child processes of a worker that was killed, such as the kernel of a notebook, die with it.
    "kill_child_processes_on_worker_exit_with_raylet_subreaper": True,
    # Workers that start beside Ray's own agents delay these, for which Ray waits 15 s and no longer.
    "prestart_worker_first_driver": False,
    "enable_worker_prestart": False,
}
STARTS = 3  # tries to start Ray: on a busy machine its agents may come too late, and it gives up
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a task that asks for no GPU of its own sees all of them
}


def ray_library() -> Any:
    """Return the package `ray`.

    Raises:
        MissingExtraError: It is not installed.
    """
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    try:
        import ray
    except ImportError:
        raise MissingExtraError.for_feature("the engine ray", extra="ray") from None
    return ray


@contextmanager
def connected(ray: Any, params: ClusterParams, *, n_workers: int) -> Iterator[int]:
    """Be the driver of a cluster while the block runs.

    A cluster that is started here ends with the block, and with this process, however that ends. A connection
    that the caller has is used, and left as it is.

    Args:
        ray: The package.
        params: Which cluster, and what a task takes of it.
        n_workers: Tasks at once, if the cluster is to be started here.

    Yields:
        How many tasks it can hold at once, as it is now.

    Raises:
        EngineError: The cluster cannot be reached or started, or can never hold a task.
    """
    if ray.is_initialized():
        yield _room(ray, params)
        return
    address = params.ray_address or os.environ.get(ADDRESS, "")
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    with contextlib.ExitStack() as stack:
        if address:
            options["address"] = address
        else:
            scratch = stack.enter_context(scratch_folder())
            all_started = stack.enter_context(guarded(scratch))
            options |= _own_cluster(n_workers * params.cpus_per_task, scratch=scratch)
        with _process_kept():
            if address:
                _init(ray, options, what=f"the ray cluster {address} must be reachable")
            else:
                _start(ray, options)
                all_started()
        stack.callback(ray.shutdown)
        n_places = _room(ray, params)
        if not address and not n_places:
            raise EngineError(_no_room(ray, params))
        if not n_places:
            logger.warning("%s; waiting for a machine that has room", _no_room(ray, params))
        yield n_places


def _start(ray: Any, options: dict[str, Any]) -> None:
    """Start a cluster; one that comes too slowly is taken away, and tried again."""
    for number in range(1, STARTS + 1):
        before = set(child_processes())
        try:
            _init(ray, options, what="ray must start on this machine")
            break
        except EngineError as error:
            kill_processes(set(child_processes()) - before)
            if number == STARTS:
                raise
            logger.info("ray is started again: %s", error)


def _init(ray: Any, options: dict[str, Any], *, what: str) -> None:
    try:
        ray.init(**options)
    except Exception as error:  # whatever grpc, psutil and the file system raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise EngineError(f"{what}, got: {reason[:300]}") from error


def _own_cluster(n_cpus: int, *, scratch: Path) -> dict[str, Any]:
    return {
        "address": "local",
        "num_cpus": n_cpus,
        "include_dashboard": False,
        "object_store_memory": STORE_BYTES,
        "_temp_dir": str(scratch),
        "_system_config": SYSTEM,
    }


def _room(ray: Any, params: ClusterParams) -> int:
    """Return how many tasks all machines together can hold."""
    need = {name: amount for name, amount in _need(params).items() if amount}
    return sum(
        min(int(node["Resources"].get(name, 0) // amount) for name, amount in need.items())
        for node in ray.nodes()
        if node["Alive"]
    )


def _no_room(ray: Any, params: ClusterParams) -> str:
    need = _need(params)
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    most = {name: max((node.get(name, 0) for node in nodes), default=0) for name in need}
    return (
        f"a task must fit a machine of the cluster, got {_amounts(need)} for a task and at most "
        f"{_amounts(most)} on a machine"
    )


def _need(params: ClusterParams) -> dict[str, float]:
    return {
        "CPU": params.cpus_per_task,
        "GPU": params.gpus_per_task,
        "memory": 1e9 * params.memory_per_task,
    }


def _amounts(resources: dict[str, float]) -> str:
    return f"{resources['CPU']:g} cores, {resources['GPU']:g} GPUs, {resources['memory'] / 1e9:.3g} GB"


@contextmanager
def _process_kept() -> Iterator[None]:
    """Undo what `ray.init` makes of this process beside connecting it.

    It takes SIGTERM over. Where orphans are adopted by the raylet, this process adopts them, too, and ignores
    SIGCHLD: every child would seem to have ended well.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGCHLD)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a folder with a short name, and remove it in the end; those of killed processes go, too."""
    root = Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir())
    for left in root.glob(f"{SCRATCH}*"):
        _remove_abandoned(left)
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=root))
    lock = os.open(folder, os.O_RDONLY)  # is let go with this process, however it ends
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_abandoned(folder: Path) -> None:
    with contextlib.suppress(OSError):  # somebody else's, or just removed by somebody else
        facts = folder.stat()
        if facts.st_uid != os.getuid() or time.time() - facts.st_mtime < SETTLED_S:
            return
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
