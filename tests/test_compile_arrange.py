"""Arranging a program as arrays: views, matrix products and grids are found, values stay, and how it prints."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd import Value, fsum, logsumexp, ops, sumprod
from autograd.compiler.arrange import affine_view, arrange, index_space
from autograd.compiler.arrays import Array, ArrayProgram, Step, View
from autograd.compiler.builder import Builder
from autograd.compiler.derive import derivatives
from autograd.compiler.flatten import flatten
from autograd.compiler.lanes import find_lanes
from autograd.compiler.program import ARGUMENT, DOT, PARAMETER, TOTAL, Instruction, Program
from autograd.compiler.record import program_of, record
from nn import MLP
from nn.losses import half_mse_loss
from tests import array_reference, program_reference
from tests.program_reference import formula, numbers, recipes, same, size


class Arranged:
    """A function's program with gradients by its parameters, and the same as arrays."""

    def __init__(self, f: Callable[..., Value], args: Sequence[float], fewest: int | None = 2, lanes: int = 4) -> None:
        self.args = list(args)
        recording = record(f, self.args)
        self.parameters = [p.data for p in recording.parameters]
        forward = find_lanes(flatten(program_of(recording)), lanes)
        inputs = {step.payload: i for i, step in enumerate(forward.instructions) if step.op is PARAMETER}
        builder = Builder()
        where, found = derivatives(forward, forward.outputs[0], [inputs[k] for k in sorted(inputs)], builder)
        gradients = [builder.constant(0.0) if d is None else d for d in found]
        self.program: Program = flatten(builder.program([where[forward.outputs[0]], *gradients])).verify()
        self.arrays = arrange(self.program, fewest)

    def check(self) -> None:
        """Both programs give the same."""
        registers = program_reference.registers(self.program, self.args, self.parameters)
        expected = [registers[i] for i in self.program.outputs]
        assert same(run(self.arrays, self.args, self.parameters), expected, size(registers))

    def steps(self, kind: str, op: ops.Op | None = None) -> list[Step]:
        return [step for step in self.arrays.steps if step.kind == kind and op in (None, step.op)]

    def labels(self, view: View, ni: int, nj: int) -> list[list[str]]:
        """The labels of the rows that a view reads."""
        rows = self.arrays.arrays[view.array].labels
        return [[rows[view.start + i * view.step_i + j * view.step_j] for j in range(nj)] for i in range(ni)]


def run(program: ArrayProgram, args: Sequence[float], parameters: Sequence[float]) -> list[Any]:
    """The outputs of an array program, from flat lists of numbers."""
    given: dict[int, Any] = {}
    for number, array in enumerate(program.arrays):
        if array.kind == "argument":
            columns = [source if isinstance(source, tuple) else (source,) for source in array.payload]
            given[number] = [[args[k] if isinstance(k, int) else k for k in column] for column in columns]
        elif array.kind == "parameter":
            given[number] = [[parameters[k]] for k in array.payload]
    return [row if len(row) > 1 else row[0] for row in array_reference.outputs(program, given)]


def data(count: int, seed: int = 7) -> list[float]:
    rng = random.Random(seed)
    return [rng.uniform(-1, 1) for _ in range(count)]


def network_loss(model: MLP, samples: int, nin: int, nout: int) -> tuple[Callable[..., Value], list[float]]:
    """The mean loss of a model as a function of all inputs and targets in one list, and such a list."""
    width = nin + nout

    def loss(*flat: Any) -> Value:
        outputs, targets = [], []
        for k in range(0, samples * width, width):
            x, y = flat[k : k + nin], flat[k + nin : k + width]
            for j, (value, target) in enumerate(zip([*x, *y], [*"x" * nin, *"y" * nout])):
                value.label = f"{target}{'₁₂₃₄₅₆₇₈₉'[j if j < nin else j - nin]}"
            out = model(list(x))
            outputs.append(out if nout > 1 else [out])
            targets.append(list(y))
        return fsum([half_mse_loss(a, y) for a, y in zip(outputs, targets)])

    return loss, data(samples * width)


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


