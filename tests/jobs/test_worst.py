"""The worst frames: which they are, and what is drawn of them."""

import numpy as np
import pytest
from tiny_clip import MISSED, N_FRAMES, SIZE_HW, make_clip

from vidlab.jobs import evaluate, worst
from vidlab.jobs.clips import ClipPaths
from vidlab.jobs.worst import APART_FRAMES, EACH, SHEET_WIDTH_PX, WorstFrame, draw_worst, find_worst
from vidlab.masks.png import read_mask_png, write_mask_png
from vidlab.metrics.clip import ClipMetrics
from vidlab.params import EvaluateParams, SourceParams

QUICK = EvaluateParams(davis_t=False)
SOURCE = SourceParams()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


def summary(**curves):
    """A record of 30 frames with these curves."""
    metrics = ClipMetrics(QUICK)
    for _ in range(30):
        mask = np.ones((2, 2), bool)
        metrics.update(mask, probs=None, target=None, motion=None, judge=None, image=None)
    record = metrics.compute()
    means = {"flicker_mean": 0.0} | ({"excess_flicker": 0.0} if "excess_flicker" in curves else {})
    return record.model_copy(update={"curves": record.curves.model_copy(update=curves), **means})


def curve(default, **frames):
    return [frames.get(f"at{i}", default) for i in range(30)]


def test_the_smallest_j_and_the_most_excess_flicker_are_worst():
    j = curve(1.0, at3=0.1, at20=0.5)
    excess = curve(0.0, at12=0.6, at20=0.4)
    found = find_worst(summary(j=j, excess_flicker=excess, flicker=curve(0.9)))
    assert found == [
        WorstFrame(1, 3, "J 0.10"),
        WorstFrame(2, 12, "excess flicker 0.60"),
        WorstFrame(3, 20, "J 0.50 · excess flicker 0.40"),
    ]


def test_without_truth_it_is_flicker_and_without_a_video_instability():
    (found,) = find_worst(summary(flicker=curve(0.0, at7=0.3), iou_prev=curve(0.1)))
    assert found == WorstFrame(1, 7, "flicker 0.30")
    still = summary(iou_prev=curve(1.0, at9=0.25)).model_copy(update={"flicker_mean": None})
    assert find_worst(still) == [WorstFrame(1, 9, "instability 0.75")]


def test_worst_frames_are_few_and_lie_apart():
    rng = np.random.default_rng(3)
    found = find_worst(summary(j=list(rng.random(30)), excess_flicker=list(rng.random(30))))
    places = [frame.index for frame in found]
    assert 2 <= len(found) <= 2 * EACH
    assert min(np.diff(places)) >= APART_FRAMES
    assert [frame.number for frame in found] == list(range(1, len(found) + 1))


def test_perfect_masks_have_no_worst_frame():
    assert find_worst(summary(j=curve(1.0), excess_flicker=curve(0.001))) == []
    assert find_worst(ClipMetrics(QUICK).compute()) == []


@pytest.mark.parametrize(
    ("given", "captions"),
    [
        ({}, ["the frame before, 3", "#1 · frame 4 · bad", "red: came, blue: went"]),
        (
            {"truth", "against", "video"},
            ["the frame before, 3", "#1 · frame 4 · bad", "against", "truth", "red: too much, blue: missed"],
        ),
    ],
)
def test_panels_show_what_is_given(clip, given, captions):
    sides = {"truth": clip.truth, "video": clip.video, "against": clip.truth}
    paths = ClipPaths(clip.masks, **{name: path if name in given else None for name, path in sides.items()})
    (picture,) = draw_worst([WorstFrame(1, 4, "bad")], paths=paths, source=SOURCE)
    assert [text.partition(" · zoom")[0] for text in picture.captions] == captions
    assert len({panel.shape for panel in picture.panels}) == 1
    assert sum(panel.shape[1] for panel in picture.panels) <= SHEET_WIDTH_PX


def test_missed_pixels_are_blue_and_added_ones_red(clip):
    paths = ClipPaths(clip.masks, clip.truth, clip.video, None)
    (picture,) = draw_worst([WorstFrame(1, MISSED[0], "J 0.00")], paths=paths, source=SOURCE)
    blue = (picture.panels[-1] == (40, 90, 240)).all(axis=-1)
    assert blue.mean() == pytest.approx(24 * 24 / (SIZE_HW[0] * SIZE_HW[1]))
    turned = ClipPaths(clip.truth, clip.masks, clip.video, None)
    (picture,) = draw_worst([WorstFrame(1, MISSED[0], "J 0.00")], paths=turned, source=SOURCE)
    np.testing.assert_array_equal((picture.panels[-1] == (220, 40, 40)).all(axis=-1), blue)


def test_small_objects_are_zoomed_to(tmp_path):
    mask = np.zeros((300, 600), bool)
    mask[290:, 590:] = True  # in the corner
    write_mask_png(tmp_path / "0.png", mask)
    (picture,) = draw_worst(
        [WorstFrame(1, 0, "")], paths=ClipPaths(tmp_path, tmp_path, None, None), source=SOURCE
    )
    assert picture.captions[-1].endswith(" · zoom 8.0 x")  # as much as it ever is
    drawn = picture.panels[-1].any(axis=-1) & (picture.panels[-1] == (150, 190, 150)).all(axis=-1)
    height, width = drawn.shape
    assert drawn.sum() == pytest.approx((10 * 8 / 300 * height) * (10 * 8 / 600 * width), rel=0.05)
    assert drawn[-1, -1]


def test_the_first_frame_has_none_before_it(clip):
    paths = ClipPaths(clip.masks, None, clip.video, None)
    (picture,) = draw_worst([WorstFrame(1, 0, "bad")], paths=paths, source=SOURCE)
    assert picture.captions[0] == "no frame before"
    assert not picture.panels[0].any()


def test_only_the_shown_frames_are_read_again(clip, monkeypatch):
    read = []

    def reading(path, *, size_hw):
        read.append(path.name)
        return read_mask_png(path, size_hw=size_hw)

    monkeypatch.setattr(worst, "read_mask_png", reading)
    paths = ClipPaths(clip.masks, clip.truth, clip.video, None)
    pictures = draw_worst([WorstFrame(1, 2, ""), WorstFrame(2, 9, "")], paths=paths, source=SOURCE)
    next(pictures)
    assert sorted(read) == ["00001.png", "00002.png", "00002.png"]  # the frame before, masks and truth
    next(pictures)
    assert len(read) == 6


def test_pictures_belong_to_their_frames(clip):
    """The square moves by two pixels per frame: its place in the picture tells the frame."""
    result = evaluate(clip.masks, truth=clip.truth, video=clip.video, params=QUICK)
    frames = [WorstFrame(1, 3, ""), WorstFrame(2, N_FRAMES - 1, "")]
    paths = ClipPaths(result.truth, None, result.video, None)
    for picture, frame in zip(draw_worst(frames, paths=paths, source=SOURCE), frames, strict=True):
        assert picture.frame == frame
        came_and_went = picture.panels[-1]
        assert (came_and_went == (220, 40, 40)).all(axis=-1).any()
