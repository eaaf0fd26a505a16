"""What a predictor is: scores of architectures, learned from scored ones."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from searchitect.core.architecture import Architecture
from searchitect.core.errors import DataError, SettingError
from searchitect.core.space import Space


class Predictor(ABC):
    """Learns from architectures with scores, and predicts mean and standard deviation for others. Higher is better.

    A predictor writes ``_train`` and ``_guess``, in standardised scores (mean 0, standard deviation 1; constant ones are all 0);
    whoever uses it calls ``fit`` and ``predict``. Fitting starts anew each time and depends on the data, their order and the seed alone.
    Global generators are never touched.

    Args:
        space: that the architectures are of.
        seed: of all that is drawn.
    """

    summary: ClassVar[str] = ""
    """One line on what it is."""

    def __init__(self, space: Space, *, seed: int = 0) -> None:
        self.space = space
        self.seed = seed
        self._shift = 0.0
        self._unit = 1.0
        self._is_fitted = False

    @final
    def fit(self, architectures: Sequence[Architecture], scores: Sequence[float] | NDArray[np.float64]) -> None:
        """Learn from scored architectures; one is enough, and equal scores are allowed.

        Args:
            architectures: [n], n >= 1.
            scores: [n], finite, in any unit.

        Raises:
            DataError: for none, for different numbers of both, and for a score that is not finite.
        """
        found = np.asarray(scores, dtype=np.float64)
        if not architectures or found.shape != (len(architectures),):
            raise DataError(
                f"a predictor is fitted to at least one architecture and one score each, got {len(architectures)} architectures "
                f"and scores of the shape {found.shape}"
            )
        if not np.isfinite(found).all():
            place = int(np.flatnonzero(~np.isfinite(found))[0])
            raise DataError(
                f"the score at place {place} is {found[place]}: a predictor learns from finite scores, leave the others out"
            )
        self._shift, spread = float(found.mean()), float(found.std())
        is_constant = spread <= 1e-12 * float(np.abs(found).max())  # but for rounding
        self._unit = 1.0 if is_constant else spread
        self._train(list(architectures), np.zeros(len(found)) if is_constant else (found - self._shift) / spread)
        self._is_fitted = True

    @final
    def predict(self, architectures: Sequence[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of the score of each, [n] both, in the unit of the scores.

        Raises:
            SettingError: before `fit`.
        """
        if not self._is_fitted:
            raise SettingError(f"the predictor {type(self).__name__} predicts after fit(architectures, scores)")
        if not architectures:
            return np.zeros(0), np.zeros(0)
        mean, deviation = self._guess(list(architectures))
        return mean * self._unit + self._shift, deviation * self._unit

    @abstractmethod
    def _train(self, architectures: list[Architecture], targets: NDArray[np.float64]) -> None:
        """Learn from standardised scores."""

    @abstractmethod
    def _guess(self, architectures: list[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Standardised mean and standard deviation."""


def check_settings(rate: float | None = None, **counts: int) -> None:
    """Raises `SettingError` for a rate that is not above 0, and for a count below 1."""
    for name, value in counts.items():
        if value < 1:
            raise SettingError(f"{name} must be at least 1, got {value}")
    if rate is not None and not rate > 0:
        raise SettingError(f"rate must be above 0, got {rate}; usual are 0.001 to 0.01")
