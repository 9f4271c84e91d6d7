"""Formulas as plain text: 3b² = 3·2²."""

from __future__ import annotations

import re

from autograd.labels import SCRIPTS, SUPERSCRIPTS, superscript
from autograd.viz.text.algebra import Expression, Function
from autograd.viz.text.notation import number
from autograd.viz.text.typeset import ATOM, PRODUCT, SUM, Writer

__all__ = ["plain"]

_NAMES = {"log": "ln", "sigmoid": "σ", "normal_cdf": "Φ", "normal_pdf": "φ", "maximum": "max", "minimum": "min"}


def plain(expression: Expression, *, numbers: bool = False, spec: str = ".4g") -> str:
    """An expression as text.

    Args:
        expression: what to write.
        numbers: put the numbers in for the symbols.
        spec: the number format.

    >>> from autograd.viz.text.algebra import ONE, Number, Product, Symbol, power
    >>> b, w = Symbol("b", 2.0), Symbol("w²₁₃", -0.5)
    >>> plain(power(b, 2, 3.0)), plain(power(b, 2, 3.0), numbers=True)
    ('3b²', '3·2²')
    >>> plain(Product(1.0, ((w, ONE), (b, Number(-2.0))))), plain(power(w, 2), numbers=True)
    ('w²₁₃/b²', '(-0.5)²')
    """
    writer = _Plain(numbers, spec)
    return writer.bare(writer.write(expression)[0])


class _Plain(Writer):
    dots = "…"
    dot = "·"

    def number(self, x: float) -> tuple[str, int]:
        text = number(x, self.spec)
        return text, SUM if text.startswith("-") else PRODUCT if "e" in text else ATOM

    def parenthesized(self, text: str) -> str:
        return f"({text})"

    def bare(self, text: str) -> str:
        return re.sub(rf"^\((-[\d.]+)\)(?![{SUPERSCRIPTS}⁻^])", r"\1", text)

    def runs_together(self, before: str, after: str) -> bool:
        return not (before[-1].isdecimal() and after[0].isalpha() and "(" not in after)  # 3b², but 3·sin(b)

    def beside(self, before: str, after: str) -> str:
        return before + after

    def fraction(self, above: tuple[str, int], below: tuple[str, int]) -> str:
        text = above[0] if above[1] >= PRODUCT else self.parenthesized(above[0])
        return f"{text}/{below[0] if below[1] > PRODUCT else self.parenthesized(below[0])}"

    def root(self, degree: int, text: str) -> str:
        inside = text if re.fullmatch(r"[\w.]+", text) else self.parenthesized(text)
        return f"{'√' if degree == 2 else '∛'}{inside}"

    def raised(self, text: str, exponent: str) -> str:
        if text[-1] in SCRIPTS:
            text = self.parenthesized(text)
        if re.fullmatch(r"-?\d+", exponent):
            return text + superscript(exponent)
        return f"{text}^{exponent if re.fullmatch(r'[a-z0-9.]+', exponent) else self.parenthesized(exponent)}"

    def function(self, function: Function) -> tuple[str, int]:
        arguments = [self.write(argument)[0] for argument in function.arguments]
        if function.name == "abs":
            return f"|{arguments[0]}|", ATOM
        if function.name == "share":
            parts = function.arguments[1].arguments if isinstance(function.arguments[1], Function) else ()
            total = " + ".join([f"exp({self.write(part)[0]})" for part in parts])
            return f"exp({arguments[0]})/({total})", PRODUCT
        return f"{_NAMES.get(function.name, function.name)}({', '.join(arguments)})", ATOM
