"""The Python interface of comparisons: ``compare`` and what it returns."""

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from searchitect.benchmarks import names_table
from searchitect.benchmarks.compare import ALWAYS, RANDOM, Arm, Maker, Row
from searchitect.benchmarks.protocol import unsupported_claims
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.comparison_on_tables import compare_on_tables, identity_of, make_arena
from searchitect.core import RunError, SettingError, Strategy, unknown_name
from searchitect.search.folder import locked, prepare_folder, read_json, write_json
from searchitect.strategies import find_strategy, strategy_names

QUERIES: Final = 300
TABLE_SEEDS: Final = 30
DATA_SEEDS: Final = 5
BUDGET: Final = "5m"
SETTINGS_FILE: Final = "compare.json"
RECORD_FILE: Final = "comparison.json"
REPORT_FILE: Final = "report.html"
PICTURE_FILE: Final = "comparison.png"

StrategiesLike = str | Sequence[str | type[Strategy]] | Mapping[str, str | Maker]
Progress = Callable[[int, int, Row], None]


@dataclass(frozen=True)
class Comparison:
    """What a comparison found. Everything is also in ``folder``.

    Attributes:
        folder: of the comparison.
        record: the content of comparison.json; empty where it was interrupted before the first results.
        is_interrupted: stopped by Ctrl-C; the same call goes on.
    """

    folder: Path
    record: dict[str, Any]
    is_interrupted: bool = False

    @property
    def sentences(self) -> dict[str, list[str]]:
        """One honest sentence per strategy, by task."""
        found: dict[str, list[str]] = self.record.get("sentences", {})
        return found

    def report(self, path: str | Path | None = None) -> Path:
        """Write the report, one self-contained HTML file. Default: report.html in the folder."""
        from searchitect.reports.comparison import write_comparison

        return write_comparison(self.record, Path(path) if path is not None else self.folder / REPORT_FILE)


