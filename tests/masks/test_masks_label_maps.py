"""Label maps as masks: folders and `.npz`, 0 background and 255 ignored."""

import numpy as np
import pytest
from PIL import Image

from vidlab.errors import MaskError
from vidlab.masks.png import write_labels_png, write_mask_png
from vidlab.masks.source import MaskSource, open_masks
from vidlab.types import OBJECT_CLASS_ID, ClassProbs

SIZE_HW = (6, 8)
LABELS = np.zeros((3, *SIZE_HW), np.uint8)
LABELS[0, :3], LABELS[0, 3:, :4] = 1, 26  # 26 is none of COCO's
LABELS[1, :3], LABELS[1, 5] = 18, 255


def open_it(path, *, probs=False) -> MaskSource:
    return open_masks(path, probs=probs, size_hw=SIZE_HW, n_frames=3, class_id=OBJECT_CLASS_ID)


def write_folder(folder, *, indexed: bool):
    folder.mkdir(parents=True)
    for index, labels in enumerate(LABELS):
        if indexed:
            write_labels_png(folder / f"{index:05d}.png", labels)
        else:
            Image.fromarray(labels).save(folder / f"{index:05d}.png")


def check(source: MaskSource):
    assert (source.kind, source.class_ids, source.n_frames) == ("probs", (1, 18, 26), 3)
    assert source.size_hw == SIZE_HW
    for _ in range(2):  # sources are re-iterable
        for labels, found in zip(LABELS, source, strict=True):
            assert isinstance(found, ClassProbs)
            assert found.class_ids == tuple(one for one in np.unique(labels) if one not in (0, 255))
            for class_id, probs in zip(found.class_ids, found.probs, strict=True):
                assert np.array_equal(probs, labels == class_id)


@pytest.mark.parametrize("name", ["labels", "semantic"])
def test_indexed_pngs_of_several_classes_are_labels(tmp_path, name):
    write_folder(tmp_path / name, indexed=True)
    check(open_it(tmp_path / name))


def test_gray_pngs_are_labels_in_a_folder_of_that_name(tmp_path):
    write_folder(tmp_path / "labels", indexed=False)
    check(open_it(tmp_path / "labels"))
    write_folder(tmp_path / "other", indexed=False)
    with pytest.raises(MaskError, match="put class labels into a folder named labels"):
        list(open_it(tmp_path / "other"))


def test_labels_of_a_result_folder_come_before_its_masks(tmp_path):
    write_folder(tmp_path / "labels", indexed=True)
    (tmp_path / "masks").mkdir()
    for index, labels in enumerate(LABELS):
        write_mask_png(tmp_path / "masks" / f"{index:05d}.png", labels > 0)
    check(open_it(tmp_path))


def test_an_indexed_folder_of_one_object_is_a_mask_of_it(tmp_path):
    for index in range(3):
        write_labels_png(tmp_path / f"{index}.png", np.where(LABELS[0] == 1, 255, 0).astype(np.uint8))
    source = open_it(tmp_path)
    assert source.class_ids == (OBJECT_CLASS_ID,)
    assert np.array_equal(next(iter(source)).probs[0], LABELS[0] == 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint16])
def test_npz_labels(tmp_path, dtype):
    np.savez_compressed(tmp_path / "l.npz", labels=LABELS.astype(dtype))
    check(open_it(tmp_path / "l.npz"))


def test_npz_of_soft_classes(tmp_path):
    probs = np.random.default_rng(0).dirichlet([1] * 4, (3, *SIZE_HW)).transpose(0, 3, 1, 2)
    np.savez(tmp_path / "p.npz", probs=probs.astype(np.float32), class_ids=np.array([1, 2, 3, 18]))
    source = open_it(tmp_path / "p.npz")
    assert (source.kind, source.class_ids) == ("probs", (1, 2, 3, 18))
    assert np.allclose([one.probs for one in source], probs)


@pytest.mark.parametrize(("labels", "found"), [(np.full((1, 6, 8), 256), 256), (np.full((1, 6, 8), -1), -1)])
def test_npz_labels_out_of_range_are_named(tmp_path, labels, found):
    np.savez(tmp_path / "l.npz", labels=labels)
    with pytest.raises(MaskError, match=rf"l\.npz, frame 0 must hold labels from 0 to 255, got {found}"):
        open_it(tmp_path / "l.npz")


def test_npz_labels_must_be_one_class_per_pixel(tmp_path):
    np.savez(tmp_path / "l.npz", labels=np.zeros((2, 3, 6, 8), np.uint8))
    with pytest.raises(MaskError, match=r"labels in .*l\.npz must be whole numbers \(T, H, W\), got uint8"):
        open_it(tmp_path / "l.npz")


def test_a_damaged_label_file_is_named(tmp_path):
    write_folder(tmp_path / "labels", indexed=True)
    (tmp_path / "labels" / "00001.png").write_bytes(b"no picture")
    with pytest.raises(MaskError, match=r"00001\.png must be a readable PNG"):
        open_it(tmp_path / "labels")
