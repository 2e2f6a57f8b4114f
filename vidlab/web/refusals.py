"""Answers that are no: what every part of the application raises towards a visitor."""

from vidlab.errors import VidlabError

RETRY_S = 30  # when to ask again after a refusal that time may cure
NOT_FOUND, CONFLICT, TOO_LARGE, WRONG_TYPE, UNUSABLE, BUSY, NO_ROOM = 404, 409, 413, 415, 422, 503, 507


class WebError(VidlabError):
    """An answer that is no: a status, and a sentence for the visitor.

    Attributes:
        status: HTTP status, 4xx, 503 or 507.
        retry_after_s: When it may be yes, in seconds; None where waiting does not help.
    """

    def __init__(self, status: int, sentence: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.retry_after_s = retry_after_s
