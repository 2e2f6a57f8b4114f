"""Networks of torch's as ONNX files: the same answers, at sizes that tracing never saw."""

import json
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torchvision")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import torch
from PIL import Image
from torch.nn import functional as F
from torchvision.models.detection.roi_heads import paste_masks_in_image

from vidlab.errors import MissingExtraError, ParameterError
from vidlab.models import create, from_callable
from vidlab.models.agreement import measure_agreement
from vidlab.models.onnx_card import Card
from vidlab.models.onnx_detector import paste_masks
from vidlab.models.onnx_export import export, seen_at
from vidlab.models.onnx_pictures import to_input
from vidlab.models.onnx_pooling import cell_means
from vidlab.params import NetworkParams
from vidlab.synthetic import iter_scene, random_scene
from vidlab.types import Instances

TOLERANCE = 1e-4  # of a probability or score, against torch on the same frames; seen were 3e-5
LEAST_IOU = 0.999  # of the masks: a pixel at the very edge may fall to the other side
SEED = 5_000_000  # beyond every seed of scripts/train_demo.py
FLOOR = 0.05
SMALL = NetworkParams(input_short_px=64)
SMALL_UNET = NetworkParams(encoder="resnet18")


def pictures(size_hw, *, n_frames=2, seed=SEED):
    scene = random_scene(seed, size_hw=size_hw, n_frames=n_frames, n_objects=3)
    return [frame.image for frame in iter_scene(scene)]


def opened(file, *, floor=FLOOR, options=None):
    return create("onnx", weights=str(file), device="cpu", score_floor=floor, options=options)


def agreed(network, again, images):
    measured = measure_agreement(network.segment(images), again.segment(images), class_ids=network.class_ids)
    assert measured.largest_off <= TOLERANCE
    assert measured.iou is None or measured.iou >= LEAST_IOU
    return measured


@pytest.fixture(scope="module")
def demo():
    return create("maskrcnn_demo", weights=None, device="cpu", score_floor=FLOOR)


@pytest.fixture(scope="module")
def demo_file(demo, tmp_path_factory):
    file = tmp_path_factory.mktemp("onnx") / "demo.onnx"
    export(demo, file, opset=17, size_hw=None, score_floor=FLOOR)
    return file


@pytest.fixture(scope="module")
def unet():
    return create("smp_unet", weights="random", device="cpu", score_floor=0, options=SMALL_UNET)


@pytest.mark.parametrize("size_hw", [(90, 160), (200, 120), (64, 300)])
def test_mask_rcnn_finds_the_same_at_any_size(demo, demo_file, size_hw):
    measured = agreed(demo, opened(demo_file), pictures(size_hw))
    assert measured.n_detections > 5
    assert measured.n_masks > 0


def test_mask_rcnn_of_an_empty_picture_finds_what_torch_finds(demo, demo_file):
    black = [np.zeros((80, 100, 3), np.uint8)]
    assert [len(found) for found in opened(demo_file).segment(black)] == [
        len(found) for found in demo.segment(black)
    ]
    assert opened(demo_file).segment([]) == []


def test_lowest_score_is_chosen_when_the_file_is_run(demo_file):
    images = pictures((90, 160), n_frames=1)
    counts = {floor: len(opened(demo_file, floor=floor).segment(images)[0]) for floor in (0.0, 0.05, 0.5)}
    assert counts[0.0] > counts[0.05] > counts[0.5] > 0
    assert (opened(demo_file, floor=0.5).segment(images)[0].scores >= 0.5).all()


def test_mask_rcnn_for_one_size_takes_others_scaled(demo, tmp_path):
    file = tmp_path / "fixed.onnx"
    export(demo, file, opset=17, size_hw=(90, 160), score_floor=FLOOR)
    again = opened(file)
    assert again.card.input_size == (90, 160)
    assert agreed(demo, again, pictures((90, 160))).n_detections > 5
    (large,) = pictures((180, 320), n_frames=1)
    (found,) = again.segment([large])
    assert found.size_hw == (180, 320)
    small = np.asarray(Image.fromarray(large).resize((160, 90), Image.Resampling.BILINEAR))
    (expected,) = demo.segment([small])
    masks = np.repeat(np.repeat(expected.masks, 2, axis=1), 2, axis=2)
    enlarged = Instances(masks, expected.scores, expected.class_ids)
    assert measure_agreement([enlarged], [found], class_ids=demo.class_ids).iou > 0.9


@pytest.mark.parametrize("size_hw", [(60, 90), (97, 50)])
def test_semantic_network_says_the_same_at_any_size_and_batch(tmp_path, size_hw):
    network = create(
        "lraspp_mobilenet_v3_large", weights="random", device="cpu", score_floor=0, options=SMALL
    )
    file = tmp_path / "lraspp.onnx"
    export(network, file, opset=17, size_hw=None, score_floor=0)
    again = opened(file)
    assert again.class_ids == network.class_ids
    images = pictures(size_hw, n_frames=3)
    agreed(network, again, images)
    assert np.allclose(again.segment(images)[1].probs, again.segment(images[1:2])[0].probs, atol=1e-6)
    assert [found.size_hw for found in again.segment([images[0], images[0][:40]])] == [
        size_hw,
        (40, size_hw[1]),
    ]


@pytest.mark.parametrize("size_hw", [(96, 64), (75, 110)])
def test_smp_network_says_the_same_with_sides_its_stride_does_not_divide(unet, tmp_path, size_hw):
    file = tmp_path / "unet.onnx"
    export(unet, file, opset=17, size_hw=None, score_floor=0)
    agreed(unet, opened(file), pictures(size_hw))


