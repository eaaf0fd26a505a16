"""From what a user asks for to all that a run is made of; whatever is wrong with it is refused here, before any work."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from searchitect.core import (
    COSTS,
    METRICS,
    Budget,
    Constraint,
    Estimator,
    Fidelity,
    Objective,
    RunError,
    SettingError,
    Space,
    Strategy,
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
from searchitect.search.plan import ETA, Plan, own_trials
from searchitect.search.setup import Setup, StrategyMaker
from searchitect.search.supernet import SupernetRun
from searchitect.strategies.shaped import Reward

SpaceLike = str | Space | None
StrategyLike = str | Strategy | type[Strategy] | Callable[..., Strategy]
EstimatorLike = str | Estimator
Options = Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks for. The fields are the arguments of `searchitect.search`, which tells what they mean."""

    data: Any
    budget: str | Budget
    target: str | None
    task: str | None
    where: str | Sequence[str]
    maximize: str | Sequence[str]
    minimize: str | Sequence[str]
    space: SpaceLike
    space_options: Options
    strategy: StrategyLike
    strategy_options: Options
    estimator: EstimatorLike
    estimator_options: Options
    recipe: str | None
    recipe_options: Options
    preset: str
    training: Options
    fidelity: str | None
    workers: int
    seed: int
    out: str | Path | None
    name: str | None
    time_limit: float | None
    baseline: str
    final: str
    command: str | None


def compose(asked: Request) -> Setup:
    """All that a run is made of.

    Raises:
        SearchitectError: whatever is wrong with what is asked for or the data, in one sentence.
    """
    budget = parse_budget(asked.budget)
    _check(asked)
    recipe, candidates = None, None
    if asked.recipe is not None:
        recipe = _recipe(asked)
        asked = replace(asked, recipe_options=recipe.given_by(asked.preset, asked.recipe_options or {}))
        made = recipe.make(asked.recipe_options or {})  # refuses wrong settings before the data are read
        if isinstance(recipe, ComposedRecipe):
            asked, candidates = _as_candidates(asked, recipe, made), made
    elif asked.recipe_options or asked.preset != "small":
        options = dict(asked.recipe_options or {})
        raise SettingError(f"recipe_options={options}, preset={asked.preset!r}: both need a recipe: name it")
    judge = _estimator(asked.estimator, asked.training, options=asked.estimator_options)
    task = _task(asked, judge)
    info = task.info if task is not None else None
    if isinstance(recipe, SharedWeightsRecipe):  # the kind of task may ask for other settings
        asked = replace(asked, recipe_options=recipe.given_by(asked.preset, asked.recipe_options or {}, info))
    if recipe is not None and info is not None and info.kind in recipe.tasks and recipe.own_space(info).name == asked.space:
        asked = replace(asked, space=None)  # it has the recipe's own settings and sizes
    space = _space(asked, recipe, info)
    final_estimator = None
    if task is not None and _can_build(space):
        is_same = judge.builds and asked.final == "usual"
        final_estimator = judge if is_same else _estimator("from-scratch", asked.training, asked.final)
    elif asked.final == "paper":
        raise SettingError(
            "final='paper' needs data and a space whose networks can be built: without a final step leave it out"
        )
    objectives, constraints = _aims(asked, judge, task)
    if final_estimator is not None and {"energy", "power"} & {
        *(o.metric for o in objectives),
        *(c.metric for c in constraints),
        *(candidates.costs if candidates is not None else ()),
    }:
        from searchitect.costs import find_meter

        find_meter()  # refused now, where nothing counts energy
    template, sets_epochs = _fidelity(asked.fidelity)
    has_baseline = asked.baseline != "none"
    title = asked.name or "-".join(filter(None, [info.name if info is not None else space.name, asked.recipe]))
    folder = Path(asked.out) if asked.out is not None else Path("runs") / title
    if (folder / "training.json").exists():
        raise RunError(f"{str(folder)!r} is the folder of a single training: choose another folder with --out")
    setup = Setup(
        name=title,
        folder=folder,
        space=space,
        make_strategy=strategy_maker(
            asked.strategy, asked.strategy_options or {}, template, task, judge.has_fidelities, has_baseline=has_baseline
        ),
        strategy_name=_name(asked.strategy),
        estimator=judge,
        final_estimator=final_estimator,
        task=task,
        objectives=objectives,
        constraints=constraints,
        budget=budget,
        workers=asked.workers,
        seed=asked.seed,
        fidelity=template,
        sets_epochs=sets_epochs,
        identity={},
        command="",
        time_limit=asked.time_limit,
        baseline=has_baseline,
        promotes=_promotes(asked),
    )
    if recipe is not None and info is not None:
        setup = replace(setup, deviation=recipe.deviation(asked.recipe_options or {}, space, info))
    if isinstance(recipe, ComposedRecipe) and candidates is not None:
        setup = _with_candidates(setup, recipe, candidates, asked.preset)
    if isinstance(recipe, SharedWeightsRecipe):
        asked, setup = _with_shared_weights(asked, setup, recipe)
    identity = _identity(asked, setup)
    setup = replace(setup, identity=identity, command=asked.command or _call(asked.data, str(budget), identity))
    if isinstance(asked.strategy, str) and setup.prepare is None:  # refused now, before any work
        setup.make_strategy(space, objectives, asked.seed, Plan(1.0, 9.0, 3, 1.0, 10, None, 1.0, 2, False, None, None))
    return setup


