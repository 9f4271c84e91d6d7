"""The first calls of a small function run by the graph that was recorded, and nobody sees when they no longer do."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import autograd
import nn
from autograd import Value
from autograd.compiler.calls import stages
from autograd.compiler.calls.replay import EagerPlan
from autograd.compiler.python.writer import PythonKernel
from tests.support import ROOT

CALLS = 2 * stages.BY_GRAPH + stages.BUILTIN_FROM  # more than any stage has


@pytest.fixture(autouse=True, scope="module")
def compiled_at_once() -> Iterator[None]:
    """Not here; but the compiler is there, whatever ran before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "PATIENCE", 1.0)
        patch.setattr(stages, "compiler_imported", lambda: True)
        yield


def formula(a: Any, b: Any, c: Any) -> Any:
    d = a * b + c
    e = (d * d + a).tanh()
    return e * b + (c - a) ** 2


PROGRAM = """
import math, sys
from autograd import Value, compile
from autograd.compiler.calls import stages
from autograd.compiler.recording import outside
stages.PATIENCE = outside.IMPORTING = math.inf  # no matter how slow this machine is
f = compile(lambda a, b: ((a * b + b).tanh() - a) ** 2)
w = Value(0.5)
@compile
def step(x):
    loss = (w * x - 1.0) ** 2
    loss.backward()
    w.data -= 0.1 * w.grad
    w.grad = 0.0
    return loss
for k in range(40):
    f(0.1 * k, w).backward(); f.value_and_grad(0.1 * k, 2.0); step(1.0)
needless = ("numpy", "llvmlite", "autograd.compiler.pipeline", "autograd.compiler.python", "autograd.compiler.textbook")
print([name for name in needless if name in sys.modules])
stages.compiler_imported = lambda: True
weights = [Value(0.01 * k) for k in range(100)]
network = compile(lambda x: sum([(w * x + 0.1).tanh() for w in weights]))
def steps(x):
    for k in range(60):
        x = (x * weights[k]).sin() if k % 3 else (x + weights[k]).tanh() * x
    return x
irregular = compile(steps)
for k in range(40):
    for g in (f, network, irregular):
        x, y = Value(0.3 + 0.01 * k), Value(0.3 + 0.01 * k)
        for p, h in ((x, g), (y, g.f)):
            (h(p, 0.5) if g is f else h(p)).backward()
        assert math.isclose(x.grad, y.grad, rel_tol=1e-11), (x.grad, y.grad)
    f.value_and_grad(0.1 * k, 2.0)
print([name for name in ("numpy", "llvmlite") if name in sys.modules])
"""


def test_the_first_calls_of_a_small_function_import_nothing_that_compiles_and_forty_no_machine_code() -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["[]", "[]"], found.stderr


def branches(x: Any, y: Any, _: Any) -> Any:
    return x * y if x < 1.0 else (x + y).exp()


def chosen(x: Any, y: Any, z: Any) -> Any:
    return max(x, y * z, z * 0.5) + abs(min(y, z, 0.2))


def looked_up(x: Any, y: Any, i: Any) -> Any:
    return [x * 2.0, y * y, x - y][i % 3] + x


def wide(x: Any, y: Any, z: Any) -> Any:
    return sum([(x * (0.1 * k) + y).sigmoid() * z for k in range(120)])


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[[int], tuple[Any, ...]]]] = {
    "formula": (formula, lambda k: (0.3 + 0.01 * k, -0.2, 0.5 - 0.02 * k)),
    "branches": (branches, lambda k: (0.1 * (k % 20), 0.7, 1.0)),
    "chosen": (chosen, lambda k: (0.1 * k, math.sin(k), math.cos(k))),
    "looked up": (looked_up, lambda k: (0.1 * k, 0.5, k % 3)),
    "wide": (wide, lambda k: (math.sin(k), 0.1, 2.0)),
    "special": (lambda x, y, z: (x / y).log() + z.relu(), lambda k: (float(k), float(k % 3), -float(k))),
}


def same(found: Any, expected: Any) -> bool:
    return bool(found == pytest.approx(expected, rel=1e-12, abs=1e-13, nan_ok=True))


@pytest.mark.parametrize("imported", [True, False])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_call_gives_what_eager_code_gives(name: str, imported: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "native_imported", lambda: imported)
    f, arguments = FUNCTIONS[name]
    called, differentiated = autograd.compile(f), autograd.compile(f)
    for k in range(CALLS):
        args = arguments(k)
        eager = [Value(x) if isinstance(x, float) else x for x in args]
        output = f(*eager)
        output.backward()
        slopes = tuple([x.grad if isinstance(x, Value) else 0.0 for x in eager])
        given = [Value(x) if isinstance(x, float) else x for x in args]
        result = called(*given)
        result.backward()
        assert same(result.data, output.data)
        assert same(tuple([x.grad if isinstance(x, Value) else 0.0 for x in given]), slopes)
        value, gradients = differentiated.value_and_grad(*args)
        assert same(value, output.data)
        assert same(gradients, slopes)


