"""backward: right on shared nodes, over repeated calls and on several losses, and by the numbers that were recorded."""

from __future__ import annotations

import gc
import math
from fractions import Fraction
from typing import Any

import pytest

from autograd import Value, fsum, grad, ops, primitive, sumprod
from autograd.errors import PrimitiveError
from autograd.graph import Leaves, accumulate, leaves, spread, sweep, topological_order, value_at
from autograd.value import new_node


def gradients_of(expression: Any, *numbers: float) -> list[float]:
    leaves = [Value(x) for x in numbers]
    expression(*leaves).backward()
    return [leaf.grad for leaf in leaves]


# ---- shared nodes ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("expression", "numbers", "expected"),
    [
        (lambda x: x, [3.0], [1.0]),
        (lambda x: x * x, [3.0], [6.0]),
        (lambda x: x + x + x, [3.0], [3.0]),
        (lambda x: x - x, [3.0], [0.0]),
        (lambda x: x / x, [3.0], [0.0]),
        (lambda x: x * x * x, [3.0], [27.0]),
        (lambda x, y: x * y, [3.0, 5.0], [5.0, 3.0]),
        (lambda x, y: (x * y) + (x * y), [3.0, 5.0], [10.0, 6.0]),
        (lambda x, y: (x + y) * (x - y), [3.0, 5.0], [6.0, -10.0]),
        (lambda x, y: x**2 / y, [3.0, 2.0], [3.0, -2.25]),
        (lambda x, y: sumprod([x, y, x], [y, x, 2.0], x), [3.0, 5.0], [13.0, 6.0]),
        (lambda x: fsum([x] * 1000), [3.0], [1000.0]),
    ],
)
def test_every_path_counts_once(expression: Any, numbers: list[float], expected: list[float]) -> None:
    assert gradients_of(expression, *numbers) == expected


def test_a_ladder_of_diamonds_is_exponentially_many_paths_in_linear_work() -> None:
    x = Value(1.0)
    y = x
    for _ in range(1000):
        y = (y + y) * 0.5
    y.backward()
    assert x.grad == 1.0
    assert len(topological_order(y)) == 1 + 3 * 1000  # a sum, a product and the 0.5 per step, not 2**1000


def test_a_node_whose_consumers_are_at_different_depths() -> None:
    x = Value(2.0)
    h = x * x
    deep = h
    for _ in range(50):
        deep = deep + h
    (deep * h).backward()  # 51 h²
    assert x.grad == 51 * 4 * 2.0**3
    assert h.grad == 51 * 2 * 4.0


def test_every_node_on_the_way_has_its_gradient() -> None:
    a, b = Value(-4.0), Value(2.0)
    p = a * b
    q = b**3
    (p + q).backward()
    assert (p.grad, q.grad, a.grad, b.grad) == (1.0, 1.0, 2.0, 8.0)
    exponent = q.parents[1]
    assert exponent.grad == 0.0
    assert type(exponent.grad) is float


def test_what_the_root_does_not_depend_on_is_left_alone() -> None:
    x, y = Value(2.0), Value(3.0)
    later = (x * y).exp()
    y.grad = 7.0
    (x * x).backward()
    assert (y.grad, later.grad) == (7.0, 0)


# ---- several calls ---------------------------------------------------------------------------------------------------
def test_leaves_add_up_over_calls_and_interior_nodes_hold_the_last() -> None:
    x = Value(3.0)
    h = x * x
    y = h * x
    for calls in (1, 2, 3):
        y.backward()
        assert x.grad == 27.0 * calls
        assert (h.grad, y.grad) == (3.0, 1.0)


def test_two_losses_over_one_subgraph() -> None:
    x = Value(3.0)
    h = x * x
    first, second = h * 2, h * 5
    first.backward()
    second.backward()
    assert x.grad == (2 + 5) * 2 * 3.0
    assert h.grad == 5.0


def test_backward_of_an_interior_node_and_then_of_the_root() -> None:
    x = Value(3.0)
    h = x * x
    y = h * 2
    h.backward()
    assert x.grad == 6.0
    y.backward()
    assert x.grad == 6.0 + 12.0


