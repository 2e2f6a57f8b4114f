"""Public sets from a server of our own: broken lines, wrong files, traps in archives, what is left behind."""

import hashlib
import io
import json
import os
import stat
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from range_server import Site, serve

from vidlab import cli
from vidlab.errors import OutputError, ParameterError, SourceError
from vidlab.jobs import public_sets, unpacking
from vidlab.jobs.downloading import PartialDownload
from vidlab.jobs.fetch import NOTICE, RECORD, choose_sources, fetch
from vidlab.jobs.progress import silent
from vidlab.jobs.public_sets import SETS, Archive, PublicSet
from vidlab.jobs.unpacking import unpack
from vidlab.params import FetchParams

QUICK = FetchParams(network_timeout_s=5, attempts=3)
NOISE = np.random.default_rng(3).integers(0, 256, 700_000, np.uint8).tobytes()
INSIDE = {"DAVIS/JPEGImages/dog/00000.jpg": NOISE, "DAVIS/README.md": b"read me"}


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


ZIP = zipped(INSIDE)


@contextmanager
def no_bar(task: str):
    yield silent


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve(Site({"toy.zip": ZIP})) as site:
        yield site


@pytest.fixture
def toy(site, monkeypatch):
    """A data set of one archive at our own server, with a known hash."""
    archive = Archive("toy.zip", site.url + "toy.zip", hashlib.sha256(ZIP).hexdigest(), len(ZIP))
    return offer(monkeypatch, archive)


def offer(monkeypatch, *archives: Archive) -> PublicSet:
    offered = PublicSet("toy", "Toys", "https://example.org", "CC BY 4.0.", "Nobody, 2026.", archives)
    monkeypatch.setitem(public_sets.SETS, "toy", offered)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return offered


def get(to: Path, **options) -> object:
    return fetch("toy", to=to, params=QUICK, bar=no_bar, **options)


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_set_is_unpacked_with_licence_and_record_and_nothing_else_is_left(tmp_path, toy):
    result = get(tmp_path)
    assert listing(tmp_path) == sorted(f"toy/{name}" for name in (*INSIDE, NOTICE, RECORD))
    assert (tmp_path / "toy" / "DAVIS/JPEGImages/dog/00000.jpg").read_bytes() == NOISE
    assert "CC BY 4.0." in (tmp_path / "toy" / NOTICE).read_text()
    (archive,) = json.loads((tmp_path / "toy" / RECORD).read_text())["archives"]
    assert archive["sha256"] == hashlib.sha256(ZIP).hexdigest() == result.hashes["toy.zip"]
    assert (archive["bytes"], archive["from"]) == (len(ZIP), toy.archives[0].url)
    assert result.n_files == 2


def test_second_fetch_asks_nobody(tmp_path, toy, site):
    get(tmp_path)
    again = get(tmp_path)
    assert len(site.asked) == 1
    assert (again.n_files, list(again.hashes)) == (0, ["toy.zip"])
    get(tmp_path, force=True)
    assert len(site.asked) == 2


# ── lines that break ────────────────────────────────────────────────────────────────────────────────────────
def test_cut_line_is_gone_on_with_from_the_last_byte(tmp_path, toy, site):
    site.cuts = [100_000, 250_000]
    get(tmp_path)
    assert site.asked == ["", "bytes=100000-", "bytes=350000-"]
    assert (tmp_path / "toy" / "DAVIS/README.md").is_file()


def test_lines_that_always_break_give_up_with_a_way_on_and_the_next_fetch_goes_on(tmp_path, toy, site):
    site.cuts = [300_000, 0, 0]
    with pytest.raises(
        SourceError, match=r"toy.zip cannot be had from http.*: the line broke after 300000 of"
    ):
        get(tmp_path)
    assert len(site.asked) == 3
    assert listing(tmp_path) == [".toy.download/.toy.zip.part", ".toy.download/.toy.zip.part.json"]
    site.asked.clear()
    get(tmp_path)
    assert site.asked == ["bytes=300000-"]
    assert "toy/DAVIS/README.md" in listing(tmp_path)


