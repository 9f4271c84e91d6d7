"""A laid-out figure as numbers, for the page to draw: its script makes the SVG of them (``assets/drawn.js``).

What the boxes and arrows say is in the data of the page already, so that a picture needs only places, in whole pixels.
"""

from __future__ import annotations

from typing import Any

from autograd.viz.pictures.describe import summary
from autograd.viz.pictures.figure import Figure
from autograd.viz.pictures.layout import Layout

Point = tuple[float, float]


def places_in(figure: Figure, layout: Layout) -> dict[str, Any]:
    """Where all of a picture is.

    Returns:
        ``size``, the width and height; ``about``, the picture in words; ``at``, the x, the y and the width of each box,
        one after the other; ``rooms``, the height that is kept free below the lines of some boxes, by their places;
        ``curves``, a path for each arrow; ``labels``, the x and the y of the number on each arrow, or null and null.
    """
    labels = [point or (None, None) for point in layout.labels]
    centres = zip(layout.centres, layout.sizes)
    rooms = {i: box.room[1] for i, box in enumerate(figure.boxes) if box.room[1]}
    return {
        "size": [round(side) for side in layout.size],
        "about": summary(figure),
        "at": [round(number) for (x, y), (width, _) in centres for number in (x, y, width)],
        "curves": [_path(curve) for curve in layout.curves],
        "labels": [None if number is None else round(number) for point in labels for number in point],
    } | ({"rooms": rooms} if rooms else {})  # fmt: skip


def _path(curve: list[Point]) -> str:
    """Cubic Bézier curves from a point on, as in the paths of SVG: each is written from where the last one ended.

    >>> _path([(10.2, 20.4), (15.0, 20.0), (20.0, 18.0), (30.0, 10.0)])
    '10 20c5 0 10-2 20-10'
    """
    points = [(round(x), round(y)) for x, y in curve]
    start, numbers = points[0], []
    for i in range(1, len(points), 3):
        segment = points[i : i + 3]
        numbers += [number for x, y in segment for number in (x - start[0], y - start[1])]
        start = segment[-1]
    text = " ".join(map(str, numbers)).replace(" -", "-")
    return f"{points[0][0]} {points[0][1]}c{text}"
