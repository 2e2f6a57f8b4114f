"""Pictures and masks: what is found and refused, how they are split, kept, varied, and put in order."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from small_sets import N_CLIPS, N_FRAMES, SIDE_PX, draw, write_set

from vidlab.errors import MaskError, ParameterError, SourceError
from vidlab.models.sizes import MEAN, STD
from vidlab.params import AugmentParams, SceneDataParams, TrainDataParams
from vidlab.training.augment import Augment, normalized, without_variation
from vidlab.training.crops import WHOLE, Crops, Order
from vidlab.training.pairs import find_pairs
from vidlab.training.pictures import Pictures
from vidlab.training.scenes import class_indices, scene_names, scene_spec, write_scenes
from vidlab.training.split import split_by_clip
from vidlab.training.survey import class_names, survey

NAMES = ("background", "red", "blue")


def nobody(_done, _total):
    """Told nothing."""


def look(pairs, *, names=NAMES):
    return survey(pairs, names=names, progress=nobody)


@pytest.fixture
def root(tmp_path):
    return write_set(tmp_path / "set")


@pytest.mark.parametrize("flat", [False, True])
def test_pictures_are_matched_by_name_each_in_its_clip(tmp_path, flat):
    pairs = find_pairs(write_set(tmp_path, flat=flat))
    assert len(pairs) == N_CLIPS * N_FRAMES
    assert [pair.clip for pair in pairs] == [
        f"clip{clip}" for clip in range(N_CLIPS) for _ in range(N_FRAMES)
    ]
    assert all(pair.image.stem == pair.mask.stem for pair in pairs)


def test_a_folder_for_each_clip_will_do(root, tmp_path):
    for clip in range(2):
        for kind, name in (("images", "frames"), ("masks", "truth")):
            shutil.copytree(root / kind / f"clip{clip}", tmp_path / "clips" / f"street {clip}" / name)
    pairs = find_pairs(tmp_path / "clips")
    assert {pair.clip for pair in pairs} == {"street 0", "street 1"}
    assert len(pairs) == 2 * N_FRAMES


def test_masks_may_lie_elsewhere(root):
    pairs = find_pairs(root / "images" / "clip1", masks=root / "masks" / "clip1")
    assert [pair.mask.parent.name for pair in pairs] == ["clip1"] * N_FRAMES


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [("images", "every mask in .* got none for clip2/001"), ("masks", "every picture in")],
)
def test_what_has_no_counterpart_is_named(root, kind, sentence):
    (root / kind / "clip2" / "001.png").unlink()
    with pytest.raises(SourceError, match=sentence):
        find_pairs(root)


def test_folders_without_pictures_are_refused(tmp_path):
    with pytest.raises(SourceError, match="must be in a folder"):
        find_pairs(tmp_path / "nowhere")
    with pytest.raises(SourceError, match="must have images/ and masks/ in it"):
        find_pairs(tmp_path)


def test_survey_counts_what_is_there(root):
    seen = look(find_pairs(root))
    pictures = list(range(N_CLIPS * N_FRAMES))
    assert seen.n_showing(pictures).tolist()[2] == N_CLIPS * N_FRAMES
    assert seen.shares(pictures).sum() == pytest.approx(1)
    assert seen.shares(pictures)[2] == pytest.approx(14 * 14 / SIDE_PX**2)
    assert not seen.binary


def test_a_value_that_is_no_class_is_named_with_what_would_take_it(root):
    labels = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    labels[3, 3], labels[5, 5] = 9, 255
    Image.fromarray(labels).save(root / "masks" / "clip3" / "002.png")
    with pytest.raises(
        MaskError, match=r"classes 0 to 2, or 255 .* got 9 in .*clip3/002\.png; --n-classes 10"
    ):
        look(find_pairs(root))
    assert look(find_pairs(root), names=tuple(map(str, range(10)))).ignored == 1


def test_a_mask_of_another_size_is_named(root):
    Image.fromarray(np.zeros((8, 9), np.uint8)).save(root / "masks" / "clip0" / "000.png")
    with pytest.raises(MaskError, match=r"got 9×8 in .*000\.png for 32×32"):
        look(find_pairs(root))


def test_masks_of_0_and_255_alone_are_binary(root):
    for path in (root / "masks").rglob("*.png"):
        Image.fromarray(np.where(np.asarray(Image.open(path)) == 1, 255, 0).astype(np.uint8)).save(path)
    pairs = find_pairs(root)
    seen = look(pairs, names=("background", "thing"))
    assert seen.binary
    assert seen.ignored == 0
    assert seen.n_showing(range(len(pairs)))[1] > 0
    _, labels = Pictures(pairs, binary=True, cache_mb=1).read(0)
    assert set(np.unique(labels)) <= {0, 1}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"n_classes": 1}, "at least two classes"),
        ({"class_names": "a,b", "n_classes": 3}, "got 2 for 3"),
        ({"class_names": "a,A"}, "must differ"),
    ],
)
def test_classes_that_make_no_sense_are_refused(settings, sentence):
    with pytest.raises(ParameterError, match=sentence):
        class_names(TrainDataParams(**settings))


def test_eight_classes_unless_told_otherwise():
    assert len(class_names(TrainDataParams())) == 8


@pytest.mark.parametrize("seed", range(5))
def test_no_clip_stands_on_both_sides(seed):
    rng = np.random.default_rng(seed)
    clips = [f"clip {clip}" for clip in range(9) for _ in range(rng.integers(1, 20))]
    split = split_by_clip(clips, valid_share=0.25, seed=seed)
    sides = [{clips[place] for place in side} for side in (split.train, split.valid)]
    assert sides[0] & sides[1] == set()
    assert sorted(split.train + split.valid) == list(range(len(clips)))
    assert len(split.valid) / len(clips) == pytest.approx(0.25, abs=0.15)


def test_the_seed_chooses_the_clips():
    clips = [str(clip) for clip in range(20)]
    chosen = {split_by_clip(clips, valid_share=0.2, seed=seed).valid for seed in range(5)}
    assert len(chosen) > 1
    assert split_by_clip(clips, valid_share=0.2, seed=3) == split_by_clip(clips, valid_share=0.2, seed=3)


@pytest.mark.parametrize("seed", range(4))
def test_a_clip_that_is_most_of_the_pictures_teaches(seed):
    clips = ["long"] * 90 + ["short"] * 5 + ["other"] * 5
    split = split_by_clip(clips, valid_share=0.2, seed=seed)
    assert split.valid == tuple(range(90, 100))
    split = split_by_clip(["long"] * 90 + ["short"] * 80, valid_share=0.2, seed=seed)
    assert {*split.valid} == {*range(90, 170)}  # the smaller one, where both are too large


def test_of_a_single_clip_the_end_judges_after_a_gap():
    split = split_by_clip(["one"] * 50, valid_share=0.2, seed=0)
    assert split.valid == tuple(range(40, 50))
    assert max(split.train) + 5 < min(split.valid)
    assert "not known" in split.told


@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_smallest_clips_can_be_split(n):
    split = split_by_clip(["one"] * n, valid_share=0.5, seed=0)
    assert split.train
    assert split.valid
    with pytest.raises(ParameterError, match="at least two pictures"):
        split_by_clip(["one"], valid_share=0.5, seed=0)


def test_pictures_stay_in_memory_as_far_as_they_fit(root):
    pairs = find_pairs(root)
    one = SIDE_PX**2 * 4  # three bytes of color, one of class
    pictures = Pictures(pairs, binary=False, cache_mb=2.5 * one / 1e6)
    for _ in range(2):
        for index in range(len(pairs)):
            image, labels = pictures.read(index)
            assert image.shape == (SIDE_PX, SIDE_PX, 3)
            assert labels.max() <= 2
            assert pictures.n_bytes <= 2.5 * one
    assert pictures.n_bytes == 2 * one
    shutil.rmtree(root)
    pictures.read(0)
    with pytest.raises(SourceError):
        pictures.read(5)


# Image and mask are varied alike: the picture's red says where class 1 is, whatever was done to both.
@pytest.mark.parametrize("crop", ["random", "central", "none"])
def test_image_and_mask_are_varied_alike(crop):
    image, labels = draw(np.random.default_rng(0))
    augment = Augment(AugmentParams(input_px=64, crop=crop, color=0.0))
    for seed in range(20):
        torch.manual_seed(seed)
        pixels, target = augment(image, labels)
        assert (pixels.shape, pixels.dtype) == ((3, 64, 64), torch.uint8)
        assert (target.shape, target.dtype) == ((64, 64), torch.uint8)
        is_red = (pixels[0] > 140).numpy()
        edge = np.zeros_like(is_red)  # two pixels at edges belong to both, once they are resized
        for axis in (0, 1):
            for by in (-1, 1, -2, 2):
                edge |= (np.roll(target.numpy(), by, axis) == 1) != (target.numpy() == 1)
        assert np.array_equal(is_red[~edge], (target.numpy() == 1)[~edge])


def test_colors_change_and_classes_do_not():
    image, labels = draw(np.random.default_rng(0))
    plain = AugmentParams(input_px=32, crop="none", flip=0.0, color=0.0)
    vivid = plain.model_copy(update={"color": 0.5})
    (pixels, target), (other, same) = Augment(plain)(image, labels), Augment(vivid)(image, labels)
    assert torch.equal(target, same)
    assert (pixels.int() - other.int()).abs().max() > 25
    whole, classes = without_variation(image, labels, input_px=32)
    assert torch.equal(whole, pixels)
    assert torch.equal(classes, target)


def test_networks_get_pictures_normalized_as_imagenets():
    image, labels = draw(np.random.default_rng(0))
    whole, _ = without_variation(image, labels, input_px=SIDE_PX)
    found = normalized(torch.stack([whole, whole]))
    expected = (image / 255 - np.array(MEAN)) / np.array(STD)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found[1].permute(1, 2, 0).numpy(), expected, rtol=0, atol=1e-5)
    assert torch.equal(whole, torch.tensor(image).permute(2, 0, 1))


def test_flipped_is_the_mirror_image():
    image, labels = draw(np.random.default_rng(0))
    settings = AugmentParams(input_px=32, crop="none", color=0.0, flip=0.0)
    pixels, target = Augment(settings)(image, labels)
    mirrored, other = Augment(settings.model_copy(update={"flip": 1.0}))(image, labels)
    assert torch.equal(mirrored, pixels.flip(-1))
    assert torch.equal(other, target.flip(-1))


def test_crops_keep_to_their_share_and_place():
    for crop in ("random", "central"):
        augment = Augment(AugmentParams(crop=crop, least_share=0.3))
        windows = np.array([augment.window((100, 200)) for _ in range(300)])
        top, left, height, width = windows.T
        assert 30 <= height.min() <= 35
        assert 95 <= height.max() <= 100
        np.testing.assert_allclose(width, 2 * height, atol=1)
        assert (top + height <= 100).all()
        assert (left + width <= 200).all()
        centered = np.abs(top + height / 2 - 50).max() <= 1 and np.abs(left + width / 2 - 100).max() <= 1
        assert centered == (crop == "central")


def test_a_sample_is_decided_by_picture_and_seed(root):
    crops = Crops(Pictures(find_pairs(root), binary=False, cache_mb=1), augment=AugmentParams(input_px=32))
    before = torch.get_rng_state()
    first, again, other = crops[3, 7], crops[3, 7], crops[3, 8]
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    assert torch.equal(crops[3, WHOLE][0], crops[3, WHOLE][0])
    assert torch.equal(torch.get_rng_state(), before)


def test_an_epoch_shows_each_picture_as_often_as_it_repeats():
    order = Order([4, 5, 6], repeats=4, batch=2, seed=0)
    shown = [place for batch in order for place, _ in batch]
    assert sorted(shown) == [4] * 4 + [5] * 4 + [6] * 4
    assert shown != sorted(shown)
    assert len({seed for batch in order for _, seed in batch}) == 12


def test_the_order_can_be_taken_up_anywhere():
    order = Order(range(10), repeats=2, batch=3, seed=1)
    order.begin(2)
    whole = list(order)
    assert len(whole) == order.n_batches == 6
    order.begin(2, first=4)
    assert list(order) == whole[4:]
    assert len(order) == 2
    order.begin(3)
    assert list(order) != whole


def test_fewer_pictures_than_a_batch_are_shown_all_the_same():
    assert [len(batch) for batch in Order([0, 1, 2], repeats=1, batch=8, seed=0)] == [3]


def test_scenes_are_a_folder_like_any_other(tmp_path):
    params = SceneDataParams(scenes=3, scene_frames=2, scene_every=3, scene_px=48, scene_classes="dog,person")
    write_scenes(tmp_path / "a", params=params, seed=1, workers=0, progress=nobody)
    pairs = find_pairs(tmp_path / "a")
    assert scene_names(params) == ("background", "dog", "person")
    assert [pair.clip for pair in pairs] == sorted(["scene_000000", "scene_000001", "scene_000002"] * 2)
    seen = look(pairs, names=scene_names(params))
    assert (seen.pixels[:, 0] < 48 * 48).any()
    write_scenes(tmp_path / "b", params=params, seed=1, workers=1, progress=nobody)  # in another process
    again = find_pairs(tmp_path / "b")
    for one, other in zip(pairs, again, strict=True):
        assert one.image.read_bytes() == other.image.read_bytes()
        assert one.mask.read_bytes() == other.mask.read_bytes()
    write_scenes(tmp_path / "c", params=params, seed=2, workers=0, progress=nobody)
    assert find_pairs(tmp_path / "c")[0].image.read_bytes() != pairs[0].image.read_bytes()


def test_class_indices_are_places_in_the_list_of_classes():
    from vidlab.synthetic import iter_scene

    params = SceneDataParams(scene_px=64, scene_classes="dog,person")
    frame = next(iter_scene(scene_spec(5, params=params, seed=0, n_frames=1)))
    labels = class_indices(frame, classes=(18, 1))
    for mask, class_id in zip(frame.instances.masks, frame.instances.class_ids, strict=True):
        assert (labels[mask] == {18: 1, 1: 2}[int(class_id)]).all()
    assert (labels[~frame.instances.masks.any(axis=0)] == 0).all()
