"""Small networks, and what proxies are given with them."""

from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core import TaskInfo
from searchitect.proxies.given import Given

IMAGE = TaskInfo("images", "image-classification", (2, 6, 6), 3, 100)
ROW = TaskInfo("rows", "table-classification", (5,), 3, 100)


def batch(info: TaskInfo = ROW, size: int = 8, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, *info.input_shape, generator=generator).to(dtype)
    return x, torch.randint(info.outputs, (size,), generator=generator)


def given(
    info: TaskInfo = ROW, size: int = 8, batches: int = 1, dtype: torch.dtype = torch.float32, scale: float = 1.0
) -> Given:
    pairs = tuple(batch(info, size, seed=seed, dtype=dtype) for seed in range(batches))

    def loss(outputs: Tensor, y: Any) -> Tensor:
        return scale * nn.functional.cross_entropy(outputs, y)

    return Given(info, size, 0, pairs, loss)


def seeded(*layers: nn.Module, seed: int = 0) -> nn.Sequential:
    """A chain whose weights follow from the seed, without torch's own generator."""
    network = nn.Sequential(*layers)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / parameter[0].numel() ** 0.5)
            elif name.endswith("bias"):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 10)
    return network


def perceptron(*, bias: bool = False, seed: int = 0) -> nn.Sequential:
    return seeded(
        nn.Linear(5, 7, bias=bias), nn.ReLU(), nn.Linear(7, 6, bias=bias), nn.ReLU(), nn.Linear(6, 3, bias=bias), seed=seed
    )


def convolutions(seed: int = 0) -> nn.Sequential:
    return seeded(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 5, 3, padding=1, stride=2),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(5, 3),
        seed=seed,
    )
