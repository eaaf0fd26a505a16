"""Networks of the space ``amoebanet``.

Real, Aggarwal, Huang, Le 2019, https://arxiv.org/abs/1802.01548, and its code (tensorflow/tpu, models/official/amoeba_net/
network_utils.py); the rules of stacking, which are NASNet's, are in `networks.nasnet_stacking`.   Differs from the code: dilated
separable convolutions are dilated, where the code overlooks it.
"""

from typing import Any

from torch import nn

from searchitect.core.task import TaskInfo
from searchitect.networks.cells import relu_conv_bn
from searchitect.networks.nasnet_stacking import build_nasnet_stack, nasnet_operation, nasnet_pool, nasnet_separable
from searchitect.spaces.amoebanet import AMOEBANET_FURTHER_OPERATIONS, AMOEBANET_OPERATIONS


def build(spec: Any, info: TaskInfo, auxiliary: bool = False) -> nn.Module:
    """The network of a spec, or, of an open spec, the supernet: (N, C, H, W) -> (N, info.outputs).

    Args:
        spec: of the space, decided or open.
        info: gives the image's shape and the outputs.
        auxiliary: with the auxiliary classifier; while training, forward then gives a pair.

    Raises:
        SpaceError: for a malformed spec, and an image that is too small.
    """
    known = AMOEBANET_OPERATIONS + AMOEBANET_FURTHER_OPERATIONS
    return build_nasnet_stack(
        spec, info, amoebanet_operation, known, "an AmoebaNet", has_loose_inputs=True, auxiliary=auxiliary
    )


def amoebanet_operation(name: str, inputs: int, outputs: int, stride: int) -> nn.Module:
    """The layer of an operation: (N, inputs, H, W) -> (N, outputs, ceil(H / stride), ceil(W / stride)).

    Convolutions that are neither separable nor 1x1 have a bottleneck: 1x1 to a quarter of the channels, then back.
    """
    match name:
        case "conv_3x3" | "conv_3x1_1x3" | "conv_7x1_1x7":
            narrow = 3 * outputs // 8 if name == "conv_3x1_1x3" else outputs // 4
            if narrow < 1:
                return nasnet_operation(name, inputs, outputs, stride)
            return nn.Sequential(
                relu_conv_bn(inputs, narrow, 1),
                nasnet_operation(name, narrow, narrow, stride),
                relu_conv_bn(narrow, outputs, 1),
            )
        case "dil_conv_3x3" | "dil_conv_5x5":
            return nasnet_separable(inputs, outputs, 3 if name == "dil_conv_3x3" else 5, stride, dilation=2)
        case "max_pool_2x2":
            # what the window lacks is added at the bottom and right
            pool = nn.MaxPool2d(2, 2, ceil_mode=True) if stride == 2 else nn.MaxPool2d(2, 1)
            padding = nn.Identity() if stride == 2 else nn.ReplicationPad2d((0, 1, 0, 1))
            return nasnet_pool(nn.Sequential(padding, pool), inputs, outputs)
    return nasnet_operation(name, inputs, outputs, stride)
