"""How well a network that is ready to run does on pictures with masks: what its probabilities come to."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from vidlab.models.outputs import BACKGROUND_NAME
from vidlab.models.semantic import SemanticSegmenter
from vidlab.training.pictures import Pictures
from vidlab.training.scores import ScoreCount, Scores
from vidlab.types import ClassProbs


def class_map(found: ClassProbs, *, indices: Sequence[int], threshold: float) -> NDArray[np.uint8]:
    """Return the class index of each pixel, uint8 (H, W): the most probable class, or 0 where none is likely.

    Args:
        found: What a network says of a picture.
        indices: Class index of each of its maps.
        threshold: Probability above which a pixel belongs to a class, [0, 1].

    >>> found = ClassProbs(np.array([[[0.6, 0.1]], [[0.3, 0.2]]], np.float32), (1, 18))
    >>> class_map(found, indices=(1, 2), threshold=0.5).tolist()
    [[1, 0]]
    """
    best = np.asarray(indices, np.uint8)[found.probs.argmax(axis=0)]
    return np.where(found.probs.max(axis=0) > threshold, best, np.uint8(0))


def judge(
    network: SemanticSegmenter, pictures: Pictures, *, names: Sequence[str], threshold: float, batch: int
) -> Scores:
    """Measure a network at the pictures' own size, as its masks are used.

    Args:
        network: Its classes must be those of `names`, background left out.
        pictures: Pictures with the truth.
        names: Name of each class index.
        threshold: Probability above which a pixel belongs to a class, [0, 1].
        batch: Pictures per call of the network, which are of one size.

    Raises:
        SourceError: A picture cannot be read.
    """
    shown = tuple(place for place, name in enumerate(names) if name.lower() != BACKGROUND_NAME)
    count = ScoreCount(len(names), shown=shown, device="cpu")
    for start in range(0, len(pictures), batch):
        read = [pictures.read(index) for index in range(start, min(start + batch, len(pictures)))]
        for found, (_, labels) in zip(network.segment([image for image, _ in read]), read, strict=True):
            pred = class_map(found, indices=shown, threshold=threshold)
            count.update(torch.from_numpy(pred)[None].long(), torch.from_numpy(labels)[None].long())
    return count.compute()
