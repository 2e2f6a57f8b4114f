"""Every error of the web interface as JSON with one sentence; what is inside stays in the log."""

import logging
import secrets

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from vidlab.errors import MissingExtraError, UsageError
from vidlab.web.refusals import WebError

logger = logging.getLogger(__name__)

_SENTENCES = {
    404: "there is nothing at this address",
    405: "this address does not take such a request",
}


def problem(status: int, sentence: str, *, retry_after_s: int | None = None) -> JSONResponse:
    """Return the answer for an error."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return JSONResponse({"error": sentence}, status_code=status, headers=headers)


def add_handlers(app: FastAPI) -> None:
    """Let every error of an application be answered in the same form."""
    app.add_exception_handler(WebError, _refused)
    app.add_exception_handler(UsageError, _misused)
    app.add_exception_handler(MissingExtraError, _missing)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    status = error.status if isinstance(error, WebError) else 400
    retry = error.retry_after_s if isinstance(error, WebError) else None
    return problem(status, str(error), retry_after_s=retry)


async def _misused(_: Request, error: Exception) -> JSONResponse:
    return problem(422, str(error))


async def _missing(_: Request, error: Exception) -> JSONResponse:
    return problem(503, str(error))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    return problem(422, worded(error) if isinstance(error, RequestValidationError) else str(error))


async def _http(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 400
    detail = str(error.detail) if isinstance(error, HTTPException) else "this request cannot be answered"
    answer = problem(status, _SENTENCES.get(status, detail[:1].lower() + detail[1:]))
    if isinstance(error, HTTPException) and error.headers:
        answer.headers.update(error.headers)
    return answer


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    number = secrets.token_hex(4)
    logger.error("%s %s failed, id %s", request.method, request.url.path, number, exc_info=error)
    return problem(500, f"something went wrong here; the server's log knows more under {number}")


def worded(error: RequestValidationError) -> str:
    """Return the first thing that is wrong with a request in one sentence."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    if first["type"] == "json_invalid":
        return "the body of the request must be JSON, got something else"
    said = str(first["msg"])
    said = said[:1].lower() + said[1:]
    return f"{where or 'the request'}: {said}" if where else f"the request is not as it must be: {said}"
