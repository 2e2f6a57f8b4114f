"""One vocabulary: every COCO and VOC name leads to its COCO id, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidlab.classes import COCO_NAMES, VOC_NAMES, VOC_TO_COCO_NAME, class_id, class_ids, class_name
from vidlab.errors import ParameterError
from vidlab.types import OBJECT_CLASS_ID


def test_coco_has_eighty_classes_numbered_up_to_ninety() -> None:
    assert len(COCO_NAMES) == len(set(COCO_NAMES.values())) == 80
    assert (min(COCO_NAMES), max(COCO_NAMES)) == (1, 90)


def test_voc_has_twenty_classes_each_with_a_coco_id() -> None:
    assert len(set(VOC_NAMES)) == 20
    assert len({class_id(name) for name in VOC_NAMES}) == 20


@pytest.mark.parametrize("number", sorted(COCO_NAMES))
def test_name_and_number_lead_back_to_the_id(number: int) -> None:
    assert class_id(COCO_NAMES[number]) == class_id(str(number)) == number
    assert class_name(number) == COCO_NAMES[number]


@pytest.mark.parametrize(("voc", "coco"), sorted(VOC_TO_COCO_NAME.items()))
def test_voc_spelling_names_the_same_class(voc: str, coco: str) -> None:
    assert class_id(voc) == class_id(coco)


@given(st.sampled_from(sorted(COCO_NAMES)), st.sampled_from(["_", "-", " ", ""]), st.booleans())
def test_case_and_separators_do_not_matter(number: int, separator: str, upper: bool) -> None:
    text = COCO_NAMES[number].replace(" ", separator)
    assert class_id(f" {text.upper() if upper else text} ") == number


def test_a_class_without_a_name_is_an_object() -> None:
    assert class_name(OBJECT_CLASS_ID) == "object"
    assert class_id("object") == OBJECT_CLASS_ID


def test_an_id_that_coco_leaves_out_still_has_a_text() -> None:
    assert class_name(12) == "class 12"


@pytest.mark.parametrize("name", ["unicorn", "", "12", "91", "-1", "1_8", "1.5", "²"])
def test_unknown_name_is_refused_with_examples(name: str) -> None:
    with pytest.raises(ParameterError, match=f"unknown class '{name}'; choose .*: person, bicycle, car"):
        class_id(name)


def test_list_keeps_its_order_and_drops_repeats() -> None:
    assert class_ids(["dog", "person", "18", "Person"]) == (18, 1)
    assert class_ids([]) == ()
