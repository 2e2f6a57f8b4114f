"""Hashes that say whether anything a number depends on has changed: settings, data, and the code itself."""

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA_ONLY = ("vidlab.params", "vidlab.schema", "vidlab.errors")  # settings are hashed by their values


def digest(*parts: Any) -> str:
    """Return a short hash of anything that JSON can write."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@cache
def code_version(*modules: str) -> str:
    """Return a hash of modules' sources and of all that they import from this project, wherever they do."""
    sources: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _source_of(name)
        if name in sources or path is None:
            continue
        sources[name] = path.read_text("utf-8")
        waiting += _imports(ast.parse(sources[name]))
    return digest(sorted(sources.items()))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _source_of(module: str) -> Path | None:
    """Find a module of this project; None for others, for names that are no modules, and for mere data."""
    if module in DATA_ONLY or not module.startswith(("vidlab.", "rivals")):
        return None
    base = (ROOT if module.startswith("vidlab.") else Path(__file__).parent) / module.replace(".", "/")
    found = [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]
    return found[0] if found else None
