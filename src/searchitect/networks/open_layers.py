"""Parts of a supernet whose structure is open: the number of blocks, shortcuts between open widths, encodings side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.networks.mixed import OpenLayer, mix, scaled
from searchitect.networks.widths import Width, stacked, width_options


class OpenRepeat(OpenLayer):
    """Blocks in a chain, of which the last ones can be left out: a weighted sum over the lengths.

    Args:
        path: of the choice of the length.
        low: the least length.
        blocks: of the greatest length.
        ends: one per length from ``low`` on, what follows a chain of it; their outputs have one shape.
    """

    def __init__(self, path: str, low: int, blocks: Sequence[nn.Module], ends: Sequence[nn.Module]) -> None:
        super().__init__(path, range(low, len(blocks) + 1))
        self.blocks = nn.ModuleList(blocks)
        self.ends = nn.ModuleList(ends)

    def forward(self, x: Tensor) -> Tensor:
        """Runs as many blocks as the longest chain that has a weight."""
        live = dict(self.live())
        terms = []
        for length in range(self.labels[max(live)] + 1):
            if length > 0:
                x = self.blocks[length - 1](x)
            place = length - self.labels[0]
            if place in live:
                terms.append((live[place], self.ends[place](x)))
        return mix(self.path, terms)

    def leaves_out(self, decision: Any) -> list[str]:
        """How the paths of the choices in the blocks behind the last one begin."""
        length = decision if any(self.takes(decision)) else len(self.blocks)
        return [f"{self.path}/{place}/" for place in range(length, len(self.blocks))]


class OpenResidual(nn.Module):
    """``after(body(x) + shortcut(x))``, where it depends on open widths whether the shortcut is the input itself.

    Args:
        body: (N, inputs, H, W) -> (N, outputs, H, W).
        projection: the shortcut where inputs and outputs differ; ``None``: there is none then.
        inputs, outputs: channels of the body. The weight of the input itself is the sum over the pairs of equal widths of the
            product of their weights, that of the projection the sum over the others.
        after: an activation, or ``None``.
    """

    def __init__(
        self,
        body: nn.Module,
        projection: nn.Module | None,
        inputs: int | Width,
        outputs: int | Width,
        after: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.body = body
        self.projection = projection
        self.inputs = inputs
        self.outputs = outputs
        self.after = after if after is not None else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs taken, H, W) -> (N, outputs taken, H, W)."""
        y: Tensor = self.body(x)
        equal, unequal = self.shares(x)
        if isinstance(equal, Tensor) or equal != 0:
            surplus = y.shape[1] - x.shape[1]  # negative: channels of x that are cut off
            y = y + scaled(equal, x if surplus == 0 else nn.functional.pad(x, (0, 0, 0, 0, 0, surplus)))
        if self.projection is not None and (isinstance(unequal, Tensor) or unequal != 0):
            y = y + scaled(unequal, self.projection(x))
        outputs: Tensor = self.after(y)
        return outputs

    def shares(self, like: Tensor) -> tuple[float | Tensor, float | Tensor]:
        """The weights of the input itself and of the projection."""
        inputs, outputs = width_options(self.inputs), width_options(self.outputs)
        first, second = [w for _, w in inputs], [w for _, w in outputs]
        if not any(isinstance(w, Tensor) for w in first + second):
            pairs = [(n == m, w * v) for n, w in inputs for m, v in outputs]
            return sum(weight for is_same, weight in pairs if is_same), sum(weight for is_same, weight in pairs if not is_same)
        u, v = stacked(first, like), stacked(second, like)
        found = u @ like.new_tensor([[float(n == m) for m, _ in outputs] for n, _ in inputs]) @ v
        return found, u.sum() * v.sum() - found

    def is_equal(self, decisions: Mapping[str, Any]) -> bool:
        """Whether ``decisions`` make both widths the same."""
        first, second = (w.value(decisions) if isinstance(w, Width) else w for w in (self.inputs, self.outputs))
        return first == second


class SplitLinear(nn.Module):
    """A linear layer on encodings side by side, as one linear layer per encoding, so that each option of these has its own.

    Args:
        parts: name -> columns that it reads, and the module from them to the outputs: an encoder and a linear layer in a
            sequence, or a mixed layer over such ones, or over mixed layers.
    """

    def __init__(self, parts: Mapping[str, tuple[int, nn.Module]]) -> None:
        super().__init__()
        self.columns = [columns for columns, _ in parts.values()]
        self.parts = nn.ModuleDict({name: module for name, (_, module) in parts.items()})

    def forward(self, x: Tensor) -> Tensor:
        """(N, columns) -> (N, outputs)."""
        terms = [part(columns) for part, columns in zip(self.parts.values(), torch.split(x, self.columns, 1), strict=True)]
        total: Tensor = sum(terms[1:], terms[0])
        return total
