"""Machine code that tells whether containers hold the same objects still, against each way in which they may not."""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount
from typing import Any

import pytest

pytest.importorskip("llvmlite")

import autograd
from autograd import Value
from autograd.compiler.machine import identical
from autograd.compiler.machine.identical import Comparison, can_compare
from autograd.compiler.recording import outside
from autograd.compiler.recording.watches import NO_KEY, Look

pytestmark = pytest.mark.skipif(not can_compare(), reason="needs CPython with its lock")


class One:
    pass


class Other(One):
    pass


def _one(x: Any = None) -> Any:
    return x


def _other(x: Any = None) -> Any:
    return [x]


def _cell(x: Any) -> Any:
    def inner() -> Any:
        return x

    return inner.__closure__[0]  # type: ignore[index]


def _of_list(size: int) -> Look:
    members = [object() for _ in range(size)]
    return Look("list", list(members), (), members)


def _of_dict(kind: str) -> Look:
    """A dictionary, of which all counts or some names, of which few or many are absent."""
    x = {"a": 1.5, "b": None, 3: "c", "other": "other"}
    if kind == "dict":
        return Look(kind, x, [*x], [*x.values()])
    absent = ["absent"] if kind == "names" else ["absent", *map(str, range(9))]
    return Look("names", x, ["a", "b", 3, *absent], [1.5, None, "c", *[NO_KEY] * len(absent)])


def _moved_to_the_end(x: dict[Any, Any]) -> None:
    x["a"] = x.pop("a")


class Slotted:
    """Until Python 3.10 it keeps the address of its dictionary among its slots."""

    __slots__ = ("__dict__", "x")


def _of_attributes(x: Any) -> Look:
    return Look("attributes", x, (), (x.__dict__,))


# What is compared, and a change of it.
CASES: dict[str, tuple[Look, Callable[[Any], Any]]] = {
    **{
        f"member {k} of {size}": (_of_list(size), lambda x, k=k: x.__setitem__(k, object()))
        for size in (1, 4, 7, 8, 9)
        for k in range(size)
    },
    "one more": (_of_list(4), lambda x: x.append(1)),
    "one more in an empty list": (_of_list(0), lambda x: x.append(1)),
    "one less": (_of_list(5), list.pop),
    "another order": (_of_list(3), list.reverse),
    **{
        f"{kind}: {name}": (_of_dict(kind), change)
        for kind in ("dict", "names", "few names")
        for name, change in {
            "another value": lambda x: x.update(a=2.5),
            "an equal one": lambda x: x.update(a=float("1.5")),
            "None for a text": lambda x: x.update({3: None}),
            "one less": lambda x: x.pop("b"),
            "none": dict.clear,
            "a new key": lambda x: x.update(absent=1),
            "a new key in the place of another one": lambda x: (x.pop("other"), x.update(absent=1)),
        }.items()
    },
    "dict: another order": (_of_dict("dict"), _moved_to_the_end),
    "dict: another key": (_of_dict("dict"), lambda x: x.update(a=x.pop("a"))),
    "attributes": (_of_attributes(One()), lambda x: setattr(x, "__dict__", {})),
    "attributes beside slots": (_of_attributes(Slotted()), lambda x: setattr(x, "__dict__", {})),
    "attributes of a function": (_of_attributes(_one), lambda x: setattr(x, "__dict__", {})),
    "class": (Look("class", One(), (), (One,)), lambda x: setattr(x, "__class__", Other)),
    "cell": (Look("cell", _cell(2.5), (), (2.5,)), lambda x: setattr(x, "cell_contents", 3.5)),
    "no content": (Look("cell", _cell(2.5), (), (2.5,)), lambda x: delattr(x, "cell_contents")),
}


@pytest.mark.parametrize("name", CASES)
def test_each_change_is_seen(name: str) -> None:
    look, change = CASES[name]
    same = [_of_list(6), _of_dict("names"), _of_dict("dict")]
    if look.kind == "cell":  # of this very number
        look = look._replace(expected=(look.container.cell_contents,))
    compared = Comparison([*same, look, *same])
    assert compared.holds() == 1
    change(look.container)
    assert compared.holds() == 0


def test_code_and_defaults_of_functions_are_compared() -> None:
    def f(x: Any = 1) -> Any:
        return x

    looks = [Look("code", f, (), (f.__code__,)), Look("defaults", f, (), (f.__defaults__,))]
    code, defaults = (Comparison([look]) for look in looks)
    without = Comparison([Look("defaults", _cell, (), (NO_KEY,))])
    assert (code.holds(), defaults.holds(), without.holds()) == (1, 1, 1)
    f.__code__ = _other.__code__
    assert (code.holds(), defaults.holds()) == (0, 1)
    f.__code__ = _one.__code__
    f.__defaults__ = (2,)
    assert (code.holds(), defaults.holds()) == (0, 0)


def test_what_is_gone_when_the_comparison_is_made_is_missed() -> None:
    look = _of_dict("few names")
    look.container.pop("b")
    assert Comparison([look]).holds() == 0


def test_other_objects_in_a_small_namespace_do_not_count() -> None:
    look = _of_dict("few names")
    compared = Comparison([look])
    look.container["other"] = 7.0
    assert compared.holds() == 1


def test_other_names_of_a_namespace_do_not_count() -> None:
    space: dict[str, Any] = {"a": One()}
    compared = Comparison([Look("names", space, ["a", "b"], [space["a"], NO_KEY])])
    space["c"] = 1.0
    assert compared.holds() == 1
    space["b"] = 1.0
    assert compared.holds() == 0


def test_objects_that_are_compared_are_kept() -> None:
    """Were an object freed, machine code would compare, or hash, what is at its address then."""
    name = "-".join(["a", "name"])  # nobody else has this text
    space = {"a": One(), "another": 1.0}
    before = getrefcount(name)
    compared = Comparison([Look("names", space, ["a", name], [space["a"], NO_KEY])])
    assert getrefcount(name) > before
    member = One()
    before = getrefcount(member)
    others = [
        Comparison([Look("list", [member], (), (member,))]),
        Comparison([Look("names", {"a": member}, "a", [member])]),
    ]
    assert getrefcount(member) >= before + 4  # in the containers, and in what is expected of them
    assert [x.holds() for x in (compared, *others)] == [1, 1, 1]
    del space["another"]
    space["one more"] = 1.0
    assert compared.holds() == 1
    space[name] = 1.0
    assert compared.holds() == 0


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_call_while_the_machine_code_is_made_sees_each_change(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may make it, since the interpreter lock is free at times."""
    rates, found = [1.0], []
    w = Value(3.0)
    f = autograd.compile(lambda x: w * x * rates[0])

    class Slow(Comparison):
        def __init__(self, looks: Any) -> None:
            if moment == "after":
                super().__init__(looks)
            rates[0] = 5.0
            found.append(f(1.0).data)
            rates[0] = 1.0
            if moment == "before":
                super().__init__(looks)

    monkeypatch.setattr(outside, "_PAYS", 3)
    monkeypatch.setattr(identical, "Comparison", Slow)
    assert [f(1.0).data for _ in range(5)] == [3.0] * 5
    assert found == [15.0]


def test_an_interrupt_while_the_machine_code_is_made_leaves_pythons_look(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = [1.0]
    w = Value(3.0)
    f = autograd.compile(lambda x: w * x * rates[0])

    def interrupted(looks: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(outside, "_PAYS", 3)
    monkeypatch.setattr(identical, "Comparison", interrupted)
    with pytest.raises(KeyboardInterrupt):
        [f(1.0) for _ in range(9)]
    rates[0] = 5.0
    assert f(1.0).data == 15.0
