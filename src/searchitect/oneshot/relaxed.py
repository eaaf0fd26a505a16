"""Decisions learned by gradient: a relaxation of every open choice, and a rule of what a step learns from what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from searchitect.core import Objective, SettingError, Space, Strategy
from searchitect.oneshot.choices import Choice
from searchitect.oneshot.derive import Probabilities, concentration, most_likely
from searchitect.oneshot.derived import Derived
from searchitect.oneshot.feed import Batch
from searchitect.oneshot.method import Method, Outcome, Schedule
from searchitect.oneshot.option_costs import KINDS, ExpectedCost, above, additive, expected_cost
from searchitect.oneshot.relaxation import Relaxation, Weights
from searchitect.oneshot.training import SupernetTraining

Rule = Callable[["Relaxed", SupernetTraining, Batch, Batch], float]
"""One step of weights and logits (`searchitect.oneshot.rules`); gives the loss of the weights."""

Guard = Callable[["Relaxed", SupernetTraining, Mapping[str, Any]], dict[str, Any]]
"""Looks at what `Relaxed.end_epoch` tells of an epoch, may stop the training, and gives what it wants told besides; under "keep" the
decisions of the architecture that is to be derived (`searchitect.oneshot.guards`)."""

Selection = Callable[["Relaxed", SupernetTraining], Mapping[str, Any]]
"""Derives the architecture from the trained supernet in a way of its own, in the time that the training has left; gives its ``decisions``,
and under ``notes`` sentences for the report."""

SELECTION_SHARE = 0.3
"""Part of the training's time that is kept for a selection."""


