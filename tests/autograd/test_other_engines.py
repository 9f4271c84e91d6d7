"""Nodes as other engines make them: each gives the right gradient, or an error that names the way out."""

from __future__ import annotations

import copy
import functools
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import AutogradError, NumericError, PrimitiveError, Value, check_graph, grad, no_grad, strict
from autograd.functional import hessian, jvp, vjp
from autograd.viz import draw_dot, explain

V: Any = Value  # whose signature is for the number and the label: what follows is for programs that have no types

MICROGPT = """
import math

class Value(Base):
    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1, 1))
    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))
    def __pow__(self, other): return Value(self.data**other, (self,), (other * self.data**(other-1),))
    def log(self): return Value(math.log(self.data), (self,), (1/self.data,))
    def exp(self): return Value(math.exp(self.data), (self,), (math.exp(self.data),))
    def relu(self): return Value(max(0, self.data), (self,), (float(self.data > 0),))
    def __neg__(self): return self * -1
    def __radd__(self, other): return self + other
    def __sub__(self, other): return self + (-other)
    def __rsub__(self, other): return other + (-self)
    def __rmul__(self, other): return self * other
    def __truediv__(self, other): return self * other**-1
    def __rtruediv__(self, other): return other * self**-1

def softmax(logits):
    max_val = max(val.data for val in logits)
    exps = [(val - max_val).exp() for val in logits]
    total = sum(exps)
    return [e / total for e in exps]

w = [Value(0.1 * k - 0.3) for k in range(6)]
x = [w[0] * w[1] + w[2], (w[3] * w[4] + w[5]).relu(), w[0] * w[0] + 1]
mean_square = sum(xi * xi for xi in x) / len(x)
scaled = [xi * (mean_square + 1e-5) ** -0.5 for xi in x]
loss = -softmax(scaled)[1].log()
loss.backward()
results = [loss.data, [p.grad for p in w]]
"""

WHOLE_ENGINE = """
class Base:
    def __init__(self, data, children=(), local_grads=()):
        self.data = data
        self.grad = 0
        self._children = children
        self._local_grads = local_grads

    def backward(self):
        topo, visited = [], set()
        def build(v):
            if v not in visited:
                visited.add(v)
                for child in v._children:
                    build(child)
                topo.append(v)
        build(self)
        self.grad = 1
        for v in reversed(topo):
            for child, local_grad in zip(v._children, v._local_grads):
                child.grad += local_grad * v.grad
"""


def test_the_operations_of_microgpt_give_its_numbers() -> None:
    theirs: dict[str, Any] = {}
    exec(WHOLE_ENGINE + MICROGPT, theirs)
    ours: dict[str, Any] = {"Base": Value}
    exec(MICROGPT, ours)
    assert len(theirs["results"][1]) == 6
    assert all(theirs["results"][1][:2])
    assert ours["results"][0] == pytest.approx(theirs["results"][0], rel=1e-14)
    assert ours["results"][1] == pytest.approx(theirs["results"][1], rel=1e-12)


def test_the_walk_of_microgpt_reads_our_nodes() -> None:
    theirs: dict[str, Any] = {}
    exec(WHOLE_ENGINE, theirs)
    x, y = Value(3.0), Value(2.0)
    z = x * y + x.exp()
    theirs["Base"].backward(z)
    assert (x.grad, y.grad) == (2.0 + math.exp(3.0), 3.0)


# ---- nodes with their local derivatives ------------------------------------------------------------------------------
def product(make: Callable[[Value, Value], Any]) -> tuple[Any, Value, Value]:
    x, y = Value(3.0, "x"), Value(5.0, "y")
    return make(x, y), x, y


