"""The compiler: it turns a recorded scalar graph into a program over arrays, and the program into machine code.

    record           run the function once on Values                         graph
    group            join nodes that do the same into one array              program
    differentiate    apply the rows of the derivative table                  program
    schedule         join operations into loops                              steps
    machine          emit machine code (llvmlite); or python: readable source

Its entry point is ``autograd.compile``.  ``README.md`` in this folder lists the files in reading order.
"""

from autograd.compiler.calls.compiled import Compiled
from autograd.compiler.calls.decorator import compile_function as compile

__all__ = ["Compiled", "compile"]
