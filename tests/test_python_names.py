"""Generated Python: names that are harmless, columns of data, programs of any size, threads."""

from __future__ import annotations

import keyword
import math
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from autograd.compiler.derive import derivatives
from autograd.compiler.flatten import flatten
from autograd.compiler.lanes import find_lanes, spread
from autograd.compiler.program import ARGUMENT, DOT, PARAMETER, TOTAL, Instruction, Program
from autograd.compiler.python_source import PythonKernel
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, fsum, ops, primitive
from autograd.compiler import python_text
from autograd.compiler.builder import Builder
from autograd.compiler.labels import identifier
from autograd.compiler.record import program_of, record
from tests import program_reference as reference
from tests.program_reference import same

nan, inf = math.nan, math.inf
ROOT = Path(__file__).resolve().parent.parent


def differentiated(program: Program) -> Program:
    """The program with the derivatives by all of its leaves as further outputs."""
    inputs = [i for i, step in enumerate(program.instructions) if step.op in (ARGUMENT, PARAMETER)]
    builder = Builder()
    where_to, found = derivatives(program, program.outputs[0], inputs, builder)
    gradients = [builder.constant(0.0) if d is None else d for d in found]
    return flatten(builder.program([*[where_to[i] for i in program.outputs], *gradients])).verify()


def program(f: Callable[..., Any], args: Sequence[float], lanes: int = 0) -> tuple[Program, list[float]]:
    """The program of a function with all gradients, and the data of its parameters."""
    recording = record(f, list(args))
    forward = flatten(program_of(recording))
    return differentiated(find_lanes(forward, lanes) if lanes else forward), [p.data for p in recording.parameters]


def lines(source: str) -> list[str]:
    """The lines inside the function."""
    text = source.split("def ", 1)[1].splitlines()[1:]
    return [line.strip() for line in text if line.strip()]


# ---- names -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("w", "w"),
        ("z²₁", "z2_1"),
        ("w²₁₀,₃", "w2_10_3"),
        ("learning rate", "learning_rate"),
        ("lambda", "lambda_"),
        ("2x", "v2x"),
        ("∂x", "d_x"),
        ("θ", "θ"),
        ("ﬁ", "fi"),
        ("", ""),
        ("!?", ""),
        ("__import__('os')", "import_os"),
    ],
)
def test_a_label_as_an_identifier(label: str, expected: str) -> None:
    assert identifier(label) == expected


@given(st.text(max_size=80))
def test_every_label_becomes_a_name_or_nothing(label: str) -> None:
    name = identifier(label)
    assert name == "" or (name.isidentifier() and not keyword.iskeyword(name))


HOSTILE = [
    "x\n    import os",
    "sum",
    "zip",
    "sigmoid",
    "value",
    "arguments",
    "results",
    "None",
    "x; y",
    "'\"",
    "xs",
    "x",
    "#",
    "t1",
]


@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=6), min_size=4, max_size=4))
def test_labels_never_change_what_is_computed(labels: list[str]) -> None:
    def f(*xs: Any) -> Any:
        inner = xs[0] * xs[1] + xs[2]
        for node, label in zip([*xs, inner], labels):
            node.label = label
        return inner.sigmoid() + inner.exp()

    args = [0.5, -1.5, 2.0]
    derived, _ = program(f, args)
    assert same(PythonKernel(derived)(args, []), reference.outputs(derived, args))


@given(st.lists(st.sampled_from(HOSTILE), min_size=3, max_size=3))
def test_labels_of_lists_never_change_what_is_computed(labels: list[str]) -> None:
    w = Value(0.5, labels[0])

    def loss(*xs: Any) -> Any:
        terms = []
        for x in xs:
            x.label = labels[1]
            z = w * x
            z.label = labels[2]
            terms.append(z.sigmoid() * z)
        return fsum(terms)

    xs = [0.1 * k for k in range(5)]
    derived, parameters = program(loss, xs, lanes=4)
    assert same(PythonKernel(derived)(xs, parameters), reference.outputs(derived, xs, parameters))


def test_a_detached_number_is_the_number_itself() -> None:
    kernel = PythonKernel(flatten(program_of(record(lambda x: x.detach() * x, [3.0]))))
    assert "value = x * x" in lines(kernel.source)
    assert kernel([3.0], []) == [9.0]


def test_equal_labels_stay_apart() -> None:
    def f(x: Any, y: Any) -> Any:
        x.label = y.label = "v"
        return x - y * x

    assert PythonKernel(program_of(record(f, [5.0, 3.0])))([5.0, 3.0], []) == [-10.0]


# ---- leaves ----------------------------------------------------------------------------------------------------------
def column(payload: Any, lanes: int) -> Instruction:
    return Instruction(ARGUMENT, (), lanes, payload)


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ((0, 1, 2), "arguments[0:3]"),
        ((1, 4, 7), "arguments[1:8:3]"),
        ((2, 1, 0), "[arguments[2], arguments[1], arguments[0]]"),
        ((0, 0.5, 2), "[arguments[0], 0.5, arguments[2]]"),
        ((0, -inf, nan), "[arguments[0], -inf, nan]"),
        ((3, 3, 3), "[arguments[3], arguments[3], arguments[3]]"),
    ],
)
def test_a_column_of_arguments(payload: tuple[Any, ...], text: str) -> None:
    columns = Program([column(payload, 3), Instruction(ops.neg, (0,), 3)], [1, 0])
    kernel = PythonKernel(columns)
    assert f" = {text}" in kernel.source
    args = [float(10 + k) for k in range(9)]
    assert same(kernel(args, []), reference.outputs(columns, args))


