"""Printing array programs as a textbook writes them: δ² = (W³ᵀ δ³) ⊙ σ'(z²).

One line per step.  Names come from the labels of the rows: an array whose rows are w²₁₁, w²₁₂, … is W², one whose rows
are the derivatives by z²₁, z²₂, … is δ².  An array without a name that is used once is written where it is used.
Every line holds for each lane (each sample); Σ adds the lanes up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from autograd import ops
from autograd.compiler.labels import indices, stem
from autograd.compiler.program import DOT
from autograd.ops import Op

if TYPE_CHECKING:
    from autograd.compiler.arrays import ArrayProgram, Step, View

__all__ = ["matrix_form"]

LONGEST = 72  # characters of an expression that is written inside another one

# How tightly an expression binds: a part is put in parentheses where its level is not above that of its place.
_SUM, _PRODUCT, _SIGN, _ATOM = range(4)
_FUNCTIONS = {ops.sigmoid: "σ"}
_INFIX = {ops.less: "<", ops.less_equal: "≤", ops.equal: "="}
_LEAVES = {"argument": "x", "parameter": "p", "constant": "c", "computed": "t"}


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
        self.families = self._families()
        self.names = self._names()
        self.inlined: dict[int, _Part] = {}

    def text(self) -> str:
        """All lines."""
        lines = self._header()
        once = self._used_once()
        for step in self.steps:
            expression = self._expression(step)
            target = step.target
            if expression is None:
                continue
            if target in once and len(expression.text) <= LONGEST and step.kind != "gather":
                self.inlined[target] = expression
            else:
                lines.append(f"{self.names[target]} = {expression.text}")
        return "\n".join([*lines, f"return {', '.join(self._results())}"])

    # ---- names -----------------------------------------------------------------------------------------------------
    def _families(self) -> dict[str, set[str]]:
        """The labels that differ in their indices only, by what they have in common."""
        families: dict[str, set[str]] = {}
        for array in self.arrays:
            for label in array.labels:
                families.setdefault(stem(label), set()).add(label)
        return families

    def _names(self) -> list[str]:
        taken: set[str] = set()
        names = []
        unnamed = dict.fromkeys(_LEAVES.values(), 0)
        for array in self.arrays:
            name = self._name_of(array.labels)
            if array.kind == "constant" and array.rows == array.lanes == 1:
                name = f"{array.payload[0]:.6g}".replace("-", "−")
            elif not name or name in taken:
                letter = _LEAVES[array.kind]
                while not name or name in taken:
                    unnamed[letter] += 1
                    name = f"{letter}{unnamed[letter]}"
                taken.add(name)
            else:
                taken.add(name)
            names.append(name)
        return names

    def _name_of(self, labels: Sequence[str]) -> str:
        """What rows with these labels are called together; empty if nothing."""
        if not labels or not all(labels):
            return ""
        common = {stem(label) for label in labels}
        if len(labels) == 1:
            return _symbol(labels[0])
        if len(common) > 1:
            return ""
        family = self.families[stem(labels[0])]
        if family == set(labels):
            return _symbol(stem(labels[0]), len(indices(labels[0])) > 1)
        first = indices(labels[0])[:1]
        if {label for label in family if indices(label)[:1] == first} == set(labels):  # a row of a matrix
            return _symbol(stem(labels[0]), True) + "".join([_subscript(i) for i in first])
        return f"{_symbol(labels[0])}…{_symbol(labels[-1])}"

    # ---- operands --------------------------------------------------------------------------------------------------
    def _part(self, view: View, ni: int, nj: int = 1) -> _Part:
        """What a view reads."""
        array = self.arrays[view.array]
        rows = [view.start + i * view.step_i + j * view.step_j for i in range(ni) for j in range(nj)]
        if view.array in self.inlined:
            return self.inlined[view.array]
        distinct = list(dict.fromkeys(rows))
        if len(distinct) == array.rows:
            name = self.names[view.array]
        else:
            labels = [array.labels[row] for row in distinct] if array.labels else []
            name = self._name_of(labels) or f"{self.names[view.array]}[{_slice(distinct)}]"
        if len(distinct) > 1 and self._transposed(view, ni, nj):
            name += "ᵀ"
        return _Part(name, _ATOM if name[0] != "−" else _SIGN, len(distinct), array.lanes)

    def _transposed(self, view: View, ni: int, nj: int) -> bool:
        """Whether rows are read along the second index where a matrix is read along the first."""
        labels = self.arrays[view.array].labels
        if not labels or len(indices(labels[view.start])) < 2:
            return bool(ni > 1 and nj > 1 and view.step_i and view.step_j and view.step_i < view.step_j)
        if ni > 1 and view.step_i:
            return indices(labels[view.start])[0] == indices(labels[view.start + view.step_i])[0]
        return indices(labels[view.start])[-1] == indices(labels[view.start + view.step_j])[-1]

    def _used_once(self) -> set[int]:
        """The arrays that are written where they are used: once, row by row in order, and under no name of their own."""
        uses = [0] * len(self.arrays)
        for array, _ in self.outputs:
            uses[array] += 2
        in_order = set()
        for step in self.steps:
            for array, _ in step.rows:
                uses[array] += 2
            for view in step.operands:
                uses[view.array] += 1
                if self._reads_in_order(view, step):
                    in_order.add(view.array)
        return {i for i in in_order if uses[i] == 1 and not self._has_a_line(i)}

    def _reads_in_order(self, view: View, step: Step) -> bool:
        rows, ni, nj = self.arrays[view.array].rows, step.ni, step.nj
        if step.kind == "product" or (step.kind == "reduce" and step.op is DOT):
            return False
        steps = (nj if ni > 1 else 0, 1 if nj > 1 else 0)
        return rows == 1 or (rows == ni * nj and view.start == 0 and (view.step_i, view.step_j) == steps)

    def _has_a_line(self, i: int) -> bool:
        """Whether a reader looks for it by its name; the derivative by an activation is a part of the one by its z."""
        labels = self.arrays[i].labels
        return bool(labels and all(labels)) and (labels[0][0] != "∂" or labels[0].startswith("∂z"))

    # ---- steps -----------------------------------------------------------------------------------------------------
    def _expression(self, step: Step) -> _Part | None:
        """The right-hand side of a step; None if it only moves rows that have a name together already."""
        target = self.arrays[step.target]
        if step.kind == "gather":
            if self._name_of(target.labels) == self.names[step.target]:
                return None
            return _Part(f"[{_some([self._row(*place) for place in step.rows])}]")
        if step.kind == "product":
            part = self._product(step)
        elif step.kind == "reduce":
            part = self._reduced(step)
        elif step.op is ops.sum_of_products and (matrix := self._few_columns(step)):
            part = matrix
        elif step.nj > 1:
            part = self._on_a_grid(step)
        else:
            part = _elementwise(step.op, [self._part(view, step.ni) for view in step.operands])
        return part._replace(rows=target.rows, lanes=target.lanes)

    def _row(self, array: int, row: int) -> str:
        labels = self.arrays[array].labels
        if self.arrays[array].rows == 1:
            return self.names[array]
        return _symbol(labels[row]) if labels and labels[row] else f"{self.names[array]}[{row}]"

    def _product(self, step: Step) -> _Part:
        """out[i] = Σ_j p[i, j] q[i, j] (+ s[i])."""
        p, q, *start = step.operands
        ni, nj = step.ni, step.nj
        if p.step_i and q.step_i and ni > 1:
            return _Part(
                f"Σ_j {self._indexed(p)} {self._indexed(q)}" + "".join([f" + {self._indexed(s)}" for s in start])
            )
        if not p.step_i and q.step_i:
            p, q = q, p
        matrix, column = self._part(p, ni, nj), self._part(q, 1, nj)
        is_matrix = ni > 1 or len(indices(([*self.arrays[p.array].labels, ""])[0])) > 1
        text = f"{matrix.text} {column.text}" if is_matrix else f"{matrix.text} · {column.text}"
        return _with_start(text, [self._part(s, ni) for s in start])

    def _few_columns(self, step: Step) -> _Part | None:
        """A matrix with few columns times a column, written term by term."""
        n = len(step.operands) // 2
        p, q, start = step.operands[:n], step.operands[n : 2 * n], step.operands[2 * n :]
        gaps = {y.start - x.start for x, y in zip(p, p[1:])}
        if len({(x.array, x.step_i) for x in p}) > 1 or len(gaps) > 1 or step.nj > 1 or any(x.step_i for x in q):
            return None
        (gap,) = gaps or {0}
        matrix = self._part(p[0]._replace(step_j=gap), step.ni, n)
        rows = [self._row(x.array, x.start) for x in q]
        labels = [self.arrays[x.array].labels for x in q]
        column = self._name_of([names[x.start] if names else "" for names, x in zip(labels, q)]) or f"[{_some(rows)}]"
        return _with_start(f"{matrix.text} {column}", [self._part(s, step.ni) for s in start])

    def _reduced(self, step: Step) -> _Part:
        """A sum over the lanes, of rows or of products of rows."""
        if step.op is not DOT:
            part = self._part(step.operands[0], step.ni, step.nj)
            return _Part(f"Σ {part.inside(_SUM)}", _PRODUCT)
        return _Part(f"Σ {self._outer(step)}", _PRODUCT)

    def _outer(self, step: Step) -> str:
        """The products of every row of one array with every row of another, or of their rows in pairs."""
        x, y = step.operands
        if step.nj == 1 and y.step_i:
            parts = [self._part(view, step.ni) for view in (x, y)]
            return f"{parts[0].text} ⊙ {parts[1].text}" if parts[0].rows > 1 else " ".join([p.text for p in parts])
        if x.step_j or y.step_i:
            return f"{self._indexed(x)} {self._indexed(y)}"
        left, right = self._part(x, step.ni), self._part(y, 1, step.nj)
        labels = self.arrays[step.target].labels
        if labels and step.nj > 1 and len(indices(labels[0])) > 1 and indices(labels[0])[-1] == indices(labels[1])[-1]:
            left, right = right, left
        return f"{left.text} {right.text}" + "ᵀ" * (right.rows > 1)

    def _on_a_grid(self, step: Step) -> _Part:
        """A step over (i, j): an outer product, or element by element, or with its indices."""
        views = step.operands
        if all((view.step_i and view.step_j) or not (view.step_i or view.step_j) for view in views):
            return _elementwise(step.op, [self._part(view, step.ni, step.nj) for view in views])
        if step.op is ops.mul and not any(view.step_i and view.step_j for view in views):
            if views[0].step_j or views[1].step_i:
                step = step._replace(operands=views[::-1])
            return _Part(self._outer(step), _PRODUCT)
        return _elementwise(step.op, [_Part(self._indexed(view), rows=step.ni * step.nj) for view in views])

    def _indexed(self, view: View) -> str:
        """A view with its indices written out."""
        if not view.step_i and not view.step_j:
            return self._row(view.array, view.start)
        terms = [
            f"{step} {letter}" if step > 1 else letter
            for step, letter in ((view.step_i, "i"), (view.step_j, "j"))
            if step
        ]
        return f"{self.names[view.array]}[{' + '.join([str(view.start)] * bool(view.start) + terms)}]"

    # ---- the first and the last line -------------------------------------------------------------------------------
    def _header(self) -> list[str]:
        names = {kind: [name for name, array in zip(self.names, self.arrays) if array.kind == kind] for kind in _LEAVES}
        lines = [f"# {kind}s {_some(names[kind])}" for kind in ("argument", "parameter") if names[kind]]
        lanes = max([array.lanes for array in self.arrays], default=1)
        return lines + [f"# every line in each of {lanes} lanes, Σ over the lanes"] * (lanes > 1)

    def _results(self) -> list[str]:
        return list(dict.fromkeys([self.names[array] for array, _ in self.outputs]))


# ---- expressions -----------------------------------------------------------------------------------------------------
def _elementwise(op: Op, parts: Sequence[_Part]) -> _Part:
    """A primitive of operands that are taken row by row."""
    if op is ops.add or op is ops.sum_of:
        return _Part(" + ".join([part.inside(_SUM - 1) for part in parts]), _SUM)
    if op is ops.sub:
        return _Part(f"{parts[0].inside(_SUM - 1)} − {parts[1].inside(_SUM)}", _SUM)
    if op is ops.mul:
        return _times(*parts)
    if op is ops.div:
        return _Part(f"{parts[0].inside(_PRODUCT)} / {parts[1].inside(_PRODUCT)}", _PRODUCT)
    if op is ops.neg:
        return _Part(f"−{parts[0].inside(_SIGN)}", _SIGN)
    if op is ops.sum_of_products:
        n = len(parts) // 2
        return _Part(
            " + ".join(
                [_times(*pair).text for pair in zip(parts[:n], parts[n : 2 * n])] + [p.text for p in parts[2 * n :]]
            ),
            _SUM,
        )
    if op is ops.constant_power:
        return _Part(f"{parts[0].inside(_SIGN)}^{parts[1].inside(_SIGN)}", _SIGN)
    if op in _INFIX:
        return _Part(f"{parts[0].inside(_SUM)} {_INFIX[op]} {parts[1].inside(_SUM)}", _SUM)
    name = "where" if op is ops.select else _FUNCTIONS.get(op, op.name)
    return _Part(f"{name}({', '.join([part.text for part in parts])})")


def _times(x: _Part, y: _Part) -> _Part:
    """A product: ⊙ of two columns, else of a number and anything."""
    if x.rows > 1 and y.rows > 1:
        return _Part(f"{x.inside(_PRODUCT)} ⊙ {y.inside(_PRODUCT)}", _PRODUCT)
    if y.rows == 1 and (x.rows > 1 or x.lanes < y.lanes):
        return _Part(f"{x.inside(_PRODUCT)} {y.inside(_PRODUCT)}", _PRODUCT)
    return _Part(f"{y.inside(_PRODUCT)} {x.inside(_PRODUCT)}", _PRODUCT)


def _with_start(text: str, start: Sequence[_Part]) -> _Part:
    return _Part(" + ".join([text, *[part.inside(_SUM - 1) for part in start]]), _SUM if start else _PRODUCT)


def _symbol(label: str, is_matrix: bool = False) -> str:
    """A label as a textbook writes it: δ for the derivative by z, a capital letter for a matrix, σ for the sigmoid."""
    label = label.replace("sigmoid'", "σ'")
    prefix = "∂" if label.startswith("∂") else ""
    name = label[len(prefix) :]
    if prefix and name[:1] == "z" and stem(name).strip("⁰¹²³⁴⁵⁶⁷⁸⁹") == "z":
        return "δ" + name[1:]
    return prefix + (name[:1].upper() + name[1:] if is_matrix else name)


def _subscript(index: int) -> str:
    return str(index).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _slice(rows: Sequence[int]) -> str:
    """Rows in brackets: 3, 0:4, 0:8:2, or a list."""
    if len(rows) == 1:
        return str(rows[0])
    step = rows[1] - rows[0]
    if step > 0 and list(rows) == list(range(rows[0], rows[-1] + 1, step)):
        return f"{rows[0]}:{rows[-1] + 1}" + (f":{step}" if step > 1 else "")
    return _some(map(str, rows))


def _some(names: Iterable[str]) -> str:
    """Names in a row, not more than a line holds."""
    names = list(names)
    return ", ".join(names if len(names) <= 8 else [*names[:6], f"… {len(names) - 6} more"])
