import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_clip import detected, true_mask

from vidlab.errors import OutputError
from vidlab.masks.coco import CocoResultsWriter, join_results


def write(path, indices):
    with CocoResultsWriter(path) as writer:
        for index in indices:
            writer.append(detected(index, true_mask(index)), image_id=index)
    return path


@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(0, 3), max_size=5))
def test_joined_lists_are_the_list_that_one_writer_writes(tmp_path_factory, lengths):
    folder = tmp_path_factory.mktemp("parts")
    starts = [sum(lengths[:k]) for k in range(len(lengths))]
    parts = [
        write(folder / f"{start}_{k}.json", range(start, start + length))
        for k, (start, length) in enumerate(zip(starts, lengths, strict=True))
    ]
    join_results(parts, out=folder / "joined.json")
    whole = write(folder / "whole.json", range(sum(lengths)))
    assert (folder / "joined.json").read_bytes() == whole.read_bytes()


def test_missing_part_is_worded(tmp_path):
    with pytest.raises(OutputError, match=r"joined\.json must be writable, got: No such file"):
        join_results([tmp_path / "none.json"], out=tmp_path / "joined.json")
