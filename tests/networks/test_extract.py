"""A network that inherits from a supernet computes what the supernet does with the same options."""

import random
from collections.abc import Callable
from inspect import signature
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import Architecture, Space, SpaceError, TaskInfo
from searchitect.networks import build, find_build
from searchitect.networks.extract import inherit
from searchitect.networks.mixed import choose_options
from searchitect.spaces.amoebanet import Amoebanet
from searchitect.spaces.convnet import ConvNet
from searchitect.spaces.darts import Darts
from searchitect.spaces.darts_rnn import DartsRnn
from searchitect.spaces.enas_macro import EnasMacro
from searchitect.spaces.enas_micro import EnasMicro
from searchitect.spaces.enas_rnn import EnasRnn
from searchitect.spaces.mlp import Mlp
from searchitect.spaces.mnasnet import MnasNet
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.spaces.nasbench_macro import NasBenchMacro
from searchitect.spaces.nasnet import Nasnet
from searchitect.spaces.nemo import Nemo
from searchitect.spaces.pnas import Pnas

IMAGES = TaskInfo("tiny", "image-classification", (2, 8, 8), 3, 100)
TABLE = TaskInfo("table", "table-classification", (5,), 3, 500, cardinalities=(4, 9))  # three numbers, two columns of codes
NUMBERS = TaskInfo("numbers", "table-regression", (4,), 1, 500)
TEXT = TaskInfo("text", "language-modelling", (5,), 7, 100)

STACK: dict[str, Any] = {"channels": 4, "cells": 1, "blocks": 2, "stages": 2}
SPACES: list[tuple[Space, TaskInfo]] = [
    (Darts(channels=4, layers=3, nodes=2), IMAGES),
    (Nasnet(**STACK), IMAGES),
    (Amoebanet(**STACK), IMAGES),
    (Pnas(**STACK), IMAGES),
    (EnasMicro(channels=4, layers=3, nodes=2), IMAGES),
    (EnasMacro(channels=4, layers=4), IMAGES),
    (NasBench201(channels=4, cells=1), IMAGES),
    (NasBenchMacro(channels=4, stages=(1, 2), head=8), IMAGES),
    (MnasNet(filters=(4, 8), repeats=(1, 2), strides=(1, 2), stem_filters=4, stem_stride=1, head=8, divisor=1), IMAGES),
    (Nemo(widths=(3, 4, 6, 5)), IMAGES),
    (Nemo(net="all-cnn", widths=(3, 4, 3, 5, 4, 5, 4, 3)), IMAGES),
    (DartsRnn(hidden=6, nodes=3), TEXT),
    (EnasRnn(hidden=6, nodes=4), TEXT),
    (ConvNet(base_width=4, max_stages=2, max_depth=2, stem_strides=(1, 2)), IMAGES),
    (Mlp(max_depth=2, max_width=64), TABLE),
    (Mlp(max_depth=2, max_width=64, categorical=False), NUMBERS),
]


@pytest.fixture(autouse=True)
def seeded() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def inputs(info: TaskInfo) -> Tensor:
    if info.kind == "language-modelling":
        return torch.randint(info.outputs, (4, *info.input_shape))
    x = torch.randn(4, *info.input_shape)
    for place, codes in enumerate(info.cardinalities):
        x[:, info.numeric + place] = torch.randint(codes, (4,))
    return x


