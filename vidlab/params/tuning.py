"""How parameters are searched for."""

from vidlab.schema import Params, tunable


class TuneParams(Params):
    """How parameters are searched for."""

    trials: int = tunable(
        60,
        "Sets of parameters to try in each search, defaults included; more finds better ones, takes longer.",
        ge=1, le=100000,
    )  # fmt: skip
    minutes: float = tunable(
        0.0, "Stop searching after this long, all searches together; 0 is no limit.", unit="min", ge=0
    )
    workers: int = tunable(
        0, "Trials at once; 0 takes one for each core, 1 gives the same search every time.", ge=0, le=256
    )
    scale: float = tunable(
        1.0, "Size at which clips are tried, as a share of the frame; smaller is faster, coarser.", gt=0, le=1
    )
    memory_mb: float = tunable(
        4000.0, "Most that all clips in memory, with masks and flows, may take.", unit="MB", gt=0
    )
    near: float = tunable(
        0.35,
        "Share of the trials that are small changes to the defaults, tried first; more is safer.",
        ge=0, le=1,
    )  # fmt: skip
    seed: int = tunable(0, "Seed of the search; another one may find other parameters.", ge=0, le=2**31)
