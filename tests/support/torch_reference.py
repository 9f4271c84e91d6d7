"""Record what PyTorch does in 20 steps: the numbers in torch_reference.json, with which test_torch.py compares.

    python tests/support/torch_reference.py        # in an environment with torch; made with torch 2.13.0, float64

A case is a loss, an optimiser, perhaps a schedule, and perhaps a clipping of gradients, by the names that PyTorch and
this project share.  Every case trains the same 2-3-2 network (2-3-1 where there is one output) on the same five
samples, all of them in each step.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

STEPS = 20
SAMPLES = [[0.5, -1.0], [1.5, 0.25], [-0.75, 0.5], [0.0, 2.0], [-1.25, -0.5]]
NUMBERS = [[0.3, -0.6], [-0.2, 1.9], [0.8, 0.1], [-3.0, 0.4], [0.05, -0.7]]
CLASSES = [0, 1, 1, 0, 1]
TARGETS: dict[str, Any] = {
    "cross_entropy": CLASSES,
    "hinge_loss": [2.0 * c - 1.0 for c in CLASSES],
    "binary_cross_entropy": [float(c) for c in CLASSES],
    "binary_cross_entropy_with_logits": [0.9 * c for c in CLASSES],
}
FILE = Path(__file__).with_suffix(".json")


def case(name: str, loss: str = "mse_loss", optimizer: str = "SGD", **options: Any) -> dict[str, Any]:
    """One case; ``options`` are those of the optimiser, and ``schedule``, ``clip``, ``loss_options``."""
    extra = {key: options.pop(key) for key in ("schedule", "clip", "loss_options") if key in options}
    return {"name": name, "loss": loss, "optimizer": optimizer, "options": options, **extra}


CASES = [
    *[case(loss, loss=loss, lr=0.1) for loss in ("mse_loss", "half_mse_loss", "l1_loss", "huber_loss", *TARGETS)],
    case("huber_loss, delta", loss="huber_loss", lr=0.1, loss_options={"delta": 0.3}),
    case("mse_loss, sum", loss="mse_loss", lr=0.02, loss_options={"reduction": "sum"}),
    case("cross_entropy, smooth", loss="cross_entropy", lr=0.1, loss_options={"label_smoothing": 0.2}),
    case("logits, pos_weight", loss="binary_cross_entropy_with_logits", lr=0.1, loss_options={"pos_weight": 3.0}),
    case("SGD, momentum", lr=0.1, momentum=0.9),
    case("SGD, nesterov", lr=0.1, momentum=0.9, nesterov=True),
    case("SGD, dampening", lr=0.1, momentum=0.9, dampening=0.4, weight_decay=0.05),
    case("SGD, maximize", lr=0.01, momentum=0.3, weight_decay=0.05, maximize=True),
    case("SGD, weight decay", lr=0.1, momentum=0.5, weight_decay=0.05),
    case("Adam", optimizer="Adam", lr=0.05),
    case("Adam, all options", optimizer="Adam", lr=0.05, betas=[0.8, 0.95], eps=1e-4, weight_decay=0.1),
    case("Adam, amsgrad", optimizer="Adam", lr=0.4, betas=[0.5, 0.5], amsgrad=True),
    case("AdamW", optimizer="AdamW", lr=0.05),
    case("AdamW, amsgrad", optimizer="AdamW", lr=0.4, betas=[0.5, 0.5], weight_decay=0.3, amsgrad=True),
    case("AdamW, maximize", optimizer="AdamW", lr=0.05, weight_decay=0.3, maximize=True),
    case("AdamW, weight decay", optimizer="AdamW", lr=0.05, weight_decay=0.3),
    case("RMSprop", optimizer="RMSprop", lr=0.02),
    case("RMSprop, all options", optimizer="RMSprop", lr=0.02, alpha=0.9, eps=1e-5, weight_decay=0.1, momentum=0.5),
    case("RMSprop, centered", optimizer="RMSprop", lr=0.02, alpha=0.9, momentum=0.3, centered=True),
    case("StepLR", lr=0.2, schedule=["StepLR", {"step_size": 6, "gamma": 0.5}]),
    case("MultiStepLR", lr=0.2, schedule=["MultiStepLR", {"milestones": [3, 7, 7, 15], "gamma": 0.5}]),
    case("LambdaLR", lr=0.2, schedule=["LambdaLR", {"lr_lambda": "hyperbola"}]),
    case("ExponentialLR", lr=0.2, schedule=["ExponentialLR", {"gamma": 0.85}]),
    case("CosineAnnealingLR", lr=0.2, schedule=["CosineAnnealingLR", {"T_max": 15, "eta_min": 0.01}]),
    case("LinearLR", lr=0.2, schedule=["LinearLR", {"start_factor": 0.1, "total_iters": 8}]),
    case("ReduceLROnPlateau", lr=2.5, schedule=["ReduceLROnPlateau", {"factor": 0.4, "patience": 1, "min_lr": 0.03}]),
    case(
        "ReduceLROnPlateau, all options",
        lr=0.5,
        schedule=[
            "ReduceLROnPlateau",
            {
                "mode": "max",
                "factor": 0.4,
                "patience": 0,
                "threshold": 0.02,
                "threshold_mode": "abs",
                "cooldown": 2,
                "min_lr": 0.03,
                "eps": 0.05,
            },
        ],
    ),
    case("clip_grad_norm_", lr=0.3, clip=["clip_grad_norm_", 0.2]),
    case("clip_grad_value_", lr=0.3, clip=["clip_grad_value_", 0.05]),
]


def hyperbola(epoch: int) -> float:
    """A factor of the learning rate, for ``LambdaLR``."""
    return 1.0 / (1.0 + epoch)


def options_of(schedule: dict[str, Any]) -> dict[str, Any]:
    """The options of a schedule, in which functions stand by name."""
    return {name: hyperbola if option == "hyperbola" else option for name, option in schedule.items()}


def start(outputs: int) -> list[list[list[float]]]:
    """For each layer its neurons as [w_1 … w_n, b]."""
    hidden = [[0.4, -0.7, 0.1], [-0.3, 0.9, -0.2], [0.6, 0.2, 0.05]]
    return [hidden, [[0.5, -0.4, 0.8, 0.15], [-0.6, 0.7, 0.3, -0.25]][:outputs]]


def outputs_of(loss: str) -> int:
    """How many outputs the network has for a loss."""
    return 1 if loss in TARGETS and loss != "cross_entropy" else 2


def record(given: dict[str, Any]) -> dict[str, Any]:
    """Train by PyTorch, and note the loss before every step, the learning rate after it, and the last parameters."""
    import torch
    from torch.nn import functional as F

    layers = torch.tensor(start(2)[0]), torch.tensor(start(outputs_of(given["loss"]))[1])
    parameters = [part.clone().requires_grad_() for a in layers for part in (a[:, :-1], a[:, -1])]
    X, y = torch.tensor(SAMPLES), torch.tensor(TARGETS.get(given["loss"], NUMBERS))
    losses = {
        "half_mse_loss": lambda a, y: 0.5 * F.mse_loss(a, y),
        "hinge_loss": lambda a, y: torch.relu(1 - y * a).mean(),
    }
    loss = losses.get(given["loss"]) or getattr(F, given["loss"])
    optimizer = getattr(torch.optim, given["optimizer"])(parameters, **given["options"])
    schedule, clip = given.get("schedule"), given.get("clip")
    if schedule:
        schedule = getattr(torch.optim.lr_scheduler, schedule[0])(optimizer, **options_of(schedule[1]))
    noted: dict[str, Any] = {"losses": [], "rates": []}
    for _ in range(STEPS):
        W1, b1, W2, b2 = parameters
        a = torch.tanh(X @ W1.T + b1) @ W2.T + b2
        if a.shape[1] == 1:
            a = a[:, 0]
        if given["loss"] == "binary_cross_entropy":
            a = torch.sigmoid(a)
        options = given.get("loss_options", {})
        cost = loss(a, y, **{name: torch.tensor(x) if name == "pos_weight" else x for name, x in options.items()})
        optimizer.zero_grad()
        cost.backward()
        if clip:
            getattr(torch.nn.utils, clip[0])(parameters, clip[1])
        optimizer.step()
        if given["name"].startswith("ReduceLROnPlateau"):
            schedule.step(cost.item())
        elif schedule:
            schedule.step()
        noted["losses"].append(cost.item())
        noted["rates"].append(optimizer.param_groups[0]["lr"])
    pairs = [(parameters[0], parameters[1]), (parameters[2], parameters[3])]
    noted["parameters"] = [x for W, b in pairs for x in torch.cat([W, b[:, None]], 1).flatten().tolist()]
    return noted


if __name__ == "__main__":
    import torch

    torch.set_default_dtype(torch.float64)
    FILE.write_text(json.dumps({given["name"]: record(given) for given in CASES}, indent=0) + "\n", encoding="utf-8")
