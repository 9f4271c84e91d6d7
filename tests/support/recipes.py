"""Random formulas, and when two results are the same but for rounding: what the compiler is tested with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from autograd import Value, fsum, prod, sumprod, where
from autograd.graph import topological_order


# ---- comparing -------------------------------------------------------------------------------------------------------
def size(numbers: Any) -> float:
    """The largest finite number anywhere inside: rounding errors are relative to what was added up."""
    if isinstance(numbers, (list, tuple)):
        return max(map(size, numbers), default=0.0)
    return abs(numbers) if math.isfinite(numbers) else 0.0


def added(root: Value) -> float:
    """The largest finite number that is added to others, in the formula or in its derivatives: if 1e200 and -1e200 are
    among these, what is left of the others depends on the order of the sum, which is the compiler's."""
    order = topological_order(root)
    slopes = {id(root): 1.0}
    terms = []
    for node in reversed(order):
        operands = [parent.data for parent in node.parents]
        terms += operands if node.op.name in ("add", "sub", "fsum") else []
        if node.op.name == "sumprod":
            terms += [node.data - operands[-1], operands[-1], *[x * y for x in operands for y in operands]]
        for parent, slope in zip(node.parents, node.op.partials(node.data, *operands) if operands else ()):
            term = slopes.get(id(node), 0.0) * slope
            terms.append(term)
            slopes[id(parent)] = slopes.get(id(parent), 0.0) + term
    return size(terms)


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
    # Of two terms only: three may be added in another order, and 1 - 1 - 1e-200 has a logarithm or not.
    "neuron": (3, lambda x, y, z: sumprod([x], [y], z)),
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
