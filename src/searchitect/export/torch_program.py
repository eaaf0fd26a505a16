"""``model.pt2``: the network as a `torch.export` program, which needs torch but no source."""

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from searchitect.core import RunError
from searchitect.export.checks import example_inputs, quiet, reason, require_equal
from searchitect.export.deployment import Deployment
from searchitect.export.text_step import step_inputs, text_step

PROGRAM_FILE: Final = "model.pt2"
InputsOf: TypeAlias = Callable[[Any, int, int], tuple[Tensor, ...]]
"""Module, rows and seed -> what the module takes."""
DESCRIPTION_FILE: Final = "searchitect.json"
"""Inside the archive: the task, and how rows or images are encoded; read it with ``torch.export.load(path, extra_files={...})``."""


def export_torch(deployment: Deployment, folder: Path) -> Path:
    """Write ``model.pt2``: encoded float32 input of any batch size to probabilities or values; checked after reading it back.

    Of a text: a token and the state, as `searchitect.export.text_step.TextStep` has it.

    Raises:
        RunError: where the network cannot be exported, or answers differently.
    """
    if deployment.info.is_text:
        return _export(text_step(deployment), step_inputs, deployment, folder)
    module = copy.deepcopy(deployment.module()).cpu()
    return _export(module, lambda _, rows, seed: (example_inputs(deployment, rows, seed),), deployment, folder)


def _export(module: nn.Module, inputs_of: InputsOf, deployment: Deployment, folder: Path) -> Path:
    path = folder / PROGRAM_FILE
    temporary = folder / f"{os.getpid()}.{PROGRAM_FILE}"  # its name must end in .pt2
    description = {"info": deployment.info.to_json(), "encoder": deployment.encoder.to_json()}
    try:
        with quiet():
            batch, example = torch.export.Dim("batch", min=1), inputs_of(module, 3, 0)
            program = torch.export.export(module, example, dynamic_shapes=tuple({0: batch} for _ in example))
            torch.export.save(program, temporary, extra_files={DESCRIPTION_FILE: json.dumps(description)})
            reloaded = torch.export.load(temporary).module()
    except Exception as error:  # the exporter fails in many ways on networks that it cannot trace
        temporary.unlink(missing_ok=True)
        raise RunError(
            f"this network cannot be written as a torch.export program ({reason(error)}): export to format='python' instead"
        ) from error
    try:
        for rows in (1, 7):
            inputs = inputs_of(module, rows, rows)
            with torch.inference_mode():
                pairs = zip(tree_leaves(reloaded(*inputs)), tree_leaves(module(*inputs)), strict=True)
            for answers, expected in pairs:
                require_equal(answers, expected, deployment, PROGRAM_FILE)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
