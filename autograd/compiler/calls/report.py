"""What a compiled function has done so far, as a text: ``print(compiled.report())``.

>>> from autograd import compile
>>> f = compile(lambda x, n: sum(x for _ in range(n)), backend="python")
>>> for n in (2, 2, 3, 2):
...     y = f(1.0, n)
>>> print(f.report())  # doctest: +ELLIPSIS
<lambda>: 2 recordings for 4 calls; 2 calls reused a recording, 0 ran without the compiler
 1. the first call
    2 nodes, 1 guard (...); ... s to record, ... s to compile (CPU)
 2. ... decided differently
    3 nodes, 1 guard (...); ... s to record, ... s to compile (CPU)
"""

from __future__ import annotations

from collections.abc import Sequence

from autograd import ops
from autograd.compiler.calls.recordings import Recordings
from autograd.compiler.calls.variants import Variant

__all__ = ["heading", "report", "shortened"]

_MOST_SHOWN = 200  # lines of a program that are printed
_MOST_LINES = 4  # guards of each recording that are listed


def heading(kept: Sequence[Variant]) -> str:
    """A line above the text of one recording, which says that there are others."""
    return f"# the last used of {len(kept)} recordings; report() lists all\n" if len(kept) > 1 else ""


def shortened(text: str) -> str:
    """The first lines of a long text, because a notebook would show thousands of lines.

    >>> shortened("line\\n" * 3000).splitlines()[-1]
    '… 2,800 more lines: str(f.program) has one for each operation of the program, f.source() is Python'
    """
    lines = text.splitlines()
    if len(lines) <= 3 * _MOST_SHOWN // 2:
        return text
    more = f"… {len(lines) - _MOST_SHOWN:,} more lines: str(f.program) has one for each operation of the program"
    return "\n".join([*lines[:_MOST_SHOWN], f"{more}, f.source() is Python"])


def report(compiled: Recordings) -> str:
    """The text: recordings and why each was made, calls, guards, sizes and times."""
    if compiled.objects.known and not compiled.budget.calls:
        return "\n".join(map(report, compiled.objects.known.values()))
    budget, count = compiled.budget, compiled.recordings - compiled.refused
    name = getattr(compiled.f, "__name__", "the function")
    if compiled.bound and not budget.calls:
        return (
            f"{name} is compiled separately for each object; for the report of one object, write\n    "
            f"print(thing.{name}.report())"
        )
    lines = [
        f"{name}: {_counted(count, 'recording')} for {_counted(budget.calls, 'call')}; "
        f"{_counted(budget.hits, 'call')} reused a recording, {budget.misses - count} ran without the compiler"
    ]
    for entry in compiled.entries:
        recording = entry.variant.recording
        lines.append(f"{entry.number:>2}. {entry.cause}")
        guards = recording.guards
        places = list(dict.fromkeys(filter(None, [guard.place for guard in guards])))
        shown = "; ".join(places[:_MOST_LINES]) + ("; …" if len(places) > _MOST_LINES else "")
        found = _counted(len(guards), "guard") + (f" ({shown})" if shown else "")
        nodes = _counted(len(recording.nodes), "node")
        if lookups := len({node.parents[0] for node in recording.nodes if node.op is ops.take}):
            nodes += f", {_counted(lookups, 'lookup')} by a number of the call"
        times = f"{entry.seconds:.2f} s to record, {entry.variant.seconds:.2f} s to compile (CPU)"
        lines.append(f"    {nodes}, {found}; {times}")
    if waiting := budget.structures_waiting:
        other = "1 other structure of the arguments runs" if waiting == 1 else f"{waiting} other structures run"
        lines.append(f"{other} without the compiler until these calls have taken as long as compiling would")
    if compiled.never:
        lines.append(f"Recordings cannot be reused: {name} {compiled.never}")
    elif compiled.refused:
        reason = compiled.changes or "does what a program cannot repeat"
        lines.append(f"{_counted(compiled.refused, 'recording')} could not be used: {name} {reason}")
    return "\n".join(lines)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
