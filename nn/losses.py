"""Losses: how far outputs are from targets, as one number to make small.

Names, arguments and defaults are those of ``torch.nn.functional``.  Outputs are a Value, a list (one sample), or lists
in a list (many samples), and targets are numbers in the same shape.  ``reduction`` is "mean" over all of them, "sum",
or "none" for the losses one by one, in the shape of the targets.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from inspect import cleandoc, signature
from math import nan
from typing import Any, ClassVar

from autograd import abs, clip, exp, fsum, log, logsumexp, relu, softplus, square, sumprod, where
from nn.data import numbers_of
from nn.module import Module
from nn.options import check_known, check_name, refuse_model


# ---- squared and absolute errors -------------------------------------------------------------------------------------
def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Squared error: Σ (a − y)² / k, without the division for "sum".

    >>> mse_loss([1.0, 2.0], [1.0, 5.0]), mse_loss([1.0, 2.0], [1.0, 5.0], reduction="sum")
    (4.5, 9.0)
    """
    return _reduce(_pairwise(lambda a, y: square(a - y), input, target), reduction)


def half_mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Half the squared error: Σ (a − y)² / 2k, whose derivative with respect to a is (a − y) / k.

    >>> half_mse_loss([1.0, 2.0], [1.0, 5.0])
    2.25
    """
    return _reduce(_pairwise(lambda a, y: 0.5 * square(a - y), input, target), reduction)


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Absolute error: Σ |a − y| / k.

    >>> l1_loss([1.0, 2.0], [1.0, 5.0])
    1.5
    """
    return _reduce(_pairwise(lambda a, y: abs(a - y), input, target), reduction)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """½ (a − y)² up to a distance of delta, δ (|a − y| − δ/2) beyond: outliers pull with a constant force only.

    >>> huber_loss([0.5, 3.0], [0.0, 0.0], reduction="none")
    [0.125, 2.5]
    """
    if not delta > 0:
        raise ValueError(f"delta must be positive, got {delta}")

    def huber(a: Any, y: Any) -> Any:
        distance = abs(a - y)
        return where(distance < delta, 0.5 * square(distance), delta * (distance - 0.5 * delta))

    return _reduce(_pairwise(huber, input, target), reduction)


# ---- two classes -----------------------------------------------------------------------------------------------------
def hinge_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """max(0, 1 − y s) for a score s and a target of -1 or +1: nothing to gain beyond a margin of 1.

    >>> hinge_loss([2.0, 0.5], [1, -1], reduction="none")
    [0.0, 1.5]
    """
    return _reduce(_pairwise(lambda score, y: relu(1.0 - y * score), input, target), reduction)


def binary_cross_entropy(input: Any, target: Any, reduction: str = "mean") -> Any:
    """−y log p − (1 − y) log(1 − p) for a probability p, with logarithms of at least -100 as in PyTorch.

    From a network's last weighted input z use ``binary_cross_entropy_with_logits``, which is exact for all z.

    Raises:
        ValueError: A probability is not between 0 and 1 (compiled: the loss is nan).

    >>> binary_cross_entropy([0.5, 0.0], [1.0, 1.0], reduction="none")
    [0.6931471805599453, 100.0]
    """
    return _reduce(_pairwise(_binary_cross_entropy, input, target), reduction)


def _binary_cross_entropy(p: Any, y: Any) -> Any:
    q = 1.0 - p
    truths = (p >= 0.0, q >= 0.0)
    if any(truth is False for truth in truths):  # none is while the compiler records a graph
        raise ValueError(f"{p:g} is no probability: binary_cross_entropy_with_logits takes any number")
    log_p, log_q = (log(where(x < 0.0, nan, clip(x, low=_E_MINUS_100))) for x in (p, q))
    return -(y * log_p + (1.0 - y) * log_q)


_E_MINUS_100 = exp(-100.0)


def binary_cross_entropy_with_logits(input: Any, target: Any, reduction: str = "mean", pos_weight: float = 1.0) -> Any:
    """−y log σ(z) − (1 − y) log(1 − σ(z)) for a logit z, finite and exact however large z is.

    The first term, of the positive class, is multiplied by ``pos_weight``.

    >>> binary_cross_entropy_with_logits([0.0, 1000.0, 1000.0], [1.0, 1.0, 0.0], reduction="none")
    [0.6931471805599453, 0.0, 1000.0]
    """

    def loss(z: Any, y: Any) -> Any:
        positive = y * softplus(-z)
        return (positive if pos_weight == 1.0 else pos_weight * positive) + (1.0 - y) * softplus(z)

    return _reduce(_pairwise(loss, input, target), reduction)


