"""Which of numpy's functions take Values: those that `docs/coming-from.md` names, and with the right gradient."""

from __future__ import annotations

import _thread
import queue
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

np: Any = pytest.importorskip("numpy", reason="needs numpy: pip install numpy")

from autograd import Value  # noqa: E402 - after what needs numpy
from tests.support import PATIENCE, ROOT  # noqa: E402

GUIDE = (ROOT / "docs" / "coming-from.md").read_text(encoding="utf-8")
(PARAGRAPH,) = re.findall(r"numpy itself \w+ Values.*?\n\n", GUIDE, flags=re.DOTALL)
WORK: dict[str, Callable[[Any], Any]] = {
    "np.exp": lambda x: np.sum(np.exp(x)),
    "np.arctan2": lambda x: np.sum(np.arctan2(x, 0.5)),
    "np.sum": np.sum,
    "np.mean": np.mean,
    "np.std": np.std,
    "np.dot": lambda x: np.dot(x, x),
    "@": lambda x: np.stack([x, x]) @ x @ np.array([1.0, 2.0]),
    "np.einsum": lambda x: np.einsum("i,i,i", x, x, x),
    "np.linalg.norm": np.linalg.norm,
    "np.concatenate": lambda x: np.sum(np.concatenate([x, 2.0 * x])),
    "np.where": lambda x: np.sum(np.where([True, False, True], x, x * x)),
    "np.sort": lambda x: np.sort(x)[0] * np.sort(x)[2],
}
REFUSED: dict[str, Callable[[Any], Any]] = {
    "np.linalg.inv": lambda x: np.linalg.inv(np.outer(x, x)),
    "solve": lambda x: np.linalg.solve(np.outer(x, x), x),
    "det": lambda x: np.linalg.det(np.outer(x, x)),
    "np.fft": np.fft.fft,
    "np.interp": lambda x: np.interp(x[0], [0.0, 1.0], [0.0, 1.0]),
    "np.isnan": np.isnan,
}
POINT = [0.75, -0.5, 1.25]


def test_the_guide_names_what_is_tested_here() -> None:
    named = re.findall(r"`(np[\w.]+|@|\w+)`", PARAGRAPH)
    assert {*named} == {*WORK, *REFUSED}
    assert "np.zeros(n, dtype=object)" in PARAGRAPH


@pytest.mark.parametrize("name", [*WORK])
def test_what_the_guide_names_takes_values_and_differentiates(name: str) -> None:
    values = [Value(x) for x in POINT]
    result = WORK[name](np.array(values))
    assert result.data == pytest.approx(WORK[name](np.array(POINT)), rel=1e-12)
    result.backward()
    h = 1e-6
    for i, value in enumerate(values):
        above, below = [WORK[name](np.array([x + s * h * (i == j) for j, x in enumerate(POINT)])) for s in (1, -1)]
        assert value.grad == pytest.approx((above - below) / (2 * h), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", [*REFUSED])
def test_what_numpy_computes_by_routines_of_its_own_is_an_error(name: str) -> None:
    with pytest.raises(TypeError):
        REFUSED[name](np.array([Value(x) for x in POINT]))


def test_values_can_be_put_into_an_array_of_objects_only() -> None:
    array = np.zeros(2, dtype=object)
    array[0] = Value(3.0)
    assert (array @ np.array([2.0, 1.0])).data == 6.0
    with pytest.raises(TypeError, match="would drop the gradient"):
        np.zeros(2)[0] = Value(3.0)


def test_a_thread_that_asks_for_nothing_but_the_float_of_a_value_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    told: queue.Queue[Any] = queue.Queue()
    monkeypatch.setattr(sys, "unraisablehook", lambda found: told.put((found.exc_type, str(found.exc_value))))
    _thread.start_new_thread(float, (Value(2.0),))  # type: ignore[arg-type]
    kind, text = told.get(timeout=PATIENCE)
    assert kind is TypeError
    assert "would drop the gradient" in text


def test_an_optimiser_of_scipy_is_told_what_to_take() -> None:
    module: dict[str, Any] = {"__name__": "scipy.optimize._optimize", "float": float}
    exec("def minimize(f, x): return float(f(x))", module)
    with pytest.raises(TypeError, match=r"takes autograd.functional.value_and_grad\(f\), .*jac=True"):
        module["minimize"](lambda x: Value(x) ** 2, 3.0)
