"""Write docs/speed.md anew from what the benchmarks of speed left in runs/: nothing in it is typed by hand.

    .venv/bin/python benchmarks/decode.py FILE … --json runs/decode.json
    .venv/bin/python benchmarks/schedules.py --json runs/schedules.json
    .venv/bin/python benchmarks/verdict.py --json runs/verdict.json
    .venv/bin/python benchmarks/preprocess.py --json runs/preprocess.json
    .venv/bin/python benchmarks/models.py --batch 1 4 --json runs/models.json
    .venv/bin/python benchmarks/heap.py FILE --json runs/heap.json
    .venv/bin/python benchmarks/pipeline_claims.py --json runs/claims.json
    .venv/bin/python scripts/make_speed.py

A benchmark that was not run leaves its part of the page out, and the page says so.
"""

import json
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidlab.viz.show import Table

ROOT = Path(__file__).resolve().parent.parent
PAGE, RUNS = ROOT / "docs" / "speed.md", ROOT / "runs"
OTHERS = ("opencv", "torchcodec", "decord")
WITHIN = 0.10  # of the reached time, which the verdict's prediction is held to
HEAD = """# Speed

Printed by the benchmarks named in each part and put here by `scripts/make_speed.py`. Frames per second hold
for the machine named; ratios are of one run, rounds interleaved, medians. No part was measured on a GPU
unless it names one.
"""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return Table(tuple(header), [tuple(row) for row in rows]).to_markdown()


def decoding(stored: dict[str, Any]) -> str:
    """Say how near reading comes to its limits, on each file."""
    rows = []
    for one in stored["results"]:
        height, width = one["size_hw"]
        rates, to_ffmpeg = one["frames_per_s"], one["to_ffmpeg"]
        rows.append(
            (
                one["file"], f"{width}×{height}", f"{rates['vidlab pyav']:,.0f}",
                *(f"{rates[name]:,.0f}" if name in rates else "–" for name in OTHERS),
                f"{to_ffmpeg['vidlab pyav']:.2f}", one["auto"], f"{one['auto_to_fastest']:.2f}",
                f"{one['range_to_torchcodec']:.2f}",
            )
        )  # fmt: skip
    machine = stored["machine"]
    versions = ", ".join(
        f"{name} {version}" for name, version in machine.items() if name not in ("cpu", "cores")
    )
    return (
        "`benchmarks/decode.py`: frames/s to RGB arrays, ours through PyAV beside other libraries "
        "called directly; "
        "`ffmpeg -f null` only decodes. `auto` is held against the fastest backend as vidlab gives "
        "it (owed 0.95), a "
        "range of 60 frames from the middle against torchcodec (owed 0.95), 1080p against ffmpeg (owed 0.9). "
        f"{machine['cores']} cores ({machine['cpu']}); {versions}.\n\n"
    ) + table(
        ("file", "size", "vidlab pyav", "opencv", "torchcodec", "decord", "pyav to ffmpeg", "auto takes",
         "auto to fastest", "range to torchcodec"),
        rows,
    )  # fmt: skip


def schedules(stored: dict[str, Any]) -> str:
    """Say how much of what is possible overlap reaches."""
    rows = []
    for name, one in stored.items():
        gain = statistics.median(each["sequential_s"] / each["overlapped_s"] for each in one["rounds"])
        reached = f"{one['ratio']:.3f} ({one['lowest']:.3f} to {one['highest']:.3f})"
        rows.append(
            (
                name.replace(" | ", " → "),
                one["bound by"],
                reached,
                f"{gain:.2f} ×",
                "yes" if one["held"] else "no",
            )
        )
    return (
        "`benchmarks/schedules.py`: throughput of the overlapped pipeline as a share of what bounds "
        "it: its slowest "
        "stage alone, or, where stages on shared cores slow each other, the machine with every stage "
        "in a process of "
        "its own and nothing handed on. Owed: 0.95.\n\n"
    ) + table(("pipeline", "bound by", "reached", "to sequential", "held"), rows)


