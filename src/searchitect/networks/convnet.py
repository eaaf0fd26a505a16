"""Networks of the space ``convnet``: stem, stages of blocks, averages, linear head."""

from collections.abc import Callable
from typing import Any

from torch import nn

from searchitect.core.task import TaskInfo
from searchitect.networks.operations import Residual, SqueezeExcite, activation, conv_norm


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a decided ``convnet`` spec: (N, C, H, W) -> (N, info.outputs), for any H and W."""
    act = spec["activation"]
    channels = spec["stem"]["width"]
    layers = [nn.Sequential(*conv_norm(info.input_shape[0], channels, 3, spec["stem"]["stride"]), activation(act))]
    for stage in spec["stages"]:
        layers.append(convnet_stage(stage, channels, act))
        channels = stage["width"]
    grid = spec["head"]["grid"]
    head = [nn.AdaptiveAvgPool2d(grid), nn.Flatten(), nn.Dropout(spec["head"]["dropout"])]
    head.append(nn.Linear(channels * grid**2, info.outputs))
    return nn.Sequential(*layers, nn.Sequential(*head))


def convnet_stage(stage: Any, inputs: int, act: str) -> nn.Sequential:
    """One stage: (N, inputs, H, W) -> (N, stage["width"], H/2, W/2), rounded up; H, W where it does not downsample."""
    make = CONVNET_BLOCKS[stage["body"]["kind"]]
    layers: list[nn.Module] = []
    stride = 1
    if stage["downsample"] == "pool":
        layers.append(nn.MaxPool2d(2, ceil_mode=True))  # rounded up, as a strided convolution does
    elif stage["downsample"] == "stride":
        stride = 2
    for block in stage["body"]["blocks"]:
        layers.append(make(block, inputs, stage["width"], stride, act))
        inputs, stride = stage["width"], 1
    return nn.Sequential(*layers)


def plain_block(block: Any, inputs: int, outputs: int, stride: int, act: str) -> nn.Module:
    """Convolution, normalisation, activation."""
    return nn.Sequential(*conv_norm(inputs, outputs, block["kernel"], stride), activation(act))


def residual_block(block: Any, inputs: int, outputs: int, stride: int, act: str) -> nn.Module:
    """ResNet's basic block: two convolutions and a shortcut, which is a 1x1 convolution where the shape changes."""
    kernel = block["kernel"]
    body = nn.Sequential(*conv_norm(inputs, outputs, kernel, stride), activation(act), *conv_norm(outputs, outputs, kernel))
    changes = inputs != outputs or stride != 1
    shortcut = nn.Sequential(*conv_norm(inputs, outputs, 1, stride)) if changes else None
    return Residual(body, shortcut, activation(act))


def separable_block(block: Any, inputs: int, outputs: int, stride: int, act: str) -> nn.Module:
    """MobileNetV1's block: a convolution per channel, then one across channels."""
    return nn.Sequential(
        *conv_norm(inputs, inputs, block["kernel"], stride, groups=inputs),
        activation(act),
        *conv_norm(inputs, outputs, 1),
        activation(act),
    )


def inverted_block(block: Any, inputs: int, outputs: int, stride: int, act: str) -> nn.Module:
    """MobileNetV2's and V3's block: expand, convolve per channel, reweight, project; a shortcut where the shape stays."""
    hidden = inputs * block["expansion"]
    body = nn.Sequential(
        *conv_norm(inputs, hidden, 1),
        activation(act),
        *conv_norm(hidden, hidden, block["kernel"], stride, groups=hidden),
        activation(act),
        *([SqueezeExcite(hidden)] if block["squeeze"] else []),
        *conv_norm(hidden, outputs, 1),
    )
    return Residual(body) if inputs == outputs and stride == 1 else body


CONVNET_BLOCKS: dict[str, Callable[[Any, int, int, int, str], nn.Module]] = {
    "plain": plain_block,
    "residual": residual_block,
    "separable": separable_block,
    "inverted": inverted_block,
}
