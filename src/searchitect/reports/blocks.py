"""From a spec to what a drawing shows: blocks, and groups of blocks, from input to output.

The everyday spaces are read with their own knowledge (sizes, shortcuts); any other spec by its structure: a dict with something
inside becomes a group, a list becomes a sequence, everything else becomes a block or a line of details.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from searchitect.core import TaskInfo
from searchitect.reports.formatting import format_setting

TITLE_KEYS: Final = ("kind", "op", "operation", "type", "block", "layer", "name")
FLOW: Final = (
    "input",
    "stem",
    "numeric",
    "categorical",
    "encoder",
    "stages",
    "cell",
    "normal",
    "reduce",
    "reduction",
    "body",
    "layers",
    "blocks",
)
"""The order from input to output; canonical JSON has lost it. Names not listed keep theirs, after these."""
SETTINGS: Final = ("training", "optimizer", "optimiser", "augmentation", "preprocessing")
"""Parts of a spec that say how to train, not what to build."""

_TONES: Final = {
    "dilated": ("dilated", "dil_conv"),
    "depthwise": ("separable", "depthwise", "inverted", "mbconv", "sep_conv"),
    "attention": ("attention", "transformer", "squeeze"),
    "conv": ("conv", "plain", "residual", "bottleneck", "stem"),
    "pool": ("pool", "downsample", "reduce"),
    "skip": ("skip", "identity"),
    "none": ("none", "zero"),
    "encode": ("onehot", "embedding", "periodic", "piecewise", "encod", "plain numbers"),
    "linear": ("linear", "dense", "mlp", "perceptron", "head", "classifier"),
}


@dataclass(frozen=True)
class Block:
    """One box.

    Attributes:
        title: in bold.
        detail: one line below it.
        tone: a colour of the drawing, see `searchitect.reports.style.TONES`.
        repeat: how many equal ones follow each other.
        has_shortcut: whether a residual connection runs past it.
        width: channels or units, which its width on paper shows; 0 where unknown.
    """

    title: str
    detail: str = ""
    tone: str = "other"
    repeat: int = 1
    has_shortcut: bool = False
    width: float = 0

    def __post_init__(self) -> None:
        if not isinstance(self.width, (int, float)):  # from a spec of an own space, in a form that only looks like a known one
            object.__setattr__(self, "width", 0)  # type: ignore[unreachable]


@dataclass(frozen=True)
class Group:
    """A frame around parts.

    Attributes:
        title: at the top of the frame.
        parts: from input to output.
        detail: beside the title.
        is_beside: not part of the flow: settings.
        is_parallel: the parts are blocks beside each other: each sees the input, their outputs are joined.
    """

    title: str
    parts: tuple["Part", ...]
    detail: str = ""
    is_beside: bool = False
    is_parallel: bool = False


@dataclass(frozen=True)
class Chain:
    """Blocks below each other of which each may lead to any later one.

    Attributes:
        blocks: from input to output.
        edges: (from, to), by their places; from one to the next it is an arrow, others are arcs beside the blocks.
    """

    blocks: tuple[Block, ...]
    edges: tuple[tuple[int, int], ...]


Part: TypeAlias = Block | Group | Chain


def parts_of(spec: Any, info: TaskInfo | None) -> list[Part]:
    """What to draw, from input to output."""
    if _is_mapping_with_list(spec, "stages") and all(_is_convnet_stage(stage) for stage in spec["stages"]):
        return _convnet(spec, info)
    if isinstance(spec, Mapping) and _is_four_node_cell(spec.get("cell")) and "channels" in spec:
        return _nasbench201(spec, info)
    if (
        isinstance(spec, Mapping)
        and _is_mapping_with_list(spec.get("body"), "blocks")
        and spec["body"].get("kind") in ("mlp", "resmlp")
    ):
        return _mlp(spec, info)
    return [input_block(info), *_any(spec), output_block(info)]


# --- the everyday spaces ----------------------------------------------------------------------------------------------


def _convnet(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    stem = spec.get("stem") or {}
    side = side_of(info)
    stride = int(stem.get("stride") or 1)
    side = side and -(-side // stride)
    parts: list[Part] = [
        input_block(info),
        Block(
            "Convolution 3×3",
            _join(size_words(side, stem.get("width")), stride > 1 and f"stride {stride}"),
            "conv",
            width=stem.get("width") or 0,
        ),
    ]
    width = stem.get("width") or 0
    for place, stage in enumerate(spec["stages"], start=1):
        downsample = str(stage.get("downsample", "none"))
        inner: list[Part] = []
        if downsample == "pool":
            inner.append(Block("Max pool 2×2", "halves the image", "pool", width=width))
        if downsample != "none":
            side = side and -(-side // 2)
        incoming, width = width, stage["width"]
        kind = stage["body"]["kind"]
        for number, block in enumerate(stage["body"]["blocks"]):
            strided = "stride 2" if downsample == "stride" and number == 0 else ""
            keeps_shape = not strided and (number > 0 or incoming == width)
            inner.append(_convolution_block(kind, block, width, strided, keeps_shape))
        parts.append(Group(f"Stage {place}", merge_equal(inner), size_words(side, width)))
    head = spec.get("head") or {}
    grid = int(head.get("grid") or 1)
    where = "global" if grid == 1 else f"over each cell of a {grid} × {grid} grid"
    parts.append(Block("Average pool", _join(where, _channels(width)), "pool", width=width))
    parts.append(head_block(info, head.get("dropout"), width))
    parts.append(output_block(info))
    activation = spec.get("activation")
    if activation:
        parts.append(Group("Everywhere", (Block(f"{activation} activation", "batch normalisation", "none"),), is_beside=True))
    return parts


def _convolution_block(kind: str, block: Mapping[str, Any], width: float, strided: str, keeps_shape: bool) -> Block:
    kernel = block.get("kernel")
    size = f" {kernel}×{kernel}" if kernel else ""
    title = {
        "plain": f"Convolution{size}",
        "residual": f"Residual{size}",
        "separable": f"Separable{size}",
        "inverted": f"Inverted bottleneck{size}",
    }.get(kind, f"{_pretty(kind)}{size}")
    expansion = block.get("expansion")
    detail = _join(expansion and f"expansion {expansion}", block.get("squeeze") and "squeeze-and-excite", strided)
    # an inverted block has a shortcut where the shape stays; a residual one always, through a projection where it changes
    shortcut = kind == "residual" or (kind == "inverted" and keeps_shape)
    return Block(title, detail, _tone(kind), has_shortcut=shortcut, width=width)


def _mlp(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    parts: list[Part] = [input_block(info)]
    encodings: list[Part] = []
    for name, what in (("numeric", "Numbers"), ("categorical", "Categories")):
        encoding = spec.get(name)
        if isinstance(encoding, Mapping):
            kind = {"plain": "standardised", "onehot": "one-hot", "embedding": "embedded"}.get(
                encoding["kind"], str(encoding["kind"])
            )
            encodings.append(Block(f"{what} {kind}", _details(encoding, leave=("kind",)), "encode"))
    if encodings:
        parts.append(Group("Encoding", tuple(encodings), is_parallel=len(encodings) > 1))
    common = _join(
        _known(spec.get("normalisation"), "{} norm"),
        spec.get("activation"),
        spec.get("dropout") and f"dropout {spec['dropout']:g}",
    )
    body = spec["body"]
    width = 0
    inner: list[Part] = []
    for block in body["blocks"]:
        width = block.get("width") or body.get("width") or 0
        if body["kind"] == "resmlp":
            inner.append(
                Block(f"Residual block {width}", _details(block, leave=("width",)), "linear", has_shortcut=True, width=width)
            )
        else:
            inner.append(Block(f"Linear {width}", "", "linear", width=width))
    if body["kind"] == "resmlp":
        inner.insert(0, Block(f"Linear {width}", "to the width of the blocks", "linear", width=width))
    parts.append(Group("Residual perceptron" if body["kind"] == "resmlp" else "Perceptron", merge_equal(inner), common))
    parts += [head_block(info, None, width), output_block(info)]
    parts += [settings_group(name, spec[name]) for name in SETTINGS if spec.get(name)]
    return parts


def _nasbench201(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    channels, repeat, side = spec["channels"], int(spec.get("cells", 1)), side_of(info)
    parts: list[Part] = [input_block(info), Block("Convolution 3×3", size_words(side, channels), "conv", width=channels)]
    for stage in range(3):
        inner: list[Part] = []
        if stage:
            side, channels = side and -(-side // 2), channels * 2
            inner.append(Block("Residual 3×3", "stride 2", "conv", has_shortcut=True, width=channels))
        inner.append(Block("Cell", "", "other", repeat=repeat, width=channels))
        parts.append(Group(f"Stage {stage + 1}", tuple(inner), size_words(side, channels)))
    return [
        *parts,
        Block("Average pool", "global", "pool", width=channels),
        head_block(info, None, channels),
        output_block(info),
    ]


def _is_convnet_stage(stage: Any) -> bool:
    return (
        isinstance(stage, Mapping)
        and "width" in stage
        and _is_mapping_with_list(stage.get("body"), "blocks")
        and "kind" in stage["body"]
    )


def _is_mapping_with_list(value: Any, name: str) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get(name), list) and bool(value[name])


def _is_four_node_cell(value: Any) -> bool:
    """Whether it is the cell of NAS-Bench-201: a triangle of six operations."""
    return isinstance(value, list) and [len(row) if isinstance(row, list) else 0 for row in value] == [1, 2, 3]


# --- any other spec ---------------------------------------------------------------------------------------------------


def _any(spec: Any) -> list[Part]:
    if not isinstance(spec, Mapping):
        return _sequence("", spec) if isinstance(spec, list) else [Block(_text(spec))]
    names = sorted(spec, key=lambda name: FLOW.index(name) if name in FLOW else len(FLOW))
    inner = [name for name in names if name not in SETTINGS and _is_container(spec[name])]
    plain = [name for name in names if name not in SETTINGS and not _is_container(spec[name])]
    parts: list[Part] = [part for name in inner for part in _named(name, spec[name])]
    if not inner and plain:
        parts.append(_block("", {name: spec[name] for name in plain}))
    elif plain:
        settings = tuple(Block(f"{_pretty(name)}: {_text(spec[name])}", "", "none") for name in plain)
        parts.append(Group("Everywhere", settings, is_beside=True))
    parts += [settings_group(name, spec[name]) for name in names if name in SETTINGS and spec[name]]
    return parts


def _named(name: str, value: Any) -> list[Part]:
    """A field of a spec that holds something."""
    if isinstance(value, list):
        parts = _sequence(name, value)
        return [Group(_pretty(name), tuple(parts))] if parts else []
    inner = {key: item for key, item in value.items() if _is_container(item)}
    if not inner:
        return [_block(name, value)]
    rest = {key: item for key, item in value.items() if key not in inner}
    parts = [part for key in sorted(inner, key=_place) for part in _named(key, inner[key])]
    return [Group(_pretty(name) or _pretty(_title(value)), tuple(parts), _details(rest))]


def _sequence(name: str, values: Sequence[Any]) -> list[Part]:
    parts: list[Part] = []
    for place, value in enumerate(values, start=1):
        title = f"{_singular(name)} {place}".strip()
        if isinstance(value, Mapping):
            made = _named("" if _title(value) and not any(map(_is_container, value.values())) else title, value)
            parts += made
        elif _is_container(value):
            parts.append(Group(title, tuple(_sequence("", value))))
        else:
            parts.append(Block(_text(value), "", _tone(_text(value))))
    return list(merge_equal(parts))


def _block(name: str, fields: Mapping[str, Any]) -> Block:
    kind = _title(fields)
    used = next((key for key in TITLE_KEYS if isinstance(fields.get(key), str)), "")
    title = _join(_pretty(name), kind and _pretty(kind), sep=" · ") or "Architecture"
    width = next(
        (fields[key] for key in ("width", "channels", "units", "filters") if isinstance(fields.get(key), (int, float))), 0
    )
    return Block(title, _details(fields, leave=(used,)), _tone(f"{kind} {name}"), width=width)


def settings_group(name: str, value: Any) -> Group:
    """Settings as lines outside the flow."""
    fields = value if isinstance(value, Mapping) else {name: value}
    return Group(
        _pretty(name),
        tuple(Block(f"{_pretty(key)}: {_text(item)}", "", "none") for key, item in fields.items()),
        is_beside=True,
    )


def _is_container(value: Any) -> bool:
    """Whether it becomes boxes: dicts, lists of dicts or lists, lists of names; a short list of numbers is a detail."""
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list) and any(not isinstance(item, (int, float)) for item in value)


def _title(fields: Mapping[str, Any]) -> str:
    return next((fields[key] for key in TITLE_KEYS if isinstance(fields.get(key), str)), "")


def _place(name: str) -> int:
    return FLOW.index(name) if name in FLOW else len(FLOW)


# --- words ------------------------------------------------------------------------------------------------------------


def merge_equal(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Equal neighbouring blocks become one with a count."""
    merged: list[Part] = []
    for part in parts:
        last = merged[-1] if merged else None
        if isinstance(part, Block) and isinstance(last, Block) and replace(last, repeat=part.repeat) == part:
            merged[-1] = replace(last, repeat=last.repeat + part.repeat)
        else:
            merged.append(part)
    return tuple(merged)


