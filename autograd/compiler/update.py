"""The optimiser's rule over whole arrays: recorded once on numbers, written once per array of gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler.arrange import affine_view, index_space
from autograd.compiler.arrays import Array, ArrayProgram, Step, View
from autograd.compiler.builder import Builder, Register
from autograd.compiler.program import ARGUMENT, Program

__all__ = ["Place", "Rule", "write_update"]

# rule(parameter, gradient, state, hyper) -> (new parameter, new state), on any numbers
Rule = Callable[[Any, Any, tuple[Any, ...], Any], tuple[Any, Sequence[Any]]]
Place = tuple[int, int]  # an array and a row of it


def write_update(
    arrays: ArrayProgram,
    rule: Rule,
    hyper: dict[str, Any],
    live: dict[str, Place],
    parameters: Sequence[Place],
    gradients: Sequence[Place],
    states: Sequence[Sequence[Place]],
) -> list[tuple[Place, Place]]:
    """Append the update of many parameters to an array program.

    Args:
        arrays: the program that computes the gradients; steps and arrays are added to its lists.
        rule: the update of one parameter.
        hyper: the numbers that the rule finds in ``hyper``.
        live: those of them that may change between runs, and where they are.
        parameters, gradients, states: where they are, parameter by parameter.

    Returns:
        Pairs (new, old): where the new parameters and states are, and what they replace.
    """
    size = len(states[0]) if states else 0
    program = _recorded(rule, hyper, list(live), size)
    carried: list[tuple[Place, Place]] = []
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, (place, gradient) in enumerate(zip(parameters, gradients)):
        groups.setdefault((gradient[0], place[0], *[state[0] for state in states[i]]), []).append(i)
    for arrays_read, members in groups.items():
        olds = [[gradients[i], parameters[i], *states[i]] for i in members]
        rows = np.array([[row for _, row in places] for places in olds])
        order = np.lexsort(rows.T[::-1])
        rows = rows[order]
        ni, nj = index_space(rows)
        views = {name: View(*place) for name, place in live.items()}
        for k, name in enumerate(["gradient", "parameter", *[f"state {k}" for k in range(size)]]):
            column = rows[:, k]
            view = affine_view(arrays_read[k], column, ni, nj)
            views[name] = view or _gathered(arrays, [(arrays_read[k], int(row)) for row in column], nj)
        for k, new in enumerate(_written(arrays, program, views, ni, nj), start=1):
            if new is not None:
                for number, i in enumerate(order):
                    at = new.start + number // nj * new.step_i + number % nj * new.step_j
                    carried.append(((new.array, at), olds[i][k]))
    return carried


def _recorded(rule: Rule, hyper: dict[str, Any], live: Sequence[str], size: int) -> Program:
    """The rule as a program of uniform registers; the payload of an ARGUMENT is the name of what it reads."""
    builder = Builder()

    def read(name: str) -> Register:
        return Register(builder, builder.emit(ARGUMENT, payload=name))

    state = tuple([read(f"state {k}") for k in range(size)])
    steered = SimpleNamespace(**{**hyper, **{name: read(name) for name in live}})
    parameter, new_state = rule(read("parameter"), read("gradient"), state, steered)
    outputs = [x.index if isinstance(x, Register) else builder.constant(x) for x in (parameter, *new_state)]
    return builder.program(outputs)


def _gathered(arrays: ArrayProgram, rows: Sequence[Place], nj: int) -> View:
    arrays.arrays.append(Array(len(rows), 1, "computed"))
    target = len(arrays.arrays) - 1
    arrays.steps.append(Step(ops.identity, "gather", target, len(rows), 1, (), tuple(rows)))
    return View.of_all(target, len(rows) // nj, nj)


def _written(arrays: ArrayProgram, program: Program, views: dict[str, View], ni: int, nj: int) -> list[View | None]:
    """Write a program of uniform registers over an index space; where its outputs are (None: unchanged)."""
    place: list[View] = []
    for op, operands, _, payload in program.instructions:
        if op is ARGUMENT:
            place.append(views[payload])
            continue
        read = tuple([place[operand] for operand in operands])
        spread = any(view.step_i or view.step_j for view in read)
        rows = ni * nj if spread else 1
        kind = "constant" if op is ops.constant else "computed"
        arrays.arrays.append(Array(rows, 1, kind, (payload,) if op is ops.constant else ()))
        target = len(arrays.arrays) - 1
        if op is not ops.constant:
            arrays.steps.append(Step(op, "map", target, ni if spread else 1, nj if spread else 1, read))
        place.append(View.of_all(target, ni, nj) if spread else View(target, 0))
    return [None if program.instructions[i].op is ARGUMENT else place[i] for i in program.outputs]
