"""A recipe that shares weights: a space, a method that trains a supernet, and the paper's numbers."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, final

from searchitect.core import Estimator, Space
from searchitect.recipes.recipe import Recipe, keywords, sized
from searchitect.search.supernet import FILE, SupernetRun

if TYPE_CHECKING:
    from searchitect.oneshot.enas import Policy
    from searchitect.oneshot.method import Method, Schedule

DRAWN: Final = 5
"""Random architectures that are trained alone beside the derived ones, to compare with."""


POLICY: Final = "controller_"
"""What the settings of a controller begin with."""

TEXTS: Final[Mapping[str, Any]] = {
    "batch_size": 32,
    "optimizer": "adam",
    "learning_rate": 0.01,
    "learning_rate_min": 0.001,
    "momentum": 0.0,
    "weight_decay": 1e-7,
    "gradient_clip": 0.25,
    "augmented": False,
}
"""Of the schedule, on texts: recurrent cells hardly learn at the rates of images, and their gradients have to be clipped."""


@final
@dataclass(frozen=True, kw_only=True)
class SharedWeightsRecipe(Recipe):
    """One published system that shares weights.

    Attributes:
        method: makes the method from the schedule of the weights, the policy of a controller where there is one and, by keyword, its own
            settings, whose defaults are for small data.
        schedule: of the weights, for small data.
        policy: of the controller that draws networks, for small data; ``None``: there is none.
        paper_supernet: settings of the space in the paper's supernet; ``paper_space`` is of its final networks.
        supernet: the space whose open spec the supernet is built from, given the one that is searched and, by keyword, settings.
        normalisation: of networks judged with shared weights, see `searchitect.estimators.shared_weights`.
        rows: of the validation part that they are judged on, at most.
    """

    method: "Callable[..., Method]"
    schedule: "Schedule"
    policy: "Policy | None" = None
    paper_supernet: Mapping[str, Any] = field(default_factory=dict)
    supernet: Callable[..., Space] = lambda space: space
    normalisation: str = "recalibrated"
    rows: int = 2000

    def settings(self) -> dict[str, Any]:
        """Every setting with its value for small data."""
        policy = asdict(self.policy) if self.policy is not None else {}
        controller = {POLICY + name: value for name, value in policy.items()}
        return {**asdict(self.schedule), **controller, **keywords(self.method), **keywords(self.supernet)}

    def for_kind(self, kind: str) -> Mapping[str, Any]:
        """On texts, the recipes for images train the shared weights as those for texts do."""
        return TEXTS if kind == "language-modelling" and kind not in self.tasks else {}

    @property
    def cost(self) -> str:
        """Epochs of the supernet, and those of the paper."""
        paper = self.papers_value("epochs")
        more = "" if paper in (None, self.schedule.epochs) else f", {paper:g} in the paper"
        return f"a supernet of {self.schedule.epochs:g} epochs{more}"

    @property
    def about(self) -> "Callable[..., Method]":
        return self.method

    def make(self, given: Mapping[str, Any]) -> "Method":
        """The method, with some settings changed.

        Raises:
            SettingError: for one that it does not have, and one of another kind or out of its range.
        """
        self.check(given)
        of_schedule = {f.name for f in fields(self.schedule)}
        schedule = replace(self.schedule, **{k: v for k, v in given.items() if k in of_schedule})
        own = {k: v for k, v in given.items() if k in keywords(self.method)}
        if self.policy is None:
            return self.method(schedule, **own)
        changes = {k.removeprefix(POLICY): v for k, v in given.items() if k.startswith(POLICY)}
        return self.method(schedule, replace(self.policy, **changes), **own)

    def open_space(self, space: Space, given: Mapping[str, Any], preset: str = "small") -> Space:
        """The space whose open spec the supernet is built from.

        Args:
            space: that is searched.
            given: settings that differ from the recipe's own.
            preset: "paper" where it is the recipe's own at the paper's size: then the supernet has the paper's size too.
        """
        sized_space = sized(space, self.paper_supernet, preset)
        return self.supernet(sized_space, **{k: v for k, v in given.items() if k in keywords(self.supernet)})

    def estimator(self, run: SupernetRun) -> Estimator:
        """What judges with the weights of the run's supernet."""
        from searchitect.estimators.shared_weights import SharedWeights

        return SharedWeights(run.folder / FILE, run.space, self.normalisation, self.rows)
