"""Counts are those of the authors' table, xiusu/NAS-Bench-Macro@61a2bfc, which names multiply-adds FLOPs."""

import random

import pandas
import pytest
import torch

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks.mixed import choose_options, mixed_layers
from searchitect.networks.nasbench_macro import NASBENCH_MACRO_BLOCKS, build, nasbench_macro_block
from searchitect.spaces.nasbench_macro import BLOCKS, NasBenchMacro

from ..real_data import real_data
from .inside import weights_inside

CIFAR10 = TaskInfo("cifar10", "image-classification", (3, 32, 32), 10, 50_000)
TINY = TaskInfo("tiny", "image-classification", (1, 8, 8), 4, 100)


def costs(text: str) -> tuple[int, int]:
    with torch.device("meta"):
        network = build(NasBenchMacro().from_string(text).spec, CIFAR10)
    return count_params(network), count_macs(network, (3, 32, 32))


@pytest.mark.parametrize(
    ("text", "params", "macs"),
    [
        ("22212220", 1_985_514, 85_164_544),  # the best
        ("00000000", 387_882, 7_713_280),  # the worst
        ("00000001", 791_594, 14_115_328),
        ("00000002", 1_219_370, 20_910_592),
    ],
)
def test_parameters_and_multiply_adds_are_the_published_ones(text: str, params: int, macs: int) -> None:
    assert costs(text) == (params, macs)


def test_every_architecture_of_the_table_has_our_parameters_and_multiply_adds() -> None:
    table = pandas.read_parquet(real_data("nasbench_macro.parquet"))
    published = {row["arch"]: (row["params"], row["flops"]) for row in table.to_dict("records")}
    for text in random.Random(0).sample(sorted(published), 10):
        assert costs(text) == published[text], text
    # all others: what one block costs more than the identity in its place does not depend on the other layers
    least = costs("0" * 8)
    more = {
        (layer, digit): [a - b for a, b in zip(costs("0" * layer + digit + "0" * (7 - layer)), least, strict=True)]
        for layer in range(8)
        for digit in "12"
    }
    for text, counts in published.items():
        taken = [more[layer, digit] for layer, digit in enumerate(text) if digit != "0"]
        assert tuple(sum(column) for column in zip(least, *taken, strict=True)) == counts, text


def test_chains_that_the_space_calls_equal_compute_the_same_with_the_same_weights() -> None:
    space = NasBenchMacro(channels=4, head=8)
    torch.manual_seed(0)
    first, second = (build(space.from_string(text).spec, TINY).eval() for text in ("12201020", "12210002"))
    assert space.key(space.from_string("12201020")) == space.key(space.from_string("12210002"))
    moved = zip(second.state_dict(), first.state_dict().values(), strict=True)
    second.load_state_dict(dict(moved))
    x = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(first(x), second(x))


def test_a_block_adds_its_input_where_the_shape_stays_and_has_no_activation_behind() -> None:
    x = torch.randn(2, 4, 8, 8)
    for name in BLOCKS[1:]:
        block = nasbench_macro_block(name, 4, 4, 1).eval()
        torch.testing.assert_close(block(x), x + block.body(x))
        halving = nasbench_macro_block(name, 4, 6, 2)
        assert isinstance(halving[-1], torch.nn.BatchNorm2d)
        assert halving(x).shape == (2, 6, 4, 4)
    assert nasbench_macro_block("identity", 4, 4, 1)(x) is x


def small() -> tuple[NasBenchMacro, torch.nn.Module]:
    space = NasBenchMacro(channels=4, head=8)
    torch.manual_seed(0)
    return space, build(space.open_spec(), TINY)


@pytest.mark.parametrize("text", ["22212220", "00000000", "01201201", "11111111"])
@pytest.mark.parametrize("training", [True, False])
def test_the_supernet_with_one_block_taken_is_the_stand_alone_network(text: str, training: bool) -> None:
    space, supernet = small()
    architecture = space.from_string(text)
    alone = build(architecture.spec, TINY)
    alone.load_state_dict(weights_inside(supernet, architecture.decisions))
    choose_options(supernet, architecture.decisions)
    x = torch.randn(4, 1, 8, 8)
    torch.testing.assert_close(supernet.train(training)(x), alone.train(training)(x))


def test_only_the_blocks_taken_get_a_gradient() -> None:
    space, supernet = small()
    architecture = space.from_string("01200211")
    choose_options(supernet, architecture.decisions)
    supernet(torch.randn(2, 1, 8, 8)).sum().backward()
    for path, (layer,) in mixed_layers(supernet).items():
        for label, option in zip(layer.labels, layer.options, strict=True):
            is_taken = label == architecture.decisions[path]
            assert all((parameter.grad is not None) == is_taken for parameter in option.parameters())
    assert list(mixed_layers(supernet)) == [f"blocks/{layer}" for layer in range(8)]


@pytest.mark.parametrize("sides", [(5, 5), (7, 9), (8, 16)])
def test_odd_sides_are_halved_and_rounded_up(sides: tuple[int, int]) -> None:
    space = NasBenchMacro(channels=2, head=4)
    for text in ("00000000", "12121212"):
        network = build(space.from_string(text).spec, TaskInfo("odd", "image-classification", (3, *sides), 4, 10))
        assert network(torch.randn(2, 3, *sides)).shape == (2, 4)


def test_what_cannot_be_built_is_refused() -> None:
    spec = NasBenchMacro().from_string("22212220").spec
    with pytest.raises(SpaceError, match="must have 8 blocks, got 7"):
        build({**spec, "blocks": spec["blocks"][1:]}, CIFAR10)
    with pytest.raises(SpaceError, match="unknown block 'mbconv_3x3'"):
        build({**spec, "blocks": ["mbconv_3x3", *spec["blocks"][1:]]}, CIFAR10)
    with pytest.raises(SpaceError, match="halves the image 3 times and needs sides of at least 5 pixels, got 4x4"):
        build(spec, TaskInfo("dots", "image-classification", (3, 4, 4), 10, 100))


def test_the_kinds_of_block_are_those_of_the_space() -> None:
    assert tuple(NASBENCH_MACRO_BLOCKS) == BLOCKS
