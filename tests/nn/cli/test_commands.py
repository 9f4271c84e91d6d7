"""The commands of ``python -m nn``: what they print and write."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nn import Standardizer, load_model
from nn.cli.tabular import TABULAR_LOSSES, TabularModel
from tests.support.command_line import (  # noqa: F401 - the fixtures
    FRUIT,
    LINE,
    as_rows,
    folder_with_both,
    folder_with_models,
    folder_with_tables,
    in_a_process,
    run,
)

# --- train ----------------------------------------------------------------------------------------------------------


def test_training_says_what_and_how_well_and_writes_one_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(os.listdir(folder))
    status, out, err = run(capsys, "train", "fruit.csv", "--target", "fruit")
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0] == "fruit.csv: 36 rows, 2 features, 3 classes; 27 to train on, 9 held out"
    assert lines[1] == "2-16-3 network, relu, 99 parameters; cross_entropy, adam"
    assert re.fullmatch(r"trained on   loss [\d.e-]+   accuracy 100\.0%   \(27 of 27\)", lines[2])
    assert re.fullmatch(r"held out     loss [\d.e-]+   accuracy 100\.0%   \(9 of 9\)", lines[3])
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


def test_columns_can_be_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "numbered.csv").write_text("id,x,kind\n" + "".join(f"no. {i},{i % 2},{'ab'[i % 2]}\n" for i in range(20)))
    status, out, err = run(capsys, "train", "numbered.csv", "--target", "kind", "--drop", "id", "--epochs", "1")
    assert status == 0, err
    assert "20 rows, 1 features, 2 classes" in out
    status, out, err = run(capsys, "predict", "model.json", "numbered.csv")
    assert status == 0, err
    assert out.splitlines()[0] == "id,kind,prediction"


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
    assert re.fullmatch(r"loss [\d.]+   accuracy  50\.0%   \(3 of 6\)", out.splitlines()[1])
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


def test_columns_of_counts_are_aligned_below_short_names(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trained / "bits.csv").write_text("x,bit\n" + "".join(f"{i},{int(i > 60)}\n" for i in range(120)))
    run(capsys, "train", "bits.csv", "--target", "bit", "--out", "bits.json", "--epochs", "300")
    _, out, _ = run(capsys, "evaluate", "bits.json", "bits.csv")
    assert out.splitlines()[3:] == ["         predicted", "actual    0    1", "0        61    0", "1         0   59"]


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
    loss = re.match(r"the loss J = (\S+) of row 13 of fruit.csv, and its gradients\nstandardized inputs: ", out)
    assert loss
    text = "".join(ElementTree.parse("net.svg").getroot().itertext())
    for part in ("weight standardized", "width standardized", "layer 2: 16 neurons", f"{float(loss[1]):.4g}"):
        assert part in text
    (trained / "first.csv").write_text("\n".join([*FRUIT.splitlines()[:1], FRUIT.splitlines()[13]]))
    _, out, _ = run(capsys, "evaluate", "fruit.json", "first.csv", "--json")
    assert json.loads(out)["loss"] == pytest.approx(float(loss[1]), rel=1e-5)


def test_standardized_numbers_are_named_so_beside_those_of_the_file(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "draw", "fruit.json", "--data", "fruit.csv", "--row", "13", "--out", "row.dot")
    drawing = (trained / "row.dot").read_text(encoding="utf-8")
    row = dict(zip(FRUIT.splitlines()[0].split(","), FRUIT.splitlines()[13].split(",")))
    inputs = re.findall(r"(\w+) (\S+) → (\S+?)[,\n]", out)
    assert {name for name, _, _ in inputs} == {"weight", "width"}
    scaling = load_model("fruit.json")[1]["standardizer"]
    for (name, raw, standardized), mean, scale in zip(inputs, scaling["mean"], scaling["scale"], strict=True):
        assert float(raw) == float(row[name])
        assert float(standardized) == pytest.approx((float(raw) - mean) / scale, rel=1e-3)
        assert f"{name} standardized\\ndata {standardized}\\n" in drawing


def test_without_the_target_an_output_is_drawn(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trained / "new.csv").write_text("width,weight\n1,6\n")
    status, out, _ = run(capsys, "draw", "fruit.json", "new.csv", "--out", "new.dot")  # as ``predict`` takes the file
    assert status == 0
    assert re.fullmatch(
        r"the output \S+ for 'cherry' of row 1 of new.csv, and its gradients\nstandardized inputs: .*\nwrote new.dot\n",
        out,
    )
    assert "z³₂" in (trained / "new.dot").read_text(encoding="utf-8")


def test_without_data_the_average_is_drawn(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "draw", "line.json", "--out", "line.dot")
    assert status == 0
    number = re.match(r"the output (\S+) with every feature at its mean, and its gradients\n", out)
    assert number
    assert float(number[1]) == pytest.approx(load_model("line.json")[0]([0.0]).data, rel=1e-5)
    weight = load_model("line.json")[0].parameters()[0].data
    text = (trained / "line.dot").read_text(encoding="utf-8")
    assert f'label="x standardized\\ndata 0\\ngrad {weight:.4g}"' in text


def test_many_features_are_drawn_as_one_box(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"f{i}" for i in range(30)]
    rows = [",".join([*[str((i * k) % 7) for k in range(30)], str(i % 2)]) for i in range(20)]
    (folder / "wide.csv").write_text("\n".join([",".join([*names, "y"]), *rows]))
    run(capsys, "train", "wide.csv", "--target", "y", "--epochs", "1")
    status, _, _ = run(capsys, "draw", "model.json", "--data", "wide.csv", "--out", "wide.dot")
    assert status == 0
    text = (folder / "wide.dot").read_text(encoding="utf-8")
    assert 'label="30 inputs\\n' in text
    assert "neuron 16 of layer 2" in text


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
    monkeypatch.setattr("autograd.viz.pictures.render.shutil.which", lambda name: None)
    monkeypatch.setattr("autograd.viz.pictures.render._in_wheel", lambda: None)
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
