"""Contours of several classes over darkened frames, areas, frames in a zip, labels before and after."""

import csv
import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from tiny_clip import MISSED, N_FRAMES, SIZE_HW, image, make_clip, true_mask

from vidlab import cli
from vidlab.errors import MaskError, OutputError, ParameterError
from vidlab.jobs import MaskFile, stabilize
from vidlab.jobs.class_overlays import ClassComposer, darkened, overlay_classes
from vidlab.masks.labels import LabelFolder
from vidlab.masks.png import write_labels_png
from vidlab.params import method_params
from vidlab.types import Frame
from vidlab.video import open_source
from vidlab.viz.colors import class_color, distinct_colors

PERSON, DOG = 1, 18
NAMES = {PERSON: "person", DOG: "dog"}


def labels(index: int, *, flickers: bool = False) -> np.ndarray:
    """A dog where the clip's square is, and a person in a corner who is always found."""
    found = np.zeros(SIZE_HW, np.uint8)
    found[:8, -12:] = PERSON
    if not (flickers and index in MISSED):
        found[true_mask(index)] = DOG
    return found


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    root = tmp_path_factory.mktemp("clip")
    made = make_clip(root)
    for name, flickers in (("labels", True), ("true", False)):
        (root / name).mkdir()
        for index in range(N_FRAMES):
            write_labels_png(root / name / f"{index:05d}.png", labels(index, flickers=flickers))
    return made


@pytest.fixture(scope="module")
def result(clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("result") / "out"
    stabilize(
        clip.video,
        masks_from=MaskFile(clip.video.with_name("labels"), False),
        out=out,
        method=method_params("median"),
    )
    return out


def make(clip, masks, out, **options):
    return overlay_classes(masks, video=clip.video, out=out, **options)


def test_labels_before_and_after_are_both_written(clip, result):
    raw, stable = LabelFolder(result / "raw_labels"), LabelFolder(result / "labels")
    assert raw.n_frames == stable.n_frames == N_FRAMES
    for index in range(N_FRAMES):
        assert np.array_equal(raw.read(index, size_hw=SIZE_HW), labels(index, flickers=True))
    missed = stable.read(MISSED[0], size_hw=SIZE_HW)
    assert (missed == DOG).sum() > 300  # the median found it again


def test_every_class_has_its_contour_in_its_color_and_the_frame_is_darkened():
    grey = np.full((*SIZE_HW, 3), 100, np.uint8)
    composer = ClassComposer(["masks"], names=NAMES, size_hw=SIZE_HW)
    picture = composer.compose(Frame(grey, 0, 0.0), {"masks": labels(0)})
    body = picture[30:-40].astype(int)
    for color in distinct_colors(NAMES):
        assert np.abs(body - np.array(color)).sum(axis=2).min() < 30
    assert np.median(picture[30:-40]) == 45
    inside = picture[-60, 60]  # inside the dog there is no fill
    assert inside.max() <= 45


def test_the_legend_is_the_same_in_every_frame():
    composer = ClassComposer(["raw", "stable"], names=NAMES, size_hw=SIZE_HW)
    full = {name: labels(0) for name in ("raw", "stable")}
    empty = {name: np.zeros(SIZE_HW, np.uint8) for name in full}
    one, other = (composer.compose(Frame(image(0), 0, 0.0), shown) for shown in (full, empty))
    assert one.shape == other.shape
    legend = slice(-24, None)
    assert np.array_equal(one[legend], other[legend])
    for color in distinct_colors(NAMES):
        assert np.abs(one[legend].astype(int) - np.array(color)).sum(axis=2).min() < 60


def test_eight_classes_have_eight_colors_of_their_own():
    for ids in (range(8), range(201, 209), (1, 3, 16, 17, 18, 19, 44, 62)):
        colors = distinct_colors(ids)
        assert len(set(colors)) == 8
        assert colors == distinct_colors(ids)
    assert distinct_colors([18, 1]) == [class_color(18), class_color(1)]


def test_darkened_leaves_the_frame_alone():
    frame = image(0)
    assert darkened(frame).mean() == pytest.approx(0.45 * frame.mean(), abs=1)
    assert np.array_equal(frame, image(0))


def test_a_result_is_shown_raw_against_stable_against_truth(clip, result, tmp_path):
    told = []
    made = make(
        clip, result, tmp_path / "made" / "film.mp4",
        truth=clip.video.with_name("true"), progress=lambda *now: told.append(now),
    )  # fmt: skip
    assert made.versions == ("raw", "stable", "truth")
    assert made.names == NAMES
    assert made.n_frames == told[-1][0] == N_FRAMES
    assert len(list(open_source(made.path, fps=25.0))) == N_FRAMES
    dog = list(NAMES).index(DOG)
    assert [made.area_px["raw"][index, dog] for index in MISSED] == [0, 0]
    assert made.area_px["truth"][:, dog].tolist() == [true_mask(0).sum()] * N_FRAMES


def test_areas_are_written_frame_by_frame(clip, result, tmp_path):
    made = make(clip, result, tmp_path / "film.mp4")
    with made.areas.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(N_FRAMES))
    assert [int(row["raw dog"]) for row in rows] == [
        int((labels(index, flickers=True) == DOG).sum()) for index in range(N_FRAMES)
    ]
    assert {row["raw person"] for row in rows} == {str(8 * 12)}
    with Image.open(made.plot) as plot:
        assert plot.size[0] > 500


