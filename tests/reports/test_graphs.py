import builtins
import random
import re
import struct
from collections import Counter
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest

from searchitect.core import MissingPackageError, SettingError, TaskInfo
from searchitect.reports import draw_architecture, draw_cells, draw_network, svg_to_png
from searchitect.reports.layout import Vertex, arrange
from searchitect.reports.png import in_one_scheme
from searchitect.reports.style import svg, text_width
from searchitect.reports.tones import tone_of
from searchitect.spaces import find_published, make_space, published_names
from searchitect.spaces.spec_graphs import graphs_of, words_of

from .drawn import assert_legible, read

IMAGE = TaskInfo("cifar", "image-classification", (3, 32, 32), 10, 1000)
TEXT = TaskInfo("ptb", "language-modelling", (35,), 10_000, 1000)
OPERATIONS = (
    *("none", "skip_connect", "max_pool_3x3", "avg_pool_3x3", "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7", "dil_conv_3x3"),
    *("dil_conv_5x5", "conv_1x1", "conv_3x3", "conv_7x1_1x7", "conv_3x1_1x3", "max_pool_5x5", "max_pool_7x7"),
)


def node(*edges: tuple[str, int], combine: str = "add") -> dict[str, Any]:
    return {"edges": [{"from": source, "op": op} for op, source in edges], "combine": combine}


def random_cell(rng: random.Random, nodes: int, edges: int = 2) -> dict[str, Any]:
    """Any operations on any earlier states, the same one twice too; sums and concatenations; loose states joined."""
    return {
        "nodes": [
            node(
                *[(rng.choice(OPERATIONS), rng.randrange(place + 2)) for _ in range(edges)],
                combine=rng.choice(("add", "concat")),
            )
            for place in range(nodes)
        ],
        "concat": rng.choice(("loose", "all", [0, nodes + 1])),
    }


def small_world(rng: random.Random, count: int = 32) -> list[list[int]]:
    """Four wires per node, on average, of which most go somewhere at random."""
    pairs: set[tuple[int, int]] = set()
    while len(pairs) < 2 * count:
        a, b = rng.randrange(count), rng.randrange(count)
        if a != b:
            pairs.add((min(a, b), max(a, b)))
    return sorted(map(list, pairs))


