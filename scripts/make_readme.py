"""Put printed results into README.md and docs/results.md again: nothing in their tables is typed by hand.

    .venv/bin/python scripts/make_readme.py            everything whose inputs are here
    .venv/bin/python scripts/make_readme.py --no-real  all but the real sequences, minutes of work

Replaced are, in README.md, the output under the Python example, the table of notebooks (their last printed
line), and what our methods gain on the real sequences; in docs/results.md the table of the sample scene
(needs what `make notebooks` leaves in runs/), that of the real sequences (needs ../shared/real), and what
steps and waiting buy (needs what `benchmarks/ablation.py --json runs/ablation.json` and `benchmarks/lag.py
--json runs/lag.json` leave there).
"""

import argparse
import io
import json
import os
import re
import subprocess
import sys
import textwrap
from contextlib import redirect_stdout
from pathlib import Path

from make_start import listed

from vidlab.metrics.clip import ClipMetrics
from vidlab.metrics.comparison import compare
from vidlab.metrics.summary import ClipSummary
from vidlab.params import DEFAULT_METHOD, METHODS, EvaluateParams
from vidlab.viz.show import Table
from vidlab.viz.tables import comparison_rows

ROOT = Path(__file__).resolve().parent.parent
README, RESULTS = ROOT / "README.md", ROOT / "docs" / "results.md"
SAMPLE = ROOT / "runs" / "hw2_01" / "stabilized" / "metrics.json"
REAL = ROOT.parent / "shared" / "real" / "sequences"
ABLATION, LAG = (ROOT / "runs" / f"{name}.json" for name in ("ablation", "lag"))
WIDTH = 120
EXAMPLE = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)


def run_example(code: str) -> str:
    """Run the Python example where the user would, and return what it prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    return printed.getvalue()


def replace_example(text: str) -> str:
    """Run the example and put its output below it."""
    found = EXAMPLE.search(text)
    if found is None:
        raise SystemExit("README.md must hold a ```python block followed by a ```text block")
    return text[: found.start(2)] + run_example(found[1]) + text[found.end(2) :]


def replace_table(text: str, *, after: str, table: str) -> str:
    """Put a Markdown table in place of the first one after a sentence."""
    found = re.search(re.escape(after) + r".*?\n\n((?:\|[^\n]*\n)+)", text, re.DOTALL)
    if found is None:
        raise SystemExit(f"the page must hold a table after {after!r}")
    return text[: found.start(1)] + table.strip() + "\n" + text[found.end(1) :]


def notebook_table() -> str:
    """List the notebooks: the question of each title, and the last line each printed as its answer."""
    rows = [f"| [{each.question}](notebooks/{each.name}) | {each.answer} |" for each in listed()]
    return "\n".join(["| question | answer, as the notebook printed it |", "|---|---|", *rows])


def sample_table() -> str:
    """Repeat the table of the main notebook from the metrics it wrote."""
    metrics = json.loads(SAMPLE.read_text("utf-8"))
    raw, stable = (whole_summary(metrics[name]) for name in ("raw", "stable"))
    rows = comparison_rows(raw, stable, change=compare(raw, stable))
    return Table(("metric", "raw", "stable", "change"), rows).to_markdown()


def whole_summary(means: dict[str, object]) -> ClipSummary:
    """Rebuild a summary from its means; the curves are not in the file."""
    return ClipSummary.model_validate({**means, "curves": ClipMetrics(EvaluateParams()).compute().curves})


def steps_words() -> str:
    """Repeat what the ablation and the lag curve said in words."""
    ablation, lag = (json.loads(path.read_text("utf-8")) for path in (ABLATION, LAG))
    return wrapped(
        f"Points of (J + F) / 2 that each step of the default method buys (`benchmarks/ablation.py`), on "
        f"{ablation['in_words'][DEFAULT_METHOD]} {lag['in_words']} ([curve](../figures/lag.png)). "
        f"The worst drawn clips are [here](../figures/worst.png)."
    )


def real_words(table: str) -> str:
    """Say what our methods gain on the real sequences, given the table of the benchmark.

    >>> row = "| DeepLabV3 | mean of 5 | flow_fusion | 0.8 | 0.8 | 0.9 | +11.5 (worst +1.2) |"
    >>> real_words(row).partition(" over raw: ")[2]
    'DeepLabV3 `flow_fusion` +11.5 (worst +1.2).'
    """
    gains: dict[str, list[str]] = {}
    for row in table.splitlines():
        network, _, method, *_, gain = (cell.strip() for cell in row.strip("|").split("|"))
        if method in METHODS and method != "none":
            gains.setdefault(network, []).append(f"`{method}` {gain}")
    said = "; ".join(f"{network} {', '.join(found)}" for network, found in gains.items())
    return wrapped(
        "On five real sequences (DAVIS 2016, Perazzi et al., CVPR 2016), with masks of two real networks and "
        f"default tunables, points of (J + F) / 2 over raw: {said}."
    )


def wrapped(words: str) -> str:
    """Break a paragraph into lines."""
    return textwrap.fill(words, width=WIDTH, break_long_words=False, break_on_hyphens=False)


def replace_paragraph(text: str, *, after: str, words: str) -> str:
    """Put a paragraph in place of all that stands between a heading and the next one, or the end."""
    found = re.search(rf"^{re.escape(after)}\n\n(.*?)\n(?=\n#|\Z)", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise SystemExit(f"the page must hold a paragraph after {after!r}")
    return text[: found.start(1)] + words + text[found.end(1) :]


def real_table() -> str:
    """Run the benchmark of the real sequences and return its means."""
    command = [sys.executable, str(ROOT / "benchmarks" / "real_sequences.py"), "--summary"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    table, _, note = printed.partition("\n\n")
    print(note.strip())
    return table


def main() -> int:
    """Rewrite both pages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--no-real", action="store_true", help="leave the table of real sequences as it is")
    args = parser.parse_args()
    os.chdir(ROOT)
    text = replace_example(README.read_text("utf-8"))
    text = replace_table(text, after="## Notebooks", table=notebook_table())
    results = RESULTS.read_text("utf-8")
    if SAMPLE.is_file():
        results = replace_table(results, after="## On the sample scene", table=sample_table())
    else:
        print("the table of the sample scene stays as it is: run make notebooks first", file=sys.stderr)
    if REAL.is_dir() and not args.no_real:
        table = real_table()
        results = replace_table(results, after="`benchmarks/real_sequences.py`", table=table)
        text = replace_paragraph(text, after="### On real video", words=real_words(table))
    if ABLATION.is_file() and LAG.is_file():
        results = replace_paragraph(results, after="## Which step buys what", words=steps_words())
    else:
        print("what steps buy stays as it is: run the ablation and the lag curve first", file=sys.stderr)
    README.write_text(text, "utf-8")
    RESULTS.write_text(results, "utf-8")
    print(f"README.md: {len(text.splitlines())} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
