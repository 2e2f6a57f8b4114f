import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.errors import ParameterError, ShapeError
from vidlab.flow import DisFlow, FarnebackFlow, MotionEstimator, nearest, occluded, resize_flow, to_gray, warp
from vidlab.flow.consistency import color_error
from vidlab.flow.motion import similarity
from vidlab.flow.warp import shrink

SIZE_HW = (96, 128)


def textured(*, seed: int = 0, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    """Smooth noise that optical flow can follow, uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((size_hw[0] // 4, size_hw[1] // 4, 3))
    return (np.kron(coarse, np.ones((4, 4, 1))) * 255).astype(np.uint8)


def constant_flow(dx: float, dy: float, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    return np.broadcast_to(np.array([dx, dy], np.float32), (*size_hw, 2)).copy()


# ── DIS ─────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("scale", [1.0, 0.5, 0.25])
def test_a_shifted_picture_has_its_shift_as_flow(scale):
    before = textured(size_hw=(192, 256))
    this = np.roll(before, (4, 8), axis=(0, 1))  # moved 8 px right and 4 px down
    flow = DisFlow(preset="fast", scale=scale)(to_gray(this), to_gray(before))
    assert flow.shape == (192, 256, 2)
    assert flow.dtype == np.float32
    assert np.median(flow[40:-40, 40:-40], axis=(0, 1)) == pytest.approx([-8, -4], abs=0.5)


def test_a_still_picture_has_no_flow():
    gray = to_gray(textured())
    assert np.abs(DisFlow(preset="ultrafast", scale=0.5)(gray, gray)).max() < 0.1


def test_pictures_too_small_for_a_search_do_not_move():
    gray = np.zeros((1, 1), np.uint8)
    assert DisFlow(preset="fast", scale=0.25)(gray, gray).tolist() == [[[0, 0]]]


def test_small_pictures_are_not_reduced():
    flow = DisFlow(preset="fast", scale=0.25)
    assert flow.small_hw((480, 854)) == (120, 214)
    assert flow.small_hw((160, 240)) == (120, 180)
    assert flow.small_hw((90, 90)) == (90, 90)


def test_flow_settings_are_checked():
    with pytest.raises(
        ParameterError, match="unknown flow preset 'slow'; choose from: ultrafast, fast, medium"
    ):
        DisFlow(preset="slow", scale=1)
    with pytest.raises(ParameterError, match=r"flow scale must lie in \(0, 1\], got 0"):
        DisFlow(preset="fast", scale=0)


def test_pictures_of_two_sizes_have_no_flow():
    with pytest.raises(ShapeError, match=r"must be two uint8 \(H, W\), got \(4, 4\) and \(4, 5\)"):
        DisFlow(preset="fast", scale=1)(np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8))


# ── warping ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_warp_reads_where_the_flow_points():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert warp(values, constant_flow(1, 0, (3, 4))).tolist() == [[1, 2, 3, 0], [5, 6, 7, 0], [9, 10, 11, 0]]


def test_warp_between_pixels_is_bilinear():
    values = np.array([[0.0, 1.0, 0.0]], np.float32)
    assert warp(values, constant_flow(0.5, 0, (1, 3))) == pytest.approx(np.array([[0.5, 0.5, 0.0]]), abs=1e-6)


def test_warp_takes_a_stack_of_maps():
    maps = np.random.default_rng(0).random((3, *SIZE_HW)).astype(np.float32)
    flow = constant_flow(2, -1)
    assert np.array_equal(warp(maps, flow), np.stack([warp(one, flow) for one in maps]))
    assert warp(maps[:0], flow).shape == (0, *SIZE_HW)


@given(st.integers(-5, 5), st.integers(-5, 5))
@settings(max_examples=25, deadline=None)
def test_warping_there_and_back_restores_the_middle(dx, dy):
    values = np.random.default_rng(1).random(SIZE_HW).astype(np.float32)
    back = warp(warp(values, constant_flow(dx, dy)), constant_flow(-dx, -dy))
    assert np.allclose(back[6:-6, 6:-6], values[6:-6, 6:-6], atol=1e-4)


def test_warp_refuses_another_size():
    with pytest.raises(ShapeError, match=r"got \(4, 4\) and \(4, 5, 2\)"):
        warp(np.zeros((4, 4), np.float32), np.zeros((4, 5, 2), np.float32))


def test_labels_are_never_mixed():
    labels = np.array([[1.0, 7.0, 7.0]], np.float32)
    assert nearest(labels, constant_flow(0.4, 0, (1, 3))).tolist() == [[1.0, 7.0, 7.0]]


def test_a_resized_flow_keeps_its_meaning():
    assert np.allclose(resize_flow(constant_flow(1, -2), (48, 256)), constant_flow(2, -1, (48, 256)))


# ── occlusion ───────────────────────────────────────────────────────────────────────────────────────────────
def test_flows_that_cancel_hide_nothing_inside():
    hidden = occluded(constant_flow(3, 0), constant_flow(-3, 0))
    assert not hidden[:, :-3].any()
    assert hidden[:, -3:].all()  # comes from outside the picture


def test_the_half_pixel_is_one_of_the_frame_whatever_the_grid():
    there, back = constant_flow(0.2, 0), constant_flow(0.2, 0)  # |0.4|² = 0.16 small px²
    assert not occluded(there, back, scale=1.0)[:, :-1].any()
    assert occluded(there, back, scale=0.25)[:, :-1].all()  # 1.6 px of the frame


# ── motion of a stream ──────────────────────────────────────────────────────────────────────────────────────
def estimator(**settings) -> MotionEstimator:
    defaults = {"cut_similarity": 0.85, "both_ways": True}
    return MotionEstimator(DisFlow(preset="fast", scale=0.5), **(defaults | settings))


def test_the_first_frame_has_no_motion():
    motion = estimator()
    assert motion.step(textured()) is None
    assert motion.step(textured()) is not None
    motion.reset()
    assert motion.step(textured()) is None


def test_another_scene_is_a_cut_and_the_same_is_not():
    motion = estimator()
    motion.step(textured(seed=1))
    same, other = motion.step(textured(seed=1)), motion.step(textured(seed=2))
    assert not same.is_cut
    assert other.is_cut


def test_a_flash_of_light_is_no_cut():
    motion = estimator()
    motion.step(textured() // 2)
    assert not motion.step(textured() // 2 + 100).is_cut


def test_flat_pictures_are_no_cut():
    motion = estimator()
    motion.step(np.zeros((*SIZE_HW, 3), np.uint8))
    assert not motion.step(np.full((*SIZE_HW, 3), 255, np.uint8)).is_cut


def test_nobody_looks_back_unless_told():
    motion = estimator(both_ways=False)
    motion.step(textured(seed=1))
    assert not motion.step(textured(seed=2)).lost_next.any()


def test_similarity_is_one_for_a_followed_shift():
    gray = to_gray(textured())
    moved = np.roll(gray, 4, axis=1)
    assert similarity(moved, gray, to_prev=constant_flow(-4, 0)) > 0.98
    assert similarity(gray, gray, to_prev=constant_flow(500, 0)) == -1.0  # nothing can be compared


def test_error_is_zero_where_the_flow_explains_the_picture_and_large_where_not():
    gray = to_gray(textured())
    moved = np.roll(gray, 4, axis=1)
    inner = np.s_[10:-10, 10:-10]
    right = color_error(moved, gray, flow_to_prev=constant_flow(-4, 0))[inner]
    wrong = color_error(moved, gray, flow_to_prev=constant_flow(9, 0))[inner]
    assert right.max() == 0
    assert wrong.mean() > 0.5


def test_error_counts_in_local_contrasts():
    faint, strong = (np.full((40, 40), 100, np.uint8) for _ in range(2))
    strong[:, ::2] = 250
    still = np.zeros((40, 40, 2), np.float32)
    on_flat = color_error(faint + 10, faint, flow_to_prev=still)[20, 20]
    on_texture = color_error(strong - 10, strong, flow_to_prev=still)[20, 20]
    assert on_flat == pytest.approx(1.0)
    assert on_texture < 0.2


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_farneback_finds_a_shift(scale):
    gray = to_gray(textured())
    flow = FarnebackFlow(scale=scale)(np.roll(gray, 3, axis=1), gray)
    inner = np.s_[20:-20, 20:-20]
    assert np.median(flow[inner], axis=(0, 1)) == pytest.approx([-3, 0], abs=0.3)


def test_farneback_refuses_what_it_cannot_compare():
    flow = FarnebackFlow(scale=1.0)
    with pytest.raises(ShapeError, match=r"images must be two uint8 \(H, W\), got \(4, 4\) and \(4, 5\)"):
        flow(np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8))
    with pytest.raises(ParameterError, match=r"flow scale must lie in \(0, 1\], got 2"):
        FarnebackFlow(scale=2)


# ── sizes ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("times", [1, 2, 4, 8])
def test_shrinking_takes_the_mean_of_what_a_pixel_covers(times):
    values = np.random.default_rng(times).integers(0, 256, (24, 48)).astype(np.uint8)
    means = values.reshape(24 // times, times, 48 // times, times).mean(axis=(1, 3))
    shrunk = shrink(values, (24 // times, 48 // times))
    assert shrunk.dtype == np.uint8
    assert np.abs(shrunk - means).max() <= np.log2(times) / 2 + 0.5  # each halving rounds


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000))
def test_shrinking_to_any_size_keeps_the_mean_and_a_flat_picture(height, width, seed):
    size_hw = (40 + seed % 7, 41 + seed % 5)
    flat = np.full(size_hw, seed % 256, np.uint8)
    assert np.array_equal(shrink(flat, (height, width)), flat[:height, :width])
    ramp = np.broadcast_to(np.linspace(0, 200, size_hw[1]).astype(np.uint8), size_hw)
    assert abs(float(shrink(np.ascontiguousarray(ramp), (height, width)).mean()) - float(ramp.mean())) < 4


@given(st.integers(1, 30), st.integers(1, 30))
def test_a_resized_flow_moves_by_the_same_share_of_the_picture(height, width):
    flow = np.full((12, 17, 2), (3, -2), np.float32)
    resized = resize_flow(flow, (height, width))
    expected = (3 * width / 17, -2 * height / 12)
    np.testing.assert_allclose(resized, np.broadcast_to(np.float32(expected), (height, width, 2)), rtol=1e-5)
