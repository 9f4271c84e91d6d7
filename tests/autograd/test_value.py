"""The node: what goes in, how operators and methods record, what is refused, how it compares, prints and copies."""

from __future__ import annotations

import copy
import decimal
import fractions
import functools
import math
import operator
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, no_grad, ops
from autograd.modes import switched

BINARY_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "power": operator.pow,
}  # fmt: skip
UNARY_METHODS = [name for name, row in ops.TABLE.items() if isinstance(row, ops.Unary) and hasattr(Value, name)]
BINARY_METHODS = [name for name, row in ops.TABLE.items() if isinstance(row, ops.Binary) and hasattr(Value, name)]
NUMBERS = [
    2, 2.0, True, fractions.Fraction(5, 2), np.float64(2.5), np.float32(2.5), np.float16(2.5), np.longdouble(2.5),
    np.int64(2), np.int8(2), np.uint8(2), np.bool_(True),
]  # fmt: skip


def recorded(node: Value) -> tuple[Any, ...]:
    return node.data, node.op, [parent.data for parent in node.parents], list(node.partials)


class Meters:
    """Somebody's own class, which knows how to meet any scalar."""

    def __mul__(self, other: object) -> str:
        return "meters * other"

    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __gt__ = lambda self, other: "meters was asked"


class Named(Value):
    """Somebody's own subclass."""


# ---- what goes in ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_any_real_number_becomes_a_float(number: Any) -> None:
    x = Value(number)
    assert type(x.data) is float
    assert x.data == number
    x.data = 0.0
    x.data = number
    assert type(x.data) is float
    assert x.data == number


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ("3", r"the text '3'.*float\('3'\)"),
        (None, "perhaps a function lacks its return"),
        (1j, "1j of type complex"),
        (np.complex128(2), "complex128"),
        ([1.0], r"a list.*\[Value\(x\) for x in"),
        ((1.0,), "a tuple"),
        ({}, "a dict"),
        (np.array([1.0]), "a ndarray"),
        (np.array(1.0), r"zero-dimensional ndarray.*float\(x\)"),
        (Value(1.0), r"a Value.*\.data.*\.detach\(\)"),
        (decimal.Decimal(1), "Decimal"),
        (object(), "of type object"),
    ],
)
def test_anything_else_is_refused_with_a_remedy(given: Any, remedy: str) -> None:
    with pytest.raises(TypeError, match=remedy):
        Value(given)
    x = Value(1.0)
    with pytest.raises(TypeError, match=remedy):
        x.data = given
    assert x.data == 1.0


@pytest.mark.parametrize("huge", [10**400, fractions.Fraction(10**400)])
def test_a_number_beyond_the_largest_float_is_refused(huge: Any) -> None:
    for use in (Value, Value(1.0).__mul__, Value(1.0).__radd__):
        with pytest.raises(OverflowError):
            use(huge)


def test_a_leaf_has_no_past() -> None:
    x = Value(2.0, label="x")
    assert (x.data, x.label, x.parents, x.partials, x.op) == (2.0, "x", (), (), ops.leaf)
    assert x.grad == 0
    assert type(x.grad) is int  # not computed, which is not the same as 0.0


@pytest.mark.parametrize("name", [*UNARY_METHODS, *BINARY_METHODS])
def test_no_result_has_a_gradient_before_backward(name: str) -> None:
    result = getattr(Value(1.0), name)(*[2.0] * isinstance(ops.TABLE[name], ops.Binary))
    assert (result.grad, type(result.grad)) == (0, int)


def test_comparisons_and_new_nodes_are_recorded() -> None:
    one = Value(1.0)

    def truths(x: Any, y: Any) -> list[Any]:
        v, w = one * x, Value(y)
        return [autograd.where(c, w, 0.0) for c in (v < w, v <= w, v > w, v >= w)]

    compiled = autograd.compile(truths)
    for x, y in [(1.0, 2.0), (2.0, 1.0), (2.0, 2.0)] * 4:  # the first calls run without the compiled program
        assert [v.data for v in compiled(x, y)] == [y * c for c in (x < y, x <= y, x > y, x >= y)]


def test_there_is_no_room_for_a_misspelt_attribute() -> None:
    with pytest.raises(AttributeError):
        Value(1.0).gradient = 2.0  # type: ignore[attr-defined]


