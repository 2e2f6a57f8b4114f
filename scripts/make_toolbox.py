"""Write docs/toolbox.md anew: what the benchmarks of networks, flow, identities and refinement print.

    for name in flows tracking refinement keyframes networks; do
        .venv/bin/python benchmarks/$name.py --json runs/$name.json > runs/$name.txt
    done
    .venv/bin/python scripts/make_toolbox.py

The tables stand as they were printed; what each of them means is the benchmark's own docstring. A benchmark
that was not run leaves its part of the page out, and the page says so.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE, RUNS, BENCHMARKS = ROOT / "docs" / "toolbox.md", ROOT / "runs", ROOT / "benchmarks"
PARTS = {
    "Optical flow": "flows",
    "Identities": "tracking",
    "Refined outlines": "refinement",
    "Fewer calls of the network": "keyframes",
    "A faster network": "networks",
}
HEAD = """# The toolbox, measured

Networks, optical flow, identities and refinement: what the benchmarks named in each part printed, put here by
`scripts/make_toolbox.py`. Nothing was measured on a GPU unless a part names one.
"""
NOISE = re.compile(r"INFO|WARNING|figures  |.* ━+ +\d+%")  # lines about the run, not about its result


def explained(name: str) -> str:
    """Return the docstring of a benchmark, its commands as a block of code."""
    text = ast.get_docstring(ast.parse((BENCHMARKS / f"{name}.py").read_text("utf-8"))) or ""
    title, _, rest = text.partition("\n\n")
    body = "\n\n".join(part for part in rest.split("\n\n") if not part.startswith("    "))
    return f"*{title}* `benchmarks/{name}.py`\n\n{body}"


def printed(text: str) -> str:
    """Return what was printed without trailing space, and without lines about the run itself."""
    lines = [line.rstrip() for line in text.splitlines() if not NOISE.match(line)]
    return "\n".join(lines).strip("\n")


def main() -> int:
    """Write the page."""
    parts = [HEAD]
    for title, name in PARTS.items():
        path = RUNS / f"{name}.txt"
        if path.is_file():
            parts.append(
                f"## {title}\n\n{explained(name)}\n\n```text\n{printed(path.read_text('utf-8'))}\n```\n"
            )
        else:
            parts.append(f"## {title}\n\nNot measured: `runs/{name}.txt` was not there.\n")
            print(f"{path} is not there: run its benchmark first", file=sys.stderr)
    PAGE.write_text("\n".join(parts), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
