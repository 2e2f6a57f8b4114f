"""Flow fusion: the stabilizer of this package."""

from vidlab.params.flow import WITHOUT_WEIGHTS, FlowName, FlowPreset
from vidlab.params.method import MethodParams
from vidlab.schema import tunable


class FusionParams(MethodParams):
    """The previous mask carried along optical flow and fused with the new one, in six steps."""

    flow: FlowName = tunable(
        "dis",
        "Optical flow that is followed; all but dis take longer, those of RAFT far longer, and weights.",
        search=WITHOUT_WEIGHTS,
    )
    flow_preset: FlowPreset = tunable(
        "ultrafast", "Effort of the DIS optical flow; slower presets follow fine motion better."
    )
    flow_scale: float = tunable(
        0.25,
        "Size at which flow is estimated, as a share of the frame; smaller is faster.",
        gt=0,
        le=1,
        search=(0.25, 1),
        step=0.25,
    )
    cut_similarity: float = tunable(
        0.85,
        "Correlation with the carried previous frame below which a new shot starts; higher finds more cuts.",
        ge=-1,
        le=1,
        off=-1.0,
        search=(0.5, 0.95),
    )
    carry: bool = tunable(True, "Step 2: carry the previous state along the flow; off leaves it in place.")
    motion_weight: bool = tunable(True, "Step 3: trust the carried state less where motion is doubtful.")
    motion_px: float = tunable(
        100.0,
        "Motion at which the carried state counts half; smaller trusts fast motion less.",
        unit="px/frame",
        gt=0,
        le=10000,
        off=10000.0,
        search=(10, 1000),
        log=True,
        tuned=True,
    )
    lost_keep: float = tunable(
        0.2,
        "Share of the carried state kept where the flow there and back disagrees.",
        ge=0,
        le=1,
        off=1.0,
        tuned=True,
    )
    lost_error: float = tunable(
        0.2,
        "Error of the carried picture, in contrasts, from which a disagreement counts; higher trusts more.",
        ge=0,
        le=100,
        off=0.0,
        search=(0, 2),
    )
    flow_error: float = tunable(
        0.7,
        "Error of the carried picture, in contrasts, at which the state counts 1/e; smaller trusts less.",
        gt=0,
        le=100,
        off=100.0,
        search=(0.1, 5),
        log=True,
        tuned=True,
    )
    smooth: bool = tunable(True, "Step 4: running mean over all past frames; off fuses the last two only.")
    memory: float = tunable(
        0.8,
        "Weight of the carried state; larger flickers less, follows change later.",
        ge=0,
        lt=1,
        search=(0.5, 0.95),
        tuned=True,
    )
    neighbors: int = tunable(
        1,
        "Frames carried straight to the next ones before their mean is; more keep thin parts, cost time.",
        unit="frames",
        ge=1,
        le=8,
        search=(1, 4),
        tuned=True,
    )
    area_control: bool = tunable(
        True, "Step 5a: a frame whose mask suddenly shrank or vanished has less say than its neighbors."
    )
    agreement: bool = tunable(
        True, "Step 5a: a frame whose mask lies elsewhere than expected has less say than its neighbors."
    )
    area_window: int = tunable(
        10,
        "Frames on each side (causal: twice as many before) that say how large the object is.",
        unit="frames",
        ge=2,
        le=60,
        search=(3, 24),
    )
    min_recall: float = tunable(
        0.25,
        "Share of frames in which an object must be found for its misses to be mistakes; higher drops more.",
        ge=0.01,
        le=1,
        search=(0.05, 0.8),
        tuned=True,
    )
    weak_vote: float = tunable(
        0.02,
        "Say of a frame that shows nothing; higher forgets sooner.",
        gt=0,
        le=1,
        search=(0.002, 0.5),
        log=True,
        tuned=True,
    )
    adaptive_threshold: bool = tunable(
        True, "Step 5b: move the threshold so that the area follows its running estimate."
    )
    area_tolerance: float = tunable(
        0.2,
        "Relative change of area that passes unhindered; smaller holds jumps back more.",
        ge=0,
        le=10,
        search=(0.02, 1),
        tuned=True,
    )
    threshold_band: float = tunable(
        0.05,
        "How far the adaptive threshold may move from 0.5; 0 keeps it fixed.",
        ge=0,
        le=0.45,
        search=(0, 0.2),
        tuned=True,
    )
    edge_weight: float = tunable(
        0.7,
        "Share of the outline that follows the edges of the picture; 0 leaves it as fused.",
        ge=0,
        le=1,
        off=0.0,
        tuned=True,
    )
    edge_radius: float = tunable(
        0.025,
        "Reach of the search for edges, as a share of the height, at most how thick the object is; larger "
        "corrects more, loses thin parts.",
        gt=0,
        le=0.1,
        search=(0.005, 0.06),
        log=True,
        tuned=True,
    )
    least_piece: float = tunable(
        0.0002,
        "Area, as a share of the picture, below which a piece or a hole is a speck; 0 keeps all.",
        ge=0,
        le=0.1,
        off=0.0,
        search=(0, 0.002),
    )
    spare_steady: bool = tunable(
        True, "Smooth a network's masks only as far as they flicker; off smooths steady masks as well."
    )
    anti_ghost: bool = tunable(True, "Step 6: hold masks to what the network confirms.")
    confidence_memory: float = tunable(
        0.8,
        "Weight of the past in the running confidence; larger reacts later.",
        ge=0,
        lt=1,
        search=(0.3, 0.95),
    )
    fade_after: int = tunable(
        6,
        "Missed frames after which a mask starts to fade; smaller ends ghosts sooner.",
        unit="frames",
        ge=0,
        le=300,
        search=(1, 24),
        tuned=True,
    )
    gone_after: int = tunable(
        12,
        "Missed frames after which a mask is gone for certain.",
        unit="frames",
        ge=1,
        le=300,
        search=(2, 48),
    )
    kept_after: int = tunable(
        6,
        "Frames in a row with the object after which it is shown for certain; smaller shows false ones too.",
        unit="frames",
        ge=1,
        le=300,
        search=(1, 16),
    )


class FlowFusionParams(FusionParams):
    """Flow fusion for streams: causal, or a few frames late."""

    lag: int = tunable(
        0,
        "Frames each result waits for, so that they speak for it too; 0 is causal; each costs time.",
        unit="frames", ge=0, le=8,
    )  # fmt: skip


class FlowFusionTwoPassParams(FusionParams):
    """Flow fusion run both ways in windows of bounded look-ahead; the default for files."""

    flow_scale: float = tunable(
        0.5,
        "Size at which flow is estimated, as a share of the frame; smaller is faster.",
        gt=0,
        le=1,
        search=(0.25, 1),
        step=0.25,
    )
    memory: float = tunable(
        0.85,
        "Weight of the carried state; larger flickers less, follows change later.",
        ge=0,
        lt=1,
        search=(0.5, 0.95),
        tuned=True,
    )
    look_ahead: int = tunable(
        24,
        "Frames after a frame that may speak for it; more bridges longer gaps, costs time and memory.",
        unit="frames",
        ge=1,
        le=120,
        search=(4, 48),
    )
    chunk: int = tunable(
        16,
        "Frames finished at once; more is faster and takes more memory.",
        unit="frames",
        ge=1,
        le=120,
        search=(4, 32),
    )
