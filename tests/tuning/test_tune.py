"""Tuning from end to end, on clips whose best parameters are known."""

import sys

import pytest
from drawn_clips import DrawnClip, hill

from vidlab.errors import MissingExtraError, OutputError, ParameterError, SourceError
from vidlab.params import EvaluateParams, FlowFusionTwoPassParams, TuneParams, method_model
from vidlab.tuning import tune
from vidlab.tuning.wording import difference, rows, sentences

pytest.importorskip("optuna", reason="tuning needs the extra vidlab[tuning]")

QUICK = TuneParams(trials=25, workers=1)
DEFAULT = FlowFusionTwoPassParams()


class Watched:
    """Remembers what the watchers of all searches were told."""

    def __init__(self) -> None:
        self.told: dict[str, list[tuple[int, int, float]]] = {}

    def __call__(self, title: str):
        return lambda *facts: self.told.setdefault(title, []).append(facts)


# ── what is found ───────────────────────────────────────────────────────────────────────────────────────────
def test_better_parameters_are_found_within_sixty_trials_and_the_gain_is_that_of_the_other_half():
    clip = DrawnClip(hill(0.6), noise=0.01)
    tuned = tune({"dog": clip}, names=["memory"], params=TuneParams(trials=60, workers=1))
    assert abs(tuned.point.params.memory - 0.6) < 0.03
    assert tuned.on_tuned.is_better
    assert tuned.held_out.is_better
    assert tuned.held_out.base.keys() == {"dog, second half"}
    assert tuned.held_out.quality.mean == pytest.approx(0.2, abs=0.03)  # 0.8 · |0.85 − 0.6|
    assert difference(tuned) == f"memory {tuned.point.params.memory:g}"
    assert len(tuned.found.trials) == 60


def test_the_defaults_are_the_first_trial():
    clip = DrawnClip(hill(0.6))
    tuned = tune({"dog": clip}, params=QUICK)
    first = clip.parts[0, 12].tried[0]
    assert first == DEFAULT
    assert tuned.found.base.number == 0
    assert tuned.found.base.point.params == DEFAULT


def test_the_second_half_is_not_looked_at_before_the_choice():
    clip = DrawnClip(hill(0.6))
    tuned = tune({"dog": clip}, names=["memory"], params=QUICK)
    assert clip.parts[12, 24].tried == [DEFAULT, tuned.point.params]
    assert clip.tried == []


def test_where_parameters_do_not_matter_the_defaults_stay():
    clip = DrawnClip(lambda params: 0.8, noise=0.05)
    tuned = tune({"dog": clip}, params=TuneParams(trials=8, workers=1))
    assert tuned.point == tuned.found.base.point
    assert tuned.point.params == DEFAULT
    text = " ".join(sentences(tuned))
    assert "nothing better than the defaults was found: the best of 8 trials gains headline" in text
    assert "held out: nothing changes, the defaults were chosen" in text
    assert difference(tuned) == "the defaults"


def test_a_gain_that_only_the_tuned_half_has_is_not_called_one():
    clip = DrawnClip(hill(0.6))
    clip.part = lambda start, stop: DrawnClip(hill(0.6 if start == 0 else 0.95), n_frames=stop - start)
    tuned = tune({"dog": clip}, names=["memory"], params=QUICK)
    assert tuned.on_tuned.is_better
    assert tuned.held_out.is_worse
    assert "a loss; keep the defaults" in " ".join(sentences(tuned))


def test_the_best_never_falls_below_the_defaults():
    watched = Watched()
    tune({"dog": DrawnClip(hill(0.85))}, params=QUICK, watching=watched)
    ((_, told),) = watched.told.items()
    best = [score for _, _, score in told[1:]]
    assert best == sorted(best)
    assert [done for done, _, _ in told] == list(range(26))
    tuned = tune({"dog": DrawnClip(hill(0.85))}, params=QUICK)
    assert tuned.point.params == DEFAULT


# ── several clips ───────────────────────────────────────────────────────────────────────────────────────────
def test_each_clip_is_left_out_of_a_search_of_its_own():
    clips = {name: DrawnClip(hill(peak)) for name, peak in (("a", 0.6), ("b", 0.62), ("c", 0.64))}
    watched = Watched()
    seen: dict[str, dict[str, int]] = {}

    def watching(title: str):
        tell = watched(title)

        def watch(done: int, total: int, best: float) -> None:
            seen.setdefault(title, {name: len(clip.tried) for name, clip in clips.items()})
            tell(done, total, best)

        return watch

    tuned = tune(clips, names=["memory"], params=QUICK, watching=watching)
    titles = ["without a (1 of 4)", "without b (2 of 4)", "without c (3 of 4)", "all clips (4 of 4)"]
    assert list(watched.told) == titles
    before, after = seen[titles[0]], seen[titles[1]]
    assert after["a"] - before["a"] <= 2  # the defaults and the choice, once the search without it was over
    assert after["b"] - before["b"] >= 20
    assert tuned.held_out.base.keys() == tuned.folds.keys() == clips.keys()
    assert tuned.held_out.is_better
    assert len(rows(tuned)) == 3
    assert all(abs(point.params.memory - 0.62) < 0.06 for point in tuned.folds.values())


def test_the_choice_for_a_clip_does_not_depend_on_that_clip():
    def folds_with(peak: float):
        clips = {"a": DrawnClip(hill(peak)), "b": DrawnClip(hill(0.6)), "c": DrawnClip(hill(0.65))}
        return tune(clips, names=["memory"], params=QUICK).folds

    assert folds_with(0.5)["a"] == folds_with(0.9)["a"]
    assert folds_with(0.5)["b"] != folds_with(0.9)["b"]


