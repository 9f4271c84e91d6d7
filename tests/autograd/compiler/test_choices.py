"""Indices at run time: random programs that look members of lists up, compiled against the engine, in all ways."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import autograd
import nn
from autograd import Value, functional, ops
from autograd.compiler.pipeline import Leaf, inlined
from autograd.compiler.program.builder import Builder
from autograd.compiler.program.classes import Array, Kind, Program, ProgramError, Read, choice_of
from autograd.compiler.program.differentiate import differentiate
from autograd.compiler.program.indices import Index
from autograd.compiler.python.writer import PythonKernel
from tests.support.class_reference import evaluate

BACKENDS = ["native", "python"]
pytest.importorskip("llvmlite")
from autograd.compiler.machine.machine import Machine  # noqa: E402 - needs llvmlite


# ---- whole programs --------------------------------------------------------------------------------------------------
class Drawn:
    """A random function of a list of ints; it looks members up in lists of all kinds, in a loop over the ints."""

    def __init__(self, rng: random.Random) -> None:
        self.rows, self.columns = rng.randint(2, 6), rng.randint(1, 4)
        self.table = [[Value(rng.uniform(0.5, 2.0)) for _ in range(self.columns)] for _ in range(self.rows)]
        self.vector = [Value(rng.uniform(0.5, 2.0)) for _ in range(rng.randint(2, 5))]
        self.numbers = [rng.uniform(-1.0, 1.0) for _ in range(self.rows)]
        self.order = rng.sample(range(self.rows), self.rows)
        self.ways = [rng.choice(self.WAYS) for _ in range(rng.randint(1, 4))]
        self.shift, self.cut = rng.randint(-1, 1), rng.randint(0, 1)

    def leaves(self) -> list[Value]:
        return [*self.vector, *[x for row in self.table for x in row]]

    def __call__(self, ints: Sequence[int]) -> Any:
        total: Any = 0.0
        for position, i in enumerate(ints):
            for way in self.ways:
                total = total + way(self, i, ints, position).tanh() * (1.0 + 0.5 * position)
        return total

    def entry(self, i: int, ints: Sequence[int], position: int) -> Any:
        return self.table[i][ints[position - 1] % 1] * 2.0

    def nested(self, i: int, ints: Sequence[int], position: int) -> Any:
        return self.table[i][self.columns - 1] * self.table[self.order[i]][0]

    def row(self, i: int, ints: Sequence[int], position: int) -> Any:
        return sum(x * x for x in self.table[i])

    def slice(self, i: int, ints: Sequence[int], position: int) -> Any:
        return self.table[self.cut :][i - self.cut if i > 0 else i - 0 if i < 0 else 0][0]

    def computed_index(self, i: int, ints: Sequence[int], position: int) -> Any:
        return self.vector[i - i + self.shift] + self.table[i][0]

    def computed_members(self, i: int, ints: Sequence[int], position: int) -> Any:
        scores = [sum(x * y for x, y in zip(row, self.table[i])) for row in self.table]
        exps = [score.exp() for score in scores]
        return -(exps[ints[position - 1]] / sum(exps)).log()

    def of_all_kinds(self, i: int, ints: Sequence[int], position: int) -> Any:
        mixed = [self.vector[0], 0.25, self.vector[1].exp(), self.table[0][0], 1.5, self.vector[1] * 2.0][: self.rows]
        return (mixed + [0.5] * self.rows)[: self.rows][i] * self.vector[0]

    def shuffled(self, i: int, ints: Sequence[int], position: int) -> Any:
        return [self.table[k][k % self.columns] for k in self.order][i].exp()

    def plain(self, i: int, ints: Sequence[int], position: int) -> Any:
        return self.vector[0] * self.numbers[i]

    WAYS = (
        entry, nested, row, slice, computed_index, computed_members, of_all_kinds, shuffled, plain,
    )  # fmt: skip


def outcome(f: Callable[..., Any], leaves: list[Value], *args: Any) -> list[float]:
    """The value, and what the leaves get."""
    for leaf in leaves:
        leaf.grad = 0.0
    value = f(*args)
    value.backward()
    return [value.data, *[leaf.grad for leaf in leaves]]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", range(16))
def test_random_programs_with_indices(seed: int, backend: str) -> None:
    rng = random.Random(seed)
    f = Drawn(rng)
    compiled = autograd.compile(f.__call__, backend=backend)
    for length in (2, 3, 5, 2, 3):
        for _ in range(3):
            ints = [rng.randint(1 - f.rows, f.rows - 1) for _ in range(length)]
            expected = outcome(f, f.leaves(), ints)
            assert outcome(compiled, f.leaves(), ints) == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_the_random_programs_look_members_up_in_every_way() -> None:
    ways = [way for seed in range(16) for way in set(Drawn(random.Random(seed)).ways)]
    assert min(map(ways.count, Drawn.WAYS)) >= 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_index_of_a_batch_of_arguments_gets_its_gradient(backend: str) -> None:
    """What is chosen from the arguments: as the function at each point alone."""

    def f(a: Any, b: Any, c: Any, i: int, j: int) -> Any:
        xs = [a, b, c]
        return autograd.exp(xs[i]) * xs[j] + xs[i - j]

    rng = random.Random(3)
    compiled = autograd.compile(f, backend=backend)
    points = [(*[rng.uniform(-1.0, 1.0) for _ in range(3)], rng.randint(0, 2), rng.randint(0, 2)) for _ in range(20)]
    values, gradients = compiled.map(*zip(*points))
    assert compiled.recordings == 1
    for value, found, (*xs, i, j) in zip(values, zip(*gradients), points):
        expected, gradient = functional.value_and_grad(lambda *xs, i=i, j=j: f(*xs, i, j), argnums=(0, 1, 2))(*xs)
        assert value == pytest.approx(expected, rel=1e-12)
        assert found == pytest.approx((*gradient, 0.0, 0.0), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("optimizer", [nn.SGD, nn.Adam])
@pytest.mark.parametrize("batch", [1, 4, 7])
def test_fit_looks_rows_up(optimizer: Any, batch: int) -> None:
    """Training with tokens as samples: the embeddings get the same steps with and without the compiler."""

    class Model(nn.Module):
        def __init__(self) -> None:
            rng = random.Random(0)
            self.embedding = nn.Embedding(5, 3, rng=rng)
            self.out = nn.Linear(6, 5, rng=rng)

        def __call__(self, tokens: Any) -> Any:
            return self.out([x for token in tokens for x in self.embedding(token)])

    rng = random.Random(1)
    samples = [[rng.randint(0, 4), rng.randint(0, 4)] for _ in range(7)]
    targets = [[float(k == a) for k in range(5)] for a, _ in samples]
    loss = nn.half_mse_loss
    found = []
    for how in (True, False):
        model = Model()
        nn.fit(model, samples, targets, optimizer=optimizer(model.parameters(), lr=0.05), epochs=4, batch_size=batch,
               loss=loss, compile=how, seed=0, progress=False)  # fmt: skip
        found.append([p.data for p in model.parameters()])
    assert found[0] == pytest.approx(found[1], rel=1e-11, abs=1e-14)


# ---- numbers that only copies keep -----------------------------------------------------------------------------------
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_choice_is_a_copy(backend: str) -> None:
    compiled = autograd.compile(lambda xs, i: xs[i], backend=backend)
    xs = [0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324]
    for _ in range(2):
        for i in range(-6, 6):
            assert repr(compiled(xs, i)) == repr(xs[i])
    assert compiled.recordings == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_choice_among_members_of_several_classes_is_a_copy(backend: str) -> None:
    x, y = Value(-0.0), Value(math.inf)

    def f(i: int) -> Any:
        return [x * 1.0, -0.0, y * 1.5, y - y, -x][i]  # a Value of the caller's would be returned itself

    compiled = autograd.compile(f, backend=backend)
    for i in (0, 1, 2, 3, 4, -1):
        assert repr(compiled(i).data) == repr(getattr(f(i), "data", f(i)))
    assert compiled.recordings == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_index_that_another_guard_excludes_is_harmless(backend: str) -> None:
    """The program runs before anybody knows that it is another one that is needed."""
    xs, ys = [Value(1.0), Value(2.0)], [Value(float(k)) for k in range(10)]

    def f(i: int) -> Any:
        return xs[i] * 2.0 if i < 2 else ys[i] * 3.0

    compiled = autograd.compile(f, backend=backend)
    assert [compiled(i).data for i in (0, 1, 9, 1, 5, 0)] == [2.0, 4.0, 27.0, 4.0, 15.0, 2.0]
    with pytest.raises(IndexError):
        compiled(10)


def test_a_choice_costs_what_is_chosen() -> None:
    """Neither code nor work grows with the table: one step forward, and its transpose with the zeros before it."""
    sizes = []
    for rows in (3, 300):
        table = [[Value(0.5 + k) for _ in range(4)] for k in range(rows)]
        compiled = autograd.compile(lambda i, table=table: sum(x * x for x in table[i]))
        compiled(1).backward()
        kinds = [array.kind for array in compiled.program.arrays if not array.kind.is_leaf]
        assert kinds.count(Kind.GATHER) == kinds.count(Kind.SCATTER) == 1
        computed = [array.size for array in compiled.program.arrays if array.kind in (Kind.MAP, Kind.SUM)]
        sizes.append([size for size in computed if size != 4 * rows])
    assert sizes[0] == sizes[1]


def test_a_reader_sees_what_is_looked_up() -> None:
    table = [[Value(1.0 + i + 3 * j, f"w{i}{j}") for i in range(3)] for j in range(4)]
    compiled = autograd.compile(lambda token: sum(x * x for x in table[token]), backend="python")
    compiled(2).backward()
    text = str(compiled)
    assert "t3 = p1[t2]\n" in text
    assert "∂p1 = scatter_add(t2, t3 + t3)\n" in text
    assert "gathered(" in compiled.source()
    assert "scattered(" in compiled.source()
    assert "1 lookup" in str(compiled.report())


# ---- the representation ----------------------------------------------------------------------------------------------
def chosen_program(rng: random.Random, *, batched: tuple[bool, bool] = (False, False)) -> Program:
    """A GATHER of random members, what follows, and its derivatives."""
    builder = Builder()
    size, count, source = rng.randint(1, 9), rng.randint(2, 5), 40
    kinds = [Kind.ARGUMENT if is_batched else Kind.PARAMETER for is_batched in batched]
    k = builder.leaf(kinds[0], range(size), batched=batched[0])
    first = size if kinds[0] is kinds[1] else 0
    x = builder.leaf(kinds[1], range(first, first + source), batched=batched[1])
    if rng.random() < 0.5:
        begins, step = [rng.randint(0, 12) for _ in range(size)], rng.randint(1, 5)
        places = [begin + step * turn for turn in range(count) for begin in begins]
    else:
        places = [rng.randrange(source) for _ in range(size * count)]
    squares = builder.map(ops.square, [builder.map(ops.exp, [x])])
    chosen = builder.gather(k, builder.read(squares, places), size)
    product = builder.map(ops.mul, [chosen, builder.map(ops.sin, [chosen])], size)
    assert isinstance(product, Read)
    total = builder.sum(1, [builder.terms([0] * size, product)], batched=False)
    return builder.program([total, product, *differentiate(builder, total, [x])]).verify()


def flat(members: Any) -> list[float]:
    return [float(x) for member in members for x in (member if hasattr(member, "__len__") else [member])]


@pytest.mark.parametrize("batched", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("seed", range(16))
def test_both_back_ends_compute_what_the_representation_says(seed: int, batched: tuple[bool, bool]) -> None:
    rng = random.Random(seed)
    program = chosen_program(rng, batched=batched)
    batch = 3 if any(batched) else 1
    numbers: dict[Kind, dict[int, Any]] = {Kind.ARGUMENT: {}, Kind.PARAMETER: {}}
    for array in program.arrays:
        for number in array.data if array.kind in numbers else ():
            drawn = [rng.uniform(-1.0, 1.0) if array.size == 40 else float(rng.randint(0, 5)) for _ in range(batch)]
            numbers[array.kind][number] = drawn if array.batched else drawn[0]
    arguments, parameters = [[given[k] for k in sorted(given)] for given in numbers.values()]
    expected = evaluate(program, arguments, parameters, batch)
    for kernel in (Machine(program, batch), PythonKernel(program, batch)):
        for found, wanted in zip(kernel(arguments, parameters), expected, strict=True):
            assert flat(found) == pytest.approx(flat(wanted), rel=1e-12, abs=1e-14, nan_ok=True)


def test_the_transpose_of_a_scatter_is_a_gather() -> None:
    builder = Builder()
    x, k = builder.leaf(Kind.PARAMETER, range(3)), builder.leaf(Kind.ARGUMENT, range(3))
    places = Index([0, 1, 2, 4, 5, 6])
    sums, first = builder.scatter(k, x, places, batched=False)
    assert (first, builder.arrays[sums.array].kind) == (0, Kind.SCATTER)
    weights = builder.leaf(Kind.CONSTANT, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    total = builder.sum(1, [builder.terms([0] * 7, sums, weights)])
    program = builder.program([total, *differentiate(builder, total, [x])]).verify()
    assert Kind.GATHER in [array.kind for array in program.arrays]
    value, gradient = evaluate(program, [1.0, 0.0, 1.0], [10.0, 20.0, 30.0])
    assert value == [5.0 * 10.0 + 2.0 * 20.0 + 7.0 * 30.0]
    assert gradient == [5.0, 2.0, 7.0]
    assert str(program.arrays and program).count("sent to") == 1


@pytest.mark.parametrize(
    ("places", "size", "message"),
    [
        ([0, 1, 2], 2, "chooses 2 times among 3 candidates"),
        ([0, 1, 2, 0], 2, "not in equal steps"),
        ([0, 1], 2, "chooses 2 times among 2 candidates"),
        ([0, 1, 2, 3], 3, "has 3 members, but chooses 2 times"),
        ([0, 1, 9, 10], 2, "reads members 0 to 10 of the 4"),
    ],
)
def test_a_choice_that_breaks_a_rule_is_refused(places: list[int], size: int, message: str) -> None:
    builder = Builder()
    x, k = builder.leaf(Kind.PARAMETER, range(4)), builder.leaf(Kind.ARGUMENT, range(2))
    array = Array(Kind.GATHER, size, operands=(k, Read(x.array, Index(places))))
    with pytest.raises(ProgramError, match=message):
        builder.program([builder.append(array)]).verify()


def test_candidates_in_equal_steps_are_read_where_they_are() -> None:
    builder = Builder()
    x, k = builder.leaf(Kind.PARAMETER, range(12)), builder.leaf(Kind.ARGUMENT, range(2))
    direct = builder.gather(k, builder.read(x, [0, 1, 4, 5, 8, 9]), 2)
    assert isinstance(direct, Read)
    assert choice_of(builder.arrays[direct.array]).count == 3
    before = len(builder.arrays)
    copied = builder.gather(k, builder.read(x, [0, 1, 4, 5, 9, 8]), 2)
    assert isinstance(copied, Read)
    assert [array.kind for array in builder.arrays[before:]] == [Kind.MAP, Kind.GATHER]
    assert builder.gather(1.0, builder.read(x, [0, 1, 4, 5, 8, 9]), 2) == builder.read(x, [4, 5])
    assert math.isnan(builder.gather(3.0, builder.read(x, [0, 1, 4, 5, 8, 9]), 2))  # type: ignore[arg-type]


def test_parameters_are_read_from_one_array_also_behind_a_choice() -> None:
    builder = Builder()
    chosen, table = builder.leaf(Kind.ARGUMENT, range(1)), builder.leaf(Kind.PARAMETER, range(3))
    row = builder.gather(chosen, table, 1)
    factor = builder.leaf(Kind.PARAMETER, [3])
    program = builder.program([builder.map(ops.mul, [row, factor])])
    swapped = {0: 1, 1: 0, 2: 3, 3: 2}
    found = inlined(program, Leaf(range(4), swapped))
    assert evaluate(program, [2.0], [5.0, 6.0, 7.0, 10.0]) == [[70.0]]
    assert evaluate(found, [2.0], [6.0, 5.0, 10.0, 7.0]) == [[70.0]]


@pytest.mark.filterwarnings("ignore:.* was recorded")
@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize(
    "f",
    [
        lambda n, x: max(n, 2.5),
        lambda n, x: min([n, 2.5, x]),
        lambda n, x: n if x > 0.0 else 2.5,
        lambda n, x: max(n, True),
        lambda n, x: max(n > 1, n),
        lambda n, x: min(n, -0.0),
        lambda n, x: max(n, 2.5) // 2,
    ],
)
def test_of_an_int_and_a_float_the_chosen_one_keeps_its_kind(f: Callable[..., Any], backend: str) -> None:
    def seen(n: Any, x: Any) -> Any:
        chosen = f(n, x)
        return {"text": f"{chosen}", "whole": isinstance(chosen, int), "end": len(range(chosen)) if n > 2 else 0}

    def kept(function: Callable[..., Any], n: int, x: float) -> Any:
        try:
            return function(n, x)
        except TypeError as error:  # range(2.5)
            return type(error)

    compiled = autograd.compile(seen, backend=backend)
    for n, x in [(1, 0.5), (3, -0.5), (3, 2.5), (0, 0.0), (-2, 1.0), (5, 4.0)] * 2:
        assert kept(compiled, n, x) == kept(seen, n, x)


KEYED: dict[str, Any] = {
    "of Values by their numbers": lambda ws, xs: max([w * x for w, x in zip(ws, xs)], key=lambda v: v.data) * 2.0,
    "the nearest": lambda ws, xs: min([w * x for w, x in zip(ws, xs)], key=lambda v: abs(v.data - 0.3)),
    "an index": lambda ws, xs: ws[max(range(4), key=lambda i: (ws[i] * xs[i]).data)] * xs[0],
    "an index alone": lambda ws, xs: max(range(4), key=xs.__getitem__),
    "of the arguments": lambda ws, xs: max(xs, key=lambda x: -x) * ws[0],
    "of two": lambda ws, xs: min(xs[0], xs[1], key=lambda x: x * x) * ws[1],
    "the parameter itself": lambda ws, xs: ws[0] * (2.0 if max(ws, key=lambda w: (w * xs[0]).data) is ws[2] else xs[1]),
}


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("f", KEYED.values(), ids=KEYED.keys())
def test_the_largest_by_a_key_is_no_decision(f: Any, backend: str) -> None:
    rng = random.Random(3)
    ws = [Value(rng.uniform(0.5, 2.0)) for _ in range(4)]
    compiled = autograd.compile(lambda xs: f(ws, xs), backend=backend)
    for _ in range(12):
        xs = [rng.random() for _ in range(3)]
        xs.append(xs[1])  # a tie
        found = []
        for result in (f(ws, xs), compiled(xs)):
            for w in ws:
                w.grad = 0.0
            if isinstance(result, Value):
                result.backward()
            found.append((type(result), [getattr(result, "data", result), *[w.grad for w in ws]]))
        assert found[1][0] is found[0][0]
        assert found[1][1] == pytest.approx(found[0][1], rel=1e-12)
    assert compiled.recordings == 1


@pytest.mark.filterwarnings("ignore:.* was recorded")
def test_a_key_is_asked_once_for_each_and_may_be_anything() -> None:
    w, asked = Value(2.0), []

    def f(xs: list[float]) -> Any:
        asked.clear()
        k = max(range(3), key=lambda i: (asked.append(i), (round(xs[i]), -i))[1])  # type: ignore[func-returns-value]
        flag = min([True, False], key=lambda b: xs[b])
        name = max(["a", "bbb", "cc"], key=len)
        large = max([2**60 + 1, 3], key=lambda n: xs[n % 3])
        return {"k": k, "flag": flag, "name": name, "large": large, "w": w * xs[k], "asked": list(asked)}

    compiled = autograd.compile(f)
    for xs in ([0.1, 2.0, 1.2], [3.0, 1.0, 2.0], [1.0, 1.2, 1.1]) * 2:
        found, expected = compiled(xs), f(xs)
        assert found.pop("w").data == expected.pop("w").data
        assert repr(found) == repr(expected)
