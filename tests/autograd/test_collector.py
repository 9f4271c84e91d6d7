"""The threshold of Python's cyclic collector: raised while graphs are recorded, and never for anybody else."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from autograd import Value
from autograd.collector import collector_paused
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
    return y

def train(steps, n):
    for _ in range(steps): step(n)

def searches(work):
    found = []
    watch = lambda phase, info: found.append(info) if phase == "start" else None
    gc.callbacks.append(watch)
    work()
    gc.callbacks.remove(watch)
    return len(found)

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


@pytest.mark.parametrize("work", ["pass", "step(10)", "train(1000, 3)", "train(5, 30_000)", "train(20, 900)"])
def test_outside_of_graphs_nothing_is_changed(work: str) -> None:
    assert in_a_fresh_interpreter(f"{work}\nprint(gc.get_threshold() == before, gc.isenabled())") == "True True"


def test_a_graph_like_those_before_is_not_searched() -> None:
    """10,000 nodes are 20,000 objects, for which Python searches ten times (from 3.13 on) or more."""
    program = """
train(3, 10_000)
print(searches(lambda: step(10_000)) < 5)
print(searches(lambda: step(10_000)) < 5)
from autograd.collector import leave_alone
leave_alone()
print(searches(lambda: step(10_000)) > 8)
leave_alone(False)
train(3, 10_000)
print(searches(lambda: step(10_000)) < 5)
"""
    assert in_a_fresh_interpreter(program).split() == ["True"] * 4


def test_one_graph_in_32_counts() -> None:
    program = """
train(3, 10_000)
print(sum(searches(lambda: step(10_000)) > 8 for _ in range(64)))
"""
    assert in_a_fresh_interpreter(program) == "2"


def test_nodes_of_a_subclass_are_nodes() -> None:
    program = """
class Mine(Value): pass
def step(n):
    y = x = Mine(1.0)
    for _ in range(n): y = y + x
    y.backward()
train(3, 10_000)
print(searches(lambda: step(10_000)) < 5)
"""
    assert in_a_fresh_interpreter(program) == "True"


def test_a_recording_that_is_given_up_changes_nothing() -> None:
    program = """
train(3, 10_000)
y = x = Value(1.0)
for _ in range(2_000): y = y + x
print(gc.get_threshold() == before)
del y
print(gc.get_threshold() == before)
"""
    assert in_a_fresh_interpreter(program).split() == ["False", "True"]


def test_a_node_that_is_watched_is_a_node_like_others() -> None:
    program = """
import copy, pickle
train(3, 10_000)
nodes = [Value(1.0)]
for _ in range(2_000): nodes.append(nodes[-1] * nodes[0])
(watched,) = [y for y in nodes if type(y.partials) is not tuple]
twin, again = copy.deepcopy(watched), pickle.loads(pickle.dumps(watched))
print(watched.partials == twin.partials == again.partials == (1.0, 1.0), type(again.partials) is tuple)
watched.backward()
print(nodes[1].grad)
"""
    assert in_a_fresh_interpreter(program).split() == ["True", "True", "1.0"]


@pytest.mark.parametrize(
    "own", ["gc.set_threshold(90000, 5, 5)", "gc.set_threshold(0, 5, 5)", "gc.set_threshold(700, 11, 10)"]
)
def test_thresholds_of_the_program_s_own_are_left_alone(own: str) -> None:
    program = """
train(3, 10_000)
y = x = Value(1.0)
for _ in range(10_000): y = y + x
print(gc.get_threshold() == before)
"""
    assert in_a_fresh_interpreter(program, own) == "True"


def test_thresholds_that_the_program_sets_later_are_left_alone() -> None:
    program = """
train(3, 10_000)
y = x = Value(1.0)
for _ in range(2_000): y = y + x
gc.set_threshold(500, 5, 5)
y.backward()
train(3, 10_000)
del y
print(gc.get_threshold())
"""
    assert in_a_fresh_interpreter(program) == "(500, 5, 5)"


def test_a_collector_that_is_off_stays_off() -> None:
    program = "train(3, 10_000); print(gc.isenabled(), gc.get_threshold() == before, len(gc.callbacks))"
    assert in_a_fresh_interpreter(program, "gc.disable()") == "False True 0"


def test_the_program_can_switch_it_off_and_on() -> None:
    program = """
