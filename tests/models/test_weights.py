import hashlib
import io
import logging
import socket
import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

torch = pytest.importorskip("torch")

from vidlab.errors import WeightsError  # noqa: E402
from vidlab.models import weights as weights_module  # noqa: E402
from vidlab.models.weights import Published, find_published, load_weights  # noqa: E402


def layer(width=3):
    return torch.nn.Linear(2, width)


def saved(state) -> bytes:
    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()


class Answer(BaseHTTPRequestHandler):
    def __init__(self, files, announced, *args):
        self.files, self.announced = files, announced
        super().__init__(*args)

    def do_GET(self):
        body = self.files.get(self.path.strip("/"))
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(self.announced or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def served(files, announced=0):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Answer, files, announced))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path / "hub" / "checkpoints"


def named(body: bytes) -> str:
    return f"tiny-{hashlib.sha256(body).hexdigest()[:8]}.pth"


def test_download_lands_in_the_cache_and_is_not_fetched_twice(cache):
    network = layer()
    body = saved(layer().state_dict())
    name = named(body)
    with served({name: body}) as address:
        own = Published("Tiny.V1", f"{address}/{name}")
        label = load_weights(network, None, own=own)
    assert label == f"Tiny.V1 ({hashlib.sha256(body).hexdigest()[:8]})"
    assert [file.name for file in cache.iterdir()] == [name]
    assert load_weights(layer(), None, own=own) == label  # the server is gone: it came from the cache
    wanted = torch.load(cache / name)
    assert all(torch.equal(network.state_dict()[key], wanted[key]) for key in wanted)


def test_broken_download_is_refused_and_leaves_nothing_behind(cache):
    with served({"tiny-0123abcd.pth": saved(layer().state_dict())}) as address:
        own = Published("Tiny.V1", f"{address}/tiny-0123abcd.pth")
        with pytest.raises(
            WeightsError, match=r"must have a SHA-256 that begins with 0123abcd, got [0-9a-f]{8}"
        ):
            find_published(own)
    assert list(cache.iterdir()) == []


def test_download_that_ends_early_is_refused(cache):
    body = saved(layer().state_dict())
    broken = {named(body): body[:-7]}
    with served(broken, announced=len(body)) as address, pytest.raises(WeightsError, match=r"--weights FILE"):
        find_published(Published("Tiny.V1", f"{address}/{named(body)}"))
    assert list(cache.iterdir()) == []


def test_offline_error_says_file_cache_and_way_out_in_one_line(cache):
    with socket.socket() as unused:  # a port that nobody listens on
        unused.bind(("127.0.0.1", 0))
        own = Published("Tiny.V1", f"http://127.0.0.1:{unused.getsockname()[1]}/tiny-0123abcd.pth")
        with pytest.raises(WeightsError) as caught:
            find_published(own)
    told = str(caught.value)
    assert "\n" not in told
    for part in ("tiny-0123abcd.pth", str(cache), own.url, "--weights FILE", "--model maskrcnn_demo"):
        assert part in told
    assert caught.value.__suppress_context__


def test_missing_on_the_server_is_the_same_error(cache):
    with served({}) as address, pytest.raises(WeightsError, match=r"Not Found.*give --weights FILE"):
        find_published(Published("Tiny.V1", f"{address}/tiny-0123abcd.pth"))


def test_server_that_never_answers_is_given_up(cache):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        own = Published("Tiny.V1", f"http://127.0.0.1:{silent.getsockname()[1]}/tiny-0123abcd.pth")
        with pytest.raises(WeightsError, match=r"timed out.*give --weights FILE"):
            find_published(own, timeout_s=0.2)


def test_reference_networks_ask_for_torchvision_files(cache, monkeypatch):
    from vidlab.models import create

    asked = []

    def refuse(url, timeout):
        asked.append(url.rpartition("/")[2])
        raise OSError("no network in tests")

    monkeypatch.setattr(weights_module.urllib.request, "urlopen", refuse)
    for name in ("maskrcnn_resnet50_fpn", "deeplabv3_resnet50"):
        with pytest.raises(
            WeightsError, match=r"must be in .* or within reach at https://.*no network in tests"
        ):
            create(name, weights=None, device="cpu", score_floor=0.05)
    assert [name.rpartition("-")[0] for name in asked] == [
        "maskrcnn_resnet50_fpn_coco",
        "deeplabv3_resnet50_coco",
    ]


def test_long_downloads_report_their_progress(cache, monkeypatch, caplog):
    body = saved(layer().state_dict())
    monkeypatch.setattr(weights_module, "REPORT_EVERY_S", -1.0)
    with served({named(body): body}) as address, caplog.at_level(logging.INFO, "vidlab"):
        find_published(Published("Tiny.V1", f"{address}/{named(body)}"))
    assert "downloading http" in caplog.text
    assert "downloaded 0 of 0 MB" in caplog.text


def test_file_in_half_precision_fills_a_full_network(tmp_path):
    source, network = layer(), layer()
    file = tmp_path / "half.pt"
    torch.save({name: tensor.half() for name, tensor in source.state_dict().items()}, file)
    label = load_weights(network, str(file), own=tmp_path / "other.pt")
    assert label == f"half.pt ({hashlib.sha256(file.read_bytes()).hexdigest()[:8]})"
    assert network.weight.dtype == torch.float32
    assert torch.allclose(network.weight, source.weight, atol=1e-3)


def test_checkpoint_of_the_training_reference_is_understood(tmp_path):
    source, network = layer(), layer()
    torch.save({"model": source.state_dict(), "epoch": 3}, tmp_path / "model_3.pth")
    load_weights(network, str(tmp_path / "model_3.pth"), own=tmp_path / "other.pt")
    assert torch.equal(network.weight, source.weight)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"weight": torch.zeros(3, 2)}, r"w\.pt lacks 1 tensors, such as 'bias'"),
        (
            {**layer().state_dict(), "extra": torch.zeros(1)},
            r"w\.pt has in excess 1 tensors, such as 'extra'",
        ),
        (layer(4).state_dict(), r"w\.pt '\w+' has the shape \(4.*\) instead of \(3"),
        ({"epoch": 3}, r"must be a state dict \(names and tensors\), got .*w\.pt with something else"),
        ([1, 2], r"must be a state dict \(names and tensors\), got .*w\.pt"),
    ],
)
def test_weights_that_do_not_fit_are_one_line_naming_the_file(tmp_path, state, message):
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=message) as caught:
        load_weights(layer(), str(tmp_path / "w.pt"), own=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"not weights", saved(layer().state_dict())[:-200]])
def test_damaged_file_is_one_line_naming_it(tmp_path, body):
    file = tmp_path / "broken.pth"
    file.write_bytes(body)
    with pytest.raises(WeightsError, match=r"saved by torch, got .*broken\.pth, which is damaged") as caught:
        load_weights(layer(), str(file), own=file)
    assert "\n" not in str(caught.value)


class Trap:
    ran = False

    def __reduce__(self):
        return (setattr, (Trap, "ran", True))


def test_code_hidden_in_a_weights_file_never_runs(tmp_path):
    torch.save({"weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(WeightsError, match=r"trap\.pth"):
        load_weights(layer(), str(tmp_path / "trap.pth"), own=tmp_path)
    assert not Trap.ran


def test_random_weights_leave_the_network_as_built(tmp_path):
    network = layer()
    before = network.weight.clone()
    assert load_weights(network, "random", own=tmp_path) == "random (timing only)"
    assert torch.equal(network.weight, before)