DARTS_V2 = {
    "cells": {
        "normal": {
            "nodes": [
                node(("sep_conv_3x3", 0), ("sep_conv_3x3", 1)),
                node(("sep_conv_3x3", 0), ("sep_conv_3x3", 1)),
                node(("sep_conv_3x3", 1), ("skip_connect", 0)),
                node(("skip_connect", 0), ("dil_conv_3x3", 2)),
            ],
            "concat": "all",
        },
        "reduction": {
            "nodes": [
                node(("max_pool_3x3", 0), ("max_pool_3x3", 1)),
                node(("skip_connect", 2), ("max_pool_3x3", 1)),
                node(("max_pool_3x3", 0), ("skip_connect", 2)),
                node(("skip_connect", 2), ("max_pool_3x3", 1)),
            ],
            "concat": "all",
        },
    },
    "channels": 36,
    "layers": 20,
    "stem": "cifar",
}
WIRED = {
    "channels": 8,
    "regime": "small",
    "stem": "imagenet",
    "head": 1280,
    "stages": [{"nodes": 32, "channels": 8 * 2**i, "edges": small_world(random.Random(i))} for i in range(2)],
}
VERTICES = {
    "channels": 128,
    "stacks": 3,
    "cells": 3,
    "cell": {
        "operations": ["conv3x3-bn-relu", "conv1x1-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "maxpool3x3"],
        "edges": [[0, 1], [0, 2], [1, 3], [2, 4], [0, 5], [3, 6], [4, 6], [3, 4], [0, 6]],
    },
}
HIERARCHICAL = {
    "channels": 16,
    "cells": 1,
    "groups": 3,
    "motifs": [[["sep_conv_3x3"], ["skip_connect", "depthwise_conv_3x3"], ["none", "max_pool_3x3", "conv_1x1"]]] * 6,
    "cell": [["motif_0"], ["none", "motif_3"], ["motif_2", "none", "motif_1"], ["motif_5", "motif_1", "none", "motif_0"]],
}
BLOCK = {
    "channels": 32,
    "stages": 3,
    "blocks": 4,
    "block": [
        {"op": "conv", "kernel": 1, "from": [0]},
        {"op": "max_pool", "kernel": 3, "from": [0]},
        {"op": "add", "kernel": 0, "from": [1, 2]},
        {"op": "conv", "kernel": 5, "from": [3]},
        {"op": "identity", "kernel": 0, "from": [1]},
    ],
}
TREE = {
    "tree": [{"combine": "add" if place != 3 else "multiply", "activation": "tanh"} for place in range(15)],
    "inject": {"combine": "add", "activation": "relu", "at": 8},
    "cell_from": 12,
    "hidden": 64,
}
DARTS_RNN = {"nodes": [{"from": f, "activation": a} for f, a in ((0, "sigmoid"), (1, "relu"), (1, "identity"), (2, "tanh"))]}
ENAS_RNN = {"nodes": [{"activation": "tanh"}, {"from": 0, "activation": "relu"}, {"from": 0, "activation": "identity"}]}
MACRO = {
    "channels": 36,
    "layers": [
        {"op": op, "skips": [(place + earlier) % 3 == 0 for earlier in range(place)]}
        for place, op in enumerate(["conv_3x3", "sep_conv_3x3", "avg_pool_3x3", "conv_5x5", "max_pool_3x3", "sep_conv_5x5"])
    ],
}
GROWN = {
    "layers": [
        {"id": 7, "edge": "conv", "channels": 8.3, "height": 4.2, "width": 1.2, "stride": 0.7, "vertex": "bn-relu"},
        {"id": 3, "edge": "identity", "vertex": "linear"},
        {"id": 9, "edge": "conv", "channels": 12.0, "height": 3.0, "width": 3.0, "stride": 0.0, "vertex": "linear"},
    ],
    "skips": [[0, 9], [7, 9]],
    "head": {"id": 1, "pool": False},
    "training": {"optimizer": "sgd", "learning_rate": 0.1},
}
WIDE = {
    "layers": [
        {"kernel": [3, 5], "stride": [1, 1], "filters": 36, "skips": []},
        {"kernel": [7, 1], "stride": [2, 1], "filters": 48, "skips": [False]},
        {"kernel": [5, 5], "stride": [1, 1], "filters": 24, "skips": [True, True]},
        {"kernel": [1, 1], "stride": [1, 1], "filters": 24, "skips": [True, False, False]},
    ]
}
SQUARE = {
    "channels": 16,
    "cells": 5,
    "cell": [["nor_conv_3x3"], ["none", "nor_conv_1x1"], ["skip_connect", "avg_pool_3x3", "nor_conv_3x3"]],
}
GENETIC = {
    "stages": [{"filters": 8, "nodes": 4, "edges": edges} for edges in ([[0, 1], [0, 2], [1, 2]], [], [[0, 3], [1, 3]])],
    "hidden": 128,
    "dropout": 0.5,
}
PHASES = {
    "phases": [
        {"nodes": 4, "edges": edges, "residual": residual}
        for edges, residual in (([[0, 1], [0, 2], [1, 2]], 1), ([], 1), ([[0, 3], [1, 3]], 0), ([[0, 2]], 0))
    ],
    "filters": [8, 16, 32, 64],
    "node": "residual",
    "growth": 64,
}
ACTIVE = {
    "nodes": [
        {"op": "residual", "filters": 32, "kernel": 3, "from": [0]},
        {"op": "max_pool", "from": [1]},
        {"op": "sum", "from": [1, 2]},
        {"op": "concat", "from": [3, 3]},
    ]
}
ALL = {
    "pairwise": DARTS_V2,
    "vertices": VERTICES,
    "square": SQUARE,
    "hierarchical": HIERARCHICAL,
    "wired": WIRED,
    "block": BLOCK,
    "genetic": GENETIC,
    "phases": PHASES,
    "active": ACTIVE,
    "tree": TREE,
    "darts-rnn": DARTS_RNN,
    "enas-rnn": ENAS_RNN,
    "macro": MACRO,
    "wide": WIDE,
    "grown": GROWN,
}


# --- legible ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("draw", [draw_cells, draw_network, draw_architecture])
def test_every_form_is_drawn_legibly(name: str, draw: Any) -> None:
    assert_legible(read(draw(ALL[name])))


@pytest.mark.parametrize("seed", range(20))
def test_random_cells_are_drawn_legibly(seed: int) -> None:
    rng = random.Random(seed)
    cell, wide = random_cell(rng, nodes=rng.randint(1, 6)), random_cell(rng, nodes=3, edges=3)
    assert_legible(read(draw_cells({"cells": {"normal": cell, "reduction": wide}})))


@pytest.mark.parametrize("name", sorted({*published_names()}))
def test_published_architectures_are_drawn_legibly(name: str) -> None:
    published = find_published(name)
    _, spec = published.make()
    kind = "image-classification" if len(published.input_shape) == 3 else "language-modelling"
    info = TaskInfo("published", kind, published.input_shape, published.outputs, 1000)
    assert_legible(read(draw_architecture(spec, info)))


SAMPLED = ("amoebanet", "darts", "enas-micro", "nasbench101", "nasbench201", "nasnet", "pnas")


@pytest.mark.parametrize("name", [*SAMPLED, "blockqnn", "cgp-cnn", "dpp-net", "genetic-cnn", "hierarchical", "nsga-net"])
def test_samples_of_the_cell_spaces_are_drawn_legibly(name: str) -> None:
    space = make_space(name, IMAGE)
    for seed in range(20 if name in SAMPLED else 2):
        drawing = draw_cells(space.sample(random.Random(seed)).spec)
        assert drawing
        assert_legible(read(drawing))


def test_small_genomes_are_drawn_with_their_enabled_links_and_large_ones_in_words() -> None:
    small, large = make_space("neat"), make_space("neat", IMAGE)
    for seed in range(10):
        spec = small.sample(random.Random(seed)).spec
        (graph,) = graphs_of(spec)
        assert len(graph.edges) == sum(link[4] for link in spec["links"])
        assert len(graph.nodes) == 4 + len(spec["hidden"])
        assert_legible(read(draw_architecture(spec)))
    spec = large.sample(random.Random(0)).spec
    assert graphs_of(spec) == []
    assert f"{sum(link[4] for link in spec['links'])} links" in draw_architecture(spec)


# --- complete ---------------------------------------------------------------------------------------------------------


def test_every_edge_of_a_pairwise_cell_is_drawn_once() -> None:
    states = ["ck−2", "ck−1", "0", "1", "2", "3"]
    for cell in DARTS_V2["cells"].values():
        expected = [
            f"{states[edge['from']]} → {place}: {edge['op']}"
            for place, node in enumerate(cell["nodes"])
            for edge in node["edges"]
        ]
        drawn = read(draw_cells({"cells": {"normal": cell}}))
        assert sorted(title for title in drawn.titles if "→" in title) == sorted(expected)


@pytest.mark.parametrize("name", ALL)
def test_the_wires_of_a_graph_lead_from_their_source_to_their_target(name: str) -> None:
    """Follow the pieces of each wire from its end back to a node: it is the source, and every piece belongs to some wire."""
    for graph in graphs_of(ALL[name]):
        sizes = [Vertex(40, 20, 12 if graph.form == "cell" else 0, node.kind == "concat") for node in graph.nodes]
        wires = [(edge.source, edge.target) for edge in graph.edges]
        placed = arrange(sizes, wires)
        used = Counter(wire for hop in placed.hops for wire in hop.wires if hop.is_last)
        assert used == Counter(range(len(wires)))
        for wire, (source, target) in enumerate(wires):
            pieces = [hop for hop in placed.hops if wire in hop.wires]
            pieces.sort(key=lambda hop: hop.start[0])
            assert len(pieces) == placed.layers[target] - placed.layers[source]
            assert pieces[0].start == (placed.lefts[source] + 40, placed.middles[source])
            assert pieces[-1].end[0] == placed.lefts[target]
            assert abs(pieces[-1].end[1] - placed.middles[target]) <= placed.heights[target] / 2 + 12 * len(wires)
            for before, after in pairwise(pieces):
                assert before.end == pytest.approx(after.start)


def test_the_graph_of_each_form_has_the_edges_of_the_spec() -> None:
    def pairs(spec: Any, number: int = 0) -> list[tuple[int, int]]:
        return [(edge.source, edge.target) for edge in graphs_of(spec)[number].edges]

    # input, operations 1 to 5, the concatenation of what leads to the output, the output; 5 leads nowhere
    assert pairs(VERTICES) == [(0, 1), (0, 2), (0, 5), (1, 3), (2, 4), (3, 4), (0, 6), (3, 6), (4, 6), (6, 7)]
    assert len(pairs(SQUARE)) == 6
    assert pairs(HIERARCHICAL) == [(0, 1), (1, 2), (0, 3), (2, 3), (0, 4), (1, 4), (3, 4)]  # where there is no "none"
    # the sources of a wired stage read the input, its sinks give the output
    wires = [tuple(edge) for edge in WIRED["stages"][0]["edges"]]
    inside = [(i - 1, j - 1) for i, j in pairs(WIRED) if i > 0 and j < 33]
    assert inside == wires
    assert {j - 1 for i, j in pairs(WIRED) if i == 0} == set(range(32)) - {j for _, j in wires}
    assert {i - 1 for i, j in pairs(WIRED) if j == 33} == set(range(32)) - {i for i, _ in wires}
    # 4 and 5 are loose: a concatenation (6) before the output
    assert pairs(BLOCK) == [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (1, 5), (4, 6), (5, 6), (6, 7)]
    # NSGA-Net: the input (0) joins the loose node in a concatenation; a phase without edges, and isolated nodes, are left out
    assert pairs(PHASES) == [(0, 1), (1, 2), (1, 3), (2, 3), (0, 4), (3, 4), (4, 5)]
    assert pairs(PHASES, 1) == [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)]
    assert [graph.title for graph in graphs_of(PHASES)] == ["Phase 1", "Phase 2", "Phase 3"]
    # a chain: each layer reads the one before; skip j is the output of layer j - 1, or of the stem
    steps = [(place, place + 1) for place in range(6)]
    skips = [(earlier, place + 1) for place in range(6) for earlier in range(place) if (place + earlier) % 3 == 0]
    assert sorted(pairs(MACRO)) == sorted(steps + skips)
    # no chain: what names nothing reads the image; 3 and 4 are loose and joined in 5
    assert pairs(WIDE) == [(0, 1), (0, 2), (1, 3), (2, 3), (1, 4), (3, 5), (4, 5)]
    # x and h make state 0; the mean of all nodes but state 0
    assert pairs(DARTS_RNN)[:6] == [(0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 6)]
    assert [i for i, j in pairs(DARTS_RNN) if j == 7] == [3, 4, 5, 6]
    # x and h make the first node through an activation; the mean of what none reads: nodes 1 and 2
    assert pairs(ENAS_RNN) == [(0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 6), (5, 6), (6, 7)]


