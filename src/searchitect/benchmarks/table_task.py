"""The data on which a table was made, where they are embedded: its networks can then be built and looked at."""

from functools import cache
from typing import TYPE_CHECKING

from searchitect.benchmarks.tabular import TabularBenchmark

if TYPE_CHECKING:
    from searchitect.tasks import Task


def table_task(table: TabularBenchmark) -> "Task | None":
    """The task with the very split of the table, told by its fingerprint; ``None`` where its data are not embedded."""
    made = table.made
    sizes = made.get("examples")
    if not sizes or not made.get("fingerprint"):
        return None
    found = _load(str(made.get("data")), sizes["train"], sizes["valid"], sizes["test"])
    return found if found is not None and found.fingerprint == made["fingerprint"] else None


@cache
def _load(data: str, train: int, valid: int, test: int) -> "Task | None":
    from searchitect.tasks import load_task
    from searchitect.tasks.embedded import NAMES

    if data not in NAMES:
        return None
    return load_task(data, valid=valid / (train + valid), test=test / (train + valid + test))
