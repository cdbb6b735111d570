"""A scatter plot of measured against predicted times as SVG text, without a plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10

SIDE, LEFT, TOP, BOTTOM, LEGEND = 560, 64, 34, 48, 250
LOW, HIGH = -0.2, 4.2
"""Decades of microseconds that the axes span."""

COLOURS = (
    "#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00", "#cc79a7", "#7a5195", "#8c564b",
    "#17becf", "#bcbd22", "#444444", "#999999", "#1f9e4b", "#c2185b", "#3f51b5",
)  # fmt: skip


def _x(us: float) -> float:
    return LEFT + SIDE * (log10(us) - LOW) / (HIGH - LOW)


def _y(us: float) -> float:
    return TOP + SIDE - SIDE * (log10(us) - LOW) / (HIGH - LOW)


def scatter(groups: Sequence[tuple[str, Sequence[tuple[float, float]]]], title: str) -> str:
    """Return the plot of groups of (measured, predicted) microseconds, with 2x guide lines."""
    width, height = LEFT + SIDE + LEGEND, TOP + SIDE + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
        *_axes(),
    ]
    for i, (name, pairs) in enumerate(groups):
        colour = COLOURS[i % len(COLOURS)]
        parts.append(f'<g fill="{colour}" fill-opacity="0.55">')
        parts += [
            f'<circle cx="{_x(m):.1f}" cy="{_y(p):.1f}" r="2.2"/>'
            for m, p in pairs
            if LOW < log10(m) < HIGH and LOW < log10(p) < HIGH
        ]
        y, x = TOP + 12 + 20 * i, LEFT + SIDE + 16
        parts += [
            "</g>",
            f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{colour}"/>',
            f'<text x="{x + 10}" y="{y}">{escape(name)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def _axes() -> list[str]:
    far = TOP + SIDE
    parts = [
        f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#333"/>',
        _line(10**LOW, 10**LOW, 10**HIGH, 10**HIGH, "#333", ""),
        _line(10**LOW, 2 * 10**LOW, 10**HIGH / 2, 10**HIGH, "#999", "4 4"),
        _line(2 * 10**LOW, 10**LOW, 10**HIGH, 10**HIGH / 2, "#999", "4 4"),
    ]
    for decade in range(5):
        us, label = 10.0**decade, ("1 µs", "10 µs", "100 µs", "1 ms", "10 ms")[decade]
        parts += [
            _line(us, 10**LOW, us, 10**HIGH, "#ddd", ""),
            _line(10**LOW, us, 10**HIGH, us, "#ddd", ""),
            f'<text x="{_x(us):.1f}" y="{far + 18}" text-anchor="middle">{label}</text>',
            f'<text x="{LEFT - 6}" y="{_y(us) + 4:.1f}" text-anchor="end">{label}</text>',
        ]
    middle = LEFT + SIDE / 2
    parts += [
        f'<text x="{middle}" y="{far + 38}" text-anchor="middle">measured</text>',
        f'<text x="14" y="{TOP + SIDE / 2}" text-anchor="middle" '
        f'transform="rotate(-90 14 {TOP + SIDE / 2})">predicted</text>',
    ]
    return parts


def _line(x0: float, y0: float, x1: float, y1: float, colour: str, dash: str) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{_x(x0):.1f}" y1="{_y(y0):.1f}" x2="{_x(x1):.1f}" y2="{_y(y1):.1f}" '
        f'stroke="{colour}"{dashed}/>'
    )
