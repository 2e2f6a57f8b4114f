import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vidlab.errors import OutputError, ParameterError, ShapeError, SourceError
from vidlab.video import write_image
from vidlab.video.flow_files import list_flows, read_flow, read_marks, write_flow

RNG = np.random.default_rng(0)


def field(size_hw=(5, 7), spread_px=30.0) -> np.ndarray:
    return RNG.normal(0, spread_px, (*size_hw, 2)).astype(np.float32)


# ── there and back ──────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("suffix", [".flo", ".npy", ".FLO"])
def test_what_was_written_is_read_bit_for_bit(tmp_path, suffix):
    flow, path = field(), tmp_path / f"a{suffix}"
    write_flow(path, flow)
    found = read_flow(path)
    assert np.array_equal(found.flow, flow)
    assert found.flow.dtype == np.float32
    assert found.valid.all()


def test_kittis_png_keeps_a_64th_of_a_pixel(tmp_path):
    flow, path = field(), tmp_path / "a.png"
    write_flow(path, flow)
    assert np.abs(read_flow(path).flow - flow).max() <= 1 / 128
    exact = np.round(flow * 64) / 64
    write_flow(path, exact)
    assert np.array_equal(read_flow(path).flow, exact)


@pytest.mark.parametrize("suffix", [".flo", ".npy", ".png"])
def test_unknown_pixels_stay_unknown(tmp_path, suffix):
    flow, valid = field(), RNG.random((5, 7)) < 0.7
    flow[0, 0, 1], valid[0, 0] = np.nan, True
    write_flow(tmp_path / f"a{suffix}", flow, valid=valid)
    found = read_flow(tmp_path / f"a{suffix}")
    valid[0, 0] = False
    assert np.array_equal(found.valid, valid)
    assert np.isnan(found.flow[~valid]).all()
    assert np.abs(found.flow - flow)[valid].max() <= 1 / 128


def test_displacements_beyond_kittis_range_are_marked_unknown_not_cut(tmp_path):
    flow = np.float32([[[511, -511], [512, 0], [0, -600], [1, 2]]])
    write_flow(tmp_path / "a.png", flow)
    assert read_flow(tmp_path / "a.png").valid.tolist() == [[True, False, False, True]]


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([".flo", ".npy", ".png"]))
@settings(max_examples=20, deadline=None)
def test_every_size_comes_back(tmp_path_factory, height, width, suffix):
    path, flow = tmp_path_factory.mktemp("flow") / f"a{suffix}", np.zeros((height, width, 2), np.float32)
    write_flow(path, flow)
    assert np.array_equal(read_flow(path).flow, flow)


# ── the formats as published ────────────────────────────────────────────────────────────────────────────────
def test_a_flo_file_is_tag_width_height_and_pairs_row_by_row(tmp_path):
    flow = np.float32([[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]])
    write_flow(tmp_path / "a.flo", flow)
    data = (tmp_path / "a.flo").read_bytes()
    assert struct.unpack("<fii", data[:12]) == (202021.25, 3, 2)
    assert struct.unpack("<12f", data[12:]) == tuple(range(1, 13))


def test_opencv_reads_our_flo_files_and_we_read_its(tmp_path):
    flow = field()
    write_flow(tmp_path / "ours.flo", flow)
    assert np.array_equal(cv2.readOpticalFlow(str(tmp_path / "ours.flo")), flow)
    cv2.writeOpticalFlow(str(tmp_path / "theirs.flo"), flow)
    assert np.array_equal(read_flow(tmp_path / "theirs.flo").flow, flow)


def test_middleburys_unknown_pixels_are_read(tmp_path):
    values = struct.pack("<4f", 1.0, 2.0, 1.666666752e9, 1.666666752e9)
    (tmp_path / "a.flo").write_bytes(b"PIEH" + struct.pack("<ii", 2, 1) + values)
    assert read_flow(tmp_path / "a.flo").valid.tolist() == [[True, False]]


def test_a_kitti_file_holds_x_y_and_validity_in_red_green_and_blue(tmp_path):
    write_flow(tmp_path / "a.png", np.float32([[[1, -2], [0, 0]]]), valid=np.array([[True, False]]))
    blue_green_red = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert blue_green_red.dtype == np.uint16
    assert blue_green_red.tolist() == [[[1, 2**15 - 128, 2**15 + 64], [0, 0, 0]]]


