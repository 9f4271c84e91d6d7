"""The steps of training, which record the graph of each batch, run machine code, or ask workers."""

from __future__ import annotations

import warnings
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd import Value, fsum, no_grad
from autograd.collector import collector_paused
from autograd.elementwise import Deferred
from autograd.errors import CompileError
from autograd.functional import transformation
from nn.chance import check_repeatable, draws_given, draws_of, not_drawn, tried
from nn.data import first_not_finite, one_hot
from nn.evaluation import Outputs, errors_name, evaluating, evaluator_of
from nn.losses import cross_entropy
from nn.optim import Optimizer

if TYPE_CHECKING:
    from nn.distributed import Workers

Loss = Callable[[Any, Any], Any]
Batch = Sequence[int]  # indices of samples

_ALIVE_AT_ONCE = 64  # the samples whose graphs are in memory together, whatever the size of the batch


class Problem(NamedTuple):
    """A model, the loss of one sample, and the data to learn from: samples, and a target for each."""

    model: Callable[[Any], Any]
    loss: Loss
    X: Sequence[Any]
    y: Sequence[Any]

    def loss_of(self, i: int) -> Any:
        """The loss of one sample, which must be one number."""
        with errors_name(i, X=self.X[i], y=self.y[i]):
            loss = self.loss(self.model(self.X[i]), self.y[i])
        if loss is None or hasattr(loss, "__len__"):
            given, remedy = ("None", "does the function say `return`?") if loss is None else (
                f"a {type(loss).__name__} of {len(loss)}", "add up its members, as in fsum(losses) / len(losses)"
            )  # fmt: skip
            raise TypeError(f"the loss of a sample must be one number, got {given}: {remedy}")
        return loss

    def check_eagerly(self) -> None:
        """Let errors surface: run the model and the loss on a sample of each length, and where a value is missing."""
        lengths = {len(x) if hasattr(x, "__len__") else 0: i for i, x in reversed([*enumerate(self.X)])}
        missing = [bad[0] for rows in (self.X, self.y) if (bad := first_not_finite(rows)) and bad[2] is None]
        with no_grad():
            for i in sorted({*lengths.values(), *missing}):
                self.loss_of(i)

    def numeric(self) -> Problem:
        """The same problem with class indices as one-hot vectors: a compiled program cannot compute with an index."""
        if self.loss is not cross_entropy:
            return self
        with no_grad():
            output = self.model(self.X[0])
        target = self.y[0]
        are_indices = hasattr(output, "__len__") and not hasattr(target, "__len__") and not isinstance(target, float)
        return self._replace(y=one_hot(self.y, len(output))) if are_indices else self


class EagerSteps:
    """Steps that record the graph of each batch and differentiate it.

    The parameters and the optimiser are always up to date.
    """

    def __init__(self, problem: Problem, optimizer: Optimizer) -> None:
        self.problem, self.optimizer = problem, optimizer
        self._reached = False  # whether the loss is known to depend on a parameter of the optimiser

    def run(self, batches: Sequence[Batch], repeat: int = 1) -> list[float]:
        """One step per batch; returns the mean loss of each, measured before its step."""
        return [self._step(batch) for _ in range(repeat) for batch in batches]

    def _step(self, batch: Batch) -> float:
        self.optimizer.zero_grad()
        mean = 0.0
        for start in range(0, len(batch), _ALIVE_AT_ONCE):
            samples = batch[start : start + _ALIVE_AT_ONCE]
            with transformation():  # so that a derivative in the loss depends on the parameters
                part = fsum(map(self.problem.loss_of, samples)) / len(batch)
            if not isinstance(part, Value):
                raise TypeError(f"the loss gave {part!r}, which depends on no parameter: does the model use any?")
            part.backward()
            mean += part.data
        if not self._reached:
            self._check_reach()
        self.optimizer.step()
        return mean

    def _check_reach(self) -> None:
        """Refuse an optimiser of other parameters than those that the loss of any sample depends on."""
        own = set(self.optimizer.parameters)
        if not any(parameter.grad for parameter in own):
            with not_drawn(self.problem.model):
                if not any(_depends(self.problem.loss_of(i), own) for i in range(len(self.problem.X))):
                    raise ValueError(
                        "the optimizer has no parameter of this model: make one from model.parameters(); "
                        f"the loss depends on none of the {len(own)} that it has (.data and .detach() drop gradients)"
                    )
        self._reached = True

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

    def load(self, *, data: bool = False) -> None:
        """Continue from the parameters and the optimiser as they are now; from the data, too, if these changed."""


