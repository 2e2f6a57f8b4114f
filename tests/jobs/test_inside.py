import numpy as np
import pytest
from tiny_clip import DOG, MISSED, make_clip, true_mask

from vidlab.errors import ParameterError
from vidlab.jobs import MaskFile, stabilize
from vidlab.jobs.inside import look_inside
from vidlab.masks.png import read_mask_png
from vidlab.params import FlowFusionParams, FlowFusionTwoPassParams, FusionParams


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


def steps_of(clip, index: int, **settings):
    return look_inside(
        clip.video,
        masks_from=MaskFile(clip.detections),
        index=index,
        params=FlowFusionParams(**settings),
        class_ids=(DOG,),
    )


def test_missed_frame_has_nothing_found_little_say_and_keeps_its_mask(clip):
    steps = steps_of(clip, MISSED[0])
    assert not steps.found.any()
    assert steps.vote == pytest.approx(
        0.1, abs=1 / 255
    )  # the score of the detection below the operating point
    assert steps.miss_streak == 1
    truth = true_mask(MISSED[0])
    assert np.count_nonzero(steps.mask & truth) > 0.9 * np.count_nonzero(truth)
    assert steps.carried[truth].mean() > 0.8


def test_inside_shows_the_result_of_the_main_job(clip, tmp_path):
    stabilize(
        clip.video,
        masks_from=MaskFile(clip.detections),
        out=tmp_path / "out",
        method=FlowFusionParams(),
        class_ids=(DOG,),
    )
    for index in (1, MISSED[0], 9):
        written = read_mask_png(tmp_path / "out" / "masks" / f"{index:05d}.png", size_hw=None)
        assert np.array_equal(steps_of(clip, index).mask, written)


def test_weight_of_the_carried_state_is_at_most_the_memory(clip):
    steps = steps_of(clip, 3, memory=0.6)
    assert steps.carried_weight.max() <= 0.6 + 1e-6
    assert steps.carried_weight[steps.lost].max(initial=0) < 0.6


def test_method_that_looks_ahead_is_shown_without(clip):
    params = FlowFusionTwoPassParams()
    ahead = look_inside(
        clip.video, masks_from=MaskFile(clip.detections), index=5, params=params, class_ids=(DOG,)
    )
    same = {name: getattr(params, name) for name in FusionParams.model_fields}
    assert np.array_equal(ahead.fused, steps_of(clip, 5, **same).fused)


@pytest.mark.parametrize("index", [0, 99])
def test_frame_without_a_predecessor_or_beyond_the_end_is_refused(clip, index):
    with pytest.raises(ParameterError, match=f"a frame before it, got {index}"):
        steps_of(clip, index)
