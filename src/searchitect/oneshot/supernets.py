"""Which spaces have a supernet, and which a supernet can judge."""

from searchitect.core import SearchitectError, Space, SpaceError, TaskInfo
from searchitect.core.choosing import same_value
from searchitect.costs.counting import build_on_meta
from searchitect.networks import build
from searchitect.oneshot.choices import Choice, open_choices
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


def check_covers(supernet: Space, space: Space) -> None:
    """Raise `SpaceError` unless the ``supernet`` leaves open every choice of ``space``, with all of its options.

    What it does not hold is of no account when architectures are judged with its weights.
    """
    held = {choice.path: choice for choice in open_choices(supernet)}
    choices = open_choices(space)
    missing = [choice.path for choice in choices if not _holds(held.get(choice.path), choice)]
    if missing:
        raise SpaceError(
            f"the supernet lacks {len(missing)} of the {len(choices)} choices of the space {space.name!r}, such as {missing[0]!r}, "
            "and so cannot judge its architectures: leave out the settings of the space that add choices, or the preset 'paper', "
            "whose supernet has a size of its own"
        )


def _holds(held: Choice | None, choice: Choice) -> bool:
    """Whether all that ``choice`` can take is among what ``held`` can."""
    return (
        held is not None
        and held.k == choice.k
        and all(any(same_value(label, other) for other in held.labels) for label in choice.labels)
    )


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
