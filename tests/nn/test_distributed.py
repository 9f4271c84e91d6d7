"""Training on the workers of an executor: the numbers are those of one process, whoever computes and whoever dies."""

from __future__ import annotations

import math
import os
import pickle
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, ops, primitive, relu
from autograd.errors import NumericError
from nn import MLP, SGD, Adam, ExecutorError, History, Module, Optimizer, RMSprop, Workers, clip_grad_norm_, fit, sweep
from nn import distributed as executor_module
from nn.distributed import Parcel
from tests.support import numbers

pytest.importorskip("llvmlite")
np = pytest.importorskip("numpy")

RNG = random.Random(3)
X = [[RNG.gauss(0.0, 1.0) for _ in range(3)] for _ in range(46)]
CLASSES = [RNG.randrange(3) for _ in X]


@pytest.fixture(autouse=True)
def _empty_handed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers in this process start without parcels."""
    monkeypatch.setattr(executor_module, "_kept", type(executor_module._kept)())


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def mlp() -> MLP:
    return MLP(3, [5, 3], activation="tanh", seed=1)


class Trained:
    """What a training leaves behind."""

    def __init__(self, executor: Any = None, optimizer: Callable[..., Optimizer] = Adam, **options: Any) -> None:
        self.model = options.pop("model", None) or mlp()
        self.optimizer = optimizer(self.model.parameters())
        settings: dict[str, Any] = {"loss": "cross_entropy", "epochs": 4, "batch_size": 8, "progress": False}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.history = fit(
                self.model, X, CLASSES, optimizer=self.optimizer, executor=executor, **settings | options
            )

    def agrees_with(self, other: Trained) -> None:
        assert self.history.loss == pytest.approx(other.history.loss, rel=1e-12, abs=1e-12)
        assert numbers(self.model) == pytest.approx(numbers(other.model), rel=1e-12, abs=1e-12)
        for own, state in zip(self.optimizer.state, other.optimizer.state, strict=True):
            assert own == pytest.approx(state, rel=1e-12, abs=1e-12)
        assert repr(self.optimizer) == repr(other.optimizer)  # the number of steps, among others

    def is_identical_to(self, other: Trained) -> None:
        assert self.history.loss == other.history.loss
        assert numbers(self.model) == numbers(other.model)
        assert self.optimizer.state == other.optimizer.state


# --- one trajectory -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 8, 45, None])
def test_the_numbers_are_those_of_one_process(threads: Any, batch_size: int | None) -> None:
    Trained(threads, batch_size=batch_size).agrees_with(Trained(batch_size=batch_size))


@pytest.mark.parametrize("parts", [1, 2, 3, 16])
def test_a_batch_may_be_cut_into_any_number_of_parts(threads: Any, parts: int) -> None:
    Trained(Workers(threads, parts=parts)).agrees_with(Trained())


def test_large_parts_are_evaluated_bit_by_bit(threads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.compiler.batches.samples._MOST_LANES", 5)
    Trained(threads, batch_size=None).agrees_with(Trained(batch_size=None))


def test_callbacks_may_steer(threads: Any) -> None:
    def run(executor: Any) -> Trained:
        def slower(history: History) -> None:
            if len(history) == 2:
                sgd.lr, sgd.hyper.momentum = 0.01, 0.5
                model.layers[0].neurons[0].b.data = 0.25

        model = mlp()
        sgd = SGD(model.parameters(), lr=0.1, momentum=0.9)
        return Trained(executor, lambda _: sgd, model=model, callbacks=[slower])

    run(threads).agrees_with(run(None))


class Clipped(RMSprop):
    """More than its rule says."""

    def step(self) -> None:
        clip_grad_norm_(self.parameters, 0.1)
        super().step()


class Halved(SGD):
    """A rule that machine code knows nothing of."""

    @staticmethod
    def rule(parameter: Any, gradient: Any, state: Any, hyper: Any) -> Any:
        return parameter - hyper.lr * float(f"{gradient:.17g}") / 2, state


@pytest.mark.parametrize("kind", [Clipped, Halved])
def test_an_optimizer_that_cannot_be_compiled_steps_by_itself(threads: Any, kind: type[Optimizer]) -> None:
    here = Trained(optimizer=kind, compile=False)
    there = Trained(threads, optimizer=kind)
    assert there.history.loss == pytest.approx(here.history.loss, rel=1e-12)
    assert numbers(there.model) == pytest.approx(numbers(here.model), rel=1e-12)
    assert repr(there.optimizer) == repr(here.optimizer)


class Frozen(Module):
    """A layer that is not trained, a parameter without influence, and a loss that is 0 for all."""

    def __init__(self) -> None:
        self.trained, self.unused = Value(0.3), Value(1.0)
        self._fixed = Value(2.0)

    def __call__(self, x: Any) -> Any:
        return self.trained * self._fixed * x[0]


def test_what_is_captured_but_not_trained_travels_too(threads: Any) -> None:
    def run(executor: Any, penalty_alone: bool) -> Trained:
        def loss(output: Any, target: float) -> Any:
            return model.trained**2 if penalty_alone else output**2 + model.trained**2

        model = Frozen()
        return Trained(executor, lambda _: SGD([model.trained, model.unused], lr=0.1), model=model, loss=loss)

    for penalty_alone in (False, True):
        run(threads, penalty_alone).agrees_with(run(None, penalty_alone))


def test_without_a_compiler_workers_run_python(threads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Trained()
    monkeypatch.setattr("autograd.compiler.backends.native_available", lambda: False)
    monkeypatch.setattr("autograd.compiler.machine.machine.Machine.__call__", None)
    Trained(threads).agrees_with(here)


def test_a_primitive_that_only_python_can_evaluate_travels_by_its_name(threads: Any) -> None:
    @primitive(lambda y, x: 3.0 * (1.0 - y * y))
    def steep(x: float) -> float:
        return math.tanh(3.0 * x)

    try:
        there, here = [
            Trained(executor, model=MLP(3, [4, 3], activation=steep, seed=1), compile=executor is not None)
            for executor in (threads, None)
        ]
    finally:
        del ops.TABLE["steep"]
    there.agrees_with(here)


class Backwards(Executor):
    """Runs tasks two by two, in the wrong order."""

    def __init__(self) -> None:
        self.waiting: list[Any] = []

    def submit(self, f: Any, /, *args: Any, **keywords: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, f, args))
        if len(self.waiting) == 2:
            for waiting, function, arguments in reversed(self.waiting):
                waiting.set_result(function(*arguments))
            self.waiting.clear()
        return future


def test_the_order_in_which_parts_are_done_changes_no_bit(threads: Any) -> None:
    options: dict[str, Any] = {"batch_size": 23}
    Trained(Workers(Backwards(), parts=2), **options).is_identical_to(Trained(Workers(threads, parts=2), **options))


# --- what travels ---------------------------------------------------------------------------------------------------


class Observed(Executor):
    """Notes what goes through another executor."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self._max_workers = 1
        self.sent: list[int] = []  # bytes of each task
        self.parcels: list[str] = []  # the keys of those that went with a task

    def submit(self, f: Any, /, *args: Any, **keywords: Any) -> Future[Any]:
        self.sent.append(len(pickle.dumps((f, args))))
        self.parcels.extend(args[2])
        return self.executor.submit(f, *args, **keywords)


