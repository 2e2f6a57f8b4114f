"""Pictures of the clips that a method gains least on, with what happened there in words.

    python benchmarks/worst_clips.py                          drawn clips: figures/worst.png
    python benchmarks/worst_clips.py --only real --worst 5    real ones: runs/worst/real.png, never committed
    python benchmarks/worst_clips.py --method flow_fusion --seed 3 --out runs/worst/seed_3.png

A row is a clip in its worst frame: the picture, the raw mask (orange), the stable one (yellow) and the truth
(blue), whose outline lies under the other two as well. Below it, numbers and sentences made from them: how
large the masks are beside the truth, how often the network missed the object, on how much of it the flow is
lost, how fast it moves. Clips are ranked by gain of (J + F) / 2, kept in runs/leaderboard.
"""

import io
import sys
from pathlib import Path
from textwrap import wrap

import contest_films as films
import numpy as np
from contest import run
from contest_clips import Clip
from contest_films import RAW, entered, gain, measure, ours
from contest_methods import Method
from PIL import Image
from rich.console import Console
from versions import ROOT
from worst_facts import Facts, facts_of, in_words, worst_frame

from vidlab.errors import OutputError
from vidlab.flow import DisFlow, to_gray
from vidlab.jobs.measuring import FLOW_PRESET, FLOW_SCALE, pair_motion
from vidlab.jobs.overlays import COLORS
from vidlab.jobs.worst import window_around
from vidlab.metrics.accuracy import Accuracy
from vidlab.params import DEFAULT_METHOD, METHODS, method_params
from vidlab.types import BoolMask, UInt8Image
from vidlab.viz.outlines import draw_outlines
from vidlab.viz.overlay import (
    TEXT_COLOR,
    fill_masks,
    resize_image,
    resize_masks,
    side_by_side,
    stacked,
    text_bar,
)

STABLE, TRUTH = "stable", "truth"
WORST = 3
PANEL_PX, TEXT_PX = 400, 15
LINE = 0.46  # width of a letter over its height, about
RULE_PX, RULE_COLOR = 8, (110, 110, 110)  # between clips
MAX_BYTES = 300_000  # of a picture that every reader of the README loads
PALETTES = (256, 128, 64, 32)
METHOD = Image.Quantize.FASTOCTREE  # keeps rare colors: a median cut takes yellow outlines for orange ones


def look_at(clip: Clip, method: Method) -> tuple[Facts, UInt8Image, dict[str, BoolMask]]:
    """Run a method on a clip; return what happened in its worst frame, the picture there, and the masks."""
    seen = list(clip.read())
    packed = {RAW: run(ours(RAW, "none"), seen).masks, STABLE: run(method, seen).masks}
    masks = {name: np.stack([mask.unpack() for mask in each]) for name, each in packed.items()}
    masks[TRUTH] = np.stack([mask for mask, _ in zip(clip.read_truth(), seen, strict=False)])
    accuracy = {
        name: [
            Accuracy().update(one, target=true) for one, true in zip(masks[name], masks[TRUTH], strict=True)
        ]
        for name in packed
    }
    t = worst_frame(accuracy[RAW], accuracy[STABLE])
    motion = None
    if t:
        now, before = (to_gray(seen[i][0].image) for i in (t, t - 1))
        motion = pair_motion(DisFlow(preset=FLOW_PRESET, scale=FLOW_SCALE), now, before)
    facts = facts_of(
        t, masks, accuracy=accuracy,
        flow_to_prev=None if motion is None else motion.flow_to_prev,
        lost=None if motion is None else motion.occluded,
    )  # fmt: skip
    return facts, seen[t][0].image, {name: each[t] for name, each in masks.items()}


