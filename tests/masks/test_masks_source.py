import json
import logging
import tracemalloc
import zipfile

import numpy as np
import pytest
from conftest import REAL, needs_real
from PIL import Image

from vidlab.errors import MaskError, OutputError, ShapeError
from vidlab.masks import rle
from vidlab.masks.folder import ClassFolderWriter, numbered_pngs
from vidlab.masks.png import write_mask_png, write_probs_png
from vidlab.masks.source import match_frames, open_masks, open_png_masks
from vidlab.types import OBJECT_CLASS_ID, ClassProbs, Frame, Instances

SIZE_HW = (6, 8)
CLIP = np.random.default_rng(0).random((4, *SIZE_HW)) > 0.5


def write_clip(folder, masks=CLIP, *, names="{:05d}.png", first=0):
    folder.mkdir(parents=True, exist_ok=True)
    for i, mask in enumerate(masks):
        write_mask_png(folder / names.format(i + first), mask)
    return folder


def opened(path, *, probs=False, size_hw=SIZE_HW, n_frames=None, class_id=OBJECT_CLASS_ID):
    return open_masks(path, probs=probs, size_hw=size_hw, n_frames=n_frames, class_id=class_id)


def frames(n_frames, size_hw=SIZE_HW):
    return (Frame(np.zeros((*size_hw, 3), np.uint8), i, i / 25) for i in range(n_frames))


def masks_of(source):
    return np.array([one.probs[0] for one in source])


def detections(*image_ids, size_hw=SIZE_HW):
    counts = rle.encode(np.ones((1, *size_hw), bool))[0].decode()
    segmentation = {"size": list(size_hw), "counts": counts}
    return json.dumps([{"image_id": i, "category_id": 1, "segmentation": segmentation} for i in image_ids])


# ── folders of PNGs ─────────────────────────────────────────────────────────────────────────────────────────
def test_a_folder_of_masks_gives_probabilities_of_0_and_1(tmp_path):
    source = opened(write_clip(tmp_path / "m"), class_id=18)
    assert (source.kind, source.class_ids, source.n_frames, source.last_index) == ("probs", (18,), 4, 3)
    np.testing.assert_array_equal(masks_of(source), CLIP.astype(np.float32))
    np.testing.assert_array_equal(masks_of(source), CLIP)  # again


def test_order_is_numeric_and_other_files_are_passed_over(tmp_path):
    masks = np.random.default_rng(1).random((12, *SIZE_HW)) > 0.5
    folder = write_clip(tmp_path / "m", masks, names="dog2_frame{}.PNG")
    (folder / "notes.txt").write_text("7")
    (folder / ".hidden_3.png").write_text("")
    np.testing.assert_array_equal(masks_of(opened(folder)), masks)


def test_numbers_from_1_are_shifted_and_said(tmp_path, caplog):
    folder = write_clip(tmp_path / "m", first=1)
    with caplog.at_level(logging.INFO):
        np.testing.assert_array_equal(masks_of(opened(folder)), CLIP)
    assert "start at 1: number 1 is frame 0" in caplog.text


@pytest.mark.parametrize(
    ("numbers", "missing"), [((0, 1, 3), 2), ((1, 2, 4), 3), ((5, 6, 7), 0), ((0, 5, 10), 1)]
)
def test_a_gap_names_the_missing_frame(tmp_path, numbers, missing):
    for number in numbers:
        write_mask_png(tmp_path / f"{number:05d}.png", CLIP[0])
    with pytest.raises(
        MaskError, match=rf"got none for number {missing} in .*, which goes on to {numbers[-1]}"
    ):
        opened(tmp_path)


def test_names_must_say_which_frame(tmp_path):
    write_mask_png(tmp_path / "mask.png", CLIP[0])
    with pytest.raises(MaskError, match=r"must have a frame number in their name, got .*mask\.png"):
        opened(tmp_path)


def test_one_number_twice_is_refused(tmp_path):
    write_mask_png(tmp_path / "0.png", CLIP[0])
    write_mask_png(tmp_path / "00.png", CLIP[0])
    with pytest.raises(MaskError, match=r"must have one mask, got 0\.png and 00\.png for frame 0"):
        numbered_pngs(tmp_path)


def test_folders_without_masks_are_refused(tmp_path):
    with pytest.raises(MaskError, match="must hold PNGs, one per frame, got none"):
        opened(tmp_path)
    with pytest.raises(MaskError, match=r"must be a file or folder that exists, got .*nowhere"):
        opened(tmp_path / "nowhere")
    with pytest.raises(MaskError, match="must be a folder of PNGs, got: No such file"):
        numbered_pngs(tmp_path / "nowhere")
    (tmp_path / "masks.tar").write_text("")
    with pytest.raises(MaskError, match=r"must be a folder of PNGs, COCO results \(.json\) or .npz, got"):
        opened(tmp_path / "masks.tar")


