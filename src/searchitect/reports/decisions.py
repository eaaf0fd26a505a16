"""Which decisions mattered: how much worse a forest ranks unseen trials when it is lied to about one decision.

Grouped permutation importance, measured out of sample: Breiman 2001, "Random Forests", section 10; forests of extremely
randomised trees: Geurts et al. 2006. Fitted on the ranks of the scores, so that one diverged trial does not outweigh all
others.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core import Architecture, Fidelity, Trial, TrialState, canonical_json
from searchitect.reports.formatting import format_number, is_number

FEWEST_TRIALS: Final = 12
"""Below this many comparable trials nothing is said."""

MOST_TAKEN: Final = 500
"""Above this many nothing is said: where a specification lists every link of a network, its leaves are no decisions, and looking at them takes hours."""

_MOST_TRIALS: Final = 600  # a random part of more: the shares no longer move, and the report stays quick
_FOLDS: Final = 5
_TREES: Final = 40
_REPEATS: Final = 2
_MOST_NUMBERS: Final = 4_000_000

Matrix = NDArray[np.float64]


def comparable_trials(trials: Iterable[Trial], metric: str) -> list[Trial]:
    """Those that can be compared with each other: complete, with the metric, at the fidelity of most, trained itself."""
    usable = [
        trial
        for trial in trials
        if trial.state is TrialState.COMPLETE
        and trial.twin is None
        and trial.origin != "final"
        and is_number(trial.metrics.get(metric))
    ]
    counts: dict[Fidelity, int] = {}
    for trial in usable:
        counts[trial.fidelity] = counts.get(trial.fidelity, 0) + 1
    if not counts:
        return []
    base = max(counts, key=lambda fidelity: (counts[fidelity], -fidelity.passes))
    return [trial for trial in usable if trial.fidelity == base]


def importance(trials: Iterable[Trial], metric: str, direction: str) -> list[dict[str, Any]]:
    """Which decisions mattered, the most important first.

    Args:
        trials: of one run; those at the base fidelity are used (`comparable_trials`), at most 600 of them.
        metric: the score.
        direction: ``max`` or ``min``: which way is better.

    Returns:
        One dict per decision that varied: ``decision`` (its path), ``share`` (0..1 of what all decisions explain together; all
        0 where they explain nothing), ``best_value`` (text), ``best_mean`` (mean score of the trials that took it), ``values``
        (value, count, mean; best first), ``trials`` (how many were used), ``explained`` (by all
        decisions together, of the differences in rank between unseen trials, at most 1). Empty where fewer than 12 can be compared,
        or more than 500 decisions were taken.
    """
    usable = comparable_trials(trials, metric)
    if len(usable) < FEWEST_TRIALS:
        return []
    if len(usable) > _MOST_TRIALS:
        usable = random.Random(0).sample(usable, _MOST_TRIALS)
    taken = decisions_taken(usable)
    if len(taken) > MOST_TAKEN:
        return []
    rows = [decisions_of(trial.architecture) for trial in usable]
    paths = [path for path in taken if _varies(rows, path)]
    if not paths:
        return []
    scores = np.array([trial.metrics[metric] for trial in usable], dtype=np.float64)
    groups = [_encode([row.get(path) for row in rows]) for path in paths]
    rises, explained = _permutation_rises(groups, _ranks(scores))
    total = float(rises.sum())
    found = []
    for path, rise in zip(paths, rises, strict=True):
        values = _values([row.get(path) for row in rows], scores, direction)
        found.append(
            {
                "decision": path,
                "share": float(rise) / total if total > 0 else 0.0,
                "best_value": values[0]["value"],
                "best_mean": values[0]["mean"],
                "values": values,
                "trials": len(usable),
                "explained": explained,
            }
        )
    return sorted(found, key=lambda entry: -float(str(entry["share"])))


def decisions_of(architecture: Architecture, most: int | None = None) -> Mapping[str, Any]:
    """The recorded decisions by path, at most `most` of them; for an architecture without them, the leaves of its spec."""
    return dict(islice(architecture.decisions.items() or _leaves(architecture.spec, ""), most))


def decisions_taken(trials: Iterable[Trial]) -> list[str]:
    """The paths of the decisions that the trials took, in the order in which they first appear; where there are more than 500, some of them."""
    taken: dict[str, None] = {}
    for trial in trials:
        taken |= dict.fromkeys(decisions_of(trial.architecture, MOST_TAKEN + 1))
        if len(taken) > MOST_TAKEN:
            break
    return list(taken)


def _leaves(spec: Any, path: str) -> Iterable[tuple[str, Any]]:
    if isinstance(spec, (dict, list)):
        items = spec.items() if isinstance(spec, dict) else enumerate(spec)
        for name, value in items:
            yield from _leaves(value, f"{path}/{name}" if path else str(name))
    else:
        yield path, spec


def _varies(rows: Sequence[Mapping[str, Any]], path: str) -> bool:
    return len({canonical_json(row.get(path)) for row in rows}) > 1


def _encode(values: Sequence[Any]) -> Matrix:
    """(trials, columns): a number as itself plus whether it is there; anything else one-hot, absence included."""
    present = [value for value in values if value is not None]
    if present and all(is_number(value) for value in present):
        middle = float(np.median(present))
        there = np.array([value is not None for value in values], dtype=np.float64)
        return np.stack([np.array([middle if v is None else v for v in values], dtype=np.float64), there], axis=1)
    texts = [canonical_json(value) for value in values]
    return np.array([[text == label for label in sorted(set(texts))] for text in texts], dtype=np.float64)


def _ranks(scores: Matrix) -> Matrix:
    """Ranks in [0, 1], the mean rank where scores are equal."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middles = ends - (counts + 1) / 2
    return np.asarray(middles[inverse] / max(1, len(scores) - 1), dtype=np.float64)


