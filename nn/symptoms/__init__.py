"""The illnesses of networks in training: one function for each, from what was measured to a sentence and a remedy.

Each looks at a ``Probe`` and returns its findings, and in a few words what it looked at.
"""

from __future__ import annotations

from collections.abc import Callable

from nn.probe import Probe
from nn.symptoms.data import features, finite_numbers, targets
from nn.symptoms.finding import Finding, Result
from nn.symptoms.gradients import dead_neurons, gradients_by_layer, paths, saturation, zero_grad
from nn.symptoms.steps import learning_rate, updates

__all__ = ["SYMPTOMS", "Finding"]

SYMPTOMS: dict[str, Callable[[Probe], Result]] = {
    "finite numbers": finite_numbers,
    "zero_grad": zero_grad,
    "paths to the loss": paths,
    "dead neurons": dead_neurons,
    "saturation": saturation,
    "gradients by layer": gradients_by_layer,
    "update-to-weight ratio": updates,
    "learning rate": learning_rate,
    "targets": targets,
    "features": features,
}
