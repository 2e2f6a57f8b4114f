"""What variants buy: every one is measured or says why not, and computes what it should."""

import dataclasses

import numpy as np
import pytest

from vidlab.params import DEFAULT_NETWORK
from vidlab.pipeline.networks import TimedNetwork, timed_network
from vidlab.pipeline.variants import (
    AS_IS,
    COMPILED,
    HEADER,
    VARIANTS,
    Bought,
    Variant,
    gain_end,
    gain_model,
    measure_variants,
    variant_rows,
)
from vidlab.types import Frame

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")


class Clip:
    """Six small frames of noise, as often as asked for."""

    def __iter__(self):
        rng = np.random.default_rng(0)
        for index in range(6):
            yield Frame(rng.integers(0, 256, (48, 64, 3), np.uint8), index, index / 25)


class Tiny(torch.nn.Module):
    """Two classes from one convolution; counts the frames it sees."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Conv2d(3, 2, 3, padding=1)
        self.seen = []

    def forward(self, batch):
        self.seen.append((tuple(batch.shape), batch.is_contiguous(memory_format=torch.channels_last)))
        return {"out": self.layer(batch)}


@pytest.fixture
def network():
    return TimedNetwork("tiny", "probs", "random (timing only)", "cpu", Tiny().eval())


def measured(network, *variants, rounds=1):
    return measure_variants(
        Clip(), network, variants=variants, size_hw=(24, 32), resampling="bilinear", n_frames=5, rounds=rounds
    )


def test_every_variant_is_measured_or_says_why_not(network):
    results = measured(network, *(one for one in VARIANTS if not one.compiled), rounds=2)
    for one in results:
        if one.variant.needs_cuda:
            assert one.skipped == "needs a CUDA device"
        else:
            assert not one.skipped
            assert len(one.model_ms) == len(one.end_ms) == 2
    rows = variant_rows(results)
    assert [len(row) for row in rows] == [len(HEADER)] * len(rows)
    assert rows[0][0] == AS_IS
    assert rows[0][2] == rows[0][4] == "1.00 ×"


def test_layout_and_size_reach_the_network(network):
    measured(network, Variant(AS_IS), Variant("half", scale=0.5), Variant("four", batch=4))
    shapes = {shape for shape, _ in network.module.seen}
    assert shapes == {(1, 3, 24, 32), (1, 3, 12, 16), (4, 3, 24, 32)}  # five frames: one is left over


def test_channels_last_computes_the_same_and_leaves_the_network_alone(network):
    as_is, other = measured(network, Variant(AS_IS), Variant("nhwc", channels_last=True))
    assert as_is.off_by == 0
    assert other.off_by == pytest.approx(0, abs=1e-5)
    assert not any(last for _, last in network.module.seen)


def test_bfloat16_is_off_by_what_it_rounds(network):
    _, other = measured(network, Variant(AS_IS), Variant("bf16", precision="bfloat16"))
    assert 1e-5 < other.off_by < 0.02


def test_another_size_cannot_be_compared(network):
    _, other = measured(network, Variant(AS_IS), Variant("half", scale=0.5))
    assert other.off_by is None
    assert variant_rows([other])[0][5] == "–"


def test_variant_that_fails_says_how_and_the_others_go_on(network, monkeypatch):
    def no_compiler(module):
        raise RuntimeError("no C++ compiler found\nlong story")

    monkeypatch.setattr(torch, "compile", no_compiler)
    as_is, compiled = measured(network, Variant(AS_IS), Variant(COMPILED, compiled=True))
    assert as_is.model_ms
    assert compiled.skipped == "RuntimeError: no C++ compiler found"
    assert variant_rows([as_is, compiled])[1][1] == "skipped: RuntimeError: no C++ compiler found"


def test_gains_are_ratios_within_a_round():
    base, other = (
        Bought(VARIANTS[0], (10, 20, 30), (40, 40, 40)),
        Bought(VARIANTS[1], (5, 10, 60), (20, 40, 80)),
    )
    assert gain_model(base, other) == 2
    assert gain_end(base, other) == 1


def test_random_network_says_so_and_reduces_to_labels():
    network = timed_network(DEFAULT_NETWORK, device="cpu")
    assert network.weights == "random (timing only)" or "COCO" in network.weights
    labels = network.to_labels(network(torch.zeros(2, 3, 64, 96)))
    assert (labels.dtype, labels.shape) == (np.uint8, (2, 64, 96))


def test_detector_gets_unnormalized_frames_and_reduces_to_one_mask():
    found = {"masks": torch.zeros(2, 1, 4, 5), "scores": torch.ones(2), "labels": torch.ones(2)}
    found["masks"][1, 0, 2, 3] = 0.9
    none = {"masks": torch.zeros(0, 1, 4, 5)}
    network = TimedNetwork("detector", "instances", "random", "cpu", lambda batch: [found, none])
    assert (network.mean, network.std) == ((0.0,) * 3, (1.0,) * 3)
    labels = network.to_labels(network(torch.zeros(2, 3, 4, 5)))
    assert labels.sum() == labels[0, 2, 3] == 1


@pytest.mark.gpu
def test_variants_run_on_a_gpu():
    from gpu import require_gpu

    require_gpu()
    network = dataclasses.replace(timed_network(DEFAULT_NETWORK, device="cuda"))
    results = measured(network, *(one for one in VARIANTS if not one.compiled))
    assert [one.skipped for one in results] == [""] * len(results)
