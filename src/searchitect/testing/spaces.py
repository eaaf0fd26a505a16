"""The contract of a search space."""

import itertools
import json
import pickle
import random
from typing import Any, Final

from searchitect.core.architecture import Architecture
from searchitect.core.space import Space
from searchitect.testing.generators import global_generators_untouched

_LISTED: Final = 2_000


def check_space(space: Space, samples: int = 50) -> None:
    """Check that ``space`` keeps the contract of `Space`. Cheap: nothing is built.

    Args:
        space: what to check.
        samples: how many architectures to draw, at least 1.

    Raises:
        AssertionError: with one sentence that says what does not hold.
    """
    assert samples >= 1, f"samples must be at least 1, got {samples}"
    with global_generators_untouched(f"the space {space.name!r}"):
        drawn = [space.sample(random.Random(seed)) for seed in range(samples)]
        again = [space.sample(random.Random(seed)) for seed in range(samples)]
        assert drawn == again, f"the space {space.name!r} describes another architecture for the same decisions"
        _check_copies(space, drawn)
        offered = space.abilities()
        is_single = (
            "enumerate" in offered and _check_enumeration(space, "open" in offered or space.known_size() is not None) == 1
        )
        for seed, architecture in enumerate(drawn):
            _check_architecture(space, architecture)
            if not is_single:
                _check_mutation(space, architecture, seed)
        if "crossover" in offered:
            _check_crossover(space, drawn)


def _check_copies(space: Space, drawn: list[Architecture]) -> None:
    """Workers get a pickled copy; a run's record holds the constructor's arguments as JSON."""
    try:
        copied = pickle.loads(pickle.dumps(space))
    except Exception as error:
        raise AssertionError(f"the space {space.name!r} cannot be pickled, which workers need: {error}") from error
    config = json.loads(json.dumps(space.config()))
    try:
        rebuilt = type(space)(**config)
    except Exception as error:
        raise AssertionError(
            f"the space {space.name!r} cannot be made again from its config {config}: make it a frozen dataclass ({error})"
        ) from error
    for what, other in (("its pickled copy", copied), (f"one made again from its config {config}", rebuilt)):
        same = [other.sample(random.Random(seed)) for seed in range(len(drawn))]
        assert same == drawn, f"the space {space.name!r} samples other architectures than {what}"


def _check_architecture(space: Space, architecture: Architecture) -> None:
    """It survives JSON, its decisions lead to it, and its canonical form is stable."""
    spec = architecture.spec
    decisions = json.loads(json.dumps(dict(architecture.decisions)))
    if decisions:
        assert space.decide(decisions) == architecture, f"the recorded decisions {decisions} do not lead back to {architecture}"
    canonical = space.canonical(spec)
    assert spec == architecture.spec, f"canonical() of the space {space.name!r} changes the spec it is given: work on a copy"
    assert space.canonical(json.loads(json.dumps(canonical))) == canonical, (
        f"canonical() twice is not canonical() once: {architecture}"
    )
    assert space.key(architecture) == space.key(Architecture(spec, decisions)), (
        f"the key changes on the way through JSON: {architecture}"
    )


def _check_mutation(space: Space, parent: Architecture, seed: int) -> None:
    child, twin = (space.mutate(parent, random.Random(seed)) for _ in range(2))
    assert child == twin, f"mutation with the same generator gives another child of {parent}"
    if "edit" not in space.abilities():
        changed = {path for path, value in parent.decisions.items() if child.decisions.get(path, value) != value}
        gone = set(parent.decisions) - set(child.decisions)
        assert changed | gone, f"mutation changed no decision of {parent}"
        assert space.decide(dict(child.decisions)) == child, f"the mutated {child} does not follow from its decisions"


def _check_crossover(space: Space, drawn: list[Architecture]) -> None:
    for first, second in itertools.pairwise(drawn):
        child = space.crossover(first, second, random.Random(0))
        assert space.decide(dict(child.decisions)) == child, f"crossover gave {child}, which does not follow from its decisions"


def _check_enumeration(space: Space, is_counted: bool) -> int:
    """Every way to decide once; as many as the space says. How many were listed."""
    listed = list(itertools.islice(_decisions(space), _LISTED + 1))
    assert len(set(listed)) == len(listed), f"the enumeration of the space {space.name!r} gives the same decisions twice"
    if is_counted:
        size = space.size()
        assert size == len(listed) or (len(listed) > _LISTED and size is not None and size > _LISTED), (
            f"the space {space.name!r} has {size} architectures by its open spec or its formula, but enumeration gives {len(listed)}"
        )
    return len(listed)


def _decisions(space: Space) -> Any:
    return (json.dumps(dict(architecture.decisions), sort_keys=True) for architecture in space.enumerate())
