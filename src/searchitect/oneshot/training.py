"""The one loop that trains a supernet, whatever the method: steps, learning rate, history, and a file to go on from."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core import RunError, Space
from searchitect.costs.counting import build_on_meta
from searchitect.networks import build
from searchitect.networks.mixed import mixed_layers
from searchitect.oneshot.choices import open_choices
from searchitect.oneshot.feed import Batch, Feed, split_rows
from searchitect.oneshot.memory import check_memory, check_weights, step_memory
from searchitect.oneshot.method import Method, Outcome, Schedule
from searchitect.oneshot.relaxation import Weights
from searchitect.tasks import Task
from searchitect.training.checkpoint import read_tensors, write_tensors
from searchitect.training.loop import pick_device

SAVE_EVERY = 20.0
"""Seconds between two savings, about: a killed search loses so much."""
_TIMED_STEPS = 5
_WARM_STEPS = 2


@dataclass(frozen=True)
class Progress:
    """What a progress line shows: steps made and in all, the loss, and the epoch."""

    step: int
    steps: int
    loss: float
    epoch: float


class SupernetTraining:
    """A supernet, what trains it, and where it stands.

    Args:
        space: whose open spec the supernet is built from.
        task: its training part is used, never its validation or test part.
        method: what a step does.
        path: the file (.safetensors) that it is saved in and goes on from. A finished one is not trained again.
        seconds: how long it may take at most, in all its sessions; ``None``: as many epochs as the method's schedule has.
        seed: of the weights, the order of the data and everything random.
        device: "auto" takes a GPU where there is one.
        on_progress: called after every step.

    Attributes:
        network: the supernet.
        choices: its open choices.
        optimizer: of the weights.
        generator: of everything random in a step, but for what layers draw themselves, which follows from the same seed.
        step, steps: made so far, and in all.
        history: one dict per epoch.
    """

    def __init__(
        self,
        space: Space,
        task: Task,
        method: Method,
        path: Path,
        *,
        seconds: float | None = None,
        seed: int = 0,
        device: str = "auto",
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.space, self.task, self.method, self.path = space, task, method, path
        self.seconds, self.seed, self.on_progress = seconds, seed, on_progress
        self.device = pick_device(device)
        self.choices = open_choices(space)
        check_weights(build_on_meta(lambda: build(space, space.open_spec(), task.info)), self.device, space.name)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.network = build(space, space.open_spec(), task.info)
        self.network.to(self.device)
        if task.info.is_image:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._layers = mixed_layers(self.network)
        self.parameters = list(self.network.parameters())
        schedule = method.schedule
        self.optimizer = _make_optimizer(self.parameters, schedule, self.device)
        if schedule.train_share < 1:
            own, held = split_rows(task, schedule.train_share, seed)
        else:
            own = held = torch.arange(len(task.train))
        options: dict[str, Any] = {"augmented": schedule.augmented, "device": self.device}
        self.feed = Feed(task, own, schedule.batch_size, seed=seed, **options)
        ahead = self.feed.per_epoch // 2 if schedule.train_share == 1 and task.info.is_text else 0
        self.held_feed = Feed(task, held, schedule.batch_size, seed=seed + 1, ahead=ahead, **options)
        self.generator = torch.Generator()
        self.history: list[dict[str, Any]] = []
        self.step, self.steps = 0, max(1, round(schedule.epochs * self.feed.per_epoch))
        self.found: dict[str, Any] | None = None
        self._spent, self._began = 0.0, time.monotonic()
        self._is_sized = seconds is None
        self._stop_reason = ""
        self.method.begin(self)
        if path.exists():
            self._restore()
        if self.found is None:
            self.method.arrange(self)
            example = self.feed.ready(self.feed.x[:1].to(self.device))
            check_memory(step_memory(self.network, example, self.feed.batches.batch_size), self.device, space.name)

    # --- what methods use ------------------------------------------------------------------------------------------------

    @property
    def progress(self) -> float:
        """Part of the search that is over, in [0, 1)."""
        return min(self.step / self.steps, 1.0)

    @property
    def rate(self) -> float:
        """The learning rate of the weights in this step."""
        schedule = self.method.schedule
        low, high = schedule.learning_rate_min, schedule.learning_rate
        return low + 0.5 * (high - low) * (1 + math.cos(math.pi * self.progress))

    @property
    def has_choices(self) -> set[str]:
        """The paths of the choices that the network has layers for."""
        return set(self._layers)

    def set_weights(self, weights: Mapping[str, Weights]) -> None:
        """Hand the layers of each path the weights of its options."""
        for path, values in weights.items():
            for layer in self._layers.get(path, ()):
                layer.weights = values

    def take(self, decisions: Mapping[str, Any]) -> None:
        """Set the network to the options that decisions take: the others are not run."""
        for path, layers in self._layers.items():
            if path in decisions:
                taken = [float(t) for t in layers[0].takes(decisions[path])]
                for layer in layers:
                    layer.weights = taken

    def loss(self, batch: Batch) -> Tensor:
        """The loss of the network, as it is set, on a batch of either feed."""
        return self.feed.loss(self.network, batch)

    def update_weights(self) -> None:
        """One step of the optimizer on the gradients that are there; weights without one stay as they are, decay and momentum too."""
        clip = self.method.schedule.gradient_clip
        if clip:
            nn.utils.clip_grad_norm_(self.parameters, clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self._begin_momenta()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _begin_momenta(self) -> None:
        """Fused steps fail where some weights learn for the first time later than others; a momentum of 0 gives the same first step."""
        schedule = self.method.schedule
        if schedule.momentum > 0 and schedule.optimizer == "sgd":
            for parameter in self.parameters:
                if parameter.grad is not None:
                    state = self.optimizer.state[parameter]
                    if state.get("momentum_buffer") is None:
                        state["momentum_buffer"] = torch.zeros_like(parameter)

    def momentum_buffers(self) -> list[Tensor | None]:
        """Of SGD, one per parameter; of Adam there are none."""
        return [self.optimizer.state.get(p, {}).get("momentum_buffer") for p in self.parameters]

    def stop(self, reason: str) -> None:
        """End the training after this epoch, as a rule against collapse does."""
        self._stop_reason = reason

    # --- the loop ----------------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Train to the end, or go on to it.

        Raises:
            RunError: the loss is not finite. The file keeps the last good state.
        """
        self._began = time.monotonic()
        if self.found is None:
            with torch.random.fork_rng(devices=[]):
                self._train()
                self.found = self.method.finish(self)
            self._save()
        return Outcome(self.method.state(), self.found)

    def _train(self) -> None:
        self.network.train()
        per_epoch = self.feed.per_epoch
        losses: list[float] = []
        saved = time.monotonic()
        durations: list[float] = []
        while self.step < self.steps and not self._stop_reason:
            last = min(self.steps, (self.step // per_epoch + 1) * per_epoch)
            batches, held = self.feed.go(self.step, last), self.held_feed.go(self.step, last)
            for _ in range(self.step, last):
                began = time.monotonic()
                self._seed_step()
                loss = self.method.step(self, next(batches), next(held))
                if not math.isfinite(loss):
                    raise self._diverged(f"its loss became {loss} in")
                self.step += 1
                losses.append(loss)
                self.on_progress(Progress(self.step, self.steps, loss, self.step / per_epoch))
                if not self._is_sized:
                    durations.append(time.monotonic() - began)
                    if len(durations) == _WARM_STEPS + _TIMED_STEPS:
                        self._fit_into_time(sorted(durations[_WARM_STEPS:])[_TIMED_STEPS // 2])
                        break  # the number of steps may have changed
                elif self._is_out_of_time():
                    self.steps = self.step
                    break
                if time.monotonic() - saved > SAVE_EVERY and self.step < last:
                    self._save()
                    saved = time.monotonic()
            if self.step % per_epoch == 0 or self.step == self.steps:
                row = {"epoch": self.step / per_epoch, "loss": sum(losses) / max(1, len(losses))}
                self.history.append(row | self.method.end_epoch(self))
                losses.clear()
                self._save()
                saved = time.monotonic()

    def time_steps(self, count: int) -> float:
        """Seconds of a step, the middle one of ``count`` after a first one that is not counted. The training is of no use afterwards."""
        self.network.train()
        durations = []
        with torch.random.fork_rng(devices=[]):
            for batch, held in zip(self.feed.go(0, count + 1), self.held_feed.go(0, count + 1), strict=True):
                began = time.monotonic()
                self._seed_step()
                self.method.step(self, batch, held)
                durations.append(time.monotonic() - began)
        return sorted(durations[1:])[count // 2]

    def _seed_step(self) -> None:
        seed = hash((self.seed, self.step)) & 0x7FFFFFFFFFFFFFFF
        self.generator.manual_seed(seed)
        torch.default_generator.manual_seed(seed)  # augmentation, dropout
        if self.device.type != "cpu":
            torch.manual_seed(seed)

    def _fit_into_time(self, step_seconds: float) -> None:
        """Fewer steps where the time allows no more; whole epochs where it allows several."""
        assert self.seconds is not None
        self._is_sized = True
        left = (1 - self.method.closing) * self.seconds - self.spent()
        possible = self.step + max(1, int(0.95 * left / max(step_seconds, 1e-9)))
        if possible < self.steps:
            epochs = possible // self.feed.per_epoch
            self.steps = max(self.step + 1, epochs * self.feed.per_epoch if epochs >= 3 else possible)

    def _is_out_of_time(self) -> bool:
        return self.seconds is not None and self.spent() > 1.1 * (1 - self.method.closing) * self.seconds

    def seconds_left(self) -> float | None:
        """Of all its time; ``None`` without a limit."""
        return None if self.seconds is None else self.seconds - self.spent()

    def spent(self) -> float:
        """Seconds in this and earlier sessions."""
        return self._spent + time.monotonic() - self._began

    def _diverged(self, what: str) -> RunError:
        schedule = self.method.schedule
        clip = (
            f"lower gradient_clip (now {schedule.gradient_clip:g})" if schedule.gradient_clip else "set gradient_clip (now 0)"
        )
        return RunError(
            f"the training of the supernet diverged: {what} step {self.step}; {str(self.path)!r} keeps the last good state, if there was "
            f"one: begin anew in another folder with a lower learning_rate (now {schedule.learning_rate:g}), or {clip}"
        )

    def record(self) -> dict[str, Any]:
        """What is written down of the training, as JSON."""
        return {
            "choices": [{"path": c.path, "labels": list(c.labels), "k": c.k} for c in self.choices],
            "steps": self.step,
            "epochs": self.step / self.feed.per_epoch,
            "planned_epochs": self.method.schedule.epochs,
            "seconds": self.spent(),
            "stopped": self._stop_reason,
            "history": self.history,
            "found": self.found,
        }

    @property
    def _feeds(self) -> dict[str, Feed]:
        return {"own": self.feed, "held": self.held_feed}

    # --- the file ------------------------------------------------------------------------------------------------------------

    def _save(self) -> None:
        tensors: dict[str, Tensor] = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"method/{k}": v for k, v in self.method.state().items()}
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
            raise self._diverged("a number of its weights or decisions is not finite after")
        if self.found is None:
            for place, parameter in enumerate(self.parameters):
                kept = self.optimizer.state.get(parameter, {})
                tensors |= {f"optimizer/{place}/{k}": v for k, v in kept.items() if v is not None}
            for part, feed in self._feeds.items():
                tensors |= {f"carried/{part}/{k}": v for k, v in feed.carried().items()}
        notes = {
            "step": self.step,
            "steps": self.steps,
            "is_sized": self._is_sized,
            "spent": self.spent(),
            "history": self.history,
            "stopped": self._stop_reason,
            "found": self.found,
        }
        write_tensors(self.path, tensors, {"supernet": json.dumps(notes)})

    def _restore(self) -> None:
        tensors, metadata = read_tensors(self.path)
        notes = json.loads(metadata["supernet"])
        state = {k.removeprefix("network/"): v for k, v in tensors.items() if k.startswith("network/")}
        try:
            self.network.load_state_dict(state)
        except RuntimeError:
            raise RunError(
                f"{str(self.path)!r} holds the supernet of another space or task: choose another folder with --out"
            ) from None
        self.method.load({k.removeprefix("method/"): v for k, v in tensors.items() if k.startswith("method/")})
        for name, kept in tensors.items():
            if name.startswith("optimizer/"):
                _, place, key = name.split("/")
                parameter = self.parameters[int(place)].detach()
                # in the layout of the weight, which fused steps rely on
                copied = torch.empty_like(parameter).copy_(kept) if kept.shape == parameter.shape else kept.to(self.device)
                self.optimizer.state[self.parameters[int(place)]][key] = copied
        for part, feed in self._feeds.items():
            start = f"carried/{part}/"
            feed.carry_on({k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)})
        self.step, self.steps, self._is_sized = notes["step"], notes["steps"], notes["is_sized"]
        self._spent, self.history = notes["spent"], notes["history"]
        self._stop_reason, self.found = notes["stopped"], notes["found"]


def _make_optimizer(parameters: Sequence[nn.Parameter], schedule: Schedule, device: torch.device) -> torch.optim.Optimizer:
    rate, decay, is_fused = schedule.learning_rate, schedule.weight_decay, device.type in ("cpu", "cuda")
    if schedule.optimizer == "adam":
        return torch.optim.Adam(parameters, rate, weight_decay=decay, fused=is_fused)
    nesterov = schedule.nesterov and schedule.momentum > 0
    return torch.optim.SGD(parameters, rate, momentum=schedule.momentum, weight_decay=decay, nesterov=nesterov, fused=is_fused)