from autograd.collector import leave_alone
def recording():
    y = x = Value(1.0)
    for _ in range(2_000): y = y + x
    return y
train(2, 10_000)
y = recording()
print(gc.get_threshold() == before)
leave_alone()
print(gc.get_threshold() == before)
train(2, 10_000)
y = recording()
print(gc.get_threshold() == before)
leave_alone(False)
train(2, 10_000)
y = recording()
print(gc.get_threshold() == before)
gc.set_threshold(5, 5, 5)
leave_alone()
print(gc.get_threshold())
"""
    assert in_a_fresh_interpreter(program).splitlines() == ["False", "True", "True", "False", "(5, 5, 5)"]


@pytest.mark.parametrize("kept", ["gc.disable()", "pass"])
def test_young_garbage_is_found_as_soon_as_without_graphs(kept: str) -> None:
    """A program that trains and makes cycles of its own: no more of them are alive at a time than Python allows."""
    program = f"""
train(5, 10_000)
Cycle.most = Cycle.alive = 0
{kept}
for _ in range(5):
    for _ in range(5_000): Cycle()
    step(10_000)
print(Cycle.most)
"""
    most = int(in_a_fresh_interpreter(program))
    assert most > 20_000 if kept == "gc.disable()" else most <= 2_100


def test_garbage_is_found_as_soon_while_a_finished_graph_is_kept() -> None:
    program = """
train(5, 10_000)
kept = step(10_000)
Cycle.most = Cycle.alive = 0
for _ in range(20_000): Cycle()
print(Cycle.most)
"""
    assert int(in_a_fresh_interpreter(program)) <= 2_100


def test_garbage_is_found_that_was_in_use_for_a_while() -> None:
    """Old cycles wait longer while graphs are recorded: for a few graphs that count, of which one in four does here."""
    program = """
from autograd import collector
collector._COUNTED = 4
train(5, 30_000)
kept = [Cycle() for _ in range(5_000)]
step(30_000)
del kept
train(14, 30_000)
print(Cycle.alive)
"""
    assert in_a_fresh_interpreter(program) == "0"


def test_ctrl_c_in_the_middle_of_a_look_is_not_lost() -> None:
    program = """
import time
from autograd import collector
train(3, 10_000)
def interrupted(young):
    collector._one_of_a_graph = before
    raise KeyboardInterrupt
before, collector._one_of_a_graph = collector._one_of_a_graph, interrupted
try:
    train(3, 10_000)
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
"""
    assert in_a_fresh_interpreter(program) == "interrupted"


def test_nobody_is_called_at_searches_when_no_graph_comes() -> None:
    program = """
train(3, 10_000)
print(len(gc.callbacks))
for _ in range(60): kept = [[] for _ in range(1_000)]
print(len(gc.callbacks))
train(3, 10_000)
print(searches(lambda: step(10_000)) < 5)
"""
    assert in_a_fresh_interpreter(program).split() == ["1", "0", "True"]


@pytest.mark.skipif(gc.get_freeze_count() > 0, reason="this Python has frozen objects of its own, which stay")
def test_a_large_graph_counts_as_old_when_the_collector_goes_on() -> None:
    with collector_paused():
        x = Value(1.0)
        for _ in range(5_000):
            x = x * 1.5
    assert not any(young is x for young in gc.get_objects(generation=0))


def test_what_a_program_has_frozen_stays_frozen() -> None:
    kept: list[list[int]] = [[] for _ in range(1_000)]
    gc.freeze()
    try:
        with collector_paused():
            graph = [Value(1.0) for _ in range(50_000)]
        assert gc.get_freeze_count() >= len(kept)
        del graph
    finally:
        gc.unfreeze()
