"""What the guard answers itself: errors as JSON, the page that asks for the token, and the headers of all."""

import html
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from hashlib import sha256
from typing import Any, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_CSP = (
    "default-src 'none'; script-src 'self'; style-src {styles}; img-src 'self' blob:; media-src 'self' "
    "blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _CSP.format(styles="'self'"),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",  # the address may hold the token
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",  # what says nothing else is asked for again
}  # of every answer: a browser runs, frames and sends nothing that is not ours

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:18vh auto;padding:0 1rem}"
    "input,button{font:inherit;width:100%;padding:.6rem;margin:.3rem 0;box-sizing:border-box}"
)
_STYLE_HASH = f"'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
_PAGE = (
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" '
    'content="width=device-width"><meta name="color-scheme" content="light dark">{head}<title>vidlab</title>'
    "<style>{style}</style></head><body>{body}</body></html>"
)
_FORM = (
    '<h1>vidlab</h1><form><label>{label}<input name="token" type="password" required autofocus '
    'autocomplete="current-password"></label><button>{button}</button></form><p>{hint}</p>'
)
_WORDS = {
    "en": ("Token", "Open", "The server printed it when it was started."),
    "ru": ("Токен", "Открыть", "Сервер напечатал его при запуске."),
}


class Answer:
    """What is answered in place of the application."""

    def __init__(self, status: int, body: str, *, kind: str, extra: Mapping[str, str]) -> None:
        self._status, self._body = status, body.encode()
        self._headers = {**HEADERS, "content-type": kind, "cache-control": "no-store", **extra}

    async def send(self, send: Send) -> None:
        """Send it, by the `send` of ASGI."""
        headers = [
            (name.encode(), value.encode("latin-1", "replace")) for name, value in self._headers.items()
        ]
        headers.append((b"content-length", str(len(self._body)).encode()))
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})


def problem(status: int, sentence: str, **extra: str) -> Answer:
    """Return an error as JSON with one sentence; `extra` are headers, with `_` for `-`."""
    headers = {name.replace("_", "-"): value for name, value in extra.items()}
    text = json.dumps({"error": sentence}, ensure_ascii=False)
    return Answer(status, text, kind="application/json", extra=headers)


def token_form(languages: str) -> Answer:
    """Return the page that asks for the token, in the first of the languages that a browser prefers."""
    language = "ru" if languages.strip().lower().startswith("ru") else "en"
    label, button, hint = _WORDS[language]
    body = _FORM.format(label=label, button=button, hint=hint)
    return _page(401, body, language=language, **{"www-authenticate": "Bearer"})


def welcome(cookie: str, *, query: str) -> Answer:
    """Return the page that lets a browser keep the token, and leads on.

    A redirect will not do: after a link from elsewhere a browser does not send a strict cookie along one.
    """
    target = html.escape(f"?{query}", quote=True)
    head = f'<meta http-equiv="refresh" content="0;url={target}">'
    return _page(200, f'<p><a href="{target}">vidlab</a></p>', head=head, **{"set-cookie": cookie})


def _page(status: int, body: str, *, language: str = "en", head: str = "", **extra: str) -> Answer:
    text = _PAGE.format(language=language, head=head, style=_STYLE, body=body)
    policy = {"content-security-policy": _CSP.format(styles=_STYLE_HASH)}
    return Answer(status, text, kind="text/html; charset=utf-8", extra={**policy, **extra})
