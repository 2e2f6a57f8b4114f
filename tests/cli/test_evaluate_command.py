"""`vidlab evaluate` on tiny clips: tables, words, JSON, folders and exit codes."""

import json

import numpy as np
import pytest
from tiny_clip import N_FRAMES, make_clip, true_mask

from vidlab import cli
from vidlab.masks.png import write_labels_png

QUICK = ("--davis-t", "no", "--resamples", "200")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


def run(capsys, *words: object) -> tuple[int, str, str]:
    code = cli.main(["evaluate", *(str(word) for word in words), *QUICK])
    got = capsys.readouterr()
    return code, got.out, got.err


def row(text: str, label: str) -> list[str]:
    """The cells after a label that begins a row of a table."""
    (line,) = [line for line in text.splitlines() if line.strip().startswith(label)]
    return line.strip().removeprefix(label).split()


def test_a_table_in_sections_and_words(capsys, clip):
    code, out, err = run(capsys, "--masks", clip.masks, "--truth", clip.truth, "--video", clip.video)
    assert (code, err) == (0, "")
    assert f"{clip.masks}, 12 frames" in out
    titles = ("what masks are ranked by", "accuracy, against the truth", "flicker, judged by farneback flow",
              "published temporal metrics", "simple ones, blind to motion", "objects over time")  # fmt: skip
    places = [out.index(title) for title in titles]
    assert places == sorted(places)
    assert row(out, "region J ↑") == ["0.8333"]
    assert row(out, "excess flicker, beyond the truth's ↓")[1] == "0.0000"
    assert "temporal stability T" not in out
    assert "in words\n- flickers: " in out


def test_the_judge_can_be_chosen(capsys, clip):
    words = ("--masks", clip.masks, "--truth", clip.truth, "--video", clip.video, "--judge-flow", "dis")
    assert "flicker, judged by dis flow" in run(capsys, *words)[1]


def test_masks_are_enough(capsys, clip):
    code, out, _ = run(capsys, "--masks", clip.masks)
    assert code == 0
    assert "without truth nobody knows whether the masks are right" in out
    assert "accuracy" not in out
    assert "truth" not in out.splitlines()[1]  # no column for it
    measured = json.loads(run(capsys, "--masks", clip.truth, "--json")[1])
    assert measured["j_mean"] is None
    assert measured["instability"] == pytest.approx(1 - 22 / 26)


def test_json_holds_everything(capsys, clip):
    words = ("--masks", clip.masks, "--truth", clip.truth, "--video", clip.video, "--json")
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    measured = json.loads(out)
    assert measured["n_frames"] == N_FRAMES
    assert measured["j_mean"] == pytest.approx(10 / 12)
    assert measured["consistency_mean"] is not None
    assert measured["curves"]["consistency"][0] is None
    assert measured["truth_summary"]["j_mean"] == 1
    assert measured["params"]["davis_t"] is False


def test_two_results_are_compared(capsys, clip):
    words = ("--masks", clip.truth, "--against", clip.masks, "--truth", clip.truth, "--video", clip.video)
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert row(out, "region J ↑") == ["1.0000", "0.8333", "+0.1667"]
    assert row(out, "truth: region J ↑")[-1] == str(N_FRAMES)
    assert "mean difference per frame" in out
    assert "the difference in words\n- better: the headline goes from" in out


def test_a_folder_is_written_aside_and_not_replaced_unasked(capsys, clip, tmp_path):
    words = ("--masks", clip.masks, "--truth", clip.truth, "--video", clip.video, "--out", tmp_path / "out")
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert out.rstrip().endswith(f"results  {tmp_path / 'out'}")
    said = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert said["command"][:2] == ["vidlab", "evaluate"]
    assert run(capsys, *words)[0] == 1
    assert run(capsys, *words, "--force")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.fixture
def many(clip, tmp_path):
    for side, path in (("results", clip.masks), ("rival", clip.truth), ("truths", clip.truth)):
        (tmp_path / side).mkdir()
        for name in ("a", "b"):
            (tmp_path / side / name).symlink_to(path)
    return tmp_path


def test_many_clips_have_a_row_each_and_a_mean(capsys, many):
    words = ("--masks", many / "results", "--truth", many / "truths")
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    assert row(out, "a ")[0] == "12"
    assert row(out, "mean of 2")[0] == "24"
    code, out, _ = run(capsys, *words, "--against", many / "rival", "--out", many / "out")
    assert code == 0
    assert "(-0.1667)" in out
    assert "mean difference over clips" in out
    assert "so few clips promise too much" in out
    assert sorted(path.name for path in (many / "out").iterdir()) == ["a", "b", "metrics.json"]


def test_a_bad_clip_is_one_line_and_exit_code_1(capsys, many):
    (many / "truths" / "b").unlink()
    (many / "truths" / "b").mkdir()
    (many / "rival" / "c").symlink_to(many / "rival" / "a")
    words = ("--masks", many / "results", "--truth", many / "truths", "--against", many / "rival")
    code, out, err = run(capsys, *words)
    assert code == 1
    assert row(out, "mean of 1")[0] == "12"
    first, second = err.splitlines()
    assert first.startswith("vidlab: clip b: ")
    assert second.startswith("vidlab: clip c: every clip must have masks, got no folder")
    code, out, err = run(capsys, *words, "--json")
    assert code == 1
    assert set(json.loads(out)["failures"]) == {"b", "c"}
    assert err.count("\n") == 2


def test_nothing_but_bad_clips_prints_no_table(capsys, many):
    code, out, err = run(capsys, "--masks", many / "results", "--truth", many / "rival" / "a")
    assert code == 1
    assert out == ""
    assert err.count("\n") == 2


def test_labels_show_each_class(capsys, clip, tmp_path):
    for side, missed in (("truth", ()), ("masks", (4,))):
        (tmp_path / side).mkdir()
        for index in range(N_FRAMES):
            labels = np.where(true_mask(index) & (index not in missed), 18, 0).astype(np.uint8)
            write_labels_png(tmp_path / side / f"{index:05d}.png", labels)
    words = ("--labels", "--masks", tmp_path / "masks", "--truth", tmp_path / "truth", "--video", clip.video)
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    assert row(out, "18 class 18") == ["0.9167"]
    assert row(out, "TC, classes along the flow ↑")
    compared = run(capsys, *words, "--against", tmp_path / "truth")[1]
    assert row(compared, "18 class 18") == ["0.9167", "1.0000", "-0.0833"]
    assert row(compared, "truth: mIoU ↑")[-1] == str(N_FRAMES)
    assert json.loads(run(capsys, *words, "--json")[1])["iou"]["18"] == pytest.approx(11 / 12)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--masks", "none"), "none"),
        (("--masks", "{masks}", "--truth", "none"), "none"),
        (("--masks", "{masks}", "--video", "none"), "none"),
        (("--masks", "{masks}", "--against", "none"), "none"),
        (("--masks", "{masks}", "--labels", "--truth", "{empty}"), "must hold PNGs, one per frame, got none"),
        (("--masks", "{masks}", "--out", "{masks}"), "must not touch what is read"),
    ],
)
def test_trouble_is_one_sentence(capsys, clip, tmp_path, words, sentence):
    code, out, err = run(capsys, *(word.format(masks=clip.masks, empty=tmp_path) for word in words))
    assert (code, out) == (1, "")
    assert err.startswith("vidlab: ")
    assert sentence in err
    assert err.count("\n") == 1
