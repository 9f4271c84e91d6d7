"""The engine in forty lines computes what the real one does, and README and lesson 1 show that very file."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, tiny

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(tiny.__file__).read_text(encoding="utf-8")
CODE = SOURCE[SOURCE.index("import math") :].strip()
EXPONENTS = (-2, -1, 0, 1, 2, 3, 0.5)

# What an operation of the small engine is called on a Value.
VALUES: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "pow": lambda x, n: x**n,
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "tanh": lambda x: x.tanh(),
}


def nodes(operation: str) -> Callable[..., Any]:
    return lambda *operands: tiny.apply(operation, *operands)


def program(rng: random.Random) -> tuple[list[float], list[tuple[str, list[int], float]]]:
    """Three inputs, and up to fifteen steps on any of the numbers before; all of them stay of moderate size."""
    inputs = [rng.uniform(-2.0, 2.0) for _ in range(3)]
    numbers, steps = list(inputs), []
    while len(steps) < 15:
        name = rng.choice([*VALUES])
        places, exponent = [rng.randrange(len(numbers)) for _ in range(2)], rng.choice(EXPONENTS)
        x, y = (numbers[place] for place in places)
        if (name == "log" and x < 0.1) or (name == "exp" and x > 3.0) or (name == "pow" and x < 0.1):
            continue
        result = tiny.TABLE[name][0](*operands(name, x, y, exponent))
        if abs(result) < 20.0:
            numbers.append(result)
            steps.append((name, places, exponent))
    return inputs, steps


def operands(name: str, x: Any, y: Any, exponent: float) -> tuple[Any, ...]:
    return (x, exponent) if name == "pow" else (x, y) if name in ("add", "mul") else (x,)


def run(steps: list[tuple[str, list[int], float]], leaves: list[Any], call: Callable[[str], Callable[..., Any]]) -> Any:
    known = list(leaves)
    for name, (i, j), exponent in steps:
        known.append(call(name)(*operands(name, known[i], known[j], exponent)))
    return known[-1] + sum(known[3:], start=0.0 * known[0])  # every step counts, and the last one twice


@pytest.mark.parametrize("seed", range(100))
def test_values_and_gradients_are_those_of_the_real_engine(seed: int) -> None:
    inputs, steps = program(random.Random(seed))
    small, real = [tiny.Node(x) for x in inputs], [Value(x) for x in inputs]
    root, reference = run(steps, small, nodes), run(steps, real, VALUES.__getitem__)
    tiny.backward(root)
    reference.backward()
    assert root.data == reference.data
    for leaf, expected in zip(small, real, strict=True):
        assert math.isclose(leaf.grad, expected.grad, rel_tol=1e-10, abs_tol=1e-10)


def test_the_random_programs_use_every_row_and_share_nodes() -> None:
    programs = [program(random.Random(seed))[1] for seed in range(100)]
    assert {name for steps in programs for name, _, _ in steps} == set(tiny.TABLE)
    assert all(len({i for _, places, _ in steps for i in places}) < 2 * len(steps) for steps in programs)


def all_programs() -> None:
    for seed in range(100):
        test_values_and_gradients_are_those_of_the_real_engine(seed)


@pytest.mark.parametrize("row", [*tiny.TABLE])
def test_a_wrong_row_is_found(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, partials = tiny.TABLE[row]
    monkeypatch.setitem(tiny.TABLE, row, (value, lambda *numbers: tuple(1.01 * p for p in partials(*numbers))))
    with pytest.raises(AssertionError):
        all_programs()


def test_plain_numbers_may_stand_on_either_side() -> None:
    x = tiny.Node(3.0)
    y = 2 * x + 1 + x * 4 + (5 + x)
    tiny.backward(y)
    assert (y.data, x.grad) == (27.0, 7.0)


def test_backward_starts_anew_every_time() -> None:
    x = tiny.Node(3.0)
    y = x * x
    tiny.backward(y)
    tiny.backward(y)
    assert x.grad == 6.0


def test_it_is_forty_lines_long() -> None:
    lines = [line for line in CODE.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert 38 <= len(lines) <= 43


def test_the_readme_shows_the_file() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert CODE in re.findall(r"^```python\n(.*?)\n```$", readme, flags=re.DOTALL | re.MULTILINE)


def test_lesson_1_starts_from_the_file() -> None:
    notebook = json.loads((ROOT / "notebooks" / "01_expressions.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]).strip() for cell in notebook["cells"] if cell["cell_type"] == "code"]
    pieces = re.split(r"\n\n\n(?=# )", CODE)
    places = [cells.index(piece) for piece in pieces]
    assert places == sorted(places)
    assert not any("Value" in cell for cell in cells[: places[-1]])  # the real engine comes later
