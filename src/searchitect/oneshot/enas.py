"""ENAS: a controller draws the networks that train the shared weights, and learns from what they reach on held-out data.

Pham, Guan, Zoph, Le, Dean 2018, "Efficient Neural Architecture Search via Parameter Sharing", https://arxiv.org/abs/1802.03268, section 2.2,
and the released code (melodyguan/enas).
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import torch
from torch import Tensor

from searchitect.core import Architecture, Objective, Proposal, SettingError, Space, Strategy, Trial
from searchitect.oneshot.feed import Batch
from searchitect.oneshot.method import Method, Outcome, Schedule
from searchitect.oneshot.training import SupernetTraining
from searchitect.strategies.controller import Controller
from searchitect.training.normalisation import batch_statistics

PERPLEXITY_SCALE: Final = 80.0
"""c in the reward c / perplexity of a language model, section 3.1."""
_TRIES: Final = 20


@dataclass(frozen=True)
class Policy:
    """The controller and how it learns. The defaults are those of the released code for cells.

    Attributes:
        learning_rate: of Adam.
        temperature, squash: of its logits, see `searchitect.strategies.controller.Controller`.
        entropy: weight of the policy's entropy in the reward.
        baseline_decay: of the moving average of the rewards, in [0, 1).
        steps: of the controller after each epoch.
        draws: networks of a step.
        hidden: units of the LSTM.
        skip_share: how many of the skip connections, which are choices between false and true, the policy is pulled to take, in (0, 1); 0: it
            is not pulled.
        skip_weight: of that pull.
    """

    learning_rate: float = 0.0035
    temperature: float = 1.0
    squash: float = 1.1
    entropy: float = 1e-4
    baseline_decay: float = 0.99
    steps: int = 30
    draws: int = 10
    hidden: int = 64
    skip_share: float = 0.0
    skip_weight: float = 0.8

    def __post_init__(self) -> None:
        if self.steps < 1 or self.draws < 1:
            raise SettingError(
                f"the controller needs at least one step of one draw, got steps={self.steps}, draws={self.draws}"
            )
        if not 0 <= self.baseline_decay < 1:
            raise SettingError(f"baseline_decay must lie in [0, 1), got {self.baseline_decay}; the paper's code uses 0.99")
        if not 0 <= self.skip_share < 1 or self.skip_weight < 0:
            raise SettingError(
                f"skip_share must lie in [0, 1) and skip_weight be at least 0, got {self.skip_share} and {self.skip_weight}; the paper has 0.4 and 0.8"
            )
        if self.entropy < 0:
            raise SettingError(f"entropy must be at least 0, got {self.entropy}")

    def controller(self, space: Space, seed: int) -> Controller:
        """One that has learned nothing."""
        return Controller(
            space,
            hidden=self.hidden,
            layers=1,
            learning_rate=self.learning_rate,
            spread=0.1,
            temperature=self.temperature,
            squash=self.squash,
            seed=seed,
        )


@final
class Enas(Method):
    """Phase one, every step: one drawn network learns. Phase two, after every epoch: the controller learns, the weights stay.

    Args:
        schedule: of the weights.
        policy: of the controller.
        candidates: networks drawn from the controller at the end, to be judged.
        share: part of the search's time that training takes.

    Attributes:
        controller: of the supernet's space.
        baseline: the moving average of the rewards; ``None`` before the first.
    """

    def __init__(self, schedule: Schedule, policy: Policy, *, candidates: int = 20, share: float = 0.8) -> None:
        super().__init__(schedule)
        if candidates < 1:
            raise SettingError(f"candidates must be at least 1, got {candidates}")
        if not 0 < share < 1:
            raise SettingError(
                f"share must lie in (0, 1), the part of the search's time for the supernet, got {share}; 0.8 is usual"
            )
        self.policy, self.count, self.share = policy, candidates, share

    def begin(self, training: SupernetTraining) -> None:
        self.controller = self.policy.controller(training.space, training.seed)
        self.baseline: float | None = None
        self._rng = random.Random()

    def arrange(self, training: SupernetTraining) -> None:
        training.take(training.space.sample(random.Random(0)).decisions)

    def step(self, training: SupernetTraining, batch: Batch, held: Batch) -> float:
        self._rng.seed(f"{training.seed}/{training.step}")
        training.take(self.controller.draw(self._rng).decisions)
        loss = training.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        training.update_weights()
        return float(loss.detach())

    def end_epoch(self, training: SupernetTraining) -> dict[str, Any]:
        """The controller's phase. Tells the mean reward, and the mean entropy of a draw in nats."""
        self._rng.seed(f"{training.seed}/{training.step}/controller")
        first = training.step * self.policy.steps
        rewards, entropies = [], []
        for batch in training.held_feed.go(first, first + self.policy.steps):
            drawn = [self.controller.draw(self._rng) for _ in range(self.policy.draws)]
            found = [self.reward(training, architecture.decisions, batch) for architecture in drawn]
            log_p, entropy = self.controller.log_probabilities([self.controller.read(a) for a in drawn])
            gains = []
            for reward, bonus in zip(found, entropy.detach().tolist(), strict=True):
                total = reward + self.policy.entropy * bonus
                self.baseline = total if self.baseline is None else self.baseline
                self.baseline += (1 - self.policy.baseline_decay) * (total - self.baseline)
                gains.append(total - self.baseline)
            loss = -(log_p.new_tensor(gains) * log_p).mean()
            self.controller.step(loss + self._skip_penalty(drawn))
            rewards += found
            entropies.append(float(entropy.mean().detach()))
        return {"reward": sum(rewards) / len(rewards), "entropy_of_draws": sum(entropies) / len(entropies)}

    def _skip_penalty(self, drawn: Sequence[Architecture]) -> Tensor | float:
        """Section 2.3: the divergence of each skip's probability from ``skip_share``, summed over those of a layer, the mean over layers and draws."""
        share = self.policy.skip_share
        if share == 0:
            return 0.0
        picks, taken = self.controller.switches([self.controller.read(architecture) for architecture in drawn])
        layers = {pick.site.name.rpartition("/")[0] for pick in picks}
        taken = taken.clamp(1e-6, 1 - 1e-6)
        divergence = taken * (taken / share).log() + (1 - taken) * ((1 - taken) / (1 - share)).log()
        return self.policy.skip_weight * divergence.sum() / max(1, len(layers) * len(drawn))

    def reward(self, training: SupernetTraining, decisions: Mapping[str, Any], batch: Batch) -> float:
        """Of a network on one batch, its own statistics in batch normalisation: accuracy; of a language model 80 / perplexity; else minus the
        loss. Neither weights nor running statistics change. A language model begins without a state, as in the released code: one that
        another cell left behind would count against it."""
        training.take(decisions)
        with torch.no_grad(), batch_statistics(training.network):
            if training.task.info.is_classification:
                found = float((training.network(batch.x).argmax(1) == batch.y).float().mean())
            else:
                loss = float(training.loss(batch.alone()))
                found = PERPLEXITY_SCALE / math.exp(min(loss, 50.0)) if training.task.info.is_text else -loss
        training.network.train()
        return found

    def state(self) -> Mapping[str, Tensor]:
        found = self.controller.checkpoint()
        if self.baseline is not None:
            found["baseline"] = torch.tensor(self.baseline, dtype=torch.float64)
        return found

    def load(self, state: Mapping[str, Tensor]) -> None:
        self.controller.restore(state)
        self.baseline = float(state["baseline"]) if "baseline" in state else None

    def candidates(self, space: Space, objectives: Sequence[Objective], seed: int, outcome: Outcome) -> Strategy:
        controller = self.policy.controller(space, seed)
        controller.restore(outcome.state)
        return ControllerDraws(space, objectives, seed=seed, controller=controller, count=self.count)


@final
class ControllerDraws(Strategy):
    """Different architectures drawn from a controller that does not learn any more, until ``count`` of them were judged."""

    summary: ClassVar[str] = "draws from a controller that was trained with the shared weights"

    def __init__(
        self, space: Space, objectives: Sequence[Objective], *, seed: int = 0, controller: Controller, count: int = 10
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        self.controller, self.count = controller, count
        self._seen: set[str] = set()
        self._judged = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        if self._judged + sum(self._open.values()) >= self.count:
            return None
        for _ in range(_TRIES):
            drawn = self.controller.draw(rng)
            key = self.space.key(drawn)
            if key not in self._seen:
                self._seen.add(key)
                return Proposal(drawn)
        return None  # the controller has settled

    def learn(self, trial: Trial) -> None:
        self._seen.add(trial.key)
        self._judged += trial.is_trained

    def adopt(self, trial: Trial) -> None:
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [f"ENAS: {self._judged} architectures drawn from the trained controller were judged."]
