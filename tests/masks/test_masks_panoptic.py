"""Things over stuff: shared out by score, written and read as COCO does, and as masks for jobs."""

import json

import numpy as np
import pytest
from PIL import Image

from vidlab.errors import MaskError, OutputError, ParameterError, ShapeError
from vidlab.masks.coco import CocoMasks
from vidlab.masks.panoptic import PanopticMasks, PanopticWriter, read_panoptic_png, write_panoptic_png
from vidlab.masks.panoptic_merge import as_panoptic, merge
from vidlab.masks.source import open_masks
from vidlab.types import OBJECT_CLASS_ID, ClassProbs, Instances, Panoptic, Segment

PERSON, DOG, ROAD, SKY = 1, 18, 149, 187
RULES = {"min_score": 0.5, "min_visible": 0.5, "prob_threshold": 0.5, "least_stuff_px": 1}
SIZE_HW = (4, 6)


def columns(*spans, size_hw=SIZE_HW):
    masks = np.zeros((len(spans), *size_hw), bool)
    for mask, (first, last) in zip(masks, spans, strict=True):
        mask[:, first:last] = True
    return masks


def found(*things):
    """Instances from (first column, last column, score, class)."""
    spans, scores, ids = [t[:2] for t in things], [t[2] for t in things], [t[3] for t in things]
    return Instances(columns(*spans), np.float32(scores), np.int64(ids))


def soft(**maps):
    class_ids = {"road": ROAD, "sky": SKY, "dog": DOG, "person": PERSON}
    probs = np.stack([np.broadcast_to(np.float32(values), SIZE_HW) for values in maps.values()])
    return ClassProbs(probs, tuple(class_ids[name] for name in maps))


def test_better_thing_keeps_what_two_claim():
    shared = merge(found((0, 3, 0.6, DOG), (1, 5, 0.9, PERSON)), None, **{**RULES, "min_visible": 0.0})
    assert [(one.id, one.class_id, one.is_thing) for one in shared.segments] == [
        (1, PERSON, True),
        (2, DOG, True),
    ]
    assert shared.ids[0].tolist() == [2, 1, 1, 1, 1, 0]


def test_thing_that_is_mostly_covered_is_left_out():
    things = found((0, 3, 0.6, DOG), (1, 5, 0.9, PERSON))
    assert [one.class_id for one in merge(things, None, **RULES).segments] == [PERSON]


def test_doubtful_thing_is_left_out():
    assert merge(found((0, 3, 0.4, DOG)), None, **RULES).segments == ()


def test_of_equal_scores_the_first_wins():
    shared = merge(found((0, 3, 0.9, DOG), (0, 3, 0.9, PERSON)), None, **RULES)
    assert [one.class_id for one in shared.segments] == [DOG]


def test_stuff_gets_what_things_leave():
    maps = soft(road=[0.9, 0.9, 0.9, 0.2, 0.2, 0.2], sky=[0.1, 0.1, 0.1, 0.7, 0.4, 0.8])
    shared = merge(found((2, 4, 0.9, DOG)), maps, **RULES)
    assert shared.ids[0].tolist() == [2, 2, 1, 1, 0, 3]
    assert [(one.class_id, one.is_thing) for one in shared.segments] == [
        (DOG, True),
        (ROAD, False),
        (SKY, False),
    ]
    assert shared.segments[1].score == pytest.approx(0.9)


def test_small_stuff_is_left_out():
    maps = soft(road=[0.9] * 5 + [0.0], sky=[0.0] * 5 + [0.9])
    assert [one.class_id for one in merge(None, maps, **{**RULES, "least_stuff_px": 5}).segments] == [ROAD]


def test_maps_of_things_count_only_without_a_detector():
    maps = soft(person=[0.9, 0.9, 0, 0, 0, 0], road=[0, 0, 0.9, 0.9, 0.9, 0.9])
    assert [one.class_id for one in merge(None, maps, **RULES).segments] == [PERSON, ROAD]
    nothing = Instances.empty(SIZE_HW)
    assert [one.class_id for one in merge(nothing, maps, **RULES).segments] == [ROAD]


