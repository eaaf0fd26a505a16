"""What to try next: ask/tell, one paper one file. This is the catalogue; nothing is imported before it is asked for.

What several methods share lies beside them: `seen` (draws without repetition), `observed` (scores of what is known), `pool`
(what is chosen from), `rungs` and `brackets` (successive halving's bookkeeping), `moves` (steps to neighbours), `crossings`
(children of others), `picks` and `rewards` (decisions and scores as agents see them), `species` (who shares fitness with whom),
`controller` (their LSTM), `inner` (a strategy inside another) and `trusted` (a proxy that must earn its trust).
"""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin

from searchitect.core.errors import SettingError, unknown_name
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy

_CATALOGUE: Final = {
    "auto": (
        "searchitect.strategies.auto:Auto",
        "the default: successive halving over a Gaussian process, or over evolution in long searches",
    ),
    "random": ("searchitect.strategies.random_search:RandomSearch", "uniform draws without repetition: the baseline"),
    "grid": ("searchitect.strategies.grid:Grid", "the enumeration in order, on an even grid where there are many numbers"),
    "local-search": (
        "searchitect.strategies.local_search:LocalSearch",
        "step to a better neighbour until there is none, then restart (White et al. 2021)",
    ),
    "hill-climbing": (
        "searchitect.strategies.hill_climbing:HillClimbing",
        "some mutations of the best per step, the best of them goes on (Elsken et al. 2017)",
    ),
    "simulated-annealing": (
        "searchitect.strategies.simulated_annealing:SimulatedAnnealing",
        "a walk by mutations that accepts losses, ever more seldom (Kirkpatrick et al. 1983)",
    ),
    "regularized-evolution": (
        "searchitect.strategies.regularized_evolution:RegularizedEvolution",
        "aging evolution: tournament, one mutation, the oldest dies (Real et al. 2019)",
    ),
    "genetic-algorithm": (
        "searchitect.strategies.genetic_algorithm:GeneticAlgorithm",
        "tournaments, uniform crossover and mutation, the best survive (Syswerda 1989)",
    ),
    "generational-genetic-algorithm": (
        "searchitect.strategies.generational_genetic_algorithm:GenerationalGeneticAlgorithm",
        "generations by a roulette wheel, then crossover or mutation (Xie, Yuille 2017, Genetic CNN)",
    ),
    "one-plus-lambda": (
        "searchitect.strategies.one_plus_lambda:OnePlusLambda",
        "(1 + lambda) evolution with neutral drift of what has no effect (Suganuma et al. 2017, CGP-CNN)",
    ),
    "neat": (
        "searchitect.strategies.neat:Neat",
        "species of growing networks, aligned by historical markings (Stanley, Miikkulainen 2002)",
    ),
    "nsga2": (
        "searchitect.strategies.nsga2:Nsga2",
        "non-dominated sorting and crowding, for several objectives (Deb et al. 2002)",
    ),
    "reinforce": (
        "searchitect.strategies.reinforce:Reinforce",
        "policy gradient: an LSTM draws architectures, a baseline judges them (Zoph, Le 2017)",
    ),
    "ppo": (
        "searchitect.strategies.ppo:Ppo",
        "proximal policy optimisation: clipped policy gradient with an LSTM (Zoph et al. 2018)",
    ),
    "q-learning": (
        "searchitect.strategies.q_learning:QLearning",
        "tabular Q-learning with experience replay and an epsilon schedule (Baker et al. 2017)",
    ),
    "mcts": ("searchitect.strategies.mcts:Mcts", "Monte Carlo tree search over the decisions (UCT, Kocsis, Szepesvari 2006)"),
    "tpe": (
        "searchitect.strategies.tpe:Tpe",
        "tree-structured Parzen estimator: what good architectures choose more often (Bergstra et al. 2011)",
    ),
    "gp": (
        "searchitect.strategies.gaussian_process:GaussianProcessSearch",
        "Gaussian process on architectures, expected improvement (Snoek et al. 2012)",
    ),
    "bananas": (
        "searchitect.strategies.bananas:Bananas",
        "neural ensemble on a path encoding, independent Thompson sampling (White et al. 2021)",
    ),
    "progressive": (
        "searchitect.strategies.progressive:Progressive",
        "from small architectures to large ones, a beam chosen by a surrogate (Liu et al. 2018, PNAS)",
    ),
    "compound-scaling": (
        "searchitect.strategies.compound_scaling:CompoundScaling",
        "a base network, then how it grows in depth, width and resolution (Tan, Le 2019)",
    ),
    "asha": (
        "searchitect.strategies.asha:Asha",
        "asynchronous successive halving: short trainings, the best 1/eta go on (Li et al. 2020)",
    ),
    "successive-halving": (
        "searchitect.strategies.successive_halving:SuccessiveHalving",
        "short trainings, the best 1/eta go on when all are done (Jamieson, Talwalkar 2016)",
    ),
    "hyperband": (
        "searchitect.strategies.hyperband:Hyperband",
        "successive halving in brackets, from many short trainings to a few full ones (Li et al. 2018)",
    ),
    "bohb": (
        "searchitect.strategies.bohb:Bohb",
        "Hyperband with kernel densities of good and bad architectures (Falkner et al. 2018)",
    ),
    "learning-curve": (
        "searchitect.strategies.learning_curve:LearningCurve",
        "stops trainings whose curve will hardly reach the best, around any strategy (Domhan et al. 2015)",
    ),
    "zero-cost-warm-start": (
        "searchitect.strategies.zero_cost_warm_start:ZeroCostWarmStart",
        "layer: begins with the best of many by a zero-cost proxy (Abdelfattah et al. 2021)",
    ),
    "zero-cost-proposal": (
        "searchitect.strategies.zero_cost_proposal:ZeroCostProposal",
        "layer: tries the best mutation, by a zero-cost proxy, of each proposal (Abdelfattah et al. 2021)",
    ),
}
"""Name -> "module:class" and the summary of the class, which can be listed without loading it."""
_GIVEN: Final = ("self", "space", "objectives", "seed")
_KINDS: Final[Mapping[Any, tuple[type, str]]] = {  # of options: what is taken, and what it is called
    bool: (bool, "true or false"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "a text"),
    NoneType: (NoneType, "none"),
}

