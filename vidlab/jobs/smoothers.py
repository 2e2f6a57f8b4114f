"""Smoothers on drawn clips: what each is worth there, and what each step of a method adds.

For the notebooks that ask which smoother to take and what its steps buy. Drawn clips know their exact
motion, so flicker is judged by that, and no estimated flow grades its own work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from vidlab.errors import ParameterError
from vidlab.jobs import trap_pictures
from vidlab.jobs.trap_clips import DrawnClip, stabilize_clip
from vidlab.jobs.traps import Motions, exact_motions, flicker
from vidlab.jobs.variants import RAW
from vidlab.metrics.accuracy import Accuracy
from vidlab.metrics.headline import headline
from vidlab.params import EvidenceParams, FilterParams, FlowFusionParams, MethodParams, method_params
from vidlab.synthetic import CLASS_IDS, PROFILES, Role, SceneSpec, SuiteClip
from vidlab.synthetic.suite import SOFT_PROFILES
from vidlab.temporal import create_stabilizer
from vidlab.temporal.evidence import to_evidence
from vidlab.types import BoolMask
from vidlab.viz.colors import METHOD_COLORS
from vidlab.viz.tables import number, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, RAW_METHOD = "flow_fusion_two_pass", "none"
SCORE_HEADER = ("J ↑", "F ↑", "F at 2 px ↑", "excess flicker ↓", "headline ↑")
FILTERS = ("moving_average", "median", "gaussian", "exponential")
LAG = 4  # frames that the late stream waits for
_SIZE, _X, _BOTTOM = 0.55, 0.25, 0.85  # shares of the picture: inside it for a while


@dataclass(frozen=True, slots=True)
class Score:
    """What masks are worth: means over a clip, all in [0, 1] but the excess flicker, which may be below 0.

    Attributes:
        j: Region similarity J.
        f: Boundary F at the tolerance of DAVIS.
        f_2px: Boundary F at 2 pixels.
        excess_flicker: What the exact motion does not explain, less the truth's.
        headline: Accuracy, charged for excess flicker.
    """

    j: float
    f: float
    f_2px: float
    excess_flicker: float
    headline: float

    @property
    def jf(self) -> float:
        """(J + F) / 2."""
        return (self.j + self.f) / 2


def draw_clip(
    seed: int, *, size_hw: tuple[int, int], n_frames: int, speed_px: float, profile: str
) -> DrawnClip:
    """Draw an object that walks across the picture, and masks of it as a network would find them.

    Args:
        seed: Another seed is another object, ground, and other mistakes.
        size_hw: Height and width, pixels.
        n_frames: Frames.
        speed_px: Mean speed of the object, pixels per frame.
        profile: How the network errs: a name of `PROFILES`; `deeplab_like` gives soft masks.

    Raises:
        ParameterError: The profile is unknown, or size or number of frames cannot be drawn.
    """
    if profile not in PROFILES:
        raise ParameterError(f"unknown profile {profile!r}; choose from: {', '.join(PROFILES)}")
    class_id = CLASS_IDS[seed % len(CLASS_IDS)]
    role = Role(class_id, size=_SIZE, x=_X, bottom=_BOTTOM, speed_px=speed_px)
    spec = SceneSpec(seed, size_hw, n_frames, cast=(role,), occlusion=0, distractors=0)
    soft = profile in SOFT_PROFILES
    clip = SuiteClip(f"{profile}/{speed_px:g}px", spec, PROFILES[profile], soft, (class_id,))
    frames, seen = zip(*clip, strict=True)
    settings = EvidenceParams().model_dump()
    evidence = [to_evidence(each, class_ids=(class_id,), **settings) for each in seen]
    truth = np.stack([frame.instances.masks.any(axis=0) for frame in frames])
    return DrawnClip(list(frames), truth, evidence)


def contenders() -> dict[str, MethodParams]:
    """Return the classical filters, blind to motion and following it, and flow fusion.

    >>> list(contenders())[:3]
    ['moving_average', 'moving_average, follows', 'median']
    """
    methods: dict[str, MethodParams] = {}
    for name in FILTERS:
        methods[name] = method_params(name)
        methods[f"{name}, follows"] = method_params(name, ["follow_motion=true"])
    methods["flow_fusion"] = method_params("flow_fusion")
    methods[f"flow_fusion, lag {LAG}"] = FlowFusionParams(lag=LAG)
    return methods | {OURS: method_params(OURS)}


def method_of(name: str) -> str:
    """Return the method of a contender, which decides its color.

    >>> method_of("median, follows"), method_of("raw")
    ('median', 'none')
    """
    return RAW_METHOD if name == RAW else name.partition(",")[0]


def delay_frames(method: MethodParams) -> int:
    """Return how many frames late a method's results come, at most."""
    return create_stabilizer(method).delay


def is_blind(method: MethodParams) -> bool:
    """Tell whether a method compares pixels where they are, whatever moves."""
    return isinstance(method, FilterParams) and not method.follow_motion


