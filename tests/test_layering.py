"""Imports point down only, and nothing optional is imported before it is used."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import ROOT

MACHINE = "autograd/compiler/machine"  # machine code

# Each package has its levels: a module, or a package with all that is in it, imports from lower levels only.  A package
# that is not listed has no levels inside yet; there, as everywhere, imports do not run in circles.
LEVELS: dict[str, list[set[str]]] = {
    "autograd": [
        {"locks"},
        {
            "branches",
            "differences",
            "display",
            "errors",
            "files",
            "holders",
            "ieee",
            "labels",
            "modes",
            "names",
            "tiny",
        },
        {"rows"},
        {"collector", "ops", "graph"},
        {"provenance", "trees", "writer"},
        {"conversions", "elementwise", "micrograd"},
        {"methods"},
        {"value", "primitive"},
        {"functions"},
        {"functional", "expression"},
        {"check"},
        {"compiler", "viz"},
        {"__init__"},  # the names for users, collected
        {"__main__"},
    ],
    "nn": [
        {"files", "options", "tables"},
        {"data", "distributed", "init"},
        {"datasets", "module"},
        {"activations", "chance", "layers", "losses"},
        {"optimizer"},
        {"optim"},
        {"evaluation", "parts", "schedules"},
        {"diagnosis", "plots", "sequences"},
        {"export", "training"},
        {"lessons"},
        {"__init__"},
        {"cli", "sklearn"},
        {"__main__"},
    ],
    "autograd.viz": [
        {"text"},
        {"facts"},
        {"pictures"},
        {"diagnosis", "pagedata"},
        {"pages"},
        {"__init__"},
    ],
    "nn.training": [
        {"history", "steps"},
        {"checkpoint", "validation"},
        {"fitting"},
        {"sweeps"},
        {"__init__"},
    ],
    "nn.plots": [
        {"style"},
        {"boundary", "curves", "network"},
        {"__init__"},
    ],
    "nn.diagnosis": [
        {"probe"},
        {"symptoms"},
        {"report"},
        {"__init__"},
    ],
    "nn.cli": [
        {"tabular"},
        {"commands", "demo"},
        {"main"},
        {"__init__"},
    ],
}
TOPS = [package for package in LEVELS if "." not in package]
# What `nn` may build on: the names that these modules offer to everyone.
PUBLIC_MODULES = {
    "autograd", "autograd.names", "autograd.display", "autograd.collector", "autograd.compiler.backends",
    "autograd.compiler.batches.samples", "autograd.compiler.batches.training",
    "autograd.compiler.recording.outside", "autograd.elementwise", "autograd.errors", "autograd.files",
    "autograd.functional", "autograd.holders", "autograd.labels", "autograd.locks", "autograd.conversions",
    "autograd.trees", "autograd.viz",
}  # fmt: skip
REQUIRED = {"graphviz"}
# Ours, but built on the optional numpy: they may import it, and others import them inside the function that needs them.
NEED_NUMPY = {
    *[f"autograd.compiler.batches.{name}" for name in ("gradients", "samples", "training")],
    *[".".join(["autograd", "compiler", "machine", path.stem]) for path in (ROOT / MACHINE).glob("[!_]*.py")],
}
# Made for the users of an optional package, which they have.
MADE_FOR = {"nn.sklearn": {"numpy", "sklearn"}}
# What takes time to import, and is not always needed.
LOADED_LATE = NEED_NUMPY | {
    "autograd.compiler.calls.plans",
    "autograd.compiler.python.writer",
    "autograd.compiler.textbook.matrix_form",
    "autograd.compiler.backends",
    "autograd.compiler.recording.outside",
    "autograd.viz",
    "autograd.viz.pages",
    "nn.distributed",
    "nn.plots",
}


class Import(NamedTuple):
    """One imported module (``name`` is empty for ``import module``), where, and whether inside a function."""

    module: str
    name: str
    line: int
    local: bool
    typing_only: bool


parsed = cache(ast.parse)


def imports(source: str, package: str) -> Iterator[Import]:
    """Every import statement of a module of ``package``, with relative ones resolved."""

    def walk(node: ast.AST, local: bool, typing_only: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, "", node.lineno, local, typing_only)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, local, typing_only)
        local = local or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing_only = typing_only or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        for child in ast.iter_child_nodes(node):
            yield from walk(child, local, typing_only)

    return walk(parsed(source), False, False)


def place(module: str, package: str) -> str:
    """The unit of a package's layering that a module belongs to."""
    return module.removeprefix(package).removeprefix(".").split(".")[0] or "__init__"


