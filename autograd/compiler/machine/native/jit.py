"""Turn LLVM IR text into machine code in this process (llvmlite; no compiler, no temporary file).

``NativeModule(text)`` parses, optimises and loads one module; ``module.address(name)`` is the address of a
function in it. The code lives exactly as long as the ``NativeModule``: whoever keeps an address keeps the module.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autograd.locks import renew_in_child


@functools.cache
def llvm() -> Any:
    """LLVM's Python binding.

    Raises:
        ImportError: It is not installed; the message names the extra.
    """
    try:
        import llvmlite.binding
    except ImportError as error:
        raise ImportError('native code needs llvmlite: pip install "scalar-autograd[compile]"') from error
    # LLVM cannot be left in the middle of its work, as by a thread that a forked process does not have: a fork waits.
    lock = getattr(getattr(llvmlite.binding.ffi.lib, "_lock", None), "_lock", None)
    if lock is not None and hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return llvmlite.binding


# Code generation keeps mutable state outside the engines, so one module is built at a time; running is unlocked.
_BUILD_LOCK = threading.Lock()
renew_in_child(sys.modules[__name__], "_BUILD_LOCK", threading.Lock)


@dataclass(frozen=True)
class Host:
    """The machine code is made for."""

    triple: str
    cpu: str
    features: str
    lanes: int  # doubles per vector register: 8 AVX-512, 4 AVX, else 2 (SSE2, NEON)

    @property
    def attributes(self) -> str:
        """Function attributes that make the whole vector register usable.

        LLVM prefers 256-bit code on server cores with AVX-512 because the first of them clocked down; on later ones
        the full width is 1.6x faster.
        """
        bits = 64 * self.lanes
        return f'nounwind "prefer-vector-width"="{bits}" "min-legal-vector-width"="{bits}"'


@functools.cache
def host() -> Host:
    """Name, features and vector width of the processor this process runs on."""
    llvm().initialize_native_target()
    llvm().initialize_native_asmprinter()
    available = llvm().get_host_cpu_features()
    lanes = 8 if available.get("avx512dq") else 4 if available.get("avx") else 2
    return Host(llvm().get_process_triple(), llvm().get_host_cpu_name(), available.flatten(), lanes)


def _target_machine() -> Any:
    target = llvm().Target.from_triple(host().triple)
    return target.create_target_machine(cpu=host().cpu, features=host().features, opt=2, jit=True)


def join(*pieces: str) -> str:
    """One module text from several; a function that more than one of them declares is declared once."""
    declared: set[str] = set()
    lines = []
    for line in "\n".join(pieces).splitlines():
        if line.startswith("declare"):
            symbol = line[line.index("@") : line.index("(")]
            if symbol in declared:
                continue
            declared.add(symbol)
        lines.append(line)
    return "\n".join(lines) + "\n"


def declared(text: str) -> list[str]:
    """The functions that a module text calls and that are to be found elsewhere."""
    names = [line[line.index("@") + 1 : line.index("(")] for line in text.splitlines() if line.startswith("declare")]
    return sorted([name for name in names if not name.startswith("llvm.")])


@functools.cache  # llvmlite does not free one
def _passes() -> Any:
    """What generated code needs and no more: what is marked alwaysinline is inlined, scalars leave the memory, and
    instructions and blocks are combined.  LLVM's standard level 1 takes 3 times as long for the same speed.
    """
    passes = llvm().create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    return passes


class NativeModule:
    """One loaded module.

    Args:
        text: LLVM IR.
        code: Object code of such a module, to be loaded instead; it must be right to the last byte.
        compiled: A function that is called with the object code that was made.
    """

    def __init__(self, text: str = "", *, code: bytes = b"", compiled: Callable[[bytes], object] | None = None) -> None:
        host()
        with _BUILD_LOCK:
            # In a context of its own: the constants in the shared one are never freed.
            module = llvm().parse_assembly(text, context=llvm().create_context())
            module.triple = host().triple
            if not code:
                options = llvm().create_pipeline_tuning_options(speed_level=1)
                with llvm().create_pass_builder(_target_machine(), options) as builder:
                    _passes().run(module, builder)
            # An engine owns its target machine, so every module gets one of its own.
            self._engine = llvm().create_mcjit_compiler(module, _target_machine())
            if code:
                self._engine.add_object_file(llvm().ObjectFileRef.from_data(code))
            if compiled is not None:
                self._engine.set_object_cache(lambda _, made: compiled(bytes(made)))
            self._engine.finalize_object()
            self._engine.remove_module(module)  # what it was made from, many times as large as the code

    def address(self, name: str) -> int:
        """Address of a function of the module; valid as long as this object lives."""
        found = int(self._engine.get_function_address(name))
        if not found:
            raise KeyError(f"the module defines no function {name!r}")
        return found


# ---- CPython: where it keeps what machine code reads in its objects, and the functions that it offers ----------------
WORD = ctypes.sizeof(ctypes.c_void_p)
_API = ctypes.pythonapi if sys.implementation.name == "cpython" else None

# Offsets that CPython tells itself, right for debug builds and for 3.14's longer tuples too.
TYPE = object.__basicsize__ - WORD
SIZE = object.__basicsize__
FLOAT_VALUE = float.__basicsize__ - 8
LIST_ITEMS = list.__basicsize__ - 2 * WORD
TUPLE_ITEMS = tuple.__basicsize__


def available() -> bool:
    """Whether machine code can read objects: on CPython with its lock, floats and lists laid out as expected."""
    return (
        _API is not None
        and getattr(sys, "_is_gil_enabled", lambda: True)()
        and float.__basicsize__ == object.__basicsize__ + 8
        and list.__basicsize__ == object.__basicsize__ + 3 * WORD
    )


def address(name: str) -> int:
    """Where a function of CPython is."""
    return ctypes.cast(getattr(_API, name), ctypes.c_void_p).value or 0
