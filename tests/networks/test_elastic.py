"""Layers of open sizes: the closed forms of their mixtures, and that one option is computed at its own size."""

import copy
import random
from inspect import signature
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from searchitect.core import SpaceError, TaskInfo
from searchitect.core.choosing import OpenChooser
from searchitect.networks import decided, elastic
from searchitect.networks.convnet import build
from searchitect.networks.elastic import (
    activation,
    choice_layers,
    conv_norm,
    layer_norm,
    linear,
    masks,
    repeat_layers,
    residual,
    squeeze_excite,
    width,
)
from searchitect.networks.elastic_layers import ElasticBatchNorm1d, ElasticConv2d
from searchitect.networks.extract import inherit
from searchitect.networks.mixed import choose_options, mixed_layers, set_weights
from searchitect.networks.open_layers import OpenResidual
from searchitect.networks.widths import Width
from searchitect.spaces.convnet import ConvNet


@pytest.fixture(autouse=True)
def seeded() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def choice(name: str, options: Any) -> Any:
    return OpenChooser()(name, options)


def widened(y: Tensor, channels: int) -> Tensor:
    """With channels of zeros behind its own."""
    return pad(y, (0, 0) * (y.ndim - 2) + (0, channels - y.shape[1]))


# --- widths --------------------------------------------------------------------------------------------------------------


def test_the_mask_of_a_channel_is_the_sum_of_the_weights_of_the_widths_that_have_it() -> None:
    channels = width(choice("width", [2, 3, 5]))
    set_weights(channels, {"width": torch.tensor([0.5, 0.3, 0.2])})
    torch.testing.assert_close(channels.mask(torch.zeros(1)), torch.tensor([1.0, 1.0, 0.5, 0.2, 0.2]))
    set_weights(channels, {"width": None})
    torch.testing.assert_close(channels.mask(torch.zeros(1)), torch.tensor([1.0, 1.0, 2 / 3, 1 / 3, 1 / 3]))
    set_weights(channels, {"width": [0.25, 0.75, 0.0]})  # the largest is not run at all
    torch.testing.assert_close(channels.mask(torch.zeros(1)), torch.tensor([1.0, 1.0, 0.75]))
    choose_options(channels, {"width": 3})
    assert (channels.now(), channels.mask(torch.zeros(1)), channels.largest) == (3, None, 5)


def test_a_product_of_widths_has_the_product_of_their_weights() -> None:
    hidden = width(width(choice("width", [1, 2])), choice("expansion", [2, 3]), 2)
    assert hidden.largest == 12
    set_weights(hidden, {"width": [0.4, 0.6], "expansion": [0.5, 0.5]})
    assert hidden.options() == [(4, 0.2), (6, 0.2), (8, 0.3), (12, 0.3)]
    assert hidden.value({"width": 2, "expansion": 3}) == 12
    assert width(3, 2, 4) == 24


def test_a_choice_among_named_or_counted_widths_keeps_its_labels() -> None:
    named = width(choice("width", {"narrow": 2, "wide": 4}))
    choose_options(named, {"width": "wide"})
    assert named.now() == 4
    counted = width(OpenChooser().between("width", 2, 4))
    (layer,) = mixed_layers(counted)["width"]
    assert layer.labels == (2, 3, 4)
    choose_options(counted, {"width": 3})
    assert counted.now() == 3


def test_a_masked_layer_is_the_weighted_sum_of_the_layers_of_each_width() -> None:
    channels = width(choice("width", [1, 3, 4]))
    layer = nn.Sequential(*conv_norm(2, channels, 3), activation("relu"), *masks(channels))
    weights = torch.tensor([0.5, 0.2, 0.3], requires_grad=True)
    x = torch.randn(3, 2, 5, 5)
    singles = []
    for value in (1, 3, 4):
        choose_options(layer, {"width": value})
        singles.append(widened(layer(x), 4))
        assert layer(x).shape[1] == value
    set_weights(layer, {"width": weights})
    y = layer(x)
    torch.testing.assert_close(y, sum(w * s for w, s in zip(weights, singles, strict=True)))
    y.sum().backward()
    torch.testing.assert_close(weights.grad, torch.stack([s.sum() for s in singles]))


