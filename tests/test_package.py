"""What importing the package gives, and does to the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

import autograd
import nn
from tests.support import ROOT


def in_a_fresh_interpreter(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_every_public_name_is_there_once() -> None:
    assert len(set(autograd.__all__)) == len(autograd.__all__)
    for name in autograd.__all__:
        assert getattr(autograd, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'gradd'"):
        autograd.gradd  # noqa: B018


def test_every_exception_has_the_one_base() -> None:
    for name in autograd.errors.__all__:
        assert issubclass(getattr(autograd.errors, name), autograd.AutogradError)


def test_every_public_name_of_nn_is_there_once_also_after_all_modules_were_imported() -> None:
    """A function that is loaded late must not have the name of a module: importing that would take its place."""
    program = (
        "import importlib, pkgutil, types, nn\n"
        "for module in pkgutil.iter_modules(nn.__path__):\n"
        "    importlib.import_module(f'nn.{module.name}')\n"
        "assert len(set(nn.__all__)) == len(nn.__all__) and set(dir(nn)) >= set(nn.__all__)\n"
        "print([name for name in nn.__all__ if isinstance(getattr(nn, name), types.ModuleType)])\n"
    )
    assert in_a_fresh_interpreter(program) == "[]"


def test_importing_nn_loads_only_what_a_training_needs() -> None:
    late = ("nn.cli", "nn.diagnosis", "nn.distributed", "nn.export", "nn.plots", "nn.training.sweeps")
    parts = tuple([f"{module}." for module in late])
    program = f"import sys, autograd, nn; print(*[name for name in sys.modules if f'{{name}}.'.startswith({parts})])"
    assert in_a_fresh_interpreter(program) == ""
    for module in late:
        assert in_a_fresh_interpreter(f"import sys, {module}; print({module!r} in sys.modules)") == "True"
    assert in_a_fresh_interpreter("import nn; print(nn.doctor.__name__, nn.sweep.__name__)") == "doctor sweep"


def test_an_unknown_name_of_nn_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'MLQ'"):
        nn.MLQ  # noqa: B018
