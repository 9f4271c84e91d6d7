"""Seeing a gradient: drawings of a graph, and what its numbers are made of.

Everything here reads a recorded graph; nothing computes a derivative of its own.
"""

from autograd.viz.dot import Drawing, draw_dot, save

__all__ = ["Drawing", "draw_dot", "save"]
