"""Machine code for an array program: compiled once, run on frames of memory.

    kernel = Kernel(program)                      # raises UnsupportedError if a step has no machine code
    frame = kernel.frame()                        # memory of one evaluation; one per thread that runs at the same time
    kernel.write(frame, array, values)            # fill an argument or parameter array: [rows] or [rows, lanes]
    kernel.run(frame)
    kernel.read(frame)                            # the outputs in order: a float each, or an array over the lanes
    kernel.rows(frame, array)                     # live view of an array that is kept: [rows] or [rows, lanes]

Training: outputs that are *carried* are written back into their parameters at the end of every evaluation, after all
reads; outputs that are *recorded* (uniform ones, such as the loss) are noted per step.  The batches lie in one buffer,
and the machine code reads them where they are.

    kernel = Kernel(program, carried=[(output, (array, row)), ...], recorded=[output, ...])
    data = kernel.batches(steps)                  # [steps, kernel.batch_size] doubles
    kernel.write(data, array, values)             # all batches: [steps, rows] or [steps, rows, lanes]
    losses = kernel.run_steps(frame, data)        # one native call: [steps, len(recorded)]
    kernel.run_steps(frame, steps=100)            # the arguments in the frame, the same in every step

One point from Python, and many points: real builtin functions (see ``pycall``); ``inputs`` and ``parameters`` say into
which (array, row) the numbers go; ``block`` is the address of the doubles of the parameters, read live at each call.

    f = kernel.builtin(name, shapes, inputs, result, slow, parameters=[(array, row), ...], block=address)
    f(0.5, [1.0, 2.0])                            # -> what ``result`` describes, in terms of output numbers
    g = kernel.mapped(name, inputs, slow, parameters=..., block=address)
    g(*input_buffers, *output_buffers)            # -> None; N doubles each, interpreter lock released
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from autograd.compiler.arrays import ArrayProgram
from autograd.compiler.native import memory
from autograd.compiler.native.assembly import Assembly
from autograd.compiler.native.entry import Rows, point_entry, points_entry, run_entry, steps_entry
from autograd.compiler.native.jit import NativeModule, host, pointer
from autograd.compiler.native.plan import Carried
from autograd.compiler.native.pycall import Result, Shape, buffer_builtin, builtin
from autograd.compiler.native.widen import widened

if TYPE_CHECKING:
    from autograd.compiler.native.memory import Doubles

__all__ = ["Kernel"]


class Kernel:
    """The machine code of an array program.

    Args:
        program: what to compile.
        carried: pairs (output number, (array, row)): the output replaces that row of a parameter or argument at the end
            of every evaluation.
        recorded: numbers of the uniform outputs that ``run_steps`` notes after each step.

    Raises:
        UnsupportedError: a step has no machine code (a primitive that a user has defined).
        ImportError: llvmlite or numpy is missing.
    """

    def __init__(self, program: ArrayProgram, carried: Carried = (), recorded: Sequence[int] = ()) -> None:
        self.program, self.carried, self.recorded = program, tuple(carried), tuple(recorded)
        self.assembly = Assembly(program, self.carried)
        self.layout = self.assembly.layout

    # ---- memory ----------------------------------------------------------------------------------------------------
    @property
    def batch_size(self) -> int:
        """Doubles of one batch: all argument arrays that are not carried, rows padded."""
        return self.layout.batch_size

    def frame(self) -> Doubles:
        """Memory for one evaluation at a time, all zeros."""
        return memory.allocate(self.assembly.size)

    def batches(self, steps: int) -> Doubles:
        """Memory for the arguments of so many steps."""
        return memory.allocate(steps, self.batch_size)

    def write(self, frame: Doubles, array: int, values: Any) -> None:
        """Fill an argument or parameter array of a frame (an argument array of all batches)."""
        memory.write(frame, self.layout.places[array], values)

    def rows(self, frame: Doubles, array: int) -> Doubles:
        """A live view of an array in a frame (in batches)."""
        memory_of = self.assembly.constants if self.program.arrays[array].kind == "constant" else frame
        return memory.rows(memory_of, self.layout.places[array])

    def read(self, frame: Doubles) -> list[Any]:
        """The outputs of the last evaluation: a float each, or an array over the lanes.

        What is carried over has been: an output that is a row of a parameter shows the new number.
        """
        return [self._output(frame, array, row) for array, row in self.program.outputs]

    def _output(self, frame: Doubles, array: int, row: int) -> Any:
        values = self.rows(frame, array)[row]
        return values.copy() if values.ndim else float(values)

    # ---- calls -----------------------------------------------------------------------------------------------------
    @cached_property
    def _module(self) -> NativeModule:
        entries = run_entry(), steps_entry(self._recorded_offsets())
        return self.assembly.load(*entries)

    def _recorded_offsets(self) -> list[tuple[str, int]]:
        offsets = []
        for output in self.recorded:
            array, row = self.program.outputs[output]
            place = self.layout.places[array]
            if place.lanes > 1:
                raise ValueError(f"output {output} has {place.lanes} lanes: only single numbers are recorded")
            offsets.append((place.base, place.row(row)))
        return offsets

    @cached_property
    def _run(self) -> Any:
        return self._module.function("run", None, ctypes.c_void_p)

    @cached_property
    def _steps(self) -> Any:
        return self._module.function("steps", None, *[ctypes.c_void_p] * 2, *[ctypes.c_size_t] * 2, ctypes.c_void_p)

    def run(self, frame: Doubles) -> None:
        """Evaluate once, without the interpreter lock."""
        self._check(frame)
        self._run(frame.ctypes.data)

    def run_steps(self, frame: Doubles, data: Doubles | None = None, steps: int | None = None) -> Doubles:
        """Evaluate many times, carrying over after each; returns the recorded outputs, [steps, len(recorded)].

        Args:
            frame: parameters before and after.
            data: the arguments of each step, from ``batches``; None: those in the frame, every time.
            steps: how many, by default as many as there are batches.

        Raises:
            ValueError: the data have another shape or layout than ``batches`` gives, or are too few.
        """
        self._check(frame)
        if data is not None and (data.ndim != 2 or data.shape[1] != self.batch_size or not data.flags.c_contiguous):
            raise ValueError(f"data of shape {data.shape}: expected what batches() gives, [steps, {self.batch_size}]")
        if steps is None:
            steps = 1 if data is None else len(data)
        if data is not None and steps > len(data):
            raise ValueError(f"{steps} steps asked for, but there are {len(data)} batches")
        noted = memory.allocate(steps, len(self.recorded))
        source, stride = (frame, 0) if data is None else (data, self.batch_size)
        self._steps(frame.ctypes.data, source.ctypes.data, stride, steps, noted.ctypes.data)
        return noted

    def _check(self, frame: Doubles) -> None:
        if frame.shape != (self.assembly.size,) or not frame.flags.c_contiguous:
            raise ValueError(f"an array of shape {frame.shape} is no frame of this kernel: make one with frame()")

    def builtin(
        self,
        name: str,
        shapes: Sequence[Shape],
        inputs: Rows,
        result: Result,
        slow: Callable[..., Any],
        *,
        parameters: Rows = (),
        block: int = 0,
    ) -> Callable[..., Any]:
        """A builtin function that evaluates at the floats of its arguments (see ``pycall.builtin``).

        Args:
            name: of the function.
            shapes: of the arguments.
            inputs: where the numbers go, in the order in which the shapes mention them.
            result: what to return, in terms of the numbers of the outputs, which must be uniform.
            slow: called instead, with the same arguments, when they are not exact floats and ints in these shapes.
            parameters: where the doubles of the block go.
            block: the address of the parameters, read at each call; it must live as long as the function.
        """
        self._not_carried()
        entry = point_entry(self.layout, self.assembly.size, inputs, parameters, self.program.outputs)
        return builtin(
            name,
            self.assembly.module_text(entry),
            shapes,
            len(self.program.outputs),
            result,
            slow,
            constants=block,
            keep=self.assembly.keep,
        )

    def mapped(
        self,
        name: str,
        inputs: Rows,
        slow: Callable[..., Any],
        *,
        parameters: Rows = (),
        block: int = 0,
    ) -> Callable[..., Any]:
        """A builtin function f(*inputs, *outputs) over equally long buffers of doubles (see ``buffer_builtin``).

        Where the program has no lanes of its own, it is compiled anew with one point per lane of a vector.
        """
        self._not_carried()
        wide = widened(self.program, {array for array, _ in inputs}, host().lanes)
        assembly = Assembly(wide) if wide else self.assembly
        entry = points_entry(assembly.layout, assembly.size, inputs, parameters, self.program.outputs, pointer(block))
        writable = [False] * len(inputs) + [True] * len(self.program.outputs)
        return buffer_builtin(name, assembly.module_text(entry), writable, slow, keep=assembly.keep)

    def _not_carried(self) -> None:
        if self.carried:
            raise ValueError("a program that carries outputs over is run by run_steps")
        arrays = self.program.arrays
        wide = [number for number, (array, _) in enumerate(self.program.outputs) if arrays[array].lanes > 1]
        if wide:
            raise ValueError(f"outputs {wide} have lanes: only single numbers are returned")
