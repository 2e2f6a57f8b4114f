"""Files that are no: wrong, damaged, hostile or too large ones get a sentence, and leave nothing behind."""

import io
import socket
import struct
import zipfile
import zlib

import httpx
import pytest
from conftest import REAL, needs_real
from tiny_clip import make_clip
from web_server import detection, refused, serving

from vidlab.params import WebParams
from vidlab.web.probe import UPLOAD, look
from vidlab.web.sniff import CONTAINERS
from vidlab.web.uploads import shown_name

NASTY = {  # what becomes of each: frames, or status and a part of the sentence
    "derived_nasty_bitflip.mp4": 31,
    "nasty_1x1_444.mp4": 5,
    "nasty_audio_only.mp4": (422, "holds only audio"),
    "nasty_corrupt_midstream.mp4": 50,
    "nasty_editlist_discard.mp4": 25,
    "nasty_empty.webm": (422, "which is empty"),
    "nasty_no_moov.mp4": (422, "its index (moov) is missing"),
    "nasty_nonzero_start.mp4": 12,
    "nasty_single_frame.mp4": 1,
    "nasty_vfr_sparse.avi": 3,
}
LIMITS = {
    "max_upload_mb": 2, "max_unpacked_mb": 1, "max_side_px": 1280, "max_length_s": 100, "max_frames": 100,
}  # fmt: skip
FORM = "multipart/form-data; boundary=x"
NOT_VIDEOS = {
    "text": b"hello " * 1000,
    "html": b"<html><script>alert(1)</script></html>",
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "concat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "png": b"\x89PNG\r\n\x1a\n" + bytes(1000),
    "elf": b"\x7fELF" + bytes(1000),
    "zip": b"PK\x03\x04" + bytes(1000),
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("web") / "home", **LIMITS) as running:
        yield running


@pytest.fixture
def visitor(server):
    """A visitor; whatever is refused leaves nothing on the disk."""
    yield server.visitor
    assert not list((server.home / "incoming").iterdir())
    for folder in (server.home / "uploads").iterdir():
        assert server.visitor.get(f"/api/upload/{folder.name}").status_code == 200


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────
@needs_real
@pytest.mark.parametrize("name", NASTY)
def test_nasty_file_is_taken_or_refused_in_a_sentence(visitor, name):
    answer = visitor.send((REAL / "nasty" / name).read_bytes(), name=name)
    expected = NASTY[name]
    if isinstance(expected, int):
        assert visitor.found(answer, 201)["n_frames"] == expected
    else:
        said = refused(answer, expected[0])
        assert expected[1] in said
        assert name in said


@needs_real
def test_every_nasty_file_is_in_the_list():
    assert {path.name for path in (REAL / "nasty").iterdir()} == set(NASTY)


