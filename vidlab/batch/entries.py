"""One row of a report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidlab.batch.work import Outcome, Task

WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Entry:
    """A task, and what came of it.

    Attributes:
        task: The task.
        outcome: None where nothing came of it yet.
    """

    task: Task
    outcome: Outcome | None

    @property
    def status(self) -> str:
        """`done`, `failed`, `timeout` or `waiting`."""
        if self.outcome is None:
            return WAITING
        return "done" if self.outcome.succeeded else self.outcome.status

    @property
    def method(self) -> str | None:
        """Name of the method; None for a notebook."""
        return self.task.settings.get("method")

    @property
    def links(self) -> dict[str, Path]:
        """What to look at → its path; of a notebook that failed, too, the executed copy."""
        folder, failed = Path(self.task.folder), self.task.failed_notebook
        if self.outcome is None:
            return {}
        if self.outcome.succeeded:
            return {name: folder / path for name, path in self.outcome.links.items()} | {"folder": folder}
        return {"notebook": failed} if failed.is_file() else {}

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Tunables of the method, or parameters of the notebook."""
        return dict(self.task.settings["params" if self.task.kind == "stabilize" else "parameters"])
