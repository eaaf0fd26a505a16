"""Which trials of a search are trained at full fidelity: the best ones, and random ones to compare them with."""

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from searchitect.core import Architecture, Constraint, ConstraintError, Objective, Trial, TrialState, objective_values
from searchitect.metrics.pareto import best_first, non_dominated
from searchitect.search.plan import training_seconds
from searchitect.search.probe import find_feasible

if TYPE_CHECKING:
    from searchitect.search.loop import Loop

DRAWING_SHARE: Final = 1 / 3
"""Of the time that a search leaves: drawing further random architectures takes no more."""
TRIES: Final = 500
"""Draws after which no further different one is hoped for."""
RARE: Final = 24
"""Draws in a row over a limit after which one is sought that is not."""
MOST_WALKS: Final = 24


def eligible(trials: Mapping[int, Trial], constraints: Sequence[Constraint]) -> list[Trial]:
    """Complete search trials within all limits, one per architecture: the one at the highest fidelity.

    Where no trial is complete, those that the end of the budget cut short.
    """
    searched = [t for t in trials.values() if t.origin != "final" and t.twin is None]
    usable = [t for t in searched if t.state == TrialState.COMPLETE] or [
        t for t in searched if t.state == TrialState.PRUNED and t.metrics
    ]
    found: dict[str, Trial] = {}
    for trial in usable:
        if all(c.is_met(trial.metrics) for c in constraints) and (
            trial.key not in found or trial.fidelity.passes > found[trial.key].fidelity.passes
        ):
            found[trial.key] = trial
    return list(found.values())


def ranked(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """Best first: those judged at the highest fidelity before the others, since their scores are the most reliable."""
    order: list[Trial] = []
    for passes in sorted({t.fidelity.passes for t in trials}, reverse=True):
        level = [t for t in trials if t.fidelity.passes == passes]
        level.sort(key=lambda t: t.metrics.get("loss", 0.0))  # breaks ties of the objective
        order += [level[place] for place in best_first([objective_values(objectives, t.metrics) for t in level])]
    return order


def front_of(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """The trials that no other one dominates, best in the leading objective first."""
    values = [objective_values(objectives, t.metrics) for t in trials]
    members = [trials[place] for place in non_dominated(values)] if trials else []
    return sorted(members, key=lambda t: objectives[0].value(t.metrics), reverse=True)


def finalists(loop: "Loop") -> list[Trial]:
    """What may win, best first; what the strategy itself ends with, if it has an opinion, comes before all others."""
    leader = loop.strategy.leader()
    order = ranked(eligible(loop.trials, loop.constraints), loop.objectives)
    return sorted(order, key=lambda t: t.architecture != leader)


def random_draws(loop: "Loop") -> list[Trial]:
    """Different architectures within the limits that were drawn without looking at scores, in the order of drawing.

    A draw that was judged before, for whatever reason, is a draw all the same. The first finalist is left out: it is compared with them.
    """
    order = finalists(loop)
    usable = {t.key: t for t in order[1:]}
    drawn = dict.fromkeys(t.key for _, t in sorted(loop.trials.items()) if t.origin in ("baseline", "random"))
    return [usable[key] for key in drawn if key in usable]


def draw_more(loop: "Loop", count: int) -> None:
    """Judge random architectures beside the search until there are ``count`` of them, whatever the search drew and its budget was.

    Where draws hardly ever keep the limits, one is changed step by step until it does. Fewer than ``count`` are left where the space has no
    more, and where the time for it ends.
    """
    end = training_seconds(loop.budget)
    latest = None if end is None else loop.clock.now() + DRAWING_SHARE * max(0.0, end - loop.clock.now())
    drawn = {t.key for t in loop.trials.values() if t.origin in ("baseline", "random")}
    rng = random.Random(f"{loop.seed}/drawn")
    in_vain = walks = 0
    for _ in range(TRIES if count else 0):
        if (have := len(random_draws(loop))) >= count or (latest is not None and loop.clock.now() > latest):
            return
        architecture = loop.space.sample(rng) if in_vain < RARE else _walked(loop, walks)
        walks += in_vain >= RARE
        if architecture is None or walks > MOST_WALKS:
            return
        if (key := loop.space.key(architecture)) not in drawn:
            drawn.add(key)
            loop.judge_random(architecture)
            in_vain = 0 if len(random_draws(loop)) > have else in_vain + 1


def _walked(loop: "Loop", turn: int) -> Architecture | None:
    """One within the limits, found from other draws in every turn; ``None`` where there is none."""
    if loop.costs_of is None:
        return None
    try:
        return find_feasible(loop.space, loop.constraints, loop.costs_of, f"{loop.seed}/drawn/{turn}").architectures[0]
    except ConstraintError:
        return None
