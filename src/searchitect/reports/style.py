"""What all drawings share: colours of the light and the dark scheme, the room that words take, words in an SVG."""

import re
from html import escape
from typing import Final, Literal, TypeAlias

Scheme: TypeAlias = Literal["light", "dark"]

_LIGHT: Final = {
    "k": "#16202b",  # ink
    "m": "#5b6875",  # wires and details
    "l": "#d5dce3",  # lines of frames
    "p": "#fff",  # paper
    "f": "#f5f7f9",  # frames
    "conv": "#2563a8",
    "depthwise": "#0f7f78",
    "dilated": "#a3378c",
    "pool": "#8a6410",
    "linear": "#6b46b8",
    "encode": "#b0456b",
    "attention": "#a8471d",
    "skip": "#4d5f70",
    "none": "#7b8794",
    "end": "#16202b",
    "other": "#3e5c76",
}
_DARK: Final = {
    "k": "#e8edf2",
    "m": "#9aa7b4",
    "l": "#35414d",
    "p": "#1a222b",
    "f": "#141b22",
    "conv": "#6aa9ee",
    "depthwise": "#45c4b8",
    "dilated": "#ea8ad2",
    "pool": "#dcae4c",
    "linear": "#ab8df0",
    "encode": "#ec86aa",
    "attention": "#ee9366",
    "skip": "#a9b8c6",
    "none": "#8a97a4",
    "end": "#e8edf2",
    "other": "#8fb2d0",
}
TONES: Final = tuple(name for name in _LIGHT if len(name) > 1)
"""The kinds that a colour stands for."""

_FONT: Final = 'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif'
_RULES: Final = (
    f".arch{{font:13px {_FONT}}}"
    ".arch text{fill:var(--k)}.arch .b{font-weight:600}.arch .d{fill:var(--m);font-size:11.5px}"
    ".arch .g{font-weight:600;font-size:12px}.arch .n{font-weight:600;font-size:11px}"
    ".arch .frame{fill:var(--f);stroke:var(--l)}.arch .beside{fill:none;stroke:var(--l);stroke-dasharray:4 4}"
    ".arch .wire{fill:none;stroke:var(--m);stroke-width:1.5}.arch .tip{fill:var(--m)}"
    ".arch .thin{stroke-width:1;opacity:.75}"
    ".arch .off{opacity:.7}.arch .off.wire,.arch .off .wire,.arch .off .box{stroke-dasharray:2 4}"
    ".arch .box{fill:var(--p);stroke-width:1.5}.arch .wash{opacity:.13}"
    ".arch .end{fill:var(--k)}.arch text.inv{fill:var(--p)}.arch .plus{fill:var(--p);stroke:var(--m);stroke-width:1.5}"
    ".arch .bar{fill:var(--p);stroke:var(--k);stroke-width:1.5}"
    + "".join(f".arch .t-{t} .box{{stroke:var(--{t})}}.arch .t-{t} .wash{{fill:var(--{t})}}" for t in TONES)
)


def style_element(scheme: Scheme | None = None) -> str:
    """The ``<style>`` of a drawing: of one scheme in plain colours, or (``None``) of the reader's, through CSS variables."""
    if scheme is not None:
        colours = _LIGHT if scheme == "light" else _DARK
        return f"<style>{re.sub(r'var[(]--([a-z]+)[)]', lambda found: colours[found[1]], _RULES)}</style>"
    light, dark = (";".join(f"--{name}:{colour}" for name, colour in scheme.items()) for scheme in (_LIGHT, _DARK))
    return (
        f"<style>.arch{{{light}}}@media (prefers-color-scheme:dark){{.arch{{{dark}}}}}@media print{{.arch{{{light}}}}}"
        f"{_RULES}</style>"
    )


def paper(scheme: Scheme) -> str:
    """The colour behind a drawing."""
    return (_LIGHT if scheme == "light" else _DARK)["p"]


_NARROW: Final = frozenset("ijlI.,:;|!' ")
_SLIM: Final = frozenset("ftr()[]/-")
_BROAD: Final = frozenset("mwMW@%×−+=→≤≥…")


def text_width(words: str, size: float) -> float:
    """The room that words take, in px: as wide as the widest of the usual fonts sets them in bold, so that none is cut."""
    units = 0.0
    for letter in words:
        if letter in _NARROW:
            units += 0.38
        elif letter in _SLIM:
            units += 0.48
        elif letter in _BROAD:
            units += 0.96
        else:
            units += 0.80 if letter.isupper() else 0.70
    return units * size


def cut(words: str, letters: float) -> str:
    """At most that many letters, with an ellipsis where some are missing."""
    most = max(1, int(letters))
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def fit(words: str, room: float, size: float) -> str:
    """As many letters as have room, with an ellipsis where some are missing."""
    letters = len(words)
    while letters > 1 and text_width(cut(words, letters), size) > room:
        letters -= 1
    return cut(words, letters)


def wrap(words: str, room: float, size: float) -> list[str]:
    """Lines that have room; a word that has none stays whole."""
    lines: list[str] = []
    for word in words.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def text(x: float, y: float, words: str, style: str, *, sub: str = "", anchor: str = "middle") -> str:
    """Words on a line whose foot is at ``y``; ``sub`` is set below it, smaller, after them."""
    below = f'<tspan dy="3.5" font-size="8.5">{escape(sub)}</tspan>' if sub else ""
    place = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text class="{style}" x="{x:.5g}" y="{y:.5g}"{place}>{escape(words)}{below}</text>'


def svg(marks: str, width: float, height: float, label: str) -> str:
    """A drawing of its own, which follows the light or dark scheme of the reader."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="arch" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" aria-label="{escape(label[:600])}">{style_element()}{marks}</svg>'
    )


def width_of(drawing: str) -> float:
    """The width of a drawing made by `svg`."""
    found = re.search(r'<svg [^>]*?width="([0-9.]+)"', drawing)
    return float(found[1]) if found else 0.0
