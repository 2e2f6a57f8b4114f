"""ONNX files from elsewhere, files that are none, and devices that are not here."""

import sys

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tiny_onnx import classifier, detector, pixelwise, save, without_words

from vidlab.errors import DeviceError, MissingExtraError, ParameterError, WeightsError
from vidlab.models import create, onnx_runtime, resolve_device_of
from vidlab.models.onnx_card import KEY, Card, read_card, to_metadata
from vidlab.models.onnx_file import last_operations, write_card
from vidlab.models.onnx_quantize import has_vnni, quantize
from vidlab.models.sizes import MEAN, STD
from vidlab.params import NetworkParams

RED_OR_NOT = np.array([[5, 0, 0], [-5, 0, 0]])  # weights of a pixel's channels, two classes


def opened(file, *, floor=0.05, **options):
    return create(
        "onnx", weights=str(file), device="cpu", score_floor=floor, options=NetworkParams(**options)
    )


def half_red(size_hw=(40, 60)):
    image = np.zeros((*size_hw, 3), np.uint8)
    image[:, : size_hw[1] // 2, 0] = 255
    return image


def red_probability(value):
    """What `RED_OR_NOT` says of a pixel whose red is `value`, in [0, 1]."""
    return 1 / (1 + np.exp(-10 * (value - MEAN[0]) / STD[0]))


def test_scores_become_probabilities_of_the_second_class(tmp_path):
    file = pixelwise(tmp_path / "two.onnx", RED_OR_NOT[::-1])
    network = opened(file)
    assert (network.kind, network.class_ids) == ("probs", (0,))
    (found,) = network.segment([half_red()])
    assert found.probs.shape == (1, 40, 60)
    assert found.probs[0, 20, 5] == pytest.approx(red_probability(1), abs=1e-5)
    assert found.probs[0, 20, 55] == pytest.approx(red_probability(0), abs=1e-5)


@pytest.mark.parametrize("ends_with", [None, "Softmax"])
def test_a_softmax_is_not_applied_twice(tmp_path, ends_with):
    file = pixelwise(
        tmp_path / "three.onnx", np.array([[0, 0, 0], [5, 0, 0], [0, 5, 0]]), ends_with=ends_with
    )
    network = opened(file, class_names="background,dog,car")
    assert network.class_ids == (18, 3)
    (found,) = network.segment([half_red()])
    scores = np.array([0, 5 * (1 - MEAN[0]) / STD[0], 5 * (0 - MEAN[1]) / STD[1]])
    expected = np.exp(scores) / np.exp(scores).sum()
    assert found.probs[:, 20, 5] == pytest.approx(expected[1:], abs=1e-4)


@pytest.mark.parametrize("ends_with", [None, "Sigmoid"])
def test_a_single_output_is_an_object(tmp_path, ends_with):
    network = opened(pixelwise(tmp_path / "one.onnx", RED_OR_NOT[:1], ends_with=ends_with))
    assert network.class_ids == (0,)
    (found,) = network.segment([half_red()])
    expected = 1 / (1 + np.exp(-5 * (1 - MEAN[0]) / STD[0]))
    assert found.probs[0, 20, 5] == pytest.approx(expected, abs=1e-5)


def test_classes_without_names_are_asked_for(tmp_path):
    file = pixelwise(tmp_path / "five.onnx", np.eye(5, 3))
    with pytest.raises(
        ParameterError, match=r"the 5 outputs of five\.onnx must have names; give --class-names"
    ):
        opened(file)
    assert opened(file, class_names="road,sky,tree,car,lane marking").class_ids == (149, 187, 184, 3, 201)


def test_21_outputs_are_those_of_voc(tmp_path):
    network = opened(pixelwise(tmp_path / "voc.onnx", np.zeros((21, 3))))
    assert len(network.class_ids) == 20
    assert network.class_ids[14] == 1


def test_pictures_get_the_only_size_the_file_takes(tmp_path):
    file = pixelwise(tmp_path / "fixed.onnx", RED_OR_NOT[:1], size_hw=(16, 24))
    (found,) = opened(file).segment([half_red((50, 70))])
    assert found.size_hw == (50, 70)
    assert found.probs[0, :, :30].min() > 0.99
    assert found.probs[0, :, 40:].max() < 0.01


def test_a_file_for_batches_of_two_takes_three_pictures(tmp_path):
    file = pixelwise(tmp_path / "pairs.onnx", RED_OR_NOT[:1], batch=2)
    network, images = opened(file), [half_red(), half_red()[:, ::-1], half_red()]
    found = network.segment(images)
    assert len(found) == 3
    assert np.array_equal(found[0].probs, found[2].probs)
    assert np.allclose(found[1].probs, found[0].probs[..., ::-1], atol=1e-6)
    assert network.segment([]) == []


def test_three_stages_give_what_segment_gives(tmp_path):
    network = opened(pixelwise(tmp_path / "one.onnx", RED_OR_NOT[:1]))
    (staged,) = network.finish(network.infer(network.prepare([half_red()])))
    assert np.array_equal(staged.probs, network.segment([half_red()])[0].probs)


@pytest.fixture
def square():
    return {"boxes": [[10, 10, 30, 20]], "labels": [18], "scores": [0.8], "masks": np.ones((1, 1, 28, 28))}


@pytest.mark.parametrize("names", [("a", "b", "c", "d"), ("boxes", "labels", "scores", "masks")])
def test_a_mask_rcnn_is_known_by_names_or_by_the_form_of_its_outputs(tmp_path, square, names):
    network = opened(detector(tmp_path / "theirs.onnx", **square, names=names))
    assert network.kind == "instances"
    (found,) = network.segment([half_red()])
    assert found.class_ids.tolist() == [18]
    assert found.scores.tolist() == pytest.approx([0.8])
    assert found.masks[0, 11:20, 11:30].all()
    assert found.masks[0].sum() <= 12 * 22


def test_masks_that_the_network_pasted_itself_stay(tmp_path, square):
    full = np.zeros((1, 1, 40, 60))
    full[..., 5:9, 7:9] = 0.9
    (found,) = opened(detector(tmp_path / "full.onnx", **{**square, "masks": full})).segment([half_red()])
    assert np.array_equal(found.masks[0], full[0, 0] > 0.5)


def test_detections_below_the_floor_and_of_no_class_are_dropped(tmp_path, square):
    file = detector(
        tmp_path / "two.onnx",
        boxes=[[10, 10, 30, 20]] * 3,
        labels=[18, 12, 3],
        scores=[0.8, 0.9, 0.1],
        masks=np.ones((3, 28, 28)),
    )
    assert opened(file, floor=0.2).segment([half_red()])[0].class_ids.tolist() == [18]
    assert opened(file, floor=0.0).segment([half_red()])[0].class_ids.tolist() == [18, 3]


def test_labels_of_a_mask_rcnn_may_have_names(tmp_path, square):
    file = detector(tmp_path / "named.onnx", **{**square, "labels": [2]})
    network = opened(file, class_names="cat,lane marking")
    assert network.class_ids == (17, 201)
    assert network.class_names == {201: "lane marking"}
    assert network.segment([half_red()])[0].class_ids.tolist() == [201]


def test_a_foreign_file_is_told_what_it_was_taken_for(tmp_path, caplog):
    opened(pixelwise(tmp_path / "one.onnx", RED_OR_NOT[:1]))
    (said,) = caplog.messages
    assert said.startswith("one.onnx says nothing of itself; taken for a semantic network")
    assert "vidlab export onnx --weights one.onnx" in said


def test_what_was_written_down_need_not_be_told_again(tmp_path, caplog):
    file = pixelwise(tmp_path / "five.onnx", np.eye(5, 3))
    network = opened(file, class_names="road,sky,tree,car,lane marking")
    write_card(file, tmp_path / "named.onnx", card=network.card)
    caplog.clear()
    again = opened(tmp_path / "named.onnx")
    assert caplog.messages == []
    assert (again.class_ids, again.class_names) == (network.class_ids, network.class_names)
    assert np.array_equal(again.segment([half_red()])[0].probs, network.segment([half_red()])[0].probs)
    assert opened(tmp_path / "named.onnx", class_names="dog,cat,cow,bus,car").class_ids == (18, 17, 21, 6, 3)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 no network", b"\x08\x08\x12\x07pytorch"])
def test_a_file_that_is_no_network_is_refused(tmp_path, content):
    file = tmp_path / "bad.onnx"
    file.write_bytes(content)
    with pytest.raises(
        WeightsError, match=r"must be a network in ONNX format, got .*bad\.onnx, which ONNX Runtime"
    ):
        opened(file)


def test_a_cut_off_file_is_refused(tmp_path):
    file = pixelwise(tmp_path / "cut.onnx", RED_OR_NOT)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(WeightsError, match=r"cut\.onnx"):
        opened(file)


def test_a_network_of_another_kind_is_refused(tmp_path):
    with pytest.raises(
        WeightsError, match=r"must return class scores \(N, K, H, W\), or boxes, labels, scores"
    ):
        opened(classifier(tmp_path / "classifier.onnx"))


def test_pictures_that_a_network_fails_on_are_told(tmp_path):
    file = pixelwise(tmp_path / "one.onnx", RED_OR_NOT[:1])
    session = onnx_runtime.open_session(file, device="cpu", threads=1)
    with pytest.raises(WeightsError, match=r"the ONNX network failed on pixels \(1, 4, 2, 2\): "):
        session.run({"pixels": np.zeros((1, 4, 2, 2), np.float32)})


@pytest.mark.parametrize("weights", [None, "random"])
def test_without_a_file_there_is_no_network(weights):
    with pytest.raises(WeightsError, match="model 'onnx' must have a file, got weights"):
        create("onnx", weights=weights, device="cpu", score_floor=0.05)


def test_missing_file_is_named():
    with pytest.raises(WeightsError, match=r"got 'nowhere/x\.onnx', which is not there"):
        create("onnx", weights="nowhere/x.onnx", device="cpu", score_floor=0.05)


@pytest.mark.parametrize("said", ["{}", "no JSON", '{"format": 1, "kind": "probs"}', "[1]"])
def test_words_that_make_no_sense_are_refused(said):
    with pytest.raises(WeightsError, match=r"the metadata 'vidlab' of x\.onnx must describe a network, got"):
        read_card({KEY: said}, source="x.onnx")


def test_words_of_a_newer_version_are_refused():
    with pytest.raises(WeightsError, match=r"x\.onnx was written by a newer vidlab"):
        read_card({KEY: '{"format": 99}'}, source="x.onnx")


def test_a_card_is_read_as_it_was_written():
    card = Card(
        "net", "probs", "w.pt", (None, 18, 201), {201: "lane marking"}, input_size=(48, 64), stride=32
    )
    assert read_card({KEY: to_metadata(card)}, source="x") == card
    assert read_card({"other": "words"}, source="x") is None
    assert Card("net", "instances", "w.pt", (None, 18, 3, 18)).shown_ids == (3, 18)


@pytest.mark.parametrize("device", ["auto", "gpu", "cuda:x", "cpu:x"])
def test_devices_that_are_none_are_refused(tmp_path, device):
    file = pixelwise(tmp_path / "one.onnx", RED_OR_NOT[:1])
    with pytest.raises(
        DeviceError, match="device must be cpu, cuda, cuda:N, tensorrt, tensorrt:N or mps, got"
    ):
        create("onnx", weights=str(file), device=device, score_floor=0.05)


def test_a_device_that_onnx_runtime_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(
        onnx_runtime.require_onnxruntime(), "get_available_providers", lambda: ["CPUExecutionProvider"]
    )
    with pytest.raises(
        DeviceError, match="'cuda' was asked for, but ONNX Runtime here has no CUDAExecutionProv"
    ):
        resolve_device_of("onnx", "cuda")
    assert resolve_device_of("onnx", "auto") == "cpu"


def test_the_wanted_provider_comes_first_and_the_cpu_last(monkeypatch):
    here = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnx_runtime.require_onnxruntime(), "get_available_providers", lambda: here)
    assert [name for name, _ in onnx_runtime.providers_for("cpu")] == here[2:]
    assert [name for name, _ in onnx_runtime.providers_for("cuda")] == here[1:]
    assert onnx_runtime.providers_for("tensorrt:1") == [
        (here[0], {"device_id": 1}),
        (here[1], {"device_id": 1}),
        (here[2], {}),
    ]


