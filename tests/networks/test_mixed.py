import pytest
import torch
from torch import Tensor, nn

from searchitect.core.choosing import OpenChooser
from searchitect.networks.mixed import Mixed, choice_layer, choose_options, mixed_layers, set_weights


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
