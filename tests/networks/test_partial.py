import pytest
import torch
from torch import Tensor, nn

from searchitect.core import SettingError, TaskInfo
from searchitect.networks import build
from searchitect.networks.mixed import Edge, Mixed, set_weights
from searchitect.networks.partial import build as build_partial
from searchitect.networks.partial_channels import PartialChannels
from searchitect.recipes.cells import PartialDarts, partial_cells
from searchitect.spaces.convnet import ConvNet
from searchitect.spaces.darts import Darts

INFO = TaskInfo("images", "image-classification", (1, 8, 8), 3, 0)


class Doubled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


def numbered(channels: int, side: int = 2) -> Tensor:
    return torch.arange(channels, dtype=torch.float32).view(1, -1, 1, 1).expand(1, channels, side, side).contiguous()


def test_one_of_four_channels_goes_through_the_layer_and_the_others_come_first_in_turn() -> None:
    layer = PartialChannels(Doubled(), 4, 1)
    x = numbered(8) + 1
    assert layer(x)[0, :, 0, 0].tolist() == [2, 3, 5, 7, 4, 4, 6, 8]  # 2 and 4 are doubled


def test_where_the_side_is_halved_the_channels_around_are_pooled() -> None:
    halve = nn.AvgPool2d(2, 2, ceil_mode=True)
    x = torch.arange(2 * 5 * 5, dtype=torch.float32).view(1, 2, 5, 5)
    y = PartialChannels(halve, 2, 2)(x)
    assert y.shape == (1, 2, 3, 3)
    torch.testing.assert_close(y[:, :1], halve(x[:, :1]))
    torch.testing.assert_close(y[:, 1:], nn.MaxPool2d(2, 2, ceil_mode=True)(x[:, 1:]))


def both(share: int) -> tuple[nn.Module, nn.Module]:
    """The supernet of DARTS and the partial one, initialised alike."""
    space = Darts(channels=4, layers=3, nodes=2, none=True)
    torch.manual_seed(0)
    plain = build(space, space.open_spec(), INFO)
    torch.manual_seed(0)
    return plain, build_partial(space.open_spec(), INFO, share)


def test_with_all_channels_it_is_the_supernet_of_darts() -> None:
    plain, partial = both(1)
    x = torch.randn(4, 1, 8, 8)
    assert [p.shape for p in plain.parameters()] == [p.shape for p in partial.parameters()]
    torch.testing.assert_close(partial(x), plain(x))


def test_uniform_edges_give_the_mean_of_the_edges_in_the_place_of_their_sum() -> None:
    plain, partial = (network.eval() for network in both(1))
    cells = [next(iter(network.cells)) for network in (plain, partial)]  # type: ignore[arg-type]
    states = [torch.randn(4, 4, 8, 8) for _ in range(3)]
    node = cells[1].nodes[1]
    set_weights(node, {"normal/1/edges": [1 / 3] * 3})
    torch.testing.assert_close(node(states) * 3, cells[0].nodes[1](states))


def test_partial_channels_make_a_smaller_supernet_of_the_same_choices() -> None:
    plain, partial = both(4)
    layers = [m for m in partial.modules() if isinstance(m, PartialChannels)]
    assert len(layers) == 15  # 2 + 3 edges in each of three cells
    assert all(isinstance(layer.layer, Mixed) for layer in layers)
    sizes = [sum(p.numel() for p in network.cells.parameters()) for network in (plain, partial)]  # type: ignore[union-attr, operator]
    assert sizes[1] < 0.5 * sizes[0]
    assert partial(torch.randn(2, 1, 8, 8)).shape == (2, 3)
    edge = next(m for m in partial.modules() if isinstance(m, Edge))
    assert edge(2 * [torch.randn(2, 4, 8, 8)]).shape == (2, 4, 8, 8)


def test_the_space_of_the_supernet_asks_the_same_and_builds_itself() -> None:
    space = Darts(channels=8, layers=3, nodes=1)
    supernet = partial_cells(space, partial=2)
    assert isinstance(supernet, PartialDarts)
    assert (supernet.channels, supernet.none, supernet.partial) == (8, True, 2)
    network = build(supernet, supernet.open_spec(), INFO)
    assert any(isinstance(m, PartialChannels) for m in network.modules())
    assert partial_cells(space, partial=1) == Darts(channels=8, layers=3, nodes=1, none=True)
    assert partial_cells(ConvNet(), partial=1) == ConvNet()


def test_what_does_not_divide_the_channels_is_refused() -> None:
    with pytest.raises(SettingError, match="partial must be at least 1 and divide the 6 channels of the space 'darts', got 4"):
        partial_cells(Darts(channels=6), partial=4)
    with pytest.raises(SettingError, match="partial=4 is for the space 'darts' only, not for 'convnet': set partial=1"):
        partial_cells(ConvNet(), partial=4)
