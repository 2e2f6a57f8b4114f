"""One vocabulary: every COCO and VOC name leads to its COCO id, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidlab.classes import (
    ALIASES,
    COCO_NAMES,
    CUSTOM_IDS,
    STUFF_NAMES,
    VOC_NAMES,
    VOC_TO_COCO_NAME,
    class_id,
    class_ids,
    class_name,
    is_known,
    is_thing,
    known_class_id,
)
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


@pytest.mark.parametrize(("alias", "coco"), sorted(ALIASES.items()))
def test_other_words_name_the_same_class(alias: str, coco: str) -> None:
    assert class_name(class_id(alias)) == coco


@pytest.mark.parametrize(
    ("plural", "coco"),
    [
        ("dogs", "dog"), ("People", "person"), ("persons", "person"), ("buses", "bus"), ("couches", "couch"),
        ("traffic_lights", "traffic light"), ("sheep", "sheep"), ("skis", "skis"), ("knives", "knife"),
        ("teddy-bears", "teddy bear"), ("wine glasses", "wine glass"), ("motorbikes", "motorcycle"),
        ("TV monitors", "tv"), ("trees", "tree-merged"),
    ],
)  # fmt: skip
def test_plurals_name_the_same_class(plural: str, coco: str) -> None:
    assert class_name(class_id(plural)) == coco


def test_no_spelling_of_one_class_is_the_plural_of_another() -> None:
    for number, name in (COCO_NAMES | STUFF_NAMES).items():
        assert class_id(name) == number
        assert known_class_id(f"{name}s") in (number, None)  # `kites` is no kit


def test_stuff_has_the_fifty_three_ids_of_the_panoptic_task() -> None:
    assert len(STUFF_NAMES) == len(set(STUFF_NAMES.values())) == 53
    assert (min(STUFF_NAMES), max(STUFF_NAMES)) == (92, 200)
    assert not set(STUFF_NAMES) & set(COCO_NAMES)


@pytest.mark.parametrize(
    ("short", "number"),
    [("sky", 187), ("tree", 184), ("door", 112), ("window", 181), ("water", 178), ("road", 149)],
)
def test_stuff_is_found_without_its_endings(short: str, number: int) -> None:
    assert class_id(short) == number
    assert not is_thing(number)


def test_own_classes_have_numbers_that_fit_a_label_picture() -> None:
    assert CUSTOM_IDS[0] > max(STUFF_NAMES)
    assert CUSTOM_IDS[-1] < 255
    assert class_id(str(CUSTOM_IDS[0])) == CUSTOM_IDS[0]
    assert is_known(CUSTOM_IDS[0])
    assert is_thing(CUSTOM_IDS[0])
    assert class_name(CUSTOM_IDS[0]) == "class 201"
    assert class_name(CUSTOM_IDS[0], {201: "hair"}) == "hair"
    assert class_name(18, {201: "hair"}) == "dog"


def test_an_id_that_coco_leaves_out_still_has_a_text() -> None:
    assert class_name(12) == "class 12"


@pytest.mark.parametrize("name", ["unicorn", "", "12", "91", "-1", "1_8", "1.5", "²"])
def test_unknown_name_is_refused_with_examples(name: str) -> None:
    with pytest.raises(ParameterError, match=f"unknown class '{name}'; choose .*: person, bicycle, car"):
        class_id(name)


def test_list_keeps_its_order_and_drops_repeats() -> None:
    assert class_ids(["dog", "person", "18", "Person"]) == (18, 1)
    assert class_ids([]) == ()
