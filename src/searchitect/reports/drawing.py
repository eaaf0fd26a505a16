"""The drawing of an architecture: the whole network from top to bottom, its cells as graphs from left to right; one SVG."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from searchitect.core import TaskInfo
from searchitect.reports.blocks import Block, Chain, Group, Part, parts_of
from searchitect.reports.cells import draw_graphs
from searchitect.reports.stacks import chain_of, stack_of
from searchitect.reports.style import fit, svg, text, text_width
from searchitect.spaces.spec_graphs import CellGraph, graphs_of

_WIDTH: Final = 420  # of the network; cells may be wider
_GAP: Final = 16  # between two boxes of the flow: room for an arrow
_MARGIN: Final = 10  # of a frame around what it holds
_HEADER: Final = 28
_TITLE: Final = 13  # px of the letters of a title
_DETAIL: Final = 10.2  # 11.5 px, but not bold
_MOST_BOXES: Final = 300  # a drawing beyond this length helps nobody


def draw_architecture(spec: Any, info: TaskInfo | Mapping[str, Any] | None = None) -> str:
    """The architecture as one SVG drawing: the network, and below it the graphs of its cells.

    Args:
        spec: plain JSON data, of any space: those with a known form are drawn with sizes, shortcuts and cells, others as nested
            blocks after the structure of the data.
        info: of the task: input and output, as `TaskInfo` or its JSON; ``None``: not shown.

    Returns:
        One ``<svg>`` element, at least 420 units wide, that follows the light or dark scheme of the reader; usable as a file of
        its own, and with `svg_to_png`.
    """
    parts = _parts(spec, info)
    cells, width, height = _cells(spec)
    width = max(_WIDTH, width)
    pen = _network(parts, (width - _WIDTH) / 2)
    marks = pen.marks
    if cells:
        marks = [*marks, f'<g transform="translate(0 {pen.y + 18:.5g})">{cells}</g>']
        height += pen.y + 18
    return svg("".join(marks), math.ceil(width), math.ceil(max(height, pen.y + 4)), _label(parts))


def draw_network(spec: Any, info: TaskInfo | Mapping[str, Any] | None = None) -> str:
    """The network alone, 420 units wide; see `draw_architecture`."""
    parts = _parts(spec, info)
    pen = _network(parts, 0)
    return svg("".join(pen.marks), _WIDTH, math.ceil(pen.y + 4), _label(parts))


def draw_cells(spec: Any, chains: bool = True) -> str:
    """The graphs in a spec alone: cells, motifs, wired stages, or the chain of a network with skips.

    Args:
        spec: see `draw_architecture`.
        chains: draw the chain of a network with skips, too, which is also part of what `draw_network` gives.

    Returns:
        One ``<svg>`` element, at least 420 units wide; empty text where the spec has no graph.
    """
    graphs = graphs_of(spec)
    label = "Cells: " + ", ".join(graph.title for graph in graphs)
    found = [Group(graph.title, (chain_of(graph),), graph.note) for graph in graphs if graph.form == "chain" and chains]
    if found:
        pen = _network(found, 0)
        return svg("".join(pen.marks), _WIDTH, math.ceil(pen.y + 4), label)
    marks, width, height = _cells(spec)
    return svg(marks, math.ceil(width), math.ceil(height), label) if marks else ""


def _cells(spec: Any) -> tuple[str, float, float]:
    """The graphs that are not part of the network's drawing: marks, width, height."""
    graphs: list[CellGraph] = [graph for graph in graphs_of(spec) if graph.form != "chain"]
    return draw_graphs(graphs, _WIDTH) if graphs else ("", 0.0, 0.0)


def _parts(spec: Any, info: TaskInfo | Mapping[str, Any] | None) -> list[Part]:
    task = _task(info)
    return stack_of(spec, task) or parts_of(spec, task)


def _network(parts: Sequence[Part], left: float) -> "_Pen":
    flow = _limited([part for part in parts if not (isinstance(part, Group) and part.is_beside)])
    pen = _Pen(max([block.width for block in _blocks(flow)] + [1.0]))
    pen.flow(flow, left, left + _WIDTH)
    for part in parts:
        if isinstance(part, Group) and part.is_beside:
            pen.beside(part, left, left + _WIDTH)
    return pen


def _label(parts: Sequence[Part]) -> str:
    flow = [part for part in parts if not (isinstance(part, Group) and part.is_beside)]
    return "Architecture, from input to output: " + ", ".join(map(_words, flow))


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


def _blocks(parts: Sequence[Part]) -> Iterator[Block]:
    for part in parts:
        if isinstance(part, Block):
            yield part
        else:
            yield from _blocks(part.blocks if isinstance(part, Chain) else part.parts)


