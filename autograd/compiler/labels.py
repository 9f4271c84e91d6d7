"""Reading labels: what those of a family of registers have in common, and what they are called in Python.

A label is what the user wrote, a textbook's notation (w²₁₃), or the place of a number in an argument (X[0][2]).
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["common", "identifier", "indices", "stem"]

_SUBSCRIPT = "₀₁₂₃₄₅₆₇₈₉"
_SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_INDEX = re.compile(rf"[{_SUBSCRIPT}]+(?:,[{_SUBSCRIPT}]+)*|\[[^\]]*\]")
_TO_DIGIT = str.maketrans(_SUBSCRIPT + _SUPERSCRIPT, "0123456789" * 2)


def stem(label: str) -> str:
    """A label without its indices.

    >>> stem("w²₁₃"), stem("∂w²₁₀,₃"), stem("sigmoid'(z²₁)"), stem("X[0][2]"), stem("rate")
    ('w²', '∂w²', "sigmoid'(z²)", 'X', 'rate')
    """
    return _INDEX.sub("", label)


def indices(labels: Sequence[str]) -> list[tuple[int, ...]]:
    """The indices of all labels of a family; without commas the shortest label tells how many there are.

    >>> indices(["w²₁₁", "w²₁₂"]), indices(["w²₉₉", "w²₁₀,₁"]), indices(["z²₁", "z²₁₂"]), indices(["X[0][12]"])
    ([(1, 1), (1, 2)], [(9, 9), (10, 1)], [(1,), (12,)], [(0, 12)])
    """
    texts = ["".join(_INDEX.findall(label)).translate(_TO_DIGIT) for label in labels]
    is_one = not any("," in text for text in texts) and min(map(len, texts), default=0) < 2
    found = [re.findall(r"\d+" if is_one or "," in text or "[" in text else r"\d", text) for text in texts]
    return [tuple(map(int, numbers)) for numbers in found]


def common(labels: Iterable[str]) -> str:
    """What to call registers that are the same in every sample: brackets with different indices become [:].

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
    if not label:
        return ""
    text = label.replace("∂", "d_")
    text = re.sub(rf"(?<=[{_SUPERSCRIPT}])(?=[{_SUBSCRIPT}])", "_", text).translate(_TO_DIGIT)
    text = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", text)[:60])
    name = re.sub(r"_{2,}", "_", text).strip("_")
    if not name:
        return ""
    if not name.isidentifier():
        name = f"v{name}" if f"v{name}".isidentifier() else ""
    return f"{name}_" if keyword.iskeyword(name) else name
