"""What the options of open choices cost, and the cost that is expected of a network whose decisions are drawn.

Cai, Zhu, Han 2019, "ProxylessNAS", https://arxiv.org/abs/1812.00332, section 3.3 (expected latency from a table of measured operations);
Xie, Zheng, Liu, Lin 2019, "SNAS", https://arxiv.org/abs/1812.09926, section 2.4 (resources, linear in the decisions).

The cost of a network is taken as the sum over its layers. That is exact for parameters and multiply-adds; latencies of layers that
are measured one by one miss what runs between them. A choice of a size, whose options share one layer, is counted at its largest.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn

from searchitect.core import SettingError
from searchitect.costs import count_macs, measure_latency
from searchitect.networks.mixed import Mixed, OpenLayer, mixed_layers
from searchitect.networks.open_layers import OpenRepeat

Condition: TypeAlias = tuple[str, tuple[int, ...]]
"""The path of a choice, and the options of it under which a layer is there."""
Conditions: TypeAlias = tuple[Condition, ...]
KINDS: Final = ("params", "macs", "latency")
_WARM, _REPEATS = 5, 20


class ExpectedCost:
    """The expected cost of a network, linear in the probabilities of each choice; those of choices inside others multiply.

    Args:
        parts: what the layers cost that are there under the same conditions.
        taken: of each choice, its labels, and how many of them are taken, ``None``: one.
    """

    def __init__(self, parts: Mapping[Conditions, float], taken: Mapping[str, tuple[Sequence[Any], int | None]]) -> None:
        self.parts, self.taken = dict(parts), dict(taken)

    def expected(self, probabilities: Mapping[str, Tensor]) -> Tensor:
        """A scalar, with gradients.

        Args:
            probabilities: of the options of each choice [n], summing to 1; of a choice of k, an option is there k times as likely, at
                most surely. Choices that are missing have equal ones.
        """
        total = torch.zeros(())
        shares = {path: self._presence(path, probabilities.get(path)) for path in self.taken}
        for conditions, cost in self.parts.items():
            factor: Tensor | float = cost
            for path, places in conditions:
                factor = factor * shares[path][list(places)].sum()
            total = total + factor
        return total

    @property
    def mean(self) -> float:
        """The expected cost where all options of a choice are equally likely."""
        return float(self.expected({}))

    def of(self, decisions: Mapping[str, Any]) -> float:
        """The cost of the architecture that ``decisions`` make."""
        there = {}
        for path, (labels, k) in self.taken.items():
            named = decisions.get(path, []) if k is not None else [decisions[path]] if path in decisions else []
            there[path] = {place for place, label in enumerate(labels) if label in named}
        return sum(cost for found, cost in self.parts.items() if all(there[path] & set(places) for path, places in found))

    def state(self) -> Tensor:
        """What was measured, to go on with after an interruption: another measurement would differ."""
        return torch.tensor(list(self.parts.values()), dtype=torch.float64)

    def load(self, state: Tensor) -> None:
        """Take what `state` gave of a network of the same space."""
        self.parts = dict(zip(self.parts, state.tolist(), strict=True))

    def _presence(self, path: str, given: Tensor | None) -> Tensor:
        labels, k = self.taken[path]
        shares = given.cpu() if given is not None else torch.full((len(labels),), 1 / len(labels))
        return shares if k is None else (k * shares).clamp(max=1.0)


def expected_cost(network: nn.Module, example: Tensor, kind: str) -> ExpectedCost:
    """The costs of all options of a supernet. The network runs once, in evaluation mode, on one example.

    Args:
        network: a supernet on the CPU; it is afterwards as before.
        example: [1, ...], as the network receives it.
        kind: "params"; "macs"; "latency": each different layer is measured on this machine, in ms.

    Raises:
        SettingError: for another kind.
    """
    if kind not in KINDS:
        raise SettingError(f"the expected cost must be one of {', '.join(KINDS)}, got {kind!r}")
    taken = {path: (layers[0].labels, layers[0].k) for path, layers in mixed_layers(network).items()}
    parts: dict[Conditions, float] = {}
    for conditions, cost in _params(network) if kind == "params" else _measured(network, example, kind):
        parts[conditions] = parts.get(conditions, 0.0) + cost
    return ExpectedCost(parts, taken)


def _params(module: nn.Module, conditions: Conditions = ()) -> Iterator[tuple[Conditions, float]]:
    yield conditions, float(sum(p.numel() for p in module.parameters(recurse=False) if p.requires_grad))
    inside = {id(child): condition for child, condition in _conditional(module)}
    for child in _children(module):
        found = inside.get(id(child))
        yield from _params(child, conditions if found is None else (*conditions, found))


def _children(module: nn.Module) -> Iterator[nn.Module]:
    """Those of an open layer without the lists that hold its options."""
    for child in module.children():
        if isinstance(module, OpenLayer) and isinstance(child, nn.ModuleList):
            yield from child
        else:
            yield child


def _conditional(module: nn.Module) -> Iterator[tuple[nn.Module, Condition]]:
    """The modules inside an open layer that are there under some of its options only."""
    if isinstance(module, Mixed):
        for place, option in enumerate(module.options):
            yield option, (module.path, (place,))
    elif isinstance(module, OpenRepeat):
        for number, block in enumerate(module.blocks, start=1):
            yield block, (module.path, tuple(p for p, length in enumerate(module.labels) if length >= number))
        for place, end in enumerate(module.ends):
            yield end, (module.path, (place,))


def _measured(network: nn.Module, example: Tensor, kind: str) -> Iterator[tuple[Conditions, float]]:
    """Each layer without layers inside, once for every call; equal ones on inputs of equal shape are measured once."""
    known: dict[tuple[str, tuple[int, ...]], float] = {}
    for conditions, layer, shape in _calls(network, example):
        key = (repr(layer), shape)
        if key not in known:
            known[key] = _cost_of(layer, shape, kind)
        yield conditions, known[key]


def _cost_of(layer: nn.Module, shape: tuple[int, ...], kind: str) -> float:
    if kind == "macs":
        return float(count_macs(layer, shape))
    return measure_latency(layer, shape, warmup=_WARM, repeats=_REPEATS).median


def _calls(network: nn.Module, example: Tensor) -> list[tuple[Conditions, nn.Module, tuple[int, ...]]]:
    """Conditions, layer and shape of an example for every call of a layer, with all options running."""
    stack: list[Condition] = []
    found: list[tuple[Conditions, nn.Module, tuple[int, ...]]] = []

    def enter(condition: Condition, *_: Any) -> None:
        stack.append(condition)

    def leave(*_: Any) -> None:
        stack.pop()

    def note(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        if len(inputs) == 1 and isinstance(inputs[0], Tensor):
            found.append((tuple(stack), layer, tuple(inputs[0].shape[1:])))

    with ExitStack() as hooks, _as_it_is_built(network), torch.no_grad():
        for module in network.modules():
            for inner, condition in _conditional(module):
                hooks.callback(inner.register_forward_pre_hook(partial(enter, condition)).remove)
                hooks.callback(inner.register_forward_hook(leave).remove)
            if not list(module.children()):
                hooks.callback(module.register_forward_pre_hook(note).remove)
        network(example)
    return found


@contextmanager
def _as_it_is_built(network: nn.Module) -> Iterator[None]:
    """Within the block all options run, in evaluation mode."""
    layers = [layer for found in mixed_layers(network).values() for layer in found]
    before = [layer.weights for layer in layers]
    modes = {module: module.training for module in network.modules()}
    network.eval()
    for layer in layers:
        layer.weights = None
    try:
        yield
    finally:
        for layer, weights in zip(layers, before, strict=True):
            layer.weights = weights
        for module, mode in modes.items():
            module.training = mode


def additive(cost: Tensor, weight: float, reference: float) -> Tensor:
    """``weight * (cost - reference) / reference``: ProxylessNAS, in its code with the weight 0.1 (lambda).

    Its gradient is that of ``eta * cost``, SNAS's equation 12, with eta = weight / reference.
    """
    return weight * (cost - reference) / reference


def above(cost: Tensor, limit: float, weight: float = 1.0) -> Tensor:
    """``weight * (cost - limit) / limit`` where the limit is exceeded, otherwise nothing: below it no network is any better for being small."""
    return weight * ((cost - limit) / limit).clamp(min=0.0)
