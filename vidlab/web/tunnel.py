"""The ssh commands by which a page that listens on one machine is reached from another."""

import re
import shlex
from dataclasses import dataclass

from vidlab.errors import ParameterError

# [USER@]HOST[:PORT]; no leading dash, which ssh would take for an option, and nothing a shell would read.
_DESTINATION = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][\w.\\-]*)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>\d{1,5}))?",
    re.ASCII,
)
MISSES = 3  # unanswered questions after which ssh takes the line for dead, its own default


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One way to reach the page.

    Attributes:
        title: When it is the right one.
        command: The ssh command, for a POSIX shell, cmd or PowerShell.
        run_on: The machine it is run on.
        open: The address to open, and where.
    """

    title: str
    command: str
    run_on: str
    open: str


def tunnels(destination: str, *, port: int, alive_s: int) -> list[Tunnel]:
    """Return the commands of a local and of a reverse tunnel.

    Args:
        destination: `[USER@]HOST[:PORT]` as ssh takes it; the port is that of ssh.
        port: Where the page listens, the same at both ends.
        alive_s: Seconds between questions whether the other side is still there; 0 asks none.

    Raises:
        ParameterError: `destination` has another form.

    >>> tunnels("ada@gpu.example.org", port=8000, alive_s=30)[0].command
    'ssh -N -o ExitOnForwardFailure=yes -o ServerAliveInterval=30 -o ServerAliveCountMax=3 \
-L 127.0.0.1:8000:127.0.0.1:8000 ada@gpu.example.org'
    """
    found = _DESTINATION.fullmatch(destination)
    if found is None:
        raise ParameterError(f"a machine must be named [USER@]HOST[:PORT], got {destination!r}")
    where = f"{found['user']}@" if found["user"] else ""
    where += found["host"].strip("[]")
    options = ["-N", "-o", "ExitOnForwardFailure=yes"]
    if alive_s:
        options += ["-o", f"ServerAliveInterval={alive_s}", "-o", f"ServerAliveCountMax={MISSES}"]
    if found["port"]:
        options += ["-p", found["port"]]
    forward = f"127.0.0.1:{port}:127.0.0.1:{port}"
    address = f"http://localhost:{port}/"
    return [
        Tunnel(
            f"the page runs on {found['host']}, the browser here (local tunnel)",
            shlex.join(["ssh", *options, "-L", forward, where]),
            "the machine with the browser",
            f"{address} in that browser",
        ),
        Tunnel(
            f"the page runs here, the browser on {found['host']} (reverse tunnel)",
            shlex.join(["ssh", *options, "-R", forward, where]),
            "the machine that runs vidlab serve",
            f"{address} in a browser on {found['host']}",
        ),
    ]