def _check(asked: Request) -> None:
    if not isinstance(asked.workers, int) or not 1 <= asked.workers <= 4096:
        raise SettingError(f"workers must lie in [1, 4096], got {asked.workers!r}")
    if not isinstance(asked.seed, int) or not 0 <= asked.seed < 2**31:
        raise SettingError(f"seed must be a whole number in [0, 2^31), got {asked.seed!r}")
    if asked.time_limit is not None and not asked.time_limit > 0:
        raise SettingError(f"time_limit must be above 0 seconds, got {asked.time_limit!r}")
    if asked.baseline not in ("interleaved", "full", "none"):
        raise SettingError(f"baseline must be 'interleaved', 'full' or 'none', got {asked.baseline!r}")
    if asked.final not in ("usual", "paper"):
        raise SettingError(f"final must be 'usual' or 'paper', got {asked.final!r}")
    if asked.preset not in ("small", "paper"):
        raise SettingError(f"preset must be 'small' or 'paper', got {asked.preset!r}")


def _recipe(asked: Request) -> Recipe:
    """The recipe that is asked for, where nothing contradicts it."""
    found = find_recipe(asked.recipe or "")
    if asked.strategy != "auto" or asked.estimator != "from-scratch":
        raise SettingError(
            f"recipe={asked.recipe!r} has a strategy and an estimator of its own: leave strategy and estimator out"
        )
    if asked.strategy_options:
        raise SettingError(
            f"strategy_options={dict(asked.strategy_options)}: the recipe {asked.recipe!r} sets them: give its own settings as recipe_options"
        )
    if asked.data is None:
        raise SettingError(f"data is missing: the recipe {asked.recipe!r} trains networks on them")
    return found


def _as_candidates(asked: Request, recipe: ComposedRecipe, made: Candidates) -> Request:
    """What a user would ask for to have a recipe's candidates without naming it. Epochs of a ``fidelity`` win over the recipe's."""
    options, fidelity = dict(asked.recipe_options or {}), asked.fidelity
    first_look, sets_epochs = _fidelity(fidelity)
    if first_look is not None and sets_epochs:
        options[EPOCHS] = first_look.epochs
        recipe.make(options)  # refuses what does not fit the other settings
    elif options.get(EPOCHS):
        fidelity = ",".join(filter(None, [f"epochs={options[EPOCHS]:g}", fidelity]))
    minimize = asked.minimize if asked.maximize or asked.minimize else made.minimize or recipe.minimize
    return replace(
        asked,
        strategy=made.strategy,
        strategy_options=made.options,
        recipe_options=options,
        estimator=recipe.estimator,
        training={**recipe.training(made, asked.preset), **(asked.training or {})},
        fidelity=fidelity,
        minimize=minimize,
    )