def test_setting_the_gradient_to_zero_starts_afresh() -> None:
    x = Value(3.0)
    y = x * x
    for zero in (0, 0.0, -0.0):
        x.grad = zero
        y.backward()
        assert x.grad == 6.0


def test_a_leaf_is_its_own_root() -> None:
    x = Value(3.0)
    x.backward()
    x.backward(5.0)
    assert x.grad == 6.0


@pytest.mark.parametrize("weight", [2.0, 2, -0.5, 0.0, math.inf])
def test_the_gradient_that_is_passed_in_multiplies_all(weight: float) -> None:
    x = Value(3.0)
    (x * x).backward(weight)
    assert x.grad == 6.0 * weight


@pytest.mark.parametrize("weight", ["2", None, [1.0], Value(1.0), 1j])
def test_a_gradient_that_is_no_number_is_refused(weight: Any) -> None:
    x = Value(3.0)
    with pytest.raises(TypeError, match="expected"):
        (x * x).backward(weight)
    assert x.grad == 0


@pytest.mark.parametrize("nonsense", [None, "0", [0.0]])
def test_a_gradient_that_was_set_to_no_number_is_refused_before_any_is_written(nonsense: Any) -> None:
    x, y = Value(3.0, label="x"), Value(4.0, label="y")
    y.grad = nonsense
    with pytest.raises(TypeError, match=r"gradient of y was set to .*: set it to 0\.0"):
        (x * y).backward()
    assert (x.grad, y.grad) == (0, nonsense)


def test_a_gradient_of_another_kind_of_number_is_added_to() -> None:
    x = Value(3.0)
    x.grad = Fraction(1, 2)  # type: ignore[assignment]
    (x * x).backward()
    assert x.grad == 6.5


# ---- the numbers that were recorded ----------------------------------------------------------------------------------
def test_a_later_change_of_data_does_not_change_the_gradient() -> None:
    x, y = Value(3.0), Value(5.0)
    z = x * y
    x.data = 100.0
    z.data = -1.0
    z.backward()
    assert (x.grad, y.grad) == (5.0, 3.0)
    assert grad(z, [x, y]) == (5.0, 3.0)


def test_detach_is_a_leaf_with_the_same_number_and_label() -> None:
    x = Value(3.0, label="x")
    d = x.detach()
    assert (d.data, d.label, d.parents) == (3.0, "x", ())
    (x * d).backward()
    assert (x.grad, d.grad) == (3.0, 3.0)


def test_infinite_and_missing_numbers_pass_through() -> None:
    x = Value(0.0)
    (1 / x).backward()
    assert x.grad == -math.inf
    y = Value(math.nan)
    (y * 2 + x).backward()
    assert y.grad == 2.0


def test_no_gradient_from_above_times_an_infinite_derivative_is_nan_for_any_number_of_operands() -> None:
    xs = [Value(1.0) for _ in range(3)]
    (sumprod([math.inf, 1.0, 2.0], xs) * 0.0).backward()
    assert math.isnan(xs[0].grad)
    assert [x.grad for x in xs[1:]] == [0.0, 0.0]


def test_the_value_of_a_node_for_other_operands_is_nan_where_its_primitive_refuses_them() -> None:
    @primitive(lambda y, x: 1.0)
    def picky(x: float) -> float:
        if x < 0.0:
            raise LookupError("not below 0")
        return x

    y = picky(Value(2.0))
    assert value_at(y, [3.0]) == 3.0
    assert math.isnan(value_at(y, [-1.0]))


# ---- freedom ---------------------------------------------------------------------------------------------------------
def test_a_graph_is_freed_the_moment_its_root_goes() -> None:
    x = Value(3.0)

    def graph() -> list[Value]:
        y = x
        for _ in range(1000):
            y = y * x + 1.0
        y.backward()
        return [y, *grad(y, x, create_graph=True)]

    graph()  # what is made once, is made
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        roots = graph()
        assert len(gc.get_objects()) > before + 5000
        del roots
        assert len(gc.get_objects()) <= before + 100  # other threads of the process may have made some
    finally:
        gc.enable()


