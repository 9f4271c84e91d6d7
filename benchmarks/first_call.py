"""How long does the first step of a network take, once everything is imported: recording, compiling, running?

Three times: in a new process, once more in the same process, and in a second process that finds on disk what the first
one left there. The clock starts when the libraries are imported and the model is built.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import problems
import training
from harness import Bar, Contestant, Question, Work, main

Prepare = Callable[[Any], Work]


# --- the same again --------------------------------------------------------------------------------
def in_this_process(prepare: Prepare, problem: Any) -> Work:
    """Return the work of a second model of the same kind, after the first one's is done."""
    prepare(problem).run()
    return prepare(problem)


def in_another_process(prepare: Prepare, problem: Any) -> Work:
    """Return the work in this process, after another one has done the same with the same cache on disk."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(_run, prepare, problem).result()
    return prepare(problem)


def _run(prepare: Prepare, problem: Any) -> None:
    prepare(problem).run()


def naive_again(problem: Any) -> Work:
    return in_this_process(training.ours_naive_first_step, problem)


def naive_in_new_process(problem: Any) -> Work:
    return in_another_process(training.ours_naive_first_step, problem)


def fit_again(problem: Any) -> Work:
    return in_this_process(training.ours_first_step, problem)


def fit_in_new_process(problem: Any) -> Work:
    return in_another_process(training.ours_first_step, problem)


# --- the questions ---------------------------------------------------------------------------------
JAX = Contestant("JAX step", "jax", training.jax_first_step)
NAIVE = [
    Contestant("ours", "ours", training.ours_naive_first_step),
    Contestant("ours, again in this process", "ours", naive_again),
    Contestant("ours, in a second process", "ours", naive_in_new_process),
]
FIT = [
    Contestant("ours", "ours", training.ours_first_step),
    Contestant("ours, again in this process", "ours", fit_again),
    Contestant("ours, in a second process", "ours", fit_in_new_process),
]
AGAIN = [
    Bar("ours, again in this process", 0.1, "ours"),
    Bar("ours, in a second process", 0.4, "ours"),
]

QUESTIONS = [
    Question(
        "first step, moons, naive: the loss of the whole data set, a node per + and *, recorded and compiled",
        data=problems.moons_problem,
        contestants=[*NAIVE, JAX, Contestant("CasADi SX", "casadi", training.casadi_first_step)],
        unit="program",
        bars=[Bar("ours", 0.7, "JAX step"), *AGAIN],
        fresh=True,
    ),
    Question(
        "first step, digits: fit of 64-64-10",
        data=lambda: problems.classifier_problem([64, 64, 10], "tanh"),
        contestants=[*FIT, JAX],
        unit="program",
        bars=[Bar("ours", 1.0, "JAX step"), *AGAIN],
        fresh=True,
    ),
    Question(
        "first step, mnist: fit of 784-128-10",
        data=lambda: problems.classifier_problem([784, 128, 10], "relu"),
        contestants=[*FIT, JAX],
        unit="program",
        bars=[Bar("ours", 1.3, "JAX step"), *AGAIN],
        fresh=True,
    ),
]

if __name__ == "__main__":
    main(QUESTIONS)
