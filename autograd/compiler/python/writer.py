"""Writing a program over classes in Python: one line a class, lists for arrays, plain variables for single numbers.

>>> from autograd.compiler.program.builder import Builder
>>> builder = Builder()
>>> x, w = builder.leaf(Kind.ARGUMENT, range(4)), builder.leaf(Kind.PARAMETER, range(8))
>>> rows = builder.read(x, [0, 1, 2, 3] * 2)
>>> y = builder.map(ops.tanh, [builder.sum(2, [builder.terms([0] * 4 + [1] * 4, w, rows)])])
>>> print(python_text(builder.program([y])).source())
from autograd.ieee import tanh
from autograd.compiler.python.runtime import sumprod
<BLANKLINE>
<BLANKLINE>
def value(arguments, parameters):
    x1 = arguments[0:4]
    p1 = parameters[0:8]
<BLANKLINE>
    # forward
    p1_rows = [p1[i:i + 4] for i in range(0, 8, 4)]
    t1 = [sumprod(p, x1) for p in p1_rows]
    t2 = [tanh(t) for t in t1]
    return [t2]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from autograd import ops
from autograd.compiler.program.classes import Kind, Operand, Program, Read, reached, reads_of
from autograd.compiler.python import runtime
from autograd.compiler.python.lines import FUNCTIONS, Lines, Loop
from autograd.compiler.python.sums import choice_text, sum_text
from autograd.compiler.python.walks import Walk, letters, walk_of

# ---- the lines of a generated module, as text and as a function that runs them ---------------------------------------
MOST_LOOPS = 1000  # in one function: Python's time to compile them grows with the square of their number
WIDTH = 112  # columns

Function = Callable[[list[Any], list[Any]], list[Any]]

_FILE = "<compiled by autograd>"


class Text(NamedTuple):
    """The lines of the source, and what there is to know about them."""

    header: list[str]  # imports and data
    function: str  # the name of the function
    body: list[str]  # its lines
    results: str  # the expression that it returns
    primitives: Mapping[str, Callable[..., float]]  # the functions that it calls besides the imported ones
    # The number of arguments and of parameters that it takes apart; None stands for all of them.
    unpacked: tuple[int | None, int | None]
    loops: int  # the number of lines with a loop over lanes

    def source(self) -> str:
        """The text of a module."""
        lines = [piece for line in self.header for piece in _wrapped(line, "")]
        lines += ["", ""] * bool(lines) + [f"def {self.function}(arguments, parameters):"]
        lines += [piece for line in [*self.body, f"return {self.results}"] for piece in _wrapped(line, "    ")]
        return "\n".join(lines)

    def compiled(self) -> Function:
        """The lines as something to call."""
        return self._in_pieces() if self.loops > MOST_LOOPS else self._in_one()

    def _in_one(self) -> Function:
        """The function as it is written."""
        namespace: dict[str, Any] = dict(self.primitives)
        exec(compile(self.source(), _FILE, "exec"), namespace)
        function: Function = namespace[self.function]
        return function

    def _in_pieces(self) -> Function:
        """The lines compiled in pieces, which run one after the other in a namespace that is new in each call."""
        known: dict[str, Any] = dict(self.primitives)
        exec(compile("\n".join(self.header), _FILE, "exec"), known)
        lines = [*self.body, f"results = {self.results}"]
        pieces = ["\n".join(lines[k : k + MOST_LOOPS]) for k in range(0, len(lines), MOST_LOOPS)]
        codes = [compile(piece, _FILE, "exec") for piece in pieces]

        def function(arguments: list[Any], parameters: list[Any]) -> list[Any]:
            namespace = {**known, "arguments": arguments, "parameters": parameters}
            for code in codes:
                exec(code, namespace)
            results: list[Any] = namespace["results"]
            return results

        return function


def _wrapped(line: str, indent: str) -> Iterator[str]:
    """A line, broken inside its brackets where it is too long."""
    if len(line) <= WIDTH:
        yield indent + line if line else ""
        return
    loop = line.find(" for ")
    if loop > 0 and len(line) - loop < WIDTH:
        yield from _wrapped(line[:loop], indent)
        yield indent + "   " + line[loop:]
        return
    start = last = depth = 0
    for match in re.finditer(r"[(\[]|[)\]]|(?<=,) | (?=[+*] )", line):
        sign = match[0]
        if sign != " ":
            depth += 1 if sign in "([" else -1
        elif depth > 0:
            if match.start() - start > WIDTH and last > start:
                yield indent + ("    " if start else "") + line[start:last].rstrip()
                start = last
            last = match.end()
    if len(line) - start > WIDTH and last > start:
        yield indent + ("    " if start else "") + line[start:last].rstrip()
        start = last
    yield indent + ("    " if start else "") + line[start:]


# ---- programs as such lines ------------------------------------------------------------------------------------------
MOST_STEPS = 8  # in one expression

_MODULES = (
    ("math", {"inf", "nan"}),
    ("operator", {"mul"}),
    ("autograd.ieee", set(FUNCTIONS)),
    (runtime.__name__, set(runtime.__all__)),
)
_SOURCES = {Kind.ARGUMENT: "arguments", Kind.PARAMETER: "parameters"}


def python_text(program: Program, batch: int = 1) -> Text:
    """A program as the lines of a Python module."""
    return _Writer(program, _inlined(program, batch), batch).text()


def _inlined(program: Program, batch: int) -> set[int]:
    """The operations without a line of their own: they have no name and are written where they are used."""
    arrays = program.arrays
    uses = Counter([read.array for array in arrays for read in reads_of(array)])
    uses.update([output.array for output in program.outputs if isinstance(output, Read)] * 2)
    steps = dict.fromkeys(range(len(arrays)), 1)
    inlined: set[int] = set()
    for number, array in enumerate(arrays):
        several = array.size > 1 or array.batched or any(len(t.owner) > 1 or t.batched for t in array.terms)
        if array.kind in (Kind.GATHER, Kind.SCATTER):
            continue
        if array.kind is Kind.SUM and (several or array.op is not None):  # the largest of some reads them as lists
            continue
        for read in reads_of(array):
            inner = arrays[read.array]
            if inner.kind is not Kind.MAP or uses[read.array] > 1 or _is_quantity(program, read.array):
                continue
            same = (inner.size, inner.batched) == (array.size, array.batched) and read.index.is_identity
            if same and array.op is not ops.square and steps[number] + steps[read.array] <= MOST_STEPS:
                inlined.add(read.array)
                steps[number] += steps[read.array]
    return inlined


def _is_quantity(program: Program, number: int) -> bool:
    """Whether an array has a name, so that a reader looks for its line; σ'(z) is a part of other lines."""
    labels = program.labels.get(number, [])
    return bool(labels) and all(labels) and "'" not in labels[0]


