import json

import numpy as np
import pytest
from conftest import REAL, needs_real
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from vidlab.errors import MaskError, OutputError, ShapeError
from vidlab.masks import rle
from vidlab.masks.coco import CocoMasks, CocoResultsWriter
from vidlab.types import Instances

SIZE_HW = (6, 8)
STACKS = hnp.arrays(np.bool_, st.tuples(st.integers(0, 3), st.integers(1, 40), st.integers(1, 40)))


def square(x, y):
    mask = np.zeros(SIZE_HW, bool)
    mask[y : y + 2, x : x + 2] = True
    return mask


def entry(mask=None, **changes):
    mask = square(1, 1) if mask is None else mask
    counts = rle.encode(mask[None])[0].decode()
    found = {
        "image_id": 0,
        "category_id": 18,
        "score": 0.5,
        "segmentation": {"size": list(mask.shape), "counts": counts},
    }
    return {key: value for key, value in (found | changes).items() if value is not ...}


def write(tmp_path, content):
    path = tmp_path / "found.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def open_coco(tmp_path, *entries, size_hw=SIZE_HW):
    return CocoMasks(write(tmp_path, list(entries)), size_hw=size_hw)


# ── run lengths ─────────────────────────────────────────────────────────────────────────────────────────────
@given(STACKS)
def test_rle_round_trip(masks):
    counts = rle.encode(masks)
    np.testing.assert_array_equal(rle.decode(counts, size_hw=masks.shape[1:]), masks)


@given(STACKS)
def test_rle_equals_pycocotools_and_plain_runs(masks):
    size_hw = masks.shape[1:]
    for mask, counts in zip(masks, rle.encode(masks), strict=True):
        assert counts == coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
        columns = mask.ravel(order="F")
        flips = np.flatnonzero(np.diff(columns)) + 1
        plain = np.diff(np.concatenate(([0], flips, [columns.size]))).tolist()
        plain = [0, *plain] if columns[0] else plain
        assert rle.runs(counts).tolist() == plain
        assert rle.from_runs(plain, size_hw=size_hw) == counts


@pytest.mark.parametrize("counts", [b"", b"22P", b"\xff", b"P" * 9 + b"0", b"21", b"23", b"3N2"])
def test_damaged_run_lengths_are_refused(counts):
    with pytest.raises(MaskError, match=r"run lengths must|compressed counts must"):
        rle.decode([counts], size_hw=(2, 2))


@given(st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=12))
def test_no_text_gives_pixels_that_it_does_not_describe(text):
    try:
        mask = rle.decode([text.encode()], size_hw=(4, 5))[0]
    except MaskError:
        return
    assert mask.sum() == rle.runs(text.encode())[1::2].sum()


def test_masks_of_another_type_are_refused():
    with pytest.raises(ShapeError, match=r"masks must be bool \(N, H, W\), got uint8"):
        rle.encode(np.zeros((1, 2, 2), np.uint8))


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_detections_come_frame_by_frame_in_file_order(tmp_path):
    source = open_coco(
        tmp_path,
        entry(square(3, 3), image_id=2, score=0.25, category_id=3),
        entry(square(0, 0), image_id=0),
        entry(square(4, 1), image_id=2, score=...),
    )
    frames = list(source)
    assert [len(frame) for frame in frames] == [1, 0, 2]
    np.testing.assert_array_equal(frames[2].masks, [square(3, 3), square(4, 1)])
    assert frames[2].scores.tolist() == [0.25, 1.0]  # no score is certainty
    assert frames[2].class_ids.tolist() == [3, 18]
    assert frames[0].track_ids is None
    assert (source.kind, source.class_ids, source.n_frames, source.last_index) == (
        "instances",
        (3, 18),
        None,
        2,
    )
    assert [len(frame) for frame in source] == [1, 0, 2]  # again


def test_plain_runs_and_polygons_are_read(tmp_path):
    mask = square(2, 1)
    runs = rle.runs(rle.encode(mask[None])[0]).tolist()
    polygon = [2, 1, 4, 1, 4, 3, 2, 3]
    source = open_coco(
        tmp_path,
        entry(segmentation={"size": list(SIZE_HW), "counts": runs}),
        entry(segmentation=[polygon]),
        entry(segmentation=[polygon, [5, 4, 7, 4, 7, 6, 5, 6]]),
        entry(segmentation=[]),
    )
    masks = next(iter(source)).masks
    np.testing.assert_array_equal(masks[0], mask)
    np.testing.assert_array_equal(masks[1], mask)
    np.testing.assert_array_equal(masks[2], mask | square(5, 4))
    assert not masks[3].any()


