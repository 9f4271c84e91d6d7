"""Value and gradient of one formula, ``problems.expression``, written for each peer.

At one point, called from Python with five floats, and at many points at once. The answer of each
contestant: the value and the five partial derivatives (at many points: their sums).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from harness import Work
from problems import expression

Point = tuple[float, ...]
Points = list[list[float]]


def _sums(values: Any, gradients: Any) -> list[float]:
    """Return the sum of the values and of each partial derivative over the points."""
    return [math.fsum(values), *(math.fsum(g) for g in gradients)]


# --- control -------------------------------------------------------------------------------------
def python_point(point: Point) -> Work:
    """The control: the value alone, plain Python floats; its gradient by complex steps in the answer."""

    def answer() -> list[float]:
        import cmath

        # f(x + ih) = f(x) + ih f'(x): exact to rounding for h = 1e-30, and needs no derivative rule
        h = 1e-30j
        shifted = [[x + h * (i == k) for i, x in enumerate(point)] for k in range(5)]
        return [expression(math, *point), *(expression(cmath, *p).imag / 1e-30 for p in shifted)]

    return Work(answer, lambda: expression(math, *point))


def numpy_points(points: Points) -> Work:
    """The control: the values alone, vectorised numpy; gradients by complex steps in the answer."""
    import numpy as np

    X = [np.array(p) for p in points]

    def answer() -> list[float]:
        gradients = []
        for k in range(5):
            shifted = [x + 1e-30j * (i == k) for i, x in enumerate(X)]
            gradients.append(expression(np, *shifted).imag / 1e-30)
        return _sums(expression(np, *X), gradients)

    return Work(answer, lambda: expression(np, *X), per=len(X[0]))


# --- PyTorch -------------------------------------------------------------------------------------
def torch_point(point: Point) -> Work:
    """Eager PyTorch on 0-d tensors."""
    import torch

    torch.set_num_threads(1)

    def run() -> list[float]:
        inputs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in point]
        value = expression(torch, *inputs)
        return [value.item(), *(g.item() for g in torch.autograd.grad(value, inputs))]

    return Work(run, run)


def torch_points(points: Points) -> Work:
    """Eager PyTorch, vectorised over the points."""
    import torch

    torch.set_num_threads(1)
    inputs = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in points]

    def run() -> Any:
        values = expression(torch, *inputs)
        return values, torch.autograd.grad(values, inputs, torch.ones_like(values))

    def answer() -> list[float]:
        values, gradients = run()
        return _sums(values.tolist(), [g.tolist() for g in gradients])

    return Work(answer, run, per=len(points[0]))


# --- JAX -----------------------------------------------------------------------------------------
def _jax_function() -> tuple[Any, Callable[..., Any]]:
    import jax
    import jax.numpy as jnp

    def f(*x: Any) -> Any:
        return expression(jnp, *x)

    return jax, jax.value_and_grad(f, argnums=(0, 1, 2, 3, 4))


def jax_point(point: Point) -> Work:
    """Jitted value_and_grad, called with five floats."""
    jax, function = _jax_function()
    compiled = jax.jit(function)

    def run() -> Any:
        return jax.block_until_ready(compiled(*point))

    def answer() -> list[float]:
        value, gradient = run()
        return [value, *gradient]

    return Work(answer, run)


def jax_points(points: Points) -> Work:
    """Jitted vmap of value_and_grad."""
    jax, function = _jax_function()
    compiled = jax.jit(jax.vmap(function))
    inputs = [jax.numpy.array(p) for p in points]

    def run() -> Any:
        return jax.block_until_ready(compiled(*inputs))

    def answer() -> list[float]:
        values, gradients = run()
        return _sums(values.tolist(), [g.tolist() for g in gradients])

    return Work(answer, run, per=len(points[0]))


# --- CasADi --------------------------------------------------------------------------------------
def _casadi_function() -> tuple[Any, Any]:
    import casadi

    x = casadi.SX.sym("x", 5)
    value = expression(casadi, *casadi.vertsplit(x))
    return casadi, casadi.Function("f", [x], [value, casadi.gradient(value, x)])


def casadi_point(point: Point) -> Work:
    """A Function of SX, called as one calls it: numbers in, matrices out."""
    _, function = _casadi_function()
    argument = list(point)

    def answer() -> list[float]:
        value, gradient = function(argument)
        return [float(value), *map(float, gradient.full().ravel())]

    return Work(answer, lambda: function(argument))


def casadi_buffer(point: Point) -> Work:
    """The same through CasADi's buffer: memory bound once, the point written, then triggered."""
    import numpy as np

    _, function = _casadi_function()
    source, value, gradient = np.empty(5), np.empty(1), np.empty(5)
    buffer, trigger = function.buffer()
    buffer.set_arg(0, source.data)
    buffer.set_res(0, value.data)
    buffer.set_res(1, gradient.data)

    def run(_owner: Any = buffer) -> Any:  # the trigger does not keep its buffer alive
        source[:] = point
        trigger()
        return value, gradient

    def answer() -> list[float]:
        run()
        return [*value, *gradient]

    return Work(answer, run)


