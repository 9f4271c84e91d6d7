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
    hint = f"; did you mean '{meant}'\\?" if meant else "compile"
    with pytest.raises(TypeError, match=f"{estimator.__name__} has no argument '{name}': it has .*{hint}$"):
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
