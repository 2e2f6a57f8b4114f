"""Copies of the notebooks for a browser to play with: nothing in the repository changes."""

import shutil
from pathlib import Path

import nbformat
from conftest import ROOT
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

NOTEBOOKS = ROOT / "notebooks"


def copy_house(folder: Path) -> Path:
    """Copy what `make lab` opens and what its pages link to, and return the folder."""
    shutil.copytree(NOTEBOOKS, folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copytree(ROOT / "scripts" / "lab_settings", folder / "scripts" / "lab_settings")
    shutil.copy(ROOT / "README.md", folder)
    return folder


def copy_unrun(source: Path, target: Path, **parameters: object) -> Path:
    """Copy a notebook as if it had never been run, with parameters of its own, and return the copy."""
    notebook = parameterize_notebook(load_notebook_node(str(source)), parameters)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    return target
