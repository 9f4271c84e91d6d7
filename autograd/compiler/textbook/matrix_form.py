"""Programs in print as a textbook writes them: δ² = (W³ᵀ δ³) ⊙ σ'(z²).

One line a class.  Names come from labels where there are any.  What is used once, in its place, and has no name that a
reader looks for, is written where it is used.  A line holds for each lane (each sample), Σ adds them up.  Where terms
are looked up in a table, Σ_4 adds 4 for each result, and Σ_1…7 adds from 1 to 7.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from autograd import ops
from autograd.compiler.program.classes import Array, Kind, Operand, Program, Read, Terms, reads_of
from autograd.compiler.program.indices import Index
from autograd.compiler.program.nests import Loop
from autograd.compiler.textbook.matrix_names import MatrixNames, lanes_of, loops_of, row_of
from autograd.labels import DIGITS, SUBSCRIPTS
from autograd.ops import Op
from autograd.writer import TERM_SIGN, Dialect, Level, Text

LONGEST = 72  # characters of an expression that is written inside another one
MOST_TERMS = 8  # of a sum or a list; more are counted

MATRIX = Dialect(
    {
        ops.add: " + ", ops.sub: " − ", ops.div: " / ", ops.power: "^", ops.constant_power: "^",
        ops.less: " < ", ops.less_equal: " ≤ ", ops.equal: " = ",
    },
    {"sigmoid": "σ({0})", "fsum": "sum({all})", "select": "where({all})", "largest": "max({all})"},
    sign="−",
    binding=TERM_SIGN,
)  # fmt: skip
_NUMERAL = re.compile(r"−?[\d.]+(e[+−]?\d+)?|−?inf|nan")


def matrix_form(program: Program) -> str:
    """The lines of a program, results last."""
    return _Printer(program).text()


@dataclass(slots=True)
class _Part(Text):
    """An operand as text: one row, or a column of them."""

    rows: int = 1


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
            expression = write(number, array)
            part = _Part(expression.text, expression.level, self.names.count(number))
            if self._is_alias(array) or (number in once and len(part.text) <= LONGEST):
                self.inlined[number] = part
            else:
                lines.append(f"{self.names.of(number)} = {part}")
        results = dict.fromkeys([self._result(output) for output in self.program.outputs])
        return "\n".join([*self._header(), *folded(lines), f"return {_some(results)}"])

    def _is_alias(self, array: Array) -> bool:
        """Whether an array is a copy of another one: x - (-0.0), which differs from x only where x is -0.0."""
        if array.op is not ops.sub:
            return False
        x, y = array.operands
        return isinstance(x, Read) and x.index.is_identity and repr(y) == "-0.0"

    def _result(self, output: Operand) -> str:
        return self._part(output).text

    def _header(self) -> list[str]:
        lines = []
        for kind in (Kind.ARGUMENT, Kind.PARAMETER):
            found = [(array, number) for number, array in enumerate(self.arrays) if array.kind is kind]
            if kind is Kind.ARGUMENT:  # in the order of the signature, not in that of the first use
                found.sort(key=lambda of: min(of[0].data, default=0))
            names = [self.names.of(number) for _, number in found]
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
            return _part(MATRIX.number(f"{operand:.6g}".replace("-", "−")))
        if operand.array in self.inlined:
            return self.inlined[operand.array]
        lanes = None if self.arrays[operand.array].batched else self.lanes.get(operand.array)
        rows = dict.fromkeys([row_of(place, lanes) for place in operand.index])
        return _part(MATRIX.number(self.names.rows(operand.array, rows)), len(rows))

    # ---- operations ------------------------------------------------------------------------------------------------
    def _map(self, number: int, array: Array) -> Text:
        op, operands = array.op, array.operands
        assert op is not None
        reads = [x for x in operands if isinstance(x, Read)]
        if op is ops.mul and len(reads) == 2 and not any(x.array in self.inlined for x in reads):
            terms = Terms(Index(range(array.size)), tuple(reads), array.batched)
            return self._product(number, terms)
        return _elementwise(op, list(map(self._part, operands)))

    def _sum(self, number: int, array: Array) -> Text:
        if array.op is ops.largest:
            terms: list[Text] = [self._part(part.factors[0]) for part in array.terms]
        else:
            terms = [self._terms(number, part) for part in array.terms] or [Text("0")]
        if len(terms) > MOST_TERMS:
            terms = [*terms[: MOST_TERMS - 2], Text(f"… {len(terms) - MOST_TERMS + 2} more")]
        return MATRIX.operation(ops.largest, terms) if array.op is ops.largest else MATRIX.infix(ops.add, terms)

    # ---- choices ---------------------------------------------------------------------------------------------------
    def _choice(self, number: int, array: Array) -> Text:
        """Rows of a table by their numbers, W[i], or the sums of what such rows get back."""
        chosen, other = map(self._part, array.operands)
        return Text(f"scatter_add({chosen}, {other})" if array.kind is Kind.SCATTER else f"{other:ATOM}[{chosen}]")

    def _terms(self, number: int, terms: Terms) -> Text:
        return self._total(number, terms) if len(terms.factors) == 1 else self._product(number, terms)

    def _total(self, number: int, terms: Terms) -> Text:
        """Sums of single numbers."""
        part = self._part(terms.factors[0])
        loops = loops_of(self.program, number, terms, self.lanes)
        if loops is None:
            return Text(f"{_counted(terms)} {part:PRODUCT}", Level.OPEN)
        inner = [loop for loop in loops if not loop.strides[0]]
        over_lanes = [loop for loop in inner if self._is_lane(loop, 1, terms.factors[0].array)]
        over_rows = [loop for loop in inner if loop not in over_lanes]
        if any(loop.strides[1] for loop in over_rows):
            part = _Part(f"sum({part})")
        times = prod([loop.turns for loop in over_rows if not loop.strides[1]])  # b + b is 2 b
        if times > 1:
            part = _part(_beside(Text(str(times)), part), part.rows)
        return Text(f"Σ {part:PRODUCT}", Level.OPEN) if over_lanes else part

    def _is_lane(self, loop: Loop, column: int, array: int) -> bool:
        return self.lanes.get(array) == (loop.turns, loop.strides[column])

    def _product(self, number: int, terms: Terms) -> Text:
        """Sums of products: a matrix times a column, an outer product, a product row by row."""
        arrays = [number, *[read.array for read in terms.factors]]
        loops = loops_of(self.program, number, terms, self.lanes)
        f, g = terms.factors
        if loops is None:
            return Text(f"{_counted(terms)} {_beside(self._part(f), self._part(g))}", Level.OPEN)
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
            text = Text(f"Σ_j {_beside(x, y)}", Level.OPEN)
        elif inner:
            text = self._matrix_product(f, g, x, y, inner[0], left, right)
        elif left and right:
            text = _beside(x, _transposed(y))
        elif left and self.names.is_one_row(number) != self.names.is_one_row(f.array):
            text = _beside(y, _transposed(x)) if self.names.is_one_row(number) else _beside(_transposed(x), y)
        else:
            text = _times(x, y)
        return Text(f"Σ {text:PRODUCT}", Level.OPEN) if adds else text

    def _matrix_product(
        self, f: Read, g: Read, x: Text, y: Text, inner: Loop, left: list[Loop], right: list[Loop]
    ) -> Text:
        """f[i, j] g[j, k], added up over j."""
        if not left:
            if self.names.is_matrix(f.array) != self.names.is_matrix(g.array):
                return _beside(x, y) if self.names.is_matrix(f.array) else _beside(y, x)
            return _beside(x, y, " · ")
        if abs(inner.strides[1]) > abs(left[0].strides[1]):
            x = _transposed(x)
        if right and abs(inner.strides[2]) < abs(right[0].strides[2]):
            y = _transposed(y)
        return _beside(x, y)


def _swapped(loop: Loop) -> Loop:
    owner, x, y = loop.strides
    return Loop(loop.turns, (owner, y, x))


def _local_derivatives(program: Program) -> dict[int, tuple[str, int]]:
    """The arrays that are op'(z), the factor between the adjoints of op(z) and of z."""
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
    """The sign for sums over a table, with the number of their terms."""
    counts = set(Counter(terms.owner).values())
    fewest, most = min(counts), max(counts)
    return f"Σ_{most}" if fewest == most else f"Σ_{fewest}…{most}"


