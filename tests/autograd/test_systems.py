"""The systems that a reader of backpropagation tutorials builds by hand: what the graph finds is what the formulas say.

The formulas stand here in plain floats (in matrix form with numpy), and share no code with what they are compared with.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, fsum, log, square
from nn import MLP, SGD, EarlyStopping, fit, half_mse_loss, make_line, minibatches, mse_loss

Row = list[float]


def close(found: Any, expected: Any, tolerance: float = 1e-12) -> Any:
    return found == pytest.approx(expected, rel=tolerance, abs=tolerance)


def sigma(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z))


# --- S1: a line through points, by gradient descent -----------------------------------------------------------------


def least_squares(x: Row, y: Row) -> tuple[float, float]:
    """The closed form: slope and intercept of the line with the least Σ (y − (m x + c))²."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)
    return slope, mean_y - slope * mean_x


@pytest.mark.parametrize("seed", range(5))
def test_s1_gradient_descent_reaches_the_least_squares_line(seed: int) -> None:
    X, y = make_line(20, slope=-1.5, intercept=0.75, noise=0.3, seed=seed)
    x = [sample[0] for sample in X]
    rng = random.Random(seed)
    m, c = Value(rng.uniform(-1, 1), "m"), Value(rng.uniform(-1, 1), "c")
    rate, before = 0.01, math.inf
    for _ in range(10_000):
        cost = fsum([(target - (m * a + c)) ** 2 for a, target in zip(x, y, strict=True)])
        if before - cost.data < 1e-15:
            break
        before = cost.data
        m.grad = c.grad = 0.0
        cost.backward()
        residuals = [target - (m.data * a + c.data) for a, target in zip(x, y, strict=True)]
        assert close(m.grad, -2 * sum(a * r for a, r in zip(x, residuals, strict=True)))
        assert close(c.grad, -2 * sum(residuals))
        m.data -= rate * m.grad
        c.data -= rate * c.grad
    else:
        pytest.fail("the improvement never became negligible")
    assert close((m.data, c.data), least_squares(x, y), 1e-6)


def test_s1_fit_does_the_same_and_stops_by_itself() -> None:
    X, y = make_line(20, slope=2.0, intercept=-1.0, noise=0.2, seed=3)
    line = MLP(1, [1])
    optimizer = SGD(line.parameters(), lr=0.2)  # the mean's gradient is 1/20 of the sum's: 0.01 · 20
    history = fit(
        line, X, y, loss="mse_loss", optimizer=optimizer, epochs=10_000, batch_size=None,
        early_stopping=EarlyStopping(monitor="loss", min_delta=1e-15, patience=1), progress=False,
    )  # fmt: skip
    assert len(history) < 1000
    assert "did not improve by more than 1e-15" in history.stopped
    assert close([p.data for p in line.parameters()], least_squares([a for (a,) in X], y), 1e-6)


# --- S2: a chain of single neurons ----------------------------------------------------------------------------------

SQUARED: tuple[Callable[[Any, float], Any], Callable[[float, float], float]] = (
    lambda o, y: square(o - y),
    lambda o, y: 2 * (o - y),
)
CROSS_ENTROPY: tuple[Callable[[Any, float], Any], Callable[[float, float], float]] = (
    lambda o, y: -(y * log(o) + (1 - y) * log(1 - o)),
    lambda o, y: (o - y) / (o * (1 - o)),
)


