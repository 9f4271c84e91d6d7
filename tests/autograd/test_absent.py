"""What a Value does not have: an error says what to write instead, and whoever only asks is told that there is none."""

from __future__ import annotations

import copy
import operator
import pickle
import pydoc
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from autograd import Value
from autograd.names import ADVICE, Absent


@pytest.fixture(name="v")
def one_node() -> Value:
    return Value(7.0, "v")


@pytest.mark.parametrize("name", [*ADVICE])
def test_a_name_of_other_libraries_says_what_to_write(name: str, v: Value) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(v, name)
    assert str(caught.value) == f"a Value has no {name!r}: {ADVICE[name]}"
    assert not hasattr(v, name)
    assert repr(getattr(Value, name)) == f"<no {name}>"
    assert getattr(v, name, None) is None
    assert name not in dir(v)


def test_no_name_that_a_value_has_is_taken_away() -> None:
    others = [kind for kind in Value.__mro__ if kind is not Absent]
    assert not [name for name in ADVICE for kind in others if name in vars(kind)]


@pytest.mark.parametrize("name", ["backward", "grad", "data", "clip", "op", "parents"])
def test_what_is_advised_is_there(name: str, v: Value) -> None:
    assert hasattr(v, name)
    assert [advice for advice in ADVICE.values() if name in advice]


def test_a_value_is_no_list_and_says_so(v: Value) -> None:
    for expected in (TypeError, AttributeError):  # the one that Python raises, and the one by which hasattr says no
        with pytest.raises(expected, match=r"a Value is one number, not a list; a list of them is \[Value"):
            len(v)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'Value' object is not subscriptable"):
        v[0]  # type: ignore[index]


@pytest.mark.parametrize("act", [iter, list, sum, max, lambda v: 1 in v, lambda v: [*v], lambda v: dict(v)])
def test_it_is_not_iterated_over(act: Callable[[Any], Any], v: Value) -> None:
    with pytest.raises(TypeError):
        act(v)


@pytest.mark.parametrize("protocol", ["__len__", "__getitem__"])
def test_who_asks_for_a_protocol_is_told_that_there_is_none(protocol: str, v: Value) -> None:
    assert not hasattr(v, protocol)
    assert not isinstance(v, (Iterable, Sequence))


@pytest.mark.parametrize(("sign", "act"), [
    ("@", operator.matmul), ("//", operator.floordiv), ("%", operator.mod), ("divmod", divmod),
])  # fmt: skip
@pytest.mark.parametrize("operands", [(7.0, 2.0), (7.0, 2), ("left", 2.0), (2.0, "right")])
def test_an_operator_that_is_missing_says_what_to_write(
    sign: str, act: Callable[[Any, Any], Any], operands: tuple[Any, Any]
) -> None:
    left, right = [Value(7.0) if x in (7.0, "left", "right") else x for x in operands]
    with pytest.raises(TypeError, match=f"a Value has no operator '{sign}': write "):
        act(left, right)


def test_the_way_out_of_floor_and_remainder_is_right_and_has_a_gradient(v: Value) -> None:
    w = 2.0
    remainder = v - w * (v / w).floor()
    remainder.backward()
    assert (remainder.data, (v / w).floor().data, v.grad) == (7.0 % 2.0, 7.0 // 2.0, 1.0)


def test_objects_with_operators_of_their_own_still_have_a_say(v: Value) -> None:
    class Other:
        def __rmatmul__(self, left: Any) -> str:
            return "theirs"

        def __mod__(self, right: Any) -> str:
            return "theirs, too"

    assert [v @ Other(), Other() % v] == ["theirs", "theirs, too"]  # type: ignore[operator]
    with pytest.raises(TypeError, match="unsupported operand"):
        v @ object()  # type: ignore[operator]


def test_subclasses_may_have_all_of_it() -> None:
    class Vector(Value):
        size = 3

        def __init__(self, data: float) -> None:
            super().__init__(data)
            self.shape = (1,)

        def __len__(self) -> int:
            return 1

        def __mod__(self, other: Any) -> str:
            return "mine"

        def sum(self) -> Vector:
            return self

    x = Vector(2.0)
    assert (x.shape, len(x), x % 2, x.sum() is x) == ((1,), 1, "mine", True)
    assert {"shape", "sum"} <= {*dir(x), *vars(x)}


def test_copies_and_arrays_work_as_before(v: Value) -> None:
    for same in (copy.copy(v), copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        assert (same.data, same.label) == (7.0, "v")
    assert bool(v)
    np = pytest.importorskip("numpy")
    array = np.array([v, v])
    assert (array.dtype, array.shape, np.array(v).shape, np.shape(v), np.ndim(v)) == (object, (2,), (), (), 0)
    assert [np.sum(array).data, np.mean(array).data, np.sum(v).data] == [14.0, 7.0, 7.0]
    assert (np.array([1.0, 2.0]) @ array).data == 21.0
    assert (np.float64(2.0) * v).data == 14.0
    with pytest.raises(TypeError, match="would drop the gradient"):
        np.array([v], dtype=float)


def test_help_ends_with_what_there_is_not() -> None:
    text = pydoc.render_doc(Value, renderer=pydoc.plaintext)
    assert text.rindex("backward(") < text.index(" |  backwards\n |      There is none: it is called backward.")


def test_a_name_may_be_set_on_a_subclass_that_has_attributes_of_its_own() -> None:
    class Named(Value):
        pass

    node: Any = Named(1.0)
    node.value = 3
    assert node.value == 3
    plain: Any = Value(1.0)
    with pytest.raises(AttributeError, match="no 'gradient': it is called grad"):
        plain.gradient = 0.0
