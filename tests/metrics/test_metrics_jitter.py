import math
from itertools import pairwise

import cv2
import numpy as np
import pytest
from conftest import REAL, needs_real
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidlab.errors import ParameterError, ShapeError
from vidlab.flow import FarnebackFlow, occluded, to_gray
from vidlab.metrics.boundary import boundary_f, davis_tolerance_px
from vidlab.metrics.jitter import BoundaryJitter, boundary_jitter, jitter_reach_px
from vidlab.metrics.outline_distance import edge_points, signed_distance
from vidlab.metrics.outline_shift import some
from vidlab.synthetic import iter_scene, random_scene

SIZE_HW = (120, 200)
REACH_PX = 24.0
SHIFTS = ((0, 0), (1, 0), (4, 0), (0, 4), (-3, 3), (4, 4), (0, -8), (12, 0), (0, 16))
SMALL_CASES = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda size: st.tuples(
        hnp.arrays(np.bool_, size),
        hnp.arrays(np.bool_, size),
        hnp.arrays(np.float32, (*size, 2), elements=st.floats(-4, 4, width=16)),
        hnp.arrays(np.bool_, size),
    )
)


def box(x0: int, x1: int, y0: int, y1: int) -> np.ndarray:
    mask = np.zeros(SIZE_HW, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def disk(radius: float, *, wobble: float = 0.0, lobes: int = 7, turn: float = 0.0) -> np.ndarray:
    y, x = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]] - np.array([60, 100]).reshape(2, 1, 1)
    return np.hypot(x, y) < radius + wobble * np.sin(lobes * np.arctan2(y, x) + turn)


def limb(width: int) -> np.ndarray:
    canvas = np.zeros(SIZE_HW, np.uint8)
    cv2.line(canvas, (60, 35), (140, 85), 1, width)
    return canvas.view(bool)


SHAPES = {
    "square": box(80, 120, 40, 80),
    "flat, its outline nearly all horizontal": box(40, 160, 56, 64),
    "tall, its outline nearly all vertical": box(96, 104, 24, 96),
    "thinner than most shifts": box(60, 140, 58, 61),
    "slanted limb": limb(5),
    "ring": disk(32) & ~disk(27),
    "cross": box(60, 140, 57, 62) | box(98, 102, 25, 95),
    "comb": np.any([box(60 + 12 * i, 65 + 12 * i, 30, 80) for i in range(7)], axis=0) | box(60, 137, 76, 80),
    "disk": disk(30),
}