# ---- in print --------------------------------------------------------------------------------------------------------
def test_the_three_layer_network_prints_as_the_textbook_has_it(three_layers: Arranged) -> None:
    lines = str(three_layers.arrays).splitlines()
    assert lines[2] == "# each line holds in each of 6 lanes, Σ adds the lanes up"
    assert set(lines[3:-1]) == {
        "z² = W² x + b²",
        "a² = σ(z²)",
        "z³ = W³ a² + b³",
        "a³ = σ(z³)",
        "t1 = a³ − y",
        "t2 = square(t1)",
        "J = Σ sum(0.5 t2) / 4",
        "σ'(z³) = a³ ⊙ (1 − a³)",
        "δ³ = (0.125 (2 t1)) ⊙ σ'(z³)",
        "∂W³ = Σ δ³ a²ᵀ",
        "∂b³ = Σ δ³",
        "σ'(z²) = a² ⊙ (1 − a²)",
        "δ² = (W³ᵀ δ³) ⊙ σ'(z²)",
        "∂W² = Σ δ² xᵀ",
        "∂b² = Σ δ²",
    }
    assert set(lines[-1].removeprefix("return ").split(", ")) == {"J", "∂W²", "∂W³", "∂b²", "∂b³"}


def test_a_compiled_function_prints_in_matrix_form() -> None:
    model = MLP(2, [2, 1], activation="sigmoid", seed=1)

    @autograd.compile
    def loss(inputs: Any, targets: Any) -> Any:
        return half_mse_loss([model(x) for x in inputs], targets)

    loss([data(2, k) for k in range(20)], data(20))
    lines = str(loss).splitlines()
    assert lines[0] in ("# arguments inputs, targets", "# arguments targets, inputs")
    assert {"z² = W² inputs + b²", "δ² = (W³ᵀ δ³₁) ⊙ σ'(z²)", "∂W² = Σ δ² inputsᵀ"} <= set(lines)


def printed(f: Callable[..., Value], args: Sequence[float], fewest: int = 2) -> list[str]:
    found = Arranged(f, args, fewest)
    found.check()
    return str(found.arrays).splitlines()


def test_one_sample_has_no_sums_over_lanes() -> None:
    loss, flat = network_loss(MLP(2, [3, 2], activation="tanh", seed=2), 1, 2, 2)
    lines = printed(loss, flat)
    for line in ["z² = W² x + b²", "a² = tanh(z²)", "δ² = (W³ᵀ δ³) ⊙ tanh'(z²)", "∂W² = δ² xᵀ", "∂W³ = δ³ a²ᵀ"]:
        assert line in lines
    assert not any("Σ" in line for line in lines)


def test_one_output_neuron_is_a_matrix_of_one_row() -> None:
    loss, flat = network_loss(MLP(2, [12, 1], activation="relu", seed=2), 5, 2, 1)
    lines = printed(loss, flat)
    for line in ["z² = W² x + b²", "z³₁ = W³ a² + b³₁", "δ² = (W³ᵀ δ³₁) ⊙ relu'(z²)", "∂W³ = Σ δ³₁ a²ᵀ"]:
        assert line in lines


def test_one_input_is_a_matrix_of_one_column() -> None:
    loss, flat = network_loss(MLP(1, [3, 1], activation="relu", seed=2), 5, 1, 1)
    lines = printed(loss, flat)
    for line in ["z² = W² x₁ + b²", "z³₁ = W³ a² + b³₁", "δ² = (W³ᵀ δ³₁) ⊙ relu'(z²)", "∂W² = Σ δ² x₁"]:
        assert line in lines


