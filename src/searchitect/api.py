"""The Python interface: ``search`` and what it returns."""

import csv
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from searchitect.core import Budget, RunError, SearchitectError, Space, Trial
from searchitect.request import EstimatorLike, Options, Request, SpaceLike, StrategyLike, compose, strategy_maker
from searchitect.search.folder import read_json, write_json, write_text
from searchitect.search.loop import Status
from searchitect.search.run import Found, run_search
from searchitect.search.setup import Setup
from searchitect.search.supernet import HISTORY


@dataclass(frozen=True)
class Best:
    """The network that a run ends with.

    Attributes:
        trial: of the final step, or of the search where there was no final step.
        model: the trained ``torch.nn.Module`` with preprocessing and postprocessing inside: raw encoded rows or images in, class
            probabilities or values out. ``None`` where the run has no network (interrupted, or judged by an estimator without data).
        network: the network alone.
        metrics: on test data under ``test_...``, on validation data and costs without prefix.
    """

    trial: Trial
    model: Any
    network: Any
    metrics: dict[str, float]

    @property
    def spec(self) -> Any:
        """What was built, as plain JSON data."""
        return self.trial.architecture.spec


@dataclass(frozen=True)
class Result:
    """What a search found. Everything is also in ``folder``.

    Attributes:
        folder: of the run.
        trials: all trials, by id.
        summary: the content of result.json.
        settings: the content of run.json.
        is_interrupted: the search was stopped by Ctrl-C; the same call goes on.
    """

    folder: Path
    trials: list[Trial]
    summary: dict[str, Any]
    settings: dict[str, Any]
    is_interrupted: bool = False
    _space: Space | None = field(default=None, repr=False)

    @cached_property
    def best(self) -> Best | None:
        """The winner; ``None`` where no trial is complete and within the limits."""
        by_id = {t.id: t for t in self.trials}
        winner = self.summary.get("winner")
        if winner is None:
            place = self.summary.get("best_trial")
            found = None if place is None else by_id.get(place)
            return None if found is None else Best(found, None, None, dict(found.metrics))
        from searchitect.export import load_deployment

        trial = by_id[winner["trial"]]
        deployment = load_deployment(self.folder, self._space)
        metrics = {**trial.metrics, **{f"test_{name}": value for name, value in winner["test"].items()}}
        return Best(trial, deployment.module(), deployment.network, metrics)

    @property
    def front(self) -> list[Trial]:
        """Trials of the search that no other one beats in every objective; with one objective, the best one."""
        by_id = {t.id: t for t in self.trials}
        ids = self.summary.get("front") or [self.summary.get("best_trial")]
        return [by_id[i] for i in ids if i in by_id]

    def report(self, path: str | Path | None = None) -> Path:
        """Write the report, one self-contained HTML file. Default: report.html in the run folder."""
        from searchitect.reports import ReportData, write_report

        supernet = self.folder / HISTORY
        data = ReportData(self.settings, self.trials, self.summary, read_json(supernet) if supernet.exists() else {})
        return write_report(data, Path(path) if path is not None else self.folder / "report.html")

    def export(self, format: str = "onnx", folder: str | Path | None = None) -> Path:
        """Write the winner as ``onnx``, ``torch`` or ``python`` into ``folder`` (default: the run folder), with its preprocessing."""
        from searchitect.export import export_model, load_deployment

        if self.summary.get("winner") is None:
            raise RunError(
                f"the run {str(self.folder)!r} has no trained winner to export: run the same search again to finish it"
            )
        target = Path(folder) if folder is not None else self.folder
        target.mkdir(parents=True, exist_ok=True)
        return export_model(load_deployment(self.folder, self._space), target, format)

    def predict(self, data: Any) -> Any:
        """The winner's answers to raw rows or images: anything ``search`` takes as data, without labels."""
        from searchitect.export import load_deployment, predict

        return predict(load_deployment(self.folder, self._space), data)


