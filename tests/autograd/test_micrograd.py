"""Programs written for micrograd give the same numbers after their imports are changed, and nothing else."""

from __future__ import annotations

import copy
import math
import pickle
import random
import warnings
from collections.abc import Callable
from typing import Any

import graphviz
import micrograd.engine
import pytest

import autograd
from autograd import (
    AutogradError,
    NumericError,
    PrimitiveError,
    Value,
    check_graph,
    draw_dot,
    grad,
    gradcheck,
    no_grad,
    strict,
)
from autograd.functional import hessian
from autograd.graph import topological_order
from autograd.viz import explain, to_latex, to_torch
from autograd.viz.pages import page

README = """
from micrograd.engine import Value

a = Value(-4.0)
b = Value(2.0)
c = a + b
d = a * b + b**3
c += c + 1
c += 1 + c + (-a)
d += d * 2 + (b + a).relu()
d += 3 * d + (b - a).relu()
e = c - d
f = e**2
g = f / 2.0
g += 10.0 / f
g.backward()
results = [g.data, a.grad, b.grad, c.data, d.data, e.grad, f.grad, g.grad]
"""

EVERYTHING = """
from micrograd.engine import Value

x, y = Value(1.5), Value(-0.75)
before = [x.grad, y.grad, repr(x)]
z = (x - y) * 2 / (1 + x**2) - -y + 3 - x + 4 / y + (x * y).relu() + x.relu() ** -1 + sum([x, y, z0 := x * x])
z.backward()
first = [z.data, x.grad, y.grad, z.grad]
for v in (x, y):
    v.grad = 0
w = x * x + y
w.backward()
results = before + first + [w.data, x.grad, y.grad, isinstance(x, Value), x._op, w._op, sorted(p.data for p in w._prev)]
"""

TRAINING = """
import random
from micrograd.engine import Value
from micrograd.nn import MLP

random.seed(1337)
xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
ys = [1.0, -1.0, -1.0, 1.0]
model = MLP(3, [4, 4, 1])
results = [repr(model), len(model.parameters())]
for k in range(20):
    inputs = [list(map(Value, row)) for row in xs]
    scores = list(map(model, inputs))
    losses = [(1 + -yi*scorei).relu() for yi, scorei in zip(ys, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    reg_loss = 1e-4 * sum((p*p for p in model.parameters()))
    total_loss = data_loss + reg_loss
    model.zero_grad()
    total_loss.backward()
    learning_rate = 1.0 - 0.9*k/100
    for p in model.parameters():
        p.data -= 0.05 * learning_rate * p.grad
    results += [total_loss.data, sum((yi > 0) == (s.data > 0) for yi, s in zip(ys, scores))]
results += [p.data for p in model.parameters()]
"""

DRAWING = """
from graphviz import Digraph
from micrograd.engine import Value
from micrograd.nn import Neuron
import random

def trace(root):
    nodes, edges = set(), set()
    def build(v):
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)
    build(root)
    return nodes, edges

def draw_dot(root, format='svg', rankdir='LR'):
    nodes, edges = trace(root)
    dot = Digraph(format=format, graph_attr={'rankdir': rankdir})
    for n in nodes:
        dot.node(name=str(id(n)), label="{ data %.4f | grad %.4f }" % (n.data, n.grad), shape='record')
        if n._op:
            dot.node(name=str(id(n)) + n._op, label=n._op)
            dot.edge(str(id(n)) + n._op, str(id(n)))
    for n1, n2 in edges:
        dot.edge(str(id(n1)), str(id(n2)) + n2._op)
    return dot

random.seed(1337)
n = Neuron(2)
x = [Value(1.0), Value(-2.0)]
y = n(x)
y.backward()
drawing = draw_dot(y)
nodes, edges = trace(y)
results = [y.data, [p.grad for p in n.parameters()], [v.grad for v in x]]
"""


