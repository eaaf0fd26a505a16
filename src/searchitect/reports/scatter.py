"""Points of two numbers, as a drawing of its own."""

import math
from collections.abc import Sequence

from searchitect.reports.style import svg, text

_WIDTH, _HEIGHT = 460.0, 340.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 66.0, 16.0, 34.0, 48.0


def draw_scatter(points: Sequence[tuple[float, float]], x_label: str, y_label: str, title: str) -> str:
    """An SVG of (x, y) points; a log axis where all x are positive and span more than two decades. Points without finite x stand left.

    Args:
        points: y finite.
        x_label: of the estimate.
        y_label: of the truth.
        title: above.
    """
    known = [x for x, _ in points if math.isfinite(x) and abs(x) < 1e29]
    is_log = bool(known) and min(known) > 0 and max(known) > 100 * min(known)
    x_low, x_high = _ends([math.log10(x) for x in known] if is_log else known)
    y_low, y_high = _ends([y for _, y in points])
    inner_width, inner_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def across(x: float) -> float:
        return _LEFT + inner_width * (x - x_low) / (x_high - x_low)

    def down(y: float) -> float:
        return _TOP + inner_height * (y_high - y) / (y_high - y_low)

    marks = [f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{inner_width:g}" height="{inner_height:g}" rx="4"/>']
    marks.append(text(_WIDTH / 2, 20, title, "b"))
    for x in _ticks(x_low, x_high):
        marks.append(text(across(x), _HEIGHT - 30, _number(10**x if is_log else x), "d"))
    for y in _ticks(y_low, y_high):
        marks.append(text(_LEFT - 8, down(y) + 4, _number(y), "d", anchor="end"))
    for x, y in points:
        has_place = math.isfinite(x) and abs(x) < 1e29
        place = across(math.log10(x) if is_log else x) if has_place else _LEFT
        marks.append(
            f'<g class="t-{"conv" if has_place else "none"}"><circle class="box" cx="{place:.1f}" cy="{down(y):.1f}" r="3.2"/></g>'
        )
    marks.append(text(_LEFT + inner_width / 2, _HEIGHT - 10, f"{x_label}{' (log)' if is_log else ''}", "n"))
    marks.append(f'<g transform="translate(14 {_TOP + inner_height / 2:g}) rotate(-90)">{text(0, 0, y_label, "n")}</g>')
    return svg("".join(marks), _WIDTH, _HEIGHT, f"{title}: {y_label} against {x_label}, {len(points)} architectures")


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = 0.06 * (high - low) or 0.5 * abs(low) or 0.5
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Two to seven round numbers inside."""
    rough = (high - low) / 7
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * size for size in (1, 2, 5, 10) if unit * size >= rough)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def _number(value: float) -> str:
    if value and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.0e}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
    return f"{value:.4g}"
