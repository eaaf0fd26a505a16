"""Counts of parameters and multiply-adds are those of the papers and, to the last digit, of the re-implementations in torchvision."""

import random
from typing import Any

import pytest
import torch
from torch import nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks import build, published
from searchitect.networks.mixed import choose_options, mixed_layers
from searchitect.networks.mnasnet import MnasnetLayer, mnasnet_operation
from searchitect.networks.operations import DropPath, set_drop_path
from searchitect.spaces import find_published
from searchitect.spaces.mnasnet import OPERATIONS, MnasNet
from searchitect.spaces.scaling import Compound

IMAGENET = TaskInfo("imagenet", "image-classification", (3, 224, 224), 1000, 0)
TINY = TaskInfo("tiny", "image-classification", (1, 8, 8), 4, 100)
SMALL = MnasNet(filters=(4, 8), repeats=(2, 2), strides=(1, 2), stem_filters=4, stem_stride=1, head=8, divisor=1)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("mnasnet-a1", 3_887_038),
        ("mnasnet-b1", 4_383_312),
        ("efficientnet-b0", 5_288_548),
        ("efficientnet-b1", 7_794_184),
        ("efficientnet-b2", 9_109_994),
        ("efficientnet-b3", 12_233_232),
        ("efficientnet-b4", 19_341_616),
        ("efficientnet-b5", 30_389_784),
        ("efficientnet-b6", 43_040_704),
        ("efficientnet-b7", 66_347_960),
    ],
)
def test_parameters_are_the_published_ones(name: str, params: int) -> None:
    with torch.device("meta"):
        assert count_params(published(name)) == params


@pytest.mark.parametrize(("name", "macs"), [("mnasnet-a1", 312e6), ("mnasnet-b1", 314e6), ("efficientnet-b0", 386e6)])
def test_multiply_adds_are_the_published_ones(name: str, macs: float) -> None:
    with torch.device("meta"):
        network = published(name)
    assert count_macs(network, (3, 224, 224)) == pytest.approx(macs, rel=0.002)


def mobilenet(space: MnasNet) -> Any:
    """MobileNetV2 of the base: no squeeze, kernels of 3, identity skips, expansion 6 but for the first block."""
    decisions: dict[str, Any] = {}
    for place, repeats in enumerate(space.repeats):
        block = {"kernel": 3, "squeeze": 0.0, "skip": "identity", "filters": "1", "layers": repeats}
        block["op"] = "mbconv_e6" if place else "sep_conv"
        decisions |= {f"blocks/{place}/{key}": value for key, value in block.items()}
    return space.decide(decisions).spec


def test_the_base_network_is_mobilenet_v2() -> None:
    space = MnasNet()
    with torch.device("meta"):
        network = build(space, mobilenet(space), IMAGENET)
    assert count_params(network) == 3_504_872
    assert count_macs(network, (3, 224, 224)) == pytest.approx(300.8e6, rel=1e-3)


@pytest.mark.parametrize(
    ("op", "squeeze", "by_hand"),
    [  # 8 channels to 12, kernel 3; the squeeze is 4 = max(4, 8 / 4) wide whatever the expansion
        ("conv", 0.0, 9 * 8 * 12 + 24),
        ("conv", 0.25, 9 * 8 * 12 + 24 + (12 * 4 + 4 + 4 * 12 + 12)),
        ("sep_conv", 0.0, 9 * 8 + 16 + 8 * 12 + 24),
        ("mbconv_e3", 0.0, 8 * 24 + 48 + 9 * 24 + 48 + 24 * 12 + 24),
        ("mbconv_e6", 0.25, 8 * 48 + 96 + 9 * 48 + 96 + (48 * 4 + 4 + 4 * 48 + 48) + 48 * 12 + 24),
    ],
)
def test_the_parameters_of_each_operation_are_those_counted_by_hand(op: str, squeeze: float, by_hand: int) -> None:
    made = nn.Sequential(*mnasnet_operation(op, {"kernel": 3, "squeeze": squeeze}, 8, 12, 2, "silu"))
    assert count_params(made) == by_hand
    assert made(torch.randn(2, 8, 7, 8)).shape == (2, 12, 4, 4)
    last = made[-1]
    assert isinstance(last, nn.BatchNorm2d) == (op != "conv")


def test_the_squeeze_is_a_quarter_of_what_enters_the_layer() -> None:
    made = mnasnet_operation("mbconv_e6", {"kernel": 5, "squeeze": 0.25}, 40, 48, 1, "silu")
    squeeze = next(module for module in made if hasattr(module, "squeeze"))
    assert (squeeze.squeeze.in_channels, squeeze.squeeze.out_channels, squeeze.excite.out_channels) == (240, 10, 240)
    assert (type(squeeze.act), type(squeeze.gate)) == (nn.SiLU, nn.Sigmoid)


def layers_of(spec: Any) -> list[MnasnetLayer]:
    network = build(SMALL, spec, TINY)
    return [module for module in network.modules() if isinstance(module, MnasnetLayer)]


@pytest.mark.parametrize("skip", ["pool", "identity", "none"])
def test_later_layers_add_what_the_skip_says_and_the_first_of_a_block_nothing(skip: str) -> None:
    spec = SMALL.sample(random.Random(0)).spec
    for block in spec["blocks"]:
        block["layers"] = [{**block["layers"][0], "skip": skip}] * 3
    layers = layers_of(spec)
    assert len(layers) == 4  # of two blocks of three
    x = torch.randn(2, spec["blocks"][0]["filters"], 6, 6)
    layer = layers[0].eval()
    pooled = nn.functional.avg_pool2d(nn.functional.pad(x, (1, 1, 1, 1)), 3, 1) * 9
    counts = nn.functional.avg_pool2d(nn.functional.pad(torch.ones_like(x), (1, 1, 1, 1)), 3, 1) * 9
    added = {"pool": pooled / counts, "identity": x, "none": torch.zeros_like(x)}[skip]
    torch.testing.assert_close(layer(x), layer.body(x) + added)