@pytest.mark.parametrize("cost", [SQUARED, CROSS_ENTROPY])
def test_s2_three_weights_in_a_chain(cost: tuple[Callable[..., Any], Callable[..., float]]) -> None:
    """o = f(w³ f(w² f(w¹ x + b¹) + b²)), no bias on the last."""
    w1, b1, w2, b2, w3 = (Value(v) for v in (0.7, -0.2, -1.3, 0.4, 2.1))
    x, y = 0.9, 1.0
    z1 = w1 * x + b1
    a1 = z1.sigmoid()
    z2 = w2 * a1 + b2
    a2 = z2.sigmoid()
    z3 = w3 * a2
    o = z3.sigmoid()
    C = cost[0](o, y)
    C.backward()

    p1 = sigma(0.7 * x - 0.2)
    p2 = sigma(-1.3 * p1 + 0.4)
    p3 = sigma(2.1 * p2)
    dC_do = cost[1](p3, y)
    do_dz3, dz3_da2, dz3_dw3 = p3 * (1 - p3), 2.1, p2
    da2_dz2, dz2_da1, dz2_dw2 = p2 * (1 - p2), -1.3, p1
    da1_dz1, dz1_dw1 = p1 * (1 - p1), x
    # the local gradients of the chain, as recorded with the nodes
    assert close(o.partials[0], do_dz3)
    assert close(z3.partials, (dz3_dw3, dz3_da2))
    assert close(a2.partials[0], da2_dz2)
    assert close(a1.partials[0], da1_dz1)
    # and their products
    assert close(w3.grad, dC_do * do_dz3 * dz3_dw3)
    assert close(b2.grad, dC_do * do_dz3 * dz3_da2 * da2_dz2)
    assert close(w2.grad, dC_do * do_dz3 * dz3_da2 * da2_dz2 * dz2_dw2)
    assert close(b1.grad, dC_do * do_dz3 * dz3_da2 * da2_dz2 * dz2_da1 * da1_dz1)
    assert close(w1.grad, dC_do * do_dz3 * dz3_da2 * da2_dz2 * dz2_da1 * da1_dz1 * dz1_dw1)


@pytest.mark.parametrize("cost", [SQUARED, CROSS_ENTROPY])
@pytest.mark.parametrize("seed", range(3))
def test_s2_three_layers_of_one_neuron_each(cost: tuple[Callable[..., Any], Callable[..., float]], seed: int) -> None:
    model = MLP(1, [1, 1, 1], activation="sigmoid", output="sigmoid", seed=seed)
    rng = random.Random(seed)
    for layer in model.layers:
        layer.neurons[0].b.data = rng.uniform(-1, 1)
    x, y = 0.4, 1.0
    model.zero_grad()
    cost[0](model([x]), y).backward()

    neurons = [layer.neurons[0] for layer in model.layers]
    a = [x]
    for neuron in neurons:
        a.append(sigma(neuron.w[0].data * a[-1] + neuron.b.data))
    upstream = cost[1](a[-1], y)
    for neuron, inside, outside in reversed(list(zip(neurons, a, a[1:], strict=False))):
        delta = upstream * outside * (1 - outside)
        assert close((neuron.w[0].grad, neuron.b.grad), (delta * inside, delta))
        upstream = delta * neuron.w[0].data


# --- S3, S4: fully connected networks, the four formulas --------------------------------------------------------------


class Formulas:
    """z, a, δ and the gradients of J = 1/(2k) Σ (a − y)² in a sigmoid network, by the four formulas, for one sample.

    W[l][j][k] is the weight from neuron k to neuron j; lists start with the first layer that computes something.
    """

    def __init__(self, W: list[list[Row]], b: list[Row], x: Row, y: Row) -> None:
        self.z: list[Row] = []
        self.a: list[Row] = [x]
        for weights, biases in zip(W, b, strict=True):
            rows = zip(weights, biases, strict=True)
            self.z.append([sum(w * v for w, v in zip(row, self.a[-1], strict=True)) + bias for row, bias in rows])
            self.a.append([sigma(z) for z in self.z[-1]])
        slope = [[sigma(z) * (1 - sigma(z)) for z in layer] for layer in self.z]
        k = len(y)
        self.cost = sum((p - t) ** 2 for p, t in zip(self.a[-1], y, strict=True)) / (2 * k)
        # 1: δ^L_j = ∂J/∂a^L_j · σ'(z^L_j)
        self.delta = [[(p - t) / k * s for p, t, s in zip(self.a[-1], y, slope[-1], strict=True)]]
        # 2: δ^l_j = (Σ_m w^{l+1}_mj δ^{l+1}_m) σ'(z^l_j)
        for layer in range(len(W) - 2, -1, -1):
            after = list(zip(W[layer + 1], self.delta[0], strict=True))
            self.delta.insert(0, [sum(row[j] * d for row, d in after) * s for j, s in enumerate(slope[layer])])
        # 3: ∂J/∂b^l_j = δ^l_j
        self.b = self.delta
        # 4: ∂J/∂w^l_jk = a^{l-1}_k δ^l_j
        self.W = [[[v * d for v in a] for d in delta] for a, delta in zip(self.a, self.delta, strict=False)]


