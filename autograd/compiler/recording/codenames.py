"""The names that a piece of code reads and sets, and the packages that code belongs to."""

from __future__ import annotations

import builtins
import dis
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import resolve_name
from itertools import pairwise
from types import CodeType, MemberDescriptorType
from typing import Any

_ARITHMETIC = {"ZeroDivisionError", "OverflowError", "ArithmeticError", "Exception", "BaseException"}
_WORD = re.compile(r"\w+(\.\w+)*")  # the name of an attribute, or of one of an attribute
_OF_OBJECT = re.compile("ATTR|METHOD").search  # such as LOAD_ATTR
_PASSES_ON = re.compile("EXC_MATCH|EG_MATCH|RERAISE|WITH_EXCEPT_START").search
_MATCHES = re.compile("EXC_MATCH|EG_MATCH").search  # an error is compared with those that an ``except`` names
# A piece of code with one of these names, or with an import, may read a global of its module as an attribute of that.
_TO_MODULES = {
    "__dict__", "__globals__", "__import__", "currentframe", "_getframe", "f_globals", "getmodule", "import_module",
    "modules", "vars",
}  # fmt: skip
# Packages whose code neither changes while a program runs nor reads what a program changes.
FIXED = {
    *sys.stdlib_module_names, "autograd", "numpy", "scipy", "torch", "jax", "pandas", "matplotlib", "mpmath",
    "networkx", "sklearn", "sympy",
}  # fmt: skip
# Those whose objects are not looked into: no number depends on what is in them, or it cannot be changed.
CLOSED = {"asyncio", "autograd", "concurrent", "jax", "logging", "matplotlib", "multiprocessing", "random"}


