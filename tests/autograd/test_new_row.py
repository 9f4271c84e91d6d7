"""The test of the design: a new primitive is one row of the table, and everything else takes it from there.

A row is added that the package knows nothing of: versine x = 1 - cos x, computed as 2 sin² (x/2), with the
derivative sin x.  With a wrong derivative in its place, every check must find that.
"""

from __future__ import annotations

import copy
import math
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import autograd
from autograd import GradcheckError, Value, check_graph, gradcheck, ieee, ops, strict
from autograd.expression import parse
from autograd.functional import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from autograd.ops import TABLE, Unary
from tests.support import ROOT


def versine(x: float) -> float:
    """1 - cos x."""
    return 2.0 * ieee.sin(0.5 * x) ** 2


@pytest.fixture
def row() -> Iterator[Unary]:
    yield ops.unary("versine", versine, lambda y, x: ops.sin(x))
    del TABLE["versine"]


@pytest.fixture
def wrong_row() -> Iterator[Unary]:
    yield ops.unary("versine", versine, lambda y, x: ops.cos(x))
    del TABLE["versine"]


X = 0.7


# ---- what it can do --------------------------------------------------------------------------------------------------
def test_it_takes_floats_and_values(row: Unary) -> None:
    x = Value(X)
    y = row(x)
    y.backward()
    assert row(X) == y.data == pytest.approx(1 - math.cos(X))
    assert x.grad == math.sin(X)


@pytest.mark.parametrize(
    ("derivative", "expected"),
    [
        (lambda f: grad(f)(X), math.sin(X)),
        (lambda f: grad(grad(f))(X), math.cos(X)),
        (lambda f: grad(grad(grad(f)))(X), -math.sin(X)),
        (lambda f: value_and_grad(f)(X)[1], math.sin(X)),
        (lambda f: jacobian(f)(X), math.sin(X)),
        (lambda f: hessian(f)(X), math.cos(X)),
        (lambda f: jvp(f, (X,), (2.0,))[1], 2 * math.sin(X)),
        (lambda f: vjp(f, X)[1](2.0)[0], 2 * math.sin(X)),
        (lambda f: hvp(f, X, 2.0), 2 * math.cos(X)),
    ],
)
def test_it_can_be_differentiated_in_every_way(row: Unary, derivative: Callable[[Any], float], expected: float) -> None:
    assert derivative(row) == pytest.approx(expected, rel=1e-14)


def test_it_can_be_compiled(row: Unary) -> None:
    compiled = autograd.compile(lambda x: row(x) * x)
    value, (slope,) = compiled.value_and_grad(X)
    assert value == pytest.approx(row(X) * X, rel=1e-14)
    assert slope == pytest.approx(row(X) + X * math.sin(X), rel=1e-14)


def test_it_can_be_drawn_typed_copied_saved_and_named_in_an_error(row: Unary) -> None:
    y = row(Value(X, label="x"))
    assert "versine" in autograd.draw_dot(y).source
    assert parse("versine(x)").evaluate({"x": X}) == row(X)
    for twin in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        assert (twin.op, twin.data) == (row, y.data)
    with strict(), pytest.raises(autograd.NumericError, match=r"versine\(inf\)"):
        row(Value(math.inf))


# ---- what checks it --------------------------------------------------------------------------------------------------
CHECKS: list[Callable[[Any], object]] = [
    lambda row: gradcheck(row, [X]),
    lambda row: gradcheck(lambda x, y: row(x) * row(y), [X, 2 * X], second_order=True),
    lambda row: check_graph(row(Value(X)) * 2),
]


@pytest.mark.parametrize("check", CHECKS)
def test_a_right_row_passes(row: Unary, check: Callable[[Any], object]) -> None:
    assert check(row)


@pytest.mark.parametrize("check", CHECKS)
def test_a_wrong_row_does_not(wrong_row: Unary, check: Callable[[Any], object]) -> None:
    with pytest.raises(GradcheckError):
        check(wrong_row)


PLUGIN = """
from mpmath import mp
from autograd import ieee, ops

ops.unary("versine", lambda x: 2.0 * ieee.sin(0.5 * x) ** 2, lambda y, x: ops.{derivative}(x))
from tests.support.references import REFERENCES
REFERENCES["versine"] = REFERENCES["cos"]._replace(value=lambda x: 2 * mp.sin(x / 2) ** 2)
"""


def run_the_tests(tmp_path: Path, *arguments: str, derivative: str) -> str:
    """What pytest prints of the tests of the rows, when the table has one more from the start."""
    (tmp_path / "one_more_row.py").write_text(PLUGIN.format(derivative=derivative), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "one_more_row", "-p", "no:cacheprovider", "-rA", *arguments]
    files = ["tests/autograd/test_accuracy.py", "tests/autograd/test_expression.py"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    return subprocess.run([*command, *files], cwd=ROOT, env=environment, capture_output=True, text=True).stdout


PICKED_UP = [
    "test_values_and_partials_against_100_digits[versine]",
    "test_second_derivatives_against_100_digits[versine]",
    "test_every_function_of_the_table_can_be_called[versine]",
]


def test_every_test_of_the_rows_picks_it_up_and_passes(tmp_path: Path) -> None:
    output = run_the_tests(tmp_path, "-k", "versine or has_a_reference", derivative="sin")
    for name in [*PICKED_UP, "test_every_primitive_has_a_reference"]:
        assert re.search(rf"^PASSED .*::{re.escape(name)}", output, flags=re.MULTILINE), output
    assert "failed" not in output


def test_every_test_of_the_rows_finds_a_wrong_derivative(tmp_path: Path) -> None:
    output = run_the_tests(tmp_path, "-k", "versine", derivative="cos")
    for name in PICKED_UP[:2]:  # the third calls it, and does not differentiate
        assert re.search(rf"^FAILED .*::{re.escape(name)}", output, flags=re.MULTILINE), output
