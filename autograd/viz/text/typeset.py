"""Expressions as formulas, in symbols or with the numbers put in: in LaTeX, or as plain text such as 3b²."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from autograd import ops
from autograd.labels import SCRIPTS, SUPERSCRIPTS, label_of, scripts, superscript
from autograd.ops import Op
from autograd.value import Value
from autograd.viz.text.algebra import HALF, ONE, Expression, Number, Product, Sum, Symbol, written_out
from autograd.viz.text.notation import Names, number
from autograd.writer import TERM_SIGN, Dialect, Level, Operator, Text

MOST_TERMS = 14  # longer sums show their first and last terms


# ---- names and numbers in LaTeX: in a label, which is a user's text, nothing is taken for a command ------------------
_SPECIAL = {
    "\\": r"}\backslash\text{", "^": r"}{\hat{}}\text{", "~": r"}{\sim}\text{", "<": r"}{<}\text{", ">": r"}{>}\text{",
    **{c: "\\" + c for c in "{}$%&#_"},
}  # fmt: skip


def latex_text(text: str) -> str:
    r"""A text inside of a formula.

    >>> print(latex_text("50% of x_1"))
    \text{50\% of x\_1}
    """
    return r"\text{" + "".join([_SPECIAL.get(c, c) for c in text]) + "}"


def latex_name(label: str) -> str:
    r"""A label as the name of a variable.

    >>> print(latex_name("w²₁₃"), latex_name("δ"), latex_name("x1"), latex_name("loss"), latex_name("<b>"))
    w^{2}_{13} \delta x_{1} \mathrm{loss} \text{}{<}\text{b}{>}\text{}
    """
    base, above, below = scripts(label)
    if not above and not below and (plain := re.fullmatch(r"([A-Za-z])_?(\d+)", base)):
        base, below = plain.groups()
    return _symbol(base) + (f"^{{{above}}}" if above else "") + (f"_{{{below}}}" if below else "")


def _symbol(base: str) -> str:
    if len(base) == 1:
        greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(base, ""))
        if greek:
            name = greek[2].lower().replace("lamda", "lambda")
            return "\\" + (name if greek[1] == "SMALL" else name.capitalize())
        if base.isascii() and base.isalpha():
            return base
    if base.isascii() and base.isalnum() and base[0].isalpha():
        return rf"\mathrm{{{base}}}"
    return latex_text(base)


def latex_number(x: float, spec: str = ".4g") -> str:
    r"""A number in a formula, with powers of ten.

    >>> print(latex_number(-0.5), latex_number(1.5e-07), latex_number(float("inf")))
    -0.5 1.5 \cdot 10^{-7} \infty
    >>> print(latex_number(1e-7))
    10^{-7}
    """
    if math.isnan(x):
        return r"\text{nan}"
    if math.isinf(x):
        return r"\infty" if x > 0 else r"-\infty"
    mantissa, _, exponent = format(x, spec).partition("e")
    if not exponent:
        return mantissa
    power = rf"10^{{{int(exponent)}}}"
    return mantissa.removesuffix("1") + power if mantissa in ("1", "-1") else rf"{mantissa} \cdot {power}"


def latex_factor(x: float, spec: str = ".4g") -> str:
    """A number as a factor: in parentheses if it is negative, or has a power of ten."""
    text = latex_number(x, spec)
    return f"({text})" if text.startswith("-") or "cdot" in text else text


def latex_of(names: Names, node: Value) -> str:
    """The name of a node: a label as a symbol, an expression as text."""
    return latex_name(names.name[node]) if label_of(node) else latex_text(names.name[node])


# ---- dialects --------------------------------------------------------------------------------------------------------
class Place(Text):
    """Where a number goes that is not known yet: ⟨3 2⟩ is number 3, in brackets if it binds less than level 2.

    Three places treat numbers in ways of their own, and are marked by a letter: ⟨3 2l⟩ comes first in a formula,
    ⟨3 r⟩ is below a root, and ⟨3 e⟩ is an exponent.  The page of a graph fills them in (``filledIn`` in model.js).
    """

    @classmethod
    def of(cls, number: int) -> Place:
        """The place of a number."""
        return cls(f"⟨{number} 0⟩")

    def at(self, needed: Level) -> str:
        return f"{self.text[:-2]}{needed:d}⟩"

    def marked(self, letter: str) -> str:
        """The place with a letter."""
        return f"{self.text[:-2]}{letter}⟩"


@dataclass(frozen=True)
class Mathematics(Dialect):
    """A dialect for formulas: factors stand side by side, and fractions, roots and powers have forms of their own."""

    operators: Mapping[Op, str] = field(default_factory=dict)
    binding: Operator = TERM_SIGN
    dot: str = "·"  # between factors that would run together
    dots: str = "…"  # for terms that are left out
    beside: str = "{0}{1}"  # two factors without a dot
    fraction: str = "{0:PRODUCT}/{1:POWER}"

    def numeral(self, x: float, spec: str) -> Text:
        """A number; one with a power of ten is a product."""
        text = number(x, spec)
        return self.kind(text, Level.PRODUCT) if re.match(r"[\d.]+e", text) else self.number(text)

    def leading(self, text: str) -> str:
        """A text that comes first in a formula, where a negative number needs no brackets."""
        text = re.sub(r"^(⟨\d+ \d)⟩", r"\1l⟩", text)
        return re.sub(rf"^\((-[\d.]+)\)(?![{SUPERSCRIPTS}⁻^])", r"\1", text)

    def needs_dot(self, before: str, after: str) -> bool:
        """Whether two factors side by side could be misread: 3b² and 3·sin(b), 2·e1 and x1·y."""
        letter = after[0].isalpha() and "(" not in after and not re.match(r"e\d", after)
        return not (letter and re.fullmatch(r"-?[\d.]+", before))

    def product(self, before: str, after: str, with_dot: bool) -> str:
        """Two factors side by side, with a dot between them if one is wanted or needed."""
        if with_dot or self.needs_dot(before, after):
            return before + self.dot + after
        return self.beside.format(before, after)

    def root(self, degree: int, x: Text) -> Text:
        """A square root or a cube root."""
        is_word = x.level == Level.ATOM and re.fullmatch(r"[\w.]+", x.text)
        inside = x.marked("r") if isinstance(x, Place) else x.text if is_word else x.brackets.format(x)
        return self.kind(f"{'√' if degree == 2 else '∛'}{inside}")

    def power(self, base: Text, exponent: str) -> Text:
        """A power; digits are raised, if the base does not end in raised or lowered ones itself."""
        text = base.at(Level.ATOM)
        if text[-1] in SCRIPTS:
            text = base.brackets.format(text)
        if place := re.fullmatch(r"(⟨\d+ )\d⟩", exponent):
            return self.kind(f"{text}{place[1]}e⟩", Level.POWER)
        if re.fullmatch(r"-?\d+", exponent):
            return self.kind(text + superscript(exponent), Level.POWER)
        raised = exponent if re.fullmatch(r"[a-z0-9.]+", exponent) else base.brackets.format(exponent)
        return self.kind(f"{text}^{raised}", Level.POWER)


class _Plain(Mathematics):
    def function(self, name: str, operands: Sequence[Text]) -> Text:
        """A call; |x| with other bars inside could be read in several ways, and is written abs(x)."""
        if name == "abs" and "|" in operands[0].text:
            return self.kind(f"abs({operands[0]})")
        return super().function(name, operands)


class _Latex(Mathematics):
    def numeral(self, x: float, spec: str) -> Text:
        text = latex_number(x, spec)
        return self.kind(text, Level.PRODUCT) if re.match(r"[\d.]+ \\cdot", text) else self.number(text)

    def leading(self, text: str) -> str:
        return re.sub(r"^\\left\((-[\d.]+)\\right\)(?!\^)", r"\1", text)

    def needs_dot(self, before: str, after: str) -> bool:
        return after[0].isdigit() or (after.startswith(r"\left(-") and before[-1].isdigit())

    def root(self, degree: int, x: Text) -> Text:
        return self.kind(rf"\sqrt{{{x}}}" if degree == 2 else rf"\sqrt[{degree}]{{{x}}}")

    def power(self, base: Text, exponent: str) -> Text:
        text = base.at(Level.ATOM)
        if "^" in text and not text.startswith(r"\left("):
            text = base.brackets.format(text)
        return self.kind(f"{text}^{{{exponent}}}", Level.POWER)

    def template(self, name: str) -> str:
        if name in self.functions:
            return self.functions[name]
        is_word = name.isascii() and name.replace("_", "").isalnum()
        called = rf"\operatorname{{{name}}}".replace("_", r"\_") if is_word else latex_text(name)
        return called.replace("{", "{{").replace("}", "}}") + r"\left({all}\right)"


class _LatexText(Text):
    brackets = r"\left({}\right)"


_NAMED = {
    **{name: rf"\{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "asin": r"\arcsin", "acos": r"\arccos", "atan": r"\arctan", "log": r"\ln", "log2": r"\log_{{2}}",
    "log10": r"\log_{{10}}", "sigmoid": r"\sigma", "maximum": r"\max", "minimum": r"\min",
    "sign": r"\operatorname{{sgn}}", "relu": r"\operatorname{{ReLU}}", "asinh": r"\operatorname{{arsinh}}",
    "acosh": r"\operatorname{{arcosh}}", "atanh": r"\operatorname{{artanh}}", "normal_cdf": r"\Phi",
    "normal_pdf": r"\varphi",
}  # fmt: skip

LATEX = _Latex(
    functions={
        **{name: rf"{command}\left({{all}}\right)" for name, command in _NAMED.items()},
        "abs": r"\left|{0}\right|", "floor": r"\left\lfloor {0}\right\rfloor ", "exp": "e^{{{0}}}",
        "step": r"\mathbf{{1}}_{{{0} > 0}}", "sqrt": r"\sqrt{{{0}}}", "cbrt": r"\sqrt[3]{{{0}}}",
        "log1p": r"\ln\left(1 + {0:PRODUCT}\right)",
        "less": "{0:SUM} < {1:SUM}", "less_equal": r"{0:SUM} \le {1:SUM}", "equal": "{0:SUM} = {1:SUM}",
    },
    loose={"exp": Level.POWER, **dict.fromkeys([op.name for op in ops.COMPARISONS], Level.OPEN)},
    kind=_LatexText,
    dot=r" \cdot ",
    dots=r"\cdots",
    beside="{0} {1}",
    fraction=r"\frac{{{0}}}{{{1}}}",
)  # fmt: skip
PLAIN = _Plain(
    functions={
        "abs": "|{0}|", "log": "ln({0})", "sigmoid": "σ({0})", "normal_cdf": "Φ({0})", "normal_pdf": "φ({0})",
        "maximum": "max({all})", "minimum": "min({all})", "hypot": "hypot({all})", "logsumexp": "logsumexp({all})",
    },
)  # fmt: skip


def latex(expression: Expression, *, numbers: bool = False, spec: str = ".4g") -> str:
    r"""An expression in LaTeX, in symbols, or with their ``numbers`` put in.

    >>> x = Symbol("x", 2.0)
    >>> square = Product(3.0, ((x, Number(2.0)),))
    >>> print(latex(square), "=", latex(square, numbers=True))
    3 x^{2} = 3 \cdot 2^{2}
    """
    return LATEX.leading(_Typesetter(LATEX, numbers, spec).write(expression).text)


def plain(
    expression: Expression, *, numbers: bool = False, spec: str = ".4g", places: Mapping[str, int] | None = None
) -> str:
    """An expression as plain text; where the number of a symbol would be, one of ``places`` is left: see ``Place``.

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
        """A term of a sum, with its sign in front."""
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
