"""Is training faster on several processes, and on how many machines would it be fastest?

Steps of gradient descent on one large batch: in this process, on a ``ProcessPoolExecutor`` and on a local Dask cluster,
of one and of two workers each. Then the costs of a step one by one, and the times that follow from them for N machines:

    T(N) = computation / N + latency + N * part + update

A part is what one more machine costs the process that hands out the work: packing and sending the parameters, receiving
and adding up the gradients. So T is least at N = sqrt(computation / part); with more machines a step takes longer.
The costs are those of processes on one machine; in a network, the time for the bytes of a part comes on top. Each cost
is the least of many measurements and compared with the fastest round: what others do on the machine is none of them.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from harness import Question, Result, compare, largest_difference, print_table, quantity
from problems import classifier_problem

# Last, not first: this script must not hide Dask's package of the same name.
HERE = str(Path(__file__).resolve().parent)
sys.path[:] = [str(Path(HERE).parent), *[path for path in sys.path if path != HERE], HERE]

PROBLEMS = {
    "784-128-10, relu, batches of 4,096": ([784, 128, 10], "relu", 4096),
    "64-256-128-10, tanh, batches of 16,384": ([64, 256, 128, 10], "tanh", 16384),
}
NETWORK = 1e9 / 8  # bytes per second: 1 Gbit/s
STEPS = 3  # after which the losses are compared


# --- who computes --------------------------------------------------------------------------------
@contextmanager
def nobody_else() -> Iterator[None]:
    yield None


@contextmanager
def processes(count: int) -> Iterator[Any]:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        yield pool


@contextmanager
def dask(count: int) -> Iterator[Any]:
    from dask.distributed import LocalCluster

    options = {"threads_per_worker": 1, "processes": True, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=count, **options) as cluster, cluster.get_client() as client:
        client.wait_for_workers(count)
        yield client.get_executor()


CONTESTANTS: dict[str, tuple[Callable[[], Any], int]] = {
    "this process": (nobody_else, 0),
    "1 process": (lambda: processes(1), 1),
    "2 processes": (lambda: processes(2), 2),
    "Dask, 1 worker": (lambda: dask(1), 1),
    "Dask, 2 workers": (lambda: dask(2), 2),
}

# What is twice another, and what it is held against.
PAIRS = {"2 processes": ["1 process", "this process"], "Dask, 2 workers": ["Dask, 1 worker", "this process"]}


def steps_of(problem: dict[str, Any], executor: Any, parts: int) -> Any:
    """The steps that ``fit`` would take."""
    from nn import MLP, SGD, Workers, cross_entropy
    from nn.training.steps import Problem, steps_for, steps_on

    X, y = problem["X"], problem["y"]
    model = MLP(len(X[0]), [len(layer) for layer in problem["layers"]], activation=problem["activation"], seed=0)
    optimizer = SGD(model.parameters(), lr=problem["rate"])
    if executor:
        return steps_on(Workers(executor, parts=parts), Problem(model, cross_entropy, X, y), optimizer, True)
    return steps_for(Problem(model, cross_entropy, X, y), optimizer, len(X), True)


# --- what a step costs ---------------------------------------------------------------------------
class Costs(NamedTuple):
    """Seconds of a step: T(N) = computation / N + latency + N * part + update; and what a part moves."""

    computation: float
    latency: float
    part: float
    update: float
    bytes: int

    def seconds(self, machines: float) -> float:
        return self.computation / machines + self.latency + machines * self.part + self.update

    @property
    def machines(self) -> int:
        """How many are fastest."""
        best = max(1, math.floor(math.sqrt(self.computation / self.part)))
        return min(best, best + 1, key=self.seconds)

    def over(self, bytes_per_second: float) -> Costs:
        """The same with a network in between."""
        return self._replace(part=self.part + self.bytes / bytes_per_second)


def least_seconds(run: Callable[[], object], rounds: int) -> float:
    run()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def nothing(gradients: Any, columns: Any, batch: Any, parameters: Any) -> Any:
    """On a worker: as many numbers as the real task, without computing them."""
    return parameters[:1].repeat(1 + gradients.trained)


def costs_of(steps: Any, samples: int, rounds: int) -> Costs:
    """Measure each cost by itself."""
    import numpy as np

    from autograd.compiler.batches.samples import Gradients

    trainer, parameters = steps.trainer, steps.trainer.captured_numbers
    gradients = Gradients(trainer.program, trainer.trained)
    found = gradients(trainer.columns, range(samples), parameters) / samples

    serial = itertools.count()  # no task is like another: Dask would compute it once

    def send(parts: int) -> None:
        sum(steps.workers.run(nothing, steps.parcels, [(range(next(serial)), parameters) for _ in range(parts)]))

    def round_of(parts: int) -> float:
        return least_seconds(lambda: send(parts), 5 * rounds)

    numbers = [1, 2, 4, 8]
    part, latency = np.polyfit(numbers, [round_of(parts) for parts in numbers], 1)
    return Costs(
        computation=least_seconds(lambda: gradients(trainer.columns, range(samples), parameters), rounds),
        latency=max(float(latency), 0.0),
        part=float(part),
        update=least_seconds(lambda: trainer.update(found[0], found[1:], lr=0.0), 5 * rounds),
        bytes=parameters.nbytes + found.nbytes,
    )


def print_costs(costs: dict[str, Costs], results: dict[str, Result], samples: int, question: Question) -> None:
    """The costs, the times that follow from them, and what was measured."""

    def show(seconds: float) -> str:
        return quantity(seconds, question)

    for name, cost in costs.items():
        faster = ", ".join([f"{1 / compare(results[name], results[one]):.2f}x {one}" for one in PAIRS[name]])
        print(f"  {name}: predicted {show(cost.seconds(2))}, measured {show(min(results[name].samples))} ({faster})")
        print(
            f"    computation {show(cost.computation)} ({show(cost.computation / samples)} per sample), "
            f"latency {show(cost.latency)}, part {show(cost.part)}, update {show(cost.update)}; "
            f"moved per worker: {cost.bytes / 1e6:.2f} MB"
        )
        for where, there in ("on one machine", cost), ("with 1 Gbit/s in between", cost.over(NETWORK)):
            n = there.machines
            print(f"    {where}, {n} workers would be fastest: {show(there.seconds(n))} per step")


# --- asking ---------------------------------------------------------------------------------------
def ask(question: Question, rounds: int, seconds: float, pause: float) -> bool:
    """Compare losses, measure in turns, and print; returns whether all went well."""
    results = {name: Result(name) for name in CONTESTANTS}
    running: dict[str, tuple[Any, int]] = {}
    problem = question.data()
    samples = len(problem["X"])
    batch = [range(samples)]
    reference: list[float] = []
    with ExitStack() as stack:
        for name, (start, parts) in CONTESTANTS.items():
            result = results[name]
            try:
                steps = steps_of(problem, stack.enter_context(start()), parts)
            except ImportError as error:
                result.status = f"not installed ({error.name})"
                continue
            losses = steps.run(batch, STEPS)
            reference = reference or losses
            result.difference = largest_difference(losses, reference)
            if not result.difference <= question.tolerance:
                result.status = f"failed: its losses differ by {result.difference:.1e}"
                continue
            running[name] = steps, max(1, round(seconds / least_seconds(lambda run=steps.run: run(batch), 3)))
        for _ in range(rounds):
            time.sleep(pause)
            for name, (steps, repeat) in running.items():
                start_time = time.perf_counter()
                steps.run(batch, repeat)
                results[name].samples.append((time.perf_counter() - start_time) / repeat)
        print_table(question, list(results.values()))
        costs = {name: costs_of(running[name][0], samples, rounds) for name in PAIRS if name in running}
        print_costs(costs, results, samples, question)
    return not any(result.status.startswith("failed") for result in results.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of measurement (default 15)")
    parser.add_argument("--seconds", type=float, default=0.2, help="length of a round (default 0.2)")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between rounds, where others are at work")
    parser.add_argument("--only", default="", metavar="TEXT", help="problems with TEXT in the title")
    options = parser.parse_args()
    well = True
    for title, problem in PROBLEMS.items():
        if options.only.lower() in title.lower():
            question = Question(f"step: {title}", lambda p=problem: classifier_problem(*p), contestants=[], unit="step")
            well = ask(question, options.rounds, options.seconds, options.pause) and well
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
