"""Counts are those of the released code, melodyguan/enas@014bae1."""

import random
from typing import Any

import pytest
import torch
from torch import nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_params
from searchitect.networks import published
from searchitect.networks.enas_micro import ENAS_MICRO_OPERATIONS, build, enas_micro_halving
from searchitect.networks.mixed import choose_options, mixed_layers, set_weights
from searchitect.networks.operations import DropPath, set_drop_path
from searchitect.spaces.cells import loose_states
from searchitect.spaces.enas_micro import OPERATIONS, EnasMicro

from .inside import weights_inside

CIFAR10 = TaskInfo("cifar10", "image-classification", (3, 32, 32), 10, 50_000)
TINY = TaskInfo("tiny", "image-classification", (1, 8, 8), 4, 100)
SEP, AVG, MAX, SKIP = 0, 2, 3, 4


@pytest.mark.parametrize(("auxiliary", "params"), [(False, 3_894_372), (True, 3_894_372 + 494_848)])
def test_the_released_network_has_the_published_number_of_parameters(auxiliary: bool, params: int) -> None:
    with torch.device("meta"):
        network = published("enas-micro", auxiliary=auxiliary)
    assert count_params(network) == params
    if auxiliary:
        # all 5 nodes, loose, of 144 channels; 5x5 average pool of stride 3: 2x2 of 8x8
        assert count_params(network.auxiliary) == 5 * 144 * 128 + 256 + 2 * 2 * 128 * 768 + 2 * 768 + 7680


def conv(inputs: int, outputs: int) -> int:
    """Of a 1x1 convolution, or a factorized reduction, with normalisation."""
    return inputs * outputs + 2 * outputs


def separable(op: str, width: int) -> int:
    return 2 * (int(op[-1]) ** 2 * width + width**2 + 2 * width) if op.startswith("sep") else 0


