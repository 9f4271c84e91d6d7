"""How fast is a compiled scalar graph, beside the compilers and array libraries people use?"""

from __future__ import annotations

import evaluation
import problems
import training
from harness import Bar, Contestant, Question, main

OURS = Contestant("ours", "ours", training.ours_step)
TORCH = Contestant("PyTorch", "torch", training.torch_step)
JAX_STEP = Contestant("JAX step", "jax", training.jax_step)
JAX_LOOP = Contestant("JAX fori_loop", "jax", training.jax_loop)
NUMPY = Contestant("numpy by hand", "numpy", training.numpy_step)
CONTROL = Contestant("control: numpy forward", "numpy", training.numpy_forward)
CASADI = Contestant("CasADi SX", "casadi", training.casadi_step)
DDX = Contestant("ddx-ad", "ddx", training.ddx_step)
MICROGRAD = Contestant("micrograd", "micrograd", training.micrograd_step)
ARRAYS = [OURS, JAX_LOOP, JAX_STEP, TORCH, NUMPY, CONTROL]

QUESTIONS = [
    Question(
        "moons step, relu: 100 points, 2-16-16-1, hinge + L2, SGD update",
        data=problems.moons_problem,
        contestants=[*ARRAYS, CASADI, DDX, MICROGRAD],
        unit="step",
        bars=[Bar("ours", 1.0, "JAX fori_loop"), Bar("ours", 1 / 4, "JAX step"), Bar("ours", 1 / 15, "PyTorch")],
    ),
    Question(
        "moons step, tanh: the same with tanh",
        data=lambda: problems.moons_problem("tanh"),
        contestants=[*ARRAYS, CASADI, DDX],
        unit="step",
        bars=[Bar("ours", 1.0, "JAX fori_loop")],
    ),
    Question(
        "digits step: 64 samples, 64-64-10, tanh, cross-entropy, SGD update",
        data=lambda: problems.classifier_problem([64, 64, 10], "tanh"),
        contestants=ARRAYS,
        unit="step",
        bars=[Bar("ours", 0.7, "JAX step"), Bar("ours", 0.35, "PyTorch"), Bar("ours", 1.0, "JAX fori_loop")],
    ),
    Question(
        "mnist step: 64 samples, 784-128-10, relu, cross-entropy, SGD update",
        data=lambda: problems.classifier_problem([784, 128, 10], "relu"),
        contestants=ARRAYS,
        unit="step",
        bars=[Bar("ours", 1.2, "JAX step")],
    ),
    Question(
        "expression at one point: value and gradient of 90 operations, called from Python",
        data=lambda: problems.POINT,
        contestants=[
            Contestant("ours", "ours", evaluation.ours_point),
            Contestant("ddx-ad", "ddx", evaluation.ddx_point),
            Contestant("ddx-ad buffer", "ddx", evaluation.ddx_buffer),
            Contestant("JAX", "jax", evaluation.jax_point),
            Contestant("CasADi SX", "casadi", evaluation.casadi_point),
            Contestant("CasADi SX buffer", "casadi", evaluation.casadi_buffer),
            Contestant("PyTorch", "torch", evaluation.torch_point),
            Contestant("control: value in Python", "python", evaluation.python_point),
        ],
        unit="call",
        bars=[Bar("ours", 1.5, "ddx-ad")],
    ),
    Question(
        "expression at 100,000 points: value and gradient of 90 operations",
        data=lambda: problems.points(100_000),
        contestants=[
            Contestant("ours", "ours", evaluation.ours_points),
            Contestant("PyTorch", "torch", evaluation.torch_points),
            Contestant("ddx-ad", "ddx", evaluation.ddx_points),
            Contestant("ddx-ad veclib", "ddx", evaluation.ddx_veclib_points),
            Contestant("JAX vmap", "jax", evaluation.jax_points),
            Contestant("CasADi SX map", "casadi", evaluation.casadi_points),
            Contestant("control: value in numpy", "numpy", evaluation.numpy_points),
        ],
        unit="point",
        bars=[Bar("ours", 1.0, peer) for peer in ("ddx-ad veclib", "ddx-ad", "PyTorch", "JAX vmap", "CasADi SX map")],
    ),
]

if __name__ == "__main__":
    main(QUESTIONS)
