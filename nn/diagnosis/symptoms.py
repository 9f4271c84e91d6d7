"""Illnesses of data, of gradients and the neurons that stop them, and of the optimiser's steps along them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from autograd.display import listed
from autograd.labels import notation
from nn.data import numbers_of
from nn.diagnosis.probe import Finding, Layer, Probe, Result, Unit, aligned
from nn.losses import extent, wrong_targets
from nn.optim import Optimizer

# ---- samples, targets and outputs ------------------------------------------------------------------------------------
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


# ---- gradients -------------------------------------------------------------------------------------------------------
CONSTANT = 0.95  # a neuron that is saturated in this share of the samples is as good as a constant
AT_THE_WRONG_END = 0.1  # of the samples
FADED, GROWN, TOO_LARGE = 1e-3, 1e2, 1e3  # the errors δ of a layer by those of a later one; and by themselves
FAR_LONGER, RARE = 3.0, 0.05  # a stored gradient than that of the batch; the samples with one as long
EPS = 1e-6  # of rounding
CLEAR = "Call optimizer.zero_grad() or model.zero_grad() before each backward()."
UPDATE_TOO_SMALL, UPDATE_TOO_LARGE = 2e-4, 0.5  # of the weights' own size
# Changes of the loss by one step, as shares of it; the momentum of a healthy Adam takes it up by a tenth at times.
WORSE, BETTER, UNMOVED = 0.2, 0.05, 0.001
AT_THE_END = 1e-3  # a loss below this is not worth a finding, however it changes
STEPS = 5  # to see whether a loss that went up comes down again: RMSprop begins with a step 10 times too long


def zero_grad(probe: Probe) -> Result:
    """Do the stored gradients come from one backward pass, or from several?

    The mean over a mini-batch is no longer than the longest gradient of one of its samples: if the stored one is longer
    than that of every sample, it is a sum, and if it is longer than nearly all of them, it probably is.  So is a
    multiple of the gradient of this batch, except n times, which is the sum over its n samples.  In all other cases
    nobody can tell, since a step that clears first leaves its gradient, too: there is only a note.
    """
    stored = [float(p.grad) for p in probe.parameters]
    held = tuple([name for name, g in zip(probe.names, stored) if g != 0.0])
    if not held:
        return [], "no gradients are stored"
    norm, own, n = math.hypot(*stored), math.hypot(*probe.gradient), len(probe.X)
    ratio = norm / own if own else math.inf
    multiple = own > 0.0 and all(abs(s - ratio * g) <= EPS * norm for s, g in zip(stored, probe.gradient))
    if multiple and any(math.isclose(ratio, once, rel_tol=EPS) for once in (1.0, n)):
        return [], "the stored gradients are those of this batch, once"
    as_long = sum(size * (1.0 + EPS) >= norm for size in probe.norms)
    if (multiple and ratio > 1.0) or as_long == 0:
        severity = "error"
        what = "so several backward passes have added up (or the loss is a sum over samples, not a mean)"
    elif ratio > FAR_LONGER and as_long <= RARE * n:
        severity = "warning"
        what = "so probably several backward passes have added up (or the loss is a sum over samples, not a mean)"
    else:
        severity = "note"
        what = "so one backward pass may have left it, or several; the next one adds to it"
    sentence = (
        f"{len(held)} of {len(stored)} parameters already hold a gradient, {ratio:.3g} times as long as that of this "
        f"batch; {as_long} of {n} samples have one as long as that, {what}."
    )
    kind = "stored gradients" if severity == "note" else "forgotten zero_grad"
    remark = f"gradients are stored, {ratio:.3g} times those of this batch"
    return [Finding(kind, severity, held, sentence, CLEAR)], remark


def paths(probe: Probe) -> Result:
    """Does the loss depend on every parameter, and does the optimiser move them?"""
    total = len(probe.parameters)
    found = []
    if cut := [name for name, p in zip(probe.names, probe.parameters) if p not in probe.reached]:
        sentence = f"the loss does not depend on {listed(cut)}: {len(cut)} of {total} parameters have no path to it."
        remedy = "Use them in __call__, without detach(), no_grad() or a new Value made from .data on the way."
        found.append(Finding("no path to the loss", "error", tuple(cut), sentence, remedy))
    moved = set(probe.optimizer.parameters if probe.optimizer else probe.parameters)
    if left := [name for name, p in zip(probe.names, probe.parameters) if p not in moved]:
        sentence = f"the optimizer does not have {listed(left)}: {len(left)} of {total} parameters never move."
        remedy = "Make it from model.parameters() after the last change of the model, unless they are to be frozen."
        found.append(Finding("not optimized", "warning", tuple(left), sentence, remedy))
    stuck = [n for n, p, moves in zip(probe.names, probe.parameters, probe.nonzero) if not moves and p in probe.reached]
    columns = zip(*[numbers_of(x) or [] for x in probe.X])  # a feature that is always 0 gives no gradient either
    if stuck and not probe.units and all(any(column) for column in columns):
        sentence = (
            f"{listed(stuck)}: {len(stuck)} of {total} parameters have a path to the loss, "
            f"but in all {len(probe.X)} samples the gradient is exactly 0."
        )
        remedy = 'Weights that are 0 do this to each other: use init="xavier_uniform" or init="he_normal".'
        found.append(Finding("zero gradients", "error", tuple(stuck), sentence, remedy))
    return found, f"{len(probe.reached)} of {total} parameters have a path, {sum(probe.nonzero)} get a gradient"


def dead_neurons(probe: Probe) -> Result:
    """Is there a neuron through which no sample's gradient gets?"""
    found = []
    for units in _by_kind(_flat(probe)):
        names, count, share = _members(probe, units)
        stuck = len(probe.parameters) - sum(probe.nonzero)
        sentence = (
            f"{listed(names)} {_is(names)} off in all {len(probe.X)} samples: {units[0].reason}. That is {share}, "
            f"and {stuck} of {len(probe.parameters)} parameters get no gradient."
        )
        remedy = "Start again with a smaller learning rate or another init, or use leaky_relu or elu."
        severity = "error" if 2 * len(names) >= count else "warning" if 4 * len(names) >= count else "note"
        found.append(Finding(units[0].kind, severity, names, sentence, remedy))
    return found, _not_aligned(probe) or ("some neurons are off" if found else "no neuron is off in all samples")


