"""What all lines of a Python program share: operations as expressions, the names of arrays, and how they are read."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Callable, Iterable, Sequence

from autograd import ieee, ops
from autograd.compiler.program.classes import Array, Kind, Operand, Program, Read
from autograd.compiler.python import runtime
from autograd.compiler.python.walks import Walk, walk_of
from autograd.labels import identifier, stem
from autograd.ops import Op
from autograd.writer import Dialect, Level, Text

# ---- operations of the table as expressions: the compiler's dialect --------------------------------------------------
COMPILED = Dialect({ops.add: " + ", ops.sub: " - ", ops.mul: " * ", ops.div: " / "})
_COMPARISON = {ops.less: "<", ops.less_equal: "<=", ops.equal: "=="}
_TRUTH = "float("  # what a comparison begins with where it is a number


def numeral(x: float) -> Text:
    """A plain number."""
    return COMPILED.number(repr(x))


def added(terms: Sequence[Text]) -> Text:
    """A sum of one term or more."""
    return COMPILED.infix(ops.add, terms)


def product_of(factors: Sequence[Text]) -> Text:
    """A product of one factor or more."""
    return COMPILED.infix(ops.mul, factors)


def operation(op: Op, parts: Sequence[Text], function: Callable[[Op], str]) -> Text:
    """An operation on parts; ``function`` tells under which name the value function of a row is called.

    >>> x, y = Text("x"), Text("y")
    >>> operation(ops.mul, [operation(ops.add, [x, y], str), y], str).text
    '(x + y) * y'
    """
    if op is ops.sub and parts[1].text == "-0.0":  # x - -0.0 makes 0.0 of -0.0, as x + 0.0 does
        return COMPILED.infix(ops.add, [parts[0], Text("0.0")])
    if op is ops.square:
        return COMPILED.infix(ops.mul, [parts[0], parts[0]])
    if op is ops.identity or op is ops.detached:
        return parts[0]
    if op is ops.select:
        return Text(f"{parts[1]:SUM} if {_condition(parts[0])} else {parts[2]}", Level.OPEN)
    if op in _COMPARISON:
        return Text(f"{_TRUTH}{parts[0]:SUM} {_COMPARISON[op]} {parts[1]:SUM})")
    # Python's / raises for a divisor of 0: it is written only where the divisor is another number.
    is_operator = op in COMPILED.operators and (op is not ops.div or _is_nonzero_number(parts[1].text))
    if is_operator or op in (ops.neg, ops.sum_of_products):
        return COMPILED.operation(op, parts)
    return Text(f"{function(op)}({', '.join([part.text for part in parts])})")


def _is_nonzero_number(text: str) -> bool:
    try:
        return text not in ("inf", "nan") and float(text) != 0.0
    except ValueError:
        return False


def _condition(part: Text) -> str:
    """The condition under which a select takes its first branch."""
    is_comparison = part.text.startswith(_TRUTH) and part.level == Level.ATOM
    return part.text[len(_TRUTH) : -1] if is_comparison else part.at(Level.SUM)


# ---- what arrays are called: w2, b2, z2, a2, d_z2, or letters with numbers -------------------------------------------
FUNCTIONS = {name: f for name, f in vars(ieee).items() if getattr(f, "__module__", "") in ("math", ieee.__name__)}
_RESERVED = {
    *keyword.kwlist,
    *dir(builtins),
    *FUNCTIONS,
    *runtime.__all__,
    *("inf", "nan", "mul", "arguments", "parameters", "results", "take"),
}
_LETTERS = {Kind.ARGUMENT: "x", Kind.PARAMETER: "p", Kind.CONSTANT: "c"}


class Names:
    """Names for the arrays of a program, each different from all other names in its source."""

    def __init__(self, program: Program, nameless: set[int]) -> None:
        self.taken = set(_RESERVED)
        self.of: dict[int, str] = {}
        self._counts: dict[str, int] = {}
        first = program.outputs[0] if program.outputs else None
        result = first.array if isinstance(first, Read) and program.arrays[first.array].size == 1 else -1
        for number, array in enumerate(program.arrays):
            if number in nameless:
                continue
            primal = self.of.get(program.adjoints.get(number, -1))
            name = from_labels(program.labels.get(number, ()))
            if not name and (primal or number == result):
                name = f"d_{primal}" if primal else "value"
            self.of[number] = self.new(name) if name else self.numbered(_LETTERS.get(array.kind, "t"))

    def new(self, name: str) -> str:
        """The name itself, or with a number that makes it a new one."""
        number, candidate = 1, name
        while candidate in self.taken:
            number += 1
            candidate = f"{name}_{number}"
        self.taken.add(candidate)
        return candidate

    def numbered(self, letter: str) -> str:
        """The next of t1, t2, …"""
        count = self._counts[letter] = self._counts.get(letter, 0) + 1
        name = f"{letter}{count}"
        return self.new(name) if name not in self.taken else self.numbered(letter)

    def element(self, name: str, used: Iterable[str]) -> str:
        """The name of a member in a loop over a list: that of the list, without its number."""
        short = name.rstrip("0123456789_") or name
        others = {*self.taken, *used}
        number, candidate = 1, short
        while candidate in others:
            number += 1
            candidate = f"{short}_{'ijklmn'[number - 2] if number < 8 else number}"
        return candidate


def from_labels(labels: Sequence[str]) -> str:
    """A name for members with these labels; empty if they have none in common."""
    if not labels or not all(labels):
        return ""
    if len(set(labels)) == 1:
        return identifier(labels[0])
    stems = set(map(stem, labels))
    return identifier(stems.pop()) if len(stems) == 1 else ""


# ---- lines -----------------------------------------------------------------------------------------------------------
class Loop:
    """A comprehension in the making: the columns that it runs over together."""

    def __init__(self, names: Names, size: int) -> None:
        self.names, self.size = names, size
        self.elements: dict[str, str] = {}  # by column

    def element(self, column: str, name: str) -> str:
        """The loop variable that stands for the member of a column."""
        if column not in self.elements:
            self.elements[column] = self.names.element(name, self.elements.values())
        return self.elements[column]

    def text(self, expression: Text) -> str:
        """The list of an expression for all members; the expression itself if there is only one."""
        if self.size == 1:
            return expression.text
        if not self.elements:
            return f"[{expression.text}] * {self.size}"
        elements, columns = ", ".join(self.elements.values()), ", ".join(self.elements)
        if expression.text == elements:
            return f"list({columns})"
        columns = f"zip({columns})" if len(self.elements) > 1 else columns
        return f"[{expression.text} for {elements} in {columns}]"


class Lines:
    """The lines of a program as they are written.

    Args:
        program: The program, with its leaves split.
        inlined: The operations that have no line of their own.
        batch: The number of samples in the batched arrays.
    """

    def __init__(self, program: Program, inlined: set[int], batch: int) -> None:
        self.program, self.arrays, self.inlined, self.batch = program, program.arrays, inlined, batch
        literal = {k for k, array in enumerate(self.arrays) if array.kind is Kind.CONSTANT and array.size == 1}
        self.names = Names(program, inlined | literal)
        self.tables: dict[tuple[int, ...], str] = {}
        self.lines: list[str] = []
        self.written: dict[str, str] = {}  # columns with a line of their own, by their text
        self.functions: dict[Op, str] = {}
        self.primitives: dict[str, Callable[..., float]] = {}

    def length(self, number: int) -> int:
        """How many numbers an array holds."""
        return self.arrays[number].size * self.scale(number)

    def scale(self, number: int) -> int:
        """How many numbers a member of an array has."""
        return self.batch if self.arrays[number].batched else 1

    # ---- how arrays are read ---------------------------------------------------------------------------------------
    def spread(self, number: int, places: Sequence[int], batched: bool) -> Sequence[int]:
        """The numbers at some members, each for all samples if what reads them is batched."""
        scale = self.scale(number)
        if not batched or self.batch == 1:
            return places
        step = int(scale > 1)
        return [place * scale + step * turn for place in places for turn in range(self.batch)]

    def walk(self, number: int, places: Sequence[int]) -> Walk:
        """A way through the numbers of an array."""
        length = self.length(number)
        name, size = self.variable(number), length if length > 1 else 0
        return walk_of(name, size, places) or Walk(name, size, 0, (), self.table(places))

    def variable(self, number: int) -> str:
        """The name of an array; a constant of one number is written as that number."""
        array = self.arrays[number]
        return self.names.of[number] if number in self.names.of else repr(float(array.data[0]))

    def table(self, numbers: Sequence[int]) -> str:
        """The name of a tuple of numbers."""
        key = tuple(numbers)
        if key not in self.tables:
            self.tables[key] = self.names.numbered("places")
        return self.tables[key]

    def column(self, text: str, name: str) -> str:
        """A list that is read: what is short as it is, any other one by the name of a line that makes it."""
        if re.fullmatch(r"\w+(\[[-\d:]*\])?( \* \d+)?", text):  # a slice, or a list several times
            return text
        if text not in self.written:
            self.written[text] = self.names.new(name)
            self.lines.append(f"{self.written[text]} = {text}")
        return self.written[text]

    def element(self, loop: Loop, walk: Walk) -> Text:
        """The member of a walk in a loop over it."""
        if walk.is_uniform:
            text = walk.element()
            return numeral(float(text)) if text[0] == "-" else Text(text)
        return Text(loop.element(self.column(str(walk), f"{walk.name}_taken"), walk.name))

    # ---- expressions -----------------------------------------------------------------------------------------------
    def operand(self, loop: Loop, operand: Operand, batched: bool) -> Text:
        """An operand in a loop over the members of what reads it."""
        if not isinstance(operand, Read):
            return numeral(operand)
        if operand.array in self.inlined:
            return self.operation(loop, self.arrays[operand.array])
        return self.element(loop, self.walk(operand.array, self.spread(operand.array, operand.index, batched)))

    def operation(self, loop: Loop, array: Array) -> Text:
        """An operation on a member, in a loop over the members."""
        assert array.op is not None
        parts = [self.operand(loop, operand, array.batched) for operand in array.operands]
        return operation(array.op, parts, self.function)

    def function(self, op: Op) -> str:
        """The name under which the value function of a row is called."""
        if op not in self.functions:
            name = getattr(op.value, "__name__", "")
            if op is ops.abs:
                name = "abs"
            elif FUNCTIONS.get(name) is not op.value:  # a user's own primitive
                name = self.names.new(identifier(op.name) or "primitive")
                self.primitives[name] = op.value
            self.functions[op] = name
        return self.functions[op]
