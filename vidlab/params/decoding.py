"""How a video file is decoded: by which library, on how many threads, and how far it is trusted."""

from typing import Annotated, Literal

from pydantic import Field

from vidlab.schema import Params, tunable

BackendName = Literal["auto", "pyav", "opencv", "decord", "torchcodec"]
DecodeDevice = Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)$")]


class DecodingParams(Params):
    """How a video file is decoded."""

    backend: BackendName = tunable(
        "pyav", "Library that decodes; auto measures all of them on the file and takes the fastest right one."
    )
    threads: int = tunable(
        0, "Decoding threads; more is faster until the cores are used up, 0 leaves it to the library.",
        unit="threads", ge=0, le=64,
    )  # fmt: skip
    device: DecodeDevice = tunable("cpu", "Where pictures are decoded: cpu, cuda or cuda:N.")
    isolate: Literal["risky", "always", "never"] = tunable(
        "risky",
        "Libraries that decode in a process of their own that can be killed: those that may hang, all, none.",
    )
    deadline_s: float = tunable(
        10.0, "A library in its own process that gives no frame for so long is killed and replaced.",
        unit="s", gt=0, le=600,
    )  # fmt: skip
    start_s: float = tunable(
        60.0, "The same for its first frame, which waits for the process and its imports.",
        unit="s", gt=0, le=600,
    )  # fmt: skip
    slots: int = tunable(
        4, "Frames that such a process may decode ahead; more ride out a jerky decoder, and take memory.",
        unit="frames", ge=1, le=64,
    )  # fmt: skip
    probe_s: float = tunable(
        3.0, "How long auto measures; longer chooses more surely on a busy machine.", unit="s", gt=0, le=60
    )
