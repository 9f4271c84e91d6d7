"""What arguments are checked by; and for names that PyTorch has and this package has not, what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from inspect import Parameter, signature
from operator import index
from typing import Any


def check_number(name: str, given: Any) -> None:
    """Refuse an argument that is no number, such as a text or a list."""
    if isinstance(given, (str, bytes)) or not hasattr(given, "__float__"):
        raise TypeError(f"{name} must be a number, got {given!r}")


def whole_number(name: str, given: Any, least: int | None = None, otherwise: str = "") -> int:
    """An argument as an int; whole numbers of numpy are taken, too.

    Raises:
        TypeError: It is no whole number.  The message hints at what can be given ``otherwise``.
        ValueError: It is less than the ``least``.
    """
    hint = f"; {otherwise}" if otherwise else ""
    try:
        number = index(given)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {given!r}{hint}") from None
    if least is not None and number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}{hint}")
    return number


def refuse_model(name: str, parameters: Any) -> None:
    """Refuse a model where a function or class of this name needs the model's parameters."""
    if hasattr(parameters, "parameters"):
        raise TypeError(f"{name} needs parameters, not their model: give model.parameters()")


def check_name(kind: str, given: str, known: Iterable[str], otherwise: str) -> None:
    """Refuse an unknown name: say which there are, what else can be given, and which of them was perhaps meant."""
    names = list(known)
    if not isinstance(given, str) or given not in names:
        meant = suggestion(given, names)
        raise ValueError(f"there is no {kind} {given!r}: there are {', '.join(names)}, or {otherwise}{meant}")


def check_known(function: str, given: Iterable[str], known: Collection[str], elsewhere: Mapping[str, str]) -> None:
    """Refuse arguments that a function does not take, as Python does, by a TypeError that says what to write instead.

    What belongs ``elsewhere`` is told how to give it, by its name.
    """
    for name in given:
        if name not in known:
            way = suggestion(name, known) or f": it takes {', '.join(known)}"
            way = f": write {elsewhere[name]}" if name in elsewhere else way
            raise TypeError(f"{function}() takes no argument {name!r}{way}")


def check_options(kind: type[Any], given: Iterable[str], elsewhere: Mapping[str, str] | None = None) -> None:
    """``check_known`` for the arguments by which an object of a class is made."""
    if (known := _arguments_of(kind.__init__)) is not None:
        check_known(kind.__name__, given, known, elsewhere or {})


@lru_cache(256)
def _arguments_of(made_by: Callable[..., None]) -> list[str] | None:
    """The arguments of an ``__init__`` by name; None if it takes any."""
    known = dict([*signature(made_by).parameters.items()][1:])
    return None if Parameter.VAR_KEYWORD in [p.kind for p in known.values()] else [*known]


def suggestion(given: Any, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the known one that was probably meant, if there is one."""
    names, text = list(known), str(given).lower()
    longer = [name for name in names if text and name.startswith(text)]
    meant = longer or get_close_matches(text, names, n=1)
    return f"; did you mean {meant[0]!r}?" if meant else ""


def name_of(function: Any) -> str:
    """The name of a function, also inside of a ``functools.partial``; of any other object, the name of its class."""
    inner = getattr(function, "func", function)
    return str(getattr(function, "__name__", None) or getattr(inner, "__name__", type(function).__name__))


# ---- names of PyTorch that are not here ------------------------------------------------------------------------------
_PART = "any function can be a part of Sequential, as in Sequential(Linear(2, 3), lambda x: [abs(a) for a in x])"
_LIST = "a plain list or dictionary in an attribute will do: the parameters of its modules are found"
_LOOP = "loop over the sequence with nn.{}, which does one step"
_LOSS = "a loss of your own is a function of an output and its target"
_RULE = "an optimiser of your own is a rule of a few lines: help(nn.Optimizer)"
_SCHEDULE = "nn.LambdaLR takes any function of the epoch"
_BATCH = "samples are computed one by one, so there is no mean over a batch: nn.LayerNorm and nn.RMSNorm need none"
_DRAW = "set the numbers yourself, as in p.data = random.gauss(0, 0.1); MLP has init='he_normal' or 'xavier_uniform'"

_NAMES = {
    "any leaf Value in an attribute is a parameter, as in self.w = Value(0.5)": "Parameter",
    "a Value that is to stay as it is: Value(0.5).requires_grad_(False), or a plain number": "Buffer",
    _LIST: "ModuleList ModuleDict ParameterList ParameterDict",
    "its functions are in nn (nn.cross_entropy) and in autograd (autograd.relu)": "functional",
    "nn.clip_grad_norm_ and nn.clip_grad_value_ are here without it": "utils",
    "schedules are in nn itself, as in nn.StepLR": "lr_scheduler",
    "read_csv, load_iris, make_moons and minibatches give data": "DataLoader TensorDataset",
    _PART: "Flatten Unflatten MaxPool1d MaxPool2d AvgPool1d AvgPool2d AdaptiveAvgPool2d Conv1d Conv3d ConvTranspose2d "
    "Hardtanh ReLU6 SELU CELU Mish Softsign Hardswish Hardsigmoid PReLU LogSigmoid Threshold Upsample ZeroPad2d",
    _BATCH: "BatchNorm1d BatchNorm2d BatchNorm3d InstanceNorm1d InstanceNorm2d GroupNorm",
    _LOOP.format("RNNCell"): "RNN",
    _LOOP.format("LSTMCell"): "LSTM",
    _LOOP.format("GRUCell"): "GRU",
    "MultiheadAttention, LayerNorm and Linear are its parts: notebooks/10_gpt.ipynb puts them together": "Transformer "
    "TransformerEncoder TransformerEncoderLayer TransformerDecoder TransformerDecoderLayer",
    "nn.huber_loss is the same for a threshold of 1": "SmoothL1Loss smooth_l1_loss",
    _LOSS: "KLDivLoss CosineEmbeddingLoss MarginRankingLoss TripletMarginLoss PoissonNLLLoss GaussianNLLLoss "
    "MultiMarginLoss HingeEmbeddingLoss SoftMarginLoss CTCLoss kl_div",
    _RULE: "Adadelta Adagrad Adamax ASGD LBFGS Lion NAdam RAdam Rprop Muon SparseAdam Adafactor",
    _SCHEDULE: "CyclicLR OneCycleLR CosineAnnealingWarmRestarts SequentialLR ChainedScheduler ConstantLR "
    "MultiplicativeLR PolynomialLR",
    _DRAW: "kaiming_normal_ kaiming_uniform_ xavier_normal_ xavier_uniform_ normal_ uniform_ zeros_ ones_ constant_ "
    "orthogonal_ trunc_normal_",
    "nn.Linear is a layer, and MLP a whole network": "Dense",
    "it is in autograd, as in autograd.relu": "relu tanh sigmoid softplus silu elu leaky_relu",
}  # fmt: skip
_OF_MODELS = {
    "write nn.fit(model, X, y)": "fit compile",
    "write nn.predict(model, X)": "predict predict_proba",
    "numbers are floats in the processor's memory: leave it out": "to cpu cuda double float half",
    "model.modules() has all parts": "children named_children named_modules",
}

# For each name what to write instead, in the package and on a model.
ADVICE = {name: advice for advice, names in _OF_MODELS.items() for name in names.split()}
INSTEAD = {name: advice for advice, names in _NAMES.items() for name in names.split()}
