"""What the metrics of a stabilization mean, in words for people who never heard of them."""

from collections.abc import Mapping

MEANINGS: Mapping[str, tuple[str, str]] = {
    "consistency_mean": (
        "How well each mask agrees with the one before, moved along with the picture; 1 is perfect.", ""
    ),
    "tc_mean": ("The same over mask and background together; 1 is perfect.", ""),
    "warping_error_mean": ("How much of the mask changes although its picture does not.", ""),
    "iou_prev_mean": (
        "Overlap of each mask with the one before, as they lie; an object that moves lowers it, too.", ""
    ),
    "instability": ("How much of the mask changes from frame to frame; flicker and motion together.", ""),
    "dice_prev_mean": ("Another measure of the overlap of neighboring masks, kinder to small changes.", ""),
    "changed_px_mean": ("Pixels that enter or leave the mask from one frame to the next.", "px"),
    "probs_l1_mean": ("How much the network's certainty changes from frame to frame.", ""),
    "area_px_mean": ("How large the mask is; neither more nor less is better.", "px"),
    "area_cv": ("How much the size of the mask varies, whatever the cause.", ""),
    "area_cv_detrended": ("How much the size of the mask jitters about its slow change.", ""),
}  # fmt: skip
