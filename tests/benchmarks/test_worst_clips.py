"""Worst clips: the frame that is shown, what is measured in it, and words that follow from the numbers."""

import io
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

sys.path.append(str(ROOT / "benchmarks"))

import worst_clips
from contest_clips import synthetic_clip
from contest_films import entered
from worst_clips import draw_clip, draw_row, to_png
from worst_facts import NO_CAUSE, facts_of, in_words, worst_frame

from vidlab.errors import OutputError
from vidlab.jobs.overlays import COLORS
from vidlab.metrics.accuracy import Accuracy, FrameAccuracy
from vidlab.params import method_params
from vidlab.synthetic import suite

SIZE_HW = (40, 60)
PICTURE_PX = SIZE_HW[0] * SIZE_HW[1]


def score(jf):
    return FrameAccuracy(j=jf, f=jf, dice=jf, f_1px=jf, f_2px=jf)


def square(left, *, size=20):
    mask = np.zeros(SIZE_HW, bool)
    mask[10 : 10 + size, left : left + size] = size > 0
    return mask


def clip_of(raw, stable, truth):
    return {"raw": np.stack(raw), "stable": np.stack(stable), "truth": np.stack(truth)}


def look(masks, frame, *, speed_px=0.0, lost=None):
    accuracy = {
        name: [
            Accuracy().update(one, target=true) for one, true in zip(masks[name], masks["truth"], strict=True)
        ]
        for name in ("raw", "stable")
    }
    flow = np.zeros((*SIZE_HW, 2), np.float32) + np.float32([speed_px, 0])
    return facts_of(frame, masks, accuracy=accuracy, flow_to_prev=flow, lost=lost)


def said(facts):
    return in_words(facts, gain=-1.0, picture_px=PICTURE_PX)


# ── which frame ─────────────────────────────────────────────────────────────────────────────────────────────
def test_the_worst_frame_is_the_one_that_loses_most():
    assert worst_frame([score(0.9), score(0.9), score(0.5)], [score(0.8), score(0.4), score(0.1)]) == 1


def test_where_nothing_is_lost_the_worst_frame_is_the_least_accurate():
    assert worst_frame([score(0.9), score(0.2), score(0.5)], [score(0.9), score(0.4), score(0.49)]) == 1


# ── facts ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_areas_are_ratios_to_the_truth():
    facts = look(clip_of([square(5)], [square(5, size=10)], [square(5)]), 0)
    assert (facts.raw_area, facts.stable_area) == (1.0, 0.25)
    assert facts.size == pytest.approx(400 / PICTURE_PX)
    assert "held back" in said(facts)
    assert "area of raw 1.00, of stable 0.25 times the true one" in said(facts)


def test_misses_are_counted_in_a_row_and_in_all():
    nothing, there = square(0, size=0), square(5)
    raw = [there, nothing, nothing, nothing, there, nothing]
    masks = clip_of(raw, [there] * 6, [there] * 6)
    facts = look(masks, 2)
    assert (facts.missed_here, facts.missed, facts.shown) == (3, 4, 6)
    assert "misses the object here, 3 frames in a row (4 of 6 in the clip)" in said(facts)
    assert look(masks, 4).missed_here == 0
    assert "in 4 of 6 frames, not in this one" in said(look(masks, 4))


def test_what_is_left_behind_is_said_with_its_age():
    there, nothing = square(5), square(0, size=0)
    masks = clip_of([there, nothing, nothing], [there] * 3, [there, nothing, nothing])
    facts = look(masks, 2)
    assert (facts.gone_frames, facts.stable_area, facts.size) == (2, 0.0, 0.0)
    assert "nothing is there, raw shows 0 px, stable 400 px. The object is gone for 2 frames" in said(facts)
    assert look(masks, 0).gone_frames == 0


def test_an_object_that_has_not_come_yet_has_not_left():
    there, nothing = square(5), square(0, size=0)
    masks = clip_of([nothing, there], [there, there], [nothing, there])
    assert look(masks, 0).gone_frames == 0
    assert look(masks, 1).new_frames == 1