def verdict(stored: dict[str, Any]) -> str:
    """Say how right the prediction was."""
    rows = []
    for name, runs in (("sleeping stages, nothing shared", stored["sleeping"]),
                       ("hashing stages on shared cores", stored["shared"])):  # fmt: skip
        errors = np.abs([run["error"] for run in runs])
        right = sum(run["right_bottleneck"] for run in runs)
        rows.append(
            (name, str(len(runs)), f"{np.mean(errors <= WITHIN):.0%}", f"{np.median(errors):.1%}",
             f"{errors.max():.1%}", f"{right} of {len(runs)}")
        )  # fmt: skip
    return (
        "`benchmarks/verdict.py`: random pipelines of known cost with real threads and real time, "
        "predicted against "
        f"reached. {stored['hardware']}.\n\n"
    ) + table(("pipelines", "n", "within 10 %", "median error", "largest", "right bottleneck"), rows)


def networks(stored: dict[str, Any]) -> str:
    """Say how many frames per second each network sees."""
    by_batch = stored["frames_per_s"]
    height, width = stored["size_hw"]
    rows = [
        (label, *(f"{statistics.median(rates[label]):.2f}" for rates in by_batch.values()))
        for label in next(iter(by_batch.values()))
    ]
    return (
        f"`benchmarks/models.py`: frames/s, pictures of {width}×{height}, from array to masks. "
        f"{stored['hardware']}. "
        "Random weights where it says so: for timing only.\n\n"
    ) + table(("network", *(f"batch {batch}" for batch in by_batch)), rows)


def variants(stored: dict[str, Any]) -> str:
    """Say what each way to run the network buys."""
    as_is = next(iter(stored["variants"].values()))
    rows = []
    for name, one in stored["variants"].items():
        if one["skipped"]:
            rows.append((name, "–", "–", one["skipped"].replace("|", "/")))
            continue
        gains = (
            statistics.median(before / after for before, after in zip(as_is[part], one[part], strict=True))
            for part in ("model_ms", "end_ms")
        )
        rows.append((name, *(f"{gain:.2f} ×" for gain in gains), ""))
    return (
        "`benchmarks/preprocess.py`: LRASPP, random weights; times as fast as it is. "
        f"{stored['hardware']}.\n\n"
    ) + table(("one change", "model alone", "end to end", "left out"), rows)


def claims(stored: dict[str, Any]) -> str:
    """Repeat what became of each claim."""
    rows = [
        tuple(
            " ".join(one[part].split()).replace("|", "/") for part in ("claim", "careless", "honest", "why")
        )
        for one in stored["claims"]
    ]
    return f"`benchmarks/pipeline_claims.py`. {stored['hardware']}.\n\n" + table(
        ("claim", "the mistake shows", "measured honestly", "why the other number appears"), rows
    )


def heap(stored: dict[str, Any]) -> str:
    """Say what keeping freed memory buys."""
    ways = stored["ways"]
    rows = [
        (way, *(f"{statistics.median(each[name] for each in rounds):,.0f}" for name in ("ms", "faults")))
        for way, rounds in ways.items()
    ]
    kept, given_back = ways.values()
    gain = statistics.median(
        after["ms"] / before["ms"] for before, after in zip(kept, given_back, strict=True)
    )
    return (
        f"`benchmarks/heap.py`: {stored['video']} through decoder and {stored['model']} on the CPU. Kept, a "
        f"frame takes {1 / gain:.0%} of the time.\n\n"
    ) + table(("freed memory is", "ms per frame", "page faults per frame"), rows)


PARTS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "Decoding": ("decode", decoding),
    "Overlap": ("schedules", schedules),
    "The verdict": ("verdict", verdict),
    "Networks": ("models", networks),
    "What one change buys": ("preprocess", variants),
    "Page faults": ("heap", heap),
    "Claims, checked": ("claims", claims),
}


def main() -> int:
    """Write the page."""
    parts = [HEAD]
    for title, (name, write) in PARTS.items():
        path = RUNS / f"{name}.json"
        if path.is_file():
            parts.append(f"## {title}\n\n{write(json.loads(path.read_text('utf-8'))).strip()}\n")
        else:
            parts.append(f"## {title}\n\nNot measured: `runs/{name}.json` was not there.\n")
            print(f"{path} is not there: run its benchmark first", file=sys.stderr)
    PAGE.write_text("\n".join(parts), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
