"""A line chart as SVG text, for where there is no plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

__all__ = ["line_chart"]

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 44, 56  # margins around the axes


def line_chart(values: Sequence[float], *, title: str, x_label: str, y_label: str) -> str:
    """A chart of values over 1, 2, 3, …, as a complete SVG document.

    Args:
        values: Finite numbers.  The vertical axis starts at 0, or at the least number if that is negative.
        title: The text above the chart, which a screen reader says, too.
        x_label: The text below the horizontal axis.
        y_label: The text beside the vertical axis.

    Raises:
        ValueError: There are no values, or one is not finite.

    >>> line_chart([3.0, 2.0, 1.0], title="loss", x_label="epoch", y_label="J").startswith("<svg")
    True
    """
    if not values or not all(map(math.isfinite, values)):
        raise ValueError("a chart needs at least one value, and all of them finite")
    y_ticks = _ticks(min(0.0, *values), max(0.0, *values))
    x_ticks = [t for t in _ticks(1.0, max(2.0, len(values))) if t == int(t) and 1 <= t <= len(values)]
    low, high = y_ticks[0], y_ticks[-1]

    def x_at(epoch: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (epoch - 1) / max(len(values) - 1, 1)

    def y_at(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)

    points = " ".join(f"{x_at(i):.1f},{y_at(v):.1f}" for i, v in enumerate(values, start=1))
    mark = f'<circle cx="{x_at(1):.1f}" cy="{y_at(values[0]):.1f}" r="3" fill="#1f6fb4"/>' if len(values) == 1 else ""
    middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'role="img" font-family="Helvetica, Arial, sans-serif" font-size="13" fill="#222">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{middle_x}" y="26" text-anchor="middle" font-size="16">{escape(title)}</text>',
        *[_grid_line(y_at(t), _number(t, y_ticks)) for t in y_ticks],
        *[f'<text x="{x_at(t):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{t:g}</text>' for t in x_ticks],
        f'<text x="{middle_x}" y="{HEIGHT - 14}" text-anchor="middle">{escape(x_label)}</text>',
        f'<text transform="translate(18 {middle_y}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>',
        f'<polyline points="{points}" fill="none" stroke="#1f6fb4" stroke-width="2" stroke-linejoin="round"/>{mark}',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _grid_line(y: float, text: str) -> str:
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    )


def _ticks(low: float, high: float) -> list[float]:
    """Four to nine round numbers at equal steps of 1, 2 or 5 times a power of ten that reach over low … high."""
    if high <= low:
        high = low + 1.0
    power = 10.0 ** math.floor(math.log10((high - low) / 4.0))
    step = next(power * factor for factor in (5.0, 2.0, 1.0) if power * factor <= (high - low) / 4.0)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [i * step for i in range(first, last + 1)]


def _number(tick: float, ticks: Sequence[float]) -> str:
    """A tick with as many decimals as the step between the ticks has."""
    step = ticks[1] - ticks[0]
    if not 1e-4 <= step < 1e6:
        return f"{tick:.3g}"
    return f"{tick:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
