"""A subclass of Value: attributes of one's own, and results of that subclass; plain Values pay nothing for it."""

from __future__ import annotations

import copy
import operator
import pickle
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, grad, no_grad, ops, strict, where
from autograd.functional import hessian
from autograd.methods import lifted
from autograd.ops import TABLE
from autograd.value import new_node
from nn import MLP


class Colored(Value):
    color = "black"

    def twice(self) -> Any:
        return self * 2

    def cube(self) -> Any:
        out: Any = Colored(self.data**3, (self,), "cube")

        def _backward() -> None:
            self.grad += 3 * self.data**2 * out.grad

        out._backward = _backward
        return out


class Shiny(Colored):
    pass


class Slotted(Value):
    __slots__ = ("note",)


class Loud(Value):
    """Has an operator of its own."""

    def __add__(self, other: Any) -> Any:
        return "added"


class Louder:
    def __add__(self, other: Any) -> Any:
        return "mixed in"


class Mixed(Louder, Value):  # type: ignore[misc]
    pass


BINARY: list[Callable[[Any, Any], Any]] = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, autograd.maximum, autograd.atan2,
    autograd.hypot, autograd.logaddexp, lambda x, y: autograd.fsum([x, y]), lambda x, y: autograd.prod([x, 2.0, y]),
    lambda x, y: autograd.sumprod([x, 1.0], [2.0, y]), lambda x, y: autograd.logsumexp([x, y]),
    lambda x, y: autograd.softmax([x, y])[0], lambda x, y: autograd.linear([x], [[y]], [0.0])[0],
    lambda x, y: autograd.leaky_relu(x, y), lambda x, y: autograd.elu(x, y), lambda x, y: autograd.clip(x, y),
    lambda x, y: sum([x, y]),
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(name for name, op in TABLE.items() if isinstance(op, ops.Unary)))
def test_a_function_of_a_subclass_is_of_the_subclass(name: str) -> None:
    for kind in (Colored, Shiny, Slotted):
        assert type(TABLE[name](kind(0.5))) is kind
        with no_grad():
            assert type(TABLE[name](kind(0.5))) is kind
        with strict():
            assert type(TABLE[name](kind(1.5 if name == "acosh" else 0.5))) is kind


@pytest.mark.parametrize("function", BINARY)
def test_one_operand_of_a_subclass_is_enough(function: Callable[[Any, Any], Any]) -> None:
    x = Colored(0.5)
    for other in (0.25, Value(0.25), np.float64(0.25), 1, Colored(0.25)):
        for operands in ((x, other), (other, x)):
            assert type(function(*operands)) is Colored, operands
    assert type(function(Value(0.5), Value(0.25))) is Value
    for operands in ((x, Shiny(0.25)), (Shiny(0.5), x), (Shiny(0.5), Value(0.25))):
        assert type(function(*operands)) is Shiny  # the most special one


@pytest.mark.parametrize(
    "method",
    [
        lambda x: x.relu().tanh().exp(), lambda x: -x, abs, round, lambda x: x.detach(), lambda x: x.clip(0.0, 1.0),
        lambda x: x.leaky_relu(), lambda x: x.elu(), lambda x: x.select(x, 1.0), lambda x: x.twice(),
        lambda x: where(True, x, 1.0), lambda x: where(False, 1.0, x), lambda x: where(True, 1.0, x),
        lambda x: x.maximum(other=3.0), lambda x: x**2, lambda x: 2**x, lambda x: sum([x, x]), lambda x: +x,
        lambda x: copy.deepcopy(x * 2), lambda x: pickle.loads(pickle.dumps(x * 2)), lambda x: np.exp(x),
        lambda x: (np.array([1.0, 2.0]) * x)[0], lambda x: (x * np.array([1.0, 2.0]))[1], lambda x: x.cube(),
    ],
)  # fmt: skip
def test_every_way_to_compute_stays_in_the_subclass(method: Callable[[Any], Any]) -> None:
    assert type(method(Colored(0.5))) is Colored


def test_the_numbers_and_gradients_are_those_of_plain_values() -> None:
    def f(x: Any, y: Any) -> Any:
        return ((x * y + 2.0 / x).tanh() - y**x).relu() + autograd.sumprod([x, y], [y, 0.5], x) + abs(y) ** 2

    results = []
    for kinds in ((Value, Value), (Colored, Colored), (Value, Shiny), (Slotted, Value)):
        x, y = kinds[0](0.7), kinds[1](1.3)
        z = f(x, y)
        z.backward()
        second = grad(grad(f(x, y), x, create_graph=True)[0], y)
        results.append((z.data, x.grad, y.grad, second))
    assert results[1:] == results[:1] * 3
    assert hessian(lambda v: f(v[0], v[1]))([Colored(0.7), Colored(1.3)])


