"""What each command does: words → jobs → a short summary. Jobs are imported late: --help is instant."""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab import classes as vocabulary
from vidlab.cli.options import given
from vidlab.errors import ParameterError
from vidlab.params import (
    DEFAULT_METHOD,
    FLOW_MODELS,
    GROUPS,
    METHODS,
    TRACKER_PARAMS,
    EvidenceParams,
    MethodParams,
    NetworkParams,
    SegmentParams,
    SourceParams,
    WriterParams,
    method_model,
    method_params,
)
from vidlab.schema import Params, Tunable, tunables

if TYPE_CHECKING:
    from vidlab.jobs import MaskFile, Network, StabilizeResult

DEFAULT_MODEL = "maskrcnn_resnet50_fpn"


def segment(args: argparse.Namespace) -> int:
    """Run `vidlab segment`."""
    classes = wanted_classes(args.classes)
    source, network = given(args, SourceParams), given(args, SegmentParams)
    evidence = given(args, EvidenceParams)
    from vidlab import jobs
    from vidlab.cli.progress import progress_bar
    from vidlab.cli.tables import print_paths

    with progress_bar("segmenting") as progress:
        result = jobs.segment(
            Path(args.video),
            network=_network(args),
            out=Path(args.out),
            class_ids=classes,
            force=args.force,
            progress=progress,
            command=_command(args),
            source=source,
            segment=network,
            evidence=evidence,
        )
    found = "probabilities" if result.n_instances is None else f"{result.n_instances} instances"
    print(f"{result.n_frames} frames on {result.device}: {found}, {result.frames_per_s:.2f} frames/s")
    _print_keyframes(result.n_keyframes, n_frames=result.n_frames, what="the network ran on")
    print_paths({"results": result.folder, "masks": result.folder / "masks"})
    return 0


def stabilize(args: argparse.Namespace) -> int:
    """Run `vidlab stabilize`."""
    method = wanted_method(args)
    classes = wanted_classes(args.classes)
    source, network = given(args, SourceParams), given(args, SegmentParams)
    evidence, writer = given(args, EvidenceParams), given(args, WriterParams)
    masks_from = masks_source(args)
    from vidlab import jobs
    from vidlab.cli.progress import progress_bar
    from vidlab.jobs.stabilize import method_name

    select = None if args.select is None else jobs.Selection.parse(args.select)
    with progress_bar("stabilizing") as progress:
        result = jobs.stabilize(
            Path(args.video),
            masks_from=masks_from,
            out=Path(args.out),
            method=method,
            class_ids=classes,
            select=select,
            truth=None if args.truth is None else Path(args.truth),
            save_frames=args.save_frames,
            force=args.force,
            resume=args.resume,
            progress=progress,
            command=_command(args),
            source=source,
            segment=network,
            evidence=evidence,
            writer=writer,
        )
    _print_stabilized(result, method=method_name(method))
    what = "masks were used of" if isinstance(masks_from, jobs.MaskFile) else "the network ran on"
    _print_keyframes(result.n_keyframes, n_frames=result.n_frames, what=what)
    return 0


def run(args: argparse.Namespace) -> int:
    """Run `vidlab run`."""
    from vidlab.jobs import notebook as notebooks

    notebook = notebooks.find_notebook(args.notebook)
    parsed = notebooks.parse_parameters(args.settings, notebooks.notebook_parameters(notebook))
    parameters = notebooks.with_absolute_paths(parsed)
    print(f"running {notebook}", file=sys.stderr)
    print(notebooks.run_notebook(notebook, out=Path(args.out), parameters=parameters, force=args.force))
    return 0


def params(args: argparse.Namespace) -> int:
    """Run `vidlab params`."""
    groups: dict[str, type[Params]] = {}
    if args.method is None:
        groups = {model.__name__: model for model in GROUPS}
        groups |= {name: model for name, model in _named().items() if model.model_fields}
    else:
        groups = {name: model for name, model in _named().items() if name.split()[1] == args.method}
        groups = groups or {"": method_model(args.method)}  # which refuses it
    if args.json:
        print(
            json.dumps({name: _schema(model) for name, model in groups.items()}, indent=2, ensure_ascii=False)
        )
        return 0
    from vidlab.cli.tables import print_table

    for name, model in groups.items():
        by_set = name.startswith("--")
        title = (
            f"{name} · {(model.__doc__ or '').strip().splitlines()[0]}" if by_set else (model.__doc__ or "")
        )
        rows = [_row(tunable, by_set=by_set) for tunable in tunables(model)]
        print_table(("option", "default", "range", "unit", "meaning"), rows, title=title)
    return 0


