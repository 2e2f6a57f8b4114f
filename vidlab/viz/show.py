"""What a notebook shows: pictures, tables and videos that a Jupyter front end draws, small enough to keep.

Each object draws itself (`_repr_…_`), so a cell just ends with it; nothing here needs IPython.
"""

import base64
import html
import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vidlab.errors import OutputError, ShapeError
from vidlab.types import UInt8Image
from vidlab.video import VideoWriter, open_source
from vidlab.viz.overlay import resize_image, side_by_side

_JPEG_QUALITY = 82
_CRF_LADDER = (26, 30, 34, 38, 42)  # tried in this order until the video is small enough


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture kept as JPEG, a tenth of a PNG's size.

    Attributes:
        image: uint8 (H, W, 3), RGB.
    """

    image: UInt8Image = field(repr=False)  # a cell's text output would print it

    def to_jpeg(self) -> bytes:
        """Return the encoded picture."""
        from PIL import Image  # only when something is shown

        buffer = io.BytesIO()
        Image.fromarray(self.image).save(buffer, "JPEG", quality=_JPEG_QUALITY, optimize=True)
        return buffer.getvalue()

    def _repr_jpeg_(self) -> bytes:
        return self.to_jpeg()


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first column is text, the others are numbers or short words.

    Attributes:
        header: One name per column.
        rows: One text per column and row.

    Raises:
        ShapeError: A row has another number of columns than the header.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ShapeError(f"a row must have {len(self.header)} columns, got {len(row)}: {list(row)}")

    def to_markdown(self) -> str:
        """Return the table as Markdown.

        >>> print(Table(["metric", "raw"], [["IoU", "0.81"]]).to_markdown())
        | metric | raw |
        |---|---:|
        | IoU | 0.81 |
        """
        rule = "|---" + "|---:" * (len(self.header) - 1) + "|"
        lines = ["| " + " | ".join(cells) + " |" for cells in (self.header, *self.rows)]
        return "\n".join([lines[0], rule, *lines[1:]])

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def _repr_html_(self) -> str:
        head = _html_row("th", self.header)
        body = "".join(_html_row("td", row) for row in self.rows)
        return f'<table class="dataframe"><thead>{head}</thead><tbody>{body}</tbody></table>'


@dataclass(frozen=True, slots=True)
class EmbeddedVideo:
    """An MP4 inside the page: it plays wherever the notebook is opened, without the file.

    Attributes:
        mp4: The whole file.
        width_px: Width at which it is shown.
    """

    mp4: bytes = field(repr=False)
    width_px: int

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.mp4).decode()
        return (
            f'<video controls loop muted autoplay playsinline width="{self.width_px}" '
            'style="max-width: 100%">'
            f'<source src="data:video/mp4;base64,{data}" type="video/mp4"></video>'
        )


def montage(
    rows: Sequence[Sequence[UInt8Image]], *, captions: Sequence[Sequence[str]], width_px: int
) -> UInt8Image:
    """Compose pictures of one size into rows and columns, each under its caption.

    Args:
        rows: uint8 (H, W, 3) RGB pictures, row by row; every row has as many.
        captions: One for each picture.
        width_px: Width of the whole, about; pictures shrink to fit, and never grow.

    Returns:
        uint8 (H', W', 3).

    Raises:
        ShapeError: Pictures differ in size, rows in length, or there is not one caption per picture.
    """
    if len({len(row) for row in rows}) != 1 or len(rows) != len(captions) or not rows[0]:
        raise ShapeError(f"rows must have one length, got {[len(row) for row in rows]} for {len(captions)}")
    height, width = rows[0][0].shape[:2]
    scale = min(1.0, width_px / (len(rows[0]) * width))
    size_hw = (max(1, round(height * scale)), max(1, round(width * scale)))
    bands = [
        side_by_side([resize_image(image, size_hw=size_hw) for image in row], captions=texts)
        for row, texts in zip(rows, captions, strict=True)
    ]
    return np.concatenate(bands)


def embed_video(path: Path, *, width_px: int, max_bytes: int) -> EmbeddedVideo:
    """Encode a video anew, narrow and small enough for a notebook.

    Args:
        path: Any video the package reads.
        width_px: Width of the copy; a narrower video keeps its own.
        max_bytes: Most bytes the copy may take; it gets coarser until it fits.

    Raises:
        VideoError: The video cannot be read.
        OutputError: Even the coarsest copy is too large.
    """
    source = open_source(path, fps=25.0)  # a file has its own rate; only folders need one
    height, width = source.info.size_hw
    scale = min(1.0, width_px / width)
    size_hw = (max(2, round(height * scale / 2) * 2), max(2, round(width * scale / 2) * 2))
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.mp4"
        for crf in _CRF_LADDER:
            with VideoWriter(small, size_hw=size_hw, fps=source.info.fps, crf=crf, preset="slow") as writer:
                for frame in source:
                    writer.write(resize_image(frame.image, size_hw=size_hw), pts_s=frame.pts_s)
            if small.stat().st_size <= max_bytes:
                return EmbeddedVideo(small.read_bytes(), size_hw[1])
        raise OutputError(
            f"{path} must fit in {max_bytes} bytes to be embedded, got {small.stat().st_size}; "
            "open the file itself, or take fewer frames"
        )


def _html_row(tag: str, cells: Sequence[str]) -> str:
    sides = ["left", *["right"] * (len(cells) - 1)]
    shown = zip(sides, cells, strict=True)
    return (
        "<tr>"
        + "".join(f'<{tag} style="text-align: {side}">{html.escape(cell)}</{tag}>' for side, cell in shown)
        + "</tr>"
    )
