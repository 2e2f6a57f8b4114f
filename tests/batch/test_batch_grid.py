"""A grid of notebook parameters: every combination, and refusals before anything starts."""

import pytest

from vidlab.batch.grid import MAX_POINTS, read_grid
from vidlab.errors import ParameterError, SourceError

DEFAULTS = {
    "video": "x.mp4",
    "method": "median",
    "n": 1,
    "rate": 0.5,
    "quick": False,
    "sizes": [1],
    "weights": None,
}


def read(tmp_path, text: str):
    (tmp_path / "grid.yaml").write_text(text)
    return read_grid(tmp_path / "grid.yaml", DEFAULTS)


def test_every_combination_the_last_name_fastest(tmp_path):
    assert read(tmp_path, "method: [median, none]\nn: [1, 2]\nquick: true") == [
        {"method": "median", "n": 1, "quick": True},
        {"method": "median", "n": 2, "quick": True},
        {"method": "none", "n": 1, "quick": True},
        {"method": "none", "n": 2, "quick": True},
    ]


def test_whole_numbers_fit_reals_and_lists_stand_in_lists(tmp_path):
    (point,) = read(tmp_path, "rate: 2\nsizes: [[1, 2]]\nweights: [file.pt]")
    assert point == {"rate": 2.0, "sizes": [1, 2], "weights": "file.pt"}
    assert type(point["rate"]) is float


def test_videos_set_the_parameter_video(tmp_path):
    (tmp_path / "clips").mkdir()
    for name in ("b.mp4", "a.mp4"):
        (tmp_path / "clips" / name).touch()
    found = read(tmp_path, "videos: clips\nn: [1]")
    assert [point["video"] for point in found] == [
        str(tmp_path / "clips" / name) for name in ("a.mp4", "b.mp4")
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("speed: [1]", "unknown notebook parameter 'speed' in .*; choose from: video, method, n"),
        ("n: [1, two]", "n in .* must be of type int, got 'two'"),
        ("quick: [1]", "quick in .* must be of type bool, got 1"),
        ("sizes: [1, 2]", "sizes in .* must be of type list, got 1; a value that is a list stands in a list"),
        ("n: []", f"a grid must have 1 to {MAX_POINTS} combinations, got 0"),
        ("video: [a]\nvideos: b", "videos must be named once, got both video and videos"),
    ],
)
def test_what_does_not_fit_the_notebook_is_refused(tmp_path, text, sentence):
    with pytest.raises(ParameterError, match=sentence):
        read(tmp_path, text)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "", "videos: none"])
def test_what_is_no_grid_is_refused(tmp_path, text):
    with pytest.raises(SourceError, match=r"grid\.yaml|got none in"):
        read(tmp_path, text)


def test_absent_grid_is_refused(tmp_path):
    with pytest.raises(SourceError, match="which is not there"):
        read_grid(tmp_path / "none.yaml", DEFAULTS)
