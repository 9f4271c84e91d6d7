"""Functions that return many numbers, whose loss is computed outside: one program serves for all gradients."""

from __future__ import annotations

import copy
import gc
import itertools
import pickle
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import autograd
from autograd import PrimitiveError, StaleGraphError, Value, fsum, no_grad, softmax, strict
from autograd.check import check_graph
from autograd.compiler.calls import stages
from autograd.compiler.recording import outside
from autograd.functional import hessian, jacobian, jvp, vjp
from autograd.viz import backward_steps, draw_dot, explain

WIDTH, HEIGHT = 24, 12  # inputs and results; together more local derivatives than a few results have


def weights(seed: int = 0) -> list[list[Value]]:
    rng = random.Random(seed)
    return [[Value(rng.uniform(-0.5, 0.5)) for _ in range(WIDTH)] for _ in range(HEIGHT)]


def layer(rows: Sequence[Sequence[Value]]) -> Callable[[Sequence[Any]], list[Any]]:
    def f(xs: Sequence[Any]) -> list[Any]:
        return [fsum([w * x for w, x in zip(row, xs)]).tanh() for row in rows]

    return f


def inputs(seed: int = 1) -> list[Value]:
    rng = random.Random(seed)
    return [Value(rng.uniform(-1.0, 1.0)) for _ in range(WIDTH)]


def gradients_of(loss: Value, leaves: Sequence[Value]) -> list[float]:
    for leaf in leaves:
        leaf.grad = 0.0
    loss.backward()
    return [leaf.grad for leaf in leaves]


LOSSES: dict[str, Callable[[list[Any]], Any]] = {
    "all": lambda ys: -softmax(ys)[3].log(),
    "some": lambda ys: ys[2] * ys[5] - ys[7],
    "the first alone": lambda ys: ys[0] ** 2,
    "the last alone": lambda ys: 3.0 * ys[-1],
    "one twice": lambda ys: ys[4] * ys[4] + ys[4],
    "one as it is": lambda ys: ys[6],
    "the first and others": lambda ys: fsum(ys),
}


@pytest.mark.parametrize("calls_by_graph", [0, 4])
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_as_without_the_compiler(name: str, calls_by_graph: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "BY_GRAPH", calls_by_graph)
    rows, xs = weights(), inputs()
    leaves = [*xs, *[w for row in rows for w in row]]
    f, loss = layer(rows), LOSSES[name]
    compiled = autograd.compile(f)
    for scale in (1.0, 0.5, -2.0, 0.5, 2.0, 0.25):
        for leaf in leaves:
            leaf.data *= scale
        expected = loss(f(xs))
        slopes = gradients_of(expected, leaves)
        found = loss(compiled(xs))
        assert found.data == pytest.approx(expected.data, rel=1e-12, abs=1e-12)
        assert gradients_of(found, leaves) == pytest.approx(slopes, rel=1e-12, abs=1e-12)


def test_losses_in_turn() -> None:
    """Which results have a gradient changes from call to call."""
    rows, xs = weights(), inputs()
    leaves = [*xs, *[w for row in rows for w in row]]
    f = layer(rows)
    compiled = autograd.compile(f)
    for name in [*LOSSES, *reversed(LOSSES)]:
        expected = gradients_of(LOSSES[name](f(xs)), leaves)
        assert gradients_of(LOSSES[name](compiled(xs)), leaves) == pytest.approx(expected, rel=1e-12, abs=1e-12), name


def test_one_program_for_all_results() -> None:
    rows, xs = weights(), [x.data for x in inputs()]
    compiled = autograd.compile(layer(rows))
    for number in range(HEIGHT):
        ys = compiled(xs)
        (ys[number] * ys[number - 1]).backward()
    (variant,) = compiled.kept.all()
    assert len(variant.plans) == 2  # the results alone, and Σ weight · result


def test_the_first_result_alone_is_differentiated_by_the_call_itself() -> None:
    """As in ``loss, parts = f(xs)``: from the second call on a call gives the results and the gradients."""
    rows, xs = weights(), [x.data for x in inputs()]
    compiled = autograd.compile(layer(rows))
    for _ in range(4):
        ys = compiled(xs)
        ys[0].backward()
    assert len(ys[0].parents) == len(compiled.kept.all()[0].captured)
    assert len(ys[1].parents) == 1


def test_each_result_has_the_call_as_its_only_parent() -> None:
    rows, xs = weights(), inputs()
    ys = autograd.compile(layer(rows))(xs)
    (call,) = {y.parents for y in ys}
    assert len(call) == 1
    assert len(call[0].parents) == WIDTH * (1 + HEIGHT)
    assert {y.op.name for y in ys} == {"compiled output"}
    assert call[0].op.name == "compiled call"