__all__ = ["find_strategy", "make_strategy", "strategy_names", "strategy_options", "strategy_summaries"]


def strategy_names() -> list[str]:
    """The names of all strategies, the default first."""
    return list(_CATALOGUE)


def strategy_summaries() -> dict[str, str]:
    """Name -> one line, of all strategies. Loads none of them."""
    return {name: summary for name, (_, summary) in _CATALOGUE.items()}


def find_strategy(name: str) -> type[Strategy]:
    """The class behind a name. Raises `SettingError` with the nearest match for an unknown one."""
    if name not in _CATALOGUE:
        raise unknown_name("strategy", name, _CATALOGUE)
    module, _, member = _CATALOGUE[name][0].partition(":")
    found: type[Strategy] = getattr(importlib.import_module(module), member)
    return found


def strategy_options(name: str) -> dict[str, Any]:
    """The options of a strategy and their defaults."""
    return {option: parameter.default for option, parameter in _parameters(name).items()}


def make_strategy(name: str, space: Space, objectives: Sequence[Objective], seed: int = 0, **options: Any) -> Strategy:
    """The strategy of that name.

    Args:
        name: one of `strategy_names`.
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of the strategy's own generator.
        options: those of `strategy_options`.

    Raises:
        SettingError: for an unknown name or option, or an option of another kind or outside its range.
        SpaceError: where the space lacks what the strategy needs.
    """
    known = _parameters(name)
    for option, value in options.items():
        if option not in known and not known:
            raise SettingError(f"the strategy {name!r} has no options, got {option}={value!r}")
        if option not in known:
            raise unknown_name(f"option of the strategy {name!r}", option, known)
        _check_kind(name, option, value, known[option].annotation)
    return find_strategy(name)(space, objectives, seed=seed, **options)


def _parameters(name: str) -> dict[str, inspect.Parameter]:
    """The options of a strategy; those of successive halving in place of the ``**halving`` that stands for them."""
    found = dict(inspect.signature(find_strategy(name)).parameters)
    if found.pop("halving", None) is not None:
        found |= inspect.signature(importlib.import_module("searchitect.strategies.rungs").Halving).parameters
    return {option: parameter for option, parameter in found.items() if option not in _GIVEN}


def _check_kind(name: str, option: str, value: Any, annotation: Any) -> None:
    """Raises `SettingError` where the option of a strategy is written as another kind of thing than ``value`` is."""
    written = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    kinds = [get_origin(kind) or kind for kind in written]
    if not all(isinstance(kind, type) for kind in kinds):
        return  # such as one of several texts: the strategy itself checks it
    if isinstance(value, bool):  # which Python takes as a whole number
        fits = bool in kinds or object in kinds
    else:
        fits = isinstance(value, tuple(_KINDS.get(kind, (kind, ""))[0] for kind in kinds))
    if not fits:
        allowed = " or ".join(_KINDS.get(kind, (kind, f"a {kind.__name__.lower()}"))[1] for kind in kinds)
        raise SettingError(f"{option} of the strategy {name!r} must be {allowed}, got {value!r}")
