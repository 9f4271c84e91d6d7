"""Networks as scikit-learn's estimators: for pipelines, cross-validation and grid search.

They are ``nn.MLP`` and ``nn.fit`` behind the methods that scikit-learn asks for, with the names that its own
``MLPClassifier`` and ``MLPRegressor`` use.  Networks learn best from features of mean 0 and variance 1, so put a
``StandardScaler`` before them.

>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> X, y = load_iris().features, load_iris().targets
>>> pipeline = make_pipeline(StandardScaler(), MLPClassifier((8,), learning_rate_init=0.05, tol=1e-3, random_state=0))
>>> pipeline.fit(X, y).score(X, y) > 0.95
True
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from nn.estimators import Network, weighted
from nn.losses import mse_loss

__all__ = ["MLPClassifier", "MLPRegressor"]


class MLPClassifier(ClassifierMixin, Network):  # type: ignore[misc]
    """A network that tells classes apart: softmax of its outputs, trained on the cross-entropy.

        p_k = e^{z_k} / Σ_j e^{z_j},   loss = −log p_y

    The arguments: see ``Network``.
        classes_: The labels, sorted.

    Source: the interface is that of scikit-learn's ``sklearn.neural_network.MLPClassifier``.

    >>> X, y = make_moons(100, seed=0)
    >>> classifier = MLPClassifier((16,), learning_rate_init=0.05, max_iter=500, random_state=0).fit(X, y)
    >>> classifier.score(X, y) > 0.95, classifier.predict_proba(X[:2]).shape
    (True, (2, 2))
    """

    _loss = "cross_entropy"
    out_activation_ = "softmax"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPClassifier:
        """Train a new network.

        Args:
            X: The samples, (n_samples, n_features).
            y: The label of each, of any kind that can be sorted.
            sample_weight: The factor of each sample's loss; None if all count alike.

        Raises:
            ValueError: The arrays do not fit together, hold nan or infinite numbers, or an argument is out of range.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, reset=not self._goes_on)
        check_classification_targets(y)
        weights = None
        if sample_weight is not None:
            counts, weights = weighted(X, sample_weight)
            X, y = X[counts], y[counts]
        classes = np.unique(y)
        if len(classes) < 2:
            raise ValueError(f"a classifier needs samples of 2 classes or more, got 1 class: {classes.tolist()}")
        self._check_outputs(len(classes))
        there, given = getattr(self, "classes_", classes).tolist(), classes.tolist()
        if self._goes_on and there != given:
            raise ValueError(f"warm_start goes on with a network for the classes {there}, but got {given}")
        self.classes_ = classes
        self._train(X, self._targets(y, weights), len(classes))
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> MLPClassifier:
        """Go through these samples once, from where the network is.

        Args:
            X: The samples, (n_samples, n_features).
            y: The label of each.
            classes: The labels that there will ever be; needed in the first call.

        Raises:
            ValueError: As for ``fit``; or a label is none of the classes, or these are not those of the first call.
        """
        first = not hasattr(self, "model_")
        X, y = validate_data(self, X, y, dtype=np.float64, reset=first)
        check_classification_targets(y)
        if first and classes is None:
            raise ValueError("the first call of partial_fit needs all labels that there will be: classes=[…]")
        named = self.classes_ if classes is None else np.unique(classes)
        if not first and not np.array_equal(named, self.classes_):
            raise ValueError(f"classes are {named.tolist()}, but were {self.classes_.tolist()} in the first call")
        if unknown := sorted({*np.unique(y).tolist()} - {*named.tolist()}):
            raise ValueError(f"the labels {unknown} are none of the classes {named.tolist()}")
        if first:
            self.classes_ = named
            self._begin(X, len(named))
        self._run(X, self._targets(y, None), None, epochs=1)
        return self

    def _targets(self, y: Any, weights: Any) -> Any:
        """The index of each class; with weights, vectors of them: the cross-entropy is proportional to its target."""
        indices = np.searchsorted(self.classes_, y)
        if weights is None:
            return indices.tolist()
        return (np.eye(len(self.classes_))[indices] * weights[:, None]).tolist()

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, (n_samples, n_classes), in the order of ``classes_``."""
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithm of each probability, (n_samples, n_classes), also where that is too small for a float."""
        logits = self._outputs(X)
        logits = logits - logits.max(axis=1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> Any:
        """The most probable class of each sample."""
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]


def _weighted_error(output: Any, target: Sequence[Any]) -> Any:
    """The squared error of a sample, times its weight, which comes last in the target."""
    *y, weight = target
    return weight * mse_loss(output, y if len(y) > 1 else y[0])


class MLPRegressor(RegressorMixin, Network):  # type: ignore[misc]
    """A network with a linear output for each target, trained on the mean squared error.

        loss = mean over the outputs of (z_k − y_k)²

    The arguments: see ``Network``.

    Source: the interface is that of scikit-learn's ``sklearn.neural_network.MLPRegressor``.

    >>> X = [[x / 10.0] for x in range(-20, 21)]
    >>> y = [x**2 for [x] in X]
    >>> regressor = MLPRegressor((16,), activation="tanh", learning_rate_init=0.05, max_iter=500, random_state=0)
    >>> regressor.fit(X, y).score(X, y) > 0.99
    True
    """

    _loss = "mse_loss"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train a new network: see ``MLPClassifier.fit``.  Targets are (n_samples,) or (n_samples, n_targets)."""
        X, y = self._checked(X, y, first=not self._goes_on)
        outputs = 1 if y.ndim == 1 else y.shape[1]
        self._check_outputs(outputs)
        self._several = y.ndim > 1
        loss = None
        if sample_weight is not None:
            counts, weights = weighted(X, sample_weight)
            X, y, loss = X[counts], np.column_stack([y[counts], weights]), _weighted_error
        self._train(X, y.tolist(), outputs, loss)
        return self

    def partial_fit(self, X: Any, y: Any) -> MLPRegressor:
        """Go through these samples once, from where the network is; the first call says how many targets there are."""
        first = not hasattr(self, "model_")
        X, y = self._checked(X, y, first=first)
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if first:
            self._several = y.ndim > 1
            self._begin(X, outputs)
        elif outputs != self.n_outputs_:
            raise ValueError(f"there are {outputs} targets, but {self.n_outputs_} in the first call")
        self._run(X, y.tolist(), None, epochs=1)
        return self

    def _checked(self, X: Any, y: Any, *, first: bool) -> tuple[Any, Any]:
        """The arrays, with one target per sample as a flat array."""
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, reset=first)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, np.asarray(y, dtype=np.float64)

    def predict(self, X: Any) -> Any:
        """The outputs, in the shape of the targets."""
        outputs = self._outputs(X)
        return outputs if self._several else outputs[:, 0]
