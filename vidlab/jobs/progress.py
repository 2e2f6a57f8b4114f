"""How a job tells how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int | None], None]
"""Called with the number of finished frames and the number expected, None where nobody knows."""


def silent(done: int, total: int | None) -> None:
    """Tell nothing."""
