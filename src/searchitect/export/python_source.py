"""``model.py`` and ``model.safetensors``: the network as one readable file that needs torch and nothing of searchitect."""

import json
import types
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch

from searchitect.core import RunError, TaskInfo
from searchitect.export.bundle import Bundle, Import, heading
from searchitect.export.checks import example_inputs, require_equal
from searchitect.export.continuation import TOKENS
from searchitect.export.deployment import WEIGHTS_FILE, Deployment, save_weights
from searchitect.export.parts import answers, images, rows, texts, weights
from searchitect.export.predictions import run_in_batches
from searchitect.export.text_source import TEXT_USE, text_header
from searchitect.networks import find_build
from searchitect.search.folder import write_text
from searchitect.tasks import TableEncoder, TextEncoder, preprocess_from_json

SOURCE_FILE: Final = "model.py"
WIDTH: Final = 128  # of a line

_USE: Final = '''
def load(folder: str | Path | None = None) -> nn.Module:
    """The trained network, pre- and postprocessing included: what `encode` gives to {answer}.

    The weights are read from model.safetensors in ``folder``, by default the folder of this file.
    """
    folder = Path(__file__).parent if folder is None else Path(folder)
    info = TaskInfo.from_json(INFO)
    network = {build}
    network.load_state_dict(read_safetensors(folder / "model.safetensors"))
    return nn.Sequential(preprocess_from_json(PREPROCESS), network, preprocess_from_json(POSTPROCESS)).eval()


def encode(data: Any) -> Tensor:
    """{encode}"""
    return {encoder}


def predict(data: Any, model: nn.Module | None = None) -> list[dict[str, Any]]:
    """One dict per {one}: ``prediction``{shares}.

    Args:
        data: as `encode` takes them.
        model: as `load` gives it; loaded anew where it is not given.
    """
    return answer(load() if model is None else model, encode(data), tuple(INFO["classes"]))


if __name__ == "__main__":
    run_command(__doc__, predict)
'''


def export_python(deployment: Deployment, folder: Path) -> Path:
    """Write ``model.py`` and ``model.safetensors``; checked by running what was written.

    Raises:
        RunError: where the source of an own network is not to be had, or the file would answer differently.
    """
    text = write_source(deployment)
    save_weights(deployment.network, folder)
    _check(text, deployment, folder)
    write_text(folder / SOURCE_FILE, text)
    return folder / SOURCE_FILE


def write_source(deployment: Deployment) -> str:
    """The text of ``model.py``."""
    bundle = Bundle()
    build, needs_space = _builder(deployment)
    for function in (TaskInfo, preprocess_from_json, weights.read_safetensors, *_functions_of(deployment), build):
        bundle.add(function.__module__, function.__qualname__)
    for module, name in (("pathlib", "Path"), ("typing", "Any"), ("torch", "Tensor"), ("torch", "nn")):
        bundle.imports.add(Import(module, name, name))
    definitions = bundle.text()
    preprocess: Any = deployment.preprocess
    postprocess: Any = deployment.postprocess
    encoder = deployment.encoder.to_json()
    encoder.pop("kind")
    constants = {
        "SPEC": (deployment.spec, "the architecture"),
        **({"SPACE_CONFIG": (deployment.space.config(), "settings of the search space")} if needs_space else {}),
        "INFO": (deployment.info.to_json(), "the task"),
        "ENCODER": (encoder, "raw data to the input of the preprocessing"),
        "PREPROCESS": (preprocess.to_json(), "statistics of the training data"),
        "POSTPROCESS": (postprocess.to_json(), "outputs of the network to answers"),
    }
    literals = "\n\n".join(
        f"# {comment}\n{name}: Any = {literal(json.loads(json.dumps(value)))}" for name, (value, comment) in constants.items()
    )
    maker = f"{build.__name__}(**SPACE_CONFIG).build(SPEC, info)" if needs_space else f"{build.__name__}(SPEC, info)"
    parts = [
        f'"""{_header(deployment, sorted(bundle.packages))}"""',
        "\n".join(bundle.import_lines()),
        heading("What was found, and what it was trained on."),
        literals + "\n",
        definitions + "\n",
        heading("Use.") + "\n",
        _use(deployment, maker).strip("\n"),
    ]
    return "\n\n".join(parts) + "\n"


def _functions_of(deployment: Deployment) -> tuple[Any, ...]:
    """What stands before and after the network."""
    if deployment.info.is_text:
        return texts.encode_text, texts.go_on, texts.continued, texts.run_text_command
    encode = rows.encode_rows if isinstance(deployment.encoder, TableEncoder) else images.encode_images
    return answers.answer, answers.run_command, encode


