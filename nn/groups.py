"""Groups of an optimiser's parameters, each with hyper-parameters of its own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from types import SimpleNamespace
from typing import Any

from autograd import Value

__all__ = ["ParameterGroup", "group_of"]

_FRACTIONS = {"beta1", "beta2", "alpha"}  # hyper-parameters that must be less than 1


class ParameterGroup(MutableMapping[str, Any]):
    """Some of an optimiser's parameters, and the hyper-parameters of their rule, by name as in PyTorch.

    Args:
        parameters: The parameters, under the name "params".
        hyper: The hyper-parameters.

    Attributes:
        ratio: The group's learning rate, in units of that of the first group, which schedules change.

    >>> from nn import SGD
    >>> x, y = Value(3.0), Value(3.0)
    >>> optimizer = SGD([{"params": [x]}, {"params": [y], "lr": 0.5}], lr=0.1)
    >>> optimizer.param_groups[1]["lr"]
    0.5
    >>> optimizer.lr = 0.2; optimizer.param_groups[1]["lr"]
    1.0
    """

    def __init__(self, parameters: Iterable[Value], hyper: SimpleNamespace) -> None:
        self.parameters, self.hyper, self.ratio = list(parameters), hyper, 1.0

    def __getitem__(self, name: str) -> Any:
        return self.parameters if name == "params" else vars(self.hyper)[name]

    def __setitem__(self, name: str, x: Any) -> None:
        if name not in vars(self.hyper):
            raise KeyError(f"a parameter group has no {name!r}: it has {', '.join(self)}")
        setattr(self.hyper, name, _checked(name, x))

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"{name!r} is part of every group of this optimizer")

    def __iter__(self) -> Iterator[str]:
        return iter(["params", *vars(self.hyper)])

    def __len__(self) -> int:
        return 1 + len(vars(self.hyper))


def _checked(name: str, x: Any) -> Any:
    """A hyper-parameter, if it is in the range of its kind."""
    if not 0.0 <= x < math.inf:
        raise ValueError(f"{name} must be at least 0 and finite, got {x}")
    if name in _FRACTIONS and not x < 1.0:
        raise ValueError(f"{name} must be at least 0 and less than 1, got {x}")
    return x


def group_of(given: Any, hyper: Mapping[str, Any]) -> ParameterGroup:
    """A group of parameters with hyper-parameters of its own; the others are those of the optimiser.

    Args:
        given: A mapping of "params", and of the names of hyper-parameters, to what the group is to have.
        hyper: The hyper-parameters of the optimiser.

    Raises:
        TypeError: It is no such mapping.
        ValueError: A name is unknown, or a number is out of range.
    """
    if not isinstance(given, Mapping) or "params" not in given:
        raise TypeError(f'a parameter group is {{"params": [...], "lr": 0.1}}, or the like, got {given!r}')
    parameters, own = given["params"], {name: x for name, x in given.items() if name != "params"}
    if "betas" in own and "beta1" in hyper:
        own["beta1"], own["beta2"] = own.pop("betas")
    if unknown := [name for name in own if name not in hyper]:
        raise ValueError(f"a parameter group has no {unknown[0]!r}: it can have {', '.join(hyper)}")
    numbers = {name: _checked(name, x) for name, x in {**hyper, **own}.items()}
    return ParameterGroup(
        [parameters] if isinstance(parameters, Value) else parameters, SimpleNamespace(**numbers, step=0)
    )