def final_params(spec: Any, outputs: int = 10) -> int:
    """By the sheet's description: both inputs brought to one shape, one more 1x1 convolution, operations, ways out."""
    width, layers = spec["channels"], spec["layers"]
    reductions = (layers // 3, 2 * (layers // 3) + 1)
    total = 81 * width + 6 * width
    before, previous = (3 * width, 0), (3 * width, 0)  # channels, halvings
    for place in range(layers + 2):
        is_reduction = place in reductions
        width *= 1 + is_reduction
        nodes = spec["cells"]["reduction" if is_reduction else "normal"]["nodes"]
        total += conv(before[0], width) if before[1] != previous[1] or before[0] != width else 0
        total += conv(previous[0], width) if previous[0] != width else 0
        total += conv(width, width)
        for edge in (edge for node in nodes for edge in node["edges"]):
            total += separable(edge["op"], width)
            total += conv(width, width) if edge["op"] == "skip_connect" and edge["from"] < 2 and is_reduction else 0
        loose = loose_states(nodes)
        total += sum(conv(width, width) for state in loose if state < 2 and is_reduction)
        before, previous = previous, (len(loose) * width, previous[1] + is_reduction)
    return total + previous[0] * outputs


@pytest.mark.parametrize(("nodes", "layers"), [(1, 1), (1, 4), (2, 3), (5, 2), (4, 6)])
def test_parameters_of_final_networks_are_those_of_the_closed_form(nodes: int, layers: int) -> None:
    space = EnasMicro(nodes=nodes, layers=layers, channels=4)
    for seed in range(3):
        spec = space.sample(random.Random(seed)).spec
        with torch.device("meta"):
            assert count_params(build(spec, CIFAR10)) == final_params(spec)


def test_the_supernet_has_weights_for_each_node_and_each_input_of_it() -> None:
    nodes, layers, width = 3, 2, 4
    with torch.device("meta"):
        supernet = build(EnasMicro(nodes=nodes, layers=layers, channels=width).open_spec(), CIFAR10)
    total, channels = 81 * width + 6 * width, 3 * width
    before = previous = channels
    for place in range(layers + 2):
        is_reduction = place in (0, 1)
        if is_reduction:
            width *= 2
            total += conv(previous, width)  # in front of the cell
            before, previous = previous, width
            total += conv(before, width)
        else:
            total += sum(conv(channels, width) for channels in (before, previous) if channels != width)
        for node in range(nodes):
            total += 2 * (node + 2) * sum(separable(op, width) for op in OPERATIONS)
        total += (nodes + 2) * width**2 + 2 * width
        before, previous = previous, width
    assert count_params(supernet) == total + width * 10


def test_the_choices_of_a_cell_are_shared_by_all_cells_of_its_kind() -> None:
    space = EnasMicro(nodes=2, layers=3, channels=2)
    layers = mixed_layers(build(space.open_spec(), TINY))
    assert layers.keys() == space.sample(random.Random(0)).decisions.keys()
    assert [len(layers[f"{kind}/1/index_2"]) for kind in ("normal", "reduction")] == [3, 2]
    assert [len(layers[f"{kind}/1/op_2"]) for kind in ("normal", "reduction")] == [3 * 3, 3 * 2]  # one per input
    assert layers["normal/1/index_2"][0].labels == (0, 1, 2)
    assert layers["normal/1/op_2"][0].labels == OPERATIONS


def small() -> tuple[EnasMicro, nn.Module]:
    space = EnasMicro(nodes=3, layers=3, channels=4, dropout=0.0)
    torch.manual_seed(0)
    return space, build(space.open_spec(), TINY)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("training", [True, False])
def test_the_supernet_with_all_choices_taken_is_the_searching_network_alone(seed: int, training: bool) -> None:
    space, supernet = small()
    architecture = space.sample(random.Random(seed))
    alone = build(architecture.spec, TINY, searching=True)
    assert not mixed_layers(alone)
    weights = weights_inside(supernet, architecture.decisions)
    # the supernet has a slice of the projection for every state; alone, only loose ones have
    alone.load_state_dict({key: weights[key] for key in alone.state_dict()})
    choose_options(supernet, architecture.decisions)
    x = torch.randn(4, 1, 8, 8)
    torch.testing.assert_close(supernet.train(training)(x), alone.train(training)(x))


def test_only_what_is_sampled_gets_a_gradient() -> None:
    space, supernet = small()
    architecture = space.sample(random.Random(7))
    choose_options(supernet, architecture.decisions)
    supernet(torch.randn(2, 1, 8, 8)).square().sum().backward()
    reached = {name for name, parameter in supernet.named_parameters() if parameter.grad is not None}
    alone = build(architecture.spec, TINY, searching=True)
    assert len(reached) == len(list(alone.parameters()))
    for cell, kind in enumerate(("normal", "reduction", "normal", "reduction", "normal")):
        loose = {f"cells.{cell}.slices.{s}.weight" for s in loose_states(architecture.spec["cells"][kind]["nodes"])}
        assert {name for name in reached if name.startswith(f"cells.{cell}.slices.")} == loose


def test_looseness_follows_the_weights_of_the_open_indices() -> None:
    space, supernet = small()
    cell: Any = supernet.get_submodule("cells.0")
    # two edges of each node take one of 2, of 3, of 4 states
    assert [cell.looseness(state) for state in range(5)] == pytest.approx(
        [(1 / 2 * 2 / 3 * 3 / 4) ** 2, (1 / 2 * 2 / 3 * 3 / 4) ** 2, (2 / 3 * 3 / 4) ** 2, (3 / 4) ** 2, 1]
    )
    architecture = space.sample(random.Random(1))
    choose_options(supernet, architecture.decisions)
    loose = loose_states(architecture.spec["cells"]["normal"]["nodes"])
    assert [cell.looseness(state) for state in range(5)] == [float(state in loose) for state in range(5)]


def test_gradients_reach_the_weights_of_the_indices_through_looseness_too() -> None:
    space, supernet = small()
    architecture = space.sample(random.Random(1))
    choose_options(supernet, architecture.decisions)
    x = torch.randn(4, 1, 8, 8)
    expected = supernet(x)
    weights = {
        path: torch.tensor([float(is_taken) for is_taken in layers[0].takes(architecture.decisions[path])], requires_grad=True)
        for path, layers in mixed_layers(supernet).items()
    }
    set_weights(supernet, weights)
    outputs = supernet(x)
    torch.testing.assert_close(outputs, expected)
    outputs.square().sum().backward()
    assert all(tensor.grad is not None for tensor in weights.values())


def cells(normal: list[int], reduction: list[int], **settings: Any) -> Any:
    space = EnasMicro(nodes=len(normal) // 4, **{"layers": 3, "channels": 4, "dropout": 0.0, **settings})
    return space.from_tokens([*normal, *reduction]).spec


def test_final_and_searching_networks_differ_in_reductions_outputs_and_inputs() -> None:
    spec = cells([0, SKIP, 0, SKIP], [0, MAX, 1, SEP])
    final, searching = (build(spec, TINY, searching=flag) for flag in (False, True))
    # final: the operations on a reduction cell's inputs have stride 2; searching: a reduction in front of the cell
    strides = [
        [module.stride for module in network.get_submodule("cells.1.nodes").modules() if isinstance(module, nn.MaxPool2d)]
        for network in (final, searching)
    ]
    assert strides == [[2], [1]]
    assert [list(network.halvings) for network in (final, searching)] == [[], ["1", "3"]]
    # final: loose states are concatenated, 2 in the normal cell; searching: projected to the width
    assert [network.get_submodule("head.4").in_features for network in (final, searching)] == [2 * 16, 16]
    # final: the second input passes one more convolution
    assert [hasattr(network.get_submodule("cells.0"), "base") for network in (final, searching)] == [True, False]
    x = torch.randn(2, 1, 8, 8)
    assert final(x).shape == searching(x).shape == (2, 4)


def test_state_0_is_the_cell_before_the_previous_one_and_loose_inputs_are_part_of_the_output() -> None:
    spec = cells([0, SKIP, 0, SKIP], [0, MAX, 1, SEP])
    cell: Any = build(spec, TINY).get_submodule("cells.0").eval()
    before, previous = torch.randn(2, 2, 12, 8, 8).unbind(0)
    first, second = cell.inputs(before, previous)
    assert cell.concat == [1, 2]
    torch.testing.assert_close(cell(before, previous), torch.cat([cell.base(second), 2 * first], dim=1))


def test_a_cell_with_one_loose_state_needs_no_convolution_to_fit_the_next_one() -> None:
    spec = cells([0, SKIP, 1, SKIP], [0, MAX, 1, MAX])
    network = build(spec, TINY)
    kinds = [[type(part) for part in (cell.inputs.before, cell.inputs.previous)] for cell in network.cells]
    needed, reduction, free = nn.Sequential, "FactorizedReduction", nn.Identity
    assert [[kind.__name__ if kind.__name__ == reduction else kind for kind in pair] for pair in kinds] == [
        [needed, needed],  # from the stem
        [needed, needed],  # a reduction: the width doubles
        [reduction, free],
        [needed, needed],
        [reduction, free],
    ]


def test_paths_are_dropped_more_often_in_deeper_cells_and_identities_never() -> None:
    spec = cells([0, SKIP, 1, SEP], [0, AVG, 1, SKIP])
    network = build(spec, TINY)
    depths = [[part.depth for part in cell.modules() if isinstance(part, DropPath)] for cell in network.cells]
    assert depths == [[(place + 1) / 5] for place in range(5)]
    assert not any(isinstance(part, DropPath) for part in build(spec, TINY, searching=True).modules())
    set_drop_path(network, 0.5)
    x = torch.randn(8, 1, 8, 8)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


@pytest.mark.parametrize("searching", [False, True])
def test_the_auxiliary_classifier_answers_while_training_only(searching: bool) -> None:
    spec = cells([0, SEP, 1, SKIP], [0, AVG, 1, SKIP])
    info = TaskInfo("images", "image-classification", (3, 32, 32), 7, 10)
    network = build(spec, info, auxiliary=True, searching=searching)
    assert network.auxiliary_place == 4
    x = torch.randn(2, 3, 32, 32)
    outputs, extra = network(x)
    assert outputs.shape == extra.shape == (2, 7)
    extra.sum().backward()
    assert all(parameter.grad is not None for parameter in network.auxiliary.parameters())
    assert network.eval()(x).shape == (2, 7)
    assert count_params(build(spec, info, searching=searching)) == count_params(network) - count_params(network.auxiliary)


def test_nothing_is_built_that_is_never_used() -> None:
    space = EnasMicro(nodes=3, layers=3, channels=2)
    for seed in range(3):
        network = build(space.sample(random.Random(seed)).spec, TINY)
        network(torch.randn(2, 1, 8, 8)).square().sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_halving_without_activation_is_linear() -> None:
    halving = enas_micro_halving(3, 4).eval()
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(halving(-x), -halving(x))


def test_the_head_and_the_normalisations_are_those_of_the_code() -> None:
    network = build(EnasMicro(nodes=2, layers=3, channels=2).sample(random.Random(0)).spec, TINY)
    assert [type(layer) for layer in network.head] == [nn.ReLU, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Dropout, nn.Linear]
    assert network.head[-1].bias is None
    assert {layer.eps for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)} == {1e-5}


def test_a_partly_open_cell_is_refused() -> None:
    spec = EnasMicro(nodes=2, layers=3, channels=2).open_spec()
    spec["cells"]["normal"]["nodes"][0]["edges"][0]["from"] = 1
    with pytest.raises(SpaceError, match="all decided or all open"):
        build(spec, TINY)


def test_dropout_is_that_of_the_setting() -> None:
    for dropout in (0.0, 0.5):
        network = build(cells([0, SKIP, 1, SKIP], [0, MAX, 1, MAX], dropout=dropout), TINY)
        assert [module.p for module in network.modules() if isinstance(module, nn.Dropout)] == [dropout]


@pytest.mark.parametrize("sides", [(3, 3), (7, 9), (8, 16)])
def test_odd_sides_are_halved_and_rounded_up(sides: tuple[int, int]) -> None:
    info = TaskInfo("odd", "image-classification", (3, *sides), 4, 10)
    space = EnasMicro(nodes=2, layers=2, channels=2)
    for spec in (space.sample(random.Random(0)).spec, space.sample(random.Random(1)).spec, space.open_spec()):
        outputs, extra = build(spec, info, auxiliary=True)(torch.randn(2, 3, *sides))
        assert outputs.shape == extra.shape == (2, 4)


def test_what_cannot_be_built_is_refused() -> None:
    spec = cells([0, SKIP, 1, SKIP], [0, MAX, 1, MAX])
    for edge, message in (
        ({"from": 0, "op": "dil_conv_3x3"}, "node 0 of the reduction cell has an unknown operation 'dil_conv_3x3'"),
        ({"from": 2, "op": "skip_connect"}, "node 0 of the reduction cell may read the states 0 to 1"),
    ):
        wrong = {"nodes": [{"edges": [edge, {"from": 0, "op": "skip_connect"}]}], "concat": "loose"}
        with pytest.raises(SpaceError, match=message):
            build({**spec, "cells": {**spec["cells"], "reduction": wrong}}, TINY)
    with pytest.raises(SpaceError, match="needs sides of at least 3 pixels, got 2x2"):
        build(spec, TaskInfo("dots", "image-classification", (1, 2, 2), 4, 100))


def test_the_operations_are_those_of_the_space() -> None:
    assert ENAS_MICRO_OPERATIONS == OPERATIONS
