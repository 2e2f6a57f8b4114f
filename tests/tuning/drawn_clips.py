"""Clips that need no pictures: what a method gives there is a function of its parameters."""

import math
from collections.abc import Callable

import numpy as np

from vidlab.metrics.curves import Curves
from vidlab.metrics.headline import headline
from vidlab.metrics.summary import ClipSummary
from vidlab.params import MethodParams

Quality = Callable[[MethodParams], float]


def hill(peak: float) -> Quality:
    """Best at a memory; methods that have none are poor."""
    return lambda params: 0.9 - 0.8 * abs(getattr(params, "memory", 1.5) - peak)


class DrawnClip:
    """Stands in for a rehearsal; remembers what was tried on it."""

    def __init__(
        self, quality: Quality, *, n_frames: int = 24, noise: float = 0.0, seed: int = 0, truth: bool = True
    ) -> None:
        self.quality, self.noise, self.seed = quality, noise, seed
        self.n_frames = n_frames
        self.truth = [None] * n_frames if truth else None
        self.tried: list[MethodParams] = []
        self.parts: dict[tuple[int, int], DrawnClip] = {}

    def part(self, start: int, stop: int) -> "DrawnClip":
        clip = DrawnClip(
            self.quality,
            n_frames=stop - start,
            noise=self.noise,
            seed=self.seed + start,
            truth=self.truth is not None,
        )
        self.parts[start, stop] = clip
        return clip

    def measure(self, params: MethodParams) -> ClipSummary:
        self.tried.append(params)
        words = repr(sorted(params.model_dump().items()))
        rng = np.random.default_rng([self.seed, *words.encode()[:4000]])
        curve = np.clip(self.quality(params) + self.noise * rng.normal(size=self.n_frames), 0, 1).tolist()
        mean = float(np.mean(curve))
        none = [None] * self.n_frames
        flicker = [None, *[0.1] * (self.n_frames - 1)]
        known = {"j": curve, "f": curve, "f_2px": curve, "excess_flicker": flicker}
        if self.truth is None:
            known = {"outline_contrast": curve, "flicker": flicker}
        curves = Curves.model_construct(**{name: known.get(name, none) for name in Curves.model_fields})
        has_truth = self.truth is not None
        return ClipSummary.model_construct(
            n_target=self.n_frames if has_truth else 0,
            jf_mean=mean if has_truth else None,
            excess_flicker=0.1 if has_truth else None,
            headline=headline(j=mean, f_2px=mean, excess_flicker=0.1) if has_truth else None,
            outline_contrast_mean=mean,
            flicker_mean=0.1,
            quality_proxy=mean * 0.9,
            curves=curves,
        )


def is_close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-6)
