"""The CUDA schedule on a device that is as lazy as it may be; on a real one, equality with sequential."""

import numpy as np
import pytest
from gpu import require_gpu
from lazy_cuda import LazyCuda, LazySpans, Memory

from vidlab.errors import DeviceError, ParameterError, ShapeError
from vidlab.pipeline.cuda import TorchCuda, device_work, double_buffered
from vidlab.pipeline.preprocess import preprocessor


def batches(n_batches, *, n_frames=2, last=None, size_hw=(3, 4)):
    for number in range(n_batches):
        count = last if last and number == n_batches - 1 else n_frames
        yield np.full((count, *size_hw, 3), number, np.uint8)


class Run:
    """Negates every pixel on a lazy device."""

    def __init__(self, *, n_buffers=2, fails_at=None):
        self.cuda = LazyCuda()
        self.spans = LazySpans(self.cuda)
        self.n_buffers, self.fails_at, self.n_launched = n_buffers, fails_at, 0

    def work(self, batch):
        if self.n_launched == self.fails_at:
            raise MemoryError("out of device memory")
        self.n_launched += 1
        output = Memory(np.zeros(batch.shape[:3], np.int16))
        self.cuda.launch(lambda: np.copyto(output.array, -batch.array[..., 0].astype(np.int16)))
        return output

    def over(self, source):
        return double_buffered(source, self.work, n_buffers=self.n_buffers, cuda=self.cuda, spans=self.spans)


@pytest.mark.parametrize("n_buffers", [2, 3, 5])
@pytest.mark.parametrize("n_batches", [0, 1, 2, 3, 9])
def test_every_batch_comes_back_in_order_though_nothing_runs_before_it_is_waited_for(n_batches, n_buffers):
    results = list(Run(n_buffers=n_buffers).over(batches(n_batches)))
    assert [result.shape for result in results] == [(2, 3, 4)] * n_batches
    assert [np.unique(result).tolist() for result in results] == [[-number] for number in range(n_batches)]


def test_results_stay_when_their_buffers_are_used_again():
    results = []
    for result in Run().over(batches(6)):
        results.append((result, result.copy()))
    assert all(np.array_equal(kept, then) for kept, then in results)


def test_shorter_last_batch_is_shorter_in_the_end():
    results = list(Run().over(batches(4, n_frames=3, last=1)))
    assert [len(result) for result in results] == [3, 3, 3, 1]
    assert np.unique(results[-1]).tolist() == [-3]


def test_another_frame_size_gets_its_own_buffers_and_loses_nothing():
    mixed = [*batches(3), *batches(2, size_hw=(5, 2)), *batches(3)]
    results = list(Run().over(mixed))
    assert [result.shape[1:] for result in results] == [batch.shape[1:3] for batch in mixed]
    assert [int(-result.flat[0]) for result in results] == [int(batch.flat[0]) for batch in mixed]


def test_streams_wait_for_each_other_by_events():
    run = Run()
    list(run.over(batches(1)))
    assert run.cuda.log == [
        ("host", "fills", 0),
        ("copy", "queues", "work"),
        ("copy", "records", "copied 0"),
        ("compute", "waits for", "copied 0"),
        ("compute", "queues", "work"),
        ("compute", "records", "computed 0"),
        ("return", "waits for", "computed 0"),
        ("return", "queues", "work"),
        ("return", "records", "returned 0"),
        ("host", "waits for", "returned 0"),
        ("host", "waits for stream", "copy"),
        ("host", "waits for stream", "compute"),
        ("host", "waits for stream", "return"),
        ("host", "collects", "spans"),
    ]


def test_host_waits_only_for_the_batch_whose_buffers_it_needs():
    run = Run(n_buffers=2)
    list(run.over(batches(5)))
    host = [(act, what) for who, act, what in run.cuda.log if who == "host"]
    assert host[:8] == [
        ("fills", 0),
        ("fills", 1),
        ("waits for", "returned 0"),
        ("fills", 2),
        ("waits for", "returned 1"),
        ("fills", 3),
        ("waits for", "returned 0"),
        ("fills", 4),
    ]
    streams = [place for place, (act, _) in enumerate(host) if act == "waits for stream"]
    assert min(streams) > host.index(("fills", 4))  # the whole device only after the loop