@pytest.mark.parametrize(
    "make",
    [
        lambda x, y: V(15, (x, y), (5, 3)),
        lambda x, y: V(15, [x, y], [5, 3]),
        lambda x, y: V(15, (v for v in (x, y)), (d for d in (5, 3))),
        lambda x, y: V(15, (x, y), {y: 3, x: 5}),
        lambda x, y: V(15, {x, y}, {y: 3, x: 5}),
        lambda x, y: V(15, ((x, 5), (y, 3))),
        lambda x, y: V(15, [[x, 5], [y, 3]], "times"),
        lambda x, y: V(15, (x, y), (5, 3), "times"),
        lambda x, y: V(15, (x, y), "times", (5, 3)),
        lambda x, y: V(15, (x, y), "times", "z", (5, 3)),
        lambda x, y: V(15, "times", (x, y), (5, 3)),
        lambda x, y: V(15, "z", "times", (x, y), (5, 3)),
        lambda x, y: V(15, children=(x, y), local_grads=(5, 3)),
        lambda x, y: V(15, _children=(x, y), _local_grads=(5, 3)),
        lambda x, y: V(15, (x, y), local_grads=(5, 3)),
        lambda x, y: V(15, (x, y), _local_grads=(5, 3)),
        lambda x, y: V(15, _prev=(x, y), _local_gradients=(5, 3), _op="times"),
        lambda x, y: V(15, parents=(x, y), local_gradients=(5, 3), op="times", name="z"),
        lambda x, y: V(15, "z", parents=(x, y), local_grads=(5, 3)),
        lambda x, y: V(15, label="z", _parents=(x, y), local_grads=(5, 3)),
    ],
)
def test_local_derivatives_are_those_of_the_node(make: Callable[[Value, Value], Any]) -> None:
    z, x, y = product(make)
    assert z.op.name in ("times", "closure")
    assert z.label in ("z", "")
    assert set(z.parents) == {x, y}
    (z * 2).backward()
    assert (x.grad, y.grad) == (10.0, 6.0)
    assert grad(z, [x, y]) == (5.0, 3.0)


def test_the_names_land_where_they_belong() -> None:
    x = Value(3.0)
    for node in (
        V(9, (x,), "sq", "y"),
        V(9, "sq", (x,), "y"),
        V(9, "y", "sq", (x,)),
        V(9, x, op="sq", label="y"),
        V(9, (x,), "sq", label="y"),
    ):
        assert (node.parents, node._op, node.label) == ((x,), "sq", "y")
    for leaf in (V(9, "y"), V(9, label="y"), V(9, name="y"), V(9, "y", ()), V(9, (), "", "y")):
        assert (leaf.parents, leaf._op) == ((), ""), leaf
    assert V(9, "y").label == V(9, "y", ()).label == V(9, (), "", "y").label == "y"
    assert V(9, None).label == V(9, None, None).label == ""


def test_one_child_that_is_used_twice() -> None:
    x = Value(3.0)
    y = V(9, (x, x), (3, 3))
    y.backward()
    assert (y.parents, x.grad) == ((x, x), 6.0)


def test_such_a_node_is_drawn_copied_and_saved() -> None:
    x = Value(3.0, "x")
    y = V(9, (x,), (6,), "squared") * 2
    assert "squared" in draw_dot(y).source
    assert "squared" in str(explain(x, y))
    for twin in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        twin.backward()
        assert twin.parents[0].parents[0].grad == 12.0
    with no_grad():
        assert V(9, (x,), (6,)).parents == ()


@pytest.mark.parametrize(
    "use",
    [
        lambda x: grad(V(9, (x,), (6,)), x, create_graph=True),
        lambda x: hessian(lambda t: V(t.data**2, (t,), (2 * t.data,)))(x.data),
    ],
)
def test_what_needs_a_rule_names_the_remedy(use: Callable[[Value], Any]) -> None:
    with pytest.raises(AutogradError, match=r"@autograd\.primitive"):
        use(Value(3.0))


def test_a_compiled_function_with_a_closure_runs_without_the_compiler() -> None:
    def square(t: Value) -> Value:
        out = V(t.data**2, (t,), "square")

        def backward() -> None:
            t.grad += 2 * t.data * out.grad

        out._backward = backward
        return out

    f, x = autograd.compile(square), Value(3.0)
    for number in (3.0, 5.0, 7.0):
        x.data, x.grad = number, 0.0
        y = f(x)
        y.backward()
        assert (y.data, x.grad) == (number**2, 2 * number)
    assert "by a _backward closure: make that operation an @autograd.primitive" in str(f.report())


def safe_log(p: Value) -> Any:
    clamped = max(p.data, 1e-12)
    return V(math.log(clamped), (p,), (1.0 / clamped,))


def unused(p: Value) -> Any:
    with no_grad():
        return V(p.data, (p,), (7.0,)) + p


