"""Counts are those of the authors' code, quark0/darts@f276dd3; PC-DARTS's genotype is that of yuhuixu1993/PC-DARTS@b74702f."""

import random
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_params, measure_costs
from searchitect.networks import published
from searchitect.networks.darts import DartsNetwork, build
from searchitect.networks.mixed import Mixed, choose_options, mixed_layers
from searchitect.networks.operations import DropPath, set_drop_path
from searchitect.spaces.darts import GENOTYPES, OPERATIONS, Darts

CIFAR10 = TaskInfo("cifar10", "image-classification", (3, 32, 32), 10, 50_000)
TINY = TaskInfo("tiny", "image-classification", (2, 8, 8), 4, 100)
IMAGENET: dict[str, Any] = {"stem": "imagenet", "channels": 48, "layers": 14}
IMAGE = {"input_shape": (3, 224, 224), "outputs": 1000}


@pytest.mark.parametrize(
    ("name", "settings", "task", "params", "with_auxiliary", "macs"),
    [
        ("darts-v1", {}, {}, 3_169_414, 3_645_840, 500_987_520),
        ("darts-v2", {}, {}, 3_349_342, 3_825_768, 528_359_040),
        ("nasnet-darts", {}, {}, 3_830_950, 4_288_944, 603_452_448),
        ("amoebanet-darts", {}, {}, 3_145_078, 3_603_072, 488_931_552),
        ("pc-darts-cifar", {}, {}, 3_634_678, 4_111_104, 556_670_592),
        ("darts-v2", {"channels": 16, "layers": 8}, {}, 246_106, None, 43_444_736),
        ("darts-v2", {"channels": 16}, {}, 710_682, None, 114_567_680),
        ("darts-v2", {}, {"outputs": 100}, 3_401_272, 3_946_908, 528_410_880),
        ("darts-v1", IMAGENET, IMAGE, 4_510_432, 5_771_208, 505_864_704),
        ("darts-v2", IMAGENET, IMAGE, 4_718_752, 5_979_528, 529_911_552),
        ("nasnet-darts", IMAGENET, IMAGE, 5_564_320, 6_800_520, 604_031_616),
        ("amoebanet-darts", IMAGENET, IMAGE, 4_627_360, 5_863_560, 526_746_624),
        ("pc-darts-cifar", IMAGENET, IMAGE, 5_270_560, None, 571_137_408),
    ],
)
def test_parameters_and_multiply_adds_are_the_published_ones(
    name: str, settings: dict[str, Any], task: dict[str, Any], params: int, with_auxiliary: int | None, macs: int
) -> None:
    shape = task.get("input_shape", (3, 32, 32))
    assert measure_costs(lambda: published(name, **settings, **task), shape, ["params", "macs"]) == {
        "params": params,
        "macs": macs,
    }
    if with_auxiliary is not None:
        larger = measure_costs(lambda: published(name, auxiliary=True, **settings, **task), shape, ["params"])
        assert larger == {"params": with_auxiliary}


@pytest.mark.parametrize(
    ("channels", "layers", "params", "macs"),
    [
        (16, 8, 1_930_618, 300_255_744),
        (8, 5, 394_210, 61_629_696),
        (8, 8, 597_890, 100_254_976),
        (4, 3, 72_854, 15_483_520),
    ],
)
def test_the_supernet_has_the_published_counts(channels: int, layers: int, params: int, macs: int) -> None:
    spec = Darts(channels=channels, layers=layers, none=True).open_spec()
    assert measure_costs(lambda: build(spec, CIFAR10), (3, 32, 32), ["params", "macs"]) == {"params": params, "macs": macs}


SMALL = Darts(channels=4, layers=4)


def supernet_of(space: Darts) -> nn.Module:
    torch.manual_seed(0)
    return build(space.open_spec(), TINY)


def test_the_choices_are_shared_by_all_cells_of_a_kind() -> None:
    layers = mixed_layers(supernet_of(SMALL))
    assert len(layers) == 2 * 4 + 28
    assert all(len(found) == 2 for found in layers.values())  # of four cells, two are reductions
    assert layers["normal/3/edges"][0].labels == ("0", "1", "2", "3", "4")
    assert layers["reduction/2/edges/3/op"][0].labels == OPERATIONS


def alone_weights(supernet: nn.Module, decisions: Any) -> dict[str, Tensor]:
    """The weights of the options taken, under the names that they have in the stand-alone network."""
    inside = re.compile(r"(cells\.\d+\.nodes\.\d+)\.options\.(\d+)\.layer\.options\.(\d+)\.(.*)")
    weights = {}
    for key, value in supernet.state_dict().items():
        found = inside.fullmatch(key)
        if found is None:
            weights[key] = value
            continue
        node = supernet.get_submodule(found[1])
        edge = supernet.get_submodule(f"{found[1]}.options.{found[2]}.layer")
        assert isinstance(node, Mixed)
        assert isinstance(edge, Mixed)
        taken, label = decisions[node.path], node.labels[int(found[2])]
        if label in taken and decisions[edge.path] == edge.labels[int(found[3])]:
            weights[f"{found[1]}.edges.{taken.index(label)}.layer.{found[4]}"] = value
    return weights


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("training", [True, False])
def test_a_decided_path_through_the_supernet_is_the_stand_alone_network(seed: int, training: bool) -> None:
    space = Darts(channels=4, layers=4, none=True)
    supernet = supernet_of(space)
    architecture = space.sample(random.Random(seed))
    alone = build(architecture.spec, TINY, searching=True)
    alone.load_state_dict(alone_weights(supernet, architecture.decisions))
    choose_options(supernet, architecture.decisions)
    x = torch.randn(4, 2, 8, 8)
    assert torch.equal(supernet.train(training)(x), alone.train(training)(x))


