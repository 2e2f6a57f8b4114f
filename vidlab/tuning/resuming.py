"""A search that is taken up again: after a kill, or when it is done and a larger budget is wanted."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from vidlab.jobs.resume import Checkpoints, is_same
from vidlab.jobs.unfinished import Unfinished
from vidlab.tuning.report import RECORD

logger = logging.getLogger(__name__)

STUDY = "study.db"
BUDGET = {"trials", "minutes", "workers", "memory_mb"}  # may be another when a run is gone on with


def holds_result(folder: Path, description: dict[str, Any]) -> bool:
    """Say whether a folder holds the result of this request."""
    found = _described(folder)
    return found is not None and is_same(_like(found, description), description)


def holds_study(folder: Path, description: dict[str, Any]) -> bool:
    """Say whether a folder holds the trials of this request, whatever its budget was."""
    found = _described(folder)
    is_ours = found is not None and is_same(_asked(_like(found, description)), _asked(description))
    return is_ours and (folder / STUDY).is_file()


def begin(folders: Unfinished, description: dict[str, Any], *, resume: bool, out: Path) -> None:
    """Write down what is asked for, or check that what is gone on with was asked for the same.

    Raises:
        OutputError: What a killed run left is damaged, or of another request.
    """
    asked, checkpoints = _asked(description), Checkpoints(folders.work)
    if resume and folders.has_leftover:
        checkpoints.check(asked, out=out)
        logger.info("going on with the trials that are finished")
        return
    folders.start_over()
    checkpoints.begin(asked)
    if resume and holds_study(out, description):
        shutil.copyfile(out / STUDY, folders.work / STUDY)
        logger.info("going on with the trials of %s", out)
    elif resume:
        logger.info("there is nothing to go on with; starting with the first trial")
    folders.state.write_text(f"{STUDY} holds the trials\n", "utf-8")


def _described(folder: Path) -> dict[str, Any] | None:
    try:
        described = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return None
    return described if isinstance(described, dict) else None


def _like(found: dict[str, Any], description: dict[str, Any]) -> dict[str, Any]:
    """Return of a record what describes the request."""
    return {key: value for key, value in found.items() if key in description}


def _asked(description: dict[str, Any]) -> dict[str, Any]:
    """Return a description without the budget."""
    params = description.get("tune")
    kept = {k: v for k, v in params.items() if k not in BUDGET} if isinstance(params, dict) else params
    return {**description, "tune": kept}
