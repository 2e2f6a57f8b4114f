"""How the panel of sliders works: size and memory of what it holds, and when it measures."""

from vidlab.schema import Params, tunable


class PanelParams(Params):
    """How the panel of sliders works."""

    scale: float = tunable(
        0.5, "Size at which the panel works, as a share of the frame; smaller answers faster, blurs detail.",
        gt=0, le=1,
    )  # fmt: skip
    memory_mb: float = tunable(
        400.0, "Memory for the frames, masks and flows of a clip; less computes flows again.",
        unit="MB", gt=0, le=100000,
    )  # fmt: skip
    rest_ms: float = tunable(
        120.0, "Pause after the last change before the whole clip is computed; longer spares the processor.",
        unit="ms", ge=0, le=10000,
    )  # fmt: skip
    curves_ms: float = tunable(
        250.0, "Time between two pictures of the growing curves; shorter is livelier, and takes longer.",
        unit="ms", ge=0, le=10000,
    )  # fmt: skip
    width_px: int = tunable(
        400, "Width of each of the three pictures on the page.", unit="px", ge=80, le=2000
    )  # fmt: skip
    davis_t: bool = tunable(
        False, "Measure the temporal stability T of DAVIS 2016 too; most of the time of the table."
    )
    play_ms: int = tunable(
        100, "Time between two frames while playing; shorter is faster, down to what the page can draw.",
        unit="ms", ge=20, le=5000,
    )  # fmt: skip
    tune_trials: int = tunable(
        30, "Trials of the button that tunes; more finds better values, takes longer.", ge=1, le=100000
    )
    tune_minutes: float = tunable(
        1.0,
        "The button that tunes stops searching after this long; 0 is no limit.",
        unit="min",
        ge=0,
        le=1000,
    )