def sampled_with(operations: set[str], without: set[str] = frozenset()) -> Any:  # type: ignore[assignment]
    """A random spec that has some of ``operations``, and none of ``without``."""
    for seed in range(100_000):
        spec = SMALL.sample(random.Random(seed)).spec
        names = {e["op"] for cell in spec["cells"].values() for node in cell["nodes"] for e in node["edges"]}
        if names & operations and not names & without:
            return spec
    raise AssertionError("no such architecture")


POOLS = {"max_pool_3x3", "avg_pool_3x3"}


@pytest.mark.parametrize("has_pools", [False, True])
def test_what_is_searched_differs_from_what_is_trained_in_the_end_by_its_normalisations(has_pools: bool) -> None:
    spec = sampled_with(POOLS) if has_pools else sampled_with({"sep_conv_3x3"}, without=POOLS)
    torch.manual_seed(0)
    final = build(spec, TINY)
    torch.manual_seed(0)
    searched = build(spec, TINY, searching=True)
    assert isinstance(final, DartsNetwork)
    assert isinstance(searched, DartsNetwork)
    # only the final cells' normalisations have scale and shift
    norms = [module for module in final.cells.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(norm.affine for norm in norms)
    assert not any(module.affine for module in searched.cells.modules() if isinstance(module, nn.BatchNorm2d))
    assert count_params(final) - count_params(searched) == sum(2 * norm.num_features for norm in norms)
    # only the searched network normalises after a pool: without pools they start as one function
    x = torch.randn(4, 2, 8, 8)
    assert torch.equal(final(x), searched(x)) != has_pools
    assert any(isinstance(module, DropPath) for module in final.modules())
    assert not any(isinstance(module, DropPath) for module in searched.modules())


def test_paths_are_dropped_but_identities_are_not() -> None:
    with torch.device("meta"):
        network = published("darts-v2")
    assert isinstance(network, DartsNetwork)
    # of 8 edges, 2 of the normal cell and 3 of the reduction cell are identities; 18 and 2 cells
    assert sum(isinstance(module, DropPath) for module in network.modules()) == 18 * 6 + 2 * 5

    torch.manual_seed(0)
    small = build(Darts(channels=4, layers=4).from_genotype(GENOTYPES["darts-v2"]).spec, TINY)
    x = torch.randn(4, 2, 8, 8)
    torch.testing.assert_close(small(x), small(x))
    set_drop_path(small, 0.5)
    assert not torch.equal(small(x), small(x))
    small.eval()
    torch.testing.assert_close(small(x), small(x))


def test_the_auxiliary_head_answers_only_while_training() -> None:
    torch.manual_seed(0)
    spec = SMALL.from_genotype(GENOTYPES["darts-v1"]).spec
    network = build(spec, TINY, auxiliary=True)
    x = torch.randn(4, 2, 8, 8)
    assert count_params(network) - count_params(network.get_submodule("auxiliary")) == count_params(build(spec, TINY))
    outputs, auxiliary = network(x)
    assert outputs.shape == auxiliary.shape == (4, 4)
    auxiliary.sum().backward()
    # it stands after the second reduction, the third of four cells
    assert isinstance(network, DartsNetwork)
    reached = [any(p.grad is not None for p in cell.parameters()) for cell in network.cells]
    assert reached == [True, True, True, False]
    assert network.eval()(x).shape == (4, 4)


@pytest.mark.parametrize(("stem", "shape"), [("cifar", (1, 3, 3)), ("cifar", (3, 7, 9)), ("imagenet", (3, 17, 29))])
def test_odd_sides_are_halved_and_rounded_up(stem: str, shape: tuple[int, ...]) -> None:
    space = Darts(channels=4, layers=3, stem=stem)
    info = TaskInfo("odd", "image-classification", shape, 5, 10)
    specs = [space.from_genotype(GENOTYPES[name]).spec for name in ("darts-v2", "amoebanet-darts")]
    x = torch.randn(2, *shape)
    for spec in [*specs, space.open_spec()]:
        assert [y.shape for y in build(spec, info, auxiliary=True)(x)] == [(2, 5), (2, 5)]


@pytest.mark.parametrize(("stem", "side"), [("cifar", 2), ("imagenet", 16)])
def test_images_that_are_too_small_are_refused(stem: str, side: int) -> None:
    info = TaskInfo("small", "image-classification", (3, side, side), 5, 10)
    with pytest.raises(SpaceError, match=f"'darts' with the stem '{stem}' halves .*, got {side}x{side}"):
        build(Darts(stem=stem).open_spec(), info)


def test_a_malformed_spec_is_refused_in_one_sentence() -> None:
    spec = SMALL.from_genotype(GENOTYPES["darts-v2"]).spec
    spec["cells"]["reduction"]["nodes"][1]["edges"][0]["op"] = "sep_conv"
    with pytest.raises(SpaceError, match="node 1 of the reduction cell has an unknown operation 'sep_conv': did you mean"):
        build(spec, TINY)