def test_only_the_first_channels_of_one_width_get_a_gradient() -> None:
    layer = nn.Sequential(*conv_norm(2, channels := width(choice("width", [2, 4])), 3), *conv_norm(channels, 3, 3))
    choose_options(layer, {"width": 2})
    layer(torch.randn(2, 2, 4, 4)).square().sum().backward()
    first, norm, second = layer[0].weight.grad, layer[1].weight.grad, layer[2].weight.grad  # type: ignore[union-attr]
    for inside, outside in ((first[:2], first[2:]), (norm[:2], norm[2:]), (second[:, :2], second[:, 2:])):  # type: ignore[index]
        assert inside.abs().min() > 0  # type: ignore[union-attr]
        assert not outside.any()  # type: ignore[union-attr]


def test_normalisations_of_a_slice_use_and_move_the_first_running_statistics() -> None:
    norm, plain = ElasticBatchNorm1d(4), nn.BatchNorm1d(2)
    x = torch.randn(8, 2) * 3 + 1
    torch.testing.assert_close(norm(x), plain(x))
    torch.testing.assert_close(norm.running_mean[:2], plain.running_mean)  # type: ignore[index]
    torch.testing.assert_close(norm.running_var[:2], plain.running_var)  # type: ignore[index]
    assert norm.running_mean[2:].tolist() == [0, 0]  # type: ignore[index]
    torch.testing.assert_close(norm.eval()(x), plain.eval()(x))


def test_running_statistics_can_be_the_plain_average_of_all_batches() -> None:
    norm = ElasticBatchNorm1d(3, momentum=None)
    batches = torch.randn(4, 8, 2)
    for batch in batches:
        norm(batch)
    torch.testing.assert_close(norm.running_mean[:2], batches.mean((0, 1)))  # type: ignore[index]
    torch.testing.assert_close(norm.running_var[:2], batches.var(1).mean(0))  # type: ignore[index]


def test_layer_normalisation_of_one_width_sees_its_columns_only() -> None:
    columns = width(choice("width", [2, 6]))
    norm, x = layer_norm(columns), torch.randn(3, 6)
    choose_options(norm, {"width": 2})
    torch.testing.assert_close(norm(x[:, :2]), nn.functional.layer_norm(x[:, :2], (2,)))
    set_weights(norm, {"width": torch.tensor([1.0, 0.0])})  # run at the largest size
    torch.testing.assert_close(norm(x)[:, :2], nn.functional.layer_norm(x[:, :2], (2,)))


