"""What holds for all networks stacked by NASNet's rules. Published counts are beside each space's own networks."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import Space, SpaceError, TaskInfo
from searchitect.costs import count_params
from searchitect.networks import build
from searchitect.networks.mixed import Mixed, choose_options, mixed_layers
from searchitect.networks.nasnet_stacking import NasnetFit, nasnet_operation, nasnet_places
from searchitect.networks.operations import DropPath, set_drop_path
from searchitect.spaces.amoebanet import Amoebanet
from searchitect.spaces.nasnet import Nasnet
from searchitect.spaces.pnas import Pnas


def images(side: int, outputs: int = 4) -> TaskInfo:
    return TaskInfo("tiny", "image-classification", (3, side, side), outputs, 100)


TINY = images(8)
FEW = ("skip_connect", "sep_conv_3x3", "max_pool_3x3", "conv_7x1_1x7")


def small(kind: type[Any], **settings: Any) -> Any:
    return kind(**{"channels": 4, "cells": 1, "blocks": 2, "operations": FEW, **settings})


def cell(*nodes: tuple[tuple[int, str], tuple[int, str]], concat: Any = "loose") -> Any:
    return {"nodes": [{"edges": [{"from": source, "op": op} for source, op in node]} for node in nodes], "concat": concat}


SUM = ((0, "skip_connect"), (1, "skip_connect"))


@pytest.mark.parametrize("kind", [Nasnet, Amoebanet, Pnas])
def test_every_sample_learns_with_each_of_its_parameters(kind: type[Any]) -> None:
    space, rng = kind(channels=4, cells=2, blocks=3), random.Random(0)
    for _ in range(6):
        network = build(space, space.sample(rng).spec, TINY)
        network(torch.randn(2, 3, 8, 8)).square().sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("kind", [Nasnet, Amoebanet, Pnas])
@pytest.mark.parametrize(("stem", "shape"), [("cifar", (3, 5)), ("cifar", (9, 13)), ("imagenet", (33, 30))])
def test_odd_sides_are_halved_rounding_up(kind: type[Any], stem: str, shape: tuple[int, int]) -> None:
    space = small(kind, stem=stem, operations=kind().operations, blocks=5)
    info = TaskInfo("odd", "image-classification", (3, *shape), 4, 100)
    network = build(space, space.sample(random.Random(1)).spec, info, auxiliary=True)
    x = torch.randn(2, 3, *shape)
    assert network.eval()(x).shape == (2, 4)
    assert [outputs.shape for outputs in network.train()(x)] == [(2, 4), (2, 4)]


def test_the_stem_of_imagenet_halves_three_times_with_a_quarter_and_a_half_of_the_channels() -> None:
    places = nasnet_places(Nasnet(channels=44, cells=4, stem="imagenet").stacking() | {"cells": {"normal": 0, "reduction": 0}})
    assert [(place.kind, place.channels, place.stride) for place in places[:3]] == [
        ("reduction", 11, 2),
        ("reduction", 22, 2),
        ("normal", 44, 1),
    ]
    assert len(places) == 2 + 4 + 1 + 4 + 1 + 4
    assert [place.channels for place in places[-4:]] == [176] * 4


def test_cells_of_pnas_are_strided_inside_their_stages() -> None:
    places = nasnet_places(Pnas(channels=8, cells=4).stacking() | {"cells": {"normal": 0}})
    assert [place.stride for place in places] == [1] * 4 + [2, 1, 1, 1] * 2
    assert [place.channels for place in places] == [8] * 4 + [16] * 4 + [32] * 4


@pytest.mark.parametrize(("skips", "expected"), [(False, 2), (True, 1)])
def test_a_normal_cell_after_a_reduction_reads_its_input_or_the_output_before(skips: bool, expected: int) -> None:
    spec = Nasnet(cells=2, skip_reduction_input=skips).stacking() | {"cells": {"normal": 0, "reduction": 0}}
    places = nasnet_places(spec)
    assert [place.kind for place in places[:5]] == ["normal", "normal", "reduction", "normal", "normal"]
    # outputs: 0 stem, 1 and 2 normal cells, 3 reduction; the reduction reads 2 and 1, the cell after it 3 and one of these
    assert [place.previous for place in places[:5]] == [0, 0, 1, expected, 3]


def test_skipping_the_reduction_input_changes_what_is_computed_but_no_parameter() -> None:
    torch.manual_seed(0)
    space = small(Nasnet, cells=2)
    spec = space.sample(random.Random(0)).spec | {"cells": {"normal": cell(SUM), "reduction": cell(SUM)}}
    plain = build(space, spec, TINY).eval()
    skipping = build(space, spec | {"skip_reduction_input": True}, TINY).eval()
    skipping.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 8, 8)
    assert (plain(x) - skipping(x)).abs().max() > 1e-4


def test_the_second_input_of_the_first_cell_is_projected_or_the_stem_itself() -> None:
    # one node of two identities: a raw input has 12 channels and needs a 1x1 convolution to 4 where it is used, after a ReLU
    nodes = {"normal": cell(SUM), "reduction": cell(SUM)}
    spec = small(Nasnet, stages=1).stacking() | {"cells": nodes}
    projected = build(Nasnet(), spec, TINY)
    raw = build(Nasnet(), spec | {"first_previous": "raw"}, TINY)
    assert count_params(projected) == count_params(raw)
    assert [type(layer) for layer in projected.cells["0"].inputs] == [nn.Sequential, nn.Sequential]
    assert [type(layer) for layer in raw.cells["0"].inputs] == [nn.Identity, nn.Sequential]
    # a separable convolution sees the stem's 12 channels
    nodes["normal"] = cell(((0, "sep_conv_3x3"), (1, "skip_connect")))
    projected, raw = (build(Nasnet(), spec | {"first_previous": first}, TINY) for first in ("projected", "raw"))
    assert count_params(projected) - count_params(raw) == (12 * 4 + 8) + (4 * 9 + 4 * 4) - (12 * 9 + 12 * 4)


@pytest.mark.parametrize("state", [0, 1])
def test_what_no_later_layer_reads_is_not_built(state: int) -> None:
    lone = cell(((state, "sep_conv_3x3"), (state, "sep_conv_3x3")))
    spec = small(Nasnet, cells=4, stages=1).stacking() | {"cells": {"normal": lone, "reduction": lone}}
    network = build(Nasnet(), spec, TINY)
    # cells that read only the cell before the previous one make two chains, of which the head reads one
    assert [own for _, _, own in network.wiring] == ([2, 4] if state == 0 else [1, 2, 3, 4])
    network(torch.randn(2, 3, 8, 8)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("stride", [1, 2])
def test_an_input_in_the_output_is_made_to_fit_without_a_relu(stride: int) -> None:
    fit = NasnetFit(3, 5, stride).eval()
    x = torch.randn(2, 3, 7, 7)
    y = fit(x)
    assert y.shape == (2, 5, 7 // stride + stride - 1, 7 // stride + stride - 1)
    torch.testing.assert_close(fit(-x), -y)  # linear: running means are 0
    assert count_params(fit) == 3 * 5 + 2 * 5


def test_an_unread_input_is_concatenated_in_amoebanet_only() -> None:
    lone = cell(((1, "sep_conv_3x3"), (1, "sep_conv_3x3")))
    cells = {"cells": {"normal": lone, "reduction": lone}}
    widths = [build(kind(), small(kind).stacking() | cells, TINY).head[-1].in_features for kind in (Nasnet, Amoebanet)]
    assert widths == [16, 2 * 16]


def test_a_reduction_cell_gives_out_an_unread_input_normalised_and_no_more() -> None:
    lone = cell(((1, "sep_conv_3x3"), (1, "sep_conv_3x3")))
    spec = small(Amoebanet).stacking() | {"cells": {"normal": lone, "reduction": lone}}
    reduction = build(Amoebanet(), spec, TINY).eval().cells["1"]
    previous, current = torch.randn(2, 12, 8, 8), torch.randn(2, 8, 8, 8)  # of the stem, and of the first cell
    output = reduction(previous, current)
    assert output.shape == (2, 2 * 8, 4, 4)
    torch.testing.assert_close(output[:, :8], reduction.fitted["0"](reduction.inputs[0](previous)))


def test_drop_path_grows_with_the_depth_and_spares_identities() -> None:
    space = small(Nasnet, blocks=1)
    nodes = cell(((0, "skip_connect"), (1, "max_pool_3x3")))
    network = build(space, space.stacking() | {"cells": {"normal": nodes, "reduction": nodes}}, TINY)
    # five cells, in each one path that can be dropped; the identity of stride 2 is a convolution, and is spared as well
    depths = [module.depth for module in network.modules() if isinstance(module, DropPath)]
    assert depths == [pytest.approx(place / 5) for place in range(1, 6)]
    x = torch.randn(8, 3, 8, 8)
    plain = network(x)
    set_drop_path(network, 0.9)
    assert not torch.equal(network(x), plain)
    set_drop_path(network, 0.0)
    torch.testing.assert_close(network(x), plain)


def test_the_auxiliary_classifier_reads_the_last_cell_before_the_second_reduction() -> None:
    space = small(Nasnet, cells=2, blocks=1)
    spec = space.stacking() | {"cells": {"normal": cell(SUM), "reduction": cell(SUM)}}
    network = build(space, spec, images(32), auxiliary=True)
    # outputs 1, 2 | 3 reduction, 4, 5 | 6 reduction, 7, 8
    assert network.auxiliary_output == 5
    alone = build(space, spec, images(32))
    # 8 channels on 16x16: the 5x5 pool of stride 3 leaves 4x4
    head = 8 * 128 + 2 * 128 + 128 * 768 * 4 * 4 + 2 * 768 + 768 * 4 + 4
    assert count_params(network.auxiliary) == count_params(network) - count_params(alone) == head
    assert alone.state_dict().keys() == {key for key in network.state_dict() if not key.startswith("auxiliary.")}


def test_the_auxiliary_classifier_needs_a_second_reduction() -> None:
    space = small(Nasnet, stages=2)
    with pytest.raises(SpaceError, match="auxiliary classifier of a NASNet sits before the second reduction: set stages to 3"):
        build(space, space.sample(random.Random(0)).spec, TINY, auxiliary=True)


@pytest.mark.parametrize(
    ("kind", "settings", "side", "message"),
    [
        (Nasnet, {}, 2, "a NASNet halves the image 2 times and needs sides of at least 3 pixels, got 2x2"),
        (Pnas, {"stem": "imagenet"}, 18, "a PNASNet halves the image 5 times and needs sides of at least 19 pixels"),
        (Amoebanet, {"stages": 4}, 4, "an AmoebaNet halves the image 3 times and needs sides of at least 5 pixels"),
    ],
)
def test_an_image_that_is_too_small_is_refused(kind: type[Any], settings: dict[str, Any], side: int, message: str) -> None:
    space = small(kind, **settings)
    with pytest.raises(SpaceError, match=message):
        build(space, space.sample(random.Random(0)).spec, images(side))


def test_the_smallest_images_that_are_taken_can_be_built() -> None:
    for kind, settings, side in ((Nasnet, {}, 3), (Pnas, {"stem": "imagenet"}, 19), (Amoebanet, {"stages": 4}, 5)):
        space = small(kind, **settings)
        assert build(space, space.sample(random.Random(0)).spec, images(side))(torch.randn(2, 3, side, side)).shape == (2, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda cell: cell["nodes"][0]["edges"][0].update(op="sep_conv_9x9"), "unknown operation 'sep_conv_9x9'"),
        (lambda cell: cell["nodes"][0]["edges"][0].update({"from": 2}), "may read the states 0 to 1"),
        (lambda cell: cell["nodes"][0]["edges"].pop(), "must have two edges"),
        (lambda cell: cell["nodes"][0].update(combine="multiply"), "combine its edges by 'add' or 'concat'"),
        (lambda cell: cell.update(concat=[9]), "concatenation of the normal cell"),
        (lambda cell: cell.pop("nodes"), "the normal cell must have a list of at least one node"),
    ],
)
@pytest.mark.parametrize("kind", [Nasnet, Amoebanet, Pnas])
def test_a_cell_that_cannot_be_built_is_refused(kind: type[Any], change: Callable[[Any], Any], message: str) -> None:
    space = small(kind)
    spec = space.sample(random.Random(0)).spec
    change(spec["cells"]["normal"])
    with pytest.raises(SpaceError, match=message):
        build(space, spec, TINY)


@pytest.mark.parametrize("kind", [Amoebanet, Pnas, Nasnet])
def test_cells_of_one_key_have_one_number_of_parameters(kind: type[Any]) -> None:
    from tests.spaces.test_nasnet_stacking import shuffled

    space, rng = kind(channels=8, cells=1), random.Random(2)
    for _ in range(3):
        spec = space.sample(rng).spec
        other = {**spec, "cells": {name: shuffled(nodes, rng) for name, nodes in spec["cells"].items()}}
        with torch.device("meta"):
            counts = {count_params(build(space, each, TINY)) for each in (spec, other)}
        assert space.canonical(spec) == space.canonical(other)
        assert len(counts) == 1


@pytest.mark.parametrize(
    "name", ["skip_connect", "avg_pool_3x3", "max_pool_5x5", "sep_conv_7x7", "dil_conv_3x3", "conv_3x1_1x3"]
)
@pytest.mark.parametrize(("inputs", "stride"), [(4, 1), (4, 2), (6, 1), (6, 2)])
def test_operations_change_channels_and_sides(name: str, inputs: int, stride: int) -> None:
    y = nasnet_operation(name, inputs, 4, stride)(torch.randn(2, inputs, 7, 7))
    assert y.shape == (2, 4, 7 // stride + stride - 1, 7 // stride + stride - 1)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("skip_connect", 0),
        ("max_pool_7x7", 0),
        ("conv_1x1", 4 * 4 + 8),
        ("conv_3x3", 9 * 4 * 4 + 8),
        ("dil_conv_3x3", 9 * 4 * 4 + 8),
        ("conv_7x1_1x7", 2 * (7 * 4 * 4 + 8)),
        ("conv_3x1_1x3", 2 * (3 * 4 * 4 + 8)),
        ("sep_conv_5x5", 2 * (25 * 4 + 4 * 4 + 8)),
    ],
)
def test_operations_have_the_parameters_of_their_convolutions_and_norms(name: str, params: int) -> None:
    assert count_params(nasnet_operation(name, 4, 4, 1)) == params
    changed = {"skip_connect": 6 * 4 + 8, "max_pool_7x7": 6 * 4 + 8, "sep_conv_5x5": params + 2 * 25 + 2 * 4}.get(name)
    if changed is not None:
        assert count_params(nasnet_operation(name, 6, 4, 1)) == changed
    assert count_params(nasnet_operation(name, 4, 4, 2)) == (4 * 4 + 8 if name == "skip_connect" else params)


def test_a_dilated_convolution_reaches_two_pixels() -> None:
    x = torch.zeros(1, 1, 9, 9)
    x[0, 0, 4, 4] = 1
    reached = nasnet_operation("dil_conv_3x3", 1, 1, 1).eval()(x)[0, 0].abs() > 0
    assert reached.nonzero().tolist() == [[i, j] for i in (2, 4, 6) for j in (2, 4, 6)]


# --- the supernet ---------------------------------------------------------------------------------------------------------------


def path_weights(supernet: nn.Module, decisions: Any) -> dict[str, Tensor]:
    """The weights of the options taken, under the names that they have in the stand-alone network."""
    mixed = [(name, module) for name, module in supernet.named_modules() if isinstance(module, Mixed)]
    weights = {}
    for key, value in supernet.state_dict().items():
        name = key
        for outer, module in reversed(mixed):  # the inner ones first: their names hold those of the outer ones
            taken = f"{outer}.options.{module.labels.index(decisions[module.path])}."
            if key.startswith(taken):
                name = outer + "." + name.removeprefix(taken)
            elif key.startswith(outer + "."):
                break
        else:
            weights[name] = value
    return weights


def reads_both_inputs(spec: Any) -> bool:
    return all({0, 1} <= {edge["from"] for node in cell["nodes"] for edge in node["edges"]} for cell in spec["cells"].values())


def supernet_and_path(kind: type[Any], seed: int) -> tuple[Any, nn.Module, Any]:
    """A space, its supernet set to a random path, and that path's architecture, in which each cell reads both inputs."""
    space, rng = small(kind, first_previous="projected"), random.Random(seed)
    torch.manual_seed(seed)
    supernet = build(space, space.open_spec(), TINY)
    architecture: Any = next(a for a in iter(lambda: space.sample(rng), None) if reads_both_inputs(a.spec))
    choose_options(supernet, architecture.decisions)
    return space, supernet, architecture


