"""Scalar reverse-mode automatic differentiation: one derivative table, one node type, one walk.

>>> from autograd import Value
>>> a, b = Value(-4.0), Value(2.0)
>>> c = a * b + b**3
>>> c.backward()
>>> a.grad, b.grad
(2.0, 8.0)

The node
    Value; constant for the 3 of ``x * 3``; identity for x once more, as a node of its own
Functions of floats or Values, most of them methods of Value, too
    powers and logarithms   exp expm1 log log1p log2 log10 sqrt cbrt square hypot
    trigonometric           sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh
    activations             relu leaky_relu elu sigmoid softplus silu gelu erf
    with corners            abs sign floor round maximum minimum clip where
    of several numbers      fsum prod sumprod linear logsumexp logaddexp softmax
    of a list               take
Derivatives
    grad                    of nodes with respect to nodes, as ``torch.autograd.grad``
    functional              of functions: grad, jacobian, hessian, jvp, vjp, hvp, as in JAX
    gradcheck, check_graph  are they right?
    primitive               a function of your own with its derivatives
Switches
    no_grad, strict         record nothing; stop at the first nan or inf
More
    compile                 the same as machine code
    draw_dot, autograd.viz  drawings and explanations of a graph
    nn                      neural networks, a package of its own
    errors                  AutogradError and, below it, CompileError, DrawingError, GradcheckError, NumericError,
                            PrimitiveError, StaleGraphError
"""

from pathlib import Path
from typing import TYPE_CHECKING

from autograd import display, errors, functional
from autograd.errors import (
    AutogradError, CompileError, DrawingError, GradcheckError, NumericError, PrimitiveError, StaleGraphError,
)  # fmt: skip
from autograd.functional import gradients as grad
from autograd.functions import clip, elu, fsum, leaky_relu, linear, logsumexp, prod, softmax, sumprod, take
from autograd.modes import no_grad, strict
from autograd.names import lazy_names, warn_if_mixed
from autograd.ops import (
    abs, acos, acosh, asin, asinh, atan, atan2, atanh, cbrt, cos, cosh, erf, exp, expm1, floor, gelu, hypot, identity,
    log, log1p, log2, log10, logaddexp, maximum, minimum, relu, round, sigmoid, sign, silu, sin, sinh, softplus, sqrt,
    square, tan, tanh, where,
)  # fmt: skip
from autograd.primitive import primitive
from autograd.value import Value, constant

if TYPE_CHECKING:
    from autograd.check import check_graph, gradcheck
    from autograd.compiler import compile
    from autograd.viz import draw_dot

__all__ = [  # noqa: RUF022 - classes first
    "AutogradError", "CompileError", "DrawingError", "GradcheckError", "NumericError", "PrimitiveError",
    "StaleGraphError", "Value", "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt",
    "check_graph", "clip", "compile", "constant", "cos", "cosh", "draw_dot", "elu", "erf", "errors", "exp", "expm1",
    "floor", "fsum", "functional", "gelu", "grad", "gradcheck", "hypot", "identity", "leaky_relu", "linear", "log",
    "log10", "log1p", "log2", "logaddexp", "logsumexp", "maximum", "minimum", "no_grad", "primitive", "prod",
    "relu", "round", "sigmoid", "sign", "silu", "sin", "sinh", "softmax", "softplus", "sqrt", "square", "strict",
    "sumprod", "take", "tan", "tanh", "where",
]  # fmt: skip
__version__ = "0.1.0"

# Imported when first used: graphviz alone takes as long to import as all the rest.
__getattr__ = lazy_names(
    __name__,
    {"autograd.check": "check_graph gradcheck", "autograd.compiler": "compile", "autograd.viz": "draw_dot"},
)


def _cell(value: Value) -> str:
    """The table that a notebook shows of a Value: its label, its expression, its data and its gradient."""
    from autograd.viz.pages import summary_html

    return summary_html(value)


display.Shown.value = staticmethod(_cell)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


warn_if_mixed(Path(__file__).parent)
