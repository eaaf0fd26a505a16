"""Eleven families of increasing, saturating curves.

Domhan, Springenberg, Hutter 2015, "Speeding Up Automatic Hyperparameter Optimization of Deep Neural Networks by Extrapolation of
Learning Curves", https://www.ijcai.org/Proceedings/15/Papers/487.pdf, Table 1.

Every family is y = link(p + q g(x; u, v)) with an increasing g, and q is not negative: curves that fall are not among them.

Differs from the paper:
1. weibull, janoschek and exp4 are one curve in three parametrisations, and so are dr_hill and log_power: there are eight shapes.
2. x counts looks from 2, since the logarithm of 1 is 0.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Range: TypeAlias = Callable[[Array], tuple[float, float]]


@dataclass(frozen=True)
class Shape:
    """A family of curves y = link(p + q g(x; u, v)), q >= 0.

    Attributes:
        basis: g, increasing in x; x [..., n], u and v [..., 1] -> [..., n].
        ranges: of u, and of v, given the points x; as many as g uses.
        has_offset: whether p is free; else it is 0.
        is_log: whether the link is the logarithm.
    """

    basis: Callable[[Array, Array, Array], Array]
    ranges: tuple[Range, ...] = ()
    has_offset: bool = True
    is_log: bool = False

    @property
    def size(self) -> int:
        """How many parameters it has."""
        return 1 + self.has_offset + len(self.ranges)

    def __call__(self, x: Array, parameters: Array) -> Array:
        """Values [m, n] at x [n] of the curves with parameters [m, 4]: p, q, u, v."""
        p, q, u, v = (parameters[:, place, None] for place in range(4))
        value = np.asarray(p + q * self.basis(x, u, v), np.float64)
        return np.asarray(np.log(np.maximum(value, 1e-12)), np.float64) if self.is_log else value


def _scale(x: Array) -> tuple[float, float]:
    return math.log(x[0] / 5), math.log(20 * x[-1])


def _between(low: float, high: float) -> Range:
    return lambda _: (math.log(low), math.log(high))


_POWER: Final = _between(0.2, 5.0)

SHAPES: Final = {
    # exp(a + b / x + c ln x), b = -e^u and c = v >= 0: others fall somewhere
    "vapour": Shape(lambda x, u, v: np.exp(v * np.log(x) - np.exp(u) / x), (_scale, lambda _: (0.0, 0.6)), has_offset=False),
    "inverse-log": Shape(lambda x, u, v: -1 / np.log(x)),  # noqa: ARG005
    # with x / e^u in place of kappa x, and e^v for the exponent
    "stretched-exponential": Shape(lambda x, u, v: -np.exp(-np.exp(np.exp(v) * (np.log(x) - u))), (_scale, _POWER)),
    "power": Shape(lambda x, u, v: -np.exp(-np.exp(u) * np.log(x)), (_between(0.03, 5.0),)),  # noqa: ARG005
    # (a x + b)^-alpha = a^-alpha (x + b / a)^-alpha, b / a = e^u and alpha = e^v
    "shifted-power": Shape(lambda x, u, v: -np.exp(-np.exp(v) * np.log(x + np.exp(u))), (_scale, _between(0.03, 10.0))),
    "log-log": Shape(lambda x, u, v: np.log(x), is_log=True),  # noqa: ARG005
    "mmf": Shape(lambda x, u, v: -1 / (1 + np.exp(np.exp(v) * (np.log(x) - u))), (_scale, _POWER)),
    "hill": Shape(lambda x, u, v: 1 / (1 + np.exp(np.exp(v) * (u - np.log(x)))), (_scale, _POWER), False),
}
"""Name -> shape."""
FAMILIES: Final = {
    "vap": "vapour",
    "ilog2": "inverse-log",
    "weibull": "stretched-exponential",
    "pow3": "power",
    "pow4": "shifted-power",
    "loglog_linear": "log-log",
    "mmf": "mmf",
    "janoschek": "stretched-exponential",
    "dr_hill": "hill",
    "log_power": "hill",
    "exp4": "stretched-exponential",
}
"""The names of the paper -> the shape."""
