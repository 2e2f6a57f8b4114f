"""Every network of torchvision, with random weights: what it returns, and how its weights are found."""

import hashlib
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from vidlab.errors import ParameterError, WeightsError  # noqa: E402
from vidlab.models import MODELS, create, weights, zoo  # noqa: E402
from vidlab.models.checkpoint import Recipe, save_checkpoint  # noqa: E402
from vidlab.models.outputs import VOC_TO_COCO_IDS  # noqa: E402
from vidlab.params import NetworkParams  # noqa: E402
from vidlab.types import ClassProbs, Instances  # noqa: E402

NAMES = sorted(zoo.FAMILIES)
SEMANTIC = [name for name in NAMES if not zoo.FAMILIES[name].detects]
SMALL = NetworkParams(input_short_px=48)
SIZE_HW = (40, 56)
DOG, CAT, ROAD = 18, 17, 149


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(3).integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def built():
    """Every network once: building a ResNet-101 takes seconds."""
    return {
        name: create(name, weights="random", device="cpu", score_floor=0.0, options=SMALL) for name in NAMES
    }


def lraspp(**options):
    weights_file = options.pop("weights", "random")
    chosen = NetworkParams(input_short_px=48, **options)
    name = "lraspp_mobilenet_v3_large"
    return create(name, weights=weights_file, device="cpu", score_floor=0.0, options=chosen)


def test_table_and_registry_name_the_same_networks():
    published = {name for name, spec in MODELS.items() if spec.origin == "published"}
    assert published == set(zoo.FAMILIES)


@pytest.mark.parametrize("name", NAMES)
def test_every_network_gives_what_the_registry_says(name, built, picture):
    network = built[name]
    (found,) = network.segment([picture])
    assert network.name == name
    assert network.weights == "random (timing only)"
    assert network.kind == MODELS[name].kind
    assert found.size_hw == SIZE_HW
    if isinstance(found, ClassProbs):
        assert found.class_ids == network.class_ids == VOC_TO_COCO_IDS
        assert ((found.probs >= 0) & (found.probs.sum(axis=0) <= 1 + 1e-5)).all()
        assert found.probs.max() > 0
    else:
        assert isinstance(found, Instances)
        assert len(network.class_ids) == 80
        assert set(found.class_ids.tolist()) <= set(network.class_ids)


@pytest.mark.parametrize("name", NAMES)
def test_same_picture_gives_the_same_answer(name, built, picture):
    first, second = built[name].segment([picture])[0], built[name].segment([picture])[0]
    if isinstance(first, ClassProbs):
        assert np.array_equal(first.probs, second.probs)
    else:
        assert np.array_equal(first.scores, second.scores)
        assert np.array_equal(first.masks, second.masks)


@pytest.mark.parametrize("name", NAMES)
def test_own_weights_are_torchvision_files_with_a_hash(name):
    own = zoo.own_weights(name)
    assert own.url.startswith("https://")
    assert own.label.split("_Weights.")[0].lower() == name
    assert len(own.hash_prefix) >= 8


@pytest.mark.parametrize("name", SEMANTIC)
def test_published_tensors_are_those_of_the_network_and_the_training_head(name, built):
    """The file holds a second head for training, of which LRASPP has none; inference is built without it."""
    import torchvision

    options = {} if name.startswith("lraspp") else {"aux_loss": True}
    with torch.device("meta"):
        whole = torchvision.models.get_model(name, weights=None, weights_backbone=None, **options)
    beyond = set(whole.state_dict()) - set(built[name].network.state_dict())
    assert all(tensor.startswith(zoo.AUXILIARY) for tensor in beyond)
    assert bool(beyond) == bool(options)


@pytest.mark.parametrize("name", NAMES)
def test_head_that_counts_the_outputs_is_where_the_table_says(name, built):
    family = zoo.FAMILIES[name]
    assert len(built[name].network.state_dict()[family.head]) == family.n_outputs


def test_published_weights_come_from_a_server_once_and_are_checked(tmp_path, monkeypatch, picture):
    served, cache = tmp_path / "served", tmp_path / "cache"
    served.mkdir()
    source = lraspp()
    torch.save(source.network.state_dict(), served / "new.pth")
    digest = hashlib.sha256((served / "new.pth").read_bytes()).hexdigest()[:8]
    (served / "new.pth").rename(served / f"lraspp-{digest}.pth")
    monkeypatch.setattr(weights, "cache_dir", lambda: cache)
    with serving(served) as address:
        own = weights.Published("LRASPP.V1", f"{address}/lraspp-{digest}.pth")
        monkeypatch.setattr(zoo, "own_weights", lambda name: own)
        found = lraspp(weights=None)
    assert found.weights == f"LRASPP.V1 ({digest})"
    again = lraspp(weights=None)  # the server is gone
    probs = [network.segment([picture])[0].probs for network in (source, found, again)]
    assert np.array_equal(probs[0], probs[1])
    assert np.array_equal(probs[1], probs[2])