@pytest.mark.parametrize(
    "operation",
    [
        safe_log,
        lambda p: V(p.data * p.data, (p, p), (p.data, p.data)),  # one child twice
        lambda p: V(p.data**3, {p}, {p: 3 * p.data**2}) * p,
        lambda p: V(2.0, (p,), (5,)) * V(p.data, children=((p * 2, 0.5),)),  # numbers that are the same at each call
        lambda p: V(math.inf, (p,), (p.data,)),
        lambda p: V(p.data, (p * math.inf,), (3.0,)),  # the number is the given one, whatever the children are
        lambda p: V(-0.0, (p,), (1.0,)),
        lambda p: p * V(3.0, (), "three", _children=()),  # a leaf
        unused,
    ],
)
def test_local_derivatives_that_are_given_are_compiled(operation: Callable[[Value], Any]) -> None:
    """The same numbers and gradients, for ``backward`` inside and outside of the function, and one recording."""
    w = Value(0.5)

    def loss(x: float) -> Value:
        y: Value = operation(w * x) * 2.0
        return y

    def step(x: float) -> Value:
        w.grad = 0.0
        y = loss(x)
        y.backward()
        w.data -= 0.01 * w.grad if abs(w.grad) < 100 else 0.0
        return y

    def numbers(f: Callable[[float], Value], inside: bool) -> list[str]:
        found = []
        w.data = 0.5
        for x in (1.0, 2.0, -1.0, 0.25, 3.0, 4.0, 5.0, 0.5):
            if not inside:
                w.grad = 0.0
            y = f(x)
            if not inside:
                y.backward()
            found += [repr(y.data), repr(float(w.grad)), repr(w.data)]
        return found

    for f, inside in ((loss, False), (step, True)):
        compiled = autograd.compile(f)
        assert numbers(compiled, inside) == numbers(f, inside)
        assert 1 <= compiled.recordings <= 3, compiled.report()


def test_given_derivatives_have_no_derivatives_when_compiled_either() -> None:
    f, x = autograd.compile(lambda t: safe_log(t * 2.0)), Value(3.0)
    for _ in range(6):
        y = f(x)
    for use in (lambda: grad(y, [x], create_graph=True), lambda: hessian(f)(3.0)):
        with pytest.raises(AutogradError, match=r"@autograd\.primitive"):
            use()


def test_strict_looks_at_given_derivatives() -> None:
    with strict(), pytest.raises(NumericError, match="the local derivative is inf"):
        V(0.0, (Value(0.0),), (math.inf,), "root")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x: V(9, (x,), (6, 1)), ValueError, "one local derivative for each child, got 2 for 1"),
        (lambda x: V(9, (x, x), (6,)), ValueError, "got 1 for 2"),
        (lambda x: V(9, (), (6,)), ValueError, "got 1 for 0"),
        (lambda x: V(9, local_grads=(6,)), ValueError, "got 1 for 0"),
        (lambda x: V(9, {x, Value(1.0)}, (6, 1)), TypeError, "a set of children has no order"),
        (lambda x: V(9, (x,), {Value(1.0): 6}), ValueError, r"got none for Value\(data=3"),
        (lambda x: V(9, (x,), (lambda g: 6 * g,)), TypeError, "local derivatives of a node must be numbers"),
        (lambda x: V(9, (x,), (x,)), TypeError, r"must be numbers.*\.data"),
        (lambda x: V(9, (x,), ("sq",)), TypeError, "must be numbers"),
        (lambda x: V(9, (x,), ("sq", 2)), TypeError, "must be numbers"),
        (lambda x: V(9, (x,), 6.0), TypeError, r"cannot use 6\.0 of type float"),
        (lambda x: V(9, (x,), lambda: None), TypeError, r"of type function.*_backward closure"),
        (lambda x: V(9, lambda: None), TypeError, "of type function"),
        (lambda x: V(9, (x,), "sq", lambda g: g), TypeError, "of type function"),
        (lambda x: V(9, True), TypeError, "cannot use True of type bool: after the number comes a label"),
        (lambda x: V(9, 0.5), TypeError, r"cannot use 0\.5 of type float"),
        (lambda x: V(9, (x, 2.0)), TypeError, r"the children of a node must be Values, got 2\.0 of type float"),
        (lambda x: V(9, (x, 6)), TypeError, "got 6 of type int"),
        (lambda x: V(9, ((x, 6), x)), TypeError, "of type tuple"),
        (lambda x: V(9, ((x, 6),), (6,)), TypeError, "given twice"),
        (lambda x: V(9, {x: 6}), TypeError, "of type dict"),
        (lambda x: V(9, "abc", "sq", "more"), TypeError, "has a label, an operation, children"),
        (lambda x: V(9, (x,), (6,), (7,)), TypeError, "has a label, an operation, children"),
        (lambda x: V(9, requires_grad=True), TypeError, "no argument 'requires_grad'"),
        (lambda x: V(9, grad_fn=abs), TypeError, "no argument 'grad_fn'"),
        (lambda x: V(9, kids=(x,)), TypeError, r"no argument 'kids'.*children=\(x, y\)"),
        (lambda x: V(9, "y", label="z"), TypeError, "two arguments for 'label'"),
        (lambda x: V(9, label=3), TypeError, r"give label=str\(3\)"),
        (lambda x: V(9, label=True), TypeError, "give label=str"),
        (lambda x: V(9, (x,), children=(x,)), TypeError, "two arguments for 'children'"),
        (lambda x: V(9, children=(x,), _prev=(x,)), TypeError, "two arguments for 'children'"),
        (lambda x: V(9, children="ab"), TypeError, "cannot use 'ab' of type str"),
        (lambda x: V(9, op=3), TypeError, "cannot use 3 of type int"),
    ],
)
def test_what_cannot_be_understood_is_refused(
    make: Callable[[Value], Any], error: type[Exception], message: str
) -> None:
    x = Value(3.0)
    with pytest.raises(error, match=message):
        make(x)
    assert x.grad == 0


