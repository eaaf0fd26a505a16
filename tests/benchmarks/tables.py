"""Small tables with known answers, made from a formula."""

import numpy as np

from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.testing import CountOnes


def ones_table(bits=6, *, score="valid", noise=0.05, fidelities=(3.0, 9.0, 27.0), seconds=True, name="ones", seed=0):
    """All lists of so many bits; the test score is 0.5 plus half the share of ones, validation is near it, nearer after more epochs."""
    space = CountOnes(bits)
    architectures = list(space.enumerate())
    rng = np.random.default_rng(seed)
    test = np.array([0.5 + 0.5 * sum(a.spec) / bits for a in architectures])
    # ties are broken by tiny amounts, so that the optimum is one architecture
    test -= 0.001 * rng.random(len(test)) * (test < 1)
    valid = test[:, None] + rng.normal(0, noise, (len(test), len(fidelities))) / np.sqrt(np.array(fidelities) / fidelities[0])
    costs = {"params": np.array([100.0 + 10 * sum(a.spec) for a in architectures]), "latency_pi": np.arange(len(test)) / 10.0}
    return TabularBenchmark(
        name=name,
        space=space,
        rows={a.text: row for row, a in enumerate(architectures)},
        epochs=fidelities,
        valid=valid[:, :, None],
        tested=test[:, None],
        costs=costs,
        seconds=np.outer(1 + test, fidelities) if seconds else None,
        score=score,
        source="a formula",
    )
