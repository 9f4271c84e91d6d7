"""The commands of ``python -m nn``: what they print and write, and what bad input gets."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from nn import History, Standardizer, fit, load_model
from nn.__main__ import main
from nn.tabular import TABULAR_LOSSES, TabularModel

ROOT = Path(__file__).resolve().parent.parent

FRUIT = "weight,width,fruit\n" + "".join(
    f"{weight + i},{width + i / 10},{fruit}\n"
    for fruit, weight, width in [("apple", 150, 7), ("cherry", 6, 1), ("pear", 150, 1)]
    for i in range(12)
)
LINE = "x,y\n" + "".join(f"{x},{1000 + 50 * x}\n" for x in range(40))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with two tables."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fruit.csv").write_text(FRUIT)
    (tmp_path / "line.csv").write_text(LINE)
    return tmp_path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model for each table, trained once for the tests that only use them."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "fruit.csv").write_text(FRUIT)
    (folder / "line.csv").write_text(LINE)
    train_fruit, train_line = str(folder / "fruit.json"), str(folder / "line.json")
    assert main(["train", str(folder / "fruit.csv"), "--target", "fruit", "--out", train_fruit]) == 0
    line = ["train", str(folder / "line.csv"), "--target", "y", "--task", "regression", "--hidden", "--lr", "0.1"]
    assert main([*line, "--out", train_line]) == 0
    return folder


@pytest.fixture
def trained(folder: Path, models: Path) -> Path:
    """The folder to work in, with the tables and the models."""
    for name in ("fruit.json", "line.json"):
        (folder / name).write_bytes((models / name).read_bytes())
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """The exit status, stdout and stderr of the command line."""
    capsys.readouterr()
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = int(stop.code or 0)
    out, err = capsys.readouterr()
    return status, out, err


def as_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def in_a_process(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | options.pop("env", {})
    return subprocess.run(
        [sys.executable, "-m", "nn", *arguments], cwd=folder, env=environment, stderr=subprocess.PIPE, timeout=120,
        check=False, **options,
    )  # fmt: skip


# --- train ----------------------------------------------------------------------------------------------------------


def test_training_says_what_and_how_well_and_writes_one_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(os.listdir(folder))
    status, out, err = run(capsys, "train", "fruit.csv", "--target", "fruit")
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0] == "fruit.csv: 36 rows, 2 features, 3 classes; 27 to train on, 9 held out"
    assert lines[1] == "2-16-3 network, relu, 99 parameters; cross_entropy, adam"
    assert re.fullmatch(r"trained on   loss 0\.\d{5}   accuracy 100\.0%   \(27 of 27\)", lines[2])
    assert re.fullmatch(r"held out     loss 0\.\d{5}   accuracy 100\.0%   \(9 of 9\)", lines[3])
    assert lines[4:] == ["wrote model.json"]
    epochs = re.findall(r"^epoch +(\d+)   loss \d+\.\d{5}$", err, flags=re.MULTILINE)
    assert epochs == ["1", *[str(10 * i) for i in range(1, 11)]]
    assert len(err.splitlines()) == 11
    assert set(os.listdir(folder)) - before == {"model.json"}


def test_the_model_is_saved_with_all_that_its_numbers_mean(models: Path) -> None:
    model, metadata = load_model(models / "fruit.json")
    assert model.architecture()["nouts"] == [16, 3]
    assert {name: metadata[name] for name in metadata if name != "standardizer"} == {
        "task": "classification", "target": "fruit", "feature_names": ["weight", "width"],
        "class_names": ["apple", "cherry", "pear"], "loss": "cross_entropy",
    }  # fmt: skip
    assert len(Standardizer(**metadata["standardizer"]).mean) == 2
    assert TabularModel.load(models / "line.json").task == "regression"
    assert Standardizer(**load_model(models / "line.json")[1]["target_standardizer"]).scale[0] > 100


def test_the_options_of_training_are_used(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "--hidden 5 4 --activation tanh --loss mse_loss --optimizer sgd --epochs 3 --batch-size 7 --lr 0.5"
    words = [*options.split(), "--seed", "9", "--test-size", "0.5", "--out", "other.json"]
    status, out, err = run(capsys, "train", "fruit.csv", "--target", "fruit", *words)
    assert status == 0, err
    assert "18 to train on, 18 held out" in out
    assert "2-5-4-3 network, tanh, 54 parameters; mse_loss, sgd" in out
    assert [line.split()[1] for line in err.splitlines()] == ["1", "2", "3"]
    model, metadata = load_model("other.json")
    assert model.architecture() == {
        "class": "MLP", "nin": 2, "nouts": [5, 4, 3], "activation": "tanh", "output": "identity",
    }  # fmt: skip
    assert metadata["loss"] == "mse_loss"


def test_results_as_json_are_all_that_is_on_stdout(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "train", "fruit.csv", "--target", "fruit", "--json")
    assert status == 0, err
    found = json.loads(out)
    assert found["model"] == "model.json"
    assert (found["parameters"], found["epochs"]) == (99, 100)
    assert [found[part]["samples"] for part in ("train", "test")] == [27, 9]
    assert found["test"]["accuracy"] == 1.0
    assert 0 < found["test"]["loss"] < 0.5


def test_a_number_is_predicted_in_its_own_unit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--task", "regression", "--hidden", "--lr", "0.1", "--epochs", "200"]
    status, out, err = run(capsys, "train", "line.csv", "--target", "y", *words)
    assert status == 0, err
    assert "line.csv: 40 rows, 1 features, y as a number; 30 to train on, 10 held out" in out
    assert "1-1 network, 2 parameters; mse_loss, adam" in out
    r2, rmse = re.search(r"held out .* R² ([\d.]+)   RMSE ([\d.e-]+)$", out, flags=re.MULTILINE).groups()  # type: ignore[union-attr]
    assert float(r2) == pytest.approx(1.0, abs=1e-3)
    assert float(rmse) < 10
    (folder / "new.csv").write_text("x\n100\n")
    _, out, _ = run(capsys, "predict", "model.json", "new.csv")
    assert float(as_rows(out)[0]["prediction"]) == pytest.approx(6000, rel=1e-2)


def test_nothing_needs_to_be_held_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "fruit.csv", "--target", "fruit", "--epochs", "2", "--test-size", "0"]
    status, out, _ = run(capsys, *words)
    assert status == 0
    assert "36 to train on, 0 held out" in out
    assert "held out  " not in out
    _, out, _ = run(capsys, *words, "--json")
    assert "test" not in json.loads(out)


def test_the_same_seed_gives_the_same_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for seed in "778":
        run(capsys, "train", "fruit.csv", "--target", "fruit", "--epochs", "2", "--seed", seed)
        found.append((folder / "model.json").read_text())
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(("task", "loss"), [(task, loss) for task, names in TABULAR_LOSSES.items() for loss in names])
def test_every_loss_can_be_trained_by(folder: Path, capsys: pytest.CaptureFixture[str], task: str, loss: str) -> None:
    table, target = ("fruit.csv", "fruit") if task == "classification" else ("line.csv", "y")
    options = ["--task", task, "--loss", loss, "--lr", "0.05"]
    status, out, err = run(capsys, "train", table, "--target", target, *options, "--json")
    assert status == 0, err
    scores = json.loads(out)["test"]
    assert scores["accuracy" if task == "classification" else "r2"] > 0.9
    status, out, _ = run(capsys, "evaluate", "model.json", table, "--json")
    assert status == 0
    assert json.loads(out)["samples"] == (36 if task == "classification" else 40)


def test_the_demonstration_saves_a_model_for_the_commands(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "--data", "fruit.csv", "--target", "fruit", "--epochs", "30")
    status, out, err = run(capsys, "evaluate", "nn-demo/model.json", "fruit.csv", "--json")
    assert status == 0, err
    assert json.loads(out)["accuracy"] == 1.0


# --- predict --------------------------------------------------------------------------------------------------------


def test_predictions_stand_beside_the_columns_that_are_no_features(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "predict", "fruit.json", "fruit.csv")
    assert (status, err) == (0, "")
    rows = as_rows(out)
    assert list(rows[0]) == ["fruit", "prediction"]
    assert [row["prediction"] for row in rows] == [row["fruit"] for row in rows]


def test_columns_are_found_by_name_in_any_order(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trained / "new.csv").write_text('id,width,note,weight\n7,1.2,"a, ""b""\nc",8\n8,7.5,é,152\n', encoding="utf-8")
    _, out, _ = run(capsys, "predict", "fruit.json", "new.csv")
    assert as_rows(out) == [
        {"id": "7", "note": 'a, "b"\nc', "prediction": "cherry"},
        {"id": "8", "note": "é", "prediction": "apple"},
    ]


def test_probabilities_of_each_class(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "predict", "fruit.json", "fruit.csv", "--probabilities")
    names = ["apple", "cherry", "pear"]
    for row in as_rows(out):
        shares = {name: float(row[f"probability_{name}"]) for name in names}
        assert sum(shares.values()) == pytest.approx(1.0)
        assert max(names, key=shares.__getitem__) == row["prediction"]
    _, as_json, _ = run(capsys, "predict", "fruit.json", "fruit.csv", "--probabilities", "--json")
    found = json.loads(as_json)
    assert found["target"] == "fruit"
    assert found["predictions"] == [row["prediction"] for row in as_rows(out)]
    assert found["probabilities"][0] == {name: float(as_rows(out)[0][f"probability_{name}"]) for name in names}


def test_predictions_are_those_of_the_network(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, metadata = load_model("line.json")
    x, y = (Standardizer(**metadata[name]) for name in ("standardizer", "target_standardizer"))
    _, out, _ = run(capsys, "predict", "line.json", "line.csv")
    for row, (line, *_) in zip(as_rows(out), csv.reader(LINE.splitlines()[1:]), strict=True):
        expected = model(x.transform([[float(line)]])[0]).data * y.scale[0] + y.mean[0]
        assert float(row["prediction"]) == expected


def test_predictions_go_to_a_file_if_asked_for(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, printed, _ = run(capsys, "predict", "fruit.json", "fruit.csv")
    status, out, err = run(capsys, "predict", "fruit.json", "fruit.csv", "--output", "found.csv")
    assert (status, out, err) == (0, "", "python -m nn: wrote found.csv\n")
    assert (trained / "found.csv").read_text() == printed


def test_a_table_comes_from_stdin_and_goes_to_stdout_in_utf_8(trained: Path) -> None:
    table = "weight,width,name\n150,7,Äpfel δ\n".encode()
    done = in_a_process(
        trained, "predict", "fruit.json", "-", input=table, stdout=subprocess.PIPE, env={"PYTHONIOENCODING": "latin-1"}
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines() == ["name,prediction", "Äpfel δ,apple"]


def test_training_and_evaluation_read_stdin_too(trained: Path) -> None:
    words = ["train", "-", "--target", "fruit", "--epochs", "1"]
    done = in_a_process(trained, *words, input=FRUIT.encode(), stdout=subprocess.PIPE)
    assert done.returncode == 0
    assert done.stdout.startswith(b"standard input: 36 rows, 2 features")
    done = in_a_process(trained, "evaluate", "fruit.json", "-", input=FRUIT.encode(), stdout=subprocess.PIPE)
    assert b"(36 of 36)" in done.stdout
    done = in_a_process(trained, "evaluate", "fruit.json", "-", input=b"weight,width,fruit\n1,2\n")
    assert done.returncode == 2
    assert b"error: <stdin>, line 2: the row has 2 fields but the header has 3" in done.stderr


# --- evaluate -------------------------------------------------------------------------------------------------------


def test_evaluation_counts_what_was_taken_for_what(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = "weight,width,fruit\n150,7,apple\n150,1,apple\n6,1,cherry\n151,1,pear\n7,1,pear\n6,1.2,pear\n"
    (trained / "wrong.csv").write_text(wrong)
    status, out, err = run(capsys, "evaluate", "fruit.json", "wrong.csv")
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == "wrong.csv: 6 rows"
    assert re.fullmatch(r"loss \d\.\d{5}   accuracy  50\.0%   \(3 of 6\)", out.splitlines()[1])
    assert out.splitlines()[3:] == [
        "         predicted",
        "actual   apple   cherry   pear",
        "apple        1        0      1",
        "cherry       0        1      0",
        "pear         0        2      1",
    ]
    _, out, _ = run(capsys, "evaluate", "fruit.json", "wrong.csv", "--json")
    found = json.loads(out)
    assert found["confusion_matrix"] == [[1, 0, 1], [0, 1, 0], [0, 2, 1]]
    assert found["class_names"] == ["apple", "cherry", "pear"]
    assert (found["samples"], found["accuracy"]) == (6, 0.5)


def test_evaluation_of_numbers(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trained / "some.csv").write_text("y,x\n1000,0\n1100,1\n1100,2\n")
    _, out, _ = run(capsys, "evaluate", "line.json", "some.csv", "--json")
    found = json.loads(out)
    _, out, _ = run(capsys, "predict", "line.json", "some.csv")
    rows = [(float(row["prediction"]), float(row["y"])) for row in as_rows(out)]
    squares = sum((a - y) ** 2 for a, y in rows)
    mean = sum(y for _, y in rows) / 3
    assert found["rmse"] == pytest.approx(math.sqrt(squares / 3))
    assert found["r2"] == pytest.approx(1 - squares / sum((y - mean) ** 2 for _, y in rows))
    scale = TabularModel.load("line.json").target_scaling.scale[0]  # type: ignore[union-attr]
    assert found["loss"] == pytest.approx(squares / 3 / scale**2)


def test_what_is_not_defined_is_null(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trained / "same.csv").write_text("x,y\n1,5\n2,5\n")
    assert "R² nan" in run(capsys, "evaluate", "line.json", "same.csv")[1]
    assert json.loads(run(capsys, "evaluate", "line.json", "same.csv", "--json")[1])["r2"] is None
    (trained / "huge.csv").write_text("x\n1e308\n")
    assert json.loads(run(capsys, "predict", "line.json", "huge.csv", "--json")[1])["predictions"] == [None]


def test_columns_that_are_not_used_are_named(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trained / "more.csv").write_text("id,weight,width,fruit,note\n1,150,7,apple,x\n")
    status, out, err = run(capsys, "evaluate", "fruit.json", "more.csv", "--json")
    assert status == 0
    assert json.loads(out)["accuracy"] == 1.0
    assert err == "python -m nn: note: more.csv: not used: 'id', 'note'\n"


# --- draw and export ------------------------------------------------------------------------------------------------


def test_a_row_is_drawn_with_its_loss_and_the_names_of_its_features(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "draw", "fruit.json", "--data", "fruit.csv", "--row", "13")
    assert (status, err) == (0, "")
    loss = re.fullmatch(r"the loss J = (\S+) of row 13 of fruit.csv, and its gradients\nwrote net.svg\n", out)
    assert loss
    text = "".join(ElementTree.parse("net.svg").getroot().itertext())
    for part in ("weight", "width", "neuron 16 of layer 2", f"{float(loss[1]):.4g}"):
        assert part in text
    (trained / "first.csv").write_text("\n".join([*FRUIT.splitlines()[:1], FRUIT.splitlines()[13]]))
    _, out, _ = run(capsys, "evaluate", "fruit.json", "first.csv", "--json")
    assert json.loads(out)["loss"] == pytest.approx(float(loss[1]), rel=1e-5)


def test_without_the_target_an_output_is_drawn(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trained / "new.csv").write_text("width,weight\n1,6\n")
    status, out, _ = run(capsys, "draw", "fruit.json", "--data", "new.csv", "--out", "new.dot")
    assert status == 0
    assert re.fullmatch(r"the output \S+ for 'cherry' of row 1 of new.csv, and its gradients\nwrote new.dot\n", out)
    assert "z³₂" in (trained / "new.dot").read_text(encoding="utf-8")


def test_without_data_the_average_is_drawn(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "draw", "line.json", "--out", "line.dot")
    assert status == 0
    number = re.match(r"the output (\S+) with every feature at its mean, and its gradients\n", out)
    assert number
    assert float(number[1]) == pytest.approx(load_model("line.json")[0]([0.0]).data, rel=1e-5)
    weight = load_model("line.json")[0].parameters()[0].data
    text = (trained / "line.dot").read_text(encoding="utf-8")
    assert f'label="x\\ndata 0\\ngrad {weight:.4g}"' in text


@pytest.mark.parametrize(
    ("name", "start"),
    [("n.png", b"\x89PNG"), ("n.html", b"<!doctype html>"), ("n.SVG", b"<?xml"), ("n.gv", b"digraph")],
)
def test_the_ending_chooses_the_format(
    trained: Path, capsys: pytest.CaptureFixture[str], name: str, start: bytes
) -> None:
    status, _, err = run(capsys, "draw", "line.json", "--out", name)
    assert status == 0, err
    assert (trained / name).read_bytes()[: len(start)].lower() == start.lower()


def test_without_graphviz_a_drawing_is_refused_with_the_remedy(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograd.viz.render.shutil.which", lambda name: None)
    monkeypatch.setattr("autograd.viz.render._in_wheel", lambda: None)
    before = os.listdir(trained)
    for name in ("n.svg", "n.html"):
        status, out, err = run(capsys, "draw", "line.json", "--out", name)
        assert (status, out) == (2, "")
        assert 'pip install "scalar-autograd[draw]"' in err
        assert err.count("\n") == 1
    assert os.listdir(trained) == before


def test_a_model_is_exported_with_its_scales_and_names(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "export", "fruit.json")
    assert (status, err) == (0, "")
    compile(out, "model.py", "exec")
    _, metadata = load_model("fruit.json")
    assert out.startswith("import torch\n")
    for line in [
        "features = ['weight', 'width']",
        f"mean = torch.tensor({metadata['standardizer']['mean']}, dtype=torch.float64)",
        "classes = ['apple', 'cherry', 'pear']",
    ]:
        assert line in out.splitlines()
    status, nothing, _ = run(capsys, "export", "fruit.json", "--out", "model.py")
    assert (status, nothing) == (0, "")
    assert (trained / "model.py").read_text() == out
    scaling = load_model("line.json")[1]["target_standardizer"]
    assert f" * {scaling['scale'][0]!r} + {scaling['mean'][0]!r})" in run(capsys, "export", "line.json")[1]


# --- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["train", "predict", "evaluate", "draw", "export"])
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
        ("trian fruit.csv", "invalid choice: 'trian'"),
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
        ("train fruit.csv --target fruit --loss huber_loss", "the loss huber_loss is none for a classification"),
        ("train line.csv --target y --task regression --loss cross_entropy", "cross_entropy is none for a regression"),
        ("train fruit.csv --target fruit --loss mse", "argument --loss: invalid choice: 'mse'"),
        ("train fruit.csv --target fruit --task guessing", "argument --task: invalid choice: 'guessing'"),
        ("train fruit.csv --target fruit --activation swish", "argument --activation: invalid choice: 'swish'"),
        ("train fruit.csv --target fruit --optimizer lbfgs", "argument --optimizer: invalid choice: 'lbfgs'"),
        ("train fruit.csv --target fruit --hidden 3 0", "argument --hidden: '0' is not a whole number of at least 1"),
        ("train fruit.csv --target fruit --epochs 1.5", "'1.5' is not a whole number of at least 1"),
        ("train fruit.csv --target fruit --batch-size 0", "'0' is not a whole number of at least 1"),
        ("train fruit.csv --target fruit --lr -1", "argument --lr: '-1' is not a positive number"),
        ("train fruit.csv --target fruit --seed x", "argument --seed: invalid int value: 'x'"),
        ("train fruit.csv --target fruit --test-size 1", "argument --test-size: '1' is not a number from 0 to below 1"),
        ("train fruit.csv --target fruit --test-size nan", "'nan' is not a number from 0 to below 1"),
        ("train fruit.csv --target fruit --test-size 0.001", "test_size=0.001 holds out 0 of 36 samples"),
        ("train fruit.csv --target fruit --out .", "cannot write .: it is a folder, not a file"),
        ("train fruit.csv --target fruit --out no/m.json", "cannot write no/m.json: there is no folder no"),
        ("train fruit.csv --target fruit --nonsense", "unrecognized arguments: --nonsense"),
        ("predict fruit.json", "the following arguments are required: DATA.csv"),
        ("predict absent.json fruit.csv", "predict: error: cannot read absent.json: No such file or directory"),
        ("predict fruit.csv fruit.csv", "fruit.csv, line 1, column 1: not valid JSON"),
        ("predict fruit.json line.csv", "line.csv: there is no column 'weight': the columns are 'x', 'y'"),
        ("predict line.json line.csv --probabilities", "line.json was trained by mse_loss, so that its outputs are no"),
        ("predict line.json line.csv --output no/p.csv", "cannot write no/p.csv: No such file or directory"),
        ("predict line.json taken.csv", "taken.csv: 'prediction' is a column that predict writes itself: rename yours"),
        ("evaluate fruit.json new.csv", "new.csv: there is no column 'fruit'"),
        ("evaluate fruit.json plum.csv", "line 3, column 'fruit': 'plum' is none of the classes: they are 'apple'"),
        ("draw line.json --out net.bmp", "cannot tell the format of 'net.bmp': end it in .svg"),
        ("draw line.json --out no/net.svg", "cannot write no/net.svg: there is no folder no"),
        ("draw line.json --row 0", "argument --row: '0' is not a whole number of at least 1"),
        ("draw line.json --row 2", "--row needs --data"),
        ("draw line.json --data line.csv --row 41", "line.csv: there is no row 41: the last one is 40"),
        ("draw fruit.json --data plum.csv --row 2", "column 'fruit': 'plum' is none of the classes"),
        ("export line.json --out no/m.py", "cannot write no/m.py: No such file or directory"),
        ("export --out m.py", "the following arguments are required: MODEL.json"),
    ],
)
def test_bad_input_gets_one_clear_line(
    trained: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str
) -> None:
    (trained / "new.csv").write_text("weight,width\n150,7\n")
    (trained / "plum.csv").write_text("weight,width,fruit\n150,7,apple\n40,4,plum\n")
    (trained / "taken.csv").write_text("x,prediction\n1,2\n")
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
    assert "python -m nn train writes files that have all of it" in err


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

    monkeypatch.setattr("nn.commands.fit", interrupted)
    status, _, err = run(capsys, "train", "fruit.csv", "--target", "fruit")
    assert (status, err) == (130, "python -m nn train: error: interrupted\n")
    assert not (folder / "model.json").exists()


def test_a_warning_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def warned(*arguments: Any, **options: Any) -> History:
        warnings.warn("this takes long", RuntimeWarning, stacklevel=1)
        return fit(*arguments, **options)

    monkeypatch.setattr("nn.commands.fit", warned)
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
    for words in ("predict fruit.json long.csv", "predict fruit.json long.csv --json", "--help", "draw --help"):
        for unbuffered in ("", "1"):
            done = in_a_process(trained, *words.split(), stdout=write, env={"PYTHONUNBUFFERED": unbuffered})
            assert (done.returncode, done.stderr) == (0, b""), words
    os.close(write)


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
