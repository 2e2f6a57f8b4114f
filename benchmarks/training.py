"""What a validation is worth whose pictures also teach, what each loss buys, and the curve of a longer run.

    python benchmarks/training.py                      all three, on synthetic scenes, as a CPU can do them
    python benchmarks/training.py --quick              a look, no result
    python benchmarks/training.py --only leak          one of: leak, losses, long
    python benchmarks/training.py --full               the reference's size, 256 pixels and 64 channels: a GPU
    python benchmarks/training.py --json runs/training.json

leak: The reference repeats each picture 60 times and splits after that, so that the same pictures teach and
judge. Two runs of its recipe with one seed are the same to the last bit of every loss; one is judged on the
pictures it was taught with, one on clips that it never saw.
losses: The same network, pictures, order and steps, another loss; judged by Dice on scenes that neither
taught nor chose the best epoch, as masks are used: a pixel is of the class whose probability exceeds a half.
long: The default loss for many epochs; its curves go to figures/training.png, or to `--figure FILE`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.table import Table

from vidlab import models
from vidlab.jobs.story import hardware
from vidlab.jobs.training import TrainResult, TrainSettings, train
from vidlab.jobs.training_data import TrainSource
from vidlab.jobs.training_story import draw_data
from vidlab.params import (
    RECIPES,
    AugmentParams,
    EvidenceParams,
    FitParams,
    LossName,
    SceneDataParams,
    TrainDataParams,
    TrainNetworkParams,
)
from vidlab.training.judging import judge
from vidlab.training.pairs import find_pairs
from vidlab.training.pictures import Pictures
from vidlab.training.scenes import scene_names
from vidlab.training.scores import Scores

ROOT = Path(__file__).resolve().parent.parent
SECTIONS = ("leak", "losses", "long")
CLAIM_EPOCH, CLAIM_DICE = 3, 0.95  # of the reference
TEACH, JUDGE, TEST = 11, 22, 33  # seeds of data sets that share no scene
THRESHOLD = EvidenceParams().prob_threshold  # where masks begin
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Size:
    """How large everything is.

    Attributes:
        px: Side of scenes and of the network's input.
        width: Channels of the reference's first block.
        few: Scenes of the leak, of which there are four frames each, as few as the reference had.
        repeats: Times that each of them is shown in an epoch.
        scenes: Scenes that teach in the other two sections.
        judging: Scenes that judge, and as many that test.
        epochs: Of each loss.
        long_epochs: Of the longer run.
    """

    px: int = 128
    width: int = 16
    few: int = 12
    repeats: int = 60
    scenes: int = 400
    judging: int = 80
    epochs: int = 12
    long_epochs: int = 40


QUICK = Size(px=64, width=4, few=3, repeats=2, scenes=6, judging=3, epochs=1, long_epochs=2)
FULL = Size(px=256, width=64, few=12, repeats=60, scenes=3000, judging=200, epochs=25, long_epochs=60)


class Bench:
    """The data sets and the runs; all of it goes into one folder."""

    def __init__(self, size: Size, *, folder: Path, device: str, seed: int) -> None:
        self.size, self._folder, self._device, self._seed = size, folder, device, seed
        self._drawn: dict[str, Path] = {}
        self.names = scene_names(self._scenes(2))

    def data(self, name: str, *, n_scenes: int, seed: int) -> Path:
        """Draw a data set once."""
        if name not in self._drawn:
            params = self._scenes(n_scenes)
            self._drawn[name] = draw_data(self._folder / "data" / name, params=params, seed=seed + self._seed)
        return self._drawn[name]

    def run(self, name: str, source: TrainSource, **changes: Any) -> TrainResult:
        """Train; `changes` are of any group of the settings, by the name of the field."""
        settings = self.settings(**changes)
        return train(source, out=self._folder / "runs" / name, settings=settings, force=True)

    def settings(self, **changes: Any) -> TrainSettings:
        """Return settings of this size with some changes."""
        given = {"class_names": ",".join(self.names), "input_px": self.size.px, "width": self.size.width}
        given |= {"network": "unet", "seed": self._seed, **changes}
        groups = {
            "data": TrainDataParams,
            "augment": AugmentParams,
            "network": TrainNetworkParams,
            "fit": FitParams,
        }
        built = {
            name: model(**{key: value for key, value in given.items() if key in model.model_fields})
            for name, model in groups.items()
        }
        return replace(TrainSettings(device=self._device), **built)

    def test(self, result: TrainResult, data: Path) -> Scores:
        """Judge the best weights of a run on a data set."""
        network = models.create("unet", weights=str(result.best), device="cpu", score_floor=0.05)
        pictures = Pictures(find_pairs(data), binary=False, cache_mb=0)
        return judge(network, pictures, names=self.names, threshold=THRESHOLD, batch=8)

    def _scenes(self, n_scenes: int) -> SceneDataParams:
        return SceneDataParams(scenes=n_scenes, scene_px=self.size.px)


# ── leak ────────────────────────────────────────────────────────────────────────────────────────────────────
def measure_leak(bench: Bench) -> list[Record]:
    """Return a row for each epoch: what both validations say."""
    size = bench.size
    few = bench.data("few", n_scenes=size.few, seed=TEACH)
    unseen = bench.data("unseen", n_scenes=size.judging, seed=JUDGE)
    recipe = {**RECIPES["reference"], "input_px": size.px, "repeats": size.repeats, "epochs": CLAIM_EPOCH}
    leaked = bench.run("leaked", TrainSource(few, valid=few), **recipe).course
    honest = bench.run("honest", TrainSource(few, valid=unseen), **recipe).course
    if leaked.losses != honest.losses:
        sys.exit("the two runs must be the same but for their validation, got different losses")
    return [
        {"epoch": one["epoch"], "loss": one["train_loss"], "leaked": one["dice"], "unseen": other["dice"]}
        for one, other in zip(leaked.rows, honest.rows, strict=True)
    ]


def print_leak(rows: Sequence[Record], size: Size) -> None:
    """Print the table, and what it says of the claim."""
    n = 4 * size.few
    title = f"leak: {n} pictures of {size.few} scenes, {size.repeats} times an epoch, reference recipe"
    header = ("epoch", "loss", "Dice, pictures that also teach", "Dice, unseen scenes")
    print_table(
        title, header, [[f"{row['epoch']:.0f}", *numbers(row, "loss", "leaked", "unseen")] for row in rows]
    )
    last = rows[-1]
    print(
        f"the reference says Dice {CLAIM_DICE} at epoch {CLAIM_EPOCH}; here the same weights measure "
        f"{last['leaked']:.3f} on pictures that also teach, and {last['unseen']:.3f} on scenes they never saw"
    )


# ── losses ──────────────────────────────────────────────────────────────────────────────────────────────────
def measure_losses(bench: Bench) -> list[Record]:
    """Return a row for each loss."""
    source, test = sources(bench)
    rows = []
    for loss in get_args(LossName):
        result = bench.run(
            loss,
            source,
            loss=loss,
            epochs=bench.size.epochs,
            ce_epochs=bench.size.epochs // 2,
            train_batch=16,
        )
        scores = bench.test(result, test)
        each = {name: float(dice) for name, dice in zip(bench.names, scores.dice, strict=True)}
        rows.append({
            "loss": loss, "epoch": result.course.best_epoch, "validation": result.course.best_dice,
            "dice": scores.mean_dice, "miou": scores.miou, "each": each,
        })  # fmt: skip
    return rows


def print_losses(rows: Sequence[Record], names: Sequence[str], size: Size) -> None:
    """Print the table, best on test scenes first."""
    title = (
        f"losses: {4 * size.scenes} pictures, {size.epochs} epochs, tested on {size.judging} unseen scenes"
    )
    header = ("loss", "best epoch", "Dice, validation", "Dice, test", "mIoU, test", *names)
    lines = [
        [row["loss"], str(row["epoch"]), *numbers(row, "validation", "dice", "miou"),
         *(f"{row['each'][name]:.3f}" for name in names)]
        for row in sorted(rows, key=lambda row: -row["dice"])
    ]  # fmt: skip
    print_table(title, header, lines)


# ── long ────────────────────────────────────────────────────────────────────────────────────────────────────
def measure_long(bench: Bench, *, figure: Path) -> Record:
    """Train longer, draw the curves, and return what the best weights do on test scenes."""
    source, test = sources(bench)
    result = bench.run("long", source, epochs=bench.size.long_epochs, train_batch=16)
    scores = bench.test(result, test)
    figure.parent.mkdir(parents=True, exist_ok=True)
    figure.write_bytes((result.folder / "curves.png").read_bytes())
    each = {name: float(dice) for name, dice in zip(bench.names, scores.dice, strict=True)}
    return {
        "epochs": len(result.course.rows), "epoch": result.course.best_epoch,
        "validation": result.course.best_dice, "dice": scores.mean_dice, "miou": scores.miou, "each": each,
        "seconds": sum(row["seconds"] for row in result.course.rows), "device": result.device,
    }  # fmt: skip


def print_long(row: Record, names: Sequence[str]) -> None:
    """Print what the longer run came to."""
    header = ("epochs", "best", "Dice, validation", "Dice, test", "mIoU, test", *names)
    cells = [str(row["epochs"]), str(row["epoch"]), *numbers(row, "validation", "dice", "miou")]
    print_table("longer run", header, [[*cells, *(f"{row['each'][name]:.3f}" for name in names)]])


def sources(bench: Bench) -> tuple[TrainSource, Path]:
    """Return what teaches and judges, and what tests."""
    size = bench.size
    teach = bench.data("teach", n_scenes=size.scenes, seed=TEACH)
    judging = bench.data("unseen", n_scenes=size.judging, seed=JUDGE)
    return TrainSource(teach, valid=judging), bench.data("test", n_scenes=size.judging, seed=TEST)


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
    parser.add_argument("--width", type=int, help="channels of the first block (default: by size)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:N (default auto)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "training")
    parser.add_argument(
        "--figure", type=Path, help="picture of the longer run (default figures/training.png)"
    )
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    size = QUICK if args.quick else FULL if args.full else Size()
    size = replace(size, width=args.width or size.width)
    figure = args.figure or (args.folder / "quick.png" if args.quick else ROOT / "figures" / "training.png")
    bench = Bench(size, folder=args.folder, device=args.device, seed=args.seed)
    print(f"on {hardware(device=models.resolve_device(args.device))}; {size.px} px, {size.width} channels")
    found: Record = {"size": asdict(size), "seed": args.seed}
    wanted = args.only or SECTIONS
    if "leak" in wanted:
        found["leak"] = measure_leak(bench)
        print_leak(found["leak"], size)
    if "losses" in wanted:
        found["losses"] = measure_losses(bench)
        print_losses(found["losses"], bench.names, size)
    if "long" in wanted:
        found["long"] = measure_long(bench, figure=figure)
        print_long(found["long"], bench.names)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
