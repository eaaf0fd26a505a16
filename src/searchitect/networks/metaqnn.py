"""Networks of the space ``metaqnn``: plain chains of convolutions, max pools and linear layers.

Baker, Gupta, Naik, Raskar 2017, https://arxiv.org/abs/1611.02167, and the released code (bowenbaker/metaqnn).   Differs from the
code: dropout follows every second layer, as in the paper, where the code adds one behind each linear layer; the average pool is
followed by the classifier alone, where the code has a convolution with ReLU before it. Torch only.
"""

from typing import Any

from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import check_halvings
from searchitect.spaces.metaqnn import pooled

METAQNN_KEYS = {"conv": ("filters", "kernel"), "pool": ("kernel", "stride"), "linear": ("units",)}
"""Kind -> the whole numbers that a layer of it has."""


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a spec: (N, C, H, W) -> (N, info.outputs).

    Convolutions keep the sides; both they and linear layers have biases and ReLU; there is no batch normalisation. The i-th of n
    dropouts has the rate i / (2 n).

    Raises:
        SpaceError: for a spec that is none of this space, and images that are too small for its pools.
    """
    check_metaqnn(spec)
    check_halvings(info, 0, "a network of the space 'metaqnn'")
    channels, *sides = info.input_shape
    is_flat = False
    dropouts = len(spec["layers"]) // 2
    layers: list[nn.Module] = []
    for place, layer in enumerate(spec["layers"], 1):
        match layer["kind"]:
            case "conv":
                kernel = layer["kernel"]
                layers += [nn.Conv2d(channels, layer["filters"], kernel, padding=kernel // 2), nn.ReLU(inplace=True)]
                channels = layer["filters"]
            case "pool":
                layers.append(MetaQnnPool(layer["kernel"], layer["stride"], spec["rounding"]))
                left = [pooled(side, layer["kernel"], layer["stride"], spec["rounding"]) for side in sides]
                if min(left) < 1:
                    raise SpaceError(
                        f"layer {place} of a spec of the space 'metaqnn', a pool of {layer['kernel']}x{layer['kernel']} with stride "
                        f"{layer['stride']}, does not fit the {sides[0]}x{sides[1]} that is left of the image: enlarge the images, "
                        "or give the space their 'side'"
                    )
                sides = left
            case _:
                if not is_flat:
                    layers.append(nn.Flatten())
                    channels, is_flat = channels * sides[0] * sides[1], True
                layers += [nn.Linear(channels, layer["units"]), nn.ReLU(inplace=True)]
                channels = layer["units"]
        if place % 2 == 0:
            layers.append(nn.Dropout(place // 2 / (2 * dropouts)))
    if spec["head"] == "average":
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    elif not is_flat:
        layers.append(nn.Flatten())
        channels = channels * sides[0] * sides[1]
    layers.append(nn.Linear(channels, info.outputs))
    network = nn.Sequential(*layers)
    for module in network:
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)  # as the paper does
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def check_metaqnn(spec: Any) -> None:
    """Raise `SpaceError` for an unknown kind, head or rounding, missing numbers, and maps behind a linear layer."""
    if spec["head"] not in ("softmax", "average") or spec["rounding"] not in ("ceil", "floor"):
        raise SpaceError(
            "a spec of the space 'metaqnn' must have the head 'softmax' or 'average' and the rounding 'ceil' or 'floor', "
            f"got {spec['head']!r} and {spec['rounding']!r}"
        )
    kinds = [layer.get("kind") for layer in spec["layers"]]
    for place, (kind, layer) in enumerate(zip(kinds, spec["layers"], strict=True), 1):
        keys = METAQNN_KEYS.get(kind, ())
        if not keys or not all(isinstance(layer.get(key), int) and layer[key] >= 1 for key in keys):
            raise SpaceError(
                f"layer {place} of a spec of the space 'metaqnn' must be a conv with filters and kernel, a pool with kernel and "
                f"stride, or linear with units, got {layer!r:.200}"
            )
        if kind == "conv" and layer["kernel"] % 2 == 0:
            raise SpaceError(f"the kernel of layer {place} of a spec of the space 'metaqnn' must be odd, got {layer['kernel']}")
        if "linear" in kinds[: place - 1] and kind != "linear":
            raise SpaceError(
                f"layer {place} of a spec of the space 'metaqnn' is a {kind} behind a linear layer, which has no maps"
            )
    if "linear" in kinds and spec["head"] == "average":
        raise SpaceError(
            "a spec of the space 'metaqnn' with a linear layer must have the head 'softmax': it has no maps to average"
        )


class MetaQnnPool(nn.Module):
    """Max pool without padding: (N, C, H, W) -> (N, C, h, w) with h and w as ``pooled`` counts them."""

    def __init__(self, kernel: int, stride: int, rounding: str) -> None:
        super().__init__()
        self.rounding = rounding
        self.pool = nn.MaxPool2d(kernel, stride)
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """Rounded down, the last window of a side is left out where the stride does not divide its number."""
        height, width = (pooled(x.shape[axis], self.kernel, self.stride, self.rounding) for axis in (2, 3))
        y: Tensor = self.pool(x)
        return y[:, :, :height, :width]
