"""What every test may use: where the real test data lies, and how to skip without it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "real"

needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"test data {REAL} is not here")
