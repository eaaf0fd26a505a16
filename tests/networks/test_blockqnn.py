import random
from typing import Any

import pytest
import torch
from torch import nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_params
from searchitect.networks.blockqnn import BlockQnnAdd, BlockQnnBlock, BlockQnnConcat, build
from searchitect.spaces.blockqnn import BlockQnn

from .exported import onnx_answers

TINY = TaskInfo("tiny", "image-classification", (3, 9, 7), 4, 100)


def layer(op: str, *sources: int, kernel: int = 0) -> Any:
    return {"op": op, "kernel": kernel, "from": list(sources)}


def conv(inputs: int, outputs: int, kernel: int) -> int:
    """Parameters of a convolution without bias and of its normalisation."""
    return inputs * outputs * kernel**2 + 2 * outputs


def test_the_network_of_the_paper_has_a_stem_three_stages_of_four_blocks_and_widths_32_64_128() -> None:
    spec = BlockQnn().from_codes([(1, 1, 3, 0, 0)]).spec
    with torch.device("meta"):
        network = build(spec, TaskInfo("cifar10", "image-classification", (3, 32, 32), 10, 50_000))
    assert isinstance(network, nn.Sequential)
    blocks = [module for module in network if isinstance(module, BlockQnnBlock)]
    assert [block.width for block in blocks] == [32] * 4 + [64] * 4 + [128] * 4
    assert sum(isinstance(module, nn.MaxPool2d) for module in network) == 2
    stages = [4 * conv(32, 32, 3), conv(32, 64, 3) + 3 * conv(64, 64, 3), conv(64, 128, 3) + 3 * conv(128, 128, 3)]
    assert count_params(network) == conv(3, 32, 3) + sum(stages) + 128 * 10 + 10


@pytest.mark.parametrize(
    ("block", "params", "width"),
    [
        ([layer("identity", 0)], 0, 6),  # nothing that changes the width
        ([layer("max_pool", 0, kernel=3), layer("avg_pool", 1, kernel=3)], 0, 6),
        ([layer("conv", 0, kernel=5)], conv(6, 8, 5), 8),
        # a sum of unequal widths: the narrower is adapted
        ([layer("conv", 0, kernel=1), layer("add", 0, 1)], conv(6, 8, 1) + conv(6, 8, 1), 8),
        ([layer("conv", 0, kernel=1), layer("conv", 1, kernel=3), layer("add", 2, 1)], conv(6, 8, 1) + conv(8, 8, 3), 8),
        ([layer("conv", 0, kernel=1), layer("concat", 0, 1)], conv(6, 8, 1) + conv(14, 8, 1), 8),
        # two that nobody reads are concatenated
        ([layer("conv", 0, kernel=1), layer("identity", 0)], conv(6, 8, 1) + conv(14, 8, 1), 8),
        ([layer("identity", 0), layer("identity", 0), layer("identity", 0)], conv(18, 8, 1), 8),
    ],
)
def test_parameters_and_widths_of_a_block(block: Any, params: int, width: int) -> None:
    made = BlockQnnBlock(block, 6, 8)
    assert (count_params(made), made.width) == (params, width)
    assert made(torch.randn(2, 6, 5, 4)).shape == (2, width, 5, 4)


def test_a_block_computes_what_its_codes_say() -> None:
    torch.manual_seed(0)
    block = BlockQnnBlock(
        [layer("conv", 0, kernel=3), layer("max_pool", 1, kernel=3), layer("add", 1, 2), layer("avg_pool", 0, kernel=3)], 8, 8
    )
    x = torch.randn(2, 8, 5, 4)
    relu, convolution, norm = block.layers[0].children()
    first = norm(convolution(x.relu()))  # the pre-activation order
    total = first + nn.functional.max_pool2d(first, 3, 1, 1)
    mean = nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    assert isinstance(block.output, BlockQnnConcat)
    expected = block.output.conv(torch.cat([total, mean], 1))
    torch.testing.assert_close(block(x), expected)
    assert isinstance(relu, nn.ReLU)


def test_the_order_of_a_sum_does_not_matter() -> None:
    torch.manual_seed(0)
    add = BlockQnnAdd([3, 5])
    swapped = BlockQnnAdd([5, 3])
    swapped.adapted = nn.ModuleList(reversed(add.adapted))
    narrow, wide = torch.randn(2, 3, 4, 4), torch.randn(2, 5, 4, 4)
    torch.testing.assert_close(add(narrow, wide), swapped(wide, narrow))


def test_every_sample_learns_with_all_its_weights() -> None:
    space = BlockQnn(layers=8, blocks=2, channels=4)
    rng = random.Random(0)
    for _ in range(12):
        network = build(space.sample(rng).spec, TINY)
        outputs = network(torch.randn(4, *TINY.input_shape))
        assert outputs.shape == (4, 4)
        outputs.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ([], "must have at least one layer"),
        ([layer("sep_conv", 0)], "layer 1 .* unknown operation 'sep_conv': did you mean 'conv'"),
        ([layer("conv", 0)], "layer 1 .* must have an odd kernel of at least 1, got 0"),
        ([layer("conv", 1, kernel=3)], r"layer 1 .*, conv, must read 1 of 0 to 0, each once, got \[1\]"),
        ([layer("conv", 0, 0, kernel=3)], "conv, must read 1 of 0 to 0, each once"),
        ([layer("identity", 0), layer("add", 1)], r"layer 2 .*, add, must read 2 of 0 to 1, each once, got \[1\]"),
        ([layer("identity", 0), layer("concat", 1, 1)], "concat, must read 2 of 0 to 1, each once"),
    ],
)
def test_a_block_that_is_none_is_refused(block: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        build({"channels": 4, "stages": 1, "blocks": 1, "block": block}, TINY)


def test_images_too_small_for_the_stages_are_refused() -> None:
    spec = BlockQnn().sample(random.Random(0)).spec
    with pytest.raises(SpaceError, match="halves the image 2 times and needs sides of at least 3 pixels, got 2x2"):
        build(spec, TaskInfo("specks", "image-classification", (1, 2, 2), 2, 10))


def test_it_can_be_exported_to_onnx() -> None:
    torch.manual_seed(0)
    block = [layer("conv", 0, kernel=3), layer("avg_pool", 0, kernel=3), layer("add", 0, 1), layer("concat", 2, 1)]
    network = build({"channels": 4, "stages": 2, "blocks": 1, "block": block}, TINY).eval()
    x = torch.randn(2, *TINY.input_shape)
    torch.testing.assert_close(onnx_answers(network, x), network(x).detach(), rtol=1e-4, atol=1e-4)
