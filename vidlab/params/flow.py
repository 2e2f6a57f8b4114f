"""Optical flow: which one, how much effort, and the numbers of each."""

from typing import Literal

from vidlab.schema import OddWindow, Params, tunable

FlowPreset = Literal["ultrafast", "fast", "medium"]
FlowName = Literal[
    "dis", "farneback", "lucas_kanade", "horn_schunck", "block_matching", "raft_small", "raft_large"
]
# What a search may try: the others stop where their weights are not.
WITHOUT_WEIGHTS = ("dis", "farneback", "lucas_kanade", "horn_schunck", "block_matching")
FlowFormat = Literal["flo", "kitti", "npy", "png"]
Direction = Literal["next", "prev"]


class DisParams(Params):
    """Dense inverse search (Kroeger et al., 2016); its effort is --flow-preset."""


class FarnebackParams(Params):
    """Polynomial expansion (Farnebäck, 2003)."""

    window_px: int = tunable(
        21, "Neighborhood averaged; larger bears noise and large motion, blurs motion edges.",
        unit="px", ge=3, le=101,
    )  # fmt: skip
    levels: int = tunable(5, "Sizes of the pyramid; more follow larger motion.", ge=1, le=12)
    iterations: int = tunable(3, "Steps at each size; more is finer and slower.", ge=1, le=50)


class LucasKanadeParams(Params):
    """Pyramidal Lucas–Kanade on a grid of points (1981, Bouguet 2000), spread to all pixels."""

    spacing_px: int = tunable(
        6, "Distance of the tracked points; smaller follows smaller things, costs time.",
        unit="px", ge=1, le=64,
    )  # fmt: skip
    window_px: int = tunable(
        17, "Neighborhood compared; larger bears noise and flat areas, blurs motion edges.",
        unit="px", ge=3, le=101,
    )  # fmt: skip
    levels: int = tunable(5, "Sizes of the pyramid; more follow larger motion.", ge=1, le=12)
    least_eigenvalue: float = tunable(
        3e-3, "Texture, per pixel, below which a point is not trusted; higher drops more.", ge=0, le=1
    )
    round_trip_px: float = tunable(
        1.0, "Error there and back above which a point is not trusted; smaller drops more.",
        unit="px", gt=0, le=100,
    )  # fmt: skip
    edge_levels: float = tunable(
        20.0, "Difference of gray over which neighbors hardly speak for a pixel; larger is smoother.",
        gt=0, le=255,
    )  # fmt: skip


class HornSchunckParams(Params):
    """Horn–Schunck (1981), coarse to fine; levels=1, warps=1, median=false: the plain one."""

    smoothness: float = tunable(
        20.0, "Weight of smoothness, alpha, gray levels; higher is smoother, blurs motion edges.",
        gt=0, le=1000,
    )  # fmt: skip
    levels: int = tunable(6, "Sizes of the pyramid; more follow larger motion.", ge=1, le=12)
    warps: int = tunable(4, "Linearizations at each size; more is finer and slower.", ge=1, le=50)
    iterations: int = tunable(30, "Steps of each linearization; more carries motion further.", ge=1, le=5000)
    median: bool = tunable(True, "Median of 5 × 5 pixels after each warp, which removes outliers.")


class BlockMatchingParams(Params):
    """Block matching by normalized cross-correlation, coarse to fine."""

    window_px: OddWindow = tunable(
        11, "Block compared, odd; larger bears noise and flat areas, blurs motion edges.",
        unit="px", ge=3, le=101,
    )  # fmt: skip
    reach_px: int = tunable(
        2, "Displacements tried on each side at each size; more mends larger errors, costs time.",
        unit="px", ge=1, le=8,
    )  # fmt: skip
    levels: int = tunable(6, "Sizes of the pyramid; more follow larger motion.", ge=1, le=12)
    stay: float = tunable(
        0.03, "Correlation that a displacement of one pixel must gain; higher is smoother.", ge=0, le=1
    )


class RaftParams(Params):
    """RAFT (Teed and Deng, 2020), torchvision's."""

    updates: int = tunable(12, "Refinements of the flow; more is finer and slower.", ge=1, le=100)


class FlowParams(Params):
    """Which optical flow is estimated, and what becomes of it."""

    flow: FlowName = tunable("dis", "Optical flow.")
    flow_preset: FlowPreset = tunable(
        "medium", "Effort of the DIS optical flow; slower presets follow fine motion better."
    )
    flow_scale: float = tunable(
        1.0, "Size at which flow is estimated, as a share of the frame; smaller is faster.", gt=0, le=1
    )
    direction: Direction = tunable(
        "next", "Where a frame's pixels are in the next frame, as in data sets, or were in the previous one."
    )
    format: FlowFormat = tunable(
        "flo",
        "Files: Middlebury's and Sintel's, KITTI's 16-bit PNG, NumPy's, or pictures in the color wheel.",
    )
    wheel_px: float = tunable(
        0.0,
        "Motion in full color; 0 takes that of the fastest hundredth, the largest seen so far.",
        unit="px",
        ge=0,
        le=10000,
    )


FLOW_MODELS: dict[FlowName, type[Params]] = {
    "dis": DisParams,
    "farneback": FarnebackParams,
    "lucas_kanade": LucasKanadeParams,
    "horn_schunck": HornSchunckParams,
    "block_matching": BlockMatchingParams,
    "raft_small": RaftParams,
    "raft_large": RaftParams,
}
