"""A JupyterLab of its own for a test: on the loopback, on a free port, with a token, and gone at the end."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from conftest import ROOT

START_LIMIT_S = 180  # 3 s on a quiet machine; half a minute was seen on a busy one
STOP_LIMIT_S = 15

# Every cell stays in the page even when it is out of view, and nothing asks, pops up or looks for news.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {
        "checkForUpdates": False,
        "doNotDisturbMode": True,
        "fetchNews": "false",
    },
}


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab.

    Attributes:
        url: Address of its root, ends in `/`.
        token: Without it every request is refused.
        pid: Of the server; its kernels are children of it.
    """

    url: str
    token: str
    pid: int

    def address(self, path: str, *, view: str = "lab/tree") -> str:
        """Return what to open in a browser to see a file; `doc/tree` shows it without the rest of the Lab."""
        return f"{self.url}{view}/{path}?token={self.token}"


@contextmanager
def running_lab(folder: Path, *, home: Path, arguments: Sequence[str] = ()) -> Iterator[Lab]:
    """Run JupyterLab over a folder, apart from the user's own: settings, kernels and traces lie in `home`.

    Raises:
        RuntimeError: It ends by itself or does not answer in time; the text holds its log.
    """
    token, log = secrets.token_hex(16), home / "lab.log"
    environment = _environment(home)
    options = [
        "--no-browser", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", "--allow-root",
        f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}",
        f"--LabApp.user_settings_dir={home / 'settings'}", f"--LabApp.workspaces_dir={home / 'workspaces'}",
    ]  # fmt: skip
    with log.open("wb") as stream:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Lab(_url(server, runtime=home / "runtime", log=log), token, server.pid)
    finally:
        stop_with_children(server)


def stop_with_children(server: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started, gently first; a kernel has a process group of its own."""
    try:
        started = psutil.Process(server.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        started = []
    server.terminate()
    try:
        server.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    for process in started:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(started, timeout=STOP_LIMIT_S)


def _environment(home: Path) -> dict[str, str]:
    """The caller's environment without a trace of a personal Jupyter; the source under test comes first."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "JPY", "IPYTHON"))
    }
    kept.pop("MPLBACKEND", None)
    for name, settings in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), "utf-8")
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
    }
    for folder in own.values():
        (home / folder).mkdir(exist_ok=True)
    places = {name: str(home / folder) for name, folder in own.items()}
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**kept, **places, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


def _url(server: subprocess.Popen[bytes], *, runtime: Path, log: Path) -> str:
    """Wait until the server has written where it listens."""
    deadline_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline_s:
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab ended by itself:\n{log.read_text('utf-8', 'replace')}")
        for found in runtime.glob("jpserver-*.json"):
            try:
                told = json.loads(found.read_text("utf-8"))
            except ValueError:  # half written
                continue
            return str(told["url"])
        time.sleep(0.1)
    raise RuntimeError(
        f"JupyterLab must listen within {START_LIMIT_S} s:\n{log.read_text('utf-8', 'replace')}"
    )
