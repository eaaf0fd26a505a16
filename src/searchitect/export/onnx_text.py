"""``model.onnx`` of a language model: one step in time, with the state as input and output."""

import json
from importlib.metadata import version
from typing import Any, Final

import torch

from searchitect.core import RunError
from searchitect.export.checks import quiet, reason, require_equal
from searchitect.export.deployment import Deployment
from searchitect.export.text_step import TextStep, step_inputs, text_step

OPSET: Final = 20


def text_model(deployment: Deployment) -> bytes:
    """The content of ``model.onnx``, checked in ONNX Runtime against the network.

    Inputs, for N texts at a time: ``token`` int64 [N] and ``state`` float32 [N, width], zeros before the first token.
    Outputs: ``probabilities`` of the next token float32 [N, vocabulary], and ``next_state`` [N, width]. The vocabulary, in the order
    of the codes, is in the model's metadata.

    Raises:
        RunError: where the network cannot be exported, or answers differently.
    """
    import onnx

    step = text_step(deployment)
    try:
        with quiet():
            batch = torch.export.Dim("batch", min=1)
            program = torch.onnx.export(
                step,
                step_inputs(step, 3),
                dynamo=True,
                external_data=False,
                opset_version=OPSET,
                dynamic_shapes=({0: batch}, {0: batch}),
                input_names=["token", "state"],
                output_names=["probabilities", "next_state"],
                verbose=False,
            )
        assert program is not None
        model = program.model_proto
        _describe(model, deployment, step)
        onnx.checker.check_model(model)
    except Exception as error:  # the exporter fails in many ways on networks that it cannot trace
        raise RunError(
            f"this network cannot be written as ONNX ({reason(error)}): export to format='torch' or 'python' instead"
        ) from error
    content: bytes = model.SerializeToString()
    _check(content, step, deployment)
    return content


def _describe(model: Any, deployment: Deployment, step: TextStep) -> None:
    from onnx import helper

    encoder = deployment.encoder.to_json()
    inputs = {
        "token": "int64 [N]: the code of a token, its place in the vocabulary",
        "state": f"float32 [N, {step.width}]: zeros before the first token, then next_state of the token before",
    }
    helper.set_model_props(
        model,
        {
            "task": deployment.info.kind,
            "data": deployment.info.name,
            "unit": encoder["unit"],
            "vocabulary": json.dumps(encoder["vocabulary"], ensure_ascii=False),
            "inputs": json.dumps(inputs, ensure_ascii=False),
            "space": deployment.space.name,
            "architecture": json.dumps(deployment.spec, ensure_ascii=False),
            "searchitect": version("searchitect"),
        },
    )
    model.producer_name, model.producer_version = "searchitect", version("searchitect")
    model.doc_string = (
        f"A language model for the text {deployment.info.name!r}, one token at a time. It gives the probability of each token of the "
        "vocabulary to come next. Inputs are described in the metadata."
    )


def _check(content: bytes, step: TextStep, deployment: Deployment) -> None:
    """Compare with the network, for batches of one and of several texts."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        for rows in (1, 16):
            token, state = step_inputs(step, rows, seed=rows)
            found = session.run(None, {"token": token.numpy(), "state": state.numpy()})
            with torch.inference_mode():
                for answers, expected in zip(found, step(token, state), strict=True):
                    require_equal(torch.from_numpy(answers), expected, deployment, "model.onnx")
    except RunError:
        raise
    except Exception as error:  # ONNX Runtime's own errors share no base class
        raise RunError(
            f"model.onnx was not kept: ONNX Runtime cannot run it ({reason(error)}); export to format='torch' or 'python' instead"
        ) from error