def test_output_is_kept_for_the_stream_that_brings_it_back():
    run = Run()
    list(run.over(batches(3)))
    assert run.cuda.kept == ["return"] * 3


def test_every_stage_of_every_batch_has_a_span_on_its_stream():
    run = Run()
    list(run.over(batches(2)))
    stages = [("copy", "copy"), ("infer", "compute"), ("return", "return")]
    assert run.spans.taken == [(stage, item, stream) for item in range(2) for stage, stream in stages]
    assert run.spans.collected == 1


@pytest.mark.parametrize("stop", ["close", "raise"])
def test_device_is_done_before_buffers_go_when_the_consumer_stops(stop):
    run = Run()
    closed = []

    def source():
        try:
            yield from batches(9)
        finally:
            closed.append(True)

    results = run.over(source())
    next(results)
    if stop == "close":
        results.close()
    else:
        with pytest.raises(KeyError):
            results.throw(KeyError)
    assert all(not stream.queue for stream in run.cuda.streams)
    assert closed == [True]


def test_error_of_the_work_arrives_when_the_device_is_done():
    run = Run(fails_at=3)
    got = []

    def consume():
        for result in run.over(batches(9)):
            got.append(int(-result.flat[0]))

    with pytest.raises(MemoryError, match="out of device memory"):
        consume()
    assert got == [0, 1]
    assert all(not stream.queue for stream in run.cuda.streams)


def test_one_buffer_is_refused():
    with pytest.raises(ParameterError, match="n_buffers must be at least 2, got 1"):
        Run(n_buffers=1).over([])


def test_float_frames_are_refused():
    with pytest.raises(ShapeError, match=r"a batch must be uint8 \(N, H, W, 3\), got float64 \(1, 2, 2, 3\)"):
        list(Run().over([np.zeros((1, 2, 2, 3))]))


def test_way_that_copies_last_cannot_work_on_the_device():
    pytest.importorskip("torchvision")
    with pytest.raises(ParameterError, match="only the way 'device' works on after the copy, got 'opencv'"):
        device_work(prepared("opencv", "cpu"), None)


def test_device_that_is_not_here_is_an_error():
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(DeviceError, match="torch sees no GPU"):
        TorchCuda("cuda")


def prepared(way, device):
    return preprocessor(
        way, size_hw=(64, 96), resampling="bilinear", mean=(0.5,) * 3, std=(0.25,) * 3, device=device
    )


@pytest.mark.gpu
def test_schedule_equals_sequential_on_a_gpu():
    require_gpu()
    from vidlab.pipeline.networks import timed_network
    from vidlab.profiling import Timeline
    from vidlab.profiling.events import cuda_spans

    rng = np.random.default_rng(0)
    source = [rng.integers(0, 256, (count, 120, 160, 3), np.uint8) for count in (4, 4, 4, 4, 2)]
    network, prepare = timed_network("lraspp_mobilenet_v3_large", device="cuda"), prepared("device", "cuda")
    expected = [network.to_labels(network(prepare(list(batch)))) for batch in source]
    timeline = Timeline()
    results = double_buffered(
        source,
        device_work(prepare, network),
        n_buffers=2,
        cuda=TorchCuda("cuda"),
        spans=cuda_spans(timeline, device="cuda"),
    )
    for result, right in zip(results, expected, strict=True):
        assert np.mean(result == right) > 0.999  # kernels may be chosen anew for another call
    spans = timeline.spans
    assert sorted({span.stage for span in spans}) == ["copy", "infer", "return"]
    assert len(spans) == 3 * len(source)
    assert all(span.elapsed_s >= 0 for span in spans)
