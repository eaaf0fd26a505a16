"""How much memory a step of a supernet takes, told before it is taken."""

from dataclasses import dataclass
from typing import Final

import psutil
import torch
from torch import Tensor, nn

from searchitect.core import SettingError

COPIES: Final = 3
"""Of every weight: itself, its gradient and its momentum."""
TRANSIENT: Final = 1.3
"""What a step takes for each byte that is kept for its backward pass; measured: 1.2 to 1.3 with the space ``darts``, 4 channels, batches of 32."""
_LEAST_BATCH: Final = 2
_FEW: Final = 2


@dataclass(frozen=True)
class StepMemory:
    """Of one step, in bytes.

    Attributes:
        weights: with gradients and momentum.
        activations: of one batch: what the forward pass keeps for the backward pass, and some more for that.
        batch: its examples.
    """

    weights: int
    activations: int
    batch: int

    @property
    def total(self) -> int:
        return self.weights + self.activations


def step_memory(network: nn.Module, example: Tensor, batch: int) -> StepMemory:
    """The memory of a step of a network as its open layers are set, from what two examples keep for a backward pass.

    Args:
        network: in training mode; its running averages and torch's random state are afterwards as before.
        example: [1, ...], as the network receives it.
        batch: examples of a step.
    """
    weights = COPIES * sum(p.nbytes for p in network.parameters())
    mine = {p.untyped_storage()._cdata for p in network.parameters()}
    before = [(buffer, buffer.clone()) for buffer in network.buffers()]
    kept: dict[int, Tensor] = {}  # by memory; held, so that no address is used twice

    def keep(tensor: Tensor) -> Tensor:
        kept.setdefault(tensor.untyped_storage()._cdata, tensor)
        return tensor

    with torch.random.fork_rng(devices=[]), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(torch.cat([example] * _FEW))
    with torch.no_grad():
        for buffer, value in before:
            buffer.copy_(value)
    per_example = sum(t.untyped_storage().nbytes() for memory, t in kept.items() if memory not in mine) / _FEW
    return StepMemory(weights, int(TRANSIENT * per_example * batch), batch)


def check_weights(network: nn.Module, device: torch.device, space: str) -> None:
    """Raise `SettingError` where the weights of a supernet, with gradients and momentum, do not fit; it may be one without numbers."""
    check_memory(StepMemory(COPIES * sum(p.nbytes for p in network.parameters()), 0, 1), device, space)


def check_memory(needed: StepMemory, device: torch.device, space: str) -> None:
    """Raise `SettingError` where a step does not fit into the memory that is free, with what would fit."""
    free = free_memory(device)
    if needed.total <= free:
        return
    room = free - needed.weights
    fits = int(needed.batch * room / needed.activations) if needed.activations else 0
    smaller = (
        f"lower batch_size from {needed.batch} to {fits}"
        if fits >= _LEAST_BATCH
        else f"take a smaller size of the space {space!r}"
    )
    raise SettingError(
        f"a step of the supernet would take about {_gigabytes(needed.total)} (weights, gradients and momentum {_gigabytes(needed.weights)}, "
        f"a batch of {needed.batch} {_gigabytes(needed.activations)}), {_gigabytes(free)} are free: {smaller}, or a method that runs one option "
        "at a time, such as spos or gdas"
    )


def free_memory(device: torch.device) -> int:
    """Bytes that can be taken on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.3g} GB"