def test_a_second_sample_does_not_borrow_the_names_of_the_first() -> None:
    model = MLP(2, [3, 3], activation="tanh", seed=2)

    def loss(*x: Any) -> Any:
        return fsum([logsumexp(z[:2]) * z[2] for z in (model(x[:2]), model(x[2:]))])

    found = Arranged(loss, data(4), 2, lanes=99)
    found.check()
    lines = str(found.arrays).splitlines()
    assert sum("logsumexp(z³₁…z³₂)" in line or "logsumexp(z³₂…z³₁)" in line for line in lines) == 1
    assert sum("logsumexp(t" in line for line in lines) == 1
    assert sum(line.startswith("z² = ") for line in lines) == 1


def test_neurons_alone_are_named_one_by_one() -> None:
    loss, flat = network_loss(MLP(2, [3, 2], activation="sigmoid", seed=2), 5, 2, 2)
    lines = printed(loss, flat, fewest=4)
    for line in ["z²₁ = W²₁ x + b²₁", "z³₂ = W³₂ a² + b³₂", "δ²₁ = (W³[:,1]ᵀ δ³) σ'(z²₁)", "∂b²₃ = Σ δ²₃"]:
        assert line in lines


def test_without_labels_arrays_have_letters_and_rows_numbers() -> None:
    ws = [Value(w) for w in data(6)]

    def loss(*xs: Any) -> Any:
        return fsum([sumprod(ws[:3], xs[k : k + 3]).tanh() * ws[3] for k in range(0, 12, 3)])

    lines = printed(loss, data(12))
    assert lines[0] == "# arguments x1"
    assert lines[3] in ("t1 = tanh(p1 · x1)", "t1 = tanh(p2 · x1)")
    assert lines[4] in ("J = Σ p2 t1", "J = Σ p1 t1")


def test_the_same_label_on_different_rows_is_used_for_one_of_them_only() -> None:
    w = Value(0.5, "w")

    def loss(x: Any, y: Any) -> Any:
        z, other = w * x, w * y * y
        z.label = other.label = "z"
        return z.tanh() + other.tanh()

    lines = printed(loss, [1.0, 2.0], fewest=9)
    assert sum(line.startswith("z = ") for line in lines) == 1


def test_a_step_without_a_matrix_form_shows_its_indices() -> None:
    arrays = [
        Array(12, 1, "argument", tuple(range(12))),
        Array(6, 1, "parameter", tuple(range(6))),
        Array(3, 1, "computed"),
    ]
    steps = [Step(ops.sum_of_products, "product", 2, 3, 2, (View(0, 1, 4, 1), View(1, 0, 2, 1)))]
    assert str(ArrayProgram(arrays, steps, [(2, 0), (2, 2)])).splitlines()[2] == "t1 = Σ_j x1[1 + 4 i + j] p1[2 i + j]"


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x, y: x - (y - x), "J = x − (y − x)"),
        (lambda x, y: (x + y) * -x, "J = (x + y) (−x)"),
        (lambda x, y: x / (y * 2.0), "J = x / (2 y)"),
        (lambda x, y: (x * y) / y, "J = x y / y"),
        (lambda x, y: ops.where(x < y, x, 1.5 - y), "J = where(x < y, x, 1.5 − y)"),
        (lambda x, y: ops.maximum(x, y).exp(), "J = exp(maximum(x, y))"),
        (lambda x, y: (x + y) ** 3.0, "J = (x + y)^3"),
        (lambda x, y: x * y + y * 2.0 + 1.0, "J = x y + 2 y + 1"),
        (lambda x, y: fsum([x] * 12), "J = x + x + x + x + x + x + … 6 more"),
    ],
)
def test_expressions_have_the_parentheses_that_they_need(f: Callable[..., Value], expected: str) -> None:
    program = flatten(program_of(record(f, [1.0, 2.0])))
    assert expected in str(arrange(program)).splitlines()


def test_an_argument_is_in_one_array_in_the_order_of_its_numbers() -> None:
    program = program_of(record(lambda x, y, z: z * y + x, [1.0, 2.0, 3.0]))
    (array,) = [array for array in arrange(program).arrays if array.kind == "argument"]
    assert array.payload == (0, 1, 2)
    assert {step.op for step in program.instructions if not step.operands} == {ARGUMENT}
