"""The steps of training: by the graph of each batch, compiled, or on many machines; one trajectory, to rounding."""

from __future__ import annotations

import random
import warnings
from array import array
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from autograd import Value, fsum, no_grad
from nn.data import DataError, one_hot
from nn.executor import ExecutorError, Parcel, Workers
from nn.losses import cross_entropy
from nn.optim import Optimizer

__all__ = ["CompiledSteps", "EagerSteps", "ExecutorSteps", "steps_for"]

Loss = Callable[[Any, Any], Any]
Batch = Sequence[int]  # indices of samples

_ALIVE_AT_ONCE = 64  # the samples whose graphs are in memory together, whatever the size of the batch


class EagerSteps:
    """Steps that record the graph of each batch and differentiate it.

    The parameters and the optimiser are always up to date.
    """

    def __init__(
        self, model: Callable[[Any], Any], loss: Loss, optimizer: Optimizer, X: Sequence[Any], y: Sequence[Any]
    ) -> None:
        self.model, self.loss, self.optimizer, self.X, self.y = model, loss, optimizer, X, y

    def run(self, batches: Sequence[Batch], repeat: int = 1) -> list[float]:
        """One step per batch; returns the mean loss of each, measured before its step."""
        return [self._step(batch) for _ in range(repeat) for batch in batches]

    def _step(self, batch: Batch) -> float:
        self.optimizer.zero_grad()
        mean = 0.0
        for start in range(0, len(batch), _ALIVE_AT_ONCE):
            samples = batch[start : start + _ALIVE_AT_ONCE]
            part = fsum([self.loss(self.model(self.X[i]), self.y[i]) for i in samples]) / len(batch)
            if not isinstance(part, Value):
                raise TypeError(f"the loss gave {part!r}, which depends on no parameter: does the model use any?")
            part.backward()
            mean += part.data
        self.optimizer.step()
        return mean

    def save(self) -> Any:
        """The parameters and the state of the optimiser, for ``restore``."""
        optimizer = self.optimizer
        return [parameter.data for parameter in optimizer.parameters], list(optimizer.state), optimizer.hyper.step

    def restore(self, saved: Any) -> None:
        """Go back to what ``save`` returned."""
        numbers, self.optimizer.state, self.optimizer.hyper.step = saved
        for parameter, number in zip(self.optimizer.parameters, numbers):
            parameter.data = number

    def store(self) -> None:
        """Bring the parameters and the optimiser up to date."""

    def load(self) -> None:
        """Continue from the parameters and the optimiser as they are now."""


class CompiledSteps:
    """Steps in machine code, many per call.

    The parameters and the optimiser are up to date after ``store`` only: a step costs no Python per parameter.

    Args:
        model, loss, optimizer, X, y: as for ``fit``.

    Raises:
        Exception: of any kind, if the model or the loss cannot be compiled.
    """

    def __init__(
        self, model: Callable[[Any], Any], loss: Loss, optimizer: Optimizer, X: Sequence[Any], y: Sequence[Any]
    ) -> None:
        from autograd.compiler.training import Trainer

        def loss_of_sample(x: Any, target: Any) -> Any:
            return loss(model(x), target)

        self.optimizer = optimizer
        before = random.getstate()
        try:
            self.trainer = Trainer(
                loss_of_sample, (X, y), optimizer.parameters, optimizer.rule, optimizer.state_size, self._hyper()
            )
            with no_grad():
                numbers = [float(f"{loss_of_sample(X[0], y[0]):.17g}") for _ in range(3)]
            if random.getstate() != before or any(repr(n) != repr(self.trainer.recorded_loss) for n in numbers):
                raise TypeError("the loss of a sample is another one at each call, there is something random in it")
        finally:
            random.setstate(before)
        self.load()

    def _hyper(self) -> dict[str, Any]:
        return vars(self.optimizer.hyper) | {"lr": None, "step": None}  # these two may change from step to step

    def run(self, batches: Sequence[Batch], repeat: int = 1) -> list[float]:
        """One step per batch; returns the mean loss of each, measured before its step."""
        return self.trainer.run(batches, lr=self.optimizer.lr, repeat=repeat)

    def save(self) -> Any:
        """The parameters and the state of the optimiser, for ``restore``."""
        return self.trainer.live.copy()

    def restore(self, saved: Any) -> None:
        """Go back to what ``save`` returned."""
        self.trainer.live = saved

    def store(self) -> None:
        """Bring the parameters and the optimiser up to date."""
        self.trainer.store()
        self.optimizer.hyper.step = self.trainer.steps
        self.optimizer.deferred_state = lambda: self.trainer.state

    def load(self) -> None:
        """Continue from the parameters and the optimiser as they are now."""
        unchanged = self.optimizer.deferred_state is not None
        self.trainer.load(self.optimizer.hyper.step, None if unchanged else self.optimizer.state)
        if self._hyper() != self.trainer.hyper:
            self.trainer.steer(self._hyper())


