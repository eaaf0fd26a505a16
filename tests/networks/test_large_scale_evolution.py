"""Networks that grow: what they compute, and what a child takes over."""

import json
import random
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from searchitect.core import Architecture, SpaceError, TaskInfo
from searchitect.core.choosing import ReplayChooser
from searchitect.costs import count_params
from searchitect.networks import build as build_checked
from searchitect.networks.large_scale_evolution import brought_to, build, odd_size
from searchitect.spaces.large_scale_evolution import LargeScaleEvolution
from searchitect.training.inheritance import copy_fitting
from tests.spaces.test_large_scale_evolution import RICH, changed, conv, spec_of

from .exported import onnx_answers

TINY = TaskInfo("tiny", "image-classification", (3, 14, 10), 4, 100)
IDENTITY = {"edge": "identity", "vertex": "linear"}


def made(spec: Any, seed: int = 0, info: TaskInfo = TINY) -> nn.Module:
    torch.manual_seed(seed)
    return build(spec, info)


def pixels(spec: Any) -> Any:
    """The same with a classifier that sees all pixels."""
    return {**spec, "head": {**spec["head"], "pool": False}}


def inherited(parent: Any, child: Any) -> tuple[float, set[str]]:
    """The share that a child takes over, and the names of what is new."""
    old, new = made(parent, 0), made(child, 1)
    before, weights = {k: v.clone() for k, v in new.state_dict().items()}, old.state_dict()
    share = copy_fitting(new, weights)
    fresh = {k for k, v in new.state_dict().items() if k not in weights or weights[k].shape != v.shape}
    assert all(torch.equal(new.state_dict()[k], before[k]) for k in fresh)
    assert all(torch.equal(new.state_dict()[k], weights[k]) for k in before if k not in fresh)
    return share, {k for k in fresh if "num_batches" not in k and "running" not in k}


@pytest.mark.parametrize("mutation", ["identity", "alter-learning-rate", "add-skip", "remove-skip", "insert-one-to-one"])
def test_everything_is_inherited_where_no_layer_changes(mutation: str) -> None:
    for parent in (RICH, pixels(RICH)):
        assert inherited(parent, changed(parent, mutation)) == (1.0, set())


def test_after_a_new_filter_size_only_that_convolution_is_new() -> None:
    child = changed(RICH, "filter-size", convolution=1, side="height", value=5.4)
    share, fresh = inherited(RICH, child)
    assert fresh == {"edges.3.weight"}
    total = count_params(made(child))
    assert share == pytest.approx(1 - 4 * 4 * 5 * 3 / total)


def test_after_new_channels_that_convolution_and_what_reads_it_are_new() -> None:
    child = changed(RICH, "alter-channels", convolution=0, value=7.0)
    assert inherited(RICH, child)[1] == {"edges.2.weight", "vertices.2.weight", "vertices.2.bias", "edges.3.weight"}
    last = changed(RICH, "alter-channels", convolution=2, value=7.0)
    assert inherited(RICH, last)[1] == {"edges.4.weight", "vertices.4.weight", "vertices.4.bias", "head.1.weight"}


def test_a_stride_changes_no_weights_but_the_pixels_that_a_classifier_sees() -> None:
    fixed = {"convolution": 0, "power": 1.0}
    assert inherited(RICH, changed(RICH, "alter-stride", **fixed)) == (1.0, set())
    assert inherited(pixels(RICH), changed(pixels(RICH), "alter-stride", **fixed))[1] == {"head.1.weight"}


def test_layers_keep_their_weights_wherever_others_come_and_go() -> None:
    child = changed(RICH, "insert-convolution", place=1, stride=0.0, vertex="linear")
    assert inherited(RICH, child)[1] == {"edges.5.weight", "edges.5.bias"}
    assert inherited(child, changed(child, "remove-convolution", convolution=1)) == (1.0, set())
    assert inherited(RICH, changed(RICH, "reset-weights"))[0] == 0.0


