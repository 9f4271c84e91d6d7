"""Grouping finds the few kinds of nodes of a program, whatever its size, and keeps every number."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd import Value, fsum, ops, relu, sumprod, tanh, where
from autograd.compiler.backends import TooManyClassesError
from autograd.compiler.pipeline import assemble
from autograd.compiler.program.classes import Array, Kind, Program
from autograd.compiler.program.group import group
from autograd.compiler.recording.record import record
from autograd.value import constant
from tests.support.class_programs import PROGRAMS, attention, matrix, network, numbers, recurrence, softmax
from tests.support.class_reference import evaluate
from tests.support.recipes import Recipe, formula, recipes, same, size


def grouped(f: Callable[..., Any], args: Sequence[Any]) -> Program:
    """The program of a function, checked against the function."""
    recording = record(f, list(args))
    program = assemble(recording).program.verify()
    found = evaluate(program, [x.data for x in recording.arguments], [p.data for p in recording.parameters])
    assert same(found[0], [recording.output.data], size(found))
    return program


def steps(program: Program) -> list[Array]:
    return [array for array in program.arrays if array.kind in (Kind.MAP, Kind.SUM)]


def sizes(program: Program) -> list[tuple[str, int]]:
    return [(array.op.name if array.op else "sum", array.size) for array in steps(program)]


# ---- how many classes there are --------------------------------------------------------------------------------------
def naive_network(shape: Sequence[int], seed: int = 3) -> Callable[[Sequence[Any]], list[Any]]:
    """A network with one node per addition and multiplication, as a beginner writes it."""
    rng = random.Random(seed)
    layers = [
        [([Value(rng.uniform(-1, 1)) for _ in range(n)], Value(0.1)) for _ in range(m)] for n, m in pairwise(shape)
    ]

    def run(a: Sequence[Any]) -> list[Any]:
        for layer in layers:
            out = []
            for weights, bias in layer:
                z = bias
                for w, x in zip(weights, a):
                    z = z + w * x
                out.append(z.tanh())
            a = out
        return list(a)

    return run


def test_a_naive_loop_over_samples_has_a_class_for_each_line() -> None:
    run = naive_network([2, 16, 16, 1])

    def loss(X: Any, y: Any) -> Any:
        total = 0.0
        for x, t in zip(X, y):
            (score,) = run(x)
            total = total + (1.0 - t * score).relu()
        return total / len(X)

    X = [numbers(2, k) for k in range(100)]
    program = grouped(loss, [X, [1.0 if k % 2 else -1.0 for k in range(100)]])
    assert len(steps(program)) < 16
    assert max(size for _, size in sizes(program)) == 1600


@pytest.mark.parametrize(("make", "few", "many"), [(attention, 5, 11), (network, 6, 20)])
def test_the_number_of_classes_does_not_depend_on_the_length(make: Any, few: int, many: int) -> None:
    short, long = [grouped(*make(length)) for length in (few, many)]
    assert len(steps(short)) == len(steps(long)) < 20


def test_a_recurrence_has_the_same_classes_in_each_step() -> None:
    short, long = [grouped(*recurrence(length)) for length in (5, 9)]
    assert len(steps(long)) - len(steps(short)) == 2 * 4


def test_a_transformer_block_of_any_length_has_the_same_classes() -> None:
    """Two heads, residual connections and a normalisation: 40 classes for each length, forward."""
    width, heads = 4, 2
    wq, wk, wv, wo = [matrix(width, width, seed) for seed in range(4)]
    up, down = matrix(2 * width, width, 5), matrix(width, 2 * width, 6)

    def linear(x: Any, w: Any) -> list[Any]:
        return [sum(a * b for a, b in zip(row, x)) for row in w]

    def normal(x: Any) -> list[Any]:
        mean = sum(v * v for v in x) / len(x)
        return [v * (mean + 1e-5) ** -0.5 for v in x]

    def loss(tokens: Any) -> Any:
        keys: list[Any] = []
        values: list[Any] = []
        total = 0.0
        for x in tokens:
            q, k, v = [linear(normal(x), w) for w in (wq, wk, wv)]
            keys.append(k)
            values.append(v)
            mixed: list[Any] = []
            for h in range(0, width, width // heads):
                part = slice(h, h + width // heads)
                weights = softmax([sum(a * b for a, b in zip(q[part], k[part])) / 2**0.5 for k in keys])
                mixed += [sum(w * v[j] for w, v in zip(weights, values)) for j in range(h, h + width // heads)]
            x = [a + b for a, b in zip(x, linear(mixed, wo))]
            x = [a + b for a, b in zip(x, linear([z.relu() for z in linear(normal(x), up)], down))]
            total = total + sum(x[1:]) ** 2
        return total

    lengths = [len(steps(grouped(loss, [[numbers(width, k) for k in range(tokens)]]))) for tokens in (4, 9)]
    assert lengths[0] == lengths[1] < 40


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_people_write_keep_their_values(name: str) -> None:
    grouped(*PROGRAMS[name])


# ---- what is a sum, and of what --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("f", "terms"),
    [
        (lambda x, y, z: x * y + y * z, 2),
        (lambda x, y, z: x * y + y * z + z, 3),
        (lambda x, y, z: x * y + x + y + z, 4),
        (lambda x, y, z: x + (y + (z + 1.0)), 4),
        (lambda x, y, z: ((x + y) + (z + x)) + ((y + z) + 2.0), 7),
        (lambda x, y, z: sumprod([x, y], [y, z], z), 3),
        (lambda x, y, z: sumprod([x, y], [y, z]) + sumprod([x, z], [z, z]), 4),
    ],
)
def test_a_chain_of_additions_is_one_sum(f: Callable[..., Any], terms: int) -> None:
    (total,) = steps(grouped(f, [1.0, 2.0, 3.0]))
    assert total.kind is Kind.SUM
    assert sum(len(part.owner) for part in total.terms) == terms


def test_what_is_used_twice_is_not_absorbed() -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        shared = x + y + z
        return (shared + x + y) * shared

    assert [name for name, _ in sizes(grouped(f, [1.0, 2.0, 3.0]))] == ["sum", "sum", "mul"]


def test_an_exact_sum_stays_one() -> None:
    def f(xs: Any) -> Any:
        return fsum(xs) + fsum([xs[0], xs[1]])

    exact = [array for array in steps(grouped(f, [[1e300, 1.0, -1e300]])) if array.exact]
    assert [array.size for array in exact] == [1]  # a sum of two is rounded once anyway


def test_a_chain_of_many_additions_in_any_direction() -> None:
    """Twenty times as many as Python can recurse into, and as many that the square of it would take minutes."""

    def left(x: Any) -> Any:
        y = x + x
        for _ in range(20_000):
            y = y + x
        return y

    def right(x: Any) -> Any:
        y = x + x
        for _ in range(20_000):
            y = x + y
        return y

    for f in (left, right):
        (total,) = steps(assemble(record(f, [0.5])).program)
        assert len(total.terms[0].owner) == 20_002


def test_exponents_are_a_part_of_what_a_class_does() -> None:
    w = Value(1.5)
    program = grouped(lambda xs: sum((w * x) ** (3 + k % 2) for k, x in enumerate(xs)), [[0.5] * 8])
    assert [size for name, size in sizes(program) if name == "constant_power"] == [4, 4]


def test_different_kinds_of_terms_are_different_lists() -> None:
    w, v = Value(0.5), Value(-0.25)

    def loss(xs: Any) -> Any:
        return fsum([*[tanh(w * x) if k % 3 else relu(v * x) + 1.0 for k, x in enumerate(xs)], w, v * xs[0]])

    program = grouped(loss, [[k / 30 - 0.5 for k in range(30)]])
    found = dict(sizes(program))
    assert (found["tanh"], found["relu"]) == (20, 10)


def test_numbers_of_the_function_are_data_and_equal_ones_are_one_number() -> None:
    w = Value(0.5)
    targets = [0.5 * k for k in range(6)]
    program = grouped(lambda xs: sum((w * x - t) * 3.0 for x, t in zip(xs, targets)), [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    text = str(program)
    assert "3.0" in text  # a number of an operation
    assert len(steps(program)) <= 5


def test_where_is_a_selection_for_every_member() -> None:
    w = Value(0.5)
    program = grouped(lambda xs: sum(where(x > 0.0, w * x, x * x) for x in xs), [[k / 8 - 1.0 for k in range(17)]])
    assert ("select", 17) in sizes(program)


def test_labels_of_members_are_kept() -> None:
    w = Value(0.5, "w")

    def loss(xs: Any) -> Any:
        nodes = [w * x for x in xs]
        for k, node in enumerate(nodes):
            node.label = f"z{k}"
        return sum(z.tanh() for z in nodes)

    program = grouped(loss, [[1.0, 2.0, 3.0, 4.0]])
    assert ["z0", "z1", "z2", "z3"] in list(program.labels.values())


# ---- order of members, and what is given up --------------------------------------------------------------------------
def test_a_layer_over_samples_is_a_grid() -> None:
    program = grouped(*network(9))
    layers = [array for array in steps(program) if array.kind is Kind.SUM and array.size > 9]
    assert len(layers) == 2
    for array in layers:
        for part in array.terms:
            assert part.owner.dims is not None
            assert all(read.index.dims is not None for read in part.factors)


def test_an_output_of_several_nodes_of_several_classes() -> None:
    x, w = Value(2.0), Value(3.0)
    y = x * w
    nodes = [y.tanh(), y, x, y.sin()]
    groups = group([nodes, [y]], [x], [w], [y, nodes[0], nodes[3]])
    program = groups.builder.program(map(groups.output, [nodes, [y]])).verify()
    found = evaluate(program, [2.0], [3.0])
    assert same(found, [[math.tanh(6.0), 6.0, 2.0, math.sin(6.0)], [6.0]])


def test_several_nodes_as_pieces_are_as_many_numbers_also_where_these_are_known() -> None:
    x, two, three = Value(2.0), constant(2.0), constant(3.0)
    known = [two * three, three * two, two + x * 0.0]
    nodes = [known[0], known[1], x * two, x * three]
    groups = group([nodes], [x], [], [known[0], known[1], nodes[2], nodes[3]])
    pieces = groups.pieces(nodes)
    program = groups.builder.program(pieces)._replace(parts=[len(pieces)]).verify()
    assert same(evaluate(program, [2.0], []), [[6.0, 6.0, 4.0, 6.0]])


def test_more_classes_than_wanted_are_given_up() -> None:
    recording = record(lambda x: x.sin().cos().exp().tanh(), [1.0])
    arguments = (recording.arguments, recording.parameters, recording.nodes)
    with pytest.raises(TooManyClassesError, match="more than 4 classes"):
        group([recording.outputs], *arguments, most=4)
    assert len(group([recording.outputs], *arguments, most=8).builder.arrays) > 4


def test_a_captured_node_is_a_leaf_whatever_it_was_computed_from() -> None:
    captured = Value(2.0).log()
    program = grouped(lambda x: x * captured, [3.0])
    assert sizes(program) == [("mul", 1)]
    assert ops.log not in [array.op for array in program.arrays]


@given(recipes(), st.integers(1, 6), st.data())
def test_random_formulas_over_samples_keep_values(recipe: Recipe, count: int, data: st.DataObject) -> None:
    xs = [data.draw(st.integers(-16, 16)) / 8.0 for _ in range(2 * count)]
    ws = [Value(data.draw(st.integers(-16, 16)) / 8.0) for _ in range(2)]

    def loss(v: Any) -> Any:
        return sum([formula(recipe, [*ws, *v[k : k + 2]]) for k in range(0, 2 * count, 2)])

    recording = record(loss, [xs])
    assume(size([node._data for node in recording.nodes]) < 1e6)
    grouped(loss, [xs])
