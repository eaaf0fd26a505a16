"""The winner leaves searchitect: saved, loaded, asked, and written as ONNX, `torch.export` program or stand-alone Python."""

from searchitect.export.deployment import Deployment, load_deployment, save_deployment
from searchitect.export.formats import export_model
from searchitect.export.predictions import Predictions, predict

__all__ = ["Deployment", "Predictions", "export_model", "load_deployment", "predict", "save_deployment"]
