"""What masks hold, looked at once before anything is trained: sizes, classes, and how much of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import MaskError, ParameterError
from vidlab.masks.labels import IGNORE, read_labels_png
from vidlab.models.outputs import numbered_names
from vidlab.params import TrainDataParams
from vidlab.training.pairs import Pair
from vidlab.video.images import upright_size

DEFAULT_CLASSES = 8  # of the reference


@dataclass(frozen=True, slots=True)
class Survey:
    """What is in the masks.

    Attributes:
        names: Name of each class index.
        pixels: int64 (N, K): for each picture how many pixels each class has.
        ignored: Pixels of no class.
        binary: 255 is the class 1: there is no other value but 0.
    """

    names: tuple[str, ...]
    pixels: NDArray[np.int64] = field(repr=False)
    ignored: int
    binary: bool

    def shares(self, pictures: Sequence[int]) -> NDArray[np.float64]:
        """Return the share of the pixels of some pictures that each class has, float64 (K,), [0, 1]."""
        counts = self.pixels[list(pictures)].sum(axis=0)
        return np.asarray(counts / max(1, counts.sum()), np.float64)

    def n_showing(self, pictures: Sequence[int]) -> NDArray[np.int64]:
        """Return how many of some pictures show each class, int64 (K,)."""
        return np.asarray((self.pixels[list(pictures)] > 0).sum(axis=0), np.int64)


def class_names(params: TrainDataParams) -> tuple[str, ...]:
    """Return the name of each class index.

    Raises:
        ParameterError: There is one class, or another number of names than of classes.

    >>> class_names(TrainDataParams(class_names="background, dog"))
    ('background', 'dog')
    """
    names = tuple(name.strip() for name in params.class_names.split(",") if name.strip())
    n_classes = params.n_classes or len(names) or DEFAULT_CLASSES
    if n_classes < 2:
        raise ParameterError(f"there must be at least two classes to tell apart, got {n_classes}")
    if names and len(names) != n_classes:
        raise ParameterError(
            f"class names must be as many as classes, background included, got {len(names)} for {n_classes}"
        )
    if len({name.lower() for name in names}) < len(names):
        raise ParameterError(f"class names must differ, got {', '.join(names)}")
    return names or numbered_names(n_classes)


def survey(pairs: Sequence[Pair], *, names: tuple[str, ...], progress: Callable[[int, int], None]) -> Survey:
    """Read every mask once.

    Args:
        pairs: Pictures with their masks.
        names: Name of each class index.
        progress: Told after every mask how many are read, of how many.

    Raises:
        MaskError: A mask cannot be read, is not as large as its picture, or holds a value that is no class.
        VideoError: A picture cannot be read.
    """
    counts = np.zeros((len(pairs), 256), np.int64)
    for place, pair in enumerate(pairs):
        labels = read_labels_png(pair.mask, size_hw=None)
        size_hw = upright_size(pair.image)
        if labels.shape != size_hw:
            raise MaskError(
                f"masks must be as large as their pictures, got {labels.shape[1]}×{labels.shape[0]} in "
                f"{pair.mask} for {size_hw[1]}×{size_hw[0]} in {pair.image}"
            )
        counts[place] = np.bincount(labels.ravel(), minlength=256)
        progress(place + 1, len(pairs))
    binary = bool(counts[:, IGNORE].any() and not counts[:, 1:IGNORE].any())
    if binary:
        counts[:, 1], counts[:, IGNORE] = counts[:, IGNORE], 0
    _require_known(counts, pairs, n_classes=len(names))
    return Survey(names, counts[:, : len(names)], int(counts[:, IGNORE].sum()), binary)


def _require_known(counts: NDArray[np.int64], pairs: Sequence[Pair], *, n_classes: int) -> None:
    strange = counts[:, n_classes:IGNORE]
    if strange.any():
        place = int(np.flatnonzero(strange.any(axis=1))[0])
        value = n_classes + int(np.flatnonzero(strange[place])[0])
        needed = n_classes + int(np.flatnonzero(strange.any(axis=0))[-1]) + 1
        raise MaskError(
            f"masks must hold classes 0 to {n_classes - 1}, or {IGNORE} where there is none, got {value} in "
            f"{pairs[place].mask}; --n-classes {needed} takes all of them, with as many --class-names or none"
        )
