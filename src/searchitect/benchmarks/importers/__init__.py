"""Reading the files that the authors of a benchmark publish. Each importer writes tables of our own format into a folder."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

OnStep: TypeAlias = Callable[[int, int], None]
"""Called with the records read, and those in all."""


@dataclass(frozen=True)
class Imported:
    """What an import wrote.

    Attributes:
        files: the tables.
        architectures: in each of them.
        warnings: one sentence each: where the data are not what the authors published.
    """

    files: list[Path]
    architectures: int
    warnings: list[str] = field(default_factory=list)