class _Writer(Lines):
    def text(self) -> Text:
        """The text of the whole module."""
        loads, counts = self._loads()
        boundary = _first_of_backward(self.program)
        data: list[str] = []
        forward: list[str] = []
        for number, array in enumerate(self.arrays):
            if number == boundary:
                forward, self.lines = self.lines, []
            if array.kind is Kind.CONSTANT and array.size > 1:
                data.append(f"{self.names.of[number]} = {_tuple(list(map(float, array.data)))}")
            elif array.kind is Kind.MAP and number not in self.inlined:
                loop = Loop(self.names, self.length(number))
                self._line(number, loop.text(self.operation(loop, array)))
            elif array.kind is Kind.SUM:
                self._line(number, sum_text(self, number))
            elif not array.kind.is_leaf and array.kind is not Kind.MAP:
                self._line(number, choice_text(self, number))
        results = f"[{', '.join(self._results())}]"
        backward = self.lines if boundary < len(self.arrays) else []
        forward = forward if backward else self.lines
        body = [*loads, *(["", "# forward", *forward] if forward else [])]
        body += ["", "# backward", *backward] if backward else []
        data += [f"{name} = {_tuple(places)}" for places, name in self.tables.items()]
        header = self._header([*data, *body, results])
        header += [""] * bool(header and data) + data
        loops = sum([line.count(" for ") for line in body])
        return Text(header, "value_and_grad" if backward else "value", body, results, self.primitives, counts, loops)

    def _line(self, number: int, text: str) -> None:
        self.lines.append(f"{self.names.of[number]} = {text}")

    def _header(self, lines: Sequence[str]) -> list[str]:
        words = set(re.findall(r"[^\W\d]\w*", "\n".join(lines)))
        imports = [
            f"from {module} import {', '.join(sorted(words & names))}" for module, names in _MODULES if words & names
        ]
        return imports + [f"# {name}: a primitive of your own" for name in self.primitives]

    # ---- where numbers come from and go to -------------------------------------------------------------------------
    def _loads(self) -> tuple[list[str], tuple[int | None, int | None]]:
        """The lines that take arguments and parameters apart, and how many of each a line unpacks."""
        lines: list[str] = []
        counts: list[int | None] = []
        for kind, source in _SOURCES.items():
            leaves = [k for k, array in enumerate(self.arrays) if array.kind is kind]
            single = {self.arrays[k].data[0]: self.names.of[k] for k in leaves if self.length(k) == 1}
            count = max(single, default=-1) + 1
            unpacks = len(single) == len(leaves) and count <= 2 * len(single)
            unpacks = unpacks and not any(self.arrays[k].batched for k in leaves)
            counts.append(count if unpacks else None)
            if unpacks and leaves:
                targets = ", ".join([single.get(k, "_") for k in range(count)])
                short = count > 1 and len(targets) < WIDTH // 2
                lines.append(f"{targets} = {source}" if short else f"({targets}{',' * (count == 1)}) = {source}")
            elif not unpacks:
                lines += [f"{self.names.of[k]} = {self._load(source, k)}" for k in leaves]
        return lines, (counts[0], counts[1])

    def _load(self, source: str, number: int) -> str:
        """The numbers of a leaf."""
        array = self.arrays[number]
        if array.size == 1 and (array.batched or self.length(number) == 1):
            return f"{source}[{array.data[0]}]"
        walk = walk_of(source, -1, list(array.data)) or Walk(source, -1, 0, (), self.table(array.data))
        text = f"[{walk}]" if array.size == 1 else str(walk)
        return f"[x for row in {text} for x in row]" if array.batched and self.batch > 1 else text

    def _results(self) -> list[str]:
        outputs, parts = iter(self.program.outputs), self.program.parts or [1] * len(self.program.outputs)
        return [self._result(list(islice(outputs, count))) for count in parts]

    def _result(self, parts: Sequence[Operand]) -> str:
        """The list of what the parts of an output hold."""
        texts = [self._part(part) for part in parts]
        constant = isinstance(parts[0], Read) and self.arrays[parts[0].array].kind is Kind.CONSTANT  # a tuple
        if len(texts) == 1 and texts[0].startswith("*") and not constant:
            return texts[0][1:]
        return f"[{', '.join(texts)}]"

    def _part(self, part: Operand) -> str:
        """The text of a part in a list: a number, or several with a star."""
        if not isinstance(part, Read):
            return repr(part)
        name, length = self.variable(part.array), self.length(part.array)
        if self.arrays[part.array].batched:
            if length == 1:
                name = f"[{name}]"
            if self.arrays[part.array].size == 1:
                return name if len(part.index) == 1 else f"*[{name}] * {len(part.index)}"
            places = [place * self.batch for place in part.index]
            k = next(letters({name}))
            return f"*[{name}[{k}:{k} + {self.batch}] for {k} in {_tuple(places)}]"
        if part.index.is_identity and len(part.index) == length > 1:
            return f"*{name}"
        walk = self.walk(part.array, part.index.places)
        return walk.element() if len(part.index) == 1 else f"*{walk}"


