from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core.choosing import OpenChooser
from searchitect.networks.mixed import (
    Mixed,
    choice_layer,
    choose_options,
    edge_layer,
    inputs_layer,
    mixed_layers,
    set_weights,
)


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(float(factor)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def mixed() -> Mixed:
    layer = choice_layer(OpenChooser()("factor", [1, 2, 6]), Times)
    assert isinstance(layer, Mixed)
    return layer


def test_a_decided_choice_makes_one_layer() -> None:
    layer = choice_layer(6, Times)
    assert isinstance(layer, Times)
    assert layer(torch.tensor(2.0)) == 12


def test_an_open_choice_is_the_uniform_mean_until_weights_are_given() -> None:
    layer = mixed()
    assert (layer.path, layer.labels) == ("factor", (1, 2, 6))
    torch.testing.assert_close(layer(torch.tensor(2.0)), torch.tensor(6.0))  # 2 * (1 + 2 + 6) / 3
    set_weights(layer, {"factor": [0.5, 0.25, 0.25]})
    torch.testing.assert_close(layer(torch.tensor(2.0)), torch.tensor(5.0))
    set_weights(layer, {"factor": None})
    torch.testing.assert_close(layer(torch.tensor(2.0)), torch.tensor(6.0))


def test_the_gradient_reaches_the_weights_that_were_handed_in() -> None:
    layer = mixed()
    weights = torch.tensor([0.2, 0.3, 0.5], requires_grad=True)
    set_weights(layer, {"factor": weights})
    layer(torch.tensor(2.0)).backward()
    assert weights.grad is not None
    assert weights.grad.tolist() == [2, 4, 12]  # x times each factor
    assert "weights" not in layer.state_dict()
    assert len(list(layer.parameters())) == 3


def test_an_option_of_weight_zero_is_not_run() -> None:
    layer = mixed()
    choose_options(layer, {"factor": 2})
    out = layer(torch.tensor(3.0))
    assert out == 6
    out.backward()
    assert [option.factor.grad is None for option in layer.options] == [True, False, True]  # type: ignore[union-attr]


def test_layers_of_one_path_get_the_same_weights() -> None:
    network = nn.Sequential(mixed(), mixed())
    assert [len(layers) for layers in mixed_layers(network).values()] == [2]
    set_weights(network, {"factor": [0.0, 1.0, 0.0]})
    assert network(torch.tensor(3.0)) == 12


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"width": [1.0]}, "no open choice 'width'; it has factor"),
        ({"factor": [1.0, 0.0]}, "has 3 options, got 2 weights"),
        ({"factor": [0.0, 0.0, 0.0]}, "are all 0"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights: dict[str, list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        set_weights(mixed(), weights)


def test_true_is_not_taken_for_one() -> None:
    layer = choice_layer(OpenChooser()("flag", [True, 1]), Times)
    choose_options(layer, {"flag": 1})
    assert isinstance(layer, Mixed)
    assert list(layer.weights or []) == [0.0, 1.0]


class Plus(nn.Module):
    """Adds a weight to its input, in the place of an operation on a state."""

    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = nn.Parameter(torch.tensor(float(amount)))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.amount


def make(source: int, name: str) -> nn.Module:
    return Times(10 ** (source + 1)) if name == "times" else Plus(source + 1)


STATES = [torch.tensor(2.0), torch.tensor(3.0), torch.tensor(5.0)]


def open_edges(k: int = 2) -> Any:
    """``k`` of three edges, each with a choice of two operations inside, as in DARTS."""
    choose = OpenChooser()
    options = {str(i): lambda i=i: {"from": i, "op": choose("op", ["times", "plus"])} for i in range(3)}
    return choose.some("node", options, k)


def test_decided_edges_are_summed() -> None:
    layer = inputs_layer([{"from": 0, "op": "times"}, {"from": 2, "op": "plus"}], make)
    assert layer(STATES) == 2 * 10 + 5 + 3
    assert not mixed_layers(layer)


def test_an_open_choice_of_edges_sums_all_of_them_until_some_are_taken() -> None:
    layer = inputs_layer(open_edges(), make)
    assert list(mixed_layers(layer)) == ["node", "node/0/op", "node/1/op", "node/2/op"]
    assert layer(STATES) == (20 + 3) / 2 + (300 + 5) / 2 + (5000 + 8) / 2
    choose_options(layer, {"node": ["0", "2"], "node/0/op": "times", "node/2/op": "plus"})
    assert layer(STATES) == 20 + 8
    set_weights(layer, {"node": [0.5, 0.0, 2.0]})
    assert layer(STATES) == 0.5 * 20 + 2 * 8


def test_an_edge_that_is_not_taken_is_not_run() -> None:
    layer = inputs_layer(open_edges(), make)
    choose_options(layer, {"node": ["0", "2"], "node/0/op": "times", "node/2/op": "times"})
    layer([*STATES[:1], None, *STATES[2:]]).backward()  # state 1 would fail
    assert [p.grad is not None for p in layer.parameters()] == [True, False, False, False, True, False]


def test_the_gradient_reaches_the_weights_of_edges_and_operations() -> None:
    layer = inputs_layer(open_edges(), make)
    edges, operations = torch.ones(3, requires_grad=True), torch.full((2,), 0.5, requires_grad=True)
    set_weights(layer, {"node": edges, "node/1/op": operations})
    layer(STATES).backward()
    assert edges.grad is not None
    assert operations.grad is not None
    assert edges.grad.tolist() == [11.5, 152.5, 2504.0]
    assert operations.grad.tolist() == [300.0, 5.0]


def test_an_open_source_and_an_open_operation_are_chosen_independently() -> None:
    choose = OpenChooser()
    edge = {"from": choose("from", [0, 1, 2]), "op": choose("op", ["times", "plus"])}
    layer = edge_layer(edge, make)
    found = mixed_layers(layer)
    assert {path: len(layers) for path, layers in found.items()} == {
        "from": 1,
        "op": 3,
    }  # the layers of all sources share the path
    torch.testing.assert_close(layer(STATES), torch.tensor((23 + 305 + 5008) / 6))
    choose_options(layer, {"from": 2, "op": "plus"})
    assert layer(STATES) == 5 + 3
    choose_options(layer, {"from": 0, "op": "times"})
    assert layer(STATES) == 2 * 10


def test_a_decided_source_with_an_open_operation_is_one_layer() -> None:
    layer = edge_layer({"from": 1, "op": OpenChooser()("op", ["times", "plus"])}, make)
    choose_options(layer, {"op": "plus"})
    assert layer(STATES) == 3 + 2


def test_a_decision_may_only_be_missing_inside_an_option_that_is_not_taken() -> None:
    layer = inputs_layer(open_edges(), make)
    with pytest.raises(ValueError, match="name no option of the choice 'node/2/op'"):
        choose_options(layer, {"node": ["0", "2"], "node/0/op": "times"})
    with pytest.raises(ValueError, match="name no option of the choice 'node'"):
        choose_options(layer, {"node/0/op": "times", "node/1/op": "times", "node/2/op": "times"})
    with pytest.raises(ValueError, match="the weights of the choice 'node' are all 0"):
        choose_options(layer, {"node": []})
