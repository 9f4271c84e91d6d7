"""The compiler's passes as pure functions on programs: what each does, and that values and gradients stay."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd import Value, fsum, log, ops, relu, sumprod, tanh, where
from autograd.compiler.builder import Builder, Register
from autograd.compiler.derive import derivatives
from autograd.compiler.flatten import flatten
from autograd.compiler.lanes import find_lanes, spread
from autograd.compiler.program import ARGUMENT, DOT, PARAMETER, TOTAL, Instruction, Program, ProgramError
from autograd.compiler.record import program_of, record
from tests import program_reference as reference
from tests.program_reference import ROUGH, formula, numbers, recipes, same, size, unusual

nan, inf = math.nan, math.inf
X, Y, W = (Instruction(ARGUMENT, payload=0), Instruction(ARGUMENT, payload=1), Instruction(PARAMETER, payload=0))
COLUMN = Instruction(ARGUMENT, (), 3, (0, 1, 2))


def constant(number: Any, lanes: int = 1) -> Instruction:
    return Instruction(ops.constant, (), lanes, number)


def recorded(f: Callable[..., Any], args: Sequence[float]) -> Program:
    return program_of(record(f, list(args))).verify()


def rebuilt(program: Program) -> Program:
    """The same program, written step by step with a builder."""
    builder = Builder()
    where_to = builder.copy(program)
    return builder.program([where_to[i] for i in program.outputs]).verify()


def names(program: Program) -> list[str]:
    """The operations of a program, without its leaves."""
    return [step.op.name for step in program.instructions if step.op not in (ops.constant, ARGUMENT, PARAMETER)]


def with_gradients(program: Program, inputs: Sequence[int]) -> Program:
    """The program with the derivatives of its first output by the inputs as further outputs; 0 where there is none."""
    builder = Builder()
    where_to, found = derivatives(program, program.outputs[0], inputs, builder)
    gradients = [builder.constant(0.0) if d is None else d for d in found]
    return builder.program([*[where_to[i] for i in program.outputs], *gradients]).verify()


def leaves(program: Program) -> list[int]:
    return [i for i, step in enumerate(program.instructions) if step.op in (ARGUMENT, PARAMETER)]


# ---- the format ------------------------------------------------------------------------------------------------------
def test_a_program_prints_one_line_per_instruction() -> None:
    steps = [COLUMN, W, Instruction(ops.mul, (1, 0), 3), Instruction(TOTAL, (2,)), constant(2.0)]
    assert str(Program(steps, [3, 4], {1: "w", 2: "z"})).splitlines() == [
        "%0    [3] = argument (0, 1, 2)",
        "%1        = parameter 0    # w",
        "%2    [3] = mul %1 %0    # z",
        "%3        = total %2",
        "%4        = constant 2.0",
        "return %3 %4",
    ]


def test_long_columns_are_printed_short() -> None:
    text = str(Program([constant(tuple(map(float, range(100))), 100)], [0]))
    assert text.splitlines()[0] == "%0  [100] = constant (0.0, 1.0, 2.0, … 97 more)"


def test_a_derivative_is_named_after_what_it_is_the_derivative_by() -> None:
    program = Program([X, Instruction(ops.sin, (0,)), Instruction(ops.cos, (0,))], [1, 2], {0: "x"}, {2: 0})
    assert [program.name(i) for i in range(3)] == ["x", "", "∂x"]
    assert str(program).splitlines()[2].endswith("# ∂x")


@given(recipes(ROUGH), unusual(3))
def test_what_a_program_prints_can_be_read_again(recipe: reference.Recipe, xs: list[float]) -> None:
    program = recorded(lambda *v: formula(recipe, v), xs)
    again = Program.parse(str(program))
    assert str(again) == str(program)
    assert same(reference.outputs(again, xs), reference.outputs(program, xs))


def test_labels_lanes_and_columns_are_read_again() -> None:
    steps = [Instruction(ARGUMENT, (), 3, (0, 0.5, 2)), constant((1.0, -inf, nan), 3), Instruction(DOT, (0, 1)), W]
    text = str(Program(steps, [2, 3], {0: "x₁", 3: "the weight"}))
    assert str(Program.parse(text)) == text
    assert Program.parse(text).instructions[0] == steps[0]


@pytest.mark.parametrize("text", ["%1 = argument 0", "%0 argument 0", "nothing", "%0 = argument 0\n%0 = argument 1"])
def test_a_line_that_is_no_instruction_is_refused(text: str) -> None:
    with pytest.raises(ProgramError, match="not the line of instruction"):
        Program.parse(text)


def test_uses_count_operands_and_outputs() -> None:
    assert Program([X, Instruction(ops.mul, (0, 0))], [1, 1]).uses() == [2, 2]


GOOD = [
    Program(),
    Program([X], [0]),
    Program([COLUMN, W, Instruction(ops.mul, (1, 0), 3), Instruction(TOTAL, (2,))], [3, 2]),
    Program([COLUMN, COLUMN, Instruction(DOT, (0, 1))], [2]),
    Program([Instruction(ARGUMENT, (), 8, 0)], [0]),
]


@pytest.mark.parametrize("program", GOOD)
def test_the_verifier_returns_a_good_program(program: Program) -> None:
    assert program.verify() is program


@pytest.mark.parametrize(
    ("steps", "outputs", "complaint"),
    [
        ([X, Instruction(ops.sin, (1,))], [1], "%1 = sin uses a register that is not computed yet"),
        ([X, Instruction(ops.sin, (-1,))], [1], "%1 = sin uses a register that is not computed yet"),
        ([COLUMN, constant((1.0, 2.0), 2), Instruction(ops.add, (0, 1), 3)], [2], r"%2 = add mixes lanes \[2, 3\]"),
        ([COLUMN, Instruction(ops.sin, (0,), 1)], [1], r"%1 = sin mixes lanes \[3\] into 1"),
        ([X, Instruction(ops.sin, (0,), 3)], [1], r"%1 = sin mixes lanes \[\] into 3"),
        ([X, Instruction(TOTAL, (0,))], [1], r"%1 = total sums over lanes \[\]"),
        ([COLUMN, Instruction(TOTAL, (0,), 3)], [1], r"%1 = total sums over lanes \[3\] into 3"),
        ([constant((1.0, 2.0), 3)], [0], "%0 = constant has 2 numbers for 3 lanes"),
        ([X], [1], r"outputs \[1\] of a program of 1 instructions"),
        ([X], [-1], r"outputs \[-1\] of a program of 1 instructions"),
    ],
)
def test_the_verifier_names_what_is_wrong(steps: list[Instruction], outputs: list[int], complaint: str) -> None:
    with pytest.raises(ProgramError, match=complaint):
        Program(steps, outputs).verify()


# ---- the builder: folding, sharing, dropping -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x * 1.0, []),
        (lambda x: 1.0 * x, []),
        (lambda x: x + 0.0, []),
        (lambda x: x / 1.0, []),
        (lambda x: x**1.0, []),
        (lambda x: 0.0 + (-1.0 * (-1.0 * x)), []),
        (lambda x: ops.identity(x), []),
        (lambda x: x * -1.0, ["neg"]),
        (lambda x: x**2.0, ["mul"]),
        (lambda x: where(x > 0, x, x), []),
        (lambda x: x.sin() + x.sin(), ["sin", "add"]),  # the same step once
        (lambda x: x * 0.0, ["mul"]),  # nan and inf are not 0
        (lambda x: x - x, ["sub"]),
        (lambda x: 0.0 / x, ["div"]),
        (lambda x: x**0.5, ["constant_power"]),
    ],
)
def test_only_what_is_true_of_every_float_is_simplified(f: Callable[[Value], Value], expected: list[str]) -> None:
    program = rebuilt(recorded(f, [3.0]))
    assert names(program) == expected
    for x in (3.0, -0.5, 0.0, nan, inf, -inf):
        assert same(reference.outputs(program, [x]), [f(Value(x)).data])


def test_numbers_are_folded_with_the_value_of_the_row() -> None:
    builder = Builder()
    log_of = builder.emit(ops.log, (builder.constant(-1.0),))
    pole = builder.emit(ops.div, (builder.constant(1.0), builder.constant(0.0)))
    assert math.isnan(builder.number(log_of))  # type: ignore[arg-type]
    assert builder.number(pole) == inf
    assert builder.emit(ops.sqrt, (log_of,)) == log_of, "nan is one constant"
    assert builder.constant(0.0) != builder.constant(-0.0), "two zeros are not"


def test_leaves_with_equal_numbers_stay_apart() -> None:
    v, w = Value(2.0), Value(2.0)
    program = recorded(lambda x, y: (v * x) * (w * y), [5.0, 5.0])
    assert sorted(step.payload for step in program.instructions if step.op is PARAMETER) == [0, 1]
    assert len(leaves(program)) == 4
    assert reference.outputs(program, [2.0, 3.0], [5.0, 7.0]) == [2.0 * 5.0 * 3.0 * 7.0]


def test_steps_that_no_output_needs_are_dropped() -> None:
    builder = Builder()
    x = builder.emit(ARGUMENT, payload=0)
    builder.emit(ops.sin, (x,))
    y = builder.emit(ops.cos, (x,))
    assert str(builder.program([y])) == "%0        = argument 0\n%1        = cos %0\nreturn %1"


def test_a_simplification_never_changes_the_number_of_lanes() -> None:
    builder = Builder()
    x, column = builder.emit(ARGUMENT, payload=0), builder.emit(ARGUMENT, (), 3, (0, 1, 2))
    chosen = builder.emit(ops.select, (column, x, x))
    always = builder.emit(ops.select, (builder.constant(1.0), x, column))
    assert [builder.instructions[i].lanes for i in (chosen, always)] == [3, 3]
    program = builder.program([builder.emit(TOTAL, (chosen,)), builder.emit(TOTAL, (always,))]).verify()
    assert reference.outputs(program, [5.0, 1.0, 0.0]) == [15.0, 15.0]


def test_a_register_is_a_number_that_writes_instructions() -> None:
    builder = Builder()
    x = Register(builder, builder.emit(ARGUMENT, payload=0))
    y = abs(2.0 - x) / (x**2.0 + 2.0**x) - (-x) + ops.sin(x) * (x < 1.0) + where(x <= 1.0, 3.0, x)
    for number in (0.5, 1.0, 4.0):
        expected = abs(2.0 - number) / (number**2 + 2.0**number) + number + math.sin(number) * (number < 1.0)
        expected += 3.0 if number <= 1.0 else number
        assert same(reference.outputs(builder.program([y.index]), [number]), [expected])


def test_a_rule_that_branches_on_a_register_is_refused() -> None:
    builder = Builder()
    x = Register(builder, builder.emit(ARGUMENT, payload=0))
    with pytest.raises(TypeError, match=r"autograd\.where"):
        bool(x > 0)


@given(recipes(ROUGH), unusual(3))
def test_a_recorded_program_gives_what_the_function_gave(recipe: reference.Recipe, xs: list[float]) -> None:
    program = recorded(lambda *v: formula(recipe, v), xs)
    expected = formula(recipe, [Value(x) for x in xs]).data
    assert same(reference.outputs(program, xs), [expected], size(expected))


@given(recipes(ROUGH), unusual(3))
def test_simplifying_keeps_values_and_happens_once(recipe: reference.Recipe, xs: list[float]) -> None:
    program = recorded(lambda *v: formula(recipe, v), xs)
    before = reference.outputs(program, xs)
    once = rebuilt(program)
    assert len(once) <= len(program)
    assert same(reference.outputs(once, xs), before, size(before))
    assert str(rebuilt(once)) == str(once)


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


# ---- derivatives -----------------------------------------------------------------------------------------------------
@given(recipes(ROUGH), unusual(3))
def test_derivatives_are_those_of_the_graph(recipe: reference.Recipe, xs: list[float]) -> None:
    recording = record(lambda *v: formula(recipe, v), xs)
    program = program_of(recording)
    inputs = {step.payload: i for i, step in enumerate(program.instructions) if step.op is ARGUMENT}
    derived = with_gradients(program, list(inputs.values()))
    everything = reference.registers(derived, xs)
    found = dict(zip(inputs, [everything[i] for i in derived.outputs[1:]]))

    leaves = [Value(x) for x in xs]
    expected = autograd.grad(formula(recipe, leaves), leaves)
    for k, d in enumerate(expected):
        assert same(found.get(k, 0.0), d, size(everything)), (k, found, expected)


@given(recipes(), st.integers(4, 6), st.data())
def test_derivatives_over_lanes_are_those_of_the_unrolled_program(
    recipe: reference.Recipe, count: int, data: st.DataObject
) -> None:
    xs = data.draw(numbers(2 * count))
    ws = [Value(w) for w in data.draw(numbers(2))]

    def loss(*v: Any) -> Any:
        return fsum([formula(recipe, [*ws, *v[k : k + 2]]) for k in range(0, 2 * count, 2)]) * ws[0]

    recording = record(loss, xs)
    parameters = [p.data for p in recording.parameters]
    scalar = flatten(program_of(recording))
    found = []
    for program in (scalar, find_lanes(scalar, 4)):
        inputs = leaves(program)
        derived = flatten(with_gradients(program, inputs)).verify()
        everything = reference.registers(derived, xs, parameters)
        assume(size(everything) < 1e6)
        by_leaf: dict[Any, float] = {}
        for i, output in zip(inputs, derived.outputs[1:]):
            op, _, lanes, payload = program.instructions[i]
            number = everything[output]
            per_lane = number if isinstance(number, list) else [number] * lanes
            for source, d in zip(payload if lanes > 1 else [payload], per_lane):
                if isinstance(source, int):
                    by_leaf[op, source] = by_leaf.get((op, source), 0.0) + d
        found.append((by_leaf, size(everything)))
    (unrolled, scale), (over_lanes, _) = found
    for key in {**unrolled, **over_lanes}:
        assert same(unrolled.get(key, 0.0), over_lanes.get(key, 0.0), scale)


def test_a_uniform_number_used_in_every_lane_gets_the_sum_over_the_lanes() -> None:
    w, columns = W, [COLUMN]
    steps = [*columns, w, Instruction(ops.mul, (1, 0), 3), Instruction(TOTAL, (2,)), Instruction(ops.mul, (3, 1))]
    derived = with_gradients(Program(steps, [4]), [1, 0])
    value, by_w, by_x = reference.outputs(derived, [1.0, 2.0, 4.0], [3.0])
    assert (value, by_w) == (63.0, 2 * 3.0 * 7.0)  # d (w Σ w x) / dw
    assert by_x in (9.0, [9.0] * 3)  # w² in every lane


def test_an_input_that_the_output_does_not_depend_on_has_no_derivative() -> None:
    program = Program([X, Y, Instruction(ops.sin, (0,))], [2])
    _, found = derivatives(program, 2, [0, 1], Builder())
    assert found[0] is not None
    assert found[1] is None


def test_the_derivative_by_the_output_itself_is_one() -> None:
    builder = Builder()
    _, (d,) = derivatives(Program([X], [0]), 0, [0], builder)
    assert d is not None
    assert builder.number(d) == 1.0


@pytest.mark.parametrize("xs", [[1.0] * 4, [0.0] * 4, [-1.0] * 4, [0.0, 1.0, -1.0, 4.0]])
def test_a_branch_that_is_not_taken_leaks_nothing(xs: list[float]) -> None:
    w = Value(0.5)

    def loss(*v: Any) -> Any:
        return fsum([where(x > 0, log(x) * w, x * 2.0) for x in v])

    recording = record(loss, xs)
    for program in (program_of(recording), find_lanes(program_of(recording), 4)):
        gradients = reference.outputs(with_gradients(program, leaves(program)), xs, [0.5])[1:]
        flat = [d for g in gradients for d in (g if isinstance(g, list) else [g])]
        assert all(map(math.isfinite, flat))
    assert sum(map(abs, flat)) > 0.0


def test_a_uniform_number_behind_a_branch_that_no_lane_takes_gets_nothing() -> None:
    w = Value(0.0)

    def loss(*v: Any) -> Any:
        return fsum([where(x > 0, log(w) * x, x) for x in v])

    for xs, expected in (([-1.0] * 4, 0.0), ([-1.0, 1.0, -1.0, -1.0], inf)):
        program, parameters = find_lanes(program_of(record(loss, xs)), 4), [0.0]
        (w_register,) = [i for i, step in enumerate(program.instructions) if step.op is PARAMETER]
        assert reference.outputs(with_gradients(program, [w_register]), xs, parameters)[1] == expected


def test_lanes_behind_a_branch_that_is_not_taken_get_nothing() -> None:
    def loss(*v: Any) -> Any:
        return where(v[0] > 0, fsum([log(x) for x in v[1:]]), v[0])

    xs = [-1.0, 0.0, 0.0, 0.0, 0.0]
    program = find_lanes(program_of(record(loss, xs)), 4)
    inputs = leaves(program)
    found = reference.outputs(with_gradients(program, inputs), xs)[1:]
    columns = {program.instructions[i].payload: d for i, d in zip(inputs, found)}
    assert columns.pop(0) == 1.0
    assert list(columns.values()) in ([0.0], [[0.0] * 4])


def test_nested_branches_agree_with_the_graph() -> None:
    def f(x: Any, y: Any) -> Any:
        inner = where(x > 1.0, log(x - 1.0) + y, x * y)
        shared = log(y)
        root = where(x >= 1.0, (x - 1.0).sqrt(), 0.0)
        return where(y > 0.0, inner * shared + root, inner + 1.0) + where(y > 2.0, shared, 0.0)

    program = recorded(f, [2.0, 3.0])
    inputs = {step.payload: i for i, step in enumerate(program.instructions) if step.op is ARGUMENT}
    derived = with_gradients(program, [inputs[0], inputs[1]])
    for xs in ([2.0, 3.0], [0.5, 3.0], [2.0, -3.0], [1.0, 0.0], [1.0, 1.5], [0.0, 0.0]):
        points = [Value(x) for x in xs]
        out = f(*points)
        assert same(reference.outputs(derived, xs), [out.data, *autograd.grad(out, points)])


@pytest.mark.parametrize("decide", [lambda x: x > 0.0, lambda x: x])
def test_what_only_decides_gets_no_gradient_even_if_it_is_infinite(decide: Callable[[Value], Value]) -> None:
    program = recorded(lambda x, y: where(decide(x), y.sqrt(), y), [1.0, 0.0])
    (x,) = [i for i, step in enumerate(program.instructions) if step == X]
    _, (found,) = derivatives(program, program.outputs[0], [x], Builder())
    assert found is None


def test_derivatives_are_labelled_after_the_textbook() -> None:
    w, b = Value(0.5, "w"), Value(0.25, "b")

    def loss(x: Any) -> Any:
        z = w * x + b
        z.label = "z"
        a = z.sigmoid()
        a.label = "a"
        return (a - 1.0).square()

    program = recorded(loss, [2.0])
    derived = with_gradients(program, [i for i, label in program.labels.items() if label in "wb"])
    labels = [derived.name(i) for i in range(len(derived)) if derived.name(i)]
    assert labels[-4:] == ["∂a", "sigmoid'(z)", "∂z", "∂w"], "∂b is ∂z itself"


def test_a_program_can_be_differentiated_twice() -> None:
    program = recorded(lambda x: x**3.0 * x.sin(), [2.0])
    first = with_gradients(program, leaves(program))
    turned = Program(first.instructions, first.outputs[::-1])
    second = with_gradients(turned, leaves(turned))
    x = 2.0
    expected = 6 * x * math.sin(x) + 6 * x**2 * math.cos(x) - x**3 * math.sin(x)
    assert same(reference.outputs(second, [x])[-1], expected)


def test_the_derivative_of_a_deep_program() -> None:
    steps = [X, *[Instruction(ops.tanh, (k,)) for k in range(20_000)]]
    derived = with_gradients(Program(steps, [20_000]), [0])
    assert 0.0 < reference.outputs(derived, [1.0])[1] < 1.0