def test_threads_are_those_that_were_asked_for(tmp_path, monkeypatch):
    file = pixelwise(tmp_path / "one.onnx", RED_OR_NOT[:1])
    assert opened(file, threads=3).runs_on.endswith("CPUExecutionProvider, 3 threads)")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert opened(file).runs_on.endswith("CPUExecutionProvider, 1 thread)")
    assert opened(file).device == "cpu"


def test_missing_onnxruntime_names_the_extra(monkeypatch, tmp_path):
    file = pixelwise(tmp_path / "one.onnx", RED_OR_NOT[:1])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        MissingExtraError, match=r"networks in ONNX files needs .* pip install 'vidlab\[onnx\]'"
    ):
        opened(file)


def test_last_operations_are_those_next_to_the_outputs(tmp_path):
    from onnx import TensorProto, helper, numpy_helper

    kernels = [
        numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), name) for name in ("k0", "k1", "k2")
    ]
    nodes = [
        helper.make_node("Conv", ["x", "k0"], ["deep"], name="deep"),
        helper.make_node("Relu", ["deep"], ["mid"], name="relu"),
        helper.make_node("Conv", ["mid", "k1"], ["head"], name="head"),
        helper.make_node("Sigmoid", ["head"], ["out"], name="sigmoid"),
        helper.make_node("Conv", ["mid", "k2"], ["other"], name="other"),
        helper.make_node("Shape", ["deep"], ["size"], name="shape"),
    ]
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 4, 4]) for n in ("x", "out", "other")]
    size = helper.make_tensor_value_info("size", TensorProto.INT64, [4])
    file = save(helper.make_graph(nodes, "g", ports[:1], [*ports[1:], size], kernels), tmp_path / "g.onnx")
    assert sorted(last_operations(file, kinds=("Conv",))) == ["head", "other"]


