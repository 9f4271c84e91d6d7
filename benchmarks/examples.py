"""The programs of the folder examples: what does the decorator gain, with the first call and after it?

    python benchmarks/examples.py --json > found.json && python benchmarks/examples.py --table found.json

prints the table of examples/README.md.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from harness import Contestant, Question, Work, first_run, main

FOLDER = Path(__file__).resolve().parent.parent / "examples"
FIRST = 50  # steps of training in the question about first calls
# Steps of a run after the first calls.  The policy gradient starts anew in each, since its episodes get longer.
STEPS = {
    "moons": 5, "gpt": 20, "lstm": 5, "convolution": 5, "policy_gradient": 3,
    "kalman": 20, "ode": 5, "physics_informed": 5, "portfolio": 100, "soft_dtw": 2,
}  # fmt: skip


def _loaded(name: str, compiled: bool) -> Any:
    """The example as a module; the decorator does nothing where it is not to be compiled."""
    import autograd

    if compiled:
        autograd.compile  # noqa: B018  (the compiler is imported before the clock starts)
    else:
        autograd.compile = lambda f: f
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _losses(found: Any) -> list[float]:
    return found[0] if isinstance(found, tuple) else found


def _first(name: str, compiled: bool) -> Work:
    train = _loaded(name, compiled).train
    return first_run(lambda: train(FIRST), _losses)


def _next(name: str, compiled: bool) -> Work:
    module = _loaded(name, compiled)
    answer = _losses(module.train(2))
    if name == "policy_gradient":
        numbers = [p.data for p in module.parameters]

        def run() -> None:
            module.rng.seed(1)
            for p, number in zip(module.parameters, numbers):
                p.data = number
            module.train(STEPS[name])
    else:
        module.train(FIRST)  # has met nearly all lengths of names

        def run() -> None:
            module.train(STEPS[name])

    return Work(lambda: answer, run, per=STEPS[name])


def first_eager(name: str) -> Work:
    """The first steps, without the compiler."""
    return _first(name, compiled=False)


def first_compiled(name: str) -> Work:
    """The first steps, which record and compile."""
    return _first(name, compiled=True)


def next_eager(name: str) -> Work:
    """Later steps, without the compiler."""
    return _next(name, compiled=False)


def next_compiled(name: str) -> Work:
    """Later steps, which are compiled."""
    return _next(name, compiled=True)


def questions(name: str) -> list[Question]:
    """Both questions about one example."""
    data = functools.partial(str, name)
    return [
        Question(
            f"{name}: the first {FIRST} steps, all first calls included",
            data=data,
            contestants=[Contestant("compiled", "ours", first_compiled), Contestant("eager", "ours", first_eager)],
            unit=f"{FIRST} steps",
            tolerance=1e-6,  # rounding errors grow while something learns
            fresh=True,
        ),
        Question(
            f"{name}: a step after these",
            data=data,
            contestants=[Contestant("compiled", "ours", next_compiled), Contestant("eager", "ours", next_eager)],
            unit="step",
        ),
    ]


def table(path: str) -> None:
    """Print what ``--json`` wrote as a table: times of a step, and eager / compiled."""
    fastest = {
        report["question"]: [min(result["samples"]) for result in report["results"]]
        for report in json.loads(Path(path).read_text(encoding="utf-8"))
    }
    print(f"| example | a step, eager | compiled | ratio | first {FIRST} steps, eager | compiled | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name in STEPS:
        first, later = (fastest[question.title] for question in questions(name))
        print(
            f"| {name} | {later[1] * 1e3:.3g} ms | {later[0] * 1e3:.3g} ms | {later[1] / later[0]:.3g} "
            f"| {first[1]:.2g} s | {first[0]:.2g} s | {first[1] / first[0]:.2g} |"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--table"]:
        table(sys.argv[2])
    else:
        main([question for name in STEPS for question in questions(name)])
