"""The verdict against two simulators that share no code with it, on pipelines of known cost."""

from dataclasses import replace

import numpy as np
import pytest
from reference_line import finish_s, tick_s

from vidlab.errors import ParameterError
from vidlab.profiling.overlap import StageCost, overlapped_s, sequential_s
from vidlab.profiling.verdict import judge, limits

N_PIPELINES = 100
N_ITEMS = 50
TICK_S = 0.03  # where the tightest limit of each random pipeline is 1 s per item
NUDGE = 0.8


def cost(name: str, *samples_s: float, cores: float = 1.0, device: str = "cpu") -> StageCost:
    return StageCost(name, samples_s, cores=cores, device=device)


# ── worked by hand ──────────────────────────────────────────────────────────────────────────────────────────
def test_overlap_takes_the_slowest_stage_and_the_filling_and_draining():
    stages = [cost("decode", 1.0), cost("preprocess", 2.0), cost("infer", 5.0)]
    assert sequential_s(stages, n_items=10) == 80.0
    assert overlapped_s(stages, n_items=10, queue_size=1, n_cores=3) == pytest.approx(1 + 2 + 10 * 5)
    verdict = judge(stages, n_items=10, queue_size=1, n_cores=3)
    assert verdict.bottleneck == "infer"
    assert verdict.limits[0].name == "infer"
    assert verdict.largest_speedup == pytest.approx(8 / 5)
    assert verdict.predicted_speedup == pytest.approx(80 / 53)
    assert verdict.lines()[0].startswith("infer bounds the pipeline: it takes 5,000 ms per item; stage after")
    assert "1.60 times as fast at most" in verdict.lines()[1]
    assert "should be 1.51 times" in verdict.lines()[1]


def test_one_core_cannot_do_two_things():
    stages = [cost("decode", 1.0), cost("infer", 3.0)]
    verdict = judge(stages, n_items=20, queue_size=2, n_cores=1)
    assert verdict.limits[0].name == "the 1 core"
    assert verdict.largest_speedup == pytest.approx(1.0)
    assert verdict.predicted_speedup == pytest.approx(1.0)
    assert verdict.bottleneck == "infer"


def test_stages_that_wait_for_a_disk_need_no_core():
    stages = [cost("decode", 2.0, cores=0.0), cost("infer", 2.0)]
    assert judge(stages, n_items=100, queue_size=2, n_cores=1).predicted_speedup == pytest.approx(400 / 202)


def test_stages_of_one_gpu_share_it():
    stages = [cost("preprocess", 1.0, cores=0.1, device="cuda"), cost("infer", 3.0, cores=0.1, device="cuda")]
    verdict = judge(stages, n_items=30, queue_size=2, n_cores=8)
    assert verdict.limits[0].name == "cuda"
    assert verdict.limits[0].item_s == pytest.approx(4.0)
    assert verdict.predicted_speedup == pytest.approx(1.0)


def test_a_longer_queue_evens_out_stages_of_varying_length():
    stages = [cost("decode", 1.0, 9.0), cost("infer", 9.0, 1.0)]
    short, long = (overlapped_s(stages, n_items=200, queue_size=size, n_cores=2) for size in (1, 8))
    assert long <= short
    assert long == pytest.approx(200 * 5, rel=0.02)


def test_all_cores_of_a_parallel_stage_count():
    stages = [cost("decode", 1.0, cores=1.0), cost("infer", 2.0, cores=2.0)]
    (tightest, *_) = limits(stages, n_cores=2)
    assert tightest.item_s == pytest.approx(2.5)
    assert judge(stages, n_items=100, queue_size=4, n_cores=2).predicted_speedup == pytest.approx(
        1.2, rel=0.02
    )


def test_stages_of_one_thread_do_not_overlap():
    infer, finish = cost("infer", 3.0), replace(cost("finish", 1.0, 3.0), joins=True)
    stages = [cost("decode", 2.0), infer, finish]
    verdict = judge(stages, n_items=100, queue_size=2, n_cores=4)
    assert verdict.overlapped_s == pytest.approx(2 + 100 * (3 + 2))
    assert verdict.largest_speedup == pytest.approx(7 / 5)
    assert verdict.bottleneck == "infer"
    assert "infer, finish share one thread, which takes 5,000 ms per item" in verdict.lines()[0]


def test_a_first_stage_has_no_thread_to_join():
    stages = [replace(cost("decode", 2.0), joins=True), cost("infer", 2.0)]
    assert judge(stages, n_items=100, queue_size=2, n_cores=2).overlapped_s == pytest.approx(202)


@pytest.mark.parametrize(
    "wrong", [{"n_items": 0}, {"queue_size": 0}, {"n_cores": 0.0}, {"stages": []}], ids=str
)
def test_empty_pipelines_are_errors(wrong):
    right = {"stages": [cost("infer", 1.0)], "n_items": 3, "queue_size": 1, "n_cores": 2.0}
    given = {**right, **wrong}
    with pytest.raises(ParameterError, match="needs stages, items, queues and cores, got"):
        overlapped_s(given.pop("stages"), **given)


@pytest.mark.parametrize("wrong", [(), (-1.0,)])
def test_costs_must_be_there_and_not_negative(wrong):
    with pytest.raises(ParameterError, match="stage 'infer' must have costs of 0 or more"):
        cost("infer", *wrong)