def test_a_tree_combines_neighbours_and_brings_the_memory_in() -> None:
    graph = graphs_of(TREE)[0]
    into: dict[int, list[int]] = {}
    for edge in graph.edges:
        into.setdefault(edge.target, []).append(edge.source)
    names = [node.note for node in graph.nodes]
    place = {name: number for number, name in enumerate(names)}
    assert into[place["node 0"]] == [0]
    inject = place["the memory is brought in"]
    assert into[inject] == [place["node 8"], 1]
    assert into[place["node 9"]] == [place["node 2"], place["node 3"]]
    assert into[place["node 12"]] == [inject, place["node 9"]]
    assert into[place["node 14"]] == [place["node 12"], place["node 13"]]
    assert into[len(names) - 2] == [place["node 14"]]  # the state
    assert into[len(names) - 1] == [place["node 12"]]  # the memory
    assert graph.nodes[place["node 3"]].label == "× tanh"


@pytest.mark.parametrize(
    ("concat", "settings", "joined"),
    [
        ("all", {}, [2, 3, 4]),
        ("loose", {}, [0, 3, 4]),
        ("loose", {"repeats": 1, "skip_reduction_input": False}, [3, 4]),  # NASNet leaves out inputs that none reads
        ([0, 4], {}, [0, 4]),
    ],
)
def test_the_output_joins_the_states_that_the_network_joins(concat: Any, settings: dict[str, Any], joined: list[int]) -> None:
    nodes = [node(("sep_conv_3x3", 1), ("none", 1)), node(("max_pool_3x3", 2), ("none", 1)), node(("none", 2), ("none", 1))]
    graph = graphs_of(
        {"cells": {"normal": {"nodes": nodes, "concat": concat}, "reduction": DARTS_V2["cells"]["reduction"]}, **settings}
    )[0]
    bar = next(place for place, node in enumerate(graph.nodes) if node.kind == "concat")
    assert [edge.source for edge in graph.edges if edge.target == bar] == joined


