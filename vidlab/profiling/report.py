"""What a pipeline's timings say: stage by stage, and never the model without the whole."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from vidlab.errors import ParameterError
from vidlab.profiling.clock import Timing, in_ms
from vidlab.profiling.timeline import Span


@dataclass(frozen=True, slots=True)
class SpeedReport:
    """How fast the model is and how fast the whole is; there is no way to print one of them alone.

    A model's own rate is what papers print and what no user ever sees: decoding, preprocessing and copies
    come on top. So this says both in one sentence, or nothing.

    Attributes:
        model: Time of the network alone for one item, synchronized.
        n_frames: Frames that the whole was timed over, after its warm-up.
        end_to_end_s: Seconds that the whole took for them, from file to result.
        item_frames: Frames in one item.
        device: Where the model ran.
        note: How the whole was run, such as `overlapped`.
    """

    model: Timing
    n_frames: int
    end_to_end_s: float
    item_frames: int
    device: str
    note: str

    def __post_init__(self) -> None:
        if self.n_frames < 1 or self.item_frames < 1 or self.end_to_end_s <= 0:
            raise ParameterError(
                f"a speed must be of frames in a time, got {self.n_frames} frames in {self.end_to_end_s} s"
            )

    def __str__(self) -> str:
        """Say both, with what they depend on."""
        model_s = self.model.median_s / self.item_frames
        whole_s = self.end_to_end_s / self.n_frames
        batch = "" if self.item_frames == 1 else f", {self.item_frames} frames per call"
        alone = f"{in_ms(model_s)} per frame ({1 / model_s:,.1f} frames/s, n = {self.model.n} calls)"
        whole = f"{in_ms(whole_s)} per frame ({1 / whole_s:,.1f} frames/s, n = {self.n_frames} frames"
        return (
            f"model only {alone}, end to end {whole}, {self.note}): "
            f"the model alone takes {100 * model_s / whole_s:.0f} % of that ({self.device}{batch})"
        )

    def to_dict(self) -> dict[str, object]:
        """Return both as numbers, for a file."""
        return {
            "model_ms_per_frame": 1000 * self.model.median_s / self.item_frames,
            "end_to_end_ms_per_frame": 1000 * self.end_to_end_s / self.n_frames,
            "model_frames_per_s": self.item_frames / self.model.median_s,
            "end_to_end_frames_per_s": self.n_frames / self.end_to_end_s,
            "n_model_calls": self.model.n,
            "n_frames": self.n_frames,
            "schedule": self.note,
            "device": self.device,
        }


def stage_timings(spans: Iterable[Span], *, n_warmup: int) -> dict[str, Timing]:
    """Return stage → its timing over the items, in the order in which stages first started.

    Args:
        spans: What ran when, one span per stage and item.
        n_warmup: Items at the start that are left out; kept, where there is nothing after them.
    """
    taken: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start_s):
        taken[span.stage].append((span.item, span.elapsed_s))
    timings = {}
    for stage, items in taken.items():
        items.sort()
        skipped = n_warmup if len(items) > n_warmup else 0
        samples = tuple(elapsed_s for _, elapsed_s in items)
        timings[stage] = Timing(samples[skipped:], skipped, sum(samples[:skipped]))
    return timings


def elapsed_s(spans: Iterable[Span], *, n_warmup: int) -> float:
    """Return the seconds from the end of the last warm-up item to the end of the last item.

    The last stage's ends are what counts: that is when a user gets a result. Without warm-up it is the time
    from the first start.
    """
    listed = sorted(spans, key=lambda span: span.start_s)
    if not listed:
        raise ParameterError("a timeline must hold spans to tell how long they took, got none")
    ends: dict[int, float] = {}
    for span in listed:
        ends[span.item] = max(span.end_s, ends.get(span.item, span.end_s))
    done = sorted(ends.values())
    begin_s = done[n_warmup - 1] if 0 < n_warmup < len(done) else listed[0].start_s
    return done[-1] - begin_s
