"""The Python interface: ``search`` and what it returns."""

import csv
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from searchitect.core import (
    COSTS,
    METRICS,
    Budget,
    Estimator,
    Fidelity,
    Objective,
    RunError,
    SearchitectError,
    SettingError,
    Space,
    Strategy,
    Trial,
    canonical_json,
    hash_text,
    parse_budget,
    parse_constraint,
    parse_objectives,
    unknown_name,
)
from searchitect.recipes import find_recipe
from searchitect.recipes.composed import EPOCHS, Candidates, ComposedRecipe
from searchitect.recipes.cost import supernet_cost
from searchitect.recipes.recipe import Recipe
from searchitect.recipes.shared_weights import DRAWN, SharedWeightsRecipe
from searchitect.search.folder import read_json, write_json, write_text
from searchitect.search.loop import Status
from searchitect.search.plan import WISHED_TRIALS, Plan
from searchitect.search.run import Found, run_search
from searchitect.search.setup import Setup
from searchitect.search.supernet import HISTORY, SupernetRun
from searchitect.strategies.shaped import Reward

SpaceLike = str | Space | None
StrategyLike = str | Strategy | type[Strategy] | Callable[..., Strategy]
EstimatorLike = str | Estimator


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
    space_options: Mapping[str, Any] | None = None,
    strategy: StrategyLike = "auto",
    strategy_options: Mapping[str, Any] | None = None,
    estimator: EstimatorLike = "from-scratch",
    estimator_options: Mapping[str, Any] | None = None,
    recipe: str | None = None,
    recipe_options: Mapping[str, Any] | None = None,
    preset: str = "small",
    training: Mapping[str, Any] | None = None,
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
    parsed = parse_budget(budget)
    _check(workers=workers, seed=seed, time_limit=time_limit, baseline=baseline, final=final, preset=preset)
    system = None
    if recipe is not None:
        system = _recipe(recipe, strategy, estimator, data)
        recipe_options = system.given_by(preset, recipe_options or {})
        made = system.make(recipe_options)  # refuses wrong ones before the data are read
        if isinstance(made, Candidates):
            assert isinstance(system, ComposedRecipe)
            strategy, strategy_options, estimator = made.strategy, made.options, system.estimator
            training = {**system.training(made, preset), **(training or {})}
            if recipe_options.get(EPOCHS):
                fidelity = fidelity or f"epochs={recipe_options[EPOCHS]:g}"
            if not maximize and not minimize:
                minimize = made.minimize or system.minimize
    elif recipe_options or preset != "small":
        raise SettingError(f"recipe_options={dict(recipe_options or {})}, preset={preset!r}: both need a recipe: name it")
    loaded, final_estimator = None, None
    judge = _estimator(estimator, training, options=estimator_options)
    if data is not None:
        from searchitect.tasks import load_task

        loaded = load_task(data, target=target, task=task, seed=seed)
        if loaded.info.is_control and judge.trains:
            who = f"the recipe {recipe!r}" if recipe is not None else f"the estimator {type(judge).__name__}"
            raise SettingError(
                f"data={data!r}: an environment has no examples, which {who} trains on: use the recipe 'neat', or the estimator "
                "'as-built' with a strategy and the space 'neat', whose architectures hold their weights"
            )
        if final == "paper" and not judge.trains:
            raise SettingError(f"final='paper' trains networks, {type(judge).__name__} takes them as they are: leave final out")
        if final == "paper":
            from searchitect.training import paper_recipe

            paper_recipe(loaded.info)  # refused now, not in the final step
    elif judge.builds or judge.needs_task:
        raise SettingError(
            "data is missing: give a name, a path, arrays, a frame or a Dataset, or an estimator that needs no data"
        )
    info = loaded.info if loaded is not None else None
    if isinstance(system, SharedWeightsRecipe) and info is not None:
        recipe_options = system.given_by(preset, recipe_options or {}, info)
        made = system.make(recipe_options)
    chosen_space, size = _space(space, info), "small"
    if system is not None and info is not None and space is None:
        chosen_space, size = system.own_space(info, preset), preset
    if space_options:
        chosen_space = chosen_space.with_settings({**chosen_space.config(), **space_options})
    if loaded is not None and _can_build(chosen_space):
        final_estimator = judge if judge.builds and final == "usual" else _estimator("from-scratch", training, final)
    objectives = _objectives(maximize, minimize, info, judge.measures)
    custom = None if judge.builds else [*(o.metric for o in objectives), *METRICS]
    constraints = [parse_constraint(text, custom) for text in ([where] if isinstance(where, str) else where)]
    if isinstance(estimator, str) and loaded is not None:
        known = {*COSTS, *(judge.measures or loaded.baseline_score)}  # what training measures on a task of this kind
        for metric in (*(o.metric for o in objectives), *(c.metric for c in constraints)):
            if metric not in known:
                raise unknown_name("metric", metric, known)
    if final_estimator is not None and {"energy", "power"} & {
        *(o.metric for o in objectives),
        *(c.metric for c in constraints),
    }:
        from searchitect.costs import find_meter

        find_meter()  # refused now, where nothing counts energy
    template, sets_epochs = _fidelity(fidelity)
    title = name or "-".join(filter(None, [info.name if info is not None else chosen_space.name, recipe]))
    folder = Path(out) if out is not None else Path("runs") / title
    if (folder / "training.json").exists():
        raise RunError(f"{str(folder)!r} is the folder of a single training: choose another folder with --out")
    if final == "paper" and final_estimator is None:
        raise SettingError(
            "final='paper' needs data and a space whose networks can be built: without a final step leave it out"
        )
    make = _strategy_maker(strategy, dict(strategy_options or {}), template, loaded, judge.has_fidelities)
    prepare, deviation, cycle, paper_trials, wished = None, Setup.deviation, 1, 0, WISHED_TRIALS
    if system is not None and info is not None:
        deviation = system.deviation(recipe_options or {}, chosen_space, info)
    if isinstance(system, ComposedRecipe):
        cycle, paper_trials, wished = made.cycle, system.paper_trials if preset == "paper" else 0, made.wished_trials
        if made.reward is not None:
            make = _shaped(make, made.reward)
    if isinstance(system, SharedWeightsRecipe) and info is not None:
        from searchitect.oneshot.supernets import check_supernet

        made.limits, made.objectives = [c for c in constraints if c.is_cost], objectives
        open_space = system.open_space(chosen_space, recipe_options or {}, size)
        shared = SupernetRun(made, open_space, loaded, folder, seed)
        check_supernet(shared.space, info)
        judge, make, prepare = system.estimator(shared), shared.make_strategy, shared.prepare
        strategy, estimator = recipe or "", "shared-weights"
    strategy_name = strategy if isinstance(strategy, str) else getattr(strategy, "__name__", type(strategy).__name__)
    identity = {
        "data": loaded.fingerprint if loaded is not None else None,
        "space": chosen_space.name,
        "space_config": canonical_json(chosen_space.config()),
        "strategy": strategy_name,
        "strategy_options": canonical_json(_named(strategy_options or {})),
        "estimator": estimator if isinstance(estimator, str) else type(judge).__name__,
        **({"estimator_options": canonical_json(dict(estimator_options))} if estimator_options else {}),
        **({"recipe": recipe, "recipe_options": canonical_json(dict(recipe_options or {}))} if recipe is not None else {}),
        **({} if preset == "small" else {"preset": preset}),
        "training": canonical_json(dict(training or {})),
        "where": [str(c) for c in constraints],
        "objectives": [str(o) for o in objectives],
        "fidelity": fidelity,
        "seed": seed,
        **({} if final == "usual" else {"final": final}),
    }
    setup = Setup(
        name=title,
        folder=folder,
        space=chosen_space,
        make_strategy=make,
        strategy_name=strategy_name,
        estimator=judge,
        final_estimator=final_estimator,
        task=loaded,
        objectives=objectives,
        constraints=constraints,
        budget=parsed,
        workers=workers,
        seed=seed,
        fidelity=template,
        sets_epochs=sets_epochs,
        identity=identity,
        command=command or _call(data, str(parsed), identity),
        time_limit=time_limit,
        baseline=baseline != "none",
        prepare=prepare,
        drawn_finalists=DRAWN if isinstance(system, SharedWeightsRecipe) else 0,
        deviation=deviation,
        cycle=cycle,
        wished_trials=wished,
        max_epochs=made.max_epochs if isinstance(system, ComposedRecipe) else 0.0,
        paper_trials=paper_trials,
    )
    if setup.strategy_name in _strategy_names():  # refused now, before any work
        setup.make_strategy(chosen_space, objectives, seed, Plan(1.0, 9.0, 3, 1.0, 10, None, 1.0, 2, False, None, None))
    if isinstance(system, SharedWeightsRecipe) and preset == "paper" and on_status is not None and not shared.is_begun:
        cost = supernet_cost(system, recipe_options or {}, shared.space, loaded, seed)
        note = f"the supernet at the paper's settings takes {cost}; the budget is {parsed}"
        on_status(Status("preparing", 0, 0, 0, 0, None, 0.0, parsed.seconds, parsed.trials, note))
    found = run_search(setup, on_status or (lambda _: None))
    result = Result(
        folder, [found.trials[i] for i in sorted(found.trials)], found.result, found.run, found.is_interrupted, chosen_space
    )
    if baseline == "full" and not found.is_interrupted:
        _compare_in_full(result, setup, on_status)
    _write_tables(result)
    if found.choice is not None:
        _save_winner(found, setup, folder)
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