def _with_candidates(setup: Setup, recipe: ComposedRecipe, made: Candidates, preset: str) -> Setup:
    """The setup of a recipe whose candidates are judged one by one."""
    made.check(recipe.name, setup.objectives)
    unused = made.unused(setup.objectives)
    paid = " and ".join(dict.fromkeys((setup.objectives[0].metric, *made.costs)))
    notice = f"the recipe {recipe.name!r} searches by its reward, which is made of {paid}: {' and '.join(unused)} only counts among the results"
    return replace(
        setup,
        make_strategy=setup.make_strategy if made.reward is None else _shaped(setup.make_strategy, made.reward),
        cycle=made.cycle,
        wished_trials=made.wished_trials,
        max_epochs=made.max_epochs,
        paper_trials=recipe.paper_trials if preset == "paper" else 0,
        measured=made.costs,
        notice=(lambda: notice) if unused else None,
    )


def _with_shared_weights(asked: Request, setup: Setup, recipe: SharedWeightsRecipe) -> tuple[Request, Setup]:
    """The setup of a recipe that shares weights, and what is asked for with its own names."""
    from searchitect.oneshot.supernets import check_covers, check_supernet

    options = asked.recipe_options or {}
    method = recipe.make(options)
    method.limits, method.objectives = [c for c in setup.constraints if c.is_cost], setup.objectives
    supernet = recipe.open_space(setup.space, options, asked.preset if asked.space is None else "small")
    run = SupernetRun(method, supernet, setup.task, setup.folder, asked.seed)
    check_supernet(run.space, setup.task.info)
    check_covers(run.space, setup.space)
    method.check(setup.space, setup.objectives)

    def notice() -> str:
        if run.is_begun:
            return ""
        cost = supernet_cost(recipe, options, run.space, setup.task, asked.seed)
        return f"the supernet at the paper's settings takes {cost}; the budget is {setup.budget}"

    return replace(asked, strategy=recipe.name, estimator="shared-weights"), replace(
        setup,
        make_strategy=run.make_strategy,
        strategy_name=recipe.name,
        estimator=recipe.estimator(run),
        prepare=run.prepare,
        drawn_finalists=DRAWN,
        notice=notice if asked.preset == "paper" else None,
        cycle=method.cycle,
    )


def _identity(asked: Request, setup: Setup) -> dict[str, Any]:
    """Every setting that must be equal for a run to go on."""
    recipe = {"recipe": asked.recipe, "recipe_options": canonical_json(dict(asked.recipe_options or {}))}
    return {
        "data": setup.task.fingerprint if setup.task is not None else None,
        "space": setup.space.name,
        "space_config": canonical_json(setup.space.config()),
        "strategy": setup.strategy_name,
        "strategy_options": canonical_json(_named(asked.strategy_options or {})),
        "estimator": asked.estimator if isinstance(asked.estimator, str) else type(asked.estimator).__name__,
        **({"estimator_options": canonical_json(dict(asked.estimator_options))} if asked.estimator_options else {}),
        **(recipe if asked.recipe is not None else {}),
        **({} if asked.preset == "small" else {"preset": asked.preset}),
        "training": canonical_json(dict(asked.training or {})),
        "where": [str(c) for c in setup.constraints],
        "objectives": [str(o) for o in setup.objectives],
        "fidelity": asked.fidelity,
        "seed": asked.seed,
        **({} if asked.final == "usual" else {"final": asked.final}),
    }


