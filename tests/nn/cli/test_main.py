"""``python -m nn``: the demonstration, its options, and what it says to bad input."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import autograd
from nn import Standardizer, load_iris, load_model
from tests.support import PATIENCE, ROOT
from tests.support.command_line import run

FRUIT = "weight,width,fruit\n" + "".join(
    f"{weight + i},{width + i / 10},{fruit}\n"
    for fruit, weight, width in [("apple", 150, 7), ("cherry", 6, 1)]
    for i in range(9)
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- the demonstration ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """``python -m nn`` as a stranger runs it, once for the tests below."""
    folder = tmp_path_factory.mktemp("demonstration")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    process = subprocess.run(
        [sys.executable, "-m", "nn"],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    return folder, process


def test_it_trains_to_95_percent_on_the_held_out_third(
    demonstration: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, process = demonstration
    assert process.returncode == 0, process.stderr
    assert "Iris: 150 rows, 4 features, 3 classes; 100 to train on, 50 held out" in process.stdout
    assert "4-5-3 network, sigmoid, 43 parameters; J = 1/(2k) Σ (a − y)², mini-batches of 10" in process.stdout
    found = re.search(r"held out +loss 0\.\d+ +accuracy +([\d.]+)% +\((\d+) of 50\)", process.stdout)
    assert found
    assert float(found[1]) == int(found[2]) * 2 >= 95.0
    assert "This is one random split (seed 0); another seed gives other numbers." in process.stdout


def test_it_shows_its_progress_on_stderr(demonstration: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, process = demonstration
    progress = re.findall(r"^epoch +(\d+) +loss (0\.\d+) +accuracy +[\d.]+%$", process.stderr, flags=re.MULTILINE)
    assert len(process.stderr.splitlines()) == len(progress) == 11
    losses = [float(loss) for _, loss in progress]
    assert losses == sorted(losses, reverse=True)


def test_it_shows_gradients_beside_the_formulas(demonstration: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, process = demonstration
    number = r"([+-]\d\.\d{10}e[+-]\d\d)"
    rows = re.findall(rf"^(\S.*?) +{number} +{number} +(\d\.\de[+-]\d\d)$", process.stdout, flags=re.MULTILINE)
    names = [row[0] for row in rows]
    assert names[:4] == [f"δ³{j} = ∂J/∂a³{j} · σ'(z³{j})" for j in "₁₂₃"] + ["∂J/∂b³₁ = δ³₁"]
    assert "∂J/∂w³₁₅ = a²₅ δ³₁" in names
    assert "δ²₅ = Σ w³ₘ₅ δ³ₘ · σ'(z²₅)" in names
    assert "∂J/∂w²₁₄ = x₄ δ²₁" in names
    assert all(float(graph) == pytest.approx(float(formula), rel=1e-9) for _, graph, formula, _ in rows)
    largest = re.search(r"^Largest difference among all 51, shown or not: (\S+)$", process.stdout, flags=re.MULTILINE)
    assert largest
    assert max(float(row[3]) for row in rows) <= float(largest[1]) < 1e-12


def test_it_writes_four_files_and_nothing_else(demonstration: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, process = demonstration
    assert os.listdir(folder) == ["nn-demo"]
    files = sorted(os.listdir(folder / "nn-demo"))
    assert files == ["loss.svg", "model.json", "neuron.dot", "neuron.svg"]
    for name in files:
        assert os.path.join("nn-demo", name) in process.stdout


def test_the_pictures_show_the_neuron_and_the_loss(
    demonstration: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    out = demonstration[0] / "nn-demo"
    chart = ElementTree.parse(out / "loss.svg").getroot()
    (line,) = chart.iter("{http://www.w3.org/2000/svg}polyline")
    assert len(line.get("points", "").split()) == 100
    assert "background:white" in str(chart.get("style"))  # a viewer may be dark
    text = "".join(ElementTree.parse(out / "neuron.svg").getroot().itertext())
    dot = (out / "neuron.dot").read_text(encoding="utf-8")
    for label in ["a²₁", "z²₁", "w²₁₁", "w²₁₄", "x₁", "x₄", "b²₁"]:
        assert label in text
        assert label in dot
    assert dot.count("->") == 9 + 1
    assert "not computed" not in text


def test_the_saved_model_says_what_the_report_says(
    demonstration: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, process = demonstration
    model, metadata = load_model(folder / "nn-demo" / "model.json")
    iris = load_iris()
    assert metadata["class_names"] == iris.class_names
    assert metadata["feature_names"] == iris.feature_names
    samples = Standardizer(**metadata["standardizer"]).transform(iris.features)
    outputs = [[a.data for a in model(x)] for x in samples]
    right = sum(max(range(3), key=a.__getitem__) == y for a, y in zip(outputs, iris.targets, strict=True))
    said = [int(n) for n in re.findall(r"\((\d+) of \d+\)", process.stdout)]
    assert right == sum(said)


# --- data and options of users --------------------------------------------------------------------------------------


def test_it_trains_on_a_table_of_the_user(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "fruit.csv").write_text(FRUIT)
    status, out, err = run(capsys, "--data", "fruit.csv", "--target", "fruit", "--epochs", "30", "--out", "a/b")
    assert status == 0, err
    assert "fruit.csv: 18 rows, 2 features, 2 classes; 12 to train on, 6 held out" in out
    assert re.search(r"held out .* accuracy 100\.0% +\(6 of 6\)", out)
    assert sorted(os.listdir("a/b")) == ["loss.svg", "model.json", "neuron.dot", "neuron.svg"]
    assert load_model("a/b/model.json")[1]["class_names"] == ["apple", "cherry"]


def test_the_options_choose_the_network_and_the_training(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "--hidden 8 12 --activation tanh --loss cross_entropy --epochs 3 --batch-size 25 --lr 0.2 --seed 5"
    status, out, err = run(capsys, *options.split())
    assert status == 0, err
    assert "4-8-12-3 network, tanh, 187 parameters; J = −Σ y log softmax(a), mini-batches of 25" in out
    assert "(seed 5)" in out
    assert "δ³₆ = Σ w⁴ₘ₆ δ⁴ₘ · σ'(z³₆)" in out
    assert "δ³₇" not in out
    assert [line.split()[1] for line in err.splitlines()] == ["1", "2", "3"]
    assert load_model("nn-demo/model.json")[0].architecture() == {
        "class": "MLP", "nin": 4, "nouts": [8, 12, 3], "activation": "tanh", "output": "identity",
    }  # fmt: skip


def test_the_same_seed_gives_the_same_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, other = (run(capsys, "--epochs", "2", "--seed", seed)[1:] for seed in "778")
    assert first == second != other


def test_the_demonstration_does_not_ask_for_the_compiler(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a second without; to train a network of one's own, the compiler is worth a line."""
    for package in ("numpy", "llvmlite"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("autograd.compiler.backends._notice_given", False)
    (folder / "fruit.csv").write_text(FRUIT)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        _, _, shown = run(capsys, "--epochs", "1")
        assert [line.split()[0] for line in shown.splitlines()] == ["epoch"]
        monkeypatch.setattr("autograd.compiler.backends._notice_given", False)
        _, _, shown = run(capsys, "train", "fruit.csv", "--target", "fruit", "--epochs", "1")
    assert shown.startswith("python -m nn: note: numpy and llvmlite not installed: ")
    assert [line.split()[0] for line in shown.splitlines()] == ["python", "epoch"]


def test_without_graphviz_all_but_the_picture_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograd.viz.pictures.render.shutil.which", lambda name: None)
    monkeypatch.setattr("autograd.viz.pictures.render._in_wheel", lambda: None)
    status, out, err = run(capsys, "--epochs", "1")
    assert status == 0
    assert sorted(os.listdir("nn-demo")) == ["loss.svg", "model.json", "neuron.dot"]
    assert "neuron.svg" not in out
    note = err.splitlines()[-1]
    assert note.startswith("python -m nn: note: neuron.svg was not drawn: ")
    assert 'pip install "scalar-autograd[draw]"' in note
    assert "install Graphviz" in note


def test_help_gives_examples(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--help")
    assert status == 0
    assert "examples:\n  python -m nn " in out
    for option in ["data", "target", "hidden", "activation", "loss", "epochs", "batch-size", "lr", "seed", "out"]:
        assert f"--{option} " in out


# --- bad input: one line, status 2, nothing written -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read data.csv: No such file or directory"),
        ("", "data.csv: the file is empty"),
        ("a,kind\n", "there is a header line but no row of data"),
        ("a,b\n1,2\n", "there is no column 'kind': the columns are 'a', 'b'"),
        ("a,kind\n1,x\noops,y\n", "data.csv, line 3, column 'a': 'oops' is not a number"),
        ("a,kind\n1,x\nnan,y\n", "data.csv, line 3, column 'a': 'nan' is not finite"),
        ("a,kind\n1,x\n,y\n", "data.csv, line 3, column 'a': the cell is empty"),
        ("a,kind\n1,x\n2,x\n", "column 'kind' holds one class only, 'x'"),
        ("a,kind\n1,x\n2,y\n", "column 'kind' holds 2 different values in 2 rows: a column of classes is needed"),
        ("a,kind\n" + "".join(f"{i},{i / 7}\n" for i in range(9)), "holds 9 different values in 9 rows"),
        (
            "a,kind\n" + "".join(f"{i},{i % 30}\n" for i in range(90)),
            "holds 30 different numbers in 90 rows: this demonstration needs classes: python -m nn train --task regr",
        ),
        ("a,Kinds\n1,x\n", "there is no column 'kind': did you mean 'Kinds'? the columns are 'a', 'Kinds'"),
        ("a,\x1b[2Jk\n1,x\n", "the columns are 'a', '\\x1b[2Jk'"),
    ],
)
def test_bad_data_gets_one_clear_line(
    folder: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    if content is not None:
        (folder / "data.csv").write_text(content)
    before = os.listdir(folder)
    status, out, err = run(capsys, "--data", "data.csv", "--target", "kind")
    assert (status, out) == (2, "")
    assert err.startswith("python -m nn: error: ")
    assert message in err
    assert err.count("\n") == 1
    assert os.listdir(folder) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--data x.csv", "--data and --target go together"),
        ("--target x", "--data and --target go together"),
        ("--epochs 0", "argument --epochs: '0' is not a whole number, 1 or larger"),
        ("--epochs 2.5", "argument --epochs: '2.5' is not a whole number, 1 or larger"),
        ("--hidden 3 -1", "argument --hidden: '-1' is not a whole number, 1 or larger"),
        ("--batch-size none", "argument --batch-size: 'none' is not a whole number, 1 or larger"),
        ("--lr 0", "argument --lr: '0' is not a positive number"),
        ("--lr nan", "argument --lr: 'nan' is not a positive number"),
        ("--lr fast", "argument --lr: 'fast' is not a positive number"),
        ("--seed 1.5", "argument --seed: invalid int value: '1.5'"),
        ("--activation swish", "argument --activation: invalid choice: 'swish'"),
        ("--loss mse", "argument --loss: invalid choice: 'mse'"),
        ("--nonsense", "unrecognized arguments: --nonsense"),
    ],
)
def test_bad_options_get_one_clear_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str
) -> None:
    status, out, err = run(capsys, *arguments.split())
    assert (status, out) == (2, "")
    assert err.startswith("python -m nn: error: ")
    assert message in err
    assert err.count("\n") == 1
    assert os.listdir(folder) == []


