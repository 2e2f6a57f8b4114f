"""What the web page accepts, keeps, and lets one visitor use."""

from vidlab.schema import Params, tunable


class WebParams(Params):
    """What the web page accepts, how long it keeps it, and how much one visitor may use."""

    max_upload_mb: int = tunable(
        512, "Largest file that may be uploaded; more takes longer videos, and more of the disk.",
        unit="MB", ge=1, le=100_000,
    )  # fmt: skip
    max_unpacked_mb: int = tunable(
        2048, "Largest size of a zip of masks once it is unpacked; a file that grows further is refused.",
        unit="MB", ge=1, le=100_000,
    )  # fmt: skip
    max_length_s: int = tunable(
        600, "Longest video that is accepted; longer ones keep others waiting longer.",
        unit="s", ge=1, le=86_400,
    )  # fmt: skip
    max_frames: int = tunable(
        18_000, "Most frames a video may have, whatever its rate; more keep others waiting longer.",
        unit="frames", ge=1, le=10_000_000,
    )  # fmt: skip
    max_side_px: int = tunable(
        3840, "Longest side of a picture; larger ones take more memory and time.",
        unit="px", ge=16, le=16_384,
    )  # fmt: skip
    view_width_px: int = tunable(
        1280, "Width to which wider pictures and videos on the page are scaled; less loads faster.",
        unit="px", ge=160, le=3840,
    )  # fmt: skip
    max_queue: int = tunable(
        32, "Jobs that may wait; further ones are refused until some are done.", unit="jobs", ge=1, le=10_000
    )  # fmt: skip
    quota_mb: int = tunable(
        20_480, "Disk for all uploads and results; beyond it the oldest results are removed.",
        unit="MB", ge=1, le=100_000_000,
    )  # fmt: skip
    max_age_h: float = tunable(
        72.0, "Results and unused uploads are removed after so long.", unit="h", gt=0, le=100_000
    )  # fmt: skip
    rate_per_minute: int = tunable(
        1800, "Requests of one visitor; going through a video frame by frame takes one for each.",
        unit="requests", ge=1, le=10_000_000,
    )  # fmt: skip
    writes_per_minute: int = tunable(
        60, "Uploads, new jobs, cancellations and removals of one visitor.", unit="requests",
        ge=1, le=10_000_000,
    )  # fmt: skip
    worker_memory_mb: int = tunable(
        8192, "Memory of the process that computes; a job that takes more is ended.",
        unit="MB", ge=256, le=10_000_000,
    )  # fmt: skip
    probe_memory_mb: int = tunable(
        3072, "Address space of the process that looks into an upload; a file that takes more is refused.",
        unit="MB", ge=512, le=1_000_000,
    )  # fmt: skip
    probe_s: float = tunable(
        60.0, "How long looking into an uploaded file may take; one that takes longer is refused.",
        unit="s", gt=0, le=3600,
    )  # fmt: skip
    stall_s: float = tunable(
        600.0, "A job that finishes no frame for so long is ended; the first waits for weights, too.",
        unit="s", gt=0, le=86_400,
    )  # fmt: skip
    job_limit_min: float = tunable(
        240.0, "A job that takes longer is ended.", unit="min", gt=0, le=100_000
    )  # fmt: skip


class ServeParams(Params):
    """Where the web page listens, and how its connections live."""

    port: int = tunable(8000, "Port on which the page listens; 0 takes any free one.", ge=0, le=65_535)
    alive_s: int = tunable(
        30, "How often a printed ssh command asks whether the other side is there; 0 never.",
        unit="s", ge=0, le=3600,
    )  # fmt: skip
    stop_s: int = tunable(
        3, "How long open connections may take to end once the server stops.", unit="s", ge=1, le=3600
    )  # fmt: skip
