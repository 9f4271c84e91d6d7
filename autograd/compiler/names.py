"""What arrays and their rows are called in print: W² for rows w²₁₁, w²₁₂, …, δ² for the derivatives by z²₁, z²₂, …"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from autograd.compiler import labels as label_parts
from autograd.compiler.labels import stem

if TYPE_CHECKING:
    from autograd.compiler.arrays import ArrayProgram

__all__ = ["Names"]

_LETTERS = {"argument": "x", "parameter": "p", "constant": "c", "computed": "t"}  # of arrays without labels
_DIGITS = "0123456789"
_SUBSCRIPT = str.maketrans(_DIGITS, "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"


class Names:
    """Names of arrays, of rows, and of groups of rows.

    Attributes:
        labels: for each array those of its rows; none if other rows have them already (a neuron in another sample).
    """

    def __init__(self, program: ArrayProgram) -> None:
        self.arrays = program.arrays
        self.families: dict[str, set[str]] = {}
        for array in program.arrays:
            for label in array.labels:
                self.families.setdefault(stem(label), set()).add(label)
        self._indices = {
            label: numbers
            for family in self.families.values()
            for label, numbers in zip(family, label_parts.indices(list(family)))
        }
        self.labels: list[tuple[str, ...]] = []
        self._names: dict[int, str] = {}
        self._count = dict.fromkeys(_LETTERS.values(), 0)
        self._name_labelled(program)
        self._taken = set(self._names.values())
        self._result = program.outputs[0][0] if program.outputs else -1

    def _name_labelled(self, program: ArrayProgram) -> None:
        labelled: set[str] = set()
        sources = {step.target: step.rows for step in program.steps if step.kind == "gather"}
        for i, array in enumerate(program.arrays):
            labels = [label for label in array.labels if label]
            if i in sources:  # rows of other arrays, under their names
                is_own = all(self.labels[k] for k, _ in sources[i])
            else:
                is_own = len(set(labels)) == len(labels) and labelled.isdisjoint(labels)
                labelled.update(labels)
            self.labels.append(array.labels if is_own else ())
            name = self._called(self.labels[i])
            if array.kind == "constant" and array.rows == array.lanes == 1:
                self._names[i] = f"{array.payload[0]:.6g}".replace("-", "−")
            elif name and name not in self._names.values():
                self._names[i] = name

    def of(self, array: int) -> str:
        """The name of an array; without labels it gets one when it is first asked for."""
        if array not in self._names:
            rows, _, kind, *_ = self.arrays[array]
            name = "J" if array == self._result and rows == 1 else ""
            while not name or name in self._taken:
                self._count[_LETTERS[kind]] += 1
                name = f"{_LETTERS[kind]}{self._count[_LETTERS[kind]]}"
            self._taken.add(name)
            self._names[array] = name
        return self._names[array]

    def _called(self, labels: Sequence[str]) -> str:
        """What rows with these labels are called together; empty if nothing."""
        if not labels or not all(labels) or len({stem(label) for label in labels}) > 1:
            return ""
        if len(labels) == 1:
            return _symbol(labels[0])
        family, distinct = self.families[stem(labels[0])], set(labels)
        first = self._indices[labels[0]]
        name = _symbol(stem(labels[0]), len(first) > 1)
        if family == distinct:
            return name
        if {label for label in family if self._indices[label][:1] == first[:1]} == distinct:
            return name + str(first[0]).translate(_SUBSCRIPT)  # a row of a matrix
        if {label for label in family if self._indices[label][1:] == first[1:]} == distinct:
            return f"{name}[:,{', '.join(map(str, first[1:]))}]"
        return f"{_symbol(labels[0])}…{_symbol(labels[-1])}"

    def contents(self, array: int) -> list[str]:
        """What is in an array that has several things in it."""
        labels = self.labels[array]
        if array in self._names or not labels or not all(labels):
            return [self.of(array)]
        return list(dict.fromkeys([self._called([x for x in labels if stem(x) == stem(label)]) for label in labels]))

    def row(self, array: int, row: int) -> str:
        """The name of one row."""
        if self.arrays[array].rows == 1:
            return self.of(array)
        label = self.labels[array][row] if self.labels[array] else ""
        return _symbol(label) if label else f"{self.of(array)}[{row}]"

    def rows(self, array: int, rows: Iterable[int]) -> str:
        """The name of some rows of an array."""
        distinct = list(dict.fromkeys(rows))
        if len(distinct) == self.arrays[array].rows:
            return self.of(array)
        labels = self.labels[array]
        name = self._called([labels[row] for row in distinct]) if labels else ""
        return name or f"{self.of(array)}[{_slice(distinct)}]"

    def together(self, places: Sequence[tuple[int, int]]) -> str:
        """The name of rows of any arrays, if they have one."""
        arrays, rows = {array for array, _ in places}, [row for _, row in places]
        if len(arrays) == 1 and len(set(rows)) == len(rows):
            return self.rows(arrays.pop(), rows)
        labels = [(self.labels[array] or {row: ""})[row] for array, row in places]
        name = self._called(labels)
        return name if len(set(labels)) == len(labels) and "…" not in name else ""

    def indices(self, array: int, row: int) -> tuple[int, ...]:
        """The indices of a row's label; 0 if it has none."""
        return (self._indices[self.labels[array][row]] if self.labels[array] else ()) or (0,)

    def is_looked_for(self, array: int) -> bool:
        """Whether a reader looks for the line of an array; the derivative by an activation is a part of another."""
        labels = self.labels[array]
        return bool(labels and all(labels)) and (labels[0][0] != "∂" or labels[0].startswith("∂z"))


def _symbol(label: str, is_matrix: bool = False) -> str:
    """A label as a textbook writes it: δ for the derivative by z, a capital letter for a matrix, σ for the sigmoid."""
    prefix = "∂" * label.startswith("∂")
    name = label[len(prefix) :].replace("sigmoid'", "σ'").replace("[:]", "")
    letter = stem(name).strip(_SUPERSCRIPTS)
    if prefix and letter == "z":
        return "δ" + name[1:]
    return prefix + (name.replace(letter, letter.upper(), 1) if is_matrix and len(letter) == 1 else name)


def _slice(rows: Sequence[int]) -> str:
    """Rows in brackets: 3, 0:4, 0:8:2, or a list."""
    if len(rows) == 1:
        return str(rows[0])
    step = rows[1] - rows[0]
    if step > 0 and list(rows) == list(range(rows[0], rows[-1] + 1, step)):
        return f"{rows[0]}:{rows[-1] + 1}" + (f":{step}" if step > 1 else "")
    return ", ".join(map(str, rows[:6])) + ", …" * (len(rows) > 6)
