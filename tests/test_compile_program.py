"""Programs and how they are written: print, verifier, folding, sharing, dropping."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from autograd.compiler.program import ARGUMENT, DOT, PARAMETER, TOTAL, Instruction, Program, ProgramError
from hypothesis import given

from autograd import Value, ops, where
from autograd.compiler.builder import Builder, Register
from tests import program_reference as reference
from tests.program_reference import (
    ROUGH,
    formula,
    leaves,
    names,
    recipes,
    recorded,
    same,
    size,
    unusual,
)

nan, inf = math.nan, math.inf
X, Y, W = (Instruction(ARGUMENT, payload=0), Instruction(ARGUMENT, payload=1), Instruction(PARAMETER, payload=0))
COLUMN = Instruction(ARGUMENT, (), 3, (0, 1, 2))


def constant(number: Any, lanes: int = 1) -> Instruction:
    return Instruction(ops.constant, (), lanes, number)


def rebuilt(program: Program) -> Program:
    """The same program, written step by step with a builder."""
    builder = Builder()
    where_to = builder.copy(program)
    return builder.program([where_to[i] for i in program.outputs]).verify()


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


def test_a_choice_of_one_or_zero_is_a_comparison_itself_and_no_other_number() -> None:
    builder = Builder()
    x, one, zero = builder.emit(ARGUMENT, payload=0), builder.constant(1.0), builder.constant(0.0)
    less = builder.emit(ops.less, (x, one))
    assert builder.emit(ops.select, (less, one, zero)) == less
    assert builder.emit(ops.select, (less, zero, one)) != less
    assert builder.emit(ops.select, (x, one, zero)) != x


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
