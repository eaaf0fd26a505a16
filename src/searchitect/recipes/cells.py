"""The cells of DARTS as most recipes of gradient search use them."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from searchitect.core import SettingError, Space, TaskInfo
from searchitect.spaces.darts import Darts

if TYPE_CHECKING:
    from torch import nn


def cells_for(info: TaskInfo) -> Space:
    """The cells of DARTS, in networks of a size that a CPU can search."""
    return Darts.for_task(info)


def with_none(space: Space) -> Space:
    """The supernet of the space ``darts`` has the operation "none" besides; other spaces stay as they are."""
    return replace(space, none=True) if isinstance(space, Darts) else space


@dataclass(frozen=True)
class PartialDarts(Darts):
    """The space ``darts``, built so that only a part of the channels goes through the operations; for supernets.

    Attributes:
        partial: K in the paper of PC-DARTS: one of so many channels; it divides ``channels``.
    """

    partial: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.partial < 1 or self.channels % self.partial:
            raise SettingError(
                f"partial must be at least 1 and divide the {self.channels} channels of the space 'darts', got {self.partial}: "
                "choose another one, or set the channels of the space"
            )

    def build(self, spec: Any, info: TaskInfo) -> "nn.Module":
        """The supernet of the open spec."""
        from searchitect.networks.partial import build

        return build(spec, info, self.partial)


def partial_cells(space: Space, *, partial: int) -> Space:
    """The supernet of the space ``darts`` has the operation "none" besides, and partial channels unless ``partial`` is 1.

    Raises:
        SettingError: where ``partial`` does not divide the channels, and for another space with a ``partial`` other than 1.
    """
    if partial == 1:
        return with_none(space)
    if not isinstance(space, Darts):
        raise SettingError(f"partial={partial} is for the space 'darts' only, not for {space.name!r}: set partial=1")
    return PartialDarts(**(asdict(space) | {"none": True, "partial": partial}))
