"""May a cheap estimate be relied on? How it ranks what is known, and what is chosen by it. Pure functions on numbers."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from searchitect.core import SettingError
from searchitect.metrics import ranks as rank_metrics
from searchitect.metrics.bootstrap import percentile_interval, resample_places
from searchitect.metrics.ranks import correlation_interval, kendall, spearman

_Array: TypeAlias = NDArray[np.float64]

LEAST: Final = 4
"""Architectures below which nothing can be said."""
LEAST_QUARTER: Final = 5
"""Architectures in the best quarter below which nothing is said about it."""


def judge(
    estimates: Sequence[float],
    truth: Sequence[float],
    baseline: Sequence[float] | None = None,
    of: int = 10,
    direction: str = "max",
) -> dict[str, Any]:
    """All that is said about an estimate.

    Args:
        estimates: one per architecture, higher is better; finite or minus infinity.
        truth: their scores after a whole training, finite; the better the higher, or, where ``direction`` is "min", the lower.
        baseline: their numbers of parameters, where known: what every estimate must be compared with.
        of: among how many architectures one chooses; at most half of those there are.
        direction: "max", or "min": of the truth.

    Returns:
        JSON data: ``architectures``, ``direction``, ``spearman``, ``kendall``, ``best_quarter`` (the same two; ``None`` with too few), ``params``
        (the same two), each {value, low, high}, above 0 where what is estimated to be better is better; ``choice``: see `choose`, with a
        gain above 0 where the chosen one is better than a blind choice; ``is_shown``: whether the interval of Spearman lies above 0.

    Raises:
        SettingError: for fewer than 4 architectures.
    """
    if len(truth) < LEAST:
        raise SettingError(f"at least {LEAST} architectures with a score are needed, got {len(truth)}: raise k")
    sign = 1.0 if direction == "max" else -1.0
    ours, true = np.asarray(estimates, np.float64), sign * np.asarray(truth, np.float64)
    best = np.argsort(-true, kind="stable")[: len(true) // 4]
    found: dict[str, Any] = {"architectures": len(true), "direction": direction, **_correlations(ours, true)}
    found["best_quarter"] = _correlations(ours[best], true[best]) if len(best) >= LEAST_QUARTER else None
    found["params"] = None if baseline is None else _correlations(np.asarray(baseline, np.float64), true)
    choice = choose(ours, true, max(2, min(of, len(true) // 2)))
    found["choice"] = choice if sign > 0 else _turned(choice)
    found["is_shown"] = found["spearman"]["low"] is not None and found["spearman"]["low"] > 0
    return found


def choose(estimates: _Array, truth: _Array, of: int, draws: int = 1000) -> dict[str, Any]:
    """What comes of choosing the first by an estimate among ``of`` random architectures, against choosing blindly.

    Returns:
        ``of``; ``score``: the expected true score of the chosen one, with interval; ``rank``: its expected true rank among all
        (1 is best, equal ones share their mean rank), with interval; ``random_score``, ``random_rank``: of a blind choice;
        ``best_score``: of a choice by the truth; ``gain``: score less random_score, with interval.
    """
    ranks = mean_ranks(truth)
    places = resample_places(len(truth), draws, 0)
    scores = np.array([first_of(estimates[p], truth[p], of) for p in places])
    blind = truth[places].mean(axis=1)
    # ranks within each resample would hide that it has other architectures: those of the whole are kept
    taken = np.array([first_of(estimates[p], ranks[p], of) for p in places])
    return {
        "of": of,
        "score": _with_interval(first_of(estimates, truth, of), scores),
        "rank": _with_interval(first_of(estimates, ranks, of), taken),
        "gain": _with_interval(first_of(estimates, truth, of) - float(truth.mean()), scores - blind),
        "random_score": float(truth.mean()),
        "random_rank": float(ranks.mean()),
        "best_score": first_of(truth, truth, of),
    }


def first_of(estimates: _Array, values: _Array, of: int) -> float:
    """The expected value of the architecture with the highest estimate among ``of`` drawn without replacement from m.

    Exact: in ascending order of estimates, the i-th (from 0) is the first with probability C(i, of - 1) / C(m, of). Equal estimates are
    told apart by a fair draw: they share their probability.

    Raises:
        SettingError: unless ``of`` lies in [1, m].
    """
    m = len(estimates)
    if not 1 <= of <= m:
        raise SettingError(f"one can choose among 1 to {m} of {m} architectures, got {of}")
    weights = np.array([math.comb(i, of - 1) / math.comb(m, of) for i in range(m)])
    order = np.argsort(estimates, kind="stable")
    _, group, counts = np.unique(estimates[order], return_inverse=True, return_counts=True)
    shared = np.bincount(group, weights)[group] / counts[group]
    return float(shared @ values[order])


def mean_ranks(values: _Array) -> _Array:
    """1 for the highest; equal ones share their mean rank."""
    return rank_metrics.mean_ranks(-values)


def sentences(name: str, found: dict[str, Any], metric: str) -> list[str]:
    """What `judge` found, in words: nothing is called better where the interval holds 0."""
    rho, tau, choice = found["spearman"], found["kendall"], found["choice"]
    said = [f"{name} on {found['architectures']} random architectures: Spearman {_shown(rho)}, Kendall {_shown(tau)}."]
    if found["best_quarter"] is not None:
        near = found["best_quarter"]["spearman"]
        doubt = "" if near["low"] is not None and near["low"] > 0 else ": it is not shown to tell good ones apart"
        said.append(f"Within the best quarter: Spearman {_shown(near)}{doubt}.")
    else:
        said.append("Within the best quarter there are too few architectures to say anything.")
    if found["params"] is not None and name != "params":
        said.append(f"The number of parameters alone: Spearman {_shown(found['params']['spearman'])}.")
    said.append(
        f"The first of {choice['of']} by it has an expected {metric} of {choice['score']['value']:.4f} (true rank "
        f"{choice['rank']['value']:.1f} of {found['architectures']}); one drawn blindly {choice['random_score']:.4f} "
        f"(rank {choice['random_rank']:.1f}), the truly best {choice['best_score']:.4f}."
    )
    gain = choice["gain"]
    if rho["low"] is None:
        said.append(f"Nothing is shown: {name}, or the {metric}, is the same for all.")
    elif not found["is_shown"]:
        said.append(
            f"Nothing is shown: the interval holds 0, so that {name} may rank no better than chance. Look at more architectures."
        )
    elif gain["low"] <= 0:
        said.append(
            f"It ranks, but no gain from choosing by it is shown: {gain['value']:+.4f}, 95 % interval {_range(gain, '+.4f')}."
        )
    else:
        what = (
            f"gains {gain['value']:+.4f} {metric}"
            if found["direction"] == "max"
            else f"lowers the {metric} by {gain['value']:.4f}"
        )
        said.append(f"Choosing by it {what}, 95 % interval {_range(gain, '+.4f')}.")
    return said


def _correlations(a: _Array, b: _Array) -> dict[str, Any]:
    def one(correlation: Callable[[Any, Any], float]) -> dict[str, float | None]:
        low, high = correlation_interval(a, b, correlation)
        return {"value": _known(correlation(a, b)), "low": _known(low), "high": _known(high)}

    return {"spearman": one(spearman), "kendall": one(kendall)}


def _turned(choice: dict[str, Any]) -> dict[str, Any]:
    """What `choose` said of scores times -1, of the scores themselves; a gain stays one."""
    score = choice["score"]
    return {
        **choice,
        "score": {"value": -score["value"], "low": -score["high"], "high": -score["low"]},
        "random_score": -choice["random_score"],
        "best_score": -choice["best_score"],
    }


def _with_interval(value: float, resampled: _Array) -> dict[str, float]:
    low, high = percentile_interval(resampled)
    return {"value": value, "low": low, "high": high}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _shown(found: dict[str, float | None]) -> str:
    if found["value"] is None:
        return "unknown, since one side is the same for all"
    return f"{found['value']:.2f} [{_range(found, '.2f')}]" if found["low"] is not None else f"{found['value']:.2f}"


def _range(found: dict[str, Any], style: str) -> str:
    return f"{found['low']:{style}} to {found['high']:{style}}"
