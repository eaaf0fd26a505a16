"""The drawing of an architecture: one SVG, from input at the top to output at the bottom, readable at phone width."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from searchitect.core import TaskInfo
from searchitect.reports.blocks import Block, Cell, Group, Part, parts_of

_WIDTH: Final = 420
_GAP: Final = 16  # between two boxes of the flow: room for an arrow
_MARGIN: Final = 10  # of a frame around what it holds
_HEADER: Final = 28
_CHARACTER: Final = 7.4  # px of one letter of a title, 13 px bold; details are smaller
_MOST_BOXES: Final = 300  # a drawing beyond this length helps nobody

_LIGHT: Final = (
    "--k:#16202b;--m:#5b6875;--l:#d5dce3;--p:#fff;--f:#f5f7f9;--conv:#2563a8;--depthwise:#0f7f78;--pool:#8a6410;--linear:#6b46b8;"
    "--encode:#b0456b;--attention:#a8471d;--none:#7b8794;--end:#16202b;--other:#3e5c76"
)
_DARK: Final = (
    "--k:#e8edf2;--m:#9aa7b4;--l:#35414d;--p:#1a222b;--f:#141b22;--conv:#6aa9ee;--depthwise:#45c4b8;--pool:#dcae4c;--linear:#ab8df0;"
    "--encode:#ec86aa;--attention:#ee9366;--none:#8a97a4;--end:#e8edf2;--other:#8fb2d0"
)
_STYLE: Final = (
    '.arch{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}'
    f".arch{{{_LIGHT}}}@media (prefers-color-scheme:dark){{.arch{{{_DARK}}}}}@media print{{.arch{{{_LIGHT}}}}}"
    ".arch text{fill:var(--k)}.arch .b{font-weight:600}.arch .d{fill:var(--m);font-size:11.5px}"
    ".arch .g{font-weight:600;font-size:12px}"
    ".arch .frame{fill:var(--f);stroke:var(--l)}.arch .beside{fill:none;stroke:var(--l);stroke-dasharray:4 4}"
    ".arch .wire{fill:none;stroke:var(--m);stroke-width:1.5}.arch .tip{fill:var(--m)}"
    ".arch .off{stroke-dasharray:2 5;opacity:.55}"
    ".arch .box{fill:var(--p);stroke:var(--t);stroke-width:1.5}.arch .wash{fill:var(--t);opacity:.1}"
    ".arch .end{fill:var(--k)}.arch .inv{fill:var(--p)}.arch .plus{fill:var(--p);stroke:var(--m);stroke-width:1.5}"
)


def draw_architecture(spec: Any, info: TaskInfo | Mapping[str, Any] | None = None) -> str:
    """The architecture as an SVG drawing.

    Args:
        spec: plain JSON data, of any space: those of ``convnet``, ``mlp`` and ``nasbench201`` are drawn with sizes and
            shortcuts, others as nested blocks after the structure of the data.
        info: of the task: input and output, as `TaskInfo` or its JSON; ``None``: not shown.

    Returns:
        One ``<svg>`` element, 420 units wide, that follows the light or dark scheme of the reader; usable as a file of its own.
    """
    parts = parts_of(spec, _task(info))
    flow = _limited([part for part in parts if not (isinstance(part, Group) and part.is_beside)])
    beside = [part for part in parts if isinstance(part, Group) and part.is_beside]
    widest = max([block.width for block in _blocks(flow)] + [1.0])
    pen = _Pen(widest)
    pen.flow(flow, 0, _WIDTH)
    for group in beside:
        pen.beside(group)
    title = "Architecture, from input to output: " + ", ".join(_words(part) for part in flow)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="arch" viewBox="0 0 {_WIDTH} {math.ceil(pen.y + 4)}" '
        f'width="{_WIDTH}" height="{math.ceil(pen.y + 4)}" role="img" aria-label="{escape(title[:600])}">'
        f"<style>{_STYLE}</style>{''.join(pen.marks)}</svg>"
    )


def _task(info: TaskInfo | Mapping[str, Any] | None) -> TaskInfo | None:
    if info is None or isinstance(info, TaskInfo):
        return info
    known = {name: info[name] for name in TaskInfo.__dataclass_fields__ if name in info}
    try:
        return TaskInfo.from_json(known)
    except TypeError:  # an incomplete record: the drawing then leaves input and output open
        return None


def _limited(parts: Sequence[Part]) -> list[Part]:
    """At most 300 boxes; a last box says how many are missing."""
    kept: list[Part] = []
    count = 0
    total = sum(1 for _ in _blocks(parts))
    for part in parts:
        inside = sum(1 for _ in _blocks([part]))
        if count + inside > _MOST_BOXES:
            if isinstance(part, Group):
                kept.append(Group(part.title, tuple(part.parts[: _MOST_BOXES - count]), part.detail))
            return [*kept, Block(f"and {total - _MOST_BOXES} more", "the drawing ends here", "none")]
        kept.append(part)
        count += inside
    return kept


def _blocks(parts: Sequence[Part]) -> Any:
    for part in parts:
        if isinstance(part, Group):
            yield from _blocks(part.parts)
        elif isinstance(part, Block):
            yield part


def _words(part: Part) -> str:
    if isinstance(part, Block):
        return part.title + (f" × {part.repeat}" if part.repeat > 1 else "")
    if isinstance(part, Cell):
        return part.title
    return f"{part.title} ({', '.join(_words(inner) for inner in part.parts)})"


class _Pen:
    """Draws downwards; ``y`` is where the next mark goes."""

    def __init__(self, widest: float) -> None:
        self.marks: list[str] = []
        self.y = 2.0
        self._widest = max(widest, 2.0)
        self._linked = False  # whether the last mark is part of the flow, so that an arrow leads on from it

    def flow(self, parts: Sequence[Part], left: float, right: float) -> None:
        """Parts below each other, arrows between them."""
        for part in parts:
            if isinstance(part, Cell):
                self._cell(part)
                continue
            if self._linked:
                self._arrow((left + right) / 2)
            if isinstance(part, Group):
                self._group(part, left, right)
            else:
                self._block(part, left, right)
            self._linked = True

    def _arrow(self, x: float) -> None:
        self.marks.append(f'<path class="wire" d="M{x:g} {self.y:g}v{_GAP - 4}"/>')
        self.marks.append(f'<path class="tip" d="M{x - 4:g} {self.y + _GAP - 6:g}h8l-4 6z"/>')
        self.y += _GAP

    def _group(self, group: Group, left: float, right: float) -> None:
        top = self.y
        place = len(self.marks)
        self.y += _HEADER
        self._linked = False
        if group.is_parallel:
            self._side_by_side(group.parts, left + _MARGIN, right - _MARGIN)
        else:
            self.flow(group.parts, left + _MARGIN, right - _MARGIN)
        self.y += _MARGIN
        room = right - left - 2 * _MARGIN
        title = _cut(group.title, room / _CHARACTER)
        detail = _cut(group.detail, (room - len(title) * _CHARACTER - 12) / 6.2)
        self.marks.insert(
            place,
            f"<g><title>{escape(f'{group.title} {group.detail}'.strip())}</title>"
            f'<rect class="frame" x="{left + 1:g}" y="{top:g}" width="{right - left - 2:g}" height="{self.y - top:g}" rx="10"/>'
            f'<text class="g" x="{left + _MARGIN + 2:g}" y="{top + 18:g}">{escape(title)}</text>'
            f'<text class="d" x="{right - _MARGIN - 2:g}" y="{top + 18:g}" text-anchor="end">{escape(detail)}</text></g>',
        )

    def _side_by_side(self, parts: Sequence[Part], left: float, right: float) -> None:
        """Blocks in columns of equal width, none leading to another."""
        top, lowest = self.y, self.y
        column = (right - left + 8) / len(parts)
        for place, part in enumerate(parts):
            if isinstance(part, Block):
                self.y = top
                self._block(part, left + place * column, left + (place + 1) * column - 8)
                lowest = max(lowest, self.y)
        self.y = lowest

    def _block(self, block: Block, left: float, right: float) -> None:
        middle, room = (left + right) / 2, right - left
        if block.has_shortcut:
            self.y += 6  # where the shortcut leaves the flow
            self.marks.append(f'<path class="wire" d="M{middle:g} {self.y - 6:g}v6"/>')
        count = f"× {block.repeat}" if block.repeat > 1 else ""
        share = math.log1p(block.width) / math.log1p(self._widest) if block.width else 0.55
        needed = max(len(block.title) * _CHARACTER, len(block.detail) * 6.2) + 28 + (44 if count else 0)
        width = min(max(120 + (room - 190) * share, needed), room - (44 if block.has_shortcut else 4))
        height = 44 if block.detail else 32
        x, y = middle - width / 2, self.y
        whole = " · ".join(word for word in (block.title, block.detail, count) if word)
        letters = (width - 24 - (44 if count else 0)) / _CHARACTER
        center = middle - (20 if count else 0)
        marks = [f'<g style="--t:var(--{block.tone})"><title>{escape(whole)}</title>']
        if block.tone == "end":
            marks.append(f'<rect class="end" x="{x:g}" y="{y:g}" width="{width:g}" height="{height}" rx="{height / 2:g}"/>')
        else:
            marks.append(f'<rect class="box" x="{x:g}" y="{y:g}" width="{width:g}" height="{height}" rx="7"/>')
            marks.append(f'<rect class="wash" x="{x:g}" y="{y:g}" width="{width:g}" height="{height}" rx="7"/>')
        inverse = " inv" if block.tone == "end" else ""
        marks.append(_text(center, y + (19 if block.detail else 20.5), block.title, letters, "b" + inverse))
        if block.detail:
            marks.append(_text(center, y + 35, block.detail, letters * _CHARACTER / 6.2, "d" + inverse))
        if count:
            marks.append(
                f'<text class="b" x="{x + width - 12:g}" y="{y + height / 2 + 4.5:g}" text-anchor="end">{count}</text>'
            )
        marks.append("</g>")
        self.marks.append("".join(marks))
        self.y += height
        if block.has_shortcut:
            self._shortcut(middle, x + width + 12, y, height)

    def _shortcut(self, middle: float, turn: float, top: float, height: float) -> None:
        """Past the right side of a block, joined again by an addition below it."""
        end = top + height + 12
        self.marks.append(
            f'<path class="wire" d="M{middle:g} {top - 4:g}H{turn - 6:g}q6 0 6 6V{end - 6:g}q0 6 -6 6H{middle + 7:g}"/>'
            f'<path class="wire" d="M{middle:g} {top + height:g}v6"/>'
            f'<circle class="plus" cx="{middle:g}" cy="{end:g}" r="6.5"/>'
            f'<path class="wire" d="M{middle - 3.5:g} {end:g}h7M{middle:g} {end - 3.5:g}v7"/>'
        )
        self.y = end + 6.5

    def beside(self, group: Group) -> None:
        """Settings: a dashed frame with one line each, outside the flow."""
        self.y += 14
        height = _HEADER + 19 * len(group.parts) + 4
        self.marks.append(
            f'<rect class="beside" x="1" y="{self.y:g}" width="{_WIDTH - 2}" height="{height}" rx="10"/>'
            f'<text class="g" x="14" y="{self.y + 19:g}">{escape(_cut(group.title, 50))}</text>'
        )
        for line, part in enumerate(group.parts):
            words = f"{part.title}, {part.detail}" if isinstance(part, Block) and part.detail else part.title
            y = self.y + _HEADER + 19 * line + 12
            self.marks.append(
                f'<text class="d" x="14" y="{y:g}"><title>{escape(words)}</title>{escape(_cut(words, 62))}</text>'
            )
        self.y += height

    def _cell(self, cell: Cell) -> None:
        """Four nodes on a diamond: node 0 on top, 1 left, 2 right, 3 at the bottom; 0 leads to 3 around the left side."""
        top = self.y
        nodes = ((220, top + 56), (120, top + 168), (310, top + 168), (220, top + 280))
        self.marks.append(
            f'<rect class="frame" x="1" y="{top:g}" width="{_WIDTH - 2}" height="318" rx="10"/>'
            f'<text class="g" x="14" y="{top + 20:g}">{escape(cell.title)}</text>'
            f'<text class="d" x="{_WIDTH - 14}" y="{top + 20:g}" text-anchor="end">each node adds what arrives</text>'
        )
        labels = []
        for target, row in enumerate(cell.rows, start=1):
            for source, operation in enumerate(row):
                (x1, y1), (x2, y2) = nodes[source], nodes[target]
                off = " off" if operation == "none" else ""
                if (source, target) == (0, 3):
                    path = f"M{x1 - 14:g} {y1:g}C-20 {y1 + 20:g} -20 {y2 - 20:g} {x2 - 18:g} {y2:g}"
                    at, tip = (48.0, (y1 + y2) / 2), (float(x2 - 15), y2, 0.0)
                else:
                    length = math.hypot(x2 - x1, y2 - y1)
                    dx, dy = (x2 - x1) / length, (y2 - y1) / length
                    path = f"M{x1 + 14 * dx:.1f} {y1 + 14 * dy:.1f}L{x2 - 19 * dx:.1f} {y2 - 19 * dy:.1f}"
                    at = ((x1 + x2) / 2, (y1 + y2) / 2)
                    tip = (x2 - 15 * dx, y2 - 15 * dy, math.degrees(math.atan2(dy, dx)))
                self.marks.append(f'<path class="wire{off}" d="{path}"/>')
                if not off:
                    self.marks.append(
                        f'<path class="tip" d="M0 0l-7 -4.5v9z" '
                        f'transform="translate({tip[0]:.1f} {tip[1]:.1f}) rotate({tip[2]:.1f})"/>'
                    )
                labels.append(_edge_label(at, operation))
        self.marks += labels
        for name, (x, y) in zip(("in", "1", "2", "out"), nodes, strict=True):
            end = name in ("in", "out")
            self.marks.append(
                f'<circle class="{"end" if end else "plus"}" cx="{x}" cy="{y:g}" r="14"/>'
                f'<text class="{"g inv" if end else "g"}" x="{x}" y="{y + 4:g}" text-anchor="middle">{name}</text>'
            )
        self.y = top + 318 + 18
        self._linked = False


_OPERATIONS: Final = {
    "none": ("none", "none"),
    "skip_connect": ("skip", "none"),
    "nor_conv_1x1": ("conv 1×1", "conv"),
    "nor_conv_3x3": ("conv 3×3", "conv"),
    "avg_pool_3x3": ("avg pool 3×3", "pool"),
}


def _edge_label(at: tuple[float, float], operation: str) -> str:
    words, tone = _OPERATIONS.get(operation, (operation.replace("_", " "), "other"))
    words = _cut(words, 14)
    width = len(words) * 6.9 + 16
    x = max(4.0, at[0] - width / 2)
    return (
        f'<g style="--t:var(--{tone})"><title>{escape(operation)}</title>'
        f'<rect class="box" x="{x:.1f}" y="{at[1] - 11:.1f}" width="{width:.1f}" height="22" rx="6"/>'
        f'<rect class="wash" x="{x:.1f}" y="{at[1] - 11:.1f}" width="{width:.1f}" height="22" rx="6"/>'
        f'<text class="g" x="{x + width / 2:.1f}" y="{at[1] + 4:.1f}" text-anchor="middle">{escape(words)}</text></g>'
    )


def _text(x: float, y: float, words: str, letters: float, style: str) -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}" text-anchor="middle">{escape(_cut(words, letters))}</text>'


def _cut(words: str, letters: float) -> str:
    """At most that many letters, with an ellipsis where some are missing."""
    most = max(1, int(letters))
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"
