"""A finished network with all that it needs to answer raw rows or images; written to a run folder and read back.

Two files, no pickle: ``architecture.json`` says everything but the weights, ``model.safetensors`` holds those.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from searchitect.core import Architecture, RunError, Space, SpaceError, TaskInfo
from searchitect.networks import build
from searchitect.search.folder import read_json, write_json
from searchitect.spaces import find_space, make_space, space_names
from searchitect.tasks import Deployment as TaskParts
from searchitect.tasks import ImageEncoder, TableEncoder, TextEncoder, deployment_from_json, task_to_json

ARCHITECTURE_FILE: Final = "architecture.json"
WEIGHTS_FILE: Final = "model.safetensors"
FORMAT: Final = 1  # of architecture.json


@dataclass(frozen=True)
class Deployment:
    """A trained network, ready for raw data.

    Attributes:
        space: of the architecture.
        spec: of the architecture: plain JSON data.
        info: shapes and names of the task.
        network: trained; float32 network input to raw outputs [N, info.outputs]; of a text, codes [N, tokens] to
            [N, tokens, info.outputs].
        preprocess: encoded input to network input.
        postprocess: raw outputs to probabilities [N, classes], to values [N] in the user's units, or, of a text, to probabilities
            of the token that comes next [N, info.outputs].
        encoder: raw rows or images to encoded input.
        decisions: of the architecture, by path; empty where they are not known.
    """

    space: Space
    spec: Any
    info: TaskInfo
    network: nn.Module
    preprocess: nn.Module
    postprocess: nn.Module
    encoder: TableEncoder | ImageEncoder | TextEncoder
    decisions: Mapping[str, Any] = field(default_factory=dict)

    def module(self) -> nn.Sequential:
        """Encoded input (images [N, C, H, W], rows [N, columns], token codes [N, tokens]) to what ``postprocess`` gives; in eval mode."""
        return nn.Sequential(self.preprocess, self.network, self.postprocess).eval()


def save_deployment(deployment: Deployment, folder: str | Path) -> None:
    """Write ``architecture.json`` and ``model.safetensors`` into an existing ``folder``, each whole or not at all.

    Raises:
        RunError: where the folder cannot be written to.
    """
    save_weights(deployment.network, Path(folder))
    space = deployment.space
    record = {
        "format": FORMAT,
        "searchitect": version("searchitect"),
        **describe_architecture(space, deployment.spec, deployment.decisions),
        "task": task_to_json(_task_parts(deployment)),
    }
    write_json(Path(folder) / ARCHITECTURE_FILE, record)


def describe_architecture(space: Space, spec: Any, decisions: Mapping[str, Any]) -> dict[str, Any]:
    """The part of ``architecture.json`` that says what is built."""
    return {
        "space": {
            "name": space.name,
            "version": space.version,
            "config": space.config(),
            "is_own": not _is_in_catalogue(space),
        },
        "key": Architecture(spec).key,
        "spec": spec,
        "decisions": dict(decisions),
    }


def read_architecture(path: Path) -> tuple[Space, Any, dict[str, Any]]:
    """Space, spec and whole record of an ``architecture.json``. Nothing is executed.

    Raises:
        RunError: for a missing, damaged or foreign file, an own space, or a spec of another version of its space.
    """
    record = read_json(path)
    try:
        given, spec = record["space"], record["spec"]
        name, config, version_, is_own = given["name"], given["config"], given.get("version", 1), given["is_own"]
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{str(path)!r} is damaged or was not written by this version of searchitect ({type(error).__name__}: {error})"
        ) from None
    if is_own or name not in space_names():
        raise RunError(f"the architecture in {str(path)!r} is of your own space {name!r}, which no file can bring back")
    _check_version(path, version_, find_space(name))
    return make_space(name, None, config), spec, record


def _check_version(path: Path, version_: Any, space: type[Space]) -> None:
    if version_ != space.version:
        raise RunError(
            f"{str(path)!r} is of version {version_} of the space {space.name!r}, this searchitect has version {space.version}: "
            "use the searchitect that wrote it, or search again"
        )


def save_weights(network: nn.Module, folder: Path) -> None:
    """Write ``model.safetensors``. Raises `RunError` where that fails."""
    path = folder / WEIGHTS_FILE
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    # copies: safetensors refuses tensors that share memory, and other layouts than the plain one
    tensors = {name: t.detach().cpu().clone(memory_format=torch.contiguous_format) for name, t in network.state_dict().items()}
    try:
        save_file(tensors, temporary)
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"cannot write {str(path)!r} ({error}): free some space or choose another folder") from None


def load_deployment(folder: str | Path, space: Space | None = None) -> Deployment:
    """Read what `save_deployment` wrote. Nothing in the folder is executed.

    Args:
        folder: of a finished run.
        space: of the architecture. Needed where it is the user's own, which no file can bring back; else made from the record.

    Raises:
        RunError: for a folder without a saved network, damaged files, or an own space that is not given.
    """
    path = Path(folder) / ARCHITECTURE_FILE
    record = read_json(path)
    damaged = f"{str(path)!r} is damaged or was not written by this version of searchitect"
    if isinstance(record, dict) and "task" not in record and "input_shape" in record:  # rebuilt
        raise RunError(f"{str(path)!r} is an architecture that is not trained yet: searchitect train {folder} DATA")
    try:
        if record["format"] != FORMAT:
            raise RunError(f"{str(path)!r} has the format {record['format']!r}, this version of searchitect reads {FORMAT}")
        task = deployment_from_json(record["task"])
        name, config, is_own, spec = (
            *(record["space"][k] for k in ("name", "config", "is_own")),
            record["spec"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{damaged} ({type(error).__name__}: {error}): run the search again") from None
    if space is None:
        if is_own or name not in space_names():
            raise RunError(
                f"the network in {str(folder)!r} is of your own space {name!r}: give it with space=..., or use model.onnx, or "
                "the model.pt2 that export(format='torch') writes"
            )
        _check_version(path, record["space"].get("version", 1), find_space(name))
        space = make_space(name, task.info, config)
    elif space.name != name:
        raise RunError(f"the network in {str(folder)!r} is of the space {name!r}, but space={space.name!r} was given")
    try:
        with torch.random.fork_rng(devices=[]):  # the initial weights are thrown away: draw nothing from the global generator
            network = build(space, spec, task.info)
    except SpaceError as error:
        raise RunError(f"{damaged}: its spec cannot be built ({error})") from None
    except Exception as error:  # a spec that its own space cannot build: there is no telling how it fails
        raise RunError(f"{damaged}: its spec cannot be built ({type(error).__name__}: {error})") from None
    _load_weights(network, Path(folder) / WEIGHTS_FILE)
    decisions = record.get("decisions") or {}
    return Deployment(space, spec, task.info, network.eval(), task.preprocess, task.postprocess, task.encoder, decisions)


def _load_weights(network: nn.Module, path: Path) -> None:
    if not path.is_file():
        raise RunError(f"{str(path)!r} does not exist: is {str(path.parent)!r} the folder of a finished run?")
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(":")
        raise RunError(
            f"{str(path)!r} does not hold the weights of {ARCHITECTURE_FILE} ({reason}): run the search again"
        ) from None


def _is_in_catalogue(space: Space) -> bool:
    return space.name in space_names() and type(space) is find_space(space.name)


def _task_parts(deployment: Deployment) -> TaskParts:
    mean, std = (float(getattr(deployment.postprocess, name, default)) for name, default in (("mean", 0.0), ("std", 1.0)))
    return TaskParts(deployment.info, deployment.encoder, deployment.preprocess, deployment.postprocess, mean, std)
