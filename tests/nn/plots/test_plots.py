"""What the pictures show is what is in the history, the model and its gradients."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT

matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'scalar-autograd[notebooks]'")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402 - after the backend is chosen
from matplotlib.collections import LineCollection, PathCollection  # noqa: E402
from matplotlib.colors import to_hex, to_rgba  # noqa: E402

from autograd import Value, grad, no_grad  # noqa: E402
from nn import (  # noqa: E402
    MLP,
    History,
    Layer,
    LivePlot,
    Module,
    MultiheadAttention,
    animate_boundary,
    binary_cross_entropy_with_logits,
    fit,
    make_moons,
    make_xor,
    mse_loss,
    one_hot,
    plot_attention,
    plot_boundary,
    plot_gradients,
    plot_history,
    plot_network,
    predict,
)
from nn.plots import curves  # noqa: E402
from nn.plots.boundary import Surface  # noqa: E402
from nn.plots.style import COLOURS, ON_DARK  # noqa: E402

X, Y = make_moons(40, noise=0.1)
LOGITS = "binary_cross_entropy_with_logits"


@pytest.fixture(autouse=True)
def no_figures() -> Any:
    plt.close("all")
    yield
    plt.close("all")


def network(**options: Any) -> MLP:
    return MLP(2, [4, 1], **{"activation": "tanh", "init": "xavier_uniform", "seed": 0, **options})


def drawn(ax: Any) -> Any:
    """The axes, after everything on them was drawn once."""
    ax.figure.canvas.draw()
    return ax


# ---- the course of training ------------------------------------------------------------------------------------------


def test_the_loss_is_drawn_over_epochs_from_one() -> None:
    ax = drawn(plot_history(History(loss=[3.0, 2.0, 1.5], lr=[0.1] * 3, seconds=[0.0] * 3)))
    (line,) = ax.lines
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([1, 2, 3], [3.0, 2.0, 1.5])
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "linear")
    assert ax.get_legend() is None


def test_a_loss_that_fell_far_is_on_a_logarithmic_axis() -> None:
    ax = drawn(plot_history(History(loss=[1.0, 0.1, 0.01])))
    assert ax.get_yscale() == "log"
    assert {"0.01", "0.1", "1"} <= {label.get_text() for label in ax.get_yticklabels()}
    assert plot_history(History(loss=[1.0, 0.0])).get_yscale() == "linear"


def test_validation_best_epoch_and_metrics_are_drawn_where_there_are_some() -> None:
    history = History(loss=[3.0, 2.0, 1.0])
    vars(history).update(val_loss=[3.5, 2.5, 2.6], best_epoch=2, metrics={"accuracy": [0.5, 0.9, 0.8]})
    ax = drawn(plot_history(history))
    _, validation, best = ax.lines
    assert list(validation.get_ydata()) == [3.5, 2.5, 2.6]
    assert list(best.get_xdata()) == [2, 2]
    (right,) = [other for other in ax.figure.axes if other is not ax]
    assert list(right.lines[0].get_ydata()) == [0.5, 0.9, 0.8]
    assert right.get_ylabel() == "accuracy"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["loss", "validation loss", "best epoch, 2", "validation accuracy"]


def test_fields_that_are_there_but_empty_draw_nothing() -> None:
    history = History(loss=[3.0, 2.0])
    vars(history).update(val_loss=[], best_epoch=None, metrics={"accuracy": []})
    ax = plot_history(history)
    assert len(ax.lines) == len(ax.figure.axes) == 1


def test_every_metric_is_drawn_however_many_there_are() -> None:
    history = History(loss=[3.0, 2.0])
    vars(history).update(metrics={f"m{i}": [0.1 * i, 0.2] for i in range(9)})
    (right,) = plot_history(history).figure.axes[1:]
    assert len(right.lines) == 9


def test_a_single_epoch_can_be_seen() -> None:
    assert plot_history(History(loss=[1.0])).lines[0].get_marker() == "o"


def test_a_metric_of_the_training_data_is_not_called_that_of_the_validation() -> None:
    ax = plot_history(History(loss=[2.0, 1.0], metrics={"accuracy": [0.5, 0.9]}))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["loss", "accuracy"]


@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_a_loss_that_was_never_finite_is_told(lost: float) -> None:
    ax = drawn(plot_history(History(loss=[lost] * 3)))
    (text,) = ax.texts
    assert text.get_text() == f"no loss was finite: {lost:g} from the first epoch on"
    ax = plot_history(History(loss=[lost, 100.0, 1.0]))
    assert (ax.get_yscale(), len(ax.texts)) == ("log", 0)


def test_without_epochs_there_is_no_curve() -> None:
    with pytest.raises(ValueError, match="no epochs"):
        plot_history(History())


# ---- the boundary ----------------------------------------------------------------------------------------------------


def scatters(ax: Any) -> list[Any]:
    return [c for c in ax.collections if isinstance(c, PathCollection)]


def boundary_points(ax: Any) -> list[tuple[float, float]]:
    (contour,) = [c for c in ax.collections if type(c).__name__ == "QuadContourSet" and not c.filled]
    return [(float(x), float(y)) for path in contour.get_paths() for x, y in path.vertices]


@pytest.mark.parametrize("threshold", [0.0, 0.4])
def test_the_line_is_where_the_output_is_the_threshold(threshold: float) -> None:
    model = network()
    model.layers[-1].neurons[0].b.data = threshold
    ax = drawn(plot_boundary(model, X, Y, threshold=threshold, resolution=60))
    points = boundary_points(ax)
    assert len(points) > 20
    assert max(abs(score - threshold) for score in predict(model, points)) < 0.02


def test_every_sample_is_drawn_once_in_the_colour_and_with_the_marker_of_its_class() -> None:
    for targets in (Y, one_hot(Y, 2)):
        plots = scatters(plot_boundary(network(), X, targets, resolution=5))
        for label, points in enumerate(plots):
            expected = sorted(x for x, y in zip(X, Y) if y == label)
            assert sorted(map(list, points.get_offsets())) == expected
            assert to_hex(points.get_facecolor()[0]) == COLOURS[label]
        assert len({str(points.get_paths()[0].vertices) for points in plots}) == 2


def test_samples_of_one_class_alone_have_the_colour_of_their_side() -> None:
    for label, colour in ((0, COLOURS[0]), (1, COLOURS[1]), (-1, COLOURS[0])):
        (points,) = scatters(plot_boundary(network(), X[:3], [label] * 3, resolution=5))
        assert to_hex(points.get_facecolor()[0]) == colour


def test_of_several_outputs_the_largest_has_the_plane() -> None:
    model = MLP(2, [3], init="zeros")
    for neuron, weights in zip(model.layers[0].neurons, ([1.0, 0.0], [-1.0, 0.0], [0.0, 3.0])):
        for w, number in zip(neuron.w, weights):
            w.data = number
    ax = drawn(plot_boundary(model, X, Y, resolution=20))
    (mesh,) = [c for c in ax.collections if type(c).__name__ == "QuadMesh"]
    surface = Surface(model, X, Y, 20)
    expected = [max(range(3), key=[x1, -x1, 3 * x2].__getitem__) for x1, x2 in surface.points]
    assert list(mesh.get_array().flatten()) == expected
    assert to_hex(mesh.to_rgba([2.0])[0]) == COLOURS[2]


def test_all_samples_are_inside_the_picture() -> None:
    ax = plot_boundary(network(), X, Y, resolution=10)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert all(left < x1 < right and low < x2 < high for x1, x2 in X)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x₁", "x₂")


def test_machine_code_gives_the_outputs_of_the_model_and_follows_its_parameters() -> None:
    pytest.importorskip("llvmlite", reason="needs llvmlite: pip install 'scalar-autograd[compile]'")
    for model in (network(activation="relu"), MLP(2, [4, 3], activation="tanh", seed=0)):
        surface = Surface(model, X, Y, 7)
        assert surface.compiled
        for _ in range(2):
            expected = [out if isinstance(out, list) else [out] for out in predict(model, surface.points)]
            for found, row in zip(surface.outputs(), expected):
                assert found == pytest.approx(row, rel=1e-12)
            for parameter in model.parameters():
                parameter.data += 0.3


class Odd(Module):
    """A model that decides by its data at every point, or reads numbers, or draws: not to be compiled."""

    def __init__(self, how: str) -> None:
        self.w, self.how, self.calls = Value(2.0), how, 0

    def __call__(self, x: Any) -> Value:
        self.calls += 1
        if self.how == "number":
            return self.w * float(f"{x[0]:.17g}" if isinstance(x[0], Value) else x[0])
        return self.w * x[0] + (self.calls % 3) * 1e-3


@pytest.mark.parametrize("how", ["number", "another one at each call"])
def test_what_cannot_be_compiled_is_computed_as_it_is(how: str) -> None:
    model = Odd(how)
    surface = Surface(model, X, Y, 6)
    assert not surface.compiled
    for (x1, _), (output,) in zip(surface.points, surface.outputs()):
        assert output == pytest.approx(2.0 * x1, abs=3e-3)


def test_a_model_that_decides_in_many_ways_is_computed_as_it_is() -> None:
    class Stairs(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def __call__(self, x: Any) -> Value:
            steps = 0
            while x[0] > steps * 0.01:
                steps += 1
            return self.w * steps

    surface = Surface(Stairs(), [[0.0, 0.0], [1.0, 1.0]], [0, 1], 100)
    assert not surface.compiled
    assert surface.outputs() == [[out] for out in predict(Stairs(), surface.points)]


def test_without_a_compiler_the_picture_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = boundary_points(plot_boundary(network(), X, Y, resolution=20))
    monkeypatch.setattr("autograd.compiler.backends.native_available", lambda: False)
    assert not Surface(network(), X, Y, 5).compiled
    slow = boundary_points(plot_boundary(network(), X, Y, resolution=20))
    assert [v for point in fast for v in point] == pytest.approx([v for point in slow for v in point], abs=1e-9)


def test_a_plane_on_which_all_outputs_are_equal_is_drawn() -> None:
    drawn(plot_boundary(network(init="zeros"), X, Y, resolution=4))
    drawn(plot_boundary(MLP(2, [3], init="zeros"), [[1.0, 1.0]], [0], resolution=4))


@pytest.mark.parametrize(
    ("points", "targets", "options", "message"),
    [
        ([[1.0], [2.0]], [0, 1], {}, "two features"),
        ([], [], {}, "there are no samples"),
        (X, ["cat"] * len(X), {}, "the class 'cat' is text: give indices of classes"),
        (X, Y[:3], {}, "X has 40 samples but y has 3 targets"),
        (X, Y, {"resolution": 1}, "resolution must be at least 2, got 1"),
    ],
)
def test_a_boundary_that_cannot_be_drawn_is_refused(points: Any, targets: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_boundary(network(), points, targets, **options)
    assert plt.get_fignums() == []


def test_the_areas_are_an_image_in_an_svg_and_the_line_is_not(tmp_path: Path) -> None:
    """On every version of matplotlib, without a warning: areas as paths make the file several times larger."""
    ax = plot_boundary(network(), X, Y, resolution=30)
    ax.figure.savefig(tmp_path / "boundary.svg")
    text = (tmp_path / "boundary.svg").read_text(encoding="utf-8")
    assert text.count("<image") == 1
    assert 'id="QuadContourSet_' in text  # the line, drawn as a path
    assert len(text) < 60_000


def test_a_class_may_be_in_a_list_of_one() -> None:
    ax, alone = (plot_boundary(network(), X, targets, resolution=4) for targets in ([[y] for y in Y], Y))
    assert [len(group.get_offsets()) for group in _groups(ax)] == [len(group.get_offsets()) for group in _groups(alone)]
    assert len(_groups(ax)) == 2


def _groups(ax: Any) -> list[Any]:
    return [artist for artist in ax.collections if isinstance(artist, PathCollection)]


# ---- the network -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [[2, 16, 16, 1], [4, 5, 3], [1, 1]])
def test_there_is_a_line_per_weight_with_its_sign_and_size(sizes: list[int]) -> None:
    model = MLP(sizes[0], sizes[1:], activation="tanh", seed=1)
    ax = drawn(plot_network(model))
    (lines,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    weights = [w.data for layer in model.layers for neuron in layer.neurons for w in neuron.w]
    assert len(lines.get_segments()) == len(weights)
    for w, colour in zip(weights, lines.get_colors()):
        assert to_hex(colour) == COLOURS[1 if w > 0 else 0]
    order = sorted(range(len(weights)), key=lambda i: abs(weights[i]))
    widths = [lines.get_linewidths()[i] for i in order]
    assert widths == sorted(widths)
    assert widths[-1] == pytest.approx(3.0)
    assert ax.get_legend().get_texts()[0].get_text() == f"w = {max(map(abs, weights)):.2g}"


def neurons(ax: Any) -> list[Any]:
    return [c for c in ax.collections if str(c.get_gid()).startswith("layer")]


def test_lines_start_and_end_at_the_neurons_that_they_join() -> None:
    model = MLP(3, [2], seed=0)
    ax = plot_network(model)
    inputs, outputs = [[tuple(place) for place in group.get_offsets()] for group in neurons(ax)]
    (lines,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    ends = [tuple(map(tuple, segment)) for segment in lines.get_segments()]
    assert ends == [(start, end) for end in outputs for start in inputs]
    assert inputs[0][1] > inputs[1][1] > inputs[2][1]  # x₁ is above x₂


@pytest.mark.parametrize("sizes", [[2, 16, 1], [64, 64, 32, 8]])
def test_neurons_above_each_other_do_not_touch(sizes: list[int]) -> None:
    ax = drawn(plot_network(MLP(sizes[0], sizes[1:], seed=0)))
    for group in neurons(ax):
        heights = [float(y) for _, y in ax.transData.transform(group.get_offsets())]
        (size,) = set(group.get_sizes())
        diameter = (math.sqrt(size) + group.get_linewidths()[0]) * ax.figure.dpi / 72.0
        assert all(above - below > diameter for above, below in itertools.pairwise(heights))


def test_small_layers_have_names_and_all_layers_captions() -> None:
    ax = drawn(plot_network(MLP(2, [16, 1], activation="tanh", output="sigmoid", seed=0)))
    assert [text.get_text() for text in ax.texts] == ["x₁", "x₂", "a³₁"]
    captions = [label.get_text() for label in ax.get_xticklabels()]
    assert captions == ["inputs", "layer 2\ntanh", "layer 3\nsigmoid"]


def test_errors_of_a_sample_fill_the_neurons_and_touch_no_gradient() -> None:
    model = network()
    x, target = X[0], float(Y[0])
    ax = drawn(plot_network(model, sample=x, target=target, loss=LOGITS))
    assert all(type(p.grad) is int for p in model.parameters())
    binary_cross_entropy_with_logits(model(x), target).backward()
    shown = [list(group.get_array()) for group in neurons(ax)]
    biases = [[neuron.b.grad for neuron in layer.neurons] for layer in model.layers]  # ∂J/∂b = δ
    assert shown[0] == [0.0, 0.0]
    for row, expected in zip(shown[1:], biases):
        assert row == pytest.approx(expected, rel=1e-12)
    again = [list(group.get_array()) for group in neurons(plot_network(model))]
    assert again[1:] == biases


def test_the_error_of_a_neuron_with_an_activation_of_ones_own_is_that_of_its_weighted_input() -> None:
    def errors(activation: Any) -> Any:
        model = MLP(2, [3, 2], activation=activation, output=activation, seed=0)
        ax = plot_network(model, sample=[0.5, -1.0], target=[1.0, 0.0])
        layers = {found.get_gid(): found for found in ax.collections if isinstance(found, PathCollection)}
        return [list(map(float, layers[f"layer {number}"].get_array())) for number in (2, 3)]

    own, named = errors(lambda z: 1.0 / (1.0 + (-z).exp())), errors("sigmoid")
    assert all(numbers == pytest.approx(expected) for numbers, expected in zip(own, named))


def test_without_gradients_there_is_no_scale_of_errors() -> None:
    assert len(plot_network(network()).figure.axes) == 1
    assert len(plot_network(network(), sample=X[0], target=1.0).figure.axes) == 2


def test_layers_of_ones_own_module_are_drawn_if_they_follow_each_other() -> None:
    class Two(Module):
        def __init__(self, middle: int) -> None:
            self.first, self.second = Layer(2, 3), Layer(middle, 1)

    assert len(neurons(plot_network(Two(3)))) == 3
    for model in (Two(4), Odd("number")):
        with pytest.raises(TypeError, match="a model of consecutive layers"):
            plot_network(model)


@pytest.mark.parametrize("given", [{"sample": [1.0, 2.0]}, {"target": 1.0}])
def test_a_sample_and_its_target_come_together(given: Any) -> None:
    with pytest.raises(ValueError, match="give both a sample and its target, or neither"):
        plot_network(network(), **given)
    assert plt.get_fignums() == []


# ---- gradients -------------------------------------------------------------------------------------------------------


def test_the_histogram_of_a_layer_counts_its_gradients() -> None:
    model = MLP(2, [4, 1], seed=0)
    for i, parameter in enumerate(model.parameters()):
        parameter.grad = [0.0, 0.05, -0.5][i % 3]
    ax = drawn(plot_gradients(model, bins=2))
    assert ax.get_xscale() == "log"
    assert ax.get_xlim() == (0.01, 1.0)
    stairs = [patch for patch in ax.patches if type(patch).__name__ == "StepPatch"]
    assert [patch.get_label() for patch in stairs] == ["layer 2", "layer 3"]
    heights = [list(patch.get_data().values) for patch in stairs]  # the fullest bin of a layer is 0.85 high
    assert heights[0] == pytest.approx([1.85, 1.85])  # 4 and 4
    assert heights[1] == pytest.approx([0.85, 0.425])  # 2 and 1
    assert [text.get_text() for text in ax.texts] == ["4 of 12\nare 0", "2 of 5\nare 0"]


def test_the_gradients_of_a_batch_are_those_of_its_mean_loss() -> None:
    model, twin = network(), network()
    ax = plot_gradients(model, loss="mse_loss", batch=(X, Y))
    assert all(type(p.grad) is int for p in model.parameters())
    (sum(mse_loss(twin(x), y) for x, y in zip(X, Y)) / len(X)).backward()
    other = plot_gradients(twin)
    for mine, theirs in zip(ax.patches, other.patches):
        assert list(mine.get_data().values) == pytest.approx(list(theirs.get_data().values))


def test_gradients_that_are_not_there_are_asked_for() -> None:
    with pytest.raises(ValueError, match="call backward first"):
        plot_gradients(network())
    with pytest.raises(ValueError, match="X has 2 samples but y has 1 targets"):
        plot_gradients(MLP(1, [1]), loss="mse_loss", batch=([[1.0], [2.0]], [3.0]))
    with pytest.raises(ValueError, match="there are no samples"):
        plot_gradients(MLP(1, [1]), loss="mse_loss", batch=([], []))
    with pytest.raises(ValueError, match="both a loss and a batch"):
        plot_gradients(network(), loss="mse_loss")


# ---- moving pictures -------------------------------------------------------------------------------------------------


def filmed(**options: Any) -> tuple[MLP, Any]:
    points, classes = make_xor()
    model = network()
    film = animate_boundary(model, points, classes, resolution=8, **options)
    fit(model, points, classes, epochs=6, callbacks=[film], progress=False)
    return model, film


def test_frames_are_taken_before_training_and_every_few_epochs() -> None:
    model, film = filmed(every=2)
    assert [epoch for epoch, _, _ in film.frames] == [0, 2, 4, 6]
    for frame, twin in ((0, network()), (3, model)):
        expected = [[output] for output in predict(twin, film.surface.points)]
        for found, row in zip(film.frames[frame][2], expected):
            assert found == pytest.approx(row, rel=1e-12)


def test_a_film_says_the_epoch_and_the_loss() -> None:
    _, film = filmed()
    _, ax = plt.subplots()
    assert film.draw(0, ax).get_title() == "before training"
    assert film.draw(6, ax).get_title() == f"epoch 6, loss {film.frames[6][1]:.3f}"


def test_a_film_becomes_a_gif_or_a_page(tmp_path: Path) -> None:
    _, film = filmed(every=3)
    image = pytest.importorskip("PIL.Image")
    path = film.save(tmp_path / "film.gif", fps=2, dpi=30)
    with image.open(path) as gif:
        assert gif.n_frames in (3, 5)  # equal frames at the end may be merged
    page = film.save(tmp_path / "film.html", fps=2, dpi=30).read_text(encoding="utf-8")
    assert page.count("data:image/png") == 5
    assert plt.get_fignums() == []
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        filmed(every=0)


def test_the_live_plot_shows_the_history_as_it_grows() -> None:
    _, ax = plt.subplots()
    seen = []
    live = LivePlot(ax=ax, interval=0.0)
    fit(
        network(), X, Y, epochs=4, progress=False, callbacks=[live, lambda h: seen.append(len(ax.lines[0].get_xdata()))]
    )
    assert seen == [1, 2, 3, 4]


def test_metrics_do_not_pile_up_in_a_live_plot() -> None:
    live, history = LivePlot(interval=0.0), History(loss=[2.0, 1.0])
    vars(history).update(metrics={"accuracy": [0.5, 0.9]})
    for _ in range(3):
        live(history)
    assert len(live.ax.figure.axes) == 2


@pytest.mark.parametrize("metrics", [{}, {"accuracy": [0.5, 0.9]}])
def test_samples_of_text_stand_beside_a_live_plot_and_are_replaced(metrics: dict[str, list[float]]) -> None:
    texts = iter([["xqz", "$_^"], ["anna", "emma"]])
    live = LivePlot(samples=lambda: next(texts), interval=0.0)
    history = History(loss=[2.0, 1.0])
    vars(history).update(metrics=metrics)
    for expected in ("xqz\n$_^", "anna\nemma"):
        live(history)
        (column,) = live.ax.child_axes
        assert [text.get_text() for text in column.texts] == [expected]
        live.ax.figure.canvas.draw()  # $ and _ are no formula
        written, curve = (text.get_window_extent() for text in (column.texts[0], live.ax))
        assert curve.x1 < written.x0
        assert written.x1 <= live.ax.figure.bbox.x1
        for other in live.ax.figure.axes[1:]:  # the axis of the metrics
            assert other.yaxis.get_tightbbox().x1 < written.x0


class Events:
    """A stand-in for the events of a notebook's shell."""

    def __init__(self) -> None:
        self.registered: list[Any] = []

    def register(self, event: str, function: Any) -> None:
        assert event == "post_run_cell"
        self.registered.append(function)

    def unregister(self, event: str, function: Any) -> None:
        self.registered.remove(function)


