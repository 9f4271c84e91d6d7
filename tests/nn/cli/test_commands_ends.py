"""The commands of ``python -m nn``: help, what bad input gets, and how they end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from nn import History, fit, load_model
from tests.support.command_line import (  # noqa: F401 - the fixtures
    FRUIT,
    LINE,
    ROOT,
    folder_with_both,
    folder_with_models,
    folder_with_tables,
    in_a_process,
    run,
)

# --- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["demo", "train", "predict", "evaluate", "draw", "export"])
def test_every_command_has_help_with_examples(capsys: pytest.CaptureFixture[str], command: str) -> None:
    status, out, _ = run(capsys, command, "--help")
    assert status == 0
    assert out.startswith(f"usage: python -m nn {command} ")
    examples = re.findall(rf"^  python -m nn ({command} .*?)(?:  |$)", out.split("examples:\n")[1], flags=re.MULTILINE)
    assert examples
    _, out, _ = run(capsys, "--help")
    assert re.search(rf"^    {command} ", out, flags=re.MULTILINE)


def test_the_examples_of_the_help_run(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trained / "iris.csv").write_bytes((ROOT / "nn" / "iris.csv").read_bytes())
    for name in ("new.csv", "test.csv"):
        (trained / name).write_bytes((ROOT / "nn" / "iris.csv").read_bytes())
    (trained / "houses.csv").write_text(LINE.replace("y", "price"))
    for command in ["train", "predict", "evaluate", "draw", "export"]:
        text = run(capsys, command, "--help")[1].split("examples:\n")[1]
        for example in re.findall(r"^  python -m nn (.*?)(?:  |$)", text, flags=re.MULTILINE):
            if "<" not in example:  # which only a shell can do
                status, _, err = run(capsys, *example.split())
                assert status == 0, f"{example}: {err}"


# --- bad input: one line, status 2, nothing written -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("trian fruit.csv", "there is no command 'trian'"),
        ("--epochs 3 train fruit.csv --target fruit", "options come after the command: python -m nn train ..."),
        ("train", "train: error: the following arguments are required: DATA.csv, --target"),
        ("train fruit.csv", "the following arguments are required: --target"),
        ("train fruit.csv --target", "argument --target: expected one argument"),
        ("train absent.csv --target fruit", "train: error: cannot read absent.csv: No such file or directory"),
        ("train . --target fruit", "cannot read .: Is a directory"),
        ("train fruit.csv --target colour", "fruit.csv: there is no column 'colour': the columns are 'weight', 'w"),
        ("train fruit.csv --target weight --task regression", "line 2, column 'fruit': 'apple' is not a number"),
        ("train line.csv --target y", "holds 40 different values in 40 rows: a column of classes is needed"),
        ("train line.csv --target y", "for a column of numbers add --task regression"),
        ("train many.csv --target y", "many.csv: column 'y' holds 25 different numbers in 75 rows: add --task regr"),
        ("train many.csv --target y", "or --task classification if each number is a class"),
        ("train gaps.csv --target y", "gaps.csv: column 'y' holds 25 different numbers in 80 rows: add --task regr"),
        (
            "train line.csv --target y --task classification",
            "holds 40 different values in 40 rows: a column of classes",
        ),
        ("train fruit.csv --target Fruits", "there is no column 'Fruits': did you mean 'fruit'? the columns are 'wei"),
        ("train fruit.csv --target fruit --drop widht", "there is no column 'widht': did you mean 'width'?"),
        ("predict line.json near.csv", "near.csv: there is no column 'x': did you mean 'X'?"),
        ("train \x1b[31mred.csv --target fruit", "cannot read \\x1b[31mred.csv: No such file or directory"),
        ("train fruit.csv --target \x1b]0;title\x07", r"there is no column '\x1b]0;title\x07'"),
        ("train fruit.csv --target fruit \x1b[2J", r"unrecognized arguments: \x1b[2J"),
        ("train coloured.csv --target fruit", r"coloured.csv, line 2, column '\x9b31mred': '\x1b[0m' is not a number"),
        ("train fruit.csv --target fruit --loss huber_loss", "the loss huber_loss does not suit classification"),
        ("train line.csv --target y --task regression --loss cross_entropy", "cross_entropy does not suit regression"),
        ("train fruit.csv --target fruit --loss mse", "argument --loss: invalid choice: 'mse'"),
        ("train fruit.csv --target fruit --task guessing", "argument --task: invalid choice: 'guessing'"),
        ("train fruit.csv --target fruit --activation swish", "argument --activation: invalid choice: 'swish'"),
        ("train fruit.csv --target fruit --optimizer lbfgs", "argument --optimizer: invalid choice: 'lbfgs'"),
        ("train fruit.csv --target fruit --hidden 3 0", "argument --hidden: '0' is not a whole number, 1 or larger"),
        ("train fruit.csv --target fruit --epochs 1.5", "'1.5' is not a whole number, 1 or larger"),
        ("train fruit.csv --target fruit --batch-size 0", "'0' is not a whole number, 1 or larger"),
        ("train fruit.csv --target fruit --lr -1", "argument --lr: '-1' is not a positive number"),
        ("train fruit.csv --target fruit --seed x", "argument --seed: invalid int value: 'x'"),
        (
            "train fruit.csv --target fruit --test-size 1",
            "argument --test-size: '1' is not a number from 0 up to, but not including, 1",
        ),
        ("train fruit.csv --target fruit --test-size nan", "'nan' is not a number from 0 up to, but not including, 1"),
        ("train fruit.csv --target fruit --test-size 0.001", "test_size=0.001 holds out 0 of 36 samples"),
        ("train fruit.csv --target fruit --out .", "cannot write .: it is a folder, not a file"),
        ("train fruit.csv --target fruit --out no/m.json", "cannot write no/m.json: there is no folder no"),
        ("train fruit.csv --target fruit --out fruit.csv", "cannot write fruit.csv: it is the file that is read"),
        ("train fruit.csv --target fruit --nonsense", "unrecognized arguments: --nonsense"),
        ("predict fruit.json", "the following arguments are required: DATA.csv"),
        ("predict absent.json fruit.csv", "predict: error: cannot read absent.json: No such file or directory"),
        ("predict fruit.csv fruit.csv", "fruit.csv, line 1, column 1: not valid JSON"),
        ("predict fruit.json line.csv", "line.csv: there is no column 'weight': the columns are 'x', 'y'"),
        ("predict line.json line.csv --probabilities", "line.json was trained with mse_loss, so its outputs are not"),
        ("predict line.json line.csv --output no/p.csv", "cannot write no/p.csv: there is no folder no"),
        ("predict line.json line.csv --output ./line.csv", "cannot write ./line.csv: it is the file that is read"),
        ("predict line.json taken.csv", "taken.csv: predict writes a column 'prediction' of its own: rename yours"),
        ("evaluate fruit.json new.csv", "new.csv: there is no column 'fruit'"),
        ("evaluate fruit.json plum.csv", "line 3, column 'fruit': 'plum' is none of the classes: they are 'apple'"),
        ("draw line.json --out net.bmp", "cannot tell the format of 'net.bmp': its name must end in .svg"),
        ("draw line.json --out no/net.svg", "cannot write no/net.svg: there is no folder no"),
        ("draw line.json --row 0", "argument --row: '0' is not a whole number, 1 or larger"),
        ("draw line.json --row 2", "--row needs --data"),
        ("draw line.json --data line.csv --row 41", "line.csv: there is no row 41, only 40"),
        ("draw fruit.json --data plum.csv --row 2", "column 'fruit': 'plum' is none of the classes"),
        ("export line.json --out no/m.py", "cannot write no/m.py: there is no folder no"),
        ("export line.json --out line.json", "cannot write line.json: it is the file that is read"),
        ("export --out m.py", "the following arguments are required: MODEL.json"),
    ],
)
def test_bad_input_gets_one_clear_line(
    trained: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str
) -> None:
    (trained / "new.csv").write_text("weight,width\n150,7\n")
    (trained / "plum.csv").write_text("weight,width,fruit\n150,7,apple\n40,4,plum\n")
    (trained / "taken.csv").write_text("x,prediction\n1,2\n")
    (trained / "many.csv").write_text("x,y\n" + "".join(f"{x},{x % 25 / 2}\n" for x in range(75)))
    (trained / "gaps.csv").write_text("x,y\n" + "".join(f"{x},{x % 25 / 2}\n" for x in range(75)) + "0,NA\n" * 5)
    (trained / "near.csv").write_text("X\n1\n")
    (trained / "coloured.csv").write_text("\x9b31mred,fruit\n\x1b[0m,apple\n1,pear\n", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in trained.iterdir()}
    status, out, err = run(capsys, *arguments.split())
    assert (status, out) == (2, "")
    assert re.match(r"python -m nn( \w+)?: error: ", err)
    assert message in err
    assert err.count("\n") == 1
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": None}, "'task' must be one of classification, regression, not None"),
        ({"task": ["regression"]}, "'task' must be one of classification, regression, not ['regression']"),
        ({"task": "regression"}, "'class_names' must be a list of 0 different names for a regression"),
        ({"target": 3}, "'target' must be the name of a column"),
        ({"feature_names": ["weight"]}, "'feature_names' must be a list of 2 different names"),
        ({"feature_names": ["weight", "weight"]}, "'feature_names' must be a list of 2 different names"),
        ({"feature_names": ["weight", {}]}, "'feature_names' must be a list of 2 different names"),
        ({"class_names": ["apple"]}, "'class_names' must be a list of 3 different names for a classification"),
        ({"loss": "mse"}, "'loss' must be one of cross_entropy, mse_loss, half_mse_loss for a classification"),
        ({"loss": []}, "'loss' must be one of cross_entropy, mse_loss, half_mse_loss for a classification"),
        ({"standardizer": {"mean": [0.0], "scale": [1.0]}}, "the standardizers do not fit the network"),
        ({"standardizer": {"mean": [0.0, 0.0], "scale": [0.0, 1.0]}}, "'standardizer': a mean must be finite and a"),
        ({"standardizer": {"mean": [0.0, "1"], "scale": [1.0, 1.0]}}, "'standardizer': "),
        ({"standardizer": 5}, "'standardizer': "),
        ({"target_standardizer": {"mean": [0.0], "scale": [1.0]}}, "the standardizers do not fit the network"),
    ],
)
def test_a_file_with_other_metadata_is_refused(
    trained: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], message: str
) -> None:
    document = json.loads((trained / "fruit.json").read_text())
    document["metadata"] |= change
    del document["checksum"]  # which would find any change
    (trained / "fruit.json").write_text(json.dumps(document))
    status, out, err = run(capsys, "predict", "fruit.json", "fruit.csv")
    assert (status, out) == (2, "")
    assert f"error: fruit.json: metadata: {message}" in err
    assert err.count("\n") == 1


def test_a_network_that_was_saved_alone_is_refused(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_model("fruit.json")[0].save("alone.json")
    status, _, err = run(capsys, "evaluate", "alone.json", "fruit.csv")
    assert status == 2
    assert "alone.json: metadata: 'task' must be" in err
    assert "python -m nn train writes complete files" in err


# --- what is asked, checked before training, and not obeyed ---------------------------------------------------------


def test_many_numbers_are_classes_if_that_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "many.csv").write_text("x,y\n" + "".join(f"{x},{x % 25}\n" for x in range(75)))
    (folder / "names.csv").write_text("x,y\n" + "".join(f"{x},name {x % 25}\n" for x in range(75)))
    (folder / "few.csv").write_text("x,y\n" + "".join(f"{x},{x % 20}\n" for x in range(75)))
    for words, kind in [
        ("many.csv --task classification", "25 classes"),
        ("many.csv --task regression", "y as a number"),
        ("names.csv", "25 classes"),
        ("few.csv", "20 classes"),
    ]:
        status, out, err = run(capsys, "train", *words.split(), "--target", "y", "--epochs", "1")
        assert status == 0, err
        assert f"{words.split()[0]}: 75 rows, 1 features, {kind}" in out


def test_the_target_file_is_tried_before_training(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every command: a folder on a disk that is read-only says so only when a file is made."""
    original = os.open

    def read_only(path: Any, flags: int, *mode: int, **options: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(30, "Read-only file system")
        return original(path, flags, *mode, **options)

    monkeypatch.setattr(os, "open", read_only)
    for name in ("Experiment", "TabularModel"):
        monkeypatch.setattr(f"nn.cli.commands.{name}", None)
    for words in (
        "train fruit.csv --target fruit --out new.json",
        "predict line.json line.csv --output new.csv",
        "draw line.json --out new.svg",
        "export line.json --out new.py",
    ):
        status, out, err = run(capsys, *words.split())
        assert (status, out) == (2, "")
        assert err.endswith(f"error: cannot write {words.split()[-1]}: Read-only file system\n")


def test_a_training_that_makes_the_network_worse_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has a finite loss, so that nothing else would."""
    words = ["train", "line.csv", "--target", "y", "--task", "regression", "--optimizer", "sgd", "--epochs", "2"]
    status, out, err = run(capsys, *words, "--hidden", "--lr", "10")
    note = r"the training diverged: the loss rose from \S+ to \S+: use a smaller learning rate than 10"
    assert status == 1
    assert re.search(
        rf"^python -m nn train: error: {note}; model.json is not written \(--keep-diverged .*\)$", err, re.M
    )
    assert "wrote" not in out
    assert not (folder / "model.json").exists()
    status, out, err = run(capsys, *words, "--hidden", "--lr", "10", "--keep-diverged")
    assert status == 0
    assert re.search(f"^python -m nn: note: {note}$", err, re.M)
    assert "wrote model.json" in out
    assert "diverged" not in run(capsys, *words)[2]


def test_losses_too_large_to_read_are_short(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "line.csv", "--target", "y", "--task", "regression", "--optimizer", "sgd", "--epochs", "9"]
    status, _, err = run(capsys, *words, "--hidden", "--lr", "30")
    assert status == 1
    assert re.search(r"loss \d\.\d{3}e\+\d+$", err, re.M)
    assert max(len(line) for line in err.splitlines() if line.startswith("epoch")) < 40


def test_parameters_that_overflow_in_the_last_step_are_a_divergence(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The losses of the epochs are measured before their steps, and do not show it."""

    def overflowing(model: Any, *arguments: Any, **options: Any) -> History:
        model.parameters()[0].data = float("inf")
        return History(loss=[0.5])

    monkeypatch.setattr("nn.cli.tabular.fit", overflowing)
    status, _, err = run(capsys, "train", "line.csv", "--target", "y", "--task", "regression")
    assert status == 1
    assert re.search(r"error: the training diverged: the final loss is (nan|inf): use a smaller learning rate", err)
    assert not (folder / "model.json").exists()


def test_names_cannot_command_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of columns, classes and files with escapes, those of one byte, and marks that turn the writing round."""
    evil = "\x1b[2J\x9b31m\u202e"
    table = FRUIT.replace("apple", f"{evil}apple").replace("weight", f"{evil}weight")
    (folder / f"{evil}.csv").write_text(table.replace(",fruit", f",{evil}fruit", 1), encoding="utf-8")
    data, model = f"{evil}.csv", f"{evil}.json"
    said = ""
    status, out, err = run(capsys, "train", data, "--target", f"{evil}fruit", "--out", model, "--epochs", "1")
    assert status == 0, err
    said += out + err
    for words in (
        ["evaluate", model, data], ["draw", model, "--data", data, "--out", f"{evil}.svg"],
        ["export", model, "--out", f"{evil}.py"], ["predict", model, data, "--output", f"{evil}p.csv"],
        ["evaluate", model, "fruit.csv"], ["train", data, "--target", "fruits"],
        ["--data", data, "--target", f"{evil}fruit", "--epochs", "1", "--out", f"{evil}demo"],
    ):  # fmt: skip
        _, out, err = run(capsys, *words)
        assert out + err
        said += out + err
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for options in ([], ["--json"]):
        status, out, err = run(capsys, "predict", model, data, *options)
        assert status == 0
        said += out + err
    assert r"\x1b[2J\x9b31m\u202eapple" in said
    assert [line for line in said.splitlines() if not line.isprintable()] == []


def test_what_goes_to_a_file_is_not_changed(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trained / "line.csv").write_text("x,note\n1,\x1b[2J\tb\n")
    assert "\x1b[2J\tb" in run(capsys, "predict", "line.json", "line.csv")[1]


# --- how it ends ----------------------------------------------------------------------------------------------------


def test_a_divergence_has_a_status_of_its_own_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--task", "regression", "--optimizer", "sgd", "--lr", "1e200"]
    status, _, err = run(capsys, "train", "line.csv", "--target", "y", *words)
    assert status == 1
    assert re.search(r"^python -m nn train: error: the loss became (nan|inf) in epoch \d+: use a smaller", err, re.M)
    assert not (folder / "model.json").exists()


def test_an_interruption_is_one_line_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nn.cli.tabular.fit", interrupted)
    status, _, err = run(capsys, "train", "fruit.csv", "--target", "fruit")
    assert (status, err) == (130, "python -m nn train: error: interrupted\n")
    assert not (folder / "model.json").exists()


def test_a_warning_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def warned(*arguments: Any, **options: Any) -> History:
        warnings.warn("this takes long", RuntimeWarning, stacklevel=1)
        return fit(*arguments, **options)

    monkeypatch.setattr("nn.cli.tabular.fit", warned)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        status, _, err = run(capsys, "train", "fruit.csv", "--target", "fruit", "--epochs", "1")
    assert status == 0
    assert err.splitlines()[0] == "python -m nn: note: this takes long"
    assert err.splitlines()[1].startswith("epoch    1   loss ")
    assert len(err.splitlines()) == 2


@pytest.mark.skipif(os.name == "nt", reason="a pipe without a reader is another error there")
def test_a_reader_that_had_enough_is_no_error(trained: Path) -> None:
    (trained / "long.csv").write_text(FRUIT + "".join(FRUIT.splitlines(keepends=True)[1:] * 40))
    read, write = os.pipe()
    os.close(read)
    predict = "predict fruit.json long.csv"
    for words, unbuffered in ((predict, ""), (predict, "1"), (f"{predict} --json", ""), ("--help", "1")):
        done = in_a_process(trained, *words.split(), stdout=write, env={"PYTHONUNBUFFERED": unbuffered})
        assert (done.returncode, done.stderr) == (0, b""), words
    os.close(write)


@pytest.mark.skipif(os.name == "nt", reason="a pipe without a reader is another error there")
def test_a_reader_that_had_enough_of_the_progress_stops_no_training(folder: Path) -> None:
    """As ``train … 2>&1 | head -3`` has, or a window that was closed."""
    read, write = os.pipe()
    os.close(read)
    words = ["train", "fruit.csv", "--target", "fruit", "--epochs", "20", "--out", "kept.json"]
    done = in_a_process(folder, *words, stdout=subprocess.PIPE, stderr=write)
    os.close(write)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, b"wrote kept.json")
    assert len(json.loads((folder / "kept.json").read_text())) > 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_results_that_cannot_be_written_are_an_error(trained: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = in_a_process(trained, "predict", "fruit.json", "fruit.csv", stdout=full)
    assert done.returncode == 2
    assert done.stderr == b"python -m nn predict: error: cannot write the results: No space left on device\n"


def test_a_bar_is_shown_where_someone_watches(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    status, _, err = run(capsys, "train", "fruit.csv", "--target", "fruit", "--epochs", "20")
    assert status == 0
    assert "20/20" in err
    assert "epoch   10" not in err
