"""The thresholds of Python's cyclic collector: changed while graphs are walked, and never for anybody else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import ROOT

STEPS = """
import gc
before = gc.get_threshold()
from autograd import Value
import nn

def step(n):
    y = x = Value(1.0)
    for _ in range(n): y = y + x
    y.backward()

def objects(n):
    for _ in range(20):
        kept = [[] for _ in range(n // 20)]

class Cycle:
    alive = most = 0
    def __init__(self):
        self.itself = self
        Cycle.alive += 1
        Cycle.most = max(Cycle.most, Cycle.alive)
    def __del__(self):
        Cycle.alive -= 1
"""


def in_a_fresh_interpreter(program: str, before: str = "") -> str:
    return subprocess.run(
        [sys.executable, "-c", f"import gc\n{before}\n{STEPS}\n{program}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.mark.parametrize("work", ["pass", "step(10)", "for _ in range(1000): step(3)"])
def test_importing_and_small_graphs_change_nothing(work: str) -> None:
    assert in_a_fresh_interpreter(f"{work}\nprint(gc.get_threshold() == before, gc.isenabled())") == "True True"


@pytest.mark.parametrize(
    "before", ["gc.set_threshold(90000, 5, 5)", "gc.set_threshold(0, 5, 5)", "gc.set_threshold(700, 11, 10)"]
)
def test_thresholds_of_the_program_s_own_are_left_alone(before: str) -> None:
    assert in_a_fresh_interpreter("step(50_000); print(gc.get_threshold() == before)", before) == "True"


def test_thresholds_that_the_program_sets_later_are_left_alone() -> None:
    program = "step(50_000); gc.set_threshold(5, 5, 5); step(50_000); objects(1_000_000); print(gc.get_threshold())"
    assert in_a_fresh_interpreter(program) == "(5, 5, 5)"


def test_a_collector_that_is_off_stays_off() -> None:
    assert (
        in_a_fresh_interpreter("step(50_000); print(gc.isenabled(), gc.get_threshold() == before)", "gc.disable()")
        == "False True"
    )


def test_the_program_can_switch_it_off_and_on() -> None:
    program = """
from autograd.collector import leave_alone
step(50_000)
print(gc.get_threshold() == before)
leave_alone()
print(gc.get_threshold() == before)
step(50_000)
print(gc.get_threshold() == before)
leave_alone(False)
step(50_000)
print(gc.get_threshold() == before)
gc.set_threshold(5, 5, 5)
leave_alone()
print(gc.get_threshold())
"""
    assert in_a_fresh_interpreter(program).splitlines() == ["False", "True", "True", "False", "(5, 5, 5)"]


def test_the_second_look_waits_for_the_largest_graph_and_only_as_long_as_graphs_are_walked() -> None:
    program = """
first, _, third = before
def waits(): return gc.get_threshold() == (first, 6 * 100_001 // first, third)
step(100_000)
print(waits())
for _ in range(5): step(10); step(100_000)
print(waits())
for _ in range(40): step(20_000)   # the large graph is forgotten
print(gc.get_threshold() == (first, 6 * 20_001 // first, third))
objects(700_000)
print(gc.get_threshold() == before)
step(100_000)
print(waits())
"""
    assert in_a_fresh_interpreter(program).split() == ["True"] * 5


@pytest.mark.parametrize("kept", ["gc.disable()", "pass"])
def test_young_garbage_is_found_as_soon_as_without_graphs(kept: str) -> None:
    """A program that trains and makes cycles of its own: no more of them are alive at a time than Python allows."""
    program = f"""
for _ in range(5): step(30_000)
Cycle.most = Cycle.alive = 0
{kept}
for _ in range(5):
    for _ in range(5_000): Cycle()
    step(30_000)
print(Cycle.most)
"""
    most = int(in_a_fresh_interpreter(program))
    assert most > 20_000 if kept == "gc.disable()" else most <= 2_100


def test_garbage_is_found_that_was_in_use_for_a_while() -> None:
    """Old cycles wait longer while graphs are walked, but for no more than a few graphs."""
    program = """
for _ in range(5): step(30_000)
kept = [Cycle() for _ in range(5_000)]
step(30_000)
del kept
for _ in range(8): step(30_000)
print(Cycle.alive)
"""
    assert in_a_fresh_interpreter(program) == "0"
