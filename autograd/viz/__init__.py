"""Seeing a gradient: drawings of a graph, and what its numbers are made of.

Everything here reads a recorded graph; nothing computes a derivative of its own.

    draw_dot, save                      a drawing (a Drawing), in a notebook or a file
    show, page, write_html              a page (a Page) to step through: in a notebook or browser, or as a file
    theme                               light or dark, once for all
    set_renderer, load_renderer         what draws, where the usual Graphviz cannot
    explain                             what a gradient is the sum of (a Ledger), or its Paths
    diagnose                            where gradients die, fade or blow up (a Diagnosis)
    backward_steps                      the walk, one Step at a time
    to_latex, to_latex_gradient         formulas
    to_python, to_torch, to_jax         programs

>>> b = Value(2.0, "b")
>>> c = b * 3 + b * 5
>>> c.backward()
>>> explain(b)
b.grad = 8 = 3·1 (via b*3) + 5·1 (via b*5)
"""

from autograd.viz.diagnosis import Diagnosis, diagnose
from autograd.viz.facts.ledger import Ledger, explain
from autograd.viz.facts.steps import Paths
from autograd.viz.facts.steps import Step, backward_steps
from autograd.viz.pages import Page, page, show, write_html
from autograd.viz.pictures.dot import Drawing
from autograd.viz.pictures.draw import draw_dot, save
from autograd.viz.pictures.render import load_renderer, set_renderer
from autograd.viz.pictures.theme import theme
from autograd.viz.text.code import to_jax, to_python, to_torch
from autograd.viz.text.formula import to_latex, to_latex_gradient

__all__ = [
    "Diagnosis", "Drawing", "Ledger", "Page", "Paths", "Step", "backward_steps", "diagnose", "draw_dot", "explain",
    "load_renderer", "page", "save", "set_renderer", "show", "theme", "to_jax", "to_latex", "to_latex_gradient",
    "to_python", "to_torch", "write_html",
]  # fmt: skip
