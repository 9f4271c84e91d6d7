"""Every public name says what it is: in a first sentence, and with an example, which the doctests run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import autograd
import nn
from autograd import functional, viz
from autograd.rows import DOCSTRINGS

MODULES = [autograd, functional, viz, autograd.errors, nn]


def public_names() -> Iterator[tuple[str, Any]]:
    """Everything in ``__all__`` that can be called, and the public members that its classes define themselves."""
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            if isinstance(thing, ModuleType):
                continue
            yield f"{module.__name__}.{name}", thing
            for member in vars(thing) if inspect.isclass(thing) else ():
                found = inspect.getattr_static(thing, member)
                described = callable(found) or isinstance(found, (property, classmethod, staticmethod))
                if described and not member.startswith("_"):
                    yield (
                        f"{module.__name__}.{name}.{member}",
                        getattr(thing, member, found) if not isinstance(found, property) else found,
                    )


PUBLIC = dict(public_names())


def problems(docstring: str | None) -> list[str]:
    """What a docstring lacks."""
    if not docstring:
        return ["there is none"]
    summary = docstring.split("\n\n")[0].replace("\n", " ").strip()
    return [
        *([] if summary.rstrip(":").endswith((".", "?")) or ". " in summary else ["the summary is no sentence"]),
        *([] if ">>> " in docstring else ["there is no example"]),
    ]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_sentence_and_an_example(name: str) -> None:
    assert problems(inspect.getdoc(PUBLIC[name])) == []


def test_what_a_docstring_lacks_is_found() -> None:
    assert problems(None) == ["there is none"]
    assert problems("something\n\nmore of it.") == ["the summary is no sentence", "there is no example"]
    assert problems("A sentence.\n\n>>> 1 + 1\n2") == []


def test_methods_and_functions_of_a_primitive_share_its_text() -> None:
    assert autograd.tanh.__doc__ == autograd.Value.tanh.__doc__ == DOCSTRINGS["tanh"]
    assert {name for name in DOCSTRINGS if not hasattr(autograd, name)} == set()


@pytest.mark.parametrize("package", [autograd, functional, viz, nn])
def test_the_overview_of_a_package_has_an_example_and_every_name(package: ModuleType) -> None:
    assert problems(package.__doc__) == []
    assert set(package.__all__) - set(re.findall(r"\w+", package.__doc__ or "")) == set()
