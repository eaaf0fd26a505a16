import pytest
import torch
from torch import nn

from searchitect.networks.operations import DropPath, Residual, SqueezeExcite, activation, conv_norm, set_drop_path


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("relu", nn.functional.relu),
        ("silu", nn.functional.silu),
        ("gelu", nn.functional.gelu),
        ("hardswish", nn.functional.hardswish),
    ],
)
def test_an_activation_is_the_function_of_its_name(name: str, function: object) -> None:
    x = torch.linspace(-4, 4, 17)
    assert callable(function)
    expected = function(x)
    torch.testing.assert_close(activation(name)(x.clone()), expected)


@pytest.mark.parametrize(("kernel", "stride", "side"), [(3, 1, 7), (5, 1, 7), (1, 1, 7), (3, 2, 4), (5, 2, 4), (1, 2, 4)])
def test_a_convolution_pads_so_that_only_the_stride_shrinks(kernel: int, stride: int, side: int) -> None:
    assert nn.Sequential(*conv_norm(2, 3, kernel, stride))(torch.rand(2, 2, 7, 7)).shape == (2, 3, side, side)


def test_initial_weights_keep_the_scale_of_the_signal_going_back() -> None:
    torch.manual_seed(0)
    conv = conv_norm(64, 128, 3)[0]
    assert isinstance(conv, nn.Conv2d)
    # He et al.: variance 2 / (outputs * kernel area)
    assert conv.weight.var().item() == pytest.approx(2 / (128 * 9), rel=0.03)


def test_squeeze_and_excite_scales_whole_channels_by_zero_to_one() -> None:
    layer = SqueezeExcite(8)
    x = torch.rand(2, 8, 3, 3) + 0.5
    scale = layer(x) / x
    torch.testing.assert_close(scale, scale[:, :, :1, :1].expand_as(scale))
    assert ((scale >= 0) & (scale <= 1)).all()
    nn.init.constant_(layer.excite.bias, 100.0)
    torch.testing.assert_close(layer(x), x)  # the gate is open


def test_the_width_activation_and_gate_of_squeeze_and_excite_can_be_others() -> None:
    layer, x = SqueezeExcite(8, 3, nn.SiLU(), nn.Sigmoid()), torch.randn(2, 8, 3, 3)
    assert (layer.squeeze.out_channels, layer.excite.in_channels) == (3, 3)
    hidden = nn.functional.silu(layer.squeeze(x.mean((2, 3), keepdim=True)))
    torch.testing.assert_close(layer(x), x * layer.excite(hidden).sigmoid())


def test_a_residual_adds_the_shortcut_then_activates() -> None:
    body = nn.Sequential(nn.Identity())
    block = Residual(body, nn.Linear(2, 2, bias=False), nn.ReLU())
    nn.init.constant_(block.shortcut.weight, -2.0)  # type: ignore[arg-type]
    assert block(torch.tensor([[1.0, 0.0], [-1.0, -1.0]])).tolist() == [[0.0, 0.0], [3.0, 3.0]]


def test_drop_path_leaves_out_whole_examples_and_keeps_the_mean() -> None:
    path = DropPath(depth=0.5).train()
    set_drop_path(nn.Sequential(nn.Identity(), path), 0.4)
    torch.manual_seed(0)
    y = path(torch.ones(20_000, 2, 1, 1))
    rows = y.flatten(1)
    assert torch.equal(rows[:, 0], rows[:, 1])  # an example as a whole
    assert set(rows[:, 0].tolist()) == {0.0, 1.25}  # 1 / (1 - 0.4 * 0.5)
    assert rows.mean().item() == pytest.approx(1, abs=0.02)


def test_drop_path_does_nothing_when_evaluated_or_at_rate_0() -> None:
    x = torch.randn(4, 3, 2, 2)
    path = DropPath()
    assert path.train()(x) is x
    set_drop_path(path, 0.9)
    assert path.eval()(x) is x
