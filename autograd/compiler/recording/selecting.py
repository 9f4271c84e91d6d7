"""What a function selects by a condition: one of two numbers, and the largest or the smallest of some.

>>> from autograd import compile
>>> f = compile(lambda x, y: max(x, y) - (y if x > 0 else -y))
>>> [f(x, 2.0).data for x in (1.0, 3.0, -1.0)], f.recordings
([0.0, 1.0, 4.0], 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd import ops
from autograd.compiler.recording.choosing import chosen_node
from autograd.compiler.recording.exact import EXACT
from autograd.compiler.recording.traced import TracedBool, TracedFloat, TracedInt, node_of
from autograd.modes import current_modes
from autograd.ops import Traced
from autograd.value import Value


# ---- one of two ------------------------------------------------------------------------------------------------------
def _of_two_kinds(items: Sequence[Any]) -> bool:
    """Whether these are plain numbers, among them an int of the call and a float: the result is now one, now the other.

    An int of the program, such as the 0 of ``max(x, 0)``, is taken for a float: that it was none could be seen in a
    text only.
    """
    if any(isinstance(x, Value) for x in items) or not any(isinstance(x, Traced) and isinstance(x, int) for x in items):
        return False
    return len({bool if isinstance(x, bool) else int if isinstance(x, int) else float for x in items}) > 1


def _may_be_chosen(x: Any) -> bool:
    """Whether a selection has x itself as its result: an int that a float holds, and no bool."""
    if isinstance(x, bool):
        return False
    return isinstance(x, (Value, Traced, float)) or (isinstance(x, int) and abs(x) <= EXACT)


def choice(condition: Any, x: Any, y: Any) -> Any:
    """``x if condition else y``: of two numbers or Values a selection, of anything else a decision."""
    alike = _may_be_chosen(x) and _may_be_chosen(y) and not _of_two_kinds((x, y))
    if not alike or x is y:
        return x if condition else y
    chosen = condition.select(x, y)
    return chosen_node(chosen) if isinstance(chosen, Value) else chosen


# ---- the largest and the smallest ------------------------------------------------------------------------------------
def extreme(function: Any, *args: Any, **keywords: Any) -> Any:
    """``max(...)`` or ``min(...)``: of traced numbers and Values as selections, in the order in which Python compares.

    The first of equal numbers wins, and a nan only if it comes first.
    """
    if current_modes().recorder is None or (function is not max and function is not min):
        return function(*args, **keywords)
    items = list(args[0]) if len(args) == 1 else args
    key = keywords.pop("key", None)
    keys = items if key is None else list(map(key, items))  # once each, as Python does
    computed = any(isinstance(x, (Value, Traced)) for x in keys)
    chosen = all(map(_is_number if key is None else _may_be_chosen, items)) and not _of_two_kinds(items)
    if not computed or not chosen or not all(map(_is_number, keys)):
        if not keys:
            return function(items, **keywords)
        return items[function(range(len(keys)), key=keys.__getitem__)]
    if key is None and all(map(_is_detached, items)):
        return _largest(items) if function is max else _smallest(items)
    best, top = items[0], keys[0]
    for x, k in zip(items[1:], keys[1:]):
        operands = (top, k) if function is max else (k, top)
        taken = Value.apply(ops.less, list(map(node_of, operands)))
        best = _selected(taken, x, best)
        top = best if key is None else _selected(taken, k, top)
    return best


def _is_number(x: Any) -> bool:
    return isinstance(x, (Value, Traced, int, float))


def _selected(taken: Value, x: Any, best: Any) -> Any:
    if isinstance(best, Value) or isinstance(x, Value):
        return chosen_node(taken.select(node_of(x), node_of(best)))
    return TracedFloat(taken).select(x, best)


def _is_detached(x: Any) -> bool:
    """Whether no gradient can go through a number."""
    if isinstance(x, Value) or not isinstance(x, Traced):
        return not isinstance(x, Value)
    whole = isinstance(x, int)
    return whole or x.node.op is ops.detached


def _smallest(items: Sequence[Any]) -> Any:
    """Of ints and floats as floats: the int 0 has no other sign, which would be lost on the way."""
    found = _largest(
        [-node_of(x) for x in items] if len({isinstance(x, int) for x in items}) > 1 else [-x for x in items]
    )
    return -found


def _largest(items: Sequence[Any]) -> Any:
    kinds = [bool, int, float]
    kind = next(kind for kind in kinds if all(isinstance(x, kind) for x in items) or kind is float)
    node = Value.apply(ops.largest, list(map(node_of, items)))
    return {bool: TracedBool, int: TracedInt, float: TracedFloat}[kind](node)
