"""Choices at run time in Python: members of a list that numbers choose, or send something to.

rows of a table      x = gathered(w, tokens, range(16), 16, 27)
the adjoint          d_w = scattered(d_x, tokens, range(16), 16, 27, 432)
"""

from __future__ import annotations

from autograd.compiler.program.classes import Kind, Read, choice_of
from autograd.compiler.program.indices import loops
from autograd.compiler.python.lines import Lines
from autograd.compiler.python.walks import range_text

__all__ = ["choice_text"]


def choice_text(lines: Lines, number: int) -> str:
    """The right-hand side of a GATHER or a SCATTER: a number, or a list of numbers."""
    array, choice = lines.arrays[number], choice_of(lines.arrays[number])
    other = array.operands[1]
    assert isinstance(other, Read)
    size, scatter = len(choice.chosen.index), array.kind is Kind.SCATTER
    target = number if scatter else other.array
    batched = max(map(lines.scale, (number, choice.chosen.array, other.array))) > 1
    first = choice.places.places[:size]
    step = (choice.places.places[size] - first[0]) * lines.scale(target)
    places = list(lines.spread(target, first, batched))
    dims = loops(places) if len(places) > 1 else ((1, 1),)
    if dims is not None and len(dims) == 1 and dims[0][1]:
        where = range_text(places[0], places[0] + dims[0][0] * dims[0][1], dims[0][1])
    else:
        where = lines.table(places)
    chosen = _column(lines, choice.chosen, batched)
    source = _column(lines, other, batched) if scatter else lines.variable(target)
    function = "scattered" if scatter else "gathered"
    length = [str(lines.length(number))] if scatter else []
    text = f"{function}({', '.join([source, chosen, where, str(step), str(choice.count), *length])})"
    return text if lines.length(number) > 1 else f"{text}[0]"


def _column(lines: Lines, read: Read, batched: bool) -> str:
    """What is read at each place, as a list."""
    places = lines.spread(read.array, read.index, batched)
    walk = lines.walk(read.array, places)
    if walk.is_uniform:
        return f"[{walk.element()}]" + (f" * {len(places)}" if len(places) > 1 else "")
    return lines.column(str(walk), f"{walk.name}_taken")