# ---- expressions -----------------------------------------------------------------------------------------------------
def _part(text: Text, rows: int = 1) -> _Part:
    return _Part(text.text, text.level, rows)


def _elementwise(op: Op, parts: Sequence[_Part]) -> Text:
    """A primitive of operands that are taken row by row."""
    if op is ops.sub and parts[1].text == "−0":  # that makes 0.0 of -0.0, and is no part of the formula
        return parts[0]
    if op is ops.mul:
        return _times(*parts)
    if op is ops.identity or op is ops.detached:
        return parts[0]
    return MATRIX.operation(op, parts)


def _times(x: _Part, y: _Part) -> Text:
    """A product: two columns with ⊙ between them; else a plain number first, then a column, then any other number."""
    if x.rows > 1 and y.rows > 1:
        return _beside(x, y, " ⊙ ")
    x, y = sorted((x, y), key=lambda part: 1 if part.rows > 1 else 2 * (not _NUMERAL.fullmatch(part.text)))
    return _beside(x, y)


def _beside(x: Text, y: Text, sign: str = " ") -> Text:
    """A product of matrices, columns or numbers.  A product inside keeps its brackets, which say what comes first."""
    return Text(f"{x:POWER}{sign}{y:POWER}", Level.PRODUCT)


def _transposed(x: Text) -> Text:
    return Text(f"{x:ATOM}ᵀ", Level.POWER)


