"""The networks that are trained: built, found again in their weights, and where weights come from."""

import importlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from vidlab import cli, models
from vidlab.errors import ParameterError, WeightsError
from vidlab.jobs import training
from vidlab.jobs.training_settings import TrainSettings
from vidlab.models.checkpoint import save_checkpoint
from vidlab.params import TrainNetworkParams
from vidlab.training.networks import build, recipe_of


def test_an_encoder_takes_weights_of_the_library():
    pytest.importorskip("segmentation_models_pytorch")
    params = TrainNetworkParams(network="smp_unet", encoder="tu-test_resnet", encoder_weights="random")
    one, same = (build(params, n_outputs=3, seed=4) for _ in range(2))
    other = build(params, n_outputs=3, seed=5)
    assert one(torch.zeros(1, 3, 33, 40))["out"].shape == (1, 3, 33, 40)
    name = "network.segmentation_head.0.weight"
    assert torch.equal(one.state_dict()[name], same.state_dict()[name])
    assert not torch.equal(one.state_dict()[name], other.state_dict()[name])


class Hub:
    """A hub on this machine, which says the same to whatever it is asked, and counts."""

    def __init__(self, monkeypatch, cache: Path, *, status: int) -> None:
        pytest.importorskip("segmentation_models_pytorch")
        constants = importlib.import_module("huggingface_hub.constants")
        self.asked: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                hub.asked.append(self.path)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_HEAD  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        monkeypatch.setattr(constants, "ENDPOINT", self.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        template = self.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


PRETRAINED = TrainNetworkParams(encoder="resnet18")


def test_a_hub_that_is_not_there_is_an_error_at_once(tmp_path, monkeypatch):
    hub = Hub(monkeypatch, tmp_path, status=200)
    hub.stop()
    with pytest.raises(
        WeightsError, match=rf"got no answer from {hub.url}; --encoder-weights random needs none"
    ):
        build(PRETRAINED, n_outputs=2, seed=0)


def test_a_hub_that_is_out_of_order_is_asked_once(tmp_path, monkeypatch):
    hub = Hub(monkeypatch, tmp_path, status=503)
    with pytest.raises(WeightsError, match="got no answer from"):
        build(PRETRAINED, n_outputs=2, seed=0)
    hub.stop()
    assert hub.asked == ["/"] or hub.asked == [""]
    assert not importlib.import_module("huggingface_hub.constants").HF_HUB_OFFLINE


def test_a_hub_without_the_weights_says_so_itself(tmp_path, monkeypatch):
    hub = Hub(monkeypatch, tmp_path, status=404)
    with pytest.raises(WeightsError, match=r"weights 'imagenet' of the encoder resnet18 .*, got \w+Error: "):
        build(PRETRAINED, n_outputs=2, seed=0)
    hub.stop()
    assert any("resnet18" in path for path in hub.asked)


def test_what_has_no_network_draws_and_reads_nothing(tmp_path, monkeypatch, capsys):
    Hub(monkeypatch, tmp_path / "cache", status=200).stop()
    assert cli.main(["train", "synthetic", "--encoder", "resnet18", "--out", str(tmp_path / "run")]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "drawing" not in err
    assert not (tmp_path / "run").exists()


def test_a_run_that_goes_on_needs_no_hub(tmp_path, monkeypatch):
    Hub(monkeypatch, tmp_path, status=200).stop()
    how = TrainSettings(network=PRETRAINED)
    assert training._network(how, n_outputs=2, resumed=True)
    with pytest.raises(WeightsError, match="no answer"):
        training._network(how, n_outputs=2, resumed=False)


def test_a_narrow_decoder_is_found_again_in_its_weights(tmp_path):
    pytest.importorskip("segmentation_models_pytorch")
    params = TrainNetworkParams(
        network="smp_unet", encoder="tu-test_resnet", encoder_weights="random", width=3
    )
    network = build(params, n_outputs=3, seed=4)
    recipe = recipe_of(params, names=("background", "dog", "cat"), activation="softmax", input_px=64)
    save_checkpoint(tmp_path / "best.pt", network.network.state_dict(), recipe=recipe)
    made = models.create("unet", weights=str(tmp_path / "best.pt"), device="cpu", score_floor=0.05)
    (found,) = made.segment([np.zeros((40, 50, 3), np.uint8)])
    assert found.probs.shape == (2, 40, 50)
    with pytest.raises(ParameterError, match=r"a width can be chosen of smp_unet, .*, got 3 for smp_fpn"):
        build(params.model_copy(update={"network": "smp_fpn"}), n_outputs=3, seed=4)


def test_only_what_can_be_trained_is_trained():
    with pytest.raises(ParameterError, match="got 'maskrcnn_demo'; choose from: unet, smp_unet"):
        build(TrainNetworkParams(network="maskrcnn_demo"), n_outputs=2, seed=0)