def codes_inside(code: CodeType) -> Iterator[CodeType]:
    """A piece of code, and those of the functions and comprehensions inside of it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_inside(constant)


@lru_cache(maxsize=100)  # the functions below are asked one after the other, and the names are kept
def _steps(code: CodeType) -> list[dis.Instruction]:
    return list(dis.get_instructions(code))


@lru_cache(maxsize=10_000)
def names_read(code: CodeType) -> frozenset[str]:
    """The names of globals and attributes that a piece of code reads.

    >>> def f(x):
    ...     x.best = x.last + offset
    >>> sorted(names_read(f.__code__))
    ['last', 'offset']
    """
    steps = [step for step in _steps(code) if step.opcode in dis.hasname]
    return frozenset([step.argval for step in steps if not step.opname.startswith(("STORE", "DELETE"))])


@lru_cache(maxsize=10_000)
def asks_for_class(code: CodeType) -> bool:
    """Whether a piece of code asks for the class of something without a call: ``x.__class__``, or ``case float():``."""
    return "__class__" in names_read(code) or any(step.opname == "MATCH_CLASS" for step in _steps(code))


@lru_cache(maxsize=10_000)
def asks_for_kind(code: CodeType) -> bool:
    """Whether a piece of code may do something else with a Value than with its number, but for arithmetic.

    >>> asks_for_kind((lambda x: x.data if isinstance(x, Value) else x).__code__)
    True
    """
    return not {"isinstance", "type"}.isdisjoint(names_read(code)) or asks_for_class(code) or catches_arithmetic(code)


@lru_cache(maxsize=10_000)
def globals_read(code: CodeType) -> frozenset[str]:
    """The names that a piece of code reads and that may be globals of its module.

    >>> sorted(globals_read((lambda model: model.rate * scale).__code__))
    ['scale']
    >>> sorted(globals_read((lambda: sys.modules["__main__"].rate).__code__))
    ['modules', 'rate', 'sys']
    """
    names = names_read(code)
    steps = [step for step in _steps(code) if step.opcode in dis.hasname]
    if not names.isdisjoint(_TO_MODULES) or any(step.opname.startswith("IMPORT") for step in steps):
        return names
    return frozenset([step.argval for step in steps if step.opname.startswith("LOAD") and not _OF_OBJECT(step.opname)])


def modules_named(code: CodeType, package: str) -> frozenset[str]:
    """The modules that a piece of code of a package imports, and those that are imported and that it names in a text.

    >>> def f(x):
    ...     from os import path
    ...     from . import rates
    ...     import a.b
    >>> sorted(modules_named(f.__code__, "models"))
    ['a', 'a.b', 'models', 'os']
    """
    found = _imported(code, package)
    return found if _TO_MODULES.isdisjoint(names_read(code)) else found | (names_spelled(code) & sys.modules.keys())


@lru_cache(maxsize=10_000)
def _imported(code: CodeType, package: str) -> frozenset[str]:
    found, levels = set[str](), [0]
    for step in _steps(code):
        if step.opname.startswith("LOAD") and type(step.argval) is int:
            levels.append(step.argval)  # the last one before an import says how many dots the name begins with
        elif step.opname == "IMPORT_NAME":
            name = resolve_name("." * levels[-1] + step.argval, package) if levels[-1] else step.argval
            found.update([name, name.partition(".")[0]])
    return frozenset(found)


@lru_cache(maxsize=10_000)
def names_spelled(code: CodeType) -> frozenset[str]:
    """The names that a piece of code has as texts, by which it may ask for attributes or globals.

    >>> sorted(names_spelled((lambda x: getattr(x, "rate") * attrgetter("schedule.step")(x)).__code__))
    ['rate', 'schedule', 'step']
    >>> sorted(names_spelled((lambda x: [eval("2 * rate"), *[getattr(x, name) for name in ("a", "b")]]).__code__))
    ['a', 'b', 'rate']
    """
    path = _WORD if {"eval", "exec"}.isdisjoint(code.co_names) else None
    constants, found = [*code.co_consts], set[str]()
    for x in constants:
        if isinstance(x, (tuple, frozenset)):
            constants += x
        elif isinstance(x, str) and (path is None or path.fullmatch(x)):
            found.update(filter(str.isidentifier, re.split(r"\W+", x)))
    return frozenset(found)


@lru_cache(maxsize=10_000)
def names_stored(code: CodeType) -> frozenset[str]:
    """The names of attributes and globals that a piece of code sets."""
    return frozenset([x.argval for x in _steps(code) if x.opname in ("STORE_ATTR", "STORE_GLOBAL")])


@lru_cache(maxsize=10_000)
def compares_with_true(code: CodeType) -> bool:
    """Whether a piece of code may ask if something ``is`` True or False, or match with these.

    A constant that is only returned is not compared there: the ``__eq__`` of a dataclass ends with ``return True``.

    >>> compares_with_true((lambda x: (x > 0) is True).__code__), compares_with_true((lambda x: x is None).__code__)
    (True, False)
    """
    if not any(constant is True or constant is False for constant in code.co_consts):
        return False
    steps = _steps(code)
    kept = any(
        step.opname == "LOAD_CONST" and (step.argval is True or step.argval is False) and after.opname != "RETURN_VALUE"
        for step, after in pairwise(steps)
    )
    return kept and any(step.opname == "IS_OP" for step in steps)


@lru_cache(maxsize=10_000)
def catches_arithmetic(code: CodeType) -> bool:
    """Whether a piece of code may catch an error that Python raises for a quotient or a power of floats.

    It names such an error, has an ``except`` without a name or a ``finally`` that returns, is a method ``__exit__``, or
    has an ``except`` for what is no error of Python's by name, such as ``except self.errors``.

    >>> def f(x):
    ...     try:
    ...         return 1 / x
    ...     except:
    ...         return 0.0
    >>> def g(x):
    ...     try:
    ...         return 1 / x
    ...     finally:
    ...         print(x) if x > 0 else None
    >>> def h(x, errors):
    ...     try:
    ...         return 1 / x
    ...     except (KeyError, errors):
    ...         return 0.0
    >>> catches_arithmetic(f.__code__), catches_arithmetic(g.__code__), catches_arithmetic(h.__code__)
    (True, False, True)
    """
    if code.co_name == "__exit__" or not _ARITHMETIC.isdisjoint(names_read(code)):
        return True
    steps = _steps(code)
    for k, step in enumerate(steps):
        if _MATCHES(step.opname):
            is_tuple = steps[k - 1].opname == "BUILD_TUPLE"
            kinds = steps[k - 1 - steps[k - 1].argval : k - 1] if is_tuple else [steps[k - 1]]
            if not all(_is_error(kind.argval) and not _OF_OBJECT(kind.opname) for kind in kinds):
                return True
    # A handler that ends, by POP_EXCEPT, before it has compared the error or raised it again, drops any error.
    handlers = {step.argval for step in steps if step.opname == "SETUP_FINALLY"}  # before Python 3.11
    begins = False
    for step in steps:
        begins |= step.opname == "PUSH_EXC_INFO" or step.offset in handlers
        if begins and step.opname == "POP_EXCEPT":
            return True
        begins &= not _PASSES_ON(step.opname)
    return False


def _is_error(name: Any) -> bool:
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    return isinstance(kind, type) and issubclass(kind, BaseException)


def package_of(module: Any) -> str:
    """The first part of a module's name; a class made in C may have something else as its ``__module__``."""
    return module.partition(".")[0] if isinstance(module, str) else ""


def slots_of(kind: type) -> Iterator[str]:
    """The names of the slots of a class and of those that it is derived from, but for those of closed packages.

    >>> class Rates:
    ...     __slots__ = ("fast", "__slow")
    >>> sorted(slots_of(Rates), key=len)
    ['fast', '_Rates__slow']
    """
    for cls in kind.__mro__:
        if "__slots__" in vars(cls) and package_of(cls.__module__) not in CLOSED:
            for name, x in vars(cls).items():
                if isinstance(x, MemberDescriptorType) and getattr(kind, name) is x:  # no property hides it
                    yield name
