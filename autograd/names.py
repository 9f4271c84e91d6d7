"""Names that are looked up late, and names that are not there: what others have, each with what to write instead."""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

__all__ = ["Absent", "Missing", "advice_of", "lazy_names", "warn_if_mixed"]


# ---- modules are imported when somebody first asks for their names ---------------------------------------------------
def lazy_names(package: str, modules: Mapping[str, str] = MappingProxyType({})) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package, by the names to find in each module, separated by spaces.

    No name may be that of a module of the package as well: importing the module would put it in the place of the name.

    >>> lazy_names("shapes", {"math": "pi e"})("pi")
    3.141592653589793
    """

    module_of = {name: module for module, names in modules.items() for name in names.split()}

    def __getattr__(name: str) -> Any:  # noqa: N807 - Python's name for it
        if name in module_of:
            return getattr(importlib.import_module(module_of[name]), name)
        advice = "" if name.startswith("_") else advice_of(package.partition(".")[0]).get(name, "")
        # With the name and the module in the error, Python itself adds "Did you mean".
        raise AttributeError(
            f"module {package!r} has no attribute {name!r}{': ' * bool(advice)}{advice}",
            name=name,
            obj=sys.modules.get(package),
        )

    return __getattr__


@cache
def advice_of(package: str) -> dict[str, str]:
    """For each name that other libraries have and a package has not, what to write instead: see its ``absent.txt``."""
    try:
        text = Path(str(sys.modules[package].__file__)).with_name("absent.txt").read_text(encoding="utf-8")
    except OSError:  # the package is in a zip file, say: a name that is not there is no more than that
        return {}
    pairs = [line.split(": ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: advice for names, advice in pairs for name in names.split()}


OF_HIPS = ("tracer.py", "wrap_util.py", "differential_operators.py")  # and no names of ours


def warn_if_mixed(folder: Path) -> None:
    """Say so if the folder of this package also holds files of HIPS autograd, which then does not work."""
    if any((folder / name).exists() for name in OF_HIPS):
        warnings.warn(
            f"HIPS autograd was installed into the same folder as scalar-autograd ({folder}), so that `import "
            "autograd` gives this package and HIPS autograd is broken: keep each in an environment of its own, or run "
            "`pip uninstall autograd` and then `pip install --force-reinstall --no-deps scalar-autograd`",
            stacklevel=3,
        )


# ---- what is not there -----------------------------------------------------------------------------------------------
# A name of a Value is an attribute of the class that raises AttributeError when it is read: ``hasattr`` says no.
# With a ``__getattr__`` Python would read every attribute of every node more slowly.
_NAMES = {
    "it is called backward": "backwards backprop",
    "it is called grad": "gradient",
    "it is called data": "value val",
    "it is called clip": "clamp",
    "write v.data for the number": "numpy tolist cpu cuda to",
    "a Value is one number, without a shape: leave it out": "view reshape squeeze unsqueeze flatten shape T transpose",
    "a Value is one number; autograd.fsum(values) adds up a list of them": "sum mean dot matmul",
    "every node keeps its gradient": "retain_grad",
    "v.op and v.parents say what a node was computed from": "grad_fn",
    "set v.grad = 0, or call zero_grad() of the optimiser or the model": "zero_grad",
    "a node is not changed: write v = v + w, or v.data += w for a leaf": "add_ sub_ mul_ div_ copy_",
}
# For each name of a Value what to write instead.
ADVICE = {name: advice for advice, names in _NAMES.items() for name in names.split()}
# For each of Python's names of an operator its sign, and what to write instead.
_OPERATORS = {
    "matmul": ("@", "write v * w for two numbers, and autograd.sumprod(vs, ws) for two lists"),
    "floordiv": ("//", "write (v / w).floor(), or v.data // w for the number alone"),
    "mod": ("%", "write v - w * (v / w).floor(), or v.data % w for the number alone"),
    "divmod": ("divmod", "write (v / w).floor(), or divmod(v.data, w) for the numbers alone"),
}


class Missing:
    """A name that a Value does not have: to read it raises AttributeError, which says what to write."""

    def __init__(self, name: str, advice: str) -> None:
        self.name, self.advice = name, advice
        self.__doc__ = f"There is none: {advice}."  # for help(Value)

    def __get__(self, node: object, kind: type[Any]) -> Any:
        if node is None:  # as descriptors do that are asked for by their class
            return self
        if self.name in getattr(node, "__dict__", ()):  # of a subclass that has it
            return vars(node)[self.name]
        raise self.error(kind)

    def __set__(self, node: object, x: Any) -> None:
        if not hasattr(node, "__dict__"):
            raise self.error(type(node))
        vars(node)[self.name] = x

    def error(self, kind: type[Any]) -> Exception:
        """What is raised for a node of some class."""
        article = "an" if re.match("[AEIOU]|[FHLMNRSX][A-Z]", kind.__name__) else "a"
        return AttributeError(f"{article} {kind.__name__} has no {self.name!r}: {self.advice}")

    def __repr__(self) -> str:
        return f"<no {self.name}>"


class NotAListError(AttributeError, TypeError):
    """What ``len(v)`` raises: ``hasattr(v, "__len__")`` says no, and whoever expects a TypeError gets one."""


class MissingLength(Missing):
    """The length that a Value does not have."""

    def error(self, kind: type[Any]) -> Exception:
        return NotAListError(self.advice)


class Absent:
    """What to say of that which a Value does not have.

    >>> Value(2.0).backwards()
    Traceback (most recent call last):
    AttributeError: a Value has no 'backwards': it is called backward
    >>> len(Value(2.0))
    Traceback (most recent call last):
    autograd.names.NotAListError: a Value is one number, not a list; a list of them is [Value(x) for x in …]
    """

    __slots__ = ()

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if name not in ADVICE or hasattr(self, name)]


def _operator(name: str, sign: str, advice: str) -> Callable[[Any, Any], Any]:
    def refused(value: Any, other: Any) -> Any:
        if isinstance(other, (Absent, int, float)):
            raise TypeError(f"a Value has no operator {sign!r}: {advice}")
        return NotImplemented  # an array hands over its elements

    refused.__name__, refused.__qualname__, refused.__doc__ = name, f"Value.{name}", f"There is none: {advice}."
    return refused


# They are put into the class here and not in its body: a checker of types is to go on finding fault with len(v).
# There is no __getitem__: with one, numpy takes a Value for a list, and Python iterates over it.
for _name, _advice in ADVICE.items():
    setattr(Absent, _name, Missing(_name, _advice))
for _name, (_sign, _advice) in _OPERATORS.items():
    for _prefix in ("__", "__r"):
        _method = f"{_prefix}{_name}__"
        setattr(Absent, _method, _operator(_method, _sign, _advice))
_advice = "a Value is one number, not a list; a list of them is [Value(x) for x in …]"
Absent.__len__ = MissingLength("len", _advice)  # type: ignore[attr-defined]