def _task(asked: Request, judge: Estimator) -> Any:
    """The data, where the estimator can do with them and without; ``None``: there are none."""
    if asked.data is None:
        if judge.builds or judge.needs_task:
            raise SettingError(
                "data is missing: give a name, a path, arrays, a frame or a Dataset, or an estimator that needs no data"
            )
        return None
    from searchitect.tasks import load_task

    task = load_task(asked.data, target=asked.target, task=asked.task, seed=asked.seed)
    if task.info.is_control and judge.trains:
        who = f"the recipe {asked.recipe!r}" if asked.recipe is not None else f"the estimator {type(judge).__name__}"
        raise SettingError(
            f"data={asked.data!r}: an environment has no examples, which {who} trains on: use the recipe 'neat', or the estimator "
            "'as-built' with a strategy and the space 'neat', whose architectures hold their weights"
        )
    if asked.final == "paper":
        from searchitect.training import paper_recipe

        if not judge.trains:
            raise SettingError(f"final='paper' trains networks, {type(judge).__name__} takes them as they are: leave final out")
        paper_recipe(task.info)  # refused now, not in the final step
    return task


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


def _space(asked: Request, recipe: Recipe | None, info: Any) -> Space:
    from searchitect.spaces import default_space, make_space

    if isinstance(asked.space, Space):
        chosen = asked.space
    elif isinstance(asked.space, str):
        chosen = make_space(asked.space, info)
    elif asked.space is not None:
        raise SettingError(
            f"space must be a name or an instance of a Space, got {asked.space!r}; a class is called first: MySpace()"
        )
    elif info is None:
        raise SettingError("space is missing: without data there is no default")
    else:
        chosen = default_space(info) if recipe is None else recipe.own_space(info, asked.preset)
    return chosen.with_settings({**chosen.config(), **asked.space_options}) if asked.space_options else chosen


def _can_build(space: Space) -> bool:
    from importlib.util import find_spec

    return hasattr(space, "build") or find_spec(f"searchitect.networks.{space.name.replace('-', '_')}") is not None


def _aims(asked: Request, judge: Estimator, task: Any) -> tuple[tuple[Objective, ...], list[Constraint]]:
    """The objectives and the limits."""
    objectives = _objectives(asked.maximize, asked.minimize, task.info if task is not None else None, judge.measures)
    custom = None if judge.builds else [*(o.metric for o in objectives), *METRICS]
    constraints = [parse_constraint(text, custom) for text in ([asked.where] if isinstance(asked.where, str) else asked.where)]
    if isinstance(asked.estimator, str) and task is not None:
        known = {*COSTS, *(judge.measures or task.baseline_score)}  # what training measures on a task of this kind
        for metric in (*(o.metric for o in objectives), *(c.metric for c in constraints)):
            if metric not in known:
                raise unknown_name("metric", metric, known)
    return objectives, constraints


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


def _name(strategy: StrategyLike) -> str:
    return strategy if isinstance(strategy, str) else getattr(strategy, "__name__", type(strategy).__name__)


def _promotes(asked: Request) -> float:
    """One in so many trainings goes on; 0: the strategy trains each once."""
    from searchitect.strategies import find_strategy, strategy_options

    name = asked.strategy
    if not isinstance(name, str) or not find_strategy(name).chooses_fidelity or "eta" not in strategy_options(name):
        return 0.0
    return float((asked.strategy_options or {}).get("eta", ETA))


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


def strategy_maker(
    strategy: StrategyLike,
    options: Mapping[str, Any],
    template: Fidelity | None,
    task: Any = None,
    has_fidelities: bool = True,
    has_baseline: bool = False,
) -> StrategyMaker:
    """What makes the strategy, with the suggestions of the plan for what ``options`` leave open."""
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
            expected_trials=own_trials(plan.expected_trials, has_baseline),
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


def _shaped(make: StrategyMaker, reward: Reward) -> StrategyMaker:
    """What makes a strategy that is told a reward in the place of the objectives."""
    from searchitect.strategies.shaped import REWARD, Shaped

    def shaped(space: Space, objectives: Sequence[Objective], seed: int, plan: Plan) -> Strategy:
        return Shaped(space, objectives, seed=seed, inner=make(space, [REWARD], seed, plan), reward=reward)

    return shaped


def _call(data: Any, budget: str, identity: Mapping[str, Any]) -> str:
    shown = repr(data) if isinstance(data, (str, Path)) else f"<{type(data).__name__}>"
    return f"searchitect.search({shown}, budget={budget!r}, where={identity['where']!r}, seed={identity['seed']})  # {hash_text(canonical_json(dict(identity)))}"
