"""What stands where in a drawing: read back from its SVG, measured in the widest of the usual fonts."""

import math
import re
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

_SVG: Final = "{http://www.w3.org/2000/svg}"
# advance widths of DejaVu Sans Bold, in thousandths of the size
_ADVANCE: Final = {
    **dict.fromkeys("ijl", 343), **dict.fromkeys(" ", 348), **dict.fromkeys(".,", 380), **dict.fromkeys("()", 457),
    **dict.fromkeys("0123456789", 696), **dict.fromkeys("bdgpq", 716), **dict.fromkeys("hnu", 712), **dict.fromkeys("vy", 652),
    "a": 675, "c": 593, "e": 678, "f": 435, "k": 665, "m": 1042, "o": 687, "r": 493, "s": 595, "t": 478, "w": 924, "x": 645, "z": 582,
    "A": 774, "B": 762, "C": 734, "D": 830, "E": 683, "F": 683, "G": 821, "H": 837, "I": 372, "J": 372, "K": 775, "L": 637, "M": 995,
    "N": 837, "O": 850, "P": 733, "Q": 850, "R": 770, "S": 720, "T": 682, "U": 812, "V": 774, "W": 1103, "X": 771, "Y": 724, "Z": 725,
    "×": 838, "−": 838, "+": 838, "=": 838, "-": 415, ":": 400, "/": 365, "…": 1000, "_": 500, "–": 500,
}  # fmt: skip
_SIZES: Final = {"b": 13.0, "g": 12.0, "d": 11.5}
_REGULAR: Final = 0.9  # of the bold width


@dataclass(frozen=True)
class Box:
    """A rectangle, and what it is of."""

    left: float
    top: float
    right: float
    bottom: float
    name: str = ""

    def meets(self, other: "Box") -> bool:
        """Whether they share more than an edge."""
        return (
            min(self.right, other.right) - max(self.left, other.left) > 0.1
            and min(self.bottom, other.bottom) - max(self.top, other.top) > 0.1
        )

    def holds(self, other: "Box") -> bool:
        """Whether the other lies inside."""
        return (
            self.left - 0.1 <= other.left
            and other.right <= self.right + 0.1
            and self.top - 0.1 <= other.top
            and other.bottom <= self.bottom + 0.1
        )


@dataclass
class Drawn:
    """A drawing, read back: its page, words, boxes of operations and nodes, frames, and points along its wires."""

    page: Box
    words: list[Box]
    boxes: list[Box]
    frames: list[Box]
    wires: list[list[tuple[float, float]]]
    titles: list[str]


def read(svg: str) -> Drawn:
    """Every mark of a drawing at its place on the page."""
    root = ElementTree.fromstring(svg)
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    drawn = Drawn(Box(left, top, left + width, top + height), [], [], [], [], [])
    _visit(root, 0.0, 0.0, drawn)
    return drawn


def assert_legible(drawn: Drawn) -> None:
    """No words over other words or beyond their box, no box over another, no wire through a box, all of it on the page."""
    for place, words in enumerate(drawn.words):
        assert drawn.page.holds(words), words
        for other in drawn.words[place + 1 :]:
            assert not words.meets(other), (words, other)
        for box in drawn.boxes:
            assert not words.meets(box) or box.holds(words), (words, box)
        if drawn.frames:
            assert any(frame.holds(words) for frame in drawn.frames) or not any(f.meets(words) for f in drawn.frames), words
    for place, box in enumerate(drawn.boxes):
        assert drawn.page.holds(box)
        for other in drawn.boxes[place + 1 :]:
            assert not box.meets(other), (box, other)
    inner = [Box(box.left + 1.5, box.top + 1.5, box.right - 1.5, box.bottom - 1.5) for box in drawn.boxes]
    for wire in drawn.wires:
        for x, y in wire:
            assert drawn.page.left <= x <= drawn.page.right
            assert drawn.page.top <= y <= drawn.page.bottom
        # a wire may reach a little into the node that it ends at
        for x, y in wire[2:-3]:
            assert not any(box.left < x < box.right and box.top < y < box.bottom for box in inner), (x, y)


