"""What stands before and after a network, as modules: encoded rows in, network input out; network output in, an answer out.

Only torch is imported here, so that a found network can be exported together with its preprocessing. Statistics are buffers.
"""

from typing import Any

import torch
from torch import Tensor, nn

CLIP = 3.0  # where the smooth clipping bends; its output stays within (-3, 3)


class ImagePreprocess(nn.Module):
    """Pixels [N, C, H, W] of any number type to float32 with mean 0 and deviation 1 per channel of the training images."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.float().reshape(1, -1, 1, 1))
        self.register_buffer("std", std.float().reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        return (x.to(torch.float32) - self.mean) / self.std

    def to_json(self) -> dict[str, Any]:
        """Plain data for `preprocess_from_json`."""
        return {"kind": "image", "mean": self.mean.flatten().tolist(), "std": self.std.flatten().tolist()}


class TablePreprocess(nn.Module):
    """Encoded rows [N, numbers + codes] to float32 [N, numbers + indicators + codes].

    A number is centred on its training median, scaled by its quartile range and bent into (-3, 3) smoothly, as in Holzmüller et
    al. 2024, "Better by default", https://arxiv.org/abs/2407.04491, section 3. Differs from the paper: a missing number (NaN)
    becomes the median, and each column that had one in training gets an indicator column; codes pass through, for embeddings.

    Args:
        center: median of each numeric column, [numbers].
        scale: factor of each numeric column after centring, [numbers].
        indicated: which numeric columns get an indicator, int64 [indicators].
    """

    center: Tensor
    scale: Tensor
    indicated: Tensor

    def __init__(self, center: Tensor, scale: Tensor, indicated: Tensor) -> None:
        super().__init__()
        self.register_buffer("center", center.float())
        self.register_buffer("scale", scale.float())
        self.register_buffer("indicated", indicated.long())

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        x = x.to(torch.float32)
        numbers = self.center.shape[0]
        raw = x[:, :numbers]
        is_missing = torch.isnan(raw)
        centred = torch.where(is_missing, torch.zeros_like(raw), raw - self.center)
        scaled = (centred * self.scale).clamp(-1000.0, 1000.0)  # finite, so that the division below is
        bent = scaled / torch.sqrt(1.0 + (scaled / CLIP) ** 2)
        indicators = is_missing.to(torch.float32).index_select(1, self.indicated)
        return torch.cat([bent, indicators, x[:, numbers:]], dim=1)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `preprocess_from_json`."""
        return {
            "kind": "table",
            "center": self.center.tolist(),
            "scale": self.scale.tolist(),
            "indicated": self.indicated.tolist(),
        }


class ClassProbabilities(nn.Module):
    """Network output [N, classes] to probabilities [N, classes]."""

    def forward(self, outputs: Tensor) -> Tensor:
        """As the class says."""
        return torch.softmax(outputs, dim=1)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `preprocess_from_json`."""
        return {"kind": "probabilities"}


class TargetUnits(nn.Module):
    """Network output [N, 1] for standardised targets to values [N] in the user's units."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))

    def forward(self, outputs: Tensor) -> Tensor:
        """As the class says."""
        return outputs[:, 0] * self.std + self.mean

    def to_json(self) -> dict[str, Any]:
        """Plain data for `preprocess_from_json`."""
        return {"kind": "units", "mean": self.mean.item(), "std": self.std.item()}


class TokenCodes(nn.Module):
    """Token codes [N, tokens] of any number type to int64."""

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        return x.to(torch.int64)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `preprocess_from_json`."""
        return {"kind": "tokens"}


class NextTokenProbabilities(nn.Module):
    """Network output [N, tokens, vocabulary] to probabilities of the token after the last one [N, vocabulary]."""

    def forward(self, outputs: Tensor) -> Tensor:
        """As the class says."""
        return torch.softmax(outputs[:, -1], dim=1)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `preprocess_from_json`."""
        return {"kind": "next-token"}


def preprocess_from_json(data: dict[str, Any]) -> nn.Module:
    """The module whose ``to_json`` gave ``data``: any of this file. Raises `ValueError` for another kind."""
    kind = data.get("kind")
    if kind == "image":
        return ImagePreprocess(torch.tensor(data["mean"]), torch.tensor(data["std"]))
    if kind == "table":
        return TablePreprocess(
            torch.tensor(data["center"], dtype=torch.float32),
            torch.tensor(data["scale"], dtype=torch.float32),
            torch.tensor(data["indicated"], dtype=torch.int64),
        )
    if kind == "probabilities":
        return ClassProbabilities()
    if kind == "units":
        return TargetUnits(data["mean"], data["std"])
    if kind == "tokens":
        return TokenCodes()
    if kind == "next-token":
        return NextTokenProbabilities()
    raise ValueError(f"preprocess: kind must be image, table, probabilities, units, tokens or next-token, got {kind!r}")


def fit_image_preprocess(images: Tensor, *, chunk: int = 4096) -> ImagePreprocess:
    """Statistics per channel over the training ``images`` [N, C, H, W], in float64 and in chunks of rows."""
    channels = images.shape[1]
    total, count = torch.zeros(channels, dtype=torch.float64), 0
    for part in torch.split(images, chunk):
        total += part.to(torch.float64).sum(dim=(0, 2, 3))
        count += part.numel() // channels
    mean = total / count
    squares = torch.zeros_like(total)
    for part in torch.split(images, chunk):
        squares += (part.to(torch.float64) - mean.reshape(1, -1, 1, 1)).square().sum(dim=(0, 2, 3))
    std = (squares / count).sqrt()
    return ImagePreprocess(mean, torch.where(std > 1e-8 * mean.abs().clamp(min=1.0), std, torch.ones_like(std)))


def fit_table_preprocess(rows: Tensor, numbers: int) -> TablePreprocess:
    """Median, scale and indicators over training ``rows`` [N, numbers + codes], whose first ``numbers`` columns are numeric.

    The scale is 1 / (quartile range); where that is 0, 1 / (standard deviation), which did better than the paper's 2 / (range) on
    columns of mostly zeros; where that is 0 too, 0 (the column says nothing).
    """
    center, scale, indicated = torch.zeros(numbers), torch.zeros(numbers), []
    for j in range(numbers):
        column = rows[:, j]
        present = column[~torch.isnan(column)].to(torch.float64).sort().values
        if len(present) < len(column):
            indicated.append(j)
        if len(present) == 0:
            continue
        low, middle, high = (_quantile(present, q) for q in (0.25, 0.5, 0.75))
        center[j] = middle
        spread, deviation = high - low, float(present.std(correction=0))
        # A quartile range far below float32's resolution of the values is noise.
        tiny = 1e-6 * max(abs(middle), 1e-30)
        scale[j] = 1.0 / spread if spread > tiny else 1.0 / deviation if deviation > tiny else 0.0
    return TablePreprocess(center, scale, torch.tensor(indicated, dtype=torch.int64))


def _quantile(ordered: Tensor, q: float) -> float:
    """Linear interpolation, as numpy's default; torch.quantile refuses more than 16 million values."""
    place = q * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (place - below))
