"""Networks of the space ``nasbench-macro``: a stem, stages of blocks in a chain, a wide 1x1 convolution, a classifier.

Su et al. 2021, https://arxiv.org/abs/2103.11922, and the authors' code (xiusu/NAS-Bench-Macro, train/model.py).   Differs from the
code: nothing.
"""

from functools import partial
from typing import Any

from torch import Tensor, nn

from searchitect.core.errors import SpaceError, unknown_name
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import check_halvings
from searchitect.networks.mixed import choice_layer

NASBENCH_MACRO_BLOCKS = {"identity": (0, 1), "mbconv_3x3_e3": (3, 3), "mbconv_5x5_e6": (5, 6)}
"""Name -> kernel size and expansion."""


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a chain, or, of an open spec, the supernet: (N, C, H, W) -> (N, info.outputs).

    Args:
        spec: of the space, decided or open.
        info: gives the image channels and the outputs.

    Raises:
        SpaceError: for a spec that is none of this space, and images that are too small.
    """
    check_nasbench_macro(spec)
    check_halvings(info, len(spec["stages"]), "a network of the space 'nasbench-macro'")
    channels = spec["channels"]
    layers: list[nn.Module] = [nn.Sequential(*nasbench_macro_conv(info.input_shape[0], channels, 3), nn.ReLU(inplace=True))]
    blocks = iter(spec["blocks"])
    for length in spec["stages"]:
        first = partial(nasbench_macro_block, inputs=channels, outputs=2 * channels, stride=2)
        channels *= 2
        later = partial(nasbench_macro_block, inputs=channels, outputs=channels, stride=1)
        layers += [choice_layer(next(blocks), first if place == 0 else later) for place in range(length)]
    head = nn.Sequential(
        *nasbench_macro_conv(channels, spec["head"], 1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(spec["head"], info.outputs),
    )
    return nn.Sequential(*layers, head)


def check_nasbench_macro(spec: Any) -> None:
    """Raise `SpaceError` for a number of blocks other than the stages' and for a block that is not known."""
    if len(spec["blocks"]) != sum(spec["stages"]):
        raise SpaceError(
            f"a spec of the space 'nasbench-macro' with the stages {spec['stages']} must have {sum(spec['stages'])} blocks, "
            f"got {len(spec['blocks'])}"
        )
    for block in spec["blocks"]:
        if not hasattr(block, "labels") and block not in NASBENCH_MACRO_BLOCKS:
            raise SpaceError(f"a spec of 'nasbench-macro' has an {unknown_name('block', str(block), NASBENCH_MACRO_BLOCKS)}")


def nasbench_macro_block(name: str, inputs: int, outputs: int, stride: int) -> nn.Module:
    """The block by its name: (N, inputs, H, W) -> (N, outputs, ceil(H / stride), ceil(W / stride))."""
    kernel, expansion = NASBENCH_MACRO_BLOCKS[name]
    if name == "identity":  # where it cannot be one, a projection
        return nn.Identity() if stride == 1 else nn.Sequential(*nasbench_macro_conv(inputs, outputs, 1, stride))
    hidden = inputs * expansion
    body = nn.Sequential(
        *nasbench_macro_conv(inputs, hidden, 1),
        nn.ReLU(inplace=True),
        *nasbench_macro_conv(hidden, hidden, kernel, stride, groups=hidden),
        nn.ReLU(inplace=True),
        *nasbench_macro_conv(hidden, outputs, 1),
    )
    return NasBenchMacroResidual(body) if stride == 1 else body


def nasbench_macro_conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without bias and batch normalisation, with torch's initial weights, which the authors trained from."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


class NasBenchMacroResidual(nn.Module):
    """The body's output plus its input, without activation."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        y: Tensor = self.body(x) + x
        return y
