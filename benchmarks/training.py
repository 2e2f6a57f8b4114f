"""What a validation is worth whose pictures also teach, what each loss buys, and the curve of a longer run.

    python benchmarks/training.py                      all three, on synthetic scenes, as a CPU can do them
    python benchmarks/training.py --quick              a look, no result
    python benchmarks/training.py --only leak          one of: leak, losses, long
    python benchmarks/training.py --full               the reference's size, 256 pixels and 64 channels: a GPU
    python benchmarks/training.py --json runs/training.json

leak: The reference repeats each picture 60 times and splits after that, so that the same pictures teach and
judge. One run of its recipe, as many epochs as its claim names; then the same weights are measured three
times: on the pictures that taught them, on frames midway between those, and on scenes they never saw.
losses: The same network, pictures, order and steps, another loss, with several seeds; judged by Dice on
scenes that neither taught nor chose the best epoch, as masks are used: a pixel is of the class whose
probability exceeds a half.
long: The recipe `small` for more epochs; its curves go to figures/training.png, or to `--figure FILE`.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from rich.console import Console
from rich.table import Table

from vidlab import models
from vidlab.jobs.story import hardware
from vidlab.jobs.training import CURVES, TrainResult, train
from vidlab.jobs.training_data import TrainSource
from vidlab.jobs.training_settings import TrainSettings
from vidlab.jobs.training_story import draw_between, draw_data, judge_weights
from vidlab.params import LossName, SceneDataParams
from vidlab.training.course import LAST
from vidlab.training.pairs import find_pairs
from vidlab.training.scenes import scene_names
from vidlab.training.scores import Scores

ROOT = Path(__file__).resolve().parent.parent
SECTIONS = ("leak", "losses", "long")
CLAIM_EPOCH, CLAIM_DICE = 3, 0.95  # of the reference
TEACH, JUDGE, TEST = 11, 22, 33  # seeds of data sets that share no scene
WORKERS, MANY = 2, 500  # processes that draw, where there are as many scenes
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Size:
    """How large everything is.

    Attributes:
        px: Side of scenes and of the network's input.
        width: Channels of the reference's first block, in the leak.
        few: Scenes of the leak, of which there are four frames each, as few as the reference had.
        repeats: Times that each of them is shown in an epoch.
        scenes: Scenes that teach in the other two sections, one frame of each.
        judging: Scenes that judge, and as many that test.
        loss_px: Side of the network's input where losses are compared.
        loss_epochs: Of each loss.
        seeds: Runs of each loss.
        recipe: Of the other two sections.
        long_epochs: Of the longer run.
    """

    px: int = 128
    width: int = 16
    few: int = 12
    repeats: int = 60
    scenes: int = 3000
    judging: int = 100
    loss_px: int = 64
    loss_epochs: int = 3
    seeds: int = 2
    recipe: str = "small"
    long_epochs: int = 12


QUICK = Size(
    px=64, width=4, few=3, repeats=2, scenes=8, judging=3, loss_px=32, loss_epochs=1, seeds=1, long_epochs=2
)
FULL = Size(
    px=256, width=64, scenes=6000, judging=200, loss_px=256, loss_epochs=12, seeds=3, recipe="reference",
    long_epochs=40,
)  # fmt: skip


class Bench:
    """The data sets and the runs; all of it goes into one folder."""

    def __init__(self, size: Size, *, folder: Path, device: str, seed: int) -> None:
        self.size, self.folder, self._device, self.seed = size, folder, device, seed
        self._drawn: dict[str, Path] = {}
        self.names = scene_names(self.scenes(2))

    def scenes(self, n_scenes: int, **others: Any) -> SceneDataParams:
        """Return what is drawn: the scenes of the recipe `small`, in this size."""
        wanted = {"scenes": n_scenes, "scene_px": self.size.px, **others}
        return TrainSettings.of("small", **wanted).scenes

    def data(self, name: str, params: SceneDataParams, *, seed: int) -> Path:
        """Draw a data set once."""
        if name not in self._drawn:
            folder = self.folder / "data" / name
            workers = WORKERS if params.scenes >= MANY else 0
            self._drawn[name] = draw_data(folder, params=params, seed=seed + self.seed, workers=workers)
        return self._drawn[name]

    def sources(self) -> tuple[TrainSource, Path]:
        """Return what teaches and judges, and what tests."""
        size = self.size
        teach = self.data("teach", self.scenes(size.scenes), seed=TEACH)
        judging = self.data("unseen", self.scenes(size.judging), seed=JUDGE)
        return TrainSource(teach, valid=judging), self.data("test", self.scenes(size.judging), seed=TEST)

    def run(self, name: str, source: TrainSource, *, recipe: str, **changes: Any) -> TrainResult:
        """Train; `changes` are of any group of the settings, by the name of the field."""
        settings = self.settings(recipe, **changes)
        return train(source, out=self.folder / "runs" / name, settings=settings, force=True)

    def settings(self, recipe: str, **changes: Any) -> TrainSettings:
        """Return the settings of a recipe, in this size, with some changes."""
        given = {"class_names": ",".join(self.names), "input_px": self.size.px, "seed": self.seed}
        if recipe == "reference":
            given["width"] = self.size.width
        return TrainSettings.of(recipe, device=self._device, **{**given, **changes})

    def test(self, weights: Path, data: Path) -> Scores:
        """Judge weights on a data set."""
        return judge_weights(weights, find_pairs(data), names=self.names)


# ── leak ────────────────────────────────────────────────────────────────────────────────────────────────────
def measure_leak(bench: Bench) -> list[Record]:
    """Return a row for each set of pictures: what the same weights come to on it."""
    size = bench.size
    params = bench.scenes(size.few, scene_frames=4, scene_every=8)
    few = bench.data("few", params, seed=TEACH)
    unseen = bench.data("unseen", bench.scenes(size.judging), seed=JUDGE)
    between = draw_between(bench.folder / "data" / "between", params=params, seed=TEACH + bench.seed)
    result = bench.run(
        "leak", TrainSource(few, valid=unseen), recipe="reference", repeats=size.repeats, epochs=CLAIM_EPOCH
    )
    judged = {
        "the pictures that also teach": find_pairs(few),
        "frames midway between those": between,
        "scenes never seen": find_pairs(unseen),
    }
    weights = result.folder / LAST  # after the epoch of the claim, whether or not another one was better
    return [
        {"pictures": name, "n": len(pairs), **scored(judge_weights(weights, pairs, names=bench.names), bench)}
        for name, pairs in judged.items()
    ]


def print_leak(rows: Sequence[Record], bench: Bench) -> None:
    """Print the table, and what it says of the claim."""
    size = bench.size
    title = (
        f"leak: {4 * size.few} pictures of {size.few} scenes, {size.repeats} times an epoch, "
        f"reference recipe, after epoch {CLAIM_EPOCH}"
    )
    print_table(
        title,
        ("judged on", "pictures", "Dice", "mIoU", *bench.names),
        [[row["pictures"], str(row["n"]), *numbers(row, "dice", "miou"), *each(row, bench)] for row in rows],
    )
    print(
        f"the reference says Dice {CLAIM_DICE} at epoch {CLAIM_EPOCH}; here the same weights measure "
        f"{rows[0]['dice']:.3f} on pictures that also teach, {rows[1]['dice']:.3f} on their neighbors, and "
        f"{rows[2]['dice']:.3f} on scenes they never saw"
    )


# ── losses ──────────────────────────────────────────────────────────────────────────────────────────────────
def measure_losses(bench: Bench) -> list[Record]:
    """Return a row for each loss, the mean of its seeds."""
    (source, test), size = bench.sources(), bench.size
    rows = []
    for loss in get_args(LossName):
        runs = []
        for seed in range(bench.seed, bench.seed + size.seeds):
            result = bench.run(
                f"{loss}_{seed}", source, recipe=size.recipe, loss=loss, epochs=size.loss_epochs,
                ce_epochs=(size.loss_epochs + 1) // 2, input_px=size.loss_px, repeats=1, seed=seed,
            )  # fmt: skip
            runs.append(scored(bench.test(result.best, test), bench))
        means = {key: float(np.mean([run[key] for run in runs])) for key in ("dice", "miou")}
        per_class = {name: float(np.mean([run["each"][name] for run in runs])) for name in bench.names}
        spread = float(np.ptp([run["dice"] for run in runs]))
        rows.append({"loss": loss, **means, "spread": spread, "each": per_class})
    return rows


def print_losses(rows: Sequence[Record], bench: Bench) -> None:
    """Print the table, best on test scenes first."""
    size = bench.size
    title = (
        f"losses: {size.scenes} pictures of {size.loss_px} px, {size.loss_epochs} epochs, mean of "
        f"{size.seeds} seeds, tested on {size.judging} unseen scenes"
    )
    lines = [
        [row["loss"], *numbers(row, "dice", "spread", "miou"), *each(row, bench)]
        for row in sorted(rows, key=lambda row: -row["dice"])
    ]
    print_table(title, ("loss", "Dice", "range of seeds", "mIoU", *bench.names), lines)


# ── long ────────────────────────────────────────────────────────────────────────────────────────────────────
def measure_long(bench: Bench, *, figure: Path) -> Record:
    """Train longer, draw the curves, and return what the best weights do on test scenes."""
    (source, test), size = bench.sources(), bench.size
    result = bench.run("long", source, recipe=size.recipe, epochs=size.long_epochs, repeats=1)
    figure.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(result.folder / CURVES, figure)
    course = result.course
    return {
        "epochs": len(course.rows), "epoch": course.best_epoch, "validation": course.best_dice,
        **scored(bench.test(result.best, test), bench),
        "seconds": sum(row["seconds"] for row in course.rows), "device": result.device,
    }  # fmt: skip


def print_long(row: Record, bench: Bench) -> None:
    """Print what the longer run came to."""
    header = ("epochs", "best", "min", "Dice, validation", "Dice, test", "mIoU, test", *bench.names)
    cells = [str(row["epochs"]), str(row["epoch"]), f"{row['seconds'] / 60:.1f}"]
    title = f"longer run: {bench.size.scenes} pictures of {bench.size.px} px, recipe {bench.size.recipe}"
    print_table(title, header, [[*cells, *numbers(row, "validation", "dice", "miou"), *each(row, bench)]])


def scored(scores: Scores, bench: Bench) -> Record:
    """Return scores as plain values."""
    per_class = {name: float(dice) for name, dice in zip(bench.names, scores.dice, strict=True)}
    return {"dice": scores.mean_dice, "miou": scores.miou, "each": per_class}


def each(row: Record, bench: Bench) -> list[str]:
    """Return Dice of each class as text."""
    return [f"{row['each'][name]:.3f}" for name in bench.names]


def numbers(row: Record, *names: str) -> list[str]:
    """Return some values of a row as text."""
    return [f"{row[name]:.3f}" for name in names]


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    for place, name in enumerate(header):
        table.add_column(name, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=140).print(table)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=SECTIONS, action="append", help="a section; repeatable")
    parser.add_argument("--quick", action="store_true", help="a look, no result")
    parser.add_argument("--full", action="store_true", help="the reference's size")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:N (default auto)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "training")
    parser.add_argument(
        "--figure", type=Path, help="picture of the longer run (default figures/training.png)"
    )
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    size = QUICK if args.quick else FULL if args.full else Size()
    figure = args.figure or (args.folder / "quick.png" if args.quick else ROOT / "figures" / "training.png")
    bench = Bench(size, folder=args.folder, device=args.device, seed=args.seed)
    print(f"on {hardware(device=models.resolve_device(args.device))}; {size.px} px")
    found: Record = {"size": asdict(size), "seed": args.seed}
    wanted = args.only or SECTIONS
    if "leak" in wanted:
        found["leak"] = measure_leak(bench)
        print_leak(found["leak"], bench)
    if "losses" in wanted:
        found["losses"] = measure_losses(bench)
        print_losses(found["losses"], bench)
    if "long" in wanted:
        found["long"] = measure_long(bench, figure=figure)
        print_long(found["long"], bench)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
