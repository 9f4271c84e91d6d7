"""Machine code that tells whether containers hold the same objects still, against each way in which they may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("llvmlite")

from autograd.compiler.machine.identical import Comparison, can_compare
from autograd.compiler.recording.looks import NO_KEY, Look

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
    x = {"a": 1.5, "b": None, 3: "c"}
    absent = kind == "names"
    return Look(kind, x, [*x, *["absent"] * absent], [*x.values(), *[NO_KEY] * absent])


def _moved_to_the_end(x: dict[Any, Any]) -> None:
    x["a"] = x.pop("a")


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
        for kind in ("dict", "names")
        for name, change in {
            "another value": lambda x: x.update(a=2.5),
            "an equal one": lambda x: x.update(a=float("1.5")),
            "None for a text": lambda x: x.update({3: None}),
            "one less": lambda x: x.pop("b"),
            "none": dict.clear,
            "a new key": lambda x: x.update(absent=1),
        }.items()
    },
    "dict: another order": (_of_dict("dict"), _moved_to_the_end),
    "dict: another key": (_of_dict("dict"), lambda x: x.update(a=x.pop("a"))),
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


def test_other_names_of_a_namespace_do_not_count() -> None:
    space: dict[str, Any] = {"a": One()}
    compared = Comparison([Look("names", space, ["a", "b"], [space["a"], NO_KEY])])
    space["c"] = 1.0
    assert compared.holds() == 1
    space["b"] = 1.0
    assert compared.holds() == 0