# ---- nodes without local derivatives ---------------------------------------------------------------------------------
def with_parents_set(x: Value, **attributes: Any) -> Any:
    out: Any = Value(9.0)
    for name, attribute in attributes.items():
        setattr(out, name, attribute)
    return out


SILENT: list[Callable[[Value], Any]] = [
    lambda x: V(9, (x,), "sq"),
    lambda x: V(9, (x,)),
    lambda x: V(9, x),
    lambda x: V(9, [x, Value(1.0)], "sq"),
    lambda x: V(9, {x}, "sq"),
    lambda x: V(9, "sq", (x,)),
    lambda x: V(9, (x,), ()),
    lambda x: V(9, (x,), None),
    lambda x: V(9, children=(x,), op="sq"),
    lambda x: with_parents_set(x, parents=(x,)),
    lambda x: with_parents_set(x, parents=[x], op="sq"),
    lambda x: with_parents_set(x, _prev={x}, _op="sq"),
    lambda x: with_parents_set(x, _children=(x,)),
]


@pytest.mark.parametrize("make", SILENT)
@pytest.mark.parametrize(
    "differentiate",
    [
        lambda f, x: f(x).backward(),
        lambda f, x: (f(x) * 2 + x).backward(),
        lambda f, x: (0.0 * f(x)).backward(),
        lambda f, x: grad(f(x), x),
        lambda f, x: grad(f(x), x, create_graph=True),
        lambda f, x: explain(x, f(x) * 2),
        lambda f, x: autograd.functional.grad(f)(3.0),
        lambda f, x: vjp(f, 3.0)[1](1.0),
        lambda f, x: jvp(f, (3.0,), (1.0,)),
        lambda f, x: hessian(f)(3.0),
    ],
)
def test_no_gradient_goes_through_a_node_without_local_derivatives(
    make: Callable[[Value], Any], differentiate: Callable[[Callable[[Value], Any], Value], Any]
) -> None:
    x = Value(3.0)
    with pytest.raises(AutogradError, match=r"local derivatives|_backward closure or a list of numbers|rule"):
        differentiate(make, x)
    assert x.grad == 0


@pytest.mark.parametrize("make", SILENT)
def test_a_closure_may_come_later(make: Callable[[Value], Any]) -> None:
    x = Value(3.0)
    out = make(x)

    def _backward() -> None:
        x.grad += 6 * out.grad

    out._backward = _backward
    (out * 2).backward()
    assert x.grad == 12.0


def test_derivatives_may_come_later() -> None:
    x = Value(3.0)
    out = V(9, (x,), "sq")
    out._local_grads = (6.0,)
    out.backward()
    assert (out._op, x.grad) == ("sq", 6.0)


def test_other_children_ask_for_other_derivatives() -> None:
    x, y = Value(3.0), Value(5.0)
    out = V(9, (x,), (6,))
    out._prev = {x}
    assert out.partials == (6.0,)
    out._prev = {x, y}
    with pytest.raises(PrimitiveError, match="no local derivatives"):
        out.backward()


@pytest.mark.parametrize("parents", [(), 1, 3])
def test_parents_that_do_not_fit_the_derivatives_are_found(parents: Any) -> None:
    """Of nodes with one, two and more parents, whose loops differ."""
    x = Value(3.0)
    for node in (x.exp(), x * x, autograd.fsum([x, x, x, x])):
        node.parents = (x,) * parents if parents else ()
        if parents != len(node.partials):
            with pytest.raises(PrimitiveError, match=r"has \d children, but \d local derivatives"):
                node.backward()
            with pytest.raises(PrimitiveError, match=r"has \d children, but \d local derivatives"):
                (node * 0.0).backward()
    assert x.grad == 0


