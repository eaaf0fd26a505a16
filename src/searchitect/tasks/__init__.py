"""Data in: from what a user has to a `Task` with its split, encoding, preprocessing, loss and metrics.

Start with `load.load_task`, which tells the whole way in its calls; then `task.Task`, what comes of it.
"""

from searchitect.tasks.control import mean_return
from searchitect.tasks.encoders import ImageEncoder, TableEncoder, encoder_from_json
from searchitect.tasks.load import load_task
from searchitect.tasks.losses import State, Targets, batch_loss, imbalance_weights, loss_function, read_batch
from searchitect.tasks.metrics import measure, text_metrics
from searchitect.tasks.pictures import list_images
from searchitect.tasks.preprocess import preprocess_from_json
from searchitect.tasks.task import Deployment, Part, Task, deployment_from_json, predictions_frame, task_to_json
from searchitect.tasks.text_encoder import TextEncoder

__all__ = [
    "Deployment",
    "ImageEncoder",
    "Part",
    "State",
    "TableEncoder",
    "Targets",
    "Task",
    "TextEncoder",
    "batch_loss",
    "deployment_from_json",
    "encoder_from_json",
    "imbalance_weights",
    "list_images",
    "load_task",
    "loss_function",
    "mean_return",
    "measure",
    "predictions_frame",
    "preprocess_from_json",
    "read_batch",
    "task_to_json",
    "text_metrics",
]
