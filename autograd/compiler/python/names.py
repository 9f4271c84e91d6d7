"""What the arrays of a program are called in Python: w2, b2, z2, a2, d_z2, or letters with numbers."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterable, Sequence

from autograd import ieee
from autograd.compiler.program.classes import Kind, Program, Read
from autograd.compiler.python import runtime
from autograd.labels import identifier, stem

__all__ = ["FUNCTIONS", "Names"]

FUNCTIONS = {name: f for name, f in vars(ieee).items() if getattr(f, "__module__", "") in ("math", ieee.__name__)}
_RESERVED = {
    *keyword.kwlist,
    *dir(builtins),
    *FUNCTIONS,
    *runtime.__all__,
    *("inf", "nan", "mul", "arguments", "parameters", "results", "take"),
}
_LETTERS = {Kind.ARGUMENT: "x", Kind.PARAMETER: "p", Kind.CONSTANT: "c"}


class Names:
    """Names that nothing else has.

    Args:
        program: whose arrays get names.
        nameless: arrays that need none.
    """

    def __init__(self, program: Program, nameless: set[int]) -> None:
        self.taken = set(_RESERVED)
        self.of: dict[int, str] = {}
        self._counts: dict[str, int] = {}
        first = program.outputs[0] if program.outputs else None
        result = first.array if isinstance(first, Read) and program.arrays[first.array].size == 1 else -1
        for number, array in enumerate(program.arrays):
            if number in nameless:
                continue
            primal = self.of.get(program.adjoints.get(number, -1))
            name = from_labels(program.labels.get(number, ()))
            if not name and (primal or number == result):
                name = f"d_{primal}" if primal else "value"
            self.of[number] = self.new(name) if name else self.numbered(_LETTERS.get(array.kind, "t"))

    def new(self, name: str) -> str:
        """The name itself, or with a number that makes it a new one."""
        number, candidate = 1, name
        while candidate in self.taken:
            number += 1
            candidate = f"{name}_{number}"
        self.taken.add(candidate)
        return candidate

    def numbered(self, letter: str) -> str:
        """The next of t1, t2, …"""
        count = self._counts[letter] = self._counts.get(letter, 0) + 1
        name = f"{letter}{count}"
        return self.new(name) if name not in self.taken else self.numbered(letter)

    def element(self, name: str, used: Iterable[str]) -> str:
        """The name of a member in a loop over a list: that of the list, without its number."""
        short = name.rstrip("0123456789_") or name
        others = {*self.taken, *used}
        number, candidate = 1, short
        while candidate in others:
            number += 1
            candidate = f"{short}_{'ijklmn'[number - 2] if number < 8 else number}"
        return candidate


def from_labels(labels: Sequence[str]) -> str:
    """A name for members with these labels; empty if they have none in common."""
    if not labels or not all(labels):
        return ""
    if len(set(labels)) == 1:
        return identifier(labels[0])
    stems = set(map(stem, labels))
    return identifier(stems.pop()) if len(stems) == 1 else ""
