"""What is looked at before the first training: do the networks of the space run, how fast, and can the limits be met?"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from searchitect.core import (
    Architecture,
    Constraint,
    ConstraintError,
    Estimator,
    Fidelity,
    Job,
    SearchitectError,
    Space,
    SpaceError,
    TrialState,
)

CostsOf = Callable[[Architecture, Sequence[str]], Mapping[str, float]]
SAMPLES = 24
DESCENT_SECONDS = 6.0


@dataclass(frozen=True)
class Feasible:
    """Architectures within the limits, and the share of random ones that are."""

    architectures: list[Architecture]
    share: float


def find_feasible(space: Space, constraints: Sequence[Constraint], costs_of: CostsOf, seed: int) -> Feasible:
    """Draw a few architectures; where none is within the limits, walk downhill from the nearest for a few seconds.

    Raises:
        ConstraintError: none was found; names the smallest.
    """
    rng = random.Random(f"{seed}/feasible")
    limits = [c for c in constraints if c.is_cost]
    drawn = [space.sample(rng) for _ in range(SAMPLES)]
    if not limits:
        return Feasible(drawn, 1.0)
    names = [c.metric for c in limits]
    costs = {a: costs_of(a, names) for a in dict.fromkeys(drawn)}

    def off(architecture: Architecture) -> float:
        return sum(c.violation(costs[architecture]) for c in limits)

    found = [a for a in drawn if off(a) == 0]
    if found:
        return Feasible(found, len(found) / len(drawn))
    best = min(drawn, key=off)
    end = time.monotonic() + DESCENT_SECONDS
    while off(best) > 0 and time.monotonic() < end:
        try:
            child = space.mutate(best, rng)
        except SpaceError:
            break
        if child not in costs:
            costs[child] = costs_of(child, names)
        if off(child) <= off(best):
            best = child
    if off(best) == 0:
        return Feasible([best], 0.0)
    nearest = ", ".join(f"{name}={costs[best][name]:.6g}" for name in dict.fromkeys(names))
    raise ConstraintError(
        f"no architecture of the space {space.name!r} was found within {' and '.join(map(str, limits))}: the nearest of {len(costs)} has {nearest}; "
        "loosen the limit or choose another space"
    )


def time_networks(
    estimator: Estimator, job: Job, candidates: Sequence[Architecture], sizes: Callable[[Architecture], float]
) -> list[float]:
    """Train the smallest, the largest and three random candidates for a few steps each, so that mistakes show before the search.

    Returns:
        Seconds per epoch of the random ones (of all, where there are fewer than three).

    Raises:
        SpaceError: one cannot be built or run.
    """
    ordered = sorted(dict.fromkeys(candidates), key=sizes)
    chosen = list(dict.fromkeys([*candidates[:3], ordered[0], ordered[-1]]))
    seconds = []
    for place, architecture in enumerate(chosen):
        rows = job.task.info.train_rows
        for epochs in (min(1.0, 64 / rows), min(1.0, 1024 / rows)):  # the first one warms up and is not counted
            began = time.monotonic()
            try:
                measured = estimator.evaluate(_short(job, architecture, epochs))
            except SearchitectError:
                raise
            except Exception as error:
                raise SpaceError(
                    f"a network of the space {job.space.name!r} does not run ({type(error).__name__}: {error}); its spec is {architecture.text}"
                ) from error
            if measured.state == TrialState.FAILED and "diverged" not in measured.reason and "finite" not in measured.reason:
                raise SpaceError(
                    f"a network of the space {job.space.name!r} does not run: {measured.reason}; its spec is {architecture.text}"
                )
            taken = (time.monotonic() - began) / epochs
        if place < 3:
            seconds.append(taken)
    return seconds


def _short(job: Job, architecture: Architecture, epochs: float) -> Job:
    return Job(job.space, architecture, job.task, Fidelity(epochs), horizon=epochs, seed=job.seed, threads=job.threads)