def input_block(info: TaskInfo | None) -> Block:
    """What comes in."""
    if info is None:
        return Block("Input", "", "end")
    if info.is_image:
        channels, height, width = info.input_shape
        return Block("Image", f"{height} × {width}, {channels} channel{'s' if channels > 1 else ''}", "end")
    if info.kind == "language-modelling":
        return Block("Text", f"{info.input_shape[0]} tokens of {info.outputs:,}", "end")
    if info.is_control:
        return Block("Observation", f"{info.input_shape[0]} numbers", "end")
    return Block("Row of the table", f"{info.input_shape[0]} columns", "end")


def output_block(info: TaskInfo | None) -> Block:
    """What comes out."""
    if info is None:
        return Block("Output", "", "end")
    if info.kind == "language-modelling":
        return Block("Next token", "", "end")
    classes = "actions" if info.is_control else "classes"
    return Block(f"{info.outputs} {classes}" if info.is_classification else "Value", "", "end")


def head_block(info: TaskInfo | None, dropout: float | None, width: float) -> Block:
    """The last layer."""
    title = f"Linear {info.outputs}" if info is not None else "Linear"
    return Block(title, f"dropout {dropout:g}" if dropout else "", "linear", width=info.outputs if info is not None else width)


def side_of(info: TaskInfo | None) -> int:
    """Of the image; 0 where it is not known."""
    return min(info.input_shape[1:]) if info is not None and info.is_image else 0


