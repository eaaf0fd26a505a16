"""What a proxy is given besides the network, and what several proxies ask of a network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from searchitect.core import TaskInfo
from searchitect.tasks import Task, loss_function

LAYERS: Final = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear)
"""The layers whose weights count: convolutions and matrices, without biases and normalisations."""
_NORMALISATIONS: Final = frozenset(
    {
        nn.functional.batch_norm,
        nn.functional.layer_norm,
        nn.functional.group_norm,
        nn.functional.instance_norm,
        nn.functional.rms_norm,
    }
)
_SAME: Final = 3e-7
"""Outputs that differ by less, relative to the largest, are equal but for rounding."""


@dataclass(frozen=True)
class Given:
    """Minibatches, a loss, and a source of chance.

    Attributes:
        info: shapes of the task.
        batches: pairs (x, y): network inputs [batch, ...] and targets as the loss takes them; empty for a proxy without data.
        loss: outputs [batch, outputs] and targets -> a scalar.
        size: examples of a batch.
        seed: of what the proxy itself draws.
    """

    info: TaskInfo
    size: int
    seed: int
    batches: tuple[tuple[Tensor, Tensor], ...] = ()
    loss: Callable[[Tensor, Any], Tensor] = field(default=lambda outputs, _: outputs.sum())

    @property
    def x(self) -> Tensor:
        """The inputs of the first batch."""
        return self.batches[0][0]

    def generator(self) -> torch.Generator:
        """A new one, which gives the same for every network."""
        return torch.Generator().manual_seed(self.seed)


def draw(task: Task | TaskInfo, size: int, batches: int, seed: int) -> Given:
    """Different training rows for each batch, as the network receives them; fewer where the task has too few.

    Args:
        task: with data, or shapes alone where ``batches`` is 0.
        size: examples of a batch.
        batches: how many; 0 for a proxy without data.
        seed: of the draw.
    """
    if not isinstance(task, Task):
        return Given(task, size, seed)
    info = task.info
    order = torch.randperm(len(task.train), generator=torch.Generator().manual_seed(seed))
    size = max(2, min(size, len(order) // max(batches, 1)))
    found = []
    for place in range(batches):
        rows = order[place * size : (place + 1) * size]
        with torch.no_grad():
            x = task.preprocess.cpu()(task.train.x[rows])
        y = task.train.y[rows]
        found.append((x, y if info.is_classification else (y - task.target_mean) / task.target_std))
    return Given(info, size, seed, tuple(found), loss_function(info))


def noise(info: TaskInfo, size: int, generator: torch.Generator) -> Tensor:
    """Inputs that look like those of a task: standard normal numbers, and uniform codes in categorical columns. [size, ...]."""
    x = torch.randn(size, *info.input_shape, generator=generator)
    for place, codes in enumerate(info.cardinalities):
        x[:, info.numeric + place] = torch.randint(codes, (size,), generator=generator).float()
    return x


def weights_of(network: nn.Module) -> list[Tensor]:
    """The weights of its convolutions and linear layers, each once."""
    found = {id(module.weight): module.weight for module in network.modules() if isinstance(module, LAYERS)}
    return list(found.values())


def gradients(network: nn.Module, given: Given, batch: int = 0, *, has_graph: bool = False) -> list[Tensor]:
    """dL/dw of `weights_of`, zeros where the loss does not depend on them.

    Args:
        network: in training mode.
        given: has the batch.
        batch: its number.
        has_graph: whether they shall be differentiable themselves.
    """
    weights = weights_of(network)
    x, y = given.batches[batch]
    loss = given.loss(network(x), y)
    found = torch.autograd.grad(loss, weights, create_graph=has_graph, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]


@torch.no_grad()
def is_constant(network: nn.Module, info: TaskInfo, seed: int = 0) -> bool:
    """Whether a network gives the same for every input, as where no path leads from its input to its output."""
    outputs = network(noise(info, 4, torch.Generator().manual_seed(seed)))
    return bool((outputs - outputs[:1]).abs().max() <= _SAME * outputs.abs().max())


class WithoutNormalisation(TorchFunctionMode):
    """Inside, every normalisation gives what it is given, in modules and in functions alike."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _NORMALISATIONS:
            return args[0] if args else kwargs["input"]
        return func(*args, **kwargs)


@contextmanager
def outputs_kept(modules: list[nn.Module]) -> Iterator[list[tuple[nn.Module, Tensor]]]:
    """Inside, what each of ``modules`` gives is kept, in the order of computing. Later layers that work in place get a copy."""
    kept: list[tuple[nn.Module, Tensor]] = []

    def keep(module: nn.Module, _: Any, output: Any) -> Any:
        if not isinstance(output, Tensor):
            return output
        kept.append((module, output))
        return output.clone()

    handles = [module.register_forward_hook(keep) for module in modules]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()
