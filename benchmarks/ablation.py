"""What each step of our stabilizer buys: every step taken out in turn, on real and on drawn clips.

    python benchmarks/ablation.py                     causal and two-pass, real and synthetic
    python benchmarks/ablation.py --quick             the first frames of fewer clips: a look, no result
    python benchmarks/ablation.py --only synthetic --methods flow_fusion --seed 3
    python benchmarks/ablation.py --steps neighbors   one step, or some
    python benchmarks/ablation.py --json runs/ablation.json

Steps are the tunables that are true or false, and the numbers that say where they are off (`params`); and
what the network says beside masks: its scores, and detections too doubtful to count. Gain is the change of
(J + F) / 2 against raw in points, mean and worst clip; buys is what is lost of the mean without the step.
Steps that are offered but off by default (`OFFERED`) are put in: they buy what is won with them.
Excess is instability along a flow, DIS FAST (as MC) or Farneback, beyond that of the truth: 0.01 is the goal.
Ghosts are frames per clip that show a mask where an object has left, over the clips it leaves. Results are
kept in runs/leaderboard: a second run measures only what has changed since.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import contest_films as films
from contest_films import RAW, Results, entered, ours, row_of
from contest_methods import Method
from rich.console import Console
from rich.table import Table

from vidlab.jobs.story import hardware
from vidlab.jobs.variants import ablations
from vidlab.params import method_params
from vidlab.temporal.protocol import Evidence

METHODS = ("flow_fusion", "flow_fusion_two_pass")
ALL = "all"
WITH = "with "
IDLE_POINTS, IDLE_EXCESS = 0.1, 0.0005  # a step that changes less than this changes nothing
OFFERED = {"neighbors": 3}  # steps that are off by default, and where they are on
WORTH_SAYING = 1.0  # points: in words, smaller numbers are not told
HEADINGS = (
    "without", "gain (worst)", "buys", "MC", "excess DIS", "excess Farneback", "ghosts", "worst clip",
)  # fmt: skip

Row = dict[str, Any]


# ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────
def without_scores(evidence: Evidence) -> Evidence:
    """Hear masks and probabilities, and not how sure the network is of them."""
    return replace(evidence, strength=(evidence.strength > 0).astype(evidence.strength.dtype))


def without_doubtful(evidence: Evidence) -> Evidence:
    """Hear nothing of detections below the operating point."""
    return replace(evidence, doubtful=None)


HEARS_LESS: dict[str, Callable[[Evidence], Evidence]] = {
    "step 1, scores": without_scores,
    "step 1, doubtful detections": without_doubtful,
}


def versions(method: str, *, only: Iterable[str] = ("",)) -> list[Method]:
    """Enter raw masks, a method, and the method without each step whose name holds one of some words."""
    whole = method_params(method)
    entries = [ours(RAW, "none"), entered(method, whole)]
    for step, hears in HEARS_LESS.items():
        entries.append(replace(entered(f"{method} without {step}", whole), hears=hears))
    for step, params in ablations(whole).items():
        entries.append(entered(f"{method} without {step.removeprefix('without ')}", params))
    for name, value in OFFERED.items():
        entries.append(entered(f"{method} {WITH}{name} = {value}", whole.model_copy(update={name: value})))
    whole_only, steps = entries[:2], entries[2:]
    return whole_only + [entry for entry in steps if any(word in entry.name for word in only)]


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────
def rows_of(results: Results, method: str) -> dict[str, Row]:
    """Reduce the records of some clips to a row for raw, the whole method, and it without each step."""
    found = next(iter(results.values()))
    names = {RAW: RAW, ALL: method}
    names |= {name.partition(" without ")[2]: name for name in found if name.startswith(f"{method} without ")}
    names |= {name.removeprefix(f"{method} "): name for name in found if name.startswith(f"{method} {WITH}")}
    rows = {step: row_of(results, name) for step, name in names.items()}
    for step, row in rows.items():
        bought = rows[ALL]["gain"] - row["gain"]
        row["buys"] = None if step in (RAW, ALL) else -bought if step.startswith(WITH) else bought
    return rows


def verdicts(groups: Mapping[str, Mapping[str, Row]]) -> dict[str, str]:
    """Say of each step, given group → step → row, what it does: buys, buys calm only, nothing, or harm.

    >>> whole = {"buys": None, "excess_dis": 0.010, "excess_farneback": 0.02}
    >>> without = {"buys": 0.05, "excess_dis": 0.012, "excess_farneback": 0.02}
    >>> verdicts({"drawn": {"all": whole, "x": without}})
    {'x': 'buys calm only'}
    """
    said = {}
    for step in next(iter(groups.values())):
        if step in (RAW, ALL):
            continue
        buys = [rows[step]["buys"] for rows in groups.values()]
        sign = -1 if step.startswith(WITH) else 1
        calm = [
            max(sign * (rows[step][name] - rows[ALL][name]) for name in ("excess_dis", "excess_farneback"))
            for rows in groups.values()
        ]
        if max(buys) >= IDLE_POINTS:
            said[step] = "earns its place" if min(buys) > -IDLE_POINTS else "buys here, harms there"
        elif max(calm) >= IDLE_EXCESS:
            said[step] = "buys calm only" if min(buys) > -IDLE_POINTS else "buys calm, costs accuracy"
        else:
            said[step] = "buys nothing" if min(buys) > -IDLE_POINTS else "harms"
    return said


def short(step: str) -> str:
    """Return the name of a step.

    >>> short("step 2, carry"), short("edge_weight = 0"), short("with neighbors = 3")
    ('carry', 'edge_weight', 'neighbors')
    """
    return step.partition(" = ")[0].rpartition(", ")[2].removeprefix(WITH)


def in_words(groups: Mapping[str, Mapping[str, Row]]) -> str:
    """Say what each step buys in each group of clips, most useful first; what never buys much, by name only.

    >>> rows = {"step 2, carry": {"buys": 4.04}, "flow_error = 100": {"buys": -0.1}}
    >>> in_words({"drawn": rows, "YOLO": rows})
    '`carry` +4.0 / +4.0; less than a point either way: `flow_error`.'
    """
    bought: dict[str, list[float]] = {}
    for step in (step for step in next(iter(groups.values())) if step not in (RAW, ALL)):
        name = short(step)
        bought[name if step in HEARS_LESS else f"`{name}`"] = [rows[step]["buys"] for rows in groups.values()]
    names = sorted(bought, key=lambda name: -sum(bought[name]))
    much = [name for name in names if max(map(abs, bought[name])) >= WORTH_SAYING]
    said = ", ".join(f"{name} {' / '.join(f'{v:+.1f}' for v in bought[name])}" for name in much)
    little = ", ".join(name for name in names if name not in much)
    return f"{said}; less than a point either way: {little}." if little else f"{said}."


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────
def table_of(title: str, rows: Mapping[str, Row]) -> Table:
    """Make the table of one method on one group of clips."""
    table = Table(title=title)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in HEADINGS[::7] else "right", no_wrap=True)
    for step, row in rows.items():
        ghosts = "–" if row["ghosts"] is None else f"{row['ghosts']:.1f}"
        table.add_row(
            step,
            "" if step == RAW else f"{row['gain']:+.1f} ({row['worst']:+.1f})",
            "" if row["buys"] is None else f"{row['buys']:+.2f}",
            f"{row['mc']:.3f}", f"{row['excess_dis']:+.4f}", f"{row['excess_farneback']:+.4f}",
            ghosts, "" if step == RAW else row["worst_clip"],
        )  # fmt: skip
    return table


def verdict_table(method: str, groups: Mapping[str, Mapping[str, Row]]) -> Table:
    """Make the table of what each step of a method buys in each group of clips, most useful first."""
    table = Table(title=f"{method}: points of (J + F) / 2 that each step buys")
    table.add_column("step", no_wrap=True)
    for group in groups:
        table.add_column(group, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    said = verdicts(groups)
    for step in sorted(said, key=lambda step: -sum(rows[step]["buys"] for rows in groups.values())):
        table.add_row(short(step), *(f"{rows[step]['buys']:+.2f}" for rows in groups.values()), said[step])
    return table


def main() -> int:
    """Measure and print."""
    parser = films.command(__doc__)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="one of the two")
    parser.add_argument("--steps", nargs="+", metavar="NAME", help="these steps alone, by a part of the name")
    args = parser.parse_args()
    console = Console(width=150)
    made: dict[str, Any] = {"hardware": hardware(device="cpu"), "seed": args.seed, "frames": args.frames}
    made |= {"methods": {method: {} for method in args.methods}, "in_words": {}, "clips": {}}
    entries = {
        entry.name: entry for method in args.methods for entry in versions(method, only=args.steps or [""])
    }
    for group, results in films.measured(args, list(entries.values())):
        made["clips"] |= results
        for method in args.methods:
            made["methods"][method][group] = rows = rows_of(results, method)
            console.print(table_of(f"{method} on {group}, {len(results)} clips", rows))
    for method, groups in made["methods"].items():
        if groups:
            console.print(verdict_table(method, groups))
            made["in_words"][method] = f"{' / '.join(groups)}: {in_words(groups)}"
            console.print(f"{method}, points of (J + F) / 2 on {made['in_words'][method]}\n", highlight=False)
    films.write_json(args.json, made)
    return 0


if __name__ == "__main__":
    films.run(main)
