"""The whole networks of the published spaces, as parts of a drawing: stem, stages of repeated cells, head.

As `searchitect.spaces.spec_graphs`, it goes by the form of the data; sizes follow from the settings in the spec, as the networks take them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from searchitect.core import TaskInfo
from searchitect.reports.blocks import (
    SETTINGS,
    Block,
    Chain,
    Group,
    Part,
    head_block,
    input_block,
    merge_equal,
    output_block,
    settings_group,
    side_of,
    size_words,
)
from searchitect.reports.tones import KIND_WORDS, tone_of
from searchitect.spaces.spec_graphs import CellGraph, graphs_of, words_of


def stack_of(spec: Any, info: TaskInfo | None) -> list[Part] | None:
    """The network of a spec, from input to output; ``None`` where its form is not one of those known here."""
    if not isinstance(spec, Mapping):
        return None
    for read in _FORMS:
        try:
            parts = read(spec, info)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # of another form, or damaged
            continue
        if parts:
            return [*parts, *(settings_group(name, spec[name]) for name in SETTINGS if spec.get(name))]
    return None


def chain_of(graph: CellGraph, between: Mapping[int, Block] | None = None) -> Chain:
    """A graph of the form ``chain`` as blocks below each other. ``between``: what stands behind the node of that place."""
    blocks: list[Block] = []
    place_of: dict[int, int] = {}
    edges = [(edge.source, edge.target) for edge in graph.edges]
    extra: list[tuple[int, int]] = []
    for place, node in enumerate(graph.nodes):
        place_of[place] = len(blocks)
        tone = "end" if node.kind == "input" else "none" if node.kind == "concat" else tone_of(node.operation)
        title = node.label[:1].upper() + node.label[1:]
        blocks.append(Block("Concatenation" if node.kind == "concat" else title, node.note, tone))
        if between and place in between and place + 1 < len(graph.nodes):
            blocks.append(between[place])
            if (place, place + 1) in edges:
                edges.remove((place, place + 1))
                extra += [(len(blocks) - 2, len(blocks) - 1), (len(blocks) - 1, len(blocks))]
    wires = [(place_of[source], place_of[target]) for source, target in edges]
    return Chain(tuple(blocks), tuple(sorted({*wires, *extra})))


# --- stages of cells --------------------------------------------------------------------------------------------------


class _Walk:
    """Collects parts while the image shrinks and the channels grow."""

    def __init__(self, info: TaskInfo | None) -> None:
        self.info = info
        self.side = side_of(info)
        self.parts: list[Part] = [input_block(info)]

    def halve(self) -> None:
        self.side = self.side and -(-self.side // 2)

    def conv(self, width: Any, *, stride: int = 1, kernel: int = 3, is_padded: bool = True) -> None:
        if stride == 2:
            self.side = (self.side + 1 if is_padded else max(self.side - 1, 0)) // 2
        words = size_words(self.side, width)
        self.parts.append(
            Block(f"Convolution {kernel}×{kernel}", f"{words}, stride 2" if stride == 2 else words, "conv", width=width)
        )

    def stage(self, title: str, inner: Iterable[Part], width: Any, name: str = "C") -> None:
        words = ", ".join(word for word in (size_words(self.side, 0), f"{name} = {width}" if width else "") if word)
        self.parts.append(Group(title, merge_equal(list(inner)), words))

    def end(self, width: float = 0, dropout: float | None = None) -> list[Part]:
        pool = Block("Average pool", "global", "pool", width=width)
        return [*self.parts, pool, head_block(self.info, dropout, width), output_block(self.info)]


def _pairwise(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    if not graphs_of(spec) or "cells" not in spec:
        return []
    walk = _Walk(info)
    kinds = list(spec["cells"])
    is_single = len(kinds) == 1
    shrinking = "reduction" if "reduction" in kinds else "normal"
    channels = spec.get("channels") or 0
    is_large = spec.get("stem") == "imagenet"
    sequence: list[tuple[str, bool]]  # kind, whether it halves
    if "repeats" in spec:
        walk.conv(spec["stem_channels"], stride=2 if is_large else 1, is_padded=False)
        if is_large:
            for share in (4, 2):
                walk.halve()
                walk.stage("Stem", [_cell(shrinking, is_single, halves=True)], channels // share)
        less = int(shrinking == "normal")  # PNAS: the cell that halves is one of the stage's
        sequence = [("normal", False)] * int(spec["repeats"])
        for _ in range(1, int(spec["stages"])):
            sequence += [(shrinking, True), *[("normal", False)] * (int(spec["repeats"]) - less)]
    elif "layers" in spec:
        layers = int(spec["layers"])
        if "stem" in spec:  # DARTS
            halving = {layers // 3, 2 * layers // 3}
        else:  # ENAS: two reductions beside the layers
            halving = {layers // 3, 2 * (layers // 3) + 1}
            layers += 2
        if is_large:
            for width in (channels // 2, channels, channels):
                walk.conv(width, stride=2)
        else:
            walk.conv(3 * channels)
        sequence = [(shrinking, True) if place in halving else ("normal", False) for place in range(layers)]
    else:
        return [input_block(info), *(_cell(kind, is_single) for kind in kinds), output_block(info)]
    stage: list[Part] = []
    number = 1
    for kind, halves in sequence:
        if halves:
            if stage:
                walk.stage(f"Stage {number}", stage, channels)
                number += 1
            walk.halve()
            channels, stage = channels * 2, []
        stage.append(_cell(kind, is_single, halves=halves))
    walk.stage(f"Stage {number}", stage, channels)
    return walk.end(channels, spec.get("dropout") if isinstance(spec.get("dropout"), float) else None)


def _cell(kind: str, is_single: bool, *, halves: bool = False) -> Block:
    title = "Cell" if is_single else f"{kind} cell".capitalize()
    return Block(title, "halves the image" if halves else "", "pool" if halves else "other")


def _nasbench101(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    if "operations" not in spec["cell"] or not graphs_of(spec):
        return []
    walk = _Walk(info)
    channels = int(spec["channels"])
    walk.conv(channels)
    for stack in range(int(spec["stacks"])):
        inner: list[Part] = []
        if stack:
            walk.halve()
            channels *= 2
            inner.append(Block("Max pool 2×2", "halves the image", "pool"))
        inner += [Block("Cell", "", "other")] * int(spec["cells"])
        walk.stage(f"Stack {stack + 1}", inner, channels)
    return walk.end(channels)


def _nasbench_macro(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    lengths, blocks = list(spec["stages"]), list(spec["blocks"])
    if sum(lengths) != len(blocks) or not all(isinstance(block, str) for block in blocks):
        return []
    walk = _Walk(info)
    channels = int(spec["channels"])
    walk.conv(channels)
    for number, length in enumerate(lengths, start=1):
        walk.halve()
        channels *= 2
        inner: list[Part] = []
        for place in range(length):
            inner.append(_macro_block(blocks.pop(0), "stride 2" if place == 0 else ""))
        walk.stage(f"Stage {number}", inner, channels)
    if spec.get("head"):
        walk.conv(spec["head"], kernel=1)
    return walk.end(spec.get("head") or channels)


def _macro_block(name: str, strided: str) -> Block:
    found = re.fullmatch(r"mbconv_(\d+)x\d+_e(\d+)", name)
    if not found:
        words = words_of(name)
        return Block(words[:1].upper() + words[1:], strided, tone_of(name))
    words = ", ".join(word for word in (f"expansion {found[2]}", strided) if word)
    return Block(f"MBConv {found[1]}×{found[1]}", words, tone_of(name))


def _randwire(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    stages = spec["stages"]
    if not all("edges" in stage and "nodes" in stage for stage in stages) or not graphs_of(spec):
        return []
    walk = _Walk(info)
    stride = 2 if spec["stem"] == "imagenet" else 1
    for width in (spec["channels"] // 2, spec["channels"])[: 2 if spec["regime"] == "small" else 1]:
        walk.conv(width, stride=stride)
    for number, stage in enumerate(stages, start=1):
        walk.halve()
        words = f"{stage['nodes']} nodes, {len(stage['edges'])} wires"
        walk.stage(f"Stage {number}", [Block("Random wiring", words, "depthwise")], stage["channels"])
    walk.conv(spec["head"], kernel=1)
    return walk.end(spec["head"])


def _hierarchical(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    if "motifs" not in spec or not graphs_of(spec):
        return []
    walk = _Walk(info)
    channels = int(spec["channels"])
    walk.conv(channels)
    groups, cells = int(spec["groups"]), int(spec["cells"])
    for group in range(groups):
        inner: list[Part] = []
        for cell in range(cells):
            strided = "stride 2, twice the channels" if cell == cells - 1 and group < groups - 1 else ""
            inner += [Block("Cell", "", "other"), Block("Separable 3×3", strided, "depthwise")]
        walk.stage(f"Group {group + 1}", inner, channels)
        if group < groups - 1:
            walk.halve()
            channels *= 2
    return walk.end(channels)


def _blockqnn(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    if "block" not in spec or not graphs_of(spec):
        return []
    walk = _Walk(info)
    channels = int(spec["channels"])
    walk.conv(channels)
    for stage in range(int(spec["stages"])):
        inner: list[Part] = []
        if stage:
            walk.halve()
            channels *= 2
            inner.append(Block("Max pool 2×2", "halves the image", "pool"))
        inner += [Block("Block", "", "other")] * int(spec["blocks"])
        walk.stage(f"Stage {stage + 1}", inner, channels)
    return walk.end(channels)


def _dense(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    """DPP-Net: dense blocks of cells; each layer adds the growth, which doubles from block to block."""
    if "growth" not in spec or not graphs_of(spec):
        return []
    walk = _Walk(info)
    growth, layers = int(spec["growth"]), len(spec["cell"])
    channels = 2 * growth
    walk.conv(channels)
    for block in range(int(spec["blocks"])):
        if block:
            walk.halve()
            walk.parts.append(Block("Average pool 2×2", "halves the image", "pool"))
        cells = [Block("Cell", f"adds {layers * growth} channels", "other")] * int(spec["cells"])
        channels += layers * growth * len(cells)
        walk.stage(f"Dense block {block + 1}", cells, channels)
        growth *= 2
    return walk.end(channels)


def _genetic(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    hidden = int(spec["hidden"])
    walk = _Walk(info)
    for number, (stage, graph) in enumerate(zip(spec["stages"], graphs_of(spec), strict=True), start=1):
        convs = sum(node.kind == "operation" for node in graph.nodes)
        words = f"{convs} of 3×3, {len(stage['edges'])} connections decided"
        walk.stage(f"Stage {number}", [Block("Convolutions", words, "conv")], stage["filters"])
        walk.halve()
        walk.parts.append(Block("Max pool 2×2", "halves the image", "pool"))
    linear = Block(f"Linear {hidden}", "", "linear", width=hidden)
    return [*walk.parts, linear, head_block(info, spec["dropout"], hidden), output_block(info)]


def _phases(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    phases = [phase for phase in spec["phases"] if phase["edges"]]
    walk, width = _Walk(info), 0
    for number, (phase, graph) in enumerate(zip(phases, graphs_of(spec), strict=True), start=1):
        if number > 1:
            walk.halve()
            walk.parts.append(Block("Max pool 2×2", "halves the image", "pool"))
        width = int(spec["filters"][number - 1])
        convs = sum(node.kind == "operation" for node in graph.nodes)
        words = f"{convs} of 3×3, {len(phase['edges'])} connections decided"
        walk.stage(f"Phase {number}", [Block("Convolutions", words, "conv")], width)
    return walk.end(width)


def _active_nodes(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    graphs = graphs_of(spec)
    if "op" not in spec["nodes"][0] or not graphs:
        return []
    counts = Counter(tone_of(node.operation) for node in graphs[0].nodes if node.kind == "operation")
    words = ", ".join(f"{count} {KIND_WORDS.get(tone, tone)}" for tone, count in counts.most_common())
    nodes = Block(f"{len(spec['nodes'])} active nodes", words, "other")
    return [input_block(info), nodes, head_block(info, None, 0), output_block(info)]


def _genome(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    """Of NEAT: its nodes and links, however many; those of small genomes are drawn below."""
    enabled = sum(link[4] for link in spec["links"])
    hidden = len(spec["hidden"])
    nodes = Block(
        f"{hidden} hidden node{'' if hidden == 1 else 's'}",
        f"{enabled} links, and {len(spec['links']) - enabled} disabled",
        "other",
    )
    return [input_block(info), nodes, output_block(info)]


# --- chains -----------------------------------------------------------------------------------------------------------


def _macro(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    graphs = graphs_of(spec)
    if not graphs or graphs[0].form != "chain" or "op" not in spec["layers"][0]:
        return []
    walk = _Walk(info)
    channels = int(spec.get("channels") or 0)
    third = len(spec["layers"]) // 3
    between = {}
    side = walk.side
    for number, place in enumerate([third, 2 * third] if third else [], start=1):
        side = side and -(-side // 2)
        between[place] = Block("Halving", size_words(side, channels * 2**number), "pool")
    chain = chain_of(graphs[0], between)
    stem = Block("Convolution 3×3", size_words(walk.side, channels), "conv")
    arcs = sum(1 for source, target in chain.edges if target > source + 1)
    words = f"{len(spec['layers'])} layers, {arcs} skips"
    walk.parts.append(Group("Layers", (Chain((stem, *chain.blocks[1:]), chain.edges),), words))
    return walk.end(channels, spec.get("dropout"))


def _grown(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    """Large-scale evolution: ``{"layers": [{"edge", "vertex", ...}], "skips": [[i, j], ...], "head": {"pool": true}}``."""
    graphs = graphs_of(spec)
    if not graphs or graphs[0].form != "chain" or not isinstance(spec.get("head"), Mapping):
        return []
    chain = chain_of(graphs[0])
    words = f"{len(spec['layers'])} layers, {len(spec['skips'])} skips"
    walk = _Walk(info)
    walk.parts = [Group("Layers", (Chain((input_block(info), *chain.blocks[1:]), chain.edges),), words)]
    return walk.end() if spec["head"]["pool"] else [*walk.parts, head_block(info, None, 0), output_block(info)]


def _wide(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    graphs = graphs_of(spec)
    if not graphs or graphs[0].form != "chain":
        return []
    halving = Block("Max pool 2×2", "of all outputs so far", "pool")
    chain = chain_of(graphs[0], {int(place): halving for place in spec.get("pools", ()) if place})
    words = f"{len(spec['layers'])} layers, inputs concatenated"
    walk = _Walk(info)
    walk.parts = [Group("Layers", (Chain((input_block(info), *chain.blocks[1:]), chain.edges),), words)]
    return walk.end()


def _plain_chain(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    """MetaQNN, MONAS: ``{"layers": [{"kind": "conv" | "pool" | "linear", ...}], "head": "softmax" | "average"}``."""
    walk = _Walk(info)
    inner: list[Part] = []
    for layer in spec["layers"]:
        kind = layer["kind"]
        if kind == "conv":
            words = f"{layer['filters']} filters" + (", stride 2" if layer.get("stride") == 2 else "")
            sides = layer["kernel"] if isinstance(layer["kernel"], list) else 2 * [layer["kernel"]]
            inner.append(Block(f"Convolution {sides[0]}×{sides[1]}", words, "conv", width=layer["filters"]))
        elif kind == "pool":
            inner.append(Block(f"Max pool {layer['kernel']}×{layer['kernel']}", f"stride {layer['stride']}", "pool"))
        elif kind == "linear":
            inner.append(Block(f"Linear {layer['units']}", "", "linear", width=layer["units"]))
        else:
            return []
    walk.stage("Layers", inner, 0)
    if spec["head"] == "average":
        return walk.end()
    return [*walk.parts, head_block(info, None, 0), output_block(info)]


# --- recurrent networks -----------------------------------------------------------------------------------------------


def _recurrent(spec: Mapping[str, Any], info: TaskInfo | None) -> list[Part]:
    graphs = graphs_of(spec)
    if not graphs or ("tree" not in spec and not any("activation" in node for node in spec["nodes"])):
        return []
    hidden = int(spec.get("hidden") or 0)
    words = f"{hidden} numbers" if hidden else ""
    rates = spec.get("dropout") if isinstance(spec.get("dropout"), Mapping) else {}
    assert rates is not None
    parts: list[Part] = [
        input_block(info),
        Block("Embedding", words, "encode"),
        Block("Recurrent cell", "from token to token" if not hidden else f"{words}, from token to token", "other"),
        head_block(info, None, 0),
        output_block(info),
    ]
    cell = parts[2]
    assert isinstance(cell, Block)
    parts[2] = merge_equal([cell] * int(spec.get("layers") or 1))[0]
    if rates:
        lines = tuple(Block(f"{name}: {rate:g}", "", "none") for name, rate in rates.items())
        parts.append(Group("Dropout", lines, is_beside=True))
    return parts


_FORMS: Final[tuple[Callable[[Mapping[str, Any], TaskInfo | None], list[Part]], ...]] = (
    _pairwise,
    _hierarchical,
    _nasbench101,
    _nasbench_macro,
    _genetic,
    _dense,
    _phases,
    _randwire,
    _macro,
    _grown,
    _wide,
    _plain_chain,
    _blockqnn,
    _active_nodes,
    _genome,
    _recurrent,
)
