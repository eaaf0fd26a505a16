"""Begin with the best of many by a zero-cost proxy: many architectures are scored untrained, the first trials go to the best of them.

Abdelfattah, Mehrotra, Dudziak, Lane 2021, "Zero-Cost Proxies for Lightweight NAS", https://arxiv.org/abs/2101.08134, section 5.1
(zero-cost warmup).

Differs from the paper:
1. The proxy is relied on only after random trials have shown that it ranks this space on these data: the bootstrap interval of its rank
   correlation with their scores must lie above 0. The paper relies on it from the start.
2. Any strategy can follow (``inner``), which is told of the chosen trials; the paper warms up evolution, REINFORCE and a predictor.
3. 200 architectures are scored by default, since a network of one's own takes a tenth of a second; the paper scores up to 3,000.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.strategies.inner import inner_strategy
from searchitect.strategies.trusted import Proxy, TrustedLayer, TrustedProxy


class ZeroCostWarmStart(Strategy):
    """A layer over another strategy: random trials that judge the proxy, then the best of a pool by it, then the inner strategy.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator, of its pool, and of ``inner`` where that is a name.
        inner: what follows: a strategy's name, or a strategy that does not choose fidelities.
        inner_options: of ``inner``, where that is a name.
        proxy: the name of a proxy, which the search resolves for its task, or a function: architecture -> score, higher is better.
        pool: architectures drawn at random and scored.
        first: how many of them, the best, are proposed.
        check: random trials with a score by which the proxy is judged; see `searchitect.strategies.trusted.TrustedProxy`.
    """

    summary: ClassVar[str] = "layer: begins with the best of many by a zero-cost proxy (Abdelfattah et al. 2021)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        inner: str | Strategy = "regularized-evolution",
        inner_options: Mapping[str, Any] | None = None,
        proxy: str | Proxy = "synflow",
        pool: int = 200,
        first: int = 10,
        check: int = 10,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if not 1 <= first <= pool:
            raise SettingError(f"first must lie in [1, pool], got first={first} with pool={pool}")
        self.inner = inner_strategy(inner, space, objectives, seed, inner_options)
        self.pool, self.first = pool, first
        self._layer = TrustedLayer(self.inner, TrustedProxy(proxy, check))
        self._best: list[Architecture] | None = None

    def propose(self, rng: random.Random) -> Proposal | None:
        """A random draw while the proxy lacks trials to be judged by; the best of the pool while it is relied on; the inner strategy's."""
        return self._layer.propose(self._next_chosen, rng)

    def learn(self, trial: Trial) -> None:
        """Judge by it, and pass it on."""
        self._layer.learn(trial, self.values(trial))

    def adopt(self, trial: Trial) -> None:
        """Remember what runs, and pass it on."""
        self._layer.adopt(trial)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        taken = sum(a in self._layer.seen for a in self._best or [])
        more = f" {taken} of the best {self.first} of {self.pool} by it were tried." if self._best is not None else ""
        return self._layer.notes("Zero-cost warm start", more)

    def _next_chosen(self) -> Proposal | None:
        """The best of the pool that was not tried yet."""
        chosen = next((a for a in self._chosen() if a not in self._layer.seen), None)
        return None if chosen is None else Proposal(chosen)

    def _chosen(self) -> list[Architecture]:
        """The best of the pool, the best first; the pool follows from the seed."""
        if self._best is None:
            rng, drawn = random.Random(f"{self.seed}/pool"), dict[str, Architecture]()
            for _ in range(self.pool):
                architecture = self.space.sample(rng)
                drawn.setdefault(self.space.key(architecture), architecture)
            self._best = sorted(drawn.values(), key=self._layer.proxy.score, reverse=True)[
                : self.first
            ]  # equal ones: the first drawn
        return self._best
