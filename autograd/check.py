"""Are derivatives right?  Compared with finite differences: those of a function, or those of each node of a graph."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

from autograd import display, ops
from autograd.differences import differentiate, has_kink
from autograd.errors import GradcheckError
from autograd.functional import as_node, check_data, first_order, gradients
from autograd.graph import topological_order, value_at
from autograd.ops import as_float
from autograd.provenance import describe
from autograd.trees import flatten, is_array, is_tree, rebuild
from autograd.value import Value

MANY = 32  # operands of one node, above which all of its partials are checked at once, along one direction


class Comparison(NamedTuple):
    """A derivative that was found, and the range low … high ± error by differences; low < high at a kink only."""

    derivative: str
    at: float
    found: float
    low: float
    high: float
    error: float

    def __str__(self) -> str:
        differences = f"{self.low:.12g}" if self.low == self.high else f"between {self.low:.12g} and {self.high:.12g}"
        off = max(self.low - self.found, self.found - self.high)
        return (
            f"{self.derivative} at {self.at:.12g} is {self.found:.12g}, "
            f"but differences give {differences} ± {self.error:.1g} (off by {off:.3g})"
        )


@dataclass(frozen=True)
class Report:
    """The result of a check.  It is true if no derivative is wrong, and prints as text."""

    checked: int  # the number of derivatives that were compared with differences
    wrong: tuple[Comparison, ...]  # those that disagree
    unchecked: tuple[str, ...]  # the derivatives that could not be compared, with the reasons
    kinks: tuple[str, ...]  # nodes on a kink, a jump or the edge of their domain: any slope between both sides is right

    def __bool__(self) -> bool:
        return not self.wrong

    def _notes(self) -> list[tuple[str, str]]:
        kinds = ("wrong", map(str, self.wrong)), ("not checked", self.unchecked), ("on a kink", self.kinks)
        return [(kind, text) for kind, texts in kinds for text in texts]

    def _repr_html_(self) -> str:
        rows, verdict = self._notes(), str(self).partition("\n")[0]
        return display.table(["", "derivative"], rows, verdict) if rows else f"<p>{verdict}</p>"

    def __str__(self) -> str:
        lines = [f"{self.checked - len(self.wrong)} of {self.checked} derivatives agree with finite differences"]
        return "\n".join([*lines, *[f"  {kind}: {text}" for kind, text in self._notes()]])


# ---- a function ------------------------------------------------------------------------------------------------------
def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    *,
    rtol: float = 1e-6,
    atol: float = 1e-12,
    second_order: bool = False,
    raise_exception: bool = True,
) -> Report:
    """Compare the gradient of a function with finite differences, as ``torch.autograd.gradcheck``.

    A derivative d passes if low - s <= d <= high + s, where low and high are the slopes on the two sides, and
    s = atol + rtol * (the largest of the three in size) + twice the estimated error of the differences, which is
    around 1e-10 of a slope.  At a smooth point low = high.

    Args:
        f: A function of numbers, lists, dictionaries or arrays, nested or not, that returns a Value or such a tree.
        inputs: A list of its arguments, of numbers or Values; a single one may be alone, unless it is a list.
        rtol, atol: The relative and the absolute tolerance.
        second_order: Whether to compare the second derivatives with differences of the first ones, too.
        raise_exception: Whether to raise if a derivative is wrong, and not only to report it.

    Returns:
        A report, which is true if all is right.

    Raises:
        GradcheckError: A derivative is wrong; the message says which, and by how much.
        ValueError: F gives different results for the same inputs.

    >>> print(gradcheck(lambda x, y: x * sin(y), [2.0, 0.5]))
    2 of 2 derivatives agree with finite differences
    >>> wrong = primitive(lambda y, x: 3 * x)(lambda x: x**2)        # the derivative of x² is 2x
    >>> print(gradcheck(wrong, [5.0], raise_exception=False))
    0 of 1 derivatives agree with finite differences
      wrong: d output / d argument 0 at 5 is 15, but differences give 10 ± ... (off by 5)
    """
    several = isinstance(inputs, Iterable) and not isinstance(inputs, dict) and not is_array(inputs)
    inputs = list(inputs) if several else [inputs]
    found = _Findings(rtol, atol)
    _check_function(f, inputs, found, "output")
    if second_order:
        _check_function(lambda *args: _gradients(f, args), inputs, found, "gradient")
    return found.report(raise_exception)


class _Findings:
    """A report in the making."""

    def __init__(self, rtol: float, atol: float) -> None:
        self.rtol, self.atol = rtol, atol
        self.checked = 0
        self.wrong: list[Comparison] = []
        self.unchecked: list[str] = []
        self.kinks: dict[str, None] = {}  # in order, each one once

    def compare(self, derivative: str, f: Callable[[float], float], x: float, found: float, scale: float = 1.0) -> None:
        """Compare one derivative of a function of one number."""
        slope = differentiate(f, x, found, self.rtol, self.atol, scale) if isfinite(f(x)) else None
        if slope is None:
            self.unchecked.append(f"{derivative} at {x:.12g}, where the value is {f(x)} or has no finite neighbours")
            return
        self.checked += 1
        if not slope.agrees(found, self.rtol, self.atol):
            self.wrong.append(Comparison(derivative, x, found, *slope))

    def look_for_kinks(self, node: Value) -> None:
        """Note a node that sits on a kink; the inside of a compiled function is not looked at."""
        if not _is_call(node) and any(
            has_kink(_along(node, i), node.parents[i]._data, _scale(node)) for i in _differentiable(node)
        ):
            self.kinks[describe(node).rstrip(",")] = None

    def report(self, raise_exception: bool) -> Report:
        report = Report(self.checked, tuple(self.wrong), tuple(self.unchecked), tuple(self.kinks))
        if raise_exception and not report:
            raise GradcheckError(str(report))
        return report


def _check_function(f: Callable[..., Any], inputs: Sequence[Any], found: _Findings, name: str) -> None:
    arguments = [item for i, tree in enumerate(inputs) for item in _named(tree, f"argument {i}")]
    numbers = [x._data if isinstance(x, Value) else as_float(x) for _, x in arguments]
    leaves, outputs = _outputs(f, inputs, numbers, name)
    known = {tuple(numbers): [out._data for _, out in outputs]}

    def values(point: tuple[float, ...]) -> list[float]:
        if point not in known:
            known[point] = [out._data for _, out in _outputs(f, inputs, point, name)[1]]
        return known[point]

    again = [out._data for _, out in _outputs(f, inputs, numbers, name)[1]]
    if list(map(repr, known[tuple(numbers)])) != list(map(repr, again)):
        raise ValueError(f"the function gives {known[tuple(numbers)]}, then {again} for the same inputs")
    for i, (argument, _) in enumerate(arguments):
        for k, (label, out) in enumerate(outputs):

            def along(x: float, i: int = i, k: int = k) -> float:
                return values((*numbers[:i], x, *numbers[i + 1 :]))[k]

            gradient = first_order(topological_order(out), {out: 1.0}).get(leaves[i], 0.0)
            found.compare(f"d {label} / d {argument}", along, numbers[i], gradient)
    for node in topological_order(*[out for _, out in outputs]):
        found.look_for_kinks(node)


def _outputs(
    f: Callable[..., Any], inputs: Sequence[Any], numbers: Sequence[float], name: str
) -> tuple[list[Value], list[tuple[str, Value]]]:
    """Fresh leaves that hold the numbers, and what f makes of them, with names."""
    leaves = [Value(x) for x in numbers]
    result = f(*rebuild(list(inputs), leaves))
    return leaves, [(label, as_node(out)) for label, out in _named(result, name)]


def _gradients(f: Callable[..., Any], args: Sequence[Any]) -> list[list[Any]]:
    """The gradients of all outputs of f as nodes."""
    leaves = flatten(list(args))
    return [list(gradients(as_node(out), leaves, create_graph=True)) for out in flatten(f(*args))]


def _named(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The numbers of a tree, with their places: ``argument 0[2]['w']``."""
    if is_tree(tree):
        for key, branch in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _named(branch, f"{name}[{key!r}]")
    else:
        yield name, tree


