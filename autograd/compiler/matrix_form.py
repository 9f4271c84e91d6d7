"""Programs in print as a textbook writes them: δ² = (W³ᵀ δ³) ⊙ σ'(z²).

One line a class.  Names come from labels where there are any.  What is used once, in its place, and has no name that a
reader looks for, is written where it is used.  A line holds for each lane (each sample), Σ adds them up.  Where terms
are looked up in a table, Σ_4 adds 4 for each result, and Σ_1…7 adds from 1 to 7.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from autograd import ops
from autograd.compiler.classes import Array, Kind, Operand, Program, Read, Terms, reads_of
from autograd.compiler.indices import Index
from autograd.compiler.matrix_fold import folded
from autograd.compiler.matrix_lanes import lanes_of, loops_of
from autograd.compiler.matrix_names import MatrixNames, row_of
from autograd.compiler.nests import Loop
from autograd.compiler.pieces import split
from autograd.ops import Op

__all__ = ["matrix_form"]

LONGEST = 72  # characters of an expression that is written inside another one
MOST_TERMS = 8  # of a sum or a list; more are counted

# How tightly an expression binds: a part is put in parentheses where its level is not above that of its place.
_NONE, _SUM, _PRODUCT, _ATOM = range(4)  # Σ is of level _NONE
_FUNCTIONS: dict[Op, str] = {ops.sigmoid: "σ", ops.sum_of: "sum", ops.product_of: "prod", ops.select: "where"}
_COMPARISONS: dict[Op, str] = {ops.less: "<", ops.less_equal: "≤", ops.equal: "="}
_NUMERAL = re.compile(r"−?[\d.]+(e[+−]?\d+)?|−?inf|nan")


def matrix_form(program: Program) -> str:
    """The lines of a program, results last."""
    pieces, _ = split(program)
    return _Printer(pieces).text()


class _Part(NamedTuple):
    """An operand as text: one row, or a column of them."""

    text: str
    level: int = _ATOM
    rows: int = 1

    def inside(self, level: int) -> str:
        """The text as a part of an expression of this level."""
        return self.text if self.level > level or self.level == _ATOM else f"({self.text})"


class _Printer:
    def __init__(self, program: Program) -> None:
        self.program, self.arrays = program, program.arrays
        self.lanes = lanes_of(program)
        self.names = MatrixNames(program, self.lanes, _local_derivatives(program))
        self.inlined: dict[int, _Part] = {}

    def text(self) -> str:
        """All lines."""
        once = self._used_once()
        lines: list[str] = []
        for number, array in enumerate(self.arrays):
            if array.kind.is_leaf:
                continue
            write = {Kind.MAP: self._map, Kind.SUM: self._sum}.get(array.kind, self._choice)
            expression = write(number, array)._replace(rows=self.names.count(number))
            if self._is_alias(array) or (number in once and len(expression.text) <= LONGEST):
                self.inlined[number] = expression
            else:
                lines.append(f"{self.names.of(number)} = {expression.text}")
        results = dict.fromkeys([self._result(output) for output in self.program.outputs])
        return "\n".join([*self._header(), *folded(lines), f"return {_some(results)}"])

    def _is_alias(self, array: Array) -> bool:
        """Whether an array is another one, but for -0.0, of which x - (-0.0) makes 0.0."""
        if array.op is not ops.sub:
            return False
        x, y = array.operands
        return isinstance(x, Read) and x.index.is_identity and repr(y) == "-0.0"

    def _result(self, output: Operand) -> str:
        return self._part(output).text

    def _header(self) -> list[str]:
        lines = []
        for kind in (Kind.ARGUMENT, Kind.PARAMETER):
            names = [self.names.of(number) for number, array in enumerate(self.arrays) if array.kind is kind]
            lines += [f"# {kind.value}s {_some(names)}"] * bool(names)
        if any(array.batched for array in self.arrays):
            return [*lines, "# each line holds for each sample of the batch, Σ adds the samples up"]
        count = max([turns for turns, _ in self.lanes.values()], default=1)
        return lines + [f"# each line holds in each of {count} lanes, Σ adds the lanes up"] * (count > 1)

    def _used_once(self) -> set[int]:
        """The arrays that are used once, in place, and under no name that a reader looks for."""
        uses = Counter([read.array for array in self.arrays for read in reads_of(array)])
        uses.update([output.array for output in self.program.outputs if isinstance(output, Read)] * 2)
        found = set()
        for array in self.arrays:
            operands = [x for x in array.operands if isinstance(x, Read) and x.index.is_identity]
            alone = [terms.factors[0] for terms in array.terms if len(terms.factors) == 1]
            for read in [*operands, *[x for x in alone if x.index.is_one_to_one]]:
                whole = self.arrays[read.array].size == len(read.index)
                if whole and uses[read.array] == 1 and not self.names.is_looked_for(read.array):
                    found.add(read.array)
        return found

    # ---- operands --------------------------------------------------------------------------------------------------
    def _part(self, operand: Operand) -> _Part:
        """What an operand reads."""
        if not isinstance(operand, Read):
            text = f"{operand:.6g}".replace("-", "−")
            return _Part(text, _SUM if text[0] == "−" else _ATOM)
        if operand.array in self.inlined:
            return self.inlined[operand.array]
        lanes = None if self.arrays[operand.array].batched else self.lanes.get(operand.array)
        rows = dict.fromkeys([row_of(place, lanes) for place in operand.index])
        name = self.names.rows(operand.array, rows)
        return _Part(name, _SUM if name[0] == "−" else _ATOM, len(rows))

    # ---- operations ------------------------------------------------------------------------------------------------
    def _map(self, number: int, array: Array) -> _Part:
        op, operands = array.op, array.operands
        assert op is not None
        reads = [x for x in operands if isinstance(x, Read)]
        if op is ops.mul and len(reads) == 2 and not any(x.array in self.inlined for x in reads):
            terms = Terms(Index(range(array.size)), tuple(reads), array.batched)
            return self._product(number, terms)
        return _elementwise(op, list(map(self._part, operands)))

    def _sum(self, number: int, array: Array) -> _Part:
        terms = [self._terms(number, part) for part in array.terms]
        if not terms:
            return _Part("0")
        if len(terms) == 1:
            return terms[0]
        return _added([term.inside(_SUM if k else _NONE) for k, term in enumerate(terms)])

    # ---- choices ---------------------------------------------------------------------------------------------------
    def _choice(self, number: int, array: Array) -> _Part:
        """Rows of a table by their numbers, W[i], or the sums of what such rows get back."""
        chosen, other = map(self._part, array.operands)
        if array.kind is Kind.SCATTER:
            return _Part(f"scatter_add({chosen.text}, {other.text})")
        return _Part(f"{other.inside(_PRODUCT)}[{chosen.text}]")

    def _terms(self, number: int, terms: Terms) -> _Part:
        return self._total(number, terms) if len(terms.factors) == 1 else self._product(number, terms)

    def _total(self, number: int, terms: Terms) -> _Part:
        """Sums of single numbers."""
        part = self._part(terms.factors[0])
        loops = loops_of(self.program, number, terms, self.lanes)
        if loops is None:
            return _Part(f"{_counted(terms)} {part.inside(_SUM)}", _NONE)
        inner = [loop for loop in loops if not loop.strides[0]]
        over_lanes = [loop for loop in inner if self._is_lane(loop, 1, terms.factors[0].array)]
        if len(inner) > len(over_lanes):
            part = _Part(f"sum({part.text})")
        return _Part(f"Σ {part.inside(_SUM)}", _NONE) if over_lanes else part

    def _is_lane(self, loop: Loop, column: int, array: int) -> bool:
        return self.lanes.get(array) == (loop.turns, loop.strides[column])

    def _product(self, number: int, terms: Terms) -> _Part:
        """Sums of products: a matrix times a column, an outer product, a product row by row."""
        arrays = [number, *[read.array for read in terms.factors]]
        loops = loops_of(self.program, number, terms, self.lanes)
        f, g = terms.factors
        if loops is None:
            return _Part(f"{_counted(terms)} {self._part(f).text} {self._part(g).text}", _NONE)
        over_lanes = [loop for loop in loops if any(self._is_lane(loop, c, k) for c, k in enumerate(arrays))]
        rows = [loop for loop in loops if loop not in over_lanes]
        adds = any(not loop.strides[0] for loop in over_lanes)
        inner = [loop for loop in rows if not loop.strides[0]]
        left = [x for x in rows if x.strides[0] and x.strides[1] and not x.strides[2]]
        right = [x for x in rows if x.strides[0] and x.strides[2] and not x.strides[1]]
        both = [x for x in rows if x.strides[0] and x.strides[1] and x.strides[2]]
        if right and (not left or right[0].strides[0] > left[0].strides[0]):
            f, g, left, right = g, f, right, left
            rows, inner, both = [[_swapped(x) for x in group] for group in (rows, inner, both)]
            left, right = [_swapped(x) for x in left], [_swapped(x) for x in right]
        x, y = self._part(f), self._part(g)
        if inner and (both or any(not (loop.strides[1] and loop.strides[2]) for loop in inner)):
            text = _Part(f"Σ_j {x.inside(_PRODUCT)} {y.inside(_PRODUCT)}", _NONE)
        elif inner:
            text = self._matrix_product(f, g, x, y, inner[0], left, right)
        elif left and right:
            text = _Part(f"{x.inside(_PRODUCT)} {y.inside(_PRODUCT)}ᵀ", _PRODUCT)
        elif left and (self.names.is_one_row(number) or self.names.is_one_row(f.array)):
            x_transposed = _Part(x.inside(_PRODUCT) + "ᵀ", _PRODUCT)
            pair = (y, x_transposed) if self.names.is_one_row(number) else (x_transposed, y)
            text = _Part(f"{pair[0].inside(_SUM)} {pair[1].inside(_SUM)}", _PRODUCT)
        else:
            text = _times(x, y)
        return _Part(f"Σ {text.inside(_SUM)}", _NONE) if adds else text

    def _matrix_product(
        self, f: Read, g: Read, x: _Part, y: _Part, inner: Loop, left: list[Loop], right: list[Loop]
    ) -> _Part:
        """f[i, j] g[j, k], added up over j."""
        if not left:
            if self.names.is_matrix(f.array) or self.names.is_matrix(g.array):
                first, second = (x, y) if self.names.is_matrix(f.array) else (y, x)
                return _Part(f"{first.inside(_PRODUCT)} {second.inside(_PRODUCT)}", _PRODUCT)
            return _Part(f"{x.inside(_PRODUCT)} · {y.inside(_PRODUCT)}", _PRODUCT)
        first_transposed = abs(inner.strides[1]) > abs(left[0].strides[1])
        second_transposed = bool(right) and abs(inner.strides[2]) < abs(right[0].strides[2])
        return _Part(
            f"{x.inside(_PRODUCT)}{'ᵀ' * first_transposed} {y.inside(_PRODUCT)}{'ᵀ' * second_transposed}", _PRODUCT
        )


def _swapped(loop: Loop) -> Loop:
    owner, x, y = loop.strides
    return Loop(loop.turns, (owner, y, x))


def _local_derivatives(program: Program) -> dict[int, tuple[str, int]]:
    """The arrays that are op'(z): what the adjoint of op(z) is multiplied by to give that of z."""
    found: dict[int, tuple[str, int]] = {}
    adjoint_of = {of: adjoint for adjoint, of in program.adjoints.items()}
    for number, array in enumerate(program.arrays):
        if array.kind is not Kind.MAP or len(array.operands) != 1 or array.op is None:
            continue
        z = array.operands[0]
        if not isinstance(z, Read) or not z.index.is_identity or z.array not in adjoint_of:
            continue
        product, above = program.arrays[adjoint_of[z.array]], adjoint_of.get(number)
        if product.op is ops.mul and above is not None:
            pair = [x for x in product.operands if isinstance(x, Read) and x.index.is_identity]
            if len(pair) == 2 and pair[0].array == above and pair[1].array not in program.adjoints:
                found.setdefault(pair[1].array, (array.op.name, z.array))
    return found


