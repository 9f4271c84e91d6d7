"""The lines of a generated Python module, as text and as a function that runs them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import mul
from typing import Any, NamedTuple

__all__ = ["Function", "Text", "sumprod"]

MOST_LOOPS = 1000  # in one function: Python's time to compile them grows with the square of their number
WIDTH = 112  # columns

Function = Callable[[list[Any], list[Any]], list[Any]]

_FILE = "<compiled by autograd>"


def sumprod(p: Iterable[float], q: Iterable[float], start: float = 0.0) -> float:
    """start + Σ p_i q_i, on floats alone."""
    return sum(map(mul, p, q), start)


class Text(NamedTuple):
    """The lines of the source, and what there is to know about them.

    Attributes:
        header: Imports and data.
        function: The name of the function.
        body: Its lines.
        results: The expression that it returns.
        primitives: The functions that it calls besides the imported ones.
        unpacked: The number of arguments and of parameters that it takes apart; None stands for all of them.
        loops: The number of lines with a loop over lanes.
    """

    header: list[str]
    function: str
    body: list[str]
    results: str
    primitives: Mapping[str, Callable[..., float]]
    unpacked: tuple[int | None, int | None]
    loops: int

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
