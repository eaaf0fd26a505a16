"""Networks of the space ``nemo``: a plain chain of convolutions, max pools and linear layers of given widths.

Kim, Reddy, Yun, Seo 2017, ICML AutoML workshop.   Differs from the papers of the networks made by hand: convolutions keep the sides, are
normalised and have ReLU; pools take the maximum; there is no dropout. Torch only.
"""

from typing import Any

from torch import nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import check_halvings
from searchitect.networks.elastic import activation, conv_norm, linear, masks, width


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a spec, or, of an open one, the supernet with elastic widths: (N, C, H, W) -> (N, info.outputs).

    Behind the maps all pixels are read, with the head "softmax", so that the network is for images of the task's size only; with
    "average" the average of each channel.

    Raises:
        SpaceError: for a spec that is none of this space, and images that are too small.
    """
    check_nemo(spec)
    maps = [layer for layer in spec["layers"] if layer["kind"] != "linear"]
    check_halvings(info, sum(layer["stride"] == 2 for layer in maps), "a network of the space 'nemo'")
    channels, height, breadth = info.input_shape
    layers: list[nn.Module] = []
    for layer in maps:
        if layer["stride"] == 2:
            height, breadth = -(-height // 2), -(-breadth // 2)
        if layer["kind"] == "pool":
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            continue
        filters = width(layer["filters"])
        convolution = conv_norm(channels, filters, layer["kernel"], layer["stride"])
        layers.append(nn.Sequential(*convolution, activation("relu"), *masks(filters)))
        channels = filters
    is_average = spec["head"] == "average"
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()] if is_average else [nn.Flatten()]
    inputs = channels if is_average else width(channels, height * breadth)
    for layer in spec["layers"][len(maps) :]:
        units = width(layer["units"])
        layers.append(nn.Sequential(linear(inputs, units), activation("relu"), *masks(units)))
        inputs = units
    return nn.Sequential(*layers, linear(inputs, info.outputs))


def check_nemo(spec: Any) -> None:
    """Raise `SpaceError` for an unknown head, kind or stride, and for maps behind a linear layer."""
    kinds = [layer.get("kind") for layer in spec["layers"]]
    if spec["head"] not in ("softmax", "average") or not set(kinds) <= {"conv", "pool", "linear"}:
        raise SpaceError(
            "a spec of the space 'nemo' must have layers of the kinds conv, pool and linear, and the head 'softmax' or 'average', "
            f"got {kinds} and {spec['head']!r}"
        )
    maps = len(kinds) - kinds.count("linear")
    if "linear" in kinds[:maps]:
        raise SpaceError("in a spec of the space 'nemo' only linear layers may stand behind a linear layer")
    for number, layer in enumerate(spec["layers"][:maps]):
        if layer["stride"] not in ((2,) if layer["kind"] == "pool" else (1, 2)):
            raise SpaceError(
                f"the stride of layer {number} of a spec of the space 'nemo' must be 1 or 2, of a pool 2, got {layer['stride']!r}"
            )
