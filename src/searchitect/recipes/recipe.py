"""What a recipe is: one published system as a space, a way of searching it, and the paper's numbers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

from searchitect.core import Space, SpaceError, TaskInfo, unknown_name
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

            raise SpaceError(
                f"the recipe {self.name!r} searches networks for {' and '.join(self.tasks)}, the data are for {info.kind}: name a space "
                f"that fits them, such as --space {default_space(info).name}"
            )
        return sized(self.space(info), self.paper_space, preset)

    def given_by(self, preset: str, given: Mapping[str, Any], info: TaskInfo | None = None) -> dict[str, Any]:
        """The settings that differ from the recipe's own: those that the kind of task or the preset asks for, over them the ``given`` ones."""
        usual = self.paper_settings if preset == "paper" else self.for_kind(info.kind) if info is not None else {}
        return {**usual, **given}

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


def setting_text(value: Any) -> str:
    """The value of a setting as people read it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def keywords(function: Callable[..., Any]) -> dict[str, Any]:
    """The arguments that it takes by keyword only, with their defaults."""
    return {name: p.default for name, p in signature(function).parameters.items() if p.kind == p.KEYWORD_ONLY}
