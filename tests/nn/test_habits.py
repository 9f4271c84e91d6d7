"""What users of other libraries write out of habit: it works, or the error says what to write here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import autograd
import nn
from autograd import Value, functional

V, W = Value(2.0), Value(3.0)


@pytest.mark.parametrize(("act", "message"), [
    (lambda: autograd.round(V, 2), r"round takes one number, as in round\(x\); Python's is builtins\.round"),
    (lambda: autograd.exp(V, W), r"exp takes one number, as in exp\(x\)$"),
    *[(lambda f=f: f(V, W), "takes one list of numbers, as in") for f in (
        autograd.softmax, autograd.fsum, autograd.prod, autograd.logsumexp,
    )],
    *[(lambda f=f: f(3.0), "takes one list of numbers, as in") for f in (autograd.softmax, autograd.fsum)],
    (lambda: autograd.maximum(1.0, 2.0, 3.0), r"maximum takes two numbers, .*functools\.reduce"),
    (lambda: autograd.where([False], 1.0, 2.0), r"where takes one condition, not \[False\]"),
    (lambda: nn.Adam(nn.MLP(1, [1]).parameters), r"write model\.parameters\(\), with parentheses"),
    (lambda: autograd.fsum(V), r"as in fsum\(\[x, y\]\)"),
    (lambda: nn.Adam(V), r"needs a list of parameters: give \[v\]"),
    (lambda: nn.Adam([V], betas=0.9), r"betas must be two numbers, such as \(0\.9, 0\.999\), got 0\.9"),
    (lambda: nn.Adam([V], momentum=0.9), r"Adam\(\) takes no argument 'momentum': it takes params, lr, betas"),
    (lambda: nn.StepLR(nn.MLP(1, [1]), 3), "StepLR needs the optimizer whose rate it changes"),
    (lambda: nn.MLP(2, [1], act="relu"), r"MLP\(\) takes no argument 'act'; did you mean 'activation'"),
    (lambda: nn.fit(nn.MLP(1, [1]), [[1.0]], [1.0], sample_weight=[1.0]), "'sample_weight': write loss="),
    (lambda: nn.train_test_split([[1.0], [2.0]], [1, 2], random_state=1), "'random_state': write seed="),
    (lambda: nn.fit(nn.Linear(1, 1), [[1.0]], [1.0], epochs=1), r"as in y = \[\[t\] for t in y\]"),
])  # fmt: skip
def test_an_argument_that_is_none_is_answered(act: Callable[[], Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        act()


@pytest.mark.parametrize(("owner", "name", "advice"), [
    (functional, "vmap", "write a loop"), (functional, "jit", r"autograd\.compile"), (autograd, "lgamma", "primitive"),
    (nn, "tanh", r"autograd\.relu"), (nn.MLP(1, [1]), "fit", r"nn\.fit\(model, X, y\)"),
    (nn.Linear(1, 1), "predict", r"nn\.predict"), (nn.MLP(1, [1]), "cuda", "leave it out"),
])  # fmt: skip
def test_a_name_that_is_not_there_is_answered(owner: Any, name: str, advice: str) -> None:
    assert not hasattr(owner, name)
    with pytest.raises(AttributeError, match=f"{name}.*{advice}"):
        getattr(owner, name)


def test_a_module_may_have_the_names_of_others() -> None:
    class Own(nn.Module):
        def fit(self) -> str:
            return "own"

    own = Own()
    own.to = 3.0  # type: ignore[assignment]
    assert own.fit() == "own"
    assert own.to == 3.0  # type: ignore[comparison-overlap]


def test_a_parameter_without_a_gradient_is_left_as_it_is() -> None:
    """As in PyTorch, whose ``zero_grad`` sets None."""
    first, second = Value(1.0), Value(2.0)
    optimizer = nn.Adam([first, second], lr=0.5)
    (first * second).backward()
    first.grad = None  # type: ignore[assignment]
    optimizer.step()
    assert first.data == 1.0
    assert second.data == pytest.approx(1.5)
    assert optimizer.state[0] == (0.0, 0.0)
    optimizer.zero_grad(set_to_none=True)
    assert (first.grad, second.grad) == (0.0, 0.0)


def test_numpy_rounds_values() -> None:
    np = pytest.importorskip("numpy")
    x = np.array([Value(1.25), Value(-2.5)])
    for name in ("ceil", "floor", "round", "fabs", "rint"):
        f = getattr(np, name)
        assert [y.data for y in f(x)] == f([1.25, -2.5]).tolist(), name


def test_a_module_shows_its_parts() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.rate, self.a = 0.5, nn.Linear(3, 2)
            self.rest, self.w = [nn.Dropout(0.25)], [Value(1.0), Value(2.0)]
            self.itself = self

    assert repr(Net()) == "Net(rate=0.5, a=Linear(3, 2), itself=…, rest=[Dropout(p=0.25)], w 2)"
    assert repr(nn.LayerNorm(3)) == "LayerNorm(n=3, eps=1e-05, weight 3, bias 3)"
