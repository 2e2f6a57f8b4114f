"""Which backend is fastest for this file, on this machine? Measured in a few seconds, and explained."""

import logging
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from vidlab.errors import DeviceError, MissingExtraError, VideoError
from vidlab.params.decoding import DecodingParams
from vidlab.types import Frame, UInt8Image
from vidlab.video.backends import BACKENDS, Decoder, open_backend, open_directly
from vidlab.video.comparing import PIXEL_TOLERANCE, difference
from vidlab.video.reader import REFERENCE

logger = logging.getLogger(__name__)

FIRST_SHARE = 1 / 20  # of the time goes into the first pass, which settles how many frames the others take
MOST_ROUNDS = 25  # more say nothing new about a short file
FEWEST_ROUNDS = 4  # a busy spell must not decide, so these are run even if they take longer than agreed
HOPELESS = 1.3  # times slower than the best in both of the first rounds: the time goes to the others
EVEN = 1.05  # PyAV is taken up to this factor: it alone says which frames are damaged


@dataclass(frozen=True, slots=True)
class Choice:
    """What `auto` found out about one file.

    Attributes:
        backend: The backend it takes.
        frames_per_s: Expected speed over the whole file, by backend, of those that were measured to the end.
        left_out: Why each of the others was not taken.
        n_probed: Number of frames that were decoded in each pass.
        n_rounds: Number of passes after the warm-up.
        elapsed_s: How long it all took, in seconds.
    """

    backend: str
    frames_per_s: Mapping[str, float]
    left_out: Mapping[str, str]
    n_probed: int
    n_rounds: int
    elapsed_s: float

    def explain(self) -> str:
        """Say in one sentence what was taken and why."""
        if not self.frames_per_s:
            return f"{self.backend} was taken: {'; '.join(self.left_out.values())}"
        rates = sorted(self.frames_per_s.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{name} {rate:.0f}" for name, rate in rates)
        why = (
            "is the fastest"
            if rates[0][0] == self.backend
            else "is as fast, and says which frames are damaged"
        )
        out = "".join(f"; {name} left out: {reason}" for name, reason in self.left_out.items())
        over = f"best of {self.n_rounds} over {self.n_probed} frames, measured in {self.elapsed_s:.1f} s"
        return f"{self.backend} {why}: {listed} frames/s ({over}){out}"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what this thread's readers log to themselves: the same file is opened again and again here."""
    thread = threading.get_ident()
    loggers = [logging.getLogger(f"vidlab.video.{module}") for module in ("pyav", "reader", "worker")]

    def is_of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    for each in loggers:
        each.addFilter(is_of_others)
    try:
        yield
    finally:
        for each in loggers:
            each.removeFilter(is_of_others)


def choose_backend(path: str | Path, *, rules: DecodingParams) -> Choice:
    """Measure every backend that is here on the beginning of a file.

    Rounds are interleaved, the first pass of each backend is a warm-up and shows whether its frames are
    right; the best of a backend's rounds counts, because other work on the machine only ever slows.

    Args:
        path: Video file.
        rules: How it is decoded; `probe_s` is about how long this takes.

    Raises:
        VideoError: The file cannot be read.
    """
    with quiet():
        return _Probe(Path(path), rules).choose()


def open_fastest(path: str | Path, *, rules: DecodingParams) -> Decoder:
    """Open a file with the backend that `choose_backend` takes; its reasons are logged, and in `explanation`.

    Raises:
        VideoError: The file cannot be read.
    """
    with quiet():
        probe = _Probe(Path(path), rules)
        choice = probe.choose()
    decoder = probe.decoders[choice.backend]
    decoder.explanation = choice.explain()
    logger.info("%s: %s", path, decoder.explanation)
    return decoder


class _Probe:
    """One measurement of one file; `decoders` keeps what it opened."""

    def __init__(self, path: Path, rules: DecodingParams) -> None:
        self._path, self._rules = path, rules
        self._started_s = time.perf_counter()
        self._reference = open_directly(path, REFERENCE, rules.model_copy(update={"device": "cpu"}))
        self._n_frames = len(self._reference)
        self._times_s: list[float] = []
        self._images: dict[int, UInt8Image] = {}
        self._left_out: dict[str, str] = {}
        self._first_s: dict[str, float] = {}
        self.decoders: dict[str, Decoder] = {}

    def choose(self) -> Choice:
        self._read_reference()
        if self._reference.damaged:
            self.decoders[REFERENCE] = self._reference
            self._left_out["every other"] = f"only {REFERENCE} tells which frames of this file are damaged"
            return self._choice(REFERENCE, {}, n_rounds=0)
        self._open_all()
        if not self.decoders:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in self._left_out.items())
            raise VideoError(f"a backend must be able to read {self._path}, got {reasons}")
        rounds_s = self._measure()
        total_s = {name: min(each) for name, each in rounds_s.items()}
        best = min(total_s, key=lambda name: total_s[name])
        if total_s.get(REFERENCE, float("inf")) <= EVEN * total_s[best]:
            best = REFERENCE
        rates = {name: self._n_frames / each_s for name, each_s in total_s.items()}
        return self._choice(best, rates, n_rounds=len(rounds_s[best]))

    def _choice(self, best: str, rates: Mapping[str, float], *, n_rounds: int) -> Choice:
        elapsed_s = time.perf_counter() - self._started_s
        return Choice(best, rates, self._left_out, len(self._times_s), n_rounds, elapsed_s)

    def _read_reference(self) -> None:
        """Decode as far as the time allows, and keep what the others have to match."""
        end_s = time.perf_counter() + FIRST_SHARE * self._rules.probe_s
        with closing(cast("Generator[Frame]", iter(self._reference))) as frames:
            for frame in frames:
                self._times_s.append(frame.pts_s)
                if frame.index & (frame.index - 1) == 0:  # 0, 1, 2, 4, 8, …: a few from everywhere
                    self._images[frame.index] = frame.image
                late = time.perf_counter() > end_s
                if late and 0 < frame.index < self._n_frames - 1:  # a whole loop tells more
                    break

    def _open_all(self) -> None:
        """Open every backend, let it show its frames once, and keep it if they are right."""
        for name in BACKENDS:
            try:
                if name == REFERENCE and self._rules.device == "cpu":
                    decoder: Decoder = self._reference
                else:
                    decoder = open_backend(self._path, backend=name, rules=self._rules)
                self._check_pass(decoder)
                self._first_s[name] = min(_elapsed_s(decoder.iter_range(0, 1)) for _ in range(2))
                self.decoders[name] = decoder
            except (VideoError, DeviceError, MissingExtraError) as error:
                self._left_out[name] = str(error)

    def _measure(self) -> dict[str, list[float]]:
        """Run rounds until the time is used up; return the seconds of each round by backend."""
        rounds_s: dict[str, list[float]] = {name: [] for name in self.decoders}
        for n_rounds in range(MOST_ROUNDS):
            if n_rounds == 2:
                self._drop_hopeless(rounds_s)
            if n_rounds >= FEWEST_ROUNDS and (self._is_late() or len(rounds_s) == 1):
                break
            for name, each_s in rounds_s.items():
                each_s.append(self._pass(name))
        return rounds_s

    def _drop_hopeless(self, rounds_s: dict[str, list[float]]) -> None:
        best_s = min(min(each_s) for each_s in rounds_s.values())
        for name in [name for name, each_s in rounds_s.items() if min(each_s) > HOPELESS * best_s]:
            self._left_out[name] = f"{min(rounds_s.pop(name)) / best_s:.1f} times slower in the first rounds"

    def _is_late(self) -> bool:
        return time.perf_counter() - self._started_s > self._rules.probe_s

    def _pass(self, name: str) -> float:
        """Decode the beginning once; return the seconds that the whole file would take."""
        n_probed, first_s = len(self._times_s), self._first_s[name]
        elapsed_s = _elapsed_s(self._beginning(self.decoders[name]))
        if n_probed == self._n_frames or n_probed < 2:
            return elapsed_s
        # What opening takes counts once, however long the file is.
        return first_s + max(0.0, elapsed_s - first_s) / (n_probed - 1) * (self._n_frames - 1)

    def _beginning(self, decoder: Decoder) -> Iterator[Frame]:
        n_probed = len(self._times_s)
        return iter(decoder) if n_probed == self._n_frames else decoder.iter_range(0, n_probed)

    def _check_pass(self, decoder: Decoder) -> None:
        """Decode the beginning once, as a warm-up.

        Raises:
            VideoError: The frames are not those of the reference.
        """
        n_done = 0
        for frame in self._beginning(decoder):
            self._check(frame, decoder.backend)
            n_done += 1
        extra = set(decoder.losses) - set(self._reference.losses)
        if extra or n_done != len(self._times_s):
            said = f"{decoder.backend} gives {n_done} of {len(self._times_s)} frames"
            raise VideoError(min(extra, default=said))

    def _check(self, frame: Frame, name: str) -> None:
        if frame.pts_s != self._times_s[frame.index]:
            raise VideoError(f"{name} gives frame {frame.index} at another time than {REFERENCE}")
        expected = self._images.get(frame.index)
        if expected is not None and difference(frame.image, expected) > PIXEL_TOLERANCE:
            off = difference(frame.image, expected)
            raise VideoError(
                f"{name} shows another picture in frame {frame.index} (difference {off:.1f} of 255)"
            )


def _elapsed_s(frames: Iterator[Frame]) -> float:
    start_s = time.perf_counter()
    for _ in frames:
        pass
    return time.perf_counter() - start_s