@final
class Relaxed(Method):
    """A method that learns logits for the open choices of a supernet.

    Args:
        relaxation: from logits to weights.
        rule: what a step does.
        schedule: of the weights.
        learning_rate, betas, weight_decay: of Adam on the logits; the defaults are those of DARTS.
        warm_up: part of the search during which the logits stay as they are, in [0, 1).
        weighs_edges: relax choices of several, such as a node's edges, too; otherwise all of them are summed, each with weight 1, and
            the architecture takes those whose best option is the most likely.
        never: labels that the derived architecture does not take where there is another one, such as "none" in DARTS.
        guard: stops the search early where it goes wrong.
        selection: derives the architecture; ``None``: the most likely options (`searchitect.oneshot.derive.most_likely`).
        cost_weight: of each cost (params, macs or latency) that is an objective of the run, in the loss of the logits: so many times the
            expected cost, in parts of the limit on it or, without one, of the mean over all networks of the supernet; at least 0. Each of
            the run's limits on a cost adds a term of its own, which is felt where the expected cost is over it.

    Attributes:
        choices: all of the supernet.
        logits: path -> parameter [options], of every relaxed choice.
        fixed: path -> weights of its options in the place of those that the relaxation gives.
        kept: what a rule keeps from step to step, by name; it is saved and restored.
        costs: kind -> the expected cost, of the costs that are objectives or limited.
    """

    def __init__(
        self,
        relaxation: Relaxation,
        rule: Rule,
        schedule: Schedule,
        *,
        learning_rate: float = 3e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        weight_decay: float = 1e-3,
        warm_up: float = 0.0,
        weighs_edges: bool = False,
        never: Sequence[str] = ("none",),
        guard: Guard | None = None,
        selection: Selection | None = None,
        cost_weight: float = 0.1,
    ) -> None:
        super().__init__(schedule)
        check_cost_weight(cost_weight)
        self.relaxation, self.rule = relaxation, rule
        self.learning_rate, self.betas, self.weight_decay = learning_rate, betas, weight_decay
        self.warm_up, self.weighs_edges, self.never = warm_up, weighs_edges, tuple(never)
        self.guard, self.selection, self.cost_weight = guard, selection, cost_weight
        self.closing = SELECTION_SHARE if selection is not None else 0.0
        self.logits: dict[str, nn.Parameter] = {}
        self.fixed: dict[str, Weights] = {}
        self.kept: dict[str, Tensor] = {}
        self.choices: list[Choice] = []
        self.costs: dict[str, ExpectedCost] = {}

    def begin(self, training: SupernetTraining) -> None:
        generator = torch.Generator().manual_seed(training.seed)
        self.choices = training.choices
        self.logits = {
            choice.path: nn.Parameter(self.relaxation.initial(len(choice.labels), generator).to(training.device))
            for choice in training.choices
            if choice.path in training.has_choices and len(choice.labels) > 1 and (choice.k is None or self.weighs_edges)
        }
        self.optimizer = torch.optim.Adam(
            list(self.logits.values()), lr=self.learning_rate, betas=self.betas, weight_decay=self.weight_decay
        )

        wanted = dict.fromkeys([*self.wanted_costs, *self._upper_limits])
        if wanted:
            example = training.feed.ready(training.feed.x[:1].to(training.device))
            self.costs = {kind: expected_cost(training.network, example, kind) for kind in wanted}

    def arrange(self, training: SupernetTraining) -> None:
        self.relax(training)

    def step(self, training: SupernetTraining, batch: Batch, held: Batch) -> float:
        return self.rule(self, training, batch, held)

    def end_epoch(self, training: SupernetTraining) -> dict[str, Any]:
        probabilities = self.probabilities()
        told = {
            "probabilities": {path: [round(p, 5) for p in values] for path, values in probabilities.items()},
            "entropy": concentration(probabilities),
            "derived": dict(most_likely(training.space, self.choices, probabilities, self.never).decisions),
        }
        return told | (self.guard(self, training, told) if self.guard is not None else {})

    def finish(self, training: SupernetTraining) -> dict[str, Any]:
        kept = training.history[-1].get("keep")
        if kept is None and self.selection is not None:
            return dict(self.selection(self, training))
        return {} if kept is None else {"decisions": kept}

    def candidates(self, space: Space, objectives: Sequence[Objective], seed: int, outcome: Outcome) -> Strategy:
        logits = {k.removeprefix("logits/"): v for k, v in outcome.state.items() if k.startswith("logits/")}
        probabilities = {path: self.relaxation.probabilities(values).tolist() for path, values in logits.items()}
        return Derived(
            space,
            objectives,
            seed=seed,
            probabilities=probabilities,
            choices=self.choices,
            never=self.never,
            first=outcome.found.get("decisions"),
            said=outcome.found.get("notes", ()),
        )

    def state(self) -> Mapping[str, Tensor]:
        found = {f"logits/{path}": values.detach() for path, values in self.logits.items()}
        for path, parameter in self.logits.items():
            found |= {f"adam/{path}/{name}": value for name, value in self.optimizer.state.get(parameter, {}).items()}
        found |= {f"cost/{kind}": cost.state() for kind, cost in self.costs.items()}
        return found | {f"kept/{name}": value for name, value in self.kept.items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        self.kept = {name.removeprefix("kept/"): value.clone() for name, value in state.items() if name.startswith("kept/")}
        for kind, cost in self.costs.items():
            if f"cost/{kind}" in state:
                cost.load(state[f"cost/{kind}"])
        with torch.no_grad():
            for path, parameter in self.logits.items():
                parameter.copy_(state[f"logits/{path}"])
                moments = {name: state.get(f"adam/{path}/{name}") for name in ("step", "exp_avg", "exp_avg_sq")}
                if all(value is not None for value in moments.values()):
                    self.optimizer.state[parameter] = {k: v.clone() for k, v in moments.items() if v is not None}

    # --- what rules use ------------------------------------------------------------------------------------------------------

    def is_warm(self, training: SupernetTraining) -> bool:
        """Whether the logits are learned already."""
        return training.progress >= self.warm_up

    @property
    def wanted_costs(self) -> list[str]:
        """The costs that are to be small, of those that are known of each option."""
        return [o.metric for o in self.objectives if o.metric in KINDS and o.direction == "min"]

    @property
    def _upper_limits(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for limit in self.limits:
            if limit.metric in KINDS and limit.relation in ("<=", "<"):
                found[limit.metric] = min(limit.limit, found.get(limit.metric, limit.limit))
        return found

    def reference(self, kind: str) -> float:
        """What a cost is measured in: the limit on it, else its mean over all networks of the supernet."""
        return self._upper_limits.get(kind, self.costs[kind].mean) or 1.0  # where nothing costs anything

    def relax(self, training: SupernetTraining) -> Mapping[str, Weights]:
        """Set the network to what the relaxation makes of the logits, and give it by path; called again in a step, it draws anew."""
        taken = {choice.path: choice.k or 1 for choice in self.choices}
        weights = {
            path: self.relaxation.weigh(values, training.generator, training.progress, taken[path])
            for path, values in self.logits.items()
        } | self.fixed
        training.set_weights(weights)
        return weights

    def update_logits(self, gradients: Sequence[Tensor]) -> None:
        """One step of Adam."""
        penalty = self._penalty()
        if penalty is not None:
            own = torch.autograd.grad(penalty, list(self.logits.values()), materialize_grads=True)
            gradients = [g + o for g, o in zip(gradients, own, strict=True)]
        before = {path: values.detach().clone() for path, values in self.logits.items()}
        for parameter, gradient in zip(self.logits.values(), gradients, strict=True):
            parameter.grad = gradient
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            for path, values in self.logits.items():
                self.relaxation.after_update(values, before[path])

    def _penalty(self) -> Tensor | None:
        """Of the relaxation, and of what the network is expected to cost; ``None``: nothing is added."""
        terms = [self.relaxation.penalty(list(self.logits.values()))]
        if self.costs:
            likely = {path: self.relaxation.probabilities(values) for path, values in self.logits.items()}
            expected = {kind: cost.expected(likely) for kind, cost in self.costs.items()}
            terms += [additive(expected[kind], self.cost_weight, self.reference(kind)) for kind in self.wanted_costs]
            terms += [above(expected[kind], limit) for kind, limit in self._upper_limits.items()]
        known = [term for term in terms if term is not None]
        return torch.stack([term.cpu() for term in known]).sum() if known else None

    def probabilities(self) -> Probabilities:
        """How likely each option is to be right, by path."""
        with torch.no_grad():
            return {path: self.relaxation.probabilities(values).tolist() for path, values in self.logits.items()}


def check_cost_weight(weight: float) -> None:
    """Raises `SettingError` outside of [0, 1000]."""
    if not 0 <= weight <= 1000:
        raise SettingError(f"cost_weight must lie in [0, 1000], got {weight:g}")
