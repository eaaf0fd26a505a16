"""CPU microseconds of ask and tell together on NAS-Bench-201's space, beside a bare loop of random cells in the same run.

Scores are made of a hash of the architecture, so that nothing is looked up. Median of five runs of 1,000 evaluations; strategies with a model make 300.
"""

import random
import statistics
import time
import zlib
from typing import Any

from measuring import save

from searchitect.core import Fidelity, Objective, Strategy, Trial, TrialState
from searchitect.spaces.nasbench201 import OPERATIONS, NasBench201
from searchitect.strategies import make_strategy, strategy_names

SPACE = NasBench201(merges=False)
OPTIONS: dict[str, dict[str, Any]] = {"regularized-evolution": {"population_size": 10, "sample_size": 3}}
HEAVY = ("auto", "bananas", "bohb", "gp", "learning-curve", "mcts", "ppo", "progressive", "q-learning", "reinforce", "tpe")
LEFT_OUT = ("progressive", "zero-cost-warm-start", "zero-cost-proposal")  # the space cannot grow; a proxy builds networks


def score_of(text: str) -> float:
    return zlib.crc32(text.encode()) / 2**32


def spend(strategy: Strategy, evaluations: int) -> float:
    """CPU microseconds per evaluation."""
    usual, began = Fidelity(200), time.process_time()
    for number in range(evaluations):
        proposal = strategy.ask()
        if proposal is None:
            break
        architecture = proposal.architecture
        trial = Trial(
            id=number,
            architecture=architecture,
            key=SPACE.key(architecture),
            fidelity=proposal.fidelity or usual,
            seed=0,
            origin="random" if proposal.is_random else "strategy",
            parent=proposal.parent,
            resume=proposal.resume,
            state=TrialState.COMPLETE,
            metrics={"accuracy": score_of(architecture.text)},
        )
        strategy.tell(trial)
    return (time.process_time() - began) / evaluations * 1e6


def bare(evaluations: int) -> float:
    """What a loop costs that draws six operations and looks up a score, without any library."""
    rng, best, began = random.Random(0), 0.0, time.process_time()
    for _ in range(evaluations):
        best = max(best, score_of("".join(rng.choice(OPERATIONS) for _ in range(6))))
    return (time.process_time() - began) / evaluations * 1e6


def main() -> None:
    rows = [{"strategy": "bare loop", "microseconds": statistics.median(bare(1000) for _ in range(5)), "evaluations": 1000}]
    for name in strategy_names():
        if name in LEFT_OUT:
            continue
        evaluations = 300 if name in HEAVY else 1000
        times = []
        for seed in range(5):
            strategy = make_strategy(name, SPACE, [Objective("accuracy", "max")], seed, **OPTIONS.get(name, {}))
            times.append(spend(strategy, evaluations))
        rows.append({"strategy": name, "microseconds": statistics.median(times), "evaluations": evaluations})
        print(rows[-1], flush=True)
    save(
        "what_do_ask_and_tell_cost",
        "regularized evolution costs at most 40 microseconds an evaluation, the proposals of bananas less than half a second at 300 observations",
        {
            "bananas_slowest_proposal_seconds": slowest_proposal("bananas"),
            "gp_slowest_proposal_seconds": slowest_proposal("gp"),
            "rows": rows,
        },
    )


def slowest_proposal(name: str) -> float:
    """CPU seconds of the proposal for which the model is fitted to 300 observations."""
    strategy = make_strategy(name, SPACE, [Objective("accuracy", "max")], 0)
    spend(strategy, 300)
    began = time.process_time()
    strategy.ask()
    return time.process_time() - began


if __name__ == "__main__":
    main()
