"""The same graphs in PyTorch, on tensors of one number."""

from __future__ import annotations

import operator
from typing import Any

from harness import Work, first_run

from graphs.problem import run as run_program


def _setup() -> tuple[Any, dict[str, Any]]:
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(1)
    return torch, {
        "add": operator.add,
        "sub": operator.sub,
        "mul": operator.mul,
        "sin": torch.sin,
        "cos": torch.cos,
        "tanh": torch.tanh,
        "softplus": F.softplus,
        "sum": lambda *xs: sum(xs),
        "product": operator.mul,
        "softmax": lambda *xs: F.softmax(torch.stack(xs), dim=0).unbind(),
    }


def _value_and_grad(torch: Any, functions: dict[str, Any], program: dict[str, Any], point: list[float]) -> list[float]:
    inputs = torch.tensor(point, dtype=torch.float64, requires_grad=True)
    value = run_program(program, functions, inputs.unbind())
    value.backward()
    return [value.item(), *inputs.grad.tolist()]


def unstructured_first(program: dict[str, Any]) -> Work:
    """One value and gradient."""
    torch, functions = _setup()
    return first_run(lambda: _value_and_grad(torch, functions, program, program["point"]))


def west(problem: dict[str, Any]) -> Work:
    """Each program evaluated at all points; there is nothing to compile."""
    torch, functions = _setup()

    def run() -> list[float]:
        answer: list[float] = []
        for program in problem["programs"]:
            for point in problem["points"]:
                result = _value_and_grad(torch, functions, program, point)
            answer += result
        return answer

    return first_run(run, per=len(problem["programs"]))