def _visit(element: ElementTree.Element, dx: float, dy: float, drawn: Drawn) -> None:
    shift = re.fullmatch(r"translate\(([-0-9.]+) ([-0-9.]+)\)", element.attrib.get("transform", ""))
    if shift:
        dx, dy = dx + float(shift[1]), dy + float(shift[2])
    kind, style = element.tag.removeprefix(_SVG), element.attrib.get("class", "").split()
    if kind == "text":
        drawn.words.append(_words(element, style, dx, dy))
    elif kind == "title" and element.text:
        drawn.titles.append(element.text)
    elif kind == "rect" and "wash" not in style:
        x, y, width, height = (float(element.attrib[name]) for name in ("x", "y", "width", "height"))
        box = Box(x + dx, y + dy, x + dx + width, y + dy + height, " ".join(style))
        (drawn.frames if style[0] in ("frame", "beside") else drawn.boxes).append(box)
    elif kind == "circle" and "wash" not in style:
        x, y, r = (float(element.attrib[name]) for name in ("cx", "cy", "r"))
        drawn.boxes.append(Box(x + dx - r, y + dy - r, x + dx + r, y + dy + r, " ".join(style)))
    elif kind == "path" and "wire" in style and "sign" not in style:
        drawn.wires.append([(x + dx, y + dy) for x, y in _points(element.attrib["d"])])
    for child in element:
        _visit(child, dx, dy, drawn)


def _words(element: ElementTree.Element, style: list[str], dx: float, dy: float) -> Box:
    size = next((_SIZES[name] for name in style if name in _SIZES), 13.0)
    words, width, below = "", 0.0, 0.0
    for text, scale in _runs(element, size):
        words += text
        width += sum(_ADVANCE[letter] for letter in text) * scale / 1000 * (_REGULAR if "d" in style else 1)
        below = below if scale == size else 3.5
    x, y = float(element.attrib["x"]) + dx, float(element.attrib["y"]) + dy
    start = x - {"middle": width / 2, "end": width}.get(element.attrib.get("text-anchor", "start"), 0.0)
    upper, lower = 0.74 * size, 0.05 * size + below  # letters such as p reach lower, and may
    if "rotate(-90" in element.attrib.get("transform", ""):
        return Box(x - upper, y - width / 2, x + lower, y + width / 2, words)
    return Box(start, y - upper, start + width, y + lower, words)


def _runs(element: ElementTree.Element, size: float) -> list[tuple[str, float]]:
    runs = [(element.text or "", size)]
    for child in element:
        if child.tag == f"{_SVG}tspan":
            runs.append((child.text or "", float(child.attrib["font-size"])))
        runs.append((child.tail or "", size))
    return runs


def _points(path: str) -> list[tuple[float, float]]:
    """Points along a path of our drawings, a pixel or less apart where it is curved."""
    points: list[tuple[float, float]] = []
    x = y = 0.0
    for command, numbers in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        values = [float(number) for number in re.findall(r"-?[0-9.]+(?:e-?[0-9]+)?", numbers)]
        ends: list[tuple[float, float]] = []
        match command:
            case "M" | "L":
                ends = [(values[0], values[1])]
            case "H":
                ends = [(values[0], y)]
            case "V":
                ends = [(x, values[0])]
            case "h":
                ends = [(x + values[0], y)]
            case "v":
                ends = [(x, y + values[0])]
            case "q":
                ends = [(x + values[2], y + values[3])]
            case "C":
                a, b, c, d, e, f = values
                for step in range(1, 41):
                    t = step / 40
                    u = 1 - t
                    ends.append(
                        (
                            u**3 * x + 3 * u * u * t * a + 3 * u * t * t * c + t**3 * e,
                            u**3 * y + 3 * u * u * t * b + 3 * u * t * t * d + t**3 * f,
                        )
                    )
            case _:
                raise ValueError(f"unknown command {command!r} in {path!r}")
        for end_x, end_y in ends:
            if command != "M":
                parts = max(1, math.ceil(math.hypot(end_x - x, end_y - y) / 2))
                points += [(x + (end_x - x) * n / parts, y + (end_y - y) * n / parts) for n in range(1, parts)]
            points.append((end_x, end_y))
            x, y = end_x, end_y
    return points
