"""Networks of the space ``mnasnet``: a stem, blocks of mobile layers in a chain, a wide 1x1 convolution, a classifier.

Tan et al. 2019, https://arxiv.org/abs/1807.11626; Tan, Le 2019, https://arxiv.org/abs/1905.11946; the authors' code (tensorflow/tpu,
models/official/mnasnet and efficientnet).   Differs from them: see docs/methods/mnasnet.md.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from searchitect.core.errors import SpaceError, unknown_name
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import ZeroOperation, check_halvings
from searchitect.networks.elastic import activation, choice_layers, conv_norm, masks, repeat_layers, squeeze_excite, width
from searchitect.networks.operations import DropPath

MNASNET_EXPANSIONS = {"conv": 0, "sep_conv": 1, "mbconv_e3": 3, "mbconv_e6": 6}
"""Operation -> channels of its depthwise convolution for each one that comes in; 0: it has none."""
MNASNET_SHORTCUTS: dict[str, Callable[[], nn.Module]] = {
    "pool": partial(nn.AvgPool2d, 3, stride=1, padding=1, count_include_pad=False),
    "identity": nn.Identity,
    "none": partial(ZeroOperation, 1),
}


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a spec, or, of an open one, the supernet: (N, C, H, W) -> (N, info.outputs).

    ``spec["enlarge"]``, where it is there, is by how much the sides of images grow before the stem.

    In the supernet numbers of filters and kernels are elastic, every operation has weights of its own, and a block's last layers can
    be left out.

    Args:
        spec: of the space, decided or open.
        info: gives the image channels and the outputs.

    Raises:
        SpaceError: for a spec that is none of this space, and images that are too small.
    """
    stem, head, act = spec["stem"], spec["head"], spec["activation"]
    check_mnasnet(spec)
    halvings = [stem["stride"], *(block["stride"] for block in spec["blocks"])].count(2)
    check_halvings(info, halvings, "a network of the space 'mnasnet'")
    channels = stem["filters"]
    layers: list[nn.Module] = [Enlarge(spec["enlarge"])] if "enlarge" in spec else []
    layers.append(nn.Sequential(*conv_norm(info.input_shape[0], channels, 3, stem["stride"]), activation(act)))
    lengths = [len(mnasnet_layers(block)) for block in spec["blocks"]]
    for place, block in enumerate(spec["blocks"]):
        outputs = width(block["filters"])
        depths = [layer / sum(lengths) for layer in range(sum(lengths[:place]), sum(lengths[: place + 1]))]
        layers.append(nn.Sequential(*mnasnet_block(block, channels, outputs, act, depths)))
        channels = outputs
    end = nn.Sequential(
        *conv_norm(channels, head["filters"], 1),
        activation(act),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(head["dropout"]),
        nn.Linear(head["filters"], info.outputs),
    )
    return nn.Sequential(*layers, end)


def mnasnet_layers(block: Any) -> list[Any]:
    """The layers of a block; where their number is open, of the longest one."""
    return list(getattr(block["layers"], "bodies", block["layers"]))


def check_mnasnet(spec: Any) -> None:
    """Raise `SpaceError` for a block without layers, and for an operation or skip that is not known."""
    for place, block in enumerate(spec["blocks"]):
        if not mnasnet_layers(block):
            raise SpaceError(f"block {place} of a spec of the space 'mnasnet' has no layers")
        for layer in mnasnet_layers(block):
            for key, kind, known in (("op", "operation", MNASNET_EXPANSIONS), ("skip", "skip", MNASNET_SHORTCUTS)):
                if not hasattr(layer[key], "labels") and layer[key] not in known:
                    raise SpaceError(f"a spec of the space 'mnasnet' has an {unknown_name(kind, str(layer[key]), known)}")


def mnasnet_block(block: Any, inputs: Any, outputs: Any, act: str, depths: list[float]) -> list[nn.Module]:
    """The layers of a block: (N, inputs, H, W) -> (N, outputs, ceil(H / stride), ceil(W / stride)).

    The first one changes the shape and has no shortcut. ``depths``: how deep each lies in the network, in [0, 1), see `DropPath`.
    """

    def add(before: tuple[Any, int, int], layer: Any) -> tuple[list[nn.Module], tuple[Any, int, int]]:
        channels, stride, place = before
        body = nn.Sequential(
            *choice_layers(layer["op"], lambda op: mnasnet_operation(op, layer, channels, outputs, stride, act))
        )
        made: nn.Module = body
        if place > 0:
            made = MnasnetLayer(body, mnasnet_shortcut(layer["skip"]), depths[place])
        return [made], (outputs, 1, place + 1)

    return repeat_layers(block["layers"], (inputs, block["stride"], 0), add)


def mnasnet_operation(op: str, layer: Any, inputs: Any, outputs: Any, stride: int, act: str) -> list[nn.Module]:
    """An operation by its name: (N, inputs, H, W) -> (N, outputs, ceil(H / stride), ceil(W / stride)).

    A full convolution ends in its activation and squeeze; the others end in a normalisation, as MobileNetV2's blocks do. The squeeze
    narrows to a share of ``inputs``, not of the expanded channels.
    """

    def squeeze(channels: Any) -> list[nn.Module]:
        def make(share: float) -> list[nn.Module]:
            return [squeeze_excite(channels, inputs, round(1 / share), activation(act), nn.Sigmoid())] if share else []

        return choice_layers(layer["squeeze"], make)

    expansion = MNASNET_EXPANSIONS[op]
    if expansion == 0:
        return [*conv_norm(inputs, outputs, layer["kernel"], stride), activation(act), *masks(outputs), *squeeze(outputs)]
    hidden = width(inputs, expansion)
    return [
        *([*conv_norm(inputs, hidden, 1), activation(act)] if expansion > 1 else []),
        *conv_norm(hidden, hidden, layer["kernel"], stride, groups=hidden),
        activation(act),
        *masks(hidden),
        *squeeze(hidden),
        *conv_norm(hidden, outputs, 1),
        *masks(outputs),
    ]


def mnasnet_shortcut(skip: Any) -> nn.Module | None:
    """What is added to a layer's output: (N, C, H, W) -> the same shape. ``None``, where that is decided to be nothing."""
    if not hasattr(skip, "labels") and skip == "none":
        return None
    return nn.Sequential(*choice_layers(skip, lambda name: [MNASNET_SHORTCUTS[name]()]))


class Enlarge(nn.Module):
    """Interpolates images, so that a network sees them larger: (N, C, H, W) -> (N, C, round(H * factor), round(W * factor))."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        height, width = (round(side * self.factor) for side in x.shape[-2:])
        return nn.functional.interpolate(x, size=(height, width), mode="bilinear", align_corners=False)


class MnasnetLayer(nn.Module):
    """The body's output plus the shortcut's, without activation.

    Args:
        shortcut: ``None``: there is none.
        depth: share of the rate at which the body is left out while training.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module | None, depth: float) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut
        self.drop_path = DropPath(depth)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        y: Tensor = self.body(x)
        if self.shortcut is not None:
            y = self.drop_path(y) + self.shortcut(x)
        return y
