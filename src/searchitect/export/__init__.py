"""The winner leaves searchitect: saved, loaded, asked, and written as ONNX, `torch.export` program or stand-alone Python."""

from searchitect.export.continuation import Continuation, continue_text
from searchitect.export.deployment import (
    Deployment,
    describe_architecture,
    load_deployment,
    read_architecture,
    save_deployment,
    save_weights,
)
from searchitect.export.formats import export_model
from searchitect.export.predictions import Predictions, predict

__all__ = [
    "Continuation",
    "Deployment",
    "Predictions",
    "continue_text",
    "describe_architecture",
    "export_model",
    "load_deployment",
    "predict",
    "read_architecture",
    "save_deployment",
    "save_weights",
]
