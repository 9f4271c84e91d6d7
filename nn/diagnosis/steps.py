"""Illnesses of the optimiser's steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autograd.terminal import listed
from nn.diagnosis.probe import Finding, Layer, Probe, Result
from nn.optim import Optimizer

UPDATE_TOO_SMALL, UPDATE_TOO_LARGE = 2e-4, 0.5  # of the weights' own size
# Changes of the loss by one step, as shares of it; the momentum of a healthy Adam takes it up by a tenth at times.
WORSE, BETTER, UNMOVED = 0.2, 0.05, 0.001
AT_THE_END = 1e-3  # a loss below this is not worth a finding, however it changes
STEPS = 5  # to see whether a loss that went up comes down again: RMSprop begins with a step 10 times too long


def updates(probe: Probe) -> Result:
    """By how much of its own size does a step change a layer?  About a thousandth is usual.

    Source: A. Karpathy, notes of the course CS231n, "Ratio of weights:updates".
    """
    if reason := _no_steps(probe):
        return [], reason
    moved = probe.moved()
    ratios = {layer.name: _update(probe, layer, moved) for layer in probe.layers}
    known = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    text = ", ".join([f"{name}: {ratio:.2g}" for name, ratio in known.items()])
    large = tuple([name for name, ratio in known.items() if ratio > UPDATE_TOO_LARGE])
    if not large:
        return [], f"{text or 'unknown'} (about 0.001 is usual)"
    sentence = f"a step changes the weights by {listed([f'{known[n]:.2g} ({n})' for n in large])} of their own size; "
    sentence += "about 0.001 is usual."
    return [Finding("update too large", "warning", large, sentence, "Lower the learning rate.")], text


def learning_rate(probe: Probe) -> Result:
    """What does one step of the optimiser do to the loss of this batch, and what would a longer or shorter one do?"""
    if reason := _no_steps(probe):
        return [], reason
    assert probe.optimizer is not None
    if probe.optimizer.lr == 0.0:
        remedy = "Set optimizer.lr; a schedule may have run out."
        return [Finding("learning rate too low", "error", (), "it is 0: no step changes anything.", remedy)], "it is 0"
    # One step tells most: if the loss rises, shorter steps are tried until one helps; if it hardly changes, longer ones
    # as long as they help more.  A loss that rises once may be the way of the optimiser: five steps decide.
    lr, now = probe.optimizer.lr, math.fsum(probe.losses) / len(probe.losses)
    scale = max(abs(now), AT_THE_END)

    def gain(factor: float) -> float:
        return now - probe.loss_at(probe.moved(factor))

    here, shorter = gain(1.0), gain(0.1)
    tried = f"a step with lr={lr:g} takes the loss of the batch from {now:.4g} to {now - here:.4g}"
    if here < -WORSE * scale and (after := probe.loss_at(probe.moved(steps=STEPS))) > now:
        factor = next((10.0**-k for k in range(1, 7) if gain(10.0**-k) > 0.0), None)
        if factor is None:
            return [], f"{tried}, and shorter ones make it worse, too"
        sentence = f"{tried}, {STEPS} steps to {after:.4g}, but one with {lr * factor:g} to {now - gain(factor):.4g}."
        remedy = f"Lower the learning rate, to {lr * factor:g} for example."
        return [Finding("learning rate too high", "error", (), sentence, remedy)], "a step makes it worse"
    moved = probe.moved()
    update = max([_update(probe, layer, moved) or 0.0 for layer in probe.layers], default=0.0)
    if here < UNMOVED * scale and update < UPDATE_TOO_SMALL:  # steps of the usual size are short on a plateau, too
        factor, best = 1.0, here
        while factor < 1e8 and (further := gain(10.0 * factor)) > best:
            factor, best = 10.0 * factor, further
        if best > BETTER * scale:
            sentence = (
                f"{tried}, one with {lr * factor:g} to {now - best:.4g}; it changes weights by {update:.1g} at most."
            )
            remedy = f"Raise the learning rate, to {10.0 * lr:g} first; for a single step {lr * factor:g} is best."
            return [Finding("learning rate too low", "warning", (), sentence, remedy)], "a step hardly does anything"
    return [], f"{tried}, one with a tenth of the rate to {now - shorter:.4g}"


def _no_steps(probe: Probe) -> str:
    if probe.optimizer is None:
        return "not looked at: no optimizer was given"
    own = type(probe.optimizer).step is not Optimizer.step
    return "not looked at: the optimizer has a step of its own" if own else ""


def _update(probe: Probe, layer: Layer, moved: Sequence[float]) -> float | None:
    """|Δθ| / |θ| of a layer; None where all is 0."""
    size = math.hypot(*[probe.parameters[i].data for i in layer.members])
    return math.hypot(*[moved[i] - probe.parameters[i].data for i in layer.members]) / size if size else None