def draw_row(
    image: UInt8Image, masks: dict[str, BoolMask], *, captions: dict[str, str], words: str
) -> UInt8Image:
    """Draw picture, raw, stable and true masks of one frame side by side, zoomed to them, above the words."""
    window, zoom = window_around(list(masks.values()))
    size_hw = (round(PANEL_PX * image.shape[0] / image.shape[1]), PANEL_PX)
    picture = resize_image(np.ascontiguousarray(image[window]), size_hw=size_hw)
    cut = {name: np.ascontiguousarray(mask[window]) for name, mask in masks.items()}
    panels = [picture]
    for name in (RAW, STABLE, TRUTH):
        shown = [TRUTH] if name == TRUTH else [TRUTH, name]  # the truth lies under what is judged
        layer = resize_masks(cut[name][np.newaxis], size_hw=size_hw)
        filled = fill_masks(picture, layer, colors=[COLORS[name]])
        outlines = np.stack([cut[each] for each in shown])
        panels.append(draw_outlines(filled, outlines, colors=[COLORS[each] for each in shown]))
    zoomed = f" · zoom {zoom:.1f} x" if zoom > 1 else ""
    texts = [
        ((name, COLORS.get(name, TEXT_COLOR)), (said if name in COLORS else said + zoomed, TEXT_COLOR))
        for name, said in captions.items()
    ]
    row = side_by_side(panels, captions=texts)
    width_px = row.shape[1]
    lines = wrap(words, width=int(width_px / (LINE * TEXT_PX)))
    bars = [text_bar(line, width_px=width_px, size_px=TEXT_PX) for line in lines]
    return stacked([row, *bars, np.full((RULE_PX, width_px, 3), RULE_COLOR, np.uint8)])


def draw_clip(clip: Clip, method: Method, *, gained: float) -> tuple[UInt8Image, str]:
    """Draw a clip in its worst frame; return the picture and the words under it."""
    facts, image, masks = look_at(clip, method)
    words = in_words(facts, gain=gained, picture_px=image.shape[0] * image.shape[1])
    captions = {
        clip.name: f" · frame {facts.frame}",
        RAW: f" · J {facts.raw.j:.2f} · F {facts.raw.f:.2f}",
        STABLE: f" · J {facts.stable.j:.2f} · F {facts.stable.f:.2f}",
        TRUTH: ", its outline in all",
    }
    return draw_row(image, masks, captions=captions, words=words), words


def to_png(picture: UInt8Image, *, max_bytes: int) -> bytes:
    """Encode a picture with as many colors as fit: all, or a palette.

    Raises:
        OutputError: Even the smallest palette does not.
    """
    full = Image.fromarray(picture)
    for n_colors in (0, *PALETTES):
        buffer = io.BytesIO()
        image = full.quantize(n_colors, METHOD, dither=Image.Dither.NONE) if n_colors else full
        image.save(buffer, "PNG", optimize=True)
        if buffer.tell() <= max_bytes:
            return buffer.getvalue()
    raise OutputError(
        f"the sheet must stay under {max_bytes} bytes, got {buffer.tell()}; draw fewer clips with --worst"
    )


def main() -> int:
    """Rank, draw, print."""
    parser = films.command(__doc__)
    parser.set_defaults(only=films.SYNTHETIC)
    parser.add_argument("--method", choices=METHODS, default=DEFAULT_METHOD, help="by its defaults")
    parser.add_argument("--worst", type=int, default=WORST, help=f"how many clips, default {WORST}")
    parser.add_argument("--out", type=Path, help="the sheet, a PNG")
    args = parser.parse_args()
    clips = films.clips_of(args.only, n_frames=args.frames, seed=args.seed, quick=args.quick)
    if not clips:
        print(f"{args.only}: no clips here, nothing drawn", file=sys.stderr)
        return 1
    method = entered(args.method, method_params(args.method))
    results = measure(clips, [ours(RAW, "none"), method])
    gains = {clip: gain(results[clip.name], method.name) for clip in clips}
    rows, told = [], []
    for clip in sorted(clips, key=lambda clip: gains[clip])[: args.worst]:
        row, words = draw_clip(clip, method, gained=gains[clip])
        rows.append(row)
        told.append({"clip": clip.name, "gain": gains[clip], "words": words})
        Console(width=110).print(f"[b]{clip.name}[/b]: {words}")
    whole = args.only == films.SYNTHETIC and not args.quick
    default = ROOT / "figures" / "worst.png" if whole else ROOT / "runs" / "worst" / f"{args.only}.png"
    out = args.out or default
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(to_png(stacked(rows), max_bytes=MAX_BYTES if whole else sys.maxsize))
    print(f"drawn: {out.name}, {out.stat().st_size / 1000:.0f} kB", file=sys.stderr)
    films.write_json(args.json, told)
    return 0


if __name__ == "__main__":
    films.run(main)