# --- as people read it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "words", "tone"),
    [
        ("sep_conv_3x3", "sep conv 3×3", "depthwise"),
        ("dil_conv_5x5", "dil conv 5×5", "dilated"),
        ("nor_conv_1x1", "conv 1×1", "conv"),
        ("conv_7x1_1x7", "conv 7×1 1×7", "conv"),
        ("conv3x3-bn-relu", "conv 3×3", "conv"),
        ("maxpool3x3", "max pool 3×3", "pool"),
        ("avg_pool_3x3", "avg pool 3×3", "pool"),
        ("skip_connect", "skip", "skip"),
        ("identity", "identity", "skip"),
        ("none", "none", "none"),
        ("mbconv_5x5_e6", "mbconv 5×5 ×6", "depthwise"),
        ("something_new", "something new", "other"),
    ],
)
def test_operations_are_named_and_coloured_by_kind(operation: str, words: str, tone: str) -> None:
    assert words_of(operation) == words
    assert tone_of(operation) == tone
    cell = {"nodes": [node((operation, 0), (operation, 1))], "concat": "all"}
    drawing = draw_cells({"cells": {"normal": cell}})
    assert len(re.findall(rf'<g class="op t-{tone}(?: off)?">', drawing)) == 2


def test_inputs_stand_on_the_left_and_the_output_on_the_right_of_all_others() -> None:
    drawn = read(draw_cells({"cells": {"normal": DARTS_V2["cells"]["normal"]}}))
    place = {words.name: words for words in drawn.words}
    boxes = [box for box in drawn.boxes if "box" in box.name and box.right - box.left > 20]
    assert place["ck−2"].right < min(box.left for box in boxes)
    assert place["ck−1"].left == pytest.approx(place["ck−2"].left)
    assert place["ck−2"].top < place["ck−1"].top
    assert place["concat"].left > max(box.right for box in boxes)
    assert place["ck"].left > place["concat"].right
    assert place["0"].right < place["3"].left  # node 3 reads node 0


