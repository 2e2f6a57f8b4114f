"""Draw the picture of the README from the result of `make demo`: raw above stable, and the curve beneath.

    make demo && .venv/bin/python scripts/make_figures.py
    .venv/bin/python scripts/make_figures.py --result runs/my --video my.mp4 --out runs/my.jpg

The frames are the ones in which the raw masks agree least with the motion, chosen by the metric.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vidlab.classes import class_id
from vidlab.errors import OutputError, VidlabError
from vidlab.jobs import story
from vidlab.jobs.failures import worst_stretch
from vidlab.params import SourceParams
from vidlab.types import UInt8Image
from vidlab.viz.colors import class_color
from vidlab.viz.overlay import draw_masks
from vidlab.viz.plots import plot_raw_and_stable
from vidlab.viz.show import Picture, montage

ROOT = Path(__file__).resolve().parent.parent
N_FRAMES = 5
WIDTH_PX = 1300
MAX_BYTES = 300_000  # of a picture that every reader of the README loads


def draw_frames(video: Path, result: Path, frames: range, *, color: tuple[int, int, int]) -> UInt8Image:
    """Draw the raw masks of some frames above the stable ones."""
    shown = story.read_stretch(video, result=result, frames=frames, source=SourceParams())
    rows, captions = [], []
    for name in ("raw", "stable"):
        rows.append([draw_masks(s.image, getattr(s, name)[None], colors=[color]) for s in shown])
        captions.append([f"{name} · frame {s.index}" for s in shown])
    return montage(rows, captions=captions, width_px=WIDTH_PX)


def draw_curve(result: Path, frames: range, *, method: str, width_px: int) -> UInt8Image:
    """Draw how much of the mask stays from frame to frame, raw and stable, with the shown frames marked."""
    curves = story.read_curves(result)
    figure = Figure(figsize=(width_px / 100, 2.1), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    title = "IoU of neighboring frames: higher is calmer"
    axes.axvspan(frames.start, frames.stop - 1, color="#eeeeee", label="the frames above")
    pair = (curves["raw_iou_prev"], curves["stable_iou_prev"])
    plot_raw_and_stable(axes, *pair, method=method, ylabel="IoU (0 to 1)", title=title)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def main() -> int:
    """Write the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--result", type=Path, default=ROOT / "runs" / "demo" / "stabilized")
    parser.add_argument("--video", type=Path, default=ROOT / "data" / "sample" / "video.mp4")
    parser.add_argument("--class", dest="class_name", default="dog", help="gives the color")
    parser.add_argument("--method", default="flow_fusion_two_pass", help="gives the color of the curve")
    parser.add_argument("--out", type=Path, default=ROOT / "figures" / "raw_and_stable.jpg")
    args = parser.parse_args()
    if not (args.result / "curves.csv").is_file():
        print(f"{args.result} must be a result folder of vidlab stabilize; run: make demo", file=sys.stderr)
        return 1
    consistency = story.read_curves(args.result)["raw_consistency"]
    frames = worst_stretch([None if np.isnan(v) else float(v) for v in consistency], n_frames=N_FRAMES)
    top = draw_frames(args.video, args.result, frames, color=class_color(class_id(args.class_name)))
    bottom = draw_curve(args.result, frames, method=args.method, width_px=top.shape[1])
    bottom = np.asarray(Image.fromarray(bottom).resize((top.shape[1], bottom.shape[0])))
    jpeg = Picture(np.concatenate([top, bottom])).to_jpeg()
    if len(jpeg) > MAX_BYTES:
        raise OutputError(f"{args.out.name} must stay under {MAX_BYTES} bytes, got {len(jpeg)}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    partial = args.out.with_name(f".{args.out.name}.partial")
    partial.write_bytes(jpeg)
    os.replace(partial, args.out)
    print(f"{args.out.name}: frames {frames.start} to {frames.stop - 1}, {len(jpeg) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except VidlabError as error:
        sys.exit(str(error))