# ---- several classes -------------------------------------------------------------------------------------------------
def cross_entropy(input: Any, target: Any, reduction: str = "mean", label_smoothing: float = 0.0) -> Any:
    """−log softmax(z)_y for the logits z and the index y of the right class; for probabilities y, −Σ y log softmax(z).

    The mean is over the samples.  Of the target, the part ``label_smoothing`` is spread evenly over all classes.

    Raises:
        ValueError: An index is not one of a class, lengths differ, or ``label_smoothing`` is not from 0 to 1.

    >>> cross_entropy([0.0, 0.0], 1), cross_entropy([0.0, 1000.0], [0.5, 0.5])
    (0.6931471805599453, 500.0)
    """
    if not _is_list(input):
        raise ValueError("cross_entropy needs one logit per class; with one logit use binary_cross_entropy_with_logits")
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"label_smoothing must be from 0 to 1, got {label_smoothing}")

    def loss(logits: Sequence[Any], target: Any) -> Any:
        own = _cross_entropy(logits, target)
        if not label_smoothing:
            return own
        evenly = _cross_entropy(logits, [1.0 / len(logits)] * len(logits))
        return (1.0 - label_smoothing) * own + label_smoothing * evenly

    return _reduce(_rowwise(loss, input, target), reduction)


def nll_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """−a_y for the outputs a of ``log_softmax`` and the index y of the right class.

    Raises:
        ValueError: An index is not one of a class, or lengths differ.

    >>> nll_loss(log_softmax([0.0, 0.0]), 1), cross_entropy([0.0, 0.0], 1)
    (0.6931471805599453, 0.6931471805599453)
    """
    return _reduce(_rowwise(lambda row, y: -_logit_of(y, row), input, target), reduction)


def _cross_entropy(logits: Sequence[Any], target: Any) -> Any:
    if _is_list(target):
        _check_lengths(logits, target)
        total = logsumexp(logits)
        return sumprod(target, [total - z for z in logits])
    right = _logit_of(target, logits)
    # logsumexp(z) - right has no digits left where logits are large
    return logsumexp([0.0 if z is right else z - right for z in logits])


def _logit_of(target: Any, logits: Sequence[Any]) -> Any:
    """The logit of the right class; while the compiler records a graph, one that does not depend on which it is."""
    recorded = hasattr(target == 0, "node")  # a truth that the compiler records, to compare anew at each replay
    if isinstance(target, float) or not (0 <= target < len(logits) if recorded else target in range(len(logits))):
        whole = isinstance(target, float) and target in range(len(logits))
        raise ValueError(
            f"the target of {len(logits)} logits must be an index from 0 to {len(logits) - 1}, "
            f"or one probability per class, not {target!r}{': an index is an int, as in int(y)' if whole else ''}"
        )
    return fsum([where(target == j, z, 0.0) for j, z in enumerate(logits)]) if recorded else logits[target]


# ---- penalties on parameters -----------------------------------------------------------------------------------------
def l1_penalty(parameters: Iterable[Any]) -> Any:
    """Σ |θ|, which draws small parameters to 0.

    >>> l1_penalty([3.0, -4.0])
    7.0
    """
    refuse_model("l1_penalty", parameters)
    return fsum(map(abs, parameters))


def l2_penalty(parameters: Iterable[Any]) -> Any:
    """Σ θ² as one node, which draws large parameters towards 0.

    >>> l2_penalty([3.0, -4.0])
    25.0
    """
    refuse_model("l2_penalty", parameters)
    squared = list(parameters)
    return sumprod(squared, squared)


LOSSES: dict[str, Callable[..., Any]] = {
    loss.__name__: loss
    for loss in (
        mse_loss, half_mse_loss, l1_loss, huber_loss, hinge_loss, binary_cross_entropy,
        binary_cross_entropy_with_logits, cross_entropy,
    )
}  # fmt: skip


