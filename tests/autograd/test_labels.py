"""Labels in textbook notation are read as they were written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autograd.labels import Textbook, family, indices, notation, scripts, stem, textbook
from autograd.viz.text.typeset import latex_name

LAYER, INDEX = st.integers(1, 999), st.integers(1, 999)


@given(LAYER, INDEX, INDEX)
def test_a_weight_is_read_as_it_was_written(layer: int, above: int, below: int) -> None:
    label = notation("w", layer, above, below)
    assert textbook(label) == Textbook("w", str(layer), (str(above), str(below)))
    assert indices([label, notation("w", layer, 1, 10)])[0] == (above, below)
    assert (stem(label), family([label])) == (notation("w", layer), "w")


@given(st.sampled_from("bza"), LAYER, INDEX)
def test_a_number_of_a_neuron_is_read_as_it_was_written(symbol: str, layer: int, index: int) -> None:
    label = notation(symbol, layer, index)
    assert textbook(label) == Textbook(symbol, str(layer), (str(index),))
    assert indices([label, notation(symbol, layer, 1)])[0] == (index,)
    assert scripts(label) == (symbol, str(layer), str(index))


@given(st.text())
def test_any_label_is_read_without_an_error(label: str) -> None:
    found = textbook(label)
    assert found is None or label.startswith(found.symbol)
    assert len(stem(label)) <= len(label)
    base, _, _ = scripts(label)
    assert label.startswith(base)
    assert latex_name(label)
