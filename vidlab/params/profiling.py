"""How a pipeline is timed, and for how long."""

from vidlab.schema import Params, tunable


class ProfileParams(Params):
    """How long a pipeline is watched, and in which form it runs."""

    max_frames: int = tunable(
        64, "Time no more frames than this; more steadies the medians.", unit="frames", ge=2, le=10000
    )
    seconds: float = tunable(
        12.0, "Measure for about this long, loading left out; slow networks then see fewer frames.",
        unit="s", gt=0, le=3600,
    )  # fmt: skip
    warmup_items: int = tunable(
        2, "Items left out at the start of each measurement, while caches and devices wake up.",
        unit="items", ge=0, le=100,
    )  # fmt: skip
    batch_frames: int = tunable(
        1, "Frames in one item of the pipeline; more is faster on a GPU and later to answer.",
        unit="frames", ge=1, le=256,
    )  # fmt: skip
    queue_size: int = tunable(
        4, "Items that wait between two overlapped stages; more evens out stages of varying length.",
        unit="items", ge=1, le=256,
    )  # fmt: skip
