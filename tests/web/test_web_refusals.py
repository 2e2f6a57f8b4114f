"""Wishes and addresses that are no: every one gets a sentence and the right status."""

import httpx
import pytest
from tiny_clip import make_clip
from web_server import detection, refused, serving, zip_of

DEMO = "maskrcnn_demo"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("web") / "home", max_queue=3) as running:
        yield running


@pytest.fixture(scope="module")
def visitor(server):
    return server.visitor


@pytest.fixture(scope="module")
def video(visitor, clip):
    return visitor.upload(clip.video)


# ── wishes ──────────────────────────────────────────────────────────────────────────────────────────────────
SEGMENT_MISTAKES = [
    ({}, 422, "upload_id"),
    ({"upload_id": "nobody"}, 404, "no such upload"),
    ({"upload_id": "../../etc"}, 404, "no such upload"),
    ({"upload_id": 3}, 422, "upload_id"),
    ({"upload_id": "x" * 100}, 422, "upload_id"),
    ({"upload_id": "VIDEO", "colour": "red"}, 422, "colour"),
    ({"upload_id": "VIDEO", "model": "yolo"}, 422, "unknown model 'yolo'"),
    ({"upload_id": "VIDEO", "model": "smp_unet"}, 422, "cannot be used here"),
    ({"upload_id": "VIDEO", "model": DEMO, "class_names": ["unicorn"]}, 422, "unknown class 'unicorn'"),
    ({"upload_id": "VIDEO", "model": DEMO, "class_names": "dog"}, 422, "class_names"),
    ({"upload_id": "VIDEO", "model": DEMO, "params": {"min_score": 7}}, 422, "must lie in [0, 1], got 7"),
    ({"upload_id": "VIDEO", "model": DEMO, "params": {"min_sore": 1}}, 422, "unknown setting 'min_sore'"),
    ({"upload_id": "VIDEO", "model": DEMO, "params": {"device": "cuda; ls"}}, 422, "device"),
    ({"upload_id": "VIDEO", "model": DEMO, "params": [1]}, 422, "params"),
    ({"upload_id": "VIDEO", "masks_id": "VIDEO"}, 422, "was uploaded as video, where masks must stand"),
    ({"upload_id": "VIDEO", "masks_id": "VIDEO", "model": DEMO}, 422, "was uploaded as video"),
    ({"upload_id": "VIDEO", "masks_id": "nobody"}, 404, "no such upload"),
]


@pytest.mark.parametrize(("wish", "code", "said"), SEGMENT_MISTAKES)
def test_wrong_wish_for_masks_is_refused(visitor, video, wish, code, said):
    wish = {name: video if value == "VIDEO" else value for name, value in wish.items()}
    assert said in refused(visitor.post("/api/segment", **wish), code)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"upload_id": NaN}'])
@pytest.mark.parametrize("address", ["/api/segment", "/api/stabilize"])
def test_body_that_is_no_json_is_refused(visitor, address, body):
    answer = visitor.request("POST", address, content=body, headers={"Content-Type": "application/json"})
    refused(answer, 422)


@pytest.mark.parametrize("declared", [True, False])
def test_body_that_is_too_large_is_not_read_to_its_end(visitor, declared):
    body = b'{"upload_id": "' + b"x" * 3_000_000 + b'"}'
    content = body if declared else iter([body[:1_500_000], body[1_500_000:]])
    answer = visitor.request(
        "POST", "/api/segment", content=content, headers={"Content-Type": "application/json"}
    )
    assert "may have 1000 kB" in refused(answer, 413)


@pytest.mark.parametrize(
    ("wish", "code", "said"),
    [
        ({"job_id": "nobody"}, 404, "no such job"),
        ({"job_id": "JOB", "method": "magic"}, 422, "unknown method 'magic'"),
        ({"job_id": "JOB", "method": "gaussian", "params": {"sigma": -1}}, 422, "sigma must lie in"),
        ({"job_id": "JOB", "method": "gaussian", "params": {"sigma": "wide"}}, 422, "sigma must lie in"),
        ({"job_id": "JOB", "method": "median", "params": {"window": 4}}, 422, "window must be"),
        ({"job_id": "JOB", "method": "gaussian", "params": {"memory": 0.5}}, 422, "unknown setting 'memory'"),
    ],
)
def test_wrong_wish_for_calm_is_refused(visitor, finished, wish, code, said):
    wish = {name: finished if value == "JOB" else value for name, value in wish.items()}
    assert said in refused(visitor.post("/api/stabilize", **wish), code)


