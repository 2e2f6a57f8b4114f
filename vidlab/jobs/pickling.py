"""Plain state in and out of pickles: what cannot be pickled is pointed to, what must not be is refused."""

import pickle
from collections.abc import Iterator
from functools import partial
from types import BuiltinFunctionType, FunctionType
from typing import IO, Any, Protocol

from vidlab.metrics.columns import Spill

Place = tuple[str | int, ...]  # names of attributes and keys, from the state inwards

PLAIN = {  # what a state may be made of, beside NumPy's arrays and this package's own classes
    "array": {"array", "_array_reconstructor"},
    "builtins": {"set", "frozenset", "bytearray", "complex", "range", "slice"},
    "collections": {"deque", "OrderedDict", "defaultdict"},
    "copyreg": {"_reconstructor", "__newobj__"},
    "fractions": {"Fraction"},
    "pathlib": {"Path", "PosixPath"},
}
NUMPY = {"_reconstruct", "_frombuffer", "ndarray", "dtype", "scalar"}


class Store(Protocol):
    """Keeps what only grows beside the pickle, so that it is written once."""

    def keep(self, spill: Spill) -> tuple[str, int, int]:
        """Keep it; return the name, length and checksum by which `kept` finds it."""

    def kept(self, name: str, n_bytes: int, checksum: int) -> Spill:
        """Return what was kept."""


class StatePickler(pickle.Pickler):
    """Pickles plain state; points to what a newly built state has in the same place, and to what was kept."""

    def __init__(self, file: IO[bytes], state: object, store: Store) -> None:
        """Point to what `state` holds; `store` keeps what only grows."""
        super().__init__(file, protocol=5)
        self._fixed = {id(fixed): path for path, fixed in _fixed_in(state)}
        self._store = store

    def persistent_id(self, obj: object) -> tuple[Any, ...] | None:
        """Say where an object is to be found; None if it is to be pickled."""
        if isinstance(obj, Spill):
            return ("kept", *self._store.keep(obj))
        path = self._fixed.get(id(obj))
        return None if path is None else ("fixed", path)


class StateUnpickler(pickle.Unpickler):
    """Reads what `StatePickler` wrote; makes nothing but plain state, so that no file can run code."""

    def __init__(self, file: IO[bytes], twin: object, store: Store) -> None:
        """Take what is pointed to from `twin`, a state newly built, and from `store`."""
        super().__init__(file)
        self._fixed = dict(_fixed_in(twin))
        self._store = store

    def persistent_load(self, pid: Any) -> object:
        """Return what was pointed to."""
        if pid[0] == "kept":
            return self._store.kept(*pid[1:])
        return self._fixed[pid[1]]

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function that the pickle needs.

        Raises:
            pickle.UnpicklingError: It is not one of plain state.
        """
        package = module.partition(".")[0]
        if name in PLAIN.get(module, ()) or (package == "numpy" and name in NUMPY):
            return super().find_class(module, name)
        if package == "vidlab":
            found = super().find_class(module, name)
            if isinstance(found, type):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no plain state")


def _fixed_in(state: object) -> Iterator[tuple[Place, object]]:
    """Find what never changes and cannot be pickled, functions and OpenCV's objects, by where it is."""
    seen: set[int] = set()
    around: list[tuple[Place, object]] = [((), state)]
    while around:
        path, here = around.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        if isinstance(here, (FunctionType, BuiltinFunctionType, partial)) or type(here).__module__ == "cv2":
            yield path, here
        elif isinstance(here, dict):
            around += [((*path, key), value) for key, value in here.items() if isinstance(key, (str, int))]
        elif type(here).__module__.partition(".")[0] == "vidlab":
            around += [((*path, name), value) for name, value in getattr(here, "__dict__", {}).items()]
