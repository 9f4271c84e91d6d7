"""The answers to the exercises, computed; read this when you have solved them.

A judge takes an answer and returns in which way it is wrong: nothing if it is right, and ``...`` if it is none yet.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import autograd as ag
from autograd import Value, fsum, grad, sigmoid
from autograd.functional import grad as derivative_of
from autograd.functional import hessian
from nn.data import minibatches
from nn.datasets import make_line, make_moons
from nn.layers import MLP
from nn.lessons.comparison import Slips, compare
from nn.optim import SGD
from nn.parts import Embedding
from nn.training import fit

Judge = Callable[[Any], Any]

JUDGES: dict[str, tuple[Judge, str]] = {}


def exercise(name: str, hint: str) -> Callable[[Judge], Judge]:
    """Make a function the judge of an exercise."""

    def register(judge: Judge) -> Judge:
        JUDGES[name] = (judge, hint)
        return judge

    return register


def asked(name: str, hint: str, expected: Any, slips: Slips = ()) -> None:
    """An exercise that asks for numbers: see ``compare``."""
    exercise(name, hint)(lambda answer: compare(answer, expected, slips))


# ---- 1: expressions --------------------------------------------------------------------------------------------------
@exercise("1.1", "∂c/∂b = a + 3b².")
def slope_of_c(answer: Any) -> Any:
    a, b = Value(1.0), Value(-1.0)
    by_a, by_b = grad(a * b + b**3, [a, b])
    through_product, through_cube = a.data, 3 * b.data**2
    return compare(answer, by_b, [
        (by_a, "That is ∂c/∂a."),
        (through_product, "That is the part through the product alone; b is also in the cube."),
        (through_cube, "That is the part through the cube alone; b is also in the product."),
        (through_product + b.data**2, "The derivative of b³ is 3b²."),
        (through_product + 3 * b.data, "The derivative of b³ is 3b²."),
    ])  # fmt: skip


asked("1.2", "Each path picks one of the three x; the other two multiply.", [3, 3.0**2], [
    ([3, 3 * 3.0**2], "The paths are right; the other number is the sum over all paths."),
    ([2, 3.0**2], "The contribution is right. x * x is one node, but two paths lead into it."),
    ([3, 2 * 3.0], "The paths are right. Along a path the local derivatives are multiplied."),
])  # fmt: skip


@exercise("1.3", "The lambda gets the result y and the operand x, in this order.")
def slope_of_softsquare(answer: Any) -> Any:
    at = 0.75
    x, own = Value(at), Value(at)
    (expected,) = grad((1 + x * x) ** 0.5 - 1, [x])
    softsquare = ag.primitive(answer, name="softsquare")(lambda v: (1 + v * v) ** 0.5 - 1)
    softsquare(own).backward()
    verdict = compare(own.grad, expected, [
        (at, "That is the derivative of x²/2, which softsquare only resembles."),
        (at / (1 + at * at), "The denominator is a root."),
    ])  # fmt: skip
    return verdict and f"At x = {at} it gives {own.grad:.4g}. {verdict}"


# ---- 2: gradient descent ---------------------------------------------------------------------------------------------
@exercise("2.1", "The error y − (m x + c) is 1; the derivatives are −2 x · 1 and −2 · 1.")
def one_step(answer: Any) -> Any:
    m, c, alpha = Value(1.0), Value(0.0), 0.1
    by_m, by_c = grad((3.0 - (m * 2.0 + c)) ** 2, [m, c])
    return compare(answer, [m.data - alpha * by_m, c.data - alpha * by_c], [
        ([m.data + alpha * by_m, c.data + alpha * by_c], "That step goes uphill."),
        ([m.data - by_m, c.data - by_c], "That step was taken without the learning rate."),
        ([-alpha * by_m, -alpha * by_c], "That is only the step; add it to the starting point."),
        ([by_m, by_c], "That is the gradient; now take the step."),
        ([m.data - alpha * by_m / 2, c.data - alpha * by_c / 2], "The square has a factor 2 in its derivative."),
    ])  # fmt: skip


@exercise("2.2", "Dividing the cost by n divides every curvature by n.")
def largest_rate(answer: Any) -> Any:
    X, y = make_line(20, slope=2.0, intercept=1.0, noise=0.3, seed=1)
    (mm, mc), (_, cc) = hessian(lambda p: fsum([(b - (p[0] * a + p[1])) ** 2 for (a,), b in zip(X, y)]))([0.0, 0.0])
    steepest = (mm + cc) / 2 + math.hypot((mm - cc) / 2, mc)
    return compare(answer, 2 * len(X) / steepest, [
        (2 / steepest, "That is the limit for the sum."),
        (2 / steepest / len(X), "A cost divided by n is flatter, so that the steps may be longer."),
        (1 / steepest, "That is half of the limit, for the sum."),
        (steepest / len(X), "That is the curvature."),
    ])  # fmt: skip


asked("2.3", "2000 steps with α = 0.05 are enough.", [2.0, -0.5, -1.0], [  # the data of the lesson are made with these
    ([0.0, 0.0, 0.0], "That is the start."),
    ([-1.0, -0.5, 2.0], "The numbers are right, but the coefficient of x² comes first."),
])  # fmt: skip


# ---- 3: a chain of neurons -------------------------------------------------------------------------------------------
@exercise("3.1", "o − y is positive, σ' always is. Follow the signs of w³ and w².")
def signs_of_errors(answer: Any) -> Any:
    w1, b1, w2, b2, w3 = 0.6, 0.9, -1.2, 0.4, -1.5
    z1 = Value(w1 * 1.0 + b1)
    z2 = w2 * z1.sigmoid() + b2
    by_z2, by_z1 = grad((w3 * z2.sigmoid()).sigmoid() ** 2, [z2, z1])
    return compare(answer, [math.copysign(1, by_z2), math.copysign(1, by_z1)], [
        ([1, -1], "Those were the signs before w³ changed its sign."),
        ([-1, -1], "δ² is right. On the way to δ¹ there is one more weight."),
        ([by_z2, by_z1], "These are δ² and δ¹ themselves; only their signs are wanted, 1 or −1."),
    ])  # fmt: skip


o = sigmoid(3.0)
asked("3.2", "δ³ = o − y with o = σ(3).", o - 1, [
    (o, "That is o, as for the target 0."),
    (2 * (o - 1) * o * (1 - o), "That is δ³ of the squared error."),
    ((o - 1) / (o * (1 - o)), "That is ∂C/∂o; there is still σ'(z³) between o and z³."),
    (3 - 1, "That is z³ − y; the output is σ(z³)."),
])  # fmt: skip


@exercise("3.3", "Every σ' is 1. What is left is the input and 19 weights.")
def chain_of_relus(answer: Any) -> Any:
    w, x, depth = 1.5, 0.5, 20
    first = Value(w)
    a = (first * x).relu()
    for _ in range(depth - 1):
        a = (w * a).relu()
    (expected,) = grad(a, [first])
    return compare(answer, expected, [
        (w * expected, "All 20 weights are in it; in the derivative with respect to one of them, 19 are left."),
        (expected / x, "The input is missing."),
        (depth * expected, "Only the first weight is varied, and not all of them."),
    ])  # fmt: skip


# ---- 4: three layers -------------------------------------------------------------------------------------------------
asked("4.1", "w²₁₁ belongs to one hidden neuron. How many neurons does that one feed?", 3, [
    (5 * 3, "That counts the paths through all hidden neurons; w²₁₁ belongs to one of them."),
    (4 * 5 * 3, "That counts the paths from all inputs."),
    (5, "That is the number of hidden neurons; w²₁₁ belongs to one of them."),
    (1, "There is one path up to the hidden neuron, but it does not end there."),
])  # fmt: skip
asked("4.2", "Five gradients added up, compared with their mean.", 5, [
    (1, "That would be the mean itself; `backward` adds up and does not divide."),
])  # fmt: skip


@exercise("4.3", "They are in deep.layers[1].")
def errors_of_a_hidden_layer(answer: Any) -> Any:
    deep = MLP(2, [3, 3, 1], activation="tanh", seed=5)
    deep([1.0, 1.0]).backward()
    first, second = ([neuron.b.grad for neuron in layer.neurons] for layer in deep.layers[:2])
    return compare(answer, second, [
        (first, "These are the errors δ² of the first hidden layer."),
        ([neuron.b.data for neuron in deep.layers[1].neurons], "These are the biases; their gradients are wanted."),
        ([2 * error for error in second], "`backward` was called twice, and gradients add up."),
    ])  # fmt: skip


# ---- 5: stochastic gradient descent ----------------------------------------------------------------------------------
asked("5.1", "The last batch may be smaller, but it is a step.", len(minibatches(1797, 64)), [
    (1797 // 64, "These are the full batches. Some samples are left, and they are used, too."),
    (1797 / 64, "The number of steps is a whole number."),
])  # fmt: skip
asked("5.2", "Every sample is in exactly one batch. What is a mean of means of equal size?", 0.0)


@exercise("5.3", "Smaller batches take more steps in an epoch.")
def loss_below_a_tenth(answer: Any) -> Any:
    batch_size, lr = answer
    X, y = make_moons(100, noise=0.1, seed=1)
    model = MLP(2, [8, 1], activation="tanh", init="xavier_uniform", seed=4)
    loss = fit(
        model, X, y, loss="binary_cross_entropy_with_logits", optimizer=SGD(model.parameters(), lr=lr),
        batch_size=batch_size, epochs=30, seed=0, progress=False,
    ).loss[-1]  # fmt: skip
    return "" if loss < 0.1 else f"The loss comes to {loss:.3f}."


# ---- 6: compiling ----------------------------------------------------------------------------------------------------
asked("6.1", "The first call records; the shape of the arguments does not change.", 1, [
    (1000, "That is the number without the compiler."),
    (0, "The body must run once, or the compiler cannot know what it computes."),
    (2, "Later calls run the program, not the body."),
])  # fmt: skip


@exercise("6.2", "autograd.where(x > 0, …, …)")
def ramp_without_a_decision(answer: Any) -> Any:
    if answer(1.0) is ...:
        return ...
    compiled, points = ag.compile(answer), (3.0, -1.0, 2.0)
    verdict = compare([compiled.value_and_grad(x)[0] for x in points], [9.0, 0.0, 4.0])
    if verdict:
        return f"At {', '.join(f'{x:g}' for x in points)} these should be the values of `ramp`. {verdict}"
    times = compiled.recordings
    return "" if times == 1 else f"The values are right, but it was recorded {times} times."


@exercise("6.3", "Look for the maximum of by_x.")
def steepest_place(answer: Any) -> Any:
    slope = derivative_of(lambda x: ag.exp(-x * x / 8) * ag.sin(2.0 * x))
    return compare(answer, max(slope(-6 + 12 * i / 1000) for i in range(1001)), [
        (0.0, "That is the position of the maximum; give the derivative there."),
        (
            max(math.exp(-(i * i) / 8e6) * math.sin(2e-3 * i) for i in range(6000)),
            "That is the largest value of `wave`.",
        ),
    ])  # fmt: skip


# ---- 7: when training fails ------------------------------------------------------------------------------------------
sums = [1 * x1 - 2 * x2 for x1, x2 in [(1, 1), (2, 0), (0, 3)]]
asked("7.1", "z must not be positive for any sample; the slope at 0 is 0, too.", -max(sums), [
    (-min(sums), "With this bias it is off for (0, 3) alone."),
    (0, "With this bias z is positive for (2, 0)."),
])  # fmt: skip
asked("7.2", "log σ(z) = −softplus(−z).", -ag.softplus(1000.0), [
    (0.0, "That is −softplus(z): there is one more sign inside."),
    (-math.inf, "That is the result of the formula that overflows."),
])  # fmt: skip


@exercise("7.3", "It is one of the standard functions.")
def slope_of_softplus(answer: Any) -> Any:
    for at in (0.3, -1.2):
        x = Value(at)
        ag.primitive(answer, name="repaired softplus")(lambda v: math.log1p(math.exp(v)))(x).backward()
        (expected,) = grad((own := Value(at)).softplus(), [own])
        verdict = compare(x.grad, expected, [
            (1 - own.softplus().data * expected, "That is the wrong derivative from the cell above."),
            (expected * (1 - expected), "That is the derivative of the sigmoid, which is one derivative too far."),
            (1 - expected, "That is σ(−x)."),
        ])  # fmt: skip
        if verdict:
            return f"At x = {at} it gives {x.grad:.4g}. {verdict}"
    return ""


# ---- 8: beyond gradients ---------------------------------------------------------------------------------------------
@exercise("8.1", "Nest grad four times.")
def fourth_derivative(answer: Any) -> Any:
    derivatives: list[Any] = [lambda x: x**5 - 2 * x**3]
    for _ in range(5):
        derivatives.append(derivative_of(derivatives[-1]))
    value, first, second, third, fourth, fifth = (f(1.5) for f in derivatives)
    return compare(answer, fourth, [
        (value, "That is the function itself."),
        (first, "That is the first derivative."),
        (second, "That is the second derivative."),
        (third, "That is the third derivative."),
        (fifth, "That is the fifth derivative."),
    ])  # fmt: skip


@exercise("8.2", "value_and_grad gives both at once.")
def newtons_root(answer: Any) -> Any:
    path = [1.0]
    for _ in range(4):
        x = path[-1]
        path.append(x - (x**3 - 10) / (3 * x**2))
    return compare(answer, path[3], [
        *((path[i], f"That is after {i} step{'s' * (i > 1)}.") for i in (1, 2, 4)),
        (10 ** (1 / 3), "That is the root; after three steps x is not there yet."),
    ])  # fmt: skip


@exercise("8.3", "The derivatives are (f/a)² and (f/b)².")
def error_of_a_focal_length(answer: Any) -> Any:
    by_a, by_b = derivative_of(lambda a, b: 1 / (1 / a + 1 / b), argnums=(0, 1))(30.0, 60.0)
    from_a, from_b = by_a * 0.2, by_b * 0.5
    return compare(answer, math.hypot(from_a, from_b), [
        (from_a + from_b, "The two errors were added; independent ones add like the sides of a right triangle."),
        (from_a**2 + from_b**2, "That is its square."),
        (from_a, "That is the part that comes from a alone."),
        (from_b, "That is the part that comes from b alone."),
        (math.hypot(0.2, 0.5), "Multiply each error by the derivative with respect to its distance."),
    ])  # fmt: skip


# ---- 9: sequences ----------------------------------------------------------------------------------------------------
@exercise("9.1", "Which rows are used? A row that is used twice is still one row.")
def numbers_that_learn(answer: Any) -> Any:
    embedding = Embedding(26, 8, rng=random.Random(0))
    rows = [embedding("abcdefghijklmnopqrstuvwxyz".index(letter)) for letter in "hannah"]
    fsum([ag.tanh(number) for row in rows for number in row]).backward()
    return compare(answer, sum(v.grad != 0.0 for row in embedding.weight for v in row), [
        (len("hannah") * 8, "That counts each letter as often as it occurs; h, a and n have one row each."),
        (len(set("hannah")), "That is the number of rows."),
        (26 * 8, "That is the whole table; most of its rows are not used."),
    ])  # fmt: skip


steps = math.log(0.01) / math.log(0.9)
asked("9.2", "Multiply by 0.9 until the product is below 0.01, and count.", math.ceil(steps), [
    (math.ceil(steps) - 1, "Then it is still a little above."),
    (steps, "The number of steps is a whole number."),
    (math.ceil(math.log(0.1) / math.log(0.9)), "That is where it falls below a tenth."),
])  # fmt: skip
f = 0.5 ** (1 / 50)
asked("9.3", "f⁵⁰ = ½. And σ(b) = f means b = ln(f / (1 − f)).", math.log(f / (1 - f)), [
    (f, "That is f; the bias b is wanted, and f = σ(b)."),
    (-math.log(f / (1 - f)), "That closes the gate."),
    (0.0, "That leaves half of it after one step."),
])  # fmt: skip


# ---- 10: a GPT -------------------------------------------------------------------------------------------------------
asked("10.1", "The loss is −ln of the probability of the letter that came.", math.log(4), [
    (0.25, "That is the probability."),
    (math.log2(4), "That is in bits: the logarithm with base 2."),
    (math.log(0.25), "A loss is not negative."),
    (4 * 0.25 * math.log(27), "That is the loss of a guess among 27."),
])  # fmt: skip
asked("10.2", "Token 3 attends to the tokens up to itself.", 8 - 3, [
    (3, "That is the number of tokens that do get a gradient."),
    (3 - 1, "These come before it."),
    (8 - 3 + 1, "Token 3 itself gets one."),
])  # fmt: skip
asked("10.3", "Divide the logits by T first.", sigmoid((2.0 - 0.0) / 0.5), [
    (sigmoid(2.0 - 0.0), "That is with T = 1."),
    (sigmoid((2.0 - 0.0) * 0.5), "That is with T = 2: the logits are divided by T."),
    (1 - sigmoid((2.0 - 0.0) / 0.5), "That is the probability of the other letter."),
])  # fmt: skip
