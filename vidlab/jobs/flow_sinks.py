"""Where a job's flows go: a file each, or a video in color."""

import csv
import json
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from vidlab.errors import ParameterError
from vidlab.jobs.flow_truth import JudgedFlows
from vidlab.jobs.output import result_file, result_folder
from vidlab.jobs.story import hardware
from vidlab.metrics.flow_error import FlowErrorSummary
from vidlab.params import FlowParams, WriterParams
from vidlab.types import Float32Array, Frame, UInt8Image
from vidlab.video import VideoWriter, frame_name, write_image
from vidlab.video.flow_files import SUFFIXES, write_flow
from vidlab.viz.flow_wheel import fast, flow_picture

ENDINGS = {"flo": ".flo", "kitti": ".png", "npy": ".npy", "png": ".png"}
RECORD, TABLE = "flow.json", "errors.csv"


@dataclass(frozen=True, slots=True)
class FlowsResult:
    """What an optical-flow job made.

    Attributes:
        out: Folder or video.
        n_pairs: Pairs of frames.
        errors: Error over the pixels of all pairs; None without truth.
        ms_per_pair: Mean time of one flow, ms, the first left out if there are others.
        weights: Where a network's weights come from; None for other flows.
        device: Where it ran.
        losses: What the source could not give.
    """

    out: Path
    n_pairs: int
    errors: FlowErrorSummary | None
    ms_per_pair: float
    weights: str | None
    device: str
    losses: tuple[str, ...]


class Sink(Protocol):
    """Takes flows one by one."""

    def take(self, frame: Frame, flow: Float32Array) -> None:
        """Take the next flow, float32 (H, W, 2), and the frame on whose grid it is."""

    def finish(self, result: FlowsResult, judged: JudgedFlows | None) -> None:
        """Write what is known at the end."""


def open_sink(
    out: Path,
    stack: ExitStack,
    *,
    params: FlowParams,
    identity: Hashable,
    fps: float,
    writer: WriterParams,
    force: bool,
    inputs: Sequence[Path],
) -> Sink:
    """Open what a name asks for; it appears under that name when the block of `stack` ends well.

    Raises:
        ParameterError: The name is that of another kind of file.
        OutputError: It is there already, or cannot be written.
    """
    if out.suffix.lower() == ".mp4":
        return _Video(stack.enter_context(result_file(out, force=force)), stack, params, fps, writer)
    if out.suffix.lower() in SUFFIXES:
        raise ParameterError(f"--out must name a folder, or a video ending in .mp4, got {out}")
    folder: AbstractContextManager[Path] = result_folder(out, force=force, inputs=inputs)
    return _Files(stack.enter_context(folder), params, identity)


class _Painter:
    """Colors flows; what is full color grows with the fastest motion seen, if no length is given."""

    def __init__(self, params: FlowParams) -> None:
        self._params, self._full_px = params, params.wheel_px

    def paint(self, frame: Frame, flow: Float32Array) -> UInt8Image:
        if not self._params.wheel_px:
            self._full_px = max(self._full_px, fast(flow))
        caption = f"{self._params.flow} · {self._params.direction} · frame {frame.index}"
        return flow_picture(flow, full_px=self._full_px, caption=caption)


class _Files:
    """Writes a file for each flow, and what they are into a record."""

    def __init__(self, folder: Path, params: FlowParams, identity: Hashable) -> None:
        self._folder, self._params, self._painter = folder, params, _Painter(params)
        self._identity = identity

    def take(self, frame: Frame, flow: Float32Array) -> None:
        path = self._folder / frame_name(frame.index, suffix=ENDINGS[self._params.format])
        if self._params.format == "png":
            write_image(path, self._painter.paint(frame, flow))
        else:
            write_flow(path, flow)

    def finish(self, result: FlowsResult, judged: JudgedFlows | None) -> None:
        record = {
            "params": self._params.model_dump(mode="json"),
            "estimator": repr(self._identity),
            "weights": result.weights,
            "n_pairs": result.n_pairs,
            "ms_per_pair": result.ms_per_pair,
            "hardware": hardware(device=result.device),
            "errors": None if result.errors is None else asdict(result.errors),
            "losses": list(result.losses),
        }
        (self._folder / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False), "utf-8")
        if judged is None:
            return
        with (self._folder / TABLE).open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(("frame", *_flat(judged.rows[0][1])))
            for index, row in judged.rows:
                table.writerow((index, *("" if v is None else v for v in _flat(row).values())))


class _Video:
    """Writes a video in color; its size is known with the first picture."""

    def __init__(
        self, path: Path, stack: ExitStack, params: FlowParams, fps: float, writer: WriterParams
    ) -> None:
        self._path, self._stack, self._painter = path, stack, _Painter(params)
        self._fps, self._encoding = fps, writer
        self._video: VideoWriter | None = None

    def take(self, frame: Frame, flow: Float32Array) -> None:
        picture = self._painter.paint(frame, flow)
        if self._video is None:
            height, width = picture.shape[:2]
            video = VideoWriter(
                self._path, size_hw=(height, width), fps=self._fps, crf=self._encoding.crf,
                preset=self._encoding.preset,
            )  # fmt: skip
            self._video = self._stack.enter_context(video)
        self._video.write(picture, pts_s=frame.pts_s)

    def finish(self, result: FlowsResult, judged: JudgedFlows | None) -> None:
        """Leave it to the writer, which ends with the block."""


def _flat(errors: FlowErrorSummary) -> dict[str, float | None]:
    values = asdict(errors)
    return {**{name: value for name, value in values.items() if name != "by_speed"}, **values["by_speed"]}
