"""What is printed is read back: no dialect leaves out brackets that an expression needs."""

from __future__ import annotations

import itertools
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

from autograd import Value, grad, logsumexp, ops, prod, sumprod
from autograd.compiler.python.lines import COMPILED
from autograd.compiler.textbook.matrix_form import matrix_form
from autograd.graph import topological_order
from autograd.labels import DIGITS, SUPERSCRIPTS
from autograd.viz import to_jax, to_python, to_torch
from autograd.viz.text.algebra import simplify
from autograd.viz.text.formula import Formulas
from autograd.viz.text.notation import LABELS, expression, reading_order
from autograd.viz.text.typeset import LATEX, latex, plain
from autograd.writer import PRECEDENCE, Dialect, Text
from tests.support.class_programs import Named
from tests.support.strategies import Expression, expressions

ROOT = Path(__file__).resolve().parents[2]


# ---- the one table ---------------------------------------------------------------------------------------------------
PYTHON = Dialect({ops.add: " + ", ops.sub: " - ", ops.mul: "*", ops.div: "/", ops.power: "**"})
ARITHMETIC = [*PYTHON.operators, ops.neg]


def pairs() -> Iterator[tuple[ops.Op, ops.Op, int]]:
    """Each operator inside of each operator, at each place."""
    for outer, inner in itertools.product(ARITHMETIC, repeat=2):
        for place in range(1 if outer is ops.neg else 2):
            yield outer, inner, place


@pytest.mark.parametrize("dialect", [PYTHON, COMPILED, LABELS], ids=["python", "compiled", "labels"])
@pytest.mark.parametrize(("outer", "inner", "place"), list(pairs()))
def test_every_operator_inside_of_every_operator(outer: ops.Op, inner: ops.Op, place: int, dialect: Dialect) -> None:
    if not {outer, inner} <= {*dialect.operators, ops.neg}:
        return
    numbers = {"a": 2.5, "b": 3.0, "c": 1.25, "d": 1.5}
    within = dialect.operation(inner, [Text("a"), Text("b")][: 1 if inner is ops.neg else 2])
    operands = [Text("c"), Text("d")][: 1 if outer is ops.neg else 2]
    operands[place] = within
    values = [eval(text.text, numbers.copy()) for text in operands]
    text = dialect.operation(outer, operands).text
    expected = outer.value(*values)
    found = eval(text, numbers.copy())
    assert (math.isnan(expected) and isinstance(found, complex)) or found == expected


def test_a_template_says_what_its_operands_need() -> None:
    dialect = Dialect({ops.add: " + "}, {"square": "{0:ATOM}²", "abs": "|{0}|", "gauss": "e^-{0:POWER}"})
    total = dialect.infix(ops.add, [Text("x"), Text("y")])
    assert dialect.function("square", [total]).text == "(x + y)²"
    assert dialect.function("abs", [total]).text == "|x + y|"
    assert dialect.function("own", [total, Text("z")]).text == "own(x + y, z)"
    assert LATEX.function("log1p", [LATEX.negative(Text("x"))]).text == r"\ln\left(1 + \left(-x\right)\right)"


def test_all_operators_are_in_the_table_of_precedences() -> None:
    for dialect in (LABELS, COMPILED, PYTHON):
        assert set(dialect.operators) <= set(PRECEDENCE)
    assert all(operator.level <= min(operator.first, operator.others) for operator in PRECEDENCE.values())


# ---- programs --------------------------------------------------------------------------------------------------------
def drawn(count: int, number: int = 1) -> list[Expression]:
    """The same random expressions each time."""
    found: list[Expression] = []

    @seed(number)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(expressions())
    def collect(drawn: Expression) -> None:
        found.append(drawn)

    collect()
    return found


def has_tie(root: Value) -> bool:
    """Whether the two bounds of a clip are one number, where engines disagree on its gradient."""
    clips = [node for node in topological_order(root) if node.op is ops.clip]
    return any(clip.parents[1].data == clip.parents[2].data for clip in clips)


def graph(drawn: Expression) -> tuple[Value, list[Value]]:
    leaves = [Value(x, name) for x, name in zip(drawn.inputs, "abc")]
    root = drawn(*leaves)
    return (root if isinstance(root, Value) else leaves[0] * 0 + root), leaves