# --- kernels -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_depthwise", [False, True])
def test_a_choice_of_kernels_is_the_weighted_sum_of_the_centres_of_the_largest(is_depthwise: bool) -> None:
    layer = ElasticConv2d(3, 3, choice("kernel", [3, 5, 1]), stride=2, is_depthwise=is_depthwise)
    x, groups = torch.randn(2, 3, 7, 7), 3 if is_depthwise else 1
    weights = torch.tensor([0.5, 0.3, 0.2], requires_grad=True)
    terms = [
        conv2d(x, layer.weight[..., m : 5 - m, m : 5 - m], None, 2, k // 2, groups=groups) for k, m in ((3, 1), (5, 0), (1, 2))
    ]
    set_weights(layer, {"kernel": weights})
    torch.testing.assert_close(layer(x), sum(w * t for w, t in zip(weights, terms, strict=True)))
    choose_options(layer, {"kernel": 3})
    torch.testing.assert_close(layer(x), terms[0])
    layer(x).sum().backward()
    ring = layer.weight.grad.clone()  # type: ignore[union-attr]
    ring[..., 1:4, 1:4] = 0
    assert not ring.any()


# --- depth and shortcuts -------------------------------------------------------------------------------------------------


class Plus(nn.Module):
    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = nn.Parameter(torch.tensor(amount))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.amount


def repeated(low: int) -> nn.Module:
    """Up to three blocks that add 1, 10 and 100, and an end that doubles, triples..., by what is before it."""
    choose = OpenChooser()
    bodies = choose.repeat("blocks", low, 3, lambda i: choose("amount", [10.0**i]))
    (layer,) = repeat_layers(
        bodies,
        1,
        lambda before, body: (choice_layers(body, lambda amount: [Plus(amount)]), before + 1),
        lambda before: [Plus(before * 1000.0)],
    )
    return layer


def test_an_open_depth_is_the_weighted_sum_over_the_lengths() -> None:
    layer = repeated(0)
    x = torch.tensor(5.0)
    lengths = [1005.0, 2006.0, 3016.0, 4116.0]
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4], requires_grad=True)
    set_weights(layer, {"blocks": weights})
    y = layer(x)
    torch.testing.assert_close(y, torch.tensor(sum(w * v for w, v in zip([0.1, 0.2, 0.3, 0.4], lengths, strict=True))))
    y.backward()
    torch.testing.assert_close(weights.grad, torch.tensor(lengths))
    set_weights(repeated(1), {"blocks": [1.0, 0.0, 0.0]})


def test_blocks_behind_the_last_length_taken_are_not_run_and_need_no_decisions() -> None:
    layer = repeated(1)
    choose_options(layer, {"blocks": 2, "blocks/0/amount": 1.0, "blocks/1/amount": 10.0})
    y = layer(torch.tensor(5.0))
    assert y == 3016
    y.backward()
    assert [n for n, p in layer.named_parameters() if p.grad is None] == [
        "blocks.2.options.0.amount",
        "ends.0.amount",
        "ends.2.amount",
    ]
    with pytest.raises(ValueError, match="name no option of the choice 'blocks/1/amount'"):
        choose_options(layer, {"blocks": 2, "blocks/0/amount": 1.0})


def test_a_shortcut_is_the_input_where_the_widths_taken_are_equal_and_a_projection_elsewhere() -> None:
    inputs, outputs = width(choice("in", [2, 4])), width(choice("out", [4, 2]))
    body = nn.Sequential(*conv_norm(inputs, outputs, 3), *masks(outputs))
    layer = residual(body, inputs, outputs, 1, lambda: [*conv_norm(inputs, outputs, 1), *masks(outputs)])
    assert isinstance(layer, OpenResidual)
    for taken in (2, 4):
        for given in (2, 4):
            choose_options(layer, {"in": taken, "out": given})
            x = torch.randn(3, taken, 4, 4)
            # the body begins with 0
            torch.testing.assert_close(layer(x), x if taken == given else layer.projection(x))  # type: ignore[misc]
    set_weights(layer, {"in": torch.tensor([0.3, 0.7]), "out": torch.tensor([0.9, 0.1])})
    equal, unequal = layer.shares(x)
    assert (float(equal), float(unequal)) == pytest.approx((0.3 * 0.1 + 0.7 * 0.9, 0.3 * 0.9 + 0.7 * 0.1))


def test_squeeze_and_excite_of_a_mixture_of_one_is_that_one() -> None:
    channels = width(choice("width", [4, 8, 40]))
    layer, x = squeeze_excite(channels), torch.randn(2, 40, 3, 3)
    for place, taken in enumerate((4, 8, 40)):
        choose_options(layer, {"width": taken})
        narrow = layer(x[:, :taken])
        set_weights(layer, {"width": torch.eye(3)[place]})
        masked = x * (torch.arange(40) < taken).view(1, -1, 1, 1)
        torch.testing.assert_close(layer(masked), widened(narrow, 40))


