"""Small scripts, right and wrong: every wrong one is found at its line, no right one is reported."""

# ruff: noqa: E501 - a snippet a line reads best
import ast
import textwrap
from pathlib import Path

import pytest

from vidlab.profiling.lint import lint_code
from vidlab.profiling.lint.sources import Code

SETUP = """
import time, timeit, torch
from time import perf_counter
device = torch.device("cuda")
model = Net().to(device)
x = torch.randn(1, 3, 224, 224, device=device)
loader, times = [], []
"""


def lint(source: str, setup: str = SETUP) -> list[tuple[int, str]]:
    """Findings as (line within the snippet from 1, message)."""
    code = Code(ast.parse(setup + textwrap.dedent(source).strip("\n")))
    shift = setup.count("\n")
    return [(int(one.place) - shift, one.message) for one in lint_code(code, path=Path("x.py"))]


WRONG = {
    "the plain mistake": (3, "t = time.time()\ny = model(x)\nprint(time.time() - t)"),
    "perf_counter": (3, "t = perf_counter()\ny = model(x)\nprint(perf_counter() - t)"),
    "two readings, subtracted later": (3, "t0 = time.time()\nmodel(x)\nt1 = time.time()\nprint(t1 - t0)"),
    "process_time": (3, "t = time.process_time()\nmodel(x)\nd = time.process_time() - t"),
    "monotonic_ns": (3, "t = time.monotonic_ns()\nmodel(x)\nd = (time.monotonic_ns() - t) / 1e9"),
    "imported under another name": (4, "import time as tm\nt = tm.time()\nmodel(x)\nd = tm.time() - t"),
    "clock kept in a variable": (4, "now = time.perf_counter\nt = now()\nmodel(x)\nd = now() - t"),
    "loop over batches": (4, "t = time.time()\nfor _ in range(10):\n    y = model(x)\nfps = 10 / (time.time() - t)"),
    "clock in a loop": (
        4,
        "for _ in range(9):\n    t = time.time()\n    y = model(x)\n    times.append(time.time() - t)",
    ),
    "waited for before the work only": (
        4,
        "torch.cuda.synchronize()\nt = time.time()\nmodel(x)\nd = time.time() - t",
    ),
    "waited for in the middle only": (
        5,
        "t = time.time()\nmodel(x)\ntorch.cuda.synchronize()\nmodel(x)\nd = time.time() - t",
    ),
    "waited for too late": (
        3,
        "t = time.time()\nmodel(x)\nd = time.time() - t\ntorch.cuda.synchronize()",
    ),
    "matrix product": (4, "a = torch.rand(9, 9).cuda()\nt = time.time()\nb = a @ a\nd = time.time() - t"),
    "function of torch": (3, "t = time.time()\ny = torch.relu(x)\nd = time.time() - t"),
    "method of a tensor": (3, "t = time.time()\ny = x.sum()\nd = time.time() - t"),
    "in-place": (3, "t = time.time()\nx += 1\nd = time.time() - t"),
    "indexed assignment": (3, "t = time.time()\nx[0] = 1\nd = time.time() - t"),
    "made on the device": (3, 't = time.time()\ny = torch.rand(9, device="cuda:0")\nd = time.time() - t'),
    "copy that does not wait": (
        3,
        "t = time.time()\ny = batch.to(device, non_blocking=True)\nd = time.time() - t",
    ),
    "two of three intervals": (
        3,
        "a = time.time()\nmodel(x)\nb = time.time()\ntorch.cuda.synchronize()\nc = time.time()\nprint(b - a, c - b)",
    ),
    "backward": (
        5,
        "t = time.time()\nloss = model(x).mean()\nopt = torch.optim.SGD(model.parameters(), 0.1)\nloss.backward()\n"
        "d = time.time() - t",
    ),
    "function of the file": (4, "def step():\n    return model(x)\nt = time.time(); step()\nd = time.time() - t"),
    "inside a function": (
        4,
        "def bench(net, batch):\n    t = time.time()\n    net(batch)\n    return time.time() - t\nbench(model, x)",
    ),
    "inside a method": (
        6,
        "class Run:\n    def __init__(self):\n        self.net = Net().cuda()\n    def go(self, x):\n"
        "        t = time.time(); self.net(x)\n        return time.time() - t",
    ),
    "callable that is passed": (
        4,
        "def bench(f):\n    t = time.time()\n    f()\n    return time.time() - t\nbench(lambda: model(x))",
    ),
    "function that is passed": (
        6,
        "def go():\n    model(x)\ndef bench(f):\n    t = time.time()\n    f()\n    d = time.time() - t\nbench(go)",
    ),
    "decorator": (
        5,
        "def timed(f):\n    def run(*a):\n        t = time.time()\n        y = f(*a)\n        print(time.time() - t)\n"
        "        return y\n    return run\n@timed\ndef infer(b):\n    return model(b)",
    ),
    "timer class": (
        7,
        "class Timer:\n    def __enter__(self):\n        self.t = time.time()\n        return self\n"
        "    def __exit__(self, *_):\n        self.d = time.time() - self.t\nwith Timer():\n    model(x)",
    ),
    "timer from a generator": (
        7,
        "from contextlib import contextmanager\n@contextmanager\ndef timer():\n    t = time.time()\n    yield\n"
        "    print(time.time() - t)\nwith timer():\n    model(x)",
    ),
    "tic and toc": (
        9,
        "class Watch:\n    def tic(self):\n        self.t = time.time()\n    def toc(self):\n"
        "        return time.time() - self.t\nw = Watch()\nw.tic()\nmodel(x)\nw.toc()",
    ),
    "timeit of a lambda": (1, "timeit.timeit(lambda: model(x), number=9)"),
    "timeit of a text": (1, 'timeit.timeit("model(x)", globals=globals(), number=9)'),
    "timeit of a function": (3, "def go():\n    model(x)\ntimeit.repeat(go, number=9)"),
    "difference in place": (4, "t0 = time.time()\nmodel(x)\nd = 0\nt = time.time(); t -= t0"),
    "warm-up still running": (3, "for _ in range(9):\n    model(x)\nt = time.time()\nmodel(x)\ntorch.cuda.synchronize()\n"
                              "d = time.time() - t"),
    "device of another tensor": (4, "z = torch.rand(3).to(x.device)\nt = time.time()\nz * 2\nd = time.time() - t"),
    "comprehension": (3, "t = time.time()\nys = [model(b) for b in loader]\nd = time.time() - t"),
    "last reading moves on": (
        5,
        "last = time.time()\nfor b in loader:\n    model(x)\n    pass\n    now = time.time()\n"
        "    times.append(now - last)\n    last = now",
    ),
    "autocast": (
        4,
        't = time.time()\nwith torch.autocast("cuda"), torch.no_grad():\n    y = model(x)\nd = time.time() - t',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_clock_is_found_at_its_line(name):
    line, source = WRONG[name]
    found = lint(source)
    assert [place for place, _ in found] == [line], found
    assert "synchronize" in found[0][1]


RIGHT = {
    "waited for": "t = time.time()\nmodel(x)\ntorch.cuda.synchronize()\nd = time.time() - t",
    "waited for if there is a GPU": "t = time.time()\nmodel(x)\nif torch.cuda.is_available():\n"
    "    torch.cuda.synchronize()\nd = time.time() - t",
    "item": "t = time.time()\nloss = model(x).sum().item()\nd = time.time() - t",
    "cpu": "t = time.time()\ny = model(x).cpu()\nd = time.time() - t",
    "numpy": "t = time.time()\ny = model(x).detach().cpu().numpy()\nd = time.time() - t",
    "to cpu": 't = time.time()\ny = model(x).to("cpu")\nd = time.time() - t',
    "float": "t = time.time()\ny = float(model(x).sum())\nd = time.time() - t",
    "printed": "t = time.time()\nprint(model(x))\nd = time.time() - t",
    "compared": "t = time.time()\nif model(x).sum() > 3:\n    pass\nd = time.time() - t",
    "events": "a = torch.cuda.Event(enable_timing=True)\nb = torch.cuda.Event(enable_timing=True)\n"
    "a.record(); model(x); b.record(); b.synchronize()\nprint(a.elapsed_time(b))",
    "events within a clock": "t = time.time()\ne = torch.cuda.Event()\nmodel(x); e.record(); e.synchronize()\n"
    "d = time.time() - t",
    "stream waited for": "s = torch.cuda.Stream()\nt = time.time()\nmodel(x)\ns.synchronize()\nd = time.time() - t",
    "own function that waits": "def sync():\n    torch.cuda.synchronize()\nt = time.time()\nmodel(x)\nsync()\n"
    "d = time.time() - t",
    "own function that waits, under any name": "def done():\n    torch.cuda.synchronize()\n"
    "t = time.time()\nmodel(x)\ndone()\nd = time.time() - t",
    "callable that waits": "def bench(synchronize):\n    t = time.time()\n    model(x)\n    synchronize()\n"
    "    return time.time() - t",
    "mps": "t = time.time()\nmodel(x)\ntorch.mps.synchronize()\nd = time.time() - t",
    "accelerator": "t = time.time()\nmodel(x)\ntorch.accelerator.synchronize()\nd = time.time() - t",
    "deadline": "t = time.time()\nwhile time.time() - t < 10:\n    model(x)",
    "log now and then": "last = time.time()\nfor b in loader:\n    model(x)\n    if time.time() - last > 5:\n"
    "        last = time.time()",
    "stamp alone": "model(x)\nstamp = time.time()",
    "before the work": "t = time.time()\nopen('a')\nd = time.time() - t\nmodel(x)",
    "decoding only": "t = time.time()\nframe = next(reader)\nd = time.time() - t\nmodel(x)",
    "loading": "t = time.time()\nnet = Net().to(device)\nd = time.time() - t",
    "facts": "t = time.time()\nn = len(x); s = x.shape; d = x.dtype; k = x.size(0)\nd = time.time() - t",
    "stored": "t = time.time()\ntimes.append(x)\nd = time.time() - t",
    "parameters": "t = time.time()\nn = sum(p.numel() for p in model.parameters())\nd = time.time() - t",
    "function that waits inside": "def go():\n    y = model(x)\n    torch.cuda.synchronize()\nt = time.time(); go()\n"
    "d = time.time() - t",
    "function that waits is passed": "def go():\n    return model(x).cpu()\ndef bench(f):\n    t = time.time()\n"
    "    f()\n    return time.time() - t\nbench(go)",
    "timer that waits": "class Timer:\n    def __enter__(self):\n        torch.cuda.synchronize()\n"
    "        self.t = time.time()\n    def __exit__(self, *_):\n        torch.cuda.synchronize()\n"
    "        self.d = time.time() - self.t\nwith Timer():\n    model(x)",
    "generator that waits": "from contextlib import contextmanager\n@contextmanager\ndef timer():\n"
    "    torch.cuda.synchronize()\n    t = time.time()\n    yield\n    torch.cuda.synchronize()\n"
    "    print(time.time() - t)\nwith timer():\n    model(x)",
    "tic and toc that wait": "class Watch:\n    def tic(self):\n        self.t = time.time()\n    def toc(self):\n"
    "        torch.cuda.synchronize()\n        return time.time() - self.t\nw = Watch()\nw.tic()\nmodel(x)\nw.toc()",
    "timer of this file around work of the CPU": "class Timer:\n    def __enter__(self):\n        self.t = time.time()\n"
    "    def __exit__(self, *_):\n        self.d = time.time() - self.t\nwith Timer():\n    open('a')",
    "timeit that waits": "timeit.timeit(lambda: model(x).cpu(), number=9)",
    "torch's own timer": "from torch.utils.benchmark import Timer\nTimer('model(x)', globals=globals()).timeit(9)",
    "warm-up waited for": "for _ in range(9):\n    model(x)\ntorch.cuda.synchronize()\nt = time.time()\nmodel(x)\n"
    "torch.cuda.synchronize()\nd = time.time() - t",
    "numbers": "n, m = 3, 2\nt = time.time()\nk = n - m\nd = time.time() - t",
    "two functions": "def a():\n    t = time.time()\n    return t\ndef b(t):\n    model(x)\n    return time.time() - t",
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_clock_is_not_reported(name):
    assert lint(RIGHT[name]) == []


ON_CPU = {
    "no torch": "import time\nt = time.time()\ny = model(x)\nprint(time.time() - t)",
    "torch on the CPU": "import time, torch\nm = Net()\nx = torch.rand(3)\nt = time.time()\nm(x)\nd = time.time() - t",
    "the CPU by name": 'import time, torch\ndevice = torch.device("cpu")\nm = Net().to(device)\nt = time.time()\n'
    "m(1)\nd = time.time() - t",
    "the CPU as default": 'import time\ndef run(x, device="cpu"):\n    m = Net().to(device)\n    t = time.time()\n'
    "    m(x)\n    return time.time() - t",
    "another type": "import time, torch\nx = torch.rand(3).to(torch.float16)\nt = time.time()\nx + 1\nd = time.time() - t",
    "arrays": "import time, numpy as np\na = np.ones(3)\nt = time.time()\na @ a\nd = time.time() - t",
    "recursion": "import time\ndef f(n):\n    return f(n - 1)\nt = time.time()\nf(3)\nd = time.time() - t",
}


@pytest.mark.parametrize("name", ON_CPU)
def test_code_that_never_touches_a_device_is_not_reported(name):
    assert lint(ON_CPU[name], setup="") == []


ON_GPU = {
    "cuda()": (4, "import time\nm = Net().cuda()\nt = time.time(); m(1)\nprint(time.time() - t)"),
    "device if there": (
        6,
        'import time, torch\ndevice = "cuda" if torch.cuda.is_available() else "cpu"\nm = Net().to(device)\n'
        "t = time.time()\nm(1)\nd = time.time() - t",
    ),
    "device as parameter": (
        5,
        "import time\ndef run(x, device):\n    m = Net().to(device)\n    t = time.time(); m(x)\n    d = time.time() - t",
    ),
    "device from the command line": (
        5,
        "import time\nargs = parser.parse_args()\nm = Net().to(args.device)\nt = time.time(); m(1)\nd = time.time() - t",
    ),
    "default device": (
        4,
        'import time, torch\ntorch.set_default_device("cuda")\nt = time.time(); y = torch.rand(3) @ torch.rand(3)\n'
        "d = time.time() - t",
    ),
    "cupy": (
        4,
        "import time, cupy as cp\na = cp.ones(3)\nt = time.time(); b = cp.dot(a, a)\nd = time.time() - t",
    ),
    "device by keyword": (
        4,
        'import time\nm = create("net", device="cuda:1")\nt = time.time(); m.segment(1)\nd = time.time() - t',
    ),
    "by number": (4, "import time\nm = Net().to(0)\nt = time.time(); m(1)\nd = time.time() - t"),
    "mps": (4, 'import time\nm = Net().to("mps")\nt = time.time(); m(1)\nd = time.time() - t'),
}


@pytest.mark.parametrize("name", ON_GPU)
def test_devices_are_recognized_however_they_are_named(name):
    line, source = ON_GPU[name]
    assert [place for place, _ in lint(source, setup="")] == [line]


def test_message_names_clock_work_line_and_remedy():
    ((_, message),) = lint("t = time.time()\ny = model(x)\nd = time.time() - t")
    assert message.startswith("time.time() stops before the device is done with model(x) (line 9)")
    assert "call torch.cuda.synchronize() before each reading of the clock" in message


def test_repository_itself_is_clean():
    from conftest import ROOT

    from vidlab.profiling.lint import lint_file

    scripts = [path for folder in ("benchmarks", "scripts") for path in sorted((ROOT / folder).glob("*.py"))]
    assert [str(one) for path in scripts for one in lint_file(path)] == []
