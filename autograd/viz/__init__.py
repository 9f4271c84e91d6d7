"""Seeing a gradient: drawings of a graph, and what its numbers are made of.

Everything here reads a recorded graph; nothing computes a derivative of its own.
"""

from autograd.viz.code import to_jax, to_python, to_torch
from autograd.viz.diagnosis import Diagnosis, diagnose
from autograd.viz.dot import Drawing
from autograd.viz.draw import draw_dot, save
from autograd.viz.formula import to_latex, to_latex_gradient
from autograd.viz.ledger import Ledger, Paths, explain
from autograd.viz.page import write_html
from autograd.viz.steps import Step, backward_steps

__all__ = [
    "Diagnosis", "Drawing", "Ledger", "Paths", "Step", "backward_steps", "diagnose", "draw_dot", "explain", "save",
    "to_jax", "to_latex", "to_latex_gradient", "to_python", "to_torch", "write_html",
]  # fmt: skip
