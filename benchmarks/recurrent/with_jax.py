"""The recurrent networks in JAX: matrices for the cell, ``lax.scan`` for the steps."""

from __future__ import annotations

from typing import Any

from harness import Work, first_run

LOOP = 256  # gradients inside one native loop
TINY = 1e-9  # the rate of a gradient descent that is only there to make each gradient depend on the last


def _setup(problem: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return loss(weights, xs, ys), the weights and the data as arrays."""
    import jax
    import jax.numpy as jnp

    def rnn(w: Any, x: Any, h: Any, c: Any) -> Any:
        return jnp.tanh(w["input"] @ x + w["bias"][0] + w["state"] @ h + w["state_bias"][0]), c

    def gru(w: Any, x: Any, h: Any, c: Any) -> Any:
        z = jnp.split(w["input"] @ x + w["bias"][0], 3)
        u = jnp.split(w["state"] @ h + w["state_bias"][0], 3)
        reset, update = jax.nn.sigmoid(z[0] + u[0]), jax.nn.sigmoid(z[1] + u[1])
        return (1 - update) * jnp.tanh(z[2] + reset * u[2]) + update * h, c

    def lstm(w: Any, x: Any, h: Any, c: Any) -> Any:
        i, f, g, o = jnp.split(w["input"] @ x + w["bias"][0] + w["state"] @ h + w["state_bias"][0], 4)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    cell = {"rnn": rnn, "gru": gru, "lstm": lstm}[problem["cell"]]

    def loss(w: Any, xs: Any, ys: Any) -> Any:
        def step(state: Any, x: Any) -> Any:
            h, c = cell(w, x, *state)
            return (h, c), w["readout"][0] @ h

        zeros = jnp.zeros(w["readout"].shape[1])
        _, predicted = jax.lax.scan(step, (zeros, zeros), xs)
        return ((predicted - ys) ** 2).mean()

    weights = {name: jnp.array(w) for name, w in problem["weights"].items()}
    return loss, weights, (jnp.array(problem["xs"]), jnp.array(problem["ys"]))


def gradient(problem: dict[str, Any]) -> Work:
    """A jitted value_and_grad, called from Python."""
    import jax

    loss, weights, data = _setup(problem)
    function = jax.jit(jax.value_and_grad(loss))

    def run() -> Any:
        return jax.block_until_ready(function(weights, *data))

    return Work(lambda: _numbers(problem, *run()), run)


def gradient_loop(problem: dict[str, Any]) -> Work:
    """Gradient descent inside a ``fori_loop``; nearly all of it is the gradient."""
    import jax

    loss, weights, data = _setup(problem)
    function = jax.grad(loss)

    @jax.jit
    def train(w: Any, xs: Any, ys: Any) -> Any:
        def step(_: Any, w: Any) -> Any:
            return jax.tree.map(lambda w, g: w - TINY * g, w, function(w, xs, ys))

        return jax.lax.fori_loop(0, LOOP, step, w)

    return Work(gradient(problem).answer, lambda: jax.block_until_ready(train(weights, *data)), per=LOOP)


def first_gradient(problem: dict[str, Any]) -> Work:
    """The first call: trace, compile, one gradient."""
    import jax

    loss, weights, data = _setup(problem)

    def run() -> Any:
        return jax.block_until_ready(jax.jit(jax.value_and_grad(loss))(weights, *data))

    return first_run(run, lambda result: _numbers(problem, *result))


def _numbers(problem: dict[str, Any], value: Any, gradient: dict[str, Any]) -> list[float]:
    """Return the value and the gradient in the order of the problem: JAX sorts the keys of a dictionary."""
    return [float(value), *(x for name in problem["weights"] for x in gradient[name].ravel().tolist())]
