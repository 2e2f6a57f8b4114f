"""Optical flow in and out of files: Middlebury's and Sintel's .flo, KITTI's 16-bit PNG, NumPy's .npy."""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from vidlab.errors import OutputError, ParameterError, ShapeError, SourceError
from vidlab.types import BoolMask, Float32Array

FLO_TAG = b"PIEH"  # the float 202021.25: a file written on a machine of another byte order shows it
FLO_HEADER_BYTES = 12
FLO_UNKNOWN = 1e9  # components beyond this are unknown, as in Middlebury's format
FLO_UNKNOWN_VALUE = 1e10
KITTI_STEPS_PER_PX = 64.0
KITTI_ZERO = 2**15
KITTI_MOST_PX = 511.0  # displacements beyond do not fit
MOST_SIDE_PX = 99_999  # a larger number in a header is no size
SUFFIXES = (".flo", ".png", ".npy")
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


@dataclass(frozen=True, slots=True)
class FlowField:
    """A flow with what is known of it.

    Attributes:
        flow: float32 (H, W, 2), pixels, (dx, dy); NaN where it is unknown.
        valid: bool (H, W), where it is known.
    """

    flow: Float32Array
    valid: BoolMask


def read_flow(path: Path) -> FlowField:
    """Read a flow, by the ending of its name: .flo, .png (KITTI's) or .npy, float (H, W, 2).

    Raises:
        SourceError: The file is missing, damaged or of another format.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SourceError(f"a flow must end in {', '.join(SUFFIXES)}, got {path}")
    if not path.is_file():
        raise SourceError(f"a flow must be a file that exists, got {path}; check the path")
    return {".flo": _read_flo, ".png": _read_kitti, ".npy": _read_npy}[suffix](path)


def write_flow(path: Path, flow: Float32Array, *, valid: BoolMask | None = None) -> None:
    """Write a flow, by the ending of the name, so that `read_flow` gives it back; KITTI's to 1/64 px.

    Args:
        path: Name that ends in .flo, .png (KITTI's) or .npy.
        flow: float32 (H, W, 2), pixels, (dx, dy); NaN where it is unknown.
        valid: bool (H, W), where it is known; None where it is finite. In .png, components beyond 511 px do
            not fit and are marked unknown.

    Raises:
        ParameterError: The name ends otherwise.
        ShapeError: Another dtype, rank or size.
        OutputError: The file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ParameterError(f"a flow must be written to a name ending in {', '.join(SUFFIXES)}, got {path}")
    if flow.dtype != np.float32 or flow.ndim != 3 or flow.shape[2] != 2:
        raise ShapeError(f"a flow must be float32 (H, W, 2), got {flow.dtype.name} {flow.shape}")
    known = _both(np.isfinite(flow))
    if valid is not None:
        if valid.dtype != np.bool_ or valid.shape != flow.shape[:2]:
            raise ShapeError(f"valid must be bool {flow.shape[:2]}, got {valid.dtype.name} {valid.shape}")
        known = known & valid
    write = {".flo": _write_flo, ".png": _write_kitti, ".npy": _write_npy}[suffix]
    try:
        write(path, flow, known)
    except OSError as error:
        raise OutputError(f"a flow must be writable, got {path}: {error.strerror or error}") from None


def list_flows(folder: Path) -> list[Path]:
    """List the flows of a folder in the order of the numbers in their names.

    Raises:
        SourceError: There is no such folder, it holds no flows, or flows of several formats.
    """
    return numbered_files(folder, suffixes=SUFFIXES, what="flows")


def numbered_files(folder: Path, *, suffixes: tuple[str, ...], what: str) -> list[Path]:
    """List files in the order of the numbers in their names.

    Raises:
        SourceError: There is no such folder, it holds none, or files with several endings.
    """
    if not folder.is_dir():
        raise SourceError(f"a folder of {what} must exist, got {folder}; check the path")
    files = [p for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith(".")]
    endings = sorted({path.suffix.lower() for path in files})
    if len(endings) != 1:
        found = " and ".join(endings) or "none"
        raise SourceError(f"a folder of {what} must hold files of one kind ({', '.join(suffixes)}), "
                          f"got {found} in {folder}")  # fmt: skip
    return sorted(files, key=lambda path: ([int(n) for n in re.findall(r"[0-9]+", path.stem)], path.name))


def read_marks(path: Path, *, size_hw: tuple[int, int]) -> BoolMask:
    """Read Sintel's marks of occluded or invalid pixels: a gray picture, 255 where marked.

    Returns:
        bool (H, W).

    Raises:
        SourceError: The file is missing, no picture, or of another size.
    """
    try:
        with Image.open(path) as picture:
            marks = np.asarray(picture.convert("L")) > 127
    except UNREADABLE as error:
        raise SourceError(f"marks must be a readable picture, got {path}: {error}") from None
    if marks.shape != size_hw:
        raise SourceError(f"marks must be of the size {size_hw}, got {marks.shape} in {path}")
    return np.asarray(marks, np.bool_)


# ── .flo ────────────────────────────────────────────────────────────────────────────────────────────────────
def _read_flo(path: Path) -> FlowField:
    data = _bytes_of(path)
    if data[:4] != FLO_TAG or len(data) < FLO_HEADER_BYTES:
        raise SourceError(f"a .flo file must begin with PIEH, got {data[:4]!r} in {path}")
    width, height = struct.unpack("<ii", data[4:FLO_HEADER_BYTES])
    if not (0 < width <= MOST_SIDE_PX and 0 < height <= MOST_SIDE_PX):
        raise SourceError(f"a .flo file must declare a size, got {width}×{height} in {path}")
    wanted = FLO_HEADER_BYTES + 8 * width * height
    if len(data) != wanted:
        raise SourceError(
            f"a .flo file of {width}×{height} must hold {wanted} bytes, got {len(data)} in {path}"
        )
    flow = np.frombuffer(data, "<f4", offset=FLO_HEADER_BYTES).reshape(height, width, 2).astype(np.float32)
    with np.errstate(invalid="ignore"):
        return _field(flow, _both(np.abs(flow) <= FLO_UNKNOWN))


def _write_flo(path: Path, flow: Float32Array, known: BoolMask) -> None:
    height, width = flow.shape[:2]
    values = np.where(known[..., None], flow, np.float32(FLO_UNKNOWN_VALUE)).astype("<f4")
    path.write_bytes(FLO_TAG + struct.pack("<ii", width, height) + values.tobytes())


# ── KITTI ───────────────────────────────────────────────────────────────────────────────────────────────────
def _read_kitti(path: Path) -> FlowField:
    data = np.frombuffer(_bytes_of(path), np.uint8)
    stored = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    if stored is None or stored.dtype != np.uint16 or stored.ndim != 3 or stored.shape[2] != 3:
        found = "no picture" if stored is None else f"{stored.dtype.name} {stored.shape}"
        raise SourceError(f"a KITTI flow must be a 16-bit RGB picture, got {found} in {path}")
    steps = stored[..., :0:-1].astype(np.float32) - np.float32(KITTI_ZERO)  # OpenCV has blue, green, red
    return _field(steps / np.float32(KITTI_STEPS_PER_PX), stored[..., 0] > 0)


def _write_kitti(path: Path, flow: Float32Array, known: BoolMask) -> None:
    fits = known & _both(np.abs(np.where(known[..., None], flow, 0)) <= KITTI_MOST_PX)
    steps = np.rint(np.where(fits[..., None], flow, 0) * KITTI_STEPS_PER_PX) + KITTI_ZERO
    stored = np.where(fits[..., None], np.dstack([fits, steps[..., 1], steps[..., 0]]), 0).astype(np.uint16)
    done, data = cv2.imencode(".png", stored)
    if not done:
        raise OutputError(f"a flow must be writable as PNG, got {path}")
    path.write_bytes(data.tobytes())


# ── .npy ────────────────────────────────────────────────────────────────────────────────────────────────────
def _read_npy(path: Path) -> FlowField:
    try:
        flow = np.load(path, allow_pickle=False)
    except (*UNREADABLE, EOFError) as error:
        raise SourceError(f"a flow must be a readable array, got {path}: {error}") from None
    if not isinstance(flow, np.ndarray) or flow.ndim != 3 or flow.shape[2] != 2 or flow.dtype.kind != "f":
        found = f"{flow.dtype.name} {flow.shape}" if isinstance(flow, np.ndarray) else "several arrays"
        raise SourceError(f"a flow must be floats (H, W, 2), got {found} in {path}")
    return _field(flow.astype(np.float32), _both(np.isfinite(flow)))


def _write_npy(path: Path, flow: Float32Array, known: BoolMask) -> None:
    np.save(path, np.where(known[..., None], flow, np.float32(np.nan)))


def _both(parts: BoolMask) -> BoolMask:
    """Return where something holds of both components."""
    return np.asarray(parts[..., 0] & parts[..., 1], np.bool_)


def _field(flow: Float32Array, valid: BoolMask) -> FlowField:
    return FlowField(np.where(valid[..., None], flow, np.float32(np.nan)), np.asarray(valid, np.bool_))


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"a flow must be readable, got {path}: {error.strerror}") from None
