"""Look before each step: what a strategy proposes, and mutations of it, are scored by a zero-cost proxy, and the best is tried.

Abdelfattah, Mehrotra, Dudziak, Lane 2021, "Zero-Cost Proxies for Lightweight NAS", https://arxiv.org/abs/2101.08134, section 5.1
(zero-cost move proposal).

Differs from the paper:
1. The proxy is relied on only after random trials have shown that it ranks this space on these data: the bootstrap interval of its rank
   correlation with their scores must lie above 0. The paper relies on it from the start.
2. The moves of any strategy (``inner``) are looked at: its proposal and one-decision mutations of that. The paper mutates the parent
   of its evolution.
3. Mutations that were tried are left out.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.strategies.inner import inner_strategy
from searchitect.strategies.observed import candidates
from searchitect.strategies.trusted import Proxy, TrustedLayer, TrustedProxy, imagine


class ZeroCostProposal(Strategy):
    """A layer over another strategy: random trials that judge the proxy, then the best neighbour, by it, of each of its proposals.

    The inner strategy is copied for each proposal, and told of what was chosen in its place.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator, and of ``inner`` where that is a name.
        inner: whose proposals are looked at: a strategy's name, or a strategy that does not choose fidelities.
        inner_options: of ``inner``, where that is a name.
        proxy: the name of a proxy, which the search resolves for its task, or a function: architecture -> score, higher is better.
        mutations: of each proposal; the paper makes 50.
        check: random trials with a score by which the proxy is judged; see `searchitect.strategies.trusted.TrustedProxy`.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "mutate"})
    summary: ClassVar[str] = "layer: tries the best mutation, by a zero-cost proxy, of each proposal (Abdelfattah et al. 2021)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        inner: str | Strategy = "regularized-evolution",
        inner_options: Mapping[str, Any] | None = None,
        proxy: str | Proxy = "synflow",
        mutations: int = 10,
        check: int = 10,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if mutations < 1:
            raise SettingError(f"mutations must be at least 1, got {mutations}; the paper makes 50")
        self.inner = inner_strategy(inner, space, objectives, seed, inner_options)
        self.mutations = mutations
        self._layer = TrustedLayer(self.inner, TrustedProxy(proxy, check))
        self._moved = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        """A random draw while the proxy lacks trials to be judged by; the best move while it is relied on; the inner strategy's."""
        return self._layer.propose(lambda: self._best_move(rng), rng)

    def learn(self, trial: Trial) -> None:
        """Judge by it, and pass it on."""
        self._layer.learn(trial, self.values(trial))

    def adopt(self, trial: Trial) -> None:
        """Remember what runs, and pass it on."""
        self._layer.adopt(trial)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        moved = f" It replaced {self._moved} proposals of this session." if self._moved else ""
        return self._layer.notes("Zero-cost move proposal", moved)

    def _best_move(self, rng: random.Random) -> Proposal | None:
        """The best by the proxy; equal ones: the inner strategy's own. No uniform draw any more, whatever it was."""
        imagined = imagine(self.inner)
        if imagined is None:
            return None
        others = candidates(self.space, self._layer.seen, [imagined.architecture], rng, self.mutations, 0)
        best = max([imagined.architecture, *others], key=self._layer.proxy.score)
        self._moved += best is not imagined.architecture
        return Proposal(best, imagined.fidelity, imagined.parent)
