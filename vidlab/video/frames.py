"""Single frames out to image files."""

from pathlib import Path

from PIL import Image

from vidlab.errors import OutputError, ParameterError
from vidlab.types import UInt8Image
from vidlab.video.writer import require_image

JPEG_QUALITY = 95  # no visible loss; a PNG is there for those who want none at all
PNG_EFFORT = 1  # zlib's fastest: a third larger than its default and five times as fast


def frame_name(index: int, *, suffix: str) -> str:
    """Name the file of a frame.

    >>> frame_name(7, suffix=".png")
    '00007.png'
    """
    return f"{index:05d}{suffix}"


def write_image(path: Path, image: UInt8Image) -> None:
    """Write one image, uint8 (H, W, 3), RGB, as PNG or JPEG, by the ending of the name.

    Raises:
        ParameterError: The name ends in neither .png, .jpg nor .jpeg.
        ShapeError: The image has another dtype or shape.
        OutputError: The file cannot be written.
    """
    require_image(image)
    suffix = path.suffix.lower()
    if suffix not in (".png", ".jpg", ".jpeg"):
        raise ParameterError(f"an image must be written to a name ending in .png or .jpg, got {path}")
    try:
        if suffix == ".png":
            Image.fromarray(image).save(path, compress_level=PNG_EFFORT)
        else:
            Image.fromarray(image).save(path, quality=JPEG_QUALITY, subsampling=0)
    except OSError as error:
        raise OutputError(f"an image must be writable, got {path}: {error.strerror or error}") from None
