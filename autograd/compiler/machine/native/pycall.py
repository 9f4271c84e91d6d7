"""A real builtin function whose body is machine code made at run time (CPython, no compiler).

``builtin(...)`` returns an object of type ``builtin_function_or_method``. Its code reads the float arguments straight
out of the Python objects, evaluates, and builds the result with CPython's C interface. Anything it does not expect
(another number type, another length, keywords) goes to ``slow``, a Python callable, with the same arguments.

Lifetime: the function object owns its ``m_self``, here an ``_Owner`` that holds the method definition, the name
and the module with the code; CPython releases ``m_self`` last ("PyMethodDef could be kept alive by m_self").
Dropping the function object frees everything, by reference counting, with no cycle unless ``slow`` makes one.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from autograd.compiler.machine.native.code import Lines
from autograd.compiler.machine.native.jit import NativeModule, host, pointer

# How arguments are built: None is one float, a tuple is a list or tuple of that many members.
Shape: TypeAlias = "tuple[Shape, ...] | None"
# How a result is built: an int is the number of an output, a list or tuple a list or tuple of such.
Result: TypeAlias = "int | list[Result] | tuple[Result, ...]"

WORD = ctypes.sizeof(ctypes.c_void_p)
_FASTCALL_KEYWORDS = 0x0080 | 0x0002
_API = ctypes.pythonapi if sys.implementation.name == "cpython" else None


def available() -> bool:
    """Whether builtin functions can be made: CPython with its lock, and floats and lists laid out as expected."""
    return (
        _API is not None
        and getattr(sys, "_is_gil_enabled", lambda: True)()
        and float.__basicsize__ == object.__basicsize__ + 8
        and list.__basicsize__ == object.__basicsize__ + 3 * WORD
    )


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("code", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Owner:
    """``m_self`` of a builtin: keeps what the function needs; called with arguments the machine code declines."""

    __slots__ = ("definition", "module", "slow")

    def __init__(self, slow: Callable[..., Any], module: NativeModule, definition: _MethodDef) -> None:
        self.slow, self.module, self.definition = slow, module, definition

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self.slow(*args, **keywords)


def builtin(
    name: str,
    kernel: str,
    arguments: Sequence[Shape],
    outputs: int,
    result: Result,
    slow: Callable[..., Any],
) -> Callable[..., Any]:
    """A builtin function that unpacks ``arguments``, runs a kernel and packs ``result``.

    Args:
        name: ``__name__`` of the function.
        kernel: LLVM IR that defines ``void @kernel(ptr inputs, ptr outputs)`` on arrays of double, with the inputs in
            the order in which the shapes mention them.
        arguments: The shape of each positional argument.
        outputs: The number of doubles that the kernel writes.
        result: The result to return, in terms of the numbers of the outputs.
        slow: The function to call if the arguments are not exact floats, ints, lists or tuples as described.

    Raises:
        RuntimeError: The interpreter is not CPython with its lock.
    """
    if not available():
        raise RuntimeError("builtin functions can be made on CPython with the global interpreter lock only")
    module = NativeModule(kernel + _wrapper(arguments, outputs, result))
    definition = _MethodDef(name.encode(), module.address("call"), _FASTCALL_KEYWORDS, None)
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
        address("PyCFunction_NewEx")
    )
    function: Callable[..., Any] = new(ctypes.addressof(definition), _Owner(slow, module, definition), None)
    return function


def address(name: str) -> int:
    return ctypes.cast(getattr(_API, name), ctypes.c_void_p).value or 0


def _api(name: str) -> str:
    """A function of CPython, as an IR constant."""
    return pointer(address(name))


# Offsets that CPython tells itself, right for debug builds and for 3.14's longer tuples too.
TYPE = object.__basicsize__ - WORD
SIZE = object.__basicsize__
FLOAT_VALUE = float.__basicsize__ - 8
LIST_ITEMS = list.__basicsize__ - 2 * WORD
TUPLE_ITEMS = tuple.__basicsize__


class _Writer(Lines):
    """Lines of a function that CPython calls."""

    def require(self, condition: str, otherwise: str) -> None:
        """Go on if the condition holds."""
        here = self.label()
        self.do(f"br i1 {condition}, label %{here}, label %{otherwise}, !prof !0")
        self.block(here)

    def call(self, kind: str, function: str, *arguments: str) -> str:
        """Call a function of CPython that returns something."""
        return self.let(f"call {kind} {_api(function)}({', '.join(arguments)})")

    def field(self, pointer: str, offset: int, kind: str) -> str:
        return self.let(f"load {kind}, ptr {self.let(f'getelementptr i8, ptr {pointer}, i64 {offset}')}")


def _define(w: _Writer) -> str:
    """The finished ``PyObject *call(m_self, args, count, keyword names)``; the block ``slow`` asks Python."""
    w.block("slow")
    arguments = ("ptr %self", "ptr %args", "i64 %count", "ptr %keywords")
    if hasattr(_API, "PyObject_Vectorcall"):
        w.do(f"ret ptr {w.call('ptr', 'PyObject_Vectorcall', *arguments)}")
    else:  # CPython 3.10 has that in its headers only, and this in its library
        thread = w.call("ptr", "PyThreadState_Get")
        w.do(f"ret ptr {w.call('ptr', '_PyObject_MakeTpCall', f'ptr {thread}', *arguments)}")
    body = "\n".join(w.lines)
    return (
        f"\ndefine ptr @call(ptr %self, ptr %args, i64 %count, ptr %keywords) #9 {{\n{body}\n}}\n"
        f'attributes #9 = {{ {host().attributes} }}\n!0 = !{{!"branch_weights", i32 10000, i32 1}}\n'
    )


def _wrapper(arguments: Sequence[Shape], outputs: int, result: Result) -> str:
    w = _Writer()
    inputs = sum(map(_count, arguments))
    w.do(f"%in = alloca double, i64 {max(inputs, 1)}, align 64")
    w.do(f"%out = alloca double, i64 {max(outputs, 1)}, align 64")
    w.require(w.let(f"icmp eq i64 %count, {len(arguments)}"), "slow")
    w.require(w.let("icmp eq ptr %keywords, null"), "slow")
    cells = iter(range(inputs))
    for i, shape in enumerate(arguments):
        _unpack(w, w.field("%args", WORD * i, "ptr"), shape, cells)
    w.do("call void @kernel(ptr %in, ptr %out)")
    w.do(f"ret ptr {_pack(w, result)}")
    w.block("failed")  # out of memory: the exception is set
    w.do("ret ptr null")
    return _define(w)


def _count(shape: Shape) -> int:
    return 1 if shape is None else sum(map(_count, shape))


def _unpack(w: _Writer, item: str, shape: Shape, cells: Iterator[int]) -> None:
    """Store the float (or the floats of the sequence) ``item`` in the next cells of the inputs."""
    kind = w.field(item, TYPE, "ptr")
    if shape is None:
        _unpack_float(w, item, kind, w.let(f"getelementptr double, ptr %in, i64 {next(cells)}"))
        return
    is_list = w.let(f"icmp eq ptr {kind}, {pointer(id(list))}")
    is_tuple = w.let(f"icmp eq ptr {kind}, {pointer(id(tuple))}")
    w.require(w.let(f"or i1 {is_list}, {is_tuple}"), "slow")
    w.require(w.let(f"icmp eq i64 {w.field(item, SIZE, 'i64')}, {len(shape)}"), "slow")
    if not shape:
        return
    in_list = w.field(item, LIST_ITEMS, "ptr")  # readable in a tuple too: its last word or its first member
    in_tuple = w.let(f"getelementptr i8, ptr {item}, i64 {TUPLE_ITEMS}")
    items = w.let(f"select i1 {is_list}, ptr {in_list}, ptr {in_tuple}")
    for i, member in enumerate(shape):
        _unpack(w, w.field(items, WORD * i, "ptr"), member, cells)


def _unpack_float(w: _Writer, item: str, kind: str, cell: str) -> None:
    w.require(w.let(f"icmp eq ptr {kind}, {pointer(id(float))}"), "slow")  # an int is another kind of call
    w.do(f"store double {w.field(item, FLOAT_VALUE, 'double')}, ptr {cell}")


def _pack(w: _Writer, result: Result) -> str:
    """A new reference to the Python object that ``result`` describes."""
    if isinstance(result, int):
        value = w.field("%out", 8 * result, "double")
        made = w.call("ptr", "PyFloat_FromDouble", f"double {value}")
        w.require(w.let(f"icmp ne ptr {made}, null"), "failed")
        return made
    kind = "List" if isinstance(result, list) else "Tuple"
    made = w.call("ptr", f"Py{kind}_New", f"i64 {len(result)}")
    w.require(w.let(f"icmp ne ptr {made}, null"), "failed")
    for i, member in enumerate(result):
        w.call("i32", f"Py{kind}_SetItem", f"ptr {made}, i64 {i}", f"ptr {_pack(w, member)}")
    return made
