"""Networks of the space ``mlp``: encodings of the columns, a plain or residual perceptron, a linear head.

The encodings of numbers are those of Gorishniy et al. 2022, https://arxiv.org/abs/2203.05556.
"""

import math
from functools import partial
from itertools import accumulate, pairwise
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.task import TaskInfo
from searchitect.networks.elastic import (
    activation,
    batch_norm,
    choice_layers,
    layer_norm,
    linear,
    masks,
    repeat_layers,
    split_linear,
    width,
)
from searchitect.networks.operations import Residual


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of an ``mlp`` spec, or, of an open one, the supernet: (N, columns) -> (N, info.outputs).

    The columns are numbers first, then category codes. In the supernet widths and expansions are elastic; each kind of body,
    and each encoding in each of them, has weights of its own, and so has the head behind each number of blocks of a plain body.
    """
    return nn.Sequential(*choice_layers(spec["body"], lambda body: mlp_body(spec, body, info)))


def mlp_body(spec: Any, body: Any, info: TaskInfo) -> list[nn.Module]:
    """All layers of a network with that body, which is decided up to its sizes."""
    return resmlp_layers(spec, body, info) if body["kind"] == "resmlp" else mlp_layers(spec, body, info)


def mlp_layers(spec: Any, body: Any, info: TaskInfo) -> list[nn.Module]:
    """The encodings; linear, normalisation, activation and dropout, once per block; the head."""

    def into(before: Any, outputs: Any) -> list[nn.Module]:
        return [linear(before, outputs)] if before is not None else first_layers(spec, info, outputs)

    def add(before: Any, block: Any) -> tuple[list[nn.Module], Any]:
        outputs = width(block["width"])
        layers = [*into(before, outputs), *row_norm(spec["normalisation"], outputs), activation(spec["activation"])]
        return [*layers, *row_dropout(spec["dropout"]), *masks(outputs)], outputs

    return repeat_layers(body["blocks"], None, add, lambda before: into(before, info.outputs))


def resmlp_layers(spec: Any, body: Any, info: TaskInfo) -> list[nn.Module]:
    """The "ResNet" of Gorishniy et al. 2021: x + linear(dropout(act(linear(norm(x))))), once per block, behind a linear layer.

    Their second dropout, after the second linear layer, is left out.
    """
    main = width(body["width"])

    def add(_: Any, block: Any) -> tuple[list[nn.Module], Any]:
        hidden = width(main, block["expansion"])
        layers = [*row_norm(spec["normalisation"], main), linear(main, hidden), activation(spec["activation"])]
        layers += [*row_dropout(spec["dropout"]), *masks(hidden), linear(hidden, main), *masks(main)]
        return [Residual(nn.Sequential(*layers))], None

    layers = [*first_layers(spec, info, main), *masks(main), *repeat_layers(body["blocks"], None, add)]
    last = [*row_norm(spec["normalisation"], main), activation(spec["activation"]), *masks(main)]
    return [*layers, *last, linear(main, info.outputs)]


def row_norm(kind: Any, columns: Any) -> list[nn.Module]:
    """The layers of a normalisation of rows: none, batch or layer."""
    makers = {"none": [], "batch": [batch_norm], "layer": [layer_norm]}
    return choice_layers(kind, lambda kind: [make(columns) for make in makers[kind]])


def row_dropout(rate: Any) -> list[nn.Module]:
    """The layers of a rate of dropout."""
    return choice_layers(rate, lambda rate: [nn.Dropout(rate)])


def first_layers(spec: Any, info: TaskInfo, outputs: Any) -> list[nn.Module]:
    """The encodings of the columns and the linear layer on them: (N, columns) -> (N, outputs)."""
    parts = {
        "number_encoding": (info.numeric, spec.get("numeric"), partial(make_number_encoding, columns=info.numeric)),
        "code_encoding": (
            len(info.cardinalities),
            spec.get("categorical"),
            partial(make_code_encoding, cardinalities=info.cardinalities),
        ),
    }

    def encode() -> tuple[nn.Module, int]:
        encoding = TableEncoding(spec.get("numeric"), spec.get("categorical"), info.numeric, info.cardinalities)
        return encoding, encoding.width

    return split_linear({name: part for name, part in parts.items() if part[0]}, outputs, encode)


class TableEncoding(nn.Module):
    """Numbers and category codes, each by its own encoding, side by side.

    Attributes:
        width: numbers per row that come out.
    """

    def __init__(self, numeric: Any, categorical: Any, numbers: int, cardinalities: tuple[int, ...]) -> None:
        super().__init__()
        self.numbers = numbers
        self.codes = len(cardinalities)
        self.width = 0
        self.number_encoding: nn.Module = nn.Identity()
        self.code_encoding: nn.Module = nn.Identity()
        if numbers:
            self.number_encoding, width = make_number_encoding(numeric, numbers)
            self.width += width
        if cardinalities:
            self.code_encoding, width = make_code_encoding(categorical, cardinalities)
            self.width += width

    def forward(self, x: Tensor) -> Tensor:
        """(N, columns) -> (N, width)."""
        if not self.codes:
            numbers: Tensor = self.number_encoding(x)
            return numbers
        if not self.numbers:
            codes: Tensor = self.code_encoding(x)
            return codes
        return torch.cat([self.number_encoding(x[:, : self.numbers]), self.code_encoding(x[:, self.numbers :])], 1)


def make_number_encoding(choice: Any, columns: int) -> tuple[nn.Module, int]:
    """The module (N, columns) -> (N, width), and its width."""
    match choice["kind"]:
        case "piecewise":
            return Piecewise(choice["bins"]), columns * choice["bins"]
        case "periodic":
            return Periodic(columns, choice["frequencies"], choice["scale"], choice["width"]), columns * choice["width"]
    return nn.Identity(), columns


def make_code_encoding(choice: Any, cardinalities: tuple[int, ...]) -> tuple[nn.Module, int]:
    """The module (N, columns) -> (N, width), and its width."""
    if choice["kind"] == "onehot":
        return OneHot(cardinalities), sum(cardinalities)
    return CodeEmbedding(cardinalities, choice["width"]), len(cardinalities) * choice["width"]


class Piecewise(nn.Module):
    """Piecewise linear encoding: how far a number fills each bin, from 0 to 1; the outer bins go on beyond their ends.

    The edges of the bins are quantiles of the standard normal distribution, since the columns arrive standardised; the paper
    takes the quantiles of each column, which a network that knows no data cannot.
    """

    starts: Tensor
    lengths: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, bins: int) -> None:
        super().__init__()
        edges = [-3.0, *(NormalDist().inv_cdf(i / bins) for i in range(1, bins)), 3.0]
        self.register_buffer("starts", torch.tensor(edges[:-1]))
        self.register_buffer("lengths", torch.tensor([end - start for start, end in pairwise(edges)]))
        self.register_buffer("low", torch.tensor([-10.0] + [0.0] * (bins - 1)))
        self.register_buffer("high", torch.tensor([1.0] * (bins - 1) + [10.0]))

    def forward(self, x: Tensor) -> Tensor:
        """(N, columns) -> (N, columns * bins)."""
        filled = (x.unsqueeze(-1) - self.starts) / self.lengths
        return torch.minimum(torch.maximum(filled, self.low), self.high).flatten(1)


class Periodic(nn.Module):
    """Periodic encoding, "PLR": per column, sines and cosines of learned frequencies, a linear layer of its own and a ReLU."""

    def __init__(self, columns: int, frequencies: int, scale: float, width: int) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(torch.randn(columns, frequencies) * scale)
        bound = 1 / math.sqrt(2 * frequencies)
        self.weight = nn.Parameter(nn.init.uniform_(torch.empty(columns, 2 * frequencies, width), -bound, bound))
        self.bias = nn.Parameter(nn.init.uniform_(torch.empty(columns, width), -bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """(N, columns) -> (N, columns * width)."""
        angles = 2 * math.pi * x.unsqueeze(-1) * self.frequencies  # (N, columns, frequencies)
        waves = torch.cat([angles.sin(), angles.cos()], -1)
        return torch.relu(torch.einsum("ncf,cfw->ncw", waves, self.weight) + self.bias).flatten(1)


class OneHot(nn.Module):
    """Category codes as one-hot vectors. (N, columns) -> (N, sum of cardinalities)."""

    column: Tensor
    code: Tensor

    def __init__(self, cardinalities: tuple[int, ...]) -> None:
        super().__init__()
        places = [(column, float(code)) for column, codes in enumerate(cardinalities) for code in range(codes)]
        self.register_buffer("column", torch.tensor([column for column, _ in places]))
        self.register_buffer("code", torch.tensor([code for _, code in places]))

    def forward(self, x: Tensor) -> Tensor:
        """1.0 where the column has the code, else 0.0."""
        return torch.eq(x[:, self.column], self.code).to(x.dtype)


class CodeEmbedding(nn.Module):
    """Category codes as learned vectors, a table per column. (N, columns) -> (N, columns * width)."""

    starts: Tensor

    def __init__(self, cardinalities: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.register_buffer("starts", torch.tensor([0, *accumulate(cardinalities[:-1])]))
        self.table = nn.Embedding(sum(cardinalities), width)
        nn.init.normal_(self.table.weight, std=1 / math.sqrt(width))

    def forward(self, x: Tensor) -> Tensor:
        """Row ``starts[column] + code`` of the table for each column."""
        vectors: Tensor = self.table(x.long() + self.starts)
        return vectors.flatten(1)
