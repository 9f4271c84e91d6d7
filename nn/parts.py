"""Parts of networks under the names that PyTorch gives them, with its arguments, initial values and parameter names.

A sample is a list of numbers or Values, a sequence a list of such lists.  Each part is the expression that defines it;
the gradients come from the graph.  Weights are drawn from the module ``random``, or from ``rng``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from math import sqrt
from operator import index
from typing import Any

import autograd
from autograd import Value, constant, fsum, linear, square, sumprod, take
from autograd.labels import notation
from nn.activations import each_row
from nn.chance import random_number
from nn.module import Module
from nn.options import whole_number


# ---- initial values --------------------------------------------------------------------------------------------------
def parameters(symbol: str, draw: Callable[[], float], *shape: int) -> Any:
    """Leaves in lists of this shape, the outermost length first, each labelled by its place: w₂₃ is in row 2, column 3.

    >>> [[w.label for w in row] for row in parameters("w", lambda: 0.0, 2, 1)]
    [['w₁₁'], ['w₂₁']]
    """

    def grid(place: tuple[int, ...]) -> Any:
        if len(place) == len(shape):
            return Value(draw(), notation(symbol, None, *place))
        return [grid((*place, i)) for i in range(1, shape[len(place)] + 1)]

    return grid(())


def within(bound: float, rng: Any = None) -> Callable[[], float]:
    """A function that draws numbers between −bound and bound."""
    return lambda: (rng or random).uniform(-bound, bound)


def _sizes(**sizes: int) -> list[int]:
    return [whole_number(name, size, 1) for name, size in sizes.items()]


# ---- one after the other ---------------------------------------------------------------------------------------------
class Sequential(Module):
    """The parts one after the other; any function may be one of them.

    >>> model = Sequential(Linear(2, 3), lambda x: [abs(a) for a in x], Linear(3, 1))
    >>> len(model), model[2], [name for name, _ in model.named_parameters()][-1]
    (3, Linear(3, 1), '2.bias.0')
    """

    def __init__(self, *parts: Callable[[Any], Any]) -> None:
        for part in parts:
            if not callable(part) or isinstance(part, type):
                name = part.__name__ if isinstance(part, type) else repr(part)
                way_out = f"write {name}()" if isinstance(part, type) else "give modules and functions one by one"
                raise TypeError(f"a part of a Sequential is a module or a function, not {name}: {way_out}")
        vars(self).update({str(i): part for i, part in enumerate(parts)})

    def __len__(self) -> int:
        return sum(name.isdecimal() for name in vars(self))

    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return Sequential(*list(self)[at])
        return vars(self)[str(range(len(self))[at])]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __call__(self, x: Any) -> Any:
        for part in self:
            x = part(x)
        return x

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self))})"


class Linear(Module):
    """y_j = Σ_k w_jk x_k + b_j, of one sample of ``in_features`` numbers, or of each row.

    Weights and biases start uniform between ±1/sqrt(in_features).  The generator ``rng`` draws them, by default the
    module ``random``; without ``bias`` there is no b.

    >>> double = Linear(1, 1, bias=False)
    >>> double.weight[0][0].data = 2.0
    >>> double([3.0])[0].data, [y.data for (y,) in double([[3.0], [4.0]])]
    (6.0, [6.0, 8.0])
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, rng: Any = None) -> None:
        n, m = _sizes(in_features=in_features, out_features=out_features)
        draw = within(1.0 / sqrt(n), rng)
        self.weight = parameters("w", draw, m, n)
        self.bias = parameters("b", draw, m) if bias else None

    def __call__(self, x: Any) -> Any:
        return each_row(self._of_a_row, x)

    def _of_a_row(self, x: Sequence[Any]) -> list[Value]:
        if len(x) != len(self.weight[0]):
            raise ValueError(f"this Linear has {len(self.weight[0])} inputs, but got {len(x)} numbers")
        shared = [a if isinstance(a, Value) else constant(a) for a in x]  # one node per input, not one per weight
        return linear(shared, self.weight, self.bias) if self.bias else [sumprod(w, shared) for w in self.weight]

    def __repr__(self) -> str:
        return f"Linear({len(self.weight[0])}, {len(self.weight)}{'' if self.bias else ', bias=False'})"