def random_network(sizes: list[int], rng: random.Random) -> MLP:
    model = MLP(sizes[0], sizes[1:], activation="sigmoid", output="sigmoid")
    for p in model.parameters():
        p.data = rng.gauss(0.0, 1.0)
    return model


def numbers_of(model: MLP) -> tuple[list[list[Row]], list[Row]]:
    W = [[[w.data for w in neuron.w] for neuron in layer.neurons] for layer in model.layers]
    return W, [[neuron.b.data for neuron in layer.neurons] for layer in model.layers]


def check_all(model: MLP, x: Row, y: Row) -> None:
    """Every z, a, δ, ∂J/∂b and ∂J/∂w of the graph against the formulas."""
    expected = Formulas(*numbers_of(model), x, y)
    model.zero_grad()
    outputs: list[list[Value]] = []
    for layer in model.layers:
        outputs.append(layer(outputs[-1] if outputs else x))
    J = half_mse_loss(outputs[-1], y)
    J.backward()
    weighted = [[a.parents[0] for a in layer] for layer in outputs]
    assert close(J.data, expected.cost)
    for i, layer in enumerate(model.layers):
        assert close([z.data for z in weighted[i]], expected.z[i])
        assert close([a.data for a in outputs[i]], expected.a[i + 1])
        assert close([z.grad for z in weighted[i]], expected.delta[i])
        assert close([neuron.b.grad for neuron in layer.neurons], expected.b[i])
        for neuron, row in zip(layer.neurons, expected.W[i], strict=True):
            assert close([w.grad for w in neuron.w], row)


@settings(max_examples=30)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=6),
    seed=st.integers(0, 10**6),
)
def test_s3_networks_of_any_width_and_depth_follow_the_four_formulas(sizes: list[int], seed: int) -> None:
    rng = random.Random(seed)
    model = random_network(sizes, rng)
    check_all(model, [rng.gauss(0, 1) for _ in range(sizes[0])], [rng.random() for _ in range(sizes[-1])])