def test_probabilities_need_the_flag_and_are_read_with_it(tmp_path):
    probs = np.linspace(0, 1, 48, dtype=np.float32).reshape(SIZE_HW)
    write_probs_png(tmp_path / "0.png", probs)
    np.testing.assert_allclose(masks_of(opened(tmp_path, probs=True))[0], probs, atol=0.002)
    with pytest.raises(MaskError, match="for probabilities add --probs"):
        opened(tmp_path)


def test_a_wrong_size_is_found_at_once_or_when_its_frame_comes(tmp_path):
    folder = write_clip(tmp_path / "m")
    with pytest.raises(MaskError, match=r"got 8×6 in .*00000\.png for a video of 20×10"):
        opened(folder, size_hw=(10, 20))
    write_mask_png(folder / "00002.png", np.zeros((9, 9), bool))
    with pytest.raises(MaskError, match=r"got 9×9 in .*00002\.png for a video of 8×6"):
        list(opened(folder))
    assert opened(folder, size_hw=None).size_hw == SIZE_HW


# ── result folders ──────────────────────────────────────────────────────────────────────────────────────────
def test_a_result_folder_gives_its_richest_form(tmp_path):
    write_clip(tmp_path / "masks")
    assert opened(tmp_path).path == tmp_path / "masks"
    writer = ClassFolderWriter(tmp_path / "probs", class_ids=(3, 18))
    writer.write(ClassProbs(np.stack([CLIP[0], CLIP[1]]).astype(np.float32), (3, 18)), index=0)
    source = opened(tmp_path)
    assert (source.class_ids, source.n_frames, source.kind) == ((3, 18), 1, "probs")
    assert (tmp_path / "probs" / "018_dog" / "00000.png").is_file()
    np.testing.assert_array_equal(next(iter(source)).probs, CLIP[:2])
    np.testing.assert_array_equal(next(iter(opened(tmp_path / "probs"))).probs, CLIP[:2])
    (tmp_path / "instances.json").write_text(detections(0))
    assert opened(tmp_path).kind == "instances"
    np.testing.assert_array_equal(masks_of(open_png_masks(tmp_path, size_hw=None, class_id=0)), CLIP)


def test_class_folders_must_agree(tmp_path):
    writer = ClassFolderWriter(tmp_path, class_ids=(3, 18))
    both = ClassProbs(np.zeros((2, *SIZE_HW), np.float32), (3, 18))
    writer.write(both, index=0)
    with pytest.raises(ShapeError, match=r"must have the classes \(3, 18\), got \(18,\)"):
        writer.write(ClassProbs(both.probs[:1], (18,)), index=1)
    write_probs_png(tmp_path / "018_dog" / "00001.png", both.probs[0])
    with pytest.raises(MaskError, match=r"must cover the same frames, got 1 in .*003_car and 2 in .*018_dog"):
        opened(tmp_path)
    (tmp_path / "018_hund").mkdir()
    with pytest.raises(MaskError, match=r"every class must have one folder, got .*018_dog and .*018_hund"):
        opened(tmp_path)


def test_unknown_class_folders_and_places_are_refused(tmp_path):
    write_clip(tmp_path / "012_nothing")
    with pytest.raises(MaskError, match=r"012_nothing: category_id must be a COCO id .* got 12"):
        opened(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="must be writable"):
        ClassFolderWriter(tmp_path / "file", class_ids=(1,))


# ── npz ─────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", [bool, np.uint8])
def test_npz_masks(tmp_path, save, dtype):
    save(tmp_path / "m.npz", masks=CLIP.astype(dtype))
    source = opened(tmp_path / "m.npz", class_id=3)
    assert (source.kind, source.class_ids, source.n_frames) == ("probs", (3,), 4)
    np.testing.assert_array_equal(masks_of(source), CLIP)
    np.testing.assert_array_equal(masks_of(source), CLIP)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_npz_probabilities(tmp_path, dtype):
    probs = np.random.default_rng(2).random((3, 2, *SIZE_HW)).astype(dtype)
    np.savez(tmp_path / "p.npz", probs=probs, class_ids=[18, 3])
    source = opened(tmp_path / "p.npz")
    assert source.class_ids == (18, 3)
    for one, wanted in zip(source, probs, strict=True):
        np.testing.assert_array_equal(one.probs, wanted.astype(np.float32))
    np.savez(tmp_path / "one.npz", probs=probs[:, 0])
    assert next(iter(opened(tmp_path / "one.npz"))).probs.shape == (1, *SIZE_HW)


