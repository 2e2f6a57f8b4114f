"""`vidlab serve`: its words, and what it prints. The web application is imported late: --help is instant."""

import argparse
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vidlab.cli.options import Parser, add_options, given
from vidlab.errors import MissingExtraError, UsageError, WeightsError
from vidlab.params import ServeParams, WebParams

SUMMARY = "open the web page: drop a video, choose a class and a method, watch the flicker go"
DESCRIPTION = """\
Page and interface for programs on one port, the work in a process of its own. Uploads, results, the list
of jobs and the log (server.log) lie in --home; a server that was killed goes on with what waited there.
Listens on this machine only. On any other --host everybody must show a token: that of --token-file or
--token, else one is made and printed. docs/remote.md says how to reach the page from elsewhere."""
EXAMPLES = (
    "vidlab serve",
    "vidlab serve --port 8010 --home runs/web --max-upload-mb 2048",
    "vidlab serve --host 0.0.0.0 --token-file runs/token",
    "vidlab serve --weights unet=runs/net/best.pt",
    "vidlab serve --print-tunnel ada@gpu.example.org",
)


def add(to: Any, command: Callable[..., Parser]) -> None:
    """Add the command `vidlab serve` and everything it takes."""
    parser = command(to, "serve", SUMMARY, DESCRIPTION, *EXAMPLES)
    parser.set_defaults(run=run)
    parser.add_argument(
        "--host", metavar="NAME", default="127.0.0.1", help="address to listen on (default %(default)s)"
    )
    parser.add_argument(
        "--home",
        metavar="DIR",
        default="runs/web",
        help="folder of uploads and results (default %(default)s)",
    )
    parser.add_argument(
        "--token", metavar="TEXT", help="what everybody must show; seen in the list of processes"
    )
    parser.add_argument(
        "--token-file", metavar="FILE", help="file with the token; made, for its owner alone, if not there"
    )
    parser.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="a name other than localhost by which the page may be called without a token; repeatable",
    )
    parser.add_argument(
        "--weights",
        metavar="NETWORK=FILE",
        action="append",
        default=[],
        help="weights for a network of the page; repeatable; the first network named is its default",
    )
    parser.add_argument(
        "--print-tunnel",
        metavar="USER@HOST",
        help="print the ssh commands that lead to the page from, or through, another machine, and end",
    )
    add_options(parser, ServeParams)
    add_options(parser, WebParams)


def run(args: argparse.Namespace) -> int:
    """Run `vidlab serve`."""
    serving, params = given(args, ServeParams), given(args, WebParams)
    if args.print_tunnel is not None:
        return _print_tunnels(args.print_tunnel, serving)
    if args.token is not None and args.token_file is not None:
        raise UsageError("the token comes from one place, got --token and --token-file; leave one out")
    try:
        from vidlab.web import listening
        from vidlab.web.app import create_app
        from vidlab.web.guard import Guard
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("vidlab"):
            raise
        raise MissingExtraError.for_feature("the web page", extra="web") from error
    home = Path(args.home)
    token, weights = _token(args), _weights(args.weights)
    with listening.open_socket(args.host, serving.port) as opened:
        if token is None and not listening.is_private(opened):
            token = listening.new_token()
        page = create_app(home, params=params, weights=weights)
        app = Guard(page, token=token, params=params, names=args.allow_host)
        log = home / listening.LOG_NAME
        with listening.logging_to(log):
            return _serve(app, opened, stop_s=serving.stop_s, on_ready=lambda: _say(opened, token, home, log))


def _serve(app: Any, opened: socket.socket, *, stop_s: int, on_ready: Callable[[], None]) -> int:
    """Serve until a signal; to be told to stop is how it ends, and no failure."""
    from vidlab.cli import TERMINATED
    from vidlab.web import listening

    try:
        listening.run_server(app, opened, stop_s=stop_s, on_ready=on_ready)
    except KeyboardInterrupt:
        pass
    except SystemExit as stop:
        if stop.code != TERMINATED:
            raise
    print("stopped; what was waiting goes on at the next start", flush=True)
    return 0


def _token(args: argparse.Namespace) -> str | None:
    from vidlab.web import listening

    if args.token_file is not None:
        return listening.token_of(Path(args.token_file))
    return None if args.token is None else listening.checked_token(args.token)


def _weights(given_words: list[str]) -> dict[str, str]:
    found = {}
    for text in given_words:
        name, sign, path = text.partition("=")
        if not (sign and name and path):
            raise UsageError(f"weights must have the form NETWORK=FILE, got {text!r}")
        if path != "random" and not Path(path).is_file():
            raise WeightsError(f"weights of {name} must be a file, got {path}")
        found[name] = path
    return found


def _say(opened: socket.socket, token: str | None, home: Path, log: Path) -> None:
    from vidlab.web import listening

    first, *others = listening.addresses(opened, token=token)
    print(f"the page: {first}")
    for other in others:
        print(f"          {other}")
    print(f"results:  {home}\nlog:      {log}\nCtrl-C ends it", flush=True)


def _print_tunnels(destination: str, serving: ServeParams) -> int:
    from vidlab.web.tunnel import tunnels

    for tunnel in tunnels(destination, port=serving.port, alive_s=serving.alive_s):
        print(f"# {tunnel.title}: run on {tunnel.run_on}, then open {tunnel.open}\n{tunnel.command}\n")
    print("# docs/remote.md: keys, keep-alive, autossh, a Windows machine between", flush=True)
    return 0