def _some(names: Iterable[str]) -> str:
    """Names in a row, not more than a line holds."""
    names = list(names)
    return ", ".join(names if len(names) <= MOST_TERMS else [*names[:6], f"… {len(names) - 6} more"])


# ---- lines that repeat -----------------------------------------------------------------------------------------------
FEWEST = 3  # repetitions that make a loop
LONGEST_STEP = 24  # lines of a step of a recurrence

_LETTER = rf"[xptc](?=\d)|[^\W\d{SUBSCRIPTS}]+(?=[{SUBSCRIPTS}])"  # x in x12, t in t₁₂
_NUMBERED = re.compile(rf"(?<![^\W\d])({_LETTER})(\d+|[{SUBSCRIPTS}]+)(?!\w)")


def folded(lines: Sequence[str]) -> list[str]:
    """Lines with their repetitions, step after step of a recurrence, written once.

    >>> print("\\n".join(folded([f"t{k + 1} = tanh(p1 t{k} + x{k})" for k in range(1, 60)])))
    for k = 0 … 58:
        t[k + 2] = tanh(p1 t[k + 1] + x[k + 1])
    """
    texts = [_NUMBERED.sub(r"\1", line) for line in lines]
    numbers = [[int(found[2].translate(DIGITS)) for found in _NUMBERED.finditer(line)] for line in lines]
    result: list[str] = []
    at = 0
    while at < len(lines):
        best = 0, 0, 0  # lines saved, lines of a step, repetitions
        for step in range(1, min(LONGEST_STEP, (len(lines) - at) // FEWEST) + 1):
            times = _repetitions(texts, numbers, at, step)
            if times >= FEWEST:
                best = max(best, (step * (times - 1), -step, times))
        saved, step, times = best[0], -best[1], best[2]
        if not saved:
            result.append(lines[at])
            at += 1
            continue
        result.append(f"for k = 0 … {times - 1}:")
        for k in range(at, at + step):
            result.append("    " + _template(lines[k], numbers[k], numbers[k + step]))
        at += step * times
    return result


def _repetitions(texts: Sequence[str], numbers: Sequence[Sequence[int]], at: int, step: int) -> int:
    """How many times the next lines come again, all numbers in them going on by the same steps."""
    times = 1
    while at + (times + 1) * step <= len(texts):
        for k in range(at, at + step):
            last, new = k + (times - 1) * step, k + times * step
            if texts[new] != texts[k] or any(
                z - y != b - a for a, b, y, z in zip(numbers[k], numbers[k + step], numbers[last], numbers[new])
            ):
                return times
        times += 1
    return times


def _template(line: str, now: Sequence[int], then: Sequence[int]) -> str:
    """A line for any k."""
    pairs = iter(zip(now, then))

    def numbered(match: re.Match[str]) -> str:
        first, second = next(pairs)
        step = second - first
        if step == 0:
            return match[0]
        many = "k" if abs(step) == 1 else f"{abs(step)}k"
        return f"{match[1]}[{many} + {first}]" if step > 0 else f"{match[1]}[{first} − {many}]"

    return _NUMBERED.sub(numbered, line)
