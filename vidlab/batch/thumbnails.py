"""A small picture from the middle of a video, for the report."""

import logging
from pathlib import Path

import av
import numpy as np

from vidlab.video import write_image
from vidlab.viz.overlay import resize_image

logger = logging.getLogger(__name__)

WIDTH_PX = 320  # two panels side by side; a few kilobytes


def write_thumbnail(video: Path, *, out: Path) -> None:
    """Write the key frame before the middle of a video as a small JPEG; without one, the report has a gap."""
    try:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            container.seek(int((container.duration or 0) / 2), backward=True)
            image = np.asarray(next(container.decode(stream)).to_ndarray(format="rgb24"), np.uint8)
    except (av.error.FFmpegError, StopIteration, IndexError) as error:
        logger.warning("%s has no picture for the report: %s", video, error)
        return
    width = min(WIDTH_PX, image.shape[1])
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    write_image(out, resize_image(image, size_hw=(height, width)))
