"""Video files through OpenCV's VideoCapture: quick and everywhere, and to be watched.

It stops without a word where a packet is damaged, counts frames by the container's word alone, reports times
relative to the first frame, seeks only about where it is told to, and announces frames of codecs it cannot
decode. Where it really is after a jump is told by the time stamp of what it reads there.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from vidlab.errors import DeviceError, VideoError
from vidlab.video.pictures import Picture, Request

# FFmpeg inside OpenCV writes its complaints to the terminal; what matters of them is raised or counted.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET

SAME_TIME_S = 5e-4  # rounding of milliseconds; two frames lie further apart


class OpencvPictures:
    """Reads chosen frames of one file; see `Pictures`."""

    def __init__(self, request: Request) -> None:
        """Open the file and read its first frame.

        Raises:
            VideoError: OpenCV cannot open it, or announces frames and reads none.
            DeviceError: Another device than the CPU was asked for.
        """
        if request.device != "cpu":
            raise DeviceError(f"opencv's wheel decodes on the CPU only, got device {request.device!r}")
        self._request = request
        self._bgr: Any = None  # re-used: only the RGB copy is handed out
        self._offset_s = 0.0
        self._restart()
        self._offset_s = float(request.index.times_s[0]) - self._clock_s()

    def _restart(self) -> None:
        settings = [cv2.CAP_PROP_N_THREADS, self._request.threads] if self._request.threads else []
        self._capture = cv2.VideoCapture(str(self._request.path), cv2.CAP_FFMPEG, settings)
        if not self._capture.isOpened():
            raise VideoError(
                f"opencv must be able to open a video, got {self._request.path}, which it cannot"
            )
        # The file is turned by us, and once.
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        if not self._capture.grab():
            n_frames = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
            raise VideoError(
                f"opencv announces {n_frames} frames of {self._request.path} and can decode none; "
                "use another backend"
            )
        self._position = 0  # of the frame that was grabbed last

    def read(self, positions: Sequence[int]) -> Iterator[Picture]:
        """Yield the frames at these positions, which rise, until OpenCV can read no more."""
        for position in positions:
            if not self._reach(position):
                return
            ok, self._bgr = self._capture.retrieve(self._bgr)
            if not ok or self._bgr is None:
                return
            image = cv2.cvtColor(self._bgr, cv2.COLOR_BGR2RGB)
            yield Picture(np.asarray(image, np.uint8), self._position, self._pts_s())

    def _reach(self, position: int) -> bool:
        index = self._request.index
        key = index.key_before(position)
        if position < self._position or (key > self._position + 1):
            self._jump(key)
        while self._position < position:
            if not self._capture.grab():
                return False
            self._position += 1
        return True

    def _jump(self, key: int) -> None:
        """Go to a key frame or before it; the start, where OpenCV lands beyond it or loses its way."""
        index = self._request.index
        while key > 0:
            self._capture.set(cv2.CAP_PROP_POS_MSEC, 1e3 * (float(index.times_s[key]) - self._offset_s))
            pts_s = self._pts_s() if self._capture.grab() else None
            landed = None if pts_s is None else index.position_at(pts_s)
            if landed is not None and landed <= key and self._is_at(landed, pts_s):
                self._position = landed
                return
            key = index.key_before(key - 1)
        self._capture.release()
        self._restart()

    def _is_at(self, position: int, pts_s: float | None) -> bool:
        return pts_s is not None and abs(pts_s - float(self._request.index.times_s[position])) < SAME_TIME_S

    def _pts_s(self) -> float | None:
        """Time of the frame that was grabbed last; OpenCV says 0 where it does not know."""
        clock_s = self._clock_s()
        return None if clock_s == 0 and self._position > 0 else clock_s + self._offset_s

    def _clock_s(self) -> float:
        return float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1e3

    def close(self) -> None:
        """Let the file go."""
        self._capture.release()


def open_pictures(request: Request) -> OpencvPictures:
    """Open a file; see `Pictures`.

    Raises:
        VideoError: OpenCV cannot open it, or announces frames and reads none.
        DeviceError: Another device than the CPU was asked for.
    """
    try:
        return OpencvPictures(request)
    except cv2.error as error:
        raise VideoError(f"opencv cannot open {request.path}: {error}") from None