def level(module: str, package: str) -> int:
    for height, names in enumerate(LEVELS[package]):
        if place(module, package) in names:
            return height
    where = f"give {place(module, package)!r} a level in {Path(__file__).name}"
    raise AssertionError(f"{module} has no place in the layering of {package}: {where}")


def common(module: str, imported: str) -> str:
    """The innermost package that has levels and holds two modules as different units, or the package at the top."""
    package = module.split(".")[0]
    while (inner := f"{package}.{place(module, package)}") in LEVELS and f"{imported}.".startswith(f"{inner}."):
        package = inner
    return package


def imported_module(found: Import) -> str:
    """The module behind ``from package import name``: ``package.name`` if that is a module of ours."""
    folder = ROOT.joinpath(*found.module.split("."))
    if found.name and ((folder / f"{found.name}.py").exists() or (folder / found.name / "__init__.py").exists()):
        return f"{found.module}.{found.name}"
    return found.module


def violations(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """What a module's imports break; ``module`` is its dotted name."""
    top = module.split(".")[0]
    package = module if is_package else module.rpartition(".")[0]
    broken = []
    for found in imports(source, package):
        target = found.module.split(".")[0]
        ours = target in TOPS
        third_party = not ours and target not in sys.stdlib_module_names
        where = f"{module}, line {found.line}: "
        allowed = REQUIRED | MADE_FOR.get(module, {"numpy"} if module in NEED_NUMPY else set())
        if third_party and not found.local and not found.typing_only and target not in allowed:
            broken.append(where + f"{target} is optional: import it inside the function that needs it")
        if (
            found.module in NEED_NUMPY - {module}
            and module not in NEED_NUMPY
            and not (found.local or found.typing_only)
        ):
            broken.append(where + f"{found.module} needs numpy: import it inside the function that needs it")
        if found.local and not third_party and found.module not in LOADED_LATE:
            broken.append(where + f"import {found.module} at the top: only optional packages are imported in functions")
        if target == top:
            imported = imported_module(found)
            inner = common(module, imported)
            if place(imported, inner) != place(module, inner) and level(imported, inner) >= level(module, inner):
                broken.append(where + f"{imported} is not below {module}")
        elif ours and top == "autograd":
            broken.append(where + "autograd does not know nn")
        elif ours and not is_public(found):
            broken.append(where + f"{found.name or found.module} of {found.module} is not a public name of autograd")
    return broken


def is_public(found: Import) -> bool:
    if found.module not in PUBLIC_MODULES:
        return False
    return found.name in ("", "__version__") or found.name in importlib.import_module(found.module).__all__


def modules() -> Iterator[tuple[str, Path]]:
    for top in TOPS:
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_point_down(module: str, path: Path) -> None:
    assert violations(module, path.read_text(encoding="utf-8"), is_package=path.name == "__init__.py") == []


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("autograd.ops", "from autograd.value import Value", "autograd.value is not below autograd.ops"),
        ("autograd.ops", "from .value import Value", "autograd.value is not below autograd.ops"),
        ("autograd.ops", "from autograd import value", "autograd.value is not below autograd.ops"),
        ("autograd.ops", "import autograd.graph", "autograd.graph is not below autograd.ops"),
        ("autograd.ops", "if TYPE_CHECKING:\n    from autograd.value import Value", "is not below autograd.ops"),
        ("autograd.functional", "import autograd", "autograd is not below autograd.functional"),
        (
            "autograd.compiler.emit",
            "from autograd.viz.pictures import dot",
            "autograd.viz.pictures.dot is not below autograd.compiler.emit",
        ),
        (
            "autograd.viz.text.plain",
            "from autograd.viz.facts import steps",
            "facts.steps is not below autograd.viz.text.plain",
        ),
        ("autograd.ops", "import nn", "autograd does not know nn"),
        ("autograd.ops", "import numpy", "numpy is optional"),
        ("autograd.ops", "try:\n    import numpy\nexcept ImportError:\n    numpy = None", "numpy is optional"),
        ("autograd.ops", "def f():\n    import math", "import math at the top"),
        ("autograd.compiler.program.group", "import numpy", "numpy is optional"),
        (
            "autograd.compiler.calls.variants",
            "from autograd.compiler.machine.tape import Tape",
            "machine.tape needs numpy",
        ),
        (
            "nn.training.steps",
            "import autograd.compiler.batches.training",
            "autograd.compiler.batches.training needs numpy",
        ),
        ("nn.data", "from nn.training import fit", "nn.training is not below nn.data"),
        ("nn.plots.style", "from nn.training import fit", "nn.training is not below nn.plots.style"),
        ("nn.plots.style", "from nn.plots.network import plot_network", "nn.plots.network is not below nn.plots.style"),
        ("nn.plots.style", "from . import network", "nn.plots.network is not below nn.plots.style"),
        ("nn.plots.style", "from nn.plots import plot_network", "nn.plots is not below nn.plots.style"),
        ("nn.plots.curves", "from nn.plots.network import plot_network", "is not below nn.plots.curves"),
        ("nn.training.history", "from nn.training.fitting import fit", "nn.training.fitting is not below"),
        (
            "nn.training.sweeps",
            "def f():\n    from nn.training.fitting import fit",
            "import nn.training.fitting at the top",
        ),
        ("nn.data", "from autograd.ops import TABLE", "TABLE of autograd.ops is not a public name"),
        ("nn.data", "from autograd.errors import secret", "secret of autograd.errors is not a public name"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str, complaint: str) -> None:
    (found,) = violations(module, source)
    assert complaint in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("autograd.value", "from autograd import ops\nfrom autograd.errors import AutogradError\nimport math"),
        ("autograd.compiler.emit", "from autograd.compiler.program.classes import Program\nfrom . import nests"),
        ("autograd.compiler.emit", "def f():\n    from autograd.compiler.machine.tape import Tape"),
        ("autograd.compiler.machine.tape", "import numpy\nfrom autograd.compiler.machine.memory import aligned"),
        ("autograd.viz.pictures.dot", "import graphviz\ndef show():\n    import IPython"),
        ("autograd.viz.pictures.dot", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import IPython"),
        ("nn.layers", "from autograd.errors import AutogradError\nfrom nn.module import Module"),
        ("nn.plots.network", "from nn.plots.style import palette\nfrom nn.layers import notation"),
        ("nn.training.history", "def f():\n    from nn.plots import plot_history"),
    ],
)
def test_an_allowed_import_passes(module: str, source: str) -> None:
    assert violations(module, source) == []


