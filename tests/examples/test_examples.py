"""Each example is short, runs, finds what it says, and computes the same with the compiler and without it."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import autograd
from autograd.compiler.calls import stages
from autograd.compiler.calls.compiled import Compiled

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))

# Is what an example prints what it should find?  The numbers that it prints come one after the other.
FOUND: dict[str, Callable[..., bool]] = {
    "convolution": lambda first, last, right, of: last < 0.5 < 2.0 < first and right > 0.85 * of,
    "gpt": lambda first, last: abs(first - math.log(27)) < 0.1 and last < 2.6,
    "kalman": lambda first, last, r, q: last < first and (r, q) == (15099, 1469),
    "lstm": lambda first, last: last < 0.3 < 2.5 < first,
    "moons": lambda parameters, first, last, right: parameters == 337 and last < 0.1 < first and right >= 97,
    # Carpenter's posterior means of 2018 are 0.55, 0.028, 0.80, 0.024, 33.96 and 5.93.
    "ode": lambda first, last, *found: (
        last < first and all(abs(x / y - 1) < 0.05 for x, y in zip(found, [0.55, 0.028, 0.80, 0.024, 33.96, 5.93]))
    ),
    "physics_informed": lambda first, last, error: last < 1e-3 < first and error < 0.01,
    "policy_gradient": lambda *means: means[0] < 100 < 150 < means[3] <= 200,
    "portfolio": lambda first, last, *rest: first < last and set(rest[1::2]) == {last},
    "soft_dtw": lambda first, last, curves, mean, ours: last < first and mean < 0.5 < 0.8 < ours <= curves,
}
STEPS = dict.fromkeys(["convolution", "gpt", "lstm", "policy_gradient"], 2)  # the second with what the first left


def load(name: str) -> ModuleType:
    """The example as a module of its own, whether it was imported before or not."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def needs(name: str) -> None:
    if name == "convolution":
        pytest.importorskip("sklearn", reason="the digits are scikit-learn's: pip install 'scalar-autograd[notebooks]'")


def trained(module: ModuleType, steps: int) -> list[float]:
    """What a few steps give: the losses, and the parameters with their gradients."""
    losses = module.train(steps)
    numbers = losses[0] if isinstance(losses, tuple) else losses
    parameters = getattr(module, "parameters", None) or module.optimizer.parameters
    return [*numbers, *(p.data for p in parameters), *(p.grad for p in parameters)]


@pytest.mark.parametrize("name", NAMES)
def test_compiled_is_eager(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    needs(name)
    monkeypatch.setattr(stages, "BY_GRAPH", 0)  # compiled from the first call on, however small it is
    compiled = load(name)
    with monkeypatch.context() as without:
        without.setattr(autograd, "compile", lambda f: f)
        eager = load(name)
    programs = [thing for thing in vars(compiled).values() if isinstance(thing, Compiled)]
    assert programs
    assert not [thing for thing in vars(eager).values() if isinstance(thing, Compiled)]

    steps = STEPS.get(name, 10)
    found, expected = trained(compiled, steps), trained(eager, steps)
    assert len(found) == len(expected)
    largest = max(map(abs, expected))
    for a, b in zip(found, expected):
        assert abs(a - b) <= 1e-10 * max(abs(b), 1e-3 * largest)
    for program in programs:
        assert 1 <= program.recordings <= steps
        assert "0 ran without the compiler" in str(program.report())


@pytest.mark.parametrize("name", NAMES)
def test_an_example_finds_what_it_says(name: str, tmp_path: Path) -> None:
    needs(name)
    environment = os.environ | {"PYTHONPATH": os.fspath(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", FOLDER / f"{name}.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
    # Numbers that are words of their own, perhaps with a % or a comma behind them: not the 2 in "a2".
    numbers: list[Any] = [
        float(x) for x in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?(?=[\s,%;]|$)", done.stdout)
    ]
    assert FOUND[name](*numbers), done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_short_and_says_what_it_does(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert text.startswith('"""')
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"]({name}.py)" in index
    assert f"({name}.svg)" in index
    assert (FOLDER / f"{name}.svg").stat().st_size < 100_000
