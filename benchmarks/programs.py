"""Programs as people write them, loops over single numbers: how soon is the first result there, how fast the next?"""

from __future__ import annotations

import functools

import gpt.in_c
import gpt.ours
import gpt.plain
import gpt.problem
import gpt.with_jax
import gpt.with_numpy
import gpt.with_torch
import graphs.ours
import graphs.problem
import graphs.with_jax
import graphs.with_torch
import recurrent.ours
import recurrent.problem
import recurrent.with_jax
from harness import Bar, Contestant, Question, main

GPT = [
    Question(
        "gpt first gradients, one-hot: all lengths 2 … 16 together, each text as vectors of zeros and ones",
        data=gpt.problem.lengths,
        contestants=[
            Contestant("ours", "ours", gpt.ours.first_gradients_one_hot),
            Contestant("JAX, one padded program", "jax", gpt.with_jax.first_gradients),
        ],
        unit="program",
        bars=[Bar("ours", 3.0, "JAX, one padded program")],
        fresh=True,
    ),
    Question(
        "gpt first gradients, integers: all lengths 2 … 16 together, each text as a list of integers",
        data=gpt.problem.lengths,
        contestants=[
            Contestant("ours", "ours", gpt.ours.first_gradients),
            Contestant("JAX, one padded program", "jax", gpt.with_jax.first_gradients),
        ],
        unit="program",
        bars=[Bar("ours", 3.0, "JAX, one padded program")],
        fresh=True,
    ),
    Question(
        "gpt first steps: all lengths 2 … 16 together, gradient and Adam under one decorator",
        data=gpt.problem.lengths,
        contestants=[
            Contestant("ours", "ours", gpt.ours.first_steps),
            Contestant("JAX, one padded program", "jax", gpt.with_jax.first_steps),
        ],
        unit="program",
        bars=[Bar("ours", 3.0, "JAX, one padded program")],
        fresh=True,
    ),
    Question(
        "gpt first gradient, 32 tokens: one text twice as long",
        data=gpt.problem.twice_as_long,
        contestants=[
            Contestant("ours, one-hot", "ours", gpt.ours.first_gradients_one_hot),
            Contestant("ours, integers", "ours", gpt.ours.first_gradients),
            Contestant("JAX", "jax", gpt.with_jax.first_gradients),
        ],
        unit="program",
        bars=[Bar("ours, one-hot", 3.0), Bar("ours, integers", 3.0)],
        fresh=True,
    ),
    Question(
        "gpt gradient: forward and backward of one text of 16 tokens",
        data=gpt.problem.longest,
        contestants=[
            Contestant("ours, one-hot", "ours", gpt.ours.gradient_one_hot),
            Contestant("ours, integers", "ours", gpt.ours.gradient),
            Contestant("ours, eager", "ours", gpt.ours.gradient_eager),
            Contestant("JAX fori_loop", "jax", gpt.with_jax.gradient_loop),
            Contestant("JAX call", "jax", gpt.with_jax.gradient),
            Contestant("PyTorch", "torch", gpt.with_torch.gradient),
            Contestant("numpy by hand", "numpy", gpt.with_numpy.gradient),
            Contestant("Python, own Value", "python", gpt.plain.gradient),
            Contestant("C by hand", "c", gpt.in_c.gradient),
        ],
        unit="gradient",
        bars=[Bar("ours, one-hot", 1.0, "JAX fori_loop")],
    ),
    Question(
        "gpt step: a name, its gradient and Adam, on a stream of 32 names",
        data=gpt.problem.stream,
        contestants=[
            Contestant("ours", "ours", gpt.ours.steps),
            Contestant("ours, Adam by hand", "ours", gpt.ours.steps_by_hand),
            Contestant("ours, loss only", "ours", gpt.ours.steps_loss),
            Contestant("ours, loss only, one-hot", "ours", gpt.ours.steps_loss_one_hot),
            Contestant("ours, eager", "ours", gpt.ours.steps_eager),
            Contestant("JAX fori_loop", "jax", gpt.with_jax.step_loop),
            Contestant("JAX step", "jax", gpt.with_jax.steps),
            Contestant("PyTorch", "torch", gpt.with_torch.steps),
            Contestant("numpy by hand", "numpy", gpt.with_numpy.steps),
            Contestant("Python, own Value", "python", gpt.plain.steps),
            Contestant("C by hand", "c", gpt.in_c.steps),
        ],
        unit="step",
        bars=[
            Bar("ours", 0.5, "JAX fori_loop"),
            Bar("ours", 1.0, "C by hand"),
            Bar("ours, loss only", 1 / 8, "ours, eager"),
        ],
    ),
]


