"""What each trick buys for a network on this machine: for the model alone, and for the whole pipeline.

Every variant changes one thing against `as is` (float32, one frame a call). The two speeds stand side by side
because they differ: a model that is twice as fast makes a pipeline that mostly decodes hardly any faster.
"""

import copy
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vidlab.params import Resampling
from vidlab.pipeline.networks import TimedNetwork
from vidlab.pipeline.preprocess import Preprocessor, Way, preprocessor
from vidlab.pipeline.schedules import Gather, Scatter, Stage, Step, sequential
from vidlab.profiling import Timeline, synchronizer
from vidlab.types import Frame, UInt8Image

if TYPE_CHECKING:
    from torch import Tensor

Precision = Literal["float32", "bfloat16", "float16"]
AS_IS = "as is"
COMPILED = "torch.compile"
HEADER = (
    "variant", "model only (ms/frame)", "buys", "end to end (ms/frame)", "buys", "output off", "set up (s)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run the network.

    Attributes:
        name: Words for the table.
        batch: Frames in a call.
        scale: Size of the input against `as is`.
        precision: What autocast computes in; float32 leaves it out.
        channels_last: Keep weights and input with channels innermost in memory.
        compiled: Compile with `torch.compile`.
        onnx: Run by ONNX Runtime: as it is, or with 8-bit weights, static or dynamic; empty for torch.
        one_size: The ONNX file takes pictures of one size only.
        needs_cuda: It makes sense on a CUDA device only.
    """

    name: str
    batch: int = 1
    scale: float = 1.0
    precision: Precision = "float32"
    channels_last: bool = False
    compiled: bool = False
    onnx: Literal["", "float32", "static", "dynamic"] = ""
    one_size: bool = False
    needs_cuda: bool = False


VARIANTS = (
    Variant(AS_IS),
    Variant("channels_last", channels_last=True),
    Variant("bfloat16 (autocast)", precision="bfloat16"),
    Variant("float16 (AMP)", precision="float16", needs_cuda=True),
    Variant("batch of 4", batch=4),
    Variant("half the size", scale=0.5),
    Variant(COMPILED, compiled=True),
)


@dataclass(frozen=True, slots=True)
class Bought:
    """What one variant costs and buys.

    Attributes:
        variant: The variant.
        model_ms: Milliseconds per frame of the network alone, of each round; empty where it was skipped.
        end_ms: Milliseconds per frame from file to labels, one stage after the other, of each round.
        off_by: Mean difference of the logits from those of `as is`, in their standard deviations; None at
            another size and for detectors. Labels would not do: a random network gives all pixels the same.
        setup_s: Seconds of the first call, compiling included.
        skipped: Why it was not measured; empty where it was.
    """

    variant: Variant
    model_ms: tuple[float, ...] = ()
    end_ms: tuple[float, ...] = ()
    off_by: float | None = None
    setup_s: float = 0.0
    skipped: str = ""


def measure_variants(
    frames: Iterable[Frame],
    network: TimedNetwork,
    *,
    variants: Sequence[Variant],
    size_hw: tuple[int, int],
    resampling: Resampling,
    n_frames: int,
    rounds: int,
) -> list[Bought]:
    """Time each variant, in interleaved rounds, so that a busy spell of the machine meets all of them.

    Args:
        frames: A source of frames; it is read anew for every end-to-end run.
        network: The network, as is; it is not changed.
        variants: What to measure, `as is` first.
        size_hw: Size of its input, in pixels.
        resampling: How frames are made smaller.
        n_frames: Frames of each timing, of the model alone and end to end: one call would be at the mercy of
            a moment.
        rounds: How often each is timed.
    """
    images = [frame.image for frame in islice(frames, max(variant.batch for variant in variants))]
    trials: list[_Trial | Bought] = [
        _try_out(variant, network, images, size_hw=size_hw, resampling=resampling) for variant in variants
    ]
    for _ in range(rounds):
        for trial in trials:
            if isinstance(trial, _Trial):
                trial.model_ms.append(trial.time_model(n_frames))
                trial.end_ms.append(trial.time_whole(frames, n_frames))
    right = next((trial.logits for trial in trials if isinstance(trial, _Trial)), None)
    return [trial if isinstance(trial, Bought) else trial.bought(right) for trial in trials]


def variant_rows(results: Sequence[Bought]) -> list[tuple[str, ...]]:
    """Return what `HEADER` names for each variant; medians of the rounds, and ratios of the same round."""
    base = results[0]
    rows = []
    for one in results:
        if one.skipped:
            rows.append((one.variant.name, f"skipped: {one.skipped}", *[""] * (len(HEADER) - 2)))
            continue
        off_by = "–" if one.off_by is None else f"{100 * one.off_by:.2g} %"
        model, end = statistics.median(one.model_ms), statistics.median(one.end_ms)
        gains = [f"{gain:.2f} ×" for gain in (gain_model(base, one), gain_end(base, one))]
        rows.append(
            (one.variant.name, f"{model:.1f}", gains[0], f"{end:.1f}", gains[1], off_by, f"{one.setup_s:.1f}")
        )
    return rows


def gain_model(base: Bought, one: Bought) -> float:
    """How many times faster the model alone is: median over the rounds of the ratio in the round."""
    return _gain(base.model_ms, one.model_ms)


def gain_end(base: Bought, one: Bought) -> float:
    """How many times faster the whole is, likewise."""
    return _gain(base.end_ms, one.end_ms)


def _gain(base_ms: Sequence[float], ms: Sequence[float]) -> float:
    return statistics.median(before / after for before, after in zip(base_ms, ms, strict=True))


class _Trial:
    """A variant that runs here, with what was timed so far."""

    def __init__(
        self, variant: Variant, network: TimedNetwork, prepare: Preprocessor, images: list[UInt8Image]
    ) -> None:
        self.variant, self._network, self._prepare = variant, network, prepare
        self._wait = synchronizer(network.device)
        self._input = self._layout(prepare(images[: variant.batch]))
        self.model_ms: list[float] = []
        self.end_ms: list[float] = []
        begun_s = time.perf_counter()
        self.infer(self._input)
        self.setup_s = time.perf_counter() - begun_s
        with self._autocast():
            self.logits = network(self._input) if network.kind == "probs" else None

    def infer(self, batch: "Tensor") -> NDArray[np.uint8]:
        """Run the network and bring the labels back."""
        with self._autocast():
            output = self._network(batch)
        return self._network.to_labels(output)

    def time_model(self, n_frames: int) -> float:
        """Milliseconds per frame of the network alone, on an input that is there already."""
        n_calls = -(-n_frames // self.variant.batch)
        self._wait()
        begun_s = time.perf_counter()
        with self._autocast():
            for _ in range(n_calls):
                self._network(self._input)
        self._wait()
        return 1000 * (time.perf_counter() - begun_s) / (n_calls * self.variant.batch)

    def time_whole(self, frames: Iterable[Frame], n_frames: int) -> float:
        """Milliseconds per frame from the file to labels."""
        steps: list[Stage] = [
            Gather(self.variant.batch),
            Step("preprocess", lambda batch: self._layout(self._prepare([frame.image for frame in batch]))),
            Step("infer", self.infer),
            Scatter(),
        ]
        begun_s = time.perf_counter()
        done = [True for _ in sequential(islice(frames, n_frames), steps, timeline=Timeline())]
        return 1000 * (time.perf_counter() - begun_s) / len(done)

    def bought(self, right: "Tensor | None") -> Bought:
        """Sum up; `right` are the logits of `as is`."""
        off_by = None
        if right is not None and self.logits is not None and right.shape[1:] == self.logits.shape[1:]:
            off_by = float((right[0] - self.logits[0].float()).abs().mean() / right[0].std())
        return Bought(self.variant, tuple(self.model_ms), tuple(self.end_ms), off_by, self.setup_s)

    def _layout(self, batch: "Tensor") -> "Tensor":
        import torch

        return batch.to(memory_format=torch.channels_last) if self.variant.channels_last else batch

    def _autocast(self) -> AbstractContextManager[Any]:
        import torch

        if self.variant.precision == "float32":
            return nullcontext()
        kind = self._network.device.partition(":")[0]
        context: AbstractContextManager[Any] = torch.autocast(
            kind, dtype=getattr(torch, self.variant.precision)
        )
        return context


def _try_out(
    variant: Variant,
    network: TimedNetwork,
    images: list[UInt8Image],
    *,
    size_hw: tuple[int, int],
    resampling: Resampling,
) -> _Trial | Bought:
    """Set a variant up and run it once; say why where that cannot be done."""
    if variant.needs_cuda and not network.device.startswith("cuda"):
        return Bought(variant, skipped="needs a CUDA device")
    way: Way = "device" if network.device != "cpu" else "opencv"
    scaled = (round(size_hw[0] * variant.scale), round(size_hw[1] * variant.scale))
    prepare = preprocessor(
        way,
        size_hw=scaled,
        resampling=resampling,
        mean=network.mean,
        std=network.std,
        device=network.device,
    )
    try:
        return _Trial(variant, _changed(network, variant), prepare, images)
    except Exception as error:  # a compiler or kernel that is missing is told in a hundred ways
        reason = str(error).strip().partition("\n")[0]
        return Bought(variant, skipped=f"{type(error).__name__}: {reason}")


def _changed(network: TimedNetwork, variant: Variant) -> TimedNetwork:
    import torch

    module: Any = network.module
    if variant.channels_last:
        module = copy.deepcopy(module).to(memory_format=torch.channels_last)
    if variant.compiled:
        compile_: Callable[[Any], Any] = torch.compile
        module = compile_(copy.deepcopy(module))
    return replace(network, module=module)
