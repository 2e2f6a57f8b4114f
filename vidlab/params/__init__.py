"""Every number a user can turn, declared once: type, range, unit, meaning, default.

Command line, widgets, papermill, web form and tuner are derived from these models (see `schema.py`); no
default, range or help text stands anywhere else. `method_params(name, settings)` builds the parameters of one
stabilizing method from `name=value` texts.
"""

from vidlab.params.batch import BatchParams
from vidlab.params.cluster import ClusterParams
from vidlab.params.decoding import BackendName, DecodingParams
from vidlab.params.export import ExportParams
from vidlab.params.files import Device, SegmentParams, SourceParams, WriterParams
from vidlab.params.filters import (
    ExponentialParams,
    FilterParams,
    GaussianParams,
    MedianParams,
    MovingAverageParams,
)
from vidlab.params.flow import (
    FLOW_MODELS,
    BlockMatchingParams,
    DisParams,
    FarnebackParams,
    FlowName,
    FlowParams,
    FlowPreset,
    HornSchunckParams,
    LucasKanadeParams,
    RaftParams,
)
from vidlab.params.fusion import FlowFusionParams, FlowFusionTwoPassParams, FusionParams
from vidlab.params.keyframes import KeyframeParams
from vidlab.params.loading import ClipParams, FetchParams, LoaderGridParams, LoaderParams
from vidlab.params.masks import EvaluateParams, EvidenceParams
from vidlab.params.method import MethodParams, NoneParams
from vidlab.params.methods import DEFAULT_METHOD, METHODS, method_model, method_params
from vidlab.params.networks import NetworkParams
from vidlab.params.pipelines import (
    DEFAULT_NETWORK,
    Policy,
    PreprocessParams,
    Resampling,
    ScheduleParams,
    StreamParams,
)
from vidlab.params.profiling import ProfileParams
from vidlab.params.refinement import RefineMethod, RefineParams
from vidlab.params.tracking import (
    DEFAULT_TRACKER,
    TRACKER_PARAMS,
    ByteTrackParams,
    DeepSortParams,
    FlowTrackerParams,
    GivenParams,
    MatchingParams,
    SortParams,
    TrackerParams,
    TrackingJudgeParams,
    tracker_model,
    tracker_params,
)
from vidlab.params.training import (
    RECIPES,
    AugmentParams,
    CropName,
    FitParams,
    LossName,
    SceneDataParams,
    SceneKind,
    TrainDataParams,
    TrainNetworkParams,
)
from vidlab.params.tuning import TuneParams
from vidlab.params.web import ServeParams, WebParams
from vidlab.params.widgets import PanelParams

# Those that belong to no method, flow or tracker, in the order of the work.
GROUPS = (
    SourceParams,
    SegmentParams,
    NetworkParams,
    EvidenceParams,
    EvaluateParams,
    WriterParams,
    FlowParams,
    TrackingJudgeParams,
    ExportParams,
    DecodingParams,
    ClipParams,
    LoaderParams,
    LoaderGridParams,
    FetchParams,
    PreprocessParams,
    ScheduleParams,
    StreamParams,
    ProfileParams,
    TuneParams,
    BatchParams,
    ClusterParams,
    TrainDataParams,
    SceneDataParams,
    AugmentParams,
    TrainNetworkParams,
    FitParams,
    PanelParams,
    WebParams,
    ServeParams,
)

__all__ = [
    "DEFAULT_METHOD",
    "DEFAULT_NETWORK",
    "DEFAULT_TRACKER",
    "FLOW_MODELS",
    "GROUPS",
    "METHODS",
    "RECIPES",
    "TRACKER_PARAMS",
    "AugmentParams",
    "BackendName",
    "BatchParams",
    "BlockMatchingParams",
    "ByteTrackParams",
    "ClipParams",
    "ClusterParams",
    "CropName",
    "DecodingParams",
    "DeepSortParams",
    "Device",
    "DisParams",
    "EvaluateParams",
    "EvidenceParams",
    "ExponentialParams",
    "ExportParams",
    "FarnebackParams",
    "FetchParams",
    "FilterParams",
    "FitParams",
    "FlowFusionParams",
    "FlowFusionTwoPassParams",
    "FlowName",
    "FlowParams",
    "FlowPreset",
    "FlowTrackerParams",
    "FusionParams",
    "GaussianParams",
    "GivenParams",
    "HornSchunckParams",
    "KeyframeParams",
    "LoaderGridParams",
    "LoaderParams",
    "LossName",
    "LucasKanadeParams",
    "MatchingParams",
    "MedianParams",
    "MethodParams",
    "MovingAverageParams",
    "NetworkParams",
    "NoneParams",
    "PanelParams",
    "Policy",
    "PreprocessParams",
    "ProfileParams",
    "RaftParams",
    "RefineMethod",
    "RefineParams",
    "Resampling",
    "SceneDataParams",
    "SceneKind",
    "ScheduleParams",
    "SegmentParams",
    "ServeParams",
    "SortParams",
    "SourceParams",
    "StreamParams",
    "TrackerParams",
    "TrackingJudgeParams",
    "TrainDataParams",
    "TrainNetworkParams",
    "TuneParams",
    "WebParams",
    "WriterParams",
    "method_model",
    "method_params",
    "tracker_model",
    "tracker_params",
]
