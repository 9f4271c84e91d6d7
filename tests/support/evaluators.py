"""Every way to get the value and the gradient of a function of numbers; a new one is one line in ``EVALUATORS``."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import autograd
from autograd import Value, functional

__all__ = ["EVALUATORS", "Evaluator"]

# (a function, its arguments) -> its value, its derivative by each argument
Evaluator = Callable[[Callable[..., Any], Sequence[float]], tuple[float, Sequence[float]]]


def _recorded(f: Callable[..., Any], xs: Sequence[float]) -> tuple[Value, list[Value]]:
    leaves = [Value(x) for x in xs]
    return f(*leaves), leaves


def backward(f: Callable[..., Any], xs: Sequence[float]) -> tuple[float, Sequence[float]]:
    y, leaves = _recorded(f, xs)
    y.backward()
    return y.data, [leaf.grad for leaf in leaves]


def grad(f: Callable[..., Any], xs: Sequence[float]) -> tuple[float, Sequence[float]]:
    y, leaves = _recorded(f, xs)
    return y.data, autograd.grad(y, leaves)


def grad_as_graph(f: Callable[..., Any], xs: Sequence[float]) -> tuple[float, Sequence[float]]:
    y, leaves = _recorded(f, xs)
    return y.data, [slope.data for slope in autograd.grad(y, leaves, create_graph=True)]


def value_and_grad(f: Callable[..., Any], xs: Sequence[float]) -> tuple[float, Sequence[float]]:
    return functional.value_and_grad(f, argnums=range(len(xs)))(*xs)


def jvp(f: Callable[..., Any], xs: Sequence[float]) -> tuple[float, Sequence[float]]:
    """One forward sweep per argument; the others stand still, since a tangent of 0 times an infinite partial is nan."""

    def along(i: int) -> tuple[float, float]:
        others = [Value(x) for x in xs]
        return functional.jvp(lambda x: f(*others[:i], x, *others[i + 1 :]), [xs[i]], [1.0])

    found = [along(i) for i in range(len(xs))]
    return found[0][0], [slope for _, slope in found]


def compiled(backend: str) -> Evaluator:
    return lambda f, xs: autograd.compile(f, backend=backend).value_and_grad(*xs)


def compiled_backward(f: Callable[..., Any], xs: Sequence[float]) -> tuple[float, Sequence[float]]:
    return backward(autograd.compile(f), xs)


EVALUATORS: dict[str, Evaluator] = {
    "backward": backward,
    "grad": grad,
    "grad as graph": grad_as_graph,
    "value_and_grad": value_and_grad,
    "jvp": jvp,
    "compiled to Python": compiled("python"),
    "compiled, backward": compiled_backward,
}
if importlib.util.find_spec("llvmlite") and importlib.util.find_spec("numpy"):
    EVALUATORS["compiled to machine code"] = compiled("native")
