"""The LLVM IR of a planned program: one function per stage, ``@main`` that calls them, and ``@carry``."""

from __future__ import annotations

from collections.abc import Sequence

from autograd.compiler.arrays import ArrayProgram, Step
from autograd.compiler.native import memory, moves
from autograd.compiler.native.code import Functions
from autograd.compiler.native.jit import NativeModule, host, join, pointer
from autograd.compiler.native.layout import CONSTANTS
from autograd.compiler.native.moves import Move, copy_lines, gather_lines
from autograd.compiler.native.plan import Carried, Plan
from autograd.compiler.native.products import Products, as_product, product_loops
from autograd.compiler.native.region import region_body
from autograd.compiler.native.vector_math import VectorMath

__all__ = ["Assembly", "define"]

PARAMETERS = "ptr noalias %f, ptr noalias readonly %x"


def define(name: str, lines: Sequence[str], parameters: str = PARAMETERS, linkage: str = "internal ") -> str:
    """A function without a result."""
    body = "\n".join(lines)
    return f"define {linkage}void @{name}({parameters}) {host().attributes} {{\n{body}\n  ret void\n}}\n"


class Assembly:
    """The code of a program.

    Attributes:
        text: a module that defines ``void @main(ptr frame, ptr arguments)``, which evaluates the program, and
            ``void @carry(ptr frame, ptr arguments)``, which then replaces what is carried over.
        keep: what the code refers to by address: it must live as long as the code.
    """

    def __init__(self, program: ArrayProgram, carried: Carried = ()) -> None:
        width = host().lanes
        self.program, self.carried = program, carried
        self.plan = Plan(program, carried, width)
        self.layout = self.plan.layout
        self.constants = memory.constants(program.arrays, self.layout)
        self.size = self.layout.size
        # Programs of one point give what Python's math gives; where there are lanes, speed counts.
        exact = all(array.lanes == 1 for array in program.arrays)
        self.functions: dict[int, Functions] = {1: VectorMath(1), width: VectorMath(width, exact)}
        self.products = Products(width)
        self.keep: list[object] = [self.constants]
        self.text = self._main()

    def _main(self) -> str:
        """All stages in one module; long straight-line code in another one, compiled with less effort."""
        long: list[str] = []
        pieces: list[str] = []
        calls: list[str] = []
        for number, stage in enumerate(self.plan.stages):
            name = f"stage{number}"
            steps = [self.program.steps[k] for k in stage.steps]
            if stage.space is None:
                lines, tables = self._alone(name, steps[0])
                pieces += [tables, define(name, lines)]
            else:
                lines = region_body(self.program, steps, stage.space, self.plan.again, self.layout, self.functions)
                if self.plan.level == 0:
                    long.append(define(name, lines, linkage=""))
                else:
                    pieces.append(define(name, lines))
            calls.append(name)
        lines = self._load(long, calls) if long else [f"  call void @{name}(ptr %f, ptr %x)" for name in calls]
        carry, tables = self._carry()
        mathematics = [functions.text() for functions in self.functions.values()]
        return join(
            moves.DECLARATIONS,
            self.products.text(),
            *([] if long else mathematics),
            tables,
            *pieces,
            define("main", lines),
            define("carry", carry),
        )

    def _load(self, long: Sequence[str], calls: Sequence[str]) -> list[str]:
        """Compile the long stages; the calls of all stages."""
        text = join(*[functions.text() for functions in self.functions.values()], *long)
        module = NativeModule(self._resolve(text), passes=0, codegen=0)
        self.keep.append(module)
        defined = {piece[piece.index("@") + 1 : piece.index("(")] for piece in long}
        return [
            f"  call void {pointer(module.address(name)) if name in defined else '@' + name}(ptr %f, ptr %x)"
            for name in calls
        ]

    def _alone(self, name: str, step: Step) -> tuple[list[str], str]:
        if step.kind == "gather":
            return gather_lines(name, step, self.layout, self.functions[self.layout.width])
        product = as_product(self.program, step, self.layout)
        if product is not None:
            try:
                return self.products.call(product), ""
            except ValueError:  # no contiguous direction in common
                pass
        return product_loops(self.program, step, self.layout, self.functions), ""

    def _carry(self) -> tuple[list[str], str]:
        """Copy the carried outputs that were not computed where they belong, after everything has been read."""
        places = self.layout.places
        direct: list[Move] = []
        first: list[Move] = []
        state = {array for _, (array, _) in self.carried}
        for output, (array, row) in self.carried:
            source, source_row = self.program.outputs[output]
            if source in self.plan.replaced:
                continue
            count = places[array].stride if places[array].lanes > 1 else 1
            move = Move(places[array].row(row), places[source].base, places[source].row(source_row), count)
            if source in state:  # it may be overwritten before it is read: by way of a copy behind the frame
                first.append(Move(self.size, move.base, move.source, count))
                move = Move(move.target, "%f", self.size, count)
                self.size += count
            direct.append(move)
        before, tables = copy_lines("keep", first)
        after, more = copy_lines("carry", direct)
        return before + after, tables + more

    def module_text(self, *entries: str) -> str:
        """The program together with functions that call it."""
        return self._resolve(join(self.text, *entries))

    def load(self, *entries: str) -> NativeModule:
        """Compile the program together with functions that call it."""
        module = NativeModule(self.module_text(*entries))
        module.keep = self.keep
        return module

    def _resolve(self, text: str) -> str:
        return text.replace(f"ptr {CONSTANTS}", f"ptr {pointer(self.constants.ctypes.data)}")
