"""Videos to judge masks by: what each view shows, and that job and command write it whole or not at all."""

import numpy as np
import pytest
from tiny_clip import MISSED, N_FRAMES, SIZE_HW, image, make_clip, true_mask

from vidlab import cli
from vidlab.cli import overlay as words
from vidlab.errors import MaskError, OutputError, ParameterError
from vidlab.jobs.overlays import COLORS, MAX_WIDTH_PX, VIEWS, OverlayComposer, overlay
from vidlab.masks.png import write_mask_png
from vidlab.params import SourceParams
from vidlab.types import Frame
from vidlab.video import open_source

THREE = ("raw", "stable", "truth")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def result(clip, tmp_path_factory):
    """A result folder: raw masks flicker, stable ones are true."""
    folder = tmp_path_factory.mktemp("result")
    for kind in ("raw", "masks"):
        (folder / kind).mkdir()
        for index in range(N_FRAMES):
            mask = true_mask(index) & (kind == "masks" or index not in MISSED)
            write_mask_png(folder / kind / f"{index:05d}.png", mask)
    return folder


def frame(index: int, *, picture: np.ndarray | None = None) -> Frame:
    grey = np.repeat(image(index)[..., :1], 3, axis=2)  # whatever has color was drawn
    return Frame(grey if picture is None else picture, index, index / 25)


def masks(index: int) -> dict[str, np.ndarray]:
    truth = true_mask(index)
    return {"raw": truth & (index not in MISSED), "stable": truth, "truth": truth}


def compose(view: str, *, n_frames: int = 6) -> list[np.ndarray]:
    composer = OverlayComposer(THREE, view=view, size_hw=SIZE_HW)
    return [composer.compose(frame(index), masks(index)) for index in range(n_frames)]


def colored(panel: np.ndarray) -> int:
    """Pixels that are clearly no grey: tints, outlines, heat."""
    return int((np.ptp(panel.astype(int), axis=2) > 60).sum())


