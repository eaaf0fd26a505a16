"""The cell is that of the authors' code, melodyguan/enas, src/ptb and scripts/ptb_final.sh."""

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks import published
from searchitect.networks.enas_rnn import EnasRnnCell, build
from searchitect.networks.language_model import LanguageModel
from searchitect.networks.mixed import choose_options, mixed_layers, set_weights
from searchitect.spaces.enas_rnn import EnasRnn

from .inside import weights_inside

TEXT = TaskInfo("text", "language-modelling", (3,), 7, 1000)
PTB = TaskInfo("ptb", "language-modelling", (35,), 10_000, 929_589)
DRY: dict[str, Any] = dict.fromkeys(("drop_words", "drop_embedding", "drop_input", "drop_hidden", "drop_output"), 0.0)
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "identity": lambda x: x}


def test_the_parameters_of_the_published_cell() -> None:
    with torch.device("meta"):
        network = published("enas-rnn")
    embedding, first, nodes = 10_000 * 748, (748 + 748) * 2 * 748, 11 * 748 * 2 * 748
    assert count_params(network) == embedding + first + nodes == 22_027_104  # the paper's table says 24M
    assert count_macs(network, (35,)) == 35 * (first + nodes + embedding)


def test_the_supernet_has_a_matrix_for_each_node_read_and_activation() -> None:
    with torch.device("meta"):
        supernet = build(EnasRnn(hidden=720).open_spec(), PTB)  # the authors' search
    pairs = sum(range(1, 12))  # nodes that node i may read: i
    norms = 12 * 2 * (2 * 720) + 2 * 720
    assert count_params(supernet) == 10_000 * 720 + 4 * 1440 * 1440 + pairs * 4 * 720 * 1440 + norms
    assert set(mixed_layers(supernet)) == {
        *(f"nodes/{i}/from" for i in range(1, 12)),
        *(f"nodes/{i}/activation" for i in range(12)),
    }


def only_cell(network: nn.Module) -> EnasRnnCell:
    assert isinstance(network, LanguageModel)
    cell = network.cells[0]
    assert isinstance(cell, EnasRnnCell)
    for module in cell.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight)
    return cell


def step(state: Tensor, product: Tensor, activation: str) -> Tensor:
    """The highway update written out: its gate is the first half of the product."""
    width = state.shape[1]
    gate, candidate = torch.sigmoid(product[:, :width]), ACTIVATIONS[activation](product[:, width:])
    return state + gate * (candidate - state)


def test_a_small_cell_computes_the_papers_formulas() -> None:
    spec = EnasRnn(hidden=4, nodes=5).from_arc("1 0 0 1 2 0 3 3 1").spec
    torch.manual_seed(0)
    cell = only_cell(build(spec, TEXT)).double()
    x, h = torch.randn(2, 3, 4, dtype=torch.float64)
    mask = torch.tensor([[2.0, 0, 2, 2], [0, 2, 2, 0], [2, 2, 0, 2]], dtype=torch.float64)
    for m in (None, mask):
        keep = 1 if m is None else m
        weights = [node.get_parameter("product.0.weight").T for node in cell.nodes]
        a = step(h, torch.cat([x, h * keep], 1) @ weights[0], "relu")
        b = step(a, (a * keep) @ weights[1], "tanh")
        c = step(b, (b * keep) @ weights[2], "identity")
        d = step(a, (a * keep) @ weights[3], "sigmoid")
        e = step(d, (d * keep) @ weights[4], "relu")
        torch.testing.assert_close(cell(x, h, m), (c + e) / 2)  # the two that no node reads


def test_the_published_cell_has_six_loose_ends() -> None:
    with torch.device("meta"):
        network = published("enas-rnn", hidden=4)
    assert only_cell(network).loose_shares() == [0, 0, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1]