def test_program_and_data_travel_once() -> None:
    with ThreadPoolExecutor(1) as pool:
        observed = Observed(pool)
        Trained(observed, epochs=3, batch_size=None)
        program, data = observed.parcels
        assert program != data
        asked, supplied, *later = observed.sent
        assert len(later) == 2  # one task per step
        assert asked == later[0] == later[1]
        assert supplied > asked + 8 * 6 * len(X)  # 3 features, a vector of 3 classes
        assert asked < 8 * len(numbers(mlp())) + 500


def test_the_graph_stays_at_home(threads: Any) -> None:
    """The model and the loss may be what cannot be pickled at all."""
    model = mlp()
    model.note = lambda: None  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="local object"):
        pickle.dumps(model)
    with ProcessPoolExecutor(1) as pool:
        Trained(pool, model=model).agrees_with(Trained())


def test_a_second_training_finds_the_data_there(threads: Any) -> None:
    observed = Observed(threads)
    Trained(observed)
    first = len(observed.parcels)
    Trained(observed)
    assert len(observed.parcels) == first == 2
    Trained(observed, model=MLP(3, [2, 3], seed=0))
    assert len(observed.parcels) == 3  # another program


def test_workers_keep_the_parcels_used_last(monkeypatch: pytest.MonkeyPatch, threads: Any) -> None:
    monkeypatch.setattr(executor_module, "_MOST_KEPT", 2)
    observed = Observed(threads)
    workers = Workers(observed)
    a, b, c = map(Parcel, "abc")
    assert workers.run(_joined, [a, b], [("!",)]) == ["ab!"]
    assert workers.run(_joined, [a, c], [("!",)]) == ["ac!"]
    assert workers.run(_joined, [a], [()]) == ["a"]
    assert observed.parcels == [a.key, b.key, c.key]
    assert workers.run(_joined, [b], [()]) == ["b"]
    assert observed.parcels == [a.key, b.key, c.key, b.key]