def _words(part: Part) -> str:
    if isinstance(part, Block):
        return part.title + (f" × {part.repeat}" if part.repeat > 1 else "")
    if isinstance(part, Chain):
        return ", ".join(map(_words, part.blocks))
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
            if isinstance(part, Chain):
                self._chain(part, left, right)
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
        room = right - left - 2 * _MARGIN - 4
        title = fit(group.title, room, 12)
        detail = fit(group.detail, room - text_width(title, 12) - 8, _DETAIL) if group.detail else ""
        self.marks.insert(
            place,
            f"<g><title>{escape(f'{group.title} {group.detail}'.strip())}</title>"
            f'<rect class="frame" x="{left + 1:g}" y="{top:g}" width="{right - left - 2:g}" height="{self.y - top:g}" rx="10"/>'
            f"{text(left + _MARGIN + 2, top + 18, title, 'g', anchor='start')}"
            f"{text(right - _MARGIN - 2, top + 18, detail, 'd', anchor='end')}</g>",
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
        aside = text_width(count, _TITLE) + 14 if count else 0
        share = math.log1p(block.width) / math.log1p(self._widest) if block.width else 0.55
        needed = max(text_width(block.title, _TITLE), text_width(block.detail, _DETAIL)) + 24 + 2 * aside
        width = min(max(120 + (room - 190) * share, needed), room - (44 if block.has_shortcut else 4))
        height = 44 if block.detail else 32
        x, y = middle - width / 2, self.y
        # a count is beside the title: where there is room, the title keeps the middle
        inner = width - 20 - aside
        shift = min(aside / 2, max(0.0, (needed - width) / 2)) if aside else 0.0
        self.marks.append(_box(block, x, y, width, height, middle - shift, inner))
        if count:
            self.marks.append(text(x + width - 12, y + height / 2 + 4.5, count, "b", anchor="end"))
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
            f'<path class="wire sign" d="M{middle - 3.5:g} {end:g}h7M{middle:g} {end - 3.5:g}v7"/>'
        )
        self.y = end + 6.5

    def _chain(self, chain: Chain, left: float, right: float) -> None:
        """Blocks of one width on the left; what does not lead to the next is an arc on their right."""
        needed = [max(text_width(b.title, _TITLE), text_width(b.detail, _DETAIL)) + 24 for b in chain.blocks]
        width = min(max(120.0, *needed), (right - left) * 0.6)
        x, edge = left + 6, left + 6 + width
        tops, heights = [], []
        boxes: list[str] = []
        steps = {source for source, target in chain.edges if target == source + 1}
        for place, block in enumerate(chain.blocks):
            tops.append(self.y)
            heights.append(40 if block.detail else 28)
            boxes.append(_box(block, x, self.y, width, heights[-1], x + width / 2, width - 16))
            self.y += heights[-1]
            if place in steps:
                self._arrow(x + width / 2)
            else:
                self.y += _GAP
        self.y -= _GAP
        arcs = [(source, target) for source, target in chain.edges if target > source + 1]
        longest = max((target - source for source, target in arcs), default=1)
        for source, target in arcs:
            start, end = tops[source] + heights[source] * 0.7, tops[target] + heights[target] * 0.3
            # three quarters of the way to its handles is as far as a curve goes
            reach = (18 + (right - edge - 34) * ((target - source) / longest) ** 0.75) / 0.75
            self.marks.append(
                f'<path class="wire thin" d="M{edge:.1f} {start:.1f}C{edge + reach:.1f} {start:.1f} {edge + reach:.1f} {end:.1f} '
                f'{edge + 5:.1f} {end:.1f}"/><path class="tip" d="M{edge:.1f} {end:.1f}l6 -3.5v7z"/>'
            )
        self.marks += boxes

    def beside(self, group: Group, left: float, right: float) -> None:
        """Settings: a dashed frame with one line each, outside the flow."""
        self.y += 14
        height = _HEADER + 19 * len(group.parts) + 4
        room = right - left - 28
        self.marks.append(
            f'<rect class="beside" x="{left + 1:g}" y="{self.y:g}" width="{right - left - 2:g}" height="{height}" rx="10"/>'
            f"{text(left + 14, self.y + 19, fit(group.title, room, 12), 'g', anchor='start')}"
        )
        for line, part in enumerate(group.parts):
            words = _words(part)
            if isinstance(part, Block) and part.detail:
                words = f"{part.title}, {part.detail}"
            y = self.y + _HEADER + 19 * line + 12
            self.marks.append(
                f'<text class="d" x="{left + 14:g}" y="{y:g}"><title>{escape(words)}</title>'
                f"{escape(fit(words, room, _DETAIL))}</text>"
            )
        self.y += height


def _box(block: Block, x: float, y: float, width: float, height: float, center: float, room: float) -> str:
    """A box with its title, and its detail below; ``center``: of the words, which have that much room."""
    whole = " · ".join(word for word in (block.title, block.detail, f"× {block.repeat}" * (block.repeat > 1)) if word)
    marks = [f'<g class="t-{block.tone}"><title>{escape(whole)}</title>']
    place = f'x="{x:.5g}" y="{y:.5g}" width="{width:.5g}" height="{height:g}"'
    if block.tone == "end":
        marks.append(f'<rect class="end" {place} rx="{height / 2:g}"/>')
    else:
        marks.append(f'<rect class="box" {place} rx="7"/><rect class="wash" {place} rx="7"/>')
    inverse = " inv" if block.tone == "end" else ""
    foot = y + height / 2 + (-3 if block.detail else 4.5)
    marks.append(text(center, foot, fit(block.title, room, _TITLE), "b" + inverse))
    if block.detail:
        marks.append(text(center, foot + 16, fit(block.detail, room, _DETAIL), "d" + inverse))
    return "".join([*marks, "</g>"])
