"""Expressions as a reader writes them, and the little algebra that makes a derivative readable.

There is no calculus here: derivatives come as graphs from ``autograd.grad``, and are only written down and tidied up.
Tidying is for the point where the graph was recorded: |x| becomes x where x was positive, x · x⁻¹ becomes 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Union


@dataclass(frozen=True)
class Number:
    """A plain number."""

    value: float


@dataclass(frozen=True)
class Symbol:
    """A variable, as LaTeX, and the number that it stands for."""

    name: str
    value: float


@dataclass(frozen=True)
class Function:
    """A function of the derivative table, by name."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Sum:
    """Terms with their coefficients; a constant is the coefficient of ``ONE``."""

    terms: tuple[tuple[Expression, float], ...]


@dataclass(frozen=True)
class Product:
    """A coefficient, and bases with their exponents."""

    coefficient: float
    factors: tuple[tuple[Expression, Expression], ...]


Expression = Union[Number, Symbol, Function, Sum, Product]  # noqa: UP007 - a forward reference needs it on Python 3.10

ONE = Number(1.0)
HALF = Number(0.5)


def power(base: Expression, exponent: Expression | float, coefficient: float = 1.0) -> Product:
    """coefficient · base ^ exponent."""
    raised = Number(float(exponent)) if isinstance(exponent, (int, float)) else exponent
    return Product(coefficient, ((base, raised),))


def simplify(expression: Expression) -> Expression:
    """The same function in fewer symbols: sums and products are flattened, equal terms and factors collected.

    >>> x = Symbol("x", 2.0)
    >>> simplify(Sum(((power(x, 1, 1.0), 1.0), (Product(3.0, ((x, ONE),)), 1.0))))
    Product(coefficient=4.0, factors=((Symbol(name='x', value=2.0), Number(value=1.0)),))
    """
    if isinstance(expression, Sum):
        return _sum([(simplify(term), coefficient) for term, coefficient in expression.terms])
    if isinstance(expression, Product):
        return _product(expression.coefficient, [(simplify(b), simplify(e)) for b, e in expression.factors])
    if isinstance(expression, Function):
        return _function(expression.name, tuple([simplify(argument) for argument in expression.arguments]))
    return expression


def written_out(function: Function) -> Expression | None:
    """A function in terms of powers and sums, for readers to whom its name says less; None if it stays as it is."""

    def exponentials(arguments: Iterable[Expression]) -> Sum:
        return Sum(tuple([(Function("exp", (argument,)), 1.0) for argument in arguments]))

    arguments = function.arguments
    if function.name == "hypot":
        return power(Sum(tuple([(power(argument, 2.0), 1.0) for argument in arguments])), HALF)
    if function.name == "logsumexp":
        return Function("log", (exponentials(arguments),))
    if function.name == "share" and isinstance(total := arguments[1], Function):
        above = Function("exp", arguments[:1])
        return Product(1.0, ((above, ONE), (exponentials(total.arguments), Number(-1.0))))
    return None


def _function(name: str, arguments: tuple[Expression, ...]) -> Expression:
    """A function, in terms of powers where it can be: these are collected with other factors."""
    first = arguments[0]
    if name == "sqrt":
        return _product(1.0, [(first, HALF)])
    if name == "hypot":
        return _product(1.0, [(_sum_of_squares(arguments), HALF)])
    if name == "gauss":
        return Function("exp", (_product(-1.0, [(first, Number(2.0))]),))
    if name == "exp" and (share := _share(first)) is not None:
        return share
    if name in ("sin", "cos") and isinstance(first, Function) and first.name == "atan2":
        opposite, adjacent = first.arguments if name == "sin" else first.arguments[::-1]
        return _product(1.0, [(opposite, ONE), (_sum_of_squares((opposite, adjacent)), Number(-0.5))])
    return Function(name, arguments)


def _share(exponent: Expression) -> Expression | None:
    """The share of e^x in a sum, which is exp(x - log Σ e^y); None if the exponent has another form."""
    if isinstance(exponent, Sum):
        for total, coefficient in exponent.terms:
            if isinstance(total, Function) and total.name == "logsumexp" and coefficient == -1.0:
                rest = _sum([(term, factor) for term, factor in exponent.terms if term != total])
                return Function("share", (rest, total))
    return None


def _is_whole(terms: Sequence[tuple[Expression, float]]) -> bool:
    """Whether the terms are all shares of one softmax, which add up to 1."""
    shares = [x for x, coefficient in terms if isinstance(x, Function) and x.name == "share" and coefficient == 1.0]
    if len(shares) != len(terms):
        return False
    (total, *others) = {share.arguments[1] for share in shares}
    return not others and isinstance(total, Function) and {x.arguments[0] for x in shares} == set(total.arguments)


def _sum_of_squares(arguments: Iterable[Expression]) -> Expression:
    return _sum([(_product(1.0, [(argument, Number(2.0))]), 1.0) for argument in arguments])


