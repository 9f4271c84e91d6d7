"""Printing array programs as a textbook writes them: δ² = (W³ᵀ δ³) ⊙ σ'(z²).

One line per step.  Names come from the labels of the rows (see ``names``).  What is used once, in one place, and has no
name that a reader looks for, is written where it is used.  A line holds for each lane (each sample), Σ adds them up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from autograd import ops
from autograd.compiler.names import Names
from autograd.compiler.program import DOT
from autograd.ops import Op

if TYPE_CHECKING:
    from autograd.compiler.arrays import ArrayProgram, Step, View

__all__ = ["matrix_form"]

LONGEST = 72  # characters of an expression that is written inside another one
MOST_TERMS = 8  # of a sum or a list; more are counted

# How tightly an expression binds: a part is put in parentheses where its level is not above that of its place.
_NONE, _SUM, _PRODUCT, _ATOM = range(4)  # Σ is of level _NONE
_FUNCTIONS: dict[Op, str] = {ops.sigmoid: "σ", ops.sum_of: "sum", ops.product_of: "prod", ops.select: "where"}
_COMPARISONS: dict[Op, str] = {ops.less: "<", ops.less_equal: "≤", ops.equal: "="}
_NUMERAL = re.compile(r"−?[\d.]+(e[+−]?\d+)?|−?inf|nan")
_OVER_OPERANDS = (ops.sum_of, ops.product_of, ops.log_sum_exp)


def matrix_form(program: ArrayProgram) -> str:
    """The lines of an array program, results last."""
    return _Printer(program).text()


class _Part(NamedTuple):
    """An operand as text: one row, or a column of them (``rows`` > 1), uniform or over lanes."""

    text: str
    level: int = _ATOM
    rows: int = 1
    lanes: int = 1

    def inside(self, level: int) -> str:
        """The text as a part of an expression of this level."""
        return self.text if self.level > level or self.level == _ATOM else f"({self.text})"


class _Printer:
    def __init__(self, program: ArrayProgram) -> None:
        self.arrays, self.steps, self.outputs = program
        self.names = Names(program)
        self.inlined: dict[int, _Part] = {}

    def text(self) -> str:
        """All lines."""
        lines = self._header()
        once = self._used_once()
        for step in self.steps:
            target = step.target
            if step.kind == "gather":
                if not self.names.is_looked_for(target):
                    lines.append(
                        f"{self.names.of(target)} = [{_some([self.names.row(*place) for place in step.rows])}]"
                    )
                continue
            array = self.arrays[target]
            expression = self._expression(step)._replace(rows=array.rows, lanes=array.lanes)
            if target in once and len(expression.text) <= LONGEST:
                self.inlined[target] = expression
            else:
                lines.append(f"{self.names.of(target)} = {expression.text}")
        results = dict.fromkeys([self.names.of(array) for array, _ in self.outputs])
        return "\n".join([*lines, f"return {', '.join(results)}"])

    def _header(self) -> list[str]:
        lines = []
        for kind in ("argument", "parameter"):
            arrays = [i for i, array in enumerate(self.arrays) if array.kind == kind]
            names = [name for i in arrays for name in self.names.contents(i)]
            lines += [f"# {kind}s {_some(names)}"] * bool(names)
        lanes = max([array.lanes for array in self.arrays], default=1)
        return lines + [f"# each line holds in each of {lanes} lanes, Σ adds the lanes up"] * (lanes > 1)

    # ---- what is written where it is used --------------------------------------------------------------------------
    def _used_once(self) -> set[int]:
        """The arrays that are used once, row by row in order, and under no name of their own."""
        uses = [0] * len(self.arrays)
        for array, _ in [*self.outputs, *[place for step in self.steps for place in step.rows]]:
            uses[array] += 2
        in_order = set()
        for step in self.steps:
            for view in step.operands:
                uses[view.array] += 1
                if self._reads_in_order(view, step):
                    in_order.add(view.array)
        return {i for i in in_order if uses[i] == 1 and not self.names.is_looked_for(i)}

    def _reads_in_order(self, view: View, step: Step) -> bool:
        if step.kind == "product" or step.op is DOT:
            return False
        rows, ni, nj = self.arrays[view.array].rows, step.ni, step.nj
        steps = (nj if ni > 1 else 0, 1 if nj > 1 else 0)
        return rows == 1 or (rows == ni * nj and view.start == 0 and (view.step_i, view.step_j) == steps)

    # ---- operands --------------------------------------------------------------------------------------------------
    def _part(self, view: View, ni: int, nj: int = 1) -> _Part:
        """What a view reads."""
        if view.array in self.inlined:
            return self.inlined[view.array]
        rows = [view.start + i * view.step_i + j * view.step_j for i in range(ni) for j in range(nj)]
        name = self.names.rows(view.array, rows)
        count = len(set(rows))
        if count > 1 and self._is_transposed(view, ni, nj):
            name += "ᵀ"
        return _Part(name, _SUM if name[0] == "−" else _ATOM, count, self.arrays[view.array].lanes)

    def _is_transposed(self, view: View, ni: int, nj: int) -> bool:
        """Whether rows are read along the second index where a matrix is read along the first."""
        first, *_ = here = self.names.indices(view.array, view.start)
        if len(here) < 2:
            return 0 < view.step_i < view.step_j and ni > 1 and nj > 1
        if view.step_i and ni > 1:
            return self.names.indices(view.array, view.start + view.step_i)[0] == first
        return self.names.indices(view.array, view.start + view.step_j)[-1] == here[-1]

    def _together(self, views: Sequence[View]) -> str:
        """What single rows are called together; empty if they are only a list."""
        return self.names.together([(view.array, view.start) for view in views])

    def _list(self, views: Sequence[View]) -> str:
        return self._together(views) or f"[{_some([self._part(view, 1).text for view in views])}]"

    def _indexed(self, view: View) -> str:
        """A view with its indices written out."""
        if not view.step_i and not view.step_j:
            return self.names.row(view.array, view.start)
        steps = ((view.step_i, "i"), (view.step_j, "j"))
        terms = [letter if step == 1 else f"{step} {letter}" for step, letter in steps if step]
        return f"{self.names.of(view.array)}[{' + '.join([str(view.start)] * bool(view.start) + terms)}]"

    # ---- steps -----------------------------------------------------------------------------------------------------
    def _expression(self, step: Step) -> _Part:
        """The right-hand side of a step."""
        if step.kind == "product":
            return self._product(step)
        if step.kind == "reduce":
            part = self._outer(step) if step.op is DOT else self._part(step.operands[0], step.ni, step.nj)
            return _Part(f"Σ {part.inside(_SUM)}", _NONE)
        if step.op in _OVER_OPERANDS and step.ni == step.nj == 1 and (rows := self._together(step.operands)):
            return _Part(f"{_FUNCTIONS.get(step.op, step.op.name)}({rows})")
        if step.op is ops.sum_of_products and (matrix := self._few_columns(step)):
            return matrix
        if step.nj == 1:
            return _elementwise(step.op, [self._part(view, step.ni) for view in step.operands])
        return self._on_a_grid(step)

    def _product(self, step: Step) -> _Part:
        """out[i] = Σ_j p[i, j] q[i, j] (+ s[i])."""
        p, q, *start = step.operands
        ni, nj = step.ni, step.nj
        if p.step_i and q.step_i and ni > 1:
            return _sum([f"Σ_j {self._indexed(p)} {self._indexed(q)}", *map(self._indexed, start)])
        if q.step_i and ni > 1:
            p, q = q, p
        matrix, column = self._part(p, ni, nj), self._part(q, 1, nj)
        if matrix.rows == 1 or column.rows == 1:
            product = f"sum({_times(matrix, column).text})"
        else:
            dot = "" if ni > 1 or len(self.names.indices(p.array, p.start)) > 1 else "· "
            product = f"{matrix.text} {dot}{column.text}"
        return _sum([product, *[self._part(s, ni).inside(_NONE) for s in start]])

    def _few_columns(self, step: Step) -> _Part | None:
        """A matrix of few columns times a column, which is written term by term."""
        p, q, start = ops.factors(step.operands)
        gaps = {y.start - x.start for x, y in pairwise(p)}
        is_matrix = len({(x.array, x.step_i) for x in p}) == 1 and len(gaps) == 1 and 0 not in gaps
        is_column = not any(x.step_i for x in q) and len({(x.array, x.start) for x in q}) == len(q)
        if not (is_matrix and is_column and step.nj == 1):
            return None
        if step.ni == 1 and len(self.names.indices(p[0].array, p[0].start)) < 2:
            return None
        matrix = self._part(p[0]._replace(step_j=gaps.pop()), step.ni, len(q))
        return _sum([f"{matrix.text} {self._list(q)}", *[self._part(s, step.ni).inside(_NONE) for s in start]])

    def _outer(self, step: Step) -> _Part:
        """The products of every row of one array with every row of another, or of their rows in pairs."""
        x, y = step.operands
        if step.nj == 1 and (y.step_i or step.ni == 1):
            return _times(self._part(x, step.ni), self._part(y, step.ni))
        if x.step_j or y.step_i:
            return _Part(f"{self._indexed(x)} {self._indexed(y)}", _PRODUCT)
        left, right = self._part(x, step.ni), self._part(y, 1, step.nj)
        return _Part(f"{left.text} {right.text}" + "ᵀ" * (right.rows > 1 or step.nj > 1), _PRODUCT)

    def _on_a_grid(self, step: Step) -> _Part:
        """A step over (i, j): element by element, or an outer product, or with its indices."""
        views = step.operands
        along = [(bool(view.step_i), bool(view.step_j)) for view in views]
        if all(i is j for i, j in along):
            return _elementwise(step.op, [self._part(view, step.ni, step.nj) for view in views])
        if step.op is ops.mul and sorted(along) == [(False, True), (True, False)]:
            return self._outer(step if along[0] == (True, False) else step._replace(operands=views[::-1]))
        return _elementwise(step.op, [_Part(self._indexed(view)) for view in views])


# ---- expressions -----------------------------------------------------------------------------------------------------
def _elementwise(op: Op, parts: Sequence[_Part]) -> _Part:
    """A primitive of operands that are taken row by row."""
    if op is ops.add or op is ops.sum_of:
        return _sum([parts[0].inside(_NONE), *[part.inside(_SUM) for part in parts[1:]]])
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
    if op is ops.sum_of_products:
        ps, qs, start = ops.factors(parts)
        return _sum([*[_times(*pair).text for pair in zip(ps, qs)], *[part.inside(_SUM) for part in start]])
    if op is ops.constant_power:
        return _Part(f"{parts[0].inside(_PRODUCT)}^{parts[1].inside(_PRODUCT)}", _PRODUCT)
    if op in _COMPARISONS:
        return _Part(f"{parts[0].inside(_NONE)} {_COMPARISONS[op]} {parts[1].inside(_NONE)}", _SUM)
    return _Part(f"{_FUNCTIONS.get(op, op.name)}({', '.join([part.text for part in parts])})")


def _times(x: _Part, y: _Part) -> _Part:
    """A product: ⊙ of two columns; else a plain number comes before a column, and a column before any other number."""
    if x.rows > 1 and y.rows > 1:
        return _Part(f"{x.inside(_PRODUCT)} ⊙ {y.inside(_PRODUCT)}", _PRODUCT)
    x, y = sorted((x, y), key=lambda part: 1 if part.rows > 1 else 2 * (not _NUMERAL.fullmatch(part.text)))
    return _Part(f"{x.inside(_PRODUCT)} {y.inside(_PRODUCT)}", _PRODUCT)


def _sum(terms: Sequence[str]) -> _Part:
    shown = terms if len(terms) <= MOST_TERMS else [*terms[: MOST_TERMS - 2], f"… {len(terms) - MOST_TERMS + 2} more"]
    return _Part(" + ".join(shown), _SUM if len(terms) > 1 else _PRODUCT)


def _some(names: Iterable[str]) -> str:
    """Names in a row, not more than a line holds."""
    names = list(names)
    return ", ".join(names if len(names) <= MOST_TERMS else [*names[:6], f"… {len(names) - 6} more"])
