"""The random generators that everybody shares: whoever draws owns a generator, and leaves these alone."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def global_generators_untouched(who: str) -> Iterator[None]:
    """Raise AssertionError where the block draws from, or seeds, the global generator of ``random`` or ``numpy``."""
    before = _states()
    yield
    after = _states()
    for name, state in before.items():
        assert after[name] == state, f"{who} draws from the global generator {name}: use a generator of its own, with a seed"


def _states() -> dict[str, object]:
    states: dict[str, object] = {"random": random.getstate()}
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        kind, keys, *rest = numpy.random.get_state()
        states["numpy.random"] = (kind, keys.tobytes(), *rest)
    return states
