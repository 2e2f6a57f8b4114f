"""Every optical flow on drawn scenes with exact motion: its error, its cost, and what it does for masks."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np

from vidlab.errors import ParameterError
from vidlab.flow import FLOWS, FlowEstimator, create_flow
from vidlab.metrics.flow_error import SPEED_CLASSES, FlowError, FlowErrorSummary
from vidlab.params import FlowParams, FusionParams, MethodParams
from vidlab.synthetic import SceneFrame, iter_scene, random_scene
from vidlab.types import UInt8Image
from vidlab.video import write_image
from vidlab.video.flow_files import write_flow
from vidlab.viz.flow_wheel import color_flow
from vidlab.viz.tables import number

REFERENCE = "dis ultrafast"  # what the stabilizers take unless told otherwise
PRESETS = ("ultrafast", "fast", "medium")
NO_WEIGHTS = "no weights here"
PAN_SHARE = 1 / 3  # of the objects' speed over the ground: the camera's; without it most pixels would rest
ERROR_HEADER = ("flow", "EPE", *SPEED_CLASSES, "matched", "occluded", "Fl-all %", "angle °", "ms", "× DIS uf")
COST_LABEL = "time per frame, as a multiple of DIS ultrafast"
STAGE = {"n_objects": 3, "min_size": 0.3, "max_size": 0.8, "enter_leave": 0.2}  # objects stay in the picture
BLANK = 236  # gray of the picture of a flow that has no weights
N_TIMED = 2  # pairs on which a network without weights is timed


@dataclass(frozen=True, slots=True)
class Raced:
    """What one flow is worth and costs.

    Attributes:
        errors: Against the exact flow, over all pairs; None for a network without weights, whose flow means
            nothing.
        ms: Processor time per pair, median, all threads together.
        ratio: The same as a multiple of the reference's, pair by pair, median.
        n_timed: Pairs timed.
    """

    errors: FlowErrorSummary | None
    ms: float
    ratio: float
    n_timed: int


@dataclass(slots=True)
class _Lane:
    flow: FlowEstimator
    means_something: bool
    metric: FlowError = field(default_factory=FlowError)
    ms: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    def result(self) -> Raced:
        errors = self.metric.compute() if self.means_something else None
        return Raced(errors, median(self.ms), median(self.ratios), len(self.ms))


def entrants(*, scale: float) -> dict[str, FlowParams]:
    """Return every flow, DIS with each of its presets, by its name in tables.

    >>> list(entrants(scale=1.0))[:4]
    ['dis ultrafast', 'dis fast', 'dis medium', 'farneback']
    """
    found = {
        f"dis {preset}": FlowParams(flow="dis", flow_preset=preset, flow_scale=scale) for preset in PRESETS
    }
    return found | {name: FlowParams(flow=name, flow_scale=scale) for name in FLOWS if name != "dis"}


def lacks_weights(params: FlowParams) -> bool:
    """Say whether a flow is a network whose own weights are not on this machine."""
    if not FLOWS[params.flow].needs_torch:
        return False
    from vidlab.flow.raft import is_here  # with torch: seconds

    return not is_here(params.flow)


def draw_scenes(
    seed: int, *, size_hw: tuple[int, int], n_frames: int, speeds_px: Sequence[float]
) -> list[list[SceneFrame]]:
    """Draw one scene for each speed: objects that move so fast over the ground, before a camera that pans.

    Args:
        seed: Another seed gives other scenes.
        size_hw: Height and width, pixels.
        n_frames: Frames of each, at least two.
        speeds_px: Mean speeds of the objects, pixels per frame.

    Raises:
        ParameterError: Fewer than two frames, or no speed.
    """
    if n_frames < 2 or not speeds_px:
        raise ParameterError(f"scenes must have two frames and a speed, got {n_frames} and {len(speeds_px)}")
    drawn = []
    for place, speed_px in enumerate(speeds_px):
        moving = {"speed_px": speed_px, "camera_pan_px": PAN_SHARE * speed_px}
        spec = random_scene(seed + place, size_hw=size_hw, n_frames=n_frames, **moving, **STAGE)
        drawn.append(list(iter_scene(spec)))
    return drawn


def front(raced: Mapping[str, Raced]) -> list[str]:
    """Return the flows for which no other one is both cheaper and more exact, cheapest first.

    >>> errors = [FlowErrorSummary(1, epe, {}, None, None, None, None) for epe in (0.5, 0.6, 0.4)]
    >>> front({name: Raced(each, 1.0, ratio, 1) for name, each, ratio in zip("abc", errors, (1, 2, 3))})
    ['a', 'c']
    """
    best, found = float("inf"), []
    for name in sorted(raced, key=lambda name: raced[name].ratio):
        errors = raced[name].errors
        if errors is not None and errors.epe is not None and errors.epe < best:
            best = errors.epe
            found.append(name)
    return found


def race(scenes: Iterable[Sequence[SceneFrame]], flows: Mapping[str, FlowParams]) -> dict[str, Raced]:
    """Measure flows on the same pairs of frames, one after the other on each, so that all meet the same load.

    A network without weights runs with random ones on a few pairs, for its time alone.

    Args:
        scenes: Frames with their exact flow to the previous one.
        flows: Name → flow; `REFERENCE` is added where it is missing.

    Returns:
        Name → error and cost, of the flows that were asked for.
    """
    scale = next(iter(flows.values())).flow_scale if flows else 1.0
    lanes = {name: _lane(params) for name, params in (entrants(scale=scale) | dict(flows)).items()
             if name in flows or name == REFERENCE}  # fmt: skip
    warm = False
    for frames in scenes:
        for before, this in pairwise(frames):
            if not warm:  # tables are built and memory is touched for the first time
                for lane in lanes.values():
                    lane.flow(this.image, before.image)
                warm = True
            _race_pair(lanes, before, this)
    return {name: lanes[name].result() for name in flows}


def _race_pair(lanes: Mapping[str, _Lane], before: SceneFrame, this: SceneFrame) -> None:
    reference_ms = 0.0
    for name in sorted(lanes, key=lambda name: name != REFERENCE):
        lane = lanes[name]
        if not lane.means_something and len(lane.ms) >= N_TIMED:
            continue
        start_s = time.process_time()
        found = lane.flow(this.image, before.image)
        elapsed_ms = 1e3 * (time.process_time() - start_s)
        reference_ms = elapsed_ms if name == REFERENCE else reference_ms
        lane.ms.append(elapsed_ms)
        lane.ratios.append(elapsed_ms / reference_ms)
        lane.metric.update(found, truth=this.flow_to_prev, occluded=this.occluded)


def _lane(params: FlowParams) -> _Lane:
    if lacks_weights(params):
        flow = create_flow(params.flow, scale=params.flow_scale, weights="random")
        return _Lane(flow, means_something=False)
    return _Lane(create_flow(params.flow, scale=params.flow_scale, preset=params.flow_preset), True)


def error_row(name: str, raced: Raced) -> tuple[str, ...]:
    """Return the cells of one flow under `ERROR_HEADER`: errors in pixels, time of the processor in ms."""
    cost = (f"{raced.ms:.1f}", f"{raced.ratio:.2f}")
    if raced.errors is None:
        return (name, NO_WEIGHTS, *[""] * (len(ERROR_HEADER) - 4), *cost)
    found = raced.errors
    fl_all = None if found.fl_all is None else 100 * found.fl_all
    values = (found.epe, *found.by_speed.values(), found.matched, found.unmatched, fl_all, found.angle_deg)
    return (name, *(number(value, 2) for value in values), *cost)


def colored(
    flows: Mapping[str, FlowParams], before: SceneFrame, this: SceneFrame, *, full_px: float
) -> dict[str, UInt8Image]:
    """Return name → flow of a frame to the one before in the color wheel; gray where weights are missing.

    Args:
        flows: What to estimate.
        before: A frame.
        this: The next one.
        full_px: Length drawn in full color, pixels.
    """
    drawn: dict[str, UInt8Image] = {}
    for name, params in flows.items():
        if lacks_weights(params):
            drawn[f"{name}: {NO_WEIGHTS}"] = np.full_like(this.image, BLANK)
            continue
        flow = create_flow(params.flow, scale=params.flow_scale, preset=params.flow_preset)
        drawn[name] = color_flow(flow(this.image, before.image), full_px=full_px)
    return drawn


def write_pair(folder: Path, before: SceneFrame, this: SceneFrame) -> None:
    """Write two frames with their truth as data sets do: `frames/`, `flo/`, `kitti/` and `occlusions/`.

    The flow is that of the later frame to the one before: `--direction prev`.

    Raises:
        OutputError: The folder cannot be written.
    """
    for kind in ("frames", "flo", "kitti", "occlusions"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for number_of, frame in enumerate((before, this), start=1):
        write_image(folder / "frames" / f"frame_{number_of:04d}.png", frame.image)
    write_flow(folder / "flo" / "frame_0002.flo", this.flow_to_prev)
    write_flow(folder / "kitti" / "000000_10.png", this.flow_to_prev)
    marks = np.where(this.occluded, np.uint8(255), np.uint8(0))
    write_image(folder / "occlusions" / "frame_0002.png", np.dstack([marks] * 3))


def stabilizers(base: FusionParams, flows: Mapping[str, FlowParams]) -> dict[str, MethodParams]:
    """Return a stabilizing method once with each flow, those without weights left out, at the method's scale.

    >>> from vidlab.params import FlowFusionParams
    >>> stabilizers(FlowFusionParams(), {"dis fast": FlowParams(flow_preset="fast")})["dis fast"].flow_preset
    'fast'
    """
    return {
        name: base.model_copy(update={"flow": params.flow, "flow_preset": params.flow_preset})
        for name, params in flows.items()
        if not lacks_weights(params)
    }


def answer(raced: Mapping[str, Raced], headlines: Mapping[str, float]) -> str:
    """Say in a sentence which flow is most exact, which stabilizes best, and what that costs.

    Args:
        raced: Name → error and cost.
        headlines: Name → mean headline of the masks stabilized with it.

    >>> none = FlowErrorSummary(1, 0.5, {}, None, None, None, None)
    >>> answer({REFERENCE: Raced(none, 5.0, 1.0, 9)}, {REFERENCE: 0.9}).partition(". ")[2]
    'Masks are best with dis ultrafast.'
    """
    known = {
        name: each.errors.epe for name, each in raced.items() if each.errors and each.errors.epe is not None
    }
    exact = min(known, key=lambda name: known[name])
    best = max(headlines, key=lambda name: headlines[name])
    cost = f"{raced[exact].ratio:.1f} × the time of {REFERENCE}"
    first = f"Most exact here: {exact}, {known[exact]:.2f} px at {cost}."
    if best == REFERENCE:
        return f"{first} Masks are best with {best}."
    points = 100 * (headlines[best] - headlines[REFERENCE])
    at = f", at {raced[best].ratio:.1f} × its time" if best in raced else ""
    return f"{first} Masks are best with {best}: {points:+.2f} points of headline over {REFERENCE}{at}."