def test_a_new_name_changes_no_gradient() -> None:
    x = Value(3.0)
    y: Any = x * x
    y._op = "square"
    y.backward()
    z: Any = x * x
    z.op = "square"
    z.backward()
    assert (y._op, z._op, x.grad) == ("square", "square", 12.0)


def test_a_check_says_what_it_cannot_check() -> None:
    with pytest.raises(AutogradError, match="no local derivatives"):
        check_graph(V(9, (Value(3.0),), "sq")).unchecked[0]


# ---- closures --------------------------------------------------------------------------------------------------------
def closing(add: Callable[[float], float]) -> tuple[Any, Callable[[], None], Value]:
    x = Value(3.0, "x")
    out = V(9, (x,), "odd")

    def _backward() -> None:
        x.grad += add(out.grad)

    return out, _backward, x


@pytest.mark.parametrize(
    "add",
    [
        lambda g: max(-1.0, min(1.0, 6 * g)),
        lambda g: max(-1.0, min(1.0, 0.5 * g)),
        lambda g: max(-10.0, min(10.0, 0.5 * g)),
        lambda g: max(0.0, 6 * g),
        lambda g: 6 * abs(g),
        lambda g: 6 * g if abs(g) > 0.1 else 0.0,
        lambda g: 6 * g + 0.01,
        lambda g: 6 * g * g,
        lambda g: 6.0,
        lambda g: math.copysign(1.0, g),
        lambda g: math.tanh(g),
    ],
)
def test_a_closure_that_is_not_linear_is_refused(add: Callable[[float], float]) -> None:
    out, closure, x = closing(add)
    with pytest.raises(PrimitiveError, match=r"not linear in the node's gradient.*after backward\(\)"):
        out._backward = closure
    assert (x.grad, out.grad) == (0, 0)
    with pytest.raises(PrimitiveError, match="no local derivatives"):
        out.backward()


@pytest.mark.parametrize("slope", [0.0, -0.0, 6.0, -1e-300, 5e-324, 1e300, 1 / 3, math.inf, -math.inf, math.nan])
def test_a_linear_closure_is_taken(slope: float) -> None:
    out, closure, x = closing(lambda g: slope * g + 0.1 * g - 0.1 * g)
    out._backward = closure
    assert out.partials == pytest.approx((slope,), rel=1e-12, abs=1e-15, nan_ok=True)
    assert x.grad == 0


x_of_module = Value(3.0)
out_of_module: Any = None


def _backward_of_module() -> None:
    x_of_module.grad += 6 * out_of_module.grad


@pytest.mark.parametrize("named", [True, False])
def test_a_closure_of_globals(named: bool) -> None:
    """As the cells of a notebook have it."""
    global out_of_module
    x_of_module.grad = 0.0
    out_of_module = V(9, (x_of_module,), "sq") if named else V(9)
    out_of_module._backward = _backward_of_module
    assert x_of_module.grad == 0.0
    out_of_module.backward()
    assert x_of_module.grad == 6.0


def add_six(x: Any, out: Any) -> None:
    x.grad += 6 * out.grad


class Operation:
    """A closure that is a method."""

    def __init__(self, x: Value) -> None:
        self.out, self.x = V(9), x

    def backward(self) -> None:
        add_six(self.x, self.out)


@pytest.mark.parametrize(
    "closure",
    [
        lambda x, out: lambda: add_six(x, out),
        lambda x, out: lambda x=x, out=out: add_six(x, out),
        lambda x, out: functools.partial(add_six, x, out),
        lambda x, out: functools.partial(add_six, x=x, out=out),
        lambda x, out, xs=None: (lambda xs: lambda: [add_six(v, out) for v in xs])([x]),
        lambda x, out: (lambda xs: lambda: [add_six(v, out) for v in xs.values()])({"x": x}),
        lambda x, out: (lambda inner: lambda: inner())(lambda: add_six(x, out)),
    ],
)
def test_the_children_are_found_wherever_a_closure_keeps_them(closure: Callable[[Value, Any], Any]) -> None:
    x = Value(3.0)
    out = V(9)
    out._backward = closure(x, out)
    out.backward()
    assert (out.parents, x.grad) == ((x,), 6.0)


def test_a_stranger_among_globals_is_refused() -> None:
    global out_of_module
    x_of_module.grad = 0.0
    out_of_module = V(9, (Value(1.0),), "sq")
    with pytest.raises(PrimitiveError, match="not among its children"):
        out_of_module._backward = _backward_of_module
    assert x_of_module.grad == 0.0
