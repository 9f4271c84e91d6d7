"""The GPT in JAX: one program for all lengths, since every text is padded to 16 positions and masked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Work, first_run

from gpt.problem import BETA1, BETA2, EPSILON, EPSILON_NORM, HEAD, HEADS, RATE, SHAPES, WIDTH, padded

LOOP = 256  # steps inside one native loop
TINY = 1e-9  # the rate of a gradient descent that is only there to make each gradient depend on the last


def _model() -> Any:
    """Return loss(weights, text, length): text of integers, of which length + 1 count."""
    import jax
    import jax.numpy as jnp

    def rmsnorm(x: Any) -> Any:
        return x * ((x * x).mean(axis=1, keepdims=True) + EPSILON_NORM) ** -0.5

    def heads(x: Any) -> Any:
        return x.reshape(-1, HEADS, HEAD).transpose(1, 0, 2)

    def loss(w: Any, text: Any, length: Any) -> Any:
        x = rmsnorm(w["token"][text[:-1]] + w["position"])
        residual, x = x, rmsnorm(x)
        q, k, v = (heads(x @ w[name].T) for name in ("query", "key", "value"))
        causal = jnp.tril(jnp.ones((len(x), len(x)), bool))
        scores = jnp.where(causal, q @ k.transpose(0, 2, 1) / HEAD**0.5, -jnp.inf)
        x = (jax.nn.softmax(scores) @ v).transpose(1, 0, 2).reshape(-1, WIDTH)
        x = x @ w["output"].T + residual
        residual, x = x, rmsnorm(x)
        x = jax.nn.relu(x @ w["up"].T) @ w["down"].T + residual
        log_shares = jax.nn.log_softmax(x @ w["logits"].T)
        chosen = jnp.take_along_axis(log_shares, text[1:, None], axis=1)[:, 0]
        return -jnp.where(jnp.arange(len(chosen)) < length, chosen, 0.0).sum() / length

    return loss


def _arrays(problem: dict[str, Any]) -> tuple[dict[str, Any], Any, Any]:
    import jax.numpy as jnp

    texts, lengths = padded(problem["texts"], len(problem["weights"]["position"]))
    return {name: jnp.array(w) for name, w in problem["weights"].items()}, jnp.array(texts), jnp.array(lengths)


def _flat(matrices: dict[str, Any]) -> list[float]:
    return [x for name in SHAPES for x in matrices[name].ravel().tolist()]


def _adam() -> Callable[..., Any]:
    """Return step((weights, m, v, t), text, length): one step of Adam on one text."""
    import jax
    import jax.numpy as jnp

    gradient = jax.grad(_model())

    def step(state: Any, text: Any, length: Any) -> Any:
        w, m, v, t = state
        g = gradient(w, text, length)
        m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, g)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, g)

        def update(w: Any, m: Any, v: Any) -> Any:
            return w - RATE * (m / (1 - BETA1**t)) / (jnp.sqrt(v / (1 - BETA2**t)) + EPSILON)

        return jax.tree.map(update, w, m, v), m, v, t + 1

    return step


def _fresh(weights: dict[str, Any]) -> Any:
    """Return Adam's state before the first step."""
    import jax

    zeros = jax.tree.map(lambda w: 0.0 * w, weights)
    return weights, zeros, zeros, 1.0


def first_gradients(problem: dict[str, Any]) -> Work:
    """The first call of all lengths: value and gradient of one text after the other, one program."""
    import jax

    weights, texts, lengths = _arrays(problem)
    data = list(zip(list(texts), list(lengths)))  # no slicing of arrays within the clock

    def run() -> Any:
        function = jax.jit(jax.value_and_grad(_model()))
        return [jax.block_until_ready(function(weights, *text)) for text in data]

    def numbers(results: Any) -> list[float]:
        total = jax.tree.map(lambda *g: sum(g), *[gradient for _, gradient in results])
        return [*(float(value) for value, _ in results), *_flat(total)]

    return first_run(run, numbers)


def first_steps(problem: dict[str, Any]) -> Work:
    """The first call of all lengths: a step of Adam for one text after the other, one program."""
    import jax

    weights, texts, lengths = _arrays(problem)
    data = list(zip(list(texts), list(lengths)))
    state = _fresh(weights)

    def run() -> Any:
        step = jax.jit(_adam())
        last = state
        for text in data:
            last = jax.block_until_ready(step(last, *text))
        return last[0]

    return first_run(run, _flat)


def gradient(problem: dict[str, Any]) -> Work:
    """One text: a jitted value_and_grad, called from Python."""
    import jax

    weights, texts, lengths = _arrays(problem)
    function = jax.jit(jax.value_and_grad(_model()))
    text, length = texts[0], lengths[0]  # no slicing of arrays within the clock

    def run() -> Any:
        return jax.block_until_ready(function(weights, text, length))

    def answer() -> list[float]:
        value, g = run()
        return [float(value), *_flat(g)]

    return Work(answer, run)


def gradient_loop(problem: dict[str, Any]) -> Work:
    """One text: steps of gradient descent inside a ``fori_loop``; nearly all of it is the gradient."""
    import jax

    weights, texts, lengths = _arrays(problem)
    function = jax.value_and_grad(_model())

    @jax.jit
    def train(w: Any, text: Any, length: Any) -> Any:
        def step(_: Any, w: Any) -> Any:
            return jax.tree.map(lambda w, g: w - TINY * g, w, function(w, text, length)[1])

        return jax.lax.fori_loop(0, LOOP, step, w)

    def answer() -> list[float]:
        value, g = function(weights, texts[0], lengths[0])
        return [float(value), *_flat(g)]

    return Work(answer, lambda: jax.block_until_ready(train(weights, texts[0], lengths[0])), per=LOOP)


def steps(problem: dict[str, Any]) -> Work:
    """Adam on the stream: a jitted step, called from Python once per name."""
    import jax

    weights, texts, lengths = _arrays(problem)
    data = list(zip(list(texts), list(lengths)))
    step, state = jax.jit(_adam()), _fresh(weights)

    def run() -> None:
        nonlocal state
        for text in data:
            state = jax.block_until_ready(step(state, *text))

    def answer() -> list[float]:
        run()
        return _flat(state[0])

    return Work(answer, run, per=len(data))


def step_loop(problem: dict[str, Any]) -> Work:
    """Adam on the stream: all steps inside one jitted ``fori_loop``."""
    import jax

    weights, texts, lengths = _arrays(problem)
    number, step, state = len(texts), _adam(), _fresh(weights)

    @jax.jit
    def train(state: Any, texts: Any, lengths: Any, steps: Any) -> Any:
        return jax.lax.fori_loop(0, steps, lambda i, s: step(s, texts[i % number], lengths[i % number]), state)

    def run() -> None:
        nonlocal state
        state = jax.block_until_ready(train(state, texts, lengths, LOOP))

    def answer() -> list[float]:
        return _flat(train(state, texts, lengths, number)[0])

    return Work(answer, run, per=LOOP)
