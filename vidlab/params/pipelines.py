"""How a pipeline prepares frames, who waits for whom, and what a stream does when it is late."""

from typing import Literal

from vidlab.schema import Params, tunable

Resampling = Literal["bilinear", "antialias"]
Policy = Literal["latest", "block", "every_n"]
DEFAULT_NETWORK = "lraspp_mobilenet_v3_large"  # that is timed: the fastest of those that are in use


class PreprocessParams(Params):
    """What frames become before a network sees them."""

    height: int = tunable(
        240, "Height at which the network sees frames; smaller is faster and coarser.",
        unit="px", ge=16, le=4320,
    )  # fmt: skip
    width: int = tunable(
        432, "Width at which the network sees frames; smaller is faster and coarser.",
        unit="px", ge=16, le=8192,
    )  # fmt: skip
    resampling: Resampling = tunable(
        "bilinear",
        "How frames are made smaller: bilinear looks at four pixels and is fastest, antialias at all.",
    )

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return (self.height, self.width)


class ScheduleParams(Params):
    """How the stages of a pipeline run side by side."""

    queue_size: int = tunable(
        4, "Items that wait between two overlapped stages; more evens out stages of varying length.",
        unit="items", ge=1, le=256,
    )  # fmt: skip
    patience_s: float = tunable(
        60.0, "Longest wait for one result; after it the stages at work are named and the run ends.",
        unit="s", gt=0, le=86400,
    )  # fmt: skip


class StreamParams(Params):
    """How a stream that must keep up is served."""

    policy: Policy = tunable(
        "latest",
        "What happens to frames that come faster than they are worked on: latest skips to the newest, "
        "block takes them all and falls behind, every_n takes each n-th and waits for it.",
    )
    every: int = tunable(
        2, "Of how many frames every_n takes one; more frames are dropped, fewer are late.",
        unit="frames", ge=1, le=1000,
    )  # fmt: skip
    budget_ms: float = tunable(
        100.0, "A result later than this after its frame was due counts as a missed deadline.",
        unit="ms", gt=0, le=60000,
    )  # fmt: skip
    speed: float = tunable(
        1.0, "How fast the clip is played to the pipeline; 2 sends frames twice as fast.", gt=0, le=1000
    )
    read_ahead: int = tunable(
        8, "Decoded frames that may wait for their time; fewer than come during one result make frames late.",
        unit="frames", ge=1, le=256,
    )  # fmt: skip
