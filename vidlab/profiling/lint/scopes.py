"""The events of every function of a file, and which of its own timers do not wait."""

import ast

from vidlab.profiling.lint.events import Event, Kind, leaves_work
from vidlab.profiling.lint.recorder import Recorder
from vidlab.profiling.lint.values import FUNCTIONS, Scope, Values

_MAX_DEPTH = 20  # of calls from one function of the file to another


class Scopes:
    """The events of every scope of a tree."""

    def __init__(self, tree: ast.Module, values: Values) -> None:
        """Look at every function and class of the tree."""
        self.values = values
        self._tree = tree
        self._known: dict[ast.AST, list[Event]] = {}
        self._depth = 0
        self.starters: set[str] = set()  # methods that keep a reading in an attribute
        self.hasty: set[str] = set()  # methods that subtract it without waiting
        self.hasty_blocks: set[str] = set()  # names to use after `with` that time without waiting
        values.hold(
            {
                name
                for name, functions in values.functions.items()
                if any(leaves_work(self.of(function)) for function in functions)
            }
        )
        self._known.clear()
        self._find_timers()
        self._known.clear()

    def all_scopes(self) -> list[list[Event]]:
        """Return the events of the module and of every function."""
        functions = [function for listed in self.values.functions.values() for function in listed]
        return [self.of(scope) for scope in (self._tree, *functions)]

    def of_module(self) -> list[Event]:
        """Return the events outside functions."""
        return self.of(self._tree)

    def of(self, scope: Scope) -> list[Event]:
        """Return the events of a scope; nothing for one that calls itself."""
        if scope not in self._known:
            self._known[scope] = []
            recorder = Recorder(self, scope)
            if isinstance(scope, ast.Lambda):
                recorder.visit(scope.body)
            else:
                for statement in scope.body:
                    recorder.visit(statement)
            self._known[scope] = recorder.events
        return self._known[scope]

    def called(self, name: str) -> list[Event]:
        """Return the events of a function of this file, by name; empty for others."""
        functions = self.values.functions.get(name.rpartition(".")[2], [])
        if not functions or self._depth > _MAX_DEPTH:
            return []
        self._depth += 1
        try:
            return self.of(functions[-1])
        finally:
            self._depth -= 1

    def _find_timers(self) -> None:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.ClassDef):
                self._find_methods(node)
            elif isinstance(node, FUNCTIONS):
                for event in self.of(node):
                    if event.kind is Kind.INTERVAL:
                        between = self.of(node)[event.first : event.last]
                        yields = [place for place, one in enumerate(between) if one.kind is Kind.YIELD]
                        if yields and not any(one.kind is Kind.WAIT for one in between[yields[-1] :]):
                            self.hasty_blocks.add(node.name)

    def _find_methods(self, node: ast.ClassDef) -> None:
        methods = {method.name: method for method in node.body if isinstance(method, FUNCTIONS)}
        kept = {
            name: {_attribute(target) for target in _clock_targets(method, self)} - {""}
            for name, method in methods.items()
        }
        attributes = set().union(*kept.values()) if kept else set()
        starters = {name for name, found in kept.items() if found}
        hasty = {
            name
            for name, method in methods.items()
            if any(_attribute(node.right) in attributes for node in _differences(method))
            and not any(event.kind is Kind.WAIT for event in self.of(method))
        }
        if "__enter__" in starters and "__exit__" in hasty:
            self.hasty_blocks.add(node.name)
        self.starters |= starters - {"__enter__", "__init__"}
        self.hasty |= hasty - {"__exit__"}


def _differences(function: ast.AST) -> list[ast.BinOp]:
    return [
        node for node in ast.walk(function) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)
    ]


def _clock_targets(function: ast.AST, events: Scopes) -> list[ast.expr]:
    return [
        target
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and events.values.names.is_clock(node.value)
        for target in node.targets
    ]


def _attribute(node: ast.expr) -> str:
    """Return NAME of `self.NAME`."""
    is_own = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    return node.attr if is_own and isinstance(node, ast.Attribute) else ""