def outputs(parent: Any, child: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the parent, and of the child with its weights."""
    old, new = made(parent, 0), made(child, 1)
    copy_fitting(new, old.state_dict())
    x = torch.randn(3, *TINY.input_shape)
    return old.eval()(x), new.eval()(x)


def test_an_identity_layer_preserves_the_function_and_a_skip_does_not() -> None:
    for place in range(4):
        old, new = outputs(RICH, changed(RICH, "insert-one-to-one", place=place))
        assert torch.equal(old, new)
    old, new = outputs(RICH, changed(RICH, "add-skip"))
    assert not torch.allclose(old, new, atol=1e-2)


def test_a_network_computes_what_its_spec_says() -> None:
    spec = spec_of(
        conv(2, 5.0, vertex="linear", stride=1.0), {"id": 3, **IDENTITY}, conv(4, 6.0), skips=[[0, 3], [2, 4], [0, 4]]
    )
    network: Any = made(spec).eval()
    x = torch.randn(2, *TINY.input_shape)
    first = functional.conv2d(x, network.edges["2"].weight, network.edges["2"].bias, stride=2, padding=1)
    small = functional.pad(functional.interpolate(x, size=(7, 5), mode="nearest"), (0, 0, 0, 0, 0, 2))
    second = first + small
    third = functional.conv2d(second, network.edges["4"].weight, padding=1)
    third = third + functional.pad(first, (0, 0, 0, 0, 0, 1)) + functional.pad(small, (0, 0, 0, 0, 0, 1))
    last = functional.relu(network.vertices["4"](third))
    expected = functional.linear(last.mean((2, 3)), network.head["1"].weight, network.head["1"].bias)
    torch.testing.assert_close(network(x), expected)


def test_other_edges_are_brought_to_the_shape_of_the_primary_one() -> None:
    x = torch.arange(8.0).reshape(1, 2, 2, 2)
    assert brought_to(x, 1, 2, 2).tolist() == [[[[0, 1], [2, 3]]]]  # the second channel is cut off
    assert brought_to(x, 3, 1, 1).flatten().tolist() == [0, 4, 0]  # zeros behind
    assert brought_to(x, 1, 4, 4)[0, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    assert brought_to(x, 2, 2, 2).equal(x)


def test_sizes_are_rounded_when_a_network_is_built() -> None:
    assert [odd_size(value) for value in (1.0, 1.9, 2.1, 3.9, 4.1, 5.9, 6.1)] == [1, 1, 3, 3, 5, 5, 7]
    network: Any = made(spec_of({**conv(2, 7.6, stride=0.6), "height": 4.2, "width": 1.3}))
    layer = network.edges["2"]
    assert (layer.out_channels, layer.kernel_size, layer.stride) == (8, (5, 1), (2, 2))


def test_the_start_is_a_linear_classifier_on_all_pixels_or_on_means() -> None:
    assert count_params(made(spec_of())) == (3 + 1) * 4
    assert count_params(made(pixels(spec_of()))) == (3 * 14 * 10 + 1) * 4


def test_weights_start_as_he_et_al_draw_them() -> None:
    layer: Any = made(spec_of(conv(2, 64.0), conv(3, 128.0))).edges["3"]  # type: ignore[union-attr,operator,index]
    assert layer.weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.03)


def test_individuals_of_any_age_are_built_and_learn() -> None:
    space, rng = LargeScaleEvolution.for_task(TINY), random.Random(0)
    individual = space.first(rng)
    for _ in range(60):
        individual = space.mutate(individual, rng)
        network = build_checked(space, individual.spec, TINY)
        loss = network(torch.randn(4, *TINY.input_shape)).square().sum()
        loss.backward()
        assert all(parameter.grad is not None for parameter in network.parameters())  # no layer is beside the way


def test_it_goes_through_onnx() -> None:
    network = made(pixels(spec_of(conv(2, 5.0, stride=1.0), conv(3, 4.0, stride=1.0), skips=[[0, 3]]))).eval()
    x = torch.randn(3, *TINY.input_shape)
    torch.testing.assert_close(onnx_answers(network, x), network(x), rtol=1e-4, atol=1e-4)


def test_specs_that_are_none_are_refused() -> None:
    for spec, message in (
        (spec_of(conv(2), skips=[[2, 0]]), "must lead from a vertex to a later one"),
        (spec_of(conv(2), skips=[[0, 9]]), "must lead from a vertex to a later one"),
        (spec_of(conv(2), conv(2)), "must differ in their numbers"),
        (spec_of({**conv(2), "vertex": "tanh"}), "vertex 2 .* must be 'bn-relu' or 'linear'"),
    ):
        with pytest.raises(SpaceError, match=message):
            build(spec, TINY)
    with pytest.raises(SpaceError, match="this is no spec of the space"):
        build_checked(LargeScaleEvolution(), {"cells": []}, TINY)
    with pytest.raises(SpaceError, match="takes images"):
        build(spec_of(), TaskInfo("table", "table-classification", (5,), 3, 500))


def test_a_draw_survives_json() -> None:
    space = LargeScaleEvolution()
    drawn = space.sample(random.Random(5))
    again = Architecture(json.loads(drawn.text))
    assert list(made(again.spec).state_dict()) == list(made(drawn.spec).state_dict())
    assert space.edit(drawn.spec, ReplayChooser({}, random.Random(1))) == space.edit(
        again.spec, ReplayChooser({}, random.Random(1))
    )
