"""The formats in which a finished network leaves searchitect."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from searchitect.core import RunError, unknown_name
from searchitect.export.deployment import Deployment
from searchitect.export.onnx_model import export_onnx
from searchitect.export.python_source import export_python
from searchitect.export.torch_program import export_torch

FORMATS: Final[dict[str, Callable[[Deployment, Path], Path]]] = {
    "onnx": export_onnx,
    "torch": export_torch,
    "python": export_python,
}


def export_model(deployment: Deployment, folder: str | Path, format: str) -> Path:
    """Write the network, pre- and postprocessing included, into an existing ``folder``, and check that it answers the same.

    Args:
        deployment: what to write.
        folder: where to.
        format: ``onnx`` (model.onnx: raw rows or pixels in), ``torch`` (model.pt2: encoded rows or pixels in) or ``python``
            (model.py and model.safetensors: raw rows or pixels in, nothing but torch needed). Of a text, the first two take one token
            and the state, and the last a text.

    Returns:
        The file to use.

    Raises:
        SettingError: for an unknown format.
        MissingPackageError: onnx, without its packages.
        RunError: where the network cannot be written so, or would answer differently.
    """
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    if not Path(folder).is_dir():
        raise RunError(f"folder={str(folder)!r} does not exist: make it first")
    return FORMATS[format](deployment, Path(folder))
