"""What each metric is called and which way is better: declared once, for every table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Group = Literal["headline", "accuracy", "flicker", "no_truth", "published", "simple", "objects"]
Better = Literal["more", "less", "neither"]

GROUPS: Mapping[Group, str] = {
    "headline": "what masks are ranked by",
    "accuracy": "accuracy, against the truth",
    "flicker": "flicker, judged by {judge} flow",
    "no_truth": "without truth (rank correlation with J & F: {synthetic:.2f} synthetic, {real:.2f} real)",
    "published": "published temporal metrics",
    "simple": "simple ones, blind to motion",
    "objects": "objects over time",
}  # in the order of the table
_PREFIX: Mapping[Group, str] = {"accuracy": "truth: "}  # where no title of a section says so
_ARROW: Mapping[Better, str] = {"more": " ↑", "less": " ↓", "neither": ""}


@dataclass(frozen=True, slots=True)
class Metric:
    """How one metric is shown.

    Attributes:
        name: Field of `ClipSummary`.
        group: Section it belongs to.
        label: What people call it.
        decimals: How many are worth reading.
        better: Which way is better.
        curve: Field of `Curves` that it is the mean of; empty if none is drawn or resampled.
        yardstick: The truth's own value says how calm masks of this clip can be.
        compared: Part of the table of raw against stable.
        change: Field of `Comparison` that says what stabilizing changed, in points or percent; empty if none.
    """

    name: str
    group: Group
    label: str
    decimals: int
    better: Better
    curve: str
    yardstick: bool
    compared: bool
    change: str

    @property
    def short_label(self) -> str:
        """Label and arrow, below the title of its section."""
        return f"{self.label}{_ARROW[self.better]}"

    @property
    def long_label(self) -> str:
        """Label and arrow, where it stands alone."""
        return f"{_PREFIX.get(self.group, '')}{self.short_label}"


# fmt: off
_DECLARED: tuple[tuple[str, Group, str, int, Better], ...] = (
    ("headline", "headline", "headline: J with F at 2 px, less flicker", 4, "more"),
    ("j_mean", "accuracy", "region J", 4, "more"),
    ("f_mean", "accuracy", "boundary F", 4, "more"),
    ("jf_mean", "accuracy", "(J + F) / 2", 4, "more"),
    ("f_2px_mean", "accuracy", "boundary F at 2 px", 4, "more"),
    ("f_1px_mean", "accuracy", "boundary F at 1 px", 4, "more"),
    ("dice_mean", "accuracy", "Dice", 4, "more"),
    ("j_recall", "accuracy", "J recall: frames with J > 0.5", 4, "more"),
    ("f_recall", "accuracy", "F recall: frames with F > 0.5", 4, "more"),
    ("j_decay", "accuracy", "J decay: first quarter − last", 4, "less"),
    ("f_decay", "accuracy", "F decay: first quarter − last", 4, "less"),
    ("excess_flicker", "flicker", "excess flicker, beyond the truth's", 4, "less"),
    ("flicker_mean", "flicker", "flicker that motion does not explain", 4, "less"),
    ("jitter_median_px", "flicker", "boundary jitter, pixels", 2, "less"),
    ("jitter_p95_px", "flicker", "boundary jitter, pixels, 95th percentile", 2, "less"),
    ("quality_proxy", "no_truth", "quality proxy, ranks versions of one clip", 4, "more"),
    ("outline_contrast_mean", "no_truth", "color contrast across the outline", 4, "more"),
    ("consistency_mean", "published", "consistency along the flow, MC", 4, "more"),
    ("tc_mean", "published", "TC, classes along the flow", 4, "more"),
    ("warping_error_mean", "published", "warping error E_warp", 5, "less"),
    ("davis_t_mean", "published", "temporal stability T of DAVIS 2016", 4, "less"),
    ("vc8", "published", "VC8, calm where the truth is", 4, "more"),
    ("vc8_star", "published", "VC8*, calm there and right", 4, "more"),
    ("vc16", "published", "VC16", 4, "more"),
    ("vc16_star", "published", "VC16*", 4, "more"),
    ("dtssd_mean", "published", "dtSSD of soft masks", 3, "less"),
    ("iou_prev_mean", "simple", "IoU of neighboring frames", 4, "more"),
    ("instability", "simple", "instability (1 − IoU)", 4, "less"),
    ("dice_prev_mean", "simple", "Dice of neighboring frames", 4, "more"),
    ("changed_px_mean", "simple", "changed pixels per frame", 0, "less"),
    ("probs_l1_mean", "simple", "L1 between probability maps", 5, "less"),
    ("area_px_mean", "simple", "area, pixels", 0, "neither"),
    ("area_cv", "simple", "area variation (CV)", 4, "neither"),
    ("area_cv_detrended", "simple", "area variation about its trend (CV)", 4, "less"),
    ("ghost_frames", "objects", "ghosts: frames with a mask where the object has left", 0, "less"),
    ("ghost_area_px", "objects", "area of a ghost, pixels", 0, "less"),
    ("false_frames", "objects", "frames with a mask where no object ever was", 0, "less"),
    ("birth_latency_frames", "objects", "birth latency: frames until a new object is kept", 1, "less"),
    ("unborn", "objects", "appearances that are never kept", 0, "less"),
    ("dropouts", "objects", "dropouts: losses of an object that is still there", 0, "less"),
    ("dropout_frames", "objects", "frames lost in dropouts", 0, "less"),
)
# fmt: on

_CURVES = {  # those that are drawn and resampled
    "j_mean": "j",
    "f_mean": "f",
    "f_2px_mean": "f_2px",
    "excess_flicker": "excess_flicker",
    "flicker_mean": "flicker",
    "jitter_median_px": "jitter_px",
    "consistency_mean": "consistency",
    "area_px_mean": "area_px",
}
_CHANGES = {  # part of raw against stable: field of `Comparison` that says what changed
    "headline": "headline_gain_points",
    "j_mean": "j_gain_points",
    "f_mean": "f_gain_points",
    "jf_mean": "jf_gain_points",
    "f_2px_mean": "f_2px_gain_points",
    "dice_mean": "dice_gain_points",
    "excess_flicker": "excess_flicker_gain_points",
    "jitter_median_px": "jitter_improvement_percent",
    "consistency_mean": "consistency_gain_points",
    "iou_prev_mean": "",
    "instability": "improvement_percent",
    "dice_prev_mean": "",
    "changed_px_mean": "changed_px_improvement_percent",
    "probs_l1_mean": "probs_l1_improvement_percent",
    "area_px_mean": "",
    "area_cv": "area_cv_improvement_percent",
    "area_cv_detrended": "area_cv_detrended_improvement_percent",
}
_TRIVIAL = {"vc8", "vc8_star", "vc16", "vc16_star", "dtssd_mean"}  # the truth against itself


def _metric(name: str, group: Group, label: str, decimals: int, better: Better) -> Metric:
    return Metric(
        name=name,
        group=group,
        label=label,
        decimals=decimals,
        better=better,
        curve=_CURVES.get(name, ""),
        yardstick=group in ("flicker", "published", "simple", "no_truth") and name not in _TRIVIAL,
        compared=name in _CHANGES,
        change=_CHANGES.get(name, ""),
    )


METRICS: Mapping[str, Metric] = {row[0]: _metric(*row) for row in _DECLARED}

_OF_LABELS = ("tc", "vc8", "vc8_star", "vc16", "vc16_star")  # measured on masks and on class labels
LABEL_METRICS: Mapping[str, Metric] = {
    "miou": _metric("miou", "accuracy", "mIoU", 4, "more"),
    "pixel_accuracy": _metric("pixel_accuracy", "accuracy", "share of pixels that are right", 4, "more"),
    **{name: METRICS["tc_mean" if name == "tc" else name] for name in _OF_LABELS},
}  # fields of `LabelSummary`
