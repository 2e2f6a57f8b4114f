"""Who is let through, who is not, and what a browser is told: over an application that always says yes."""

import asyncio
import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra web is not installed")

from vidlab.params import WebParams
from vidlab.web.guard import Guard
from vidlab.web.guard_rate import MAX_VISITORS, Visitors

TOKEN = "a-token-of-this-test_1"
PAGE = {"accept": "text/html,application/xhtml+xml"}


@dataclass(frozen=True)
class Got:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])


class Yes:
    """Says yes to everything, and remembers what reached it."""

    def __init__(self, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.headers = headers or []
        self.seen: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(dict(scope))
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"yes"})


def ask(
    guard: Guard,
    path: str = "/api",
    *,
    method: str = "GET",
    client: str | None = "127.0.0.1",
    scheme: str = "http",
    headers: Mapping[str, str] | None = None,
) -> Got:
    path, _, query = path.partition("?")
    given = {"host": "localhost:8000", **(headers or {})}
    scope = {
        "type": "http", "method": method, "scheme": scheme, "path": path, "raw_path": path.encode(),
        "query_string": query.encode(), "client": None if client is None else (client, 50_000),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def run() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            sent.append(dict(message))

        await guard(scope, receive, send)

    asyncio.run(run())
    start, *bodies = sent
    names = [name for name, _ in start["headers"]]
    assert len(names) == len(set(names)), "a header is sent twice"
    return Got(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(message["body"] for message in bodies).decode(),
    )


def guard(
    app: Any = None,
    *,
    token: str | None = None,
    names: tuple[str, ...] = (),
    clock: Callable[[], float] = lambda: 0.0,
    **limits: int,
) -> Guard:
    return Guard(app or Yes(), token=token, params=WebParams(**limits), names=names, clock=clock)


# ── without a token: this machine, under its own name ───────────────────────────────────────────────────────
@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:9", "[::1]:8000", "LOCALHOST"])
def test_loopback_names_are_let_in(host: str) -> None:
    assert ask(guard(), headers={"host": host}).body == "yes"


@pytest.mark.parametrize(
    "host",
    ["", "a.example", "a.example:8000", "localhost.a.example", "10.0.0.1", "a@localhost", "[", "127.0.0.1.a"],
)
def test_name_that_somebody_else_may_own_is_refused_without_a_token(host: str) -> None:
    app = Yes()
    got = ask(guard(app), headers={"host": host})
    assert got.status == 403
    assert "must be called localhost" in got.error
    assert app.seen == []


def test_allowed_name_is_let_in_and_no_other() -> None:
    allowing = guard(names=("Hub.example.org",))
    assert ask(allowing, headers={"host": "hub.example.org"}).status == 200
    assert ask(allowing, headers={"host": "evil.example"}).status == 403


# ── with a token: whoever shows it ──────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("path", ["/", "/api", "/static/app.js", "/api/video/1/raw"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD", "OPTIONS"])
def test_nothing_is_given_without_the_token(path: str, method: str) -> None:
    app = Yes()
    got = ask(guard(app, token=TOKEN), path, method=method)
    assert got.status == 401
    assert got.headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer" in got.error
    assert app.seen == []


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer   {TOKEN}"},
        {"cookie": f"other=1; vidlab_8000={TOKEN}"},
    ],
)
def test_token_is_taken_from_header_and_cookie(headers: dict[str, str]) -> None:
    assert ask(guard(token=TOKEN), headers=headers).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": "Bearer \xff\xfe"},
        {"cookie": f"vidlab_8001={TOKEN}"},
        {"cookie": "vidlab_8000="},
        {"cookie": 'vidlab_8000="'},
    ],
)
def test_anything_else_is_no_token(headers: dict[str, str]) -> None:
    assert ask(guard(token=TOKEN), headers=headers).status == 401


def test_any_name_will_do_with_the_token() -> None:
    headers = {"host": "gpu.example.org:9000", "authorization": f"Bearer {TOKEN}"}
    assert ask(guard(token=TOKEN), headers=headers).status == 200


def test_token_in_the_address_becomes_a_cookie_that_no_script_can_read() -> None:
    app = Yes()
    asked = guard(app, token=TOKEN)
    got = ask(asked, f"/?token={TOKEN}&x=%26%3C", headers=PAGE)
    assert got.status == 200
    assert got.headers["set-cookie"] == f"vidlab_8000={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
    assert got.headers["cache-control"] == "no-store"
    assert TOKEN not in got.body
    assert 'content="0;url=?x=%26%3C"' in got.body
    assert app.seen == []
    cookie = got.headers["set-cookie"].partition(";")[0]
    assert ask(asked, "/", headers={**PAGE, "cookie": cookie}).body == "yes"


def test_cookie_stays_on_encrypted_lines_where_there_is_one() -> None:
    got = ask(guard(token=TOKEN), f"/?token={TOKEN}", headers=PAGE, scheme="https")
    assert got.headers["set-cookie"].endswith("; Secure")


def test_program_may_show_the_token_in_the_address_and_nothing_behind_sees_it() -> None:
    app = Yes()
    assert ask(guard(app, token=TOKEN), f"/api/jobs?a=1&token={TOKEN}").body == "yes"
    assert app.seen[0]["query_string"] == b"a=1"


def test_person_is_asked_for_the_token_in_her_language() -> None:
    english = ask(guard(token=TOKEN), "/", headers=PAGE)
    russian = ask(guard(token=TOKEN), "/?token=wrong", headers={**PAGE, "accept-language": "ru-RU,ru;q=0.9"})
    assert (english.status, russian.status) == (401, 401)
    assert 'name="token" type="password"' in english.body
    assert "Токен" in russian.body


