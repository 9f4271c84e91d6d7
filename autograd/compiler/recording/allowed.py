"""What a function calls while it is recorded: what a replay could not do again is refused before it happens.

    print("step", step)              a replay would print nothing
    started = time.perf_counter()    a replay would find the clock as it was
    basis(x, 3)                      with @lru_cache: the cache would keep traced numbers for other calls
    math.cos(math.pi * step)         would make a float of what it gets: the row of the table is recorded instead
    max(x, y)                        would decide: the larger one is selected anew at every replay

Each call in the rewritten code asks here first what is to be called (see ``rewriting``).  A function that prints, reads
the clock, opens a file or asks for entropy runs without the compiler in that call; other calls, which decide otherwise,
are recorded.
"""

from __future__ import annotations

import builtins
import functools
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any

from autograd import ops
from autograd.compiler.recording.choosing import (
    CHANGING,
    Chosen,
    changing,
    chosen_node,
    may_be_chosen,
    of_two_kinds,
    original,
)  # fmt: skip
from autograd.compiler.recording.codenames import codes_inside
from autograd.compiler.recording.traced import DifferentiatedFloat, TracedBool, TracedFloat, TracedInt, node_of
from autograd.modes import current_modes, recorders, switched
from autograd.ops import Op, Traced, Unary
from autograd.value import Value

# Packages whose functions do something to the world outside of the process's memory, or ask it.
_WORLDLY = {
    "_csv", "_io", "_posixsubprocess", "_queue", "_socket", "_sqlite3", "getpass", "glob", "http", "io", "logging",
    "matplotlib", "nt", "os", "pathlib", "posix", "secrets", "shutil", "socket", "sqlite3", "subprocess", "tempfile",
    "time", "urllib", "uuid",
}  # fmt: skip
# Other functions, methods and classes: some would be done at recording only, and some reach globals by their names,
# which are not looked at.
_REFUSED = {
    "_io.FileIO", "breakpoint", "datetime.date.today", "datetime.datetime.now", "datetime.datetime.today",
    "datetime.datetime.utcnow", "eval", "exec", "globals", "input", "inspect.currentframe", "inspect.stack",
    "inspect.trace", "numpy.fromfile", "numpy.genfromtxt", "numpy.load", "numpy.loadtxt", "numpy.save", "numpy.savetxt",
    "numpy.savez", "numpy.savez_compressed", "open", "print", "random.SystemRandom", "socket.socket",
    "subprocess.Popen", "sys._getframe", "torch.serialization.load", "torch.serialization.save",
}  # fmt: skip
_UNSEEDED = {"default_rng", "Random", "RandomState"}  # what makes a generator, in random and numpy.random
_Cache: Any = type(functools.lru_cache(len))
_EMPTY = CellType()  # a name of an enclosing function that stands for nothing yet


def checked(function: Any) -> Any:
    """A function that is about to be called, or what is to be called in its place.

    Raises:
        NotReplayableError: A replay could not do what it does.
    """
    kind = type(function)
    if kind is FunctionType:
        return _by_name(function)
    if kind is MethodType:
        cached = isinstance(function.__func__, _Cache)
        return _remembering(function.__func__, function.__self__) if cached else _by_name(function)
    if kind in (BuiltinFunctionType, type):
        if function in _INSTEAD:
            return _INSTEAD[function]
        if kind is BuiltinFunctionType and type(function.__self__) is list and function.__name__ in CHANGING:
            changing(function.__self__)
    elif kind is _Cache:
        return _remembering(function)
    elif kind is functools.partial:
        return functools.partial(checked(function.func), *function.args, **function.keywords)
    elif getattr(function, "__module__", None) != "numpy" or not hasattr(function, "__name__"):
        # Otherwise a dispatcher, as most of numpy's functions are.
        return _seeded(function) if _is_unseeded(function) else function
    return _seeded(function) if _is_unseeded(function) else _by_name(function)


