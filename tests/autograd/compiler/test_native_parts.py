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

from autograd.compiler.machine.memory import aligned  # noqa: E402  (needs the packages above)
from autograd.compiler.machine.native import jit, matmul  # noqa: E402
from autograd.compiler.machine.native.code import Code  # noqa: E402
from autograd.compiler.machine.native.jit import NativeModule, codegen_level, host, join  # noqa: E402
from autograd.compiler.machine.native.matmul import Matrix, declarations, emit_matmul  # noqa: E402
from autograd.compiler.machine.native.pycall import available, builtin  # noqa: E402
from autograd.compiler.machine.native.vector_math import ARITY, VectorMath  # noqa: E402

WIDTHS = [lanes for lanes in (1, 2, 4, 8) if lanes <= host().lanes]
needs_builtins = pytest.mark.skipif(not available(), reason="builtin functions are made on CPython with its lock only")


# ---- modules ---------------------------------------------------------------------------------------------------------
def test_a_function_returns_what_its_code_says_and_outlives_the_module_s_name() -> None:
    f = NativeModule("define double @f(double %x) { %y = fmul double %x, 3.0\n ret double %y }").function(
        "f", ctypes.c_double, ctypes.c_double
    )
    gc.collect()
    assert f(2.0) == 6.0


def test_wrong_code_and_unknown_functions_are_refused() -> None:
    with pytest.raises(RuntimeError):
        NativeModule("define void @f() { ret i32 }")
    with pytest.raises(KeyError, match="'nothing'"):
        NativeModule("define void @f() { ret void }").address("nothing")


def test_a_function_declared_twice_is_declared_once() -> None:
    assert join("declare void @f()\ndeclare void @g()", "declare void @f()").count("declare") == 2


def test_long_code_is_compiled_with_less_effort() -> None:
    assert [codegen_level(n) for n in (1, 2000, 2001)] == [2, 2, 0]


def test_one_list_of_passes_serves_all_modules() -> None:
    text = "define double @one() {\n  ret double 1.0\n}"
    NativeModule(text, passes=1)
    made = jit._passes.cache_info().misses
    for _ in range(3):
        assert NativeModule(text, passes=1).function("one", ctypes.c_double)() == 1.0
    assert jit._passes.cache_info().misses == made  # llvmlite never frees one


def test_threads_build_modules_at_the_same_time() -> None:
    found = []

    def work(number: int) -> None:
        module = NativeModule(f"define double @g() {{ ret double {number}.0 }}")
        found.append(module.function("g", ctypes.c_double)() == number)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


# ---- vector functions ------------------------------------------------------------------------------------------------
DOMAINS = {"log": (1e-3, 50), "log2": (1e-3, 50), "log10": (1e-3, 50), "log1p": (-0.99, 50), "asin": (-1, 1),
           "acos": (-1, 1), "acosh": (1, 50), "atanh": (-0.99, 0.99), "tgamma": (0.1, 20), "lgamma": (0.1, 20),
           "pow": (0.01, 50), "erfc": (-6, 20)}  # fmt: skip
EDGES = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 1e-310, -1e-310, 2.0**-1022, 1e22, 1e300, -1e300, math.inf, -math.inf,
         math.nan, 709.782712893384, 709.7827128933841, -708.5, -745.1332191019411, -745.2, 20.0, 2.0**-54]  # fmt: skip


@cache
def looped(name: str, lanes: int, exact: bool) -> Any:
    """A function of the library in a loop over arrays."""
    functions = VectorMath(lanes, exact)
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
    return module.function("f", None, *[ctypes.c_void_p] * (len(operands) + 1), ctypes.c_size_t)


def over_arrays(name: str, lanes: int, exact: bool, *columns: Any) -> Any:
    """What it gives for arrays whose length is a multiple of the vector width."""
    y = np.empty_like(columns[0])
    looped(name, lanes, exact)(*[x.ctypes.data for x in columns], y.ctypes.data, len(y))
    return y


