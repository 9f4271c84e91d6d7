"""Illnesses of samples, targets and outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autograd.labels import notation
from autograd.terminal import listed
from nn.data import numbers_of
from nn.diagnosis.probe import Finding, Probe, Result, aligned
from nn.losses import extent, wrong_targets

SCALES_APART = 100.0
FAR_FROM_CHANCE = 2.0  # times the loss of a network that knows nothing

# What an output can be, by the primitive that makes it.
RANGES: dict[str, tuple[float, float]] = {
    "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "erf": (-1.0, 1.0), "sin": (-1.0, 1.0), "cos": (-1.0, 1.0),
    "relu": (0.0, math.inf), "softplus": (0.0, math.inf), "exp": (0.0, math.inf), "square": (0.0, math.inf),
    "abs": (0.0, math.inf),
}  # fmt: skip
BOUNDED = {op for op, (_, high) in RANGES.items() if high < math.inf}
LOGITS = ("binary_cross_entropy_with_logits", "cross_entropy")  # losses that take logits as outputs


def finite_numbers(probe: Probe) -> Result:
    """Is anything nan or infinite?  Then nothing else can be said."""
    if probe.not_finite:
        where, what = probe.not_finite
        if where == "parameters":
            sentence = f"the parameters {what} are nan or infinite: the training diverged."
            remedy = "Go back to earlier parameters; use a smaller learning rate, or clip_grad_norm_."
        else:
            sentence = f"{where} of the batch holds {what}."
            remedy = "Drop it or fill it in: a single nan makes every parameter nan."
        return [Finding("not finite", "error", (where,), sentence, remedy)], f"{where}: not finite"
    ill = [i for i, cost in enumerate(probe.losses) if not math.isfinite(cost)]
    if ill or not all(map(math.isfinite, probe.gradient)):
        sentence = (
            f"the loss of sample {ill[0]} is {probe.losses[ill[0]]}." if ill else "a gradient is nan or infinite."
        )
        remedy = "Compute it inside autograd.strict(), which names the first operation that gives nan or inf."
        return [Finding("not finite", "error", (), sentence, remedy)], "the loss or its gradients are not finite"
    return [], "data, parameters, losses and gradients are finite"


def features(probe: Probe) -> Result:
    """Do all features vary, on scales that are alike?"""
    rows = [numbers_of(x) for x in probe.X]
    if len(rows) < 2 or any(row is None or len(row) != len(rows[0] or ()) for row in rows):
        return [], "not checked: this needs at least two samples, all with the same number of features"
    columns = {notation("x", None, k): column for k, column in enumerate(zip(*[row or () for row in rows]), start=1)}
    found = []
    constants: dict[float, list[str]] = {}
    for name, column in columns.items():
        if min(column) == max(column):
            constants.setdefault(column[0], []).append(name)
    for number, names in constants.items():
        effect = "their weights get no gradient" if number == 0.0 else "they can only act as a second bias"
        are = "is" if len(names) == 1 else "are"
        sentence = f"{listed(names)} {are} {number:g} in all {len(rows)} samples: {effect}."
        remedy = "Leave such a feature out, or look for a mistake in the data; or the batch is too small to tell."
        found.append(Finding("constant feature", "warning", tuple(names), sentence, remedy))
    spread = {name: _spread(column) for name, column in columns.items() if min(column) < max(column)}
    if spread:
        least, most = min(spread, key=spread.__getitem__), max(spread, key=spread.__getitem__)
        if spread[most] > SCALES_APART * spread[least]:
            sentence = (
                f"the spread of {most} is {spread[most]:.3g} and that of {least} {spread[least]:.3g}, "
                "and no learning rate suits both."
            )
            remedy = "Scale the features: Standardizer.fit(X).transform(X)."
            found.append(Finding("feature scales", "warning", (most, least), sentence, remedy))
    return found, f"{len(spread)} of {len(columns)} features vary"


def targets(probe: Probe) -> Result:
    """Can the outputs become what the targets ask for, and does the loss take such outputs and targets?"""
    loss = getattr(probe.loss, "__name__", "")
    pairs = [(j, y) for outputs, target in zip(probe.outputs, probe.y) for j, y in aligned(outputs, target)]
    found = [*_squashed(probe, loss)]
    if wrong := wrong_targets(probe.loss, [y for _, y in pairs]):
        found.append(Finding("targets", "error", (), *wrong))
    elif loss not in LOGITS:
        for j, op in enumerate(probe.output_ops):
            low, high = RANGES.get(op, (-math.inf, math.inf))
            own = [y for i, y in pairs if i == j]
            if bad := [y for y in own if not low <= y <= high]:
                sentence = (
                    f"output {j + 1} is a {op}, which gives {_range(low, high)}, "
                    f"but {len(bad)} of {len(own)} targets are not: {extent(bad)}."
                )
                remedy = 'Use output="identity", or scale the targets into that range.'
                found.append(Finding("targets out of range", "error", (f"output {j + 1}",), sentence, remedy))
    summary = "outputs, targets and loss " + ("do not fit together" if found else "fit together")
    return found + _too_large(probe, loss), summary


def _too_large(probe: Probe, loss: str) -> list[Finding]:
    """Are the logits surer than they are right?  Weights that start too large make them so."""
    classes = max(2, len(probe.outputs[0]))
    chance, mean = math.log(classes if loss == "cross_entropy" else 2), math.fsum(probe.losses) / len(probe.losses)
    if loss not in LOGITS or mean < FAR_FROM_CHANCE * chance:
        return []
    sentence = f"the mean loss is {mean:.3g}, where equal probabilities of all classes would give {chance:.3g}."
    remedy = 'Start with smaller weights (init="he_normal" for ReLU, else "xavier_uniform"), and scale the features.'
    return [Finding("large outputs", "warning", (), sentence, remedy)]


def _squashed(probe: Probe, loss: str) -> list[Finding]:
    ops = set(probe.output_ops)
    if loss == "cross_entropy" and all(min(o) >= 0.0 and math.isclose(math.fsum(o), 1.0) for o in probe.outputs):
        what = "probabilities, which add up to 1"
    elif loss in LOGITS and len(ops) == 1 and ops <= (BOUNDED if loss == "cross_entropy" else RANGES.keys()):
        what = f"each a {min(ops)}, which gives {_range(*RANGES[min(ops)])}"
    else:
        return []
    sentence = f"{loss} takes logits, which may be any numbers, but the outputs are {what}."
    remedy = 'Leave out the last activation (output="identity"): the loss contains it.'
    return [Finding("squashed logits", "error", (), sentence, remedy)]


def _spread(column: Sequence[float]) -> float:
    mean = math.fsum(column) / len(column)
    return math.sqrt(math.fsum([(x - mean) ** 2 for x in column]) / len(column))


def _range(low: float, high: float) -> str:
    return f"numbers from {low:g} to {high:g}" if math.isfinite(high) else f"numbers from {low:g}"
