"""The statistics of batch normalisation: computed anew from training data, or those of each batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


def recalibrate(network: nn.Module, batches: Iterable[Tensor], read: Callable[[Tensor], Tensor] | None = None) -> None:
    """Replace the statistics of every batch normalisation that runs by their averages over ``batches``. Leaves evaluation mode.

    Args:
        network: whose they are.
        batches: inputs, ready for the network.
        read: has the network read one; ``None``: the network itself.
    """
    network.eval()
    layers = normalisations(network)
    momenta = {layer: layer.momentum for layer in layers}
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain average over the batches
        layer.training = True
    try:
        for x in batches:
            (read or network)(x)
    finally:
        _restore(momenta)


@contextmanager
def batch_statistics(network: nn.Module) -> Iterator[None]:
    """Within the block every batch normalisation uses the statistics of the batch, and all else is as in evaluation; so it is left, too."""
    network.eval()
    layers = normalisations(network)
    momenta: Mapping[nn.Module, Any] = {layer: layer.momentum for layer in layers}
    for layer in layers:
        layer.momentum = 0.0  # its running averages stay as they are
        layer.training = True
    try:
        yield
    finally:
        _restore(momenta)


def normalisations(network: nn.Module) -> list[Any]:
    """Every batch normalisation that keeps running averages."""
    found = (m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))
    return [m for m in found if m.track_running_stats]


def _restore(momenta: Mapping[Any, Any]) -> None:
    for layer, momentum in momenta.items():
        layer.momentum = momentum
        layer.training = False