def smaller() -> list[Value]:
    """Functions of operands that bind loosely, inside of what binds tightly."""
    a, b = Value(0.7, "a"), Value(-1.5, "b")
    inner = [a * b + a, a - b, -a, a * b, b]
    unary = [op for op in ops.TABLE.values() if type(op) is ops.Unary and op.name != "identity"]
    found: list[Any] = [op(x) for op in unary if op.name != "acosh" for x in inner[:2]]
    found += [x.leaky_relu(a - b) for x in inner] + [x.elu(a + 1.0) for x in inner]
    found += [op(x, a) for op in ops.COMPARISONS for x in inner]
    found = [f for f in found if math.isfinite(f.data)]
    around: list[Callable[[Any], Any]] = [
        lambda x: a / (x + 3.0) - (x - a), lambda x: a / x**2 if x.data else x * a, lambda x: -x * b,
    ]  # fmt: skip
    return [build(x) for x in found for build in around]


PRINT = {
    to_python: "results.append((y.data, [v.grad for v in ({names},)]))",
    to_torch: "results.append((y.item(), [0.0 if v.grad is None else v.grad.item() for v in ({names},)]))",
    to_jax: "results.append((float(y), [float(gradient) for gradient in gradients]))",
}


@pytest.mark.parametrize(
    ("write", "library", "count"), [(to_python, "autograd", 120), (to_torch, "torch", 120), (to_jax, "jax", 12)]
)
def test_programs_give_the_numbers_of_the_graph(write: Callable[[Value], str], library: str, count: int) -> None:
    pytest.importorskip(library)
    programs, expected = ["results = []"], []
    graphs = [graph(found)[0] for found in drawn(count)] + smaller()[:: 1 if write is not to_jax else 29]
    for root in graphs:
        inputs = [node for node in reading_order(root) if not node.parents and node.op is not ops.constant]
        if not inputs or root in inputs or has_tie(root):
            continue
        *lines, last = write(root).splitlines()
        assert last.startswith("print(")
        names = re.search(r"for v in \((.*),?\)\]\)", last)
        lines[-1] = lines[-1] if write is to_jax else f"if getattr(y, 'requires_grad', True): {lines[-1]}"
        programs += [*lines, PRINT[write].format(names=names[1].rstrip(",") if names else "")]
        expected.append((root.data, list(grad(root, inputs))))
    code = "\n".join([*programs, "import json", "print(json.dumps(results))"])
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert len(results) == len(expected) > count
    for (value, gradients), (number, derivatives) in zip(results, expected):
        assert value == pytest.approx(number, rel=1e-9, abs=1e-12)
        assert gradients == pytest.approx(derivatives, rel=1e-7, abs=1e-9)


# ---- labels ----------------------------------------------------------------------------------------------------------
@given(expressions())
def test_the_label_of_an_expression_is_read_back_by_python(drawn: Expression) -> None:
    root, _ = graph(drawn)
    texts: dict[Value, Text] = {}
    for node in topological_order(root):
        texts[node] = Text(node.label) if node.label else expression(node, [texts[x] for x in node.parents], ".17g")
    names: dict[str, Any] = {op.symbol: op for op in ops.TABLE.values()}
    names |= {node.label: node.data for node in texts if node.label} | {"inf": math.inf, "nan": math.nan}
    assert eval(texts[root].text, names) == pytest.approx(root.data, rel=1e-9, abs=1e-12)


# ---- formulas --------------------------------------------------------------------------------------------------------
ONE: dict[str, Callable[[Value], Value]] = {
    "neg": lambda x: -x, "half": lambda x: x / 2, "far": lambda x: x * 1e-9, "less": lambda x: x - 3,
    "square": lambda x: x**2, "inverse": lambda x: (x**2 + 1) ** -1, "root": lambda x: (x**2 + 1) ** 0.5,
    "cube": lambda x: (x**2 + 1).cbrt(), "two": lambda x: 2 ** x.tanh(), "sin": lambda x: x.sin(),
    "exp": lambda x: (-x * x).exp(), "tanh": lambda x: x.tanh(), "abs": lambda x: x.abs(),
    "sigmoid": lambda x: x.sigmoid(), "log": lambda x: (x**2 + 1).log(),
}  # fmt: skip
TWO: dict[str, Callable[[Value, Value], Value]] = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y,
    "div": lambda x, y: x / (y.square() + 1), "hypot": lambda x, y: x.hypot(y), "max": lambda x, y: x.maximum(y),
    "power": lambda x, y: (x**2 + 1) ** y.sin(), "soft": lambda x, y: logsumexp([x.sin(), y.sin()]),
    "dot": lambda x, y: sumprod([x, y, x], [y, -x, 0.5], y), "prod": lambda x, y: prod([x, y, -y]),
}  # fmt: skip
NAMES = ("a", "e1", "w²₁₃", "x1")


