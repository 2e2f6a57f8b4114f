"""How masks are refined after the network, frame by frame."""

from typing import Literal

from vidlab.schema import Params, tunable

RefineMethod = Literal["none", "guided", "crf"]


class RefineParams(Params):
    """How outlines are refined by the picture, before anything else sees them."""

    refine: RefineMethod = tunable(
        "none", "Lets outlines follow the picture: guided filter, dense CRF (much slower), or not at all."
    )
    refine_reach: float = tunable(
        0.025,
        "How far an outline may move, as a share of the height; larger corrects more, loses thin parts.",
        gt=0,
        le=0.1,
        search=(0.005, 0.06),
        log=True,
    )
    guided_eps: float = tunable(
        1e-4,
        "Guided filter: variance of color below which a neighborhood is flat; higher smooths weak edges.",
        ge=1e-6,
        le=1,
        search=(1e-5, 1e-2),
        log=True,
    )
    guided_shrink: int = tunable(
        4, "Guided filter: how much smaller the picture is at which it is solved; more is faster, coarser.",
        ge=1, le=16,
    )  # fmt: skip
    crf_iterations: int = tunable(
        5, "CRF: rounds of mean field; more settles further, costs time.", unit="rounds", ge=1, le=50
    )
    crf_weight: float = tunable(
        5.0, "CRF: say of all pixels of like color; higher follows color more, the network less.",
        ge=0, le=100, off=0.0, search=(1, 20), log=True,
    )  # fmt: skip
    crf_color: float = tunable(
        10.0, "CRF: difference at which colors stop being alike; higher mixes more colors.",
        unit="gray levels", ge=2, le=255, search=(3, 40), log=True,
    )  # fmt: skip
    crf_distance: float = tunable(
        0.06, "CRF: distance, as a share of the height, over which like colors agree; higher looks farther.",
        gt=0, le=1, search=(0.03, 0.3), log=True,
    )  # fmt: skip
    crf_smooth_weight: float = tunable(
        3.0, "CRF: say of the nearest pixels, whatever their color; higher drops specks and thin parts.",
        ge=0, le=100, off=0.0, search=(0.5, 10), log=True,
    )  # fmt: skip
    crf_smooth_distance: float = tunable(
        0.006, "CRF: how far, as a share of the height, the nearest pixels lie; higher is smoother.",
        gt=0, le=0.1, search=(0.002, 0.02), log=True,
    )  # fmt: skip
    crf_trust: float = tunable(
        0.9, "CRF: probability that a pixel of a hard mask is right; higher keeps the mask as it is.",
        gt=0.5, lt=1,
    )  # fmt: skip
