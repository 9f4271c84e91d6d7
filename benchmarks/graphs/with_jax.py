"""The same graphs in JAX, traced number by number."""

from __future__ import annotations

import operator
from typing import Any

from harness import Work, first_run

from graphs.problem import run as run_program


def _functions() -> dict[str, Any]:
    import jax
    import jax.numpy as jnp

    return {
        "add": operator.add,
        "sub": operator.sub,
        "mul": operator.mul,
        "sin": jnp.sin,
        "cos": jnp.cos,
        "tanh": jnp.tanh,
        "softplus": jax.nn.softplus,
        "sum": lambda *xs: sum(xs),
        "product": operator.mul,
        "softmax": lambda *xs: jax.nn.softmax(jnp.stack(xs)),
    }


def _jitted(program: dict[str, Any]) -> Any:
    import jax

    functions = _functions()
    return jax.jit(jax.value_and_grad(lambda xs: run_program(program, functions, xs)))


def _numbers(result: Any) -> list[float]:
    value, gradient = result
    return [float(value), *gradient.ravel().tolist()]


def unstructured_first(program: dict[str, Any]) -> Work:
    """Trace, compile, first value and gradient."""
    import jax

    point = jax.numpy.array(program["point"])

    return first_run(lambda: jax.block_until_ready(_jitted(program)(point)), _numbers)


def west(problem: dict[str, Any]) -> Work:
    """Each program is compiled and evaluated at all points."""
    import jax

    points = [jax.numpy.array(point) for point in problem["points"]]

    def run() -> list[Any]:
        results = []
        for program in problem["programs"]:
            function = _jitted(program)
            for point in points:
                result = jax.block_until_ready(function(point))
            results.append(result)
        return results

    return first_run(
        run, lambda results: [x for result in results for x in _numbers(result)], per=len(problem["programs"])
    )


def long_list_first(xs: list[float]) -> Work:
    """The first gradient: ``lax.scan`` over the list, three numbers a step, as one would write it."""
    import jax
    import jax.numpy as jnp

    whole, rest = divmod(len(xs), 3)
    assert rest == 2
    array = jnp.array([*xs, 0.0]).reshape(whole + 1, 3)

    def two(total: Any, x: Any) -> Any:
        return 0.5 * (jnp.sin(total) + x[0]) - x[1] * x[1]

    def step(total: Any, x: Any) -> Any:
        total = two(total, x)
        return jnp.sin(total * x[2]) + total, None

    def f(xs: Any) -> Any:
        return two(jax.lax.scan(step, 0.0, xs[:-1])[0], xs[-1])

    def run() -> Any:
        return jax.block_until_ready(jax.jit(jax.value_and_grad(f))(array))

    return first_run(run, lambda result: _numbers(result)[:-1])
