"""The GPT in C, derived by hand (step.c): built by gcc and called once for many steps."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from harness import Work

from gpt.problem import flat, padded

FLAGS = ("-O3", "-march=native", "-fno-math-errno")  # without the last one a root is no vector instruction
LOOP = 256  # gradients or steps in one call


def _library() -> Any:
    if shutil.which("gcc") is None:
        raise ImportError("no gcc")
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "step.so")
        source = str(Path(__file__).with_name("step.c"))
        subprocess.run(["gcc", *FLAGS, "-shared", "-fPIC", source, "-o", target, "-lm"], check=True)
        library = ctypes.CDLL(target)
    library.gradient.restype = ctypes.c_double
    return library


def _doubles(numbers: list[float]) -> Any:
    return (ctypes.c_double * len(numbers))(*numbers)


def _texts(problem: dict[str, Any]) -> tuple[Any, Any]:
    texts, lengths = padded(problem["texts"])
    tokens = [token for text in texts for token in text]
    return (ctypes.c_int * len(tokens))(*tokens), (ctypes.c_int * len(lengths))(*lengths)


def gradient(problem: dict[str, Any]) -> Work:
    """One text."""
    library, theta = _library(), _doubles(flat(problem["weights"]))
    g = _doubles([0.0] * len(theta))
    texts, lengths = _texts(problem)

    def run() -> float:
        return float(library.gradient(theta, g, texts, lengths[0]))

    return Work(lambda: [run(), *g], run)


def steps(problem: dict[str, Any]) -> Work:
    """Adam on the stream, as many steps a call as the native loops of others."""
    library, theta = _library(), _doubles(flat(problem["weights"]))
    m, v = _doubles([0.0] * len(theta)), _doubles([0.0] * len(theta))
    texts, lengths = _texts(problem)
    done = 0

    def train(steps: int) -> None:
        nonlocal done
        library.train(theta, m, v, texts, lengths, len(lengths), done, steps)
        done += steps

    def answer() -> list[float]:
        train(len(lengths))
        return list(theta)

    return Work(answer, lambda: train(LOOP), per=LOOP)
