import subprocess
import sys
from pathlib import Path

import pytest

from vidlab.classes import COCO_NAMES, class_name
from vidlab.errors import DeviceError, MissingExtraError, ParameterError, WeightsError
from vidlab.models import MODELS, create, resolve_device
from vidlab.models.device import require_device


def test_unknown_model_is_named_with_the_choices():
    with pytest.raises(
        ParameterError, match="unknown model 'deeplab'; choose from: maskrcnn_resnet50_fpn, maskrcnn"
    ):
        create("deeplab", weights=None, device="cpu", score_floor=0.05)


def test_score_floor_must_be_a_probability():
    with pytest.raises(ParameterError, match=r"score_floor must lie in \[0, 1\], got 1.5"):
        create("maskrcnn_demo", weights="random", device="cpu", score_floor=1.5)


def test_registry_lists_models_without_loading_torch():
    code = "import sys, vidlab.models; vidlab.models.MODELS; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_entry_says_what_it_is_in_one_line():
    for spec in MODELS.values():
        assert spec.description
        assert "\n" not in spec.description
        assert spec.kind in ("instances", "probs") or spec.build is MODELS["onnx"].build  # as its file says


def test_page_about_networks_names_every_one():
    page = (Path(__file__).parents[2] / "docs" / "networks.md").read_text("utf-8")
    assert [name for name in MODELS if f"`{name}`" not in page] == []


def test_missing_torch_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidlab\[models\]'"):
        create("maskrcnn_demo", weights="random", device="cpu", score_floor=0.05)


def test_cuda_without_gpu_is_an_error_that_says_what_to_use(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    message = "device 'cuda' was asked for, but torch sees no GPU; use 'cpu' or 'auto'"
    with pytest.raises(DeviceError, match=message):
        create("maskrcnn_demo", weights="random", device="cuda", score_floor=0.05)
    assert resolve_device("auto") in ("cpu", "mps")


def test_gpu_number_beyond_the_last_is_an_error(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert require_device("cuda:1") == "cuda:1"
    assert resolve_device("auto") == "cuda"
    with pytest.raises(DeviceError, match="the last GPU is 'cuda:1'"):
        require_device("cuda:2")


@pytest.mark.parametrize("device", ["auto", "gpu", "cuda:x", "cpu:0", ""])
def test_library_takes_only_resolved_devices(device):
    with pytest.raises(DeviceError, match=r"device must be cpu, cuda, cuda:N or mps, got"):
        require_device(device)


def test_weights_that_are_no_file_are_named():
    with pytest.raises(WeightsError, match=r"got 'nowhere/x\.pth', which is not there"):
        create("maskrcnn_demo", weights="nowhere/x.pth", device="cpu", score_floor=0.05)


def test_voc_labels_become_coco_ids_in_order():
    from vidlab.models import outputs as semantic

    ids = semantic.VOC_TO_COCO_IDS
    assert len(ids) == len(set(ids)) == 20
    assert set(ids) <= set(COCO_NAMES)
    names = [class_name(class_id) for class_id in ids]
    assert names[0] == "airplane"
    assert names[10] == "dining table"
    assert names[14] == "person"
    assert names[19] == "tv"


def test_voc_order_is_that_of_torchvision():
    segmentation = pytest.importorskip("torchvision.models.segmentation")
    from vidlab.classes import class_id
    from vidlab.models import outputs as semantic

    names = segmentation.DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1.meta["categories"]
    assert tuple(class_id(name) for name in names[1:]) == semantic.VOC_TO_COCO_IDS


def test_coco_labels_of_torchvision_are_coco_ids():
    detection = pytest.importorskip("torchvision.models.detection")
    names = detection.MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
    assert {label: name for label, name in enumerate(names) if label in COCO_NAMES} == COCO_NAMES


def test_own_weights_are_looked_for_without_a_download(monkeypatch, tmp_path):
    pytest.importorskip("torchvision")
    from vidlab.models import has_weights, weights

    monkeypatch.setattr(weights, "cache_dir", lambda: tmp_path)
    assert has_weights("maskrcnn_demo")
    assert not has_weights("lraspp_mobilenet_v3_large")
    with pytest.raises(ParameterError, match="unknown model 'oracle'"):
        has_weights("oracle")
