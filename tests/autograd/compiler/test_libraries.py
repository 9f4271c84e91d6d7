"""What a library keeps in its objects, and a class out of sight, may change between the calls of a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value
from autograd.compiler.recording.outside import Outside

np = pytest.importorskip("numpy")
Read = Callable[[], float]
W = Value(2.0)


def a_polynomial() -> tuple[Read, Callable[[], object]]:
    p = np.poly1d([1.0, 2.0])
    return lambda: float(p(0.5)), lambda: p.coeffs.__setitem__(0, 5.0)


def a_polynomial_of_the_newer_kind() -> tuple[Read, Callable[[], object]]:
    p = np.polynomial.Polynomial([1.0, 2.0])
    return lambda: float(p(0.5)), lambda: p.coef.__setitem__(0, 5.0)


def a_function_for_arrays() -> tuple[Read, Callable[[], object]]:
    rates = [2.0]
    f = np.vectorize(lambda x: x * rates[0])
    return lambda: float(f(0.5)), lambda: rates.__setitem__(0, 5.0)


def a_spline() -> tuple[Read, Callable[[], object]]:
    s = pytest.importorskip("scipy.interpolate").CubicSpline([0.0, 1.0, 2.0], [0.0, 1.0, 4.0])
    return lambda: float(s(0.5)), lambda: s.c.__imul__(2.0)


def a_distribution() -> tuple[Read, Callable[[], object]]:
    normal = pytest.importorskip("scipy.stats").norm(loc=0.0, scale=1.0)
    return lambda: float(normal.cdf(0.5)), lambda: normal.kwds.update(scale=2.0)


def a_regression() -> tuple[Read, Callable[[], object]]:
    model = pytest.importorskip("sklearn.linear_model").LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
    return lambda: float(model.predict([[3.0]])[0]), lambda: model.fit([[1.0], [2.0]], [1.0, 5.0])


def a_coefficient() -> tuple[Read, Callable[[], object]]:
    model = pytest.importorskip("sklearn.linear_model").LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
    return lambda: float(model.coef_[0]), lambda: model.coef_.__setitem__(0, 7.0)


def a_network() -> tuple[Read, Callable[[], object]]:
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(1, 1)
    return lambda: float(layer(torch.ones(1)).item()), lambda: layer.bias.data.add_(1.0)


def a_column_of_a_frame() -> tuple[Read, Callable[[], object]]:
    frame = pytest.importorskip("pandas").DataFrame({"a": [1.0, 2.0]})
    return lambda: float(frame["a"].iloc[0]), lambda: frame.__setitem__("a", [7.0, 8.0])


def a_symbolic_matrix() -> tuple[Read, Callable[[], object]]:
    matrix = pytest.importorskip("sympy").Matrix([[1.0, 2.0], [3.0, 4.0]])
    return lambda: float(matrix.det()), lambda: matrix.__setitem__((0, 0), 7.0)


def a_graph() -> tuple[Read, Callable[[], object]]:
    graph = pytest.importorskip("networkx").path_graph(4)
    return lambda: float(graph.size(weight="w")), lambda: graph.add_edge(0, 3, w=2.5)


def a_private_slot() -> tuple[Read, Callable[[], object]]:
    class Schedule:
        __slots__ = ("__rate",)

        def __init__(self) -> None:
            self.__rate = 2.0

        def rate(self) -> float:
            return self.__rate

        def change(self) -> None:
            self.__rate = 5.0

    schedule = Schedule()
    return schedule.rate, schedule.change


class Rated(type):
    @property
    def rate(cls) -> float:
        return cls._rate  # type: ignore[attr-defined, no-any-return]


class Schedule(metaclass=Rated):
    _rate = 2.0


def a_property_of_a_metaclass() -> tuple[Read, Callable[[], object]]:
    return lambda: Schedule.rate, lambda: setattr(Schedule, "_rate", 5.0)


OBJECTS = [
    a_polynomial, a_polynomial_of_the_newer_kind, a_function_for_arrays, a_spline, a_distribution, a_regression,
    a_coefficient, a_network, a_column_of_a_frame, a_symbolic_matrix, a_graph,
    a_private_slot, a_property_of_a_metaclass,
]  # fmt: skip


@pytest.mark.parametrize("make", OBJECTS)
def test_what_an_object_of_a_library_gives_is_never_stale(make: Callable[[], Any]) -> None:
    read, change = make()
    compiled = autograd.compile(lambda x: W * x * read())
    before = [compiled(1.5).data for _ in range(3)]
    assert before == [W.data * 1.5 * read()] * 3
    recordings = compiled.recordings
    change()
    assert compiled(1.5).data == W.data * 1.5 * read() != before[0]
    assert recordings <= 2  # one more may come from what the library itself keeps


@pytest.mark.parametrize(("library", "expression"), [("sympy", "symbols('x')"), ("mpmath", "mpf(2)"), ("mpmath", "pi")])
def test_the_code_of_a_library_is_not_walked_through(library: str, expression: str) -> None:
    module = pytest.importorskip(library)
    thing = eval(expression, vars(module))
    outside = Outside(lambda x: x * (2.0 if thing is not None else 3.0))
    assert len(outside.seen) < 1000
    assert autograd.compile(lambda x: W * x * (2.0 if thing is not None else 3.0))(1.5).data == 6.0


def test_a_symbolic_matrix_is_no_array_of_numbers() -> None:
    matrix = pytest.importorskip("sympy").Matrix([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(TypeError, match="expected one number, not a MutableDenseMatrix"):
        autograd.compile(lambda m: m[0] * 2.0)(matrix)