def test_no_pixel_is_shared_and_every_segment_shows():
    rng = np.random.default_rng(4)
    things = Instances(rng.random((9, 20, 30)) < 0.3, rng.random(9, dtype=np.float32), rng.integers(1, 10, 9))
    maps = ClassProbs(rng.random((3, 20, 30), dtype=np.float32), (ROAD, SKY, 193))
    shared = merge(things, maps, min_score=0.1, min_visible=0.1, prob_threshold=0.3, least_stuff_px=4)
    whole = shared.instances()
    assert whole.masks.any(axis=(1, 2)).all()
    assert whole.masks.sum(axis=0).max() == 1
    assert np.array_equal(whole.masks.any(axis=0), shared.ids > 0)
    assert len(shared.things()) + len(shared.stuff().class_ids) == len(shared.segments)


def test_one_type_holds_what_any_network_says():
    rules = {"min_score": 0.5, "prob_threshold": 0.5}
    things = found((0, 2, 0.9, DOG), (3, 5, 0.8, DOG))
    again = as_panoptic(things, **rules).things()
    assert np.array_equal(again.masks, things.masks)
    assert np.array_equal(again.scores, things.scores)
    maps = soft(road=[0.9, 0.9, 0, 0, 0, 0], sky=[0, 0, 0, 0, 0.6, 0.6])
    assert as_panoptic(maps, **rules).labels()[0].tolist() == [ROAD, ROAD, 0, 0, SKY, SKY]
    panoptic = as_panoptic(maps, **rules)
    assert as_panoptic(panoptic, **rules) is panoptic


@pytest.mark.parametrize(
    "pair", [(None, None), (found((0, 1, 0.9, DOG)), ClassProbs(np.zeros((1, 2, 2), np.float32), (ROAD,)))]
)
def test_what_is_merged_must_be_there_and_of_one_size(pair):
    with pytest.raises(ShapeError, match="must have one size, and one must be there"):
        merge(*pair, **RULES)


def panoptic(shift=0):
    ids = np.full(SIZE_HW, 300, np.int32)
    ids[1:3, 1 + shift : 3 + shift] = 70000
    ids[0] = 0
    return Panoptic(ids, (Segment(70000, DOG, 0.75, True), Segment(300, ROAD, 1.0, False)))


def test_views_say_things_stuff_and_labels():
    shown = panoptic()
    assert shown.size_hw == SIZE_HW
    assert shown.things().class_ids.tolist() == [DOG]
    assert shown.things().scores.tolist() == [0.75]
    assert np.array_equal(shown.things().masks[0], shown.ids == 70000)
    assert shown.stuff().class_ids == (ROAD,)
    assert np.array_equal(shown.stuff().probs[0] == 1, shown.ids == 300)
    assert sorted(np.unique(shown.labels())) == [0, DOG, ROAD]
    assert shown.instances().class_ids.tolist() == [DOG, ROAD]


@pytest.mark.parametrize(
    ("ids", "segments", "error", "message"),
    [
        (np.zeros((2, 2)), (), ShapeError, "ids must be int32 with 2 axes"),
        (
            np.zeros((2, 2), np.int32),
            (Segment(0, DOG, 1, True),),
            ParameterError,
            r"must start at 1 .* got \[0\]",
        ),
        (
            np.zeros((2, 2), np.int32),
            (Segment(3, DOG, 1, True),) * 2,
            ParameterError,
            r"differ, got \[3, 3\]",
        ),
        (np.full((2, 2), 7, np.int32), (), ParameterError, "belong to a segment or to 0, got the id 7"),
    ],
)
def test_ids_must_be_those_of_the_segments(ids, segments, error, message):
    with pytest.raises(error, match=message):
        Panoptic(ids, segments)


