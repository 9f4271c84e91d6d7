"""Neurons, layers and multilayer perceptrons; the code of micrograd's users runs on them."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import micrograd.engine
import micrograd.nn
import numpy as np
import pytest

import autograd
import nn
from autograd import Value, no_grad
from autograd.labels import notation
from nn import MLP, FileError, Layer, Neuron, load_model, predict
from nn.init import INITIALIZERS
from nn.layers import ACTIVATIONS, layer_of


def ancestors(root: Value) -> list[Value]:
    """All nodes of a graph."""
    found, waiting = {root}, [root]
    while waiting:
        for parent in waiting.pop().parents:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return list(found)


# --- one neuron -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_neuron_is_its_activation_of_the_weighted_sum(name: str) -> None:
    neuron = Neuron(3, activation=name, rng=random.Random(5))
    neuron.b.data = 0.25
    x = [0.5, -1.0, 2.0]
    z = sum(w.data * v for w, v in zip(neuron.w, x, strict=True)) + 0.25
    assert neuron(x).data == pytest.approx(getattr(autograd, name)(z), abs=1e-15)


def test_a_neuron_is_two_nodes_and_a_linear_one_is_one() -> None:
    x = [Value(1.0), Value(2.0)]
    a = Neuron(2, activation="tanh")(x)
    (z,) = a.parents
    assert (a.op.name, z.op.name, len(z.parents)) == ("tanh", "sumprod", 5)
    assert len(ancestors(a)) == 2 + 5
    assert len(ancestors(Neuron(2, nonlin=False)(x))) == 1 + 5


def test_an_activation_may_be_a_function() -> None:
    neuron = Neuron(1, activation=lambda z: z * z)
    neuron.w[0].data = 3.0
    assert neuron([2.0]).data == 36.0
    assert Neuron(1, activation=autograd.tanh).nonlin


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Neuron(0), "nin must be at least 1, got 0"),
        (lambda: Neuron(2, activation="swish"), "there is no activation 'swish': there are identity, sigmoid, tanh"),
        (lambda: Neuron(2, activation=["relu"]), r"there is no activation \['relu'\]"),  # type: ignore[arg-type]
        (lambda: MLP(2, [1], activation="rleu"), "there is no activation 'rleu': .*; did you mean 'relu'"),
        (lambda: MLP(2, [1], init="xavier"), "there is no initializer 'xavier': .*; did you mean 'xavier_uniform'"),
        (lambda: Neuron(2, init="ones"), "there is no initializer 'ones': there are uniform, xavier_uniform"),
        (lambda: Layer(2, 0), "nout must be at least 1, got 0"),
        (lambda: MLP(2, []), "an MLP needs at least one layer"),
        (lambda: MLP(2, [3, 0]), "nout must be at least 1, got 0"),
        (lambda: MLP(0, [3]), "nin must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_made_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Neuron(3)([1.0, 2.0]), "this neuron has 3 inputs, but got 2 numbers"),
        (lambda: Layer(3, 2)([1.0] * 4), "this layer has 3 inputs, but got 4 numbers"),
        (lambda: MLP(3, [2])([1.0, 2.0]), "this MLP has 3 inputs, but got 2 numbers"),
        (lambda: MLP(1, [2])([]), "this MLP has 1 inputs, but got 0 numbers"),
        (
            lambda: MLP(2, [2])([[1.0, 2.0]] * 3),
            r"one sample, a list of 2 inputs, but .* 3 lists: use predict\(model, X\)",
        ),
        (lambda: MLP(2, [2])(np.ones((3, 2))), "takes one sample, a list of 2 inputs, but got a list of 3 lists"),
        (
            lambda: Layer(2, 1)([[1.0, 2.0]]),
            "this layer takes one sample, a list of 2 inputs, but got a list of 1 lists",
        ),
    ],
)
def test_a_wrong_number_of_inputs_is_refused_with_both_numbers(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("kind", [lambda: Neuron(1), lambda: Layer(1, 1), lambda: MLP(1, [1])])
@pytest.mark.parametrize("x", [2.0, np.float64(2.0), Value(2.0)])
def test_a_number_instead_of_a_list_is_refused(kind: Callable[[], Any], x: Any) -> None:
    with pytest.raises(TypeError, match=r"needs a list of 1 inputs, not .*2\.0.* alone: as in model\(\[x\]\)"):
        kind()(x)


def test_a_single_sample_in_place_of_many_is_refused_with_the_way_out() -> None:
    with pytest.raises(
        TypeError, match=r"a list of 2 inputs, not 1\.0 alone: several samples are a list of such lists"
    ):
        predict(MLP(2, [1]), [1.0, 2.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLP("2", [1]), "nin must be a whole number, got '2'"),  # type: ignore[arg-type]
        (lambda: MLP(2, [3.5, 1]), r"a size in nouts must be a whole number, got 3\.5"),  # type: ignore[list-item]
        (lambda: Layer(2, None), "nout must be a whole number, got None"),  # type: ignore[arg-type]
        (lambda: Neuron(1.0), r"nin must be a whole number, got 1\.0"),  # type: ignore[arg-type]
    ],
)
def test_a_size_that_is_no_whole_number_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_sizes_may_be_integers_of_numpy() -> None:
    model = MLP(np.int64(2), np.array([3, 1]))  # type: ignore[arg-type]
    assert model.architecture()["nin"] == 2
    assert len(model.parameters()) == 13


def test_a_number_instead_of_the_sizes_is_refused() -> None:
    with pytest.raises(TypeError, match=r"nouts must be a list .*MLP\(2, \[16, 16, 1\]\), not 3"):
        MLP(2, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("x", [["1.0", 2.0], [None, 2.0], [[1.0], 2.0]])
def test_inputs_that_are_no_numbers_are_refused(x: list[Any]) -> None:
    with pytest.raises(TypeError, match="expected"):
        MLP(2, [1])(x)


# --- layers and networks --------------------------------------------------------------------------------------------


def test_a_layer_gives_a_list_always_and_a_network_unwraps_one_output() -> None:
    assert isinstance(Layer(2, 1)([1.0, 2.0]), list)
    assert isinstance(MLP(2, [3, 1])([1.0, 2.0]), Value)
    assert [type(a) for a in MLP(2, [3, 2])([1.0, 2.0])] == [Value, Value]


def test_a_hidden_layer_of_one_neuron_works() -> None:
    model = MLP(2, [1, 1, 2], activation="sigmoid")
    y = model([1.0, 2.0])
    sum(y).backward()
    assert len(y) == 2
    assert all(p.grad != 0.0 for p in model.parameters())


@pytest.mark.parametrize("x", [(1.0, 2.0), [1, 2], [True, 2], np.array([1.0, 2.0]), [Value(1.0), np.float32(2.0)]])
def test_inputs_may_be_numbers_of_any_kind(x: Any) -> None:
    model = MLP(2, [3, 1], seed=1)
    assert model(x).data == model([1.0, 2.0]).data


def test_gradients_reach_inputs_that_are_values() -> None:
    x = [Value(1.0), Value(2.0)]
    MLP(2, [3, 1], activation="tanh", seed=1)(x).backward()
    assert x[0].grad != 0.0
    assert x[1].grad != 0.0


def test_numbers_become_one_node_each_that_all_neurons_share() -> None:
    model = MLP(2, [3, 1], activation="tanh")
    nodes = ancestors(model([0.5, 0.25]))
    assert len([node for node in nodes if node.op.name == "constant"]) == 2
    assert len(nodes) == 2 + len(model.parameters()) + 3 * 2 + 1


def test_nothing_is_recorded_inside_no_grad() -> None:
    with no_grad():
        y = MLP(2, [3, 1])([1.0, 2.0])
    assert y.parents == ()


def test_the_network_computes_what_its_layers_do_in_plain_floats() -> None:
    model = MLP(3, [4, 5, 2], activation="tanh", output="sigmoid", seed=3)
    x = a = [0.3, -0.7, 1.1]
    for layer, f in zip(model.layers, [math.tanh, math.tanh, lambda z: 1 / (1 + math.exp(-z))], strict=True):
        a = [f(sum(w.data * v for w, v in zip(n.w, a, strict=True)) + n.b.data) for n in layer.neurons]
    assert [y.data for y in model(x)] == pytest.approx(a, abs=1e-15)


# --- the textbook's notation ----------------------------------------------------------------------------------------


def test_parameters_and_nodes_carry_the_textbooks_names() -> None:
    model = MLP(2, [3, 1], activation="sigmoid", output="sigmoid")
    assert [p.label for p in model.layers[0].neurons[1].parameters()] == ["w²₂₁", "w²₂₂", "b²₂"]
    assert [p.label for p in model.layers[1].neurons[0].parameters()] == ["w³₁₁", "w³₁₂", "w³₁₃", "b³₁"]
    a = model([0.1, 0.2])
    z = a.parents[0]
    assert (a.label, z.label) == ("a³₁", "z³₁")
    assert {node.label for node in ancestors(a)} >= {"a²₁", "z²₃", "x₁", "x₂"}


def test_neurons_and_layers_on_their_own_have_fewer_indices() -> None:
    assert [p.label for p in Neuron(2).parameters()] == ["w₁", "w₂", "b"]
    assert [p.label for p in Layer(1, 2).parameters()] == ["w₁₁", "b₁", "w₂₁", "b₂"]
    assert Neuron(1)([1.0]).parents[0].label == "z"


def test_indices_of_two_digits_are_set_apart() -> None:
    assert notation("w", 2, 1, 3) == "w²₁₃"
    assert notation("w", 12, 10, 3) == "w¹²₁₀,₃"
    assert notation("b", 2, 10) == "b²₁₀"


def test_an_input_with_a_name_keeps_it() -> None:
    x = Value(1.0, label="age")
    MLP(1, [1])([x])
    assert x.label == "age"


# --- how weights start ----------------------------------------------------------------------------------------------


def draws(init: str, fan_in: int, fan_out: int) -> list[float]:
    rng = random.Random(0)
    return [INITIALIZERS[init](rng, fan_in, fan_out) for _ in range(20_000)]


@pytest.mark.parametrize(
    ("init", "deviation", "bound"),
    [
        ("uniform", 1 / math.sqrt(3), 1.0),
        ("xavier_uniform", math.sqrt(2 / 50), math.sqrt(6 / 50)),  # variance 2 / (fan_in + fan_out)
        ("he_normal", math.sqrt(2 / 20), math.inf),
        ("zeros", 0.0, 0.0),
    ],
)
def test_initializers_have_the_spread_they_promise(init: str, deviation: float, bound: float) -> None:
    weights = draws(init, 20, 30)
    assert max(map(abs, weights)) <= bound
    assert math.sqrt(math.fsum(w * w for w in weights) / len(weights)) == pytest.approx(deviation, rel=0.02)
    assert abs(math.fsum(weights) / len(weights)) <= 5 * deviation / math.sqrt(len(weights))


def test_an_initializer_is_told_the_size_of_the_layer() -> None:
    asked = []

    def init(rng: Any, fan_in: int, fan_out: int) -> float:
        asked.append((fan_in, fan_out))
        return 0.0

    MLP(2, [3, 1], init=init)
    assert asked == [(2, 3)] * 6 + [(3, 1)] * 3


def test_a_seed_decides_the_weights_and_leaves_the_module_random_alone() -> None:
    random.seed(0)
    before = random.getstate()
    first, second, other = MLP(2, [3], seed=7), MLP(2, [3], seed=7), MLP(2, [3], seed=8)
    assert random.getstate() == before
    assert first.state_dict() == second.state_dict() != other.state_dict()


# --- what users of micrograd write ----------------------------------------------------------------------------------


def test_the_same_draws_in_the_same_order() -> None:
    drawn = []
    for package in (nn, micrograd.nn):
        random.seed(1337)
        parameters = package.MLP(3, [4, 4, 1]).parameters()
        drawn.append([*[p.data for p in parameters], random.random()])
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    "make",
    [
        lambda package: package.MLP(2, [16, 16, 1]),  # programs for micrograd print their models
        lambda package: package.MLP(1, [1]),
        lambda package: package.Layer(2, 3, nonlin=False),
        lambda package: package.Neuron(4, nonlin=True),
        lambda package: package.Neuron(4, False),
    ],
)
def test_the_same_repr(make: Callable[[Any], Any]) -> None:
    assert repr(make(nn)) == repr(make(micrograd.nn))


def test_the_same_outputs_and_gradients() -> None:
    results = []
    for network, value in [(MLP, Value), (micrograd.nn.MLP, micrograd.engine.Value)]:
        random.seed(42)
        model = network(3, [4, 4, 1])
        total = sum((model([value(a), 0.5, -a]) - a) ** 2 for a in (0.25, -1.5))
        model.zero_grad()
        total.backward()
        results.append([total.data, *[p.grad for p in model.parameters()]])
    assert results[0] == pytest.approx(results[1], rel=1e-13, abs=1e-15)


def test_the_attributes_of_micrograd_are_there() -> None:
    model = MLP(2, [3, 1])
    neuron = model.layers[0].neurons[0]
    assert (len(neuron.w), neuron.b.data, neuron.nonlin) == (2, 0.0, True)
    assert model.layers[1].neurons[0].nonlin is False


# --- saved networks -------------------------------------------------------------------------------------------------


def test_a_saved_network_is_built_again(tmp_path: Path) -> None:
    model = MLP(2, [4, 3, 2], activation="tanh", output="sigmoid")
    model.save(tmp_path / "m.json", {"note": "δ"})
    again, metadata = load_model(tmp_path / "m.json")
    assert repr(again) == repr(model)
    assert again.state_dict() == model.state_dict()
    assert metadata == {"note": "δ"}
    assert [y.data for y in again([1.0, 2.0])] == [y.data for y in model([1.0, 2.0])]


def test_loading_draws_no_random_numbers(tmp_path: Path) -> None:
    MLP(2, [1], seed=0).save(tmp_path / "m.json")
    before = random.getstate()
    load_model(tmp_path / "m.json")
    assert random.getstate() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class": "Tree"}, "not a saved MLP: build the module with your own code and call its load"),
        ({"nin": "2"}, "architecture: 'nin' must be an integer and 'nouts' a list of them"),
        ({"nouts": 3}, "architecture: 'nin' must be an integer and 'nouts' a list of them"),
        ({"nouts": [True]}, "architecture: 'nin' must be an integer"),
        ({"nin": 3}, r"architecture: 13 parameters are not those of layers of \[3, 3, 1\]"),
        ({"nouts": [10**9, 10**9]}, "architecture: 13 parameters are not those of layers of"),
        ({"nouts": []}, "architecture: 13 parameters are not those of layers of"),
        ({"activation": "os.system"}, "architecture: there is no activation 'os.system'"),
        ({"activation": None}, "architecture: there is no activation None"),
        ({"output": ["relu"]}, "architecture: there is no activation"),
    ],
)
def test_a_changed_architecture_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "m.json"
    MLP(2, [3, 1]).save(path)
    document = json.loads(path.read_text())
    document["architecture"].update(change)
    del document["checksum"]  # which would find any change
    path.write_text(json.dumps(document))
    with pytest.raises(FileError, match=message) as error:
        load_model(path)
    assert "m.json" in str(error.value)


def test_a_network_with_a_function_of_users_is_loaded_by_their_code(tmp_path: Path) -> None:
    def cube(z: Value) -> Value:
        return z**3

    model = MLP(2, [3, 1], activation=cube)
    model.save(tmp_path / "m.json")
    with pytest.raises(FileError, match=r"no activation 'function cube'.* build the MLP yourself and call its load"):
        load_model(tmp_path / "m.json")
    again = MLP(2, [3, 1], activation=cube)
    again.load(tmp_path / "m.json")
    assert again.state_dict() == model.state_dict()


# ---- neurons that somebody wrote -------------------------------------------------------------------------------------
class Seven(Neuron):
    def __call__(self, x: Any) -> Value:
        return Value(7.0)


class Bare(Neuron):
    """Makes its own parameters, as a copy of micrograd's class does."""

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        self.w = [Value(1.0) for _ in range(nin)]
        self.b = Value(-5.0)
        self.nonlin = nonlin


