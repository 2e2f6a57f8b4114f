"""Speed against agreement: what each faster form of a network buys, and what it costs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vidlab.pipeline.faster_timing import Faster, gain
from vidlab.pipeline.variants import Variant
from vidlab.viz.colors import METHOD_COLORS, RAW_COLOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# One color per kind of trick, from Okabe and Ito's palette.
_KINDS = (
    ("as it is", "#000000"),
    ("layout, precision, batches", "#0072b2"),
    ("smaller input", "#d55e00"),
    ("torch.compile", "#8a6d3b"),
    ("ONNX Runtime", "#009e73"),
    ("8-bit weights", "#cc79a7"),
)
_MARGIN = 0.15  # of the plot's width, for the names of the fastest


def kind_of(form: Variant) -> int:
    """Return which kind of trick a form is, as its place in the legend.

    >>> [kind_of(Variant("x", **words)) for words in ({"batch": 4}, {"scale": 0.5}, {"onnx": "static"})]
    [1, 2, 5]
    """
    if form.onnx in ("static", "dynamic"):
        return 5
    if form.onnx:
        return 4
    if form.compiled:
        return 3
    if form.scale != 1:
        return 2
    return int(form.channels_last or form.precision != "float32" or form.batch > 1)


def plot_speed_and_agreement(
    axes: "Axes", results: Sequence[Faster], *, forms: Sequence[Variant], title: str
) -> "Axes":
    """Draw how many times faster each form is against how far its masks are those of the network as it is.

    Masks that mean something are compared by IoU; where there are none, by the share of pixels of one class.

    Args:
        axes: Where to draw.
        results: As `measure_forms` returns them, the network as it is first.
        forms: What they were made of.
        title: The finding.
    """
    base, known = results[0], {form.name: form for form in forms}
    measured = [one for one in results if one.agreement is not None]
    by_masks = all(one.agreement is not None and one.agreement.iou is not None for one in measured)
    seen: set[int] = set()
    for one in measured:
        kind = kind_of(known[one.name])
        label, color = _KINDS[kind]
        speed, agreement = gain(base.whole_ms, one.whole_ms), _agreement(one, by_masks=by_masks)
        axes.plot(speed, agreement, "o", color=color, label=None if kind in seen else label)
        axes.annotate(one.name, (speed, agreement), xytext=(5, 4), textcoords="offset points", fontsize=7)
        seen.add(kind)
    axes.margins(x=_MARGIN, y=0.1)
    axes.set_xlabel("times as fast as the network as it is (picture to masks)")
    axes.set_ylabel("IoU with its masks" if by_masks else "pixels of the same class")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", fontsize=7)
    axes.set_title(title)
    return axes


def _agreement(one: Faster, *, by_masks: bool) -> float:
    if one.agreement is None:
        return float("nan")
    return float(one.agreement.iou or 0) if by_masks else one.agreement.pixels


def plot_keyframes(axes: "Axes", curves: Mapping[int, Mapping[str, float]], *, title: str) -> "Axes":
    """Draw accuracy against how rarely the network is asked.

    Args:
        axes: Where to draw.
        curves: Frames from one keyframe to the next → `raw` or method → (J + F) / 2, points.
        title: The finding.
    """
    rarely = sorted(curves)
    for name in curves[rarely[0]]:
        color = RAW_COLOR if name == "raw" else METHOD_COLORS.get(name, "#444444")
        axes.plot(rarely, [curves[k][name] for k in rarely], "o-", color=color, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(rarely, [str(k) for k in rarely])
    axes.minorticks_off()
    axes.set_xlabel("frames from one network call to the next")
    axes.set_ylabel("(J + F) / 2 (points)")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    axes.set_title(title)
    return axes