def test_the_legend_names_the_kinds_that_are_used_and_no_others() -> None:
    def legend(spec: Any) -> list[str]:
        drawn = read(draw_cells(spec))
        return [words.name for words in drawn.words if words.top > max(frame.bottom for frame in drawn.frames)]

    assert legend(DARTS_V2) == ["separable", "dilated", "pooling", "identity"]
    assert legend(SQUARE) == ["convolution", "pooling", "identity", "no connection"]
    assert legend(DARTS_RNN) == []  # colours of activations


@pytest.mark.parametrize("seed", range(8))
def test_between_two_layers_no_order_has_fewer_crossings(seed: int) -> None:
    rng = random.Random(seed)
    wires = [(rng.randrange(4), target) for target in range(4, 10) for _ in range(3)]

    def crossings(ends: list[tuple[float, float]]) -> int:
        return sum((a - c) * (b - d) < 0 for place, (a, b) in enumerate(ends) for c, d in ends[place + 1 :])

    placed = arrange([Vertex(20, 20)] * 10, wires)
    assert placed.middles[:4] == tuple(sorted(placed.middles[:4]))  # inputs keep their order
    least = min(crossings([(source, order[target - 4]) for source, target in wires]) for order in permutations(range(6)))
    assert crossings([(placed.middles[source], placed.middles[target]) for source, target in wires]) == least