def test_color_is_the_id_in_base_256(tmp_path):
    ids = np.array([[0, 255, 256], [65536, 70000, 256**3 - 1]], np.int32)
    write_panoptic_png(tmp_path / "a.png", ids)
    colors = np.asarray(Image.open(tmp_path / "a.png"))
    assert colors[1, 1].tolist() == [112, 17, 1]  # 112 + 17 · 256 + 256² = 70000
    assert np.array_equal(read_panoptic_png(tmp_path / "a.png", size_hw=(2, 3)), ids)


@pytest.mark.parametrize(
    "ids", [np.zeros((2, 2), np.int64), np.full((2, 2), 256**3, np.int32), np.full((2, 2), -1, np.int32)]
)
def test_ids_that_three_bytes_cannot_hold_are_refused(tmp_path, ids):
    with pytest.raises(ShapeError, match=r"ids must be int32 \(H, W\) in \[0, 16777215\]"):
        write_panoptic_png(tmp_path / "a.png", ids)


@pytest.fixture
def written(tmp_path):
    with PanopticWriter(tmp_path / "clip.json") as writer:
        for shift in range(3):
            writer.append(panoptic(shift))
    return tmp_path / "clip.json"


def test_what_is_written_is_read_again(written):
    masks = PanopticMasks(written, size_hw=SIZE_HW)
    assert (masks.n_frames, masks.last_index, masks.class_ids) == (3, 2, (DOG, ROAD))
    for shift, picture in enumerate(masks.pictures()):
        assert np.array_equal(picture.ids, panoptic(shift).ids)
        assert picture.segments == panoptic(shift).segments
    assert len(list(masks)) == len(list(masks)) == 3  # re-iterable


def test_json_is_of_the_form_of_coco(written):
    content = json.loads(written.read_text())
    assert content["categories"] == [
        {"id": DOG, "name": "dog", "isthing": 1},
        {"id": ROAD, "name": "road", "isthing": 0},
    ]
    assert content["images"][2] == {"id": 2, "file_name": "00002.png", "height": 4, "width": 6}
    first = content["annotations"][0]
    assert (first["image_id"], first["file_name"]) == (0, "00000.png")
    assert first["segments_info"][0] == {
        "id": 70000, "category_id": DOG, "area": 4, "bbox": [1, 1, 2, 2], "iscrowd": 0, "score": 0.75,
    }  # fmt: skip
    assert (written.with_suffix("") / "00000.png").is_file()


def test_masks_for_jobs_are_instances_stuff_included(written):
    masks = open_masks(written, probs=False, size_hw=SIZE_HW, n_frames=3, class_id=OBJECT_CLASS_ID)
    assert isinstance(masks, PanopticMasks)
    first = next(iter(masks))
    assert first.class_ids.tolist() == [DOG, ROAD]
    assert first.masks.sum(axis=(1, 2)).tolist() == [4, 14]
    assert first.track_ids is None


def test_results_beside_an_unrelated_folder_stay_results(tmp_path):
    (tmp_path / "found").mkdir()
    counts = {"size": [4, 6], "counts": [4, 4, 16]}
    entry = {"image_id": 0, "category_id": DOG, "score": 0.5, "segmentation": counts}
    (tmp_path / "found.json").write_text(json.dumps([entry]))
    masks = open_masks(
        tmp_path / "found.json", probs=False, size_hw=SIZE_HW, n_frames=1, class_id=OBJECT_CLASS_ID
    )
    assert isinstance(masks, CocoMasks)


def test_a_writer_that_fails_leaves_no_json(tmp_path):
    def write_two_sizes():
        with PanopticWriter(tmp_path / "a.json") as writer:
            writer.append(panoptic())
            writer.append(Panoptic(np.zeros((2, 2), np.int32), ()))

    with pytest.raises(ShapeError, match="pictures must have one size"):
        write_two_sizes()
    assert not list(tmp_path.glob("*.json*"))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="must be writable"), PanopticWriter(tmp_path / "file" / "a.json"):
        pass