# ── several methods ─────────────────────────────────────────────────────────────────────────────────────────
def test_methods_compete_and_delay_is_a_third_aim():
    quality = {"median": 0.9, "exponential": 0.7, "flow_fusion_two_pass": 0.8}
    names = {method_model(name): name for name in quality}
    clip = DrawnClip(lambda params: quality[names[type(params)]])
    tuned = tune({"dog": clip}, methods=list(quality), params=QUICK)
    assert tuned.point.method == "median"
    assert tuned.found.base.point.method == "flow_fusion_two_pass"
    delays = {trial.point.method: trial.delay for trial in tuned.found.front}
    assert delays["exponential"] == 0  # nobody is earlier
    assert "median" in delays
    assert "flow_fusion_two_pass" not in delays  # later than the median, and worse


# ── without truth ───────────────────────────────────────────────────────────────────────────────────────────
def test_without_truth_the_proxy_decides_and_its_worth_is_said():
    tuned = tune({"dog": DrawnClip(hill(0.6), truth=False)}, names=["memory"], params=QUICK)
    assert tuned.by == "proxy"
    assert abs(tuned.point.params.memory - 0.6) < 0.05
    assert (
        "rank correlation with J & F is 0.89 on 10 real clips and 0.86 on 39 drawn ones"
        in sentences(tuned)[-1]
    )


def test_one_clip_without_truth_leaves_all_to_the_proxy():
    clips = {"a": DrawnClip(hill(0.6)), "b": DrawnClip(hill(0.6), truth=False)}
    assert tune(clips, names=["memory"], params=TuneParams(trials=3, workers=1)).by == "proxy"


# ── budget, seeds, storage ──────────────────────────────────────────────────────────────────────────────────
def test_one_worker_gives_the_same_search_every_time():
    tried = [tune({"dog": DrawnClip(hill(0.6))}, params=QUICK).found.trials for _ in range(2)]
    assert tried[0] == tried[1]
    other = tune({"dog": DrawnClip(hill(0.6))}, params=QUICK.model_copy(update={"seed": 1})).found.trials
    assert other != tried[0]


@pytest.mark.parametrize("workers", [2, 5])
def test_several_workers_keep_the_budget(workers):
    params = TuneParams(trials=17, workers=workers)
    tuned = tune({"dog": DrawnClip(hill(0.6))}, params=params)
    assert len(tuned.found.trials) == 17
    assert tuned.found.trials[0].point.params == DEFAULT


def test_time_that_is_up_ends_a_search_after_the_defaults():
    params = TuneParams(trials=1000, minutes=1e-9, workers=1)
    tuned = tune({"dog": DrawnClip(hill(0.6))}, params=params)
    assert [trial.point.params for trial in tuned.found.trials] == [DEFAULT]


class KilledError(RuntimeError):
    """Stands in for what ends a process."""


def test_a_search_that_was_cut_off_goes_on_and_loses_nothing(tmp_path):
    clip, limit = DrawnClip(hill(0.6)), 9

    def dies(params):
        if len(first.tried) >= limit:
            raise KilledError
        return hill(0.6)(params)

    first = DrawnClip(dies, n_frames=12)
    clip.part = lambda start, stop: first if start == 0 else DrawnClip(hill(0.6), n_frames=12)
    settings = {"names": ["memory"], "params": QUICK, "storage": tmp_path / "study.db"}
    with pytest.raises(KilledError):
        tune({"dog": clip}, **settings)
    before = list(first.tried[:-1])  # the last one was not finished
    limit = 1000
    watched = Watched()
    tuned = tune({"dog": clip}, **settings, watching=watched)
    ((_, told),) = watched.told.items()
    assert told[0][0] == len(before) == 8
    assert [trial.point.params for trial in tuned.found.trials][: len(before)] == before
    assert len(tuned.found.trials) == QUICK.trials
    unfinished = first.tried[len(before)]
    assert unfinished in [trial.point.params for trial in tuned.found.trials]  # tried again
    again = len(first.tried)
    finished = tune({"dog": clip}, **settings)
    assert finished.found == tuned.found
    assert len(first.tried) - again <= 2  # only defaults and choice, for the intervals


def test_a_damaged_storage_is_told_in_one_line(tmp_path):
    (tmp_path / "study.db").write_bytes(b"no database" * 100)
    with pytest.raises(OutputError, match=r"study\.db cannot be gone on with"):
        tune({"dog": DrawnClip(hill(0.6))}, params=QUICK, storage=tmp_path / "study.db")


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────────
def test_a_clip_too_short_for_halves_is_refused():
    with pytest.raises(
        SourceError, match="must hold at least 8 frames, half of them to be held out, got 7 in dog"
    ):
        tune({"dog": DrawnClip(hill(0.6), n_frames=7)}, params=QUICK)


def test_no_clip_is_refused():
    with pytest.raises(ParameterError, match="at least one clip, got none"):
        tune({})


def test_a_missing_optuna_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(
        MissingExtraError, match=r"tuning needs extra packages; run: pip install 'vidlab\[tuning\]'"
    ):
        tune({"dog": DrawnClip(hill(0.6))}, params=QUICK)


def test_intervals_are_drawn_as_the_judge_says():
    clip = {"dog": DrawnClip(hill(0.6), noise=0.05)}
    settings = {"names": ["memory"], "params": QUICK}
    one, same, other = (
        tune(clip, **settings, judge=EvaluateParams(seed=seed)).held_out for seed in (0, 0, 7)
    )
    assert one.score == same.score
    assert one.score.mean == other.score.mean
    assert one.score.low != other.score.low