def test_a_file_in_the_place_of_the_folder_is_refused_before_training(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "taken").write_text("")
    assert run(capsys, "--out", "taken") == (
        2, "", "python -m nn: error: cannot write into taken: it is a file, not a folder\n",
    )  # fmt: skip


def test_a_folder_that_cannot_be_made_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "taken").write_text("")
    status, _, err = run(capsys, "--epochs", "1", "--out", "taken/demo")
    assert status == 2
    assert err.splitlines()[-1].startswith("python -m nn: error: cannot make the folder taken")


def test_a_file_that_cannot_be_written_is_refused_before_training(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder that is there; and where the folder cannot be made."""
    monkeypatch.setattr("nn.cli.demo.Experiment.train", None)
    (folder / "demo" / "loss.svg").mkdir(parents=True)
    status, out, err = run(capsys, "--out", "demo")
    assert (status, out) == (2, "")
    assert err == f"python -m nn: error: cannot write {folder / 'demo' / 'loss.svg'}: Is a directory\n"

    def full(path: Any, flags: int, *mode: int) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", full)
    status, out, err = run(capsys, "--out", "other/demo")
    assert (status, out) == (2, "")
    assert err == f"python -m nn: error: cannot write {folder / 'other'}: Read-only file system\n"
    assert os.listdir(folder) == ["demo"]


def test_a_training_that_makes_the_network_worse_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--loss", "cross_entropy", "--activation", "relu", "--epochs", "3"]
    status, _, err = run(capsys, *words, "--lr", "1e4")
    assert status == 0
    assert re.search(
        r"^python -m nn: note: the training diverged: the loss rose from 1\.\d+ to .* than 10000$", err, re.M
    )
    status, _, err = run(capsys, *words)
    assert status == 0
    assert "diverged" not in err


def test_a_divergence_has_a_status_of_its_own_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = run(capsys, "--loss", "cross_entropy", "--activation", "relu", "--lr", "1e200")
    assert status == 1
    assert re.search(r"error: the loss became (nan|inf) in epoch \d+: use a smaller learning rate than 1e\+200", err)
    assert os.listdir(folder) == []


def test_an_interruption_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nn.cli.demo.Experiment.train", interrupted)
    status, _, err = run(capsys)
    assert (status, err) == (130, "python -m nn: error: interrupted\n")


def test_a_console_without_greek_letters_still_gets_the_report(folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    process = subprocess.run(
        [sys.executable, "-m", "nn", "--epochs", "1"], env=environment, capture_output=True, timeout=PATIENCE
    )
    assert process.returncode == 0, process.stderr
    assert b"Largest difference among all 51" in process.stdout


@pytest.mark.parametrize(
    ("word", "meant"),
    [("trian", "; did you mean 'train'?"), ("pred", "; did you mean 'predict'?"), ("xyz", "")],
)
def test_an_unknown_command_is_answered_with_the_one_that_was_meant(
    folder: Path, capsys: pytest.CaptureFixture[str], word: str, meant: str
) -> None:
    status, out, err = run(capsys, word, "data.csv")
    assert (status, out) == (2, "")
    known = "demo, train, predict, evaluate, draw, export"
    assert err == f"python -m nn: error: there is no command '{word}': there are {known}{meant}\n"


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--version")
    assert (status, out) == (0, f"scalar-autograd {autograd.__version__}\n")


def test_demo_is_the_bare_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = run(capsys, "--epochs", "2", "--out", "one")
    demo = run(capsys, "demo", "--epochs", "2", "--out", "zwei")
    assert bare[0] == demo[0] == 0
    assert bare[1] == demo[1].replace("zwei", "one")
    assert run(capsys, "demo", "--data", "fruit.csv")[2] == (
        "python -m nn demo: error: --data and --target go together: the file, and its column to predict\n"
    )
