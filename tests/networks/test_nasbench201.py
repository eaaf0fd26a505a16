"""Counts are those of the authors' code, D-X-Y/AutoDL-Projects@f46486e."""

from typing import Any

import pytest
import torch

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks import published
from searchitect.networks.mixed import choose_options, mixed_layers
from searchitect.networks.nasbench201 import NasBench201Cell, build
from searchitect.spaces.nasbench201 import OPERATIONS, NasBench201, parse_cell

CIFAR10 = TaskInfo("cifar10", "image-classification", (3, 32, 32), 10, 50_000)
TINY = TaskInfo("tiny", "image-classification", (3, 8, 8), 4, 100)


def uniform(operation: str) -> str:
    return "+".join("|" + "|".join(f"{operation}~{j}" for j in range(i)) + "|" for i in (1, 2, 3))


RESNET = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"
BEST = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"


@pytest.mark.parametrize(
    ("cell", "params", "macs"),
    [
        (uniform("nor_conv_3x3"), 1_531_546, 220_119_680),
        (uniform("nor_conv_1x1"), 241_306, 31_376_000),
        (uniform("skip_connect"), 73_306, 7_783_040),
        (uniform("avg_pool_3x3"), 73_306, 7_783_040),
        (uniform("none"), 73_306, 7_783_040),
        (RESNET, 559_386, 78_561_920),
        (BEST, 1_288_506, 184_730_240),
        # two 1x1 convolutions: the 0.129306 M stored in NASLib's test_nb201_search_space.py
        ("|nor_conv_1x1~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|none~2|", 129_306, None),
    ],
)
def test_parameters_and_multiply_adds_are_the_published_ones(cell: str, params: int, macs: int | None) -> None:
    spec = NasBench201().from_string(cell).spec
    with torch.device("meta"):
        network = build(spec, CIFAR10)
    assert count_params(network) == params
    if macs is not None:
        assert count_macs(network, (3, 32, 32)) == macs


@pytest.mark.parametrize(("classes", "params", "macs"), [(100, 1_537_396, 220_125_440), (120, 1_538_696, 55_037_440)])
def test_the_other_data_sets_have_their_published_counts(classes: int, params: int, macs: int) -> None:
    side = 16 if classes == 120 else 32
    spec = NasBench201().from_string(uniform("nor_conv_3x3")).spec
    with torch.device("meta"):
        network = build(spec, TaskInfo("data", "image-classification", (3, side, side), classes, 50_000))
    assert (count_params(network), count_macs(network, (3, side, side))) == (params, macs)


# with the six edges' five architecture parameters, which are no part of the network here, the authors' code for DARTS and GDAS
# has 1,692,856 and 1,699,576 (quoted for D-X-Y/AutoDL-Projects@f46486e)
@pytest.mark.parametrize(("affine", "params"), [(False, 1_692_856 - 6 * 5), (True, 1_699_576 - 6 * 5)])
def test_the_supernet_has_the_published_number_of_parameters(affine: bool, params: int) -> None:
    with torch.device("meta"):
        supernet = build(NasBench201().open_spec(), CIFAR10, affine=affine)
    assert count_params(supernet) == params


def small() -> tuple[NasBench201, torch.nn.Module]:
    space = NasBench201(channels=4, cells=2)
    torch.manual_seed(0)
    return space, build(space.open_spec(), TINY)


def test_the_six_choices_are_shared_by_all_cells() -> None:
    space, supernet = small()
    layers = mixed_layers(supernet)
    assert layers.keys() == space.decide(dict.fromkeys(layers, "none")).decisions.keys()
    assert len(layers) == 6
    assert all(len(found) == 3 * 2 and found[0].labels == OPERATIONS for found in layers.values())


def alone_weights(supernet: torch.nn.Module, decisions: Any) -> dict[str, torch.Tensor]:
    """The weights of the options taken, under the names that they have in the stand-alone network."""
    weights = {}
    taken = {}
    for name, module in supernet.named_modules():
        if hasattr(module, "labels"):
            taken[name] = f"{name}.options.{module.labels.index(decisions[module.path])}."
    for key, value in supernet.state_dict().items():
        inside = next((name for name in taken if key.startswith(name + ".")), None)
        if inside is None:
            weights[key] = value
        elif key.startswith(taken[inside]):
            weights[f"{inside}.{key.removeprefix(taken[inside])}"] = value
    return weights


@pytest.mark.parametrize(
    "cell", [RESNET, BEST, uniform("avg_pool_3x3"), "|none~0|+|nor_conv_1x1~0|none~1|+|none~0|avg_pool_3x3~1|skip_connect~2|"]
)
@pytest.mark.parametrize("training", [True, False])
def test_the_supernet_with_one_option_taken_is_the_stand_alone_network(cell: str, training: bool) -> None:
    space, supernet = small()
    architecture = space.from_string(cell)
    alone = build(architecture.spec, TINY)
    alone.load_state_dict(alone_weights(supernet, architecture.decisions))
    choose_options(supernet, architecture.decisions)
    x = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(supernet.train(training)(x), alone.train(training)(x))


