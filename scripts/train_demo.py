"""Train the demo network, `maskrcnn_demo`, on synthetic scenes, and say how well it does on unseen ones.

    python scripts/train_demo.py --minutes 50 --seed 7

Two single-threaded workers share each batch (on a busy machine that beats one worker with two threads). The
best checkpoint by mask AP50 on the validation scenes is exported; the AP50 printed at the end comes from test
scenes that nothing was chosen by. A run that was stopped resumes from its last checkpoint; `touch RUN/stop`
ends it early.
"""

import argparse
import copy
import json
import math
import platform
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torchvision
from demo_scenes import Pictures, Split, draw_split, drawn_by, mosaic, open_pictures, vary
from mask_ap import mask_ap50
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from vidlab.models.demo import DEMO_CLASS_IDS, FPN_CHANNELS, INPUT_SHORT_PX, build_demo
from vidlab.models.detector import InstanceSegmenter
from vidlab.types import Instances

SCENE_HW = (180, 320)
TRAIN_FROM, VALID_FROM, TEST_FROM = 1_000_000, 2_000_000, 3_000_000  # first scene seeds, far apart
MIN_AREA_PX = 64  # objects with fewer visible pixels (of 180×320) are neither asked for nor punished
COARSE_HW, FINE_HW = (128, 224), (INPUT_SHORT_PX, 288)
COARSE_SHARE = 0.8  # of the run; small pictures first, they teach twice as many scenes a minute
WARM_UP_STEPS = 150
EMA_DECAY = 0.995
MOSAIC_SHARE = 0.6  # of the pictures while they are coarse; a quarter of that afterwards
LABELS = np.zeros(91, np.int64)  # the network's label of each COCO id
LABELS[list(DEMO_CLASS_IDS)] = np.arange(len(DEMO_CLASS_IDS)) + 1


@dataclass
class Progress:
    """What a checkpoint remembers beside the tensors."""

    step: int = 0
    elapsed_s: float = 0.0
    best_ap50: float = -1.0
    curve: tuple[dict[str, float], ...] = ()


