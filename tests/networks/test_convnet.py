import pytest
import torch
from torch import nn

from searchitect.core import TaskInfo
from searchitect.networks.convnet import build, inverted_block, residual_block

DIGITS = TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000)


def spec_of(kind: str, downsample: str = "stride", **block: object) -> dict[str, object]:
    body = {"kind": kind, "blocks": [{"kernel": 3, **block}]}
    return {
        "stem": {"width": 4, "stride": 1},
        "activation": "relu",
        "stages": [
            {"width": 4, "downsample": "none", "body": body},
            {"width": 8, "downsample": downsample, "body": body},
        ],
        "head": {"grid": 1, "dropout": 0.0},
    }


# stem 9*1*4 weights + 8 of the normalisation; head 8*10 + 10
STEM_AND_HEAD = 44 + 90


@pytest.mark.parametrize(
    ("kind", "block", "by_hand"),
    [
        ("plain", {}, (9 * 4 * 4 + 8) + (9 * 4 * 8 + 16)),
        ("residual", {}, 2 * (9 * 4 * 4 + 8) + (9 * 4 * 8 + 16) + (9 * 8 * 8 + 16) + (4 * 8 + 16)),
        ("separable", {}, (9 * 4 + 8 + 4 * 4 + 8) + (9 * 4 + 8 + 4 * 8 + 16)),
        (
            "inverted",
            {"expansion": 2, "squeeze": False},
            (4 * 8 + 16 + 9 * 8 + 16 + 8 * 4 + 8) + (4 * 8 + 16 + 9 * 8 + 16 + 8 * 8 + 16),
        ),
        (
            "inverted",  # squeeze-and-excite of 8 channels through 4: 8*4 + 4 + 4*8 + 8
            {"expansion": 2, "squeeze": True},
            (4 * 8 + 16 + 9 * 8 + 16 + 76 + 8 * 4 + 8) + (4 * 8 + 16 + 9 * 8 + 16 + 76 + 8 * 8 + 16),
        ),
    ],
)
def test_the_parameters_of_each_block_kind_are_those_counted_by_hand(kind: str, block: dict[str, object], by_hand: int) -> None:
    network = build(spec_of(kind, **block), DIGITS)
    assert sum(p.numel() for p in network.parameters()) == STEM_AND_HEAD + by_hand


@pytest.mark.parametrize("downsample", ["stride", "pool"])
@pytest.mark.parametrize(("side", "halved"), [(8, 4), (7, 4), (2, 1), (1, 1)])
def test_a_stage_halves_the_side_and_rounds_up(downsample: str, side: int, halved: int) -> None:
    network = build(spec_of("residual", downsample), DIGITS)
    assert isinstance(network, nn.Sequential)
    assert network[:-1](torch.rand(2, 1, side, side)).shape == (2, 8, halved, halved)


def test_a_residual_block_starts_as_its_shortcut() -> None:
    block = residual_block({"kernel": 3}, 4, 4, 1, "relu")
    x = torch.rand(3, 4, 6, 6)  # not negative, so that the last activation keeps it
    torch.testing.assert_close(block(x), x)


def test_an_inverted_block_adds_its_input_only_where_the_shape_stays() -> None:
    settings = {"kernel": 3, "expansion": 2, "squeeze": False}
    x = torch.randn(3, 4, 6, 6)
    torch.testing.assert_close(inverted_block(settings, 4, 4, 1, "silu")(x), x)
    assert not hasattr(inverted_block(settings, 4, 8, 1, "silu"), "shortcut")
    assert not hasattr(inverted_block(settings, 4, 4, 2, "silu"), "shortcut")


def test_a_grid_keeps_the_quarters_of_the_image_apart() -> None:
    spec = spec_of("plain")
    spec["head"] = {"grid": 2, "dropout": 0.0}
    network = build(spec, DIGITS)
    assert isinstance(network, nn.Sequential)
    head = network[-1]
    assert isinstance(head, nn.Sequential)
    pooled = head[:2](torch.arange(16.0).reshape(1, 1, 4, 4))
    assert pooled.tolist() == [[2.5, 4.5, 10.5, 12.5]]
    assert head[-1].in_features == 8 * 4
