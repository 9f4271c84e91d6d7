"""Networks as scikit-learn's estimators: for pipelines, cross-validation and grid search.

They are ``nn.MLP`` and ``nn.fit`` behind the methods that scikit-learn asks for, with the names that its own
``MLPClassifier`` and ``MLPRegressor`` use.  Networks learn best from features of mean 0 and variance 1, so put a
``StandardScaler`` before them.

>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> from nn import load_iris
>>> X, y = load_iris().features, load_iris().targets
>>> pipeline = make_pipeline(StandardScaler(), MLPClassifier((8,), learning_rate_init=0.05, tol=1e-3, random_state=0))
>>> pipeline.fit(X, y).score(X, y) > 0.95
True
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from inspect import cleandoc, signature
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from nn.evaluation import predict
from nn.layers import MLP
from nn.optim import OPTIMIZERS
from nn.options import check_name, suggestion, whole_number
from nn.training import EarlyStopping, fit

__all__ = ["MLPClassifier", "MLPRegressor"]


class _NamedArguments(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator that answers an unknown argument with the one that was probably meant."""

    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        known = [name for name in signature(cls.__init__).parameters if name != "self"]
        for name in named:
            if name not in known:
                # scikit-learn's networks call the factor of their penalty alpha.
                meant = suggestion("weight_decay" if name == "alpha" else name, known)
                raise TypeError(f"{cls.__name__} has no argument {name!r}: it has {', '.join(known)}{meant}")
        return super().__new__(cls)