class CompiledSteps:
    """Steps in machine code, many per call.

    The parameters and the optimiser are up to date after ``store`` only: a step costs no Python per parameter.

    Raises:
        CompileError: The model or the loss does something that the compiler cannot do.
    """

    @collector_paused()
    def __init__(self, problem: Problem, optimizer: Optimizer) -> None:
        self._given, self.problem, self.optimizer = problem, problem.numeric(), optimizer
        self.looks = 0  # the number of times that somebody else may have changed what the loss reads
        self._deferred: Deferred | None = None  # in the place of the optimiser's state until that is asked for
        self._record()
        self.load()

    def _record(self) -> None:
        """Record the loss of a sample, with all that the model and the loss read from outside as it is now."""
        from autograd.compiler.backends import compile_errors
        from autograd.compiler.batches.training import Trainer
        from autograd.compiler.recording.outside import Outside

        (model, loss, X, y), optimizer = self.problem, self.optimizer

        def loss_of_sample(drawn: list[Any], x: Any, target: Any) -> Any:
            with compile_errors(), draws_given(drawn):
                return loss(model(x), target)

        self.outside = Outside(loss_of_sample)
        with not_drawn(model) as moved, tried(self.outside):
            known: list[Any] = []
            with no_grad():
                self.draws = draws_of(lambda: known.append(self.problem.loss_of(0)))
            drawn = [1.0] * len(self.draws)  # as the first numbers of every sample, and anew in every step
            data = [drawn] * len(X), X, y
            self.trainer = Trainer(
                loss_of_sample, data, optimizer.parameters, optimizer.rule, optimizer.state_size, self._hyper(),
                self.outside,
            )  # fmt: skip
            recorded = [self.trainer.recorded_loss]
            check_repeatable(lambda: [loss_of_sample(drawn, X[0], y[0])], recorded, moved, known)

    def _hyper(self) -> dict[str, Any]:
        return vars(self.optimizer.hyper) | {"lr": None, "step": None}  # these two may change from step to step

    def run(self, batches: Sequence[Batch], repeat: int = 1) -> list[float]:
        """One step per batch; returns the mean loss of each, measured before its step."""
        if not self.draws:
            return self.trainer.run(batches, lr=self.optimizer.lr, repeat=repeat)
        losses: list[float] = []
        for batch in [*batches] * repeat:
            for i in batch:
                self.trainer.columns[i, : len(self.draws)] = [draw() for draw in self.draws]
            losses += self.trainer.run([batch], lr=self.optimizer.lr)
        return losses

    def save(self) -> Any:
        """The parameters and the state of the optimiser, for ``restore``."""
        return self.trainer, self.trainer.live.copy()

    def restore(self, saved: Any) -> None:
        """Go back to what ``save`` returned."""
        trainer, numbers = saved
        new = self.trainer
        if trainer is new:
            new.live = numbers.copy()
            return
        # The loss was recorded again since, and may use other leaves besides the trained ones: these stay as they are.
        live = new.live.copy()
        live[: new.trained] = numbers[: new.trained]
        live[len(new.captured) :] = numbers[len(trainer.captured) :]
        new.live = live

    def store(self) -> None:
        """Bring the parameters and the optimiser up to date."""
        self.trainer.store()
        self.optimizer.hyper.step = self.trainer.steps
        self.optimizer.state = self._deferred = Deferred(self.trainer.state_later())

    def load(self, *, data: bool = False) -> None:
        """Continue from the parameters and the optimiser, and from all that the loss reads, as they are now.

        The samples or targets may have changed, too, if ``data`` says so.  Raises a CompileError if the model or the
        loss now does something that the compiler cannot do.
        """
        self.looks += 1
        if data:
            self.problem = self._given.numeric()
        if data or not self.outside.holds():
            self.optimizer.state = self.optimizer.state  # the list itself, as long as the old trainer can still make it
            self._record()
        unchanged = self.optimizer.deferred is not None and self.optimizer.deferred is self._deferred
        self.trainer.load(self.optimizer.hyper.step, None if unchanged else self.optimizer.state)
        if self._hyper() != self.trainer.hyper:
            self.trainer.steer(self._hyper())

    def evaluator(self, problem: Problem, *, outputs: bool) -> Callable[[], tuple[list[float], list[Any]]]:
        """A function that gives the loss of each sample, and the outputs if they are wanted, natively.

        The parameters are those of the last step: nothing has to be stored for it.
        """
        from autograd.compiler.backends import compile_errors
        from autograd.compiler.recording.outside import Outside

        model, loss, *_ = problem
        found = Outputs()

        def loss_and_outputs(x: Any, target: Any) -> list[Any]:
            with compile_errors():
                output = model(x)
                return [loss(output, target), *(found.listed(output) if outputs else ())]

        def made() -> tuple[Any, Any, Any]:
            outside = Outside(lambda x, target: loss(model(x), target))
            *_, X, y = problem.numeric()
            evaluator = evaluator_of(model, loss_and_outputs, (X, y), outside, self.trainer.captured)
            return self.trainer, outside, evaluator

        current, looks = made(), self.looks

        def evaluate() -> tuple[list[float], list[Any]]:
            nonlocal current, looks
            if looks != self.looks:
                looks = self.looks
                with evaluating(model):
                    if current[0] is not self.trainer or not current[1].holds():
                        current = made()
            columns = current[2](self.trainer.captured_numbers)
            return columns[0].tolist(), found.by_sample(columns[1:])

        return evaluate