class Stack(MLP):
    def __init__(self) -> None:
        self.layers = [Layer(2, 3), Layer(3, 1, nonlin=False)]


def test_a_layer_asks_each_neuron_what_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Layer(2, 2)
    layer.neurons = [Seven(2), Neuron(2, nonlin=False)]
    seven, z = layer([1.0, 0.0])
    assert (seven.data, z.data) == (7.0, layer.neurons[1].w[0].data)
    monkeypatch.setattr(Neuron, "__call__", lambda self, x: self.b + 1.0)
    assert [a.data for a in Layer(2, 2)([1.0, -2.0])] == [1.0, 1.0]


def test_a_neuron_and_a_network_may_make_their_own_parts() -> None:
    assert Bare(2)([1.0, 1.0]).data == 0.0
    assert Bare(2, nonlin=False)([1.0, 1.0]).data == -3.0
    model = Stack()
    assert isinstance(model([1.0, 2.0]), Value)
    assert len(model.parameters()) == 13


def test_the_activation_may_be_set() -> None:
    neuron = Neuron(1, activation="tanh")
    neuron.w[0].data = 1.0
    neuron.nonlin = True
    assert neuron.activation == "tanh"
    neuron.nonlin = False
    assert (neuron.activation, neuron([-2.0]).data) == ("identity", -2.0)
    neuron.nonlin = True
    assert (neuron.activation, neuron([-2.0]).data) == ("relu", 0.0)
    neuron.activation = "tanh"
    assert neuron([-2.0]).data == math.tanh(-2.0)
    with pytest.raises(ValueError, match="there is no activation 'tanhh'"):
        neuron.activation = "tanhh"
    assert neuron.activation == "tanh"
    with pytest.raises(ValueError, match="there is no activation 'selu'"):
        MLP(2, [3], activation="selu")


@pytest.mark.parametrize(
    ("label", "path", "part"),
    [
        ("w²₁₃", "layers.0.neurons.0.w.2", "layer 2"),
        ("b³₁", "layers.1.neurons.0.b", "layer 3"),
        ("z²₁", "hidden.w.1", "hidden"),
        ("w₁", "body.layers.0.neurons.0.w.0", "body.layers.0"),
        ("", "cells.1.w", "cells.1"),
        ("", "hidden.w.1", "hidden"),
        ("", "slope", "slope"),
        ("", "?.w", "?.w"),
    ],
)
def test_a_parameter_is_in_a_layer_by_its_label_or_in_a_part_by_its_path(label: str, path: str, part: str) -> None:
    assert layer_of(Value(1.0, label), path) == part


def test_an_initializer_of_a_neuron_alone_is_told_of_one_output() -> None:
    assert [w.data for w in Neuron(3, init=lambda random, fan_in, fan_out: fan_in + 10 * fan_out).w] == [13.0] * 3


def test_texts_among_the_inputs_are_no_samples() -> None:
    for model in (Neuron(2), Layer(2, 1), MLP(2, [1])):
        with pytest.raises(TypeError, match=r"not the text '0\.5'"):
            model(["0.5", "1.5"])
