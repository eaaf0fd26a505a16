"""A search strategy of your own: say what to try next (propose) and what to remember (learn)."""

from searchitect import Objective, Proposal, Strategy, TrialState, search
from searchitect.testing import ToySpace, check_strategy, simulate, toy_score


class HillClimbing(Strategy):
    """Change one decision of the best architecture so far; now and then draw a fresh one."""

    needs = frozenset({"sample", "mutate"})

    def __init__(self, space, objectives, *, seed=0, fresh=0.2):
        super().__init__(space, objectives, seed=seed)
        self.fresh = fresh
        self.best = None

    def propose(self, rng):
        if self.best is None or rng.random() < self.fresh:
            return Proposal(self.space.sample(rng), is_random=True)
        return Proposal(self.space.mutate(self.best.architecture, rng), parent=self.best.id)

    def learn(self, trial):
        better = self.best is None or self.values(trial) > self.values(self.best)
        if trial.state == TrialState.COMPLETE and better:
            self.best = trial


if __name__ == "__main__":
    # the contract: seeds reproduce, an interrupted search goes on, failures and unknown trials do no harm
    check_strategy(lambda space, objectives, seed: HillClimbing(space, objectives, seed=seed))
    # a try without training: the best of 100 on a toy function
    climber = HillClimbing(ToySpace(), [Objective("score", "max")])
    print("toy:", max(t.metrics["score"] for t in simulate(climber, lambda spec, _: toy_score(spec), trials=100)))
    result = search("digits", strategy=HillClimbing, strategy_options={"fresh": 0.1}, budget="20s", out="runs/03_own_strategy")
    print(result.summary["sentence"])
