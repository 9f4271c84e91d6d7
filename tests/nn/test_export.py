"""``to_torch``: the source has the numbers and the structure of the network, and PyTorch computes the same with it."""

from __future__ import annotations

import ast
import importlib.util
import json
import math
import os
import subprocess
import sys
from typing import Any

import pytest

import nn
from autograd import Value
from nn import MLP, Layer, Module, Neuron, predict, to_torch
from nn.layers import ACTIVATIONS
from tests.nn.test_parts import PARTS, flat, made
from tests.support.torch_parts import CASES, on_sample

# Around the kinks, in the tails, and where PyTorch's softplus would switch to x by default.
SAMPLES = [[0.0, 0.0], [0.5, -1.0], [-2.0, 3.0], [30.0, -40.0], [1e-9, -1e-9], [700.0, 900.0], [21.0, -21.0]]


def network(activation: str, output: str = "identity") -> MLP:
    return MLP(2, [4, 3, 2], activation=activation, output=output, seed=7)


def calls(source: str) -> list[ast.Call]:
    """The modules inside of ``model = torch.nn.Sequential(…)``."""
    tree = ast.parse(source)
    (sequential,) = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    assert isinstance(sequential, ast.Call)
    assert ast.unparse(sequential.func) == "torch.nn.Sequential"
    return [part for part in sequential.args if isinstance(part, ast.Call)]


def name_of(call: ast.Call) -> str:
    """What a call makes, or fills with numbers."""
    made = call.args[0] if ast.unparse(call.func) == "filled" else call
    assert isinstance(made, ast.Call)
    return ast.unparse(made.func)


def numbers(call: ast.Call) -> tuple[list[list[float]], list[float]]:
    """The weights and the biases of ``filled(torch.nn.Linear(…), {"weight": …, "bias": …})``."""
    found = ast.literal_eval(call.args[1])
    return found["weight"], found["bias"]


# --- without PyTorch ------------------------------------------------------------------------------------------------


def test_the_numbers_of_the_network_stand_in_the_source_to_the_last_bit() -> None:
    model = network("tanh")
    model.layers[0].neurons[0].w[0].data = -5e-324
    model.layers[0].neurons[0].w[1].data = -0.0
    linear = [numbers(call) for call in calls(to_torch(model)) if name_of(call) == "torch.nn.Linear"]
    expected = [
        ([[w.data for w in neuron.w] for neuron in layer.neurons], [neuron.b.data for neuron in layer.neurons])
        for layer in model.layers
    ]
    assert repr(linear) == repr(expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_stands_between_the_layers(activation: str) -> None:
    source = to_torch(network(activation))
    names = [name_of(call).removeprefix("torch.nn.") for call in calls(source)]
    assert names[0] == names[-1] == "Linear"
    between = set(names) - {"Linear"}
    assert len(between) == (activation != "identity")
    assert {name.lower() for name in between} <= {activation.replace("_", "")}
    assert ("class Sin" in source) == (activation == "sin")


def test_the_output_has_an_activation_of_its_own() -> None:
    names = [name_of(call).removeprefix("torch.nn.") for call in calls(to_torch(network("tanh", "sigmoid")))]
    assert names == ["Linear", "Tanh", "Linear", "Tanh", "Linear", "Sigmoid"]


def test_a_layer_and_a_neuron_are_written_too() -> None:
    layer, neuron = Layer(3, 2, activation="tanh"), Neuron(3, activation="sin")
    linear, activation = calls(to_torch(layer))
    assert numbers(linear)[0] == [[w.data for w in n.w] for n in layer.neurons]
    assert ast.unparse(activation) == "torch.nn.Tanh()"
    linear, activation = calls(to_torch(neuron))
    assert numbers(linear) == ([[w.data for w in neuron.w]], [0.0])
    assert ast.unparse(activation) == "Sin()"


def test_lines_are_short_enough_to_read() -> None:
    model = MLP(40, [30, 10], seed=0)
    source = to_torch(model)
    assert max(map(len, source.splitlines())) <= 100
    assert numbers(calls(source)[0])[0] == [[w.data for w in neuron.w] for neuron in model.layers[0].neurons]


# --- what cannot be written -----------------------------------------------------------------------------------------


class Doubled(Module):
    def __init__(self) -> None:
        self.inner = MLP(1, [1])

    def __call__(self, x: Any) -> Any:
        return 2.0 * self.inner(x)


class Negated(MLP):
    def __call__(self, x: Any) -> Any:
        return -super().__call__(x)


@pytest.mark.parametrize("model", [Doubled(), Negated(1, [1]), Value(1.0), None, [MLP(1, [1])]])
def test_what_only_its_own_code_can_compute_is_refused(model: Any) -> None:
    with pytest.raises(TypeError, match=f"parts with PyTorch's names, not {type(model).__name__}: only the code of a"):
        to_torch(model)


def test_a_part_of_the_user_s_own_is_refused() -> None:
    model = MLP(1, [2, 1])
    model.layers[0] = Doubled()  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="only the code of a module of your own says what it computes"):
        to_torch(model)


def test_an_activation_of_the_user_s_own_is_refused_by_name() -> None:
    def bent(z: Value) -> Value:
        return z * z

    with pytest.raises(ValueError, match="layer 2 has the activation bent: to_torch knows identity, sigmoid, tanh"):
        to_torch(MLP(1, [2, 1], activation=bent))