def steps_for(problem: Problem, optimizer: Optimizer, batch_size: int, compile: bool) -> EagerSteps | CompiledSteps:
    """Compiled steps if they are wanted and possible, else eager ones; a warning says why not."""
    eager = EagerSteps(problem, optimizer)
    if not compile or type(optimizer).step is not Optimizer.step:
        return eager
    if len(optimizer.param_groups) > 1:
        message = (
            "training runs without the compiler, many times slower: fit compiles only one group of parameters; your "
            "own loop, with @autograd.compile on its step, may have several"
        )
        warnings.warn(message, RuntimeWarning, stacklevel=3)
        return eager
    from autograd.compiler.backends import native_available

    if not native_available():
        return eager
    with not_drawn(problem.model):
        try:
            compiled = CompiledSteps(problem, optimizer)
            if not compiled.trainer.reaches_parameters:
                return eager  # whose first step says so
            compiled.trainer.kernel(batch_size)
        except CompileError as error:
            from autograd.compiler.recording.outside import Outside

            outside = Outside(lambda x, target: problem.loss(problem.model(x), target))
            with suppress(CompileError), tried(outside):  # what the trial changes is put back
                problem.check_eagerly()
            message = f"training runs without the compiler, many times slower: {error}"
            warnings.warn(message, RuntimeWarning, stacklevel=3)
            return eager
    return compiled


def _depends(loss: Any, on: set[Value]) -> bool:
    """Whether any of these leaves is in the graph of the loss."""
    from autograd.viz import diagnose

    return isinstance(loss, Value) and not on.isdisjoint(diagnose(loss).gradients)


# ---- on the workers of an executor: they compute the gradients, the update is made here ------------------------------
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
        from nn.distributed import Parcel

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
    """Steps whose gradients come from an executor; eager ones, which say so, where the loss depends on no parameter.

    Raises:
        ExecutorError: The model or the loss cannot be compiled.
        ValueError: ``compile`` is False.
    """
    from nn.distributed import ExecutorError, Workers

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
