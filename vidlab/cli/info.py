"""What is here: versions, devices, optional parts."""

import os
import platform
import shutil
import sys
from contextlib import suppress
from importlib import metadata
from typing import Any

import vidlab
from vidlab.errors import DeviceError, MissingExtraError
from vidlab.jobs.notebook import ROOT

# The parts a user can switch on, and what each is for; the names are those of the distributions.
CORE = (
    "numpy",
    "pydantic",
    "scipy",
    "opencv-python-headless",
    "av",
    "pillow",
    "pycocotools",
    "matplotlib",
    "rich",
)
OPTIONAL = {
    "torch": ("models", "networks"),
    "torchvision": ("models", "Mask R-CNN, DeepLabV3"),
    "segmentation-models-pytorch": ("smp", "networks named smp_…"),
    "onnxruntime": ("onnx", "networks in ONNX files"),
    "onnx": ("onnx", "vidlab export"),
    "decord": ("decoders", "a rival decoder"),
    "torchcodec": ("decoders", "a rival decoder"),
    "supervision": ("tracking", "interchange of detections"),
    "pooch": ("data", "vidlab fetch"),
    "optuna": ("tuning", "vidlab tune"),
    "jupyterlab": ("notebooks", "opening notebooks"),
    "papermill": ("notebooks", "vidlab run, vidlab demo"),
    "ipywidgets": ("notebooks", "sliders in notebooks"),
}


def collect() -> dict[str, Any]:
    """Gather the facts; nothing is changed, and torch is loaded only to ask for devices."""
    return {
        "vidlab": vidlab.__version__,
        "clone": str(ROOT) if (ROOT / "pyproject.toml").is_file() else None,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "n_cpus": os.cpu_count(),
        "core": {name: _version(name) for name in CORE},
        "optional": {
            name: {"version": _version(name), "extra": extra, "for": purpose}
            for name, (extra, purpose) in OPTIONAL.items()
        },
        "programs": {name: shutil.which(name) for name in ("ffmpeg",)},
        **_networks(),
    }


def show(facts: dict[str, Any]) -> None:
    """Print the facts as tables."""
    from vidlab.cli.tables import print_paths, print_table

    heads = ("vidlab", "clone", "python", "executable", "platform", "n_cpus")
    said = {name: facts[name] if facts[name] is not None else "not a clone" for name in heads}
    print_paths({**said, "devices": ", ".join(facts["devices"]) or "none: torch is not installed"})
    core = [(name, version or "missing") for name, version in facts["core"].items()]
    print_table(("core", "version"), core, title="")
    optional = [
        (name, part["version"] or f"missing: pip install 'vidlab[{part['extra']}]'", part["for"])
        for name, part in facts["optional"].items()
    ]
    print_table(("optional", "version", "for"), optional, title="")
    print_table(("program", "path"), [(n, p or "missing") for n, p in facts["programs"].items()], title="")
    models = [
        (name, model["kind"] or "as its file", model["description"])
        for name, model in facts["models"].items()
    ]
    print_table(("model", "gives", "what it is"), models, title="")


def _networks() -> dict[str, Any]:
    from vidlab.models import MODELS
    from vidlab.models.device import require_device

    devices = []
    for device in ("cpu", "cuda", "mps"):
        with suppress(DeviceError, MissingExtraError):
            devices.append(require_device(device))
    models = {name: {"kind": spec.kind, "description": spec.description} for name, spec in MODELS.items()}
    return {"devices": devices, "models": models}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