class Embedding(Module):
    """A table with ``num_embeddings`` rows of parameters, which start normal with standard deviation 1.

    The input is the index of a row, or a list of indices.  Only the rows that were looked up get a gradient.

    >>> letters = Embedding(27, 2)
    >>> len(letters(5)), len(letters([5, 13, 13, 1]))
    (2, 4)
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, *, rng: Any = None) -> None:
        n, m = _sizes(num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.weight = parameters("e", lambda: (rng or random).gauss(0.0, 1.0), n, m)

    def __call__(self, x: Any) -> Any:
        if hasattr(x, "__len__") and not isinstance(x, str):
            return [self(i) for i in x]
        if not hasattr(x, "__index__") and not isinstance(x, int):
            raise TypeError(f"an Embedding takes the index of a row, not {x!r}: give an index, as in names.index(x)")
        if not 0 <= x < len(self.weight):
            raise IndexError(f"there are rows 0 to {len(self.weight) - 1}, not {x}")
        return list(take(self.weight, x if isinstance(x, int) else index(x)))


class Dropout(Module):
    """In training, each number is 0 with probability p, and the others are divided by 1 − p, which keeps the mean.

    ``fit`` compiles it, and draws new random numbers for each sample in each step.  A function that is decorated with
    ``autograd.compile`` is compiled in eval mode; in training mode it runs without the compiler.  ``inplace`` is
    accepted for programs from PyTorch, and ignored: the results are the same.

    Source: N. Srivastava and others, "Dropout" (2014).

    >>> dropout = Dropout(0.25, rng=random.Random(0))
    >>> dropout([3.0, 3.0, 3.0, 3.0]), dropout.eval()([3.0, 3.0, 3.0, 3.0])
    ([4.0, 4.0, 4.0, 4.0], [3.0, 3.0, 3.0, 3.0])
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng: Any = None) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"p must be a probability, from 0 to 1, got {p}")
        self.p, self.rng = p, rng  # not the module random, which cannot be copied or saved

    def __call__(self, x: Any) -> Any:
        if hasattr(x, "__len__"):
            return [self(part) for part in x]
        return random_number(self._factor) * x if self.training else x

    def _factor(self) -> float:
        """The factor of one number, by p and the mode as they are now: a compiled training asks at each step."""
        if not self.training:
            return 1.0
        return 0.0 if (self.rng or random).random() < self.p else 1.0 / (1.0 - self.p)


# ---- normalization ---------------------------------------------------------------------------------------------------
class LayerNorm(Module):
    """(x − mean) / sqrt(variance + eps) over the numbers of one row, then scaled and shifted by parameters.

    Source: J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer Normalization" (2016).

    >>> [round(a.data, 3) for a in LayerNorm(3)([1.0, 2.0, 3.0])]
    [-1.225, 0.0, 1.225]
    """

    def __init__(
        self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True
    ) -> None:
        (n,) = _sizes(normalized_shape=normalized_shape)
        self.n, self.eps = n, eps
        self.weight = parameters("g", lambda: 1.0, n) if elementwise_affine else None
        self.bias = parameters("b", lambda: 0.0, n) if elementwise_affine and bias else None

    def __call__(self, x: Any) -> Any:
        return each_row(self._of_a_row, x)

    def _of_a_row(self, x: Sequence[Any]) -> list[Any]:
        _check_length(self, x, self.n)
        mean = fsum(x) / self.n
        spread = autograd.sqrt(fsum([square(a - mean) for a in x]) / self.n + self.eps)
        return _scaled([(a - mean) / spread for a in x], self.weight, self.bias)


class RMSNorm(Module):
    """x / sqrt(mean of x² + eps) over the numbers of one row, then scaled by parameters.

    Source: B. Zhang and R. Sennrich, "Root Mean Square Layer Normalization" (2019).

    >>> [round(a.data, 3) for a in RMSNorm(2)([3.0, 4.0])]
    [0.849, 1.131]
    """

    def __init__(self, normalized_shape: int, eps: float | None = None, elementwise_affine: bool = True) -> None:
        (n,) = _sizes(normalized_shape=normalized_shape)
        self.n, self.eps = n, 2.0**-52 if eps is None else eps  # PyTorch's default for double precision
        self.weight = parameters("g", lambda: 1.0, n) if elementwise_affine else None

    def __call__(self, x: Any) -> Any:
        return each_row(self._of_a_row, x)

    def _of_a_row(self, x: Sequence[Any]) -> list[Any]:
        _check_length(self, x, self.n)
        size = autograd.sqrt(fsum([square(a) for a in x]) / self.n + self.eps)
        return _scaled([a / size for a in x], self.weight, None)