def test_too_much_is_traced_to_raw_masks():
    truth, wide = square(5), square(5) | square(30)
    facts = look(clip_of([wide, wide, truth], [truth, truth, wide], [truth] * 3), 2)
    assert (facts.claimed, facts.claimed_before) == (0.0, 1.0)
    assert "claims 0% here too, and claimed 100% in the 5 frames before" in said(facts)


def test_lost_flow_and_speed_are_those_of_the_object():
    truth = square(5)
    masks = clip_of([truth] * 2, [truth] * 2, [truth] * 2)
    lost = np.zeros(SIZE_HW, bool)
    lost[:20] = True  # the upper half of the object, and what lies beside it
    facts = look(masks, 1, speed_px=3.0, lost=lost)
    assert (facts.lost, facts.speed_px) == (0.5, 3.0)
    assert "disagrees on 50% of the object" in said(facts)
    assert "moves fast: 3 px per frame, its size is 20 px" in said(facts)


def test_where_nothing_stands_out_this_is_said():
    truth, near = square(5), square(6)
    calm = look(clip_of([near] * 2, [near] * 2, [truth] * 2), 1, speed_px=0.5)
    assert said(calm).endswith(NO_CAUSE)
    assert said(calm).startswith("Clip -1.0 points, this frame +0.0;")
    assert "It is tiny: 0.10% of the picture." in said(replace(calm, size=0.001))


def test_a_perfect_raw_mask_excuses_every_change():
    facts = look(clip_of([square(5)], [square(6)], [square(5)]), 0)
    assert said(facts).endswith("The raw mask is perfect here: every change is for the worse.")


# ── pictures ────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_row_shows_each_mask_in_its_place_and_the_truth_in_all():
    grey = np.full((*SIZE_HW, 3), 128, np.uint8)
    masks = {"raw": square(2), "stable": square(12), "truth": square(38)}
    row = draw_row(grey, masks, captions=dict.fromkeys(("clip", *masks), ""), words="short")
    panels = np.array_split(row, 4, axis=1)
    bare = panels[0][30:-60]
    assert np.ptp(bare.astype(int), axis=2).max() < 20
    for name, panel in zip(masks, panels[1:], strict=True):
        for shown in {name, "truth"}:
            near = np.abs(panel.astype(int) - np.array(COLORS[shown])).sum(axis=2).min()
            assert near < 40, (name, shown)


def test_more_words_take_more_lines():
    grey, masks = np.zeros((*SIZE_HW, 3), np.uint8), dict.fromkeys(("raw", "stable", "truth"), square(5))
    captions = dict.fromkeys(("clip", *masks), "")
    short, long = (draw_row(grey, masks, captions=captions, words="word " * n) for n in (5, 200))
    assert short.shape[1] == long.shape[1]
    assert len(long) > len(short) + 2 * worst_clips.TEXT_PX


def test_a_clip_becomes_a_picture_with_words(monkeypatch):
    clip = next(c for c in suite(size_hw=(48, 64), n_frames=4, seed=3) if c.name == "late/3px")
    method = entered("median", method_params("median"))
    picture, words = draw_clip(synthetic_clip(clip), method, gained=-2.5)
    assert picture.dtype == np.uint8
    assert picture.shape[1] % 2 == 0
    assert words.startswith("Clip -2.5 points, this frame ")


def test_a_sheet_gets_as_many_colors_as_fit():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    full = to_png(noise, max_bytes=10**6)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(full)).convert("RGB")), noise)
    fewer = to_png(noise, max_bytes=len(full) // 2)
    assert len(fewer) <= len(full) // 2
    noise[30, :8] = COLORS["stable"]
    palette = Image.open(io.BytesIO(to_png(noise, max_bytes=len(full) // 2))).convert("RGB")
    assert np.abs(np.asarray(palette)[30, :8].astype(int) - COLORS["stable"]).max() < 40
    with pytest.raises(OutputError, match=r"the sheet must stay under 10 bytes, got .*; draw fewer clips"):
        to_png(noise, max_bytes=10)
