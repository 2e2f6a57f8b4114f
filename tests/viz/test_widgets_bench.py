"""What is done for a wish: a frame, then curves, then metrics; in the end all of it is the last wish's."""

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fake_rehearsal import FakeRehearsal, stable
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.errors import VideoError
from vidlab.jobs.rehearsal_telling import StoppedError
from vidlab.jobs.worst import find_worst
from vidlab.params import ExponentialParams, MedianParams, MethodParams
from vidlab.viz.widgets.bench import Bench
from vidlab.viz.widgets.latest import Latest
from vidlab.viz.widgets.shown import MaskCurves, Shown, Wish

N_FRAMES = {"long": 12, "short": 5}
WISH = Wish("long", "net", ExponentialParams(alpha=0.5), 3)


class Desk:
    """A bench whose clips are fakes, and all that it tells."""

    def __init__(self, tune: Callable[[object, str], MethodParams] | None = None) -> None:
        self.told: list[tuple[str, Shown]] = []
        self.clips: list[FakeRehearsal] = []
        self.during: Callable[[], None] = lambda: None
        self.bench = Bench(self.open, listen=self.listen, tune=tune, curves_s=0.0)

    def open(self, wish: Wish, tell: Callable[[str], None]) -> FakeRehearsal:
        if wish.clip == "broken":
            raise VideoError("broken.mp4 must hold at least one frame, got none")
        tell("half")
        self.clips.append(FakeRehearsal(N_FRAMES[wish.clip], with_truth=wish.masks != "blind"))
        self.clips[-1].during = lambda: self.during()
        return self.clips[-1]

    def listen(self, shown: Shown, part: str) -> None:
        assert shown is self.bench.shown
        self.told.append((part, shown))

    def parts(self) -> list[str]:
        return [part for part, _ in self.told if part != "status"]


def serve(desk: Desk, *wishes: Wish, pause: float = 0.0) -> Desk:
    """Wish one after the other, each as soon as the one before is served."""
    latest: Latest[Wish] = Latest(desk.bench, rest_s=pause)
    latest.start()
    for wish in wishes:
        latest.wish(wish)
        assert latest.settle(30)
    latest.close()
    return desk


def require_complete(shown: Shown, wish: Wish) -> None:
    """Everything that is shown is what a fresh clip gives for this wish, and nothing else."""
    clip = FakeRehearsal(N_FRAMES[wish.clip], with_truth=wish.masks != "blind")
    masks = [stable(wish.params, index) for index in range(clip.n_frames)]
    index = min(wish.index, clip.n_frames - 1)
    assert shown.wish == wish
    assert not shown.failed
    assert shown.status.startswith("ready")
    assert shown.n_frames == shown.n_done == clip.n_frames
    assert shown.frame is not None
    assert (shown.frame.index, shown.frame.is_exact) == (index, True)
    np.testing.assert_array_equal(shown.frame.stable, masks[index])
    np.testing.assert_array_equal(shown.frame.raw, clip.raw[index])
    assert (shown.frame.truth is None) == (clip.truth is None)
    assert shown.curves is not None
    assert shown.raw_curves is not None
    for curves, of in ((shown.curves, masks), (shown.raw_curves, clip.raw)):
        np.testing.assert_array_equal(curves.area_px, MaskCurves.of(of).area_px)
        np.testing.assert_array_equal(curves.iou_prev, MaskCurves.of(of).iou_prev)
    assert shown.raw == clip.judge(clip.raw)
    assert shown.stable == clip.judge(masks)
    assert [worst for worst, _ in shown.worst] == find_worst(clip.judge(masks))


def test_frame_comes_first_then_curves_then_the_table() -> None:
    desk = serve(Desk(), WISH)
    parts = desk.parts()
    assert parts[:3] == ["clip", "clip", "frame"]
    assert parts.index("frame") < parts.index("curves") < parts.index("table")
    require_complete(desk.bench.shown, WISH)


