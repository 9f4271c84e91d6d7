"""Where the arrays lie: one frame of doubles per evaluation, with the arguments of a batch in front.

    | arguments | parameters | computed arrays that are kept |          | constants |

Rows of lanes are padded to whole vectors; what stands in the padding is never summed. Arrays begin on a cache line, but
single uniform rows are packed: programs of one point have thousands. Code finds arguments relative to ``%x`` and all
else relative to ``%f``, so that a training loop reads its batches where they are; the constants, the same for all
frames, have memory of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from autograd.compiler.arrays import Array

__all__ = ["CONSTANTS", "Layout", "Place"]

CONSTANTS = "@constants"  # stands for the address of the constants until that is known
_LINE = 8  # doubles in a cache line


class Place(NamedTuple):
    """Row r of an array begins ``offset + r * stride`` doubles behind ``base``."""

    base: str
    offset: int
    stride: int
    rows: int
    lanes: int

    @property
    def lane_step(self) -> int:
        """From lane to lane: 0 if the row is one number for all lanes."""
        return 1 if self.lanes > 1 else 0

    def row(self, number: int) -> int:
        """The offset of a row."""
        return self.offset + number * self.stride


class Layout:
    """Places for the arrays that are kept in memory.

    Args:
        arrays: those of the program.
        kept: which of them need memory.
        batch: the arguments that come from the buffer of the batches.
        shared: computed array -> the array whose memory it takes over.
        width: doubles in a vector.
    """

    def __init__(
        self, arrays: list[Array], kept: Collection[int], batch: Collection[int], shared: Mapping[int, int], width: int
    ) -> None:
        self.width = width
        self.places: dict[int, Place] = {}
        self._arrays = arrays
        self.batch_size = self._allocate([k for k in kept if k in batch], "%x", 0)
        constants = [k for k in kept if arrays[k].kind == "constant"]
        self.constant_size = self._allocate(constants, CONSTANTS, 0)
        frame = [k for k in kept if k not in self.places and k not in shared]
        self.size = self._allocate(frame, "%f", self.batch_size)
        for number, owner in shared.items():
            self.places[number] = self.places[owner]

    def _allocate(self, numbers: Collection[int], base: str, offset: int) -> int:
        """Give each array its place, single uniform rows last; returns the offset of the line behind them."""
        single = {k: self._arrays[k].rows == self._arrays[k].lanes == 1 for k in numbers}
        for number in sorted(numbers, key=lambda k: (single[k], k)):
            array = self._arrays[number]
            stride = 1 if array.lanes == 1 else self.padded(array.lanes)
            if not single[number]:
                offset = _next_line(offset)
            self.places[number] = Place(base, offset, stride, array.rows, array.lanes)
            # A vector that begins in the last row of a uniform array may reach a line beyond it.
            offset += 1 if single[number] else array.rows * stride + (_LINE if array.lanes == 1 else 0)
        return _next_line(offset)

    def padded(self, lanes: int) -> int:
        """Lanes rounded up to whole vectors."""
        return -(-lanes // self.width) * self.width


def _next_line(offset: int) -> int:
    return -(-offset // _LINE) * _LINE
