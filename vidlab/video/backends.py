"""The libraries that decode video, under one protocol: which are here, what is known against them."""

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Protocol

from vidlab.errors import MissingExtraError, ParameterError
from vidlab.params.decoding import DecodingParams
from vidlab.types import Frame, UInt8Image, VideoInfo
from vidlab.video.pictures import Pictures, Request
from vidlab.video.reader import BackendReader

AUTO = "auto"


class Decoder(Protocol):
    """A source whose frames can also be taken from the middle. Every backend gives the same ones.

    Frames are upright RGB; their number, order and times are those of `PyavReader`, their pixels differ from
    its by at most 2 of 255 in the mean. What a backend cannot give is read with PyAV and said in `losses`.
    """

    explanation: str  # why this backend reads; empty where the user chose it

    @property
    def backend(self) -> str:
        """Name of the library that reads."""

    @property
    def info(self) -> VideoInfo:
        """What the file declares."""

    @property
    def losses(self) -> tuple[str, ...]:
        """One sentence for each kind of loss in the last reading that ended; the same ones are logged."""

    def __len__(self) -> int:
        """Number of frames that the file holds, by its packets."""

    def __iter__(self) -> Iterator[Frame]:
        """Start again at the first frame."""

    def iter_range(self, start: int, stop: int | None = None) -> Iterator[Frame]:
        """Yield the frames from `start` to before `stop`, decoding from the key frame before."""

    def frames_at(self, indices: Sequence[int]) -> list[Frame]:
        """Return chosen frames, in the order asked for."""

    def iter_at(self, positions: Sequence[int]) -> Iterator[Frame]:
        """Yield the frames at positions that rise, none of the others."""

    def clip(self, start: int, *, n_frames: int, stride: int) -> UInt8Image:
        """Return `n_frames` frames, every `stride`-th from `start`: uint8 (T, H, W, 3)."""


@dataclass(frozen=True, slots=True)
class Caution:
    """Something known against some versions of a library.

    Attributes:
        below: Versions before this one have it; empty for all.
        text: What happens.
        hangs: It may never come back, so it belongs into a process of its own.
    """

    below: str
    text: str
    hangs: bool = False


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """One backend.

    Attributes:
        module: Module of this package that holds its `open_pictures`.
        distributions: Names under which the library may be installed.
        cautions: What is known against it.
    """

    module: str
    distributions: tuple[str, ...]
    cautions: tuple[Caution, ...] = ()


_SILENT = Caution("", "does not say which frames came out damaged")  # only PyAV's frames carry the mark

