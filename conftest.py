"""How the tests are run: the examples in docstrings as a user's programs, a quick choice of tests, several at once."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent

# The tests of ``-m quick``: each of these modules takes seconds at most, needs neither machine code nor a browser, and
# fails soon where the engine, a layer, a loss, an optimiser or the layering is broken.
QUICK = {
    ROOT.joinpath("tests", *folder.split("/"), f"test_{name}.py")
    for folder, names in {
        ".": "layering",
        "autograd": "backward functional labels micrograd modes ops primitive tiny trees value",
        "autograd/compiler": "classes function indices",
        "autograd/viz": "steps",
        "nn": "formulas layers losses module optim tables",
        "nn/training": "history training",
    }.items()
    for name in names.split()
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``-m quick``, do not even import the other modules: that alone takes longer than the tests."""
    left_out = config.option.markexpr == "quick" and collection_path.suffix and collection_path not in QUICK
    return True if left_out else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path in QUICK:
            item.add_marker("quick")
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    if examples := [item for item in items if isinstance(item, pytest.DoctestItem)]:
        names = _public_names()
        for example in examples:
            example.dtest.globs = {**names, **example.dtest.globs}


def _public_names() -> dict[str, Any]:
    """What an example need not import: the names for users, but for Python's own and those that are loaded late."""
    import autograd
    import nn

    names = {name: vars(package).get(name) for package in (autograd, nn) for name in package.__all__}
    return {name: thing for name, thing in names.items() if thing is not None and not hasattr(builtins, name)}


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """With ``-n``, a process keeps the tests of a module, and what they share, until another one has nothing to do."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"


@pytest.fixture(autouse=True)
def example(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> Iterator[None]:
    """Give functions of an example a module of their own: what the packages read themselves is not looked at."""
    doctest_namespace["__name__"] = "example"
    yield
    if isinstance(request.node, pytest.DoctestItem) and (pyplot := sys.modules.get("matplotlib.pyplot")):
        pyplot.close("all")  # the figures that it drew
