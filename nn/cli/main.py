"""The command line: ``python -m nn`` trains a network and shows its gradients; its commands do one thing each."""

from __future__ import annotations

import argparse
import errno
import math
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from autograd import __version__
from autograd.errors import DrawingError, NumericError
from autograd.terminal import say
from nn import formulas, layers
from nn.cli import commands, text
from nn.cli.demo import LEARNING_RATES, demo
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
        own: dict[Any, Any] = {None: demo, "demo": demo, "generate": text.generate}
        do = own.get(command) or getattr(commands, command)
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
        description="A demonstration: train a fully connected network on a table, and show its gradients beside the\n"
        "four formulas of backpropagation. Without --data, the table is Fisher's iris flowers.\n"
        "The commands below do single jobs on a CSV file of your own.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"scalar-autograd {__version__}")
    _demo(parser)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, (fill, help, examples) in COMMANDS.items():
        shown = "\n".join(["examples:", *[f"  python -m nn {words}" for words in examples]])
        fill(subparsers.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.", epilog=shown))
    return parser


def _demo(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--data", metavar="FILE", help="CSV file with a header line; every column except the target holds numbers")
    add("--target", metavar="COLUMN", help="column of --data that holds the classes")
    add("--hidden", metavar="N", type=_whole, nargs="+", help="number of neurons in each hidden layer (default: 5)")
    add("--activation", choices=formulas.ACTIVATIONS, help="activation of the hidden layers (default: sigmoid)")
    add("--loss", choices=LEARNING_RATES, help="loss to minimise (default: half_mse_loss)")
    add("--epochs", metavar="N", type=_whole, help="number of passes through the samples (default: 100)")
    add("--batch-size", metavar="N", type=_whole, help="number of samples in a step (default: 10)")
    add("--lr", metavar="RATE", type=_positive, help="learning rate (default: 2, 1 or 0.1, depending on the loss)")
    add("--seed", metavar="N", type=int, help="seed of the split, the weights and the batches (default: 0)")
    add("--out", metavar="FOLDER", help="folder for the files that are written (default: nn-demo)")


def _train(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "data",
        metavar="DATA.csv",
        help="CSV file with a header line, or - for standard input; every column except the target holds numbers",
    )
    add("--target", metavar="COLUMN", required=True, help="column to predict")
    add("--drop", metavar="COLUMN", nargs="+", help="columns to leave out, such as the number of the row")
    _add_skip_empty(parser)
    add("--task", choices=TABULAR_LOSSES, help="whether the target holds classes or numbers (needed if it is unclear)")
    add("--hidden", metavar="N", type=_whole, nargs="*", help="number of neurons in each hidden layer (default: 16)")
    add("--activation", choices=layers.ACTIVATIONS, help="activation of the hidden layers (default: relu)")
    losses = dict.fromkeys(name for names in TABULAR_LOSSES.values() for name in names)
    add("--loss", choices=losses, help="loss to minimise (default: cross_entropy, or mse_loss for regression)")
    add("--optimizer", choices=commands.RATES, help="optimiser (default: adam)")
    add("--epochs", metavar="N", type=_whole, help="number of passes through the rows (default: 100)")
    add("--batch-size", metavar="N", type=_whole, help="number of rows in a step (default: 32)")
    add("--lr", metavar="RATE", type=_positive, help="learning rate (default: 0.01, or 0.1 for sgd)")
    add("--seed", metavar="N", type=int, help="seed of the split, the weights and the batches (default: 0)")
    add("--test-size", metavar="PART", type=_part, help="share of the rows to hold out, in [0, 1) (default: 0.25)")
    add("--out", metavar="MODEL.json", help="file for the trained network (default: model.json)")
    add("--keep-diverged", action="store_true", help="write the network even if training made it worse")
    _add_json(parser)


def _predict(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument(
        "data", metavar="DATA.csv", help="CSV file with the features of the network, or - for standard input"
    )
    parser.add_argument("--output", metavar="FILE", help="file for the predictions (default: standard output)")
    parser.add_argument("--probabilities", action="store_true", help="also write the probability of each class")
    _add_json(parser)


def _evaluate(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument(
        "data", metavar="DATA.csv", help="CSV file with the features and the target, or - for standard input"
    )
    _add_skip_empty(parser)
    _add_json(parser)


def _draw(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument("data", metavar="DATA.csv", nargs="?", default=argparse.SUPPRESS, help="the same as --data")
    parser.add_argument("--data", metavar="DATA.csv", help="CSV file that holds the row, or - for standard input")
    parser.add_argument("--row", metavar="N", type=_whole, help="number of the row, counted from 1 (default: 1)")
    parser.add_argument(
        "--out", metavar="FILE", help="picture (.svg .png .jpg .pdf), text (.dot) or page (.html) (default: net.svg)"
    )


def _export(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument("--out", metavar="FILE.py", help="file for the program (default: standard output)")


def _generate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--lines", metavar="FILE.txt", help="text file to learn from, line by line, or - (default: bundled names)")
    add("--number", metavar="N", type=_whole, help="number of lines to write (default: 20)")
    add("--steps", metavar="N", type=_whole, help="number of steps of training, each on one window (default: 1000)")
    add("--temperature", metavar="T", type=_positive, help="how freely to write: 0.1 safe, 2 wild (default: 0.5)")
    add("--lr", metavar="RATE", type=_positive, help="learning rate of Adam (default: 0.01)")
    add("--width", metavar="N", type=_whole, help="how many numbers stand for a character (default: 8)")
    add("--seed", metavar="N", type=int, help="seed of the weights, the windows and the writing (default: 0)")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL.json", help="file that the command train has written")


def _add_skip_empty(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--skip-empty", action="store_true", help="leave out the rows in which a cell is empty")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", dest="as_json", action="store_true", help="print the results as JSON")


def _whole(text: str) -> int:
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _positive(text: str) -> float:
    number = _float(text)
    if not 0.0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return number


def _part(text: str) -> float:
    number = _float(text)
    if not 0.0 <= number < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to below 1")
    return number


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


# What each command is called: its options, what it does, and examples.
COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], str, list[str]]] = {
    "demo": (_demo, "train on a table, with the formulas (as without a command)", [
        "demo --hidden 8 8 --activation tanh --loss cross_entropy",
    ]),
    "train": (_train, "train a network on a CSV file, and save it", [
        "train iris.csv --target species",
        "train houses.csv --target price --task regression --hidden 32 32 --epochs 300 --out houses.json",
    ]),
    "predict": (_predict, "predict the target for each row of a CSV file", [
        "predict model.json new.csv",
        "predict model.json new.csv --probabilities --output predictions.csv",
        "predict model.json - --json < new.csv",
    ]),
    "evaluate": (_evaluate, "measure a saved network on a CSV file that has the target", [
        "evaluate model.json test.csv",
        "evaluate model.json test.csv --json",
    ]),
    "draw": (_draw, "draw the graph of one row with its gradients", [
        "draw model.json                        every feature has its mean",
        "draw model.json --data iris.csv --row 71 --out row71.html",
    ]),
    "export": (_export, "write a saved network as a program for PyTorch", [
        "export model.json --out model.py",
    ]),
    "generate": (_generate, "train a small GPT on lines of text, and print new ones", [
        "generate                               names like the 2,003 bundled ones",
        "generate --lines towns.txt --number 50 --temperature 0.8",
    ]),
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