# ---- a graph ---------------------------------------------------------------------------------------------------------
def check_graph(
    root: Value | Sequence[Value], *, rtol: float = 1e-6, atol: float = 0.0, raise_exception: bool = True
) -> Report:
    """Compare the local derivatives of every node with finite differences, and stop at the first that is wrong.

    Nodes are visited in topological order, so the first wrong one is the one whose rule to look at: those above it
    are right.  Plain numbers, such as the exponent of ``x**2``, are not differentiated.

    Args:
        root: A node, or several: they and all that they depend on are checked.
        rtol, atol: The relative and the absolute tolerance, as for ``gradcheck``.
        raise_exception: Whether to raise if a rule is wrong, and not only to report it.

    Returns:
        A report, which is true if all is right; it has at most one wrong derivative.

    Raises:
        GradcheckError: A rule is wrong; the message names the node by its primitive, operands and label.
        StaleGraphError: The data of a node was changed after it was used.

    >>> wrong = primitive(lambda y, x: 3 * x, name="wrong")(lambda x: x**2)   # the derivative of x² is 2x
    >>> x = Value(5.0, "x")
    >>> y = wrong(x + 1); y.label = "y"
    >>> print(check_graph(y.exp(), raise_exception=False))
    1 of 2 derivatives agree with finite differences
      wrong: wrong(6), node 'y', by operand 0 at 6 is 18, but differences give 12 ± ... (off by 6)
    """
    found = _Findings(rtol, atol)
    for node in topological_order(*([root] if isinstance(root, Value) else root)):
        if node.parents:
            _check_node(node, found)
        if found.wrong:
            break
    return found.report(raise_exception)


