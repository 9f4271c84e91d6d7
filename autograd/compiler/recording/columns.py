"""An elementwise function of many rows of numbers, recorded once for all rows of a kind.

    for p, m in rows:                           20 parameters: 60 nodes
        m = 0.9 * m + p.grad
        p.data -= lr * m

    m1, …, m20 = F(m, g) of each row            F = 0.9 * m + g          40 nodes, in two classes
    p1, …, p20 = G(p, m1) of each row           G = p - lr * m1

So a node of this kind has an operation of its own, a ``Formula``, whose operands are those of its row.  The program has
no formulas: where a class is written, its formula writes the arrays that it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from operator import attrgetter
from typing import Any

from autograd import ops
from autograd.compiler.recording.traced import TracedFloat
from autograd.ops import Binary, Op, Unary
from autograd.value import Value, new_node

_FEW = 8  # fewer rows of a kind are recorded one by one
_PLAIN = (float, int, bool, str, type(None))
_data = attrgetter("_data")


class Formula(Op):
    """Several operations of the table as one.

    Args:
        steps: The row of the table for each of them, and its operands: a plain number, or in a tuple of one member the
            number of an operand of the formula or, counted on, of an earlier step.
    """

    def __init__(self, steps: Sequence[tuple[Op, Sequence[Any]]]) -> None:
        # A recording is differentiated class by class, where no formula is left.  Before that derivatives go to the
        # leaves of parameters only, whereas the operands here are plain numbers.
        super().__init__("formula", self, lambda result, *operands: (0.0,) * len(operands))
        self.steps = steps

    def __call__(self, *operands: Any) -> Any:
        """The operations themselves: of floats, of nodes, or of arrays of a program."""
        found = [*operands]
        for op, places in self.steps:
            given = [found[x[0]] if type(x) is tuple else x for x in places]
            found.append(ops.where(*given) if op is ops.select else op(*given))
        return found[-1]

    def column(self, operands: Sequence[Iterable[float]], count: int) -> list[float]:
        """The results for columns of ``count`` numbers: one operation after the other, each for all rows."""
        found: list[Any] = [*operands]
        for op, places in self.steps:
            given = [found[x[0]] if type(x) is tuple else repeat(x, count) for x in places]
            found.append(list(map(op.value, *given)))
        result: list[float] = found[-1]
        return result


def recorded_rows(recorder: Any, f: Callable[..., Any], rows: Iterable[Any], shared: Sequence[Any]) -> list[Any]:
    """``f(*row, *shared)`` for each row, recorded once for all rows of a kind.

    Two rows are of a kind if they have the same structure, traced numbers in the same places, and the same plain
    numbers in the others.
    """
    rows = list(rows)
    kinds: dict[Any, list[int]] = {}
    for k, kind in enumerate(map(_kind, rows)):
        kinds.setdefault(kind, []).append(k)
    results: list[Any] = [None] * len(rows)
    for members in kinds.values():
        given = [rows[k] for k in members]
        found = _Columns(recorder, given).results(f, shared) if len(members) >= _FEW else None
        for k, result in zip(members, [f(*row, *shared) for row in given] if found is None else found):
            results[k] = result
    return results


def _kind(x: Any) -> Any:
    """The structure that rows of one kind have in common."""
    if type(x) is TracedFloat:
        return None
    if type(x) is tuple:
        return tuple(map(_kind, x))
    return (type(x), repr(x)) if type(x) in _PLAIN else (type(x), id(x))


class _Columns:
    """Many rows of a kind, for which a function is called once."""

    def __init__(self, recorder: Any, rows: list[Any]) -> None:
        self.recorder, self.rows = recorder, rows
        # The function gets stand-ins for the numbers of a row.  What is computed from them is taken out of the
        # recording again; what each row has in their places is in the columns.
        self.columns: dict[Value, Iterable[Value]] = {
            new_node(column[0]._data, ops.leaf, (), ()): column for column in _columns_of(rows)
        }
        self.body: list[Value] = []

    def results(self, f: Callable[..., Any], shared: Sequence[Any]) -> list[Any] | None:
        """The result for each row; None if rows decide differently, or the function does more than compute."""
        recorder, (row, *_) = self.recorder, self.rows
        nodes, guards, dropped = len(recorder.nodes), len(recorder.guards), len(recorder.dropped)
        (given,) = _rows_of(row, iter([[node] for node in self.columns]), 1)
        result = f(*given, *shared)
        inside = set(self.columns)
        for node in islice(recorder.nodes, nodes, None):
            if not inside.isdisjoint(node.parents):
                inside.add(node)
                self.body.append(node)
        for node in self.body:
            del recorder.nodes[node]
        looked = [recorder.guards.pop(key) for key in [*islice(recorder.guards, guards, None)] if key[0] in inside]
        lost = [node for node in recorder.dropped[dropped:] if node in inside]
        recorder.dropped[dropped:] = [node for node in recorder.dropped[dropped:] if node not in inside]
        numbers = list(_flat(result))
        computed = all(type(x) is TracedFloat or type(x) in _PLAIN for x in numbers)
        decides = not all(guard.is_truth for guard in looked)
        if decides or not computed or not all(_is_arithmetic(node.op) for node in self.body):
            return None
        # Outputs are written in the order of their creation, so that one can be computed from earlier ones.
        nodes = len(recorder.nodes)
        wanted = {x.node for x in numbers if type(x) is TracedFloat}.union(lost, [guard.node for guard in looked])
        for node in self.body:
            if node in wanted:
                self.columns[node] = self._written(node)
        if not all((x._data != 0.0) == guard.found for guard in looked for x in self.columns[guard.node]):
            for node in [*islice(recorder.nodes, nodes, None)]:
                del recorder.nodes[node]
            return None
        for guard in looked:
            recorder.guards.update({(x, True): guard._replace(node=x) for x in self.columns[guard.node]})
        recorder.dropped += chain.from_iterable([self.columns[node] for node in lost])
        found = [self.columns.get(x.node, repeat(x.node)) for x in numbers if type(x) is TracedFloat]
        return _rows_of(result, iter(found), len(self.rows))

    def _written(self, output: Value) -> list[Value]:
        """One output for all rows: nodes that are computed from the columns and from what is the same for all rows."""
        steps: list[Value] = []
        needed = {output}
        for node in reversed(self.body):
            if node in needed and node not in self.columns:
                steps.append(node)
                needed.update(node.parents)
        steps.reverse()
        inside = set(steps)
        read = dict.fromkeys(chain.from_iterable([node.parents for node in steps]))
        operands = [node for node in read if node not in inside and node.op is not ops.constant]
        number = {node: k for k, node in enumerate([*operands, *steps])}
        formula = self.recorder.formula(
            [(node.op, [(number[x],) if x in number else x._data for x in node.parents]) for node in steps]
        )
        count = len(self.rows)
        columns = [self.columns.get(node, repeat(node, count)) for node in operands]
        data = formula.column([list(map(_data, column)) for column in columns], count)
        parents = zip(*[self.columns.get(node, repeat(node, count)) for node in operands])
        found = [new_node(number, formula, above, ()) for number, above in zip(data, parents)]
        self.recorder.nodes.update(dict.fromkeys(found))
        return found


def _flat(x: Any) -> Iterator[Any]:
    """The numbers in nested tuples."""
    if type(x) is tuple:
        for item in x:
            yield from _flat(item)
    else:
        yield x


def _columns_of(rows: Sequence[Any]) -> list[list[Value]]:
    """The nodes that all rows have in the place of a traced number, for each traced number of a row."""
    if type(rows[0]) is tuple:
        return [column for part in zip(*rows) for column in _columns_of(part)]
    return [[x.node for x in rows]] if type(rows[0]) is TracedFloat else []


def _rows_of(row: Any, columns: Iterator[Iterable[Value]], count: int) -> list[Any]:
    """``count`` rows of the structure of one, with the nodes of the next columns in the places of traced numbers."""
    if type(row) is tuple:
        parts = [_rows_of(item, columns, count) for item in row]
        return list(zip(*parts)) if parts else [()] * count
    return list(map(TracedFloat, islice(next(columns), count))) if type(row) is TracedFloat else [row] * count


def _is_arithmetic(op: Op) -> bool:
    """Whether it is a row of the table that a program has as a MAP."""
    return op is ops.select or (isinstance(op, (Unary, Binary)) and ops.TABLE.get(op.name) is op)
