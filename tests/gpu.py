"""GPU tests skip with a reason, unless REQUIRE_GPU=1, when they fail."""

import os

import pytest


def require_gpu() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        return
    if os.environ.get("REQUIRE_GPU") == "1":
        pytest.fail("REQUIRE_GPU=1, but torch sees no CUDA device")
    pytest.skip("torch sees no CUDA device")