def _check(*, workers: int, seed: int, time_limit: float | None, baseline: str, final: str, preset: str) -> None:
    if not isinstance(workers, int) or not 1 <= workers <= 4096:
        raise SettingError(f"workers must lie in [1, 4096], got {workers!r}")
    if not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise SettingError(f"seed must be a whole number in [0, 2^31), got {seed!r}")
    if time_limit is not None and not time_limit > 0:
        raise SettingError(f"time_limit must be above 0 seconds, got {time_limit!r}")
    if baseline not in ("interleaved", "full", "none"):
        raise SettingError(f"baseline must be 'interleaved', 'full' or 'none', got {baseline!r}")
    if final not in ("usual", "paper"):
        raise SettingError(f"final must be 'usual' or 'paper', got {final!r}")
    if preset not in ("small", "paper"):
        raise SettingError(f"preset must be 'small' or 'paper', got {preset!r}")


def _recipe(name: str, strategy: StrategyLike, estimator: EstimatorLike, data: Any) -> Recipe:
    """The recipe of a name, where nothing contradicts it."""
    found = find_recipe(name)
    if strategy != "auto" or estimator != "from-scratch":
        raise SettingError(f"recipe={name!r} has a strategy and an estimator of its own: leave strategy and estimator out")
    if data is None:
        raise SettingError(f"data is missing: the recipe {name!r} trains networks on them")
    return found


