"""The whole way over HTTP: a clip and masks in; frames, videos, numbers and files out."""

import csv
import io
import json
import zipfile

import av
import numpy as np
import pytest
from conftest import REAL, needs_real
from PIL import Image
from tiny_clip import MISSED, N_FRAMES, SIZE_HW, make_clip, true_mask
from web_server import refused, serving

from vidlab.classes import COCO_NAMES
from vidlab.params import DEFAULT_METHOD, METHODS, method_model
from vidlab.web.results import MEANINGS

VIEW_HW = (192, 320)  # four times the tiny clip
RAW_ORANGE, STABLE_GREEN = 0, 1  # the channel in which their colors are strongest
TINTED = 12  # steps of a color by which a mask changes a pixel at least


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("web") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def visitor(server):
    return server.visitor


@pytest.fixture(scope="module")
def made(visitor, clip):
    """Ids of a segmentation of the visitor's own masks, and of its stabilization, both done."""
    video, masks = visitor.upload(clip.video), visitor.upload(clip.masks, kind="masks")
    segmentation = visitor.start("segment", upload_id=video, masks_id=masks, class_names=["dog"])
    stabilization = visitor.start("stabilize", job_id=segmentation)  # while that one waits or runs
    for job_id in (segmentation, stabilization):
        status = visitor.end_of(job_id)
        assert (status["state"], status["error"], status["frame"]) == ("done", None, N_FRAMES)
    return segmentation, stabilization