@settings(max_examples=30)
@given(n=st.integers(1, 8), h=st.integers(1, 8), k=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_s4_the_three_layer_network_follows_the_four_formulas(n: int, h: int, k: int, seed: int) -> None:
    rng = random.Random(seed)
    check_all(random_network([n, h, k], rng), [rng.gauss(0, 1) for _ in range(n)], [rng.random() for _ in range(k)])


def test_s4_the_comparison_notices_a_wrong_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(0)
    model = random_network([3, 4, 2], rng)
    x, y = [0.1, -0.4, 0.8], [0.0, 1.0]
    check_all(model, x, y)
    right = Formulas.__init__

    def wrong(self: Formulas, *arguments: Any) -> None:
        right(self, *arguments)
        self.W[0][1][2] *= 1 + 1e-9

    monkeypatch.setattr(Formulas, "__init__", wrong)
    with pytest.raises(AssertionError):
        check_all(model, x, y)


def test_s4_delta_is_the_gradient_of_the_node_labelled_z() -> None:
    model = random_network([2, 3, 1], random.Random(1))
    x, y = [0.5, -0.5], [1.0]
    a = model(x)
    half_mse_loss([a], y).backward()
    nodes = [a.parents[0], *[p.parents[0] for p in a.parents[0].parents if p.label.startswith("a")]]
    deltas = {z.label: z.grad for z in nodes}
    expected = Formulas(*numbers_of(model), x, y).delta
    assert sorted(deltas) == ["z²₁", "z²₂", "z²₃", "z³₁"]
    assert close([deltas["z³₁"]], expected[1])
    assert close([deltas[f"z²{j}"] for j in "₁₂₃"], expected[0])


# --- S5: one weight, one sample; then all samples -------------------------------------------------------------------


def test_s5_the_three_factors_of_an_output_weight() -> None:
    """∂C/∂w = ∂C/∂a · ∂a/∂z · ∂z/∂w for C = Σ (a − y)²."""
    model = random_network([2, 3, 2], random.Random(2))
    x, y = [0.3, -0.8], [0.0, 1.0]
    model.zero_grad()
    mse_loss(model(x), y, reduction="sum").backward()
    values = Formulas(*numbers_of(model), x, y)
    hidden, output, z = values.a[1], values.a[2], values.z[1]
    for j, neuron in enumerate(model.layers[1].neurons):
        for k, w in enumerate(neuron.w):
            dC_da, da_dz, dz_dw = 2 * (output[j] - y[j]), sigma(z[j]) * (1 - sigma(z[j])), hidden[k]
            assert close(w.grad, dC_da * da_dz * dz_dw)


def test_s5_a_hidden_weight_sums_over_all_paths_to_the_cost() -> None:
    model = random_network([2, 3, 4], random.Random(3))
    x, y = [0.3, -0.8], [0.0, 1.0, 0.5, 0.2]
    model.zero_grad()
    mse_loss(model(x), y, reduction="sum").backward()
    W, _ = numbers_of(model)
    values = Formulas(*numbers_of(model), x, y)
    hidden, output = values.a[1], values.a[2]
    for j, neuron in enumerate(model.layers[0].neurons):
        for k, w in enumerate(neuron.w):
            paths = [
                2 * (output[m] - y[m]) * output[m] * (1 - output[m]) * W[1][m][j] * hidden[j] * (1 - hidden[j]) * x[k]
                for m in range(4)
            ]
            assert close(w.grad, sum(paths))


def test_s5_over_all_samples_the_gradient_is_the_mean_of_the_samples() -> None:
    rng = random.Random(4)
    model = random_network([3, 4, 2], rng)
    X = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(7)]
    Y = [[rng.random() for _ in range(2)] for _ in X]
    model.zero_grad()
    (fsum([half_mse_loss(model(x), y) for x, y in zip(X, Y, strict=True)]) / len(X)).backward()
    whole = [p.grad for p in model.parameters()]
    each = []
    for x, y in zip(X, Y, strict=True):
        model.zero_grad()
        half_mse_loss(model(x), y).backward()
        each.append([p.grad for p in model.parameters()])
    assert close(whole, [sum(column) / len(X) for column in zip(*each, strict=True)])


# --- S6: gradient descent, stochastic gradient descent, mini-batches -------------------------------------------------


def by_formulas(model: MLP, X: list[Row], Y: list[Row], rate: float, batches: list[list[int]]) -> list[Row]:
    """The parameters after each step θ ← θ − α · mean over the batch of the formulas' gradients."""
    W, b = numbers_of(model)
    steps = []
    for batch in batches:
        found = [Formulas(W, b, X[i], Y[i]) for i in batch]
        flat = [
            [p for W, b in zip(f.W, f.b, strict=True) for row, d in zip(W, b, strict=True) for p in (*row, d)]
            for f in found
        ]
        mean = iter([sum(column) / len(batch) for column in zip(*flat, strict=True)])
        for weights, biases in zip(W, b, strict=True):
            for j, row in enumerate(weights):
                row[:] = [w - rate * next(mean) for w in row]
                biases[j] -= rate * next(mean)
        steps.append([p for Wl, bl in zip(W, b, strict=True) for row, d in zip(Wl, bl, strict=True) for p in (*row, d)])
    return steps


@pytest.mark.parametrize("batch_size", [1, 4, 10])
def test_s6_a_step_per_sample_per_mini_batch_and_per_epoch(batch_size: int) -> None:
    rng = random.Random(5)
    model = random_network([2, 3, 2], rng)
    X = [[rng.gauss(0, 1), rng.gauss(0, 1)] for _ in range(10)]
    Y = [[rng.random(), rng.random()] for _ in X]
    epochs, rate = 3, 0.5
    order = random.Random(11)
    batches = [batch for _ in range(epochs) for batch in minibatches(10, batch_size, order)]
    expected = by_formulas(model, X, Y, rate, batches)
    assert len(expected) == epochs * math.ceil(10 / batch_size)

    seen: list[Row] = []

    class Watched(SGD):
        def step(self) -> None:
            super().step()
            seen.append([p.data for p in self.parameters])

    optimizer = Watched(model.parameters(), lr=rate)
    fit(
        model, X, Y, loss="half_mse_loss", optimizer=optimizer, epochs=epochs, batch_size=batch_size, seed=11,
        compile=False, progress=False,
    )  # fmt: skip
    assert len(seen) == len(expected)
    for found, formulas in zip(seen, expected, strict=True):
        assert close(found, formulas)


