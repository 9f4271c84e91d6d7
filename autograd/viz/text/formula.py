"""A graph, its derivative, and each local derivative as formulas."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from autograd import ops
from autograd.errors import AutogradError
from autograd.functional import gradients
from autograd.graph import topological_order
from autograd.labels import free_letter, label_of
from autograd.modes import recording
from autograd.ops import Op
from autograd.value import Value
from autograd.viz.text.algebra import ONE, Expression, Function, Number, Product, Sum, Symbol, power, simplify
from autograd.viz.text.notation import Names, derivative_name, nodes_of, number
from autograd.viz.text.typeset import latex, latex_name, latex_number, plain
from autograd.writer import Level

LARGEST_SHARED = 30  # a part used more than once is written out each time if it is no larger than this
DEEPEST = 40  # parts nested deeper get a name of their own
MOST_LINES = 100


def to_latex(root: Value, *, expand: bool = False, number_format: str = ".4g") -> str:
    r"""The expression that a Value was computed by, in symbols and then in numbers.

    Labelled Values are symbols; those that were computed get a line of their own.

    Args:
        expand: Whether labelled Values are written out where they are used, instead of on lines of their own.
        number_format: Format of numbers, as in ``format(x, ".4g")``.

    Raises:
        ValueError: The formula would have more than 100 lines.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> c = a * b + b**3
    >>> c.label = "c"
    >>> print(to_latex(c))
    c = a b + b^{3} = -4 \cdot 2 + 2^{3} = 0
    """
    (root,) = nodes_of(root, "to_latex")
    formulas = Formulas(topological_order(root), number_format, expand=expand, whole=root)
    left = latex_name(label_of(root)) if label_of(root) else ""
    return Latex(_lines([(left, formulas.expression(root), root.data), *formulas.definitions(root)], number_format))


def to_latex_gradient(root: Value, wrt: Value, *, expand: bool = False, number_format: str = ".4g") -> str:
    r"""The derivative ∂root/∂wrt as a formula, simplified, in symbols and then in numbers.

    It is the graph of ``autograd.grad(root, wrt, create_graph=True)`` written down; labelled Values are symbols.

    Args:
        expand: Whether labelled Values are written out, instead of their symbols.
        number_format: Format of numbers.

    Raises:
        ValueError: The formula would have more than 100 lines.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> c = a * b + b**3
    >>> c.label = "c"
    >>> print(to_latex_gradient(c, wrt=b))
    \frac{\partial c}{\partial b} = a + 3 b^{2} = -4 + 3 \cdot 2^{2} = 8
    """
    (root,) = nodes_of(root, "to_latex_gradient")
    (wrt,) = nodes_of(wrt, "to_latex_gradient")
    (derivative,) = gradients(root, wrt, create_graph=True)
    forward = topological_order(root)
    labels = {label_of(node) for node in forward}
    y, x = [latex_name(label_of(node) or _free(usual, labels)) for node, usual in ((root, "y"), (wrt, "x"))]
    formulas = Formulas(
        topological_order(derivative), number_format, expand=expand, given=set(forward), variable=wrt, unlabelled=x,
        tidy=simplify,
    )  # fmt: skip
    left = rf"\frac{{\partial {y}}}{{\partial {x}}}"
    lines = [(left, formulas.expression(derivative), derivative.data), *formulas.definitions(derivative)]
    return Latex(_lines(lines, number_format))


def _free(usual: str, labels: set[str]) -> str:
    """A name for a node without a label that is no other node's: ∂y/∂x would be the derivative by that one."""
    return next(name for name in (usual, *[f"{usual}{k}" for k in range(len(labels))]) if name not in labels)


def _lines(lines: Sequence[tuple[str, Expression, float]], spec: str) -> str:
    if len(lines) > MOST_LINES:
        raise ValueError(f"the formula would have {len(lines):,} lines: label fewer Values, or look at a smaller part")
    rows = []
    for left, expression, value in lines:
        symbols, numbers = latex(expression, spec=spec), latex(expression, numbers=True, spec=spec)
        steps = dict.fromkeys([left, symbols, numbers, latex_number(value, spec)])  # once if two are the same
        rows.append(" = ".join([step for step in steps if step]))
    if len(rows) == 1:
        return rows[0]
    aligned = [row.replace(" = ", " &= ", 1) if " = " in row else f"&{row}" for row in rows]
    return "\\begin{aligned}\n" + " \\\\\n".join(aligned) + "\n\\end{aligned}"