def test_curves_grow_frame_by_frame() -> None:
    desk = serve(Desk(), WISH)
    grown = [shown for part, shown in desk.told if part == "curves"]
    assert [shown.n_done for shown in grown] == list(range(1, 13))
    for shown in grown:
        assert shown.curves is not None
        assert int(np.isfinite(shown.curves.area_px).sum()) == shown.n_done


def test_curves_agree_with_the_metrics() -> None:
    shown = serve(Desk(), WISH).bench.shown
    assert shown.curves is not None
    assert shown.stable is not None
    known = [np.nan if value is None else value for value in shown.stable.curves.iou_prev]
    np.testing.assert_allclose(shown.curves.iou_prev, known)
    assert list(shown.curves.area_px) == list(shown.stable.curves.area_px)


def test_another_frame_needs_no_new_run_once_there_is_one() -> None:
    desk = serve(Desk(), WISH, replace(WISH, index=7), replace(WISH, index=99))
    (clip,) = desk.clips
    assert len(clip.runs) == 1
    assert clip.n_judged == 2  # raw and stable
    assert clip.previews == [(WISH.params, 3)]
    assert desk.parts()[-2:] == ["frame", "frame"]
    require_complete(desk.bench.shown, replace(WISH, index=99))


def test_raw_is_measured_once_per_clip() -> None:
    others = [replace(WISH, params=ExponentialParams(alpha=alpha)) for alpha in (0.3, 0.7)]
    desk = serve(Desk(), WISH, *others)
    assert desk.clips[0].n_judged == 1 + 3
    require_complete(desk.bench.shown, others[-1])


def test_metrics_of_other_settings_are_never_shown_beside_a_new_frame() -> None:
    other = replace(WISH, params=ExponentialParams(alpha=0.3))
    desk = serve(Desk(), WISH, other)
    for _, shown in desk.told:
        if shown.wish == other and shown.stable is not None:
            assert shown.stable.area_px_mean == desk.bench.shown.stable.area_px_mean  # type: ignore[union-attr]


def test_return_to_settings_whose_run_is_at_hand_shows_its_metrics_again() -> None:
    bad = replace(WISH, params=MedianParams())
    desk = serve(Desk(), WISH, bad, WISH)
    assert len(desk.clips[0].runs) == 1
    require_complete(desk.bench.shown, WISH)


def test_error_of_a_method_is_one_line_and_goes_with_the_next_wish() -> None:
    desk = serve(Desk(), replace(WISH, params=MedianParams()))
    shown = desk.bench.shown
    assert shown.failed
    assert shown.status == "the fake knows exponential, got MedianParams"
    require_complete(serve(desk, WISH).bench.shown, WISH)


def test_clip_that_cannot_be_opened_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    desk = serve(Desk(), replace(WISH, clip="broken"))
    assert desk.bench.shown.status == "broken.mp4 must hold at least one frame, got none"
    assert caplog.records == []  # what is worded for people needs no traceback


def test_mistake_in_the_code_is_logged_and_named() -> None:
    desk = Desk()
    desk.bench = Bench(lambda wish, tell: 1 / 0, listen=desk.listen, tune=None, curves_s=0)  # type: ignore[arg-type,return-value]
    serve(desk, WISH)
    assert desk.bench.shown.status == "ZeroDivisionError: division by zero"


def test_frame_wished_during_a_run_is_shown_before_the_run_ends() -> None:
    desk = Desk()
    latest: Latest[Wish] = Latest(desk.bench, rest_s=0.0)
    seen = []

    def during() -> None:
        clip = desk.clips[0]
        if len(clip.runs) == 1 and len(seen) < 1:
            latest.wish(replace(WISH, index=11))
            seen.append(True)

    desk.during = during
    latest.start()
    latest.wish(WISH)
    assert latest.settle(30)
    latest.close()
    shown = [(part, each.frame.index) for part, each in desk.told if each.frame is not None]
    assert shown.index(("frame", 11)) < shown.index(("curves", 11))
    assert desk.clips[0].previews == [(WISH.params, 3), (WISH.params, 11)]
    assert len(desk.clips[0].runs) == 1
    require_complete(desk.bench.shown, replace(WISH, index=11))