def test_nodes_of_a_layer_keep_their_distance_and_wires_into_a_bar_are_straight() -> None:
    rng = random.Random(4)
    vertices = [Vertex(10, 10)] * 20 + [Vertex(20, 50, is_bar=True)]
    wires = [(rng.randrange(place), place) for place in range(1, 20) for _ in range(2)]
    loose = sorted(set(range(20)) - {source for source, _ in wires})
    placed = arrange(vertices, [*wires, *((source, 20) for source in loose)], apart=7)
    for one in range(20):
        for other in range(one):
            if placed.layers[one] == placed.layers[other]:
                assert abs(placed.middles[one] - placed.middles[other]) >= 17 - 1e-6
    last = [hop for hop in placed.hops if hop.is_last and hop.end[0] == placed.lefts[20]]
    assert len(last) == len(loose)
    assert all(hop.start[1] == hop.end[1] for hop in last)
    assert placed.heights[20] >= max(hop.end[1] for hop in last) - min(hop.end[1] for hop in last)


def test_the_room_for_words_is_that_of_the_widest_usual_font() -> None:
    for words in ("sep conv 3×3", "max pool 7×7", "conv 7×1 1×7", "depthwise conv 3×3", "sigmoid", "concat", "motif 3"):
        drawn = read(svg(f'<text class="g" x="0" y="0">{words}</text>', 200, 20, "")).words[0]
        assert drawn.right <= text_width(words, 12) <= 1.2 * drawn.right


# --- whole networks ---------------------------------------------------------------------------------------------------


def words(spec: Any, info: TaskInfo | None = IMAGE) -> list[str]:
    return [found.name for found in read(draw_network(spec, info)).words]


def test_darts_has_a_reduction_at_each_third() -> None:
    found = words(DARTS_V2)
    cells = [word for word in found if word.endswith("cell") or word.startswith("× ")]
    assert cells == ["Normal cell", "× 6", "Reduction cell", "Normal cell", "× 6", "Reduction cell", "Normal cell", "× 6"]
    assert [word for word in found if "C = " in word] == ["32 × 32, C = 36", "16 × 16, C = 72", "8 × 8, C = 144"]
    assert "32 × 32, 108 channels" in found


def test_darts_for_imagenet_begins_at_an_eighth_of_the_side() -> None:
    large = TaskInfo("imagenet", "image-classification", (3, 224, 224), 1000, 1000)
    found = words({**DARTS_V2, "stem": "imagenet", "channels": 48, "layers": 14}, large)
    assert [word for word in found if "C = " in word] == ["28 × 28, C = 48", "14 × 14, C = 96", "7 × 7, C = 192"]
    assert found.count("× 4") == 3  # 14 cells, 2 of them reductions


def test_enas_has_its_reductions_beside_the_layers() -> None:
    spec = {"cells": DARTS_V2["cells"], "channels": 36, "layers": 15, "dropout": 0.2}
    assert [word for word in words(spec) if word.startswith("× ")] == ["× 5"] * 3
    assert "dropout 0.2" in words(spec)