def test_npz_instances_leave_out_empty_slots(tmp_path):
    masks = np.zeros((2, 3, *SIZE_HW), bool)
    masks[0, 0, 1, 1] = masks[0, 2, 2, 2] = masks[1, 1] = True
    scores = np.array([[0.9, 0, 0.5], [0, 0.25, 0]])
    np.savez(tmp_path / "i.npz", masks=masks, scores=scores, class_ids=[1, 3, 18])
    source = opened(tmp_path / "i.npz")
    first, second = source
    assert isinstance(first, Instances)
    assert (first.class_ids.tolist(), first.scores.tolist()) == ([1, 18], [np.float32(0.9), 0.5])
    assert (second.class_ids.tolist(), second.scores.tolist()) == ([3], [0.25])
    assert source.class_ids == (1, 3, 18)
    np.savez(tmp_path / "plain.npz", masks=masks)
    bare = next(iter(opened(tmp_path / "plain.npz", class_id=18)))
    assert (bare.class_ids.tolist(), bare.scores.tolist()) == ([18, 18], [1, 1])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"other": CLIP}, r"must hold an array named masks, got other"),
        ({"masks": CLIP[0]}, r"masks in .* must be bool or uint8 \(T, H, W\) .* got bool \(6, 8\)"),
        ({"masks": CLIP.astype(np.float32)}, r"masks in .* must be bool or uint8 .* got float32"),
        ({"masks": np.asfortranarray(CLIP)}, r"must be stored frame by frame, got Fortran order"),
        ({"masks": np.zeros((2, 5, 5), bool)}, r"got 5×5 in .*x\.npz for a video of 8×6"),
        ({"masks": CLIP.astype(np.uint8) * 7}, r"frame 0 must hold only 0 and 255 .* under the key probs"),
        ({"masks": CLIP[:, None], "scores": np.ones(3)}, r"scores in .* must be float \(4, 1\)"),
        ({"masks": CLIP[:, None], "scores": np.full((4, 1), 2.0)}, r"scores in .* must lie in \[0, 1\]"),
        ({"masks": CLIP, "class_ids": [12]}, r"category_id must be a COCO id .* got 12"),
        ({"masks": CLIP, "class_ids": [1, 2]}, r"class_ids in .* must be 1 whole numbers, got int64 \(2,\)"),
        ({"probs": np.full((1, *SIZE_HW), 1.5)}, r"frame 0 must hold probabilities in .* got \[1.5, 1.5\]"),
        ({"probs": np.full((1, *SIZE_HW), np.nan)}, r"frame 0 must hold probabilities in \[0, 1\]"),
        ({"probs": np.zeros((1, 2, *SIZE_HW))}, r"must hold class_ids for its 2 maps, got none"),
        ({"probs": np.zeros((1, *SIZE_HW), int)}, r"probs in .* must be float"),
    ],
)  # fmt: skip
def test_npz_of_another_form_is_named(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(MaskError, match=message):
        list(opened(tmp_path / "x.npz"))


def test_damaged_npz_is_named(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, masks=np.random.default_rng(0).random((40, *SIZE_HW)) > 0.5)
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    for data in (b"", b"text", bytes(content[:100]), bytes(content)):
        path.write_bytes(data)
        with pytest.raises(MaskError, match=r"x\.npz must be a readable \.npz file, got a damaged"):
            list(opened(path))
    with pytest.raises(MaskError, match=r"none\.npz must be a \.npz file, but there is no such file"):
        opened(tmp_path / "none.npz")


def test_npz_that_declares_more_than_it_holds_is_cut_off(tmp_path):
    np.save(tmp_path / "a.npy", CLIP)
    content = (tmp_path / "a.npy").read_bytes()[:-48]
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("masks.npy", content)
    source = opened(tmp_path / "x.npz")
    with pytest.raises(MaskError, match=r"x\.npz must hold 4 frames, got 3; it is cut off"):
        list(source)


def test_pickled_arrays_are_not_opened(tmp_path):
    np.savez(tmp_path / "x.npz", masks=np.array([{}], object))
    with pytest.raises(MaskError, match=r"masks in .* must be bool or uint8"):
        opened(tmp_path / "x.npz")


# ── lengths ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_frames_and_masks_are_paired(tmp_path):
    source = opened(write_clip(tmp_path))
    pairs = list(match_frames(frames(4), source, surplus="error"))
    assert [frame.index for frame, _ in pairs] == [0, 1, 2, 3]
    np.testing.assert_array_equal([one.probs[0] for _, one in pairs], CLIP)


def test_more_frames_than_masks_is_found_when_it_happens(tmp_path):
    source = opened(write_clip(tmp_path / "m"))
    pairs = match_frames(frames(5), source, surplus="error")
    for _ in range(4):
        next(pairs)
    with pytest.raises(MaskError, match=r"got 4 in .*m, but the video goes on"):
        next(pairs)


def test_masks_left_over_are_found_at_the_end_unless_part_is_wanted(tmp_path):
    source = opened(write_clip(tmp_path / "m"))
    with pytest.raises(
        MaskError, match=r"must not outlast the video of 3 frames, got some for frame 3 .* in .*m"
    ):
        list(match_frames(frames(3), source, surplus="error"))
    assert len(list(match_frames(frames(3), source, surplus="ignore"))) == 3


def test_frames_after_the_last_detection_are_empty(tmp_path):
    (tmp_path / "d.json").write_text(detections(1))
    pairs = match_frames(frames(4), opened(tmp_path / "d.json"), surplus="error")
    assert [len(found) for _, found in pairs] == [0, 1, 0, 0]


def test_detections_beyond_the_video_are_refused(tmp_path):
    (tmp_path / "d.json").write_text(detections(0, 7))
    with pytest.raises(MaskError, match=r"outlast the video of 7 frames, got some for frame 7 .*d\.json"):
        list(match_frames(frames(7), opened(tmp_path / "d.json"), surplus="error"))


def test_frames_of_another_size_are_refused(tmp_path):
    source = opened(write_clip(tmp_path / "m"))
    with pytest.raises(MaskError, match=r"got 8×6 in .*m for frame 0 of 9×9"):
        next(match_frames(frames(4, size_hw=(9, 9)), source, surplus="error"))


@pytest.mark.parametrize(("declared", "said"), [(None, False), (4, False), (3, True), (9, True)])
def test_a_declared_length_that_differs_is_only_said(tmp_path, caplog, declared, said):
    opened(write_clip(tmp_path), n_frames=declared)
    assert (f"but the video declares {declared}" in caplog.text) == said


# ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────
def _peak_bytes(source):
    tracemalloc.start()
    for _ in source:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("kind", ["png", "npz", "npz_instances", "coco"])
def test_memory_does_not_grow_with_length(tmp_path, kind):
    size_hw = (200, 300)
    mask = np.zeros(size_hw, bool)
    mask[50:150, 60:200] = True

    def source(n_frames):
        place = tmp_path / f"{kind}{n_frames}"
        masks = np.broadcast_to(mask, (n_frames, *size_hw))
        if kind == "png":
            write_clip(place, masks)
        elif kind == "coco":
            place = place.with_suffix(".json")
            place.write_text(detections(*range(n_frames), size_hw=size_hw))
        else:
            place = place.with_suffix(".npz")
            np.savez(place, masks=masks if kind == "npz" else masks[:, None])
        return opened(place, size_hw=size_hw)

    short, long = source(5), source(100)
    _peak_bytes(short)  # what is imported and cached on first use is not the source's
    assert _peak_bytes(long) < _peak_bytes(short) + 5 * mask.size  # 95 more frames; some await the collector


# ── real files ──────────────────────────────────────────────────────────────────────────────────────────────
@needs_real
@pytest.mark.parametrize("name", ["lucia", "rollerblade", "car-shadow", "dog", "blackswan"])
def test_real_probabilities_and_truth(name):
    folder = REAL / "sequences" / name
    n_frames = json.loads((folder / "sequence.json").read_text())["n_frames"]
    probs = opened(folder / "deeplabv3_probs", probs=True, size_hw=(480, 854), n_frames=n_frames)
    truth = open_png_masks(folder / "truth", size_hw=(480, 854), class_id=0)
    assert probs.n_frames == truth.n_frames == n_frames
    for index, (prob, target) in enumerate(zip(probs, truth, strict=True)):
        levels = np.asarray(Image.open(folder / "deeplabv3_probs" / f"{index:05d}.png"))
        np.testing.assert_array_equal(prob.probs[0], levels.astype(np.float32) / np.float32(255))
        assert set(np.unique(target.probs)) <= {0.0, 1.0}


@needs_real
def test_real_probabilities_without_the_flag_suggest_it():
    with pytest.raises(MaskError, match=r"00000\.png must hold only 0 and 255 .* add --probs"):
        opened(REAL / "sequences" / "dog" / "deeplabv3_probs", size_hw=None)
