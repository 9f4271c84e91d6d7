"""One training step of a small network, written for each peer in its own idiom.

Forward, backward and the update θ ← θ − rate ∂J/∂θ of all parameters on the full batch, in
float64. The answer of each contestant: all parameters after STEPS steps from the same start.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from harness import Reading, Work, first_run
from problems import flat

STEPS = 10
LOOP = 1000  # steps inside one native loop
LOSSES = {"hinge": "hinge_loss", "cross_entropy": "cross_entropy"}  # what ours are called


def _arrays(problem: dict[str, Any], np: Any) -> tuple[Any, Any, list[tuple[Any, Any]]]:
    """Return X, y and per layer (Wᵀ, b) as arrays, so that a layer is X @ Wᵀ + b."""
    stacked = [np.array(layer) for layer in problem["layers"]]
    weights = [(np.ascontiguousarray(a[:, :-1].T), a[:, -1].copy()) for a in stacked]
    return np.array(problem["X"]), np.array(problem["y"]), weights


def _flat(np: Any, weights: Any) -> list[float]:
    """Return the parameters in the order of ``problems.flat``."""
    return [p for W, b in weights for p in np.column_stack([W.T, b]).ravel().tolist()]


def _after_steps(step: Callable[[], object], parameters: Callable[[], list[float]]) -> Callable[[], list[float]]:
    """Return the answer of a contestant: its parameters after STEPS steps."""

    def answer() -> list[float]:
        for _ in range(STEPS):
            step()
        return parameters()

    return answer


# --- hand-written numpy --------------------------------------------------------------------------
def numpy_step(problem: dict[str, Any]) -> Work:
    """The four formulas in matrix form, written by hand: what a careful person would write."""
    import numpy as np

    X, y, weights = _arrays(problem, np)
    n, relu = len(X), problem["activation"] == "relu"
    hinge, decay, rate = problem["loss"] == "hinge", 2 * problem["l2"], problem["rate"]
    rows = np.arange(n)
    column = y[:, None].astype(float)

    def step() -> None:
        activations = [X]
        for W, b in weights[:-1]:
            z = activations[-1] @ W
            z += b
            activations.append(np.maximum(z, 0, out=z) if relu else np.tanh(z, out=z))
        W, b = weights[-1]
        z = activations[-1] @ W + b
        if hinge:
            delta = np.where(column * z < 1, column * (-1 / n), 0.0)
        else:
            delta = np.exp(z - z.max(axis=1, keepdims=True))
            delta /= delta.sum(axis=1, keepdims=True)
            delta[rows, y] -= 1
            delta /= n
        for index in range(len(weights) - 1, -1, -1):
            (W, b), a = weights[index], activations[index]
            gradient, bias_gradient = a.T @ delta, delta.sum(axis=0)
            if index:
                delta = delta @ W.T
                delta *= (a > 0) if relu else 1 - a * a
            if decay:
                gradient += decay * W
                bias_gradient += decay * b
            W -= rate * gradient
            b -= rate * bias_gradient

    return Work(_after_steps(step, lambda: _flat(np, weights)), step)


def numpy_forward(problem: dict[str, Any]) -> Work:
    """The control: the forward pass alone, no gradients and no update (same answer by a step first)."""
    import numpy as np

    trained = numpy_step(problem)
    X, _, weights = _arrays(problem, np)
    relu = problem["activation"] == "relu"

    def forward() -> None:
        a = X
        for W, b in weights[:-1]:
            z = a @ W + b
            a = np.maximum(z, 0, out=z) if relu else np.tanh(z, out=z)
        a @ weights[-1][0] + weights[-1][1]

    return Work(trained.answer, forward)


# --- PyTorch -------------------------------------------------------------------------------------
def torch_step(problem: dict[str, Any]) -> Work:
    """Vectorised PyTorch as its tutorials write it: modules' functions, SGD from torch.optim."""
    import numpy as np
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(1)
    X, y, arrays = _arrays(problem, np)
    inputs, classes = torch.from_numpy(X), torch.from_numpy(y)
    weights = [[torch.tensor(W.T.copy(), requires_grad=True), torch.tensor(b, requires_grad=True)] for W, b in arrays]
    activation = torch.relu if problem["activation"] == "relu" else torch.tanh
    hinge = problem["loss"] == "hinge"
    optimizer = torch.optim.SGD(
        [p for pair in weights for p in pair], lr=problem["rate"], weight_decay=2 * problem["l2"]
    )

    def step() -> None:
        a = inputs
        for W, b in weights[:-1]:
            a = activation(F.linear(a, W, b))
        z = F.linear(a, *weights[-1])
        loss = torch.relu(1 - classes * z[:, 0]).mean() if hinge else F.cross_entropy(z, classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def parameters() -> list[float]:
        return _flat(np, [(W.detach().numpy().T, b.detach().numpy()) for W, b in weights])

    return Work(_after_steps(step, parameters), step)


# --- JAX -----------------------------------------------------------------------------------------
def _jax(problem: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    """Return jax, the update function, the parameters and the data."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    X, y, arrays = _arrays(problem, np)
    activation = jax.nn.relu if problem["activation"] == "relu" else jnp.tanh

    def loss(weights: Any, X: Any, y: Any) -> Any:
        a = X
        for W, b in weights[:-1]:
            a = activation(a @ W + b)
        z = a @ weights[-1][0] + weights[-1][1]
        if problem["loss"] == "hinge":
            J = jax.nn.relu(1 - y * z[:, 0]).mean()
        else:
            J = -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()
        penalty = sum((p * p).sum() for pair in weights for p in pair) if problem["l2"] else 0.0
        return J + problem["l2"] * penalty

    def update(weights: Any, X: Any, y: Any) -> Any:
        gradients = jax.grad(loss)(weights, X, y)
        return jax.tree.map(lambda p, g: p - problem["rate"] * g, weights, gradients)

    weights = [(jnp.asarray(W), jnp.asarray(b)) for W, b in arrays]
    return jax, update, weights, (jnp.asarray(X), jnp.asarray(y))


def jax_step(problem: dict[str, Any]) -> Work:
    """The jitted step, called from Python once per step."""
    import numpy as np

    jax, update, weights, data = _jax(problem)
    jitted = jax.jit(update)
    state = [weights]

    def step() -> None:
        state[0] = jax.block_until_ready(jitted(state[0], *data))

    return Work(_after_steps(step, lambda: _flat(np, state[0])), step)


def jax_first_step(problem: dict[str, Any]) -> Work:
    """Trace and compile the step, and run it once."""
    import numpy as np

    jax, update, weights, data = _jax(problem)

    def run() -> Any:
        return jax.block_until_ready(jax.jit(update)(weights, *data))

    return first_run(run, lambda weights: _flat(np, weights))


def jax_loop(problem: dict[str, Any]) -> Work:
    """The whole training loop inside one jitted ``fori_loop``."""
    import numpy as np

    jax, update, weights, data = _jax(problem)

    @jax.jit
    def train(weights: Any, X: Any, y: Any, steps: Any) -> Any:
        return jax.lax.fori_loop(0, steps, lambda _, w: update(w, X, y), weights)

    def run() -> None:
        jax.block_until_ready(train(weights, *data, LOOP))

    return Work(lambda: _flat(np, train(weights, *data, STEPS)), run, per=LOOP)


# --- scalar graphs, compiled ---------------------------------------------------------------------
def _scalar_loss(problem: dict[str, Any], weights: Any, x: Any, y: Any, tanh: Any, relu: Any) -> Any:
    """Return the hinge loss of one sample, scalar by scalar: for libraries that build expressions."""
    activation = relu if problem["activation"] == "relu" else tanh
    a = x
    for depth, layer in enumerate(weights):
        a = [sum((w * v for w, v in zip(neuron, a)), neuron[-1]) for neuron in layer]
        if depth < len(weights) - 1:
            a = [activation(z) for z in a]
    return relu(1 - y * a[0])


def _shaped(problem: dict[str, Any], parameters: Any) -> list[list[list[Any]]]:
    """Return a flat sequence of parameters in the shape of the problem's layers."""
    rest = iter(parameters)
    return [[[next(rest) for _ in neuron] for neuron in layer] for layer in problem["layers"]]


def _casadi_function(problem: dict[str, Any], count: int) -> Any:
    """Return the function from all parameters to the updated ones."""
    import casadi

    theta = casadi.SX.sym("theta", count)
    weights = _shaped(problem, casadi.vertsplit(theta))
    relu = functools.partial(casadi.fmax, 0)
    losses = [_scalar_loss(problem, weights, x, y, casadi.tanh, relu) for x, y in zip(problem["X"], problem["y"])]
    J = sum(losses) / len(losses) + problem["l2"] * casadi.sumsqr(theta)
    return casadi.Function("step", [theta], [theta - problem["rate"] * casadi.gradient(J, theta)])


def casadi_step(problem: dict[str, Any]) -> Work:
    """One SX function of all parameters that returns the updated ones, run by CasADi's machine."""
    import numpy as np

    count = len(flat(problem["layers"]))
    function = _casadi_function(problem, count)
    # CasADi's own way to call without conversions: memory bound once, then only triggered
    source, target = np.array(flat(problem["layers"])), np.empty(count)
    buffer, trigger = function.buffer()
    buffer.set_arg(0, source.data)
    buffer.set_res(0, target.data)

    def step(_owner: Any = buffer) -> None:  # the trigger does not keep its buffer alive
        trigger()
        source[:] = target

    return Work(_after_steps(step, lambda: list(source)), step)


def casadi_first_step(problem: dict[str, Any]) -> Work:
    """Build the graph of the whole data set and of its gradient, and run the first step."""
    import casadi  # noqa: F401  (imported before the clock starts)
    import numpy as np

    theta = np.array(flat(problem["layers"]))

    return first_run(
        lambda: _casadi_function(problem, len(theta))(theta), lambda result: result.full().ravel().tolist()
    )


def ddx_step(problem: dict[str, Any]) -> Work:
    """One sample's loss as a compiled equation, the data set as its batch of points."""
    import ddx
    import numpy as np

    initial = np.array(flat(problem["layers"]))
    samples = len(problem["X"])

    def relu(z: Any) -> Any:
        return ddx.max(z, 0.0)

    @ddx.equation
    def loss() -> Any:
        weights = _shaped(problem, [ddx.var(f"p{i}") for i in range(len(initial))])
        x = [ddx.param(f"x{i}") for i in range(len(problem["X"][0]))]
        return _scalar_loss(problem, weights, x, ddx.param("y"), ddx.tanh, relu)

    points = np.vstack([np.repeat(initial[:, None], samples, 1), np.array(problem["X"]).T, problem["y"]])
    call = loss.compile(points=samples, veclib=ddx.VecLib.AUTO).buffer(points, want=ddx.Want.GRADIENT)
    parameters, decay = initial.copy(), 2 * problem["l2"]

    def step() -> None:
        call()
        gradient = call.jacobian.mean(axis=-1).ravel() + decay * parameters
        parameters[:] -= problem["rate"] * gradient
        call.x[: len(parameters)] = parameters[:, None]

    return Work(_after_steps(step, lambda: list(parameters)), step)


# --- scalar graphs, eager ------------------------------------------------------------------------
def micrograd_step(problem: dict[str, Any]) -> Work:
    """micrograd's demo with its update (relu and hinge only: it has no other activation)."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    if (problem["activation"], problem["loss"]) != ("relu", "hinge"):
        raise ImportError("micrograd has relu only")
    sizes = [len(layer) for layer in problem["layers"]]
    model = MLP(len(problem["X"][0]), sizes)
    for p, value in zip(model.parameters(), flat(problem["layers"])):
        p.data = value

    def step() -> None:
        scores = [model([Value(v) for v in x]) for x in problem["X"]]
        losses = [(1 + -y * s).relu() for y, s in zip(problem["y"], scores)]
        total = sum(losses) * (1.0 / len(losses))
        total = total + problem["l2"] * sum(p * p for p in model.parameters())
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= problem["rate"] * p.grad

    return Work(_after_steps(step, lambda: [p.data for p in model.parameters()]), step)


# --- ours ----------------------------------------------------------------------------------------
def _ours(problem: dict[str, Any]) -> tuple[list[Any], Callable[[int], list[float]]]:
    """Return our network's parameters, and ``train(epochs)``: full batches from the same start; the seconds of each."""
    from autograd import compile as _  # noqa: F401  (without it the row says 'not available')
    from nn import MLP, SGD, fit

    sizes = [len(layer) for layer in problem["layers"]]
    model = MLP(len(problem["X"][0]), sizes, activation=problem["activation"])
    parameters = model.parameters()

    def train(epochs: int) -> list[float]:
        for p, value in zip(parameters, flat(problem["layers"]), strict=True):
            p.data = value
        optimizer = SGD(parameters, lr=problem["rate"], weight_decay=2 * problem["l2"])
        history = fit(
            model, problem["X"], problem["y"], loss=LOSSES[problem["loss"]], optimizer=optimizer,
            epochs=epochs, batch_size=len(problem["X"]), compile=True, progress=False,
        )  # fmt: skip
        return history.seconds

    return parameters, train


def _after_training(parameters: list[Any], train: Callable[[int], object]) -> Callable[[], list[float]]:
    def answer() -> list[float]:
        train(STEPS)
        return [p.data for p in parameters]

    return answer


def ours_step(problem: dict[str, Any]) -> Reading:
    """``fit(compile=True)``: the second half of a training, so that it has found its pace.

    What happens once per call (recording, compiling, writing the parameters back) is not in it; compiled.py asks for
    that in questions of its own.
    """
    parameters, train = _ours(problem)
    epochs = 100

    def read() -> float:
        nonlocal epochs
        while True:
            seconds = train(epochs)[epochs // 2 :]
            if sum(seconds) >= 0.1:  # long enough for the clock
                return sum(seconds) / len(seconds)
            epochs *= 4

    return Reading(_after_training(parameters, train), read)


def ours_first_step(problem: dict[str, Any]) -> Work:
    """``fit`` for one epoch: record a sample, compile, one step."""
    parameters, train = _ours(problem)

    return first_run(lambda: train(1), lambda _: [p.data for p in parameters])


def ours_naive_first_step(problem: dict[str, Any]) -> Work:
    """The loss of the whole data set as a plain loop, one node per + and *, compiled as it is."""
    from autograd import Value, relu, tanh
    from autograd import compile as compiled

    parameters = [Value(p) for p in flat(problem["layers"])]
    weights = _shaped(problem, parameters)

    def loss() -> Any:
        losses = [
            _scalar_loss(problem, weights, x, y, tanh, relu) for x, y in zip(problem["X"], problem["y"], strict=True)
        ]
        return sum(losses) / len(losses) + problem["l2"] * sum(p * p for p in parameters)

    function = compiled(loss)

    def run() -> None:
        function().backward()
        for p in parameters:
            p.data -= problem["rate"] * p.grad

    return first_run(run, lambda _: [p.data for p in parameters])
