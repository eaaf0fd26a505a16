"""What a cheap estimator says of architectures."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from searchitect.core import Architecture, SettingError, Space, unknown_name
from searchitect.trust.known import Known
from searchitect.trust.on_data import OnDone
from searchitect.trust.one_shot import ONE_SHOT, shared_scores

CURVES: Final = ("last-value", "learning-curve")
FROM_SCRATCH: Final = "from-scratch"
_FOLDS: Final = 2
_LEAST: Final = 1e-6
"""Of a forecast inverse of a perplexity."""


def check_estimator(estimator: str) -> None:
    """Raise `SettingError` where no estimator has that name."""
    from searchitect.predictors import predictor_names
    from searchitect.proxies import proxy_names

    known = [*proxy_names(), FROM_SCRATCH, *predictor_names(), *CURVES, ONE_SHOT]
    if estimator not in known:
        raise unknown_name("estimator", estimator, known)


def make_estimates(
    estimator: str, known: Known, fidelity: float, seed: int, folder: Path, on_done: OnDone = lambda *_: None
) -> list[float]:
    """One number per architecture, higher is better.

    Args:
        estimator: its name.
        known: the architectures.
        fidelity: epochs of a short training, of the beginning of a curve, or of a supernet.
        seed: of a proxy's weights and data, of a predictor, and of a supernet.
        folder: where a supernet is saved.
        on_done: see `searchitect.trust.trust`.
    """
    from searchitect.predictors import predictor_names

    if estimator in predictor_names():
        return cross_predicted(estimator, known.space, known.architectures, known.truth, seed)
    if estimator == FROM_SCRATCH:
        return known.short(fidelity)
    if estimator in CURVES:
        return _from_curves(estimator, known, fidelity, seed)
    if estimator == ONE_SHOT:
        return shared_scores(known, fidelity, seed, folder, on_done)
    from searchitect.proxies import score_all

    if estimator in known.costs:
        return known.costs[estimator]
    return score_all(estimator, known.space, known.task, known.architectures, seed)


def cross_predicted(
    name: str, space: Space, architectures: Sequence[Architecture], truth: Sequence[float], seed: int = 0
) -> list[float]:
    """The prediction for each architecture by a predictor that learned from the half it is not in."""
    from searchitect.predictors import make_predictor

    order = list(range(len(truth)))
    random.Random(f"{seed}/halves").shuffle(order)
    found = [0.0] * len(truth)
    for fold in range(_FOLDS):
        held = order[fold::_FOLDS]
        taught = [place for place in order if place not in set(held)]
        predictor = make_predictor(name, space, seed)
        predictor.fit([architectures[p] for p in taught], [truth[p] for p in taught])
        for place, mean in zip(held, predictor.predict([architectures[p] for p in held])[0].tolist(), strict=True):
            found[place] = mean
    return found


def _from_curves(estimator: str, known: Known, cut: float, seed: int) -> list[float]:
    """The last value at ``cut`` epochs of the whole training's own curve, or what it is extrapolated to."""
    import numpy as np

    found = []
    for epochs, values in known.curves:
        seen = [value for epoch, value in zip(epochs, values, strict=True) if epoch <= cut + 1e-9]
        if len(epochs) < 2 or not seen or cut >= known.full:
            first = f"{min(epochs):g}" if epochs else "none"
            raise SettingError(
                f"{estimator} at {cut:g} epochs: the curves are of {known.full:g} epochs with looks from {first} on; give a fidelity between"
            )
        if estimator == "last-value":
            found.append(seen[-1])
            continue
        if len(seen) < 3:
            raise SettingError(f"learning-curve at {cut:g} epochs: only {len(seen)} looks were taken until then, 3 are needed")
        from searchitect.predictors.curves import extrapolate

        looks = np.arange(2.0, 2 + len(seen))
        last = 1.0 + len(epochs)
        # the shapes are of scores that rise to 1 at most: of a perplexity its inverse does
        rising = np.asarray(seen) if known.sign > 0 else -1 / np.asarray(seen)
        forecast = extrapolate(looks, rising, [last], np.random.default_rng(seed))
        value = float(forecast.weights @ forecast.samples[:, -1])
        found.append(value if known.sign > 0 else -1 / max(value, _LEAST))
    return found
