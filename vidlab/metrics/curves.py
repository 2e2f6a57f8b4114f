"""The metrics of one clip, frame by frame, ready for JSON."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from vidlab.metrics.columns import Column


def _null_if_nan(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


# NaN is not JSON: "undefined" is None in the record and null in the file.
Value = Annotated[float | None, BeforeValidator(_null_if_nan)]


def _read_when_needed(values: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    return values if isinstance(values, Column) else validate(values)


# A list, or a column read from disk when it is needed: all curves of a long clip take hundreds of megabytes.
Curve = Annotated[Sequence[Value], WrapValidator(_read_when_needed), PlainSerializer(list)]
Counts = Annotated[Sequence[int], WrapValidator(_read_when_needed), PlainSerializer(list)]


class Curves(BaseModel):
    """One value per frame; None where the metric is undefined there.

    Attributes:
        area_px: Area of the mask, in pixels.
        iou_prev: IoU with the frame before.
        dice_prev: Dice coefficient with the frame before.
        changed_px: Pixels that differ from the frame before.
        changed_share: The same as a share of the picture.
        probs_l1: Mean L1 distance between the probability map and the one before.
        consistency: IoU with the frame before, warped along the flow, occlusions left out ("MC").
        tc: Mean IoU of mask and background with the frame before, warped likewise.
        warping_error: Mean squared difference to the frame before, warped along the flow.
        flicker: 1 − IoU with the frame before, warped along the judging flow.
        excess_flicker: `flicker` less that of the truth.
        jitter_px: How far the outline moves from where the judging flow puts it, in pixels.
        outline_contrast: Difference of the colors on the two sides of the outline.
        davis_t: Temporal stability T of DAVIS 2016 against the frame before.
        j: Region similarity J to the truth.
        f: Boundary F to the truth, at the DAVIS tolerance.
        f_1px: Boundary F at 1 px.
        f_2px: Boundary F at 2 px.
        dice: Dice coefficient with the truth.
        dtssd: Difference between the change of the soft mask and that of the truth, times 100.
        ghost_area_px: Pixels where an object has been and is no more.
    """

    model_config = ConfigDict(frozen=True)

    area_px: Counts
    iou_prev: Curve
    dice_prev: Curve
    changed_px: Curve
    changed_share: Curve
    probs_l1: Curve
    consistency: Curve
    tc: Curve
    warping_error: Curve
    flicker: Curve
    excess_flicker: Curve
    jitter_px: Curve
    outline_contrast: Curve
    davis_t: Curve
    j: Curve
    f: Curve
    f_1px: Curve
    f_2px: Curve
    dice: Curve
    dtssd: Curve
    ghost_area_px: Curve
