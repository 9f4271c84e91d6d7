"""Activations as PyTorch names them: functions of one number or of a row, and the modules that ``Sequential`` wants."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from autograd import elu, leaky_relu, logsumexp, relu, sigmoid, silu, softmax, softplus, tanh
from autograd import gelu as gelu_by_erf
from nn.module import Module
from nn.options import check_name


# ---- functions -------------------------------------------------------------------------------------------------------
def gelu(x: Any, approximate: str = "none") -> Any:
    """x Φ(x), where Φ is the normal distribution function; with ``approximate="tanh"`` as the first GPTs computed it.

        ½ x (1 + tanh(sqrt(2/π) (x + 0.044715 x³)))

    Source: D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units (GELUs)" (2016).

    Raises:
        ValueError: ``approximate`` is neither "none" nor "tanh".

    >>> round(gelu(1.0), 4), round(gelu(1.0, approximate="tanh"), 4)
    (0.8413, 0.8412)
    """
    check_name("approximation", approximate, ["none", "tanh"], "leave it out")
    if approximate == "none":
        return gelu_by_erf(x)
    return 0.5 * x * (1.0 + tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


def log_softmax(xs: Iterable[Any]) -> list[Any]:
    """[x_i − log Σ e^x_j for each i]: the logarithms of ``softmax``, without overflow.

    >>> [round(a, 6) for a in log_softmax([0.0, 1000.0])]
    [-1000.0, 0.0]
    """
    terms = list(xs)
    total = logsumexp(terms)
    return [x - total for x in terms]


# ---- modules ---------------------------------------------------------------------------------------------------------
def each_number(f: Callable[[Any], Any], x: Any) -> Any:
    """f of every number in a list of any depth, in lists of the same form."""
    return [each_number(f, part) for part in x] if hasattr(x, "__len__") else f(x)


def each_row(f: Callable[[Any], Any], x: Any) -> Any:
    """f of every innermost list; PyTorch calls it the last dimension."""
    if isinstance(x, str):
        raise TypeError(f"expected a list of numbers, not the text {x!r}: number the letters or words of a text first")
    if not hasattr(x, "__len__"):
        raise TypeError(f"expected a list of numbers, not {x!r} alone: a sample is a list, as in [x]")
    return [each_row(f, part) for part in x] if len(x) and hasattr(x[0], "__len__") else f(x)


class _Activation(Module):
    """A module without parameters."""


class _OfNumbers(_Activation):
    """An activation of each number by itself, without options."""

    _f: ClassVar[Any]

    def __init_subclass__(cls, f: Callable[[Any], Any] | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if f:  # a class of a user keeps that of the class above
            cls._f = staticmethod(f)

    def __call__(self, x: Any) -> Any:
        return each_number(type(self)._f, x)


class Identity(_OfNumbers, f=lambda x: x):
    """x: where a part is wanted that does nothing.

    >>> Identity()([1.0, 2.0])
    [1.0, 2.0]
    """


class ReLU(_OfNumbers, f=relu):
    """x where it is positive, else 0.

    ``inplace``, here and in other activations, is only accepted, for programs written for PyTorch.

    >>> ReLU()([[-1.0, 2.0]])
    [[0.0, 2.0]]
    """

    def __init__(self, inplace: bool = False) -> None:
        pass


class Sigmoid(_OfNumbers, f=sigmoid):
    """1 / (1 + e^−x).

    >>> Sigmoid()([0.0])
    [0.5]
    """


class Tanh(_OfNumbers, f=tanh):
    """The hyperbolic tangent.

    >>> Tanh()([0.0])
    [0.0]
    """


class SiLU(_OfNumbers, f=silu):
    """x σ(x).

    >>> [round(a, 4) for a in SiLU()([1.0, -1.0])]
    [0.7311, -0.2689]
    """

    def __init__(self, inplace: bool = False) -> None:
        pass


class Softplus(_OfNumbers, f=softplus):
    """log(1 + e^x), for every x; PyTorch's takes x itself for it from 20 on, which is off by up to 2e-9.

    >>> [round(a, 4) for a in Softplus()([0.0, 50.0])]
    [0.6931, 50.0]
    """


class LeakyReLU(_Activation):
    """x where it is positive, else ``negative_slope`` x.

    >>> LeakyReLU()([-1.0, 2.0])
    [-0.01, 2.0]
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope = negative_slope

    def __call__(self, x: Any) -> Any:
        return each_number(lambda a: leaky_relu(a, self.negative_slope), x)


class ELU(_Activation):
    """x where it is positive, else ``alpha`` (e^x − 1).

    >>> ELU()([2.0, -1000.0])
    [2.0, -1.0]
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha = alpha

    def __call__(self, x: Any) -> Any:
        return each_number(lambda a: elu(a, self.alpha), x)


class GELU(_Activation):
    """x Φ(x), or its approximation by tanh: see ``gelu``.

    >>> [round(a, 4) for a in GELU()([1.0, -1.0])]
    [0.8413, -0.1587]
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate
        gelu(0.0, approximate)  # refuses an unknown name

    def __call__(self, x: Any) -> Any:
        return each_number(lambda a: gelu(a, self.approximate), x)


class Softmax(_Activation):
    """e^x_i / Σ e^x_j along the innermost lists.

    Raises:
        ValueError: ``dim`` is not -1.

    >>> Softmax()([[0.0, 0.0], [-1000.0, 1000.0]])
    [[0.5, 0.5], [0.0, 1.0]]
    """

    def __init__(self, dim: int = -1) -> None:
        if dim != -1:
            raise ValueError(f"{type(self).__name__} works along the innermost lists, dim=-1, not {dim}")

    def __call__(self, x: Any) -> Any:
        return each_row(softmax, x)


class LogSoftmax(Softmax):
    """The logarithm of ``Softmax``, without overflow.

    >>> [round(a, 6) for a in LogSoftmax()([0.0, 1000.0])]
    [-1000.0, 0.0]
    """

    def __call__(self, x: Any) -> Any:
        return each_row(log_softmax, x)
