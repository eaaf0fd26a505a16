"""What can be built, as data: one file per space, no torch. The catalogue loads a space when it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from searchitect.core.errors import SpaceError, unknown_name
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.published import Published, find_published, published_names

_SPACES: Final = {
    "amoebanet": "searchitect.spaces.amoebanet:Amoebanet",
    "blockqnn": "searchitect.spaces.blockqnn:BlockQnn",
    "cgp-cnn": "searchitect.spaces.cgp_cnn:CgpCnn",
    "convnet": "searchitect.spaces.convnet:ConvNet",
    "darts": "searchitect.spaces.darts:Darts",
    "darts-rnn": "searchitect.spaces.darts_rnn:DartsRnn",
    "dpp-net": "searchitect.spaces.dpp_net:DppNet",
    "enas-macro": "searchitect.spaces.enas_macro:EnasMacro",
    "enas-micro": "searchitect.spaces.enas_micro:EnasMicro",
    "enas-rnn": "searchitect.spaces.enas_rnn:EnasRnn",
    "genetic-cnn": "searchitect.spaces.genetic_cnn:GeneticCnn",
    "hierarchical": "searchitect.spaces.hierarchical:Hierarchical",
    "large-scale-evolution": "searchitect.spaces.large_scale_evolution:LargeScaleEvolution",
    "metaqnn": "searchitect.spaces.metaqnn:MetaQnn",
    "mlp": "searchitect.spaces.mlp:Mlp",
    "mnasnet": "searchitect.spaces.mnasnet:MnasNet",
    "monas": "searchitect.spaces.monas:Monas",
    "nas-rl": "searchitect.spaces.nas_rl:NasRl",
    "nas-rl-rnn": "searchitect.spaces.nas_rl_rnn:NasRlRnn",
    "nasbench-macro": "searchitect.spaces.nasbench_macro:NasBenchMacro",
    "nasbench101": "searchitect.spaces.nasbench101:NasBench101",
    "nasbench201": "searchitect.spaces.nasbench201:NasBench201",
    "nasnet": "searchitect.spaces.nasnet:Nasnet",
    "neat": "searchitect.spaces.neat:Neat",
    "nemo": "searchitect.spaces.nemo:Nemo",
    "nsga-net": "searchitect.spaces.nsga_net:NsgaNet",
    "pnas": "searchitect.spaces.pnas:Pnas",
    "randwire": "searchitect.spaces.randwire:RandWire",
}
"""Name -> "module:class"."""

__all__ = [
    "Published",
    "default_space",
    "find_published",
    "find_space",
    "make_space",
    "published_names",
    "space_names",
]


def space_names() -> list[str]:
    """The names in the catalogue, sorted."""
    return sorted(_SPACES)


def find_space(name: str) -> type[Space]:
    """The class of a space by its name.

    Raises:
        SettingError: for an unknown name, with the nearest known one.
    """
    if name not in _SPACES:
        raise unknown_name("space", name, _SPACES)
    module, _, attribute = _SPACES[name].partition(":")
    found: type[Space] = getattr(import_module(module), attribute)
    return found


def default_space(info: TaskInfo) -> Space:
    """The everyday space, fitted to the task: ``convnet`` for images, ``mlp`` for tables, ``darts-rnn`` for texts, ``neat`` for control."""
    if info.is_control:
        return make_space("neat", info)
    return make_space("convnet" if info.is_image else "darts-rnn" if info.is_text else "mlp", info)


def make_space(name: str, info: TaskInfo | None = None, config: Mapping[str, Any] | None = None) -> Space:
    """A space of the catalogue.

    Args:
        name: see `space_names`.
        info: the task to fit the space to; ``None``: not fitted to any.
        config: arguments of the constructor (see `Space.config`). They win over what the task suggests.

    Raises:
        SettingError: for an unknown name or argument.
        SpaceError: where the space does not build networks for this kind of task.
    """
    found = find_space(name)
    if info is not None and found.tasks and info.kind not in found.tasks:
        fitting = [other for other in space_names() if not (kinds := find_space(other).tasks) or info.kind in kinds]
        raise SpaceError(f"the space {name!r} builds no networks for {info.kind}; spaces that fit are {', '.join(fitting)}")
    fitted = {} if info is None else found.for_task(info).config()
    return found.with_settings({**fitted, **(config or {})})
