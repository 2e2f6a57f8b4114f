import pytest
from tiny_clip import make_clip

from vidlab.errors import ParameterError
from vidlab.jobs import MaskFile, stabilize
from vidlab.jobs.variants import ablations, measure_variants, switched_off
from vidlab.params import METHODS, FlowFusionParams, SourceParams, method_params
from vidlab.schema import build, tunables


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.mark.parametrize("kind", ["masks", "detections"])
def test_variants_get_the_numbers_of_the_main_job(clip, tmp_path, kind):
    masks_from = MaskFile(getattr(clip, kind))
    methods = {name: method_params(name) for name in ("median", "exponential", "flow_fusion_two_pass")}
    measured = measure_variants(clip.video, masks_from=masks_from, variants=methods, truth=clip.truth)
    assert list(measured) == ["raw", *methods]
    for name, method in methods.items():
        alone = stabilize(
            clip.video,
            masks_from=masks_from,
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


def test_steps_are_switched_off_one_at_a_time():
    full = FlowFusionParams()
    off = switched_off(full)
    assert len(off) == sum(value is True for value in full.model_dump().values()) >= 6
    for params in off.values():
        changed = [
            name for name in FlowFusionParams.model_fields if getattr(params, name) != getattr(full, name)
        ]
        assert len(changed) == 1
        assert getattr(params, changed[0]) is False


def test_step_that_is_off_already_is_left_out():
    off, all_off = (switched_off(FlowFusionParams(carry=carry)) for carry in (False, True))
    assert all_off.keys() - off.keys() == {"without step 2, carry"}


def changed(one, other):
    return {name: value for name, value in one.model_dump().items() if getattr(other, name) != value}


def test_ablations_switch_off_one_thing_each():
    method = method_params("flow_fusion_two_pass")
    off = ablations(method)
    assert off.items() > switched_off(method).items()
    for name, other in off.items():
        assert len(changed(method, other)) == 1, name
    numbers = {"edge_weight = 0", "flow_error = 100", "least_piece = 0", "lost_keep = 1"}
    assert numbers < off.keys()
    assert ablations(method_params("median")) == {}


@pytest.mark.parametrize("model", METHODS.values())
def test_a_step_can_be_set_to_where_it_is_off(model):
    """What `off` says lies within the limits of its tunable; a number is not off by default."""
    for tunable in tunables(model):
        if tunable.off is not None:
            assert getattr(build(model, {tunable.name: tunable.off}), tunable.name) == tunable.off
            assert tunable.type is bool or tunable.off != tunable.default, tunable.name


@pytest.mark.parametrize("method", METHODS)
def test_every_step_has_a_short_name(method):
    assert max(map(len, ablations(method_params(method))), default=0) <= 40


def test_a_number_that_is_off_already_is_left_out():
    assert "edge_weight = 0" not in ablations(FlowFusionParams(edge_weight=0))
