"""The demo says which piece of the repository is missing; the whole of it is run by make demo."""

import pytest

from vidlab import cli
from vidlab.cli import demo


@pytest.mark.parametrize("missing", [demo.VIDEO, demo.TRUTH, demo.NOTEBOOK], ids=str)
def test_missing_piece_is_named(tmp_path, monkeypatch, capsys, missing):
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    for piece in (demo.VIDEO, demo.TRUTH, demo.NOTEBOOK):
        if piece != missing:
            (tmp_path / piece).mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(["demo"]) == 1
    assert f"vidlab: the demo needs {missing} of the repository" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