@st.composite
def graphs(draw: st.DrawFn) -> Value:
    nodes: list[Value] = [Value(draw(st.integers(-30, 30)) / 8, name) for name in NAMES]
    for _ in range(draw(st.integers(1, 7))):
        x, y = [nodes[max(draw(st.integers(0, len(nodes) - 1)) for _ in "12")] for _ in "xy"]
        name = draw(st.sampled_from([*ONE, *TWO]))
        node = ONE[name](x) if name in ONE else TWO[name](x, y)
        nodes.append(node if abs(node.data) < 1e3 else node * 1e-3)
    return nodes[-1]


TOKEN = re.compile(
    r"\\left\\l?floor|\\right\\r?floor|\\left[(|]|\\right[)|]|\\(?:operatorname|mathrm)\{\w+\}|\\[a-z]+|"
    r"[a-z](?:\^\{\d+\}_\{\d+\}|_\{\d+\})|\d+(?:\.\d+)?|[a-z]|\S"
)
FUNCTIONS = {
    r"\sin": math.sin, r"\tanh": math.tanh, r"\ln": math.log, r"\sigma": lambda x: 1 / (1 + math.exp(-x)), r"\max": max,
}  # fmt: skip


class Latex:
    """A reader of formulas in LaTeX: juxtaposition binds as a product, and a sign belongs to a whole term."""

    def __init__(self, text: str, names: dict[str, float]) -> None:
        self.tokens, self.names = [*TOKEN.findall(text), "end"], names

    def value(self) -> float:
        result = self.sum()
        assert self.tokens == ["end"], self.tokens
        return result

    def take(self, *expected: str) -> str:
        token = self.tokens.pop(0)
        assert not expected or token in expected, (token, expected, self.tokens)
        return token

    def sum(self) -> float:
        total = self.signed()
        while self.tokens[0] in "+-":
            total += self.term() if self.take() == "+" else -self.term()
        return total

    def signed(self) -> float:
        if self.tokens[0] == "-":
            self.take()
            return -self.term()
        return self.term()

    def term(self) -> float:
        result = self.power()
        while self.tokens[0] not in ("+", "-", "}", ",", "end", r"\right)", r"\right|", "/"):
            if self.tokens[0] == r"\cdot":
                self.take()
            result *= self.power()
        return result

    def power(self) -> float:
        base = self.atom()
        if self.tokens[0] == "^":
            self.take()
            return float(base ** self.group())
        return base

    def group(self) -> float:
        self.take("{")
        result = self.sum()
        if self.tokens[0] == "/":
            self.take()
            result /= self.sum()
        self.take("}")
        return result

    def atom(self) -> float:
        token = self.take()
        if token == r"\left(":
            result = self.sum()
            self.take(r"\right)")
        elif token == r"\left|":
            result = abs(self.sum())
            self.take(r"\right|")
        elif token == r"\frac":
            above = self.group()
            result = above / self.group()
        elif token == r"\sqrt":
            degree = 2
            if self.tokens[0] == "[":
                degree = int("".join([self.take("["), self.take(), self.take("]")])[1:-1])
            result = self.group()
            result = math.copysign(abs(result) ** (1 / degree), result)
        elif token in FUNCTIONS:
            self.take(r"\left(")
            arguments = [self.sum()]
            while self.take(",", r"\right)") == ",":
                arguments.append(self.sum())
            result = FUNCTIONS[token](*arguments)
        elif token == "e" and self.tokens[0] == "^":
            result = math.e
        else:
            result = self.names[token] if token in self.names else float(token)
        return result


@settings(max_examples=300)
@given(graphs())
def test_formulas_in_latex_are_read_back(root: Value) -> None:
    formulas = Formulas(topological_order(root), ".17g")
    names = {symbol.name: symbol.value for symbol in formulas.symbols.values()}
    written = formulas.expression(root)
    for formula, numbers in itertools.product((written, simplify(written)), (False, True)):
        text = latex(formula, numbers=numbers, spec=".17g")
        assert Latex(text, names).value() == pytest.approx(root.data, rel=1e-7, abs=1e-7), text


