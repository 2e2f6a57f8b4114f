"""Every optical flow of the registry: shapes, directions, sizes, sentences; and what each alone promises."""

from typing import get_args

import cv2
import numpy as np
import pytest

from vidlab.errors import ParameterError, ShapeError
from vidlab.flow import FLOWS, DisFlow, FarnebackFlow, create_flow, flow_of, resize_flow, to_gray
from vidlab.flow.dis import SPARSE_STEPS, SPARSE_STRIDE_PX
from vidlab.flow.horn_schunck import HornSchunckFlow
from vidlab.flow.lucas_kanade import LucasKanadeFlow
from vidlab.flow.spread import smoothed, spread
from vidlab.flow.warp import shrink
from vidlab.params import FLOW_MODELS, FlowFusionParams, FlowName, LucasKanadeParams, method_params
from vidlab.synthetic import iter_scene, random_scene

CLASSICAL = [name for name, spec in FLOWS.items() if not spec.needs_torch]
SIZE_HW = (160, 224)


def textured(*, seed=0, size_hw=SIZE_HW, cell=8) -> np.ndarray:
    """Smooth noise that every flow can follow, uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((size_hw[0] // cell + 1, size_hw[1] // cell + 1, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_CUBIC)
    return (np.clip(smooth, 0, 1) * 255).astype(np.uint8)


def moved(image: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """The picture, its content moved to the right and down."""
    matrix = np.float32([[1, 0, dx], [0, 1, dy]])
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


# ── all of them ─────────────────────────────────────────────────────────────────────────────────────────────
def test_names_stand_in_one_order_everywhere():
    assert tuple(FLOWS) == tuple(FLOW_MODELS) == get_args(FlowName)


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize(("dx", "dy"), [(5, 0), (0, -4), (-2.5, 1.5), (12, 9)])
def test_a_moved_picture_has_its_motion_as_flow(name, dx, dy):
    before = textured()
    this = moved(before, dx, dy)
    to_prev = create_flow(name, scale=1.0, preset="medium")(to_gray(this), to_gray(before))
    assert to_prev.shape == (*SIZE_HW, 2)
    assert to_prev.dtype == np.float32
    middle = to_prev[40:-40, 40:-40]
    assert np.median(middle, axis=(0, 1)) == pytest.approx([-dx, -dy], abs=0.2)


@pytest.mark.parametrize("name", CLASSICAL)
def test_flow_there_and_back_are_opposite(name):
    before, flow = to_gray(textured()), create_flow(name, scale=1.0, preset="medium")
    this = moved(before, 4, -3)
    total = flow(this, before) + flow(before, this)
    assert np.abs(np.median(total[40:-40, 40:-40], axis=(0, 1))).max() < 0.1


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize("scale", [1.0, 0.6])
def test_displacements_are_pixels_of_the_frame_at_any_scale(name, scale):
    before = to_gray(textured(size_hw=(300, 400), cell=16))
    to_prev = create_flow(name, scale=scale, preset="medium")(moved(before, 6, 2), before)
    assert to_prev.shape == (300, 400, 2)
    assert np.median(to_prev[60:-60, 60:-60], axis=(0, 1)) == pytest.approx([-6, -2], abs=0.5)


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_still_picture_and_a_flat_one_do_not_move(name):
    flow = create_flow(name, scale=1.0, preset="medium")
    gray, flat = to_gray(textured()), np.full(SIZE_HW, 90, np.uint8)
    assert np.abs(flow(gray, gray)).mean() < 0.1
    assert np.abs(flow(flat, flat)).max() < 0.1


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize("size_hw", [(1, 1), (1, 50), (7, 9), (15, 40), (16, 16), (17, 131), (33, 19)])
def test_every_size_has_a_finite_flow(name, size_hw):
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, size_hw).astype(np.uint8) for _ in range(2))
    found = create_flow(name, scale=0.5)(a, b)
    assert found.shape == (*size_hw, 2)
    assert np.isfinite(found).all()
    if min(size_hw) < 16 and name != "farneback":
        assert not found.any()


@pytest.mark.parametrize("name", CLASSICAL)
def test_color_and_gray_pictures_have_one_flow_and_stay_as_they_are(name):
    before = textured()
    this = moved(before, 3, 0)
    kept = this.copy(), before.copy()
    flow = create_flow(name, scale=1.0)
    assert np.array_equal(flow(this, before), flow(to_gray(this), to_gray(before)))
    assert np.array_equal(this, kept[0])
    assert np.array_equal(before, kept[1])


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_flow_depends_on_its_pictures_alone(name):
    flow, rng = create_flow(name, scale=1.0), np.random.default_rng(1)
    a, b = (to_gray(textured(seed=seed)) for seed in (1, 2))
    first = flow(a, b)
    flow(rng.integers(0, 256, SIZE_HW).astype(np.uint8), b)
    assert np.array_equal(flow(a, b), first)


@pytest.mark.parametrize("name", CLASSICAL)
def test_what_cannot_be_compared_is_refused(name):
    flow, gray = create_flow(name, scale=1.0), np.zeros((40, 40), np.uint8)
    for other in (gray[:39], gray.astype(np.float32), np.zeros((40, 40, 2), np.uint8), gray[:, :, None]):
        with pytest.raises(ShapeError, match=r"images must be two uint8 \(H, W\), got \(40, 40\) and "):
            flow(gray, other)
    with pytest.raises(ParameterError, match=r"flow scale must lie in \(0, 1\], got 0"):
        create_flow(name, scale=0)


def test_what_cannot_be_created_is_refused():
    with pytest.raises(ParameterError, match="unknown flow 'flownet'; choose from: dis, farneback, lucas_k"):
        create_flow("flownet", scale=1.0)
    with pytest.raises(ParameterError, match="unknown setting 'levl'; choose from: smoothness, levels"):
        create_flow("horn_schunck", scale=1.0, settings={"levl": 3})
    with pytest.raises(ParameterError, match=r"levels must lie in \[1, 12\], got 0"):
        create_flow("block_matching", scale=1.0, settings={"levels": 0})
    with pytest.raises(ParameterError, match="dis must be set by preset and scale alone, got levels"):
        create_flow("dis", scale=1.0, settings={"levels": 3})
    with pytest.raises(ParameterError, match="weights must go with a network, got the flow dis"):
        create_flow("dis", scale=1.0, weights="random")


@pytest.mark.parametrize("name", CLASSICAL)
def test_equal_estimators_have_one_identity_and_others_another(name):
    one = create_flow(name, scale=1.0).identity
    assert hash(one) == hash(create_flow(name, scale=0.5).identity)  # the scale shows in the pictures' size
    others = [create_flow(other, scale=1.0).identity for other in CLASSICAL if other != name]
    assert one not in others
    if FLOW_MODELS[name].model_fields:
        assert create_flow(name, scale=1.0, settings={"levels": 2}).identity != one


def test_a_method_names_its_flow():
    params = method_params("flow_fusion", ["flow=horn_schunck", "flow_scale=0.5"])
    assert flow_of(params).identity == create_flow("horn_schunck", scale=0.5).identity
    assert flow_of(FlowFusionParams()).identity == DisFlow(preset="ultrafast", scale=0.25).identity
    with pytest.raises(ParameterError, match="flow must be one of dis, farneback"):
        method_params("flow_fusion", ["flow=nothing"])


# ── what the default methods rest on is OpenCV's, bit for bit ───────────────────────────────────────────────
@pytest.mark.parametrize(("scale", "finest"), [(1.0, 2), (0.5, 1), (0.25, 0)])
def test_dis_ultrafast_is_opencvs_with_fewer_patches_and_steps(scale, finest):
    a, b = (to_gray(textured(seed=seed, size_hw=(480, 640))) for seed in (1, 2))
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    assert search.getFinestScale() == 2
    search.setPatchStride(SPARSE_STRIDE_PX)
    search.setGradientDescentIterations(SPARSE_STEPS)
    search.setFinestScale(finest)
    small = [shrink(gray, (int(480 * scale), int(640 * scale))) for gray in (a, b)]
    expected = resize_flow(search.calc(*small, None), (480, 640))
    assert np.array_equal(DisFlow(preset="ultrafast", scale=scale)(a, b), expected)


@pytest.mark.parametrize("size_hw", [(61, 90), (200, 301)])
def test_the_judging_farneback_is_opencvs(size_hw):
    a, b = (to_gray(textured(seed=seed, size_hw=size_hw)) for seed in (1, 2))
    small = (round(size_hw[1] * 0.5), round(size_hw[0] * 0.5))
    pair = [cv2.resize(gray, small, interpolation=cv2.INTER_AREA) for gray in (a, b)]
    expected = cv2.calcOpticalFlowFarneback(*pair, None, 0.5, 5, 21, 3, 7, 1.5, 0)
    assert np.array_equal(FarnebackFlow(scale=0.5)(a, b), resize_flow(expected, size_hw))


# ── Lucas–Kanade ────────────────────────────────────────────────────────────────────────────────────────────
def lucas_kanade(**settings) -> LucasKanadeFlow:
    return LucasKanadeFlow(scale=1.0, **(LucasKanadeParams().model_dump() | settings))


def test_points_without_texture_and_points_that_leave_are_not_trusted():
    gray = to_gray(textured())
    gray[:, :80] = 128
    points, trusted = lucas_kanade(spacing_px=8).sparse(gray, moved(gray, 20, 0))
    assert points.shape == (20, 28, 2)
    assert not trusted[:, :8].any()  # flat
    assert trusted[4:-4, 13:22].mean() > 0.8
    assert not trusted[:, 26:].any()  # moved out of the picture


def test_flow_between_points_follows_the_edge_of_the_picture():
    gray = np.full((64, 64), 40, np.uint8)
    gray[:, 37:] = 200
    points = np.zeros((8, 8, 2), np.float32)
    points[:, 5:] = (9, 0)  # points at 44, 52, 60; the one at 36 lies left of the edge, and stays
    found = spread(points, gray, trusted=np.ones((8, 8), bool), spacing_px=8, edge_levels=12)
    assert np.abs(found[:, 38:, 0] - 9).max() < 0.1
    assert np.abs(found[:, :37, 0]).max() < 0.1


def test_a_point_that_disagrees_with_all_its_neighbors_is_overruled():
    points = np.full((5, 5, 2), (2, 1), np.float32)
    points[2, 2] = (40, -40)
    points[0, 0] = (9, 9)
    trusted = np.ones((5, 5), bool)
    trusted[0, 0] = False
    assert np.allclose(smoothed(points, trusted), (2, 1))


def test_where_no_point_is_trusted_the_nearest_speak():
    points = np.zeros((8, 8, 2), np.float32)
    trusted = np.zeros((8, 8), bool)
    points[2, 2], trusted[2, 2] = (3, -1), True
    points[6, 6] = (50, 50)  # not trusted: never heard
    found = spread(points, np.full((64, 64), 9, np.uint8), trusted=trusted, spacing_px=8, edge_levels=12)
    assert np.allclose(found, (3, -1), atol=1e-3)
    none = spread(
        points, np.full((64, 64), 9, np.uint8), trusted=trusted & False, spacing_px=8, edge_levels=1
    )
    assert not none.any()


# ── Horn–Schunck ────────────────────────────────────────────────────────────────────────────────────────────
def test_the_plain_horn_schunck_is_the_papers_iteration():
    rng = np.random.default_rng(5)
    here = cv2.GaussianBlur(rng.integers(0, 256, (24, 30)).astype(np.uint8), (0, 0), 2)
    there = moved(here, 0.5, 0.2)
    plain = HornSchunckFlow(scale=1.0, smoothness=8.0, levels=1, warps=1, iterations=7, median=False)
    found = plain(here, there)
    first, second = (cv2.GaussianBlur(gray.astype(np.float32), (0, 0), 0.8) for gray in (here, there))
    ix, iy = slopes((first + second) / 2)
    it = second - first
    u, v = np.zeros((24, 30)), np.zeros((24, 30))
    for _ in range(7):
        u_mean, v_mean = local_mean(u), local_mean(v)
        step = (ix * u_mean + iy * v_mean + it) / (64.0 + ix**2 + iy**2)
        u, v = u_mean - ix * step, v_mean - iy * step
    assert np.allclose(found, np.dstack([u, v]), atol=1e-4)
    assert np.abs(found).max() > 0.05


def slopes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    padded = np.pad(values.astype(np.float64), 2, "edge")
    height, width = values.shape
    at = lambda dy, dx: padded[2 + dy : 2 + dy + height, 2 + dx : 2 + dx + width]  # noqa: E731
    ix = (at(0, -2) - 8 * at(0, -1) + 8 * at(0, 1) - at(0, 2)) / 12
    iy = (at(-2, 0) - 8 * at(-1, 0) + 8 * at(1, 0) - at(2, 0)) / 12
    return ix, iy


def local_mean(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, 1, "edge")
    height, width = values.shape
    at = lambda dy, dx: padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]  # noqa: E731
    beside = at(0, -1) + at(0, 1) + at(-1, 0) + at(1, 0)
    across = at(-1, -1) + at(-1, 1) + at(1, -1) + at(1, 1)
    return beside / 6 + across / 12


def test_more_smoothness_makes_a_flow_smoother():
    a, b = (to_gray(textured(seed=seed)) for seed in (1, 2))
    rough = [
        np.abs(np.diff(create_flow("horn_schunck", scale=1.0, settings={"smoothness": alpha})(a, b), axis=1))
        for alpha in (3, 30, 300)
    ]
    assert rough[0].mean() > rough[1].mean() > rough[2].mean()


# ── block matching ──────────────────────────────────────────────────────────────────────────────────────────
def test_block_matching_bears_lights_that_go_up():
    gray = to_gray(textured()) // 2
    brighter = np.clip(moved(gray, 3, 1).astype(np.float32) * 1.5 + 20, 0, 255).astype(np.uint8)
    found = create_flow("block_matching", scale=1.0)(gray, brighter)
    assert np.median(found[40:-40, 40:-40], axis=(0, 1)) == pytest.approx([3, 1], abs=0.2)


def test_block_matching_finds_the_displacement_of_highest_correlation():
    rng = np.random.default_rng(2)
    a = rng.integers(0, 256, (20, 24)).astype(np.float32)
    b = np.roll(a, (1, -2), axis=(0, 1)) + rng.normal(0, 3, a.shape).astype(np.float32)
    flow = create_flow("block_matching", scale=1.0, settings={"window_px": 5, "levels": 1, "stay": 0})
    scores = flow._scores(a, b)
    y, x = 10, 12
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            here, there = a[y - 2 : y + 3, x - 2 : x + 3], b[y + dy - 2 : y + dy + 3, x + dx - 2 : x + dx + 3]
            expected = np.corrcoef(here.ravel(), there.ravel())[0, 1] * here.var() / (here.var() + 100)
            assert scores[dy + 2, dx + 2, y, x] == pytest.approx(expected, abs=1e-4)
    assert flow._matched(a, b)[y, x] == pytest.approx([-2, 1], abs=0.3)


# ── against the exact flow of a drawn scene ─────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def scene():
    spec = random_scene(11, size_hw=(180, 320), n_frames=2, camera_pan_px=4.0, speed_px=3.0, noise=3.0)
    before, this = iter_scene(spec)
    return to_gray(before.image), to_gray(this.image), this


@pytest.mark.parametrize("name", CLASSICAL)
def test_every_flow_beats_no_flow_on_a_scene_with_exact_motion(name, scene):
    before, this, frame = scene
    seen = ~frame.occluded
    found = create_flow(name, scale=1.0, preset="medium")(this, before)
    error = np.linalg.norm(found - frame.flow_to_prev, axis=-1)[seen].mean()
    still = np.linalg.norm(frame.flow_to_prev, axis=-1)[seen].mean()
    assert error < 0.5 * still


@pytest.mark.parametrize("preset", ["ultrafast", "fast", "medium"])
@pytest.mark.parametrize("size_hw", [(17, 131), (20, 800), (31, 64), (131, 17)])
def test_dis_stays_inside_low_and_wide_pictures(preset, size_hw):
    """OpenCV's own choice of sizes reads past such pictures, and the process dies."""
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, size_hw).astype(np.uint8) for _ in range(2))
    assert np.isfinite(DisFlow(preset=preset, scale=1.0)(a, b)).all()