BACKENDS: Mapping[str, BackendSpec] = {
    "pyav": BackendSpec("vidlab.video.pyav_pictures", ("av",)),
    "opencv": BackendSpec(
        "vidlab.video.opencv",
        (
            "opencv-python-headless",
            "opencv-python",
            "opencv-contrib-python-headless",
            "opencv-contrib-python",
        ),
        (Caution("", "stops without an error at a damaged packet"), _SILENT),
    ),
    "decord": BackendSpec(
        "vidlab.video.decord",
        ("decord", "eva-decord", "decord2"),
        (
            # dmlc/decord issues 269, 363, 373 and 375: a loop in native code that holds the interpreter.
            Caution(
                "", "may hang for ever, uninterruptibly, on damaged or oddly announced files", hangs=True
            ),
            Caution("", "hangs in a process forked after it was opened; no longer maintained"),
            _SILENT,
        ),
    ),
    "torchcodec": BackendSpec(
        "vidlab.video.torchcodec",
        ("torchcodec",),
        (
            Caution("0.11", "does not turn rotated video; turned here"),  # meta-pytorch/torchcodec pull 1173
            Caution("", "loses frames where time stamps step back; such files are refused"),
            _SILENT,
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a backend can be used here.

    Attributes:
        name: Name of the backend.
        version: Installed version, None where it is not installed.
        reason: Why it cannot be used; None where it can.
        warnings: What is known against this version.
        risky: It is known to hang.
    """

    name: str
    version: str | None
    reason: str | None
    warnings: tuple[str, ...]
    risky: bool


def check_backend(name: str) -> Availability:
    """Find out whether a backend can be loaded, and what is known against its version.

    Raises:
        ParameterError: There is no backend of this name.
    """
    spec = _spec(name)
    version = _version(spec.distributions)
    cautions = [each for each in spec.cautions if concerns(each, version)]
    reason = None
    try:
        _load(name)
    except MissingExtraError as error:
        reason = str(error)
    warnings = tuple(caution.text for caution in cautions)
    return Availability(name, version, reason, warnings, any(caution.hangs for caution in cautions))


def check_backends() -> tuple[Availability, ...]:
    """Return `check_backend` for every backend."""
    return tuple(check_backend(name) for name in BACKENDS)


def concerns(caution: Caution, version: str | None) -> bool:
    """Tell whether a caution concerns a version; an unknown version is not trusted.

    >>> turns_nothing = Caution("0.11", "turns nothing")
    >>> concerns(turns_nothing, "0.9.1"), concerns(turns_nothing, "0.17.0+cpu")
    (True, False)
    """
    if not caution.below or version is None:
        return True
    return _numbers(version) < _numbers(caution.below)


def open_backend(
    path: str | Path, *, backend: str | None = None, rules: DecodingParams | None = None
) -> Decoder:
    """Open a video file with a backend.

    Args:
        path: Video file.
        backend: `pyav`, `opencv`, `decord`, `torchcodec`, or `auto`, which measures them on this file; None
            takes that of `rules`.
        rules: How it is decoded; None takes the defaults.

    Raises:
        ParameterError: There is no backend of this name.
        VideoError: The file cannot be read, or this backend shows other frames than the file holds.
        DeviceError: The device is not here.
        MissingExtraError: The library is not installed.
    """
    rules = rules or DecodingParams()
    name = backend or rules.backend
    if name == AUTO:
        from vidlab.video.auto import open_fastest  # which opens backends itself

        return open_fastest(path, rules=rules)
    if is_isolated(name, rules):
        from vidlab.video.worker import IsolatedReader

        return IsolatedReader(path, openers=isolated_openers(path, name, rules), rules=rules)
    return open_directly(path, name, rules)


def open_directly(path: str | Path, backend: str, rules: DecodingParams) -> BackendReader:
    """Open a video file with a backend in this process, whatever is known against it; as `open_backend`."""
    module = _load(backend)
    return BackendReader(
        path, backend=backend, open_pictures=module, threads=rules.threads, device=rules.device
    )


def is_isolated(backend: str, rules: DecodingParams) -> bool:
    """Tell whether these rules give a backend a process of its own."""
    if rules.isolate == "risky":
        return check_backend(backend).risky
    return rules.isolate == "always"


def _load(name: str) -> "_OpenPictures":
    """Import the module of a backend, and the library behind it.

    Raises:
        ParameterError: There is no backend of this name.
        MissingExtraError: The library is not installed.
    """
    module = importlib.import_module(_spec(name).module)
    if hasattr(module, "version"):
        module.version()
    opener: _OpenPictures = module.open_pictures
    return opener


class _OpenPictures(Protocol):
    def __call__(self, request: Request, /) -> Pictures: ...


def isolated_openers(
    path: str | Path, backend: str, rules: DecodingParams
) -> "dict[str, partial[BackendReader]]":
    """What a process of its own calls to open the file: this backend, and PyAV after it."""
    names = dict.fromkeys((backend, "pyav"))
    return {name: partial(open_directly, path, name, rules) for name in names}


def _spec(name: str) -> BackendSpec:
    if name not in BACKENDS:
        raise ParameterError(f"unknown backend {name!r}; choose from: {AUTO}, {', '.join(BACKENDS)}")
    return BACKENDS[name]


def _version(distributions: Sequence[str]) -> str | None:
    for distribution in distributions:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))
