"""Labels: the textbook names of a network's numbers (w²₁₃, b²₁, z²₁, x₁) are written and read in this module only.

A label is any text of a user, a name in textbook notation, or the place of a number in an argument (X[0][2]).

>>> notation("w", 2, 1, 3), textbook("w²₁₃")
('w²₁₃', Textbook(symbol='w', layer='2', indices=('1', '3')))
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

__all__ = [
    "DIGITS", "SCRIPTS", "SUBSCRIPTS", "SUPERSCRIPTS", "Textbook", "common", "family", "free_letter", "identifier",
    "indices", "label_of", "notation", "scripts", "stem", "subscript", "superscript", "textbook",
]  # fmt: skip

SUPERSCRIPTS, SUBSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉"
SCRIPTS = SUPERSCRIPTS + SUBSCRIPTS
DIGITS = str.maketrans(SCRIPTS, "0123456789" * 2)  # for ``str.translate``: 13 from ₁₃
_RAISED = str.maketrans("0123456789-", SUPERSCRIPTS + "⁻")
_LOWERED = str.maketrans("0123456789", SUBSCRIPTS)

_TEXTBOOK = re.compile(rf"([wbzax])([{SUPERSCRIPTS}]*)((?:[{SUBSCRIPTS}]+,?)*)")
_SCRIPTED = re.compile(rf"(.+?)([{SUPERSCRIPTS}]*)([{SUBSCRIPTS},]*)", re.DOTALL)
_INDEX = re.compile(rf"[{SUBSCRIPTS}]+(?:,[{SUBSCRIPTS}]+)*|\[[^\]]*\]")


# ---- writing ---------------------------------------------------------------------------------------------------------
def superscript(text: object) -> str:
    """Digits, and a minus sign, raised.

    >>> superscript(-12)
    '⁻¹²'
    """
    return str(text).translate(_RAISED)


def subscript(text: object) -> str:
    """Digits lowered.

    >>> subscript(13)
    '₁₃'
    """
    return str(text).translate(_LOWERED)


def notation(symbol: str, layer: int | None, *indices: int) -> str:
    """A symbol with the layer above and the indices below; a comma separates indices if one has two digits.

    >>> notation("w", 2, 1, 3), notation("w", 2, 10, 3), notation("x", None, 1)
    ('w²₁₃', 'w²₁₀,₃', 'x₁')
    """
    comma = "," if any(index > 9 for index in indices) else ""
    return symbol + ("" if layer is None else superscript(layer)) + comma.join(map(subscript, indices))


def label_of(node: Any) -> str:
    """The label of a node as a text; a program may have set a number, such as that of a loop.

    >>> x = Value(2.0)
    >>> x.label = 7
    >>> label_of(x), x.label
    ('7', 7)
    """
    label = node.label
    return label if isinstance(label, str) else str(label)


def free_letter(nodes: Iterable[Any]) -> str:
    """The letter of numbered names, such as v12, that no label of these nodes can be taken for.

    >>> free_letter([Value(1.0, "v"), Value(2.0, "w₁")]), free_letter([Value(1.0, "v2")])
    ('v', 'n')
    """
    taken = {label[0] for node in nodes if (label := label_of(node))[1:].lstrip("_").translate(DIGITS).isdigit()}
    return next((letter for letter in "vnpqr" if letter not in taken), "v")


# ---- reading ---------------------------------------------------------------------------------------------------------
class Textbook(NamedTuple):
    """The parts of a label in textbook notation, as digits."""

    symbol: str
    layer: str
    indices: tuple[str, ...]


def textbook(label: str) -> Textbook | None:
    """The parts of a label in textbook notation; None for any other label, and for a plain letter.

    >>> textbook("a³₁₀"), textbook("a")
    (Textbook(symbol='a', layer='3', indices=('10',)), None)
    """
    found = _TEXTBOOK.fullmatch(label)
    if not found or len(label) < 2:
        return None
    symbol, layer, below = [part.translate(DIGITS) for part in found.groups()]
    if symbol == "w" and "," not in below:  # a weight has two indices, and a comma between them if one is above 9
        return Textbook(symbol, layer, tuple(below))
    return Textbook(symbol, layer, tuple(below.rstrip(",").split(",")) if below else ())


def scripts(label: str) -> tuple[str, str, str]:
    """A label without its superscript and its subscript, then these two as digits.

    >>> scripts("w²₁₀,₃"), scripts("rate")
    (('w', '2', '10,3'), ('rate', '', ''))
    """
    base, above, below = found.groups() if (found := _SCRIPTED.fullmatch(label)) else (label, "", "")
    return base, above.translate(DIGITS), below.rstrip(",").translate(DIGITS)


def stem(label: str) -> str:
    """A label without its indices.

    >>> stem("w²₁₃"), stem("∂w²₁₀,₃"), stem("sigmoid'(z²₁)"), stem("X[0][2]"), stem("rate")
    ('w²', '∂w²', "sigmoid'(z²)", 'X', 'rate')
    """
    return _INDEX.sub("", label)


def family(labels: Iterable[str]) -> str:
    """The symbol of labels that differ only in the digits at their ends; empty if there is none.

    >>> family(["x₁", "x₂"]), family(["w²₁₃", "w³₁₁"]), family(["x1", "y1"])
    ('x', 'w', '')
    """
    found = {label.rstrip(f"0123456789{SCRIPTS},_") for label in labels}
    return found.pop() if len(found) == 1 else ""


def indices(labels: Sequence[str]) -> list[tuple[int, ...]]:
    """The indices of labels that differ in nothing else; without commas, the shortest label tells how many there are.

    >>> indices(["w²₁₁", "w²₁₂"]), indices(["w²₉₉", "w²₁₀,₁"]), indices(["z²₁", "z²₁₂"]), indices(["X[0][12]"])
    ([(1, 1), (1, 2)], [(9, 9), (10, 1)], [(1,), (12,)], [(0, 12)])
    """
    texts = ["".join(_INDEX.findall(label)).translate(DIGITS) for label in labels]
    is_one = not any("," in text for text in texts) and min(map(len, texts), default=0) < 2
    found = [re.findall(r"\d+" if is_one or "," in text or "[" in text else r"\d", text) for text in texts]
    return [tuple(map(int, numbers)) for numbers in found]


def common(labels: Iterable[str]) -> str:
    """One name for numbers that are the same in every sample: brackets with different indices become [:].

    >>> common(["z", "z"]), common(["X[0][2]", "X[1][2]"]), common(["first", "second"])
    ('z', 'X[:][2]', '')
    """
    names = set(labels)
    if len(names) == 1:
        return names.pop()
    parts = [re.split(r"(\[\d+\])", name) for name in names]
    if len({len(part) for part in parts}) > 1:
        return ""
    merged = [column[0] if len(set(column)) == 1 else "[:]" * (column[0][:1] == "[") or None for column in zip(*parts)]
    return "" if None in merged else "".join(map(str, merged))


def identifier(label: str) -> str:
    """A label as the name of a Python variable; empty if nothing of it is left.

    >>> identifier("x₁"), identifier("z²₁"), identifier("∂w²₁₀,₃"), identifier("X[:][2]"), identifier("lambda")
    ('x1', 'z2_1', 'd_w2_10_3', 'X_2', 'lambda_')
    """
    text = label.replace("∂", "d_")
    text = re.sub(rf"(?<=[{SUPERSCRIPTS}])(?=[{SUBSCRIPTS}])", "_", text).translate(DIGITS)
    text = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", text)[:60])
    name = re.sub(r"_{2,}", "_", text).strip("_")
    if not name:
        return ""
    if not name.isidentifier():
        name = f"v{name}" if f"v{name}".isidentifier() else ""
    return f"{name}_" if keyword.iskeyword(name) else name