def test_s6_an_epoch_uses_every_sample_once_in_random_order() -> None:
    used: list[float] = []
    w = Value(1.0)

    def model(x: Row) -> Value:
        used.append(x[0])
        return w * x[0]

    X = [[float(i)] for i in range(10)]
    fit(model, X, [0.0] * 10, optimizer=SGD([w], lr=0.0), epochs=2, batch_size=3, compile=False, progress=False)
    first, second = used[:10], used[10:]
    assert sorted(first) == sorted(second) == [float(i) for i in range(10)]
    assert first != second
    assert first != sorted(first)


# --- S7: the vector form --------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=3, max_size=5),
    samples=st.integers(1, 5),
    seed=st.integers(0, 10**6),
)
def test_s7_the_matrix_form_gives_the_same_numbers(sizes: list[int], samples: int, seed: int) -> None:
    rng = random.Random(seed)
    model = random_network(sizes, rng)
    X = np.array([[rng.gauss(0, 1) for _ in range(sizes[0])] for _ in range(samples)]).T  # a sample per column
    Y = np.array([[rng.random() for _ in range(sizes[-1])] for _ in range(samples)]).T

    W, b = numbers_of(model)
    A, Z = [X], []
    for weights, biases in zip(W, b, strict=True):
        Z.append(np.array(weights) @ A[-1] + np.array(biases)[:, None])
        A.append(1 / (1 + np.exp(-Z[-1])))
    slope = [a * (1 - a) for a in A[1:]]
    delta = [(A[-1] - Y) / sizes[-1] * slope[-1]]  # ∇_a J ⊙ σ'(z^L)
    for layer in range(len(W) - 1, 0, -1):
        delta.insert(0, (np.array(W[layer]).T @ delta[0]) * slope[layer - 1])  # ((W^{l+1})ᵀ δ^{l+1}) ⊙ σ'(z^l)
    gradient_b = [d.mean(axis=1) for d in delta]
    gradient_W = [d @ a.T / samples for d, a in zip(delta, A, strict=False)]

    losses = [half_mse_loss(_as_list(model(x)), y) for x, y in zip(X.T, Y.T, strict=True)]
    model.zero_grad()
    (fsum(losses) / samples).backward()
    for layer, dW, db in zip(model.layers, gradient_W, gradient_b, strict=True):
        assert np.allclose([[w.grad for w in neuron.w] for neuron in layer.neurons], dW, rtol=1e-12, atol=1e-12)
        assert np.allclose([neuron.b.grad for neuron in layer.neurons], db, rtol=1e-12, atol=1e-12)


def _as_list(output: Any) -> list[Value]:
    return output if isinstance(output, list) else [output]


def test_the_cost_of_all_gradients_is_that_of_a_few_forward_passes() -> None:
    """Each node is visited once: the walk takes as many multiplications as the graph has edges, however deep it is."""
    model = random_network([3, 5, 5, 2], random.Random(6))
    multiplications = 0

    class Counted(float):
        def __rmul__(self, other: Any) -> float:
            nonlocal multiplications
            multiplications += 1
            return float(other) * float(self)

    J = half_mse_loss(model([0.1, 0.2, 0.3]), [0.0, 1.0])
    nodes, waiting = {J}, [J]
    while waiting:
        for parent in waiting.pop().parents:
            if parent not in nodes:
                nodes.add(parent)
                waiting.append(parent)
    edges = sum(len(node.parents) for node in nodes)
    for node in nodes:
        node.partials = tuple(map(Counted, node.partials))
    J.backward()
    assert multiplications == edges
