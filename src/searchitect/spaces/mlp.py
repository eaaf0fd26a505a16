"""Multilayer perceptrons for tables: plain or residual, with encodings of numbers and categories.

The residual body and the encodings of numbers follow Gorishniy et al. 2021, "Revisiting Deep Learning Models for Tabular Data"
(https://arxiv.org/abs/2106.11959), and 2022, "On Embeddings for Numerical Features in Tabular Deep Learning"
(https://arxiv.org/abs/2203.05556).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo


@dataclass(frozen=True)
class Mlp(Space):
    """Plain and residual perceptrons over encoded columns; learning rate and weight decay are part of the search.

    Attributes:
        numeric: whether the table has numeric columns.
        categorical: whether the table has categorical columns.
        max_depth: blocks at most, in [1, 16].
        max_width: of a layer at most, in [32, 4096].
    """

    name: ClassVar[str] = "mlp"
    summary: ClassVar[str] = "plain and residual perceptrons for tables, with encodings of numbers and categories"
    tasks: ClassVar[tuple[str, ...]] = ("table-classification", "table-regression")

    numeric: bool = True
    categorical: bool = True
    max_depth: int = 3
    max_width: int = 256

    def __post_init__(self) -> None:
        for name, low, high in (("max_depth", 1, 16), ("max_width", 32, 4096)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingError(f"{name} of the space 'mlp' must lie in [{low}, {high}], got {value}")
        if not (self.numeric or self.categorical):
            raise SettingError("the space 'mlp' needs columns: one of numeric=True, categorical=True")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Fitted to the kinds of columns and, in its widths, to the number of training rows."""
        return cls(
            numeric=task.numeric > 0,
            categorical=bool(task.cardinalities),
            max_width=256 if task.train_rows < 20_000 else 512,
        )

    def describe(self, choose: Chooser) -> Any:
        """Encodings, activation, normalisation, dropout, body of blocks, and settings of the training."""
        encoding = {}
        if self.numeric:
            encoding["numeric"] = choose(
                "numeric",
                {
                    "plain": lambda: {"kind": "plain"},
                    "piecewise": lambda: {"kind": "piecewise", "bins": choose("bins", [4, 8, 16])},
                    "periodic": partial(_periodic, choose),
                },
            )
        if self.categorical:
            encoding["categorical"] = choose(
                "categorical",
                {
                    "onehot": lambda: {"kind": "onehot"},
                    "embedding": lambda: {"kind": "embedding", "width": choose("width", [2, 4, 8, 16])},
                },
            )
        return {
            **encoding,
            "activation": choose("activation", ["relu", "silu", "gelu"]),
            "normalisation": choose("normalisation", ["none", "batch", "layer"]),
            "dropout": choose("dropout", [0.0, 0.1, 0.25, 0.4]),
            "body": choose("body", {"mlp": partial(self._mlp, choose), "resmlp": partial(self._resmlp, choose)}),
            "training": {
                "learning_rate": choose.between("training/learning_rate", 3e-4, 1e-2, log=True),
                "weight_decay": choose.between("training/weight_decay", 1e-5, 1e-1, log=True),
            },
        }

    def _widths(self) -> list[int]:
        return [width for width in (32, 64, 128, 256, 512, 1024, 2048, 4096) if width <= self.max_width]

    def _mlp(self, choose: Chooser) -> Any:
        widths = self._widths()
        blocks = choose.repeat("blocks", 1, self.max_depth, lambda _: {"width": choose("width", widths)})
        return {"kind": "mlp", "blocks": blocks}

    def _resmlp(self, choose: Chooser) -> Any:
        return {
            "kind": "resmlp",
            "width": choose("width", self._widths()),
            "blocks": choose.repeat("blocks", 1, self.max_depth, lambda _: {"expansion": choose("expansion", [1, 2])}),
        }


def _periodic(choose: Chooser) -> Any:
    return {
        "kind": "periodic",
        "frequencies": choose("frequencies", [8, 16, 32]),
        "scale": choose("scale", [0.1, 0.3, 1.0]),  # standard deviation of the frequencies at the start
        "width": choose("width", [4, 8, 16]),
    }