def _first_of_backward(program: Program) -> int:
    """The first array behind all those that are needed for outputs other than derivatives."""
    roots = [x.array for x in program.outputs if isinstance(x, Read) and x.array not in program.adjoints]
    needed = reached(program.arrays, roots)
    computed = [k for k, array in enumerate(program.arrays) if not array.kind.is_leaf]
    return next((k for k in computed if k > max(needed, default=-1)), len(program.arrays))


def _tuple(numbers: Sequence[Any]) -> str:
    return f"({', '.join(map(repr, numbers))}{',' * (len(numbers) == 1)})"


# ---- running them ----------------------------------------------------------------------------------------------------
def python_source(program: Program) -> str:
    """A program as readable Python source, with the forward lines first and the backward pass after them."""
    return python_text(program).source()


class PythonKernel:
    """A program as a Python function.

    ``kernel(arguments, parameters)`` gives for each output of the program the list of its numbers; of a batched
    output, a list for each member.
    """

    def __init__(self, program: Program, batch: int = 1) -> None:
        self.program, self.batch = program, batch

    @cached_property
    def _text(self) -> Text:
        return python_text(self.program, self.batch)

    @property
    def source(self) -> str:
        """The text of a Python module with one function."""
        return self._text.source()

    @cached_property
    def _function(self) -> Function:
        return self._text.compiled()

    def __call__(self, arguments: Sequence[Any], parameters: Sequence[Any]) -> list[Any]:
        first, second = self._text.unpacked
        return self._function(_floats(arguments)[:first], _floats(parameters)[:second])


def _floats(numbers: Iterable[Any]) -> list[Any]:
    """Numbers of any kind as plain floats; where an argument has a number for each sample, a list of them."""
    return [list(map(float, x)) if hasattr(x, "__len__") else float(x) for x in numbers]
