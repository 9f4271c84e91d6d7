"""Generated Python: names that are harmless, columns of data, programs of any size, threads."""

from __future__ import annotations

import keyword
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, fsum, ops, primitive
from autograd.compiler.program.builder import Builder
from autograd.compiler.program.classes import Kind, Program
from autograd.compiler.python import writer
from autograd.compiler.python.writer import PythonKernel
from autograd.labels import identifier
from tests.autograd.compiler.test_python_backend import found, lines
from tests.support import ROOT
from tests.support.class_programs import Named
from tests.support.class_reference import evaluate
from tests.support.recipes import same
from tests.support.threads import in_threads, switching

nan, inf = math.nan, math.inf


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


# Names that mean something in generated source, or that its loops use for themselves.
LOOPS = ["i", "j", "k", "s", "t", "u", "_", "x", "y", "row", "p1", "places1", "take", "sums", "mul", "fsum"]


@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=6), min_size=4, max_size=4))
def test_labels_never_change_what_is_computed(labels: list[str]) -> None:
    def f(*xs: Any) -> Any:
        inner = xs[0] * xs[1] + xs[2]
        for node, label in zip([*xs, inner], labels):
            node.label = label
        return inner.sigmoid() + inner.exp()

    derived = Named(f, [0.5, -1.5, 2.0])
    assert same(found(derived), derived.expected)


@given(st.lists(st.sampled_from([*HOSTILE, *LOOPS]), min_size=4, max_size=4))
def test_labels_of_lists_never_change_what_is_computed(labels: list[str]) -> None:
    """Rows of a matrix product, a table of places, a detached number in a loop, loops inside loops."""
    w = [Value(0.1 * k - 0.3, labels[0]) for k in range(12)]

    def loss(*xs: Any) -> Any:
        terms = []
        for x in xs:
            x.label = labels[1]
        for k in range(3):
            z = sum(w[4 * k + j] * xs[(3 * j) % 7] for j in range(4))
            z.label = labels[2]
            last = z.sigmoid() * z
            last.label = labels[3]
            terms.append(last + w[k] * w[0])
        return fsum(terms) + sum(a * b for a, b in zip(xs[1:6:2], xs[0:3])) * sum(v * w[5] for v in w[2:9])

    derived = Named(loss, [0.1 * k for k in range(7)])
    assert same(found(derived), derived.expected)


@pytest.mark.parametrize("name", LOOPS)
def test_a_list_may_have_the_name_of_what_runs_over_it(name: str) -> None:
    """[x for i in range(0, 9, 3) for x in x[i:i + 2]] would not find its list."""
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(9))
    builder.labels[0] = [name] * 9
    parts = builder.read(x, [0, 1, 3, 4, 6, 7])
    rows = builder.read(x, [0, 3, 6, 1, 4, 7, 0, 3, 6])
    sums = builder.sum(3, [builder.terms([0, 0, 1, 1, 2, 2], parts), builder.terms([0, 0, 0, 1, 1, 1, 2, 2, 2], rows)])
    outer = [i for i in range(3) for _ in range(9)]
    inner = [j for _ in range(3) for j in range(9)]
    grid = builder.sum(27, [builder.terms(range(27), builder.read(x, outer), builder.read(x, inner))])
    program = builder.program([sums, builder.map(ops.sin, [parts]), builder.read(x, [5, 4, 3]), grid])
    numbers = [0.5 * k for k in range(9)]
    assert same(PythonKernel(program)(numbers, []), evaluate(program, numbers, []))


def test_a_batch_may_have_the_name_of_what_runs_over_it() -> None:
    for name in LOOPS:
        builder = Builder()
        x = builder.leaf(Kind.ARGUMENT, range(3), batched=True)
        builder.labels[0] = [name] * 3
        total = builder.sum(3, [builder.terms(range(3), x)], batched=False)
        program = builder.program([x, builder.read(x, [2, 0]), total])
        numbers = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
        assert PythonKernel(program, 2)(numbers, []) == evaluate(program, numbers, [], 2)


def test_a_detached_number_is_the_number_itself() -> None:
    kernel = PythonKernel(Named(lambda x: x.detach() * x, [3.0], ()).program)
    assert "value = x * x" in lines(kernel.source)
    assert kernel([3.0], []) == [[9.0]]


def test_equal_labels_stay_apart() -> None:
    def f(x: Any, y: Any) -> Any:
        x.label = y.label = "v"
        return x - y * x

    assert found(Named(f, [5.0, 3.0], ())) == [[-10.0]]


# ---- leaves ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("places", "text"),
    [
        ([0, 1, 2], "arguments[0:3]"),
        ([1, 4, 7], "arguments[1:10:3]"),
        ([2, 1, 0], "arguments[2::-1]"),
        ([3, 3, 3], "[arguments[3]] * 3"),
        ([5, 0, 1], "take(arguments, places1)"),
    ],
)
def test_a_column_of_arguments(places: list[int], text: str) -> None:
    builder = Builder()
    program = builder.program([builder.map(ops.neg, [builder.leaf(Kind.ARGUMENT, places)])])
    kernel = PythonKernel(program)
    assert f" = {text}" in kernel.source
    arguments = [float(10 + k) for k in range(9)]
    assert kernel(arguments, []) == evaluate(program, arguments, [])


