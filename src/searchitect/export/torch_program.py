"""``model.pt2``: the network as a `torch.export` program, which needs torch but no source."""

import copy
import json
import os
from pathlib import Path
from typing import Final

import torch

from searchitect.core import RunError
from searchitect.export.checks import example_inputs, quiet, reason, require_equal
from searchitect.export.deployment import Deployment
from searchitect.export.predictions import run_in_batches

PROGRAM_FILE: Final = "model.pt2"
DESCRIPTION_FILE: Final = "searchitect.json"
"""Inside the archive: the task, and how rows or images are encoded; read it with ``torch.export.load(path, extra_files={...})``."""


def export_torch(deployment: Deployment, folder: Path) -> Path:
    """Write ``model.pt2``: encoded float32 input of any batch size to probabilities or values; checked after reading it back.

    Raises:
        RunError: where the network cannot be exported, or answers differently.
    """
    module = copy.deepcopy(deployment.module()).cpu()
    example = example_inputs(deployment, 3)
    path = folder / PROGRAM_FILE
    temporary = folder / f"{os.getpid()}.{PROGRAM_FILE}"  # its name must end in .pt2
    description = {"info": deployment.info.to_json(), "encoder": deployment.encoder.to_json()}
    try:
        with quiet():
            shapes = ({0: torch.export.Dim("batch", min=1)},)
            program = torch.export.export(module, (example,), dynamic_shapes=shapes)
            torch.export.save(program, temporary, extra_files={DESCRIPTION_FILE: json.dumps(description)})
            reloaded = torch.export.load(temporary).module()
    except Exception as error:  # the exporter fails in many ways on networks that it cannot trace
        temporary.unlink(missing_ok=True)
        raise RunError(
            f"this network cannot be written as a torch.export program ({reason(error)}): export to format='python' instead"
        ) from error
    try:
        for rows in (1, 7):
            inputs = example_inputs(deployment, rows, seed=rows)
            require_equal(run_in_batches(reloaded, inputs), run_in_batches(module, inputs), deployment, PROGRAM_FILE)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
