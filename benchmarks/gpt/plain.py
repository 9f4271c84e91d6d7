"""The GPT on a class of its own in plain Python, as such programs bring it along: the control for our engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from harness import Work

from gpt import scalar
from gpt.problem import BETA1, BETA2, EPSILON, RATE


class Value:
    """A number that remembers its operands and the partial derivative with respect to each."""

    __slots__ = ("data", "grad", "operands", "partials")

    def __init__(self, data: float, operands: Sequence[Value] = (), partials: Sequence[float] = ()) -> None:
        self.data = data
        self.grad = 0.0
        self.operands = operands
        self.partials = partials

    def __add__(self, other: Any) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Any) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, exponent: float) -> Value:
        return Value(self.data**exponent, (self,), (exponent * self.data ** (exponent - 1),))

    def exp(self) -> Value:
        y = math.exp(self.data)
        return Value(y, (self,), (y,))

    def log(self) -> Value:
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def relu(self) -> Value:
        return Value(max(0.0, self.data), (self,), (float(self.data > 0),))

    def __neg__(self) -> Value:
        return self * -1.0

    def __sub__(self, other: Any) -> Value:
        return self + (-other)

    def __truediv__(self, other: Any) -> Value:
        return self * other**-1.0

    __radd__ = __add__
    __rmul__ = __mul__

    def backward(self) -> None:
        """Add to the ``grad`` of each number that this one was computed from its derivative."""
        order: list[Value] = []
        seen = {self}
        stack = [(self, iter(self.operands))]
        while stack:
            node, operands = stack[-1]
            for operand in operands:
                if operand not in seen:
                    seen.add(operand)
                    stack.append((operand, iter(operand.operands)))
                    break
            else:
                order.append(node)
                stack.pop()
        self.grad = 1.0
        for node in reversed(order):
            for operand, partial in zip(node.operands, node.partials):
                operand.grad += partial * node.grad


def _values(problem: dict[str, Any]) -> tuple[dict[str, Any], list[Value]]:
    w = {name: [[Value(x) for x in row] for row in matrix] for name, matrix in problem["weights"].items()}
    return w, [p for matrix in w.values() for row in matrix for p in row]


def gradient(problem: dict[str, Any]) -> Work:
    """One text."""
    w, parameters = _values(problem)
    text = problem["texts"][0]

    def run() -> Value:
        for p in parameters:
            p.grad = 0.0
        value: Value = scalar.loss(w, text)
        value.backward()
        return value

    return Work(lambda: [run().data, *(p.grad for p in parameters)], run)


def steps(problem: dict[str, Any]) -> Work:
    """Adam on the stream."""
    w, parameters = _values(problem)
    m, v = [0.0] * len(parameters), [0.0] * len(parameters)
    t = 0

    def step(text: list[int]) -> None:
        nonlocal t
        t += 1
        scalar.loss(w, text).backward()
        for i, p in enumerate(parameters):
            m[i] = BETA1 * m[i] + (1 - BETA1) * p.grad
            v[i] = BETA2 * v[i] + (1 - BETA2) * p.grad**2
            m_hat, v_hat = m[i] / (1 - BETA1**t), v[i] / (1 - BETA2**t)
            p.data -= RATE * m_hat / (v_hat**0.5 + EPSILON)
            p.grad = 0.0

    def run() -> None:
        for text in problem["texts"]:
            step(text)

    def answer() -> list[float]:
        run()
        return [p.data for p in parameters]

    return Work(answer, run, per=len(problem["texts"]))
