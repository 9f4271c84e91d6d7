"""Every way to use a compiled function, for programs of many kinds: each gives what the engine gives."""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value
from autograd.trees import flatten, rebuild
from tests.support.long_programs import LONG_PROGRAMS

CALLS = 4  # from the third on, machine code reads the parameters


def close(found: Any, expected: Any) -> bool:
    same: bool = found == pytest.approx(expected, rel=1e-10, abs=1e-13)
    return same


@pytest.fixture(params=LONG_PROGRAMS)
def made(request: Any) -> tuple[Callable[..., Any], tuple[Any, ...], list[Value]]:
    return LONG_PROGRAMS[request.param]()


def cleared(parameters: list[Value]) -> None:
    for p in parameters:
        p.grad = 0.0


def test_a_call_and_its_gradients(made: Any) -> None:
    f, args, parameters = made
    compiled = autograd.compile(f)
    expected = f(*args)
    expected.backward()
    gradients = [p.grad for p in parameters]
    for _ in range(CALLS):
        cleared(parameters)
        found = compiled(*args)
        found.backward()
        assert close(found.data, expected.data)
        assert close([p.grad for p in parameters], gradients)
    assert compiled.recordings == 1


def test_arguments_that_are_values(made: Any) -> None:
    f, args, parameters = made
    compiled = autograd.compile(f)
    supply = [list(map(Value, flatten(list(args)))) for _ in range(2)]
    one, other = [rebuild(list(args), iter(leaves)) for leaves in supply]
    cleared(parameters)
    f(*one).backward()
    gradients = [p.grad for p in parameters]
    for _ in range(CALLS):
        cleared([*parameters, *supply[1]])
        compiled(*other).backward()
        assert close([x.grad for x in supply[1]], [x.grad for x in supply[0]])
        assert close([p.grad for p in parameters], gradients)


def test_the_value_and_the_gradients_of_the_arguments(made: Any) -> None:
    f, args, _ = made
    compiled = autograd.compile(f)
    leaves = list(map(Value, flatten(list(args))))
    expected = f(*rebuild(list(args), iter(leaves)))
    expected.backward()
    for _ in range(CALLS):
        value, slopes = compiled.value_and_grad(*args)
        assert close(value, expected.data)
        assert close(flatten(list(slopes)), [x.grad for x in leaves])


def test_a_whole_step(made: Any) -> None:
    f, args, parameters = made
    start = [p.data for p in parameters]
    followed = []
    for decorate in (lambda f: f, autograd.compile):

        def step(*given: Any) -> Any:
            for p in parameters:
                p.grad = 0.0
            value = f(*given)
            value.backward()
            for p in parameters:
                p.data -= 1e-4 * p.grad
            return value

        made_step: Any = decorate(step)
        for p, x in zip(parameters, start):
            p.data = x
        values = [made_step(*args).data for _ in range(CALLS)]
        followed.append([*values, *[p.data for p in parameters], *[p.grad for p in parameters]])
    assert close(followed[1], followed[0])


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("read", ["a number that it changes", "a gradient", "a list that it changes", "nothing"])
def test_each_gradient_goes_to_its_own_argument_whatever_else_is_read(read: str, captured: bool, backend: str) -> None:
    """The numbers that a call reads outside are no parameters: they must not shift the gradients of these."""
    w, state = Value(0.7), types.SimpleNamespace(count=1.0, numbers=[2.0, 3.0], seen=Value(0.0))

    def f(x: Any, y: Any, z: Any) -> Any:
        result = x * 2.0 + y * y + (x * z * w if captured else 0.0)
        if read == "a number that it changes":
            state.count += 1.0
        elif read == "a gradient":
            state.count += 1.0
            return result + state.seen.grad * z
        elif read == "a list that it changes":
            state.numbers[0], state.numbers[1] = state.numbers[1], state.numbers[0] + 1.0
            return result * state.numbers[0] + x, result * state.numbers[1] + z
        return result

    compiled = autograd.compile(f, backend=backend)
    for kinds in itertools.product((Value, float), repeat=3):
        state.count, state.numbers[:], state.seen.grad = 1.0, [2.0, 3.0], 0.25
        before = [_gradients(f, kinds, w) for _ in range(CALLS)]
        state.count, state.numbers[:] = 1.0, [2.0, 3.0]
        for expected in before:
            assert close(_gradients(compiled, kinds, w), expected)


