"""Native kernels agree with the plain interpreter of array programs, whatever the program; and keep their promises."""

from __future__ import annotations

import gc
import math
import threading
import weakref
from typing import Any

import pytest
from autograd.compiler.arrays import Array, ArrayProgram, Step, View
from autograd.compiler.program import DOT, TOTAL
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import functional, ops, sin
from tests.array_reference import evaluate, outputs

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from autograd.compiler.native.plan import Plan  # noqa: E402

from autograd.compiler.native import Kernel  # noqa: E402  (needs the packages above)

LANES = [1, 1, 2, 7, 8, 13, 16, 100]
OPS = [ops.add, ops.mul, ops.sub, ops.tanh, ops.sin, ops.neg, ops.maximum, ops.step, ops.relu, ops.select]
NUMBERS = st.integers(-8, 8).map(lambda n: n / 4)


class Builder:
    """A random array program, step by step; ``draw`` is Hypothesis's."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.lanes = draw(st.sampled_from(LANES))
        self.arrays: list[Array] = []
        self.steps: list[Step] = []
        for kind in ("argument", "argument", "parameter", "parameter", "constant"):
            rows, lanes = draw(st.integers(1, 12)), self.lanes if kind == "argument" else 1
            payload = tuple(draw(st.lists(NUMBERS, min_size=rows, max_size=rows))) if kind == "constant" else ()
            self.arrays.append(Array(rows, lanes, kind, payload))

    def view(self, ni: int, nj: int, lanes: int | None = None) -> View:
        """Rows of an array that a space fits into, forwards or backwards."""
        fits = [k for k, a in enumerate(self.arrays) if lanes in (None, a.lanes)]
        number = self.draw(st.sampled_from(fits[-6:] if self.draw(st.booleans()) else fits))
        rows = self.arrays[number].rows
        choices = [(0, 0), (nj, 1), (1, 0), (0, 1), (1, ni), (-1, 0), (0, -1), (nj, -1), (2, 1)]
        step_i, step_j = self.draw(st.sampled_from(choices))
        corners = [i * step_i + j * step_j for i in (0, ni - 1) for j in (0, nj - 1)]
        if max(corners) - min(corners) >= rows:
            step_i = step_j = 0
            corners = [0]
        return View(number, -min(corners) + self.draw(st.integers(0, rows - 1 - max(corners) + min(corners))),
                    step_i, step_j)  # fmt: skip

    def add(self) -> None:
        ni, nj = self.draw(st.sampled_from([(1, 1), (1, 1), (4, 1), (12, 1), (3, 4), (2, 5), (9, 2), (1, 6)]))
        kind = self.draw(st.sampled_from(["map", "map", "map", "product", "reduce", "gather"]))
        if kind == "reduce" and self.lanes == 1:
            kind = "map"
        rows: tuple[tuple[int, int], ...] = ()
        if kind == "map":
            op = self.draw(st.sampled_from(OPS))
            arity = 3 if op is ops.select else 1 if isinstance(op, ops.Unary) else 2
            operands = [self.view(ni, nj) for _ in range(arity)]
        elif kind == "product":
            op = ops.sum_of_products
            operands = [self.view(ni, nj), self.view(ni, nj)]
            operands += [self.view(ni, 1)] * self.draw(st.integers(0, 1))
        elif kind == "reduce":
            op = self.draw(st.sampled_from([TOTAL, DOT]))
            operands = [self.view(ni, nj, self.lanes)] + ([self.view(ni, nj)] if op is DOT else [])
        else:
            op, operands = ops.identity, []
            count = self.draw(st.sampled_from([1, 3, 40]))
            rows = tuple((self.draw(st.integers(0, len(self.arrays) - 1)), 0) for _ in range(count))
            rows = tuple((k, self.draw(st.integers(0, self.arrays[k].rows - 1))) for k, _ in rows)
            ni, nj = count, 1
        read = [view.array for view in operands] + [array for array, _ in rows]
        lanes = 1 if kind == "reduce" else max(self.arrays[k].lanes for k in read)
        self.arrays.append(Array(ni if kind == "product" else ni * nj, lanes, "computed"))
        self.steps.append(Step(op, kind, len(self.arrays) - 1, ni, nj, tuple(operands), rows))

    def program(self) -> ArrayProgram:
        written = [(k, self.draw(st.integers(0, a.rows - 1))) for k, a in enumerate(self.arrays)]
        chosen = self.draw(st.lists(st.sampled_from(written), min_size=1, max_size=4))
        return ArrayProgram(self.arrays, self.steps, [written[-1], *chosen])


@st.composite
def programs(draw: Any, most: int = 14) -> ArrayProgram:
    builder = Builder(draw)
    for _ in range(draw(st.integers(1, most))):
        builder.add()
    return builder.program()


def numbers_for(program: ArrayProgram, seed: int = 0) -> dict[int, list[list[float]]]:
    rng = np.random.default_rng(seed)
    return {
        k: rng.uniform(-1, 1, (array.rows, array.lanes)).tolist()
        for k, array in enumerate(program.arrays)
        if array.kind in ("argument", "parameter")
    }


def filled(kernel: Kernel, given: dict[int, list[list[float]]]) -> Any:
    """A frame with these numbers, and nan in all that the kernel must not rely on."""
    frame = kernel.frame()
    frame[:] = math.nan
    for k, rows in given.items():
        kernel.rows(frame, k)[...] = rows if kernel.program.arrays[k].lanes > 1 else [row[0] for row in rows]
    return frame


def assert_close(got: Any, want: Any, size: float) -> None:
    np.testing.assert_allclose(np.atleast_1d(got), np.array(want), rtol=1e-12, atol=1e-13 * size)


def size_of(memory: list[list[list[float]]]) -> float:
    """The largest number met: what cancellation errors are measured by."""
    return max(1.0, *(abs(x) for rows in memory for row in rows for x in row if math.isfinite(x)))


@settings(max_examples=60)
@given(programs())
def test_a_kernel_computes_what_the_steps_say(program: ArrayProgram) -> None:
    numbers = numbers_for(program)
    kernel = Kernel(program)
    frame = filled(kernel, numbers)
    memory = evaluate(program, numbers)
    for _ in range(2):  # the second time over the results of the first
        kernel.run(frame)
        for got, (array, row) in zip(kernel.read(frame), program.outputs):
            assert_close(got, memory[array][row], size_of(memory) ** 2)


@settings(max_examples=40)
@given(programs(8), st.data())
def test_carried_outputs_replace_rows_after_everything_was_read(program: ArrayProgram, data: Any) -> None:
    state = [(k, row) for k, a in enumerate(program.arrays) if a.kind == "parameter" for row in range(a.rows)]
    candidates = [(k, row) for k, a in enumerate(program.arrays) if a.lanes == 1 for row in range(a.rows)]
    targets = data.draw(st.lists(st.sampled_from(state), unique=True, min_size=1))
    sources = [data.draw(st.sampled_from(candidates)) for _ in targets]
    program = program._replace(outputs=[*sources, sources[0]])
    kernel = Kernel(program, carried=list(enumerate(targets)), recorded=[len(sources)])
    numbers = numbers_for(program)
    frame = filled(kernel, numbers)
    noted = kernel.run_steps(frame, steps=3)
    for step in range(3):
        found = outputs(program, numbers)
        assert_close(noted[step], found[-1], 1e3)
        for (array, row), new in zip(targets, found):
            numbers[array][row] = list(new)
    for array, row in targets:
        assert_close(kernel.rows(frame, array)[row], numbers[array][row], 1e3)


def update(rows: int, whole: bool = True) -> tuple[ArrayProgram, list[tuple[int, tuple[int, int]]]]:
    """w <- w - 0.5 Σ_lanes x, and the sum over the lanes of the first row of x."""
    arrays = [Array(rows, 10, "argument"), Array(rows, 1, "parameter"), Array(rows, 1, "computed"),
              Array(1, 1, "constant", (0.5,)), Array(rows, 1, "computed"), Array(rows, 1, "computed")]  # fmt: skip
    own = (1, 0)
    steps = [Step(TOTAL, "reduce", 2, rows, 1, (View(0, 0, *own),)),
             Step(ops.mul, "map", 4, rows, 1, (View(2, 0, *own), View(3, 0))),
             Step(ops.sub, "map", 5, rows, 1, (View(1, 0, *own), View(4, 0, *own)))]  # fmt: skip
    last = rows if whole else rows - 1
    program = ArrayProgram(arrays, steps, [(2, 0), *[(5, row) for row in range(last)]])
    return program, [(1 + row, (1, row)) for row in range(last)]


@pytest.mark.parametrize("whole", [True, False])
def test_steps_read_their_batches_where_they_are(whole: bool) -> None:
    program, carried = update(5, whole)
    kernel = Kernel(program, carried=carried, recorded=[0])
    shared = kernel.layout.places[5] == kernel.layout.places[1]
    assert shared == whole  # an update of a whole array happens in its memory
    frame, data = kernel.frame(), kernel.batches(4)
    x = np.random.default_rng(0).normal(size=(4, 5, 10))
    kernel.write(data, 0, x)
    kernel.write(frame, 1, np.arange(5.0))
    noted = kernel.run_steps(frame, data)
    np.testing.assert_allclose(noted[:, 0], x[:, 0].sum(1))
    want = np.arange(5.0) - 0.5 * x.sum((0, 2))
    last = 5 if whole else 4
    np.testing.assert_allclose(kernel.rows(frame, 1)[:last], want[:last])
    assert kernel.run_steps(frame, data, steps=2).shape == (2, 1)


def test_wrong_data_are_refused() -> None:
    program, carried = update(3)
    kernel = Kernel(program, carried=carried)
    frame = kernel.frame()
    with pytest.raises(ValueError, match=r"\(2, 7\).*batches"):
        kernel.run_steps(frame, np.zeros((2, 7)))
    with pytest.raises(ValueError, match="5 steps asked for, but there are 2"):
        kernel.run_steps(frame, kernel.batches(2), steps=5)
    with pytest.raises(ValueError, match="frame"):
        kernel.run(np.zeros(3))
    with pytest.raises(ValueError, match="carries"):
        kernel.builtin("f", [None], [(1, 0)], 0, lambda: None)


@settings(max_examples=20)
@given(st.lists(st.sampled_from([0.0, 1.0, -2.0, math.inf, -math.inf, math.nan]), min_size=3, max_size=3))
def test_padding_is_not_summed_whatever_it_holds(row: list[float]) -> None:
    arrays = [Array(1, 3, "argument"), Array(1, 3, "computed"), Array(1, 1, "computed"), Array(1, 1, "computed")]
    steps = [Step(ops.log, "map", 1, 1, 1, (View(0, 0),)), Step(TOTAL, "reduce", 2, 1, 1, (View(1, 0),)),
             Step(DOT, "reduce", 3, 1, 1, (View(0, 0), View(1, 0)))]  # fmt: skip
    program = ArrayProgram(arrays, steps, [(2, 0), (3, 0)])
    kernel = Kernel(program)
    frame = filled(kernel, {0: [row]})
    kernel.run(frame)
    assert_close(kernel.read(frame), np.ravel(outputs(program, {0: [row]})), 1.0)


# ---- straight-line programs, one point and many ----------------------------------------------------------------------
def chain(count: int, inputs: int = 3) -> ArrayProgram:
    """Operations on one of the last 40 results and an input; the parameter is the last row of its own array."""
    arrays = [Array(1, 1, "argument")] * inputs + [Array(2, 1, "parameter"), Array(1, 1, "constant", (0.5,))]
    steps = []
    rng = np.random.default_rng(count)
    for k in range(count):
        read = int(rng.integers(max(0, len(arrays) - 40), len(arrays))), int(rng.integers(inputs))
        operands = [View(array, 1 if array == inputs else 0) for array in read]
        op = [ops.mul, ops.add, ops.sin, ops.sub, ops.cos][k % 5]
        steps.append(Step(op, "map", len(arrays), 1, 1, tuple(operands[: 1 if isinstance(op, ops.Unary) else 2])))
        arrays.append(Array(1, 1, "computed"))
    return ArrayProgram(arrays, steps, [(len(arrays) - 1, 0), (len(arrays) - 2, 0), (0, 0), (inputs, 1)])


def chain_at(program: ArrayProgram, point: list[float], parameter: float) -> list[float]:
    given = {k: [[x]] for k, x in enumerate(point)} | {len(point): [[math.nan], [parameter]]}
    return [row[0] for row in outputs(program, given)]


@pytest.mark.parametrize("count", [1, 30, 900, 5000])
def test_a_straight_line_program_at_one_point_and_at_many(count: int) -> None:
    program = chain(count)
    kernel = Kernel(program)
    block = np.array([0.25])
    where: dict[str, Any] = {"parameters": [(3, 1)], "block": block.ctypes.data}
    inputs = [(0, 0), (1, 0), (2, 0)]
    slow: list[Any] = []
    f = kernel.builtin("f", [None, (None, None)], inputs, (0, [1, (2, 3)]), slow.append, **where)
    want = chain_at(program, [0.5, -1.0, 2.0], 0.25)
    assert f(0.5, [-1, 2.0]) == (want[0], [want[1], (want[2], want[3])])  # the very numbers of Python's math
    assert f("x") is None
    assert slow == ["x"]
    block[0] = -0.75
    assert f(0.5, (-1, 2.0))[0] == chain_at(program, [0.5, -1.0, 2.0], -0.75)[0]
    g = kernel.mapped("g", inputs, lambda *_: "slow", **where)
    points = np.random.default_rng(1).uniform(-1, 1, (3, 37))
    for n in (0, 1, 8, 37):
        x = [np.array(row[:n]) for row in points]
        y = [np.full(n + 1, math.nan) for _ in range(4)]
        assert g(*x, *[row[:n] for row in y]) is None
        for k in range(n):
            np.testing.assert_allclose([row[k] for row in y], chain_at(program, list(points[:, k]), -0.75), rtol=1e-10)
        assert all(math.isnan(row[n]) for row in y)
    assert g(np.zeros(3), [1.0]) == "slow"


def test_many_points_of_a_program_with_lanes() -> None:
    arrays = [Array(1, 1, "argument"), Array(1, 9, "constant", (tuple(map(float, range(9))),)),
              Array(1, 9, "computed"), Array(1, 1, "computed")]  # fmt: skip
    steps = [Step(ops.mul, "map", 2, 1, 1, (View(0, 0), View(1, 0))), Step(TOTAL, "reduce", 3, 1, 1, (View(2, 0),))]
    kernel = Kernel(ArrayProgram(arrays, steps, [(3, 0)]))
    g = kernel.mapped("g", [(0, 0)], lambda *_: "slow")
    x, y = np.arange(5.0), np.zeros(5)
    g(x, y)
    assert y.tolist() == (36 * x).tolist()
    assert kernel.builtin("f", [None], [(0, 0)], 0, lambda *_: "slow")(0.5) == 18.0


def test_lanes_cannot_be_returned_as_floats() -> None:
    kernel = Kernel(ArrayProgram([Array(1, 4, "argument")], [], [(0, 0)]))
    with pytest.raises(ValueError, match=r"outputs \[0\] have lanes"):
        kernel.builtin("f", [], [], 0, lambda: None)
    with pytest.raises(ValueError, match="4 lanes"):
        Kernel(kernel.program, recorded=[0]).run_steps(kernel.frame())


def test_threads_run_one_kernel_on_frames_of_their_own() -> None:
    program, _ = update(4)
    kernel = Kernel(program)
    wrong = []

    def work(seed: int) -> None:
        frame = kernel.frame()
        for k in range(200):
            x = np.full((4, 10), float(seed + k))
            kernel.write(frame, 0, x)
            kernel.run(frame)
            if kernel.read(frame)[0] != x[0].sum():
                wrong.append((seed, k))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_function_outlives_its_kernel_and_frees_everything() -> None:
    arrays = [Array(1, 1, "argument"), Array(3, 1, "constant", (1.0, 2.0, 4.0)), Array(3, 1, "computed"),
              Array(1, 1, "computed")]  # fmt: skip
    steps = [Step(ops.mul, "map", 2, 3, 1, (View(0, 0), View(1, 0, 1))),
             Step(ops.sum_of_products, "product", 3, 1, 3, (View(2, 0, 0, 1), View(1, 0, 0, 1)))]  # fmt: skip
    kernel = Kernel(ArrayProgram(arrays, steps, [(3, 0)]))
    f = kernel.builtin("f", [None], [(0, 0)], 0, lambda *_: None)
    memory = weakref.ref(kernel.assembly.constants)
    del kernel
    gc.collect()
    assert memory() is not None  # the code reads the constants
    assert f(2.0) == 42.0
    del f
    gc.collect()
    assert memory() is None


def test_what_is_computed_again_is_found_in_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step of a pendulum is read twice by the next: there are 2^80 ways through it."""
    calls = 0
    recipe = Plan._recipe

    def counted(self: Plan, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        return recipe(self, *args)

    monkeypatch.setattr(Plan, "_recipe", counted)

    def pendulum(angle: Any, speed: Any) -> Any:
        for _ in range(80):
            speed = speed - 0.1 * sin(angle)
            angle = angle + 0.02 * speed
        return angle * speed

    compiled = autograd.compile(pendulum, backend="native")
    value, gradient = compiled.value_and_grad(1.0, 0.5)
    expected, slope = functional.value_and_grad(pendulum, argnums=(0, 1))(1.0, 0.5)
    assert (value, gradient) == (pytest.approx(expected), pytest.approx(slope))
    assert 0 < calls < 10 * len(compiled.program)
