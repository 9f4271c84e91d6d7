"""A process that is forked while other threads are at work: it neither hangs nor starts with half of a walk."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support import PATIENCE, ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

PROGRAM = """
import os, sys, threading, warnings
from autograd import Value, grad, modes, no_grad, strict
from autograd.functional import hessian

warnings.simplefilter("ignore")   # from 3.12 on Python warns of every fork beside threads
DEPTH = 3_000
x = Value(1.0)
y = x
for _ in range(DEPTH):
    y = y + 0.0
stop = threading.Event()
x.grad = 0.0

def walk():
    while not stop.is_set():
        y.backward()

def differentiate():
    while not stop.is_set():
        grad(y, x)

def switch():
    while not stop.is_set():
        with no_grad():
            pass

def use():
    u = Value(3.0)
    with no_grad():
        u * u
    with strict():
        v = u**3
    v.backward()
    whole = {node.grad for node in nodes} in ({0.0}, {1.0})   # no walk that stopped in the middle
    return whole and u.grad == 27.0 and hessian(lambda t: t**3)(2.0) == 12.0

nodes, node = [], y
while node.parents:
    nodes.append(node)
    node = node.parents[0]
y.backward()
"""

FORKS = """
threads = [threading.Thread(target=work) for work in WORK]
for thread in threads:
    thread.start()
codes = []
for _ in range(20):
    child = os.fork()
    if not child:
        os._exit(0 if use() else 3)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
for thread in threads:
    thread.join()
print(*sorted(set(codes)))
"""


def run(program: str) -> str:
    """What the program prints; a child that hangs lets it run into the time limit."""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, errors = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)  # the children too
        process.communicate()
        pytest.fail("a forked process hangs")
    assert process.returncode == 0, errors
    return out.strip()


@pytest.mark.parametrize("work", ["walk", "differentiate", "switch", "walk, walk, switch"])
def test_a_process_forked_beside_a_thread_at_work_differentiates(work: str) -> None:
    assert run(PROGRAM + f"WORK = [{work}]\n" + FORKS) == "0"


def test_a_process_forked_while_a_thread_holds_the_switches_lock_switches() -> None:
    """The moment is so short that only a lock held on purpose meets it."""
    program = """
held = threading.Event()
def hold():
    with modes._lock:
        held.set()
        stop.wait(30)
thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if not child:
    os._exit(0 if use() else 3)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
stop.set()
thread.join()
print(code)
"""
    assert run(PROGRAM + program) == "0"


def test_a_process_forked_inside_a_walk_differentiates() -> None:
    """By a rule of the program's own, whose thread is the one that lives on."""
    program = """
from autograd import primitive

@primitive(lambda out, t: forked(), name="forking")
def forking(t):
    return t

def forked():
    child = os.fork()
    if not child:
        os._exit(0 if use() else 3)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return 1.0

codes = []
u = forking(Value(1.0))
grad(u * u, u.parents[0], create_graph=True)
closure = Value(1.0, (u,), "closure")
def _backward():
    u.grad += forked() * closure.grad
closure._backward = _backward
print(use(), *set(codes))
"""
    assert run(PROGRAM + program) == "True 0"


def test_a_process_forked_while_other_threads_hold_the_compilers_locks_compiles() -> None:
    program = """
import autograd
from autograd.compiler import backends
from autograd.compiler.recording import rewriting
from autograd.compiler.machine import library
from nn import distributed as workers

f = autograd.compile(lambda x: x * x + 1.0)
f(2.0)
locks = [f._lock, library._lock, rewriting._lock, backends._notice_lock, workers._lock]
all_held = threading.Barrier(len(locks) + 1)
def hold(lock):
    with lock:
        all_held.wait()
        stop.wait(30)
threads = [threading.Thread(target=hold, args=(lock,)) for lock in locks]
for thread in threads:
    thread.start()
all_held.wait()
child = os.fork()
if not child:
    g = autograd.compile(lambda xs: max(xs) * xs[0])
    x, y = Value(3.0), Value(4.0)
    f(y).backward()
    g([x, y]).backward()
    workers._call(print, [], {}, ())
    os._exit(0 if (x.grad, y.grad) == (4.0, 11.0) else 3)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
stop.set()
for thread in threads:
    thread.join()
print(code)
"""
    assert run(PROGRAM + program).split() == ["0"]


def test_a_process_forked_while_machine_code_is_made_makes_its_own() -> None:
    program = """
import autograd

autograd.compile(lambda x: x * x, backend='native')(2.0)   # an import in another thread is Python's own matter

def compile_many():
    n = 0
    while not stop.is_set():
        n += 1
        exponent = 2.0 + n / 64.0
        g = autograd.compile(lambda xs: sum(x**exponent for x in xs), backend='native')
        g([1.0 + n, 2.0])

thread = threading.Thread(target=compile_many)
thread.start()
codes = []
for n in range(8):
    child = os.fork()
    if not child:
        g = autograd.compile(lambda xs: sum((x * x + n).tanh() for x in xs), backend='native')
        x = Value(0.5)
        g([x, 1.0]).backward()
        os._exit(0 if abs(x.grad - (1 - (0.25 + n + Value(0.0)).tanh().data ** 2)) < 1e-12 else 3)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
thread.join()
print(*sorted(set(codes)))
"""
    assert run(PROGRAM + program) == "0"
