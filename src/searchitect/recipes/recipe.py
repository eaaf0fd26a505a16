"""What a recipe is: one published system as a space, a method or strategy, and the paper's numbers."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from searchitect.core import Estimator, Space, SpaceError, TaskInfo, unknown_name
from searchitect.core.space import check_kind
from searchitect.search.supernet import FILE, SupernetRun

if TYPE_CHECKING:
    from searchitect.oneshot.method import Method, Schedule

DRAWN: Final = 5
"""Random architectures that are trained alone beside the derived ones, to compare with."""


@dataclass(frozen=True)
class Recipe:
    """One published system that shares weights.

    Attributes:
        name: as on the command line.
        title: the system's name in the paper.
        paper: authors, year, and where.
        summary: one line.
        space: what is searched on a task, unless the user names another space.
        method: makes the method from the schedule of the weights and, by keyword, its own settings, whose defaults are for small data.
        schedule: of the weights, for small data.
        paper_settings: setting -> the paper's value, where it is another one than here.
        paper_space: settings of the space in the paper's final network.
        paper_supernet: settings of the space in the paper's supernet.
        supernet: the space whose open spec the supernet is built from, given the one that is searched and, by keyword, settings.
        normalisation: of networks judged with shared weights, see `searchitect.estimators.shared_weights`.
        rows: of the validation part that they are judged on, at most.
        tasks: the kinds of task that its own space is for.
    """

    name: str
    title: str
    paper: str
    summary: str
    space: Callable[[TaskInfo], Space]
    method: "Callable[..., Method]"
    schedule: "Schedule"
    paper_settings: Mapping[str, Any] = field(default_factory=dict)
    paper_space: Mapping[str, Any] = field(default_factory=dict)
    paper_supernet: Mapping[str, Any] = field(default_factory=dict)
    supernet: Callable[..., Space] = lambda space: space
    normalisation: str = "recalibrated"
    rows: int = 2000
    tasks: tuple[str, ...] = ("image-classification",)

    def space_for(self, info: TaskInfo) -> Space:
        """What is searched on a task. Raises `SpaceError` for a kind of task that the recipe's own space is not for."""
        if info.kind in self.tasks:
            return self.space(info)
        from searchitect.spaces import default_space

        raise SpaceError(
            f"the recipe {self.name!r} searches networks for {' and '.join(self.tasks)}, the data are for {info.kind}: name a space that "
            f"fits them, such as --space {default_space(info).name}"
        )

    def given_by(self, preset: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that differ from the recipe's own: those of the preset, and over them the ``given`` ones."""
        return {**(self.paper_settings if preset == "paper" else {}), **given}

    def sizes(self, space: Space, preset: str) -> tuple[Space, Space]:
        """The recipe's own space at the size of the final networks, and at that of the supernet."""
        if preset != "paper":
            return space, space
        final, open_ = (space.with_settings({**space.config(), **sizes}) for sizes in (self.paper_space, self.paper_supernet))
        return final, open_

    def settings(self) -> dict[str, Any]:
        """Every setting with its value for small data."""
        return {**asdict(self.schedule), **_keywords(self.method), **_keywords(self.supernet)}

    def make(self, given: Mapping[str, Any]) -> "Method":
        """The method, with some settings changed.

        Raises:
            SettingError: for one that it does not have, and one of another kind or out of its range.
        """
        known = self.settings()
        for name, value in given.items():
            if name not in known:
                raise unknown_name(f"setting of the recipe {self.name!r}:", name, known)
            check_kind(f"the recipe {self.name!r}", name, value, known[name])
        of_schedule = {f.name for f in fields(self.schedule)}
        schedule = replace(self.schedule, **{k: v for k, v in given.items() if k in of_schedule})
        return self.method(schedule, **{k: v for k, v in given.items() if k in _keywords(self.method)})

    def open_space(self, space: Space, given: Mapping[str, Any]) -> Space:
        """The space whose open spec the supernet is built from, with some settings changed."""
        return self.supernet(space, **{k: v for k, v in given.items() if k in _keywords(self.supernet)})

    def estimator(self, run: SupernetRun) -> Estimator:
        """What judges with the weights of the run's supernet."""
        from searchitect.estimators.shared_weights import SharedWeights

        return SharedWeights(run.folder / FILE, run.space, self.normalisation, self.rows)


def _keywords(function: Callable[..., Any]) -> dict[str, Any]:
    """The arguments that it takes by keyword only, with their defaults."""
    return {name: p.default for name, p in signature(function).parameters.items() if p.kind == p.KEYWORD_ONLY}
