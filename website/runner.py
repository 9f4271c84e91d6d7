"""Run a program of the playground's editor, and say what is to be seen of it: text, pages, or what went wrong.

The same file runs in the browser and where the site is built.  It needs nothing but the package.
"""

from __future__ import annotations

import ast
import json
import linecache
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from autograd import AutogradError, Value
from autograd.expression import parse
from autograd.viz import Page, page

NAME = "your program"  # of the file that a traceback names
START = (0.5, 1.0, 1.5, 2.0)  # the numbers that the names of a bare formula get


SHOWN: list[str] = []  # the pages of the program that runs
SCOPE: dict[str, Any] = {}  # its names, kept until the next one runs: pages name the parts of models in use


def keep(url: str) -> bool:
    """Keep the text of the page that was written to this file: what `show(root)` opens, in place of a browser."""
    SHOWN.append(Path(unquote(urlparse(url).path)).read_text(encoding="utf-8"))
    return True


def run(source: str) -> dict[str, Any]:
    """Run a program.

    Args:
        source: The text of the program, or a formula by itself, as `tanh(w*x + b)`.

    Returns:
        `pages`, the HTML of what is to be seen, in order; `text`, the result if it is seen as text; `error`, what went
        wrong, or nothing; `line`, the line in which it did, or None.

    >>> run("2 + 3")["text"]
    '5'
    >>> found = run("x = 1\\nx.backward()")
    >>> found["line"], found["error"].splitlines()[-1]
    (2, "AttributeError: 'int' object has no attribute 'backward'")
    """
    linecache.cache[NAME] = (len(source), None, source.splitlines(keepends=True), NAME)
    SHOWN.clear()
    found: dict[str, Any] = {"text": "", "error": "", "line": None}
    try:
        result, found["text"] = _evaluate(source)
        _add(found, result)
    except BaseException as error:  # whatever a program raises is an answer, SystemExit and KeyboardInterrupt, too
        found["line"] = _line(error)
        found["error"] = _explanation(error)
    return found | {"pages": list(SHOWN)}


def value_of(source: str) -> Any:
    """The value of the last line of a program, which must not fail."""
    return _evaluate(source)[0]


def run_as_json(source: str) -> str:
    """What `run` returns, for JavaScript."""
    return json.dumps(run(source))


def _evaluate(source: str) -> tuple[Any, str]:
    """The value of the last line, as in a notebook, and a remark on it."""
    tree = ast.parse(source, NAME)
    formula = _formula(source, tree)
    if formula is not None:
        return formula
    last = tree.body[-1] if tree.body else None
    SCOPE.clear()
    SCOPE["__name__"] = "__main__"
    if not isinstance(last, ast.Expr):
        exec(compile(tree, NAME, "exec"), SCOPE)
        return None, ""
    exec(compile(ast.Module(tree.body[:-1], []), NAME, "exec"), SCOPE)
    return eval(compile(ast.Expression(last.value), NAME, "eval"), SCOPE), ""


def _formula(source: str, tree: ast.Module) -> tuple[Value, str] | None:
    """The Value of a formula by itself, whose names have no numbers yet; None for every other program."""
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        return None
    try:
        formula = parse(ast.unparse(tree.body[0]))
    except AutogradError:
        return None
    if not formula.names:
        return None
    given = {name: Value(START[i % len(START)], name) for i, name in enumerate(formula.names)}
    root = formula.evaluate(given)
    numbers = ", ".join(f"{name} = {value.data:g}" for name, value in given.items())
    return root, f"{numbers}: type or drag other numbers on the page."


def _add(found: dict[str, Any], result: Any) -> None:
    """Add the result of a program to what is to be seen."""
    is_list = isinstance(result, Sequence) and not isinstance(result, str) and len(result) > 0
    if isinstance(result, Value) or (is_list and all(isinstance(part, Value) for part in result)):
        result = page(result)
    if isinstance(result, Page):
        SHOWN.append(result.html)
    elif hasattr(result, "_repr_html_"):
        SHOWN.append(f"<!doctype html><meta name='color-scheme' content='light dark'>{result._repr_html_()}")
    elif result is not None:
        found["text"] = repr(result)


def _line(error: BaseException) -> int | None:
    """The last line of the program that an error passed through."""
    if isinstance(error, SyntaxError) and error.filename == NAME:
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == NAME]
    return lines[-1] if lines else None


def _explanation(error: BaseException) -> str:
    """A traceback of the program's own lines: those of the packages say nothing to somebody who did not write them."""
    report = traceback.TracebackException.from_exception(error, compact=True)
    part: traceback.TracebackException | None = report
    while part is not None:
        part.stack = traceback.StackSummary.from_list([frame for frame in part.stack if frame.filename == NAME])
        part = part.__cause__ or part.__context__
    lines = [line for line in report.format() if not line.startswith("Traceback")]
    return "".join(lines).replace(f'File "{NAME}", line', "Line").replace(", in <module>", "").strip()
