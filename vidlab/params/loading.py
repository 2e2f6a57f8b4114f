"""How clips are cut from videos, loaded in batches, and how public sets are fetched."""

from typing import Annotated, Literal

from pydantic import Field

from vidlab.schema import Params, tunable

Numbers = Annotated[str, Field(pattern=r"^\d{1,4}(,\d{1,4})*$")]


class ClipParams(Params):
    """How clips are cut from videos."""

    clip_frames: int = tunable(16, "Frames of one clip.", unit="frames", ge=1, le=1024)
    clip_stride: int = tunable(
        2, "Distance of two frames of a clip; larger spans more time.", unit="frames", ge=1, le=256
    )
    clip_step: int = tunable(
        0, "Distance of the starts of two clips; 0 puts one right behind the other.", unit="frames", ge=0
    )
    clip_size: int = tunable(
        112, "Side of the square cut from the middle, its short side scaled to it; 0 keeps the frames whole.",
        unit="px", ge=0, le=4096,
    )  # fmt: skip
    damaged: Literal["drop", "keep"] = tunable(
        "drop", "Clips with frames in which the decoder had to guess parts: drop and list them, or keep them."
    )
    max_open: int = tunable(
        4, "Videos that a process keeps open at once; more opens less often.", unit="files", ge=1, le=256
    )


class LoaderParams(Params):
    """How clips are loaded in batches."""

    batch_size: int = tunable(8, "Clips per batch.", unit="clips", ge=1, le=1024)
    num_workers: int = tunable(2, "Processes that load; 0 loads where the model runs.", ge=0, le=256)
    prefetch_factor: int = tunable(
        2, "Batches that each worker keeps ready; more bridges longer hitches, takes memory.",
        unit="batches", ge=1, le=64,
    )  # fmt: skip
    pin_memory: bool = tunable(False, "Copy batches to page-locked memory; does nothing without CUDA.")
    start_method: Literal["fork", "spawn", "forkserver"] = tunable(
        "fork", "How workers start; fork is quickest and shares memory, spawn inherits nothing."
    )
    timeout_s: float = tunable(
        120.0, "Time after which a silent worker counts as hung.", unit="s", gt=0, le=86400
    )


class LoaderGridParams(Params):
    """Which settings of a loader are measured, and how long."""

    workers: Numbers = tunable("0,1,2,4", "Numbers of workers to measure, separated by commas.")
    prefetch: Numbers = tunable("2", "Prefetch factors to measure, separated by commas.")
    batch_sizes: Numbers = tunable("8", "Batch sizes to measure, separated by commas.")
    pin: Literal["auto", "yes", "no"] = tunable(
        "auto", "Page-locked memory: measure with it, without it, or both where there is a CUDA GPU (auto)."
    )
    measured_batches: int = tunable(
        8, "Batches under the clock in each round; more steadies the result.", unit="batches", ge=2, le=10000
    )
    rounds: int = tunable(3, "Interleaved rounds over all settings; their median counts.", ge=1, le=100)
    within: float = tunable(
        0.05, "Share of the best throughput that may be given up for a smaller setting.", ge=0, lt=1
    )


class FetchParams(Params):
    """How public sets are downloaded."""

    network_timeout_s: float = tunable(
        30.0, "Wait for the server's next word, not for the whole download.", unit="s", gt=0, le=3600
    )
    attempts: int = tunable(
        5, "Times a broken download is taken up again where it stopped before giving up.", ge=1, le=100
    )
