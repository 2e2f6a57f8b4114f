"""Things over stuff in one picture: what a detector and a semantic network say, shared out.

Kirillov et al., "Panoptic Segmentation", CVPR 2019, section 7: the better thing keeps a pixel that two claim,
and stuff gets what things leave.
"""

import numpy as np
from numpy.typing import NDArray

from vidlab.classes import is_thing
from vidlab.errors import ShapeError
from vidlab.types import BoolMask, ClassProbs, Instances, Observation, Panoptic, Segment


def merge(
    instances: Instances | None,
    probs: ClassProbs | None,
    *,
    min_score: float,
    min_visible: float,
    prob_threshold: float,
    least_stuff_px: int,
) -> Panoptic:
    """Share out a picture: things by their score, then stuff where no thing is, as in the paper.

    Where there are instances, maps of thing classes are passed over: a thing is found by the detector.
    Without instances, every map is a segment.

    Args:
        instances: What a detector found; None without one.
        probs: What a semantic network says; None without one.
        min_score: Instances below this score are left out, [0, 1].
        min_visible: Instances of which better ones leave less than this share are left out, [0, 1].
        prob_threshold: Probability above which stuff counts, [0, 1].
        least_stuff_px: Stuff that covers fewer pixels is left out.

    Returns:
        Segments in the order of their ids: things from the best score down, then stuff by class.

    Raises:
        ShapeError: Both are None, or they differ in size.

    >>> dog = Instances(np.array([[[True, True, False]]]), np.float32([0.9]), np.int64([18]))
    >>> road = ClassProbs(np.float32([[[0.2, 0.9, 0.9]]]), (149,))
    >>> shared = merge(dog, road, min_score=0.5, min_visible=0.5, prob_threshold=0.5, least_stuff_px=1)
    >>> shared.ids.tolist(), [(one.class_id, one.is_thing) for one in shared.segments]
    ([[1, 1, 2]], [(18, True), (149, False)])
    """
    sizes = {found.size_hw for found in (instances, probs) if found is not None}
    if len(sizes) != 1:
        raise ShapeError(
            f"instances and probs must have one size, and one must be there, got {sorted(sizes)}"
        )
    ids = np.zeros(sizes.pop(), np.int32)
    segments: list[Segment] = []
    if instances is not None:
        sure = instances.where(np.asarray(instances.scores >= min_score))
        segments += _lay_things(ids, sure, min_visible=min_visible)
    if probs is not None:
        segments += _lay_stuff(
            ids,
            probs if instances is None else _stuff_only(probs),
            first_id=len(segments) + 1,
            prob_threshold=prob_threshold,
            least_px=least_stuff_px,
        )
    return Panoptic(ids, tuple(segments))


def as_panoptic(found: Observation | Panoptic, *, min_score: float, prob_threshold: float) -> Panoptic:
    """Bring whatever a network said into the one type; nothing is left out but what the two thresholds do.

    Args:
        found: Instances, class probabilities, or what is panoptic already.
        min_score: As in `merge`.
        prob_threshold: As in `merge`.
    """
    if isinstance(found, Panoptic):
        return found
    return merge(
        found if isinstance(found, Instances) else None,
        found if isinstance(found, ClassProbs) else None,
        min_score=min_score,
        min_visible=0.0,
        prob_threshold=prob_threshold,
        least_stuff_px=1,
    )


def _lay_things(ids: NDArray[np.int32], found: Instances, *, min_visible: float) -> list[Segment]:
    segments: list[Segment] = []
    for place in np.argsort(-found.scores, kind="stable"):
        mask: BoolMask = found.masks[place]
        free = mask & (ids == 0)
        n_free = int(free.sum())
        if n_free == 0 or n_free < min_visible * int(mask.sum()):
            continue
        segment = Segment(
            len(segments) + 1, int(found.class_ids[place]), float(found.scores[place]), is_thing=True
        )
        ids[free] = segment.id
        segments.append(segment)
    return segments


def _stuff_only(probs: ClassProbs) -> ClassProbs:
    rows = [row for row, class_id in enumerate(probs.class_ids) if not is_thing(class_id)]
    return ClassProbs(probs.probs[rows], tuple(probs.class_ids[row] for row in rows))


def _lay_stuff(
    ids: NDArray[np.int32], soft: ClassProbs, *, first_id: int, prob_threshold: float, least_px: int
) -> list[Segment]:
    segments: list[Segment] = []
    if not soft.class_ids:
        return segments
    best = soft.probs.argmax(axis=0)
    free = (ids == 0) & (soft.probs.max(axis=0) > prob_threshold)
    for row in np.argsort(soft.class_ids, kind="stable"):
        here = free & (best == row)
        if int(here.sum()) < max(least_px, 1):
            continue
        score = float(soft.probs[row][here].mean())
        segment = Segment(first_id + len(segments), soft.class_ids[row], min(score, 1.0), is_thing=False)
        ids[here] = segment.id
        segments.append(segment)
    return segments
