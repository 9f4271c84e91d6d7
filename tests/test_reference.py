"""The reference in ``docs/reference`` has every public name once, and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from tests.support import ROOT

PAGES = sorted((ROOT / "docs" / "reference").glob("*.rst"))
PUBLIC = ["autograd", "autograd.errors", "autograd.functional", "autograd.viz", "nn", "nn.sklearn"]
DIRECTIVE = r"^\.\. auto(function|class|exception):: (\S+)$"


def described() -> list[str]:
    return [name for page in PAGES for _, name in re.findall(DIRECTIVE, page.read_text(encoding="utf-8"), re.MULTILINE)]


def thing(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def public() -> dict[str, object]:
    names = {
        f"{module}.{name}": thing(f"{module}.{name}") for module in PUBLIC for name in import_module(module).__all__
    }
    return {name: found for name, found in names.items() if not isinstance(found, ModuleType)}


def lacking(names: list[str]) -> list[str]:
    """The public names that are described under none of the names that the same thing has."""
    there = {id(thing(name)) for name in names}
    return [name for name, found in public().items() if id(found) not in there]


def test_every_public_name_has_its_place() -> None:
    assert lacking(described()) == []


def test_a_missing_name_is_found() -> None:
    assert lacking([name for name in described() if name != "nn.fit"]) == ["nn.fit"]
    assert {"autograd.sin", "autograd.draw_dot", "autograd.viz.draw_dot"} <= {*lacking([])}


def test_nothing_is_described_twice_and_everything_is_public() -> None:
    assert [name for name, times in Counter(described()).items() if times > 1] == []
    assert [name for name in described() if name not in public()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_classes_are_described_as_classes(page: Path) -> None:
    for kind, name in re.findall(DIRECTIVE, page.read_text(encoding="utf-8"), re.MULTILINE):
        assert isinstance(thing(name), type) == (kind != "function"), name


def test_every_page_is_in_the_table_of_contents() -> None:
    index = (ROOT / "docs" / "index.rst").read_text(encoding="utf-8")
    pages = [*(ROOT / "docs").glob("*.md"), *PAGES]
    names = [page.relative_to(ROOT / "docs").with_suffix("").as_posix() for page in pages]
    assert [name for name in names if f"\n   {name}\n" not in index] == []