OWN_OPERATIONS = """
import math
import random
from micrograd.engine import Value
from micrograd.nn import MLP

def tanh(self):
    t = (math.exp(2 * self.data) - 1) / (math.exp(2 * self.data) + 1)
    out = Value(t, (self,), 'tanh')
    def _backward():
        self.grad += (1 - t**2) * out.grad
    out._backward = _backward
    return out

def exp(self):
    out = Value(math.exp(self.data), _children=(self,), _op='exp')
    def _backward():
        self.grad += out.data * out.grad
    out._backward = _backward
    return out

def times(self, other):
    out = Value(self.data * other.data, (self, other), 'times')
    def _backward():
        self.grad += other.data * out.grad
        other.grad += self.data * out.grad
    out._backward = _backward
    return out

class Loud(Value):
    def __init__(self, data, _children=(), _op=''):
        super().__init__(data, _children, _op)
    def cube(self):
        out = Loud(self.data**3, (self,), 'cube')
        def _backward():
            self.grad += 3 * self.data**2 * out.grad
        out._backward = _backward
        return out

x1, x2, w1, w2, b = map(Value, [2.0, 0.0, -3.0, 1.0, 6.8813735870195432])
x1w1, x2w2 = x1 * w1, x2 * w2
total = x1w1 + x2w2
n = total + b
o = tanh(n)
o.backward()
nodes = [x1, x2, w1, w2, b, x1w1, x2w2, total, n, o]
walked = [v.grad for v in nodes]
for v in nodes:
    v.grad = 0.0
o.grad = 1.0
for v in [o, n, b, total, x1w1, x2w2, x1]:
    v._backward()
by_hand = [v.grad for v in nodes]

e = exp(2 * w2)
t = (e - 1) / (e + 1)
t.backward()
squared = times(b, b)
squared.backward()
loud = Loud(1.5)
out = loud.cube() * 2 + loud
out.backward()

random.seed(1337)
model = MLP(2, [4, 3, 1])
for k in range(5):
    scores = [tanh(model(x)) for x in [[1, 2], [3, -1], [0.5, 0.25]]]
    loss = sum((s - y)**2 for s, y in zip(scores, [1, -1, 1]))
    model.zero_grad()
    loss.backward()
    for p in model.parameters():
        p.data += -0.1 * p.grad

results = walked + by_hand + [o._op, e._op, len(squared._prev), [p.data for p in o._prev], t.data, w2.grad, b.grad]
results += [out.data, loud.grad, loss.data, [p.data for p in model.parameters()]]
"""


def run(program: str, *, ours: bool) -> dict[str, Any]:
    if ours:
        program = program.replace("from micrograd.engine import", "from autograd import")
        program = program.replace("from micrograd.nn import", "from nn import")
        assert "micrograd" not in program
    namespace: dict[str, Any] = {}
    exec(compile(program, "<a program of micrograd's users>", "exec"), namespace)
    return namespace


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == (pytest.approx(theirs, rel=1e-12, abs=1e-15) if isinstance(theirs, float) else theirs))


def test_the_numbers_of_the_readme() -> None:
    found = run(README, ours=True)
    assert f"{found['g'].data:.4f}" == "24.7041"
    assert f"{found['a'].grad:.4f}" == "138.8338"
    assert f"{found['b'].grad:.4f}" == "645.5773"


@pytest.mark.parametrize(
    "program",
    [README, EVERYTHING, TRAINING, DRAWING, OWN_OPERATIONS],
    ids=["readme", "api", "training", "drawing", "own operations"],
)
def test_a_program_gives_the_same_results_as_with_micrograd(program: str) -> None:
    ours, theirs = run(program, ours=True)["results"], run(program, ours=False)["results"]
    assert len(theirs) >= 3
    for k, (mine, expected) in enumerate(zip(ours, theirs, strict=True)):
        assert same(mine, expected), (k, mine, expected)


def test_the_notebook_s_drawing_works_and_shows_every_node() -> None:
    found = run(DRAWING, ours=True)
    assert isinstance(found["drawing"], graphviz.Digraph)
    source = found["drawing"].source
    for node in found["nodes"]:
        assert source.count(f"{id(node)} [label=") == 1
    symbols = {node._op for node in found["nodes"]} - {""}
    assert symbols == {"ReLU", "Σ×"}  # a neuron's weighted sum is one node here
    for symbol in symbols:
        assert f"label={symbol}" in source.replace('"', "")


def test_the_symbols_are_those_of_micrograd() -> None:
    for make in SYMBOLS:
        ours, theirs = make(Value(2.0)), make(micrograd.engine.Value(2.0))
        assert ours._op == theirs._op
        assert {p.data for p in ours._prev} >= {p.data for p in theirs._prev}


SYMBOLS: list[Callable[[Any], Any]] = [
    lambda v: v,
    lambda v: v + 1,
    lambda v: 1 + v,
    lambda v: v * 3,
    lambda v: v**2,
    lambda v: v**-1,
    lambda v: v**0.5,
    lambda v: v.relu(),
]


def random_program(source: random.Random, steps: int) -> list[tuple[str, int, int]]:
    operations = ["add", "sub", "mul", "div", "square", "relu", "neg", "scale", "radd", "rsub", "rdiv"]
    return [(source.choice(operations), source.randrange(k + 3), source.randrange(k + 3)) for k in range(steps)]


