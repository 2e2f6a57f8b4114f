import numpy as np
import pytest
from gpu import require_gpu

from vidlab.models import MODELS, create
from vidlab.types import ClassProbs, Instances

pytest.importorskip("torchvision")
SIZES = [(48, 64), (61, 47)]


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8) for size_hw in SIZES]


def random_demo(score_floor=0.0):
    return create("maskrcnn_demo", weights="random", device="cpu", score_floor=score_floor)


def test_random_weights_say_so_in_their_label():
    assert random_demo().weights == "random (timing only)"


def test_random_weights_are_the_same_ones_every_time(pictures):
    first, second = random_demo().segment(pictures), random_demo().segment(pictures)
    assert all(np.array_equal(a.scores, b.scores) for a, b in zip(first, second, strict=True))


def test_building_a_network_leaves_the_caller_random_state_alone():
    import torch

    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    random_demo()
    assert torch.equal(torch.rand(1), expected)


def test_instances_have_the_size_of_their_picture(pictures):
    segmenter = random_demo()
    assert segmenter.kind == MODELS["maskrcnn_demo"].kind == "instances"
    for picture, found in zip(pictures, segmenter.segment(pictures), strict=True):
        assert isinstance(found, Instances)
        assert found.size_hw == picture.shape[:2]
        assert ((found.scores >= 0) & (found.scores <= 1)).all()
        assert set(found.class_ids.tolist()) <= set(segmenter.class_ids)


def test_score_floor_drops_what_lies_below(pictures):
    loose = np.concatenate([found.scores for found in random_demo(0.0).segment(pictures)])
    floor = float(np.median(loose))
    strict = np.concatenate([found.scores for found in random_demo(floor).segment(pictures)])
    assert len(strict) < len(loose)
    assert (strict >= floor).all()


def test_no_pictures_give_no_observations():
    assert random_demo().segment([]) == []


def test_pictures_are_not_modified(pictures):
    before = [picture.copy() for picture in pictures]
    random_demo().segment(pictures)
    assert all(np.array_equal(a, b) for a, b in zip(before, pictures, strict=True))


def test_labels_map_to_coco_ids_and_unnamed_labels_are_dropped():
    import torch

    from vidlab.models.detector import InstanceSegmenter

    class Answers(torch.nn.Module):
        def forward(self, images):
            masks = torch.zeros(4, 1, 6, 8)
            masks[:, :, 2:4, 3:5] = 0.9
            masks[2] = 0.2  # nothing above the threshold: an empty mask is no object
            scores = torch.tensor([0.9, 0.8, 0.7, 0.1])
            return [{"masks": masks, "scores": scores, "labels": torch.tensor([2, 3, 1, 1])} for _ in images]

    segmenter = InstanceSegmenter(
        Answers(), name="fake", weights="none", label_ids=(1, 18, None), device="cpu", score_floor=0.25
    )
    (found,) = segmenter.segment([np.zeros((6, 8, 3), np.uint8)])
    assert segmenter.class_ids == (1, 18)
    assert found.class_ids.tolist() == [18]
    assert found.scores.tolist() == pytest.approx([0.9])
    assert found.masks[0].sum() == 4


class TinyDeepLab:
    """Built once per module: a network that says class 15 (person) where the picture is bright."""

    @staticmethod
    def network():
        import torch

        class Bright(torch.nn.Module):
            def forward(self, batch):
                logits = torch.zeros(len(batch), 21, batch.shape[2] // 8, batch.shape[3] // 8)
                small = torch.nn.functional.interpolate(batch.mean(1, keepdim=True), logits.shape[2:])
                logits[:, 15:16] = small * 10
                return {"out": logits}

        return Bright()


def test_probabilities_have_source_size_and_name_the_bright_half():
    from vidlab.models.semantic import SemanticSegmenter

    picture = np.zeros((54, 96, 3), np.uint8)
    picture[:, 48:] = 255
    segmenter = SemanticSegmenter(TinyDeepLab.network(), name="fake", weights="none", device="cpu")
    (found,) = segmenter.segment([picture])
    assert isinstance(found, ClassProbs)
    assert found.probs.shape == (20, 54, 96)
    assert found.probs.dtype == np.float32
    assert ((found.probs >= 0) & (found.probs <= 1)).all()
    person = found.probs[found.class_ids.index(1)]
    assert (person[:, 52:] > 0.9).all()
    assert (person[:, :44] < 0.1).all()


def test_probabilities_of_pictures_of_several_sizes_come_one_by_one():
    from vidlab.models.semantic import SemanticSegmenter

    segmenter = SemanticSegmenter(TinyDeepLab.network(), name="fake", weights="none", device="cpu")
    pictures = [np.zeros((30, 40, 3), np.uint8), np.zeros((40, 30, 3), np.uint8)]
    assert [found.size_hw for found in segmenter.segment(pictures)] == [(30, 40), (40, 30)]
    assert segmenter.segment([]) == []


@pytest.mark.parametrize("name", ["maskrcnn_demo", "lraspp_mobilenet_v3_large"])
def test_three_stages_give_what_segment_gives(name, pictures):
    segmenter = create(name, weights="random", device="cpu", score_floor=0.0)
    batch = [pictures[0], pictures[0][::-1].copy()]
    staged = segmenter.finish(segmenter.infer(segmenter.prepare(batch)))
    for one, whole in zip(staged, segmenter.segment(batch), strict=True):
        assert one.size_hw == whole.size_hw == SIZES[0]
        if isinstance(one, ClassProbs):
            assert np.array_equal(one.probs, whole.probs)
            assert one.class_ids == segmenter.class_ids
        else:
            assert np.array_equal(one.scores, whole.scores)
            assert np.array_equal(one.masks, whole.masks)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["maskrcnn_resnet50_fpn", "deeplabv3_resnet50"])
def test_full_networks_run_with_random_weights(name, pictures):
    segmenter = create(name, weights="random", device="cpu", score_floor=0.0)
    assert segmenter.weights == "random (timing only)"
    found = segmenter.segment(pictures[:1])[0]
    assert found.size_hw == SIZES[0]
    assert isinstance(found, ClassProbs if MODELS[name].kind == "probs" else Instances)
    if isinstance(found, ClassProbs):
        assert found.class_ids == segmenter.class_ids
        assert ((found.probs >= 0) & (found.probs.sum(0) <= 1 + 1e-5)).all()
    else:
        assert len(segmenter.class_ids) == 80


@pytest.mark.gpu
@pytest.mark.parametrize("name", [name for name, spec in MODELS.items() if spec.origin is not None])
def test_networks_run_on_the_gpu(name, pictures):
    require_gpu()
    found = create(name, weights="random", device="cuda", score_floor=0.0).segment(pictures)
    assert [one.size_hw for one in found] == SIZES
