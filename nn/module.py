"""What everything with parameters has in common: listing them, clearing gradients, saving and loading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from reprlib import recursive_repr
from typing import Any, TypeVar

from autograd import Value
from autograd.display import listed, table
from autograd.holders import Place, announce
from autograd.names import Missing
from nn.files import FileError, FilePath, brief, read_document, write_document
from nn.options import check_options

MODEL_FORMAT, MODEL_VERSION = "scalar-autograd model", 1
M = TypeVar("M", bound="Module")


class Module:
    """Base class of neurons, layers, networks, and your own modules.

    A parameter is any leaf ``Value`` that an attribute holds, directly, in a list, tuple or dictionary, or inside
    another module; the order is that of the attributes.  Write ``__init__`` to make them and ``__call__`` (or PyTorch's
    ``forward``) to use them:

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.intercept = Value(2.0), Value(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.intercept
    >>> line = Line()
    >>> line(10.0).data
    21.0
    >>> line.state_dict()
    {'slope': 2.0, 'intercept': 1.0}
    """

    training: bool = (
        True  #: whether the module is being trained: True until ``eval()``; Dropout, for example, asks for it
    )

    def __new__(cls: type[M], *args: Any, **options: Any) -> M:
        if (args or options) and cls.__init__ is object.__init__:
            raise TypeError(f"{cls.__name__}() takes no arguments")
        if options:
            check_options(cls, options)
        module: M = super().__new__(cls)
        announce(module)  # drawings of what it computes name its parts
        return module

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Compute the output of the module; each subclass writes this method, or ``forward`` as in PyTorch."""
        forward = getattr(self, "forward", None)
        if forward is None:
            raise NotImplementedError(f"{type(self).__name__} does not say what it computes: give it a __call__ method")
        return forward(*args, **options)

    # ---- its parts -----------------------------------------------------------------------------------------------
    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Each parameter once, with the path of attributes and positions that leads to it.

        >>> [name for name, _ in MLP(1, [2]).named_parameters()]
        ['layers.0.neurons.0.w.0', 'layers.0.neurons.0.b', 'layers.0.neurons.1.w.0', 'layers.0.neurons.1.b']
        """
        seen: set[Value] = set()
        for path, part in _parts(self):
            if isinstance(part, Value) and not part.parents and part not in seen:
                seen.add(part)
                yield path, part

    def parameters(self) -> list[Value]:
        """The parameters, in the order of ``named_parameters``.

        >>> len(MLP(2, [3, 1]).parameters())
        13
        """
        if type(self).named_parameters is not Module.named_parameters:  # a module that leaves some out
            return [parameter for _, parameter in self.named_parameters()]
        found: dict[Value, None] = {}
        seen: set[int] = set()

        def walk(container: Any) -> None:  # in the order of `named_parameters`, 3x faster since it writes no paths
            seen.add(id(container))
            for _, part in _items(container):
                if isinstance(part, Value):
                    if not part.parents:
                        found[part] = None
                elif isinstance(part, (Module, list, tuple, dict)) and id(part) not in seen:
                    walk(part)

        walk(self)
        return [*found]

    def modules(self) -> list[Module]:
        """This module and all those inside of it.

        >>> [type(module).__name__ for module in MLP(2, [1]).modules()]
        ['MLP', 'Layer', 'Neuron']
        """
        found: list[Module] = []
        seen: set[int] = set()
        stack: list[Any] = [self]
        while stack:
            part = stack.pop()
            if id(part) in seen:
                continue
            seen.add(id(part))
            if isinstance(part, Module):
                found.append(part)
            inner = part if isinstance(part, (list, tuple)) else [x for _, x in _items(part)]
            if {*map(type, inner)} != {Value}:  # most lists of a network hold weights: 10x faster than a look at each
                stack += [x for x in reversed(inner) if isinstance(x, (Module, list, tuple, dict))]
        return found

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Call a function with each module inside and, last, with this one; returns the module itself.

        >>> MLP(2, [1]).apply(lambda module: print(type(module).__name__))
        Neuron
        Layer
        MLP
        MLP of [Layer of [LinearNeuron(2)]]
        """
        for module in reversed(self.modules()):
            fn(module)
        return self

    # ---- training ------------------------------------------------------------------------------------------------
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradient of every parameter to 0, so that the next ``backward`` does not add to old ones.

        ``set_to_none`` is accepted for programs from PyTorch, and ignored.

        >>> model = MLP(1, [1])
        >>> model([2.0]).backward(); [p.grad for p in model.parameters()]
        [2.0, 1.0]
        >>> model.zero_grad(); [p.grad for p in model.parameters()]
        [0.0, 0.0]
        """
        for parameter in self.parameters():
            parameter.grad = 0.0

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Freeze every parameter (False), or let optimisers move them again (True); returns the module itself.

        >>> model = MLP(1, [2, 1])
        >>> model.layers[0].requires_grad_(False)
        Layer of [ReLUNeuron(1), ReLUNeuron(1)]
        >>> [p.requires_grad for p in model.parameters()]
        [False, False, False, False, True, True, True]
        """
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def train(self: M, mode: bool = True) -> M:
        """Set ``training`` here and in every module inside; returns the module itself.

        >>> MLP(1, [1]).train(False).training
        False
        """
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Set ``training`` to False here and in every module inside; returns the module itself.

        >>> MLP(1, [1]).eval().training
        False
        """
        return self.train(False)

    # ---- what a notebook shows -----------------------------------------------------------------------------------
    @recursive_repr("…")
    def __repr__(self) -> str:
        named = [(name, part) for name, part in vars(self).items() if name != "training" and name[0] != "_"]
        shown = [f"{name}={part!r}" for name, part in named if isinstance(part, (Module, Value, int, float, str))]
        for name, part in named:
            if isinstance(part, (list, tuple, dict)) and any(isinstance(inner, Module) for _, inner in _items(part)):
                shown.append(f"{name}={part!r}")
        return f"{type(self).__name__}({', '.join(filter(None, [*shown, _sizes_of(self)]))})"

    def _repr_html_(self) -> str:
        rows = list(_table_of(self))
        caption = f"{type(self).__name__}: {len(self.parameters()):,} parameters"
        return table(["part", "kind", "shape", "parameters", "activation"], rows, caption)

    def _places(self) -> Iterator[tuple[Value, Place]]:
        """Each parameter with its place: the line of the table that it is in, and the list there."""
        own, lines = type(self).__name__, {path: kind for path, kind, *_ in _table_of(self)}

        @cache  # most parameters are in a list with many others
        def place_in(names: tuple[str, ...]) -> Place:
            # The longest path of a line that leads there; what is in no line belongs to the model itself.
            n = next((n for n in range(len(names), 0, -1) if ".".join(names[:n]) in lines), 0)
            part, inner = ".".join(names[:n]), names[n:]
            indices = tuple([int(name) for name in inner if name.isdecimal()])
            return Place(0, own, part, lines.get(part, own), ".".join([x for x in inner if not x.isdecimal()]), indices)

        for path, parameter in self.named_parameters():
            *container, name = path.split(".")
            place = place_in(tuple(container))
            if name.isdecimal():
                yield parameter, place._replace(indices=(*place.indices, int(name)))
            else:
                yield parameter, place._replace(array=f"{place.array}.{name}" if place.array else name)

    def _shape(self) -> tuple[str, str] | None:
        """The shape and the activation, of a part that is one line of the table; None if its own parts are lines."""
        return None

    # ---- saving and loading --------------------------------------------------------------------------------------
    def _by_name(self) -> dict[str, Value]:
        named: dict[str, Value] = {}
        for name, parameter in self.named_parameters():
            if name in named:
                raise ValueError(f"two parameters are called {name!r}: rename one of the keys that lead to them")
            named[name] = parameter
        return named

    def state_dict(self) -> dict[str, float]:
        """The number of every parameter by name.

        Raises:
            ValueError: Two parameters have the same name.

        >>> MLP(1, [1], init="zeros").state_dict()
        {'layers.0.neurons.0.w.0': 0.0, 'layers.0.neurons.0.b': 0.0}
        """
        return {name: parameter.data for name, parameter in self._by_name().items()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set every parameter to the number of its name: all of them or, if something does not fit, none.

        Raises:
            ValueError: A name is missing or unknown.
            TypeError: What a name stands for is no number.

        >>> model, other = MLP(1, [1], seed=0), MLP(1, [1], seed=1)
        >>> model.load_state_dict(other.state_dict())
        >>> model([2.0]).data == other([2.0]).data
        True
        """
        named, kind = self._by_name(), type(self).__name__
        if missing := [name for name in named if name not in state]:
            raise ValueError(f"the state lacks {len(missing)} of the parameters of this {kind}: {_listing(missing)}")
        if unknown := [name for name in state if name not in named]:
            raise ValueError(f"this {kind} has no parameters {_listing(unknown)}, which the state holds")
        numbers = {name: Value(state[name]).data for name in named}
        for name, parameter in named.items():
            parameter.data = numbers[name]

    def architecture(self) -> dict[str, Any] | None:
        """The description by which ``nn.load_model`` builds the module again; None if only your own code can.

        >>> print(Module().architecture())
        None
        """
        return None

    def save(self, path: FilePath, metadata: Mapping[str, Any] | None = None) -> None:
        """Write the parameters to a JSON file, in one piece.

        An old file is replaced.  The ``metadata`` are what else to keep that JSON can hold, such as names of classes.

        Raises:
            FileError: A parameter is nan or infinite, the metadata cannot be written, or the file cannot.

        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "model.json")
        ...     MLP(1, [1], init="zeros").save(path)
        ...     '"parameters"' in path.read_text()
        True
        """
        for name, parameter in self.named_parameters():
            if not abs(parameter.data) < float("inf"):
                raise FileError(f"cannot write {path}: parameter {name} is {parameter.data}: the training diverged")
        content: dict[str, Any] = {"architecture": self.architecture(), "parameters": self.state_dict()}
        write_document(path, MODEL_FORMAT, MODEL_VERSION, {**content, "metadata": dict(metadata or {})})

    def load(self, path: FilePath) -> dict[str, Any]:
        """Set the parameters to those of a file that ``save`` wrote for a module of the same structure.

        Returns:
            The metadata of the file.

        Raises:
            FileError: The file cannot be used; the message names the place in it.  The module is as it was.

        >>> import pathlib, tempfile
        >>> model = MLP(1, [1], seed=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "model.json")
        ...     model.save(path, metadata={"epochs": 10})
        ...     MLP(1, [1], seed=2).load(path)
        {'epochs': 10}
        """
        document = read_document(path, MODEL_FORMAT, MODEL_VERSION)
        parameters, metadata = document.get("parameters"), document.get("metadata", {})
        if not isinstance(parameters, dict) or not isinstance(metadata, dict):
            raise FileError(f"{path}: 'parameters' and 'metadata' must be JSON objects")
        for name, number in parameters.items():
            if type(number) not in (int, float) or not abs(number) < float("inf"):
                raise FileError(f"{path}: parameters: {brief(name)} must be a finite number, not {brief(number)}")
        own, other = self.architecture(), document.get("architecture")
        if own and isinstance(other, dict) and parameters.keys() == self.state_dict().keys() and own != other:
            differing = [f"{x} {brief(other.get(x))} instead of {brief(own[x])}" for x in own if own[x] != other.get(x)]
            raise FileError(f"{path}: the saved {type(self).__name__} has {', '.join(differing)}")
        try:
            self.load_state_dict(parameters)
        except (ValueError, OverflowError) as error:
            raise FileError(f"{path}: {error}") from error
        return metadata


# Names of PyTorch and Keras that a model has not, by what to write instead.
_OF_MODELS = {
    "write nn.fit(model, X, y)": "fit compile",
    "write nn.predict(model, X)": "predict predict_proba",
    "numbers are floats in the processor's memory: leave it out": "to cpu cuda double float half",
    "model.modules() has all parts": "children named_children named_modules",
}
for _advice, _names in _OF_MODELS.items():
    for _name in _names.split():
        setattr(Module, _name, Missing(_name, _advice))


def _parts(module: Module) -> list[tuple[str, Any]]:
    """Everything inside of a module, in order, with the path that leads to it; modules and containers come once."""
    found: list[tuple[str, Any]] = []
    seen: set[int] = set()

    def walk(container: Any, prefix: str) -> None:
        seen.add(id(container))
        for name, part in _items(container):
            if id(part) not in seen:
                found.append((f"{prefix}{name}", part))
                if isinstance(part, (Module, list, tuple, dict)):
                    walk(part, f"{prefix}{name}.")

    walk(module, "")
    return found


def _table_of(model: Module) -> Iterator[tuple[str, str, str, int, str]]:
    """A line for each part that is shown as a whole, such as a layer: path, kind, shape, parameters, activation."""
    finished: list[str] = []
    for path, part in [("", model), *_parts(model)]:
        if not isinstance(part, Module) or any(path.startswith(whole) for whole in finished):
            continue
        inside = [found for _, found in _parts(part)]
        inner = {leaf for found in inside if isinstance(found, Module) for leaf in found.parameters()}
        own = [leaf for leaf in part.parameters() if leaf not in inner]
        described = part._shape()
        is_whole = described is not None or not any(isinstance(found, Module) for found in inside)
        if is_whole or own:
            shape, activation = described or (_sizes_of(part), "")
            yield path, type(part).__name__, shape, len(part.parameters() if is_whole else own), activation
        if is_whole:
            finished.append(f"{path}." if path else "")


def _sizes_of(module: Module) -> str:
    """The sizes of the lists of parameters in a module: weight 3 × 2, bias 3."""
    found = []
    for name, part in _items(module):
        sizes = []
        while isinstance(part, (list, tuple)) and part:
            sizes.append(str(len(part)))
            part = part[0]
        if sizes and isinstance(part, Value):
            found.append(f"{name} {' × '.join(sizes)}")
    return ", ".join(found)


def _items(container: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(container, (list, tuple)):
        return enumerate(container)
    return container.items() if isinstance(container, dict) else vars(container).items()


def _listing(names: list[str]) -> str:
    return listed([name if name.isprintable() else brief(name) for name in names], most=3)
