"""Networks of the space ``pnas``.

Liu et al. 2018, https://arxiv.org/abs/1712.00559, and its code (tensorflow/models, research/slim/nets/nasnet/pnasnet.py); the rules
of stacking, which are NASNet's, are in `networks.nasnet_stacking`.
"""

from typing import Any

from torch import nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.nasnet_stacking import build_nasnet_stack, nasnet_operation
from searchitect.spaces.pnas import PNAS_OPERATIONS


def build(spec: Any, info: TaskInfo, auxiliary: bool = False) -> nn.Module:
    """The network of a spec, or, of an open spec, the supernet: (N, C, H, W) -> (N, info.outputs).

    Args:
        spec: of the space, decided or open.
        info: gives the image's shape and the outputs.
        auxiliary: with the auxiliary classifier; while training, forward then gives a pair.

    Raises:
        SpaceError: for a malformed spec, an image that is too small, and an open spec whose cells have no fixed number of blocks.
    """
    if hasattr(spec["cells"].get("normal", {}).get("nodes"), "bodies"):
        raise SpaceError(
            "there is no supernet of PNAS cells with a varying number of blocks: set least_blocks equal to blocks, or leave it out"
        )
    return build_nasnet_stack(
        spec, info, nasnet_operation, PNAS_OPERATIONS, "a PNASNet", has_reduction=False, auxiliary=auxiliary
    )