def test_a_call_and_its_results_have_the_name_of_the_function_and_the_results_have_the_numbers() -> None:
    compiled = autograd.compile(layer(weights()))
    ys = compiled(inputs())
    (call,) = ys[2].parents
    loss = ys[1] * ys[2]
    loss.backward()
    name = compiled.__name__
    assert [it.op.symbol for it in (*ys[1:3], call)] == [f"{name}[1]", f"{name}[2]", name]
    (box,) = re.findall(rf'label="({name} of [^"]*)"', draw_dot(loss, fold="repeat").source)
    assert box == f"{name} of {len(call.parents)}"
    assert f"{name}[1] … {name}[2]  ×2" in draw_dot(loss, fold="repeat").source
    with pytest.raises(ValueError, match="explain one of the results"):
        explain(call)
    assert f"via {name}[1]*{name}[2]" in str(explain(ys[1]))


def test_few_results_of_few_leaves_keep_these_as_parents() -> None:
    x, y = Value(2.0), Value(3.0)
    product, total = autograd.compile(lambda x, y: (x * y, x + y))(x, y)
    assert product.parents == total.parents == (x, y)
    assert tuple(product.partials) == (3.0, 2.0)
    assert tuple(total.partials) == (1.0, 1.0)


def test_backward_of_two_losses_of_one_call() -> None:
    rows, xs = weights(), inputs()
    leaves = [*xs, *[w for row in rows for w in row]]
    f = layer(rows)
    ys, zs = autograd.compile(f)(xs), f(xs)
    for results in (ys, zs):
        for leaf in leaves:
            leaf.grad = 0.0
        (results[1] * results[2]).backward()
        results[3].exp().backward()
        (results[1] * results[2]).backward(gradient=0.5)
        if results is ys:
            found = [leaf.grad for leaf in leaves]
    assert found == pytest.approx([leaf.grad for leaf in leaves], rel=1e-12)


def test_results_given_to_another_compiled_function() -> None:
    one, two = weights(2), [row[:HEIGHT] for row in weights(3)]
    xs = inputs()
    leaves = [*xs, *[w for rows in (one, two) for row in rows for w in row]]
    first, second = layer(one), layer(two)
    fast, faster = autograd.compile(first), autograd.compile(second)
    expected = gradients_of(-softmax(second(first(xs)))[1].log(), leaves)
    for _ in range(3):
        found = gradients_of(-softmax(faster(fast(xs)))[1].log(), leaves)
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_a_result_without_a_gradient_that_is_infinite_counts_for_nothing() -> None:
    """Eagerly nothing goes that way; a weight of 0 times the infinite derivative of a root at 0 would be nan."""
    xs = [Value(float(k)) for k in range(WIDTH)]

    @autograd.compile
    def roots(xs: Sequence[Any]) -> list[Any]:
        return [x.sqrt() for x in xs]

    for _ in range(6):
        ys = roots(xs)
        slopes = gradients_of(fsum(ys[1:]), xs)
        assert slopes == pytest.approx([0.0, *[0.5 / k**0.5 for k in range(1, WIDTH)]])
        assert gradients_of(fsum(ys), xs)[0] == float("inf")


def test_lists_that_the_call_fills_pass_gradients_on() -> None:
    """As the keys and values of a language model: what is appended is a result, too."""
    rows = [row[:HEIGHT] for row in weights()]
    leaves = [w for row in rows for w in row]
    f = layer(rows)

    def token(number: int, cache: list[Any]) -> list[Any]:
        key = f(rows[number])
        cache.append(key)
        return [fsum([k * x for k, x in zip(key, other)]) for other in cache] + key

    compiled = autograd.compile(token)
    for _ in range(3):
        found = []
        for function in (token, compiled):
            cache: list[Any] = []
            logits = [function(number, cache) for number in (1, 4, 2)]
            loss = fsum([-softmax(ys)[0].log() for ys in logits]) + cache[1][3] * cache[0][2]
            found.append((loss.data, gradients_of(loss, leaves)))
        assert found[1][0] == pytest.approx(found[0][0], rel=1e-12)
        assert found[1][1] == pytest.approx(found[0][1], rel=1e-12, abs=1e-14)


