"""Ways in which networks err, by name."""

from dataclasses import dataclass, fields, replace

from vidlab.errors import ParameterError


@dataclass(frozen=True, slots=True)
class CorruptionProfile:
    """How a network errs; zeros everywhere give the truth back.

    Attributes:
        missed_share: Mean share of its frames in which an object is missed, [0, 1).
        missed_run_frames: Mean length of a run of misses, frames.
        hardness_spread: How unequal objects are: 0 all alike, 1 exponential.
        whisper: Probability that a missed object is still reported, with a score of 0.05 to 0.25.
        late_frames: Mean number of frames before an object is first found.
        min_area: Objects smaller than this share of the picture are never reported.
        score_mean: Typical score of a found object; 1 gives scores of exactly 1.
        score_spread: Spread of the scores between objects, logits.
        score_noise: Change of the score from frame to frame, logits.
        jitter: Standard deviation of the boundary's displacement, as a share of √area.
        jitter_memory: How much of the slow half of that displacement lasts to the next frame, [0, 1).
        shrink: Mean displacement inwards, as a share of √area.
        smooth: Rounding of the silhouette, as a share of √area; thin limbs are lost.
        hole_share: Share of frames in which a piece is missing.
        hole_run_frames: Mean length of such a run, frames.
        hole_size: Radius of the piece, as a share of the box.
        partial_share: Share of objects of which one piece is never seen.
        partial_size: Radius of that piece, as a share of the box.
        false_per_frame: False positives that appear per frame.
        false_run_frames: Mean life of a false positive, frames.
        false_score: Typical score of a false positive.
        distractors: False positives of a wanted class that stay for the whole clip.
        wrong_class_share: Share of frames in which an object is reported a second time as another class.
        stride: Grid of the probability maps, pixels.
        sharpness: Logit deep inside and far outside an object.
        blur_cells: Blur of the probability maps, grid cells.
        confidence: Logits added to all objects; below 0 masks shrink.
        confidence_spread: Spread of that between objects, logits.
        region_noise: Strength of regions that come and go, logits.
        region_memory: How much of their slow half lasts to the next frame, [0, 1).
    """

    missed_share: float = 0.0
    missed_run_frames: float = 1.0
    hardness_spread: float = 0.0
    whisper: float = 0.0
    late_frames: int = 0
    min_area: float = 0.0
    score_mean: float = 1.0
    score_spread: float = 0.0
    score_noise: float = 0.0
    jitter: float = 0.0
    jitter_memory: float = 0.0
    shrink: float = 0.0
    smooth: float = 0.0
    hole_share: float = 0.0
    hole_run_frames: float = 1.0
    hole_size: float = 0.25
    partial_share: float = 0.0
    partial_size: float = 0.35
    false_per_frame: float = 0.0
    false_run_frames: float = 1.0
    false_score: float = 0.2
    distractors: int = 0
    wrong_class_share: float = 0.0
    stride: int = 8
    sharpness: float = 8.0
    blur_cells: float = 0.3
    confidence: float = 0.0
    confidence_spread: float = 0.0
    region_noise: float = 0.0
    region_memory: float = 0.0

    def __post_init__(self) -> None:
        for name in ("missed_share", "hole_share", "jitter_memory", "region_memory"):
            if not 0 <= getattr(self, name) < 1:
                raise ParameterError(f"{name} must lie in [0, 1), got {getattr(self, name)}")
        for field in fields(self):
            if field.name not in ("confidence", "shrink") and getattr(self, field.name) < 0:
                raise ParameterError(f"{field.name} must not be negative, got {getattr(self, field.name)}")
        if self.stride < 1:
            raise ParameterError(f"stride must be at least 1 pixel, got {self.stride}")


_YOLO_LIKE = CorruptionProfile(
    missed_share=0.06, missed_run_frames=1.8, hardness_spread=1.0, whisper=0.5, min_area=0.0004,
    score_mean=0.8, score_spread=0.8, score_noise=0.45, jitter=0.024, jitter_memory=0.85, smooth=0.035,
    hole_share=0.06, hole_run_frames=1.5, hole_size=0.28, partial_share=0.15, partial_size=0.2,
    false_per_frame=0.08, false_run_frames=1.5, false_score=0.12, wrong_class_share=0.1,
)  # fmt: skip

_DEEPLAB_LIKE = CorruptionProfile(
    missed_share=0.08, missed_run_frames=3.0, hardness_spread=1.0, whisper=1.0, score_mean=0.9,
    score_noise=0.5, jitter=0.02, jitter_memory=0.85, smooth=0.05, hole_share=0.1, hole_run_frames=1.5,
    hole_size=0.3, partial_share=0.2, partial_size=0.25, false_per_frame=0.1, false_run_frames=1.5,
    false_score=0.5, stride=8, sharpness=4.0, blur_cells=0.7, confidence=0.6, confidence_spread=1.0,
    region_noise=1.8, region_memory=0.85,
)  # fmt: skip

PROFILES: dict[str, CorruptionProfile] = {
    "clean": CorruptionProfile(),
    "yolo_like": _YOLO_LIKE,
    "deeplab_like": _DEEPLAB_LIKE,
    "missed_mostly": replace(_YOLO_LIKE, missed_share=0.65, missed_run_frames=5.0, hardness_spread=0.2),
    "distractors": replace(
        _YOLO_LIKE, distractors=2, false_per_frame=0.3, false_run_frames=4.0, false_score=0.35
    ),
    "partial": replace(
        _YOLO_LIKE, partial_share=1.0, partial_size=0.4, hole_share=0.25, hole_run_frames=3.0
    ),
    "late": replace(_YOLO_LIKE, late_frames=10),
    "hard_masks": replace(
        _YOLO_LIKE, score_mean=1.0, whisper=0.0, wrong_class_share=0.0, false_per_frame=0.03
    ),
}  # fmt: skip