def recurrent_first(cell: str, width: int, steps: int, bar: Bar) -> Question:
    """The first gradient of a recurrent network."""
    return Question(
        f"{cell} first gradient, {steps} steps: width {width}",
        data=functools.partial(recurrent.problem.problem, cell, width, steps),
        contestants=[
            Contestant("ours", "ours", recurrent.ours.first_gradient),
            Contestant("JAX scan", "jax", recurrent.with_jax.first_gradient),
        ],
        unit="program",
        bars=[bar],
        fresh=True,
    )


def recurrent_next(cell: str, width: int, steps: int) -> Question:
    """The gradients after the first."""
    return Question(
        f"{cell} gradient, {steps} steps: width {width}",
        data=functools.partial(recurrent.problem.problem, cell, width, steps),
        contestants=[
            Contestant("ours, backward", "ours", recurrent.ours.gradient),
            Contestant("ours, value_and_grad", "ours", recurrent.ours.value_and_grad),
            Contestant("ours, eager", "ours", recurrent.ours.gradient_eager),
            Contestant("JAX scan", "jax", recurrent.with_jax.gradient),
            Contestant("JAX scan in fori_loop", "jax", recurrent.with_jax.gradient_loop),
        ],
        unit="gradient",
        bars=[Bar("ours, value_and_grad", 1.0, "JAX scan")],
    )


RECURRENT = [
    recurrent_first("rnn", 16, 16, Bar("ours", 1.0, "JAX scan")),
    recurrent_first("rnn", 16, 64, Bar("ours", 1.0, "JAX scan")),
    recurrent_first("rnn", 16, 256, Bar("ours", 2.0, "JAX scan")),
    recurrent_next("rnn", 16, 64),
    recurrent_first("gru", 32, 16, Bar("ours", 1.5)),
    recurrent_first("gru", 32, 64, Bar("ours", 3.0)),
    recurrent_next("gru", 32, 64),
    recurrent_first("lstm", 32, 64, Bar("ours", 3.0)),
    recurrent_next("lstm", 32, 64),
]

GRAPHS = [
    Question(
        "unstructured, 100,000 operations: first value and gradient",
        data=graphs.problem.unstructured,
        contestants=[
            Contestant("ours", "ours", graphs.ours.unstructured_first),
            Contestant("ours, eager", "ours", graphs.ours.unstructured_eager),
            Contestant("PyTorch", "torch", graphs.with_torch.unstructured_first),
            Contestant("JAX", "jax", graphs.with_jax.unstructured_first),
        ],
        unit="program",
        bars=[Bar("ours", 3.0)],
        fresh=True,
    ),
    Question(
        "unstructured memory, 100,000 operations: the largest size of the process",
        data=graphs.problem.unstructured,
        contestants=[Contestant("ours", "ours", graphs.ours.unstructured_memory)],
        unit="MB",
        bars=[Bar("ours", 600.0)],
        fresh=True,
        seconds=False,
    ),
    Question(
        "list, 8,000 numbers in one argument: first value and gradient",
        data=graphs.problem.long_list,
        contestants=[
            Contestant("ours", "ours", graphs.ours.long_list_first),
            Contestant("ours, eager", "ours", graphs.ours.long_list_eager),
            Contestant("JAX scan", "jax", graphs.with_jax.long_list_first),
        ],
        unit="program",
        bars=[Bar("ours", 2.0)],
        fresh=True,
    ),
    Question(
        "list, 16,000 numbers in one argument: twice as long takes twice as long",
        data=functools.partial(graphs.problem.long_list, 16_001),
        contestants=[Contestant("ours", "ours", graphs.ours.long_list_first)],
        unit="program",
        bars=[Bar("ours", 4.0)],
        fresh=True,
    ),
    Question(
        "west, 1,000 nodes: different graphs, each compiled and evaluated 100 times",
        data=functools.partial(graphs.problem.west, 1_000),
        contestants=[
            Contestant("ours", "ours", graphs.ours.west),
            Contestant("ours, eager", "ours", graphs.ours.west_eager),
            Contestant("PyTorch", "torch", graphs.with_torch.west),
            Contestant("JAX", "jax", graphs.with_jax.west),
        ],
        unit="graph",
        bars=[Bar("ours", 1 / 20, "PyTorch"), Bar("ours", 1 / 3, "JAX")],
        fresh=True,
    ),
    Question(
        "west, 10,000 nodes: different graphs, each compiled and evaluated 100 times",
        data=functools.partial(graphs.problem.west, 10_000),
        contestants=[
            Contestant("ours", "ours", graphs.ours.west),
            Contestant("ours, eager", "ours", graphs.ours.west_eager),
            Contestant("PyTorch", "torch", graphs.with_torch.west),
            Contestant("JAX", "jax", graphs.with_jax.west),
        ],
        unit="graph",
        bars=[Bar("ours", 1 / 20, "PyTorch"), Bar("ours", 1 / 3, "JAX")],
        fresh=True,
    ),
]

QUESTIONS = [*GPT, *RECURRENT, *GRAPHS]

if __name__ == "__main__":
    main(QUESTIONS)
