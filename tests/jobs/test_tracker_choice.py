"""Another tracker for the stabilizer: in the job and after a kill, in loops of one's own, in rehearsals."""

import io
from dataclasses import replace

import numpy as np
import pytest
from tiny_clip import DOG, make_clip

from vidlab.errors import MaskError
from vidlab.jobs import MaskFile, stabilize
from vidlab.jobs.pickling import StatePickler, StateUnpickler
from vidlab.jobs.rehearsal_telling import TRACKED_BY
from vidlab.jobs.variants import measure_variants
from vidlab.masks.coco import CocoMasks, CocoResultsWriter
from vidlab.params import TRACKER_PARAMS, EvidenceParams, method_params
from vidlab.smoother import InstanceSmoother
from vidlab.synthetic.crossings import crossing_clip
from vidlab.tracking import create_method_tracker
from vidlab.tuning.space import axes_of

OTHERS = [name for name in TRACKER_PARAMS if name not in ("flow", "given")]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def scene():
    drawn = crossing_clip("turn", looks="unlike", detector="exact", seed=3, size_hw=(90, 160), n_frames=24)
    return list(drawn)


def stabilized(clip, out, *settings: str, detections=None):
    return stabilize(
        clip.video,
        masks_from=MaskFile(detections or clip.detections),
        out=out,
        method=method_params("flow_fusion", ["cut_similarity=-1", *settings]),
        class_ids=(DOG,),
    )


@pytest.mark.parametrize("tracker", OTHERS)
def test_the_job_takes_every_tracker(clip, tmp_path, tracker: str) -> None:
    stabilized(clip, tmp_path / "out", f"tracker={tracker}")
    shown = list(CocoMasks(tmp_path / "out" / "instances.json", size_hw=None))
    assert {one for frame in shown for one in frame.track_ids.tolist()} == {1}


def test_the_default_is_ours_to_the_bit(clip, tmp_path) -> None:
    stabilized(clip, tmp_path / "unsaid")
    stabilized(clip, tmp_path / "said", "tracker=flow")
    for name in ("instances.json", "curves.csv"):
        assert (tmp_path / "unsaid" / name).read_bytes() == (tmp_path / "said" / name).read_bytes()


def test_given_identities_stay_what_they_are(clip, tmp_path) -> None:
    with CocoResultsWriter(tmp_path / "named.json") as named:
        for index, found in enumerate(CocoMasks(clip.detections, size_hw=None)):
            dogs = found.where(found.class_ids == DOG)
            named.append(replace(dogs, track_ids=np.full(len(dogs), 41, np.int64)), image_id=index)
    stabilized(clip, tmp_path / "out", "tracker=given", detections=tmp_path / "named.json")
    shown = list(CocoMasks(tmp_path / "out" / "instances.json", size_hw=None))
    assert {one for frame in shown for one in frame.track_ids.tolist()} == {41}


def test_given_identities_must_be_given(clip, tmp_path) -> None:
    with pytest.raises(MaskError, match="must come with track_ids to be taken as given"):
        stabilized(clip, tmp_path / "out", "tracker=given")


def test_variants_are_each_followed_by_their_own(clip) -> None:
    variants = {name: method_params("none", [f"tracker={name}"]) for name in ("flow", "deepsort")}
    found = measure_variants(
        clip.video,
        masks_from=MaskFile(clip.detections),
        variants=variants,
        class_ids=(DOG,),
        truth=clip.truth,
    )
    assert found["flow"].j_mean > found["deepsort"].j_mean  # which names nothing in its first two frames


class Nowhere:
    """A store for states that keep nothing beside."""


@pytest.mark.parametrize("tracker", ["flow", *OTHERS])
def test_a_run_that_is_killed_goes_on_with_the_same_names(scene, tracker: str) -> None:
    params = method_params("median", [f"tracker={tracker}"])
    first, second, twin = (create_method_tracker(params, evidence=EvidenceParams()) for _ in range(3))
    for frame, found in scene[:14]:
        first.step(frame.image, found)
        second.step(frame.image, found)
    kept = io.BytesIO()
    StatePickler(kept, second, Nowhere()).dump(second)
    again = StateUnpickler(io.BytesIO(kept.getvalue()), twin, Nowhere()).load()
    for frame, found in scene[14:]:
        expected = first.step(frame.image, found).track_ids.tolist()
        assert again.step(frame.image, found).track_ids.tolist() == expected


@pytest.mark.parametrize("tracker", OTHERS)
def test_a_loop_of_ones_own_takes_every_tracker(scene, tracker: str) -> None:
    params = method_params("flow_fusion", [f"tracker={tracker}"])
    smoother = InstanceSmoother(params, evidence=EvidenceParams())
    done = [one for frame, found in scene for one in smoother.step(frame.image, found)]
    assert len(done) == len(scene)
    assert set(done[5].instances.track_ids.tolist()) == {1, 2}


def test_rehearsals_tell_trackers_apart() -> None:
    assert "tracker" in TRACKED_BY


def test_a_search_tries_no_ids_that_may_not_be_there() -> None:
    (axis,) = (each for each in axes_of("median", ["all"]) if each.name == "tracker")
    assert set(axis.choices) == {"flow", *OTHERS}
