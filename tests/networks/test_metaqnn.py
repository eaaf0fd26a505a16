import random
from typing import Any

import pytest
import torch
from torch import nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_params
from searchitect.networks import published
from searchitect.networks.metaqnn import MetaQnnPool, build
from searchitect.spaces.metaqnn import MetaQnn, pooled

from .exported import onnx_answers

TINY = TaskInfo("tiny", "image-classification", (3, 9, 8), 4, 100)


@pytest.mark.parametrize(
    ("name", "floor", "ceil", "paper"),
    [
        # parameters with biases; the paper's appendix gives millions, which only floor reaches (11.31, 2.22, 2.47, 2.54 with ceil)
        ("metaqnn-1", 11_263_754, 11_309_834, "11.26"),
        ("metaqnn-2", 2_193_354, 2_218_954, "2.19"),
        ("metaqnn-3", 2_456_586, 2_466_186, "2.46"),
        ("metaqnn-4", 1_617_930, 2_535_434, "1.62"),
    ],
)
def test_parameters_are_the_published_ones(name: str, floor: int, ceil: int, paper: str) -> None:
    with torch.device("meta"):
        assert count_params(published(name)) == floor
        assert count_params(published(name, rounding="ceil")) == ceil
    assert f"{floor / 1e6:.2f}" == paper


def test_the_last_map_of_the_first_has_4_pixels_a_side_or_5() -> None:
    with torch.device("meta"):
        heads = [list(published("metaqnn-1", rounding=rounding).children())[-1] for rounding in ("floor", "ceil")]
    assert [head.in_features for head in heads] == [512 * 4 * 4, 512 * 5 * 5]


@pytest.mark.parametrize("rounding", ["ceil", "floor"])
@pytest.mark.parametrize(("field", "stride"), [(5, 3), (3, 2), (2, 2)])
def test_pools_give_the_sizes_that_the_space_counts_with(rounding: str, field: int, stride: int) -> None:
    pool = MetaQnnPool(field, stride, rounding)
    for side in range(field + stride - 1, 20):
        x = torch.arange(float(side)).expand(1, 1, side, side)
        y = pool(x)
        count = pooled(side, field, stride, rounding)
        assert y.shape == (1, 1, count, count)
        assert y[0, 0, 0].tolist() == [place * stride + field - 1 for place in range(count)]  # whole windows from the left


def test_dropout_follows_every_second_layer_and_grows_to_a_half() -> None:
    spec = MetaQnn(side=8).from_string("C(64,3) C(64,3) P(2,2) C(64,3) C(64,1) C(64,3) P(2,2) SM").spec
    with torch.device("meta"):
        kinds = [module for module in build(spec, TINY).children() if not isinstance(module, nn.ReLU)]
    assert [type(module) for module in kinds] == [
        *(nn.Conv2d, nn.Conv2d, nn.Dropout),
        *(MetaQnnPool, nn.Conv2d, nn.Dropout),
        *(nn.Conv2d, nn.Conv2d, nn.Dropout),
        *(MetaQnnPool, nn.Flatten, nn.Linear),
    ]
    rates = [module.p for module in kinds if isinstance(module, nn.Dropout)]
    assert rates == [pytest.approx(rate) for rate in (1 / 6, 2 / 6, 3 / 6)]


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("C(8,3) GAP", (3 * 9 + 1) * 8 + (8 + 1) * 4),
        ("C(8,3) SM", (3 * 9 + 1) * 8 + (8 * 9 * 8 + 1) * 4),
        # 9x8 -> 5x4 -> linear
        ("C(8,5) P(2,2) FC(6) FC(6) SM", (3 * 25 + 1) * 8 + (8 * 4 * 4 + 1) * 6 + (6 + 1) * 6 + (6 + 1) * 4),
        ("SM", (3 * 9 * 8 + 1) * 4),
    ],
)
def test_parameters_follow_the_true_sizes_of_the_images(text: str, params: int) -> None:
    spec = MetaQnn(side=8, filters=(8,), units=(6,)).from_string(text).spec
    assert count_params(build(spec, TINY)) == params


def test_every_sample_learns_with_all_its_weights() -> None:
    space = MetaQnn.for_task(TINY)
    rng = random.Random(0)
    for _ in range(30):
        network = build(space.sample(rng).spec, TINY)
        outputs = network(torch.randn(4, *TINY.input_shape))
        assert outputs.shape == (4, 4)
        outputs.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_weights_start_as_glorot_and_bengio_draw_them_and_biases_at_0() -> None:
    torch.manual_seed(0)
    spec = MetaQnn(side=8).from_string("C(256,3) P(2,2) C(512,3) FC(128) SM").spec
    for module in build(spec, TINY).children():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            fans = (module.weight[0].numel(), module.weight.numel() // module.weight.shape[1])  # in and out
            limit = (6 / sum(fans)) ** 0.5
            assert 0.95 * limit < module.weight.abs().max() <= limit
            assert module.bias is not None
            assert not module.bias.any()


def broken(head: str = "softmax", rounding: str = "ceil", **changes: Any) -> Any:
    layers = [{"kind": "conv", "filters": 8, "kernel": 3}, {"kind": "conv", "filters": 8, "kernel": 3} | changes]
    return {"layers": layers, "head": head, "rounding": rounding}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (broken(head="max"), "must have the head 'softmax' or 'average' .* got 'max' and 'ceil'"),
        (broken(rounding="up"), "got 'softmax' and 'up'"),
        (broken(kind="lstm"), "layer 2 of a spec .* must be a conv with filters and kernel"),
        (broken(filters=None), "layer 2 of a spec .* must be a conv with filters and kernel"),
        (broken(kernel=4), "the kernel of layer 2 .* must be odd, got 4"),
        (broken(kind="pool"), "layer 2 of a spec .* a pool with kernel and stride"),
        (broken(kind="linear", units=3, head="average"), "with a linear layer must have the head 'softmax'"),
        (
            {"layers": [{"kind": "linear", "units": 3}, *broken()["layers"]], "head": "softmax", "rounding": "ceil"},
            "layer 2 .* is a conv behind a linear layer",
        ),
    ],
)
def test_a_spec_that_is_none_is_refused(spec: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        build(spec, TINY)


def test_images_too_small_for_the_pools_are_refused() -> None:
    spec = MetaQnn().from_string("C(64,3) P(5,3) C(64,3) P(5,3) SM").spec
    with pytest.raises(SpaceError, match=r"layer 4 .* a pool of 5x5 with stride 3, does not fit the 2x2 that is left"):
        build(spec, TaskInfo("digits", "image-classification", (1, 8, 8), 10, 100))


def test_it_can_be_exported_to_onnx() -> None:
    torch.manual_seed(0)
    spec = MetaQnn(side=8, filters=(8,), units=(6,), rounding="floor").from_string("C(8,3) P(2,2) FC(6) SM").spec
    network = build(spec, TINY).eval()
    x = torch.randn(2, *TINY.input_shape)
    torch.testing.assert_close(onnx_answers(network, x), network(x).detach(), rtol=1e-4, atol=1e-4)