def search(
    data: Any = None,
    *,
    budget: str | Budget = "10m",
    target: str | None = None,
    task: str | None = None,
    where: str | Sequence[str] = (),
    maximize: str | Sequence[str] = (),
    minimize: str | Sequence[str] = (),
    space: SpaceLike = None,
    space_options: Options = None,
    strategy: StrategyLike = "auto",
    strategy_options: Options = None,
    estimator: EstimatorLike = "from-scratch",
    estimator_options: Options = None,
    recipe: str | None = None,
    recipe_options: Options = None,
    preset: str = "small",
    training: Options = None,
    fidelity: str | None = None,
    workers: int = 1,
    seed: int = 0,
    out: str | Path | None = None,
    name: str | None = None,
    time_limit: float | None = None,
    baseline: str = "interleaved",
    final: str = "usual",
    on_status: Callable[[Status], None] | None = None,
    command: str | None = None,
) -> Result:
    """Find the best network for ``data`` within a budget and limits, trained and exported, with the evidence.

    The same call again goes on where it stopped.

    Args:
        data: a name ("digits"), a path (folder of class folders, .npz, .csv, .parquet, .txt), arrays (X, y), a pandas frame, a torch
            ``Dataset``, or an environment of Gymnasium ("gym:CartPole-v1"). ``None`` for an estimator that needs none.
        budget: "90s", "10m", "2h", "50trials", "200epochs", or several with commas; whichever ends first.
        target: the column of a table to predict.
        task: "classification" or "regression", of a text "words" or "characters"; default: told from the target, or the text.
        where: hard limits, such as "params<=100k" or "latency<=2ms". Costs are checked before training.
        maximize, minimize: objectives; the first one leads. Default: accuracy, R2, of texts perplexity, of environments return.
        space: a name or a `Space`; default: one that fits the data.
        space_options: settings of the space that differ from those that fit the data, such as {"channels": 16}.
        strategy: a name, a `Strategy`, or what makes one from (space, objectives, seed=...).
        strategy_options: of a named strategy.
        estimator: a name or an `Estimator`.
        estimator_options: of a named estimator.
        recipe: a published system by its name, in the place of strategy and estimator; see `searchitect.recipes`.
        recipe_options: settings of the recipe.
        preset: of a recipe: "small" for small data on a CPU, or "paper", the paper's own settings and sizes.
        training: changes to the training recipe, such as {"learning_rate": 0.01}.
        fidelity: "epochs=2,data=0.5,resolution=0.5": how thoroughly the first look at each architecture is; default: set by the budget.
        workers: evaluations at a time; above 1 each has a process of its own.
        seed: of everything random.
        out: the run folder; default runs/NAME.
        name: of the run; default: told from the data.
        time_limit: seconds of one trial; default: a quarter of the search's time.
        baseline: "interleaved" random trials, "full" for an equal-budget random search besides, or "none".
        final: how the best are retrained: "usual", as in the search, or "paper", the final evaluation of the cell papers (images only).
        on_status: called a few times a second with the state of the run.
        command: what repeats the run, for the report.

    Raises:
        SearchitectError: whatever is wrong with the arguments or the data, in one sentence, before the first training.
    """
    asked = Request(
        data=data,
        budget=budget,
        target=target,
        task=task,
        where=where,
        maximize=maximize,
        minimize=minimize,
        space=space,
        space_options=space_options,
        strategy=strategy,
        strategy_options=strategy_options,
        estimator=estimator,
        estimator_options=estimator_options,
        recipe=recipe,
        recipe_options=recipe_options,
        preset=preset,
        training=training,
        fidelity=fidelity,
        workers=workers,
        seed=seed,
        out=out,
        name=name,
        time_limit=time_limit,
        baseline=baseline,
        final=final,
        command=command,
    )
    setup = compose(asked)
    found = run_search(setup, on_status or (lambda _: None))
    trials = [found.trials[i] for i in sorted(found.trials)]
    result = Result(setup.folder, trials, found.result, found.run, found.is_interrupted, setup.space)
    if baseline == "full" and not found.is_interrupted:
        _compare_in_full(result, setup, on_status)
    _write_tables(result)
    if found.choice is not None:
        _save_winner(found, setup)
    result.report()
    return result


def load_result(folder: str | Path, space: Space | None = None) -> Result:
    """The result of an earlier run. Nothing in the folder is executed.

    Args:
        folder: of the run.
        space: of the run, where it is not one of searchitect's own.
    """
    from searchitect.search.store import open_store

    folder = Path(folder)
    settings = read_json(folder / "run.json")
    if not (folder / "search.db").exists():
        raise RunError(f"{str(folder / 'search.db')!r} does not exist: is {str(folder)!r} the folder of a run?")
    store = open_store(folder)
    try:
        trials = store.trials()
    finally:
        store.close()
    summary = read_json(folder / "result.json") if (folder / "result.json").exists() else {}
    return Result(folder, trials, summary, settings, bool(summary.get("is_interrupted")), space)