def test_labels_of_ones_own_are_shown_alone(clip, tmp_path):
    made = make(clip, clip.video.with_name("labels"), tmp_path / "film.mp4")
    assert made.versions == ("masks",)
    assert made.names == {PERSON: "class 1", DOG: "class 18"}


def test_frames_go_to_a_zip_too(clip, result, tmp_path, capsys):
    words = ["overlay", str(result), "--video", str(clip.video), "--out", str(tmp_path / "film.mp4")]
    archive = tmp_path / "frames.zip"
    assert cli.main([*words, "--view", "classes", "--zip", str(archive)]) == 0
    assert str(archive) in capsys.readouterr().out
    with zipfile.ZipFile(archive) as packed:
        assert packed.namelist() == [f"{index:05d}.png" for index in range(N_FRAMES)]
        assert packed.testzip() is None
        first = np.asarray(Image.open(io.BytesIO(packed.read("00000.png"))))
    film = next(iter(open_source(tmp_path / "film.mp4", fps=25.0))).image
    assert first.shape == film.shape
    assert np.abs(first.astype(int) - film).mean() < 12  # the film is compressed
    assert cli.main([*words, "--view", "panels", "--zip", str(archive), "--force"]) == 0
    with zipfile.ZipFile(archive) as packed:
        assert len(packed.namelist()) == N_FRAMES


def test_nothing_is_left_of_a_film_that_fails(clip, tmp_path):
    short = tmp_path / "short"
    short.mkdir()
    for index in range(N_FRAMES - 2):
        write_labels_png(short / f"{index:05d}.png", labels(index))
    with pytest.raises(MaskError, match="every frame must have labels, got 10"):
        make(clip, short, tmp_path / "film.mp4", frames_zip=tmp_path / "frames.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["short"]


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"out": "film.avi"}, ParameterError, r"must be a video ending in \.mp4"),
        ({"frames_zip": "frames.tar"}, ParameterError, r"an archive ending in \.zip"),
    ],
)
def test_names_that_end_otherwise_are_refused(clip, result, tmp_path, options, error, sentence):
    paths = {"out": "film.mp4", **options}
    with pytest.raises(error, match=sentence):
        overlay_classes(result, video=clip.video, **{key: tmp_path / name for key, name in paths.items()})


def test_what_is_there_is_replaced_only_by_force(clip, result, tmp_path):
    (tmp_path / "film_areas.csv").write_text("mine")
    with pytest.raises(OutputError, match="already there"):
        make(clip, result, tmp_path / "film.mp4")
    assert (tmp_path / "film_areas.csv").read_text() == "mine"
    make(clip, result, tmp_path / "film.mp4", force=True)
    assert "frame" in (tmp_path / "film_areas.csv").read_text()


def test_a_result_of_one_class_is_refused(clip, tmp_path):
    stabilize(
        clip.video, masks_from=MaskFile(clip.masks, False), out=tmp_path / "out", method=method_params("none")
    )
    assert not (tmp_path / "out" / "raw_labels").exists()
    with pytest.raises(MaskError, match="several classes must have labels/"):
        make(clip, tmp_path / "out", tmp_path / "film.mp4")