def _scaled(x: list[Any], weight: Any, bias: Any) -> list[Any]:
    if weight:
        x = [w * a for w, a in zip(weight, x, strict=True)]
    return [a + b for a, b in zip(x, bias, strict=True)] if bias else x


def _check_length(part: Module, x: Sequence[Any], expected: int, what: str = "numbers in a row") -> None:
    if len(x) != expected:
        raise ValueError(f"this {type(part).__name__} is for {expected} {what}, but got {len(x)}")


# ---- pictures --------------------------------------------------------------------------------------------------------
class Conv2d(Module):
    """y_o at (i, j) = b_o + Σ over channels c and positions (k, l) of the window of w_ockl x_c at (i + k, j + l).

    All positions share the same weights, so that a weight gets the sum of the gradients at all positions.  The input is
    one picture: for each channel, a list of rows.

    Args:
        in_channels, out_channels: The number of channels of the input and of the output.
        kernel_size: The side of the window, or its height and width.
        stride: The step from one position of the window to the next.
        padding: The number of zeros that are added on each side of the picture.
        bias: Whether there is a b.

    >>> edges = Conv2d(1, 1, (1, 2), bias=False)
    >>> for w, number in zip(edges.weight[0][0][0], [-1.0, 1.0]):
    ...     w.data = number
    >>> [[y.data for y in row] for row in edges([[[0.0, 0.0, 5.0, 5.0]]])[0]]
    [[0.0, 5.0, 0.0]]
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int], stride: int = 1,
        padding: int = 0, *, bias: bool = True, rng: Any = None,
    ) -> None:  # fmt: skip
        height, width = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
        shape = _sizes(out_channels=out_channels, in_channels=in_channels, kernel_size=height, kernel_width=width)
        self.stride, self.padding = whole_number("stride", stride, 1), whole_number("padding", padding, 0)
        draw = within(1.0 / sqrt(shape[1] * height * width), rng)
        self.weight = parameters("w", draw, *shape)
        self.bias = parameters("b", draw, out_channels) if bias else None

    def __call__(self, x: Sequence[Sequence[Sequence[Any]]]) -> list[list[list[Any]]]:
        if x and not all(hasattr(row, "__len__") for channel in x for row in channel):
            raise ValueError(
                "a picture is a list of channels, each a list of rows: give [rows] if there is one channel"
            )
        _check_length(self, x, len(self.weight[0]), "channels")
        sizes = {(len(channel), len(row)) for channel in x for row in channel}
        if len(sizes) != 1:
            raise ValueError(f"all rows of a picture must have the same length, in all channels, got {sorted(sizes)}")
        x = [_padded(channel, self.padding) for channel in x]
        height, width = len(self.weight[0][0]), len(self.weight[0][0][0])
        flat = [[w for channel in kernel for row in channel for w in row] for kernel in self.weight]
        biases = self.bias or [0.0] * len(flat)

        def window(i: int, j: int) -> list[Any]:
            return [a for channel in x for row in channel[i : i + height] for a in row[j : j + width]]

        if len(x[0]) < height or len(x[0][0]) < width:
            raise ValueError(f"a window of {height} by {width} does not fit on {len(x[0])} by {len(x[0][0])} numbers")
        rows = range(0, len(x[0]) - height + 1, self.stride)
        columns = range(0, len(x[0][0]) - width + 1, self.stride)
        places = [[linear(window(i, j), flat, biases) for j in columns] for i in rows]  # all channels at each place
        return [[[at[o] for at in row] for row in places] for o in range(len(flat))]


def _padded(channel: Sequence[Sequence[Any]], padding: int) -> list[list[Any]]:
    sides, width = [0.0] * padding, len(channel[0]) + 2 * padding
    above = [[0.0] * width for _ in range(padding)]
    return [*above, *[[*sides, *row, *sides] for row in channel], *above]