def test_sintels_marks_are_white(tmp_path):
    Image.fromarray(np.uint8([[0, 255, 0]])).save(tmp_path / "a.png")
    assert read_marks(tmp_path / "a.png", size_hw=(1, 3)).tolist() == [[False, True, False]]


def test_flows_of_a_folder_come_by_their_numbers(tmp_path):
    for name in ("frame_0010.flo", "frame_0002.flo", "frame_0001.flo"):
        write_flow(tmp_path / name, field())
    (tmp_path / "flow.json").write_text("{}")
    assert [path.name[6:10] for path in list_flows(tmp_path)] == ["0001", "0002", "0010"]
    kitti = tmp_path / "kitti"
    kitti.mkdir()
    for number in (11, 2, 100):
        write_flow(kitti / f"{number:06d}_10.png", field())
    assert [int(path.name[:6]) for path in list_flows(kitti)] == [2, 11, 100]


# ── sentences ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.flo", b"", "a .flo file must begin with PIEH, got b''"),
        ("a.flo", b"JUNKJUNKJUNK", "must begin with PIEH, got b'JUNK'"),
        ("a.flo", b"PIEH" + struct.pack("<ii", 2, -1), "must declare a size, got 2×-1"),
        ("a.flo", b"PIEH" + struct.pack("<ii", 2**30, 2**30), "must declare a size, got 1073741824×"),
        ("a.flo", b"PIEH" + struct.pack("<ii", 2, 2) + bytes(9), "of 2×2 must hold 44 bytes, got 21"),
        ("a.png", b"", "a KITTI flow must be a 16-bit RGB picture, got no picture"),
        ("a.png", b"text", "a KITTI flow must be a 16-bit RGB picture, got no picture"),
        ("a.npy", b"text", "a flow must be a readable array"),
        ("a.npy", b"", "a flow must be a readable array"),
        ("a.txt", b"", r"a flow must end in .flo, .png, .npy, got"),
    ],
)
def test_what_is_no_flow_is_one_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=sentence) as caught:
        read_flow(tmp_path / name)
    assert name in str(caught.value)


def test_a_flow_in_color_is_no_kitti_flow(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(SourceError, match=r"16-bit RGB picture, got uint8 \(4, 4, 3\) in .*a\.png"):
        read_flow(tmp_path / "a.png")


def test_other_arrays_are_no_flow(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 4)))
    with pytest.raises(SourceError, match=r"must be floats \(H, W, 2\), got float64 \(4, 4\)"):
        read_flow(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.array({"a": 1}, object))
    with pytest.raises(SourceError, match="a flow must be a readable array"):
        read_flow(tmp_path / "b.npy")


def test_missing_files_and_folders_are_told(tmp_path):
    with pytest.raises(SourceError, match="a flow must be a file that exists"):
        read_flow(tmp_path / "a.flo")
    with pytest.raises(SourceError, match="a folder of flows must exist"):
        list_flows(tmp_path / "nowhere")
    with pytest.raises(SourceError, match=r"must hold files of one kind .* got none in"):
        list_flows(tmp_path)
    write_flow(tmp_path / "1.flo", field())
    write_flow(tmp_path / "2.npy", field())
    with pytest.raises(SourceError, match=r"got \.flo and \.npy in"):
        list_flows(tmp_path)
    with pytest.raises(SourceError, match="marks must be a readable picture"):
        read_marks(tmp_path / "no.png", size_hw=(2, 2))


def test_marks_of_another_size_are_refused(tmp_path):
    Image.fromarray(np.zeros((2, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(SourceError, match=r"marks must be of the size \(4, 4\), got \(2, 3\)"):
        read_marks(tmp_path / "a.png", size_hw=(4, 4))


def test_what_cannot_be_written_is_told(tmp_path):
    with pytest.raises(
        ParameterError, match=r"must be written to a name ending in .flo, .png, .npy, got a\.gif"
    ):
        write_flow(Path("a.gif"), field())
    with pytest.raises(ShapeError, match=r"a flow must be float32 \(H, W, 2\), got float32 \(4, 4\)"):
        write_flow(tmp_path / "a.flo", np.zeros((4, 4), np.float32))
    with pytest.raises(ShapeError, match=r"valid must be bool \(5, 7\), got bool \(4, 7\)"):
        write_flow(tmp_path / "a.flo", field(), valid=np.ones((4, 7), bool))
    for suffix in (".flo", ".png", ".npy"):
        with pytest.raises(OutputError, match=r"a flow must be writable, got .*: No such file"):
            write_flow(tmp_path / "nowhere" / f"a{suffix}", field())
