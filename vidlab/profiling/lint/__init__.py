"""Finds clocks around work of a GPU that nobody waits for, in scripts and notebooks, by reading them."""

from vidlab.profiling.lint.rules import Finding, lint_code, lint_file, lint_text
from vidlab.profiling.lint.sources import read_code

__all__ = ["Finding", "lint_code", "lint_file", "lint_text", "read_code"]
