"""The level rule of the design: a room imports only lower levels, or rooms named earlier on its own line."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "vidlab"

# One line per level, in the order of the design; within a line a room may import those before it.
LEVELS = [
    ["errors", "types", "classes", "schema", "params", "heap"],
    [
        "flow",
        "metrics",
        "refinement",
        "tracking",
        "temporal",
        "smoother",
    ],  # smoother: arrays only, made of both before it
    ["video", "masks", "models", "synthetic"],
    ["profiling", "pipeline", "training", "viz", "jobs", "tuning", "viz.widgets"],
    ["batch", "web", "cli", "__main__"],
]
PLACES = {room: (level, place) for level, rooms in enumerate(LEVELS) for place, room in enumerate(rooms)}

# Third-party packages that a level may import, those of the levels above it included.
LIBRARIES = [
    {"numpy", "pydantic", "annotated_types"},
    {"cv2", "scipy"},
    {"av", "PIL", "pycocotools"},
    {"matplotlib", "rich"},
    set(),
]
TORCH = {"torch", "torchvision", "threadpoolctl"}
TORCH_ROOMS = ("models", "flow.raft", "training", "profiling", "pipeline")
# Optional packages that a room is made of: any of its modules may import them.
FRAMEWORKS = {"fastapi": ("web",), "starlette": ("web",), "psutil": ("batch", "web")}
# Optional packages: the room that may import each; only one module of it does.
ONE_MODULE = {
    "decord": "video",
    "torchcodec": "video",
    "supervision": "masks",
    "onnx": "models",
    "onnxruntime": "models",
    "ipywidgets": "viz.widgets",
    "IPython": "viz.widgets",
    "papermill": "jobs",
    "nbclient": "jobs",
    "nbformat": "jobs",
    "pooch": "jobs",
    "optuna": "tuning",
    "sqlalchemy": "tuning",  # where Optuna keeps a study
    "jinja2": "batch",
    "pyarrow": "batch",
    "ray": "batch",
    "yaml": "batch",
    "segmentation_models_pytorch": "models",
    "huggingface_hub": "models",
    "python_multipart": "web",
    "uvicorn": "web",
}


def lies_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def room_of(module: str) -> str | None:
    """The room of a module named without the package: `viz.widgets.sliders` lies in `viz.widgets`."""
    return max((room for room in PLACES if lies_in(module, room)), key=len, default=None)


def imported_names(source: str, *, package: str) -> Iterator[str]:
    """Absolute names of everything a source imports, inside functions as well; `package` is where it lies."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = parents[: len(parents) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (name.value for name in node.args[:1] if isinstance(name, ast.Constant))


def fault(module: str, name: str) -> str | None:
    """Say what is wrong with `module` (named without the package) importing `name`, None when nothing is."""
    library, _, inside = name.partition(".")
    room = room_of(module)
    if library != "vidlab":
        return library_fault(module, room, library)
    target = room_of(inside)
    if room is None or target is None or target == room:
        return None  # the package itself holds no more than its version and lazy names
    if PLACES[target] < PLACES[room]:
        return None
    return f"{module} imports {target}, which lies on a higher level or later on its own"


def library_fault(module: str, room: str | None, library: str) -> str | None:
    if library in sys.stdlib_module_names:
        return None
    if library in TORCH:
        allowed = any(lies_in(module, torch_room) for torch_room in TORCH_ROOMS)
        return None if allowed else f"{module} imports {library}, which only {', '.join(TORCH_ROOMS)} may"
    if library in FRAMEWORKS:
        allowed = any(lies_in(module, framed) for framed in FRAMEWORKS[library])
        return None if allowed else f"{module} imports {library}, which only {FRAMEWORKS[library][0]} may"
    if library in ONE_MODULE:
        home = ONE_MODULE[library]
        return None if lies_in(module, home) else f"{module} imports {library}, which only {home} may"
    level = PLACES[room][0] if room else 0
    if any(library in libraries for libraries in LIBRARIES[: level + 1]):
        return None
    return f"{module} imports {library}, which level {level} may not"


