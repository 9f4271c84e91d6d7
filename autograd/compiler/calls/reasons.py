"""Why a function was recorded again, and why its calls run without the compiler: for reports and warnings."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from autograd.compiler.calls.variants import Variant
from autograd.compiler.recording.arguments import form
from autograd.compiler.recording.record import advice, first_difference
from autograd.compiler.recording.written import PLAIN


class Entry(NamedTuple):
    """One recording of a function.

    Attributes:
        number: The number of the recording, from 1.
        cause: The reason why it was made.
        variant: The variant made from it.
        seconds: The CPU time of recording.
    """

    number: int
    cause: str
    variant: Variant
    seconds: float


def cause_of(new: Variant, kept: Sequence[Variant], entries: deque[Entry], args: Sequence[Any]) -> str:
    """Why a function was recorded once more."""
    if not entries:
        return "the first call"
    if not kept:
        known = _changed(entries[-1].variant)
        if known:
            return known
        return f"arguments of a different structure: {', '.join(map(form, args))}"
    changed = _changed(kept[0])
    if changed:
        return changed
    guard = first_difference(kept[0].recording, new.recording)
    return "numbers were rounded differently" if guard is None else f"{guard.place or 'a number'} decided differently"


def _changed(variant: Variant) -> str:
    """What is not as it was when a recording was made, in words; empty if nothing has changed."""
    name = variant.outside.changed()
    if not name:
        return ""
    for _, _, place, seen, now in variant.outside.differences() or ():
        if type(seen) in PLAIN and type(now) in PLAIN:
            return f"{place} holds {now!r} now instead of {seen!r}"
    return f"{name} is a different object now"


def reason(recordings: Any, structure: Any) -> str:
    """Why the ``Recordings`` of a function are hardly ever used again, as a text for the warning."""
    kept = recordings.variants.get(structure, [])
    outside = kept[0].outside.changed() if kept else recordings.changes
    if recordings.never:
        return str(recordings.never)
    if recordings.has_effects and recordings.changes:
        return str(recordings.changes)
    if outside:
        return (
            "reads something from outside that is a different object each time: pass it as an argument, or make a "
            f"number a Value, which is read at each call ({outside})"
        )
    if len(kept) > 1:
        return advice(first_difference(kept[1].recording, kept[0].recording))
    return "gets arguments of a different structure (lengths, keys, ints or floats) at nearly every call"
