import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import REAL, needs_real
from PIL import Image
from tiny_clip import DOG, N_FRAMES, PERSON, make_clip

from vidlab.errors import MaskError, OutputError, ParameterError
from vidlab.jobs import MaskFile, evaluate, stabilize
from vidlab.params import METHODS, EvidenceParams, MethodParams, SourceParams, method_params
from vidlab.video import read_image

OUTPUTS = {"masks", "raw", "overlay.mp4", "metrics.json", "curves.csv", "plots", "params.json"}
PLOTS = {"iou", "changed_pixels", "consistency", "area", "threshold", "confidence", "miss_streak"}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


def job(clip, out: Path, *, masks: MaskFile | None = None, method: str = "none", **options):
    return stabilize(
        clip.video,
        masks_from=masks or MaskFile(clip.masks),
        out=out,
        method=method_params(method, options.pop("settings", [])),
        **options,
    )


def masks_in(folder: Path) -> np.ndarray:
    paths = sorted(folder.glob("*.png"))
    assert [path.name for path in paths] == [f"{index:05d}.png" for index in range(len(paths))]
    pictures = np.stack([np.asarray(Image.open(path)) for path in paths])
    assert set(np.unique(pictures)) <= {0, 255}
    return pictures > 0


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_writes_the_whole_result(clip, tmp_path, method):
    result = job(clip, tmp_path / "out", method=method)
    assert {path.name for path in (tmp_path / "out").iterdir()} - {"instances.json"} == OUTPUTS
    assert {path.stem for path in (tmp_path / "out" / "plots").iterdir()} == PLOTS
    assert masks_in(tmp_path / "out" / "masks").shape == (N_FRAMES, 48, 80)
    assert masks_in(tmp_path / "out" / "raw").shape == (N_FRAMES, 48, 80)
    assert result.n_frames == N_FRAMES


def test_method_none_changes_nothing(clip, tmp_path):
    result = job(clip, tmp_path / "out")
    raw, stable = (masks_in(tmp_path / "out" / name) for name in ("raw", "masks"))
    assert np.array_equal(raw, masks_in(clip.masks))
    assert np.array_equal(raw, stable)
    assert result.change.improvement_percent == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["raw"] == metrics["stable"]


def test_default_method_fills_the_dropouts(clip, tmp_path):
    result = job(clip, tmp_path / "out", method="flow_fusion_two_pass", truth=clip.truth)
    assert result.stable.iou_prev_mean > result.raw.iou_prev_mean
    assert result.stable.jf_mean > result.raw.jf_mean
    assert {"truth_j.png", "truth_f.png"} <= {path.name for path in (tmp_path / "out" / "plots").iterdir()}


def test_raw_metrics_do_not_depend_on_the_method(clip, tmp_path):
    results = [job(clip, tmp_path / m, method=m, truth=clip.truth) for m in ("none", "median", "flow_fusion")]
    assert results[0].raw == results[1].raw == results[2].raw


def test_metrics_agree_with_evaluate(clip, tmp_path):
    result = job(clip, tmp_path / "out", method="median", truth=clip.truth)
    again = evaluate(tmp_path / "out", truth=clip.truth, video=clip.video).summary
    for name in ("iou_prev_mean", "instability", "changed_px_mean", "area_cv", "consistency_mean", "jf_mean"):
        assert getattr(again, name) == pytest.approx(getattr(result.stable, name)), name


def test_metrics_file_carries_its_circumstances(clip, tmp_path):
    job(clip, tmp_path / "out", truth=clip.truth)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["n_frames"] == N_FRAMES
    assert metrics["size_hw"] == [48, 80]
    assert metrics["losses"] == []
    assert metrics["device"] == "cpu"
    assert metrics["raw"]["j_mean"] == pytest.approx(10 / 12)
    assert metrics["raw"]["probs_l1_mean"] is not None
    assert {"read_s", "stabilize_s", "measure_s", "write_s", "total_s"} <= set(metrics["timing"])


def test_params_file_repeats_the_run(clip, tmp_path):
    first = tmp_path / "first"
    job(
        clip,
        first,
        masks=MaskFile(clip.detections),
        method="gaussian",
        settings=["window=7", "sigma=2"],
        class_ids=(DOG,),
        evidence=EvidenceParams(min_score=0.2),
        source=SourceParams(max_frames=9),
    )
    said = json.loads((first / "params.json").read_text())
    assert said["classes"] == {str(DOG): "dog"}
    assert said["video"]["content"].startswith("sha256:")
    stabilize(
        Path(said["video"]["absolute"]),
        masks_from=MaskFile(Path(said["masks"]["absolute"]), said["masks"]["probs"]),
        out=tmp_path / "second",
        method=METHODS[said["method"]](**said["params"]),
        class_ids=tuple(int(class_id) for class_id in said["classes"]),
        evidence=EvidenceParams(**said["evidence"]),
        source=SourceParams(**said["source"]),
    )
    for name in ("masks", "raw"):
        assert np.array_equal(masks_in(first / name), masks_in(tmp_path / "second" / name))


