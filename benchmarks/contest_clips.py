"""What methods are compared on: drawn scenes, and the sequences of ../shared/real.

film      pictures and their truth: a drawn scene, or a sequence
clip      a film with what one network said about it (a drawn scene has one network, a sequence two)
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from versions import ROOT, code_version, digest

from vidlab.classes import class_ids
from vidlab.jobs import MaskFile
from vidlab.jobs.reading import open_reading
from vidlab.jobs.truth import MaskFolder
from vidlab.jobs.wanted import only_wanted
from vidlab.params import EvidenceParams, SourceParams
from vidlab.synthetic import SuiteClip
from vidlab.temporal.evidence import to_evidence
from vidlab.temporal.protocol import Evidence
from vidlab.types import BoolMask, Frame, Observation

SEQUENCES = ROOT.parent / "shared" / "real" / "sequences"
NETWORKS = {"YOLOv8n-seg": ("yolov8n_seg.json", False), "DeepLabV3": ("deeplabv3_probs", True)}

RULES = EvidenceParams()


class Seen(NamedTuple):
    """A frame, and what is known of it.

    Attributes:
        frame: The frame.
        evidence: One map for each wanted class: what others smooth.
        observation: What the network said, wanted classes only: who keeps objects apart begins here.
    """

    frame: Frame
    evidence: Evidence
    observation: Observation


@dataclass(frozen=True)
class Clip:
    """A film as one network saw it.

    Attributes:
        name: Unique.
        group: Row of the table it counts for.
        film: Name of the pictures, shared by the clips of a sequence.
        version: Hash of everything its pixels, masks and truth depend on.
        read: Yields frames with what is known of them.
        read_truth: Yields true masks, bool (H, W).
    """

    name: str
    group: str
    film: str
    version: str
    read: Callable[[], Iterable[Seen]]
    read_truth: Callable[[], Iterable[BoolMask]]


def synthetic_clip(clip: SuiteClip) -> Clip:
    """Make a contest clip of one of the suite's; its group is its speed."""
    version = digest(asdict(clip.spec), asdict(clip.profile), code_version("vidlab.synthetic.suite"))
    group = clip.name.rpartition("/")[2]
    return Clip(clip.name, group, clip.name, version, partial(_drawn, clip), partial(_drawn_truth, clip))


def _drawn(clip: SuiteClip) -> Iterator[Seen]:
    for frame, seen in clip:
        yield _seen(Frame(frame.image, frame.index, frame.pts_s), seen, wanted=clip.class_ids)


def _seen(frame: Frame, observation: Observation, *, wanted: tuple[int, ...]) -> Seen:
    evidence = to_evidence(observation, class_ids=wanted, **RULES.model_dump())
    return Seen(frame, evidence, only_wanted(wanted, drop_below=RULES.drop_below)(observation))


def _drawn_truth(clip: SuiteClip) -> Iterator[BoolMask]:
    for frame, _ in clip:
        masks = frame.instances.masks
        yield masks.any(axis=0) if len(masks) else np.zeros(clip.spec.size_hw, np.bool_)


def real_clips(*, max_frames: int, networks: Iterable[str] = tuple(NETWORKS)) -> Iterator[Clip]:
    """Yield every sequence of ../shared/real with every network; 0 frames are all."""
    for folder in sorted(SEQUENCES.iterdir()) if SEQUENCES.is_dir() else []:
        for network in networks:
            files = [f"{path.name} {path.stat().st_size}" for path in sorted(folder.rglob("*.*"))]
            yield Clip(
                f"{folder.name}, {network}",
                network,
                folder.name,
                digest(files, max_frames, code_version("vidlab.temporal.evidence")),
                partial(_filmed, folder, network, max_frames),
                partial(MaskFolder, folder / "truth", size_hw=None),
            )


def _filmed(folder: Path, network: str, max_frames: int) -> Iterator[Seen]:
    masks, probs = NETWORKS[network]
    wanted = class_ids(json.loads((folder / "sequence.json").read_text("utf-8"))["target_classes"])
    reading = open_reading(
        folder / "frames", masks_from=MaskFile(folder / masks, probs), class_ids=wanted,
        source=SourceParams(max_frames=max_frames), segment=None, evidence=RULES,
    )  # fmt: skip
    return (_seen(frame, observation, wanted=wanted) for frame, observation in reading)
