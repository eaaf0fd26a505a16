"""Counts are those of the released code, melodyguan/enas@014bae1."""

import random
from typing import Any

import pytest
import torch
from torch import nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_params
from searchitect.networks import published
from searchitect.networks.enas_macro import ENAS_MACRO_OPERATIONS, build, enas_macro_halving, enas_macro_operation
from searchitect.networks.mixed import choose_options, mixed_layers
from searchitect.spaces import find_published
from searchitect.spaces.enas_macro import OPERATIONS, EnasMacro

from .inside import weights_inside

CIFAR10 = TaskInfo("cifar10", "image-classification", (3, 32, 32), 10, 50_000)
TINY = TaskInfo("tiny", "image-classification", (1, 8, 8), 4, 100)


def test_the_released_network_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        assert count_params(published("enas-macro")) == 42_559_392


def operation_params(op: str, width: int, full_convolutions: bool) -> int:
    """Of the 1x1 convolution in front and the operation itself, with normalisations."""
    first = width**2 + 2 * width
    if "pool" in op:
        return first
    kernel = int(op[-1])
    is_separable = op.startswith("sep") and not full_convolutions
    return first + (kernel**2 * width + width**2 if is_separable else kernel**2 * width**2) + 2 * width


def final_params(spec: Any, outputs: int = 10) -> int:
    """By the sheet's description: widths, projections of skips, and reductions of the states that are read later."""
    width, layers = spec["channels"], spec["layers"]
    third = len(layers) // 3
    total = 3 * 9 * width + 2 * width
    for place, layer in enumerate(layers):
        total += operation_params(layer["op"], width, spec["full_convolutions"])
        if place > 0:
            total += (1 + sum(layer["skips"])) * width**2 + 2 * width
        if third and place + 1 in (third, 2 * third):
            read = {state for later in layers[place + 1 :] for state, skip in enumerate(later["skips"]) if skip}
            total += len({state for state in read if state <= place} | {place + 1}) * (2 * width**2 + 4 * width)
            width *= 2
    return total + width * outputs


@pytest.mark.parametrize("full_convolutions", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3, 7, 12])
def test_parameters_of_final_networks_are_those_of_the_closed_form(layers: int, full_convolutions: bool) -> None:
    space = EnasMacro(layers=layers, channels=6, full_convolutions=full_convolutions)
    for seed in range(3):
        spec = space.sample(random.Random(seed)).spec
        with torch.device("meta"):
            assert count_params(build(spec, CIFAR10)) == final_params(spec)


def test_without_the_slip_of_the_code_the_released_architecture_is_a_quarter_smaller() -> None:
    spec = find_published("enas-macro").make(full_convolutions=False)[1]
    with torch.device("meta"):
        assert count_params(build(spec, CIFAR10)) == final_params(spec) == 30_947_424


def test_the_supernet_has_every_operation_in_each_layer_and_one_width() -> None:
    space = EnasMacro(layers=6, channels=8)
    with torch.device("meta"):
        supernet = build(space.open_spec(), CIFAR10)
    layer = sum(operation_params(op, 8, False) for op in OPERATIONS)
    halvings = (1 + 2) + (1 + 4)  # the stem's and all layers' outputs, after layers 2 and 4
    assert count_params(supernet) == 3 * 9 * 8 + 16 + 6 * layer + 5 * 16 + halvings * (8 * 8 + 16) + 80


def test_the_supernet_has_a_choice_for_each_operation_and_each_skip() -> None:
    space = EnasMacro(layers=4, channels=2)
    layers = mixed_layers(build(space.open_spec(), TINY))
    assert layers.keys() == space.sample(random.Random(0)).decisions.keys()
    assert all(len(found) == 1 for found in layers.values())
    assert layers["layers/3/op"][0].labels == OPERATIONS
    assert layers["layers/3/skips/2"][0].labels == (False, True)


def small() -> tuple[EnasMacro, nn.Module]:
    space = EnasMacro(layers=7, channels=4, dropout=0.0)
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
    # the supernet halves every state; alone, only those that are read later are
    alone.load_state_dict({key: weights[key] for key in alone.state_dict()})
    choose_options(supernet, architecture.decisions)
    x = torch.randn(4, 1, 8, 8)
    torch.testing.assert_close(supernet.train(training)(x), alone.train(training)(x))


def test_only_what_is_sampled_gets_a_gradient() -> None:
    space, supernet = small()
    architecture = space.sample(random.Random(5))
    choose_options(supernet, architecture.decisions)
    supernet(torch.randn(2, 1, 8, 8)).square().sum().backward()
    alone = build(architecture.spec, TINY, searching=True)
    reached = {name for name, parameter in supernet.named_parameters() if parameter.grad is not None}
    # one tensor for each of the decided network's, whose reductions are those of the states that are read
    assert len(reached) == len(list(alone.parameters()))
    for path, (layer,) in mixed_layers(supernet).items():
        for label, option in zip(layer.labels, layer.options, strict=True):
            is_taken = label == architecture.decisions[path]
            assert all((parameter.grad is not None) == is_taken for parameter in option.parameters())


def test_nothing_is_built_that_is_never_used() -> None:
    space = EnasMacro(layers=9, channels=2)
    for seed in range(3):
        network = build(space.sample(random.Random(seed)).spec, TINY)
        network(torch.randn(2, 1, 8, 8)).square().sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