def check_names(function: FunctionType) -> None:
    """Refuse a function whose calls cannot be looked at, since there is no source, if it names what is refused.

    Raises:
        NotReplayableError: A replay could not do what it may call, or it may call a function with a cache.
    """
    names = function.__code__.co_names
    spaces = [function.__globals__, vars(builtins)]
    found = [next((space[name] for space in spaces if name in space), None) for name in names]
    found += [cell.cell_contents for cell in function.__closure__ or () if cell != _EMPTY]
    members = [getattr(x, name, None) for x in found if isinstance(x, ModuleType) for name in names]
    for x in (*found, *members):
        if isinstance(x, _Cache):
            _refused(x, f"{x.__wrapped__.__name__}, which has a cache, in code without source")
        checked(x)


def _package(module: Any) -> str:
    return str(module).partition(".")[0]


def _refused(function: Any, name: str) -> Any:
    """The function, where nothing is recorded."""
    if (recorder := current_modes().recorder) is None:
        return function
    return recorder.refuse(f"calls {name}, which later calls would not repeat: do it outside the function")


def _by_name(function: Any) -> Any:
    """A function, a method or a class, by its name and by what it belongs to."""
    owner = getattr(function, "__self__", None)
    names: tuple[Any, ...] = getattr(function, "__module__", None), getattr(function, "__name__", "")
    if owner is not None and type(owner) is not ModuleType:
        kind = owner if isinstance(owner, type) else type(owner)
        names += kind.__module__, kind.__name__
        if owner is sys.stdout or owner is sys.stderr or isinstance(owner, random.SystemRandom):
            return _refused(function, f"{names[3]}.{names[1]}")
    name = _refused_name(isinstance(function, type), *names)
    return _refused(function, name) if name else function


@functools.lru_cache(maxsize=10_000)
def _refused_name(is_class: bool, module: str | None, name: str, *of_owner: str) -> str:
    """The full name, such as ``print``, ``time.sleep`` or ``datetime.datetime.now``, if it is refused; else empty."""
    full = ".".join([x for x in (*(of_owner or (module,)), name) if x and x != "builtins"])
    worldly = not is_class and not _WORLDLY.isdisjoint(map(_package, (module, *of_owner[:1])))
    return full if worldly or full in _REFUSED else ""


def _type(*args: Any) -> Any:
    """``type(x)``, of a stand-in what it stands for: that it is one of numpy's, none knows."""
    x, recorder = args[0] if len(args) == 1 else None, current_modes().recorder
    if isinstance(x, Value):
        return Value if isinstance(x, Chosen) else x.__class__
    if not isinstance(x, Traced):
        return type(*args)
    if recorder is not None and recorder.numpy:
        recorder.refuse("asks for the type of a number that may be one of numpy's")
    return x.__class__


def _isinstance(x: Any, kinds: Any) -> bool:
    """``isinstance(x, kinds)``: no stand-in knows numpy's kinds."""
    found = isinstance(x, kinds)
    if isinstance(x, Traced) and (recorder := current_modes().recorder) is not None:
        own: Any = recorder.numpy and {float: recorder.numpy.float64, int: recorder.numpy.int64}.get(x.__class__)
        if own and isinstance(own(0), kinds) != found:
            recorder.refuse("asks whether a number is one of numpy's or of Python's")
    return found


def _is_unseeded(function: Any) -> bool:
    name = getattr(type(function), "__name__", "")
    named = isinstance(function, type) or name == "cython_function_or_method"
    return named and function.__name__ in _UNSEEDED and _package(function.__module__) in ("numpy", "random")


def _seeded(function: Any) -> Any:
    """A function that makes a random generator, which needs a seed."""

    def make(*args: Any, **keywords: Any) -> Any:
        known = any(x is not None for x in (*args, *keywords.values()))
        return (function if known else _refused(function, f"{function.__name__}() without a seed"))(*args, **keywords)

    return make


