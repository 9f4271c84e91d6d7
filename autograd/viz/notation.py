"""How numbers and nodes are written: the same in drawings, explanations and pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from autograd import ops
from autograd.value import Value

__all__ = ["ATOM", "INFIX", "NOT_COMPUTED", "Names", "gradient", "nodes_of", "number", "parameters_of"]

NOT_COMPUTED = "not computed"
LONGEST_LABEL = 40
LONGEST_EXPRESSION = 16  # a node whose expression is longer is called v12: boxes stay narrow
LONGEST_TITLE = 22

# Operators as Python writes them, with their precedence; a function call binds like a name.
INFIX = {ops.add: ("+", 1), ops.sub: ("-", 1), ops.mul: ("*", 2), ops.div: ("/", 2)}
INFIX[ops.power] = INFIX[ops.constant_power] = ("**", 4)
NEGATION, ATOM = 3, 5

# The labels that `nn` gives its weights and biases: w²₁₃, b³₂ (layer above, neurons below).
_PARAMETER = re.compile(r"[wb][⁰¹²³⁴⁵⁶⁷⁸⁹]+[₀₁₂₃₄₅₆₇₈₉,]*")


def number(x: float, spec: str = ".4g") -> str:
    """A number as drawings write it.

    >>> number(-8.0), number(0.123456), number(1e-9)
    ('-8', '0.1235', '1e-09')
    """
    return format(x, spec)


def gradient(node: Value, spec: str = ".4g") -> str:
    """The gradient of a node; before any backward it is not 0 but "not computed".

    >>> x = Value(2.0); y = x * 0.0
    >>> gradient(x)
    'not computed'
    >>> y.backward(); gradient(x)
    '0'
    """
    return NOT_COMPUTED if type(node.grad) is int else number(node.grad, spec)


def nodes_of(roots: Value | Sequence[Value], caller: str) -> list[Value]:
    """The roots to look at as a list; one Value is a list of one.

    Raises:
        TypeError: one of them is no Value; ``caller`` is the function that the message names.
        ValueError: there is none.
    """
    listed: list[Any] = [roots] if not isinstance(roots, Iterable) else list(roots)
    for root in listed:
        if not isinstance(root, Value):
            raise TypeError(f"{caller} needs a Value (or several), got {root!r} of type {type(root).__name__}")
    if not listed:
        raise ValueError(f"{caller} got an empty list: give at least one Value")
    return listed


def parameters_of(given: Any, order: Iterable[Value]) -> set[Value]:
    """The nodes to show as parameters: those of a model, or those given, or those labelled like `nn`'s weights."""
    if given is None:
        return {node for node in order if node.op is ops.leaf and _PARAMETER.fullmatch(node.label)}
    return set(given.parameters() if hasattr(given, "parameters") else given)


class Names:
    """What the nodes of a graph are called.

    Attributes:
        name: a node's label, or its expression if that is short, or else a number such as v12.
        expression: a node written with the names of its operands.
        title: the first line of a node's box: the name, with the expression unless that is the name.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> product = a * b
    >>> total = product + b**3
    >>> total.label = "c"
    >>> from autograd.graph import topological_order
    >>> names = Names(topological_order(total))
    >>> names.name[product], names.name[total], names.title[total]
    ('a*b', 'c', 'c = a*b + b**3')
    """

    def __init__(self, order: Sequence[Value], spec: str = ".4g") -> None:
        self.spec = spec
        self.name: dict[Value, str] = {}
        self.expression: dict[Value, str] = {}
        self.title: dict[Value, str] = {}
        self._strength: dict[Value, int] = {}  # how tightly the name binds
        for position, node in enumerate(order):
            self._add(node, position)

    def _add(self, node: Value, position: int) -> None:
        text, strength = self._write(node)
        if node.label:
            name, strength = shorten(node.label), ATOM
        elif len(text) <= LONGEST_EXPRESSION:
            name = text
        else:
            name, strength = f"v{position}", ATOM
        title = name
        if node.parents and name != text:
            title = f"{name} = {text}"
            if len(title) > LONGEST_TITLE:
                title = f"{name} = {node.op.symbol}"
        self.name[node], self.expression[node], self.title[node] = name, text, title
        self._strength[node] = strength

    def _write(self, node: Value) -> tuple[str, int]:
        """The expression of a node, and how tightly it binds."""
        if not node.parents:
            text = number(node._data, self.spec)
            return text, NEGATION if text.startswith("-") else ATOM
        if node.op in INFIX:
            symbol, strength = INFIX[node.op]
            power = symbol == "**"  # binds from the right; all others from the left
            first = self._operand(node.parents[0], strength + power)
            second = self._operand(node.parents[1], strength + (not power))
            return (f"{first} {symbol} {second}" if strength == 1 else f"{first}{symbol}{second}"), strength
        if node.op is ops.neg:
            return "-" + self._operand(node.parents[0], NEGATION), NEGATION
        if len(node.parents) > 3:
            return f"{node.op.symbol} of {len(node.parents)}", 0
        return f"{node.op.symbol}({', '.join([self.name[parent] for parent in node.parents])})", ATOM

    def _operand(self, node: Value, needed: int) -> str:
        name = self.name[node]
        return name if self._strength[node] >= needed else f"({name})"


def shorten(text: str, longest: int = LONGEST_LABEL) -> str:
    """A text on one line, cut if it is too long for a box; what cannot be shown (control characters) becomes �."""
    line = "".join([c if c.isprintable() else "�" for c in " ".join(text.split())])
    return line if len(line) <= longest else line[: longest - 1] + "…"
