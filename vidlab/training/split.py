"""Which pictures teach and which ones judge: whole clips, for neighboring frames are nearly the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vidlab.errors import ParameterError

GAP_SHARE = 0.1  # of a single clip, left out between the frames that teach and those that judge


@dataclass(frozen=True, slots=True)
class Split:
    """A split.

    Attributes:
        train: Places of the pictures that teach, ascending.
        valid: Places of those that judge.
        told: In words.
    """

    train: tuple[int, ...]
    valid: tuple[int, ...]
    told: str


def split_by_clip(clips: Sequence[str], *, valid_share: float, seed: int) -> Split:
    """Choose whole clips for validation, by chance, until they hold about a share of the pictures.

    Of a single clip its end is taken, with a gap before it, which says nothing about other clips.

    Args:
        clips: Clip of each picture.
        valid_share: Share of the pictures that shall judge, (0, 1).
        seed: Another one chooses other clips.

    Raises:
        ParameterError: There are fewer than two pictures.

    >>> split_by_clip(["a", "a", "b", "b", "c", "c"], valid_share=0.3, seed=0).told
    '4 pictures of 2 clips teach, 2 of 1 other clip judge'
    """
    if len(clips) < 2:
        raise ParameterError(f"at least two pictures must be there to train on, got {len(clips)}")
    names = sorted(set(clips))
    if len(names) == 1:
        return _ends(len(clips), valid_share=valid_share)
    chosen = _choose(clips, names, wanted=valid_share * len(clips), seed=seed)
    train = tuple(place for place, clip in enumerate(clips) if clip not in chosen)
    valid = tuple(place for place, clip in enumerate(clips) if clip in chosen)
    others = len(names) - len(chosen)
    told = (
        f"{len(train)} pictures of {others} clip{'s' * (others > 1)} teach, "
        f"{len(valid)} of {len(chosen)} other clip{'s' * (len(chosen) > 1)} judge"
    )
    return Split(train, valid, told)


def split_between(n_train: int, n_valid: int) -> Split:
    """Return the split in which the first pictures teach and the others, of another folder, judge."""
    told = f"{n_train} pictures teach, {n_valid} of another folder judge"
    return Split(tuple(range(n_train)), tuple(range(n_train, n_train + n_valid)), told)


def _choose(clips: Sequence[str], names: Sequence[str], *, wanted: float, seed: int) -> set[str]:
    sizes = dict.fromkeys(names, 0)
    for clip in clips:
        sizes[clip] += 1
    chosen: set[str] = set()
    held = 0
    for place in np.random.default_rng([seed, 0]).permutation(len(names)):
        size = sizes[names[place]]
        if len(chosen) + 1 < len(names) and abs(held + size - wanted) < abs(held - wanted):
            chosen.add(names[place])
            held += size
    return chosen or {min(names, key=sizes.__getitem__)}


def _ends(n_pictures: int, *, valid_share: float) -> Split:
    n_valid = min(max(1, round(valid_share * n_pictures)), n_pictures - 1)
    gap = min(round(GAP_SHARE * n_pictures), n_pictures - n_valid - 1)
    n_train = n_pictures - n_valid - gap
    told = (
        f"{n_train} pictures teach, {n_valid} of the same clip judge, {gap} between them are left out: how "
        "well the network does on other clips is not known"
    )
    return Split(tuple(range(n_train)), tuple(range(n_pictures - n_valid, n_pictures)), told)
