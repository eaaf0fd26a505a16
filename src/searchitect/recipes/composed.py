"""A recipe whose candidates are judged one by one: a space, a strategy, a training, and the paper's numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

from searchitect.core import Objective, SearchitectError, SettingError, Space, Strategy
from searchitect.recipes.recipe import Recipe, keywords
from searchitect.search.plan import WISHED_TRIALS
from searchitect.strategies import find_strategy, make_strategy
from searchitect.strategies.shaped import Reward

_CYCLES: Final = 2
FROM_SCRATCH: Final = "from-scratch"
EPOCHS = "epochs"
"""The setting that all of these recipes have: of a candidate's training; 0: as many as the budget suggests."""
PLAIN: Final = {"warmup": 0.0, "label_smoothing": 0.0, "ema": 0.0, "gradient_clip": 0.0}
"""Changes to the usual training that leave out what these papers do not have."""
SHARES: Final = ("accuracy", "balanced_accuracy", "f1", "auc")
"""Metrics that lie in [0, 1], larger is better."""


@dataclass(frozen=True)
class Candidates:
    """How candidates are proposed and trained.

    Attributes:
        strategy: by name, or what makes one from (space, objectives, seed=...) and ``options``.
        options: of the strategy. What the budget says something about, and is not among them, is suggested by it.
        reward: what the strategy is told in the place of the objectives; ``None``: the objectives.
        training: changes to the usual training of candidates and finalists.
        cycle: trials of one full cycle of the system, such as a population and as many children: fewer show nothing of it.
        max_epochs: of the longest training, where the recipe's ``epochs`` are those of the first of several; 0: nine times these.
        minimize: costs that are objectives besides the quality, where the settings choose them; empty: those of the recipe.
        costs: what the reward is made of besides the leading objective: measured of every network, be they objectives or not.
        needs_share: whether the reward holds only for a leading objective that is never below 0 and better when larger, one of `SHARES`.
    """

    strategy: str | Callable[..., Strategy]
    options: Mapping[str, Any] = field(default_factory=dict)
    reward: Reward | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    cycle: int = 1
    max_epochs: float = 0.0
    minimize: tuple[str, ...] = ()
    costs: tuple[str, ...] = ()
    needs_share: bool = False

    @property
    def wished_trials(self) -> int:
        """Among which a budget is divided: two cycles, trained as long as that allows; short trainings of many, where the strategy trains the best on."""
        is_plain = not isinstance(self.strategy, str) or not find_strategy(self.strategy).chooses_fidelity
        return _CYCLES * self.cycle if is_plain else WISHED_TRIALS

    def check(self, recipe: str, objectives: Sequence[Objective]) -> None:
        """Raise `SettingError` where the reward would turn round what the leading objective says."""
        if self.needs_share and (leading := objectives[0]) not in [Objective(metric, "max") for metric in SHARES]:
            raise SettingError(
                f"the reward of the recipe {recipe!r} is 0 where a network is not wanted, and '{leading}' can be below that: maximize "
                f"{', '.join(SHARES[:-1])} or {SHARES[-1]}, or choose another reward"
            )

    def unused(self, objectives: Sequence[Objective]) -> list[str]:
        """The objectives that the strategy is not told of, since a reward without them takes their place."""
        return [] if self.reward is None else [o.metric for o in objectives[1:] if o.metric not in self.costs]


@final
@dataclass(frozen=True, kw_only=True)
class ComposedRecipe(Recipe):
    """One published system that trains each candidate by itself.

    Attributes:
        candidates: makes `Candidates` from the recipe's settings, by keyword, whose defaults are for small data.
        paper_training: the paper's training of a candidate, as changes to the usual one.
        paper_trials: trainings of the paper's search; 0: it gives no number.
        minimize: costs that are objectives besides the quality, unless the user names objectives.
        estimator: what judges a candidate, by name. One that trains nothing has no epochs to set.
    """

    candidates: Callable[..., Candidates]
    paper_training: Mapping[str, Any] = field(default_factory=dict)
    paper_trials: int = 0
    minimize: tuple[str, ...] = ()
    estimator: str = FROM_SCRATCH

    def settings(self) -> dict[str, Any]:
        """Every setting with its value for small data."""
        epochs = {EPOCHS: 0.0} if self.estimator == FROM_SCRATCH else {}
        return {**epochs, **keywords(self.candidates)}

    def can_search(self, space: Space) -> bool:
        """Whether its strategy finds in the space what it needs, such as cells that grow."""
        made = self.make({})
        try:
            if isinstance(made.strategy, str):
                make_strategy(made.strategy, space, [Objective("score", "max")], 0, **made.options)
            else:
                made.strategy(space, [Objective("score", "max")], seed=0, **made.options)
        except SearchitectError:
            return False
        return True

    @property
    def cost(self) -> str:
        """Candidates of one cycle, and of the paper's search."""
        what = "trainings" if self.estimator == FROM_SCRATCH else "networks"
        paper = f", {self.paper_trials:,} in the paper" if self.paper_trials else ""
        return f"{self.make({}).cycle} {what} a cycle{paper}"

    @property
    def about(self) -> Callable[..., Candidates]:
        return self.candidates

    def make(self, given: Mapping[str, Any]) -> Candidates:
        """How candidates are made, with some settings changed.

        Raises:
            SettingError: for one that it does not have, and one of another kind or out of its range.
        """
        self.check(given)
        if not given.get(EPOCHS, 0.0) >= 0:
            raise SettingError(
                f"{EPOCHS} of the recipe {self.name!r} must be at least 0 (as many as the budget suggests), got {given[EPOCHS]}"
            )
        made = self.candidates(**{name: value for name, value in given.items() if name != EPOCHS})
        if made.max_epochs and not 0 < given.get(EPOCHS, 0.0) <= made.max_epochs:
            raise SettingError(
                f"max_epochs={made.max_epochs:g} of the recipe {self.name!r} is of the longest training and needs {EPOCHS}, those of the "
                f"first one, above 0 and not above it; got {EPOCHS}={given.get(EPOCHS, 0.0):g}"
            )
        return made

    def training(self, made: Candidates, preset: str) -> dict[str, Any]:
        """Changes to the usual training."""
        return {**(self.paper_training if preset == "paper" else {}), **made.training}
