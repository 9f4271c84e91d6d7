"""Small data sets to learn on: Iris and names, bundled with the package, and points drawn from a formula.

Every generator is deterministic: the same arguments give the same samples, in random order and with any noise
drawn from ``random.Random(seed)``.  Samples are lists of floats, classes are integers from 0.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

from nn.data import Dataset, read_csv
from nn.options import check_number, whole_number
from nn.tables import DataError

Points = list[list[float]]


def load_iris() -> Dataset[int]:
    """Load Fisher's measurements of 150 iris flowers, 50 of each of three species, in centimetres.

    Setosa is linearly separable from the other two, which overlap a little.

    Source: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7 (1936),
    179-188; data set "Iris" of the UCI Machine Learning Repository, doi:10.24432/C56C76, licensed CC BY 4.0.
    Samples 35 and 38 (counted from 1) have the values printed in Fisher's paper, as in R and scikit-learn; the
    repository's own file has an error in each.

    >>> iris = load_iris()
    >>> iris.feature_names
    ['sepal_length', 'sepal_width', 'petal_length', 'petal_width']
    >>> iris.features[0], iris.class_names[iris.targets[0]]
    ([5.1, 3.5, 1.4, 0.2], 'setosa')
    """
    return read_csv(Path(__file__).with_name("iris.csv"), target="species")


def load_names() -> list[str]:
    """Load 2,003 given names of 2 to 14 small letters, for models of sequences; the order is that of their use.

    A few come twice: as names of girls and of boys.

    Source: every 16th name of ``names.txt`` of A. Karpathy's project makemore (2022,
    https://github.com/karpathy/makemore, MIT licence), which has the 32,033 most frequent names for children born in
    2018 according to the US Social Security Administration.

    >>> names = load_names()
    >>> len(names), names[:3]
    (2003, ['emma', 'sofia', 'hannah'])
    """
    return Path(__file__).with_name("names.txt").read_text(encoding="ascii").split()


def make_moons(n_samples: int = 100, *, noise: float = 0.0, seed: int = 0) -> tuple[Points, list[int]]:
    """Draw two interleaving half circles of radius 1.

        class 0: (cos t, sin t),   class 1: (1 − cos t, ½ − sin t),   t from 0 to π in equal steps

    Args:
        n_samples: The number of points; class 0 gets half of them, rounded down.
        noise: The standard deviation of the Gaussian noise added to each coordinate.
        seed: The seed of the order and the noise.

    Raises:
        DataError: There are fewer samples than classes, or the noise is negative.

    Source: scikit-learn's ``make_moons``, whose points without noise are the same.

    >>> X, y = make_moons(4)
    >>> sorted(zip(y, X))[0]
    (0, [-1.0, 1.2246467991473532e-16])
    """

    def moon(label: int, position: float) -> tuple[float, float]:
        t = math.pi * position
        return (math.cos(t), math.sin(t)) if label == 0 else (1.0 - math.cos(t), 0.5 - math.sin(t))

    return _curves(moon, 2, n_samples, noise, seed)


def make_circles(
    n_samples: int = 100, *, noise: float = 0.0, factor: float = 0.5, seed: int = 0
) -> tuple[Points, list[int]]:
    """Draw a circle of radius 1 (class 0) around a circle of radius ``factor`` (class 1).

    The factor is between 0 and 1; all else as for ``make_moons``.

    Raises:
        DataError: There are fewer samples than classes, the noise is negative, or the factor out of range.

    >>> X, y = make_circles(20, factor=0.25)
    >>> sorted({(label, round(math.hypot(*x), 12)) for x, label in zip(X, y)})
    [(0, 1.0), (1, 0.25)]
    """
    check_number("factor", factor)
    if not 0.0 <= factor < 1.0:
        raise DataError(f"factor must be at least 0 and less than 1, got {factor}")

    def circle(label: int, position: float) -> tuple[float, float]:
        t = 2.0 * math.pi * position
        radius = factor if label else 1.0
        return radius * math.cos(t), radius * math.sin(t)

    return _curves(circle, 2, n_samples, noise, seed, closed=True)


def make_spirals(
    n_samples: int = 100, *, noise: float = 0.0, turns: float = 1.0, n_classes: int = 2, seed: int = 0
) -> tuple[Points, list[int]]:
    """Draw one arm of a spiral per class, from near the centre, where all would meet, out to radius 1.

        class c: r (cos t, sin t),   r from 0.1 to 1 in equal steps,   t = 2π (turns · r + c / n_classes)

    The points are shared evenly between the ``n_classes`` arms, the last of which get the rest.  Each arm winds around
    the centre ``turns`` times.  All else is as for ``make_moons``.

    Raises:
        DataError: There are fewer samples than classes, fewer than 2 classes, or the noise is negative.

    >>> X, y = make_spirals(90, n_classes=3)
    >>> [y.count(c) for c in range(3)]
    [30, 30, 30]
    """
    if whole_number("n_classes", n_classes) < 2:
        raise DataError(f"n_classes must be at least 2, got {n_classes}")

    def spiral(label: int, position: float) -> tuple[float, float]:
        r = 0.1 + 0.9 * position
        t = 2.0 * math.pi * (turns * r + label / n_classes)
        return r * math.cos(t), r * math.sin(t)

    return _curves(spiral, n_classes, n_samples, noise, seed)


def make_xor(n_samples: int = 4, *, noise: float = 0.0, seed: int = 0) -> tuple[Points, list[int]]:
    """Draw the corners of the unit square, labelled with the exclusive or of their coordinates.

    No straight line separates the classes: it is the smallest problem that needs a hidden layer.

    Corners repeat in turn; all else as for ``make_moons``.

    Raises:
        DataError: There are fewer samples than corners, or the noise is negative.

    Source: M. Minsky and S. Papert, "Perceptrons" (1969).

    >>> X, y = make_xor()
    >>> sorted(zip(X, y))
    [([0.0, 0.0], 0), ([0.0, 1.0], 1), ([1.0, 0.0], 1), ([1.0, 1.0], 0)]
    """
    _check(n_samples, 4, noise)
    corners = [(0, 0), (0, 1), (1, 0), (1, 1)]
    samples = [((float(a), float(b)), a ^ b) for a, b in (corners[i % 4] for i in range(n_samples))]
    return _shuffled(samples, noise, seed)


def make_line(
    n_samples: int = 20, *, slope: float = 2.0, intercept: float = 1.0, noise: float = 0.1, seed: int = 0
) -> tuple[Points, list[float]]:
    """Draw points near a straight line: y = slope · x + intercept + noise, x uniform between -1 and 1.

    The ``noise`` is the standard deviation of the Gaussian noise in y.  X has one list per sample, with the single
    feature x, and y one float.

    Raises:
        DataError: There is no sample, or the noise is negative.

    >>> X, y = make_line(3, slope=2.0, intercept=1.0, noise=0.0)
    >>> [round(target - 2.0 * x, 12) for (x,), target in zip(X, y)]
    [1.0, 1.0, 1.0]
    """
    _check(n_samples, 1, noise)
    rng = random.Random(seed)
    X = [[rng.uniform(-1.0, 1.0)] for _ in range(n_samples)]
    return X, [slope * x + intercept + rng.gauss(0.0, noise) for (x,) in X]


def _curves(
    curve: Callable[[int, float], tuple[float, float]], n_classes: int, n_samples: int, noise: float, seed: int, *,
    closed: bool = False,
) -> tuple[Points, list[int]]:  # fmt: skip
    """Points at even steps from 0 to 1 along one curve per class; a closed curve leaves out the 1, which is its 0."""
    _check(n_samples, n_classes, noise)
    samples = []
    for label in range(n_classes):
        count = n_samples * (label + 1) // n_classes - n_samples * label // n_classes
        steps = count if closed else max(count - 1, 1)
        samples += [(curve(label, i / steps), label) for i in range(count)]
    return _shuffled(samples, noise, seed)


def _shuffled(samples: list[tuple[tuple[float, float], int]], noise: float, seed: int) -> tuple[Points, list[int]]:
    rng = random.Random(seed)
    rng.shuffle(samples)
    X = [[coordinate + rng.gauss(0.0, noise) for coordinate in point] for point, _ in samples]
    return X, [label for _, label in samples]


def _check(n_samples: int, least: int, noise: float) -> None:
    if whole_number("n_samples", n_samples) < least:
        raise DataError(f"n_samples must be at least {least}, got {n_samples}")
    check_number("noise", noise)
    if not (noise >= 0.0 and math.isfinite(noise)):
        raise DataError(f"noise is a standard deviation and must be at least 0, got {noise}")
