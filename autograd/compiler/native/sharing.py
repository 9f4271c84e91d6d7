"""Arrays that take over the memory of others: less memory stays in the caches, and a weight update needs no copy."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from autograd.compiler.arrays import Array

__all__ = ["Life", "reuse", "taken_over"]

Row = tuple[int, int]  # (array, row)


class Life(NamedTuple):
    """When an array is in use.

    Attributes:
        written: the stage that computes it; -1 if it comes from outside.
        last: the last stage that reads it; -1 if none does.
        own_row: whether that stage reads at each row it computes this very row only.
    """

    written: int
    last: int
    own_row: bool

    def read(self, stage: int, own_row: bool) -> Life:
        """The life after one more read, by this or a later stage."""
        return Life(self.written, stage, own_row and (self.own_row or stage > self.last))

    def ends_before(self, stage: int, by_map: bool) -> bool:
        """Whether a stage may write over the array, row by row if it writes by a map."""
        end = max(self.written, self.last)
        return end < stage or (end == stage == self.last > self.written and by_map and self.own_row)


def taken_over(
    arrays: Sequence[Array],
    moves: Sequence[tuple[Row, Row]],
    lives: Mapping[int, Life],
    maps: Collection[int],
    returned: Collection[int],
) -> dict[int, int]:
    """Arrays that are computed in the memory of those that they replace, because all rows move in order.

    Args:
        arrays: those of the program.
        moves: (new row, the row it replaces).
        lives: of the arrays that are kept.
        maps: arrays that a map computes.
        returned: arrays that are outputs: the old ones among them must stay.
    """
    replaces: dict[int, list[tuple[int, int, int]]] = {}
    for (new, new_row), (old, old_row) in moves:
        replaces.setdefault(new, []).append((new_row, old, old_row))
    found: dict[int, int] = {}
    for new, rows in replaces.items():
        old = rows[0][1]
        alike = new in maps and arrays[new][:2] == arrays[old][:2]
        free = old not in returned and old not in found.values() and lives[old].ends_before(lives[new].written, True)
        if alike and free and sorted(rows) == [(row, old, row) for row in range(arrays[new].rows)]:
            found[new] = old
    return found


def reuse(
    arrays: Sequence[Array], computed: Collection[int], lives: Mapping[int, Life], maps: Collection[int]
) -> dict[int, int]:
    """Computed arrays in the memory of others of the same shape that are not needed any more."""
    owner: dict[int, int] = {}
    current: dict[tuple[int, int], list[int]] = {}  # by shape: the last array in each piece of memory
    for new in sorted(computed, key=lambda array: lives[array].written):
        if arrays[new].rows == arrays[new].lanes == 1:
            continue  # single numbers are not worth it
        last = current.setdefault(arrays[new][:2], [])
        for k, old in enumerate(last):
            if lives[old].ends_before(lives[new].written, new in maps):
                owner[new] = owner.get(old, old)
                last[k] = new
                break
        else:
            last.append(new)
    return owner
