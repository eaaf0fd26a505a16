"""What random search would have reached with the same number of trials."""

import statistics
from collections.abc import Mapping
from typing import Any

from searchitect.core import Fidelity, Objective, Trial, TrialState
from searchitect.metrics.best_of_n import expected_best_curve

UNTOLD = "which says nothing about the strategy"
LEAST_DRAWS = 4
"""Random trials below which nothing is claimed."""


def compare_with_random(
    trials: Mapping[int, Trial], objective: Objective, own_name: str, *, is_shared: bool = False, is_trained: bool = True
) -> dict[str, Any] | None:
    """The search against its own random draws, at equal numbers of trials and at the fidelity that all of them share.

    Random draws are the interleaved baseline and the strategy's own first, uniform ones. From m of them, the expected best of n <= m is
    unbiased (order statistics). The search's own n first architectures give its best of n. So both sides stop at the same n.
    What a strategy begins with by no uniform draw counts as its own, but as chosen by no score.

    Args:
        trials: of the run.
        objective: the leading one.
        own_name: of the search, in the sentence.
        is_shared: all were judged with the weights of a supernet, none was trained.
        is_trained: otherwise they were judged as they are built.

    Returns:
        The ``baseline`` part of result.json; ``None`` where there are too few random draws.
    """
    shared = [
        t
        for t in trials.values()
        if t.origin != "final" and not t.resume and t.state != TrialState.INFEASIBLE and t.state.is_finished
    ]
    if not shared:
        return None
    fidelity: Fidelity = max({t.fidelity for t in shared}, key=lambda f: sum(t.fidelity == f for t in shared))
    shared = [t for t in shared if t.fidelity == fidelity]
    draws = [t for t in shared if t.origin in ("baseline", "random")]
    own = [t for t in shared if t.origin != "baseline" and t.twin is None]
    worst = min((v for t in shared if (v := objective.value(t.metrics)) > float("-inf")), default=0.0)
    random_values = [_value(t, objective, worst) for t in draws]
    own_values = [_value(t, objective, worst) for t in sorted(own, key=lambda t: t.id)]
    n = min(len(random_values), len(own_values))
    if n < LEAST_DRAWS:
        return None
    sign = 1.0 if objective.direction == "max" else -1.0
    curve = expected_best_curve(random_values, n)
    expected, low, high = curve[-1].expected, curve[-1].low, curve[-1].high
    best, search_curve = float("-inf"), []
    for count, value in enumerate(own_values, start=1):
        best = max(best, value)
        search_curve.append({"n": count, "best": sign * best})
    reached = sign * search_curve[n - 1]["best"]
    guided = sum(t.origin == "strategy" for t in own[:n])
    verdict = (
        UNTOLD
        if guided == 0
        else "better than random search"
        if reached > high
        else "worse than random search"
        if reached < low
        else "no better than random search"
    )
    shown_low, shown_high = sorted((sign * low, sign * high))
    sentence = (
        f"After {n} architectures each, {_how(fidelity, is_shared, is_trained)}, {own_name} had reached {objective.metric} {sign * reached:.4f} on validation data; "
        f"random search is expected to reach {sign * expected:.4f} (95 % interval {shown_low:.4f} to {shown_high:.4f}): {verdict}."
    )
    chosen = [sign * _value(t, objective, worst) for t in own if t.origin == "strategy"]
    if guided == 0:
        sentence += (
            f" None of the first {n} was chosen by score."
            if chosen
            else " None of these architectures was chosen by score yet."
        )
    # both sides share the strategy's own random draws, and a best is one lucky number: the medians tell more
    medians = None
    if len(chosen) >= LEAST_DRAWS:
        medians = {"chosen": statistics.median(chosen), "random": sign * statistics.median(random_values), "n": len(chosen)}
        sentence += (
            f" The {len(chosen)} architectures chosen by score have a median of {medians['chosen']:.4f}, "
            f"the {len(random_values)} random ones {medians['random']:.4f}."
        )
    if is_shared:
        sentence += " These are scores with shared weights: what the networks reach alone is another matter."
    shown = _grid(n)
    return {
        "metric": objective.metric,
        "n": n,
        "draws": len(random_values),
        "epochs": fidelity.epochs if is_trained and not is_shared else None,
        "expected": sign * expected,
        "low": shown_low,
        "high": shown_high,
        "search_best": sign * reached,
        "verdict": verdict,
        "sentence": sentence,
        "medians": medians,
        "curve": [
            {
                "n": point.n,
                "expected": sign * point.expected,
                "low": min(sign * point.low, sign * point.high),
                "high": max(sign * point.low, sign * point.high),
            }
            for point in curve
            if point.n in shown
        ],
        "search_curve": search_curve,
        "full": None,
    }


def _how(fidelity: Fidelity, is_shared: bool, is_trained: bool) -> str:
    if not is_shared:
        return f"at {fidelity.epochs:g} epochs" if is_trained else "judged as built"
    return "judged with shared weights" + (
        "" if fidelity.data == 1 else f" on {100 * fidelity.data:.3g} % of the validation data"
    )


def _value(trial: Trial, objective: Objective, worst: float) -> float:
    """A failed trial counts as the worst one seen: random search pays for failures too."""
    value = objective.value(trial.metrics)
    return value if value > float("-inf") and trial.state != TrialState.FAILED else worst


def _grid(n: int) -> set[int]:
    """At most 41 numbers from 1 to n, both included."""
    return {max(1, round(n * k / 40)) for k in range(1, 41)} | {1, n}
