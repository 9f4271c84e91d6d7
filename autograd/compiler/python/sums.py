"""Sums and choices in Python: by slices where the terms are a grid, by tables of places where they are not.

few terms            z = [v * x + w * y for x, y in zip(xs, ys)]
a grid               z = [sumprod(w, x) for w in w_rows for x in x_columns]
other sums           z = sums(map(mul, take(w, places1), take(x, places2)), places3)
rows of a table      x = gathered(w, tokens, range(16), 16, 27)
the adjoint          d_w = scattered(d_x, tokens, range(16), 16, 27, 432)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice, product
from math import prod

from autograd.compiler.program import nests
from autograd.compiler.program.classes import Kind, Operand, Read, Terms, choice_of
from autograd.compiler.program.indices import loops, taken
from autograd.compiler.python.lines import Lines, Loop, added, product_of
from autograd.compiler.python.walks import Walk, letters, range_text, refined, slice_of
from autograd.writer import Text

FEW = 3  # terms are written with plus signs


def sum_text(lines: Lines, number: int) -> str:
    """The right-hand side of a sum: a number, or a list of numbers."""
    array, length = lines.arrays[number], lines.length(number)
    if not array.terms:
        return "0.0" if length == 1 else f"[0.0] * {length}"
    if array.op is not None:
        return _exactly(lines, number)
    few: list[list[Walk | Read]] = []  # products, member by member
    grids: list[_Grid] = []
    others: list[str] = []
    for terms in array.terms:
        over_batch = terms.batched and lines.batch > 1
        if length == 1 and len(terms.owner) == 1 and not over_batch:
            few.append(list(terms.factors))
            continue
        grid = _grid(lines, number, terms)
        if grid is not None and prod([loop.turns for loop in grid.inner]) <= FEW:
            few += grid.unrolled()
        elif array.exact:
            return _exactly(lines, number)
        elif grid is not None and grid.slices is not None:
            grids.append(grid)
        else:
            others.append(_gathered(lines, number, terms))
    if len(grids) == 1 and not others and (text := grids[0].text(few)):
        return text
    loop = Loop(lines.names, length)
    summed = [*[grid.text(()) for grid in grids], *others]
    terms_of_one = [Text(text if length == 1 else loop.element(text, "t")) for text in summed]
    terms_of_one += [product_of([_factor(lines, loop, factor) for factor in factors]) for factors in few]
    if array.exact:
        return loop.text(Text(f"fsum({', '.join([term.text for term in terms_of_one])})"))
    if length > 1 and len(summed) == 1 and not few:
        return summed[0]
    return loop.text(added(terms_of_one))


def _factor(lines: Lines, loop: Loop, factor: Walk | Operand) -> Text:
    return lines.element(loop, factor) if isinstance(factor, Walk) else lines.operand(loop, factor, False)


# ---- any terms -------------------------------------------------------------------------------------------------------
def _columns(lines: Lines, number: int, terms: Terms) -> list[Sequence[int]]:
    """The places of owners and factors in the lists of numbers, term by term."""
    batched = terms.batched or lines.arrays[number].batched
    places = [terms.owner, *[read.index for read in terms.factors]]
    arrays = [number, *[read.array for read in terms.factors]]
    return [lines.spread(array, column, batched) for array, column in zip(arrays, places)]


def _products(lines: Lines, terms: Terms, columns: Sequence[Sequence[int]]) -> str:
    """An expression for the products, one term after the other."""
    texts = [_column(lines, read.array, places) for read, places in zip(terms.factors, columns)]
    return texts[0] if len(texts) == 1 else f"map(mul, {texts[0]}, {texts[1]})"


def _gathered(lines: Lines, number: int, terms: Terms) -> str:
    """Terms in the order of their owners, and how many each has."""
    owner, *factors = _columns(lines, number, terms)
    order = sorted(range(len(owner)), key=owner.__getitem__)
    products = _products(lines, terms, [taken(places, order) for places in factors])
    if lines.length(number) == 1:
        return f"sum({products})"
    return f"sums({products}, {_counts(lines, number, owner)})"


def _exactly(lines: Lines, number: int) -> str:
    """Sums that are rounded once, or the largest of some numbers: all terms of a member stand together."""
    owners: list[int] = []
    texts = []
    for terms in lines.arrays[number].terms:
        owner, *factors = _columns(lines, number, terms)
        owners += owner
        texts.append(_products(lines, terms, factors))
    order = sorted(range(len(owners)), key=owners.__getitem__)
    everything = texts[0] if len(texts) == 1 else f"[{', '.join(['*' + text for text in texts])}]"
    if order != list(range(len(order))):
        everything = everything if everything[0] == "[" else f"list({everything})"
        everything = f"take({everything}, {lines.table(order)})"
    together, each = ("max", "largest") if lines.arrays[number].op else ("fsum", "exact_sums")
    if lines.length(number) == 1:
        return f"{together}(*{everything})" if together == "fsum" else f"{together}({everything})"
    return f"{each}({everything}, {_counts(lines, number, owners)})"


def _counts(lines: Lines, number: int, owner: Sequence[int]) -> str:
    found = Counter(owner)
    counts = [found[member] for member in range(lines.length(number))]
    return f"[{counts[0]}] * {len(counts)}" if len(set(counts)) == 1 else lines.table(counts)


def _column(lines: Lines, array: int, places: Sequence[int]) -> str:
    """The numbers of an array at some places, as a list."""
    walk = lines.walk(array, places)
    if walk.is_uniform:
        return f"[{walk.element()}]" + (f" * {len(places)}" if len(places) > 1 else "")
    return lines.column(str(walk), f"{walk.name}_taken")


# ---- terms that form a grid ------------------------------------------------------------------------------------------
def _grid(lines: Lines, number: int, terms: Terms) -> _Grid | None:
    """The loops of the terms, if those over members run through all of them in order."""
    batched = terms.batched or lines.arrays[number].batched
    places = [terms.owner, *[read.index for read in terms.factors]]
    arrays = [number, *[read.array for read in terms.factors]]
    columns = [nests.Column(column, 0, lines.scale(array)) for array, column in zip(arrays, places)]
    nest = nests.nest_of(columns, lines.batch if batched else 1)
    if nest.ragged:
        return None
    loops = [loop for loop in nest.loops if loop.turns > 1]
    starts = nest.blocks[0][1]
    outer = sorted([loop for loop in loops if loop.strides[0]], key=lambda loop: -loop.strides[0])
    size = 1
    for loop in reversed(outer):
        if loop.strides[0] != size:
            return None
        size *= loop.turns
    if starts[0] or size != lines.length(number):
        return None
    inner = sorted([loop for loop in loops if not loop.strides[0]], key=lambda loop: loop.turns)
    return _Grid(lines, arrays[1:], starts[1:], outer, inner)


class _Grid:
    """Sums in nested loops.

    Attributes:
        outer: The loops over members, from the outside in.
        inner: Those over the terms of one sum, the longest last.
        slices: The number of the inner loop that slices of all factors run through; None if none does.
    """

    def __init__(
        self,
        lines: Lines,
        factors: Sequence[int],
        starts: Sequence[int],
        outer: Sequence[nests.Loop],
        inner: Sequence[nests.Loop],
    ) -> None:
        self.lines, self.outer, self.inner = lines, outer, inner
        self.walks = [
            Walk(lines.variable(factor), size if (size := lines.length(factor)) > 1 else 0, start, ())
            for factor, start in zip(factors, starts)
        ]
        able = [k for k, loop in enumerate(inner) if min(loop.strides[1:]) > 0]
        self.slices = able[-1] if able else None

    def unrolled(self) -> list[list[Walk | Read]]:
        """For each term of a sum its factors as ways through all members."""
        found: list[list[Walk | Read]] = []
        for turns in product(*[range(loop.turns) for loop in self.inner]):
            factors: list[Walk | Read] = []
            for c, walk in enumerate(self.walks):
                start = walk.start + sum([turn * loop.strides[c + 1] for turn, loop in zip(turns, self.inner)])
                loops = tuple([(loop.turns, loop.strides[c + 1]) for loop in self.outer])
                factors.append(walk._replace(start=start, loops=_joined(loops)))
            found.append(factors)
        return found

    def text(self, few: Sequence[Sequence[Walk | Read]]) -> str:
        """The sums, with further terms; empty if these do not run in the same loops."""
        assert self.slices is not None
        turns = [loop.turns for loop in self.outer]
        clauses = _Clauses(self.lines, turns)
        sliced = self.inner[self.slices]
        others = [loop for k, loop in enumerate(self.inner) if k != self.slices]
        counters = list(islice(letters(self.lines.names.taken, "stuvw"), len(others)))
        factors = []
        for c, walk in enumerate(self.walks):
            steps = [loop.strides[c + 1] for loop in self.outer]
            moves = [(loop.strides[c + 1], letter) for loop, letter in zip(others, counters)]
            inside = [_multiple(step, letter) for step, letter in moves if step]
            factors.append(clauses.factor(walk, steps, sliced.turns, sliced.strides[c + 1], inside))
        total = f"sum({factors[0]})" if len(factors) == 1 else f"sumprod({factors[0]}, {factors[1]})"
        if others:
            ranges = [f"for {letter} in range({loop.turns})" for letter, loop in zip(counters, others)]
            total = f"sum([{total} {' '.join(ranges)}])"
        terms = [Text(total)]
        loop = Loop(self.lines.names, 1)
        for walks in few:
            parts = []
            for one in walks:
                if isinstance(one, Read) or one.is_uniform:
                    parts.append(_factor(self.lines, loop, one))
                elif (steps_found := refined(one, turns)) is not None:
                    parts.append(Text(clauses.factor(one, steps_found, 0, 0, [])))
                else:
                    return ""
            terms.append(product_of(parts))
        text = added(terms).text
        return f"[{text} {clauses.text()}]" if self.outer else text


class _Clauses:
    """The loops over members, such as ``for w in w_rows for i, x in zip(range(9), xs)``, and their variables."""

    def __init__(self, lines: Lines, turns: Sequence[int]) -> None:
        self.lines = lines
        self.turns = turns
        self.elements: list[dict[str, str]] = [{} for _ in turns]  # for each loop what it runs over, by name
        self.letters = list(islice(letters(lines.names.taken), len(turns)))

    def factor(self, walk: Walk, steps: Sequence[int], count: int, width: int, inside: Sequence[str]) -> str:
        """A slice of ``count`` numbers, or one number if ``count`` is 0, that moves along with the loops."""
        lines = self.lines
        moving = [k for k, step in enumerate(steps) if step]
        if not moving and not inside:
            text = slice_of(walk, "", count, width) if count else walk.element()
            return lines.column(text, f"{walk.name}_part")
        if len(moving) == 1 and not inside:
            (k,) = moving
            moved = walk._replace(loops=((self.turns[k], steps[k]),))
            if not count:
                return self._element(k, str(moved), walk.name)
            end = walk.start + self.turns[k] * steps[k]
            letter = next(letters({walk.name}))
            row = slice_of(walk._replace(start=0), letter, count, width)
            rows = f"[{row} for {letter} in {range_text(walk.start, end, steps[k])}]"
            name = f"{walk.name}_{'rows' if width == 1 else 'columns'}"
            return self._element(k, lines.column(rows, name), walk.name)
        for k in moving:
            self.elements[k].setdefault(self.letters[k], f"range({self.turns[k]})")
        offset = " + ".join([*[_multiple(steps[k], self.letters[k]) for k in moving], *inside])
        if count:
            return slice_of(walk, offset, count, width)
        return f"{walk.name}[{offset}{f' + {walk.start}' if walk.start else ''}]"

    def _element(self, k: int, column: str, name: str) -> str:
        for element, known in self.elements[k].items():
            if known == column:
                return element
        used = [*self.letters, *[element for elements in self.elements for element in elements]]
        element = self.lines.names.element(name, used)
        self.elements[k][element] = column
        return element

    def text(self) -> str:
        """The clauses."""
        clauses = []
        for turns, elements in zip(self.turns, self.elements):
            columns = list(elements.values()) or [f"range({turns})"]
            source = columns[0] if len(columns) == 1 else f"zip({', '.join(columns)})"
            clauses.append(f"for {', '.join(elements) or '_'} in {source}")
        return " ".join(clauses)


def _multiple(step: int, letter: str) -> str:
    return letter if step == 1 else f"{step} * {letter}"


def _joined(loops: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Two loops that go on without a jump as one."""
    result: list[tuple[int, int]] = []
    for turns, step in reversed(loops):
        if result and step == result[0][0] * result[0][1]:
            result[0] = turns * result[0][0], result[0][1]
        else:
            result.insert(0, (turns, step))
    return tuple(result)


