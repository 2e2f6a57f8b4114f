import pytest
from tiny_clip import make_clip

from vidlab.errors import ParameterError
from vidlab.jobs import MaskFile, stabilize
from vidlab.jobs.variants import measure_variants, switched_off
from vidlab.params import FlowFusionParams, SourceParams, method_params


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


def test_variants_get_the_numbers_of_the_main_job(clip, tmp_path):
    methods = {name: method_params(name) for name in ("median", "exponential", "flow_fusion_two_pass")}
    measured = measure_variants(
        clip.video, masks_from=MaskFile(clip.masks), variants=methods, truth=clip.truth
    )
    assert list(measured) == ["raw", *methods]
    for name, method in methods.items():
        alone = stabilize(
            clip.video,
            masks_from=MaskFile(clip.masks),
            out=tmp_path / name,
            method=method,
            truth=clip.truth,
        )
        assert measured[name] == alone.stable
        assert measured["raw"] == alone.raw


def test_first_frames_alone_can_be_measured(clip):
    measured = measure_variants(
        clip.video,
        masks_from=MaskFile(clip.masks),
        variants={"m": method_params("median")},
        truth=clip.truth,
        source=SourceParams(max_frames=5),
    )
    assert measured["m"].n_frames == measured["m"].n_target == 5


def test_variant_called_raw_is_refused(clip):
    with pytest.raises(ParameterError, match="must not be called 'raw'"):
        measure_variants(
            clip.video, masks_from=MaskFile(clip.masks), variants={"raw": method_params("median")}
        )


def test_six_steps_are_switched_off_one_at_a_time():
    full = FlowFusionParams()
    off = switched_off(full)
    assert len(off) == 6
    for params in off.values():
        changed = [
            name for name in FlowFusionParams.model_fields if getattr(params, name) != getattr(full, name)
        ]
        assert len(changed) == 1
        assert getattr(params, changed[0]) is False


def test_step_that_is_off_already_is_left_out():
    assert len(switched_off(FlowFusionParams(carry=False))) == 5