def test_no_schedule_beats_the_limits():
    rng = np.random.default_rng(1)
    for _ in range(50):
        stages = [cost(str(n), *rng.gamma(2, size=20), cores=rng.uniform(0, 2)) for n in range(3)]
        verdict = judge(stages, n_items=40, queue_size=3, n_cores=2)
        assert verdict.overlapped_s >= 40 * verdict.limits[0].item_s - 1e-9
        assert verdict.predicted_speedup <= verdict.largest_speedup + 1e-9


# ── against the recursion of tandem queues: exact where nothing is shared ───────────────────────────────────
def test_prediction_is_exact_where_stages_share_nothing():
    rng = np.random.default_rng(2)
    for _ in range(150):
        n_stages, n_items, queue_size = rng.integers(1, 6), rng.integers(1, 60), int(rng.integers(1, 6))
        costs = rng.gamma(rng.uniform(0.5, 20), size=(n_stages, n_items)) * rng.lognormal(size=(n_stages, 1))
        costs[0] *= rng.random() > 0.1  # a source that costs nothing
        stages = [cost(str(place), *samples) for place, samples in enumerate(costs)]
        predicted = overlapped_s(stages, n_items=int(n_items), queue_size=queue_size, n_cores=n_stages)
        assert predicted == pytest.approx(finish_s(costs, queue_size=queue_size), abs=1e-9)


# ── against steps of time: random pipelines that share cores and devices ────────────────────────────────────
class RandomPipelines:
    """P pipelines of 2 to 4 stages; shorter ones end in stages that cost nothing."""

    def __init__(self, *, seed: int, variation: float) -> None:
        rng = np.random.default_rng(seed)
        shape = (N_PIPELINES, 4)
        self.n_cores = rng.choice([1.0, 2.0, 4.0, 8.0], N_PIPELINES)
        self.cores = np.minimum(rng.choice([0.1, 0.5, 1.0, 1.0, 1.7, 2.0, 3.0], shape), self.n_cores[:, None])
        self.device = rng.choice([0, 0, 0, 1], shape)
        self.queue_size = rng.integers(1, 6, N_PIPELINES)
        n_stages = rng.integers(2, 5, N_PIPELINES)
        self.means = rng.lognormal(0, 1, shape) * (np.arange(4) < n_stages[:, None])
        self.means /= self._tightest()[:, None]
        self._shape = variation**-2
        self._rng = rng

    def draw(self) -> np.ndarray:
        """Costs of another run of the same pipelines."""
        noise = self._rng.gamma(self._shape, 1 / self._shape, (*self.means.shape, N_ITEMS))
        return self.means[:, :, None] * noise

    def reached_s(self, costs: np.ndarray) -> np.ndarray:
        """How long the simulated pipelines take."""
        return tick_s(
            costs, cores=self.cores, device=self.device, n_cores=self.n_cores,
            queue_size=self.queue_size, tick_s=TICK_S,
        )  # fmt: skip

    def verdicts(self, costs: np.ndarray) -> list:
        """What the package says of them."""
        return [
            judge(
                [
                    cost(
                        str(n),
                        *costs[p, n],
                        cores=self.cores[p, n],
                        device="gpu" * self.device[p, n] or "cpu",
                    )
                    for n in range(4)
                ],
                n_items=N_ITEMS,
                queue_size=int(self.queue_size[p]),
                n_cores=float(self.n_cores[p]),
            )
            for p in range(N_PIPELINES)
        ]

    def _tightest(self) -> np.ndarray:
        on_cores = (self.means * self.cores).sum(1) / self.n_cores
        on_device = (self.means * (self.device > 0)).sum(1)
        return np.maximum.reduce([self.means.max(1), on_cores, on_device])


def predicted_s(pipelines: RandomPipelines, costs: np.ndarray) -> np.ndarray:
    return np.array([verdict.overlapped_s for verdict in pipelines.verdicts(costs)])


def test_prediction_is_within_10_percent_of_what_is_reached_on_every_pipeline_of_known_cost():
    pipelines = RandomPipelines(seed=3, variation=0.3)
    costs = pipelines.draw()
    error = predicted_s(pipelines, costs) / pipelines.reached_s(costs) - 1
    assert np.abs(error).max() <= 0.10
    assert abs(error.mean()) <= 0.01


def test_prediction_from_one_run_holds_for_another_run():
    # Two runs of 50 items differ by chance: at a variation of 0.15 by 3 % (one standard deviation).
    pipelines = RandomPipelines(seed=5, variation=0.15)
    error = predicted_s(pipelines, pipelines.draw()) / pipelines.reached_s(pipelines.draw()) - 1
    assert np.mean(np.abs(error) <= 0.10) >= 0.98, np.sort(np.abs(error))[-5:]
    assert abs(error.mean()) <= 0.02


def test_bottleneck_is_the_stage_whose_acceleration_speeds_up_the_whole_most():
    pipelines = RandomPipelines(seed=4, variation=0.3)
    costs = pipelines.draw()
    verdicts = pipelines.verdicts(costs)
    before_s = pipelines.reached_s(costs)
    gains = []
    for place in range(4):
        faster = costs.copy()
        faster[:, place] *= NUDGE
        gains.append(before_s / pipelines.reached_s(faster) - 1)
    gains = np.stack(gains, axis=1)
    named = np.array([int(verdict.bottleneck) for verdict in verdicts])
    lost = gains.max(1) - gains[np.arange(N_PIPELINES), named]
    assert np.mean(lost <= 0.02) >= 0.98, np.sort(lost)[-5:]
