"""What was compiled for one recording serves others of the same structure, and no others."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import autograd
import nn
from autograd import Value, primitive
from autograd.compiler import pipeline
from autograd.compiler.calls import reuse
from autograd.compiler.calls.reuse import structure_of
from autograd.compiler.recording.record import record

pytest.importorskip("llvmlite")
pytest.importorskip("numpy")

from autograd.compiler.batches import training as batches
from autograd.compiler.machine import library
from tests.support import ROOT


@pytest.fixture(autouse=True)
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The sizes of the recordings that programs were written for, from an empty memory on."""
    sizes: list[int] = []
    for module in (pipeline, batches):
        original = module.group  # type: ignore[attr-defined]

        def group(*args: Any, original: Any = original, **options: Any) -> Any:
            sizes.append(len(args[3]))
            return original(*args, **options)

        monkeypatch.setattr(module, "group", group)
    reuse._known.clear()
    yield sizes
    reuse._known.clear()


def gradient_of(f: Callable[..., Any], leaves: list[Value], *args: Any) -> list[float]:
    y = f(*args)
    return [y.data, *autograd.grad(y, leaves)]


def network(seed: int) -> nn.MLP:
    return nn.MLP(3, [5, 1], activation="tanh", seed=seed)


@pytest.mark.parametrize("backend", ["native", "python"])
def test_a_second_model_of_the_same_shape_is_only_recorded(written: list[int], backend: str) -> None:
    for seed in range(3):
        model = network(seed)
        compiled = autograd.compile(lambda x, model=model: model(x), backend=backend)
        for x in ([0.5, -1.0, 2.0], [1.0, 1.0, 0.0]):
            found = gradient_of(compiled, model.parameters(), x)
            assert found == pytest.approx(gradient_of(model, model.parameters(), x), rel=1e-12)
    assert len(written) == 1


@pytest.mark.parametrize("optimizer", [nn.SGD, nn.Adam])
def test_a_second_fit_is_only_recorded(written: list[int], optimizer: Any) -> None:
    X, y = [[0.1 * k, 0.5, -0.2 * k] for k in range(10)], [float(k % 2) for k in range(10)]
    counts = []
    for how in (True, True, True, False):
        model = network(1)
        nn.fit(model, X, y, optimizer=optimizer(model.parameters(), lr=0.1), epochs=3, batch_size=5, progress=False,
               compile=how)  # fmt: skip
        counts.append((len(written), [p.data for p in model.parameters()]))
    assert counts[0][0] == counts[1][0] == counts[2][0] > 0
    assert counts[0][1] == counts[1][1] == counts[2][1] == pytest.approx(counts[3][1], rel=1e-10)


def test_a_rule_that_sees_something_else_is_compiled_anew() -> None:
    namespace: dict[str, Any] = {"FACTOR": 1.0}
    exec("def rule(p, g, state, hyper): return p - FACTOR * hyper.lr * g, ()", namespace)

    class Mine(nn.Optimizer):
        state_size = 0
        rule = staticmethod(namespace["rule"])

    for factor in (1.0, 3.0):
        namespace["FACTOR"] = factor
        found = []
        for how in (True, False):
            model = network(2)
            nn.fit(model, [[1.0, 2.0, 3.0]], [0.5], optimizer=Mine(model.parameters(), lr=0.1), epochs=2,
                   progress=False, compile=how)  # fmt: skip
            found.append([p.data for p in model.parameters()])
        assert found[0] == pytest.approx(found[1], rel=1e-12)


