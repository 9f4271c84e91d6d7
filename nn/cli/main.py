"""The command line: ``python -m nn`` trains a network and shows its gradients; its commands do one thing each."""

from __future__ import annotations

import argparse
import errno
import math
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from typing import Any, NamedTuple, NoReturn

from autograd import __version__
from autograd.display import say
from autograd.errors import DrawingError, NumericError
from nn import layers
from nn.cli import commands
from nn.cli.demo import ACTIVATIONS, LEARNING_RATES, demo
from nn.cli.tabular import TABULAR_LOSSES, note
from nn.files import FileError
from nn.options import suggestion
from nn.tables import DataError

EXAMPLES = """\
examples:
  python -m nn                                        the bundled Iris data, 4-5-3, sigmoid
  python -m nn --hidden 8 8 --activation tanh --loss cross_entropy
  python -m nn --data wine.csv --target cultivar --epochs 50 --out wine
  python -m nn train wine.csv --target cultivar       train a network and save it as model.json
  python -m nn train --help                           the options of a command
"""


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, and whose result holds only what was given."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter, argument_default=argparse.SUPPRESS, **options
        )

    def error(self, message: str) -> NoReturn:
        self.exit(_fail(self.prog, message, 2))

    def print_help(self, file: Any = None) -> None:
        print(self.format_help(), end="", file=file, flush=True)  # a closed pipe shows here, not when Python ends


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0, 1 if training failed, 2 if the input cannot be used."""
    parser = _arguments()
    words = sys.argv[1:] if arguments is None else list(arguments)
    program = parser.prog
    try:
        if words and not words[0].startswith("-") and words[0] not in COMMANDS:
            near = suggestion(words[0], COMMANDS)
            parser.error(f"there is no command {words[0]!r}: there are {', '.join(COMMANDS)}{near}")
        given = vars(parser.parse_args(words))
        command = given.pop("command", None)
        if command and words[0] != command:
            parser.error(f"options come after the command: {program} {command} ...")
        program += f" {command}" if command else ""
        do = COMMANDS[command or "demo"].do
        if do is demo and ("data" in given) != ("target" in given):
            return _fail(program, "--data and --target go together: the file, and its column to predict", 2)
        with warnings.catch_warnings():
            warnings.showwarning = note
            if do is demo:  # the demonstration takes seconds, with machine code or without
                warnings.filterwarnings("ignore", r".* not installed: compiled functions run as Python source")
            do(**given)
        print(end="", flush=True)
    except (DataError, FileError, DrawingError) as error:
        return _fail(program, error, 2)
    except NumericError as error:
        return _fail(program, error, 1)
    except KeyboardInterrupt:
        return _fail(program, "interrupted", 130)
    except OSError as error:
        return _output_closed(program, error)
    return 0


# ---- what can be said ------------------------------------------------------------------------------------------------
def _arguments() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m nn",
        description="A demonstration: train a fully connected network on a table, and compare its gradients with the\n"
        "four formulas of backpropagation. Without --data, the table is Fisher's iris flowers.\n"
        "The commands below work on your own CSV file.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"scalar-autograd {__version__}")
    _add_options(parser, COMMANDS["demo"])
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, command in COMMANDS.items():
        help, shown = command.help, "\n".join(["examples:", *[f"  python -m nn {words}" for words in command.examples]])
        inner = subparsers.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.", epilog=shown)
        _add_options(inner, command)
    return parser


def _add_options(parser: argparse.ArgumentParser, command: Command) -> None:
    """Let a parser know the options of a command; what is the default of each, the function says."""
    arguments = signature(command.do).parameters
    for word in command.options.split():
        told = OPTIONS[word] | command.own.get(word, {})
        default = arguments[told.get("dest", word.lstrip("-").replace("-", "_"))].default
        if "default" not in told["help"] and default is not False and default not in (Parameter.empty, None, ()):
            shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
            told["help"] += f" (default: {'standard output' if shown == '-' else shown})"
        parser.add_argument(word, **told)


def _whole(text: str) -> int:
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 1 or larger")
    return int(text)


def _positive(text: str) -> float:
    number = _float(text)
    if not 0.0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return number


def _part(text: str) -> float:
    number = _float(text)
    if not 0.0 <= number < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 up to, but not including, 1")
    return number


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


class Command(NamedTuple):
    """A command: its function, the options that become arguments of it, and what the help says."""

    do: Callable[..., None]
    options: str
    help: str
    examples: list[str]
    own: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - never changed  # where its options differ from ``OPTIONS``


# What argparse is told of each option.
OPTIONS: dict[str, dict[str, Any]] = {
    "model": {"metavar": "MODEL.json", "help": "file written by the command train"},
    "data": {"metavar": "DATA.csv", "help": "CSV file with the features of the network, or - for standard input"},
    "--data": {"metavar": "DATA.csv", "help": "CSV file that holds the row, or - for standard input"},
    "--target": {"metavar": "COLUMN", "help": "column to predict", "required": True},
    "--drop": {"metavar": "COLUMN", "nargs": "+", "help": "columns to leave out, such as row numbers"},
    "--skip-empty": {"action": "store_true", "help": "leave out rows with an empty cell"},
    "--task": {"choices": TABULAR_LOSSES, "help": "whether the target holds classes or numbers (needed if unclear)"},
    "--hidden": {"metavar": "N", "type": _whole, "nargs": "*", "help": "number of neurons in each hidden layer"},
    "--activation": {"choices": layers.ACTIVATIONS, "help": "activation of the hidden layers"},
    "--loss": {"choices": dict.fromkeys(name for names in TABULAR_LOSSES.values() for name in names),
               "help": "loss to minimise (default: cross_entropy, or mse_loss for regression)"},
    "--optimizer": {"choices": commands.RATES, "help": "optimiser"},
    "--epochs": {"metavar": "N", "type": _whole, "help": "number of passes through the rows"},
    "--batch-size": {"metavar": "N", "type": _whole, "help": "number of rows in a step"},
    "--lr": {"metavar": "RATE", "type": _positive, "help": "learning rate (default: 0.01, or 0.1 for sgd)"},
    "--seed": {"metavar": "N", "type": int, "help": "seed of the split, the weights and the batches"},
    "--test-size": {"metavar": "PART", "type": _part, "help": "share of the rows to hold out, in [0, 1)"},
    "--keep-diverged": {"action": "store_true", "help": "write the network even if training made it worse"},
    "--json": {"dest": "as_json", "action": "store_true", "help": "print the results as JSON"},
    "--output": {"metavar": "FILE", "help": "file for the predictions"},
    "--probabilities": {"action": "store_true", "help": "also write the probability of each class"},
    "--row": {"metavar": "N", "type": _whole, "help": "row number, from 1 (default: 1)"},
    "--out": {},
}  # fmt: skip

COMMANDS = {
    "demo": Command(
        demo, "--data --target --hidden --activation --loss --epochs --batch-size --lr --seed --out",
        "train on a table, and compare with the formulas (the same as without a command)",
        ["demo --hidden 8 8 --activation tanh --loss cross_entropy"], {
            "--data": {"metavar": "FILE", "help": "CSV file with a header line; all columns but --target are numbers"},
            "--target": {"help": "column that holds the classes (default: species)", "required": False},
            "--hidden": {"nargs": "+"}, "--activation": {"choices": ACTIVATIONS},
            "--loss": {"choices": LEARNING_RATES, "help": "loss to minimise"},
            "--lr": {"help": "learning rate (default: 2, 1 or 0.1, depending on the loss)"},
            "--out": {"metavar": "FOLDER", "help": "folder for the output files"},
        }),
    "train": Command(
        commands.train, "data --target --drop --skip-empty --task --hidden --activation --loss --optimizer --epochs "
        "--batch-size --lr --seed --test-size --out --keep-diverged --json",
        "train a network on a CSV file, and save it", [
            "train iris.csv --target species",
            "train houses.csv --target price --task regression --hidden 32 32 --epochs 300 --out houses.json",
        ], {
            "data": {"help": "CSV file, or - for standard input; all columns but --target are numbers"},
            "--out": {"metavar": "MODEL.json", "help": "file for the trained network"},
        }),
    "predict": Command(
        commands.predict, "model data --output --probabilities --json",
        "predict the target for each row of a CSV file", [
            "predict model.json new.csv",
            "predict model.json new.csv --probabilities --output predictions.csv",
            "predict model.json - --json < new.csv",
        ]),
    "evaluate": Command(
        commands.evaluate, "model data --skip-empty --json",
        "evaluate a saved network on a CSV file with the target",
        ["evaluate model.json test.csv", "evaluate model.json test.csv --json"],
        {"data": {"help": "CSV file with the features and the target, or - for standard input"}}),
    "draw": Command(
        commands.draw, "model data --data --row --out", "draw the graph of one row with its gradients", [
            "draw model.json                        every feature has its mean",
            "draw model.json --data iris.csv --row 71 --out row71.html",
        ], {
            "data": {"nargs": "?", "default": argparse.SUPPRESS, "help": "the same as --data"},
            "--out": {"metavar": "FILE", "help": "picture (.svg .png .jpg .pdf), text (.dot) or page (.html)"},
        }),
    "export": Command(
        commands.export, "model --out", "write a saved network as a program for PyTorch",
        ["export model.json --out model.py"], {"--out": {"metavar": "FILE.py", "help": "file for the program"}}),
}  # fmt: skip


# ---- how it ends -----------------------------------------------------------------------------------------------------
def _fail(program: str, reason: object, status: int) -> int:
    say(f"{program}: error: {' '.join(str(reason).splitlines())}", file=sys.stderr)
    return status


def _output_closed(program: str, error: OSError) -> int:
    """The exit status if stdout was closed: 0 if its reader had enough, as in ``… | head``."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that Python's last flush does not fail
    if isinstance(error, BrokenPipeError) or error.errno == errno.EINVAL:  # which is what Windows says
        return 0
    return _fail(program, f"cannot write the results: {error.strerror or error}", 2)