# ---- derivatives of derivatives ------------------------------------------------------------------------------------
def test_second_derivatives_go_through_the_call() -> None:
    rows, xs = [row[:6] for row in weights()], inputs()[:6]
    assert HEIGHT * (6 + HEIGHT * 6) > 256
    f = layer(rows)
    compiled = autograd.compile(f)
    found = []
    for function in (f, compiled):
        loss = -softmax(function(xs))[3].log()
        slopes = autograd.grad(loss, [*xs, rows[0][0]], create_graph=True)
        again = autograd.grad(fsum([s * s for s in slopes]), [*xs, rows[0][0], rows[3][2]])
        found.append(([s.data for s in slopes], again, autograd.grad(loss, xs)))
    for one, other in zip(*found):
        assert one == pytest.approx(other, rel=1e-10, abs=1e-14)


def test_transformations() -> None:
    rows, xs = [row[:6] for row in weights()], [x.data for x in inputs()[:6]]
    f = layer(rows)
    compiled = autograd.compile(f)
    compiled(xs)
    for one, other in zip(jacobian(compiled)(xs), jacobian(f)(xs)):
        assert one == pytest.approx(other, rel=1e-12)
    tangents = [1.0, -2.0, 0.5, 0.0, 3.0, 1.0]
    for one, other in zip(jvp(compiled, (xs,), (tangents,)), jvp(f, (xs,), (tangents,))):
        assert one == pytest.approx(other, rel=1e-12)
    pulled = [vjp(function, xs)[1]([float(k) for k in range(HEIGHT)])[0] for function in (compiled, f)]
    assert pulled[0] == pytest.approx(pulled[1], rel=1e-12)
    squares = [lambda xs, of=function: fsum(of(xs)) ** 2 for function in (compiled, f)]
    for one, other in zip(*[hessian(square)(xs) for square in squares]):
        assert one == pytest.approx(other, rel=1e-10)


def test_the_graph_agrees_with_finite_differences_node_by_node() -> None:
    rows, xs = weights(), inputs()
    loss = LOSSES["all"](autograd.compile(layer(rows))(xs))
    loss.backward()
    report = check_graph(loss)
    assert report
    assert report.checked > HEIGHT  # the results, as derivatives of the number of their call, among them
    assert not report.kinks
    assert len(report.unchecked) == 1  # the call itself, as any compiled function


def test_explain_refuses_paths_that_nobody_knows() -> None:
    rows, xs = weights(), inputs()
    loss = LOSSES["all"](autograd.compile(layer(rows))(xs))
    loss.backward()
    with pytest.raises(ValueError, match="without compile"):
        explain(xs[0], loss)
    (term,) = explain(xs[0]).terms
    assert term.contribution == xs[0].grad


def test_a_changed_operand_is_noticed() -> None:
    rows, xs = weights(), inputs()
    loss = LOSSES["some"](autograd.compile(layer(rows))(xs))
    xs[0].data += 1.0
    with pytest.raises(StaleGraphError):
        autograd.grad(loss, xs, create_graph=True)


def test_a_graph_with_such_a_call_can_be_compiled() -> None:
    rows, xs = weights(), inputs()
    loss = LOSSES["all"](autograd.compile(layer(rows))(xs))
    compiled = autograd.compile(loss, inputs=xs)
    expected = [x.data for x in xs]
    assert compiled(*expected).data == pytest.approx(loss.data, rel=1e-12)
    slopes = gradients_of(loss, xs)
    assert compiled.value_and_grad(*expected)[1] == pytest.approx(slopes, rel=1e-12)


# ---- contexts and copies -------------------------------------------------------------------------------------------
def test_contexts() -> None:
    rows, xs = weights(), inputs()
    leaves = [*xs, *[w for row in rows for w in row]]
    f = layer(rows)
    compiled = autograd.compile(f)
    with no_grad():
        assert all(not y.parents for y in compiled(xs))
    expected = gradients_of(LOSSES["all"](f(xs)), leaves)
    with strict():
        assert gradients_of(LOSSES["all"](compiled(xs)), leaves) == pytest.approx(expected, rel=1e-12)
    loss = LOSSES["all"](compiled(xs))
    with strict():
        assert gradients_of(loss, leaves) == pytest.approx(expected, rel=1e-12)


def test_copies() -> None:
    rows, xs = weights(), inputs()
    loss = LOSSES["all"](autograd.compile(layer(rows))(xs))
    expected = gradients_of(loss, xs)
    twin, twins = copy.deepcopy((loss, xs))
    for x in twins:
        x.grad = 0.0
    twin.backward()
    assert [x.grad for x in twins] == expected == [x.grad for x in xs]
    with pytest.raises(PrimitiveError, match="cannot save"):
        pickle.dumps(loss)


