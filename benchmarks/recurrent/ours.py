"""The recurrent networks on our engine."""

from __future__ import annotations

from typing import Any

from harness import Work, first_run

from recurrent import scalar


def _setup(problem: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Return loss(xs, ys) of weights that are Values, and these Values."""
    from autograd import Value

    w = {name: [[Value(x) for x in row] for row in matrix] for name, matrix in problem["weights"].items()}

    def loss(xs: Any, ys: Any) -> Any:
        return scalar.loss(problem["cell"], w, xs, ys)

    return loss, [p for matrix in w.values() for row in matrix for p in row]


def _work(problem: dict[str, Any], loss: Any, parameters: list[Any]) -> Work:
    xs, ys = problem["xs"], problem["ys"]

    def run() -> Any:
        for p in parameters:
            p.grad = 0.0
        value = loss(xs, ys)
        value.backward()
        return value

    return Work(lambda: [run().data, *(p.grad for p in parameters)], run)


def gradient(problem: dict[str, Any]) -> Work:
    """``compile``: ``loss(xs, ys).backward()``, and gradients set back to zero."""
    import autograd

    loss, parameters = _setup(problem)
    return _work(problem, autograd.compile(loss), parameters)


def gradient_eager(problem: dict[str, Any]) -> Work:
    """The same without the decorator."""
    return _work(problem, *_setup(problem))


def value_and_grad(problem: dict[str, Any]) -> Work:
    """``compile(loss).value_and_grad(weights)``: weights are the argument, the sequence belongs to the function."""
    import autograd

    cell, xs, ys, weights = problem["cell"], problem["xs"], problem["ys"], problem["weights"]
    loss = autograd.compile(lambda w: scalar.loss(cell, w, xs, ys))

    def answer() -> list[float]:
        value, (gradient,) = loss.value_and_grad(weights)
        return [value, *(g for matrix in gradient.values() for row in matrix for g in row)]

    return Work(answer, lambda: loss.value_and_grad(weights))


def first_gradient(problem: dict[str, Any]) -> Work:
    """The first call: record, compile, one gradient."""
    from autograd import compile as compiled  # the compiler is imported before the clock starts

    loss, parameters = _setup(problem)
    return first_run(
        _work(problem, compiled(loss), parameters).run, lambda value: [value.data, *(p.grad for p in parameters)]
    )
