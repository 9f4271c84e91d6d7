"""Programs over classes and how they are written: print, verifier, folding, sharing, dropping."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from autograd import Value, fsum, ops, where
from autograd.compiler.pipeline import assemble
from autograd.compiler.program.builder import Builder, Rows
from autograd.compiler.program.classes import Array, Kind, Operand, Program, ProgramError, Read, Terms
from autograd.compiler.program.indices import Index
from autograd.compiler.recording.record import record
from tests.support.class_reference import evaluate
from tests.support.recipes import ROUGH, Recipe, formula, recipes, same, size, unusual

nan, inf = math.nan, math.inf


def program_of(f: Callable[..., Any], args: list[Any]) -> Program:
    return assemble(record(f, args)).program.verify()


def computed(program: Program) -> list[str]:
    """What a program computes, array by array."""
    return [array.op.name if array.op else "sum" for array in program.arrays if array.kind in (Kind.MAP, Kind.SUM)]


# ---- the format ------------------------------------------------------------------------------------------------------
def test_a_program_prints_one_line_per_class() -> None:
    ws = [Value(0.1 * k) for k in range(6)]

    def f(x: Any) -> Any:
        rows = [sum(w * v for w, v in zip(ws[3 * k : 3 * k + 3], x)) for k in range(2)]
        return fsum([z.exp() for z in rows] + [x[0]])

    assert str(program_of(f, [[1.0, 2.0, 3.0]])).splitlines() == [
        "a0 [6] = parameter 0 … 5",
        "a1 [3] = argument 0 … 2",
        "a2 [2] = Σ a0 a1[2×3: 0 1] over 2×3: 1 0",
        "a3 [2] = exp a2",
        "a4 [1] = exactly Σ a3 over 2: 0 + Σ a1 over 1: 0",
        "return a4",
    ]


def test_what_a_batch_is_for_is_printed() -> None:
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(2), batched=True)
    total = builder.sum(1, [builder.terms([0, 0], x)], batched=False)
    assert str(builder.program([total, 1.5])).splitlines() == [
        "a0 [2 × batch] = argument 0 1",
        "a1 [1] = Σ a0 over 2: 0 and the batch",
        "return a1 1.5",
    ]


ARGUMENTS = Array(Kind.ARGUMENT, 3, data=range(3))
EVERY, FIRST, LAST = Index(range(3)), Index([0, 0, 0]), Index(range(2, 3))
X = Read(0, EVERY)


def mapped(*operands: Operand, size: int = 3, batched: bool = False) -> Array:
    return Array(Kind.MAP, size, batched, ops.add, operands)


def summed(*terms: Terms, size: int = 1, batched: bool = False) -> Array:
    return Array(Kind.SUM, size, batched, terms=terms)


def test_the_verifier_returns_a_good_program() -> None:
    arrays = [ARGUMENTS, mapped(X, Read(0, FIRST)), mapped(X, 1.0), summed(Terms(FIRST, (X, X)))]
    program = Program(arrays, [Read(3, Index(range(1))), Read(1, LAST), 7.0])
    assert program.verify() is program
    assert Program([], []).verify() == Program([], [])


@pytest.mark.parametrize(
    ("arrays", "outputs", "complaint"),
    [
        ([ARGUMENTS, mapped(Read(1, EVERY), X)], [], "a1 reads a1, which is not computed yet"),
        ([ARGUMENTS, mapped(Read(-1, EVERY), X)], [], "a1 reads a-1, which is not computed yet"),
        ([ARGUMENTS], [Read(1, LAST)], "a1 reads a1, which is not computed yet"),
        ([ARGUMENTS], [Read(0, Index([0, 3]))], "reads members 0 to 3 of the 3 of a0"),
        ([ARGUMENTS, mapped(X, Read(0, Index([0, -1, 2])))], [], "reads members -1 to 2 of the 3 of a0"),
        ([ARGUMENTS, mapped(X, Read(0, LAST))], [], "a1 has 3 members, but reads a0 1 times"),
        ([ARGUMENTS._replace(batched=True), mapped(X, X)], [], "a1 is not batched, but reads a0, which is"),
        ([ARGUMENTS, summed(Terms(FIRST, (X, Read(0, LAST))))], [], "products of 2 factors, of lengths {1, 3}"),
        ([ARGUMENTS, summed(Terms(FIRST, ()))], [], "products of 0 factors"),
        ([ARGUMENTS, summed(Terms(EVERY, (X,)))], [], "a1 has no member 2, only 1"),
        ([ARGUMENTS, summed(Terms(FIRST, (X,)), batched=True)], [], "a1 is batched, but not its terms"),
        ([ARGUMENTS._replace(batched=True), summed(Terms(FIRST, (X,)))], [], "as if they were not"),
        ([ARGUMENTS._replace(size=4)], [], "a0 has 3 numbers for 4 members"),
    ],
)
def test_the_verifier_names_what_is_wrong(arrays: list[Array], outputs: list[Operand], complaint: str) -> None:
    with pytest.raises(ProgramError, match=complaint):
        Program(arrays, outputs).verify()


# ---- the builder: folding, sharing, dropping -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x * 1.0, []),
        (lambda x: 1.0 * x, []),
        (lambda x: x + -0.0, []),
        (lambda x: x + 0.0, ["add"]),  # which is not -0.0
        (lambda x: x / 1.0, []),
        (lambda x: x**1.0, []),
        (lambda x: -0.0 + (-1.0 * (-1.0 * x)), []),
        (lambda x: ops.identity(x), []),
        (lambda x: x * -1.0, ["neg"]),
        (lambda x: x**2.0, ["mul"]),
        (lambda x: where(x > 0, x, x), []),
        (lambda x: x * 0.0, ["mul"]),  # nan and inf are not 0
        (lambda x: x - x, ["sub"]),
        (lambda x: 0.0 / x, ["div"]),
        (lambda x: x**0.5, ["constant_power"]),
    ],
)
def test_only_what_is_true_of_every_float_is_simplified(f: Callable[[Any], Any], expected: list[str]) -> None:
    program = program_of(f, [3.0])
    assert computed(program) == expected
    for x in (3.0, -0.5, 0.0, -0.0, nan, inf, -inf):
        found = evaluate(program, [x], [])
        assert same(found, [[f(Value(x)).data]])
        assert repr(found[0][0]) == repr(f(Value(x)).data)


def test_the_same_array_is_written_once() -> None:
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(3))
    turned = builder.read(x, [2, 1, 0])
    assert builder.map(ops.add, [x, turned]) == builder.map(ops.add, [x, builder.read(x, [2, 1, 0])])
    assert builder.map(ops.add, [x, 0.5]) != builder.map(ops.add, [x, -0.5])
    assert builder.map(ops.sub, [x, 0.0]) != builder.map(ops.sub, [x, -0.0])  # two zeros are two numbers
    assert builder.map(ops.add, [x, nan]) == builder.map(ops.add, [x, nan])  # nan is one
    terms = [builder.terms([0, 0, 1], turned)]
    assert builder.sum(2, terms) == builder.sum(2, terms)
    assert builder.sum(2, terms) != builder.sum(2, terms, exact=True)


def test_what_is_read_many_times_is_computed_before() -> None:
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(2))
    many = builder.map(ops.cos, [builder.read(x, [0, 1, 0, 1, 0])])
    assert isinstance(many, Read)
    assert builder.arrays[many.array].size == 2
    assert list(many.index) == [0, 1, 0, 1, 0]
    some = builder.map(ops.log, [builder.read(x, [1, 1])])  # of a member that nobody reads the logarithm may be nan
    assert isinstance(some, Read)
    assert some.index.is_identity


def test_numbers_are_folded_with_the_value_of_the_row() -> None:
    builder = Builder()
    x = builder.leaf(Kind.CONSTANT, [-1.0, -1.0])
    found = builder.map(ops.log, [x])
    assert isinstance(found, float)
    assert math.isnan(found)
    assert builder.map(ops.div, [1.0, 0.0]) == inf
    assert isinstance(builder.known(builder.leaf(Kind.CONSTANT, [0.0, -0.0])), Read)
    assert repr(builder.known(builder.leaf(Kind.CONSTANT, [-0.0]))) == "-0.0"
    assert isinstance(builder.known(builder.leaf(Kind.PARAMETER, [0, 0])), Read)  # the numbers of calls


def test_a_choice_of_one_or_zero_is_a_comparison_itself_and_no_other_number() -> None:
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(2))
    less = builder.map(ops.less, [x, 1.0])
    assert builder.map(ops.select, [less, 1.0, 0.0]) == less
    assert builder.map(ops.select, [less, 0.0, 1.0]) != less
    assert builder.map(ops.select, [x, 1.0, 0.0]) != x
    assert builder.map(ops.select, [0.0, x, 5.0]) == 5.0
    assert builder.map(ops.select, [nan, x, 5.0]) == x  # as a number that is not 0


def test_leaves_with_equal_numbers_stay_apart() -> None:
    v, w = Value(2.0), Value(2.0)
    program = program_of(lambda x, y: (v * x) * (w * y), [5.0, 5.0])
    assert evaluate(program, [2.0, 3.0], [5.0, 7.0]) == [[2.0 * 5.0 * 3.0 * 7.0]]


def test_what_no_output_needs_is_dropped_but_for_parameters() -> None:
    builder = Builder()
    x, p = builder.leaf(Kind.ARGUMENT, [0]), builder.leaf(Kind.PARAMETER, [0])
    builder.map(ops.sin, [p])
    y = builder.map(ops.cos, [x])
    assert str(builder.program([y])) == "a0 [1] = argument 0\na1 [1] = parameter 0\na2 [1] = cos a0\nreturn a2"


def test_sums_with_one_term_each_are_no_sums() -> None:
    builder = Builder()
    x, y = [builder.leaf(Kind.ARGUMENT, range(3 * k, 3 * k + 3)) for k in range(2)]
    found = builder.sum(3, [builder.terms([0, 1, 2], x, y), builder.terms([2, 0, 1], y)])
    program = builder.program([found])
    assert computed(program) == ["mul", "add"]
    numbers = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0]
    assert evaluate(program, numbers, []) == [[10.0 + 20.0, 40.0 + 30.0, 90.0 + 10.0]]


def test_rows_are_numbers_that_write_arrays() -> None:
    builder = Builder()
    x: Any = Rows(builder, builder.leaf(Kind.ARGUMENT, range(3)))
    y = abs(2.0 - x) / (x**2.0 + 2.0**x) - (-x) + ops.sin(x) * (x < 1.0) + where(x <= 1.0, 3.0, x)
    numbers = [0.5, 1.0, 4.0]
    expected = [
        abs(2.0 - v) / (v**2 + 2.0**v) + v + math.sin(v) * (v < 1.0) + (3.0 if v <= 1.0 else v) for v in numbers
    ]
    assert same(evaluate(builder.program([y.read]), numbers, []), [expected])


def test_a_rule_that_branches_on_rows_is_refused() -> None:
    builder = Builder()
    x: Any = Rows(builder, builder.leaf(Kind.ARGUMENT, [0]))
    with pytest.raises(TypeError, match=r"autograd\.where"):
        bool(x > 0)


@given(recipes(ROUGH), unusual(3))
def test_a_recorded_program_gives_what_the_function_gave(recipe: Recipe, xs: list[float]) -> None:
    program = program_of(lambda *v: formula(recipe, v), list(xs))
    expected = formula(recipe, [Value(x) for x in xs]).data
    assert same(evaluate(program, xs, []), [[expected]], size(expected))
