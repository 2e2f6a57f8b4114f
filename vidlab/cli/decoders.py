"""`vidlab decoders`: its words, and what it prints. Decoding is imported late: --help is instant."""

import argparse
import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vidlab.cli.options import Parser, add_options, given
from vidlab.params import DecodingParams, SourceParams

if TYPE_CHECKING:
    from vidlab.video.survey import Finding, Survey

SUMMARY = "compare the decoding libraries on your own video, and say which to take"
DESCRIPTION = """\
Reads VIDEO with every decoding library that is here, in step with PyAV: number of frames, times, pixels.
Then measures them for a few seconds and says which one backend=auto takes, and why.
Times of a file are those of its packets; pixels are the worst frame's mean difference to PyAV, of 255."""
EXAMPLES = ("vidlab decoders clip.mp4", "vidlab decoders clip.mp4 --threads 1 --max-frames 100 --json")


def add(to: Any, command: Callable[..., Parser]) -> None:
    """Add the command `vidlab decoders` and everything it takes."""
    parser = command(to, "decoders", SUMMARY, DESCRIPTION, *EXAMPLES)
    parser.set_defaults(run=run)
    parser.add_argument("video", metavar="VIDEO", help="video file")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    add_options(parser, DecodingParams, only=set(DecodingParams.model_fields) - {"backend"})
    add_options(parser, SourceParams, only=("max_frames",))


def run(args: argparse.Namespace) -> int:
    """Run `vidlab decoders`."""
    rules, source = given(args, DecodingParams), given(args, SourceParams)
    from vidlab.video.survey import survey

    found = survey(args.video, rules=rules, max_frames=source.max_frames)
    if args.json:
        print(json.dumps(_facts(found), indent=2, ensure_ascii=False))
        return 0
    from vidlab.cli.tables import print_lines, print_table

    header = ("backend", "version", "frames", "same time", "pixels", "frames/s")
    print_table(header, [_row(name, found) for name in found.findings], title="", right=(2, 3, 4, 5))
    remarks = [f"{name}: {each}" for name, finding in found.findings.items() for each in _remarks(finding)]
    print_lines("remarks", remarks)
    print(f"auto: {found.choice.explain()}")
    return 0


def _row(name: str, found: "Survey") -> tuple[str, ...]:
    finding, rate = found.findings[name], found.choice.frames_per_s.get(name)
    version = finding.availability.version or "missing"
    speed = "–" if rate is None else f"{rate:.0f}"
    if finding.refusal:
        return (name, version, "–", "–", "–", "–")
    counted = f"{finding.n_frames} of {found.n_compared}"
    return (name, version, counted, str(finding.n_same_times), f"{finding.worst_difference:.2f}", speed)


def _remarks(finding: "Finding") -> list[str]:
    refusal = [finding.refusal] if finding.refusal else []
    return [*refusal, *finding.losses, *(f"known: {each}" for each in finding.availability.warnings)]


def _facts(found: "Survey") -> dict[str, Any]:
    backends = {
        name: {
            "version": finding.availability.version,
            "refusal": finding.refusal or None,
            "n_frames": finding.n_frames,
            "n_same_times": finding.n_same_times,
            "worst_difference": None if math.isnan(finding.worst_difference) else finding.worst_difference,
            "frames_per_s": found.choice.frames_per_s.get(name),
            "losses": finding.losses,
            "warnings": finding.availability.warnings,
        }
        for name, finding in found.findings.items()
    }
    auto = {"backend": found.choice.backend, "explanation": found.choice.explain()}
    return {"n_compared": found.n_compared, "backends": backends, "auto": auto}
