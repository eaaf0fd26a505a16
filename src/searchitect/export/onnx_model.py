"""``model.onnx``: raw pixels, or the raw columns of a table, to probabilities or values, in one graph."""

import copy
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from searchitect.core import RunError, TaskInfo, missing_package
from searchitect.export.checks import example_inputs, quiet, reason, require_equal
from searchitect.export.deployment import Deployment
from searchitect.export.onnx_text import OPSET, text_model
from searchitect.export.predictions import run_in_batches
from searchitect.tasks import ImageEncoder, TableEncoder

ONNX_FILE: Final = "model.onnx"
ML_OPSET: Final = 3  # of ai.onnx.ml, for LabelEncoder
UNSEEN: Final = "\x1funseen"  # a text that no vocabulary holds


def export_onnx(deployment: Deployment, folder: Path) -> Path:
    """Write ``model.onnx``, checked in ONNX Runtime against the module.

    Inputs, each with a batch of any size N: of images ``image``, float32 [N, C, H, W], pixels as in training; of tables one per
    column, by its name: numbers and flags float32 [N, 1] (NaN where missing), texts string [N, 1] ("" where missing), and of dates
    one number per part, ``name:day`` (days since 1970, in UTC), ``name:month``, ``name:weekday`` (Monday is 0) and, with times,
    ``name:hour``.
    Of a text ``token`` and ``state``, see `searchitect.export.onnx_text`.
    Output: ``probabilities`` float32 [N, classes] or ``value`` [N]. Classes and inputs are described in the model's metadata.

    Raises:
        MissingPackageError: without onnx, onnxscript and onnxruntime.
        RunError: where the network cannot be exported, or answers differently.
    """
    onnx = _require_onnx()
    if deployment.info.is_text:
        return write_model(text_model(deployment), folder)
    module = copy.deepcopy(deployment.module()).cpu()
    try:
        model = _trace(module, example_inputs(deployment, 3), deployment.info)
        if isinstance(deployment.encoder, TableEncoder):
            model = onnx.compose.merge_models(
                _columns_graph(deployment.encoder, model.ir_version),
                onnx.compose.add_prefix(model, "network/", rename_outputs=False),
                io_map=[("encoded", "network/encoded")],
                doc_string=model.doc_string,
            )
        _describe(model, deployment)
        onnx.checker.check_model(model)
    except Exception as error:  # the exporter fails in many ways on networks that it cannot trace
        raise RunError(
            f"this network cannot be written as ONNX ({reason(error)}): export to format='torch' or 'python' instead"
        ) from error
    content = model.SerializeToString()
    _check(content, module, deployment)
    return write_model(content, folder)


def write_model(content: bytes, folder: Path) -> Path:
    """Write ``model.onnx``, whole or not at all. Raises `RunError` where that fails."""
    path = folder / ONNX_FILE
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"cannot write {str(path)!r} ({error}): free some space or choose another folder") from None
    return path


def onnx_inputs(deployment: Deployment, encoded: Tensor) -> dict[str, NDArray[Any]]:
    """The inputs of ``model.onnx`` that mean the same as ``encoded`` rows or images [N, ...]."""
    encoder = deployment.encoder
    if not isinstance(encoder, TableEncoder):
        return {"image": encoded.to(torch.float32).numpy()}
    names = _input_names(encoder)
    inputs: dict[str, NDArray[Any]] = {
        name: encoded[:, j : j + 1].numpy() for j, name in enumerate(names[: len(encoder.numeric_names)])
    }
    for j, column in enumerate(encoder.text_columns, start=len(encoder.numeric_names)):
        texts = ["", *column.vocabulary, *([UNSEEN] if column.has_other else [])]
        inputs[names[j]] = np.array([[texts[int(code)]] for code in encoded[:, j].tolist()], dtype=object)
    return inputs


def _require_onnx() -> Any:
    try:
        import onnx
        import onnx.compose
        import onnxruntime  # noqa: F401 - for the check
        import onnxscript  # noqa: F401 - torch's exporter needs it
    except ImportError as error:
        raise missing_package(error.name or "onnx", "onnx", "export to ONNX") from None
    return onnx


def _trace(module: nn.Module, example: Tensor, info: TaskInfo) -> Any:
    with quiet():
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            input_names=["image" if info.is_image else "encoded"],
            output_names=["probabilities" if info.is_classification else "value"],
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _input_names(encoder: TableEncoder) -> list[str]:
    """The names of the graph's inputs, in the order of the encoded columns; all different."""
    names: list[str] = []
    for column in encoder.columns:
        parts = [part.removeprefix(f"{column.name} ") for part in column.numeric_names]
        names += [f"{column.name}:{part}" for part in parts] if column.kind == "date" else list(column.numeric_names)
    names += [column.name for column in encoder.text_columns]
    unique: list[str] = []
    for place, name in enumerate(names):
        given = name or f"column {place}"
        while given in unique or given == "encoded":
            given += "'"
        unique.append(given)
    return unique