def _permutation_rises(groups: Sequence[Matrix], target: Matrix) -> tuple[Matrix, float]:
    """Per decision: by how much shuffling its columns raises the squared error on held-out trials; and the share explained.

    All rises are 0 where the forest does no better on held-out trials than the mean: its splits are then noise.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    rng = np.random.default_rng(0)
    table = np.concatenate(groups, axis=1)
    edges = np.cumsum([0, *(group.shape[1] for group in groups)])
    folds = rng.permutation(len(target)) % _FOLDS
    rises, left = np.zeros(len(groups)), 0.0
    for fold in range(_FOLDS):
        held = folds == fold
        forest = ExtraTreesRegressor(_TREES, min_samples_leaf=2, random_state=fold, n_jobs=1)
        forest.fit(table[~held], target[~held])
        test, truth = table[held], target[held]
        error = float(((forest.predict(test) - truth) ** 2).sum())
        left += error
        at_once = max(1, _MOST_NUMBERS // (_REPEATS * test.size))  # decisions per call: few calls, bounded memory
        for first in range(0, len(groups), at_once):
            places = range(first, min(first + at_once, len(groups)))
            shuffled = np.tile(test, (len(places), _REPEATS, 1, 1))  # (decision, repeat, trial, column)
            for place in places:
                columns = slice(edges[place], edges[place + 1])
                for repeat in range(_REPEATS):
                    shuffled[place - first, repeat, :, columns] = test[rng.permutation(len(test)), columns]
            guesses = forest.predict(shuffled.reshape(-1, table.shape[1])).reshape(len(places), _REPEATS, -1)
            rises[places] += ((guesses - truth) ** 2).sum(axis=2).mean(axis=1) - error
    spread = float(((target - target.mean()) ** 2).sum())
    explained = 1 - left / spread if spread > 0 else 0.0
    return np.asarray(np.maximum(rises, 0.0) * (explained > 0), dtype=np.float64), explained


def _values(values: Sequence[Any], scores: Matrix, direction: str) -> list[dict[str, Any]]:
    """Each value taken (thirds of a range where there are many numbers) with count and mean score, the best first.

    A value taken once is no evidence: it comes after those taken more often.
    """
    names = _names(values)
    sign = 1.0 if direction == "max" else -1.0
    by_name: dict[str, list[float]] = {}
    for name, score in zip(names, scores, strict=True):
        by_name.setdefault(name, []).append(float(score))
    rows = [{"value": name, "count": len(own), "mean": sum(own) / len(own)} for name, own in by_name.items()]
    return sorted(rows, key=lambda row: (row["count"] == 1, -sign * float(str(row["mean"]))))


def _names(values: Sequence[Any]) -> list[str]:
    numbers = sorted({float(value) for value in values if is_number(value)})
    if len(numbers) <= 8 or any(value is not None and not is_number(value) for value in values):
        return [_name(value) for value in values]
    present = sorted(float(value) for value in values if value is not None)
    cuts = [present[len(present) // 3], present[2 * len(present) // 3]]
    thirds = [[v for v in present if sum(v >= cut for cut in cuts) == place] for place in range(3)]
    ranges = [f"{format_number(third[0])} to {format_number(third[-1])}" if third else "" for third in thirds]
    return ["absent" if value is None else ranges[sum(value >= cut for cut in cuts)] for value in values]


def _name(value: Any) -> str:
    if value is None:
        return "absent"
    return value if isinstance(value, str) else format_number(value) if isinstance(value, float) else canonical_json(value)
