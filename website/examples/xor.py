"""An XOR network: trained on the four points, then its loss for one of them, folded into neurons and layers."""

from nn import MLP, Adam, fit

X = [[0, 0], [0, 1], [1, 0], [1, 1]]
y = [0, 1, 1, 0]
model = MLP(2, [3, 1], activation="tanh", output="sigmoid", seed=1)
optimizer = Adam(model.parameters(), lr=0.1)
history = fit(model, X, y, loss="binary_cross_entropy", optimizer=optimizer, epochs=100, progress=False)
print(history)

for x in X:
    print(x, "→", f"{model(x).data:.2f}")

loss = (model([0, 1]) - 1) ** 2 / 2
loss.label = "J"
loss
