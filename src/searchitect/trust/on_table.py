"""Architectures of a table: what is known of them is looked up."""

from collections.abc import Mapping
from typing import Any, Final

from searchitect.benchmarks import BENCHMARKS
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import DataError, SettingError, TaskInfo
from searchitect.trust.known import Known, draw_different
from searchitect.trust.one_shot import ONE_SHOT

_IMAGES: Final = (3, 32, 32)


def known_from_table(
    table: TabularBenchmark, k: int, estimator: str, data: str | None, seed: int, reading: Mapping[str, Any]
) -> Known:
    """What a table tells of k random ones of its architectures.

    Args:
        table: with the test scores that count as truth.
        k: architectures; fewer where the table has fewer.
        estimator: for which they are; a proxy looks at data.
        data: that it looks at; ``None``: the table's own.
        seed: of the draw, and of the split of ``data``.
        reading: target and task of ``data``.

    Raises:
        SettingError: for ``data`` or ``reading`` that nobody looks at.
        DataError: where the data that a proxy needs are not at hand.
    """
    drawn = draw_different(table.space, k, seed, lambda a: a.text in table.rows)
    rows = [table.row(a) for a in drawn]
    return Known(
        space=table.space,
        architectures=drawn,
        truth=[table.test(a) for a in drawn],
        metric=f"test {table.metric}",
        direction="max",
        costs={name: values[rows].tolist() for name, values in table.costs.items()},
        task=_table_task(table, estimator, data, seed, reading),
        short=lambda epochs: [table.query(a, max(epochs, table.fidelities[0])).metrics[table.metric] for a in drawn],
        curves=[
            ([look["epoch"] for look in curve], [look[table.metric] for look in curve])
            for curve in (table.query(a).curve for a in drawn)
        ],
        full=table.epochs[-1],
    )


def _table_task(table: TabularBenchmark, estimator: str, data: str | None, seed: int, reading: Mapping[str, Any]) -> Any:
    """What a proxy looks at; ``None`` for other estimators, and for a cost that the table tells."""
    from searchitect.benchmarks.table_task import table_task
    from searchitect.proxies import needs_data, proxy_names

    trains = estimator == ONE_SHOT
    looks = trains or estimator in proxy_names()
    if not looks and data is not None:
        raise SettingError(f"--data is what a proxy looks at, or a supernet learns from: {estimator!r} is none of them")
    if data is None and any(value is not None for value in reading.values()):
        raise SettingError(f"--target and --task say how --data is read: the table {table.name!r} has its own")
    if not looks or estimator in table.costs:
        return None
    if data is not None:
        from searchitect.tasks import load_task

        return load_task(data, seed=seed, **reading)
    own = table_task(table)
    if own is not None:
        return own
    if trains or needs_data(estimator):
        raise DataError(f"{estimator} looks at data, which the table {table.name!r} does not hold: give them with --data")
    if table.name.partition(":")[0] not in BENCHMARKS:
        raise DataError(
            f"{estimator} builds networks for the data of the table {table.name!r}, which are not at hand: give them with --data"
        )
    return TaskInfo(table.name, "image-classification", _IMAGES, 10, 0)
