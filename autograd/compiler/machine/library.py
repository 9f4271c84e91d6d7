"""The kernels that this process has, by what they do: compiled when first asked for, then shared by all programs."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Hashable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

from autograd.compiler.machine.native.code import Functions
from autograd.compiler.machine.native.jit import NativeModule, declared, join
from autograd.compiler.machine.native.translate import translated
from autograd.compiler.machine.native.vector_math import VectorMath, is_known
from autograd.compiler.machine.store import Batch, name_of, store
from autograd.locks import renew_in_child


class Kernel(Hashable, Protocol):
    """What a function does; kernels that do the same are equal, and their ``repr`` is the same in every process."""

    @property
    def lanes(self) -> int:
        """Of its vectors."""

    def text(self, name: str, functions: Functions) -> str:
        """The function, as LLVM IR."""


class Written(NamedTuple):
    """A kernel that is written out in a few words of Python, see ``native.translate``."""

    python: str  # the text of the function, and of others that it calls
    # Names in it that stand for numbers: the places of CPython's fields, say.
    words: tuple[tuple[str, int | float], ...] = ()
    lanes: int = 1  # always one number at a time

    def text(self, name: str, functions: Functions) -> str:
        """The functions, as LLVM IR."""
        return translated(self.python, name, dict(self.words), functions)


_known: dict[Kernel, int] = {}
_modules: list[NativeModule] = []
_lock = threading.Lock()
renew_in_child(sys.modules[__name__], "_lock", threading.Lock)


def addresses(kernels: Iterable[Kernel]) -> list[int]:
    """Where the machine code of some kernels is."""
    wanted = list(kernels)
    with _lock:
        missing = [kernel for kernel in dict.fromkeys(wanted) if kernel not in _known]
        if missing:
            _load(missing)
    return [_known[kernel] for kernel in wanted]


def _load(kernels: list[Kernel]) -> None:
    """Take kernels from the disk, compile the others, and keep these there."""
    disk = store()
    names = {name_of(kernel): kernel for kernel in kernels} if disk else {}
    if disk:
        for batch in disk.batches(names):
            if all(map(is_known, batch.symbols)):
                _take(NativeModule(code=batch.code), [names.get(name) for name in batch.kernels])
    missing = [kernel for kernel in kernels if kernel not in _known]
    if not missing:
        return
    functions = {lanes: VectorMath(lanes) for lanes in {kernel.lanes for kernel in missing}}
    texts = [kernel.text(f"kernel{k}", functions[kernel.lanes]) for k, kernel in enumerate(missing)]
    text = join(*[f.text() for f in functions.values()], *texts)
    made: list[bytes] = []
    _take(NativeModule(text, compiled=made.append), missing)
    if disk and made:
        disk.keep(Batch(list(map(name_of, missing)), declared(text), made[0]))


def _take(module: NativeModule, kernels: Sequence[Kernel | None]) -> None:
    """Note where the kernels of a module are, those that nobody has asked for (None) left out."""
    _modules.append(module)
    for k, kernel in enumerate(kernels):
        if kernel is not None:
            _known[kernel] = module.address(f"kernel{k}")


@cache
def runner(*, locked: bool = False) -> Any:
    """``run(block)``, without the interpreter lock or with it; to pass one address is 10x faster than to pass eight."""
    (where,) = addresses([Written(_RUN)])
    kind = ctypes.PYFUNCTYPE if locked else ctypes.CFUNCTYPE
    return kind(None, ctypes.c_void_p)(where)


# The steps of a program, ``count`` times: each time with data that lie ``stride`` numbers further on, and number
# ``noted`` of the frame is noted after each.  A step is two words: the address of a kernel and that of its descriptor.
_RUN = """
def run(block) -> None:
    frame = word[block]
    data = word[block + 8]
    stride = word[block + 16]
    count = word[block + 24]
    noted = word[block + 32]
    notes = word[block + 40]
    steps = word[block + 48]
    size = word[block + 56]
    for time in range(count):
        for k in range(size):
            none.call(word[steps + 16 * k], frame, data, word[steps + 16 * k + 8])
        double[notes + 8 * time] = double[frame + 8 * noted]
        data = data + 8 * stride
"""
