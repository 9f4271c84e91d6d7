"""From DOT to a picture: find a ``dot`` program, and run it with a time limit."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from pathlib import Path

from autograd.errors import DrawingError

__all__ = ["DPI", "LayoutError", "dot_program", "render"]

DPI = 96.0  # what Graphviz takes if it is told nothing
PIXELS = ("png", "jpg", "jpeg")
_WHEEL = "graphviz-pure"


class LayoutError(DrawingError):
    """The program gave up on a graph, or took too long; it may manage a smaller one."""


def dot_program() -> Path:
    """The program that does the layout: ``dot`` on PATH, or else the one that the wheel graphviz-pure carries.

    Raises:
        DrawingError: there is neither; the message names both remedies.
    """
    found = shutil.which("dot") or _in_wheel()
    if not found:
        raise DrawingError(
            'drawing needs Graphviz: either pip install "scalar-autograd[draw]", '
            "or install Graphviz so that `dot` is on PATH (https://graphviz.org/download)"
        )
    return Path(found)


def _in_wheel() -> Path | None:
    # The wheel's own list of files finds the program also where the environment is not activated.
    try:
        files = importlib.metadata.files(_WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    programs = [Path(str(file.locate())) for file in files if file.stem == _WHEEL and file.suffix in ("", ".exe")]
    return next((program.resolve() for program in programs if program.is_file()), None)


def render(source: str, format: str = "svg", *, timeout: float = 30.0, dpi: float = DPI) -> bytes:
    """Lay out a graph written in DOT and return the picture.

    Args:
        source: the DOT text.
        format: svg, png, jpg, dot, or what else the program can write.
        timeout: seconds after which the program is stopped.
        dpi: pixels per inch of a picture of pixels.

    Raises:
        DrawingError: there is no program, it cannot write this format, it failed, or it took too long.
    """
    program = dot_program()
    command = [str(program), f"-T{format}", *([f"-Gdpi={dpi:g}"] if format in PIXELS else [])]
    try:
        # stderr is captured: graphviz-pure warns about the width of every label outside of ASCII.
        done = subprocess.run(command, input=source.encode(), capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise LayoutError(f"the layout was stopped after {timeout:g} s: draw less, or raise timeout=") from None
    except OSError as error:
        raise DrawingError(f"{program} could not be run: {error}") from error
    if done.returncode != 0 or not done.stdout:
        complaint = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
        if "not recognized" in complaint:
            raise DrawingError(
                f"{program.name} cannot write {format}: save as svg or png, "
                "or install Graphviz (https://graphviz.org/download), which writes pdf too"
            )
        raise LayoutError(f"{program.name} failed: {complaint[:500]}")
    return done.stdout
