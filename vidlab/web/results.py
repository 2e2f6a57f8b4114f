"""What finished jobs made, and what of it may be fetched: only what is listed here."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vidlab.web.context import Context
from vidlab.web.metric_words import MEANINGS
from vidlab.web.records import Job
from vidlab.web.refusals import CONFLICT, NOT_FOUND, WebError
from vidlab.web.schemas import (
    FrameType,
    MetricCurves,
    MetricRow,
    Metrics,
    ResultFile,
    Results,
    State,
    Versions,
    VideoType,
)

if TYPE_CHECKING:
    from vidlab.metrics.summary import ClipSummary

_MEDIA = {
    ".zip": "application/zip", ".mp4": "video/mp4", ".json": "application/json", ".csv": "text/csv",
    ".png": "image/png",
}  # fmt: skip
_BETTER: dict[str, Literal["higher", "lower", "neither"]] = {
    "more": "higher", "less": "lower", "neither": "neither",
}  # fmt: skip
_PLOT = "plot_"


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where a file of a result lies, and what it is."""

    path: str
    meaning: str


_SEGMENTED = {
    "masks.zip": _Kept("downloads/masks.zip", "The masks of each frame by itself: PNGs, 255 inside."),
    "labels.zip": _Kept("downloads/labels.zip", "The class of each pixel: indexed PNGs."),
    "instances.json": _Kept("result/instances.json", "Every object that was found: COCO results."),
    "raw.mp4": _Kept("films/raw.mp4", "The video with these masks drawn over it."),
    "original.mp4": _Kept("films/original.mp4", "The video as it is shown on the page."),
    "params.json": _Kept("downloads/params.json", "What has to be known to repeat this."),
}
_STABILIZED = {
    "masks.zip": _Kept("downloads/masks.zip", "The stable masks: PNGs, 255 inside."),
    "labels.zip": _Kept("downloads/labels.zip", "The class of each pixel, stable: indexed PNGs."),
    "instances.json": _Kept("result/instances.json", "Every object with its identity: COCO results."),
    "stable.mp4": _Kept("films/stable.mp4", "The video with the stable masks drawn over it."),
    "overlay.mp4": _Kept("result/overlay.mp4", "Raw and stable masks side by side."),
    "metrics.json": _Kept("result/metrics.json", "All numbers, raw and stable."),
    "curves.csv": _Kept("result/curves.csv", "One row of numbers per frame."),
    "params.json": _Kept("downloads/params.json", "What has to be known to repeat this."),
}


def results_of(job: Job, *, context: Context) -> Results:
    """List what a finished job made.

    Raises:
        WebError: It is not finished.
    """
    require_done(job)
    view = json.loads((context.home.job(job.id) / "films" / "view.json").read_bytes())
    return Results(
        job_id=job.id,
        kind=job.kind,
        n_frames=view["n_frames"],
        fps=view["fps"],
        size_hw=_source_size(job, view, context),
        view_hw=view["view_hw"],
        pts_s=view["pts_s"],
        files=[
            ResultFile(
                name=name,
                url=f"/api/files/{job.id}/{name}",
                bytes=path.stat().st_size,
                media_type=media_type_of(name),
                meaning=meaning,
            )
            for name, (path, meaning) in files_of(job, context=context).items()
        ],
        frames={kind: f"/api/frames/{job.id}/{kind}/{{num}}" for kind in frame_types(job)},
        videos={kind: f"/api/video/{job.id}/{kind}" for kind in video_types(job)},
        losses=view["losses"],
    )


def _source_size(job: Job, view: dict[str, Any], context: Context) -> tuple[int, int]:
    upload = context.store.upload(job.upload_id)
    height, width = view["size_hw"] if upload is None else upload.facts["size_hw"]
    return (height, width)


def files_of(job: Job, *, context: Context) -> dict[str, tuple[Path, str]]:
    """Return the files of a finished job: name → path and meaning."""
    folder = context.home.job(job.id)
    listed = _SEGMENTED if job.kind == "segment" else _STABILIZED
    found = {name: (folder / kept.path, kept.meaning) for name, kept in listed.items()}
    for path in sorted((folder / "result" / "plots").glob("*.png")):
        found[f"{_PLOT}{path.name}"] = (path, f"Plot: {path.stem.replace('_', ' ')}.")
    return {name: (path, meaning) for name, (path, meaning) in found.items() if path.is_file()}


