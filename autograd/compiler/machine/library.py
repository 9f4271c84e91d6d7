"""The kernels that this process has, by what they do: compiled when one is first asked for, then shared by all programs."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterable
from functools import cache
from typing import Any

from autograd.compiler.machine.texts import MapKernel, SumKernel
from autograd.compiler.native.jit import NativeModule, host, join
from autograd.compiler.native.vector_math import VectorMath

__all__ = ["addresses", "runner"]

KernelKey = MapKernel | SumKernel

_known: dict[KernelKey, int] = {}
_modules: list[NativeModule] = []
_lock = threading.Lock()


def addresses(kernels: Iterable[KernelKey]) -> list[int]:
    """Where the machine code of some kernels is."""
    wanted = list(kernels)
    with _lock:
        missing = [kernel for kernel in dict.fromkeys(wanted) if kernel not in _known]
        if missing:
            _load(missing)
    return [_known[kernel] for kernel in wanted]


def _load(kernels: list[KernelKey]) -> None:
    functions = {lanes: VectorMath(lanes) for lanes in {kernel.lanes for kernel in kernels}}
    texts = [kernel.text(f"kernel{k}", functions[kernel.lanes]) for k, kernel in enumerate(kernels)]
    module = NativeModule(join(*[f.text() for f in functions.values()], *texts))
    _modules.append(module)
    for k, kernel in enumerate(kernels):
        _known[kernel] = module.address(f"kernel{k}")


@cache
def runner() -> Any:
    """``run(frame, steps, count)``: one kernel after the other, without the interpreter lock.

    Each step is two words: the address of a kernel and that of its descriptor.
    """
    text = f"""define void @run(ptr %f, ptr %steps, i64 %count) {host().attributes} {{
  br label %test
test:
  %k = phi i64 [0, %0], [%next, %step]
  %at = phi ptr [%steps, %0], [%at.next, %step]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %step, label %end
step:
  %kernel = load ptr, ptr %at, align 8
  %second = getelementptr i64, ptr %at, i64 1
  %descriptor = load ptr, ptr %second, align 8
  call void %kernel(ptr %f, ptr %descriptor)
  %next = add i64 %k, 1
  %at.next = getelementptr i64, ptr %at, i64 2
  br label %test
end:
  ret void
}}
"""
    module = NativeModule(text)
    _modules.append(module)
    return module.function("run", None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