def test_whole_steps_of_two_models_do_not_meet() -> None:
    for seed in range(2):
        model = network(seed)
        optimizer = nn.Adam(model.parameters(), lr=0.1)

        @autograd.compile
        def step(x: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            loss = model(x) ** 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        losses = [step([0.5, 1.0, -1.0]).data for _ in range(4)]
        other = network(seed)
        again = nn.Adam(other.parameters(), lr=0.1)
        for expected in losses:
            loss = other([0.5, 1.0, -1.0]) ** 2
            again.zero_grad()
            loss.backward()
            again.step()
            assert loss.data == pytest.approx(expected, rel=1e-10)


# ---- programs on disk ------------------------------------------------------------------------------------------------
def training(compiled: bool = True) -> list[float]:
    """A fit, its validation, and a loss over all samples with its gradient."""
    X = [[0.01 * k, 0.5 - 0.02 * k, float(k % 3)] for k in range(60)]
    y = [float(k % 2) for k in range(60)]
    model = nn.MLP(3, [20, 1], activation="tanh", seed=4)
    optimizer = nn.Adam(model.parameters(), lr=0.01)
    history = nn.fit(model, X, y, optimizer=optimizer, epochs=3, batch_size=60, progress=False, compile=compiled,
                     validation_data=(X, y))  # fmt: skip

    def loss() -> Any:
        return sum([(model(x) - target) ** 2 for x, target in zip(X, y)])

    found = autograd.compile(loss, backend="native")() if compiled else loss()  # at once, by no clock
    return [*history.loss, found.data, *autograd.grad(found, model.parameters())]


def test_another_process_takes_programs_from_the_disk(
    written: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = library.Store(tmp_path / "cache")
    monkeypatch.setattr(library, "store", lambda: disk)
    monkeypatch.setattr(reuse, "LARGE", 0)
    expected = training()
    assert expected == pytest.approx(training(compiled=False), rel=1e-9)
    kept = sorted((tmp_path / "cache").glob("*.program"))
    assert len(kept) == 3
    assert written
    written.clear()
    # Here, without what this process knows, and in a process of its own.
    reuse._known.clear()
    assert training() == expected
    assert not written
    program = "import tests.autograd.compiler.test_reuse as t; t.in_another_process()"
    environment = os.environ | {"OF_CACHE": str(tmp_path / "cache")}
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert found.stdout.split() == [*map(repr, expected), "0"], found.stderr
    # A damaged file is made anew, and so is one that is gone.
    content = kept[0].read_bytes()
    kept[0].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    kept[1].unlink()
    reuse._known.clear()
    assert training() == expected
    assert len(written) == 2
    assert kept[0].read_bytes() == content


def in_another_process() -> None:
    """Print what the training gives, and how many programs were written for that."""
    disk = library.Store(Path(os.environ["OF_CACHE"]))
    library.store, reuse.LARGE = lambda: disk, 0  # type: ignore[assignment]
    groups: list[Any] = []
    for module in (pipeline, batches):
        original = module.group  # type: ignore[attr-defined]
        module.group = lambda *args, original=original, **more: groups.append(1) or original(*args, **more)  # type: ignore[attr-defined]
    print(*map(repr, training()), len(groups))


# ---- what is not the same --------------------------------------------------------------------------------------------
X, Y = Value(0.5, "x"), Value(1.5, "y")
PAIRS: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
    (lambda t: X * t + 2.0, lambda t: X * t + 3.0),  # a constant
    (lambda t: X / (t * 0.0), lambda t: X / (t * -0.0)),  # its sign
    (lambda t: X**2 + t, lambda t: X**3 + t),  # an exponent
    (lambda t: X * t - Y, lambda t: Y * t - X * 1.0),  # the number of operations
    (lambda t: X - Y * t, lambda t: X * t - Y),  # what is read where
    (lambda t: X.exp() * t, lambda t: X.sin() * t),  # an operation
    (lambda t: X * t if t > 0.0 else Y, lambda t: X * t if t < 9.0 else Y),  # a decision
    (lambda t: X * t * (t > 0.0), lambda t: X * t * (t < 0.0)),
    (lambda t: X * Y + t, lambda t: X * X + t),  # the number of leaves
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_another_structure_is_another_program(one: Callable[..., Any], other: Callable[..., Any]) -> None:
    assert structure_of(record(one, [0.75])) == structure_of(record(one, [0.25]))
    assert structure_of(record(one, [0.75])) != structure_of(record(other, [0.75]))
    for f in (one, other, one):
        compiled = autograd.compile(f)
        for t in (0.75, 0.25):
            assert gradient_of(compiled, [X, Y], t) == pytest.approx(gradient_of(f, [X, Y], t), rel=1e-12, nan_ok=True)


def test_names_belong_to_the_structure() -> None:
    """Since programs are printed with them."""
    a, b = Value(1.0, "a"), Value(1.0, "b")
    assert structure_of(record(lambda t: a * t, [0.5])) != structure_of(record(lambda t: b * t, [0.5]))


def test_a_primitive_of_a_user_is_never_shared() -> None:
    for factor in (2.0, 5.0):

        @primitive(lambda y, x, factor=factor: factor)
        def scaled(x: Any, factor: float = factor) -> Any:
            return x * factor

        assert structure_of(record(lambda t, scaled=scaled: scaled(t) + X, [0.5])) is None
        compiled = autograd.compile(lambda t, scaled=scaled: scaled(t) * X)
        for t in (1.0, 3.0):
            assert compiled(t).data == factor * t * X.data
        assert compiled.recordings == 1


@pytest.mark.parametrize("seed", range(6))
def test_random_programs_that_differ_a_little(seed: int) -> None:
    """The same operations with other wires, constants or results: each gives its own numbers, whatever came before."""
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(0.5, 1.5)) for _ in range(3)]
    plan = [[rng.randrange(4), rng.randrange(3 + k), rng.randrange(3 + k), rng.uniform(-1.0, 1.0)] for k in range(6)]
    for _ in range(12):
        changed = rng.randrange(6)
        plan[changed][rng.randint(1, 3)] = rng.randrange(3 + changed)
        now = [tuple(line) for line in plan]

        def f(t: Any, now: Any = now) -> Any:
            xs: list[Any] = [*leaves]
            for op, i, j, number in now:
                xs.append([xs[i] * xs[j], xs[i] + xs[j] * number, (xs[i] * t).tanh(), xs[j] - number][op])
            return xs[-1] + xs[-2]

        compiled = autograd.compile(f)
        for t in (0.3, -0.7):
            assert gradient_of(compiled, leaves, t) == pytest.approx(gradient_of(f, leaves, t), rel=1e-12, abs=1e-14)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "MOST", 3)
    for n in range(1, 7):
        autograd.compile(lambda t, n=n: X * float(n) + t)(1.0).backward()
    assert len(reuse._known) == 3
    monkeypatch.setattr(reuse, "MOST_NODES", 4)
    autograd.compile(lambda t: sum(X * float(k) for k in range(9)) + t)(1.0).backward()
    assert len(reuse._known) == 1