def _is_call(node: Value) -> bool:
    """Whether a node is the result of a compiled function."""
    return node.op.name in ("compiled", "compiled call") and node.op is not ops.TABLE.get(node.op.name)


def _check_node(node: Value, found: _Findings) -> None:
    if _is_call(node):
        found.unchecked.append(f"{describe(node)} is a compiled function; give it to gradcheck")
        return
    check_data(node, "checking it")
    found.look_for_kinks(node)
    numbers = [parent._data for parent in node.parents]
    by = _differentiable(node)
    if len(by) > MANY and all(_agree_together(node, by, found, relative) for relative in (True, False)):
        found.checked += len(by)
        return
    for i in by:
        before = len(found.wrong)
        found.compare(f"{describe(node)} by operand {i}", _along(node, i), numbers[i], node.partials[i], _scale(node))
        if len(found.wrong) > before:
            return


def _agree_together(node: Value, by: Sequence[int], found: _Findings, relative: bool) -> bool:
    """Whether the derivative in one random direction is right: n operands for the price of one.

    Of n terms one that is wrong by more than rtol of the largest changes their sum by as much, whatever n is.
    """
    numbers = [parent._data for parent in node.parents]
    sign = random.Random(len(numbers)).choice
    steps = [0.0] * len(numbers)
    for i in by:
        steps[i] = sign((1.0, -1.0)) * ((relative and abs(numbers[i])) or 1.0)
    terms = [partial * step for partial, step in zip(node.partials, steps) if step]
    expected, allowed = sum(terms), found.atol + found.rtol * max(map(abs, terms))

    def along(t: float) -> float:
        return value_at(node, [x + t * step for x, step in zip(numbers, steps)])

    if not isfinite(expected) or not isfinite(along(0.0)):
        return False
    slope = differentiate(along, 0.0, expected, 0.0, allowed)
    return slope is not None and slope.agrees(expected, 0.0, allowed)


def _differentiable(node: Value) -> list[int]:
    """The operands of a node that are no plain numbers; none if it was detached from them."""
    if node.op is ops.detached:
        return []
    return [i for i, parent in enumerate(node.parents) if parent.op is not ops.constant]


def _along(node: Value, i: int) -> Callable[[float], float]:
    """The value of a node as a function of one operand."""
    numbers = [parent._data for parent in node.parents]
    return lambda x: value_at(node, [*numbers[:i], x, *numbers[i + 1 :]])


def _scale(node: Value) -> float:
    """The size of the smallest operand other than 0: the distance over which the primitive may vary around 0."""
    return min([abs(x) for parent in node.parents if isfinite(x := parent._data) and x != 0.0], default=1.0)
