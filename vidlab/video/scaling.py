"""swscale, called the fast way."""

from typing import Any

import av
from av.video.reformatter import VideoReformatter


class Scaler:
    """Converts pixel format, colors and size of frames; one per stream, so that its tables are made once."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        # Handing slices to swscale's own threads costs more than the conversion of a frame.
        self._one_thread: dict[str, Any] = {"threads": 1}

    def convert(self, frame: av.VideoFrame, **wanted: Any) -> av.VideoFrame:
        """Return the frame as asked for in the words of `VideoReformatter.reformat`."""
        try:
            return self._reformatter.reformat(frame, **wanted, **self._one_thread)
        except TypeError:  # PyAV before 17 knows no `threads`, and uses one
            self._one_thread = {}
            return self._reformatter.reformat(frame, **wanted)
