"""Networks scaled up and down: multipliers of width, depth and resolution, and how the three grow together.

Tan, Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", https://arxiv.org/abs/1905.11946, section
3.3, with the rounding of its released code (tensorflow/tpu, models/official/efficientnet).

A space whose networks can be scaled has two settings, ``width`` and ``depth``, that change sizes and nothing that is decided. So every
architecture of it is scaled by rebuilding it with other settings (`searchitect.single.rebuild`), and resolution is the input's shape.
"""

import math
from dataclasses import dataclass
from itertools import product

from searchitect.core.errors import SettingError
from searchitect.core.space import Space


def scaled_filters(filters: float, width: float = 1.0, divisor: int = 8) -> int:
    """A number of filters times ``width``, to the nearest multiple of ``divisor``, yet not more than 10 % below. At least one multiple."""
    wanted = filters * width
    rounded = max(divisor, int(wanted + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * wanted else rounded + divisor


def scaled_repeats(repeats: int, depth: float = 1.0) -> int:
    """A number of layers times ``depth``, rounded up."""
    return math.ceil(repeats * depth)


@dataclass(frozen=True)
class Compound:
    """Depth, width and resolution that grow together: by alpha^phi, beta^phi and gamma^phi.

    Attributes:
        alpha: of the depth, at least 1, as the other two. The defaults are those that the paper found on EfficientNet-B0.
        beta: of the width.
        gamma: of the image's sides.
    """

    alpha: float = 1.2
    beta: float = 1.1
    gamma: float = 1.15

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "gamma"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 1):
                raise SettingError(f"{name} of a compound scaling must be at least 1, got {value}")

    @property
    def growth(self) -> float:
        """By how much the multiply-adds grow with each step of phi, before rounding: linearly with depth, squared with the others."""
        return self.alpha * self.beta**2 * self.gamma**2

    def settings(self, space: Space, phi: float) -> dict[str, float]:
        """The settings ``depth`` and ``width`` with which an architecture of ``space`` is rebuilt, scaled from what it has now.

        Raises:
            SettingError: for a space that lacks one of them.
        """
        now = space.config()
        lacking = [name for name in ("depth", "width") if not isinstance(now.get(name), (int, float))]
        if lacking:
            raise SettingError(
                f"the space {space.name!r} has no setting {lacking[0]!r} that multiplies its sizes, so that its architectures cannot be "
                "scaled; take one that has both, such as 'mnasnet'"
            )
        return {"depth": now["depth"] * self.alpha**phi, "width": now["width"] * self.beta**phi}

    def side(self, side: int, phi: float) -> int:
        """The side of the images, in pixels."""
        return max(1, round(side * float(self.gamma**phi)))


def compounds(growth: float = 2.0, tolerance: float = 0.05, step: float = 0.05) -> list[Compound]:
    """The grid that the paper searches at phi = 1: all triples whose multiply-adds grow by about ``growth``, 2 in the paper.

    Args:
        growth: wanted, at least 1.
        tolerance: share by which it may be missed, in [0, 1).
        step: between neighbouring values of each of the three, which begin at 1; above 0.

    Raises:
        SettingError: for arguments outside their ranges.
    """
    if not (growth >= 1 and 0 <= tolerance < 1 and step > 0):
        raise SettingError(
            f"a grid of compound scalings needs growth of at least 1, tolerance in [0, 1) and step above 0, got {growth}, {tolerance}, {step}"
        )
    slack = 1e-9  # of fractions that are not exact
    highest = growth * (1 + tolerance)
    values = [round(1 + place * step, 10) for place in range(int((highest - 1) / step + slack) + 1)]
    return [
        Compound(alpha, beta, gamma)
        for alpha, beta, gamma in product(values, repeat=3)
        if abs(alpha * beta**2 * gamma**2 - growth) <= tolerance * growth + slack
    ]
