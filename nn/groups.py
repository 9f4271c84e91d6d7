"""Groups of an optimiser's parameters, each with hyper-parameters of its own.

A schedule changes one learning rate, that of the first group.  The rates of the others follow in the ratio that they
have to it:

    rates 0.1, 0.5      optimizer.lr = 0.2      rates 0.2, 1.0
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from types import SimpleNamespace
from typing import Any

from autograd import Value

_FRACTIONS = frozenset({"beta1", "beta2", "alpha"})  # hyper-parameters that must be less than 1
_SHARED = frozenset({"amsgrad", "centered"})  # these decide how much state a parameter has, in all groups alike


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
    """A group of parameters with hyper-parameters of its own; the others are those of the optimiser.

    Raises:
        TypeError: It is no such mapping.
        ValueError: A name is unknown, a number is out of range, or an option can only be that of all groups.
    """
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
    return ParameterGroup(
        [parameters] if isinstance(parameters, Value) else parameters, SimpleNamespace(**numbers, step=0)
    )
