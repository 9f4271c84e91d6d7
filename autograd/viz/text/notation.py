"""How numbers and nodes are written: the same in drawings, explanations and pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from autograd import ops
from autograd.graph import Node
from autograd.labels import family, free_letter, label_of, textbook
from autograd.ops import Op
from autograd.value import Value
from autograd.writer import Dialect, Level, Text

T = TypeVar("T", bound=Node)
NOT_COMPUTED = "not computed"
LONGEST_LABEL = 40
LONGEST_EXPRESSION = 20  # a node whose expression is longer is called v12: boxes stay narrow
LONGEST_TITLE = 40
LONGEST_OPERAND = 12  # in a title that would be longer
MOST_OPERANDS = 9  # of more, the first and the last are written

# Python's operators, and functions by their symbols; a sign behind an operator is in brackets, as people write it.
ARITHMETIC: dict[Op, str] = {
    ops.add: " + ", ops.sub: " - ", ops.mul: "*", ops.div: "/", ops.power: "**", ops.constant_power: "**",
}  # fmt: skip
LABELS = Dialect({**ARITHMETIC, ops.less: " < ", ops.less_equal: " <= ", ops.equal: " == "}, apart=True)
_CHAINS = {ops.sum_of: ops.add, ops.product_of: ops.mul}


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
    text = LABELS.number(number(x, spec))
    return text.text if first else LABELS.inner(text, Level.SIGN)


def product(factors: Sequence[float], spec: str = ".4g", *, first: bool = True) -> str:
    """A product of numbers; ``first`` says whether a formula begins with it.

    >>> product([-3.0, -2.0]), product([-3.0, 2.0], first=False)
    ('-3·(-2)', '(-3)·2')
    """
    return "·".join([factor(x, spec, first=first and not i) for i, x in enumerate(factors)])


def gradient(grad: float, spec: str = ".4g") -> str:
    """A gradient as drawings write it; before any backward it is not 0 but "not computed"."""
    return NOT_COMPUTED if type(grad) is int else number(grad, spec)


def derivative_name(of: str, by: str) -> str:
    """The derivative of one node with respect to another, by their names.

    >>> derivative_name("a + b", "b")
    '∂(a + b)/∂b'
    """
    names = [f"({name})" if any(c in name for c in " +-*/(") else name for name in (of, by)]
    return "∂{}/∂{}".format(*names)


def nodes_of(roots: Value | Sequence[Value], caller: str) -> list[Value]:
    """The roots to look at as a list; one Value is a list of one.  The error of anything else names the ``caller``."""
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
        return {node for node in order if node.op is ops.leaf and _is_weight(label_of(node))}
    return set(given.parameters() if hasattr(given, "parameters") else given)


def _is_weight(label: str) -> bool:
    found = textbook(label) if label else None
    return found is not None and found.symbol in "wb"


def reading_order(*roots: T) -> list[T]:
    """A topological order in which the first operand comes before the others, as in a formula.

    ``topological_order`` visits the last operand first, which is fastest.
    """
    # A node waits on the stack, below its operands, until these are in order.  Boxes of a folded drawing may depend on
    # each other: an operand that waits itself is not waited for again.
    order: dict[T, None] = {}
    begun: set[T] = set()
    stack = [*reversed(roots)]
    while stack:
        node = stack.pop()
        if node in begun:
            order[node] = None
        else:
            begun.add(node)
            stack += [node, *[parent for parent in reversed(node.parents) if parent not in begun]]
    return [*order]


class Names:
    """Names of the nodes of a graph: the label, or the expression if that is short, or else a number such as v12.

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
        self.spec, self.letter = spec, free_letter(order)
        self.name: dict[Value, str] = {}
        self.text: dict[Value, Text] = {}  # the name as a part of expressions
        self.title: dict[Value, str] = {}  # the first line of a box: the name, with the expression unless it is that
        self.numbered: set[Value] = set()  # the nodes whose names do not say what they are
        for position, node in enumerate(order):
            self._add(node, position)

    def _add(self, node: Value, position: int) -> None:
        operands = [self.text[parent] for parent in node.parents[:4]]
        written = expression(node, operands, self.spec)
        if label_of(node):
            name = Text(shorten(label_of(node)))
        else:
            name = written if len(written.text) <= LONGEST_EXPRESSION else Text(f"{self.letter}{position}")
        if not label_of(node) and (name is not written or not self.numbered.isdisjoint(node.parents)):
            self.numbered.add(node)
        title = name.text
        if node.parents and title != written.text:
            title = f"{name} = {written}"
            if len(title) > LONGEST_TITLE:
                cut = [Text(shorten(operand.text, LONGEST_OPERAND), operand.level) for operand in operands]
                title = f"{name} = {expression(node, cut, self.spec)}"
        self.name[node], self.text[node], self.title[node] = name.text, name, title


def expression(node: Value, operands: Sequence[Text], spec: str = ".4g") -> Text:
    """A node written with the names of its operands.

    Of more than four operands only the first may be given: then the text says how many there are.
    """
    op, count = node.op, len(node.parents)
    if not node.parents:
        return LABELS.number(number(node._data, spec))
    if op in LABELS.operators or op is ops.neg:
        return LABELS.operation(op, operands)
    if op is ops.sum_of_products and len(operands) < count:
        return Text(_pattern(node.parents), Level.SUM)
    if op.name == "compiled output":
        return Text(op.symbol)
    if len(operands) < count:
        return Text(f"{op.symbol} of {count:,}", Level.OPEN)
    if op is ops.sum_of_products:
        return LABELS.infix(ops.add, _few(LABELS.products(operands)))
    if op in _CHAINS and count > 1:
        return LABELS.infix(_CHAINS[op], _few(operands))
    return Text(f"{op.symbol}({', '.join([operand.text for operand in _few(operands)])})")


def _few(parts: Sequence[Text]) -> Sequence[Text]:
    """The parts, or only the first four and the last one if a line cannot hold all."""
    return parts if len(parts) <= MOST_OPERANDS else [*parts[:4], Text("…"), parts[-1]]


def _pattern(parents: Sequence[Value]) -> str:
    """A sum of products by what the symbols of its operands have in common: Σ w·x + b."""
    half = len(parents) // 2
    left, right, rest = parents[:half], parents[half : 2 * half], parents[2 * half :]
    products = f"{_symbol(left, 'w')}²" if left == right else f"{_symbol(left, 'w')}·{_symbol(right, 'x')}"
    return f"Σ {products}" + (f" + {_symbol(rest, 'b')}" if rest else "")


def _symbol(nodes: Sequence[Value], unnamed: str) -> str:
    return (stem(nodes) or "…") if any(label_of(node) for node in nodes) else unnamed


def stem(nodes: Sequence[Value]) -> str:
    """The symbol of labels that differ in their indices only; nothing if there is none."""
    return shorten(family([label_of(node) for node in nodes]), LONGEST_OPERAND)


def shorten(text: str, longest: int = LONGEST_LABEL) -> str:
    """A text on one line, cut if it is too long for a box; what cannot be shown (control characters) becomes �."""
    line = "".join([c if c.isprintable() else "�" for c in " ".join(text.split())])
    return line if len(line) <= longest else line[: longest - 1] + "…"
