"""What a network said of a frame, instances or probabilities, with outlines that follow the picture."""

from collections.abc import Callable
from functools import partial

import numpy as np

from vidlab.errors import ShapeError
from vidlab.metrics.overlap import window_of
from vidlab.params import RefineParams
from vidlab.refinement.crf import dense_crf
from vidlab.refinement.guided import guided_filter
from vidlab.refinement.outlines import bounded
from vidlab.types import BoolMask, ClassProbs, Float32Array, Instances, Observation, UInt8Image

HALF = 0.5  # a hard mask is cut here again
LEAST_REACH = 2  # pixels that a neighborhood must still reach where the guided filter is solved

Refiner = Callable[[Observation, UInt8Image], Observation]
MapFilter = Callable[[Float32Array, UInt8Image], Float32Array]


def create_refiner(params: RefineParams, *, level: float) -> Refiner:
    """Build what refines the masks of a frame, given what a network said and the picture, uint8 (H, W, 3).

    It holds no state: a frame is refined by its own picture alone. Instances keep scores, classes and
    identities, and may overlap as before; classes together do not exceed 1 where they did not.

    Args:
        params: Method and tunables; `none` hands on what comes, untouched.
        level: Probability above which a pixel of a soft mask is in the mask, (0, 1).

    Raises:
        ShapeError: On use: masks and picture differ in size.

    >>> said = ClassProbs(np.zeros((1, 4, 4), np.float32), (1,))
    >>> create_refiner(RefineParams(), level=0.5)(said, np.zeros((4, 4, 3), np.uint8)) is said
    True
    """
    return _untouched if params.refine == "none" else _OutlineRefiner(params, level=level)


def _untouched(observation: Observation, image: UInt8Image) -> Observation:
    return observation


class _OutlineRefiner:
    def __init__(self, params: RefineParams, *, level: float) -> None:
        self._params, self._level = params, level

    def __call__(self, observation: Observation, image: UInt8Image) -> Observation:
        if observation.size_hw != image.shape[:2]:
            raise ShapeError(f"masks and image must match, got {observation.size_hw} and {image.shape[:2]}")
        if isinstance(observation, ClassProbs):
            return ClassProbs(self._soft(observation.probs, image), observation.class_ids)
        masks = observation.masks.copy()
        for mask in masks:
            self._refine_hard(mask, image)
        return Instances(masks, observation.scores, observation.class_ids, observation.track_ids)

    def _soft(self, maps: Float32Array, image: UInt8Image) -> Float32Array:
        """Refine all classes together: float32 (K, H, W)."""
        place = self._window(np.asarray((maps > self._level).any(axis=0)), len(image))
        if place is None:
            return maps
        refined = maps.copy()
        before = maps[:, *place]
        after = self._bounded(before, self._filter(len(image))(before, image[place]), self._level, len(image))
        total, most = after.sum(axis=0), np.maximum(before.sum(axis=0), 1)
        refined[:, *place] = np.where(total > most, after * (most / np.maximum(total, most)), after)
        return refined

    def _refine_hard(self, mask: BoolMask, image: UInt8Image) -> None:
        """Refine one mask, bool (H, W), in place."""
        place = self._window(mask, len(image))
        if place is None:
            return
        before = mask[place][np.newaxis].astype(np.float32)
        doubt = np.float32(1 - self._params.crf_trust if self._params.refine == "crf" else 0)
        filtered = self._filter(len(image))(before * (1 - 2 * doubt) + doubt, image[place])
        mask[place] = self._bounded(before, filtered, HALF, len(image))[0] > HALF

    def _bounded(self, before: Float32Array, after: Float32Array, level: float, height: int) -> Float32Array:
        reach_px = self._params.refine_reach * height
        pairs = zip(before, after, strict=True)
        return np.stack([bounded(one, other, level=level, reach_px=reach_px) for one, other in pairs])

    def _window(self, mask: BoolMask, height: int) -> tuple[slice, slice] | None:
        """Cut out what may change and what has a say in it; None for an empty mask."""
        params = self._params
        said_by = params.crf_distance if params.refine == "crf" else 2 * params.refine_reach
        place = window_of(mask, margin_px=round((params.refine_reach + said_by) * height))
        if place is None:
            return None
        # whole multiples are shrunk several times faster
        step = params.guided_shrink
        rows, columns = (slice(side.start // step * step, -(-side.stop // step) * step) for side in place)
        return rows, columns

    def _filter(self, height: int) -> MapFilter:
        params = self._params
        if params.refine == "guided":
            radius_px = max(1, round(params.refine_reach * height))
            shrink = max(1, min(params.guided_shrink, radius_px // LEAST_REACH))
            return partial(guided_filter, radius_px=radius_px, eps=params.guided_eps, shrink=shrink)
        return partial(
            dense_crf,
            iterations=params.crf_iterations,
            weight=params.crf_weight,
            color_levels=params.crf_color,
            distance_px=params.crf_distance * height,
            smooth_weight=params.crf_smooth_weight,
            smooth_px=params.crf_smooth_distance * height,
        )