def loss_named(given: str | Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The loss of that name; a function stands for itself.

    Raises:
        TypeError: It is neither.
        ValueError: There is no loss of that name.
    """
    if isinstance(given, type):
        raise TypeError(f"the loss is the class {given.__name__}: make an object of it, as in {given.__name__}()")
    given = getattr(given, "plain", given)  # of a loss that is a module: see below
    if isinstance(given, str):
        check_name("loss", given, LOSSES, "give a function")
        return LOSSES[given]
    if not callable(given):
        raise TypeError(f"a loss is a name, such as 'mse_loss', or a function of an output and a target, not {given!r}")
    return given


def loss_for(given: str | Callable[[Any, Any], Any], targets: Sequence[Any]) -> Callable[[Any, Any], Any]:
    """The loss of that name, or the function, to train with; a warning if it does not take such targets."""
    loss = loss_named(given)
    if wrong := wrong_targets(loss, (y for target in targets for y in numbers_of(target) or ())):
        sentence, remedy = wrong
        warnings.warn(f"training goes on, but cannot succeed: {sentence} {remedy}", RuntimeWarning, stacklevel=3)
    return loss


# Which targets a loss takes: in words, as a condition, and what else to do.
_Targets = tuple[str, Callable[[float], bool], str]
_PROBABILITIES: _Targets = (
    "from 0 to 1", lambda y: 0.0 <= y <= 1.0, "Give the classes as 0 and 1; for other numbers use mse_loss."
)  # fmt: skip
_TARGETS: dict[str, _Targets] = {
    "binary_cross_entropy": _PROBABILITIES,
    "binary_cross_entropy_with_logits": _PROBABILITIES,
    "hinge_loss": ("-1 and 1", lambda y: y in (-1.0, 1.0), "Give 2 * y - 1 for classes y of 0 and 1."),
}


def wrong_targets(loss: Any, targets: Iterable[float]) -> tuple[str, str] | None:
    """What is wrong with targets that a loss does not take, and what to do; None if nothing is.

    >>> print(*wrong_targets(hinge_loss, [1.0, 0.0, 0.0]))
    hinge_loss takes targets -1 and 1, but 2 of 3 targets are not: 0. Give 2 * y - 1 for classes y of 0 and 1.
    """
    name = getattr(loss, "__name__", "")
    if name not in _TARGETS:
        return None
    words, takes, remedy = _TARGETS[name]
    every = list(targets)
    bad = [y for y in every if not takes(y)]
    if not bad:
        return None
    return f"{name} takes targets {words}, but {len(bad)} of {len(every)} targets are not: {extent(bad)}.", remedy


def extent(numbers: Sequence[float]) -> str:
    """From the smallest to the largest of some numbers, in words."""
    low, high = min(numbers), max(numbers)
    return f"{low:g}" if low == high else f"from {low:g} to {high:g}"


# ---- shapes ----------------------------------------------------------------------------------------------------------
def _is_list(x: Any) -> bool:
    return hasattr(x, "__len__") and not isinstance(x, str)


def _check_lengths(input: Any, target: Any) -> None:
    if not _is_list(target):
        lists = "give a list of one, as in y = [[t] for t in y]"
        way = lists if len(input) == 1 else "give a list of as many; for the index of a class there is cross_entropy"
        count = "is 1 output in a list" if len(input) == 1 else f"are {len(input)} outputs"
        raise ValueError(f"there {count}, but the target is the single {target!r}: {way}")
    if len(input) != len(target):
        raise ValueError(f"there are {len(input)} outputs but {len(target)} targets")


def _rowwise(loss: Callable[[Any, Any], Any], input: Any, target: Any) -> Any:
    """The loss of each row of outputs with its target; of one row, the loss alone."""
    if len(input) and not _is_list(input[0]):
        return loss(input, target)
    _check_lengths(input, target)
    return [loss(row, y) for row, y in zip(input, target)]


def _pairwise(loss: Callable[[Any, Any], Any], input: Any, target: Any) -> Any:
    """The loss of each output with its target, in their shape."""
    if not _is_list(input):
        if _is_list(target):
            raise ValueError(f"there is one output but {len(target)} targets: give a number, not a list")
        return loss(input, target)
    _check_lengths(input, target)
    return [_pairwise(loss, a, y) for a, y in zip(input, target)]


def _reduce(losses: Any, reduction: str) -> Any:
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"reduction must be 'none', 'sum' or 'mean', not {reduction!r}")
    if reduction == "none" or not isinstance(losses, list):
        return losses
    terms = losses
    while terms and isinstance(terms[0], list):
        terms = [term for row in terms for term in row]
    if reduction == "sum":
        return fsum(terms)
    if not terms:
        raise ValueError("there is no mean of 0 losses")
    return fsum(terms) / len(terms)


# ---- losses as modules, as PyTorch also has them ---------------------------------------------------------------------
class _Criterion(Module):
    """A loss with its options."""

    _function: ClassVar[Any]

    def __init_subclass__(cls, function: Callable[..., Any] | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if function:  # a class of a user keeps that of the class above
            cls._function = staticmethod(function)
            summary = f"``{function.__name__}`` as a module: its options come first, then the output and its target."
            cls.__doc__ = f"{summary}\n\n{cleandoc(function.__doc__ or '')}"

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


class MSELoss(_Criterion, function=mse_loss): ...


class L1Loss(_Criterion, function=l1_loss): ...


class HuberLoss(_Criterion, function=huber_loss): ...


class BCELoss(_Criterion, function=binary_cross_entropy): ...


class BCEWithLogitsLoss(_Criterion, function=binary_cross_entropy_with_logits): ...


class CrossEntropyLoss(_Criterion, function=cross_entropy): ...


class NLLLoss(_Criterion, function=nll_loss): ...
