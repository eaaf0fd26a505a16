"""What a run with shared weights shows: do they rank as trainings alone do, and is what was found ahead of random architectures?

Yang, Esperanca, Carlucci 2020, "NAS evaluation is frustratingly hard", https://arxiv.org/abs/1912.12522 (relative improvement);
Yu, Sciuto, Jaggi, Musat, Salzmann 2020, "Evaluating the Search Phase of Neural Architecture Search", https://arxiv.org/abs/1902.08142 (the
rank correlation of shared weights with trainings alone).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from searchitect.core import Objective, Trial, TrialState
from searchitect.core.trial import CUT_SHORT
from searchitect.metrics.intervals import relative_improvement_of_one
from searchitect.metrics.ranks import correlation_interval, kendall, spearman

LEAST_POINTS: Final = 5
"""Networks trained alone below which no correlation is given: four that agree in order do so by chance once in 24 times."""
FEW_POINTS: Final = 20
"""Networks trained alone below which a correlation is said to be of few."""
LEAST_DRAWN: Final = 2
"""Random networks below which nothing is compared with them."""


def evidence(
    finalists: Sequence[Trial], drawn: Sequence[Trial], trials: Mapping[int, Trial], objective: Objective, wanted: int = 0
) -> dict[str, Any]:
    """The part "shared_weights" of result.json.

    Args:
        finalists: final trainings of what the method found: of the architecture that it ends with, then of others that it chose.
        drawn: final trainings of random architectures, in the same way; one that was chosen too is in both.
        trials: of the search, by id; the parent of a final training holds the score with shared weights.
        objective: the leading one.
        wanted: random architectures that there should be.

    Returns:
        ``metric``; ``points``: [{key, trial, shared, alone, origin}], where origin is derived, random or, of what else the method chose,
        chosen; of all final trainings that came to their end with a score, on validation data; ``cut``: how many did not come to it;
        ``kendall``, ``spearman``: {value, low, high} of shared and alone, ``None`` with fewer than 5 points; ``relative_improvement``:
        {value, low, high} in percent, of the derived one over the random ones, ``None`` with fewer than 2 of these; ``sentences``.
    """
    origins = {t.id: "chosen" for t in finalists} | {t.id: "random" for t in drawn} | {t.id: "derived" for t in finalists[:1]}
    trained = {t.id: t for t in [*finalists, *drawn]}
    cut = {t.id for t in trained.values() if t.state == TrialState.PRUNED and t.reason == CUT_SHORT}
    points: list[dict[str, Any]] = [
        {"key": t.key, "trial": t.id, "shared": shared, "alone": alone, "origin": origins[t.id]}
        for t in trained.values()
        if t.id not in cut
        and (alone := _score(t, objective)) is not None
        and (shared := _score(trials.get(-1 if t.parent is None else t.parent), objective)) is not None
    ]
    found: dict[str, Any] = {"metric": objective.metric, "points": points, "kendall": None, "spearman": None}
    found["cut"] = len(cut)
    if len(points) >= LEAST_POINTS:
        shared_side, alone_side = ([float(p[name]) for p in points] for name in ("shared", "alone"))
        for name, correlation in (("kendall", kendall), ("spearman", spearman)):
            ends = (correlation(shared_side, alone_side), *correlation_interval(shared_side, alone_side, correlation))
            values = zip(("value", "low", "high"), ends, strict=True)
            found[name] = {end: None if math.isnan(value) else value for end, value in values}
    found["relative_improvement"] = _improvement(points, objective)
    found["sentences"] = [_about_random(found), *_about_what_is_missing(found, len(drawn), wanted), _about_ranks(found)]
    return found


def _score(trial: Trial | None, objective: Objective) -> float | None:
    """Its value of the leading metric; ``None`` where it has none."""
    if trial is None or trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
        return None
    return trial.metrics[objective.metric] if math.isfinite(objective.value(trial.metrics)) else None


def _improvement(points: Sequence[Mapping[str, Any]], objective: Objective) -> dict[str, float] | None:
    """Of a metric that is to be small, how much smaller it is."""
    found = [p["alone"] for p in points if p["origin"] == "derived"]
    drawn = [p["alone"] for p in points if p["origin"] == "random"]
    if not found or len(drawn) < LEAST_DRAWN or not sum(drawn) > 0:
        return None
    interval = asdict(relative_improvement_of_one(found[0], drawn))
    if objective.direction == "min":
        interval = {"value": -interval["value"], "low": -interval["high"], "high": -interval["low"]}
    return interval


def _about_random(found: Mapping[str, Any]) -> str:
    improvement, metric, points = found["relative_improvement"], found["metric"], found["points"]
    drawn = [p["alone"] for p in points if p["origin"] == "random"]
    derived = [p["alone"] for p in points if p["origin"] == "derived"]
    if improvement is None:
        why = (
            f"{len(drawn)} of these were trained alone, at least {LEAST_DRAWN} are needed"
            if derived
            else "its own training gave no score"
        )
        return f"Nothing is said of how the derived architecture compares with random ones: {why}; a longer budget gives more."
    alone = derived[0]
    if improvement["low"] > 0:
        verdict = "more than random draws differ among themselves"
    elif improvement["high"] < 0:
        verdict = "worse than random draws"
    else:
        verdict = "the interval holds 0, so that no difference is shown"
    return (
        f"The derived architecture, trained alone, reaches a validation {metric} of {alone:.4f}; {len(drawn)} random ones of the same space, "
        f"trained in the same way, {sum(drawn) / len(drawn):.4f} on average: relative improvement {improvement['value']:+.2f} %, 95 % interval "
        f"{improvement['low']:+.2f} to {improvement['high']:+.2f}: {verdict}."
    )


def _about_what_is_missing(found: Mapping[str, Any], drawn: int, wanted: int) -> list[str]:
    said = []
    if drawn < wanted:
        said.append(
            f"Only {drawn} random architectures were there to compare with, not {wanted}: no more different ones within the limits were "
            "found in the time for it."
        )
    if found["cut"]:
        said.append(f"{found['cut']} trainings were cut short and left out of the comparison; a longer budget lets them end.")
    return said


def _about_ranks(found: Mapping[str, Any]) -> str:
    count, tau, rho = len(found["points"]), found["kendall"], found["spearman"]
    if tau is None:
        return f"Nothing is said of how shared weights rank: {count} networks were trained alone, at least {LEAST_POINTS} are needed."
    if tau["value"] is None or tau["low"] is None:
        return (
            f"Nothing is shown of how shared weights rank: a score is the same for all of the {count} networks trained alone."
        )
    few = f"; {count} networks are few, `searchitect trust one-shot` looks at more" if count < FEW_POINTS else ""
    if tau["low"] > 0:
        verdict = "shared weights rank better than chance"
    elif tau["high"] < 0:
        verdict = "shared weights rank the wrong way round"
    else:
        verdict = "the interval holds 0, so that shared weights may rank no better than chance"
    shown = ", ".join(
        f"{name} {c['value']:.2f} [{c['low']:.2f} to {c['high']:.2f}]" for name, c in (("Kendall", tau), ("Spearman", rho))
    )
    return f"Shared weights against training alone, {count} networks: {shown}: {verdict}{few}."