def edited(written, change):
    content = json.loads(written.read_text())
    change(content)
    written.write_text(json.dumps(content))
    return PanopticMasks(written, size_hw=SIZE_HW)


def segment(content, **values):
    content["annotations"][1]["segments_info"][0].update(values)


def test_crowds_are_no_segments(written):
    masks = edited(written, lambda content: segment(content, iscrowd=1))
    assert [one.class_ids.tolist() for one in masks] == [[DOG, ROAD], [ROAD], [DOG, ROAD]]


def test_frames_come_in_the_order_of_the_images(written):
    masks = edited(written, lambda content: content["images"].reverse())
    assert [int(np.argmax(one.masks[0][1])) for one in masks] == [3, 2, 1]
    masks = edited(written, lambda content: content.pop("images") and content["annotations"].reverse())
    assert [int(np.argmax(one.masks[0][1])) for one in masks] == [1, 2, 3]


def test_categories_that_coco_does_not_know_get_numbers(written):
    def rename(content):
        content["categories"][1] = {"id": ROAD, "name": "lane marking", "isthing": 0}

    masks = edited(written, rename)
    assert masks.class_ids == (DOG, 201)
    assert masks.class_names == {201: "lane marking"}
    assert next(masks.pictures()).stuff().class_ids == (201,)


def test_categories_are_found_by_name(written):
    def renumber(content):
        content["categories"][0]["id"] = 7
        for annotation in content["annotations"]:
            annotation["segments_info"][0]["category_id"] = 7

    assert edited(written, renumber).class_ids == (DOG, ROAD)


def test_without_categories_ids_are_those_of_coco(written):
    assert edited(written, lambda content: content.pop("categories")).class_ids == (DOG, ROAD)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("annotations"), "must list annotations with image_id, file_name and segments_info"),
        (lambda c: c["annotations"].clear(), "must list annotations"),
        (lambda c: c["annotations"].pop(), "one annotation for each image, got none or two"),
        (lambda c: segment(c, id="a"), "must have id and category_id, whole numbers"),
        (lambda c: segment(c, id=0), "ids of segments must start at 1, got 0"),
        (lambda c: segment(c, id=300), "ids of segments must differ"),
        (lambda c: segment(c, category_id=5), "must be one of the file's categories, got 5"),
        (lambda c: segment(c, score=2), r"score must lie in \[0, 1\], got 2"),
        (lambda c: c.update(categories=[3]), "categories must be a list of objects"),
        (lambda c: (c.pop("categories"), segment(c, category_id=12)), "must be COCO's .* got 12"),
    ],
)
def test_mistakes_in_the_json_are_named_with_the_file(written, change, message):
    with pytest.raises(MaskError, match=message) as caught:
        edited(written, change)
    assert str(written) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_json_of_another_form_is_refused(written, content):
    written.write_bytes(content)
    with pytest.raises(MaskError, match=r"clip\.json must be"):
        PanopticMasks(written, size_hw=SIZE_HW)


def test_pictures_that_do_not_fit_are_named(written):
    with pytest.raises(MaskError, match="as large"):
        PanopticMasks(written, size_hw=(8, 8))
    masks = PanopticMasks(written, size_hw=None)
    second = written.with_suffix("") / "00001.png"
    write_panoptic_png(second, np.full(SIZE_HW, 9, np.int32))
    with pytest.raises(MaskError, match=r"must list every segment of .*00001\.png, got none with id 9"):
        list(masks)
    Image.new("L", SIZE_HW[::-1]).save(second)
    with pytest.raises(MaskError, match="segment ids as 8-bit RGB, got L"):
        list(masks)
    second.write_bytes(b"no picture")
    with pytest.raises(MaskError, match="readable PNG"):
        list(masks)
    second.unlink()
    with pytest.raises(MaskError, match="no such file"):
        list(masks)
