import random
from typing import Any

import pytest

from searchitect.core import Architecture, SettingError, TaskInfo
from searchitect.networks.mnasnet import MNASNET_EXPANSIONS, MNASNET_SHORTCUTS
from searchitect.single import resized
from searchitect.spaces import find_published
from searchitect.spaces.mnasnet import EFFICIENTNETS, OPERATIONS, SKIPS, MnasNet

FIVE: dict[str, Any] = {"filters": (16,) * 5, "repeats": (3,) * 5, "strides": (1,) * 5}


def test_a_block_has_432_ways_and_five_have_the_number_of_the_paper() -> None:
    # section 4.1: S = 432 sub-spaces per block, B = 5 blocks, against (S^3)^5 without the factorisation
    assert MnasNet(**FIVE).size() == 432**5 == pytest.approx(1.5e13, rel=0.01)
    assert pytest.approx(3.4e39, rel=0.01) == (432**3) ** 5


def test_a_base_of_a_single_layer_cannot_have_one_less() -> None:
    assert MnasNet().size() == 432**5 * 288**2
    counts = {architecture.decisions["blocks/0/layers"] for architecture in draws(MnasNet(), 50)}
    assert counts == {1, 2}


def test_the_size_is_the_number_of_architectures() -> None:
    space = MnasNet(filters=(8,), repeats=(2,), strides=(2,))
    everything = list(space.enumerate())
    assert len({tuple(found.decisions.items()) for found in everything}) == space.size() == 432
    # of 8 filters 0.75 and 1 times are the same, and a single layer has no skip: 4*2*2 * 2 * (1 + 3 + 3)
    assert len({space.key(found) for found in everything}) == 16 * 2 * 7


def draws(space: MnasNet, count: int) -> list[Architecture]:
    rng = random.Random(0)
    return [space.sample(rng) for _ in range(count)]


def test_all_layers_of_a_block_share_its_decisions() -> None:
    space = MnasNet()
    for architecture in draws(space, 50):
        for place, block in enumerate(architecture.spec["blocks"]):
            made = {key: architecture.decisions[f"blocks/{place}/{key}"] for key in ("op", "kernel", "squeeze", "skip")}
            assert block["layers"] == [made] * architecture.decisions[f"blocks/{place}/layers"]
            factor = float(architecture.decisions[f"blocks/{place}/filters"])
            assert abs(block["filters"] - factor * space.filters[place]) <= 6
    assert len(architecture.decisions) == 6 * 7


def base(space: MnasNet, **changes: Any) -> Architecture:
    """The base network of inverted bottlenecks, with some decisions changed (``b0_op`` is that of block 0)."""
    decisions: dict[str, Any] = {}
    for place, repeats in enumerate(space.repeats):
        block = {"op": "mbconv_e6", "kernel": 3, "squeeze": 0.0, "skip": "identity", "filters": "1", "layers": repeats}
        decisions |= {f"blocks/{place}/{key}": value for key, value in block.items()}
    return space.decide({**decisions, **{f"blocks/{name[1:].replace('_', '/')}": value for name, value in changes.items()}})


def test_only_the_skip_of_a_single_layer_makes_no_difference() -> None:
    space = MnasNet(filters=(16, 32), repeats=(1, 2), strides=(1, 2), divisor=1)
    same = {space.key(base(space, b0_skip=skip)) for skip in SKIPS}
    assert len(same) == 1
    others = [
        *(base(space, b0_layers=2, b0_skip=skip) for skip in SKIPS),
        *(base(space, b1_skip=skip) for skip in ("pool", "none")),
        *(base(space, b0_op=op) for op in OPERATIONS[:3]),
        base(space, b0_kernel=5),
        base(space, b0_squeeze=0.25),
        base(space, b0_filters="0.75"),
    ]
    assert len({space.key(other) for other in others} | same) == 1 + len(others)


