"""Tables of numbers for training: read a CSV file, standardize, split, and cut into mini-batches.

What comes out is plain lists: ``X`` is a list of samples, each a list of floats (one per feature), and ``y`` is a list
with one target per sample. Arrays of numpy and tables of pandas may go in.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Generic, Literal, NoReturn, TypeVar, overload

from nn.options import check_known, whole_number
from nn.tables import DataError, DataFile, listing, read_table, shorten

A = TypeVar("A")
B = TypeVar("B")
Target = TypeVar("Target", int, float)
Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Dataset(Generic[Target]):
    """A table ready for training.

    >>> data = Dataset([[1.4], [4.7]], [0, 1], ["petal_length"], ["setosa", "versicolor"])
    >>> data.class_names[data.targets[1]]
    'versicolor'
    """

    features: list[list[float]]  #: one list of floats per sample
    targets: list[Target]  #: one per sample: an index into ``class_names``, or a float for regression
    feature_names: list[str]  #: the names of the feature columns, in the order of the floats
    class_names: list[str]  #: the label that each class index stands for; empty for regression


@overload
def read_csv(
    path: DataFile, target: str, *, task: Literal["classification"] = ..., drop: Sequence[str] = ...,
    skip_empty: bool = ...,
) -> Dataset[int]: ...  # fmt: skip
@overload
def read_csv(
    path: DataFile, target: str, *, task: Literal["regression"], drop: Sequence[str] = ..., skip_empty: bool = ...
) -> Dataset[float]: ...
def read_csv(
    path: DataFile, target: str, *, task: Task = "classification", drop: Sequence[str] = (), skip_empty: bool = False
) -> Dataset[int] | Dataset[float]:
    """Read a comma-separated UTF-8 file with a header line into a ``Dataset``.

    Every column but ``target`` and those to drop is a feature and must hold finite numbers. Class labels may be any
    text; classes are numbered in sorted order (numerically where every label is a number).

    Args:
        path: The file, or one that is open for reading bytes.
        target: The name of the column to predict.
        task: "classification" reads the target as labels, "regression" as numbers.
        drop: The names of columns to leave out, such as a number of the row.
        skip_empty: Whether to leave out the rows in which a cell is empty.

    Raises:
        DataError: The file cannot be read or a value cannot be used; names file, line and column.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "fruit.csv")
    ...     _ = path.write_text("weight,price,fruit\\n150,0.5,apple\\n6,0.25,cherry\\n")
    ...     read_csv(path, target="fruit").targets
    ...     read_csv(path, target="fruit").features
    [0, 1]
    [[150.0, 0.5], [6.0, 0.25]]
    """
    if task not in ("classification", "regression"):
        raise DataError(f"task must be 'classification' or 'regression', got {task!r}")
    if target in drop:
        raise DataError(f"column {target!r} is to be predicted and to be dropped: choose one")
    table = read_table(path, needed=[target, *drop])
    others = {target, *drop}
    feature_names = [name for name in table.header if name not in others]
    if not feature_names:
        kept = "column" + (f" but {listing(drop)}" if drop else "")
        raise DataError(f"{table.name}: {target!r} is the only {kept}: add at least one feature column")
    if skip_empty:
        table = table.without_empty([*feature_names, target])
    features = table.numbers(feature_names, may_drop=True)
    if task == "regression":
        numbers = [number for (number,) in table.numbers([target])]
        if len({*numbers}) == 1 < len(numbers):
            raise DataError(
                f"{table.name}: column {target!r} is {numbers[0]:g} in every row: there is nothing to learn"
            )
        return Dataset(features, numbers, feature_names, [])
    class_names = table.classes(target)
    if len(class_names) == 1:
        only = shorten(class_names[0])
        raise DataError(f"{table.name}: column {target!r} holds one class only, {only}: there is nothing to tell apart")
    return Dataset(features, table.class_indices(target, class_names), feature_names, class_names)


@dataclass(frozen=True)
class Standardizer:
    """Shift and scale each feature to mean 0 and standard deviation 1.

        x' = (x − mean) / scale,   scale = sqrt(Σ (x − mean)² / N)

    ``fit`` measures the training samples; ``transform`` then treats any sample the same way. A
    constant feature has scale 1, so it becomes 0. ``dataclasses.asdict(s)`` is a plain dictionary to
    save beside a model, and ``Standardizer(**dictionary)`` brings it back.

    >>> s = Standardizer.fit([[1.0, 7.0], [3.0, 7.0]])
    >>> s
    Standardizer(mean=[2.0, 7.0], scale=[1.0, 1.0])
    >>> s.transform([[5.0, 8.0]])
    [[3.0, 1.0]]
    """

    mean: list[float]  #: of each feature, in the feature's unit
    scale: list[float]  #: the standard deviation of each feature, by which it is divided, in the feature's unit

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.scale):
            raise DataError(f"there are {len(self.mean)} means but {len(self.scale)} scales")
        for mean, scale in zip(self.mean, self.scale, strict=True):
            if not (math.isfinite(mean) and math.isfinite(scale) and scale > 0):
                raise DataError(f"a mean must be finite and a scale positive, got {mean} and {scale}")

    @classmethod
    def fit(cls, X: Sequence[Sequence[float]]) -> Standardizer:
        """Measure the mean and the standard deviation (of the population) of each feature.

        Raises:
            DataError: There is no sample, the samples differ in length, or a value is not finite.

        >>> Standardizer.fit([[0.0], [10.0]]).scale
        [5.0]
        """
        X = samples_of(X)
        if not len(X):
            raise DataError("there are no samples to standardize")
        _check_widths(X, len(X[0]) if hasattr(X[0], "__len__") else 1)
        moments = [_mean_and_scale(column, at) for at, column in enumerate(zip(*X, strict=True))]
        return cls([mean for mean, _ in moments], [scale for _, scale in moments])

    def transform(self, X: Sequence[Sequence[float]]) -> list[list[float]]:
        """Standardize samples with the mean and scale measured by ``fit``.

        Raises:
            DataError: A sample does not have one value per feature.

        >>> Standardizer(mean=[2.0], scale=[4.0]).transform([[2.0], [6.0]])
        [[0.0], [1.0]]
        """
        X = samples_of(X)
        _check_widths(X, len(self.mean))
        columns = [_floats(column, at) for at, column in enumerate(zip(*X, strict=True))]
        scaled = [[(x - m) / s for x in column] for column, m, s in zip(columns, self.mean, self.scale, strict=True)]
        return [list(row) for row in zip(*scaled, strict=True)]

    def inverse_transform(self, X: Sequence[Sequence[float]]) -> list[list[float]]:
        """Go back from standardized samples to those in the features' units.

        Raises:
            DataError: A sample does not have one value per feature.

        >>> Standardizer(mean=[2.0], scale=[4.0]).inverse_transform([[0.0], [1.0]])
        [[2.0], [6.0]]
        """
        _check_widths(X, len(self.mean))
        return [[x * s + m for x, m, s in zip(sample, self.mean, self.scale, strict=True)] for sample in X]


def _check_widths(X: Sequence[Any], width: int) -> None:
    for i, sample in enumerate(X):
        if not hasattr(sample, "__len__") or isinstance(sample, str):
            kind = "text" if isinstance(sample, str) else "single number"
            raise DataError(f"sample {i} is the {kind} {sample!r}: each sample is a list of features, as in [[x] …]")
        if len(sample) != width:
            raise DataError(f"sample {i} has {len(sample)} features but {width} are expected")


def samples_of(table: Any) -> Any:
    """Samples whose items are rows: an array for a table of pandas, lists for a tensor, else what was given."""
    if hasattr(table, "to_numpy"):
        return table.to_numpy()
    return table.tolist() if hasattr(table, "detach") and hasattr(table, "tolist") else table


def check_pairs(X: Sequence[Any], y: Sequence[Any], place: str = "") -> None:
    """Refuse samples and targets whose numbers differ, or of which there are none.

    The ``place`` is the argument that they come from, for the message.
    """
    where = f"{place}: " if place else ""
    for name, values in (("X", X), ("y", y)):
        if not hasattr(values, "__len__"):
            raise TypeError(f"{where}{name} is a {type(values).__name__} without a length: give list({name})")
    if len(X) != len(y):
        raise DataError(f"{where}X has {len(X)} samples but y has {len(y)} targets: give one target per sample")
    if not len(X):
        raise DataError(f"{where}there are no samples: X and y are empty")


def pair(given: Any, place: str) -> tuple[Sequence[Any], Sequence[Any]]:
    """The samples and targets of an argument that must be a pair (X, y) of equal lengths; ``place`` is its name."""
    if not hasattr(given, "__len__") or len(given) != 2:
        count = f"{len(given)} things" if hasattr(given, "__len__") else repr(given)
        raise ValueError(f"{place} must be a pair (X, y), got {count}")
    X, y = map(samples_of, given)
    check_pairs(X, y, place)
    return X, y


def argmax(numbers: Sequence[float]) -> int:
    """The place of the largest number, the first of them if there are several."""
    return max(range(len(numbers)), key=numbers.__getitem__)


def _floats(column: Sequence[Any], at: int) -> list[float]:
    """A feature of all samples as floats."""
    try:
        return list(map(float, column))
    except (TypeError, ValueError):
        i, odd = next((i, x) for i, x in enumerate(column) if numbers_of(x) is None)
        raise DataError(f"feature {at} of sample {i} is {odd!r}, no number: encode it or leave it out") from None


def _mean_and_scale(numbers: Sequence[float], at: int) -> tuple[float, float]:
    column = _floats(numbers, at)
    if not all(map(math.isfinite, column)):
        bad = next(x for x in column if not math.isfinite(x))
        raise DataError(f"feature {at} holds {bad}: only finite numbers can be standardized")
    if min(column) == max(column):  # rounding of the mean must not pass for a tiny spread
        return column[0], 1.0
    n = len(column)
    mean = math.fsum(x / n for x in column)  # dividing before adding or squaring keeps large numbers from overflowing
    largest = max(abs(x - mean) for x in column)
    return mean, largest * math.sqrt(math.fsum(((x - mean) / largest) ** 2 for x in column) / n)


def train_test_split(
    X: Sequence[A], y: Sequence[B], *, test_size: float = 0.25, seed: int | random.Random = 0, stratify: Any = False,
    **unknown: NoReturn,
) -> tuple[list[A], list[A], list[B], list[B]]:  # fmt: skip
    """Shuffle the samples and hold some of them out for testing.

    Args:
        X, y: The samples, and one target for each.
        test_size: The part to hold out (between 0 and 1), or the number of samples (an int).
        seed: An int, or a ``random.Random`` to draw from; the same seed gives the same split.
        stratify: Whether to hold out the same part of every class, to the nearest sample: True, or y as in
            scikit-learn.

    Returns:
        X_train, X_test, y_train, y_test, in the order of scikit-learn's function of this name.

    Raises:
        DataError: X and y differ in length or are empty, or one side of the split would be empty.

    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1], test_size=0.5, stratify=True)
    >>> sorted(y_train), sorted(y_test)
    ([0, 1], [0, 1])
    """
    known, elsewhere = ["test_size", "seed", "stratify"], {"random_state": "seed=0"}
    check_known("train_test_split", unknown, known, elsewhere)
    X, y = samples_of(X), samples_of(y)
    n = len(X)
    check_pairs(X, y)
    if hasattr(test_size, "__index__"):
        held_out = whole_number("test_size", test_size)
    else:
        held_out = round(test_size * n) if 0 < test_size < 1 else 0
    if not 0 < held_out < n:
        raise DataError(f"test_size={test_size} holds out {held_out} of {n} samples: both sides need at least 1")
    order = list(range(n))
    _random(seed).shuffle(order)
    test = set(_stratified(order, y, held_out) if stratify is not None and stratify is not False else order[:held_out])
    train, held = [i for i in order if i not in test], [i for i in order if i in test]
    return [X[i] for i in train], [X[i] for i in held], [y[i] for i in train], [y[i] for i in held]


def _stratified(order: list[int], y: Sequence[B], held_out: int) -> list[int]:
    """The first ``held_out`` of the samples when all classes are consumed at an even pace.

    The k-th of a class's m samples is due at time (k + ½) / m; taking samples in order of their
    due time keeps every class within one sample of its share.
    """
    sizes = Counter(y)
    seen: Counter[B] = Counter()
    due: dict[int, float] = {}
    for i in order:
        due[i] = (seen[y[i]] + 0.5) / sizes[y[i]]
        seen[y[i]] += 1
    return sorted(order, key=due.__getitem__)[:held_out]  # stable: ties stay in random order


def minibatches(n: int, batch_size: int, seed: int | random.Random = 0) -> list[list[int]]:
    """Cut one epoch over n samples into random mini-batches of indices.

    Selection is random without replacement: every index appears exactly once. The last batch is
    smaller when ``batch_size`` does not divide n. ``batch_size=1`` is stochastic gradient descent and
    ``batch_size=n`` full-batch gradient descent.

    Args:
        seed: An int, or a ``random.Random``, which makes every epoch's batches different.

    Raises:
        DataError: N or ``batch_size`` is less than 1.
        TypeError: One of them is no whole number.

    >>> rng = random.Random(0)
    >>> for epoch in range(2):
    ...     print(minibatches(5, batch_size=2, seed=rng))
    [[2, 1], [0, 4], [3]]
    [[0, 2], [1, 3], [4]]
    """
    n = whole_number("n", n, otherwise="the batches are indices: minibatches(len(X), batch_size)")
    if n < 1 or whole_number("batch_size", batch_size) < 1:
        raise DataError(f"n and batch_size must be at least 1, got {n} and {batch_size}")
    order = list(range(n))
    _random(seed).shuffle(order)
    return [order[start : start + batch_size] for start in range(0, n, batch_size)]


def one_hot(labels: Iterable[int], num_classes: int) -> list[list[float]]:
    """Turn class indices into target vectors: 1 at the index of the class, 0 elsewhere.

    Raises:
        DataError: A label is not an integer in 0 … num_classes − 1.

    >>> one_hot([0, 2], num_classes=3)
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    vectors = []
    for i, label in enumerate(labels):
        if label not in range(num_classes):
            raise DataError(f"sample {i}: label {label!r} is not one of the classes 0 … {num_classes - 1}")
        vectors.append([float(label == i) for i in range(num_classes)])
    return vectors


def _random(seed: int | random.Random) -> random.Random:
    return seed if isinstance(seed, random.Random) else random.Random(whole_number("seed", seed))


def numbers_of(x: Any) -> list[float] | None:
    """A sample or target as a list of numbers; None if it is something else."""
    try:
        return [float(v) for v in x] if hasattr(x, "__len__") else [float(x)]
    except (TypeError, ValueError):
        return None


def first_not_finite(rows: Sequence[Any]) -> tuple[int, str, Any] | None:
    """The first number that is nan, infinite or missing (None), after its row, and its place in there, such as [2]."""
    for i, row in enumerate(rows):
        is_list = hasattr(row, "__len__") and not isinstance(row, (str, dict))
        for k, x in enumerate(row if is_list else [row]):
            if x is None or (isinstance(x, Real) and not math.isfinite(x)):
                return i, f"[{k}]" if is_list else "", x
    return None