def test_different_activations_in_one_layer_are_refused() -> None:
    layer = Layer(1, 2)
    layer.neurons[1] = Neuron(1, activation="tanh")
    with pytest.raises(ValueError, match=r"the neurons of layer 2 have different activations: (relu, tanh|tanh, relu)"):
        to_torch(layer)


def test_a_weight_that_is_no_number_is_refused_by_name() -> None:
    model = network("relu")
    model.layers[1].neurons[2].w[3].data = math.nan
    with pytest.raises(ValueError, match="w³₃₄ is nan: the training diverged"):
        to_torch(model)


# --- with PyTorch ---------------------------------------------------------------------------------------------------

# Reads pairs of source and samples, runs each source, and writes the outputs for all samples at once, then one by one.
PROGRAM = """
import json, sys, torch
found = []
for source, samples in json.load(sys.stdin):
    names = {}
    exec(source, names)
    X = torch.tensor(samples, dtype=torch.float64)
    assert all(p.dtype == torch.float64 and p.requires_grad for p in names["model"].parameters())
    found.append([names["model"](X).tolist(), [names["model"](x).tolist() for x in X]])
json.dump(found, sys.stdout)
"""


def torch_python() -> str | None:
    """A Python with torch: this one, or that which the environment variable TORCH_PYTHON names."""
    return os.environ.get("TORCH_PYTHON") or (sys.executable if importlib.util.find_spec("torch") else None)


@pytest.mark.skipif(not torch_python(), reason="torch is not installed, and TORCH_PYTHON names no Python that has it")
def test_pytorch_computes_the_same() -> None:
    models = {name: network(name, name) for name in ACTIVATIONS}
    models |= {"one output": MLP(2, [3, 1], seed=1), "wide": MLP(2, [50, 1], activation="gelu", seed=2)}
    python = torch_python()
    assert python
    done = subprocess.run(
        [python, "-c", PROGRAM], input=json.dumps([[to_torch(model), SAMPLES] for model in models.values()]),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for (name, model), (together, one_by_one) in zip(models.items(), json.loads(done.stdout), strict=True):
        ours = [output if isinstance(output, list) else [output] for output in predict(model, SAMPLES)]
        for found in (together, one_by_one):
            for a, b in zip(ours, found, strict=True):
                assert b == pytest.approx(a, rel=1e-12, abs=1e-12), name


# Makes the models of cases of torch_parts from their sources, and applies them as these say.
PARTS_PROGRAM = """
import json, math, sys, torch
sys.path.insert(0, sys.argv[1])
from tests.support.torch_parts import on_sample
found = []
for source, case in json.load(sys.stdin):
    names = {}
    exec(source, names)
    rows = []
    for x in case["samples"]:
        t = torch.tensor(x) if isinstance(x[0], int) else torch.tensor(x, dtype=torch.float64)
        mask = torch.triu(torch.full((len(x), len(x)), -math.inf, dtype=torch.float64), 1)
        y = on_sample(case, names["model"].eval(), t, mask if case["part"] == "MultiheadAttention" else None)
        rows.append([a for one in (y if isinstance(y, tuple) else (y,)) for a in one.flatten().tolist()])
    found.append(rows)
json.dump(found, sys.stdout)
"""


@pytest.mark.skipif(not torch_python(), reason="torch is not installed, and TORCH_PYTHON names no Python that has it")
def test_pytorch_computes_the_same_with_every_part() -> None:
    deep = {"name": "deep", "part": "Sequential", "samples": [[0.5, -1.0], [2.0, 0.1]]}
    inner = nn.Sequential(nn.Linear(5, 4, bias=False), nn.RMSNorm(4), nn.Dropout(0.5), MLP(4, [3, 4], seed=1))
    models = [made(case) for case in CASES] + [
        nn.Sequential(nn.Linear(2, 5), nn.GELU(), inner, nn.LayerNorm(4), nn.Tanh(), nn.Softmax()).eval()
    ]
    cases = [*CASES, deep]
    python = torch_python()
    assert python
    done = subprocess.run(
        [python, "-c", PARTS_PROGRAM, os.getcwd()], capture_output=True, text=True, check=False,
        input=json.dumps([[to_torch(model), case] for model, case in zip(models, cases, strict=True)]),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for case, model, found in zip(cases, models, json.loads(done.stdout), strict=True):
        for x, theirs in zip(case["samples"], found, strict=True):
            ours = [float(getattr(a, "data", a)) for a in flat(on_sample(case, model, x))]
            assert theirs == pytest.approx(ours, rel=1e-12, abs=1e-12), case["name"]


def test_every_part_with_the_name_of_pytorch_can_be_written() -> None:
    assert {kind.__name__ for kind in nn.export._ARGUMENTS} == {*PARTS}


def test_a_part_that_pytorch_does_not_have_is_refused_by_name() -> None:
    def doubled(x: list[Value]) -> list[Value]:
        return [2.0 * a for a in x]

    with pytest.raises(TypeError, match="not doubled: only the code of a module of your own says what it computes"):
        to_torch(nn.Sequential(nn.Linear(1, 1), doubled))
    with pytest.raises(TypeError, match="not Negated: only the code of a module of your own says what it computes"):
        to_torch(nn.Sequential(nn.Linear(1, 1), Negated(1, [1])))


def test_a_number_of_a_part_that_is_none_is_refused_by_name() -> None:
    part = nn.Linear(2, 2)
    part.bias[1].data = math.inf
    with pytest.raises(ValueError, match="b₂ is inf: the training diverged"):
        to_torch(part)


def test_it_is_a_public_name() -> None:
    assert nn.to_torch is to_torch
