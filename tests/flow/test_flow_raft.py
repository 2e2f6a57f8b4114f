"""RAFT with random weights: shapes and sizes; and where its weights come from."""

import functools
import http.server
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from gpu import require_gpu

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from vidlab.errors import ParameterError, WeightsError  # noqa: E402
from vidlab.flow import (  # noqa: E402
    FlowMemory,
    MotionEstimator,
    RememberedFlow,
    create_flow,
    raft,
)

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return create_flow("raft_small", scale=1.0, settings={"updates": 2}, weights="random")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path / "hub" / "checkpoints"


def images(size_hw):
    return [RNG.integers(0, 256, (*size_hw, 3)).astype(np.uint8) for _ in range(2)]


@pytest.mark.parametrize("size_hw", [(16, 16), (40, 200), (131, 129), (1, 30)])
def test_every_size_has_a_finite_flow_of_its_own(small, size_hw):
    found = small(*images(size_hw))
    assert found.shape == (*size_hw, 2)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_the_large_one_works_too():
    large = create_flow("raft_large", scale=1.0, settings={"updates": 1}, weights="random")
    assert large(*images((128, 136))).shape == (128, 136, 2)


def test_the_network_sees_color_and_takes_gray(small):
    red, green = (np.zeros((128, 128, 3), np.uint8) for _ in range(2))
    red[40:80, 40:80, 0] = green[40:80, 40:80, 1] = 200
    assert small.sees_color
    assert not np.array_equal(small(red, red), small(green, green))
    gray = RNG.integers(0, 256, (128, 130)).astype(np.uint8)
    assert np.array_equal(
        small(gray, gray[:, ::-1]), small(*(np.dstack([g] * 3) for g in (gray, gray[:, ::-1])))
    )


def test_what_is_padded_is_cut_off_again(small):
    """A picture and the same with its border repeated to the size that is taken have the same flow inside."""
    a, b = images((130, 133))
    wide = [np.pad(image, ((0, 6), (0, 3), (0, 0)), "edge") for image in (a, b)]
    assert np.allclose(small(a, b), small(*wide)[:130, :133], atol=1e-3)


def test_a_stream_is_followed_in_color(small):
    motion = MotionEstimator(small, cut_similarity=-1, both_ways=True)
    a, b = images((64, 80))
    motion.step(a)
    found = motion.step(b)
    assert np.array_equal(found.to_prev, small(b, a))
    assert np.array_equal(found.to_next, small(a, b))
    assert found.error.shape == (64, 80)


def test_a_remembered_network_gives_the_same_bits_and_two_random_ones_are_told_apart(small):
    memory = FlowMemory(memory_mb=10)
    other = create_flow("raft_small", scale=1.0, settings={"updates": 2}, weights="random")
    pair = images((64, 64))
    for flow in (small, other):
        for _ in range(2):
            assert np.array_equal(RememberedFlow(flow, memory=memory)(*pair), flow(*pair))
    assert len(memory) == 2


@pytest.mark.gpu
def test_the_gpu_finds_the_same_flow(small, tmp_path):
    require_gpu()
    torch.save(small._network.func.state_dict(), tmp_path / "same.pth")
    settings = {"updates": 2}
    there = create_flow(
        "raft_small", scale=1.0, settings=settings, weights=str(tmp_path / "same.pth"), device="cuda"
    )
    pair = images((128, 160))
    assert (
        np.abs(there(*pair) - small(*pair)).max() < 0.05
    )  # px: the GPU multiplies in TF32, and adds otherwise


def test_an_unknown_size_is_refused():
    with pytest.raises(ParameterError, match="unknown RAFT 'raft_huge'; choose from: raft_small, raft_large"):
        raft.RaftFlow(size="raft_huge", scale=1.0, updates=1)
    with pytest.raises(ParameterError, match="unknown RAFT 'raft_huge'"):
        raft.is_here("raft_huge")


# ── weights ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_weights_from_a_file_are_the_ones_that_work(small, tmp_path):
    file = tmp_path / "mine.pth"
    torch.save(small._network.func.state_dict(), file)
    again = create_flow("raft_small", scale=1.0, settings={"updates": 2}, weights=str(file))
    pair = images((128, 128))
    assert again.weights == "mine.pth"
    assert np.array_equal(again(*pair), small(*pair))


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_weights_that_are_none_are_one_sentence(content, tmp_path):
    file = tmp_path / "mine.pth"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(
        WeightsError, match=r"weights must be a state dict that fits Raft_Small, got .*mine\.pth: ."
    ):
        create_flow("raft_small", scale=1.0, weights=str(file))


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"that fits Raft_Large, got .*other\.pth: Error\(s\) in loading"):
        create_flow("raft_large", scale=1.0, weights=str(tmp_path / "other.pth"))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def served(folder):
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def published(folder, *, digits=None) -> str:
    """A file as torch publishes it: the first digits of its SHA-256 end its name."""
    import hashlib

    torch.save(torch.nn.Linear(2, 2).state_dict(), folder / "tiny.pth")
    found = hashlib.sha256((folder / "tiny.pth").read_bytes()).hexdigest()[:8]
    name = f"tiny-{digits or found}.pth"
    (folder / "tiny.pth").rename(folder / name)
    return name


def test_published_weights_are_downloaded_once(cache, tmp_path):
    (tmp_path / "site").mkdir()
    name, network = published(tmp_path / "site"), torch.nn.Linear(2, 2)
    with served(tmp_path / "site") as url:
        assert raft.load_weights(network, None, "Tiny_Weights.V1", f"{url}/{name}") == "Tiny_Weights.V1"
    assert (cache / name).is_file()
    raft.load_weights(torch.nn.Linear(2, 2), None, "Tiny_Weights.V1", f"{url}/{name}")  # the server is gone
    kept = torch.load(cache / name, weights_only=True)
    assert torch.equal(network.weight, kept["weight"])


def test_damaged_downloads_are_not_used(cache, tmp_path):
    (tmp_path / "site").mkdir()
    name = published(tmp_path / "site", digits="0123abcd")
    with served(tmp_path / "site") as url, pytest.raises(WeightsError, match="invalid hash value"):
        raft.load_weights(torch.nn.Linear(2, 2), None, "Tiny_Weights.V1", f"{url}/{name}")
    assert not (cache / name).exists()


def test_weights_out_of_reach_say_what_to_do(cache):
    url = "http://127.0.0.1:9/raft_small-01064c6d.pth"  # nobody listens on the port for discarded words
    with pytest.raises(WeightsError) as caught:
        raft.load_weights(torch.nn.Linear(2, 2), None, "Raft_Small_Weights.V1", url)
    sentence = str(caught.value)
    assert f"weights raft_small-01064c6d.pth must be in {cache} or within reach at {url} (" in sentence
    assert "copy the file there, give --weights FILE to vidlab flow" in sentence


def test_the_cache_tells_what_is_here(cache):
    assert not raft.is_here("raft_small")
    cache.mkdir(parents=True)
    name = raft.BUILDERS["raft_small"][1].url.rpartition("/")[2]
    (cache / name).write_bytes(b"")
    assert raft.is_here("raft_small")
    assert not raft.is_here("raft_large")
