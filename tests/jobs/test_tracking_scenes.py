"""Trackers on drawn scenes: who was called what, means over scenes, and what is said of them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from vidlab.jobs.tracking_scenes import (
    SCORE_HEADER,
    Followed,
    Scene,
    answer,
    beaten,
    cells,
    follow,
    judge,
    mean_hota,
    mean_tracking,
    raw_masks,
    stabilized,
    worth,
)
from vidlab.metrics.tracking import TrackingScore
from vidlab.params import method_params
from vidlab.synthetic.crossings import crossing_clip
from vidlab.tracking import NOBODY, create_tracker

SIZE, N_FRAMES = (96, 170), 16


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene.of(
        crossing_clip("apart", looks="unlike", detector="exact", seed=2, size_hw=SIZE, n_frames=N_FRAMES)
    )


class Switching:
    """Knows the truth, calls everybody by 10 more, and half way by 20 more."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.reset()

    def reset(self) -> None:
        self._index = 0

    def step(self, image, instances):
        true = self._scene.frames[self._index].instances
        self._index += 1
        names = []
        for mask in instances.masks:
            shared = (true.masks & mask).sum(axis=(1, 2))
            who = int(true.track_ids[shared.argmax()]) if shared.max() else NOBODY
            names.append(who + (10 if self._index <= N_FRAMES // 2 else 20))
        return replace(instances, track_ids=np.array(names, np.int64))


def score(**changed) -> TrackingScore:
    shares = dict.fromkeys(("hota", "deta", "assa", "loca", "mota", "motp", "idf1", "idp", "idr"), 1.0)
    counts = dict.fromkeys(
        ("n_switches", "n_missed", "n_false", "n_broken", "n_objects", "n_appearances", "n_frames"), 0
    )
    return TrackingScore(**{**shares, **counts, **changed})


def test_it_is_said_who_was_called_what_and_when(scene: Scene) -> None:
    followed = follow(scene, Switching(scene))
    half = N_FRAMES // 2
    assert followed.given == {one: [one + 10] * half + [one + 20] * half for one in (1, 2)}
    assert followed.score.n_switches == 2
    assert followed.score.assa == pytest.approx(0.5, abs=0.01)
    assert followed.ms_per_frame > 0


def test_who_is_not_found_was_called_nothing(scene: Scene) -> None:
    unseen = Scene(
        scene.name, scene.frames, [found.where(np.zeros(len(found), bool)) for found in scene.found]
    )
    followed = follow(unseen, create_tracker("sort"))
    assert followed.given == {1: [None] * N_FRAMES, 2: [None] * N_FRAMES}
    assert followed.score.hota == 0


def test_the_truth_judges_itself_perfect(scene: Scene) -> None:
    truth = [frame.instances for frame in scene.frames]
    assert judge(truth, truth).hota == pytest.approx(1)


def test_stable_masks_are_judged_by_identity_and_as_one(scene: Scene) -> None:
    truth = [frame.instances for frame in scene.frames]
    kept, union = stabilized(scene, truth, method=method_params("none"))
    assert kept.hota == pytest.approx(1)
    assert union.headline == pytest.approx(1)
    swapped = follow(scene, Switching(scene)).tracked
    confused, same = stabilized(scene, swapped, method=method_params("none"))
    assert confused.assa == pytest.approx(0.5, abs=0.02)
    assert same.headline == pytest.approx(union.headline, abs=0.02)  # as one they are as right as before


def test_raw_masks_of_an_exact_detector_are_worth_all(scene: Scene) -> None:
    assert worth(scene, raw_masks(scene)).headline > 0.99


def test_shares_are_averaged_and_counts_summed() -> None:
    means = mean_tracking([score(hota=0.4, n_switches=2), score(hota=0.8, n_switches=3)])
    assert means["hota"] == pytest.approx(0.6)
    assert means["n_switches"] == 5
    assert mean_tracking([score(motp=math.nan), score(motp=0.5)])["motp"] == 0.5
    assert math.isnan(mean_tracking([score(motp=math.nan)])["motp"])
    assert len(cells(means)) == len(SCORE_HEADER)
    assert cells(means)[-1] == "5"


def made(**hota: float) -> dict[str, Followed]:
    return {name: Followed([], {}, score(hota=value), 1.0) for name, value in hota.items()}


FOLLOWED = {
    ("cross", "alike"): made(flow=0.9, sort=0.5),
    ("cross", "unlike"): made(flow=0.7, sort=0.5),
    ("turn", "alike"): made(flow=0.3, sort=0.5),
}


def test_scenes_are_chosen_by_plot_and_looks() -> None:
    assert mean_hota(FOLLOWED, "flow") == pytest.approx(1.9 / 3)
    assert mean_hota(FOLLOWED, "flow", plot="cross") == pytest.approx(0.8)
    assert mean_hota(FOLLOWED, "flow", looks="alike") == pytest.approx(0.6)
    assert beaten(FOLLOWED, ["flow", "sort"]) == ["turn"]


def test_the_answer_names_the_best_and_where_it_is_not() -> None:
    said = answer({"flow": [0.9, 0.7, 0.3], "sort": [0.5, 0.5, 0.5]}, beaten_in=["turn"])
    assert said.startswith(
        "flow keeps identities best: HOTA 0.633 on average (0.300 to 0.900), best on 2 of 3"
    )
    assert said.endswith("then sort, 0.500. Another one is better in: turn.")
    assert "Another" not in answer({"flow": [0.9]})
