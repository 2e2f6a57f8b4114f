"""A small web server that knows ranges, and breaks as real ones do: cut lines, refusals, changed files."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server offers, how it breaks, and what it was asked.

    Attributes:
        files: Path → content.
        cuts: Bytes after which the line breaks, one entry for each answer; empty for whole answers.
        statuses: Refusals given before anything else, one for each request.
        ranges: It honours ranges.
        version: Its ETag.
        asked: Range of each request, "" where it asked for everything.
    """

    files: dict[str, bytes]
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    version: str = '"one"'
    asked: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def serve(site: Site) -> Iterator[Site]:
    """Run the server while the block runs, on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, site)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def answer(request: BaseHTTPRequestHandler, site: Site) -> None:
    wanted = request.headers.get("Range", "")
    site.asked.append(wanted)
    data = site.files.get(request.path.lstrip("/"))
    if site.statuses or data is None:
        request.send_error(site.statuses.pop(0) if site.statuses else 404)
        return
    same = request.headers.get("If-Range") in (None, site.version)
    start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges and same else 0
    if start >= len(data):
        request.send_error(416)
        return
    request.send_response(206 if start else 200)
    if start:
        request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
    request.send_header("Content-Length", str(len(data) - start))
    request.send_header("ETag", site.version)
    request.end_headers()
    stop = start + site.cuts.pop(0) if site.cuts else len(data)
    request.wfile.write(data[start:stop])
    if stop < len(data):
        request.close_connection = True