@pytest.mark.parametrize("training", [True, False])
def test_the_supernet_with_one_option_taken_is_the_stand_alone_network(training: bool) -> None:
    space = EnasRnn(hidden=6, nodes=5, **DRY)
    torch.manual_seed(0)
    supernet = build(space.open_spec(), TEXT)
    only_cell(supernet)
    tokens = torch.randint(7, (8, 3))
    for seed in range(4):
        architecture = space.sample(random.Random(seed))
        alone = build(architecture.spec, TEXT, searching=True)
        alone.load_state_dict(weights_inside(supernet, architecture.decisions))
        choose_options(supernet, architecture.decisions)
        torch.testing.assert_close(supernet.train(training)(tokens), alone.train(training)(tokens))


def test_only_the_matrices_of_a_sampled_cell_receive_gradients() -> None:
    space = EnasRnn(hidden=6, nodes=5, **DRY)
    torch.manual_seed(0)
    supernet = build(space.open_spec(), TEXT)
    choose_options(supernet, space.sample(random.Random(0)).decisions)
    supernet(torch.randint(7, (8, 3))).square().sum().backward()
    moved = [m for m in only_cell(supernet).modules() if isinstance(m, nn.Linear) and m.weight.grad is not None]
    assert len(moved) == 5


def test_relaxed_choices_receive_gradients_through_the_loose_ends() -> None:
    space = EnasRnn(hidden=4, nodes=3, **DRY)
    torch.manual_seed(0)
    supernet = build(space.open_spec(), TEXT)
    cell = only_cell(supernet)
    weights = {
        path: torch.full((len(found[0].labels),), 1 / len(found[0].labels)) for path, found in mixed_layers(supernet).items()
    }
    weights["nodes/2/from"] = torch.tensor([0.25, 0.75], requires_grad=True)
    set_weights(supernet, weights)
    shares = [float(torch.as_tensor(share).detach()) for share in cell.loose_shares()]
    assert shares == pytest.approx([0.0, 0.25, 1.0])  # node 1 reads node 0 for sure
    supernet(torch.randint(7, (8, 3))).square().sum().backward()
    gradient = weights["nodes/2/from"].grad
    assert gradient is not None
    assert gradient.abs().min() > 0


def test_search_and_evaluation_differ_by_normalisation_only() -> None:
    spec = EnasRnn(hidden=6, nodes=4, **DRY).sample(random.Random(0)).spec
    alone, inside = build(spec, TEXT), build(spec, TEXT, searching=True)
    assert not [m for m in alone.modules() if isinstance(m, nn.BatchNorm1d)]
    norms = [m for m in inside.modules() if isinstance(m, nn.BatchNorm1d)]
    assert [m.num_features for m in norms] == [12, 12, 12, 12, 6]
    assert count_params(inside) - count_params(alone) == sum(2 * m.num_features for m in norms)


def test_the_searching_cell_normalises_with_1_added_to_the_variance() -> None:
    spec = EnasRnn(hidden=4, nodes=2).from_arc("0 0 1").spec
    torch.manual_seed(0)
    cell = only_cell(build(spec, TEXT, searching=True)).double()
    x, h = torch.randn(2, 6, 4, dtype=torch.float64)

    def norm(values: Tensor) -> Tensor:
        return (values - values.mean(0)) / (values.var(0, correction=0) + 1).sqrt()

    first, second = (node.get_parameter("product.0.weight").T for node in cell.nodes)
    a = step(h, norm(torch.cat([x, h], 1) @ first), "tanh")
    torch.testing.assert_close(cell(x, h, None), norm(step(a, norm(a @ second), "relu")))


@pytest.mark.parametrize(("place", "source"), [(0, 0), (1, 1), (2, -1), (2, "0")])
def test_a_node_that_reads_no_node_before_it_is_refused(place: int, source: Any) -> None:
    spec = EnasRnn(hidden=4, nodes=3).from_arc("0 0 0 0 0").spec
    spec["nodes"][place]["from"] = source
    with pytest.raises(SpaceError, match=f"node {place} of the cell of the space 'enas-rnn' m"):
        build(spec, TEXT)
