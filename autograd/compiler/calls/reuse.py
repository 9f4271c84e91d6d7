"""Reuse of compiled programs between recordings of the same structure, such as those of a second model or ``fit``.

Two recordings have the same structure if they contain the same operations in the same order, with the same pattern of
leaves, the same constants, decisions and names.  Their programs, memory plans and machine code are then the same, too.
So the second recording costs only the recording itself and a look-up of its structure.

>>> from autograd import Value
>>> from autograd.compiler.recording.record import record
>>> x, y = Value(1.0), Value(2.0)
>>> one, other = [structure_of(record(lambda t, w=w: (w * t).tanh() * 3.0, [0.5])) for w in (x, y)]
>>> one == other, one == structure_of(record(lambda t: (x * t).tanh() * 4.0, [0.5]))
(True, False)
"""

from __future__ import annotations

import sys
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable
from hashlib import sha256
from itertools import chain, count, filterfalse
from operator import attrgetter
from threading import Lock
from typing import Any, TypeVar

from autograd import ops
from autograd.compiler.recording.columns import Formula
from autograd.compiler.recording.effects import GRADIENT, UPDATED
from autograd.compiler.recording.record import Recording
from autograd.compiler.recording.recorder import graph_of
from autograd.locks import renew_in_child
from autograd.ops import Binary, Op, Unary
from autograd.primitive import Primitive

MOST = 64  # results that are kept; the least recently used goes first
LARGE = 1_000  # with so many operands, finding the classes takes longer than reading a file
MOST_NODES = 1_000_000  # nodes in all recordings whose results are kept

T = TypeVar("T")
_EFFECTS = (GRADIENT, UPDATED)
_data, _label = attrgetter("_data"), attrgetter("label")


def structure_of(recording: Recording) -> bytes | None:
    """A digest of all that a program depends on, except the numbers in the leaves; None if no digest can tell.

    No digest can tell if the recording uses a primitive of the user's own, whose function may change later.
    """
    graph = graph_of(recording.nodes)
    used = dict.fromkeys(graph.ops)
    if not all(
        (ops.TABLE.get(op.name) is op and not isinstance(op, Primitive)) or op in _EFFECTS or isinstance(op, Formula)
        for op in used
    ):
        return None
    # Every node has a number: first the computed nodes, then leaves and constants in the order of their first use.
    guards, leaves = recording.guards, [recording.arguments, recording.parameters, recording.numbers]
    results = [recording.outputs, *recording.effects.outputs, [guard.node for guard in guards]]
    more = graph.more(chain.from_iterable([*leaves, *results]))
    given = set(chain.from_iterable(leaves))
    constants = list(filterfalse(given.__contains__, chain(graph.others, more)))
    codes = dict(zip(used, count()))
    lists = [*leaves, *results]
    # The operation of a node says how many operands it has, unless some operation takes any number of operands.
    fixed = all(isinstance(op, (Unary, Binary)) for op in used)
    columns = [
        list(map(codes.__getitem__, graph.ops)),
        [] if fixed else graph.starts,
        graph.operands,
        graph.numbers_of(chain.from_iterable(lists), more),
        [guard.is_truth for guard in guards],
    ]
    digest = sha256(repr([[_name(op) for op in used], list(map(len, lists))]).encode())
    for column in columns:
        numbers = array("i", column)
        digest.update(array("q", [len(numbers)]).tobytes() + numbers.tobytes())
    digest.update(array("d", chain(map(_data, constants), [guard.found for guard in guards])).tobytes())
    digest.update("\0".join(map(_label, chain(graph.number, more))).encode(errors="surrogatepass"))
    return digest.digest()


def _name(op: Op) -> str:
    return repr(op.steps) if isinstance(op, Formula) else op.name


_known: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
_lock = Lock()
renew_in_child(sys.modules[__name__], "_lock", Lock)


def reused(what: str, recording: Recording, options: Hashable, make: Callable[[str], T]) -> T:
    """The result that was made earlier for a recording of the same structure, or else a new result.

    Args:
        what: The kind of result.
        recording: The recording to make the result from.
        options: Everything else that the result depends on; its ``repr`` must tell it apart in other processes, too.
        make: A function that makes the result, which must not refer to the recording's nodes.  It gets a name for it,
            by which the disk may keep it; an empty one if nobody may keep it.
    """
    structure = structure_of(recording)
    if structure is None:
        return make("")
    key = (what, structure, options)
    with _lock:
        if key in _known:
            _known.move_to_end(key)
        found: Any = _known.get(key)
    if found is not None:
        made: T = found[0]
        return made
    large = len(graph_of(recording.nodes).operands) >= LARGE
    result = make(sha256(repr(key).encode()).hexdigest()[:32] if large else "")
    with _lock:
        _known[key] = result, len(recording.nodes)
        while len(_known) > MOST or (len(_known) > 1 and sum([size for _, size in _known.values()]) > MOST_NODES):
            _known.popitem(last=False)
    return result