def file_of(job: Job, name: str, *, context: Context) -> Path:
    """Return where a file lies that is listed.

    Raises:
        WebError: The job is not finished, or lists no such file.
    """
    require_done(job)
    files = files_of(job, context=context)
    if name not in files:
        raise WebError(NOT_FOUND, f"this job has no such file; choose from: {', '.join(files)}")
    return files[name][0]


def media_type_of(name: str) -> str:
    """Return the media type of a file that is listed."""
    return _MEDIA[Path(name).suffix]


def frame_types(job: Job) -> tuple[FrameType, ...]:
    """Return what the frames of a job can show."""
    if job.kind == "segment":
        return ("original", "raw")
    return ("original", "raw", "stable", "overlay", "difference")


def video_types(job: Job) -> tuple[VideoType, ...]:
    """Return what the videos of a job show."""
    return ("original", "raw") if job.kind == "segment" else ("original", "raw", "stable")


def segmentation_of(job: Job) -> str:
    """Return the id of the segmentation that a job is, or is of."""
    return job.parent_id or job.id


def video_of(job: Job, kind: VideoType, *, context: Context) -> Path:
    """Return where a video lies.

    Raises:
        WebError: The job is not finished, or has none of this kind.
    """
    require_done(job)
    require_type(job, kind, video_types(job))
    owner = job.id if kind == "stable" else segmentation_of(job)
    return context.home.job(owner) / "films" / f"{kind}.mp4"


def require_type(job: Job, kind: str, kinds: tuple[str, ...]) -> None:
    """Refuse what a job of this kind does not have.

    Raises:
        WebError: It is not among them.
    """
    if kind not in kinds:
        raise WebError(
            NOT_FOUND, f"a segmentation shows {' and '.join(kinds)}, got {kind}; stabilize it first"
        )


def require_done(job: Job) -> None:
    """Refuse a job that has no result.

    Raises:
        WebError: It waits, runs, failed or was cancelled.
    """
    if job.state is not State.DONE:
        why = f": {job.error}" if job.error else ""
        raise WebError(CONFLICT, f"this job has no result, it is {job.state}{why}")


def metrics_of(job: Job, *, context: Context) -> Metrics:
    """Return what a stabilization changed.

    Raises:
        WebError: The job is not finished, or is a segmentation.
    """
    require_done(job)
    if job.kind == "segment":
        raise WebError(CONFLICT, "a segmentation has no metrics of its own; stabilize it to compare")
    from vidlab.jobs.finished import finished_result
    from vidlab.metrics.verdict import explain_change

    folder = context.home.job(job.id)
    result = finished_result(folder / "result")
    view = json.loads((folder / "films" / "view.json").read_bytes())
    raw, stable = result.raw, result.stable
    return Metrics(
        job_id=job.id,
        method=job.wanted["method"],
        raw=raw.model_dump(mode="json", exclude={"curves"}),
        stable=stable.model_dump(mode="json", exclude={"curves"}),
        improvement=result.change.model_dump(mode="json"),
        words=explain_change(raw, stable),
        curves=MetricCurves(
            pts_s=view["pts_s"],
            iou=Versions(raw=list(raw.curves.iou_prev), stable=list(stable.curves.iou_prev)),
            area_px=Versions(raw=list(raw.curves.area_px), stable=list(stable.curves.area_px)),
        ),
        rows=_rows(raw, stable),
    )


def _rows(raw: "ClipSummary", stable: "ClipSummary") -> list[MetricRow]:
    from vidlab.viz.wording import METRICS

    rows = []
    for name, (meaning, unit) in MEANINGS.items():
        metric = METRICS[name]
        before, after = getattr(raw, name), getattr(stable, name)
        if before is not None or after is not None:
            rows.append(
                MetricRow(
                    name=name,
                    label=metric.label,
                    meaning=meaning,
                    unit=unit,
                    decimals=metric.decimals,
                    raw=before,
                    stable=after,
                    better=_BETTER[metric.better],
                )
            )
    return rows