@pytest.mark.parametrize("how", ["static", "dynamic"])
def test_quantized_network_is_near_the_float_one_and_logging_is_left_alone(tmp_path, how, caplog):
    import logging

    file, out = pixelwise(tmp_path / "one.onnx", RED_OR_NOT[:1] / 5), tmp_path / "small.onnx"
    network, before = opened(file), list(logging.getLogger().handlers)
    caplog.clear()
    quantize(file, out, how=how, feeds=network.feeds([half_red()]), keep_last=False)
    assert logging.getLogger().handlers == before
    assert logging.getLogger().manager.disable == 0
    assert caplog.messages == []
    assert "Integer" in out.read_bytes().decode("latin1") or "QuantizeLinear" in out.read_bytes().decode(
        "latin1"
    )
    (plain,), (small,) = network.segment([half_red()]), opened(out).segment([half_red()])
    assert 0 < np.abs(plain.probs - small.probs).max() < 0.05


def test_vnni_is_read_from_the_processor(tmp_path):
    cpu = tmp_path / "cpuinfo"
    cpu.write_text("flags : avx2 avx512_vnni\n")
    assert has_vnni(cpu)
    cpu.write_text("flags : avx2\n")
    assert not has_vnni(cpu)
    assert not has_vnni(tmp_path / "none")


def test_our_file_without_its_words_is_taken_for_what_it_is(tmp_path, square):
    file = detector(tmp_path / "ours.onnx", **square)
    network = opened(file)
    write_card(file, tmp_path / "told.onnx", card=network.card)
    bare = opened(without_words(tmp_path / "told.onnx", tmp_path / "bare.onnx"))
    assert bare.class_ids == network.class_ids
    assert len(bare.segment([half_red()])[0]) == 1