def test_a_task_may_need_more_parcels_than_are_kept_for_others(threads: Any) -> None:
    parcels = list(map(Parcel, "abcdefghijkl"))
    assert len(parcels) > executor_module._MOST_KEPT
    assert Workers(threads).run(_joined, parcels, [("!",), ("?",)]) == ["abcdefghijkl!", "abcdefghijkl?"]


def _joined(*texts: str) -> str:
    return "".join(texts)


# --- processes, and what becomes of them ----------------------------------------------------------------------------


def test_processes_give_the_numbers_of_one() -> None:
    with ProcessPoolExecutor(2) as pool:
        Trained(pool).agrees_with(Trained())
        Trained(pool, batch_size=None).agrees_with(Trained(batch_size=None))


class Deadly(Executor):
    """One of the tasks ends the worker that has it, without a word: each time, or the first time only."""

    def __init__(self, executor: Any, task: int, mark: Path | None = None) -> None:
        self.executor, self.task, self.mark, self.count = executor, task, mark, 0
        self._max_workers = 2

    def submit(self, f: Any, /, *args: Any, **keywords: Any) -> Future[Any]:
        self.count += 1
        if self.count == self.task:
            return self.executor.submit(_die, self.mark, f, *args)
        return self.executor.submit(f, *args)


def _die(mark: Path | None, function: Any, *args: Any) -> Any:
    if mark is None or not mark.exists():
        if mark is not None:
            mark.touch()
        os._exit(1)
    return function(*args)


def is_as_after_its_last_step(model: Any, optimizer: Optimizer, threads: Any) -> None:
    """Whether a model is where as many steps without a mishap end: one step per epoch, to the last bit."""
    steps = optimizer.hyper.step
    assert steps > 0
    twin = Trained(Workers(threads, parts=2), batch_size=None, epochs=steps)
    assert numbers(model) == numbers(twin.model)
    assert optimizer.state == twin.optimizer.state


def test_a_broken_pool_is_an_error_and_the_model_is_as_after_the_last_step(threads: Any) -> None:
    model = mlp()
    adam = Adam(model.parameters())
    with ProcessPoolExecutor(2) as pool, pytest.raises(ExecutorError, match="no result: BrokenProcessPool: ") as caught:
        Trained(Deadly(pool, 12), lambda _: adam, model=model, epochs=100, batch_size=None)
    assert isinstance(caught.value.__cause__, BrokenProcessPool)
    assert 3 <= adam.hyper.step <= 5  # tasks 1 to 12, of which two to four asked for parcels
    is_as_after_its_last_step(model, adam, threads)


def test_nobody_answers() -> None:
    class Deaf(Executor):
        futures: list[Future[Any]] = []  # noqa: RUF012 - of one instance

        def submit(self, f: Any, /, *args: Any, **keywords: Any) -> Future[Any]:
            self.futures.append(Future())
            return self.futures[-1]

    with pytest.raises(ExecutorError, match=r"for 0.01 seconds: .* executor=Workers\(executor, timeout=…\)"):
        Trained(Workers(Deaf(), parts=2, timeout=0.01))
    assert [future.cancelled() for future in Deaf.futures] == [True, True]


def test_ctrl_c_leaves_the_model_as_after_the_last_step(threads: Any) -> None:
    class Interrupted(Observed):
        def submit(self, f: Any, /, *args: Any, **keywords: Any) -> Future[Any]:
            if len(self.sent) == 20:
                signal.raise_signal(signal.SIGINT)
            return super().submit(f, *args, **keywords)

    model = mlp()
    adam = Adam(model.parameters())
    workers = Workers(Interrupted(threads), parts=2)
    with pytest.raises(KeyboardInterrupt):
        Trained(workers, lambda _: adam, model=model, epochs=100, batch_size=None)
    is_as_after_its_last_step(model, adam, threads)


def test_a_divergence_leaves_the_model_as_before_the_epoch(threads: Any) -> None:
    def loss(output: Any, target: int) -> Any:
        return output[0] ** 4

    def steep(parameters: Any) -> SGD:
        return SGD(parameters, lr=1e200)

    ends = []
    for executor in (None, threads):
        model = mlp()
        with pytest.raises(NumericError, match=r"the loss became (inf|nan) in epoch \d+: use a smaller learning rate"):
            Trained(
                executor,
                lambda ps: SGD(ps, lr=1e200),
                model=model,
                loss=lambda output, target: output[0] ** 4,
                epochs=9,
            )
        ends.append(numbers(model))
    assert ends[0] == pytest.approx(ends[1], rel=1e-12)


def test_an_executor_that_was_shut_down() -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(ExecutorError, match="RuntimeError: cannot schedule new futures after shutdown"):
        Trained(pool)