def literal(value: Any, indent: int = 0, taken: int = 8) -> str:
    """Plain data as Python source, broken into lines where it is long."""
    flat = repr(value)
    if len(flat) + indent + taken <= WIDTH or not isinstance(value, (dict, list)):
        return flat
    inner = " " * (indent + 4)
    if isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value):
        lines, line = [], ""
        for item in map(repr, value):
            if line and len(inner) + len(line) + len(item) + 2 > WIDTH:
                lines.append(line)
                line = ""
            line += f" {item}," if line else f"{item},"
        lines.append(line)
    elif isinstance(value, list):
        lines = [f"{literal(item, indent + 4, 1)}," for item in value]
    else:
        lines = [f"{key!r}: {literal(item, indent + 4, len(repr(key)) + 3)}," for key, item in value.items()]
    ends = "[]" if isinstance(value, list) else "{}"
    return f"{ends[0]}\n" + "".join(f"{inner}{line}\n" for line in lines) + " " * indent + ends[1]


def _builder(deployment: Deployment) -> tuple[Any, bool]:
    """What builds the network, and whether it is a space, with its own ``build``, rather than a function."""
    space = deployment.space
    if not hasattr(space, "build"):
        return find_build(space), False
    kind = type(space)
    if "." in kind.__qualname__:
        raise RunError(
            f"model.py cannot be written: the class {kind.__qualname__} of the space {space.name!r} is defined inside a function or class; "
            "move it to the top of its file, or export to format='torch' (model.pt2) instead"
        )
    return kind, True


def _header(deployment: Deployment, packages: list[str]) -> str:
    info = deployment.info
    what = f"one of {len(info.classes)} {'actions' if info.is_control else 'classes'}" if info.is_classification else "a number"
    data, use = (
        (
            "A row is a dict of column name to value, absent or None where missing; a file is a csv table with a header.",
            'predict([{"column": value, ...}]) or predict("rows.csv")',
        )
        if not info.is_image
        else (
            f"An image has the shape {info.input_shape} (channels, height, width), pixels as in training; a file is .npy, or .npz with an "
            "array x.\nImage files (.png, .jpg) must be decoded first: that takes more than torch.",
            'predict(tensor) or predict("images.npz")',
        )
    )
    what = f"{what} for each {'image' if info.is_image else 'row'}"
    if isinstance(deployment.encoder, TextEncoder):
        what, use, data = text_header(info, deployment.encoder)
    name = info.name.replace("\\", "/").replace('"', "'")
    return (
        f"A neural network for the data {name!r}: {what}.\n\n"
        f"Found, trained and written by searchitect {version('searchitect')} (space {deployment.space.name!r}), which it does not need. It needs "
        f"Python 3.11,\n{', '.join(['torch', *packages])}, and the file {WEIGHTS_FILE} beside it.\n\n"
        f"    python {SOURCE_FILE} INPUT [OUTPUT.{'txt' if info.is_text else 'csv'}]\n\n"
        f"    from model import load, encode, predict\n    {use}\n    load()(encode(data))\n\n{data}\n"
    )


def _use(deployment: Deployment, maker: str) -> str:
    info = deployment.info
    if isinstance(deployment.encoder, TextEncoder):
        return TEXT_USE.replace("{build}", maker).replace("{tokens}", str(TOKENS[deployment.encoder.unit]))
    words = {
        "answer": "probabilities [N, classes]" if info.is_classification else "values [N] in the units of the target",
        "build": maker,
        "one": "image" if info.is_image else "row",
        "shares": " and ``probability of ...`` for each class" if info.is_classification else ", in the units of the target",
        "encode": "Images (a tensor, nested lists, an .npy or .npz file) to the input of `load`'s module."
        if info.is_image
        else "Rows (dicts, a csv file) to the input of `load`'s module.",
        "encoder": "encode_images(data, **ENCODER)" if info.is_image else 'encode_rows(data, ENCODER["columns"])',
    }
    text = _USE
    for key, value in words.items():
        text = text.replace("{" + key + "}", value)
    return text


def _check(text: str, deployment: Deployment, folder: Path) -> None:
    """Run the source and compare its module's answers."""
    module = types.ModuleType("model")
    try:
        with torch.random.fork_rng(devices=[]):  # the initial weights are thrown away
            exec(compile(text, SOURCE_FILE, "exec"), module.__dict__)
            model = module.load(folder)
    except Exception as error:  # the user's own code may fail in any way outside its module
        raise RunError(
            f"model.py was not written, since it would fail ({type(error).__name__}: {error}); export to format='torch' (model.pt2) instead"
        ) from error
    inputs = example_inputs(deployment, 8)
    require_equal(run_in_batches(model, inputs), run_in_batches(deployment.module(), inputs), deployment, SOURCE_FILE)
