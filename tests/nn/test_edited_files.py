"""Saved models and checkpoints that were changed: they are refused with a FileError, or they still make sense."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from nn import (
    MLP,
    SGD,
    Adam,
    Checkpoint,
    CosineAnnealingLR,
    EarlyStopping,
    FileError,
    ReduceLROnPlateau,
    RMSprop,
    Standardizer,
    StepLR,
    fit,
    load_model,
)
from nn.cli.tabular import TabularModel
from nn.files import read_document, write_document

RNG = random.Random(0)
X = [[RNG.uniform(-2.0, 2.0) for _ in range(2)] for _ in range(8)]
Y = [a * b for a, b in X]
ODD: list[Any] = [
    None, True, False, -1, 0, 1, 3, 10**18, 10**30, 10**400, -(10**400), 2**64, 1e308, -1e308, 1e-320, 0.5, -0.5, "",
    "1", "nan", "inf", "much", "\ud800", "a\x1b[2J", [], {}, [1], {"a": 1}, [[]], [None], "DEEP", "HUGE", "1e999",
]  # fmt: skip

# --- the files, and what uses them ------------------------------------------------------------------------------------

TRAININGS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], bool]] = {
    "Adam": (lambda parameters: Adam(parameters, lr=0.05), lambda optimizer: ReduceLROnPlateau(optimizer), True),
    "SGD": (lambda parameters: SGD(parameters, momentum=0.9), lambda optimizer: StepLR(optimizer, 3), False),
    "RMSprop": (lambda parameters: RMSprop(parameters), lambda optimizer: CosineAnnealingLR(optimizer, 9), True),
}


def train(name: str, path: Path, epochs: int, *, resume: bool) -> None:
    make, schedule, stops_early = TRAININGS[name]
    model = MLP(2, [2, 1], activation="tanh", seed=1)
    optimizer = make(model.parameters())
    fit(
        model, X, Y, optimizer=optimizer, schedule=schedule(optimizer), epochs=epochs, batch_size=3,
        metrics=["l1_loss"], validation_split=0.25 if stops_early else None,
        early_stopping=stops_early and EarlyStopping(patience=99), checkpoint=Checkpoint(path, resume=resume),
        compile=False, progress=False,
    )  # fmt: skip


def save_tabular(path: Path, *, classes: bool) -> None:
    numbers = Standardizer([0.5, 1.0], [1.0, 2.0])
    if classes:
        model = TabularModel(MLP(2, [2, 2], seed=1), "y", ["a", "b"], ["p", "q"], "cross_entropy", numbers)
    else:
        model = TabularModel(
            MLP(2, [2, 1], seed=1), "y", ["a", "b"], [], "mse_loss", numbers, Standardizer([0.0], [1.0])
        )
    model.save(path)


def use_tabular(path: Path, last: int) -> None:
    model = TabularModel.load(path)
    model.predictions(model.outputs([[1.0, 2.0]]))
    load_model(path)
    MLP(2, [2, last]).load(path)


FILES: dict[str, tuple[Callable[[Path], None], Callable[[Path], None]]] = {
    "Adam": (lambda path: train("Adam", path, 3, resume=False), lambda path: train("Adam", path, 4, resume=True)),
    "SGD": (lambda path: train("SGD", path, 3, resume=False), lambda path: train("SGD", path, 4, resume=True)),
    "RMSprop": (
        lambda path: train("RMSprop", path, 3, resume=False),
        lambda path: train("RMSprop", path, 4, resume=True),
    ),
    "classes": (lambda path: save_tabular(path, classes=True), lambda path: use_tabular(path, 2)),
    "numbers": (lambda path: save_tabular(path, classes=False), lambda path: use_tabular(path, 1)),
}
EACH_FILE = pytest.mark.parametrize("name", FILES)
# Of each kind.  A checkpoint is refused for its checksum, whatever was changed, and takes a training to be made use of.
MUTATIONS = {name: 100 if name in TRAININGS else 500 for name in FILES}


# --- what is done to them ---------------------------------------------------------------------------------------------


def places(part: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every part; of long lists to the ends only."""
    if way:
        yield way
    if isinstance(part, dict):
        for name, inner in part.items():
            yield from places(inner, (*way, name))
    elif isinstance(part, list):
        for i in range(len(part)) if len(part) < 20 else (0, 1, len(part) - 2, len(part) - 1):
            yield from places(part[i], (*way, i))


