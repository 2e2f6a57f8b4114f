"""Everything that the OpenAPI document allows, and much that it does not: never an answer of 500."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from tiny_clip import make_clip
from web_server import serving

QUICK, LONG = 6, 150  # examples of each operation


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("web") / "home", max_queue=2, quota_mb=500) as running:
        yield running


@pytest.fixture(scope="module")
def known(server, tmp_path_factory):
    """Ids that are there, by the name of the parameter or field that takes them."""
    clip, visitor = make_clip(tmp_path_factory.mktemp("clip")), server.visitor
    video, masks = visitor.upload(clip.video), visitor.upload(clip.masks, kind="masks")
    parent = visitor.start("segment", upload_id=video, masks_id=masks)
    child = visitor.start("stabilize", job_id=parent, method="none")
    assert visitor.end_of(child)["state"] == "done"
    return {"upload_id": video, "masks_id": masks, "parent": parent, "child": child}


def ask_everything(server, known, *, examples):
    """Ask each operation so many things, every other time of what is really there."""
    schema = schemathesis.openapi.from_url(f"{server.url}/api/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 15
    n_asked, faults = 0, []
    for operation in operations:
        if operation.method.upper() == "DELETE":
            continue  # what is known must stay; these are asked in test_web_journey

        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def ask(case):
            nonlocal n_asked
            n_asked += 1
            if n_asked % 2 and case.path_parameters and "job_id" in case.path_parameters:
                case.path_parameters["job_id"] = known["child" if n_asked % 4 == 1 else "parent"]
            if n_asked % 2 and isinstance(case.body, dict):
                for name, value in (("upload_id", known["upload_id"]), ("job_id", known["parent"])):
                    if name in case.body:
                        case.body[name] = value
            answer = case.call(timeout=60)
            if answer.status_code >= 500 and answer.status_code not in (503, 507):
                faults.append((case.method, case.formatted_path, answer.status_code, answer.text))
            if answer.status_code >= 400:
                assert set(answer.json()) == {"error"}, answer.text

        ask()
    assert faults == []
    return n_asked


def test_no_request_that_the_document_allows_breaks_the_server(server, known):
    assert ask_everything(server, known, examples=QUICK) > 50
    assert server.process.poll() is None


@pytest.mark.slow
def test_no_request_of_very_many_breaks_the_server(server, known):
    assert ask_everything(server, known, examples=LONG) > 1000
    assert server.process.poll() is None