def _gradients(f: Callable[..., Any], kinds: tuple[Any, ...], w: Value) -> list[float]:
    given = [kind(x) for kind, x in zip(kinds, (0.5, 1.25, -2.0))]
    result = f(*given)
    w.grad = 0.0
    for k, root in enumerate(result if isinstance(result, tuple) else [result]):
        (root * (k + 1.0) if isinstance(root, Value) else Value(root)).backward()
    return [w.grad, *[x.grad for x in given if isinstance(x, Value)]]


# ---- ints stay ints, in the arguments and in the results ------------------------------------------------------------
W = Value(2.0)
COUNTS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "in a dictionary": (lambda s: {"x": s["x"] * 0.5, "n": s["n"] + 1}, ({"x": 0.5, "n": 3},)),
    "in a tuple": (lambda s: (s[0] * 0.5, s[1] + 1), ((0.5, 3),)),
    "in a dictionary in a tuple": (
        lambda s: (s[0], {"n": s[1]["n"] * 2, "x": s[1]["x"]}),
        ((0.5, {"n": 3, "x": 1.5}),),
    ),
    "alone": (lambda s: s["n"] + 1, ({"x": 0.5, "n": 3},)),
    "a truth beside a float": (lambda s: (s[0], not s[1]), ((0.5, True),)),
    "a count": (lambda xs: len([x for x in xs if x > 0]), ([0.5, -1.0, 2.0],)),
    "a position": (lambda xs: xs.index(max(xs)), ([0.5, -1.0, 2.0],)),
    "a position beside a loss": (lambda xs: (W * xs[0], max(range(3), key=lambda i: xs[i])), ([0.5, -1.0, 2.0],)),
    "a constant": (lambda xs: 3, ([0.5, -1.0, 2.0],)),
    "a truth": (lambda xs: xs[0] > 0 and bool(xs), ([0.5, -1.0, 2.0],)),
    "a large one": (lambda x: 2**60 if x > 0 else 1, (0.5,)),
}


def ints_in(result: Any) -> list[Any]:
    """The ints of a result and their kinds, in order; nothing in the place of a number of another kind."""
    if isinstance(result, (list, tuple, dict)):
        items = result.values() if isinstance(result, dict) else result
        return [x for item in items for x in ints_in(item)]
    return [(type(result), result)] if isinstance(result, int) else [None]


@pytest.mark.parametrize("name", COUNTS)
def test_an_int_stays_an_int_in_each_call(name: str) -> None:
    f, args = COUNTS[name]
    compiled = autograd.compile(f)
    for _ in range(8):
        assert ints_in(compiled(*args)) == ints_in(f(*args))


def test_a_state_that_is_given_back_ends_at_its_count() -> None:
    for pack, unpack in ((lambda x, n: {"x": x, "n": n}, lambda s: (s["x"], s["n"])), (lambda x, n: (x, n), tuple)):

        def step(state: Any, pack: Any = pack, unpack: Any = unpack) -> Any:
            x, n = unpack(state)
            return pack(x - 0.25 * (x - W), n + 1)

        ends = []
        for move in (step, autograd.compile(step)):
            state = pack(Value(3.0), 0)
            while unpack(state)[1] != 10 and unpack(state)[1] < 30:
                state = move(state)
            ends.append((unpack(state)[0].data, unpack(state)[1]))
        assert ends[1] == (pytest.approx(ends[0][0], rel=1e-12), 10)


@pytest.mark.parametrize("x", [3, 3.0])
@pytest.mark.parametrize("args", [lambda x: ({"x": x, "y": 2.0},), lambda x: ((x, 2.0),), lambda x: ([x, 2.0],)])
def test_an_int_has_its_gradient_wherever_it_stands(args: Any, x: Any) -> None:
    f = autograd.compile(lambda s: (s["x"] ** 2 * s["y"]) if isinstance(s, dict) else s[0] ** 2 * s[1])
    for _ in range(6):
        value, (slopes,) = f.value_and_grad(*args(x))
        assert (value, [*(slopes.values() if isinstance(slopes, dict) else slopes)]) == (18.0, [12.0, 9.0])


