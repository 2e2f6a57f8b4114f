"""vidlab: where does video inference time go, and why do masks flicker?"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidlab.smoother import MaskSmoother

__version__ = "0.1.0"
__all__ = ["MaskSmoother", "__version__"]


def __getattr__(name: str) -> Any:
    """Load `MaskSmoother` when it is first used: `import vidlab` itself stays light."""
    if name == "MaskSmoother":
        from vidlab.smoother import MaskSmoother

        return MaskSmoother
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