def test_the_recorded_graph_gives_eager_numbers_to_the_last_bit() -> None:
    f = autograd.compile(formula)
    for k in range(stages.BY_GRAPH):
        args = 0.3 + 0.01 * k, -0.2, 0.5 - 0.02 * k
        assert f(*args).data == formula(*map(Value, args)).data


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_small_function_is_recorded_once_and_compiled_when_its_calls_have_paid_for_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "PATIENCE", math.inf)
    function, arguments = FUNCTIONS[name]
    inputs = [Value(x) if isinstance(x, float) else x for x in arguments(0)]
    f, plans = autograd.compile(function), []
    for k in range(3 * stages.BY_GRAPH):
        if k == 2 * stages.BY_GRAPH:
            assert f.budget.misses >= stages.BY_GRAPH  # these ran without the compiler
            monkeypatch.setattr(stages, "PATIENCE", 0.0)
        found = f(*arguments(0))
        assert same(found.data if isinstance(found, Value) else found, function(*inputs).data)
        plans.append(len(f.kept.all()[0].plans))
    assert plans == [0] * 2 * stages.BY_GRAPH + [1] * stages.BY_GRAPH
    assert f.recordings == 1


@pytest.mark.parametrize("changes", [False, True])
def test_a_function_that_is_faster_than_its_program_runs_itself(changes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    w = Value(0.5)

    def step(x: float) -> Value:
        loss = (w * x - 1.0) ** 2
        if changes:
            loss.backward()
            w.data -= 0.1 * w.grad
            w.grad = 0.0
        return loss

    monkeypatch.setattr(stages, "_TRIALS", 8)
    for gain, hits in ((math.inf, 1), (0.0, 0)):
        monkeypatch.setattr(stages, "_GAIN", {changes: gain})
        monkeypatch.setattr(stages, "PATIENCE", math.inf)
        f = autograd.compile(step)
        for _ in range(stages.BY_GRAPH + 2):
            f(2.0)
        monkeypatch.setattr(stages, "PATIENCE", 0.0)
        for _ in range(stages._TRIALS):
            f(2.0)
        assert f.kept.all()[0].plans
        before = f.budget.hits
        f(2.0)
        assert f.budget.hits == before + hits


@pytest.mark.parametrize("name", ["wide", "irregular"])
def test_machine_code_makes_calls_once_python_has_taken_its_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")

    def irregular(x: Any, y: Any, z: Any) -> Any:
        for k in range(60):
            x = (x * y).sin() if k % 3 else (x + z).tanh() * x
        return x

    monkeypatch.setattr(stages, "native_imported", lambda: False)
    monkeypatch.setattr(stages, "_PYTHON", 0.0)
    monkeypatch.setattr(stages, "_NATIVE", math.inf)
    f = autograd.compile(wide if name == "wide" else irregular)
    values = []
    for k in range(3 * stages.BY_GRAPH):
        if k == 2 * stages.BY_GRAPH:
            monkeypatch.setattr(stages, "_NATIVE", -1.0)
        values.append(f(0.1, 0.2, 0.3).data)
        plan = f.latest
        if k < stages.BY_GRAPH or (name == "irregular" and k < 2 * stages.BY_GRAPH):
            assert isinstance(plan, EagerPlan)
        else:
            python = isinstance(getattr(plan.run, "kernel", None), PythonKernel)
            assert python == (k < 2 * stages.BY_GRAPH)
    assert values == pytest.approx([values[0]] * len(values), rel=1e-12)


def test_value_and_grad_becomes_a_builtin_function_after_some_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    monkeypatch.setattr(stages, "PATIENCE", 0.0)
    f = autograd.compile(formula)
    for _ in range(stages.BUILTIN_FROM):
        f.value_and_grad(0.1, 0.2, 0.3)
    assert f._fast is None
    f.value_and_grad(0.1, 0.2, 0.3)
    assert f._fast is not None


def test_a_larger_function_is_compiled_earlier_and_a_large_one_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "PATIENCE", 0.0)
    calls = []
    for width in (5, 150, 4_000):
        f = autograd.compile(lambda x, width=width: sum([(x * (0.1 * k)).tanh() for k in range(width)]))
        for k in range(stages.BY_GRAPH + 1):
            f(0.1)
            if f.kept.all()[0].plans:
                calls.append(k)
                break
    assert calls[0] == stages.BY_GRAPH
    assert 0 < calls[1] <= calls[0]
    assert calls[2] == 0


