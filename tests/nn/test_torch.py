"""Losses, optimisers, schedules and clipping follow PyTorch for 20 steps, with and without the compiler."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

import nn
from autograd import fsum
from nn import MLP, History, Optimizer, fit
from nn.losses import LOSSES
from tests.support.torch_reference import CASES, FILE, NUMBERS, SAMPLES, STEPS, TARGETS, options_of, outputs_of, start

REFERENCE = json.loads(FILE.read_text(encoding="utf-8"))


def network(loss: str) -> MLP:
    """The network of the reference, with its numbers."""
    layers = start(outputs_of(loss))
    output = "sigmoid" if loss == "binary_cross_entropy" else "identity"
    model = MLP(2, [len(layer) for layer in layers], activation="tanh", output=output)
    numbers = [number for layer in layers for neuron in layer for number in neuron]
    for parameter, number in zip(model.parameters(), numbers, strict=True):
        parameter.data = number
    return model


def optimizer_of(case: dict[str, Any], model: MLP) -> Optimizer:
    made: Optimizer = getattr(nn, case["optimizer"])(model.parameters(), **case["options"])
    return made


def test_every_loss_optimizer_and_schedule_is_compared() -> None:
    assert {case["loss"] for case in CASES} == set(LOSSES)
    assert {case["optimizer"].lower() for case in CASES} == set(nn.optim.OPTIMIZERS)
    assert {case["schedule"][0] for case in CASES if "schedule" in case} == {
        name for name in nn.__all__ if name.endswith("LR") or name == "ReduceLROnPlateau"
    }
    assert {case["name"] for case in CASES} == set(REFERENCE)


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("case", [case for case in CASES if "clip" not in case], ids=lambda case: case["name"])
def test_training_follows_pytorch(case: dict[str, Any], compile: bool) -> None:
    model = network(case["loss"])
    optimizer = optimizer_of(case, model)
    callbacks = []
    if "schedule" in case:
        kind, options = case["schedule"]
        schedule = getattr(nn, kind)(optimizer, **options_of(options))
        plateau = kind == "ReduceLROnPlateau"
        callbacks = [lambda history: schedule.step(history.loss[-1]) if plateau else schedule.step()]
    rates: list[float] = []

    def note(history: History) -> None:
        rates.append(optimizer.lr)

    options, scale = case.get("loss_options", {}), 1
    loss = partial(LOSSES[case["loss"]], **options) if options else case["loss"]
    if options.get("reduction") == "sum":  # over samples, too: ours is a mean over samples
        scale = len(SAMPLES)
        optimizer.lr *= scale
    history = fit(
        model, SAMPLES, TARGETS.get(case["loss"], NUMBERS), loss=loss, optimizer=optimizer, epochs=STEPS,
        batch_size=None, compile=compile, progress=False, callbacks=[*callbacks, note],
    )  # fmt: skip
    expected = REFERENCE[case["name"]]
    assert [scale * mean for mean in history.loss] == pytest.approx(expected["losses"], abs=1e-10, rel=1e-10)
    assert [rate / scale for rate in rates] == pytest.approx(expected["rates"], rel=1e-12)
    numbers = [parameter.data for parameter in model.parameters()]
    assert numbers == pytest.approx(expected["parameters"], abs=1e-10, rel=1e-10)


@pytest.mark.parametrize("case", [case for case in CASES if "clip" in case], ids=lambda case: case["name"])
def test_clipping_follows_pytorch(case: dict[str, Any]) -> None:
    model = network(case["loss"])
    optimizer = optimizer_of(case, model)
    kind, limit = case["clip"]
    losses = []
    for _ in range(STEPS):
        loss = fsum([nn.mse_loss(model(x), y) for x, y in zip(SAMPLES, NUMBERS, strict=True)]) / len(SAMPLES)
        optimizer.zero_grad()
        loss.backward()
        getattr(nn, kind)(model.parameters(), limit)
        optimizer.step()
        losses.append(loss.data)
    expected = REFERENCE[case["name"]]
    assert losses == pytest.approx(expected["losses"], abs=1e-10, rel=1e-10)
    assert [parameter.data for parameter in model.parameters()] == pytest.approx(expected["parameters"], abs=1e-10)
