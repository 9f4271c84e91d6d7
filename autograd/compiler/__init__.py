"""The compiler: a recorded scalar graph becomes a program, the program machine code or Python source.

    record     run the function once on Values                                  graph
    flatten    chains of additions become sums and sums of products             program
    lanes      find the loop over samples
    derive     differentiate, by the rows of the derivative table
    arrange    find the matrices                                                array program
    native     machine code (llvmlite), or python_source: readable Python

``autograd.compile`` is the way in; ``training`` runs whole training steps, ``gradients`` a part of one for another
machine.
"""

from autograd.compiler.compiled import Compiled
from autograd.compiler.compiled import compile_function as compile

__all__ = ["Compiled", "compile"]