# ---- recording -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", BINARY_OPERATORS)
def test_an_operator_records_its_row_and_operands_in_order(name: str) -> None:
    x, y = Value(3.0), Value(2.0)
    z = BINARY_OPERATORS[name](x, y)
    row = ops.TABLE[name]
    assert z.op is row
    assert z.parents == (x, y)
    assert z.data == BINARY_OPERATORS[name](3.0, 2.0)
    assert tuple(z.partials) == tuple(row.partials(z.data, 3.0, 2.0))


@pytest.mark.parametrize("name", UNARY_METHODS)
@pytest.mark.parametrize("x", [0.3, -0.7, 1.5])
def test_method_function_and_general_path_record_the_same(name: str, x: float) -> None:
    function = ops.TABLE[name]
    general = Value.apply(function, (Value(x),))
    fast = getattr(Value(x), name)()
    with switched():  # an open context of any kind sends operators down the general path
        slow = getattr(Value(x), name)()
    for node in (general, fast, slow, function(Value(x))):
        np.testing.assert_equal(recorded(node), recorded(general))
    np.testing.assert_equal(function(x), general.data)
    assert type(function(x)) is float


@pytest.mark.parametrize("name", BINARY_METHODS)
def test_binary_methods_record_the_same_as_functions(name: str) -> None:
    general = Value.apply(ops.TABLE[name], (Value(0.3), Value(0.8)))
    for node in (
        getattr(Value(0.3), name)(Value(0.8)),
        getattr(Value(0.3), name)(0.8),
        ops.TABLE[name](Value(0.3), 0.8),
        ops.TABLE[name](0.3, Value(0.8)),
    ):
        assert recorded(node) == recorded(general)


def test_every_public_function_has_a_method_or_is_of_several_numbers() -> None:
    names = [name for name in autograd.__all__ if name in ops.TABLE]
    assert len(names) > 35
    assert {name for name in names if not hasattr(Value, name)} <= {
        "fsum",
        "prod",
        "sumprod",
        "logsumexp",
        "constant",
        "take",
    }


@pytest.mark.parametrize("name", BINARY_OPERATORS)
@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_a_number_of_any_kind_on_either_side_is_a_constant_of_the_graph(name: str, number: Any) -> None:
    apply, v = BINARY_OPERATORS[name], Value(3.0)
    right, left = apply(v, number), apply(number, v)
    assert type(right) is type(left) is Value
    assert right.data == pytest.approx(apply(3.0, float(number)))
    assert left.data == pytest.approx(apply(float(number), 3.0))
    assert right.parents[0] is v
    assert left.parents[1] is v
    for constant in (right.parents[1], left.parents[0]):
        assert constant.op is ops.constant
        assert constant.data == number
        assert type(constant.data) is float


def test_powers_differentiate_the_exponent_only_if_it_is_a_value() -> None:
    constant, variable = Value(-2.0) ** 2, Value(-2.0) ** Value(2.0)
    assert constant.op is ops.constant_power
    assert list(constant.partials) == [-4.0, 0.0]
    assert variable.op is ops.power
    assert variable.partials[0] == -4.0
    assert math.isnan(variable.partials[1])


def test_sum_max_min_sorted_and_prod_work() -> None:
    a, b, c = Value(3.0), Value(1.0), Value(2.0)
    assert sum([a, b, c]).data == 6.0
    assert max([a, b, c]) is a
    assert min([a, b, c]) is b
    assert sorted([a, b, c]) == [b, c, a]
    assert math.prod([a, b, c]).data == 6.0  # type: ignore[type-var]
    total = sum([a, a, 2.0])
    total.backward()
    assert a.grad == 2.0


def test_unary_plus_is_the_node_itself() -> None:
    x = Value(1.0)
    assert +x is x


# ---- numpy -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", BINARY_OPERATORS)
@pytest.mark.parametrize(
    "array",
    [np.array([1.0, 2.0]), np.array([[1, 2], [3, 4]]), np.array([0.5], dtype=np.float32), np.array([])],
    ids=["floats", "ints", "float32", "empty"],
)
def test_arrays_work_elementwise_on_either_side(name: str, array: Any) -> None:
    apply, v = BINARY_OPERATORS[name], Value(3.0)
    for result, expected in ((apply(v, array), apply(3.0, array)), (apply(array, v), apply(array, 3.0))):
        assert isinstance(result, np.ndarray)
        assert result.dtype == object
        assert result.shape == array.shape
        for node, number in zip(result.flat, np.asarray(expected).flat, strict=True):
            assert isinstance(node, Value)
            assert node.data == pytest.approx(float(number))