def saturation(probe: Probe) -> Result:
    """Is there a hidden neuron that is saturated nearly always, or an output that is so at the wrong end?"""
    found = []
    n = len(probe.X)
    saturated = [unit for unit in probe.units if unit.kind.startswith("saturated")]
    for units in _by_kind([u for u in saturated if u.output is None and len(u.samples) >= CONSTANT * n]):
        names, _, share = _members(probe, units)
        least = min(len(unit.samples) for unit in units)
        most = f"all {n}" if least == n else f"{least} or more of {n}"
        sentence = f"{listed(names)} {_is(names)} saturated in {most} samples: {units[0].reason}. That is {share}."
        remedy = 'Start with smaller weights (init="xavier_uniform"), scale the features, or lower the learning rate.'
        found.append(Finding(units[0].kind, "warning", names, sentence, remedy))
    for unit in saturated:
        if unit.output is not None:
            wrong = [i for i in unit.samples if _is_far(probe, i, unit.output)]
            if len(wrong) >= AT_THE_WRONG_END * n:
                sentence = (
                    f"the output {unit.name} is saturated at the wrong end in {len(wrong)} of {n} samples: "
                    f"{unit.reason}, so that they hardly teach it anything."
                )
                remedy = 'Use a loss on logits with output="identity", or start with smaller weights.'
                found.append(Finding(unit.kind, "error", (unit.name,), sentence, remedy))
    return found, _not_aligned(probe) or ("some neurons are saturated" if found else "no neuron nearly always is")


def gradients_by_layer(probe: Probe) -> Result:
    """Do the errors δ keep their size on the way back through the layers?"""
    layers = [layer for layer in probe.layers if layer.error > 0.0]
    found = []
    sizes = ", ".join([f"{layer.name}: {layer.error:.2g}" for layer in layers])
    for i, layer in enumerate(layers):
        later = max(layers[i:], key=lambda other: other.error)
        if layer.error < FADED * later.error:
            sentence = (
                f"a typical error δ is {layer.error:.2g} in {layer.name}, but {later.error:.2g} in {later.name}; "
                f"from the first layer on: {sizes}."
            )
            remedy = 'Use relu or tanh with init="he_normal" or "xavier_uniform", or fewer layers.'
            found.append(Finding("vanishing gradients", "warning", (layer.name,), sentence, remedy))
            break
    if layers:
        most = max(layers, key=lambda layer: layer.error)
        if most.error > max(GROWN * layers[-1].error, 1.0) or most.error > TOO_LARGE:
            sentence = f"a typical error δ is {most.error:.2g} in {most.name}; from the first layer on: {sizes}."
            remedy = 'Use init="he_normal" or "xavier_uniform", scale features and targets, or use clip_grad_norm_.'
            found.append(Finding("exploding gradients", "warning", (most.name,), sentence, remedy))
    return found, f"a typical error δ is {sizes or 0}"


def _flat(probe: Probe) -> list[Unit]:
    """The places that have a local derivative of exactly 0 in all samples."""
    others = ("saturated", "steep", "nan", "infinite")
    return [u for u in probe.units if len(u.samples) == len(probe.X) and not u.kind.startswith(others)]


def _by_kind(units: Sequence[Unit]) -> list[list[Unit]]:
    groups: dict[str, list[Unit]] = {}
    for unit in units:
        groups.setdefault(unit.kind, []).append(unit)
    return list(groups.values())


def _members(probe: Probe, units: Sequence[Unit]) -> tuple[tuple[str, ...], int, str]:
    """The names of these places, how many there are in their layers, and both in words."""
    layers = Counter([unit.layer for unit in units])
    counts = {layer: probe.count(layer, units[0].op) for layer in layers}
    share = ", ".join([f"{n} of {counts[layer]} in {layer or 'the model'}" for layer, n in layers.items()])
    return tuple([unit.name for unit in units]), sum(counts.values()), share


def _not_aligned(probe: Probe) -> str:
    return "" if probe.aligned else "not checked: the model's graph differs from sample to sample"


def _is_far(probe: Probe, sample: int, output: int) -> bool:
    """Whether an output is nearer to the other end of a sigmoid than to its target."""
    pairs = dict(aligned(probe.outputs[sample], probe.y[sample]))
    return output in pairs and abs(probe.outputs[sample][output] - pairs[output]) > 0.5


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


# ---- steps of the optimiser ------------------------------------------------------------------------------------------
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
        return "not checked: no optimizer was given"
    own = type(probe.optimizer).step is not Optimizer.step
    return "not checked: the optimizer has its own step method" if own else ""


def _update(probe: Probe, layer: Layer, moved: Sequence[float]) -> float | None:
    """|Δθ| / |θ| of a layer; None where all is 0."""
    size = math.hypot(*[probe.parameters[i].data for i in layer.members])
    return math.hypot(*[moved[i] - probe.parameters[i].data for i in layer.members]) / size if size else None