@pytest.fixture(scope="module")
def masks(visitor, clip):
    return visitor.upload(clip.masks, kind="masks")


@pytest.fixture(scope="module")
def finished(visitor, video, masks):
    """A segmentation of the visitor's own masks."""
    job = visitor.start("segment", upload_id=video, masks_id=masks)
    assert visitor.end_of(job)["state"] == "done"
    return job


def test_masks_of_another_size_are_refused_before_they_wait(visitor, video):
    other = visitor.send(detection(0, [10, 10], [100]), name="other.json", kind="masks")
    masks = visitor.found(other, 201)["upload_id"]
    said = refused(visitor.post("/api/segment", upload_id=video, masks_id=masks), 422)
    assert said == "masks must be as large as the video, got 10×10 in other.json for clip.mp4 of 80×48"


def test_job_with_too_few_masks_fails_in_the_visitors_words(visitor, video, clip, tmp_path):
    for index in range(5):
        (tmp_path / f"{index}.png").write_bytes((clip.masks / f"{index:05d}.png").read_bytes())
    masks = visitor.found(visitor.send(zip_of(tmp_path), name="few.zip", kind="masks"), 201)["upload_id"]
    status = visitor.end_of(visitor.start("segment", upload_id=video, masks_id=masks))
    assert status["state"] == "failed"
    assert status["error"] == "every frame must have a mask, got 5 in few.zip, but the video goes on"


def test_full_queue_says_when_to_come_again(visitor, video, masks, server):
    server.worker().suspend()
    started, wish = [], {"upload_id": video, "masks_id": masks}
    try:
        while (answer := visitor.post("/api/segment", **wish)).status_code == 202:
            started.append(answer.json()["job_id"])
            assert len(started) < 10
    finally:
        server.worker().resume()
    assert "3 jobs are waiting" in refused(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    for job_id in started:
        assert visitor.end_of(job_id)["state"] == "done"


# ── addresses ───────────────────────────────────────────────────────────────────────────────────────────────
ADDRESSES = [
    "/api/status/nobody", "/api/results/nobody", "/api/metrics/nobody", "/api/events/nobody",
    "/api/files/nobody/masks.zip", "/api/frames/nobody/raw/0", "/api/video/nobody/raw", "/api/upload/nobody",
    "/api/status/..%2f..%2fjobs.sqlite", "/api/files/JOB/..%2f..%2f..%2fjobs.sqlite",
    "/api/files/JOB/%2e%2e/%2e%2e/jobs.sqlite", "/api/files/JOB/../../jobs.sqlite", "/api/files/JOB/result",
    "/api/files/JOB/.", "/api/files/JOB/%00", "/api/files/JOB/view.json", "/api/files/JOB/video",
    "/static/../app.py", "/static/..%2fapp.py", "/nothing", "/api/", "/docs", "/redoc", "/etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_address_of_nothing_is_a_sentence(server, finished, address):
    target = address.replace("JOB", finished)
    with httpx.Client(timeout=30) as client:  # which must not tidy the address
        request = client.build_request("GET", server.url)
        request.url = request.url.copy_with(raw_path=target.encode())
        refused(client.send(request), 404)


@pytest.mark.parametrize(
    "address",
    [
        "/api/frames/JOB/raw/-1",
        "/api/frames/JOB/raw/x",
        "/api/frames/JOB/raw/1.5",
        "/api/frames/JOB/raw/99999999999999999999",
        "/api/frames/JOB/naked/0",
        "/api/video/JOB/naked",
    ],
)
def test_frame_of_no_kind_or_number_is_a_sentence(visitor, finished, address):
    refused(visitor.get(address.replace("JOB", finished)), 422)


@pytest.mark.parametrize(
    ("method", "address"), [("PUT", "/api"), ("GET", "/api/segment"), ("DELETE", "/api/jobs")]
)
def test_request_of_another_kind_is_a_sentence(visitor, method, address):
    answer = visitor.request(method, address)
    refused(answer, 405)
    assert answer.headers["allow"]


def test_other_pages_are_not_let_in(visitor):
    answer = visitor.get("/api/jobs", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