def test_arrays_of_values_work_with_numpy() -> None:
    x = [Value(1.0), Value(2.0)]
    v = np.array(x)
    assert v.dtype == object
    (v @ v).backward()
    assert [node.grad for node in x] == [2.0, 4.0]
    assert np.sum(v).data == 3.0
    assert np.mean(v).data == 1.5
    for ufunc in (np.exp, np.log, np.sqrt, np.sin, np.tanh, np.arctan, np.arcsinh):
        assert [node.data for node in ufunc(v)] == pytest.approx(list(ufunc(np.array([1.0, 2.0]))))
    for ufunc in (np.arcsin, np.arccos, np.arctanh):
        assert [node.data for node in ufunc(v / 4)] == pytest.approx(list(ufunc(np.array([0.25, 0.5]))))
    assert [node.data for node in np.arccosh(v)] == pytest.approx(list(np.arccosh(np.array([1.0, 2.0]))))
    assert [node.data for node in np.arctan2(v, 2.0)] == pytest.approx(list(np.arctan2(np.array([1.0, 2.0]), 2.0)))
    assert [node.data for node in (v * Value(3.0))] == [3.0, 6.0]
    exponents = Value(-2.0) ** np.array([2.0, Value(2.0)], dtype=object)
    assert [node.op for node in exponents] == [ops.constant_power, ops.power]


def test_numpy_functions_take_a_value() -> None:
    x = Value(2.0)
    assert isinstance(x * np.array(3.0), Value)  # what numpy makes of an array without axes is a scalar
    assert isinstance(np.array(3.0) * x, Value)
    for y, op in ((np.exp(x), ops.exp), (np.sqrt(x), ops.sqrt), (np.arctan2(x, 3.0), ops.atan2), (np.abs(x), ops.abs)):
        assert (y.op, y.parents[0]) == (op, x)
    assert np.maximum(x, 0.0) is x
    for statistic in (np.linalg.norm, np.std, np.var, np.mean):
        xs = [Value(3.0), Value(4.0), Value(8.0)]
        y = statistic(np.array(xs))
        y.backward()
        up, down = [statistic(np.array([3.0 + h, 4.0, 8.0])) for h in (1e-6, -1e-6)]
        assert y.data == pytest.approx(statistic(np.array([3.0, 4.0, 8.0])))
        assert xs[0].grad == pytest.approx((up - down) / 2e-6)
    array = np.array(xs)
    array -= xs[0]
    assert [v.data for v in array] == [0.0, 1.0, 5.0]


def test_numpy_compares_element_by_element() -> None:
    x = Value(2.0)
    assert list(np.array([1.0, 2.0, 3.0]) < x) == [True, False, False]
    assert list(x <= np.array([1.0, 2.0, 3.0])) == [False, True, True]


def test_numpy_cannot_drop_a_gradient_in_silence() -> None:
    x = Value(1.0)
    for attempt in (
        lambda: np.array([x], dtype=float),
        lambda: np.zeros(3).__setitem__(0, x),
        lambda: operator.imul(np.array([1.0]), x),
    ):
        with pytest.raises(TypeError):
            attempt()


def test_numpy_numbers_compare() -> None:
    x = Value(2.0)
    assert np.float64(1) < x < np.float32(3)
    assert np.int64(2) <= x <= np.int64(2)
    assert x > np.bool_(True)
    assert type(np.float64(1) < x) is bool
    assert x != np.float64(2)  # equality is identity, on either side
    assert np.float64(2) != x


@pytest.mark.parametrize("name", ["atan2", "hypot", "logaddexp", "maximum", "minimum"])
def test_named_methods_take_arrays_and_refuse_strangers(name: str) -> None:
    v, row, array = Value(1.5), ops.TABLE[name], np.array([[1.0, 2.0], [3.0, 4.0]])
    results: Any = getattr(v, name)(array)
    assert results.shape == (2, 2)
    assert [y.data for y in results.flat] == [row(1.5, float(x)) for x in array.flat]
    for stranger in (decimal.Decimal(2), object(), "2", None):
        for attempt in (getattr(v, name), functools.partial(row, v), lambda x: Value.apply(row, (v, x))):
            with pytest.raises(TypeError, match="expected a"):
                attempt(stranger)
    with pytest.raises(TypeError, match="a Value is a scalar"):
        row(v, array)


# ---- strangers -------------------------------------------------------------------------------------------------------
def test_an_object_of_another_class_gets_its_turn() -> None:
    v, m = Value(2.0), Meters()
    for result in (v + m, v - m, v * m, v / m, v**m, v < m):
        assert result == "meters was asked"
    assert m * v == "meters * other"
    assert list(v * np.array([m], dtype=object)) == ["meters was asked"]


