"""The Hugging Face hub, from which encoders take their weights: asked once, not for half a minute."""

import importlib
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE_S = 5.0  # for the first word of the hub, before anything is asked of it


@contextmanager
def impatient_hub() -> Iterator[str]:
    """Let the hub's own client look no farther than its cache in the block, if the hub is out of reach.

    By itself the client asks again and again, for each file of the weights, before it says so.

    Yields:
        The hub's address where it gives no answer, else nothing.
    """
    constants: Any = importlib.import_module("huggingface_hub.constants")
    before = constants.HF_HUB_OFFLINE
    silent = "" if not before and answers(constants.ENDPOINT) else str(constants.ENDPOINT)
    constants.HF_HUB_OFFLINE = bool(silent)
    try:
        yield silent
    finally:
        constants.HF_HUB_OFFLINE = before


def answers(url: str, *, timeout_s: float = PATIENCE_S) -> bool:
    """Whether a server can be reached and is in order; what it says of the address does not matter.

    Args:
        url: Its address; proxies of the environment are used.
        timeout_s: How long to wait for its first word, seconds.

    >>> answers("http://127.0.0.1:1", timeout_s=1.0)
    False
    """
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=timeout_s):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except urllib.error.URLError as error:
        # whom to trust is for the client to say, which may know other certificates
        return isinstance(error.reason, ssl.SSLError)
    except (OSError, ValueError):
        return False
