"""swscale, called the fast way."""

from typing import Any

import av
from av.video.reformatter import Colorspace, VideoReformatter

BT709 = 1  # the code of BT.709 in video streams' tables of primaries, transfer curves and matrices


class Scaler:
    """Converts pixel format, colors and size of frames; one per stream, so that its tables are made once."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._takes_threads = True

    def convert(self, frame: av.VideoFrame, **wanted: Any) -> av.VideoFrame:
        """Return the frame as asked for in the words of `VideoReformatter.reformat`."""
        if not self._takes_threads:
            # PyAV before 17 uses one thread, and a frame's color matrix only where it is told to change it.
            matrix = Colorspace.ITU709 if frame.colorspace == BT709 else Colorspace.DEFAULT
            matrices = {"src_colorspace": matrix, "dst_colorspace": Colorspace.DEFAULT}
            return self._reformatter.reformat(frame, **{**matrices, **wanted})
        try:
            # Handing slices to swscale's own threads costs more than the conversion of a frame.
            return self._reformatter.reformat(frame, threads=1, **wanted)
        except TypeError:
            self._takes_threads = False
            return self.convert(frame, **wanted)
