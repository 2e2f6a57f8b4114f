"""What belongs to one process: files with decoders whose threads a fork leaves behind."""

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Owned(Generic[T]):
    """A value of the process that uses it; pickled or forked, the other process makes one of its own."""

    def __init__(self, make: Callable[[], T]) -> None:
        """Make the value; `make` is called again in every other process, and pickled with it."""
        self._make = make
        self._value, self._owner = make(), os.getpid()
        self._inherited: list[T] = []

    @property
    def value(self) -> T:
        """The value of this process."""
        if self._owner != os.getpid():
            # Forked: the decoders' threads stayed behind, and closing waits for them for ever. So what was
            # inherited is neither used nor closed, nor let go, which would close it.
            self._inherited.append(self._value)
            self._value, self._owner = self._make(), os.getpid()
        return self._value

    def __getstate__(self) -> dict[str, object]:
        return {"make": self._make}

    def __setstate__(self, state: dict[str, Callable[[], T]]) -> None:
        self.__init__(state["make"])  # type: ignore[misc]
