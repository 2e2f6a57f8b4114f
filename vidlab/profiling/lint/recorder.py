"""Reads one scope in the order in which it runs: work of a device, waiting, clocks."""

import ast
from typing import Protocol

from vidlab.profiling.lint.events import Event, Kind, key, leaves_work, text_of
from vidlab.profiling.lint.names import TIMEIT, is_copy
from vidlab.profiling.lint.values import Scope, Values


class Functions(Protocol):
    """What is known of the other functions of the file.

    Attributes:
        values: Which names hold something on a device.
        starters: Methods that keep a reading of a clock in an attribute.
        hasty: Methods that subtract it without waiting.
        hasty_blocks: Names to use after `with` that time the block without waiting.
    """

    values: Values
    starters: set[str]
    hasty: set[str]
    hasty_blocks: set[str]

    def of(self, scope: Scope) -> list[Event]:
        """Return the events of a scope."""

    def called(self, name: str) -> list[Event]:
        """Return the events of a function, by name."""


class Recorder(ast.NodeVisitor):
    """Visits one scope in the order of execution, loops once, both branches of a condition."""

    def __init__(self, all_events: Functions, scope: Scope) -> None:
        self._all, self._values, self._scope = all_events, all_events.values, scope
        self.events: list[Event] = []
        self._read: dict[str, int] = {}  # name → the event at which it took a clock's reading
        self._in_comparison = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Functions are scopes of their own."""

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """Functions are scopes of their own."""

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Functions are scopes of their own."""

    def visit_Assign(self, node: ast.Assign) -> None:
        """The value comes first; then the names remember a clock's reading."""
        self.visit(node.value)
        for target in node.targets:
            self._remember(target, node.value)
            if isinstance(target, ast.Subscript) and self._is_device(target.value):
                self._add(Kind.WORK, target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """As without the annotation."""
        if node.value is not None:
            self.visit(node.value)
            self._remember(node.target, node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """`x += y` works where x is; `t -= start` ends an interval."""
        self.visit(node.value)
        name, start = key(node.target), key(node.value)
        if isinstance(node.op, ast.Sub) and name in self._read and start in self._read:
            self._interval(node, self._read[start], self._read[name])
        elif self._is_device(node.target):
            self._add(Kind.WORK, node)

    def visit_With(self, node: ast.With) -> None:
        """A timer of this file that does not wait ends its interval with the block."""
        first = len(self.events)
        for item in node.items:
            self.visit(item.context_expr)
        for statement in node.body:
            self.visit(statement)
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and key(call.func).rpartition(".")[2] in self._all.hasty_blocks:
                self._add(Kind.CLOCK, call)
                self._interval(call, first, len(self.events) - 1)

    def visit_Compare(self, node: ast.Compare) -> None:
        """Comparing elapsed time with a limit measures nothing."""
        self._in_comparison += 1
        self.generic_visit(node)
        self._in_comparison -= 1

    def visit_If(self, node: ast.If) -> None:
        """A condition on a tensor's value waits for it."""
        self._condition(node.test)
        for statement in (*node.body, *node.orelse):
            self.visit(statement)

    def visit_While(self, node: ast.While) -> None:
        """A condition on a tensor's value waits for it."""
        self._condition(node.test)
        for statement in (*node.body, *node.orelse):
            self.visit(statement)

    def visit_Yield(self, node: ast.Yield) -> None:
        """Somebody else's code runs."""
        self.generic_visit(node)
        self._add(Kind.YIELD, node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """The difference of two readings is an interval; arithmetic on tensors is work."""
        self.generic_visit(node)
        start = self._read.get(key(node.right))
        if isinstance(node.op, ast.Sub) and start is not None and not self._in_comparison:
            stop = self._reading(node.left)
            if stop is not None and stop > start:
                self._interval(node, start, stop)
                return
        if self._is_device(node.left) or self._is_device(node.right):
            self._add(Kind.WORK, node)

    def visit_Call(self, node: ast.Call) -> None:
        """Arguments come first, then the call."""
        self.generic_visit(node)
        names, name = self._values.names, key(node.func)
        arguments = [*node.args, *(word.value for word in node.keywords)]
        given = any(self._is_device(argument) for argument in arguments)
        local = name.rpartition(".")[2] in self._values.functions and not names.waits(
            node, takes_device=False
        )
        if names.is_clock(node):
            self._add(Kind.CLOCK, node)
        elif names.waits(node, takes_device=given):
            self._add(Kind.WAIT, node)
        elif names.dotted(node.func) in TIMEIT:
            self._timeit(node)
        elif local:
            self._local(node, name)
        elif self._works(node, given=given):
            self._add(Kind.WORK, node, is_run=isinstance(node.func, ast.Name) and self._is_device(node.func))

    def _local(self, node: ast.Call, name: str) -> None:
        """A function of this file: what it does happens here."""
        owner, _, method = name.rpartition(".")
        if owner and method in self._all.starters:
            self._add(Kind.CLOCK, node)
            self._read[owner] = len(self.events) - 1
        elif owner and method in self._all.hasty and owner in self._read:
            self._add(Kind.CLOCK, node)
            self._interval(node, self._read[owner], len(self.events) - 1)
        inside = self._all.called(name)
        if leaves_work(inside):
            self._add(Kind.WORK, node, is_run=True)
        elif any(event.kind is Kind.WAIT for event in inside):
            self._add(Kind.WAIT, node)

    def _works(self, node: ast.Call, *, given: bool) -> bool:
        if is_copy(node) or self._values.is_host_call(node):
            return False
        return given or self._is_device(node.func) or self._is_device(node)

    def _timeit(self, node: ast.Call) -> None:
        """`timeit` reads its clock as soon as the statement returns."""
        statement = node.args[0] if node.args else None
        for word in node.keywords:
            statement = word.value if word.arg == "stmt" else statement
        inside: list[Event] = []
        if isinstance(statement, ast.Lambda):
            inside = self._all.of(statement)
        elif isinstance(statement, ast.Name):
            inside = self._all.called(statement.id)
        elif isinstance(statement, ast.Constant) and isinstance(statement.value, str):
            recorder = Recorder(self._all, self._scope)
            try:
                recorder.visit(ast.parse(statement.value))
            except SyntaxError:
                return
            inside = recorder.events
        if leaves_work(inside):
            self._add(Kind.TIMED_CALL, node)

    def _condition(self, test: ast.expr) -> None:
        self.visit(test)
        if isinstance(test, ast.Compare) and self._is_device(test):
            identity = (ast.Is, ast.IsNot, ast.In, ast.NotIn)
            if not any(isinstance(op, identity) for op in test.ops):
                self._add(Kind.WAIT, test)

    def _remember(self, target: ast.expr, value: ast.expr) -> None:
        reading = self._reading(value)
        if reading is not None and key(target):
            self._read[key(target)] = reading

    def _reading(self, node: ast.expr) -> int | None:
        """Return the event at which an expression took its reading of a clock."""
        if self._values.names.is_clock(node):
            clocks = [place for place, event in enumerate(self.events) if event.kind is Kind.CLOCK]
            return clocks[-1] if clocks else None
        return self._read.get(key(node)) if key(node) else None

    def _is_device(self, node: ast.AST) -> bool:
        return self._values.on_device(node, self._scope)

    def _add(self, kind: Kind, node: ast.AST, *, is_run: bool = False) -> None:
        self.events.append(Event(kind, getattr(node, "lineno", 0), text_of(node), is_run=is_run))

    def _interval(self, node: ast.AST, first: int, last: int) -> None:
        line, text = self.events[last].line, self.events[last].text
        self.events.append(Event(Kind.INTERVAL, line, text, first, last))
