"""The parts of the native backend on their own: modules, vector functions, matrix products, builtin functions."""

from __future__ import annotations

import ctypes
import gc
import math
import sys
import threading
from functools import cache
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from autograd.compiler.machine.arguments import builtin  # noqa: E402  (needs the packages above)
from autograd.compiler.machine.machine import Machine  # noqa: E402
from autograd.compiler.machine.native import jit  # noqa: E402
from autograd.compiler.machine.native.code import Code  # noqa: E402
from autograd.compiler.machine.native.jit import (  # noqa: E402
    NativeModule,
    available,
    host,
    join,
)
from autograd.compiler.machine.native.translate import translated  # noqa: E402
from autograd.compiler.machine.native.vector_math import ARITY, VectorMath  # noqa: E402
from autograd.compiler.program.builder import Builder  # noqa: E402
from autograd.compiler.program.classes import Kind  # noqa: E402

WIDTHS = [lanes for lanes in (1, 2, 4, 8) if lanes <= host().lanes]
needs_builtins = pytest.mark.skipif(not available(), reason="builtin functions are made on CPython with its lock only")


# ---- modules ---------------------------------------------------------------------------------------------------------
def function(module: NativeModule, name: str, result: Any, *arguments: Any) -> Any:
    """A function of a module, which keeps the module."""
    bound = ctypes.CFUNCTYPE(result, *arguments)(module.address(name))
    bound.module = module  # type: ignore[attr-defined]  # ctypes functions take attributes
    return bound


def test_a_function_returns_what_its_code_says_and_outlives_the_module_s_name() -> None:
    module = NativeModule("define double @f(double %x) { %y = fmul double %x, 3.0\n ret double %y }")
    f = function(module, "f", ctypes.c_double, ctypes.c_double)
    del module
    gc.collect()
    assert f(2.0) == 6.0


def test_wrong_code_and_unknown_functions_are_refused() -> None:
    with pytest.raises(RuntimeError):
        NativeModule("define void @f() { ret i32 }")
    with pytest.raises(KeyError, match="'nothing'"):
        NativeModule("define void @f() { ret void }").address("nothing")


def test_a_function_declared_twice_is_declared_once() -> None:
    assert join("declare void @f()\ndeclare void @g()", "declare void @f()").count("declare") == 2


def test_one_list_of_passes_serves_all_modules() -> None:
    text = "define double @one() {\n  ret double 1.0\n}"
    NativeModule(text)
    made = jit._passes.cache_info().misses
    for _ in range(3):
        assert function(NativeModule(text), "one", ctypes.c_double)() == 1.0
    assert jit._passes.cache_info().misses == made  # llvmlite never frees one


def test_threads_build_modules_at_the_same_time() -> None:
    found = []

    def work(number: int) -> None:
        module = NativeModule(f"define double @g() {{ ret double {number}.0 }}")
        found.append(function(module, "g", ctypes.c_double)() == number)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


# ---- functions in a few words of Python -----------------------------------------------------------------------------
SIEVE = """
def primes(flags, n):
    count = 0
    for i in range(2, n):
        if byte[flags + i] != 0:
            continue
        count = count + 1
        k = i * i
        while k < n:
            byte[flags + k] = 1
            k = k + i
        if count == LIMIT:
            break
    return count
"""
MIXED = """
def mixed(xs, n, out, f) -> float:
    best = 0.0
    saved = room(2)
    word[saved] = 5
    word[saved + 8] = word[saved] | 8
    for i in range(n):
        x = double[xs + 8 * i]
        if not (x == x and abs(x) < 100.0):
            int32[out + 4 * i] = 0 - 1
        elif x < 0.0 or x >= 10.0:
            int32[out + 4 * i] = plus(i, word[saved + 8]) & 255
        else:
            int32[out + 4 * i] = i
            if best < x:
                best = double.call(f, x)
    return best

def plus(i, by):
    return i + by
"""


POWERS = """
def total(xs, n) -> float:
    sum = float(n >> 1)
    for i in range(n):
        sum = sum + exp(log1p(double[xs + 8 * i])) + float(int(double[xs + 8 * i]))
    return sum
"""


def module_of(text: str, name: str, **words: float) -> NativeModule:
    functions = VectorMath(1)
    written = translated(text, name, words, functions)
    return NativeModule(functions.text() + written)