class ExecutorSteps(CompiledSteps):
    """Steps whose gradients come from the workers of an executor: each batch is cut into parts, the sums are added up.

    The compiled program and the data travel to each worker once.  A step sends it the parameters and the indices of its
    samples and gets the sums over these; the update is made here.

    Args:
        model, loss, optimizer, X, y: as for ``fit``.
        workers: who computes.

    Raises:
        Exception: of any kind, if the model or the loss cannot be compiled.
    """

    def __init__(
        self,
        model: Callable[[Any], Any],
        loss: Loss,
        optimizer: Optimizer,
        X: Sequence[Any],
        y: Sequence[Any],
        workers: Workers,
    ) -> None:
        super().__init__(model, loss, optimizer, X, y)
        from autograd.compiler.gradients import Gradients

        self.workers = workers
        self.parcels = [Parcel(Gradients(self.trainer.program, self.trainer.trained)), Parcel(self.trainer.columns)]
        self.by_rule = type(optimizer).step is Optimizer.step and self.trainer.can_update()

    def run(self, batches: Sequence[Batch], repeat: int = 1) -> list[float]:
        """One step per batch; returns the mean loss of each, measured before its step."""
        return [self._step(batch) for _ in range(repeat) for batch in batches]

    def _step(self, batch: Batch) -> float:
        parts, parameters = self.workers.parts, self.trainer.captured_numbers
        samples = batch if isinstance(batch, range) else array("q", batch)  # compact
        bounds = [len(batch) * k // parts for k in range(parts + 1)]
        tasks = [(samples[start:stop], parameters) for start, stop in pairwise(bounds) if start < stop]
        # Added up in the order of the parts: the result does not depend on who is done first.
        means = sum(self.workers.run(_sums, self.parcels, tasks)) / len(batch)
        loss = float(means[0])
        if self.by_rule:
            self.trainer.update(loss, means[1:], lr=self.optimizer.lr)
        else:
            self._update_by_optimizer(means[1:].tolist())
        return loss

    def _update_by_optimizer(self, gradient: Sequence[float]) -> None:
        """A step of an optimiser that does more than its rule says."""
        self.store()
        for parameter, derivative in zip(self.optimizer.parameters, gradient):
            parameter.grad = derivative
        self.optimizer.step()
        self.load()


def _sums(gradients: Any, columns: Any, batch: Batch, parameters: Any) -> Any:
    """On a worker: the sums over some samples."""
    return gradients(columns, batch, parameters)


def steps_for(
    model: Callable[[Any], Any],
    loss: Loss,
    optimizer: Optimizer,
    X: Sequence[Any],
    y: Sequence[Any],
    batch_size: int,
    compile: bool,
    executor: Any = None,
) -> EagerSteps | CompiledSteps:
    """Compiled steps if they are wanted and possible, else eager ones; a warning says why not.

    Raises:
        ExecutorError: there is an executor, but the model or the loss cannot be compiled.
    """
    eager = EagerSteps(model, loss, optimizer, X, y)
    if executor is None:
        if not compile or type(optimizer).step is not Optimizer.step:
            return eager
        from autograd.compiler.kernels import native_available

        if not native_available():
            return eager
    elif not compile:
        raise ValueError("compile=False trains by graphs, which stay here: with an executor use compile=True")
    workers = executor if executor is None or isinstance(executor, Workers) else Workers(executor)
    before = random.getstate()
    try:
        targets = _as_vectors(model, X, y) if loss is cross_entropy else y
        if workers is None:
            compiled = CompiledSteps(model, loss, optimizer, X, targets)
        else:
            compiled = ExecutorSteps(model, loss, optimizer, X, targets, workers)
        if not compiled.trainer.reaches_parameters:
            return eager
        if workers is None:
            compiled.trainer.kernel(batch_size)
    except DataError:  # a class that there is not
        raise
    except Exception as error:
        with no_grad():
            loss(model(X[0]), y[0])  # an error that has nothing to do with compiling is raised here
        if workers is not None:
            install = ' (pip install "scalar-autograd[compile]")' if isinstance(error, ImportError) else ""
            raise ExecutorError(
                f"workers get a compiled program, and there is none: {error}{install}; executor=None trains here"
            ) from error
        warnings.warn(f"training runs without the compiler, many times slower: {error}", RuntimeWarning, stacklevel=3)
        return eager
    finally:
        random.setstate(before)  # what was drawn to find out does not count
    return compiled


def _as_vectors(model: Callable[[Any], Any], X: Sequence[Any], y: Sequence[Any]) -> Sequence[Any]:
    """Indices of classes as vectors: an index is no number to compute with."""
    with no_grad():
        output = model(X[0])
    indices = isinstance(output, list) and not hasattr(y[0], "__len__") and not isinstance(y[0], float)
    return one_hot(y, len(output)) if indices else y
