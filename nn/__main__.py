"""The command line: ``python -m nn`` trains a network on a table and shows its gradients."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from typing import NoReturn

from autograd.errors import NumericError
from nn.data import DataError
from nn.demo import LEARNING_RATES, Settings, run
from nn.files import FileError
from nn.formulas import ACTIVATIONS

EXAMPLES = """\
examples:
  python -m nn                                        Iris, 4-5-3, sigmoid
  python -m nn --hidden 8 8 --activation tanh --loss cross_entropy
  python -m nn --data wine.csv --target cultivar --epochs 50 --out wine
"""


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0, 1 if training failed, 2 if the input cannot be used."""
    parser = _arguments()
    settings = parser.parse_args(arguments, namespace=Settings())
    if (settings.data is None) != (settings.target is None):
        parser.error("--data and --target go together: the file, and the name of its column to predict")
    try:
        run(settings)
    except (DataError, FileError) as error:
        return _fail(parser.prog, error, 2)
    except NumericError as error:
        return _fail(parser.prog, error, 1)
    except KeyboardInterrupt:
        return _fail(parser.prog, "interrupted", 130)
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m nn",
        description="Train a fully connected network on a table by gradient descent, and show its gradients\n"
        "beside the four formulas of backpropagation. Without --data: on Fisher's iris flowers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", metavar="FILE", help="a CSV file with a header line; all columns but the target are numbers")
    add("--target", metavar="COLUMN", help="the column of --data that holds the classes")
    add("--hidden", metavar="N", type=_whole, nargs="+", help="neurons of each hidden layer (5)")
    add("--activation", choices=ACTIVATIONS, help="of the hidden layers (sigmoid)")
    add("--loss", choices=LEARNING_RATES, help="the cost (half_mse_loss)")
    add("--epochs", metavar="N", type=_whole, help="how often to go through the samples (100)")
    add("--batch-size", metavar="N", type=_whole, help="samples per step (10)")
    add("--lr", metavar="RATE", type=_positive, help="the learning rate (by loss: 2, 1 or 0.1)")
    add("--seed", metavar="N", type=int, help="of the split, the weights and the batches (0)")
    add("--out", metavar="FOLDER", help="where to write the files (nn-demo)")
    return parser


def _whole(text: str) -> int:
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return number


def _fail(program: str, reason: object, status: int) -> int:
    print(f"{program}: error: {reason}", file=sys.stderr)
    return status


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a console without δ shows ? for it
    sys.exit(main())
