"""One training loop for every task."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from searchitect.core import METRICS, SettingError, TrialState
from searchitect.core.trial import CUT_SHORT
from searchitect.networks.operations import set_drop_path
from searchitect.tasks import State, Task, loss_function, read_batch
from searchitect.training.augmentation import augment, mix
from searchitect.training.batches import Batches, batches_from_loader, batches_from_memory
from searchitect.training.checkpoint import load_checkpoint, restore_optimizer, save_checkpoint
from searchitect.training.evaluation import evaluate, prepared
from searchitect.training.normalisation import normalisations, recalibrate
from searchitect.training.recipe import Recipe

RECALIBRATION_ROWS: Final = 128
"""Training rows that statistics of batch normalisation are computed anew from."""


@dataclass
class Outcome:
    """What a training reached, in the terms of `searchitect.core.Measurement`.

    In the curve, "kept" marks the look whose weights are in use at the end. ``wants_restart``: it failed in a way that a lower learning rate may
    mend, and the recipe's ``restarts`` allow another try.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    curve: list[dict[str, float]] = field(default_factory=list)
    state: TrialState = TrialState.COMPLETE
    reason: str = ""
    wants_restart: bool = False


def pick_device(name: str) -> torch.device:
    """``auto``: CUDA or Apple's GPU where there is one, else the CPU. Raises `SettingError` for what torch does not know."""
    if name != "auto":
        try:
            return torch.device(name)
        except RuntimeError as error:
            raise SettingError(
                f"recipe: device={name!r} is not known to torch: use 'auto', 'cpu' or 'cuda' ({error})"
            ) from None
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def learning_rate_at(progress: float, warmup: float) -> float:
    """Share of the peak learning rate: linear warm-up, then half a cosine to 0.

    Args:
        progress: part of the schedule that is done, in [0, 1].
        warmup: part of the schedule that rises.
    """
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - warmup) / (1 - warmup))))


def make_optimizer(network: nn.Module, recipe: Recipe, device: torch.device) -> torch.optim.Optimizer:
    """The recipe's optimizer; vectors (biases, normalisation) are decayed only where it says so."""
    trained = [p for p in network.parameters() if p.requires_grad]
    decayed = [p.ndim > 1 or recipe.decay_all for p in trained]
    groups: list[dict[str, Any]] = [
        {"params": list(compress(trained, decayed)), "weight_decay": recipe.weight_decay},
        {"params": [p for p, is_decayed in zip(trained, decayed, strict=True) if not is_decayed], "weight_decay": 0.0},
    ]
    groups = [g for g in groups if g["params"]]
    fused = device.type in ("cpu", "cuda")  # 2 to 4 times faster than the default loop over tensors
    if recipe.optimizer == "sgd":
        nesterov = recipe.nesterov and recipe.momentum > 0
        return torch.optim.SGD(groups, recipe.learning_rate, momentum=recipe.momentum, nesterov=nesterov, fused=fused)
    return torch.optim.AdamW(groups, recipe.learning_rate, fused=fused)


@dataclass(frozen=True)
class Span:
    """Which part of a training to carry out, on which data.

    Attributes:
        epochs: passes to reach, those of ``start`` included.
        horizon: passes at which the learning rate reaches 0; ``None``: ``epochs``.
        data: fraction of the training rows, the same ones for every training of a task.
        resolution: fraction of the image side.
        seed: of shuffling, augmentation and dropout.
        start: a checkpoint of the same network to go on from.
        save: where to write the checkpoint.
        time_limit: seconds; when over, the outcome is FAILED.
        deadline: ``time.time()``; when over, the outcome is PRUNED with the metrics reached.
        refit: train on training and validation part together; nothing is measured.
        resumable: keep the optimizer's state in the checkpoint, which makes it three times as large.
        valid_rows: of the validation part that are looked at, the same ones for every training of a task; ``None``: all.
        looks: how often to look at the validation part, the last look included; at most once an epoch or half a training. The training's
            ``close_looks`` come on top.
    """

    epochs: float
    horizon: float | None = None
    data: float = 1.0
    resolution: float = 1.0
    seed: int = 0
    start: Path | None = None
    save: Path | None = None
    time_limit: float | None = None
    deadline: float | None = None
    refit: bool = False
    resumable: bool = True
    valid_rows: int | None = None
    looks: int = 8


