"""Counts are those of the paper, and of seungwonpark/RandWireNN@0850008 with the graphs that it comes with."""

import random
from statistics import mean
from typing import Any

import pytest
import torch

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks.randwire import RandwireNode, RandwireStage, build
from searchitect.spaces.randwire import RandWire, watts_strogatz

IMAGENET = TaskInfo("imagenet", "image-classification", (3, 224, 224), 1000, 1_281_167)
DIGITS = TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1_000)
RING = [list(edge) for edge in watts_strogatz(32, 4, 0.0, random.Random(0))]


def ws_spec(space: RandWire, seed: int) -> Any:
    seeds = {f"stages/{stage}/seed": 1_000 * seed + stage for stage in range(len(space.node_counts()))}
    return space.decide({"generator": "ws", "generator/ws/k": 4, "generator/ws/p": 0.75, **seeds}).spec


@pytest.mark.parametrize(
    ("channels", "classes", "params", "macs"),
    [(78, 1000, 5_930_865, 603_665_420), (109, 1000, 10_028_885, 1_140_719_826), (78, 10, 4_662_675, 602_398_220)],
)
def test_the_graphs_of_the_reimplementation_give_its_counts(channels: int, classes: int, params: int, macs: int) -> None:
    # its three files ws-4-075-*.txt hold the ring of WS(4, 0), not rewired at all
    spec = ws_spec(RandWire(channels=channels), 0)
    for stage in spec["stages"]:
        stage["edges"] = RING
    with torch.device("meta"):
        network = build(spec, TaskInfo("task", "image-classification", (3, 224, 224), classes, 1))
    # its three ordinary convolutions have biases, which the normalisations after them undo
    assert count_params(network) + channels // 2 + channels + 1280 == params
    assert count_macs(network, (3, 224, 224)) == macs


def expected(spec: Any, classes: int) -> tuple[int, int]:
    """Parameters and multiply-adds by formula, for 224 pixels."""
    width, side = spec["channels"] // 2, 112
    params, macs = 27 * width + 2 * width, 27 * width * side**2
    if spec["regime"] == "small":
        side = 56
        params += 9 * width * spec["channels"] + 2 * spec["channels"]
        macs += 9 * width * spec["channels"] * side**2
        width = spec["channels"]
    for stage in spec["stages"]:
        side //= 2
        degrees = [sum(target == node for _, target in stage["edges"]) for node in range(stage["nodes"])]
        for degree in degrees:
            inputs = stage["channels"] if degree else width
            weights = 9 * inputs + inputs * stage["channels"]
            params += weights + 2 * stage["channels"] + (degree if degree > 1 else 0)
            macs += weights * side**2
        width = stage["channels"]
    return params + (width + 2) * 1280 + 1281 * classes, macs + width * 1280 * side**2 + 1280 * classes


@pytest.mark.parametrize(
    ("settings", "params", "macs"),
    [
        ({"channels": 78}, 5.6e6, 583e6),  # 5.6 +- 0.1 M, 583 +- 6 M
        ({"channels": 109, "regime": "regular"}, 31.9e6, 4.0e9),
        ({"channels": 154, "regime": "regular"}, 61.5e6, 7.9e9),
    ],
)
def test_the_mean_over_twenty_draws_is_that_of_the_paper(settings: Any, params: float, macs: float) -> None:
    counts = [expected(ws_spec(RandWire(**settings), seed), 1000) for seed in range(20)]
    assert mean(p for p, _ in counts) == pytest.approx(params, rel=0.01)
    assert mean(m for _, m in counts) == pytest.approx(macs, rel=0.02)


@pytest.mark.parametrize("settings", [{}, {"regime": "regular", "channels": 109}])
def test_a_network_has_the_counts_of_the_formula(settings: Any) -> None:
    spec = ws_spec(RandWire(**settings), 3)
    with torch.device("meta"):
        network = build(spec, IMAGENET)
    assert (count_params(network), count_macs(network, (3, 224, 224))) == expected(spec, 1000)


def test_a_node_sums_by_the_sigmoids_of_its_weights_and_does_not_normalise_them() -> None:
    node = RandwireNode(3, 4, stride=1, degree=2).eval()
    a, b = torch.randn(2, 3, 5, 5), torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(node([a, b]), node.body((a + b) / 2))
    assert node.weights is not None
    node.weights.data = torch.tensor([0.0, 100.0])
    torch.testing.assert_close(node([a, b]), node.body(a / 2 + b))


