"""From a spec to the graphs that are in it: cells, motifs, blocks, wired stages, chains with skips, recurrent cells.

A graph is found by the form of the data, whatever space it is of; a spec that has none of the forms has no graphs.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from searchitect.spaces.nasnet_stacking import output_states

NodeKind: TypeAlias = Literal["input", "sum", "join", "operation", "concat", "output", "dot"]
MOST_NODES: Final = 300
MOST_EDGES: Final = 1500
"""Of one graph; a drawing beyond that helps nobody."""
MOST_DRAWN_LINKS: Final = 80
"""Of a genome of NEAT."""


@dataclass(frozen=True)
class Node:
    """A node of a graph.

    Attributes:
        kind: an input; the sum or (``join``) the concatenation of what arrives; an operation; what the graph gives:
            the concatenation of all that arrives, and the output; a dot: one of many equal ones.
        label: written into it.
        sub: written below the line, after the label.
        operation: of an operation or dot.
        note: said of it when it is pointed at.
    """

    kind: NodeKind
    label: str = ""
    sub: str = ""
    operation: str = ""
    note: str = ""


@dataclass(frozen=True)
class Edge:
    """From one node to a later one, by their places; without an operation it is a plain wire."""

    source: int
    target: int
    operation: str = ""


@dataclass(frozen=True)
class CellGraph:
    """What is known of a cell: enough to draw it, and to tell it from others.

    Attributes:
        title: its name.
        nodes: in an order in which every edge leads onwards.
        edges: each once.
        note: one sentence on how to read it.
        form: ``cell``: boxes and wires; ``wires``: many small nodes; ``chain``: one below the other with arcs, part of the
            drawing of the whole network.
        has_kinds: whether the colours stand for kinds of layers, which a legend names.
    """

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    note: str = ""
    form: Literal["cell", "wires", "chain"] = "cell"
    has_kinds: bool = True


def graphs_of(spec: Any) -> list[CellGraph]:
    """The graphs in a spec, in the order in which they should be drawn; none where it has no form that is known.

    Every edge leads from an earlier node to a later one. A graph of more than 300 nodes is left out.
    """
    for read in _FORMS:
        try:
            graphs = read(spec)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # of another form, or damaged
            continue
        if graphs and all(map(_is_sound, graphs)):
            return [graph for graph in graphs if len(graph.nodes) <= MOST_NODES and len(graph.edges) <= MOST_EDGES]
    return []


def _is_sound(graph: CellGraph) -> bool:
    return all(0 <= edge.source < edge.target < len(graph.nodes) for edge in graph.edges)


# --- operations in words ----------------------------------------------------------------------------------------------

_SIZE: Final = re.compile(r"(\d+)x(\d+)")


def words_of(operation: str) -> str:
    """An operation as a label says it: ``sep_conv_3x3`` is "sep conv 3×3", ``conv3x3-bn-relu`` is "conv 3×3"."""
    words = operation.removeprefix("nor_").removesuffix("-bn-relu").replace("_", " ").replace("-", " ")
    words = re.sub(r"([a-z])(\d+x\d)", r"\1 \2", words.replace("maxpool", "max pool").replace("avgpool", "avg pool"))
    words = _SIZE.sub("\\1×\\2", words)
    return {"skip connect": "skip", "identity": "identity"}.get(words, re.sub(r"\be(\d)", r"×\1", words))


# --- the forms --------------------------------------------------------------------------------------------------------

_CELL_INPUTS: Final = (
    Node("input", "c", "k−2", note="output of the cell before the previous one"),
    Node("input", "c", "k−1", note="output of the previous cell"),
)
_CELL_OUTPUT: Final = Node("output", "c", "k", note="output of this cell")


def _pairwise(spec: Any) -> list[CellGraph]:
    """``{"cells": {name: {"nodes": [{"edges": [{"from", "op"}], "combine"}], "concat"}}}``."""
    cells = spec["cells"]
    # NASNet and PNAS leave out inputs that no node reads; only their other settings tell their specs from AmoebaNet's
    has_loose_inputs = not ("skip_reduction_input" in spec or ("repeats" in spec and "reduction" not in cells))
    titles = {name: f"{name} cell".capitalize() if len(cells) > 1 else "Cell" for name in cells}
    return [_pairwise_cell(titles[name], cell, has_loose_inputs) for name, cell in cells.items()]


def _pairwise_cell(title: str, cell: Mapping[str, Any], has_loose_inputs: bool) -> CellGraph:
    nodes, edges = list(_CELL_INPUTS), []
    for number, node in enumerate(cell["nodes"]):
        is_join = node.get("combine") == "concat"
        nodes.append(Node("join" if is_join else "sum", str(number), note="concatenation" if is_join else "sum"))
        edges += [Edge(int(edge["from"]), number + 2, str(edge["op"])) for edge in node["edges"]]
    _gather(nodes, edges, output_states({"concat": "all", **cell}, has_loose_inputs), _CELL_OUTPUT)
    kinds = "sum or concatenation" if any(node.kind == "join" for node in nodes) else "sum"
    return CellGraph(title, tuple(nodes), tuple(edges), f"Each circle is the {kinds} of its operations.")


def _gather(nodes: list[Node], edges: list[Edge], states: Sequence[int], output: Node, word: str = "concat") -> None:
    """The output, with a bar before it where it is made of several states."""
    if len(states) > 1:
        nodes.append(Node("concat", word))
        edges += [Edge(state, len(nodes) - 1) for state in states]
        states = [len(nodes) - 1]
    nodes.append(output)
    edges += [Edge(state, len(nodes) - 1) for state in states]


def _rows_cell(spec: Any) -> list[CellGraph]:
    """``{"cell": [[op], [op, op], [op, op, op]]}``: ``cell[i - 1][j]`` is on the edge from node j to node i."""
    return [_from_rows("Cell", spec["cell"], kind="sum", note="Each node is the sum of what arrives.")]


def _hierarchical(spec: Any) -> list[CellGraph]:
    """``{"motifs": [ROWS, ...], "cell": ROWS}``; no operation means no edge."""
    note = "Each square is the concatenation of what arrives."
    cell = _from_rows("Cell", spec["cell"], kind="join", note=note)
    motifs = [_from_rows(f"Motif {n}", rows, kind="join", note="") for n, rows in enumerate(spec["motifs"])]
    return [_without_none(graph) for graph in (cell, *motifs)]


def _from_rows(title: str, rows: Sequence[Sequence[str]], *, kind: NodeKind, note: str) -> CellGraph:
    if not rows or any(isinstance(row, str) or len(row) != place for place, row in enumerate(rows, start=1)):
        raise ValueError("not a triangle of operations")
    if not all(isinstance(operation, str) for row in rows for operation in row):
        raise ValueError("not names of operations")
    nodes = [Node("input", "in"), *(Node(kind, str(n)) for n in range(1, len(rows))), Node("output", "out")]
    edges = [Edge(source, target, op) for target, row in enumerate(rows, start=1) for source, op in enumerate(row)]
    return CellGraph(title, tuple(nodes), tuple(edges), note)


def _without_none(graph: CellGraph) -> CellGraph:
    edges = tuple(edge for edge in graph.edges if edge.operation != "none")
    return CellGraph(graph.title, graph.nodes, edges, graph.note)


def _vertex_cell(spec: Any) -> list[CellGraph]:
    """``{"cell": {"operations": [...], "edges": [[i, j], ...]}}``: the first vertex is the input, the last the output."""
    operations = spec["cell"]["operations"]
    last = len(operations) + 1
    nodes = [Node("input", "in"), *(Node("operation", words_of(str(op)), operation=str(op)) for op in operations)]
    pairs = sorted({(int(i), int(j)) for i, j in spec["cell"]["edges"]})
    if any(j > last for _, j in pairs):
        raise ValueError("an edge to no vertex")
    edges = [Edge(i, j) for i, j in pairs if j != last]
    _gather(nodes, edges, [i for i, j in pairs if j == last], Node("output", "out"))
    has_bypass = (0, last) in pairs and len(operations) > 0
    note = "An operation reads the sum of what arrives." + (" What comes straight from the input is added." * has_bypass)
    return [CellGraph("Cell", tuple(nodes), tuple(edges), note)]


def _wired_stages(spec: Any) -> list[CellGraph]:
    """``{"stages": [{"nodes": n, "edges": [[i, j], ...]}, ...]}``: starts read the input, the ends are averaged."""
    return [_wired_stage(number, stage) for number, stage in enumerate(spec["stages"], start=1)]


def _wired_stage(number: int, stage: Mapping[str, Any]) -> CellGraph:
    count = int(stage["nodes"])
    pairs = [(int(i), int(j)) for i, j in stage["edges"]]
    starts = set(range(count)) - {j for _, j in pairs}
    ends = set(range(count)) - {i for i, _ in pairs}
    nodes = [
        Node("input", "in"),
        *(Node("dot", "", operation="sep_conv_3x3", note=f"node {place}") for place in range(count)),
        Node("output", "out"),
    ]
    edges = [Edge(0, place + 1) for place in sorted(starts)]
    edges += [Edge(i + 1, j + 1) for i, j in pairs]
    edges += [Edge(place + 1, count + 1) for place in sorted(ends)]
    note = f"{count} nodes, {len(pairs)} wires. A node: weighted sum, ReLU, separable 3×3."
    return CellGraph(f"Stage {number}", tuple(nodes), tuple(edges), note, "wires")


def _summed_stages(spec: Any) -> list[CellGraph]:
    """``{"stages": [{"filters": n, "nodes": k, "edges": [[i, j], ...]}, ...]}``: of Genetic CNN, isolated nodes left out."""
    return [_summed_stage(number, stage) for number, stage in enumerate(spec["stages"], start=1)]


def _summed_stage(number: int, stage: Mapping[str, Any]) -> CellGraph:
    pairs = [(int(i), int(j)) for i, j in stage["edges"]]
    used = sorted({node for pair in pairs for node in pair})
    place = {node: number for number, node in enumerate(used, start=2)}
    last = len(used) + 2  # the default output node, which a stage without edges lacks
    label, note = f"conv 3×3, {stage['filters']}", "default output node" if used else ""
    nodes = [
        Node("input", "in"),
        *(
            Node("operation", label, operation="conv_3x3", note=note)
            for note in ("default input node", *map("node {}".format, used))
        ),
    ]
    starts = [place[node] for node in used if node not in {j for _, j in pairs}]
    ends = [place[node] for node in used if node not in {i for i, _ in pairs}]
    edges = [Edge(0, 1), *(Edge(1, start) for start in starts), *(Edge(place[i], place[j]) for i, j in pairs)]
    if used:
        nodes.append(Node("operation", label, operation="conv_3x3", note=note))
        edges += [Edge(end, last) for end in ends]
    nodes.append(Node("output", "out"))
    edges.append(Edge(len(nodes) - 2, len(nodes) - 1))
    return CellGraph(f"Stage {number}", tuple(nodes), tuple(edges), "A convolution reads the sum of what arrives.")


def _dense_cell(spec: Any) -> list[CellGraph]:
    """``{"cell": [{"norm", "op"}, ...], "growth": n}``: of DPP-Net; each layer reads all before it."""
    nodes = [Node("input", "in")]
    edges: list[Edge] = []
    for place, layer in enumerate(spec["cell"], start=1):
        norm = {"bn_relu": "BN-ReLU, ", "bn": "BN, ", "none": ""}[layer["norm"]]
        nodes.append(Node("operation", norm + words_of(layer["op"]), operation=layer["op"]))
        edges += [Edge(source, place) for source in range(place)]
    edges += [Edge(source, len(nodes)) for source in range(len(nodes))]
    nodes.append(Node("concat", "concat"))
    return [CellGraph("Cell", tuple(nodes), tuple(edges), "Each layer reads the concatenation of what arrives.")]


def _concatenated_phases(spec: Any) -> list[CellGraph]:
    """``{"phases": [{"nodes": k, "edges": [[i, j], ...], "residual": 0}, ...]}``: of NSGA-Net; what has no edge is left out."""
    phases = [phase for phase in spec["phases"] if phase["edges"]]
    return [_concatenated_phase(number, phase) for number, phase in enumerate(phases, start=1)]


def _concatenated_phase(number: int, phase: Mapping[str, Any]) -> CellGraph:
    pairs = [(int(i), int(j)) for i, j in phase["edges"]]
    used = sorted({node for pair in pairs for node in pair})
    place = {node: number for number, node in enumerate(used, start=1)}
    starts = [place[node] for node in used if node not in {j for _, j in pairs}]
    ends = [*([0] if phase["residual"] else []), *(place[node] for node in used if node not in {i for i, _ in pairs})]
    nodes = [Node("input", "in"), *(Node("operation", "conv 3×3", operation="conv_3x3", note=f"node {node}") for node in used)]
    edges = [*(Edge(0, start) for start in starts), *(Edge(place[i], place[j]) for i, j in pairs)]
    _gather(nodes, edges, ends, Node("output", "out"))
    return CellGraph(f"Phase {number}", tuple(nodes), tuple(edges), "A convolution reads the concatenation of what arrives.")


def _active_nodes(spec: Any) -> list[CellGraph]:
    """``{"nodes": [{"op", "from": [i, ...]}, ...]}``, of blocks with kernel and filters: 0 is the image, the last node the output."""
    nodes = [Node("input", "image")]
    edges: list[Edge] = []
    for place, entry in enumerate(spec["nodes"], start=1):
        sizes = f" {entry['kernel']}×{entry['kernel']}, {entry['filters']}" if "kernel" in entry else ""
        operation = str(entry["op"])
        sources = dict.fromkeys(int(source) for source in entry["from"])
        note = "reads it twice" if len(sources) < len(entry["from"]) else ""
        nodes.append(Node("operation", words_of(operation) + sizes, operation=operation, note=note))
        edges += [Edge(source, place) for source in sources]
    nodes.append(Node("output", "out"))
    edges.append(Edge(len(nodes) - 2, len(nodes) - 1))
    return [CellGraph("Active nodes", tuple(nodes), tuple(edges))] if spec["nodes"] else []


def _macro_chain(spec: Any) -> list[CellGraph]:
    """``{"layers": [{"op": ..., "skips": [...]}, ...]}``: each layer reads the one before it.

    Skips join its output: the first of them is that of the stem, j that of layer j - 1.
    """
    nodes = [Node("input", "stem")]
    edges = []
    for place, layer in enumerate(spec["layers"]):
        nodes.append(Node("operation", words_of(layer["op"]), operation=layer["op"]))
        edges.append(Edge(place, place + 1))
        edges += [Edge(source, place + 1) for source, is_on in enumerate(_skips(layer, place)) if is_on and source < place]
    return [CellGraph("Layers", tuple(nodes), tuple(edges), "Arcs are skip connections.", "chain")]


def _wide_chain(spec: Any) -> list[CellGraph]:
    """``{"layers": [{"kernel": [h, w], "stride": [h, w], "filters": n, "skips": [...]}, ...]}``: a layer reads what is named.

    One that names none reads the image; what none reads is concatenated at the end.
    """
    nodes = [Node("input", "image")]
    edges: list[Edge] = []
    for place, layer in enumerate(spec["layers"]):
        high, wide = layer["kernel"]
        notes = [_stride(layer), f"dense block of {spec['depth']}" if spec.get("depth", 1) > 1 else ""]
        note = ", ".join(note for note in notes if note)
        nodes.append(Node("operation", f"conv {high}×{wide}, {layer['filters']}", operation="conv", note=note))
        sources = [source + 1 for source, is_on in enumerate(_skips(layer, place)) if is_on]
        edges += [Edge(source, place + 1) for source in sources or [0]]
    loose = [place for place in range(1, len(nodes)) if place not in {edge.source for edge in edges}]
    if len(loose) > 1:
        nodes.append(Node("concat", "concat"))
        edges += [Edge(place, len(nodes) - 1) for place in loose]
    return [CellGraph("Layers", tuple(nodes), tuple(edges), "Each layer reads the concatenation of what arrives.", "chain")]


def _grown_chain(spec: Any) -> list[CellGraph]:
    """``{"layers": [{"id", "edge", "vertex", ...}, ...], "skips": [[i, j], ...]}``: the vertex 0 is the image, skips are between numbers."""
    nodes, place = [Node("input", "image")], {0: 0}
    for layer in spec["layers"]:
        is_conv, is_plain = layer["edge"] == "conv", layer["vertex"] == "linear"
        high, wide = (max(1, 2 * round((layer[side] - 1) / 2) + 1) if is_conv else 1 for side in ("height", "width"))
        label = f"conv {high}×{wide}, {max(1, round(layer['channels']))}" if is_conv else "identity"
        stride = 2 ** round(layer["stride"]) if is_conv else 1
        notes = [f"stride {stride}" if stride > 1 else "", "linear" if is_plain else "batch normalisation and ReLU"]
        place[int(layer["id"])] = len(nodes)
        note = ", ".join(note for note in notes if note)
        nodes.append(Node("operation", label, operation="conv" if is_conv else "identity", note=note))
    edges = [Edge(target - 1, target) for target in range(1, len(nodes))]
    edges += [Edge(place[int(source)], place[int(target)]) for source, target in spec["skips"]]
    return [CellGraph("Layers", tuple(nodes), tuple(edges), "Arcs are skips, which are added.", "chain")]


def _skips(layer: Mapping[str, Any], place: int) -> Sequence[bool]:
    skips = layer["skips"]
    if not isinstance(skips, list) or len(skips) > place:
        raise ValueError("more skips than earlier layers")
    return skips


def _stride(layer: Mapping[str, Any]) -> str:
    high, wide = layer.get("stride") or (1, 1)
    return f"stride {high}×{wide}" if (high, wide) != (1, 1) else ""


def _block_list(spec: Any) -> list[CellGraph]:
    """``{"block": [{"op", "kernel", "from": [i, ...]}, ...]}``: 0 is the input, k the k-th layer; loose ones are joined."""
    nodes = [Node("input", "in")]
    edges: list[Edge] = []
    for place, layer in enumerate(spec["block"], start=1):
        operation, kernel = str(layer["op"]), layer.get("kernel")
        words = words_of(operation) + (f" {kernel}×{kernel}" if kernel else "")
        nodes.append(Node("operation", words, operation=operation))
        edges += [Edge(int(source), place) for source in layer["from"]]
    read = {edge.source for edge in edges}
    _gather(nodes, edges, [place for place in range(1, len(nodes)) if place not in read], Node("output", "out"))
    return [CellGraph("Block", tuple(nodes), tuple(edges))]


def _recurrent(spec: Any) -> list[CellGraph]:
    """``{"nodes": [{"from": state, "activation": name}, ...]}``: state 0 is made of input and hidden state.

    Where the first node names no state, it is that start itself, with an activation, and the output is the mean of the nodes that
    none reads; otherwise it is the mean of all nodes but the start.
    """
    entries = spec["nodes"]
    starts_itself = "from" not in entries[0]
    nodes = [Node("input", "x", "t", note="the token"), Node("input", "h", "t−1", note="the state so far")]
    nodes.append(Node("sum", "+" if starts_itself else "0", note="the sum of both, each times its matrix"))
    edges = [Edge(0, 2), Edge(1, 2)]
    first = len(nodes) if starts_itself else 2  # the place of state 0
    for place, entry in enumerate(entries, start=0 if starts_itself else 1):
        nodes.append(Node("sum", str(place)))
        source = first + int(entry["from"]) if "from" in entry else 2
        edges.append(Edge(source, first + place, str(entry["activation"])))
    read = {edge.source for edge in edges} if starts_itself else set()
    averaged = [place for place in range(3, len(nodes)) if place not in read]
    _gather(nodes, edges, averaged, Node("output", "h", "t", note="the new state, and the output"), "mean")
    return [CellGraph("Recurrent cell", tuple(nodes), tuple(edges), has_kinds=False)]


def _tree(spec: Any) -> list[CellGraph]:
    """``{"tree": [{"combine", "activation"}, ...], "inject": {..., "at": i}, "cell_from": j}``: the leaves come first."""
    entries, inject = spec["tree"], spec["inject"]
    leaves = (len(entries) + 1) // 2
    nodes = [
        Node("input", "x, h", note="the token and the state so far: a leaf has weights for both"),
        Node("input", "c", "t−1", note="the memory so far"),
    ]
    edges: list[Edge] = []
    place_of: dict[int, int] = {}
    ready: list[int] = []  # nodes of the tree whose parent is still to come
    for number, entry in enumerate(entries):
        sources = [0] if number < leaves else [place_of[ready.pop(0)], place_of[ready.pop(0)]]
        place_of[number] = _tree_node(nodes, edges, entry, sources, f"node {number}")
        if number == inject["at"]:
            place_of[number] = _tree_node(nodes, edges, inject, [place_of[number], 1], "the memory is brought in")
        ready.append(number)
    nodes += [Node("output", "h", "t"), Node("output", "c", "t", note="the new memory")]
    edges += [Edge(place_of[len(entries) - 1], len(nodes) - 2), Edge(place_of[int(spec["cell_from"])], len(nodes) - 1)]
    note = (
        "+ and × say how two values meet, before the activation. The new memory is the value of its node before the activation."
    )
    return [CellGraph("Recurrent cell", tuple(nodes), tuple(edges), note, has_kinds=False)]


def _tree_node(nodes: list[Node], edges: list[Edge], entry: Mapping[str, Any], sources: Sequence[int], note: str) -> int:
    sign = {"add": "+", "multiply": "×"}.get(entry["combine"], str(entry["combine"]))
    nodes.append(Node("operation", f"{sign} {entry['activation']}", operation=str(entry["activation"]), note=note))
    edges += [Edge(source, len(nodes) - 1) for source in sources]
    return len(nodes) - 1


def _genome(spec: Any) -> list[CellGraph]:
    """``{"inputs": n, "outputs": m, "hidden": [...], "links": [[number, from, to, weight, enabled], ...]}``: of NEAT, enabled links only."""
    bias, wires = int(spec["inputs"]), [(int(a), int(b)) for _, a, b, _, enabled in spec["links"] if enabled]
    if len(wires) > MOST_DRAWN_LINKS:
        return []
    order: list[int] = []
    while len(order) < len(spec["hidden"]):  # a hidden node stands behind all that any gene lets it read
        left = [node for node in spec["hidden"] if node not in order]
        order.append(next(n for n in left if not any(link[2] == n and link[1] in left for link in spec["links"])))
    ends = range(bias + 1, bias + 1 + int(spec["outputs"]))
    place = {node: at for at, node in enumerate([*range(bias + 1), *order, *ends])}
    nodes = [
        *(Node("input", f"x{number}", note=f"input {number}") for number in range(bias)),
        Node("input", "1", note="the bias, an input of 1"),
        *(Node("operation", "sigmoid", operation="sigmoid", note=f"hidden node {node}") for node in order),
        *(Node("output", f"y{number}" if len(ends) > 1 else "out") for number in range(len(ends))),
    ]
    note = f"Enabled links: {len(wires)} of {len(spec['links'])}."
    return [CellGraph("Genome", tuple(nodes), tuple(Edge(place[a], place[b]) for a, b in sorted(wires)), note, has_kinds=False)]


_FORMS: Final[tuple[Callable[[Any], list[CellGraph]], ...]] = (
    _pairwise,
    _hierarchical,
    _rows_cell,
    _vertex_cell,
    _summed_stages,
    _dense_cell,
    _concatenated_phases,
    _wired_stages,
    _macro_chain,
    _wide_chain,
    _grown_chain,
    _block_list,
    _active_nodes,
    _genome,
    _tree,
    _recurrent,
)
