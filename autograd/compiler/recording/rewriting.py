"""Rewriting: what Python lets nobody overload is written as a call of a helper while a function is recorded.

    row = wte[token]                   row = subscript(wte, token)
    y = x if x > 0 else -x             y = choice(c, x, -x) if is_traced(c := x > 0, "x") else (x if c else -x)
    hit = (x > 0) is answer            hit = identical(x > 0, answer)
    top = max(v.data for v in z)       top = checked(max)(v.data for v in z)              (see ``allowed.py``)
    table[0][0] = 7.0                  changing(table[0])[0] = 7.0
    for p in params: p.grad *= 0.5     last, members = loop(None, params); for p in members: …        (see ``loops.py``)

No list can be told that an index is a traced number, a condition is true or false, ``is`` asks nobody, the built-in
``max`` decides by comparisons, ``print`` prints once, and a loop goes through each of thousands of parameters.  So the
source of the function, and of all functions of the user that it can reach, is parsed, rewritten and compiled; for the
time of the recording, that code stands in the place of their own.  Nothing else changes: line numbers, globals and
closures are the same, and for numbers that are not traced the helpers do what was there before.  A function without
source, or whose file has changed since, stays as it is: then an index is a decision, ``autograd.take`` is the way out,
and whatever names ``print`` runs without the compiler.
"""

from __future__ import annotations
import __future__

import ast
import dis
import linecache
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import lru_cache
from inspect import CO_NESTED
from itertools import count
from operator import attrgetter
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from autograd.compiler.recording.allowed import check_names, checked
from autograd.compiler.recording.choosing import changing, choice, identical, original
from autograd.compiler.recording.loops import Loop, loop_of
from autograd.compiler.recording.traced import TracedBool
from autograd.functions import take
from autograd.locks import renew_in_child
from autograd.ops import Number, Traced

_code = attrgetter("__code__")

_FUTURE = sum({getattr(__future__, name).compiler_flag for name in __future__.all_feature_names} - {CO_NESTED})
_SUBSCRIPT = dis.opmap.get("BINARY_SUBSCR", dis.opmap.get("BINARY_OP", -1))  # one of the latter from 3.14 on
_JUMPS_AND_CALLS = {number for name, number in dis.opmap.items() if name.startswith(("POP_JUMP", "CALL"))}
_REWRITTEN = {_SUBSCRIPT, *[dis.opmap[name] for name in ("IS_OP", "STORE_SUBSCR", "FOR_ITER")], *_JUMPS_AND_CALLS}
_HARMLESS = {"abs", "enumerate", "int", "len", "list", "range", "sum", "super", "tuple", "zip"}
_CALLING = {"map", "filter"}  # their first argument


def subscript(container: Any, index: Any) -> Any:
    """``container[index]``."""
    return take(container, index) if isinstance(index, Traced) else container[index]


def is_traced(condition: Any, *names: str) -> bool:
    """Whether a choice by this condition is recorded: both of its sides are computed then.

    Python computes one side only.  In the other a variable may have nothing in it yet, or None: then it is a decision.
    """
    if type(condition) is not TracedBool:
        return False
    frame = sys._getframe(1)  # that of the function with the choice
    code = frame.f_code
    own = {*code.co_varnames, *code.co_cellvars, *code.co_freevars}
    found = [(frame.f_locals if name in own else frame.f_globals).get(name) for name in names]
    return all(isinstance(x, (Number, float, int)) for x in found)


_WRITTEN = (subscript, is_traced, changing, choice, identical, checked, original)
_HELPERS = {f"<autograd: {helper.__name__}>": helper for helper in _WRITTEN}  # by the text in the place of each


