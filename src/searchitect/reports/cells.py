"""Graphs of cells on paper: layers from left to right, operations as boxes coloured by kind, the concatenation as a bar."""

from collections.abc import Sequence
from html import escape
from typing import Final

from searchitect.reports.layout import Hop, Placed, Vertex, arrange
from searchitect.reports.style import cut, text, text_width, wrap
from searchitect.reports.tones import KIND_WORDS, tone_of
from searchitect.spaces.spec_graphs import CellGraph, Edge, Node, words_of

LEAST_WIDTH: Final = 420
_MARGIN: Final = 16  # between a frame and its graph
_HEADER: Final = 28
_LINE: Final = 16  # of the note below the title
_BETWEEN: Final = 14  # two frames
_LABEL: Final = 12  # px of the letters in boxes
_DETAIL: Final = 10.2  # 11.5 px, but not bold
_ROOM: Final = 16  # in a box, beside its words
_HIGH: Final = 24  # a box
_ROW: Final = 30  # from one operation of a node to the next
_JOIN: Final = 16  # from the operations to their node
_NODE: Final = 26  # across a node
_DOT: Final = 9
_LONGEST: Final = 26  # letters of a label


def draw_graphs(graphs: Sequence[CellGraph], least_width: float = LEAST_WIDTH) -> tuple[str, float, float]:
    """The marks of all graphs, one frame below the other, and their width and height."""
    notes: set[str] = set()
    sheets = []
    for graph in graphs:
        sheets.append(_Sheet(graph, "" if graph.note in notes else graph.note))  # what was said once is not said again
        notes.add(graph.note)
    width = max([least_width, *(sheet.placed.width + 2 * _MARGIN + 2 for sheet in sheets)])
    marks, y = [], 2.0
    for sheet in sheets:
        frame, height = sheet.draw(y, width)
        marks.append(frame)
        y += height + _BETWEEN
    legend, height = _legend(graphs, y, width)
    return "".join([*marks, legend]), width, y + height


