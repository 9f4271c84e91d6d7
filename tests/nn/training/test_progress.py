"""The bar of tqdm moves where somebody watches, and not more often than anybody looks; else a few lines are printed."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from nn import History
from nn.training import history
from nn.training.history import GLANCE, epoch_lines, progress_bar


class Bar:
    """Stands for the bar of tqdm, which is switched off where stderr is no terminal unless it is told not to."""

    made: list[Bar]

    def __init__(self, total: int, initial: int, unit: str, disable: bool | None) -> None:
        self.n, self.given, self.disable = initial, disable, disable is None
        self.seen: list[int] = []
        self.made.append(self)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: Any) -> None: ...

    def set_postfix(self, shown: dict[str, str], refresh: bool) -> None: ...

    def update(self, count: int) -> None:
        self.n += count
        self.seen.append(self.n)


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    module: Any = ModuleType("tqdm.auto")
    module.tqdm, Bar.made = Bar, []
    monkeypatch.setitem(sys.modules, "tqdm", ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", module)
    return Bar.made


@pytest.mark.parametrize("in_notebook", [True, False])
def test_a_notebook_shows_the_bar_although_it_is_no_terminal(
    in_notebook: bool, bars: list[Bar], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "ipykernel.zmqshell", raising=False)
    if in_notebook:
        monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", ModuleType("ipykernel.zmqshell"))
    with progress_bar(2, "epoch", True) as report:
        report(1, loss=0.5)
        report(2, loss=0.25)
    assert (bars[0].given, bars[0].seen) == ((False, [1, 2]) if in_notebook else (None, []))


def test_the_bar_moves_when_somebody_may_look_again_and_at_the_end(
    bars: list[Bar], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, GLANCE / 2, GLANCE, GLANCE * 1.5, GLANCE * 1.6])
    monkeypatch.setattr(history.time, "perf_counter", lambda: next(times))
    monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", ModuleType("ipykernel.zmqshell"))
    with progress_bar(9, "epoch", True) as report:
        for done in (1, 2, 3, 4):
            report(done)
        report(5, over=True)
    assert bars[0].seen == [1, 3, 5]


@pytest.mark.parametrize(
    ("epochs", "printed"), [(3, [1, 2, 3]), (25, [1, *range(2, 25, 2), 25]), (100, [1, *range(10, 101, 10)])]
)
def test_about_ten_lines_tell_the_loss(epochs: int, printed: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    report, record = epoch_lines(epochs), History()
    for _ in range(epochs):
        record.loss.append(0.5)
        report(record)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"epoch {epoch:4}   loss 0.50000" for epoch in printed]