class _Rewriter(ast.NodeTransformer):
    """Puts calls of helpers into the code of a function: the table at the top of this file has an example of each."""

    def __init__(self, filename: str) -> None:
        self.filename = filename
        self.loops: dict[str, Loop] = {}  # by the text that stands for each
        self.function: ast.AST | None = None  # that the node stands in
        self.names = map("autograd choice {}".format, count())  # of variables: no program can have such names
        self.may_assign = True  # whether Python allows an assignment expression here

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            node.value = _call("changing", node.value, node.value)
            return node
        fixed = isinstance(node.slice, (ast.Slice, ast.Constant, ast.Tuple))
        return node if fixed else _call("subscript", node, node.value, node.slice)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in _CALLING and node.args:
            node.args[0] = _call("checked", node.args[0], node.args[0])
        if name not in _HARMLESS:
            node.func = _call("checked", node.func, node.func)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        sides = node.left, node.comparators[0]
        asks_for_none = any(isinstance(side, ast.Constant) and side.value is None for side in sides)
        if len(node.ops) > 1 or not isinstance(node.ops[0], (ast.Is, ast.IsNot)) or asks_for_none:
            return node
        found = _call("identical", node, *sides)
        return found if isinstance(node.ops[0], ast.Is) else ast.copy_location(ast.UnaryOp(ast.Not(), found), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """``rows[i].grad = 0`` changes the member itself."""
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            node.value = _call("original", node.value, node.value)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        sides = node.body, node.orelse
        simple = all(map(_is_simple, sides))
        read = {inner.id for side in sides for inner in ast.walk(side) if isinstance(inner, ast.Name)}
        self.generic_visit(node)
        if not simple or not self.may_assign:
            return node
        name = next(self.names)
        condition = ast.copy_location(ast.NamedExpr(_name(name, node, ast.Store()), node.test), node)
        node.test = _name(name, node)
        variables = [ast.copy_location(ast.Constant(x), node) for x in sorted(read)]
        chosen = _call("choice", node, _name(name, node), deepcopy(node.body), deepcopy(node.orelse))
        return ast.copy_location(ast.IfExp(_call("is_traced", node, condition, *variables), chosen, node), node)

    def visit_For(self, node: ast.For) -> ast.AST | list[ast.stmt]:
        found = loop_of(node, self.function) if self.function is not None else None
        self.generic_visit(node)
        if found is None:
            return node
        call, body = found
        name = f"<autograd: loop {len(self.loops)}>"
        space: dict[str, Any] = {}
        exec(_with_helpers(_code_of([body.rule()], self.filename), _HELPERS), space)
        self.loops[name] = Loop(space["rule"], body)
        call.args = [self.visit(x) for x in call.args]
        call.func = ast.copy_location(ast.Constant(name), call)
        last, members = next(self.names), next(self.names)
        called = _assigned([last, members], call)
        node.iter = _name(members, call)
        variables = _assigned([*body.targets, *body.later], _name(last, call))
        return [called, node, ast.copy_location(ast.If(_name(last, call), [variables], []), call)]

    def visit(self, node: ast.AST) -> Any:
        """Python allows no assignment expression in what a comprehension runs through, nor in one of a class."""
        before = self.may_assign, self.function
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.may_assign, self.function = True, node
        elif isinstance(node, (ast.ClassDef, ast.comprehension)):
            self.may_assign = False
            self.function = None if isinstance(node, ast.ClassDef) else self.function  # its variables are attributes
        try:
            return super().visit(node)
        finally:
            self.may_assign, self.function = before


def _is_simple(side: ast.expr) -> bool:
    """Whether a side, if its variables are numbers, may be computed in vain: it does nothing and cannot fail."""
    if isinstance(side, ast.BinOp):
        return isinstance(side.op, (ast.Add, ast.Sub, ast.Mult)) and _is_simple(side.left) and _is_simple(side.right)
    if isinstance(side, ast.UnaryOp):
        return isinstance(side.op, (ast.UAdd, ast.USub)) and _is_simple(side.operand)
    if isinstance(side, ast.IfExp):
        return _is_simple(side.test) and _is_simple(side.body) and _is_simple(side.orelse)
    if isinstance(side, ast.Compare):
        orders = all(isinstance(compare, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) for compare in side.ops)
        return orders and all(map(_is_simple, [side.left, *side.comparators]))
    return isinstance(side, ast.Name) or (isinstance(side, ast.Constant) and type(side.value) in (int, float))


def _name(name: str, at: ast.expr, context: ast.expr_context | None = None) -> ast.Name:
    return ast.copy_location(ast.Name(name, context or ast.Load()), at)


def _assigned(names: list[str], found: ast.expr) -> ast.Assign:
    targets: list[ast.expr] = [_name(name, found, ast.Store()) for name in names]
    return ast.copy_location(ast.Assign([ast.copy_location(ast.Tuple(targets, ast.Store()), found)], found), found)


def _call(helper: str, at: ast.expr, *args: ast.expr) -> ast.Call:
    function = ast.copy_location(ast.Constant(f"<autograd: {helper}>"), at)
    return ast.copy_location(ast.Call(function, list(args), []), at)


# ---- the code of a function ------------------------------------------------------------------------------------------
class _Source(NamedTuple):
    """A statement at the top of a file, and the imports of the file, on which it depends how calls are compiled."""

    statement: ast.stmt
    imports: tuple[ast.stmt, ...]


@lru_cache(maxsize=64)
def _sources(filename: str, lines: tuple[str, ...]) -> list[_Source]:
    try:
        body = ast.parse("".join(lines), filename).body
    except (SyntaxError, ValueError, RecursionError):  # it is not the source of what runs
        return []
    imports = tuple([x for statement in body for x in _imports(statement)])
    return [_Source(statement, imports) for statement in body]


def _imports(statement: ast.stmt) -> Iterator[ast.stmt]:
    """The imports in a statement at the top of a file, in the branches of an ``if`` or a ``try`` too."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield statement
    elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        for inner in ast.iter_child_nodes(statement):
            if isinstance(inner, (ast.stmt, ast.ExceptHandler)):
                yield from _imports(inner)  # type: ignore[arg-type]  # a handler has statements like any other


def _source(code: CodeType) -> _Source | None:
    """The statement that a piece of code comes from."""
    linecache.checkcache(code.co_filename)
    for source in _sources(code.co_filename, tuple(linecache.getlines(code.co_filename))):
        statement = source.statement
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *[decorator.lineno for decorator in decorators]])
        if first <= code.co_firstlineno <= (statement.end_lineno or 0):
            return source
    return None


def _code_of(statements: list[ast.stmt], filename: str, flags: int = 0) -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # a text is called, until it is a helper
        code: CodeType = compile(ast.Module(statements, []), filename, "exec", flags, dont_inherit=True)
    return code


@lru_cache(maxsize=1_000)
def _pairs(source: _Source, filename: str, flags: int) -> dict[CodeType, CodeType]:
    """Own code and rewritten code of all functions in a statement."""
    found: dict[CodeType, CodeType] = {}
    try:
        before = _code_of([*source.imports, source.statement], filename, flags)
        rewriter = _Rewriter(filename)
        new = rewriter.visit(deepcopy(source.statement))
        after = _code_of([*source.imports, new], filename, flags)
    except (SyntaxError, RecursionError):  # an `await` at the top of a notebook
        return found
    _match(before, _with_helpers(after, _HELPERS | rewriter.loops), found)
    return found


def _match(before: CodeType, after: CodeType, found: dict[CodeType, CodeType]) -> None:
    """Code inside of code, in the same places of both."""
    inside = [[x for x in code.co_consts if isinstance(x, CodeType)] for code in (before, after)]
    if len(inside[0]) == len(inside[1]):
        for one, other in zip(*inside):
            if one != other:
                found[one] = other
            _match(one, other, found)


def _with_helpers(code: CodeType, helpers: Mapping[str, Any]) -> CodeType:
    """The helpers in the place of the texts that stand for them."""
    constants = [
        _with_helpers(x, helpers) if isinstance(x, CodeType) else helpers.get(x, x) if isinstance(x, str) else x
        for x in code.co_consts
    ]
    return code.replace(co_consts=tuple(constants))


def _code_for(function: FunctionType) -> CodeType | None:
    """The rewritten code of a function; None if it is as it was, or cannot be had."""
    code = function.__code__
    source = _source(code) if _has_work(code) else None
    if source is None:
        return None
    new = _pairs(source, code.co_filename, code.co_flags & _FUTURE).get(code)
    return new if new is not None and new.co_freevars == code.co_freevars else None


@lru_cache(maxsize=10_000)
def _has_work(code: CodeType) -> bool:
    """Whether there may be something to rewrite in a piece of code."""
    inside = [x for x in code.co_consts if isinstance(x, CodeType)]
    return not _REWRITTEN.isdisjoint(code.co_code[::2]) or any(map(_has_work, inside))


# ---- for the time of a recording -------------------------------------------------------------------------------------
_lock = threading.RLock()
renew_in_child(sys.modules[__name__], "_lock", threading.RLock)
_own: dict[FunctionType, tuple[CodeType, int]] = {}  # of those that run rewritten code now; by how many


@contextmanager
def rewritten(functions: Sequence[FunctionType]) -> Iterator[None]:
    """For the time of a ``with`` block these functions run rewritten code."""
    changed: list[FunctionType] = []
    try:
        with _lock:
            for function in functions:
                if function in _own:
                    own, count = _own[function]
                    _own[function] = own, count + 1
                    changed.append(function)
                elif (new := _code_for(function)) is not None:
                    _own[function] = function.__code__, 1
                    changed.append(function)
                    function.__code__ = new
                elif _has_work(function.__code__):
                    check_names(function)
        yield
    finally:
        with _lock:
            for function in changed:
                own, count = _own.pop(function)
                if count > 1:
                    _own[function] = own, count - 1
                else:
                    function.__code__ = own


def codes_of(functions: Sequence[FunctionType]) -> list[CodeType]:
    """The code of functions as it was written, also while another thread records them."""
    if not _own:
        return list(map(_code, functions))
    with _lock:
        return [_own[function][0] if function in _own else function.__code__ for function in functions]
