"""Random expressions for property tests: any primitives, shared nodes, fan-out, on points where all is smooth."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, NamedTuple

from hypothesis import strategies as st

from autograd import ops
from autograd.ops import TABLE, Op
from tests.support.points import PRIMITIVES, arities
from tests.support.references import REFERENCES

__all__ = ["DRAWN", "Expression", "Step", "expressions"]

DRAWN = [op for op in PRIMITIVES if op is not ops.take]  # whose first operand is an index: it has tests of its own
LARGEST = 50.0  # of values and local derivatives, so that rounding errors stay small
AWAY = 1e-4  # from kinks, jumps and poles


class Step(NamedTuple):
    """One primitive applied to earlier nodes, given by their numbers, or to constants."""

    op: Op
    operands: tuple[int | float, ...]


class Expression(NamedTuple):
    """A program: the inputs are nodes 0, 1, …, then each step adds a node; the last one is the result."""

    inputs: tuple[float, ...]
    steps: tuple[Step, ...]

    def __call__(self, *inputs: Any, value_of: Callable[[Op], Callable[..., Any]] = lambda op: op) -> Any:
        """Run it on floats, Values, or with other functions in place of the primitives on any other numbers."""
        return self.nodes(inputs, value_of)[-1]

    def nodes(self, inputs: Sequence[Any], value_of: Callable[[Op], Callable[..., Any]] = lambda op: op) -> list[Any]:
        nodes = list(inputs)
        for op, operands in self.steps:
            nodes.append(value_of(op)(*[nodes[i] if isinstance(i, int) else i for i in operands]))
        return nodes

    def exactly(self, *inputs: Any) -> Any:
        """Run it in any precision, by what the primitives are and not by how the table computes them."""
        return self(*inputs, value_of=lambda op: REFERENCES[op.name].value)

    def shuffled(self, rng: random.Random) -> Expression:
        """The same expression with its steps in another order in which operands still come first."""
        count = len(self.inputs)
        place = {i: i for i in range(count)}
        waiting = list(enumerate(self.steps, start=count))
        last = waiting.pop()
        steps: list[Step] = []
        while waiting:
            ready = [(i, step) for i, step in waiting if all(j in place for j in step.operands if isinstance(j, int))]
            chosen = rng.choice(ready)
            waiting.remove(chosen)
            place[chosen[0]] = count + len(steps)
            steps.append(_moved(chosen[1], place))
        return Expression(self.inputs, (*steps, _moved(last[1], place)))

    def __repr__(self) -> str:
        lines = [f"%{i} = {x!r}" for i, x in enumerate(self.inputs)]
        for i, (op, operands) in enumerate(self.steps, start=len(self.inputs)):
            lines.append(f"%{i} = {op.name}({', '.join(f'%{j}' if isinstance(j, int) else repr(j) for j in operands)})")
        return "\n".join(lines)


def _moved(step: Step, place: dict[int, int]) -> Step:
    return Step(step.op, tuple(place[i] if isinstance(i, int) else i for i in step.operands))


def _is_tame(op: Op, xs: Sequence[float]) -> bool:
    """Whether value and derivatives are moderate, and all kinks, jumps and poles are away."""
    value = op.value(*xs)
    if not isfinite(value) or abs(value) > LARGEST or any(not abs(d) <= LARGEST for d in op.partials(value, *xs)):
        return False
    if op.name in _DISTANCES:
        return _DISTANCES[op.name](*xs) > AWAY
    reference = REFERENCES[op.name]
    distances = reference.smooth(*xs)
    return reference.exact(*xs) is None and min(distances if isinstance(distances, tuple) else (distances,)) > AWAY


def _to_zero(x: float, *others: float) -> float:
    return abs(x)


def _between(x: float, *others: float) -> float:
    return min(abs(x - y) for y in others)


_DISTANCES: dict[str, Callable[..., float]] = {
    **dict.fromkeys(("relu", "abs", "sign", "step", "leaky_relu", "elu", "select"), _to_zero),
    **dict.fromkeys(("maximum", "minimum", "less", "less_equal", "equal", "clip"), _between),
    "floor": lambda x: min(x % 1.0, -x % 1.0),
    "round": lambda x: min((x + 0.5) % 1.0, -(x + 0.5) % 1.0),
    "tan": lambda x: 1.0,  # its derivative is large near poles
}
_FALLBACK = TABLE["sin"]  # tame everywhere


@st.composite
def expressions(draw: st.DrawFn, most_inputs: int = 3, most_steps: int = 10) -> Expression:
    """Expressions at points where they are smooth and well conditioned."""
    count = draw(st.integers(1, most_inputs))
    inputs = draw(st.lists(st.integers(-150, 150).map(lambda k: (k + 0.5) / 50), min_size=count, max_size=count))
    values, steps = list(inputs), []
    for _ in range(draw(st.integers(1, most_steps))):
        op = draw(st.sampled_from(DRAWN))
        # Recent nodes more often, so that the result depends on most of them.
        operands: list[int | float] = [
            max(draw(st.integers(0, len(values) - 1)), draw(st.integers(0, len(values) - 1)))
            for _ in range(draw(st.sampled_from(arities(op))))
        ]
        if op is ops.constant_power:
            operands[1] = draw(st.sampled_from([2.0, 3.0, -1.0, 0.5, 1.5, 0.0, 1.0]))
        elif len(operands) > 1 and draw(st.integers(0, 4)) == 0:
            operands[draw(st.integers(0, len(operands) - 1))] = draw(st.sampled_from([0.25, -1.75, 3.5]))
        xs = [values[i] if isinstance(i, int) else i for i in operands]
        if not any(isinstance(i, int) for i in operands) or not _is_tame(op, xs):
            op, operands = _FALLBACK, [i for i in operands if isinstance(i, int)][:1] or [len(values) - 1]
            xs = [values[i] for i in operands if isinstance(i, int)]
        steps.append(Step(op, tuple(operands)))
        values.append(op.value(*xs))
    return Expression(tuple(inputs), tuple(steps))
