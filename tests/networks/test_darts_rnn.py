"""Sizes and cells are those of the authors' code, quark0/darts@f276dd3."""

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks import published
from searchitect.networks.darts_rnn import DartsRnnCell, build
from searchitect.networks.language_model import LanguageModel
from searchitect.networks.mixed import choose_options, mixed_layers, set_weights
from searchitect.spaces.darts_rnn import DartsRnn

from .inside import weights_inside

TEXT = TaskInfo("text", "language-modelling", (3,), 7, 1000)
PTB = TaskInfo("ptb", "language-modelling", (35,), 10_000, 929_589)
DRY: dict[str, Any] = dict.fromkeys(("drop_words", "drop_embedding", "drop_input", "drop_hidden", "drop_output"), 0.0)
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "identity": lambda x: x, "none": None}


@pytest.mark.parametrize("name", ["darts-rnn-v1", "darts-rnn-v2"])
def test_the_published_cells_make_a_model_of_23_million_parameters(name: str) -> None:
    with torch.device("meta"):
        network = published(name)
    embedding, start, nodes, bias = 10_000 * 850, (850 + 850) * 2 * 850, 8 * 850 * 2 * 850, 10_000
    assert count_params(network) == embedding + start + nodes + bias == 22_960_000  # published: 23M
    assert count_macs(network, (35,)) == 35 * (start + nodes + embedding)


def test_the_supernet_shares_a_nodes_matrix_between_all_that_it_could_be() -> None:
    with torch.device("meta"):
        supernet = build(DartsRnn(hidden=300, none=True).open_spec(), PTB)  # the authors' search
    assert count_params(supernet) == 10_000 * 300 + 600 * 600 + 8 * 300 * 600 + 10_000
    layers = mixed_layers(supernet)
    inner = {path: found for path, found in layers.items() if path.endswith("/activation")}
    assert len(inner) == 36  # the rows of the authors' architecture parameters
    assert {found[0].labels for found in inner.values()} == {("none", "tanh", "relu", "sigmoid", "identity")}
    assert len(layers) == 36 + 8


def only_cell(network: nn.Module) -> DartsRnnCell:
    assert isinstance(network, LanguageModel)
    cell = network.cells[0]
    assert isinstance(cell, DartsRnnCell)
    for parameter in cell.parameters():
        nn.init.normal_(parameter)
    return cell


def matrix(module: nn.Module) -> Tensor:
    """The one matrix in a module, (outputs, inputs)."""
    (found,) = module.parameters()
    return found


def step(state: Tensor, product: Tensor, activation: str) -> Tensor:
    """The highway update written out: its gate is the first half of the product."""
    function = ACTIVATIONS[activation]
    if function is None:
        return torch.zeros_like(state)
    width = state.shape[1]
    gate, candidate = torch.sigmoid(product[:, :width]), function(product[:, width:])
    return state + gate * (candidate - state)


def test_a_small_cell_computes_the_papers_formulas() -> None:
    genotype = [("relu", 0), ("sigmoid", 0), ("identity", 2), ("none", 1), ("tanh", 4)]
    space = DartsRnn(hidden=4, nodes=5, none=True)
    torch.manual_seed(0)
    cell = only_cell(build(space.from_genotype(genotype).spec, TEXT)).double()
    x, h = torch.randn(2, 3, 4, dtype=torch.float64)
    mask = torch.tensor([[2.0, 0, 2, 2], [0, 2, 2, 0], [2, 2, 0, 2]], dtype=torch.float64)
    for m in (None, mask):
        keep = 1 if m is None else m
        states = [step(h, torch.cat([x, h * keep], 1) @ matrix(cell.start).T, "tanh")]
        for node, (activation, source) in zip(cell.nodes, genotype, strict=True):
            states.append(step(states[source], (states[source] * keep) @ matrix(node).T, activation))
        torch.testing.assert_close(cell(x, h, m), sum(states[1:]) / 5)


