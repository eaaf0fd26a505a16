import random
import re
from xml.etree import ElementTree

import pytest

from searchitect.core import TaskInfo
from searchitect.reports import draw_architecture
from searchitect.spaces import make_space

from .drawn import assert_legible, read

IMAGE = TaskInfo("cifar", "image-classification", (3, 32, 32), 10, 1000)
TABLE = TaskInfo("adult", "table-classification", (14,), 2, 1000, ("no", "yes"), tuple("abcdefghijklmn"), (5, 6, 7))


def texts(svg: str) -> list[str]:
    """What stands written, without the tooltips."""
    nodes = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return ["".join([node.text or "", *(child.tail or "" for child in node)]) for node in nodes]


def convnet(kind: str, *, downsample: str, width: int = 16) -> dict[str, object]:
    block: dict[str, object] = {"kernel": 5}
    if kind == "inverted":
        block |= {"expansion": 4, "squeeze": True}
    stage = {"width": width, "downsample": downsample, "body": {"kind": kind, "blocks": [block, block]}}
    return {
        "stem": {"width": 16, "stride": 1},
        "activation": "relu",
        "stages": [stage],
        "head": {"grid": 1, "dropout": 0.2},
    }


@pytest.mark.parametrize(("space", "info"), [("convnet", IMAGE), ("nasbench201", IMAGE), ("mlp", TABLE)])
def test_every_sample_of_the_everyday_spaces_is_drawn_as_valid_xml_inside_its_frame(space: str, info: TaskInfo) -> None:
    made = make_space(space, info)
    for seed in range(20):
        root = ElementTree.fromstring(draw_architecture(made.sample(random.Random(seed)).spec, info))
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        for box in root.iter("{http://www.w3.org/2000/svg}rect"):
            assert float(box.attrib["x"]) >= 0
            assert float(box.attrib["x"]) + float(box.attrib["width"]) <= width
            assert float(box.attrib["y"]) + float(box.attrib["height"]) <= height
        assert_legible(read(draw_architecture(made.sample(random.Random(seed)).spec, info)))


def test_a_convnet_shows_sizes_kinds_and_head() -> None:
    words = texts(draw_architecture(convnet("inverted", downsample="stride", width=32), IMAGE))
    assert "32 × 32, 3 channels" in words
    assert "16 × 16, 32 channels" in words
    assert "expansion 4, squeeze-and-excite, stride 2" in words
    assert words.count("Inverted bottleneck 5×5") == 2
    assert words[-4:-1] == ["dropout 0.2", "10 classes", "Everywhere"]


@pytest.mark.parametrize(
    ("kind", "downsample", "width", "shortcuts"),
    [
        ("plain", "none", 16, 0),
        ("separable", "none", 16, 0),
        ("residual", "stride", 32, 2),  # the first through a projection
        ("inverted", "none", 16, 1),  # two equal blocks are drawn as one with a count
        ("inverted", "none", 32, 1),  # the first changes the width: no shortcut
        ("inverted", "stride", 16, 1),
    ],
)
def test_shortcuts_are_drawn_where_the_network_has_them(kind: str, downsample: str, width: int, shortcuts: int) -> None:
    svg = draw_architecture(convnet(kind, downsample=downsample, width=width), IMAGE)
    assert svg.count('<circle class="plus"') == shortcuts


def test_equal_blocks_become_one_with_a_count() -> None:
    words = texts(draw_architecture(convnet("plain", downsample="none"), IMAGE))
    assert words.count("Convolution 5×5") == 1
    assert "× 2" in words


def test_a_nasbench201_cell_shows_its_six_operations_on_their_edges() -> None:
    space = make_space("nasbench201", IMAGE)
    operations = ["nor_conv_1x1", "nor_conv_3x3", "none", "skip_connect", "avg_pool_3x3", "nor_conv_1x1"]
    paths = ["cell/1/0", "cell/2/0", "cell/2/1", "cell/3/0", "cell/3/1", "cell/3/2"]
    svg = draw_architecture(space.decide(dict(zip(paths, operations, strict=True))).spec, IMAGE)
    words = texts(svg)
    assert sorted(w for w in words if w in ("conv 1×1", "conv 3×3", "none", "skip", "avg pool 3×3")) == [
        "avg pool 3×3",
        "conv 1×1",
        "conv 1×1",
        "conv 3×3",
        "none",
        "skip",
    ]
    assert svg.count("wire off") == 1
    assert "8 × 8, 64 channels" in words


def test_a_table_network_shows_its_encodings_beside_each_other_and_its_training() -> None:
    spec = {
        "numeric": {"kind": "periodic", "frequencies": 8, "scale": 0.1, "width": 4},
        "categorical": {"kind": "onehot"},
        "activation": "relu",
        "normalisation": "batch",
        "dropout": 0.1,
        "body": {"kind": "resmlp", "width": 64, "blocks": [{"expansion": 2}]},
        "training": {"learning_rate": 0.01},
    }
    svg = draw_architecture(spec, TABLE)
    words = texts(svg)
    assert {"Numbers periodic", "Categories one-hot", "Residual block 64", "batch norm, relu, dropout 0.1"} <= set(words)
    tops = dict(re.findall(r'<title>(Numbers|Categories)[^<]*</title><rect class="box" x="[\d.]+" y="([\d.]+)"', svg))
    assert tops["Numbers"] == tops["Categories"]
    assert "Learning rate: 0.01" in words


def test_a_foreign_spec_is_drawn_after_its_structure() -> None:
    spec = {
        "layers": [
            {"op": "attention", "heads": 4, "causal": True},
            {"op": "attention", "heads": 4, "causal": True},
            {"op": "mlp"},
        ],
        "encoder": {"kind": "tokens", "size": 512},
        "width": 36,
        "optimizer": {"name": "sgd"},
    }
    words = texts(draw_architecture(spec))
    flow = ["Input", "Encoder · Tokens", "size 512", "Layers", "", "Attention", "heads 4, causal", "× 2", "Mlp", "Output"]
    assert [w for w in words if w in flow and w] == [w for w in flow if w]
    assert words[words.index("Output") + 1 :] == ["Everywhere", "Width: 36", "Optimizer", "Name: sgd"]


@pytest.mark.parametrize(
    "spec", [None, {}, [], "relu", 3, [1, [2, ["x"]]], {"stages": []}, {"cell": [["a"]]}, {"body": {"kind": "mlp"}}]
)
def test_any_json_can_be_drawn(spec: object) -> None:
    assert ElementTree.fromstring(draw_architecture(spec)).attrib["role"] == "img"


def test_names_with_markup_stay_text() -> None:
    svg = draw_architecture({"op": "<script>alert(1)</script>", 'x"><b>': {"kind": "a&b"}})
    assert "<script" not in svg
    assert "<b>" not in svg
    ElementTree.fromstring(svg)


def test_a_spec_of_thousands_of_layers_is_cut_and_says_so() -> None:
    svg = draw_architecture({"layers": [{"op": f"op{n}"} for n in range(5000)]})
    assert len(svg) < 300_000
    assert "and 4702 more" in texts(svg)


def test_an_own_spec_that_only_looks_like_a_known_one_is_drawn() -> None:
    cell = {"nodes": [{"edges": [{"from": 0, "op": "conv"}, {"from": 1, "op": "conv"}]}], "concat": "all"}
    for channels in ("wide", None, [3], {"first": 2}):
        spec = {"cells": {"normal": cell, "reduction": cell}, "channels": channels, "layers": 3, "stem": "cifar"}
        assert draw_architecture(spec).startswith("<svg")