def test_track_ids_are_kept_if_every_detection_has_one(tmp_path):
    tracked = open_coco(tmp_path, entry(track_id=7), entry(image_id=1, track_id=9))
    assert [frame.track_ids.tolist() for frame in tracked] == [[7], [9]]
    assert next(iter(open_coco(tmp_path, entry(track_id=7), entry()))).track_ids is None


def test_a_data_set_gives_frames_in_the_order_of_its_images_and_classes_by_name(tmp_path):
    content = {
        "images": [{"id": 12}, {"id": 5}, {"id": 40}],
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "tvmonitor"}],
        "annotations": [entry(image_id=5, category_id=1), entry(image_id=12, category_id=2)],
    }
    source = CocoMasks(write(tmp_path, content), size_hw=SIZE_HW)
    assert source.n_frames == 3
    assert [frame.class_ids.tolist() for frame in source] == [[72], [18], []]


def test_nothing_found_is_valid(tmp_path):
    source = open_coco(tmp_path)
    assert list(source) == []
    assert source.last_index == -1
    with pytest.raises(MaskError, match="must hold detections to know their size, got none"):
        open_coco(tmp_path, size_hw=None)


def test_size_is_that_of_the_first_detection_if_no_video_says_it(tmp_path):
    assert open_coco(tmp_path, entry(), size_hw=None).size_hw == SIZE_HW


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_id": -1}, r"image_id must be the frame index, a whole number from 0, got -1"),
        ({"image_id": "00001.jpg"}, r"image_id must be the frame index, .* got '00001.jpg'"),
        ({"image_id": ...}, r"image_id must be the frame index, .* got None"),
        ({"category_id": 12}, r"category_id must be a COCO id \(1 to 90, .* or 0, got 12"),
        ({"category_id": "dog"}, r"category_id must be a whole number, got 'dog'"),
        ({"score": 1.5}, r"score must lie in \[0, 1\], got 1.5"),
        ({"score": "high"}, r"score must lie in \[0, 1\], got 'high'"),
        ({"score": float("nan")}, r"score must lie in \[0, 1\], got nan"),
        ({"track_id": 0.5}, r"track_id must be a whole number of 64 bits, got 0.5"),
        ({"segmentation": ...}, r"segmentation must be run lengths or polygons, got None"),
        ({"segmentation": {"size": [6], "counts": "22"}}, r"size must be \[height, width\] in pixels"),
        ({"segmentation": {"size": [6, 8], "counts": None}}, r"counts must be compressed text or whole"),
        ({"segmentation": {"size": [6, 8], "counts": [1, 2]}}, r"add up to 48 pixels, got 3"),
        ({"segmentation": {"size": [6, 8], "counts": [-1, 49]}}, r"run lengths must be 0 or more"),
        ({"segmentation": {"size": [6, 8], "counts": "é"}}, r"counts must be compressed text"),
        ({"segmentation": [[1, 2, 3, 4]]}, r"a polygon must be x0, y0, x1, y1, x2, y2"),
        ({"segmentation": [[1, 2, 3, 4, 1e9, 6]]}, r"in pixels near the picture"),
    ],
)  # fmt: skip
def test_wrong_fields_are_named_with_file_and_detection(tmp_path, changes, message):
    with pytest.raises(MaskError, match=rf"found\.json, detection 1.*{message}"):
        open_coco(tmp_path, entry(), entry(**changes))


def test_another_size_is_refused_with_file_image_and_both_sizes(tmp_path):
    with pytest.raises(
        MaskError, match=r"found\.json, detection 0 \(image_id 4\): .* got 8×6 for a video of 20×10"
    ):
        open_coco(tmp_path, entry(image_id=4), size_hw=(10, 20))