def as_python(text: str) -> str:
    """A formula in plain text as Python."""

    def power(found: re.Match[str]) -> str:
        return f"**({found[0].replace('⁻', '-').translate(DIGITS)})"

    def root(found: re.Match[str]) -> str:
        name = "sqrt" if found[1] == "√" else "cbrt"
        return f"{name}(" if found[2] == "(" else f"{name}({found[2]})"

    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text.replace("w²₁₃", "w2_13"))
    text = re.sub(f"⁻?[{SUPERSCRIPTS}]+", power, text)
    text = re.sub(r"([√∛])(\w[\w.]*|\()", root, text).replace("·", "*").replace("^", "**")
    return re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)(?=(?!e-?\d)[a-z])", r"\1*", text)  # 3b


READ: dict[str, Any] = {
    "ln": math.log, "σ": FUNCTIONS[r"\sigma"], "max": max, "exp": math.exp, "sin": math.sin, "tanh": math.tanh,
    "sqrt": math.sqrt, "cbrt": ops.cbrt, "hypot": math.hypot, "abs": abs, "logsumexp": ops.log_sum_exp,
}  # fmt: skip


@settings(max_examples=300)
@given(graphs())
def test_formulas_in_plain_text_are_read_back(root: Value) -> None:
    formulas = Formulas(topological_order(root), ".17g", name_of=str)
    assume(all(node.label for node in formulas.symbols))  # parts without a label are named in LaTeX only
    names = READ | {as_python(symbol.name): symbol.value for symbol in formulas.symbols.values()}
    written = formulas.expression(root)
    for formula, numbers in itertools.product((written, simplify(written)), (False, True)):
        text = plain(formula, numbers=numbers, spec=".17g")
        code = as_python(text)
        assert eval(code, dict(names)) == pytest.approx(root.data, rel=1e-7, abs=1e-7), text


# ---- the matrix form -------------------------------------------------------------------------------------------------
@st.composite
def functions(draw: st.DrawFn) -> Callable[[Any, Any], Any]:
    """Functions of two numbers."""
    place = st.integers(0, 7)
    steps = draw(st.lists(st.tuples(st.sampled_from([*ONE, *TWO]), place, place), min_size=1, max_size=6))

    def f(a: Any, b: Any) -> Any:
        nodes = [a, b]
        for name, i, k in steps:
            x, y = nodes[-1 - i % len(nodes)], nodes[-1 - k % len(nodes)]
            nodes.append(ONE[name](x) if name in ONE else TWO[name](x, y))
        return nodes[-1] + 0.25 * a

    return f


@settings(max_examples=150, deadline=None)
@given(functions(), st.integers(-12, 12), st.integers(-12, 12))
def test_lines_of_the_matrix_form_are_read_back(f: Callable[[Any, Any], Any], i: int, k: int) -> None:
    a, b = i / 8 + 0.01, k / 8 + 0.02
    expected = f(Value(a), Value(b)).data
    assume(abs(expected) < 1e4)
    values: dict[str, Any] = READ | {"a": a, "b": b, "square": ops.square, "prod": ops.product_of, "sum": ops.sum_of}
    values |= {name: ops.TABLE[name].value for name in ("maximum", "log", "exp", "power")}
    program = Named(f, [a, b], ()).shown
    assume(all(array.size == 1 for array in program.arrays))  # rows of a column need a reader of indices
    lines = matrix_form(program).splitlines()
    assume(not any("…" in line for line in lines))  # a loop needs a reader of loops
    for line in lines:
        name, _, text = line.partition(" = ")
        if text:
            code = re.sub(r"(?<=[\w.)]) (?=[\w(])", "*", text.replace("−", "-").replace("^", "**"))
            values[name] = eval(code, values)
    assert values["J"] == pytest.approx(expected, rel=1e-4, abs=1e-4)  # numbers are printed with six digits


def test_a_comparison_inside_of_a_sum_is_in_brackets() -> None:
    lines = matrix_form(Named(lambda x, y: ops.less(x, y) + y, [1.0, 2.0], ()).shown).splitlines()
    assert "J = (x < y) + y" in lines


def test_a_number_that_is_added_several_times_is_multiplied() -> None:
    lines = matrix_form(Named(lambda x, y: (x + x + x).sin() + y, [1.0, 2.0], ()).shown).splitlines()
    assert lines[-2] == "J = sin(3 x) + y"
