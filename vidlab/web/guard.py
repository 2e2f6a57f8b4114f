"""Who may ask, how often, and from where: stands before the application, and needs nothing but ASGI."""

import hmac
import ipaddress
import logging
import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

from vidlab.params import WebParams
from vidlab.web.guard_answers import HEADERS, Answer, Message, Send, problem, token_form, welcome
from vidlab.web.guard_rate import Visitors, visitor_of

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

access = logging.getLogger("vidlab.web.access")


class Guard:
    """Lets through who shows the token, comes from the page itself, and does not ask too often."""

    def __init__(
        self,
        app: App,
        *,
        token: str | None,
        params: WebParams,
        names: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Stand before an application.

        Args:
            app: The application.
            token: What everybody must show; None lets in everybody who calls this machine by a loopback name.
            params: How often one visitor may ask.
            names: Further names of this server, without a port, that need no token either.
            clock: Seconds from any origin.
        """
        self._app, self._token = app, token
        self._names = {name.lower() for name in names}
        self._reads = Visitors(params.rate_per_minute, clock=clock)
        self._writes = Visitors(params.writes_per_minute, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on with headers that every answer has."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # none of ours
            return
        send = _logged(scope, _with_headers(send))
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        answer = (
            self._wrong_name(headers)
            or self._too_often(scope)
            or _foreign(scope, headers)
            or self._stranger(scope, headers)
        )
        await (answer.send(send) if answer else self._app(scope, receive, send))

    def _wrong_name(self, headers: Mapping[str, str]) -> Answer | None:
        """Refuse unknown names where there is no token: a page elsewhere may let its own name point here."""
        name = host_name(headers.get("host", ""))
        if self._token is not None or name in self._names or is_loopback(name):
            return None
        return problem(
            403,
            f"without a token this server must be called localhost, got {name[:80]!r}; start it with a "
            "token, or allow this name by --allow-host",
        )

    def _too_often(self, scope: Scope) -> Answer | None:
        visitor = _visitor(scope)
        wait_s = self._reads.wait_s(visitor)
        if not wait_s and scope["method"] not in SAFE_METHODS:
            wait_s = self._writes.wait_s(visitor)
        return _busy(wait_s) if wait_s else None

    def _stranger(self, scope: Scope, headers: Mapping[str, str]) -> Answer | None:
        """Ask for the token, unless it comes as a header, as a cookie, or once in the address."""
        if self._token is None:
            return None
        cookie = cookie_name(headers.get("host", ""))
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if self._fits(_cookie(headers, cookie)) or (
            scheme.lower() == "bearer" and self._fits(bearer.strip())
        ):
            return None
        asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in asked if name == "token"), None)
        wants_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
        if given is not None and self._fits(given):
            query = urlencode([pair for pair in asked if pair[0] != "token"])
            scope["query_string"] = query.encode()  # no log and no page further in sees the token
            return welcome(self._cookie_line(cookie, scope), query=query) if wants_page else None
        if given is not None or bearer:
            wait_s = self._writes.wait_s(_visitor(scope))  # guessing is slow
            if wait_s:
                return _busy(wait_s)
        if wants_page:
            return token_form(headers.get("accept-language", ""))
        return problem(401, "the token must be shown, as Authorization: Bearer …", www_authenticate="Bearer")

    def _cookie_line(self, name: str, scope: Scope) -> str:
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        return f"{name}={self._token}; Path=/; HttpOnly; SameSite=Strict{secure}"

    def _fits(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self._token or "").encode())


def host_name(host: str) -> str:
    """Return the name of a `Host` header, lower case, without port and brackets; empty where it is none.

    >>> host_name("LocalHost:8000"), host_name("[::1]:8000"), host_name("a@b"), host_name("[")
    ('localhost', '::1', '', '')
    """
    try:
        return "" if "@" in host else (urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return ""


def is_loopback(name: str) -> bool:
    """Whether a name or an address leads no further than this machine.

    >>> [is_loopback(name) for name in ("localhost", "127.8.0.1", "::1", "10.0.0.1", "localhost.a.example")]
    [True, True, True, False, False]
    """
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def cookie_name(host: str) -> str:
    """Return the name of the cookie: one for each port, which cookies do not tell apart by themselves.

    >>> cookie_name("localhost:8000"), cookie_name("lab.example.org")
    ('vidlab_8000', 'vidlab')
    """
    port = host.rpartition(":")[2]
    return f"vidlab_{port}" if port.isascii() and port.isdigit() else "vidlab"


def _cookie(headers: Mapping[str, str], name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _foreign(scope: Scope, headers: Mapping[str, str]) -> Answer | None:
    """Refuse what a page of another site makes a browser send; opening a link to here is allowed."""
    site = headers.get("sec-fetch-site")
    safe = scope["method"] in SAFE_METHODS
    if site is None:  # an old browser, plain http from elsewhere, or a program
        origin = headers.get("origin")
        allowed = safe or origin is None or _same(origin, headers.get("host", ""))
    elif site in ("same-origin", "none"):
        allowed = True
    else:
        allowed = safe and headers.get("sec-fetch-mode") == "navigate" and _opens_page(headers)
    return None if allowed else problem(403, "requests from pages of other sites are refused")


def _opens_page(headers: Mapping[str, str]) -> bool:
    return headers.get("sec-fetch-dest", "document") == "document"


def _same(origin: str, host: str) -> bool:
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _visitor(scope: Scope) -> str:
    client = scope.get("client")
    return visitor_of(client[0]) if client else ""


def _busy(wait_s: float) -> Answer:
    whole_s = max(1, math.ceil(wait_s))
    unit = "second" if whole_s == 1 else "seconds"
    return problem(429, f"too many requests; ask again in {whole_s} {unit}", retry_after=str(whole_s))


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message.get("headers", ())}
            missing = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in names]
            message = {**message, "headers": [*message.get("headers", ()), *missing]}
        await send(message)

    return sending


def _logged(scope: Scope, send: Send) -> Send:
    """Write one line for each answer: what changes something or goes wrong; the rest for debugging only."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            told = message["status"] >= 400 or scope["method"] not in SAFE_METHODS
            path = scope.get("raw_path", b"").decode("latin-1")[:300]  # as it was sent: no line breaks
            level = logging.INFO if told else logging.DEBUG
            access.log(level, "%s %s %s %d", _visitor(scope), scope["method"], path, message["status"])
        await send(message)

    return sending
