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

import random
import warnings
from collections.abc import Sequence
from inspect import cleandoc, signature
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from nn.evaluation import predict
from nn.layers import MLP
from nn.losses import mse_loss
from nn.optim import OPTIMIZERS
from nn.options import check_name, check_options, whole_number
from nn.training import EarlyStopping, History, fit

__all__ = ["MLPClassifier", "MLPRegressor"]


class _NamedArguments(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An unknown argument is answered with the one that was probably meant.  (Python's ``signature`` is that of a class
    below, which has an ``__init__``.)"""

    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        check_options(cls, named, {"alpha": "weight_decay=..."})  # scikit-learn's name
        return super().__new__(cls)


class Network(_NamedArguments):
    """The common part of both estimators; the arguments are those of scikit-learn's networks.

    Args:
        hidden_layer_sizes: The number of neurons of each hidden layer.
        activation: The activation of the hidden layers, one of ``nn.layers.ACTIVATIONS``; "logistic",
            scikit-learn's name, is "sigmoid".
        solver: The name of the optimiser, one of ``nn.optim.OPTIMIZERS``.
        learning_rate_init: The learning rate.
        momentum: The part of the velocity that "sgd" keeps from step to step.
        nesterovs_momentum: Whether "sgd" looks ahead along the velocity.
        beta_1: The part of the mean gradient that "adam" and "adamw" keep from step to step.
        beta_2: The part of the mean squared gradient that they keep.
        epsilon: The number that keeps their divisor from 0.
        weight_decay: The factor of the L2 penalty: this part of each parameter is added to its gradient.
        batch_size: The number of samples in a mini-batch; "auto" is min(200, n_samples).
        max_iter: The largest number of epochs.
        tol: The least improvement of the loss that counts.
        n_iter_no_change: The number of epochs in a row without such an improvement after which training stops.
        early_stopping: Whether to hold out a part of the samples and to stop by the loss on these.
        validation_fraction: The part of the samples that is held out then.
        warm_start: Whether ``fit`` goes on from the network of the last ``fit``, instead of making a new one.
        verbose: Whether to print the loss of each epoch.
        random_state: The seed of the first weights and of the mini-batches, or a ``RandomState``.
        compile: Whether training runs compiled steps.

    Attributes:
        model_: The trained ``nn.MLP``.
        history_: The ``nn.History`` of the last training.
        n_iter_: The number of epochs.
        loss_curve_: The loss of each epoch.
        loss_: The loss of the last epoch.
        best_loss_: The least loss of an epoch.
        out_activation_: The activation of the outputs.
        n_features_in_: The number of features.
    """

    _loss = ""
    out_activation_ = "identity"

    def __init_subclass__(cls, **options: Any) -> None:
        """Give each estimator these arguments and attributes in its own docstring, where ``help`` looks for them."""
        super().__init_subclass__(**options)
        common, own = Network.__doc__, cls.__doc__
        if common and own:  # neither is there under python -OO
            _, title, arguments = cleandoc(common).partition("Args:")
            cls.__doc__ = cleandoc(own).replace("The arguments: see ``Network``.", title + arguments)

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        learning_rate_init: float = 0.001,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0001,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        verbose: bool = False,
        random_state: Any = None,
        compile: bool = True,
    ) -> None:
        # scikit-learn reads each argument from the attribute of its name, and wants it there as it was given.
        given = locals()
        for name in signature(Network.__init__).parameters:
            if name != "self":
                setattr(self, name, given[name])

    # ---- training ------------------------------------------------------------------------------------------------
    def _begin(self, X: Any, outputs: int) -> None:
        """Make the network, its optimiser, and the generator that cuts the batches."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        sizes = [*np.atleast_1d(self.hidden_layer_sizes).tolist(), outputs]
        activation = "sigmoid" if self.activation == "logistic" else self.activation
        self.model_ = MLP(X.shape[1], sizes, activation=activation, init="xavier_uniform", seed=seed)
        self._batches = random.Random(seed)
        self.loss_curve_: list[float] = []
        self._optimizer = self._new_optimizer()

    def _new_optimizer(self) -> Any:
        check_name("solver", self.solver, OPTIMIZERS, "use nn.fit")
        options: dict[str, Any] = {}
        if self.solver == "sgd":
            options = {"momentum": self.momentum, "nesterov": self.nesterovs_momentum and self.momentum > 0}
        elif self.solver in ("adam", "adamw"):
            options = {"betas": (self.beta_1, self.beta_2), "eps": self.epsilon}
        return OPTIMIZERS[self.solver](
            self.model_.parameters(), lr=self.learning_rate_init, weight_decay=self.weight_decay, **options
        )

    @property
    def _goes_on(self) -> bool:
        """Whether ``fit`` goes on from the network that is there."""
        return bool(self.warm_start and hasattr(self, "model_"))

    def _check_outputs(self, outputs: int) -> None:
        if self._goes_on and (there := self.n_outputs_) != outputs:
            raise ValueError(f"warm_start continues a network of {there} outputs, but these targets need {outputs}")

    def _train(self, X: Any, targets: Sequence[Any], outputs: int, loss: Any = None) -> None:
        """Train a network, a new one unless ``warm_start`` says otherwise; without a loss, by that of the estimator."""
        if self._goes_on:
            self._optimizer = self._new_optimizer()
        else:
            self._begin(X, outputs)
        stopping = EarlyStopping(
            "val_loss" if self.early_stopping else "loss", min_delta=self.tol, patience=self.n_iter_no_change
        )
        self._run(
            X, targets, loss,
            epochs=whole_number("max_iter", self.max_iter, 1),
            validation_split=self.validation_fraction if self.early_stopping else 0.0,
            early_stopping=stopping,
        )  # fmt: skip
        if not self.history_.stopped:
            warnings.warn(
                f"training ended after max_iter={self.max_iter} epochs, but the loss was still improving: raise "
                "max_iter or learning_rate_init",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _run(self, X: Any, targets: Sequence[Any], loss: Any, **options: Any) -> None:
        size = min(200, len(X)) if self.batch_size == "auto" else whole_number("batch_size", self.batch_size, 1)
        self.history_ = fit(
            self.model_, X.tolist(), targets,
            loss=loss or self._loss,
            optimizer=self._optimizer,
            batch_size=size,
            callbacks=[self._say] if self.verbose else [],
            seed=self._batches,
            compile=self.compile,
            progress=False,
            **options,
        )  # fmt: skip
        self.loss_curve_ += self.history_.loss
        self.loss_, self.best_loss_ = self.loss_curve_[-1], min(self.loss_curve_)
        self.n_iter_ = len(self.loss_curve_)

    def _say(self, history: History) -> None:
        number = len(self.loss_curve_) + len(history)
        held_out = f", validation loss {history.val_loss[-1]:.6g}" if history.val_loss else ""
        print(f"epoch {number}, loss {history.loss[-1]:.6g}{held_out}")

    # ---- the trained network -------------------------------------------------------------------------------------
    @property
    def coefs_(self) -> list[Any]:
        """The weights of each layer, an array (inputs, neurons)."""
        return [np.array([[w.data for w in neuron.w] for neuron in layer.neurons]).T for layer in self.model_.layers]

    @property
    def intercepts_(self) -> list[Any]:
        """The biases of each layer, an array (neurons,)."""
        return [np.array([neuron.b.data for neuron in layer.neurons]) for layer in self.model_.layers]

    @property
    def n_layers_(self) -> int:
        """The number of layers, the inputs included."""
        return 1 + len(self.model_.layers)

    @property
    def n_outputs_(self) -> int:
        """The number of outputs."""
        return len(self.model_.layers[-1].neurons)

    def _outputs(self, X: Any) -> Any:
        """The outputs of the network, an array (n_samples, outputs)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return np.array(predict(self.model_, X.tolist(), compile=self.compile), dtype=float).reshape(len(X), -1)


def weighted(X: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Which samples count, and their weights, whose mean is 1: the loss stays a mean over the samples."""
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    counts = weights > 0.0
    return counts, weights[counts] / weights[counts].mean()


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
            raise ValueError(f"warm_start continues with a network for the classes {there}, but got {given}")
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
            raise ValueError("the first call of partial_fit needs all labels that will ever occur: classes=[…]")
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
