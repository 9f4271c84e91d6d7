"""Seeing a gradient: drawings of a graph, and what its numbers are made of.

Everything here reads a recorded graph; nothing computes a derivative of its own.
"""

from autograd.viz.dot import Drawing
from autograd.viz.draw import draw_dot, save
from autograd.viz.ledger import Ledger, Paths, explain
from autograd.viz.page import write_html
from autograd.viz.steps import Step, backward_steps

__all__ = ["Drawing", "Ledger", "Paths", "Step", "backward_steps", "draw_dot", "explain", "save", "write_html"]
