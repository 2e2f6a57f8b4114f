"""Every notebook runs from top to bottom in quick mode, and the main one on a real clip."""

from pathlib import Path

import nbformat
import papermill
import pytest
from conftest import REAL, ROOT, needs_real

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DOG = REAL / "sequences" / "dog"
MAIN = ROOT / "notebooks" / "hw2_01_why_do_masks_flicker.ipynb"

pytestmark = pytest.mark.notebook


@pytest.fixture(autouse=True)
def no_personal_jupyter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep a user's kernels, settings and plotting backend out of the run, and the run out of them."""
    for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH", "MPLBACKEND", "IPYTHON_ARGS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))


def execute(path: Path, out: Path, **parameters: object) -> nbformat.NotebookNode:
    """Run a notebook where JupyterLab would; what it writes by parameter `out` goes beside its copy."""
    known = papermill.inspect_notebook(str(path))
    assert parameters.keys() <= known.keys()
    if "out" in known:
        parameters["out"] = str(out.parent / "out")
    return papermill.execute_notebook(
        str(path), str(out), parameters=parameters, cwd=str(path.parent), progress_bar=False
    )


def shown(notebook: nbformat.NotebookNode) -> str:
    """All text of the outputs."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(output.get("text", "") or str(output.get("data", "")) for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_in_quick_mode(path: Path, tmp_path: Path) -> None:
    notebook = execute(path, tmp_path / path.name, quick=True)
    assert shown(notebook).strip()


@needs_real
@pytest.mark.skipif(not MAIN.exists(), reason=f"{MAIN.name} does not exist yet")
def test_main_notebook_runs_on_a_real_clip(tmp_path: Path) -> None:
    notebook = execute(
        MAIN,
        tmp_path / MAIN.name,
        video=str(DOG / "frames"),
        masks=str(DOG / "yolov8n_seg.json"),
        classes="dog",
        quick=True,
    )
    assert shown(notebook).strip()
