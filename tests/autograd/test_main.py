"""python -m autograd: what it prints and draws, and that anything wrong is one line on stderr and nothing else."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from autograd.__main__ import help_text, main
from tests.support import ROOT

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in an empty folder: exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> tuple[int, str, str]:
        status = main(words)
        return status, *capsys.readouterr()

    return command


def files() -> list[str]:
    return sorted(path.name for path in Path.cwd().iterdir())


# ---- what it prints --------------------------------------------------------------------------------------------------
def test_the_value_and_every_gradient(run: Run) -> None:
    assert run("a*b + b**3", "a=-4", "b=2") == (
        0,
        "a*b + b**3 = 0.0\n"
        "\n"
        "   value  gradient\n"
        "a   -4.0       2.0\n"
        "b    2.0       8.0\n",
        "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "first_line"),
    [
        (["2*3 + 1"], "2*3 + 1 = 7.0"),
        (["pi"], "pi = 3.141592653589793"),
        (["-a", "a=3"], "-a = -3.0"),
        (["--a", "a=3"], "--a = 3.0"),
        (["1/x", "x=0"], "1/x = inf"),
        (["x  *\n x", "x = 3"], "x * x = 9.0"),
        (["x", "x=1_000.5e-1"], "x = 100.05"),
        (["ﬁ + fi", "ﬁ=2"], "ﬁ + fi = 4.0"),  # Python reads both as the same name
    ],
)
def test_more_expressions(run: Run, words: list[str], first_line: str) -> None:
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == first_line
    assert files() == []


def test_values_come_in_the_order_given_and_line_up(run: Run) -> None:
    _, out, _ = run("a + long_name", "long_name=0.1", "a=-123456.75")
    lines = out.splitlines()
    assert [line.split() for line in lines[3:]] == [["long_name", "0.1", "1.0"], ["a", "-123456.75", "1.0"]]
    assert len({len(line) for line in lines[2:]}) == 1


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"], ["a", "--help"]])
def test_help_names_every_option_and_function(run: Run, words: list[str]) -> None:
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    assert out == help_text() + "\n"
    for word in ("usage: python -m autograd", "--draw", "NAME=NUMBER", "pi, e", "atan2", "sigmoid"):
        assert word in out
    functions = out.partition("functions: ")[2].split()
    assert {"sin", "fsum", "clip"} <= {*functions}
    assert {"add", "detached", "gauss", "less", "select", "step"}.isdisjoint(functions)
    assert max(map(len, out.splitlines())) <= 100


def test_the_examples_of_the_help_run(run: Run) -> None:
    examples = re.findall(r'^  python -m autograd "(.*)" (.*)$', help_text(), flags=re.MULTILINE)
    assert len(examples) >= 2
    for expression, rest in examples:
        status, out, err = run(expression, *rest.split())
        assert (status, err) == (0, "")
        assert "gradient" in out


def test_as_a_command() -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "autograd"]
    done = subprocess.run([*command, "σ*2", "σ=3"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "\\u03c3*2 = 6.0"  # a terminal that cannot show it gets its code
    done = subprocess.run([*command, "σ.x"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


# ---- what it draws ---------------------------------------------------------------------------------------------------
def test_the_name_of_the_drawing_cannot_command_the_terminal(run: Run) -> None:
    status, out, err = run("a*2", "a=1", "--draw", "\x1b[2J.dot")
    assert (status, err) == (0, "")
    assert out.endswith("wrote \\x1b[2J.dot\n")
    status, out, err = run("a*2", "a=1", "--draw", "\x1b[2J.bmp")
    assert (status, out) == (2, "")
    assert err.startswith("python -m autograd: ")
    assert err.removesuffix("\n").isprintable()


def test_the_graph_is_drawn(run: Run) -> None:
    status, out, err = run("a*b + b**3", "a=-4", "b=2", "--draw", "graph.svg")
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "wrote graph.svg"
    assert files() == ["graph.svg"]
    text = " ".join(ElementTree.parse("graph.svg").getroot().itertext())
    for shown in ("a", "b", "-4", "grad 2", "grad 8"):
        assert shown in text


def test_a_gradient_is_explained_and_a_page_is_written(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("a*b + b**3", "a=-4", "b=2", "--page", "graph.html", "--explain=b", "--draw=graph.dot")
    assert status == 0
    assert "b.grad = 8 = -4·1 (via a*b) + 12·1 (via b**3)\n  ∂(a*b)/∂b = a = -4\n" in out
    assert out.endswith("\n\nwrote graph.dot\nwrote graph.html\n")
    assert (tmp_path / "graph.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "b.grad" not in run("a*b", "a=1", "b=2")[1]


@pytest.mark.parametrize("words", [["--draw=g.dot", "a*2", "a=1"], ["a*2", "--draw", "g.dot", "a=1"]])
def test_the_option_may_stand_anywhere(run: Run, words: list[str]) -> None:
    assert run(*words)[0] == 0
    assert files() == ["g.dot"]


def test_a_number_can_be_drawn_too(run: Run) -> None:
    assert run("2 + 3", "--draw", "g.dot")[0] == 0
    assert files() == ["g.dot"]


# ---- what is wrong ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a*b", "a=1"], "'a*b' needs a value for 'b'"),
        (["a", "a=1", "b=2"], "'a' does not use 'b'"),
        (["a", "a=x"], "'a=x': 'x' is not a number"),
        (["a", "a="], "'a=': '' is not a number"),
        (["a", "a=1j"], "'1j' is not a number"),
        (["a", "a=nan"], "nan is not a finite number"),
        (["a", "a=-inf"], "-inf is not a finite number"),
        (["a", "a=1e999"], "inf is not a finite number"),
        (["a", "a"], "'a' is not of the form NAME=NUMBER"),
        (["a", "=1"], "'=1' is not of the form NAME=NUMBER"),
        (["a", "1a=1"], "'1a=1' is not of the form"),
        (["a", "a.b=1"], "'a.b=1' is not of the form"),
        (["a", "--drw", "x.svg"], "'--drw' is not of the form"),
        (["a", "a=1", "a=2"], "a is given twice"),
        (["ﬁ", "ﬁ=1", "fi=2"], "fi is given twice"),
        (["a=1"], "unexpected character '='"),
        (["a", "a=1", "--draw"], "--draw needs a file"),
        (["a", "a=1", "--draw="], "--draw needs a file"),
        (["--draw", "g.svg"], "there is no expression"),
        (["a", "a=1", "--page"], "--page needs a file, such as graph.html"),
        (["a", "a=1", "--page", "g.svg"], "a page is a file that ends in .html, not 'g.svg'; --draw writes pictures"),
        (["a", "a=1", "--page", "no/such/folder/g.html"], "no folder"),
        (["a", "a=1", "--explain"], "--explain needs a name, such as b"),
        (["a", "a=1", "--explain", "b", "--page", "g.html"], "--explain b: there is no b=NUMBER"),
        (["a", "a=1", "--draw", "g.txt"], "cannot tell the format of 'g.txt'"),
        (["a", "a=1", "--draw", "g"], "cannot tell the format of 'g'"),
        (["a", "a=1", "--draw", "no/such/folder/g.svg"], "no folder"),
        (["a", "a=1", "--draw", "g\0.dot"], "null"),
        (["a.__class__", "a=1"], "'a.__class__' is not allowed"),
        (
            ["math.sin(a)", "a=1"],
            "'math.sin(a)' is not allowed: use numbers, names, + - * / **, and functions such as sin(x)",
        ),
        (["9**9**9"], "not a finite number"),
        (["\ud800"], "unexpected character '\\ud800'"),
    ],
)
def test_anything_wrong_is_one_line_and_nothing_written(run: Run, words: list[str], message: str) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert err.startswith("python -m autograd: ")
    assert err.count("\n") == 1
    assert message in err
    assert files() == []


def test_a_file_that_cannot_be_written_is_an_error(run: Run) -> None:
    Path("folder.dot").mkdir()
    status, out, err = run("a", "a=1", "--draw", "folder.dot")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert files() == ["folder.dot"]


def test_without_a_dot_program_the_error_names_the_remedies(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.viz.pictures.render.shutil.which", lambda name: None)
    monkeypatch.setattr("autograd.viz.pictures.render._in_wheel", lambda: None)
    status, out, err = run("a", "a=1", "--draw", "g.svg")
    assert (status, out) == (2, "")
    assert "scalar-autograd[draw]" in err
    assert files() == []


def test_any_words_give_a_result_or_one_line(run: Run) -> None:
    """Nothing is written unless the exit status is 0."""
    source = random.Random(1)
    right = ["a*b", "a=1", "b=2", "--draw=g.dot"]
    odd = ["a", "a=", "=", "b=x", "--draw", "g.dot", "--", "-", "", "a==1", "é=1", "--draw=", "a=1"]
    statuses = []
    for _ in range(600):
        words = [word for word in right if source.random() < 0.9]
        for _ in range(source.randint(0, 2)):
            words.insert(source.randint(0, len(words)), source.choice(odd))
        status, out, err = run(*words)
        statuses.append(status)
        if status == 0:
            assert err == ""
            assert out
            for name in files():
                Path(name).unlink()
        else:
            assert (status, out, err.count("\n"), files()) == (2, "", 1, []), words
    assert min(statuses.count(0), statuses.count(2)) > 100
