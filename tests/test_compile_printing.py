"""Array programs in print: as a textbook writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from autograd.compiler.arrange import arrange
from autograd.compiler.arrays import Array, ArrayProgram, Step, View
from autograd.compiler.flatten import flatten
from autograd.compiler.program import ARGUMENT

import autograd
from autograd import Value, fsum, logsumexp, ops, sumprod
from autograd.compiler.record import program_of, record
from nn import MLP
from nn.losses import half_mse_loss
from tests.arranged import Arranged, data, network_loss


@pytest.fixture(scope="module")
def three_layers() -> Arranged:
    loss, flat = network_loss(MLP(3, [5, 4], activation="sigmoid", output="sigmoid", seed=1), 6, 3, 4)
    return Arranged(loss, flat)


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
