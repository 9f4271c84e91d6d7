"""What checks the exercises of the lessons: it accepts three digits, and says in which way an answer is wrong."""

from __future__ import annotations

import doctest
import importlib
import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from autograd import Value, where

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
YOUR_TURN = "Your turn: replace the dots and run this cell again.\n"


@pytest.fixture(scope="module", name="modules")
def lesson_modules() -> Iterator[dict[str, ModuleType]]:
    """The modules of the package, and the one beside the notebooks, imported as a notebook does."""
    sys.path.insert(0, str(FOLDER))
    names = {"comparison": "nn.lessons.comparison", "answers": "nn.lessons.answers", "lesson": "lesson"}
    yield {name: importlib.import_module(path) for name, path in names.items()}
    sys.path.remove(str(FOLDER))
    del sys.modules["lesson"]


@pytest.fixture(name="compare")
def comparing(modules: dict[str, ModuleType]) -> Callable[..., str]:
    found: Callable[..., str] = modules["comparison"].compare
    return found


@pytest.fixture(name="said")
def what_check_says(modules: dict[str, ModuleType], capsys: pytest.CaptureFixture[str]) -> Callable[[str, Any], str]:
    def said(exercise: str, answer: Any) -> str:
        modules["lesson"].check(exercise, answer)
        return " ".join(capsys.readouterr().out.split())

    return said


def test_the_examples_in_the_docstrings(modules: dict[str, ModuleType]) -> None:
    for module in modules.values():
        assert doctest.testmod(module).failed == 0


# ---- three digits ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("expected", [8.0, -0.04742587, 1108.4206, 2.31994e-7, 1 / 3, -1000.0, 6.02e23])
def test_three_digits_are_enough_and_two_are_not(compare: Callable[..., str], expected: float) -> None:
    assert compare(expected, expected) == ""
    assert compare(float(f"{expected:.3g}"), expected) == ""
    assert compare(Value(expected), expected) == ""
    step = 10.0 ** (math.floor(math.log10(abs(expected))) - 2)
    for wrong in (expected + step, expected - step):
        assert "nearly right, but not to three digits" in compare(wrong, expected)


def test_zero_is_zero_up_to_rounding(compare: Callable[..., str]) -> None:
    assert compare(1e-17, 0.0) == compare(0, 0.0) == ""
    assert compare(0.01, 0.0) == "It is too large."


# ---- the way in which it is wrong ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "way"),
    [
        (-2.3, "The size is right, the sign is not."),
        (4.6, "It is 2 times what it should be."),
        (0.23, "10 times as much would be right."),
        (1 / 2.3, "It is the reciprocal of what it should be."),
        (7.0, "It is too large."),
        (1.9, "It is too small."),
        (-7.0, "The sign is wrong, and so is the size."),
        (2.32, "It is nearly right, but not to three digits: round at the end and not before."),
        (math.nan, "It is nan, which is no number."),
        (math.inf, "It is infinite."),
        ("2.3", "The answer must be a number, but this has the type str."),
        ([2.3], "The answer must be a number, but this has the type list."),
        (None, "The answer must be a number, but this has the type NoneType."),
    ],
)
def test_the_way_in_which_a_number_is_wrong(compare: Callable[..., str], answer: Any, way: str) -> None:
    assert compare(answer, 2.3) == way


def test_a_negative_number_is_too_large_in_size(compare: Callable[..., str]) -> None:
    assert compare(-7.0, -2.3) == "The sign is right, the size is too large."
    assert compare(-1.9, -2.3) == "The sign is right, the size is too small."


@pytest.mark.parametrize(
    ("answer", "way"),
    [
        ((1, -2, 3.0), ""),
        ([1, 2, 3], "2 of 3 are right. The second: the size is right, the sign is not."),
        ([7, 2.1, 3], "1 of 3 is right. The first: it is too large."),
        ([7.7, 2.1, 31], "None of 3 is right. The first: it is too large."),
        ([3, 1, -2], "The numbers are right, their order is not."),
        ([-1, 2, -3], "Each of them: the size is right, the sign is not."),
        ([2, -4, 6], "Each of them: it is 2 times what it should be."),
        ([1, -2], "A list of 3 numbers is wanted, but this one has 2."),
        (1, "A list of 3 numbers is wanted, but this has the type int."),
        ("123", "A list of 3 numbers is wanted, but this has the type str."),
        ([1, "b", 3], "A list of 3 numbers is wanted, but the second has the type str."),
    ],
)
def test_the_way_in_which_a_list_is_wrong(compare: Callable[..., str], answer: Any, way: str) -> None:
    assert compare(answer, [1.0, -2.0, 3.0]) == way


def test_a_known_mistake_is_named(compare: Callable[..., str]) -> None:
    slips = [(4.6, "The one half is missing."), (0.0, "That is the start.")]
    assert compare(4.6, 2.3, slips) == "The one half is missing."
    assert compare(0, 2.3, slips) == "That is the start."
    assert compare(2.3, 2.3, [(2.3, "A slip is no slip where the answer is right.")]) == ""


