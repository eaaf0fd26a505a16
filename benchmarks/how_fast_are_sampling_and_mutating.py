"""Sampling and mutating a cell space of 28 decisions, the size of DARTS's. Median of nine rounds of 2,000."""

import random
import statistics
import timeit
from typing import Any

from measuring import save

from searchitect.core import Chooser, Space

OPERATIONS = ["max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"]


class Cells(Space):
    """Two cells of seven nodes with two operations each."""

    name = "cells"

    def describe(self, choose: Chooser) -> Any:
        return {
            kind: [[choose(f"{kind}/{node}/{edge}/op", OPERATIONS) for edge in (0, 1)] for node in range(7)]
            for kind in ("normal", "reduction")
        }


def main(rounds: int = 9, number: int = 2000) -> None:
    space, rng = Cells(), random.Random(0)
    parent = space.sample(rng)
    assert len(parent.decisions) == 28
    found = {}
    for name, action in {"sample": lambda: space.sample(rng), "mutate": lambda: space.mutate(parent, rng)}.items():
        times = [timeit.timeit(action, number=number) / number * 1e6 for _ in range(rounds)]
        found[f"{name}_microseconds"] = statistics.median(times)
    save("how_fast_are_sampling_and_mutating", "at most 150 microseconds each", found)


if __name__ == "__main__":
    main()