def picture(visitor, job_id, kind, number):
    answer = visitor.get(f"/api/frames/{job_id}/{kind}/{number}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    return np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)


def large(mask):
    return np.kron(mask, np.ones((4, 4), bool))


# ── what is offered ─────────────────────────────────────────────────────────────────────────────────────────
def test_about_says_what_is_accepted_and_which_networks_there_are(visitor):
    about = visitor.found(visitor.get("/api"), 200)
    assert about["limits"]["max_upload_mb"] == 512
    models = {model["name"]: model for model in about["models"]}
    assert models["maskrcnn_demo"]["available"]
    assert not models["smp_unet"]["available"]
    assert "no weights" in models["smp_unet"]["reason"]
    assert [model["default"] for model in about["models"]].count(True) == 1
    names = {parameter["name"] for parameter in about["parameters"]}
    assert {"min_score", "keyframe_every", "refine"} <= names
    asked = visitor.get("/", headers={"Accept": "application/json"})
    assert asked.json()["version"] == about["version"]
    assert about["openapi"] in ("/api/openapi.json",)
    assert "/api/segment" in visitor.get(about["openapi"]).json()["paths"]


def test_classes_are_all_of_coco_with_names_in_two_languages(visitor):
    classes = visitor.get("/api/classes").json()
    assert [each["id"] for each in classes if each["kind"] == "thing"] == list(COCO_NAMES)
    assert {"id": 18, "name": "dog", "name_ru": "собака", "kind": "thing"} in classes


def test_methods_list_every_tunable_with_its_range(visitor):
    methods = {method["name"]: method for method in visitor.get("/api/methods").json()}
    assert list(methods) == list(METHODS)
    assert [name for name, method in methods.items() if method["default"]] == [DEFAULT_METHOD]
    for name, method in methods.items():
        assert [each["name"] for each in method["parameters"]] == list(method_model(name).model_fields)
    sigma = next(each for each in methods["gaussian"]["parameters"] if each["name"] == "sigma")
    assert (sigma["type"], sigma["min"], sigma["min_reached"], sigma["unit"]) == ("float", 0, False, "frames")


# ── what comes out ──────────────────────────────────────────────────────────────────────────────────────────
def test_results_list_what_can_be_fetched_and_it_can(visitor, made):
    for job_id, expected in zip(
        made, ({"raw.mp4"}, {"stable.mp4", "metrics.json", "plot_iou.png"}), strict=True
    ):
        results = visitor.found(visitor.get(f"/api/results/{job_id}"), 200)
        assert (results["n_frames"], tuple(results["size_hw"]), tuple(results["view_hw"])) == (
            N_FRAMES, SIZE_HW, VIEW_HW,
        )  # fmt: skip
        assert results["pts_s"] == pytest.approx([index / 25 for index in range(N_FRAMES)])
        names = {file["name"] for file in results["files"]}
        assert names >= expected | {"masks.zip", "params.json"}
        for file in results["files"]:
            answer = visitor.get(file["url"])
            assert answer.status_code == 200
            assert len(answer.content) == file["bytes"]
            assert file["name"] in answer.headers["content-disposition"]
            assert answer.headers["content-type"].startswith(file["media_type"])


def test_masks_that_were_lost_are_found_again_in_the_stable_ones(visitor, made):
    found = []
    for job_id in made:
        archive = zipfile.ZipFile(io.BytesIO(visitor.get(f"/api/files/{job_id}/masks.zip").content))
        assert archive.namelist() == [f"masks/{index:05d}.png" for index in range(N_FRAMES)]
        masks = [np.asarray(Image.open(archive.open(name))) > 0 for name in archive.namelist()]
        found.append([bool(mask.any()) for mask in masks])
        assert np.array_equal(masks[1], true_mask(1))
    assert found[0] == [index not in MISSED for index in range(N_FRAMES)]
    assert all(found[1])


def test_record_names_files_as_the_visitor_does(visitor, made, server):
    record = visitor.get(f"/api/files/{made[1]}/params.json").text
    assert json.loads(record)["video"]["path"] == "clip.mp4"
    assert str(server.home.parent) not in record
    assert "absolute" not in record


def test_frames_show_the_masks_of_their_version(visitor, made):
    segmentation, stabilization = made
    index = MISSED[0]
    original = picture(visitor, stabilization, "original", index)
    assert original.shape == (*VIEW_HW, 3)
    raw, stable, overlay = (
        picture(visitor, stabilization, kind, index) for kind in ("raw", "stable", "overlay")
    )
    assert np.abs(raw - original).max() == 0  # nothing was found, so nothing is drawn
    changed = np.abs(stable - original).max(axis=2) > TINTED
    assert changed[large(true_mask(index))].mean() > 0.5
    assert (np.abs(overlay - original).max(axis=2) > TINTED).any()
    assert np.array_equal(picture(visitor, segmentation, "raw", 1), picture(visitor, stabilization, "raw", 1))
    tint = picture(visitor, stabilization, "raw", 1) - picture(visitor, stabilization, "original", 1)
    inside = tint[large(true_mask(1))].mean(axis=0)
    assert inside[RAW_ORANGE] > inside[STABLE_GREEN]


def test_difference_shows_what_was_added_in_blue(visitor, made):
    shown = picture(visitor, made[1], "difference", MISSED[0])[large(true_mask(MISSED[0]))]
    assert (shown[:, 2] > shown[:, 0] + 60).mean() > 0.9


def test_frames_are_kept_by_the_browser(visitor, made):
    address = f"/api/frames/{made[1]}/stable/3"
    first = visitor.get(address)
    again = visitor.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = visitor.get(f"/api/frames/{made[1]}/stable/4", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200


@pytest.mark.parametrize("number", [N_FRAMES, 10**6])
def test_frame_behind_the_last_is_a_sentence(visitor, made, number):
    said = refused(visitor.get(f"/api/frames/{made[1]}/raw/{number}"), 404)
    assert said == f"frames go from 0 to {N_FRAMES - 1}, got {number}"


def test_videos_come_in_parts_and_play_in_a_browser(visitor, made):
    for kind in ("original", "raw", "stable"):
        whole = visitor.get(f"/api/video/{made[1]}/{kind}")
        assert (whole.headers["content-type"], whole.headers["accept-ranges"]) == ("video/mp4", "bytes")
        part = visitor.get(f"/api/video/{made[1]}/{kind}", headers={"Range": "bytes=100-299"})
        assert (part.status_code, part.content) == (206, whole.content[100:300])
        assert part.headers["content-range"] == f"bytes 100-299/{len(whole.content)}"
        with av.open(io.BytesIO(whole.content)) as container:
            context = container.streams.video[0].codec_context
            assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
            assert len(list(container.decode(video=0))) == N_FRAMES
    beyond = visitor.get(f"/api/video/{made[1]}/raw", headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416


def test_metrics_say_in_words_that_it_got_calmer(visitor, made):
    metrics = visitor.found(visitor.get(f"/api/metrics/{made[1]}"), 200)
    rows = {row["name"]: row for row in metrics["rows"]}
    assert set(rows) <= set(MEANINGS)
    assert rows["instability"]["better"] == "lower"
    assert rows["instability"]["raw"] > 2 * rows["instability"]["stable"]
    assert rows["consistency_mean"]["better"] == "higher"
    assert metrics["improvement"]["improvement_percent"] > 50
    assert metrics["words"]
    curves = metrics["curves"]
    assert len(curves["pts_s"]) == len(curves["iou"]["raw"]) == len(curves["area_px"]["stable"]) == N_FRAMES
    assert curves["area_px"]["raw"][MISSED[0]] == 0
    table = list(csv.DictReader(io.StringIO(visitor.get(f"/api/files/{made[1]}/curves.csv").text)))
    assert [float(row["stable_area_px"]) for row in table] == pytest.approx(curves["area_px"]["stable"])


def test_segmentation_is_used_again_for_other_settings(visitor, made):
    segmentation, first = made
    other = visitor.start("stabilize", job_id=segmentation, method="median", params={"window": 3})
    status = visitor.end_of(other)
    assert (status["state"], status["parent_id"], status["method"]) == ("done", segmentation, "median")
    assert status["params"]["window"] == 3
    assert {first, other} <= set(visitor.status(segmentation)["children"])
    raws = [visitor.get(f"/api/metrics/{job_id}").json()["raw"] for job_id in (first, other)]
    assert raws[0] == raws[1]
    listed = [job["job_id"] for job in visitor.get("/api/jobs").json()["jobs"]]
    assert listed.index(other) < listed.index(first) < listed.index(segmentation)


def test_events_tell_of_a_job_until_its_end(visitor, made):
    with visitor.stream(f"/api/events/{made[1]}") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in stream.iter_lines() if line]
    assert len(lines) == 1  # it has ended: one event, and the stream closes
    assert json.loads(lines[0].removeprefix("data: ")) == visitor.status(made[1])


def test_coco_detections_are_masks_too(visitor, clip):
    video, masks = visitor.upload(clip.video), visitor.upload(clip.detections, kind="masks")
    assert visitor.get(f"/api/upload/{masks}").json()["classes"] == ["person", "dog"]
    job = visitor.start("segment", upload_id=video, masks_id=masks, params={"min_score": 0.5})
    assert visitor.end_of(job)["state"] == "done"
    names = {file["name"] for file in visitor.get(f"/api/results/{job}").json()["files"]}
    assert "instances.json" in names
    found = json.loads(visitor.get(f"/api/files/{job}/instances.json").content)
    assert {each["category_id"] for each in found} == {1, 18}


# ── what is not there ───────────────────────────────────────────────────────────────────────────────────────
def test_segmentation_shows_no_stable_masks(visitor, made):
    for address in (f"/api/frames/{made[0]}/stable/0", f"/api/video/{made[0]}/stable"):
        assert "stabilize it first" in refused(visitor.get(address), 404)
    assert "stabilize it" in refused(visitor.get(f"/api/metrics/{made[0]}"), 409)


def test_segmentation_is_not_removed_from_under_its_stabilizations(visitor, clip, server):
    video, masks = visitor.upload(clip.video), visitor.upload(clip.masks, kind="masks")
    parent = visitor.start("segment", upload_id=video, masks_id=masks)
    child = visitor.start("stabilize", job_id=parent, method="none")
    visitor.end_of(child)
    assert "needed by 1 stabilization" in refused(visitor.request("DELETE", f"/api/job/{parent}"), 409)
    assert "in use by 2 jobs" in refused(visitor.request("DELETE", f"/api/upload/{video}"), 409)
    answer = visitor.request("DELETE", f"/api/job/{parent}?dependents=true")
    assert answer.json() == {"deleted": [child, parent]}
    assert not any((server.home / "jobs" / job_id).exists() for job_id in (parent, child))
    for job_id in (parent, child):
        refused(visitor.get(f"/api/status/{job_id}"), 404)
        refused(visitor.get(f"/api/frames/{job_id}/raw/0"), 404)
    for upload_id in (video, masks):
        assert visitor.request("DELETE", f"/api/upload/{upload_id}").json() == {"deleted": [upload_id]}
        assert not (server.home / "uploads" / upload_id).exists()


# ── a real clip through a network ───────────────────────────────────────────────────────────────────────────
@needs_real
def test_real_clip_goes_all_the_way_through_a_network(visitor):
    video = visitor.upload(REAL / "clips" / "ompf_ferrari_1080p.mp4")
    about = visitor.get(f"/api/upload/{video}").json()
    assert (about["n_frames"], about["size_hw"], about["codec"]) == (12, [1080, 1920], "h264")
    wish = {"min_score": 0.5, "drop_below": 0.5, "keyframe_every": 12}
    parent = visitor.start("segment", upload_id=video, model="maskrcnn_demo", params=wish)
    child = visitor.start("stabilize", job_id=parent, method="exponential")
    states = [visitor.end_of(job_id) for job_id in (parent, child)]
    assert [state["state"] for state in states] == ["done", "done"], states
    results = visitor.get(f"/api/results/{child}").json()
    assert (results["view_hw"], results["n_frames"]) == ([720, 1280], 12)
    assert picture(visitor, child, "stable", 11).shape == (720, 1280, 3)
    assert len(visitor.get(f"/api/metrics/{child}").json()["curves"]["area_px"]["raw"]) == 12
    assert visitor.get("/api").json()["device"]
