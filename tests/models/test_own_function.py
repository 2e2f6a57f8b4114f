"""A user's own function as a network: every form it may return, and every mistake in one sentence."""

from types import SimpleNamespace

import numpy as np
import pytest

from vidlab import models
from vidlab.errors import ParameterError, ShapeError
from vidlab.types import ClassProbs, Instances

DOG, CAT, SKY = 18, 17, 187
SIZE_HW = (6, 8)
MASK = np.zeros(SIZE_HW, bool)
MASK[1:4, 2:5] = True


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8)


def finds(answer, *, classes=("dog",), takes="image"):
    return models.from_callable(
        lambda images: answer, kind="instances", class_ids=classes, name="mine", takes=takes
    )


def says(answer, *, classes=("dog",)):
    return models.from_callable(lambda image: answer, kind="probs", class_ids=classes, name="mine")


def instances(masks=MASK[None], scores=(0.9,), class_ids=(DOG,)):
    return (np.asarray(masks), np.asarray(scores), np.asarray(class_ids))


def as_torch(values):
    torch = pytest.importorskip("torch")
    return torch.tensor(np.asarray(values))


@pytest.mark.parametrize(
    "answer",
    [
        instances(),
        list(instances()),
        dict(zip(("masks", "scores", "class_ids"), instances(), strict=True)),
        instances(masks=MASK[None].astype(np.uint8)),
        instances(masks=MASK[None] * 0.8),
        ([MASK], [0.9], [DOG]),
        Instances(MASK[None], np.float32([0.9]), np.int64([DOG])),
    ],
    ids=["tuple", "list", "mapping", "bytes", "probabilities", "plain lists", "Instances"],
)
def test_instances_may_come_in_many_forms(answer, picture):
    (found,) = finds(answer).segment([picture])
    assert np.array_equal(found.masks, MASK[None])
    assert found.masks.dtype == np.bool_
    assert found.scores.tolist() == pytest.approx([0.9])
    assert found.class_ids.tolist() == [DOG]


def test_torch_tensors_are_taken_in_half_precision_too(picture):
    torch = pytest.importorskip("torch")
    masks, scores = as_torch(MASK[None]), torch.tensor([0.5], dtype=torch.bfloat16, requires_grad=True)
    (found,) = finds((masks, scores, as_torch([DOG]))).segment([picture])
    assert found.scores.tolist() == [0.5]


def test_nothing_found_is_no_mistake(picture):
    nothing = (np.zeros((0, *SIZE_HW), bool), np.zeros(0), np.zeros(0, np.int64))
    assert len(finds(nothing).segment([picture])[0]) == 0
    assert len(finds(instances(masks=[MASK & False])).segment([picture])[0]) == 0


def test_probabilities_of_a_single_class_need_no_class_axis(picture):
    for answer in (MASK * 0.25, MASK[None] * 0.25, as_torch(MASK * 0.25)):
        (found,) = says(answer, classes=["sky"]).segment([picture])
        assert isinstance(found, ClassProbs)
        assert found.class_ids == (SKY,)
        assert found.probs.dtype == np.float32
        assert np.array_equal(found.probs[0], np.float32(MASK * 0.25))


def test_batch_function_sees_all_pictures_at_once(picture):
    seen = []

    def fn(images):
        seen.append(len(images))
        return np.stack([np.stack([MASK, ~MASK]) for _ in images]).astype(float)

    network = models.from_callable(fn, kind="probs", class_ids=[DOG, CAT], name="both", takes="batch")
    assert len(network.segment([picture] * 3)) == 3
    assert network.segment([]) == []
    assert seen == [3]


