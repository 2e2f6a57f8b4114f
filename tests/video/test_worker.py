"""A decoder that hangs or dies costs no frame, and nothing of it is left."""

import gc
import os
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from fake_decoders import INFO, N_FRAMES, fake_frame, good, open_never, wrong_at

from vidlab.errors import ParameterError, VideoError
from vidlab.params import DecodingParams
from vidlab.video.worker import IsolatedReader

# The process has to start and import; a test waits this long only where something is broken.
RULES = DecodingParams(start_s=30, deadline_s=0.7, slots=3)


def isolated(*openers, rules=RULES):
    return IsolatedReader(
        "fake.mp4", openers={f"number_{k}": opener for k, opener in enumerate(openers)}, rules=rules
    )


def children():
    """Processes started from here that still exist, zombies included."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue
        if lines.get("PPid") == str(os.getpid()):
            found.append(int(lines["Pid"]))
    return found


def shared_memory():
    """Blocks of the ring that are still open or mapped here; without a name, none can outlive its users."""
    opened = []
    for link in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # that of the listing itself is gone
            opened.append(os.readlink(f"/proc/self/fd/{link}"))
    mapped = Path("/proc/self/maps").read_text().splitlines()
    return [each for each in [*opened, *mapped] if "memfd:frames" in each]


def assert_all_frames(frames, positions=range(N_FRAMES)):
    assert [frame.index for frame in frames] == list(positions)
    for frame in frames:
        expected = fake_frame(frame.index)
        assert frame.pts_s == expected.pts_s
        assert (frame.image == expected.image).all()


@pytest.fixture(autouse=True)
def _nothing_left_behind():
    before = set(children())
    yield
    gc.collect()
    assert set(children()) <= before
    assert shared_memory() == []


def test_frames_come_through_unchanged_in_every_loop():
    reader = isolated(good())
    assert (reader.info, len(reader), reader.backend) == (INFO, N_FRAMES, "number_0")
    for _ in range(2):
        assert_all_frames(list(reader))
        assert reader.losses == ()


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("act", "position"),
    [
        ("hold", 5), ("crash", 5), ("fail", 0),
        *(pytest.param(*each, marks=SLOW) for each in [("sleep", 5), ("exit", 5), ("hold", 0), ("crash", 0)]),
    ],
)  # fmt: skip
def test_no_frame_is_lost_or_doubled_when_a_backend_fails(act, position):
    reader = isolated(wrong_at(position, act), good(), rules=RULES.model_copy(update={"start_s": 4.0}))
    assert_all_frames(list(reader))
    (loss,) = reader.losses
    told = {
        "sleep": "no sign of life", "hold": "no sign of life", "exit": "exit code 7", "crash": "SIGSEGV",
        "fail": "beyond me",
    }  # fmt: skip
    assert told[act] in loss
    assert f"after {position} frames; number_1 took over" in loss
    assert reader.backend == "number_1"


@pytest.mark.slow
def test_a_backend_that_was_given_up_is_not_asked_again_and_not_forgotten():
    reader = isolated(wrong_at(3, "exit"), good())
    for _ in range(2):
        assert_all_frames(list(reader))
        assert "took over" in reader.losses[0]


@pytest.mark.slow
def test_three_backends_share_one_video():
    reader = isolated(wrong_at(2, "exit"), wrong_at(7, "crash"), good())
    assert_all_frames(list(reader))
    assert [loss.split("; ")[1] for loss in reader.losses] == ["number_1 took over", "number_2 took over"]


def test_chosen_frames_survive_a_crash():
    reader = isolated(wrong_at(9, "crash"), good())
    assert_all_frames(reader.frames_at([11, 2, 9, 2]), [11, 2, 9, 2])
    reader = isolated(wrong_at(6, "crash"), good())
    assert_all_frames(list(reader.iter_range(4, 9)), range(4, 9))


@pytest.mark.parametrize("act", ["exit", pytest.param("hold", marks=SLOW)])
def test_a_backend_that_fails_over_opening_is_replaced(act):
    rules = RULES.model_copy(update={"start_s": 4.0})
    reader = isolated(partial(open_never, act=act), good(), rules=rules)
    assert reader.backend == "number_1"
    assert_all_frames(list(reader))
    assert "over opening the file; number_1 took over" in reader.losses[0]


def test_what_a_backend_says_against_the_file_is_raised():
    with pytest.raises(VideoError, match=r"fake\.mp4 is beyond me"):
        isolated(partial(open_never, act="fail"), good())


def test_the_last_backend_that_fails_ends_the_reading():
    reader = isolated(wrong_at(4, "exit"))
    frames = []
    with pytest.raises(VideoError, match=r"number_0 must be able to read fake\.mp4, .*exit code 7 after 4"):
        frames.extend(frame.index for frame in reader)
    reader = isolated(wrong_at(4, "exit"))
    frames = iter(reader)
    assert_all_frames([next(frames) for _ in range(4)], range(4))


def test_frames_that_were_sent_before_the_end_arrive():
    """The process runs ahead as far as there are slots, and is gone before the first frame is asked for."""
    reader = isolated(wrong_at(4, "exit"))
    frames = iter(reader)
    first = next(frames)
    time.sleep(0.5)
    assert_all_frames([first, *(next(frames) for _ in range(3))], range(4))


def test_losses_of_the_decoder_arrive():
    reader = isolated(wrong_at(-1, "tell a loss"))
    assert_all_frames(list(reader))
    assert reader.losses == ("a loss of its own",)


def test_a_slow_consumer_is_no_hang():
    reader = isolated(good(), rules=RULES.model_copy(update={"slots": 1}))
    frames = []
    for frame in reader:
        frames.append(frame)
        if frame.index == 2:
            time.sleep(1.5 * RULES.deadline_s)
    assert_all_frames(frames)
    assert reader.losses == ()


def test_a_loop_left_early_ends_its_process_and_the_next_starts_anew():
    others = set(children())
    reader = isolated(good())
    for frame in reader:
        if frame.index == 3:
            break
    gc.collect()
    assert set(children()) <= others
    assert_all_frames(list(reader))


def test_a_consumer_that_raises_leaves_nothing():
    with pytest.raises(ZeroDivisionError):
        list(map(lambda frame: 1 / (frame.index - 2), isolated(good())))  # noqa: C417


@pytest.mark.slow
def test_two_loops_at_once_have_a_process_each():
    reader = isolated(good())
    pairs = list(zip(reader, reader, strict=True))
    assert_all_frames([first for first, _ in pairs])
    assert_all_frames([second for _, second in pairs])


def test_frames_outside_the_file_are_refused():
    reader = isolated(good())
    with pytest.raises(ParameterError, match=r"frames must lie in \[0, 12\) of fake.mp4, got 12"):
        reader.frames_at([12])
    with pytest.raises(ParameterError, match=r"a range must lie in \[0, 12\]"):
        reader.iter_range(5, 13)


@pytest.mark.slow
def test_a_hung_process_ends_even_if_its_parent_was_killed(tmp_path):
    """The parent dies without a word while native code holds the child's interpreter."""
    script = f"""
        import os, signal, sys, threading
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from fake_decoders import wrong_at
        from vidlab.params import DecodingParams
        from vidlab.video.worker import IsolatedReader
        rules = DecodingParams(start_s=4, deadline_s=4)
        reader = IsolatedReader("fake.mp4", openers={{"hangs": wrong_at(1, "hold")}}, rules=rules)
        print(reader._idle[0]._process.pid, flush=True)
        threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
        list(reader)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True, timeout=60
    )
    pid = int(run.stdout)
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    pytest.fail("the hung process outlived its parent")