def test_the_cells_of_nasnet_and_pnas_are_stacked_as_released() -> None:
    size = {"channels": 32, "repeats": 6, "stages": 3, "stem": "cifar", "stem_channels": 96}
    found = words({"cells": DARTS_V2["cells"], **size})
    assert found.count("Reduction cell") == 2
    assert found.count("× 6") == 3
    only = {"cells": {"normal": DARTS_V2["cells"]["normal"]}, **size, "stem": "imagenet"}
    found = words(only, TaskInfo("imagenet", "image-classification", (3, 331, 331), 1001, 1000))
    assert "165 × 165, 96 channels, stride 2" in found
    assert [word for word in found if "C = " in word] == [
        "83 × 83, C = 8",
        "42 × 42, C = 16",
        "42 × 42, C = 32",
        "21 × 21, C = 64",
        "11 × 11, C = 128",
    ]
    assert [word for word in found if word.startswith("× ")] == ["× 6", "× 5", "× 5"]  # the first of a stage halves


def test_the_other_networks_show_their_stages() -> None:
    assert [word for word in words(VERTICES) if "C = " in word] == ["32 × 32, C = 128", "16 × 16, C = 256", "8 × 8, C = 512"]
    assert words(VERTICES).count("Max pool 2×2") == 2
    assert words(HIERARCHICAL).count("Separable 3×3") == 3
    assert words(HIERARCHICAL).count("stride 2, twice the channels") == 2
    assert words(BLOCK).count("× 4") == 3
    assert [word for word in words(WIRED) if "nodes" in word] == ["32 nodes, 64 wires"] * 2
    assert [word for word in words(WIRED) if " × " in word][1:] == [
        *(
            "16 × 16, 4 channels, stride 2",
            "8 × 8, 8 channels, stride 2",
            "4 × 4, C = 8",
            "2 × 2, C = 16",
            "2 × 2, 1280 channels",
        ),
    ]
    blocks = ["mbconv_5x5_e6", "identity", "mbconv_3x3_e3", "mbconv_3x3_e3", "identity"]
    found = words({"channels": 32, "stages": [2, 3], "head": 1280, "blocks": blocks})
    assert [word for word in found if "MB" in word or word == "Identity"] == [
        *("MBConv 5×5", "Identity", "MBConv 3×3", "MBConv 3×3", "Identity"),
    ]
    assert "expansion 6, stride 2" in found
    assert "4 × 4, 1280 channels" not in found
    assert "8 × 8, 1280 channels" in found
    chain = {
        "layers": [{"kind": "conv", "filters": 64, "kernel": 3}, {"kind": "pool", "kernel": 3, "stride": 2}],
        "head": "average",
    }
    assert words(chain)[4:9] == ["Convolution 3×3", "64 filters", "Max pool 3×3", "stride 2", "Average pool"]
    assert words({**chain, "head": "softmax"})[-2:] == ["Linear 10", "10 classes"]
    assert words({**DARTS_RNN, "hidden": 850}, TEXT)[:5] == [
        *("Text", "35 tokens of 10,000", "Embedding", "850 numbers", "Recurrent cell"),
    ]


def test_a_grown_network_is_drawn_as_it_is_built() -> None:
    graph = graphs_of(GROWN)[0]
    assert [node.label for node in graph.nodes] == ["image", "conv 5×1, 8", "identity", "conv 3×3, 12"]
    assert [node.note for node in graph.nodes[1:]] == ["stride 2, batch normalisation and ReLU", "linear", "linear"]
    assert sorted((edge.source, edge.target) for edge in graph.edges) == [(0, 1), (0, 3), (1, 2), (1, 3), (2, 3)]
    drawing = draw_architecture(GROWN, IMAGE)
    assert "Linear 10" in drawing
    assert "Learning rate: 0.1" in drawing
    assert "Average pool" not in drawing
    assert "Average pool" in draw_architecture({**GROWN, "head": {"id": 1, "pool": True}}, IMAGE)


def test_skips_are_arcs_beside_the_chain() -> None:
    drawing = draw_network(MACRO, IMAGE)
    skips = sum(sum(layer["skips"]) for layer in MACRO["layers"])
    assert drawing.count('class="wire thin"') == skips
    assert f"6 layers, {skips} skips" in words(MACRO)
    assert words(MACRO).count("Halving") == 2
    assert draw_cells(MACRO).count('class="wire thin"') == skips
    assert draw_cells(MACRO, chains=False) == ""
    assert draw_architecture(MACRO) == draw_network(MACRO)  # the chain is not drawn twice


