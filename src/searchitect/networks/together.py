"""The nodes of a cell of a supernet, run together: whatever their edges need of one state is computed once.

A cell hands each of its nodes the states so far, one node after the other (`searchitect.networks.mixed`). Run by itself, each edge
applies ReLU, pools, and keeps every intermediate result of every option for the way back. Here all edges that leave one state are run
when that state is there, and added to the sums of the nodes that they lead to. This gives the same sums, up to rounding; with
`searchitect.networks.depthwise` and channels last in about a third of the time, and in half of the memory
(benchmarks/how_fast_is_a_darts_step.py). It is for training on a CPU. Elsewhere the nodes run by themselves.

It takes over layers that it recognises by their parts, leaves their parameters and their running statistics where they are,
and calls any other layer as it is. Forward hooks on the layers that it takes over are not called.
"""

from collections.abc import Iterator, Sequence
from functools import partial, reduce

import torch
from torch import Tensor, nn

from searchitect.networks.leaves import Leaf, leaves_of
from searchitect.networks.mixed import Edge, EdgeRow, EdgeSum, Mixed
from searchitect.networks.shared_state import run_leaves


def share_work(network: nn.Module) -> None:
    """Let the nodes of each cell of a supernet be run together. A network without open choices stays as it is."""
    for module in network.modules():
        nodes = getattr(module, "nodes", None)
        readers = [reader for node in nodes for reader in _readers(node)] if isinstance(nodes, nn.ModuleList) else []
        if any(isinstance(part, Mixed) for reader in readers for part in reader.modules()):
            together = Together(readers)
            for place, reader in enumerate(readers):
                reader.forward = partial(together.run, place)  # type: ignore[method-assign]


def _readers(module: nn.Module) -> Iterator[Mixed | EdgeSum | EdgeRow | Edge]:
    """The outermost modules that read the list of states."""
    if isinstance(module, (EdgeSum, EdgeRow, Edge)) or (
        isinstance(module, Mixed) and any(isinstance(m, Edge) for m in module.modules())
    ):
        yield module
    else:
        for child in module.children():
            yield from _readers(child)


class Together:
    """Runs the readers of one cell, which are called in their order; each call gives the sum of one of them."""

    def __init__(self, readers: Sequence[nn.Module]) -> None:
        self.readers = list(readers)
        self.leaves: list[Leaf] = []
        self.done: list[Tensor] = []  # the states whose edges have been run
        self.parts: dict[int, list[Tensor]] = {}  # of the sums, by reader

    def run(self, place: int, states: Sequence[Tensor]) -> Tensor:
        """The states so far -> the sum of one reader."""
        if not self._is_able(states):
            return self._run_alone(place, states)
        if place == 0 or any(done is not state for done, state in zip(self.done, states, strict=False)):
            self._forget()
            self.leaves = [leaf for i, reader in enumerate(self.readers) for leaf in leaves_of(reader, i)]
        for source in range(len(self.done), len(states)):
            leaves = [leaf for leaf in self.leaves if leaf.source == source]
            if leaves:
                for reader, part in run_leaves(leaves, states[source]):
                    self.parts.setdefault(reader, []).append(part)
            self.done.append(states[source])
        parts = self.parts.pop(place)
        if place == len(self.readers) - 1:
            self._forget()
        if any(part.shape != parts[0].shape for part in parts):
            return self._run_alone(place, states)  # it can say what is wrong
        return reduce(torch.add, parts)

    def _forget(self) -> None:
        self.leaves, self.done, self.parts = [], [], {}

    def _is_able(self, states: Sequence[Tensor]) -> bool:
        x = next((state for state in states if state is not None), None)
        if x is None or x.device.type != "cpu" or x.dtype not in (torch.float32, torch.float64) or x.ndim != 4:
            return False
        return self.readers[0].training and not torch.is_autocast_enabled("cpu")

    def _run_alone(self, place: int, states: Sequence[Tensor]) -> Tensor:
        reader = self.readers[place]
        y: Tensor = type(reader).forward(reader, states)
        return y
