import errno
from pathlib import Path

import pytest

from vidlab.errors import OutputError
from vidlab.jobs.output import result_file, result_folder


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def write(out: Path, text: str, *, force: bool = False, inputs: tuple[Path, ...] = ()) -> None:
    with result_folder(out, force=force, inputs=inputs) as folder:
        (folder / "result.txt").write_text(text)


def test_result_appears_only_when_complete(tmp_path):
    out = tmp_path / "out"
    with result_folder(out, force=False, inputs=[]) as folder:
        (folder / "result.txt").write_text("new")
        assert folder.parent == out.parent
        assert folder.name.startswith(".out.partial-")
        assert not out.exists()
    assert listing(tmp_path) == ["out", "out/result.txt"]


@pytest.mark.parametrize("trouble", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_failed_run_leaves_nothing(tmp_path, trouble):
    def fail() -> None:
        with result_folder(tmp_path / "runs" / "deep" / "out", force=False, inputs=[]) as folder:
            (folder / "result.txt").write_text("half")
            raise trouble

    with pytest.raises(trouble):
        fail()
    assert listing(tmp_path) == []


def test_empty_folder_is_taken(tmp_path):
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", "new")
    assert listing(tmp_path) == ["out", "out/result.txt"]


def test_full_folder_is_kept_without_force(tmp_path):
    write(tmp_path / "out", "old")
    with pytest.raises(OutputError, match="is not empty; choose another folder or add --force"):
        write(tmp_path / "out", "new")
    assert (tmp_path / "out" / "result.txt").read_text() == "old"


def test_force_replaces_only_after_success(tmp_path):
    out = tmp_path / "out"
    write(out, "old")
    (out / "stale.txt").touch()

    def fail() -> None:
        with result_folder(out, force=True, inputs=[]):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert listing(out) == ["result.txt", "stale.txt"]
    write(out, "new", force=True)
    assert listing(tmp_path) == ["out", "out/result.txt"]
    assert (out / "result.txt").read_text() == "new"


def test_link_to_a_folder_stays_a_link(tmp_path):
    write(tmp_path / "real", "old")
    (tmp_path / "out").symlink_to(tmp_path / "real")
    write(tmp_path / "out", "new", force=True)
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "real" / "result.txt").read_text() == "new"


def test_file_is_never_replaced_by_a_folder(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="must be a folder, got the file"):
        write(tmp_path / "out", "new", force=True)
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("out", ["frames", "frames/out", ".", "frames/../frames"])
def test_result_never_touches_an_input(tmp_path, out):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "0.png").touch()
    with pytest.raises(OutputError, match="must not touch what is read"):
        write(tmp_path / out, "new", force=True, inputs=(tmp_path / "frames",))
    assert listing(tmp_path) == ["frames", "frames/0.png"]


def test_result_beside_an_input_file_is_fine(tmp_path):
    (tmp_path / "clip.mp4").touch()
    write(tmp_path / "out", "new", inputs=(tmp_path / "clip.mp4",))
    assert (tmp_path / "out" / "result.txt").is_file()


def test_current_folder_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="must not replace the current folder"):
        write(Path(), "new", force=True)


def test_full_disk_is_worded(tmp_path):
    def fill() -> None:
        with result_folder(tmp_path / "out", force=False, inputs=[]):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match="cannot be written: no space left on device"):
        fill()
    assert listing(tmp_path) == []


def test_parent_that_is_a_file_is_worded(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written: not a directory"):
        write(tmp_path / "file" / "out", "new")


def test_single_file_appears_only_when_complete(tmp_path):
    out = tmp_path / "runs" / "notebook.ipynb"

    def fail() -> None:
        with result_file(out, force=False) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert listing(tmp_path) == []
    with result_file(out, force=False) as partial:
        partial.write_text("whole")
        assert partial.suffix == ".ipynb"
    with pytest.raises(OutputError, match="already there"), result_file(out, force=False):
        pass
    assert listing(tmp_path) == ["runs", "runs/notebook.ipynb"]
