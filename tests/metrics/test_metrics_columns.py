import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.metrics.columns import BLOCK_FRAMES, Column, Columns, Spill


def filled(values: dict[str, np.ndarray]) -> Columns:
    columns = Columns()
    for row in zip(*values.values(), strict=True):
        columns.append(dict(zip(values, row, strict=True)))
    return columns


def random_values(seed: int, n_frames: int) -> dict[str, np.ndarray]:
    """Three columns: full, half undefined, undefined but for the end."""
    values = np.random.default_rng(seed).random((3, n_frames))
    values[1, ::2] = np.nan
    values[2, : n_frames * 3 // 4] = np.nan
    return dict(zip("abc", values, strict=True))


@settings(max_examples=25, deadline=None)
@given(n_frames=st.integers(0, 3 * BLOCK_FRAMES), seed=st.integers(0, 99))
def test_what_goes_in_comes_out_bit_for_bit(n_frames, seed):
    values = random_values(seed, n_frames)
    columns = filled(values)
    assert len(columns) == n_frames
    for name, column in values.items():
        assert np.array_equal(columns.of(name), column, equal_nan=True)
        assert Column(columns, name) == [None if np.isnan(x) else x for x in column]
    assert np.isnan(columns.of("never")).all()


@pytest.mark.parametrize("n_frames", [0, 1, BLOCK_FRAMES - 1, BLOCK_FRAMES, BLOCK_FRAMES + 1])
def test_a_column_reads_like_a_list(n_frames):
    values = random_values(3, n_frames)["b"]
    column = Column(filled({"b": values}), "b")
    as_list = [None if np.isnan(x) else x for x in values.tolist()]
    assert list(column) == as_list == column
    assert (len(column), repr(column)) == (n_frames, repr(as_list))
    assert column[5:9] == as_list[5:9]
    assert column[::-7] == as_list[::-7]
    with pytest.raises(IndexError):
        column[n_frames]
    if n_frames:
        assert (column[-1], column[0]) == (as_list[-1], as_list[0])
        assert column != as_list[:-1]
    assert column != 5


def test_a_column_stays_as_it_was_when_more_comes():
    columns = filled({"a": np.arange(BLOCK_FRAMES - 1)})
    before = Column(columns, "a", number=int)
    for _ in range(BLOCK_FRAMES):
        columns.append({"a": -1.0})
    assert before == list(range(BLOCK_FRAMES - 1))
    assert {type(value) for value in before} == {int}


def test_copies_are_independent():
    columns = filled(random_values(4, 2 * BLOCK_FRAMES + 3))
    for again in (copy.deepcopy(columns), pickle.loads(pickle.dumps(columns))):
        assert np.array_equal(again.of("a"), columns.of("a"))
        for _ in range(BLOCK_FRAMES):
            again.append({"a": -1.0})
        assert len(columns) == 2 * BLOCK_FRAMES + 3
        assert (columns.of("a") >= 0).all()
        assert np.array_equal(again.of("b")[: len(columns)], columns.of("b"), equal_nan=True)


def test_spilled_bytes_come_in_pieces():
    spill = Spill()
    assert list(spill.pieces(0)) == []
    parts = [bytes([number]) * 700_000 for number in range(3)]
    assert [spill.write(part) for part in parts] == [0, 700_000, 1_400_000]
    assert spill.read(699_999, 2) == b"\0\1"
    assert b"".join(spill.pieces(0)) == b"".join(parts)
    assert max(map(len, spill.pieces(0))) < 1_400_000