def test_giving_up_names_what_is_kept_and_the_way_on(tmp_path, toy, site):
    site.cuts = [300_000, 0, 0]
    with pytest.raises(
        SourceError, match=r"0.3 MB are kept, the same command goes on there; or give --from URL\|FILE$"
    ):
        get(tmp_path)


def test_gain_renews_patience(tmp_path, toy, site):
    site.cuts = [50_000] * 8  # more breaks than attempts, each with a gain
    get(tmp_path)
    assert len(site.asked) == 9


def test_server_without_ranges_sends_all_again(tmp_path, toy, site):
    site.ranges, site.cuts = False, [100_000]
    get(tmp_path)
    assert site.asked == ["", "bytes=100000-"]
    assert (tmp_path / "toy" / "DAVIS/JPEGImages/dog/00000.jpg").read_bytes() == NOISE


def test_file_that_changed_between_attempts_is_not_sewn_together(tmp_path, toy, site, monkeypatch):
    site.files["toy.zip"] = b"x" * len(ZIP)
    site.cuts = [100_000]

    def change(seconds: float) -> None:
        site.files["toy.zip"], site.version = ZIP, '"two"'

    monkeypatch.setattr("time.sleep", change)
    get(tmp_path)
    assert site.asked == ["", "bytes=100000-"]