def kind_of(x: object) -> str:
    return type(x).__name__


@pytest.mark.parametrize("name", BINARY_OPERATORS)
@pytest.mark.parametrize("stranger", ["a", None, [1], 1j, object(), decimal.Decimal(2), {}], ids=kind_of)
def test_what_nobody_knows_is_a_type_error(name: str, stranger: Any) -> None:
    v = Value(2.0)
    for attempt in (lambda: BINARY_OPERATORS[name](v, stranger), lambda: BINARY_OPERATORS[name](stranger, v)):
        with pytest.raises(TypeError, match=r"expected|unsupported"):
            attempt()


@pytest.mark.parametrize("name", BINARY_OPERATORS)
def test_subclasses_mix_with_values(name: str) -> None:
    apply, v, s = BINARY_OPERATORS[name], Value(3.0), Named(2.0)
    for left, right in ((v, s), (s, v), (s, s)):
        node = apply(left, right)
        assert node.parents == (left, right)
        assert node.op is ops.TABLE[name]
        assert node.data == apply(left.data, right.data)
    assert (s < v, s.maximum(s).data, autograd.exp(s).data) == (True, 2.0, math.exp(2.0))


# ---- what would drop the gradient ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("attempt", "remedy"),
    [
        (float, r"v\.data"),
        (math.exp, r"v\.exp\(\)"),
        (lambda v: math.hypot(v, v), "from autograd"),
        (lambda v: math.fsum([v]), r"v\.data"),
        (complex, r"v\.data"),
        (int, r"int\(v\.data\)"),
        (lambda v: [10, 20][v], r"int\(v\.data\)"),
        (range, r"int\(v\.data\)"),
        (lambda v: round(v, 2), r"value\.data"),
    ],
)
def test_dropping_the_gradient_is_refused_with_a_remedy(attempt: Callable[[Any], Any], remedy: str) -> None:
    with pytest.raises(TypeError, match=remedy):
        attempt(Value(1.0))