def test_functions_in_a_few_words_of_python_do_what_python_does() -> None:
    module = module_of(SIEVE, "primes", LIMIT=1000)
    flags = np.zeros(200, dtype=np.uint8)
    assert function(module, "primes", ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t)(flags.ctypes.data, 200) == 46
    assert [i for i in range(2, 50) if not flags[i]] == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47]
    few = function(module_of(SIEVE, "primes", LIMIT=3), "primes", *[ctypes.c_size_t] * 3)
    assert few(np.zeros(200, dtype=np.uint8).ctypes.data, 200) == 3


def test_doubles_conditions_and_calls() -> None:
    halved = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lambda x: x / 2.0)
    given = np.array([math.nan, 3.0, -1.0, math.inf, 10.0, 1.0, 99.5, -0.0])
    out = np.zeros(len(given), dtype=np.int32)
    f = function(module_of(MIXED, "mixed"), "mixed", ctypes.c_double, *[ctypes.c_size_t] * 4)
    where = ctypes.cast(halved, ctypes.c_void_p).value
    assert f(given.ctypes.data, len(given), out.ctypes.data, where) == 1.5
    assert out.tolist() == [-1, 1, 15, -1, 17, 5, 19, 7]


def test_words_and_doubles_are_not_mixed() -> None:
    for body in ("return x + 1", "y = 1\n    y = x", "if x < 1:\n        return 0"):
        with pytest.raises(TypeError, match=r"double"):
            module_of(f"def f(x: float):\n    {body}\n", "f")


def test_conversions_and_functions_of_the_c_library() -> None:
    given = np.array([0.5, 2.75, 7.0])
    total = function(module_of(POWERS, "total"), "total", ctypes.c_double, *[ctypes.c_size_t] * 2)
    assert total(given.ctypes.data, 3) == pytest.approx(1 + sum(given) + 3 + 0 + 2 + 7, rel=1e-15)


# ---- vector functions ------------------------------------------------------------------------------------------------
DOMAINS = {"log": (1e-3, 50), "log2": (1e-3, 50), "log10": (1e-3, 50), "log1p": (-0.99, 50), "asin": (-1, 1),
           "acos": (-1, 1), "acosh": (1, 50), "atanh": (-0.99, 0.99), "tgamma": (0.1, 20), "lgamma": (0.1, 20),
           "pow": (0.01, 50), "erfc": (-6, 20)}  # fmt: skip
EDGES = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 1e-310, -1e-310, 2.0**-1022, 1e22, 1e300, -1e300, math.inf, -math.inf,
         math.nan, 709.782712893384, 709.7827128933841, -708.5, -745.1332191019411, -745.2, 20.0, 2.0**-54]  # fmt: skip


@cache
def looped(name: str, lanes: int) -> Any:
    """A function of the library in a loop over arrays."""
    functions = VectorMath(lanes)
    code = Code(functions)
    operands = []
    for k in range(ARITY[name]):
        at = code.let(f"getelementptr double, ptr %x{k}, i64 %i")
        operands.append(code.let(f"load {functions.type}, ptr {at}, align 8"))
    result = code.function(name, *operands)
    at = code.let("getelementptr double, ptr %y, i64 %i")
    code.do(f"store {functions.type} {result}, ptr {at}, align 8")
    parameters = ", ".join([*[f"ptr %x{k}" for k in range(len(operands))], "ptr %y", "i64 %n"])
    lines = ["br label %l", "l:", "%i = phi i64 [0, %0], [%j, %l]", *code.lines, f"%j = add i64 %i, {lanes}",
             "%m = icmp ult i64 %j, %n", "br i1 %m, label %l, label %e", "e:", "ret void"]  # fmt: skip
    body = "\n".join(lines)
    module = NativeModule(join(f"define void @f({parameters}) {host().attributes} {{\n{body}\n}}", functions.text()))
    return function(module, "f", None, *[ctypes.c_void_p] * (len(operands) + 1), ctypes.c_size_t)


def over_arrays(name: str, lanes: int, *columns: Any) -> Any:
    """What it gives for arrays whose length is a multiple of the vector width."""
    y = np.empty_like(columns[0])
    looped(name, lanes)(*[x.ctypes.data for x in columns], y.ctypes.data, len(y))
    return y