def test_a_node_is_relu_convolution_normalisation_in_this_order() -> None:
    node = RandwireNode(3, 4, stride=2).eval()
    x = torch.randn(2, 3, 7, 6)
    torch.testing.assert_close(node([x]), node([x.clamp(min=0)]))
    assert node([x]).shape == (2, 4, 4, 3)
    assert (node([x]) < 0).any()
    assert node.weights is None


def test_a_stage_feeds_its_sources_and_averages_its_ends() -> None:
    # 0 -> 2, 1 -> 2, 1 -> 3: 0 and 1 read the input, 2 and 3 are ends
    stage = RandwireStage({"nodes": 4, "channels": 5, "edges": [[0, 2], [1, 2], [1, 3]]}, 3, 0.0).eval()
    x = torch.randn(2, 3, 6, 6)
    first, second = stage.nodes[0]([x]), stage.nodes[1]([x])
    torch.testing.assert_close(stage(x), (stage.nodes[2]([first, second]) + stage.nodes[3]([second])) / 2)
    assert stage(x).shape == (2, 5, 3, 3)


def test_a_node_alone_is_fed_and_averaged_too() -> None:
    stage = RandwireStage({"nodes": 2, "channels": 4, "edges": []}, 3, 0.0).eval()
    x = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(stage(x), (stage.nodes[0]([x]) + stage.nodes[1]([x])) / 2)


def test_while_training_one_input_is_missed_with_the_probability_of_dropping_an_edge() -> None:
    torch.manual_seed(0)
    node = RandwireNode(1, 1, stride=1, degree=3, drop_edge=0.3)
    node.body = torch.nn.Sequential(torch.nn.Identity())
    values = [torch.full((2, 1, 1, 1), v) for v in (2.0, 20.0, 200.0)]
    sums = [tuple(node(values).flatten().tolist()) for _ in range(2_000)]
    assert {total for total, _ in sums} == {111.0, 110.0, 101.0, 11.0}  # never two of them
    assert all(a == b for a, b in sums)  # the whole batch misses it
    # 5 standard errors: 5 * sqrt(.3 * .7 / 2000) = 0.051
    assert mean(total != 111.0 for total, _ in sums) == pytest.approx(0.3, abs=0.051)
    assert mean(total == 11.0 for total, _ in sums) == pytest.approx(0.1, abs=0.034)
    assert node.eval()(values).flatten().tolist() == [111.0, 111.0]


@pytest.mark.parametrize("regime", ["small", "regular"])
def test_every_sample_learns_from_a_batch(regime: str) -> None:
    space = RandWire(channels=5, nodes=8, stages=2 if regime == "small" else 1, regime=regime, stem="cifar", head=16)
    rng = random.Random(0)
    for _ in range(8):
        network = build(space.sample(rng).spec, DIGITS)
        outputs = network(torch.randn(4, 1, 8, 8))
        assert outputs.shape == (4, 10)
        outputs.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"regime": "large"}, "regime .* must be one of small, regular, got 'large'"),
        ({"stem": "mnist"}, "stem .* must be one of imagenet, cifar, got 'mnist'"),
        ({"stages": [{"nodes": 3, "channels": 4, "edges": [[0, 1], [2, 1]]}]}, "stage 0 .* all less than 3"),
        ({"stages": [{"nodes": 3, "channels": 4, "edges": [[0, 3]]}]}, "stage 0 .* all less than 3"),
        ({"stages": [{"nodes": 3, "channels": 4, "edges": [[0, 1], [0, 1]]}]}, "distinct edges"),
        ({"stages": [{"nodes": 0, "channels": 4, "edges": []}]}, "must have nodes"),
    ],
)
def test_a_spec_that_is_none_of_the_space_is_refused(change: Any, message: str) -> None:
    spec = RandWire(channels=4, nodes=6, stages=1, stem="cifar").sample(random.Random(0)).spec
    with pytest.raises(SpaceError, match=message):
        build({**spec, **change}, DIGITS)


def test_images_that_are_too_small_are_refused() -> None:
    spec = RandWire(channels=4, nodes=6, stages=3).sample(random.Random(0)).spec
    with pytest.raises(SpaceError, match="halves the image 5 times and needs sides of at least 17 pixels, got 8x8"):
        build(spec, DIGITS)