def info(args: argparse.Namespace) -> int:
    """Run `vidlab info`."""
    from vidlab.cli.info import collect, show

    facts = collect()
    if args.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        show(facts)
    return 0


def demo(args: argparse.Namespace) -> int:
    """Run `vidlab demo`."""
    from vidlab.cli.demo import run_demo

    return run_demo(Path(args.out))


def _print_stabilized(result: "StabilizeResult", *, method: str) -> None:
    from vidlab.cli.tables import print_comparison, print_paths

    title = f"raw against stable ({method}), {result.n_frames} frames"
    print_comparison(result.raw, result.stable, change=result.change, title=title)
    names = {"masks": "masks", "overlay video": "overlay.mp4", "metrics": "metrics.json", "plots": "plots"}
    print_paths({label: result.folder / name for label, name in names.items()})


def _print_keyframes(n_keyframes: int | None, *, n_frames: int, what: str) -> None:
    if n_keyframes is not None:
        print(f"{what} {n_keyframes} of {n_frames} frames; the others' were carried along the flow")


def _named() -> dict[str, type[Params]]:
    """Return what has tunables of its own, by the option that chooses it, then its name."""
    choices: dict[str, Mapping[Any, type[Params]]] = {
        "--method": METHODS,
        "--flow": FLOW_MODELS,
        "--tracker": TRACKER_PARAMS,
    }
    return {f"{option} {name}": model for option, models in choices.items() for name, model in models.items()}


def wanted_method(args: argparse.Namespace) -> MethodParams:
    """Return the method that the words describe, or that a file does."""
    settings = args.settings if args.tracker is None else [*args.settings, f"tracker={args.tracker}"]
    if args.params is None:
        return method_params(args.method or DEFAULT_METHOD, settings)
    from vidlab.jobs.method_file import read_method
    from vidlab.jobs.stabilize import method_name

    method = read_method(Path(args.params), settings=settings)
    if args.method not in (None, method_name(method)):
        raise ParameterError(
            f"the method must come from one place, got --method {args.method} and {method_name(method)} in "
            f"{args.params}; leave one out"
        )
    return method


def masks_source(args: argparse.Namespace) -> "MaskFile | Network":
    """Return where masks come from: a file, or a network."""
    if args.masks is None:
        if args.probs:
            raise ParameterError("--probs must come with --masks, got it alone; see vidlab stabilize --help")
        return _network(args)
    words = ("model", "weights", *NetworkParams.model_fields)
    given_words = [word for word in words if getattr(args, word, None) is not None]
    if given_words:
        option = f"--{given_words[0].replace('_', '-')}"
        raise ParameterError(f"masks must come from one source, got --masks and {option}; leave one out")
    from vidlab.jobs import MaskFile

    return MaskFile(Path(args.masks), args.probs)


def _network(args: argparse.Namespace) -> "Network":
    from vidlab.jobs import Network

    return Network(args.model or DEFAULT_MODEL, args.weights, given(args, NetworkParams))


def wanted_classes(text: str | None) -> tuple[int, ...] | None:
    """Return the COCO ids that `--class` names, None for all."""
    if text is None:
        return None
    names = [name for name in text.split(",") if name.strip()]
    if not names:
        raise ParameterError(f"--class must name at least one class, got {text!r}")
    return vocabulary.class_ids(names)


def _command(args: argparse.Namespace) -> list[str]:
    return ["vidlab", *(word for word in args.words if word != "--resume")]  # the words of the whole run


def _row(tunable: Tunable, *, by_set: bool) -> tuple[str, str, str, str, str]:
    option = f"--set {tunable.name}=" if by_set else f"--{tunable.name.replace('_', '-')}"
    default = f"{tunable.default:g}" if isinstance(tunable.default, float) else str(tunable.default)
    return (option, default, tunable.range_text, tunable.unit, tunable.meaning)


def _schema(model: type[Params]) -> list[dict[str, object]]:
    listed = [asdict(tunable) for tunable in tunables(model)]
    return [{**facts, "type": facts["type"].__name__} for facts in listed]
