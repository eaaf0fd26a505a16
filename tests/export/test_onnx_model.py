"""model.onnx takes raw rows or pixels and answers as `predict` does. Inputs are made here by hand, not by searchitect."""

import builtins
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from searchitect.core import MissingPackageError, RunError, SettingError
from searchitect.export import export_model, predict
from searchitect.tasks.columns import Column
from tests.export.conftest import Exported


def run(exported: Exported, inputs: dict[str, Any]) -> np.ndarray[Any, Any]:
    session = onnxruntime.InferenceSession(exported.folder / "model.onnx", providers=["CPUExecutionProvider"])
    assert {i.name for i in session.get_inputs()} == set(inputs)
    answers: np.ndarray[Any, Any] = session.run(None, inputs)[0]
    return answers


def column(values: Any) -> np.ndarray[Any, Any]:
    return np.asarray(values, dtype=np.float32)[:, None]


def texts(values: pd.Series) -> np.ndarray[Any, Any]:
    return np.array([["" if v is None or v != v else v] for v in values], dtype=object)


@pytest.mark.parametrize("kind", ["digits", "cells"])
def test_images_are_answered_as_by_predict(kind: str, request: pytest.FixtureRequest) -> None:
    exported: Exported = request.getfixturevalue(kind)
    answers = run(exported, {"image": exported.raw.astype(np.float32)})
    expected = predict(exported.deployment, exported.raw).probabilities
    assert expected is not None
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_raw_columns_are_answered_as_by_predict(mixed: Exported) -> None:
    raw: pd.DataFrame = mixed.raw
    built = pd.to_datetime(raw["built"], format="%d.%m.%Y", errors="coerce")
    seen = pd.to_datetime(raw["seen"], format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None)
    price = raw["price"].str.replace(r"[$,% ]", "", regex=True)
    inputs = {
        "size": column(raw["size"].astype(float)),
        "rooms": column(raw["rooms"].astype(float)),
        "price": column(pd.to_numeric(price, errors="coerce")),
        "garden": column(raw["garden"].map({"yes": 1.0, "YES": 5.0, "no": 0.0, "0": 0.0})),
        "town": texts(raw["town"]),
        "agent": texts(raw["agent"]),
    }
    for name, dates in (("built", built), ("seen", seen)):
        inputs |= {
            f"{name}:day": column((dates.dt.normalize() - pd.Timestamp(0)) / pd.Timedelta(days=1)),
            f"{name}:month": column(dates.dt.month),
            f"{name}:weekday": column(dates.dt.day_of_week),
        }
    inputs["seen:hour"] = column((seen - seen.dt.normalize()) / pd.Timedelta(hours=1))
    expected = predict(mixed.deployment, raw).probabilities
    assert expected is not None
    np.testing.assert_allclose(run(mixed, inputs), expected, atol=1e-5)


def test_values_come_in_the_units_of_the_target(regression: Exported) -> None:
    inputs = {str(name): column(values) for name, values in regression.raw.items()}
    answers = run(regression, inputs)
    assert answers.shape == (len(regression.raw),)
    expected = predict(regression.deployment, regression.raw).values
    assert expected is not None
    np.testing.assert_allclose(answers, expected, rtol=1e-5)


def test_the_metadata_say_what_goes_in_and_what_comes_out(mixed: Exported) -> None:
    model = onnx.load(mixed.folder / "model.onnx")
    facts = {p.key: p.value for p in model.metadata_props}
    assert json.loads(facts["classes"]) == ["later", "quickly"]
    assert json.loads(facts["architecture"]) == mixed.deployment.spec
    inputs = json.loads(facts["inputs"])
    assert list(inputs) == [i.name for i in model.graph.input]
    assert inputs["town"] == "text, empty where missing"
    assert "days since 1970" in model.doc_string
    assert [o.name for o in model.graph.output] == ["probabilities"]


def test_names_of_inputs_are_never_empty_nor_equal(mixed: Exported) -> None:
    from searchitect.export.onnx_model import _input_names
    from searchitect.tasks import TableEncoder

    columns = (Column("when", "date"), Column("when:day", "number"), Column("", "text"), Column("encoded", "flag"))
    names = _input_names(TableEncoder(columns))
    assert names == ["when:day", "when:month", "when:weekday", "when:day'", "encoded'", "column 5"]


def test_without_the_packages_the_error_names_the_command(
    digits: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Any] = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError("none", name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingPackageError, match=r"needs the package onnxruntime.*pip install 'searchitect\[onnx\]'"):
        export_model(digits.deployment, tmp_path, "onnx")


class Stubborn(nn.Module):
    """Decides by its data, which no graph can hold."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :10] * (2.0 if x.sum().item() > 0 else 1.0)


@pytest.mark.parametrize(("format", "file"), [("onnx", "model.onnx"), ("torch", "model.pt2")])
def test_a_network_that_cannot_be_traced_is_one_clear_error(format: str, file: str, digits: Exported, tmp_path: Path) -> None:
    deployment = replace(digits.deployment, network=Stubborn())
    with pytest.raises(RunError, match=r"cannot be written as .*data-dependent.*: export to format="):
        export_model(deployment, tmp_path, format)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_answers_differently_is_not_kept(
    regression: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from searchitect.export import onnx_model

    def trace_another(module: nn.Module, example: Tensor, info: Any) -> Any:
        model = onnx.load(regression.folder / "model.onnx")
        assert isinstance(module, nn.Sequential)
        with torch.no_grad():
            module[2].get_buffer("mean").add_(1.0)  # from now on the module is not what was traced
        return onnx.compose.add_prefix(model, "", rename_nodes=False)

    monkeypatch.setattr(onnx_model, "_trace", trace_another)
    monkeypatch.setattr(onnx_model, "_columns_graph", lambda encoder, ir_version: None)
    monkeypatch.setattr(onnx.compose, "merge_models", lambda first, second, **_: onnx.load(regression.folder / "model.onnx"))
    with pytest.raises(RunError, match=r"model\.onnx was not kept: its answers differ .* by 1"):
        export_model(regression.deployment, tmp_path, "onnx")
    assert list(tmp_path.iterdir()) == []


def test_unknown_formats_and_missing_folders_are_refused(digits: Exported, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="unknown format 'onx': did you mean 'onnx'"):
        export_model(digits.deployment, tmp_path, "onx")
    with pytest.raises(RunError, match="does not exist: make it first"):
        export_model(digits.deployment, tmp_path / "none", "onnx")
