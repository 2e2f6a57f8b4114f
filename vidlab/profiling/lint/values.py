"""Which names hold something on a device: followed from `.cuda()` and `device=` through the calls."""

import ast
from collections.abc import Iterator
from typing import TypeAlias

from vidlab.profiling.lint.names import Names

Scope: TypeAlias = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_PASSES = 6  # a name gets what it holds from another name: longer chains are rare

# What a tensor or module says about itself without any work of the device.
_FACTS = frozenset((
    "shape", "dtype", "device", "ndim", "size", "dim", "numel", "stride", "element_size", "is_cuda",
    "is_contiguous", "data_ptr", "parameters", "named_parameters", "children", "modules", "state_dict",
    "load_state_dict", "eval", "train", "requires_grad_", "requires_grad", "zero_grad", "__len__",
    "__class__", "names",
))  # fmt: skip
_ON_HOST = frozenset((
    "len", "isinstance", "type", "id", "range", "hasattr", "getattr", "callable", "repr", "format",
    "float", "int", "bool", "str", "print", "dir", "vars", "round", "issubclass",
    "torch.cuda.is_available", "torch.device", "torch.no_grad", "torch.save",
))  # fmt: skip
_VIEWS = frozenset((
    "detach", "view", "reshape", "permute", "transpose", "unsqueeze", "squeeze", "expand", "flatten",
    "T", "data",
))  # fmt: skip
_STORES = frozenset((
    "append", "extend", "put", "add", "insert", "setdefault", "info", "debug", "warning", "add_scalar",
))  # fmt: skip


