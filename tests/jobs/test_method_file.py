"""A method and its tunables in a file."""

import json

import pytest

from vidlab.errors import ParameterError, SourceError
from vidlab.jobs.method_file import read_method, write_method
from vidlab.params import METHODS, method_params


@pytest.mark.parametrize("method", METHODS)
def test_what_was_written_is_read(tmp_path, method):
    params = method_params(method, ["track_iou=0.4"])
    write_method(tmp_path / "best.json", params, facts={"note": ["a gain"]})
    assert read_method(tmp_path / "best.json") == params
    content = json.loads((tmp_path / "best.json").read_text("utf-8"))
    assert content["method"] == method
    assert content["note"] == ["a gain"]


def test_a_setting_wins_over_the_file(tmp_path):
    path = tmp_path / "best.json"
    write_method(path, method_params("gaussian", ["sigma=2", "window=7"]))
    assert read_method(path, settings=["sigma=3"]) == method_params("gaussian", ["sigma=3", "window=7"])
    assert read_method(path, settings=["sigma=1.5"]).sigma == 1.5  # its default, said aloud
    with pytest.raises(ParameterError, match=r"sigma must lie in \(0, 10\], got 90"):
        read_method(path, settings=["sigma=90"])


def test_what_a_file_leaves_out_has_its_default(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"method": "flow_fusion", "params": {"memory": 0.6}}')
    assert read_method(path) == method_params("flow_fusion", ["memory=0.6"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no JSON", "must be JSON as vidlab tune writes it"),
        ("[1]", "must name a method and its params, got neither"),
        ('{"method": "median"}', "must name a method and its params, got neither"),
        ('{"method": ["median"], "params": {}}', "must name a method and its params, got neither"),
        ('{"method": "median", "params": 3}', "must name a method and its params, got neither"),
        ('{"method": "magic", "params": {}}', "are of no use here: unknown method 'magic'"),
        (
            '{"method": "median", "params": {"window": 4}}',
            "are of no use here: window must be one of 3, 5, 7, 9",
        ),
        ('{"method": "median", "params": {"size": 4}}', "are of no use here: unknown setting 'size'"),
    ],
)
def test_another_content_is_told_in_one_line(tmp_path, text, sentence):
    path = tmp_path / "best.json"
    path.write_text(text)
    with pytest.raises(SourceError, match=sentence) as caught:
        read_method(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SourceError, match=r"parameters cannot be read from .*: No such file"):
        read_method(tmp_path / "best.json")
