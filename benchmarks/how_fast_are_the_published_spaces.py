"""Every space of the catalogue at its published size: 1,000 samples, keys; and building DARTS V2 at C=36 with 20 layers.

Sampling knows no torch. Median of five rounds each.
"""

import random
import statistics
import subprocess
import sys
import timeit

from measuring import save

from searchitect.spaces import make_space, space_names

SAMPLES = 1000
BUILD = """
import timeit
import torch
from searchitect.networks import published
torch.set_num_threads(1)
published("darts-v2", channels=36, layers=20)
print(timeit.timeit(lambda: published("darts-v2", channels=36, layers=20), number=1))
"""


def main(rounds: int = 5) -> None:
    rows = []
    for name in space_names():
        space, rng = make_space(name), random.Random(0)
        drawn = [space.sample(rng) for _ in range(SAMPLES)]
        sampling = [timeit.timeit(lambda: [space.sample(rng) for _ in range(SAMPLES)], number=1) for _ in range(rounds)]  # noqa: B023 - called at once
        keys = [timeit.timeit(lambda: [space.key(one) for one in drawn], number=1) for _ in range(rounds)]  # noqa: B023 - called at once
        rows.append(
            {
                "space": name,
                "seconds for 1,000 samples": statistics.median(sampling),
                "microseconds a key": statistics.median(keys) / SAMPLES * 1e6,
            }
        )
    assert "torch" not in sys.modules
    built = [
        float(subprocess.run([sys.executable, "-c", BUILD], capture_output=True, text=True, check=True).stdout)
        for _ in range(rounds)
    ]
    slowest = max(rows, key=lambda row: row["seconds for 1,000 samples"])
    save(
        "how_fast_are_the_published_spaces",
        "every space samples 1,000 architectures in under a second without torch; building DARTS V2 (C=36, 20 layers) takes under 0.3 s",
        {
            "slowest": f"{slowest['space']}, {slowest['seconds for 1,000 samples']:.2f} s",
            "seconds to build DARTS V2": statistics.median(built),
            "rows": rows,
        },
    )


if __name__ == "__main__":
    main()
