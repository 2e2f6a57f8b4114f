"""Three ways of preparing frames: one result, within a stated tolerance, and their copies counted."""

import sys

import numpy as np
import pytest
from conftest import REAL, needs_real
from gpu import require_gpu

from vidlab.errors import MissingExtraError, ParameterError, ShapeError
from vidlab.params import PreprocessParams
from vidlab.pipeline import ways as compared
from vidlab.pipeline.copies import HEADER, copy_rows, trace
from vidlab.pipeline.networks import IMAGENET_MEAN, IMAGENET_STD
from vidlab.pipeline.preprocess import TOLERANCE_LEVELS, WAYS, difference, preprocessor
from vidlab.video import PyavReader

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")
MEAN, STD = IMAGENET_MEAN, IMAGENET_STD


def ways(size_hw, *, resampling="bilinear", mean=MEAN, std=STD, device="cpu"):
    return {
        way: preprocessor(way, size_hw=size_hw, resampling=resampling, mean=mean, std=std, device=device)
        for way in WAYS
    }


@pytest.fixture(scope="module")
def noise():
    """The hardest pictures: every pixel differs from its neighbors."""
    return list(np.random.default_rng(0).integers(0, 256, (2, 61, 90, 3), np.uint8))


@pytest.mark.parametrize("way", WAYS)
def test_one_pixel_becomes_its_normalized_value(way):
    image = np.array([[[255, 0, 51]]], np.uint8)
    prepared = ways((1, 1))[way]([image])
    expected = (np.array([1.0, 0.0, 0.2]) - MEAN) / STD
    assert prepared.dtype == torch.float32
    assert prepared.is_contiguous()
    np.testing.assert_allclose(prepared.numpy().reshape(3), expected, rtol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_half_size_is_the_mean_of_four_pixels(way):
    """Centers at half integers: halving reads exactly between pixels; corners at integers would not."""
    image = np.zeros((4, 4, 3), np.uint8)
    image[:2, :2, 1] = [[10, 20], [30, 40]]
    prepared = ways((2, 2), mean=(0.0,) * 3, std=(1.0,) * 3)[way]([image])
    assert float(prepared[0, 1, 0, 0]) * 255 == pytest.approx(25, abs=0.51)
    assert float(prepared.abs().sum()) == pytest.approx(float(prepared[0, 1, 0, 0]))


@pytest.mark.parametrize("size_hw", [(61, 90), (30, 45), (23, 31), (100, 150), (61, 30)])
@pytest.mark.parametrize("resampling", ["bilinear", "antialias"])
def test_ways_agree_within_the_stated_tolerance(noise, size_hw, resampling):
    prepared = {way: prepare(noise) for way, prepare in ways(size_hw, resampling=resampling).items()}
    shrinks = size_hw[0] < 61 or size_hw[1] < 90
    for way in WAYS:
        assert prepared[way].shape == (2, 3, *size_hw)
        if way == "opencv" and resampling == "antialias" and shrinks:
            continue  # another filter, as the module says
        mean, largest = difference(prepared["device"], prepared[way], std=STD)
        assert largest <= TOLERANCE_LEVELS
        assert mean <= 0.5


@needs_real
@pytest.mark.parametrize("clip", ["ompf_hikers", "ompf_ferrari_1080p"])
def test_ways_agree_on_real_frames(clip):
    frame = next(iter(PyavReader(REAL / "clips" / f"{clip}.mp4"))).image
    prepared = {way: prepare([frame]) for way, prepare in ways((240, 432)).items()}
    for way in WAYS:
        assert difference(prepared["device"], prepared[way], std=STD)[1] <= TOLERANCE_LEVELS


def test_the_difference_is_in_levels():
    one, other = torch.zeros(1, 3, 1, 1), torch.tensor([1 / 255, 0.0, 3 / 255]).view(1, 3, 1, 1)
    mean, largest = difference(one, other, std=(1.0, 1.0, 1.0))
    assert (mean, largest) == (pytest.approx(4 / 3), pytest.approx(3))


@pytest.mark.parametrize("way", WAYS)
def test_frames_are_not_modified(way, noise):
    before = [image.copy() for image in noise]
    ways((30, 45))[way](noise)
    assert all(np.array_equal(a, b) for a, b in zip(before, noise, strict=True))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("images", [[], [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)]])
def test_batch_of_no_or_different_sizes_is_refused(way, images):
    with pytest.raises(ShapeError, match="images of a batch must have one size, got"):
        ways((2, 2))[way](images)


def test_unknown_way_is_named():
    with pytest.raises(ParameterError, match="unknown way 'pil' to preprocess; choose from: opencv"):
        preprocessor("pil", size_hw=(2, 2), resampling="bilinear", mean=MEAN, std=STD, device="cpu")


def test_missing_torch_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidlab\[models\]'"):
        ways((2, 2))


def test_views_write_nothing_and_floats_are_four_times_the_bytes(noise):
    copies = {copy.name: copy for copy in trace(ways((30, 45))["device"], noise)}
    bytes_in = sum(image.nbytes for image in noise)
    assert copies["stack"].bytes_written == bytes_in
    assert copies["channels first (view)"].bytes_written == 0
    assert copies["to float"].bytes_written == 4 * bytes_in
    assert copies["copy to device"].bytes_written == 0  # on the CPU it is there already
    assert all(copy.n_waits == 0 for copy in copies.values())


def test_opencv_writes_least(noise):
    written = {
        way: sum(copy.bytes_written for copy in trace(prepare, noise))
        for way, prepare in ways((30, 45)).items()
    }
    assert written["opencv"] < written["torchvision"] < written["device"]


def test_copies_are_tabled_with_their_sum(noise):
    rows = copy_rows(trace(ways((30, 45))["opencv"], noise))
    assert all(len(row) == len(HEADER) for row in rows)
    assert rows[0][:2] == ("resize", "2 × uint8 30×45×3")
    assert rows[-1][0] == "sum"


@pytest.mark.gpu
def test_ways_agree_on_a_gpu_and_only_bytes_travel(noise):
    require_gpu()
    there = ways((30, 45), device="cuda")
    here = ways((30, 45))["device"](noise)
    moved = {}
    for way, prepare in there.items():
        prepared = prepare(noise)
        assert prepared.device.type == "cuda"
        assert difference(here, prepared, std=STD)[1] <= TOLERANCE_LEVELS
        copies = trace(prepare, noise)
        moved[way] = sum(copy.bytes_moved for copy in copies)
        assert sum(copy.n_waits for copy in copies) >= 1  # ordinary memory: the copy waits
    assert moved["device"] == sum(image.nbytes for image in noise)
    assert moved["opencv"] == moved["torchvision"] == 2 * 3 * 30 * 45 * 4


def test_ways_are_timed_in_rounds_and_tabled(noise):
    params = PreprocessParams(height=30, width=45)
    results = compared.compare_ways(noise, params=params, mean=MEAN, std=STD, device="cpu", rounds=2)
    assert [one.way for one in results] == list(WAYS)
    assert all(len(one.rounds_ms) == 2 and one.ms > 0 for one in results)
    assert all(one.off_by[1] <= TOLERANCE_LEVELS for one in results)
    rows = compared.way_rows(results)
    assert all(len(row) == len(compared.HEADER) for row in rows)
    assert rows[0][7] == "–"  # waits are counted on a GPU only
