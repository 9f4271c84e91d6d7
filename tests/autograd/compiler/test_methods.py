"""Compiled methods belong to one object and to one function: whatever is copied, replaced or defined again."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value
from nn import Module


class Line(Module):
    def __init__(self, slope: float) -> None:
        self.slope = Value(slope)

    @autograd.compile
    def loss(self, x: Any) -> Any:
        return self.slope * x

    square = autograd.compile(lambda self, x: self.slope * x * x)
    cube = autograd.compile(lambda self, x: self.slope * x * x * x)


def scaled_by(factor: float) -> Any:
    @autograd.compile
    def method(self: Any, x: Any) -> Any:
        return self.slope * x * factor

    return method


class Made(Line):
    double = scaled_by(2.0)
    triple = scaled_by(3.0)


class Slotted:
    __slots__ = ("slope",)

    def __init__(self, slope: float) -> None:
        self.slope = Value(slope)

    @autograd.compile
    def loss(self, x: Any) -> Any:
        return self.slope * x


class Keeping(Slotted):
    __slots__ = ("__weakref__", "offset")


class Shared:
    rate = 2.0

    @autograd.compile
    @staticmethod
    def below(x: Any) -> Any:
        return x * 3.0

    @staticmethod
    @autograd.compile
    def above(x: Any) -> Any:
        return x * 3.0

    @autograd.compile
    @classmethod
    def of_class(cls, x: Any) -> Any:
        return x * cls.rate


class Faster(Shared):
    rate = 5.0


def test_lambdas_and_methods_of_a_factory_have_one_name_and_are_different_methods() -> None:
    line, made = Line(2.0), Made(2.0)
    for _ in range(2):
        assert (line.square(3.0).data, line.cube(3.0).data) == (18.0, 54.0)
        assert (made.double(3.0).data, made.triple(3.0).data) == (12.0, 18.0)
    assert line.square is line.square
    assert line.square.recordings == line.cube.recordings == 1


def test_a_method_that_is_replaced_on_its_class_is_the_new_one() -> None:
    class Local(Line):
        @autograd.compile
        def loss(self, x: Any) -> Any:
            return self.slope * x + 1.0

    line = Local(2.0)
    assert line.loss(3.0).data == 7.0

    @autograd.compile
    def loss(self: Any, x: Any) -> Any:
        return self.slope * x + 10.0

    Local.loss = loss  # type: ignore[method-assign]
    assert line.loss(3.0).data == 16.0


def test_an_object_of_a_class_that_is_defined_again_runs_the_new_code() -> None:
    def define(offset: float) -> Any:
        class Local(Line):
            @autograd.compile
            def loss(self, x: Any) -> Any:
                return self.slope * x + offset

        return Local

    line = define(1.0)(2.0)
    assert line.loss(3.0).data == 7.0
    line.__class__ = define(10.0)
    assert line.loss(3.0).data == 16.0


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "deepcopy", "pickle"]
)
@pytest.mark.parametrize("used", [False, True])
def test_a_copy_has_methods_of_its_own(copied: Callable[[Any], Any], used: bool) -> None:
    line = Line(2.0)
    if used:
        line.loss(1.0)
    twin = copied(line)
    twin.slope = Value(5.0)
    for _ in range(2):
        assert (line.loss(3.0).data, twin.loss(3.0).data) == (6.0, 15.0)
        assert (line.loss.f.__self__, twin.loss.f.__self__) == (line, twin)  # type: ignore[attr-defined]
    twin.loss(1.0).backward()
    assert (line.slope.grad, twin.slope.grad) == (0, 1.0)
    assert line.parameters() == [line.slope]


def test_objects_with_their_methods_are_collected() -> None:
    line = Line(2.0)
    line.loss(1.0)
    twin = copy.copy(line)
    twin.loss(1.0)
    gone = weakref.ref(line)
    del line
    gc.collect()
    assert gone() is None
    assert twin.loss(1.0).data == 2.0


@pytest.mark.parametrize("kind", [Slotted, Keeping])
def test_a_method_of_a_class_with_slots(kind: Any) -> None:
    lines = [kind(float(k)) for k in range(20)]
    for _ in range(2):
        assert [line.loss(2.0).data for line in lines] == [2.0 * k for k in range(20)]
    assert lines[-1].loss is lines[-1].loss
    assert lines[-1].loss.recordings == 1
    lines[-1].slope = Value(7.0)
    assert lines[-1].loss(2.0).data == 14.0


def test_static_methods() -> None:
    for method in (Shared.below, Shared.above, Shared().below, Faster().above):
        assert method(2.0) == 6.0
        assert method.value_and_grad(2.0) == (6.0, (3.0,))
    assert Shared.below.recordings == 1


def test_class_methods() -> None:
    for _ in range(2):
        assert (Shared.of_class(3.0), Faster.of_class(3.0), Faster().of_class(3.0)) == (6.0, 15.0, 15.0)
        assert Faster.of_class.value_and_grad(3.0) == (15.0, (5.0,))
    assert Faster.of_class is Faster().of_class


def test_a_compiled_method_below_classmethod_works_or_says_what_to_write() -> None:
    class Local:
        rate = 2.0

        @classmethod
        @autograd.compile
        def loss(cls, x: Any) -> Any:
            return x * cls.rate

    try:  # until Python 3.12 a class method binds what it wraps
        assert Local.loss(3.0) == 6.0
    except TypeError as error:
        assert "@autograd.compile above @classmethod" in str(error)  # noqa: PT017 - either is right


def test_the_report_of_the_class_says_that_the_objects_have_their_own() -> None:
    class Doubler:
        @autograd.compile
        def step(self, x: float) -> Any:
            return x * 2

    function: Any = Doubler.step
    assert function.report() == (
        "step: 0 recordings for 0 calls; 0 calls reused a recording, 0 ran without the compiler"
    )
    thing = Doubler()
    for _ in range(3):
        thing.step(1.0)
    assert "separately for each object" in function.report()
    assert "print(thing.step.report())" in function.report()
    own: Any = thing.step
    assert own.report().startswith("step: 1 recording for 3 calls")