def faults(sources: dict[str, str]) -> list[str]:
    """Every breach in sources named by path relative to the package, such as `flow/warp.py`."""
    found: list[str] = []
    homes: dict[str, set[str]] = defaultdict(set)
    for path, source in sources.items():
        parts = Path(path).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        if module and room_of(module) is None:
            found.append(f"{module} is in no room of the design")
            continue
        for name in imported_names(source, package=".".join(["vidlab", *parts[:-1]])):
            homes[name.partition(".")[0]].add(module)
            message = fault(module, name)
            if message:
                found.append(message)
    for library in ONE_MODULE:
        if len(homes[library]) > 1:
            found.append(
                f"{library} is imported by more than one module: {', '.join(sorted(homes[library]))}"
            )
    return found


def package_sources() -> dict[str, str]:
    return {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}


def test_every_import_points_down() -> None:
    assert faults(package_sources()) == []


def test_every_room_of_the_package_is_on_a_level() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert rooms - {"__init__", "__pycache__", "py"} - set(PLACES) == set()


@pytest.mark.parametrize(
    ("path", "source", "culprit"),
    [
        ("types.py", "import cv2", "cv2"),
        ("types.py", "from vidlab.flow import warp", "flow"),
        ("types.py", "from vidlab.params import Params", "params"),
        ("flow/dis.py", "import torch", "torch"),
        ("flow/dis.py", "import av", "av"),
        ("flow/dis.py", "from vidlab import temporal", "temporal"),
        ("flow/dis.py", "from vidlab.metrics.stability import iou", "metrics"),
        ("flow/dis.py", "from ..video import reader", "video"),
        ("flow/dis.py", "def lazily():\n    import vidlab.viz.overlay", "viz"),
        ("flow/dis.py", "class Late:\n    def act(self):\n        from vidlab.jobs import run", "jobs"),
        ("video/pyav.py", "import matplotlib.pyplot as plt", "matplotlib"),
        ("masks/rle.py", "import torchvision.ops", "torchvision"),
        ("masks/rle.py", "import decord", "decord"),
        ("viz/overlay.py", "from vidlab.jobs import stabilize", "jobs"),
        ("viz/overlay.py", "from .widgets import sliders", "viz.widgets"),
        ("jobs.py", "from vidlab.cli import main", "cli"),
        ("jobs.py", "import pandas", "pandas"),
        ("cli.py", "import torch", "torch"),
        ("cli.py", "import importlib\nimportlib.import_module('torch')", "torch"),
        ("__init__.py", "import cv2", "cv2"),
        ("utils.py", "", "utils"),
    ],
)
def test_forbidden_import_is_reported(path: str, source: str, culprit: str) -> None:
    (message,) = faults({path: source})
    assert culprit in message


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("types.py", "import numpy as np\nfrom vidlab.errors import ShapeError"),
        ("params.py", "from annotated_types import Ge\nfrom pydantic import BaseModel"),
        ("flow/raft.py", "def load():\n    import torch\n    from torchvision.models import optical_flow"),
        ("flow/dis.py", "import cv2\nfrom .warp import warp\nfrom vidlab.flow import warp"),
        ("temporal/fuse.py", "from vidlab.flow.warp import warp\nfrom vidlab.tracking import sort"),
        ("models/unet.py", "import torch\nfrom vidlab.video import reader"),
        ("viz/widgets.py", "import ipywidgets\nfrom vidlab import jobs, viz\nfrom vidlab.viz import overlay"),
        ("cli.py", "import rich\nfrom vidlab import __version__, jobs\nfrom vidlab.viz import widgets"),
    ],
)
def test_allowed_import_is_not_reported(path: str, source: str) -> None:
    assert faults({path: source}) == []


def test_optional_package_in_two_modules_is_reported() -> None:
    (message,) = faults({"video/one.py": "import decord", "video/two.py": "import decord"})
    assert message == "decord is imported by more than one module: video.one, video.two"


@pytest.mark.parametrize("module", ["vidlab", "vidlab.params", "vidlab.cli"])
def test_import_loads_nothing_heavy(module: str) -> None:
    if find_spec(module) is None:
        pytest.skip(f"{module} does not exist yet")
    code = (
        f"import sys, {module}; print(sorted({{'torch', 'cv2', 'matplotlib', 'scipy'}} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
