"""Networks as scikit-learn's estimators."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier as NetworkOfScikitLearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from nn import load_iris, make_moons
from nn.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of few epochs

IRIS = load_iris().features, load_iris().targets
SMALL = {"hidden_layer_sizes": (8,), "learning_rate_init": 0.05, "random_state": 0}


@parametrize_with_checks([MLPClassifier(**SMALL), MLPRegressor(**SMALL)])  # type: ignore[arg-type,untyped-decorator]
def test_scikit_learn_s_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_a_grid_search_over_a_pipeline_finds_the_network_that_learns() -> None:
    X, y = IRIS
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**SMALL))
    search = GridSearchCV(pipeline, {"mlpclassifier__learning_rate_init": [1e-6, 0.05]}, cv=3).fit(X, y)
    assert search.best_params_ == {"mlpclassifier__learning_rate_init": 0.05}
    assert search.best_score_ > 0.93


def test_labels_of_any_kind_come_back() -> None:
    X, y = make_moons(80, seed=0)
    names = np.where(np.array(y) > 0, "upper", "lower")
    classifier = MLPClassifier(**SMALL).fit(X, names)
    assert classifier.classes_.tolist() == ["lower", "upper"]
    assert (classifier.predict(X) == names).mean() > 0.9
    chances = classifier.predict_proba(X)
    assert np.allclose(chances.sum(axis=1), 1.0, atol=1e-15)
    assert (classifier.classes_[chances.argmax(axis=1)] == classifier.predict(X)).all()


def test_the_probabilities_are_the_softmax_of_the_network() -> None:
    X, y = IRIS
    classifier = MLPClassifier(**{**SMALL, "max_iter": 5}).fit(X, y)
    logits = np.array([[z.data for z in classifier.model_(x)] for x in X])
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(classifier.predict_proba(X), expected, rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_compiled_and_eager_training_agree(kind: Any) -> None:
    X, y = IRIS
    fitted = [kind(**{**SMALL, "max_iter": 3}, compile=compiled).fit(X, y) for compiled in (True, False)]
    assert np.allclose(fitted[0].loss_curve_, fitted[1].loss_curve_, rtol=1e-12, atol=0.0)


def test_the_random_state_decides_all_that_is_random() -> None:
    X, y = IRIS
    same = [MLPClassifier(**{**SMALL, "max_iter": 3}).fit(X, y).loss_ for _ in range(2)]
    other = clone(MLPClassifier(**{**SMALL, "max_iter": 3})).set_params(random_state=1).fit(X, y).loss_
    assert same[0] == same[1] != other


def test_several_targets_keep_their_shape() -> None:
    X = np.linspace(-1.0, 1.0, 40)[:, None]
    y = np.hstack([X, -2.0 * X])
    regressor = MLPRegressor(**SMALL).fit(X, y)
    assert regressor.predict(X).shape == (40, 2)
    assert regressor.score(X, y) > 0.95
    with pytest.warns(DataConversionWarning):
        assert MLPRegressor(**SMALL).fit(X, y[:, :1]).predict(X).shape == (40,)


def test_early_stopping_looks_at_held_out_samples() -> None:
    X, y = load_digits(return_X_y=True)
    classifier = MLPClassifier(
        (16,), learning_rate_init=0.01, early_stopping=True, n_iter_no_change=3, max_iter=60, random_state=0
    ).fit(X / 16.0, y)
    assert len(classifier.history_.val_loss) == classifier.n_iter_ < 60
    assert classifier.score(X / 16.0, y) > 0.95


def test_training_starts_where_scikit_learn_s_does() -> None:
    X, y = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    options = {"hidden_layer_sizes": (32,), "max_iter": 1, "random_state": 0}
    ours, theirs = MLPClassifier(**options).fit(X, y), NetworkOfScikitLearn(**options).fit(X, y)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "lbfgs"}, "solver.*lbfgs"),
        ({"activation": "swish"}, "activation.*swish"),
        ({"hidden_layer_sizes": (0,)}, "0"),
        ({"max_iter": 0}, "max_iter"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate_init": -1.0}, "lr"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**options).fit([[0.0], [1.0]], [0, 1])


def test_logistic_is_the_sigmoid() -> None:
    def trained(activation: str) -> Any:
        return MLPClassifier((3,), activation, max_iter=5, random_state=0).fit([[0.0], [1.0]], [0, 1])

    assert trained("logistic").model_.architecture()["activation"] == "sigmoid"
    assert trained("logistic").history_.loss == trained("sigmoid").history_.loss
    assert trained("logistic").get_params()["activation"] == "logistic"


def test_one_class_and_an_unfitted_network_are_refused() -> None:
    with pytest.raises(ValueError, match=r"1 class: \[7\]"):
        MLPClassifier().fit([[0.0], [1.0]], [7, 7])
    with pytest.raises(NotFittedError):
        MLPRegressor().predict([[0.0]])


def test_cross_validation_scores_a_regressor() -> None:
    X = np.linspace(-2.0, 2.0, 60)[:, None]
    scores = cross_val_score(
        MLPRegressor((16,), "tanh", learning_rate_init=0.05, random_state=0), X, X[:, 0] ** 2, cv=3
    )
    assert len(scores) == 3
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_help_on_an_estimator_describes_every_argument_and_attribute(estimator: Any) -> None:
    described = inspect.getdoc(estimator) or ""
    fitted = estimator((2,), max_iter=1).fit([[0.0], [1.0]], [0, 1])
    attributes = [name for name in vars(fitted) if name.endswith("_")]
    assert len(attributes) >= 6
    for name in [*inspect.signature(estimator).parameters, *attributes]:
        assert f"\n    {name}: " in described


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    ("name", "meant"),
    [("alpha", "weight_decay"), ("learning_rate", "learning_rate_init"), ("max_itr", "max_iter"), ("zzz", None)],
)
def test_an_unknown_argument_is_answered_with_the_one_that_was_meant(estimator: Any, name: str, meant: str) -> None:
    hint = meant or "it takes .*, compile$"
    with pytest.raises(TypeError, match=rf"{estimator.__name__}\(\) takes no argument '{name}'.*{hint}"):
        estimator(**{name: 0.5})


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_training_that_is_cut_off_by_max_iter_warns_where_the_user_called_it(estimator: Any) -> None:
    X, y = make_moons(20, seed=0)
    with pytest.warns(ConvergenceWarning, match="ended after max_iter=2 epochs") as caught:
        estimator((2,), max_iter=2, random_state=0).fit(X, y)
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        estimator((2,), max_iter=50, tol=10.0, n_iter_no_change=3, random_state=0).fit(X, y)


# --- what scikit-learn's networks have, too -------------------------------------------------------------------------
def test_the_weights_are_arrays_that_compute_the_outputs() -> None:
    X, y = IRIS
    classifier = MLPClassifier((5, 4), "tanh", max_iter=3, random_state=0).fit(X, y)
    assert [w.shape for w in classifier.coefs_] == [(4, 5), (5, 4), (4, 3)]
    assert [b.shape for b in classifier.intercepts_] == [(5,), (4,), (3,)]
    assert (classifier.n_layers_, classifier.n_outputs_, classifier.out_activation_) == (4, 3, "softmax")
    a = np.array(X)
    for w, b in zip(classifier.coefs_[:-1], classifier.intercepts_[:-1], strict=True):
        a = np.tanh(a @ w + b)
    z = a @ classifier.coefs_[-1] + classifier.intercepts_[-1]
    expected = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    assert np.allclose(classifier.predict_log_proba(X), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_partial_fit_is_an_epoch_of_fit(kind: Any) -> None:
    """The optimiser and the batches go on from call to call."""
    X, y = IRIS
    whole = kind(**{**SMALL, "max_iter": 5}).fit(X, y)
    parts = kind(**SMALL)
    for _ in range(5):
        parts.partial_fit(X, y, **({"classes": [0, 1, 2]} if kind is MLPClassifier else {}))
    assert parts.loss_curve_ == pytest.approx(whole.loss_curve_, rel=1e-12)
    assert parts.n_iter_ == 5
    assert np.allclose(parts.coefs_[0], whole.coefs_[0], rtol=1e-10, atol=0.0)


def test_partial_fit_knows_its_classes() -> None:
    X, y = IRIS
    with pytest.raises(ValueError, match="the first call of partial_fit needs all labels"):
        MLPClassifier(**SMALL).partial_fit(X, y)
    classifier = MLPClassifier(**SMALL).partial_fit(X[:50], y[:50], classes=[0, 1, 2])
    assert classifier.predict_proba(X).shape == (150, 3)
    with pytest.raises(ValueError, match=r"the labels \[7\] are none of the classes \[0, 1, 2\]"):
        classifier.partial_fit(X[:2], [0, 7])
    with pytest.raises(ValueError, match=r"classes are \[0, 1\], but were \[0, 1, 2\] in the first call"):
        classifier.partial_fit(X[:2], [0, 1], classes=[0, 1])
    with pytest.raises(ValueError, match="there are 2 targets, but 1 in the first call"):
        MLPRegressor(**SMALL).partial_fit(X, y).partial_fit(X, np.ones((150, 2)))


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_weight_of_two_is_a_sample_twice_and_none_is_no_sample(kind: Any) -> None:
    """In whole batches, where no order of the samples matters."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    weight = rng.integers(0, 3, 40)
    options = {**SMALL, "max_iter": 15, "batch_size": 100}
    weighted = kind(**options).fit(X, y, sample_weight=weight)
    repeated = kind(**options).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    plain = kind(**options).fit(X, y)
    assert weighted.loss_curve_ == pytest.approx(repeated.loss_curve_, rel=1e-9)
    assert weighted.loss_curve_ != pytest.approx(plain.loss_curve_, rel=1e-3)
    assert kind(**options).fit(X, y, np.full(40, 7.0)).loss_curve_ == pytest.approx(plain.loss_curve_, rel=1e-9)
    with pytest.raises(ValueError, match="at least one non-zero number"):
        kind(**options).fit(X, y, np.zeros(40))


