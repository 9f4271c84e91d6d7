"""How a list is read: the loops of an index map as slices, repetitions and comprehensions, or a table of places.

>>> str(Walk("a", 6, 0, ((3, 2),))), str(Walk("a", 6, 0, ((6, 1),))), str(Walk("a", 6, 4, ()))
('a[0:6:2]', 'a', 'a[4]')
>>> str(Walk("a", 3, 0, ((2, 0), (3, 1)))), str(Walk("a", 3, 0, ((3, 1), (2, 0))))
('a * 2', '[x for x in a for _ in range(2)]')
>>> str(Walk("a", 99, 1, ((2, 30), (3, 2))))
'[x for i in range(1, 61, 30) for x in a[i:i + 6:2]]'
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from autograd.compiler.program.indices import loops

Loops = tuple[tuple[int, int], ...]  # (turns, step), from the outside in


class Walk(NamedTuple):
    """A way through a list: from its member ``start``, in nested loops; or the members of a table."""

    name: str  # the name of the list
    size: int  # the length of the list; 0 stands for a plain number
    start: int  # the first member that is read
    loops: Loops  # the turns and the step of each loop, from the outside in
    table: str = ""  # the name of a tuple with the members to read, in the place of loops; empty if there is none

    @property
    def is_uniform(self) -> bool:
        """Whether the walk stays at one member."""
        return not self.table and (not self.size or not any(step for _, step in self.loops))

    def element(self) -> str:
        """The first member."""
        return f"{self.name}[{self.start}]" if self.size else self.name

    def __str__(self) -> str:
        """An expression for the members in order; without a loop it is the member itself."""
        if self.table:
            return f"take({self.name}, {self.table})"
        if not self.loops:
            return self.element()
        (turns, step), *rest = self.loops
        if not rest:
            return slice_of(self, "", turns, step) if step and self.size else f"[{self.element()}] * {turns}"
        if step == 0:
            return f"{self._replace(loops=tuple(rest))} * {turns}"
        return self._comprehension()

    def _comprehension(self) -> str:
        """Nested loops, the outer of which moves, as a comprehension."""
        clauses: list[str] = []
        offsets: list[str] = []
        free = letters({self.name})
        element = "x" if self.name != "x" else "x_i"  # [x for i in range(9) for x in x[i:]] would not find its list
        moving = [k for k, (_, step) in enumerate(self.loops) if step]
        start = self.start
        for k, (turns, step) in enumerate(self.loops):
            if k == moving[-1]:
                part = slice_of(self._replace(start=start), " + ".join(offsets), turns, step)
                clauses.append(f"for {element} in {part}")
            elif step:
                letter = next(free)
                clauses.append(f"for {letter} in {range_text(start, start + turns * step, step)}")
                offsets.append(letter)
                start = 0
            else:
                clauses.append(f"for _ in range({turns})")
        return f"[{element} {' '.join(clauses)}]"


def letters(taken: Collection[str], first: str = "ijklmn") -> Iterator[str]:
    """Names for variables that count turns, without names that are taken.

    >>> [letter for letter, _ in zip(letters({"j"}), range(7))]
    ['i', 'k', 'l', 'm', 'n', 'i2', 'j2']
    """
    more = (f"{letter}{number}" for number in itertools.count(2) for letter in first)
    return (letter for letter in itertools.chain(first, more) if letter not in taken)


def slice_of(walk: Walk, offset: str, turns: int, step: int) -> str:
    """A slice of ``turns`` members; the offset, an expression, is added to the start of the walk.

    >>> slice_of(Walk("a", 99, 4, ()), "i", 3, -2)  # a[i + 4:i - 2:-2] would be empty where i is 0
    'a[i:i + 6:2][::-1]'
    """
    by = f":{abs(step)}]" if abs(step) != 1 else "]"
    first, last = walk.start, walk.start + turns * step
    if offset and step < 0:
        return f"{walk.name}[{_shifted(offset, last - step)}:{_shifted(offset, first - step)}{by}[::-1]"
    if offset:
        return f"{walk.name}[{_shifted(offset, first)}:{_shifted(offset, last)}{by}"
    if (first, last, step) == (0, walk.size, 1):
        return walk.name
    return f"{walk.name}[{first}:{last if last >= 0 else ''}" + (f":{step}]" if step != 1 else "]")


def _shifted(offset: str, distance: int) -> str:
    if not distance:
        return offset
    return f"{offset} + {distance}" if distance > 0 else f"{offset} - {-distance}"


def range_text(start: int, end: int, step: int) -> str:
    """A range, without what need not be said."""
    if step == 1:
        return f"range({start}, {end})" if start else f"range({end})"
    return f"range({start}, {end}, {step})"


def walk_of(name: str, size: int, places: Sequence[int]) -> Walk | None:
    """Loops that visit these members; None if none do."""
    dims = loops(places)
    return None if dims is None else Walk(name, size, places[0], tuple([loop for loop in dims if loop[0] > 1]))


def refined(walk: Walk, turns: Sequence[int]) -> list[int] | None:
    """The steps of a walk in loops of these turns; None if the walk has other loops.

    >>> refined(Walk("a", 12, 0, ((12, 1),)), [3, 4]), refined(Walk("a", 3, 0, ((3, 1), (4, 0))), [3, 4])
    ([4, 1], [1, 0])
    """
    if walk.table:
        return None
    steps: list[int] = []
    rest = list(walk.loops)
    for count in reversed(turns):
        if not rest:
            return None
        have, step = rest.pop()
        if have % count:
            return None
        steps.append(step)
        if have > count:
            rest.append((have // count, step * count))
    return steps[::-1] if not rest else None
