"""Optimisers: what a step changes in the parameters, given their gradients.

The rule of each is one pure function on numbers,

    rule(parameter, gradient, state, hyper) -> (new parameter, new state)

written with operators and the functions of ``autograd`` only, so that it runs on floats and can be recorded and
compiled like any other function.  Names, rules and defaults are those of ``torch.optim``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from copy import copy
from functools import reduce
from typing import Any

from autograd import Value, clip, fsum, maximum, sqrt, where
from autograd.deferred import Deferred
from autograd.value import freezes
from nn.groups import ParameterGroup, group_of

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "clip_grad_norm_", "clip_grad_value_"]

State = tuple[Any, ...]


class Optimizer:
    """Base class: keeps the parameters, the hyper-parameters, and each parameter's state.

    Attributes:
        param_groups: The groups of parameters with hyper-parameters of their own: one, unless the parameters are given
            as ``[{"params": [...], "lr": 0.1}, {"params": [...]}]``.
        parameters: what is optimised.
        hyper: the numbers that the rule is steered by: ``lr``, ``step`` (that of the last step, from 1), and others.
        state: for each parameter the numbers that the rule carries from step to step.
        deferred: what gives ``state`` when it is asked for; None if it is there.

    >>> class SignDescent(Optimizer):             # an optimiser of your own: a rule, and the size of its state
    ...     state_size = 0
    ...     @staticmethod
    ...     def rule(parameter, gradient, state, hyper):
    ...         return parameter - hyper.lr * (1.0 if gradient > 0.0 else -1.0), state
    >>> x = Value(3.0)
    >>> optimizer = SignDescent([x], lr=0.5)
    >>> (x * x).backward(); optimizer.step(); x.data
    2.5
    """

    state_size: int  # how many numbers of state a parameter has; all start at 0
    _state: Any  # a list, or a Deferred in its place
    deferrable = ("_state",)  # where compiled functions may leave something that makes the list when it is asked for

    def __init__(self, parameters: Iterable[Value], **hyper: float) -> None:
        if hasattr(parameters, "parameters"):
            raise TypeError(f"{type(self).__name__} needs parameters, not their model: give model.parameters()")
        given = list(parameters)
        groups = given if given and isinstance(given[0], Mapping) else [{"params": given}]
        self.param_groups = [group_of(group, hyper) for group in groups]
        self.parameters = [parameter for group in self.param_groups for parameter in group.parameters]
        if not self.parameters:
            raise ValueError("an optimizer needs at least one parameter")
        for parameter in self.parameters:
            if not isinstance(parameter, Value):
                raise TypeError(f"parameters must be Values, got {parameter!r} of type {type(parameter).__name__}")
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError("a parameter is listed twice: it would move twice in each step")
        self.hyper = self.param_groups[0].hyper
        for group in self.param_groups[1:]:
            group.ratio = group.hyper.lr / self.lr if self.lr else 1.0
        self.state = [(0.0,) * self.state_size for _ in self.parameters]

    @staticmethod
    def rule(parameter: Any, gradient: Any, state: State, hyper: Any) -> tuple[Any, State]:
        """The parameter and its state after one step.

        >>> RMSprop.rule(3.0, 6.0, (0.0, 0.0), RMSprop([Value(3.0)], lr=0.5, alpha=0.0, eps=0.0).hyper)
        (2.5, (36.0, 0.0))
        """
        raise NotImplementedError

    @property
    def state(self) -> list[State]:
        """For each parameter the numbers that the rule carries from step to step.

        >>> x = Value(3.0)
        >>> optimizer = SGD([x], lr=0.1, momentum=0.5)
        >>> (x * x).backward(); optimizer.step(); optimizer.state
        [(6.0,)]
        """
        if type(self._state) is Deferred:
            self._state = self._state.fetch()
        found: list[State] = self._state
        return found

    @state.setter
    def state(self, state: list[State] | Deferred) -> None:
        self._state = state

    @property
    def deferred(self) -> Deferred | None:
        """What gives the state when it is asked for; None if it is there.

        >>> optimizer = SGD([Value(3.0)])
        >>> optimizer.state = Deferred(lambda: [(5.0,)])
        >>> optimizer.deferred is None, optimizer.state, optimizer.deferred is None
        (False, [(5.0,)], True)
        """
        return self._state if type(self._state) is Deferred else None

    def __getstate__(self) -> dict[str, Any]:
        """The attributes, for copies and pickles: with the state itself."""
        return {**vars(self), "_state": self.state}

    @property
    def lr(self) -> float:
        """The learning rate of the next step.

        >>> optimizer = SGD([Value(3.0)], lr=0.5)
        >>> optimizer.lr /= 2; optimizer.lr
        0.25
        """
        return float(self.hyper.lr)

    @lr.setter
    def lr(self, rate: float) -> None:
        for group in self.param_groups:
            group.hyper.lr = rate * group.ratio

    def _count(self, step: int) -> None:
        for group in self.param_groups:
            group.hyper.step = step

    def step(self) -> None:
        """Move every parameter by the rule, along its ``grad``; all of them or, if something goes wrong, none.

        A parameter that is frozen, by ``requires_grad_(False)``, stays what it is, and so does its state.

        >>> x = Value(3.0)
        >>> x.grad = 2.0
        >>> SGD([x], lr=0.5).step(); x.data
        2.0
        """
        before, states = [parameter.data for parameter in self.parameters], self.state
        self._count(self.hyper.step + 1)
        try:
            any_frozen = freezes[0] > 0
            hypers = [group.hyper for group in self.param_groups for _ in group.parameters]
            moved = [
                (number, state)
                if any_frozen and not parameter.requires_grad
                else self.rule(number, parameter.grad, state, hyper)
                for number, parameter, state, hyper in zip(before, self.parameters, states, hypers)
            ]
            for parameter, (number, _) in zip(self.parameters, moved):
                parameter.data = number
            self.state = [state for _, state in moved]
        except BaseException:  # Ctrl-C, too
            self._count(self.hyper.step - 1)
            self.state = states
            for parameter, number in zip(self.parameters, before):
                parameter.data = number
            raise

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0.

        >>> x = Value(3.0)
        >>> x.grad = 2.0
        >>> SGD([x]).zero_grad(); x.grad
        0.0
        """
        for parameter in self.parameters:
            parameter.grad = 0.0

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on, but for the parameters: what JSON and ``load_state_dict`` can take.

        >>> x = Value(3.0)
        >>> optimizer = SGD([x], lr=0.1, momentum=0.5)
        >>> (x * x).backward(); optimizer.step(); optimizer.state_dict()["state"]
        [[6.0]]
        """
        found: dict[str, Any] = {"state": [list(row) for row in self.state], "hyper": dict(vars(self.hyper))}
        if len(self.param_groups) > 1:
            found["groups"] = [dict(vars(group.hyper)) for group in self.param_groups]
        return found

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state_dict`` returned; its parameters were in the same order.

        Raises:
            ValueError: it is of another kind of optimiser, or of another number of parameters; nothing has changed.

        >>> x = Value(3.0)
        >>> optimizer, other = SGD([x], lr=0.1, momentum=0.5), SGD([x], lr=0.2, momentum=0.9)
        >>> other.load_state_dict(optimizer.state_dict()); other.lr
        0.1
        """
        hypers, numbers = state.get("groups", [state["hyper"]]), [tuple(map(float, row)) for row in state["state"]]
        alike = all(hyper.keys() == vars(self.hyper).keys() for hyper in hypers)
        if not alike or any(len(row) != self.state_size for row in numbers):
            raise ValueError(f"the state is not one of {self!r}, but with {', '.join(hypers[0])}")
        if len(hypers) != len(self.param_groups):
            raise ValueError(f"the state is of {len(hypers)} groups, but this optimizer has {len(self.param_groups)}")
        if len(numbers) != len(self.parameters):
            raise ValueError(
                f"the state is of {len(numbers)} parameters, but this optimizer has {len(self.parameters)}"
            )
        for group, hyper in zip(self.param_groups, hypers):
            vars(group.hyper).update(hyper)
            group.ratio = hyper["lr"] / hypers[0]["lr"] if hypers[0]["lr"] else group.ratio
        self.state = numbers

    # ---- a part of the parameters ----------------------------------------------------------------------------------
    def unfrozen(self) -> Optimizer:
        """The same optimiser for the parameters that are not frozen; itself, if none is.

        It shares the hyper-parameters.  ``adopt`` takes its state back.

        Raises:
            ValueError: All of them are frozen.

        >>> x, y = Value(1.0), Value(2.0).requires_grad_(False)
        >>> SGD([x, y]).unfrozen().parameters == [x]
        True
        """
        if all(parameter.requires_grad for parameter in self.parameters):
            return self
        part = copy(self)
        part.param_groups = []
        for group in self.param_groups:
            kept = ParameterGroup([p for p in group.parameters if p.requires_grad], group.hyper)
            kept.ratio = group.ratio
            part.param_groups.append(kept)
        part.parameters = [parameter for group in part.param_groups for parameter in group.parameters]
        if not part.parameters:
            raise ValueError("every parameter of the optimizer is frozen: set some free by requires_grad_(True)")
        part.state = [state for parameter, state in zip(self.parameters, self.state) if parameter.requires_grad]
        return part

    def adopt(self, part: Optimizer) -> None:
        """Go on with the state of ``unfrozen()``, after that has moved its parameters.

        >>> x, y = Value(1.0), Value(2.0).requires_grad_(False)
        >>> optimizer = SGD([x, y], momentum=0.5)
        >>> part = optimizer.unfrozen()
        >>> x.grad = 3.0; part.step(); optimizer.adopt(part); optimizer.state
        [(3.0,), (0.0,)]
        """
        if part is not self:
            new = dict(zip(part.parameters, part.state))
            self.state = [new.get(parameter, state) for parameter, state in zip(self.parameters, self.state)]

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value:g}" for name, value in vars(self.hyper).items())
        count = f"{len(self.parameters)} parameters"
        if len(self.param_groups) > 1:
            count += f" in {len(self.param_groups)} groups"
        return f"{type(self).__name__}({count}, {options})"


