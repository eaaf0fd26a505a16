"""Networks of the space ``monas``: convolutions, max pools, fully connected layers, one after the other.

Hsu et al. 2018, https://arxiv.org/abs/1806.10332.   Differs from the paper: batch normalisation in the place of AlexNet's local response
normalisation; see docs/methods/monas.md. Torch only.
"""

from typing import Any

from torch import nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import check_halvings

MONAS_KEYS = {"conv": ("filters", "kernel"), "pool": ("kernel", "stride"), "linear": ("units",)}
"""Kind -> what a layer of it has."""


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a spec: (N, C, H, W) -> (N, info.outputs), for images of the task's size only.

    Raises:
        SpaceError: for a spec that is none of this space, or still open, and images that are too small.
    """
    check_monas(spec)
    layers = spec["layers"]
    check_halvings(info, sum(layer["kind"] == "pool" for layer in layers), "a network of the space 'monas'")
    width, *sides = info.input_shape
    found: list[nn.Module] = []
    is_flat = False
    for layer in layers:
        match layer["kind"]:
            case "conv":
                found += monas_conv(width, layer["filters"], layer["kernel"])
                width = layer["filters"]
            case "pool":
                found.append(nn.MaxPool2d(layer["kernel"], layer["stride"], padding=layer["kernel"] // 2))
                sides = [-(-side // layer["stride"]) for side in sides]
            case "linear":
                if not is_flat:
                    found.append(nn.Flatten())
                    width, is_flat = width * sides[0] * sides[1], True
                found += [nn.Linear(width, layer["units"]), nn.ReLU(inplace=True)]
                width = layer["units"]
    if not is_flat:
        found.append(nn.Flatten())
        width *= sides[0] * sides[1]
    return nn.Sequential(*found, nn.Linear(width, info.outputs))


def monas_conv(inputs: int, filters: int, kernel: list[int]) -> list[nn.Module]:
    """Convolution of a kernel [height, width], batch normalisation, ReLU; the sides are kept."""
    height, width = kernel
    padding = (height // 2, width // 2)
    return [
        nn.Conv2d(inputs, filters, (height, width), padding=padding, bias=False),
        nn.BatchNorm2d(filters),
        nn.ReLU(inplace=True),
    ]


def check_monas(spec: Any) -> None:
    """Raise `SpaceError` for layers of another kind or with other than whole, decided sizes, and linear ones before the last pool."""
    is_flat = False
    for place, layer in enumerate(spec["layers"]):
        kind = layer["kind"]
        values = [layer.get(key) for key in MONAS_KEYS.get(kind, ())]
        sizes = [size for value in values for size in (value if isinstance(value, list) else [value])]
        is_sound = bool(sizes) and all(isinstance(size, int) and size >= 1 for size in sizes)
        is_odd = kind != "conv" or (len(sizes) == 3 and all(size % 2 for size in sizes[1:] if isinstance(size, int)))
        is_flat = is_flat or kind == "linear"
        if not is_sound or not is_odd or (is_flat and kind != "linear"):
            raise SpaceError(
                f"layer {place} of a spec of the space 'monas' must be a convolution with filters and an odd kernel [height, width], a pool "
                f"with kernel and stride, or behind them a linear layer with units, all decided, got {layer!r:.200}"
            )
