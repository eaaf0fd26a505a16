"""BANANAS: an ensemble of networks predicts scores, and each candidate is judged by one draw from what the ensemble thinks of it.

White, Neiswanger, Savani 2021, "BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture Search",
https://arxiv.org/abs/1910.11858, Algorithm 1, and the authors' code (naszilla). The ensemble is `searchitect.predictors.mlp`.

Differs from the paper:
1. Asynchronous: a model serves ten proposals, each of which draws candidates of its own and takes the best. The paper proposes the ten
   best of one set of candidates, and waits for them.
2. Scores are learned as ranks (quantiles of a normal distribution), so only their order matters. The paper's loss weighs good ones more.
3. Candidates are mutations of the five best and some random architectures. The paper mutates the best and has no random ones in the end.
4. Spaces whose specs hold no graph are encoded decision by decision (one-hot). Other predictors than the ensemble can be chosen.
5. Failed, pruned and infeasible trials are not learned from. The paper has none of them.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.predictors import Predictor, make_predictor
from searchitect.predictors.acquisition import thompson_samples
from searchitect.strategies.observed import Observed, candidates, normal_scores, scores_of
from searchitect.strategies.seen import Seen


class Bananas(Strategy):
    """Bayesian optimisation with a neural predictor and independent Thompson sampling, over any space that can sample and mutate.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator and of the predictor; global generators are never touched.
        initial: how many random architectures must have ended well before the predictor is used, at least 1.
        per_model: how many further results a predictor serves for, until it is fitted anew, at least 1.
        parents: how many of the best are mutated, at least 1.
        mutations: how many mutations are candidates for one proposal, at least 0.
        draws: and how many random architectures are, at least 1.
        predictor: its name (`searchitect.predictors`): ``mlp-ensemble`` in the paper.
        predictor_options: of the predictor.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "mutate"})
    summary: ClassVar[str] = "neural ensemble on a path encoding, independent Thompson sampling (White et al. 2021)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        initial: int = 10,
        per_model: int = 10,
        parents: int = 5,
        mutations: int = 120,
        draws: int = 60,
        predictor: str = "mlp-ensemble",
        predictor_options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        sizes = {"initial": initial, "per_model": per_model, "parents": parents, "draws": draws, "mutations": mutations}
        for name, value in sizes.items():
            if value < (least := 0 if name == "mutations" else 1):
                raise SettingError(f"{name} must be at least {least}, got {value}")
        self.initial = initial
        self.per_model = per_model
        self.parents = parents
        self.mutations = mutations
        self.draws = draws
        self.predictor = predictor
        self._options = dict(predictor_options or {})
        make_predictor(predictor, space, **self._options)  # refused now, where it does not fit
        self._observed = Observed()
        self._seen = Seen(space)
        self._fitted: tuple[int, Predictor] | None = None
        self._random = self._modelled = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        """Random draws first; then the candidate with the largest draw from its predicted distribution."""
        new = self._candidate(rng) if self._observed.additions >= self.initial else None
        return self._seen.propose(None if new is None else Proposal(new), rng)

    def learn(self, trial: Trial) -> None:
        """Keep the result."""
        self.adopt(trial)
        if trial.origin == "random":
            self._random += 1
        else:
            self._modelled += 1
        self._observed.add(trial, self.values(trial))

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [
            f"BANANAS (predictor {self.predictor}, anew every {self.per_model} results): "
            f"{self._random} architectures drawn uniformly, {self._modelled} by the predictor."
        ]

    def _candidate(self, rng: random.Random) -> Architecture | None:
        """``None`` where every candidate was tried."""
        parents = [o.architecture for o in self._observed.best(self.parents)]
        offered = candidates(self.space, self._seen, parents, rng, self.mutations, self.draws)
        if not offered:
            return None
        mean, std = self._model().predict(offered)
        return offered[int(np.argmax(thompson_samples(mean, std, np.random.default_rng(rng.getrandbits(64)))))]

    def _model(self) -> Predictor:
        """Of the first results, whose number follows from how many there are: the same whenever it is made."""
        count = self.initial + (self._observed.additions - self.initial) // self.per_model * self.per_model
        if self._fitted is None or self._fitted[0] != count:
            learned = self._observed.after(count)
            seed = random.Random(f"{self.seed}/{count}").randrange(2**31)
            model = make_predictor(self.predictor, self.space, seed, **self._options)
            model.fit([o.architecture for o in learned], normal_scores(scores_of(learned)))
            self._fitted = count, model
        return self._fitted[1]