@pytest.mark.parametrize("attempt", [lambda v: v // 2, lambda v: v % 2, divmod, lambda v: pow(v, 2, 5), len, iter])
def test_operations_that_there_are_not_are_type_errors(attempt: Callable[..., Any]) -> None:
    with pytest.raises(TypeError):
        attempt(Value(1.0))


# ---- comparisons, identity -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize(("x", "y"), [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0), (math.nan, 1.0), (math.inf, 1.0)])
def test_comparisons_are_about_data(compare: Callable[[Any, Any], bool], x: float, y: float) -> None:
    expected = compare(x, y)
    assert compare(Value(x), Value(y)) is compare(Value(x), y) is compare(x, Value(y)) is expected


@pytest.mark.parametrize("stranger", ["a", None, [1], object()], ids=kind_of)
def test_comparing_with_what_is_no_number_is_a_type_error(stranger: Any) -> None:
    for attempt in (lambda: Value(1.0) < stranger, lambda: stranger >= Value(1.0)):
        with pytest.raises(TypeError, match=r"expected|not supported"):
            attempt()


def test_equality_and_hash_are_identity() -> None:
    x, y = Value(1.0), Value(1.0)
    assert x == x
    assert x != y
    assert x != 1.0
    assert {x: "x", y: "y"}[y] == "y"
    assert x in [y, x]
    assert x not in [y, 1.0]


def test_truth_is_about_data() -> None:
    assert Value(2.0)
    assert Value(math.nan)


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize(
    "use", [bool, lambda v: v or 1.0, lambda v: 1 if v else 2, lambda v: any([v]), lambda v: list(filter(None, [v]))]
)
def test_the_truth_of_zero_is_an_error(zero: float, use: Callable[[Value], object]) -> None:
    """A program that writes `if self.bias:` means "is there one?", as in micrograd: a bias of 0 must not vanish."""
    with pytest.raises(TypeError, match=r"`v is not None`.*`v.data != 0`"):
        use(Value(zero))
    with no_grad(), pytest.raises(TypeError, match="is not None"):
        use(Value(zero))


# ---- text ------------------------------------------------------------------------------------------------------------
def test_text() -> None:
    x = Value(3.14159, label="x")
    assert repr(x) == str(x) == f"{x}" == "Value(data=3.14159, grad=0)"
    assert f"{x:.2f}|{x:8.1e}" == "3.14| 3.1e+00"
    x.backward()
    assert repr(x) == "Value(data=3.14159, grad=1.0)"


# ---- copies ----------------------------------------------------------------------------------------------------------
COPIES: list[Callable[[Any], Any]] = [copy.deepcopy, *[
    lambda x, protocol=protocol: pickle.loads(pickle.dumps(x, protocol)) for protocol in range(6)
]]  # fmt: skip


@pytest.mark.parametrize("duplicate", COPIES)
def test_a_copied_leaf_keeps_number_label_gradient_and_kind(duplicate: Callable[[Any], Any]) -> None:
    x = Value(2.0, label="x")
    (x * x).backward()
    for leaf in (x, autograd.constant(3.0), Value(-0.0), Value(math.nan)):
        twin = duplicate(leaf)
        assert twin is not leaf
        assert repr((twin.data, twin.label, twin.grad, twin.op)) == repr((leaf.data, leaf.label, leaf.grad, leaf.op))


@pytest.mark.parametrize("duplicate", COPIES)
def test_a_copied_graph_is_whole_and_independent(duplicate: Callable[[Any], Any]) -> None:
    x, y = Value(2.0, label="x"), Value(3.0)
    z = x * y + autograd.sumprod([x, x], [y, 1.0]) ** 2
    z.label = "z"
    z.backward()
    x2, z2 = duplicate([x, z])
    assert z2.label == "z"
    assert (z2.grad, x2.grad) == (z.grad, x.grad)
    twin_order = autograd.graph.topological_order(z2)
    assert [recorded(node) for node in twin_order] == [recorded(node) for node in autograd.graph.topological_order(z)]
    assert x2 in twin_order  # the leaf inside the graph is the one that was copied beside it
    before = x.grad
    x2.grad = 0.0
    z2.backward()
    assert x2.grad == before == x.grad
    (dx,) = autograd.grad(z2, x2, create_graph=True)
    assert dx.data == before


def test_nodes_that_are_deep_copied_together_stay_connected() -> None:
    x = Value(2.0)
    h = x * x
    h2, y2, x2 = copy.deepcopy([h, h * 3, x])
    assert y2.parents[0] is h2
    y2.backward()
    assert (h2.grad, x2.grad, x.grad) == (3.0, 12.0, 0)


def test_a_copied_interior_node_keeps_its_past_but_no_future() -> None:
    x = Value(2.0)
    h = x * x
    y = h * 3
    h2 = copy.deepcopy(h)
    h2.backward()
    assert h2.parents[0] is h2.parents[1]
    assert h2.parents[0].grad == 4.0
    assert (x.grad, h.grad, y.grad) == (0, 0, 0)


def test_a_shallow_copy_shares_the_leaves() -> None:
    x = Value(2.0)
    twin = copy.copy(x * x)
    twin.backward()
    assert x.grad == 4.0


def test_where_gives_a_value_also_where_a_plain_number_is_taken() -> None:
    x = Value(3.0)
    y = autograd.where(x > 5, x, 0.0)
    y.backward()
    assert (y.data, x.grad) == (0.0, 0)


def test_a_copy_of_a_subclass_keeps_what_it_holds() -> None:
    x = Tagged(2.0)
    x.tag = "t"
    for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert (type(twin), twin.tag, twin.data) == (Tagged, "t", 2.0)


def test_a_deep_copy_of_a_subclass_shares_nothing_that_it_holds() -> None:
    x = Tagged(2.0)
    x.tag, x.notes = "t", [x]
    twin = copy.deepcopy(x)
    assert twin.tag == "t"
    assert twin.notes is not x.notes
    assert twin.notes[0] is twin


def test_nodes_of_a_chain_are_deep_copied_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = [Value(1.0)]
    for _ in range(100):
        chain.append(chain[-1] + 1.0)
    visited: list[Any] = []
    monkeypatch.setattr(Value, "parents", Looked(Value.parents, visited))
    twins = copy.deepcopy(chain)
    assert len(visited) < 10 * len(chain)  # a walk from each node would look 5000 times and more
    monkeypatch.undo()
    assert [twin.data for twin in twins] == [node.data for node in chain]
    assert all(after.parents[0] is before for before, after in pairwise(twins))


class Looked:
    """A slot, and who looked into it."""

    def __init__(self, slot: Any, visited: list[Any]) -> None:
        self.slot, self.visited = slot, visited

    def __get__(self, node: Any, owner: Any = None) -> Any:
        self.visited.append(node)
        return self.slot.__get__(node, owner)

    def __set__(self, node: Any, parents: Any) -> None:
        self.slot.__set__(node, parents)


class Tagged(Value):
    tag: str
    notes: list[Value]