def stir(network: nn.Module) -> None:
    """Parameters and running statistics with which no two layers are alike, and none is without effect."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.5)
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)):
                if module.weight is not None:
                    nn.init.uniform_(module.weight, 0.5, 1.5)
                    nn.init.normal_(module.bias, std=0.3)
                if not isinstance(module, nn.LayerNorm):
                    nn.init.normal_(module.running_mean, std=0.3)  # type: ignore[arg-type]
                    nn.init.uniform_(module.running_var, 0.05, 0.5)  # type: ignore[arg-type]


def like_the_supernet(space: Space, architecture: Architecture, info: TaskInfo) -> nn.Module:
    """The decided network that computes as the supernet does while one searches.

    The networks that DARTS and ENAS train in the end have other normalisations, strides and joints, so that theirs are built
    with ``searching=True``. The cells of NASNet's kind give out all nodes in the supernet, where final ones give out those that
    no node reads: here they are asked for all.
    """
    spec: Any = architecture.spec
    if isinstance(space, (Nasnet, Amoebanet, Pnas)):
        spec = {**spec, "cells": {kind: {**cell, "concat": "all"} for kind, cell in spec["cells"].items()}}
    make: Callable[..., nn.Module] = find_build(space)
    return make(spec, info, searching=True) if "searching" in signature(make).parameters else make(spec, info)


@pytest.mark.parametrize(("space", "info"), SPACES, ids=[f"{space.name}-{info.name}" for space, info in SPACES])
def test_the_heir_computes_what_the_supernet_does_with_its_options(space: Space, info: TaskInfo) -> None:
    supernet = build(space, space.open_spec(), info)
    stir(supernet)
    x = inputs(info)
    for seed in range(6):
        architecture = space.sample(random.Random(seed))
        alone = like_the_supernet(space, architecture, info)
        inherit(supernet, alone, architecture.decisions)
        choose_options(supernet, architecture.decisions)
        expected = supernet.eval()(x)
        assert expected.flatten(1).std(0).mean() > 1e-3  # it looks at its input
        torch.testing.assert_close(alone.eval()(x), expected, rtol=1e-5, atol=1e-5)


def test_a_final_network_inherits_all_but_what_is_there_while_one_searches() -> None:
    space = Darts(channels=4, layers=3, nodes=2)
    supernet = build(space, space.open_spec(), IMAGES)
    stir(supernet)
    architecture = space.sample(random.Random(3))
    final, searched = build(space, architecture.spec, IMAGES), like_the_supernet(space, architecture, IMAGES)
    for module in final.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
    for network in (final, searched):
        inherit(supernet, network, architecture.decisions)
    convolutions = [[m.weight for m in n.modules() if isinstance(m, (nn.Conv2d, nn.Linear))] for n in (final, searched)]
    assert all(torch.equal(a, b) for a, b in zip(*convolutions, strict=True))
    inside = [m for n, m in final.named_modules() if isinstance(m, nn.BatchNorm2d) and ".nodes." in n]
    assert all(torch.equal(m.weight, torch.ones_like(m.weight)) and not m.bias.any() for m in inside)
    if not any(
        "pool" in edge["op"] for cell in architecture.spec["cells"].values() for n in cell["nodes"] for edge in n["edges"]
    ):
        x = inputs(IMAGES)
        torch.testing.assert_close(final.eval()(x), searched.eval()(x))


def test_final_recurrent_networks_inherit_their_matrices() -> None:
    for space in (DartsRnn(hidden=6, nodes=3), EnasRnn(hidden=6, nodes=3)):
        supernet = build(space, space.open_spec(), TEXT)
        architecture = space.sample(random.Random(0))
        final, searched = build(space, architecture.spec, TEXT), like_the_supernet(space, architecture, TEXT)
        for network in (final, searched):
            inherit(supernet, network, architecture.decisions)
        matrices = [[m.weight for m in n.modules() if isinstance(m, (nn.Linear, nn.Embedding))] for n in (final, searched)]
        assert all(torch.equal(a, b) for a, b in zip(*matrices, strict=True))
        assert final.decoder.weight is final.embedding.weight  # still tied


def test_inheriting_draws_nothing_and_leaves_the_supernet_as_it_is() -> None:
    space = Mlp(max_depth=2, max_width=64)
    supernet = build(space, space.open_spec(), TABLE)
    before = {key: value.clone() for key, value in supernet.state_dict().items()}
    architecture = space.sample(random.Random(0))
    alone = build(space, architecture.spec, TABLE)
    state = torch.get_rng_state()
    inherit(supernet, alone, architecture.decisions)
    assert torch.equal(torch.get_rng_state(), state)
    with torch.no_grad():
        for parameter in alone.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[key]) for key, value in supernet.state_dict().items())


def test_a_network_of_another_structure_is_refused() -> None:
    space = EnasMicro(channels=4, layers=3, nodes=2)
    supernet = build(space, space.open_spec(), IMAGES)
    architecture = space.sample(random.Random(0))
    with pytest.raises(SpaceError, match=r"which the supernet lacks: build it .* with searching=True"):
        inherit(supernet, build(space, architecture.spec, IMAGES), architecture.decisions)
    wide: Any = {**architecture.spec, "channels": 8}
    with pytest.raises(SpaceError, match=r"'stem\.0\.weight' has the shape \(24, 2, 3, 3\) in the network and \(12, 2, 3, 3\)"):
        inherit(supernet, find_build(space)(wide, IMAGES, searching=True), architecture.decisions)
    with pytest.raises(SpaceError, match="name no option of the choice 'normal/0/index_1'"):
        inherit(supernet, like_the_supernet(space, architecture, IMAGES), {})