def test_final_networks_concatenate_skips_and_double_widths_where_searching_ones_add_and_keep_them() -> None:
    space = EnasMacro(layers=3, channels=4)
    spec = space.from_tokens([0, 0, 1, 5, 1, 1]).spec
    final, searching = build(spec, TINY), build(spec, TINY, searching=True)
    x = torch.randn(2, 1, 8, 8)
    assert [final.get_submodule("head.3").in_features, searching.get_submodule("head.3").in_features] == [16, 4]
    # of three layers, the image is halved after the first and the second
    states = {name: [torch.randn(2, width, 8, 8) for _ in range(2)] for name, width in (("final", 8), ("searching", 4))}
    layer: Any = final.get_submodule("layers.1").eval()
    joined = torch.cat([states["final"][0], layer.op(states["final"][1])], dim=1)
    torch.testing.assert_close(layer(states["final"]), layer.join(joined))
    assert [type(module) for module in layer.join] == [nn.ReLU, nn.Conv2d, nn.BatchNorm2d]
    layer = searching.get_submodule("layers.1").eval()
    total = layer.op(states["searching"][1]) + states["searching"][0]
    torch.testing.assert_close(layer(states["searching"]), layer.norm(total))
    assert isinstance(layer.norm, nn.BatchNorm2d)
    assert final(x).shape == searching(x).shape == (2, 4)


def test_a_final_operation_starts_with_relu_and_a_searching_one_with_its_1x1_convolution() -> None:
    def kinds(layers: nn.Module) -> list[type[nn.Module]]:
        return [type(module) for module in layers.children()]

    spec = EnasMacro(layers=2, channels=4).from_tokens([1, 5, 0]).spec
    final, searching = build(spec, TINY), build(spec, TINY, searching=True)
    front = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    separable = [nn.Conv2d, nn.Conv2d, nn.BatchNorm2d]
    assert kinds(final.get_submodule("layers.0.op")) == [nn.ReLU, *front, *separable]
    assert kinds(final.get_submodule("layers.1.op")) == [nn.ReLU, *front, nn.MaxPool2d]
    assert kinds(searching.get_submodule("layers.0.op")) == [*front, *separable, nn.ReLU]
    assert kinds(searching.get_submodule("layers.1.op")) == [*front, nn.MaxPool2d]


def test_the_first_skip_is_the_stem_and_no_skip_is_the_layers_own_input() -> None:
    spec = EnasMacro(layers=3, channels=4).from_tokens([0, 0, 1, 0, 1, 0]).spec
    network = build(spec, TINY)
    assert [network.get_submodule(f"layers.{layer}").sources for layer in range(3)] == [[], [0], [0]]
    # the stem's output and the newest one are halved; that of layer 0, which layer 2 skips, is not
    assert [list(network.halvings[key]) for key in ("0", "1")] == [["0", "1"], ["0", "2"]]


def test_pooling_leaves_the_padding_out() -> None:
    ones = torch.ones(1, 2, 4, 4)
    (pool,) = enas_macro_operation("avg_pool_3x3", 2)
    torch.testing.assert_close(pool(ones), ones)


def test_a_halving_without_activation_is_linear() -> None:
    halving = enas_macro_halving(3, 4).eval()
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(halving(-x), -halving(x))


def test_the_head_and_the_normalisations_are_those_of_the_code() -> None:
    network = build(EnasMacro(layers=3, channels=2).sample(random.Random(0)).spec, TINY)
    assert [type(layer) for layer in network.head] == [nn.AdaptiveAvgPool2d, nn.Flatten, nn.Dropout, nn.Linear]
    assert network.head[-1].bias is None
    # melodyguan/enas@014bae1: batch_norm of src/cifar10/image_ops.py; while searching, batch_norm_with_mask behind a convolution
    assert {layer.eps for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)} == {1e-5}
    searched = build(EnasMacro(layers=1, channels=2).from_tokens([0]).spec, TINY, searching=True)
    assert {layer.eps for layer in searched.modules() if isinstance(layer, nn.BatchNorm2d)} == {1e-5, 1e-3}


def test_dropout_is_that_of_the_setting() -> None:
    for dropout in (0.0, 0.5):
        network = build(EnasMacro(layers=1, channels=2, dropout=dropout).from_tokens([0]).spec, TINY)
        assert [module.p for module in network.modules() if isinstance(module, nn.Dropout)] == [dropout]


@pytest.mark.parametrize("sides", [(3, 3), (7, 9), (8, 16)])
def test_odd_sides_are_halved_and_rounded_up(sides: tuple[int, int]) -> None:
    info = TaskInfo("odd", "image-classification", (3, *sides), 4, 10)
    space = EnasMacro(layers=4, channels=2)
    for spec, searching in ((space.sample(random.Random(0)).spec, False), (space.open_spec(), True)):
        assert build(spec, info, searching=searching)(torch.randn(2, 3, *sides)).shape == (2, 4)


def test_what_cannot_be_built_is_refused() -> None:
    spec = EnasMacro(layers=3, channels=2).sample(random.Random(0)).spec
    layers = spec["layers"]
    with pytest.raises(SpaceError, match="layer 0 of a spec of 'enas-macro' has an unknown operation 'conv_7x7'"):
        build({**spec, "layers": [{"op": "conv_7x7", "skips": []}, *layers[1:]]}, TINY)
    for skips in ([], [True, False], [1]):
        with pytest.raises(SpaceError, match="layer 1 of a spec of 'enas-macro' must have 1 skips, true or false"):
            build({**spec, "layers": [layers[0], {"op": "conv_3x3", "skips": skips}, layers[2]]}, TINY)
    with pytest.raises(SpaceError, match="at least one layer"):
        build({**spec, "layers": []}, TINY)
    with pytest.raises(SpaceError, match="needs sides of at least 3 pixels, got 2x2"):
        build(spec, TaskInfo("dots", "image-classification", (1, 2, 2), 4, 100))


def test_the_operations_are_those_of_the_space() -> None:
    assert ENAS_MACRO_OPERATIONS == OPERATIONS
