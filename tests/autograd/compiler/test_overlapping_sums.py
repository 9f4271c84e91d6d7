"""Sums whose terms come in several lists that overlap: what one list has added, another must not overwrite."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("llvmlite")
pytest.importorskip("numpy")

from autograd.compiler.machine.machine import Machine
from autograd.compiler.program.builder import Builder
from autograd.compiler.program.classes import Kind, Read
from tests.support.class_reference import evaluate


@pytest.mark.parametrize("seed", range(60))
def test_lists_of_terms_that_overlap_are_added_up(seed: int) -> None:
    rng = random.Random(seed)
    builder = Builder()
    size, numbers = rng.randrange(2, 9), rng.randrange(2, 7)
    x = builder.leaf(Kind.ARGUMENT, range(numbers))
    terms = []
    for _ in range(rng.randrange(1, 7)):
        first = rng.randrange(size)
        owner = [rng.randrange(size) for _ in range(rng.randrange(1, 6))]
        if rng.random() < 0.7:  # a run, upwards or downwards
            owner = list(range(first, rng.randrange(first, size) + 1))[:: rng.choice([1, -1])]
        factors = [builder.read(x, [rng.randrange(numbers) for _ in owner]) for _ in range(rng.randrange(1, 3))]
        terms.append(builder.terms(owner, *factors))
    total = builder.sum(size, terms)
    assert isinstance(total, Read)
    program = builder.program([total]).verify()
    given = [rng.uniform(-2.0, 2.0) for _ in range(numbers)]
    machine = Machine(program)
    machine(given, [])  # a second run finds old numbers in memory
    assert list(machine(given, [])[0]) == pytest.approx(evaluate(program, given, [])[0], rel=1e-13, abs=1e-13)
