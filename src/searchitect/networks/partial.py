"""Supernets of the space ``darts`` in which only a part of the channels goes through the operations of an edge.

Xu et al. 2020, "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", https://arxiv.org/abs/1907.05737, section 3.2, and
its code (yuhuixu1993/PC-DARTS, model_search.py).   Differs from the code: odd image sides are halved and rounded up.
"""

from functools import partial
from typing import Any

from torch import nn

from searchitect.core.task import TaskInfo
from searchitect.networks.darts import build as build_darts
from searchitect.networks.darts import darts_operation
from searchitect.networks.mixed import Edge, Mixed, choice_layer
from searchitect.networks.partial_channels import PartialChannels


def build(spec: Any, info: TaskInfo, share: int) -> nn.Module:
    """The supernet of an open spec of the space ``darts``: (N, C, H, W) -> (N, info.outputs).

    Args:
        spec: open.
        info: gives the image's channels and sides, and the outputs.
        share: K in the paper: one of ``share`` channels goes through the operations. It divides the channels; with 1 all do.
    """
    return build_darts(spec, info, node=partial(_node, share))


def _node(share: int, edges: Any, channels: int, is_reduction: bool, searching: bool) -> nn.Module:
    def layer(edge: Any) -> nn.Module:
        source: int = edge["from"]
        make = partial(darts_operation, channels // share, is_reduction, searching, source)
        return Edge(source, PartialChannels(choice_layer(edge["op"], make), share, 2 if is_reduction and source < 2 else 1))

    return Mixed(edges.path, edges.labels, [layer(edge) for edge in edges.options], edges.k)
