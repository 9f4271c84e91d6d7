"""Compute an expression and its gradient.

usage: python -m autograd EXPRESSION [NAME=NUMBER ...] [--explain NAME] [--draw FILE] [--page FILE]

  python -m autograd "a*b + b**3" a=-4 b=2
  python -m autograd "log(1 + exp(-x))" x=0.5 --draw graph.svg
  python -m autograd "a*b + b**3" a=-4 b=2 --explain b --page graph.html

EXPRESSION      consists of numbers, names, + - * / **, parentheses, pi, e, and the functions below
NAME=NUMBER     the value of a name in the expression
--explain NAME  say where the gradient of a name comes from
--draw FILE     write a drawing of the graph; FILE ends in .svg, .png, .jpg, .pdf or .dot
--page FILE     write a page on which the gradient is computed step by step; FILE ends in .html
"""

from __future__ import annotations

import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from autograd import Value, viz
from autograd.display import aligned, say
from autograd.errors import AutogradError, ExpressionError
from autograd.expression import listed_names, parse
from autograd.ops import as_float


class Arguments(NamedTuple):
    """The command line, taken apart."""

    expression: str
    values: dict[str, Value]
    drawing: str | None = None
    page: str | None = None
    explained: str | None = None


# What each option needs, in the words of the error where it is missing.
OPTIONS = {
    "--draw": "a file, such as graph.svg",
    "--page": "a file, such as graph.html",
    "--explain": "a name, such as b",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 with one line on stderr and no file written."""
    words = sys.argv[1:] if argv is None else list(argv)
    if not words or {"-h", "--help"} & set(words):
        _write(help_text())
        return 0
    try:
        _write(run(read(words)))
    except (AutogradError, OSError, ValueError, OverflowError) as error:
        say(f"python -m autograd: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def help_text() -> str:
    """The module's docstring and the functions there are."""
    assert __doc__ is not None
    return __doc__ + "\n" + textwrap.fill("functions: " + " ".join(listed_names()), width=88, subsequent_indent="  ")


def read(words: Iterable[str]) -> Arguments:
    """Take a command line apart.

    Raises:
        ExpressionError: A word is not what it should be.
    """
    remaining = iter(words)
    expression: str | None = None
    given: dict[str, str] = {}
    values: dict[str, Value] = {}
    for word in remaining:
        option, equals, argument = word.partition("=")
        if option in OPTIONS:
            given[option] = argument if equals else next(remaining, "")
            if not given[option]:
                raise ExpressionError(f"{option} needs {OPTIONS[option]}")
        elif expression is None:
            expression = word
        else:
            name, number = assignment(word)
            if name in values:
                raise ExpressionError(f"{name} is given twice")
            values[name] = Value(number, label=name)
    if expression is None:
        raise ExpressionError('there is no expression, such as "a*b + b**3" a=-4 b=2')
    page, explained = given.get("--page"), given.get("--explain")
    if page is not None and not page.lower().endswith((".html", ".htm")):
        raise ExpressionError(f"a page is a file that ends in .html, not {page!r}; --draw writes pictures")
    if explained is not None and explained not in values:
        raise ExpressionError(f"--explain {explained}: there is no {explained}=NUMBER")
    return Arguments(expression, values, given.get("--draw"), page, explained)


def assignment(word: str) -> tuple[str, float]:
    """The name and the number of a word such as ``a=-4``."""
    name, equals, text = word.partition("=")
    name = unicodedata.normalize("NFKC", name.strip())  # as Python does with the names in the expression
    if not equals or not name.isidentifier():
        raise ExpressionError(f"{word!r} is not of the form NAME=NUMBER, such as a=-4")
    try:
        number = float(text)
    except ValueError:
        raise ExpressionError(f"{word!r}: {text!r} is not a number") from None
    if number - number != 0.0:
        raise ExpressionError(f"{word!r}: {number} is not a finite number")
    return name, number


def run(arguments: Arguments) -> str:
    """Evaluate and differentiate the expression, write the files asked for, and return the text to print."""
    expression = parse(arguments.expression)
    result = expression.evaluate(arguments.values)
    if not isinstance(result, Value):
        result = Value(as_float(result))
    result.backward()
    lines = [f"{expression.text} = {result.data}"]
    if arguments.values:
        numbers = [(name, str(leaf.data), str(leaf.grad)) for name, leaf in arguments.values.items()]
        lines += ["", *aligned([("", "value", "gradient"), *numbers])]
    if arguments.explained:
        lines += ["", str(viz.explain(arguments.values[arguments.explained], formulas=True))]
    wrote = [viz.save(result, arguments.drawing)] if arguments.drawing else []
    if arguments.page:
        wrote.append(viz.write_html(result, arguments.page))
    if wrote:
        lines += ["", *(f"wrote {path}" for path in wrote)]
    return "\n".join(lines)


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    say(text.encode(encoding, "backslashreplace").decode(encoding))


if __name__ == "__main__":
    sys.exit(main())
