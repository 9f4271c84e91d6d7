"""Losses as modules, as PyTorch also has them: options first, then the output and its target."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, ClassVar

from nn import losses
from nn.module import Module
from nn.options import check_known


class _Criterion(Module):
    """A loss with its options."""

    _function: ClassVar[Any]

    def __init_subclass__(cls, function: Callable[..., Any] | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if function:  # a class of a user keeps that of the class above
            cls._function = staticmethod(function)

    def __init__(self, **options: Any) -> None:
        _, _, *known = signature(self._function).parameters
        weighted = f"lambda z, y: weight[y] * nn.{self._function.__name__}(z, y)"
        check_known(type(self).__name__, options, known, {"weight": weighted})
        self.options = options

    @property
    def plain(self) -> Callable[[Any, Any], Any]:
        """The function alone if there are no options, for which ``fit`` and ``accuracy`` know more; else itself."""
        return self if self.options else self._function

    def __call__(self, input: Any, target: Any) -> Any:
        return self._function(input, target, **self.options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={given!r}' for name, given in self.options.items())})"


class MSELoss(_Criterion, function=losses.mse_loss):
    """The module of ``mse_loss``.

    >>> MSELoss()([1.0, 2.0], [1.0, 5.0]), MSELoss(reduction="sum")([1.0, 2.0], [1.0, 5.0])
    (4.5, 9.0)
    """


class L1Loss(_Criterion, function=losses.l1_loss):
    """The module of ``l1_loss``.

    >>> L1Loss()([1.0, 2.0], [1.0, 5.0])
    1.5
    """


class HuberLoss(_Criterion, function=losses.huber_loss):
    """The module of ``huber_loss``.

    >>> HuberLoss(delta=2.0)([3.0], [0.0])
    4.0
    """


class BCELoss(_Criterion, function=losses.binary_cross_entropy):
    """The module of ``binary_cross_entropy``.

    >>> BCELoss()([0.5], [1.0])
    0.6931471805599453
    """


class BCEWithLogitsLoss(_Criterion, function=losses.binary_cross_entropy_with_logits):
    """The module of ``binary_cross_entropy_with_logits``.

    >>> BCEWithLogitsLoss()([0.0], [1.0])
    0.6931471805599453
    """


class CrossEntropyLoss(_Criterion, function=losses.cross_entropy):
    """The module of ``cross_entropy``.

    >>> CrossEntropyLoss()([[0.0, 0.0], [0.0, 0.0]], [0, 1])
    0.6931471805599453
    """


class NLLLoss(_Criterion, function=losses.nll_loss):
    """The module of ``nll_loss``.

    >>> NLLLoss()([-1.0, -0.5], 1)
    0.5
    """
