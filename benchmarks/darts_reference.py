"""The supernet of DARTS as plainly as it can be written: the yardstick of how_fast_is_a_darts_step.py.

Liu, Simonyan, Yang 2019, https://arxiv.org/abs/1806.09055: every operation of every edge runs by itself, in channels-first order; its output is
multiplied by its weight, and the products are added up. The names of the layers are chosen so that `load_supernet` can take over the weights of
a supernet of the space ``darts`` with ``none=True``.
"""

import copy
import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softmax

OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
EDGES = [(node, state) for node in range(4) for state in range(node + 2)]


class Nothing(nn.Module):
    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x.mul(0.0) if self.stride == 1 else x[:, :, :: self.stride, :: self.stride].mul(0.0)


class Halving(nn.Module):
    """Two 1x1 convolutions of stride 2, the second one pixel further."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        return self.bn(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], dim=1))


def block(channels: int, kernel: int, stride: int, dilation: int) -> list[nn.Module]:
    padding = dilation * (kernel // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels, affine=False),
    ]


def operation(name: str, channels: int, stride: int) -> nn.Module:
    size = int(name[-1]) if name[-1].isdigit() else 0
    match name[:3]:
        case "non":
            return Nothing(stride)
        case "max":
            return nn.Sequential(nn.MaxPool2d(3, stride, padding=1), nn.BatchNorm2d(channels, affine=False))
        case "avg":
            return nn.Sequential(
                nn.AvgPool2d(3, stride, padding=1, count_include_pad=False), nn.BatchNorm2d(channels, affine=False)
            )
        case "ski":
            return nn.Identity() if stride == 1 else Halving(channels, channels)
        case "sep":
            return nn.Sequential(*block(channels, size, stride, 1), *block(channels, size, 1, 1))
        case _:
            return nn.Sequential(*block(channels, size, stride, 2))


def projection(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs, affine=False))


class MixedEdge(nn.Module):
    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.operations = nn.ModuleList(operation(name, channels, stride) for name in OPERATIONS)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        return sum(weight * run(x) for weight, run in zip(weights, self.operations, strict=True))  # type: ignore[return-value]


class Cell(nn.Module):
    def __init__(self, inputs: tuple[int, int], channels: int, is_reduction: bool, after_reduction: bool) -> None:
        super().__init__()
        self.is_reduction = is_reduction
        self.preprocess0 = Halving(inputs[0], channels) if after_reduction else projection(inputs[0], channels)
        self.preprocess1 = projection(inputs[1], channels)
        self.edges = nn.ModuleDict(
            {f"{node}_{state}": MixedEdge(channels, 2 if is_reduction and state < 2 else 1) for node, state in EDGES}
        )

    def forward(self, before: Tensor, previous: Tensor, weights: Tensor) -> Tensor:
        states = [self.preprocess0(before), self.preprocess1(previous)]
        for node in range(4):
            terms = [self.edges[f"{node}_{state}"](x, weights[EDGES.index((node, state))]) for state, x in enumerate(states)]
            states.append(sum(terms))  # type: ignore[arg-type]
        return torch.cat(states[2:], dim=1)


class Reference(nn.Module):
    """Stem, cells, linear; the logits of the choices are parameters of the network, 14 edges by 8 operations for each kind of cell."""

    def __init__(self, channels: int, layers: int, outputs: int = 10) -> None:
        super().__init__()
        before = previous = 3 * channels
        self.stem0 = nn.Sequential(nn.Conv2d(3, previous, 3, padding=1, bias=False), nn.BatchNorm2d(previous))
        self.cells = nn.ModuleList()
        after_reduction = False
        for layer in range(layers):
            is_reduction = layer in (layers // 3, 2 * layers // 3)
            channels *= 2 if is_reduction else 1
            self.cells.append(Cell((before, previous), channels, is_reduction, after_reduction))
            before, previous, after_reduction = previous, 4 * channels, is_reduction
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(previous, outputs)
        self.logits = nn.ParameterDict(
            {kind: nn.Parameter(1e-3 * torch.randn(len(EDGES), len(OPERATIONS))) for kind in ("normal", "reduction")}
        )

    def forward(self, x: Tensor) -> Tensor:
        before = previous = self.stem0(x)
        for cell in self.cells:
            weights = softmax(self.logits["reduction" if cell.is_reduction else "normal"], dim=-1)
            before, previous = previous, cell(before, previous, weights)
        return self.classifier(self.pool(previous).flatten(1))

    def weights(self) -> list[nn.Parameter]:
        """The parameters but for the logits."""
        return [parameter for name, parameter in self.named_parameters() if not name.startswith("logits")]


def reference_name(name: str) -> str:
    """The name here of a parameter or buffer of a supernet of the space ``darts``."""
    return re.sub(r"nodes\.(\d)\.options\.(\d)\.layer\.options", r"edges.\1_\2.operations", name)


def load_supernet(reference: Reference, supernet: nn.Module) -> None:
    """Take over the weights and statistics of a supernet; the logits stay."""
    state = {reference_name(name): value for name, value in supernet.state_dict().items()}
    found = reference.load_state_dict(state, strict=False)
    assert not found.unexpected_keys
    assert set(found.missing_keys) == {"logits.normal", "logits.reduction"}


Batch = tuple[Tensor, Tensor]


def loss_on(network: nn.Module, batch: Batch) -> Tensor:
    return cross_entropy(network(batch[0]), batch[1])


def first_order_step(network: Reference, held: Batch) -> None:
    """The gradients of all parameters on held-out data; those of the logits are used."""
    loss_on(network, held).backward()


def second_order_step(
    network: Reference,
    train: Batch,
    held: Batch,
    rate: float,
    momentum: float = 0.0,
    buffers: Sequence[Tensor] = (),
    weight_decay: float = 0.0,
) -> None:
    """The gradients of the logits through one virtual step of the weights, by finite difference, with a copy of the network for that step."""
    weights, logits = network.weights(), list(network.logits.values())
    slopes = torch.autograd.grad(loss_on(network, train), weights)
    virtual = copy.deepcopy(network)
    with torch.no_grad():
        for i, (weight, slope) in enumerate(zip(virtual.weights(), slopes, strict=True)):
            step = slope + weight_decay * weight
            weight.sub_(rate * (step + momentum * buffers[i] if buffers else step))
    virtual.zero_grad()
    loss_on(virtual, held).backward()
    direction = [weight.grad for weight in virtual.weights()]
    epsilon = 0.01 / torch.cat([part.flatten() for part in direction]).norm()
    sides = []
    for change in (epsilon, -2 * epsilon):
        with torch.no_grad():
            for weight, part in zip(weights, direction, strict=True):
                weight.add_(change * part)
        sides.append(torch.autograd.grad(loss_on(network, train), logits))
    with torch.no_grad():
        for weight, part in zip(weights, direction, strict=True):
            weight.add_(epsilon * part)
    for logit, direct, ahead, behind in zip(logits, virtual.logits.values(), *sides, strict=True):
        logit.grad = direct.grad - rate * (ahead - behind) / (2 * epsilon)