def execute(program: list[tuple[str, int, int]], kind: Any) -> tuple[list[float], list[float]]:
    apply: dict[str, Callable[[Any, Any], Any]] = {
        "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y * 0.1,
        "div": lambda x, y: x / (y * y + 1), "square": lambda x, y: x**2 * 0.1, "relu": lambda x, y: x.relu(),
        "neg": lambda x, y: -x, "scale": lambda x, y: 0.5 * x, "radd": lambda x, y: 2 + x, "rsub": lambda x, y: 2 - x,
        "rdiv": lambda x, y: 1 / (x * x + 2),
    }  # fmt: skip
    leaves = [kind(0.5), kind(-1.25), kind(2.0)]
    nodes = list(leaves)
    for name, i, j in program:
        nodes.append(apply[name](nodes[i], nodes[j]))
    total = sum(nodes)
    total.backward()
    return [node.data for node in nodes], [leaf.grad for leaf in leaves]


def test_random_programs_give_the_same_numbers() -> None:
    source = random.Random(7)
    for _ in range(200):
        program = random_program(source, steps=15)
        ours, theirs = execute(program, Value), execute(program, micrograd.engine.Value)
        assert ours[0] == pytest.approx(theirs[0], rel=1e-12)
        assert ours[1] == pytest.approx(theirs[1], rel=1e-9, abs=1e-12)


# ---- operations of one's own: a closure assigned to a node -----------------------------------------------------------
def square_of(x: Any, *, children: Any = None) -> Any:
    """x² as micrograd's users write it."""
    out: Any = Value(x.data**2, (x,) if children is None else children, "squared")  # type: ignore[arg-type]

    def _backward() -> None:
        x.grad += 2 * x.data * out.grad

    out._backward = _backward
    return out


def test_a_node_with_a_closure_is_like_others() -> None:
    x = Value(3.0, "x")
    y = square_of(x)
    assert (y.parents, list(y.partials), y.op.name, y.label) == ((x,), [6.0], "squared", "")
    assert (x.grad, y.grad) == (0, 0)  # the closure was called, but left no trace
    assert grad(y * 5, x) == (30.0,)
    y.backward()
    y.backward()
    assert x.grad == 12.0
    assert "squared" in str(explain(x))
    assert "squared" in draw_dot(y).source
    assert "squared" in page(y).html
    assert "squared" in to_latex(y)


def test_an_operation_of_one_s_own_is_not_mistaken_for_the_built_in_one_of_its_name() -> None:
    x = Value(3.0, "x")
    odd = Value(9.0, (x,), "exp")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="to_torch cannot write the primitive 'exp', which is your own"):
        to_torch(odd)


def test_a_node_with_a_closure_is_copied_and_saved() -> None:
    y = square_of(Value(3.0)) * 2
    for twin in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        twin.backward()
        (squared,) = [node for node in topological_order(twin) if node.op.name == "squared"]
        assert squared.parents[0].grad == 12.0


@pytest.mark.parametrize(
    "use",
    [
        lambda x: grad(square_of(x), x, create_graph=True),
        lambda x: hessian(square_of)(x.data),
        lambda x: autograd.compile(square_of(x), inputs=[x]).value_and_grad(2.0),
    ],
    ids=["create_graph", "hessian", "compile_graph"],
)
def test_what_needs_a_rule_names_the_remedy(use: Callable[[Value], Any]) -> None:
    with pytest.raises(AutogradError, match=r"'squared'.*_backward closure.*@autograd\.primitive"):
        use(Value(3.0))


def test_a_compiled_function_whose_operation_has_a_closure_runs_without_the_compiler() -> None:
    compiled = autograd.compile(square_of)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # which may say so
        for k in range(40):
            x = Value(3.0 + k)
            out = compiled(x)
            out.backward()
            assert (out.data, x.grad) == (x.data**2, 2.0 * x.data)


def test_a_closure_can_be_checked_where_it_is_called_anew() -> None:
    assert gradcheck(square_of, [3.0])
    assert "squared(3) by operand 0" in check_graph(square_of(Value(3.0))).unchecked[0]


def test_finite_differences_of_a_closure_are_unknown() -> None:
    x = Value(3.0, "x")
    assert math.isnan(explain(x, square_of(x)).finite_difference)  # type: ignore[union-attr]


def test_a_closure_that_adds_to_a_stranger_is_refused_and_leaves_no_trace() -> None:
    x = Value(3.0, "x")
    with pytest.raises(PrimitiveError, match=r"'?x'?, which is not among its children: pass all"):
        square_of(x, children=(Value(1.0),))
    assert x.grad == 0


def test_without_children_they_are_what_the_closure_knows() -> None:
    x = Value(3.0, "x")
    y = square_of(x, children=())
    y.backward()
    assert (y.parents, x.grad) == ((x,), 6.0)


