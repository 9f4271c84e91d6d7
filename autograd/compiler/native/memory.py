"""Memory for native code: numpy arrays of doubles that begin on a cache line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autograd.compiler.arrays import Array
from autograd.compiler.native.layout import Layout, Place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

__all__ = ["allocate", "constants", "rows", "write"]


def numpy() -> Any:
    """Numpy.

    Raises:
        ImportError: it is not installed; the message names the extra.
    """
    try:
        import numpy
    except ImportError as error:
        raise ImportError('native code needs numpy: pip install "scalar-autograd[compile]"') from error
    return numpy


def allocate(*shape: int) -> Doubles:
    """Zeros, the first of them at a multiple of 64 bytes."""
    size = 1
    for extent in shape:
        size *= extent
    raw = numpy().zeros(size + 8)
    first = -raw.ctypes.data % 64 // 8
    aligned: Doubles = raw[first : first + size].reshape(shape)
    return aligned


def rows(memory: Doubles, place: Place, *, padded: bool = False) -> Doubles:
    """A live view of an array inside a frame (or inside each batch): [..., rows] or [..., rows, lanes]."""
    flat = memory[..., place.offset : place.offset + place.rows * place.stride]
    if place.lanes == 1:
        return flat
    block = flat.reshape(*memory.shape[:-1], place.rows, place.stride)
    return block if padded else block[..., : place.lanes]


def write(memory: Doubles, place: Place, values: Any) -> None:
    """Fill an array.  The padding gets the first lane's numbers, so that whatever is computed there is as harmless."""
    view = rows(memory, place, padded=True)
    if place.lanes == 1:
        view[...] = values
        return
    view[..., : place.lanes] = values
    view[..., place.lanes :] = view[..., :1]


def constants(arrays: list[Array], layout: Layout) -> Doubles:
    """The constant arrays that are kept in memory."""
    memory = allocate(layout.constant_size + 8)
    for number, place in layout.places.items():
        if arrays[number].kind == "constant":
            write(memory, place, arrays[number].payload)
    return memory
