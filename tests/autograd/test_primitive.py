"""A user's own rows of the table: used like the built-in ones, and checked where they are used."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest

import autograd
from autograd import PrimitiveError, Value, no_grad, primitive
from autograd.functional import grad, hessian
from autograd.ops import TABLE
from tests.support.table import the_table_is_left_as_it_was  # noqa: F401 - a fixture


@primitive(lambda y, x: 3 * x**2, name="test_cube")
def cube(x: float) -> float:
    """x³, by hand."""
    return x * x * x


@primitive(lambda z, x, y, w: (y * w, x * w, x * y), name="test_product")
def product(x: float, y: float, w: float) -> float:
    return x * y * w


for row in (cube, product):  # the other tests know nothing of them
    del TABLE[row.name]


@pytest.fixture(autouse=True)
def _ours_are_in_the_table(the_table_is_left_as_it_was: None) -> None:  # noqa: F811 - the fixture
    TABLE.update({"test_cube": cube, "test_product": product})


# ---- use -------------------------------------------------------------------------------------------------------------
def test_it_takes_floats_and_values_in_any_mixture() -> None:
    assert cube(2) == 8.0
    assert type(cube(2)) is float
    x, w = Value(2.0), Value(5.0)
    z = product(x, 3, w)
    z.backward()
    assert (z.data, x.grad, w.grad) == (30.0, 15.0, 6.0)
    assert z.op is product
    assert [parent.data for parent in z.parents] == [2.0, 3.0, 5.0]
    assert (cube.name, cube.__doc__, repr(cube)) == ("test_cube", "x³, by hand.", "<primitive test_cube>")


def test_its_rule_gives_derivatives_of_any_order() -> None:
    assert [f(2.0) for f in (cube, grad(cube), grad(grad(cube)), grad(grad(grad(cube))))] == [8.0, 12.0, 12.0, 6.0]
    assert hessian(lambda v: product(v[0], v[1], cube(v[2])))([1.0, 2.0, 3.0]) == [
        [0.0, 27.0, 54.0], [27.0, 0.0, 27.0], [54.0, 27.0, 36.0],
    ]  # fmt: skip


def test_its_graph_is_copied_and_pickled_by_its_name() -> None:
    x = Value(2.0)
    y = cube(x) * x
    for twin in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        assert twin.parents[0].op is cube
        (dx,) = autograd.grad(twin, twin.parents[1], create_graph=True)
        assert dx.data == 32.0


def test_a_rule_may_itself_differentiate() -> None:
    def quartic(x: Any) -> Any:
        return x**4

    @primitive(lambda y, x: grad(grad(quartic))(x))
    def slope(x: float) -> float:
        result = grad(quartic)(x)
        assert type(result) is float
        return result

    assert slope(2.0) == 32.0
    assert grad(slope)(2.0) == 48.0
    assert grad(grad(slope))(2.0) == 48.0
    assert grad(lambda t: slope(2.0) * t)(1.0) == 32.0  # floats in, floats out, also inside a transformation
    with no_grad():
        assert grad(slope)(2.0) == 48.0


def test_one_derivative_needs_no_tuple_and_a_list_will_do() -> None:
    @primitive(lambda z, x, y: [1, 1])
    def plus(x: float, y: float) -> float:
        return x + y

    assert grad(plus, argnums=(0, 1))(1.0, 2.0) == (1.0, 1.0)


def test_infinite_and_missing_derivatives_are_allowed() -> None:
    @primitive(lambda y, x: math.nan)
    def unknown(x: float) -> float:
        return math.inf

    x = Value(1.0)
    y = unknown(x)
    y.backward()
    assert y.data == math.inf
    assert math.isnan(x.grad)


# ---- names -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["sin", "add", "leaf", "constant", "frozen"])
def test_the_name_of_a_built_in_primitive_is_taken(name: str) -> None:
    before = TABLE[name]
    with pytest.raises(PrimitiveError, match=f"'{name}' is a built-in primitive"):
        primitive(lambda y, x: 1.0, name=name)(lambda x: x)
    assert TABLE[name] is before


def test_a_redefinition_leaves_the_old_graphs_right_and_says_so_when_they_are_saved() -> None:
    old = cube(Value(2.0))
    new = primitive(lambda y, x: 1.0, name="test_cube")(lambda x: x)
    assert new(Value(2.0)).data == 2.0
    twin = copy.deepcopy(old)
    assert twin.op is copy.deepcopy(cube) is cube
    (dx,) = autograd.grad(twin, twin.parents[0], create_graph=True)
    assert dx.data == 12.0
    with pytest.raises(PrimitiveError, match=r"test_cube.*another primitive has taken its name"):
        pickle.dumps(old)


def test_a_graph_with_an_unknown_primitive_cannot_be_loaded() -> None:
    saved = pickle.dumps(cube(Value(2.0)))
    del TABLE["test_cube"]
    with pytest.raises(LookupError, match="unknown primitive 'test_cube': define it with @primitive before loading"):
        pickle.loads(saved)


# ---- what is wrong with a rule is found where it is used -------------------------------------------------------------
def broken(value: Any, partials: Any) -> Any:
    return primitive(partials, name="test_broken")(value)


@pytest.mark.parametrize(
    ("value", "partials", "message"),
    [
        (lambda x, y: x, lambda z, x, y: (1.0,), "'test_broken' gave 1 partial derivatives for 2 operands"),
        (lambda x, y: x, lambda z, x, y: (1.0, 1.0, 1.0), "gave 3 partial derivatives for 2 operands"),
        (lambda x, y: x, lambda z, x, y: 1.0, "gave 1 partial derivatives for 2 operands"),
        (lambda x, y: x, lambda z, x, y: (), "gave 0 partial derivatives for 2 operands"),
        (lambda x, y: x, lambda z, x, y: (1.0, "1"), "gave '1' as a partial derivative: expected a number"),
        (lambda x, y: x, lambda z, x, y: (None, 1.0), "gave None as a partial derivative"),
        (lambda x, y: x, lambda z, x, y: (1j, 1.0), "gave 1j as a partial derivative"),
        (lambda x, y: x, lambda z, x, y: ([1.0], 1.0), r"gave \[1.0\] as a partial derivative: expected one number"),
        (lambda x, y: x, lambda z, x, y: (10**400, 1.0), "as a partial derivative: int.* too large"),
        (lambda x, y: "no", lambda z, x, y: (1.0, 1.0), "gave 'no' as its value"),
        (lambda x, y: None, lambda z, x, y: (1.0, 1.0), "gave None as its value"),
        (lambda x, y: Value(x), lambda z, x, y: (1.0, 1.0), "as its value: expected a plain number, not a Value"),
        (lambda x, y: 1 / 0, lambda z, x, y: (1.0, 1.0), r"raised ZeroDivisionError at \(2.0, 3.0\): division by zero"),
        (lambda x, y: x, lambda z, x, y: {}["no"], r"raised KeyError at \(2.0, 2.0, 3.0\): 'no'"),
        (lambda x: x, lambda z, x: 1.0, "raised TypeError"),
    ],
)
def test_a_wrong_rule_is_an_error_that_names_it(value: Any, partials: Any, message: str) -> None:
    row = broken(value, partials)
    x = Value(2.0)
    with pytest.raises(PrimitiveError, match=message) as error:
        row(x, 3.0)
    if "raised" in message:
        assert error.value.__cause__ is not None  # the original exception, with its traceback
    assert x.grad == 0


def test_a_rule_that_cannot_be_differentiated_twice_says_why() -> None:
    row = broken(math.sin, lambda y, x: math.cos(x))
    assert grad(row)(0.0) == 1.0
    with pytest.raises(PrimitiveError, match=r"raised TypeError at .*: float\(Value.*from autograd"):
        grad(grad(row))(0.0)


def test_the_package_s_own_errors_come_through_as_they_are() -> None:
    def complains(x: float) -> float:
        raise autograd.NumericError("mine")

    with pytest.raises(autograd.NumericError, match="mine"):
        broken(complains, lambda y, x: 1.0)(Value(1.0))


def test_a_rule_may_differentiate_the_graph_it_is_part_of() -> None:
    x = Value(1.5)
    y = x * x

    def rule(z: Any, v: Any) -> Any:
        if isinstance(v, Value):
            y.backward()  # the very nodes that are being differentiated
        return 3.0 * v * v

    cubed = primitive(rule, name="cubed_with_a_backward_inside")(lambda v: v**3)
    (dx,) = autograd.grad(cubed(y), [x], create_graph=True)
    assert dx.data == pytest.approx(6 * 1.5**5)
    assert x.grad == 3.0


def test_a_primitive_without_derivatives_says_how_to_give_them() -> None:
    @primitive
    def cube(x: float) -> float:
        return x**3

    with pytest.raises(
        PrimitiveError, match=r"@primitive above cube needs the derivative: write @primitive\(lambda y, x: …\)"
    ):
        cube(Value(2.0))  # type: ignore[arg-type]
