"""The machine code of single nodes, as LLVM IR: one function for each operation, forward and back.

    double @forward(ptr values, ptr operands, i64 count, ptr scratch)
    void @backward(ptr values, ptr adjoints, ptr reached, ptr operands, i64 count, double z, double above, ptr scratch)

Operands are the numbers of nodes.  Forward gives the value of the row.  Backward adds to the adjoint of each operand
what is above times the row's own local derivative, and notes that the operand was reached.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from autograd import ops
from autograd.compiler.machine.exact import together
from autograd.compiler.machine.native.code import Code, Functions
from autograd.compiler.machine.native.code import Operand as Name
from autograd.compiler.machine.native.jit import host
from autograd.compiler.machine.native.lowering import lower
from autograd.compiler.program.builder import Builder, Rows, wrapped
from autograd.compiler.program.classes import Kind, Operand, Read
from autograd.ops import TABLE, Op

__all__ = ["Case", "case_of"]

# Exponents that are part of the code, which multiplies; all others are data.
_KNOWN = {0.5, -0.5, *[float(n) for n in range(-8, 9) if n]}
_LISTS = {ops.sum_of_products, ops.sum_of, ops.product_of, ops.log_sum_exp, ops.largest}  # of any number of operands


class Case(NamedTuple):
    """One operation in one direction, as the key of a kernel.

    Attributes:
        name: The name of the row.
        backward: Whether it is what the row does to adjoints.
        exponent: The exponent of a ``constant_power``, if the code knows it.
        lanes: Always one number at a time.
    """

    name: str
    backward: bool
    exponent: float | None = None
    lanes: int = 1

    def text(self, name: str, functions: Functions) -> str:
        """The function."""
        return _Text(self, functions).text(name)


def case_of(op: Op, exponent: float | None = None) -> tuple[Case, Case]:
    """Forward and backward of one operation.

    Raises:
        UnsupportedError: A primitive that a user has defined.
    """
    lower(op)
    known = exponent if exponent in _KNOWN else None
    return Case(op.name, False, known), Case(op.name, True, known)


class _Text:
    """One function being written."""

    def __init__(self, case: Case, functions: Functions) -> None:
        self.case, self.op, self.code = case, TABLE[case.name], Code(functions)
        self.loops, self.block = 0, "entry"

    def text(self, name: str) -> str:
        if self.case.backward:
            head, result = "void", "void"
            arguments = "ptr %v, ptr %a, ptr %r, ptr %o, i64 %n, double %z, double %above, ptr %s"
            self._backward()
        else:
            head, arguments = "double", "ptr %v, ptr %o, i64 %n, ptr %s"
            result = f"double {self.code.value(self._forward())}"
        lines = "\n".join(self.code.lines)
        return f"define {head} @{name}({arguments}) {host().attributes} {{\nentry:\n{lines}\n  ret {result}\n}}\n"

    # ---- pieces ----------------------------------------------------------------------------------------------------
    def number(self, k: str) -> str:
        """The number of the node that is operand k."""
        place = self.code.let(f"getelementptr i32, ptr %o, i64 {k}")
        return self.code.let(f"zext i32 {self.code.let(f'load i32, ptr {place}, align 4')} to i64")

    def operand(self, k: str) -> str:
        """The value of operand k."""
        place = self.code.let(f"getelementptr double, ptr %v, i64 {self.number(k)}")
        return self.code.let(f"load double, ptr {place}, align 8")

    def pass_on(self, k: str, derivative: Name) -> None:
        """Add to the adjoint of operand k."""
        code, number = self.code, self.number(k)
        share = "%above" if derivative == 1.0 else code.mul("%above", derivative)
        place = code.let(f"getelementptr double, ptr %a, i64 {number}")
        code.do(f"store double {code.add(code.let(f'load double, ptr {place}, align 8'), share)}, ptr {place}, align 8")
        code.do(f"store i8 1, ptr {code.let(f'getelementptr i8, ptr %r, i64 {number}')}, align 1")

    def loop(self, count: str, start: Sequence[Name], body: Callable[..., Sequence[Name]]) -> list[str]:
        """A loop: ``body(k, *state)`` gives the state after turn k. Returns the state after the last turn."""
        code, before = self.code, self.block
        self.loops += 1
        label = f"loop{self.loops}"
        state = [f"%{label}.{i}" for i in range(len(start))]
        code.do(f"br label %{label}")
        code.lines.append(f"{label}:")
        head = len(code.lines)
        code.do(f"%{label}.more = icmp ult i64 %{label}.k, {count}")
        code.do(f"br i1 %{label}.more, label %{label}.body, label %{label}.end")
        code.lines.append(f"{label}.body:")
        after = body(f"%{label}.k", *state)
        code.do(f"%{label}.next = add i64 %{label}.k, 1")
        code.do(f"br label %{label}")
        code.lines.append(f"{label}.end:")
        code.lines[head:head] = [f"  %{label}.k = phi i64 [0, %{before}], [%{label}.next, %{label}.body]"] + [
            f"  {x} = phi double [{code.value(old)}, %{before}], [{code.value(new)}, %{label}.body]"
            for x, old, new in zip(state, start, after)
        ]
        self.block = f"{label}.end"
        return state

    def halves(self) -> tuple[str, str, str]:
        """For a sumprod: the number of products, the place of the number added to them, and whether there is one."""
        code = self.code
        pairs = code.let("lshr i64 %n, 1")
        return pairs, code.let(f"shl i64 {pairs}, 1"), code.let("and i64 %n, 1")

    def chosen(self) -> tuple[str, str]:
        """For a take: the operand that its index chooses, and whether there is such an operand; if not, the first."""
        code, index = self.code, self.operand("0")
        count = code.let(f"uitofp i64 {code.let('sub i64 %n, 1')} to double")
        above = code.let(f"fcmp oge double {index}, {code.value(0.0)}")
        below = code.let(f"fcmp olt double {index}, {count}")
        inside = code.let(f"and i1 {above}, {below}")
        safe = code.let(f"select i1 {inside}, double {index}, double {code.value(0.0)}")
        return self.shifted(code.let(f"fptoui double {safe} to i64"), "1"), inside

    def scratch(self, k: str) -> str:
        """The place of number k of the scratch memory, which holds one more than the longest row has operands."""
        return self.code.let(f"getelementptr double, ptr %s, i64 {k}")

    def shifted(self, k: str, by: str) -> str:
        return self.code.let(f"add i64 {k}, {by}")

    # ---- forward ---------------------------------------------------------------------------------------------------
    def _forward(self) -> Name:
        op, code = self.op, self.code
        if op is ops.take:
            place, inside = self.chosen()
            return code.let(f"select i1 {inside}, double {self.operand(place)}, double {code.value(math.nan)}")
        if op not in _LISTS:
            operands: list[Name] = [self.operand(str(k)) for k in range(_arity(op))]
            if self.case.exponent is not None:
                operands[1] = self.case.exponent
            return lower(op)(code, *operands)
        if op is ops.sum_of_products:
            pairs, last, start = self.halves()
            total = self.loop(start, [0.0], lambda k, total: [self.operand(self.shifted(k, last))])

            def product(k: str, total: str) -> list[Name]:
                return [code.add(total, code.mul(self.operand(k), self.operand(self.shifted(k, pairs))))]

            return self.loop(pairs, total, product)[0]
        if op is ops.product_of:
            return self.loop("%n", [1.0], lambda k, x: [code.mul(x, self.operand(k))])[0]
        if op is ops.sum_of:
            return self.exact_sum(0.0, self.operand)
        if op is ops.largest:
            larger = lower(op)
            return self.loop("%n", [self.operand("0")], lambda k, x: [larger(code, x, self.operand(k))])[0]
        largest = self.loop("%n", [-math.inf], lambda k, x: [lower(ops.maximum)(code, x, self.operand(k))])[0]
        others = self.exact_sum(-1.0, lambda k: code.function("exp", code.sub(self.operand(k), largest)))
        result = code.add(largest, code.function("log1p", others))
        return code.where("olt", code.abs(largest), math.inf, result, largest)

    def exact_sum(self, start: float, term: Callable[[str], Name]) -> str:
        """A number and one term for each operand, rounded once."""
        code = self.code
        code.functions.pieces.setdefault("exact_sum", together("exact_sum"))
        code.do(f"store double {code.value(start)}, ptr %s, align 8")

        def turn(k: str) -> list[Name]:
            place = self.scratch(self.shifted(k, "1"))
            code.do(f"store double {code.value(term(k))}, ptr {place}, align 8")
            return []

        self.loop("%n", [], turn)
        code.do(f"call void @exact_sum(ptr %s, ptr %s, i64 {self.shifted('%n', '1')}, i64 1)")
        return code.let("load double, ptr %s, align 8")

    # ---- backward --------------------------------------------------------------------------------------------------
    def _backward(self) -> None:
        op = self.op
        if op in (*ops.COMPARISONS, ops.detached, ops.largest):
            return
        if op is ops.select:
            self._selected()
        elif op is ops.take:
            place, inside = self.chosen()
            one, none = self.code.value(1.0), self.code.value(0.0)
            self.pass_on(place, self.code.let(f"select i1 {inside}, double {one}, double {none}"))
        elif op is ops.product_of:
            self._product()
        elif op in _LISTS:
            self._list()
        else:
            exponent = self.case.exponent
            derivatives = _Derivatives(self, op, _arity(op), {} if exponent is None else {1: exponent})
            for k, x in enumerate(derivatives.local):
                if not (op is ops.constant_power and k == 1):
                    self.pass_on(str(k), derivatives.value(x))

    def _selected(self) -> None:
        """The branch that was taken gets all, the other one nothing, not even nan (see ``autograd.branches``)."""
        code = self.code
        condition = code.let(f"fcmp une double {self.operand('0')}, {code.value(0.0)}")
        self.pass_on(code.let(f"select i1 {condition}, i64 1, i64 2"), 1.0)

    def _product(self) -> None:
        """For each factor the product of all others, as in ``ieee.others``: those before it times those after it."""
        code = self.code

        def before(k: str, product: str) -> list[Name]:
            code.do(f"store double {product}, ptr {self.scratch(k)}, align 8")
            return [code.mul(product, self.operand(k))]

        def after(k: str, product: str) -> list[Name]:
            at = code.let(f"sub i64 {code.let('sub i64 %n, 1')}, {k}")
            self.pass_on(at, code.mul(code.let(f"load double, ptr {self.scratch(at)}, align 8"), product))
            return [code.mul(product, self.operand(at))]

        self.loop("%n", [1.0], before)
        self.loop("%n", [1.0], after)

    def _list(self) -> None:
        """The row is asked for one operand (or one pair of factors) that stands for each: its sums become loops."""
        pairs, last, start = self.halves() if self.op is ops.sum_of_products else ("", "", "")
        derivatives = _Derivatives(self, self.op, 2 if pairs else 1, {}, pairs)

        def turn(k: str) -> list[Name]:
            each: dict[int, Name] = {}
            places = [k, self.shifted(k, pairs)] if pairs else [k]
            local = [derivatives.value(x, places, each) for x in derivatives.local]
            for place, derivative in zip(places, local):
                self.pass_on(place, derivative)
            return []

        self.loop(pairs or "%n", [], turn)
        if pairs:

            def begin(k: str) -> list[Name]:
                self.pass_on(self.shifted(k, last), 1.0)
                return []

            self.loop(start, [], begin)


class _Derivatives:
    """The local derivatives of a row, written by the row itself.

    Args:
        text: The text that they are written to.
        op: The row.
        arity: The number of operands.
        known: The positions of the operands that are known numbers.
        pairs: The number of pairs of operands, of a row that takes any number of them.
    """

    def __init__(self, text: _Text, op: Op, arity: int, known: dict[int, float], pairs: str | None = None) -> None:
        self.text = text
        builder = Builder()
        leaves = [builder.leaf(Kind.ARGUMENT, [k], batched=k >= 0 and pairs is not None) for k in range(-1, arity)]
        y, *xs = [wrapped(builder, leaf) for leaf in leaves]
        found = op.partials(y, *[known.get(k, x) for k, x in enumerate(xs)])
        program = builder.program([x.read if isinstance(x, Rows) else float(x) for x in found])
        self.arrays, self.local = program.arrays, program.outputs
        self.each: list[bool] = []  # whether an array is another number for each operand
        self.names: dict[int, Name] = {}
        for number, array in enumerate(self.arrays):
            reads = [x.array for x in array.operands if isinstance(x, Read)]
            is_total = array.op is ops.sum_of and any(self.each[k] for k in reads)
            self.each.append(array.batched and not is_total and (not reads or any(self.each[k] for k in reads)))
            if is_total:
                self.names[number] = text.exact_sum(0.0, partial(self._term, array.operands[0]))
            elif not self.each[number]:
                self.value(Read(number, builder.identity(1)))

    def _term(self, x: Operand, k: str) -> Name:
        return self.value(x, [k], {})

    def value(self, x: Operand, places: Sequence[str] = (), each: dict[int, Name] | None = None) -> Name:
        """The name of a number.

        Args:
            x: The number of the operand.
            places: The places of this turn in a loop over operands.
            each: Names of numbers that belong to this turn.
        """
        if not isinstance(x, Read):
            return x
        names = each if each is not None and self.each[x.array] else self.names
        if x.array not in names:
            array = self.arrays[x.array]
            if array.op is None:
                (k,) = array.data
                names[x.array] = "%z" if k < 0 else self.text.operand(places[k] if places else str(k))
            else:
                operands = [self.value(operand, places, each) for operand in array.operands]
                names[x.array] = lower(array.op)(self.text.code, *operands)
        return names[x.array]


def _arity(op: Op) -> int:
    return 1 if isinstance(op, ops.Unary) else 2 if isinstance(op, ops.Binary) else 3