def test_a_batch_is_given_as_a_list_per_argument() -> None:
    numpy = pytest.importorskip("numpy")
    builder = Builder()
    x, y = [builder.leaf(Kind.ARGUMENT, [k], batched=True) for k in range(2)]
    builder.labels.update({0: ["x"], 1: ["y"]})
    total = builder.map(ops.add, [builder.map(ops.mul, [x, y]), x])
    kernel = PythonKernel(builder.program([total]), 3)
    assert lines(kernel.source) == [
        "x = arguments[0]",
        "y = arguments[1]",
        "# forward",
        "value = [x_i * y_i + x_i for x_i, y_i in zip(x, y)]",
        "return [[value]]",
    ]
    for numbers in ([[1.0, 2.0, 3.0], [4, 5, 6]], numpy.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])):
        assert kernel(numbers, []) == [[[5.0, 12.0, 21.0]]]


def test_constants_are_written_once_outside_and_cannot_be_changed_from_outside() -> None:
    builder = Builder()
    numbers = builder.leaf(Kind.CONSTANT, [1.0, -inf, nan])
    products = builder.map(ops.mul, [numbers, builder.read(builder.leaf(Kind.ARGUMENT, [0]), [0, 0, 0])])
    kernel = PythonKernel(builder.program([numbers, products]))
    assert kernel.source.index("c1 = (1.0, -inf, nan)") < kernel.source.index("def ")
    first = kernel([2.0], [])
    assert same(first, [[1.0, -inf, nan], [2.0, -inf, nan]])
    first[0].clear()
    assert same(kernel([2.0], [])[0], [1.0, -inf, nan])


def test_a_primitive_of_ones_own() -> None:
    @primitive(lambda y, x: 3 * x**2, name="my cube")
    def cube(x: float) -> float:
        return x**3

    kernel = PythonKernel(Named(lambda x: cube(x) * 2.0, [2.0]).program)
    assert "# my_cube: a primitive of your own" in kernel.source
    assert kernel([2.0], []) == [[16.0], [24.0]]


# ---- size, threads, imports ------------------------------------------------------------------------------------------
def chain(count: int, width: int) -> Program:
    """Operations one after the other on so many members each."""
    builder = Builder()
    x, p = builder.leaf(Kind.ARGUMENT, range(width)), builder.leaf(Kind.PARAMETER, range(1))
    weight = builder.read(p, [0] * width)
    y = x
    for k in range(count):
        op = (ops.mul, ops.sub, ops.sin, ops.add, ops.tanh)[k % 5]
        y = builder.map(op, [y] if isinstance(op, ops.Unary) else [y, (x, weight)[k % 2]])
    return builder.program([builder.sum(1, [builder.terms([0] * width, y, x)]), y])


@pytest.mark.parametrize(("count", "width"), [(2000, 1), (2000, 4)])
def test_programs_of_any_length_run_and_give_the_same(count: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST_LOOPS", 200)
    program = chain(count, width)
    kernel = PythonKernel(program)
    assert (kernel._text.loops > writer.MOST_LOOPS) is (width > 1)  # these run in pieces
    for arguments, parameters in (([0.1, 0.2, 0.3, 0.4], [0.5]), ([0.4, 0.3, 0.2, 0.1], [0.25])):
        assert same(kernel(arguments, parameters), evaluate(program, arguments, parameters))


def test_a_sum_of_twenty_thousand_terms() -> None:
    arguments = [0.5 * (k % 7) for k in range(20_000)]
    for f in (fsum, sum):
        derived = Named(f, [arguments], ())
        assert found(derived) == derived.expected


@pytest.mark.parametrize("pieces", [False, True])
def test_threads_may_share_a_kernel(pieces: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST_LOOPS", 2 if pieces else 1000)
    derived = Named(lambda xs: fsum([x.sin() * x.cos() * x for x in xs]), [[0.1 * k for k in range(20)]])
    kernel = PythonKernel(derived.program)
    assert (kernel._text.loops > writer.MOST_LOOPS) is pieces
    expected = [kernel([start + 0.1 * k for k in range(20)], []) for start in range(4)]

    def work(start: int) -> bool:
        arguments = [start + 0.1 * k for k in range(20)]
        return all(kernel(arguments, []) == expected[start] for _ in range(300))

    with switching(1e-5):
        assert all(in_threads(work, len(expected)))


def test_it_needs_no_other_package() -> None:
    code = (
        "import sys; sys.modules['numpy'] = sys.modules['llvmlite'] = None\n"
        "import autograd\n"
        "print(autograd.compile(lambda x: x.sin() * x, backend='python').value_and_grad(2.0)[0])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert same(float(run.stdout), math.sin(2.0) * 2.0)