@pytest.mark.parametrize("is_open", [True, False])
def test_squeeze_and_excite_follows_the_width_that_it_is_told(is_open: bool) -> None:
    of = width(choice("width", [16, 40])) if is_open else 40
    layer = squeeze_excite(12, of, 2, nn.SiLU(), nn.Sigmoid())
    assert (layer.squeeze.out_channels, layer.excite.in_channels) == (20, 20)
    x, taken = torch.randn(2, 12, 3, 3), 20
    if is_open:
        choose_options(layer, {"width": 16})
        taken = 8
    squeeze, excite = layer.squeeze, layer.excite
    hidden = nn.functional.silu(x.mean((2, 3)) @ squeeze.weight[:taken, :, 0, 0].T + squeeze.bias[:taken])
    gate = (hidden @ excite.weight[:, :taken, 0, 0].T + excite.bias).sigmoid()
    torch.testing.assert_close(layer(x), x * gate[..., None, None])


def test_open_activations_leave_their_input_alone() -> None:
    layer, x = activation(choice("act", ["relu", "silu"])), torch.randn(4)
    before = x.clone()
    y = layer(x)
    assert torch.equal(x, before)
    torch.testing.assert_close(y, (before.relu() + nn.functional.silu(before)) / 2)


# --- what is refused -----------------------------------------------------------------------------------------------------


def test_choices_that_have_no_layer_are_refused() -> None:
    with pytest.raises(
        SpaceError, match=r"the choice 'rate' is continuous, from 0\.1 to 0\.5: a supernet needs options that can be"
    ):
        choice_layers(OpenChooser().between("rate", 0.1, 0.5), lambda rate: [nn.Dropout(rate)])
    with pytest.raises(SpaceError, match="'width' must be of whole numbers above 0 to be the size of a layer, got 'wide'"):
        width(choice("width", ["wide"]))
    with pytest.raises(SpaceError, match=r"'kernel' must be of odd kernels, which have a common centre, got \(3, 4\)"):
        ElasticConv2d(2, 2, choice("kernel", [3, 4]))


DIGITS = TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000)
SMALL = ConvNet(base_width=4, max_stages=2, max_depth=2)


def test_stem_strides_cannot_be_mixed_but_each_can_be_taken() -> None:
    space = ConvNet(base_width=4, max_stages=2, max_depth=1, stem_strides=(1, 2))
    supernet = build(space.open_spec(), DIGITS)
    x = torch.randn(2, 1, 8, 8)
    with pytest.raises(
        SpaceError, match=r"'stem/stride' give outputs of the shapes \(2, 8, 8, 8\), \(2, 8, 4, 4\).*stem_strides=1"
    ):
        supernet(x)
    set_weights(supernet, {"stem/stride": [0.0, 1.0]})
    assert supernet(x).shape == (2, 10)


def test_each_function_has_a_namesake_for_decided_choices_with_the_same_arguments() -> None:
    for name in decided.__all__:  # exports copy the namesake instead
        ours, theirs = (signature(getattr(module, name)).parameters for module in (elastic, decided))
        assert list(ours) == list(theirs), name
    assert {name for name in vars(elastic) if getattr(getattr(elastic, name), "__module__", "") == elastic.__name__} == {
        *decided.__all__,
        "_nested",
        "_in_sequence",
        "_begin_with_zero",
    }


# --- the supernet of a space with widths, kernels, depths and kinds of blocks ---------------------------------------------


def supernet_of(space: ConvNet) -> nn.Module:
    """With weights under which every layer matters: scales of 0 would hide what is behind them."""
    supernet = build(space.open_spec(), DIGITS)
    with torch.no_grad():
        for module in supernet.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.5)
                nn.init.normal_(module.running_mean, std=0.3)  # type: ignore[arg-type]
                nn.init.uniform_(module.running_var, 0.02, 0.2)  # type: ignore[arg-type]
    return supernet