# ---- functions with a cache ------------------------------------------------------------------------------------------
def _remembering(cache: Any, *bound: Any) -> Callable[..., Any]:
    """A function with ``lru_cache``: what depends on the numbers of a call is remembered for the recording only."""

    def call(*args: Any, **keywords: Any) -> Any:
        recorder, given, names = current_modes().recorder, (*bound, *args), sorted(keywords)
        if recorder is None or _is_own(cache, recorder):
            return cache(*given, **keywords)
        numbers: list[Any] = [*given, *map(keywords.__getitem__, names)]
        if not any(map(recorder.knows, numbers)):
            with apart(recorder):  # the same numbers at every call: it runs as it does without the compiler
                return cache(*given, **keywords)
        # An int is known by its number, which is a guard from then on, and any other number by its node.
        keys = [(type(x), x.read() if type(x) is TracedInt else node_of(x)) for x in numbers]
        key = (cache.__wrapped__, *names, *keys)
        if key not in recorder.remembered:
            recorder.remembered[key] = cache.__wrapped__(*given, **keywords)
        return recorder.remembered[key]

    return call


def _is_own(cache: Any, recorder: Any) -> bool:
    """Whether the function has made a cache itself, by code of its own, in this call: the cache ends with it."""
    if id(cache) not in recorder.caches:
        code = getattr(cache.__wrapped__, "__code__", None)
        functions = [x for x in recorder.outside.values() if isinstance(x, FunctionType)]
        own = any(code is inner for function in functions for inner in codes_inside(function.__code__))
        new = id(cache) not in recorder.outside and not any(cache.cache_info()[:2])
        recorder.caches[id(cache)] = cache, own and new  # which keeps it alive, and its id its own
    found: bool = recorder.caches[id(cache)][1]
    return found


@contextmanager
def apart(recorder: Any) -> Iterator[None]:
    """What runs inside is no part of the recording."""
    recorders.remove(recorder)
    try:
        with switched(recorder=None):
            yield
    finally:
        recorders.append(recorder)


# ---- Python's math ---------------------------------------------------------------------------------------------------
# The functions of ``math`` raise an error where the rows give nan or an infinity.  So each comes with the numbers for
# which both are the same: that the number is one of these is a guard of the recording.
_LARGEST = 1.7e308
_OVERFLOWS = 709.0  # e to this power is nearly the largest float
_AGREE: dict[str, Callable[..., Any]] = {
    "atan tanh asinh erf fabs atan2": lambda *_: True,
    "sin cos tan": lambda x: -_LARGEST < x < _LARGEST,
    "exp expm1": lambda x: x < _OVERFLOWS,
    "sinh cosh": lambda x: -_OVERFLOWS < x < _OVERFLOWS,
    "log log2 log10": lambda x: x > 0.0,
    "log1p": lambda x: x > -1.0,
    "sqrt": lambda x: x >= 0.0,
    "asin acos": lambda x: -1.0 <= x <= 1.0,
    "acosh": lambda x: x >= 1.0,
    "atanh": lambda x: -1.0 < x < 1.0,
}
_ROWS: dict[Any, tuple[Op, Callable[..., Any]]] = {  # by the function of ``math`` the row of the table
    getattr(math, name): (getattr(ops, "abs" if name == "fabs" else name), agrees)
    for names, agrees in _AGREE.items()
    for name in names.split()
}
_QUESTIONS: dict[Any, Callable[[Any], Any]] = {  # these are decisions by what they ask, not by the number
    math.isnan: lambda x: x != x,
    math.isinf: lambda x: abs(x) == math.inf,
    math.isfinite: lambda x: abs(x) < math.inf,
}


def is_elementary(x: Any) -> bool:
    """Whether this is a function of ``math`` that is a row of the table."""
    return type(x) is BuiltinFunctionType and x in _ROWS


