"""Spec -> torch.nn.Module: one file per space, of the same name, and the layers that they share."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from torch import nn

from searchitect.core.errors import SpaceError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo

__all__ = ["build"]


def build(space: Space, spec: Any, info: TaskInfo) -> nn.Module:
    """The network that ``spec`` describes, newly initialised from torch's global generator.

    Args:
        space: whose spec it is. Its own ``build(spec, info)``, where it defines one, wins over ``searchitect.networks.<name>``.
        spec: of an architecture; an open spec gives the supernet, where the network has layers for open choices.
        info: tells the shape of inputs and outputs.

    Returns:
        A module from float32 inputs (images: [N, C, H, W]; tables: [N, columns], numbers first, then category codes) to raw
        outputs [N, info.outputs].

    Raises:
        SpaceError: where nobody says how to build it, or what was built is not a module.
    """
    own = getattr(space, "build", None)
    module = (own or find_build(space))(spec, info)
    if not isinstance(module, nn.Module):
        raise SpaceError(f"build of the space {space.name!r} must return a torch.nn.Module, got {type(module).__name__}")
    return module


def find_build(space: Space) -> Any:
    """``build`` of the networks file named as the space, or as the nearest of its parent classes."""
    for parent in type(space).__mro__:
        name = parent.__dict__.get("name")
        if not isinstance(name, str) or not (file := name.replace("-", "_")).isidentifier():
            continue
        if find_spec(f"{__name__}.{file}") is not None:
            found = getattr(import_module(f"{__name__}.{file}"), "build", None)
            if found is not None:
                return found
    raise SpaceError(
        f"nothing builds networks of the space {space.name!r}: "
        f"define build(self, spec, info) -> torch.nn.Module in {type(space).__name__}, beside describe"
    )
