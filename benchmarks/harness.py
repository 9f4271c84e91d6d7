"""Ask one question of several programs, side by side and on the same data.

A benchmark is a list of questions, a question a list of contestants, a contestant a function::

    def numpy_mean(data):                      # data: made once, sent to every contestant
        import numpy                           # a missing peer is listed, not an error
        xs = numpy.array(data)
        return Work(answer=lambda: [xs.mean()], run=xs.mean, per=len(data))

    main([Question("mean of a list", data=lambda: [1.0, 2.0, 6.0], unit="element", contestants=[...])])

Every contestant runs in a process of its own, on one thread, with the interpreter that
``--python PEER=PATH`` or the variable ``BENCH_PYTHON_PEER`` names (default: this one). First all
answers are compared; contestants that computed different numbers are not timed. Then they take
turns, round by round, so that noise of the machine hits all alike; the median round counts, and
for a ratio the median of the ratios within the rounds.

A question about first calls is ``fresh``: every round is a new process and one run in it, and the
answer is what this run computed (``first_run`` makes such a Work).
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import math
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_ENABLE_X64": "1",
    "JAX_PLATFORMS": "cpu",
}
CODE_CACHE = "AUTOGRAD_CACHE"  # our compiler's cache on disk: each process starts with an empty folder of its own
# What our compiler imports when it first needs it: the clock of a first call starts when everything is imported.
LATE = (
    *[f"autograd.compiler.{name}" for name in ("batches.training", "calls.plans", "machine.resident", "machine.tape")],
    "llvmlite.binding",
)
UNTUNED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # a BLAS held back would flatter us


# --- what a benchmark is made of ---------------------------------------------------------------
@dataclass(frozen=True)
class Work:
    """A contestant's answer, and the run that is timed; one run does ``per`` units of work."""

    answer: Callable[[], Sequence[float]]
    run: Callable[[], object]
    per: int = 1


@dataclass(frozen=True)
class Reading:
    """A contestant that measures by itself: ``read()`` returns the quantity in the question's unit."""

    answer: Callable[[], Sequence[float]]
    read: Callable[[], float]


def first_run(run: Callable[[], Any], numbers: Callable[[Any], Sequence[float]] = list, per: int = 1) -> Work:
    """Return the Work of a fresh question: its answer is what ``run`` returned, listed by ``numbers`` off the clock."""
    for module in LATE if "autograd" in sys.modules else ():
        importlib.import_module(module)
    results: list[Any] = []
    return Work(answer=lambda: numbers(results[0]), run=lambda: results.append(run()), per=per)


@dataclass(frozen=True)
class Contestant:
    """``prepare(data)`` imports ``peer`` and returns a Work or a Reading."""

    name: str
    peer: str
    prepare: Callable[[Any], Work | Reading]


@dataclass(frozen=True)
class Bar:
    """A promise: ``name`` takes at most ``limit`` times what ``peer`` takes (or ``limit`` itself)."""

    name: str
    limit: float
    peer: str | None = None


@dataclass(frozen=True)
class Question:
    """One table: the first contestant is the one that the others are compared with."""

    title: str
    data: Callable[[], Any]
    contestants: Sequence[Contestant]
    unit: str = "run"  # times are per unit; "bytes" and the like for readings that are no times
    bars: Sequence[Bar] = ()
    tolerance: float = 1e-9
    fresh: bool = False  # a new process for each round, one run in each, then its answer: for what caches would hide
    seconds: bool = True


@dataclass
class Result:
    """What became of one contestant: ``status`` is empty if it was measured."""

    name: str
    status: str = ""
    difference: float = 0.0
    samples: list[float] = field(default_factory=list)
    cpus: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.samples) if self.samples else math.nan


# --- the contestant's process --------------------------------------------------------------------
def serve() -> None:
    """Prepare one contestant, then answer requests from stdin until it closes."""
    if hasattr(os, "sched_setaffinity"):  # Linux; XLA ignores its own flags for one thread
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up among the replies
    requests = sys.stdin.buffer
    work: Any = None
    while True:
        try:
            request, *arguments = pickle.load(requests)
        except EOFError:
            return
        try:
            reply: Any = None
            if request == "prepare":
                module, function, data = arguments
                work = getattr(importlib.import_module(module), function)(data)
            elif request == "answer":
                reply = [float(number) for number in work.answer()]
            elif request == "calibrate":
                reply = _calls_lasting(work, *arguments)
            elif request == "measure":
                reply = _measure(work, *arguments)
            message = ("ok", reply)
        except ModuleNotFoundError as error:
            message = ("missing", f"not installed ({error.name})")
        except ImportError as error:
            message = ("missing", f"not available ({error})")
        except Exception as error:  # whatever a peer raises belongs into its row of the table
            traceback.print_exc()
            message = ("failed", f"{type(error).__name__}: {error}".splitlines()[0])
        pickle.dump(message, replies, protocol=4)
        replies.flush()


