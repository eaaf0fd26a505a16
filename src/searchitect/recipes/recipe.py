"""What a recipe is: one published system as a space, a way of searching it, and the paper's numbers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

from searchitect.core import SettingError, Space, SpaceError, TaskInfo, unknown_name
from searchitect.core.space import check_kind


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """One published system.

    Attributes:
        name: as on the command line.
        title: the system's name in the paper.
        paper: authors, year, and where.
        summary: one line.
        space: what is searched on a task, unless the user names another space.
        paper_settings: setting -> the paper's value, where it is another one than here.
        paper_silent: settings of which the paper gives no value that holds here.
        paper_space: settings of the space in the paper's networks.
        tasks: the kinds of task that its own space is for.
    """

    name: str
    title: str
    paper: str
    summary: str
    space: Callable[[TaskInfo], Space]
    paper_settings: Mapping[str, Any] = field(default_factory=dict)
    paper_silent: tuple[str, ...] = ()
    paper_space: Mapping[str, Any] = field(default_factory=dict)
    tasks: tuple[str, ...] = ("image-classification",)

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Every setting with its value for small data."""

    @abstractmethod
    def make(self, given: Mapping[str, Any]) -> Any:
        """What searches, with some settings changed.

        Raises:
            SettingError: for one that it does not have, and one of another kind or out of its range.
        """

    @property
    @abstractmethod
    def cost(self) -> str:
        """What a search takes, in words that hold on every machine."""

    @property
    @abstractmethod
    def about(self) -> Callable[..., Any]:
        """The function whose documentation tells of the settings."""

    def own_space(self, info: TaskInfo, preset: str = "small") -> Space:
        """What is searched on a task, at the paper's size with the preset "paper".

        Raises:
            SpaceError: for a kind of task that the recipe's own space is not for.
        """
        if info.kind not in self.tasks:
            from searchitect.spaces import default_space

            other = default_space(info)
            way_out = (
                f"name a space that fits them, such as --space {other.name}"
                if self.can_search(other)
                else "choose another recipe"
            )
            raise SpaceError(
                f"the recipe {self.name!r} searches networks for {' and '.join(self.tasks)}, the data are for {info.kind}: {way_out}"
            )
        return sized(self.space(info), self.paper_space, preset)

    def can_search(self, space: Space) -> bool:
        """Whether another space than its own offers what it needs."""
        return True

    def given_by(self, preset: str, given: Mapping[str, Any], info: TaskInfo | None = None) -> dict[str, Any]:
        """The settings that differ from the recipe's own: those that the kind of task or the preset asks for, over them the ``given`` ones."""
        usual = self.for_kind(info.kind) if info is not None else {}
        return {**usual, **(self.paper_settings if preset == "paper" else {}), **given}

    def for_kind(self, kind: str) -> Mapping[str, Any]:
        """Settings for a kind of task that the recipe's own space is not for, where the usual ones do not fit it."""
        return {}

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise `SettingError` for a setting that the recipe does not have, and for one of another kind."""
        known = self.settings()
        for name, value in given.items():
            if name not in known:
                raise unknown_name(f"setting of the recipe {self.name!r}:", name, known)
            check_kind(f"the recipe {self.name!r}", name, value, known[name])

    def papers_value(self, setting: str) -> Any:
        """The paper's value of a setting; ``None`` where it gives none."""
        return None if setting in self.paper_silent else self.paper_settings.get(setting, self.settings()[setting])

    def deviation(self, given: Mapping[str, Any], space: Space, info: TaskInfo) -> str:
        """How a run differs from the paper, for its record.

        Args:
            given: settings that differ from the recipe's own, those of a preset included.
            space: of the networks that are searched.
            info: of the task.
        """
        now = {**self.settings(), **given}
        settings = [
            f"{name} {setting_text(value)} ({'no value given' if paper is None else setting_text(paper)})"
            for name, value in now.items()
            if value != (paper := self.papers_value(name)) and (paper is not None or name in given)
        ]
        parts = [f"settings, the paper's in brackets: {', '.join(settings)}" if settings else "settings as in the paper"]
        own = self.space(info) if info.kind in self.tasks else None
        if own is None or own.name != space.name:
            parts.append(f"the space {space.name!r}, which is not the recipe's own")
        else:
            sizes = [f"{k} {space.config()[k]} ({v})" for k, v in self.paper_space.items() if space.config()[k] != v]
            parts += [f"sizes of the networks: {', '.join(sizes)}"] if sizes else []
        parts.append(f"data {info.name!r}; epochs end earlier where the budget does")
        return f"recipe {self.name!r} of {self.title} ({self.paper}); {'; '.join(parts)}; what else differs: docs/methods/{self.name}.md"


def sized(space: Space, sizes: Mapping[str, Any], preset: str) -> Space:
    """The space with the paper's sizes, where the preset asks for them."""
    return space.with_settings({**space.config(), **sizes}) if preset == "paper" else space


def check_counts(recipe: str, **counts: int) -> None:
    """Raise `SettingError` for a number below 1, by the recipe's own name for it, which what searches may call by another."""
    for name, value in counts.items():
        if value < 1:
            raise SettingError(f"{name} of the recipe {recipe!r} must be at least 1, got {value}")


def check_population(recipe: str, population: int, **rates: float) -> None:
    """Raise `SettingError` for less than a pair of parents, and for probabilities outside [0, 1], by the recipe's own names."""
    if population < 2:
        raise SettingError(f"population of the recipe {recipe!r} must be at least 2, a pair of parents, got {population}")
    for name, value in rates.items():
        if not 0 <= value <= 1:
            raise SettingError(f"{name} of the recipe {recipe!r} must lie in [0, 1], got {value:g}: it is a probability")


def setting_text(value: Any) -> str:
    """The value of a setting as people read it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def keywords(function: Callable[..., Any]) -> dict[str, Any]:
    """The arguments that it takes by keyword only, with their defaults."""
    return {name: p.default for name, p in signature(function).parameters.items() if p.kind == p.KEYWORD_ONLY}
