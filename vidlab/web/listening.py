"""The socket that the page is served from, the token that opens it, the log, and the server itself."""

import errno
import logging
import logging.handlers
import os
import re
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from vidlab.errors import OutputError, ParameterError, SourceError, VidlabError
from vidlab.web.guard import App, Receive, Scope, is_loopback
from vidlab.web.guard_answers import Send

LOG_NAME = "server.log"
LOG_BYTES, LOG_FILES = 2_000_000, 4  # what the log may grow to
BACKLOG = 128  # connections that may wait to be taken
MAX_CONNECTIONS = 512  # at once; a process may have 1024 files open, and some are needed for work
MIN_TOKEN = 16  # characters; fewer can be guessed
_TOKEN = re.compile(rf"[A-Za-z0-9._~-]{{{MIN_TOKEN},256}}", re.ASCII)  # what a cookie and an address can hold


def open_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Args:
        host: Name or address of this machine.
        port: 0 to 65535; 0 takes a free one.

    Raises:
        OutputError: The port is in use or not allowed, or the host is not this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise OutputError(f"host {host!r} is not known here: {error.strerror}") from None
    family, kind, protocol, _, where = found[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(where)
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        raise OutputError(_why_not(error, host, port)) from None
    return opened


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; end what listens there, or choose another by --port"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by this user; choose one from 1024 on by --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"host {host!r} is no address of this machine; use 127.0.0.1, or 0.0.0.0 for all of them"
    return f"port {port} of {host} cannot be used: {(error.strerror or str(error)).lower()}"


def is_private(opened: socket.socket) -> bool:
    """Whether only this machine can reach a socket."""
    return is_loopback(str(opened.getsockname()[0]))


def addresses(opened: socket.socket, *, token: str | None) -> list[str]:
    """Return the addresses to open in a browser, the one for this machine first."""
    where, port = opened.getsockname()[:2]
    names = [where]
    if where in ("0.0.0.0", "::"):
        names = ["127.0.0.1" if where == "0.0.0.0" else "::1", socket.gethostname()]
    query = "" if token is None else f"?token={token}"
    return [f"http://{f'[{name}]' if ':' in name else name}:{port}/{query}" for name in names]


def checked_token(token: str) -> str:
    """Return a token that a person chose.

    Raises:
        ParameterError: It is too short, or holds what an address or a cookie cannot.
    """
    if not _TOKEN.fullmatch(token):
        raise ParameterError(
            f"a token must be {MIN_TOKEN} to 256 letters, digits, '.', '_', '~' or '-', got {len(token)} "
            "characters; leave it out to have one made"
        )
    return token


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(24)


def token_of(path: Path) -> str:
    """Return the token in a file; make both where there is no such file.

    Raises:
        SourceError: Others can read the file, or it cannot be read.
        ParameterError: It holds no token.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(made, "w", encoding="ascii") as stream:
                stream.write(new_token() + "\n")
        if path.stat().st_mode & 0o077:
            raise SourceError(f"{path} must be for its owner alone; run: chmod 600 {path}")
        return checked_token(path.read_text("utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from None


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Write what the server and the application log to a file; warnings are seen as ever.

    Raises:
        OutputError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8"
        )
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in ("vidlab.web", "uvicorn")]
    before = [(each, each.level, each.propagate) for each in loggers]
    for each in loggers:
        each.addHandler(handler)
        each.setLevel(logging.INFO)
        each.propagate = False
    try:
        yield
    finally:
        for each, level, propagate in before:
            each.removeHandler(handler)
            each.setLevel(level)
            each.propagate = propagate
        handler.close()


class _Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


class _Witness:
    """Remembers why an application could not start: the server only logs it."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.error: VidlabError | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except VidlabError as error:
            if scope["type"] == "lifespan":
                self.error = error
            raise


def run_server(app: App, opened: socket.socket, *, stop_s: int, on_ready: Callable[[], None]) -> None:
    """Serve an application until a signal ends it; the signal then acts as it would have without.

    Args:
        app: The application, with its guard.
        opened: Where to listen; closed at the end.
        stop_s: Seconds that open connections have once it is told to stop.
        on_ready: Called when it listens and the application has started.

    Raises:
        VidlabError: The application cannot start.
    """
    witness = _Witness(app)
    config = uvicorn.Config(
        witness,
        log_config=None,
        access_log=False,  # it would hold the token of ?token=; the guard writes its own
        server_header=False,
        proxy_headers=False,  # anybody on this machine could claim to be anybody
        ws="none",
        lifespan="on",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=stop_s,
    )
    try:
        _Server(config, on_ready).run(sockets=[opened])
    except SystemExit:
        if witness.error is None:
            raise
    finally:
        opened.close()
    if witness.error is not None:
        raise witness.error
