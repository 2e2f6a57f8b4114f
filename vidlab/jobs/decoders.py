"""Decoders side by side: the same frames, at which speed, from the start and from the middle."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from vidlab.errors import DeviceError, MissingExtraError, VideoError
from vidlab.params import DecodingParams
from vidlab.video.backends import BACKENDS, Decoder, check_backends, open_backend, open_directly
from vidlab.video.survey import Survey

KNOWN_HEADER = ("backend", "version", "what is known against it")
AGREEMENT_HEADER = ("film", "backend", "frames", "same times", "worst pixel difference (of 255)", "said")
SHOWN = 110  # letters of a remark in a table

Rates = dict[str, list[float]]  # frames/s of each round, by backend


def known_rows() -> list[tuple[str, ...]]:
    """Return what `KNOWN_HEADER` names, a row for each backend."""
    rows: list[tuple[str, ...]] = []
    for each in check_backends():
        known = "; ".join(each.warnings) or "nothing"
        rows.append((each.name, each.version or "missing", each.reason or known))
    return rows


def agreement_rows(surveys: Mapping[str, Survey]) -> list[tuple[str, ...]]:
    """Return what `AGREEMENT_HEADER` names, a row for each film and backend."""
    rows: list[tuple[str, ...]] = []
    for film, survey in surveys.items():
        for name, finding in survey.findings.items():
            said = finding.refusal or "; ".join(finding.losses) or "–"
            said = said.replace(str(survey.path), "the film")
            frames = f"{finding.n_frames} of {survey.n_compared}"
            cells = ("–", "–", "–")
            if not finding.refusal:
                cells = (frames, str(finding.n_same_times), f"{finding.worst_difference:.2f}")
            rows.append((film, name, *cells, said if len(said) <= SHOWN else f"{said[:SHOWN]}…"))
    return rows


def time_whole(path: Path, *, rules: DecodingParams, rounds: int) -> Rates:
    """Read a film with every backend that can, in this process, several times in turn.

    Args:
        path: The film.
        rules: How it is decoded.
        rounds: Passes that count; one more goes before them, as a warm-up.

    Returns:
        Frames per second of each round, by backend; those that do not read the film are missing.
    """
    return _time(_openers(path, rules), lambda decoder: sum(1 for _ in decoder), rounds=rounds)


def time_range(path: Path, *, start: int, stop: int, rules: DecodingParams, rounds: int) -> Rates:
    """Read the frames from `start` to before `stop`, as `time_whole` does the whole film."""
    take = partial(_take_range, start=start, stop=stop)
    return _time(_openers(path, rules), take, rounds=rounds)


def time_scattered(path: Path, *, indices: Sequence[int], rules: DecodingParams, rounds: int) -> Rates:
    """Read single frames from everywhere, as `time_whole` does the whole film."""
    take = partial(_take_scattered, indices=indices)
    return _time(_openers(path, rules), take, rounds=rounds)


def time_isolated(path: Path, *, backend: str, rules: DecodingParams, rounds: int) -> Rates:
    """Read a film with one backend in this process and in one of its own, as `time_whole` does."""
    alone = rules.model_copy(update={"isolate": "always"})
    openers: dict[str, Callable[[], Decoder]] = {
        "in this process": partial(open_directly, path, backend, rules),
        "in its own process": partial(open_backend, path, backend=backend, rules=alone),
    }
    return _time(openers, lambda decoder: sum(1 for _ in decoder), rounds=rounds)


def time_backend(path: Path, *, backend: str, rules: DecodingParams, rounds: int) -> list[float]:
    """Read a film with one backend; return the frames/s of each round, after a warm-up.

    Raises:
        VideoError: The backend does not read the film.
        DeviceError: The device is not here.
        MissingExtraError: The library is not installed.
    """
    decoder = open_directly(path, backend, rules)
    sum(1 for _ in decoder)
    return _time({backend: lambda: decoder}, lambda each: sum(1 for _ in each), rounds=rounds)[backend]


def medians(rates: Rates) -> dict[str, float]:
    """The median speed of each backend, frames/s."""
    return {name: statistics.median(each) for name, each in rates.items()}


def to_fastest(rates: Rates, backend: str) -> float:
    """Median speed of one backend as a share of the fastest one's."""
    speeds = medians(rates)
    return speeds[backend] / max(speeds.values())


def _openers(path: Path, rules: DecodingParams) -> dict[str, Callable[[], Decoder]]:
    return {name: partial(open_directly, path, name, rules) for name in BACKENDS}


def _take_range(decoder: Decoder, *, start: int, stop: int) -> int:
    return sum(1 for _ in decoder.iter_range(start, stop))


def _take_scattered(decoder: Decoder, *, indices: Sequence[int]) -> int:
    return len(decoder.frames_at(indices))


def _time(
    openers: Mapping[str, Callable[[], Decoder]], take: Callable[[Decoder], int], *, rounds: int
) -> Rates:
    jobs = {}
    for name, opener in openers.items():
        try:
            decoder = opener()
            take(decoder)
        except (VideoError, DeviceError, MissingExtraError):
            continue
        jobs[name] = partial(take, decoder)
    rates: Rates = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            start_s = time.perf_counter()
            n_frames = job()
            rates[name].append(n_frames / (time.perf_counter() - start_s))
    return rates