def moved(mask: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """Shift a mask; what comes in from outside the picture is empty."""
    by = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return cv2.warpAffine(mask.view(np.uint8), by, mask.shape[::-1], flags=cv2.INTER_NEAREST).view(bool)


def still(size_hw=SIZE_HW) -> np.ndarray:
    return np.zeros((*size_hw, 2), np.float32)


def jitter(mask, previous, *, flow=None, hidden=None, reach_px=REACH_PX) -> float:
    flow = still(mask.shape) if flow is None else flow
    return boundary_jitter(mask, previous, flow_to_prev=flow, occluded=hidden, reach_px=reach_px)


def slow_jitter(mask: np.ndarray, previous: np.ndarray, *, flow: np.ndarray, reach: int) -> float:
    """One piece, in the open: the whole shift that overlaps best, then all pairs of outline points."""
    warped = np.zeros_like(previous)
    for y, x in np.ndindex(mask.shape):
        v, u = round(float(y + flow[y, x, 1])), round(float(x + flow[y, x, 0]))
        warped[y, x] = 0 <= v < mask.shape[0] and 0 <= u < mask.shape[1] and previous[v, u]
    shifts = [(dx, dy) for dx in range(-reach, reach + 1) for dy in range(-reach, reach + 1)]
    shift = min(shifts, key=lambda d: (np.count_nonzero(mask ^ moved(warped, *d)), abs(d[0]) + abs(d[1])))
    here, there = edge_points(mask)[0], edge_points(moved(warped, *shift))[0]
    values = []
    for point in here:
        left = min((point - other for other in there), key=lambda gap: float(gap @ gap))
        values.append(np.hypot(*(np.array(shift) + left)))
    return float(np.median(values))


@pytest.mark.parametrize("name", SHAPES)
def test_a_shaken_mask_is_measured_by_its_shake_in_any_direction(name):
    for shift in SHIFTS:
        value = jitter(moved(SHAPES[name], *shift), SHAPES[name])
        assert value == pytest.approx(math.hypot(*shift), abs=0.05), shift


def test_the_nearest_outline_alone_would_see_less():
    """Why a shift is fitted: most of a flat outline is as near as ever when it is shaken along itself."""
    bar = SHAPES["flat, its outline nearly all horizontal"]
    shaken, distance = moved(bar, 4, 0), signed_distance(bar)
    points = edge_points(shaken)[0].astype(int)
    assert np.median(np.abs(distance[points[:, 1], points[:, 0]])) <= 1
    assert jitter(shaken, bar) == pytest.approx(4, abs=0.05)


def test_what_motion_explains_is_no_jitter():
    """The object moves over ground that does not, and only its own flow tells."""
    before = disk(30)
    now = moved(before, 9, -5)
    flow = still()
    flow[now] = (-9, 5)
    assert jitter(now, before, flow=flow) < 0.1
    assert jitter(moved(now, 3, 3), before, flow=flow) == pytest.approx(math.hypot(3, 3), abs=0.3)


def test_a_frozen_mask_is_measured_by_the_motion_it_misses():
    flow = still() + np.float32([-9, 5])
    assert jitter(disk(30), disk(30), flow=flow) == pytest.approx(math.hypot(9, 5), abs=0.05)


@pytest.mark.parametrize("dx", [0.0, 0.25, 0.5, 2.75])
def test_steps_of_the_pixel_grid_are_no_jitter(dx):
    y, x = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    before, now = (np.hypot(x - 100.3 - offset, y - 60.2) < 30 for offset in (0.0, dx))
    flow = still()
    flow[..., 0] = -dx
    assert jitter(now, before, flow=flow) < 0.25


@pytest.mark.parametrize("by", [-3, 2, 5])
def test_an_outline_that_breathes_is_measured_by_its_breath(by):
    assert jitter(disk(30 + by), disk(30)) == pytest.approx(abs(by), abs=0.2)
    at_right_angles = math.hypot(4, by)  # the median: breath and shake add up here, and cancel there
    assert jitter(moved(disk(30 + by), 4, 0), disk(30)) == pytest.approx(at_right_angles, abs=0.4)


def test_an_outline_that_wobbles_is_measured_by_its_wobble():
    """Radii differ by 3·(sin(7φ) − sin(7φ + π)) = 6·sin(7φ): its median size is 6·sin(45°)."""
    wobbling = jitter(disk(35, wobble=3, turn=math.pi), disk(35, wobble=3))
    assert wobbling == pytest.approx(6 * math.sin(math.pi / 4), abs=1.0)  # distances are not along the radius
    assert wobbling > jitter(disk(35, wobble=1, turn=math.pi), disk(35, wobble=1)) > 0.5


@pytest.mark.parametrize("shift", [(0, 0), (4, 0), (-3, 3)])
def test_area_that_is_lost_or_gained_is_not_jitter(shift):
    body = box(60, 140, 30, 90)
    bitten = body & ~box(95, 115, 70, 90)
    blob = body | box(165, 190, 30, 90)  # farther from the body than the reach
    for mask in (bitten, blob):
        assert jitter(moved(mask, *shift), body) == pytest.approx(math.hypot(*shift), abs=0.1)
        assert jitter(moved(body, *shift), mask) == pytest.approx(math.hypot(*shift), abs=0.1)


def test_each_piece_has_a_shift_of_its_own():
    left, right = box(20, 60, 30, 90), box(120, 160, 30, 90)
    large, small = box(20, 80, 20, 100), box(140, 160, 50, 70)
    assert jitter(moved(left, 4, 0) | moved(right, -4, 0), left | right) == pytest.approx(4, abs=0.05)
    assert jitter(moved(large, 0, 4) | small, large | small) == pytest.approx(4, abs=0.05)
    assert jitter(large | moved(small, 0, 4), large | small) == pytest.approx(0, abs=0.05)


def test_a_band_from_border_to_border_shows_no_shift_along_itself():
    band = box(0, 200, 40, 80)
    assert jitter(moved(band, 0, 4), band) == pytest.approx(4, abs=0.05)
    assert jitter(band, band) == 0
    assert jitter(box(4, 200, 40, 80), band) == pytest.approx(0, abs=0.05)


def test_an_object_at_the_border_is_measured_by_what_can_be_seen_of_it():
    corner = box(120, 200, 60, 120)
    for shift in SHIFTS[:6]:
        whole = box(120 + shift[0], 200, 60 + shift[1], 120)
        assert jitter(whole, corner) == pytest.approx(math.hypot(*shift), abs=0.1)


def test_hidden_points_are_left_out():
    square = SHAPES["square"]
    half_hidden = np.zeros(SIZE_HW, bool)
    half_hidden[:, :101] = True
    torn = square | box(60, 90, 40, 80)  # its left side has moved, where it cannot be seen
    assert jitter(torn, square) > 0
    assert jitter(torn, square, hidden=half_hidden) == pytest.approx(0, abs=0.05)
    assert math.isnan(jitter(square, square, hidden=np.ones(SIZE_HW, bool)))


def test_without_an_outline_on_both_sides_nothing_is_defined():
    square, empty, full = SHAPES["square"], np.zeros(SIZE_HW, bool), np.ones(SIZE_HW, bool)
    for mask, previous in ((square, empty), (empty, square), (empty, empty), (full, full), (square, full)):
        assert math.isnan(jitter(mask, previous))
        assert math.isnan(jitter(previous, mask))
    assert math.isnan(jitter(moved(square, -70, 0), square))  # beyond the reach: gone and come, not shaken
    from_outside = still() + np.float32([500, 0])
    assert math.isnan(jitter(square, square, flow=from_outside))
    assert math.isnan(jitter(np.zeros((0, 4), bool), np.zeros((0, 4), bool)))


@pytest.mark.parametrize("seed", range(6))
def test_it_agrees_with_a_slow_reference(seed):
    rng = np.random.default_rng(seed)
    size_hw = (44, 56)
    soft = cv2.GaussianBlur(rng.normal(size=size_hw).astype(np.float32), (0, 0), 5)
    y, x = np.mgrid[: size_hw[0], : size_hw[1]]
    near = np.hypot(y - 22, x - 28) < 13 + 60 * soft
    labels = cv2.connectedComponents(near.view(np.uint8))[1]
    before = labels == labels[22, 28]
    shift = rng.integers(-3, 4, 2)
    flow = still(size_hw) + np.float32([1, -2])
    now = moved(before, -1 + int(shift[0]), 2 + int(shift[1]))
    now |= moved(now, 0, 1)  # and one pixel taller
    expected = slow_jitter(now, before, flow=flow, reach=6)
    assert jitter(now, before, flow=flow, reach_px=8.0) == pytest.approx(expected, abs=0.6)


@given(SMALL_CASES)
def test_any_input_gives_a_distance_or_nothing(case):
    mask, previous, flow, hidden = case
    copies = [array.copy() for array in case]
    value = jitter(mask, previous, flow=flow, hidden=hidden, reach_px=3.0)
    assert math.isnan(value) or 0 <= value <= 4 * 3.0
    assert all(np.array_equal(array, copy) for array, copy in zip(case, copies, strict=True))
    unchanged = jitter(mask, mask, reach_px=3.0)
    assert math.isnan(unchanged) or unchanged == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("name", ["comb", "slanted limb", "cross"])
def test_turning_and_mirroring_the_picture_changes_nothing(name):
    before = SHAPES[name]
    now = moved(before, 3, 2) | disk(6)
    value = jitter(now, before)
    turned = [np.ascontiguousarray(array.T) for array in (now, before)]
    mirrored = [np.ascontiguousarray(array[:, ::-1]) for array in (now, before)]
    for first, second in (turned, mirrored):
        assert jitter(first, second) == pytest.approx(value, abs=0.1)


def test_a_ragged_mask_of_the_whole_picture_is_no_trouble():
    noise = np.random.default_rng(0).random((480, 854)) < 0.5
    assert jitter(noise, noise, reach_px=31.0) == pytest.approx(0, abs=1e-3)


def test_signed_distance_grows_inward_and_is_zero_on_the_edge():
    distance = signed_distance(SHAPES["square"])
    assert distance[60, 78:84].tolist() == pytest.approx([-1.5, -0.5, 0.5, 1.5, 2.5, 3.5])
    assert distance[60, 90] == pytest.approx(10.5)
    assert distance[SHAPES["square"]].min() > -1  # corners are rounded off
    assert signed_distance(np.zeros((9, 9), bool)).max() < -1000


def test_points_are_thinned_evenly():
    keep = np.ones(10_000, bool)
    keep[::3] = False
    chosen = some(keep, 500)
    assert keep[chosen].all()
    assert len(chosen) == pytest.approx(500, abs=3)
    assert np.diff(chosen).max() < 60
    assert some(keep, 10_000).tolist() == np.flatnonzero(keep).tolist()
    assert np.bincount(chosen % 2).min() > 200  # no rhythm: rows of two edges keep both
    assert some(np.zeros(4, bool), 3).size == 0


def test_streamed_equals_batched():
    masks = [moved(SHAPES["disk"], *shift) for shift in ((0, 0), (4, 0), (1, 0), (1, 2), (1, 2))]
    metric = BoundaryJitter(reach_px=REACH_PX)
    for _ in range(2):
        metric.reset()
        values = [metric.update(masks[0], flow_to_prev=None, occluded=None)]
        values += [metric.update(mask, flow_to_prev=still(), occluded=None) for mask in masks[1:]]
        assert math.isnan(values[0])
        expected = [jitter(mask, before) for before, mask in pairwise(masks)]
        assert values[1:] == expected == pytest.approx([4, 3, 2, 0], abs=0.05)
        summary = metric.compute()
        assert summary == (np.median(expected), np.percentile(expected, 95), 4)


def test_stream_skips_what_is_undefined_and_keeps_no_input():
    metric, mask = BoundaryJitter(), SHAPES["disk"].copy()
    empty = np.zeros_like(mask)
    assert metric.compute().n_pairs == 0
    assert np.isnan(metric.compute()[:2]).all()
    metric.update(mask, flow_to_prev=None, occluded=None)
    mask[:] = False
    assert metric.update(moved(SHAPES["disk"], 4, 0), flow_to_prev=still(), occluded=None) == pytest.approx(
        4, abs=0.05
    )
    for following in (empty, SHAPES["disk"]):
        assert math.isnan(metric.update(following, flow_to_prev=still(), occluded=None))
    assert math.isnan(metric.update(SHAPES["square"], flow_to_prev=None, occluded=None))  # a shot cut
    assert metric.compute().n_pairs == 1


def test_reach_is_a_share_of_the_diagonal():
    assert jitter_reach_px((480, 854)) == pytest.approx(0.032 * math.hypot(480, 854))
    default_px = jitter_reach_px(SIZE_HW)  # 7.5 px: less than this shake
    before, shaken = SHAPES["square"], moved(SHAPES["square"], 10, 0)
    for reach_px, expected in ((None, jitter(shaken, before, reach_px=default_px)), (20.0, 10.0)):
        metric = BoundaryJitter(reach_px=reach_px)
        metric.update(before, flow_to_prev=None, occluded=None)
        value = metric.update(shaken, flow_to_prev=still(), occluded=None)
        assert value == pytest.approx(expected, abs=0.05)


def test_wrong_input_is_refused():
    mask, flow = np.zeros((2, 3), bool), np.zeros((2, 3, 2), np.float32)
    with pytest.raises(ShapeError, match=r"mask must be bool \(H, W\), got uint8 \(2, 3\)"):
        boundary_jitter(mask.view(np.uint8), mask, flow_to_prev=flow, occluded=None, reach_px=1)
    with pytest.raises(ShapeError, match=r"previous \(3, 2\) and mask \(2, 3\)"):
        boundary_jitter(mask, mask.T, flow_to_prev=flow, occluded=None, reach_px=1)
    with pytest.raises(ShapeError, match=r"flow_to_prev must be float32 \(2, 3, 2\), got float64"):
        boundary_jitter(mask, mask, flow_to_prev=flow.astype(float), occluded=None, reach_px=1)
    with pytest.raises(ShapeError, match=r"mask .* and occluded"):
        boundary_jitter(mask, mask, flow_to_prev=flow, occluded=mask.T, reach_px=1)
    with pytest.raises(ParameterError, match="reach_px must be above 0, got 0"):
        boundary_jitter(mask, mask, flow_to_prev=flow, occluded=None, reach_px=0)
    with pytest.raises(ParameterError, match="reach_px must be above 0, got -1"):
        BoundaryJitter(reach_px=-1)
    metric = BoundaryJitter()
    with pytest.raises(ShapeError, match=r"mask must be bool \(H, W\), got uint8"):
        metric.update(mask.view(np.uint8), flow_to_prev=None, occluded=None)


def shake_errors(frames, *, shifts):
    """Median jitter of the truth, and for each shift what a truth shaken by it is measured wrong by, pixels.

    `frames` yields gray images with true masks; every second mask is shifted. DAVIS F must see nothing.
    """
    flow = FarnebackFlow(scale=0.5)
    metrics = {shift: BoundaryJitter() for shift in ((0, 0), *shifts)}
    previous = to_prev = hidden = None
    for number, (gray, target) in enumerate(frames):
        if previous is not None:
            to_prev = flow(gray, previous)
            hidden = occluded(to_prev, flow(previous, gray))
        for shift, metric in metrics.items():
            mask = moved(target, *shift) if number % 2 else target
            metric.update(mask, flow_to_prev=to_prev, occluded=hidden)
            assert boundary_f(mask, target, tolerance_px=davis_tolerance_px(mask.shape)) > 0.98
        previous = gray
    truth, *shaken = ((shift, metric.compute().median_px) for shift, metric in metrics.items())
    return truth[1], [value - math.hypot(*shift) for shift, value in shaken]


def scene(seed: int, *, n_frames: int, speed_px: float):
    spec = random_scene(seed, size_hw=(480, 854), n_frames=n_frames, speed_px=speed_px, n_objects=3)
    for frame in iter_scene(spec):
        yield to_gray(frame.image), frame.instances.masks.any(axis=0)


@pytest.mark.parametrize(("seed", "speed_px"), [(0, 2.0), (1, 5.0)])  # one camera stands, one moves
def test_a_shaken_truth_is_measured_where_davis_f_sees_nothing(seed, speed_px):
    truth, errors = shake_errors(scene(seed, n_frames=6, speed_px=speed_px), shifts=((4, 0), (0, 4), (3, 3)))
    assert truth < 1
    assert max(map(abs, errors)) < 0.3


@pytest.mark.slow
def test_shaken_truths_of_many_scenes_are_measured():
    shifts = ((4, 0), (0, -4), (3, 3), (-3, 3))
    found = [
        shake_errors(scene(seed, n_frames=10, speed_px=(2.0, 3.0, 5.0, 8.0)[seed % 4]), shifts=shifts)
        for seed in range(200, 212)
    ]
    truths, errors = np.array([truth for truth, _ in found]), np.abs([error for _, error in found])
    assert np.median(truths) < 0.7
    assert truths.max() < 1.2
    assert np.median(errors) < 0.1
    assert (errors < 0.3).mean() >= 0.95


@needs_real
def test_a_shaken_truth_of_a_real_clip_is_measured():
    folder = REAL / "sequences" / "car-shadow"
    frames = (
        (cv2.imread(str(path), 0), cv2.imread(str(folder / "truth" / f"{path.stem}.png"), 0) > 127)
        for path in sorted((folder / "frames").glob("*.jpg"))[:6]
    )
    truth, errors = shake_errors(frames, shifts=((4, 0), (0, 4), (3, 3)))
    assert truth < 0.5
    assert max(map(abs, errors)) < 0.3
