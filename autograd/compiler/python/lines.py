"""What all lines of a Python program share: names, tables of places, and how arrays are read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from autograd import ops
from autograd.compiler.program.classes import Array, Kind, Operand, Program, Read
from autograd.compiler.python.expressions import number, operation
from autograd.compiler.python.names import FUNCTIONS, Names
from autograd.compiler.python.walks import Walk, walk_of
from autograd.labels import identifier
from autograd.ops import Op
from autograd.writer import Text

__all__ = ["Lines", "Loop"]


class Loop:
    """A comprehension in the making: the columns that it runs over together."""

    def __init__(self, names: Names, size: int) -> None:
        self.names, self.size = names, size
        self.elements: dict[str, str] = {}  # by column

    def element(self, column: str, name: str) -> str:
        """What the member of a column is called."""
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
        inlined: the operations that have no line of their own.
        batch: The number of samples in the batched arrays.
        shared: columns that get a line of their own, since they are read more than once.
    """

    def __init__(self, program: Program, inlined: set[int], batch: int, shared: set[str]) -> None:
        self.program, self.arrays, self.inlined, self.batch = program, program.arrays, inlined, batch
        self.shared = shared
        self.columns: Counter[str] = Counter()
        literal = {k for k, array in enumerate(self.arrays) if array.kind is Kind.CONSTANT and array.size == 1}
        self.names = Names(program, inlined | literal)
        self.tables: dict[tuple[int, ...], str] = {}
        self.lines: list[str] = []
        self.written: dict[str, str] = {}  # shared columns by their text
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
        """A list that is read, as text or by the name of an earlier line."""
        if re.fullmatch(r"\w+(\[[-\d:]*\])?", text):
            return text
        self.columns[text] += 1
        if text not in self.shared:
            return text
        if text not in self.written:
            self.written[text] = self.names.new(name)
            self.lines.append(f"{self.written[text]} = {text}")
        return self.written[text]

    def element(self, loop: Loop, walk: Walk) -> Text:
        """The member of a walk in a loop over it."""
        if walk.is_uniform:
            text = walk.element()
            return number(float(text)) if text[0] == "-" else Text(text)
        return Text(loop.element(self.column(str(walk), f"{walk.name}_taken"), walk.name))

    # ---- expressions -----------------------------------------------------------------------------------------------
    def operand(self, loop: Loop, operand: Operand, batched: bool) -> Text:
        """An operand in a loop over the members of what reads it."""
        if not isinstance(operand, Read):
            return number(operand)
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