def looked_into(folder, content, *, name, kind="video"):
    """What looking into a file finds, in this process: each process of its own takes half a second."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / UPLOAD).write_bytes(content)
    found = look(folder, kind=kind, name=name, params=WebParams(**LIMITS))
    for word in (str(folder), UPLOAD, "\n"):
        assert word not in found.get("error", "")
    return found


def test_playlist_that_calls_itself_a_video_opens_no_other_file(visitor):
    said = refused(visitor.send(NOT_VIDEOS["playlist"], name="clip.mp4"), 415)
    assert said == f"a video must be {CONTAINERS}, got clip.mp4"


@pytest.mark.parametrize("content", NOT_VIDEOS.values(), ids=NOT_VIDEOS)
def test_what_is_no_video_is_refused_by_its_first_bytes(tmp_path, content):
    said = looked_into(tmp_path, content, name="clip.mp4")
    assert said == {"status": 415, "error": f"a video must be {CONTAINERS}, got clip.mp4"}


@pytest.mark.parametrize(
    "start", [b"\x00\x00\x00\x18ftypmp42", b"\x1a\x45\xdf\xa3", b"RIFF\x00\x00\x00\x00AVI ", b"GIF89a"]
)
def test_video_by_its_first_bytes_only_is_refused_by_looking_into_it(tmp_path, start):
    said = looked_into(tmp_path, start + bytes(2000), name="clip.mp4")
    assert said["status"] == 422
    assert "clip.mp4" in said["error"]


@needs_real
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ompf_ferrari_1080p.mp4", "1280 pixels a side, got 1920×1080"),
        ("intel_car_detection.mp4", "a file may have 2 MB"),
        ("tc_nasa_13013.mp4", "100 frames, got 325 in tc_nasa_13013.mp4"),
    ],
)
def test_video_beyond_a_limit_is_refused(visitor, name, said):
    assert said in refused(visitor.send((REAL / "clips" / name).read_bytes(), name=name), 413)


def test_size_that_is_declared_is_refused_before_it_comes(server):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as line:
        head = f"POST /api/upload HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {FORM}\r\n"
        line.sendall(f"{head}Content-Length: {10**15}\r\n\r\n--x\r\n".encode())
        answer = line.makefile("rb").read()  # to its end: the line is closed
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"a file may have 2 MB" in answer


def test_size_that_is_not_declared_is_refused_while_it_comes(server):
    def body():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
        yield from (bytes(100_000) for _ in range(30))
        yield b"\r\n--x--\r\n"

    answer = httpx.post(
        f"{server.url}/api/upload",
        content=body(),
        headers={"Content-Type": FORM},
    )
    assert "a file may have 2 MB" in refused(answer, 413)


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"", "application/json", 415),
        (b"{}", "application/json", 415),
        (b"x", "multipart/form-data", 415),
        (b"x", FORM, 400),
        (b"--x--\r\n", FORM, 400),
        (
            b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nhi\r\n--x--\r\n',
            FORM,
            400,
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
            FORM,
            400,
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\n' + bytes(70_000),
            FORM,
            400,
        ),
    ],
)
def test_body_that_holds_no_file_is_refused(visitor, content, kind, code):
    refused(visitor.request("POST", "/api/upload", content=content, headers={"Content-Type": kind}), code)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("../../../etc/cron.d/evil.mp4", "evil.mp4"), ("кот на ковре.mp4", "кот на ковре.mp4")],
)
def test_names_are_shown_and_never_become_paths(visitor, server, clip, name, shown):
    upload = visitor.found(visitor.send(clip.video.read_bytes(), name=name), 201)
    assert upload["name"] == shown
    assert [path.name for path in (server.home / "uploads" / upload["upload_id"]).iterdir()] == ["video"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("..\\..\\evil.mp4", "evil.mp4"),
        ("/etc/passwd", "passwd"),
        ("a" * 500 + ".mp4", "a" * 116 + ".mp4"),
        ("..", "upload"),
        ("", "upload"),
        ("line\nbreak\x1b[31m.mp4", "linebreak[31m.mp4"),
        ("x;rm -rf $HOME`ls`.mp4", "x;rm -rf $HOME`ls`.mp4"),
        ("<img src=x>.mp4", "<img src=x>.mp4"),
    ],
)
def test_name_is_the_last_part_of_what_was_given(name, shown):
    assert shown_name(name) == shown


# ── masks ───────────────────────────────────────────────────────────────────────────────────────────────────
def png(width, height):
    """The start of a PNG that claims to be of some size."""
    header = struct.pack(">II5B", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def archive(entries, compression=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as made:
        for name, data in entries:
            made.writestr(name, data)
    return content.getvalue()


def link():
    entry = zipfile.ZipInfo("00000.png")
    entry.external_attr = 0o120777 << 16
    return entry


BAD_ZIPS = {
    "traversal": ([("../../00000.png", png(8, 8))], 422, "must lie inside it"),
    "backslash": ([("..\\..\\00000.png", png(8, 8))], 422, "must lie inside it"),
    "absolute": ([("/etc/00000.png", png(8, 8))], 422, "must lie inside it"),
    "link": ([(link(), b"/etc/passwd")], 422, "no links"),
    "program": ([("00000.png", png(8, 8)), ("run.sh", b"rm -rf /")], 422, "PNGs with frame numbers"),
    "text": ([("00000.png", b"hello")], 422, "something else"),
    "empty mask": ([("00000.png", b"")], 422, "which is empty"),
    "nothing": ([], 422, "got none"),
    "no number": ([("mask.png", png(8, 8))], 422, "PNGs with frame numbers"),
    "number twice": ([("a1.png", png(8, 8)), ("b1.png", png(8, 8))], 422, "two of number 1"),
    "two folders": ([("a/1.png", png(8, 8)), ("b/2.png", png(8, 8))], 422, "one folder"),
    "gap": ([("0.png", png(8, 8)), ("2.png", png(8, 8))], 422, "none for number 1"),
    "huge picture": ([("0.png", png(60_000, 60_000))], 413, "1280 pixels a side, got 60000×60000"),
    "truncated": ([("0.png", png(8, 8))], 422, ""),
    "too many": ([(f"{number}.png", png(8, 8)) for number in range(101)], 413, "100 frames"),
}  # fmt: skip


@pytest.mark.parametrize(("entries", "code", "said"), BAD_ZIPS.values(), ids=BAD_ZIPS)
def test_bad_zip_of_masks_is_refused(tmp_path, entries, code, said):
    found = looked_into(tmp_path / "inside" / "it", archive(entries), name="masks.zip", kind="masks")
    assert found["status"] == code
    assert said in found["error"]
    assert not [path for path in tmp_path.rglob("*.png") if path.parent.parent != tmp_path / "inside" / "it"]


def test_zip_bomb_is_refused_whatever_it_declares(visitor):
    bomb = archive([("0.png", png(8, 8) + bytes(5_000_000))], zipfile.ZIP_DEFLATED)
    assert len(bomb) < 10_000
    assert "1 MB of masks" in refused(visitor.send(bomb, name="masks.zip", kind="masks"), 413)
    lying = bomb.replace(struct.pack("<I", 5_000_000 + len(png(8, 8))), struct.pack("<I", 100))
    assert lying != bomb
    refused(visitor.send(lying, name="masks.zip", kind="masks"), 422)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"[", 422),
        (b"[]", 422),
        (b"{}", 422),
        (b"[" * 100_000, 422),
        (b'[{"image_id": 0}]', 422),
        (detection(0, [99999, 99999], [99999**2]), 422),
        (detection(0, [5000, 5000], [5000**2]), 413),
        (detection(10**12, [48, 80], [3840]), 413),
        (detection(0, [48, 80], [10**15]), 422),
        (b"\x00\x01\x02", 415),
        (b"hello", 415),
    ],
)
def test_bad_json_of_masks_is_refused(tmp_path, content, code):
    assert looked_into(tmp_path, content, name="masks.json", kind="masks")["status"] == code


def test_bad_masks_are_refused_over_http_as_well(visitor):
    said = refused(visitor.send(b"[" * 100_000, name="masks.json", kind="masks"), 422)
    assert "masks.json" in said
    traversal = archive(BAD_ZIPS["traversal"][0])
    assert "inside it" in refused(visitor.send(traversal, name="masks.zip", kind="masks"), 422)
