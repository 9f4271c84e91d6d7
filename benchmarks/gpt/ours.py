"""The GPT on our engine: eagerly, with a compiled loss, and with the whole step under one decorator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Work, first_run

from gpt import scalar
from gpt.problem import BETA1, BETA2, EPSILON, RATE, one_hot


def _values(problem: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Return the weights as matrices of Values, and all of them in one list."""
    from autograd import Value

    w = {name: [[Value(x) for x in row] for row in matrix] for name, matrix in problem["weights"].items()}
    return w, [p for matrix in w.values() for row in matrix for p in row]


def _compiled_loss(w: dict[str, Any], loss: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``loss`` of these weights as a compiled function of the text."""
    from autograd import compile as compiled

    return compiled(lambda text: loss(w, text))


def _adam_by_hand(parameters: list[Any]) -> Callable[[], None]:
    """Return Adam as microgpt writes it: a loop over parameters, after ``backward``."""
    m, v = [0.0] * len(parameters), [0.0] * len(parameters)
    t = 0

    def update() -> None:
        nonlocal t
        t += 1
        for i, p in enumerate(parameters):
            m[i] = BETA1 * m[i] + (1 - BETA1) * p.grad
            v[i] = BETA2 * v[i] + (1 - BETA2) * p.grad**2
            m_hat, v_hat = m[i] / (1 - BETA1**t), v[i] / (1 - BETA2**t)
            p.data -= RATE * m_hat / (v_hat**0.5 + EPSILON)
            p.grad = 0.0

    return update


# --- one gradient ----------------------------------------------------------------------------------
def _first_gradients(problem: dict[str, Any], loss: Callable[..., Any], texts: list[Any]) -> Work:
    """The first call of each length: ``backward`` adds up the gradients of all texts."""
    from autograd import compile as _  # noqa: F401  (the compiler is imported before the clock starts)

    w, parameters = _values(problem)

    def run() -> list[float]:
        compiled = _compiled_loss(w, loss)
        values = []
        for text in texts:
            value = compiled(text)
            value.backward()
            values.append(value.data)
        return values

    return first_run(run, lambda values: [*values, *(p.grad for p in parameters)])


def first_gradients_one_hot(problem: dict[str, Any]) -> Work:
    """Texts as one-hot vectors."""
    return _first_gradients(problem, scalar.loss_one_hot, [[one_hot(t) for t in text] for text in problem["texts"]])


def first_gradients(problem: dict[str, Any]) -> Work:
    """Texts as integers."""
    return _first_gradients(problem, scalar.loss, problem["texts"])


def _gradient(parameters: list[Any], loss: Callable[[Any], Any], text: Any) -> Work:
    def run() -> Any:
        for p in parameters:
            p.grad = 0.0
        value = loss(text)
        value.backward()
        return value

    return Work(lambda: [run().data, *(p.grad for p in parameters)], run)


def gradient_one_hot(problem: dict[str, Any]) -> Work:
    """``compile``, one text of one-hot vectors: ``loss(text).backward()`` and gradients set back to zero."""
    w, parameters = _values(problem)
    text = [one_hot(t) for t in problem["texts"][0]]
    return _gradient(parameters, _compiled_loss(w, scalar.loss_one_hot), text)


def gradient(problem: dict[str, Any]) -> Work:
    """The same, one text of integers."""
    w, parameters = _values(problem)
    return _gradient(parameters, _compiled_loss(w, scalar.loss), problem["texts"][0])


def gradient_eager(problem: dict[str, Any]) -> Work:
    """The same without the decorator."""
    w, parameters = _values(problem)
    return _gradient(parameters, lambda text: scalar.loss(w, text), problem["texts"][0])


# --- whole steps -----------------------------------------------------------------------------------
def _whole_step(w: dict[str, Any], parameters: list[Any]) -> Callable[..., Any]:
    """Return loss, gradient and update as one compiled function."""
    import autograd
    from nn import Adam

    optimizer = Adam(parameters, lr=RATE, betas=(BETA1, BETA2), eps=EPSILON)

    @autograd.compile
    def step(text: Any) -> Any:
        value = scalar.loss(w, text)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value

    return step


def _whole_step_by_hand(w: dict[str, Any], parameters: list[Any]) -> Callable[..., Any]:
    """Return the same with the update as microgpt writes it."""
    import autograd

    update = _adam_by_hand(parameters)

    @autograd.compile
    def step(text: Any) -> Any:
        value = scalar.loss(w, text)
        value.backward()
        update()
        return value

    return step


def _loss_then_adam(loss: Callable[..., Any], parameters: list[Any]) -> Callable[..., Any]:
    """Return a step whose loss may be compiled, and whose update is a loop in Python."""
    update = _adam_by_hand(parameters)

    def step(text: Any) -> Any:
        value = loss(text)
        value.backward()
        update()
        return value

    return step


def first_steps(problem: dict[str, Any]) -> Work:
    """The first call of each length: the whole step compiled."""
    from autograd import compile as _  # noqa: F401  (the compiler is imported before the clock starts)

    w, parameters = _values(problem)

    def run() -> None:
        step = _whole_step(w, parameters)
        for text in problem["texts"]:
            step(text)

    return first_run(run, lambda nothing: [p.data for p in parameters])


def _stream(problem: dict[str, Any], parameters: list[Any], step: Callable[[Any], Any], texts: Any) -> Work:
    def run() -> None:
        for text in texts:
            step(text)

    def answer() -> list[float]:
        run()
        return [p.data for p in parameters]

    return Work(answer, run, per=len(texts))


def steps(problem: dict[str, Any]) -> Work:
    """The whole step compiled, with ``nn.Adam``."""
    w, parameters = _values(problem)
    return _stream(problem, parameters, _whole_step(w, parameters), problem["texts"])


def steps_by_hand(problem: dict[str, Any]) -> Work:
    """The whole step compiled, with Adam as a loop."""
    w, parameters = _values(problem)
    return _stream(problem, parameters, _whole_step_by_hand(w, parameters), problem["texts"])


def steps_loss(problem: dict[str, Any]) -> Work:
    """The loss compiled, Adam as a loop outside."""
    w, parameters = _values(problem)
    step = _loss_then_adam(_compiled_loss(w, scalar.loss), parameters)
    return _stream(problem, parameters, step, problem["texts"])


def steps_loss_one_hot(problem: dict[str, Any]) -> Work:
    """The same with texts of one-hot vectors."""
    w, parameters = _values(problem)
    step = _loss_then_adam(_compiled_loss(w, scalar.loss_one_hot), parameters)
    return _stream(problem, parameters, step, [[one_hot(t) for t in text] for text in problem["texts"]])


def steps_eager(problem: dict[str, Any]) -> Work:
    """Nothing compiled: what one has after deleting microgpt's own class and importing ours."""
    w, parameters = _values(problem)
    step = _loss_then_adam(lambda text: scalar.loss(w, text), parameters)
    return _stream(problem, parameters, step, problem["texts"])