def test_every_choice_of_the_space_has_layers_and_every_parameter_learns_from_the_mixture() -> None:
    supernet = supernet_of(SMALL)
    assert {path for seed in range(40) for path in SMALL.sample(random.Random(seed)).decisions} == set(mixed_layers(supernet))
    weights = {
        path: torch.full((len(found[0].labels),), 1 / len(found[0].labels), requires_grad=True)
        for path, found in mixed_layers(supernet).items()
    }
    set_weights(supernet, weights)
    supernet(torch.randn(2, 1, 8, 8)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in supernet.parameters())
    assert all(weight.grad is not None and weight.grad.any() for path, weight in weights.items())


def test_fifty_decided_paths_are_their_stand_alone_networks() -> None:
    supernet = supernet_of(SMALL)
    x = torch.randn(4, 1, 8, 8)
    for seed in range(50):
        architecture = SMALL.sample(random.Random(seed))
        alone = build(architecture.spec, DIGITS)
        inherit(supernet, alone, architecture.decisions)
        choose_options(supernet, architecture.decisions)
        for training in (False, True):
            outputs = []
            for network in (supernet.train(training), alone.train(training)):
                torch.manual_seed(seed)  # of dropout
                outputs.append(network(x))
            assert outputs[0].std(0).mean() > 1e-2  # it looks at its input
            torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-5, atol=1e-5)
        # both have moved the same running statistics
        torch.testing.assert_close(supernet.eval()(x), alone.eval()(x), rtol=1e-5, atol=1e-5)


def test_a_mixture_of_one_option_each_is_that_path() -> None:
    supernet = supernet_of(SMALL).eval()
    x = torch.randn(4, 1, 8, 8)
    for seed in range(8):
        architecture = SMALL.sample(random.Random(seed))
        choose_options(supernet, architecture.decisions)
        expected = supernet(x)
        # tensors are run whatever their value: every layer at its largest size
        hot = {
            path: torch.tensor(found[0].takes(architecture.decisions[path])).float()
            for path, found in mixed_layers(supernet).items()
            if path in architecture.decisions
        }
        set_weights(supernet, hot)
        torch.testing.assert_close(supernet(x), expected, rtol=1e-4, atol=1e-5)


def test_the_gradient_of_a_path_is_that_of_its_stand_alone_network_and_no_other() -> None:
    supernet = supernet_of(SMALL)
    x = torch.randn(4, 1, 8, 8)
    for seed in range(5):
        architecture = SMALL.sample(random.Random(seed))
        alone = build(architecture.spec, DIGITS)
        inherit(supernet, alone, architecture.decisions)
        choose_options(supernet, architecture.decisions)
        for network in (supernet, alone):
            network.zero_grad()
            torch.manual_seed(seed)
            network(x).square().sum().backward()
        reached = [parameter.grad for parameter in supernet.parameters() if parameter.grad is not None]
        wanted = [parameter.grad for parameter in alone.parameters()]
        assert len(reached) == len(wanted)
        torch.testing.assert_close(sum(g.abs().sum() for g in reached), sum(g.abs().sum() for g in wanted if g is not None))
        gradients, expected = copy.deepcopy(supernet), copy.deepcopy(alone)
        for network in (gradients, expected):
            for parameter in network.parameters():
                parameter.data = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        inherit(gradients, alone, architecture.decisions)
        for found, wanted_one in zip(alone.parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(found, wanted_one, rtol=1e-4, atol=1e-4)


def test_all_layers_of_one_width_ask_one_number() -> None:
    numbers = {path: len(found) for path, found in mixed_layers(build(SMALL.open_spec(), DIGITS)).items()}
    assert {numbers[path] for path in numbers if path.endswith("width")} == {1}


def test_a_linear_layer_reads_as_many_numbers_as_come() -> None:
    inputs = width(choice("in", [2, 3]))
    layer = linear(inputs, 4)
    assert isinstance(inputs, Width)
    x = torch.randn(5, 2)
    torch.testing.assert_close(layer(x), x @ layer.weight[:, :2].T + layer.bias)  # type: ignore[operator, union-attr, index]