def test_an_error_on_a_worker_has_its_cause(threads: Any) -> None:
    with pytest.raises(ExecutorError, match=r"the workers gave no result: ZeroDivisionError: .*zero") as caught:
        Workers(threads).run(divmod, [], [(1, 1), (1, 0)])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_what_cannot_travel_is_named() -> None:
    with ProcessPoolExecutor(1) as pool, pytest.raises(ExecutorError, match=r"must be defined at the top of a module"):
        Workers(pool).run(lambda: 1, [], [()])


# --- what is refused ------------------------------------------------------------------------------------------------


class Decides(Module):
    def __init__(self) -> None:
        self.w = Value(1.0)

    def __call__(self, x: Any) -> Any:
        return self.w * x[0] if x[1] > 0 else relu(self.w * x[0])


def test_a_model_that_cannot_be_compiled_is_refused(threads: Any) -> None:
    model = Decides()
    with pytest.raises(ExecutorError, match=r"there is none: the loss .* autograd.where.*; executor=None trains here"):
        Trained(threads, model=model, loss="mse_loss")
    assert model.w.data == 1.0


def test_without_numpy_the_extra_is_named(threads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "autograd.compiler.batches.training", None)
    with pytest.raises(ExecutorError, match=r'pip install "scalar-autograd\[compile\]"'):
        Trained(threads)


def test_no_executor_and_no_parameter(threads: Any) -> None:
    with pytest.raises(TypeError, match=r"the loss gave .*, which depends on no parameter"):
        Trained(threads, loss=lambda output, target: 1.0)
    with pytest.raises(ValueError, match="compile=False trains with graphs, which stay here"):
        Trained(threads, compile=False)
    for options, message in [
        ({"parts": 0}, "parts must be at least 1, got 0"),
        ({"timeout": 0.0}, "timeout must be positive, got 0.0; None waits for ever"),
    ]:
        with pytest.raises(ValueError, match=message):
            Workers(threads, **options)


def test_the_number_of_workers_is_asked_for(threads: Any) -> None:
    class Mpi(Backwards):
        num_workers = 7

    assert Workers(threads).parts == 2
    assert Workers(Mpi()).parts == 7
    assert Workers(Mpi(), parts=3).parts == 3
    assert Workers(Backwards()).parts == os.cpu_count()


# --- a real cluster -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster, cluster.get_client() as client:  # fmt: skip
        client.wait_for_workers(2)
        yield cluster


@pytest.fixture
def dask(cluster: Any) -> Any:
    """The executor of a real scheduler with two worker processes."""
    return Workers(cluster.get_client().get_executor(), parts=2)


def test_the_workers_of_dask_give_the_numbers_of_one_process(dask: Any) -> None:
    assert Workers(dask.executor).parts == 2
    there = Trained(dask, batch_size=15)
    there.agrees_with(Trained(batch_size=15))
    assert there.optimizer.hyper.step == 16


def test_a_worker_of_dask_that_dies_in_an_epoch_changes_no_bit(dask: Any, tmp_path: Path) -> None:
    mark = tmp_path / "died"
    undisturbed = Trained(dask, batch_size=15)
    deadly = Deadly(dask.executor, 14, mark)  # the second part of a step in the second epoch, at the earliest
    disturbed = Trained(Workers(deadly, parts=2), batch_size=15)
    assert mark.exists()
    disturbed.is_identical_to(undisturbed)
    disturbed.agrees_with(Trained(batch_size=15))


def test_a_sweep_runs_on_dask_with_any_function(dask: Any) -> None:
    def factory(width: int) -> MLP:
        return MLP(3, [width, 3], activation="tanh", seed=0)

    options: dict[str, Any] = {"loss": "cross_entropy", "epochs": 3, "progress": False}
    there, here = [
        sweep(factory, {"width": [1, 2, 3]}, (X, CLASSES), executor=executor, **options)
        for executor in (dask.executor, None)
    ]
    assert [(run.parameters, run.numbers) for run in there] == [(run.parameters, run.numbers) for run in here]


def test_when_all_workers_of_dask_are_gone_the_model_is_as_after_the_last_step(
    cluster: Any, dask: Any, threads: Any
) -> None:
    """The last test of the cluster, which has no workers after it: to start one takes longer than the test."""

    def leave(history: History) -> None:
        if len(history) == 3:
            cluster.scale(0)
            dask.timeout = 1.0  # not before: the first step waits for machine code, however slow the machine is

    model = mlp()
    adam = Adam(model.parameters())
    with pytest.raises(ExecutorError, match=r"no worker answered for 1 seconds: are there any left\?"):
        Trained(dask, lambda _: adam, model=model, epochs=10**6, batch_size=None, callbacks=[leave])
    is_as_after_its_last_step(model, adam, threads)
