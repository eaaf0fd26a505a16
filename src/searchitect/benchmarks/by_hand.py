"""Cells that people made, in the tables that hold them: a search has to beat these as well."""

from typing import Any, Final

from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import SpaceError

_CELLS: Final = {
    "nasbench201": (
        ("a residual block of two 3x3 convolutions", "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"),
        ("a chain of three 3x3 convolutions", "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|"),
    )
}  # fmt: skip
"""Space -> what it is, and as text; the first one that the table holds is taken."""


def made_by_hand(table: TabularBenchmark) -> dict[str, Any]:
    """A network made by hand: ``what`` it is, and its ``test`` score; empty where none is known."""
    for what, text in _CELLS.get(table.space.name, ()):
        try:
            row = table.row(table.space.from_string(text))  # type: ignore[attr-defined]
        except SpaceError:
            continue
        return {"what": what, "test": float(table.test_scores[row])}
    return {}