def test_without_a_server_the_error_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(
        zoo, "own_weights", lambda name: weights.Published("V1", "http://127.0.0.1:9/a-0123abcd.pth")
    )
    with pytest.raises(
        WeightsError, match=r"within reach at http.*; give --weights FILE, or take --model"
    ) as got:
        lraspp(weights=None)
    assert "\n" not in str(got.value)


def test_network_trained_anew_tells_the_number_of_its_classes(tmp_path, picture):
    import torchvision

    network = torchvision.models.segmentation.lraspp_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=3
    )
    torch.save(network.state_dict(), tmp_path / "mine.pt")
    named = lraspp(weights=str(tmp_path / "mine.pt"), class_names="dog,road")
    assert named.class_ids == (DOG, ROAD)
    assert named.segment([picture])[0].probs.shape == (2, *SIZE_HW)
    with pytest.raises(
        ParameterError, match=r"the 3 outputs of mine\.pt must have names; give --class-names"
    ):
        lraspp(weights=str(tmp_path / "mine.pt"))


def test_detector_trained_anew_takes_names_too(tmp_path, picture, built):
    import torchvision

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = torchvision.models.get_model(
            "maskrcnn_resnet50_fpn", weights=None, weights_backbone=None, num_classes=3
        )
    save_checkpoint(tmp_path / "mine.pt", network.state_dict(), recipe=Recipe(classes=("cat", "pearl")))
    found = create(
        "maskrcnn_resnet50_fpn",
        weights=str(tmp_path / "mine.pt"),
        device="cpu",
        score_floor=0.0,
        options=SMALL,
    )
    assert found.class_ids == (CAT, 201)
    assert found.class_names == {201: "pearl"}
    assert set(found.segment([picture])[0].class_ids.tolist()) <= {CAT, 201}


def as_published_in_2019(state):
    """Name tensors as torchvision's first Mask R-CNN does: before blocks had a layer each, norms frozen."""
    old = {}
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        name = name.replace("rpn.head.conv.0.0.", "rpn.head.conv.")
        name = re.sub(r"mask_head\.(\d)\.0\.", lambda at: f"mask_head.mask_fcn{int(at[1]) + 1}.", name)
        old[re.sub(r"(inner|layer)_blocks\.(\d)\.0\.", r"\1_blocks.\2.", name)] = tensor
    return old


def test_detector_of_2019_loads_with_its_old_names_and_exact_variance(tmp_path, monkeypatch, built, picture):
    state = as_published_in_2019(built["maskrcnn_resnet50_fpn"].network.state_dict())
    assert {"rpn.head.conv.weight", "roi_heads.mask_head.mask_fcn1.weight"} <= state.keys()
    torch.save(state, tmp_path / "old.pth")

    def load():
        file = str(tmp_path / "old.pth")
        return create("maskrcnn_resnet50_fpn", weights=file, device="cpu", score_floor=0.0, options=SMALL)

    loaded = load()
    found, expected = (one.segment([picture])[0] for one in (loaded, built["maskrcnn_resnet50_fpn"]))
    assert np.array_equal(found.scores, expected.scores)
    norms = [part for part in loaded.network.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {1e-5}
    assert zoo.own_weights("maskrcnn_resnet50_fpn").hash_prefix == zoo.EXACT_VARIANCE
    digest = hashlib.sha256((tmp_path / "old.pth").read_bytes()).hexdigest()[:8]
    monkeypatch.setattr(zoo, "EXACT_VARIANCE", digest)
    norms = [part for part in load().network.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {0.0}


def test_smaller_input_is_what_the_network_sees(built):
    semantic, detector = built["lraspp_mobilenet_v3_large"], built["maskrcnn_resnet50_fpn"]
    tall = np.zeros((200, 100, 3), np.uint8)
    assert semantic.prepare([tall])[0].shape[-2:] == (96, 48)
    assert min(detector.prepare([tall[:150]])[0].image_sizes[0]) == 48
    assert max(detector.prepare([tall])[0].image_sizes[0]) == 80
    assert detector.network.transform.max_size == 80  # 1333 · 48 / 800


class serving:  # noqa: N801
    """Files of a folder on a local server, while the block runs."""

    def __init__(self, folder):
        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))

    def __enter__(self):
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *args):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