def _counted(terms: Terms) -> str:
    """A sign for sums over a table: how many terms they have."""
    counts = set(Counter(terms.owner).values())
    fewest, most = min(counts), max(counts)
    return f"Σ_{most}" if fewest == most else f"Σ_{fewest}…{most}"


# ---- expressions -----------------------------------------------------------------------------------------------------
def _elementwise(op: Op, parts: Sequence[_Part]) -> _Part:
    """A primitive of operands that are taken row by row."""
    if op is ops.add:
        return _added([parts[0].inside(_NONE), parts[1].inside(_SUM)])
    if op is ops.sub and parts[1].text == "−0":  # that makes 0.0 of -0.0, and is no part of the formula
        return parts[0]
    if op is ops.sub:
        return _Part(f"{parts[0].inside(_NONE)} − {parts[1].inside(_SUM)}", _SUM)
    if op is ops.mul:
        return _times(*parts)
    if op is ops.div:
        return _Part(f"{parts[0].inside(_SUM)} / {parts[1].inside(_PRODUCT)}", _PRODUCT)
    if op is ops.neg:
        return _Part(f"−{parts[0].inside(_SUM)}", _SUM)
    if op is ops.constant_power:
        return _Part(f"{parts[0].inside(_PRODUCT)}^{parts[1].inside(_PRODUCT)}", _PRODUCT)
    if op in _COMPARISONS:
        return _Part(f"{parts[0].inside(_NONE)} {_COMPARISONS[op]} {parts[1].inside(_NONE)}", _SUM)
    if op is ops.identity or op is ops.detached:
        return parts[0]
    return _Part(f"{_FUNCTIONS.get(op, op.name)}({', '.join([part.text for part in parts])})")


def _times(x: _Part, y: _Part) -> _Part:
    """A product: ⊙ of two columns; else a plain number comes before a column, and a column before any other number."""
    if x.rows > 1 and y.rows > 1:
        return _Part(f"{x.inside(_PRODUCT)} ⊙ {y.inside(_PRODUCT)}", _PRODUCT)
    x, y = sorted((x, y), key=lambda part: 1 if part.rows > 1 else 2 * (not _NUMERAL.fullmatch(part.text)))
    return _Part(f"{x.inside(_PRODUCT)} {y.inside(_PRODUCT)}", _PRODUCT)


def _added(terms: Sequence[str]) -> _Part:
    shown = terms if len(terms) <= MOST_TERMS else [*terms[: MOST_TERMS - 2], f"… {len(terms) - MOST_TERMS + 2} more"]
    return _Part(" + ".join(shown), _SUM if len(terms) > 1 else _PRODUCT)


def _some(names: Iterable[str]) -> str:
    """Names in a row, not more than a line holds."""
    names = list(names)
    return ", ".join(names if len(names) <= MOST_TERMS else [*names[:6], f"… {len(names) - 6} more"])
