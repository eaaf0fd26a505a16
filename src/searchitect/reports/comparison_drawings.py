"""Drawings of a comparison that need no script: the critical difference diagram, and the main picture for slides and papers."""

import math
from html import escape
from typing import Any, Final

from searchitect.reports.charts import View
from searchitect.reports.comparison_charts import COLOURS
from searchitect.reports.style import svg, text, text_width

LIGHT: Final = ("#5b6875", "#0f766e", "#b4690e", "#2563a8", "#c02670", "#6b46b8", "#15803d", "#a8471d", "#0891b2", "#8a6d00")
DARK: Final = ("#9aa7b4", "#3fc7b5", "#e8a24d", "#6aa9ee", "#f472b6", "#ab8df0", "#5fd08a", "#ee9366", "#56c8e2", "#d8bd55")
"""Of the strategies in their order, in the light and the dark scheme; the first is random search."""
_INK, _GRID = "#16202b", "#d5dce3"
assert len(LIGHT) == len(DARK) == COLOURS


def cliques(ranks: list[float], critical_difference: float) -> list[tuple[int, int]]:
    """The longest runs of ranks, in ascending order, that span less than the critical difference: first and last place of each."""
    found: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        near = (place for place in range(first, len(ranks)) if ranks[place] - ranks[first] < critical_difference)
        last = max(near, default=first)
        if last > first and not any(a <= first and last <= b for a, b in found):
            found.append((first, last))
    return found


def draw_ranks(ranking: dict[str, Any]) -> str:
    """Demsar's diagram: strategies at their average rank, the best at the left; a bar joins those that are not told apart."""
    order = sorted(range(len(ranking["ranks"])), key=lambda place: ranking["ranks"][place])
    ranks = [float(ranking["ranks"][place]) for place in order]
    names = [ranking["strategies"][place] for place in order]
    cd = ranking.get("critical_difference") or 0.0
    bars = cliques(ranks, cd)
    side = 24 + max(text_width(name, 13) for name in names)
    lowest, highest = math.floor(min(ranks)), max(math.ceil(max(ranks)), math.floor(min(ranks)) + 1)
    highest = max(highest, lowest + math.ceil(cd)) if cd else highest
    span = 460.0
    width, top = span + 2 * side, 64.0

    def x(rank: float) -> float:
        return float(side + span * (rank - lowest) / (highest - lowest))

    marks = [f'<path class="wire" d="M{x(lowest):.1f} {top}H{x(highest):.1f}"/>']
    for tick in range(lowest, highest + 1):
        marks += [f'<path class="wire" d="M{x(tick):.1f} {top - 6}v6"/>', text(x(tick), top - 11, str(tick), "d")]
    if cd:
        marks.append(
            f'<path class="wire" d="M{x(lowest):.1f} 22H{x(lowest + cd):.1f}M{x(lowest):.1f} 18v8M{x(lowest + cd):.1f} 18v8"/>'
        )
        marks.append(text(x(lowest + cd) + 8, 26, f"critical difference {cd:.2f}", "d", anchor="start"))
    for place, (first, last) in enumerate(bars):
        level = top + 10 + 7 * place
        marks.append(
            f'<path d="M{x(ranks[first]) - 4:.1f} {level}H{x(ranks[last]) + 4:.1f}" stroke="var(--k)" stroke-width="4"/>'
        )
    foot = top + 22 + 7 * len(bars)
    half = (len(names) + 1) // 2
    for place, (rank, name) in enumerate(zip(ranks, names, strict=True)):
        is_left = place < half
        level = foot + 22 * (place if is_left else len(names) - 1 - place)
        end = side - 8 if is_left else side + span + 8
        marks.append(f'<path class="wire thin" d="M{x(rank):.1f} {top}V{level:.1f}H{end:.1f}"/>')
        anchor = "end" if is_left else "start"
        marks.append(text(end + (-5 if is_left else 5), level + 4.5, f"{name}", "b", anchor=anchor))
        marks.append(text(end + (8 if is_left else -8), level - 3, f"{rank:.2f}", "d", anchor="start" if is_left else "end"))
    height = foot + 22 * (half - 1) + 16
    label = "Average ranks: " + ", ".join(f"{name} {rank:.2f}" for name, rank in zip(names, ranks, strict=True))
    return svg("".join(marks), round(width), round(height), label)


