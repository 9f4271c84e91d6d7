"""A bar that shows how far something is, where tqdm is installed and someone watches."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

GLANCE = 0.05  # seconds from one look at the progress to the next


@contextmanager
def progress_bar(total: int, unit: str, wanted: bool, done: int = 0) -> Iterator[Callable[..., Any]]:
    """A function to report progress to.  It moves a bar, if tqdm is installed and someone watches.

    report(done, over=False, loss=0.25)
    """
    tqdm = _tqdm() if wanted else None
    if tqdm is None:
        yield lambda *done, **shown: None
        return
    notebook = "ipykernel.zmqshell" in sys.modules  # its stderr is no terminal, but shown
    with tqdm(total=total, initial=done, unit=unit, disable=False if notebook else None) as bar:
        next_look = 0.0

        def report(done: int, over: bool = False, **shown: float) -> None:
            nonlocal next_look
            now = time.perf_counter()
            if bar.disable or (now < next_look and done < total and not over):  # printing can cost more than an epoch
                return
            next_look = now + GLANCE
            if shown:
                bar.set_postfix({name: f"{number:.4g}" for name, number in shown.items()}, refresh=False)
            bar.update(done - bar.n)

        yield report


def _tqdm() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in a notebook without ipywidgets the bar is made of text
            from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


def epoch_lines(epochs: int, more: Callable[[], str] = str) -> Callable[[Any], None]:
    """A callback of ``fit`` that prints about ten lines on stderr: the loss of the first epoch, of some, of the last.

    The text of ``more()`` is printed after each loss.
    """
    every = max(1, epochs // 10)

    def report(history: Any) -> None:
        epoch, loss = len(history), history.loss[-1]
        if epoch % every == 0 or epoch in (1, epochs):
            number = f"{loss:.5f}" if loss < 1e5 else f"{loss:.3e}"
            with suppress(BrokenPipeError):  # who reads it has seen enough; the training goes on
                print(f"epoch {epoch:4}   loss {number}{more()}", file=sys.stderr, flush=True)

    return report
