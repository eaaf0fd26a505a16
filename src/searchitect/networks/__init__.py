"""Spec -> torch.nn.Module: one file per space, of the same name, and the layers that they share."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from typing import Any

from torch import nn

from searchitect.core.errors import SpaceError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo, TaskKind
from searchitect.networks.together import share_work
from searchitect.spaces.published import find_published

__all__ = ["build", "published"]


def published(
    name: str, *, input_shape: Sequence[int] | None = None, outputs: int | None = None, auxiliary: bool = False, **settings: Any
) -> nn.Module:
    """A network of a paper, newly initialised: ``published("nasnet-a", channels=32, cells=6)``.

    Args:
        name: see `searchitect.spaces.published_names`.
        input_shape: (channels, height, width) of an image; default: as published.
        outputs: classes; default: as published.
        auxiliary: with the auxiliary classifier, see `build`.
        settings: of its space, such as channels and layers; default: as published.

    Raises:
        SettingError: for an unknown name or setting.
        SpaceError: where such a network cannot be built.
    """
    found = find_published(name)
    space, spec = found.make(**settings)
    shape = tuple(input_shape or found.input_shape)
    kind: TaskKind = "image-classification" if len(shape) == 3 else "language-modelling"
    return build(space, spec, TaskInfo(name, kind, shape, outputs or found.outputs, 0), auxiliary=auxiliary)


def build(space: Space, spec: Any, info: TaskInfo, auxiliary: bool = False) -> nn.Module:
    """The network that ``spec`` describes, newly initialised from torch's global generator.

    Args:
        space: whose spec it is. Its own ``build(spec, info)``, where it defines one, wins over ``searchitect.networks.<name>``.
        spec: of an architecture; an open spec gives the supernet, where the network has layers for open choices. Its cells share
            work while it is trained on a CPU, see `searchitect.networks.together`.
        info: tells the shape of inputs and outputs.
        auxiliary: add the auxiliary classifier of the paper, where the network has one: while training it then gives a pair,
            outputs and auxiliary outputs. Evaluated, it gives its outputs alone.

    Returns:
        A module from float32 inputs (images: [N, C, H, W]; tables: [N, columns], numbers first, then category codes) to raw
        outputs [N, info.outputs].

    Raises:
        SpaceError: where nobody says how to build it, or what was built is not a module.
    """
    make = getattr(space, "build", None) or find_build(space)
    options = {"auxiliary": True} if auxiliary and "auxiliary" in signature(make).parameters else {}
    if not hasattr(space, "build"):
        _check_sizes(space, spec)
    try:
        module = make(spec, info, **options)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        if hasattr(space, "build"):  # whoever wrote it wants to see where it fails
            raise
        reason = str(error).partition("\n")[0]
        raise SpaceError(
            f"this is no spec of the space {space.name!r} (version {space.version}), or one of another version "
            f"({type(error).__name__}: {reason}): {shortened(spec)}"
        ) from error
    if not isinstance(module, nn.Module):
        raise SpaceError(f"build of the space {space.name!r} must return a torch.nn.Module, got {type(module).__name__}")
    share_work(module)
    return module


def _check_sizes(space: Space, spec: Any) -> None:
    """Raises `SpaceError` for a count of layers or channels in a spec that is no whole number above 0."""
    for name in ("channels", "layers", "cells", "repeats", "stages", "groups", "stacks"):
        value = spec.get(name) if isinstance(spec, dict) else None
        if isinstance(value, (int, float, str)) and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise SpaceError(f"{name} in a spec of the space {space.name!r} must be a whole number above 0, got {value!r}")


def shortened(spec: Any, most: int = 200) -> str:
    """A spec as text for a message."""
    text = str(spec)
    return text if len(text) <= most else f"{text[:most]} ..."


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
