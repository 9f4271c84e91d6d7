"""How numbers and nodes are written: the same in drawings, explanations and pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from autograd import ops
from autograd.labels import family, textbook
from autograd.value import Value

__all__ = [
    "ATOM", "INFIX", "NEGATION", "NOT_COMPUTED", "Names", "expression", "factor", "gradient", "nodes_of", "number",
    "parameters_of", "product", "shorten", "stem",
]  # fmt: skip

NOT_COMPUTED = "not computed"
LONGEST_LABEL = 40
LONGEST_EXPRESSION = 16  # a node whose expression is longer is called v12: boxes stay narrow
LONGEST_TITLE = 40
LONGEST_OPERAND = 12  # in a title that would be longer
MOST_OPERANDS = 9  # of more, the first and the last are written

# Operators as Python writes them, with their precedence; a function call binds like a name.
INFIX = {ops.add: ("+", 1), ops.sub: ("-", 1), ops.mul: ("*", 2), ops.div: ("/", 2)}
INFIX[ops.power] = INFIX[ops.constant_power] = ("**", 4)
SUM, PRODUCT, NEGATION, ATOM = 1, 2, 3, 5


def number(x: float, spec: str = ".4g") -> str:
    """A number as drawings write it.

    >>> number(-8.0), number(0.123456), number(1e-9), number(-0.0)
    ('-8', '0.1235', '1e-09', '0')
    """
    return format(x + 0.0, spec)  # -0.0 + 0.0 is 0.0


def factor(x: float, spec: str = ".4g", *, first: bool = False) -> str:
    """A number as a factor or a term: in parentheses if it is negative and not the first.

    >>> factor(-2.0), factor(-2.0, first=True), factor(2.0)
    ('(-2)', '-2', '2')
    """
    text = number(x, spec)
    return text if first or not text.startswith("-") else f"({text})"


def product(factors: Sequence[float], spec: str = ".4g", *, first: bool = True) -> str:
    """A product of numbers; ``first`` says whether a formula begins with it.

    >>> product([-3.0, -2.0]), product([-3.0, 2.0], first=False)
    ('-3·(-2)', '(-3)·2')
    """
    return "·".join([factor(x, spec, first=first and not i) for i, x in enumerate(factors)])


def gradient(grad: float, spec: str = ".4g") -> str:
    """A gradient as drawings write it; before any backward it is not 0 but "not computed".

    >>> x = Value(2.0); y = x * 0.0
    >>> gradient(x.grad)
    'not computed'
    >>> y.backward(); gradient(x.grad)
    '0'
    """
    return NOT_COMPUTED if type(grad) is int else number(grad, spec)


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
        return {node for node in order if node.op is ops.leaf and _is_weight(node.label)}
    return set(given.parameters() if hasattr(given, "parameters") else given)


def _is_weight(label: str) -> bool:
    found = textbook(label) if label else None
    return found is not None and found.symbol in "wb"


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
        self.numbered: set[Value] = set()  # those without a name that says what they are
        self.strength: dict[Value, int] = {}  # how tightly the name binds
        for position, node in enumerate(order):
            self._add(node, position)

    def _add(self, node: Value, position: int) -> None:
        operands = [(self.name[parent], self.strength[parent]) for parent in node.parents[:4]]
        text, strength = expression(node, operands, self.spec)
        if node.label:
            name, strength = shorten(node.label), ATOM
        elif len(text) <= LONGEST_EXPRESSION:
            name = text
        else:
            name, strength = f"v{position}", ATOM
        if not node.label and (name != text or not self.numbered.isdisjoint(node.parents)):
            self.numbered.add(node)
        title = name
        if node.parents and name != text:
            title = f"{name} = {text}"
            if len(title) > LONGEST_TITLE:
                cut = [(shorten(operand, LONGEST_OPERAND), binding) for operand, binding in operands]
                title = f"{name} = {expression(node, cut, self.spec)[0]}"
        self.name[node], self.expression[node], self.title[node] = name, text, title
        self.strength[node] = strength


def expression(node: Value, operands: Sequence[tuple[str, int]], spec: str = ".4g") -> tuple[str, int]:
    """A node written with the names of its operands, each with how tightly it binds; and how tightly the whole does.

    Of more than four operands only the first may be given: then the text says how many there are.
    """
    if not node.parents:
        text = number(node._data, spec)
        return text, NEGATION if text.startswith("-") else ATOM
    if node.op in INFIX:
        symbol, strength = INFIX[node.op]
        is_power = symbol == "**"  # binds from the right; all others from the left
        first = _parenthesized(operands[0], strength + is_power)
        second = _parenthesized(operands[1], strength + (not is_power))
        second = second if is_power else _not_first(second)  # x*(-3), although Python takes x*-3
        return (f"{first} {symbol} {second}" if strength == 1 else f"{first}{symbol}{second}"), strength
    if node.op is ops.neg:
        return "-" + _parenthesized(operands[0], NEGATION), NEGATION
    is_whole = len(operands) == len(node.parents)
    if node.op is ops.sum_of_products:
        return (_joined(" + ", _products(operands)) if is_whole else _pattern(node.parents)), SUM
    if not is_whole:
        return f"{node.op.symbol} of {len(node.parents):,}", 0
    if node.op is ops.sum_of and len(operands) > 1:
        return _joined(" + ", [_parenthesized(operand, SUM) for operand in operands]), SUM
    if node.op is ops.product_of and len(operands) > 1:
        return _joined("*", [_parenthesized(operand, PRODUCT) for operand in operands]), PRODUCT
    return f"{node.op.symbol}({_joined(', ', [text for text, _ in operands])})", ATOM


def _products(operands: Sequence[tuple[str, int]]) -> list[str]:
    """The terms of a sum of products: first all left factors, then all right ones, then what is added."""
    half = len(operands) // 2
    pairs = zip(operands[:half], operands[half:])
    terms = [f"{_parenthesized(x, PRODUCT)}*{_not_first(_parenthesized(y, PRODUCT + 1))}" for x, y in pairs]
    return terms + [_parenthesized(operand, SUM) for operand in operands[2 * half :]]


def _pattern(parents: Sequence[Value]) -> str:
    """A sum of products by what the symbols of its operands have in common: Σ w·x + b."""
    half = len(parents) // 2
    left, right, rest = parents[:half], parents[half : 2 * half], parents[2 * half :]
    products = f"{_symbol(left, 'w')}²" if left == right else f"{_symbol(left, 'w')}·{_symbol(right, 'x')}"
    return f"Σ {products}" + (f" + {_symbol(rest, 'b')}" if rest else "")


def _symbol(nodes: Sequence[Value], unnamed: str) -> str:
    return (stem(nodes) or "…") if any(node.label for node in nodes) else unnamed


def stem(nodes: Sequence[Value]) -> str:
    """The symbol of labels that differ in their indices only; nothing if there is none.

    >>> stem([Value(1.0, "x₁"), Value(2.0, "x₂")]), stem([Value(1.0, "x₁"), Value(2.0, "y")])
    ('x', '')
    """
    return shorten(family([node.label for node in nodes]), LONGEST_OPERAND)


def _joined(separator: str, parts: Sequence[str]) -> str:
    shown = list(parts) if len(parts) <= MOST_OPERANDS else [*parts[:4], "…", parts[-1]]
    return separator.join(shown if separator == ", " else [shown[0], *map(_not_first, shown[1:])])


def _not_first(text: str) -> str:
    """An operand that comes after another: a sign there needs parentheses."""
    return f"({text})" if text.startswith("-") else text


def _parenthesized(operand: tuple[str, int], needed: int) -> str:
    text, strength = operand
    return text if strength >= needed else f"({text})"


def shorten(text: str, longest: int = LONGEST_LABEL) -> str:
    """A text on one line, cut if it is too long for a box; what cannot be shown (control characters) becomes �."""
    line = "".join([c if c.isprintable() else "�" for c in " ".join(text.split())])
    return line if len(line) <= longest else line[: longest - 1] + "…"