def reference(name: str, x: float) -> float:
    if name == "sigmoid":
        return 1 / (1 + math.exp(-x)) if not x < 0 else math.exp(x) / (1 + math.exp(x))
    return max(x, 0.0) + math.log1p(math.exp(-abs(x))) if x == x else x


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("name", ARITY)
def test_a_vector_function_agrees_with_the_c_library(name: str, lanes: int, exact: bool) -> None:
    rng = np.random.default_rng(0)
    low, high = DOMAINS.get(name, (-30, 30))
    columns = [np.concatenate([rng.uniform(low, high, 400), np.clip(rng.normal(size=144) * 1e-6, low, high)])]
    edges = [np.array((EDGES * 8)[: len(EDGES) // 8 * 8 + 8])]
    if ARITY[name] == 2:
        columns.append(rng.uniform(-20, 20, len(columns[0])))
        edges = [np.repeat(edges[0], 8), np.resize(edges[0], len(edges[0]) * 8)]
    for arrays in (columns, edges):
        got = over_arrays(name, lanes, exact, *arrays)
        if name in ("sigmoid", "softplus"):
            want = np.array([reference(name, x) for x in arrays[0].tolist()])
        else:
            want = over_arrays(name, 1, True, *arrays)
        with np.errstate(all="ignore"):
            close = np.abs(got - want) <= 4 * np.spacing(np.abs(want))
        same = (got == want) & (np.signbit(got) == np.signbit(want)) | np.isnan(got) & np.isnan(want)
        wrong = ~(same | close)
        assert not wrong.any(), (list(zip(*[x[wrong] for x in arrays])), got[wrong], want[wrong])


def test_one_lane_is_the_c_library_bit_for_bit() -> None:
    x = np.random.default_rng(0).uniform(-5, 5, 64)
    assert over_arrays("tanh", 1, False, x).tolist() == [math.tanh(v) for v in x.tolist()]
    assert over_arrays("exp", host().lanes, True, x).tolist() == [math.exp(v) for v in x.tolist()]


def test_an_unknown_function_is_named() -> None:
    with pytest.raises(ValueError, match="'sinc'"):
        VectorMath(1).use("sinc")


# ---- matrix products -------------------------------------------------------------------------------------------------
def matrix(rows: int, columns: int, rng: Any, transposed: bool = False, pad: int = 3) -> Any:
    if transposed:
        return matrix(columns, rows, rng, pad=pad).T
    full = aligned(rows, columns + pad)
    full[...] = rng.normal(size=full.shape)
    return full[:, :columns]


def strides(x: Any) -> Matrix:
    return Matrix(x.strides[0] // 8, x.strides[1] // 8)


SHAPES = [(1, 1, 1), (1, 7, 3), (3, 1, 5), (10, 64, 64), (16, 100, 2), (13, 29, 31), (64, 10, 64), (2, 16, 100),
          (50, 70, 300), (48, 33, 256)]  # fmt: skip


@pytest.mark.parametrize("lanes", sorted({2, host().lanes}))
@pytest.mark.parametrize("start", ["none", "accumulate", "matrix", "bias"])
@pytest.mark.parametrize("kind", ["NN", "NT", "TN"])
def test_a_matrix_product(kind: str, start: str, lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for number, (m, n, k) in enumerate(SHAPES):
        if number == len(SHAPES) - 1:  # as if B were large: panels of it are copied together
            monkeypatch.setattr(matmul, "_SPREAD", 1)
        whole = aligned(m, n + 3)
        whole[...] = 7.0
        c, a = whole[:, :n], matrix(m, k, rng, kind[0] == "T")
        b, s = matrix(k, n, rng, kind[1] == "T"), matrix(m, n, rng)
        s_strides = Matrix(strides(s).rows, 0 if start == "bias" else 1)
        added = {"none": 0.0, "accumulate": c.copy(), "matrix": s, "bias": s[:, :1]}[start]
        text = emit_matmul("product", m, n, k, strides(c), strides(a), strides(b), lanes=lanes,
                           start=s_strides if start in ("matrix", "bias") else None,
                           accumulate=start == "accumulate")  # fmt: skip
        enter = ("define void @enter(ptr %c, ptr %a, ptr %b, ptr %s) {\n"
                 "call void @product(ptr %c, ptr %a, ptr %b, ptr %s)\nret void\n}")  # fmt: skip
        f = NativeModule(join(text, declarations(lanes), enter), 1, 0).function("enter", None, *[ctypes.c_void_p] * 4)
        want = a @ b + added
        f(*[x.ctypes.data for x in (c, a, b, s)])
        np.testing.assert_allclose(c, want, rtol=1e-11, atol=1e-12)
        assert (whole[:, n:] == 7.0).all()  # nothing is written beside C


def test_strides_without_a_kernel_and_empty_products_are_refused() -> None:
    with pytest.raises(ValueError, match="no contiguous direction"):
        emit_matmul("p", 4, 4, 4, Matrix(8, 2), Matrix(8, 2), Matrix(8, 2))
    with pytest.raises(ValueError, match="at least 1"):
        emit_matmul("p", 4, 0, 4, Matrix(4, 1), Matrix(4, 1), Matrix(4, 1))


# ---- builtin functions -----------------------------------------------------------------------------------------------
KERNEL = """
declare double @exp(double)
define internal void @kernel(ptr noalias %in, ptr noalias %out, ptr %c) {
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
    f = builtin("f", KERNEL, [None, (None, None)], 4, (0, (1, [2, 3])), lambda *_: "slow")
    assert type(f) is type(len)
    assert f.__name__ == "f"
    assert f(2.0, [3.0, 0.0]) == (7.0, (3.0, [2.0, 1.0]))
    assert f(2.0, (3.0, -1.0)) == (6 + math.exp(-1), (3.0, [2.0, math.exp(-1)]))
    assert f(-1.0, [-1.0, 0.0]) == (2.0, (-1.0, [-1.0, 1.0]))
    assert f(2, (3.0, -1.0)) == f(2.0, (3.0, -1)) == "slow"  # an int may mean something else to the function


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

    f = builtin("f", KERNEL, [None, (None, None)], 4, 0, slow)
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
        f = builtin("f", KERNEL, [None, (None, None)], 4, 0, Slow())
        assert f() == "slow"
        assert f(1.0, [2.0, 0.0]) == 3.0
        del f
        assert gone == [True]
    finally:
        gc.enable()


@needs_builtins
def test_calls_leave_no_reference_behind() -> None:
    f = builtin("f", KERNEL, [None, (None, None)], 4, (0, (1, [2, 3])), lambda *_: "slow")
    pair = [3.0, 12345.0]
    before = sys.getrefcount(pair), sys.getrefcount(pair[1])
    for _ in range(1000):
        f(2.0, pair)
    assert (sys.getrefcount(pair), sys.getrefcount(pair[1])) == before


@needs_builtins
def test_threads_call_one_builtin() -> None:
    f = builtin("f", KERNEL, [None, (None, None)], 4, (0, (1, [2, 3])), lambda *_: "slow")
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