def test_stale_frame_is_left_out_but_a_long_drag_is_not_blind() -> None:
    desk, now = Desk(), [0.0]
    desk.bench = Bench(desk.open, listen=desk.listen, tune=None, curves_s=0.0, now_s=lambda: now[0])
    for step in range(12):  # each change finds a newer one behind it, a tenth of a second apart
        now[0] = 0.1 * step
        desk.bench.quick(replace(WISH, index=step), stop=lambda: True)
    seen = [shown.frame.index for part, shown in desk.told if part == "frame" and shown.frame is not None]
    assert seen == [0, 3, 6, 9]


alphas = st.sampled_from([0.2, 0.5, 0.8])
methods = st.one_of(st.builds(ExponentialParams, alpha=alphas), st.just(MedianParams()))
wishes = st.builds(
    Wish, st.sampled_from(["long", "short"]), st.sampled_from(["net", "blind"]), methods, st.integers(0, 14)
)


@settings(deadline=None, max_examples=60)
@given(st.lists(wishes, min_size=1, max_size=12), st.lists(st.integers(0, 9), max_size=12))
def test_whatever_is_changed_in_the_midst_of_it_the_last_wish_is_shown(
    sequence: list[Wish], moments: list[int]
) -> None:
    desk = Desk()
    latest: Latest[Wish] = Latest(desk.bench, rest_s=0.0)
    rest, waits = sequence[1:], list(moments)

    def during() -> None:  # the worker is between two frames: a person moves something now and then
        if rest and (not waits or waits.pop(0) < 3):
            latest.wish(rest.pop(0))

    desk.during = during
    latest.start()
    latest.wish(sequence[0])
    assert latest.settle(30)
    left = rest.copy()  # what no run was long enough for
    rest.clear()
    for wish in left:
        latest.wish(wish)
    last = sequence[-1]
    latest.wish(last)
    assert latest.settle(30)
    latest.close()
    if isinstance(last.params, ExponentialParams):
        require_complete(desk.bench.shown, last)
    else:
        assert desk.bench.shown.failed
        assert desk.bench.shown.wish == last


# ── tune for me ─────────────────────────────────────────────────────────────────────────────────────────────
def test_tuning_reports_what_it_found() -> None:
    asked = []

    def tune(rehearsal: object, method: str) -> MethodParams:
        asked.append((method, rehearsal.measure(ExponentialParams(alpha=0.2)).n_frames))  # type: ignore[attr-defined]
        return ExponentialParams(alpha=0.2)

    desk = serve(Desk(tune), WISH, replace(WISH, n_tunings=1))
    assert asked == [("exponential", 12)]
    assert desk.told[-1][0] == "tuned"
    assert desk.bench.shown.tuned == ExponentialParams(alpha=0.2)


def test_change_takes_the_clip_away_from_a_search() -> None:
    desk, stopped, entered = Desk(), [], threading.Event()

    def tune(rehearsal: object, method: str) -> MethodParams:
        entered.set()
        try:
            while True:
                rehearsal.measure(WISH.params)  # type: ignore[attr-defined]
        except StoppedError:
            stopped.append(method)
            raise

    desk = Desk(tune)
    latest: Latest[Wish] = Latest(desk.bench, rest_s=0.0)
    latest.start()
    latest.wish(replace(WISH, n_tunings=1))
    assert entered.wait(30)
    changed = replace(WISH, params=ExponentialParams(alpha=0.8), n_tunings=1)
    latest.wish(changed)
    assert latest.settle(30)
    latest.close()
    assert stopped == ["exponential"]
    assert desk.bench.shown.tuned is None
    require_complete(desk.bench.shown, changed)
