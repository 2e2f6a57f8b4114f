"""The true flows that a job's flows are measured against, read one by one."""

from dataclasses import dataclass
from pathlib import Path

from vidlab.errors import SourceError
from vidlab.metrics.flow_error import FlowError, FlowErrorSummary
from vidlab.types import BoolMask, Float32Array
from vidlab.video.flow_files import list_flows, numbered_files, read_flow, read_marks

MARKS = (".png",)


@dataclass(frozen=True, slots=True)
class Truth:
    """The true flows of the pairs, in their order.

    Attributes:
        flows: Folder of .flo, KITTI's .png or .npy, one for each pair; for one pair it may be the file.
        occlusions: Folder or file of pictures, 255 where the other frame does not show the pixel; or None.
        invalid: Folder or file of pictures, 255 where the truth does not count; or None.
    """

    flows: Path
    occlusions: Path | None = None
    invalid: Path | None = None


class JudgedFlows:
    """Measures flows against the true ones, which are read one by one.

    Attributes:
        metric: The error of all so far.
        rows: Frame and error of each.
    """

    def __init__(self, truth: Truth, *, n_pairs: int | None, all_read: bool) -> None:
        """List the files.

        Args:
            truth: Where they are.
            n_pairs: Pairs that are expected, None where nobody knows.
            all_read: Every pair of the source will come, so that no file may be left over.

        Raises:
            SourceError: There is no such folder, or there are fewer files than pairs, or more.
        """
        self._all_read = all_read
        self._flows = [truth.flows] if truth.flows.is_file() else list_flows(truth.flows)
        self._marks = {
            "occluded": _listed(truth.occlusions, "occlusions"), "invalid": _listed(truth.invalid, "marks"),
        }  # fmt: skip
        for what, files in (("flow", self._flows), *self._marks.items()):
            short = n_pairs is not None and len(files or ()) < n_pairs
            if files is not None and (short or (all_read and n_pairs not in (None, len(files)))):
                raise SourceError(
                    f"the truth must hold one {what} file for each of the {n_pairs} pairs, got {len(files)}"
                )
        self.metric = FlowError()
        self.rows: list[tuple[int, FlowErrorSummary]] = []
        self._n_done = 0

    def take(self, index: int, found: Float32Array) -> None:
        """Measure the next flow, float32 (H, W, 2), on the grid of a frame.

        Raises:
            SourceError: Its truth is missing, damaged, or of another size.
        """
        place, self._n_done = self._n_done, self._n_done + 1
        if place >= len(self._flows):
            raise SourceError(f"the truth must hold a flow for every pair, got {len(self._flows)}")
        field = read_flow(self._flows[place])
        if field.flow.shape != found.shape:
            sizes = " and ".join(f"{flow.shape[1]}×{flow.shape[0]}" for flow in (found, field.flow))
            raise SourceError(f"frames and truth must have one size, got {sizes} in {self._flows[place]}")
        occluded, invalid = (self._read_marks(name, place, found) for name in ("occluded", "invalid"))
        valid = field.valid if invalid is None else field.valid & ~invalid
        self.rows.append((index, self.metric.update(found, truth=field.flow, valid=valid, occluded=occluded)))

    def finish(self) -> None:
        """Check that no truth is left over.

        Raises:
            SourceError: There is.
        """
        if self._all_read and self._n_done != len(self._flows):
            raise SourceError(
                f"the truth must hold one flow for each of the {self._n_done} pairs, got {len(self._flows)}"
            )

    def _read_marks(self, name: str, place: int, found: Float32Array) -> BoolMask | None:
        files = self._marks[name]
        if files is None:
            return None
        if place >= len(files):
            raise SourceError(
                f"the truth must mark the {name} pixels of every pair, got {len(files)} pictures"
            )
        return read_marks(files[place], size_hw=(found.shape[0], found.shape[1]))


def _listed(path: Path | None, what: str) -> list[Path] | None:
    if path is None:
        return None
    return [path] if path.is_file() else numbered_files(path, suffixes=MARKS, what=what)
