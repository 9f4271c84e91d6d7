"""Programs over classes in print: as a textbook writes them."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

import autograd
from autograd import Value, fsum, logsumexp, sumprod, where
from autograd.compiler.program.classes import Kind
from autograd.compiler.textbook.matrix_form import folded, matrix_form
from nn import MLP
from nn.losses import half_mse_loss
from tests.autograd.compiler.test_python_backend import batched_layer
from tests.support import ROOT
from tests.support.class_programs import PROGRAMS, Named, attention, network_loss, numbers, recurrence

PARAMETERS = (Kind.PARAMETER,)


def printed(f: Any, args: Any, kinds: tuple[Kind, ...] = PARAMETERS) -> list[str]:
    return matrix_form(Named(f, args, kinds).shown).splitlines()


def test_the_three_layer_network_prints_as_the_textbook_has_it() -> None:
    loss, flat = network_loss(MLP(3, [5, 4], activation="sigmoid", output="sigmoid", seed=1), 6, 3, 4)
    lines = printed(loss, flat)
    assert lines[:3] == [
        "# arguments x, y",
        "# parameters W², b², W³, b³",
        "# each line holds in each of 6 lanes, Σ adds the lanes up",
    ]
    assert set(lines[3:-1]) == {
        "z² = W² x + b²",
        "a² = σ(z²)",
        "z³ = W³ a² + b³",
        "a³ = σ(z³)",
        "t1 = a³ − y",
        "J = Σ sum(0.5 square(t1)) / 4",
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


def test_the_lines_that_the_readme_shows() -> None:
    lines = printed(*PROGRAMS["network"])
    for line in ["δ³ = (W⁴ᵀ δ⁴₁) ⊙ tanh'(z³)", "∂W³ = Σ δ³ a²ᵀ", "∂b³ = Σ δ³", "δ² = (W³ᵀ δ³) ⊙ tanh'(z²)"]:
        assert line in lines


def test_a_compiled_function_prints_in_matrix_form() -> None:
    model = MLP(2, [2, 1], activation="sigmoid", seed=1)

    @autograd.compile
    def loss(inputs: Any, targets: Any) -> Any:
        return half_mse_loss([model(x) for x in inputs], targets)

    assert "recorded 0 times" in str(loss)
    loss([numbers(2, k) for k in range(20)], numbers(20))
    lines = str(loss).splitlines()
    assert lines[0] == "# arguments inputs, targets"
    assert {"z² = W² inputs + b²", "δ² = (W³ᵀ δ³₁) ⊙ σ'(z²)", "∂W² = Σ δ² inputsᵀ"} <= set(lines)


def test_of_several_recordings_the_text_says_which_it_shows() -> None:
    f = autograd.compile(lambda xs: autograd.exp(xs[0]) if len(xs) == 1 else autograd.sin(xs[0]) * xs[1])
    f([1.0])
    assert "recordings" not in str(f)
    f([1.0, 2.0])
    heading = "# the last used of 2 recordings; report() lists all"
    assert str(f).splitlines()[0] == heading
    assert "sin" in str(f)
    f([3.0])
    assert str(f).splitlines()[0] == heading
    assert "sin" not in str(f)


def test_a_second_sample_does_not_borrow_the_names_of_the_first() -> None:
    model = MLP(2, [3, 3], activation="tanh", seed=2)

    def loss(*x: Any) -> Any:
        return fsum([logsumexp(z[:2]) * z[2] for z in (model(x[:2]), model(x[2:]))])

    lines = printed(loss, numbers(4))
    assert sum(line.startswith("z² = ") for line in lines) == 1
    assert any("logsumexp(" in line for line in lines)


def test_without_labels_arrays_have_letters() -> None:
    ws = [Value(w) for w in numbers(6)]

    def loss(*xs: Any) -> Any:
        return fsum([sumprod(ws[:3], xs[k : k + 3]).tanh() * ws[3] for k in range(0, 12, 3)])

    lines = printed(loss, numbers(12))
    assert lines[0] == "# arguments x1"
    assert any(line == "t1 = tanh(p1 · x1)" for line in lines)


def test_a_batched_program_says_what_its_sums_add_up() -> None:
    program, _, _ = batched_layer(4)
    lines = matrix_form(program).splitlines()
    assert lines[2] == "# each line holds for each sample of the batch, Σ adds the samples up"
    assert lines[3] == "t1 = tanh(p1 x1 + p2)"
    assert "Σ sum(t1)" in lines[-1] or any(line.endswith("Σ sum(t1)") for line in lines)
    assert any(line.endswith("x1ᵀ") and "Σ" in line for line in lines)


# ---- programs without labels -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("tokens", [4, 9])
def test_attention_has_the_same_lines_whatever_its_length(tokens: int) -> None:
    lines = printed(*attention(tokens))
    assert len(lines) < 40
    assert lines[2] == f"# each line holds in each of {tokens} lanes, Σ adds the lanes up"
    assert sum("Σ_4" in line for line in lines[:8]) == 1  # q·k
    assert any(line.endswith(f"Σ_1…{tokens} t2") for line in lines)  # the denominators of the softmax


@pytest.mark.parametrize("steps", [16, 40])
def test_the_steps_of_a_recurrence_are_a_loop(steps: int) -> None:
    lines = printed(*recurrence(steps))
    assert len(lines) < 24
    assert f"for k = 0 … {steps - 2}:" in lines
    assert "    t[k + 2] = tanh(p2 xs[k + 1] + p1 t[k + 1] + p3)" in lines


def test_the_cells_of_a_grid_are_not_told_apart_from_its_borders_inwards() -> None:
    def heat(u: Any, c: Any) -> Any:
        for _ in range(5):
            u = [u[0], *[u[i] + c * (u[i - 1] - 2 * u[i] + u[i + 1]) for i in range(1, len(u) - 1)], u[-1]]
        return fsum([x * x for x in u])

    few, many = [len(printed(heat, [numbers(cells), 0.1])) for cells in (50, 100)]
    assert few == many < 300


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_has_a_matrix_form(name: str) -> None:
    lines = printed(*PROGRAMS[name], (Kind.PARAMETER, Kind.ARGUMENT))
    assert lines[-1].startswith("return ")
    names = [line.split(" = ")[0] for line in lines if " = " in line and line[0] not in "# "]
    assert len(names) == len({name for name in names if name != "for k"}) + names.count("for k")


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x, y: x - (y - x), "J = x − (y − x)"),
        (lambda x, y: (x + y) * -x, "J = (x + y) (−x)"),
        (lambda x, y: x / (y * 2.0), "J = x / (y 2)"),
        (lambda x, y: (x * y) / y, "J = x y / y"),
        (lambda x, y: where(x < y, x, 1.5 - y), "J = where(x < y, x, 1.5 − y)"),
        (lambda x, y: x.maximum(y).exp(), "J = exp(maximum(x, y))"),
        (lambda x, y: (x + y) ** 3.0, "J = (x + y)^3"),
    ],
)
def test_expressions_have_the_parentheses_that_they_need(f: Any, expected: str) -> None:
    line = next(line for line in printed(f, [1.0, 2.0], ()) if line.startswith("J = "))
    assert line.replace("2 y", "y 2") == expected


def test_the_same_label_on_different_rows_is_used_for_one_of_them_only() -> None:
    w = Value(0.5, "w")

    def loss(x: Any, y: Any) -> Any:
        z, other = w * x, (w * y).sin()
        z.label = other.label = "z"
        return z.tanh() + other.tanh()

    assert sum(line.startswith("z = ") for line in printed(loss, [1.0, 2.0])) == 1


def test_many_terms_are_counted() -> None:
    functions = ("sin", "cos", "exp", "tanh", "atan", "sinh", "cosh", "sigmoid", "softplus", "erf")
    lines = printed(lambda x: sum(getattr(x, name)() for name in functions), [0.5], ())
    assert any("+ … 4 more" in line for line in lines)


def test_lines_that_do_not_go_on_evenly_are_not_folded() -> None:
    lines = ["t1 = x1", "t2 = x2", "t3 = x4", "t4 = x3"]
    assert folded(lines) == lines


def test_it_needs_neither_numpy_nor_llvmlite() -> None:
    code = (
        "import sys\nsys.modules['numpy'] = sys.modules['llvmlite'] = None\n"
        "from autograd.compiler.textbook.matrix_form import matrix_form\n"
        "from autograd.compiler.python.writer import PythonKernel\n"
        "from tests.support.class_programs import Named, scalars\n"
        "derived = Named(*scalars())\n"
        "assert 'J = ' in matrix_form(derived.shown)\n"
        "print(len(PythonKernel(derived.program)(derived.arguments, [])))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "2", done.stderr


def test_arguments_are_named_in_the_order_of_the_signature() -> None:
    @autograd.compile
    def loss(a: float, b: float, c: float, d: float) -> Any:
        y: Any = 1.0
        for _ in range(3):
            y = y + 0.1 * (c * y - b * d * y) + a * 0.01
        return y

    for _ in range(6):
        loss(1.0, 2.0, 3.0, 4.0)
    assert str(loss).splitlines()[0] == "# arguments a, b, c, d"


def test_the_largest_of_some_numbers_is_not_printed_as_their_sum() -> None:
    """Numbers with names of their own, a column of them, and columns of which each has a largest number."""
    a, b, c = (Value(0.1 * k, name) for k, name in enumerate("abc"))
    rows = [[Value(0.1 * i * j) for j in range(5)] for i in range(4)]

    def softmax_sum(zs: list[Value]) -> Value:
        top = max(z.data for z in zs)
        total: Value = sum([(z - top).exp() for z in zs], Value(0.0))
        return total

    one = autograd.compile(lambda x: softmax_sum([a * x, b + x, c]))
    several = autograd.compile(lambda x: sum([softmax_sum([w * x for w in row]) for row in rows], Value(0.0)))
    for f in (one, several):
        f(2.0)
        largest = [line for line in str(f).splitlines() if "max(" in line]
        assert len(largest) == 1
        assert not re.search(r"\+|Σ|sum\(", largest[0]), largest
