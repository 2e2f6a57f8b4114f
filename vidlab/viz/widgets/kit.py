"""The one door to ipywidgets and IPython, which are optional."""

from typing import Any

from vidlab.errors import MissingExtraError

try:
    import ipywidgets as widgets
    from IPython.display import display as _display
except ImportError:
    raise MissingExtraError.for_feature("the panel of sliders", extra="notebooks") from None

__all__ = ["show_bundle", "widgets"]


def show_bundle(bundle: dict[str, Any]) -> None:
    """Put an output, MIME type → content, below the cell that runs."""
    _display(bundle, raw=True)  # type: ignore[no-untyped-call]
