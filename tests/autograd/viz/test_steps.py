"""Backward as steps: the order and the numbers of ``backward`` itself."""

from __future__ import annotations

import pytest

from autograd import Value, grad
from autograd.graph import topological_order
from autograd.viz import backward_steps
from tests.support.graphs import random_graph


@pytest.mark.parametrize("seed", range(5))
def test_the_steps_add_up_to_the_gradients(seed: int) -> None:
    root = random_graph(seed)
    order = topological_order(root)
    last = {step.node: step.after for step in backward_steps(root)}
    assert {node: last.get(node, 1.0) for node in order} == dict(zip(order, grad(root, order)))
    root.backward()
    assert all(last.get(node, 1.0) == node.grad for node in order)


@pytest.mark.parametrize("seed", range(5))
def test_the_steps_follow_the_walk_of_backward(seed: int) -> None:
    root = random_graph(seed)
    expected = [
        (parent, node, partial)
        for node in reversed(topological_order(root))
        for parent, partial in zip(node.parents, node.partials)
    ]
    assert [(step.node, step.via, step.local) for step in backward_steps(root)] == expected


def test_each_step_is_upstream_times_local_added_to_what_is_there() -> None:
    sums: dict[Value, float] = {}
    for step in backward_steps(random_graph(7)):
        assert step.contribution == step.upstream * step.local
        assert step.before == sums.get(step.node, 0.0)
        assert step.after == step.before + step.contribution
        sums[step.node] = step.after
    assert len(sums) > 10


def test_no_gradient_is_touched() -> None:
    a = Value(3.0)
    a.grad = 5.0
    y = a * a
    assert [step.after for step in backward_steps(y)] == [3.0, 6.0]
    assert (a.grad, y.grad) == (5.0, 0)


def test_backward_may_start_from_another_gradient_and_from_several_roots() -> None:
    a = Value(3.0)
    assert [step.after for step in backward_steps(a * 2, gradient=10.0)] == [20.0, 30.0]
    assert [step.after for step in backward_steps([a * 2, a * 5]) if step.node is a] == [5.0, 7.0]


def test_a_leaf_alone_has_no_steps() -> None:
    assert list(backward_steps(Value(1.0))) == []


def test_a_long_chain_is_walked_without_recursion() -> None:
    y = x = Value(1.0)
    for _ in range(20_000):
        y = y * 1.0
    steps = list(backward_steps(y))
    assert (len(steps), steps[-2].node, steps[-2].after) == (40_000, x, 1.0)
