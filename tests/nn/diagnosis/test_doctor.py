"""doctor: every illness is found in a network that has it, and nothing in healthy ones; nothing is left changed."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from autograd import Value, maximum, softmax
from nn import (
    MLP,
    SGD,
    Adam,
    Layer,
    Module,
    RMSprop,
    Standardizer,
    binary_cross_entropy_with_logits,
    doctor,
    fit,
    load_iris,
    make_moons,
    mse_loss,
    one_hot,
)
from nn.diagnosis import Finding, Report
from nn.diagnosis.probe import Probe

X, Y = make_moons(60, noise=0.1, seed=1)
LOGITS = "binary_cross_entropy_with_logits"


def network(**options: Any) -> MLP:
    return MLP(2, [8, 1], **{"activation": "tanh", "init": "xavier_uniform", "seed": 4, **options})


def trained(model: MLP, optimizer: Any, epochs: int = 30, **options: Any) -> MLP:
    fit(model, X, Y, optimizer=optimizer, epochs=epochs, progress=False, **{"loss": LOGITS, **options})
    return model


def kinds(report: Report) -> list[str]:
    return [finding.kind for finding in report]


def only(report: Report) -> Finding:
    (finding,) = report
    return finding


def named(report: Report, kind: str) -> Finding:
    (finding,) = [finding for finding in report if finding.kind == kind]
    return finding


# ---- the healthy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "make", [lambda p: Adam(p, lr=0.02), lambda p: SGD(p, lr=0.3), lambda p: SGD(p, lr=0.05, momentum=0.9), RMSprop]
)
def test_a_healthy_network_has_nothing_before_while_and_after_it_learns(seed: int, make: Any) -> None:
    points, classes = make_moons(60, noise=0.1, seed=seed)
    iris = load_iris()
    flowers = Standardizer.fit(iris.features).transform(iris.features)[::3]
    species = iris.targets[::3]
    for model, loss, samples, targets in [
        (MLP(2, [8, 1], activation="tanh", init="xavier_uniform", seed=seed), LOGITS, points, classes),
        (MLP(4, [5, 3], activation="tanh", init="xavier_uniform", seed=seed), "cross_entropy", flowers, species),
    ]:
        optimizer = make(model.parameters())
        for epochs in (0, 10, 100):
            fit(model, samples, targets, loss=loss, optimizer=optimizer, epochs=epochs, progress=False)
            report = doctor(model, loss, (samples, targets), optimizer=optimizer)
            assert kinds(report) == [], report
            assert report.ok
            assert not report


@pytest.mark.parametrize("seed", range(4))
def test_a_relu_network_that_learned_is_healthy_though_a_neuron_may_be_off(seed: int) -> None:
    model = MLP(2, [16, 16, 1], activation="relu", init="he_normal", seed=seed)
    optimizer = Adam(model.parameters(), lr=0.02)
    trained(model, optimizer)
    report = doctor(model, LOGITS, (X, Y), optimizer=optimizer)
    assert report.ok, report
    assert set(kinds(report)) <= {"dead ReLU"}


def test_a_healthy_report_says_what_was_looked_at() -> None:
    report = doctor(network(), LOGITS, (X, Y))
    text = str(report)
    assert text.startswith("Healthy: 60 samples, 33 parameters, mean loss 1.047.")
    for what in ("zero_grad: no gradients are stored", "33 of 33 parameters have a path", "2 of 2 features vary",
                 "learning rate: not checked: no optimizer was given"):  # fmt: skip
        assert what in text


# ---- each illness ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_forgotten_zero_grad_is_found_in_a_loop_that_never_clears(seed: int) -> None:
    model = MLP(2, [8, 1], activation="tanh", init="xavier_uniform", seed=seed)
    optimizer = SGD(model.parameters(), lr=0.02)
    for _ in range(20):
        losses = [binary_cross_entropy_with_logits(model(x), t) for x, t in zip(X, Y)]
        (sum(losses) / len(losses)).backward()
        optimizer.step()
    report = doctor(model, LOGITS, (X, Y))
    found = named(report, "forgotten zero_grad")
    assert found.severity in ("error", "warning")
    assert len(found.where) == 33
    assert "zero_grad()" in found.remedy
    assert not report.ok


def backward(model: MLP, times: int = 1) -> None:
    for _ in range(times):
        sum(mse_loss(model(x), t) / len(X) for x, t in zip(X, Y)).backward()


def test_two_passes_over_this_batch_are_seen_exactly_and_one_is_fine() -> None:
    model = network()
    backward(model)
    assert kinds(doctor(model, "mse_loss", (X, Y))) == []
    backward(model)
    found = only(doctor(model, "mse_loss", (X, Y)))
    assert (found.kind, found.severity) == ("forgotten zero_grad", "error")
    assert "2 times as long as that of this batch" in found.sentence


def test_the_gradient_of_a_summed_loss_is_one_pass() -> None:
    model = network()
    backward(model, times=len(X))
    assert kinds(doctor(model, "mse_loss", (X, Y))) == []


@pytest.mark.parametrize("batch_size", [10, 32, None])
def test_what_the_last_step_of_a_right_loop_left_is_a_note_only(batch_size: int | None) -> None:
    for seed in range(4):
        model = network(seed=seed)
        trained(model, SGD(model.parameters(), lr=0.1), epochs=5, batch_size=batch_size, compile=False)
        report = doctor(model, LOGITS, (X, Y))
        assert kinds(report) == ["stored gradients"]
        assert report.ok
        assert "or several" in only(report).sentence


class Forgetful(Module):
    """Uses one of its two weights, and the number of a third."""

    def __init__(self) -> None:
        self.used, self.unused, self.frozen = Value(0.5), Value(0.5), Value(0.5)

    def __call__(self, x: Any) -> Value:
        return self.used * x[0] + self.frozen.data * x[1]


def test_parameters_without_a_path_are_named() -> None:
    report = doctor(Forgetful(), "mse_loss", (X, Y))
    found = named(report, "no path to the loss")
    assert (found.severity, found.where) == ("error", ("unused", "frozen"))
    assert "2 of 3 parameters" in found.sentence
    assert kinds(report) == ["no path to the loss"]


def test_a_penalty_in_the_loss_is_a_path() -> None:
    model = Forgetful()
    report = doctor(model, lambda a, y: (a - y) ** 2 + model.unused**2 + model.frozen**2, (X, Y))
    assert "no path to the loss" not in kinds(report)


def test_parameters_that_the_optimizer_does_not_have_are_named() -> None:
    model, other = network(), network()
    found = named(doctor(model, LOGITS, (X, Y), optimizer=SGD(model.layers[1].parameters())), "not optimized")
    assert len(found.where) == 24
    report = doctor(model, LOGITS, (X, Y), optimizer=SGD(other.parameters()))
    assert {"not optimized", "no path to the loss"} <= set(kinds(report))


def test_zeros_that_keep_each_other_at_zero_are_found() -> None:
    found = named(doctor(network(init="zeros"), "mse_loss", (X, Y)), "zero gradients")
    assert len(found.where) == 32
    assert "init=" in found.remedy


@pytest.mark.parametrize(("dead", "severity"), [(1, "note"), (2, "warning"), (4, "error"), (8, "error")])
def test_dead_relus_are_named_and_weighed(dead: int, severity: str) -> None:
    model = network(activation="relu", init="he_normal")
    for i, neuron in enumerate(model.layers[0].neurons):
        neuron.b.data = -50.0 if i < dead else 50.0
    found = named(doctor(model, "mse_loss", (X, Y)), "dead ReLU")
    assert found.where == tuple(f"a²{'₁₂₃₄₅₆₇₈'[i]}" for i in range(dead))
    assert found.severity == severity
    assert f"{dead} of 8 in layer 2" in found.sentence
    assert f"{4 * dead} of 33 parameters get no gradient" in found.sentence


def test_a_step_too_long_that_killed_all_neurons_is_diagnosed_after_the_fact() -> None:
    model = network(activation="relu", init="he_normal")
    trained(model, SGD(model.parameters(), lr=1.0), epochs=100, loss="mse_loss")
    found = named(doctor(model, "mse_loss", (X, Y)), "dead ReLU")
    assert (len(found.where), found.severity) == (8, "error")


def test_a_neuron_that_is_on_for_one_sample_is_not_dead() -> None:
    model = network(activation="relu", init="he_normal")
    neuron = model.layers[0].neurons[0]
    sums = sorted(sum(w.data * v for w, v in zip(neuron.w, x)) for x in X)
    for neuron_b, expected in ((-sums[-1] - 1e-9, True), (-sums[-1] + 1e-9, False)):
        neuron.b.data = neuron_b
        report = doctor(model, "mse_loss", (X, Y))
        assert any("a²₁" in f.where for f in report if f.kind == "dead ReLU") is expected


class Own(Module):
    """A network of plain Values, without labels, in the elementary form."""

    def __init__(self, activation: Callable[[Any], Any], bias: float) -> None:
        self.first = [[Value(0.4), Value(-0.3)], [Value(0.2), Value(0.7)]]
        self.bias = [Value(bias), Value(0.1)]
        self.second = [Value(0.3), Value(-0.8)]
        self.activation = activation

    def __call__(self, x: Any) -> Value:
        hidden = [self.activation(w[0] * x[0] + w[1] * x[1] + b) for w, b in zip(self.first, self.bias)]
        return self.second[0] * hidden[0] + self.second[1] * hidden[1]


@pytest.mark.parametrize(
    ("activation", "bias", "kind"),
    [
        (lambda z: z.relu(), -20.0, "dead ReLU"),
        (lambda z: maximum(z, 0.0), -20.0, "not the larger one"),
        (lambda z: z.clip(0.0, 6.0), 20.0, "clipped"),
        (lambda z: z.leaky_relu(0.0), -20.0, "zero derivative"),
        (lambda z: z.tanh(), 20.0, "saturated tanh"),
        (lambda z: z.sigmoid(), -20.0, "saturated sigmoid"),
    ],
)
def test_a_network_of_ones_own_is_understood(activation: Any, bias: float, kind: str) -> None:
    found = named(doctor(Own(activation, bias), "mse_loss", (X, Y)), kind)
    assert len(found.where) == 1
    assert "1 of 2 in bias" in found.sentence
    assert kinds(doctor(Own(activation, 0.1), "mse_loss", (X, Y))) in ([], ["saturated relu"])


def test_a_step_function_stops_gradients() -> None:
    assert "step function" in kinds(doctor(Own(lambda z: z.floor(), 0.5), "mse_loss", (X, Y)))


def test_a_graph_that_differs_from_sample_to_sample_is_not_judged_by_neuron() -> None:
    report = doctor(Own(lambda z: z.relu() if z > 0.0 else z * 0.1, 0.1), "mse_loss", (X, Y))
    assert "differs from sample to sample" in report.checked["dead neurons"]


def test_saturated_neurons_are_named() -> None:
    model = network()
    for neuron in model.layers[0].neurons[2:4]:
        neuron.b.data = 30.0
    found = named(doctor(model, LOGITS, (X, Y)), "saturated tanh")
    assert (found.where, found.severity) == (("a²₃", "a²₄"), "warning")
    assert "in all 60 samples" in found.sentence
    assert "2 of 8 in layer 2" in found.sentence


def test_an_output_is_saturated_only_where_it_is_wrong() -> None:
    model = MLP(2, [1], output="sigmoid", init="zeros")
    model.layers[0].neurons[0].b.data = 20.0
    found = named(doctor(model, "mse_loss", (X, [0.0] * 20 + [1.0] * 40)), "saturated sigmoid")
    assert found.severity == "error"
    assert "at the wrong end in 20 of 60 samples" in found.sentence
    assert "saturated sigmoid" not in kinds(doctor(model, "mse_loss", (X, [1.0] * 60)))


def test_vanishing_gradients_are_found_by_layer() -> None:
    model = MLP(2, [20] * 6 + [1], activation="sigmoid", init="xavier_uniform", seed=0)
    found = named(doctor(model, LOGITS, (X[:20], Y[:20])), "vanishing gradients")
    assert found.where == ("layer 2",)
    assert "layer 2: " in found.sentence
    assert "layer 8: " in found.sentence
    healthy = MLP(2, [20] * 6 + [1], activation="tanh", init="xavier_uniform", seed=0)
    assert kinds(doctor(healthy, LOGITS, (X[:20], Y[:20]))) == []


def test_exploding_gradients_are_found_by_layer() -> None:
    model = MLP(2, [20] * 8 + [1], activation="identity", init="uniform", seed=0)
    found = named(doctor(model, "mse_loss", (X[:20], Y[:20])), "exploding gradients")
    assert found.severity == "warning"
    assert "from the first layer on: layer 2: " in found.sentence


def test_the_error_of_a_layer_is_the_gradient_of_its_weighted_inputs() -> None:
    model = network()
    report = doctor(model, "mse_loss", (X, Y))
    squares: list[list[float]] = [[], []]
    for x, target in zip(X, Y):
        model.zero_grad()
        mse_loss(model(x), target).backward()
        for layer, row in zip(model.layers, squares):
            row += [neuron.b.grad**2 for neuron in layer.neurons]  # ∂J/∂b = δ
    for name, row in zip(("layer 2", "layer 3"), squares):
        assert f"{name}: {math.sqrt(sum(row) / len(row)):.2g}" in report.checked["gradients by layer"]


def test_a_large_feature_is_no_exploding_gradient() -> None:
    class Line(Module):
        def __init__(self) -> None:
            self.slope, self.intercept = Value(0.0), Value(0.0)

        def __call__(self, x: Any) -> Value:
            return self.slope * x[0] + self.intercept

    assert kinds(doctor(Line(), "mse_loss", ([[1e4], [2e4]], [0.5, 1.0]))) == []  # ∂J/∂slope is 10,000 times larger


def test_layers_are_ordered_by_their_place_in_the_graph_not_by_attribute() -> None:
    class Backwards(Module):
        def __init__(self) -> None:
            options: Any = {"activation": "sigmoid", "init": "xavier_uniform", "rng": random.Random(0)}
            self.last = Layer(20, 1, activation="identity", init="xavier_uniform", rng=random.Random(1))
            self.inner = [Layer(20, 20, **options) for _ in range(5)]
            self.first = Layer(2, 20, **options)

        def __call__(self, x: Any) -> Value:
            a = self.first(x)
            for layer in self.inner:
                a = layer(a)
            output: Value = self.last(a)[0]
            return output

    found = named(doctor(Backwards(), LOGITS, (X[:20], Y[:20])), "vanishing gradients")
    assert found.where == ("first",)
    assert found.sentence.index("first:") < found.sentence.index("inner.0:") < found.sentence.index("last:")


# ---- steps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "optimizer", [lambda p: SGD(p, lr=100.0), lambda p: Adam(p, lr=3.0), lambda p: RMSprop(p, lr=3.0)]
)
def test_a_learning_rate_too_high_is_tried_and_found(seed: int, optimizer: Any) -> None:
    model = network(seed=seed)
    found = named(doctor(model, LOGITS, (X, Y), optimizer=optimizer(model.parameters())), "learning rate too high")
    assert found.severity == "error"
    assert "Lower the learning rate" in found.remedy


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("optimizer", [lambda p: SGD(p, lr=1e-5), lambda p: Adam(p, lr=1e-6)])
def test_a_learning_rate_too_low_is_tried_and_found(seed: int, optimizer: Any) -> None:
    model = network(seed=seed)
    found = only(doctor(model, LOGITS, (X, Y), optimizer=optimizer(model.parameters())))
    assert (found.kind, found.severity) == ("learning rate too low", "warning")
    better = float(found.remedy.split("for a single step ")[1].split(" is ")[0])
    model_after = network(seed=seed)
    made = optimizer(model_after.parameters())
    made.lr = better
    assert kinds(doctor(model_after, LOGITS, (X, Y), optimizer=made)) in ([], ["update too large"])


@pytest.mark.parametrize("make", [lambda p: RMSprop(p), lambda p: SGD(p, lr=0.05, momentum=0.9), Adam])
def test_several_steps_on_trial_are_those_of_the_optimizer(make: Any) -> None:
    model, twin = network(), network()
    optimizer, other = make(model.parameters()), make(twin.parameters())
    for m, o in ((model, optimizer), (twin, other)):
        trained(m, o, epochs=2)
    probe = Probe(model, binary_cross_entropy_with_logits, X, Y, optimizer)
    losses = fit(twin, X, Y, loss=LOGITS, optimizer=other, epochs=4, batch_size=None, progress=False).loss
    assert probe.loss_at(probe.moved(steps=3)) == pytest.approx(losses[3], rel=1e-9)


def test_a_first_step_of_rmsprop_that_is_too_long_is_no_rate_too_high() -> None:
    points, classes = make_moons(100, noise=0.1, seed=24)
    model = MLP(2, [16, 16, 1], activation="relu", init="he_normal", seed=24)
    report = doctor(model, LOGITS, (points, classes), optimizer=RMSprop(model.parameters()))
    assert "learning rate too high" not in kinds(report)
    assert "to 1.129" in report.checked["learning rate"]  # up from 0.69, since the mean square has only begun


def test_a_loss_that_has_arrived_at_zero_has_no_rate_too_high() -> None:
    model = network()
    optimizer = Adam(model.parameters(), lr=0.05)
    signs = [2 * y - 1 for y in Y]
    fit(model, X, signs, loss="hinge_loss", optimizer=optimizer, epochs=300, progress=False)
    report = doctor(model, "hinge_loss", (X, signs), optimizer=optimizer)
    assert report.scope.endswith("mean loss 0")
    assert kinds(report) == []


def test_a_learning_rate_of_zero_is_too_low() -> None:
    model = network()
    assert kinds(doctor(model, LOGITS, (X, Y), optimizer=SGD(model.parameters(), lr=0.0))) == ["learning rate too low"]


def test_the_loss_after_a_step_is_the_one_that_a_real_step_gives() -> None:
    model, twin = network(), network()
    optimizer, other = Adam(model.parameters(), lr=0.02), Adam(twin.parameters(), lr=0.02)
    trained(model, optimizer, epochs=3, batch_size=None)
    trained(twin, other, epochs=3, batch_size=None)
    report = doctor(model, LOGITS, (X, Y), optimizer=optimizer)
    losses = trained_losses(twin, other)
    assert f"from {losses[0]:.4g} to {losses[1]:.4g}" in report.checked["learning rate"]


def trained_losses(model: MLP, optimizer: Any) -> list[float]:
    return fit(model, X, Y, loss=LOGITS, optimizer=optimizer, epochs=2, batch_size=None, progress=False).loss


def test_the_update_to_weight_ratio_is_that_of_a_real_step() -> None:
    line = MLP(1, [1], init="zeros")
    (w,), b = line.layers[0].neurons[0].w, line.layers[0].neurons[0].b
    w.data, b.data = 3.0, 4.0
    report = doctor(line, "mse_loss", ([[1.0], [2.0]], [0.0, 0.0]), optimizer=SGD([w, b], lr=0.1))
    gradient = [(2 * 7 * 1 + 2 * 10 * 2) / 2, (2 * 7 + 2 * 10) / 2]
    ratio = 0.1 * math.hypot(*gradient) / 5.0
    assert f"layer 2: {ratio:.2g}" in report.checked["update-to-weight ratio"]
    assert named(report, "update too large").where == ("layer 2",)


def test_an_optimizer_with_a_step_of_its_own_is_left_alone() -> None:
    class Lazy(SGD):
        def step(self) -> None:
            raise AssertionError("nobody asked")

    model = network()
    report = doctor(model, LOGITS, (X, Y), optimizer=Lazy(model.parameters()))
    assert "its own step method" in report.checked["learning rate"]


# ---- data ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "targets", "extent"),
    [("sigmoid", [2.0, 0.5], "2"), ("tanh", [0.0, -3.0], "-3"), ("relu", [-1.0, -4.0], "from -4 to -1")],
)
def test_targets_that_the_output_cannot_be_are_found(output: str, targets: list[float], extent: str) -> None:
    model = MLP(2, [1], output=output, init="zeros")
    model.layers[0].neurons[0].b.data = 0.1
    found = named(doctor(model, "mse_loss", (X[:2], targets)), "targets out of range")
    assert (found.severity, found.where) == ("error", ("output 1",))
    assert found.sentence.endswith(f"are not: {extent}.")


def test_targets_at_the_ends_of_the_range_are_fine() -> None:
    assert kinds(doctor(network(output="sigmoid"), "mse_loss", (X, Y))) == []
    assert kinds(doctor(network(output="sigmoid"), "binary_cross_entropy", (X, Y))) == []
    assert kinds(doctor(network(), "mse_loss", (X, [100.0 * y for y in Y]))) == []
    vectors = MLP(2, [4, 2], activation="tanh", output="sigmoid", init="xavier_uniform", seed=0)
    assert kinds(doctor(vectors, "half_mse_loss", (X, one_hot(Y, 2)))) == []


@pytest.mark.parametrize(
    ("loss", "targets"),
    [(LOGITS, [2 * y - 1 for y in Y]), ("binary_cross_entropy", [2.0 * y for y in Y]), ("hinge_loss", Y)],
)
def test_targets_that_the_loss_does_not_take_are_found(loss: str, targets: list[float]) -> None:
    output = "sigmoid" if loss == "binary_cross_entropy" else "identity"
    found = only(doctor(network(output=output), loss, (X, targets)))
    assert (found.kind, found.severity) == ("targets", "error")
    assert "of 60 targets are" in found.sentence
    with pytest.warns(RuntimeWarning, match="cannot succeed: " + re.escape(found.sentence)) as warned:
        fit(network(output=output), X, targets, loss=loss, epochs=1, progress=False)
    assert found.remedy in str(warned[0].message)
    assert warned[0].filename == __file__


def test_an_activation_before_a_loss_that_contains_it_is_found() -> None:
    assert kinds(doctor(network(output="sigmoid"), LOGITS, (X, Y))) == ["squashed logits"]
    model = MLP(2, [4, 2], activation="tanh", output="sigmoid", init="xavier_uniform", seed=0)
    assert kinds(doctor(model, "cross_entropy", (X, Y))) == ["squashed logits"]
    model = MLP(2, [4, 2], activation="tanh", output="softplus", init="xavier_uniform", seed=0)
    assert kinds(doctor(model, "cross_entropy", (X, Y))) == []  # it can make any difference of two logits


def test_probabilities_are_no_logits() -> None:
    inner = MLP(2, [4, 2], activation="tanh", init="xavier_uniform", seed=0)

    class Probabilities(Module):
        def __init__(self) -> None:
            self.inner = inner

        def __call__(self, x: Any) -> list[Any]:
            return list(softmax(self.inner(x)))

    found = only(doctor(Probabilities(), "cross_entropy", (X, Y)))
    assert found.kind == "squashed logits"
    assert "add up to 1" in found.sentence


@pytest.mark.parametrize(("constant", "effect"), [(3.0, "second bias"), (0.0, "no gradient")])
def test_constant_features_are_found(constant: float, effect: str) -> None:
    found = only(doctor(network(), LOGITS, ([[x[0], constant] for x in X], Y)))
    assert (found.kind, found.where) == ("constant feature", ("x₂",))
    assert effect in found.sentence


def test_features_of_very_different_size_are_found() -> None:
    found = named(doctor(network(), LOGITS, ([[x1, 1000.0 * x2] for x1, x2 in X], Y)), "feature scales")
    assert found.where == ("x₂", "x₁")
    assert "Standardizer" in found.remedy


def test_one_sample_says_nothing_about_features() -> None:
    report = doctor(network(), LOGITS, (X[:1], Y[:1]))
    assert kinds(report) == []
    assert "at least two samples" in report.checked["features"]


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (lambda model, points, classes: setattr(model.parameters()[0], "data", math.nan), "parameters"),
        (lambda model, points, classes: points[3].__setitem__(1, math.inf), "sample 3"),
        (lambda model, points, classes: classes.__setitem__(2, math.nan), "target 2"),
    ],
)
@pytest.mark.parametrize("loss", ["mse_loss", "binary_cross_entropy"])
def test_what_is_not_finite_is_all_that_is_said(spoil: Any, where: str, loss: str) -> None:
    model, points, classes = network(output="sigmoid"), [list(x) for x in X], list(map(float, Y))
    spoil(model, points, classes)
    found = only(doctor(model, loss, (points, classes)))
    assert (found.kind, found.severity, found.where) == ("not finite", "error", (where,))


def test_a_loss_that_overflows_is_found() -> None:
    found = only(doctor(network(), lambda a, y: (1000.0 + a).exp(), (X, Y)))
    assert found.kind == "not finite"
    assert "the loss of sample 0 is inf" in found.sentence


# ---- what it leaves, and what it refuses -----------------------------------------------------------------------------


class Noisy(MLP):
    """Draws while it computes, as dropout does."""

    def __init__(self, *sizes: Any, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.own = random.Random(0)

    def __call__(self, x: Any) -> Any:
        return super().__call__([v + random.gauss(0.0, 0.01) + self.own.gauss(0.0, 0.01) for v in x])


@pytest.mark.parametrize("make", [lambda p: Adam(p, lr=0.02), lambda p: SGD(p, lr=100.0, momentum=0.9)])
def test_nothing_is_left_changed(make: Any) -> None:
    model = Noisy(2, [8, 1], activation="tanh", seed=0)
    optimizer = make(model.parameters())
    backward(model)
    optimizer.step()
    backward(model)

    def everything() -> Any:
        parameters = [(p.data, p.grad, p.label) for p in model.parameters()]
        return parameters, optimizer.state, vars(optimizer.hyper).copy(), random.getstate(), model.own.getstate()

    before = everything()
    doctor(model, "mse_loss", (X, Y), optimizer=optimizer)
    assert everything() == before


def test_gradients_that_were_never_computed_stay_so() -> None:
    model = network()
    doctor(model, LOGITS, (X, Y), optimizer=SGD(model.parameters()))
    assert all(type(p.grad) is int for p in model.parameters())


def test_a_run_that_is_looked_at_goes_on_as_if_it_were_not() -> None:
    def run(callbacks: list[Any], compile: bool) -> list[float]:
        model = network()
        made.append((model, Adam(model.parameters(), lr=0.02)))
        return fit(model, X, Y, loss=LOGITS, optimizer=made[-1][1], epochs=5, progress=False,
                   callbacks=callbacks, compile=compile).loss  # fmt: skip

    made: list[Any] = []
    reports: list[Report] = []

    def look(history: Any) -> None:
        model, optimizer = made[-1]
        reports.append(doctor(model, LOGITS, (X, Y), optimizer=optimizer))

    for compile in (False, True):
        assert run([look], compile) == run([lambda history: None], compile)
    assert len(reports) == 10


def test_of_a_large_batch_a_part_is_looked_at_and_the_report_says_so() -> None:
    points, classes = make_moons(1000, noise=0.1)
    model = MLP(2, [3, 1], activation="tanh", seed=0)
    assert str(doctor(model, LOGITS, (points, classes))).startswith("Healthy: 256 (picked at random) of 1,000 samples")


def test_the_worst_comes_first_and_the_text_has_all_of_it() -> None:
    model = network(activation="relu", init="he_normal")
    for neuron in model.layers[0].neurons:
        neuron.b.data = -50.0
    report = doctor(model, LOGITS, ([[x[0], 1.0] for x in X], Y))
    assert [finding.severity for finding in report] == ["error", "warning"]
    text = " ".join(str(report).split())
    assert text.startswith("2 findings: 60 samples")
    for finding in report:
        assert finding.sentence in text
        assert finding.remedy in text
    assert max(map(len, str(report).splitlines())) <= 110


def test_notes_are_counted_apart() -> None:
    model = network(activation="relu", init="he_normal")
    for i, neuron in enumerate(model.layers[0].neurons):
        neuron.b.data = 50.0 if i else -50.0
    assert str(doctor(model, "mse_loss", (X, Y))).startswith("Healthy, 1 note: 60 samples")
    points = [[x[0], 1.0] for x in X]
    assert str(doctor(model, "mse_loss", (points, Y))).startswith("1 finding, 1 note: 60 samples")


def test_the_table_is_well_formed_whatever_the_labels() -> None:
    model = Forgetful()
    model.unused.label = "<script>&\"'"
    page = ElementTree.fromstring(f"<div>{doctor(model, 'mse_loss', (X, Y))._repr_html_()}</div>")
    assert "<script>" in "".join(page.itertext())
    assert {element.tag for element in page.iter()} <= {
        "div", "p", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "ul", "li"
    }  # fmt: skip


def test_a_model_without_parameters_of_its_own_is_taken_with_its_optimizer() -> None:
    w = Value(0.5, "w")
    report = doctor(lambda x: w * x[0], "mse_loss", (X, Y), optimizer=SGD([w], lr=0.1))
    assert kinds(report) == []
    with pytest.raises(ValueError, match="no parameters"):
        doctor(lambda x: w * x[0], "mse_loss", (X, Y))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("mse", (X, Y)), ValueError, "there is no loss 'mse': there are mse_loss"),
        (("mse_loss", X), ValueError, r"must be a pair \(X, y\)"),
        (("mse_loss", (X, Y[:3])), ValueError, "X has 60 samples but y has 3 targets"),
        (("mse_loss", ([], [])), ValueError, "no samples"),
        ((lambda a, y: 1.0, (X, Y)), TypeError, "the loss gave 1.0, which depends on no parameter"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        doctor(network(), *arguments)


def test_a_model_that_drops_the_graph_is_refused_by_name() -> None:
    w = Value(1.0)
    with pytest.raises(TypeError, match=r"does it use \.data"):
        doctor(lambda x: w.data * x[0], "mse_loss", (X, Y), optimizer=SGD([w]))


def test_constant_features_are_one_finding() -> None:
    found = only(doctor(network(), LOGITS, ([[0.0, 0.0] for _ in X], Y)))
    assert found.where == ("x₁", "x₂")
    assert found.sentence.startswith(f"x₁, x₂ are 0 in all {len(X)} samples: their weights get no gradient.")


@pytest.mark.parametrize("init", ["uniform", "xavier_uniform"])
def test_weights_that_start_too_large_for_many_inputs_are_found(init: str) -> None:
    rng = random.Random(0)
    samples = [[rng.random() for _ in range(100)] for _ in range(20)]
    model = MLP(100, [20, 10], init=init, seed=0)
    report = doctor(model, "cross_entropy", (samples, [i % 10 for i in range(20)]))
    found = [finding for finding in report if finding.kind == "large outputs"]
    assert bool(found) == (init == "uniform")
    for finding in found:
        assert "where equal probabilities of all classes would give 2.3." in finding.sentence
        assert "he_normal" in finding.remedy


def test_steps_on_trial_are_those_of_each_group_and_of_nothing_that_is_frozen() -> None:
    model = network()
    for frozen in model.layers[0].neurons[0].w:
        frozen.requires_grad_(False)
    first, last = (layer.parameters() for layer in model.layers)
    optimizer = SGD([{"params": first, "lr": 0.5}, {"params": last, "lr": 0.25}], momentum=0.5)
    probe = Probe(model, binary_cross_entropy_with_logits, X, Y, optimizer)
    before = optimizer.state_dict(), [(p.data, p.grad) for p in probe.parameters]
    rates = [0.5 * p.requires_grad for p in first] + [0.25] * len(last)
    expected = [p.data - rate * g for p, rate, g in zip(probe.parameters, rates, probe.gradient, strict=True)]
    assert probe.moved() == pytest.approx(expected, rel=1e-12)
    assert (optimizer.state_dict(), [(p.data, p.grad) for p in probe.parameters]) == before
