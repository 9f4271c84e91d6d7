"""Modules as users write them (``docs/modules.md``): chance, modes, saving, and what training makes of them."""

from __future__ import annotations

import ast
import contextlib
import itertools
import json
import random
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, gradcheck
from autograd.errors import CompileError
from nn import SGD, FileError, Layer, Linear, Module, fit, make_moons, mse_loss, predict
from nn.chance import check_repeatable, not_drawn
from nn.training.steps import CompiledSteps, EagerSteps, Problem, steps_for
from tests.test_readme import blocks, page_named

X, y = make_moons(40, noise=0.1)
Y = [float(label) for label in y]


def classes_of_the_page() -> dict[str, Any]:
    """The classes exactly as the page has them; what it does with them is run in ``test_readme``."""
    code = "".join(block.text for block in blocks(page_named("docs/modules.md")) if block.language == "python")
    kinds = ast.Import, ast.ImportFrom, ast.ClassDef
    definitions = [part for part in ast.parse(code).body if isinstance(part, kinds)]
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(compile(ast.Module(definitions, []), "docs/modules.md", "exec"), namespace)
    return namespace


PAGE = classes_of_the_page()
Dropout, Residual, LayerNorm, Convolution, Sequential = (
    PAGE[name] for name in ("Dropout", "Residual", "LayerNorm", "Convolution", "Sequential")
)


def network(**options: Any) -> Any:
    rng = random.Random(3)
    inside = Sequential(Layer(4, 4, activation="tanh", rng=rng), Dropout(**options))
    return Sequential(
        Layer(2, 5, activation="tanh", rng=rng), Convolution(2, rng), LayerNorm(4), Residual(inside),
        Layer(4, 1, activation="identity", rng=rng), first,
    )  # fmt: skip


def first(outputs: list[Value]) -> Value:
    return outputs[0]


def steps(model: Any) -> EagerSteps | CompiledSteps:
    return steps_for(Problem(model, mse_loss, X, Y), SGD(model.parameters(), lr=0.01), batch_size=4, compile=True)


# --- parameters, modes, gradients -----------------------------------------------------------------------------------


def test_parameters_are_found_in_all_of_them() -> None:
    model = network()
    names = [name for name, _ in model.named_parameters()]
    assert len(names) == len(set(names)) == 15 + 3 + 8 + 20 + 5
    for name in ("parts.1.weight.1", "parts.1.bias", "parts.2.weight.3", "parts.3.inside.parts.0.neurons.3.b"):
        assert name in names


def test_parameters_are_those_with_a_name_in_their_order_each_once() -> None:
    model = network()
    shared = [Value(1.0), Value(2.0)]
    model.shared, model.again = {"rows": (shared, [shared[1]])}, shared
    model.computed, model.itself = shared[0] * 2.0, [model]
    parameters = model.parameters()
    assert parameters == [parameter for _, parameter in model.named_parameters()]
    assert parameters[-2:] == shared
    assert len(parameters) == 15 + 3 + 8 + 20 + 5 + 2


def test_the_mode_reaches_the_dropout_inside() -> None:
    model = network(p=0.5)
    assert len({model(X[0]).data for _ in range(20)}) > 1
    model.eval()
    assert len({model(X[0]).data for _ in range(20)}) == 1
    model.train()
    assert len({model(X[0]).data for _ in range(20)}) > 1


def test_dropout_keeps_the_mean_and_stops_the_gradient_of_what_it_drops() -> None:
    dropout, n = Dropout(p=0.25, seed=1), 4000
    x = [Value(1.0) for _ in range(n)]
    outputs = dropout(x)
    kept = [a for a in outputs if a]
    assert {a.data for a in kept} == {1.0 / 0.75}
    assert len(kept) == pytest.approx(0.75 * n, rel=0.05)
    sum(kept).backward()
    assert {(a.grad, bool(o)) for a, o in zip(x, outputs, strict=True)} == {(1.0 / 0.75, True), (0.0, False)}


@pytest.mark.parametrize("part", [Residual(Layer(3, 3, activation="tanh")), LayerNorm(3), Convolution(2)])
def test_their_gradients_are_right(part: Any) -> None:
    assert gradcheck(lambda x: part(x), [[0.3, -1.2, 2.0]])
    parameters = part.parameters()
    assert parameters

    def by_parameters(*numbers: Any) -> Any:
        saved = [(p, p.data) for p in parameters]
        for p, number in zip(parameters, numbers, strict=True):
            p.data = number
        out = sum(part([0.3, -1.2, 2.0])[:2])
        for p, number in saved:
            p.data = number
        return out.data

    for p in parameters:
        p.grad = 0.0
    sum(part([0.3, -1.2, 2.0])[:2]).backward()
    start, h = [p.data for p in parameters], 1e-5
    for i, p in enumerate(parameters):
        up, down = ([*start[:i], start[i] + step, *start[i + 1 :]] for step in (h, -h))
        assert p.grad == pytest.approx((by_parameters(*up) - by_parameters(*down)) / (2 * h), rel=1e-6, abs=1e-8)


# --- saving and loading ---------------------------------------------------------------------------------------------


