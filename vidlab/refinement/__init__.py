"""Outlines that follow the picture: what a network said of a frame, refined before others hear it."""

from vidlab.refinement.crf import dense_crf
from vidlab.refinement.guided import guided_filter
from vidlab.refinement.refiner import Refiner, create_refiner

__all__ = ["Refiner", "create_refiner", "dense_crf", "guided_filter"]