def score(masks: BoolMask, *, truth: BoolMask, along: Motions) -> Score:
    """Measure masks, bool (T, H, W), against the truth, and their flicker along a motion."""
    accuracy = Accuracy()
    for mask, target in zip(masks, truth, strict=True):
        accuracy.update(mask, target=target)
    means = accuracy.compute()
    excess = flicker(masks, truth=truth, judge=along).excess
    total = headline(j=means["j"], f_2px=means["f_2px"], excess_flicker=excess)
    return Score(means["j"], means["f"], means["f_2px"], excess, total)


def smooth(clip: DrawnClip, methods: Mapping[str, MethodParams]) -> dict[str, BoolMask]:
    """Return `raw` and each method → its masks of the clip, bool (T, H, W).

    Raises:
        ParameterError: A method is called `raw`.
    """
    if RAW in methods:
        raise ParameterError(f"a method must not be called {RAW!r}, which names the masks before any method")
    return {RAW: clip.raw} | {name: stabilize_clip(clip, method) for name, method in methods.items()}


def score_all(clip: DrawnClip, versions: Mapping[str, BoolMask]) -> dict[str, Score]:
    """Measure several versions of a clip's masks, bool (T, H, W), along its exact motion."""
    along = exact_motions(clip)
    return {name: score(masks, truth=clip.truth, along=along) for name, masks in versions.items()}


def mean_score(scores: Sequence[Score]) -> Score:
    """Return the mean of several clips' scores.

    Raises:
        ParameterError: There are none.
    """
    if not scores:
        raise ParameterError("scores must hold at least one clip, got none")
    names = [field.name for field in fields(Score)]
    return Score(**{name: float(np.mean([getattr(each, name) for each in scores])) for name in names})


def score_cells(each: Score) -> tuple[str, ...]:
    """Return a score as the cells of a row under `SCORE_HEADER`."""
    values = (each.j, each.f, each.f_2px, each.excess_flicker, each.headline)
    return tuple(number(value, 3) for value in values)


def gains(scores: Mapping[str, Score], *, over: str, what: str) -> dict[str, float]:
    """Return by how many points, hundredths, each version exceeds another one, in one field of `Score`."""
    base = getattr(scores[over], what)
    return {name: 100 * (getattr(each, what) - base) for name, each in scores.items() if name != over}


def worst_stretch(masks: BoolMask, *, truth: BoolMask, n_frames: int) -> range:
    """Return the stretch of frames whose masks, bool (T, H, W), change most where the truth's do not.

    The change is that of the overlap with the truth, from frame to frame; of equal ones the first.

    Raises:
        ParameterError: The clip has fewer frames than that.
    """
    if not 2 <= n_frames <= len(masks):
        raise ParameterError(f"n_frames must lie between 2 and {len(masks)}, got {n_frames}")
    both = (masks & truth).sum(axis=(1, 2))
    either = np.maximum((masks | truth).sum(axis=(1, 2)), 1)
    change = np.abs(np.diff(both / either))
    start = int(np.argmax(np.convolve(change, np.ones(n_frames - 1), mode="valid")))
    return range(start, start + n_frames)


def plot_gains(
    axes: "Axes", x: ArrayLike, curves: Mapping[str, ArrayLike], *, xlabel: str, ylabel: str, title: str
) -> "Axes":
    """Draw one curve per contender in its method's color: blind ones dashed, late ones dotted."""
    colors = [METHOD_COLORS[method_of(name)] for name in curves]
    trap_pictures.plot_lines(axes, x, curves, colors=colors, xlabel=xlabel, ylabel=ylabel, title=title)
    known = contenders()
    for line, name in zip(axes.get_lines(), curves, strict=True):
        late = ":" if ", lag" in name else "-"
        line.set(
            linestyle="--" if name in known and is_blind(known[name]) else late, marker="o", markersize=3
        )
    return axes


def spread(values: Sequence[float]) -> str:
    """Return mean and range of gains in words.

    >>> spread([1.0, 3.0])
    '+2.0 (+1.0 to +3.0)'
    """
    mean, low, high = (signed(float(of(values)), 1) for of in (np.mean, min, max))
    return f"{mean} ({low} to {high})"


def answer(gained: Mapping[str, Sequence[float]], *, causal: str) -> str:
    """Say in one sentence which smoother to take, for files and for streams.

    Args:
        gained: Name of each method → points of headline over raw, clip by clip.
        causal: The method that waits for no frame.

    >>> answer({"median": [2.0, 4.0], "flow_fusion": [9.0, 8.0]}, causal="flow_fusion").partition(",")[0]
    'Take flow_fusion for files: +8.5 (+8.0 to +9.0) points over raw'
    """
    means = {name: float(np.mean(values)) for name, values in gained.items()}
    best = max(means, key=lambda name: means[name])
    classical = max((n for n in means if method_of(n) in FILTERS), key=lambda name: means[name])
    won = np.sum(np.array(gained[best]) >= np.max(list(gained.values()), axis=0))
    share = "no part" if means[best] <= 0 else f"{means[causal] / means[best]:.0%}".replace("%", " %")
    return (
        f"Take {best} for files: {spread(gained[best])} points over raw, best on {won} of "
        f"{len(gained[best])} clips, where the best classical filter ({classical}) gains "
        f"{spread(gained[classical])}; {causal}, which waits for no frame, keeps {share} of it."
    )
