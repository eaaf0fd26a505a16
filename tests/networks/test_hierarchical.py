import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_params
from searchitect.networks import published
from searchitect.networks.hierarchical import HierarchicalGraph, build, hierarchical_cell
from searchitect.spaces.hierarchical import Hierarchical

from .exported import onnx_answers

TINY = TaskInfo("tiny", "image-classification", (3, 9, 7), 4, 100)
MEDIUM = Hierarchical(motifs=2, motif_nodes=3, cell_nodes=3, channels=4)


def spec_of(motifs: Any, cell: Any, channels: int = 4, cells: int = 1, groups: int = 3) -> Any:
    return {"channels": channels, "cells": cells, "groups": groups, "motifs": motifs, "cell": cell}


def conv(inputs: int, outputs: int) -> int:
    """Parameters of a 1x1 convolution with its normalisation."""
    return inputs * outputs + 2 * outputs


def separable(inputs: int, outputs: int) -> int:
    return 9 * inputs + conv(inputs, outputs)


def test_the_evolved_network_has_the_published_number_of_parameters() -> None:
    # the paper gives 15.7 M; its open first edge in motif 5 read as a 1x1, depthwise or separable convolution: 15.9, 15.8, 15.9
    with torch.device("meta"):
        params = count_params(published("hierarchical-evolved"))
    assert round(params / 1e6, 1) == 15.7
    assert params == 15_727_306


def test_motifs_end_in_a_convolution_to_c_channels_and_cells_in_a_concatenation() -> None:
    motif = [["conv_1x1"], ["max_pool_3x3", "sep_conv_3x3"]]  # 4 + 4 channels, then back to 4
    spec = spec_of([motif], [["motif_0"], ["motif_0", "motif_0"]])
    own = conv(4, 4) + separable(4, 4) + conv(8, 4)
    with torch.device("meta"):
        cell, width = hierarchical_cell(spec, 4, 4)
        network = build(spec, TINY)
    assert (count_params(cell), width) == (3 * own, 8)
    doubled = [
        3 * (conv(c, c) + separable(c, c) + conv(2 * c, c)) + separable(2 * c, c * (2 if c < 16 else 1)) for c in (4, 8, 16)
    ]
    assert count_params(network) == (3 * 9 * 4 + 8) + sum(doubled) + 16 * 4 + 4


def test_one_motif_on_several_edges_shares_its_structure_but_not_its_weights() -> None:
    spec = spec_of([[["sep_conv_3x3"]]], [["motif_0"], ["motif_0", "none"]])
    one, _ = hierarchical_cell(spec_of([[["sep_conv_3x3"]]], [["none"], ["motif_0", "none"]]), 4, 4)
    chain, _ = hierarchical_cell(spec_of([[["sep_conv_3x3"]]], [["motif_0"], ["none", "motif_0"]]), 4, 4)
    assert count_params(chain) == 2 * count_params(one)
    assert len({p.data_ptr() for p in chain.parameters()}) == 2 * len(list(one.parameters()))
    unread, _ = hierarchical_cell(spec, 4, 4)  # its first edge leads nowhere
    assert count_params(unread) == count_params(one)


def reach(cell: nn.Module) -> set[tuple[int, int]]:
    """Which pixels of the input the middle of the output depends on, relative to it."""
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.abs_()  # so that ReLU lets everything pass
    x = torch.rand(1, 4, 9, 9, requires_grad=True)
    cell.eval()(x)[0, :, 4, 4].sum().backward()
    assert x.grad is not None
    return {(row - 4, column - 4) for row, column in x.grad[0].abs().sum(0).nonzero().tolist()}


def test_a_cell_of_identities_mixes_no_pixels() -> None:
    torch.manual_seed(0)
    identity = [["skip_connect"], ["skip_connect", "skip_connect"], ["skip_connect"] * 3]
    rows = [["motif_0"] * length for length in (1, 2, 3, 4)]
    cell, width = hierarchical_cell(spec_of([identity], rows), 4, 4)
    assert width == 16
    assert reach(cell) == {(0, 0)}
    blurred = [["skip_connect"], ["skip_connect", "skip_connect"], ["avg_pool_3x3", "skip_connect", "skip_connect"]]
    cell, _ = hierarchical_cell(spec_of([blurred], [["motif_0"]]), 4, 4)
    assert reach(cell) == {(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)}