class Latex(str):
    """A formula in LaTeX: a text, which a notebook typesets."""

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self}$"


class Formulas:
    """The expressions of a graph's nodes; some of them have a symbol and a line of their own."""

    def __init__(
        self,
        order: Sequence[Value],
        spec: str,
        *,
        expand: bool = False,  # write labelled nodes out that were computed
        whole: Value | None = None,  # the node that is written out although it has a label
        given: set[Value] | None = None,  # the nodes of the function; the rules of derivatives made all others
        variable: Value | None = None,  # the node with respect to which was differentiated, always a symbol
        unlabelled: str = "x",  # the symbol of the variable, if it has no label
        tidy: Callable[[Expression], Expression] = lambda expression: expression,
        name_of: Callable[[str], str] = latex_name,  # from a label to a symbol
    ) -> None:
        self.spec = spec
        self.given = given
        self.symbols: dict[Value, Symbol] = {}
        self.written: dict[Value, Expression] = {}
        uses, letter = Counter([parent for node in order for parent in node.parents]), free_letter(order)
        size: dict[Value, int] = {}
        depth: dict[Value, int] = {}
        for node in order:
            self.written[node] = tidy(self._write(node))
            size[node] = 1 + sum([size[parent] for parent in node.parents])
            depth[node] = 1 + max([depth[parent] for parent in node.parents], default=0)
            has_label = bool(label_of(node)) and not (expand and node.parents)
            is_large = depth[node] > DEEPEST or (uses[node] > 1 and size[node] > LARGEST_SHARED)
            if node is variable or (
                (node is not whole or not node.parents) and (has_label or (is_large and node.parents))
            ):
                name = unlabelled if node is variable else f"{letter}_{{{len(self.symbols)}}}"
                name = name_of(label_of(node)) if label_of(node) else name
                self.symbols[node] = Symbol(name, node.data)
                size[node] = depth[node] = 1

    def expression(self, node: Value) -> Expression:
        """The expression that computes a node; a leaf is itself."""
        return self.written[node] if node.parents else self._operand(node)

    def definitions(self, root: Value) -> list[tuple[str, Expression, float]]:
        """The lines for the symbols that were computed, and for a derivative only for those without a label."""
        return [
            (symbol.name, self.written[node], symbol.value)
            for node, symbol in reversed(self.symbols.items())
            if node.parents and node is not root and not (self.given is not None and label_of(node))
        ]

    def _operand(self, node: Value) -> Expression:
        return self.symbols.get(node) or self.written[node]

    def _write(self, node: Value) -> Expression:
        if not node.parents:
            return Number(node.data)
        if self.given is not None and node not in self.given and (resolved := self._resolved(node)) is not None:
            return resolved
        return _of_primitive(node.op, [self._operand(parent) for parent in node.parents])

    def _resolved(self, node: Value) -> Expression | None:
        """A node that a rule adds for accuracy, as it is at this point: |x| is x or -x, min(x, 1000) is x."""
        operands = [self._operand(parent) for parent in node.parents]
        if node.op not in _ARITHMETIC and all(isinstance(operand, Number) for operand in operands):
            return Number(node.data)
        first = node.parents[0]
        if node.op is ops.abs:
            return operands[0] if first.data >= 0.0 else power(operands[0], ONE, -1.0)
        if node.op in (ops.minimum, ops.maximum):
            return operands[0] if first.data == node.data else operands[1]
        return None


def _of_primitive(op: Op, operands: list[Expression]) -> Expression:
    """One primitive as an expression."""
    if op in _ARITHMETIC:
        found: Expression = _ARITHMETIC[op](*operands)
        return found
    if op is ops.sum_of_products:
        half = len(operands) // 2
        products = [_times(x, y) for x, y in zip(operands, operands[half : 2 * half])]
        return Sum(_terms(*products, *operands[2 * half :]))
    return Function(op.name, tuple(operands))


def _terms(*operands: Expression) -> tuple[tuple[Expression, float], ...]:
    return tuple([(ONE, term.value) if isinstance(term, Number) else (term, 1.0) for term in operands])


