"""What a training needs to go on: weights, optimizer, average, position. One safetensors file; reading it executes nothing."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from searchitect.core import RunError


def save_checkpoint(
    path: Path, network: nn.Module, average: dict[str, Tensor] | None, optimizer: torch.optim.Optimizer | None, epochs: float
) -> None:
    """Write atomically: a file that is there is whole.

    Args:
        path: ends in .safetensors.
        network: as it stands in training.
        average: the moving average of its state, which is what gets evaluated; ``None``: the network itself is.
        optimizer: ``None`` where the training is not to go on.
        epochs: passes made so far.
    """
    tensors = {f"network/{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"average/{k}": v for k, v in (average or {}).items()}
    if optimizer is not None:
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{k}": v for k, v in state.items() if isinstance(v, Tensor)}
    temporary = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
        save_file(plain, temporary, metadata={"epochs": json.dumps(epochs)})
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"cannot write the weights {str(path)!r}: {error}; free some space or choose another folder") from None


def load_checkpoint(path: Path) -> tuple[dict[str, dict[str, Any]], float]:
    """The parts network, average and optimizer, each name -> tensor, and the passes made.

    Raises:
        RunError: the file is missing or damaged.
    """
    parts: dict[str, dict[str, Any]] = {"network": {}, "average": {}, "optimizer": {}}
    try:
        with safe_open(path, framework="pt") as file:
            epochs = json.loads((file.metadata() or {}).get("epochs", "0"))
            for name in file.keys():  # noqa: SIM118 - not a mapping
                part, _, rest = name.partition("/")
                parts[part][rest] = file.get_tensor(name)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise RunError(f"the weights file {str(path)!r} is missing or damaged: {error}") from None
    return parts, float(epochs)


def evaluated_state(path: Path) -> dict[str, Tensor]:
    """The state dict that was evaluated: the average where there is one."""
    parts, _ = load_checkpoint(path)
    return parts["average"] or parts["network"]


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Fill a fresh optimizer with saved moments."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, field = name.partition("/")
        state.setdefault(int(index), {})[field] = tensor
    if state:
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