def test_a_batch_is_given_as_a_list_per_argument() -> None:
    builder, outputs = spread(program_of(record(lambda x, y: x * y + x, [1.0, 2.0])), 3)
    kernel = PythonKernel(builder.program(outputs), ["x", "y"])
    assert "values = [x * y + x for x, y in zip(xs, ys)]" in kernel.source
    assert kernel([[1.0, 2.0, 3.0], [4, 5, 6]], []) == [[5.0, 12.0, 21.0]]
    assert kernel(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), []) == [[5.0, 12.0, 21.0]]


def test_numbers_over_lanes_are_written_once_outside_and_cannot_be_changed_from_outside() -> None:
    steps = [Instruction(ops.constant, (), 3, (1.0, -inf, nan)), Instruction(ARGUMENT, payload=0)]
    steps += [Instruction(ops.mul, (0, 1), 3), Instruction(TOTAL, (0,)), Instruction(DOT, (0, 0))]
    kernel = PythonKernel(Program(steps, [3, 2, 0, 4]))
    assert kernel.source.index("columns = [1.0, -inf, nan]") < kernel.source.index("def ")
    first = kernel([2.0], [])
    assert same(first, [nan, [2.0, -inf, nan], [1.0, -inf, nan], nan])
    first[2].clear()
    assert same(kernel([2.0], [])[2], [1.0, -inf, nan])


def test_a_primitive_of_ones_own() -> None:
    @primitive(lambda y, x: 3 * x**2, name="my cube")
    def cube(x: float) -> float:
        return x**3

    derived, _ = program(lambda x: cube(x) * 2.0, [2.0])
    kernel = PythonKernel(derived)
    assert "# my_cube: a primitive of your own" in kernel.source
    assert kernel([2.0], []) == [16.0, 24.0]


# ---- size, threads, imports ------------------------------------------------------------------------------------------
def test_a_hundred_thousand_instructions() -> None:
    steps = [Instruction(ARGUMENT, payload=0), Instruction(ARGUMENT, payload=1)]
    for k in range(100_000):
        op = (ops.add, ops.mul, ops.sin, ops.tanh)[k % 4]
        steps.append(
            Instruction(op, (len(steps) - 1,) if op in (ops.sin, ops.tanh) else (len(steps) - 1, len(steps) - 2))
        )
    long = Program(steps, [len(steps) - 1])
    assert same(PythonKernel(long)([0.3, 0.4], []), reference.outputs(long, [0.3, 0.4]))


def test_a_sum_of_a_hundred_thousand_terms() -> None:
    leaves = [Instruction(ARGUMENT, payload=k) for k in range(100_000)]
    for op in (ops.sum_of, ops.sum_of_products):
        wide = Program([*leaves, Instruction(op, tuple(range(100_000)))], [100_000])
        args = [0.5 * (k % 7) for k in range(100_000)]
        assert same(PythonKernel(wide)(args, []), reference.outputs(wide, args))


def test_thousands_of_loops_run_in_pieces_and_give_the_same() -> None:
    steps = [
        column(tuple(range(4)), 4),
        Instruction(PARAMETER, payload=0),
        Instruction(ops.constant, (), 4, (1.0, 2.0, 3.0, 4.0)),
    ]
    for k in range(9000):
        steps.append(Instruction((ops.mul, ops.sub, ops.add)[k % 3], (len(steps) - 1, (0, 1, 2)[k % 3]), 4))
        steps.append(Instruction(ops.sin, (len(steps) - 1,), 4))
    long = Program([*steps, Instruction(DOT, (len(steps) - 1, 0))], [len(steps), len(steps) - 1, 2])
    kernel = PythonKernel(long)
    args, parameters = [0.1, 0.2, 0.3, 0.4], [0.5]
    assert kernel._text.loops > 2000
    assert same(kernel(args, parameters), reference.outputs(long, args, parameters))
    assert same(kernel(args[::-1], [0.25]), reference.outputs(long, args[::-1], [0.25]))


@pytest.mark.parametrize("pieces", [False, True])
def test_threads_may_share_a_kernel(pieces: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_text, "MOST_LOOPS", 2 if pieces else 1000)
    derived, _ = program(lambda *xs: fsum([x.sin() * x.cos() * x for x in xs]), [0.1 * k for k in range(20)], lanes=16)
    kernel = PythonKernel(derived)
    assert (kernel._text.loops > python_text.MOST_LOOPS) is pieces
    expected = {start: kernel([start + 0.1 * k for k in range(20)], []) for start in (0.0, 1.0, 2.0, 3.0)}
    wrong: list[float] = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)

    def work(start: float) -> None:
        for _ in range(300):
            if kernel([start + 0.1 * k for k in range(20)], []) != expected[start]:
                wrong.append(start)

    threads = [threading.Thread(target=work, args=(start,)) for start in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert wrong == []


def test_it_needs_no_other_package() -> None:
    code = (
        "import sys; sys.modules['numpy'] = sys.modules['llvmlite'] = None\n"
        "from autograd.compiler.python_source import PythonKernel\n"
        "from autograd.compiler.record import program_of, record\n"
        "print(PythonKernel(program_of(record(lambda x: x.sin() * x, [2.0])))([2.0], []))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert same(float(run.stdout.strip("[]\n")), math.sin(2.0) * 2.0)
