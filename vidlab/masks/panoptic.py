"""COCO's panoptic files in and out: a JSON, and beside it a folder of PNGs with the JSON's name.

The color of a pixel is the id of its segment, R + 256 G + 256² B; the JSON says which class each segment has
(Kirillov et al., "Panoptic Segmentation", CVPR 2019).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidlab.classes import class_name
from vidlab.errors import MaskError, OutputError, ShapeError
from vidlab.masks.panoptic_entry import read_pictures
from vidlab.masks.png import FAST_COMPRESSION, UNREADABLE, require_size
from vidlab.types import Instances, Panoptic, Segment

MAX_ID = 256**3 - 1  # what three bytes hold


class PanopticMasks:
    """A COCO panoptic file as masks for jobs: every segment is an instance, stuff one for each class.

    So things become tracks, and stuff, of which a frame has one segment for each class, a track too.

    Attributes:
        path: The JSON file.
        kind: `instances`.
        size_hw: Height and width of every picture, in pixels.
        class_ids: The ids that occur, ascending.
        class_names: Names of those classes that the vocabulary lacks, by id.
        n_frames: Pictures in the file.
        last_index: n_frames − 1.
    """

    kind: Literal["instances"] = "instances"

    def __init__(self, path: str | Path, *, size_hw: tuple[int, int] | None) -> None:
        """Read the JSON and the first picture.

        Args:
            path: JSON file; its PNGs lie in the folder beside it that has its name.
            size_hw: Height and width of the video, in pixels; None takes that of the first picture.

        Raises:
            MaskError: Files are missing, damaged, or of another form or size.
        """
        self.path = Path(path)
        self._pictures, names = read_pictures(self.path)
        self.n_frames = len(self._pictures)
        self.last_index = self.n_frames - 1
        first = read_panoptic_png(self._pictures[0].png, size_hw=size_hw)
        self.size_hw = (first.shape[0], first.shape[1])
        segments = [segment for picture in self._pictures for segment in picture.segments]
        self.class_ids = tuple(sorted({segment.class_id for segment in segments}))
        self.class_names = names

    def __iter__(self) -> Iterator[Instances]:
        """Yield all segments of every frame as instances; see `pictures`."""
        for panoptic in self.pictures():
            found = panoptic.instances()
            yield found.where(np.asarray(found.masks.any(axis=(1, 2))))

    def pictures(self) -> Iterator[Panoptic]:
        """Yield every frame, from 0 on; pixels of crowds and of segments without class belong to none.

        Raises:
            MaskError: A PNG is missing or damaged, or holds a segment that the JSON does not list.
        """
        for picture in self._pictures:
            ids = read_panoptic_png(picture.png, size_hw=self.size_hw)
            ids[np.isin(ids, picture.crowds)] = 0
            unlisted = set(np.unique(ids).tolist()) - {segment.id for segment in picture.segments} - {0}
            if unlisted:
                raise MaskError(
                    f"{self.path} must list every segment of {picture.png}, got none with id {min(unlisted)}"
                )
            yield Panoptic(ids, picture.segments)


class PanopticWriter:
    """Writes COCO's panoptic JSON and the folder of PNGs beside it, one frame at a time; constant memory.

    The JSON takes its name when the `with` block ends well.

        with PanopticWriter("panoptic.json") as writer:
            writer.append(panoptic)
    """

    def __init__(self, path: str | Path) -> None:
        """Name the JSON; files are opened on entering the `with` block."""
        self.path = Path(path)
        self._folder = self.path.with_suffix("")
        self._aside = self.path.with_name(f".{self.path.name}.part")
        self._sizes_hw: set[tuple[int, int]] = set()
        self._things: dict[int, bool] = {}
        self.n_frames = 0

    def __enter__(self) -> "PanopticWriter":
        """Make the folder and open the JSON aside.

        Raises:
            OutputError: They cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self._aside.open("w", encoding="ascii")
        except OSError as error:
            raise OutputError(f"{self.path} must be writable, got: {error.strerror or error}") from None
        self._file.write('{"annotations": [')
        return self

    def append(self, panoptic: Panoptic) -> None:
        """Write the next frame.

        Raises:
            ShapeError: It has another size than those before.
            OutputError: The disk refuses it.
        """
        self._sizes_hw.add(panoptic.size_hw)
        if len(self._sizes_hw) > 1:
            raise ShapeError(f"pictures must have one size, got {sorted(self._sizes_hw)}")
        name = f"{self.n_frames:05d}.png"
        write_panoptic_png(self._folder / name, panoptic.ids)
        said = [_entry(segment, panoptic.ids) for segment in panoptic.segments]
        annotation = {"image_id": self.n_frames, "file_name": name, "segments_info": said}
        self._write(f"{',' if self.n_frames else ''}\n{json.dumps(annotation)}")
        self._things |= {segment.class_id: segment.is_thing for segment in panoptic.segments}
        self.n_frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the JSON, or leave none."""
        try:
            if kind is None:
                self._write("],\n" + ",\n".join(self._lists()) + "}\n")
        finally:
            self._file.close()
            if kind is None:
                self._aside.replace(self.path)
            else:
                self._aside.unlink(missing_ok=True)

    def _lists(self) -> Iterator[str]:
        height, width = next(iter(self._sizes_hw), (0, 0))
        images = (
            json.dumps({"id": index, "file_name": f"{index:05d}.png", "height": height, "width": width})
            for index in range(self.n_frames)
        )
        yield f'"images": [{", ".join(images)}]'
        categories = [
            {"id": class_id, "name": class_name(class_id), "isthing": int(self._things[class_id])}
            for class_id in sorted(self._things)
        ]
        yield f'"categories": {json.dumps(categories)}'

    def _write(self, text: str) -> None:
        try:
            self._file.write(text)
        except OSError as error:
            raise OutputError(f"{self.path} must be writable, got: {error.strerror or error}") from None


def read_panoptic_png(path: str | Path, *, size_hw: tuple[int, int] | None) -> NDArray[np.int32]:
    """Read the segment ids of a picture from the colors of an 8-bit RGB PNG.

    Args:
        path: PNG file.
        size_hw: Height and width it must have, in pixels; None takes any.

    Returns:
        int32 (H, W), 0 to 2²⁴ − 1.

    Raises:
        MaskError: The file is no readable PNG, has another size, or is not RGB.
    """
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            require_size((picture.height, picture.width), size_hw, name=str(path))
            if picture.mode != "RGB":
                raise MaskError(f"{path} must hold segment ids as 8-bit RGB, got {picture.mode}")
            colors = np.asarray(picture).astype(np.int32)
    except FileNotFoundError:
        raise MaskError(f"{path} must be a PNG, but there is no such file") from None
    except UNREADABLE as error:
        raise MaskError(f"{path} must be a readable PNG, got a damaged or other file ({error})") from None
    return np.asarray(colors[..., 0] + 256 * colors[..., 1] + 256**2 * colors[..., 2], np.int32)


def write_panoptic_png(path: str | Path, ids: NDArray[np.int32]) -> None:
    """Write segment ids, int32 (H, W), 0 to 2²⁴ − 1, as the colors of an 8-bit RGB PNG.

    Raises:
        ShapeError: Another dtype, rank or range.
        OutputError: The file cannot be written.
    """
    if ids.dtype != np.int32 or ids.ndim != 2 or (ids.size and not 0 <= ids.min() <= ids.max() <= MAX_ID):
        raise ShapeError(f"ids must be int32 (H, W) in [0, {MAX_ID}], got {ids.dtype.name} {ids.shape}")
    colors = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=-1).astype(np.uint8)
    try:
        Image.fromarray(colors).save(path, format="PNG", compress_level=FAST_COMPRESSION)
    except OSError as error:
        raise OutputError(f"{path} must be writable, got: {error.strerror or error}") from None


def holds_panoptic(path: Path) -> bool:
    """Whether a JSON is of COCO's panoptic form: it lists segments, and its folder of pictures is there."""
    if not path.with_suffix("").is_dir():
        return False
    try:
        annotations = json.loads(path.read_bytes()).get("annotations")
        return "segments_info" in annotations[0]
    except (OSError, ValueError, AttributeError, TypeError, LookupError):
        return False


def _entry(segment: Segment, ids: NDArray[np.int32]) -> dict[str, Any]:
    rows, columns = np.nonzero(ids == segment.id)
    box = [0, 0, 0, 0]
    if len(rows):
        x0, y0 = int(columns.min()), int(rows.min())
        box = [x0, y0, int(columns.max()) - x0 + 1, int(rows.max()) - y0 + 1]
    return {
        "id": segment.id,
        "category_id": segment.class_id,
        "area": len(rows),
        "bbox": box,
        "iscrowd": 0,
        "score": round(segment.score, 6),
    }
