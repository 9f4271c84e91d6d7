"""Functions as programs over classes with all their gradients, and the same numbers from the engine."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import autograd
from autograd import Value, fsum, logsumexp, prod, where
from autograd.compiler.pipeline import assemble_by_name
from autograd.compiler.program.classes import Kind, Program
from autograd.compiler.program.differentiate import differentiate
from autograd.compiler.program.group import group
from autograd.compiler.recording.record import record
from nn import MLP, binary_cross_entropy_with_logits
from nn.losses import half_mse_loss

Function = Callable[..., Any]


class Derived:
    """The program of a function, with its value and its derivatives with respect to parameters and arguments."""

    def __init__(
        self, f: Function, args: Sequence[Any], kinds: Sequence[Kind] = (Kind.PARAMETER, Kind.ARGUMENT)
    ) -> None:
        self.recording = recording = record(f, list(args))
        self.arguments = [x.data for x in recording.arguments]
        self.parameters = [p.data for p in recording.parameters]
        leaves_of_arguments: list[Value] = []
        self.root = f(*[_values(x, leaves_of_arguments) for x in args])
        self.nodes = {Kind.PARAMETER: recording.parameters, Kind.ARGUMENT: leaves_of_arguments}
        self.wanted = [kind for kind in kinds if self.nodes[kind]]
        self.expected: list[list[float]] = [[self.root.data]]
        self.program: Program = self._programmed().verify()

    def _programmed(self) -> Program:
        """The program; what its outputs should be is added to ``expected``."""
        recording = self.recording
        groups = group([recording.outputs], recording.arguments, recording.parameters, recording.nodes)
        leaves = [leaf for kind in self.wanted for leaf in groups.leaves(kind)]
        output = groups.output(recording.outputs)
        found = differentiate(groups.builder, output, leaves)
        for kind, read, derivative in zip(self.wanted, leaves, found):
            gradients = autograd.grad(self.root, self.nodes[kind])
            data = groups.builder.arrays[read.array].data
            # A derivative that is known to be 0 is one number, however many members the leaf has.
            every = data[:1] if isinstance(derivative, float) else data
            self.expected.append([gradients[k] for k in every])
        return groups.builder.program([output, *found])


class Named(Derived):
    """The same with leaves that are told apart by their names: ``program`` runs as Python, ``shown`` is for readers."""

    def _programmed(self) -> Program:
        self.expected += [list(autograd.grad(self.root, self.nodes[kind])) for kind in self.wanted]
        return assemble_by_name(self.recording, self.wanted).program

    @property
    def shown(self) -> Program:
        return assemble_by_name(self.recording, self.wanted, by_class=True).program.verify()


def _values(x: Any, leaves: list[Value]) -> Any:
    """An argument as Values, which are noted in order."""
    if isinstance(x, list):
        return [_values(y, leaves) for y in x]
    leaves.append(Value(x))
    return leaves[-1]


def numbers(count: int, seed: int = 7) -> list[float]:
    rng = random.Random(seed)
    return [rng.uniform(-1.0, 1.0) for _ in range(count)]


def matrix(rows: int, columns: int, seed: int = 3) -> list[list[Value]]:
    values = iter(numbers(rows * columns, seed))
    return [[Value(next(values)) for _ in range(columns)] for _ in range(rows)]


def linear(x: Sequence[Any], weights: Sequence[Sequence[Any]]) -> list[Any]:
    return [sum(w * v for w, v in zip(row, x)) for row in weights]


def softmax(z: Sequence[Any]) -> list[Any]:
    exponentials = [v.exp() for v in z]
    total = sum(exponentials)
    return [v / total for v in exponentials]


def network_loss(model: MLP, samples: int, nin: int, nout: int) -> tuple[Function, list[float]]:
    """The mean loss of a model as a function of all inputs and targets in one list, and such a list."""
    width = nin + nout

    def loss(*flat: Any) -> Any:
        outputs, targets = [], []
        for k in range(0, samples * width, width):
            x, y = flat[k : k + nin], flat[k + nin : k + width]
            for j, (value, target) in enumerate(zip([*x, *y], [*"x" * nin, *"y" * nout])):
                value.label = f"{target}{'₁₂₃₄₅₆₇₈₉'[j if j < nin else j - nin]}"
            out = model(list(x))
            outputs.append(out if nout > 1 else [out])
            targets.append(list(y))
        return fsum([half_mse_loss(a, y) for a, y in zip(outputs, targets)])

    return loss, numbers(samples * width)


# ---- programs that people write --------------------------------------------------------------------------------------
def scalars() -> tuple[Function, list[Any]]:
    def f(x: Any, y: Any, z: Any) -> Any:
        a = (x * y).sin() + z.exp() * x
        return (a * a + where(x > 0, x.log(), y) * z) / (1.0 + y * y) + a.tanh()

    return f, [0.5, -0.3, 0.2]


def network(samples: int = 9) -> tuple[Function, list[Any]]:
    model = MLP(2, [5, 4, 1], activation="tanh", seed=0)

    def loss(X: Any, y: Any) -> Any:
        return sum(binary_cross_entropy_with_logits(model(x), t) for x, t in zip(X, y)) / len(X)

    return loss, [[numbers(2, k) for k in range(samples)], [float(k % 2) for k in range(samples)]]


def recurrence(steps: int = 7) -> tuple[Function, list[Any]]:
    W, U, b, out = matrix(5, 3), matrix(5, 5, 4), matrix(1, 5, 5)[0], matrix(1, 5, 6)[0]

    def loss(xs: Any, y: Any) -> Any:
        h: list[Any] = [0.0] * 5
        for x in xs:
            h = [(u + v + c).tanh() for u, v, c in zip(linear(x, W), linear(h, U), b)]
        return (sum(a * c for a, c in zip(out, h)) - y) ** 2

    return loss, [[numbers(3, k) for k in range(steps)], 0.5]


def attention(tokens: int = 6, width: int = 4) -> tuple[Function, list[Any]]:
    queries, keys, values = matrix(width, width, 1), matrix(width, width, 2), matrix(width, width, 3)

    def loss(xs: Any) -> Any:
        total, ks, vs = 0.0, [], []
        for x in xs:
            q = linear(x, queries)
            ks.append(linear(x, keys))
            vs.append(linear(x, values))
            weights = softmax([sum(a * b for a, b in zip(q, k)) / width**0.5 for k in ks])
            mixed = [sum(w * v[j] for w, v in zip(weights, vs)) for j in range(width)]
            total = total + sum(v * v for v in mixed)
        return total

    return loss, [[numbers(width, k) for k in range(tokens)]]


def convolution() -> tuple[Function, list[Any]]:
    kernels, out = [matrix(3, 3, k) for k in range(2)], matrix(1, 32, 9)[0]

    def f(image: Any) -> Any:
        features = [
            sum(k[a][b] * image[i + a][j + b] for a in range(3) for b in range(3)).relu()
            for k in kernels
            for i in range(4)
            for j in range(4)
        ]
        return sum(w * x for w, x in zip(out, features)).tanh()

    return f, [[numbers(6, k) for k in range(6)]]


def cholesky(n: int = 4) -> tuple[Function, list[Any]]:
    w = matrix(n, n)

    def f(d: Any) -> Any:
        a = [[sum(x * y for x, y in zip(w[i], w[j])) + (d[i] if i == j else 0.0) for j in range(n)] for i in range(n)]
        low: list[list[Any]] = [[0.0] * n for _ in range(n)]
        for i in range(n):
            for j in range(i + 1):
                s = a[i][j] - sum(low[i][k] * low[j][k] for k in range(j))
                low[i][j] = s.sqrt() if i == j else s / low[j][j]
        return sum(low[i][i].log() for i in range(n))

    return f, [[2.0 + x for x in numbers(n)]]


def soft_path(n: int = 4) -> tuple[Function, list[Any]]:
    """The soft minimum over all alignments of two sequences, by dynamic programming."""

    def f(a: Any, b: Any) -> Any:
        cost: dict[tuple[int, int], Any] = {(-1, -1): 0.0}
        for i in range(n):
            for j in range(n):
                ways = [cost[k] for k in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if k in cost]
                best = ways[0] if len(ways) == 1 else -logsumexp([-way for way in ways])
                cost[i, j] = (a[i] - b[j]) ** 2 + best
        return cost[n - 1, n - 1]

    return f, [numbers(n, 1), numbers(n, 2)]


def exact_sums() -> tuple[Function, list[Any]]:
    w = matrix(1, 6)[0]

    def f(X: Any) -> Any:
        rows = fsum([fsum([a * b for a, b in zip(w, x)]).tanh() for x in X])
        mixed = fsum([w[0] * w[1], *[a.sin() for a in w], X[0][0], w[2]])
        return rows + logsumexp([a * a for a in w]) + mixed * fsum(w) + fsum([fsum(w[k:]).exp() for k in range(4)])

    return f, [[numbers(6, k) for k in range(5)]]


def branches() -> tuple[Function, list[Any]]:
    w = matrix(3, 4)

    def f(X: Any) -> Any:
        total = 0.0
        for x in X:
            for z in linear(x, w):
                total = total + where(z > 0.1, z.log() * z.sqrt(), -z * 0.5)
        return total

    return f, [[numbers(4, k) for k in range(6)]]


def polynomial() -> tuple[Function, list[Any]]:
    coefficients = matrix(1, 12)[0]

    def f(xs: Any) -> Any:
        total = 0.0
        for x in xs:
            r: Any = 0.0
            for c in coefficients:
                r = r * x + c
            total = total + r * r
        return total * prod([xs[0], xs[1], xs[2]])

    return f, [numbers(5)]


def runge_kutta(steps: int = 6) -> tuple[Function, list[Any]]:
    """A pendulum with friction, in steps of fourth order."""

    def f(angle: Any, speed: Any, friction: Any) -> Any:
        def slope(state: Sequence[Any]) -> list[Any]:
            return [state[1], -state[0].sin() - friction * state[1]]

        def moved(state: Sequence[Any], by: Sequence[Any], h: float) -> list[Any]:
            return [x + h * d for x, d in zip(state, by)]

        state, h = [angle, speed], 0.1
        for _ in range(steps):
            k1 = slope(state)
            k2 = slope(moved(state, k1, h / 2))
            k3 = slope(moved(state, k2, h / 2))
            k4 = slope(moved(state, k3, h))
            state = [x + h / 6 * (a + 2 * b + 2 * c + d) for x, a, b, c, d in zip(state, k1, k2, k3, k4)]
        return state[0] ** 2 + 0.1 * state[1] ** 2

    return f, [1.0, 0.5, 0.2]


def lstm(steps: int = 4, width: int = 3) -> tuple[Function, list[Any]]:
    gates = [matrix(width, 2 + width, seed) for seed in range(4)]

    def loss(xs: Any) -> Any:
        h: list[Any] = [0.0] * width
        c: list[Any] = [0.0] * width
        for x in xs:
            i, f, o, g = [linear([*x, *h], gate) for gate in gates]
            c = [a.sigmoid() * b.tanh() + d.sigmoid() * e for a, b, d, e in zip(i, g, f, c)]
            h = [a.sigmoid() * b.tanh() for a, b in zip(o, c)]
        return sum(v * v for v in h)

    return loss, [[numbers(2, k) for k in range(steps)]]


def kalman(steps: int = 5) -> tuple[Function, list[Any]]:
    """The log-likelihood of a random walk with noise."""

    def loss(observed: Any, q: Any, r: Any) -> Any:
        mean, variance, total = 0.0, 1.0, 0.0
        for y in observed:
            variance = variance + q.exp()
            spread = variance + r.exp()
            error = y - mean
            total = total + 0.5 * (spread.log() + error * error / spread)
            gain = variance / spread
            mean = mean + gain * error
            variance = (1.0 - gain) * variance
        return total

    return loss, [numbers(steps), -1.0, -2.0]


def ragged() -> tuple[Function, list[Any]]:
    """Sentences of different lengths: the mean of their words, weighted by attention to the first one."""
    w = matrix(3, 2)

    def loss(sentences: Any) -> Any:
        total = 0.0
        for words in sentences:
            hidden = [[z.tanh() for z in linear(word, w)] for word in words]
            weights = softmax([sum(a * b for a, b in zip(h, hidden[0])) for h in hidden])
            mean = [sum(a * h[j] for a, h in zip(weights, hidden)) for j in range(3)]
            total = total + logsumexp(mean) - mean[len(words) % 3]
        return total

    return loss, [[[numbers(2, 5 * k + j) for j in range(length)] for k, length in enumerate((3, 1, 4, 1, 5))]]


def substitution(n: int = 5) -> tuple[Function, list[Any]]:
    """A triangular system, solved row by row."""
    w = matrix(n, n)

    def f(b: Any) -> Any:
        x: list[Any] = []
        for i in range(n):
            x.append((b[i] - sum(w[i][j] * x[j] for j in range(i))) / (2.0 + w[i][i]))
        return sum(v * v for v in x)

    return f, [numbers(n)]


def pooled() -> tuple[Function, list[Any]]:
    """Windows that overlap, with maximum, clip and absolute values."""
    kernel = matrix(1, 3)[0]

    def f(xs: Any) -> Any:
        smooth = [sum(k * x for k, x in zip(kernel, xs[i : i + 3])) for i in range(len(xs) - 2)]
        best = [smooth[i].maximum(smooth[i + 1]).maximum(smooth[i + 2]) for i in range(0, len(smooth) - 2, 2)]
        return sum(b.clip(-0.5, 0.5) + abs(b) * 0.1 for b in best) + fsum([s.relu() for s in smooth])

    return f, [numbers(12)]


PROGRAMS: dict[str, tuple[Function, list[Any]]] = {
    "scalars": scalars(),
    "network": network(),
    "one sample": network(1),
    "recurrence": recurrence(),
    "attention": attention(),
    "convolution": convolution(),
    "cholesky": cholesky(),
    "soft path": soft_path(),
    "exact sums": exact_sums(),
    "branches": branches(),
    "polynomial": polynomial(),
    "ODE": runge_kutta(),
    "LSTM": lstm(),
    "Kalman filter": kalman(),
    "ragged lists": ragged(),
    "substitution": substitution(),
    "pooling": pooled(),
}