class SGD(Optimizer):
    """Gradient descent: θ ← θ − α g, or along a velocity that keeps part of its past.

        g ← g + weight_decay θ
        v ← momentum v + g
        θ ← θ − α v            (nesterov: θ ← θ − α (g + momentum v))

    >>> x = Value(3.0)
    >>> optimizer = SGD([x], lr=0.25)
    >>> (x * x).backward(); optimizer.step(); x.data
    1.5
    """

    state_size = 1

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum, such as 0.9")
        super().__init__(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)

    @staticmethod
    def rule(parameter: Any, gradient: Any, state: State, hyper: Any) -> tuple[Any, State]:
        if hyper.weight_decay:
            gradient = gradient + hyper.weight_decay * parameter
        if not hyper.momentum:
            return parameter - hyper.lr * gradient, state
        (velocity,) = state
        velocity = hyper.momentum * velocity + gradient
        direction = gradient + hyper.momentum * velocity if hyper.nesterov else velocity
        return parameter - hyper.lr * direction, (velocity,)


class Adam(Optimizer):
    """Steps of nearly equal length, by running means of the gradient and of its square.

        g ← g + weight_decay θ
        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
        θ ← θ − α m / (1 − β₁ᵗ) / (sqrt(v / (1 − β₂ᵗ)) + eps)       in step t = 1, 2, …

    With ``amsgrad`` the largest v so far takes the place of v, so that no step becomes longer again.

    Source: D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization" (2015); S. J. Reddi, S. Kale and
    S. Kumar, "On the Convergence of Adam and Beyond" (2018) for ``amsgrad``.

    >>> x = Value(3.0)
    >>> optimizer = Adam([x], lr=0.5)
    >>> (x * x).backward(); optimizer.step(); round(x.data, 6)
    2.5
    """

    state_size = 2

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        beta1, beta2 = betas
        self.state_size = 3 if amsgrad else 2
        super().__init__(
            parameters, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad
        )

    @staticmethod
    def rule(parameter: Any, gradient: Any, state: State, hyper: Any) -> tuple[Any, State]:
        if hyper.weight_decay:
            gradient = gradient + hyper.weight_decay * parameter
        return _adam(parameter, gradient, state, hyper)