def test_a_notebook_gets_one_picture_that_is_replaced_and_the_last_one_for_sure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    display = pytest.importorskip("IPython.display", reason="needs IPython")
    shown: list[str] = []

    class Shell:
        kernel, events = object(), Events()

    class Handle:
        def update(self, figure: Any) -> None:
            shown.append(f"update {len(figure.axes[0].lines[0].get_xdata())}")

    def show(figure: Any, display_id: bool) -> Handle:
        shown.append(f"new {len(figure.axes[0].lines[0].get_xdata())}")
        return Handle()

    monkeypatch.setattr(curves, "notebook", Shell)
    monkeypatch.setattr(display, "display", show)
    live = LivePlot(interval=math.inf)
    live.drawn = -math.inf
    live.interval = 0.0
    history = History(loss=[3.0])
    live(history)
    history.loss.append(2.0)
    live(history)
    live.interval = math.inf
    history.loss.append(1.0)
    live(history)
    assert shown == ["new 1", "update 2"]
    (finish,) = Shell.events.registered
    finish(None)
    assert shown == ["new 1", "update 2", "update 3"]
    assert Shell.events.registered == []
    assert plt.get_fignums() == []  # or the notebook would show it a second time


# ---- all of them -----------------------------------------------------------------------------------------------------

PICTURES = {
    "history": lambda ax: plot_history(History(loss=[2.0, 1.0]), ax),
    "boundary": lambda ax: plot_boundary(network(), X, Y, ax, resolution=5),
    "network": lambda ax: plot_network(network(), ax, sample=X[0], target=1.0),
    "gradients": lambda ax: plot_gradients(network(), ax, loss="mse_loss", batch=(X, Y)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_axes_are_used_if_given_and_made_if_not(name: str) -> None:
    _, ax = plt.subplots()
    assert PICTURES[name](ax) is ax
    assert len(plt.get_fignums()) == 1
    assert PICTURES[name](None) is not ax
    assert len(plt.get_fignums()) == 2


@pytest.mark.parametrize("name", PICTURES)
def test_on_a_dark_background_the_colours_are_light(name: str) -> None:
    with plt.style.context("dark_background"):
        ax = drawn(PICTURES[name](None))
    used = {to_hex(colour) for line in ax.lines for colour in [line.get_color()]}
    for collection in [*ax.collections, *ax.patches]:
        colours = [*collection.get_facecolor(), *collection.get_edgecolor()]
        used |= {to_hex(to_rgba(c)) for c in colours if hasattr(c, "__len__") and len(c) == 4}
    assert not used & set(COLOURS[:3]), used
    assert used & {*ON_DARK, "#ffffff"}


def test_drawing_changes_no_model_and_no_mode() -> None:
    model = network()
    before = [(p.data, p.grad) for p in model.parameters()]
    with no_grad():
        plot_boundary(model, X, Y, resolution=4)
    for name in PICTURES:
        PICTURES[name](None)
    assert [(p.data, p.grad) for p in model.parameters()] == before
    assert grad(model([0.1, 0.2]), model.parameters())[-1] == 1.0


def test_without_matplotlib_the_error_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from nn import History, LivePlot, MLP, plot_boundary, plot_gradients, plot_history, plot_network\n"
        "model = MLP(2, [1], seed=0)\n"
        "model([1.0, 2.0]).backward()\n"
        "for draw in (lambda: plot_history(History(loss=[1.0])), lambda: plot_network(model), LivePlot,\n"
        "             lambda: plot_boundary(model, [[0.0, 1.0]], [1]), lambda: plot_gradients(model)):\n"
        "    try:\n"
        "        draw()\n"
        "    except ImportError as error:\n"
        "        print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == 'pictures need matplotlib: pip install "scalar-autograd[notebooks]"\n' * 5


# ---- attention -------------------------------------------------------------------------------------------------------
def test_attention_is_drawn_as_it_is_and_what_is_masked_stays_empty() -> None:
    _, weights = MultiheadAttention(4, 2)(*[[[0.5, -0.2, 0.1, 0.9], [0.3, 0.3, -0.8, 0.1]]] * 3, is_causal=True)
    ax = plot_attention([weights[0][:1], weights[1]], "ab")
    (image,) = ax.images
    drawn = image.get_array()
    assert drawn[0][0] == 1.0
    assert [float(x) for x in drawn[1]] == [w.data for w in weights[1]]
    assert drawn.mask.tolist() == [[False, True], [False, False]]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b"]
    assert len(ax.texts) == 3
    plt.close(ax.figure)


def test_many_tokens_have_no_numbers_in_their_fields() -> None:
    ax = plot_attention([[1 / (t + 1)] * (t + 1) for t in range(9)], "123456789")
    assert not ax.texts
    plt.close(ax.figure)


@pytest.mark.parametrize(
    ("weights", "message"),
    [([[1.0]], "2 tokens need 2 rows of at most 2 weights, got rows of 1"),
     ([[1.0], [0.5, 0.25, 0.25]], "got rows of 1, 3"), ([], "got rows of none")],
)  # fmt: skip
def test_weights_that_belong_to_other_tokens(weights: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_attention(weights, "ab")
