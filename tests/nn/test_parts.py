"""The parts with PyTorch's names compute what PyTorch's do: values, gradients, and after training, compiled or not."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nn
from autograd import Value, gradcheck, sumprod
from nn import SGD, Module, fit, mse_loss
from nn.training.steps import CompiledSteps, Problem, steps_for
from tests.support.torch_parts import ACTIVATIONS, CASES, FILE, FRESH, RATE, STEPS, on_sample, targets, wave

REFERENCE = json.loads(FILE.read_text(encoding="utf-8"))
CLOSE: dict[str, Any] = {"abs": 1e-12, "rel": 1e-12}
EACH_CASE = pytest.mark.parametrize("given", CASES, ids=lambda case: case["name"])
PARTS = [
    "Conv2d", "Dropout", "Embedding", "GRUCell", "LSTMCell", "LayerNorm", "Linear", "LogSoftmax", "MultiheadAttention",
    "RMSNorm", "RNNCell", "Softmax", *ACTIVATIONS,
]  # fmt: skip


def flat(part: Any) -> list[Any]:
    """The numbers in lists in lists, in their order."""
    return [number for inner in part for number in flat(inner)] if isinstance(part, (list, tuple)) else [part]


def tensors(part: Module) -> dict[str, list[Value]]:
    """The parameters under the names that PyTorch gives to the tensors of them."""
    found: dict[str, list[Value]] = {}
    for name, parameter in part.named_parameters():
        found.setdefault(re.sub(r"(\.\d+)+$", "", name), []).append(parameter)
    return found


def made(given: dict[str, Any]) -> Any:
    """The part of a case, with its numbers."""
    args = [tuple(a) if isinstance(a, list) else a for a in given["args"]]
    part = getattr(nn, given["part"])(*args, **given["options"])
    for parameters in tensors(part).values():
        for parameter, number in zip(parameters, wave(len(parameters), 1.1), strict=True):
            parameter.data = number
    return part


def leaves(x: Any) -> Any:
    """A sample with a leaf for each number; indices stay indices."""
    if isinstance(x, list):
        return [leaves(part) for part in x]
    return x if isinstance(x, int) else Value(x)


def test_every_part_is_compared() -> None:
    assert {case["part"] for case in CASES} == set(PARTS)
    assert set(REFERENCE) == {case["name"] for case in CASES} | {"fresh"}
    assert set(PARTS) <= set(nn.__all__)


@EACH_CASE
def test_values_and_gradients_are_those_of_pytorch(given: dict[str, Any]) -> None:
    part, expected = made(given), REFERENCE[given["name"]]
    for sample, outputs, of_inputs, of_parameters in zip(
        given["samples"], expected["outputs"], expected["input_gradients"], expected["gradients"], strict=True
    ):
        x = leaves(sample)
        part.zero_grad()
        y = flat(on_sample(given, part, x))
        assert [float(getattr(a, "data", a)) for a in y] == pytest.approx(outputs, **CLOSE)
        sumprod(y, wave(len(y), 0.7)).backward()
        if of_inputs is not None:
            assert [leaf.grad for leaf in flat(x)] == pytest.approx(of_inputs, **CLOSE)
        assert {name: [p.grad for p in parameters] for name, parameters in tensors(part).items()} == {
            name: pytest.approx(gradients, **CLOSE) for name, gradients in of_parameters.items()
        }


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize(
    "given", [case for case in CASES if "trained" in REFERENCE[case["name"]]], ids=lambda case: case["name"]
)
def test_training_follows_pytorch(given: dict[str, Any], compile: bool) -> None:
    part, expected = made(given), REFERENCE[given["name"]]
    y = [targets(len(outputs)) for outputs in expected["outputs"]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it runs without the compiler
        fit(
            lambda x: flat(on_sample(given, part, x)), given["samples"], y, loss=mse_loss,
            optimizer=SGD(part.parameters(), lr=RATE), epochs=STEPS, batch_size=None, compile=compile, progress=False,
        )  # fmt: skip
    assert {name: [p.data for p in parameters] for name, parameters in tensors(part).items()} == {
        name: pytest.approx(numbers, **CLOSE) for name, numbers in expected["trained"].items()
    }


@pytest.mark.parametrize("name", FRESH)
def test_the_first_numbers_are_drawn_as_those_of_pytorch(name: str) -> None:
    part = getattr(nn, name)(*FRESH[name], **({} if name.endswith("Norm") else {"rng": random.Random(0)}))
    found = tensors(part)
    assert set(found) == set(REFERENCE["fresh"][name])
    for tensor, (count, mean, deviation, largest) in REFERENCE["fresh"][name].items():
        numbers = [parameter.data for parameter in found[tensor]]
        assert len(numbers) == count
        ours = math.fsum(numbers) / count
        assert ours == pytest.approx(mean, abs=7.0 * deviation / math.sqrt(count))
        assert math.sqrt(math.fsum((x - ours) ** 2 for x in numbers) / count) == pytest.approx(deviation, rel=0.1)
        assert max(map(abs, numbers)) == pytest.approx(largest, rel=0.2 if name == "Embedding" else 0.05)


def test_numbers_are_drawn_from_the_module_random_unless_there_is_a_generator() -> None:
    random.seed(3)
    first = nn.Linear(2, 2).state_dict()
    assert nn.Linear(2, 2).state_dict() != first
    assert nn.Linear(2, 2, rng=random.Random(3)).state_dict() == first


# --- Sequential -----------------------------------------------------------------------------------------------------


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(2, 4), nn.GELU(), nn.LayerNorm(4), nn.Dropout(0.5), nn.Linear(4, 3), nn.LogSoftmax(), lambda x: x[:2]
    )


def test_parts_have_the_names_of_pytorch() -> None:
    names = list(network().state_dict())
    assert names[0] == "0.weight.0.0"
    assert {name.split(".")[0] for name in names} == {"0", "2", "4"}
    assert names[-1] == "4.bias.2"


def test_a_sequence_of_parts_can_be_looked_into() -> None:
    model = network()
    assert len(model) == len(list(model)) == 7
    assert model[-3] is model[4]
    assert [type(part).__name__ for part in model[:2]] == ["Linear", "GELU"]
    assert repr(model[:2]) == "Sequential(Linear(2, 4), GELU(approximate='none'))"
    assert repr(nn.Sequential(nn.ReLU(), nn.LeakyReLU(0.5))) == "Sequential(ReLU(), LeakyReLU(negative_slope=0.5))"
    with pytest.raises(IndexError):
        model[7]


def test_it_is_saved_and_loaded(tmp_path: Path) -> None:
    model, other = network().eval(), network().eval()
    model.save(tmp_path / "m.json")
    other.load(tmp_path / "m.json")
    assert [a.data for a in other([0.5, -1.0])] == [a.data for a in model([0.5, -1.0])]


def test_the_gradients_of_parts_in_parts_are_those_of_differences() -> None:
    model = network().eval()
    assert gradcheck(lambda x: sumprod(model(x), [1.0, -2.0]), [[0.5, -1.0]])


# --- copies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda part: pickle.loads(pickle.dumps(part))])
@EACH_CASE
def test_every_part_can_be_copied_and_pickled(given: dict[str, Any], copied: Any) -> None:
    part = made(given)
    twin = copied(part)
    assert twin.state_dict() == part.state_dict()
    for before, after in zip(part.parameters(), twin.parameters(), strict=True):
        assert before is not after


def test_a_copy_of_dropout_draws_from_the_same_place_or_from_a_generator_of_its_own() -> None:
    for rng in (None, random.Random(3)):
        model = nn.Sequential(nn.Dropout(0.5, rng=rng))
        random.seed(5)
        twin = copy.deepcopy(model)
        drawn = [list(map(float, each([1.0] * 20))) for each in (twin, model)]
        assert (drawn[0] == drawn[1]) is (rng is not None)


# --- Dropout --------------------------------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_is_off_in_eval_mode() -> None:
    dropout = nn.Dropout(0.25, rng=random.Random(0))
    x = [Value(3.0) for _ in range(4_000)]
    y = dropout([x])[0]
    assert {a.data for a in y} == {0.0, 4.0}
    assert math.fsum(a.data for a in y) / len(y) == pytest.approx(3.0, rel=0.05)
    sumprod(y, [1.0] * len(y)).backward()
    assert [leaf.grad for leaf in x] == [a.data / 3.0 for a in y]
    assert dropout.eval()([x])[0] == x
    assert [a.data for a in nn.Dropout(1.0)(x[:3])] == [0.0, 0.0, 0.0]


def dropout_network(seed: int = 1) -> nn.Sequential:
    rng = random.Random(seed)
    return nn.Sequential(
        nn.Dropout(0.1, rng=rng),
        nn.Linear(2, 8, rng=rng),
        nn.Tanh(),
        nn.Dropout(0.4, rng=rng),
        nn.Linear(8, 1, rng=rng),
    )


@pytest.mark.parametrize("batch_size", [3, None])
def test_dropout_is_compiled_and_draws_as_without_the_compiler(batch_size: int | None) -> None:
    """Anew for each number of each sample in each step, from the same generator in the same order."""
    pytest.importorskip("llvmlite")
    rng = random.Random(0)
    X = [[rng.uniform(-1.0, 1.0), rng.uniform(-1.0, 1.0)] for _ in range(10)]
    y = [[a * b] for a, b in X]
    found = []
    for compile in (True, False):
        model = dropout_network()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            history = fit(
                model, X, y, optimizer=nn.Adam(model.parameters(), lr=0.05), epochs=12, batch_size=batch_size,
                validation_split=0.2, compile=compile, progress=False,
            )  # fmt: skip
        found.append((history.loss, history.val_loss, list(model.state_dict().values()), model[0].rng.getstate()))
    (loss, val_loss, numbers, state), eager = found
    assert len(set(loss)) == 12
    assert loss == pytest.approx(eager[0], rel=1e-9)
    assert val_loss == pytest.approx(eager[1], rel=1e-9)
    assert numbers == pytest.approx(eager[2], rel=1e-9, abs=1e-12)
    assert state == eager[3]


def test_compiled_steps_are_taken_with_dropout() -> None:
    pytest.importorskip("llvmlite")
    model = dropout_network()
    problem = Problem(model, mse_loss, [[0.5, 1.0]] * 4, [[1.0]] * 4)
    steps = steps_for(problem, SGD(model.parameters()), 2, compile=True)
    assert isinstance(steps, CompiledSteps)
    assert len(steps.draws) == 2 + 8
    first, again = steps.run([[0, 1]]), steps.run([[0, 1]])
    assert first != again


@pytest.mark.parametrize("compile", [True, False])
def test_a_callback_may_change_the_probability(compile: bool) -> None:
    """With everything dropped but the bias, the weight stands still."""
    model = nn.Sequential(nn.Dropout(0.0, rng=random.Random(0)), nn.Linear(1, 1))
    weights: list[float] = []

    def drop_all(history: nn.History) -> None:
        weights.append(model[1].weight[0][0].data)
        model[0].p = 1.0

    optimizer = SGD(model.parameters(), lr=0.1)
    fit(model, [[1.0]] * 8, [[9.0]] * 8, optimizer=optimizer, epochs=4, callbacks=[drop_all], compile=compile,
        progress=False)  # fmt: skip
    assert len(set(weights)) == 1


# --- what is refused ------------------------------------------------------------------------------------------------

ROWS = [[0.1, 0.2, 0.3, 0.4]] * 2


@pytest.mark.parametrize(
    ("refused", "error", "message"),
    [
        (lambda: nn.Linear(0, 1), ValueError, "in_features must be at least 1, got 0"),
        (lambda: nn.Linear(2, 1)([1.0]), ValueError, "this Linear has 2 inputs, but got 1 numbers"),
        (lambda: nn.Linear(2, 1, bias=False)([1.0]), ValueError, "this Linear has 2 inputs, but got 1 numbers"),
        (lambda: nn.Linear(1, 1)(1.0), TypeError, "expected a list of numbers, not 1.0 alone"),
        (lambda: nn.Embedding(3, 2)(3), IndexError, "there are rows 0 to 2, not 3"),
        (lambda: nn.Embedding(3, 2)([0, -1]), IndexError, "there are rows 0 to 2, not -1"),
        (lambda: nn.Embedding(3, 2)(1.5), TypeError, "index of a row, not 1.5"),
        (lambda: nn.Dropout(1.5), ValueError, "p must be a probability, from 0 to 1, got 1.5"),
        (lambda: nn.LayerNorm(3)([1.0, 2.0]), ValueError, "this LayerNorm is for 3 numbers in a row, but got 2"),
        (lambda: nn.RMSNorm(3)([1.0, 2.0]), ValueError, "this RMSNorm is for 3 numbers in a row, but got 2"),
        (lambda: nn.Softmax(0), ValueError, "Softmax works along the innermost lists, dim=-1, not 0"),
        (lambda: nn.GELU("erf"), ValueError, "there is no approximation 'erf'"),
        (lambda: nn.RNNCell(1, 2, nonlinearity="elu"), ValueError, "there is no nonlinearity 'elu'"),
        (lambda: nn.RNNCell(1, 2)([1.0], [1.0]), ValueError, "2 for 1 inputs"),
        (lambda: nn.LSTMCell(1, 2)([1.0], ([0.0] * 2, [0.0] * 3)), ValueError, "remembers 2 numbers, but c has 3"),
        (lambda: nn.MultiheadAttention(4, 3), ValueError, "embed_dim must be a multiple of num_heads, got 4 and 3"),
        (lambda: nn.MultiheadAttention(4, 2)(ROWS, ROWS, ROWS * 2), ValueError, "but there are 2 and 4"),
        (lambda: nn.Conv2d(2, 1, 2)([ROWS]), ValueError, "this Conv2d is for 2 channels, but got 1"),
        (lambda: nn.Conv2d(1, 1, 3)([ROWS]), ValueError, "a window of 3 by 3 does not fit on 2 by 4 numbers"),
        (lambda: nn.Conv2d(1, 1, 1)([[[1.0], [2.0, 3.0]]]), ValueError, "rows of a picture must have the same length"),
        (lambda: nn.Conv2d(1, 1, 1, stride=0), ValueError, "stride must be at least 1, got 0"),
    ],
)
def test_what_does_not_fit_is_refused(refused: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        refused()


@pytest.mark.parametrize("name", ["ReLU", "SiLU", "LeakyReLU", "ELU"])
def test_inplace_is_accepted_and_changes_nothing(name: str) -> None:
    kind, x = getattr(nn, name), [-1.0, 2.0]
    assert kind(inplace=True)(x) == kind()(x)
    assert x == [-1.0, 2.0]
    assert repr(kind(inplace=True)) == repr(kind())
    assert nn.Dropout(0.0, inplace=True)(x) == x


def test_an_argument_that_means_another_thing_in_pytorch_needs_its_name() -> None:
    """The sixth of a convolution is the dilation there, and the third of attention the dropout."""
    with pytest.raises(TypeError, match="positional arguments"):
        nn.Conv2d(1, 1, 1, 1, 0, False)  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional arguments"):
        nn.MultiheadAttention(4, 2, False)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("mistake", "way_out"),
    [
        (lambda: nn.Embedding(5, 3)("a"), r"not 'a': give an index, as in names.index\(x\)"),
        (lambda: nn.Embedding(5, 3)(["a"]), "the index of a row, not 'a'"),
        (lambda: nn.Embedding(5, 3)(1.5), "the index of a row, not 1.5"),
        (lambda: nn.Linear(3, 2)("abc"), "not the text 'abc': number the letters"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.ReLU), r"not ReLU: write ReLU\(\)"),
        (lambda: nn.Sequential([nn.Linear(3, 2), nn.ReLU()]), "give modules and functions one by one"),
        (lambda: nn.Sequential(nn.Linear(3, 2), "relu"), "not 'relu'"),
        (lambda: nn.LSTMCell(3, 2)([1.0, 2.0, 3.0], [0.0, 0.0]), r"a pair of lists, \(h, c\)"),
        (lambda: nn.l2_penalty(nn.Linear(3, 2)), r"give model.parameters\(\)"),
        (lambda: nn.Conv2d(1, 1, 3)([[1.0] * 4] * 4), r"give \[rows\] if there is one channel"),
        (lambda: fit(nn.Linear, [[1.0]], [1.0]), "the model is the class Linear: make an object"),
        (lambda: Value(1.0, label=3), r"give label=str\(3\)"),
    ],
)
def test_what_a_part_does_not_take_is_told_with_the_way_out(mistake: Callable[[], Any], way_out: str) -> None:
    with pytest.raises((TypeError, ValueError), match=way_out):
        mistake()
