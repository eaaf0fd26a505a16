"""Networks of the space ``enas-macro``: final ones, which join skips by concatenation, and the one that shares weights, which adds them.

Pham et al. 2018, https://arxiv.org/abs/1802.03268, and the released code (melodyguan/enas, src/cifar10/general_child.py).   Differs from
the code: separable operations are separable in final networks too, unless the space's ``full_convolutions`` says otherwise; final
networks can pool; an output that no later layer reads is not halved with the others.
"""

from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError, unknown_name
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import FactorizedReduction, check_halvings
from searchitect.networks.mixed import choice_layer

ENAS_MACRO_OPERATIONS = ("conv_3x3", "sep_conv_3x3", "conv_5x5", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")


def build(spec: Any, info: TaskInfo, searching: bool = False) -> nn.Module:
    """The network of a spec: (N, C, H, W) -> (N, info.outputs).

    Args:
        spec: of the space. An open one gives the supernet, which is always of the searching kind.
        info: gives the image channels and the outputs.
        searching: whether a decided spec gives the network that it is inside the supernet, instead of the final one.

    Raises:
        SpaceError: for a spec that is none of this space, and images that are too small.
    """
    check_enas_macro(spec)
    check_halvings(info, len(enas_macro_halvings(spec)), "a network of the space 'enas-macro'")
    network = EnasMacroNetwork(spec, info, searching or hasattr(spec["layers"][0]["op"], "labels"))
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
    return network


def check_enas_macro(spec: Any) -> None:
    """Raise `SpaceError` for an operation that is not known and for skips that are not one bool per earlier layer."""
    if not spec["layers"]:
        raise SpaceError("a spec of the space 'enas-macro' must have at least one layer, got none")
    for place, layer in enumerate(spec["layers"]):
        op, skips = layer["op"], layer["skips"]
        if not hasattr(op, "labels") and op not in ENAS_MACRO_OPERATIONS:
            raise SpaceError(
                f"layer {place} of a spec of 'enas-macro' has an {unknown_name('operation', str(op), ENAS_MACRO_OPERATIONS)}"
            )
        if len(skips) != place or not all(hasattr(skip, "labels") or isinstance(skip, bool) for skip in skips):
            raise SpaceError(
                f"layer {place} of a spec of 'enas-macro' must have {place} skips, true or false, got {skips!r:.200}"
            )


def enas_macro_halvings(spec: Any) -> list[int]:
    """The layers behind which the image is halved: at a third and at two thirds, where there are three layers or more."""
    third = len(spec["layers"]) // 3
    return [third - 1, 2 * third - 1] if third else []


class EnasMacroNetwork(nn.Module):
    """States are the outputs of the stem and of the layers so far; behind two of the layers all of them are halved."""

    def __init__(self, spec: Any, info: TaskInfo, searching: bool) -> None:
        super().__init__()
        channels, layers, halvings = spec["channels"], spec["layers"], enas_macro_halvings(spec)
        self.stem = nn.Sequential(nn.Conv2d(info.input_shape[0], channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.layers = nn.ModuleList()
        self.halvings = nn.ModuleDict()
        for place, layer in enumerate(layers):
            # the code's slip, full convolutions for separable ones, is in its final networks only
            self.layers.append(
                EnasMacroSearchLayer(layer, channels)
                if searching
                else EnasMacroFinalLayer(layer, channels, spec["full_convolutions"])
            )
            if place in halvings:
                read = enas_macro_read_later(layers, place)
                width = channels if searching else 2 * channels
                self.halvings[str(place)] = nn.ModuleDict({str(i): enas_macro_halving(channels, width) for i in read})
                channels = width
        # no activation before the average, as in the code
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(spec["dropout"]),
            nn.Linear(channels, info.outputs, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, outputs)."""
        states = [self.stem(x)]
        for place, layer in enumerate(self.layers):
            states.append(layer(states))
            if str(place) in self.halvings:
                halvings: Any = self.halvings[str(place)]
                # the others are never read again, and stay as they are
                states = [halvings[str(i)](state) if str(i) in halvings else state for i, state in enumerate(states)]
        outputs: Tensor = self.head(states[-1])
        return outputs


def enas_macro_read_later(layers: Any, place: int) -> list[int]:
    """The states that the layers behind ``place`` may read: the newest as their input, the others where a skip is not refused."""
    skips = [layer["skips"] for layer in layers[place + 1 :]]
    return [state for state in range(place + 1) if any(row[state] is not False for row in skips)] + [place + 1]


def enas_macro_halving(inputs: int, outputs: int) -> nn.Module:
    """A factorized reduction, of which ENAS has no activation in front: (N, inputs, H, W) -> (N, outputs, H/2, W/2)."""
    return FactorizedReduction(inputs, outputs, has_relu=False)


class EnasMacroFinalLayer(nn.Module):
    """The operation's output and the chosen skips, concatenated, ReLU, 1x1 convolution, batch normalisation."""

    def __init__(self, layer: Any, channels: int, full_convolutions: bool) -> None:
        super().__init__()
        op = layer["op"].removeprefix("sep_") if full_convolutions else layer["op"]
        self.op = nn.Sequential(
            nn.ReLU(),  # not in place: later layers may read the same state
            *enas_macro_conv_norm(channels, 1),
            nn.ReLU(inplace=True),
            *enas_macro_operation(op, channels),
        )
        self.sources = [state for state, skip in enumerate(layer["skips"]) if skip]
        width = (len(self.sources) + 1) * channels
        # the first layer, which has nothing to skip, has no projection; others have one even without a skip
        self.join = (
            nn.Sequential(nn.ReLU(), nn.Conv2d(width, channels, 1, bias=False), nn.BatchNorm2d(channels))
            if layer["skips"]
            else nn.Identity()
        )

    def forward(self, states: list[Tensor]) -> Tensor:
        """States (N, C, H, W) each, the last is the input -> the same shape."""
        joined = torch.cat([*(states[source] for source in self.sources), self.op(states[-1])], dim=1)
        y: Tensor = self.join(joined)
        return y


class EnasMacroSearchLayer(nn.Module):
    """The operation's output plus the chosen skips, batch normalisation; open choices are mixed layers."""

    def __init__(self, layer: Any, channels: int) -> None:
        super().__init__()
        self.op = choice_layer(layer["op"], lambda op: enas_macro_search_operation(op, channels))
        chosen = {str(state): skip for state, skip in enumerate(layer["skips"]) if skip is not False}
        self.skips = nn.ModuleDict({state: choice_layer(skip, enas_macro_skip) for state, skip in chosen.items()})
        self.norm = nn.BatchNorm2d(channels) if layer["skips"] else nn.Identity()  # none in the first layer

    def forward(self, states: list[Tensor]) -> Tensor:
        """States (N, C, H, W) each, the last is the input -> the same shape."""
        total = self.op(states[-1])
        for state, skip in self.skips.items():
            total = total + skip(states[int(state)])
        y: Tensor = self.norm(total)
        return y


def enas_macro_search_operation(name: str, channels: int) -> nn.Module:
    """1x1 convolution, batch normalisation and ReLU, then the operation, behind convolutions with ReLU."""
    last = [] if "pool" in name else [nn.ReLU(inplace=True)]
    first = [*enas_macro_conv_norm(channels, 1), nn.ReLU(inplace=True)]
    operation = enas_macro_operation(name, channels)
    if isinstance(operation[-1], nn.BatchNorm2d):
        operation[-1].eps = 1e-3  # as the code's masked normalisation, which only these have
    return nn.Sequential(*first, *operation, *last)


def enas_macro_operation(name: str, channels: int) -> list[nn.Module]:
    """The layers of an operation by its name: (N, channels, H, W) -> the same shape. A separable one is one pair, not two."""
    match name.rpartition("_"):
        case ("avg_pool", _, _):
            return [nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)]
        case ("max_pool", _, _):
            return [nn.MaxPool2d(3, stride=1, padding=1)]
        case ("sep_conv", _, size):
            kernel = int(size[0])
            depthwise = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False)
            return [depthwise, *enas_macro_conv_norm(channels, 1)]
        case (_, _, size):
            return enas_macro_conv_norm(channels, int(size[0]))


def enas_macro_conv_norm(channels: int, kernel: int) -> list[nn.Module]:
    """Convolution without bias and batch normalisation."""
    return [nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(channels)]


def enas_macro_skip(taken: bool) -> nn.Module:
    """An open skip, taken or not."""
    return nn.Identity() if taken else EnasMacroNothing()


class EnasMacroNothing(nn.Module):
    """A skip that is not taken: zeros that no gradient passes."""

    def forward(self, x: Tensor) -> Tensor:
        """Zeros of the input's shape."""
        return torch.zeros_like(x)
