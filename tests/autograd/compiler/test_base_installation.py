"""What a compiled function offers where neither numpy nor llvmlite is installed: the same, as Python source."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support import ROOT

START = """
import sys, warnings
sys.modules.update({"numpy": None, "llvmlite": None})
warnings.simplefilter("ignore")
from autograd import Value, compile
from nn import MLP, SGD, fit, predict
w = Value(3.0)
f = compile(lambda x, y: w * x * x + y)
g = compile(lambda x, y: 3.0 * x * x + y)
"""

RUN = """
import contextlib, io, json, sys, traceback
start, programs = json.load(sys.stdin)
found = []
for program in programs:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            exec(start + program, {"__name__": "__main__"})
        except Exception:
            traceback.print_exc(file=out)
    found.append(out.getvalue().strip())
json.dump(found, sys.stdout)
"""
PROGRAMS = [
    ("print(f(2.0, 1.0).data, g(2.0, 1.0))", "13.0 13.0"),
    ("f(2.0, 1.0).backward(); print(w.grad)", "4.0"),
    ("print([f.value_and_grad(2.0, y) for y in (1.0, 2.0)])", "[(13.0, (12.0, 1.0)), (14.0, (12.0, 1.0))]"),
    ("print([g.value_and_grad(2.0, y) for y in (1.0, 2.0)])", "[(13.0, (12.0, 1.0)), (14.0, (12.0, 1.0))]"),
    ("print(compile(lambda v: v[0] * v[1]).value_and_grad([2.0, 5.0]))", "(10.0, ([5.0, 2.0],))"),
    ("print(g.map([1.0, 2.0], [0.0, 1.0]))", "([3.0, 13.0], ([6.0, 12.0], [1.0, 1.0]))"),
    ("x = Value(2.0); g(x, 1.0).backward(); print(x.grad)", "12.0"),
    ("print('def ' in f.source() if f(1.0, 1.0) else '')", "True"),
    (
        "o = SGD([w], lr=0.5)\n@compile\ndef step(x):\n    l = (w * x) ** 2\n    o.zero_grad()\n    l.backward()\n"
        "    o.step()\n    return l\nprint(step(1.0).data, step(1.0).data, w.data)",
        "9.0 0.0 0.0",
    ),
    (
        "m = MLP(1, [2, 1], seed=0)\nh = fit(m, [[0.0], [1.0]], [0.0, 1.0], epochs=3, progress=False)\n"
        "print(len(h.loss), len(predict(m, [[0.5]])))",
        "3 1",
    ),
]


@pytest.fixture(scope="module")
def printed() -> dict[str, str]:
    """What the programs print, one after the other in a process of their own, which imports the packages once."""
    programs = [program for program, _ in PROGRAMS]
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=ROOT, capture_output=True, text=True, input=json.dumps([START, programs])
    )
    assert done.stderr == ""
    return dict(zip(programs, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(("program", "expected"), PROGRAMS)
def test_it_does_the_same_as_python_source(printed: dict[str, str], program: str, expected: str) -> None:
    assert printed[program] == expected