def _strategy_names() -> list[str]:
    from searchitect.strategies import strategy_names

    return strategy_names()


def _estimator(
    estimator: EstimatorLike,
    training: Mapping[str, Any] | None,
    base: str = "usual",
    options: Mapping[str, Any] | None = None,
) -> Estimator:
    if training and "base" in training:
        raise SettingError("training: unknown setting 'base'; final='paper' chooses how the best are retrained")
    if not isinstance(estimator, str):
        if not isinstance(estimator, Estimator):
            raise SettingError(f"estimator must be a name or an Estimator, got {estimator!r}")
        if options:
            raise SettingError(f"estimator_options={dict(options)} need a name: give them to {type(estimator).__name__} itself")
        return estimator
    from searchitect.estimators import find_estimator, make_estimator

    kind = find_estimator(estimator)
    if training and not kind.trains:
        raise SettingError(f"training={dict(training)}: the estimator {estimator!r} trains nothing: leave training out")
    own = training or {} if kind.builds else {}  # of one that builds nothing, they are the final step's
    return make_estimator(estimator, {**({} if base == "usual" else {"base": base}), **own, **(options or {})})


def _space(space: SpaceLike, info: Any) -> Space:
    from searchitect.spaces import default_space, make_space

    if isinstance(space, Space):
        return space
    if isinstance(space, str):
        return make_space(space, info)
    if space is not None:
        raise SettingError(f"space must be a name or an instance of a Space, got {space!r}; a class is called first: MySpace()")
    if info is None:
        raise SettingError("space is missing: without data there is no default")
    return default_space(info)


def _can_build(space: Space) -> bool:
    from importlib.util import find_spec

    return hasattr(space, "build") or find_spec(f"searchitect.networks.{space.name.replace('-', '_')}") is not None


def _objectives(
    maximize: str | Sequence[str], minimize: str | Sequence[str], info: Any, measures: Mapping[str, str]
) -> tuple[Objective, ...]:
    larger = [maximize] if isinstance(maximize, str) else list(maximize)
    smaller = [minimize] if isinstance(minimize, str) else list(minimize)
    costs_only = all(name in COSTS for name in smaller)
    if not larger and costs_only:  # a cost alone would be met by the smallest network: quality leads
        if measures:
            leading = next(iter(measures))
            is_larger = measures[leading] == "max"
            return parse_objectives([leading] if is_larger else [], [*([] if is_larger else [leading]), *smaller])
        if info is None:
            raise SettingError("maximize or minimize is missing: name a metric that the estimator gives")
        larger, smaller = ([info.quality], smaller) if METRICS[info.quality] == "max" else ([], [info.quality, *smaller])
    return parse_objectives(larger, smaller)


