"""Networks of the space ``mlp``: encodings of the columns, a plain or residual perceptron, a linear head.

The encodings of numbers are those of Gorishniy et al. 2022, https://arxiv.org/abs/2203.05556.
"""

import math
from itertools import accumulate, pairwise
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.task import TaskInfo
from searchitect.networks.operations import Residual, activation


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a decided ``mlp`` spec: (N, columns), numbers first, then category codes -> (N, info.outputs)."""
    encoding = TableEncoding(spec.get("numeric"), spec.get("categorical"), info.numeric, info.cardinalities)
    layers, width = mlp_body(spec, encoding.width)
    return nn.Sequential(encoding, *layers, nn.Linear(width, info.outputs))


def mlp_body(spec: Any, width: int) -> tuple[list[nn.Module], int]:
    """The layers between encoding and head for a spec's body, and the width that comes out of them."""
    return resmlp_layers(spec, width) if spec["body"]["kind"] == "resmlp" else mlp_layers(spec, width)


def mlp_layers(spec: Any, width: int) -> tuple[list[nn.Module], int]:
    """Linear, normalisation, activation, dropout, once per block."""
    layers: list[nn.Module] = []
    for block in spec["body"]["blocks"]:
        layers += [nn.Linear(width, block["width"]), *row_norm(spec["normalisation"], block["width"])]
        layers += [activation(spec["activation"]), nn.Dropout(spec["dropout"])]
        width = block["width"]
    return layers, width


def resmlp_layers(spec: Any, width: int) -> tuple[list[nn.Module], int]:
    """The "ResNet" of Gorishniy et al. 2021: x + linear(dropout(act(linear(norm(x))))), once per block.

    Their second dropout, after the second linear layer, is left out.
    """
    main = spec["body"]["width"]
    layers: list[nn.Module] = [nn.Linear(width, main)]
    for block in spec["body"]["blocks"]:
        hidden = main * block["expansion"]
        body = [*row_norm(spec["normalisation"], main), nn.Linear(main, hidden), activation(spec["activation"])]
        layers.append(Residual(nn.Sequential(*body, nn.Dropout(spec["dropout"]), nn.Linear(hidden, main))))
    return [*layers, *row_norm(spec["normalisation"], main), activation(spec["activation"])], main


def row_norm(kind: str, width: int) -> list[nn.Module]:
    """The layers of a normalisation of rows: none, batch or layer."""
    if kind == "none":
        return []
    return [nn.BatchNorm1d(width) if kind == "batch" else nn.LayerNorm(width)]


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