class Learner:
    """The network, its running mean (which is what gets evaluated), and the optimizer."""

    def __init__(self, *, lr: float, seed: int) -> None:
        torch.manual_seed(seed)
        self.network = build_demo(n_labels=len(DEMO_CLASS_IDS), score_floor=0.05)
        self.dense = nn.Conv2d(
            FPN_CHANNELS, len(DEMO_CLASS_IDS) + 1, 1
        )  # class of every pixel: only to teach
        self.mean = copy.deepcopy(self.network).eval()
        self.parts = nn.ModuleList([self.network, self.dense])
        decay = [p for p in self.parts.parameters() if p.ndim > 1]
        plain = [p for p in self.parts.parameters() if p.ndim <= 1]
        groups = [{"params": decay, "weight_decay": 0.03}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=lr)
        self._fine: list[Tensor] = []
        self.network.backbone.register_forward_hook(lambda _m, _i, out: self._fine.append(out["0"]))

    def losses(
        self, images: list[Tensor], targets: list[dict[str, Tensor]], labels: Tensor
    ) -> dict[str, Tensor]:
        """Return the losses of one batch by name; `labels` is int64 (N, H, W)."""
        self._fine.clear()
        self.network.transform.min_size = (images[0].shape[1],)
        losses: dict[str, Tensor] = self.network(images, targets)
        scores = self.dense(self._fine.pop())
        height, width = 4 * scores.shape[2], 4 * scores.shape[3]
        labels = F.pad(labels, (0, width - labels.shape[2], 0, height - labels.shape[1]))
        return {**losses, "loss_dense": 0.5 * F.cross_entropy(scores, labels[:, 2::4, 2::4])}

    def update(self, loss: Tensor, *, lr: float, step: int, world: int) -> None:
        """Step the optimizer with the mean gradient of all workers."""
        self.optimizer.zero_grad()
        loss.backward()
        params = list(self.parts.parameters())
        flat = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).ravel() for p in params])
        if world > 1:
            distributed.all_reduce(flat)
        flat *= min(1.0, 5.0 * world / float(flat.norm() + 1e-6)) / world
        for p, part in zip(params, flat.split([p.numel() for p in params]), strict=True):
            p.grad = part.view_as(p)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        keep = min(EMA_DECAY, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, now in zip(
                self.mean.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                mean.lerp_(now, 1 - keep) if mean.is_floating_point() else mean.copy_(now)


def main() -> None:
    """Draw, train, export, evaluate."""
    args = parse_args()
    args.words = sys.argv
    started = time.monotonic()
    args.run.mkdir(parents=True, exist_ok=True)
    args.folders = [
        draw_split(split, cache_dir=args.run / "scenes", size_hw=SCENE_HW, n_processes=args.workers)
        for split in splits(args)
    ]
    print(f"scenes ready after {time.monotonic() - started:.0f} s", flush=True)
    if not args.export_only:
        meeting = args.run / f"meeting_{time.time_ns()}"
        torch.multiprocessing.spawn(work, (args, str(meeting.resolve())), nprocs=args.workers)
    export(args)


def parse_args(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line, or the words of a test."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=50, help="training time, drawing not counted")
    parser.add_argument("--steps", type=int, default=0, help="train this many steps instead; repeatable")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--batch", type=int, default=4, help="pictures per worker and step")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--lr", type=float, default=1e-3, help="largest learning rate")
    parser.add_argument("--scenes", type=int, default=2400, help="training scenes")
    parser.add_argument("--evaluate-every", type=float, default=5, metavar="MINUTES")
    parser.add_argument("--run", type=Path, default=Path("runs/train_demo"), help="scenes and checkpoints")
    parser.add_argument("--out", type=Path, default=Path("data/weights"), help="where the weights go")
    parser.add_argument("--export-only", action="store_true", help="evaluate and export the best checkpoint")
    return parser.parse_args(words)


def splits(args: argparse.Namespace) -> tuple[Split, Split, Split]:
    """Return training, validation and test scenes."""
    return (
        Split("train", TRAIN_FROM, args.scenes, min_objects=3),
        Split("valid", VALID_FROM, 100),
        Split("test", TEST_FROM, 300),
    )


def work(rank: int, args: argparse.Namespace, meeting: str) -> None:
    """Train as one of several workers; all of them hold the same weights."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    distributed.init_process_group(
        "gloo", f"file://{meeting}", rank=rank, world_size=args.workers, timeout=timedelta(hours=1)
    )
    train, valid, _ = (open_pictures(folder) for folder in args.folders)
    learner = Learner(lr=args.lr, seed=args.seed)
    progress = load_checkpoint(args.run / "last.pt", learner)
    if rank == 0:
        log_start(args, from_step=progress.step)
    started = time.monotonic() - progress.elapsed_s
    next_report_s = progress.elapsed_s + 60 * args.evaluate_every
    recent: list[dict[str, float]] = []
    while True:
        elapsed_s = time.monotonic() - started
        done, report_now = agree(
            args, elapsed_s=elapsed_s, step=progress.step, due=elapsed_s >= next_report_s
        )
        size_hw = COARSE_HW if done < COARSE_SHARE else FINE_HW
        if done >= 1 or report_now:
            progress.elapsed_s = elapsed_s
            if rank == 0:
                report(args, learner, progress, valid, recent=recent)
            distributed.barrier()
            next_report_s = time.monotonic() - started + 60 * args.evaluate_every
            recent = []
        if done >= 1:
            break
        rng = np.random.default_rng([args.seed, progress.step, rank])
        torch.manual_seed(
            args.seed + progress.step * args.workers + rank
        )  # torchvision samples boxes from it
        share = MOSAIC_SHARE * (1.0 if done < COARSE_SHARE else 0.25)
        batch = draw_batch(train, n=args.batch, size_hw=size_hw, mosaic_share=share, rng=rng)
        losses = learner.losses(*batch)
        lr = args.lr * rate(done, progress.step)
        learner.update(sum(losses.values(), torch.zeros(())), lr=lr, step=progress.step, world=args.workers)
        recent.append({name: float(loss.detach()) for name, loss in losses.items()})
        progress.step += 1
        if rank == 0 and progress.step % 20 == 0:
            told = "  ".join(f"{n[5:]} {v:.3f}" for n, v in mean_of(recent[-20:]).items())
            print(f"{elapsed_s / 60:5.1f} min  step {progress.step}  lr {lr:.5f}  {told}", flush=True)
    distributed.destroy_process_group()


def log_start(args: argparse.Namespace, *, from_step: int) -> None:
    """Note what runs from here on: a resumed run may go on with other code, scenes or settings."""
    file = args.run / "history.json"
    history = json.loads(file.read_text()) if file.exists() else []
    entry = {
        "command": shlex.join(["python", *args.words]),
        "commit": commit(),
        "scenes_drawn_by": drawn_by(),
        "from_step": from_step,
    }
    file.write_text(json.dumps([*history, entry], indent=1) + "\n")


def agree(args: argparse.Namespace, *, elapsed_s: float, step: int, due: bool) -> tuple[float, bool]:
    """Return the share of the run that is done, and whether to report, as the first worker sees it."""
    share = step / args.steps if args.steps else elapsed_s / (60 * args.minutes)
    if (args.run / "stop").exists():
        share = 1.0
    seen = torch.tensor([share, float(due)])
    distributed.broadcast(seen, 0)
    return float(seen[0]), bool(seen[1])


def rate(done: float, step: int) -> float:
    """Return the learning rate as a share of the largest: a warm-up, then half a cosine."""
    return min(1.0, (step + 1) / WARM_UP_STEPS) * (
        0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    )


def draw_batch(
    pictures: Pictures,
    *,
    n: int,
    size_hw: tuple[int, int],
    mosaic_share: float,
    rng: np.random.Generator,
) -> tuple[list[Tensor], list[dict[str, Tensor]], Tensor]:
    """Return n varied pictures, their targets, and the label of every pixel, int64 (n, H, W)."""
    images, targets, labels = [], [], []
    for _ in range(n):
        draw = mosaic if rng.random() < mosaic_share else vary
        image, objects, class_of = draw(pictures, size_hw=size_hw, rng=rng)
        label_of = LABELS[class_of]
        images.append(torch.from_numpy(image).permute(2, 0, 1).float().div_(255))
        targets.append(to_target(objects, label_of))
        labels.append(torch.from_numpy(label_of[objects]))
    return images, targets, torch.stack(labels)


def to_target(objects: np.ndarray[Any, Any], label_of: np.ndarray[Any, Any]) -> dict[str, Tensor]:
    """Return boxes, labels and masks as torchvision wants them; slivers are left out."""
    areas = np.bincount(objects.ravel(), minlength=2)
    numbers = np.flatnonzero(areas[1:] >= 16) + 1
    masks = objects[None] == numbers[:, None, None]
    boxes = np.zeros((len(numbers), 4), np.float32)
    for box, mask in zip(boxes, masks, strict=True):
        ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box[:] = xs[0], ys[0], xs[-1] + 1, ys[-1] + 1
    return {
        "boxes": torch.from_numpy(boxes),
        "labels": torch.from_numpy(label_of[numbers]),
        "masks": torch.from_numpy(masks.astype(np.uint8)),
    }


def report(
    args: argparse.Namespace,
    learner: Learner,
    progress: Progress,
    valid: Pictures,
    *,
    recent: list[dict[str, float]],
) -> None:
    """Evaluate the running mean on the validation scenes, keep it if it is the best, save a checkpoint."""
    ap50 = evaluate(learner.mean, valid)
    losses = mean_of(recent)
    entry = {"minutes": round(progress.elapsed_s / 60, 1), "step": progress.step, "ap50": round(ap50, 4)}
    entry |= {name: round(value, 4) for name, value in losses.items()}
    progress.curve = (*progress.curve, entry)
    told = "  ".join(f"{name} {value}" for name, value in entry.items())
    print(f"== validation mask AP50 {ap50:.3f} on {len(valid)} unseen scenes; {told}", flush=True)
    if ap50 > progress.best_ap50:
        progress.best_ap50 = ap50
        torch.save({"mean": learner.mean.state_dict(), "progress": vars(progress)}, args.run / "best.pt")
    state = {
        "parts": learner.parts.state_dict(),
        "mean": learner.mean.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "progress": vars(progress),
    }
    torch.save(state, args.run / "last.part")
    (args.run / "last.part").rename(args.run / "last.pt")


def load_checkpoint(file: Path, learner: Learner) -> Progress:
    """Take up a run where it stopped; a fresh one where there is no checkpoint."""
    if not file.exists():
        return Progress()
    state = torch.load(file, weights_only=True)
    learner.parts.load_state_dict(state["parts"])
    learner.mean.load_state_dict(state["mean"])
    learner.optimizer.load_state_dict(state["optimizer"])
    return Progress(**state["progress"])


def evaluate(network: nn.Module, pictures: Pictures) -> float:
    """Return the mask AP50 of a network on drawn pictures."""
    segmenter = InstanceSegmenter(
        network, name="demo", weights="in training", label_ids=DEMO_CLASS_IDS, device="cpu", score_floor=0.05
    )
    preds = [segmenter.segment([image])[0] for image in pictures.images]
    return mask_ap50(
        preds, [truth(pictures, index) for index in range(len(pictures))], min_area_px=MIN_AREA_PX
    )


def truth(pictures: Pictures, index: int) -> Instances:
    """Return the objects that can be seen in one drawn picture."""
    numbers = np.unique(pictures.objects[index])
    numbers = numbers[numbers > 0]
    masks = pictures.objects[index][None] == numbers[:, None, None]
    return Instances(
        masks, np.ones(len(numbers), np.float32), pictures.class_ids[index][numbers.astype(int) - 1]
    )


def mean_of(losses: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each loss."""
    return {name: float(np.mean([entry[name] for entry in losses])) for name in (losses[0] if losses else {})}


def export(args: argparse.Namespace) -> None:
    """Write the best weights in half precision, and beside them how they came to be and what they can do."""
    torch.set_num_threads(args.workers)
    best = torch.load(args.run / "best.pt", weights_only=True)
    halved = {n: t.half() if t.is_floating_point() else t for n, t in best["mean"].items()}
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "maskrcnn_demo.pt"
    torch.save(halved, file)
    network = build_demo(n_labels=len(DEMO_CLASS_IDS), score_floor=0.05)
    network.load_state_dict(torch.load(file, weights_only=True))
    test = splits(args)[2]
    pictures = open_pictures(args.folders[2])
    ap50 = evaluate(network, pictures)
    history = json.loads((args.run / "history.json").read_text())
    story = {
        "command": history[-1]["command"],
        "seed": args.seed,
        "commit": history[-1]["commit"],
        "history": history,
        "class_ids": list(DEMO_CLASS_IDS),
        "test_mask_ap50": round(ap50, 4),
        "test_scenes": {
            "first_seed": test.first_seed,
            "n": test.n_scenes,
            "size_hw": SCENE_HW,
            "drawn_by": drawn_by(),
        },
        "ignored_below_px": MIN_AREA_PX,
        "steps": best["progress"]["step"],
        "pictures_per_step": args.batch * args.workers,
        "minutes": round(best["progress"]["elapsed_s"] / 60, 1),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
        },
        "validation_curve": list(best["progress"]["curve"]),
    }
    file.with_suffix(".json").write_text(json.dumps(story, indent=1) + "\n")
    size_mb = file.stat().st_size / 1e6
    print(f"wrote {file} ({size_mb:.1f} MB, half precision)")
    print(f"mask AP50 {ap50:.3f} on {len(pictures)} unseen test scenes")


def commit() -> str:
    """Return the commit that is checked out, marked where files of the package differ from it."""
    say = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    return subprocess.run(say, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