def _sum(terms: Iterable[tuple[Expression, float]]) -> Expression:
    """A sum in its simplest form: 2x + y + 3x is 5x + y, and a sum of one term is that term."""
    # Terms with the same factors add up their coefficients, in the place of the first of them.
    collected: dict[object, tuple[Expression, float]] = {}
    for term, coefficient in terms:
        for inner, factor in _terms(term):
            key = frozenset(inner.factors) if isinstance(inner, Product) else inner  # x y and y x are the same
            first, so_far = collected.get(key, (inner, 0.0))
            collected[key] = first, so_far + coefficient * factor
    kept = tuple([(term, coefficient) for term, coefficient in collected.values() if coefficient])
    if not kept:
        return Number(0.0)
    if _is_whole(kept):
        return ONE
    if len(kept) > 1:
        return Sum(kept)
    ((term, coefficient),) = kept
    return _product(coefficient, [(term, ONE)])


def _terms(expression: Expression) -> Iterable[tuple[Expression, float]]:
    """An expression as a sum: its terms without their coefficients."""
    if isinstance(expression, Sum):
        return expression.terms
    if isinstance(expression, Number):
        return [(ONE, expression.value)]
    if isinstance(expression, Product) and expression.coefficient != 1.0:
        # Without its coefficient it may be another product with one: -(2x)¹ is -2 times x.
        rest = _terms(_product(1.0, expression.factors))
        return [(term, expression.coefficient * coefficient) for term, coefficient in rest]
    return [(expression, 1.0)]


def _product(coefficient: float, factors: Iterable[tuple[Expression, Expression]]) -> Expression:
    """A product in its simplest form: 2 · x · 3 · x² is 6x³, and a product of one factor is that factor."""
    # Numbers go into the coefficient; equal bases add up their exponents, in the place of the first of them.
    collected: dict[Expression, Expression] = {}
    for base, exponent in _flattened(factors):
        if isinstance(base, Number) and isinstance(exponent, Number) and (base.value > 0.0 or exponent == ONE):
            coefficient *= base.value**exponent.value
        else:
            if isinstance(base, Function) and base.name == "exp":  # (e^x)^n is e^(n x)
                base, exponent = Function("exp", (_product(1.0, [(base.arguments[0], ONE), (exponent, ONE)]),)), ONE
            before = collected.get(base, Number(0.0))
            collected[base] = _sum([(before, 1.0), (exponent, 1.0)])
    kept = _differences_of_squares({base: e for base, e in collected.items() if e != Number(0.0)})
    if not kept or coefficient == 0.0:
        return Number(coefficient)
    # A single factor is no product, and -(a - b) is b - a.
    ((base, exponent),) = [*kept.items()][:1]
    if len(kept) == 1 and exponent == ONE:
        if coefficient == 1.0:
            return base
        if coefficient == -1.0 and isinstance(base, Sum):
            return Sum(tuple([(term, -factor) for term, factor in base.terms]))
    if not any(isinstance(base, Sum) for base in kept):  # x sin x, but a (1 - a) w as the chain rule has it
        kept = dict(sorted(kept.items(), key=lambda factor: isinstance(factor[0], Function)))
    return Product(coefficient, tuple(kept.items()))


def _flattened(factors: Iterable[tuple[Expression, Expression]]) -> Iterable[tuple[Expression, Expression]]:
    """Factors, with products among them multiplied out where that is allowed: (x² y)³ is x⁶ y³, (x²)^½ is not x."""
    for base, exponent in factors:
        if isinstance(base, Product) and isinstance(exponent, Number) and exponent.value.is_integer():
            yield Number(base.coefficient), exponent if base.coefficient > 0.0 or exponent == ONE else ONE
            if base.coefficient < 0.0 and exponent != ONE:
                raise_to = Number(base.coefficient**exponent.value / base.coefficient)
                yield raise_to, ONE
            for inner, own in base.factors:
                yield inner, _product(exponent.value, [(own, ONE)])
        elif isinstance(base, Product) and base.coefficient > 0.0 and len(base.factors) == 1 and _is_root(base):
            yield Number(base.coefficient), exponent
            ((inner, own),) = base.factors
            yield inner, _product(1.0, [(own, ONE), (exponent, ONE)])
        else:
            yield base, exponent


def _is_root(product: Product) -> bool:
    """Whether the only factor is a root, which is never negative: (√x)^n is x^(n/2) for every n."""
    exponent = product.factors[0][1]
    return isinstance(exponent, Number) and not exponent.value.is_integer()


def _differences_of_squares(factors: dict[Expression, Expression]) -> dict[Expression, Expression]:
    """The factors with a² - b² in the place of (a - b)(a + b)."""
    sums = [base for base in factors if isinstance(base, Sum) and len(base.terms) == 2]
    for i, base in enumerate(sums):
        for other in sums[i + 1 :]:
            (a, p), (b, q) = base.terms
            opposite = {other.terms, other.terms[::-1]} & {((a, p), (b, -q)), ((a, -p), (b, q))}
            if opposite and factors[base] == factors[other]:
                sign = 1.0 if ((a, p), (b, -q)) in opposite else -1.0
                first, second = (_product(1.0, [(x, Number(2.0))]) for x in (a, b))
                rest = {key: e for key, e in factors.items() if key not in (base, other)}
                return {**rest, _sum([(first, sign * p * p), (second, -sign * q * q)]): factors[base]}
    return factors