def _measure(work: Work | Reading, calls: int, by_cpu: bool) -> tuple[float, float]:
    """Return seconds per unit (or what the contestant read) and how many CPUs were busy."""
    # No gc.collect() here: a graph full of cycles is paid for by its engine's next step, as in real use.
    cpu, start = time.process_time(), time.perf_counter()
    if isinstance(work, Reading):
        value = work.read()
    else:
        run = work.run
        for _ in itertools.repeat(None, calls):
            run()
        seconds = time.process_time() - cpu if by_cpu else time.perf_counter() - start
        value = seconds / (calls * work.per)
    busy = (time.process_time() - cpu) / (time.perf_counter() - start)
    return value, busy


def _calls_lasting(work: Work | Reading, seconds: float, by_cpu: bool) -> int:
    """Return how many runs last about ``seconds``, on a busy machine too if CPU time counts; warms up on the way."""
    if isinstance(work, Reading):
        return 1
    clock = time.process_time if by_cpu else time.perf_counter

    def lasted(calls: int) -> float:
        start = clock()
        for _ in itertools.repeat(None, calls):
            work.run()
        return clock() - start

    calls = 1
    while True:
        elapsed = min(lasted(calls), lasted(calls))  # in one of them something may be compiled
        if elapsed > seconds / 4:
            return max(1, round(calls * seconds / elapsed))
        calls *= 4


# --- the process that asks -----------------------------------------------------------------------
class PeerError(Exception):
    """A contestant did not reply with a number: the message says why."""


class Process:
    """One contestant at work in its own interpreter."""

    def __init__(self, contestant: Contestant, python: str, data: bytes, limit: float) -> None:
        self.limit = limit
        module = contestant.prepare.__module__
        if module == "__main__":
            module = Path(sys.argv[0]).stem
        environment = {k: v for k, v in os.environ.items() if k not in UNTUNED} | ONE_THREAD
        self.cache = tempfile.TemporaryDirectory()
        environment[CODE_CACHE] = self.cache.name
        environment["PYTHONPATH"] = os.pathsep.join((str(HERE), str(HERE.parent)))
        command = [python, "-c", "import harness; harness.serve()"]
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        except OSError as error:
            raise PeerError(f"no interpreter {python!r} ({error.strerror})") from error
        self.ask("prepare", module, contestant.prepare.__name__, pickle.loads(data))

    def ask(self, *request: Any) -> Any:
        """Send one request and return the reply; raises PeerError with the reason if there is none."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        late = threading.Event()
        watch = threading.Timer(self.limit, lambda: (late.set(), self.process.kill()))
        watch.start()
        try:
            pickle.dump(request, self.process.stdin, protocol=4)
            self.process.stdin.flush()
            status, reply = pickle.load(self.process.stdout)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            status = self.process.wait()
            if late.is_set():
                raise PeerError(f"cut off after {self.limit:g} s") from error
            raise PeerError(f"failed: process ended with status {status}") from error
        finally:
            watch.cancel()
        if status != "ok":
            self.close()
            raise PeerError(reply if status == "missing" else f"failed: {reply}")
        return reply

    def close(self) -> None:
        self.process.communicate()
        self.cache.cleanup()


def ask(question: Question, pythons: dict[str, str], options: argparse.Namespace) -> list[Result]:
    """Return one Result per contestant: answers compared first, then measured in turns."""
    data = pickle.dumps(question.data(), protocol=4)
    results = {c.name: Result(c.name) for c in question.contestants}
    running: dict[str, tuple[Contestant, Process, int]] = {}
    reference: list[float] | None = None

    def start(contestant: Contestant) -> Process:
        return Process(contestant, pythons.get(contestant.peer, sys.executable), data, options.limit)

    def measure(result: Result, process: Process, calls: int) -> None:
        value, busy = process.ask("measure", calls, options.cpu)
        result.samples.append(value)
        result.cpus = max(result.cpus, busy)

    for contestant in question.contestants:
        result = results[contestant.name]
        try:
            process = start(contestant)
            if question.fresh:  # its answer is that of the first run: this is the first round
                measure(result, process, 1)
            answer = process.ask("answer")
            reference = reference or answer
            result.difference = largest_difference(answer, reference)
            if not result.difference <= question.tolerance:
                result.status = f"failed: its answer differs by {result.difference:.1e}"
                result.samples.clear()
                process.close()
                continue
            calls = 1 if question.fresh else process.ask("calibrate", options.seconds, options.cpu)
            running[contestant.name] = contestant, process, calls
        except PeerError as reason:
            result.status = str(reason)
    for _ in range(options.rounds - question.fresh):
        for name, (contestant, process, calls) in list(running.items()):
            try:
                if question.fresh:
                    process.close()
                    process = start(contestant)
                    running[name] = contestant, process, calls
                measure(results[name], process, calls)
            except PeerError as reason:
                results[name].status = str(reason)
                del running[name]
    for _, process, _ in running.values():
        process.close()
    return list(results.values())


def largest_difference(answer: Sequence[float], reference: Sequence[float]) -> float:
    """Return max |a - r| / max(1, |r|); infinite for unequal lengths, nan if there is one."""
    if len(answer) != len(reference):
        return math.inf
    differences = [abs(a - r) / max(1.0, abs(r)) for a, r in zip(answer, reference, strict=True)]
    return math.nan if any(map(math.isnan, differences)) else max(differences, default=0.0)


# --- what is printed -----------------------------------------------------------------------------
def quantity(value: float, question: Question) -> str:
    """Format a time with a fitting prefix, anything else with its unit."""
    if not question.seconds:
        return f"{value:,.1f} {question.unit}"
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def ratio(value: float) -> str:
    """Format a ratio so that both 60 times faster and 1.05 times slower can be read."""
    return f"1/{1 / value:.3g}" if 0 < value < 0.1 else f"{value:.3g}"


def compare(ours: Result, theirs: Result) -> float:
    """Return the median of the round-by-round ratios: drifts of the machine cancel within a round."""
    ratios = [a / b for a, b in zip(ours.samples, theirs.samples, strict=False) if b]
    return statistics.median(ratios) if ratios else math.nan


def judge(question: Question, results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return each bar with what was measured; bars without a measurement are left out."""
    by_name = {r.name: r for r in results}
    verdicts = []
    for bar in question.bars:
        ours = by_name[bar.name]
        measured = compare(ours, by_name[bar.peer]) if bar.peer else ours.median
        if math.isnan(measured):
            continue
        versus = f" x {bar.peer}" if bar.peer else ""
        show = ratio if bar.peer else (lambda value: quantity(value, question))
        text = f"{bar.name} <= {show(bar.limit)}{versus}: {show(measured)}"
        verdicts.append({"bar": text, "measured": measured, "met": measured <= bar.limit})
    return verdicts


