"""Modules: finding parameters, clearing gradients, modes, saving and loading."""

from __future__ import annotations

import copy
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, constant
from nn import MLP, SGD, FileError, Layer, Module, fit


class Part(Module):
    def __init__(self, number: float) -> None:
        self.p = Value(number)


class Whole(Module):
    """Parameters in every kind of place."""

    def __init__(self) -> None:
        self.direct = Value(1.0)
        self.name = "no parameter"
        self.rate = 0.5
        self.listed = [Value(2.0), [Value(3.0)]]
        self.named = {"a": Value(4.0), "b": (Value(5.0),)}
        self.part = Part(6.0)
        self.parts = [Part(7.0), Part(8.0)]


# --- what is a parameter --------------------------------------------------------------------------------------------


def test_parameters_are_found_everywhere_in_the_order_of_the_attributes() -> None:
    assert Whole().state_dict() == {
        "direct": 1.0, "listed.0": 2.0, "listed.1.0": 3.0, "named.a": 4.0, "named.b.0": 5.0,
        "part.p": 6.0, "parts.0.p": 7.0, "parts.1.p": 8.0,
    }  # fmt: skip
    assert [p.data for p in Whole().parameters()] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]


def test_a_shared_parameter_and_a_shared_module_count_once() -> None:
    model = Whole()
    model.again = model.direct  # type: ignore[attr-defined]
    model.also = [model.part, model.part.p]  # type: ignore[attr-defined]
    assert len(model.parameters()) == 8


def test_a_module_that_holds_itself_is_no_trouble() -> None:
    model = Part(1.0)
    model.me = model  # type: ignore[attr-defined]
    model.circle = [model]  # type: ignore[attr-defined]
    assert model.state_dict() == {"p": 1.0}
    assert model.modules() == [model]


def test_a_result_kept_in_an_attribute_is_no_parameter() -> None:
    model = Part(2.0)
    model.last = model.p * 3.0  # type: ignore[attr-defined]
    assert list(model.state_dict()) == ["p"]


def test_modules_lists_itself_first() -> None:
    model = Whole()
    assert model.modules() == [model, model.part, *model.parts]


def test_a_module_without_a_call_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Part does not say what it computes: give it a __call__ method"):
        Part(1.0)(2.0)


