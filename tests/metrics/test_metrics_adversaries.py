"""Wrong masks that naive metrics praise must not outrank the raw ones they were made of."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from ranking import rank

from vidlab.synthetic.adversaries import ADVERSARIES

N_CLIPS = 20
MIN_SPEED_PX = 2.0
HEADLINE = 3  # its place in what `rank` returns


@pytest.fixture(scope="module")
def clips():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        return list(pool.map(rank, range(N_CLIPS)))


def test_objects_of_every_clip_move(clips):
    assert min(speed for speed, _ in clips) >= MIN_SPEED_PX


@pytest.mark.parametrize("name", ADVERSARIES)
def test_no_adversary_outranks_the_raw_masks_in_any_clip(clips, name):
    for seed, (_, ranked) in enumerate(clips):
        assert ranked[name][HEADLINE] < ranked["raw"][HEADLINE], f"clip {seed}"


def test_truth_ranks_first_and_has_no_excess_flicker(clips):
    for _, ranked in clips:
        assert ranked["truth"][2:] == (0.0, 1.0)
        assert max(ranked.values(), key=lambda scores: scores[HEADLINE]) == ranked["truth"]


@pytest.mark.parametrize("name", ["empty", "full"])
def test_naive_calm_would_have_praised_them(clips, name):
    """The trap is there: by motion-compensated calm alone these win everywhere."""
    calm = [ranked[name][2] < ranked["raw"][2] for _, ranked in clips]
    assert np.all(calm)