def size_words(side: int, width: Any) -> str:
    """Side and channels, as far as they are known."""
    return _join(side and f"{side} × {side}", _channels(width))


def _channels(width: Any) -> str:
    return f"{width} channels" if width else ""


def _tone(text: str) -> str:
    low = text.lower()
    return next((tone for tone, words in _TONES.items() if any(word in low for word in words)), "other")


def _details(fields: Mapping[str, Any], leave: Sequence[str] = ()) -> str:
    """Each field in words; what is off is left out, what is on is its name alone."""
    words = []
    for name, value in fields.items():
        if name in leave or value is None or value is False:
            continue
        words.append(_pretty(name).lower() if value is True else f"{_pretty(name).lower()} {_text(value)}")
    return ", ".join(words)


def _text(value: Any) -> str:
    return (
        value.replace("_", " ") if isinstance(value, str) else format_setting(value) if value is not None else json.dumps(value)
    )


def _known(value: Any, pattern: str) -> str:
    return pattern.format(value) if value and value != "none" else ""


def _pretty(name: str) -> str:
    text = str(name).replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _singular(name: str) -> str:
    text = _pretty(name)
    return text[:-1] if text.endswith("s") and not text.endswith("ss") else text


def _join(*words: Any, sep: str = ", ") -> str:
    return sep.join(str(word) for word in words if word)