def test_semantic_network_for_one_size(unet, tmp_path):
    file = tmp_path / "fixed.onnx"
    export(unet, file, opset=16, size_hw=(70, 100), score_floor=0)
    again = opened(file)
    agreed(seen_at(unet, (70, 100)), again, pictures((140, 180)))
    with pytest.raises(ParameterError, match=r"input_short_px must be 0 for .*fixed\.onnx, which has a size"):
        opened(file, options=SMALL)


def test_pyramid_pooling_is_written_for_one_size_only(tmp_path):
    network = create("smp_pspnet", weights="random", device="cpu", score_floor=0, options=SMALL_UNET)
    with pytest.raises(ParameterError, match="size must be given for this network, which pools"):
        export(network, tmp_path / "any.onnx", opset=17, size_hw=None, score_floor=0)
    file = tmp_path / "psp.onnx"
    export(network, file, opset=17, size_hw=(72, 104), score_floor=0)
    agreed(network, opened(file), pictures((72, 104)))


@pytest.mark.parametrize(("length", "n_cells"), [(1, 1), (7, 3), (6, 6), (5, 6), (12, 2)])
def test_cells_are_those_of_adaptive_pooling(length, n_cells):
    values = torch.rand(1, 4, length)
    expected = F.adaptive_avg_pool1d(values, n_cells)
    assert torch.allclose(values @ cell_means(length, n_cells).T, expected, atol=1e-6)


def test_masks_are_pasted_as_torchvision_pastes_them():
    rng = np.random.default_rng(0)
    corners = rng.uniform(-10, 40, (40, 2))  # of no box wholly outside, at which torchvision fails
    boxes = np.concatenate([corners, corners + rng.uniform(12, 40, (40, 2))], axis=1).astype(np.float32)
    probs = rng.random((40, 28, 28), np.float32)
    expected = paste_masks_in_image(torch.tensor(probs)[:, None], torch.tensor(boxes), (45, 60))[:, 0] > 0.5
    assert np.array_equal(paste_masks(probs, boxes, size_hw=(45, 60)), expected.numpy())


@pytest.mark.parametrize("size_hw", [(30, 41), (90, 120), (60, 80)])
def test_pictures_are_scaled_as_torch_scales_them(size_hw):
    (image,) = pictures((60, 80), n_frames=1)
    pixels = torch.tensor(image).permute(2, 0, 1).float()[None] / 255
    expected = F.interpolate(pixels, size=size_hw, mode="bilinear", antialias=True, align_corners=False)[0]
    card = Card("any", "probs", "none", (1,))
    assert np.allclose(to_input(image, size_hw=size_hw, card=card), expected.numpy(), atol=1e-4)


def test_file_says_what_it_is(demo, demo_file):
    import onnx

    said = {prop.key: prop.value for prop in onnx.load(demo_file).metadata_props}
    card = json.loads(said["vidlab"])
    assert card["model"] == "maskrcnn_demo"
    assert card["class_ids"] == [None, *demo.label_ids]
    assert card["weights"] == demo.weights
    assert (card["score_floor"], card["quantized"]) == (FLOOR, "")
    again = opened(demo_file)
    assert again.class_ids == demo.class_ids
    assert again.weights.startswith("demo.onnx (")
    assert demo.weights in again.weights


def test_file_runs_where_there_is_no_torch(demo_file):
    code = (
        "import sys; sys.modules['torch'] = sys.modules['torchvision'] = sys.modules['onnx'] = None\n"
        "import numpy as np\n"
        "from vidlab.models import create, resolve_device_of\n"
        "device = resolve_device_of('onnx', 'cpu')\n"
        "network = create('onnx', weights=sys.argv[1], device=device, score_floor=0.0)\n"
        "print(len(network.segment([np.zeros((64, 64, 3), np.uint8)])), network.runs_on)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(demo_file)], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("1 cpu (ONNX Runtime ")
    assert "CPUExecutionProvider" in result.stdout


def test_what_is_no_network_of_torch_cannot_be_written(tmp_path, demo_file):
    own = from_callable(lambda image: image[..., 0] / 255, kind="probs", class_ids=["dog"], name="bright")
    for network in (own, opened(demo_file)):
        with pytest.raises(ParameterError, match="only networks of torch's can be exported, got"):
            export(network, tmp_path / "x.onnx", opset=17, size_hw=None, score_floor=0)


def test_missing_onnx_names_the_extra(monkeypatch, demo, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"writing ONNX files needs .* pip install 'vidlab\[onnx\]'"):
        export(demo, tmp_path / "x.onnx", opset=17, size_hw=None, score_floor=FLOOR)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "maskrcnn_resnet50_fpn",
        "maskrcnn_resnet50_fpn_v2",
        "deeplabv3_resnet50",
        "deeplabv3_resnet101",
        "deeplabv3_mobilenet_v3_large",
        "fcn_resnet50",
        "fcn_resnet101",
        "smp_unetplusplus",
        "smp_manet",
        "smp_linknet",
        "smp_fpn",
        "smp_pan",
        "smp_deeplabv3",
        "smp_deeplabv3plus",
        "smp_segformer",
    ],
)
def test_every_network_of_the_registry_becomes_a_file_that_agrees(name, tmp_path):
    small = NetworkParams(input_short_px=128 if name.startswith("maskrcnn") else 64)
    network = create(name, weights="random", device="cpu", score_floor=0, options=small)
    file = tmp_path / "network.onnx"
    export(network, file, opset=17, size_hw=None, score_floor=0)
    images = pictures((96, 160), n_frames=1)
    measured = agreed(network, opened(file, floor=0), images)
    assert measured.n_detections is None or measured.n_detections > 0