def test_several_targets_can_have_weights() -> None:
    X = np.linspace(-1.0, 1.0, 20)[:, None]
    y, weight = np.hstack([X, -2.0 * X]), np.arange(20) % 3
    options = {**SMALL, "max_iter": 5, "batch_size": 100}
    weighted = MLPRegressor(**options).fit(X, y, weight)
    repeated = MLPRegressor(**options).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight, axis=0))
    assert weighted.loss_curve_ == pytest.approx(repeated.loss_curve_, rel=1e-9)


def test_a_warm_start_goes_on_with_the_same_classes_and_features_only() -> None:
    X, y = make_moons(40, seed=0)
    X, y = np.asarray(X), np.asarray(y)
    classifier = MLPClassifier(**{**SMALL, "max_iter": 10}, warm_start=True).fit(X, y)
    before = classifier.predict(X).tolist()
    with pytest.raises(ValueError, match=r"for the classes \[0, 1\], but got \[5, 6\]"):
        classifier.fit(X, y + 5)
    with pytest.raises(ValueError, match="features"):
        classifier.fit(X[:, :1], y)
    assert classifier.predict(X).tolist() == before


def test_a_warm_start_goes_on_and_a_cold_one_does_not() -> None:
    X, y = IRIS
    warm = MLPClassifier(**{**SMALL, "max_iter": 10}, warm_start=True).fit(X, y)
    first = warm.loss_
    assert warm.fit(X, y).loss_curve_[10] == pytest.approx(first, rel=0.2)
    assert warm.n_iter_ == 20
    with pytest.raises(ValueError, match="a network of 3 outputs, but these targets need 2"):
        warm.fit(X[:100], y[:100])
    assert warm.classes_.tolist() == [0, 1, 2]
    cold = MLPClassifier(**{**SMALL, "max_iter": 10}).fit(X, y)
    assert cold.fit(X, y).n_iter_ == 10


def test_verbose_prints_a_line_for_each_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = IRIS
    classifier = MLPClassifier(**{**SMALL, "max_iter": 2}, verbose=True, early_stopping=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", validation loss")[0] for line in lines] == [
        f"epoch {k}, loss {loss:.6g}" for k, loss in enumerate(classifier.loss_curve_, start=1)
    ]


def test_the_options_of_the_solvers_reach_them() -> None:
    X, y = IRIS
    sgd = MLPClassifier((3,), solver="sgd", momentum=0.5, max_iter=1).fit(X, y)
    assert (sgd._optimizer.hyper.momentum, sgd._optimizer.hyper.nesterov) == (0.5, True)
    assert not MLPClassifier((3,), solver="sgd", momentum=0.0, max_iter=1).fit(X, y)._optimizer.hyper.nesterov
    adam = MLPClassifier((3,), beta_1=0.8, beta_2=0.9, epsilon=1e-3, max_iter=1).fit(X, y)
    assert (adam._optimizer.hyper.beta1, adam._optimizer.hyper.beta2, adam._optimizer.hyper.eps) == (0.8, 0.9, 1e-3)
