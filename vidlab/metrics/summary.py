"""Every metric of one clip as one JSON-ready record."""

from pydantic import BaseModel, ConfigDict

from vidlab.metrics.curves import Curves, Value


class ClipSummary(BaseModel):
    """The metrics of one clip; every mean is over the frames where its curve is defined.

    Attributes:
        n_frames: Frames seen.
        n_pairs: Pairs of neighbouring frames, n_frames − 1 (0 for no frames).
        n_probs_pairs: Pairs that both had probabilities.
        n_consistency_pairs: Pairs for which there was a flow.
        n_flicker_pairs: Pairs for which there was a judging flow.
        n_target: Frames with truth.
        headline: Accuracy, charged for excess flicker; what masks are ranked by (see `headline.headline`).
        iou_prev_mean: Mean adjacent IoU.
        instability: 1 − iou_prev_mean; lower is calmer.
        dice_prev_mean: Mean adjacent Dice coefficient.
        changed_px_mean: Mean number of changed pixels per pair.
        changed_share_mean: Mean share of the picture that changes per pair.
        probs_l1_mean: Mean L1 distance between consecutive probability maps.
        area_px_mean: Mean area, in pixels.
        area_cv: Standard deviation of the area over its mean.
        area_cv_detrended: The same about the running median of the area.
        consistency_mean: Mean flow-compensated consistency ("MC").
        tc_mean: Mean temporal consistency TC of mask and background.
        warping_error_mean: Mean warping error E_warp.
        flicker_mean: Mean motion-compensated instability, seen by the judging flow.
        excess_flicker: The same less the truth's, over the pairs that have truth.
        jitter_median_px: Median over the pairs of the jitter of the outline, in pixels.
        jitter_p95_px: 95th percentile over the pairs.
        outline_contrast_mean: Mean difference of the colors on the two sides of the outline.
        quality_proxy: A guess at the quality without truth, for ranking (see `proxy.quality_proxy`).
        davis_t_mean: Mean temporal stability T; lower is calmer.
        j_mean: Mean J.
        j_recall: Share of frames with J > 0.5.
        j_decay: Mean J of the first quarter less that of the last.
        f_mean: Mean F.
        f_recall: Share of frames with F > 0.5.
        f_decay: Mean F of the first quarter less that of the last.
        jf_mean: (J + F) / 2.
        f_1px_mean: Mean F at 1 px.
        f_2px_mean: Mean F at 2 px.
        dice_mean: Mean Dice coefficient with the truth.
        dtssd_mean: Mean dtSSD of the soft masks against the truth.
        vc8: Video consistency over windows of 8 frames.
        vc8_star: The same, where the prediction must also be right.
        vc16: Video consistency over windows of 16 frames.
        vc16_star: The same, where the prediction must also be right.
        ghost_frames: Frames that show a mask where an object has been and is no more.
        ghost_area_px: Mean area of such masks in those frames, in pixels.
        false_frames: Frames that show a piece of mask where no object ever was.
        birth_latency_frames: Mean number of frames until a new object is kept.
        unborn: Appearances of an object that were never kept.
        dropouts: Times an object that was kept is lost while it is still there.
        dropout_frames: Frames lost in them.
        undefined_frames: For each curve that is undefined somewhere, the frames, such as `0, 12-14`.
        curves: One value per frame.
    """

    model_config = ConfigDict(frozen=True)

    n_frames: int
    n_pairs: int
    n_probs_pairs: int
    n_consistency_pairs: int
    n_flicker_pairs: int
    n_target: int
    headline: Value
    iou_prev_mean: Value
    instability: Value
    dice_prev_mean: Value
    changed_px_mean: Value
    changed_share_mean: Value
    probs_l1_mean: Value
    area_px_mean: Value
    area_cv: Value
    area_cv_detrended: Value
    consistency_mean: Value
    tc_mean: Value
    warping_error_mean: Value
    flicker_mean: Value
    excess_flicker: Value
    jitter_median_px: Value
    jitter_p95_px: Value
    outline_contrast_mean: Value
    quality_proxy: Value
    davis_t_mean: Value
    j_mean: Value
    j_recall: Value
    j_decay: Value
    f_mean: Value
    f_recall: Value
    f_decay: Value
    jf_mean: Value
    f_1px_mean: Value
    f_2px_mean: Value
    dice_mean: Value
    dtssd_mean: Value
    vc8: Value
    vc8_star: Value
    vc16: Value
    vc16_star: Value
    ghost_frames: int | None
    ghost_area_px: Value
    false_frames: int | None
    birth_latency_frames: Value
    unborn: int | None
    dropouts: int | None
    dropout_frames: int | None
    undefined_frames: dict[str, str]
    curves: Curves
