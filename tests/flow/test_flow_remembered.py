"""Flow that is estimated once for a pair of pictures."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vidlab.errors import ParameterError
from vidlab.flow import DisFlow, FlowEstimator, FlowMemory, RememberedFlow, create_flow, flow_of
from vidlab.params import method_params
from vidlab.temporal import create_stabilizer
from vidlab.temporal.protocol import Evidence

SIZE_HW = (96, 128)
DOG = 18
MB = 1 << 20


def picture(shift_px: int) -> np.ndarray:
    coarse = np.random.default_rng(3).random((SIZE_HW[0] // 4, SIZE_HW[1] // 4, 3))
    return np.roll((np.kron(coarse, np.ones((4, 4, 1))) * 255).astype(np.uint8), shift_px, axis=1)


def gray(shift_px: int) -> np.ndarray:
    return np.ascontiguousarray(picture(shift_px)[..., 0])


class Counting(DisFlow):
    """Counts how often a flow is estimated."""

    n_estimated = 0

    def small(self, picture_from, picture_to, *, scale):
        self.n_estimated += 1
        return super().small(picture_from, picture_to, scale=scale)


def remembered(memory: FlowMemory, *, preset="fast", scale=1.0, **settings) -> RememberedFlow:
    return RememberedFlow(DisFlow(preset=preset, scale=scale), memory=memory, **settings)


def stabilized(method: str, settings: list[str], flow: FlowEstimator | None) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    stabilizer = create_stabilizer(method_params(method, settings), flow=flow)
    stabilizer.reset()
    results = []
    for index in range(14):
        raw = np.zeros((1, *SIZE_HW), bool)
        raw[0, 20:70, 20 + 2 * index : 60 + 2 * index] = index % 5 != 3
        probs = np.clip(raw + rng.normal(0, 0.2, raw.shape), 0, 1).astype(np.float32)
        strength = np.float32([0.9 if raw.any() else 0.0])
        results += stabilizer.step(picture(2 * index), Evidence((DOG,), probs, raw, strength))
    results += stabilizer.flush()
    return [stable.probs for stable in results]


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("flow_fusion", []),
        ("flow_fusion_two_pass", []),
        ("median", ["follow_motion=true"]),
        ("exponential", ["follow_motion=true"]),
        ("flow_fusion", ["flow=farneback"]),
        ("median", ["follow_motion=true", "flow=lucas_kanade"]),
        ("exponential", ["follow_motion=true", "flow=block_matching"]),
    ],
)
def test_a_stabilizer_with_remembered_flow_gives_the_same_bits(method, settings):
    params, memory = method_params(method, settings), FlowMemory(memory_mb=50)
    flow = RememberedFlow(flow_of(params), memory=memory)
    own = stabilized(method, settings, None)
    known = []
    for _ in range(2):  # estimated, then looked up
        given = stabilized(method, settings, flow)
        assert all(np.array_equal(a, b) for a, b in zip(own, given, strict=True))
        known.append(len(memory))
    assert known[0] == known[1] >= 2 * 13  # there and back, for each pair; and what follows from them


def test_a_pair_is_estimated_once_whoever_asks():
    memory = FlowMemory(memory_mb=10)
    counting = Counting(preset="fast", scale=1.0)
    for _ in range(3):
        flow = RememberedFlow(counting, memory=memory)
        assert np.array_equal(flow(gray(4), gray(0)), DisFlow(preset="fast", scale=1.0)(gray(4), gray(0)))
    assert counting.n_estimated == 1


def test_what_follows_from_a_flow_is_computed_once_for_each_way_through_a_pair():
    memory, a, b = FlowMemory(memory_mb=1, dtype="float16"), gray(4), gray(0)
    made = []

    def masked() -> np.ndarray:
        made.append(1)
        return np.array([True, False])

    for pair in ((a, b), (b, a), (a, b)):
        found = remembered(memory).once("mask", pair, compute=masked)
        assert found.dtype == bool
        assert found.tolist() == [True, False]
    third = remembered(memory).once("number", (a, b), compute=lambda: np.array(1 / 3))
    assert (len(made), float(third)) == (2, 1 / 3)
    assert float(remembered(memory).once("number", (a, b), compute=lambda: np.array(0.0))) == 1 / 3


def test_estimators_and_their_settings_are_told_apart():
    memory, names = FlowMemory(memory_mb=10), ("dis", "farneback", "lucas_kanade", "horn_schunck")
    flows = [create_flow(name, scale=1.0) for name in names]
    flows.append(create_flow("horn_schunck", scale=1.0, settings={"levels": 1}))
    for flow in flows:
        kept = RememberedFlow(flow, memory=memory)(gray(4), gray(0))
        assert np.array_equal(kept, flow(gray(4), gray(0)))
    assert len(memory) == len(flows)


def test_preset_and_scale_and_direction_are_told_apart():
    memory = FlowMemory(memory_mb=10)
    size = {"size": (240, 320)}
    a, b = (np.random.default_rng(seed).integers(0, 255, size["size"], np.uint8) for seed in (1, 2))
    for preset in ("ultrafast", "fast"):
        for scale in (1.0, 0.5):
            for pair in ((a, b), (b, a)):
                found = remembered(memory, preset=preset, scale=scale)(*pair)
                assert np.array_equal(found, DisFlow(preset=preset, scale=scale)(*pair))
    assert len(memory) == 8


def test_memory_stays_below_its_bound_and_the_least_recently_used_goes_first():
    one_flow = SIZE_HW[0] * SIZE_HW[1] * 2 * 4
    memory = FlowMemory(memory_mb=2.5 * one_flow / MB)
    for key in "ab":
        memory.keep((key,), np.zeros((*SIZE_HW, 2), np.float32))
    assert memory.find(("a",)) is not None  # used just now: "b" is the older one
    memory.keep(("c",), np.zeros((*SIZE_HW, 2), np.float32))
    assert memory.n_bytes == 2 * one_flow
    assert memory.find(("b",)) is None
    assert memory.find(("a",)) is not None
    assert memory.find(("c",)) is not None


def test_what_never_fits_is_not_kept_and_nothing_goes_for_it():
    memory = FlowMemory(memory_mb=0.01)
    memory.keep(("small",), np.zeros((4, 4, 2), np.float32))
    memory.keep(("large",), np.zeros((*SIZE_HW, 2), np.float32))
    assert memory.find(("large",)) is None
    assert memory.find(("small",)) is not None


def test_half_precision_takes_half_the_room_and_errs_by_a_thousandth():
    flow = DisFlow(preset="fast", scale=1.0)(gray(6), gray(0))
    exact, half = FlowMemory(memory_mb=10), FlowMemory(memory_mb=10, dtype="float16")
    for memory in (exact, half):
        memory.keep(("flow",), flow)
    assert half.n_bytes == exact.n_bytes / 2
    found = half.find(("flow",))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, flow, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("memory_mb", [10, 0])
def test_first_answer_is_that_of_all_later_ones(memory_mb):
    flow = remembered(FlowMemory(memory_mb=memory_mb, dtype="float16"))
    first, second = flow(gray(6), gray(0)), flow(gray(6), gray(0))
    np.testing.assert_array_equal(first, second)


def test_what_is_remembered_cannot_be_changed():
    memory, flow = FlowMemory(memory_mb=1), np.ones((4, 4, 2), np.float32)
    memory.keep(("flow",), flow)
    flow[:] = 7
    found = memory.find(("flow",))
    assert found.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 3


def test_threads_share_a_memory():
    memory = FlowMemory(memory_mb=0.4)  # some fit, some do not
    expected = [DisFlow(preset="fast", scale=1.0)(gray(shift), gray(0)) for shift in range(8)]

    def estimate(number: int) -> bool:
        flow = remembered(memory)
        return all(
            np.array_equal(flow(gray(shift), gray(0)), expected[shift])
            for shift in np.random.default_rng(number).permutation(8).tolist()
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(estimate, range(8)))
    assert memory.n_bytes <= 0.4 * MB


def test_half_pixels_stay_those_of_the_full_frame():
    half = remembered(FlowMemory(memory_mb=1), scale=1.0, frame_scale=0.5)
    assert half.scale_for((240, 427)) == 0.5
    assert half.small_hw((240, 427)) == (240, 427)
    full = DisFlow(preset="fast", scale=0.5)
    assert (full.scale_for((480, 854)), full.small_hw((480, 854))) == (0.5, (240, 427))


def test_settings_are_checked():
    with pytest.raises(ParameterError, match="memory_mb must be 0 or more, got -1"):
        FlowMemory(memory_mb=-1)
    with pytest.raises(ParameterError, match=r"frame_scale must lie in \(0, 1\], got 0"):
        remembered(FlowMemory(memory_mb=1), frame_scale=0)
    with pytest.raises(ParameterError, match="unknown flow preset 'slow'"):
        remembered(FlowMemory(memory_mb=1), preset="slow")
