"""What the primitives of the table are, for ``help`` and for readers: a formula, the derivative, and an example.

They stand here, and not in the rows, so that the table stays one.
"""

from __future__ import annotations

_TEXT = """
abs       | |x|                                          | sign x, and 0 at 0                   | -3.0     | 3.0
acos      | arccos x, in radians                         | -1 / sqrt(1 - x²)                    | 1.0      | 0.0
acosh     | the inverse of cosh for x ≥ 1                | 1 / sqrt(x² - 1)                     | 1.0      | 0.0
asin      | arcsin x, in radians                         | 1 / sqrt(1 - x²)                     | 0.0      | 0.0
asinh     | the inverse of sinh                          | 1 / sqrt(1 + x²)                     | 0.0      | 0.0
atan      | arctan x, in radians                         | 1 / (1 + x²)                         | 0.0      | 0.0
atan2     | the angle of the point (x, y), given y first | x / (x² + y²), -y / (x² + y²)        | 0.0, 2.0 | 0.0
atanh     | the inverse of tanh, for |x| ≤ 1             | 1 / (1 - x²)                         | 1.0      | inf
cbrt      | the real cube root of x                      | 1 / (3 cbrt(x)²)                     | -8.0     | -2.0
cos       | cos x, for x in radians                      | -sin x                               | 0.0      | 1.0
cosh      | (e^x + e^-x) / 2                             | sinh x                               | 0.0      | 1.0
erf       | 2/sqrt(π) ∫ e^-t² dt from 0 to x             | 2/sqrt(π) e^-x²                      | 0.0      | 0.0
exp       | e^x, and inf where that is too large         | e^x                                  | 1000.0   | inf
expm1     | e^x - 1, accurate around 0                   | e^x                                  | 1e-20    | 1e-20
floor     | the largest whole number up to x             | 0                                    | -1.5     | -2.0
gelu      | x Φ(x), with the normal distribution Φ       | Φ(x) + x Φ'(x)                       | 100.0    | 100.0
hypot     | h = sqrt(x² + y²), without overflow          | x / h, y / h; 0, 0 at the origin     | 3.0, 4.0 | 5.0
identity  | x, as a node of its own                      | 1                                    | 2.0      | 2.0
log       | the natural logarithm; -inf at 0, nan below  | 1 / x                                | 0.0      | -inf
log10     | the logarithm to base 10                     | 1 / (x log 10)                       | 1000.0   | 3.0
log1p     | log(1 + x), accurate around 0                | 1 / (1 + x)                          | 1e-20    | 1e-20
log2      | the logarithm to base 2                      | 1 / (x log 2)                        | 8.0      | 3.0
logaddexp | log(e^x + e^y), without overflow             | e^x / (e^x + e^y), e^y / (e^x + e^y) | 1e3, 0.0 | 1000.0
maximum   | the larger one, nan if one is nan            | 1 by it, else 0; ½, ½ in a tie       | 2.0, 3.0 | 3.0
minimum   | the smaller one, nan if one is nan           | 1 by it, else 0; ½, ½ in a tie       | 2.0, 3.0 | 2.0
relu      | max(x, 0)                                    | 1 for x > 0, else 0                  | -2.0     | 0.0
round     | the nearest whole number, ties to even       | 0                                    | 2.5      | 2.0
sigmoid   | σ(x) = 1 / (1 + e^-x)                        | σ(x) (1 - σ(x))                      | 0.0      | 0.5
sign      | -1, 0 or 1                                   | 0                                    | -3.0     | -1.0
silu      | x σ(x), with the sigmoid σ                   | σ(x) + x σ(x) (1 - σ(x))             | 100.0    | 100.0
sin       | sin x, for x in radians                      | cos x                                | 0.0      | 0.0
sinh      | (e^x - e^-x) / 2                             | cosh x                               | 0.0      | 0.0
softplus  | log(1 + e^x), without overflow               | σ(x)                                 | 1000.0   | 1000.0
sqrt      | the square root; nan below 0                 | 1 / (2 sqrt(x)), and inf at 0        | 9.0      | 3.0
square    | x²                                           | 2x                                   | -3.0     | 9.0
tan       | tan x, for x in radians                      | 1 + tan² x                           | 0.0      | 0.0
tanh      | (e^x - e^-x) / (e^x + e^-x)                  | 1 - tanh² x                          | 1000.0   | 1.0
"""


def _docstring(line: str) -> tuple[str, str]:
    name, formula, derivative, operands, result = [cell.strip() for cell in line.split(" | ")]
    return name, (
        f"{name}: {formula}; the derivative is {derivative}.  Takes floats or Values.\n\n"
        f">>> from autograd import {name}\n>>> {name}({operands})\n{result}\n"
    )


DOCSTRINGS = dict(map(_docstring, _TEXT.strip().splitlines()))
__test__ = DOCSTRINGS  # doctest looks here for what belongs to no function
