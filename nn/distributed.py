"""Work on other processes and machines, through any executor of PEP 3148.

Such an executor runs a function somewhere and that is all it promises: it cannot say which worker gets a task, nor when
one dies and another takes its place.  So what all tasks need, a *parcel* (the compiled program, the data), is not sent
ahead.  A task names its parcels; a worker that does not have one says so, and the task is given out again with it.
Each worker keeps its parcels, hence gets each once, also if it joins late or has been started anew.

Tasks change nothing, so that one may run twice.  A batch of ``fit`` is cut into *parts*, one task each; their sums are
added up in the order of the parts, so that the result does not depend on who is done first.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from autograd.errors import AutogradError
from autograd.locks import renew_in_child
from nn.options import whole_number

_MOST_KEPT = 8  # parcels on a worker: the programs and data of several trainings that take turns


class ExecutorError(AutogradError, RuntimeError):
    """The workers of an executor gave no result; the message says what became of them.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> Workers(ThreadPoolExecutor()).run(int, [], [("one",)])
    Traceback (most recent call last):
        ...
    nn.distributed.ExecutorError: the workers gave no result: ValueError: invalid literal for int() ...
    """


class Parcel:
    """An object that many tasks need, in the form in which it travels."""

    def __init__(self, content: Any) -> None:
        self.data = pickle.dumps(content, protocol=5)
        self.key = hashlib.blake2b(self.data, digest_size=16).hexdigest()  # equal content has the same key


class _Missing(NamedTuple):
    """A worker's answer to a task that needs parcels which it does not have."""

    keys: list[str]


class Workers:
    """The workers behind an executor.

    If a worker dies, the executor decides what happens.  Dask gives its tasks to another worker, up to three times; the
    results are the same, since tasks change nothing.  A ``ProcessPoolExecutor`` breaks, which is an ``ExecutorError``.
    If program and data have more than 10 MB, Dask warns of a large graph: once per worker, not in each step.

    Args:
        executor: An object with the ``submit`` of ``concurrent.futures``: a ``ProcessPoolExecutor`` or
            ``ThreadPoolExecutor``, Dask's ``Client(...).get_executor()``, ``mpi4py.futures.MPIPoolExecutor``.
        parts: The number of tasks into which a batch is cut; by default one for each worker that the executor has at
            the moment, or for each CPU here if it does not tell.  The result does not depend on who computes which part
            or is done first; with another number of parts it differs by rounding.
        timeout: The seconds without an answer from any worker after which to give up; None waits for ever.  One part of
            a step must take less, and the first one waits for the machine code, too.

    Raises:
        TypeError: The executor has no ``submit``.
        ValueError: ``parts`` is less than 1, or ``timeout`` is not positive.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> Workers(ThreadPoolExecutor(3))
    Workers(ThreadPoolExecutor, parts=3, timeout=60.0)

    Source: B. Quinlan, "PEP 3148 – futures - execute computations asynchronously" (2009).
    """

    def __init__(self, executor: Any, *, parts: int | None = None, timeout: float | None = 60.0) -> None:
        if not callable(getattr(executor, "submit", None)):
            raise TypeError(
                f"an executor has a method submit, but {executor!r} of type {type(executor).__name__} has none: give a "
                "concurrent.futures.ProcessPoolExecutor(), or a Dask client's client.get_executor()"
            )
        if parts is not None:
            parts = whole_number("parts", parts, 1)
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout must be positive, got {timeout}; None waits for ever")
        self.executor, self.timeout = executor, timeout
        self.parts = parts or _count(executor)

    def __repr__(self) -> str:
        return f"Workers({type(self.executor).__name__}, parts={self.parts}, timeout={self.timeout})"

    def run(
        self, function: Callable[..., Any], parcels: Sequence[Parcel], tasks: Sequence[tuple[Any, ...]]
    ) -> list[Any]:
        """``function(*contents of the parcels, *task)`` for each task, in the order of the tasks.

        Raises:
            ExecutorError: A task failed, the workers are gone, or nobody answered in time.

        >>> from concurrent.futures import ThreadPoolExecutor
        >>> Workers(ThreadPoolExecutor()).run(pow, [Parcel(2)], [(3,), (4,)])
        [8, 16]
        """
        return [result for _, result in sorted(self.as_completed(function, parcels, tasks))]

    def as_completed(
        self, function: Callable[..., Any], parcels: Sequence[Parcel], tasks: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        """The results of ``run`` as pairs (number of the task, result), each as soon as it is there.

        >>> from concurrent.futures import ThreadPoolExecutor
        >>> dict(Workers(ThreadPoolExecutor()).as_completed(pow, [Parcel(2)], [(3,), (4,)])) == {0: 8, 1: 16}
        True
        """
        data = {parcel.key: parcel.data for parcel in parcels}
        supplied: list[dict[str, bytes]] = [{} for _ in tasks]
        running: dict[Any, int] = {}
        done: SimpleQueue[Any] = SimpleQueue()

        def start(k: int) -> None:
            future = self.executor.submit(_call, function, [*data], supplied[k], tasks[k])
            running[future] = k
            future.add_done_callback(done.put)

        try:
            for k in range(len(tasks)):
                start(k)
            while running:
                future = self._next(done)
                k, answer = running.pop(future), future.result()
                if isinstance(answer, _Missing):
                    supplied[k].update({key: data[key] for key in answer.keys})
                    start(k)
                else:
                    supplied[k] = {}
                    yield k, answer
        except ExecutorError:
            raise
        except Exception as error:  # each executor has its own; the message names it
            raise ExecutorError(f"the workers gave no result: {_reason(error)}") from error
        finally:
            for future in running:
                future.cancel()

    def _next(self, done: SimpleQueue[Any]) -> Any:
        try:
            return done.get(timeout=self.timeout)
        except Empty:
            raise ExecutorError(
                f"no worker answered for {self.timeout:g} seconds: are there any left? If they only need more time, "
                "give executor=Workers(executor, timeout=…)"
            ) from None


def _count(executor: Any) -> int:
    """The number of workers, from whichever attribute an executor keeps it in."""
    count = getattr(executor, "_max_workers", None) or getattr(executor, "num_workers", None)
    if count is None and hasattr(executor, "_client"):  # Dask's: threads by worker
        count = sum(executor._client.nthreads().values())
    return count or os.cpu_count() or 1


def _reason(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}".rstrip(": ")
    if "pickle" in text or "local object" in text:  # from Python 3.13 on
        text += "; what goes to another process must be defined at the top of a module, not inside a function"
    return text


# ---- on the worker ---------------------------------------------------------------------------------------------------
_kept: OrderedDict[str, Any] = OrderedDict()  # the contents of parcels, the one used last at the end
_lock = threading.Lock()
renew_in_child(sys.modules[__name__], "_lock", threading.Lock)


def _call(function: Callable[..., Any], keys: list[str], supplied: dict[str, bytes], task: tuple[Any, ...]) -> Any:
    """Run a task on the worker, or answer which parcels it lacks."""
    with _lock:
        for key, data in supplied.items():
            if key not in _kept:
                _kept[key] = pickle.loads(data)
        missing = [key for key in keys if key not in _kept]
        if missing:
            return _Missing(missing)
        for key in keys:
            _kept.move_to_end(key)
        while len(_kept) > max(_MOST_KEPT, len(keys)):  # all that this task needs
            _kept.popitem(last=False)
        contents = [_kept[key] for key in keys]
    return function(*contents, *task)
