"""The base class of all optimisers: parameters in groups, their state, and the step that applies a rule to each.

The rule of an optimiser is one pure function on numbers,

    rule(parameter, gradient, state, hyper) -> (new parameter, new state)

written with operators and the functions of ``autograd`` only, so that it runs on floats and can be recorded and
compiled like any other function.  The rules themselves are in ``optim.py``.

A schedule changes one learning rate, that of the first group.  The rates of the others follow in the ratio that they
have to it:

    rates 0.1, 0.5      optimizer.lr = 0.2      rates 0.2, 1.0
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from copy import copy
from itertools import chain
from types import SimpleNamespace
from typing import Any

from autograd import Value
from autograd.conversions import all_free, freezes
from autograd.elementwise import Deferred, each
from nn.options import check_options, refuse_model

State = tuple[Any, ...]
Parameters = Iterable[Value | Mapping[str, Any]]  # parameters, or groups of them
_FRACTIONS = frozenset({"beta1", "beta2", "alpha"})  # hyper-parameters that must be less than 1
_SHARED = frozenset({"amsgrad", "centered"})  # these decide how much state a parameter has, in all groups alike


class Optimizer:
    """Base class: keeps the parameters, the hyper-parameters, and each parameter's state.

    Args:
        params: The parameters to optimise, or groups of them: ``[{"params": [...], "lr": 0.1}, ...]``.
        hyper: The hyper-parameters by name, for all groups that do not say otherwise.

    Raises:
        TypeError: The parameters are no Values, or a model was given instead of its parameters.
        ValueError: There is no parameter, one is listed twice or no leaf, or a hyper-parameter is out of range.

    Attributes:
        param_groups: The groups, each with hyper-parameters of its own; one, unless several are given.
        parameters: The parameters of all groups.
        hyper: The hyper-parameters of the first group: ``lr``, ``step`` (that of the last step, from 1), and others.

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

    def __new__(cls, *args: Any, **options: Any) -> Any:
        check_options(cls, options)
        return super().__new__(cls)

    def __init__(self, params: Parameters, **hyper: float) -> None:
        refuse_model(type(self).__name__, params)
        if isinstance(params, Value):
            raise TypeError(f"{type(self).__name__} needs a list of parameters: give [v] for one")
        if callable(params):
            raise TypeError(f"{type(self).__name__} takes parameters: write model.parameters(), with parentheses")
        given = list(params)
        groups = given if given and isinstance(given[0], Mapping) else [{"params": given}]
        self.param_groups = [group_of(group, hyper) for group in groups]
        of_groups = [group.parameters for group in self.param_groups]
        self.parameters = of_groups[0] if len(of_groups) == 1 else list(chain.from_iterable(of_groups))
        if not self.parameters:
            raise ValueError("an optimizer needs at least one parameter")
        for parameter in self.parameters:
            if not isinstance(parameter, Value):
                raise TypeError(f"parameters must be Values, got {parameter!r} of type {type(parameter).__name__}")
            if parameter.parents:
                raise ValueError(
                    f"{parameter!r} is the result of {parameter.op.name}, and its new number would be lost: an "
                    "optimizer changes leaves, so give the Values that it is computed from"
                )
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError("a parameter is listed twice: each step would update it twice")
        self.hyper = self.param_groups[0].hyper
        if len(self.param_groups) > 1:
            note_rates(self.param_groups)
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
        """The object that makes the state when it is asked for; None if the state is there.

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
        """The learning rate of the next step; of several groups that of the first.

        Setting it changes the rates of all groups, which keep their ratios.

        Raises:
            TypeError: The new rate is no number.
            ValueError: It is negative, infinite or nan.

        >>> optimizer = SGD([Value(3.0)], lr=0.5)
        >>> optimizer.lr /= 2; optimizer.lr
        0.25
        """
        return float(self.hyper.lr)

    @lr.setter
    def lr(self, rate: float) -> None:
        rate = checked("lr", rate)
        if len(self.param_groups) > 1 and any(group.hyper.lr != group.rate for group in self.param_groups):
            note_rates(self.param_groups)  # somebody has set the rate of a group: that holds from now on
        for group in self.param_groups:
            group.hyper.lr = group.rate = rate * group.ratio

    def _count(self, step: int) -> None:
        for group in self.param_groups:
            group.hyper.step = step

    def step(self) -> None:
        """Move every parameter by the rule, along its ``grad``; all of them or, if something goes wrong, none.

        A parameter that is frozen, by ``requires_grad_(False)``, or whose ``grad`` is None, stays what it is, and so
        does its state.

        >>> x = Value(3.0)
        >>> x.grad = 2.0
        >>> SGD([x], lr=0.5).step(); x.data
        2.0
        """
        before, states, count = [parameter.data for parameter in self.parameters], self.state, self.hyper.step
        try:
            self._count(count + 1)
            any_frozen = freezes[0] is not None
            moved, end = list(zip(before, states)), 0
            for group in self.param_groups:
                start, end = end, end + len(group.parameters)
                own = enumerate(group.parameters, start)
                free = [k for k, p in own if (not any_frozen or p.requires_grad) and p.grad is not None]
                rows = [(before[k], self.parameters[k].grad, states[k]) for k in free]
                for k, result in zip(free, each(self.rule, rows, group.hyper)):
                    moved[k] = result
            for parameter, (number, _) in zip(self.parameters, moved):
                parameter.data = number
            self.state = [state for _, state in moved]
        except BaseException:  # Ctrl-C, too
            self._count(count)
            self.state = states
            for parameter, number in zip(self.parameters, before):
                parameter.data = number
            raise

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradient of every parameter to 0; ``set_to_none``, an argument of PyTorch's, is ignored.

        >>> x = Value(3.0)
        >>> x.grad = 2.0
        >>> SGD([x]).zero_grad(); x.grad
        0.0
        """
        for parameter in self.parameters:
            parameter.grad = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Everything but the parameters that the next step depends on, in a form for JSON and ``load_state_dict``.

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
            ValueError: It is of another kind of optimiser, or of another number of parameters, or of no optimiser at
                all; nothing has changed.

        >>> x = Value(3.0)
        >>> optimizer, other = SGD([x], lr=0.1, momentum=0.5), SGD([x], lr=0.2, momentum=0.9)
        >>> other.load_state_dict(optimizer.state_dict()); other.lr
        0.1
        """
        if not {"hyper", "state"} <= state.keys():
            held = ", ".join(map(repr, state)) or "nothing"
            raise ValueError(f"this is not the state of an optimizer, it holds {held}")
        hypers, numbers = state.get("groups", [state["hyper"]]), [tuple(map(float, row)) for row in state["state"]]
        alike = all(hyper.keys() == vars(self.hyper).keys() for hyper in hypers)
        if not alike or any(len(row) != self.state_size for row in numbers):
            raise ValueError(f"the state does not belong to {self!r}, but has {', '.join(hypers[0])}")
        counts = ("groups", len(hypers), len(self.param_groups)), ("parameters", len(numbers), len(self.parameters))
        for what, given, own in counts:
            if given != own:
                raise ValueError(f"the state is of {given} {what}, but this optimizer has {own}")
        for group, hyper in zip(self.param_groups, hypers):
            vars(group.hyper).update(hyper)
        if len(hypers) > 1:
            note_rates(self.param_groups)
        self.state = numbers

    # ---- a part of the parameters ----------------------------------------------------------------------------------
    def unfrozen(self) -> Optimizer:
        """The same optimiser for the parameters that are not frozen; itself, if none is.

        It shares the hyper-parameters, and has no group that is frozen as a whole.  ``adopt`` takes its state back.

        Raises:
            ValueError: All of them are frozen.

        >>> x, y = Value(1.0), Value(2.0).requires_grad_(False)
        >>> SGD([x, y]).unfrozen().parameters == [x]
        True
        """
        if all_free(self.parameters):
            return self
        part = copy(self)
        part.param_groups = []
        for group in self.param_groups:
            kept = ParameterGroup([p for p in group.parameters if p.requires_grad], group.hyper)
            kept.ratio, kept.rate = group.ratio, group.rate
            if kept.parameters:
                part.param_groups.append(kept)
        if not part.param_groups:
            raise ValueError("every parameter of the optimizer is frozen: unfreeze some by requires_grad_(True)")
        part.hyper = part.param_groups[0].hyper
        part.parameters = [parameter for group in part.param_groups for parameter in group.parameters]
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
            self._count(part.hyper.step)
            new = dict(zip(part.parameters, part.state))
            self.state = [new.get(parameter, state) for parameter, state in zip(self.parameters, self.state)]

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value:g}" for name, value in vars(self.hyper).items())
        groups = f" in {len(self.param_groups)} groups" if len(self.param_groups) > 1 else ""
        return f"{type(self).__name__}({len(self.parameters)} parameters{groups}, {options})"


# ---- groups of parameters, each with hyper-parameters of its own -----------------------------------------------------
class ParameterGroup(MutableMapping[str, Any]):
    """Some of an optimiser's parameters, called "params", and the hyper-parameters of their rule, as in PyTorch.

    >>> x, y = Value(3.0), Value(3.0)
    >>> optimizer = SGD([{"params": [x]}, {"params": [y], "lr": 0.5}], lr=0.1)
    >>> optimizer.param_groups[1]["lr"]
    0.5
    >>> optimizer.lr = 0.2; optimizer.param_groups[1]["lr"]
    1.0
    """

    def __init__(self, parameters: Iterable[Value], hyper: SimpleNamespace) -> None:
        self.parameters, self.hyper = list(parameters), hyper
        self.ratio = 1.0  # the group's learning rate, in units of that of the first group, which schedules change
        self.rate = getattr(hyper, "lr", 0.0)  # for which the ratio was noted; another one was set since by hand

    def __getitem__(self, name: str) -> Any:
        if name == "betas" and "beta1" in vars(self.hyper):  # PyTorch's name for both
            return self.hyper.beta1, self.hyper.beta2
        return self.parameters if name == "params" else vars(self.hyper)[name]

    def __setitem__(self, name: str, x: Any) -> None:
        if name == "betas" and "beta1" in vars(self.hyper):
            self["beta1"], self["beta2"] = pair_of(x)
            return
        if name not in vars(self.hyper):
            raise KeyError(f"a parameter group has no {name!r}: it has {', '.join(self)}")
        _check_shared(name, x, vars(self.hyper))
        setattr(self.hyper, name, checked(name, x))

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"{name!r} is part of every group of this optimizer")

    def __iter__(self) -> Iterator[str]:
        return iter(["params", *vars(self.hyper)])

    def __len__(self) -> int:
        return 1 + len(vars(self.hyper))


def pair_of(betas: Any) -> tuple[Any, Any]:
    """The two hyper-parameters of Adam that are given as one."""
    if not hasattr(betas, "__len__") or len(betas) != 2:
        raise TypeError(f"betas must be two numbers, such as (0.9, 0.999), got {betas!r}")
    return betas[0], betas[1]


def checked(name: str, x: Any) -> Any:
    """A hyper-parameter, if it is in the range of its kind."""
    try:
        in_range = 0.0 <= x < math.inf
    except TypeError:
        raise TypeError(f"{name} must be a number, got {x!r}") from None
    if not in_range:
        raise ValueError(f"{name} must be at least 0 and finite, got {x}")
    if name in _FRACTIONS and not x < 1.0:
        raise ValueError(f"{name} must be at least 0 and less than 1, got {x}")
    return x


def _check_shared(name: str, x: Any, hyper: Mapping[str, Any]) -> None:
    """Refuse an option of one group that the others do not have."""
    if name in _SHARED and bool(x) != bool(hyper[name]):
        raise ValueError(f"{name} holds for all groups: give it to the optimizer, as in Optimizer(groups, {name}={x})")


def note_rates(groups: Sequence[ParameterGroup]) -> None:
    """Remember the ratio of each group's learning rate to that of the first group, unless that is 0."""
    first = groups[0].hyper.lr
    for group in groups:
        group.rate = group.hyper.lr
        if first:
            group.ratio = group.rate / first


def group_of(given: Any, hyper: Mapping[str, Any]) -> ParameterGroup:
    """A group of parameters with hyper-parameters of its own; the others are those of the optimiser."""
    if not isinstance(given, Mapping) or "params" not in given:
        found = f"one with {', '.join(map(repr, given)) or 'nothing'}" if isinstance(given, Mapping) else repr(given)
        raise TypeError(f'a parameter group is a dictionary such as {{"params": [...], "lr": 0.1}}, got {found}')
    parameters, own = given["params"], {name: x for name, x in given.items() if name != "params"}
    if "betas" in own and "beta1" in hyper:
        own["beta1"], own["beta2"] = pair_of(own.pop("betas"))
    if unknown := [name for name in own if name not in hyper]:
        raise ValueError(f"a parameter group has no {unknown[0]!r}: it can have {', '.join(hyper)}")
    for name, x in own.items():
        _check_shared(name, x, hyper)
    numbers = {name: checked(name, x) for name, x in {**hyper, **own}.items()}
    several = [parameters] if isinstance(parameters, Value) else parameters
    return ParameterGroup(several, SimpleNamespace(**numbers, step=0))
