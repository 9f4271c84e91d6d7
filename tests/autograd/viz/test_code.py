"""Programs written from a graph: they run, and give the same number and gradients."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from autograd import Value, clip, fsum, grad, logsumexp, ops, primitive, prod, sumprod
from autograd.viz import to_jax, to_python, to_torch
from autograd.viz.text import code as writers
from autograd.viz.text.notation import ARITHMETIC, reading_order
from nn import MLP
from tests.support import PATIENCE
from tests.support.graphs import HOSTILE, random_graph

WRITERS = {"autograd": to_python, "torch": to_torch, "jax": to_jax}


# Libraries may be installed elsewhere, as for the benchmarks.
PYTHON = {name: os.environ.get(f"BENCH_PYTHON_{name.upper()}", sys.executable) for name in WRITERS}


def run(python: str, code: str) -> tuple[float, list[float]]:
    """What a program prints, in an interpreter of its own."""
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    value, _, gradients = done.stdout.partition(" ")
    return float(value), ast.literal_eval(gradients)


def everything() -> Value:
    """All kinds of calls in one expression, at a point where no function has a corner."""
    x, y, z = Value(0.7, "x"), Value(2.0, "w²₁₃"), Value(-1.5, "class")
    h = x * y
    h.label = "h"
    terms = [
        (h + z).sin() * h, sumprod([x, y], [z, 2.0], x), (x / 3) ** 2 - (-x) ** 2, clip(x, 0, 1), logsumexp([x, y]),
        prod([x, z, 3.0]), fsum([x, x]), z.elu(), z.leaky_relu(), x.atan2(y), x.hypot(3), 2**x, x**y, x.maximum(1),
        x.minimum(y), x.logaddexp(z), ops.where(x > 0, x, y),
    ]  # fmt: skip
    terms += [op(x * 0.9) for op in ops.TABLE.values() if isinstance(op, ops.Unary) and op.name != "acosh"]
    total: Value = sum(terms[1:], terms[0])
    return total + y.acosh()


def network() -> Value:
    model = MLP(2, [3, 1], activation="tanh", output="sigmoid", seed=1)
    loss: Value = (model([1.0, -2.0]) - 1) ** 2
    return loss


@pytest.mark.parametrize("library", WRITERS)
@pytest.mark.parametrize("build", [everything, network, lambda: random_graph(1), lambda: Value(3.0, "x")])
def test_the_program_gives_the_same_number_and_gradients(build: Callable[[], Value], library: str) -> None:
    if PYTHON[library] == sys.executable and importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    root = build()
    code = WRITERS[library](root)
    inputs = [node for node in reading_order(root) if not node.parents and node.op is not ops.constant]
    value, gradients = run(PYTHON[library], code)
    assert value == pytest.approx(root.data, rel=1e-12)
    assert gradients == pytest.approx(list(grad(root, inputs)), rel=1e-10)


@pytest.mark.parametrize("write", WRITERS.values())
@pytest.mark.parametrize("label", [*HOSTILE, "import os; os.remove('x')", "class", "", "x\ny", "é", "ﬁ", "²", "print"])
def test_labels_become_names_and_never_code(label: str, write: Callable[[Value], str]) -> None:
    a, b = Value(2.0, label), Value(3.0, label)
    c = a * b
    c.label = label
    tree = ast.parse(write(c * a))
    statements = (ast.Import, ast.Assign, ast.Expr, ast.FunctionDef)
    assert all(isinstance(statement, statements) for statement in tree.body)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= {"autograd", "math", "torch", "jax", "jax.numpy"}
    called = {ast.unparse(node.func).split(".")[-1] for node in ast.walk(tree) if isinstance(node, ast.Call)}
    ours = {"Value", "tensor", "update", "value_and_grad", "backward", "item", "print", "float"}
    assert {name.split("(")[0] for name in called} - {"0, 1))"} <= ours


def test_different_labels_get_different_names() -> None:
    nodes = [Value(float(i), label) for i, label in enumerate(["x", "x", "x!", "x?", "x_2"])]
    lines = to_python(sumprod(nodes, nodes)).splitlines()
    names = [line.split(" = ")[0] for line in lines if "autograd.Value(" in line]
    assert len(set(names)) == 5


def test_labelled_and_shared_parts_get_a_statement() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    z = a * b + 1
    z.label = "z²₁"
    shared = z.exp()
    assert to_python(shared * shared).splitlines()[4:8] == [
        "z2_1 = a*b + 1",
        "v2 = autograd.exp(z2_1)",
        "y = v2*v2",
        "y.backward()",
    ]


def test_what_does_not_depend_on_an_input_is_a_number() -> None:
    x, k = Value(2.0, "x"), Value(0.0) * 3
    constants = ops.sin(k.detach() + 1.0)
    code = to_torch(x * ops.div(Value(1.0), constants.detach()))
    assert "float(" not in code
    assert "inf" in to_torch(x + Value.apply(ops.div, (1.0, 0.0)))


def test_a_primitive_of_ones_own_is_refused() -> None:
    @primitive(lambda y, x: 3 * x**2, name="cube_for_code")
    def cube(x: float) -> float:
        return x**3

    for name, write in WRITERS.items():
        with pytest.raises(ValueError, match=r"to_\w+ cannot write the primitive 'cube_for_code'"):
            write(cube(Value(2.0)))
        assert name


def test_every_primitive_can_be_written_in_every_library() -> None:
    written_otherwise = {
        op.name for op in (*ARITHMETIC, ops.neg, ops.leaf, ops.constant, ops.frozen, ops.sum_of_products)
    }
    builtin = {name for name, op in ops.TABLE.items() if type(op).__module__ == "autograd.rows"}
    for library in (writers.PYTHON, writers.TORCH, writers.JAX):
        assert builtin - written_otherwise <= set(library.functions)


@pytest.mark.parametrize("write", WRITERS.values())
def test_only_values_can_be_written(write: Callable[[object], str]) -> None:
    with pytest.raises(TypeError, match="needs a Value"):
        write(3.0)


@pytest.mark.parametrize("write", [to_python, to_torch, to_jax])
def test_inputs_come_in_the_order_in_which_they_are_written(write: Callable[[Value], str]) -> None:
    a, b, c = Value(1.5, "a"), Value(2.0, "b"), Value(0.5, "c")
    text = write((a * b).tanh() + b**-0.5 / a + c)
    shown = re.findall(r"def f\((.*)\)|for v in \((.*)\)\]", text)
    assert ["".join(found) for found in shown] == ["a, b, c"]
