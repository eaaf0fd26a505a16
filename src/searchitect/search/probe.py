"""What is looked at before the first training: do the networks of the space run, how fast, and can the limits be met?"""

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

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
    TaskInfo,
    TrialState,
)

CostsOf = Callable[[Architecture, Sequence[str]], Mapping[str, float]]
RANDOM_ONES = 3
"""Networks that tell how long a typical training takes."""
COUNT_SECONDS = 0.6
"""For counting the multiply-adds of networks before the search: users wait."""
PROBE_SECONDS = 0.8
"""After so many no further network is timed, but for a training's first use of torch."""
SAMPLES = 24
DESCENT_SECONDS = 6.0


@dataclass(frozen=True)
class Feasible:
    """Architectures within the limits, and the share of random ones that are."""

    architectures: list[Architecture]
    share: float


def cost_measurer(space: Space, info: TaskInfo) -> CostsOf:
    """What measures the costs of the networks of a space on a task.

    It raises `SpaceError` for a network that cannot be built or run, and what `searchitect.costs.measure_costs` raises.
    """
    from searchitect.costs import measure_costs
    from searchitect.networks import build

    def costs_of(architecture: Architecture, names: Sequence[str]) -> Mapping[str, float]:
        try:
            return measure_costs(lambda: build(space, architecture.spec, info), info.input_shape, names)
        except SearchitectError:
            raise
        except Exception as error:  # a user's own build may raise anything
            raise SpaceError(
                f"a network of the space {space.name!r} cannot be built or run ({type(error).__name__}: {error}); its spec is {architecture.text}"
            ) from error

    return costs_of


def find_feasible(space: Space, constraints: Sequence[Constraint], costs_of: CostsOf, seed: int | str) -> Feasible:
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


def counted(
    candidates: Sequence[Architecture], count: Callable[[Architecture], float], limit: float = COUNT_SECONDS
) -> dict[Architecture, float]:
    """Sizes of the candidates in their order, of as many as a time limit allows; of the first three in any case."""
    end = time.monotonic() + limit
    sizes: dict[Architecture, float] = {}
    for architecture in candidates:
        if len(sizes) >= RANDOM_ONES and time.monotonic() > end:
            break
        sizes[architecture] = count(architecture)
    return sizes


def time_networks(
    estimator: Estimator, job: Job, candidates: Sequence[Architecture], sizes: Callable[[Architecture], float]
) -> dict[Architecture, float]:
    """Train three random candidates, the largest and the smallest for a few steps each, so that mistakes show before the search.

    Of slow ones fewer, but at least a random one.

    Returns:
        Architecture -> seconds per epoch, without building and looking at the validation part; the random ones first.

    Raises:
        SpaceError: one cannot be built or run.
    """
    ordered = sorted(dict.fromkeys(candidates), key=sizes)
    few, many = (64, 256) if job.task.info.is_text else (64, 576)  # a segment of a text takes longer than a row or an image
    short, long = (min(1.0, rows / job.task.info.train_rows) for rows in (few, many))
    seconds: dict[Architecture, float] = {}
    end = math.inf
    for architecture in dict.fromkeys([*candidates[:RANDOM_ONES], ordered[-1], ordered[0]]):
        if seconds and time.monotonic() > end:
            break
        _seconds(estimator, _for_a_while(job, architecture, short))  # warms up: memory, kernels
        end = min(end, time.monotonic() + PROBE_SECONDS)
        overhead = _seconds(estimator, _for_a_while(job, architecture, short))
        whole = _seconds(estimator, _for_a_while(job, architecture, long))
        seconds[architecture] = max(whole - overhead, 0.1 * whole) / max(long - short, 0.1 * long)
    return seconds


def _seconds(estimator: Estimator, job: Job) -> float:
    began = time.monotonic()
    shown = f"a network of the space {job.space.name!r} does not run"
    try:
        measured = estimator.evaluate(job)
    except SearchitectError:
        raise
    except Exception as error:
        raise SpaceError(f"{shown} ({type(error).__name__}: {error}); its spec is {job.architecture.text}") from error
    if measured.state == TrialState.FAILED and "diverged" not in measured.reason and "finite" not in measured.reason:
        raise SpaceError(f"{shown}: {measured.reason}; its spec is {job.architecture.text}")
    return time.monotonic() - began


def _for_a_while(job: Job, architecture: Architecture, epochs: float) -> Job:
    return replace(
        job, architecture=architecture, fidelity=Fidelity(epochs), horizon=10 * epochs
    )  # not the end of a schedule: a short look
