"""Expressions in LaTeX, in symbols or with the numbers put in."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction

from autograd.viz.text.algebra import ONE, Expression, Function, Number, Product, Sum, Symbol
from autograd.viz.text.texmath import latex_number, latex_text

__all__ = ["ATOM", "POWER", "PRODUCT", "SUM", "Writer", "latex"]

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4
MOST_TERMS = 14  # longer sums show their first and last terms
FUNCTIONS = {
    **{name: rf"\{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "asin": r"\arcsin", "acos": r"\arccos", "atan": r"\arctan", "log": r"\ln", "log2": r"\log_{2}",
    "log10": r"\log_{10}", "sigmoid": r"\sigma", "maximum": r"\max", "minimum": r"\min", "sign": r"\operatorname{sgn}",
    "asinh": r"\operatorname{arsinh}", "acosh": r"\operatorname{arcosh}", "atanh": r"\operatorname{artanh}",
    "relu": r"\operatorname{ReLU}", "erf": r"\operatorname{erf}", "normal_cdf": r"\Phi", "normal_pdf": r"\varphi",
}  # fmt: skip
BRACKETS = {
    "abs": (r"\left|", r"\right|"), "floor": (r"\left\lfloor ", r"\right\rfloor "),
    "exp": ("e^{", "}"), "step": (r"\mathbf{1}_{", " > 0}"),
    "sqrt": (r"\sqrt{", "}"), "cbrt": (r"\sqrt[3]{", "}"), "log1p": (r"\ln\left(1 + ", r"\right)"),
}  # fmt: skip


def latex(expression: Expression, *, numbers: bool = False, spec: str = ".4g") -> str:
    r"""An expression in LaTeX.

    Args:
        expression: what to write.
        numbers: put the numbers in for the symbols.
        spec: the number format.

    >>> x = Symbol("x", 2.0)
    >>> square = Product(3.0, ((x, Number(2.0)),))
    >>> print(latex(square), "=", latex(square, numbers=True))
    3 x^{2} = 3 \cdot 2^{2}
    """
    return _bare(Writer(numbers, spec).write(expression)[0])


def _bare(text: str) -> str:
    """A negative number at the start needs no parentheses."""
    return re.sub(r"^\\left\((-[\d.]+)\\right\)(?!\^)", r"\1", text)


class Writer:
    """Writes LaTeX; what another dialect writes otherwise are the methods under "dialect"."""

    def __init__(self, numbers: bool, spec: str) -> None:
        self.numbers = numbers
        self.spec = spec

    def write(self, expression: Expression) -> tuple[str, int]:
        """The text, and how tightly it binds."""
        if isinstance(expression, Number):
            return self.number(expression.value)
        if isinstance(expression, Symbol):
            return self.number(expression.value) if self.numbers else (expression.name, ATOM)
        if isinstance(expression, Function):
            return self.function(expression)
        if isinstance(expression, Sum):
            return self.sum(expression.terms), SUM
        return self.product(expression.coefficient, expression.factors)

    def number(self, x: float) -> tuple[str, int]:
        text = latex_number(x, self.spec)
        return text, SUM if text.startswith("-") else PRODUCT if "cdot" in text else ATOM

    def inside(self, expression: Expression, needed: int) -> str:
        text, strength = self.write(expression)
        return text if strength >= needed else self.parenthesized(text)

    # ---- dialect -------------------------------------------------------------------------------------------------
    dots = r"\cdots"
    dot = r" \cdot "

    def parenthesized(self, text: str) -> str:
        return rf"\left({text}\right)"

    def bare(self, text: str) -> str:
        """A text that comes first, where a negative number needs no parentheses."""
        return _bare(text)

    def runs_together(self, before: str, after: str) -> bool:
        """Whether two factors need a dot between them."""
        return after[0].isdigit() or (after.startswith(r"\left(-") and before[-1].isdigit())

    def beside(self, before: str, after: str) -> str:
        """Two factors without a dot between them."""
        return f"{before} {after}"

    def fraction(self, above: tuple[str, int], below: tuple[str, int]) -> str:
        return rf"\frac{{{above[0]}}}{{{below[0]}}}"

    def root(self, degree: int, text: str) -> str:
        return rf"\sqrt{{{text}}}" if degree == 2 else rf"\sqrt[{degree}]{{{text}}}"

    def raised(self, text: str, exponent: str) -> str:
        if "^" in text and not text.startswith(r"\left("):
            text = self.parenthesized(text)
        return f"{text}^{{{exponent}}}"

    # ---- sums ----------------------------------------------------------------------------------------------------
    def sum(self, terms: Sequence[tuple[Expression, float]]) -> str:
        if terms[0][0] == ONE and terms[0][1] < 0.0 and terms[1][1] > 0.0:
            terms = [*terms[1:], terms[0]]  # y - 1 rather than -1 + y
        shown = [self.term(term, coefficient) for term, coefficient in terms[: MOST_TERMS // 2]]
        if len(terms) > MOST_TERMS:
            shown += [("+", self.dots)]
            shown += [self.term(term, coefficient) for term, coefficient in terms[-2:]]
        else:
            shown += [self.term(term, coefficient) for term, coefficient in terms[MOST_TERMS // 2 :]]
        (sign, first), *others = shown
        text = f"-{first}" if sign == "-" else self.bare(first)
        return " ".join([text, *[f"{sign} {body}" for sign, body in others]])

    def term(self, term: Expression, coefficient: float) -> tuple[str, str]:
        """A term with its sign apart."""
        if isinstance(term, Product):
            coefficient, term = coefficient * term.coefficient, Product(1.0, term.factors)
        sign, size = ("-", -coefficient) if math.copysign(1.0, coefficient) < 0.0 else ("+", coefficient)  # a - 0
        if term == ONE:
            return sign, self.number(size)[0]
        factors = term.factors if isinstance(term, Product) else ((term, ONE),)
        text, strength = self.product(size, factors)
        return sign, text if strength > SUM else self.parenthesized(text)

    # ---- products ------------------------------------------------------------------------------------------------
    def product(self, coefficient: float, factors: Sequence[tuple[Expression, Expression]]) -> tuple[str, int]:
        above, below = [], []
        for base, exponent in factors:
            if isinstance(exponent, Number) and exponent.value < 0.0:
                below.append((base, Number(-exponent.value)))
            else:
                above.append((base, exponent))
        size = abs(coefficient)
        divisor = round(1.0 / size) if 0.0 < size < 1.0 and abs(round(1.0 / size) * size - 1.0) < 1e-15 else 1
        if size < 1e-3 or not (below or divisor > 1):
            divisor = 1
        numerator = self.row([size] if divisor == 1 and (size != 1.0 or not above) else [], above)
        if below or divisor > 1:
            denominator = self.row([float(divisor)] if divisor > 1 else [], below)
            text, strength = self.fraction(numerator, denominator), PRODUCT
        else:
            text, strength = numerator
        if coefficient >= 0.0:
            return text, strength
        return "-" + (text if strength >= PRODUCT else self.parenthesized(text)), SUM

    def row(self, numbers: Sequence[float], factors: Sequence[tuple[Expression, Expression]]) -> tuple[str, int]:
        """Factors side by side; a dot where two numbers would run together."""
        single = len(numbers) + len(factors) == 1
        parts = [self.number(number)[0] for number in numbers]
        for base, exponent in factors:
            text, strength = self.power(base, exponent)
            if single:
                return text, strength
            parts.append(text if strength >= PRODUCT else self.parenthesized(text))
        if not parts:
            return "1", ATOM
        text = parts[0]
        for part in parts[1:]:
            with_dot = self.numbers or self.runs_together(text, part)
            text = text + self.dot + part if with_dot else self.beside(text, part)
        return text, PRODUCT if len(parts) > 1 else ATOM

    def power(self, base: Expression, exponent: Expression) -> tuple[str, int]:
        if exponent == ONE:
            return self.write(base)
        if exponent == Number(0.5):
            return self.root(2, self.write(base)[0]), ATOM
        if exponent == Number(1 / 3):
            return self.root(3, self.write(base)[0]), ATOM
        return self.raised(self.inside(base, ATOM), self.exponent(exponent)), POWER

    def exponent(self, exponent: Expression) -> str:
        """An exponent, with fractions such as 2/3 as such."""
        if isinstance(exponent, Number) and not exponent.value.is_integer():
            fraction = Fraction(exponent.value).limit_denominator(6)
            if fraction.denominator > 2 and abs(float(fraction) - exponent.value) < 1e-15:
                return f"{fraction.numerator}/{fraction.denominator}"
        return self.write(exponent)[0]

    # ---- functions -----------------------------------------------------------------------------------------------
    def function(self, function: Function) -> tuple[str, int]:
        arguments = [self.write(argument)[0] for argument in function.arguments]
        if function.name in BRACKETS:
            left, right = BRACKETS[function.name]
            return f"{left}{arguments[0]}{right}", POWER if function.name == "exp" else ATOM
        if function.name == "logsumexp":
            return rf"\ln\left({' + '.join([f'e^{{{argument}}}' for argument in arguments])}\right)", ATOM
        if function.name == "share":
            parts = function.arguments[1].arguments if isinstance(function.arguments[1], Function) else ()
            total = " + ".join([f"e^{{{self.write(part)[0]}}}" for part in parts])
            return rf"\frac{{e^{{{arguments[0]}}}}}{{{total}}}", PRODUCT
        if function.name == "hypot":
            return rf"\sqrt{{{' + '.join([self.power(a, Number(2.0))[0] for a in function.arguments])}}}", ATOM
        name = FUNCTIONS.get(function.name) or _named(function.name)
        return rf"{name}\left({', '.join(arguments)}\right)", ATOM


def _named(name: str) -> str:
    plain = name.isascii() and name.replace("_", "").isalnum()
    return rf"\operatorname{{{name}}}".replace("_", r"\_") if plain else latex_text(name)