def _plus(x: Expression, *others: Expression) -> Expression:
    """A sum: one on the left needs no brackets, and the 0 that Python's ``sum`` starts from is left out."""
    if x == Number(0.0) and len(others) == 1:
        return others[0]
    return Sum((*(x.terms if isinstance(x, Sum) else _terms(x)), *_terms(*others)))


def _times(*factors: Expression) -> Expression:
    """A product as one writes it: a number goes first, x x is x²; but 2 · 3 stays."""
    numbers = [factor.value for factor in factors if isinstance(factor, Number)]
    if len(numbers) == len(factors):
        return Product(1.0, tuple([(factor, ONE) for factor in factors]))
    coefficient = math.prod(numbers)
    exponents: dict[Expression, float] = {}
    for factor in factors:
        if isinstance(factor, Number):
            continue
        inner: Sequence[tuple[Expression, Expression]] = [(factor, ONE)]
        if isinstance(factor, Product) and all(isinstance(exponent, Number) for _, exponent in factor.factors):
            coefficient *= factor.coefficient
            inner = factor.factors
        for base, exponent in inner:
            exponents[base] = exponents.get(base, 0.0) + (exponent.value if isinstance(exponent, Number) else 1.0)
    return Product(coefficient, tuple([(base, Number(exponent)) for base, exponent in exponents.items()]))


_ARITHMETIC: dict[Op, Callable[..., Any]] = {
    ops.add: _plus,
    ops.sub: lambda x, y: _plus(x, Number(-y.value) if isinstance(y, Number) else power(y, ONE, -1.0)),
    ops.neg: lambda x: power(x, ONE, -1.0),
    ops.mul: _times,
    ops.div: lambda x, y: Product(1.0, ((x, ONE), (y, Number(-1.0)))),
    ops.power: power,
    ops.constant_power: power,
    ops.square: lambda x: power(x, 2.0),
    ops.identity: lambda x: x,
    ops.detached: lambda x: x,
    ops.sum_of: _plus,
    ops.product_of: _times,
}


# ---- each local derivative with its numbers: ∂(b**3)/∂b = 3b² = 3·2² = 12 --------------------------------------------
# The formula is the row of the derivative table, applied to symbols instead of numbers.
LONGEST = 60  # letters of a formula; longer ones say less than their number
# What the rule of a primitive of one's own may raise that is written for floats, or whose numbers have no result.
_FAILURES = (ArithmeticError, AttributeError, AutogradError, LookupError, TypeError, ValueError)
# Numbers to look whether a formula stays the same: of both signs, of both orders, small and large.
PROBES = ((0.3, 0.7, 0.2), (-0.4, -0.1, -0.6), (0.9, -1.5), (-2.5, 3.5), (40.0, 20.0), (-30.0, -50.0))
MOST_OPERANDS = 400  # of a node, for each of which a row with all of them would have to be made


@dataclass(frozen=True)
class LocalDerivative:
    """The derivative of a node with respect to one of its operands, as a number and as a formula."""

    head: str  # the name of the node
    tail: str  # the name of the operand
    value: str  # the derivative, as it was recorded
    symbols: str = ""  # the formula, as text; empty if there is none to show
    numbers: str = ""  # the formula with the numbers put in
    latex: str = ""  # both in LaTeX
    # The formula with places for the numbers of the operands and, after them, of the node itself; empty if it cannot be
    # told which number goes where.
    template: str = ""

    @property
    def steps(self) -> str:
        """The formula, with its numbers, and the result: each once."""
        return " = ".join(dict.fromkeys([step for step in (self.symbols, self.numbers, self.value) if step]))

    def __str__(self) -> str:
        return f"{derivative_name(self.head, self.tail)} = {self.steps}"


def local_derivatives(node: Value, names: Names) -> list[LocalDerivative]:
    """The derivatives of a node with respect to its operands, one after the other.

    >>> b = Value(2.0, "b")
    >>> cube = b**3
    >>> print(local_derivatives(cube, Names(topological_order(cube)))[0])
    ∂(b**3)/∂b = 3b² = 3·2² = 12
    """
    rows = _rows(node, names, [parent._data for parent in node.parents], node._data)
    places = _places(node, names) if rows and _is_the_same_everywhere(rows, node, names) else {}
    found = []
    for i, (parent, partial) in enumerate(zip(node.parents, node.partials)):
        known = LocalDerivative(names.name[node], names.name[parent], number(partial, names.spec))
        formula = rows[i] if i < len(rows) else None
        found.append(known if formula is None else _written(known, formula, partial, names, places))
    return found


