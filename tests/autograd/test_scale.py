"""Graphs a million nodes deep and a million wide: no recursion, linear work, and memory that does not grow."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autograd import Value, fsum, grad, prod, sumprod
from autograd.graph import sweep, topological_order

MILLION = 1_000_000
# A recursion, be it in Python or in C, would have 40 bytes of the small stack for each call, and needs more; and what
# takes the square of the size would take hours.  So only one test is about a million.
MANY = MILLION // 5
OTHERS = 100  # objects that other threads of the process may make while a test counts all that there are
SMALL_STACK = 8 * 2**20  # bytes: Python 3.13 needs that to free any deep structure, a recursion ten times as much


def on_a_small_stack(work: Callable[[], object]) -> None:
    """Run in a thread whose C stack would not survive a recursion, not even one outside of Python's own counting."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    before = threading.stack_size(SMALL_STACK)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    if raised:
        raise raised[0]


@pytest.fixture(autouse=True, scope="module")
def _only_what_is_new_is_collected() -> Iterator[None]:
    """To search all modules and tests takes longer than some of the tests here."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _without_the_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    gc.collect()


def chain(x: Value, n: int) -> Value:
    """x - x + x - x …, n operations deep."""
    y = x
    for _ in range(n // 2):
        y = (y - x) + x
    return y


# ---- a million -------------------------------------------------------------------------------------------------------
def differentiated(n: int) -> None:
    x = Value(2.0, label="x")
    y = chain(x, n)
    y.backward()
    assert x.grad == 1.0
    assert grad(y, x) == (1.0,)
    assert repr(y) == "Value(data=2.0, grad=1.0)"


def duplicated(n: int) -> None:
    x = Value(2.0, label="x")
    y = chain(x, n)
    y.backward()
    for duplicate in (copy.deepcopy, lambda y: pickle.loads(pickle.dumps(y))):
        twin = duplicate(y)
        order = topological_order(twin)
        assert len(order) == n + 1
        assert (order[0].label, order[0].grad) == ("x", 1.0)
        del twin, order


@pytest.mark.parametrize(
    ("use", "size"),
    [(differentiated, MILLION), (duplicated, MANY)],
    ids=["differentiated and printed", "copied, saved and loaded"],
)
def test_a_chain_of_many_nodes(use: Callable[[int], None], size: int) -> None:
    """Afterwards it is freed, too."""

    def left_over(n: int) -> int:
        before = len(gc.get_objects())
        use(n)
        return len(gc.get_objects()) - before

    def work() -> None:
        left_over(10)  # what is made once, is made
        assert left_over(size) <= OTHERS

    on_a_small_stack(work)


def test_a_second_derivative_of_a_long_chain() -> None:
    """Its graph is deeper than the chain."""
    n = MANY // 8

    def work() -> None:
        x = Value(1.0)
        y = x
        for _ in range(n):
            y = y * x
        (dx,) = grad(y, x, create_graph=True)
        assert dx.data == n + 1.0
        assert grad(dx, x) == (n * (n + 1.0),)
        del y, dx

    on_a_small_stack(work)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (lambda xs: fsum(xs), 1.0),
        (lambda xs: prod(xs), 1.0),
        (lambda xs: sumprod(xs[::2], xs[1::2]), 1.0),
    ],
    ids=["fsum", "prod", "sumprod"],
)
def test_many_operands(node: Callable[[list[Value]], Value], expected: float) -> None:
    def work() -> None:
        xs = [Value(1.0) for _ in range(MANY)]
        y = node(xs)
        y.backward()
        assert {x.grad for x in xs} == {expected}
        assert len(repr(y)) < 100

    on_a_small_stack(work)


def test_many_uses_of_one_node() -> None:
    def work() -> None:
        x = Value(1.0)
        h = x * 3
        y = fsum([h] * MANY)
        y.backward()
        assert x.grad == 3.0 * MANY

    on_a_small_stack(work)


# ---- linear work -----------------------------------------------------------------------------------------------------
class Counted:
    """A node that counts how often a walk asks for its parents."""

    asked = 0

    def __init__(self, *parents: Counted) -> None:
        self._parents = parents
        self.grad: Any = 0

    @property
    def parents(self) -> tuple[Counted, ...]:
        Counted.asked += 1
        return self._parents


def ladder(n: int) -> Counted:
    """n rungs of which each uses the one before twice, and all use the first."""
    first = node = Counted()
    for _ in range(n):
        node = Counted(node, node, first)
    return node


def wide(n: int) -> Counted:
    return Counted(*[Counted() for _ in range(n)])


@pytest.mark.parametrize("shape", [ladder, wide])
def test_a_walk_visits_each_node_a_fixed_number_of_times(shape: Callable[[int], Counted]) -> None:
    def visits(n: int) -> tuple[float, float]:
        root = shape(n)
        Counted.asked = 0
        order = topological_order(root)
        for_the_order = Counted.asked
        rules = 0

        def partials(node: Counted) -> list[float]:
            nonlocal rules
            rules += 1
            return [0.5] * len(node._parents)

        sweep(order, {root: 1.0}, partials)
        assert rules == len(order) == n + 1  # the local derivatives of each node are asked for once
        return for_the_order / len(order), (Counted.asked - for_the_order) / len(order)

    for n in (10, 1000, 10_000):
        assert max(visits(n)) <= 2


# ---- memory ----------------------------------------------------------------------------------------------------------
def test_ten_thousand_training_steps_keep_the_number_of_objects_flat() -> None:
    w, b = [Value(0.1), Value(-0.2)], Value(0.0)
    data = [([1.0, 2.0], 1.0), ([0.5, -1.0], 0.0)]

    def step() -> float:
        loss = Value(0.0)
        for xs, target in data:
            loss = loss + (sumprod(w, xs, b).sigmoid() - target) ** 2
        for p in (*w, b):
            p.grad = 0.0
        loss.backward()
        for p in (*w, b):
            p.data -= 0.1 * p.grad
        return loss.data

    first = step()
    before = len(gc.get_objects())
    counts = []
    for i in range(10_000):
        last = step()
        if i % 500 == 0:
            counts.append(len(gc.get_objects()) - before)
    assert max(counts) <= OTHERS  # a cycle of a single step would be there thousands of times
    assert last < first  # it did train


def test_the_count_would_see_a_cycle() -> None:
    before = len(gc.get_objects())
    for _ in range(300):
        node: list[Any] = []
        node.append(node)
    assert len(gc.get_objects()) - before >= 300 > OTHERS


def test_higher_derivatives_and_failures_leave_no_cycles_either() -> None:
    x = Value(1.5)

    def step() -> None:
        (dx,) = grad((x * x).sin(), x, create_graph=True)
        (ddx,) = grad(dx, x, create_graph=True)
        (dx + ddx).backward()
        with pytest.raises(TypeError):
            x * "a"

    step()
    before = len(gc.get_objects())
    for _ in range(300):
        step()
    assert len(gc.get_objects()) - before <= OTHERS


def test_a_node_does_not_keep_what_was_computed_from_it() -> None:
    class Marked(Value):
        __slots__ = ("__weakref__",)

    x = Value(1.0)
    marked = Marked(2.0)
    gone = weakref.ref(marked)
    y = x * marked
    del marked
    assert gone() is not None
    y.backward()
    del y
    assert gone() is None