def thirds(picture: np.ndarray) -> list[np.ndarray]:
    return np.array_split(picture[: len(picture) // 2 * 2], 3, axis=1)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size_hw", [(48, 80), (480, 854), (1080, 1920), (33, 21)])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_pictures_are_even_and_fit_a_screen(view, size_hw, n):
    composer = OverlayComposer(THREE[:n], view=view, size_hw=size_hw)
    empty = dict.fromkeys(THREE[:n], np.zeros(size_hw, bool))
    sizes = {
        composer.compose(frame(i, picture=np.zeros((*size_hw, 3), np.uint8)), empty).shape for i in range(2)
    }
    ((height, width, _),) = sizes
    assert (height % 2, width % 2) == (0, 0)
    assert width <= MAX_WIDTH_PX


def test_panels_show_each_version_in_its_place():
    raw, stable, truth = thirds(compose("panels")[MISSED[0]])
    assert colored(raw[60:]) == 0  # nothing was found in this frame
    assert colored(stable[60:]) > 500
    assert colored(truth[60:]) > 500


def test_captions_count_frames_and_say_how_well_the_truth_is_met():
    found, missed = compose("panels")[3], compose("panels")[MISSED[0]]
    bar = slice(0, 20)
    assert not np.array_equal(found[bar], missed[bar])
    same_frame = OverlayComposer(THREE, view="panels", size_hw=SIZE_HW)
    perfect = same_frame.compose(frame(3), masks(3))
    worse = same_frame.compose(frame(3), {**masks(3), "stable": masks(MISSED[0])["raw"]})
    assert not np.array_equal(perfect[bar], worse[bar])


def test_contours_show_all_versions_on_one_picture():
    grey = np.full((*SIZE_HW, 3), 128, np.uint8)
    apart = {name: np.zeros(SIZE_HW, bool) for name in THREE}
    for place, name in enumerate(THREE):
        apart[name][10:30, 5 + 25 * place : 20 + 25 * place] = True
    picture = OverlayComposer(THREE, view="contours", size_hw=SIZE_HW).compose(frame(0, picture=grey), apart)
    for part, name in zip(thirds(picture[60:]), THREE, strict=True):
        nearest = np.abs(part.astype(int) - np.array(COLORS[name])).sum(axis=2).min()
        assert nearest < 30


def test_heat_is_where_the_raw_masks_flicker_and_nowhere_else():
    picture = compose("heat", n_frames=7)[-1]
    raw, stable, truth = thirds(picture[30:-40])
    assert colored(raw) > 2000
    assert colored(stable) < 0.05 * colored(raw)
    assert colored(truth) < 0.05 * colored(raw)


def test_a_cut_cools_everything():
    rng = np.random.default_rng(1)
    composer = OverlayComposer(("raw",), view="heat", size_hw=SIZE_HW)
    for index in range(6):
        before = composer.compose(frame(index), masks(index))
    other = rng.integers(0, 255, (*SIZE_HW, 3), np.uint8)
    after = composer.compose(frame(6, picture=other), {"raw": ~masks(6)["raw"]})
    assert colored(before[30:-40]) > 1000
    assert colored(after[30:-40]) == 0


def test_all_is_panels_above_heat():
    everything, panels, heat = (compose(view)[4] for view in ("all", "panels", "heat"))
    assert np.array_equal(everything[: len(panels)], panels)
    assert np.array_equal(everything[len(panels) : len(panels) + len(heat)], heat)


def test_inputs_are_left_alone():
    composer, picture, own = OverlayComposer(THREE, view="all", size_hw=SIZE_HW), image(0), masks(0)
    composer.compose(frame(0, picture=picture), own)
    assert np.array_equal(picture, image(0))
    assert all(np.array_equal(own[name], mask) for name, mask in masks(0).items())


@pytest.mark.parametrize("view", VIEWS)
def test_the_job_writes_a_video_of_every_frame(clip, result, tmp_path, view):
    told = []
    out = tmp_path / "made" / "judge.mp4"
    made = overlay(
        result, video=clip.video, truth=clip.truth, view=view, out=out, progress=lambda *now: told.append(now)
    )
    assert (made.path, made.n_frames, made.versions, made.losses) == (out, N_FRAMES, THREE, ())
    assert told[-1][0] == N_FRAMES
    frames = list(open_source(out, fps=25.0))
    assert len(frames) == N_FRAMES
    assert [round(one.pts_s, 3) for one in frames] == [round(i / 25, 3) for i in range(N_FRAMES)]
    assert list(out.parent.iterdir()) == [out]


def test_what_is_there_is_shown(clip, result, tmp_path):
    def versions(folder, **more):
        return overlay(folder, video=clip.video, out=tmp_path / "v.mp4", force=True, **more).versions

    assert versions(result) == ("raw", "stable")
    assert versions(clip.masks) == ("masks",)
    assert versions(clip.masks, truth=clip.truth) == ("masks", "truth")


def test_part_of_a_clip_is_enough(clip, result, tmp_path):
    made = overlay(result, video=clip.video, out=tmp_path / "v.mp4", source=SourceParams(max_frames=3))
    assert made.n_frames == 3


def test_mistakes_leave_nothing_behind(clip, result, tmp_path):
    short = tmp_path / "short"
    short.mkdir()
    for index in range(3):
        write_mask_png(short / f"{index:05d}.png", true_mask(index))
    out = tmp_path / "out" / "v.mp4"
    with pytest.raises(MaskError, match="every frame must have a mask, got 3 in"):
        overlay(short, video=clip.video, out=out)
    assert not out.parent.exists()
    with pytest.raises(ParameterError, match=r"the overlay must be a video ending in .mp4, got .*v.avi"):
        overlay(result, video=clip.video, out=tmp_path / "v.avi")
    with pytest.raises(ParameterError, match="unknown view 'xray'; choose from: panels, contours, heat, all"):
        overlay(result, video=clip.video, out=out, view="xray")
    with pytest.raises(ParameterError, match="versions must be out of raw, stable, masks, truth, got guess"):
        OverlayComposer(["guess"], view="panels", size_hw=SIZE_HW)
    there = tmp_path / "there.mp4"
    there.write_bytes(b"mine")
    with pytest.raises(OutputError, match="is already there"):
        overlay(result, video=clip.video, out=there)
    assert there.read_bytes() == b"mine"


def test_the_command_says_what_it_made(clip, result, tmp_path, capsys):
    out = tmp_path / "v.mp4"
    given = [result, "--video", clip.video, "--truth", clip.truth, "--view", "heat", "--out", out]
    assert cli.main(["overlay", *map(str, given)]) == 0
    assert f"{N_FRAMES} frames: raw, stable, truth" in capsys.readouterr().out
    assert out.is_file()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (("--view", "xray"), "unknown view 'xray'; choose from: panels, contours, heat, all"),
        (("--crf", "99"), "crf must lie in [0, 51], got 99"),
        (("--out", "v.avi"), "the overlay must be a video ending in .mp4, got v.avi"),
    ],
)
def test_wrong_commands_exit_2_with_one_sentence(capsys, tmp_path, monkeypatch, changed, sentence):
    monkeypatch.chdir(tmp_path)
    code = cli.main(["overlay", "no_such", "--video", "no_such.mp4", "--out", "v.mp4", *changed])
    got = capsys.readouterr()
    assert (code, got.out, got.err.count("\n")) == (2, "", 1)
    assert sentence in got.err


def test_the_command_knows_every_view():
    assert words._VIEWS == VIEWS
