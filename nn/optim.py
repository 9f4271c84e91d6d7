"""Optimisers: what a step changes in the parameters, given their gradients; and clipping, which shortens these before.

Each class is a rule and the numbers that steer it; the step around the rule is in ``optimizer.py``.  Names, rules and
defaults are those of ``torch.optim`` and ``torch.nn.utils``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import reduce
from typing import Any

from autograd import Value, clip, fsum, maximum, sqrt, where
from autograd.elementwise import elementwise
from autograd.names import lazy_names
from nn.optimizer import Optimizer, Parameters, State, pair_of
from nn.options import refuse_model

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "clip_grad_norm_", "clip_grad_value_"]


class SGD(Optimizer):
    """Gradient descent: θ ← θ − α g, or along a velocity that keeps part of its past.

        g ← g + weight_decay θ
        v ← momentum v + (1 − dampening) g          (in the first step v ← g)
        θ ← θ − α v            (nesterov: θ ← θ − α (g + momentum v))

    The learning rate α is ``lr``; for ``params`` see ``Optimizer``.  With ``maximize``, −g takes the place of g.

    Raises:
        TypeError, ValueError: See ``Optimizer``; also if ``nesterov`` is set without a momentum, or with a dampening.

    >>> x = Value(3.0)
    >>> optimizer = SGD([x], lr=0.25)
    >>> (x * x).backward(); optimizer.step(); x.data
    1.5
    """

    state_size = 1

    def __init__(
        self, params: Parameters, lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0,
        weight_decay: float = 0.0, nesterov: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        if nesterov and (not momentum or dampening):
            raise ValueError("nesterov needs a momentum, such as 0.9, and no dampening")
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov,
            maximize=maximize,
        )  # fmt: skip

    @staticmethod
    @elementwise
    def rule(parameter: Any, gradient: Any, state: State, hyper: Any) -> tuple[Any, State]:
        gradient = _decayed(parameter, gradient, hyper)
        if not hyper.momentum:
            return parameter - hyper.lr * gradient, state
        (velocity,) = state
        share = where(hyper.step > 1, 1.0 - hyper.dampening, 1.0) if hyper.dampening else 1.0
        velocity = hyper.momentum * velocity + share * gradient
        direction = gradient + hyper.momentum * velocity if hyper.nesterov else velocity
        return parameter - hyper.lr * direction, (velocity,)


class Adam(Optimizer):
    """Steps of nearly equal length, by running means of the gradient and of its square.

        g ← g + weight_decay θ
        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
        θ ← θ − α m / (1 − β₁ᵗ) / (sqrt(v / (1 − β₂ᵗ)) + eps)       in step t = 1, 2, …

    β₁ and β₂ are the ``betas``.  With ``amsgrad`` the largest v so far takes the place of v, so that no step becomes
    longer again.  For the other arguments see ``SGD``.

    Source: D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization" (2015); S. J. Reddi, S. Kale and
    S. Kumar, "On the Convergence of Adam and Beyond" (2018) for ``amsgrad``.

    >>> x = Value(3.0)
    >>> optimizer = Adam([x], lr=0.5)
    >>> (x * x).backward(); optimizer.step(); round(x.data, 6)
    2.5
    """

    state_size = 2

    def __init__(
        self, params: Parameters, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, amsgrad: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        beta1, beta2 = pair_of(betas)
        self.state_size = 3 if amsgrad else 2
        super().__init__(
            params, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad,
            maximize=maximize,
        )  # fmt: skip

    @staticmethod
    @elementwise
    def rule(parameter: Any, gradient: Any, state: State, hyper: Any) -> tuple[Any, State]:
        return _adam(parameter, _decayed(parameter, gradient, hyper), state, hyper)


class AdamW(Adam):
    """Adam with the decay of weights on its own: θ ← θ − α weight_decay θ, then a step of Adam without it.

    The arguments are those of ``Adam``.

    Source: I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization" (2019).

    >>> x = Value(3.0)
    >>> optimizer = AdamW([x], lr=0.5, weight_decay=0.0)
    >>> (x * x).backward(); optimizer.step(); round(x.data, 6)
    2.5
    """

    def __init__(
        self, params: Parameters, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    @staticmethod
    @elementwise
    def rule(parameter: Any, gradient: Any, state: State, hyper: Any) -> tuple[Any, State]:
        return _adam(parameter - hyper.lr * hyper.weight_decay * parameter, _downhill(gradient, hyper), state, hyper)


def _decayed(parameter: Any, gradient: Any, hyper: Any) -> Any:
    """The gradient of the loss, or of minus what is to be large, plus weight_decay/2 θ², the L2 penalty."""
    gradient = _downhill(gradient, hyper)
    return gradient + hyper.weight_decay * parameter if hyper.weight_decay else gradient


def _downhill(gradient: Any, hyper: Any) -> Any:
    """The gradient of what is to become small."""
    return -gradient if hyper.maximize else gradient


def _adam(parameter: Any, gradient: Any, state: State, hyper: Any) -> tuple[Any, State]:
    m, v, *largest = state
    m = hyper.beta1 * m + (1.0 - hyper.beta1) * gradient
    v = hyper.beta2 * v + (1.0 - hyper.beta2) * gradient * gradient
    if largest:
        largest = [maximum(largest[0], v)]
    square = largest[0] if largest else v
    mean, mean_square = m / (1.0 - hyper.beta1**hyper.step), square / (1.0 - hyper.beta2**hyper.step)
    return parameter - hyper.lr * mean / (sqrt(mean_square) + hyper.eps), (m, v, *largest)


class RMSprop(Optimizer):
    """Gradient descent with each step divided by the root of a running mean of the squared gradient.

        g ← g + weight_decay θ
        v ← alpha v + (1 − alpha) g²
        b ← momentum b + g / (sqrt(v) + eps)
        θ ← θ − α b

    With ``centered``, v − m² takes the place of v, where m is the running mean of g: the variance of the gradient.
    The learning rate α is ``lr``; for the other arguments see ``SGD``.

    Source: G. Hinton, "Neural Networks for Machine Learning", lecture 6e (2012).

    >>> x = Value(3.0)
    >>> optimizer = RMSprop([x], lr=0.5, alpha=0.0)
    >>> (x * x).backward(); optimizer.step(); round(x.data, 6)
    2.5
    """

    state_size = 2

    def __init__(
        self, params: Parameters, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0,
        momentum: float = 0.0, centered: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        self.state_size = 3 if centered else 2
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered,
            maximize=maximize,
        )  # fmt: skip

    @staticmethod
    @elementwise
    def rule(parameter: Any, gradient: Any, state: State, hyper: Any) -> tuple[Any, State]:
        v, velocity, *mean = state
        gradient = _decayed(parameter, gradient, hyper)
        v = hyper.alpha * v + (1.0 - hyper.alpha) * gradient * gradient
        if mean:
            mean = [hyper.alpha * mean[0] + (1.0 - hyper.alpha) * gradient]
        # The variance of equal gradients is 0, which rounding can make negative: the root would be nan.
        spread = maximum(v - mean[0] * mean[0], 0.0) if mean else v
        direction = gradient / (sqrt(spread) + hyper.eps)
        if hyper.momentum:
            direction = velocity = hyper.momentum * velocity + direction
        return parameter - hyper.lr * direction, (v, velocity, *mean)


OPTIMIZERS: dict[str, Any] = {kind.__name__.lower(): kind for kind in (SGD, Adam, AdamW, RMSprop)}

__getattr__ = lazy_names(__name__)


# ---- clipping: between ``backward`` and the step ---------------------------------------------------------------------
def clip_grad_value_(parameters: Iterable[Value], clip_value: float) -> None:
    """Limit the gradient of every parameter to between -clip_value and clip_value, in place.

    Raises:
        ValueError: ``clip_value`` is not positive.

    >>> x = Value(0.0)
    >>> x.grad = -3.0
    >>> clip_grad_value_([x], 1.0); x.grad
    -1.0
    """
    if not clip_value > 0:
        raise ValueError(f"clip_value must be positive, got {clip_value}")
    for parameter in _listed("clip_grad_value_", parameters):
        parameter.grad = clip(parameter.grad, -clip_value, clip_value)


def clip_grad_norm_(parameters: Iterable[Value], max_norm: float, norm_type: float = 2.0) -> float:
    """Shorten the vector of all gradients to a norm of at most ``max_norm``, in place.

        g ← g min(1, max_norm / ‖g‖)

    The norm is a p-norm with p = ``norm_type``; ``math.inf`` is for the largest absolute value.

    Returns:
        The norm as it was.

    Raises:
        ValueError: ``max_norm`` or ``norm_type`` is not positive.

    >>> x, y = Value(0.0), Value(0.0)
    >>> x.grad, y.grad = 3.0, 4.0
    >>> clip_grad_norm_([x, y], max_norm=1.0), round(x.grad, 6), round(y.grad, 6)
    (5.0, 0.6, 0.8)
    """
    if not (max_norm > 0 and norm_type > 0):
        raise ValueError(f"max_norm and norm_type must be positive, got {max_norm} and {norm_type}")
    clipped = _listed("clip_grad_norm_", parameters)
    sizes = [abs(parameter.grad) for parameter in clipped]
    largest = reduce(maximum, sizes, 0.0)
    norm = largest
    if 0.0 < largest < math.inf and norm_type != math.inf:  # scaled, so that no power overflows
        norm = largest * fsum((size / largest) ** norm_type for size in sizes) ** (1.0 / norm_type)
    scale = max_norm / (norm + 1e-6)  # PyTorch's guard against a division by 0
    shorter = where(scale < 1.0, scale, 1.0)
    for parameter in clipped:
        parameter.grad *= shorter
    return norm


def _listed(name: str, parameters: Iterable[Value]) -> list[Value]:
    refuse_model(name, parameters)
    return [parameters] if isinstance(parameters, Value) else list(parameters)
