import random
from statistics import median

import pytest
import torch

from searchitect.core import TaskInfo
from searchitect.costs import measure_costs
from searchitect.networks import build
from searchitect.spaces import default_space
from searchitect.spaces.convnet import ConvNet


def image(side: int, channels: int = 1, outputs: int = 10) -> TaskInfo:
    return TaskInfo("images", "image-classification", (channels, side, side), outputs, 1000)


@pytest.mark.parametrize(
    ("side", "max_stages", "stem_strides"),
    [(4, 2, (1,)), (8, 3, (1,)), (28, 4, (1, 2)), (32, 4, (1, 2)), (64, 4, (2, 4)), (96, 4, (4, 8)), (224, 4, (4, 8))],
)
def test_stages_and_stem_fit_the_image_side(side: int, max_stages: int, stem_strides: tuple[int, ...]) -> None:
    space = ConvNet.for_task(image(side))
    assert (space.max_stages, space.stem_strides) == (max_stages, stem_strides)


def test_many_classes_get_wider_networks() -> None:
    assert ConvNet.for_task(image(32, outputs=100)).base_width > ConvNet.for_task(image(32)).base_width


def test_only_an_inverted_block_has_an_expansion() -> None:
    space = ConvNet()
    rng = random.Random(0)
    seen = set()
    for _ in range(200):
        for stage in space.sample(rng).spec["stages"]:
            for block in stage["body"]["blocks"]:
                seen.add(stage["body"]["kind"])
                assert ("expansion" in block) == ("squeeze" in block) == (stage["body"]["kind"] == "inverted")
    assert seen == {"plain", "residual", "separable", "inverted"}


def test_widths_double_from_stage_to_stage_and_every_stage_but_the_first_halves_the_side() -> None:
    opened = ConvNet(base_width=16, max_stages=3).open_spec()
    widths = [stage["width"].labels for stage in opened["stages"].bodies]
    assert widths == [[8, 12, 16, 24, 32], [16, 24, 32, 48, 64], [32, 48, 64, 96, 128]]
    assert opened["stages"].bodies[0]["downsample"] == "none"
    assert [list(stage["downsample"].labels) for stage in opened["stages"].bodies[1:]] == [["stride", "pool"]] * 2


@pytest.mark.parametrize(("side", "low", "high", "small"), [(8, 30e3, 90e3, 0.15), (28, 50e3, 200e3, 0.08)])
def test_random_networks_are_small_enough_to_train_on_a_processor(side: int, low: float, high: float, small: float) -> None:
    info = image(side)
    space = default_space(info)
    rng = random.Random(0)
    costs = []
    for _ in range(60):
        spec = space.sample(rng).spec
        costs.append(measure_costs(lambda spec=spec: build(space, spec, info), info.input_shape, ["params", "macs"]))
    params = [cost["params"] for cost in costs]
    assert low <= median(params) <= high
    assert sum(count < 20_000 for count in params) >= small * len(params)
    assert median(cost["macs"] for cost in costs) < 20e6


def test_decisions_of_a_smaller_space_remain_decisions_of_a_larger_one() -> None:
    small = ConvNet(max_stages=2, max_depth=2).sample(random.Random(3))
    assert ConvNet(max_stages=4, max_depth=3).decide(small.decisions) == small


def test_building_leaves_out_nothing_of_the_spec() -> None:
    """Every decision changes the network that is built."""
    space, info = ConvNet.for_task(image(28)), image(28)
    rng = random.Random(1)
    parent = space.sample(rng)
    for _ in range(60):
        child = space.mutate(parent, rng)
        with torch.device("meta"):
            assert str(build(space, child.spec, info)) != str(build(space, parent.spec, info)), (parent, child)
        parent = child