def test_function_may_write_into_its_picture(picture):
    before = picture.copy()

    def spoil(image):
        image[:] = 0
        return instances()

    models.from_callable(spoil, kind="instances", class_ids=[DOG], name="spoil").segment([picture])
    assert np.array_equal(picture, before)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (3, ShapeError, r"mine must return masks, scores and class ids, .*, got int"),
        ((1, 2), ShapeError, "must return masks, scores and class ids, .* got 2 things"),
        ({"boxes": 1}, ShapeError, "names masks, scores, class_ids, got a mapping with boxes"),
        (MASK, ShapeError, r"got an array \(6, 8\)"),
        (instances(masks=MASK), ShapeError, r"got \(6, 8\), \(1,\) and \(1,\)"),
        (instances(scores=(0.9, 0.8)), ShapeError, r"got \(1, 6, 8\), \(2,\) and \(1,\)"),
        (instances(class_ids=DOG), ShapeError, r"got \(1, 6, 8\), \(1,\) and \(\)"),
        (instances(masks=MASK[None, :, :-1]), ShapeError, "masks of the picture's size, 8×6, got 7×6"),
        (instances(scores=(1.5,)), ParameterError, r"scores in \[0, 1\], got 1\.5 to 1\.5; logits"),
        (instances(scores=(np.nan,)), ParameterError, r"scores in \[0, 1\], got nan"),
        (instances(scores=("high",)), ShapeError, "scores as numbers, got str"),
        (instances(masks=MASK[None] * 255), ParameterError, r"masks in \[0, 1\], got 0 to 255"),
        (instances(class_ids=(17,)), ParameterError, r"classes it can see \(18 dog\), got 17"),
        (instances(class_ids=(18.0,)), ShapeError, "class ids as whole numbers, got float64"),
    ],
)
def test_mistakes_about_instances_are_one_sentence(answer, error, message, picture):
    with pytest.raises(error, match=message) as caught:
        finds(answer).segment([picture])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (np.zeros((3, *SIZE_HW)), ShapeError, r"probabilities \(1, H, W\), .* got \(3, 6, 8\)"),
        (np.zeros((6, 9)), ShapeError, "probabilities of the picture's size, 8×6, got 9×6"),
        (np.full(SIZE_HW, -3.0), ParameterError, r"in \[0, 1\], got -3 to -3; logits need a softmax"),
        (ClassProbs(np.zeros((1, *SIZE_HW), np.float32), (CAT,)), ParameterError, r"\(18,\), got \(17,\)"),
    ],
)
def test_mistakes_about_probabilities_are_one_sentence(answer, error, message, picture):
    with pytest.raises(error, match=message):
        says(answer).segment([picture])


@pytest.mark.parametrize(("answer", "got"), [([instances()] * 2, "2"), (None, "NoneType")])
def test_batch_must_come_back_whole(answer, got, picture):
    with pytest.raises(ShapeError, match=f"one answer for each of 1 pictures, got {got}"):
        finds(answer, takes="batch").segment([picture])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_ids": []}, "class_ids must name each class once, and one at least"),
        ({"class_ids": ["dog", "dogs"]}, "class_ids must name each class once"),
        ({"class_ids": ["gnome"]}, "unknown class 'gnome'"),
        ({"name": ""}, "name must say what the function is called"),
        ({"kind": "boxes"}, "kind must be instances or probs, got 'boxes'"),
    ],
)
def test_arguments_are_checked(options, message):
    given = {"kind": "probs", "class_ids": ["dog"], "name": "mine", **options}
    with pytest.raises(ParameterError, match=message):
        models.from_callable(lambda image: image, **given)


def test_label_of_weights_changes_with_the_function():
    first = models.from_callable(len, kind="probs", class_ids=[DOG], name="a").weights
    assert first == "function builtins.len"
    one, other = finds(instances()).weights, says(MASK).weights
    assert one.startswith(f"function {__name__}.finds")
    assert one != other
    assert finds(3).weights == one  # same source


def test_own_function_is_staged(picture):
    network = finds(instances())
    (found,) = network.finish(network.infer(network.prepare([picture])))
    assert np.array_equal(found.masks, network.segment([picture])[0].masks)


def test_objects_that_can_be_called_are_functions_too(picture):
    class Finder(SimpleNamespace):
        def __call__(self, image):
            return instances()

    network = models.from_callable(Finder(), kind="instances", class_ids=[DOG], name="finder")
    assert len(network.segment([picture])[0]) == 1
    assert "Finder" in network.weights
