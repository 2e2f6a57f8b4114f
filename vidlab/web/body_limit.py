"""Bodies of requests are small, but for uploads, which go to disk as they come."""

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidlab.web.refusals import TOO_LARGE

MAX_BODY_BYTES = 1_000_000  # of JSON: a wish with every setting and class takes a hundredth of it
SENTENCE = f"the body of a request may have {MAX_BODY_BYTES // 1000} kB, got a larger one"


class BodyLimit:
    """ASGI middleware that ends the reading of a body that is too large."""

    def __init__(self, app: ASGIApp, *, exempt: str) -> None:
        """Let bodies to one path be as large as that path allows."""
        self._app, self._exempt = app, exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count what is read of it."""
        if scope["type"] != "http" or scope["path"] == self._exempt:
            await self._app(scope, receive, send)
            return
        n_bytes = 0

        async def limited() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > MAX_BODY_BYTES:
                raise HTTPException(TOO_LARGE, SENTENCE)
            return message

        await self._app(scope, limited, send)