def _is_the_same_everywhere(rows: Sequence[Any], node: Value, names: Names) -> bool:
    """Whether the formulas would be the same for other numbers: those of a maximum depend on which number is larger."""
    shape = _shape(rows)
    for probe in PROBES:
        numbers = list(islice(cycle(probe), len(node.parents)))
        if _shape(_rows(node, names, numbers, node.op.value(*numbers))) != shape:
            return False
    return True


def _shape(rows: Sequence[Any]) -> list[Any]:
    """The formulas without the numbers of their symbols."""
    roots = [row for row in rows if isinstance(row, Value)]
    shapes: dict[Value, int] = {}
    known: dict[Hashable, int] = {}  # each formula by a number: nested tuples would grow without end
    for node in topological_order(*roots) if roots else ():
        leaf = node.label or node._data
        found = (node.op.name, *[shapes[parent] for parent in node.parents]) if node.parents else ("leaf", leaf)
        shapes[node] = known.setdefault(found, len(known))
    return [[*known], *[shapes[row] if isinstance(row, Value) else row for row in rows]]


def _places(node: Value, names: Names) -> dict[str, int]:
    """The number of each operand by the symbol that stands for it, and that of the node; none if symbols are alike."""
    found: dict[str, int] = {}
    nodes: dict[str, Value] = {}
    for i, operand in enumerate([*node.parents, *([node] if label_of(node) else [])]):
        if operand.op is ops.constant and not label_of(operand):
            continue  # written as a number, which never changes
        symbol = label_of(node) if operand is node else _atom(operand, names)
        if nodes.setdefault(symbol, operand) is not operand:
            return {}
        found.setdefault(symbol, i)
    return found


def _rows(node: Value, names: Names, numbers: Sequence[float], result: float) -> Sequence[Any]:
    """The row of the table applied to symbols, which are taken to have these numbers; nothing if no row can be."""
    if len(node.parents) > MOST_OPERANDS or not isinstance(node.op, ops.Op) or node.op in ops.COMPARISONS:
        return ()
    symbols: dict[Value, Any] = {}
    for parent, x in zip(node.parents, numbers):
        if parent.op is ops.constant and not label_of(parent):
            symbols[parent] = parent._data
        elif parent not in symbols:
            symbols[parent] = Value(x, _atom(parent, names))
    operands = [symbols[parent] for parent in node.parents]
    with recording():
        try:
            named = Value(result, label_of(node)) if label_of(node) else node.op(*operands)
            return node.op.partials(named, *operands)
        except _FAILURES:
            return ()


def _atom(node: Value, names: Names) -> str:
    return names.text[node].at(Level.ATOM)


def _written(
    known: LocalDerivative, formula: Any, partial: float, names: Names, places: dict[str, int]
) -> LocalDerivative:
    """The derivative with its formula; without, if that would not give the number that was recorded."""
    if not isinstance(formula, Value):
        return known  # a plain number says all
    if not (math.isclose(formula._data, partial, rel_tol=1e-9, abs_tol=1e-12) or formula._data == partial):
        return known
    expression = _expression(formula, names, str)
    symbols, numbers = (plain(expression, numbers=numbers, spec=names.spec) for numbers in (False, True))
    if len(symbols) > LONGEST:
        return known
    template = plain(expression, spec=names.spec, places=places) if places else ""
    expression = _expression(formula, names, latex_name)
    steps = [latex(expression, spec=names.spec), latex(expression, numbers=True, spec=names.spec)]
    text = " = ".join(dict.fromkeys([*steps, latex_number(partial, names.spec)]))
    return LocalDerivative(known.head, known.tail, known.value, symbols, numbers, text, template)


def _expression(formula: Value, names: Names, name_of: Callable[[str], str]) -> Expression:
    if not formula.parents and not formula.label:
        return Number(formula._data)
    order = topological_order(formula)
    given = {node for node in order if not node.parents}
    whole = formula if formula.parents else None
    return Formulas(order, names.spec, given=given, whole=whole, tidy=simplify, name_of=name_of).expression(formula)
