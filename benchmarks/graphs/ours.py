"""Graphs of no structure on our engine."""

from __future__ import annotations

import operator
import resource
from typing import Any

from harness import Reading, Work, first_run

from graphs.problem import run as run_program


def _functions() -> dict[str, Any]:
    import autograd

    return {
        "add": operator.add,
        "sub": operator.sub,
        "mul": operator.mul,
        "sin": autograd.sin,
        "cos": autograd.cos,
        "tanh": autograd.tanh,
        "softplus": autograd.softplus,
        "sum": lambda *xs: sum(xs),
        "product": operator.mul,
        "softmax": lambda *xs: autograd.softmax(xs),
    }


def _compiled(program: dict[str, Any]) -> Any:
    from autograd import compile as compiled

    functions = _functions()
    return compiled(lambda xs: run_program(program, functions, xs))


# --- 100,000 operations ----------------------------------------------------------------------------
def unstructured_first(program: dict[str, Any]) -> Work:
    """Record, compile, first value and gradient."""
    function = _compiled(program)

    def run() -> list[float]:
        value, (gradient,) = function.value_and_grad(program["point"])
        return [value, *gradient]

    return first_run(run)


def unstructured_memory(program: dict[str, Any]) -> Reading:
    """The largest size of the process up to the first value and gradient, in MB."""
    work = unstructured_first(program)

    def read() -> float:
        work.run()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000

    return Reading(work.answer, read)


def unstructured_eager(program: dict[str, Any]) -> Work:
    """The same without the compiler."""
    from autograd import Value

    functions = _functions()

    def run() -> list[float]:
        inputs = [Value(x) for x in program["point"]]
        value = run_program(program, functions, inputs)
        value.backward()
        return [value.data, *(x.grad for x in inputs)]

    return first_run(run)


# --- many different graphs -------------------------------------------------------------------------
def west(problem: dict[str, Any]) -> Work:
    """Each program is compiled and evaluated at all points."""
    from autograd import compile as _  # noqa: F401  (the compiler is imported before the clock starts)

    def run() -> list[float]:
        answer: list[float] = []
        for program in problem["programs"]:
            function = _compiled(program)
            for point in problem["points"]:
                value, (gradient,) = function.value_and_grad(point)
            answer += [value, *gradient]
        return answer

    return first_run(run, per=len(problem["programs"]))


def west_eager(problem: dict[str, Any]) -> Work:
    """The same without the compiler."""
    from autograd import Value

    functions = _functions()

    def run() -> list[float]:
        answer: list[float] = []
        for program in problem["programs"]:
            for point in problem["points"]:
                inputs = [Value(x) for x in point]
                value = run_program(program, functions, inputs)
                value.backward()
            answer += [value.data, *(x.grad for x in inputs)]
        return answer

    return first_run(run, per=len(problem["programs"]))


# --- one list of 8,000 numbers ---------------------------------------------------------------------
def mixed(xs: Any, sin: Any) -> Any:
    """A running value that each number changes, in a way that depends on its place."""
    total = 0.0
    for i, x in enumerate(xs):
        if i % 3 == 0:
            total = sin(total) + x
        elif i % 3 == 1:
            total = 0.5 * total - x * x
        else:
            total = sin(total * x) + total
    return total


def long_list_first(xs: list[float]) -> Work:
    """The first ``value_and_grad`` of a function of one list."""
    import autograd
    from autograd import compile as compiled

    function = compiled(lambda xs: mixed(xs, autograd.sin))

    def run() -> list[float]:
        value, (gradient,) = function.value_and_grad(xs)
        return [value, *gradient]

    return first_run(run)


def long_list_eager(xs: list[float]) -> Work:
    """The same without the compiler."""
    import autograd
    from autograd import Value

    def run() -> list[float]:
        inputs = [Value(x) for x in xs]
        value = mixed(inputs, autograd.sin)
        value.backward()
        return [value.data, *(x.grad for x in inputs)]

    return first_run(run)