@pytest.mark.parametrize(
    "spec",
    [
        {"cells": {"normal": {"nodes": [{"edges": [{"from": 5, "op": "none"}]}], "concat": "all"}}},
        {"cells": {"normal": {"nodes": "x"}}},
        {"cells": {"normal": {"nodes": [{"edges": [{"from": 0}]}]}}},
        {"cells": 6},
        {"cell": {"operations": ["a"], "edges": [[0, 9]]}},
        {"cell": {"operations": ["a"], "edges": [[1, 0]]}},
        {"cell": [["a"], ["b"]]},
        {"stages": [{"nodes": 3, "edges": [[2, 1]]}]},
        {"stages": [{"nodes": "many", "edges": []}]},
        {"layers": [{"op": "x", "skips": [True]}]},
        {"layers": [{"kernel": 3, "skips": []}]},
        {"block": [{"op": "conv", "from": [3]}]},
        {"nodes": []},
        {"tree": [], "inject": {}},
        {"motifs": [], "cell": 3},
    ],
)
def test_a_damaged_or_foreign_spec_is_drawn_after_its_structure(spec: Any) -> None:
    assert draw_cells(spec) == ""
    assert_legible(read(draw_architecture(spec, IMAGE)))


def test_cells_of_an_unknown_space_are_drawn_though_their_stacking_is_not_known() -> None:
    spec = {"cells": {"upper": DARTS_V2["cells"]["normal"], "lower": DARTS_V2["cells"]["reduction"]}, "speed": 3}
    assert words(spec, None) == ["Input", "Upper cell", "Lower cell", "Output"]
    assert [word.name for word in read(draw_cells(spec)).words if word.name.endswith("cell")] == ["Upper cell", "Lower cell"]


def test_a_graph_of_more_than_300_nodes_is_left_out() -> None:
    chain = [[place, place + 1] for place in range(400)]
    assert draw_cells({"stages": [{"nodes": 401, "channels": 8, "edges": chain}]}) == ""
    assert draw_cells({"stages": [{"nodes": 101, "channels": 8, "edges": chain[:100]}]})


# --- colours and pictures ---------------------------------------------------------------------------------------------


def test_a_drawing_in_one_scheme_has_plain_colours_only() -> None:
    drawing = draw_architecture(DARTS_V2, IMAGE)
    assert "prefers-color-scheme:dark" in drawing
    light, dark = in_one_scheme(drawing, "light"), in_one_scheme(drawing, "dark")
    for plain in (light, dark):
        assert "var(" not in plain
        assert "@media" not in plain
        assert plain.count("<rect") == drawing.count("<rect")
    assert light != dark
    used = set(re.findall(r"\bt-([a-z]+)", drawing[drawing.index("</style>") :]))
    defined = set(re.findall(r"\.t-([a-z]+) \.box", drawing))
    assert used <= defined


def test_a_png_has_the_width_that_was_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    path = svg_to_png(draw_cells(DARTS_V2), tmp_path / "cells.png", width=300)
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">I", content[16:20]) == (300,)
    twice = svg_to_png(draw_network(DARTS_V2), tmp_path / "network.png", scheme="dark").read_bytes()
    assert struct.unpack(">I", twice[16:20]) == (840,)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "cells.png", tmp_path / "network.png"]


def test_without_its_package_a_png_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "resvg_py":
            raise ImportError(name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingPackageError, match=r"searchitect\[draw\]"):
        svg_to_png(draw_cells(SQUARE), tmp_path / "x.png")


def test_a_png_of_no_or_too_many_pixels_is_refused(tmp_path: Path) -> None:
    for width in (0, 30_000):
        with pytest.raises(SettingError, match=f"got {width}"):
            svg_to_png(draw_cells(SQUARE), tmp_path / "x.png", width=width)