def test_a_motif_without_a_path_is_no_edge_and_a_cell_without_a_path_passes_its_input_on() -> None:
    broken = [["conv_1x1"], ["none", "none"]]
    full = [["conv_1x1"], ["none", "sep_conv_3x3"]]
    cell = [["motif_0"], ["motif_1", "motif_1"]]
    with torch.device("meta"):
        repaired = build(spec_of([broken, full], cell), TINY)
        plain = build(spec_of([broken, full], [["none"], ["motif_1", "none"]]), TINY)
        empty, width = hierarchical_cell(spec_of([broken, full], [["motif_1"], ["motif_0", "none"]]), 5, 4)
    assert count_params(repaired) == count_params(plain)
    assert isinstance(empty, nn.Identity)
    assert width == 5


def test_a_graph_computes_what_its_matrix_says() -> None:
    torch.manual_seed(0)
    rows = [["depthwise_conv_3x3"], ["conv_1x1", "none"], ["skip_connect", "max_pool_3x3", "avg_pool_3x3"]]
    cell, width = hierarchical_cell(spec_of([], rows), 4, 6)
    x = torch.randn(2, 4, 5, 5)
    assert isinstance(cell, HierarchicalGraph)
    depthwise, pointwise, identity, most, mean = (layer for node in cell.nodes for layer in node.children())
    assert isinstance(identity, nn.Identity)
    second, third = depthwise(x), pointwise(x)

    def average(y: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(y, 3, 1, 1, count_include_pad=False)

    torch.testing.assert_close(cell(x), torch.cat([x, nn.functional.max_pool2d(second, 3, 1, 1), average(third)], 1))
    assert (second.shape[1], third.shape[1], width) == (4, 6, 4 + 4 + 6)  # depthwise keeps the width, 1x1 gives C
    assert isinstance(most, nn.MaxPool2d)
    assert isinstance(mean, nn.AvgPool2d)


def test_more_cells_in_a_group_have_separable_convolutions_between_them() -> None:
    spec = spec_of([], [["skip_connect"]], cells=2, groups=2)
    with torch.device("meta"):
        network = build(spec, TINY)
    halvings = [module.stride for module in network.modules() if isinstance(module, nn.Conv2d) and module.groups > 1]
    assert halvings == [(1, 1), (2, 2), (1, 1), (1, 1)]
    widths = separable(4, 4) + separable(4, 8) + 2 * separable(8, 8)
    assert count_params(network) == (3 * 9 * 4 + 8) + widths + 8 * 4 + 4


@pytest.mark.parametrize("space", [MEDIUM, Hierarchical(motifs=0, cell_nodes=5, channels=4, cells=2)])
def test_every_sample_learns_with_all_its_weights(space: Hierarchical) -> None:
    rng = random.Random(0)
    for _ in range(8):
        network = build(space.sample(rng).spec, TINY)
        outputs = network(torch.randn(4, *TINY.input_shape))
        assert outputs.shape == (4, 4)
        outputs.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (spec_of([[["conv_1x1", "none"]]], [["motif_0"]]), "motif 0 of a spec .* must have rows of 1, 2"),
        (spec_of([[["conv_1x1"]]], []), "the cell of a spec .* must have rows of 1, 2"),
        (spec_of([[["conv_9x9"]]], [["motif_0"]]), "motif 0 .* unknown operation 'conv_9x9': did you mean 'conv_1x1'"),
        (spec_of([[["conv_1x1"]]], [["motif_1"]]), "the cell .* unknown operation 'motif_1': did you mean 'motif_0'"),
        (spec_of([[["conv_1x1"]]], [["conv_1x1"]]), "the cell .* unknown operation 'conv_1x1'"),
        (spec_of([[["conv_1x1"]]], [[3]]), "must be the name of an operation, decided, got 3"),
        (MEDIUM.open_spec(), "must be the name of an operation, decided, got OneOf"),
    ],
)
def test_a_spec_that_is_none_is_refused(spec: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        build(spec, TINY)


def test_images_too_small_for_the_groups_are_refused() -> None:
    spec = Hierarchical().sample(random.Random(0)).spec
    with pytest.raises(SpaceError, match="halves the image 2 times and needs sides of at least 3 pixels, got 2x2"):
        build(spec, TaskInfo("specks", "image-classification", (1, 2, 2), 2, 10))


def test_it_can_be_exported_to_onnx() -> None:
    torch.manual_seed(0)
    motif = [["depthwise_conv_3x3"], ["sep_conv_3x3", "avg_pool_3x3"]]
    network = build(spec_of([motif], [["motif_0"], ["motif_0", "none"]], groups=2), TINY).eval()
    x = torch.randn(2, *TINY.input_shape)
    torch.testing.assert_close(onnx_answers(network, x), network(x).detach(), rtol=1e-4, atol=1e-4)
