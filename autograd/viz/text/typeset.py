"""Expressions as formulas, in symbols or with the numbers put in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from autograd.viz.text.algebra import HALF, ONE, Expression, Number, Product, Sum, Symbol, written_out
from autograd.viz.text.mathematics import LATEX, PLAIN, Mathematics, Place
from autograd.writer import Level, Text

__all__ = ["latex", "plain"]

MOST_TERMS = 14  # longer sums show their first and last terms


def latex(expression: Expression, *, numbers: bool = False, spec: str = ".4g") -> str:
    r"""An expression in LaTeX.

    Args:
        expression: The expression to write.
        numbers: Whether the numbers are put in for the symbols.
        spec: Number format, as in ``format(x, ".4g")``.

    >>> x = Symbol("x", 2.0)
    >>> square = Product(3.0, ((x, Number(2.0)),))
    >>> print(latex(square), "=", latex(square, numbers=True))
    3 x^{2} = 3 \cdot 2^{2}
    """
    return LATEX.leading(_Typesetter(LATEX, numbers, spec).write(expression).text)


def plain(
    expression: Expression, *, numbers: bool = False, spec: str = ".4g", places: Mapping[str, int] | None = None
) -> str:
    """An expression as plain text; the arguments are those of ``latex``.

    Args:
        places: Number of each symbol, for which a place is left where its number would be: see ``Place``.

    >>> from autograd.viz.text.algebra import power
    >>> b, w = Symbol("b", 2.0), Symbol("w²₁₃", -0.5)
    >>> plain(power(b, 2, 3.0)), plain(power(b, 2, 3.0), numbers=True)
    ('3b²', '3·2²')
    >>> plain(Product(1.0, ((w, ONE), (b, Number(-2.0))))), plain(power(w, 2), numbers=True)
    ('w²₁₃/b²', '(-0.5)²')
    >>> plain(power(b, 2, 3.0), places={"b": 0})
    '3·⟨0 5⟩²'
    """
    return PLAIN.leading(_Typesetter(PLAIN, numbers or places is not None, spec, places or {}).write(expression).text)


class _Typesetter:
    def __init__(self, dialect: Mathematics, numbers: bool, spec: str, places: Mapping[str, int] | None = None) -> None:
        self.dialect, self.numbers, self.spec, self.places = dialect, numbers, spec, places or {}

    def write(self, expression: Expression) -> Text:
        if isinstance(expression, Number):
            return self.number(expression.value)
        if isinstance(expression, Symbol):
            if expression.name in self.places:
                return Place.of(self.places[expression.name])
            return self.number(expression.value) if self.numbers else self.dialect.kind(expression.name)
        if isinstance(expression, Sum):
            return self.sum(expression.terms)
        if isinstance(expression, Product):
            return self.product(expression.coefficient, expression.factors)
        if expression.name not in self.dialect.functions and (longer := written_out(expression)) is not None:
            return self.write(longer)
        return self.dialect.function(expression.name, [self.write(argument) for argument in expression.arguments])

    def number(self, x: float) -> Text:
        return self.dialect.numeral(x, self.spec)

    # ---- sums ----------------------------------------------------------------------------------------------------
    def sum(self, terms: Sequence[tuple[Expression, float]]) -> Text:
        if terms[0][0] == ONE and terms[0][1] < 0.0 and terms[1][1] > 0.0:
            terms = [*terms[1:], terms[0]]  # y - 1 rather than -1 + y
        if len(terms) > MOST_TERMS:
            shown = [*map(self.term, terms[: MOST_TERMS // 2]), f"+ {self.dialect.dots}", *map(self.term, terms[-2:])]
        else:
            shown = [*map(self.term, terms)]
        first = shown[0].replace("- ", "-", 1) if shown[0][0] == "-" else self.dialect.leading(shown[0][2:])
        return self.dialect.kind(" ".join([first, *shown[1:]]), Level.SUM)

    def term(self, term_and_coefficient: tuple[Expression, float]) -> str:
        """A term behind its sign."""
        term, coefficient = term_and_coefficient
        factors: Sequence[tuple[Expression, Expression]] = ((term, ONE),)
        if isinstance(term, Product):
            coefficient *= term.coefficient
            factors = term.factors
        sign, size = ("-", -coefficient) if math.copysign(1.0, coefficient) < 0.0 else ("+", coefficient)  # a - 0
        return f"{sign} {self.number(size) if term == ONE else self.product(size, factors):PRODUCT}"

    # ---- products ------------------------------------------------------------------------------------------------
    def product(self, coefficient: float, factors: Sequence[tuple[Expression, Expression]]) -> Text:
        above, below = [], []
        for base, exponent in factors:
            if isinstance(exponent, Number) and exponent.value < 0.0:
                below.append((base, Number(-exponent.value)))
            else:
                above.append((base, exponent))
        # A coefficient such as 0.25 is written as 1/4 in a fraction.
        size = abs(coefficient)
        divisor = round(1.0 / size) if 0.0 < size < 1.0 and abs(round(1.0 / size) * size - 1.0) < 1e-15 else 1
        if size < 1e-3 or not (below or divisor > 1):
            divisor = 1
        text = self.row([size] if divisor == 1 and (size != 1.0 or not above) else [], above)
        if below or divisor > 1:
            denominator = self.row([float(divisor)] if divisor > 1 else [], below)
            text = self.dialect.kind(self.dialect.fraction.format(text, denominator), Level.PRODUCT)
        return text if coefficient >= 0.0 else self.dialect.negative(text)

    def row(self, numbers: Sequence[float], factors: Sequence[tuple[Expression, Expression]]) -> Text:
        """Factors side by side, with dots where they would run together, and between numbers."""
        parts = [*map(self.number, numbers), *[self.power(base, exponent) for base, exponent in factors]]
        if len(parts) < 2:
            return parts[0] if parts else self.dialect.kind("1")
        text, *others = [part.at(Level.PRODUCT) for part in parts]
        for part in others:
            text = self.dialect.product(text, part, with_dot=self.numbers)
        return self.dialect.kind(text, Level.PRODUCT)

    def power(self, base: Expression, exponent: Expression) -> Text:
        written = self.write(base)
        if exponent == ONE:
            return written
        if exponent in (HALF, Number(1 / 3)):
            return self.dialect.root(2 if exponent == HALF else 3, written)
        return self.dialect.power(written, self.exponent(exponent))

    def exponent(self, exponent: Expression) -> str:
        """An exponent, with fractions such as 2/3 as such."""
        if isinstance(exponent, Number) and not exponent.value.is_integer():
            fraction = Fraction(exponent.value).limit_denominator(6)
            if fraction.denominator > 2 and abs(float(fraction) - exponent.value) < 1e-15:
                return f"{fraction.numerator}/{fraction.denominator}"
        return self.write(exponent).text
