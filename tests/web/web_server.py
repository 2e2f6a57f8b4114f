"""A real server process on loopback, and a visitor who talks to it.

python web_server.py FD HOME PARAMS WEIGHTS      serves on an open socket; the last two are JSON
"""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

PATIENCE_S = 120.0  # for a busy machine; no test waits so long unless something is wrong
FINAL = ("done", "failed", "cancelled")


class WebServer:
    """A server process with its home; `kill` and `start` again as one likes."""

    def __init__(self, home: Path, *, weights: dict[str, str] | None = None, **params: Any) -> None:
        self.home, self._params, self._weights = home, params, weights or {}
        self.log = home.with_name(f"{home.name}.log")
        self.start()

    def start(self) -> None:
        opened = socket.socket()
        opened.bind(("127.0.0.1", 0))
        opened.listen(64)
        self.url = f"http://127.0.0.1:{opened.getsockname()[1]}"
        words = [str(self.home), json.dumps(self._params), json.dumps(self._weights)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, __file__, str(opened.fileno()), *words],
                pass_fds=[opened.fileno()],
                stdout=log,
                stderr=log,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        opened.close()
        self.visitor = Visitor(self.url)
        self.visitor.get("/api/jobs")  # the socket was open before: this waits until somebody answers

    def family(self) -> list[psutil.Process]:
        """The processes below the server's."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def worker(self) -> psutil.Process:
        """The process that computes, as soon as there is one."""
        for _ in ticks():
            found = [one for one in self.family() if "vidlab.web.worker" in " ".join(one.cmdline())]
            if found:
                return found[0]
        raise AssertionError("there is no worker")

    def stop(self) -> int:
        """End it as a service manager does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        """End it as a loss of power does."""
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        self.visitor.close()
        return self.process.wait(PATIENCE_S)


class Visitor:
    """Somebody who uses the page."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=PATIENCE_S)

    def close(self) -> None:
        self._client.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._client.request(method, path, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self._client.get(path, **options)

    def stream(self, path: str) -> Any:
        return self._client.stream("GET", path)

    def send(self, content: bytes, *, name: str, kind: str = "video") -> httpx.Response:
        return self._client.post(f"/api/upload?kind={kind}", files={"file": (name, content)})

    def upload(self, path: Path, *, kind: str = "video") -> str:
        """Upload a file, or a folder as a zip; return its id."""
        content = zip_of(path) if path.is_dir() else path.read_bytes()
        return str(self.found(self.send(content, name=path.name, kind=kind), 201)["upload_id"])

    def post(self, path: str, **wish: Any) -> httpx.Response:
        return self._client.post(path, json=wish)

    def start(self, what: str, **wish: Any) -> str:
        """Start a job; return its id."""
        return str(self.found(self.post(f"/api/{what}", **wish), 202)["job_id"])

    def status(self, job_id: str) -> dict[str, Any]:
        return self.found(self.get(f"/api/status/{job_id}"), 200)

    def end_of(self, job_id: str) -> dict[str, Any]:
        """Wait for the end of a job; return its last status."""
        for _ in ticks():
            status = self.status(job_id)
            if status["state"] in FINAL:
                return status
        raise AssertionError(f"job {job_id} does not end: {status}")

    def reaches(self, job_id: str, *, stage: str, frame: int) -> dict[str, Any]:
        """Wait until a job is so far."""
        for _ in ticks(0.01):
            status = self.status(job_id)
            assert status["state"] not in FINAL, status
            if status["stage"] == stage and status["frame"] >= frame:
                return status
        raise AssertionError(f"job {job_id} does not get so far: {status}")

    def found(self, answer: httpx.Response, code: int) -> dict[str, Any]:
        assert answer.status_code == code, answer.text
        return dict(answer.json())


@contextmanager
def serving(home: Path, **options: Any) -> Iterator[WebServer]:
    """Serve while the block runs; afterwards neither a process nor half an upload is left."""
    server = WebServer(home, **options)
    try:
        yield server
        family = server.family()
        server.stop()
        assert gone(family), family
        assert not list((home / "incoming").iterdir())
    finally:
        if server.process.poll() is None:
            server.kill()


def gone(processes: list[psutil.Process]) -> bool:
    """Whether processes have ended, or do so soon."""
    return not psutil.wait_procs(processes, timeout=PATIENCE_S)[1]


def ticks(pause_s: float = 0.05) -> Iterator[int]:
    ends_s = time.monotonic() + PATIENCE_S
    number = 0
    while time.monotonic() < ends_s:
        yield number
        number += 1
        time.sleep(pause_s)


def zip_of(folder: Path, *, compression: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    return content.getvalue()


def detection(image_id, size, counts):
    """COCO results with one detection."""
    segmentation = {"size": size, "counts": counts}
    found = {"image_id": image_id, "category_id": 18, "score": 0.9, "segmentation": segmentation}
    return json.dumps([found]).encode()


def refused(answer: httpx.Response, code: int) -> str:
    """Check that an answer is no, in one sentence that gives nothing away; return the sentence."""
    assert answer.status_code == code, answer.text
    assert set(answer.json()) == {"error"}
    sentence = str(answer.json()["error"])
    assert sentence
    assert "\n" not in sentence
    for word in ("Traceback", "/tmp", "incoming", "site-packages", "sqlite"):
        assert word not in sentence
    return sentence


def main() -> None:
    import uvicorn

    from vidlab.params import WebParams
    from vidlab.web.app import create_app

    fd, home, params, weights = sys.argv[1:]
    app = create_app(Path(home), params=WebParams(**json.loads(params)), weights=json.loads(weights))
    uvicorn.run(app, fd=int(fd), log_level="warning", timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