def test_pooling_leaves_the_padding_out() -> None:
    from searchitect.networks.nasbench201 import nasbench201_operation

    ones = torch.ones(1, 2, 4, 4)
    torch.testing.assert_close(nasbench201_operation("avg_pool_3x3", 2, True)(ones), ones)


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        # 10 classes give 1,073,466, 1,288,506 and 858,426; each further class 64 weights and a bias
        ("nasbench201-best-cifar10", 1_073_466, None),
        ("nasbench201-best-cifar100", 1_288_506 + 90 * 65, 184_730_240 + 90 * 64),
        ("nasbench201-best-imagenet16", 858_426 + 110 * 65, None),
        ("nasbench201-resnet", 559_386, 78_561_920),
    ],
)
def test_the_published_cells_have_their_published_size(name: str, params: int, macs: int | None) -> None:
    with torch.device("meta"):
        network = published(name)
    assert count_params(network) == params
    assert macs is None or count_macs(network, (3, 32, 32)) == macs


@pytest.mark.parametrize("name", ["nasbench201-best-cifar10", "nasbench201-best-cifar100", "nasbench201-best-imagenet16"])
def test_with_ten_classes_the_best_cells_have_the_parameters_of_the_table(name: str) -> None:
    with torch.device("meta"):
        network = published(name, outputs=10)
    table = {"cifar10": 1_073_466, "cifar100": 1_288_506, "imagenet16": 858_426}
    assert count_params(network) == table[name.rpartition("-")[2]]


def cell_output(text: str, seeds: dict[tuple[int, int], int]) -> torch.Tensor:
    """The output of a cell for a fixed input; the convolutions on edges (node, source) get the weights of their seeds."""
    cell = NasBench201Cell(parse_cell(text), 3, True).eval()
    for (node, source), seed in seeds.items():
        generator = torch.Generator().manual_seed(seed)
        for parameter in cell.get_submodule(f"nodes.{node - 1}.{source}").parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)
    result: torch.Tensor = cell(torch.linspace(-2, 2, 2 * 3 * 5 * 5).view(2, 3, 5, 5).sin())
    return result


CONV3, CONV1, SKIP, NONE, AVERAGE = "nor_conv_3x3", "nor_conv_1x1", "skip_connect", "none", "avg_pool_3x3"


def text_of(*operations: str) -> str:
    a, b, c, d, e, f = operations
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


@pytest.mark.parametrize(
    ("first", "first_seeds", "second", "second_seeds"),
    [
        # a convolution before a skip, and on the last edge
        (text_of(CONV3, NONE, NONE, NONE, SKIP, NONE), {(1, 0): 1}, text_of(NONE, NONE, NONE, CONV3, NONE, NONE), {(3, 0): 1}),
        # nodes 1 and 2 exchanged
        (
            text_of(CONV3, CONV1, NONE, SKIP, CONV1, CONV3),
            {(1, 0): 1, (2, 0): 2, (3, 1): 3, (3, 2): 4},
            text_of(CONV1, CONV3, NONE, SKIP, CONV3, CONV1),
            {(1, 0): 2, (2, 0): 1, (3, 1): 4, (3, 2): 3},
        ),
        # one average read twice, and two averages of one value
        (
            text_of(AVERAGE, SKIP, SKIP, NONE, SKIP, CONV1),
            {(3, 2): 1},
            text_of(SKIP, SKIP, AVERAGE, AVERAGE, NONE, CONV1),
            {(3, 2): 1},
        ),
    ],
)
def test_cells_of_one_key_compute_the_same_with_the_same_weights(
    first: str, first_seeds: dict[tuple[int, int], int], second: str, second_seeds: dict[tuple[int, int], int]
) -> None:
    space = NasBench201()
    assert first != second
    assert space.key(space.from_string(first)) == space.key(space.from_string(second))
    torch.testing.assert_close(cell_output(first, first_seeds), cell_output(second, second_seeds))


def test_one_convolution_added_to_itself_is_not_two_convolutions() -> None:
    # the paper's reading counts both as one cell, although one has 2,336 parameters less in a cell of 16 channels
    twice, two = text_of(CONV3, NONE, SKIP, NONE, SKIP, SKIP), text_of(CONV3, NONE, NONE, CONV3, SKIP, NONE)
    space = NasBench201()
    assert space.key(space.from_string(twice)) != space.key(space.from_string(two))
    torch.testing.assert_close(cell_output(twice, {(1, 0): 1}), cell_output(two, {(1, 0): 1, (3, 0): 1}))
    assert (cell_output(twice, {(1, 0): 1}) - cell_output(two, {(1, 0): 1, (3, 0): 2})).abs().max() > 0.1


@pytest.mark.parametrize("cell", [[["none"], ["none", "none"]], [["none"], ["none"], ["none", "none", "none"]]])
def test_a_cell_of_another_shape_is_refused(cell: Any) -> None:
    with pytest.raises(SpaceError, match="rows of 1, 2 and 3 operations"):
        build({"channels": 4, "cells": 1, "cell": cell}, TINY)


def test_images_that_cannot_be_halved_twice_are_refused() -> None:
    spec = NasBench201(channels=4, cells=1).from_string(BEST).spec
    with pytest.raises(SpaceError, match="halves the image 2 times and needs sides of at least 3 pixels, got 2x9"):
        build(spec, TaskInfo("strip", "image-classification", (1, 2, 9), 2, 10))


def test_an_unknown_operation_is_refused() -> None:
    spec = NasBench201(channels=4, cells=1).from_string(BEST).spec
    spec["cell"][0][0] = "sep_conv"
    with pytest.raises(SpaceError, match="unknown operation 'sep_conv'"):
        build(spec, TINY)
