"""What a run needs to be taken up again after it was killed: its state, put away every some frames.

The state is written aside and renamed, so that there is always a whole one, the last. A run goes on from what
it has just put away, read back; so one that is taken up from there cannot differ from one that never stopped.
"""

import hashlib
import json
import os
import pickle
import zlib
from importlib import metadata
from pathlib import Path
from typing import IO, Any, TypeVar, cast
from weakref import WeakKeyDictionary

import vidlab
from vidlab.errors import LeftoverError
from vidlab.jobs.pickling import StatePickler, StateUnpickler
from vidlab.metrics.columns import READ_BYTES, Spill

StateT = TypeVar("StateT")

CHECKPOINT_FRAMES = 100  # what a kill may cost; the overlay has a key frame as often
MAGIC = b"vidlab state 1\n"
MAKERS = ("numpy", "opencv-python-headless", "scipy", "av", "pillow")  # their versions shape every bit


class Checkpoints:
    """The state of one run in a folder: `request.json`, `state`, and numbers that only grow beside it."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it must be there."""
        self._folder = folder
        self._kept: WeakKeyDictionary[Spill, _Kept] = WeakKeyDictionary()

    def begin(self, request: dict[str, Any]) -> None:
        """Write down what the run is asked to do."""
        _write_safely(self._folder / "request.json", json.dumps(_recorded(request), indent=1).encode())

    def check(self, request: dict[str, Any], *, out: Path) -> None:
        """Make sure that what is there was begun to do the same.

        Args:
            request: What this run is asked to do.
            out: Name of the result, for the error.

        Raises:
            LeftoverError: It was not, or cannot be read.
        """
        try:
            before = json.loads((self._folder / "request.json").read_bytes())
            if not isinstance(before, dict):
                raise ValueError("it holds no request")
            name, was, now = difference(before, _recorded(request), name="")
        except (OSError, ValueError, AttributeError) as error:
            raise damaged(out, f"{self._folder / 'request.json'}: {error}") from None
        if name:
            raise LeftoverError(
                f"the unfinished result of {out} was begun with {name} {was}, got {now}; repeat the first "
                "command with --resume, or leave --resume out to start over"
            )

    def save(self, state: StateT) -> StateT:
        """Put a state away and return it as it was put away.

        Raises:
            pickle.PicklingError: It holds what cannot be put away, and is not in a newly built state either.
        """
        aside = self._folder / "state.part"
        with aside.open("w+b") as file:
            file.write(MAGIC + bytes(hashlib.sha256().digest_size))
            StatePickler(file, state, self).dump(state)
            digest = _digest(file)
            file.seek(len(MAGIC))
            file.write(digest)
            file.flush()
            os.fsync(file.fileno())
            file.seek(len(MAGIC) + len(digest))
            again = StateUnpickler(file, state, self).load()
        aside.replace(self._folder / "state")
        _sync(self._folder)
        return cast(StateT, again)

    def load(self, newly_built: StateT, *, out: Path) -> StateT:
        """Return the last state that was put away.

        Args:
            newly_built: A state as it is before the first frame; what could not be put away is taken from it.
            out: Name of the result, for the error.

        Raises:
            LeftoverError: There is none, or it is damaged.
        """
        try:
            with (self._folder / "state").open("rb") as file:
                if file.read(len(MAGIC)) != MAGIC:
                    raise ValueError("no state of this version of vidlab")
                wanted = file.read(hashlib.sha256().digest_size)
                if _digest(file) != wanted:
                    raise ValueError("its content has changed")
                file.seek(len(MAGIC) + len(wanted))
                return cast(StateT, StateUnpickler(file, newly_built, self).load())
        except (OSError, EOFError, pickle.UnpicklingError, LookupError, ValueError, TypeError) as error:
            raise damaged(out, f"{self._folder / 'state'}: {error}") from None
        except (AttributeError, ImportError) as error:
            raise damaged(out, f"{self._folder / 'state'}: {error}") from None

    def keep(self, spill: Spill) -> tuple[str, int, int]:
        """Bring the copy of what only grows up to date; return its name, length and checksum."""
        kept = self._kept.setdefault(spill, _Kept(f"columns-{len(self._kept)}"))
        path = self._folder / kept.name
        with path.open("r+b" if kept.n_bytes else "wb") as file:
            file.seek(kept.n_bytes)
            for piece in spill.pieces(kept.n_bytes):
                kept.checksum = zlib.crc32(piece, kept.checksum)
                kept.n_bytes += file.write(piece)
        return kept.name, kept.n_bytes, kept.checksum

    def kept(self, name: str, n_bytes: int, checksum: int) -> Spill:
        """Return what was kept under a name: the thing itself in the run that kept it, else a copy."""
        for spill, kept in self._kept.items():
            if kept.name == name:
                return spill
        spill, kept = Spill(), _Kept(name)
        if n_bytes:
            with (self._folder / name).open("rb") as file:
                while piece := file.read(min(READ_BYTES, n_bytes - kept.n_bytes)):
                    kept.checksum = zlib.crc32(piece, kept.checksum)
                    kept.n_bytes += len(piece)
                    spill.write(piece)
        if (kept.n_bytes, kept.checksum) != (n_bytes, checksum):
            raise ValueError(f"{name} beside it is damaged")
        self._kept[spill] = kept
        return spill


class _Kept:
    """How much of a spill was copied, and under which name."""

    def __init__(self, name: str) -> None:
        self.name, self.n_bytes, self.checksum = name, 0, 0


def _digest(file: IO[bytes]) -> bytes:
    """Return the SHA-256 of what follows the header."""
    digest = hashlib.sha256()
    file.seek(len(MAGIC) + digest.digest_size)
    while piece := file.read(READ_BYTES):
        digest.update(piece)
    return digest.digest()


def _recorded(request: dict[str, Any]) -> dict[str, Any]:
    """Return what must be the same: the request without the words of its command, as JSON, and the code."""
    digest = hashlib.sha256()
    package = Path(vidlab.__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    content: dict[str, Any] = json.loads(json.dumps({**request, "command": None}))
    return {
        **content,
        "code of vidlab": digest.hexdigest(),
        "packages": {name: metadata.version(name) for name in MAKERS if _is_installed(name)},
    }


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def difference(before: Any, now: Any, *, name: str) -> tuple[str, str, str]:
    """Return where two records first differ, and how; empty text if they do not."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*before, *(key for key in now if key not in before)]:
            found = difference(before.get(key), now.get(key), name=f"{name}.{key}" if name else key)
            if found[0]:
                return found
        return "", "", ""
    return ("", "", "") if before == now else (name, json.dumps(before), json.dumps(now))


def damaged(out: Path, what: str) -> LeftoverError:
    """Word the error about an unfinished result that cannot be used."""
    return LeftoverError(
        f"the unfinished result of {out} must be whole to go on with, got {what}; "
        "leave --resume out to start over"
    )


def is_same(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Say whether two descriptions of jobs, as `params.json` holds them, differ in the command at most."""
    return bool({**before, "command": None} == json.loads(json.dumps({**now, "command": None})))


def _write_safely(path: Path, content: bytes) -> None:
    aside = path.with_name(f"{path.name}.part")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Let a renaming in a folder outlive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
