"""Names and numbers in LaTeX.  In a label, which is a user's text, nothing is taken for a command."""

from __future__ import annotations

import math
import re
import unicodedata

from autograd.labels import scripts

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
