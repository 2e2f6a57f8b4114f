"""Real networks on real clips with true masks: J, F and consistency, raw and stable, as one Markdown table.

    .venv/bin/python benchmarks/real_sequences.py                   all sequences of ../shared/real
    .venv/bin/python benchmarks/real_sequences.py --summary         the means only
    .venv/bin/python benchmarks/real_sequences.py --only dog lucia  some of them

Gain is the change of (J + F) / 2 in points. Raw and every method are measured in one pass over the same
frames and flow; the numbers are those of `vidlab stabilize … --truth`. Rows marked "data's README" are copied
from the README that comes with the data, for comparison; they are not measured here.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from vidlab.classes import class_ids
from vidlab.jobs import MaskFile
from vidlab.jobs.story import hardware
from vidlab.jobs.variants import measure_variants
from vidlab.metrics.summary import ClipSummary
from vidlab.params import DEFAULT_METHOD, method_params

SEQUENCES = Path(__file__).resolve().parents[2] / "shared" / "real" / "sequences"
NETWORKS = {"YOLOv8n-seg": ("yolov8n_seg.json", False), "DeepLabV3": ("deeplabv3_probs", True)}
METHODS = ("flow_fusion", DEFAULT_METHOD)
PUBLISHED = {  # from the data's README: J, F, MC, mean gain in points, worst gain
    ("YOLOv8n-seg", "EMA along the flow, causal"): (0.829, 0.876, 0.931, 1.6, -0.7),
    ("YOLOv8n-seg", "prototype"): (0.863, 0.905, 0.961, 4.8, 0.3),
    ("DeepLabV3", "EMA along the flow, causal"): (0.716, 0.726, 0.853, 2.4, 0.9),
    ("DeepLabV3", "prototype"): (0.779, 0.781, 0.965, 8.3, 1.2),
}
HEADER = "| network | sequence | method | J | F | MC | gain |\n|---|---|---|---:|---:|---:|---:|"
Measured = dict[str, ClipSummary]


def measure(folder: Path, network: str) -> Measured:
    """Measure raw masks and every method on one sequence."""
    masks, probs = NETWORKS[network]
    (target,) = json.loads((folder / "sequence.json").read_text("utf-8"))["target_classes"]
    return measure_variants(
        folder / "frames",
        masks_from=MaskFile(folder / masks, probs),
        variants={name: method_params(name) for name in METHODS},
        class_ids=class_ids([target]),
        truth=folder / "truth",
    )


def gain(measured: Measured, method: str) -> float:
    """Return the change of (J + F) / 2 in points."""
    raw, stable = measured["raw"].jf_mean, measured[method].jf_mean
    return 100 * ((stable or 0.0) - (raw or 0.0))


def sequence_rows(network: str, sequence: str, measured: Measured) -> Iterator[str]:
    """Yield a row for each version of the masks."""
    for method, found in measured.items():
        change = "" if method == "raw" else f"{gain(measured, method):+.1f}"
        numbers = f"{found.j_mean:.3f} | {found.f_mean:.3f} | {found.consistency_mean:.3f} | {change}"
        yield f"| {network} | {sequence} | {method} | {numbers} |"


def mean_rows(network: str, all_measured: list[Measured]) -> Iterator[str]:
    """Yield the mean of the sequences for each version, and what the data's README says."""
    label = f"mean of {len(all_measured)}"
    for method in all_measured[0]:
        names = ("j_mean", "f_mean", "consistency_mean")
        means = [fmean(getattr(measured[method], name) for measured in all_measured) for name in names]
        gains = [gain(measured, method) for measured in all_measured]
        change = "" if method == "raw" else f"{fmean(gains):+.1f} (worst {min(gains):+.1f})"
        yield (
            f"| {network} | {label} | {method} | " + " | ".join(f"{m:.3f}" for m in means) + f" | {change} |"
        )
    for (published, method), (j, f, mc, change, worst) in PUBLISHED.items():
        if published == network:
            numbers = f"{j:.3f} | {f:.3f} | {mc:.3f} | {change:+.1f} (worst {worst:+.1f})"
            yield f"| {network} | data's README | {method} | {numbers} |"


def main() -> int:
    """Print the table; 1 where the data is not here."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="sequences to measure")
    parser.add_argument("--summary", action="store_true", help="print the means only")
    args = parser.parse_args()
    folders = sorted(SEQUENCES.iterdir()) if SEQUENCES.is_dir() else []
    folders = [folder for folder in folders if not args.only or folder.name in args.only]
    if not folders:
        print("../shared/real/sequences must hold the sequences, got none of them", file=sys.stderr)
        return 1
    print(HEADER)
    start_s = time.perf_counter()
    for network in NETWORKS:
        all_measured = []
        for folder in folders:
            all_measured.append(measure(folder, network))
            if not args.summary:
                print(*sequence_rows(network, folder.name, all_measured[-1]), sep="\n", flush=True)
        print(*mean_rows(network, all_measured), sep="\n", flush=True)
    seconds = time.perf_counter() - start_s
    n_frames = sum(measured["raw"].n_frames for measured in all_measured)
    print(f"\n{n_frames} frames per network, {seconds:.0f} s, on {hardware(device='cpu')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