USES: dict[str, Callable[[Any, Any], Any]] = {
    "itself": lambda n, x: n,
    "in a result": lambda n, x: {"n": n, "more": [n + 1, x * n]},
    "equality": lambda n, x: W * x if n == 2 else W,
    "isinstance": lambda n, x: W * x * isinstance(n, int),
    "division": lambda n, x: (W * x, n // 2, n % 2, n / 2),
    "division by it": lambda n, x: W * x / n,
    "an index": lambda n, x: W * [x, 2.0 * x, 3.0, 4.0][n],
    "a range": lambda n, x: sum([W * x for _ in range(n)]),
    "a text": lambda n, x: (f"{n}", W * x),
    "a key": lambda n, x: {n: W * x},
    "bits": lambda n, x: (n & 1, n << 2, W * x),
    "max": lambda n, x: (W * max(n, x), max(n, 2), min(n, 2)),
    "a sum": lambda n, x: (sum([n, n]), sum([n, x]), W),
    "a sign": lambda n, x: (-n, n * -1, abs(n), W),
    "a power": lambda n, x: (n**2, 2**n, W * x**n),
    "rounded": lambda n, x: (round(n), n.bit_length(), W * x),
}
PACKS: dict[str, Callable[[Any, Any], Any]] = {
    "a list": lambda n, x: [n, x],
    "the other way round": lambda n, x: [x, n],
    "rows": lambda n, x: [[0.5, 1], [n, x]],
    "pairs": lambda n, x: [(0.5, 1), (n, x)],
    "beside lists": lambda n, x: [0.5, [n, x]],
    "dictionaries": lambda n, x: [0.5, {"x": x, "n": n}],
    "Values": lambda n, x: [n, Value(x)],
    "an array of objects": lambda n, x: pytest.importorskip("numpy").array([n, x], dtype=object),
}


def _of_pack(use: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    def unpacked(x: Any) -> Any:
        inner = x[1] if isinstance(x[1], (list, tuple, dict)) else x
        one, other = inner.values() if isinstance(inner, dict) else inner
        return use(other, one) if isinstance(one, (float, Value)) else use(one, other)

    return unpacked


def _kinds(x: Any) -> Any:
    """The numbers, with what is an int; a float of the function may be a Value."""
    if isinstance(x, dict):
        return [(_kinds(key), _kinds(item)) for key, item in x.items()]
    if isinstance(x, (list, tuple)):
        return list(map(_kinds, x))
    return x if isinstance(x, (int, str)) else float(x.data if isinstance(x, Value) else x)


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS.keys())
@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_an_int_beside_floats_is_an_int(use: Callable[[Any, Any], Any], pack: Callable[[Any, Any], Any]) -> None:
    f = _of_pack(use)
    compiled = autograd.compile(f)
    for n, x in [(1, 2.5), (2, 0.5), (2, 1.5), (2, -1.5), (3, 0.5), (2, 2.5), (2, 3.5)]:
        assert repr(_kinds(compiled(pack(n, x)))) == repr(_kinds(f(pack(n, x))))


@pytest.mark.filterwarnings("ignore:.* was recorded")
def test_ints_that_stand_elsewhere_at_each_call_are_right_and_not_recorded_for_ever() -> None:
    def f(rows: Any) -> Any:
        return sum([W * a * b for a, b in rows]), sum([isinstance(a, int) for row in rows for a in row])

    compiled = autograd.compile(f)
    for k in range(100):
        numbers = [n if k >> n & 1 else n + 0.5 for n in range(8)]
        rows = [*zip(numbers[::2], numbers[1::2])]
        value, count = compiled(rows)
        assert (value.data, count) == (pytest.approx(f(rows)[0].data, rel=1e-15), f(rows)[1])
    assert compiled.recordings < 25


def test_a_function_that_gives_an_int_has_value_and_gradient_and_points() -> None:
    f = autograd.compile(lambda x: 1 if x > 0 else 0)
    assert f.value_and_grad(0.5) == (1.0, (0.0,))
    assert f.value_and_grad(-0.5) == (0.0, (0.0,))
    values, (slopes,) = f.map([0.5, -0.5, 2.0])
    assert [*map(float, values)] == [1.0, 0.0, 1.0]
    assert not any(map(float, slopes))
