"""The report as one page that needs nothing else: the only module that knows jinja2."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidlab.errors import MissingExtraError

TEMPLATE = Path(__file__).with_name("report.html.jinja")


def render(content: Mapping[str, Any]) -> str:
    """Return the page, HTML; every text in it is escaped.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError:
        raise MissingExtraError.for_feature("the report of a batch", extra="batch") from None
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(TEMPLATE.read_text("utf-8")).render(content)
