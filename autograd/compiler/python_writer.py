"""Writing a program in Python: which registers get a line, what they are called, and the expressions.

A register that is used once and has no label is written where it is used.  A register with lanes is a list whose name
ends in s; the number of one lane has the name without it.

>>> before = Program.parse('''
... %0 [3] = argument (0, 1, 2)    # x
... %1     = parameter 0           # w
... %2 [3] = mul %1 %0
... %3 [3] = tanh %2               # y
... %4     = total %3
... return %4''')
>>> print(python_text(before).source())
from autograd.ieee import tanh
<BLANKLINE>
<BLANKLINE>
def value(arguments, parameters):
    xs = arguments[0:3]
    (w,) = parameters
<BLANKLINE>
    # forward
    ys = [tanh(w * x) for x in xs]
    value = sum(ys)
    return [value]
"""

from __future__ import annotations

import builtins
import keyword
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from autograd import ieee, ops
from autograd.compiler.labels import common, identifier
from autograd.compiler.program import ARGUMENT, DOT, PARAMETER, TOTAL, Program
from autograd.compiler.python_text import WIDTH, Text, sumprod
from autograd.ops import Op

__all__ = ["python_text"]

MOST_TERMS = 6  # of a sum that is written with plus signs
MOST_STEPS = 8  # in one expression

_FUNCTIONS = {name: f for name, f in vars(ieee).items() if callable(f)}
_RESERVED = {
    *keyword.kwlist,
    *dir(builtins),
    *_FUNCTIONS,
    *("inf", "nan", "sumprod", "arguments", "parameters", "results"),
}
_MODULES = (("math", {"inf", "nan"}), ("autograd.ieee", set(_FUNCTIONS)), (sumprod.__module__, {"sumprod"}))


def python_text(program: Program, names: Sequence[str] = ()) -> Text:
    """A program as the lines of a Python module; names: what to call the arguments that have no label."""
    return _Writer(program, names).text()


# How tightly an expression binds: a part is put in parentheses where its level is below what its place needs.
_CHOICE, _SUM, _PRODUCT, _SIGN, _ATOM = range(5)
_INFIX = {ops.add: ("+", _SUM), ops.sub: ("-", _SUM), ops.mul: ("*", _PRODUCT)}
_COMPARISON = {ops.less: "<", ops.less_equal: "<=", ops.equal: "=="}
_DATA = (ops.constant, ARGUMENT, PARAMETER)


class _Expression(NamedTuple):
    text: str
    level: int

    def at(self, needed: int) -> str:
        """The text for a place where everything below a level needs parentheses."""
        return self.text if self.level >= needed else f"({self.text})"


def _number(x: float) -> _Expression:
    return _Expression(repr(x), _ATOM if repr(x)[0] != "-" else _SIGN)