def test_damaged_counts_are_refused_when_their_frame_comes(tmp_path):
    damaged = entry(image_id=1, segmentation={"size": list(SIZE_HW), "counts": "22"})
    frames = iter(open_coco(tmp_path, entry(), damaged))
    next(frames)
    with pytest.raises(
        MaskError, match=r"found\.json, image_id 1: run lengths must .* add up to 48 pixels, got 4"
    ):
        next(frames)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", r"must be JSON, got a damaged or other file"),
        ("", r"must be JSON, got a damaged or other file"),
        ("[" * 100_000, r"must be JSON, got a damaged or other file"),
        ("3", r"must be a COCO results list .* got int"),
        ({"images": []}, r"must be a COCO results list .* got dict"),
        (["text"], r"detection 0 must be an object with image_id, got str"),
        ({"annotations": [], "images": [{}]}, r"images must be a list of objects with a whole number id"),
        ({"annotations": [], "images": [{"id": 1}, {"id": 1}]}, r"image ids must differ"),
        ({"annotations": [], "categories": [{"id": 1, "name": "unicorn"}]}, r"unknown class 'unicorn'"),
        ({"annotations": [], "categories": [{"id": [], "name": "dog"}]}, r"categories must be a list of"),
        ({"annotations": [entry()], "images": [{"id": 7}]}, r"must be one of the file's images, got 0"),
        ({"annotations": [entry()], "categories": [{"id": 1, "name": "dog"}]}, r"file's categories, got 18"),
    ],
)
def test_files_of_another_form_are_named(tmp_path, content, message):
    with pytest.raises(MaskError, match=rf"found\.json.*{message}"):
        CocoMasks(write(tmp_path, content), size_hw=SIZE_HW)


def test_polygons_without_a_video_have_no_size(tmp_path):
    with pytest.raises(MaskError, match="polygons say nothing about the size"):
        open_coco(tmp_path, entry(segmentation=[[1, 2, 3, 4, 5, 6]]), size_hw=None)


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────
def instances(*masks, tracks=None):
    n = len(masks)
    return Instances(
        np.array(masks, bool).reshape(n, *SIZE_HW),
        np.linspace(0.1, 0.9, n, dtype=np.float32),
        np.full(n, 18, np.int64),
        None if tracks is None else np.array(tracks, np.int64),
    )


def test_written_instances_are_read_back(tmp_path):
    written = [
        instances(square(0, 0), square(3, 2), tracks=[4, 8]),
        instances(),
        instances(square(1, 1), tracks=[4]),
    ]
    with CocoResultsWriter(tmp_path / "out.json") as writer:
        for index, one in enumerate(written):
            writer.append(one, image_id=index)
    content = json.loads((tmp_path / "out.json").read_text())
    assert [one["image_id"] for one in content] == [0, 0, 2]
    assert content[1]["bbox"] == [3, 2, 2, 2]
    read = list(CocoMasks(tmp_path / "out.json", size_hw=SIZE_HW))
    for before, after in zip(written, read, strict=True):
        np.testing.assert_array_equal(before.masks, after.masks)
        np.testing.assert_allclose(before.scores, after.scores, atol=1e-6)
    assert read[0].track_ids.tolist() == [4, 8]


def test_nothing_found_writes_an_empty_list(tmp_path):
    with CocoResultsWriter(tmp_path / "out.json") as writer:
        writer.append(instances(), image_id=0)
    assert json.loads((tmp_path / "out.json").read_text()) == []


def test_an_interrupted_writer_leaves_nothing_and_spares_what_was_there(tmp_path):
    (tmp_path / "out.json").write_text("old")

    def interrupted():
        with CocoResultsWriter(tmp_path / "out.json") as writer:
            writer.append(instances(square(0, 0)), image_id=0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
    assert (tmp_path / "out.json").read_text() == "old"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OutputError, match=r"out\.json must be writable, got: No such file"):
        CocoResultsWriter(tmp_path / "nowhere" / "out.json").__enter__()


# ── real files ──────────────────────────────────────────────────────────────────────────────────────────────
@needs_real
@pytest.mark.parametrize("name", ["lucia", "rollerblade", "car-shadow", "dog", "blackswan"])
def test_real_detections_equal_pycocotools(name):
    path = REAL / "sequences" / name / "yolov8n_seg.json"
    source = CocoMasks(path, size_hw=(480, 854))
    entries = json.loads(path.read_text())
    assert set(source.class_ids) == {one["category_id"] for one in entries}
    for index, found in enumerate(source):
        wanted = [one for one in entries if one["image_id"] == index]
        assert found.scores.tolist() == pytest.approx([one["score"] for one in wanted])
        for mask, one in zip(found.masks, wanted, strict=True):
            assert np.array_equal(mask, coco_mask.decode(one["segmentation"]) > 0)
