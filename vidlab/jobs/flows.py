"""Optical flow of a video, a folder or two pictures: as files or in color, and measured where truth is."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from vidlab.errors import ParameterError, SourceError, VideoError, WeightsError
from vidlab.flow import FLOWS, FlowEstimator, create_flow
from vidlab.jobs.flow_sinks import FlowsResult, open_sink
from vidlab.jobs.flow_truth import JudgedFlows, Truth
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.reading import expected
from vidlab.models import resolve_device
from vidlab.params import FlowParams, SourceParams, WriterParams
from vidlab.types import Float32Array, Frame, UInt8Image
from vidlab.video import open_source, read_image

__all__ = ["FlowsResult", "Truth", "estimate_flows", "open_flow"]


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two neighboring frames: the one on whose grid the flow is, and the one it points into."""

    here: Frame
    there: Frame


def estimate_flows(
    sources: Sequence[Path],
    *,
    out: Path,
    flow: FlowEstimator,
    params: FlowParams,
    truth: Truth | None = None,
    source: SourceParams | None = None,
    writer: WriterParams | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> FlowsResult:
    """Estimate the flow of every pair of neighboring frames, in one pass that holds two of them.

    Args:
        sources: One video or folder of images, or two pictures.
        out: Folder for the flows, `00000.flo` and so on by the frame on whose grid they are, `flow.json` and,
            with truth, `errors.csv`; or a video ending in .mp4, in color. Appears when it is complete.
        flow: The estimator, as `open_flow` builds it of the same parameters.
        params: Direction, format, and color.
        truth: What the flows are measured against.
        source: How frames are read; None takes the defaults of `SourceParams`.
        writer: How a video is encoded; None takes the defaults of `WriterParams`.
        force: Replace `out`.
        progress: Told after every pair how many are done.

    Raises:
        ParameterError: Neither one source nor two pictures.
        SourceError: A source or a truth cannot be used, or they do not fit each other.
        OutputError: `out` is there already, or cannot be written.
    """
    rules = source or SourceParams()
    frames, fps, losses, n_frames = _opened(sources, rules)
    n_pairs = None if n_frames is None else n_frames - 1
    judged = None if truth is None else JudgedFlows(truth, n_pairs=n_pairs, all_read=not rules.max_frames)
    clock, n_done = _Clock(), 0
    with ExitStack() as stack:
        sink = open_sink(
            out, stack, params=params, identity=flow.identity, fps=fps, writer=writer or WriterParams(),
            force=force, inputs=[*sources, *(() if truth is None else (truth.flows,))],
        )  # fmt: skip
        for n_done, pair in enumerate(_pairs(frames, direction=params.direction), start=1):
            found = clock.timed(flow, pair)
            sink.take(pair.here, found)
            if judged is not None:
                judged.take(pair.here.index, found)
            progress(n_done, n_pairs)
        if not n_done:
            raise VideoError(f"a flow must have two frames, got fewer in {sources[0]}")
        if judged is not None:
            judged.finish()
        weights, device = getattr(flow, "weights", None), getattr(flow, "device", "cpu")
        errors = None if judged is None else judged.metric.compute()
        result = FlowsResult(out, n_done, errors, clock.ms_per_pair, weights, device, losses())
        sink.finish(result, judged)
    return result


def open_flow(
    params: FlowParams,
    *,
    settings: Mapping[str, Any] | None = None,
    weights: str | None = None,
    device: str = "cpu",
) -> FlowEstimator:
    """Build the optical flow that parameters name; a network's weights are downloaded where needed.

    Args:
        params: Name, preset and scale.
        settings: Tunables of this flow that differ from its defaults.
        weights: For networks: a file, `random` for timing only, or None for torchvision's own.
        device: For networks: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        ParameterError: Unknown setting, or weights for a flow that takes none.
        WeightsError: They cannot be had, or do not fit.
        DeviceError: The device is not here.
    """
    if not FLOWS[params.flow].needs_torch:
        if weights is not None:
            raise ParameterError(f"weights must go with a network, got the flow {params.flow}")
        return create_flow(params.flow, scale=params.flow_scale, preset=params.flow_preset, settings=settings)
    return create_flow(
        params.flow,
        scale=params.flow_scale,
        settings=settings,
        weights=weights,
        device=resolve_device(device),
        load=_load_weights,
    )


def _load_weights(network: Any, weights: str | None, label: str, url: str) -> str:
    """Fill a network as all others are: with a download that shows how far it is, and gives up in time."""
    from vidlab.flow import raft  # with torch: seconds
    from vidlab.models.weights import Published, load_weights

    if weights == raft.RANDOM:
        return raft.load_weights(network, weights, label, url)
    try:
        return load_weights(network, weights, own=Published(label, url))
    except WeightsError as error:
        if weights is not None or not isinstance(error.__context__, OSError):
            raise
        cause = error.__context__
        raise WeightsError(raft.missing(url, reason=str(getattr(cause, "reason", None) or cause))) from None


class _Clock:
    """Mean time of a flow; the first, which builds tables and touches fresh memory, counts if it is alone."""

    def __init__(self) -> None:
        self._first_s, self._rest_s, self._n_rest = 0.0, 0.0, 0

    def timed(self, flow: FlowEstimator, pair: _Pair) -> Float32Array:
        start_s = time.perf_counter()
        found = flow(pair.here.image, pair.there.image)
        elapsed_s = time.perf_counter() - start_s
        if self._first_s:
            self._rest_s, self._n_rest = self._rest_s + elapsed_s, self._n_rest + 1
        else:
            self._first_s = elapsed_s
        return found

    @property
    def ms_per_pair(self) -> float:
        return 1e3 * (self._rest_s / self._n_rest if self._n_rest else self._first_s)


# ── frames ──────────────────────────────────────────────────────────────────────────────────────────────────
def _opened(
    sources: Sequence[Path], rules: SourceParams
) -> tuple[Iterator[Frame], float, Callable[[], tuple[str, ...]], int | None]:
    """Return frames, their rate, a function that tells what was lost, and how many are expected."""
    if len(sources) == 1:
        if sources[0].suffix.lower() in {".png", ".jpg", ".jpeg"} and sources[0].is_file():
            raise ParameterError(f"a flow must have two frames, got the picture {sources[0]}; name a second")
        clip = open_source(sources[0], fps=rules.fps)
        frames = islice(iter(clip), rules.max_frames or None)
        n_frames = expected(clip.info, max_frames=rules.max_frames or None)
        return frames, clip.info.fps, lambda: clip.losses, n_frames
    if len(sources) != 2:
        raise ParameterError(
            f"a flow must have one video or folder, or two pictures, got {len(sources)} names"
        )
    pictures = [_picture(path) for path in sources]
    if pictures[0].shape != pictures[1].shape:
        sizes = " and ".join(f"{p.shape[1]}×{p.shape[0]}" for p in pictures)
        raise SourceError(f"two pictures must have one size, got {sizes} in {sources[0]} and {sources[1]}")
    both = (Frame(image, index, index / rules.fps) for index, image in enumerate(pictures))
    return both, rules.fps, lambda: (), 2


def _picture(path: Path) -> UInt8Image:
    if not path.is_file():
        raise SourceError(f"a picture must be a file that exists, got {path}; check the path")
    return read_image(path)


def _pairs(frames: Iterator[Frame], *, direction: str) -> Iterator[_Pair]:
    before: Frame | None = None
    for frame in frames:
        if before is not None:
            yield _Pair(before, frame) if direction == "next" else _Pair(frame, before)
        before = frame