def _compare_in_full(result: Result, setup: Setup, on_status: Callable[[Status], None] | None) -> None:
    """Run random search, with the same halving, budget and final step, beside the search."""
    from dataclasses import replace

    alone = setup.estimator if setup.prepare is None or setup.final_estimator is None else setup.final_estimator
    other = replace(
        setup,
        folder=setup.folder / "baseline",
        make_strategy=strategy_maker("asha", {"inner": "random"}, setup.fidelity),
        strategy_name="asha over random",
        identity={**setup.identity, "strategy": "asha over random"},
        baseline=False,
        estimator=alone,  # beside a search with shared weights, each is trained alone
        prepare=None,
        drawn_finalists=0,
        cycle=1,
        paper_trials=0,
        notice=None,
    )
    found = run_search(other, on_status or (lambda _: None))
    metric = setup.objectives[0].metric
    ours, theirs = result.summary.get("winner"), found.result.get("winner")
    full: dict[str, Any] = {"sentence": "The equal-budget random search, or this search, ended without a winner."}
    if found.is_interrupted:
        full["sentence"] = "The equal-budget random search was interrupted: the same command goes on with it."
    elif ours and theirs:
        full = {
            "search": {k: ours[k] for k in ("validation", "test")},
            "random": {k: theirs[k] for k in ("validation", "test")},
        }
        shown = [
            f"{w['validation'].get(metric, float('nan')):.4f} on validation, {w['test'].get(metric, float('nan')):.4f} on test data"
            for w in (ours, theirs)
        ]
        difference = setup.objectives[0].value(ours["test"]) - setup.objectives[0].value(theirs["test"])
        verdict = "better" if difference > 0 else "no better"
        full["sentence"] = (
            f"An equal-budget random search (same halving, same final step) reached {metric} {shown[1]}; this search {shown[0]}: "
            f"{verdict} on this one seed, which is no proof either way."
        )
    baseline = result.summary["baseline"] or {"metric": metric, "sentence": "", "curve": [], "search_curve": []}
    result.summary["baseline"] = {**baseline, "full": full}
    write_json(result.folder / "result.json", result.summary)


def _save_winner(found: Found, setup: Setup) -> None:
    from searchitect.export import Deployment, export_model, save_deployment

    assert found.choice is not None
    task = setup.task
    deployment = Deployment(
        space=setup.space,
        spec=found.choice.winner.architecture.spec,
        info=task.info,
        network=found.network,
        preprocess=task.preprocess.cpu(),
        postprocess=task.postprocess.cpu(),
        encoder=task.encoder,
        decisions=found.choice.winner.architecture.decisions,
    )
    save_deployment(deployment, setup.folder)
    for format in ("onnx", "python"):
        try:
            export_model(deployment, setup.folder, format)
        except (
            SearchitectError
        ) as error:  # the optional package is missing, or the user's network cannot be exported: the weights are safe
            found.result["notes"].append(f"not exported as {format}: {error}")
    write_json(setup.folder / "result.json", found.result)


def _write_tables(result: Result) -> None:
    front = {t.id for t in result.front}
    names = sorted({name for t in result.trials for name in t.metrics})
    head = [
        "id",
        "origin",
        "state",
        "key",
        "epochs",
        "data",
        "resolution",
        "parent",
        "inherit",
        "twin",
        "seed",
        "seconds",
        *names,
        "reason",
        "spec",
    ]
    rows = [
        [
            t.id,
            t.origin,
            str(t.state),
            t.key,
            t.fidelity.epochs,
            t.fidelity.data,
            t.fidelity.resolution,
            t.parent,
            t.inherit,
            t.twin,
            t.seed,
            round(t.seconds, 3),
            *(t.metrics.get(n) for n in names),
            t.reason,
            t.architecture.text,
        ]
        for t in result.trials
    ]
    _write_csv(result.folder / "trials.csv", head, rows)
    _write_csv(result.folder / "front.csv", head, [row for row in rows if row[0] in front])


def _write_csv(path: Path, head: list[str], rows: list[list[Any]]) -> None:
    import io

    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def shell_command(arguments: Sequence[str]) -> str:
    """The command line that repeats a run, quoted for a shell."""
    return shlex.join(["searchitect", *arguments])