def draw_curves(view: View, title: str, subtitle: str) -> str:
    """A chart of lines and bands as one drawing, in the colours of the light scheme."""
    width, height = 760.0, 430.0
    left, top, right, bottom = 70.0, 66.0, width - 190, height - 52
    ends = [_ends(view, place) for place in (0, 1)]
    logs = [bool(view[axis].get("log")) for axis in ("x", "y")]
    x, y = _scale(*ends[0], left, right, logs[0]), _scale(*ends[1], bottom, top, logs[1])
    marks = [text(left, 24, title, "b", anchor="start"), text(left, 43, subtitle, "d", anchor="start")]
    marks.append(
        f'<clipPath id="c"><rect x="{left}" y="{top - 3}" width="{right - left}" height="{bottom - top + 6}"/></clipPath>'
    )
    for tick in _ticks(*ends[1], logs[1]):
        marks.append(f'<path d="M{left} {y(tick):.1f}H{right}" stroke="{_GRID}"/>')
        marks.append(text(left - 8, y(tick) + 4, _written(tick, view["y"]["kind"]), "d", anchor="end"))
    for tick in _ticks(*ends[0], logs[0]):
        marks.append(f'<path class="wire" d="M{x(tick):.1f} {bottom}v5"/>')
        marks.append(text(x(tick), bottom + 19, _written(tick, view["x"]["kind"]), "d"))
    marks.append(f'<path class="wire" d="M{left} {bottom}H{right}"/>')
    marks.append(text((left + right) / 2, height - 12, view["x"]["label"], "d"))
    marks.append(text(left, top - 10, view["y"]["label"], "d", anchor="start"))
    names: list[tuple[float, str, str]] = []
    for layer in view["layers"]:
        tone = layer["tone"]
        colour = LIGHT[int(tone[1:])] if tone[1:].isdigit() else _INK
        rows = [row for row in layer["rows"] if None not in row]
        if not rows:
            continue
        if layer["type"] == "band":
            there = "L".join(f"{x(row[0]):.1f} {y(row[2]):.1f}" for row in rows)
            back = "L".join(f"{x(row[0]):.1f} {y(row[1]):.1f}" for row in reversed(rows))
            marks.append(
                f'<path clip-path="url(#c)" d="M{there}L{back}Z" fill="{colour}" opacity="{layer.get("opacity", 0.16)}"/>'
            )
        elif layer["type"] == "line":
            path = f"M{x(rows[0][0]):.1f} {y(rows[0][1]):.1f}" + "".join(
                (f"H{x(a):.1f}V{y(b):.1f}" if layer.get("step") else f"L{x(a):.1f} {y(b):.1f}") for a, b, *_ in rows[1:]
            )
            dash = f' stroke-dasharray="{layer["dash"]}"' if layer.get("dash") else ""
            marks.append(f'<path clip-path="url(#c)" d="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
            names.append((min(max(y(rows[-1][1]), top), bottom), layer["name"], colour))
    names.sort()
    levels = spread([at for at, _, _ in names], 16.0, top, bottom)
    for (at, name, colour), level in zip(names, levels, strict=True):
        marks.append(f'<path d="M{right + 5} {at:.1f}L{right + 16} {level:.1f}" stroke="{colour}" fill="none"/>')
        marks.append(f'<text class="n" x="{right + 20}" y="{level + 4:.1f}" style="fill:{colour}">{escape(name)}</text>')
    return svg("".join(marks), width, max(height, max(levels, default=0.0) + 14), title)


def spread(wanted: list[float], step: float, low: float, high: float) -> list[float]:
    """Places in the order of ``wanted`` (ascending) that are ``step`` apart, near where they are wanted, down from ``low``.

    They go beyond ``high`` only where there are too many of them.
    """
    found: list[float] = []
    for level in wanted:
        found.append(max(level, found[-1] + step if found else low))
    limit = max(high, low + step * (len(found) - 1))
    for place in reversed(range(len(found))):
        found[place] = min(found[place], limit)
        limit = found[place] - step
    return found


def _ends(view: View, place: int) -> tuple[float, float]:
    axis = view["y" if place else "x"]
    values = [
        value
        for layer in view["layers"]
        for row in layer["rows"]
        for value in (row[1:3] if place and layer["type"] == "band" else row[place : place + 1])
        if value is not None and not (axis.get("log") and value <= 0)
    ]
    low, high = min(values, default=0.0), max(values, default=1.0)
    if axis.get("log"):
        return low / 1.1, high * 1.1
    low = axis.get("low", low)
    pad = 0.04 * (high - low) or 1.0
    return (low if "low" in axis else low - pad), high + pad


def _scale(low: float, high: float, start: float, end: float, is_log: bool) -> Any:
    bend = math.log if is_log else float
    return lambda value: start + (end - start) * (bend(value) - bend(low)) / (bend(high) - bend(low))


def _ticks(low: float, high: float, is_log: bool) -> list[float]:
    if is_log:
        for factors in ((1, 2, 5), (1,)):
            found = [
                f * 10.0**p
                for p in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
                for f in factors
                if low <= f * 10.0**p <= high
            ]
            if len(found) <= 9:
                return found
        return found
    raw = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= raw)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]


def _written(value: float, kind: str) -> str:
    return f"{100 * value:.4g} %" if kind == "share" else f"{value:.4g}"
