"""Numbers go out of nested arguments and back into the same shape."""

from __future__ import annotations

from collections import namedtuple
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from autograd import Value, compile
from autograd.functional import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from autograd.trees import aligned, flatten, is_tree, rebuild

Point = namedtuple("Point", "x y")
MATRIX = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
TREES: list[Any] = [
    1.5, [1.0, [2.0, (3.0,)]], {"w": [1.0, 2.0], "b": 3.0}, Point(1.0, [2.0]), MATRIX, [MATRIX, 7.0], {"W": MATRIX}, [],
]  # fmt: skip


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_what_was_taken_out_goes_back(tree: Any) -> None:
    again = rebuild(tree, flatten(tree))
    assert type(again) is type(tree)
    assert repr(again) == repr(tree)


def test_a_number_is_no_tree_and_a_numpy_number_neither() -> None:
    for number in (2.0, np.float64(2.0), np.array(2.0), Value(2.0)):
        assert not is_tree(number)
        assert flatten(number) == [number]


def test_an_array_of_values_is_one_of_objects_and_one_of_arrays_has_more_axes() -> None:
    assert rebuild(MATRIX, map(Value, flatten(MATRIX))).dtype == object
    assert rebuild(MATRIX[0], [MATRIX, 2 * MATRIX, 3 * MATRIX]).shape == (3, 2, 3)


def test_an_array_is_aligned_with_its_lists() -> None:
    assert aligned(MATRIX, MATRIX.tolist(), "weights", "outputs") == flatten(MATRIX)
    with pytest.raises(ValueError, match="got 6 weights for 6 outputs"):
        aligned(MATRIX.T, MATRIX, "weights", "outputs")


# --- derivatives of functions of arrays -----------------------------------------------------------------------------


def rosenbrock(x: Any) -> Any:
    return sum(100.0 * (b - a**2) ** 2 + (1.0 - a) ** 2 for a, b in pairwise(x))


X = np.array([-1.2, 1.0, 0.5])


def test_derivatives_of_a_function_of_an_array_are_arrays() -> None:
    value, gradient = value_and_grad(rosenbrock)(X)
    plain = value_and_grad(rosenbrock)(X.tolist())
    assert (value, gradient.tolist()) == plain
    assert gradient.dtype == float
    H = hessian(rosenbrock)(X)
    assert (H.shape, H.tolist()) == ((3, 3), hessian(rosenbrock)(X.tolist()))
    assert hvp(rosenbrock, X, np.ones(3)) == pytest.approx(H @ np.ones(3))


def test_matrix_products_of_arrays_of_values() -> None:
    A = MATRIX[:, :2]
    assert jacobian(lambda v: A @ v)(np.array([1.0, 2.0])) == pytest.approx(A)
    assert grad(lambda M: (M @ M.T).sum())(A) == pytest.approx(2.0 * np.ones((2, 2)) @ A)
    out, pull_back = vjp(lambda v: A @ v, np.array([1.0, 2.0]))
    assert out == pytest.approx(A @ [1.0, 2.0])
    assert pull_back(np.array([1.0, 10.0]))[0] == pytest.approx(A.T @ [1.0, 10.0])
    assert jvp(lambda v: A @ v, (np.array([1.0, 2.0]),), (np.array([0.0, 1.0]),))[1] == pytest.approx(A[:, 1])


def test_several_outputs_in_an_array_are_for_jacobian() -> None:
    with pytest.raises(TypeError, match="must return one number, got ndarray: use jacobian"):
        grad(lambda v: v * 2.0)(X)


def test_a_compiled_function_of_an_array_is_differentiated_in_the_same_way() -> None:
    value, gradient = value_and_grad(compile(rosenbrock))(X)
    assert value == pytest.approx(rosenbrock(X))
    assert gradient == pytest.approx(grad(rosenbrock)(X))
