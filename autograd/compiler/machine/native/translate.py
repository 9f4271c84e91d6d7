"""Functions of words and doubles, written in a few words of Python, as LLVM IR.

    def total(xs, count) -> float:
        sum = 0.0
        for i in range(count):
            sum = sum + double[xs + 8 * i]
        return sum

A value is a *word* of 64 bits, which may be an address, or a *double*.  An argument or a result that is annotated
``float`` is a double, a function with the result ``None`` has none, and all else is a word.

    word[address], double[address]        what is in memory, to read it or to assign to it
    int32[address], byte[address]         the same of fewer bits, which become a word
    room(n)                               the address of n words of the function's own
    word.call(address, ...)               calls a function that is known by its address
    double.call, int32.call, none.call    the same for one with another result
    abs(x), exp(x), log1p(x)              of a double
    int(x), float(n)                      a double as a word, rounded towards 0, and a word as a double

Besides these there are assignments, ``if``, ``while``, ``for … in range``, ``break``, ``continue``, ``return``, the
operators ``+ - *``, of doubles ``/``, of words ``& | >>``, comparisons (of words with a sign), ``and``, ``or`` and
``not`` in conditions, and calls of the functions in the same text.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from textwrap import dedent

from autograd.compiler.machine.native.code import Functions, Lines, literal

_KINDS = {"word": "i64", "double": "double", "int32": "i32", "byte": "i8", "none": "void"}
_OPERATORS: dict[type, tuple[str, str]] = {  # of words, and of doubles
    ast.Add: ("add", "fadd"), ast.Sub: ("sub", "fsub"), ast.Mult: ("mul", "fmul"), ast.Div: ("", "fdiv"),
    ast.BitAnd: ("and", ""), ast.BitOr: ("or", ""), ast.RShift: ("lshr", ""), ast.Eq: ("icmp eq", "fcmp oeq"),
    ast.NotEq: ("icmp ne", "fcmp une"), ast.Lt: ("icmp slt", "fcmp olt"), ast.LtE: ("icmp sle", "fcmp ole"),
    ast.Gt: ("icmp sgt", "fcmp ogt"), ast.GtE: ("icmp sge", "fcmp oge"),
}  # fmt: skip
_CONVERSIONS = {"int": ("word", "fptosi double", "i64"), "float": ("double", "sitofp i64", "double")}


def translated(text: str, name: str, words: Mapping[str, int | float], functions: Functions) -> str:
    """The IR of some functions.

    Args:
        text: The functions; the others are there for the first one.
        name: What the first one is called.
        words: Names in the text that stand for numbers.
        functions: The mathematical functions of the module.
    """
    trees = [x for x in ast.parse(dedent(text)).body if isinstance(x, ast.FunctionDef)]
    names = {x.name: f"{name}.{x.name}" if k else name for k, x in enumerate(trees)}
    results = {x.name: _kind(x.returns) for x in trees}
    first, *others = [_Function(x, names, results, words, functions).text() for x in trees]
    return "".join([f"define {first}", *[f"define internal {x}".replace("nounwind", "alwaysinline") for x in others]])


def _kind(annotation: ast.expr | None) -> str:
    """The kind of an argument or a result."""
    said = "" if annotation is None else ast.unparse(annotation)
    return {"float": "double", "None": "none"}.get(said, "word")


class _Function(Lines):
    """A function being written.  Its variables are in memory, from where LLVM takes them into registers."""

    def __init__(
        self,
        tree: ast.FunctionDef,
        names: Mapping[str, str],
        results: Mapping[str, str],
        words: Mapping[str, float],
        functions: Functions,
    ) -> None:
        super().__init__()
        self.tree, self.names, self.results, self.words, self.functions = tree, names, results, words, functions
        self.kinds: dict[str, str] = {}  # of the variables
        self.entry: list[str] = []
        self.loops: list[tuple[str, str]] = []  # where the next turn begins, and where the loop ends

    def text(self) -> str:
        arguments = []
        for argument in self.tree.args.args:
            kind, given = _kind(argument.annotation), f"%{argument.arg}"
            arguments.append(f"{_KINDS[kind]} {given}")
            self._put(argument.arg, kind, given)
        self._run(self.tree.body)
        result = self.results[self.tree.name]
        self.do("ret void" if result == "none" else "unreachable")
        head = f"{_KINDS[result]} @{self.names[self.tree.name]}({', '.join(arguments)}) nounwind {{"
        return "\n".join([head, *self.entry, *self.lines, "}", ""])

    # ---- statements ------------------------------------------------------------------------------------------------
    def _run(self, body: list[ast.stmt]) -> None:
        for statement in body:
            getattr(self, f"_{type(statement).__name__.lower()}")(statement)

    def _expr(self, statement: ast.Expr) -> None:
        self.value(statement.value)

    def _assign(self, statement: ast.Assign) -> None:
        (target,), (kind, x) = statement.targets, self.value(statement.value)
        if not isinstance(target, ast.Subscript):
            self._put(ast.unparse(target), kind, x)
            return
        place, stored = self._place(target), _KINDS[ast.unparse(target.value)]
        if stored in ("i8", "i32"):
            x = self.let(f"trunc i64 {x} to {stored}")
        self.do(f"store {stored} {x}, ptr {place}")

    def _put(self, name: str, kind: str, x: str) -> None:
        """Put a value into a variable."""
        if name not in self.kinds:
            self.kinds[name] = kind
            self.entry.append(f"  %{name}.at = alloca {_KINDS[kind]}")
        if self.kinds[name] != kind:
            raise TypeError(f"{name} is a {self.kinds[name]}, not a {kind}")
        self.do(f"store {_KINDS[kind]} {x}, ptr %{name}.at")

    def _if(self, statement: ast.If) -> None:
        then, other, end = self.label(), self.label(), self.label()
        self.branch(statement.test, then, other)
        for label, body in ((then, statement.body), (other, statement.orelse)):
            self.block(label)
            self._run(body)
            self.do(f"br label %{end}")
        self.block(end)

    def _while(self, statement: ast.While) -> None:
        self._loop(statement.test, statement.body, [])

    def _for(self, statement: ast.For) -> None:
        """``for i in range(first, end)``: the end is found once."""
        assert isinstance(statement.iter, ast.Call)
        *first, end = statement.iter.args
        i, last = ast.unparse(statement.target), self.label()
        self._put(i, *(self.value(first[0]) if first else ("word", "0")))
        self._put(last, *self.value(end))
        test, step = ast.parse(f"{i} < {last}", mode="eval").body, ast.parse(f"{i} = {i} + 1").body
        self._loop(test, statement.body, step)

    def _loop(self, test: ast.expr, body: list[ast.stmt], step: list[ast.stmt]) -> None:
        head, inside, further, end = [self.label() for _ in range(4)]
        self.do(f"br label %{head}")
        self.block(head)
        self.branch(test, inside, end)
        self.block(inside)
        self.loops.append((further, end))
        self._run(body)
        self.loops.pop()
        self.do(f"br label %{further}")
        self.block(further)
        self._run(step)
        self.do(f"br label %{head}")
        self.block(end)

    def _break(self, _: ast.Break) -> None:
        self._leave(f"br label %{self.loops[-1][1]}")

    def _continue(self, _: ast.Continue) -> None:
        self._leave(f"br label %{self.loops[-1][0]}")

    def _return(self, statement: ast.Return) -> None:
        kind, x = ("void", "") if statement.value is None else self.value(statement.value)
        self._leave(f"ret {_KINDS.get(kind, kind)} {x}")

    def _leave(self, line: str) -> None:
        self.do(line)
        self.block(self.label())  # of what nobody comes to

    # ---- conditions ------------------------------------------------------------------------------------------------
    def branch(self, test: ast.expr, then: str, other: str) -> None:
        """Go on at one of two blocks."""
        if isinstance(test, ast.BoolOp):
            for part in test.values[:-1]:
                here = self.label()
                self.branch(part, *((here, other) if isinstance(test.op, ast.And) else (then, here)))
                self.block(here)
            self.branch(test.values[-1], then, other)
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            self.branch(test.operand, other, then)
        else:
            assert isinstance(test, ast.Compare)
            condition = self._operation(test.ops[0], test.left, test.comparators[0])[1]
            self.do(f"br i1 {condition}, label %{then}, label %{other}")

    # ---- values ----------------------------------------------------------------------------------------------------
    def value(self, x: ast.expr) -> tuple[str, str]:
        """Kind and name of a value."""
        if isinstance(x, ast.Name) and x.id in self.words:
            x = ast.Constant(self.words[x.id])
        if isinstance(x, ast.Constant):
            return ("double", literal(x.value)) if isinstance(x.value, float) else ("word", str(x.value))
        if isinstance(x, ast.Name):
            kind = self.kinds[x.id]
            return kind, self.let(f"load {_KINDS[kind]}, ptr %{x.id}.at")
        if isinstance(x, ast.BinOp):
            return self._operation(x.op, x.left, x.right)
        if isinstance(x, ast.Subscript):
            loaded = _KINDS[ast.unparse(x.value)]
            return self._widened(loaded, self.let(f"load {loaded}, ptr {self._place(x)}"))
        if isinstance(x, ast.Call):
            return self._called(x)
        raise TypeError(f"no value: {ast.unparse(x)}")

    def _operation(self, op: ast.operator | ast.cmpop, left: ast.expr, right: ast.expr) -> tuple[str, str]:
        (kind, x), (other, y) = self.value(left), self.value(right)
        if kind != other:
            raise TypeError(f"{ast.unparse(left)} is a {kind}, {ast.unparse(right)} a {other}")
        return kind, self.let(f"{_OPERATORS[type(op)][kind == 'double']} {_KINDS[kind]} {x}, {y}")

    def _place(self, x: ast.Subscript) -> str:
        return self.let(f"inttoptr i64 {self.value(x.slice)[1]} to ptr")

    def _widened(self, kind: str, x: str) -> tuple[str, str]:
        """What was read, or what a function gave."""
        return (
            ("double", x) if kind == "double" else ("word", x if kind == "i64" else self.let(f"zext {kind} {x} to i64"))
        )

    def _called(self, x: ast.Call) -> tuple[str, str]:
        called = ast.unparse(x.func)
        if called == "room":
            self.count += 1
            self.entry.append(f"  %room{self.count} = alloca [{ast.unparse(x.args[0])} x i64]")
            return "word", self.let(f"ptrtoint ptr %room{self.count} to i64")
        given = [self.value(argument) for argument in x.args]
        if called in _CONVERSIONS:
            kind, conversion, to = _CONVERSIONS[called]
            return kind, self.let(f"{conversion} {given[0][1]} to {to}")
        if called in ("abs", "exp", "log1p"):
            symbol = self.functions.intrinsic("fabs", 1) if called == "abs" else self.functions.use(called)
            return "double", self.let(f"call double {symbol}(double {given[0][1]})")
        if called in self.names:
            result, function = _KINDS[self.results[called]], f"@{self.names[called]}"
        else:
            result, function = _KINDS[called.removesuffix(".call")], self.let(f"inttoptr i64 {given.pop(0)[1]} to ptr")
        call = f"call {result} {function}({', '.join([f'{_KINDS[kind]} {name}' for kind, name in given])})"
        if result == "void":
            self.do(call)
            return "none", ""
        return self._widened(result, self.let(call))
