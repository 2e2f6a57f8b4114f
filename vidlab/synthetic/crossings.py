"""Scenes in which identities are lost: objects of one class that meet, hide one another, and turn around.

Every object's identity is exact, as everything in a scene. What a network makes of them errs in ways that
matter to trackers: objects missed for some frames, and things that are not there.
"""

from dataclasses import replace
from itertools import product
from typing import Literal, get_args

from vidlab.errors import ParameterError
from vidlab.synthetic.presets import PROFILES, CorruptionProfile
from vidlab.synthetic.spec import Role, SceneSpec
from vidlab.synthetic.suite import SuiteClip

PERSON, CAR, DOG = 1, 3, 18

Plot = Literal["apart", "cross", "turn", "behind", "crowd"]
Looks = Literal["unlike", "alike"]
PLOTS: tuple[Plot, ...] = get_args(Plot)
LOOKS: tuple[Looks, ...] = get_args(Looks)

_MISSING = CorruptionProfile(
    missed_share=0.15, missed_run_frames=3.0, whisper=0.5, score_mean=0.85, score_spread=0.3, score_noise=0.4,
    jitter=0.015, jitter_memory=0.8,
)  # fmt: skip
DETECTORS: dict[str, CorruptionProfile] = {
    "exact": CorruptionProfile(),
    "missing": _MISSING,
    "false": replace(
        _MISSING, missed_share=0.03, false_per_frame=0.3, false_run_frames=3.0, false_score=0.5, distractors=1
    ),
    "network": PROFILES["yolo_like"],
}


def crossing_clip(
    plot: Plot, *, looks: Looks, detector: str, seed: int, size_hw: tuple[int, int], n_frames: int
) -> SuiteClip:
    """Return one clip with exact identities; nothing is drawn until it is iterated.

    Args:
        plot: What happens, about the middle of the clip:

            - apart: two walk one behind the other, and never meet;
            - cross: two meet, one passes in front of the other;
            - turn: two meet, one in front of the other, and go back where they came from;
            - behind: two meet where a standing car hides both;
            - crowd: five meet, three from the left, two from the right.
        looks: Whether those who walk look alike, to the pixel, or each like nobody else.
        detector: How the network errs: a name of `DETECTORS`.
        seed: Another seed is another ground, other looks, and other mistakes.
        size_hw: Height and width, pixels.
        n_frames: Frames.

    Raises:
        ParameterError: A name is unknown, or size or number of frames cannot be drawn.
    """
    for name, value, known in (
        ("plot", plot, PLOTS),
        ("looks", looks, LOOKS),
        ("detector", detector, DETECTORS),
    ):
        if value not in known:
            raise ParameterError(f"unknown {name} {value!r}; choose from: {', '.join(known)}")
    way_px = size_hw[1] / max(n_frames, 1)  # per frame, to cross the picture in the clip
    cast = tuple(_role(one, number, looks) for number, one in enumerate(_cast(plot, way_px, n_frames)))
    spec = SceneSpec(seed, size_hw, n_frames, cast=cast, occlusion=0, distractors=0)
    class_ids = tuple(sorted({role.class_id for role in cast}))
    return SuiteClip(f"{plot}, {looks}, {detector}", spec, DETECTORS[detector], False, class_ids)


def crossings(*, size_hw: tuple[int, int], n_frames: int, seed: int = 0) -> list[SuiteClip]:
    """List every plot with every kind of looks and every detector, each with a scene of its own.

    Args:
        size_hw: Height and width, pixels.
        n_frames: Frames per clip.
        seed: Another seed gives other scenes: tune on one, report on another.
    """
    return [
        crossing_clip(
            plot,
            looks=looks,
            detector=detector,
            seed=1000 * seed + number,
            size_hw=size_hw,
            n_frames=n_frames,
        )
        for number, (plot, looks, detector) in enumerate(product(PLOTS, LOOKS, DETECTORS))
    ]


def _cast(plot: Plot, way_px: float, n_frames: int) -> list[Role]:
    """Return who is there, and how they walk; the lowest stands in front."""
    if plot == "apart":
        return [Role(PERSON, 0.5, 0.12, 0.85, 0.35 * way_px), Role(PERSON, 0.5, 0.52, 0.85, 0.35 * way_px)]
    if plot == "cross":
        return [Role(PERSON, 0.5, 0.15, 0.86, 0.7 * way_px), Role(PERSON, 0.5, 0.85, 0.82, -0.7 * way_px)]
    if plot == "turn":
        half = n_frames // 2  # each comes to where the other one is, and a little farther
        return [
            Role(PERSON, 0.5, 0.2, 0.86, 0.6 * way_px, turns_at=half),
            Role(PERSON, 0.5, 0.8, 0.82, -0.6 * way_px, turns_at=half),
        ]
    if plot == "behind":
        return [
            Role(DOG, 0.2, 0.08, 0.74, 0.84 * way_px),
            Role(DOG, 0.2, 0.92, 0.7, -0.84 * way_px),
            Role(CAR, 0.55, 0.5, 0.8, 0.0),
        ]
    right = [(0.05, 0.8, 0.6), (0.2, 0.9, 0.6), (0.32, 0.84, 0.45)]
    left = [(0.92, 0.86, 0.7), (0.75, 0.78, 0.55)]
    return [Role(PERSON, 0.45, x, bottom, speed * way_px) for x, bottom, speed in right] + [
        Role(PERSON, 0.45, x, bottom, -speed * way_px) for x, bottom, speed in left
    ]


def _role(role: Role, number: int, looks: Looks) -> Role:
    return replace(role, look=0 if looks == "alike" else number + 1)
