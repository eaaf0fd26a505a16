"""A network through ONNX."""

import pytest
import torch
from torch import Tensor, nn


def onnx_answers(network: nn.Module, x: Tensor) -> Tensor:
    """What onnxruntime computes from ``x`` [N, ...], after an export with another number of rows."""
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    from searchitect.export.checks import quiet

    with quiet():
        program = torch.onnx.export(
            network.eval(),
            (torch.cat([x, x]),),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            input_names=["x"],
            verbose=False,
        )
    assert program is not None
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"x": x.numpy()})[0])