def test_a_network_of_own_modules_is_saved_and_loaded(tmp_path: Path) -> None:
    model, other = network(), network()
    for i, p in enumerate(model.parameters()):
        p.data += 0.1 * i
    model.save(tmp_path / "own.json", {"note": "mine"})
    assert json.loads((tmp_path / "own.json").read_text())["architecture"] is None
    assert other.load(tmp_path / "own.json") == {"note": "mine"}
    assert other.state_dict() == model.state_dict()
    assert predict(other.eval(), X) == predict(model.eval(), X)


def test_a_network_of_another_structure_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    network().save(tmp_path / "own.json")
    other = Sequential(Layer(2, 5), LayerNorm(5))
    before = other.state_dict()
    with pytest.raises(FileError, match=r"own\.json: the state lacks 8 of the parameters of this Sequential"):
        other.load(tmp_path / "own.json")
    assert other.state_dict() == before


# --- training -------------------------------------------------------------------------------------------------------


class NumpyDropout(Module):
    def __init__(self, seed: int) -> None:
        self.rng = pytest.importorskip("numpy").random.default_rng(seed)

    def __call__(self, x: Any) -> Any:
        return [a if self.rng.random() > 0.01 else 0.0 for a in x] if self.training else x


class ModuleDropout(Module):
    """Draws from the module ``random``."""

    def __call__(self, x: Any) -> Any:
        return [a if random.random() > 0.01 else 0.0 for a in x] if self.training else x


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "dropout",
    [lambda seed: Dropout(0.01, seed), NumpyDropout, lambda seed: ModuleDropout()],
    ids=["own", "numpy", "module"],
)
def test_chance_is_noticed_also_where_it_changes_nothing_for_a_while(dropout: Callable[[int], Any], seed: int) -> None:
    pytest.importorskip("llvmlite")
    model = Sequential(Layer(2, 2, activation="tanh"), dropout(seed), Layer(2, 1, activation="identity"), first)
    with pytest.warns(RuntimeWarning, match="random, such as dropout, .* if that is intended, give compile=False"):
        assert type(steps(model)) is EagerSteps
    model.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert type(steps(model)) is CompiledSteps


@pytest.mark.parametrize("often", [1, 2, 5])
def test_what_another_thread_draws_is_not_taken_for_chance_in_the_loss(often: int) -> None:
    """A worker of a cluster draws now and then in a thread of its own, such as for the time of its next message."""
    turns = iter(range(often))

    def loss() -> list[float]:
        for _ in itertools.islice(turns, 1):  # while this call runs, and not while each does
            thread = threading.Thread(target=random.random)
            thread.start()
            thread.join()
        return [0.25]

    with not_drawn(abs) as moved:
        check_repeatable(loss, loss(), moved)
    with not_drawn(abs) as moved, pytest.raises(CompileError, match="something in it is random"):
        check_repeatable(lambda: [0.25 * (random.random() < 2.0)], [0.25], moved)


def test_to_find_out_draws_nothing() -> None:
    pytest.importorskip("numpy")
    ends = []
    for compile in (False, True):
        random.seed(0)
        rng = random.Random(5)
        model = Sequential(
            Layer(2, 4, activation="tanh", rng=rng), Dropout(0.3), NumpyDropout(1), ModuleDropout(),
            Layer(4, 1, activation="identity", rng=rng), first,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit(model, X, Y, epochs=2, compile=compile, progress=False)
        ends.append(model.state_dict())
    assert ends[0] == ends[1]


def test_training_without_chance_is_compiled_and_the_same() -> None:
    pytest.importorskip("llvmlite")
    ends = []
    for compile in (False, True):
        model = network().eval()
        assert type(steps(model)) is CompiledSteps
        sgd = SGD(model.parameters(), lr=0.05)  # Adam blows up rounding where a gradient is 0, as before LayerNorm
        fit(model, X, Y, optimizer=sgd, epochs=3, compile=compile, progress=False)
        ends.append([p.data for p in model.parameters()])
    assert ends[0] == pytest.approx(ends[1], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("compile", [True, False])
def test_what_a_module_keeps_from_call_to_call_is_not_changed_by_trying_it_out(compile: bool) -> None:
    """``fit`` calls a model a few times to see whether it can be compiled; these calls leave no trace."""

    class Centred(Module):
        def __init__(self) -> None:
            self.line = Linear(1, 1, rng=random.Random(0))
            self.mean, self.calls, self.last = 0.0, 0, [0.0, 0.0]

        def __call__(self, x: Any) -> Any:
            self.calls += 1
            self.last[1] = x[0]
            self.mean = 0.9 * self.mean + 0.1 * x[0]
            return self.line([x[0] - self.mean])[0]

    model = Centred()
    X, y = [[0.5], [1.5], [-1.0]], [1.0, 2.0, 0.0]
    with pytest.warns(RuntimeWarning, match="a running mean") if compile else contextlib.nullcontext():
        history = fit(
            model, X, y, loss="mse_loss", optimizer=SGD(model.parameters(), lr=0.1), epochs=2, compile=compile,
            progress=False,
        )  # fmt: skip
    assert model.calls == 6
    assert len(history.loss) == 2
    assert model.last[0] == 0.0


def test_parameters_are_those_that_a_module_names() -> None:
    """A module may leave some out, such as the weights that it does not train."""

    class Adapted(Module):
        def __init__(self) -> None:
            self.base, self.adapter = Linear(2, 1), Linear(2, 1)

        def named_parameters(self) -> Any:
            return [(name, p) for name, p in super().named_parameters() if name.startswith("adapter")]

    model = Adapted()
    assert model.parameters() == model.adapter.parameters()
