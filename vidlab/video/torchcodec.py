"""Video files through torchcodec, PyTorch's own decoder, on the CPU or on a GPU.

It scans the file as we do, so that its frame numbers are ours; it needs FFmpeg's shared libraries. It finds a
frame by its stamp: where stamps step back it loses and confuses frames, so such files are refused.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from vidlab.errors import DeviceError, MissingExtraError, VideoError
from vidlab.video.pictures import Picture, Request, reason_of

SPARSE = 8  # frames of one call where single frames are asked for
FAILURES = (RuntimeError, IndexError, ValueError)  # what it raises for files; others are our mistakes


class TorchcodecPictures:
    """Reads chosen frames of one file; see `Pictures`."""

    def __init__(self, request: Request) -> None:
        """Open and scan the file.

        Raises:
            VideoError: torchcodec cannot open it, counts other frames than the container holds, or cannot
                tell them apart because their stamps step back.
            DeviceError: The device is not here.
            MissingExtraError: torchcodec, or the FFmpeg it needs, is not installed.
        """
        if request.index.mixed:
            raise VideoError(
                f"torchcodec finds frames by their time stamps, and those of {request.path} step back; "
                "use another backend"
            )
        self._decoder = _open(request)
        if len(self._decoder) != len(request.index):
            raise VideoError(
                f"torchcodec counts {len(self._decoder)} frames in {request.path}, which shows "
                f"{len(request.index)}; use another backend"
            )

    def read(self, positions: Sequence[int]) -> Iterator[Picture]:
        """Yield the frames at these positions, which rise, until torchcodec can give no more."""
        for tensor, position, pts_s in self.read_tensors(positions):
            # From the device, if it is not here already; then the memory is shared.
            yield Picture(tensor.cpu().numpy(), position, pts_s)

    def read_tensors(self, positions: Sequence[int]) -> Iterator[tuple[Any, int, float]]:
        """Yield uint8 tensors (H, W, 3), RGB, where they were decoded, with position and time in seconds."""
        dense = len(positions) > 1 and positions[-1] - positions[0] + 1 == len(positions)
        if dense or len(positions) == 1:
            yield from self._read_on(positions)
            return
        for start in range(0, len(positions), SPARSE):
            yield from self._read_scattered(positions[start : start + SPARSE])

    def _read_on(self, positions: Sequence[int]) -> Iterator[tuple[Any, int, float]]:
        for position in positions:
            try:
                frame = self._decoder.get_frame_at(position)
            except FAILURES:
                return
            yield frame.data, position, frame.pts_seconds

    def _read_scattered(self, positions: Sequence[int]) -> Iterator[tuple[Any, int, float]]:
        try:
            batch = self._decoder.get_frames_at(list(positions))
        except FAILURES:
            yield from self._read_on(positions)
            return
        times_s = batch.pts_seconds.tolist()
        yield from zip(batch.data, positions, times_s, strict=True)

    def close(self) -> None:
        """Let the file go."""
        self._decoder = None


def version() -> str:
    """Version of torchcodec.

    Raises:
        MissingExtraError: torchcodec, or the FFmpeg it needs, is not installed.
    """
    return str(_import().__version__)


def open_pictures(request: Request) -> TorchcodecPictures:
    """Open a file; see `Pictures`.

    Raises:
        VideoError: torchcodec cannot open it, or counts other frames than the container holds.
        DeviceError: The device is not here.
        MissingExtraError: torchcodec, or the FFmpeg it needs, is not installed.
    """
    return TorchcodecPictures(request)


def _open(request: Request) -> Any:
    decoder = _import().decoders.VideoDecoder
    try:
        return decoder(
            str(request.path),
            stream_index=request.index.stream_index,
            dimension_order="NHWC",
            num_ffmpeg_threads=request.threads,
            device=request.device,
            seek_mode="exact",
        )
    except FAILURES as error:
        cause = reason_of(error)
        if request.device != "cpu":
            raise DeviceError(
                f"torchcodec cannot decode {request.path} on {request.device}: {cause}"
            ) from None
        raise VideoError(f"torchcodec cannot open {request.path}: {cause}") from None


def _import() -> Any:
    try:
        import torchcodec
        import torchcodec.decoders
    except ImportError as error:
        raise MissingExtraError.for_feature(f"backend torchcodec ({error})", extra="decoders") from None
    except (OSError, RuntimeError) as error:  # it is there, but loads none of FFmpeg's versions
        cause = reason_of(error)
        raise MissingExtraError(
            f"backend torchcodec needs FFmpeg's shared libraries, got: {cause}; install ffmpeg"
        ) from None
    return torchcodec
