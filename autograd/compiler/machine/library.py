"""The kernels that this process has, by what they do: compiled when first asked for, then shared by all programs."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from autograd.compiler.machine.native.code import Functions
from autograd.compiler.machine.native.jit import NativeModule, declared, join
from autograd.compiler.machine.native.vector_math import VectorMath, is_known
from autograd.compiler.machine.store import Batch, name_of, store
from autograd.locks import renew_in_child

__all__ = ["Kernel", "Written", "addresses", "runner"]


class Kernel(Hashable, Protocol):
    """What a function does; kernels that do the same are equal, and their ``repr`` is the same in every process."""

    @property
    def lanes(self) -> int:
        """Of its vectors."""

    def text(self, name: str, functions: Functions) -> str:
        """The function, as LLVM IR."""


@dataclass(frozen=True)
class Written:
    """A kernel whose LLVM IR is written out, in which NAME stands for what it will be called."""

    ir: str
    lanes: int = 1

    @classmethod
    def of(cls, ir: str, **words: object) -> Written:
        """The kernel with other words of the text replaced, too: the places of CPython's fields, say."""
        for word, meaning in words.items():
            ir = ir.replace(word, str(meaning))
        return cls(ir)

    def text(self, name: str, functions: Functions) -> str:
        """The function."""
        return self.ir.replace("NAME", name)


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
    """``run(block)``, without the interpreter lock or with it; to pass one address is 10x faster than to pass eight.

    The words of the block are those of ``_WORDS``.  It runs through the ``size`` steps ``count`` times, each time with
    data that lie ``stride`` numbers further on, and notes number ``noted`` of the frame after each.  A step is two
    words: the address of a kernel and that of its descriptor.
    """
    loads = [
        f"%{x}.at = getelementptr i64, ptr %block, i64 {k}\n%{x} = load {kind}, ptr %{x}.at, align 8"
        for k, (x, kind) in enumerate(_WORDS.items())
    ]
    (where,) = addresses([Written("\n".join(["define void @NAME(ptr %block) nounwind {", *loads, _STEPS]))])
    kind = ctypes.PYFUNCTYPE if locked else ctypes.CFUNCTYPE
    return kind(None, ctypes.c_void_p)(where)


_WORDS = {
    "f": "ptr", "data": "ptr", "stride": "i64", "count": "i64",
    "noted": "i64", "notes": "ptr", "steps": "ptr", "size": "i64",
}  # fmt: skip
_STEPS = """
  %watched = getelementptr double, ptr %f, i64 %noted
  br label %time
time:
  %t = phi i64 [0, %0], [%t.next, %note]
  %x = phi ptr [%data, %0], [%x.next, %note]
  %t.more = icmp ult i64 %t, %count
  br i1 %t.more, label %test, label %end
test:
  %k = phi i64 [0, %time], [%next, %step]
  %at = phi ptr [%steps, %time], [%at.next, %step]
  %more = icmp ult i64 %k, %size
  br i1 %more, label %step, label %note
step:
  %kernel = load ptr, ptr %at, align 8
  %second = getelementptr i64, ptr %at, i64 1
  %descriptor = load ptr, ptr %second, align 8
  call void %kernel(ptr %f, ptr %x, ptr %descriptor)
  %next = add i64 %k, 1
  %at.next = getelementptr i64, ptr %at, i64 2
  br label %test
note:
  %number = load double, ptr %watched, align 8
  %to = getelementptr double, ptr %notes, i64 %t
  store double %number, ptr %to, align 8
  %t.next = add i64 %t, 1
  %x.next = getelementptr double, ptr %x, i64 %stride
  br label %time
end:
  ret void
}
"""
