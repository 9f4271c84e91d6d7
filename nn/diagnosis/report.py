"""What is wrong with this training?  Illnesses of networks, found by trying one on a batch, with their remedies."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from autograd.display import filled, table
from nn.data import pair
from nn.diagnosis import symptoms
from nn.diagnosis.probe import Finding, Probe, Result
from nn.losses import loss_named
from nn.optim import Optimizer

SEVERITIES = ("error", "warning", "note")

# The illnesses, in the order in which they are looked for: one function each, from what was measured on a ``Probe`` to
# its findings, and in a few words what it looked at.
SYMPTOMS: dict[str, Callable[[Probe], Result]] = {
    "finite numbers": symptoms.finite_numbers,
    "zero_grad": symptoms.zero_grad,
    "paths to the loss": symptoms.paths,
    "dead neurons": symptoms.dead_neurons,
    "saturation": symptoms.saturation,
    "gradients by layer": symptoms.gradients_by_layer,
    "update-to-weight ratio": symptoms.updates,
    "learning rate": symptoms.learning_rate,
    "targets": symptoms.targets,
    "features": symptoms.features,
}


@dataclass(frozen=True, repr=False)
class Report:
    """The findings of ``doctor``: text when printed, a table in a notebook; true if something is wrong."""

    findings: list[Finding]  # the worst first
    checked: dict[str, str]  # the illnesses that were looked for, each with what was measured, or why it was not
    scope: str  # the samples and parameters that were looked at, in words

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; notes do not count."""
        return all(finding.severity == "note" for finding in self.findings)

    def __bool__(self) -> bool:
        return not self.ok

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def _head(self) -> str:
        notes = sum(finding.severity == "note" for finding in self.findings)
        wrong = len(self.findings) - notes
        verdict = _counted(wrong, "finding") if wrong else "Healthy"
        verdict += f", {_counted(notes, 'note')}" if notes else ""
        return f"{verdict}: {self.scope}."

    def __repr__(self) -> str:
        found = [line for finding in self.findings for line in f"[{finding.severity}] {finding}".splitlines()]
        lines = [self._head(), *found, "Looked at:", *[f"  {what}: {how}" for what, how in self.checked.items()]]
        return filled("\n".join(lines))

    def _repr_html_(self) -> str:
        rows = [(f.severity, f.kind, f.sentence, f.remedy) for f in self.findings]
        found = table(["", "what", "measured", "remedy"], rows, align="left") if rows else ""
        items = "".join([f"<li>{html.escape(what)}: {html.escape(how)}</li>" for what, how in self.checked.items()])
        return (
            f"<p>{html.escape(self._head())}</p>{found}<details><summary>looked at</summary><ul>{items}</ul></details>"
        )


def doctor(
    model: Any,
    loss: str | Callable[[Any, Any], Any],
    batch: tuple[Sequence[Any], Sequence[Any]],
    *,
    optimizer: Optimizer | None = None,
) -> Report:
    """Look for common mistakes in training, by running the model, the loss and the optimiser on a batch.

    From a large batch, some hundred samples are used, as the report says.  Afterwards parameters, gradients, the
    optimiser, the module ``random`` and the random generators in the model are as before; but if a model counts its
    calls, these calls count.

    Model and loss are those of ``fit``, and the batch is a pair (X, y).  The steps of the optimiser are tried; without
    one the learning rate is not judged.

    Returns:
        The findings, each with a sentence that has the numbers, and a remedy.

    Raises:
        ValueError: The batch is no pair (X, y) of equal lengths, or empty; or there are no parameters.
        TypeError: The model or the loss gives no Value.

    >>> model = MLP(2, [4, 1], activation="tanh", init="xavier_uniform", seed=0)
    >>> X, y = make_moons(40)
    >>> doctor(model, "binary_cross_entropy_with_logits", (X, y)).ok
    True
    >>> model.layers[0].neurons[0].b.data = 9.0
    >>> print(*doctor(model, "binary_cross_entropy_with_logits", (X, y)))
    saturated tanh: a²₁ is saturated in all 40 samples: its slope is ...
      Start with smaller weights (init="xavier_uniform"), scale the features, or lower the learning rate.
    """
    probe = Probe(model, loss_named(loss), *pair(batch, "the batch"), optimizer)
    findings: list[Finding] = []
    checked: dict[str, str] = {}
    for title, look in SYMPTOMS.items():
        found, checked[title] = look(probe)
        findings += found
        if found and title == "finite numbers":
            break  # all others would only see nan
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    n = f"{probe.total:,}" if probe.total == len(probe.X) else f"{len(probe.X)} (picked at random) of {probe.total:,}"
    scope = f"{n} samples, {len(probe.parameters):,} parameters"
    if probe.losses:
        scope += f", mean loss {sum(probe.losses) / len(probe.losses):.4g}"
    return Report(findings, checked, scope)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count > 1)}"
