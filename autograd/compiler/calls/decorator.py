"""``autograd.compile``: for functions, and for graphs that exist already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, overload

from autograd.compiler.calls.compiled import Compiled
from autograd.compiler.calls.replay import CompiledCall, replayed
from autograd.compiler.calls.variants import Variant
from autograd.compiler.recording import arguments
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.record import recording_of
from autograd.graph import topological_order
from autograd.value import Value


@overload
def compile_function(f: None = None, *, backend: str = "auto") -> Callable[[Callable[..., Any]], Compiled]: ...
@overload
def compile_function(
    f: Callable[..., Any] | Value, *, inputs: Sequence[Value] | None = None, backend: str = "auto"
) -> Compiled: ...
def compile_function(f: Any = None, *, inputs: Sequence[Value] | None = None, backend: str = "auto") -> Any:
    """Compile a function of numbers, or a graph that exists already: the function ``autograd.compile``.

    The function runs once on Values, at the arguments of the first call.  In the recorded graph the compiler finds the
    loop over samples and the matrices of the layers.  It differentiates by the rows of the derivative table, and emits
    machine code (or Python source, where llvmlite is not installed), which later calls run.  A small function runs
    without the compiler until its calls have taken as long as compiling would, and then as Python source, which starts
    sooner than machine code.

    Args:
        f: A function of numbers, nested lists, dictionaries or numpy arrays that returns a number, or lists, tuples,
            dictionaries and dataclasses of numbers: Values where f itself returns Values.  It may use Values from
            outside (parameters), which are read at each call.  A method or a model is such a function, too.  Or a
            Value: the root of a graph.  Without f, as in ``@compile(backend="python")``, the result is a decorator.
        inputs: The leaves of a graph that become the arguments, in order.
        backend: "auto", or "native" or "python" to insist on one.

    **Arguments.**  An object, such as a model, may be an argument: the function is compiled separately for each object,
    and reads the object's numbers at each call.  An int may be an index into a list of numbers, Values or such lists:
    the lookup is computed anew at each call (``take``), as are ``max`` and ``min``.  Every other use of an int, such as
    the end of a ``range`` or ``==``, is a decision, like ``if``.  A call that would decide differently records the
    function again.  If recordings are hardly ever used again, further calls run without the compiler, with the same
    result, and a warning says why.

    **Numbers and lists from outside** are part of the recording: globals, names of enclosing functions, members of
    lists and dictionaries, attributes of objects and classes, and code, also where only a called function uses them.
    They are compared before each call, and a call that finds a change records again.  If a number changes at every
    call, make it a Value or an argument.  A function that draws random numbers, or takes the next item of an iterator,
    runs without the compiler; so does a call that prints, asks for the time, or reads or writes a file.

    **Effects.**  The function may be a whole training step: it may call ``backward()``, set ``.data`` and ``.grad``,
    use an optimiser of ``nn``, and change numbers in lists, dictionaries, attributes and names outside.  Each call
    reads their current numbers, and writes all changes or, after an error, none.  The function may append numbers to a
    list that it does not read, such as a history of losses.  If it changes the length of a list in another way, or
    stores nodes, it runs without the compiler.  Recording may run it several times, and undoes its changes in between.
    Machine code keeps the numbers of parameters and optimisers in its own memory until somebody reads or writes one,
    so that a step costs no Python per parameter.  Until then these Values belong to a subclass:
    ``isinstance(p, Value)`` and ``p.__class__ is Value`` hold, but ``type(p) is Value`` does not.

    Raises:
        TypeError: An argument is not a number, or f is a generator or an async function.

    >>> from autograd import Value, compile
    >>> w = Value(3.0)
    >>> @compile
    ... def loss(x, y):
    ...     return (w * x - y) ** 2
    >>> loss(2.0, 5.0).data
    1.0
    >>> out = loss(2.0, 5.0); out.backward(); w.grad         # 2 (w x - y) x
    4.0
    >>> loss.value_and_grad(2.0, 5.0)
    (1.0, (6.0, -2.0))
    >>> @compile
    ... def step(x, y):
    ...     value = (w * x - y) ** 2
    ...     w.grad = 0.0
    ...     value.backward()
    ...     w.data -= 0.0625 * w.grad
    ...     return value
    >>> step(2.0, 5.0).data, step(2.0, 5.0).data, w.data
    (1.0, 0.25, 2.625)
    """
    if f is None and inputs is None:
        return partial(compile_function, backend=backend)
    if not isinstance(f, Value):
        if inputs is not None:
            raise TypeError("inputs= goes with a graph: compile(root, inputs=[...]); a function gets its arguments")
        return Compiled(f, backend)
    leaves = list(inputs or [])
    graph: Value = f
    if any(isinstance(node.op, CompiledCall) for node in topological_order(f)):
        graph = replayed(f, {})  # each of these calls is replaced by its recorded graph
    recording = recording_of(graph, leaves)

    def replay(*args: Any) -> Any:
        if len(args) != len(leaves):
            raise TypeError(f"this graph has {len(leaves)} inputs, but {len(args)} arguments were given")
        return replayed(graph, dict(zip(leaves, args)))

    compiled = Compiled(replay, backend)
    for structure in (len(leaves), arguments.structure([Value(0.0)] * len(leaves))[0]):
        compiled.kept.add(structure, Variant(recording, backend, Outside(replay), compiled.budget))
    compiled.recordings = 1
    return compiled