def print_table(question: Question, results: Sequence[Result]) -> None:
    per = f"per {question.unit}" if question.seconds else ""
    width = max(len(r.name) for r in results)
    print(f"\n{question.title}\n{'':{width}}  {per:>14}  {'fastest … slowest':>24}    vs first   agrees to")
    for r in results:
        if not r.samples:
            print(f"{r.name:{width}}  {r.status}")
            continue
        spread = " … ".join(quantity(v, question) for v in (min(r.samples), max(r.samples)))
        busy = f"   used {r.cpus:.1f} CPUs" if r.cpus > 1.2 else ""
        against = f"{ratio(compare(r, results[0]))} x" if results[0].samples else ""
        print(
            f"{r.name:{width}}  {quantity(r.median, question):>14}  {spread:>24}"
            f"  {against:>10}  {r.difference:>10.0e}{busy}"
        )
    for verdict in judge(question, results):
        print(f"  {'met   ' if verdict['met'] else 'MISSED'}  {verdict['bar']}")


def main(questions: Sequence[Question], argv: Sequence[str] | None = None) -> None:
    """Command line of a benchmark; exits with 1 if a contestant failed or gave another answer."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--python", action="append", default=[], metavar="PEER=PATH", help="interpreter for a peer")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of measurement (default 9)")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a round (default 0.1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="questions with TEXT in the title")
    parser.add_argument("--peers", default="", metavar="A,B", help="contestants of these peers only")
    parser.add_argument(
        "--limit", type=float, default=300.0, metavar="S", help="cut off what takes longer (default 300)"
    )
    parser.add_argument("--cpu", action="store_true", help="count CPU time, except where a row reads its own clock")
    parser.add_argument("--quick", action="store_true", help="one short round: --rounds 1 --seconds 0.02")
    parser.add_argument("--list", action="store_true", help="print the questions and their peers, and ask none")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args(argv)
    if options.quick:
        options.rounds, options.seconds = 1, 0.02
    prefix = "BENCH_PYTHON_"
    pythons = {k[len(prefix) :].lower(): v for k, v in os.environ.items() if k.startswith(prefix)}
    for pair in options.python:
        peer, separator, path = pair.partition("=")
        if not (peer and separator and path):
            parser.error(f"--python {pair!r}: expected PEER=PATH")
        pythons[peer.lower()] = path

    report, failed = [], False
    for question in questions:
        if options.only.lower() not in question.title.lower():
            continue
        if options.peers:
            wanted = options.peers.lower().split(",")
            chosen = [c for c in question.contestants if c.peer in wanted]
            names = {c.name for c in chosen}
            bars = [b for b in question.bars if b.name in names and (b.peer is None or b.peer in names)]
            question = Question(**{**vars(question), "contestants": chosen, "bars": bars})
            if not chosen:
                continue
        if options.list:
            print(question.title, *[f"    {c.peer:10}{c.name}" for c in question.contestants], sep="\n")
            continue
        results = ask(question, pythons, options)
        failed = failed or any(r.status.startswith("failed") for r in results)
        if options.json:
            rows = [{**vars(r), "median": r.median if r.samples else None} for r in results]
            verdicts = judge(question, results)
            report.append({"question": question.title, "unit": question.unit, "results": rows, "bars": verdicts})
        else:
            print_table(question, results)
    if options.json:
        print(json.dumps(report, indent=1))
    sys.exit(1 if failed else 0)
