"""`vidlab lint-timing`: what it prints, and its exit codes."""

import subprocess
import sys

import pytest

from vidlab import cli

WRONG = "import time\nm = Net().cuda()\nt = time.time()\nm(1)\nprint(time.time() - t)\n"
RIGHT = WRONG.replace("m(1)", "m(1).cpu()")


def run(capsys, *words: object) -> tuple[int, str, str]:
    code = cli.main(["lint-timing", *map(str, words)])
    got = capsys.readouterr()
    return code, got.out, got.err


@pytest.fixture
def files(tmp_path):
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "wrong.py").write_text(WRONG)
    return tmp_path


def test_findings_are_printed_with_file_and_line_and_exit_1(capsys, files):
    code, out, err = run(capsys, files / "wrong.py", files / "right.py")
    assert (code, err) == (1, "")
    first, last = out.splitlines()
    assert first.startswith(f"{files / 'wrong.py'}:5: time.time() stops before the device is done with m(1)")
    assert last == "1 clock to mend in 2 files"


def test_clean_files_exit_0(capsys, files):
    assert run(capsys, files / "right.py") == (0, "0 clocks to mend in 1 file\n", "")


def test_folders_are_searched_without_hidden_ones(capsys, files):
    code, out, _ = run(capsys, files)
    assert code == 1
    assert out.endswith("1 clock to mend in 2 files\n")


def test_unreadable_files_are_named_and_the_others_still_read(capsys, files):
    code, out, err = run(capsys, files / "none.py", files / "wrong.py")
    assert code == 1
    assert err == f"error: {files / 'none.py'} cannot be read: No such file or directory\n"
    assert "1 clock to mend in 1 file" in out


def test_no_files_is_a_wrong_command(capsys):
    code, _, err = run(capsys)
    assert code == 2
    assert "required: FILE" in err


def test_help_explains_and_loads_nothing_heavy():
    script = (
        "import sys; from vidlab import cli\n"
        "for command in ('lint-timing', 'profile'): cli.main([command, '--help'])\n"
        "print(sorted({'torch', 'cv2', 'matplotlib', 'scipy', 'av'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "usage: vidlab lint-timing" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
