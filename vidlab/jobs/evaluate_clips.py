"""Measure the masks of many clips, one after the other; a bad clip does not stop the others."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidlab.errors import SourceError, UsageError
from vidlab.jobs.clips import ClipPaths, match_clips
from vidlab.jobs.evaluate import EvaluateResult, measure_clip
from vidlab.jobs.intervals import clip_intervals, interval_json
from vidlab.jobs.output import optional_result_folder
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.record import describe_params, describe_run, write_json
from vidlab.jobs.report import write_report
from vidlab.metrics.bootstrap import Interval
from vidlab.metrics.statistics import mean
from vidlab.metrics.summary import ClipSummary
from vidlab.params import EvaluateParams, SourceParams
from vidlab.viz.wording import METRICS

ClipProgress = Callable[[str], AbstractContextManager[Progress]]
"""Gives the progress of one clip, for its title such as `dog (2 of 5)`."""


@dataclass(frozen=True, slots=True)
class ClipsResult:
    """What the masks of many clips are worth.

    Attributes:
        results: Name of a clip → what was measured; clips that failed are missing.
        failures: Name of a clip → what is wrong with it.
        mean: Name of a metric → its mean over clips, long ones counting no more than short ones; None where
            no clip has it.
        against_mean: The same of the masks that they were compared with; None without them.
        intervals: Name of a metric → how sure the mean difference over clips is.
        params: How masks were judged.
    """

    results: dict[str, EvaluateResult]
    failures: dict[str, str]
    mean: dict[str, float | None]
    against_mean: dict[str, float | None] | None = None
    intervals: dict[str, Interval] = field(default_factory=dict)
    params: EvaluateParams = field(default_factory=EvaluateParams)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON-ready values, curves included; what is undefined is None."""
        return {
            "clips": {name: result.to_json() for name, result in self.results.items()},
            **self.to_json_of_all(),
        }

    def to_json_of_all(self) -> dict[str, Any]:
        """Return what concerns all clips together, as JSON-ready values."""
        return {
            "n_clips": len(self.results),
            "failures": self.failures,
            "params": self.params.model_dump(mode="json"),
            "mean": self.mean,
            "against_mean": self.against_mean,
            "intervals": {name: interval_json(one) for name, one in self.intervals.items()},
        }


def _silent(_title: str) -> AbstractContextManager[Progress]:
    return nullcontext(silent)


def evaluate_clips(
    masks: Path,
    *,
    truth: Path | None = None,
    video: Path | None = None,
    against: Path | None = None,
    source: SourceParams | None = None,
    params: EvaluateParams | None = None,
    out: Path | None = None,
    force: bool = False,
    progress: ClipProgress = _silent,
    command: Sequence[str] = (),
) -> ClipsResult:
    """Measure a folder of clips; arguments are those of `evaluate`, matched by name as `match_clips` does.

    `out` gets a folder for each clip, and a `metrics.json` of all.

    Raises:
        SourceError: A folder cannot be used; what is wrong with one clip only is told in `failures`.
        OutputError: `out` is not empty, touches an input, or cannot be written.
    """
    rules, judging = source or SourceParams(), params or EvaluateParams()
    roots = ClipPaths(masks, truth, video, against)
    with optional_result_folder(out, force=force, inputs=roots.given) as folder:
        found, failures = match_clips(masks, truth=truth, video=video, against=against)
        results: dict[str, EvaluateResult] = {}
        for place, (name, paths) in enumerate(found.items(), start=1):
            try:
                with progress(f"{name} ({place} of {len(found)})") as advance:
                    result = measure_clip(paths, source=rules, params=judging, progress=advance)
                if folder is not None:
                    (folder / name).mkdir()
                    write_report(folder / name, result, source=rules, command=command)
            except (SourceError, UsageError) as error:  # a full disk or a missing package stops them all
                failures[name] = str(error)
                if folder is not None:
                    shutil.rmtree(folder / name, ignore_errors=True)
            else:
                results[name] = result
        everything = _sum_up(results, failures=dict(sorted(failures.items())), params=judging)
        if folder is not None:
            run = describe_run(job="evaluate", command=command, class_ids=None)
            content = {**run, **describe_params(source=rules), **everything.to_json_of_all()}
            write_json(folder / "metrics.json", content)
    return everything


def _sum_up(
    results: dict[str, EvaluateResult], *, failures: dict[str, str], params: EvaluateParams
) -> ClipsResult:
    masks = {name: result.summary for name, result in results.items()}
    others = {name: result.against_summary for name, result in results.items()}
    against = {name: summary for name, summary in others.items() if summary is not None}
    if not against:
        return ClipsResult(results, failures, _mean(masks), params=params)
    intervals = clip_intervals(masks, against, params=params)
    return ClipsResult(results, failures, _mean(masks), _mean(against), intervals, params)


def _mean(summaries: Mapping[str, ClipSummary]) -> dict[str, float | None]:
    means: dict[str, float | None] = {}
    for name in METRICS:
        known = [value for one in summaries.values() if (value := getattr(one, name)) is not None]
        means[name] = mean(known) if known else None
    return means
