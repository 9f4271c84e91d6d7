"""What a notebook shows of a single Value."""

from __future__ import annotations

from autograd import cells
from autograd.graph import topological_order
from autograd.labels import label_of
from autograd.value import Value
from autograd.viz.text.notation import Names, expression, gradient, shorten
from autograd.writer import Text

MOST_NAMED = 5_000  # nodes of a graph, up to which each is given its name
LONGEST = 80  # letters of an expression


def summary_html(value: Value) -> str:
    """The label, the expression, the data and the gradient of a Value, as a table.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> print(summary_html(a * b).replace("<tr>", "\\n<tr>"))
    <table><thead>
    <tr><th>label</th><th>expression</th><th>data</th><th>gradient</th></tr></thead><tbody>
    <tr><td></td><td>a*b</td><td>-8.0</td><td>not computed</td></tr></tbody></table>
    """
    written = shorten(_expression(value), LONGEST) if value.parents else value.op.name
    row = [shorten(label_of(value)), written, repr(value._data), gradient(value.grad, ".17g")]
    return cells.table(["label", "expression", "data", "gradient"], [row])


def _expression(value: Value) -> str:
    order = topological_order(value)
    if len(order) <= MOST_NAMED:
        names = Names(order)
        operands = [names.text[parent] for parent in value.parents]
    else:
        operands = [Text(shorten(label_of(parent)) or "…") for parent in value.parents[:4]]
    return expression(value, operands).text
