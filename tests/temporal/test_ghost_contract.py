"""Anti-ghost keeps its word whatever the schedule: gone after N frames without, shown after B frames with."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vidlab.params import method_params
from vidlab.temporal import create_stabilizer
from vidlab.temporal.protocol import Evidence
from vidlab.types import BoolMask, UInt8Image

SIZE_HW = (48, 64)
OBJECT = 18


def schedules(max_frames: int) -> st.SearchStrategy[list[tuple[bool, float]]]:
    """Runs of frames with and without the object, each with a score: what a network may do over time."""
    run = st.tuples(st.booleans(), st.integers(1, 14), st.floats(0.25, 1))
    return st.lists(run, min_size=1, max_size=8).map(
        lambda runs: [(found, score) for found, length, score in runs for _ in range(length)][:max_frames]
    )


def picture(seed: int, frame: int, *, speed_px: int, cuts: list[int]) -> UInt8Image:
    """A texture that moves to the right, another after every cut."""
    shot = sum(cut <= frame for cut in cuts)
    noise = np.random.default_rng([seed, shot]).integers(0, 256, (SIZE_HW[0] // 4, SIZE_HW[1] // 4, 3))
    texture = noise.astype(np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    return np.roll(texture, frame * speed_px, axis=1)


def said(found: bool, score: float, *, x: int) -> Evidence:
    """Evidence of one box that wraps around the picture, or of nothing."""
    mask = np.zeros(SIZE_HW, bool)
    mask[14:34, 20:44] = found
    mask = np.roll(mask, x, axis=1)
    strength = np.array([score if found else 0], np.float32)
    return Evidence((OBJECT,), mask[np.newaxis].astype(np.float32), mask[np.newaxis], strength)


def shown(
    method: str, values: list[str], clip: list[tuple[UInt8Image, Evidence]]
) -> list[tuple[BoolMask, bool]]:
    """Run a method; return the mask of each frame, and whether it starts a shot."""
    stabilizer = create_stabilizer(method_params(method, values))
    stabilizer.reset()
    results = [result for image, evidence in clip for result in stabilizer.step(image, evidence)]
    results += stabilizer.flush()
    nothing = np.zeros(SIZE_HW, bool)
    return [
        (r.masks[r.class_ids.index(OBJECT)] if OBJECT in r.class_ids else nothing, r.is_cut) for r in results
    ]


def shots(starts: list[bool]) -> list[range]:
    """Frames of each shot, told from where shots start."""
    begin = [0, *(frame for frame, start in enumerate(starts) if start and frame)]
    return [range(a, b) for a, b in zip(begin, [*begin[1:], len(starts)], strict=True)]


def check(
    method: str,
    schedule: list[tuple[bool, float]],
    *,
    gone_after: int,
    kept_after: int,
    seed: int,
    looks: int,
) -> None:
    speed_px, cuts = seed % 4, [10, 23] if seed % 3 == 0 else []
    clip = [
        (picture(seed, frame, speed_px=speed_px, cuts=cuts), said(found, score, x=frame * speed_px))
        for frame, (found, score) in enumerate(schedule)
    ]
    values = [f"gone_after={gone_after}", f"fade_after={gone_after // 2}", f"kept_after={kept_after}"]
    results = shown(method, values, clip)
    for shot in shots([is_cut for _, is_cut in results]):
        found = [frame for frame in shot if schedule[frame][0]]
        for frame in shot:
            mask = results[frame][0]
            nearest = min((frame - f for f in found if f <= frame), default=gone_after)
            ahead = min((f - frame for f in found if frame <= f <= frame + looks), default=gone_after)
            if min(nearest, ahead) >= gone_after:
                assert not mask.any(), f"a ghost in frame {frame}"
            run = [f for f in shot if frame - kept_after < f <= frame and schedule[f][0]]
            if len(run) == kept_after:
                assert (mask & clip[frame][1].raw[0]).any(), f"the object is not shown in frame {frame}"


METHODS = [("flow_fusion", 0), ("flow_fusion_two_pass", 120)]
RANDOM = {
    "schedule": schedules(40),
    "gone_after": st.integers(1, 12),
    "kept_after": st.integers(1, 8),
    "seed": st.integers(0, 10_000),
}


@pytest.mark.parametrize(("method", "looks"), METHODS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(**RANDOM)
def test_the_contract_holds_for_any_schedule(method, looks, schedule, gone_after, kept_after, seed):
    check(method, schedule, gone_after=gone_after, kept_after=kept_after, seed=seed, looks=looks)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "looks"), METHODS)
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(**RANDOM)
def test_the_contract_holds_for_thousands_of_schedules(method, looks, schedule, gone_after, kept_after, seed):
    check(method, schedule, gone_after=gone_after, kept_after=kept_after, seed=seed, looks=looks)


def test_what_is_shown_by_contract_may_be_asked_for_sooner():
    """The parameter has an effect: an object after a long absence is shown when it says, not before."""
    schedule = [(True, 0.9)] * 3 + [(False, 0.0)] * 14 + [(True, 0.3)] * 8

    def first_shown(kept_after: int) -> int:
        clip = [(picture(1, i, speed_px=0, cuts=[]), said(*one, x=0)) for i, one in enumerate(schedule)]
        masks = [mask.any() for mask, _ in shown("flow_fusion", [f"kept_after={kept_after}"], clip)]
        return masks.index(True, 16) - 16

    assert first_shown(1) == 1 < first_shown(300)


@pytest.mark.parametrize("gone_after", [2, 5, 9])
def test_what_left_is_shown_until_it_fades(gone_after):
    schedule = [(True, 0.9)] * 12 + [(False, 0.0)] * 14
    clip = [(picture(2, i, speed_px=0, cuts=[]), said(*one, x=0)) for i, one in enumerate(schedule)]
    values = [f"gone_after={gone_after}", f"fade_after={gone_after - 1}"]
    visible = [mask.any() for mask, _ in shown("flow_fusion", values, clip)]
    assert sum(visible[12:]) == gone_after - 1  # the frame in which it was last found is the 0th
