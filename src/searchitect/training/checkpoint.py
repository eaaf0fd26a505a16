"""What a training needs to go on: weights, optimizer, average, position. One safetensors file; reading it executes nothing."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from searchitect.core import RunError


def save_checkpoint(
    path: Path,
    network: nn.Module,
    epochs: float,
    *,
    average: dict[str, Tensor] | None = None,
    best: dict[str, Tensor] | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    carried: Sequence[Tensor] = (),
    notes: dict[str, float] | None = None,
) -> None:
    """Write atomically: a file that is there is whole.

    Args:
        path: ends in .safetensors.
        network: as it stands in training.
        epochs: passes made so far.
        average: the moving average of its state, which is what gets evaluated; ``None``: the network itself is.
        best: the state at the best look, where that is kept.
        optimizer: ``None`` where the training is not to go on.
        carried: the network's state after its last batch of a text.
        notes: the row of the curve that belongs to ``best``.
    """
    tensors = {f"network/{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"average/{k}": v for k, v in (average or {}).items()}
    tensors |= {f"best/{k}": v for k, v in (best or {}).items()}
    tensors |= {f"carried/{place}": part for place, part in enumerate(carried)}
    if optimizer is not None:
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{k}": v for k, v in state.items() if isinstance(v, Tensor)}
    write_tensors(path, tensors, {"epochs": json.dumps(epochs), "best": json.dumps(notes)})


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file, whole or not at all.

    Raises:
        RunError: the disk is full or the folder cannot be written to.
    """
    temporary = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
        save_file(plain, temporary, metadata=metadata)
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"cannot write the weights {str(path)!r}: {error}; free some space or choose another folder") from None


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file; nothing in it is executed.

    Raises:
        RunError: the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError, ValueError) as error:
        raise RunError(f"the weights file {str(path)!r} is missing or damaged: {error}") from None


@dataclass(frozen=True)
class Checkpoint:
    """A file's content: the states of network, average, best look and optimizer, and what is carried on in a text, each name -> tensor;
    and where the training stood."""

    network: dict[str, Tensor]
    average: dict[str, Tensor]
    best: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    carried: dict[str, Tensor]
    epochs: float
    notes: dict[str, float] | None


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        RunError: the file is missing or damaged.
    """
    tensors, metadata = read_tensors(path)
    parts: dict[str, dict[str, Any]] = {"network": {}, "average": {}, "best": {}, "optimizer": {}, "carried": {}}
    try:
        epochs, notes = float(json.loads(metadata.get("epochs", "0"))), json.loads(metadata.get("best", "null"))
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = tensor
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"the weights file {str(path)!r} is missing or damaged: {error}") from None
    return Checkpoint(**parts, epochs=epochs, notes=notes)


def evaluated_state(path: Path) -> dict[str, Tensor]:
    """The state dict that was evaluated: that of the best look, else the average, else the network itself."""
    saved = load_checkpoint(path)
    return saved.best or saved.average or saved.network


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Fill a fresh optimizer with saved moments."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, field = name.partition("/")
        state.setdefault(int(index), {})[field] = tensor
    if not state:
        return
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    for parameter, moments in optimizer.state.items():
        for name, tensor in moments.items():
            # fused steps pair numbers by their place in memory: the moments need the layout of the weights
            if tensor.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter.detach()).copy_(tensor)