def _columns_graph(encoder: TableEncoder, ir_version: int) -> Any:
    """The graph from raw columns to ``encoded`` [N, columns]: as `TableEncoder.encode`, with dates already in parts."""
    from onnx import TensorProto, helper

    nodes, inputs, ready = [], [], []
    kinds = {name: c for c in encoder.columns for name in c.numeric_names}
    names = _input_names(encoder)
    if encoder.numeric_names:
        nodes.append(helper.make_node("Constant", [], ["columns/nan"], value_float=float("nan")))
    if any(column.kind == "flag" for column in encoder.columns):
        nodes.append(helper.make_node("Constant", [], ["columns/zero"], value_float=0.0))
    for j, numeric in enumerate(encoder.numeric_names):
        name, to = names[j], f"columns/{j}"
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1]))
        source = name
        if kinds[numeric].kind == "flag":  # any number but 0 is true
            nodes.append(helper.make_node("Equal", [name, "columns/zero"], [f"{to}/is_zero"]))
            nodes.append(helper.make_node("Not", [f"{to}/is_zero"], [f"{to}/is_true"]))
            nodes.append(helper.make_node("Cast", [f"{to}/is_true"], [f"{to}/flag"], to=TensorProto.FLOAT))
            source = f"{to}/flag"
        nodes.append(helper.make_node("IsNaN", [name], [f"{to}/is_nan"]))
        nodes.append(helper.make_node("IsInf", [name], [f"{to}/is_infinite"]))
        nodes.append(helper.make_node("Or", [f"{to}/is_nan", f"{to}/is_infinite"], [f"{to}/is_missing"]))
        nodes.append(helper.make_node("Where", [f"{to}/is_missing", "columns/nan", source], [to]))
        ready.append(to)
    for j, column in enumerate(encoder.text_columns, start=len(encoder.numeric_names)):
        inputs.append(helper.make_tensor_value_info(names[j], TensorProto.STRING, ["batch", 1]))
        texts = ["", *column.vocabulary]
        nodes.append(
            helper.make_node(
                "LabelEncoder",
                [names[j]],
                [f"columns/{j}"],
                domain="ai.onnx.ml",
                keys_strings=texts,
                values_floats=[float(code) for code in range(len(texts))],
                default_float=float(len(texts)) if column.has_other else 0.0,
            )
        )
        ready.append(f"columns/{j}")
    nodes.append(helper.make_node("Concat", ready, ["encoded"], axis=1))
    output = helper.make_tensor_value_info("encoded", TensorProto.FLOAT, ["batch", len(ready)])
    graph = helper.make_graph(nodes, "columns", inputs, [output])
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def _describe(model: Any, deployment: Deployment) -> None:
    from onnx import helper

    info, encoder = deployment.info, deployment.encoder
    if isinstance(encoder, TableEncoder):
        numeric = len(encoder.numeric_names)
        inputs = {
            name: "number, NaN where missing" if j < numeric else "text, empty where missing"
            for j, name in enumerate(_input_names(encoder))
        }
    else:
        assert isinstance(encoder, ImageEncoder)
        pixels = "any finite numbers" if encoder.is_float else "whole numbers in 0..255"
        inputs = {"image": f"float32 [N, {', '.join(map(str, info.input_shape))}], pixels as in training ({pixels})"}
    helper.set_model_props(
        model,
        {
            "task": info.kind,
            "data": info.name,
            "classes": json.dumps(info.classes, ensure_ascii=False),
            "inputs": json.dumps(inputs, ensure_ascii=False),
            "space": deployment.space.name,
            "architecture": json.dumps(deployment.spec, ensure_ascii=False),
            "searchitect": version("searchitect"),
        },
    )
    model.producer_name, model.producer_version = "searchitect", version("searchitect")
    answer = "probabilities of the classes in the metadata" if info.is_classification else "a value in the units of the target"
    dates = (
        " Dates come as parts: name:day is days since 1970-01-01 (UTC), name:weekday is 0 on Mondays."
        if not info.is_image
        else ""
    )
    model.doc_string = f"A network for the data {info.name!r}. It gives {answer}. Inputs are described in the metadata.{dates}"


def _check(content: bytes, module: nn.Module, deployment: Deployment) -> None:
    """Compare with the module, for batches of one and of several rows."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        results = []
        for rows in (1, 16):
            inputs = example_inputs(deployment, rows, seed=rows)
            answers = session.run(None, onnx_inputs(deployment, inputs))[0]
            results.append((torch.from_numpy(answers), run_in_batches(module, inputs)))
    except Exception as error:  # ONNX Runtime's own errors share no base class
        raise RunError(
            f"model.onnx was not kept: ONNX Runtime cannot run it ({reason(error)}); export to format='torch' or 'python' instead"
        ) from error
    for answers, expected in results:
        require_equal(answers, expected, deployment, ONNX_FILE)
