"""The engine in forty lines, to read before the real one: a table of operations, a node and a walk.

>>> a, b = Node(-4.0), Node(2.0)
>>> c = a * b + b**3
>>> backward(c)
>>> c.data, a.grad, b.grad           # ∂c/∂a = b, and ∂c/∂b = a + 3b²
(0.0, 2.0, 8.0)

This file is for reading: nothing imports it, and it has no type annotations, since its readers may not know them yet.
The real engine has the same three parts, in ``ops.py``, ``value.py`` and ``graph.py``.  It can do more:

- Its rows work for every float: neither ``log(0)`` nor ``exp(1000)`` raises.
- It has derivatives of derivatives, because a row computes with nodes as well as with floats.
- Its walk does not recurse, so that a graph may be a million nodes deep.
- The gradients of its leaves add up over several calls of ``backward``.
"""

import math

# The table: all the calculus of this engine.  A row holds two functions.  One computes the result
# (z or y) from the operands.  The other computes one local derivative per operand.
TABLE = {
    "add": (lambda x, y: x + y, lambda z, x, y: (1.0, 1.0)),
    "mul": (lambda x, y: x * y, lambda z, x, y: (y, x)),
    "pow": (lambda x, n: x**n, lambda z, x, n: (n * x ** (n - 1), 0.0)),  # the exponent is a constant
    "exp": (math.exp, lambda y, x: (y,)),
    "log": (math.log, lambda y, x: (1.0 / x,)),
    "tanh": (math.tanh, lambda y, x: (1.0 - y * y,)),
}


# The node: a number that remembers its parents, which are the nodes that it was computed from,
# and its local derivative with respect to each parent.
class Node:
    def __init__(self, data, parents=(), partials=()):
        self.data, self.grad, self.parents, self.partials = data, 0.0, parents, partials

    def __add__(self, other):
        return apply("add", self, other)

    def __mul__(self, other):
        return apply("mul", self, other)

    def __pow__(self, exponent):
        return apply("pow", self, exponent)

    __radd__, __rmul__ = __add__, __mul__  # for 2 + x and 2 * x


# An operation looks up its row, computes the result and the local derivatives, and records both
# in a new node.
def apply(name, *operands):
    value, partials = TABLE[name]
    parents = tuple(x if isinstance(x, Node) else Node(x) for x in operands)
    numbers = [parent.data for parent in parents]
    result = value(*numbers)
    return Node(result, parents, partials(result, *numbers))


# The walk.  First it lists all nodes that the root depends on, each node after its parents …
def topological_order(root):
    order = {}  # a dictionary keeps the order, and tells at once whether a node is in it

    def visit(node):
        if node not in order:
            for parent in node.parents:
                visit(parent)
            order[node] = None

    visit(root)
    return list(order)


# … and then it goes from the root back to the leaves.  Every node passes its gradient, times the
# local derivative, on to each of its parents: the chain rule.
def backward(root):
    order = topological_order(root)
    for node in order:
        node.grad = 0.0
    root.grad = 1.0
    for node in reversed(order):
        for parent, partial in zip(node.parents, node.partials):
            parent.grad += node.grad * partial
