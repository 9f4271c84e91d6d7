"""Reading, standardizing, splitting and batching data; the bundled and generated data sets."""

from __future__ import annotations

import dataclasses
import math
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.errors import AutogradError
from nn import MLP, accuracy, datasets, fit, predict
from nn.data import (
    DataError,
    Standardizer,
    check_pairs,
    first_not_finite,
    minibatches,
    one_hot,
    read_csv,
    samples_of,
    train_test_split,
)
from nn.training.validation import contents_of

TABLE = b"weight,price,fruit\n150,0.5,apple\n6,0.25,cherry\n8.5,-3e-1,cherry\n"


def write(folder: Path, content: bytes) -> Path:
    path = folder / "fruit.csv"
    path.write_bytes(content)
    return path


# --- read_csv: what is accepted -------------------------------------------------------------------------------------


def test_read_csv_gives_features_targets_and_names(tmp_path: Path) -> None:
    data = read_csv(write(tmp_path, TABLE), target="fruit")
    assert data.features == [[150.0, 0.5], [6.0, 0.25], [8.5, -0.3]]
    assert data.targets == [0, 1, 1]
    assert data.feature_names == ["weight", "price"]
    assert data.class_names == ["apple", "cherry"]


def test_the_target_may_be_any_column(tmp_path: Path) -> None:
    data = read_csv(write(tmp_path, b"fruit,weight\napple,150\ncherry,6\n"), target="fruit")
    assert data.features == [[150.0], [6.0]]
    assert data.feature_names == ["weight"]


def test_regression_reads_the_target_as_numbers(tmp_path: Path) -> None:
    data = read_csv(write(tmp_path, b"x,y\n1,2.5\n2,4\n"), target="y", task="regression")
    assert data.targets == [2.5, 4.0]
    assert data.class_names == []


def test_numeric_labels_are_numbered_in_numeric_order(tmp_path: Path) -> None:
    data = read_csv(write(tmp_path, b"x,digit\n0,10\n0,9\n0,1\n"), target="digit")
    assert data.class_names == ["1", "9", "10"]
    assert data.targets == [2, 1, 0]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + TABLE,
        TABLE.replace(b"\n", b"\r\n"),
        TABLE.replace(b"\n", b"\r"),
        TABLE.rstrip(b"\n"),
        TABLE.replace(b"\n", b"\n\n") + b"\n\n",
        TABLE.replace(b",", b" , "),
        TABLE.replace(b"apple", b'"apple"').replace(b"150", b'"150"'),
    ],
    ids=["byte order mark", "CRLF", "CR", "no newline at the end", "blank lines", "spaces", "quotes"],
)
def test_read_csv_accepts_what_spreadsheets_write(tmp_path: Path, content: bytes) -> None:
    assert read_csv(write(tmp_path, content), "fruit") == read_csv(write(tmp_path, TABLE), "fruit")


@pytest.mark.parametrize("labels", [["1.5", "2.5", "-3"], ["1", "two", "A", "a"], ['"1,5"', '"2,5"'], ["nan", "NaN"]])
def test_labels_that_differ_by_more_than_their_spelling_are_classes(tmp_path: Path, labels: list[str]) -> None:
    rows = "".join([f"{k},{label}\n" for k, label in enumerate(labels)])
    assert len(read_csv(write(tmp_path, f"a,kind\n{rows}".encode()), "kind").class_names) == len(labels)


def test_a_label_may_hold_commas_line_breaks_and_any_unicode(tmp_path: Path) -> None:
    data = read_csv(write(tmp_path, 'x,label\n1,"a, b"\n2,"c\u2028d\ne"\n3,žluťoučký\n'.encode()), "label")
    assert data.class_names == ["a, b", "c\u2028d\ne", "žluťoučký"]


# --- read_csv: what is refused, and how -----------------------------------------------------------------------------

