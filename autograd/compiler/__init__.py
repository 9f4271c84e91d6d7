"""The compiler: a recorded scalar graph becomes a program over classes of nodes, and that machine code or Python.

    record           run the function once on Values                         graph
    group            nodes that do the same become one array                 program
    differentiate    by the rows of the derivative table                     program
    schedule         operations that become one loop
    machine          machine code (llvmlite), or python: readable source

``autograd.compile`` is the way in.  ``README.md`` in this folder has the files in the order in which to read them.
"""

from autograd.compiler.calls.compiled import Compiled
from autograd.compiler.calls.compiled import compile_function as compile

__all__ = ["Compiled", "compile"]