def test_part_that_was_whole_already_is_taken(tmp_path, site):
    bring = downloader(tmp_path)
    (tmp_path / ".toy.zip.part").write_bytes(ZIP)
    note = {"url": site.url + "toy.zip", "version": site.version, "total": len(ZIP)}
    (tmp_path / ".toy.zip.part.json").write_text(json.dumps(note))
    bring(site.url + "toy.zip", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == ZIP
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_part_of_another_address_or_with_a_damaged_note_is_thrown_away(tmp_path, site):
    for text in ('{"url": "http://elsewhere", "version": "", "total": 9}', "no json", '{"odd": 1}'):
        (tmp_path / ".toy.zip.part").write_bytes(b"something else")
        (tmp_path / ".toy.zip.part.json").write_text(text)
        downloader(tmp_path)(site.url + "toy.zip", tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == ZIP
    assert set(site.asked) == {""}


def downloader(folder: Path) -> PartialDownload:
    return PartialDownload(
        folder, name="toy.zip", timeout_s=5, attempts=2, progress=silent, sleep=lambda seconds: None
    )


def test_passing_trouble_of_the_server_is_waited_out(tmp_path, toy, site):
    site.statuses = [503, 429]
    get(tmp_path)
    assert len(site.asked) == 3


def test_file_that_is_not_there_is_asked_for_once(tmp_path, toy, site):
    del site.files["toy.zip"]
    with pytest.raises(
        SourceError, match=r"toy.zip cannot be had from http.*: 404 Not Found; or give --from URL\|FILE$"
    ):
        get(tmp_path)
    assert len(site.asked) == 1


def test_no_network_is_one_sentence(tmp_path, monkeypatch):
    offer(monkeypatch, Archive("toy.zip", "http://no-such-host.invalid/toy.zip"))
    with pytest.raises(
        SourceError,
        match=r"toy.zip cannot be had from http://no-such-host.invalid/toy.zip: .+ or give --from",
    ):
        get(tmp_path)


def test_refused_connection_is_one_sentence(tmp_path, monkeypatch):
    with serve(Site({})) as gone:
        address = gone.url
    offer(monkeypatch, Archive("toy.zip", address + "toy.zip"))
    with pytest.raises(SourceError, match=r"[Rr]efused; or give --from"):
        get(tmp_path)


def test_full_disk_is_said_before_the_download(tmp_path, toy, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("vidlab.jobs.downloading.shutil.disk_usage", lambda path: usage)
    with pytest.raises(OutputError, match=r"must have room for 0.00 GB of toy.zip, got 0.00 GB free"):
        get(tmp_path)


# ── files that are not what they should be ──────────────────────────────────────────────────────────────────
def test_wrong_hash_is_refused_and_not_kept(tmp_path, toy, site):
    site.files["toy.zip"] = zipped({"other": b"thing"})
    with pytest.raises(SourceError, match=r"toy.zip must have the SHA-256 \w{64}, got another one from http"):
        get(tmp_path)
    assert listing(tmp_path) == []
    site.files["toy.zip"] = ZIP
    get(tmp_path)


def test_unknown_hash_is_said_and_the_archive_still_checked(tmp_path, site, monkeypatch, caplog):
    offer(monkeypatch, Archive("toy.zip", site.url + "toy.zip"))
    site.files["toy.zip"] = ZIP[: len(ZIP) // 2] + b"damage" + ZIP[len(ZIP) // 2 + 6 :]
    with (
        caplog.at_level("INFO"),
        pytest.raises(SourceError, match=r"must be a whole ZIP file, got .*Bad CRC-32"),
    ):
        get(tmp_path)
    assert "hash not known: size and archive integrity are checked" in caplog.text
    assert not (tmp_path / "toy").exists()


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil", "C:/evil"])
def test_names_that_lead_out_of_the_folder_are_refused_before_anything_is_written(tmp_path, name):
    archive = tmp_path / "trap.zip"
    archive.write_bytes(zipped({"good": b"1", name: b"2"}))
    into = tmp_path / "deep" / "into"
    into.mkdir(parents=True)
    with pytest.raises(SourceError, match=r"must keep to its folder, got .*trap.zip"):
        unpack(archive, into, progress=silent)
    assert listing(tmp_path) == ["trap.zip"]


def test_links_in_archives_are_refused(tmp_path):
    link = zipfile.ZipInfo("passwords")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "trap.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    (tmp_path / "into").mkdir()
    with pytest.raises(SourceError, match="with the link or device 'passwords'"):
        unpack(tmp_path / "trap.zip", tmp_path / "into", progress=silent)


def test_archive_larger_than_the_disk_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.zip").write_bytes(ZIP)
    (tmp_path / "into").mkdir()
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(OutputError, match=r"must have room for 0.00 GB of a.zip"):
        unpack(tmp_path / "a.zip", tmp_path / "into", progress=silent)


def test_other_file_is_no_archive(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"<html>moved</html>")
    (tmp_path / "into").mkdir()
    with pytest.raises(SourceError, match=r"must be a whole ZIP file, got .*a.zip: File is not a zip file"):
        unpack(tmp_path / "a.zip", tmp_path / "into", progress=silent)


# ── RAR, by whatever program is there ───────────────────────────────────────────────────────────────────────
FAKE = """#!{python}
import pathlib, sys
names = {names!r}
if "-tf" in sys.argv:
    print("\\n".join(names))
else:
    into = pathlib.Path(sys.argv[-1])
    for name in names:
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        (into / name).symlink_to("/etc") if name.startswith("link") else (into / name).write_text(name)
sys.exit({code})
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def fake_bsdtar(folder: Path, *names: str, code: int = 0) -> None:
    program = folder / "bsdtar"
    program.write_text(FAKE.format(python=sys.executable, names=list(names), code=code))
    program.chmod(0o755)


def rar(tmp_path: Path) -> tuple[Path, Path]:
    archive, into = tmp_path / "UCF101.rar", tmp_path / "into"
    archive.write_bytes(b"Rar!\x1a\x07\x00")
    into.mkdir()
    return archive, into


def test_rar_is_unpacked_by_a_program(tmp_path, programs):
    fake_bsdtar(programs, "UCF-101/Archery/v_1.avi", "UCF-101/Biking/v_2.avi")
    archive, into = rar(tmp_path)
    assert unpack(archive, into, progress=silent) == 2
    assert listing(into) == ["UCF-101/Archery/v_1.avi", "UCF-101/Biking/v_2.avi"]


def test_rar_that_leads_out_or_holds_links_or_is_damaged_is_refused(tmp_path, programs):
    archive, into = rar(tmp_path)
    fake_bsdtar(programs, "good", "../evil")
    with pytest.raises(SourceError, match="must keep to its folder"):
        unpack(archive, into, progress=silent)
    assert listing(into) == []
    fake_bsdtar(programs, "good", code=1)
    with pytest.raises(SourceError, match=r"must be whole, got .*UCF101.rar, of which bsdtar says"):
        unpack(archive, into, progress=silent)
    fake_bsdtar(programs, "link")
    with pytest.raises(SourceError, match="with the link or device 'link'"):
        unpack(archive, into, progress=silent)


def test_missing_program_is_said_before_the_download(tmp_path, programs, site, monkeypatch):
    offer(monkeypatch, Archive("toy.rar", site.url + "toy.rar"))
    with pytest.raises(
        SourceError, match=r"toy.rar is a RAR archive, and to unpack it one of bsdtar, unrar, 7zz, 7z must"
    ):
        get(tmp_path / "data")
    assert site.asked == []
    assert not (tmp_path / "data").exists()


# ── other sources, and the command ──────────────────────────────────────────────────────────────────────────
def test_file_or_folder_or_address_replaces_the_makers(tmp_path, toy, site):
    elsewhere = tmp_path / "downloads"
    elsewhere.mkdir()
    (elsewhere / "toy.zip").write_bytes(ZIP)
    for number, source in enumerate((str(elsewhere / "toy.zip"), str(elsewhere))):
        assert get(tmp_path / str(number), sources=[source]).n_files == 2
    assert site.asked == []
    assert (elsewhere / "toy.zip").is_file()
    assert get(tmp_path / "third", sources=[site.url]).n_files == 2
    assert len(site.asked) == 1


def test_files_of_the_user_are_checked_too(tmp_path, toy):
    (tmp_path / "mine.zip").write_bytes(zipped({"other": b"thing"}))
    with pytest.raises(SourceError, match=r"got another one in .*mine.zip"):
        get(tmp_path / "data", sources=[str(tmp_path / "mine.zip")])
    with pytest.raises(SourceError, match=r"toy.zip must be a file, got none.zip; check the path"):
        get(tmp_path / "data", sources=["none.zip"])


def test_sources_of_several_archives_go_by_their_names():
    lists, videos = SETS["ucf101"].archives
    chosen = choose_sources(SETS["ucf101"], [f"mirror/{videos.name}"])
    assert chosen == {lists: lists.url, videos: f"mirror/{videos.name}"}
    assert choose_sources(SETS["ucf101"], ["https://a.org/b/"]) == {
        each: f"https://a.org/b/{each.name}" for each in (lists, videos)
    }
    with pytest.raises(
        ParameterError, match=r"a source of ucf101 must end in UCF101Train.*zip or UCF101.rar, got x.zip"
    ):
        choose_sources(SETS["ucf101"], ["x.zip"])


def test_someone_elses_folder_is_not_touched(tmp_path, toy, site):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "mine.txt").touch()
    with pytest.raises(OutputError, match="is not empty"):
        get(tmp_path)
    assert site.asked == []


def test_downloads_are_kept_where_asked(tmp_path, toy):
    get(tmp_path, keep_archives=True)
    assert (tmp_path / ".toy.download" / "toy.zip").read_bytes() == ZIP


@pytest.mark.parametrize("offered", SETS.values(), ids=lambda offered: offered.name)
def test_every_set_says_its_licence_and_what_is_checked(offered):
    assert offered.licence.endswith(".")
    assert offered.cite
    for archive in offered.archives:
        assert archive.url.startswith("https://")
        assert archive.url.endswith(archive.name)
        known = archive.sha256 is not None
        assert ("hash not known" in archive.check) != known
        assert not known or len(bytes.fromhex(archive.sha256)) == 32


def test_command_shows_the_licence_first_and_where_the_data_are(tmp_path, toy, capsys):
    assert cli.main(["fetch", "toy", "--to", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.index("CC BY 4.0.") < out.index("2 files") < out.index(str(tmp_path / "toy"))


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("imagenet",), 2, "unknown data set 'imagenet'; choose from: ucf101, davis2016, davis2017"),
        (("davis2016", "--attempts", "0"), 2, "attempts must lie in [1, 100], got 0"),
        (
            ("davis2016", "--from", "none.zip"),
            1,
            "DAVIS-data.zip must be a file, got none.zip; check the path",
        ),
    ],
)
def test_wrong_commands_are_one_sentence(tmp_path, monkeypatch, capsys, words, code, sentence):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["fetch", *words, "--to", "data"]) == code
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1
    assert os.listdir(tmp_path) == []