REFUSED = {
    "empty file": (b"", "the file is empty: a header line"),
    "blank lines only": (b"\n\n", "the file is empty: a header line"),
    "header only": (b"weight,fruit\n", "no row of data below it"),
    "missing column": (b"a,b\n1,2\n", "there is no column 'fruit': the columns are 'a', 'b'"),
    "semicolons": (b"weight;fruit\n1;apple\n", "the columns are separated by semicolons, not by commas"),
    "many columns": (b",".join(b"c%d" % i for i in range(12)) + b"\n1\n", "'c9' and 2 more"),
    "only the target": (b"fruit\napple\n", "'fruit' is the only column"),
    "duplicate header": (b"a,a,fruit\n1,2,apple\n", "line 1: 2 columns are named 'a'"),
    "unnamed column": (b"a,,fruit\n1,2,apple\n", "line 1: column 2 has no name"),
    "text for a number": (b"a,fruit\n1,apple\nbig,pear\n", "line 3, column 'a': 'big' is not a number"),
    "underscore in a number": (b"a,fruit\n1_0,apple\n", "line 2, column 'a': '1_0' is not a number"),
    "empty cell": (b"a,fruit\n1,apple\n ,pear\n", "line 3, column 'a': the cell is empty"),
    "empty label": (b"a,fruit\n1,apple\n2,\n", "line 3, column 'fruit': the label is empty"),
    "nan": (b"a,fruit\nNaN,apple\n", "line 2, column 'a': 'NaN' is not finite"),
    "inf": (b"a,fruit\n-inf,apple\n", "line 2, column 'a': '-inf' is not finite"),
    "too large": (b"a,fruit\n1e999,apple\n", "line 2, column 'a': '1e999' is not finite"),
    "short row": (b"a,fruit\n1,apple\n\n2\n", "line 4: the row has 1 fields but the header has 2"),
    "long row": (b"a,fruit\n1,apple,3\n", "line 2: the row has 3 fields but the header has 2"),
    "one class": (b"a,fruit\n1,apple\n2,apple\n", "column 'fruit' holds one class only, 'apple'"),
    "one number, two spellings": (b"a,fruit\n1,1\n2,2\n3,1.0\n", "line 4, column 'fruit': '1.0' beside '1': spell"),
    "zeros in front": (b"a,fruit\n1,01\n2,2\n3,1\n", "line 4, column 'fruit': '1' beside '01': spell"),
    "a comma for a point": (b'a,fruit\n1,1\n2,"2,0"\n', "line 3, column 'fruit': '2,0' beside '1': spell"),
    "binary": (b"\x89PNG\r\n\x1a\n\x00\x00", "zero bytes, so it is not UTF-8 text"),
    "UTF-16": ("\ufeffa,fruit\n1,apple\n".encode("utf-16-le"), "zero bytes, so it is not UTF-8 text"),
    "latin-1": ("a,fruit\n1,apple\n2,pêche\n".encode("latin-1"), "line 3: byte 0xea is not UTF-8 text"),
    "huge field": (b"a,fruit\n" + b"9" * 200_000 + b",apple\n", "line 2: not valid CSV: field larger"),
    "long text": (b"a,fruit\n" + b"x" * 9_000 + b",apple\n", "'" + "x" * 37 + "...' is not a number"),
    "open quote": (b'a,fruit\n1,"apple\n', "not valid CSV: unexpected end of data"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_read_csv_refuses_and_says_where(tmp_path: Path, content: bytes, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DataError) as error:
        read_csv(path, target="fruit")
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < len(str(path)) + 300


def test_regression_refuses_text_in_the_target(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2, column 'fruit': 'apple' is not a number"):
        read_csv(write(tmp_path, TABLE), target="fruit", task="regression")


def test_an_unknown_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got 'clustering'"):
        read_csv(write(tmp_path, TABLE), target="fruit", task="clustering")  # type: ignore[call-overload]


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(DataError) as error:
            read_csv(path, target="fruit")
        assert str(error.value).startswith(f"cannot read {path}: ")


def test_a_data_error_is_a_value_error_of_the_package() -> None:
    assert issubclass(DataError, ValueError)
    assert issubclass(DataError, AutogradError)


@given(st.binary(max_size=200))
def test_read_csv_raises_nothing_but_data_errors(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = write(tmp_path_factory.getbasetemp(), b"a,fruit\n" + content)
    try:
        data = read_csv(path, target="fruit")
    except DataError:
        return
    assert len(data.features) == len(data.targets) > 0


# --- Standardizer ---------------------------------------------------------------------------------------------------

finite = st.floats(-1e100, 1e100)


@given(st.lists(finite, min_size=1, max_size=30))
def test_standardized_features_have_mean_0_and_deviation_1(column: list[float]) -> None:
    standard = [x for (x,) in Standardizer.fit([[x] for x in column]).transform([[x] for x in column])]
    spread = max(column) - min(column)
    if spread == 0.0:
        assert standard == [0.0] * len(column)
    elif spread > 1e-6 * max(map(abs, column)) and spread > 1e-100:
        assert math.fsum(standard) == pytest.approx(0.0, abs=1e-6)
        assert math.fsum(x * x for x in standard) / len(column) == pytest.approx(1.0)


def test_a_constant_feature_becomes_0_although_its_mean_is_rounded() -> None:
    column = [0.9] * 3
    assert math.fsum(x / 3 for x in column) != 0.9  # the formula's mean would leave a tiny spread to divide by
    assert Standardizer.fit([[x] for x in column]).transform([[x] for x in column]) == [[0.0]] * 3


def test_large_numbers_do_not_overflow() -> None:
    assert Standardizer.fit([[1e308], [-1e308], [1e308], [-1e308]]) == Standardizer([0.0], [1e308])


def test_standardized_features_can_be_brought_back() -> None:
    fitted = Standardizer([2.0, -1.0], [4.0, 0.5])
    X = [[1.0, 2.0], [-3.0, 0.25]]
    assert fitted.inverse_transform(fitted.transform(X)) == X
    with pytest.raises(DataError, match="sample 0 has 1 features but 2 are expected"):
        fitted.inverse_transform([[1.0]])


def test_columns_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "fruit.csv"
    path.write_text("id,weight,fruit,note\n1,150,apple,a\n2,6,cherry,b\n")
    data = read_csv(path, "fruit", drop=["id", "note"])
    assert (data.features, data.feature_names) == ([[150.0], [6.0]], ["weight"])
    with pytest.raises(DataError, match="there is no column 'colour'"):
        read_csv(path, "fruit", drop=["colour"])
    with pytest.raises(DataError, match="column 'fruit' is to be predicted and to be dropped: choose one"):
        read_csv(path, "fruit", drop=["fruit"])
    with pytest.raises(DataError, match="'fruit' is the only column but 'id', 'weight', 'note': add at least one"):
        read_csv(path, "fruit", drop=["id", "weight", "note"])


def test_a_standardizer_is_saved_as_a_dictionary() -> None:
    fitted = Standardizer.fit([[1.0, 2.0], [3.0, 5.0]])
    assert Standardizer(**dataclasses.asdict(fitted)) == fitted


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], "no samples"),
        ([[1.0, 2.0], [1.0]], "sample 1 has 1 features but 2 are expected"),
        ([[1.0], [math.nan]], "feature 0 holds nan"),
        ([[1.0, 2.0], [1.0, math.inf]], "feature 1 holds inf"),
    ],
)
def test_a_standardizer_refuses_what_it_cannot_measure(X: list[list[float]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Standardizer.fit(X)


def test_a_standardizer_refuses_samples_of_another_width() -> None:
    with pytest.raises(DataError, match="sample 1 has 3 features but 2 are expected"):
        Standardizer([0.0, 0.0], [1.0, 1.0]).transform([[1.0, 2.0], [1.0, 2.0, 3.0]])


@pytest.mark.parametrize(
    ("mean", "scale", "message"),
    [([0.0], [], "1 means but 0 scales"), ([0.0], [0.0], "got 0.0 and 0.0"), ([math.nan], [1.0], "got nan and 1.0")],
)
def test_a_damaged_standardizer_is_refused(mean: list[float], scale: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Standardizer(mean, scale)


# --- train_test_split -----------------------------------------------------------------------------------------------


@given(st.integers(2, 60), st.integers(1, 59), st.booleans(), st.integers(0, 3))
def test_a_split_is_a_partition_that_keeps_samples_and_targets_together(
    n: int, held_out: int, stratify: bool, seed: int
) -> None:
    held_out = min(held_out, n - 1)
    X, y = list(range(n)), [i % 3 for i in range(n)]
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=held_out, seed=seed, stratify=stratify)
    assert sorted(X_train + X_test) == X
    assert len(X_test) == held_out
    assert [i % 3 for i in X_train] == y_train
    assert [i % 3 for i in X_test] == y_test


@given(st.lists(st.sampled_from("aab"), min_size=2, max_size=60), st.floats(0.1, 0.9), st.integers(0, 3))
def test_a_stratified_split_holds_out_the_same_part_of_every_class(y: list[str], part: float, seed: int) -> None:
    held_out = round(part * len(y))
    if not 0 < held_out < len(y):
        return
    *_, y_test = train_test_split(y, y, test_size=part, seed=seed, stratify=True)
    for label, size in Counter(y).items():
        assert abs(y_test.count(label) - held_out * size / len(y)) <= 1.0


def test_a_third_of_iris_is_held_out_evenly() -> None:
    iris = datasets.load_iris()
    *_, y_test = train_test_split(iris.features, iris.targets, test_size=1 / 3, stratify=True)
    assert sorted(Counter(y_test).values()) == [16, 17, 17]


@pytest.mark.parametrize(("held_out", "rare"), [(1, 0), (2, 0), (8, 1), (9, 1)])
def test_a_class_of_one_sample_is_held_out_once_its_share_is_above_one_half(held_out: int, rare: int) -> None:
    y = ["rare", *["usual"] * 9]
    *_, y_test = train_test_split(y, y, test_size=held_out, stratify=True)
    assert y_test.count("rare") == rare


def test_classes_are_not_looked_at_unless_that_is_wanted() -> None:
    X = list(range(50))
    y = [k % 5 == 0 for k in X]
    assert train_test_split(X, y, seed=3) == train_test_split(X, y, seed=3, stratify=None)
    assert train_test_split(X, y, seed=3) != train_test_split(X, y, seed=3, stratify=True)


def test_the_seed_decides_the_split() -> None:
    X = list(range(50))
    assert train_test_split(X, X, seed=1) == train_test_split(X, X, seed=random.Random(1))
    assert train_test_split(X, X, seed=1) != train_test_split(X, X, seed=2)


@pytest.mark.parametrize("test_size", [0, 4, -1, 0.0, 1.0, 0.1, 1.5, -0.5, math.nan, math.inf])
def test_a_split_with_an_empty_side_is_refused(test_size: float) -> None:
    with pytest.raises(DataError, match=f"test_size={test_size} .* of 4 samples"):
        train_test_split([1, 2, 3, 4], [1, 2, 3, 4], test_size=test_size)


def test_a_standardizer_of_an_array_is_that_of_its_numbers() -> None:
    X = np.array([[1.5, 7.0], [2.25, 7.0], [9.0, 7.0]], dtype=np.float32)
    scaler = Standardizer.fit(X)
    assert scaler == Standardizer.fit(X.tolist())
    assert {type(number) for number in scaler.mean + scaler.scale + scaler.transform(X)[0]} == {float}


def test_samples_that_are_single_numbers_are_refused() -> None:
    with pytest.raises(DataError, match=r"sample 0 is the single number .*1\.0.*: each sample is a list"):
        Standardizer.fit(np.array([1.0, 2.0]))


def test_a_split_refuses_different_lengths_with_both_numbers() -> None:
    with pytest.raises(DataError, match="X has 3 samples but y has 2 targets"):
        train_test_split([1, 2, 3], [1, 2])


# --- minibatches and one_hot ----------------------------------------------------------------------------------------


def test_whole_numbers_of_numpy_split_as_others_do() -> None:
    numpy = pytest.importorskip("numpy")
    X, y = [[float(i)] for i in range(8)], list(range(8))
    as_given = train_test_split(X, y, test_size=numpy.int64(3), seed=numpy.int32(5))
    assert as_given == train_test_split(X, y, test_size=3, seed=5)
    assert len(as_given[1]) == 3


@given(st.integers(1, 100), st.integers(1, 120), st.integers(0, 3))
def test_an_epoch_visits_every_sample_once_in_full_batches_but_the_last(n: int, batch_size: int, seed: int) -> None:
    batches = minibatches(n, batch_size, seed)
    assert sorted(i for batch in batches for i in batch) == list(range(n))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert 1 <= len(batches[-1]) <= batch_size


def test_a_shared_generator_makes_epochs_differ_and_a_seed_repeats_them() -> None:
    rng = random.Random(5)
    first, second = minibatches(20, 4, rng), minibatches(20, 4, rng)
    assert first != second
    assert first == minibatches(20, 4, 5)


@pytest.mark.parametrize(("n", "batch_size"), [(0, 1), (5, 0), (5, -2)])
def test_minibatches_refuse_counts_below_1(n: int, batch_size: int) -> None:
    with pytest.raises(DataError, match=f"got {n} and {batch_size}"):
        minibatches(n, batch_size)


def test_minibatches_of_samples_say_that_they_take_their_number() -> None:
    with pytest.raises(TypeError, match=r"minibatches\(len\(X\), batch_size\)"):
        minibatches([[1.0], [2.0]], 2)  # type: ignore[arg-type]


def test_one_hot_has_a_single_1_at_the_class() -> None:
    assert one_hot([1, 0], 2) == [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize("label", [3, -1, 0.5, "0"])
def test_one_hot_refuses_what_is_not_a_class(label: int) -> None:
    with pytest.raises(DataError, match=rf"label {label!r} is not one of the classes 0 … 2"):
        one_hot([label], 3)


# --- data sets ------------------------------------------------------------------------------------------------------


def test_names_are_small_letters_and_at_most_twice_the_same() -> None:
    names = datasets.load_names()
    assert len(names) == 2003
    assert set(Counter(names).values()) == {1, 2}  # some are names of girls and of boys
    assert all(name.isascii() and name.isalpha() and name.islower() for name in names)
    assert {len(name) for name in names} == set(range(2, 15))


def test_iris_has_50_flowers_of_each_species() -> None:
    iris = datasets.load_iris()
    assert Counter(iris.targets) == {0: 50, 1: 50, 2: 50}
    assert iris.class_names == ["setosa", "versicolor", "virginica"]
    assert {len(sample) for sample in iris.features} == {4}


def test_iris_is_the_variant_of_fishers_paper() -> None:
    iris = datasets.load_iris()
    assert iris.features[34] == [4.9, 3.1, 1.5, 0.2]
    assert iris.features[37] == [4.9, 3.6, 1.4, 0.1]


def test_iris_equals_scikit_learns() -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    reference = sklearn.load_iris()
    iris = datasets.load_iris()
    assert iris.features == reference.data.tolist()
    assert iris.targets == reference.target.tolist()


def test_moons_without_noise_equal_scikit_learns() -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    X, y = sklearn.make_moons(51, shuffle=False)
    ours = sorted(zip(*datasets.make_moons(51), strict=True), key=lambda sample: (sample[1], sample[0]))
    theirs = sorted(zip(X.tolist(), y.tolist(), strict=True), key=lambda sample: (sample[1], sample[0]))
    assert [label for _, label in ours] == [label for _, label in theirs]
    for (point, _), (expected, _) in zip(ours, theirs, strict=True):
        assert point == pytest.approx(expected, abs=1e-12)


Generate = Callable[..., tuple[list[list[float]], list[int]]]
GENERATORS: list[Generate] = [datasets.make_moons, datasets.make_circles, datasets.make_spirals, datasets.make_xor]


@pytest.mark.parametrize("make", GENERATORS)
def test_a_generator_gives_as_many_plain_samples_as_asked(make: Generate) -> None:
    X, y = make(101, noise=0.1)
    assert len(X) == len(y) == 101
    assert all(type(coordinate) is float for point in X for coordinate in point)
    assert {len(point) for point in X} == {2}
    assert set(y) == {0, 1}
    assert abs(y.count(0) - y.count(1)) <= 1


@pytest.mark.parametrize("make", [*GENERATORS, datasets.make_line])
def test_the_seed_decides_what_is_generated(make: Generate) -> None:
    assert make(40, noise=0.1, seed=1) == make(40, noise=0.1, seed=1)
    assert make(40, noise=0.1, seed=1) != make(40, noise=0.1, seed=2)


@pytest.mark.parametrize("make", GENERATORS)
def test_classes_come_in_random_order(make: Generate) -> None:
    _, y = make(40)
    assert y != sorted(y)


@pytest.mark.parametrize("make", [*GENERATORS, datasets.make_line])
def test_a_generator_refuses_too_few_samples_and_impossible_noise(make: Generate) -> None:
    with pytest.raises(DataError, match=r"n_samples must be at least \d, got 0"):
        make(0)
    for noise in (-0.1, math.nan, math.inf):
        with pytest.raises(DataError, match=f"got {noise}"):
            make(20, noise=noise)


def test_noise_has_the_standard_deviation_asked_for() -> None:
    X, _ = datasets.make_xor(4000, noise=0.2)
    errors = [x - round(x) for point in X for x in point if abs(x - round(x)) < 0.5]
    assert math.sqrt(math.fsum(e * e for e in errors) / len(errors)) == pytest.approx(0.2, rel=0.05)


def test_spirals_never_give_one_point_to_two_classes() -> None:
    X, _ = datasets.make_spirals(99, n_classes=3)
    assert len({tuple(point) for point in X}) == 99


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(DataError, match=r"factor .* got 1\.0"):
        datasets.make_circles(10, factor=1.0)
    with pytest.raises(DataError, match="n_classes must be at least 2, got 1"):
        datasets.make_spirals(10, n_classes=1)


def test_make_line_scatters_around_the_line() -> None:
    X, y = datasets.make_line(2000, slope=-3.0, intercept=0.5, noise=0.2, seed=7)
    errors = [target - (-3.0 * x + 0.5) for (x,), target in zip(X, y, strict=True)]
    assert math.fsum(errors) / 2000 == pytest.approx(0.0, abs=0.02)
    assert math.sqrt(math.fsum(e * e for e in errors) / 2000) == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: datasets.make_moons("x"), TypeError, "n_samples must be a whole number, got 'x'"),
        (lambda: datasets.make_xor(4.5), TypeError, r"n_samples must be a whole number, got 4\.5"),
        (lambda: datasets.make_line(None), TypeError, "n_samples must be a whole number, got None"),
        (lambda: datasets.make_spirals(10, n_classes="2"), TypeError, "n_classes must be a whole number, got '2'"),
        (lambda: datasets.make_moons(10, noise="0.1"), TypeError, r"noise must be a number, got '0\.1'"),
        (lambda: datasets.make_circles(10, factor=[0.5]), TypeError, r"factor must be a number, got \[0\.5\]"),
        (lambda: Standardizer.fit(["a", "b"]), DataError, "sample 0 is the text 'a': each sample is a list"),
        (lambda: Standardizer.fit([[1.0, "a"], [2.0, "b"]]), DataError, "feature 1 of sample 0 is 'a', no number"),
        (lambda: Standardizer([0.0], [1.0]).transform([[1.0], ["b"]]), DataError, "feature 0 of sample 1 is 'b'"),
        (lambda: Standardizer([0.0], [1.0]).transform([[None]]), DataError, "feature 0 of sample 0 is None"),
        (lambda: accuracy(["a", "b"], ["a", "b"]), TypeError, "numbers, with indices of classes: got 'a'"),
        (lambda: accuracy([0.5], ["a"]), TypeError, "numbers, with indices of classes: got 'a'"),
        (lambda: predict([[1.0]], MLP(1, [1])), TypeError, r"comes first, as in predict\(model, X\).*: got a list"),
        (lambda: fit("m", [[1.0]], [1.0]), TypeError, r"comes first, as in fit\(model, X, y\).*: got a str"),
    ],
)
def test_an_argument_of_another_kind_is_named(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(("test_size", "held_out"), [(0, 0), (4, 4), (-0.5, 0), (0.0, 0), (1.0, 0), (1.5, 0)])
def test_a_refused_split_says_how_many_samples_it_would_hold_out(test_size: float, held_out: int) -> None:
    with pytest.raises(DataError, match=f"test_size={test_size} holds out {held_out} of 4 samples: both sides need"):
        train_test_split([1, 2, 3, 4], [1, 2, 3, 4], test_size=test_size)


def test_a_tensor_is_read_as_lists_and_an_array_as_it_is() -> None:
    class Tensor:
        def detach(self) -> Tensor:
            return self

        def tolist(self) -> list[float]:
            return [1.0, 2.0]

    array = np.array([[1.0], [2.0]])
    assert samples_of(Tensor()) == [1.0, 2.0]
    assert samples_of(array) is array


def test_what_was_measured_is_not_changed() -> None:
    for thing, name in ((Standardizer([0.0], [1.0]), "mean"), (datasets.load_iris(), "features")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, name, [])


def test_without_a_seed_the_draw_is_that_of_seed_0() -> None:
    X = list(range(20))
    assert minibatches(20, 6) == minibatches(20, 6, seed=0)
    assert train_test_split(X, X) == train_test_split(X, X, seed=0)


def test_a_message_about_pairs_names_their_place_if_they_have_one() -> None:
    with pytest.raises(DataError, match=r"^validation_data: X has 1 samples"):
        check_pairs([1.0], [], "validation_data")
    with pytest.raises(DataError, match=r"^X has 1 samples"):
        check_pairs([1.0], [])


@pytest.mark.parametrize("kind", [list, np.array, lambda numbers: {"a": numbers}])
def test_structures_are_alike_whose_numbers_are_the_same(kind: Callable[[list[float]], Any]) -> None:
    assert contents_of(kind([1.0, math.nan])) == contents_of(kind([1.0, math.nan]))
    for other in ([1.0, 2.0], [math.nan, 1.0], [1.0], [math.nan, math.nan]):
        assert contents_of(kind([1.0, math.nan])) != contents_of(kind(other))
    assert contents_of(kind([1.0])) != 1.0
    assert contents_of({"a": 1.0}) != contents_of({"b": 1.0})


def test_the_first_number_that_is_not_finite_has_a_place() -> None:
    assert first_not_finite([[1.0, 2.0], 3.0, [4.0, math.inf], math.nan]) == (2, "[1]", math.inf)
    assert first_not_finite([[1.0], None]) == (1, "", None)
    assert first_not_finite([[1.0], 2.0, "text"]) is None


def test_the_options_of_a_split_are_given_by_name() -> None:
    X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    with pytest.raises(TypeError, match="positional"):
        train_test_split(X, y, 0.5)  # type: ignore[misc]
    assert train_test_split(X=X, y=y, test_size=0.5) == train_test_split(X, y, test_size=0.5)
