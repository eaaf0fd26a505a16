"""Judge with the weights of a trained supernet: the architecture's path is set, and its outputs on validation data are scored.

Bender et al. 2018, "Understanding and Simplifying One-Shot Architecture Search", http://proceedings.mlr.press/v80/bender18a.html; Guo et al.
2020, "Single Path One-Shot Neural Architecture Search with Uniform Sampling", https://arxiv.org/abs/1904.00420, section 3.4, for the
statistics of batch normalisation.

Running averages of a supernet belong to no network in it (both papers). So they are either computed anew for every architecture from
some training data (``recalibrated``), or those of each evaluated batch are used (``batch``).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar, Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from searchitect.core import Estimator, Job, Measurement, SettingError, Space
from searchitect.networks import build
from searchitect.networks.mixed import OpenLayer, choose_options, mixed_layers
from searchitect.tasks import State, Task, TextEncoder, measure, read_batch, text_metrics
from searchitect.training.batches import Batches
from searchitect.training.checkpoint import read_tensors
from searchitect.training.normalisation import batch_statistics, recalibrate

NORMALISATIONS: Final = ("recalibrated", "batch", "running")
Batch: TypeAlias = tuple[Tensor, Tensor]
"""Inputs ready for the network, and what is to be answered."""

TEXT_SHARE: Final = 8
"""Of a text, whose outputs are large, a batch has one segment for so many examples of other tasks."""
COLUMN_SEGMENTS: Final = 8
"""A text is read in columns side by side, the state carried on; none is shorter than so many segments, unless there are but two columns."""


class SharedWeights(Estimator):
    """The metrics of a network of the supernet on validation data. Nothing is trained.

    A fidelity with less than all data looks at that part of the validation rows.

    Args:
        file: of the supernet, as a search with shared weights leaves it.
        space: whose open spec the supernet was built from; ``None``: the job's own.
        normalisation: "recalibrated": statistics of batch normalisation are computed anew from training data, for every
            architecture; "batch": those of each evaluated batch are used; "running": the supernet's own.
        rows: examples of the validation part that are looked at, at most.
        batch_size: examples of a batch, at least 2.
        recalibration_rows: examples of the training part that statistics are computed from.

    Raises:
        SettingError: for another normalisation, and a number out of its range.
    """

    needs_task: ClassVar[bool] = True
    has_fidelities: ClassVar[bool] = False

    def __init__(
        self,
        file: str | Path,
        space: Space | None = None,
        normalisation: str = "recalibrated",
        rows: int = 2000,
        batch_size: int = 256,
        recalibration_rows: int = 512,
    ) -> None:
        if normalisation not in NORMALISATIONS:
            raise SettingError(f"normalisation must be one of {', '.join(NORMALISATIONS)}, got {normalisation!r}")
        for name, value in (("rows", rows), ("batch_size", batch_size), ("recalibration_rows", recalibration_rows)):
            if value < 2:
                raise SettingError(f"{name} must be at least 2, got {value}")
        self.file, self.space, self.normalisation = Path(file), space, normalisation
        self.rows, self.batch_size, self.recalibration_rows = rows, batch_size, recalibration_rows
        self._network: nn.Module | None = None
        self._layers: Mapping[str, list[OpenLayer]] = {}
        self._batches: dict[tuple[str, int], list[Batch]] = {}

    def evaluate(self, job: Job) -> Measurement:
        task: Task = job.task
        network = self._supernet(job)
        choose_options(network, job.architecture.decisions, self._layers)
        rows = max(2, round(min(self.rows, len(task.valid)) * job.fidelity.data))
        with torch.inference_mode():
            if self.normalisation == "recalibrated":
                known = (x for x, _ in self._ready(task, "train", self.recalibration_rows))
                recalibrate(network, known, _reader(task, network))
            with batch_statistics(network) if self.normalisation == "batch" else nullcontext():
                read, valid = _reader(task, network), self._ready(task, "valid", rows)
                if isinstance(task.encoder, TextEncoder):
                    return Measurement(text_metrics(_token_loss(read, valid), task.encoder.unit))
                outputs = torch.cat([read(x).float() for x, _ in valid])
        return Measurement(measure(task.info, outputs, task.valid.y[:rows], task.target_mean, task.target_std))

    def _supernet(self, job: Job) -> nn.Module:
        if self._network is None:
            space = self.space if self.space is not None else job.space
            with torch.random.fork_rng(devices=[]):
                network = build(space, space.open_spec(), job.task.info)
            tensors, _ = read_tensors(self.file)
            network.load_state_dict({k.removeprefix("network/"): v for k, v in tensors.items() if k.startswith("network/")})
            if job.task.info.is_image:
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._network, self._layers = network.eval(), mixed_layers(network)
        return self._network

    def _ready(self, task: Task, part: str, rows: int) -> list[Batch]:
        """The first rows, which were shuffled when the data were split, in batches of two or more, ready for the network; made once.

        Those of a text, which is in order, in columns: each row of a batch goes on where that of the batch before ended.
        """
        if (part, rows) not in self._batches:
            data = task.train if part == "train" else task.valid
            rows = min(rows, len(data))
            if task.info.is_text:
                columns = min(self.batch_size // TEXT_SHARE, rows // COLUMN_SEGMENTS)
                cut = Batches(rows, min(rows, max(2, columns)), in_order=True)
                places = list(cut.order(0, 0, cut.per_epoch))
            else:
                places = list(torch.tensor_split(torch.arange(rows), max(1, rows // self.batch_size)))
            found = [(task.preprocess(data.x[taken]), data.y[taken]) for taken in places]
            if task.info.is_image:
                found = [(x.contiguous(memory_format=torch.channels_last), y) for x, y in found]
            self._batches[part, rows] = found
        return self._batches[part, rows]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_network": None, "_layers": {}, "_batches": {}}  # a worker reads the file itself


def _reader(task: Task, network: nn.Module) -> Callable[[Tensor], Tensor]:
    """What has a network read one batch after the other; of a text it carries its state on."""
    state: State = None

    def read(x: Tensor) -> Tensor:
        nonlocal state
        outputs, state = read_batch(task.info, network, x, state)
        found: Tensor = outputs
        return found

    return read


def _token_loss(read: Callable[[Tensor], Tensor], batches: Sequence[Batch]) -> float:
    """Mean cross-entropy of a text, in nats per token."""
    losses = [cross_entropy(read(x).flatten(0, 1).float(), y.flatten().long(), reduction="sum") for x, y in batches]
    return sum(map(float, losses)) / sum(y.numel() for _, y in batches)
