"""What a space and a strategy may know of a task: shapes and names, no data."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

TaskKind: TypeAlias = Literal[
    "image-classification", "image-regression", "table-classification", "table-regression", "language-modelling", "control"
]


@dataclass(frozen=True)
class TaskInfo:
    """The shape of a task.

    Attributes:
        name: of the data, for folders and reports.
        kind: what goes in and what comes out.
        input_shape: of one example as the network receives it: (channels, height, width) of an image, (columns,) of a table,
            (tokens,) of a text, (numbers,) of an observation in a control task.
        outputs: how many numbers the network gives: classes, actions, 1 for regression, or the size of the vocabulary, for
            every token.
        train_rows: examples in the training part; of a text, segments of so many tokens as ``input_shape`` says; of a
            control task, episodes.
        classes: the names of the classes, or actions, in the order of the outputs; empty for regression.
        columns: names of a table's encoded columns: first the numeric ones, then the categorical ones.
        cardinalities: how many codes each categorical column has, the code 0 (missing or unseen) included. The network receives
            the numeric columns first and the codes, as floats, after them.
    """

    name: str
    kind: TaskKind
    input_shape: tuple[int, ...]
    outputs: int
    train_rows: int
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    cardinalities: tuple[int, ...] = ()

    @property
    def is_classification(self) -> bool:
        """Whether one of `classes` is the answer; so it is in a control task, whose classes are the actions."""
        return self.kind.endswith("-classification") or self.is_control

    @property
    def is_regression(self) -> bool:
        return self.kind.endswith("-regression")

    @property
    def is_image(self) -> bool:
        return self.kind.startswith("image-")

    @property
    def is_text(self) -> bool:
        return self.kind == "language-modelling"

    @property
    def is_control(self) -> bool:
        """Whether there are episodes of an environment in the place of examples."""
        return self.kind == "control"

    @property
    def quality(self) -> str:
        """The metric that is searched by unless something else is asked for: accuracy, r2, perplexity or return."""
        if self.is_control:
            return "return"
        return "accuracy" if self.is_classification else "perplexity" if self.is_text else "r2"

    @property
    def numeric(self) -> int:
        """How many of a table's columns are numbers."""
        return self.input_shape[0] - len(self.cardinalities) if self.kind.startswith("table-") else 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "TaskInfo":
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**values)