def test_attributes_of_one_s_own_stay_with_the_node_and_its_copies() -> None:
    x = Colored(0.5)
    x.color = "red"
    y = x * 2
    y.color, y.name = "blue", "y"
    assert (x.color, y.color, y.name, (y + 1).color) == ("red", "blue", "y", "black")
    for twin in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        assert (twin.color, twin.name, twin.parents[0].color) == ("blue", "y", "red")
    slotted: Any = Slotted(0.5)
    slotted.note = [1, slotted * 2]
    twin = copy.deepcopy(slotted)
    assert twin.note[0] == 1
    assert twin.note[1].parents[0] is twin
    assert twin.note is not slotted.note
    with pytest.raises(AttributeError):
        Value(1.0).color = "red"  # type: ignore[attr-defined]


def test_an_operator_of_the_subclass_s_own_or_of_a_mixin_stays() -> None:
    assert Loud(1.0) + 1 == "added"
    assert Mixed(1.0) + 1 == "mixed in"
    assert type(Loud(1.0) * 1) is Loud
    assert type(Mixed(1.0) * 1) is Mixed


def test_a_result_is_made_without_the_subclass_s_constructor() -> None:
    class Named(Value):
        def __init__(self, name: str) -> None:
            super().__init__(2.0, name)
            self.made = True

    x: Any = Named("x")
    y: Any = x * x
    assert (type(y), y.data, y.label, hasattr(y, "made")) == (Named, 4.0, "", False)


@pytest.mark.parametrize("f", [lambda a, n: a * n, lambda a, n: a + n, lambda a, n: a - n, lambda a, n: a / n])
def test_a_number_of_a_compiled_call_and_a_node_of_a_subclass_give_one_of_that(f: Any) -> None:
    node = Colored(2.0)
    compiled = autograd.compile(lambda a: f(a, node).exp() if isinstance(f(a, node), Colored) else None)
    for a in (0.5, 1.5):
        assert compiled(a).data == pytest.approx(f(a, node).exp().data)


def test_a_compiled_function_of_a_subclass_gives_the_same_numbers() -> None:
    @autograd.compile
    def f(x: Any) -> Any:
        return (x * weight).tanh() + x

    weight = Colored(0.5)
    y = f(2.0)
    y.backward()
    expected = (weight * 2.0).tanh() + 2.0
    assert y.data == pytest.approx(expected.data, rel=1e-15)
    assert weight.grad == pytest.approx(grad(expected, weight)[0], rel=1e-14)


def test_a_network_takes_a_subclass() -> None:
    model = MLP(2, [3, 1], seed=0)
    inputs = [Colored(0.5), Colored(-1.0)]
    assert type(model(inputs)) is Colored
    assert model(inputs).data == model([0.5, -1.0]).data
    assert type(model([0.5, -1.0])) is Value


def test_plain_values_pay_nothing() -> None:
    """Their methods are those that were there before the first subclass, and none of these asks for one."""
    asking = {"kind_of", "_kind", "as_kind", "kinds"}
    methods = [method for method in vars(Value).values() if isinstance(method, FunctionType) and method in lifted]
    assert len(methods) > 60
    assert not [method for method in methods if asking & set(method.__code__.co_names)]
    assert not asking & set(new_node.__code__.co_names)
    assert all(method in lifted for name in ("exp", "__add__", "maximum") for method in [getattr(Value, name)])
    assert Colored.exp is not Value.exp
    assert Shiny.exp is Colored.exp


# ---- messages about wrong arguments ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x.exp(2), r"^Value\.exp\(\) takes 1 positional argument but 2 were given$"),
        (lambda x: x.relu(0.1), r"^Value\.relu\(\) takes 1"),
        (lambda x: x.maximum(1, 2), r"^Value\.maximum\(\) takes 2"),
        (lambda x: x.__add__(1, 2), r"^Value\.add\(\) takes 2"),
        (lambda x: x.__radd__(1, 2), r"^Value\.add\(\) takes 2"),
        (lambda x: x.__lt__(1, 2), r"^Value\.less\(\) takes 2"),
        (lambda x: x.atan2(), r"^Value\.atan2\(\) missing 1 required positional argument: 'other'$"),
    ],
)
@pytest.mark.parametrize("kind", [Value, Colored])
def test_a_wrong_number_of_arguments_names_the_method(kind: Any, call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(kind(0.5))


def test_no_method_has_the_name_of_what_made_it() -> None:
    for kind in (Value, Colored):
        for name in dir(kind):
            assert "<locals>" not in getattr(getattr(kind, name), "__qualname__", ""), name
