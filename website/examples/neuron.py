"""A neuron: its output σ(w₁x₁ + w₂x₂ + b), and half the squared error J that it learns from."""

from autograd import Value, sigmoid

x1, x2 = Value(1.0, "x1"), Value(2.0, "x2")
w1, w2, b = Value(0.6, "w1"), Value(-0.4, "w2"), Value(0.1, "b")

z = w1 * x1 + w2 * x2 + b
z.label = "z"
a = sigmoid(z)
a.label = "a"
loss = (a - 1) ** 2 / 2
loss.label = "J"
loss
