"""Layers that several networks share. Torch only: this file is copied into stand-alone exports."""

import torch
from torch import Tensor, nn

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "hardswish": nn.Hardswish,
}


def activation(name: str) -> nn.Module:
    """A new activation layer: relu, silu, gelu or hardswish; in place where that is possible and saves memory."""
    kind = _ACTIVATIONS[name]
    return kind() if kind is nn.GELU else kind(inplace=True)


def conv_norm(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without bias and batch normalisation. (N, inputs, H, W) -> (N, outputs, ceil(H/stride), ceil(W/stride))."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    # He et al. 2015, https://arxiv.org/abs/1502.01852, by fan out, as in the ResNets of torchvision
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return [conv, nn.BatchNorm2d(outputs)]


class SqueezeExcite(nn.Module):
    """Channels reweighted by a small network on their global averages (Hu et al. 2018, https://arxiv.org/abs/1709.01507).

    Args:
        channels: that come in.
        hidden: width of the small network; ``None``: `squeezed_channels`.
        act: its activation; ``None``: ReLU.
        gate: from its outputs to factors; ``None``: the piecewise linear one of MobileNetV3.
    """

    def __init__(
        self, channels: int, hidden: int | None = None, act: nn.Module | None = None, gate: nn.Module | None = None
    ) -> None:
        super().__init__()
        hidden = squeezed_channels(channels) if hidden is None else hidden
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, channels, 1)
        self.act = act if act is not None else nn.ReLU(inplace=True)
        self.gate = gate if gate is not None else nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        gate: Tensor = self.gate(self.excite(self.act(self.squeeze(x.mean((2, 3), keepdim=True)))))
        return x * gate


def squeezed_channels(channels: int, reduction: int = 4) -> int:
    """Width of the small network of `SqueezeExcite`."""
    return max(4, channels // reduction)


class Residual(nn.Module):
    """``after(shortcut(x) + body(x))``; without a shortcut the input itself is added.

    Args:
        body: ends in a normalisation; its scale starts at 0, so that the block starts as its shortcut
            (Goyal et al. 2017, https://arxiv.org/abs/1706.02677, section 5.1).
    """

    def __init__(self, body: nn.Sequential, shortcut: nn.Module | None = None, after: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut if shortcut is not None else nn.Identity()
        self.after = after if after is not None else nn.Identity()
        last = body[-1]
        if isinstance(last, (nn.BatchNorm2d, nn.BatchNorm1d, nn.LayerNorm)):
            nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape that the body takes; the body's output shape."""
        y: Tensor = self.after(self.shortcut(x) + self.body(x))
        return y


class DropPath(nn.Module):
    """Leaves out a path for some of the examples of a batch while training, and makes up for it on the others.

    Args:
        depth: share of the network's rate that holds here: 1 everywhere in DARTS; (cell + 1) / cells in NASNet, whose
            ScheduledDropPath grows with the depth (Zoph et al. 2018, https://arxiv.org/abs/1707.07012, and its released code).

    Attributes:
        rate: probability of leaving out, before ``depth``, in [0, 1). `set_drop_path` changes it as the training goes on.
    """

    def __init__(self, depth: float = 1.0) -> None:
        super().__init__()
        self.depth = depth
        self.rate = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) -> the same shape."""
        rate = self.rate * self.depth
        if not self.training or rate == 0:
            return x
        kept = torch.rand(x.shape[0], *[1] * (x.ndim - 1), device=x.device, dtype=x.dtype) >= rate
        return x * kept / (1 - rate)


def set_drop_path(network: nn.Module, rate: float) -> None:
    """Give every `DropPath` of ``network`` the rate, in [0, 1)."""
    for module in network.modules():
        if isinstance(module, DropPath):
            module.rate = rate