class Values:
    """Names that hold tensors, modules or functions whose work a device does; one set for each scope."""

    def __init__(self, tree: ast.Module, names: Names) -> None:
        """Follow values through assignments, loops and calls until nothing new is found."""
        self.names = names
        self.parents: dict[ast.AST, Scope] = {}
        self.functions: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
        self._held: dict[tuple[int, str], bool] = {}
        self._all_on_gpu = False
        self._tree = tree
        self._returns: set[str] = set()
        self._nest(tree, tree)
        self._settle()

    def is_fact(self, name: str) -> bool:
        """Whether an attribute or method says something without any work."""
        return name in _FACTS

    def is_view(self, call: ast.Call) -> bool:
        """Whether a call looks at a tensor in another way, or stores it, without any work."""
        return isinstance(call.func, ast.Attribute) and call.func.attr in _VIEWS | _STORES | _FACTS

    def is_host_call(self, call: ast.Call) -> bool:
        """Whether a call does nothing on a device whatever it is given."""
        return self.names.dotted(call.func) in _ON_HOST or self.is_view(call)

    def hold(self, functions: set[str]) -> None:
        """Note which functions of this file leave work on a device when they return, and follow them."""
        self._held |= {(id(self._tree), function): True for function in functions}
        self._settle()

    def on_device(self, node: ast.AST | None, scope: Scope) -> bool:
        """Whether an expression is something on a device, or calls it."""
        if isinstance(node, ast.Name | ast.Attribute):
            return self._name_on_device(node, scope)
        if isinstance(node, ast.Call):
            return self._call_on_device(node, scope)
        if isinstance(node, ast.Lambda):
            return self.on_device(node.body, node)
        if isinstance(node, ast.Compare):
            return any(self.on_device(part, scope) for part in (node.left, *node.comparators))
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            return self.on_device(node.elt, scope)
        if isinstance(node, ast.Constant | ast.JoinedStr) or node is None:
            return False
        return any(self.on_device(part, scope) for part in _parts(node))

    def _settle(self) -> None:
        for _ in range(_PASSES):
            before = len(self._held), len(self._returns)
            for node in ast.walk(self._tree):
                self._follow(node)
            if (len(self._held), len(self._returns)) == before:
                break

    def _name_on_device(self, node: ast.Name | ast.Attribute, scope: Scope) -> bool:
        name = _spelled(node)
        if isinstance(node, ast.Attribute):
            if node.attr in _FACTS:
                return False
            if self._held.get((0, name)):
                return True
            return self.on_device(node.value, scope)
        here: Scope | None = scope
        while here is not None:
            if self._held.get((id(here), name)):
                return True
            here = None if isinstance(here, ast.Module) else self.parents.get(here)
        return False

    def _call_on_device(self, call: ast.Call, scope: Scope) -> bool:
        func, name = call.func, self.names.dotted(call.func)
        if isinstance(func, ast.Attribute):
            if func.attr == "cuda" and not name.startswith("torch."):
                return True
            if func.attr == "to":
                targets = [*call.args, *(word.value for word in call.keywords if word.arg == "device")]
                return any(self.names.is_gpu(target) for target in targets) or (
                    not any(isinstance(target, ast.Constant) for target in targets)
                    and self.on_device(func.value, scope)
                )
        arguments = [*call.args, *(word.value for word in call.keywords)]
        if self.names.waits(call, takes_device=any(self.on_device(one, scope) for one in arguments)):
            return False
        if any(word.arg == "device" and self.names.is_gpu(word.value) for word in call.keywords):
            return True
        if (self._all_on_gpu and name.startswith("torch.")) or name.startswith("cupy."):
            return True
        if name in self.functions:
            return name in self._returns
        if name in _ON_HOST or (isinstance(func, ast.Attribute) and func.attr in _FACTS - {"eval", "train"}):
            return False
        return self.on_device(func, scope) or any(self.on_device(one, scope) for one in arguments)

    def _follow(self, node: ast.AST) -> None:
        scope = self.parents.get(node, self._tree)
        if isinstance(node, ast.Return) and isinstance(scope, FUNCTIONS):
            if self.on_device(node.value, scope):
                self._returns.add(scope.name)
        elif isinstance(node, ast.Call):
            self._pass_arguments(node, scope)
        elif isinstance(node, FUNCTIONS):
            for decorator in node.decorator_list:
                self._pass_to(_spelled(decorator), [ast.Name(node.name)], scope)
        for target, value in _bindings(node):
            self._bind(target, value, scope)

    def _pass_arguments(self, call: ast.Call, scope: Scope) -> None:
        name = self.names.dotted(call.func)
        arguments = [self.names.dotted(one) or getattr(one, "value", "") for one in call.args]
        if name.endswith("set_default_device") and any("cuda" in str(one) for one in arguments):
            self._all_on_gpu = True
        self._pass_to(name.rpartition(".")[2], call.args, scope)
        for function in self.functions.get(name.rpartition(".")[2], []):
            for word in call.keywords:
                if word.arg and self.on_device(word.value, scope):
                    self._held[id(function), word.arg] = True

    def _pass_to(self, name: str, arguments: list[ast.expr], scope: Scope) -> None:
        for function in self.functions.get(name, []):
            parameters = [*function.args.posonlyargs, *function.args.args]
            if parameters and parameters[0].arg in ("self", "cls"):
                parameters = parameters[1:]
            for parameter, argument in zip(parameters, arguments, strict=False):
                if self.on_device(argument, scope):
                    self._held[id(function), parameter.arg] = True
            if any(self.on_device(one, scope) for one in arguments) and function.args.vararg:
                self._held[id(function), function.args.vararg.arg] = True

    def _bind(self, target: ast.expr, value: ast.expr, scope: Scope) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            whole = [value] * len(target.elts)
            for one, its in zip(target.elts, values if len(values) == len(whole) else whole, strict=True):
                self._bind(one, its, scope)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, value, scope)
        elif isinstance(target, ast.Name | ast.Attribute) and self.on_device(value, scope):
            owner = 0 if isinstance(target, ast.Attribute) else id(scope)
            self._held[owner, _spelled(target)] = True

    def _nest(self, node: ast.AST, scope: Scope) -> None:
        for child in ast.iter_child_nodes(node):
            self.parents[child] = scope
            if isinstance(child, FUNCTIONS):
                self.functions.setdefault(child.name, []).append(child)
            self._nest(child, child if isinstance(child, (*FUNCTIONS, ast.Lambda)) else scope)


def _spelled(node: ast.expr) -> str:
    """Return a name as it is written, `self.model`; empty for other expressions."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _spelled(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def _bindings(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    """Return target and value of everything that a node assigns."""
    if isinstance(node, ast.Assign):
        return [(target, node.value) for target in node.targets]
    if isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
        return [(node.target, node.value)]
    if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        return [(node.target, node.iter)]
    if isinstance(node, ast.withitem) and node.optional_vars is not None:
        return [(node.optional_vars, node.context_expr)]
    return []


def _parts(node: ast.AST) -> Iterator[ast.expr]:
    return (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