class _Sheet:
    """One graph, placed."""

    def __init__(self, graph: CellGraph, note: str) -> None:
        self.graph, self.note = graph, note
        self.labels = [cut(words_of(edge.operation), _LONGEST) if edge.operation else "" for edge in graph.edges]
        is_wired = graph.form == "wires"
        words = [*self.labels, *(_label(node) for node in graph.nodes if node.kind == "operation")]
        self.box = max((text_width(label, _LABEL) for label in words if label), default=0) + _ROOM
        self.arriving: list[list[int]] = [[] for _ in graph.nodes]
        for place, edge in enumerate(graph.edges):
            self.arriving[edge.target].append(place)
        vertices = [self._vertex(node, place) for place, node in enumerate(graph.nodes)]
        wires = [(edge.source, edge.target) for edge in graph.edges]
        self.placed: Placed = arrange(vertices, wires, *((16, 10) if is_wired else (30, 14)))

    def _has_rows(self, place: int) -> bool:
        """Whether operations stand before the node."""
        return any(self.graph.edges[edge].operation for edge in self.arriving[place])

    def _vertex(self, node: Node, place: int) -> Vertex:
        if node.kind == "dot":
            return Vertex(_DOT, _DOT)
        if node.kind == "operation":
            return Vertex(self.box, _HIGH + 2)
        if node.kind == "concat":
            return Vertex(_NODE, text_width(node.label, _LABEL) + 16, is_bar=True)
        width = float(_NODE)
        if node.kind in ("input", "output"):
            width = max(width, text_width(node.label, _LABEL) + text_width(node.sub, 8.5) + 18)
        if not self._has_rows(place):
            return Vertex(width, _NODE)
        rows = len(self.arriving[place])
        return Vertex(self.box + _JOIN + width, max(_NODE, rows * _ROW - _ROW + _HIGH), _ROW)

    def draw(self, top: float, width: float) -> tuple[str, float]:
        graph, placed = self.graph, self.placed
        lines = wrap(self.note, width - 28, _DETAIL)
        head = _HEADER + _LINE * len(lines) + (4 if lines else 0)
        height = head + placed.height + _MARGIN
        x, y = (width - placed.width) / 2, top + head
        marks = [
            f'<rect class="frame" x="1" y="{top:g}" width="{width - 2:g}" height="{height:.5g}" rx="10"/>',
            text(14, top + 20, graph.title, "g", anchor="start"),
            *(text(14, top + 37 + _LINE * number, line, "d", anchor="start") for number, line in enumerate(lines)),
        ]
        marks += [self._hop(hop, x, y) for hop in placed.hops]
        for place, node in enumerate(graph.nodes):
            left, middle = x + placed.lefts[place], y + placed.middles[place]
            if self._has_rows(place):
                marks += [self._row(edge, left, middle, y) for edge in self.arriving[place]]
                left += self.box + _JOIN
            marks.append(self._node(node, place, left, middle))
        return f"<g>{''.join(marks)}</g>", height

    def _hop(self, hop: Hop, x: float, y: float) -> str:
        (x1, y1), (x2, y2) = hop.start, hop.end
        end = x2 - 4 if hop.is_last and self.graph.form != "wires" else x2  # room for the tip
        bend = (hop.arrive - hop.turn) * 0.55
        path = f"M{x + x1:.1f} {y + y1:.1f}"
        if hop.turn > x1:
            path += f"H{x + hop.turn:.1f}"
        if abs(y1 - y2) < 0.05:
            path += f"H{x + end:.1f}"
        else:
            arrive = min(hop.arrive, end)
            path += (
                f"C{x + hop.turn + bend:.1f} {y + y1:.1f} {x + arrive - bend:.1f} {y + y2:.1f} {x + arrive:.1f} {y + y2:.1f}"
            )
            if end > arrive:
                path += f"H{x + end:.1f}"
        style = "wire thin" if self.graph.form == "wires" else "wire"
        if all(self.graph.edges[wire].operation == "none" for wire in hop.wires):
            style += " off"
        marks = f'<path class="{style}" d="{path}"/>'
        if hop.is_last and self.graph.form != "wires" and "off" not in style:
            marks += f'<path class="tip" d="M{x + x2:.1f} {y + y2:.1f}l-7 -4v8z"/>'
        return marks

    def _row(self, place: int, left: float, middle: float, y: float) -> str:
        """An operation before its node: the box, and the wire on from it."""
        edge, label = self.graph.edges[place], self.labels[place]
        at = y + self.placed.arrivals[place]
        right, node = left + self.box, left + self.box + _JOIN
        if not label:
            return f'<path class="wire" d="M{left:.1f} {at:.1f}H{right:.1f}C{node:.1f} {at:.1f} {right:.1f} {middle:.1f} {node:.1f} {middle:.1f}"/>'
        off = " off" if edge.operation == "none" else ""
        bend = f"C{right + 9:.1f} {at:.1f} {node - 9:.1f} {middle:.1f} {node + 3:.1f} {middle:.1f}"
        return (
            f'<g class="op t-{tone_of(edge.operation)}{off}"><title>{escape(self._tooltip(edge))}</title>'
            f'<path class="wire" d="M{right:.1f} {at:.1f}{bend}"/>{_box(left, at, self.box, _HIGH, label)}</g>'
        )

    def _tooltip(self, edge: Edge) -> str:
        source, target = self.graph.nodes[edge.source], self.graph.nodes[edge.target]
        return f"{source.label}{source.sub} → {target.label}{target.sub}: {edge.operation}"

    def _node(self, node: Node, place: int, left: float, middle: float) -> str:
        height = self.placed.heights[place]
        title = f"<title>{escape(node.note)}</title>" if node.note else ""
        if node.kind == "dot":
            radius = _DOT / 2
            return (
                f'<g class="t-{tone_of(node.operation)}">{title}'
                f'<circle class="box" cx="{left + radius:.1f}" cy="{middle:.1f}" r="{radius:g}"/>'
                f'<circle class="wash" cx="{left + radius:.1f}" cy="{middle:.1f}" r="{radius:g}"/></g>'
            )
        if node.kind == "operation":
            label = _label(node)
            return f'<g class="op t-{tone_of(node.operation)}">{title}{_box(left, middle, self.box, _HIGH + 2, label)}</g>'
        if node.kind == "concat":
            center = left + _NODE / 2
            return (
                f'<g class="op">{title}<rect class="bar" x="{left:.1f}" y="{middle - height / 2:.1f}" width="{_NODE}" '
                f'height="{height:.1f}" rx="8"/><text class="g" x="{center + 4:.1f}" y="{middle:.1f}" text-anchor="middle" '
                f'transform="rotate(-90 {center + 4:.1f} {middle:.1f})">{escape(node.label)}</text></g>'
            )
        if node.kind in ("sum", "join"):
            center = left + _NODE / 2
            corner = _NODE / 2 if node.kind == "sum" else 5
            return (
                f'<g>{title}<rect class="plus" x="{left:.1f}" y="{middle - _NODE / 2:.1f}" width="{_NODE}" height="{_NODE}" '
                f'rx="{corner:g}"/>{text(center, middle + 4.2, node.label, "g")}</g>'
            )
        width = self._vertex(node, place).width - (self.box + _JOIN if self._has_rows(place) else 0)
        return (
            f'<g>{title}<rect class="end" x="{left:.1f}" y="{middle - _NODE / 2:.1f}" width="{width:.1f}" height="{_NODE}" '
            f'rx="{_NODE / 2:g}"/>{text(left + width / 2, middle + 4, node.label, "g inv", sub=node.sub)}</g>'
        )


def _label(node: Node) -> str:
    return cut(node.label, _LONGEST)


def _box(left: float, middle: float, width: float, height: float, label: str) -> str:
    place = f'x="{left:.1f}" y="{middle - height / 2:.1f}" width="{width:.1f}" height="{height:g}" rx="6"'
    return f'<rect class="box" {place}/><rect class="wash" {place}/>{text(left + width / 2, middle + 4.2, label, "g")}'


def _legend(graphs: Sequence[CellGraph], top: float, width: float) -> tuple[str, float]:
    """The colours that are used, in words."""
    shown = [graph for graph in graphs if graph.has_kinds]
    names = [edge.operation for graph in shown for edge in graph.edges] + [n.operation for graph in shown for n in graph.nodes]
    used = {tone_of(name) for name in names if name}
    marks, x, y = [], 14.0, top + 6
    for tone, words in KIND_WORDS.items():
        if tone not in used:
            continue
        wide = 18 + text_width(words, _DETAIL)
        if x > 14 and x + wide > width - 14:
            x, y = 14.0, y + 20
        marks.append(
            f'<g class="t-{tone}{" off" if tone == "none" else ""}"><rect class="box" x="{x:.1f}" y="{y - 6:.1f}" width="12" '
            f'height="12" rx="3"/><rect class="wash" x="{x:.1f}" y="{y - 6:.1f}" width="12" height="12" rx="3"/></g>'
            f"{text(x + 18, y + 4, words, 'd', anchor='start')}"
        )
        x += wide + 14
    return "".join(marks), (y + 12 - top if marks else 0)
