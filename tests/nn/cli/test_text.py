"""``python -m nn generate``: lines are read, learned and written, and ``demo`` is what the bare command does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import autograd
from autograd import fsum
from nn.cli.text import Writer, learn, lines_of, write
from nn.data import DataError
from nn.datasets import load_names
from tests.support.command_line import folder_with_tables, run  # noqa: F401 - a fixture


def test_names_are_written_that_resemble_names(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "generate", "--number", "12")
    assert status == 0
    written = out.splitlines()
    assert len(written) == 12
    assert all(name.isascii() and name.islower() for name in written)
    assert "2,003 lines, 27 tokens; a GPT of 1,008 parameters" in err
    vowels = sum(c in "aeiou" for name in written for c in name) / sum(map(len, written))
    assert 0.3 < vowels < 0.7  # as in names; 5 of 26 if letters were drawn at random
    assert "recorded" not in err


def test_what_is_learned_is_written_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "lines.txt").write_text("αβγ δ\n\n  αβγ δ  \nαβγ δ\n", encoding="utf-8")
    words = ("generate", "--lines", "lines.txt", "--temperature", "1e-300", "--number", "2")
    status, out, _ = run(capsys, *words, "--steps", "200")
    assert (status, out) == (0, "αβγ δ\nαβγ δ\n")
    assert run(capsys, *words, "--steps", "200")[1] == out


def test_one_program_serves_all_windows_and_computes_what_the_engine_does() -> None:
    first, second = (Writer("\nabc", 4, width=4, rng=random.Random(1)) for _ in range(2))
    losses = learn(first, ["abc", "cba", "b"], 5, 0.05, random.Random(2))
    compiled = autograd.compile
    try:
        autograd.compile = lambda f: f  # type: ignore[assignment]
        expected = learn(second, ["abc", "cba", "b"], 5, 0.05, random.Random(2))
    finally:
        autograd.compile = compiled
    assert losses == pytest.approx(expected, rel=1e-12)
    for p, q in zip(first.parameters(), second.parameters()):
        assert p.data == pytest.approx(q.data, rel=1e-10)


def test_no_place_sees_what_comes_after_it() -> None:
    writer = Writer("\nabcd", 5, rng=random.Random(0))
    scores = writer([0, 1, 2, 3, 4])
    gradients = autograd.grad(fsum(scores[1]), [row[0] for row in writer.letter.weight])
    assert [g != 0.0 for g in gradients] == [True, True, False, False, False]


def test_before_it_learns_all_tokens_are_about_alike() -> None:
    (scores,) = Writer("\n" + "abcdefghijklmnopqrstuvwxyz", 8, rng=random.Random(0))([0])
    p = [autograd.exp(z.data) for z in scores]
    assert max(p) / sum(p) < 1.5 / 27


def test_a_line_that_does_not_end_is_cut() -> None:
    writer = Writer("\na", 3, rng=random.Random(0))
    for p in writer.parameters():
        p.data = 0.0
    for p in writer.output.weight[1]:
        p.data = 1e3
    for row in writer.position.weight:
        for p in row:
            p.data = 1.0
    assert write(writer, 1.0, 7, random.Random(0)) == "a" * 7


def test_without_a_file_the_names_are_read() -> None:
    assert lines_of(None) == load_names()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has 0 lines of text, and at least 2 are needed"),
        (b"one\n\n", "has 1 line of text"),
        (b"a\n\xff\n", r"lines.txt, line 2: byte 0xff is not UTF-8 text: save the file as UTF-8"),
        ("a\nb\n".encode("utf-16"), "zero bytes, so it is not UTF-8 text: save it as UTF-8"),
        ("\n".join(chr(0x4E00 + i) for i in range(300)).encode(), "has 300 different characters"),
    ],
)
def test_text_from_which_nothing_can_be_learned(folder: Path, content: bytes, message: str) -> None:
    (folder / "lines.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        lines_of("lines.txt")


def test_bad_input_is_one_line_of_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in [
        (["--lines", "missing.txt"], "cannot read missing.txt: No such file or directory"),
        (["--lines", "."], "cannot read ."),
        (["--temperature", "0"], "'0' is not a positive number"),
        (["--number", "0"], "'0' is not a whole number"),
    ]:
        status, out, err = run(capsys, "generate", *words)
        assert (status, out) == (2, "")
        assert err.startswith("python -m nn generate: error: ")
        assert message in err
        assert err.count("\n") == 1


def test_a_training_that_diverges_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "lines.txt").write_text("abc\ncab\n")
    status, out, err = run(capsys, "generate", "--lines", "lines.txt", "--lr", "1e6", "--steps", "20")
    assert (status, out) == (1, "")
    assert "the training diverged" in err
    assert "try a smaller --lr than 1e+06" in err


def test_demo_is_the_bare_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = run(capsys, "--epochs", "2", "--out", "one")
    demo = run(capsys, "demo", "--epochs", "2", "--out", "zwei")
    assert bare[0] == demo[0] == 0
    assert bare[1] == demo[1].replace("zwei", "one")
    assert run(capsys, "demo", "--data", "fruit.csv")[2] == (
        "python -m nn demo: error: --data and --target go together: the file, and its column to predict\n"
    )
