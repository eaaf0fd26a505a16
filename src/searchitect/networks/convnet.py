"""Networks of the space ``convnet``: stem, stages of blocks, averages, linear head."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from searchitect.core.task import TaskInfo
from searchitect.networks.elastic import (
    activation,
    choice_layers,
    conv_norm,
    linear,
    masks,
    repeat_layers,
    residual,
    squeeze_excite,
    width,
)


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a ``convnet`` spec, or, of an open one, the supernet: (N, C, H, W) -> (N, info.outputs), for any H and W.

    In the supernet widths, kernels and expansions are elastic, every kind of block has weights of its own, and so has the head
    behind each number of stages.
    """
    act, channels = spec["activation"], width(spec["stem"]["width"])

    def begin(stride: int) -> list[nn.Module]:
        return [nn.Sequential(*conv_norm(info.input_shape[0], channels, 3, stride), activation(act), *masks(channels))]

    def add(inputs: Any, stage: Any) -> tuple[list[nn.Module], Any]:
        outputs = width(stage["width"])
        return [convnet_stage(stage, inputs, outputs, act)], outputs

    def end(inputs: Any) -> list[nn.Module]:
        return [convnet_head(spec["head"], inputs, info.outputs)]

    stem = choice_layers(spec["stem"]["stride"], begin, way_out="stem_strides=1")
    return nn.Sequential(*stem, *repeat_layers(spec["stages"], channels, add, end))


def convnet_head(head: Any, channels: Any, outputs: int) -> nn.Module:
    """Averages over a grid, and a linear layer: (N, channels, H, W) -> (N, outputs)."""

    def make(grid: int) -> list[nn.Module]:
        dropout = choice_layers(head["dropout"], lambda rate: [nn.Dropout(rate)])
        return [nn.AdaptiveAvgPool2d(grid), nn.Flatten(), *dropout, linear(width(channels, grid**2), outputs)]

    return nn.Sequential(*choice_layers(head["grid"], make))


def convnet_stage(stage: Any, inputs: Any, outputs: Any, act: Any) -> nn.Sequential:
    """One stage: (N, inputs, H, W) -> (N, outputs, H/2, W/2), rounded up; H, W where it does not downsample."""

    def make(body: Any) -> list[nn.Module]:
        block_of = CONVNET_BLOCKS[body["kind"]]

        def add(before: Any, block: Any) -> tuple[list[nn.Module], Any]:
            channels, downsample = before

            def shrink(way: str) -> list[nn.Module]:
                layer = block_of(block, channels, outputs, 2 if way == "stride" else 1, act)
                # rounded up, as a strided convolution does
                return [nn.MaxPool2d(2, ceil_mode=True), layer] if way == "pool" else [layer]

            return choice_layers(downsample, shrink), (outputs, "none")

        return repeat_layers(body["blocks"], (inputs, stage["downsample"]), add)

    return nn.Sequential(*choice_layers(stage["body"], make))


def plain_block(block: Any, inputs: Any, outputs: Any, stride: int, act: Any) -> nn.Module:
    """Convolution, normalisation, activation."""
    return nn.Sequential(*conv_norm(inputs, outputs, block["kernel"], stride), activation(act), *masks(outputs))


def residual_block(block: Any, inputs: Any, outputs: Any, stride: int, act: Any) -> nn.Module:
    """ResNet's basic block: two convolutions and a shortcut, which is a 1x1 convolution where the shape changes."""
    kernel = block["kernel"]
    body = nn.Sequential(
        *conv_norm(inputs, outputs, kernel, stride),
        activation(act),
        *masks(outputs),
        *conv_norm(outputs, outputs, kernel),
        *masks(outputs),
    )
    shortcut = partial(convnet_shortcut, inputs, outputs, stride)
    return residual(body, inputs, outputs, stride, shortcut, activation(act))


def convnet_shortcut(inputs: Any, outputs: Any, stride: int) -> list[nn.Module]:
    """The layers of a shortcut between two shapes."""
    return [*conv_norm(inputs, outputs, 1, stride), *masks(outputs)]


def separable_block(block: Any, inputs: Any, outputs: Any, stride: int, act: Any) -> nn.Module:
    """MobileNetV1's block: a convolution per channel, then one across channels."""
    return nn.Sequential(
        *conv_norm(inputs, inputs, block["kernel"], stride, groups=inputs),
        activation(act),
        *masks(inputs),
        *conv_norm(inputs, outputs, 1),
        activation(act),
        *masks(outputs),
    )


def inverted_block(block: Any, inputs: Any, outputs: Any, stride: int, act: Any) -> nn.Module:
    """MobileNetV2's and V3's block: expand, convolve per channel, reweight, project; a shortcut where the shape stays."""
    hidden = width(inputs, block["expansion"])
    body = nn.Sequential(
        *conv_norm(inputs, hidden, 1),
        activation(act),
        *conv_norm(hidden, hidden, block["kernel"], stride, groups=hidden),
        activation(act),
        *masks(hidden),
        *choice_layers(block["squeeze"], lambda squeezes: [squeeze_excite(hidden)] if squeezes else []),
        *conv_norm(hidden, outputs, 1),
        *masks(outputs),
    )
    return residual(body, inputs, outputs, stride)


CONVNET_BLOCKS: dict[str, Callable[[Any, Any, Any, int, Any], nn.Module]] = {
    "plain": plain_block,
    "residual": residual_block,
    "separable": separable_block,
    "inverted": inverted_block,
}