def circles(edges: dict[str, set[str]]) -> list[str]:
    """The modules from which a way through imports leads back to them."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        stack = list(edges.get(start, ()))
        while stack:
            module = stack.pop()
            if module not in found:
                found.add(module)
                stack += edges.get(module, ())
        return found

    return [module for module in edges if module in reached(module)]


def imports_of(module: str, path: Path, known: set[str]) -> set[str]:
    """The modules that a module imports, for types or inside functions, too."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = [(x.module, f"{x.module}.{x.name}") for x in imports(path.read_text(encoding="utf-8"), package)]
    return {inner if inner in known else outer for outer, inner in found} & known


def test_no_imports_run_in_circles() -> None:
    own = dict(modules())
    assert len(own) > 100
    assert circles({module: imports_of(module, path, set(own)) for module, path in own.items()}) == []


def loaded_by_name(source: str) -> list[int]:
    """The lines that import a module by its name as text, which no other test here can follow."""
    return [
        node.lineno
        for node in ast.walk(parsed(source))
        if (isinstance(node, ast.Attribute) and node.attr == "import_module")
        or (isinstance(node, ast.Name) and node.id == "__import__")
        or (isinstance(node, ast.ImportFrom) and any(alias.name == "import_module" for alias in node.names))
    ]


def test_modules_are_loaded_by_name_only_for_the_names_of_the_packages() -> None:
    found = {module for module, path in modules() if loaded_by_name(path.read_text(encoding="utf-8"))}
    assert found == {"autograd.names"}  # for the names of the packages that are loaded when they are first used


@pytest.mark.parametrize(
    "source",
    ["import importlib as i\ni.import_module('nn')", "from importlib import import_module", "x = __import__('nn')"],
)
def test_a_module_loaded_by_name_is_found(source: str) -> None:
    assert loaded_by_name(source)


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]


def test_a_module_without_a_level_is_found() -> None:
    with pytest.raises(AssertionError, match="give 'magic' a level"):
        level("autograd.magic", "autograd")
    with pytest.raises(AssertionError, match="give 'magic' a level"):
        level("nn.plots.magic", "nn.plots")


def loaded_by(statement: str) -> set[str]:
    """The third-party packages that a fresh interpreter has loaded because of a statement."""
    program = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    tops = {name.split(".")[0] for name in run.stdout.split()}
    return tops - sys.stdlib_module_names - set(TOPS)


def test_importing_the_packages_loads_nothing_optional() -> None:
    assert loaded_by("import autograd, nn") <= REQUIRED


def test_the_probe_sees_an_optional_package() -> None:
    assert "pytest" in loaded_by("import pytest")