def _elementary(function: Any, *args: Any) -> Any:
    """A function of ``math``; of traced numbers the row of the table."""
    numbers = [x for x in args if isinstance(x, Traced)]
    lost = any(isinstance(x, (Value, DifferentiatedFloat)) for x in args)  # an error: it drops the gradient
    if current_modes().recorder is None or not numbers or lost:
        return function(*args)
    for number in numbers:  # a float without a gradient comes out: an error to who asks for that of an argument
        current_modes().recorder.on_drop(node_of(number))
    if function in _QUESTIONS:
        return _QUESTIONS[function](*args)
    op, agrees = _ROWS[function]
    if len(args) != (1 if isinstance(op, Unary) else 2) or not agrees(*args):
        return function(*args)
    return TracedFloat(Value.apply(op, list(map(node_of, args))).detach())


def _float(*args: Any) -> Any:
    """``float(x)``: of a traced number that number, without its gradient."""
    if current_modes().recorder is None or len(args) != 1 or type(args[0]) not in (TracedFloat, TracedInt, TracedBool):
        return float(*args)
    (x,) = args
    if type(x) is TracedFloat:
        current_modes().recorder.on_drop(x.node)
    return TracedFloat(x.node.detach())


# ---- the largest and the smallest ------------------------------------------------------------------------------------
def _extreme(function: Any, *args: Any, **keywords: Any) -> Any:
    """``max(...)`` or ``min(...)``: of traced numbers and Values as selections, in the order in which Python compares.

    The first of equal numbers wins, and a nan only if it comes first.
    """
    if current_modes().recorder is None or not args:
        return function(*args, **keywords)
    items = list(args[0]) if len(args) == 1 else args
    key = keywords.pop("key", None)
    keys = items if key is None else list(map(key, items))  # once each, as Python does
    of_numbers = [all(isinstance(x, (Value, Traced, int, float)) for x in xs) for xs in (keys, items)]
    chosen = of_numbers[1] if key is None else all(map(may_be_chosen, items))
    computed = any(isinstance(x, (Value, Traced)) for x in keys) and of_numbers[0]
    if not computed or not chosen or of_two_kinds(items):
        return items[function(range(len(keys)), key=keys.__getitem__)] if keys else function(items, **keywords)
    if key is None and all(map(_is_detached, items)):
        return _extreme_number(items, function is min)
    best, top = items[0], keys[0]
    for x, k in zip(items[1:], keys[1:]):
        operands = (top, k) if function is max else (k, top)
        taken = Value.apply(ops.less, list(map(node_of, operands)))
        best = _selected(taken, x, best)
        top = best if key is None else _selected(taken, k, top)
    return best


def _selected(taken: Value, x: Any, best: Any) -> Any:
    if isinstance(best, Value) or isinstance(x, Value):
        return chosen_node(taken.select(node_of(x), node_of(best)))
    return TracedFloat(taken).select(x, best)


def _is_detached(x: Any) -> bool:
    """Whether no gradient can go through a number."""
    if isinstance(x, Value):
        return False
    return not isinstance(x, Traced) or isinstance(x, int) or x.node.op is ops.detached  # type: ignore[unreachable]


def _extreme_number(items: Sequence[Any], smallest: bool) -> Any:
    """The largest of some plain numbers, by one node, or the smallest, as the largest of their opposites.

    The int 0 has no other sign, which would be lost among floats.
    """
    whole = [isinstance(x, int) for x in items]
    if smallest:
        found = _extreme_number([-x if len({*whole}) == 1 else -node_of(x) for x in items], False)
        return -found
    kind: Any = TracedFloat if not all(whole) else TracedInt
    if all(isinstance(x, bool) for x in items):
        kind = TracedBool
    return kind(Value.apply(ops.largest, list(map(node_of, items))))


_INSTEAD: dict[Any, Callable[..., Any]] = {
    id: lambda x: id(original(x)),  # of the one that was chosen where x is one of several
    isinstance: _isinstance,
    type: _type,
    float: _float,
    **{function: functools.partial(_extreme, function) for function in (max, min)},
    **{function: functools.partial(_elementary, function) for function in (*_ROWS, *_QUESTIONS)},
}