def test_a_leaf_keeps_the_name_of_an_operation() -> None:
    x: Any = Value(0.5, _op="w0")
    y = x * x
    y.backward()
    assert (x._op, x.parents, x.grad) == ("w0", (), 1.0)
    assert "0.5" in draw_dot(y).source
    assert Value(0.5, (), "input")._op == "input"  # type: ignore[arg-type]
    assert autograd.compile(lambda v: v * x)(2.0).data == 1.0
    assert pickle.loads(pickle.dumps(y)).data == 0.25


def test_a_closure_that_adds_nodes_is_refused() -> None:
    x = Value(3.0)
    out: Any = Value(9.0, (x,), "squared")  # type: ignore[arg-type]

    def _backward() -> None:
        x.grad += 2 * x * out.grad

    with pytest.raises(PrimitiveError, match=r"must add numbers to gradients.*\.data"):
        out._backward = _backward
    assert x.grad == 0


def test_a_closure_may_call_the_operation_that_it_belongs_to() -> None:
    class Mine(Value):
        def tanh(self) -> Any:
            out: Any = Mine(math.tanh(self.data), (self,), "tanh")  # type: ignore[arg-type]

            def _backward() -> None:
                self.grad += (1 - self.tanh().data ** 2) * out.grad

            out._backward = _backward
            return out

    x = Mine(0.5)
    y = x.tanh()
    (y * y.tanh()).backward()
    t = math.tanh(0.5)
    outer = math.tanh(t) + t * (1 - math.tanh(t) ** 2)
    assert x.grad == pytest.approx(outer * (1 - t * t), rel=1e-15)


def test_a_closure_that_raises_leaves_no_trace() -> None:
    x = Value(0.0)
    out: Any = Value(1.0, (x,), "oops")  # type: ignore[arg-type]

    def _backward() -> None:
        x.grad += out.grad
        x.grad /= x.data

    with pytest.raises(ZeroDivisionError):
        out._backward = _backward
    assert (x.grad, out.grad) == (0, 0)


@pytest.mark.parametrize(("x", "data"), [(0.0, 1.0), (2.0, float("inf"))])
def test_strict_looks_at_a_closure(x: float, data: float) -> None:
    leaf = Value(x)
    with strict():
        out: Any = Value(data, (leaf,), "reciprocal")  # type: ignore[arg-type]

        def _backward() -> None:
            leaf.grad += out.grad * (-1.0 / (leaf.data * leaf.data) if leaf.data else float("-inf"))

        with pytest.raises(NumericError, match=rf"reciprocal\({x:g}\) at .*test_micrograd.py:\d+"):
            out._backward = _backward


def test_a_closure_that_uses_a_variable_too_early_raises_what_python_does() -> None:
    x = Value(3.0)
    out: Any = Value(9.0, (x,), "early")  # type: ignore[arg-type]

    def _backward() -> None:
        x.grad += slope * out.grad

    with pytest.raises(NameError, match="slope"):
        out._backward = _backward
    slope = 6.0
    out._backward = _backward
    assert out.partials == (6.0,)


def test_a_node_without_its_closure_has_children_but_no_gradient_goes_through_it() -> None:
    x = Value(3.0)
    y = Value(9.0, (x,), "squared")  # type: ignore[arg-type]
    assert y._prev == {x}
    with pytest.raises(PrimitiveError, match="has children, but no local derivatives"):
        y.backward()
    assert (x.grad, y.grad) == (0, 0)


def test_no_grad_keeps_no_children() -> None:
    with no_grad():
        y = square_of(Value(3.0))
    assert (y.data, y.parents) == (9.0, ())


def test_children_must_be_nodes() -> None:
    with pytest.raises(TypeError, match=r"the children of a node must be Values, got 1\.0 of type float"):
        Value(1.0, (1.0,), "op")  # type: ignore[arg-type]


def test_an_operation_needs_no_name() -> None:
    x: Any = Value(3.0)
    out: Any = Value(6.0, (x,))  # type: ignore[arg-type]

    def _backward() -> None:
        x.grad += 2 * out.grad

    out._backward = _backward
    out.backward()
    assert (x.grad, out.label, out._prev) == (2.0, "", {x})
    assert Value(6.0, _children=(x,)).parents == (x,)


def test_a_node_of_a_subclass_is_copied_as_one() -> None:
    class Named(Value):
        def __init__(self, name: str) -> None:
            super().__init__(2.0, name)

    x = Named("x")
    twin = copy.deepcopy(x * x)
    assert type(twin.parents[0]) is Named
    assert (twin.data, twin.parents[0].data, twin.parents[0].label) == (4.0, 2.0, "x")