def test_the_supernet_computes_the_papers_relaxation() -> None:
    """Each node is the sum over states and activations, weighted by a softmax over the activations of each state."""
    space = DartsRnn(hidden=4, nodes=3, none=True)
    torch.manual_seed(0)
    supernet = build(space.open_spec(), TEXT)
    cell = only_cell(supernet).eval()
    x, h = torch.randn(2, 5, 4)
    paths = mixed_layers(supernet)
    alphas = {path: torch.randn(5).softmax(0) for path in paths if path.endswith("activation")}
    set_weights(supernet, {path: alphas.get(path, [1.0] * len(found[0].labels)) for path, found in paths.items()})
    states = [step(h, torch.cat([x, h], 1) @ matrix(cell.start).T, "tanh") / (1 + 1e-5) ** 0.5]  # norm, as initialised
    for i, node in enumerate(cell.nodes):
        total = torch.zeros(5, 4)
        for j, state in enumerate(states):
            p = alphas[f"nodes/{i}/from/{j}/activation"]
            for k, activation in enumerate(["none", "tanh", "relu", "sigmoid", "identity"]):
                total = total + p[k] * step(state, state @ matrix(node).T, activation)
        states.append(total / (1 + 1e-5) ** 0.5)
    torch.testing.assert_close(cell(x, h, None), sum(states[1:]) / 3)


@pytest.mark.parametrize("training", [True, False])
def test_the_supernet_with_one_option_taken_is_the_stand_alone_network(training: bool) -> None:
    space = DartsRnn(hidden=6, nodes=4, **DRY)
    torch.manual_seed(0)
    supernet = build(space.open_spec(), TEXT)
    only_cell(supernet)
    tokens = torch.randint(7, (8, 3))
    supernet(tokens)  # moves the running statistics
    for seed in range(4):
        architecture = space.sample(random.Random(seed))
        alone = build(architecture.spec, TEXT, searching=True)
        inside = {path: found[0].labels[0] for path, found in mixed_layers(supernet).items()} | dict(architecture.decisions)
        alone.load_state_dict(weights_inside(supernet, inside))
        choose_options(supernet, architecture.decisions)
        torch.testing.assert_close(supernet.train(training)(tokens), alone.train(training)(tokens))


def test_search_and_evaluation_differ_by_normalisation_only() -> None:
    spec = DartsRnn(hidden=6, nodes=4, **DRY).sample(random.Random(0)).spec
    alone, inside = build(spec, TEXT), build(spec, TEXT, searching=True)
    assert count_params(alone) == count_params(inside)
    assert not [m for m in alone.modules() if isinstance(m, nn.BatchNorm1d)]
    norms = [m for m in inside.modules() if isinstance(m, nn.BatchNorm1d)]
    assert len(norms) == 1  # one for all states, without scale and shift
    assert not norms[0].affine
    inside(torch.randint(7, (8, 3)))
    assert norms[0].num_batches_tracked == 3 * 5  # three steps, start state and four nodes


def test_cells_of_one_canonical_form_compute_the_same() -> None:
    space = DartsRnn(hidden=4, nodes=4)
    first = space.from_genotype([("tanh", 0), ("relu", 0), ("sigmoid", 1), ("tanh", 2)])
    second = space.from_genotype([("relu", 0), ("tanh", 1), ("tanh", 0), ("sigmoid", 3)])
    assert space.key(first) == space.key(second)
    torch.manual_seed(0)
    one, other = (only_cell(build(cell.spec, TEXT)) for cell in (first, second))
    other.start.load_state_dict(one.start.state_dict())
    for here, there in enumerate([1, 3, 0, 2]):
        other.nodes[here].load_state_dict(one.nodes[there].state_dict())
    x, h = torch.randn(2, 3, 4)
    torch.testing.assert_close(one(x, h, None), other(x, h, None))


@pytest.mark.parametrize("source", [2, -1, "0", True, 0.0])
def test_a_node_that_reads_no_state_before_it_is_refused(source: Any) -> None:
    spec = DartsRnn(hidden=4, nodes=2).from_genotype([("tanh", 0), ("relu", 0)]).spec
    spec["nodes"][1]["from"] = source
    with pytest.raises(SpaceError, match="node 1 of the cell of the space 'darts-rnn' may read the states 0 to 1"):
        build(spec, TEXT)