def casadi_points(points: Points) -> Work:
    """The Function mapped over the points, called through the buffer."""
    import numpy as np

    _, function = _casadi_function()
    number = len(points[0])
    mapped = function.map(number)
    source, values, gradients = np.array(points).T.copy(), np.empty(number), np.empty((number, 5))
    buffer, trigger = mapped.buffer()
    buffer.set_arg(0, source.ravel().data)
    buffer.set_res(0, values.data)
    buffer.set_res(1, gradients.reshape(-1).data)

    def run(_owner: Any = buffer) -> None:  # the trigger does not keep its buffer alive
        trigger()

    def answer() -> list[float]:
        run()
        return _sums(values, gradients.T)

    return Work(answer, run, per=number)


# --- ddx -----------------------------------------------------------------------------------------
def _ddx_equation(points: int, veclib: str = "NONE") -> Any:
    import ddx

    equation = ddx.equation(lambda: expression(ddx, *(ddx.var(name) for name in "abcde")))
    return equation.compile(points=points, veclib=ddx.VecLib[veclib])


def ddx_point(point: Point) -> Work:
    """The compiled equation, called as one calls it: numbers in, value and gradient out."""
    equation = _ddx_equation(1)
    argument = list(point)

    def answer() -> list[float]:
        value, gradient = equation.jacobian(argument)
        return [value, *gradient]

    return Work(answer, lambda: equation.jacobian(argument))


def ddx_buffer(point: Point) -> Work:
    """The same through its buffer: memory bound once, the point written, then called."""
    import numpy as np

    equation = _ddx_equation(1)
    call = equation.buffer(np.array(point))

    def run() -> Any:
        call.x[:] = point
        call()
        return call.value, call.jacobian

    def answer() -> list[float]:
        value, gradient = run()
        return [value, *gradient]

    return Work(answer, run)


def ddx_points(points: Points, veclib: str = "NONE") -> Work:
    """The compiled equation on a batch, through its buffer, with the options it comes with."""
    import numpy as np

    equation = _ddx_equation(len(points[0]), veclib)
    call = equation.buffer(np.array(points))

    def answer() -> list[float]:
        call()
        return _sums(call.value, call.jacobian)

    return Work(answer, call, per=len(points[0]))


def ddx_veclib_points(points: Points) -> Work:
    """The same with the platform's vector math library, which is off unless asked for."""
    return ddx_points(points, "AUTO")


# --- ours ----------------------------------------------------------------------------------------
def _compiled() -> Any:
    import autograd
    from autograd import compile as compiled

    return compiled(lambda *x: expression(autograd, *x))


def ours_point(point: Point) -> Work:
    """``compile(f).value_and_grad(*point)``."""
    function = _compiled()

    def answer() -> list[float]:
        value, gradient = function.value_and_grad(*point)
        return [value, *gradient]

    return Work(answer, lambda: function.value_and_grad(*point))


def ours_points(points: Points) -> Work:
    """``compile(f).map(*arrays)``."""
    import numpy as np

    function = _compiled()
    arrays = [np.array(p) for p in points]

    def answer() -> list[float]:
        values, gradients = function.map(*arrays)
        return _sums(values, gradients)

    return Work(answer, lambda: function.map(*arrays), per=len(points[0]))