def part_at(document: Any, way: tuple[Any, ...]) -> Any:
    for step in way:
        document = document[step]
    return document


def restructured(text: str, rng: random.Random) -> str:
    """With a part removed, renamed, doubled, or replaced by another part or by something odd; without a checksum."""
    document = json.loads(text)
    del document["checksum"]
    ways = list(places(document))
    *way, last = rng.choice(ways)
    around = part_at(document, tuple(way))
    kind = rng.choice(["remove", "rename", "double", "copy", "odd", "odd"])
    if kind == "remove":
        del around[last]
    elif kind == "rename" and isinstance(around, dict):
        around[rng.choice(["else", "", f"{last}x", "__class__"])] = around.pop(last)
    elif kind == "double" and isinstance(around, list):
        around.insert(last, around[last])
    elif kind == "copy":
        around[last] = json.loads(json.dumps(part_at(document, rng.choice(ways))))
    else:
        around[last] = rng.choice(ODD)
    raw = {'"DEEP"': "[" * 900 + "]" * 900, '"HUGE"': "7" * 5_000, '"1e999"': "1e999"}
    changed = json.dumps(document, indent=1)
    for mark, meant in raw.items():
        changed = changed.replace(mark, meant)
    return changed


def with_other_bytes(content: bytes, rng: random.Random) -> bytes:
    """With one or a few bytes changed, lost or added."""
    changed = bytearray(content)
    typical = b'0123456789eE+-.,[]{}":ntf '
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(changed))
        kind = rng.choice(["any", "digit", "lose", "add"])
        if kind == "lose":
            del changed[at : at + rng.choice([1, 1, 5, 50])]
        elif kind == "add":
            changed[at:at] = bytes(rng.choice(typical) for _ in range(rng.choice([1, 2])))
        else:
            changed[at] = rng.choice(b"0123456789") if kind == "digit" else rng.randrange(256)
    return bytes(changed)


# --- what comes of it -------------------------------------------------------------------------------------------------


@EACH_FILE
def test_a_restructured_file_is_refused_by_a_file_error_or_it_makes_sense(tmp_path: Path, name: str) -> None:
    """A checkpoint makes sense only as it was written: without its checksum it is always refused."""
    save, use = FILES[name]
    path, rng = tmp_path / "a.json", random.Random(5)
    save(path)
    text = path.read_text(encoding="utf-8")
    refusals: list[str] = []
    for _ in range(MUTATIONS[name]):
        path.write_text(restructured(text, rng), encoding="utf-8", errors="surrogatepass")
        try:
            use(path)
        except FileError as error:
            refusals.append(str(error))
    assert [message for message in refusals if not message.startswith(str(path))] == []
    assert [message for message in refusals if not message.isprintable() or len(message) > 2_000] == []
    most = MUTATIONS[name]
    assert len(refusals) == most if name in TRAININGS else most / 2 < len(refusals) < most


@EACH_FILE
def test_a_file_with_other_bytes_is_refused_or_says_the_same(tmp_path: Path, name: str) -> None:
    save, use = FILES[name]
    path, rng, refused = tmp_path / "a.json", random.Random(6), 0
    save(path)
    content = path.read_bytes()
    said = json.loads(content)
    for _ in range(MUTATIONS[name]):
        path.write_bytes(with_other_bytes(content, rng))
        try:
            now: Any = json.loads(path.read_bytes().decode("utf-8-sig"))
        except ValueError:
            now = None
        try:
            use(path)
        except FileError:
            refused += 1
        else:
            assert now == said or ("checksum" not in now and name not in TRAININGS)
    assert refused > MUTATIONS[name] / 2


