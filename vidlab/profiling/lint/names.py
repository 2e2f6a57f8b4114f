"""What names stand for in a tree: imports, clocks, calls that wait, and whether a device is meant."""

import ast
import re

CLOCKS = frozenset(
    f"time.{name}{end}"
    for name in ("time", "perf_counter", "monotonic", "process_time", "thread_time")
    for end in ("", "_ns")
) | {"timeit.default_timer", "datetime.datetime.now", "datetime.datetime.utcnow"}
TIMEIT = frozenset({"timeit.timeit", "timeit.repeat", "timeit.Timer"})

# Methods of a tensor that end on the CPU, and so wait; functions that wait when they are given a tensor.
_WAITING_METHODS = frozenset({"item", "tolist", "cpu", "numpy", "nonzero", "elapsed_time", "barrier"})
_WAITING_FUNCTIONS = frozenset({"float", "int", "bool", "print", "str"})
_WAITING_CALLS = frozenset({"torch.equal", "torch.allclose", "cupy.asnumpy", "numpy.asarray", "numpy.array"})
_SYNC_NAME = re.compile(r"(^|_)sync(hroni[sz]e)?(d|r|$|_)|^wait_for_(gpu|device|cuda)$")
_NO_SYNC_NAME = re.compile(r"(^|_)(no|un|a|non)_?sync")

_GPU_TEXT = re.compile(r"^(cuda|mps|xpu|hip)(:\d+)?$")
_DEVICE_NAME = re.compile(r"(^|_|\.)(dev|device|gpu|cuda)(_\w+)?$", re.IGNORECASE)


class Names:
    """What the imports and plain assignments of a tree say about its names."""

    def __init__(self, tree: ast.AST) -> None:
        """Read all imports, wherever they are."""
        self._origins: dict[str, str] = {}
        self._gpu_names: set[str] = set()
        self._cpu_names: set[str] = set()
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        self.mentions_gpu = any(_is_gpu_text(text) for text in texts) or any(
            isinstance(node, ast.Attribute) and node.attr == "cuda" for node in ast.walk(tree)
        )
        self._only_cpu = "cpu" in texts and not self.mentions_gpu
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._origins[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    self._origins[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                self._learn(node)

    def dotted(self, node: ast.expr) -> str:
        """Return a name with its import resolved, as `time.perf_counter`; empty for other expressions."""
        if isinstance(node, ast.Name):
            return self._origins.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            before = self.dotted(node.value)
            return f"{before}.{node.attr}" if before else ""
        return ""

    def is_clock(self, node: ast.AST) -> bool:
        """Whether a node reads a clock."""
        return isinstance(node, ast.Call) and self.dotted(node.func) in CLOCKS

    def waits(self, call: ast.Call, *, takes_device: bool) -> bool:
        """Whether a call returns only after the device is done."""
        name = self.dotted(call.func)
        last = call.func.attr if isinstance(call.func, ast.Attribute) else name.rpartition(".")[2]
        if not last:
            return False
        if last.startswith("synchroni") or (_SYNC_NAME.search(last) and not _NO_SYNC_NAME.search(last)):
            return True
        if isinstance(call.func, ast.Attribute) and last in _WAITING_METHODS:
            return True
        if last == "to" and isinstance(call.func, ast.Attribute):
            to_cpu = any(isinstance(arg, ast.Constant) and arg.value == "cpu" for arg in call.args)
            return to_cpu and not _is_nonblocking(call)
        return takes_device and (name in _WAITING_FUNCTIONS or name in _WAITING_CALLS)

    def is_gpu(self, node: ast.expr | None) -> bool:
        """Whether an expression names a device that may be a GPU."""
        if node is None:
            return False
        if isinstance(node, ast.Constant):
            return _is_gpu_text(node.value) or (type(node.value) is int)
        if isinstance(node, ast.IfExp):
            return self.is_gpu(node.body) or self.is_gpu(node.orelse)
        if isinstance(node, ast.BoolOp):
            return any(self.is_gpu(value) for value in node.values)
        if isinstance(node, ast.JoinedStr):
            return any(isinstance(part, ast.Constant) and "cuda" in str(part.value) for part in node.values)
        if isinstance(node, ast.Call):
            called = self.dotted(node.func)
            if called == "torch.device":
                return any(self.is_gpu(arg) for arg in node.args)
            return "accelerator" in called or (bool(_DEVICE_NAME.search(called)) and not self._only_cpu)
        name = self.dotted(node)
        if not name or name in self._cpu_names - self._gpu_names:
            return False
        return name in self._gpu_names or (bool(_DEVICE_NAME.search(name)) and not self._only_cpu)

    def _learn(self, node: ast.Assign) -> None:
        for target in node.targets:
            name = self.dotted(target)
            if name and self.dotted(node.value) in CLOCKS:
                self._origins[name] = self.dotted(node.value)  # `now = time.perf_counter`
            texts = {part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)}
            if name and any(_is_gpu_text(text) for text in texts):
                self._gpu_names.add(name)
            elif name and "cpu" in texts:
                self._cpu_names.add(name)


def is_copy(call: ast.Call) -> bool:
    """Whether a call moves something to a device and waits for it."""
    moves = isinstance(call.func, ast.Attribute) and call.func.attr in ("to", "cuda")
    return moves and not _is_nonblocking(call)


def _is_nonblocking(call: ast.Call) -> bool:
    return any(word.arg == "non_blocking" and not _is_false(word.value) for word in call.keywords)


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not node.value


def _is_gpu_text(value: object) -> bool:
    return isinstance(value, str) and bool(_GPU_TEXT.match(value))
