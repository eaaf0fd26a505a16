"""Which spaces have a supernet."""

from searchitect.core import SearchitectError, Space, SpaceError, TaskInfo
from searchitect.costs.counting import build_on_meta
from searchitect.networks import build
from searchitect.oneshot.choices import open_choices
from searchitect.spaces import find_space, make_space, space_names


def check_supernet(space: Space, info: TaskInfo) -> None:
    """Raise `SpaceError` unless ``space`` has a supernet for a task, naming the spaces that have one. Nothing is allocated."""
    why = _why_not(space, info)
    if why:
        fitting = [
            name
            for name in space_names()
            if name != space.name and _is_for(name, info) and not _why_not(make_space(name, info), info)
        ]
        others = (
            f"spaces with a supernet for {info.kind} are {', '.join(fitting)}" if fitting else f"none is there for {info.kind}"
        )
        raise SpaceError(f"the space {space.name!r} has no supernet, in which weights could be shared: {why}; {others}")


def _why_not(space: Space, info: TaskInfo) -> str:
    """A reason; empty where there is a supernet."""
    try:
        open_choices(space)
        spec = space.open_spec()
    except SpaceError as error:
        return str(error)
    try:
        build_on_meta(lambda: build(space, spec, info))
    except SearchitectError as error:
        return str(error)
    except Exception as error:  # its networks were not made for a choice that is left open
        return f"its networks are built from decided choices only ({type(error).__name__})"
    return ""


def _is_for(name: str, info: TaskInfo) -> bool:
    kinds = find_space(name).tasks
    return not kinds or info.kind in kinds
