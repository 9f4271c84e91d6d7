"""Neurons, layers of neurons, and the multilayer perceptron.

Every neuron is two nodes of the graph: its weighted input z = Σ w a + b, and its activation σ(z).  In a network they
are labelled as textbooks write them, counting layers from 1 (the input): w²₁₃ is the weight from neuron 3 of layer 1
to neuron 1 of layer 2.  After ``backward`` the gradient of the node z²₁ is that neuron's error δ²₁.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from autograd import Value, constant, linear, sumprod
from autograd.labels import notation, textbook
from nn.files import FileError, FilePath, brief, read_document
from nn.init import INITIALIZERS, Initializer
from nn.module import MODEL_FORMAT, MODEL_VERSION, Module
from nn.options import check_name, whole_number

Activation = Callable[[Value], Value]

# The activations by name, and how a neuron that has one calls itself.
ACTIVATIONS = {
    "identity": "Linear", "sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "ReLU", "leaky_relu": "LeakyReLU",
    "elu": "ELU", "softplus": "Softplus", "silu": "SiLU", "gelu": "GELU", "sin": "Sine",
}  # fmt: skip


class Neuron(Module):
    """a = σ(Σ w_k x_k + b).

    Args:
        nonlin: Whether there is an activation, as in micrograd.
        activation: One of ``ACTIVATIONS``, or a function of a Value.
        init: One of ``nn.init.INITIALIZERS``, or a function (random, fan_in, fan_out) -> weight; the bias starts at 0.
        rng: The generator that draws the weights; by default the module ``random``, so that ``random.seed`` decides.

    Raises:
        TypeError: ``nin`` is no whole number.
        ValueError: A name is unknown, or ``nin`` is less than 1.

    >>> neuron = Neuron(2, activation="sigmoid")
    >>> for w, number in zip(neuron.w, [3.0, -1.0]):
    ...     w.data = number
    >>> neuron([1.0, 3.0]).data
    0.5
    """

    def __init__(
        self, nin: int, nonlin: bool = True, *, activation: str | Activation = "relu",
        init: str | Initializer = "uniform", rng: random.Random | None = None, fan_out: int = 1,
    ) -> None:  # fmt: skip
        nin = whole_number("nin", nin, 1)
        self.activation = activation if nonlin else "identity"
        draw = _named("initializer", init, INITIALIZERS)
        source: Any = random if rng is None else rng
        self.w = [Value(draw(source, nin, fan_out)) for _ in range(nin)]
        self.b = Value(0.0)
        self.label()

    # For a subclass that makes w and b by itself.
    _activation: str | Activation = "relu"
    _activate: str | Activation | None = "relu"  # the name of a method of z; or what is called with z
    _z, _a = "z", "a"

    @property
    def activation(self) -> str | Activation:
        """The activation, one of ``ACTIVATIONS`` or a function of a Value; it may be set.

        >>> neuron = Neuron(2)
        >>> neuron.activation = "tanh"
        >>> neuron
        TanhNeuron(2)
        """
        return self._activation

    @activation.setter
    def activation(self, activation: str | Activation) -> None:
        self._activate = _named_activation(activation)
        self._activation = activation

    @property
    def nonlin(self) -> bool:
        """Whether there is an activation; it may be set, as in micrograd.

        >>> Neuron(2).nonlin, Neuron(2, nonlin=False).nonlin
        (True, False)
        """
        return self.activation != "identity"

    @nonlin.setter
    def nonlin(self, nonlin: bool) -> None:
        if bool(nonlin) != self.nonlin:
            self.activation = "relu" if nonlin else "identity"

    def label(self, layer: int | None = None, index: int | None = None) -> None:
        """Label the parameters, and from now on z and a, for the place of the neuron: w²₁₃, b²₁, z²₁, a²₁.

        >>> neuron = Neuron(2)
        >>> neuron.label(2, 1)
        >>> [w.label for w in neuron.w], neuron.b.label
        (['w²₁₁', 'w²₁₂'], 'b²₁')
        """
        own = () if index is None else (index,)
        for k, weight in enumerate(self.w, start=1):
            weight.label = notation("w", layer, *own, k)
        self.b.label = notation("b", layer, *own)
        self._z, self._a = notation("z", layer, *own), notation("a", layer, *own)

    def __call__(self, x: Sequence[Any]) -> Value:
        _check_inputs("neuron", x, len(self.w))
        return self.activated(sumprod(self.w, x, self.b))

    def activated(self, z: Value) -> Value:
        """σ(z), for the weighted input z of this neuron.

        >>> Neuron(1).activated(Value(-2.0))
        Value(data=0.0, grad=0)
        """
        z.label = self._z
        activate = self._activate
        if activate is None:
            return z
        a: Value
        if activate == "relu":  # the most frequent one: a direct call takes 0.8 of the time of a lookup
            a = z.relu()
        elif isinstance(activate, str):
            a = getattr(z, activate)()
        else:
            a = activate(z)
        a.label = self._a
        return a

    def _shape(self) -> tuple[str, str]:
        return f"{len(self.w)} → 1", _activation_name(self.activation)

    def __repr__(self) -> str:
        return f"{ACTIVATIONS.get(str(self.activation), '')}Neuron({len(self.w)})"


_of_a_neuron = Neuron.__call__


class Layer(Module):
    """``nout`` neurons that share their inputs; the output is the list of their activations, also if it is one alone.

    The ``options`` are those of ``Neuron``.

    >>> Layer(3, 2, nonlin=False)
    Layer of [LinearNeuron(3), LinearNeuron(3)]
    """

    def __init__(self, nin: int, nout: int, **options: Any) -> None:
        nout = whole_number("nout", nout, 1)
        self.neurons = [Neuron(nin, fan_out=nout, **options) for _ in range(nout)]
        self.label()

    def label(self, layer: int | None = None) -> None:
        """Label all neurons for the place of the layer in a network.

        >>> layer = Layer(1, 2)
        >>> layer.label(3)
        >>> [neuron.b.label for neuron in layer.neurons]
        ['b³₁', 'b³₂']
        """
        for index, neuron in enumerate(self.neurons, start=1):
            neuron.label(layer, index)

    def weighted(self, x: Sequence[Any]) -> list[Value]:
        """z = Σ w a + b of each neuron: what its activation is computed from.

        >>> layer = Layer(2, 1, init="zeros")
        >>> (z,) = layer.weighted([1.0, 2.0])
        >>> z.data, layer.neurons[0].activated(z).label
        (0.0, 'a₁')
        """
        _check_inputs("layer", x, len(self.neurons[0].w))
        shared = [v if isinstance(v, Value) else constant(v) for v in x]  # one node per input, not one per weight
        return linear(shared, [neuron.w for neuron in self.neurons], [neuron.b for neuron in self.neurons])

    def __call__(self, x: Sequence[Any]) -> list[Value]:
        if {kind.__call__ for kind in {*map(type, self.neurons)}} != {_of_a_neuron}:
            return [neuron(x) for neuron in self.neurons]  # one that somebody wrote says itself what it computes
        return [neuron.activated(z) for neuron, z in zip(self.neurons, self.weighted(x))]

    def _shape(self) -> tuple[str, str]:
        names = dict.fromkeys(_activation_name(neuron.activation) for neuron in self.neurons)
        return f"{len(self.neurons[0].w)} → {len(self.neurons)}", ", ".join(names)

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    """A multilayer perceptron: layers of neurons, each fed with the activations of the one before.

    Args:
        nin: The number of inputs.
        nouts: The number of neurons of each layer, the last of which is the output.
        activation: The activation of the hidden layers: one of ``ACTIVATIONS``, or a function of a Value.
        output: The activation of the last layer.
        init: One of ``nn.init.INITIALIZERS``, or a function.  "uniform", between -1 and 1 as in micrograd, is too large
            for more than some ten inputs: "he_normal" suits ReLU there, and "xavier_uniform" tanh and sigmoid.
        seed: The seed of the weights; by default the module ``random`` draws them, so that ``random.seed`` decides.

    Raises:
        TypeError: The sizes are no list, or one is no whole number.
        ValueError: A size is less than 1, or a name is unknown.

    >>> model = MLP(2, [3, 1])
    >>> model
    MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(3)]]
    >>> y = model([0.5, -1.0])              # one output: a Value, else a list
    >>> y.backward()
    >>> model.layers[1].neurons[0].b.label, model.layers[1].neurons[0].b.grad
    ('b³₁', 1.0)
    """

    def __init__(
        self, nin: int, nouts: Sequence[int], *, activation: str | Activation = "relu",
        output: str | Activation = "identity", init: str | Initializer = "uniform", seed: int | None = None,
    ) -> None:  # fmt: skip
        if not hasattr(nouts, "__len__"):
            raise TypeError(
                f"nouts must be a list of the sizes of the layers, as in MLP(2, [16, 16, 1]), not {nouts!r}"
            )
        if not len(nouts):
            raise ValueError("an MLP needs at least one layer: give the sizes, as in MLP(2, [16, 16, 1])")
        _named_activation(activation)  # also where no layer has it
        rng = None if seed is None else random.Random(seed)
        sizes = [whole_number("nin", nin), *[whole_number("a size in nouts", nout) for nout in nouts]]
        activations = [activation] * (len(nouts) - 1) + [output]
        shapes = zip(pairwise(sizes), activations)
        self.layers = [Layer(n, m, activation=name, init=init, rng=rng) for (n, m), name in shapes]
        for number, layer in enumerate(self.layers, start=2):
            layer.label(number)
        self._x = [notation("x", None, k) for k in range(1, sizes[0] + 1)]

    _x: Sequence[str] = ()  # as it stays in a subclass that makes the layers by itself

    def __call__(self, x: Sequence[Any]) -> Any:
        a: Any = x
        if self._x:
            _check_inputs("MLP", x, len(self._x))
            a = [v if isinstance(v, Value) else constant(v, label) for v, label in zip(x, self._x)]
        for layer in self.layers:
            a = layer(a)
        return a[0] if len(a) == 1 else a

    def architecture(self) -> dict[str, Any]:
        """The description by which ``load_model`` builds the network again.

        >>> MLP(2, [3, 1]).architecture()
        {'class': 'MLP', 'nin': 2, 'nouts': [3, 1], 'activation': 'relu', 'output': 'identity'}
        """
        names = [_activation_name(layer.neurons[0].activation) for layer in (self.layers[0], self.layers[-1])]
        nouts = [len(layer.neurons) for layer in self.layers]
        return {"class": "MLP", "nin": len(self._x), "nouts": nouts, "activation": names[0], "output": names[1]}

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"


def signals(layers: Iterable[Layer], x: Sequence[Any]) -> tuple[list[list[Value]], list[list[Value]]]:
    """The weighted inputs z of each layer, and the activations a, for one input of the first layer."""
    zs: list[list[Value]] = []
    activations: list[Any] = [x]
    for layer in layers:
        zs.append(layer.weighted(activations[-1]))
        activations.append([neuron.activated(z) for neuron, z in zip(layer.neurons, zs[-1])])
    return zs, activations[1:]


def load_model(path: FilePath) -> tuple[MLP, dict[str, Any]]:
    """Build the network that ``MLP.save`` wrote to a JSON file; nothing in the file is executed.

    Returns:
        The network, and the metadata that were saved beside it.

    Raises:
        FileError: The file cannot be used; the message names the place in it.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.json")
    ...     MLP(2, [1], seed=0).save(path, metadata={"classes": ["no", "yes"]})
    ...     model, metadata = load_model(path)
    >>> model, metadata
    (MLP of [Layer of [LinearNeuron(2)]], {'classes': ['no', 'yes']})
    """
    document = read_document(path, MODEL_FORMAT, MODEL_VERSION)
    architecture, parameters = document.get("architecture"), document.get("parameters")
    if not isinstance(architecture, dict) or architecture.get("class") != "MLP" or not isinstance(parameters, dict):
        raise FileError(f"{path}: not a saved MLP: build the module with your own code and call its load(path)")
    nouts = architecture.get("nouts")
    sizes: list[Any] = [architecture.get("nin"), *nouts] if isinstance(nouts, list) else [None]
    if not all(type(size) is int for size in sizes):
        raise FileError(f"{path}: architecture: 'nin' must be an integer and 'nouts' a list of them")
    if sum((n + 1) * m for n, m in pairwise(sizes)) != len(parameters):  # before any memory is taken for them
        raise FileError(f"{path}: architecture: {len(parameters)} parameters are not those of layers of {brief(sizes)}")
    try:
        names = {"activation": architecture["activation"], "output": architecture["output"]}
        model = MLP(sizes[0], sizes[1:], init="zeros", **names)
    except (KeyError, ValueError) as error:
        raise FileError(f"{path}: architecture: {error}; or build the MLP yourself and call its load(path)") from error
    return model, model.load(path)


def _check_inputs(kind: str, x: Any, expected: int) -> None:
    if not hasattr(x, "__len__"):
        way_out = "as in model([x])" if expected == 1 else "several samples are a list of such lists"
        raise TypeError(f"this {kind} needs a list of {expected} inputs, not {x!r} alone: {way_out}")
    first = x[0] if len(x) else None
    is_number = type(first) is Value or isinstance(first, str) or hasattr(first, "detach")  # as a tensor's members are
    if not is_number and hasattr(first, "__len__") and all(hasattr(row, "__len__") for row in x):
        raise ValueError(  # a batch, as other libraries take it, or a picture
            f"this {kind} takes one sample, a list of {expected} inputs, but got a list of {len(x)} lists: "
            "use predict(model, X) for several samples, and flatten a picture into one list"
        )
    if len(x) != expected:
        raise ValueError(f"this {kind} has {expected} inputs, but got {len(x)} numbers")


def layer_of(parameter: Value, path: str) -> str:
    """The part of the model that a parameter is in: "layer 2" by the label w²₁₃, or ``hidden`` by ``hidden.w.1``."""
    label = textbook(parameter.label)
    if label and label.layer and label.symbol in "wb":
        return f"layer {label.layer}"
    if ".neurons." in path:
        return path.partition(".neurons.")[0]
    found = re.match(r"\w+(\.\d+)?(?=\.\D)|\w+", path)
    return found[0] if found else path


def _named(what: str, given: Any, table: dict[str, Any]) -> Any:
    """The entry of a table under a name; a function stands for itself."""
    if callable(given):
        return given
    check_name(what, given, table, "give a function")
    return table[given]


def _named_activation(given: str | Activation) -> str | Activation | None:
    # No operator.methodcaller: Python 3.14 in a browser crashes when the collector takes one in a cycle apart.
    _named("activation", given, ACTIVATIONS)
    return None if given == "identity" else given


def _activation_name(activation: str | Activation) -> str:
    """The name of an activation; that of a function is none of the table, so that no file can ask for it."""
    if isinstance(activation, str):
        return activation
    return f"function {getattr(activation, '__name__', None) or activation}"
