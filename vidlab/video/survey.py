"""What each backend makes of one file: frames, times, pixels, and what it says."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidlab.errors import DeviceError, MissingExtraError, VideoError
from vidlab.params.decoding import DecodingParams
from vidlab.video.auto import Choice, choose_backend, quiet
from vidlab.video.backends import BACKENDS, Availability, Decoder, check_backend, open_backend
from vidlab.video.comparing import difference
from vidlab.video.pyav import PyavReader


@dataclass(frozen=True, slots=True)
class Finding:
    """One backend on one file, beside PyAV.

    Attributes:
        availability: Version, and what is known against it.
        refusal: Why it does not read this file; empty if it does.
        n_frames: Frames that it gave, as many as PyAV if all is well; 0 if it refused.
        n_same_times: Those with exactly PyAV's time.
        worst_difference: Largest mean absolute difference of a frame to PyAV's, 0..255; NaN if it refused.
        losses: What it said afterwards.
    """

    availability: Availability
    refusal: str
    n_frames: int
    n_same_times: int
    worst_difference: float
    losses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """All backends on one file.

    Attributes:
        findings: One for each backend, by name.
        choice: What `auto` takes, and how fast each is.
        n_compared: Frames that were compared.
        path: The file.
    """

    findings: Mapping[str, Finding]
    choice: Choice
    n_compared: int
    path: Path


def survey(path: str | Path, *, rules: DecodingParams, max_frames: int) -> Survey:
    """Read a file with every backend in step with PyAV, then let `auto` measure them.

    Args:
        path: Video file.
        rules: How it is decoded.
        max_frames: Compare so many frames from the start; 0 compares all.

    Raises:
        VideoError: The file cannot be read.
    """
    with quiet():
        return _survey(path, rules, max_frames)


def _survey(path: str | Path, rules: DecodingParams, max_frames: int) -> Survey:
    n_frames = len(open_backend(path, backend="pyav", rules=rules.model_copy(update={"device": "cpu"})))
    n_compared = min(max_frames or n_frames, n_frames)
    findings = {name: _look_at(path, name, rules=rules, n_compared=n_compared) for name in BACKENDS}
    return Survey(findings, choose_backend(path, rules=rules), n_compared, Path(path))


def _look_at(path: str | Path, name: str, *, rules: DecodingParams, n_compared: int) -> Finding:
    availability = check_backend(name)
    try:
        if availability.reason:
            raise MissingExtraError(availability.reason)
        decoder = open_backend(path, backend=name, rules=rules)
        return _compare(decoder, PyavReader(path), availability, n_compared=n_compared)
    except (VideoError, DeviceError, MissingExtraError) as error:
        return Finding(availability, str(error), 0, 0, float("nan"), ())


def _compare(
    decoder: Decoder, reference: PyavReader, availability: Availability, *, n_compared: int
) -> Finding:
    n_frames = n_same_times = 0
    worst = 0.0
    with _closing(iter(reference)) as expected, _closing(_first(decoder, n_compared)) as frames:
        for frame in frames:
            truth = next(expected, None)
            n_frames += 1
            if truth is not None:
                n_same_times += frame.pts_s == truth.pts_s
                worst = max(worst, difference(frame.image, truth.image))
    return Finding(availability, "", n_frames, n_same_times, worst, decoder.losses)


def _first(decoder: Decoder, n_frames: int) -> Iterator[Any]:
    return iter(decoder) if n_frames == len(decoder) else decoder.iter_range(0, n_frames)


def _closing(frames: Iterator[Any]) -> "closing[Any]":
    generator: Any = frames
    return closing(generator)