class AdamW(Adam):
    """Adam with the decay of weights on its own: θ ← θ − α weight_decay θ, then a step of Adam without it.

    Source: I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization" (2019).

    >>> x = Value(3.0)
    >>> optimizer = AdamW([x], lr=0.5, weight_decay=0.0)
    >>> (x * x).backward(); optimizer.step(); round(x.data, 6)
    2.5
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay, amsgrad)

    @staticmethod
    def rule(parameter: Any, gradient: Any, state: State, hyper: Any) -> tuple[Any, State]:
        return _adam(parameter - hyper.lr * hyper.weight_decay * parameter, gradient, state, hyper)


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

    Source: G. Hinton, "Neural Networks for Machine Learning", lecture 6e (2012).

    >>> x = Value(3.0)
    >>> optimizer = RMSprop([x], lr=0.5, alpha=0.0)
    >>> (x * x).backward(); optimizer.step(); round(x.data, 6)
    2.5
    """

    state_size = 2

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        self.state_size = 3 if centered else 2
        super().__init__(
            parameters, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered
        )

    @staticmethod
    def rule(parameter: Any, gradient: Any, state: State, hyper: Any) -> tuple[Any, State]:
        v, velocity, *mean = state
        if hyper.weight_decay:
            gradient = gradient + hyper.weight_decay * parameter
        v = hyper.alpha * v + (1.0 - hyper.alpha) * gradient * gradient
        if mean:
            mean = [hyper.alpha * mean[0] + (1.0 - hyper.alpha) * gradient]
        spread = v - mean[0] * mean[0] if mean else v
        direction = gradient / (sqrt(spread) + hyper.eps)
        if hyper.momentum:
            direction = velocity = hyper.momentum * velocity + direction
        return parameter - hyper.lr * direction, (v, velocity, *mean)


OPTIMIZERS: dict[str, Any] = {kind.__name__.lower(): kind for kind in (SGD, Adam, AdamW, RMSprop)}


# ---- clipping, between backward and step -----------------------------------------------------------------------------
def clip_grad_value_(parameters: Iterable[Value], clip_value: float) -> None:
    """Limit every gradient to between -clip_value and clip_value, in place.

    Raises:
        ValueError: ``clip_value`` is not positive.

    >>> x = Value(0.0)
    >>> x.grad = -3.0
    >>> clip_grad_value_([x], 1.0); x.grad
    -1.0
    """
    if not clip_value > 0:
        raise ValueError(f"clip_value must be positive, got {clip_value}")
    for parameter in parameters:
        parameter.grad = clip(parameter.grad, -clip_value, clip_value)


def clip_grad_norm_(parameters: Iterable[Value], max_norm: float, norm_type: float = 2.0) -> float:
    """Shorten the vector of all gradients to a norm of at most ``max_norm``, in place.

    Args:
        parameters: whose gradients are meant.
        max_norm: the largest norm allowed.
        norm_type: p of the p-norm; ``math.inf`` for the largest absolute value.

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
    clipped = list(parameters)
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
