"""Published architectures, as data: what the papers found, at the size they give it, ready to be built, shown and trained.

Each lies beside its space, in a constant ``PUBLISHED`` of ``searchitect.spaces.<module>``; the catalogue loads it when asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError, SpaceError, unknown_name
from searchitect.core.space import Space


@dataclass(frozen=True)
class Published:
    """An architecture of a paper.

    Attributes:
        summary: one line.
        source: paper, repository or table that it is taken from.
        space: the class of the space.
        describe: the architecture in such a space, at the space's size; a spec where it was not decided in the space's own way.
        settings: those of the space that give the published network.
        input_shape: (channels, height, width) of the published network.
        outputs: its classes.
    """

    summary: str
    source: str
    space: type[Space]
    describe: Callable[[Any], Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    input_shape: tuple[int, ...] = (3, 32, 32)
    outputs: int = 10

    def make(self, **settings: Any) -> tuple[Space, Any]:
        """The space and the spec in it. ``settings`` win over the published ones.

        Raises:
            SettingError: for a setting that the space does not have, or that is more than a size.
        """
        space, architecture = self.architecture(**settings)
        return space, architecture.spec

    def architecture(self, **settings: Any) -> tuple[Space, Architecture]:
        """As `make`, with the decisions that led to the spec, where there are any."""
        space = self.space.with_settings({**self.settings, **settings})
        refusal = SettingError(
            f"{', '.join(settings)}: more than a size in the space {space.name!r}, since it changes what there is to decide, "
            "which this architecture has decided"
        )
        try:
            found = self.describe(space)
        except SpaceError:
            raise refusal from None
        if not isinstance(found, Architecture):  # written by hand: nobody has checked that it is of such a space
            found = Architecture(found)
        if settings and not found.decisions and not self.space.with_settings(self.settings).asks_the_same(space):
            raise refusal
        return space, found


_MODULES: Final[dict[str, tuple[str, ...]]] = {
    "amoebanet": ("amoebanet-a", "amoebanet-b", "amoebanet-c"),
    "darts": ("amoebanet-darts", "darts-v1", "darts-v2", "nasnet-darts", "pc-darts-cifar"),
    "darts_rnn": ("darts-rnn-v1", "darts-rnn-v2"),
    "enas_macro": ("enas-macro",),
    "enas_micro": ("enas-micro",),
    "enas_rnn": ("enas-rnn",),
    "hierarchical": ("hierarchical-evolved",),
    "metaqnn": ("metaqnn-1", "metaqnn-2", "metaqnn-3", "metaqnn-4"),
    "mnasnet": ("mnasnet-a1", "mnasnet-b1", *(f"efficientnet-b{number}" for number in range(8))),
    "nas_rl": ("nas-rl-v1",),
    "nas_rl_rnn": ("nas-rl-rnn",),
    "nasbench101": ("nasbench101-inception",),
    "nasbench201": (
        "nasbench201-best-cifar10",
        "nasbench201-best-cifar100",
        "nasbench201-best-imagenet16",
        "nasbench201-resnet",
    ),
    "nasbench_macro": ("nasbench-macro-best",),
    "nasnet": ("nasnet-a",),
    "nsga_net": ("nsga-net-macro",),
    "pnas": ("pnasnet-5",),
    "randwire": ("randwire-ws",),
}
"""Module of `searchitect.spaces` -> the names in its ``PUBLISHED``."""


def published_names() -> list[str]:
    """The names in the catalogue, sorted."""
    return sorted(name for names in _MODULES.values() for name in names)


def find_published(name: str) -> Published:
    """A published architecture by its name.

    Raises:
        SettingError: for an unknown name, with the nearest known one.
    """
    for module, names in _MODULES.items():
        if name in names:
            found: Published = import_module(f"searchitect.spaces.{module}").PUBLISHED[name]
            return found
    raise unknown_name("published architecture", name, published_names())
