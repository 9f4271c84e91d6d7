"""A tape computes what the engine does, forward and back, also with other numbers than those it was recorded with."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from math import inf, nan
from typing import Any

import pytest

from autograd import Value, exp, fsum, grad, log, logsumexp, maximum, ops, prod, relu, sin, sumprod, tanh, where
from autograd.compiler.backends import TooManyClassesError
from autograd.compiler.program.group import group, most_classes
from autograd.compiler.recording.record import Recording, record, recording_of
from autograd.ops import Op
from tests.support.points import PRIMITIVES, hard_points, random_points

pytest.importorskip("llvmlite")
pytest.importorskip("numpy")

from autograd.compiler.backends import UnsupportedError
from autograd.compiler.machine.tape import Outcome, Tape

Points = list[tuple[float, ...]]


def tape_of(op: Op, arity: int) -> Tape:
    leaves = [Value(0.75) for _ in range(arity)]
    return Tape(recording_of(Value.apply(op, leaves), leaves))


def eagerly(op: Op, xs: tuple[float, ...]) -> list[float]:
    """The value and the derivatives of a row, the latter as the engine passes them on."""
    y = op.value(*xs)
    if op in ops.COMPARISONS:
        return [y, *[0.0] * len(xs)]
    if op is ops.select:
        return [y, 0.0, float(xs[0] != 0.0), float(xs[0] == 0.0)]
    local = [1.0 * d for d in op.partials(y, *xs)]
    return [y, *[0.0 if op is ops.constant_power and k == 1 else d for k, d in enumerate(local)]]


def differs(got: float, want: float, size: float = 0.0) -> bool:
    if want != want or got != got or math.isinf(want):
        return not (got == want or (got != got and want != want))
    return abs(got - want) > 1e-13 * (abs(want) + size) + 5e-323


def check(op: Op, points: Iterator[tuple[float, ...]] | Points) -> None:
    tapes: dict[int, Tape] = {}
    wrong = []
    for xs in points:
        tape = tapes.setdefault(len(xs), tape_of(op, len(xs)))
        found = tape(xs, [])
        got, want = [*found.outputs, *found.by_arguments], eagerly(op, xs)
        size = max(map(abs, xs)) if op in (ops.sum_of_products, ops.log_sum_exp, ops.logaddexp) else 0.0
        wrong += [(xs, g, w) for g, w in zip(got, want) if differs(g, w, size if size < inf else 0.0)]
    assert not wrong, (len(wrong), wrong[:5])


@pytest.mark.parametrize("op", PRIMITIVES, ids=lambda op: op.name)
def test_a_row_at_hard_and_at_random_points(op: Op) -> None:
    rng = random.Random(3)
    check(op, [*hard_points(op, rng), *random_points(op, rng, 100)])


LISTS = [ops.sum_of_products, ops.sum_of, ops.product_of, ops.log_sum_exp]


@pytest.mark.parametrize("op", LISTS, ids=lambda op: op.name)
@pytest.mark.parametrize("arity", [1, 2, 3, 4, 17, 200])
def test_rows_of_any_length(op: Op, arity: int) -> None:
    rng = random.Random(arity)
    check(op, [tuple([rng.gauss(0, 1) for _ in range(arity)]) for _ in range(20)])


def test_exact_sums_are_rounded_once() -> None:
    rng = random.Random(0)
    tape = tape_of(ops.sum_of, 9)
    for _ in range(200):
        xs = [rng.gauss(0, 1) * 10.0 ** rng.randint(-30, 30) for _ in range(4)]
        xs += [-x for x in xs] + [rng.gauss(0, 1)]
        rng.shuffle(xs)
        assert tape(xs, []).outputs == [math.fsum(xs)]
    assert tape([1.7e308, 1.7e308, -1.7e308, *[0.0] * 6], []).outputs == [1.7e308]


@pytest.mark.parametrize("exponent", [2.0, 3.0, 8.0, 9.0, 0.5, -0.5, -1.0, -8.0, 0.0, 1.0, 1.5, 2.7, -1.3, 100.0, 0.01])
def test_powers(exponent: float) -> None:
    x = Value(0.7)
    tape = Tape(recording_of(x**exponent, [x]))
    for number in (0.0, -0.0, 1.0, 0.3, 2.0, -1.5, 1e-8, 1e5, inf, -inf, nan):
        got = tape([number], [])
        want = eagerly(ops.constant_power, (number, exponent))
        assert not differs(got.outputs[0], want[0])
        assert not differs(got.by_arguments[0], want[1]), number


# ---- graphs ----------------------------------------------------------------------------------------------------------
UNARY: list[Callable[[Any], Any]] = [sin, tanh, exp, relu, abs, lambda x: -x, lambda x: x * x, lambda x: 0.5 * x + 1.0]
BINARY: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x - y, lambda x, y: x / (1.0 + y * y), maximum,
    lambda x, y: fsum([x, y, x]), lambda x, y: prod([x, y, x]), lambda x, y: sumprod([x, y], [y, 0.3]),
    lambda x, y: logsumexp([x, y, 1.0]), lambda x, y: where(x > y, x * 2.0, y.sin()), lambda x, y: x * y.detach(),
]  # fmt: skip


def random_function(seed: int, size: int = 60) -> Callable[[Any], Any]:
    def f(xs: Any) -> Any:
        rng = random.Random(seed)
        nodes = list(xs)
        for _ in range(size):
            one, other = rng.choice(nodes), rng.choice(nodes)
            y = rng.choice(UNARY)(one) if rng.random() < 0.4 else rng.choice(BINARY)(one, other)
            nodes.append(tanh(y) if rng.random() < 0.5 else y)
        return sum([tanh(x) for x in nodes])

    return f


@pytest.mark.parametrize("seed", range(30))
def test_random_graphs(seed: int) -> None:
    f, rng = random_function(seed), random.Random(-seed)
    tape = Tape(record(f, [[rng.gauss(0, 1) for _ in range(4)]]))
    for _ in range(5):
        xs = [rng.gauss(0, 1) for _ in range(4)]
        leaves = [Value(x) for x in xs]
        y = f(leaves)
        found = tape(xs, [])
        assert found.violated == 0
        assert found.outputs == [pytest.approx(y.data, rel=1e-12, abs=1e-12)]
        assert found.by_arguments.tolist() == pytest.approx(grad(y, leaves), rel=1e-10, abs=1e-12, nan_ok=True)


def test_the_same_additions_in_the_same_order_as_the_engine() -> None:
    rng = random.Random(0)
    w = [Value(rng.gauss(0, 1)) for _ in range(9)]

    def f(xs: Any) -> Any:
        return sum([(x * a + a / (x * x + 1.0)).tanh() * b for x in xs for a, b in pairwise(w)])

    xs = [rng.gauss(0, 1) for _ in range(7)]
    tape, leaves = Tape(recording := record(f, [xs])), [Value(x) for x in xs]
    y = f(leaves)
    found = tape(xs, [p.data for p in recording.parameters])
    assert found.outputs == [y.data]
    assert found.by_arguments.tolist() == list(grad(y, leaves))
    assert found.by_parameters.tolist() == list(grad(y, recording.parameters))


# ---- branches and guards ---------------------------------------------------------------------------------------------
def test_a_branch_that_is_not_taken_gets_nothing() -> None:
    def f(x: Any, y: Any) -> Any:
        z = x.sqrt()
        return where(x > 0.0, z.log() * y, where(y > 0.0, (y - y).log() * 0.0 + y, y * 3.0))

    tape = Tape(record(f, [1.0, 2.0]))
    assert tape([4.0, 3.0], []).by_arguments.tolist() == pytest.approx([3.0 / 8.0, math.log(2.0)])
    assert tape([-4.0, -3.0], []).by_arguments.tolist() == [0.0, 3.0]
    assert tape([4.0, 3.0], []).by_arguments.tolist() == pytest.approx([3.0 / 8.0, math.log(2.0)])


def test_what_only_decides_gets_nothing() -> None:
    tape = Tape(record(lambda x: where(x.log() > 0.0, 2.0 * x, x), [3.0]))
    assert tape([0.0], []).by_arguments.tolist() == [1.0]
    assert tape([3.0], []).by_arguments.tolist() == [2.0]


def test_guards_that_do_not_hold_are_counted() -> None:
    def f(x: Any, y: Any) -> Any:
        if x > y:
            return x * 2.0
        return y * int(y.data)

    tape = Tape(record(f, [1.0, 2.0]))
    assert tape([1.0, 2.0], []) == (*[[4.0], 0], pytest.approx([0.0, 2.0]), pytest.approx([]))
    assert tape([1.0, 2.5], []).violated == 1
    assert tape([2.6, 2.5], []).violated == 2
    assert tape([nan, 2.0], []).violated == 0  # nan is not larger either
    assert Tape(record(lambda x: x**2 if x > 0.0 else -x, [1.0]))([nan], []).violated == 1  # a decision, as a power is


def test_a_whole_number_that_is_a_truth() -> None:
    tape = Tape(record(lambda x, n: x if n else -x, [1.0, 3]))
    assert [tape([1.0, n], []).violated for n in (3, 7, 0)] == [0, 0, 1]


# ---- ends ------------------------------------------------------------------------------------------------------------
def test_an_output_that_is_an_argument_or_a_number() -> None:
    recording = record(lambda x, y: [x, 7.0, x * y], [1.0, 2.0], several=True)
    found = Tape(recording)([3.0, 5.0], [])
    assert found.outputs == [3.0, 7.0, 15.0]
    assert found.by_arguments.tolist() == [1.0, 0.0]


def test_without_a_gradient() -> None:
    found = Tape(record(lambda x: x.sin(), [1.0]))([2.0], [], gradient=False)
    assert (found.outputs, found.by_arguments.tolist()) == ([math.sin(2.0)], [0.0])


def test_a_captured_node_is_a_parameter_whatever_it_was_computed_from() -> None:
    base = Value(2.0)
    captured = log(base)
    recording = record(lambda x: x * captured + base, [3.0])
    tape = Tape(recording)
    found = tape([3.0], [10.0 if p is captured else 1.0 for p in recording.parameters])
    assert found.outputs == [31.0]
    assert dict(zip(recording.parameters, found.by_parameters)) == {captured: 3.0, base: 1.0}


def test_a_number_that_nan_is_computed_from() -> None:
    tape = Tape(record(lambda x: (x - x) * x.log(), [3.0]))
    assert math.isnan(tape([0.0], []).outputs[0])
    assert tape([2.0], []).by_arguments.tolist() == [0.0]


def test_a_users_primitive_is_refused() -> None:
    own = Op("own", lambda x: x, lambda y, x: (1.0,))
    x = Value(1.0)
    with pytest.raises(UnsupportedError, match="'own'"):
        Tape(recording_of(Value.apply(own, [x]), [x]))


def test_threads_share_a_tape() -> None:
    f = random_function(5, size=2000)
    tape = Tape(record(f, [[0.1, 0.2, 0.3, 0.4]]))
    points = [[0.01 * k, 0.2, -0.3, 0.4] for k in range(40)]

    def run(xs: list[float]) -> Outcome:
        return tape(xs, [])

    one_by_one = [run(xs) for xs in points]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(run, points))
    assert [x.outputs for x in together] == [x.outputs for x in one_by_one]
    assert [x.by_arguments.tolist() for x in together] == [x.by_arguments.tolist() for x in one_by_one]


def grouped(recording: Recording) -> int:
    """How many classes a graph has, if it is not given up."""
    assert recording.nodes is not None
    most = most_classes(len(recording.nodes))
    groups = group([recording.outputs], recording.arguments, recording.parameters, recording.nodes, most=most)
    return len(groups.builder.arrays)


def test_a_graph_without_repetition_is_for_a_tape() -> None:
    with pytest.raises(TooManyClassesError):
        grouped(record(random_function(1, size=3000), [[0.1, 0.2, 0.3, 0.4]]))


def test_others_are_not() -> None:
    w = [Value(0.1 * k) for k in range(12)]

    def f(xs: Any) -> Any:
        return sum([sum([a * x for a in w]).tanh() for x in xs])

    assert grouped(record(f, [[0.01 * k for k in range(100)]])) < 10
    assert grouped(record(random_function(2, size=20), [[0.1, 0.2, 0.3, 0.4]])) > 20  # a small one, whatever it is