def reference(name: str, x: float) -> float:
    if name == "sigmoid":
        return 1 / (1 + math.exp(-x)) if not x < 0 else math.exp(x) / (1 + math.exp(x))
    return max(x, 0.0) + math.log1p(math.exp(-abs(x))) if x == x else x


@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("name", sorted(ARITY))
def test_a_vector_function_agrees_with_the_c_library(name: str, lanes: int) -> None:
    rng = np.random.default_rng(0)
    low, high = DOMAINS.get(name, (-30, 30))
    columns = [np.concatenate([rng.uniform(low, high, 400), np.clip(rng.normal(size=144) * 1e-6, low, high)])]
    edges = [np.array((EDGES * 8)[: len(EDGES) // 8 * 8 + 8])]
    if ARITY[name] == 2:
        columns.append(rng.uniform(-20, 20, len(columns[0])))
        edges = [np.repeat(edges[0], 8), np.resize(edges[0], len(edges[0]) * 8)]
    for arrays in (columns, edges):
        got = over_arrays(name, lanes, *arrays)
        if name in ("sigmoid", "softplus"):
            want = np.array([reference(name, x) for x in arrays[0].tolist()])
        else:
            want = over_arrays(name, 1, *arrays)
        with np.errstate(all="ignore"):
            close = np.abs(got - want) <= 4 * np.spacing(np.abs(want))
        same = (got == want) & (np.signbit(got) == np.signbit(want)) | np.isnan(got) & np.isnan(want)
        wrong = ~(same | close)
        assert not wrong.any(), (list(zip(*[x[wrong] for x in arrays])), got[wrong], want[wrong])


def test_one_lane_is_the_c_library_bit_for_bit() -> None:
    x = np.random.default_rng(0).uniform(-5, 5, 64)
    assert over_arrays("tanh", 1, x).tolist() == [math.tanh(v) for v in x.tolist()]
    assert over_arrays("exp", 1, x).tolist() == [math.exp(v) for v in x.tolist()]


def test_an_unknown_function_is_named() -> None:
    with pytest.raises(ValueError, match="'sinc'"):
        VectorMath(1).use("sinc")


# ---- matrix products -------------------------------------------------------------------------------------------------
SHAPES = [(1, 1, 1), (1, 7, 3), (3, 1, 5), (10, 64, 64), (16, 100, 2), (13, 29, 31), (64, 10, 64), (2, 16, 100),
          (9, 11, 8), (5, 12, 3), (33, 18, 70)]  # fmt: skip


def matrix(kind: str, rows: int, columns: int, first: int) -> list[list[int]]:
    """The numbers of the members of a matrix, which lies in memory row by row (N) or column by column (T)."""
    if kind == "N":
        return [[first + i * columns + j for j in range(columns)] for i in range(rows)]
    return [[first + j * rows + i for j in range(columns)] for i in range(rows)]


@pytest.mark.parametrize("start", ["none", "matrix", "bias"])
@pytest.mark.parametrize("kind", ["NN", "NT", "TN", "TT"])
@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
def test_a_matrix_product(m: int, n: int, k: int, kind: str, start: str) -> None:
    rng = np.random.default_rng(0)
    builder = Builder()
    numbers = builder.leaf(Kind.ARGUMENT, range(m * k + k * n + m * n))
    a, b, s = matrix(kind[0], m, k, 0), matrix(kind[1], k, n, m * k), matrix("N", m, n, m * k + k * n)
    cells = [(i, j, t) for i in range(m) for j in range(n) for t in range(k)]
    left, right = [a[i][t] for i, _, t in cells], [b[t][j] for _, j, t in cells]
    terms = [builder.terms([i * n + j for i, j, _ in cells], builder.read(numbers, left), builder.read(numbers, right))]
    added = {"none": [], "matrix": s, "bias": [row[:1] * n for row in s]}[start]
    if added:
        terms.append(builder.terms(range(m * n), builder.read(numbers, [place for row in added for place in row])))
    machine = Machine(builder.program([builder.sum(m * n, terms)]))
    x = rng.normal(size=m * k + k * n + m * n)
    want = x[np.array(a)] @ x[np.array(b)] + (x[np.array(added)] if added else 0.0)
    for _ in range(2):  # a second run finds old numbers in memory
        found = np.array(machine(x, [])[0]).reshape(m, n)
        np.testing.assert_allclose(found, want, rtol=1e-11, atol=1e-12)


# ---- builtin functions -----------------------------------------------------------------------------------------------
KERNEL = """
declare double @exp(double)
define void @kernel(ptr noalias %in, ptr noalias %out) {
  %a = load double, ptr %in
  %pb = getelementptr double, ptr %in, i64 1
  %b = load double, ptr %pb
  %pe = getelementptr double, ptr %in, i64 2
  %e = load double, ptr %pe
  %x = fmul double %a, %b
  %y = call double @exp(double %e)
  %z = fadd double %x, %y
  store double %z, ptr %out
  %o1 = getelementptr double, ptr %out, i64 1
  store double %b, ptr %o1
  %o2 = getelementptr double, ptr %out, i64 2
  store double %a, ptr %o2
  %o3 = getelementptr double, ptr %out, i64 3
  store double %y, ptr %o3
  ret void
}
"""


@needs_builtins
def test_a_builtin_takes_floats_in_the_shape_it_was_made_for() -> None:
    f = builtin("f", KERNEL, (1.0, [1.0, 1.0]), 4, (0, (1, [2, 3])), lambda *_: "slow")
    assert type(f) is type(len)
    assert f.__name__ == "f"
    assert f(2.0, [3.0, 0.0]) == (7.0, (3.0, [2.0, 1.0]))
    assert f(2.0, [3.0, -1.0]) == (6 + math.exp(-1), (3.0, [2.0, math.exp(-1)]))
    assert f(-1.0, [-1.0, 0.0], **{}) == (2.0, (-1.0, [-1.0, 1.0]))
    assert f(2, [3.0, -1.0]) == f(2.0, [3.0, -1]) == "slow"  # an int may mean something else to the function
    assert f(2.0, (3.0, -1.0)) == "slow"  # so may a tuple


@needs_builtins
@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [((), {}), ((1.0,), {}), ((1.0, 2.0), {}), ((1.0, [1.0]), {}), ((1.0, [1.0, "x"]), {}), ((10**400, [1, 2]), {}),
     ((True, [1.0, 2.0]), {}), ((1.0, [1.0, 2.0]), {"k": 1}), ((np.float64(1), [1.0, 2.0]), {}),
     ((-1, [1, 10**400]), {})],
)  # fmt: skip
def test_anything_else_goes_to_python_with_the_same_arguments(arguments: Any, keywords: Any) -> None:
    seen = []

    def slow(*args: Any, **kw: Any) -> str:
        seen.append((args, kw))
        return "slow"

    f = builtin("f", KERNEL, (1.0, [1.0, 1.0]), 4, 0, slow)
    assert f(*arguments, **keywords) == "slow"
    assert seen == [(arguments, keywords)]


@needs_builtins
def test_a_builtin_is_freed_by_reference_counting_alone() -> None:
    gone = []

    class Slow:
        def __call__(self) -> str:
            return "slow"

        def __del__(self) -> None:
            gone.append(True)

    gc.disable()
    try:
        f = builtin("f", KERNEL, (1.0, [1.0, 1.0]), 4, 0, Slow())
        assert f() == "slow"
        assert f(1.0, [2.0, 0.0]) == 3.0
        del f
        assert gone == [True]
    finally:
        gc.enable()


@needs_builtins
def test_calls_leave_no_reference_behind() -> None:
    f = builtin("f", KERNEL, (1.0, [1.0, 1.0]), 4, (0, (1, [2, 3])), lambda *_: "slow")
    pair = [3.0, 12345.0]
    before = sys.getrefcount(pair), sys.getrefcount(pair[1])
    for _ in range(1000):
        f(2.0, pair)
    assert (sys.getrefcount(pair), sys.getrefcount(pair[1])) == before


@needs_builtins
def test_threads_call_one_builtin() -> None:
    f = builtin("f", KERNEL, (1.0, [1.0, 1.0]), 4, (0, (1, [2, 3])), lambda *_: "slow")
    wrong = []

    def work(x: float) -> None:
        expected = (7.0 + 3.0 * (x - 2.0), (3.0, [x, 1.0]))
        for _ in range(3000):
            if (found := f(x, [3.0, 0.0])) != expected:
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(float(k),)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