def test_bodies_are_left_out_more_often_the_deeper_they_lie() -> None:
    with torch.device("meta"):
        network = published("efficientnet-b0")
    depths = [module.depth for module in network.modules() if isinstance(module, DropPath)]
    # 16 layers, of which the first of each of the 7 blocks has no shortcut
    assert depths == [place / 16 for place in (2, 4, 6, 7, 9, 10, 12, 13, 14)]
    spec = SMALL.sample(random.Random(1)).spec
    spec["blocks"][0]["layers"] = [{"op": "conv", "kernel": 3, "squeeze": 0.0, "skip": "identity"}] * 2
    layer = layers_of(spec)[0]
    layer.drop_path.depth = 0.999999
    set_drop_path(layer, 0.999999)
    x = torch.randn(2, spec["blocks"][0]["filters"], 4, 4)
    torch.testing.assert_close(layer.train()(x), x)


@pytest.mark.parametrize(
    ("settings", "side", "growth"),
    [
        ({"depth": 2.0}, 64, 2.0),
        ({"width": 2.0}, 64, 4.0),
        ({}, 128, 4.0),
        ({"depth": 1.2, "width": 1.1}, 80, 1.2 * 1.1**2 * 1.25**2),
    ],
)
def test_multiply_adds_grow_as_the_compound_rule_says(settings: dict[str, float], side: int, growth: float) -> None:
    # of the blocks alone, without rounding: repeats that 1.2 divides, filters that 1.1 multiplies to whole ones
    sizes: dict[str, Any] = {
        "filters": (40, 80),
        "repeats": (10, 10),
        "strides": (2, 2),
        "stem_filters": 20,
        "head": 40,
        "divisor": 1,
    }

    def macs(side: int, **settings: float) -> int:
        space = MnasNet(**sizes, **settings)
        info = TaskInfo("t", "image-classification", (3, side, side), 10, 0)
        with torch.device("meta"):
            return count_macs(build(space, mobilenet(space), info), info.input_shape)

    assert macs(side, **settings) / macs(64) == pytest.approx(growth, rel=0.05)


def test_a_step_of_phi_costs_efficientnet_b0_what_the_paper_says_of_b2() -> None:
    compound, entry = Compound(), find_published("efficientnet-b0")
    settings, side = compound.settings(entry.make()[0], 1), compound.side(224, 1)
    with torch.device("meta"):
        network = published("efficientnet-b0", **settings)
    # 1.0 B after 0.39 B: layers are rounded up, so that it is more than the 1.92 times of the rule
    assert count_macs(network, (3, side, side)) == pytest.approx(0.993e9, rel=0.001)


def test_the_supernet_shares_a_block_s_choices_between_its_layers() -> None:
    torch.manual_seed(0)
    supernet = build(SMALL, SMALL.open_spec(), TINY)
    layers = mixed_layers(supernet)
    assert set(layers) == {
        f"blocks/{b}/{key}" for b in (0, 1) for key in ("op", "kernel", "squeeze", "skip", "filters", "layers")
    }
    assert [len(layers[f"blocks/0/{key}"]) for key in ("op", "skip", "layers")] == [3, 2, 1]
    architecture = SMALL.sample(random.Random(0))
    choose_options(supernet, architecture.decisions)
    supernet(torch.randn(2, 1, 8, 8)).sum().backward()
    for path in ("blocks/0/op", "blocks/1/op"):
        for place, layer in enumerate(layers[path]):
            is_run = place < architecture.decisions[path.replace("/op", "/layers")]
            for label, option in zip(layer.labels, layer.options, strict=True):
                has_gradient = any(parameter.grad is not None for parameter in option.parameters())
                assert has_gradient == (is_run and label == architecture.decisions[path])


@pytest.mark.parametrize("op", OPERATIONS)
def test_odd_sides_are_halved_and_rounded_up(op: str) -> None:
    spec = SMALL.sample(random.Random(2)).spec
    for block in spec["blocks"]:
        block["layers"] = [{**layer, "op": op} for layer in block["layers"]]
    network = build(SMALL, spec, TaskInfo("odd", "image-classification", (3, 5, 9), 4, 10))
    assert network(torch.randn(2, 3, 5, 9)).shape == (2, 4)


def test_what_cannot_be_built_is_refused() -> None:
    spec = SMALL.sample(random.Random(0)).spec
    block = spec["blocks"][0]
    with pytest.raises(SpaceError, match="block 0 of a spec of the space 'mnasnet' has no layers"):
        build(SMALL, {**spec, "blocks": [{**block, "layers": []}]}, TINY)
    with pytest.raises(SpaceError, match="unknown operation 'mbconv'"):
        build(SMALL, {**spec, "blocks": [{**block, "layers": [{**block["layers"][0], "op": "mbconv"}]}]}, TINY)
    with pytest.raises(SpaceError, match="unknown skip 'sum'"):
        build(SMALL, {**spec, "blocks": [{**block, "layers": [{**block["layers"][0], "skip": "sum"}]}]}, TINY)
    with pytest.raises(SpaceError, match="halves the image 5 times and needs sides of at least 17 pixels, got 16x16"):
        build(MnasNet(), mobilenet(MnasNet()), TaskInfo("icons", "image-classification", (3, 16, 16), 10, 100))