@pytest.mark.parametrize("width", [2_500, 40_000])
def test_between_small_and_huge_a_quarter_of_the_price_is_waited_for(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "_NATIVE", math.inf)
    f = autograd.compile(lambda x: sum([(x * (0.1 * k)).tanh() for k in range(width)]))
    first, second = f(0.1), f(0.1)
    assert second.data == pytest.approx(first.data, rel=1e-12)
    assert (f.budget.hits, bool(f.kept.all()[0].plans)) == ((0, False) if width < 40_000 else (1, True))
    if width < 40_000:
        assert f.value_and_grad(0.1)[0] == pytest.approx(
            first.data, rel=1e-12
        )  # which nothing gives without the compiler
        monkeypatch.setattr(stages, "PATIENCE", 0.0)
        assert f(0.1).data == pytest.approx(first.data, rel=1e-12)
        assert f.budget.hits == 2


def test_of_recordings_that_decide_differently_only_those_that_serve_are_compiled() -> None:
    def f(xs: Any) -> Any:
        return sum([x * k for k, x in enumerate(sorted(xs))])

    compiled = autograd.compile(f)
    for k in range(40):
        xs = [math.sin(7.0 * k + i * i) for i in range(8)]
        assert same(compiled(xs), f(xs))
        assert same(compiled.value_and_grad(xs)[0], f(xs))
    assert len(compiled.kept.all()) > 1
    assert not any(variant.plans for variant in compiled.kept.all() if variant.calls < stages.PROVED)


def test_source_program_and_report_are_the_same_before_and_after() -> None:
    f = autograd.compile(formula)
    texts = []
    for _ in range(stages.BY_GRAPH + 2):
        f(Value(0.1), Value(0.2), 0.3)
        texts.append((f.source(), str(f), str(f.program), f.report().splitlines()[1]))
    assert set(texts) == {texts[0]}


def test_every_output_has_its_derivatives() -> None:
    f = autograd.compile(lambda x, y: {"sum": x + y, "parts": [x * y, x.exp()]})
    for k in range(stages.BY_GRAPH + 3):
        x, y = Value(0.1 * k), Value(2.0)
        found = f(x, y)
        product, power = found["parts"]
        product.backward()
        assert (x.grad, y.grad) == pytest.approx((2.0, 0.1 * k))
        assert autograd.grad(power, [x]) == pytest.approx((math.exp(0.1 * k),))
        assert autograd.grad(found["sum"], [x, y]) == (1.0, 1.0)


def test_second_derivatives() -> None:
    f = autograd.compile(lambda x: x**3)
    for k in range(stages.BY_GRAPH + 3):
        x = Value(0.5 * k)
        (slope,) = autograd.grad(f(x), [x], create_graph=True)
        assert autograd.grad(slope, [x]) == pytest.approx((3.0 * k,))


def test_without_gradients() -> None:
    w = Value(3.0)
    f = autograd.compile(lambda x: w * x)
    for _ in range(stages.BY_GRAPH + 3):
        with autograd.no_grad():
            assert f(2.0).data == 6.0
            assert f(2.0).parents == ()


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_steps_of_training_are_those_of_eager_code(optimizer: str) -> None:
    def trained(compiled: bool) -> tuple[list[float], list[float]]:
        a, b, history = Value(0.5), Value(-0.25), []
        rule = getattr(nn, optimizer)([a, b], lr=0.05)
        momentum = [0.0, 0.0]

        def step(x: float, y: float) -> Any:
            loss = ((a * x + b).tanh() - y) ** 2 + 0.01 * momentum[0]
            rule.zero_grad()
            loss.backward()
            rule.step()
            for k, p in enumerate([a, b]):
                momentum[k] = 0.9 * momentum[k] + p.grad
            history.append(loss.data)
            return loss

        run = autograd.compile(step) if compiled else step
        for k in range(CALLS):
            run(math.sin(k), math.cos(k))
            if k % 7 == 0:
                a.data += 0.01  # also between calls anybody may write
        return [a.data, b.data, *momentum], history

    numbers, history = trained(True)
    expected, losses = trained(False)
    assert numbers == pytest.approx(expected, rel=1e-10)
    assert history == pytest.approx(losses, rel=1e-10)


def test_a_primitive_behind_a_decision_is_not_asked_for_what_it_refuses() -> None:
    @autograd.primitive(lambda y, x: 0.5 / y, name="root of a positive number")
    def root(x: float) -> float:
        return math.sqrt(x)

    f = autograd.compile(lambda x: root(x) if x > 0 else x * 2.0)
    for _ in range(stages.BY_GRAPH + 3):
        assert [f(x) for x in (4.0, -1.0)] == [2.0, -2.0]
    with pytest.raises(autograd.PrimitiveError, match="math domain error"):
        autograd.compile(root)(-1.0)


def test_several_threads_share_the_first_calls() -> None:
    f, wrong = autograd.compile(formula), []

    def work(start: int) -> None:
        for k in range(CALLS):
            args = 0.01 * (start + k), 0.2, 0.3
            if not same(f(*args).data, formula(*map(Value, args)).data):
                wrong.append(args)

    threads = [threading.Thread(target=work, args=(1000 * k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
