"""What a piece of code does, as a list in the order of execution."""

import ast
from dataclasses import dataclass
from enum import Enum, auto

_MAX_TEXT = 40  # characters of code in a message


class Kind(Enum):
    """What happens."""

    WORK = auto()  # a device is asked for something
    WAIT = auto()  # everything it was asked for is done
    CLOCK = auto()  # a clock is read
    YIELD = auto()  # somebody else's code runs
    INTERVAL = auto()  # two readings are subtracted
    TIMED_CALL = auto()  # a function that is timed by another leaves work unfinished


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens.

    Attributes:
        kind: What.
        line: Line of the tree.
        text: The code, shortened.
        first: Of an interval: number of the event that starts it.
        last: Of an interval: number of the event that ends it.
        is_run: Of work: a network or function that is called, more than arithmetic on a tensor.
    """

    kind: Kind
    line: int
    text: str
    first: int = 0
    last: int = 0
    is_run: bool = False


def leaves_work(events: list[Event]) -> bool:
    """Whether work of a device is unfinished after these events."""
    late = False
    for event in events:
        late = event.kind is Kind.WORK or (late and event.kind is not Kind.WAIT)
    return late


def key(node: ast.expr) -> str:
    """Return a name as it is written, `self.start`; what is not a name at its root is left out."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = key(node.value)
        return f"{before}.{node.attr}" if before else f".{node.attr}"
    return ""


def text_of(node: ast.AST) -> str:
    """Return the code of a node, shortened."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1]}…"