class _Network(_NamedArguments):
    """The common part of both estimators; the arguments are those of scikit-learn's networks.

    Args:
        hidden_layer_sizes: The number of neurons of each hidden layer.
        activation: The activation of the hidden layers, one of ``nn.layers.ACTIVATIONS``; "logistic",
            scikit-learn's name, is "sigmoid".
        solver: The name of the optimiser, one of ``nn.optim.OPTIMIZERS``.
        learning_rate_init: The learning rate.
        weight_decay: The factor of the L2 penalty: this part of each parameter is added to its gradient.
        batch_size: The number of samples in a mini-batch; "auto" is min(200, n_samples).
        max_iter: The largest number of epochs.
        tol: The least improvement of the loss that counts.
        n_iter_no_change: The number of epochs in a row without such an improvement after which training stops.
        early_stopping: Whether to hold out a part of the samples and to stop by the loss on these.
        validation_fraction: The part of the samples that is held out then.
        random_state: The seed of the first weights and of the mini-batches, or a ``RandomState``.
        compile: Whether training runs compiled steps.

    Attributes:
        model_: The trained ``nn.MLP``.
        history_: The ``nn.History`` of its training.
        n_iter_: The number of epochs.
        loss_curve_: The loss of each epoch.
        loss_: The loss of the last epoch.
        n_features_in_: The number of features.
    """

    _loss = ""

    def __init_subclass__(cls, **options: Any) -> None:
        """Give each estimator these arguments and attributes in its own docstring, where ``help`` looks for them."""
        super().__init_subclass__(**options)
        common, own = _Network.__doc__, cls.__doc__
        if common and own:  # neither is there under python -OO
            _, title, arguments = cleandoc(common).partition("Args:")
            cls.__doc__ = cleandoc(own).replace("The arguments: see ``_Network``.", title + arguments)

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        learning_rate_init: float = 0.001,
        weight_decay: float = 0.0001,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        random_state: Any = None,
        compile: bool = True,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.compile = compile

    def _train(self, X: Any, targets: Sequence[Any], outputs: int) -> None:
        """Make the network and train it.

        Args:
            X: The samples, an array (n_samples, n_features).
            targets: One target per sample, as the loss wants it.
            outputs: The number of the network's outputs.
        """
        check_name("solver", self.solver, OPTIMIZERS, "use nn.fit")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        sizes = [*np.atleast_1d(self.hidden_layer_sizes).tolist(), outputs]
        activation = "sigmoid" if self.activation == "logistic" else self.activation
        model = MLP(X.shape[1], sizes, activation=activation, init="xavier_uniform", seed=seed)
        optimizer = OPTIMIZERS[self.solver](
            model.parameters(), lr=self.learning_rate_init, weight_decay=self.weight_decay
        )
        self.history_ = fit(
            model,
            X.tolist(),
            targets,
            loss=self._loss,
            optimizer=optimizer,
            epochs=whole_number("max_iter", self.max_iter, 1),
            batch_size=min(200, len(X))
            if self.batch_size == "auto"
            else whole_number("batch_size", self.batch_size, 1),
            validation_split=self.validation_fraction if self.early_stopping else 0.0,
            early_stopping=EarlyStopping(
                "val_loss" if self.early_stopping else "loss", min_delta=self.tol, patience=self.n_iter_no_change
            ),
            seed=seed,
            compile=self.compile,
            progress=False,
        )
        self.model_ = model
        self.loss_curve_ = list(self.history_.loss)
        self.loss_, self.n_iter_ = self.loss_curve_[-1], len(self.loss_curve_)
        if not self.history_.stopped:
            warnings.warn(
                f"training ended after max_iter={self.max_iter} epochs, but the loss was still improving: raise "
                "max_iter or learning_rate_init",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _outputs(self, X: Any) -> Any:
        """The outputs of the network, an array (n_samples, outputs)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return np.array(predict(self.model_, X.tolist(), compile=self.compile), dtype=float).reshape(len(X), -1)


class MLPClassifier(ClassifierMixin, _Network):  # type: ignore[misc]
    """A network that tells classes apart: softmax of its outputs, trained on the cross-entropy.

        p_k = e^{z_k} / Σ_j e^{z_j},   loss = −log p_y

    The arguments: see ``_Network``.
        classes_: The labels, sorted.

    Source: the interface is that of scikit-learn's ``sklearn.neural_network.MLPClassifier``.

    >>> from nn import make_moons
    >>> X, y = make_moons(100, seed=0)
    >>> classifier = MLPClassifier((16,), learning_rate_init=0.05, max_iter=500, random_state=0).fit(X, y)
    >>> classifier.score(X, y) > 0.95, classifier.predict_proba(X[:2]).shape
    (True, (2, 2))
    """

    _loss = "cross_entropy"

    def fit(self, X: Any, y: Any) -> MLPClassifier:
        """Train a new network.

        Args:
            X: The samples, (n_samples, n_features).
            y: The label of each, of any kind that can be sorted.

        Returns:
            The estimator itself.

        Raises:
            ValueError: The arrays do not fit together, hold nan or infinite numbers, or an argument is out of range.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, indices = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs samples of 2 classes or more, got 1 class: {self.classes_.tolist()}")
        self._train(X, indices.tolist(), len(self.classes_))
        return self

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, (n_samples, n_classes), in the order of ``classes_``."""
        logits = self._outputs(X)
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> Any:
        """The most probable class of each sample."""
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]


class MLPRegressor(RegressorMixin, _Network):  # type: ignore[misc]
    """A network with a linear output for each target, trained on the mean squared error.

        loss = mean over the outputs of (z_k − y_k)²

    The arguments: see ``_Network``.

    Source: the interface is that of scikit-learn's ``sklearn.neural_network.MLPRegressor``.

    >>> X = [[x / 10.0] for x in range(-20, 21)]
    >>> y = [x**2 for [x] in X]
    >>> regressor = MLPRegressor((16,), activation="tanh", learning_rate_init=0.05, max_iter=500, random_state=0)
    >>> regressor.fit(X, y).score(X, y) > 0.99
    True
    """

    _loss = "mse_loss"

    def fit(self, X: Any, y: Any) -> MLPRegressor:
        """Train a new network.

        Args:
            X: The samples, (n_samples, n_features).
            y: The targets, (n_samples,) or (n_samples, n_targets).

        Returns:
            The estimator itself.

        Raises:
            ValueError: The arrays do not fit together, hold nan or infinite numbers, or an argument is out of range.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._several = y.ndim > 1
        self._train(X, np.asarray(y, dtype=np.float64).tolist(), y.shape[1] if self._several else 1)
        return self

    def predict(self, X: Any) -> Any:
        """The outputs, in the shape of the targets."""
        outputs = self._outputs(X)
        return outputs if self._several else outputs[:, 0]
