"""zico, zen, az-nas."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from searchitect.core import TaskInfo
from searchitect.networks import build
from searchitect.proxies.az_nas import among, az_nas, block_features, blocks_of, expressivity, rank_together, trainability
from searchitect.proxies.given import Given, gradients, noise
from searchitect.proxies.zen import features, zen
from searchitect.proxies.zico import layer_score, zico
from searchitect.spaces import make_space
from tests.proxies.nets import IMAGE, ROW, convolutions, given, perceptron


def test_zico_of_a_layer_by_hand() -> None:
    # weights: means of |g| 2 and 3, deviations 1 and 3 (over two batches, not corrected); the third has no spread
    slopes = torch.tensor([[1.0, 0.0, 5.0], [3.0, 6.0, 5.0]])
    assert layer_score(slopes) == pytest.approx(math.log(2 / 1 + 3 / 3))
    assert layer_score(torch.ones(2, 3)) == 0.0


def test_zico_sums_over_layers() -> None:
    data = given(IMAGE, batches=2)
    both = [gradients(convolutions(), data, number) for number in (0, 1)]
    expected = 0.0
    for first, second in zip(*both, strict=True):
        mean, spread = (first.abs() + second.abs()) / 2, (first - second).abs() / 2
        expected += math.log((mean / spread)[spread > 0].double().sum())
    assert zico(convolutions(), data) == pytest.approx(expected, rel=1e-4)


def test_zen_of_a_linear_chain_is_the_logarithm_of_the_change() -> None:
    """Without normalisations, features = first layer's ReLU: what the last linear layer reads."""
    network = nn.Sequential(nn.Linear(5, 4, bias=False), nn.ReLU(), nn.Linear(4, 3))
    found = zen(network, Given(ROW, 8, 0))
    generator = torch.Generator().manual_seed(0)
    weight = torch.empty(4, 5).normal_(generator=generator)
    torch.empty(3, 4).normal_(generator=generator)
    x = torch.randn(8, 5, generator=generator)
    moved = x + 0.01 * torch.randn(8, 5, generator=generator)
    change = ((x @ weight.T).relu() - (moved @ weight.T).relu()).abs().sum(1).mean()
    assert found == pytest.approx(math.log(change), rel=1e-4)


def test_zen_gives_back_what_normalisations_take_out() -> None:
    """Weights of a layer before a normalisation may have any scale: here it is the layer's own normal draw, doubled by a module."""

    class Doubled(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * x

    def network(*middle: nn.Module) -> nn.Module:
        return nn.Sequential(nn.Linear(5, 4, bias=False), *middle, nn.BatchNorm1d(4, eps=1e-12), nn.ReLU(), nn.Linear(4, 3))

    once, twice = (zen(network(*middle), Given(ROW, 8, 0)) for middle in ((), (Doubled(),)))
    assert twice - once == pytest.approx(math.log(2), rel=1e-4)


def test_features_are_taken_before_the_average() -> None:
    x = given(IMAGE).x
    assert features(convolutions(), x).shape == (8, 5, 3, 3)
    assert features(perceptron(), given().x).shape == (8, 6)


def test_expressivity_is_highest_where_all_directions_vary_alike() -> None:
    even = torch.eye(4) * 2 - 0.5  # centred: three directions of equal variance
    assert expressivity(even) == pytest.approx(math.log(3), rel=1e-4)
    line = torch.arange(8.0)[:, None] * torch.tensor([1.0, 2.0, -1.0])
    assert expressivity(line) == pytest.approx(0.0, abs=1e-4)
    assert expressivity(torch.ones(8, 3)) == -math.inf


def test_trainability_is_best_for_a_block_that_turns_and_keeps_lengths() -> None:
    """The estimated Jacobian of y = x Q' is Q' (E s s'): its largest singular value tends to 1 with many examples."""
    before = torch.randn(4096, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    turn = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)))[0]
    generator = torch.Generator().manual_seed(2)
    assert trainability(before, before @ turn, generator) == pytest.approx(0, abs=0.01)
    assert trainability(before, before @ (3 * turn), generator) == pytest.approx(2 - 3 - 1 / 3, abs=0.2)
    assert trainability(before, before.clone(), generator) == -math.inf  # it does nothing
    assert trainability(before, torch.ones(4096, 4, requires_grad=True) * 2, generator) == -math.inf  # it is not read


def test_trainability_compares_each_place_with_its_patch() -> None:
    """A mean over 2x2 patches: the gradient is a quarter of the sign in each of four unshuffled channels, so s = 1/2."""
    before = torch.randn(256, 1, 6, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    after = nn.functional.avg_pool2d(before, 2)
    assert trainability(before, after, torch.Generator().manual_seed(0)) == pytest.approx(2 - 0.5 - 2, abs=1e-3)
    odd = torch.randn(64, 1, 7, 7, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert math.isfinite(trainability(odd, nn.functional.avg_pool2d(odd, 2, ceil_mode=True), torch.Generator()))


def test_ranks_are_put_together_by_their_logarithms() -> None:
    parts = [(1.0, 30.0), (2.0, 10.0), (3.0, 20.0)]
    expected = [math.log(1 / 3) + math.log(3 / 3), math.log(2 / 3) + math.log(1 / 3), math.log(3 / 3) + math.log(2 / 3)]
    assert rank_together(parts).tolist() == pytest.approx(expected)
    assert rank_together([(-math.inf, 1.0), (-math.inf, 1.0), (0.0, 1.0)])[0] == pytest.approx(
        math.log(1.5 / 3) + math.log(2 / 3)
    )
    assert np.exp(among(np.array([-1.0, 2.5, 9.0]), np.array([1.0, 2.0, 3.0]))) * 3 == pytest.approx([0.5, 2.5, 3.5])


def test_the_blocks_of_a_cell_network_are_its_stem_cells_and_reductions() -> None:
    space = make_space("nasbench201", None, {"channels": 4, "cells": 2})
    info = TaskInfo("images", "image-classification", (3, 8, 8), 10, 100)
    cell = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|none~1|avg_pool_3x3~2|"
    network = build(space, space.from_string(cell).spec, info)  # type: ignore[attr-defined]
    found = block_features(network, noise(info, 4, torch.Generator()))
    assert [tuple(f.shape[1:]) for f in found] == [(4, 8, 8)] * 3 + [(8, 4, 4)] * 3 + [(16, 2, 2)] * 3


def test_the_blocks_of_plain_chains_end_before_the_next_weights() -> None:
    network = convolutions()
    assert blocks_of(network) == [network[2], network[4], network[7]]
    assert [tuple(f.shape[1:]) for f in block_features(network, given(IMAGE).x)] == [(4, 6, 6), (5, 3, 3)]
    table = perceptron()
    assert blocks_of(table) == [table[1], table[3], table[4]]
    assert [f.shape[1] for f in block_features(table, given().x)] == [7, 6]


def test_the_four_parts_are_finite_on_tables_and_images() -> None:
    for network, info in ((convolutions(), IMAGE), (perceptron(), ROW)):
        parts = az_nas(network, Given(info, 8, 0))
        assert len(parts) == 4
        assert all(map(math.isfinite, parts))
