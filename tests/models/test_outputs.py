"""What the outputs of a network mean."""

import pytest

from vidlab.errors import ParameterError
from vidlab.models.outputs import VOC_OUTPUTS, Outputs, to_outputs
from vidlab.types import OBJECT_CLASS_ID

PERSON, DOG, ROAD = 1, 18, 149


def outputs(names, n_outputs, activation="auto"):
    return to_outputs(names, n_outputs=n_outputs, activation=activation, source="best.pt")


@pytest.mark.parametrize(
    "names", [["dog", "road"], ["background", "dog", "road"], ["Background", " Dogs", "ROAD"]]
)
def test_background_may_be_named_or_left_out(names):
    found = outputs(names, 3)
    assert found.class_ids == (None, DOG, ROAD)
    assert found.shown_ids == (DOG, ROAD)
    assert found.shown == [1, 2]
    assert found.activation == "softmax"


def test_background_need_not_come_first():
    assert outputs(["dog", "background"], 2).shown == [0]


def test_as_many_names_as_outputs_leave_no_background():
    assert outputs(["dog", "road", "person"], 3).class_ids == (DOG, ROAD, PERSON)


@pytest.mark.parametrize(
    ("n_outputs", "class_ids", "activation"),
    [
        (1, (OBJECT_CLASS_ID,), "sigmoid"),
        (2, (None, OBJECT_CLASS_ID), "softmax"),
        (21, VOC_OUTPUTS.class_ids, "softmax"),
    ],
)
def test_some_numbers_of_outputs_need_no_names(n_outputs, class_ids, activation):
    found = outputs([], n_outputs)
    assert (found.class_ids, found.activation) == (class_ids, activation)


def test_names_that_nobody_knows_get_ids_of_their_own_in_order(caplog):
    found = outputs(["hair", "dog", "skin"], 4)
    assert found.class_ids == (None, 201, DOG, 202)
    assert found.names == {201: "hair", 202: "skin"}
    assert "best.pt: classes that COCO does not name go by number: 201 hair, 202 skin" in caplog.text


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_activation_that_is_named_is_taken(activation):
    assert outputs(["dog"], 1, activation).activation == activation


@pytest.mark.parametrize(
    ("names", "n_outputs", "message"),
    [
        (["dog"], 3, r"as many as the outputs of best\.pt, which are 3.*got 1: dog"),
        (["dog", "Dogs"], 2, "of different classes, got 'Dogs' twice"),
        (["hair", "Hair"], 2, "of different classes, got 'Hair' twice"),
        (["background", "background"], 2, "of different classes, got 'background' twice"),
        ([], 8, r"the 8 outputs of best\.pt must have names; give --class-names"),
        ([f"own {number}" for number in range(60)], 60, "at most 54 classes .* got 'own 54' after them"),
    ],
)
def test_names_that_do_not_fit_are_refused(names, n_outputs, message):
    with pytest.raises(ParameterError, match=message):
        outputs(names, n_outputs)


@pytest.mark.parametrize("class_ids", [(None,), (), (DOG, DOG)])
def test_outputs_without_classes_or_with_one_twice_are_refused(class_ids):
    with pytest.raises(ParameterError, match="outputs must have a class each"):
        Outputs(class_ids, "softmax")
