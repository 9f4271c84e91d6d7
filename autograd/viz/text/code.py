"""A recorded graph as a program, for this package, PyTorch or JAX."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from autograd import ops
from autograd.graph import topological_order
from autograd.labels import identifier, label_of
from autograd.ops import Op
from autograd.value import Value
from autograd.viz.text.notation import ARITHMETIC, nodes_of, reading_order, shorten
from autograd.writer import Dialect, Level, Text

LONGEST_INLINE = 60  # a part used once is written where it is used if it is no longer than this
RESERVED = {"autograd", "torch", "jax", "jnp", "math", "f", "v", "gradient", "gradients", "sum", "print", "float"}


@dataclass(frozen=True)
class Library(Dialect):
    """The dialect of a library."""

    operators: Mapping[Op, str] = field(default_factory=lambda: ARITHMETIC)
    apart: bool = True
    caller: str = ""  # the function that writes it, for error messages
    constant: str = "{}"  # a plain number where a function wants one of the library's own kind


def _same(prefix: str, names: str) -> dict[str, str]:
    return {name: f"{prefix}{name}({{all}})" for name in names.split()}


PYTHON = Library(
    caller="to_python",
    functions={
        **_same("autograd.", "exp expm1 log log1p log2 log10 sqrt cbrt square sin cos tan asin acos atan sinh cosh"),
        **_same("autograd.", "tanh asinh acosh atanh erf sigmoid softplus silu gelu relu leaky_relu elu abs sign"),
        **_same("autograd.", "floor round identity atan2 hypot logaddexp maximum minimum clip"),
        "fsum": "autograd.fsum([{all}])", "prod": "autograd.prod([{all}])", "logsumexp": "autograd.logsumexp([{all}])",
        **_same("autograd.ops.", "gauss normal_pdf normal_cdf step less less_equal equal select detached take largest"),
    },
)  # fmt: skip
TORCH = Library(
    caller="to_torch",
    constant="torch.tensor({}, dtype=torch.float64)",
    functions={
        **_same("torch.", "exp expm1 log log1p log2 log10 sqrt square sin cos tan asin acos atan sinh cosh tanh"),
        **_same("torch.", "asinh acosh atanh erf sigmoid relu abs sign floor round atan2 hypot logaddexp"),
        **_same("torch.", "maximum minimum"),
        **_same("torch.nn.functional.", "softplus silu gelu"),
        "cbrt": "torch.sign({0})*torch.abs({0})**(1/3)", "identity": "{0:ATOM}", "detached": "{0:ATOM}.detach()",
        "leaky_relu": "torch.where({0} > 0, {0}, {1:PRODUCT}*{0:SIGN})",
        "elu": "torch.where({0} > 0, {0}, {1:PRODUCT}*torch.expm1({0}))",
        "clip": "torch.clamp({all})", "fsum": "torch.stack([{all}]).sum()", "prod": "torch.stack([{all}]).prod()",
        "logsumexp": "torch.logsumexp(torch.stack([{all}]), 0)", "gauss": "torch.exp(-{0:ATOM}**2)",
        "normal_pdf": "torch.exp(-{0:ATOM}**2/2)/math.sqrt(2*math.pi)", "normal_cdf": "torch.special.ndtr({0})",
        "step": "({0} > 0).double()", "select": "torch.where({0:SUM} != 0, {1}, {2})",
        "take": "torch.stack([{all}])[{0:ATOM}.int() + 1]", "largest": "torch.stack([{all}]).max().detach()",
        "less": "({0} < {1}).double()", "less_equal": "({0} <= {1}).double()", "equal": "({0} == {1}).double()",
    },
    loose=dict.fromkeys(("cbrt", "normal_pdf"), Level.PRODUCT),
)  # fmt: skip
JAX = Library(
    caller="to_jax",
    constant="jnp.float64({})",
    functions={
        **_same("jnp.", "exp expm1 log log1p log2 log10 sqrt cbrt square sin cos tan sinh cosh tanh abs sign floor"),
        **_same("jnp.", "round hypot logaddexp maximum minimum clip"),
        "asin": "jnp.arcsin({0})", "acos": "jnp.arccos({0})", "atan": "jnp.arctan({0})", "atan2": "jnp.arctan2({all})",
        "asinh": "jnp.arcsinh({0})", "acosh": "jnp.arccosh({0})", "atanh": "jnp.arctanh({0})",
        **_same("jax.nn.", "sigmoid softplus silu relu leaky_relu elu"),
        **_same("jax.scipy.special.", "erf"),
        "gelu": "jax.nn.gelu({0}, approximate=False)", "detached": "jax.lax.stop_gradient({0})",
        "identity": "{0:ATOM}", "normal_cdf": "jax.scipy.special.ndtr({0})",
        "fsum": "sum([{all}])", "prod": "jnp.prod(jnp.stack([{all}]))", "gauss": "jnp.exp(-{0:ATOM}**2)",
        "logsumexp": "jax.scipy.special.logsumexp(jnp.stack([{all}]))", "step": "jnp.where({0} > 0, 1.0, 0.0)",
        "normal_pdf": "jnp.exp(-{0:ATOM}**2/2)/jnp.sqrt(2*jnp.pi)", "select": "jnp.where({0} != 0, {1}, {2})",
        "take": "jnp.stack([{all}])[jnp.int32({0}) + 1]",
        "largest": "jax.lax.stop_gradient(jnp.max(jnp.stack([{all}])))",
        "less": "1.0*({0} < {1})", "less_equal": "1.0*({0} <= {1})", "equal": "1.0*({0} == {1})",
    },
    loose=dict.fromkeys(("less", "less_equal", "equal", "normal_pdf"), Level.PRODUCT),
)  # fmt: skip


def to_python(root: Value) -> str:
    """A program that computes an output and its gradients with this package.

    Raises:
        ValueError: The graph has a primitive of your own, which only your program knows.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> print(to_python(a * b + b**3))
    import autograd
    <BLANKLINE>
    a = autograd.Value(-4.0, 'a')
    b = autograd.Value(2.0, 'b')
    y = a*b + b**3
    y.backward()
    print(y.data, [v.grad for v in (a, b)])
    """
    code = _Code(root, PYTHON)
    made = [f"{name} = autograd.Value({_real(v.data)}, {shorten(label_of(v))!r})" for v, name in code.inputs.items()]
    return _differentiated(["import autograd", "", *made], code, ".data", ".grad")


def to_torch(root: Value) -> str:
    """The same program for PyTorch, in double precision: see ``to_python``.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> print(to_torch(a * b.sin()))
    import math
    import torch
    <BLANKLINE>
    a = torch.tensor(-4.0, dtype=torch.float64, requires_grad=True)
    b = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    y = a*torch.sin(b)
    y.backward()
    print(y.item(), [v.grad.item() for v in (a, b)])
    """
    code = _Code(root, TORCH)
    kind = "dtype=torch.float64, requires_grad=True"
    made = [f"{name} = torch.tensor({_real(leaf.data)}, {kind})" for leaf, name in code.inputs.items()]
    return _differentiated(["import math", "import torch", "", *made], code, ".item()", ".grad.item()")


def _differentiated(start: list[str], code: _Code, number: str, gradient: str) -> str:
    """A program that calls ``backward`` and prints the result with its gradients."""
    inputs = _tuple(code.inputs.values())
    last = [f"{code.output}.backward()", f"print({code.output}{number}, [v{gradient} for v in ({inputs})])"]
    return "\n".join([*start, *code.statements, *last])


def to_jax(root: Value) -> str:
    """The same program for JAX, in double precision: see ``to_python``.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> print(to_jax(a * b.sin()))
    import jax
    import jax.numpy as jnp
    <BLANKLINE>
    jax.config.update("jax_enable_x64", True)
    <BLANKLINE>
    def f(a, b):
        y = a*jnp.sin(b)
        return y
    <BLANKLINE>
    y, gradients = jax.value_and_grad(f, argnums=(0, 1))(-4.0, 2.0)
    print(float(y), [float(gradient) for gradient in gradients])
    """
    code = _Code(root, JAX)
    numbers = [_real(leaf.data) for leaf in code.inputs]
    return "\n".join([
        "import jax", "import jax.numpy as jnp", "", 'jax.config.update("jax_enable_x64", True)', "",
        f"def f({', '.join(code.inputs.values())}):",
        *[f"    {statement}" for statement in code.statements], f"    return {code.output}", "",
        f"{code.output}, gradients = jax.value_and_grad(f, argnums=({_tuple(map(str, range(len(numbers))))}))"
        f"({', '.join(numbers)})",
        f"print(float({code.output}), [float(gradient) for gradient in gradients])",
    ])  # fmt: skip


class _Code:
    """The statements that compute a graph: one for each node that has a label, is used more than once, or is long."""

    def __init__(self, root: Value, library: Library) -> None:
        (root,) = nodes_of(root, library.caller)
        self.library = library
        self.taken = set(RESERVED)
        self.statements: list[str] = []
        order = topological_order(root)
        leaves = [node for node in reading_order(root) if not node.parents and node.op is not ops.constant]
        self.inputs = {node: self._name(label_of(node) or "x") for node in leaves}  # those that are no plain numbers
        self.output = self.inputs[root] if root in self.inputs else self._name(label_of(root) or "y")
        self.names = {**self.inputs, root: self.output}
        self.depends = set(leaves)  # all else is a plain number
        self.text = {node: Text(name) for node, name in self.inputs.items()}
        uses = Counter([parent for node in order for parent in node.parents])
        for node in order:
            if node not in self.inputs:
                self._add(node, bool(node.parents and label_of(node)) or uses[node] > 1 or node is root)

    def _add(self, node: Value, is_named: bool) -> None:
        if not self.depends.isdisjoint(node.parents):
            self.depends.add(node)
        written = self._written(node)
        if (node in self.depends and (is_named or len(written.text) > LONGEST_INLINE)) or node in self.names:
            name = self.names.get(node) or self._name(label_of(node) or f"v{len(self.statements) + 1}")
            self.statements.append(f"{name} = {written}")
            written = Text(name)
        self.text[node] = written

    def _written(self, node: Value) -> Text:
        if node not in self.depends:
            return self.library.number(_number(node.data))
        operands = [self.text[parent] for parent in node.parents]
        if node.op in ARITHMETIC or node.op in (ops.neg, ops.sum_of_products):
            return self.library.operation(node.op, operands)
        if node.op.name not in self.library.functions or node.op is not ops.TABLE[node.op.name]:
            raise ValueError(f"{self.library.caller} cannot write the primitive {node.op.name!r}, which is your own")
        constant = self.library.constant
        given = [x if p in self.depends else Text(constant.format(x)) for p, x in zip(node.parents, operands)]
        return self.library.function(node.op.name, given)

    def _name(self, label: str) -> str:
        """An identifier of its own for a label: w²₁₃ becomes w2_13."""
        base = identifier(label) or "_"
        candidates = itertools.chain([base], (f"{base}_{i}" for i in itertools.count(2)))
        name = next(candidate for candidate in candidates if candidate not in self.taken)
        self.taken.add(name)
        return name


def _number(x: float) -> str:
    """A number as Python reads it back."""
    if not math.isfinite(x):
        return f'float("{x}")'
    return str(int(x)) if x.is_integer() and abs(x) < 1e15 and math.copysign(1.0, x) > 0 else repr(x)


def _real(x: float) -> str:
    """The number of an input, which has a decimal point."""
    return repr(x) if math.isfinite(x) else _number(x)


def _tuple(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed) + ("," if len(listed) == 1 else "")
