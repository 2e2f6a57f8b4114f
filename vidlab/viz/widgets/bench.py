"""The work behind the panel: a clip is opened, a frame previewed, the whole clip run and measured."""

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from vidlab.errors import VidlabError
from vidlab.jobs.packing import PackedMasks
from vidlab.jobs.rehearsal_telling import StoppedError
from vidlab.jobs.stabilize import method_name
from vidlab.jobs.worst import WorstFrame, find_worst
from vidlab.metrics.summary import ClipSummary
from vidlab.params import MethodParams
from vidlab.types import BoolMask
from vidlab.viz.widgets.shown import MaskCurves, Part, Rehearsing, Shown, ShownFrame, Stop, Wish, never
from vidlab.viz.widgets.stoppable import Stoppable

logger = logging.getLogger(__name__)

BLIND_S = 0.25  # so long a drag may go on without a new picture

Open = Callable[[Wish, Callable[[str], None]], Rehearsing]
"""Opens the clip and masks of a wish, telling in words how far it is."""
Tune = Callable[[Any, str], MethodParams]
"""Finds the parameters of a method, by its name, on a `Stoppable` rehearsal."""
Listen = Callable[[Shown, Part], None]
"""Told what is shown now, and which part of it is new; called in the worker's thread."""


class Bench:
    """What `Latest` calls: answers wishes, and tells a listener what there is to see.

    One clip is held at a time; of the run at hand, its masks as bits, a sixteenth of a picture's bytes.

    Attributes:
        shown: What there is to see now.
    """

    def __init__(
        self,
        open_clip: Open,
        *,
        listen: Listen,
        tune: Tune | None,
        curves_s: float,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open nothing yet.

        Args:
            open_clip: How a clip is opened.
            listen: Who is told.
            tune: How parameters are searched for; None cannot.
            curves_s: Time between two tellings of the growing curves, seconds.
            now_s: Seconds since some moment.
        """
        self.shown = Shown()
        self._open, self._listen, self._tune = open_clip, listen, tune
        self._curves_s, self._now_s = curves_s, now_s
        self._rehearsal: Rehearsing | None = None
        self._opened: tuple[str, str] | None = None
        self._run: _Run | None = None
        self._looked_s = -math.inf  # when a frame was shown last
        self._n_tunings = 0
        self._tuned_words = ""  # what a search said last

    # ── what Latest calls ───────────────────────────────────────────────────────────────────────────────────
    def same(self, wish: Wish, other: Wish) -> bool:
        """Tell whether two wishes differ in the frame alone."""
        return replace(wish, index=0) == replace(other, index=0)

    def quick(self, wish: Wish, *, stop: Stop) -> None:
        """Show the frame: from the run if it got there, else from a short run around it.

        A newer wish stops that, but for every `BLIND_S`: a person who drags on and on sees something.
        """
        rehearsal = self._opened_for(wish)
        index = min(wish.index, rehearsal.n_frames - 1)
        run = self._run if self._run is not None and self._run.params == wish.params else None
        exact = run is not None and index < run.n_done
        if run is not None and exact:
            stable = run.mask(index)
        else:
            blind = self._now_s() - self._looked_s > BLIND_S
            stable = rehearsal.preview(wish.params, index, stop=never if blind else stop)
            if not blind and stop():
                return
        self._looked_s = self._now_s()
        self._show_frame(wish, index, stable, is_exact=exact)

    def whole(self, wish: Wish, *, stop: Stop) -> None:
        """Run and measure the whole clip, telling the curves as they grow and the metrics at the end."""
        rehearsal = self._opened_for(wish)
        if self._tune is not None and wish.n_tunings > self._n_tunings:
            self._search(self._tune, wish, rehearsal, stop)
            return
        if self._run is None or self._run.params != wish.params:
            self._run = _Run(wish.params, rehearsal.n_frames)
        run = self._run
        if not self._finished(run, rehearsal, stop) or not self._measured(run, rehearsal, stop):
            return
        if self.shown.stable is not run.stable:
            worst = tuple(
                (each, self._frame(rehearsal, each.index, run.mask(each.index))) for each in run.worst
            )
            self._tell("table", stable=run.stable, worst=worst)
        took = "" if run.took_s is None else f", curves and metrics in {run.took_s:.1f} s"
        tuned = f" · {self._tuned_words}" if run.params == self.shown.tuned else ""
        self._tell("status", status=f"ready: {run.n_done} frames{took}{tuned}")

    def failed(self, wish: Wish, error: Exception) -> None:
        """Say in one line what went wrong."""
        if not isinstance(error, VidlabError):
            logger.warning("the panel could not do what was wished", exc_info=error)
        said = str(error) if isinstance(error, VidlabError) else f"{type(error).__name__}: {error}"
        self._tell("status", wish=wish, status=" ".join(said.split()), failed=True)

    # ── its steps ───────────────────────────────────────────────────────────────────────────────────────────
    def _opened_for(self, wish: Wish) -> Rehearsing:
        if self._rehearsal is not None and self._opened == (wish.clip, wish.masks):
            return self._rehearsal
        self._rehearsal = self._opened = self._run = None  # frees one clip before the next is read
        self._show(Shown(wish, status=f"opening {wish.clip} …", tuned=self.shown.tuned), "clip")
        rehearsal = self._open(wish, lambda words: self._tell("status", status=words))
        self._rehearsal, self._opened = rehearsal, (wish.clip, wish.masks)
        n_frames, raw = rehearsal.n_frames, MaskCurves.of(rehearsal.raw)
        self._tell("clip", n_frames=n_frames, raw_curves=raw, curves=MaskCurves.empty(n_frames))
        return rehearsal

    def _finished(self, run: "_Run", rehearsal: Rehearsing, stop: Stop) -> bool:
        """Run to the end, or until `stop`; tell the curves now and then."""
        if run.n_done < rehearsal.n_frames:
            run.begin(self._now_s())
            told_s = self._now_s()
            self._tell_status(f"curves: 0 of {rehearsal.n_frames} frames …")
            for mask in rehearsal.run(run.params, stop=stop):
                run.take(mask)
                if self._now_s() - told_s >= self._curves_s and run.n_done < rehearsal.n_frames:
                    self._tell_curves(run)
                    told_s = self._now_s()
        if run.n_done < rehearsal.n_frames or stop():
            return False
        frame = self.shown.frame
        if frame is not None and not frame.is_exact and self.shown.wish is not None:
            self._show_frame(self.shown.wish, frame.index, run.mask(frame.index), is_exact=True)
        if self.shown.n_done < run.n_done:
            self._tell_curves(run)
        return True

    def _measured(self, run: "_Run", rehearsal: Rehearsing, stop: Stop) -> bool:
        if run.stable is not None:
            return True
        self._tell_status("metrics …")
        raw = self.shown.raw or rehearsal.judge(rehearsal.raw, stop=stop)
        if stop():
            return False
        self._tell("status", raw=raw)
        stable = rehearsal.judge((run.mask(index) for index in range(run.n_done)), stop=stop)
        if stop():
            return False
        run.measured(stable, now_s=self._now_s())
        return True

    def _search(self, tune: Tune, wish: Wish, rehearsal: Rehearsing, stop: Stop) -> None:
        self._n_tunings = wish.n_tunings
        self._tell_status("tuning … (any change stops it)")
        self._tuned_words = "tuned"

        def tell(words: str) -> None:
            self._tuned_words = words
            self._tell_status(words)

        with suppress(StoppedError):
            tuned = tune(Stoppable(rehearsal, stop=stop, tell=tell), method_name(wish.params))
            self._tell("tuned", tuned=tuned, status=self._tuned_words)

    # ── telling ─────────────────────────────────────────────────────────────────────────────────────────────
    def _show_frame(self, wish: Wish, index: int, stable: BoolMask, *, is_exact: bool) -> None:
        clip, known = self._opened_for(wish), self.shown.wish
        frame = self._frame(clip, index, stable, is_exact=is_exact)
        stale: dict[str, Any] = {}
        if known is None or known.params != wish.params:
            empty = MaskCurves.empty(clip.n_frames)
            stale = {"stable": None, "worst": (), "curves": empty, "n_done": 0}
            stale["status"] = "frame shown; curves and metrics follow …"
        self._tell("frame", wish=wish, frame=frame, failed=False, **stale)

    @staticmethod
    def _frame(clip: Rehearsing, index: int, stable: BoolMask, *, is_exact: bool = True) -> ShownFrame:
        truth = None if clip.truth is None else clip.truth[index]
        return ShownFrame(index, clip.images[index], clip.raw[index], stable, truth, is_exact)

    def _tell_curves(self, run: "_Run") -> None:
        status = f"curves: {run.n_done} of {len(run.curves.area_px)} frames …"
        self._tell("curves", curves=run.curves.copy(), n_done=run.n_done, status=status)

    def _tell_status(self, words: str) -> None:
        self._tell("status", status=words)

    def _tell(self, part: Part, **changes: Any) -> None:
        self._show(replace(self.shown, **changes), part)

    def _show(self, shown: Shown, part: Part) -> None:
        self.shown = shown
        self._listen(shown, part)


class _Run:
    """The whole clip under one setting, as far as it is."""

    def __init__(self, params: MethodParams, n_frames: int) -> None:
        self.params, self._n_frames = params, n_frames
        self.stable: ClipSummary | None = None
        self.worst: tuple[WorstFrame, ...] = ()
        self.took_s: float | None = None
        self.begin(0.0)

    def begin(self, now_s: float) -> None:
        """Begin at the first frame."""
        self._began_s = now_s
        self.curves = MaskCurves.empty(self._n_frames)
        self._masks: list[PackedMasks] = []

    @property
    def n_done(self) -> int:
        """Frames so far."""
        return len(self._masks)

    def take(self, mask: BoolMask) -> None:
        """Take the mask of the next frame, bool (h, w)."""
        before = self.mask(self.n_done - 1) if self._masks else None
        self.curves.put(self.n_done, mask, before=before)
        self._masks.append(PackedMasks.of(mask))

    def mask(self, index: int) -> BoolMask:
        """Return the mask of a frame that is done, bool (h, w)."""
        return self._masks[index].unpack()

    def measured(self, stable: ClipSummary, *, now_s: float) -> None:
        """Take the metrics of all of it."""
        self.stable, self.worst = stable, tuple(find_worst(stable))
        self.took_s = now_s - self._began_s