@pytest.mark.parametrize("kind", [Nasnet, Amoebanet, Pnas])
@pytest.mark.parametrize("seed", range(3))
def test_a_path_of_the_supernet_is_the_network_whose_cells_give_out_all_nodes(kind: type[Any], seed: int) -> None:
    space, supernet, architecture = supernet_and_path(kind, seed)
    spec = architecture.spec
    for nodes in spec["cells"].values():
        nodes["concat"] = "all"
    alone = build(space, spec, TINY)
    alone.load_state_dict(path_weights(supernet, architecture.decisions))
    x = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(supernet(x), alone(x))
    torch.testing.assert_close(supernet.eval()(x), alone.eval()(x))


def test_a_path_of_the_supernet_is_wider_than_its_network_where_a_node_is_read() -> None:
    space = small(Nasnet)
    chain = cell(SUM, ((2, "skip_connect"), (1, "skip_connect")))
    spec = space.stacking() | {"cells": {"normal": chain, "reduction": chain}}
    alone, supernet = build(space, spec, TINY), build(space, space.open_spec(), TINY)
    # the last cells have 16 channels; the network gives out its one loose node, the supernet both
    assert (alone.head[-1].in_features, supernet.head[-1].in_features) == (16, 32)


@pytest.mark.parametrize("kind", [Nasnet, Amoebanet, Pnas])
def test_the_supernet_has_every_choice_and_learns_with_each_of_its_parameters(kind: type[Space]) -> None:
    space: Any = small(kind)
    supernet = build(space, space.open_spec(), TINY)
    assert mixed_layers(supernet).keys() == space.sample(random.Random(0)).decisions.keys()
    supernet(torch.randn(2, 3, 8, 8)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in supernet.parameters())


def test_each_source_has_operations_of_its_own() -> None:
    space = small(Nasnet, stages=1)
    with torch.device("meta"):
        layers = mixed_layers(build(space, space.open_spec(), TINY))
    assert len(layers["normal/1/first/from"]) == 1
    assert len(layers["normal/1/first/op"]) == 3
    assert "reduction/1/first/op" not in layers  # one stage: no reduction cell


def test_a_network_can_be_exported_with_any_batch_size() -> None:
    space = small(Nasnet, stages=2)
    network = build(space, space.sample(random.Random(5)).spec, TINY).eval()
    x = torch.randn(4, 3, 8, 8)
    exported = torch.export.export(network, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},))
    torch.testing.assert_close(exported.module()(x[:3]), network(x[:3]), rtol=1e-4, atol=1e-5)
