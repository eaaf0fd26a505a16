"""Layers through which only a part of the channels goes.

Xu et al. 2020, "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", https://arxiv.org/abs/1907.05737, section 3.2.
"""

import torch
from torch import Tensor, nn


class PartialChannels(nn.Module):
    """The first channels go through a layer, the others round it; then both are shuffled, so that other ones come first in the next node.

    (N, C, H, W) -> (N, C, ceil(H / stride), ceil(W / stride)).

    Args:
        layer: (N, C / share, H, W) -> (N, C / share, ceil(H / stride), ceil(W / stride)).
        share: C is a multiple of it.
        stride: 1, or 2: the channels that go round are halved by a 2x2 max pool.
    """

    def __init__(self, layer: nn.Module, share: int, stride: int) -> None:
        super().__init__()
        self.layer = layer
        self.share = share
        self.around = nn.Identity() if stride == 1 else nn.MaxPool2d(2, 2, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        first = x.shape[1] // self.share
        y: Tensor = self.layer(x[:, :first])
        if first == x.shape[1]:
            return y
        return torch.channel_shuffle(torch.cat([y, self.around(x[:, first:])], dim=1), self.share)
