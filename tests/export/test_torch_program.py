import json
import warnings

import pytest
import torch

from searchitect.core import TaskInfo
from searchitect.export import predict
from searchitect.tasks import encoder_from_json
from tests.export.conftest import Exported


@pytest.mark.parametrize("kind", ["digits", "mixed"])
def test_the_program_answers_as_predict_does(kind: str, request: pytest.FixtureRequest) -> None:
    exported: Exported = request.getfixturevalue(kind)
    files = {"searchitect.json": ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.load(exported.folder / "model.pt2", extra_files=files)
    description = json.loads(files["searchitect.json"])
    assert TaskInfo.from_json(description["info"]) == exported.deployment.info
    encoded = encoder_from_json(description["encoder"]).encode(exported.raw).float()
    expected = predict(exported.deployment, exported.raw).answers
    for rows in (1, len(encoded)):  # any batch size
        torch.testing.assert_close(program.module()(encoded[:rows]), expected[:rows], atol=1e-5, rtol=1e-5)


def test_no_partial_file_is_left(digits: Exported) -> None:
    assert sorted(p.name for p in digits.folder.iterdir()) == [
        "architecture.json",
        "model.onnx",
        "model.pt2",
        "model.py",
        "model.safetensors",
    ]
