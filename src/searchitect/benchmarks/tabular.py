"""A benchmark whose answers are known: every architecture of a space, with what its training gave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from searchitect.core import Architecture, Estimator, Job, Measurement, SettingError, Space, SpaceError, TrialState

Score: TypeAlias = Literal["valid", "test"]
_Array: TypeAlias = NDArray[np.float64]

SCORES: Final = ("valid", "test")


@dataclass(frozen=True, eq=False)
class TabularBenchmark(Estimator):
    """An estimator that looks up, and a task whose optimum is known.

    What a search sees is the score; the test score is asked for by `test` alone, after the search. All scores are better when
    higher; accuracies are fractions in [0, 1].

    Attributes:
        name: such as "nasbench201:cifar100".
        space: what can be asked for.
        rows: the canonical JSON of a spec (`Architecture.text`) -> its row.
        epochs: the fidelities of the table, ascending; the last one is the full training.
        valid: validation scores [rows, fidelities, seeds]; NaN where a seed is missing.
        tested: test scores after the full training [rows, seeds]; NaN where a seed is missing.
        costs: name -> [rows]: params, macs (counts), latency_DEVICE (ms), ...
        seconds: of a training up to each fidelity [rows, fidelities]; ``None`` where the table does not tell.
        metric: what the scores are.
        score: what drives the search: validation scores at every fidelity, or the test score of the full training, as in many
            published simulations. A search by test scores is no honest one: its regret says how well a strategy optimises.
        noisy: a query draws one seed's score by the job's seed; otherwise it gives the mean over seeds.
        is_prefix: a short training is the beginning of a long one, so that a promotion pays for the rest only.
        source: authors, year, where it comes from.
        licence: of the numbers.
        made: how the table was made or imported, as JSON data: the settings of `searchitect.benchmarks.make.make_table`.
    """

    name: str
    space: Space
    rows: Mapping[str, int]
    epochs: tuple[float, ...]
    valid: _Array
    tested: _Array
    costs: Mapping[str, _Array] = field(default_factory=dict)
    seconds: _Array | None = None
    metric: str = "accuracy"
    score: Score = "valid"
    noisy: bool = False
    is_prefix: bool = True
    source: str = ""
    licence: str = ""
    made: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.score not in SCORES:
            raise SettingError(f"score must be one of {', '.join(SCORES)}, got {self.score!r}")
        rows, fidelities = len(self.rows), len(self.epochs)
        if self.valid.shape[:2] != (rows, fidelities) or self.tested.shape[:1] != (rows,):
            raise SettingError(
                f"the table {self.name!r} has {rows} rows and {fidelities} fidelities, but validation scores of shape "
                f"{self.valid.shape} and test scores of shape {self.tested.shape}"
            )

    @property
    def fidelities(self) -> tuple[float, ...]:
        """Epochs at which a score can be asked for, ascending: all of the table's; by test score, the full training alone."""
        return self.epochs if self.score == "valid" else self.epochs[-1:]

    @cached_property
    def mean_scores(self) -> _Array:
        """What drives the search, the mean over seeds [rows, fidelities]."""
        return _mean(self.valid) if self.score == "valid" else _mean(self.tested)[:, None]

    @cached_property
    def test_scores(self) -> _Array:
        """The mean test score of each row [rows]."""
        return _mean(self.tested)

    def row(self, architecture: Architecture) -> int:
        """Its row. Raises `SpaceError` where the table does not hold it."""
        try:
            return self.rows[architecture.text]
        except KeyError:
            raise SpaceError(
                f"the table {self.name!r} does not hold the architecture {architecture.text[:200]}; it holds {len(self.rows):,} of "
                f"the space {self.space.name!r}"
            ) from None

    def fidelity(self, epochs: float | None) -> int:
        """The place of the largest fidelity that is not above ``epochs``; ``None``: of the full training.

        Raises:
            SettingError: where ``epochs`` lies below the smallest fidelity.
        """
        if epochs is None:
            return len(self.fidelities) - 1
        place = int(np.searchsorted(self.fidelities, epochs + 1e-9, side="right")) - 1
        if place < 0:
            raise SettingError(
                f"the table {self.name!r} has scores after {_listed(self.fidelities)} epochs, not after {epochs:g}: ask for at "
                f"least {self.fidelities[0]:g}"
            )
        return place

    def query(self, architecture: Architecture, epochs: float | None = None, seed: int | None = None) -> Measurement:
        """What a training gave.

        Args:
            architecture: of the space.
            epochs: the largest fidelity up to it is taken; ``None``: the full training.
            seed: of the training, where the table is `noisy`; ``None`` gives the mean over seeds.

        Returns:
            The score under the name of `metric`, the costs, and the learning curve as far as the table knows it.

        Raises:
            SpaceError: where the table does not hold the architecture.
            SettingError: for epochs below the smallest fidelity.
        """
        row, last = self.row(architecture), self.fidelity(epochs)
        curve = [self._score(row, place, seed) for place in range(last + 1 if self.is_prefix else 0)] or [
            self._score(row, last, seed)
        ]
        shown = self.fidelities[: last + 1] if self.is_prefix else self.fidelities[last : last + 1]
        return Measurement(
            {self.metric: curve[-1], **self.costs_of(row)},
            [{"epoch": epoch, self.metric: value} for epoch, value in zip(shown, curve, strict=True)],
            TrialState.COMPLETE,
        )

    def evaluate(self, job: Job) -> Measurement:
        """`query` as an estimator: at the job's epochs, with its seed."""
        return self.query(job.architecture, job.fidelity.epochs, job.seed)

    def test(self, architecture: Architecture) -> float:
        """The mean test score of an architecture after the full training: for the end of a search."""
        return float(self.test_scores[self.row(architecture)])

    def costs_of(self, row: int) -> dict[str, float]:
        """What a row costs, by name."""
        return {name: float(values[row]) for name, values in self.costs.items()}

    def duration(self, row: int, epochs: float | None = None) -> float:
        """Seconds of a training from the start; where the table has no times, its epochs."""
        place = self.fidelity(epochs)
        if self.seconds is None:
            return float(self.fidelities[place])
        return float(self.seconds[row, place if self.score == "valid" else -1])

    def optimum(self, among: Sequence[int] | NDArray[np.int64] | None = None) -> float:
        """The highest mean test score, of all rows or of some (those within limits)."""
        scores = self.test_scores if among is None else self.test_scores[np.asarray(among)]
        return float(np.nanmax(scores))

    def best_rows(self) -> list[int]:
        """The rows of the highest mean test score: several where they tie."""
        return np.flatnonzero(self.test_scores >= self.optimum() - 1e-9).tolist()  # equal but for rounding

    def halving(self) -> dict[str, float]:
        """Settings of successive halving that fit the table: base_epochs, max_epochs, eta.

        A table of two fidelities has one promotion, of which eta is the ratio of costs, but at most 8.
        """
        low, high = self.fidelities[0], self.fidelities[-1]
        eta = 3.0 if len(self.fidelities) != 2 else min(max(high / low, 2.0), 8.0)
        return {"base_epochs": low, "max_epochs": high, "eta": eta}

    def _score(self, row: int, place: int, seed: int | None) -> float:
        if not self.noisy or seed is None:
            return float(self.mean_scores[row, place])
        runs: Any = self.valid[row, place] if self.score == "valid" else self.tested[row]
        known = runs[~np.isnan(runs)]
        return float(known[seed % len(known)]) if len(known) else float("nan")


def _mean(values: _Array) -> _Array:
    """Over the seeds that are there, the last axis; NaN where none is."""
    counts = (~np.isnan(values)).sum(axis=-1)
    means: _Array = np.where(counts > 0, np.nansum(values, axis=-1) / np.maximum(counts, 1), np.nan)
    return means


def _listed(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)
