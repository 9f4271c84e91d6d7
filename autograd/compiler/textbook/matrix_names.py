"""What arrays are called in print: W² for members w²₁₁, w²₁₂, …, δ² for the derivatives with respect to z²₁, z²₂, …

The samples of a batch, or the positions of a sequence, are *lanes*: a formula says what happens in each of them.  The
lanes of an array are one loop over its members, (turns, step); all other members are its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from autograd.compiler.program.classes import Array, Kind, Program, Read, Terms
from autograd.compiler.program.indices import Index
from autograd.compiler.program.nests import Column, Loop, nest_of
from autograd.labels import SUPERSCRIPTS, common, indices, stem, subscript

Lanes = tuple[int, int]  # turns and step

# ---- lanes -----------------------------------------------------------------------------------------------------------
BATCH = 2  # samples that a batch is taken to have: any number above 1 shows the loop


def loops_of(program: Program, number: int, terms: Terms, lanes: dict[int, Lanes]) -> list[Loop] | None:
    """The loops over the terms of a sum: those over lanes, and those over rows; None if there are no such loops."""
    arrays = [number, *[read.array for read in terms.factors]]
    places = [terms.owner, *[read.index for read in terms.factors]]
    batched = terms.batched or program.arrays[number].batched
    scales = [BATCH if program.arrays[k].batched else 1 for k in arrays]
    columns = [Column(column, 0, scale) for column, scale in zip(places, scales)]
    nest = nest_of(columns, BATCH if batched else 1)
    if nest.ragged:
        return None
    result = [loop for loop in nest.loops if loop.turns > 1]
    for array, c in zip(arrays, range(len(arrays))):
        result = [part for loop in result for part in _apart(loop, c, lanes.get(array))]
    return result


def _apart(loop: Loop, column: int, lanes: Lanes | None) -> list[Loop]:
    """A loop over rows and lanes as two."""
    if lanes is None:
        return [loop]
    turns, step = lanes
    if loop.strides[column] == step and loop.turns > turns and loop.turns % turns == 0:
        return [
            Loop(loop.turns // turns, tuple([stride * turns for stride in loop.strides])),
            Loop(turns, loop.strides),
        ]
    return [loop]


def lanes_of(program: Program) -> dict[int, Lanes]:
    """The lanes of all arrays that have them."""
    lanes: dict[int, Lanes] = {}
    for number, array in enumerate(program.arrays):
        if array.batched:
            lanes[number] = BATCH, 1
        elif found := _repeated(program.labels.get(number, ())):
            lanes[number] = found
    before = -1
    while len(lanes) > before:
        before = len(lanes)
        for number, array in enumerate(program.arrays):
            if array.kind is Kind.SUM:
                _by_weights(program, number, array, lanes)
            for terms in _terms_of(array):
                _together(program, number, terms, lanes)
        for adjoint, of in program.adjoints.items():
            if of in lanes and program.arrays[adjoint].size == program.arrays[of].size:
                lanes.setdefault(adjoint, lanes[of])
    return lanes


def _terms_of(array: Array) -> Iterator[Terms]:
    """The terms of a sum; for an operation each operand as if it were one."""
    yield from array.terms
    for operand in array.operands:
        if isinstance(operand, Read) and len(operand.index) == array.size:
            yield Terms(Index(range(array.size)), (operand,), array.batched)


def _repeated(labels: Sequence[str]) -> Lanes | None:
    """Members of one label: a neuron in all samples."""
    if len(labels) < 2 or not labels[0]:
        return None
    places = [k for k, label in enumerate(labels) if label == labels[0]]
    if len(places) < 2 or len(labels) != len(places) * len(set(labels)):
        return None
    return len(places), places[1] - places[0]


def _by_weights(program: Program, number: int, array: Array, lanes: dict[int, Lanes]) -> None:
    """A loop over sums that read the same parameters, and other data, is one over lanes."""
    for terms in array.terms:
        kinds = [program.arrays[read.array].kind is Kind.PARAMETER for read in terms.factors]
        if sorted(kinds) != [False, True] or (number in lanes and terms.factors[kinds.index(False)].array in lanes):
            continue
        weights, data = 1 + kinds.index(True), 1 + kinds.index(False)
        loops = loops_of(program, number, terms, lanes) or []
        shared = [x for x in loops if x.strides[0] > 0 and x.strides[weights] == 0 and x.strides[data] > 0]
        moving = [x for x in loops if x.strides[weights]]
        if len(shared) == 1 and moving:
            lanes.setdefault(number, (shared[0].turns, shared[0].strides[0]))
            lanes.setdefault(terms.factors[data - 1].array, (shared[0].turns, shared[0].strides[data]))


def _together(program: Program, number: int, terms: Terms, lanes: dict[int, Lanes]) -> None:
    """A loop that runs over the lanes of one array runs over those of the others, too."""
    arrays = [number, *[read.array for read in terms.factors]]
    if not any(k in lanes for k in arrays) or all(k in lanes for k in arrays):
        return
    for loop in loops_of(program, number, terms, lanes) or []:
        if any(k in lanes and lanes[k] == (loop.turns, loop.strides[c]) for c, k in enumerate(arrays)):
            for c, k in enumerate(arrays):
                if loop.strides[c] > 0:
                    lanes.setdefault(k, (loop.turns, loop.strides[c]))


# ---- names -----------------------------------------------------------------------------------------------------------
_LETTERS = {Kind.ARGUMENT: "x", Kind.PARAMETER: "p", Kind.CONSTANT: "c"}  # of arrays without labels; "t" of all others


class MatrixNames:
    """Names of arrays and of rows of them.

    Args:
        program: The program, with its leaves split.
        lanes: The lanes of the arrays that have them.
        locals_: The operation behind each array of local derivatives, and the array that it is applied to.
    """

    def __init__(self, program: Program, lanes: dict[int, Lanes], locals_: dict[int, tuple[str, int]]) -> None:
        self.program, self.arrays, self.lanes, self.locals = program, program.arrays, lanes, locals_
        self.labels: dict[int, list[str]] = {}  # of the rows
        seen: set[str] = set()
        for number in range(len(self.arrays)):
            labels = self._row_labels(number)
            if labels and all(labels) and len(set(labels)) == len(labels) and seen.isdisjoint(labels):
                self.labels[number] = labels
                seen.update(labels)
        self.families: dict[str, set[str]] = {}
        for label in seen:
            self.families.setdefault(stem(label), set()).add(label)
        self._indices = {
            label: numbers for family in self.families.values() for label, numbers in zip(family, indices(list(family)))
        }
        self._names: dict[int, str] = {}
        for number, labels in self.labels.items():
            name = self._called(labels)
            if name and name not in self._names.values():
                self._names[number] = name
        self._taken = set(self._names.values())
        self._counts: dict[str, int] = {}
        first = program.outputs[0] if program.outputs else None
        self._result = first.array if isinstance(first, Read) and self.arrays[first.array].size == 1 else -1

    def _row_labels(self, number: int) -> list[str]:
        of, local = self.program.adjoints.get(number), self.locals.get(number)
        if local is not None and local[1] in self.labels:
            return [f"{local[0]}'({label})" for label in self.labels[local[1]]]
        if of is not None:
            return [f"∂{label}" for label in self.labels.get(of, ())]
        labels, lanes = self.program.labels.get(number, []), self.lanes.get(number)
        if lanes is None or len(labels) < lanes[0]:
            return labels
        rows: dict[int, list[str]] = {}
        for place, label in enumerate(labels):
            rows.setdefault(row_of(place, lanes), []).append(label)
        return list(map(common, rows.values()))

    def of(self, number: int) -> str:
        """The name of an array; an array without labels gets one when it is first asked for."""
        if number not in self._names:
            array = self.arrays[number]
            if array.kind is Kind.CONSTANT and array.size == 1:
                return f"{array.data[0]:.6g}".replace("-", "−")
            of = self.program.adjoints.get(number)
            name = "J" if number == self._result else f"∂{self._names[of]}" if of in self._names else ""
            letter = _LETTERS.get(array.kind, "t")
            while not name or name in self._taken:
                self._counts[letter] = self._counts.get(letter, 0) + 1
                name = f"{letter}{self._counts[letter]}"
            self._taken.add(name)
            self._names[number] = name
        return self._names[number]

    def count(self, number: int) -> int:
        """How many rows an array has."""
        lanes = self.lanes.get(number)
        size = self.arrays[number].size
        return size if lanes is None or self.arrays[number].batched else size // lanes[0]

    def rows(self, number: int, rows: Iterable[int]) -> str:
        """The name of some rows of an array."""
        distinct = list(dict.fromkeys(rows))
        if len(distinct) >= self.count(number):
            return self.of(number)
        labels = self.labels.get(number)
        name = self._called([labels[row] for row in distinct]) if labels else ""
        return name or f"{self.of(number)}[{_slice(distinct)}]"

    def indices(self, number: int, row: int) -> tuple[int, ...]:
        """The indices of a row's label; none if it has no label."""
        labels = self.labels.get(number)
        return self._indices[labels[row]] if labels else ()

    def is_one_row(self, number: int) -> bool:
        """Whether an array is a matrix, but has only one row."""
        labels = self.labels.get(number, [])
        found = [self._indices[label] for label in islice(labels, 2)]
        return len(found) > 1 and len(found[0]) > 1 and found[0][0] == found[1][0] and len({
            self._indices[label][0] for label in labels
        }) == 1  # fmt: skip

    def is_matrix(self, number: int) -> bool:
        """Whether the members of an array have two indices."""
        return len(self.indices(number, 0)) > 1

    def is_looked_for(self, number: int) -> bool:
        """Whether a reader looks for the line of an array; an activation's derivative is part of another."""
        labels = self.labels.get(number)
        return labels is not None and all(labels) and (labels[0][0] != "∂" or labels[0].startswith("∂z"))

    def _called(self, labels: Sequence[str]) -> str:
        """The common name of rows with these labels; empty if they have none."""
        if len({stem(label) for label in labels}) > 1:
            return ""
        if len(labels) == 1:
            return _symbol(labels[0])
        family, distinct = self.families[stem(labels[0])], set(labels)
        first = self._indices[labels[0]]
        name = _symbol(stem(labels[0]), len(first) > 1)
        if family == distinct:
            return name
        if {label for label in family if self._indices[label][:1] == first[:1]} == distinct:
            return name + subscript(first[0])  # a row of a matrix
        if {label for label in family if self._indices[label][1:] == first[1:]} == distinct:
            return f"{name}[:,{', '.join(map(str, first[1:]))}]"
        return f"{_symbol(labels[0])}…{_symbol(labels[-1])}"


def row_of(place: int, lanes: Lanes | None) -> int:
    """The row that a member belongs to."""
    if lanes is None:
        return place
    turns, step = lanes
    return place // (turns * step) * step + place % step


def _symbol(label: str, is_matrix: bool = False) -> str:
    """A label as a textbook writes it: δ for the derivative with respect to z, a capital letter for a matrix."""
    prefix = "∂" * label.startswith("∂")
    name = label[len(prefix) :].replace("sigmoid'", "σ'").replace("[:]", "")
    letter = stem(name).strip(SUPERSCRIPTS)
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
    if sorted(rows) == list(range(min(rows), max(rows) + 1)):
        return f"{min(rows)}:{max(rows) + 1}"
    return ", ".join(map(str, rows[:6])) + ", …" * (len(rows) > 6)
