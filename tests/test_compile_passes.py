"""What the passes of the compiler do to sums and to loops over samples, and that values stay."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from autograd.compiler.flatten import flatten
from autograd.compiler.lanes import find_lanes, spread
from autograd.compiler.program import ARGUMENT, PARAMETER, TOTAL, Instruction, Program
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd import Value, fsum, ops, relu, sumprod, tanh, where
from autograd.compiler.builder import Builder
from autograd.compiler.record import program_of, record
from tests import program_reference as reference
from tests.program_reference import (
    ROUGH,
    formula,
    names,
    numbers,
    recipes,
    recorded,
    same,
    size,
    unusual,
)

nan, inf = math.nan, math.inf
X, Y, W = (Instruction(ARGUMENT, payload=0), Instruction(ARGUMENT, payload=1), Instruction(PARAMETER, payload=0))
COLUMN = Instruction(ARGUMENT, (), 3, (0, 1, 2))


def rebuilt(program: Program) -> Program:
    """The same program, written step by step with a builder."""
    builder = Builder()
    where_to = builder.copy(program)
    return builder.program([where_to[i] for i in program.outputs]).verify()


# ---- sums ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x, y, z: x + y, ["add"]),
        (lambda x, y, z: x + y + z, ["fsum"]),
        (lambda x, y, z: x + (y + (z + 1.0)), ["fsum"]),
        (lambda x, y, z: x * y + z, ["mul", "add"]),
        (lambda x, y, z: x * y + y * z, ["sumprod"]),
        (lambda x, y, z: x * y + y * z + z, ["sumprod"]),
        (lambda x, y, z: x * y + y * z + z + x, ["add", "sumprod"]),
        (lambda x, y, z: x * y + y * z + z + x + 2.0, ["fsum", "sumprod"]),
        (lambda x, y, z: x * y + x + y + z, ["fsum", "mul", "add"]),
        (lambda x, y, z: sumprod([x, y], [y, z], x * z), ["sumprod"]),
        (lambda x, y, z: fsum([x, y * y, fsum([z, x])]), ["fsum", "mul", "add"]),
        (lambda x, y, z: (x + y + z) * (x + y), ["add", "add", "mul"]),  # x + y is shared
    ],
)
def test_sums_are_written_in_one_form(f: Callable[..., Value], expected: list[str]) -> None:
    program = flatten(rebuilt(recorded(f, [1.0, 2.0, 3.0]))).verify()
    assert sorted(names(program)) == sorted(expected)
    for xs in ([1.0, 2.0, 3.0], [0.5, -1.0, 4.0], [inf, 1.0, 0.0], [nan, 1.0, 1.0]):
        assert same(reference.outputs(program, xs), [f(*map(Value, xs)).data])


def test_a_sum_that_is_used_twice_is_not_absorbed() -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        shared = x + y + z
        return (shared + x + y) * shared

    program = flatten(recorded(f, [1.0, 2.0, 3.0]))
    assert names(program) == ["fsum", "fsum", "mul"]
    assert reference.outputs(program, [1.0, 2.0, 3.0]) == [54.0]


def test_a_sum_that_is_an_output_is_not_absorbed() -> None:
    program = Program([X, Y, *[Instruction(ops.add, (0, k)) for k in (1, 2, 3)]], [2, 4])
    assert reference.outputs(flatten(program).verify(), [1.0, 2.0]) == [3.0, 5.0]


def test_a_uniform_sum_is_not_computed_again_in_every_lane() -> None:
    steps = [COLUMN, X, Y, Instruction(ops.add, (1, 2)), Instruction(ops.add, (3, 1)), Instruction(ops.add, (4, 0), 3)]
    program = flatten(Program(steps, [5])).verify()
    assert [(step.op.name, step.lanes) for step in program.instructions[3:]] == [("fsum", 1), ("add", 3)]


def test_a_sum_over_lanes_of_products_is_a_dot_product() -> None:
    steps = [COLUMN, Instruction(ops.sin, (0,), 3), Instruction(ops.mul, (0, 1), 3), Instruction(TOTAL, (2,))]
    program = flatten(Program(steps, [3])).verify()
    assert names(program) == ["sin", "dot"]
    xs = [1.0, 2.0, 3.0]
    assert same(reference.outputs(program, xs), [sum(x * math.sin(x) for x in xs)])


def test_a_product_with_a_uniform_factor_or_another_use_is_no_dot_product() -> None:
    uniform = [COLUMN, W, Instruction(ops.mul, (1, 0), 3), Instruction(TOTAL, (2,))]
    assert names(flatten(Program(uniform, [3])).verify()) == ["mul", "total"]
    shared = [COLUMN, Instruction(ops.mul, (0, 0), 3), Instruction(TOTAL, (1,))]
    assert names(flatten(Program(shared, [2, 1])).verify()) == ["mul", "total"]


def test_in_a_product_the_weight_comes_first() -> None:
    w, v = Value(2.0), Value(3.0)
    program = flatten(recorded(lambda x, y: x * w + y * v, [1.0, 2.0]))
    kinds = [program.instructions[k].op for k in program.instructions[-1].operands]
    assert kinds == [PARAMETER, PARAMETER, ARGUMENT, ARGUMENT]


def test_labels_survive_unless_their_step_is_absorbed() -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        inner = x + y
        inner.label = "inner"
        out = inner + z
        out.label = "out"
        return out

    assert set(flatten(recorded(f, [1.0, 2.0, 3.0])).labels.values()) == {"x", "y", "z", "out"}


@given(recipes(ROUGH), unusual(3))
def test_flattening_keeps_values(recipe: reference.Recipe, xs: list[float]) -> None:
    program = recorded(lambda *v: formula(recipe, v), xs)
    before = reference.registers(program, xs)
    assume(size(before) < 1e6)
    assert same(reference.outputs(flatten(program).verify(), xs), [before[i] for i in program.outputs], size(before))


@given(recipes(), numbers(3))
def test_flattening_twice_changes_nothing_more(recipe: reference.Recipe, xs: list[float]) -> None:
    once = flatten(recorded(lambda *v: formula(recipe, v), xs))
    assert len(flatten(once)) <= len(once)
    assert sorted(names(flatten(flatten(once)))) == sorted(names(flatten(once)))


def test_a_chain_of_a_hundred_thousand_additions() -> None:
    steps = [X, Instruction(ops.add, (0, 0)), *[Instruction(ops.add, (k, 0)) for k in range(1, 100_000)]]
    program = flatten(Program(steps, [len(steps) - 1]))
    assert len(program) == 2
    assert reference.outputs(program, [0.5]) == [50_000.5]


# ---- lanes -----------------------------------------------------------------------------------------------------------
def naive_network(sizes: Sequence[int], seed: int = 3) -> tuple[list[Any], Callable[[Sequence[Any]], list[Any]]]:
    """A network with one node per addition and multiplication, as a beginner writes it."""
    rng = random.Random(seed)
    layers = [
        [([Value(rng.uniform(-1, 1)) for _ in range(n)], Value(0.1)) for _ in range(m)] for n, m in pairwise(sizes)
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

    return [p for layer in layers for weights, bias in layer for p in (*weights, bias)], run


def samples(count: int, seed: int = 5) -> list[list[float]]:
    rng = random.Random(seed)
    return [[rng.uniform(-1, 1), rng.uniform(-1, 1), rng.choice([-1.0, 1.0])] for _ in range(count)]


def test_a_naive_loop_over_samples_becomes_a_few_hundred_instructions_over_lanes() -> None:
    _, network = naive_network([2, 16, 16, 1])
    data = samples(100)

    def loss(*flat: Any) -> Any:
        total = 0.0
        for k in range(0, len(flat), 3):
            (score,) = network(flat[k : k + 2])
            total = total + (1.0 - flat[k + 2] * score).relu()
        return total / 100.0

    flat = [x for row in data for x in row]
    recording = record(loss, flat)
    scalar = program_of(recording)
    assert len(scalar) > 60_000
    program = find_lanes(flatten(scalar)).verify()
    parameters = [p.data for p in recording.parameters]
    assert len(program) - len(parameters) < 100
    assert {step.lanes for step in program.instructions} == {1, 100}
    assert same(reference.outputs(program, flat, parameters), [recording.output.data])


def lanes_of(f: Callable[..., Any], xs: Sequence[float], fewest: int = 4) -> tuple[Program, list[float]]:
    """The program with lanes of a function, checked against the function; and the data of its parameters."""
    recording = record(f, list(xs))
    program = find_lanes(flatten(program_of(recording)), fewest).verify()
    parameters = [p.data for p in recording.parameters]
    assert same(reference.outputs(program, xs, parameters), [recording.output.data])
    return program, parameters


def test_a_weight_shared_inside_a_sample_is_found() -> None:
    w = Value(0.5)

    def loss(*xs: Any) -> Any:
        return fsum([tanh(w * xs[k] + w * xs[k + 1]) for k in range(0, 40, 2)])

    program, _ = lanes_of(loss, [k / 40 for k in range(40)])
    assert [(step.op.name, step.lanes) for step in program.instructions[-3:]] == [
        ("sumprod", 20),
        ("tanh", 20),
        ("total", 1),
    ]


def test_what_depends_on_parameters_only_stays_uniform() -> None:
    ws = [Value(k / 10) for k in range(20)]

    def loss(*xs: Any) -> Any:
        return fsum([tanh(x * ws[0].sin()) for x in xs]) + fsum([w * w for w in ws])

    program, _ = lanes_of(loss, [k / 20 for k in range(20)])
    assert [step.op.name for step in program.instructions if step.lanes > 1] == ["argument", "mul", "tanh"]
    assert names(program).count("sin") == 1


def test_different_kinds_of_terms_become_different_groups() -> None:
    w, v = Value(0.5), Value(-0.25)

    def loss(*xs: Any) -> Any:
        terms = [tanh(w * x) if k % 3 else relu(v * x) + 1.0 for k, x in enumerate(xs)]
        return fsum([*terms, w, v * xs[0]])

    program, _ = lanes_of(loss, [k / 30 - 0.5 for k in range(30)])
    lanes = {step.op.name: step.lanes for step in program.instructions}
    assert (lanes["tanh"], lanes["relu"]) == (20, 10)
    assert names(program).count("total") == 2


def test_a_small_group_stays_as_it_is() -> None:
    w = Value(0.5)
    xs = [k / 16 for k in range(15)]
    assert {step.lanes for step in lanes_of(lambda *v: fsum([tanh(w * x) for x in v]), xs, 16)[0].instructions} == {1}
    assert 15 in {step.lanes for step in lanes_of(lambda *v: fsum([tanh(w * x) for x in v]), xs, 15)[0].instructions}


def test_where_is_a_select_in_every_lane() -> None:
    w = Value(0.5)
    xs = [k / 8 - 1.0 for k in range(17)]
    program, _ = lanes_of(lambda *v: fsum([where(x > 0.0, w * x, x * x) for x in v]), xs)
    assert ("select", 17) in {(step.op.name, step.lanes) for step in program.instructions}


def test_numbers_of_the_function_are_data_and_equal_ones_are_uniform() -> None:
    w = Value(0.5)
    targets = [0.5 * k for k in range(6)]
    program, _ = lanes_of(
        lambda *v: fsum([(w * x - t) * 3.0 for x, t in zip(v, targets)]), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    )
    constants = {step.payload for step in program.instructions if step.op is ops.constant}
    assert constants == {tuple(targets), 3.0}


def test_an_argument_in_some_samples_and_a_number_in_others_is_one_column() -> None:
    w = Value(2.0)
    program, parameters = lanes_of(lambda a, b: fsum([tanh(w * x) for x in (a, 0.25, b, 0.75)]), [1.0, 2.0])
    columns = [step.payload for step in program.instructions if step.op is ARGUMENT]
    assert columns == [(0, 0.25, 1, 0.75)]
    assert same(
        reference.outputs(program, [3.0, 4.0], parameters)[0], sum(math.tanh(2 * x) for x in (3, 0.25, 4, 0.75))
    )


def test_the_same_term_in_every_lane_is_multiplied() -> None:
    w = Value(0.5)
    program, _ = lanes_of(lambda x: fsum([w.tanh() for _ in range(6)]) * x, [2.0])
    assert {step.lanes for step in program.instructions} == {1}


def test_data_used_in_the_first_and_in_the_last_lane_only_is_a_column() -> None:
    w = Value(0.5)
    program, _ = lanes_of(lambda *v: fsum([(w * v[k]).tanh() for k in (0, 1, 2, 3, 0)]), [1.0, 2.0, 3.0, 4.0])
    assert [step.payload for step in program.instructions if step.op is ARGUMENT] == [(0, 1, 2, 3, 0)]


def test_exponents_are_a_part_of_the_work() -> None:
    w = Value(1.5)
    program, _ = lanes_of(lambda *v: fsum([(w * x) ** (3 + k % 2) for k, x in enumerate(v)]), [0.5] * 8)
    assert [step.lanes for step in program.instructions if step.op is ops.constant_power] == [4, 4]


def test_a_sum_inside_a_sample_and_the_sum_over_samples_are_told_apart() -> None:
    ws = [Value(0.1 * k) for k in range(5)]

    def loss(*xs: Any) -> Any:
        rows = [xs[k : k + 5] for k in range(0, 50, 5)]
        return fsum([sumprod(ws, row).tanh() for row in rows])

    program, _ = lanes_of(loss, [k / 50 for k in range(50)])
    assert {step.lanes for step in program.instructions} == {1, 10}
    (dot,) = [step for step in program.instructions if step.op is ops.sum_of_products]
    assert len(dot.operands) == 10


def test_a_column_has_the_label_that_its_numbers_share() -> None:
    w = Value(0.5, "w")

    def loss(*xs: Any) -> Any:
        nodes = [w * x for x in xs]
        for k, node in enumerate(nodes):
            node.label = "z"
            xs[k].label = f"x{k}"
        return fsum([z.tanh() for z in nodes])

    program, _ = lanes_of(loss, [1.0, 2.0, 3.0, 4.0])
    assert sorted(program.labels.values()) == ["w", "z"]


@given(recipes(), st.integers(4, 6), st.data())
def test_lanes_keep_values(recipe: reference.Recipe, count: int, data: st.DataObject) -> None:
    xs = data.draw(numbers(2 * count))
    ws = [Value(w) for w in data.draw(numbers(2))]

    def loss(*v: Any) -> Any:
        return fsum([formula(recipe, [*ws, *v[k : k + 2]]) for k in range(0, 2 * count, 2)])

    recording = record(loss, xs)
    program = find_lanes(flatten(program_of(recording)), 4).verify()
    scalar = reference.registers(program_of(recording), xs, [p.data for p in recording.parameters])
    assume(size(scalar) < 1e6)
    found = reference.outputs(program, xs, [p.data for p in recording.parameters])
    assert same(found, [recording.output.data], size(scalar))


def test_one_sample_is_spread_over_a_batch() -> None:
    w = Value(0.5, "w")
    program = recorded(lambda x: (w * x).tanh() * w.sin(), [1.0])
    builder, (output,) = spread(program, 8)
    found = builder.program([output]).verify()
    assert {step.op.name: step.lanes for step in found.instructions} == {
        "parameter": 1, "argument": 8, "mul": 8, "tanh": 8, "sin": 1,
    }  # fmt: skip
