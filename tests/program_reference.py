"""A slow, obvious interpreter of programs, and random formulas: what the passes of the compiler are tested with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from autograd.compiler.derive import derivatives
from autograd.compiler.program import ARGUMENT, DOT, PARAMETER, TOTAL, Instruction, Program
from hypothesis import strategies as st

from autograd import Value, fsum, ops, prod, sumprod, where
from autograd.compiler.builder import Builder
from autograd.compiler.record import program_of, record

LEAVES = (ops.constant, ARGUMENT, PARAMETER)

Number = Any  # a float, or a list of them over lanes


# ---- running a program -----------------------------------------------------------------------------------------------
def registers(program: Program, arguments: Sequence[float], parameters: Sequence[float] = ()) -> list[Number]:
    """The numbers in all registers: a float each, or a list over lanes."""
    numbers: list[Number] = []
    for instruction in program.instructions:
        numbers.append(_run(instruction, numbers, arguments, parameters))
    return numbers


def outputs(program: Program, arguments: Sequence[float], parameters: Sequence[float] = ()) -> list[Number]:
    """The numbers in the registers of the outputs."""
    numbers = registers(program, arguments, parameters)
    return [numbers[i] for i in program.outputs]


def _run(step: Instruction, numbers: list[Number], arguments: Sequence[float], parameters: Sequence[float]) -> Number:
    op, operands, lanes, payload = step
    if op is ops.constant:
        return list(payload) if lanes > 1 else payload
    if op is PARAMETER:
        return parameters[payload]
    if op is ARGUMENT:
        return [arguments[k] if isinstance(k, int) else k for k in payload] if lanes > 1 else arguments[payload]
    xs = [numbers[k] for k in operands]
    width = max([len(x) for x in xs if isinstance(x, list)], default=1)
    columns = list(zip(*[x if isinstance(x, list) else [x] * width for x in xs]))
    if op is TOTAL or op is DOT:
        return float(sum([math.prod(column) for column in columns]))
    result = [op.value(*column) for column in columns]
    assert len(result) == lanes
    return result if lanes > 1 else result[0]


# ---- programs of functions -------------------------------------------------------------------------------------------
def recorded(f: Callable[..., Any], args: Sequence[float]) -> Program:
    """The program of a function, as it is recorded at these arguments."""
    return program_of(record(f, list(args))).verify()


def names(program: Program) -> list[str]:
    """The operations of a program, without its leaves."""
    return [step.op.name for step in program.instructions if step.op not in LEAVES]


def leaves(program: Program) -> list[int]:
    """The registers of the arguments and of the parameters."""
    return [i for i, step in enumerate(program.instructions) if step.op in (ARGUMENT, PARAMETER)]


def with_gradients(program: Program, inputs: Sequence[int]) -> Program:
    """The program with the derivatives of its first output by the inputs as further outputs; 0 where there is none."""
    builder = Builder()
    where_to, found = derivatives(program, program.outputs[0], inputs, builder)
    gradients = [builder.constant(0.0) if d is None else d for d in found]
    return builder.program([*[where_to[i] for i in program.outputs], *gradients]).verify()


# ---- comparing -------------------------------------------------------------------------------------------------------
def size(numbers: Any) -> float:
    """The largest finite number anywhere inside: rounding errors are relative to what was added up."""
    if isinstance(numbers, (list, tuple)):
        return max(map(size, numbers), default=0.0)
    return abs(numbers) if math.isfinite(numbers) else 0.0


def same(x: Any, y: Any, scale: float = 1.0) -> bool:
    """Whether numbers, or lists of them, agree but for rounding at this scale; nan agrees with nan, inf with inf."""
    if isinstance(x, (list, tuple)):
        return len(x) == len(y) and all(same(a, b, scale) for a, b in zip(x, y))
    if not (math.isfinite(x) and math.isfinite(y)):
        return x == y or (x != x and y != y)
    return math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-11 * (1.0 + scale))


# ---- random formulas -------------------------------------------------------------------------------------------------
# Smooth functions whose value does not hang on a last bit or on the sign of a zero: sums may be added in any order.
SMOOTH: dict[str, tuple[int, Callable[..., Any]]] = {
    "add": (2, lambda x, y: x + y),
    "sub": (2, lambda x, y: x - y),
    "mul": (2, lambda x, y: x * y),
    "neg": (1, lambda x: -x),
    "half": (1, lambda x: 0.5 * x),
    "shift": (1, lambda x: x + 1.5),
    "square": (1, lambda x: x.square()),
    "cube": (1, lambda x: x**3),
    "sin": (1, lambda x: x.sin()),
    "tanh": (1, lambda x: x.tanh()),
    "sigmoid": (1, lambda x: x.sigmoid()),
    "softplus": (1, lambda x: x.softplus()),
    "gaussian": (1, lambda x: (-x * x).exp()),
    "quotient": (2, lambda x, y: x / (1.0 + y * y)),
    "fsum": (3, lambda x, y, z: fsum([x, y, z])),
    "prod": (3, lambda x, y, z: prod([x, y, z])),
    "neuron": (3, lambda x, y, z: sumprod([x, y], [y, z], x)),
    "where": (3, lambda x, y, z: where(x > 10.0, y * z, y + z)),
}
# These give nan and inf in places, and have kinks.
ROUGH = {
    **SMOOTH,
    "log": (1, lambda x: x.log()),
    "sqrt": (1, lambda x: x.sqrt()),
    "reciprocal": (1, lambda x: 1.0 / (x * x)),
    "exp": (1, lambda x: x.exp()),
    "relu": (1, lambda x: x.relu()),
    "abs": (1, lambda x: abs(x)),
    "maximum": (2, lambda x, y: x.maximum(y)),
    "switch": (3, lambda x, y, z: where(x > 0.0, y, z)),
}

Recipe = list[tuple[str, tuple[int, int, int]]]


def recipes(functions: dict[str, tuple[int, Any]] = SMOOTH, most: int = 12) -> st.SearchStrategy[Recipe]:
    """Formulas as data: in each step the name of a function, and how far back its operands are."""
    back = st.integers(0, 7)
    return st.lists(
        st.tuples(st.sampled_from(sorted(functions)), st.tuples(back, back, back)), min_size=1, max_size=most
    )


def formula(recipe: Recipe, leaves: Sequence[Value]) -> Value:
    """A recipe applied to leaves."""
    nodes = list(leaves)
    for name, back in recipe:
        count, function = ROUGH[name]
        nodes.append(function(*[nodes[-1 - k % len(nodes)] for k in back[:count]]))
    return nodes[-1]


def numbers(least: int, most: int | None = None) -> st.SearchStrategy[list[float]]:
    """Lists of small dyadic numbers, whose sums and products are exact."""
    return st.lists(st.integers(-16, 16).map(lambda k: k / 8.0), min_size=least, max_size=most or least)


def unusual(least: int) -> st.SearchStrategy[list[float]]:
    """Lists with nan, infinities, huge and tiny numbers among them."""
    special = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, -1.0, 1e200, 1e-200, -700.0])
    return st.lists(special | st.integers(-16, 16).map(lambda k: k / 8.0), min_size=least, max_size=least)
