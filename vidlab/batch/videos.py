"""The task that stabilizes one video: the settings of a task → the job → an outcome."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vidlab.batch.networks import Networks
from vidlab.batch.thumbnails import write_thumbnail
from vidlab.batch.work import Outcome, Task
from vidlab.jobs.progress import Progress
from vidlab.jobs.reading import MaskFile, Network
from vidlab.jobs.selecting import Selection
from vidlab.jobs.stabilize import stabilize
from vidlab.params import (
    METHODS,
    EvidenceParams,
    MethodParams,
    NetworkParams,
    SegmentParams,
    SourceParams,
    WriterParams,
)

OVERLAY, METRICS, THUMBNAIL = "overlay.mp4", "metrics.json", "thumbnail.jpg"


@dataclass(frozen=True, slots=True)
class StabilizeSettings:
    """What `vidlab.jobs.stabilize` takes beside video and folder, as a task carries it.

    Attributes:
        masks_from: Masks of this video, or the network that finds them.
        method: The method with its tunables.
        method_name: Its name.
        class_ids: COCO ids of the wanted classes; None takes all.
        select: The one object that is wanted, as `--select` takes it.
        truth: Folder of true masks.
        source: How frames are read.
        segment: How the network is run.
        evidence: Which detections count.
        writer: How the video is encoded.
        save_frames: Write the frames, too.
        command: The words that give the same result alone, for `params.json`.
    """

    masks_from: MaskFile | Network
    method: MethodParams
    method_name: str
    class_ids: tuple[int, ...] | None = None
    select: str | None = None
    truth: Path | None = None
    source: SourceParams = field(default_factory=SourceParams)
    segment: SegmentParams = field(default_factory=SegmentParams)
    evidence: EvidenceParams = field(default_factory=EvidenceParams)
    writer: WriterParams = field(default_factory=WriterParams)
    save_frames: bool = False
    command: tuple[str, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        masks, network = None, None
        if isinstance(self.masks_from, MaskFile):
            masks = {"path": str(self.masks_from.path), "probs": self.masks_from.probs}
        else:
            options = self.masks_from.options.model_dump(mode="json")
            network = {
                "name": self.masks_from.name,
                "weights": self.masks_from.weights,
                "options": options,
            }
        return {
            "masks": masks,
            "network": network,
            "method": self.method_name,
            "params": self.method.model_dump(mode="json"),
            "class_ids": None if self.class_ids is None else list(self.class_ids),
            "select": self.select,
            "truth": None if self.truth is None else str(self.truth),
            **{name: getattr(self, name).model_dump(mode="json") for name in _GROUPS},
            "save_frames": self.save_frames,
            "command": list(self.command),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "StabilizeSettings":
        """Read what `to_plain` wrote."""
        masks, network = plain["masks"], plain["network"]
        if masks is None:
            options = NetworkParams.model_validate(network["options"])
            masks_from: MaskFile | Network = Network(network["name"], network["weights"], options)
        else:
            masks_from = MaskFile(Path(masks["path"]), masks["probs"])
        return cls(
            masks_from=masks_from,
            method=METHODS[plain["method"]].model_validate(plain["params"]),
            method_name=plain["method"],
            class_ids=None if plain["class_ids"] is None else tuple(plain["class_ids"]),
            select=plain["select"],
            truth=None if plain["truth"] is None else Path(plain["truth"]),
            save_frames=plain["save_frames"],
            command=tuple(plain["command"]),
            **{name: model.model_validate(plain[name]) for name, model in _GROUPS.items()},
        )


_GROUPS: dict[str, Any] = {
    "source": SourceParams,
    "segment": SegmentParams,
    "evidence": EvidenceParams,
    "writer": WriterParams,
}


def stabilize_task(task: Task, *, out: Path, progress: Progress, networks: Networks | None) -> Outcome:
    """Stabilize one video into `out`, going on with what a killed run left beside it.

    Raises:
        VidlabError: What `vidlab.jobs.stabilize` raises.
    """
    settings = StabilizeSettings.from_plain(task.settings)
    masks_from = settings.masks_from
    if networks is not None and isinstance(masks_from, Network):
        masks_from = networks.ready(
            masks_from, device=settings.segment.device, drop_below=settings.evidence.drop_below
        )
    stabilize(
        Path(task.source),
        masks_from=masks_from,
        out=out,
        method=settings.method,
        class_ids=settings.class_ids,
        select=None if settings.select is None else Selection.parse(settings.select),
        truth=settings.truth,
        source=settings.source,
        segment=settings.segment,
        evidence=settings.evidence,
        writer=settings.writer,
        save_frames=settings.save_frames,
        force=True,  # a whole result of another request, left by a kill, may be replaced
        resume=True,
        progress=progress,
        command=settings.command,
    )
    write_thumbnail(out / OVERLAY, out=out / THUMBNAIL)
    return _outcome(task, json.loads((out / METRICS).read_bytes()))


def _outcome(task: Task, measured: dict[str, Any]) -> Outcome:
    metrics = {
        f"{version}_{name}": value
        for version in ("raw", "stable")
        for name, value in measured[version].items()
        if value is None or isinstance(value, (int, float))
    }
    outcome = Outcome(task.key, "done", n_frames=measured["n_frames"], notes=tuple(measured["losses"]))
    return replace(
        outcome,
        seconds=measured["timing"]["total_s"],
        frames_per_s=measured["timing"]["frames_per_s"],
        metrics=metrics,
        links={"overlay": OVERLAY, "thumbnail": THUMBNAIL, "metrics": METRICS},
    )