# ---- every exercise --------------------------------------------------------------------------------------------------
def decides(x: Any) -> Any:
    if x > 0:
        return x * x
    return 0 * x


SLIPS: dict[str, tuple[Any, str]] = {
    "1.1": (-1, "That is ∂c/∂a."),
    "1.2": ([3, 27], "the sum over all paths"),
    "1.3": (lambda y, x: x, "the derivative of x²/2"),
    "2.1": ([0.6, -0.2], "uphill"),
    "2.2": (0.04997, "the limit for the sum"),
    "2.3": ([-1, -0.5, 2], "the coefficient of x² comes first"),
    "3.1": ([1, -1], "before w³ changed its sign"),
    "3.2": (0.953, "That is o"),
    "3.3": (1663, "All 20 weights"),
    "4.1": (15, "all hidden neurons"),
    "4.2": (1, "does not divide"),
    "4.3": ([0.1, 0.2, 0.3], "Hint: They are in deep.layers[1]."),
    "5.1": (28, "Some samples are left"),
    "5.2": (0.5, "It is too large."),
    "5.3": ((100, 0.1), "The loss comes to 0."),
    "6.1": (1000, "without the compiler"),
    "6.2": (decides, "recorded 2 times"),
    "6.3": (0, "That is the position"),
    "7.1": (6, "off for (0, 3) alone"),
    "7.2": (0, "one more sign inside"),
    "7.3": (lambda y, x: 1 / (1 + x.exp()) if isinstance(x, Value) else 1 / (1 + math.exp(x)), "That is σ(−x)."),
    "8.1": (123, "the third derivative"),
    "8.2": (2.154, "That is the root"),
    "8.3": (0.1444, "the two errors were added".capitalize()),
    "9.1": (48, "h, a and n have one row each"),
    "9.2": (43, "still a little above"),
    "9.3": (0.986, "That is f"),
    "10.1": (2, "in bits"),
    "10.2": (3, "that do get a gradient"),
    "10.3": (0.881, "with T = 1"),
}


def solutions() -> dict[str, str]:
    """The code of each solution, by exercise."""
    found = {}
    for path in sorted(FOLDER.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for cell in cells:
            if "solution" in cell["metadata"].get("tags", []):
                code = "".join(cell["source"])
                (name,) = re.findall(r'check\("([\d.]+)"', code)
                found[name] = code
    return found


def test_there_is_a_judge_for_every_exercise_and_no_other(modules: dict[str, ModuleType]) -> None:
    assert list(modules["answers"].JUDGES) == list(solutions()) == list(SLIPS)


@pytest.mark.parametrize("exercise", SLIPS)
def test_a_mistake_is_told_and_dots_are_none(said: Callable[[str, Any], str], exercise: str) -> None:
    wrong, why = SLIPS[exercise]
    assert said(exercise, wrong).startswith("Not yet. ")
    assert why in said(exercise, wrong)
    assert said(exercise, ...) == YOUR_TURN.strip()


def test_what_is_not_filled_in_yet_is_no_answer(said: Callable[[str, Any], str]) -> None:
    assert said("5.3", (..., 0.5)) == said("6.2", lambda x: ...) == said("1.2", [3, ...]) == YOUR_TURN.strip()


def test_answers_are_accepted(said: Callable[[str, Any], str]) -> None:
    """Numbers as one reads them from a screen; the solutions themselves run in `test_notebooks`."""
    right = {
        "1.1": 4, "1.2": (3, 9), "2.1": [1.4, 0.2], "2.2": 0.999, "2.3": [2, -0.5, -1], "3.1": [-1, 1],
        "3.2": -0.0474, "3.3": 1110, "4.1": 3, "4.2": 5, "4.3": [0.146, -0.921, -0.478], "5.1": 29, "5.2": 0,
        "6.1": 1, "6.2": lambda x: where(x > 0, x * x, 0 * x), "6.3": 2, "7.1": -2, "7.2": -1000, "8.1": 180,
        "8.2": 2.32, "8.3": 0.105, "9.1": 24, "9.2": 44, "9.3": 4.27, "10.1": 1.386, "10.2": 5, "10.3": 0.982,
    }  # fmt: skip
    assert {name: said(name, answer) for name, answer in right.items()} == dict.fromkeys(right, "Right.")


def test_an_exercise_that_does_not_exist(modules: dict[str, ModuleType]) -> None:
    with pytest.raises(KeyError, match=r"there is no exercise '9\.9'; there are 1\.1, "):
        modules["lesson"].check("9.9", 1)


def test_long_lines_are_broken_between_words(
    said: Callable[[str, Any], str], modules: dict[str, ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    modules["lesson"].show("a-hyphenated-word " * 20 + "x" * 120)
    lines = capsys.readouterr().out.splitlines()
    assert "-word " in lines[0]
    assert all(len(line) <= 96 for line in lines[:-1])
    assert lines[-1].strip() == "x" * 120
