"""Steps of training on the workers of an executor: they compute the gradients, the update is made here."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from autograd.errors import CompileError
from nn.chance import not_drawn
from nn.distributed import ExecutorError, Parcel, Workers
from nn.optim import Optimizer
from nn.training.steps import Batch, CompiledSteps, EagerSteps, Problem


class ExecutorSteps(CompiledSteps):
    """Steps whose gradients come from the workers of an executor: each batch is cut into parts, the sums are added up.

    The compiled program and the data travel to each worker once.  A step sends it the parameters and the indices of its
    samples and gets the sums over these; the update is made here, where the optimiser is.
    """

    def __init__(self, problem: Problem, optimizer: Optimizer, workers: Workers) -> None:
        self.workers = workers
        super().__init__(problem, optimizer)

    def _record(self) -> None:
        super()._record()
        from autograd.compiler.batches.samples import Gradients

        self.parcels = [Parcel(Gradients(self.trainer.program, self.trainer.trained)), Parcel(self.trainer.columns)]
        self.by_rule = (
            type(self.optimizer).step is Optimizer.step
            and len(self.optimizer.param_groups) == 1
            and self.trainer.can_update()
        )

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
        """Take a step by the optimiser's own ``step``, which may do more than its rule."""
        self.store()
        for parameter, derivative in zip(self.optimizer.parameters, gradient):
            parameter.grad = derivative
        self.optimizer.step()
        self.load()


def _sums(gradients: Any, columns: Any, batch: Batch, parameters: Any) -> Any:
    """The sums of the losses and gradients of some samples; this runs on a worker."""
    return gradients(columns, batch, parameters)


def steps_on(executor: Any, problem: Problem, optimizer: Optimizer, compile: bool) -> EagerSteps | CompiledSteps:
    """Steps whose gradients come from an executor.

    Where the loss depends on no parameter they are eager ones, whose first step is an error that says so.

    Raises:
        ExecutorError: The model or the loss cannot be compiled.
        ValueError: ``compile`` is False.
    """
    workers = executor if isinstance(executor, Workers) else Workers(executor)
    if not compile:
        raise ValueError("compile=False trains with graphs, which stay here: with an executor use compile=True")
    with not_drawn(problem.model):
        try:
            steps = ExecutorSteps(problem, optimizer, workers)
        except (CompileError, ImportError) as error:  # ImportError: the compiler is not installed
            problem.check_eagerly()
            install = ' (pip install "scalar-autograd[compile]")' if isinstance(error, ImportError) else ""
            raise ExecutorError(
                f"workers need a compiled program, but there is none: {error}{install}; executor=None trains here"
            ) from error
    return steps if steps.trainer.reaches_parameters else EagerSteps(problem, optimizer)