@pytest.mark.parametrize("order", itertools.permutations(range(4)))
def test_a_call_and_its_deep_copy_in_one_loss(order: tuple[int, ...]) -> None:
    rows, xs = weights(), inputs()
    found = []
    for f in (layer(rows), autograd.compile(layer(rows))):
        ys = f(xs)
        (one, other), twins = copy.deepcopy(((ys[4], ys[8]), xs))
        terms = [ys[3] * 2.0, one * one, ys[5] * 7.0, other.exp()]
        for x in twins:
            x.grad = 0.0
        slopes = gradients_of(sum([terms[k] for k in order]), xs)
        found.append([*slopes, *[x.grad for x in twins]])
    assert found[1] == pytest.approx(found[0], rel=1e-12, abs=1e-14)


def test_a_call_is_freed_with_its_results() -> None:
    """No cycle holds it: a program that trains makes one in each step."""
    rows, xs = weights(), inputs()
    compiled = autograd.compile(layer(rows))
    for _ in range(2 * outside._PAYS):  # all that is made once for many calls is made then
        loss = LOSSES["all"](compiled(xs))
        loss.backward()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(50):
            loss = LOSSES["all"](compiled(xs))
            loss.backward()
        assert len(gc.get_objects()) - before < 100  # of which the last call has some
    finally:
        gc.enable()


RETURNED: list[Callable[[Any, Any], Any]] = [
    lambda xs, w: None,
    lambda xs, w: 2.0,
    lambda xs, w: {"name": "a text"},
    lambda xs, w: [],
    lambda xs, w: w * 3.0,
    lambda xs, w: (len(xs), xs[0] * w, w.data),
]


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("returned", RETURNED)
def test_what_is_left_in_a_list_has_its_own_gradient_whatever_is_returned(returned: Any, backend: str) -> None:
    """The number of a result is that of its gradient, also where nothing with a gradient is returned."""

    def f(xs: list[Any], others: list[Any], w: Any) -> Any:
        for i in range(len(xs)):
            xs[i] = xs[i] * (1.0 - w) + w * xs[i - 1]
        others.append(xs[0] * w)
        return returned(xs, w)

    def gradients(function: Callable[..., Any], calls: int) -> list[float]:
        w, start = Value(0.3), [Value(0.2 * i + 0.1) for i in range(3)]
        xs, others = list(start), [Value(0.5)]
        for _ in range(calls):
            result = function(xs, others, w)
        parts = [*xs, *others, *(result if isinstance(result, tuple) else [])]
        loss = sum((k + 1.0) * part for k, part in enumerate(parts))
        loss.backward()
        return [loss.data, w.grad, *[x.grad for x in start]]

    compiled = autograd.compile(f, backend=backend)
    for calls in (1, 2, 5):
        assert gradients(compiled, calls) == pytest.approx(gradients(f, calls), rel=1e-12)


def test_looking_at_the_steps_of_backward_changes_nothing() -> None:
    rows, xs = weights(), inputs()
    ys = autograd.compile(layer(rows))(xs)
    loss = fsum([y * y for y in ys])
    expected = gradients_of(loss, xs)
    (call,) = ys[0].parents
    shares = [sum(step.contribution for step in backward_steps(loss) if step.node is x) for x in xs]
    assert shares == pytest.approx(expected)
    assert [*call.partials][-WIDTH:] == pytest.approx(expected)
    assert 0.0 + call.grad * ys[3].partials[0] == 1.0
    assert [*call.partials][-WIDTH:] == pytest.approx(expected)


def test_a_smooth_function_with_many_results_has_no_kink() -> None:
    rows = weights()
    compiled = autograd.compile(layer(rows))
    report = autograd.gradcheck(lambda *xs: fsum(compiled(xs)), inputs())
    assert report
    assert not report.kinks


class Holder:
    """Has a parameter."""

    def __init__(self) -> None:
        self.p = Value(5.0)


holder = Holder()
captured = Value(2.0)


def stepped(x: float) -> Value:
    captured.grad = 0.0
    (captured * x).backward()
    captured.data -= 0.1 * captured.grad
    return captured


@pytest.mark.parametrize(
    ("f", "argument", "expected"),
    [
        (lambda x: captured, 1.0, captured),
        (lambda x: holder.p, 1.0, holder.p),
        (lambda x: x, captured, captured),
        (stepped, 0.5, captured),
        (lambda x: {"p": [captured, x * captured]}["p"][0], 1.0, captured),
    ],
)
def test_a_value_of_the_callers_is_returned_itself(f: Any, argument: Any, expected: Value) -> None:
    """What is done with the result, such as to set its data, is done with it."""
    compiled = autograd.compile(f)
    for _ in range(6):
        result = compiled(argument)
        assert result is expected
        result.data = 2.0
    assert compiled.recordings == 1
    if f is not stepped:
        assert compiled.value_and_grad(argument) == (2.0, (1.0,) if isinstance(argument, Value) else (0.0,))