def test_a_module_written_for_pytorch_may_keep_its_forward() -> None:
    class Double(Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = Value(2.0)

        def forward(self, x: Any, *, shift: float = 0.0) -> Any:
            return self.w * x + shift

    double = Double()
    assert double(3.0, shift=1.0).data == 7.0
    history = fit(double, [1.0, 2.0], [3.0, 6.0], optimizer=SGD(double.parameters(), lr=0.1), epochs=60, progress=False)
    assert history.loss[-1] < 1e-9
    assert double.w.data == pytest.approx(3.0)


def test_apply_reaches_every_module_the_inner_ones_first() -> None:
    model = Whole()
    seen: list[Module] = []
    assert model.apply(seen.append) is model
    assert seen == model.modules()[::-1]


# --- gradients and modes --------------------------------------------------------------------------------------------


def test_zero_grad_clears_all_gradients() -> None:
    model = Whole()
    for p in model.parameters():
        (p * 5.0).backward()
    assert {p.grad for p in model.parameters()} == {5.0}
    model.zero_grad()
    assert {p.grad for p in model.parameters()} == {0.0}


def test_train_and_eval_reach_every_module_and_return_the_module() -> None:
    model = Whole()
    assert all(m.training for m in model.modules())
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    assert model.train() is model
    assert all(m.training for m in model.modules())
    assert Part(1.0).training  # other modules are not touched


# --- state ----------------------------------------------------------------------------------------------------------


def test_a_state_is_loaded_by_name() -> None:
    model = Whole()
    state = {name: -number for name, number in reversed(model.state_dict().items())}
    parameters = model.parameters()
    model.load_state_dict(state)
    assert model.state_dict() == {name: state[name] for name in model.state_dict()}
    assert model.parameters() == parameters  # the same Values, so that an optimiser keeps working


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"p": None}, TypeError, "expected a real number, not None"),
        ({"p": "1"}, TypeError, "expected a number, not the text '1'"),
        ({"q": 1.0}, ValueError, "this Part has no parameters q, which the state holds"),
        ({f"q{i}": 1.0 for i in range(5)}, ValueError, "no parameters q0, q1, q2 and 2 more"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(change: dict[str, Any], error: type[Exception], message: str) -> None:
    model = Part(1.0)
    with pytest.raises(error, match=message):
        model.load_state_dict({**model.state_dict(), **change})
    assert model.state_dict() == {"p": 1.0}


def test_two_parameters_of_one_name_cannot_be_saved(tmp_path: Path) -> None:
    module = Module()
    module.parts = {"a.b": Value(1.0), "a": {"b": Value(2.0)}}  # type: ignore[attr-defined]
    assert len(module.parameters()) == 2
    for use in (module.state_dict, lambda: module.load_state_dict({}), lambda: module.save(tmp_path / "model.json")):
        with pytest.raises(ValueError, match=r"two parameters are called 'parts\.a\.b': rename one of the keys"):
            use()
    assert not [*tmp_path.iterdir()]


def test_missing_names_are_listed_and_nothing_is_set() -> None:
    model = Whole()
    with pytest.raises(
        ValueError, match=r"lacks 7 of the parameters of this Whole: listed\.0, listed\.1\.0, named\.a and 4"
    ):
        model.load_state_dict({"direct": 9.0})
    assert model.direct.data == 1.0


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_saved_model_loads_to_the_bit_with_its_metadata(tmp_path: Path) -> None:
    model = Whole()
    for i, p in enumerate(model.parameters()):
        p.data = (-1) ** i * 10.0 ** (3 * i - 12) / 3.0
    model.save(tmp_path / "m.json", {"classes": ["a", "β"]})
    other = Whole()
    assert other.load(tmp_path / "m.json") == {"classes": ["a", "β"]}
    assert other.state_dict() == model.state_dict()


def test_the_file_has_a_format_and_a_version(tmp_path: Path) -> None:
    Part(0.5).save(tmp_path / "m.json")
    document = json.loads((tmp_path / "m.json").read_text())
    assert document.pop("checksum")
    assert document == {
        "format": "scalar-autograd model", "version": 1, "architecture": None, "parameters": {"p": 0.5}, "metadata": {},
    }  # fmt: skip


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_diverged_model_is_not_saved(tmp_path: Path, number: float) -> None:
    with pytest.raises(FileError, match=f"parameter p is {number}: the training diverged"):
        Part(number).save(tmp_path / "m.json")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 2 of a scalar-autograd model: this program reads up to version 1"),
        ({"format": "scalar-autograd checkpoint"}, "not a scalar-autograd model but a scalar-autograd checkpoint"),
        ({"parameters": [0.5]}, "'parameters' and 'metadata' must be JSON objects"),
        ({"metadata": "x"}, "'parameters' and 'metadata' must be JSON objects"),
        ({"parameters": {"p": "0.5"}}, "parameters: 'p' must be a finite number, not '0.5'"),
        ({"parameters": {"p": True}}, "parameters: 'p' must be a finite number, not True"),
        ({"parameters": {"p": None}}, "parameters: 'p' must be a finite number, not None"),
        ({"parameters": {"p": 10**400}}, "too large"),
        ({"parameters": {}}, "the state lacks 1 of the parameters of this Part: p"),
        ({"parameters": {"p": 1.0, "q": 2.0}}, "this Part has no parameters q"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_and_the_model_stays(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "m.json"
    model = Part(0.25)
    model.save(path)
    document = json.loads(path.read_text())
    del document["checksum"]  # which would find any change
    path.write_text(json.dumps({**document, **change}))
    with pytest.raises(FileError, match=message) as error:
        model.load(path)
    assert "m.json" in str(error.value)
    assert model.p.data == 0.25


def test_a_number_beyond_the_range_of_floats_is_refused(tmp_path: Path) -> None:
    model = Part(0.25)
    model.save(tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text()
    (tmp_path / "m.json").write_text(text.replace("0.25", "1e999"))
    with pytest.raises(FileError, match="'1e999' is too large to be a number here"):
        model.load(tmp_path / "m.json")


# --- copies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_models_can_be_copied_and_pickled(copied: Any) -> None:
    model = MLP(2, [3, 1], activation="sigmoid")
    other = copied(model)
    assert other([0.5, -1.0]).data == model([0.5, -1.0]).data
    other.parameters()[0].data += 1.0
    assert other.parameters()[0].data != model.parameters()[0].data


def test_a_module_in_a_module_of_users_is_used_like_one_of_ours() -> None:
    class Residual(Module):
        """x + f(x), as a user would write it."""

        def __init__(self, width: int) -> None:
            self.inner = Layer(width, width, activation="tanh")

        def __call__(self, x: list[Value]) -> list[Value]:
            return [a + b for a, b in zip(x, self.inner(x), strict=True)]

    block = Residual(2)
    y = sum(block([constant(0.5), constant(1.0)]))
    y.backward()
    assert len(block.parameters()) == 6
    assert all(p.grad != 0.0 for p in block.parameters())


def test_a_file_of_a_network_with_other_activations_is_refused(tmp_path: Path) -> None:
    MLP(2, [3, 1], activation="relu", seed=0).save(tmp_path / "model.json")
    other = MLP(2, [3, 1], activation="tanh", seed=1)
    before = other.state_dict()
    with pytest.raises(FileError, match="activation 'relu' instead of 'tanh'"):
        other.load(tmp_path / "model.json")
    assert other.state_dict() == before
