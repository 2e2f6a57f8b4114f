"""How far the running job is, and how long it will take."""

import time
from collections import deque
from dataclasses import dataclass, field

WINDOW_S = 20.0  # the speed is that of the last so many seconds: networks warm up, scenes get busy


@dataclass(frozen=True, slots=True)
class Live:
    """How far a job is at this moment.

    Attributes:
        stage: What is done to the frames now.
        frame: Frames of this stage that are done.
        n_frames: How many it has; None where nobody knows.
        frames_per_s: Speed of late; None before the second frame.
        time_left_s: What this stage will take at this speed; None where nobody knows.
    """

    stage: str = ""
    frame: int = 0
    n_frames: int | None = None
    frames_per_s: float | None = None
    time_left_s: float | None = None


@dataclass
class Pace:
    """Measures the speed of one job, stage by stage.

    Attributes:
        heard_s: When something was last done, on the monotonic clock.
        live: How far it is.
    """

    heard_s: float = field(default_factory=time.monotonic)
    live: Live = field(default_factory=Live)
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def hear(self, stage: str, frame: int, n_frames: int | None, *, now_s: float | None = None) -> None:
        """Take a report.

        >>> pace = Pace()
        >>> for second in range(5):
        ...     pace.hear("segmenting", 2 * second, 100, now_s=float(second))
        >>> pace.live.frames_per_s, pace.live.time_left_s
        (2.0, 46.0)
        """
        now_s = time.monotonic() if now_s is None else now_s
        self.heard_s = now_s
        if stage != self.live.stage:
            self._seen.clear()
        self._seen.append((now_s, frame))
        while len(self._seen) > 2 and now_s - self._seen[0][0] > WINDOW_S:
            self._seen.popleft()
        speed = self._speed()
        left_s = None if not speed or n_frames is None else max(0.0, (n_frames - frame) / speed)
        self.live = Live(stage, frame, n_frames, speed, left_s)

    def _speed(self) -> float | None:
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        return (last - first) / (last_s - first_s) if last > first and last_s > first_s else None
