"""How weights start: each function draws one weight of a neuron with ``fan_in`` inputs in a layer of ``fan_out``."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from random import Random

from autograd.names import lazy_names

Initializer = Callable[[Random, int, int], float]


def uniform(random: Random, fan_in: int, fan_out: int) -> float:
    """Uniform between -1 and 1, whatever the size of the layer: simple, and right for a handful of inputs.

    Source: micrograd, whose draws are the same.
    """
    return random.uniform(-1, 1)


def xavier_uniform(random: Random, fan_in: int, fan_out: int) -> float:
    """Uniform between ±sqrt(6 / (fan_in + fan_out)), which keeps the spread of sigmoid and tanh from layer to layer.

    Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).
    """
    bound = sqrt(6.0 / (fan_in + fan_out))
    return random.uniform(-bound, bound)


def he_normal(random: Random, fan_in: int, fan_out: int) -> float:
    """Normal with standard deviation sqrt(2 / fan_in), which keeps the spread when half of the ReLUs are off.

    Source: K. He, X. Zhang, S. Ren and J. Sun, "Delving Deep into Rectifiers" (2015).
    """
    return random.gauss(0.0, sqrt(2.0 / fan_in))


def zeros(random: Random, fan_in: int, fan_out: int) -> float:
    """0: right for one neuron alone; in a hidden layer all neurons then stay the same for ever."""
    return 0.0


INITIALIZERS: dict[str, Initializer] = {f.__name__: f for f in (uniform, xavier_uniform, he_normal, zeros)}

__getattr__ = lazy_names(__name__)
