"""Arranging a program as arrays: views, matrix products and grids are found, and values stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from autograd.compiler.arrange import affine_view, arrange, index_space
from autograd.compiler.arrays import View
from autograd.compiler.program import ARGUMENT, DOT, TOTAL, Instruction, Program
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd import Value, fsum, ops, sumprod
from nn import MLP
from tests import program_reference
from tests.arranged import Arranged, data, network_loss, run
from tests.program_reference import formula, numbers, recipes, same, size


# ---- views -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("rows", "ni", "nj", "expected"),
    [
        ([3], 1, 1, View(0, 3)),
        ([0, 1, 2], 3, 1, View(0, 0, 1, 0)),
        ([4, 2, 0], 1, 3, View(0, 4, 0, -2)),
        ([5, 5, 5], 3, 1, View(0, 5)),
        ([0, 1, 2, 3, 4, 5], 2, 3, View(0, 0, 3, 1)),
        ([0, 3, 1, 4, 2, 5], 3, 2, View(0, 0, 1, 3)),
        ([0, 1, 0, 1], 2, 2, View(0, 0, 0, 1)),
        ([0, 1, 3], 3, 1, None),
        ([0, 1, 1, 3], 2, 2, None),
    ],
)
def test_rows_are_a_view_if_they_are_affine(rows: list[int], ni: int, nj: int, expected: View | None) -> None:
    assert affine_view(0, np.array(rows), ni, nj) == expected


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 9), st.integers(-4, 4), st.integers(-4, 4))
def test_every_affine_block_is_recognised(ni: int, nj: int, start: int, step_i: int, step_j: int) -> None:
    rows = np.array([start + i * step_i + j * step_j for i in range(ni) for j in range(nj)])
    view = affine_view(3, rows, ni, nj)
    assert view is not None
    assert [view.start + i * view.step_i + j * view.step_j for i in range(ni) for j in range(nj)] == rows.tolist()


def test_the_index_space_of_an_outer_product_is_a_grid() -> None:
    rows = np.array([[i, 2 * j] for i in range(3) for j in range(4)])
    assert index_space(rows) == (3, 4)
    assert index_space(np.array([[0, 5], [1, 6], [2, 7]])) == (3, 1)
    assert index_space(np.array([[0], [1], [3], [7], [9]])) == (5, 1)


# ---- what is found ---------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def three_layers() -> Arranged:
    loss, flat = network_loss(MLP(3, [5, 4], activation="sigmoid", output="sigmoid", seed=1), 6, 3, 4)
    return Arranged(loss, flat)


def test_the_layers_of_a_network_are_matrix_products(three_layers: Arranged) -> None:
    found = three_layers
    forward, backward = found.steps("product")[:2], found.steps("product")[2:]
    for step, layer, inputs, shape in zip(forward, "²³", ["x", "a²"], [(5, 3), (4, 5)]):
        w, a, b = step.operands
        assert (step.ni, step.nj, a.step_i) == (*shape, 0)
        rows = found.arrays.arrays[step.target].labels
        assert {label[:2] for label in rows} == {f"z{layer}"}
        columns = found.labels(a, 1, step.nj)[0]
        assert {label[:-1] for label in columns} == {inputs}
        assert found.labels(w, step.ni, step.nj) == [[f"w{layer}{z[-1]}{a[-1]}" for a in columns] for z in rows]
        assert found.labels(b, step.ni, 1) == [[f"b{layer}{z[-1]}"] for z in rows]
    step, loss = sorted(backward, key=lambda step: -step.ni)
    assert (loss.ni, loss.nj) == (1, 4)
    delta = found.labels(step.operands[1], 1, 4)[0]
    rows = found.arrays.arrays[step.target].labels
    assert sorted(delta) == ["∂z³₁", "∂z³₂", "∂z³₃", "∂z³₄"]
    assert {label[:3] for label in rows} == {"∂a²"}
    transposed = [[f"w³{d[-1]}{a[-1]}" for d in delta] for a in rows]
    assert found.labels(step.operands[0], step.ni, step.nj) == transposed


def test_the_gradients_of_the_weights_are_products_of_all_rows_with_all_rows(three_layers: Arranged) -> None:
    found = three_layers
    shapes = set()
    for step in found.steps("reduce", DOT):
        delta, a = step.operands
        assert (abs(delta.step_i), delta.step_j, a.step_i, abs(a.step_j)) == (1, 0, 0, 1)
        target = found.arrays.arrays[step.target].labels
        left, right = found.labels(delta, step.ni, 1), found.labels(a, 1, step.nj)[0]
        assert list(target) == [f"∂w{d[0][2]}{d[0][-1]}{x[-1]}" for d in left for x in right]
        shapes.add((step.ni, step.nj))
    assert shapes == {(4, 5), (5, 3)}


def test_the_gradients_of_the_biases_are_sums_over_lanes(three_layers: Arranged) -> None:
    totals = [three_layers.arrays.arrays[step.target].labels for step in three_layers.steps("reduce", TOTAL)]
    assert {tuple(sorted(labels)) for labels in totals if labels} == {
        ("∂b²₁", "∂b²₂", "∂b²₃", "∂b²₄", "∂b²₅"),
        ("∂b³₁", "∂b³₂", "∂b³₃", "∂b³₄"),
    }


def test_nothing_is_copied_in_a_network(three_layers: Arranged) -> None:
    assert three_layers.steps("gather") == []
    three_layers.check()


@pytest.mark.parametrize("sizes", [(2, [3, 1]), (1, [1]), (2, [2, 2, 2]), (4, [6, 5]), (3, [1, 3])])
@pytest.mark.parametrize("fewest", [1, 2, 4, None])
def test_networks_keep_their_values(sizes: tuple[int, list[int]], fewest: int | None) -> None:
    nin, nouts = sizes
    loss, flat = network_loss(MLP(nin, nouts, activation="tanh", seed=2), 5, nin, nouts[-1])
    Arranged(loss, flat, fewest).check()


def test_a_sample_alone_has_matrices_too_if_asked_for() -> None:
    loss, flat = network_loss(MLP(3, [4, 2], activation="tanh", seed=2), 1, 3, 2)
    found = Arranged(loss, flat, fewest=2)
    assert {(step.ni, step.nj) for step in found.steps("product")} >= {(4, 3), (2, 4)}
    found.check()
    alone = Arranged(loss, flat, fewest=None)
    assert {(step.kind, step.ni) for step in alone.arrays.steps} == {("map", 1)}, "without lanes nothing is gained"
    alone.check()


def test_numbers_over_lanes_are_one_array_whatever_they_are() -> None:
    ws = [Value(w) for w in data(3)]
    rows = [data(3, seed) for seed in range(6)]
    found = Arranged(lambda s: fsum([sumprod(ws, row).tanh() * s for row in rows]), [2.0])
    (columns,) = [array for array in found.arrays.arrays if array.kind == "constant" and array.lanes == 6]
    assert columns.payload == tuple(zip(*rows))
    assert found.steps("gather") == []
    found.check()


def test_rows_in_no_order_are_copied_together_once() -> None:
    ws = [Value(w) for w in data(9)]
    order = [2, 0, 1]

    def loss(*xs: Any) -> Any:
        terms = []
        for k in range(0, 15, 3):
            x = xs[k : k + 3]
            hidden = [sumprod(ws[3 * j : 3 * j + 3], x).tanh() for j in range(3)]
            mixed = [hidden[order[j]] * hidden[j] * x[j * j % 3] for j in range(3)]
            terms.append(fsum(mixed))
        return fsum(terms)

    found = Arranged(loss, data(15))
    gathers = [step.rows for step in found.steps("gather")]
    assert gathers
    assert len(set(gathers)) == len(gathers)
    found.check()


def test_rows_that_every_neuron_reads_are_copied_once_and_not_for_each() -> None:
    ws = [Value(w) for w in data(8)]

    def loss(*xs: Any) -> Any:
        terms = []
        for k in range(0, 8, 2):
            inputs = [xs[k].sin(), xs[k + 1].cos()]  # of two classes
            terms.append(fsum([sumprod(ws[2 * j : 2 * j + 2], inputs).tanh() for j in range(4)]))
        return fsum(terms)

    found = Arranged(loss, data(8))
    assert [len(step.rows) for step in found.steps("gather")] == [2]
    (product,) = found.steps("product")[:1]
    assert (product.ni, product.nj, product.operands[1].step_i) == (4, 2, 0)
    found.check()


def test_the_same_rows_are_copied_together_once() -> None:
    ws = [Value(w) for w in data(12)]

    def loss(*xs: Any) -> Any:
        terms = []
        for k in range(0, 16, 4):
            inputs = [xs[k].sin(), xs[k + 1].sin(), xs[k + 2].cos(), xs[k + 3].cos()]
            terms.append(fsum([sumprod(ws[4 * j : 4 * j + 4], inputs).tanh() for j in range(3)]))
        return fsum(terms)

    found = Arranged(loss, data(16), fewest=4)
    gathers = [step.rows for step in found.steps("gather")]
    assert len(found.steps("product")) == 3
    assert len(gathers) == len(set(gathers)) == 1
    found.check()


def test_terms_in_another_order_are_the_same_matrix() -> None:
    ws = [Value(w) for w in data(12)]

    def loss(*xs: Any) -> Any:
        terms = []
        for k in range(0, 16, 4):
            x, turn = xs[k : k + 4], [1, -1, 1]
            terms.append(fsum([sumprod(ws[4 * j : 4 * j + 4][:: turn[j]], x[:: turn[j]]).tanh() for j in range(3)]))
        return fsum(terms)

    found = Arranged(loss, data(16))
    (product,) = found.steps("product")
    assert (product.ni, product.nj, product.operands[1].step_i) == (3, 4, 0)
    found.check()


def test_a_grid_of_rows_that_are_not_evenly_spaced() -> None:
    steps = [Instruction(ARGUMENT, (), 3, (3 * k, 3 * k + 1, 3 * k + 2)) for k in range(6)]
    pairs = [(i, j) for i in (0, 1, 3) for j in (4, 5)]
    program = Program([*steps, *[Instruction(DOT, pair) for pair in pairs]], range(6, 12)).verify()
    arrays = arrange(program, 2)
    (step,) = [step for step in arrays.steps if step.op is DOT]
    assert (step.ni, step.nj) == (3, 2)
    args = data(18)
    assert same(run(arrays, args, []), program_reference.outputs(program, args))


def test_few_of_a_kind_stay_alone() -> None:
    loss, flat = network_loss(MLP(2, [3, 1], activation="tanh", seed=2), 5, 2, 1)
    found = Arranged(loss, flat, fewest=4)
    hidden = [step for step in found.arrays.steps if step.op is ops.tanh]
    assert [step.ni for step in hidden] == [1, 1, 1]
    found.check()


def test_weights_that_are_shared_or_strided() -> None:
    ws = [Value(w) for w in data(5)]

    def convolution(*xs: Any) -> Any:
        outputs = []
        for k in range(0, 32, 8):
            row = xs[k : k + 8]
            outputs.append(fsum([sumprod(ws[:3], row[j : j + 3], ws[3]).tanh() * ws[4] for j in range(6)]))
        return fsum(outputs)

    Arranged(convolution, data(32)).check()


@given(recipes(), st.integers(1, 3), st.integers(1, 4), st.sampled_from([1, 2, 4]), st.data())
def test_random_programs_keep_their_values(
    recipe: program_reference.Recipe, width: int, neurons: int, fewest: int, draw: st.DataObject
) -> None:
    xs = draw.draw(numbers(4 * width))
    ws = [Value(w) for w in draw.draw(numbers(neurons * width + 1))]

    def loss(*v: Any) -> Any:
        terms = []
        for k in range(0, 4 * width, width):
            x = list(v[k : k + width])
            layer = [formula(recipe, [ws[-1], sumprod(ws[j * width : (j + 1) * width], x)]) for j in range(neurons)]
            terms.append(sumprod(layer, [*reversed(layer)]) + formula(recipe, [*x, *layer]))
        return fsum(terms)

    found = Arranged(loss, xs, fewest)
    assume(size(program_reference.registers(found.program, found.args, found.parameters)) < 1e6)
    found.check()


def test_every_array_is_written_once_before_it_is_read(three_layers: Arranged) -> None:
    ready = {i for i, array in enumerate(three_layers.arrays.arrays) if array.kind != "computed"}
    for step in three_layers.arrays.steps:
        assert {view.array for view in step.operands} | {array for array, _ in step.rows} <= ready
        assert step.target not in ready
        ready.add(step.target)
    assert len(ready) == len(three_layers.arrays.arrays)