def _fidelity(text: str | None) -> tuple[Fidelity | None, bool]:
    if text is None:
        return None, False
    found: dict[str, float] = {}
    for part in text.split(","):
        key, _, value = part.partition("=")
        try:
            found[key.strip()] = float(value)
        except ValueError:
            found[key.strip()] = math.nan
        if key.strip() not in ("epochs", "data", "resolution") or not math.isfinite(found[key.strip()]):
            raise SettingError(f"fidelity={text!r} is not understood: write 'epochs=2,data=0.5,resolution=0.5' or a part of it")
    return Fidelity(found.get("epochs", 1.0), found.get("data", 1.0), found.get("resolution", 1.0)), "epochs" in found


def _named(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as JSON data: functions, and strategies inside a strategy, by their names."""
    return {
        name: _named(value)
        if isinstance(value, Mapping)
        else getattr(value, "__name__", type(value).__name__)
        if callable(value) or isinstance(value, Strategy)
        else value
        for name, value in options.items()
    }


def _strategy_maker(
    strategy: StrategyLike,
    options: dict[str, Any],
    template: Fidelity | None,
    task: Any = None,
    has_fidelities: bool = True,
) -> Callable[..., Strategy]:
    if isinstance(strategy, Strategy):
        return lambda *_: strategy
    if not isinstance(strategy, str):
        return lambda space, objectives, seed, _: strategy(space, objectives, seed=seed, **options)
    from searchitect.strategies import find_strategy, make_strategy, strategy_options
    from searchitect.strategies.suggested import with_suggestions

    find_strategy(strategy)

    def make(space: Space, objectives: Sequence[Objective], seed: int, plan: Plan) -> Strategy:
        known = strategy_options(strategy)
        settings = with_suggestions(
            strategy,
            options,
            expected_trials=plan.expected_trials,
            base_epochs=plan.base_epochs if has_fidelities else plan.max_epochs,
            max_epochs=plan.max_epochs,
            eta=plan.eta,
            data=template.data if template else 1.0,
            resolution=template.resolution if template else 1.0,
        )
        if task is not None and "costs" in known and _can_build(space):
            from searchitect.search.probe import cost_measurer

            settings = {"costs": cost_measurer(space, task.info), **settings}
        if task is not None and ("proxy" in known or "inner" in known):
            from searchitect.proxies import make_scorer
            from searchitect.strategies.trusted import with_scorers

            settings = with_scorers(strategy, settings, lambda proxy: make_scorer(proxy, space, task, seed))
        return make_strategy(strategy, space, objectives, seed, **settings)

    return make


def _shaped(make: Callable[..., Strategy], reward: Reward) -> Callable[..., Strategy]:
    """What makes a strategy that is told a reward in the place of the objectives."""
    from searchitect.strategies.shaped import REWARD, Shaped

    def shaped(space: Space, objectives: Sequence[Objective], seed: int, plan: Plan) -> Strategy:
        return Shaped(space, objectives, seed=seed, inner=make(space, [REWARD], seed, plan), reward=reward)

    return shaped


def _compare_in_full(result: Result, setup: Setup, on_status: Callable[[Status], None] | None) -> None:
    """Run random search, with the same halving, budget and final step, beside the search."""
    from dataclasses import replace

    alone = setup.estimator if setup.prepare is None or setup.final_estimator is None else setup.final_estimator
    other = replace(
        setup,
        folder=setup.folder / "baseline",
        make_strategy=_strategy_maker("asha", {"inner": "random"}, setup.fidelity),
        strategy_name="asha over random",
        identity={**setup.identity, "strategy": "asha over random"},
        baseline=False,
        estimator=alone,  # beside a search with shared weights, each is trained alone
        prepare=None,
        drawn_finalists=0,
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


def _save_winner(found: Found, setup: Setup, folder: Path) -> None:
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
    save_deployment(deployment, folder)
    for format in ("onnx", "python"):
        try:
            export_model(deployment, folder, format)
        except (
            SearchitectError
        ) as error:  # the optional package is missing, or the user's network cannot be exported: the weights are safe
            found.result["notes"].append(f"not exported as {format}: {error}")
    write_json(folder / "result.json", found.result)


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


def _call(data: Any, budget: str, identity: Mapping[str, Any]) -> str:
    shown = repr(data) if isinstance(data, (str, Path)) else f"<{type(data).__name__}>"
    return f"searchitect.search({shown}, budget={budget!r}, where={identity['where']!r}, seed={identity['seed']})  # {hash_text(canonical_json(dict(identity)))}"


def shell_command(arguments: Sequence[str]) -> str:
    """The command line that repeats a run, quoted for a shell."""
    return shlex.join(["searchitect", *arguments])