def train(
    network: nn.Module,
    task: Task,
    recipe: Recipe,
    span: Span,
    on_step: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Train ``network`` in place and measure it on the validation part.

    A training to e epochs is the beginning of a longer one with the same horizon: saved and started again, it continues bit by bit on
    the same machine.

    Args:
        network: maps preprocessed inputs to outputs; holds the evaluated weights afterwards.
        task: its training and validation parts are used, never its test part.
        recipe: how to train.
        span: how far, and on what.
        on_step: called after every step with the steps made and those of the whole schedule.
    """
    with torch.random.fork_rng(devices=[]):
        return _Training(network, task, recipe, span, on_step).run()


class _Training:
    """The state of one training."""

    def __init__(
        self,
        network: nn.Module,
        task: Task,
        recipe: Recipe,
        span: Span,
        on_step: Callable[[int, int], None] | None = None,
    ) -> None:
        self.network, self.task, self.recipe, self.span = network, task, recipe, span
        self.on_step = on_step
        self.began = time.monotonic()
        self.device = pick_device(recipe.device)
        self.x, self.y = _rows(task, span.data, span.refit)
        kept = _some_rows(task, len(task.valid), span.valid_rows)
        self.valid_x, self.valid_y = (task.valid.x, task.valid.y) if kept is None else (task.valid.x[kept], task.valid.y[kept])
        self.batches = Batches(len(self.x), max(2, min(recipe.batch_size, len(self.x) // 4)), in_order=task.info.is_text)
        self.state: State = None
        network.to(self.device)
        if task.info.is_image:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.preprocess: nn.Module = task.preprocess.to(self.device)
        if not task.info.is_image:  # nothing random comes before it: once is enough
            with torch.no_grad():
                self.x, self.preprocess = self.preprocess(self.x.to(self.device)), nn.Identity()
        self.optimizer = make_optimizer(network, recipe, self.device)
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.average = Average(network, recipe.ema) if recipe.ema else None
        self.normalisations = [] if task.info.is_text else normalisations(network)
        self.best: dict[str, Tensor] | None = None
        self.best_row: dict[str, float] | None = None
        self.losses: list[float] = []
        self.outcome = Outcome()
        self.step = self._restore(span.start) if span.start is not None else 0
        per_epoch = self.batches.per_epoch
        self.last = max(self.step, 1, round(span.epochs * per_epoch))  # a checkpoint may have reached it already
        self.total = max(self.last, round((span.horizon or span.epochs) * per_epoch))
        self.look_every = max(1, math.ceil(max(self.last / span.looks, min(per_epoch, self.last / 2))))
        weights = task.class_weights if recipe.balance else None
        self.loss_of = loss_function(task.info, None if weights is None else weights.to(self.device), recipe.label_smoothing)
        if task.info.is_text and recipe.mixup:
            raise SettingError(
                f"recipe: mixup={recipe.mixup:g} mixes examples, which the tokens of a text cannot be: leave it out"
            )
        side = min(task.info.input_shape[1:], default=0)
        if task.info.is_image and recipe.crop >= side / 2:
            raise SettingError(f"recipe: crop must lie below half of the image side, got {recipe.crop} with {side} pixels")
        side = task.info.input_shape[-1]
        self.side = max(1, round(side * span.resolution)) if task.info.is_image and span.resolution < 1 else None
        self.looked_at = self.step

    def run(self) -> Outcome:
        """All steps, then the last look, then the weights."""
        self.network.train()
        order = self.batches.order(self.span.seed, self.step, self.last)
        for x, y in _batches(self.x, self.y, order, self.recipe, self.device):
            if self._is_out_of_time():
                break
            loss = self._make_step(x, y)
            if self.on_step is not None:
                self.on_step(self.step, self.total)
            if not math.isfinite(loss):
                return self._fail(f"training diverged: the loss became {loss} at epoch {self._epoch():.2g}")
            if self._is_at_first_epoch():
                self._look()
                if not self._is_better_than_guessing():
                    return self._fail("its accuracy after the first epoch was no better than guessing")
            if self._is_to_be_looked_at():
                self._look()
                if self._is_hopeless():
                    self._end(TrialState.PRUNED, "hopeless: after half of its training no better than ignoring the input")
                    break
        if self.outcome.state == TrialState.FAILED:
            return self.outcome
        if self.step > self.looked_at or not self.outcome.curve:
            self._look()
        if not all(map(math.isfinite, self.outcome.metrics.values())):
            return self._fail("the network's outputs on validation data are not finite")
        average = self.average.state if self.average is not None else None
        if self.span.save is not None:
            optimizer = self.optimizer if self.span.resumable else None
            save_checkpoint(
                self.span.save,
                self.network,
                self._epoch(),
                average=average,
                best=self.best,
                optimizer=optimizer,
                carried=self.state or (),
                notes=self.best_row,
            )
        evaluated = self.best or average
        if evaluated is not None:
            self.network.load_state_dict(evaluated)
        self.network.eval()
        return self.outcome

    def _make_step(self, x: Tensor, y: Tensor) -> float:
        recipe = self.recipe
        # everything random in a step follows from the seed and the step's number
        seed = _mixed(self.span.seed, self.step)
        torch.default_generator.manual_seed(seed)
        if self.device.type != "cpu":  # dropout and drop path draw there
            torch.manual_seed(seed)
        rate = recipe.learning_rate * learning_rate_at((self.step + 1) / self.total, recipe.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if recipe.drop_path:
            set_drop_path(self.network, recipe.drop_path * self.step / self.total)
        if self.task.info.is_image:
            x = augment(x, recipe)
        x = prepared(self.preprocess, x, self.task, self.side)
        before = None if self.step % self.batches.per_epoch == 0 else self.state  # a text begins anew
        with torch.autocast(self.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            if recipe.mixup:
                x, order, share = mix(x, recipe.mixup)
                outputs = self.network(x)
                loss = share * self._loss(outputs, y) + (1 - share) * self._loss(outputs, y[order])
            else:
                outputs, self.state = read_batch(self.task.info, self.network, x, before)
                loss = self._loss(outputs, y)
        value = float(loss.detach())
        if not math.isfinite(value):
            return value
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.gradient_clip:
            nn.utils.clip_grad_norm_(self.parameters, recipe.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        self.losses.append(value)
        if self.average is not None:
            self.average.update(self.step)
        return value

    def _loss(self, outputs: Tensor | tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        """Of the outputs, and of the auxiliary classifier's where the network has one."""
        if isinstance(outputs, Tensor):
            return self.loss_of(outputs, y)
        return self.loss_of(outputs[0], y) + self.recipe.auxiliary * self.loss_of(outputs[1], y)

    def _look(self) -> None:
        row = {"epoch": self._epoch(), "train_loss": sum(self.losses) / max(1, len(self.losses))}
        self.losses.clear()
        if not self.span.refit:
            with self._evaluated():
                row |= evaluate(self.network, self.task, self.valid_x, self.valid_y, side=self.side)
                self._keep(row)
        self.outcome.curve.append(row)
        self.looked_at = self.step

    def _keep(self, row: dict[str, float]) -> None:
        """Take the row's metrics as the training's, and the weights with them where only the best are kept."""
        is_kept = self.recipe.keep_best
        if is_kept and self.best_row is not None and _score(row) <= _score(self.best_row):
            return
        self.best_row = row if is_kept else None
        # otherwise they are the average, or the network's own
        self.best = _copy(self.network.state_dict()) if is_kept or self._recalibrates() else None
        for earlier in self.outcome.curve:
            earlier.pop("kept", None)
        self.outcome.metrics = {name: value for name, value in row.items() if name not in ("epoch", "train_loss")}
        row["kept"] = 1.0

    @contextmanager
    def _evaluated(self) -> Iterator[None]:
        """The network with the weights and statistics that are evaluated inside the block, with those of training after it."""
        with self.average.in_place() if self.average is not None else nullcontext():
            if not self._recalibrates():
                yield
                return
            own = [_copy(layer.state_dict()) for layer in self.normalisations]
            was_training = self.network.training
            rows = torch.linspace(0, len(self.x) - 1, min(len(self.x), RECALIBRATION_ROWS)).long()
            with torch.no_grad():
                recalibrate(self.network, [prepared(self.preprocess, self.x[rows].to(self.device), self.task, self.side)])
            self.network.train(was_training)
            try:
                yield
            finally:
                for layer, state in zip(self.normalisations, own, strict=True):
                    layer.load_state_dict(state)

    def _recalibrates(self) -> bool:
        return self.step < self.recipe.recalibrate and bool(self.normalisations)

    def _is_out_of_time(self) -> bool:
        limit, deadline = self.span.time_limit, self.span.deadline
        if limit is not None and time.monotonic() - self.began > limit:
            self._end(TrialState.FAILED, f"over its time limit of {limit:.3g} s at epoch {self._epoch():.2g}")
            return True
        if deadline is not None and time.time() > deadline:
            self._end(TrialState.PRUNED, CUT_SHORT)
            return True
        return False

    def _is_to_be_looked_at(self) -> bool:
        """At the end, at equal distances before it, and after each epoch of the part that is looked at closely."""
        left, per_epoch = self.last - self.step, self.batches.per_epoch
        is_close = self.step % per_epoch == 0 and left < self.recipe.close_looks * self.last
        return left == 0 or is_close or (self.step % self.look_every == 0 and left >= self.look_every // 2)

    def _is_at_first_epoch(self) -> bool:
        """Whether the first of several epochs is over, and it is to be seen if it taught classes."""
        is_new = not self.span.refit and self.span.start is None and self.step == self.batches.per_epoch < self.last
        return is_new and self.recipe.restarts > 0 and "accuracy" in self.task.baseline_score

    def _is_better_than_guessing(self) -> bool:
        """Than the trivial predictor, by an eighteenth of what it lacks: above 0.15 for ten equal classes, as in MetaQNN's code."""
        guessed = self.task.baseline_score["accuracy"]
        return self.outcome.curve[-1]["accuracy"] > guessed + (1 - guessed) / 18

    def _is_hopeless(self) -> bool:
        """Half of the whole schedule is over, and both the score and the loss are no better than the trivial predictor's."""
        trivial, metrics = self.task.baseline_score, self.best_row or self.outcome.curve[-1]
        score = self.task.info.quality
        if self.span.refit or self.step == self.last or self.step / self.total < 0.5 or not {score, "loss"} <= trivial.keys():
            return False
        is_no_better = metrics[score] <= trivial[score] if METRICS[score] == "max" else metrics[score] >= trivial[score]
        return is_no_better and metrics["loss"] >= trivial["loss"]

    def _restore(self, start: Path) -> int:
        saved = load_checkpoint(start)
        self.network.load_state_dict(saved.network)
        restore_optimizer(self.optimizer, saved.optimizer)
        self.state = tuple(saved.carried[key].to(self.device) for key in sorted(saved.carried, key=int)) or None
        if self.average is not None:
            self.average.load(saved.average or saved.network)
        if self.recipe.keep_best and saved.notes is not None:
            self.best, self.best_row = saved.best, saved.notes
            self.outcome.metrics = {k: v for k, v in saved.notes.items() if k not in ("epoch", "train_loss", "kept")}
        return round(saved.epochs * self.batches.per_epoch)

    def _epoch(self) -> float:
        return self.step / self.batches.per_epoch

    def _fail(self, reason: str) -> Outcome:
        self.outcome.wants_restart = self.recipe.restarts > 0
        return self._end(TrialState.FAILED, reason)

    def _end(self, state: TrialState, reason: str) -> Outcome:
        self.outcome.state, self.outcome.reason = state, reason
        return self.outcome


class Average:
    """The exponential moving average of a network's state.

    Args:
        network: as it stands.
        decay: in [0, 1). Lower in the first steps, k / (k + 9) after k, so that the first weights are soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._network, self._decay = network, decay
        self.state = _copy(network.state_dict())
        live = network.state_dict()
        moving = [k for k, v in live.items() if v.is_floating_point()]
        counters = [k for k, v in live.items() if not v.is_floating_point()]
        self._moving = [self.state[k] for k in moving], [live[k] for k in moving]
        self._counters = [self.state[k] for k in counters], [live[k] for k in counters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after ``step`` steps."""
        torch._foreach_lerp_(*self._moving, 1 - min(self._decay, step / (step + 9.0)))
        for counter, live in zip(*self._counters, strict=True):
            counter.copy_(live)

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a saved average."""
        for name, tensor in self.state.items():
            tensor.copy_(state[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network with the averaged weights inside the block, with the trained ones after it."""
        live = _copy(self._network.state_dict())
        self._network.load_state_dict(self.state)
        try:
            yield
        finally:
            self._network.load_state_dict(live)


def _copy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in state.items()}


def _mixed(seed: int, step: int) -> int:
    """A generator's seed: Python's hash of whole numbers, which is the same in every process."""
    return hash((seed, step)) & 0x7FFFFFFFFFFFFFFF


def _score(row: Mapping[str, float]) -> tuple[float, float]:
    """What the best look is told by: accuracy or R2, then the loss; of texts the loss alone."""
    return row.get("accuracy", row.get("r2", float("-inf"))), -row["loss"]


def _rows(task: Task, data: float, refit: bool) -> tuple[Tensor, Tensor]:
    x, y = task.train.x, task.train.y
    if refit:
        x, y = torch.cat([x, task.valid.x]), torch.cat([y, task.valid.y])
    kept = _some_rows(task, len(x), max(4, round(len(x) * data)))
    if kept is not None:
        x, y = x[kept], y[kept]
    if task.info.is_regression:
        y = (y - task.target_mean) / task.target_std
    return x, y


def _some_rows(task: Task, rows: int, wanted: int | None) -> Tensor | None:
    """Row numbers, the same ones for every trial of a task, so that they are compared on equal data; ``None``: all.

    At random; of a text, its beginning.
    """
    if wanted is None or wanted >= rows:
        return None
    if task.info.is_text:
        return torch.arange(wanted)
    return torch.randperm(rows, generator=torch.Generator().manual_seed(0))[:wanted]


def _batches(
    x: Tensor, y: Tensor, order: Iterator[Tensor], recipe: Recipe, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    if x.numel() * x.element_size() > recipe.loader_bytes:
        source = batches_from_loader(x, y, order, pin=device.type == "cuda")
    else:
        source = batches_from_memory(x, y, order)
    for xb, yb in source:
        yield xb.to(device, non_blocking=True), yb.to(device, non_blocking=True)
