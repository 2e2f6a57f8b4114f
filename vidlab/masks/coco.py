"""Instances in and out of COCO results files: one JSON list of detections, `image_id` is the frame index.

Read once at opening and kept as compressed counts; masks exist for one frame at a time. Written one frame at
a time, into a file beside that takes its name when it is complete.
"""

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np

from vidlab.errors import MaskError, OutputError
from vidlab.masks import rle
from vidlab.masks.coco_entry import Detection, frame_order, read_categories, read_detection
from vidlab.types import Instances

logger = logging.getLogger(__name__)


class CocoMasks:
    """The detections of a COCO results file (or of a COCO data set with `annotations`), frame by frame.

    A frame without detections is empty, so the list alone never says how long the video is: iteration ends
    after the last frame that has detections, and the frames that follow are empty.

    Attributes:
        path: The file.
        kind: `instances`.
        size_hw: Height and width of every mask, in pixels.
        class_ids: The COCO ids that occur, ascending.
        n_frames: None for a results list; for a data set the number of its `images`.
        last_index: The last frame with detections; −1 if there are none.
    """

    kind: Literal["instances"] = "instances"

    def __init__(self, path: str | Path, *, size_hw: tuple[int, int] | None) -> None:
        """Read and check the file.

        Args:
            path: JSON file; categories by COCO id, or by name where the file lists `categories`.
            size_hw: Height and width of the video, in pixels; None takes the size of the first detection.

        Raises:
            MaskError: The file is missing, damaged, of another form or size, or names unknown categories.
        """
        self.path = Path(path)
        content = _load(self.path)
        entries, order, categories = _parts(content, self.path)
        self.n_frames = None if order is None else len(set(order.values()))
        self._by_frame: dict[int, list[Detection]] = {}
        for number, entry in enumerate(entries):
            where = f"{self.path}, detection {number}"
            found = read_detection(entry, where=where, size_hw=size_hw, order=order, categories=categories)
            size_hw = found.size_hw if size_hw is None else size_hw
            self._by_frame.setdefault(found.frame_index, []).append(found)
        if size_hw is None:
            raise MaskError(f"{self.path} must hold detections to know their size, got none; name a video")
        self.size_hw = size_hw
        found_ids = {found.class_id for frame in self._by_frame.values() for found in frame}
        self.class_ids = tuple(sorted(found_ids))
        self.last_index = max(self._by_frame, default=-1)
        everything = [found for frame in self._by_frame.values() for found in frame]
        self._tracked = bool(everything) and all(found.track_id is not None for found in everything)

    def __iter__(self) -> Iterator[Instances]:
        """Yield the instances of every frame from 0 to the last with detections, in file order.

        Raises:
            MaskError: Run lengths of a detection are damaged.
        """
        n_frames = self.last_index + 1 if self.n_frames is None else self.n_frames
        for index in range(n_frames):
            yield self._instances(index)

    def _instances(self, index: int) -> Instances:
        found = self._by_frame.get(index, [])
        try:
            masks = rle.decode([one.counts for one in found], size_hw=self.size_hw)
        except MaskError as error:
            raise MaskError(f"{self.path}, image_id {found[0].image_id}: {error}") from None
        tracks = np.array([one.track_id for one in found], np.int64) if self._tracked else None
        return Instances(
            masks,
            np.array([one.score for one in found], np.float32),
            np.array([one.class_id for one in found], np.int64),
            tracks,
        )


class CocoResultsWriter:
    """Writes instances as a COCO results file, one frame at a time; constant memory.

    The file takes its name when the `with` block ends well; otherwise nothing is left.

        with CocoResultsWriter("instances.json") as writer:
            writer.append(instances, image_id=0)
    """

    def __init__(self, path: str | Path) -> None:
        """Name the file; it is opened on entering the `with` block."""
        self.path = Path(path)
        self._aside = self.path.with_name(f".{self.path.name}.part")
        self._separator = "[\n"

    def __enter__(self) -> "CocoResultsWriter":
        """Open the file aside.

        Raises:
            OutputError: It cannot be written.
        """
        try:
            self._file = self._aside.open("w", encoding="ascii")
        except OSError as error:
            raise OutputError(f"{self.path} must be writable, got: {error.strerror or error}") from None
        return self

    def append(self, instances: Instances, *, image_id: int) -> None:
        """Write the instances of one frame; `track_id` only if they are tracked.

        Raises:
            OutputError: The disk refuses them.
        """
        counts = rle.encode(instances.masks)
        boxes = rle.boxes(counts, size_hw=instances.size_hw)
        for i, text in enumerate(counts):
            entry: dict[str, Any] = {
                "image_id": image_id,
                "category_id": int(instances.class_ids[i]),
                "bbox": boxes[i].tolist(),
                "score": round(float(instances.scores[i]), 6),
                "segmentation": {"size": list(instances.size_hw), "counts": text.decode("ascii")},
            }
            if instances.track_ids is not None:
                entry["track_id"] = int(instances.track_ids[i])
            self._write(self._separator + json.dumps(entry, separators=(",", ":")))
            self._separator = ",\n"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the list and give the file its name; after an exception, remove it.

        Raises:
            OutputError: The disk refuses it.
        """
        try:
            if kind is None:
                self._write("[]\n" if self._separator == "[\n" else "\n]\n")
                self._file.close()
                os.replace(self._aside, self.path)
        except OSError as failure:
            raise OutputError(f"{self.path} must be writable, got: {failure.strerror or failure}") from None
        finally:
            with contextlib.suppress(OSError):
                self._file.close()
            self._aside.unlink(missing_ok=True)

    def _write(self, text: str) -> None:
        try:
            self._file.write(text)
        except OSError as error:
            raise OutputError(f"{self.path} must be writable, got: {error.strerror or error}") from None


def join_results(parts: Sequence[Path], *, out: Path) -> None:
    """Write one results file out of several of `CocoResultsWriter`, as if it had written them in one go.

    Raises:
        OutputError: A part cannot be read, or the target cannot be written.
    """
    separator = "[\n"
    try:
        with out.open("w", encoding="ascii") as joined:
            for part in parts:
                with part.open(encoding="ascii") as lines:
                    for line in lines:  # a bracket, or one detection
                        if line.startswith("{"):
                            joined.write(separator + line.rstrip(",\n"))
                            separator = ",\n"
            joined.write("[]\n" if separator == "[\n" else "\n]\n")
    except OSError as error:
        raise OutputError(f"{out} must be writable, got: {error.strerror or error}") from None


def _load(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise MaskError(f"{path} must be a COCO results file, but there is no such file") from None
    except OSError as error:
        raise MaskError(f"{path} must be readable, got: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise MaskError(f"{path} must be JSON, got a damaged or other file ({error})") from None


def _parts(
    content: object, path: Path
) -> tuple[list[object], dict[object, int] | None, dict[object, int] | None]:
    """Return the detections, the frame of each image id, and the COCO id of each category id."""
    if isinstance(content, list):
        return content, None, None
    if isinstance(content, dict) and isinstance(content.get("annotations"), list):
        order = frame_order(content.get("images"), path=path)
        return content["annotations"], order, read_categories(content.get("categories"), path=path)
    raise MaskError(
        f"{path} must be a COCO results list (or a data set with annotations), got {type(content).__name__}"
    )