def test_scaling_changes_sizes_and_no_decision() -> None:
    small = MnasNet(filters=(16, 24), repeats=(2, 3), strides=(1, 2))
    for architecture in draws(small, 20):
        for settings in ({"width": 1.4}, {"depth": 1.8}, {"width": 2.0, "depth": 3.1, "dropout": 0.5}):
            space, spec = resized(small, architecture.spec, architecture.decisions, settings)
            assert isinstance(space, MnasNet)
            assert space.decide(architecture.decisions).spec == spec
            for old, new in zip(architecture.spec["blocks"], spec["blocks"], strict=True):
                assert new["layers"][0] == old["layers"][0]
                assert len(new["layers"]) == -(-len(old["layers"]) * round(10 * space.depth) // 10)
                assert new["filters"] >= 0.9 * space.width * 0.75 * 16
    assert space.size() == small.size()
    assert "open" not in space.abilities()


def test_stem_and_head_are_scaled_too() -> None:
    spec = find_published("efficientnet-b4").make()[1]
    assert (spec["stem"]["filters"], spec["head"]["filters"], spec["head"]["dropout"]) == (48, 1792, 0.4)
    assert [block["filters"] for block in spec["blocks"]] == [24, 32, 56, 112, 160, 272, 448]
    assert [len(block["layers"]) for block in spec["blocks"]] == [2, 4, 4, 6, 6, 8, 2]


def test_the_larger_efficientnets_are_the_first_one_scaled() -> None:
    first, architecture = find_published("efficientnet-b0").architecture()
    for name, (width, depth, side, dropout) in EFFICIENTNETS.items():
        entry = find_published(f"efficientnet-{name}")
        assert entry.input_shape == (3, side, side)
        settings = {"width": width, "depth": depth, "dropout": dropout}
        assert resized(first, architecture.spec, architecture.decisions, settings)[1] == entry.make()[1]


@pytest.mark.parametrize(
    ("name", "blocks"),
    [  # as the authors' code writes them, without strides
        (
            "mnasnet-a1",
            "r1_k3_e1_o16_noskip r2_k3_e6_o24 r3_k5_e3_o40_se0.25 r4_k3_e6_o80 r2_k3_e6_o112_se0.25 r3_k5_e6_o160_se0.25 r1_k3_e6_o320",
        ),
        (
            "mnasnet-b1",
            "r1_k3_e1_o16_noskip r3_k3_e3_o24 r3_k5_e3_o40 r3_k5_e6_o80 r2_k3_e6_o96 r4_k5_e6_o192 r1_k3_e6_o320_noskip",
        ),
        (
            "efficientnet-b0",
            "r1_k3_e1_o16_se0.25 r2_k3_e6_o24_se0.25 r2_k5_e6_o40_se0.25 r3_k3_e6_o80_se0.25 r3_k5_e6_o112_se0.25 r4_k5_e6_o192_se0.25 "
            "r1_k3_e6_o320_se0.25",
        ),
    ],
)
def test_published_architectures_are_those_of_the_authors_code(name: str, blocks: str) -> None:
    space, architecture = find_published(name).architecture()
    written = []
    for block in architecture.spec["blocks"]:
        layer = block["layers"][0]
        words = f"r{len(block['layers'])}_k{layer['kernel']}_e{MNASNET_EXPANSIONS[layer['op']]}_o{block['filters']}"
        words += f"_se{layer['squeeze']:g}" if layer["squeeze"] else ""
        written.append(words + ("_noskip" if layer["skip"] == "none" else ""))
    assert " ".join(written) == blocks
    assert [block["stride"] for block in architecture.spec["blocks"]] == [1, 2, 2, 2, 1, 2, 1]
    assert space.decide(architecture.decisions) == architecture


def test_the_operations_and_skips_have_layers() -> None:
    assert tuple(MNASNET_EXPANSIONS) == OPERATIONS
    assert tuple(MNASNET_SHORTCUTS) == SKIPS


@pytest.mark.parametrize(
    ("side", "stem_stride", "strides"),
    [(1, 1, (1, 1, 1, 1)), (4, 1, (1, 2, 1, 1)), (8, 1, (1, 2, 2, 1)), (32, 1, (1, 2, 2, 2)), (224, 2, (1, 2, 2, 2))],
)
def test_an_image_is_halved_while_it_has_four_pixels(side: int, stem_stride: int, strides: tuple[int, ...]) -> None:
    space = MnasNet.for_task(TaskInfo("t", "image-classification", (3, side, 2 * side), 10, 100))
    assert (space.stem_stride, space.strides) == (stem_stride, strides)
    # the factors of the filters make a difference
    assert space.size() == 432**4
    assert all(len({round(f * filters) for f in (0.75, 1, 1.25)}) == 3 for filters in space.filters)
    assert len({block["filters"] for found in draws(space, 100) for block in found.spec["blocks"]}) >= 8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"filters": (16,)}, "must have one number for each block, got 1, 7 and 7"),
        ({"filters": (), "repeats": (), "strides": ()}, "must have one number for each block, got 0, 0 and 0"),
        ({**FIVE, "repeats": [2, 2, 2, 2, 0]}, "repeats of the space 'mnasnet' must be at least 1"),
        ({**FIVE, "strides": [2, 2, 2, 2, 3]}, "strides of the space 'mnasnet' must be 1 or 2"),
        ({"stem_stride": 4}, "stem_stride of the space 'mnasnet' must be 1 or 2, got 4"),
        ({"head": 0}, "head of the space 'mnasnet' must be at least 1, got 0"),
        ({"activation": "tanh"}, "activation of the space 'mnasnet' must be one of relu, silu, gelu, hardswish, got 'tanh'"),
        ({"dropout": 1.0}, r"dropout of the space 'mnasnet' must lie in \[0, 1\), got 1.0"),
        ({"width": 0.0}, "width of the space 'mnasnet' must be above 0, got 0.0"),
        ({"depth": float("nan")}, "depth of the space 'mnasnet' must be above 0, got nan"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        MnasNet(**settings)


def test_settings_that_change_what_is_decided_are_refused_for_a_published_network() -> None:
    with pytest.raises(SettingError, match="more than a size in the space 'mnasnet'"):
        find_published("mnasnet-a1").make(filters=(16, 24), repeats=(1, 2), strides=(1, 2))
