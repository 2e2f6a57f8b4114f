"""The button "tune for me" on the sample scene: it searches, says what it is worth, and can be stopped."""

import pytest
from conftest import ROOT

from vidlab.jobs.reading import MaskFile
from vidlab.jobs.rehearsal import Rehearsal
from vidlab.jobs.rehearsal_telling import StoppedError
from vidlab.params import FlowFusionParams, PanelParams, SourceParams
from vidlab.viz.widgets.stoppable import Stoppable
from vidlab.viz.widgets.tune_for_me import TuneForMe

pytest.importorskip("optuna")
SAMPLE = ROOT / "data" / "sample"
SHORT = PanelParams(tune_trials=3)


@pytest.fixture(scope="module")
def clip() -> Rehearsal:
    return Rehearsal.open(
        SAMPLE / "video.mp4",
        masks_from=MaskFile(SAMPLE / "detections.json"),
        class_ids=(18,),
        truth=SAMPLE / "truth",
        source=SourceParams(max_frames=16),
        scale=0.5,
        memory_mb=200,
    )


def test_search_tells_every_trial_and_what_it_is_worth(clip: Rehearsal) -> None:
    told: list[str] = []
    found = TuneForMe(SHORT)(Stoppable(clip, stop=lambda: False, tell=told.append), "flow_fusion")
    assert isinstance(found, FlowFusionParams)
    assert [words.split()[1] for words in told[:-1]] == ["0", "1", "2", "3"]
    assert told[-1].startswith("tuned: ")
    assert (found == FlowFusionParams()) == ("nothing better" in told[-1])


def test_search_ends_when_the_clip_is_taken_away(clip: Rehearsal) -> None:
    told: list[str] = []
    with pytest.raises(StoppedError):
        TuneForMe(SHORT)(Stoppable(clip, stop=lambda: len(told) >= 2, tell=told.append), "flow_fusion")
    assert len(told) == 2