def test_style_of_the_form_is_the_one_that_its_policy_allows() -> None:
    got = ask(guard(token=TOKEN), "/", headers=PAGE)
    (style,) = re.findall(r"<style>(.*?)</style>", got.body)
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in got.headers["content-security-policy"]


def test_guessing_the_token_is_slow() -> None:
    asked = guard(token=TOKEN, writes_per_minute=3)
    wrong = [ask(asked, headers={"authorization": f"Bearer {n}"}).status for n in range(5)]
    assert wrong == [401, 401, 401, 429, 429]
    assert ask(asked, headers={"authorization": f"Bearer {TOKEN}"}).status == 200


# ── how often ───────────────────────────────────────────────────────────────────────────────────────────────
def test_one_visitor_too_many_times_is_told_when_to_come_again() -> None:
    now_s = 0.0
    asked = guard(clock=lambda: now_s, rate_per_minute=2)
    assert [ask(asked).status for _ in range(3)] == [200, 200, 429]
    got = ask(asked)
    assert got.headers["retry-after"] == "30"
    assert got.error == "too many requests; ask again in 30 seconds"
    assert ask(asked, client="127.0.0.2").status == 200
    now_s = 30.0
    assert [ask(asked).status for _ in range(2)] == [200, 429]


def test_changes_have_a_limit_of_their_own() -> None:
    asked = guard(rate_per_minute=100, writes_per_minute=1)
    statuses = [ask(asked, method=method).status for method in ("POST", "DELETE", "GET")]
    assert statuses == [200, 429, 200]


def test_visitor_of_one_ipv6_network_is_one() -> None:
    asked = guard(rate_per_minute=1)
    clients = ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")
    assert [ask(asked, client=client).status for client in clients] == [200, 429, 200]


def test_unknown_visitor_has_a_limit_too() -> None:
    asked = guard(rate_per_minute=1)
    assert [ask(asked, client=None).status for _ in range(2)] == [200, 429]


def test_bucket_never_holds_more_than_a_minute() -> None:
    now_s = 0.0
    visitors = Visitors(3, clock=lambda: now_s)
    visitors.wait_s("a")
    now_s = 1e6
    assert [visitors.wait_s("a") for _ in range(4)] == [0, 0, 0, 20]


def test_memory_of_visitors_is_bounded() -> None:
    visitors = Visitors(1, clock=lambda: 0.0)
    for n in range(MAX_VISITORS + 1):
        visitors.wait_s(str(n))
    assert visitors.wait_s("0") == 0  # forgotten
    assert visitors.wait_s(str(MAX_VISITORS)) > 0


# ── pages of other sites ────────────────────────────────────────────────────────────────────────────────────
def from_site(site: str, *, mode: str = "no-cors", to: str = "empty") -> dict[str, str]:
    """What a browser tells of who made it ask."""
    return {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": to}


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {}, 200),  # a program
        ("POST", {"origin": "http://localhost:8000"}, 200),
        ("POST", {"origin": "http://localhost:8001"}, 403),
        ("POST", {"origin": "http://evil.example"}, 403),
        ("POST", {"origin": "null"}, 403),
        ("POST", {"origin": "http://["}, 403),
        ("DELETE", {"origin": "https://evil.example"}, 403),
        ("POST", {"sec-fetch-site": "same-origin", "origin": "http://proxy.example"}, 200),
        ("POST", {"sec-fetch-site": "none"}, 200),
        ("POST", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", {"sec-fetch-site": "same-site"}, 403),  # another port of this machine
        ("POST", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 403),  # a form
        ("GET", {"sec-fetch-site": "same-origin"}, 200),
        ("GET", from_site("cross-site", to="image"), 403),
        ("GET", from_site("cross-site", mode="cors"), 403),
        ("GET", from_site("cross-site", mode="navigate", to="document"), 200),
        ("GET", from_site("cross-site", mode="navigate", to="iframe"), 403),
    ],
)  # fmt: skip
def test_pages_of_other_sites_may_only_link_here(method: str, headers: dict[str, str], status: int) -> None:
    got = ask(guard(), method=method, headers=headers)
    assert got.status == status
    if status == 403:
        assert got.error == "requests from pages of other sites are refused"


# ── headers ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("token", [None, TOKEN])
def test_every_answer_forbids_what_is_not_ours(token: str | None) -> None:
    got = ask(guard(token=token))
    policy = dict(rule.split(" ", 1) for rule in got.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in got.headers["content-security-policy"]
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["referrer-policy"] == "no-referrer"
    assert not [name for name in got.headers if name.startswith("access-control")]


def test_what_the_application_says_itself_stands() -> None:
    got = ask(guard(Yes([(b"Cache-Control", b"max-age=5"), (b"etag", b'"1"')])))
    assert got.headers["Cache-Control"] == "max-age=5"
    assert "cache-control" not in got.headers
    assert got.headers["etag"] == '"1"'


def test_start_and_end_of_the_application_pass_untouched() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    scope = {"type": "lifespan"}
    asyncio.run(Guard(app, token=TOKEN, params=WebParams())(scope, None, None))  # type: ignore[arg-type]
    assert seen == [scope]


def test_log_tells_changes_and_refusals_and_no_token(caplog: pytest.LogCaptureFixture) -> None:
    asked = guard(token=TOKEN)
    with caplog.at_level("INFO", logger="vidlab.web.access"):
        ask(asked, f"/?token={TOKEN}", headers=PAGE)
        ask(asked, "/?token=wrong-guess")
        ask(asked, "/api/job/1", method="DELETE", headers={"authorization": f"Bearer {TOKEN}"})
    assert caplog.messages == ["127.0.0.1 GET / 401", "127.0.0.1 DELETE /api/job/1 200"]