def compare(
    on: str | TabularBenchmark | Sequence[str | TabularBenchmark],
    strategies: StrategiesLike = (RANDOM, "local-search", "auto"),
    *,
    queries: int | None = None,
    budget: str | None = None,
    seeds: int | None = None,
    score: str = "valid",
    noisy: bool = False,
    where: str | Sequence[str] = (),
    fidelity: float | None = None,
    workers: int = 1,
    simulated_workers: int = 1,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    space: str | None = None,
    target: str | None = None,
    task: str | None = None,
    tables: str | Path | None = None,
    out: str | Path | None = None,
    on_progress: Progress | None = None,
    command: str | None = None,
) -> Comparison:
    """Compare strategies under one protocol, on tables with known answers or on data. The same call again goes on where it stopped.

    Random search and local search (where the space has neighbours) are always in. More seeds or strategies may be asked for later: the
    searches that are done stay.

    Args:
        on: tables ("nasbench201:cifar100", or a `TabularBenchmark`) or data as `search` takes it; several as a list, or with commas.
        strategies: names, a list of names and `Strategy` classes, a mapping from name to such, or to what makes one from
            (space, objectives, seed=...), or "all": every one that fits.
        queries: on tables, the budget of a search in full trainings; default 300.
        budget: on data, of each search, as `search` takes it; default 5m.
        seeds: searches of each strategy; default 30 on tables, 5 on data.
        score: on tables, what drives the search: "valid", or "test", as in many published simulations.
        noisy: on tables with several trainings, one of them answers, drawn by the seed; otherwise their mean does.
        where: limits, as for `search`; on tables, on any of their costs.
        fidelity: on tables, the epochs of every training; default: the full training, and all that the table has for strategies that
            choose.
        workers: processes on tables; trainings at a time on data. Above 1, guard your script with ``if __name__ == "__main__":``.
        simulated_workers: on tables, trainings at a time on the simulated clock.
        options: strategy name -> its options.
        space, target, task: on data, as for `search`.
        tables: the folder of the tables' files.
        out: the folder; default runs/compare-NAME.
        on_progress: called after each search with the number of those done, their total, and what was recorded of it.
        command: what repeats the comparison, for the report.

    Raises:
        SearchitectError: whatever is wrong with the arguments, in one sentence, before the first search.
    """
    names = _names(on)
    by_table = _are_tables(names, tables)
    kind = "tables" if by_table else "data"
    given = (
        {"queries": queries, "fidelity": fidelity}
        if not by_table
        else {"budget": budget, "space": space, "target": target, "task": task}
    )
    for name, value in given.items():
        if value is not None:
            raise SettingError(f"{name}={value!r} is for {'data' if by_table else 'tables'}, here are {kind}: leave it out")
    for name, value in (("queries", queries), ("seeds", seeds), ("workers", workers), ("simulated_workers", simulated_workers)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise SettingError(f"{name} must be a whole number of at least 1, got {value!r}")
    if not by_table and (score != "valid" or noisy or simulated_workers != 1):
        raise SettingError("score, noisy and simulated_workers are for tables: on data, validation scores drive the search")
    arms = _arms(strategies, options or {})
    limits = (where,) if isinstance(where, str) else tuple(where)
    title = "-".join(n.name if isinstance(n, TabularBenchmark) else n for n in names).replace(":", "-").replace("/", "-")
    folder = Path(out) if out is not None else Path("runs") / f"compare-{title}{'-test' if score == 'test' else ''}"
    said = command or f"searchitect.compare({', '.join(repr(getattr(n, 'name', n)) for n in names)}, ...)"
    is_all = strategies == "all"
    if by_table:
        arena = make_arena(
            names,
            score=score,
            noisy=noisy,
            folder=tables,
            fidelity=fidelity,
            where=limits,
            queries=QUERIES if queries is None else queries,
            simulated_workers=simulated_workers,
        )
        seeds = TABLE_SEEDS if seeds is None else seeds
        with held(folder, identity_of(arena)):
            record = compare_on_tables(arena, arms, is_all, seeds, workers, folder, said, on_progress)
        return _finish(folder, record)
    from searchitect.comparison_on_data import DataSettings, compare_on_data

    settings = DataSettings(
        data=tuple(str(name) for name in names),
        budget=budget or BUDGET,
        seeds=DATA_SEEDS if seeds is None else seeds,
        where=limits,
        space=space,
        target=target,
        task=task,
        workers=workers,
    )
    with held(folder, settings.identity()):
        record = compare_on_data(settings, arms, is_all, folder, said, on_progress)
    return _finish(folder, record)


def _finish(folder: Path, record: dict[str, Any]) -> Comparison:
    """Write comparison.json, the report, and the picture where it can be made."""
    if not record:
        return Comparison(folder, {}, is_interrupted=True)
    from searchitect.reports.comparison import write_picture

    write_json(folder / RECORD_FILE, record)
    found = Comparison(folder, record)
    _check_words(found.report(), record)
    write_picture(record, folder / PICTURE_FILE)
    return found


def _check_words(report: Path, record: Mapping[str, Any]) -> None:
    """The page may say that something is better only in the sentences that earned it; what others wrote is a quotation."""
    page = html.unescape(re.sub(r"<(style|script)\b.*?</\1>", " ", report.read_text(encoding="utf-8"), flags=re.DOTALL))
    quoted = [*record["refused"].values(), *(failure["error"] for failure in record["failures"]), record["command"]]
    found = unsupported_claims({"the report": page}, [*record["claims"], *filter(None, quoted)])
    if found:
        report.unlink()
        raise RunError(f"the report is not written: {found[0]}")


@contextmanager
def held(folder: Path, identity: Mapping[str, Any]) -> Iterator[None]:
    """The folder of a comparison, for this process alone. Raises `RunError` where it holds another comparison, or a search."""
    if (folder / "search.db").exists() or (folder / "training.json").exists():
        raise RunError(f"{str(folder)!r} is the folder of a search or a training: choose another folder with --out")
    prepare_folder(folder)
    with locked(folder):
        path = folder / SETTINGS_FILE
        now = json.loads(json.dumps(dict(identity)))
        known = read_json(path) if path.exists() else now
        for name in now:
            if known.get(name) != now[name]:
                raise RunError(
                    f"{str(folder)!r} holds a comparison with {name}={known.get(name)!r}, now it is {now[name]!r}: give the same settings "
                    "to go on with it (strategies, seeds and workers may change), or another folder with --out"
                )
        write_json(path, now)
        yield


def _names(on: str | TabularBenchmark | Sequence[str | TabularBenchmark]) -> list[str | TabularBenchmark]:
    given = [on] if isinstance(on, (str, TabularBenchmark)) else list(on)
    found: list[str | TabularBenchmark] = []
    for one in given:
        found += [part.strip() for part in one.split(",") if part.strip()] if isinstance(one, str) else [one]
    shown = [one if isinstance(one, str) else one.name for one in found]
    if not found or len(set(shown)) < len(shown):
        raise SettingError(f"on must name at least one table or data set, each once, got {', '.join(shown) or 'none'}")
    return found


def _are_tables(names: Sequence[str | TabularBenchmark], folder: str | Path | None) -> bool:
    are = {isinstance(name, TabularBenchmark) or names_table(name, folder) for name in names}
    if len(are) > 1:
        raise SettingError("on names tables and data: they have budgets of different kinds, so compare them in two commands")
    return are == {True}


def _arms(strategies: StrategiesLike, options: Mapping[str, Mapping[str, Any]]) -> list[Arm]:
    """What is compared: random search first, local search second, the others as they were named."""
    named: dict[str, str | Maker] = {}
    if isinstance(strategies, Mapping):
        named.update(strategies)
        for one in strategies.values():
            if isinstance(one, str):
                find_strategy(one)
    else:
        listed: list[Any] = (
            strategy_names()
            if strategies == "all"
            else [p.strip() for p in strategies.split(",")]
            if isinstance(strategies, str)
            else list(strategies)
        )
        for one in listed:
            if isinstance(one, str):
                find_strategy(one)
                named[one] = one
            elif isinstance(one, type) and issubclass(one, Strategy):
                named[one.__name__] = one
            else:
                raise SettingError(
                    f"strategies must be names or Strategy classes, got {one!r}; a mapping names any other maker"
                )
    ordered = {name: named.pop(name, name) for name in ALWAYS if name in strategy_names()} | named
    for name in ordered:
        if unsupported_claims({"its name": name}, []) or not re.fullmatch(r"[\w.+-]+", name):
            raise SettingError(f"strategies: {name!r} is no name for a report: use letters, digits and hyphens, and no claim")
    for name in options:
        if name not in ordered:
            raise unknown_name("strategy in the options", name, ordered)
    return [Arm(name, maker, dict(options.get(name, {}))) for name, maker in ordered.items()]