def test_overlay_keeps_the_time_stamps(clip, tmp_path):
    job(clip, tmp_path / "out")
    with av.open(str(tmp_path / "out" / "overlay.mp4")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([index / 25 for index in range(N_FRAMES)], abs=1e-4)


def test_instances_get_identities_and_classes_get_labels(clip, tmp_path):
    job(clip, tmp_path / "out", masks=MaskFile(clip.detections))
    tracked = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert {entry["category_id"] for entry in tracked} == {DOG, PERSON}
    dogs = [entry for entry in tracked if entry["category_id"] == DOG]
    assert len({entry["track_id"] for entry in dogs}) == 1
    labels = np.asarray(Image.open(tmp_path / "out" / "labels" / "00001.png"))
    assert set(np.unique(labels)) == {0, PERSON, DOG}
    masks = masks_in(tmp_path / "out" / "masks")
    assert np.array_equal(labels > 0, masks[1])


def test_one_class_writes_no_labels(clip, tmp_path):
    job(clip, tmp_path / "out", masks=MaskFile(clip.detections), class_ids=(DOG,))
    assert not (tmp_path / "out" / "labels").exists()
    assert (tmp_path / "out" / "instances.json").is_file()


def test_soft_masks_are_taken(clip, tmp_path):
    result = job(clip, tmp_path / "out", masks=MaskFile(clip.probs, probs=True))
    assert np.array_equal(masks_in(tmp_path / "out" / "raw"), masks_in(clip.masks))
    assert result.raw.probs_l1_mean > 0


def test_frames_are_saved_without_loss_on_request(clip, tmp_path):
    job(clip, tmp_path / "out", save_frames=True)
    again = stabilize(
        tmp_path / "out" / "frames",
        masks_from=MaskFile(clip.masks),
        out=tmp_path / "again",
        method=method_params("none"),
        save_frames=True,
    )
    assert again.n_frames == N_FRAMES
    for index in (0, N_FRAMES - 1):
        one, other = (
            read_image(tmp_path / name / "frames" / f"{index:05d}.png") for name in ("out", "again")
        )
        assert np.array_equal(one, other)


def test_max_frames_takes_the_beginning(clip, tmp_path):
    result = job(clip, tmp_path / "out", source=SourceParams(max_frames=5), truth=clip.truth)
    assert result.n_frames == 5
    assert len(masks_in(tmp_path / "out" / "masks")) == 5


@pytest.mark.parametrize("side", ["masks", "truth"])
@pytest.mark.parametrize(
    ("n_files", "words"),
    [
        (11, "got 11 in .*, but the (clip|video) goes on"),
        (13, "must not outlast the (clip|video) of 12 frames"),
    ],
)
def test_masks_and_video_of_different_length_are_refused(clip, tmp_path, side, n_files, words):
    folder = tmp_path / "other"
    folder.mkdir()
    for index in range(n_files):
        source = getattr(clip, side) / f"{min(index, N_FRAMES - 1):05d}.png"
        (folder / f"{index:05d}.png").write_bytes(source.read_bytes())
    changed = replace(clip, **{side: folder})
    with pytest.raises(MaskError, match=words):
        job(changed, tmp_path / "out", truth=changed.truth)
    assert listing(tmp_path) == listing_of_inputs(n_files)


def listing_of_inputs(n_files: int) -> list[str]:
    return ["other", *(f"other/{index:05d}.png" for index in range(n_files))]


def test_parameters_of_no_method_leave_nothing(clip, tmp_path):
    with pytest.raises(ParameterError, match="must be those of a method, got MethodParams"):
        stabilize(
            clip.video,
            masks_from=MaskFile(clip.masks),
            out=tmp_path / "out",
            method=MethodParams(),
        )
    assert listing(tmp_path) == []


def test_interrupted_run_leaves_nothing(clip, tmp_path):
    def stop(done: int, total: int | None) -> None:
        assert total == N_FRAMES
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job(clip, tmp_path / "out", progress=stop)
    assert listing(tmp_path) == []


def test_result_may_not_replace_its_own_masks(clip, tmp_path):
    job(clip, tmp_path / "out")
    with pytest.raises(OutputError, match="must not touch what is read"):
        job(clip, tmp_path / "out", masks=MaskFile(tmp_path / "out"), force=True)


@needs_real
def test_real_network_output_is_taken(tmp_path):
    dog = REAL / "sequences" / "dog"
    result = stabilize(
        dog / "frames",
        masks_from=MaskFile(dog / "yolov8n_seg.json"),
        out=tmp_path / "out",
        method=method_params("flow_fusion"),
        class_ids=(DOG,),
        truth=dog / "truth",
        source=SourceParams(fps=24.0, max_frames=10),
    )
    assert result.n_frames == 10
    assert result.raw.n_target == 10
    assert 0.5 < result.raw.j_mean <= 1
    assert masks_in(tmp_path / "out" / "masks").shape == (10, 480, 854)