class _Writer:
    def __init__(self, program: Program, names: Sequence[str]) -> None:
        self.program = program
        self.instructions = program.instructions
        self.argument_names = names
        self.taken = set(_RESERVED)
        self.imported: set[str] = set()
        self.functions: dict[Op, str] = {}
        self.primitives: dict[str, Callable[..., float]] = {}
        self.loops = 0
        self.inlined = self._plan()
        self.names = self._names()

    # ---- what gets a line, and under which name --------------------------------------------------------------------
    def _plan(self) -> list[bool]:
        """For each register whether it is written where it is used, and not as a line of its own."""
        instructions, uses = self.instructions, self.program.uses()
        inlined = [step.op is ops.constant and step.lanes == 1 for step in instructions]
        steps = [0] * len(instructions)
        for i, (op, operands, lanes, _) in enumerate(instructions):
            steps[i] = 1 + len(operands) // 3
            for k in operands:
                step = instructions[k]
                if step.op in _DATA or uses[k] > 1 or self._is_quantity(k):
                    continue
                same_width = step.lanes == lanes or op is TOTAL or op is DOT
                if same_width and op is not ops.square and steps[i] + steps[k] <= MOST_STEPS:
                    inlined[k] = True
                    steps[i] += steps[k]
        return inlined

    def _is_quantity(self, i: int) -> bool:
        """Whether a register is called by a name, so that a reader looks for its line; σ'(z) is read as part of one."""
        return "'" not in (self.program.name(i) or "'")

    def _names(self) -> dict[int, str]:
        """Names of the registers that have a line; of a list, the name of one lane."""
        names: dict[int, str] = {}
        program, temporaries = self.program, 0
        for i, (op, _, lanes, payload) in enumerate(self.instructions):
            if self.inlined[i]:
                continue
            of = names.get(program.adjoints.get(i, -1))
            name = (
                identifier(program.name(i))
                or (op is ARGUMENT and self._argument_name(payload))
                or (op is PARAMETER and f"p{payload}")
                or (of and f"d_{of}")
                or (i == program.outputs[0] and "value")
                or (op is ops.constant and "column")
                or f"t{(temporaries := temporaries + 1)}"
            )
            names[i] = self._unused(name, lanes > 1)
        return names

    def _argument_name(self, payload: Any) -> str:
        indices = [k for k in payload if isinstance(k, int)] if isinstance(payload, tuple) else [payload]
        if all(k < len(self.argument_names) for k in indices):
            return identifier(common([self.argument_names[k] for k in indices]))
        return f"x{indices[0]}"

    def _unused(self, name: str, is_list: bool) -> str:
        """The name itself, or with a number that makes it a new one (of a list: the name of a lane)."""
        number, candidate = 1, name
        while candidate in self.taken or (is_list and candidate + "s" in self.taken):
            number += 1
            candidate = f"{name}_{number}"
        self.taken |= {candidate, candidate + "s"} if is_list else {candidate}
        return candidate

    def _variable(self, i: int) -> str:
        return self.names[i] + "s" * (self.instructions[i].lanes > 1)

    # ---- expressions -----------------------------------------------------------------------------------------------
    def _expression(self, i: int, lists: dict[int, None]) -> _Expression:
        """A register where it is used (in a lane: the number of this lane); notes the lists it is taken from."""
        if not self.inlined[i]:
            if self.instructions[i].lanes > 1:
                lists[i] = None
            return _Expression(self.names[i], _ATOM)
        return self._operation(i, lists)

    def _operation(self, i: int, lists: dict[int, None]) -> _Expression:
        op, operands, _, payload = self.instructions[i]
        if op is ops.constant:
            return self._constant(payload)
        if op is TOTAL or op is DOT:
            return self._total(operands)
        parts = [self._expression(k, lists) for k in operands]
        if op is ops.sub and parts[1].text == "-0.0":
            return _Expression(f"{parts[0].at(_SUM)} + 0.0", _SUM)
        if op in _INFIX:
            sign, level = _INFIX[op]
            return _Expression(f"{parts[0].at(level)} {sign} {parts[1].at(level + 1)}", level)
        if op is ops.neg:
            return _Expression(f"-{parts[0].at(_ATOM)}", _SIGN)
        if op is ops.square:
            return _Expression(f"{parts[0].text} * {parts[0].text}", _PRODUCT)
        if op is ops.identity or op is ops.detached:
            return parts[0]
        if op is ops.div and self._never_zero(operands[1]):
            return _Expression(f"{parts[0].at(_PRODUCT)} / {parts[1].at(_SIGN)}", _PRODUCT)
        if op is ops.sum_of_products:
            return self._sum_of_products(parts)
        if op is ops.select:
            condition = self._condition(operands[0], parts[0], lists)
            return _Expression(f"{parts[1].at(_SUM)} if {condition} else {parts[2].at(_CHOICE)}", _CHOICE)
        if op in _COMPARISON:
            return _Expression(f"float({parts[0].at(_SUM)} {_COMPARISON[op]} {parts[1].at(_SUM)})", _ATOM)
        return _Expression(f"{self._function(op)}({', '.join([part.text for part in parts])})", _ATOM)

    def _constant(self, number: float) -> _Expression:
        if number != number or number in (math.inf, -math.inf):
            self.imported.add("nan" if number != number else "inf")
        return _number(number)

    def _never_zero(self, i: int) -> bool:
        """Whether dividing by it cannot raise."""
        op, _, lanes, payload = self.instructions[i]
        return op is ops.constant and lanes == 1 and payload != 0.0

    def _condition(self, i: int, part: _Expression, lists: dict[int, None]) -> str:
        """What is true where a select takes its first branch."""
        op, operands, _, _ = self.instructions[i]
        if not self.inlined[i] or op not in _COMPARISON:
            return part.at(_SUM)
        x, y = [self._expression(k, lists).at(_SUM) for k in operands]
        return f"{x} {_COMPARISON[op]} {y}"

    def _sum_of_products(self, parts: Sequence[_Expression]) -> _Expression:
        ps, qs, start = ops.factors(parts)
        if ps and len(parts) <= 2 * MOST_TERMS:
            terms = [f"{p.at(_PRODUCT)} * {q.at(_SIGN)}" for p, q in zip(ps, qs)] + [x.at(_PRODUCT) for x in start]
            return _Expression(" + ".join(terms), _SUM if len(terms) > 1 else _PRODUCT)
        self.imported.add("sumprod")
        p, q = [", ".join([x.text for x in factors]) for factors in (ps, qs)]
        return _Expression(f"sumprod([{p}], [{q}]{''.join([', ' + x.text for x in start])})", _ATOM)

    def _total(self, operands: Sequence[int]) -> _Expression:
        """A sum over lanes, of one register or of the products of two."""
        lists: dict[int, None] = {}
        factors = [self._expression(k, lists) for k in operands]
        if not any(self.inlined[k] or self.instructions[k].lanes == 1 for k in operands):
            self.imported |= {"sumprod"} if len(operands) == 2 else set()
            name = "sumprod" if len(operands) == 2 else "sum"
            return _Expression(f"{name}({', '.join(map(self._variable, operands))})", _ATOM)
        term = f"{factors[0].at(_PRODUCT)} * {factors[1].at(_SIGN)}" if len(factors) == 2 else factors[0].text
        return _Expression(f"sum({term} {self._loop(lists)})", _ATOM)

    def _loop(self, lists: Mapping[int, None]) -> str:
        """``for x, y in zip(xs, ys)``."""
        self.loops += 1
        lanes, sources = ", ".join([self.names[i] for i in lists]), ", ".join(map(self._variable, lists))
        return f"for {lanes} in {sources}" if len(lists) == 1 else f"for {lanes} in zip({sources})"

    def _function(self, op: Op) -> str:
        """The name under which the value function of a row is called."""
        if op not in self.functions:
            name = getattr(op.value, "__name__", "")
            if op is ops.abs:
                name = "abs"
            elif _FUNCTIONS.get(name) is op.value:
                self.imported.add(name)
            else:  # a user's own primitive
                name = self._unused(identifier(op.name) or "primitive", False)
                self.primitives[name] = op.value
            self.functions[op] = name
        return self.functions[op]

    # ---- lines -----------------------------------------------------------------------------------------------------
    def text(self) -> Text:
        """The whole module."""
        boundary = self._first_of_backward()
        data: list[str] = []
        columns: list[tuple[float, str]] = []
        forward: list[str] = []
        backward: list[str] = []
        for i, (op, _, _, payload) in enumerate(self.instructions):
            if self.inlined[i] or op is PARAMETER or (op is ARGUMENT and not isinstance(payload, tuple)):
                continue
            if op is ops.constant:
                data.append(f"{self._variable(i)} = [{', '.join([self._constant(x).text for x in payload])}]")
            elif op is ARGUMENT:
                columns.append((payload[0], f"{self._variable(i)} = {self._lanes_of_argument(payload)}"))
            else:
                (backward if i >= boundary else forward).append(f"{self._variable(i)} = {self._right_hand_side(i)}")
        results = ", ".join([self._result(i) for i in self.program.outputs])
        function = "value_and_grad" if backward else "value"
        arguments, argument_count = self._taken(ARGUMENT, "arguments")
        parameters, parameter_count = self._taken(PARAMETER, "parameters")
        body = [*arguments, *[line for _, line in sorted(columns)], *parameters]
        body += ["", "# forward", *forward] if forward else []
        body += ["", "# backward", *backward] if backward else []
        header = self._header()
        header += [""] * bool(header and data) + data
        counts = argument_count, parameter_count
        return Text(header, function, body, f"[{results}]", self.primitives, counts, self.loops)

    def _result(self, i: int) -> str:
        op, _, lanes, _ = self.instructions[i]
        if self.inlined[i]:
            return self._operation(i, {}).text
        return f"list({self._variable(i)})" if lanes > 1 and op is ops.constant else self._variable(i)

    def _right_hand_side(self, i: int) -> str:
        lists: dict[int, None] = {}
        expression = self._operation(i, lists)
        return f"[{expression.text} {self._loop(lists)}]" if self.instructions[i].lanes > 1 else expression.text

    def _first_of_backward(self) -> int:
        """The first register behind all those that are needed for outputs other than derivatives."""
        stack = [i for i in self.program.outputs if i not in self.program.adjoints]
        needed = set(stack)
        while stack:
            for operand in self.instructions[stack.pop()].operands:
                if operand not in needed:
                    needed.add(operand)
                    stack.append(operand)
        return max(needed, default=-1) + 1

    def _taken(self, op: Op, source: str) -> tuple[list[str], int | None]:
        """The lines that unpack arguments or parameters, and how many they unpack."""
        leaves = [(step.payload, i) for i, step in enumerate(self.instructions) if step.op is op]
        single = [(k, self._variable(i)) for k, i in leaves if not isinstance(k, tuple)]
        names = dict(single)
        count = max(names, default=-1) + 1
        if len(names) < len(leaves) or count > 2 * len(names):
            return [f"{name} = {source}[{k}]" for k, name in single], None
        if not names:
            return [], 0
        targets = ", ".join([names.get(k, "_") for k in range(count)])
        if count > 1 and len(targets) < WIDTH // 2:
            return [f"{targets} = {source}"], count
        return [f"({targets}{',' * (count == 1)}) = {source}"], count

    def _lanes_of_argument(self, payload: tuple[Any, ...]) -> str:
        """The list of a number per lane, as a slice if it is one."""
        if all(isinstance(k, int) for k in payload) and payload[1] > payload[0]:
            steps = range(payload[0], payload[-1] + 1, payload[1] - payload[0])
            if payload == tuple(steps):
                return f"arguments[{steps.start}:{steps.stop}" + (f":{steps.step}]" if steps.step > 1 else "]")
        numbers = [f"arguments[{k}]" if isinstance(k, int) else self._constant(k).text for k in payload]
        return f"[{', '.join(numbers)}]"

    def _header(self) -> list[str]:
        lines = []
        for module, names in _MODULES:
            if used := sorted(self.imported & names):
                lines.append(f"from {module} import {', '.join(used)}")
        return lines + [f"# {name}: a primitive of your own" for name in self.primitives]
