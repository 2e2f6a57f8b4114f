"""Video files through decord: unmaintained, still in many training codes, and kept on a short lead.

Its table of frames comes from the container's packets; only where that table is the same as ours is it let
loose, because decord may wait for ever for a frame that was announced and is not there. It takes the stream
that FFmpeg likes best, ignores edit lists, and hands out garbage for very small pictures: all of it shows in
the table or in the first frame. It never says which time a picture has.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from vidlab.errors import DeviceError, MissingExtraError, VideoError
from vidlab.video.pictures import Picture, Request, reason_of, runs_of

BATCH_BYTES = 16 << 20  # of one call: several frames at once are its fast path, many thrash the caches
MOST_IN_BATCH = 8  # each frame keeps those of its call alive
SAME_TIME_S = 2e-3  # decord's table is in single precision
REPEATED = 1e-9  # share of frames it may silently give twice for one it cannot decode: none


class DecordPictures:
    """Reads chosen frames of one file; see `Pictures`."""

    def __init__(self, request: Request) -> None:
        """Open the file and compare tables.

        Raises:
            VideoError: decord cannot open it, or counts other frames than the container holds.
            DeviceError: The device is not here, or this build of decord has none.
            MissingExtraError: decord is not installed.
        """
        self._request = request
        decord = _import()
        self._errors: tuple[type[Exception], ...] = (
            decord.DECORDError,
            decord.DECORDLimitReachedError,  # it would have given a frame twice for one it cannot decode
            RuntimeError,
            IndexError,
            StopIteration,
        )
        try:
            self._reader = decord.VideoReader(
                str(request.path), ctx=_context(decord, request.device), num_threads=request.threads,
                fault_tol=REPEATED,
            )  # fmt: skip
        except (*self._errors, AssertionError) as error:
            if request.device != "cpu" and "CUDA" in str(error).upper():
                raise DeviceError(f"decord decodes on {request.device} only if built with CUDA, and this "
                                  "build was not; use the cpu, or torchcodec") from None  # fmt: skip
            raise VideoError(f"decord cannot open {request.path}: {reason_of(error)}") from None
        self._seeks = self._compare_tables()

    def _compare_tables(self) -> bool:
        """Tell whether jumps can be trusted.

        Raises:
            VideoError: The number of frames differs.
        """
        index, n_frames = self._request.index, len(self._reader)
        if n_frames != len(index):
            raise VideoError(
                f"decord counts {n_frames} frames in {self._request.path}, which shows {len(index)}; "
                "use another backend"
            )
        times_s = np.array(self._reader.get_frame_timestamp(range(n_frames)), np.float64)[:, 0]
        shift_s = times_s - index.times_s
        even = bool(np.ptp(shift_s) < SAME_TIME_S)  # the start may be moved to 0
        same_keys = list(self._reader.get_key_indices()) == index.keys.tolist()
        return even and same_keys and not index.mixed

    def read(self, positions: Sequence[int]) -> Iterator[Picture]:
        """Yield the frames at these positions, which rise, until decord can give no more."""
        if not self._seeks and positions:
            wanted = set(positions)
            for picture in self._read_runs(range(positions[-1] + 1)):
                if picture.position in wanted:
                    yield picture
            return
        yield from self._read_runs(positions)

    def _read_runs(self, positions: Sequence[int]) -> Iterator[Picture]:
        height, width = self._request.size_hw
        longest = max(1, min(MOST_IN_BATCH, BATCH_BYTES // (3 * height * width)))
        for run in runs_of(positions, longest=longest):
            try:
                images = self._reader.get_batch(run).asnumpy()
            except self._errors:
                if len(run) > 1:  # one by one, up to the bad one
                    yield from self._read_singly(run)
                return
            for position, image in zip(run, images, strict=True):
                yield Picture(image, position, None)

    def _read_singly(self, positions: Sequence[int]) -> Iterator[Picture]:
        for position in positions:
            try:
                image = self._reader[position].asnumpy()
            except self._errors:
                return
            yield Picture(image, position, None)

    def close(self) -> None:
        """Let the file go."""
        self._reader = None


def version() -> str:
    """Version of decord.

    Raises:
        MissingExtraError: decord is not installed.
    """
    return str(_import().__version__)


def open_pictures(request: Request) -> DecordPictures:
    """Open a file; see `Pictures`.

    Raises:
        VideoError: decord cannot open it, or counts other frames than the container holds.
        DeviceError: The device is not here, or this build of decord has none.
        MissingExtraError: decord is not installed.
    """
    return DecordPictures(request)


def _import() -> Any:
    try:
        import decord
    except (ImportError, OSError) as error:  # a library that it links to may be missing
        raise MissingExtraError.for_feature(f"backend decord ({error})", extra="decoders") from None
    decord.logging.set_level(decord.logging.QUIET)  # what is wrong with a file is raised or counted
    return decord


def _context(decord: Any, device: str) -> Any:
    kind, _, number = device.partition(":")
    return decord.cpu(0) if kind == "cpu" else decord.gpu(int(number or 0))