@EACH_FILE
def test_every_altered_digit_is_found(tmp_path: Path, name: str) -> None:
    """Also the last of the seventeen of a weight, where no other check could notice it."""
    save, use = FILES[name]
    path, rng = tmp_path / "a.json", random.Random(7)
    save(path)
    text = path.read_text(encoding="utf-8")
    digits = [i for i, character in enumerate(text) if character.isdecimal()]
    for at in rng.choices(digits, k=MUTATIONS[name] // 2):
        other = rng.choice([digit for digit in "0123456789" if digit != text[at]])
        altered = text[:at] + other + text[at + 1 :]
        with suppress(json.JSONDecodeError):  # such as 07
            if json.loads(altered) == json.loads(text):
                continue  # two texts of one float
        path.write_text(altered, encoding="utf-8")
        with pytest.raises(FileError):
            use(path)


# --- the checksum -----------------------------------------------------------------------------------------------------

KIND = "test document"
CONTENT = {"numbers": [0.1, -0.0, 1e-320, 3], "names": {"b": "δ", "a": None}, "more": [[True]]}


def test_the_checksum_is_of_what_is_said_not_of_how_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    write_document(path, KIND, 1, CONTENT)
    document = json.loads(path.read_text(encoding="utf-8"))
    shuffled = dict(sorted(document.items(), reverse=True))
    for text in (
        json.dumps(document),
        json.dumps(shuffled, indent=8),
        json.dumps(document, indent=1).replace("\n", "\r\n"),
    ):
        path.write_text(text, encoding="utf-8")
        assert read_document(path, KIND, 1) == {"format": KIND, "version": 1, **CONTENT}


def test_a_change_on_purpose_takes_the_checksum_away(tmp_path: Path) -> None:
    """Files of the time before there was one are read, too."""
    path = tmp_path / "d.json"
    write_document(path, KIND, 1, CONTENT)
    document = json.loads(path.read_text(encoding="utf-8"))
    document["numbers"][0] = 0.2
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(FileError, match=r'd\.json: the content is not what was saved, .* remove "checksum" from it'):
        read_document(path, KIND, 1)
    del document["checksum"]
    path.write_text(json.dumps(document), encoding="utf-8")
    assert read_document(path, KIND, 1)["numbers"][0] == 0.2


@pytest.mark.parametrize("checksum", ["0", 5, [], {}, True, "00000000"])
def test_a_checksum_that_is_none_is_refused(tmp_path: Path, checksum: Any) -> None:
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"format": KIND, "version": 1, "checksum": checksum}), encoding="utf-8")
    with pytest.raises(FileError, match="the content is not what was saved"):
        read_document(path, KIND, 1)


# --- numbers and structures that JSON has and floats or Python's stack have not ---------------------------------------


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("1" * 5_000, "an integer of 5000 digits is too large to be a number here"),
        ("-" + "1" * 400, "an integer of 401 digits is too large"),
        ("[1e999]", "'1e999' is too large to be a number here"),
        ('{"a": 1, "b": 2, "a": 3}', "the name 'a' occurs twice in one object"),
        ("[" * 101 + "]" * 101, "lists nested too deeply for a test document"),
        ('{"a":' * 101 + "1" + "}" * 101, "lists nested too deeply for a test document"),
    ],
)
def test_json_that_is_none_for_us_is_refused(tmp_path: Path, part: str, message: str) -> None:
    path = tmp_path / "d.json"
    path.write_text(f'{{"format": "{KIND}", "version": 1, "x": {part}}}', encoding="utf-8")
    with pytest.raises(FileError, match=rf"d\.json: .*{message}"):
        read_document(path, KIND, 1)


@pytest.mark.parametrize("content", [10**400, {"a": 1, 1: 2, "1": 3}, "\ud800"])
def test_what_would_not_read_back_is_not_written(tmp_path: Path, content: Any) -> None:
    with pytest.raises(FileError, match=r"cannot write .*d\.json: "):
        write_document(tmp_path / "d.json", KIND, 1, {"content": content})
    assert list(tmp_path.iterdir()) == []