# ---- choices at run time ---------------------------------------------------------------------------------------------
def choice_text(lines: Lines, number: int) -> str:
    """The right-hand side of a GATHER or a SCATTER: a number, or a list of numbers."""
    array, choice = lines.arrays[number], choice_of(lines.arrays[number])
    other = array.operands[1]
    assert isinstance(other, Read)
    size, scatter = len(choice.chosen.index), array.kind is Kind.SCATTER
    target = number if scatter else other.array
    batched = max(map(lines.scale, (number, choice.chosen.array, other.array))) > 1
    first = choice.places.places[:size]
    step = (choice.places.places[size] - first[0]) * lines.scale(target)
    places = list(lines.spread(target, first, batched))
    dims = loops(places) if len(places) > 1 else ((1, 1),)
    if dims is not None and len(dims) == 1 and dims[0][1]:
        where = range_text(places[0], places[0] + dims[0][0] * dims[0][1], dims[0][1])
    else:
        where = lines.table(places)
    reads = [choice.chosen, other] if scatter else [choice.chosen]
    chosen, *sent = [_column(lines, x.array, lines.spread(x.array, x.index, batched)) for x in reads]
    source = sent[0] if scatter else lines.variable(target)
    function = "scattered" if scatter else "gathered"
    length = [str(lines.length(number))] if scatter else []
    text = f"{function}({', '.join([source, chosen, where, str(step), str(choice.count), *length])})"
    return text if lines.length(number) > 1 else f"{text}[0]"