# ---- the walks -------------------------------------------------------------------------------------------------------
def test_the_order_has_each_node_once_and_after_its_parents() -> None:
    x, y = Value(2.0), Value(3.0)
    p = x * y
    q = p + x
    r = q * p
    order = topological_order(r, q)
    assert len(order) == len(set(order)) == 5
    position = {node: i for i, node in enumerate(order)}
    assert all(position[parent] < position[node] for node in order for parent in node.parents)
    assert leaves(r) == [node for node in order if not node.parents]
    assert set(leaves(r)) == {x, y}
    assert topological_order() == []


def test_the_sweep_works_on_any_kind_of_number() -> None:
    """Adjoints as text: what is left is the chain rule itself."""

    class Text(str):
        def __add__(self, other: str) -> Text:
            return Text(f"{self} + {other}" if self else other)

        def __mul__(self, other: str) -> Text:
            return Text(f"{self}·{other}")

    x = Value(2.0, label="x")
    h = x * x
    h.label = "h"
    y = h * x
    local = {y: ("∂y/∂h", "∂y/∂x"), h: ("∂h/∂x₁", "∂h/∂x₂"), x: ()}
    adjoint = sweep(topological_order(y), {y: Text("1")}, local.__getitem__, Text(""))
    assert adjoint[h] == "1·∂y/∂h"
    assert set(adjoint[x].split(" + ")) == {"1·∂y/∂x", "1·∂y/∂h·∂h/∂x₁", "1·∂y/∂h·∂h/∂x₂"}
    assert (h.grad, x.grad) == (0, 0)  # the walk leaves the nodes' own gradients as they were


def test_a_rule_that_raises_stopiteration_does_not_end_the_walk_in_silence() -> None:
    x = Value(2.0)
    y = x.exp() * 3.0

    def partials(node: Value) -> Any:
        if node is y.parents[0]:
            raise StopIteration
        return node.partials

    order = topological_order(y)
    y.grad = 1.0
    with pytest.raises(PrimitiveError, match="StopIteration"):
        accumulate(order, partials)


# ---- parents that are known to be leaves, as behind a compiled loss ------------------------------------------------
def _many(kind: type[tuple[Any, ...]], before: list[Any]) -> tuple[Value, list[Value]]:
    parents = [Value(float(k)) for k in range(len(before))]
    for parent, gradient in zip(parents, before):
        parent.grad = gradient
    slopes = [0.5 * k - 1.0 for k in range(len(before))]
    return new_node(3.0, ops.leaf, kind(parents), slopes), parents


@pytest.mark.parametrize("gradient", [1.0, 2.5, -1.0, 0.0, math.inf, math.nan, 3])
def test_parents_known_to_be_leaves_get_the_same_gradients(gradient: float) -> None:
    before = [0, 0.0, 1.0, -2.5, True, 7]
    (root, parents), (other, others) = _many(Leaves, before), _many(tuple, before)
    for _ in range(2):
        root.backward(gradient)
        other.backward(gradient)
        assert repr([p.grad for p in [root, *parents]]) == repr([p.grad for p in [other, *others]])


def test_parents_known_to_be_leaves_need_no_walk() -> None:
    """``backward`` walks all the same while a context is open in any thread, such as one of another test."""
    (root, parents), (other, others) = _many(Leaves, [0.0] * 5), _many(tuple, [0.0] * 5)
    assert spread(root, 1.0)
    assert not spread(other, 1.0)
    assert [p.grad for p in parents] == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert [p.grad for p in others] == [0.0] * 5


def test_a_gradient_that_is_no_number_leaves_all_leaves_as_they_were() -> None:
    root, parents = _many(Leaves, [1.0, 2.0, None, 4.0])
    with pytest.raises(TypeError, match="was set to None"):
        root.backward()
    assert [p.grad for p in [root, *parents]] == [0, 1.0, 2.0, None, 4.0]
